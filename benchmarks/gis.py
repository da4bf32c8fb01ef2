"""``python -m benchmarks.gis``: G1 to G4, written to ``results/gis.md`` and ``.json``."""

from __future__ import annotations

import json
import os
import platform
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import pyproj
import shapely

from benchmarks import gis_rows
from benchmarks.gis_import import Upload
from benchmarks.gis_land import Land, made_land, many_fields, scratch
from benchmarks.gis_postgis import postgis_database
from benchmarks.gis_register import fill_register
from benchmarks.measure import Row
from benchmarks.profiles import RESULTS, forget_profiles, suffix
from benchmarks.report import line
from benchmarks.server import migrate
from benchmarks.sizes import sizes
from carbon_platform.db import Database


def rows(wanted: Callable[[str], bool]) -> Iterator[Row]:
    """Each row as soon as it is measured."""
    size = sizes()
    layer, register = (5_000, 20_000) if size.quick else (100_000, 1_000_000)
    if wanted("G1"):
        with scratch() as folder:
            yield gis_rows.whole_import(Upload(Path(folder), layer), size.rounds)
    if wanted("G2"):
        with scratch() as folder:
            database = _filled(f"sqlite:///{folder}/register.sqlite3", many_fields(register))
            yield gis_rows.one_new_parcel(database, register, size.rounds, size.seconds)
            database.dispose()
    if wanted("G3"):
        yield gis_rows.self_overlap(layer, size.rounds)
    if wanted("G4"):
        land = made_land(layer, faults=False)
        with postgis_database() as url:
            if url is None:
                yield Row("G4", "z12 tile ÷ PostGIS ST_AsMVT: not measured, no PostGIS here", 0.5, 0.8)
            else:
                database = _filled(url, land)
                yield gis_rows.tile_by_postgis(database, size.rounds, size.seconds)
                database.dispose()
        with scratch() as folder:
            database = _filled(f"sqlite:///{folder}/register.sqlite3", land)
            yield gis_rows.tile_by_shapely(database, size.rounds, size.seconds)
            database.dispose()


def _filled(url: str, land: Land) -> Database:
    migrate(url)
    database = Database(url)
    fill_register(database, land)
    return database


def main(names: list[str]) -> None:
    begun = time.monotonic()
    load = os.getloadavg()[0]
    if not names:
        forget_profiles("g")
    found: list[Row] = []
    for row in rows(lambda name: not names or name in names):
        found.append(row)
        median = "–" if row.median is None else f"{row.median:.2f}"
        print(
            f"{time.monotonic() - begun:6.0f} s  {row.code:10} {median:>6}  {row.what}; {row.note}",
            flush=True,
        )
    if names:
        print("only some rows were asked for: no table written")
    else:
        print(f"written: {_write(found, load, time.monotonic() - begun).name}")


def _write(found: list[Row], load: float, seconds: float) -> Path:
    name = f"gis{suffix()}"
    RESULTS.mkdir(exist_ok=True)
    facts = {
        "date": datetime.now(UTC).date().isoformat(),
        "cores": os.cpu_count(),
        "load_before": round(load, 1),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "shapely": version("shapely"),
        "geos": shapely.geos_version_string,
        "proj": pyproj.proj_version_str,
        "pyogrio": version("pyogrio"),
        "mapbox_vector_tile": version("mapbox-vector-tile"),
        "seconds": round(seconds),
    }
    plain = [{**asdict(row), "median": row.median, "missed": row.missed} for row in found]
    text = json.dumps({"machine": facts, "rows": plain}, indent=1, ensure_ascii=False)
    (RESULTS / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    path = RESULTS / f"{name}.md"
    path.write_text("\n".join(_lines(found, facts)) + "\n", encoding="utf-8")
    return path


def _lines(found: list[Row], facts: dict[str, object]) -> list[str]:
    quick = (
        ["", "**A quick look at small sizes: these figures are not the goals'.**"] if sizes().quick else []
    )
    return [
        "# Parcels: ratios measured side by side",
        "",
        f"{facts['date']}, {facts['cores']} cores, load before the run {facts['load_before']}; "
        f"Python {facts['python']}, shapely {facts['shapely']} (GEOS {facts['geos']}), PROJ {facts['proj']}, "
        f"pyogrio {facts['pyogrio']}, SQLite {facts['sqlite']}, "
        f"mapbox-vector-tile {facts['mapbox_vector_tile']}.",
        f"{sizes().rounds} rounds in turns, median (lowest – highest) of the rounds' ratios; "
        f"the whole run took {facts['seconds']} s.",
        *quick,
        "",
        "| # | what | ratio | must | aim | product, per s | peer, per s | checked |",
        "|---|---|---:|---:|---:|---:|---:|---|",
        *(line(row) for row in found),
        "",
        "Made by `make bench-gis`. Ratios count; rates (rows, checks, parcels, tiles) belong to this machine",
        "at that moment. The land is made: wavy fields of 49 positions that share their borders, one in two",
        "hundred a bow-tie. G1's peer reads the shapefile unpacked and in the same process, and writes only",
        "the table of parcels; both flush at commit (WAL, synchronous=FULL). G4's product asks for project,",
        "vintage and version too. Bold: a missed must; `profile-g….txt` beside this table says where time",
        "goes.",
    ]


if __name__ == "__main__":
    main(sys.argv[1:])
