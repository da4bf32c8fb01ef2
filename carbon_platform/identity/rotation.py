"""Changing keys: everything sealed or indexed with an old key is done anew under the present one.

Chunk by chunk, so that people go on working; a run that is killed goes on where it was. Rooms above that
seal values of their own name them in :data:`SEALED`; a test holds the list against the tables.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.db import Base, Database
from carbon_platform.identity import sealing
from carbon_platform.identity.persons import context as person_context

_CHUNK = 500


@dataclass(frozen=True)
class Sealed:
    """A sealed column; ``context`` of a row as it was sealed. ``index``: its blind index (column, kind)."""

    table: str
    column: str
    context: Callable[[Any], str]
    index: tuple[str, str] | None = None


SEALED: tuple[Sealed, ...] = (
    Sealed("person_identity", "phone_sealed", lambda row: person_context("phone", row.person_id),
           ("phone_index", "phone")),
    Sealed("person_identity", "name_sealed", lambda row: person_context("name", row.person_id)),
    Sealed("person_identity", "id_sealed", lambda row: person_context("id", row.person_id),
           ("id_index", "id")),
    Sealed("merge_offer", "sealed", lambda row: f"merge_offer:{row.person_id}:{row.other_id}"),
    Sealed("partner_key", "secret_sealed", lambda row: f"partner_key.secret_sealed:{row.key_id}"),
    Sealed("paper_account", "name_sealed", lambda row: f"paper_account.name:{row.number}"),
    Sealed("bus_card", "number_sealed", lambda row: f"bus_card.number:{row.id}",
           ("number_index", "bus-card")),
)  # fmt: skip


# Blind indexes of what is kept nowhere: nothing to index anew, so their key stays for as long as they do.
INDEX_ONLY: tuple[tuple[str, str], ...] = (("taken_account", "external_index"),)


def sealed_tables() -> list[tuple[Sealed, sa.Table]]:
    """The list with the tables; those of rooms that are not installed are left out."""
    return [(one, table) for one in SEALED if (table := Base.metadata.tables.get(one.table)) is not None]


def reseal(db: Database, *, limit: int = _CHUNK) -> dict[str, int]:
    """Bring every sealed value and its index under the present keys; returns how many per column.

    Errors: ``SealedDamaged`` naming the key a value needs, when that key is gone.
    """
    done: dict[str, int] = {}
    for one, table in sealed_tables():
        after: Any = None
        name = f"{one.table}.{one.column}"
        done[name] = 0
        while True:
            work = partial(_chunk, one=one, table=table, after=after, limit=limit)
            count, after = db.transact(work)
            done[name] += count
            if after is None:
                break
    return done


def _chunk(session: Session, *, one: Sealed, table: sa.Table, after: Any, limit: int) -> tuple[int, Any]:
    keys = sealing.keys(session)
    (key,) = table.primary_key.columns
    column = table.c[one.column]
    query = sa.select(table).where(column.is_not(None), column != "").order_by(key).limit(limit)
    rows = session.execute(query.where(key > after) if after is not None else query.with_for_update()).all()
    count = 0
    for row in rows:
        sealed = getattr(row, one.column)
        values = _anew(keys, one, row, sealed)
        if values:
            count += 1
            session.execute(
                sa.update(table).where(key == getattr(row, key.name), column == sealed).values(values)
            )
    return count, getattr(rows[-1], key.name) if len(rows) == limit else None


def _anew(keys: sealing.Keyring, one: Sealed, row: Any, sealed: str) -> dict[str, str]:
    """What changes in a row; nothing if it is under the present keys already."""
    stale = sealing.sealed_with(sealed) != keys.seal_id
    indexed = getattr(row, one.index[0]) if one.index else None
    old_index = indexed is not None and not indexed.startswith(f"{keys.index_id}.")
    if not stale and not old_index:
        return {}
    plain = keys.open(sealed, context=one.context(row))
    values = {one.column: keys.seal(plain, context=one.context(row))} if stale else {}
    if one.index is not None and old_index:
        values[one.index[0]] = keys.index(one.index[1], plain)
    return values


def left_behind(session: Session) -> dict[str, int]:
    """How many values each key that is not the present one still opens, or knows again: it must be kept."""
    keys = sealing.keys(session)
    found: dict[str, int] = {}
    for one, table in sealed_tables():
        column = table.c[one.column]
        rows = session.execute(
            sa.select(column).where(
                column.is_not(None), column != "", column.not_like(f"v1.{keys.seal_id}.%")
            )
        )
        for (sealed,) in rows:
            key_id = sealing.sealed_with(sealed)
            found[key_id] = found.get(key_id, 0) + 1
    for name, indexed in INDEX_ONLY:
        only = Base.metadata.tables.get(name)
        if only is None:
            continue
        for key_id in list(keys.index_keys)[1:]:
            mine = only.c[indexed].startswith(f"{key_id}.", autoescape=True)
            count = session.scalar(sa.select(sa.func.count()).select_from(only).where(mine)) or 0
            if count:
                found[key_id] = found.get(key_id, 0) + count
    return found
