"""Sums of the accounts that keep no balance row, up to a line in the journal.

Such an account (issuance, bank, fees, points issued) is a counterpart of everybody: a balance row would
be the row everybody queues for. Its balance is this sum plus the transfers since the line.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from carbon_platform.db import serialise
from carbon_platform.ledger import cuts, tables
from carbon_platform.ledger.accounts import insert
from carbon_platform.ledger.snapshots import between

_t, _a, _r = tables.transfer.c, tables.account.c, tables.rollup.c


def roll_up(session: Session, now: datetime) -> int:
    """Bring the sums up to the newest closed cut; returns how many accounts had moved.

    Repeatable: a line already reached changes nothing.
    """
    serialise(session, "ledger.rollup")
    cut = cuts.advance(session, now)
    if cut is None:
        return 0
    connection = session.connection()
    line = int(connection.execute(sa.select(line_reached())).scalar_one())
    return _add(connection, line, cut.transfer_id) if cut.transfer_id > line else 0


def rebuild(session: Session, now: datetime) -> int:
    """Make every sum again from the journal; returns how many accounts have one."""
    serialise(session, "ledger.rollup")
    session.connection().execute(sa.delete(tables.rollup))
    return roll_up(session, now)


def line_reached() -> sa.ScalarSelect[int]:
    """The transfer up to which all of these accounts are summed.

    An account whose own line lies lower did not move in between, so the highest line holds for all.
    """
    return sa.select(sa.func.coalesce(sa.func.max(_r.transfer_id), 0)).scalar_subquery()


def _add(connection: Connection, after_id: int, through_id: int) -> int:
    def side(mine: sa.ColumnElement[int], amount: sa.ColumnElement[int]) -> Any:
        return (
            sa.select(mine.label("account_id"), amount.label("amount"))
            .join(tables.account, _a.id == mine)
            .where(_a.guarded.is_(False), *between(after_id, through_id))
        )

    legs = sa.union_all(side(_t.destination_id, _t.amount), side(_t.source_id, -_t.amount)).subquery()
    moved = (
        sa.select(
            legs.c.account_id,
            sa.cast(sa.func.sum(legs.c.amount), sa.BigInteger),
            sa.literal(through_id),
        )
        # SQLite takes the ON of ON CONFLICT for one of a join, unless a WHERE stands between.
        .where(sa.true())
        .group_by(legs.c.account_id)
    )
    statement = insert(connection, tables.rollup).from_select(["account_id", "posted", "transfer_id"], moved)
    written = connection.execute(
        statement.on_conflict_do_update(
            index_elements=["account_id"],
            set_={
                "posted": _r.posted + statement.excluded.posted,
                "transfer_id": statement.excluded.transfer_id,
            },
        ),
        execution_options={"preserve_rowcount": True},
    )
    return int(written.rowcount)
