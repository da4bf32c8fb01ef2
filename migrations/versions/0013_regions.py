"""Regions change and can be added: last day, successor, source, what changed, and their own borders.

Going down is refused once a list or a border was imported: the older program cannot say what they meant.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"

BigInt = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Instant = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("region", sa.Column("valid_to", sa.Date(), nullable=True))
    for name in ("successor_code", "source"):
        op.add_column("region", sa.Column(name, sa.Text(), nullable=False, server_default=""))
    op.create_table(
        "region_change",
        sa.Column("id", BigInt, nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("effective_on", sa.Date(), nullable=False),
        sa.Column("name_before", sa.Text(), nullable=False),
        sa.Column("name_after", sa.Text(), nullable=False),
        sa.Column("successor_code", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("recorded_by", sa.Text(), nullable=False),
        sa.Column("recorded_at", Instant, nullable=False),
        sa.ForeignKeyConstraint(["code"], ["region.code"], name=op.f("fk_region_change_code_region")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_region_change")),
    )
    op.create_index(op.f("ix_region_change_code"), "region_change", ["code"], unique=False)
    op.create_table(
        "region_boundary",
        sa.Column("id", BigInt, nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("geometry", sa.LargeBinary(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("map_approval", sa.Text(), nullable=False),
        sa.Column("file_sha256", sa.Text(), nullable=False),
        sa.Column("recorded_by", sa.Text(), nullable=False),
        sa.Column("recorded_at", Instant, nullable=False),
        sa.ForeignKeyConstraint(["code"], ["region.code"], name=op.f("fk_region_boundary_code_region")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_region_boundary")),
        sa.UniqueConstraint("code", "valid_from", name=op.f("uq_region_boundary_code_valid_from")),
    )


def downgrade() -> None:
    connection = op.get_bind()
    for table in ("region_change", "region_boundary"):
        if connection.scalar(sa.text(f"SELECT count(*) FROM {table}")):  # noqa: S608
            raise RuntimeError(f"{table} holds imported regions: going down would lose them")
    op.drop_table("region_boundary")
    op.drop_index(op.f("ix_region_change_code"), table_name="region_change")
    op.drop_table("region_change")
    for name in ("source", "successor_code", "valid_to"):
        op.drop_column("region", name)
