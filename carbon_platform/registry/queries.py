"""What pages and the API show: external batches, who holds them, what an organisation holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform import ledger
from carbon_platform.errors import NotFound
from carbon_platform.identity.rules import Actor
from carbon_platform.identity.tables import Organisation
from carbon_platform.ledger import AccountKey, Asset, Range
from carbon_platform.registry import books
from carbon_platform.registry.cells import Block
from carbon_platform.registry.mapping import sources
from carbon_platform.registry.methodology_names import known
from carbon_platform.registry.tables import ExternalBatch, RegistryRecord, RegistryRecordPart


def serials(batch: ExternalBatch, first: int, last: int) -> str:
    """Serials as their registry writes them."""
    return str(Block(batch.prefix, first, last, batch.serial_width))


def serials_of_numbers(batch: ExternalBatch, numbers: Range) -> str:
    """The serials behind kilograms of the lot: number k is ``first_serial + (k - 1) // kg_per_serial``."""
    first = batch.first_serial + (numbers.first - 1) // batch.kg_per_serial
    return serials(batch, first, batch.first_serial + (numbers.last - 1) // batch.kg_per_serial)


def source_view(key: str) -> dict[str, Any]:
    """A declared source: titles, what may be done here, how sure its facts are."""
    source = sources()[key]
    return {
        "key": source.key,
        "code": source.code,
        "title_zh": source.title_zh,
        "title_en": source.title_en,
        "may_sell": source.may_sell,
        "may_retire": source.may_retire,
        "here_zh": source.here_zh,
        "here_en": source.here_en,
        "unit": source.unit,
        "kg_per_serial": source.serials.kg_per_serial,
        "sheets": list(source.sheets),
        "columns": source.column_names,
        "facts": list(source.facts),
    }


def batches_statement(*, source: str = "", project: str = "") -> sa.Select[Any]:
    """External batches, newest first."""
    statement = sa.select(ExternalBatch).order_by(ExternalBatch.id.desc())
    if source:
        statement = statement.where(ExternalBatch.source_key == source)
    if project:
        statement = statement.where(ExternalBatch.project_code == project)
    return statement


def get_batch(session: Session, lot: str) -> ExternalBatch:
    found = session.scalar(sa.select(ExternalBatch).where(ExternalBatch.lot == lot))
    if found is None:
        raise NotFound(what="外部批次", key=lot)
    return found


def batch_view(batch: ExternalBatch) -> dict[str, Any]:
    """A batch as its registry names it, and its lot here."""
    name = known().get(batch.methodology_key)
    return {
        "lot": batch.lot,
        "source": batch.source_key,
        "project_code": batch.project_code,
        "project_name": batch.project_name,
        "methodology_key": batch.methodology_key,
        "methodology_zh": name.title_zh if name else batch.methodology_key,
        "methodology_en": name.title_en if name else batch.methodology_key,
        "methodology_raw": batch.methodology_raw,
        "vintage": batch.vintage,
        "serials": serials(batch, batch.first_serial, batch.last_serial),
        "kg_per_serial": batch.kg_per_serial,
        "quantity_kg": batch.quantity_kg,
        "issued_at": batch.issued_at,
        "import_id": batch.import_id,
    }


def segments(session: Session, batch: ExternalBatch) -> list[dict[str, Any]]:
    """Where the serials of a batch are now, ascending; ``state`` is held or retired."""
    found = books.batch_of(batch)
    books.replay(session, {batch.id: found})
    names = _names(session, {s.holder for s in found.segments if s.holder is not None})
    return [
        {
            "serials": serials(batch, s.first, s.last),
            "quantity_kg": (s.last - s.first + 1) * batch.kg_per_serial,
            "state": "retired" if s.holder is None else "held",
            "holder": names.get(s.holder, "") if s.holder is not None else "",
            "since": s.since,
        }
        for s in found.segments
    ]


def history(session: Session, batch: ExternalBatch) -> list[dict[str, Any]]:
    """Every record that touched a batch, in the order of their time, with the source's own references."""
    r, p = RegistryRecord, RegistryRecordPart
    rows = session.execute(
        sa.select(r, p.first, p.last)
        .join(p, p.record_id == r.id)
        .where(p.batch_id == batch.id)
        .order_by(r.happened_at, r.id, p.first)
    ).all()
    wanted = {
        number for record, _, _ in rows for number in (record.holder_id, record.counterparty_id) if number
    }
    names = _names(session, wanted)
    return [
        {
            "kind": record.kind,
            "serials": serials(batch, first, last),
            "quantity_kg": (last - first + 1) * batch.kg_per_serial,
            "holder": names.get(record.holder_id, ""),
            "counterparty": names.get(record.counterparty_id or 0, ""),
            "happened_at": record.happened_at,
            "reference": record.reference,
            "certificate": record.certificate,
            "beneficiary": record.beneficiary,
            "purpose": record.purpose,
            "entry_id": record.entry_id,
            "import_id": record.import_id,
        }
        for record, first, last in rows
    ]


def _names(session: Session, ids: set[int]) -> dict[int, str]:
    rows = session.execute(sa.select(Organisation.id, Organisation.name_zh).where(Organisation.id.in_(ids)))
    return dict(rows.all())


def holdings(session: Session, actor: Actor) -> list[dict[str, Any]]:
    """What the caller's organisation holds at other registries: lots, kilograms, serials. Locked here.

    The kilograms are the ledger's; the serials follow from its numbers.
    """
    if not actor.holder:
        return []
    found = [
        account
        for account in ledger.balances(session, actor.holder, role=ledger.EXTERNAL)
        if account.balance.posted
    ]
    batches = _by_lot(session, [account.key.lot for account in found])
    views = []
    for account in found:
        batch = batches[account.key.lot]
        key = AccountKey(ledger.EXTERNAL, actor.holder, Asset.CREDIT, batch.lot)
        source = sources().get(batch.source_key)
        views.append(
            batch_view(batch)
            | {
                "held_kg": account.balance.posted,
                "held_serials": [serials_of_numbers(batch, r) for r in ledger.ranges(session, key)],
                "here_zh": source.here_zh if source else "",
                "here_en": source.here_en if source else "",
            }
        )
    return sorted(views, key=lambda view: view["lot"])


def _by_lot(session: Session, lots: Sequence[str]) -> dict[str, ExternalBatch]:
    found: dict[str, ExternalBatch] = {}
    for start in range(0, len(lots), 500):
        wanted = sa.select(ExternalBatch).where(ExternalBatch.lot.in_(lots[start : start + 500]))
        found |= {batch.lot: batch for batch in session.scalars(wanted)}
    return found
