"""What posting does and refuses, on both engines."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa
from books import (
    BANK,
    LOT,
    NOW,
    POINTS_ISSUED,
    assert_sound,
    balance,
    cash,
    deposit,
    entry,
    holding,
    issuance,
    issue,
    numbers,
    points,
    post,
    retired,
)

from carbon_platform import ledger
from carbon_platform.db import Database
from carbon_platform.ledger import MAX_AMOUNT, AccountKey, Asset, Move


def test_issue_transfer_retire_carry_the_lowest_numbers(database: Database) -> None:
    issue(database, "a", 1000)
    post(database, "t1", Move(holding("a"), holding("b"), 300))
    post(database, "t2", Move(holding("a"), holding("c"), 200))
    post(database, "t3", Move(holding("b"), holding("a"), 100))
    assert numbers(database, holding("a")) == [(1, 100), (501, 1000)]
    assert numbers(database, holding("b")) == [(101, 300)]
    assert numbers(database, holding("c")) == [(301, 500)]
    done = post(database, "r1", Move(holding("a"), retired("a"), 150))
    moved = database.read(lambda s: ledger.movement_ranges(s, done.entry_id))
    assert [(m.numbers.first, m.numbers.last, m.lot) for m in moved] == [(1, 100, LOT), (501, 550, LOT)]
    assert moved[0].destination == retired("a")
    issue(database, "a", 10, "issue2")
    assert numbers(database, holding("a")) == [(551, 1010)], "neighbours are joined"
    assert balance(database, issuance()) == (-1010, 0)
    assert_sound(database)


def test_an_entry_moves_goods_and_money_together_or_not_at_all(database: Database) -> None:
    issue(database, "seller", 500)
    deposit(database, "buyer", 9_999)
    trade = (Move(holding("seller"), holding("buyer"), 500), Move(cash("buyer"), cash("seller"), 10_000))
    with pytest.raises(ledger.InsufficientBalance) as refused:
        post(database, "trade", *trade)
    assert refused.value.values["needed"] == 10_000
    assert refused.value.values["available"] == 9_999
    assert refused.value.message("zh") == (
        "交易资金（buyer）余额不足：需要 ¥100.00，可用 ¥99.99。请补足后再试。"
    )
    assert numbers(database, holding("seller")) == [(1, 500)]
    deposit(database, "buyer", 1, "one more fen")
    post(database, "trade", *trade)
    assert (balance(database, cash("seller")), balance(database, cash("buyer"))) == ((10_000, 0), (0, 0))
    assert numbers(database, holding("buyer")) == [(1, 500)]
    assert_sound(database)


def test_a_refusal_caught_by_the_caller_leaves_no_trace(database: Database) -> None:
    deposit(database, "a", 50)

    def work(session: sa.orm.Session) -> None:
        with pytest.raises(ledger.InsufficientBalance):
            ledger.post(session, entry("x", Move(cash("a"), cash("b"), 51)), NOW)
        ledger.post(session, entry("y", Move(cash("a"), cash("c"), 50)), NOW)

    database.transact(work)
    assert database.read(lambda s: ledger.find_entry(s, "x")) is None
    assert database.read(lambda s: ledger.balances(s, "b")) == []
    assert balance(database, cash("c")) == (50, 0)
    assert_sound(database)


def test_moves_happen_in_order(database: Database) -> None:
    deposit(database, "a", 50)
    through = (Move(cash("a"), cash("b"), 50), Move(cash("b"), cash("c"), 50))
    with pytest.raises(ledger.InsufficientBalance):
        post(database, "wrong way round", *reversed(through))
    post(database, "through", *through)
    assert [balance(database, cash(h))[0] for h in "abc"] == [0, 0, 50]
    issue(database, "a", 7)
    post(database, "numbers", Move(holding("a"), holding("b"), 7), Move(holding("b"), retired("b"), 7))
    assert numbers(database, retired("b")) == [(1, 7)]
    assert_sound(database)


def test_same_reference_and_request_is_the_same_entry(database: Database) -> None:
    first = deposit(database, "a", 100)
    again = post(database, "deposit", Move(BANK, cash("a"), 100), now=NOW + timedelta(days=1))
    assert again == ledger.Posted(first.entry_id, replayed=True)
    assert balance(database, cash("a")) == (100, 0)
    for change in (
        {"moves": (Move(BANK, cash("a"), 101),)},
        {"moves": (Move(BANK, cash("b"), 100),)},
        {"note": "other"},
        {"reason": "other"},
        {"actor_name": "other"},
        {"effective_at": NOW},
        {"detail": {"voucher": "7"}},
    ):
        moves = change.pop("moves", (Move(BANK, cash("a"), 100),))
        with pytest.raises(ledger.ReferenceConflict):
            post(database, "deposit", *moves, **change)
    assert balance(database, cash("a")) == (100, 0)
    assert_sound(database)


def test_replay_is_answered_before_the_balance_is_looked_at(database: Database) -> None:
    deposit(database, "a", 100)
    first = post(database, "pay", Move(cash("a"), cash("b"), 100))
    assert post(database, "pay", Move(cash("a"), cash("b"), 100)) == ledger.Posted(first.entry_id, True)


@pytest.mark.parametrize("amount", [0, -1, 1.0, True, "5", None, MAX_AMOUNT + 1, 2**63, 2**64])
def test_amounts_are_positive_integers(database: Database, amount: object) -> None:
    with pytest.raises(ledger.AmountInvalid) as refused:
        post(database, "x", Move(BANK, cash("a"), 1), Move(BANK, cash("a"), amount))  # type: ignore[arg-type]
    assert "第 2 笔" in refused.value.message("zh")
    assert repr(amount) in refused.value.message("en")


def test_ceiling_of_entry_and_balance(database: Database) -> None:
    with pytest.raises(ledger.AmountInvalid):
        post(database, "x", Move(BANK, cash("a"), MAX_AMOUNT), Move(BANK, cash("b"), 1))
    deposit(database, "a", MAX_AMOUNT)
    assert balance(database, cash("a")) == (MAX_AMOUNT, 0)
    with pytest.raises(ledger.BalanceTooLarge):
        deposit(database, "a", 1, "more")
    assert_sound(database)


@pytest.mark.parametrize(
    ("move", "error"),
    [
        (Move(BANK, cash(""), 1), ledger.AccountInvalid),
        (Move(BANK, AccountKey("nobody", "a", Asset.CNY), 1), ledger.AccountInvalid),
        (Move(BANK, AccountKey(ledger.CASH, "a", Asset.POINT), 1), ledger.AccountInvalid),
        (Move(issuance(""), holding("a", ""), 1), ledger.AccountInvalid),
        (Move(BANK, cash("a\x00"), 1), ledger.AccountInvalid),
        (Move(BANK, points("a"), 1), ledger.MixedAssets),
        (Move(issuance("lot 1"), holding("a", "lot 2"), 1), ledger.MixedAssets),
        (Move(cash("a"), cash("a"), 1), ledger.SameAccount),
        (Move(retired("a"), holding("a"), 1), ledger.MoveNotAllowed),
        (Move(holding("a"), issuance(), 1), ledger.MoveNotAllowed),
    ],
)
def test_moves_that_are_never_allowed(database: Database, move: Move, error: type[Exception]) -> None:
    with pytest.raises(error):
        post(database, "x", move)


@pytest.mark.parametrize(
    "change",
    [
        {"reason": " "},
        {"actor_name": ""},
        {"note": "\x00"},
        {"note": "\ud800"},
        {"detail": {"share": 0.5}},
        {"detail": {"share": float("nan")}},
        {"detail": {"when": NOW}},
        {"detail": {"text": "\x00"}},
        {"effective_at": NOW.replace(tzinfo=None)},
        {"reverses": "1", "note": "x", "detail": {"second_approver": "李"}},
    ],
)
def test_entries_that_are_not_entries(database: Database, change: dict[str, object]) -> None:
    with pytest.raises(ledger.EntryInvalid):
        post(database, "x", Move(BANK, cash("a"), 1), **change)


def test_no_moves_no_reference_no_future(database: Database) -> None:
    with pytest.raises(ledger.EntryInvalid):
        post(database, "x")
    with pytest.raises(ledger.EntryInvalid):
        post(database, "", Move(BANK, cash("a"), 1))
    with pytest.raises(ledger.EffectiveInFuture):
        post(database, "x", Move(BANK, cash("a"), 1), effective_at=NOW + timedelta(seconds=1))


def test_what_is_wrong_with_the_request_is_said_before_the_conflict_and_that_before_the_balance(
    database: Database,
) -> None:
    deposit(database, "a", 100)
    with pytest.raises(ledger.AmountInvalid):
        post(database, "deposit", Move(cash("a"), cash("b"), 0))
    with pytest.raises(ledger.ReferenceConflict):
        post(database, "deposit", Move(cash("a"), cash("b"), 101))


def test_unguarded_accounts_have_no_balance_row(database: Database) -> None:
    post(database, "p", Move(POINTS_ISSUED, points("a"), 12))
    with database.engine.connect() as connection:
        rows = connection.exec_driver_sql(
            "SELECT role FROM ledger_balance JOIN ledger_account ON id = account_id"
        ).all()
    assert [row[0] for row in rows] == ["points"]
    assert balance(database, POINTS_ISSUED) == (-12, 0)


def test_hundreds_of_moves_in_one_entry(database: Database) -> None:
    issue(database, "a", 100_000)
    deposit(database, "a", 10_000_000)
    moves = [Move(holding("a"), holding(f"h{i}"), 100 + i) for i in range(250)]
    moves += [Move(cash("a"), cash(f"h{i}"), 1_000 + i) for i in range(250)]
    post(database, "many", *moves)
    assert balance(database, cash("h249")) == (1_249, 0)
    assert numbers(database, holding("h1")) == [(101, 201)]
    assert balance(database, holding("a"))[0] == 100_000 - sum(100 + i for i in range(250))
    assert_sound(database)


def test_lots_have_their_own_numbers(database: Database) -> None:
    post(
        database,
        "i",
        Move(issuance("B"), holding("a", "B"), 5),
        Move(issuance("A"), holding("a", "A"), 3),
        Move(issuance("B"), holding("b", "B"), 2),
    )
    assert numbers(database, holding("a", "B")) == [(1, 5)]
    assert numbers(database, holding("b", "B")) == [(6, 7)]
    assert numbers(database, holding("a", "A")) == [(1, 3)]
    assert_sound(database)


def test_a_lot_has_an_end(database: Database) -> None:
    issue(database, "a", MAX_AMOUNT)
    with pytest.raises(ledger.LotExhausted):
        issue(database, "b", 1, "one more")
    assert numbers(database, holding("a")) == [(1, MAX_AMOUNT)]
    assert_sound(database)
