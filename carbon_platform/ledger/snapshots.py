"""Daily snapshots: what each account had at a line through the journal, so that nobody adds it all up again.

A snapshot only saves work. Every answer is the same without it, and ``ledger.reconcile`` proves nightly
that each one is the one before plus the day's movements.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from carbon_platform.db import serialise
from carbon_platform.ledger import cuts, tables

# The day of the books.
ZONE = ZoneInfo("Asia/Shanghai")

_t, _e, _s, _d = tables.transfer.c, tables.entry.c, tables.snapshot.c, tables.snapshot_day.c


@dataclass(frozen=True)
class SnapshotDay:
    """A day's line: every transfer up to ``transfer_id`` is in the balances of ``accounts`` that moved."""

    day: str
    after_id: int
    transfer_id: int
    recorded_until: datetime | None
    accounts: int


def take_snapshot(session: Session, now: datetime) -> SnapshotDay | None:
    """Write the snapshot of the day in which the newest closed cut was taken.

    None when there is no closed cut yet, or that day has its snapshot. A day without one is covered by
    the next: its movements are all those since the line before.
    """
    serialise(session, "ledger.snapshot")
    cut = cuts.advance(session, now)
    if cut is None:
        return None
    day = cut.taken_at.astimezone(ZONE).date().isoformat()
    connection = session.connection()
    before = connection.execute(
        sa.select(_d.day, _d.transfer_id, _d.recorded_until).order_by(_d.day.desc()).limit(1)
    ).one_or_none()
    if before is not None and before.day >= day:
        return None
    after_id = 0 if before is None else int(before.transfer_id)
    recorded_until = None if before is None else before.recorded_until
    latest = connection.execute(
        sa.select(sa.func.max(_e.recorded_at))
        .select_from(tables.transfer.join(tables.entry, _e.id == _t.entry_id))
        .where(*between(after_id, cut.transfer_id))
    ).scalar_one()
    if latest is not None and (recorded_until is None or latest > recorded_until):
        recorded_until = latest
    connection.execute(
        tables.snapshot_day.insert(),
        {
            "day": day,
            "entry_id": cut.entry_id,
            "after_id": after_id,
            "transfer_id": cut.transfer_id,
            "recorded_until": recorded_until,
            "made_at": now,
        },
    )
    accounts = _write(connection, day, after_id, cut.transfer_id)
    return SnapshotDay(day, after_id, cut.transfer_id, recorded_until, accounts)


def between(after_id: int, through_id: int | None) -> list[sa.ColumnElement[bool]]:
    """Transfers after the one line and up to the other."""
    wanted = [_t.id > after_id]
    if through_id is not None:
        wanted.append(_t.id <= through_id)
    return wanted


def movements(after_id: int, through_id: int) -> sa.Select[Any]:
    """Per account that moved between two lines: net change, earliest effective and recorded time."""

    def side(account: sa.ColumnElement[int], amount: sa.ColumnElement[int]) -> sa.Select[Any]:
        return (
            sa.select(account.label("account_id"), amount.label("amount"), _e.effective_at, _e.recorded_at)
            .join(tables.entry, _e.id == _t.entry_id)
            .where(*between(after_id, through_id))
        )

    legs = sa.union_all(side(_t.destination_id, _t.amount), side(_t.source_id, -_t.amount)).subquery()
    return sa.select(
        legs.c.account_id,
        # PostgreSQL sums in NUMERIC; a balance is an integer of 64 bits on both engines.
        sa.cast(sa.func.sum(legs.c.amount), sa.BigInteger).label("net"),
        sa.func.min(legs.c.effective_at).label("effective_from"),
        sa.func.min(legs.c.recorded_at).label("recorded_from"),
    ).group_by(legs.c.account_id)


def earlier_posted(account_id: sa.ColumnElement[int], day: str) -> sa.ColumnElement[int]:
    """What an account had in its latest snapshot before ``day``; zero if it has none."""
    earlier = tables.snapshot.alias("earlier")
    latest = (
        sa.select(earlier.c.posted)
        .where(earlier.c.account_id == account_id, earlier.c.day < day)
        .order_by(earlier.c.day.desc())
        .limit(1)
        .scalar_subquery()
    )
    return sa.func.coalesce(latest, 0)


def _write(connection: Connection, day: str, after_id: int, through_id: int) -> int:
    """One statement inside the database: the rows never pass through this process."""
    moved = movements(after_id, through_id).subquery("moved")
    rows = sa.select(
        moved.c.account_id,
        sa.literal(day),
        earlier_posted(moved.c.account_id, day) + moved.c.net,
        moved.c.effective_from,
        moved.c.recorded_from,
    )
    columns = ["account_id", "day", "posted", "effective_from", "recorded_from"]
    connection.execute(tables.snapshot.insert().from_select(columns, rows))
    written = connection.execute(sa.select(sa.func.count()).where(_s.day == day)).scalar_one()
    return int(written)
