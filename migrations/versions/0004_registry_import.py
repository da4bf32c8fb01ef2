"""Import of other registries' records

Going down, records that are in the books would be lost: which serials the kilograms in the ledger stand for
is written nowhere else, and the same export could be registered again. Then nothing changes. Imports that
were only staged go: their files can be uploaded again.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

BigInt = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Instant = sa.DateTime(timezone=True)


def text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False)


def number(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, BigInt, nullable=nullable)


def instant(name: str, *, nullable: bool = False) -> sa.Column[sa.DateTime]:
    return sa.Column(name, Instant, nullable=nullable)


def json(name: str) -> sa.Column[sa.JSON]:
    return sa.Column(name, sa.JSON(), nullable=False)


def reference(name: str, target: str, table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([name], [f"{target}.id"], name=f"fk_{table}_{name}_{target}")


def upgrade() -> None:
    op.create_table(
        "registry_import",
        sa.Column("id", BigInt, primary_key=True),
        *map(text, ("source_key", "source_digest", "file_name", "file_sha256", "file_format", "encoding")),
        text("sheet"),
        number("header_row"),
        *map(json, ("ignored_columns", "counts", "changes")),
        text("digest"),
        number("books_record_id"),
        text("status"),
        json("result"),
        *map(text, ("region_code", "uploaded_by")),
        instant("uploaded_at"),
        sa.Column("accepted_by", sa.Text(), nullable=True),
        instant("accepted_at", nullable=True),
    )
    op.create_index("ix_registry_import_source_key", "registry_import", ["source_key"])
    op.create_table(
        "registry_import_row",
        number("import_id"),
        number("row_number"),
        text("status"),
        number("ordinal", nullable=True),
        *map(text, ("kind", "project_code", "project_name", "methodology_key", "methodology_raw")),
        number("vintage", nullable=True),
        text("serials"),
        json("blocks"),
        number("quantity_kg", nullable=True),
        number("holder_id", nullable=True),
        text("holder_name"),
        number("counterparty_id", nullable=True),
        text("counterparty_name"),
        instant("happened_at", nullable=True),
        *map(text, ("reference", "certificate", "beneficiary", "purpose")),
        json("findings"),
        sa.PrimaryKeyConstraint("import_id", "row_number", name="pk_registry_import_row"),
        reference("import_id", "registry_import", "registry_import_row"),
    )
    op.create_index(
        "ix_registry_import_row_status", "registry_import_row", ["import_id", "status", "row_number"]
    )
    _books()


def _books() -> None:
    op.create_table(
        "external_batch",
        sa.Column("id", BigInt, primary_key=True),
        *map(text, ("source_key", "lot", "space", "prefix")),
        *map(number, ("first_serial", "last_serial", "serial_width", "kg_per_serial")),
        *map(text, ("project_code", "project_name", "methodology_key", "methodology_raw")),
        number("vintage"),
        instant("issued_at"),
        number("import_id"),
        sa.UniqueConstraint("lot", name="uq_external_batch_lot"),
        sa.UniqueConstraint(
            "source_key", "space", "first_serial", name="uq_external_batch_source_key_space_first_serial"
        ),
        sa.CheckConstraint(
            "first_serial >= 1 AND first_serial <= last_serial", name="ck_external_batch_serials"
        ),
        sa.CheckConstraint("kg_per_serial > 0", name="ck_external_batch_kg_per_serial"),
        reference("import_id", "registry_import", "external_batch"),
    )
    op.create_table(
        "registry_record",
        sa.Column("id", BigInt, primary_key=True),
        *map(text, ("source_key", "record_key", "content_digest")),
        json("content"),
        text("kind"),
        *map(number, ("quantity_kg", "holder_id")),
        number("counterparty_id", nullable=True),
        instant("happened_at"),
        *map(text, ("reference", "certificate", "beneficiary", "purpose")),
        *map(number, ("entry_id", "import_id", "row_number")),
        instant("recorded_at"),
        sa.UniqueConstraint("source_key", "record_key", name="uq_registry_record_source_key_record_key"),
        reference("holder_id", "organisation", "registry_record"),
        reference("counterparty_id", "organisation", "registry_record"),
        reference("import_id", "registry_import", "registry_record"),
    )
    op.create_index("ix_registry_record_holder_id", "registry_record", ["holder_id"])
    op.create_index("ix_registry_record_import_id", "registry_record", ["import_id"])
    op.create_table(
        "registry_record_part",
        *map(number, ("record_id", "batch_id", "first", "last")),
        sa.PrimaryKeyConstraint("record_id", "batch_id", "first", name="pk_registry_record_part"),
        reference("record_id", "registry_record", "registry_record_part"),
        reference("batch_id", "external_batch", "registry_record_part"),
    )
    op.create_index("ix_registry_record_part_batch_id", "registry_record_part", ["batch_id"])


def downgrade() -> None:
    count = op.get_bind().execute(sa.text("SELECT COUNT(*) FROM registry_record")).scalar_one()
    if count:
        raise RuntimeError(
            f"{count:,} records of other registries are in the books; without the tables nobody could tell "
            "which serials the ledger's external lots stand for, and they could be registered twice"
        )
    for table in (
        "registry_record_part",
        "registry_record",
        "external_batch",
        "registry_import_row",
        "registry_import",
    ):
        op.drop_table(table)
