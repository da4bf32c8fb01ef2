"""The bad input of the issue: each is a named error that says what is wrong, and nothing is written.

Every entry is tried alone and inside a batch between two good ones, on both engines; amounts and keys
also over HTTP, where money comes in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from books import (
    BANK,
    HOUR,
    NOW,
    POINTS_ISSUED,
    assert_sound,
    cash,
    deposit,
    entry,
    hold,
    holding,
    issuance,
    issue,
    points,
    post,
    retired,
)
from journal import dump
from market_world import World, prepare_world

from carbon_platform import ledger
from carbon_platform.db import Database
from carbon_platform.errors import PlatformError
from carbon_platform.ledger import AccountKey, Asset, Entry, HoldRequest, HoldUse, Move

A, B = cash("a"), cash("b")
HUGE = 2**64


def one(amount: Any, **more: Any) -> Entry:
    return entry("bad", Move(A, B, amount), **more)


# What is asked, the error, and what its Chinese sentence names.
ENTRIES: dict[str, tuple[Entry, type[PlatformError], str]] = {
    "zero": (one(0), ledger.AmountInvalid, "第 1 笔的数量 0 "),
    "negative": (one(-5), ledger.AmountInvalid, "-5"),
    "beyond 64 bits": (one(HUGE), ledger.AmountInvalid, str(HUGE)),
    "beyond the ceiling": (one(10**15 + 1), ledger.AmountInvalid, str(10**15)),
    "fraction": (one(1.5), ledger.AmountInvalid, "1.5"),
    "whole fraction": (one(2.0), ledger.AmountInvalid, "2.0"),
    "text": (one("12"), ledger.AmountInvalid, "'12'"),
    "nothing": (one(None), ledger.AmountInvalid, "None"),
    "yes": (one(True), ledger.AmountInvalid, "True"),
    "sum beyond the ceiling": (
        entry("bad", Move(BANK, A, 10**15), Move(BANK, B, 1)),
        ledger.AmountInvalid,
        "整笔分录",
    ),
    "same account": (entry("bad", Move(A, A, 1)), ledger.SameAccount, "第 1 笔"),
    "same account in the second move": (
        entry("bad", Move(A, B, 1), Move(B, B, 1)),
        ledger.SameAccount,
        "第 2 笔",
    ),
    "other asset": (entry("bad", Move(A, points("a"), 1)), ledger.MixedAssets, "CNY → POINT"),
    "other lot": (
        entry("bad", Move(holding("a"), holding("b", "L2"), 1)),
        ledger.MixedAssets,
        "L2",
    ),
    "asset of another role": (
        entry("bad", Move(AccountKey(ledger.CASH, "a", Asset.POINT), B, 1)),
        ledger.AccountInvalid,
        "CNY",
    ),
    "closed source": (entry("bad", Move(cash("closed"), B, 1)), ledger.AccountClosed, "closed"),
    "closed destination": (entry("bad", Move(A, cash("closed"), 1)), ledger.AccountClosed, "closed"),
    "closed, credits": (
        entry("bad", Move(holding("a"), holding("closed"), 1)),
        ledger.AccountClosed,
        "closed",
    ),
    "more than there is": (one(10_000), ledger.InsufficientBalance, "¥100.00"),
    "more than is free": (one(950), ledger.InsufficientBalance, "可用 ¥9.00"),
    "more than is held": (one(200, holds=[HoldUse("held", 101)]), ledger.HoldTooSmall, "held"),
    "hold posted twice": (one(5, holds=[HoldUse("posted", 5)]), ledger.HoldClosed, "已入账"),
    "hold voided": (one(5, holds=[HoldUse("voided", 5)]), ledger.HoldClosed, "已撤销"),
    "hold out of time": (one(5, holds=[HoldUse("overdue", 5)]), ledger.HoldExpired, "overdue"),
    "unknown hold, same body": (one(100, holds=[HoldUse("hold", 100)]), ledger.HoldNotFound, "hold"),
    "hold of another account": (
        entry("bad", Move(B, A, 5), holds=[HoldUse("held", 5)]),
        ledger.HoldUnused,
        "held",
    ),
    "known reference, other body": (
        entry("deposit", Move(BANK, A, 999)),
        ledger.ReferenceConflict,
        "deposit",
    ),
    "effective in the future": (
        one(1, effective_at=NOW + timedelta(seconds=1)),
        ledger.EffectiveInFuture,
        "晚于现在",
    ),
    "effective before the account": (
        entry("bad", Move(A, cash("young"), 1), effective_at=NOW - 2 * HOUR),
        ledger.EffectiveBeforeAccount,
        "开户时间",
    ),
    "effective before the account, credits": (
        entry("bad", Move(holding("a"), holding("young"), 1), effective_at=NOW - 2 * HOUR),
        ledger.EffectiveBeforeAccount,
        "开户时间",
    ),
    "no time zone": (one(1, effective_at=NOW.replace(tzinfo=None)), ledger.EntryInvalid, "时区"),
    "out of a retirement": (
        entry("bad", Move(retired("a"), holding("a"), 1)),
        ledger.MoveNotAllowed,
        "冲正",
    ),
}

HOLDS: dict[str, tuple[HoldRequest, type[PlatformError], str]] = {
    **{
        f"amount {amount!r}": (
            HoldRequest("bad", A, amount, "order"),
            ledger.AmountInvalid,
            repr(amount),
        )
        for amount in (0, -5, HUGE, 1.5, "12", None, True)
    },
    "more than is free": (HoldRequest("bad", A, 901, "order"), ledger.InsufficientBalance, "可用 ¥9.00"),
    "known reference, other body": (
        HoldRequest("held", A, 101, "order"),
        ledger.ReferenceConflict,
        "held",
    ),
    "already over": (HoldRequest("bad", A, 1, "order", NOW), ledger.EntryInvalid, "expires_at"),
    "on a closed account": (
        HoldRequest("bad", cash("closed"), 1, "order"),
        ledger.AccountClosed,
        "closed",
    ),
    "on what has no floor": (HoldRequest("bad", BANK, 1, "order"), ledger.NotHoldable, "银行"),
    "on what is final": (HoldRequest("bad", retired("a"), 1, "order"), ledger.NotHoldable, "注销"),
    "other asset": (
        HoldRequest("bad", AccountKey(ledger.CASH, "a", Asset.POINT), 1, "order"),
        ledger.AccountInvalid,
        "CNY",
    ),
}


@pytest.fixture
def story(database: Database) -> Iterator[Database]:
    """A has ¥10, ¥1 of it held, and 50 kg; there are closed and young accounts and holds of all kinds."""
    deposit(database, "a", 1_020)
    deposit(database, "closed", 100, "deposit closed")
    issue(database, "a", 50)
    post(
        database,
        "accounts",
        Move(issuance(), holding("closed"), 1),
        Move(issuance(), holding("young"), 1),
        Move(holding("a"), retired("a"), 1),
        Move(BANK, cash("young"), 1),
    )
    hold(database, "held", A, 100)
    hold(database, "posted", A, 20)
    post(database, "paid", Move(A, B, 20), holds=[HoldUse("posted", 20)])
    hold(database, "voided", A, 10)
    database.transact(lambda s: ledger.void_hold(s, "voided", NOW))
    hold(database, "overdue", cash("closed"), 5, expires_at=NOW - HOUR / 2, now=NOW - HOUR)
    with database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE ledger_account SET state = 'closed' WHERE holder = 'closed'")
        opened = (NOW - HOUR).replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds")
        zone = "" if connection.dialect.name == "sqlite" else "+00:00"
        connection.exec_driver_sql(
            f"UPDATE ledger_account SET opened_at = '{opened}{zone}' WHERE holder = 'young'"
        )
    yield database
    assert_sound(database)


@pytest.mark.parametrize("name", ENTRIES)
def test_a_bad_entry_is_named_and_leaves_nothing(story: Database, name: str) -> None:
    wrong, error, words = ENTRIES[name]
    before = dump(story)
    with pytest.raises(error) as refused:
        story.transact(lambda s: ledger.post(s, wrong, NOW))
    assert words in refused.value.message("zh")
    assert "{" not in refused.value.message("zh") + refused.value.message("en")
    assert dump(story) == before
    good = [entry(f"good {n}", Move(POINTS_ISSUED, points("p"), 1)) for n in (1, 2)]
    outcomes = story.transact(lambda s: ledger.post_batch(s, [good[0], wrong, good[1]], NOW))
    assert [outcome.status for outcome in outcomes] == ["accepted", "refused", "accepted"]
    assert type(outcomes[1].refused) is error
    assert outcomes[1].refused.message("zh") == refused.value.message("zh")
    after = dump(story)
    assert len(after) == len(before) + 5, "two entries of a line and a move each, and one new balance"


@pytest.mark.parametrize("name", HOLDS)
def test_a_bad_hold_is_named_and_leaves_nothing(story: Database, name: str) -> None:
    wrong, error, words = HOLDS[name]
    before = dump(story)
    with pytest.raises(error) as refused:
        story.transact(lambda s: ledger.hold(s, wrong, NOW))
    assert words in refused.value.message("zh")
    assert dump(story) == before


def test_void_twice_and_void_the_unknown(story: Database) -> None:
    before = dump(story)
    for reference, error in (
        ("voided", ledger.HoldClosed),
        ("posted", ledger.HoldClosed),
        ("?", ledger.HoldNotFound),
    ):
        with pytest.raises(error):
            story.transact(lambda s, r=reference: ledger.void_hold(s, r, NOW))
    assert dump(story) == before


def test_a_hold_asked_for_again_after_its_time_is_answered_as_before(database: Database) -> None:
    """Same key, same body, same answer, whatever the clock says now (invariant 5)."""
    deposit(database, "a", 100)
    request = HoldRequest("h", A, 60, "order", NOW + HOUR)
    first = database.transact(lambda s: ledger.hold(s, request, NOW))
    late = database.transact(lambda s: ledger.hold(s, request, NOW + 2 * HOUR))
    assert (late.hold_id, late.replayed) == (first.hold_id, True)


AMOUNTS = [0, -1, 1.5, "1", "十", None, True, 2**63, 2**64, 10**40, [], {}]


@pytest.fixture
def world(fresh_database: Callable[..., str]) -> Iterator[World]:
    world = World(fresh_database("sqlite", prepare_world))
    yield world
    world.assert_sound()
    world.close()


def test_bad_amounts_over_http(world: World) -> None:
    organisation = world.actor("alpha").organisation_id
    before = dump(world.db)
    for amount in AMOUNTS:
        body = {"organisation_id": organisation, "amount_fen": amount, "bank_reference": "slip"}
        answer = world.call("bank", "POST", "/cash-deposits", body)
        assert answer.status_code == 422, (amount, answer.get_json())
        problem = answer.get_json()
        assert "amount" in str(problem.get("errors", problem["detail"])) or "数量" in problem["detail"]
    assert dump(world.db) == before


def test_keys_over_http(world: World) -> None:
    """A key with another body is a conflict; the same slip under an unknown key is the same deposit."""
    organisation = world.actor("alpha").organisation_id
    body = {"organisation_id": organisation, "amount_fen": 500, "bank_reference": "slip"}
    first = world.call("bank", "POST", "/cash-deposits", body, key="k1")
    assert first.status_code == 201
    before = dump(world.db)
    assert world.call("bank", "POST", "/cash-deposits", body, key="k1").get_json() == first.get_json()
    other = world.call("bank", "POST", "/cash-deposits", {**body, "amount_fen": 501}, key="k1")
    assert other.status_code in (409, 422) and other.get_json()["code"]
    altered = world.call("bank", "POST", "/cash-deposits", {**body, "amount_fen": 501}, key="k2")
    assert (altered.status_code, "slip" in altered.get_json()["detail"]) == (409, True)
    assert world.call("bank", "POST", "/cash-deposits", body, key="k3").status_code < 300
    assert dump(world.db) == before
