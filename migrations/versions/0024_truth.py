"""What keeps the books true: appeals, random audits of sources, reviews of shared devices."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"

BigInt = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Instant = sa.DateTime(timezone=True)
OPEN = sa.text("state = 'open'")


def upgrade() -> None:
    _appeals()
    _audits()
    _links()


def _appeals() -> None:
    op.create_table(
        "appeal",
        sa.Column("id", BigInt, nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("region_code", sa.Text(), nullable=False),
        sa.Column("act_id", BigInt, nullable=False),
        sa.Column("reason_code", sa.Text(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False, server_default=""),
        sa.Column("counted_act_id", BigInt, nullable=True),
        sa.Column("raised_at", Instant, nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=False, server_default=""),
        sa.Column("decided_by_id", BigInt, nullable=True),
        sa.Column("decided_at", Instant, nullable=True),
        sa.CheckConstraint("state IN ('open', 'accepted', 'declined')", name=op.f("ck_appeal_state")),
        sa.CheckConstraint(
            "(state = 'open') = (decided_at IS NULL)", name=op.f("ck_appeal_decided_when_closed")
        ),
        sa.CheckConstraint(
            "(state = 'accepted') = (counted_act_id IS NOT NULL)", name=op.f("ck_appeal_accepted_counts")
        ),
        sa.ForeignKeyConstraint(["act_id"], ["act.id"], name=op.f("fk_appeal_act_id_act")),
        sa.ForeignKeyConstraint(["counted_act_id"], ["act.id"], name=op.f("fk_appeal_counted_act_id_act")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_appeal")),
    )
    op.create_index("ix_appeal_holder", "appeal", ["holder", "id"])
    op.create_index("ix_appeal_act_id", "appeal", ["act_id"])
    op.create_index(
        "uq_appeal_open", "appeal", ["act_id"], unique=True, sqlite_where=OPEN, postgresql_where=OPEN
    )


def _audits() -> None:
    op.create_table(
        "source_audit",
        sa.Column("id", BigInt, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("month", sa.Text(), nullable=False),
        sa.Column("seed", sa.Text(), nullable=False),
        sa.Column("percent", BigInt, nullable=False),
        sa.Column("least", BigInt, nullable=False),
        sa.Column("most", BigInt, nullable=False),
        sa.Column("population", BigInt, nullable=False),
        sa.Column("drawn", BigInt, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("errors", BigInt, nullable=True),
        sa.Column("suspended", sa.Boolean(), nullable=False),
        sa.Column("opened_by", sa.Text(), nullable=False),
        sa.Column("opened_at", Instant, nullable=False),
        sa.Column("concluded_by", sa.Text(), nullable=False, server_default=""),
        sa.Column("concluded_at", Instant, nullable=True),
        sa.CheckConstraint("state IN ('open', 'concluded')", name=op.f("ck_source_audit_state")),
        sa.CheckConstraint("drawn > 0 AND drawn <= population", name=op.f("ck_source_audit_drawn_within")),
        sa.CheckConstraint(
            "errors IS NULL OR errors BETWEEN 0 AND drawn", name=op.f("ck_source_audit_errors_within")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_source_audit")),
        sa.UniqueConstraint("source", "month", name=op.f("uq_source_audit_source_month")),
    )
    op.create_table(
        "audit_item",
        sa.Column("audit_id", BigInt, nullable=False),
        sa.Column("number", BigInt, nullable=False),
        sa.Column("act_id", BigInt, nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False, server_default=""),
        sa.Column("note", sa.Text(), nullable=False, server_default=""),
        sa.Column("checked_by", sa.Text(), nullable=False, server_default=""),
        sa.Column("checked_at", Instant, nullable=True),
        sa.CheckConstraint(
            "verdict IN ('', 'right', 'wrong', 'unproven')", name=op.f("ck_audit_item_verdict")
        ),
        sa.ForeignKeyConstraint(
            ["audit_id"], ["source_audit.id"], name=op.f("fk_audit_item_audit_id_source_audit")
        ),
        sa.ForeignKeyConstraint(["act_id"], ["act.id"], name=op.f("fk_audit_item_act_id_act")),
        sa.PrimaryKeyConstraint("audit_id", "number", name=op.f("pk_audit_item")),
        sa.UniqueConstraint("audit_id", "act_id", name=op.f("uq_audit_item_audit_id_act_id")),
    )
    op.create_index(op.f("ix_audit_item_act_id"), "audit_item", ["act_id"])


def _links() -> None:
    op.create_table(
        "account_link",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("first_seen", Instant, nullable=False),
        sa.Column("last_seen", Instant, nullable=False),
        sa.CheckConstraint("kind IN ('device', 'payment')", name=op.f("ck_account_link_kind")),
        sa.PrimaryKeyConstraint("kind", "fingerprint", "holder", name=op.f("pk_account_link")),
    )
    op.create_index(op.f("ix_account_link_holder"), "account_link", ["holder"])
    op.create_index(op.f("ix_account_link_last_seen"), "account_link", ["last_seen"])
    op.create_table(
        "account_review",
        sa.Column("id", BigInt, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("accounts", BigInt, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False, server_default=""),
        sa.Column("opened_at", Instant, nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=False, server_default=""),
        sa.Column("decided_by_id", BigInt, nullable=True),
        sa.Column("decided_at", Instant, nullable=True),
        sa.CheckConstraint("kind IN ('device', 'payment')", name=op.f("ck_account_review_kind")),
        sa.CheckConstraint("state IN ('open', 'cleared', 'confirmed')", name=op.f("ck_account_review_state")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account_review")),
    )
    op.create_index(
        "uq_account_review_open",
        "account_review",
        ["kind", "fingerprint"],
        unique=True,
        sqlite_where=OPEN,
        postgresql_where=OPEN,
    )
    op.create_index("ix_account_review_thing", "account_review", ["kind", "fingerprint"])


def downgrade() -> None:
    for table in ("account_review", "account_link", "audit_item", "source_audit", "appeal"):
        op.drop_table(table)
