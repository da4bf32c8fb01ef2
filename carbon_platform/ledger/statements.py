"""An account's transfers, page by page, and the balances a period opens and closes with."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row
from sqlalchemy.orm import Session

from carbon_platform.ledger import accounts, tables
from carbon_platform.ledger.balances import current
from carbon_platform.ledger.history import (
    EFFECTIVE,
    RECORDED,
    Conditions,
    History,
    Stretch,
    history,
    posted_at,
)
from carbon_platform.ledger.roles import ROLES
from carbon_platform.ledger.snapshots import between
from carbon_platform.ledger.values import AccountKey

_t, _e = tables.transfer.c, tables.entry.c

# Both engines keep times to the microsecond.
_TICK = timedelta(microseconds=1)


class By(StrEnum):
    """Which of its two times puts an entry into a period."""

    EFFECTIVE = "effective"
    RECORDED = "recorded"


@dataclass(frozen=True)
class StatementLine:
    """One transfer seen from the account: ``amount`` > 0 came in, < 0 went out (smallest unit)."""

    transfer_id: int
    entry_id: int
    reason: str
    reference: str
    counterparty: AccountKey
    amount: int
    effective_at: datetime
    recorded_at: datetime
    actor_name: str
    note: str


@dataclass(frozen=True)
class Statement:
    """Newest first, in the order of recording. ``next_before`` is the cursor of the next page, None on the
    last one. Of a period also what it opened and closed with (smallest unit)."""

    lines: tuple[StatementLine, ...]
    next_before: int | None
    opening: int | None = None
    closing: int | None = None


def statement(
    session: Session,
    key: AccountKey,
    limit: int = 50,
    before: int | None = None,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    by: By = By.EFFECTIVE,
) -> Statement:
    """A page of an account's transfers; ``before`` is the last page's ``next_before``.

    ``since`` (included) and ``until`` (not included) choose a period by effective or by recorded time;
    then ``closing - opening`` is the sum over all its pages. New transfers only ever appear before the
    first line, so no line is seen twice. A closed period by recorded time never changes again; by
    effective time a back-dated entry may still be added to it.
    """
    connection = session.connection()
    account_id = accounts.find(connection, [key]).get(key)
    period = since is not None or until is not None
    if account_id is None:
        return Statement((), None, 0 if period else None, 0 if period else None)
    rows = _rows(connection, account_id, limit + 1, before, _period(since, until, by))
    lines = _lines(connection, rows[:limit])
    next_before = lines[-1].transfer_id if len(rows) > limit else None
    if not period:
        return Statement(lines, next_before)
    opening = 0 if since is None else _posted_before(connection, account_id, since, by)
    if until is None:
        closing = current(connection, account_id, guarded=ROLES[key.role].guarded).posted
    else:
        closing = _posted_before(connection, account_id, until, by)
    return Statement(lines, next_before, opening, closing)


@dataclass(frozen=True)
class _Period:
    """Last moments before the period and of it, and what its entries fulfil."""

    before: datetime | None
    last: datetime | None
    by: By
    conditions: Conditions


def _period(since: datetime | None, until: datetime | None, by: By) -> _Period:
    time = EFFECTIVE if by == By.EFFECTIVE else RECORDED
    conditions: Conditions = []
    if since is not None:
        conditions.append(time >= since)
    if until is not None:
        conditions.append(time < until)
    return _Period(_just_before(since), _just_before(until), by, conditions)


def _just_before(moment: datetime | None) -> datetime | None:
    if moment is None or moment == datetime.min.replace(tzinfo=UTC):
        return moment
    return moment - _TICK


def _posted_before(connection: Connection, account_id: int, moment: datetime, by: By) -> int:
    last = _just_before(moment)
    effective = by == By.EFFECTIVE
    return posted_at(
        connection, account_id, at=last if effective else None, as_recorded=None if effective else last
    )


def _rows(
    connection: Connection, account_id: int, wanted: int, before: int | None, period: _Period
) -> list[Row[Any]]:
    """The newest ``wanted`` transfers, looking only where the period can have any."""
    found = History(0, (Stretch(0, None),))
    if period.conditions:
        effective = period.by == By.EFFECTIVE
        found = history(
            connection,
            account_id,
            whole_by=period.before,
            effective_by=period.last if effective else None,
            recorded_by=None if effective else period.last,
        )
    rows: list[Row[Any]] = []
    for stretch in reversed(found.stretches):
        if before is not None and before <= stretch.after_id + 1:
            continue
        query = page_query(account_id, wanted - len(rows), before, stretch, period.conditions)
        rows += connection.execute(query).all()
        if len(rows) == wanted:
            break
    return rows


def page_query(
    account_id: int, wanted: int, before: int | None, stretch: Stretch, conditions: Conditions
) -> sa.Select[Any]:
    """Each side is one scan of its (account, id) index from its newest end, cut off at the page."""

    def side(mine: sa.ColumnElement[int], other: sa.ColumnElement[int], sign: int) -> sa.Select[Any]:
        half = sa.select(
            _t.id, _t.entry_id, other.label("other_id"), (_t.amount * sign).label("amount")
        ).where(mine == account_id, *between(stretch.after_id, stretch.through_id), *conditions)
        if before is not None:
            half = half.where(_t.id < before)
        return sa.select(half.order_by(_t.id.desc()).limit(wanted).subquery())

    both = sa.union_all(
        side(_t.source_id, _t.destination_id, -1), side(_t.destination_id, _t.source_id, 1)
    ).subquery()
    return (
        sa.select(both, _e.reason, _e.reference, _e.effective_at, _e.recorded_at, _e.actor, _e.note)
        .join(tables.entry, _e.id == both.c.entry_id)
        .order_by(both.c.id.desc())
        .limit(wanted)
    )


def _lines(connection: Connection, rows: Iterable[Row[Any]]) -> tuple[StatementLine, ...]:
    rows = list(rows)
    keys = accounts.keys_of(connection, [row.other_id for row in rows])
    return tuple(
        StatementLine(
            transfer_id=row.id,
            entry_id=row.entry_id,
            reason=row.reason,
            reference=row.reference,
            counterparty=keys[row.other_id],
            amount=row.amount,
            effective_at=row.effective_at,
            recorded_at=row.recorded_at,
            actor_name=row.actor,
            note=row.note,
        )
        for row in rows
    )
