"""Tables of other registries' records. Serials are theirs; kilograms are numbered by our ledger.

Number k of a batch's lot is the serial ``first_serial + (k - 1) // kg_per_serial``.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from carbon_platform.db import Base, BigId

BigInt = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


class RegistryImport(Base):
    """One uploaded export, compared with the books. Nothing is in the books before ``accepted``."""

    __tablename__ = "registry_import"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    source_key: Mapped[str] = mapped_column(index=True)
    source_digest: Mapped[str]  # of the mapping file that read it
    file_name: Mapped[str]
    file_sha256: Mapped[str]
    file_format: Mapped[str]  # csv, xlsx
    encoding: Mapped[str]  # of a CSV
    sheet: Mapped[str]  # of a workbook
    header_row: Mapped[int]
    ignored_columns: Mapped[list[Any]]
    counts: Mapped[dict[str, Any]]  # rows per status
    changes: Mapped[list[Any]]  # kg issued, received, sent, retired per project, vintage and holder
    digest: Mapped[str]  # of what would be committed; acceptance names it
    books_record_id: Mapped[int]  # the newest record of the source that the comparison has seen
    status: Mapped[str]  # staged, accepted
    result: Mapped[dict[str, Any]]  # what acceptance wrote
    region_code: Mapped[str]
    uploaded_by: Mapped[str]
    uploaded_at: Mapped[datetime]
    accepted_by: Mapped[str | None]
    accepted_at: Mapped[datetime | None]


class RegistryImportRow(Base):
    """One row of an upload: what it says, what became of it, what is wrong with it."""

    __tablename__ = "registry_import_row"

    import_id: Mapped[int] = mapped_column(sa.ForeignKey("registry_import.id"), primary_key=True)
    row_number: Mapped[int] = mapped_column(BigInt, primary_key=True, autoincrement=False)
    status: Mapped[str]  # new, unchanged, conflict, error
    ordinal: Mapped[int | None]  # place in the order in which new rows are committed
    kind: Mapped[str]  # issuance, transfer, retirement; empty when unreadable
    project_code: Mapped[str]
    project_name: Mapped[str]
    methodology_key: Mapped[str]
    methodology_raw: Mapped[str]
    vintage: Mapped[int | None]
    serials: Mapped[str]  # as in the file
    blocks: Mapped[list[Any]]  # [[prefix, first, last, width], …]
    quantity_kg: Mapped[int | None]
    holder_id: Mapped[int | None]
    holder_name: Mapped[str]
    counterparty_id: Mapped[int | None]
    counterparty_name: Mapped[str]
    happened_at: Mapped[datetime | None]
    reference: Mapped[str]
    certificate: Mapped[str]
    beneficiary: Mapped[str]
    purpose: Mapped[str]
    findings: Mapped[list[Any]]

    __table_args__ = (sa.Index("ix_registry_import_row_status", "import_id", "status", "row_number"),)


class ExternalBatch(Base):
    """A block another registry issued: one lot of credits here, in accounts of the role ``external``."""

    __tablename__ = "external_batch"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    source_key: Mapped[str]
    lot: Mapped[str] = mapped_column(unique=True)
    space: Mapped[str]  # the range of numbers its serials belong to
    prefix: Mapped[str]
    first_serial: Mapped[int]
    last_serial: Mapped[int]
    serial_width: Mapped[int]
    kg_per_serial: Mapped[int]
    project_code: Mapped[str]
    project_name: Mapped[str]
    methodology_key: Mapped[str]
    methodology_raw: Mapped[str]
    vintage: Mapped[int]
    issued_at: Mapped[datetime]
    import_id: Mapped[int] = mapped_column(sa.ForeignKey("registry_import.id"))

    __table_args__ = (
        sa.UniqueConstraint("source_key", "space", "first_serial"),
        sa.CheckConstraint("first_serial >= 1 AND first_serial <= last_serial", name="serials"),
        sa.CheckConstraint("kg_per_serial > 0", name="kg_per_serial"),
    )

    @property
    def quantity_kg(self) -> int:
        return (self.last_serial - self.first_serial + 1) * self.kg_per_serial


class RegistryRecord(Base):
    """An event of another registry that is in our books, once for ever. Never changed."""

    __tablename__ = "registry_record"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    source_key: Mapped[str]
    record_key: Mapped[str]  # which event: see reading.Record.key
    content_digest: Mapped[str]
    content: Mapped[dict[str, Any]]
    kind: Mapped[str]
    quantity_kg: Mapped[int]
    holder_id: Mapped[int] = mapped_column(sa.ForeignKey("organisation.id"), index=True)
    counterparty_id: Mapped[int | None] = mapped_column(sa.ForeignKey("organisation.id"))
    happened_at: Mapped[datetime]
    reference: Mapped[str]
    certificate: Mapped[str]
    beneficiary: Mapped[str]
    purpose: Mapped[str]
    entry_id: Mapped[int]
    import_id: Mapped[int] = mapped_column(sa.ForeignKey("registry_import.id"), index=True)
    row_number: Mapped[int]
    recorded_at: Mapped[datetime]

    __table_args__ = (sa.UniqueConstraint("source_key", "record_key"),)


class RegistryRecordPart(Base):
    """Serials of one batch that a record moved."""

    __tablename__ = "registry_record_part"

    record_id: Mapped[int] = mapped_column(sa.ForeignKey("registry_record.id"), primary_key=True)
    batch_id: Mapped[int] = mapped_column(sa.ForeignKey("external_batch.id"), primary_key=True)
    first: Mapped[int] = mapped_column(BigInt, primary_key=True, autoincrement=False)
    last: Mapped[int]

    __table_args__ = (sa.Index("ix_registry_record_part_batch_id", "batch_id"),)
