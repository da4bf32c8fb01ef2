"""Two phases: hold → post | void | expire, each once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from books import (
    BANK,
    HOUR,
    LOT,
    NOW,
    assert_sound,
    balance,
    cash,
    deposit,
    entry,
    hold,
    holding,
    issue,
    numbers,
    post,
    retired,
)

from carbon_platform import ledger
from carbon_platform.db import Database
from carbon_platform.ledger import HoldRequest, HoldUse, Move


def test_a_hold_counts_at_once(database: Database) -> None:
    deposit(database, "a", 100)
    held = hold(database, "h", cash("a"), 60)
    assert (held.amount, held.remaining, held.posted, held.status) == (100 - 40, 60, 0, "open")
    assert balance(database, cash("a")) == (100, 60)
    with pytest.raises(ledger.InsufficientBalance) as refused:
        post(database, "pay", Move(cash("a"), cash("b"), 41))
    assert refused.value.values["available"] == 40
    with pytest.raises(ledger.InsufficientBalance):
        hold(database, "h2", cash("a"), 41)
    with pytest.raises(ledger.InsufficientBalance):
        hold(database, "h3", cash("nobody"), 1)
    post(database, "pay", Move(cash("a"), cash("b"), 40))
    assert_sound(database)


@pytest.mark.parametrize("release_rest", [False, True])
def test_part_is_posted_the_rest_stays_or_returns(database: Database, release_rest: bool) -> None:
    issue(database, "a", 100)
    hold(database, "h", holding("a"), 60)
    pay = entry("e", Move(holding("a"), retired("a"), 25))

    def work(s: object) -> ledger.Posted:
        return ledger.post_hold(s, "h", pay, NOW, 25, release_rest=release_rest)  # type: ignore[arg-type]

    first = database.transact(work)
    assert database.transact(work) == ledger.Posted(first.entry_id, replayed=True)
    assert numbers(database, retired("a")) == [(1, 25)]
    assert balance(database, holding("a")) == (75, 0 if release_rest else 35)
    now_held = database.read(lambda s: ledger.get_hold(s, "h"))
    assert now_held.posted == 25
    assert (now_held.status, now_held.remaining) == (("posted", 0) if release_rest else ("open", 35))
    rest = entry("e2", Move(holding("a"), retired("a"), 35))
    if release_rest:
        with pytest.raises(ledger.HoldClosed):
            database.transact(lambda s: ledger.post_hold(s, "h", rest, NOW, 35))
    else:
        database.transact(lambda s: ledger.post_hold(s, "h", rest, NOW, 35))
        assert database.read(lambda s: ledger.get_hold(s, "h")).status == "posted"
        assert balance(database, holding("a")) == (40, 0)
    assert_sound(database)


def test_never_more_than_held_and_never_without_moving_it(database: Database) -> None:
    deposit(database, "a", 100)
    hold(database, "h", cash("a"), 60)
    with pytest.raises(ledger.HoldTooSmall):
        post(database, "e", Move(cash("a"), cash("b"), 61), holds=[HoldUse("h", 61)])
    with pytest.raises(ledger.HoldUnused):
        post(database, "e", Move(cash("a"), cash("b"), 59), holds=[HoldUse("h", 60)])
    with pytest.raises(ledger.HoldUnused):
        post(database, "e", Move(BANK, cash("b"), 60), holds=[HoldUse("h", 60)])
    with pytest.raises(ledger.HoldNotFound):
        post(database, "e", Move(cash("a"), cash("b"), 60), holds=[HoldUse("g", 60)])
    with pytest.raises(ledger.EntryInvalid):
        post(database, "e", Move(cash("a"), cash("b"), 60), holds=[HoldUse("h", 6), HoldUse("h", 6)])
    assert balance(database, cash("a")) == (100, 60)
    post(database, "fee on top", Move(cash("a"), cash("b"), 63), holds=[HoldUse("h", 60)])
    assert balance(database, cash("a")) == (37, 0)
    assert_sound(database)


def test_one_entry_settles_the_holds_of_both_sides(database: Database) -> None:
    issue(database, "seller", 500)
    deposit(database, "buyer", 10_000)
    hold(database, "listing", holding("seller"), 500)
    hold(database, "order", cash("buyer"), 4_000)
    post(
        database,
        "trade",
        Move(holding("seller"), holding("buyer"), 200),
        Move(cash("buyer"), cash("seller"), 3_900),
        holds=[HoldUse("order", 3_900, release_rest=True), HoldUse("listing", 200)],
    )
    assert balance(database, holding("seller")) == (300, 300)
    assert balance(database, cash("buyer")) == (6_100, 0)
    assert numbers(database, holding("buyer")) == [(1, 200)]
    assert_sound(database)


def test_void_once(database: Database) -> None:
    deposit(database, "a", 100)
    hold(database, "h", cash("a"), 60)
    assert database.transact(lambda s: ledger.void_hold(s, "h", NOW)).status == "voided"
    assert balance(database, cash("a")) == (100, 0)
    with pytest.raises(ledger.HoldClosed):
        database.transact(lambda s: ledger.void_hold(s, "h", NOW))
    with pytest.raises(ledger.HoldClosed):
        post(database, "e", Move(cash("a"), cash("b"), 60), holds=[HoldUse("h", 60)])
    with pytest.raises(ledger.HoldNotFound):
        database.transact(lambda s: ledger.void_hold(s, "no such", NOW))
    assert_sound(database)


def test_expiry(database: Database) -> None:
    deposit(database, "a", 100)
    hold(database, "h1", cash("a"), 60, expires_at=NOW + HOUR)
    hold(database, "h2", cash("a"), 10, expires_at=NOW + 2 * HOUR)
    hold(database, "h3", cash("a"), 20)
    later = NOW + HOUR
    with pytest.raises(ledger.HoldExpired):
        post(database, "e", Move(cash("a"), cash("b"), 60), holds=[HoldUse("h1", 60)], now=later)
    assert balance(database, cash("a")) == (100, 90), "counts until the job has run"
    assert database.transact(lambda s: ledger.expire_holds(s, later)) == ["h1"]
    assert database.transact(lambda s: ledger.expire_holds(s, later)) == []
    assert balance(database, cash("a")) == (100, 30)
    assert [h.reference for h in database.read(lambda s: ledger.open_holds(s, cash("a")))] == ["h2", "h3"]
    with pytest.raises(ledger.HoldClosed):
        database.transact(lambda s: ledger.void_hold(s, "h1", later))
    assert_sound(database)


def test_same_hold_again_is_the_same_hold(database: Database) -> None:
    deposit(database, "a", 100)
    first = hold(database, "h", cash("a"), 60)
    again = hold(database, "h", cash("a"), 60)
    assert (again.hold_id, again.replayed, first.replayed) == (first.hold_id, True, False)
    assert balance(database, cash("a")) == (100, 60)
    with pytest.raises(ledger.ReferenceConflict):
        hold(database, "h", cash("a"), 61)
    database.transact(lambda s: ledger.void_hold(s, "h", NOW))
    assert hold(database, "h", cash("a"), 60).status == "voided"
    assert balance(database, cash("a")) == (100, 0)


def test_holds_that_are_not_holds(database: Database) -> None:
    for amount in (0, -1, 1.5, True):
        with pytest.raises(ledger.AmountInvalid):
            hold(database, "h", cash("a"), amount)  # type: ignore[arg-type]
    for key in (BANK, retired("a")):
        with pytest.raises(ledger.NotHoldable):
            hold(database, "h", key, 1)
    with pytest.raises(ledger.EntryInvalid):
        hold(database, "h", cash("a"), 1, expires_at=NOW)
    with pytest.raises(ledger.AccountInvalid):
        hold(database, "h", holding("a", ""), 1)
    nobody = HoldRequest("h", cash("a"), 1, "")
    with pytest.raises(ledger.EntryInvalid):
        database.transact(lambda s: ledger.hold(s, nobody, NOW))


def test_posting_a_hold_of_credits_carries_the_low_part(database: Database) -> None:
    issue(database, "a", 100)
    hold(database, "h", holding("a"), 30)
    post(database, "free", Move(holding("a"), holding("b", LOT), 50))
    post(database, "e", Move(holding("a"), retired("a"), 30), holds=[HoldUse("h", 30)])
    assert numbers(database, retired("a")) == [(51, 80)]
    assert_sound(database)


def test_held_at_an_earlier_time(database: Database) -> None:
    deposit(database, "a", 100)
    hold(database, "h", cash("a"), 60, now=NOW + HOUR)
    post(database, "e", Move(cash("a"), cash("b"), 20), holds=[HoldUse("h", 20)], now=NOW + 2 * HOUR)
    database.transact(lambda s: ledger.void_hold(s, "h", NOW + 3 * HOUR))
    seen = [
        balance(database, cash("a"), as_recorded=NOW + timedelta(minutes=30) + HOUR * i) for i in range(4)
    ]
    assert seen == [(100, 0), (100, 60), (80, 40), (80, 0)]
