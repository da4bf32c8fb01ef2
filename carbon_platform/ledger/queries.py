"""Reading single entries and the numbers they carried. Balances, statements and lots have their own files."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.ledger import accounts, tables
from carbon_platform.ledger.blocks import ranges_of
from carbon_platform.ledger.errors import EntryNotFound
from carbon_platform.ledger.values import AccountKey, Range

_t, _e = tables.transfer.c, tables.entry.c


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
