"""Reading the ledger: balances now and at any time, statements, numbers, sums."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from carbon_platform.ledger import accounts, tables
from carbon_platform.ledger.blocks import ranges_of
from carbon_platform.ledger.errors import EntryNotFound
from carbon_platform.ledger.roles import ROLES
from carbon_platform.ledger.values import AccountKey, Balance, Range

_a, _b, _t, _e, _h = (
    tables.account.c,
    tables.balance.c,
    tables.transfer.c,
    tables.entry.c,
    tables.hold.c,
)


@dataclass(frozen=True)
class AccountBalance:
    key: AccountKey
    balance: Balance


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
    """Newest first. ``next_before`` is the cursor of the next page, None on the last one."""

    lines: tuple[StatementLine, ...]
    next_before: int | None


@dataclass(frozen=True)
class MovedRange:
    """Numbers a transfer carried."""

    transfer_id: int
    source: AccountKey
    destination: AccountKey
    numbers: Range

    @property
    def lot(self) -> str:
        return self.source.lot


@dataclass(frozen=True)
class Total:
    """Sum over all accounts of a role, asset and lot (smallest unit); below zero where units come from."""

    role: str
    asset: str
    lot: str
    posted: int
    held: int


@dataclass(frozen=True)
class EntryRecord:
    """An entry as it stands in the journal."""

    entry_id: int
    reason: str
    reference: str
    actor_name: str
    effective_at: datetime
    recorded_at: datetime
    reverses: int | None
    reversed_by: int | None
    note: str
    detail: dict[str, Any]


def balance(
    session: Session,
    key: AccountKey,
    *,
    at: datetime | None = None,
    as_recorded: datetime | None = None,
) -> Balance:
    """Posted and held (smallest unit); zero for an account nothing has happened on.

    ``at``: what was effective by then. ``as_recorded``: what the ledger knew by then, so a back-dated
    entry changes ``at`` but not ``as_recorded``. Both together: what was known then about then.
    Holds have a recorded time only; they are taken as they stood at the earlier of the two.
    """
    connection = session.connection()
    account_id = accounts.find(connection, [key]).get(key)
    if account_id is None:
        return Balance(0, 0)
    if at is None and as_recorded is None:
        if ROLES[key.role].guarded:
            row = connection.execute(sa.select(_b.posted, _b.held).where(_b.account_id == account_id)).one()
            return Balance(row.posted, row.held)
        return Balance(_journal_sum(connection, account_id, []), 0)
    known = []
    if at is not None:
        known.append(_e.effective_at <= at)
    if as_recorded is not None:
        known.append(_e.recorded_at <= as_recorded)
    moment = min(time for time in (at, as_recorded) if time is not None)
    return Balance(_journal_sum(connection, account_id, known), _held_at(connection, account_id, moment))


def balances(
    session: Session, holder: str, *, role: str | None = None, asset: str | None = None
) -> list[AccountBalance]:
    """Every guarded account of a holder, by role, asset and lot, the empty ones too."""
    query = (
        sa.select(_a.role, _a.holder, _a.asset, _a.lot, _b.posted, _b.held)
        .join(tables.balance, _b.account_id == _a.id)
        .where(_a.holder == holder)
        .order_by(_a.role, _a.asset, _a.lot)
    )
    if role is not None:
        query = query.where(_a.role == role)
    if asset is not None:
        query = query.where(_a.asset == str(asset))
    return [
        AccountBalance(
            AccountKey(row.role, row.holder, row.asset, row.lot), Balance(int(row.posted), int(row.held))
        )
        for row in session.connection().execute(query)
    ]


def statement(session: Session, key: AccountKey, limit: int = 50, before: int | None = None) -> Statement:
    """A page of an account's transfers, newest first; ``before`` is the last page's ``next_before``."""
    connection = session.connection()
    account_id = accounts.find(connection, [key]).get(key)
    if account_id is None:
        return Statement((), None)

    def side(mine: sa.ColumnElement[int], other: sa.ColumnElement[int], sign: int) -> sa.Select[Any]:
        # Each side is one scan of its (account, id) index, cut off at the page.
        half = sa.select(
            _t.id, _t.entry_id, other.label("other_id"), (_t.amount * sign).label("amount")
        ).where(mine == account_id)
        if before is not None:
            half = half.where(_t.id < before)
        return sa.select(half.order_by(_t.id.desc()).limit(limit + 1).subquery())

    both = sa.union_all(
        side(_t.source_id, _t.destination_id, -1), side(_t.destination_id, _t.source_id, 1)
    ).subquery()
    rows = connection.execute(
        sa.select(
            both,
            _e.reason,
            _e.reference,
            _e.effective_at,
            _e.recorded_at,
            _e.actor,
            _e.note,
        )
        .join(tables.entry, _e.id == both.c.entry_id)
        .order_by(both.c.id.desc())
        .limit(limit + 1)
    ).all()
    keys = accounts.keys_of(connection, [row.other_id for row in rows])
    lines = tuple(
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
        for row in rows[:limit]
    )
    return Statement(lines, lines[-1].transfer_id if len(rows) > limit else None)


def ranges(session: Session, key: AccountKey) -> list[Range]:
    """Numbers of the lot that the account has now, ascending, neighbours joined."""
    connection = session.connection()
    account_id = accounts.find(connection, [key]).get(key)
    return [] if account_id is None else ranges_of(connection, account_id)


def movement_ranges(session: Session, entry_id: int) -> list[MovedRange]:
    """Numbers that an entry moved, in the order of its transfers; empty if it moved no credits."""
    connection = session.connection()
    m = tables.movement.c
    rows = connection.execute(
        sa.select(m.transfer_id, m.first, m.last, _t.source_id, _t.destination_id)
        .join(tables.transfer, _t.id == m.transfer_id)
        .where(_t.entry_id == entry_id)
        .order_by(m.transfer_id, m.first)
    ).all()
    keys = accounts.keys_of(connection, [i for row in rows for i in (row.source_id, row.destination_id)])
    return [
        MovedRange(row.transfer_id, keys[row.source_id], keys[row.destination_id], Range(row.first, row.last))
        for row in rows
    ]


def find_entry(session: Session, reference: str) -> EntryRecord | None:
    """The entry with this reference, or None."""
    return _entry(session, _e.reference == reference)


def get_entry(session: Session, entry_id: int) -> EntryRecord:
    """The entry with this number, or ``EntryNotFound``."""
    found = _entry(session, _e.id == entry_id)
    if found is None:
        raise EntryNotFound(number=entry_id)
    return found


def totals(
    session: Session,
    *,
    role: str | None = None,
    asset: str | None = None,
    lot: str | None = None,
    holder: str | None = None,
) -> list[Total]:
    """Sums per role, asset and lot over the accounts that fit, for dashboards.

    Guarded accounts are summed from their balances, the others from the journal.
    """
    wanted: list[sa.ColumnElement[bool]] = []
    for column, value in ((_a.role, role), (_a.asset, asset), (_a.lot, lot), (_a.holder, holder)):
        if value is not None:
            wanted.append(column == str(value))
    group = (_a.role, _a.asset, _a.lot)
    guarded = (
        sa.select(*group, sa.func.sum(_b.posted).label("posted"), sa.func.sum(_b.held).label("held"))
        .join(tables.balance, _b.account_id == _a.id)
        .where(*wanted)
        .group_by(*group)
    )

    def side(mine: sa.ColumnElement[int], sign: int) -> sa.Select[Any]:
        return (
            sa.select(*group, (sa.func.sum(_t.amount) * sign).label("posted"), sa.literal(0).label("held"))
            .join(tables.transfer, mine == _a.id)
            .where(_a.guarded.is_(False), *wanted)
            .group_by(*group)
        )

    every = sa.union_all(guarded, side(_t.source_id, -1), side(_t.destination_id, 1)).subquery()
    c = every.c
    query = (
        sa.select(
            c.role, c.asset, c.lot, sa.func.sum(c.posted).label("posted"), sa.func.sum(c.held).label("held")
        )
        .group_by(c.role, c.asset, c.lot)
        .order_by(c.asset, c.role, c.lot)
    )
    return [
        Total(row.role, row.asset, row.lot, int(row.posted), int(row.held))
        for row in session.connection().execute(query)
    ]


def _journal_sum(connection: Connection, account_id: int, known: list[sa.ColumnElement[bool]]) -> int:
    def side(mine: sa.ColumnElement[int]) -> sa.ScalarSelect[Any]:
        query = sa.select(sa.func.coalesce(sa.func.sum(_t.amount), 0)).where(mine == account_id)
        if known:
            query = query.join(tables.entry, _e.id == _t.entry_id).where(*known)
        return query.scalar_subquery()

    return int(connection.execute(sa.select(side(_t.destination_id) - side(_t.source_id))).scalar_one())


def _held_at(connection: Connection, account_id: int, moment: datetime) -> int:
    u = tables.hold_use.c
    placed = connection.execute(
        sa.select(sa.func.coalesce(sa.func.sum(_h.amount), 0)).where(
            _h.account_id == account_id,
            _h.placed_at <= moment,
            sa.or_(_h.closed_at.is_(None), _h.closed_at > moment),
        )
    ).scalar_one()
    used = connection.execute(
        sa.select(sa.func.coalesce(sa.func.sum(u.amount + u.released), 0))
        .join(tables.hold, _h.id == u.hold_id)
        .join(tables.entry, _e.id == u.entry_id)
        .where(
            _h.account_id == account_id,
            _e.recorded_at <= moment,
            sa.or_(_h.closed_at.is_(None), _h.closed_at > moment),
        )
    ).scalar_one()
    return int(placed) - int(used)


def _entry(session: Session, condition: sa.ColumnElement[bool]) -> EntryRecord | None:
    reversal = tables.entry.alias()
    row = (
        session.connection()
        .execute(
            sa.select(tables.entry, reversal.c.id.label("reversed_by"))
            .outerjoin(reversal, reversal.c.reverses == _e.id)
            .where(condition)
        )
        .one_or_none()
    )
    if row is None:
        return None
    return EntryRecord(
        entry_id=row.id,
        reason=row.reason,
        reference=row.reference,
        actor_name=row.actor,
        effective_at=row.effective_at,
        recorded_at=row.recorded_at,
        reverses=row.reverses,
        reversed_by=row.reversed_by,
        note=row.note,
        detail=dict(row.detail),
    )
