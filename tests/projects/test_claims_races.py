"""Processes racing for the same land: one wins, on both engines; without the lock both would."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from claim_desk import box, land, new_project
from project_world import World, prepare_world

from carbon_platform.credits import double_claims
from carbon_platform.identity.rules import SYSTEM
from carbon_platform.identity.tables import AuditRecord

HERE = Path(__file__).parent


def race(world: World, contests: list[list[Any]], *flags: str) -> list[list[str]]:
    """What came of each contest, act by act."""
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(HERE), str(HERE.parent), str(HERE.parents[1])])
    }
    world.db.dispose()
    done = subprocess.run(
        [sys.executable, str(HERE / "race_for_land.py"), world.url, *flags],
        input="".join(f"{json.dumps(acts)}\n" for acts in contests),
        env=environment, capture_output=True, text=True, check=False, timeout=200,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def contestants(world: World, count: int) -> list[tuple[str, str]]:
    """(project, owner) of so many projects; the sign-ins are done before the race."""
    owners = [("operator", "rival")[n % 2] for n in range(count)]
    return [(new_project(world, who), who) for who in owners]


def report_of(world: World) -> double_claims.Report:
    return world.db.read(lambda s: double_claims.report(s, SYSTEM))


def test_trap_20_two_projects_take_the_same_land_at_once(world: World) -> None:
    """Different uploads drew it, a metre apart: five times two, and four in a ring."""
    projects = contestants(world, 4)
    contests = []
    for turn in range(5):
        pair = land(world, box(0, 1000.0 * turn), box(1, 1000.0 * turn))
        contests.append([["attach", p, [c], who] for (p, who), c in zip(projects, pair, strict=False)])
    ring = land(world, box(5000, 0), box(5095, 0), box(5095, 95), box(5000, 95))
    contests.append([["attach", p, [c], who] for (p, who), c in zip(projects, ring, strict=True)])
    outcomes = race(world, contests)
    for answers in outcomes[:5]:
        assert sorted(answers) == ["attached", "projects.land_claimed"]
    # All four meet along a side or in the middle of the ring, so that one of them has it all.
    assert sorted(outcomes[5]) == ["attached", *["projects.land_claimed"] * 3]
    assert report_of(world).items == []


def test_a_project_and_a_declaration_at_once(world: World) -> None:
    """Whichever came first: no project took land after it was declared, and what was is in the report."""
    [(project, who)] = contestants(world, 1)
    contests = []
    for turn in range(5):
        shape = box(0, 1000.0 * turn)
        [code] = land(world, shape)
        contests.append([["attach", project, [code], who], ["declare", *shape.bounds]])
    outcomes = race(world, contests)
    attached = sum(answers[0] == "attached" for answers in outcomes)
    for answers in outcomes:
        assert answers in (["attached", "declared"], ["projects.land_claimed", "declared"])
    actions = world.db.read(
        lambda s: s.scalars(
            sa.select(AuditRecord.action)
            .where(AuditRecord.action.in_(["project.attach", "claim.declare"]))
            .order_by(AuditRecord.id)
        ).all()
    )
    # One contest after the other: an attachment that succeeded stands before its contest's declaration.
    turns = iter(actions)
    for answers in outcomes:
        first = next(turns)
        if answers[0] == "attached":
            assert (first, next(turns)) == ("project.attach", "claim.declare")
        else:
            assert first == "claim.declare"
    assert len(report_of(world).items) == attached


@pytest.mark.postgresql
def test_without_the_lock_both_would_have_it(fresh_database: Callable[..., str]) -> None:
    """Negative control: the same race, seen by the same harness, is lost; the report finds it."""
    world = World(fresh_database("postgresql", prepare_world))
    projects = contestants(world, 2)
    pair = land(world, box(0, 0), box(1, 0))
    acts = [["attach", p, [c], who] for (p, who), c in zip(projects, pair, strict=True)]
    assert race(world, [acts], "unlocked") == [["attached", "attached"]]
    [item] = report_of(world).items
    assert (item.severity, item.kind) == ("open", "overlap")
    assert 9_895 < item.area_m2 < 9_905
    world.close()
