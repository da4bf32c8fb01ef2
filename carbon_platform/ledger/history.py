"""What an account had at a time: the latest snapshot that lies wholly before it, plus the tail.

The two times of an entry are related: nothing takes effect after it is recorded. So a snapshot whose
rows were all recorded by a moment holds only what was effective by that moment, too, and serves both
views.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from carbon_platform.ledger import tables
from carbon_platform.ledger.snapshots import between

_t, _e, _s, _d, _r = (
    tables.transfer.c,
    tables.entry.c,
    tables.snapshot.c,
    tables.snapshot_day.c,
    tables.rollup.c,
)

Conditions = list[sa.ColumnElement[bool]]


def _time(column: sa.ColumnElement[datetime]) -> sa.ScalarSelect[datetime]:
    # Looked up for each transfer: joined, PostgreSQL may read every entry to find a few.
    return sa.select(column).where(_e.id == _t.entry_id).correlate(tables.transfer).scalar_subquery()


# The two times of a transfer's entry.
EFFECTIVE, RECORDED = _time(_e.effective_at), _time(_e.recorded_at)


@dataclass(frozen=True)
class Stretch:
    """Transfers after ``after_id`` and up to ``through_id`` (None: to the end)."""

    after_id: int
    through_id: int | None


@dataclass(frozen=True)
class History:
    """``posted`` (smallest unit) is certain; the stretches, in order, may hold more that counts."""

    posted: int
    stretches: tuple[Stretch, ...]


def history(
    connection: Connection,
    account_id: int,
    *,
    whole_by: datetime | None,
    effective_by: datetime | None = None,
    recorded_by: datetime | None = None,
) -> History:
    """Where in the journal to look.

    ``whole_by``: everything recorded by then is wanted, so the latest snapshot before it is a start; None
    starts at the beginning. A later day is passed over when the account had no movement in it that was
    effective by ``effective_by`` and recorded by ``recorded_by``.
    """
    newest = connection.execute(
        sa.select(_d.day, _d.transfer_id).order_by(_d.day.desc()).limit(1)
    ).one_or_none()
    if newest is None:
        return History(0, (Stretch(0, None),))
    start_day, start_id, posted = "", 0, 0
    if whole_by is not None:
        # Later days have later lines and later times, so the latest one that fits is the best.
        start = connection.execute(
            sa.select(_d.day, _d.transfer_id)
            .where(_d.recorded_until <= whole_by, _d.day <= newest.day)
            .order_by(_d.recorded_until.desc(), _d.day.desc())
            .limit(1)
        ).one_or_none()
        if start is not None:
            start_day, start_id = start.day, int(start.transfer_id)
            posted = _snapshot(connection, account_id, start_day)
    if start_day == newest.day:
        return History(posted, (Stretch(start_id, None),))
    if effective_by is None and recorded_by is None:
        return History(posted, (Stretch(start_id, None),))
    days = _days(connection, account_id, start_day, newest.day, effective_by, recorded_by)
    return History(posted, tuple(_stretches(days, int(newest.transfer_id))))


def posted_at(
    connection: Connection, account_id: int, *, at: datetime | None, as_recorded: datetime | None
) -> int:
    """Sum of what was effective by ``at`` and recorded by ``as_recorded``; at least one is given."""
    whole_by = min(moment for moment in (at, as_recorded) if moment is not None)
    found = history(connection, account_id, whole_by=whole_by, effective_by=at, recorded_by=as_recorded)
    known: Conditions = []
    if at is not None:
        known.append(at >= EFFECTIVE)
    if as_recorded is not None:
        known.append(as_recorded >= RECORDED)
    return found.posted + sum(_net(connection, account_id, stretch, known) for stretch in found.stretches)


def posted_now(connection: Connection, account_id: int) -> int:
    """Sum of an account that keeps no balance row: its rollup and the transfers since."""
    rolled = connection.execute(
        sa.select(_r.posted, _r.transfer_id).where(_r.account_id == account_id)
    ).one_or_none()
    posted, line = (0, 0) if rolled is None else (int(rolled.posted), int(rolled.transfer_id))
    return posted + _net(connection, account_id, Stretch(line, None), [])


def _snapshot(connection: Connection, account_id: int, day: str) -> int:
    found = connection.execute(
        sa.select(_s.posted)
        .where(_s.account_id == account_id, _s.day <= day)
        .order_by(_s.day.desc())
        .limit(1)
    ).scalar_one_or_none()
    return int(found or 0)


def _days(
    connection: Connection,
    account_id: int,
    after_day: str,
    through_day: str,
    effective_by: datetime | None,
    recorded_by: datetime | None,
) -> list[Row[tuple[int, int, bool]]]:
    """The days on which the account moved, in order; ``late`` where nothing of it can count."""
    late: Conditions = []
    if effective_by is not None:
        late.append(_s.effective_from > effective_by)
    if recorded_by is not None:
        late.append(_s.recorded_from > recorded_by)
    query = (
        sa.select(_d.after_id, _d.transfer_id, sa.or_(*late).label("late"))
        .join(tables.snapshot, _s.day == _d.day)
        .where(_s.account_id == account_id, _s.day > after_day, _s.day <= through_day)
        .order_by(_s.day)
    )
    return list(connection.execute(query))


def _stretches(days: Iterable[Row[tuple[int, int, bool]]], newest_id: int) -> Iterator[Stretch]:
    """Days that may count, joined unless a late one lies between, and all after the newest snapshot.

    Between two days on which the account moved, nothing of it is found: no harm in reading across.
    """
    begin: int | None = None
    through = 0
    for day in days:
        if day.late and begin is not None:
            yield Stretch(begin, through)
            begin = None
        elif not day.late:
            begin = int(day.after_id) if begin is None else begin
            through = int(day.transfer_id)
    yield Stretch(newest_id if begin is None else begin, None)


def _net(connection: Connection, account_id: int, stretch: Stretch, known: Conditions) -> int:
    def side(mine: sa.ColumnElement[int]) -> sa.ScalarSelect[Any]:
        query = sa.select(sa.func.coalesce(sa.func.sum(_t.amount), 0)).where(
            mine == account_id, *between(stretch.after_id, stretch.through_id), *known
        )
        return query.scalar_subquery()

    return int(connection.execute(sa.select(side(_t.destination_id) - side(_t.source_id))).scalar_one())
