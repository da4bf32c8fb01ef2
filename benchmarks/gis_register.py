"""Registers to measure on: filled by the shortest way, then read through the product's own functions."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from typing import Any

import psycopg
import shapely
import sqlalchemy as sa

from benchmarks.gis_land import Land
from carbon_platform.db import Database

_IMPORT = {
    "id": 1, "file_name": "bench.zip", "file_sha256": "0" * 64, "region_code": "4115", "kind": "camellia",
    "family": "A", "encoding": "gb18030", "epsg": 4526, "crs_origin": "prj", "layer": "layer", "notes": "[]",
    "counts": "{}", "seen_parcel_id": 0, "status": "accepted", "uploaded_by": "benchmark",
    "uploaded_at": "2026-11-22 04:00:00",
}  # fmt: skip
_PARCEL = (
    "id", "code", "kind", "county_code", "township_code", "village_code", "area_m2", "species_code",
    "land_class_code", "right_holder", "attributes", "geometry", "source_geometry", "source_epsg", "min_lon",
    "min_lat", "max_lon", "max_lat", "status", "valid_from", "import_id",
)  # fmt: skip
_ATTRIBUTES = json.dumps({"sub_compartment": "00031", "compartment": "0003", "slope_degrees": "18"})
KINDS = ("camellia", "tea", "rice", "forest")


def fill_register(database: Database, land: Land) -> None:
    """Every field as a registered parcel, without events; on SQLite with its index of boxes."""
    if database.engine.dialect.name == "sqlite":
        _fill_sqlite(str(sa.make_url(database.url).database), land)
    else:
        _fill_postgresql(database.url, land)


def _rows(land: Land) -> Iterator[tuple[Any, ...]]:
    """Rows of ``parcel`` in the order of :data:`_PARCEL`."""
    for start in range(0, len(land.lonlat), 50_000):
        part = slice(start, start + 50_000)
        shapes = land.lonlat[part]
        wkb, bounds = shapely.to_wkb(shapes).tolist(), shapely.bounds(shapes).tolist()
        for at, (shape, box, county) in enumerate(zip(wkb, bounds, land.county[part].tolist(), strict=True)):
            number = start + at + 1
            place = f"{county}{100 + number % 20}"
            yield (
                number, f"{place[:6]}-{place[6:]}-001-{number:07d}", KINDS[number % 4], county, place,
                f"{place}001", 1e5, "751", "0131", "", _ATTRIBUTES, shape, b"", 4490, *box, "registered",
                "2026-01-01", 1,
            )  # fmt: skip


def _fill_sqlite(path: str, land: Land) -> None:
    connection = sqlite3.connect(path)
    connection.execute(_insert("parcel_import", tuple(_IMPORT)), tuple(_IMPORT.values()))
    connection.executemany(_insert("parcel", _PARCEL), _rows(land))
    connection.execute(
        "INSERT INTO parcel_box SELECT id, min_lon, max_lon, min_lat, max_lat FROM parcel ORDER BY id"
    )
    connection.commit()
    connection.execute("ANALYZE")
    connection.close()


def _insert(table: str, columns: tuple[str, ...]) -> str:
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"


def _fill_postgresql(url: str, land: Land) -> None:
    address = sa.make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(address) as connection:
        marks = ", ".join(["%s"] * len(_IMPORT))
        connection.execute(
            f"INSERT INTO parcel_import ({', '.join(_IMPORT)}) VALUES ({marks})", tuple(_IMPORT.values())
        )
        copy = f"COPY parcel ({', '.join(_PARCEL)}) FROM STDIN"
        with connection.cursor() as cursor, cursor.copy(copy) as into:
            for row in _rows(land):
                into.write_row(row)
        connection.execute("ANALYZE parcel")
