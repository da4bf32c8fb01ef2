"""Layers of change (fire, clear-cut), the parcels they flag and the numbers concerned.

Going down is refused once a layer was imported: the older program would let go on what stands still for it.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"

BigInt = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Instant = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "land_change_layer",
        sa.Column("id", BigInt, nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("file_sha256", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("region_code", sa.Text(), nullable=False),
        sa.Column("epsg", BigInt, nullable=False),
        sa.Column("crs_origin", sa.Text(), nullable=False),
        sa.Column("notes", sa.JSON(), nullable=False),
        sa.Column("refusals", sa.JSON(), nullable=False),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("uploaded_by", sa.Text(), nullable=False),
        sa.Column("uploaded_by_user", BigInt, nullable=True),
        sa.Column("uploaded_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_land_change_layer")),
        sa.UniqueConstraint("number", name=op.f("uq_land_change_layer_number")),
        sa.UniqueConstraint(
            "file_sha256", "region_code", name=op.f("uq_land_change_layer_file_sha256_region_code")
        ),
    )
    op.create_table(
        "land_change",
        sa.Column("id", BigInt, nullable=False),
        sa.Column("layer_id", BigInt, nullable=False),
        sa.Column("row_number", BigInt, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("happened_on", sa.Date(), nullable=False),
        sa.Column("area_m2", sa.Double(), nullable=False),
        sa.Column("geometry", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("kind IN ('fire', 'clear_cut')", name=op.f("ck_land_change_kind")),
        sa.ForeignKeyConstraint(
            ["layer_id"], ["land_change_layer.id"], name=op.f("fk_land_change_layer_id_land_change_layer")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_land_change")),
        sa.UniqueConstraint("layer_id", "row_number", name=op.f("uq_land_change_layer_id_row_number")),
    )
    op.create_table(
        "land_flag",
        sa.Column("id", BigInt, nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("layer_id", BigInt, nullable=False),
        sa.Column("parcel_id", BigInt, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("happened_on", sa.Date(), nullable=False),
        sa.Column("rows", sa.JSON(), nullable=False),
        sa.Column("affected_m2", sa.Double(), nullable=False),
        sa.Column("share", sa.Double(), nullable=False),
        sa.Column("geometry", sa.LargeBinary(), nullable=False),
        sa.Column("min_lon", sa.Double(), nullable=False),
        sa.Column("min_lat", sa.Double(), nullable=False),
        sa.Column("max_lon", sa.Double(), nullable=False),
        sa.Column("max_lat", sa.Double(), nullable=False),
        sa.Column("quantity_kg", BigInt, nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reviewed_by", sa.Text(), nullable=False),
        sa.Column("reviewed_by_user", BigInt, nullable=True),
        sa.Column("reviewed_at", Instant, nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("invalidations", sa.JSON(), nullable=False),
        sa.CheckConstraint(
            "status IN ('open', 'cleared', 'confirmed', 'settled')", name=op.f("ck_land_flag_status")
        ),
        sa.CheckConstraint("(status = 'open') = (reviewed_at IS NULL)", name=op.f("ck_land_flag_reviewed")),
        sa.CheckConstraint("share > 0 AND share <= 1", name=op.f("ck_land_flag_share")),
        sa.ForeignKeyConstraint(
            ["layer_id"], ["land_change_layer.id"], name=op.f("fk_land_flag_layer_id_land_change_layer")
        ),
        sa.ForeignKeyConstraint(["parcel_id"], ["parcel.id"], name=op.f("fk_land_flag_parcel_id_parcel")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_land_flag")),
        sa.UniqueConstraint("number", name=op.f("uq_land_flag_number")),
        sa.UniqueConstraint("layer_id", "parcel_id", name=op.f("uq_land_flag_layer_id_parcel_id")),
    )
    op.create_index(op.f("ix_land_flag_layer_id"), "land_flag", ["layer_id"], unique=False)
    op.create_index(op.f("ix_land_flag_parcel_id"), "land_flag", ["parcel_id"], unique=False)
    op.create_index("ix_land_flag_box", "land_flag", ["status", "min_lon", "max_lon"], unique=False)
    op.create_table(
        "land_flag_range",
        sa.Column("flag_id", BigInt, nullable=False),
        sa.Column("batch_id", BigInt, nullable=False),
        sa.Column("first", BigInt, nullable=False),
        sa.Column("last", BigInt, nullable=False),
        sa.CheckConstraint("first >= 1 AND first <= last", name=op.f("ck_land_flag_range_range")),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["credit_batch.id"], name=op.f("fk_land_flag_range_batch_id_credit_batch")
        ),
        sa.ForeignKeyConstraint(
            ["flag_id"], ["land_flag.id"], name=op.f("fk_land_flag_range_flag_id_land_flag")
        ),
        sa.PrimaryKeyConstraint("flag_id", "batch_id", "first", name=op.f("pk_land_flag_range")),
    )


def downgrade() -> None:
    layers = op.get_bind().scalar(sa.text("SELECT count(*) FROM land_change_layer"))
    if layers:
        raise RuntimeError(f"{layers} layers of change are on file; the older program cannot keep them")
    for table in ("land_flag_range", "land_flag", "land_change", "land_change_layer"):
        op.drop_table(table)
