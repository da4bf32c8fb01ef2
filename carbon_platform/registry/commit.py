"""Acceptance: the new records of a staged import enter the books, all in one transaction or none.

Each issued block becomes a lot of credits in accounts of the role ``external``; transfers and retirements
carry exactly the numbers the other registry names. The entries take effect when the events happened.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform import ledger
from carbon_platform.db import serialise
from carbon_platform.identity.rules import Actor
from carbon_platform.identity.service import audit
from carbon_platform.identity.tables import Organisation
from carbon_platform.ledger import AccountKey, Asset, Entry, Move, Range
from carbon_platform.registry import books, rules
from carbon_platform.registry.cells import Block
from carbon_platform.registry.mapping import Source
from carbon_platform.registry.reading import Record
from carbon_platform.registry.reading import digest as content_digest
from carbon_platform.registry.service import get_import, get_source, record_of
from carbon_platform.registry.tables import (
    ExternalBatch,
    RegistryImport,
    RegistryImportRow,
    RegistryRecord,
    RegistryRecordPart,
)
from carbon_platform.registry.timeline import Books, Part

_CHUNK: Final = 500
_REASONS: Final = {
    "issuance": "external_issue",
    "transfer": "external_transfer",
    "retirement": "external_retire",
}


def accept_import(
    session: Session,
    actor: Actor,
    import_id: int,
    *,
    digest: str,
    leave_out_errors: bool = False,
    now: datetime,
) -> RegistryImport:
    """Commit what the staged comparison shows. ``digest`` is the one the caller has seen.

    Repeating it answers the first result. One acceptance per source at a time.
    Errors: ``NotFound``, ``DigestMismatch``, ``DiffStale``, ``NothingNew``, ``RowsInError``,
    ``CommitRefused``.
    """
    found = get_import(session, actor, import_id)
    serialise(session, f"registry.{found.source_key}")
    session.refresh(found)
    source = get_source(found.source_key)
    if found.status == "accepted":
        rules.check_acceptance(
            given=digest, expected=found.digest, new=1, in_error=0, leave_out_errors=True, stale=None
        )
        repeated = {"object_kind": "registry_import", "object_id": found.id, "now": now}
        audit(session, actor, "registry.accept.repeat", **repeated)
        return found
    rules.check_acceptance(
        given=digest,
        expected=found.digest,
        new=found.counts["new"],
        in_error=found.counts["error"] + found.counts["conflict"],
        leave_out_errors=leave_out_errors,
        stale=_stale(session, found, source),
    )
    found.result = _write(session, actor, source, found, now)
    found.status, found.accepted_by, found.accepted_at = "accepted", actor.name, now
    session.flush()
    audit(
        session,
        actor,
        "registry.accept",
        object_kind="registry_import",
        object_id=found.id,
        now=now,
        detail={"digest": found.digest, "result": found.result},
    )
    return found


def _stale(session: Session, found: RegistryImport, source: Source) -> tuple[str, str] | None:
    if source.digest != found.source_digest:
        return "来源的映射文件改过", "the mapping of the source has changed"
    if books.newest_record(session, source.key) != found.books_record_id:
        return "同一来源又入过别的记录", "other records of the source were committed meanwhile"
    return None


def _write(
    session: Session, actor: Actor, source: Source, found: RegistryImport, now: datetime
) -> dict[str, Any]:
    """Every new row in its order; returns what was written (kg, batches, records)."""
    columns = RegistryImportRow.__table__.c
    rows = session.execute(
        sa.select(columns)
        .where(columns.import_id == found.id, columns.status == "new")
        .order_by(columns.ordinal)
    )
    records = [record_of(row) for row in rows]
    writer = Writer(session, actor, source, found, books.load_books(session, source, records), now)
    for start in range(0, len(records), _CHUNK):
        writer.write(records[start : start + _CHUNK])
    return dict(writer.totals)


class Writer:
    """Writes records of one source, in order; ``state`` is what is registered of the numbers they touch."""

    def __init__(
        self,
        session: Session,
        actor: Actor,
        source: Source,
        found: RegistryImport,
        state: Books,
        now: datetime,
    ) -> None:
        self.session, self.actor, self.source, self.found, self.now = session, actor, source, found, now
        self.state = state
        self.totals: Counter[str] = Counter(
            dict.fromkeys(("records", "batches", "issued_kg", "moved_kg", "retired_kg"), 0)
        )
        self._holders = dict(session.execute(sa.select(Organisation.id, Organisation.holder)).all())
        count = sa.select(sa.func.count()).where(ExternalBatch.source_key == source.key)
        self._lots = session.scalar(count) or 0

    def write(self, records: Sequence[Record]) -> None:
        self._make_batches(records)
        parts = [self._parts(record) for record in records]
        entries = [self._entry(record, found) for record, found in zip(records, parts, strict=True)]
        ids = []
        outcomes = ledger.post_batch(self.session, entries, self.now)
        for record, outcome in zip(records, outcomes, strict=True):
            if outcome.posted is None:
                why = outcome.refused
                assert why is not None
                raise rules.CommitRefused(
                    row=record.row, reason=why.message("zh"), reason_en=why.message("en")
                )
            ids.append(outcome.posted.entry_id)
        self._keep(records, parts, ids)

    def _make_batches(self, records: Sequence[Record]) -> None:
        made = []
        for record in records:
            if record.kind == "issuance":
                made += [self._new_batch(record, block) for block in record.blocks]
        self.session.add_all(made)
        self.session.flush()
        for batch in made:
            self.state.space(batch.space).add(books.batch_of(batch))
        self.totals["batches"] += len(made)

    def _new_batch(self, record: Record, block: Block) -> ExternalBatch:
        self._lots += 1
        project = re.sub(r"[^A-Za-z0-9]+", "", record.project_code)[:24] or "X"
        return ExternalBatch(
            source_key=self.source.key,
            # EXT says that the numbers were given out elsewhere; our own batches never have it.
            lot=f"XY-EXT-{self.source.code}-{project}-{record.vintage}-{self._lots:06d}",
            space=record.space(self.source, block),
            prefix=block.prefix,
            first_serial=block.first,
            last_serial=block.last,
            serial_width=block.width,
            kg_per_serial=self.source.serials.kg_per_serial,
            project_code=record.project_code,
            project_name=record.project_name,
            methodology_key=record.methodology_key,
            methodology_raw=record.methodology_raw,
            vintage=record.vintage,
            issued_at=record.at,
            import_id=self.found.id,
        )

    def _parts(self, record: Record) -> list[Part]:
        found: list[Part] = []
        for block in record.blocks:
            parts, gap = self.state.space(record.space(self.source, block)).parts(block.first, block.last)
            assert gap is None, "the comparison under the same lock found every number"
            found += parts
        return found

    def _entry(self, record: Record, parts: Sequence[Part]) -> Entry:
        per = self.source.serials.kg_per_serial
        holder = self._holders[record.holder]
        by_lot: dict[str, list[Range]] = {}
        for part in parts:
            start = part.batch.first
            numbers = Range((part.first - start) * per + 1, (part.last - start + 1) * per)
            by_lot.setdefault(part.batch.lot, []).append(numbers)
        moves = [self._move(record, holder, lot, ranges) for lot, ranges in by_lot.items()]
        what = {"issuance": "issued_kg", "transfer": "moved_kg", "retirement": "retired_kg"}[record.kind]
        self.totals[what] += sum(move.amount for move in moves)
        return Entry(
            reason=_REASONS[record.kind],
            reference=f"external:{self.source.key}:{record.key(self.source)[:40]}",
            moves=moves,
            effective_at=record.at,
            actor_name=self.actor.name,
            detail={
                "source": self.source.key,
                "import": self.found.id,
                "row": record.row,
                "reference": record.reference,
                "certificate": record.certificate,
            },
        )

    def _move(self, record: Record, holder: str, lot: str, numbers: list[Range]) -> Move:
        amount = sum(r.length for r in numbers)
        held = AccountKey(ledger.EXTERNAL, holder, Asset.CREDIT, lot)
        if record.kind == "issuance":
            return Move(AccountKey(ledger.ISSUANCE, ledger.PLATFORM, Asset.CREDIT, lot), held, amount)
        if record.kind == "transfer":
            receiver = self._holders[record.counterparty]
            goal = AccountKey(ledger.EXTERNAL, receiver, Asset.CREDIT, lot)
        else:
            goal = AccountKey(ledger.RETIRED, holder, Asset.CREDIT, lot)
        return Move(held, goal, amount, numbers=_joined(numbers))

    def _keep(self, records: Sequence[Record], parts: Sequence[Sequence[Part]], ids: Sequence[int]) -> None:
        """Records with their parts: by these the next import is compared, and holdings shown."""
        table = RegistryRecord.__table__
        made = self.session.execute(
            sa.insert(table).returning(table.c.id, sort_by_parameter_order=True),
            [self._values(record, entry_id) for record, entry_id in zip(records, ids, strict=True)],
        ).scalars()
        touched = [
            {"record_id": record_id, "batch_id": p.batch.batch_id, "first": p.first, "last": p.last}
            for record_id, found in zip(made, parts, strict=True)
            for p in found
        ]
        self.session.execute(sa.insert(RegistryRecordPart.__table__), touched)
        self.totals["records"] += len(records)

    def _values(self, record: Record, entry_id: int) -> dict[str, Any]:
        content = record.content()
        return {
            "source_key": self.source.key,
            "record_key": record.key(self.source),
            "content_digest": content_digest(content),
            "content": content,
            "kind": record.kind,
            "quantity_kg": record.quantity_kg,
            "holder_id": record.holder,
            "counterparty_id": record.counterparty,
            "happened_at": record.at,
            "reference": record.reference,
            "certificate": record.certificate,
            "beneficiary": record.beneficiary,
            "purpose": record.purpose,
            "entry_id": entry_id,
            "import_id": self.found.id,
            "row_number": record.row,
            "recorded_at": self.now,
        }


def _joined(numbers: Sequence[Range]) -> tuple[Range, ...]:
    """Ascending, neighbours joined."""
    joined: list[Range] = []
    for found in sorted(numbers):
        if joined and joined[-1].last + 1 == found.first:
            joined[-1] = Range(joined[-1].first, found.last)
        else:
            joined.append(found)
    return tuple(joined)
