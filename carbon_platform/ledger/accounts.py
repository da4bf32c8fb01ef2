"""Account rows: found, or made once however many ask at the same time; and whether anything may move."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from carbon_platform.db import text_array
from carbon_platform.errors import PlatformError
from carbon_platform.ledger import errors, tables
from carbon_platform.ledger.roles import ROLES
from carbon_platform.ledger.values import AccountKey

# Keys per statement: far below the depth of an expression that SQLite allows.
_CHUNK = 100


def insert(connection: Connection, table: sa.Table) -> Any:
    """``INSERT`` of the dialect at hand, the one that knows ``ON CONFLICT``."""
    return (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(table)


# One parameter per column carries any number of keys, so the statements stay the same and prepared.
# SQLite would scan the accounts for ``(a, b) IN (VALUES …)``; CROSS JOIN keeps it to the index.
_FIND_SQLITE = """
SELECT j.key, a.id FROM json_each(?) AS j CROSS JOIN ledger_account AS a
  ON a.holder = j.value ->> 0 AND a.role = j.value ->> 1 AND a.asset = j.value ->> 2 AND a.lot = j.value ->> 3
"""
_FIND_POSTGRESQL = """
SELECT k.place - 1, a.id
FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[])
    WITH ORDINALITY AS k(holder, role, asset, lot, place)
JOIN ledger_account a ON a.holder = k.holder AND a.role = k.role AND a.asset = k.asset AND a.lot = k.lot
"""


def find(connection: Connection, keys: Iterable[AccountKey]) -> dict[AccountKey, int]:
    """Ids of those accounts that exist."""
    wanted = list(dict.fromkeys(keys))
    if not wanted:
        return {}
    rows = [(key.holder, key.role, str(key.asset), key.lot) for key in wanted]
    if connection.dialect.name == "postgresql":
        columns = tuple(text_array(column) for column in zip(*rows, strict=True))
        found = connection.exec_driver_sql(_FIND_POSTGRESQL, columns)
    else:
        found = connection.exec_driver_sql(_FIND_SQLITE, (json.dumps(rows),))
    return {wanted[place]: account_id for place, account_id in found}


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


def check_standing(connection: Connection, ids: Mapping[AccountKey, int], effective_at: datetime) -> None:
    """Refuse accounts that are frozen, closed or not yet open, in the order of their keys.

    The balances are locked first, by ascending id: who freezes an account waits for the same locks.
    """
    wanted = sorted(ids.values())
    lock_balances(connection, wanted)
    a = tables.account.c
    standing = sa.select(a.id, a.state, a.opened_at).where(
        a.id.in_(wanted), sa.or_(a.state != "open", a.opened_at > effective_at)
    )
    keys = {account_id: key for key, account_id in ids.items()}
    for row in sorted(connection.execute(standing), key=lambda row: keys[row.id]):
        refusal = standing_refusal(keys[row.id], row.state, row.opened_at, effective_at)
        if refusal is not None:
            raise refusal


def lock_balances(connection: Connection, account_ids: Iterable[int]) -> None:
    """Take the balance rows by ascending account id, until the transaction or savepoint ends."""
    if connection.dialect.name == "postgresql":
        b = tables.balance.c
        locked = sa.select(b.account_id).where(b.account_id.in_(sorted(account_ids)))
        connection.execute(locked.order_by(b.account_id).with_for_update()).all()


def standing_refusal(
    key: AccountKey, state: str, opened_at: str | datetime | None, effective_at: datetime
) -> PlatformError | None:
    """Why nothing may happen on an account in this state, at this effective time."""
    if state == "closed":
        return errors.AccountClosed(key)
    if state == "frozen":
        return errors.AccountFrozen(key)
    if opened_at is None:
        return None
    opened = opened_at if isinstance(opened_at, datetime) else datetime.fromisoformat(opened_at)
    if opened.tzinfo is None:
        opened = opened.replace(tzinfo=UTC)
    if effective_at >= opened:
        return None
    return errors.EffectiveBeforeAccount(
        key, effective_at=effective_at.isoformat(), opened_at=opened.isoformat()
    )
