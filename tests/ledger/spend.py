"""Many buyers against one hundred units: the harness of the double-spend tests.

``spend`` runs in a process of its own (see ``apart``): it forks the buyers' processes, each with some
threads; all buyers start every run together, and go on until there is nothing left to have.
"""

from __future__ import annotations

import multiprocessing
import random
import threading
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from books import NOW, POINTS_ISSUED, entry, holding, issuance, points, quick, retired

from carbon_platform import ledger
from carbon_platform.db import Database
from carbon_platform.ledger import AccountKey, Asset, HoldRequest, HoldUse, Move

UNITS = 100
# A buyer asks this often at most; all together ask for more than there is.
TURNS = 60
REDEEMED = AccountKey(ledger.POINTS_REDEEMED, ledger.PLATFORM, Asset.POINT)

# One try of buyer ``b`` in run ``r``, turn ``t``, for ``n`` units: whether the ledger said yes.
Buy = Callable[[Database, int, str, int], bool]


def stock(database: Database, run: int) -> None:
    """One hundred units of the run: points if it is even, credits if it is odd."""
    if run % 2 == 0:
        move = Move(POINTS_ISSUED, points(f"pot{run}"), UNITS)
    else:
        move = Move(issuance(f"LOT{run}"), holding("seller", f"LOT{run}"), UNITS)
    database.transact(lambda s: ledger.post(s, entry(f"stock:{run}", move), NOW))


def spending(run: int, buyer: str, amount: int) -> Move:
    if run % 2 == 0:
        return Move(points(f"pot{run}"), REDEEMED, amount)
    lot = f"LOT{run}"
    return Move(holding("seller", lot), retired(buyer, lot), amount)


def buy(database: Database, run: int, reference: str, amount: int) -> bool:
    move = spending(run, reference.split(":")[1], amount)
    try:
        database.transact(lambda s: ledger.post(s, entry(reference, move), NOW))
    except ledger.InsufficientBalance:
        return False
    return True


def buy_in_two_phases(database: Database, run: int, reference: str, amount: int) -> bool:
    move = spending(run, reference.split(":")[1], amount)
    request = HoldRequest(reference, move.source, amount, "order")
    try:
        database.transact(lambda s: ledger.hold(s, request, NOW))
    except ledger.InsufficientBalance:
        return False
    paid = entry(reference, move, holds=[HoldUse(reference, amount)])
    database.transact(lambda s: ledger.post(s, paid, NOW))
    return True


def buy_without_thinking(database: Database, run: int, reference: str, amount: int) -> bool:
    """Negative control: read what there is, then write what is left, as one would without a ledger."""
    with database.engine.begin() as connection:
        left = connection.execute(sa.text("SELECT available FROM naive WHERE run = :r"), {"r": run}).scalar()
        if left is None or left < amount:
            return False
        connection.execute(
            sa.text("UPDATE naive SET available = :left WHERE run = :r"), {"left": left - amount, "r": run}
        )
        return True


BUYS: dict[str, Buy] = {
    "post": buy,
    "two phases": buy_in_two_phases,
    "naive": buy_without_thinking,
}


def spend(url: str, how: str, first_run: int, runs: int, processes: int, threads: int) -> list[int]:
    """Units that buyers were told they have, per run."""
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(processes * threads)
    answers = context.SimpleQueue()
    arguments = (url, how, range(first_run, first_run + runs), threads, barrier, answers)
    workers = [context.Process(target=_work, args=(number, *arguments)) for number in range(processes)]
    for worker in workers:
        worker.start()
    sold = [0] * runs
    failures = []
    for _ in workers:
        answer = answers.get()
        if isinstance(answer, str):
            failures.append(answer)
            break
        sold = [a + b for a, b in zip(sold, answer, strict=True)]
    for worker in workers:
        worker.join(1 if failures else None)
        worker.kill()
    assert not failures, failures
    return sold


def _work(number: int, url: str, how: str, runs: range, threads: int, barrier: Any, answers: Any) -> None:
    database = quick(Database(url))
    sold = [[0] * len(runs) for _ in range(threads)]
    failures: list[str] = []

    def buyer(thread: int) -> None:
        try:
            me = f"{number}-{thread}"
            for place, run in enumerate(runs):
                barrier.wait(120)
                sold[thread][place] = _buy_all(database, BUYS[how], run, me)
        except BaseException as error:
            failures.append(f"{type(error).__name__}: {error}")
            barrier.abort()

    running = [threading.Thread(target=buyer, args=(thread,)) for thread in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    answers.put(failures[0] if failures else [sum(of_run) for of_run in zip(*sold, strict=True)])
    database.dispose()


def _buy_all(database: Database, try_to_buy: Buy, run: int, me: str) -> int:
    """Buys 1 to 5 units at a time, fewer when that is too many, until nothing is left."""
    chance = random.Random(f"{run}:{me}")
    got = 0
    wish = 5
    for turn in range(TURNS):
        amount = chance.randint(1, wish)
        if try_to_buy(database, run, f"{run}:{me}:{turn}", amount):
            got += amount
        elif amount == 1:
            break
        else:
            wish = amount - 1
    return got
