"""A synthetic day of the whole city through the inbox, to the end.

One process receives and works in turns. Its clock is the day's: it runs on while the process is busy and
jumps over the time in which nothing is to be done. So backlog and waiting are those of one process that
does both, whatever the time of day, and the busy seconds are real.
"""

from __future__ import annotations

import heapq
import random
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from benchmarks.citizens_city import SHARES, SOURCES, City, row_of
from benchmarks.exact import Inexact, check_sums
from carbon_platform.citizens import book, inbox, inbox_sql
from carbon_platform.citizens.inbox import Processed

DAY_S = 86_400
PEAK_S, PEAK_AT, PEAK_SHARE = 300, 8 * 3_600, 0.20
# Of the acts: sent again later, sent days late, taken back (some before they come).
AGAIN, LATE, BACK = 0.05, 0.03, 0.01
PUSH = 500


@dataclass
class Day:
    """What was measured. Seconds; ``wait``: from receipt to the book."""

    users: int
    acts: int
    deliveries: int = 0
    busy_receive: float = 0.0
    busy_work: float = 0.0
    peak_backlog: int = 0
    longest_wait: float = 0.0
    ended_at: float = 0.0
    done: Processed = field(default_factory=Processed)
    exact: str = ""

    @property
    def busy(self) -> float:
        return self.busy_receive + self.busy_work


def whole_day(city: City, acts: int) -> Day:
    """Deliver and process ``acts`` acts of the city's people with everything that goes wrong in a day."""
    found = Day(users=len(city.people), acts=acts)
    midnight = datetime.now(UTC).replace(hour=16, minute=0, second=0, microsecond=0) - timedelta(days=2)
    pushes = _pushes(city, acts, midnight)
    heapq.heapify(pushes)
    clock, waiting = 0.0, 0
    while pushes or waiting:
        if pushes and (pushes[0][0] <= clock or not waiting):
            due, _, source, rows = heapq.heappop(pushes)
            clock = max(clock, due)
            start = time.perf_counter()
            now = midnight + timedelta(seconds=clock)
            receipts = city.database.transact(
                lambda s, c=source, r=rows, n=now: inbox.receive(s, c, r, now=n)
            )
            spent = time.perf_counter() - start
            found.busy_receive += spent
            found.deliveries += len(rows)
            waiting += sum(1 for receipt in receipts if receipt.result == inbox.RECEIVED)
        else:
            start = time.perf_counter()
            oldest = city.database.read(lambda s: inbox_sql.oldest(s.connection()))
            done = inbox.process_next(city.database, now=midnight + timedelta(seconds=clock))
            spent = time.perf_counter() - start
            found.busy_work += spent
            found.done += done
            waiting -= done.rows
            if oldest is not None:
                waited = clock + spent - (oldest - midnight).total_seconds()
                found.longest_wait = max(found.longest_wait, waited)
        clock += spent
        found.peak_backlog = max(found.peak_backlog, waiting)
    found.ended_at = clock
    found.exact = _check(city, found)
    return found


def _pushes(city: City, acts: int, midnight: datetime) -> list[tuple[float, int, str, list[dict[str, Any]]]]:
    """(when it arrives, number, source, rows): each source pushes when it has 500 rows, or every minute."""
    chosen = random.Random(2026)
    arrivals: dict[str, list[tuple[float, dict[str, Any]]]] = {source: [] for source in SOURCES}
    for number in range(acts):
        (source,) = chosen.choices(SOURCES, SHARES)
        at = PEAK_AT + chosen.random() * PEAK_S if chosen.random() < PEAK_SHARE else chosen.random() * DAY_S
        subject, _ = city.people[chosen.randrange(len(city.people))]
        late = timedelta(days=chosen.randrange(1, 4)) if chosen.random() < LATE else timedelta(0)
        # What is sent at ``at`` ended a little before.
        moment = midnight + timedelta(seconds=at) - timedelta(minutes=40) - late
        row = row_of(source, f"day-{number}", subject, moment, chosen)
        arrivals[source].append((at, row))
        if chosen.random() < AGAIN:
            arrivals[source].append((at + chosen.expovariate(1 / 3_600), row))
        if chosen.random() < BACK:
            back = {"kind": "reversal", "external_id": row["external_id"], "reason": "行程取消"}
            arrivals[source].append((max(0.0, at + chosen.gauss(600, 600)), back))
    pushes: list[tuple[float, int, str, list[dict[str, Any]]]] = []
    for source, rows in arrivals.items():
        rows.sort(key=lambda pair: pair[0])
        batch: list[dict[str, Any]] = []
        began = 0.0
        for at, row in rows:
            if batch and (len(batch) == PUSH or at - began >= 60):
                pushes.append((max(began, at), len(pushes), source, batch))
                batch = []
            if not batch:
                began = at
            batch.append(row)
        if batch:
            pushes.append((rows[-1][0], len(pushes), source, batch))
    return pushes


def _check(city: City, found: Day) -> str:
    """Exact, or it raises: every record once, and act, book and ledger say the same."""
    with city.database.engine.connect() as connection:
        rows, acts, waiting = connection.exec_driver_sql(
            "SELECT (SELECT count(*) FROM act_inbox WHERE record_key LIKE 'day-%%'), "
            "(SELECT count(*) FROM act WHERE external_id LIKE 'day-%%'), "
            "(SELECT count(*) FROM act_inbox WHERE state = 'waiting')"
        ).one()
        refused = connection.exec_driver_sql(
            "SELECT count(*) FROM act_inbox WHERE record_key LIKE 'day-%%' AND state = 'refused'"
        ).scalar_one()
        kept, booked = connection.exec_driver_sql(
            "SELECT (SELECT sum(reduction_g) FROM act WHERE withdrawn_at IS NULL), "
            "(SELECT sum(b.posted) FROM ledger_balance b JOIN ledger_account a ON a.id = b.account_id "
            "WHERE a.role = 'book')"
        ).one()
        connection.rollback()
    if waiting or rows != found.acts or acts + refused != rows or found.done.failed:
        raise Inexact(
            f"{found.acts} acts, {rows} rows, {acts} in the books, {refused} refused, {waiting} wait"
        )
    if kept != booked:
        raise Inexact(f"the acts hold {kept} g, the ledger {booked} g")
    wrong = city.database.read(book.check_months)
    if wrong:
        raise Inexact(f"months differ from their lines: {wrong}")
    return f"every record once, acts = months = ledger ({kept:,} g); {check_sums(city.database)}"
