"""A run too large for its flat deduction issues the percentile of its analysis, and nothing without one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date

import pytest
import sqlalchemy as sa
from project_world import NOW, World, prepare_world
from sqlalchemy.orm import Session
from ticket_desk import add_parcel, add_run, box, issue

from carbon_platform.credits import issuance
from carbon_platform.credits.tables import AssessmentRun, CreditBatch
from carbon_platform.credits.uncertainty_tables import RunUncertainty

ONE_YEAR = (date(2025, 1, 1), date(2026, 1, 1))
DEDUCTION = [{"name": "deduction", "status": "verified", "value": 0.15}]


@pytest.fixture
def world(engine_name: str, fresh_database: Callable[..., str]) -> Iterator[World]:
    world = World(fresh_database(engine_name, prepare_world))
    yield world
    world.close()


def run_of(world: World, net_t: float) -> str:
    def work(session: Session) -> str:
        shapes = (box(0, 0), box(200, 0))
        rows = [(add_parcel(session, shape, kind="rice"), net_t / 2) for shape in shapes]
        return add_run(
            session,
            "operator",
            rows,
            period=ONE_YEAR,
            methodology="ratoon_rice_v1",
            roles=("verifier", "ecology_bureau"),
            parameters=DEDUCTION,
        ).code

    return world.db.transact(work)


def analyse(world: World, run: str, issue_t: float, *, undeducted_t: float) -> None:
    def work(session: Session) -> None:
        run_id = session.scalars(sa.select(AssessmentRun.id).filter_by(code=run)).one()
        result = {"flat_deduction": 0.15, "undeducted_t": undeducted_t}
        session.add(
            RunUncertainty(
                run_id=run_id,
                trials=10_000,
                seed=1,
                mean_t=issue_t,
                low_t=issue_t - 1,
                high_t=issue_t + 1,
                issue_t=issue_t,
                negative=0.0,
                result=result,
                created_by="t",
                created_at=NOW,
            )
        )

    world.db.transact(work)


def issued_kg(world: World) -> int:
    return int(world.db.read(lambda s: s.scalar(sa.select(sa.func.sum(CreditBatch.quantity_kg)))) or 0)


def test_up_to_the_limit_the_flat_deduction_stands(world: World) -> None:
    run = run_of(world, 59_900.5)
    analyse(world, run, 1_000.0, undeducted_t=70_000.0)
    issue(world, run)
    assert issued_kg(world) == 59_900_000


def test_beyond_it_the_percentile_is_issued_to_the_kilogram(world: World) -> None:
    run = run_of(world, 80_000.5)
    with pytest.raises(issuance.IssueBlocked) as refused:
        issue(world, run)
    assert [error["code"] for error in refused.value.errors] == ["credits.analysis_missing"]
    assert issued_kg(world) == 0
    analyse(world, run, 71_234.9, undeducted_t=94_118.0)
    issue(world, run)
    assert issued_kg(world) == 71_234_000
    issue(world, run)
    assert issued_kg(world) == 71_234_000


def test_a_percentile_below_zero_issues_nothing(world: World) -> None:
    run = run_of(world, 80_000.5)
    analyse(world, run, -3.0, undeducted_t=94_118.0)
    with pytest.raises(issuance.IssueBlocked) as refused:
        issue(world, run)
    assert [error["code"] for error in refused.value.errors] == ["credits.percentile_below_zero"]
    assert issued_kg(world) == 0
