"""Reading imports and their rows."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.errors import NotFound
from carbon_platform.identity.rules import Actor
from carbon_platform.parcels.register import in_scope
from carbon_platform.parcels.tables import ParcelImport, ParcelImportRow


def imports_statement(actor: Actor) -> sa.Select[Any]:
    """Imports the actor may see, newest first."""
    statement = sa.select(ParcelImport).order_by(ParcelImport.id.desc())
    return statement.where(in_scope(ParcelImport.region_code, actor))


def get_import(session: Session, actor: Actor, import_id: int) -> ParcelImport:
    """One import; ``NotFound`` also for one outside the actor's region."""
    record = session.get(ParcelImport, import_id)
    if record is None or not actor.sees_region(record.region_code):
        raise NotFound(what="导入", key=import_id)
    return record


def rows_statement(
    record: ParcelImport, *, outcomes: Collection[str] = (), changes: Collection[str] = ()
) -> sa.Select[Any]:
    """Rows of an import in file order, optionally of some outcomes or changes only."""
    statement = sa.select(ParcelImportRow).where(ParcelImportRow.import_id == record.id)
    if outcomes:
        statement = statement.where(ParcelImportRow.outcome.in_(outcomes))
    if changes:
        statement = statement.where(ParcelImportRow.change.in_(changes))
    return statement.order_by(ParcelImportRow.row_number)


def awaiting_statement(actor: Actor) -> sa.Select[Any]:
    """(import, rows that wait for a second person), oldest first, within the actor's region."""
    waits = sa.and_(
        ParcelImportRow.import_id == ParcelImport.id,
        ParcelImportRow.needs_approval,
        ParcelImportRow.parcel_id.is_(None),
        ParcelImportRow.outcome.in_(("accepted", "repaired", "warned")),
    )
    rows = sa.select(sa.func.count()).select_from(ParcelImportRow).where(waits).correlate(ParcelImport)
    count = rows.scalar_subquery()
    return (
        sa.select(ParcelImport, count)
        .where(in_scope(ParcelImport.region_code, actor), ParcelImport.status != "declined", count > 0)
        .order_by(ParcelImport.id)
    )


def diff_counts(session: Session, record: ParcelImport) -> dict[str, int]:
    """Rows by what they would do to the register: new, changed, same, refused; every row counts once.

    ``changed`` holds corrections, splits, mergers, replacements, ends and restorations.
    """
    statement = (
        sa.select(ParcelImportRow.change, ParcelImportRow.outcome, sa.func.count())
        .where(ParcelImportRow.import_id == record.id)
        .group_by(ParcelImportRow.change, ParcelImportRow.outcome)
    )
    counts = {"new": 0, "changed": 0, "same": 0, "refused": 0}
    for change, outcome, count in session.execute(statement):
        counts[diff_word(change, outcome)] += count
    return counts


def diff_word(change: str, outcome: str) -> str:
    """new, changed, same or refused."""
    if outcome in ("refused", "same"):
        return outcome
    return change if change in ("new", "same") else "changed"
