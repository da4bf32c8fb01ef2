"""Freezes by hand and by night: who may lift, what waits meanwhile; accounts opened and closed."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from books import BANK, LOT, NOW, balance, cash, deposit, entry, hold, holding, issue, post, retired

from carbon_platform import ledger
from carbon_platform.db import Database
from carbon_platform.ledger import (
    AccountClosed,
    AccountFrozen,
    AccountInvalid,
    AccountKey,
    AccountNotClosable,
    AccountNotFound,
    AccountOpenedOtherwise,
    Asset,
    EffectiveBeforeAccount,
    EffectiveInFuture,
    EntryInvalid,
    FreezeLifted,
    FreezeNotFound,
    LiftRefused,
    Move,
)

DAY = timedelta(days=1)


def id_of(database: Database, key: AccountKey) -> int:
    with database.engine.connect() as connection:
        asked = (key.role, key.holder, key.lot)
        rows = connection.exec_driver_sql("SELECT id, role, holder, lot FROM ledger_account").all()
    [found] = [row.id for row in rows if (row.role, row.holder, row.lot) == asked]
    return int(found)


def freeze(database: Database, by: str = "王敏", **what: Any) -> list[int]:
    return database.transact(lambda s: ledger.freeze(s, reason="查账", by=by, now=NOW, **what))


def lift(database: Database, number: int, by: str = "李强", note: str = "已查清") -> ledger.Freeze:
    return database.transact(lambda s: ledger.lift(s, number, by=by, note=note, now=NOW + DAY))


def pay(database: Database, reference: str) -> None:
    post(database, reference, Move(BANK, cash("a"), 1))


def test_only_another_person_with_a_reason_lifts(database: Database) -> None:
    deposit(database, "a", 5)
    [number] = freeze(database, account_ids=[id_of(database, cash("a")), 999])
    for by, note in (("王敏", "已查清"), ("李强", " "), ("", "已查清")):
        with pytest.raises(LiftRefused):
            lift(database, number, by, note)
    with pytest.raises(AccountFrozen):
        pay(database, "p1")
    with pytest.raises(AccountFrozen):
        hold(database, "h", cash("a"), 1)
    lifted = lift(database, number)
    assert (lifted.account, lifted.lot, lifted.lifted_by, lifted.note) == (cash("a"), None, "李强", "已查清")
    assert database.read(ledger.lifted_freezes) == [lifted]
    assert database.read(ledger.open_freezes) == []
    pay(database, "p1")
    with pytest.raises(FreezeLifted):
        lift(database, number)
    with pytest.raises(FreezeNotFound):
        lift(database, number + 1)
    assert balance(database, cash("a")) == (6, 0)


def test_the_last_of_several_freezes_lets_go(database: Database) -> None:
    issue(database, "a", 10)
    post(database, "gone", Move(holding("a"), retired("a"), 1))
    account = id_of(database, holding("a"))
    [one] = freeze(database, account_ids=[account])
    assert freeze(database, account_ids=[account]) == []
    [other] = freeze(database, "赵磊", account_ids=[account])
    [lot] = freeze(database, lots=[LOT])
    for number in (one, lot, other):
        with pytest.raises(AccountFrozen):
            post(database, "more", Move(holding("a"), retired("a"), 1))
        lift(database, number)
    post(database, "more", Move(holding("a"), retired("a"), 1))
    assert freeze(database, lots=["no such lot"]) == [lot + 1]


def test_a_frozen_lot_takes_no_new_holder(database: Database) -> None:
    issue(database, "a", 10)
    [number] = freeze(database, lots=[LOT])
    with pytest.raises(AccountFrozen):
        post(database, "to b", Move(holding("a"), holding("b"), 1))
    with pytest.raises(AccountFrozen):
        issue(database, "c", 1, "more of it")
    issue(database, "a", 3, "another lot", "LOT-2")
    lift(database, number)
    post(database, "to b", Move(holding("a"), holding("b"), 1))


def test_who_waits_for_the_balance_finds_it_frozen(database: Database) -> None:
    deposit(database, "a", 5)
    account = id_of(database, cash("a"))
    refusals: list[Exception] = []

    def wait_and_post() -> None:
        try:
            post(database, "waiting", Move(cash("a"), BANK, 1))
        except AccountFrozen as refusal:
            refusals.append(refusal)

    waiting = threading.Thread(target=wait_and_post)

    def work(session: Any) -> None:
        ledger.freeze(session, account_ids=[account], reason="查账", by="王敏", now=NOW)
        waiting.start()
        waiting.join(0.3)
        assert waiting.is_alive(), "the posting waits for the row that the freeze has locked"

    database.transact(work)
    waiting.join(20)
    assert [type(refusal) for refusal in refusals] == [AccountFrozen]
    assert balance(database, cash("a")) == (5, 0)


def open_account(database: Database, key: AccountKey, opened_at: Any) -> None:
    database.transact(lambda s: ledger.open_account(s, key, opened_at, NOW))


def close_account(database: Database, key: AccountKey) -> None:
    database.transact(lambda s: ledger.close_account(s, key, NOW, "王敏"))


def test_nothing_takes_effect_before_an_account_is_open(database: Database) -> None:
    for _ in range(2):
        open_account(database, cash("a"), NOW - DAY)
    with pytest.raises(AccountOpenedOtherwise):
        open_account(database, cash("a"), NOW - 2 * DAY)
    with pytest.raises(EffectiveBeforeAccount):
        post(database, "early", Move(BANK, cash("a"), 1), effective_at=NOW - DAY - DAY)
    post(database, "then", Move(BANK, cash("a"), 1), effective_at=NOW - DAY)
    post(database, "early", Move(BANK, cash("b"), 1), effective_at=NOW - 2 * DAY)
    with pytest.raises(AccountOpenedOtherwise):
        open_account(database, cash("b"), NOW - DAY)
    open_account(database, cash("b"), NOW - 2 * DAY)


@pytest.mark.parametrize(
    ("key", "opened_at", "error"),
    [
        (AccountKey("nobody", "a", Asset.CNY), NOW, AccountInvalid),
        (AccountKey(ledger.CASH, "a", Asset.POINT), NOW, AccountInvalid),
        (AccountKey(ledger.CASH, "", Asset.CNY), NOW, AccountInvalid),
        (AccountKey(ledger.HOLDING, "a", Asset.CREDIT), NOW, AccountInvalid),
        (cash("a"), NOW + DAY, EffectiveInFuture),
        (cash("a"), NOW.replace(tzinfo=None), EntryInvalid),
    ],
)
def test_what_cannot_be_opened(
    database: Database, key: AccountKey, opened_at: Any, error: type[Exception]
) -> None:
    with pytest.raises(error):
        open_account(database, key, opened_at)
    assert database.read(lambda s: ledger.balances(s, key.holder)) == []


def test_only_an_empty_account_closes_and_then_for_ever(database: Database) -> None:
    with pytest.raises(AccountNotFound):
        close_account(database, cash("a"))
    deposit(database, "a", 5)
    hold(database, "h", cash("a"), 2)
    with pytest.raises(AccountNotClosable, match=r"0\.05.*0\.02"):
        close_account(database, cash("a"))
    database.transact(lambda s: ledger.void_hold(s, "h", NOW))
    post(database, "out", Move(cash("a"), cash("b"), 5))
    [number] = freeze(database, account_ids=[id_of(database, cash("a"))])
    with pytest.raises(AccountNotClosable):
        close_account(database, cash("a"))
    lift(database, number)
    for _ in range(2):
        close_account(database, cash("a"))
    with pytest.raises(AccountClosed):
        pay(database, "late")
    [again] = freeze(database, account_ids=[id_of(database, cash("a"))])
    lift(database, again)
    with pytest.raises(AccountClosed):
        pay(database, "late")
    with database.engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT closed_by FROM ledger_closure").all()
    assert [tuple(row) for row in rows] == [("王敏",)]


def test_a_counter_account_of_the_platform_is_never_closed(database: Database) -> None:
    """It has no balance row to wait for, so a payment on its way would end up in a closed account."""
    deposit(database, "a", 5)
    database.transact(lambda s: ledger.post(s, entry("back", Move(cash("a"), BANK, 5)), NOW))
    with pytest.raises(AccountNotClosable):
        close_account(database, BANK)
    pay(database, "late")
