"""Balances now and at any time, and sums over many accounts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from carbon_platform.ledger import accounts, tables
from carbon_platform.ledger.history import posted_at, posted_now
from carbon_platform.ledger.roles import ROLES
from carbon_platform.ledger.rollup import line_reached
from carbon_platform.ledger.values import AccountKey, Balance

_a, _b, _t, _e, _h, _r = (
    tables.account.c,
    tables.balance.c,
    tables.transfer.c,
    tables.entry.c,
    tables.hold.c,
    tables.rollup.c,
)


@dataclass(frozen=True)
class AccountBalance:
    key: AccountKey
    balance: Balance


@dataclass(frozen=True)
class Total:
    """Sum over all accounts of a role, asset and lot (smallest unit); below zero where units come from."""

    role: str
    asset: str
    lot: str
    posted: int
    held: int


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
        return current(connection, account_id, guarded=ROLES[key.role].guarded)
    moment = min(time for time in (at, as_recorded) if time is not None)
    posted = posted_at(connection, account_id, at=at, as_recorded=as_recorded)
    return Balance(posted, _held_at(connection, account_id, moment))


def current(connection: Connection, account_id: int, *, guarded: bool) -> Balance:
    """As it stands now: the balance row, or for an account without one its rollup and what came since."""
    if not guarded:
        return Balance(posted_now(connection, account_id), 0)
    row = connection.execute(sa.select(_b.posted, _b.held).where(_b.account_id == account_id)).one()
    return Balance(int(row.posted), int(row.held))


def balances(
    session: Session, holder: str, *, role: str | None = None, asset: str | None = None
) -> list[AccountBalance]:
    """Every guarded account of a holder, by role, asset and lot, the empty ones too."""
    query = _balances_statement(by_role=role is not None, by_asset=asset is not None)
    asked = {"holder": holder, "role": role, "asset": None if asset is None else str(asset)}
    asked = {name: value for name, value in asked.items() if value is not None}
    return [
        AccountBalance(
            AccountKey(row.role, row.holder, row.asset, row.lot), Balance(int(row.posted), int(row.held))
        )
        for row in session.connection().execute(query, asked)
    ]


@cache
def _balances_statement(*, by_role: bool, by_asset: bool) -> sa.Select[Any]:
    """Built once: putting it together costs as much as asking it."""
    query = (
        sa.select(_a.role, _a.holder, _a.asset, _a.lot, _b.posted, _b.held)
        .join(tables.balance, _b.account_id == _a.id)
        .where(_a.holder == sa.bindparam("holder"))
        .order_by(_a.role, _a.asset, _a.lot)
    )
    if by_role:
        query = query.where(_a.role == sa.bindparam("role"))
    return query.where(_a.asset == sa.bindparam("asset")) if by_asset else query


def totals(
    session: Session,
    *,
    role: str | None = None,
    asset: str | None = None,
    lot: str | None = None,
    holder: str | None = None,
) -> list[Total]:
    """Sums per role, asset and lot over the accounts that fit, for dashboards.

    Guarded accounts are summed from their balances, the others from their rollups and the transfers since.
    """
    wanted: list[sa.ColumnElement[bool]] = []
    for column, value in ((_a.role, role), (_a.asset, asset), (_a.lot, lot), (_a.holder, holder)):
        if value is not None:
            wanted.append(column == str(value))
    return _totals(session.connection(), wanted, rolled=True)


def journal_totals(connection: Connection, *, asset: str | None = None) -> list[Total]:
    """As :func:`totals`, but without the rollups: for verification."""
    return _totals(connection, [] if asset is None else [_a.asset == str(asset)], rolled=False)


def _totals(connection: Connection, wanted: list[sa.ColumnElement[bool]], *, rolled: bool) -> list[Total]:
    group = (_a.role, _a.asset, _a.lot)
    nothing_held = sa.literal(0).label("held")
    since = line_reached() if rolled else sa.literal(0)
    unguarded = (_a.guarded.is_(False), *wanted)

    def side(mine: sa.ColumnElement[int], sign: int) -> sa.Select[Any]:
        return (
            sa.select(*group, (sa.func.sum(_t.amount) * sign).label("posted"), nothing_held)
            .join(tables.transfer, mine == _a.id)
            .where(_t.id > since, *unguarded)
            .group_by(*group)
        )

    parts: list[sa.Select[Any]] = [
        sa.select(*group, sa.func.sum(_b.posted).label("posted"), sa.func.sum(_b.held).label("held"))
        .join(tables.balance, _b.account_id == _a.id)
        .where(*wanted)
        .group_by(*group),
        side(_t.source_id, -1),
        side(_t.destination_id, 1),
    ]
    if rolled:
        parts.append(
            sa.select(*group, sa.func.sum(_r.posted).label("posted"), nothing_held)
            .join(tables.rollup, _r.account_id == _a.id)
            .where(*unguarded)
            .group_by(*group)
        )
    c = sa.union_all(*parts).subquery().c
    query = (
        sa.select(
            c.role, c.asset, c.lot, sa.func.sum(c.posted).label("posted"), sa.func.sum(c.held).label("held")
        )
        .group_by(c.role, c.asset, c.lot)
        .order_by(c.asset, c.role, c.lot)
    )
    return [
        Total(row.role, row.asset, row.lot, int(row.posted), int(row.held))
        for row in connection.execute(query)
    ]


def _held_at(connection: Connection, account_id: int, moment: datetime) -> int:
    u = tables.hold_use.c
    open_then = (
        _h.account_id == account_id,
        _h.placed_at <= moment,
        sa.or_(_h.closed_at.is_(None), _h.closed_at > moment),
    )
    placed = connection.execute(
        sa.select(sa.func.coalesce(sa.func.sum(_h.amount), 0)).where(*open_then)
    ).scalar_one()
    used = connection.execute(
        sa.select(sa.func.coalesce(sa.func.sum(u.amount + u.released), 0))
        .join(tables.hold, _h.id == u.hold_id)
        .join(tables.entry, _e.id == u.entry_id)
        .where(*open_then, _e.recorded_at <= moment)
    ).scalar_one()
    return int(placed) - int(used)
