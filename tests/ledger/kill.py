"""Writers that are killed and started again: the harness of the kill -9 tests.

A plan is a list of deliveries, each one transaction with ``post_batch``; it depends on a seed only. A
writer goes through the plan, writes a mark to a pipe after each commit, and dies in the middle of a
delivery: before some statement of its own choosing, or whenever the parent's clock says so. The next
one knows nothing but the marks and starts with the first delivery that has none.
"""

from __future__ import annotations

import contextlib
import os
import random
import select
import signal
import time
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from apart import Child
from books import BANK, NOW, POINTS_ISSUED, cash, entry, holding, issuance, points, retired
from journal import dump
from sqlalchemy.orm import Session

from carbon_platform import ledger
from carbon_platform.db import Database
from carbon_platform.ledger import Entry, HoldRequest, HoldUse, Move

PEOPLE = "abcdef"
IN_ONE_DELIVERY = 8
# After this long without a sign of life a writer counts as stuck.
PATIENCE_S = 60


def plan(seed: int, deliveries: int) -> list[list[Entry]]:
    """Deliveries of good, short and repeated entries; credits, money and points."""
    chance = random.Random(seed)
    made: list[list[Entry]] = []
    for place in range(deliveries):
        entries: list[Entry] = []
        for number in range(IN_ONE_DELIVERY):
            a, b = chance.sample(PEOPLE, 2)
            amount = chance.randint(1, 30)
            move = chance.choice(
                (
                    Move(POINTS_ISSUED, points(a), amount),
                    Move(points(a), points(b), amount),
                    Move(BANK, cash(a), amount),
                    Move(cash(a), cash(b), amount),
                    Move(issuance(), holding(a), amount),
                    Move(holding(a), holding(b), amount),
                    Move(holding(a), retired(a), amount),
                )
            )
            entries.append(entry(f"{place}:{number}", move))
        if place:
            entries.append(chance.choice(made[chance.randrange(place)]))
        made.append(entries)
    return made


def deliver(session: Session, place: int, entries: list[Entry]) -> list[str]:
    """One delivery: a hold, the batch, and the hold settled, in one transaction.

    A delivery has a reference of its own. What was refused leaves no trace, and might be accepted the
    second time, when money came in behind it: so a delivery that is on record is not gone through again.
    """
    now = NOW + timedelta(minutes=place)
    if ledger.post(session, entry(f"{place}:delivery", Move(BANK, cash("a"), 1)), now).replayed:
        return ["delivered"]
    statuses = []
    who, reference = PEOPLE[place % len(PEOPLE)], f"{place}:hold"
    try:
        ledger.hold(session, HoldRequest(reference, cash(who), 2, "order"), now)
        statuses.append("held")
    except ledger.InsufficientBalance:
        statuses.append("short")
    statuses += [outcome.status for outcome in ledger.post_batch(session, entries, now)]
    if statuses[0] == "held":
        paid = entry(f"{place}:settle", Move(cash(who), BANK, 1), holds=[HoldUse(reference, 1, True)])
        ledger.post(session, paid, now)
    return statuses


def write(
    database: Database, deliveries: list[list[Entry]], first: int, marks: int, die_at: int | None
) -> None:
    """Deliver from ``first`` on; die before the ``die_at``-th statement (commits count, too)."""
    if die_at is not None:
        _die(database, die_at)
    for place in range(first, len(deliveries)):
        database.transact(lambda s, p=place: deliver(s, p, deliveries[p]))
        os.write(marks, place.to_bytes(4))


def _die(database: Database, at: int) -> None:
    left = at

    def statement(*_: object) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    sa.event.listen(database.engine, "before_cursor_execute", statement)
    sa.event.listen(database.engine, "commit", statement)
    commit = database.engine.dialect.do_commit

    def commit_and_count(connection: Any) -> None:
        commit(connection)
        statement()  # committed, but nobody will hear of it

    database.engine.dialect.do_commit = commit_and_count  # type: ignore[method-assign]


def undisturbed(url: str, seed: int, deliveries: int) -> list[str]:
    """What the plan comes to when nobody is killed."""
    database = Database(url)
    for place, entries in enumerate(plan(seed, deliveries)):
        database.transact(lambda s, p=place, e=entries: deliver(s, p, e))
    return _result(database)


