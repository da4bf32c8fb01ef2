"""Invalidation with make-good, and cancellation: two log-ins, one entry, and nothing lost (both engines)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from project_world import NOW, World
from registry_desk import (
    assert_nothing_lost,
    cancel,
    decide,
    held_by,
    holding,
    organisation,
    pledge,
    position,
    prepare_registry,
    propose,
    sell,
)
from ticket_desk import batch_codes, retire

from carbon_platform import ledger
from carbon_platform.credits import cancellation, certificates, invalidation, pledges, retirement
from carbon_platform.credits.cancellation import MoreThanOwed
from carbon_platform.credits.decisions import AlreadyDecided, SamePerson
from carbon_platform.credits.invalidation import AlreadyVoid, NumbersWrong, StillOnHold
from carbon_platform.credits.registry_tables import Invalidation, Pledge
from carbon_platform.credits.tables import BatchShare, CreditBatch
from carbon_platform.errors import NotFound
from carbon_platform.ledger import HoldRequest, Range
from carbon_platform.parcels.tables import Parcel


@pytest.fixture
def world(engine_name: str, fresh_database: Callable[..., str]) -> Iterator[World]:
    world = World(fresh_database(engine_name, prepare_registry))
    yield world
    assert_nothing_lost(world)
    world.close()


def debt(world: World, made: Invalidation) -> invalidation.Debt | None:
    return world.db.read(lambda s: invalidation.debt_of(s, s.get_one(Invalidation, made.id)))


def test_numbers_are_taken_from_wherever_they_are_and_used_ones_are_owed(world: World) -> None:
    """Numbers 1–1,000 retired, 1,001–1,500 pledged, 1,501–3,000 with a buyer, the rest with the owner."""
    batch, other = batch_codes(world)
    whole = held_by(world, batch, "operator")
    paper = retire(world, batch, 1_000)
    made = pledge(world, batch, 500)
    sell(world, batch, 1_500, "alpha")
    named = propose(world, batch, numbers=[(901, 1_100), (1_401, 1_600), (2_901, 3_100)])
    assert (named.quantity_kg, named.status) == (600, "proposed")
    assert "invalidated" not in position(world, batch)  # nothing moves before the second log-in
    assert decide(world, named.number).status == "confirmed"
    assert position(world, batch) == {
        "available": whole - 1_000 - 500 - 300, "pledged": 300, "retired": 1_000, "invalidated": 500,
    }  # fmt: skip
    assert held_by(world, batch, "alpha") == 1_500 - 200
    left = world.db.read(lambda s: pledges.view(s, s.get_one(Pledge, made.id)))
    assert (left.left_kg, [(r.first, r.last) for r in left.ranges]) == (300, [(1_101, 1_400)])
    assert [(step.kind, step.quantity_kg) for step in left.steps] == [("invalidate", 200)]
    # Retired kilograms never move: the certificate stays what it was, and the owner owes as many.
    assert world.db.read(
        lambda s: certificates.differences(s, retirement.get_retirement(s, paper.certificate_number))
    ) == []  # fmt: skip
    assert debt(world, named) == invalidation.Debt(named.number, 100, 0)
    with pytest.raises(MoreThanOwed):
        cancel(world, other, 101, make_good=named.number)
    with pytest.raises(NotFound):
        cancel(world, batch, 1, "alpha", make_good=named.number)  # not the owner
    cancel(world, other, 60, make_good=named.number)
    cancel(world, other, 40, make_good=named.number)
    assert debt(world, named) == invalidation.Debt(named.number, 100, 100)
    with pytest.raises(MoreThanOwed):
        cancel(world, other, 1, make_good=named.number)
    assert position(world, other)["cancelled"] == 100


def test_a_parcel_takes_its_own_numbers_with_it(world: World) -> None:
    batch = batch_codes(world)[1]
    parcel, first, last = world.db.read(
        lambda s: s.execute(
            sa.select(Parcel.code, BatchShare.first, BatchShare.last)
            .join(BatchShare, BatchShare.parcel_id == Parcel.id)
            .join(CreditBatch)
            .where(CreditBatch.code == batch)
            .order_by(BatchShare.first.desc())
        ).first()
    )
    named = propose(world, batch, parcels=[parcel], numbers=[(last, last)])
    assert world.db.read(
        lambda s: invalidation.ranges_of(s, s.get_one(Invalidation, named.id))
    ) == [Range(first, last)]  # fmt: skip
    decide(world, named.number)
    assert position(world, batch)["invalidated"] == last - first + 1
    assert debt(world, named) is None
    with pytest.raises(NotFound):
        propose(world, batch_codes(world)[0], parcels=[parcel])


def test_two_log_ins_and_once_only(world: World) -> None:
    batch = batch_codes(world)[0]
    named = propose(world, batch, numbers=[(1, 10)])
    with pytest.raises(SamePerson):
        decide(world, named.number, "ecology")
    assert decide(world, named.number, confirm=False).status == "rejected"
    with pytest.raises(AlreadyDecided):
        decide(world, named.number)
    assert "invalidated" not in position(world, batch)
    # What was turned down can be proposed again; two proposals for the same numbers, and one is confirmed.
    again, rival = (propose(world, batch, numbers=[(1, 10)]) for _ in range(2))
    decide(world, again.number)
    with pytest.raises(AlreadyVoid) as refused:
        decide(world, rival.number)
    assert again.number in refused.value.message("zh")
    with pytest.raises(AlreadyVoid):
        propose(world, batch, numbers=[(10, 11)])


def test_what_is_listed_has_to_be_withdrawn_first(world: World) -> None:
    batch = batch_codes(world)[0]
    key = holding(world, batch, "operator")
    have = held_by(world, batch, "operator")
    request = HoldRequest("listing:7", key, have - 100, "listing")
    world.db.transact(lambda s: ledger.hold(s, request, NOW))
    named = propose(world, batch, numbers=[(1, 101)])
    with pytest.raises(StillOnHold) as refused:
        decide(world, named.number)
    assert "listing:7" in refused.value.message("zh")
    [finding] = refused.value.errors
    assert "operator（测试）" in finding["zh"]
    assert "0.100 吨" in finding["zh"]
    assert position(world, batch) == {"available": 100, "held": have - 100}
    world.db.transact(lambda s: ledger.void_hold(s, "listing:7", NOW))
    decide(world, named.number)
    assert position(world, batch) == {"available": have - 101, "invalidated": 101}


def test_a_pledge_of_which_nothing_is_left(world: World) -> None:
    batch = batch_codes(world)[0]
    made = pledge(world, batch, 50)
    decide(world, propose(world, batch, numbers=[(1, 50)]).number)
    found = world.db.read(lambda s: s.get_one(Pledge, made.id))
    assert (found.status, found.closed_at is None) == ("voided", False)


def test_void_kilograms_made_nothing_good(world: World) -> None:
    batch, other = batch_codes(world)
    retire(world, batch, 100)
    first = propose(world, batch, numbers=[(1, 100)])
    decide(world, first.number)
    cancel(world, other, 100, make_good=first.number)
    cancel(world, other, 5)
    second = propose(world, other, numbers=[(51, 105)])
    decide(world, second.number)
    assert debt(world, second) == invalidation.Debt(second.number, 50, 0)  # 101–105 answered for nothing


@pytest.mark.parametrize(
    "numbers",
    [[], [(0, 1)], [(2, 1)], [(1, 10**9)], [(-5, -1)], [(1, 2**64)], [(n, n) for n in range(1, 1_002)]],
)
def test_numbers_that_are_none(world: World, numbers: list[tuple[int, int]]) -> None:
    with pytest.raises(NumbersWrong):
        propose(world, batch_codes(world)[0], numbers=numbers)


def order(world: World, batch: str, quantity_kg: int, of: str, who: str = "ecology") -> Any:
    actor, organisation_id = world.actor(who), organisation(world, of)
    return world.db.transact(
        lambda s: cancellation.order(
            s, actor, batch=batch, organisation_id=organisation_id, quantity_kg=quantity_kg,
            reason="处罚", document="信环罚〔2026〕2号", now=world.now,
        )
    )  # fmt: skip


def decide_order(world: World, number: str, who: str, *, confirm: bool = True) -> Any:
    actor = world.actor(who)
    return world.db.transact(
        lambda s: cancellation.decide_order(s, actor, number, confirm=confirm, note="", now=world.now)
    )


def test_cancellation_is_no_retirement_and_has_no_certificate(world: World) -> None:
    batch = batch_codes(world)[0]
    have = held_by(world, batch, "operator")
    made = cancel(world, batch, 250)
    assert (made.number, made.kind, made.status) == ("XY-Q2026-000001", "voluntary", "done")
    assert position(world, batch) == {"available": have - 250, "cancelled": 250}
    with pytest.raises(ledger.InsufficientBalance):
        cancel(world, batch, have)
    with pytest.raises(ledger.AmountInvalid):
        cancel(world, batch, 0)


def test_an_ordered_cancellation_needs_two(world: World) -> None:
    batch = batch_codes(world)[0]
    sell(world, batch, 300, "alpha")
    with pytest.raises(ledger.InsufficientBalance):
        order(world, batch, 301, "alpha")
    made = order(world, batch, 200, "alpha")
    assert "cancelled" not in position(world, batch)
    with pytest.raises(SamePerson):
        decide_order(world, made.number, "ecology")
    assert decide_order(world, made.number, "forestry").status == "done"
    assert held_by(world, batch, "alpha") == 100
    with pytest.raises(AlreadyDecided):
        decide_order(world, made.number, "forestry")
    turned_down = order(world, batch, 100, "alpha")
    assert decide_order(world, turned_down.number, "forestry", confirm=False).status == "rejected"
    assert held_by(world, batch, "alpha") == 100
    with pytest.raises(NotFound):
        decide_order(world, cancel(world, batch, 1).number, "forestry")  # a holder's own is no order
