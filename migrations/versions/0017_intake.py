"""Intake: the inbox of what sources send, circumstances of acts, sums of each book by month.

The sums of books that are there already are added up here, once. Going down is refused while something
waits in the inbox, or once a record of a source was taken back or replaced by a better one: the older
program would count or lose it.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"

BigInt = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Instant = sa.DateTime(timezone=True)
WAITING = sa.text("state = 'waiting'")


def upgrade() -> None:
    op.add_column("act", sa.Column("circumstances", sa.JSON(), nullable=False, server_default="{}"))
    op.add_column("act", sa.Column("counted_as_id", BigInt, nullable=True))
    op.create_table(
        "act_inbox",
        sa.Column("id", BigInt, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("record_key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("content_digest", sa.Text(), nullable=False),
        sa.Column("received_at", Instant, nullable=False),
        sa.Column("batch_id", BigInt, nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason_code", sa.Text(), nullable=False, server_default=""),
        sa.Column("reason_zh", sa.Text(), nullable=False, server_default=""),
        sa.Column("reason_en", sa.Text(), nullable=False, server_default=""),
        sa.Column("act_id", BigInt, nullable=True),
        sa.Column("processed_at", Instant, nullable=True),
        sa.CheckConstraint("kind IN ('act', 'reversal')", name=op.f("ck_act_inbox_kind")),
        sa.CheckConstraint("state IN ('waiting', 'done', 'refused')", name=op.f("ck_act_inbox_state")),
        sa.CheckConstraint(
            "(state = 'waiting') = (processed_at IS NULL)", name=op.f("ck_act_inbox_processed")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_act_inbox")),
        sa.UniqueConstraint("source", "record_key", name=op.f("uq_act_inbox_source_record_key")),
    )
    op.create_index(
        "ix_act_inbox_waiting", "act_inbox", ["id"], sqlite_where=WAITING, postgresql_where=WAITING
    )
    op.create_index("ix_act_inbox_batch_id", "act_inbox", ["batch_id"])
    op.create_table(
        "book_month",
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("month", sa.Text(), nullable=False),
        sa.Column("acts", BigInt, nullable=False),
        sa.Column("reduction_g", BigInt, nullable=False),
        sa.Column("creditable_g", BigInt, nullable=False),
        sa.Column("points", BigInt, nullable=False),
        sa.CheckConstraint(
            "acts >= 0 AND reduction_g >= 0 AND points >= 0", name=op.f("ck_book_month_not_negative")
        ),
        sa.CheckConstraint(
            "creditable_g >= 0 AND creditable_g <= reduction_g",
            name=op.f("ck_book_month_creditable_within"),
        ),
        sa.PrimaryKeyConstraint("holder", "month", name=op.f("pk_book_month")),
    )
    op.execute(
        sa.text(
            "INSERT INTO book_month (holder, month, acts, reduction_g, creditable_g, points) "
            "SELECT holder, substr(day, 1, 7), count(*), "
            "sum(CASE WHEN withdrawn_at IS NULL THEN reduction_g ELSE 0 END), "
            "sum(CASE WHEN withdrawn_at IS NULL THEN creditable_g ELSE 0 END), "
            "sum(CASE WHEN withdrawn_at IS NULL THEN points ELSE 0 END) "
            "FROM act GROUP BY 1, 2"
        )
    )


def downgrade() -> None:
    lost = op.get_bind().scalar(
        sa.text(
            "SELECT (SELECT count(*) FROM act_inbox WHERE state = 'waiting' OR kind = 'reversal') "
            "+ (SELECT count(*) FROM act WHERE counted_as_id IS NOT NULL)"
        )
    )
    if lost:
        raise RuntimeError(
            f"{lost} records wait, were taken back or replaced by better ones: "
            "the older program would not know"
        )
    op.drop_table("book_month")
    op.drop_index("ix_act_inbox_batch_id", "act_inbox")
    op.drop_index("ix_act_inbox_waiting", "act_inbox", sqlite_where=WAITING, postgresql_where=WAITING)
    op.drop_table("act_inbox")
    op.drop_column("act", "counted_as_id")
    op.drop_column("act", "circumstances")
