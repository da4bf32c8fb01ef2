"""Analyses kept with a run: through HTTP, by the schedule, and through the migration, on both engines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from project_world import NOW, World, prepare_world

from carbon_platform.credits import assessment, rules, uncertainty
from carbon_platform.credits.tables import AssessmentRun
from carbon_platform.credits.uncertainty_tables import RunUncertainty
from carbon_platform.db import Database
from carbon_platform.identity.tables import AuditRecord
from carbon_platform.migrate import alembic_config
from methodologies import registry
from methodologies.errors import InvalidOutput
from methodologies.uncertainty import TRIALS_MIN, analyse, seed_of


@pytest.fixture
def world(engine_name: str, fresh_database: Callable[..., str]) -> Iterator[World]:
    world = World(fresh_database(engine_name, prepare_world))
    yield world
    world.close()


def rows(world: World) -> list[RunUncertainty]:
    return world.db.read(lambda session: list(session.scalars(sa.select(RunUncertainty))))


def test_a_run_is_analysed_kept_and_reproducible(world: World) -> None:
    run = world.run(world.camellia_project())
    path = f"/runs/{run['code']}/uncertainty"
    assert world.refused("verifier", "GET", path) == (404, "platform.not_found")
    made = world.post("verifier", path, {})
    assert made["trials"] == TRIALS_MIN and made["run_code"] == run["code"]
    assert made["low_t"] < made["issue_t"] < made["high_t"]
    assert made["result"]["net_t"] == run["net_t"]
    assert made["way"] == "declared" and made["quantity_t"] == run["issuable_t"]
    assert made["percentile_quantity_t"] == max(0, int(min(made["issue_t"], run["net_t"]) // 1))

    def again(session: Any) -> dict[str, Any]:
        stored = session.scalars(sa.select(AssessmentRun)).one()
        figures = assessment.recompute(session, stored)
        assert made["seed"] == seed_of(figures) == int(stored.input_digest[:8], 16)
        return analyse(registry()[figures.key], figures).record()

    assert world.db.read(again) == made["result"]
    assert world.get("operator", path) == made
    world.later(minutes=5)
    assert world.post("operator", path, {}) == made
    assert len(rows(world)) == 1
    [record] = world.db.read(
        lambda session: list(session.scalars(sa.select(AuditRecord).filter_by(action="run.uncertainty")))
    )
    assert record.object_id == run["code"]


def test_more_trials_are_another_analysis_and_the_one_shown(world: World) -> None:
    run = world.run(world.camellia_project())["code"]
    path = f"/runs/{run}/uncertainty"
    first = world.post("operator", path, {})
    second = world.post("operator", path, {"trials": 20_000})
    assert first["seed"] == second["seed"] and first["mean_t"] != second["mean_t"]
    assert world.get("operator", path) == second
    assert first["mean_t"] == pytest.approx(second["mean_t"], rel=0.05)


@pytest.mark.parametrize("trials", [9_999, 1_000_001, "many"])
def test_too_few_or_too_many_trials_are_refused(world: World, trials: Any) -> None:
    run = world.run(world.camellia_project())["code"]
    status, _ = world.refused("operator", "POST", f"/runs/{run}/uncertainty", {"trials": trials})
    assert status == 422 and rows(world) == []


def test_another_region_and_a_buyer_see_nothing(world: World) -> None:
    run = world.run(world.camellia_project())["code"]
    for who in ("alpha", ""):
        assert world.call(who, "POST", f"/runs/{run}/uncertainty", {}).status_code in {401, 403, 404}
    assert rows(world) == []


def test_a_run_of_another_code_is_refused(world: World) -> None:
    run = world.run(world.camellia_project())["code"]
    world.db.transact(lambda session: session.execute(sa.update(AssessmentRun).values(code_digest="older")))
    assert world.refused("operator", "POST", f"/runs/{run}/uncertainty", {}) == (
        409,
        "credits.not_reproducible",
    )
    assert world.db.read(uncertainty.due) == []


def test_the_schedule_takes_what_is_too_large_to_wait_for(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uncertainty, "PARCELS_AT_ONCE", 2)
    project = world.camellia_project()
    run = world.run(project)["code"]
    with pytest.raises(uncertainty.LeftToTheSchedule) as refusal:
        uncertainty.analyse_run(
            world.db.read,
            world.db.transact,
            world.actor("operator"),
            run,
            trials=TRIALS_MIN,
            now=NOW,
            at_once=2,
        )
    assert "5" in refusal.value.message("zh")
    assert uncertainty.analyse_due(world.db.read, world.db.transact, now=NOW) == ([run], [])
    assert uncertainty.analyse_due(world.db.read, world.db.transact, now=NOW) == ([], [])
    [kept] = rows(world)
    assert kept.created_by and kept.trials == TRIALS_MIN


def test_a_run_that_cannot_be_analysed_takes_nobody_s_place(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newest run refuses: whatever the method's reason, the older ones get their turn."""
    monkeypatch.setattr(uncertainty, "RUNS_PER_TURN", 1)
    project = world.camellia_project()
    older, newer = world.run(project)["code"], world.run(project)["code"]
    computed = uncertainty.recompute

    def refusing(session: Any, run: Any) -> Any:
        if run.code == newer:
            raise InvalidOutput(key=run.methodology_key, reason="made", reason_zh="假设")
        return computed(session, run)

    monkeypatch.setattr(uncertainty, "recompute", refusing)
    done, refused = uncertainty.analyse_due(world.db.read, world.db.transact, now=NOW)
    assert done == [older] and [words.partition(":")[0] for words in refused] == [newer]
    assert world.refused("operator", "POST", f"/runs/{newer}/uncertainty", {})[0] in (409, 422)


