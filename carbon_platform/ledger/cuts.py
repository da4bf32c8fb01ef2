"""Lines through the journal below which nothing can appear any more.

Numbers are drawn before a transaction commits, so on PostgreSQL the highest visible id says nothing
about those below: a transaction still open may hold one. A cut is therefore made in two steps. First
the highest ids are read and only then the cut draws its own transaction id, the barrier: whoever had
drawn a lower row id had a lower transaction id before (posting asks for it first). Later, when no
transaction below the barrier is open any more, every row up to the cut is final.
SQLite has one writer: what is visible is final.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from carbon_platform.db import serialise
from carbon_platform.ledger import tables

_c = tables.cut.c


@dataclass(frozen=True)
class Cut:
    """Every entry and transfer up to these ids (0 for none) is final."""

    entry_id: int
    transfer_id: int
    taken_at: datetime
    closed_at: datetime


def advance(session: Session, now: datetime) -> Cut | None:
    """Close the open cut if it can be, take a new one, and answer with the newest closed one.

    On PostgreSQL the new one is closed by a later call at the earliest; and a transaction that has
    written already takes none, because its own id is too old to be a barrier.
    """
    serialise(session, "ledger.cut")
    connection = session.connection()
    if connection.dialect.name == "postgresql":
        _advance_postgresql(connection, now)
    else:
        _insert(connection, _highest(connection), barrier=0, now=now, closed_at=now)
    found = closed_cut(session)
    _forget_older(connection)
    return found


def closed_cut(session: Session) -> Cut | None:
    """The newest closed cut, or None before there is one."""
    query = sa.select(_c.entry_id, _c.transfer_id, _c.taken_at, _c.closed_at)
    row = session.execute(
        query.where(_c.closed_at.is_not(None)).order_by(_c.id.desc()).limit(1)
    ).one_or_none()
    return None if row is None else Cut(row.entry_id, row.transfer_id, row.taken_at, row.closed_at)


def _advance_postgresql(connection: Connection, now: datetime) -> None:
    fresh = connection.exec_driver_sql("SELECT pg_current_xact_id_if_assigned()").scalar() is None
    if fresh:
        # In this order: first what is visible, then the barrier.
        highest = _highest(connection)
        barrier = int(connection.exec_driver_sql("SELECT pg_current_xact_id()::text::bigint").scalar_one())
    # A barrier this cluster has not reached was drawn in another one, before a dump was restored here;
    # then every row that came along is committed, and new ones are numbered above.
    connection.execute(
        sa.update(tables.cut)
        .where(
            _c.closed_at.is_(None),
            sa.or_(
                _c.barrier <= sa.text("pg_snapshot_xmin(pg_current_snapshot())::text::bigint"),
                _c.barrier >= sa.text("pg_snapshot_xmax(pg_current_snapshot())::text::bigint"),
            ),
        )
        .values(closed_at=now)
    )
    waiting = connection.execute(sa.select(sa.func.count()).where(_c.closed_at.is_(None))).scalar_one()
    # One that still waits is kept: taking a newer one each time would never let any grow old enough.
    if fresh and not waiting:
        _insert(connection, highest, barrier=barrier, now=now, closed_at=None)


def _highest(connection: Connection) -> dict[str, int]:
    """Of both tables in one statement, so that they are seen at the same moment."""
    row = connection.execute(
        sa.select(
            sa.select(sa.func.coalesce(sa.func.max(tables.entry.c.id), 0)).scalar_subquery().label("entry"),
            sa.select(sa.func.coalesce(sa.func.max(tables.transfer.c.id), 0))
            .scalar_subquery()
            .label("transfer"),
        )
    ).one()
    return {"entry_id": row.entry, "transfer_id": row.transfer}


def _insert(connection: Connection, highest: dict[str, int], **values: Any) -> None:
    connection.execute(
        tables.cut.insert().values(
            **highest, barrier=values["barrier"], taken_at=values["now"], closed_at=values["closed_at"]
        )
    )


def _forget_older(connection: Connection) -> None:
    """Only the newest closed cut and what was taken after it are of use."""
    newest = sa.select(sa.func.max(_c.id)).where(_c.closed_at.is_not(None)).scalar_subquery()
    connection.execute(sa.delete(tables.cut).where(_c.id < newest))
