"""Uploads of other registries' exports: read, compare, keep the comparison. Nothing is in the books yet."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.errors import NotFound
from carbon_platform.identity.rules import Actor
from carbon_platform.identity.service import audit
from carbon_platform.registry import books, rules
from carbon_platform.registry.cells import Block
from carbon_platform.registry.directory import load_directory
from carbon_platform.registry.mapping import Source, sources
from carbon_platform.registry.reading import Record, Table, read_table
from carbon_platform.registry.staging import Comparison, Staged
from carbon_platform.registry.tables import RegistryImport, RegistryImportRow

T = TypeVar("T")
_CHUNK = 5_000
Read = Callable[[Callable[[Session], T]], T]


@dataclass(frozen=True)
class Checked:
    """A file that was read and compared, not yet kept."""

    source: Source
    file_name: str
    file_sha256: str
    table: Table
    staged: Staged
    books_record_id: int


def get_source(key: str) -> Source:
    """A declared source. Errors: ``SourceUnknown``."""
    found = sources().get(key)
    if found is None:
        raise rules.SourceUnknown(source=key, known="、".join(sources()))
    return found


def check_file(
    read: Read[Any], path: Path, *, source_key: str, now: datetime, file_name: str | None = None
) -> Checked:
    """Read a file and compare it with the books, outside any write. ``read(work)`` runs ``work(session)``.

    Errors: ``SourceUnknown`` and everything in ``rules`` that refuses a file.
    """
    source = get_source(source_key)
    directory = read(load_directory)
    table = read_table(path, source, directory, now)

    def compare(session: Session) -> tuple[Staged, int]:
        usable = [record for record in table.records if not record.findings]
        known = books.load_known(session, source, (record.key(source) for record in usable))
        state = books.load_books(session, source, usable)
        newest = books.newest_record(session, source.key)
        comparison = Comparison(source, state, known, directory.names)
        return comparison.run(table.records, newest), newest

    staged, newest = read(compare)
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return Checked(source, file_name or path.name, sha256, table, staged, newest)


def stage_import(session: Session, actor: Actor, checked: Checked, *, now: datetime) -> RegistryImport:
    """Keep the comparison with all its rows."""
    record = RegistryImport(
        source_key=checked.source.key,
        source_digest=checked.source.digest,
        file_name=checked.file_name,
        file_sha256=checked.file_sha256,
        file_format=checked.table.file_format,
        encoding=checked.table.encoding,
        sheet=checked.table.sheet,
        header_row=checked.table.header_row,
        ignored_columns=list(checked.table.ignored),
        counts=checked.staged.counts,
        changes=checked.staged.changes,
        digest=checked.staged.digest,
        books_record_id=checked.books_record_id,
        status="staged",
        result={},
        region_code=actor.region_code,
        uploaded_by=actor.name,
        uploaded_at=now,
        accepted_by=None,
        accepted_at=None,
    )
    session.add(record)
    session.flush()
    rows = checked.staged.records
    for start in range(0, len(rows), _CHUNK):
        values = [_row_values(record.id, row) for row in rows[start : start + _CHUNK]]
        session.execute(sa.insert(RegistryImportRow), values)
    audit(
        session,
        actor,
        "registry.import",
        object_kind="registry_import",
        object_id=record.id,
        now=now,
        detail={"source": record.source_key, "sha256": record.file_sha256, "counts": record.counts},
    )
    return record


def _row_values(import_id: int, row: Record) -> dict[str, Any]:
    return {
        "import_id": import_id,
        "row_number": row.row,
        "status": row.status,
        "ordinal": row.ordinal if row.status == "new" else None,
        "kind": row.kind,
        "project_code": row.project_code,
        "project_name": row.project_name,
        "methodology_key": row.methodology_key,
        "methodology_raw": row.methodology_raw,
        "vintage": row.vintage,
        "serials": row.serials,
        "blocks": [[b.prefix, b.first, b.last, b.width] for b in row.blocks],
        "quantity_kg": row.quantity_kg,
        "holder_id": row.holder,
        "holder_name": row.holder_name,
        "counterparty_id": row.counterparty,
        "counterparty_name": row.counterparty_name,
        "happened_at": row.at,
        "reference": row.reference,
        "certificate": row.certificate,
        "beneficiary": row.beneficiary,
        "purpose": row.purpose,
        "findings": row.findings,
    }


def record_of(row: RegistryImportRow) -> Record:
    """A kept row as the record it was read as."""
    return Record(
        row.row_number,
        kind=row.kind,
        project_code=row.project_code,
        project_name=row.project_name,
        methodology_key=row.methodology_key,
        methodology_raw=row.methodology_raw,
        vintage=row.vintage,
        serials=row.serials,
        blocks=tuple(Block(*block) for block in row.blocks),
        quantity_kg=row.quantity_kg,
        holder=row.holder_id,
        holder_name=row.holder_name,
        counterparty=row.counterparty_id,
        counterparty_name=row.counterparty_name,
        at=row.happened_at,
        reference=row.reference,
        certificate=row.certificate,
        beneficiary=row.beneficiary,
        purpose=row.purpose,
        status=row.status,
        ordinal=row.ordinal,
    )


# --- reading imports ------------------------------------------------------------------------------


def imports_statement(actor: Actor) -> sa.Select[Any]:
    """Imports within the actor's region, newest first."""
    statement = sa.select(RegistryImport).order_by(RegistryImport.id.desc())
    return statement.where(RegistryImport.region_code.startswith(actor.region_code, autoescape=True))


def get_import(session: Session, actor: Actor, import_id: int) -> RegistryImport:
    record = session.get(RegistryImport, import_id)
    if record is None or not actor.sees_region(record.region_code):
        raise NotFound(what="登记簿导入", key=import_id)
    return record


def rows_statement(record: RegistryImport, *, statuses: Collection[str] = ()) -> sa.Select[Any]:
    """Rows of an import in file order, optionally of some statuses only."""
    statement = sa.select(RegistryImportRow).where(RegistryImportRow.import_id == record.id)
    if statuses:
        statement = statement.where(RegistryImportRow.status.in_(statuses))
    return statement.order_by(RegistryImportRow.row_number)
