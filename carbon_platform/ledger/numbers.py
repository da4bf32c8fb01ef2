"""Where numbered kilograms are now."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.ledger import accounts, tables
from carbon_platform.ledger.values import AccountKey, Range


@dataclass(frozen=True)
class Located:
    """Numbers of a lot and the account that has them."""

    account: AccountKey
    numbers: Range


def located(session: Session, lot: str, wanted: Iterable[Range]) -> list[Located]:
    """Which account has which of the wanted numbers, ascending; numbers never given out are left out.

    What it finds can have moved on by the time it is used: posting with ``Move.numbers`` checks again.
    """
    connection = session.connection()
    h = tables.holding.c
    found = []
    for span in sorted(wanted):
        rows = connection.execute(
            sa.select(h.first, h.last, h.account_id)
            .where(h.lot == lot, h.last >= span.first, h.first <= span.last)
            .order_by(h.first)
        ).all()
        found += [
            (row.account_id, Range(max(row.first, span.first), min(row.last, span.last))) for row in rows
        ]
    keys = accounts.keys_of(connection, [account_id for account_id, _ in found])
    return [Located(keys[account_id], numbers) for account_id, numbers in found]
