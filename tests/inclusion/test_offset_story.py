"""Citizens order, pay, forget to pay and pay late in any order (seeded); after every step it all adds up."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from inclusion_world import World
from sqlalchemy.orm import Session

from carbon_platform import ledger
from carbon_platform.credits.tables import Retirement
from carbon_platform.inclusion import offsets, rules
from carbon_platform.inclusion.errors import OffsetsSoldOut
from carbon_platform.inclusion.offset_retirement import retire_paid
from carbon_platform.inclusion.payments import Payment
from carbon_platform.inclusion.tables import OffsetLot, OffsetOrder
from carbon_platform.ledger import AccountKey, Asset
from carbon_platform.market.service import cash_key, holding_key

# The same rules on both engines; the races are in test_offsets.
pytestmark = pytest.mark.parametrize("engine_name", ["sqlite"])
STEPS = 60
START_FEN = 100_000 - 8_000  # paid in, less the tonne


def add_up(session: Session) -> None:
    """Stock, money, tickets and numbers, each from its own records."""
    lots = session.scalars(sa.select(OffsetLot)).all()
    orders = session.scalars(sa.select(OffsetOrder)).all()
    taking = (rules.AWAITING, rules.PAID, rules.RETIRED)
    for lot in lots:
        mine = [row for row in orders if row.lot_id == lot.id and row.state in taking]
        assert lot.left_kg + sum(row.quantity_kg for row in mine) == lot.quantity_kg
    pool = offsets.find_pool(session)
    assert pool is not None
    received = [row for row in orders if row.entry_id is not None]
    returned = [row for row in orders if row.state == rules.REFUNDED]
    cash = START_FEN + sum(row.amount_fen for row in received) - sum(row.amount_fen for row in returned)
    assert ledger.balance(session, cash_key(pool.holder)).posted == cash
    done = [row for row in orders if row.state == rules.RETIRED]
    used = sum(row.quantity_kg for row in done)
    batch = lots[0].batch_code
    assert ledger.balance(session, holding_key(pool.holder, batch)).posted == 1_000 - used
    gone = AccountKey(ledger.RETIRED, pool.holder, Asset.CREDIT, batch)
    assert ledger.balance(session, gone).posted == used
    assert sum(row.quantity_kg for row in session.scalars(sa.select(Retirement))) == used
    numbers = [n for row in done for first, last in row.ranges for n in range(first, last + 1)]
    assert len(numbers) == len(set(numbers)) == used
    assert all(sum(last - first + 1 for first, last in row.ranges) == row.quantity_kg for row in done)


@pytest.mark.parametrize("seed", [1, 20261123])
def test_stock_money_and_numbers_hold_after_every_step(world: World, seed: int) -> None:
    world.stocked()
    dice = random.Random(seed)
    people = world.citizens([f"市民{number}" for number in range(4)], bundle=False)
    bank = world.as_("bank").actor
    told: dict[str, int] = {}

    def open_orders(*states: str) -> list[tuple[str, str, int]]:
        statement = sa.select(OffsetOrder.code, OffsetOrder.holder, OffsetOrder.amount_fen).where(
            OffsetOrder.state.in_(states)
        )
        return [tuple(row) for row in world.db.read(lambda s: s.execute(statement).all())]

    def buy() -> None:
        wanted: dict[str, Any] = {
            "quantity_kg": dice.choice([1, 7, 60, 150]),
            "beneficiary": "",
            "year": 2026,
        }
        key, who = f"order-{dice.randrange(10**9)}", dice.choice(people)
        for _ in range(dice.choice([1, 1, 2])):  # sometimes clicked twice
            world.db.transact(
                lambda s: offsets.order(s, who, order_key=key, mode="mock", now=world.now, **wanted)
            )

    def pay() -> None:
        # Also orders that lapsed meanwhile: their money comes late.
        for code, holder, fen in open_orders(rules.AWAITING, rules.EXPIRED)[:1]:
            who = next(one for one in people if one.holder == holder)
            paid = Payment(f"p-{code}", fen)
            for _ in range(dice.choice([1, 2])):
                world.db.transact(lambda s: offsets.settle(s, who, code, paid, now=world.now))  # noqa: B023

    def lapse() -> None:
        world.at(world.now + timedelta(minutes=16))
        world.db.transact(lambda s: offsets.expire(s, now=world.now))

    def retire() -> None:
        world.db.transact(lambda s: retire_paid(s, bank, now=world.now))

    def refund() -> None:
        for code, _, _ in open_orders(rules.REFUND_DUE)[:1]:
            world.db.transact(
                lambda s: offsets.refund(s, bank, code, bank_reference="R", now=world.now)  # noqa: B023
            )

    for _ in range(STEPS):
        step = dice.choices([buy, pay, lapse, retire, refund], weights=[9, 6, 2, 2, 2])[0]
        try:
            step()
        except OffsetsSoldOut:
            told["sold_out"] = told.get("sold_out", 0) + 1
        told[step.__name__] = told.get(step.__name__, 0) + 1
        world.db.read(add_up)
    assert told["buy"] and told["pay"] and told["retire"], told
    # One kilogram made up by somebody with the database in hand does not pass.
    world.db.transact(lambda s: s.execute(sa.update(OffsetLot).values(left_kg=OffsetLot.left_kg + 1)))
    with pytest.raises(AssertionError):
        world.db.read(add_up)
