"""Evidence of parcels: files by content, what was handed in, and triggers that keep it.

Going down is refused once evidence was handed in: the older program would drop who handed in what.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from carbon_platform.parcels.evidence_kept import drop_evidence_ddl, evidence_ddl

revision = "0012"
down_revision = "0011"

BigInt = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Instant = sa.DateTime(timezone=True)
STANDING = sa.text("withdrawn_at IS NULL")


def upgrade() -> None:
    op.create_table(
        "evidence_object",
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("size_bytes", BigInt, nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("stored_at", Instant, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("checked_at", Instant, nullable=False),
        sa.CheckConstraint("state IN ('ok', 'missing', 'altered')", name=op.f("ck_evidence_object_state")),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_evidence_object")),
    )
    op.create_table(
        "evidence",
        sa.Column("id", BigInt, nullable=False),
        sa.Column("parcel_id", BigInt, nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("shows_from", sa.Date(), nullable=True),
        sa.Column("shows_to", sa.Date(), nullable=True),
        sa.Column("taken_at", Instant, nullable=True),
        sa.Column("lon", sa.Double(), nullable=True),
        sa.Column("lat", sa.Double(), nullable=True),
        sa.Column("distance_m", sa.Double(), nullable=True),
        sa.Column("picture_hash", sa.Text(), nullable=True),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("findings", sa.JSON(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("sealed_with", sa.Text(), nullable=False),
        sa.Column("recorded_by", sa.Text(), nullable=False),
        sa.Column("recorded_by_user", BigInt, nullable=True),
        sa.Column("recorded_at", Instant, nullable=False),
        sa.Column("withdrawn_by", sa.Text(), nullable=False),
        sa.Column("withdrawn_at", Instant, nullable=True),
        sa.Column("withdrawn_reason", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('photo', 'document', 'water_log', 'tenure')", name=op.f("ck_evidence_kind")
        ),
        sa.CheckConstraint("outcome IN ('ok', 'warned')", name=op.f("ck_evidence_outcome")),
        sa.CheckConstraint("(sealed IS NULL) = (sealed_with = '')", name=op.f("ck_evidence_sealed")),
        sa.ForeignKeyConstraint(["parcel_id"], ["parcel.id"], name=op.f("fk_evidence_parcel_id_parcel")),
        sa.ForeignKeyConstraint(
            ["sha256"], ["evidence_object.sha256"], name=op.f("fk_evidence_sha256_evidence_object")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evidence")),
    )
    op.create_index(op.f("ix_evidence_parcel_id"), "evidence", ["parcel_id"], unique=False)
    op.create_index(op.f("ix_evidence_sha256"), "evidence", ["sha256"], unique=False)
    op.create_index(
        "uq_evidence_standing",
        "evidence",
        ["parcel_id", "sha256"],
        unique=True,
        sqlite_where=STANDING,
        postgresql_where=STANDING,
    )
    for statement in evidence_ddl(op.get_context().dialect.name):
        op.execute(statement)


def downgrade() -> None:
    handed_in = op.get_bind().scalar(sa.text("SELECT count(*) FROM evidence"))
    if handed_in:
        raise RuntimeError(f"{handed_in} pieces of evidence are on file; the older program cannot keep them")
    for statement in drop_evidence_ddl(op.get_context().dialect.name):
        op.execute(statement)
    op.drop_table("evidence")
    op.drop_table("evidence_object")