def tortured(url: str, seed: int, deliveries: int, kills: int) -> dict[str, Any]:
    """The same plan, with writers killed ``kills`` times on the way."""
    chance = random.Random(seed)
    todo = plan(seed, deliveries)
    database, statements_each, seconds_each = _warm(url, todo)
    acknowledged = lost = torn = killed = 0
    birth_s = 0.03
    while acknowledged < deliveries:
        if killed < kills:
            # About one delivery a life, so that the plan outlasts the kills however fast the machine.
            by_clock = chance.random() < 0.5
            statements = 1 + int(chance.random() * 2 * statements_each)
            patience_s = None if not by_clock else birth_s + chance.random() * 2 * seconds_each
        else:
            by_clock, statements, patience_s = False, 10**9, None
        # A fork must not share our connections; what is compiled it may have.
        database.dispose()
        before = acknowledged
        acknowledged, died = _live(database, todo, acknowledged, None if by_clock else statements, patience_s)
        if patience_s is not None:
            # The rehearsal may have fallen into a slow moment; no life may eat up the whole plan.
            seconds_each = min(seconds_each, patience_s / max(1, acknowledged - before))
        killed += died
        lost += database.read(lambda s, done=acknowledged: _missing(s, todo[:done][-3:]))
        torn += database.read(lambda s, done=acknowledged: _torn(s, done))
    return {"killed": killed, "lost": lost, "torn": torn, "lines": _result(database)}


class Undo(Exception):
    """Rolls a rehearsal back."""


def _warm(url: str, todo: list[list[Entry]]) -> tuple[Database, int, float]:
    """A database whose statements are compiled already, so that writers can be born quickly; and what
    a delivery takes here: statements, and seconds."""
    database = Database(url)
    statements = 0

    def count(*_: object) -> None:
        nonlocal statements
        statements += 1

    def rehearse(session: Session) -> None:
        deliver(session, 0, todo[0])
        raise Undo

    with contextlib.suppress(Undo):
        database.transact(rehearse)
    sa.event.listen(database.engine, "before_cursor_execute", count)
    begun = time.monotonic()
    with contextlib.suppress(Undo):
        database.transact(rehearse)
    taken = time.monotonic() - begun
    sa.event.remove(database.engine, "before_cursor_execute", count)
    return database, statements, taken


def _live(
    database: Database, todo: list[list[Entry]], first: int, die_at: int | None, patience_s: float | None
) -> tuple[int, bool]:
    """One writer's life: how far it got by its own marks, and whether it was killed."""
    reading, writing = os.pipe()
    child = Child(lambda: write(database, todo, first, writing, die_at))
    os.close(writing)
    deadline = time.monotonic() + (patience_s or PATIENCE_S)
    marks = b""
    while True:
        ready, _, _ = select.select([reading], [], [], max(0, deadline - time.monotonic()))
        if not ready:
            assert patience_s is not None, "the writer is stuck"
            child.kill()
            deadline = time.monotonic() + PATIENCE_S
            patience_s = None
            continue
        got = os.read(reading, 65536)
        if not got:
            break
        marks += got
    code = child.wait()
    os.close(reading)
    assert code in (0, -signal.SIGKILL), code
    return first + len(marks) // 4, code != 0


def _missing(session: Session, deliveries: list[list[Entry]]) -> int:
    """Deliveries acknowledged of which nothing is on record; each has at least one entry that cannot fail."""
    return sum(not any(_recorded(session, e) for e in entries) for entries in deliveries)


def _torn(session: Session, place: int) -> int:
    """Whether the delivery in flight is there in part: its settlement is last, its hold first."""
    try:
        held = ledger.get_hold(session, f"{place}:hold")
    except ledger.HoldNotFound:
        return 0
    return int(held.status != "posted" or ledger.find_entry(session, f"{place}:settle") is None)


def _recorded(session: Session, wanted: Entry) -> bool:
    return ledger.find_entry(session, wanted.reference) is not None


def _result(database: Database) -> list[str]:
    report = database.read(ledger.verify)
    assert report.ok, report.findings
    lines = dump(database)
    database.dispose()
    return lines
