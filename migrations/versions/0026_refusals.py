"""What was sent about a person and not taken in, for the person to read and contest.

Going down gives up these rows and the appeals about them; acts that such an appeal counted stay in the book.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"

BigInt = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Instant = sa.DateTime(timezone=True)
OPEN = sa.text("state = 'open'")


def upgrade() -> None:
    op.create_table(
        "act_refusal",
        sa.Column("id", BigInt, nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("refusal_key", sa.Text(), nullable=False),
        sa.Column("reason_code", sa.Text(), nullable=False),
        sa.Column("reason_zh", sa.Text(), nullable=False),
        sa.Column("reason_en", sa.Text(), nullable=False),
        sa.Column("said", sa.Text(), nullable=False),
        sa.Column("refused_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_act_refusal")),
        sa.UniqueConstraint(
            "holder", "source", "refusal_key", name=op.f("uq_act_refusal_holder_source_refusal_key")
        ),
    )
    op.create_index("ix_act_refusal_holder_id", "act_refusal", ["holder", "id"])
    op.create_index(op.f("ix_act_refusal_refused_at"), "act_refusal", ["refused_at"])
    op.drop_index("uq_appeal_open", "appeal")
    with op.batch_alter_table("appeal", recreate="auto") as table:
        table.add_column(sa.Column("refusal_id", BigInt, nullable=True))
        table.alter_column("act_id", existing_type=BigInt, nullable=True)
        table.create_foreign_key(
            op.f("fk_appeal_refusal_id_act_refusal"), "act_refusal", ["refusal_id"], ["id"]
        )
        table.create_check_constraint(op.f("ck_appeal_about_one"), "(act_id IS NULL) <> (refusal_id IS NULL)")
    op.create_index("ix_appeal_refusal_id", "appeal", ["refusal_id"])
    _index_open("uq_appeal_open", "act_id")
    _index_open("uq_appeal_open_refusal", "refusal_id")


def downgrade() -> None:
    op.execute("DELETE FROM appeal WHERE refusal_id IS NOT NULL")
    for index in ("uq_appeal_open_refusal", "uq_appeal_open", "ix_appeal_refusal_id"):
        op.drop_index(index, "appeal")
    with op.batch_alter_table("appeal", recreate="auto") as table:
        table.drop_constraint(op.f("ck_appeal_about_one"), type_="check")
        table.drop_constraint(op.f("fk_appeal_refusal_id_act_refusal"), type_="foreignkey")
        table.drop_column("refusal_id")
        table.alter_column("act_id", existing_type=BigInt, nullable=False)
    _index_open("uq_appeal_open", "act_id")
    op.drop_table("act_refusal")


def _index_open(name: str, column: str) -> None:
    op.create_index(name, "appeal", [column], unique=True, sqlite_where=OPEN, postgresql_where=OPEN)
