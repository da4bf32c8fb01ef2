"""Merchants: kinds, seasons and budgets of rewards, used vouchers, shops' verifications, statements.

Going down gives up what shops verified and what merchants were billed; vouchers that were used count as
handed out again, those being refunded as ready. The ledger keeps every entry.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"

BigInt = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Instant = sa.DateTime(timezone=True)
READY, REFUNDING = sa.text("status = 'ready'"), sa.text("status = 'refunding'")
ACCEPTED = sa.text("outcome = 'accepted'")


def upgrade() -> None:
    _extend_rewards()
    _extend_redemptions()
    _create_budgets_and_merchants()
    _create_verifications()
    _create_statements()


def _extend_rewards() -> None:
    for column in (
        sa.Column("kind", sa.Text(), nullable=False, server_default="commerce"),
        sa.Column("merchant_code", sa.Text(), nullable=False, server_default=""),
        sa.Column("topup_fen", BigInt, nullable=False, server_default="0"),
        sa.Column("season_from", sa.Text(), nullable=True),
        sa.Column("season_to", sa.Text(), nullable=True),
        sa.Column("hours", sa.JSON(), nullable=False, server_default="[]"),
        sa.Column("code_days", BigInt, nullable=False, server_default="30"),
        sa.Column("offline_hours", BigInt, nullable=False, server_default="0"),
    ):
        op.add_column("reward", column)
    op.create_index(op.f("ix_reward_merchant_code"), "reward", ["merchant_code"])


def _extend_redemptions() -> None:
    for column in (
        sa.Column("kind", sa.Text(), nullable=False, server_default="commerce"),
        sa.Column("merchant_code", sa.Text(), nullable=False, server_default=""),
        sa.Column("value_fen", BigInt, nullable=False, server_default="0"),
        sa.Column("topup_fen", BigInt, nullable=False, server_default="0"),
        sa.Column("budget_month", sa.Text(), nullable=False, server_default=""),
        sa.Column("offline_hours", BigInt, nullable=False, server_default="0"),
        sa.Column("expires_at", Instant, nullable=True),
        sa.Column("used_at", Instant, nullable=True),
        sa.Column("use_recorded_at", Instant, nullable=True),
        sa.Column("refund_requested_at", Instant, nullable=True),
        sa.Column("refund_due_at", Instant, nullable=True),
        sa.Column("settled_in", sa.Text(), nullable=False, server_default=""),
    ):
        op.add_column("redemption", column)
    with op.batch_alter_table("redemption", recreate="auto") as table:
        table.drop_constraint(op.f("ck_redemption_status"), type_="check")
        table.create_check_constraint(
            op.f("ck_redemption_status"), "status IN ('ready', 'used', 'refunding', 'refunded')"
        )
        table.create_check_constraint(
            op.f("ck_redemption_used_at"), "(status = 'used') = (used_at IS NOT NULL)"
        )
        table.create_check_constraint(
            op.f("ck_redemption_settled_when_used"), "settled_in = '' OR status = 'used'"
        )
    op.create_index(
        "ix_redemption_merchant_code_status", "redemption", ["merchant_code", "status", "settled_in"]
    )
    op.create_index(
        "ix_redemption_merchant_code_recorded", "redemption", ["merchant_code", "use_recorded_at"]
    )
    op.create_index(
        "ix_redemption_open_expires_at", "redemption", ["expires_at", "id"],
        sqlite_where=READY, postgresql_where=READY,
    )  # fmt: skip
    op.create_index(
        "ix_redemption_refunding_due_at", "redemption", ["refund_due_at", "id"],
        sqlite_where=REFUNDING, postgresql_where=REFUNDING,
    )  # fmt: skip
    # What a voucher of before is worth: as its reward says.
    op.execute(
        "UPDATE redemption SET value_fen = (SELECT value_fen FROM reward "
        "WHERE reward.code = redemption.reward_code)"
    )


def _create_budgets_and_merchants() -> None:
    op.create_table(
        "reward_budget",
        sa.Column("merchant_code", sa.Text(), nullable=False),
        sa.Column("month", sa.Text(), nullable=False),
        sa.Column("sponsor_code", sa.Text(), nullable=False),
        sa.Column("limit_fen", BigInt, nullable=False),
        sa.Column("committed_fen", BigInt, nullable=False),
        sa.Column("closed_at", Instant, nullable=True),
        sa.CheckConstraint(
            "committed_fen >= 0 AND committed_fen <= limit_fen", name=op.f("ck_reward_budget_within_limit")
        ),
        sa.PrimaryKeyConstraint("merchant_code", "month", name=op.f("pk_reward_budget")),
    )
    op.create_table(
        "merchant",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("organisation_id", BigInt, nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("name_zh", sa.Text(), nullable=False),
        sa.Column("name_en", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("region_code", sa.Text(), nullable=False),
        sa.Column("address_zh", sa.Text(), nullable=False),
        sa.Column("sponsor_code", sa.Text(), nullable=False),
        sa.Column("month_budget_fen", BigInt, nullable=False),
        sa.Column("offline_hours", BigInt, nullable=False),
        sa.Column("scene_code", sa.Text(), nullable=False, server_default=""),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("opened_at", Instant, nullable=False),
        sa.CheckConstraint(
            "kind IN ('culture', 'tourism', 'commerce', 'public', 'store', 'donation')",
            name=op.f("ck_merchant_kind"),
        ),
        sa.CheckConstraint("state IN ('active', 'suspended', 'closed')", name=op.f("ck_merchant_state")),
        sa.CheckConstraint("month_budget_fen >= 0", name=op.f("ck_merchant_budget_not_negative")),
        sa.CheckConstraint(
            "offline_hours >= 0 AND offline_hours <= 168", name=op.f("ck_merchant_offline_hours")
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_merchant_organisation_id_organisation")
        ),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_merchant")),
        sa.UniqueConstraint("organisation_id", name=op.f("uq_merchant_organisation_id")),
        sa.UniqueConstraint("holder", name=op.f("uq_merchant_holder")),
    )


def _create_verifications() -> None:
    op.create_table(
        "shop_verification",
        sa.Column("id", BigInt, nullable=False),
        sa.Column("merchant_code", sa.Text(), nullable=False),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("code_hash", sa.Text(), nullable=False),
        sa.Column("used_at", Instant, nullable=False),
        sa.Column("received_at", Instant, nullable=False),
        sa.Column("offline", sa.Boolean(), nullable=False),
        sa.Column("user_id", BigInt, nullable=False),
        sa.Column("redemption_id", BigInt, nullable=True),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("reason_code", sa.Text(), nullable=False),
        sa.Column("reason_zh", sa.Text(), nullable=False),
        sa.Column("reason_en", sa.Text(), nullable=False),
        sa.CheckConstraint("outcome IN ('accepted', 'refused')", name=op.f("ck_shop_verification_outcome")),
        sa.ForeignKeyConstraint(
            ["merchant_code"], ["merchant.code"], name=op.f("fk_shop_verification_merchant_code_merchant")
        ),
        sa.ForeignKeyConstraint(
            ["redemption_id"], ["redemption.id"], name=op.f("fk_shop_verification_redemption_id_redemption")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shop_verification")),
        sa.UniqueConstraint(
            "merchant_code",
            "device",
            "code_hash",
            "used_at",
            "reason_code",
            name="uq_shop_verification_attempt",
        ),
    )
    op.create_index(op.f("ix_shop_verification_redemption_id"), "shop_verification", ["redemption_id"])
    op.create_index(
        "ix_shop_verification_merchant_code_received_at",
        "shop_verification",
        ["merchant_code", "received_at"],
    )
    op.create_index(
        "uq_shop_verification_accepted", "shop_verification", ["redemption_id"], unique=True,
        sqlite_where=ACCEPTED, postgresql_where=ACCEPTED,
    )  # fmt: skip


def _create_statements() -> None:
    op.create_table(
        "merchant_statement",
        sa.Column("id", BigInt, nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("merchant_code", sa.Text(), nullable=False),
        sa.Column("month", sa.Text(), nullable=False),
        sa.Column("lines", BigInt, nullable=False),
        sa.Column("points", BigInt, nullable=False),
        sa.Column("amount_fen", BigInt, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("prepared_by", sa.Text(), nullable=False),
        sa.Column("prepared_by_id", BigInt, nullable=False),
        sa.Column("prepared_at", Instant, nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=False, server_default=""),
        sa.Column("decided_by_id", BigInt, nullable=True),
        sa.Column("decided_at", Instant, nullable=True),
        sa.Column("note", sa.Text(), nullable=False, server_default=""),
        sa.Column("entry_id", BigInt, nullable=True),
        sa.Column("paid_at", Instant, nullable=True),
        sa.Column("paid_by", sa.Text(), nullable=False, server_default=""),
        sa.Column("bank_reference", sa.Text(), nullable=False, server_default=""),
        sa.Column("payment_entry_id", BigInt, nullable=True),
        sa.Column("by_budget", sa.JSON(), nullable=False),
        sa.CheckConstraint(
            "state IN ('draft', 'declined', 'approved', 'paid')", name=op.f("ck_merchant_statement_state")
        ),
        sa.CheckConstraint(
            "amount_fen > 0 AND lines > 0 AND points >= 0", name=op.f("ck_merchant_statement_not_empty")
        ),
        sa.CheckConstraint(
            "decided_by_id IS NULL OR decided_by_id <> prepared_by_id",
            name=op.f("ck_merchant_statement_two_people"),
        ),
        sa.ForeignKeyConstraint(
            ["merchant_code"], ["merchant.code"], name=op.f("fk_merchant_statement_merchant_code_merchant")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_merchant_statement")),
        sa.UniqueConstraint("code", name=op.f("uq_merchant_statement_code")),
    )
    op.create_index(op.f("ix_merchant_statement_merchant_code"), "merchant_statement", ["merchant_code"])


def downgrade() -> None:
    for table in ("merchant_statement", "shop_verification", "merchant", "reward_budget"):
        op.drop_table(table)
    for index in (
        "ix_redemption_refunding_due_at",
        "ix_redemption_open_expires_at",
        "ix_redemption_merchant_code_recorded",
        "ix_redemption_merchant_code_status",
    ):
        op.drop_index(index, "redemption")
    with op.batch_alter_table("redemption", recreate="auto") as table:
        for name in ("settled_when_used", "used_at", "status"):
            table.drop_constraint(op.f(f"ck_redemption_{name}"), type_="check")
        for column in (
            "settled_in",
            "refund_due_at",
            "refund_requested_at",
            "use_recorded_at",
            "used_at",
            "expires_at",
            "offline_hours",
            "budget_month",
            "topup_fen",
            "value_fen",
            "merchant_code",
            "kind",
        ):
            table.drop_column(column)
    op.execute("UPDATE redemption SET status = 'ready' WHERE status IN ('used', 'refunding')")
    with op.batch_alter_table("redemption", recreate="auto") as table:
        table.create_check_constraint(op.f("ck_redemption_status"), "status IN ('ready', 'refunded')")
    op.drop_index(op.f("ix_reward_merchant_code"), "reward")
    for column in (
        "offline_hours",
        "code_days",
        "hours",
        "season_to",
        "season_from",
        "topup_fen",
        "merchant_code",
        "kind",
    ):
        op.drop_column("reward", column)
