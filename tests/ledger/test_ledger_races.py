"""Many at once: one effect, no deadlock. For double spending see ``test_ledger_double_spend``."""

from __future__ import annotations

import threading
from collections.abc import Callable
from itertools import pairwise

from books import (
    NOW,
    POINTS_ISSUED,
    assert_sound,
    balance,
    cash,
    deposit,
    hold,
    issue,
    points,
    post,
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
