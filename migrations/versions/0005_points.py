"""Points as dated lots: when an act's points become active, refunds, refused exchanges, corrections.

Points posted before this migration stay where they are, in the account without a lot. Spending takes
them first and they never expire: nobody is told after the fact that points have an end.

Going down is refused once an act has points in a dated lot, whatever became of them: the older program looks
only into the account without a lot, so pending and active points could not be spent, and would take a
withdrawn or expired act for one that counts.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

BigInt = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Instant = sa.DateTime(timezone=True)
WAITING = sa.text("points_state = 'pending'")


def upgrade() -> None:
    op.add_column("act", sa.Column("points_lot", sa.Text(), nullable=False, server_default=""))
    op.execute(
        "ALTER TABLE act ADD COLUMN points_state TEXT NOT NULL DEFAULT '' CONSTRAINT ck_act_points_state "
        "CHECK (points_state IN ('', 'pending', 'active', 'expired', 'withdrawn'))"
    )
    op.add_column("act", sa.Column("active_from", Instant, nullable=True))
    op.add_column("act", sa.Column("activation_entry_id", BigInt, nullable=True))
    op.add_column("act", sa.Column("withdrawn_at", Instant, nullable=True))
    op.add_column("act", sa.Column("withdrawal_entry_id", BigInt, nullable=True))
    op.add_column("act", sa.Column("withdrawal_note", sa.Text(), nullable=False, server_default=""))
    op.create_index(
        "ix_act_pending_active_from",
        "act",
        ["active_from", "id"],
        sqlite_where=WAITING,
        postgresql_where=WAITING,
    )
    op.add_column("reward", sa.Column("person_month_limit", BigInt, nullable=True))
    op.add_column("redemption", sa.Column("refunded_at", Instant, nullable=True))
    op.add_column("redemption", sa.Column("refund_entry_id", BigInt, nullable=True))
    _allow("'ready', 'refunded'")
    op.create_table(
        "redemption_refusal",
        sa.Column("id", BigInt, nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("order_key", sa.Text(), nullable=False),
        sa.Column("reward_code", sa.Text(), nullable=False),
        sa.Column("name_zh", sa.Text(), nullable=False),
        sa.Column("name_en", sa.Text(), nullable=False),
        sa.Column("price_points", BigInt, nullable=False),
        sa.Column("points", BigInt, nullable=False),
        sa.Column("reason_code", sa.Text(), nullable=False),
        sa.Column("reason_zh", sa.Text(), nullable=False),
        sa.Column("reason_en", sa.Text(), nullable=False),
        sa.Column("refused_at", Instant, nullable=False),
        sa.CheckConstraint("points = 0", name=op.f("ck_redemption_refusal_nothing_taken")),
        sa.ForeignKeyConstraint(
            ["reward_code"], ["reward.code"], name=op.f("fk_redemption_refusal_reward_code_reward")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_redemption_refusal")),
        sa.UniqueConstraint(
            "holder",
            "order_key",
            "reason_code",
            name=op.f("uq_redemption_refusal_holder_order_key_reason_code"),
        ),
    )
    op.create_index(op.f("ix_redemption_refusal_reward_code"), "redemption_refusal", ["reward_code"])
    op.create_table(
        "points_correction",
        sa.Column("id", BigInt, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("number", BigInt, nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("proposed_by", sa.Text(), nullable=False),
        sa.Column("proposed_by_id", BigInt, nullable=False),
        sa.Column("proposed_at", Instant, nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=False, server_default=""),
        sa.Column("decided_by_id", BigInt, nullable=True),
        sa.Column("decided_at", Instant, nullable=True),
        sa.CheckConstraint("kind IN ('withdraw_act', 'refund')", name=op.f("ck_points_correction_kind")),
        sa.CheckConstraint(
            "status IN ('proposed', 'done', 'declined')", name=op.f("ck_points_correction_status")
        ),
        sa.CheckConstraint("decided_by_id <> proposed_by_id", name=op.f("ck_points_correction_two_people")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_points_correction")),
    )
    op.create_index("ix_points_correction_kind_number", "points_correction", ["kind", "number"])


def downgrade() -> None:
    _refuse_dated()
    op.drop_table("points_correction")
    op.drop_table("redemption_refusal")
    # The older schema knows no refunded voucher; the ledger keeps what was given back.
    op.execute("DELETE FROM redemption WHERE status <> 'ready'")
    _allow("'ready'")
    op.drop_column("redemption", "refund_entry_id")
    op.drop_column("redemption", "refunded_at")
    op.drop_column("reward", "person_month_limit")
    op.drop_index("ix_act_pending_active_from", "act")
    for column in (
        "withdrawal_note",
        "withdrawal_entry_id",
        "withdrawn_at",
        "activation_entry_id",
        "active_from",
    ):
        op.drop_column("act", column)
    # SQLite drops a column with its own constraint; PostgreSQL likewise.
    op.drop_column("act", "points_state")
    op.drop_column("act", "points_lot")


def _refuse_dated() -> None:
    """Refuse when points of acts would be out of reach or come back to life; says how many are what."""
    states = op.get_bind().execute(
        sa.text(
            "SELECT points_state, COUNT(*) AS acts, SUM(points) AS points FROM act "
            "WHERE points_state <> '' GROUP BY points_state ORDER BY points_state"
        )
    )
    found = [f"{row.points_state}: {row.acts:,} acts, {row.points:,} points" for row in states]
    if found:
        raise RuntimeError(
            f"points lie in dated lots ({'; '.join(found)}); the older program cannot find, expire or "
            "withdraw them. Keep this schema, or restore a backup from before it"
        )


def _allow(states: str) -> None:
    """The states a voucher may have. SQLite makes the table anew, which leaves its checks behind."""
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint(op.f("ck_redemption_status"), "redemption")
    with op.batch_alter_table("redemption", recreate="auto") as batch:
        batch.create_check_constraint(op.f("ck_redemption_status"), f"status IN ({states})")
