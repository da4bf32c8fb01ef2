"""Borders an operator loads: complete, apart, dated; built-in ones stay for cities without any."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import geopandas
import pytest
import shapely
import sqlalchemy as sa
from test_region_lists import LUAN, NOW, load, prepare

from carbon_platform.db import Database
from carbon_platform.regions.boundaries import boundaries_of, coverage, import_boundaries
from carbon_platform.regions.rules import RegionsRefused
from carbon_platform.regions.tables import RegionBoundary
from gis.counties import assign_county, county_geometry, load_counties
from gis.vector_files import read_vector

DAY = date(2026, 1, 1)
LUAN_COUNTIES = {
    "341502": shapely.box(116.4, 31.5, 116.7, 32.0),
    "341503": shapely.box(116.1, 31.5, 116.4, 32.0),
    "341525": shapely.box(116.0, 31.2, 116.5, 31.5),
}


@pytest.fixture
def db(engine_name: str, fresh_database: Callable[..., str]) -> Iterator[Database]:
    db = Database(fresh_database(engine_name, prepare))
    load(db, LUAN)
    yield db
    db.dispose()


def xzq(path: Path, shapes: dict[str, Any], **columns: list[Any]) -> Path:
    """A 行政区 layer as bureaus hand it over: zipped shapefile, GBK text, no .cpg."""
    frame = geopandas.GeoDataFrame(
        {"XZQDM": list(shapes), "XZQMC": ["测试区"] * len(shapes)} | columns,
        geometry=list(shapes.values()),
        crs=4490,
    )
    folder = path / "xzq"
    folder.mkdir(parents=True)
    frame.to_file(folder / "XZQ.shp", encoding="GBK")
    target = path / "XZQ.zip"
    with zipfile.ZipFile(target, "w") as archive:
        for part in sorted(folder.iterdir()):
            if part.suffix != ".cpg":
                archive.write(part, part.name)
    return target


def store(db: Database, file: Path, day: date = DAY, **more: str) -> int:
    found = boundaries_of(read_vector(file))
    words = {"source": "XZQ（测试）", "map_approval": "", "by": "系统经办"} | more
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    return db.transact(
        lambda s: import_boundaries(s, found, valid_from=day, file_sha256=digest, now=NOW, **words)
    )


def county_of(db: Database, shape: Any, on: date = DAY) -> str:
    return str(assign_county([shape], db.read(lambda s: coverage(s, on=on)))["code"][0])


def small(lon: float, lat: float) -> Any:
    return shapely.box(lon, lat, lon + 0.001, lat + 0.001)


def test_a_partner_city_brings_its_borders(db: Database, tmp_path: Path) -> None:
    field = small(116.5, 31.7)
    assert county_of(db, field) == ""
    file = xzq(tmp_path, LUAN_COUNTIES)
    assert store(db, file) == 3
    assert store(db, file) == 0
    assert county_of(db, field) == "341502"
    assert county_of(db, field, on=date(2025, 12, 31)) == ""
    # Most of it lies west of the line, its corner is east of it.
    assert county_of(db, shapely.box(116.39, 31.7, 116.402, 31.71)) == "341503"
    home = shapely.point_on_surface(county_geometry("411522")).buffer(0.001)
    assert county_of(db, home) == "411522"
    built_in = load_counties()
    assert set(built_in.codes) < set(db.read(lambda s: coverage(s, on=DAY)).codes)


def test_the_bureau_s_layer_takes_the_place_of_the_built_in_outlines(db: Database, tmp_path: Path) -> None:
    built_in = load_counties()
    shapes = dict(zip(built_in.codes, built_in.geoms, strict=True))
    west, south, east, north = shapes["411522"].bounds
    # The official line runs elsewhere: a strip of 光山 belongs to 新县.
    strip = shapely.intersection(shapes["411522"], shapely.box(west, south, east, (south + north) / 2))
    moved = shapes | {
        "411522": shapely.difference(shapes["411522"], strip),
        "411523": shapely.union(shapes["411523"], strip),
    }
    spot = shapely.point_on_surface(strip).buffer(0.001)
    assert county_of(db, spot) == "411522"
    assert store(db, xzq(tmp_path, moved)) == 10
    assert county_of(db, spot) == "411523"
    assert county_of(db, spot, on=date(2025, 12, 31)) == "411522"


def refused(db: Database, file: Path, **more: Any) -> dict[str, Any]:
    with pytest.raises(RegionsRefused) as error:
        store(db, file, **more)
    assert db.read(lambda s: s.scalar(sa.select(sa.func.count()).select_from(RegionBoundary))) == 0
    first = error.value.errors[0]
    assert first["zh"] and first["en"]
    return first


def test_an_incomplete_city_is_refused(db: Database, tmp_path: Path) -> None:
    two = {code: shape for code, shape in LUAN_COUNTIES.items() if code != "341525"}
    assert refused(db, xzq(tmp_path, two))["value"] == "341525"


def test_wrong_layers_are_refused_by_name(db: Database, tmp_path: Path) -> None:
    bow_tie = shapely.Polygon([(116.4, 31.5), (116.4, 31.5), (116.4, 31.5)])
    cases: list[tuple[dict[str, Any], str]] = [
        (LUAN_COUNTIES | {"341502": bow_tie}, "geometry"),
        (LUAN_COUNTIES | {"341502": shapely.box(116.2, 31.5, 116.7, 32.0)}, "geometry"),
        (LUAN_COUNTIES | {"341599": small(117.0, 31.5)}, "code"),
        (LUAN_COUNTIES | {"34150": small(117.0, 31.5)}, "XZQDM"),
    ]
    for place, (shapes, field) in enumerate(cases):
        assert refused(db, xzq(tmp_path / str(place), shapes))["field"] == field
    assert refused(db, xzq(tmp_path / "source", LUAN_COUNTIES), source=" ")["field"] == "source"


def test_another_file_for_the_same_day_is_refused(db: Database, tmp_path: Path) -> None:
    store(db, xzq(tmp_path / "first", LUAN_COUNTIES))
    other = LUAN_COUNTIES | {"341525": shapely.box(116.0, 31.1, 116.5, 31.5)}
    with pytest.raises(RegionsRefused) as error:
        store(db, xzq(tmp_path / "second", other))
    assert error.value.errors[0]["field"] == "valid_from"
    later = date(2026, 6, 1)
    assert store(db, tmp_path / "second" / "XZQ.zip", day=later) == 3
    south = small(116.2, 31.15)
    assert county_of(db, south) == "" and county_of(db, south, on=later) == "341525"


def test_a_layer_without_codes_names_what_it_has(tmp_path: Path) -> None:
    frame = geopandas.GeoDataFrame({"NAME": ["x"]}, geometry=[small(116.5, 31.7)], crs=4490)
    frame.to_file(tmp_path / "x.gpkg")
    with pytest.raises(RegionsRefused) as error:
        boundaries_of(read_vector(tmp_path / "x.gpkg"))
    assert "NAME" in error.value.errors[0]["zh"]
    with pytest.raises(RegionsRefused) as error:
        boundaries_of(read_vector(tmp_path / "x.gpkg"), "DM")
    assert error.value.errors[0]["value"] == "DM"
