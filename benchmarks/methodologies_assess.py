"""M3: a project of registered parcels assessed through the public functions, and the bare steps of it."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, date, datetime
from itertools import count
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from benchmarks.methodologies_bare import Script
from benchmarks.methodologies_frames import long_frame
from carbon_platform.credits.assessment import assess, replay_run
from carbon_platform.credits.tables import AssessmentRun
from carbon_platform.db import Database
from carbon_platform.identity.rules import Actor
from carbon_platform.identity.tables import Organisation
from carbon_platform.parcels.tables import Parcel, ParcelImport
from carbon_platform.projects.frames import AREA, plain_rows
from carbon_platform.projects.tables import MonitoringRecord, Project, ProjectParcel
from carbon_platform.units import M2_PER_HA
from methodologies import registry
from methodologies.contract import Methodology, Quantification, run

NOW = datetime(2026, 11, 22, 4, tzinfo=UTC)
KEY = "camellia_oil_v1"
CODE = "XY-P0001"


class Register:
    """A SQLite database with one project; ``product`` and ``bare`` each do one whole assessment."""

    def __init__(self, database: Database, parcels: int) -> None:
        self.database, self.parcels = database, parcels
        self.methodology: Methodology = registry()[KEY]
        self.period = self.methodology.example().period
        self.actor = Actor("benchmark", "developer", frozenset(), "4115", organisation_id=1)
        self._runs = count(1_000_000)
        database.transact(self._fill)
        self.script = Script(self.methodology, self._quantified())
        self.path = str(sa.make_url(database.url).database)

    def _fill(self, session: Session) -> None:
        start, end = self.period
        frame = long_frame(self.methodology, self.parcels)
        areas = (frame.pop(AREA) * M2_PER_HA).tolist()
        readings = plain_rows(frame.astype(object).where(frame.notna(), None), list(frame.columns))
        session.add(Organisation(id=1, name_zh="基准", kind="developer", region_code="4115", holder="o-1"))
        session.add(ParcelImport(**_import_row()))
        session.add(
            Project(
                id=1, code=CODE, name_zh="基准", scheme="inclusion", methodology_key=KEY, region_code="4115",
                owner_organisation_id=1, crediting_from=start, crediting_to=date(2041, 1, 1),
                status="registered", created_by="benchmark", created_at=NOW,
            )
        )  # fmt: skip
        session.flush()
        numbers = range(1, self.parcels + 1)
        session.execute(sa.insert(Parcel), [_parcel(n, area) for n, area in zip(numbers, areas, strict=True)])
        session.execute(
            sa.insert(ProjectParcel), [{"project_id": 1, "parcel_id": n, "attached_at": NOW} for n in numbers]
        )
        session.execute(
            sa.insert(MonitoringRecord),
            [
                {
                    "project_id": 1, "parcel_id": n, "period_start": start, "period_end": end,
                    "values": {k: v for k, v in values.items() if v is not None}, "recorded_by": "benchmark",
                    "recorded_at": NOW, "superseded_by": None,
                }
                for n, values in zip(numbers, readings, strict=True)
            ],
        )  # fmt: skip

    def _quantified(self) -> Quantification:
        frame = long_frame(self.methodology, self.parcels)
        return run(self.methodology, frame, period=self.period, as_of=date(2026, 11, 22))

    def product(self) -> int:
        """Prepare, compute, store: what a developer's click does."""
        assess(self.database.read, self.database.transact, self.actor, CODE, self.period, now=NOW)
        return self.parcels

    def bare(self) -> int:
        """Read the rows, compute the bare equations, write as many bytes into the same table."""
        connection = sqlite3.connect(self.path, isolation_level=None)
        connection.execute("PRAGMA synchronous=FULL")
        try:
            connection.execute("BEGIN")
            parcels = connection.execute(
                'SELECT p.id, p.code, p.area_m2, m."values" FROM project_parcel pp JOIN parcel p '
                "ON p.id = pp.parcel_id JOIN monitoring_record m ON m.parcel_id = p.id "
                "WHERE pp.project_id = 1 AND m.superseded_by IS NULL ORDER BY p.code"
            ).fetchall()
            readings = [json.loads(values) for _, _, _, values in parcels]
            outputs = self.script.columns()
            names, rows = list(outputs), zip(*(cells.tolist() for cells in outputs.values()), strict=True)
            run_id = next(self._runs)
            connection.executemany(
                "INSERT INTO run_row (run_id, parcel_id, inputs, outputs, net_t) VALUES (?, ?, ?, ?, ?)",
                (
                    (run_id, parcel[0], json.dumps(reading), json.dumps(dict(zip(names, row, strict=True))),
                     row[-1])
                    for parcel, reading, row in zip(parcels, readings, rows, strict=True)
                ),
            )  # fmt: skip
            connection.execute("COMMIT")
        finally:
            connection.close()
        return self.parcels

    def check(self) -> str:
        """The newest run computed again: every digest and every figure; words for the table."""

        def replayed(session: Session) -> tuple[str, list[str]]:
            newest = session.scalar(sa.select(AssessmentRun).order_by(AssessmentRun.id.desc()))
            assert newest is not None
            return newest.code, replay_run(session, newest)

        _, differences = self.database.read(replayed)
        if differences:
            raise RuntimeError(f"a stored run does not replay: {differences[0]}")
        return f"{self.parcels:,} parcels of the newest run replayed: every figure equal"


def _import_row() -> dict[str, Any]:
    return {
        "id": 1, "file_name": "bench.shp", "file_sha256": "0" * 64, "region_code": "4115", "kind": "camellia",
        "family": "A", "encoding": "utf-8", "epsg": 4490, "crs_origin": "file", "layer": "bench", "notes": [],
        "counts": {}, "seen_parcel_id": 0, "status": "accepted", "uploaded_by": "benchmark",
        "uploaded_at": NOW, "accepted_by": "benchmark", "accepted_at": NOW,
    }  # fmt: skip


def _parcel(number: int, area_m2: float) -> dict[str, Any]:
    return {
        "id": number, "code": f"411522-207-{number:07d}", "kind": "camellia", "county_code": "411522",
        "township_code": "411522100", "village_code": "411522100201", "area_m2": area_m2,
        "stated_area_m2": None, "species_code": "", "land_class_code": "", "planting_year": None,
        "right_holder": "演示", "attributes": {}, "geometry": b"", "source_geometry": b"",
        "source_epsg": 4490, "min_lon": 114.9, "min_lat": 32.0, "max_lon": 114.91, "max_lat": 32.01,
        "status": "registered", "valid_from": date(2020, 1, 1), "valid_to": None, "import_id": 1,
    }  # fmt: skip
