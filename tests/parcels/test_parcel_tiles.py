"""The register as tiles: the same land whatever the engine, only the caller's, and what no tile may hold."""

from __future__ import annotations

import secrets
import subprocess
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import mapbox_vector_tile
import numpy as np
import pytest
import shapely
import sqlalchemy as sa
from alembic import command
from parcel_house import NOW, actor, prepare_parcels
from postgis_house import postgis_database, psql

from carbon_platform.db import Database
from carbon_platform.errors import NotFound
from carbon_platform.migrate import alembic_config
from carbon_platform.parcels import spatial, tiles
from carbon_platform.parcels.candidates import candidates, index_boxes
from carbon_platform.parcels.history_tables import SNAPSHOT, ParcelEvent
from carbon_platform.parcels.register import in_scope
from carbon_platform.parcels.tables import Parcel, ParcelImport
from carbon_platform.parcels.tiles import Label, Wanted
from gis.counties import county_geometry
from gis.measure import ellipsoidal_area_m2
from gis.tiles import Tile, tile_bounds

CITY, GUANGSHAN = actor("4115"), actor("411522")
COUNTIES = ("411522", "411523", "411502")
KINDS = ("camellia", "tea", "rice")
DOWN = {"y_coord_down": True}


def made_land() -> list[dict[str, Any]]:
    """Ninety parcels in three counties: rows of wavy fields that share borders, one in six ended."""
    rng = np.random.default_rng(5)
    found = []
    for county in COUNTIES:
        middle = shapely.point_on_surface(county_geometry(county))
        for place in range(30):
            x, y = middle.x + 0.004 * (place % 6), middle.y + 0.003 * (place // 6)
            ring = [(x, y), (x + 0.004, y), (x + 0.004, y + 0.003), (x + 0.0013, y + 0.0027), (x, y + 0.003)]
            shape = shapely.Polygon(ring)
            if place % 7 == 0:
                far = shapely.box(x, y - 0.02, x + 0.001, y - 0.019)
                shape = shapely.MultiPolygon([shape, far])
            if place % 11 == 0:
                shape = shapely.difference(shape, shapely.box(x + 0.001, y + 0.001, x + 0.002, y + 0.002))
            [area_m2] = ellipsoidal_area_m2([shape])
            west, south, east, north = shape.bounds
            found.append(
                {
                    "code": f"{county}-100-001-{place:04d}",
                    "kind": KINDS[int(rng.integers(3))],
                    "county_code": county,
                    "township_code": f"{county}{100 + place % 2}",
                    "village_code": f"{county}100001",
                    "area_m2": float(area_m2),
                    "stated_area_m2": None,
                    "species_code": "",
                    "land_class_code": "",
                    "planting_year": None,
                    "right_holder": "不该出现的人",
                    "attributes": {"secret": "不该出现"},
                    "geometry": shape.wkb,
                    "source_geometry": shape.wkb,
                    "source_epsg": 4490,
                    "min_lon": west,
                    "min_lat": south,
                    "max_lon": east,
                    "max_lat": north,
                    "status": "ended" if place % 6 == 5 else "registered",
                    "valid_from": date(2026, 1, 1),
                    "valid_to": None,
                    "import_id": 1,
                }
            )
    return found


def fill(db: Database) -> None:
    def work(session: Any) -> None:
        session.add(
            ParcelImport(
                id=1, file_name="a.zip", file_sha256="0", region_code="4115", kind="tea", family="A",
                encoding="GBK", epsg=4490, crs_origin="", layer="", notes=[], counts={}, seen_parcel_id=0,
                status="accepted", uploaded_by="t", uploaded_at=NOW, accepted_by="t", accepted_at=NOW,
            )
        )  # fmt: skip
        session.flush()
        land = made_land()
        ids = list(
            session.scalars(sa.insert(Parcel).returning(Parcel.id, sort_by_parameter_order=True), land)
        )
        index_boxes(
            session,
            (
                (number, (row["min_lon"], row["min_lat"], row["max_lon"], row["max_lat"]))
                for number, row in zip(ids, land, strict=True)
            ),
        )
        note(session, session.get(Parcel, ids[0]))

    db.transact(work)


def note(session: Any, parcel: Parcel) -> None:
    """An event of a parcel, as every change writes one."""
    version = session.scalar(sa.select(sa.func.count()).where(ParcelEvent.parcel_id == parcel.id)) + 1
    session.add(
        ParcelEvent(
            parcel_id=parcel.id,
            version=version,
            kind="registered" if version == 1 else "corrected",
            effective_on=date(2026, 1, 1),
            import_id=1,
            reason="",
            recorded_by="t",
            recorded_at=NOW,
            parcel_kind=parcel.kind,
            **{name: getattr(parcel, name) for name in SNAPSHOT},
        )
    )
    session.flush()


def prepare_postgis(url: str) -> None:
    prepare_parcels(url)
    db = Database(url)
    with db.engine.begin() as connection:
        assert spatial.add_column(connection)
        assert spatial.add_column(connection)  # a second time changes nothing
    db.dispose()


@pytest.fixture
def land(engine_name: str, fresh_database: Callable[..., str]) -> Iterator[Database]:
    db = Database(fresh_database(engine_name, prepare_parcels))
    fill(db)
    yield db
    db.dispose()


@pytest.fixture(scope="module")
def postgis() -> Iterator[Database]:
    with postgis_database() as url:
        prepare_postgis(url)
        db = Database(url)
        fill(db)
        yield db
        db.dispose()


def tile_at(county: str, z: int) -> Tile:
    """The tile amid the land of a county; its corner lies there too, so that its margins cut fields."""
    middle = shapely.point_on_surface(county_geometry(county))
    lon, lat, n = middle.x + 0.012, middle.y + 0.008, 2**z
    down = 0.5 - np.arcsinh(np.tan(np.radians(lat))) / (2 * np.pi)
    return Tile(z, int((lon / 360 + 0.5) * n), int(down * n))


def read(db: Database, who: Any, wanted: Wanted, labels: tuple[Label, ...] = ()) -> dict[str, Any]:
    data = db.read(lambda session: tiles.parcel_tile(session, who, wanted, labels=labels))
    found: dict[str, Any] = mapbox_vector_tile.decode(data, default_options=DOWN)
    return {name: layer["features"] for name, layer in found.items()}


def expected(db: Database, tile: Tile, prefix: str, status: str = "registered") -> set[str]:
    """Codes of the land that meets the tile with its margin, by shapely alone."""
    frame = shapely.box(*tile_bounds(tile))
    with db.engine.connect() as connection:
        rows = connection.execute(sa.select(Parcel.code, Parcel.geometry, Parcel.status)).all()
    return {
        row.code
        for row in rows
        if row.code.startswith(prefix)
        and row.status == status
        and shapely.from_wkb(row.geometry).intersects(frame)
    }


def codes(features: list[Any]) -> set[str]:
    return {feature["properties"]["code"] for feature in features}


@pytest.mark.parametrize("z", [11, 12, 14, 16])
def test_a_tile_holds_the_land_that_lies_on_it_and_nothing_of_people(land: Database, z: int) -> None:
    tile = tile_at("411522", z)
    features = read(land, CITY, Wanted(tile))["parcels"]
    assert codes(features) == expected(land, tile, "") != set()
    for feature in features:
        assert set(feature["properties"]) == {"code", "kind", "status"}
        assert feature["geometry"]["type"] in {"Polygon", "MultiPolygon"}
    ended = read(land, CITY, Wanted(tile_at("411522", 11), status="ended"))["parcels"]
    assert codes(ended) == expected(land, tile_at("411522", 11), "", status="ended")
    both = read(land, CITY, Wanted(tile_at("411522", 11), status=""))["parcels"]
    assert len(both) == len(ended) + len(read(land, CITY, Wanted(tile_at("411522", 11)))["parcels"])
    tea = read(land, CITY, Wanted(tile, kind="tea")).get("parcels", [])
    assert codes(tea) == {f["properties"]["code"] for f in features if f["properties"]["kind"] == "tea"}


def test_another_county_s_officer_sees_nothing_of_it(land: Database) -> None:
    for z in (6, 8, 9, 10, 11, 13):
        whole = read(land, CITY, Wanted(tile_at("411523", z)))
        own = read(land, GUANGSHAN, Wanted(tile_at("411523", z)))
        assert whole
        text = repr(own)
        assert "411523" not in text
        assert "411502" not in text
    assert read(land, actor(""), Wanted(tile_at("411522", 12))) == {}


def test_numbers_of_the_region_are_those_of_the_register(land: Database) -> None:
    with land.engine.connect() as connection:
        rows = connection.execute(
            sa.select(Parcel.township_code, Parcel.kind, sa.func.count(), sa.func.sum(Parcel.area_m2))
            .where(Parcel.status == "registered", in_scope(Parcel.county_code, CITY))
            .group_by(Parcel.township_code, Parcel.kind)
        ).all()
    for z, width in ((4, 6), (8, 6), (9, 9), (10, 9)):
        seen: dict[str, Any] = {}
        for county in COUNTIES:
            found = read(land, CITY, Wanted(tile_at(county, z)))
            assert set(found) == ({"counties", "places"} if z <= 8 else {"places"})
            for feature in found["places"]:
                assert feature["geometry"]["type"] == "Point"
                seen[feature["properties"]["code"]] = feature["properties"]
            for feature in found.get("counties", []):
                code = feature["properties"]["code"]
                assert feature["properties"] == seen.get(code, feature["properties"])
        wanted = {row.township_code[:width] for row in rows}
        assert set(seen) <= wanted
        assert {code for code in seen if code.startswith("411522")} == {
            code for code in wanted if code.startswith("411522")
        }
        for code, said in seen.items():
            of_place = [row for row in rows if row.township_code.startswith(code)]
            assert said["parcels"] == sum(row.count for row in of_place)
            assert said["area_m2"] == round(sum(row[3] for row in of_place))
            for kind in KINDS:
                assert said.get(kind, 0) == sum(row.count for row in of_place if row.kind == kind)
            assert said["level"] == ("county" if z <= 8 else "township")
    assert seen["411522100"]["name_zh"] not in ("", None)


def test_numbers_and_version_follow_every_change(land: Database) -> None:
    tile = Wanted(tile_at("411522", 8))

    def parcels() -> int:
        features = read(land, GUANGSHAN, tile)["places"]
        return sum(feature["properties"]["parcels"] for feature in features)

    before, version = parcels(), land.read(tiles.data_version)

    def end_one(session: Any) -> None:
        parcel = session.scalar(sa.select(Parcel).where(Parcel.code == "411522-100-001-0000"))
        parcel.status = "ended"
        note(session, parcel)

    land.transact(end_one)
    assert land.read(tiles.data_version) > version
    assert parcels() == before - 1


def test_labels_are_written_where_there_are_some(land: Database) -> None:
    tile = tile_at("411522", 12)
    first, second, *_, last = sorted(expected(land, tile, ""))
    some = sa.select(Parcel.id, sa.literal("XY-P0001")).where(Parcel.code <= second)
    more = sa.select(Parcel.id, sa.literal("XY-P0009")).where(Parcel.code == second)
    label = Label("project", sa.union_all(some, more).subquery().select())
    found = read(land, CITY, Wanted(tile), (label,))["parcels"]
    said = {feature["properties"]["code"]: feature["properties"].get("project") for feature in found}
    assert (said[first], said[second], said[last]) == ("XY-P0001", "XY-P0009", None)


def test_a_tile_that_is_none(land: Database) -> None:
    for tile in (Tile(2, 4, 0), Tile(23, 0, 0)):
        with pytest.raises(NotFound):
            read(land, CITY, Wanted(tile))


def test_moved_land_is_found_where_it_went(land: Database) -> None:
    """The index of boxes follows a corrected border, on SQLite too."""
    box = (113.8, 31.4, 113.81, 31.41)

    def move(session: Any) -> int:
        parcel = session.scalars(sa.select(Parcel).limit(1)).one()
        parcel.geometry = shapely.box(*box).wkb
        parcel.min_lon, parcel.min_lat, parcel.max_lon, parcel.max_lat = box
        session.flush()
        index_boxes(session, [(parcel.id, box)])
        return parcel.id

    moved = land.transact(move)
    assert land.read(lambda session: candidates(session, box)) == [moved]
    assert moved not in land.read(lambda session: candidates(session, (114.5, 31.5, 115.5, 32.3)))


# --- PostGIS --------------------------------------------------------------------------------------


@pytest.mark.postgis
@pytest.mark.parametrize("z", [11, 12, 13, 15])
def test_postgis_draws_the_same_tiles(land: Database, postgis: Database, z: int) -> None:
    assert postgis.read(spatial.has_postgis)
    assert not land.read(spatial.has_postgis)
    compared = 0
    for county in COUNTIES:
        start = tile_at(county, z)
        for dx in range(2):
            tile = Tile(z, start.x + dx, start.y - dx)
            label = Label("project", sa.select(Parcel.id, Parcel.kind).where(Parcel.kind == "tea"))
            ours = read(land, CITY, Wanted(tile, status=""), (label,)).get("parcels", [])
            theirs = read(postgis, CITY, Wanted(tile, status=""), (label,)).get("parcels", [])
            assert [f["id"] for f in ours] == [f["id"] for f in theirs]  # the largest first on both
            for one, other in zip(ours, theirs, strict=True):
                assert one["properties"] == other["properties"]
                a, b = (shapely.geometry.shape(f["geometry"]) for f in (one, other))
                assert shapely.symmetric_difference(a, b).area <= 0.6 * a.length + 2
                compared += 1
    assert compared >= 20


@pytest.mark.postgis
def test_postgis_finds_the_same_candidates(land: Database, postgis: Database) -> None:
    rng = np.random.default_rng(3)
    by_shape = sa.text(
        "SELECT id FROM parcel WHERE ST_Envelope(shape) && ST_MakeEnvelope(:w, :s, :e, :n, 4490) ORDER BY id"
    )
    met = 0
    for _ in range(60):
        code = COUNTIES[int(rng.integers(3))]
        middle = shapely.point_on_surface(county_geometry(code))
        west, south = middle.x + rng.uniform(-0.03, 0.03), middle.y + rng.uniform(-0.03, 0.03)
        box = (west, south, west + rng.uniform(0, 0.02), south + rng.uniform(0, 0.02))
        ours = land.read(lambda session, box=box: candidates(session, box))
        indexed = postgis.read(lambda session, box=box: candidates(session, box))
        values = dict(zip("wsen", box, strict=True))
        theirs = postgis.read(lambda session, v=values: list(session.scalars(by_shape, v)))
        assert ours == indexed == theirs
        met += len(ours)
    assert met > 100


@pytest.mark.postgis
def test_a_map_program_reads_land_and_no_people(postgis: Database) -> None:
    with postgis.engine.begin() as connection:
        listed = connection.exec_driver_sql(
            "SELECT f_table_name, f_geometry_column, srid, type FROM geometry_columns ORDER BY 1"
        ).all()
        assert [tuple(row) for row in listed] == [
            ("parcel", "shape", 4490, "MULTIPOLYGON"),
            ("parcel_map", "shape", 4490, "MULTIPOLYGON"),
        ]
        names = set(connection.exec_driver_sql("SELECT * FROM parcel_map LIMIT 1").keys())
        assert not names & {"right_holder", "attributes", "geometry", "source_geometry", "import_id"}
        differing = connection.exec_driver_sql(
            "SELECT count(*) FROM parcel WHERE NOT ST_Equals(shape, ST_GeomFromWKB(geometry, 4490))"
        ).scalar_one()
        assert differing == 0
        connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        asked = "SELECT id FROM parcel WHERE shape && ST_MakeEnvelope(114.5, 31.9, 114.6, 32, 4490)"
        plan = "\n".join(connection.exec_driver_sql(f"EXPLAIN {asked}").scalars())
        assert spatial.INDEX in plan
    with postgis.engine.connect() as connection, pytest.raises(sa.exc.DBAPIError):
        connection.exec_driver_sql("UPDATE parcel SET shape = NULL")


@pytest.mark.postgis
def test_the_column_comes_with_the_extension_goes_down_and_up_and_is_no_difference() -> None:
    with postgis_database(extension=False) as url:
        config = alembic_config(url)
        command.upgrade(config, "0011")
        db = Database(url)
        with db.engine.begin() as connection:
            assert not spatial.add_column(connection)
            assert not spatial.has_column(connection)
        psql("CREATE EXTENSION postgis;", sa.make_url(url).database)
        with db.engine.begin() as connection:
            assert spatial.add_column(connection)
        command.downgrade(config, "0010")
        with db.engine.connect() as connection:
            assert not spatial.has_column(connection)
            assert connection.scalar(sa.text("SELECT to_regclass('parcel_map')")) is None
        command.upgrade(config, "head")
        with db.engine.connect() as connection:
            assert spatial.has_column(connection)
        command.check(config)
        db.dispose()


@pytest.mark.postgis
def test_the_reader_of_the_map_reads_nothing_else(postgis: Database) -> None:
    reader = f"reader_{secrets.token_hex(4)}"
    psql(f"CREATE ROLE {reader};")
    address = sa.make_url(postgis.url)
    try:
        with postgis.engine.begin() as connection:
            for statement in spatial.map_grants(connection, reader):
                connection.exec_driver_sql(statement)
            with pytest.raises(NotFound):
                spatial.map_grants(connection, 'nobody"; DROP TABLE parcel; --')
        as_reader = f"SET ROLE {reader}; SELECT count(*) FROM "
        assert psql(as_reader + "parcel_map;", address.database).strip() == "90"
        for table in ("parcel", "parcel_event", "region"):
            with pytest.raises(subprocess.CalledProcessError) as refused:
                psql(as_reader + f"{table};", address.database)
            assert "permission denied" in refused.value.stderr
    finally:
        psql(f"DROP OWNED BY {reader};", address.database)
        psql(f"DROP ROLE {reader};")
