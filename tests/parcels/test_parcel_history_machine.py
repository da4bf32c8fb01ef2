"""Any series of registering, dividing, joining, ending, restoring: land is conserved, every past day stays.

The model keeps polygons of its own, cut with half-planes and joined with unions, and what stood on each day.
"""

from __future__ import annotations

import shutil
import tempfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import shapely
import sqlalchemy as sa
from change_desk import CODE, accept, approve, events, lineage, parcels, propose, rows_of, stage, standing
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from parcel_house import prepare_parcels
from parcel_layers import record, square

from carbon_platform.db import Database
from carbon_platform.parcels import history
from carbon_platform.parcels.history_tables import SNAPSHOT
from gis.crs import PLANE, to_lonlat, to_plane

START = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
CELLS = [(column, line) for column in range(3) for line in range(2)]


def in_degrees(shape: Any) -> Any:
    return to_lonlat([shape], PLANE)[0]


def plane_m2(shape: Any) -> float:
    return float(shapely.area(to_plane([shape])[0]))


@pytest.fixture(scope="module")
def template() -> Any:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "template.sqlite3"
        prepare_parcels(f"sqlite:///{path}")
        yield path


class Register(RuleBasedStateMachine):
    template: Path

    @initialize()
    def open(self) -> None:
        self.folder = tempfile.mkdtemp()
        path = Path(self.folder) / "parcels.sqlite3"
        for suffix in ("", "-wal", "-shm"):
            source = self.template.with_name(self.template.name + suffix)
            if source.exists():
                shutil.copy(source, f"{path}{suffix}")
        self.db = Database(f"sqlite:///{path}")
        self.now, self.number = START, 0
        self.land: dict[str, Any] = {}  # what stands, by code
        self.ended: dict[str, Any] = {}
        self.free = list(CELLS)
        self.days: dict[date, dict[str, bytes]] = {}

    def teardown(self) -> None:
        if hasattr(self, "db"):
            self.db.dispose()
            shutil.rmtree(self.folder)

    def done(self) -> None:
        """The day ends: what stands now is what stood on it."""
        found = standing(self.db)
        assert set(found) == set(self.land)
        for code, parcel in found.items():
            stored = shapely.from_wkb(parcel.geometry)
            assert plane_m2(shapely.symmetric_difference(stored, self.land[code])) < 0.1, code
        self.days[self.now.date()] = {code: parcel.geometry for code, parcel in found.items()}
        self.now += timedelta(days=1)

    @rule(data=st.data())
    @precondition(lambda self: getattr(self, "free", None))
    def register(self, data: Any) -> None:
        cell = self.free.pop(data.draw(st.integers(0, len(self.free) - 1)))
        self.number += 1
        staged = stage(self.db, [record(self.number)], [square(*cell)], now=self.now)
        done = accept(self.db, staged, now=self.now)
        assert done.registered_rows == 1
        self.land[CODE.format(self.number)] = in_degrees(square(*cell))
        self.done()

    @rule(data=st.data(), at=st.floats(0.2, 0.8), upright=st.booleans())
    @precondition(lambda self: getattr(self, "land", None))
    def divide(self, data: Any, at: float, upright: bool) -> None:
        code = data.draw(st.sampled_from(sorted(self.land)))
        whole = self.land[code]
        west, south, east, north = whole.bounds
        cut = west + at * (east - west) if upright else south + at * (north - south)
        line = (cut, south - 1, cut, north + 1) if upright else (west - 1, cut, east + 1, cut)
        first = shapely.box(-180, -90, cut, 90) if upright else shapely.box(-180, -90, 180, cut)
        parts = [shapely.intersection(whole, first), shapely.difference(whole, first)]
        small = min(plane_m2(part) for part in parts) < 500  # camellia below 400 m² is no parcel
        if small or any(len(shapely.get_parts(part)) > 1 for part in parts):
            return
        staged = propose(self.db, "split", code, line=(line[:2], line[2:]), now=self.now)
        made = [row.code for row in rows_of(self.db, staged)]
        assert approve(self.db, staged, now=self.now).registered_rows == 2
        parts.sort(key=lambda part: -part.area)
        self.ended[code] = self.land.pop(code)
        self.land |= dict(zip(made, parts, strict=True))
        assert {(code, new, "split") for new in made} <= lineage(self.db)
        self.done()

    @rule(data=st.data())
    @precondition(lambda self: len(getattr(self, "land", ())) > 1)
    def join(self, data: Any) -> None:
        one = data.draw(st.sampled_from(sorted(self.land)))
        others = [
            code for code, shape in self.land.items()
            if code != one and shapely.intersection(shape, self.land[one]).length > 1e-5
        ]  # fmt: skip
        if not others:
            return
        two = data.draw(st.sampled_from(sorted(others)))
        staged = propose(self.db, "merge", one, two, now=self.now)
        assert approve(self.db, staged, now=self.now).registered_rows == 1
        (row,) = rows_of(self.db, staged)
        joined = shapely.union(self.land[one], self.land[two])
        for code in (one, two):
            self.ended[code] = self.land.pop(code)
        self.land[row.code] = joined
        assert {(one, row.code, "merged"), (two, row.code, "merged")} <= lineage(self.db)
        self.done()

    @rule(data=st.data())
    @precondition(lambda self: getattr(self, "land", None))
    def end(self, data: Any) -> None:
        code = data.draw(st.sampled_from(sorted(self.land)))
        approve(self.db, propose(self.db, "end", code, now=self.now), now=self.now)
        self.ended[code] = self.land.pop(code)
        self.done()

    @rule(data=st.data())
    @precondition(lambda self: getattr(self, "ended", None))
    def restore(self, data: Any) -> None:
        code = data.draw(st.sampled_from(sorted(self.ended)))
        taken = any(
            plane_m2(shapely.intersection(shape, self.ended[code])) > 1 for shape in self.land.values()
        )
        done = approve(self.db, propose(self.db, "restore", code, now=self.now), now=self.now)
        assert done.registered_rows == (0 if taken else 1)
        if not taken:
            self.land[code] = self.ended.pop(code)
        self.done()

    @invariant()
    def no_land_is_registered_twice(self) -> None:
        shapes = list(getattr(self, "land", {}).values())
        found = standing(self.db) if shapes else {}
        stored = [shapely.from_wkb(parcel.geometry) for parcel in found.values()]
        together = plane_m2(shapely.union_all(stored)) if stored else 0.0
        assert abs(together - sum(plane_m2(shape) for shape in stored)) < 0.5
        assert abs(together - sum(plane_m2(shape) for shape in shapes)) < 0.5

    @invariant()
    def every_past_day_is_as_it_was(self) -> None:
        for day, then in list(getattr(self, "days", {}).items())[-4:]:
            found = self.db.read(lambda s, d=day: list(s.scalars(history.standing_at(d))))
            names = {parcel.id: code for code, parcel in parcels(self.db).items()}
            assert {names[event.parcel_id]: event.geometry for event in found} == then, day

    @invariant()
    def every_parcel_is_its_last_event(self) -> None:
        for code, parcel in parcels(self.db).items() if hasattr(self, "db") else ():
            told = events(self.db, code)
            assert [event.version for event in told] == list(range(1, parcel.version + 1))
            assert all(getattr(told[-1], name) == getattr(parcel, name) for name in SNAPSHOT)
            assert (parcel.status == "ended") == (code in self.ended)


def test_land_and_history_survive_any_series_of_changes(template):
    Register.template = template
    case = Register.TestCase
    case.settings = settings(max_examples=8, stateful_step_count=10, deadline=None)
    case().runTest()


def test_standing_on_a_day_before_everything_is_nothing(template):
    database = Database(f"sqlite:///{template}")
    found = database.read(lambda s: s.scalars(sa.select(sa.func.count()).select_from(
        history.standing_at(date(2000, 1, 1)).subquery())).one())  # fmt: skip
    database.dispose()
    assert found == 0
