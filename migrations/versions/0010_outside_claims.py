"""Claims on land under other schemes, and memberships of projects that ended.

Going down is refused once either is on file: the older program would issue land that is claimed elsewhere.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

BigInt = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Instant = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "outside_claim",
        sa.Column("id", BigInt, nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("scheme", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("claimant", sa.Text(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("pools", sa.JSON(), nullable=False),
        sa.Column("pool_bits", BigInt, nullable=False),
        sa.Column("period_start", sa.Date(), nullable=False),
        sa.Column("period_end", sa.Date(), nullable=False),
        sa.Column("region_code", sa.Text(), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("file_sha256", sa.Text(), nullable=False),
        sa.Column("left_out", BigInt, nullable=False),
        sa.Column("repaired", BigInt, nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("declared_by", sa.Text(), nullable=False),
        sa.Column("declared_by_user", BigInt, nullable=True),
        sa.Column("declared_at", Instant, nullable=False),
        sa.Column("released_by", sa.Text(), nullable=False),
        sa.Column("released_by_user", BigInt, nullable=True),
        sa.Column("released_at", Instant, nullable=True),
        sa.Column("release_reason", sa.Text(), nullable=False),
        sa.CheckConstraint("status IN ('standing', 'released')", name=op.f("ck_outside_claim_status")),
        sa.CheckConstraint("period_start < period_end", name=op.f("ck_outside_claim_period")),
        sa.CheckConstraint(
            "released_by_user IS NULL OR released_by_user <> declared_by_user",
            name=op.f("ck_outside_claim_two_people"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outside_claim")),
        sa.UniqueConstraint("number", name=op.f("uq_outside_claim_number")),
    )
    op.create_table(
        "outside_claim_land",
        sa.Column("id", BigInt, nullable=False),
        sa.Column("claim_id", BigInt, nullable=False),
        sa.Column("row_number", BigInt, nullable=False),
        sa.Column("county_code", sa.Text(), nullable=False),
        sa.Column("area_m2", sa.Double(), nullable=False),
        sa.Column("geometry", sa.LargeBinary(), nullable=False),
        sa.Column("min_lon", sa.Double(), nullable=False),
        sa.Column("min_lat", sa.Double(), nullable=False),
        sa.Column("max_lon", sa.Double(), nullable=False),
        sa.Column("max_lat", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["claim_id"], ["outside_claim.id"], name=op.f("fk_outside_claim_land_claim_id_outside_claim")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outside_claim_land")),
        sa.UniqueConstraint("claim_id", "row_number", name=op.f("uq_outside_claim_land_claim_id_row_number")),
    )
    op.create_index("ix_outside_claim_land_box", "outside_claim_land", ["min_lon", "max_lon"], unique=False)
    op.create_table(
        "project_parcel_past",
        sa.Column("id", BigInt, nullable=False),
        sa.Column("project_id", BigInt, nullable=False),
        sa.Column("parcel_id", BigInt, nullable=False),
        sa.Column("attached_at", Instant, nullable=False),
        sa.Column("detached_at", Instant, nullable=False),
        sa.Column("detached_by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["parcel_id"], ["parcel.id"], name=op.f("fk_project_parcel_past_parcel_id_parcel")
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_project_parcel_past_project_id_project")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_project_parcel_past")),
    )
    op.create_index(
        op.f("ix_project_parcel_past_parcel_id"), "project_parcel_past", ["parcel_id"], unique=False
    )
    op.create_index(
        "ix_project_parcel_past_project_parcel",
        "project_parcel_past",
        ["project_id", "parcel_id"],
        unique=False,
    )


def downgrade() -> None:
    connection = op.get_bind()
    claims = connection.scalar(sa.text("SELECT count(*) FROM outside_claim"))
    past = connection.scalar(sa.text("SELECT count(*) FROM project_parcel_past"))
    if claims or past:
        raise RuntimeError(
            f"{claims} claims of other schemes and {past} ended memberships are on file; "
            "the older program would issue such land again"
        )
    op.drop_table("project_parcel_past")
    op.drop_table("outside_claim_land")
    op.drop_table("outside_claim")
