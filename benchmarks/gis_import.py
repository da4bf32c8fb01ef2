"""G1: a bureau's shapefile through the product, and the bare steps it cannot do without."""

from __future__ import annotations

import itertools
import json
import shutil
import sqlite3
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import shapely
import sqlalchemy as sa

from benchmarks.gis_land import made_land, write_shapefile, zip_shapefile
from benchmarks.server import migrate
from carbon_platform.db import Database
from carbon_platform.identity.rules import PERMISSIONS, Actor
from carbon_platform.parcels import acceptance, service
from carbon_platform.parcels.tables import Parcel
from carbon_platform.regions.service import load_reference
from gis.counties import load_counties
from gis.crs import PLANE, to_lonlat
from gis.measure import ellipsoidal_area_m2
from gis.overlap import INTERIORS_MEET

NOW = datetime(2026, 11, 22, 4, tzinfo=UTC)
ACTOR = Actor("benchmark", "forestry_officer", PERMISSIONS["forestry_officer"], "4115")
_PARCEL = (
    "id", "code", "kind", "county_code", "township_code", "village_code", "area_m2", "stated_area_m2",
    "species_code", "land_class_code", "planting_year", "right_holder", "attributes", "geometry",
    "source_geometry", "source_epsg", "min_lon", "min_lat", "max_lon", "max_lat", "status", "valid_from",
    "import_id",
)  # fmt: skip


class Upload:
    """A zipped layer of ``rows`` 小班 and a migrated SQLite database to copy for each round."""

    def __init__(self, folder: Path, rows: int) -> None:
        self.folder, self.rows = folder, rows
        self.note = ""
        self.shp = write_shapefile(made_land(rows), folder)
        self.zip = zip_shapefile(self.shp, folder / "upload.zip")
        self._empty = folder / "empty.sqlite3"
        migrate(f"sqlite:///{self._empty}")
        database = Database(f"sqlite:///{self._empty}")
        database.transact(load_reference)
        database.dispose()
        # The copy is one file only when nothing waits in the write-ahead log.
        sqlite3.connect(self._empty).execute("PRAGMA wal_checkpoint(TRUNCATE)").connection.close()
        self._numbers = itertools.count()

    def fresh(self) -> Path:
        """A new register, empty but for the regions."""
        for old in self.folder.glob("register*.sqlite3*"):
            old.unlink()
        path = self.folder / f"register{next(self._numbers)}.sqlite3"
        shutil.copyfile(self._empty, path)
        return path

    def product(self, path: Path) -> int:
        """Upload, report per row, acceptance: what the officer's two clicks do."""
        database = Database(f"sqlite:///{path}")
        checked = service.check_file(database.read, ACTOR, self.zip)
        number = database.transact(lambda s: service.stage_import(s, ACTOR, checked, now=NOW).id)
        done = database.transact(
            lambda s: acceptance.accept_import(s, ACTOR, number, now=NOW, include_warned=True)
        )
        with database.engine.connect() as connection:
            count = connection.scalar(sa.select(sa.func.count()).select_from(Parcel))
        database.dispose()
        refused = self.rows - done.registered_rows - done.waiting_rows
        if count != done.registered_rows or not 0.97 * self.rows < count < self.rows:
            raise RuntimeError(f"{count} parcels on file of {self.rows} rows")
        self.note = (
            f"{done.registered_rows:,} registered with their history, {refused:,} refused, "
            f"{done.waiting_rows:,} wait for a second person; a report per row kept"
        )
        return self.rows

    def bare(self, path: Path) -> int:
        """Read, repair, area, county, overlap, bulk write; no report, no history, no audit."""
        meta, _, wkb, columns = pyogrio.raw.read(self.shp, encoding="GBK", force_2d=True)
        names = list(meta["fields"])
        plane = shapely.from_wkb(wkb)
        bad = np.flatnonzero(~shapely.is_valid(plane))
        plane[bad] = shapely.make_valid(plane[bad], method="structure", keep_collapsed=False)
        lonlat = to_lonlat(plane, PLANE)
        area = ellipsoidal_area_m2(lonlat)
        county = _bare_counties(lonlat)
        left, right = shapely.STRtree(plane).query(plane)
        left, right = left[left < right], right[left < right]
        meet = shapely.relate_pattern(plane[left], plane[right], INTERIORS_MEET)
        shapely.area(shapely.intersection(plane[left[meet]], plane[right[meet]]))
        _bare_write(path, wkb, lonlat, area, county, dict(zip(names, columns, strict=True)))
        return self.rows


def _bare_counties(lonlat: Any) -> Any:
    counties = load_counties()
    xy = shapely.get_coordinates(shapely.point_on_surface(lonlat))
    county = np.full(len(lonlat), "", dtype=object)
    for code, shape in zip(counties.codes, counties.geoms, strict=True):
        county[shapely.contains_xy(shape, xy)] = code
    return county


def _bare_write(path: Path, source: Any, lonlat: Any, area: Any, county: Any, table: dict[str, Any]) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("BEGIN IMMEDIATE")
    connection.execute(
        "INSERT INTO parcel_import (id, file_name, file_sha256, region_code, kind, family, encoding, epsg, "
        "crs_origin, layer, notes, counts, seen_parcel_id, status, uploaded_by, uploaded_at) VALUES "
        "(1, 'a.zip', '', '4115', 'camellia', 'A', 'gbk', 4526, 'prj', '', '[]', '{}', 0, 'accepted', 'b', "
        "'2026-11-22 04:00:00')"
    )
    marks = ", ".join("?" * len(_PARCEL))
    bounds = shapely.bounds(lonlat)
    cells = [column.tolist() for column in table.values()]
    today = date(2026, 11, 22).isoformat()
    attributes = [
        json.dumps(dict(zip(table, row, strict=True)), ensure_ascii=False) for row in zip(*cells, strict=True)
    ]
    townships = (county + table["XIANG"]).tolist()
    numbers = np.arange(1, len(area) + 1)
    rows = zip(
        numbers.tolist(), numbers.astype(str).tolist(), itertools.repeat("camellia"), county.tolist(),
        townships, townships, area.tolist(), (table["MIAN_JI"] * 1e4).tolist(), table["YOU_SHI_SZ"].tolist(),
        table["DI_LEI"].tolist(), table["PINGJUN_NL"].tolist(), itertools.repeat(""), attributes,
        shapely.to_wkb(lonlat).tolist(), source.tolist(), itertools.repeat(PLANE),
        *bounds.T.tolist(), itertools.repeat("registered"), itertools.repeat(today), itertools.repeat(1),
        strict=False,
    )  # fmt: skip
    connection.executemany(f"INSERT INTO parcel ({', '.join(_PARCEL)}) VALUES ({marks})", rows)
    connection.execute("INSERT INTO parcel_box SELECT id, min_lon, max_lon, min_lat, max_lat FROM parcel")
    connection.execute("COMMIT")
    connection.close()
