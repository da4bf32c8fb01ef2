"""What is registered of a source, read for a comparison: known records, and who holds which serials."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.registry.mapping import Source
from carbon_platform.registry.reading import Record
from carbon_platform.registry.staging import Known
from carbon_platform.registry.tables import ExternalBatch, RegistryRecord, RegistryRecordPart
from carbon_platform.registry.timeline import Batch, Books, Part, Segment, move, rivals

_CHUNK: Final = 500


def newest_record(session: Session, source_key: str) -> int:
    """Id of the newest record of a source: the state of its books. 0 when there is none."""
    newest = sa.select(sa.func.max(RegistryRecord.id)).where(RegistryRecord.source_key == source_key)
    return session.scalar(newest) or 0


def load_known(session: Session, source: Source, keys: Iterable[str]) -> dict[str, Known]:
    """Records of the books with these keys."""
    r = RegistryRecord
    found = {}
    for chunk in _chunks(sorted(set(keys))):
        query = sa.select(r.record_key, r.content_digest, r.content).where(
            r.source_key == source.key, r.record_key.in_(chunk)
        )
        for row in session.execute(query):
            found[row.record_key] = Known(row.content_digest, row.content)
    return found


def load_books(session: Session, source: Source, records: Sequence[Record]) -> Books:
    """Every batch that the numbers of these records touch, with its history replayed."""
    wanted: dict[str, tuple[int, int]] = {}
    for record in records:
        for block in record.blocks:
            name = record.space(source, block)
            first, last = wanted.get(name, (block.first, block.last))
            wanted[name] = (min(first, block.first), max(last, block.last))
    b = ExternalBatch
    _add_rivals(wanted, session.scalars(sa.select(b.space).where(b.source_key == source.key).distinct()))
    books, batches = Books(), {}
    for space, (first, last) in sorted(wanted.items()):
        query = sa.select(b).where(
            b.source_key == source.key, b.space == space, b.first_serial <= last, b.last_serial >= first
        )
        for found in session.scalars(query):
            batches[found.id] = batch_of(found)
            books.space(space).add(batches[found.id])
    replay(session, batches)
    return books


def _add_rivals(wanted: dict[str, tuple[int, int]], registered: Iterable[str]) -> None:
    """Add the registered spaces in which the wanted numbers may stand with or without their prefix."""
    within: dict[str, list[str]] = {}
    for name in registered:
        within.setdefault(name.rpartition("|")[0], []).append(name)
    for name, (first, last) in list(wanted.items()):
        for rival in rivals(name, within.get(name.rpartition("|")[0], ())):
            low, high = wanted.get(rival, (first, last))
            wanted[rival] = (min(low, first), max(high, last))


def batch_of(found: ExternalBatch) -> Batch:
    return Batch(
        found.first_serial,
        found.last_serial,
        found.issued_at,
        found.project_code,
        found.project_name,
        found.methodology_key,
        found.vintage,
        batch_id=found.id,
        lot=found.lot,
    )


def replay(session: Session, batches: dict[int, Batch]) -> None:
    """Fill the segments of the batches from the records, in the order they were written."""
    r, p = RegistryRecord, RegistryRecordPart
    for chunk in _chunks(sorted(batches)):
        query = (
            sa.select(p.batch_id, p.first, p.last, r.kind, r.holder_id, r.counterparty_id, r.happened_at)
            .join(r, r.id == p.record_id)
            .where(p.batch_id.in_(chunk))
            .order_by(r.id, p.first)
        )
        for row in session.execute(query):
            batch = batches[row.batch_id]
            if row.kind == "issuance":
                batch.segments = [Segment(batch.first, batch.last, row.holder_id, batch.issued_at)]
            else:
                holder = row.counterparty_id if row.kind == "transfer" else None
                move([Part(batch, row.first, row.last)], holder, row.happened_at)


def _chunks(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(values), _CHUNK):
        yield values[start : start + _CHUNK]
