"""Exports of parcels: what was asked for, what for, who let it out.

Going down drops the requests; who fetched what stays in the audit records.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"

BigInt = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "parcel_export",
        sa.Column("id", BigInt, nullable=False),
        sa.Column("region_code", sa.Text(), nullable=False),
        sa.Column("file_format", sa.Text(), nullable=False),
        sa.Column("epsg", BigInt, nullable=False),
        sa.Column("filters", sa.JSON(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("rows", BigInt, nullable=False),
        sa.Column("area_m2", sa.Double(), nullable=False),
        sa.Column("content_sha256", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.Column("reasons_count", BigInt, nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("requested_by_id", BigInt, nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("decided_by_id", BigInt, nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decision_note", sa.Text(), nullable=False),
        sa.Column("ready_until", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("status IN ('ready', 'waiting', 'refused')", name=op.f("ck_parcel_export_status")),
        sa.CheckConstraint(
            "decided_by_id IS NULL OR decided_by_id <> requested_by_id",
            name=op.f("ck_parcel_export_two_people"),
        ),
        sa.CheckConstraint(
            "(status = 'ready') = (ready_until IS NOT NULL)", name=op.f("ck_parcel_export_ready_until")
        ),
        sa.CheckConstraint(
            "reasons_count = 0 OR status <> 'ready' OR decided_by_id IS NOT NULL",
            name=op.f("ck_parcel_export_approved"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_parcel_export")),
    )
    op.create_index(op.f("ix_parcel_export_region_code"), "parcel_export", ["region_code"])
    op.create_index(op.f("ix_parcel_export_requested_by_id"), "parcel_export", ["requested_by_id"])


def downgrade() -> None:
    op.drop_table("parcel_export")
