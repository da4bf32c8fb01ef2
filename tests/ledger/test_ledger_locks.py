"""One order of locks on PostgreSQL: nobody waits in a circle, and a freeze reaches what is on its way."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from books import BANK, LOT, NOW, assert_sound, cash, deposit, entry, holding, issuance, issue, retired

from carbon_platform import ledger
from carbon_platform.db import Database
from carbon_platform.ledger import AccountKey, Asset, Fund, HoldRequest, HoldUse, Move

pytestmark = pytest.mark.postgresql
ROUNDS = 25


@pytest.fixture
def database(new_ledger: Callable[[str], Database]) -> Database:
    return new_ledger("postgresql")


def deadlocks(database: Database) -> list[str]:
    """Filled with every deadlock the server breaks, also those that ``transact`` makes good."""
    seen: list[str] = []

    @sa.event.listens_for(database.engine, "handle_error")
    def note(context: Any) -> None:
        if getattr(context.original_exception, "sqlstate", None) == "40P01":
            seen.append(str(context.statement)[:80])

    return seen


def together(*works: Callable[[], object]) -> None:
    errors: list[BaseException] = []

    def guarded(work: Callable[[], object]) -> None:
        try:
            work()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not errors, errors


def test_plain_and_linked_postings_and_holds_meet_in_new_accounts(database: Database) -> None:
    seen = deadlocks(database)
    for holder in "abcd":
        deposit(database, holder, 100_000, f"deposit {holder}")
        issue(database, holder, 1_000, f"issue {holder}")

    def plain(turn: int) -> None:
        moves = [Move(cash(h), cash(f"new{turn}"), 1) for h in "abcd"]
        database.transact(lambda s: ledger.post(s, entry(f"plain {turn}", *moves), NOW))

    def linked(turn: int) -> None:
        moves = [Move(cash(h), cash(f"new{turn}"), 1) for h in "dcba"]
        goods = Move(holding("a"), holding(f"new{turn}"), 1)
        request = HoldRequest(f"hold {turn}", cash("d"), 1, "order")

        database.transact(lambda s: ledger.hold(s, request, NOW))
        held = entry(f"linked {turn}", *moves, goods, holds=[HoldUse(f"hold {turn}", 1)])
        database.transact(lambda s: ledger.post(s, held, NOW))

    for turn in range(ROUNDS):
        together(*(lambda t=turn: plain(t), lambda t=turn: linked(t)) * 2)
    assert seen == []
    assert_sound(database)


def test_a_fund_that_runs_dry_is_paid_from_without_a_circle(database: Database) -> None:
    seen = deadlocks(database)
    fund = Fund(AccountKey(ledger.REWARD_FUND, "sponsor", Asset.CNY), slices=4)
    for turn in range(6):
        filling = entry(f"fill {turn}", *ledger.spread(fund, BANK, 40))
        database.transact(lambda s, e=filling: ledger.post(s, e, NOW))

        def pay(number: int, turn: int = turn) -> None:
            asked = entry(f"pay {turn} {number}")
            database.transact(lambda s: ledger.pay_from(s, fund, cash(f"h{number}"), 10, asked, NOW))

        together(*(lambda n=number: pay(n) for number in range(4)))
    assert seen == []
    assert_sound(database)


def started(database: Database, *moves: Move) -> tuple[sa.orm.Session, Callable[[], None]]:
    """A posting that is done but not committed, and what commits it."""
    session = sa.orm.Session(database.engine)
    ledger.post(session, entry("on its way", *moves), NOW)

    def finish() -> None:
        session.commit()
        session.close()

    return session, finish


@pytest.mark.parametrize(
    "moves", [[Move(holding("a"), holding("new"), 60)], [Move(issuance(), holding("new"), 60)]]
)
def test_a_frozen_lot_holds_those_whom_an_open_transaction_was_making(
    database: Database, moves: list[Move]
) -> None:
    issue(database, "a", 100)
    _, finish = started(database, *moves)
    freezing = threading.Thread(
        target=lambda: database.transact(
            lambda s: ledger.freeze_by_hand(s, lots=[LOT], reason="核对", by="auditor", now=NOW)
        )
    )
    freezing.start()
    freezing.join(0.5)
    finish()
    freezing.join(30)
    assert not freezing.is_alive()
    for source in ("a", "new"):
        with pytest.raises(ledger.AccountFrozen):
            database.transact(
                lambda s, h=source: ledger.post(s, entry(f"x{h}", Move(holding(h), retired(h), 1)), NOW)
            )
    assert_sound(database)


def test_an_account_made_and_frozen_while_a_posting_waits_takes_nothing(database: Database) -> None:
    deposit(database, "a", 100)
    _, finish = started(database, Move(cash("a"), cash("b"), 1))
    refused: list[type[BaseException]] = []

    def wait() -> None:
        try:
            database.transact(lambda s: ledger.post(s, entry("late", Move(cash("a"), cash("x"), 1)), NOW))
        except ledger.AccountFrozen:
            refused.append(ledger.AccountFrozen)

    waiting = threading.Thread(target=wait)
    waiting.start()
    waiting.join(0.5)
    deposit(database, "x", 5, "meanwhile")
    database.transact(lambda s: ledger.freeze_by_hand(s, keys=[cash("x")], reason="核对", by="b", now=NOW))
    finish()
    waiting.join(30)
    assert refused == [ledger.AccountFrozen]
    assert_sound(database)


def test_a_refused_hold_leaves_no_account(database: Database) -> None:
    deposit(database, "a", 100)
    database.transact(lambda s: ledger.hold(s, HoldRequest("h", cash("a"), 5, "order"), NOW))

    def work(session: Any) -> None:
        with pytest.raises(ledger.ReferenceConflict):
            ledger.hold(session, HoldRequest("h", cash("ghost"), 5, "order"), NOW)
        with pytest.raises(ledger.InsufficientBalance):
            ledger.hold(session, HoldRequest("g", cash("ghost"), 5, "order"), NOW)

    database.transact(work)
    assert database.read(lambda s: ledger.balances(s, "ghost")) == []


def test_a_batch_of_refusals_only(database: Database) -> None:
    asked = [entry(f"r{i}", Move(cash("a"), cash("b"), 1)) for i in range(600)]
    asked[500:500] = [entry("in", Move(BANK, cash("a"), 2))]
    done = database.transact(lambda s: ledger.post_batch(s, asked, NOW))
    assert [outcome.status for outcome in done] == ["refused"] * 500 + ["accepted"] * 3 + ["refused"] * 98
    assert_sound(database)
