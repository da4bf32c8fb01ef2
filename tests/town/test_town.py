"""A seeded simulator of citizens, partners and shops; every sum is made again after each step (both engines).

A failing seed is printed with its last steps and replays exactly: ``TOWN_SEED=17 pytest tests/town``.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from shop_world import GOODS, prepare
from town import Town
from town_checks import check

from carbon_platform import ledger
from carbon_platform.citizens import inbox
from carbon_platform.citizens.purse import issued_account, points_account
from carbon_platform.citizens.tables import Act, Redemption, Reward
from carbon_platform.db import Database

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
NIGHTLY = bool(os.environ.get("CARBON_NIGHTLY"))
# Seeds and steps per engine: the one place to turn them up.
RUNS = (
    {"sqlite": (60, 400), "postgresql": (25, 400)}
    if NIGHTLY
    else {"sqlite": (4, 130), "postgresql": (2, 110)}
)
PAID_IN = 1_000_000
STOCK = {row["code"]: row["stock"] for rows in GOODS.values() for row in rows}


@pytest.fixture
def db(engine_name: str, fresh_database: Callable[..., str]) -> Any:
    database = Database(fresh_database(engine_name, prepare))
    yield database
    database.dispose()


def run(db: Database, seed: int, steps: int) -> Town:
    town, told = Town(db, seed, NOW), []
    try:
        for number in range(steps):
            told.append(town.step())
            try:
                db.read(lambda session: check(session, STOCK, PAID_IN, town.now))
            except AssertionError as wrong:
                raise AssertionError(f"TOWN_SEED={seed}, step {number}: {' '.join(told[-12:])}") from wrong
        while inbox.process_next(db, now=town.now).rows:
            pass
        db.read(lambda session: check(session, STOCK, PAID_IN, town.now))
    finally:
        town.close()
    return town


@pytest.mark.parametrize("place", range(max(seeds for seeds, _ in RUNS.values())))
def test_all_sums_hold_after_every_step(db: Database, engine_name: str, place: int) -> None:
    seeds, steps = RUNS[engine_name]
    if place >= seeds:
        return
    seed = int(os.environ.get("TOWN_SEED", 1_000 + place))
    town = run(db, seed, steps)
    assert town.kills and sum(town.done.values()) > steps // 2
    counted = sa.select(sa.func.count()).select_from(Act).where(Act.reduction_g > 0)
    used = sa.select(sa.func.count()).select_from(Redemption).where(Redemption.status == "used")
    assert (db.read(lambda s: s.scalar(counted)) or 0) > 20
    assert db.read(lambda s: s.scalar(used)), town.done


def test_the_same_seed_tells_the_same_story(fresh_database: Callable[..., str]) -> None:
    stories = []
    facts = sa.select(Act.source, Act.record_key, Act.status, Act.reduction_g, Act.points)
    facts = facts.where(Act.source != "self").order_by(Act.id)
    for _ in range(2):
        database = Database(fresh_database("sqlite", prepare))
        town = run(database, 7, 60)
        rows = database.read(lambda s: s.execute(facts).all())
        stories.append((town.done, town.refused, [tuple(row) for row in rows]))
        database.dispose()
    assert stories[0] == stories[1]


@pytest.mark.parametrize("fault", ["points", "stock", "line", "twice"])
def test_the_checks_find_what_is_wrong(fresh_database: Callable[..., str], fault: str) -> None:
    """Negative control: a sum that is moved by hand is noticed."""
    database = Database(fresh_database("sqlite", prepare))
    town = run(database, 3, 60)
    holder = town.people[0].actor.holder
    standing = sa.select(Act).where(Act.points > 0, Act.withdrawn_at.is_(None))

    def harm(session: Any) -> None:
        if fault == "points":
            lot = "2027-12-31"
            moves = [ledger.Move(issued_account(lot), points_account(holder, lot), 1)]
            ledger.post(session, ledger.Entry("gift", "by hand", moves, None, "nobody"), town.now)
        elif fault == "stock":
            session.execute(sa.update(Reward).where(Reward.code == "tea").values(stock=Reward.stock + 1))
        elif fault == "line":
            one = session.scalars(standing).first()
            one.reduction_g, one.creditable_g = one.reduction_g - 1, 0
        else:
            session.scalars(standing).first().points += 1

    database.transact(harm)
    with pytest.raises(AssertionError):
        database.read(lambda session: check(session, STOCK, PAID_IN, town.now))
    database.dispose()
