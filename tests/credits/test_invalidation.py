"""Invalidation with make-good, and cancellation: two log-ins, one entry, and nothing lost (both engines)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
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
from ticket_desk import batch_codes, give, retire

from carbon_platform import ledger
from carbon_platform.credits import cancellation, certificates, invalidation, pledges, retirement
from carbon_platform.credits.cancellation import HolderShort, MoreThanOwed
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
    with pytest.raises(HolderShort):
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


def frozen(world: World) -> set[str]:
    return {one.frozen_by for one in world.db.read(ledger.open_freezes)}


def test_what_is_proposed_stands_still_until_it_is_decided(world: World) -> None:
    """Numbers 1–100 pledged, 101–200 with a buyer: neither they nor the rest of the owner's move."""
    batch, other = batch_codes(world)
    made = pledge(world, batch, 100)
    sell(world, batch, 100, "alpha")
    named = propose(world, batch, numbers=[(51, 150)])
    bank = world.actor("bank")
    for move in (
        lambda: sell_back(world, batch, 1),
        lambda: retire(world, batch, 1, "alpha"),
        lambda: world.db.transact(
            lambda s: pledges.release(s, bank, made.number, quantity_kg=1, document="解", now=NOW)
        ),
    ):
        with pytest.raises(ledger.AccountFrozen):
            move()
    retire(world, batch, 1)  # the owner has none of the numbers left
    retire(world, other, 1)
    by_audit = world.db.transact(
        lambda s: ledger.freeze_by_hand(
            s, keys=[holding(world, batch, "alpha")], reason="核对", by="ledger.reconcile", now=NOW
        )
    )
    with pytest.raises(ledger.AccountFrozen):
        decide(world, named.number)  # nobody else's freeze is lifted on the way
    world.db.transact(lambda s: ledger.lift(s, by_audit[0], by="审计", note="查清", now=NOW))
    with pytest.raises(ledger.AccountFrozen):
        sell_back(world, batch, 1)
    decide(world, named.number)
    assert frozen(world) == set()
    assert position(world, batch)["invalidated"] == 100
    sell_back(world, batch, 50)
    turned_down = propose(world, batch, numbers=[(300, 300)])
    with pytest.raises(ledger.AccountFrozen):
        retire(world, batch, 1)
    decide(world, turned_down.number, confirm=False)
    retire(world, batch, 1)


def sell_back(world: World, batch: str, quantity_kg: int) -> None:
    ours, theirs = holding(world, batch, "alpha"), holding(world, batch, "operator")
    world.db.transact(lambda s: give(s, ours, theirs, quantity_kg, f"back:{quantity_kg}", NOW))


def test_two_proposals_for_one_account_do_not_block_each_other(world: World) -> None:
    batch = batch_codes(world)[0]
    one, two = propose(world, batch, numbers=[(1, 10)]), propose(world, batch, numbers=[(21, 30)])
    third = order(world, batch, 5, "operator")
    assert len(frozen(world)) == 3
    decide(world, one.number)
    assert {name.split(":")[1] for name in frozen(world)} == {two.number, third.number}
    with pytest.raises(ledger.AccountFrozen):
        retire(world, batch, 1)
    decide_order(world, third.number, "forestry")
    with pytest.raises(ledger.AccountFrozen):
        retire(world, batch, 1)
    decide(world, two.number)
    retire(world, batch, 1)
    assert (position(world, batch)["invalidated"], position(world, batch)["cancelled"]) == (20, 5)


def test_an_order_is_refused_in_the_organisation_s_name(world: World) -> None:
    batch = batch_codes(world)[0]
    sell(world, batch, 300, "alpha")
    key = holding(world, batch, "alpha")
    made = order(world, batch, 200, "alpha")
    [freeze] = world.db.read(ledger.open_freezes)
    world.db.transact(lambda s: ledger.lift(s, freeze.freeze_id, by="审计", note="试", now=NOW))
    world.db.transact(lambda s: ledger.hold(s, HoldRequest("listing:9", key, 200, "listing"), NOW))
    with pytest.raises(HolderShort) as refused:
        decide_order(world, made.number, "forestry")
    for language in ("zh", "en"):
        words = refused.value.message(language)
        assert "alpha（测试）" in words
        assert key.holder not in words
        assert "0.100" in words


def test_another_county_s_batch_is_not_there(world: World) -> None:
    """``xinxian`` works for 新县 (411523); the first batch is 光山's (411522)."""
    counties = world.db.read(lambda s: s.execute(sa.select(CreditBatch.county_code, CreditBatch.code)).all())
    far, near = (dict(counties)[county] for county in ("411522", "411523"))
    with pytest.raises(NotFound):
        propose(world, far, "xinxian", numbers=[(1, 1)])
    with pytest.raises(NotFound):
        order(world, far, 1, "operator", "xinxian")
    named, ordered = propose(world, far, numbers=[(1, 1)]), order(world, far, 1, "operator")
    with pytest.raises(NotFound):
        decide(world, named.number, "xinxian")
    with pytest.raises(NotFound):
        decide_order(world, ordered.number, "xinxian")
    clerk, city = world.actor("xinxian"), world.actor("forestry")
    nobody = replace(clerk, region_code="")
    own = propose(world, near, "xinxian", numbers=[(1, 1)])
    for actor, seen in ((clerk, [own.number]), (city, [own.number, named.number]), (nobody, [])):
        found = world.db.read(lambda s, a=actor: list(s.scalars(invalidation.in_sight(a))))
        assert [one.number for one in found] == seen
        orders = world.db.read(lambda s, a=actor: list(s.scalars(cancellation.in_sight(a))))
        assert [one.number for one in orders] == ([ordered.number] if actor is city else [])
    with pytest.raises(NotFound):
        world.db.read(lambda s: invalidation.get_invalidation(s, clerk, named.number))
