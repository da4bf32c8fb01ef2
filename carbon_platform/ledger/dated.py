"""Accounts whose dated lot is over and that still hold something."""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.db import among_texts, ask, mark
from carbon_platform.ledger import tables
from carbon_platform.ledger.balances import AccountBalance
from carbon_platform.ledger.values import AccountKey, Balance


def overdue(
    session: Session, roles: Collection[str], asset: str, before: str, *, after: int = 0, limit: int = 500
) -> tuple[list[AccountBalance], int | None]:
    """Accounts of the roles in a lot smaller than ``before`` with something available, by account id.

    For lots that are ISO days; accounts without a lot are never overdue. The second value is the
    ``after`` of the next page, None on the last one.
    """
    a, b = tables.account.c, tables.balance.c
    query = (
        sa.select(a.id, a.role, a.holder, a.asset, a.lot, b.posted, b.held)
        .join(tables.balance, b.account_id == a.id)
        .where(
            a.asset == str(asset),
            a.lot > "",
            a.lot < before,
            a.role.in_(sorted(roles)),
            b.posted > b.held,
            a.id > after,
        )
        .order_by(a.id)
        .limit(limit)
    )
    rows = session.connection().execute(query).all()
    found = [
        AccountBalance(AccountKey(row.role, row.holder, row.asset, row.lot), Balance(row.posted, row.held))
        for row in rows
    ]
    return found, rows[-1].id if len(rows) == limit else None


def holders_with(session: Session, role: str, holders: Collection[str]) -> set[str]:
    """Which of the holders have anything on a guarded account of the role."""
    connection = session.connection()
    of_these, given = among_texts(connection, set(holders))
    text = (  # asked with every batch of acts
        "SELECT DISTINCT a.holder FROM ledger_account AS a "  # noqa: S608
        "JOIN ledger_balance AS b ON b.account_id = a.id "
        f"WHERE b.posted > 0 AND a.role = {mark(connection)} AND a.holder {of_these}"
    )
    return {row[0] for row in ask(connection, text, (role, given))}
