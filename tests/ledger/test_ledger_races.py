"""Many at once, and failures at every statement."""

from __future__ import annotations

import threading
from collections.abc import Callable
from itertools import pairwise

import pytest
import sqlalchemy as sa
from books import (
    BANK,
    NOW,
    POINTS_ISSUED,
    assert_sound,
    balance,
    cash,
    deposit,
    entry,
    hold,
    holding,
    issue,
    numbers,
    points,
    post,
    retired,
)

from carbon_platform import ledger
from carbon_platform.db import Database
from carbon_platform.ledger import HoldRequest, HoldUse, Move

THREADS = 8


def at_once(work: Callable[[int], int]) -> list[int]:
    """Runs ``work(thread)`` in all threads, started together; returns what each answered."""
    answers: list[int] = [0] * THREADS
    failures: list[BaseException] = []
    start = threading.Barrier(THREADS)

    def run(number: int) -> None:
        start.wait()
        try:
            answers[number] = work(number)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return answers


def test_eight_threads_spend_one_hundred_once(database: Database) -> None:
    issue(database, "a", 100)

    def buyer(number: int) -> int:
        got = 0
        for turn in range(40):
            try:
                post(database, f"{number}:{turn}", Move(holding("a"), retired(f"r{number}"), 1))
                got += 1
            except ledger.InsufficientBalance:
                continue
        return got

    assert sum(at_once(buyer)) == 100
    assert balance(database, holding("a")) == (0, 0)
    got = [n for i in range(THREADS) for a, z in numbers(database, retired(f"r{i}")) for n in range(a, z + 1)]
    assert sorted(got) == list(range(1, 101))
    assert_sound(database)


@pytest.mark.postgresql
def test_the_harness_would_notice_a_naive_ledger(new_ledger: Callable[[str], Database]) -> None:
    """Negative control: read, then write, as one would without thinking, oversells on PostgreSQL."""
    database = new_ledger("postgresql")
    with database.engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE naive (available bigint)")
        connection.exec_driver_sql("INSERT INTO naive VALUES (100)")

    def buyer(_: int) -> int:
        got = 0
        for _turn in range(40):
            with database.engine.begin() as connection:
                available = connection.exec_driver_sql("SELECT available FROM naive").scalar_one()
                if available >= 1:
                    connection.exec_driver_sql(f"UPDATE naive SET available = {available - 1}")
                    got += 1
        return got

    assert sum(at_once(buyer)) > 100


def test_the_same_request_eight_times_at_once_is_one_effect(database: Database) -> None:
    deposit(database, "a", 1_000)

    def deliver(_: int) -> int:
        first = 0
        for turn in range(10):
            first += not post(database, f"ride:{turn}", Move(POINTS_ISSUED, points("p"), 3)).replayed
            request = HoldRequest(f"hold:{turn}", cash("a"), 10, "order")
            first += not database.transact(lambda s, r=request: ledger.hold(s, r, NOW)).replayed
        return first

    assert sum(at_once(deliver)) == 20
    assert balance(database, points("p")) == (30, 0)
    assert balance(database, cash("a")) == (1_000, 100)
    assert_sound(database)


def test_a_hold_is_posted_or_voided_once_among_eight(database: Database) -> None:
    deposit(database, "a", 800)
    for turn in range(8):
        hold(database, f"h{turn}", cash("a"), 100)

    def settle(number: int) -> int:
        won = 0
        for turn in range(8):
            try:
                if number % 2:
                    database.transact(lambda s, t=turn: ledger.void_hold(s, f"h{t}", NOW))
                else:
                    move = Move(cash("a"), cash("b"), 100)
                    post(database, f"{number}:{turn}", move, holds=[HoldUse(f"h{turn}", 100)])
                won += 1
            except ledger.HoldClosed:
                continue
        return won

    assert sum(at_once(settle)) == 8
    assert balance(database, cash("a"))[1] == 0
    assert balance(database, cash("a"))[0] + balance(database, cash("b"))[0] == 800
    assert_sound(database)


def test_crossing_payments_do_not_block_each_other(database: Database) -> None:
    for holder in "abcd":
        deposit(database, holder, 1_000, f"deposit {holder}")

    def pay(number: int) -> int:
        circle = "abcd"[number % 4 :] + "abcd"[: number % 4]
        if number >= 4:
            circle = circle[::-1]
        for turn in range(15):
            moves = [Move(cash(x), cash(y), 7) for x, y in pairwise(circle)]
            post(database, f"{number}:{turn}", *moves)
        return 15

    assert sum(at_once(pay)) == 15 * THREADS
    assert sum(balance(database, cash(h))[0] for h in "abcd") == 4_000
    assert_sound(database)


def test_a_lot_is_numbered_once_by_eight(database: Database) -> None:
    def work(number: int) -> int:
        for turn in range(10):
            issue(database, f"h{number}", 3, f"{number}:{turn}")
        return 30

    assert sum(at_once(work)) == 240
    assert_sound(database)


def test_reversed_once_by_eight(database: Database) -> None:
    paid = deposit(database, "a", 100)

    def undo(number: int) -> int:
        try:
            database.transact(
                lambda s: ledger.reverse(
                    s,
                    paid.entry_id,
                    reference=f"undo {number}",
                    reason="correction",
                    actor_name="王敏",
                    second_approver="李强",
                    note="错",
                    now=NOW,
                )
            )
        except ledger.AlreadyReversed:
            return 0
        return 1

    assert sum(at_once(undo)) == 1
    assert balance(database, cash("a")) == (0, 0)
    assert_sound(database)


def test_a_failure_at_any_statement_leaves_nothing_and_the_next_try_finishes(database: Database) -> None:
    issue(database, "seller", 500)
    deposit(database, "buyer", 10_000)
    hold(database, "listing", holding("seller"), 300)
    trade = entry(
        "trade",
        Move(holding("seller"), holding("buyer"), 200),
        Move(cash("buyer"), cash("seller"), 4_000),
        Move(cash("buyer"), BANK, 10),
        holds=[HoldUse("listing", 200, release_rest=True)],
    )
    countdown = 0

    def break_down(*_: object) -> None:
        nonlocal countdown
        countdown -= 1
        if countdown == 0:
            raise OSError("disk full")

    failed = 0
    while True:
        failed += 1
        countdown = failed
        sa.event.listen(database.engine, "before_cursor_execute", break_down)
        try:
            database.transact(lambda s: ledger.post(s, trade, NOW))
            break
        except OSError:
            pass
        finally:
            sa.event.remove(database.engine, "before_cursor_execute", break_down)
        assert database.read(lambda s: ledger.find_entry(s, "trade")) is None
        assert balance(database, holding("seller")) == (500, 300)
        assert_sound(database)
    assert failed > 12, "every statement of the entry was tried"
    assert balance(database, holding("seller")) == (300, 0)
    assert balance(database, cash("buyer")) == (5_990, 0)
    assert_sound(database)