@pytest.mark.parametrize(
    ("net_t", "flat", "years", "way", "quantity"),
    [
        (1000.9, 0.0, 1.0, "declared", 1000),
        (60_000.0, 0.15, 1.0, "flat", 60_000),
        (60_000.1, 0.15, 1.0, "percentile", 900),
        (119_999.0, 0.15, 2.0, "flat", 119_999),
        (-5.5, 0.15, 1.0, "flat", 0),
    ],
)
def test_the_percentile_replaces_the_flat_deduction_of_large_projects(
    net_t: float, flat: float, years: float, way: str, quantity: int
) -> None:
    rule = rules.percentile_rule(net_t, 900.7, flat_deduction=flat, undeducted_t=1e6, years=years)
    assert (rule.way, rule.quantity.issuable_t) == (way, quantity)
    assert rule.by_percentile.issuable_t == 900


def test_an_analysis_never_raises_what_a_run_claims_and_a_negative_one_issues_nothing() -> None:
    above = rules.percentile_rule(588.7, 632.5, flat_deduction=0.0, undeducted_t=588.7, years=2.0)
    assert above.by_percentile.issuable_t == above.quantity.issuable_t == 588
    below = rules.percentile_rule(70_000.0, -3.25, flat_deduction=0.15, undeducted_t=80_000.0, years=1.0)
    assert (below.way, below.quantity) == ("percentile", rules.Rounded(0, 3.25))


def test_the_migration_goes_up_and_down(database_url: str) -> None:
    config = alembic_config(database_url)
    command.upgrade(config, "0006")
    db = Database(database_url)
    try:
        with db.engine.begin() as connection:
            tables = sa.MetaData()
            tables.reflect(connection)
            run = {
                "id": 1, "code": "XY-R000001", "project_id": 1, "period_start": date(2025, 1, 1),
                "period_end": date(2026, 1, 1), "methodology_key": "camellia_oil_v1", "parameter_digest": "p",
                "input_digest": "i", "code_digest": "c", "gwp_set": "AR5", "as_of": date(2026, 11, 22),
                "parameters": [], "totals": {}, "net_t": 1.0, "issuable_t": 1, "deficit_t": 0.0,
                "parcel_count": 1, "area_m2": 1.0, "warnings": [], "status": "estimate", "created_by": "t",
                "created_at": NOW,
            }  # fmt: skip
            owner = {"id": 1, "name_zh": "甲（测试）", "kind": "enterprise", "region_code": "4115",
                     "credit_code": "", "holder": "org:1"}  # fmt: skip
            project = {
                "id": 1, "code": "XY-P0001", "name_zh": "油茶园（测试）", "scheme": "inclusion",
                "methodology_key": "camellia_oil_v1", "region_code": "4115", "owner_organisation_id": 1,
                "crediting_from": date(2021, 1, 1), "crediting_to": date(2041, 1, 1), "status": "registered",
                "created_by": "t", "created_at": NOW,
            }  # fmt: skip
            connection.execute(tables.tables["organisation"].insert(), owner)
            connection.execute(tables.tables["project"].insert(), project)
            connection.execute(tables.tables["assessment_run"].insert(), run)
            analysis = {"run_id": 1, "trials": 10_000, "seed": 2**53 - 1, "mean_t": 1.0, "low_t": 0.5,
                        "high_t": 1.5, "issue_t": 0.9, "negative": 0.0, "result": {}, "created_by": "t",
                        "created_at": NOW}  # fmt: skip
            connection.execute(tables.tables["run_uncertainty"].insert(), analysis)
        for wrong in ({"trials": 9_999}, {"low_t": 2.0, "seed": 1}, {"negative": 1.5, "seed": 1}, {}):
            with pytest.raises(sa.exc.IntegrityError), db.engine.begin() as connection:
                connection.execute(tables.tables["run_uncertainty"].insert(), analysis | wrong)
        command.downgrade(config, "0005")
        assert "run_uncertainty" not in sa.inspect(db.engine).get_table_names()
        with db.engine.begin() as connection:
            assert connection.scalar(sa.text("SELECT count(*) FROM assessment_run")) == 1
        command.upgrade(config, "0006")
        assert "run_uncertainty" in sa.inspect(db.engine).get_table_names()
    finally:
        db.dispose()


def test_two_who_ask_at_once_share_one_analysis(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither sees the other's result on file before computing; both are answered, one row is kept."""
    run = world.run(world.camellia_project())["code"]
    looked = uncertainty._kept
    first = world.post("operator", f"/runs/{run}/uncertainty", {})
    blind = iter([None])  # the look before computing misses what the other one is about to store
    monkeypatch.setattr(uncertainty, "_kept", lambda *given: next(blind, looked(*given)))
    assert world.post("verifier", f"/runs/{run}/uncertainty", {}) == first
    assert len(rows(world)) == 1
