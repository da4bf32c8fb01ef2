"""Account rows: found, or made once however many ask at the same time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from carbon_platform.ledger import tables
from carbon_platform.ledger.roles import ROLES
from carbon_platform.ledger.values import AccountKey

# Keys per statement: far below the depth of an expression that SQLite allows.
_CHUNK = 100


def insert(connection: Connection, table: sa.Table) -> Any:
    """``INSERT`` of the dialect at hand, the one that knows ``ON CONFLICT``."""
    return (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(table)


def find(connection: Connection, keys: Iterable[AccountKey]) -> dict[AccountKey, int]:
    """Ids of those accounts that exist."""
    a = tables.account.c
    found: dict[AccountKey, int] = {}
    wanted = sorted(set(keys))
    for start in range(0, len(wanted), _CHUNK):
        # Written out, because SQLite scans the whole table for ``(a, b) IN (VALUES …)``.
        any_of = [
            sa.and_(a.holder == k.holder, a.role == k.role, a.asset == str(k.asset), a.lot == k.lot)
            for k in wanted[start : start + _CHUNK]
        ]
        query = sa.select(a.id, a.role, a.holder, a.asset, a.lot).where(sa.or_(*any_of))
        for row in connection.execute(query):
            found[AccountKey(row.role, row.holder, row.asset, row.lot)] = row.id
    return found


def find_or_make(connection: Connection, keys: Iterable[AccountKey]) -> dict[AccountKey, int]:
    """Ids of all accounts. A guarded one is born together with its balance row, so having the one
    means having the other. Keys are made in order, so two who make the same do not deadlock."""
    wanted = set(keys)
    found = find(connection, wanted)
    missing = sorted(wanted - found.keys())
    if not missing:
        return found
    statement = (
        insert(connection, tables.account)
        .on_conflict_do_nothing(index_elements=["holder", "role", "asset", "lot"])
        .returning(tables.account.c.id, tables.account.c.guarded)
    )
    rows = [
        {
            "role": k.role,
            "holder": k.holder,
            "asset": str(k.asset),
            "lot": k.lot,
            "guarded": ROLES[k.role].guarded,
        }
        for k in missing
    ]
    made = connection.execute(statement, rows).all()
    guarded = [{"account_id": row.id, "posted": 0, "held": 0} for row in made if row.guarded]
    if guarded:
        connection.execute(tables.balance.insert(), guarded)
    # Those that somebody else made in between are committed by now: our insert waited for them.
    found.update(find(connection, missing))
    return found


def keys_of(connection: Connection, ids: Iterable[int]) -> dict[int, AccountKey]:
    """The keys behind account ids."""
    a = tables.account.c
    wanted = sorted(set(ids))
    keys: dict[int, AccountKey] = {}
    for start in range(0, len(wanted), _CHUNK):
        query = sa.select(a.id, a.role, a.holder, a.asset, a.lot).where(
            a.id.in_(wanted[start : start + _CHUNK])
        )
        for row in connection.execute(query):
            keys[row.id] = AccountKey(row.role, row.holder, row.asset, row.lot)
    return keys
