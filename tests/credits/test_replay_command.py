"""``methodology replay``: every stored run computed again; the first difference is named."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from project_world import World, prepare_world
from sqlalchemy.orm import Session

from carbon_platform.app import create_app
from carbon_platform.config import Settings
from carbon_platform.credits import replay
from carbon_platform.credits.tables import AssessmentRun, RunRow
from carbon_platform.errors import NotFound
from carbon_platform.web import platform


@pytest.fixture
def url(engine_name: str, fresh_database: Callable[..., str]) -> str:
    return fresh_database(engine_name, prepare_world)


@pytest.fixture
def world(url: str) -> Iterator[World]:
    world = World(url)
    yield world
    world.close()


@pytest.fixture
def app(url: str) -> Iterator[Flask]:
    app = create_app(Settings(mode="test", database_url=url))
    yield app
    platform(app).db.dispose()


def first(world: World, code: str) -> replay.Difference | None:
    return world.db.read(lambda session: replay.replay_one(session, code)).first


def test_all_runs_come_out_the_same(world: World, app: Flask) -> None:
    codes = [world.run(world.camellia_project())["code"]]
    done = app.test_cli_runner().invoke(args=["methodology", "replay", "--all"])
    assert done.exit_code == 0, done.output
    assert f"✓ {codes[0]}" in done.stdout and "1 run(s) again, 0 differ" in done.stdout


def test_the_first_difference_is_named(world: World, app: Flask) -> None:
    code = world.run(world.camellia_project())["code"]
    assert first(world, code) is None
    rows = world.db.read(lambda s: s.execute(sa.select(RunRow.parcel_id, RunRow.outputs)).all())
    spoilt = rows[0].outputs | {"e_fuel_t": math.nextafter(rows[0].outputs["e_fuel_t"], 9e9)}
    with world.db.engine.begin() as connection:
        table = RunRow.__table__
        statement = sa.update(table).where(table.c.parcel_id == rows[0].parcel_id)  # type: ignore[attr-defined]
        connection.execute(statement.values(outputs=spoilt))
    found = first(world, code)
    assert found is not None and found.where.startswith("parcel 4115") and found.where.endswith("e_fuel_t")
    assert found.stored == spoilt["e_fuel_t"] and found.recomputed == rows[0].outputs["e_fuel_t"]
    done = app.test_cli_runner().invoke(args=["methodology", "replay", code])
    assert done.exit_code == 1 and "e_fuel_t" in done.stderr and "重算不一致" in done.stderr
    assert repr(spoilt["e_fuel_t"]) in done.stderr and "1 differ" in done.stdout


SPOILT: list[tuple[str, Any, str]] = [
    ("net_t", 1.0, "net_t"),
    ("issuable_t", 7, "issuable_t"),
    ("deficit_t", 0.5, "deficit_t"),
    ("totals", {}, "totals."),
    ("gwp_set", "AR6", "gwp_set"),
    ("code_digest", "0" * 64, "code_digest"),
    ("input_digest", "0" * 64, "input_digest"),
    ("parameter_digest", "0" * 64, "parameter_digest"),
    ("parameters", [], "parameter "),
    ("methodology_key", "bamboo_v1", "methodology"),
    ("as_of", date(2019, 1, 1), "run"),  # before any parameter: it cannot be computed at all
]


def test_each_stored_thing_is_compared(world: World) -> None:
    code = world.run(world.camellia_project())["code"]

    def compare(session: Session) -> dict[str, replay.Difference | None]:
        found = {}
        for name, value, _ in SPOILT:
            run = session.scalars(sa.select(AssessmentRun).filter_by(code=code)).one()
            with session.no_autoflush:
                setattr(run, name, value)
                found[name] = replay.first_difference(session, run)
                session.expire(run)
        return found

    found = world.db.read(compare)
    for name, _, where in SPOILT:
        difference = found[name]
        assert difference is not None and difference.where.startswith(where), name
    assert first(world, code) is None


def test_an_unknown_run_is_not_found(world: World, app: Flask) -> None:
    done = app.test_cli_runner().invoke(args=["methodology", "replay", "XY-R999999"])
    assert done.exit_code == 1 and done.stderr.startswith("✗") and "XY-R999999" in done.stderr
    with pytest.raises(NotFound):
        first(world, "XY-R999999")
