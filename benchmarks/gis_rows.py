"""G1 to G4: each row is a work of the product and its bare peer, done in turns."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Callable
from typing import Any

import mapbox_vector_tile
import numpy as np
import shapely
import sqlalchemy as sa
from sqlalchemy.orm import Session

from benchmarks.gis_import import Upload
from benchmarks.gis_land import made_land
from benchmarks.measure import Row, compare, repeat, repeat_prepared
from carbon_platform.credits.land_labels import labels_version, land_labels
from carbon_platform.db import Database
from carbon_platform.identity.rules import PERMISSIONS, Actor
from carbon_platform.parcels import tiles
from carbon_platform.parcels.taken import taken_land
from carbon_platform.parcels.tiles import Wanted
from gis.crs import to_plane
from gis.overlap import DEFAULT, INTERIORS_MEET, self_overlaps
from gis.tiles import EXTENT, Tile, tile_bounds, to_units

ACTOR = Actor("benchmark", "forestry_officer", PERMISSIONS["forestry_officer"], "4115")
_NEAR = (
    "SELECT p.geometry FROM parcel_box AS b JOIN parcel AS p ON p.id = b.id WHERE b.max_lon >= ? "
    "AND b.max_lat >= ? AND b.min_lon <= ? AND b.min_lat <= ? AND p.status = 'registered'"
)


def whole_import(upload: Upload, rounds: int) -> Row:
    """G1: upload, report, acceptance, against the bare steps one after the other."""
    row = Row(
        "G1",
        f"{upload.rows:,} 小班 from a zipped GBK shapefile into the register ÷ the bare steps",
        0.5,
        0.75,
    )
    work = repeat_prepared(upload.fresh, upload.product)
    compare(row, work, repeat_prepared(upload.fresh, upload.bare), rounds=rounds, seconds=0.1, profile=work)
    row.note = upload.note
    return row


def one_new_parcel(database: Database, parcels: int, rounds: int, seconds: float) -> Row:
    """G2: one shape against the register, each in a read of its own, against sqlite3 and shapely."""
    path = str(sa.make_url(database.url).database)
    connection = sqlite3.connect(path)
    shapes = _new_shapes(connection, parcels)
    turn, other = itertools.cycle(shapes), itertools.cycle(shapes)

    def product() -> int:
        shape = next(turn)
        database.read(lambda session: taken_land(session, shape, DEFAULT))
        return 1

    def bare() -> int:
        _bare_check(connection, next(other))
        return 1

    met = 0
    for shape in shapes:
        found = database.read(lambda session, shape=shape: taken_land(session, shape, DEFAULT))
        again = _bare_check(connection, shape)
        if not np.allclose(sorted(one.area_m2 for one in found), np.sort(again), atol=0.01):
            raise RuntimeError("the check and the bare script find other land")
        met += len(found)
    row = Row("G2", f"one new parcel against {parcels:,} registered ÷ bare R*Tree query + shapely", 0.5, 0.8)
    row.note = f"{met / len(shapes):.1f} parcels met by each; shared m² equal; both to the plane for the m²"
    compare(row, repeat(product), repeat(bare), rounds=rounds, seconds=seconds, profile=repeat(product))
    connection.close()
    return row


def _new_shapes(connection: sqlite3.Connection, parcels: int) -> list[Any]:
    """Registered fields, moved a little: what somebody might draw."""
    numbers = np.random.default_rng(7).integers(1, parcels, 400).tolist()
    wkb = [
        connection.execute("SELECT geometry FROM parcel WHERE id = ?", (n,)).fetchone()[0] for n in numbers
    ]
    shapes = shapely.from_wkb(wkb)
    widths = np.ptp(shapely.bounds(shapes)[:, [0, 2]], axis=1)
    return [
        shapely.transform(shape, lambda xy, d=width / 4: np.add(xy, (d, d)))
        for shape, width in zip(shapes, widths, strict=True)
    ]


def _bare_check(connection: sqlite3.Connection, shape: Any) -> Any:
    west, south, east, north = shape.bounds
    rows = connection.execute(_NEAR, (west, south, east, north)).fetchall()
    plane = to_plane([shape, *shapely.from_wkb([row[0] for row in rows])])
    new, near = plane[0], plane[1:]
    near = near[shapely.relate_pattern(near, new, INTERIORS_MEET)]
    return shapely.area(shapely.intersection(near, new))


def self_overlap(parcels: int, rounds: int) -> Row:
    """G3: all pairs of a layer, measured and classed, against finding them only."""
    plane = made_land(parcels).plane
    plane = np.where(shapely.is_valid(plane), plane, shapely.make_valid(plane, method="structure"))

    def bare_pairs() -> tuple[Any, Any]:
        left, right = shapely.STRtree(plane).query(plane)
        left, right = left[left < right], right[left < right]
        meet = shapely.relate_pattern(plane[left], plane[right], INTERIORS_MEET)
        return left[meet], right[meet]

    def product() -> int:
        self_overlaps(plane)
        return parcels

    def bare() -> int:
        bare_pairs()
        return parcels

    found, (left, right) = self_overlaps(plane), bare_pairs()
    if set(zip(found["left"], found["right"], strict=True)) != set(
        zip(left.tolist(), right.tolist(), strict=True)
    ):
        raise RuntimeError("other pairs than the bare script's")
    row = Row("G3", f"self-overlap of {parcels:,} parcels ÷ bare STRtree + relate_pattern", 0.7, 0.9)
    row.note = f"{len(found):,} pairs found, the same ones; the product also measures and classes them"
    return compare(row, repeat(product), repeat(bare), rounds=rounds, seconds=0.1, profile=repeat(product))


def tile_by_shapely(database: Database, rounds: int, seconds: float) -> Row:
    """G4 on SQLite: a tile of zoom 12 against mapbox-vector-tile as its manual shows it."""
    connection = sqlite3.connect(str(sa.make_url(database.url).database))
    places = _tiles()

    def bare_tile(tile: Tile) -> bytes:
        bounds = tile_bounds(tile)
        rows = connection.execute(
            "SELECT p.id, p.code, p.kind, p.status, p.geometry FROM parcel_box AS b "
            "JOIN parcel AS p ON p.id = b.id WHERE b.max_lon >= ? AND b.max_lat >= ? AND b.min_lon <= ? "
            "AND b.min_lat <= ? AND p.status = 'registered'",
            bounds,
        ).fetchall()
        shapes = shapely.from_wkb([row[4] for row in rows])
        features = [
            {
                "geometry": shape,
                "id": row[0],
                "properties": {"code": row[1], "kind": row[2], "status": row[3]},
            }
            for row, shape in zip(rows, shapely.transform(shapes, lambda xy: to_units(xy, tile)), strict=True)
        ]
        options = {"y_coord_down": True, "extents": EXTENT}
        return bytes(mapbox_vector_tile.encode({"name": "parcels", "features": features}, options))

    row = Row("G4 sqlite", "z12 tile, nothing kept ÷ bare mapbox-vector-tile of the same tile", 0.5, 0.8)
    return _tile_row(row, database, places, bare_tile, rounds, seconds)


def tile_by_postgis(database: Database, rounds: int, seconds: float) -> Row:
    """G4 on PostgreSQL: against one ST_AsMVT statement through psycopg."""
    raw = database.engine.raw_connection()
    raw.driver_connection.autocommit = True  # type: ignore[union-attr]
    cursor = raw.cursor()
    statement = (
        "SELECT ST_AsMVT(t.*, 'parcels', 4096, 'shape', 'id') FROM (SELECT id, code, kind, status, "
        "ST_AsMVTGeom(ST_Transform(shape, 3857), ST_TileEnvelope(%(z)s, %(x)s, %(y)s), 4096, 64, true) "
        "AS shape FROM parcel WHERE shape && ST_MakeEnvelope(%(w)s, %(s)s, %(e)s, %(n)s, 4490) "
        "AND status = 'registered') AS t"
    )

    def bare_tile(tile: Tile) -> bytes:
        west, south, east, north = tile_bounds(tile)
        values = {**tile._asdict(), "w": west, "s": south, "e": east, "n": north}
        cursor.execute(statement, values)
        return bytes(cursor.fetchone()[0])

    row = Row("G4", "z12 tile, nothing kept ÷ PostGIS ST_AsMVT of the same tile", 0.5, 0.8)
    _tile_row(row, database, _tiles(), bare_tile, rounds, seconds)
    raw.close()
    return row


def _tiles() -> list[Tile]:
    """Tiles of zoom 12 all over the city."""
    return [Tile(12, x, y) for x in range(3344, 3362, 4) for y in range(1658, 1668, 3)]


def _tile_row(
    row: Row,
    database: Database,
    places: list[Tile],
    bare_tile: Callable[[Tile], bytes],
    rounds: int,
    seconds: float,
) -> Row:
    def made(tile: Tile) -> bytes:
        def work(session: Session) -> bytes:
            tiles.data_version(session), labels_version(session)
            return tiles.parcel_tile(session, ACTOR, Wanted(tile), labels=land_labels(ACTOR))

        return database.read(work)

    places = [tile for tile in places if bare_tile(tile)]
    features = 0
    for tile in places:
        ours, theirs = (_ids(data) for data in (made(tile), bare_tile(tile)))
        # The bare script leaves land in the tile that only its box reaches; nothing else may differ.
        if not ours <= theirs or len(theirs) - len(ours) > 0.05 * len(theirs) + 3:
            raise RuntimeError(f"tile {tile}: {len(ours)} parcels instead of {len(theirs)}")
        features += len(ours)
    turn, other = itertools.cycle(places), itertools.cycle(places)

    def product() -> int:
        made(next(turn))
        return 1

    def bare() -> int:
        bare_tile(next(other))
        return 1

    row.note = f"{len(places)} tiles of {features / len(places):,.0f} parcels; the same parcels on both"
    return compare(
        row, repeat(product), repeat(bare), rounds=rounds, seconds=seconds, profile=repeat(product)
    )


def _ids(tile: bytes) -> set[int]:
    layers = mapbox_vector_tile.decode(tile)
    return {feature["id"] for feature in layers["parcels"]["features"]} if layers else set()
