"""Rules of points in the database: versions, campaigns, and what an act's points owe to them.

Going down is refused while points wait to be fetched (the older program would make them active by itself)
and once a person has published a rule (it knows the data file's only, and would rule by that again).
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"

BigInt = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Instant = sa.DateTime(timezone=True)
TO_CLAIM = sa.text("claim_by IS NOT NULL AND points_state = 'pending'")
PUBLISHED = sa.text("state = 'published'")
STATES = "state IN ('draft', 'published', 'declined')"


def _decided() -> list[sa.Column]:
    return [
        sa.Column("proposed_by", sa.Text(), nullable=False),
        sa.Column("proposed_by_id", BigInt, nullable=False),
        sa.Column("proposed_at", Instant, nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=False, server_default=""),
        sa.Column("decided_by_id", BigInt, nullable=True),
        sa.Column("decided_at", Instant, nullable=True),
    ]


def upgrade() -> None:
    op.create_table(
        "points_rule",
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.Text(), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("simulation", sa.JSON(), nullable=True),
        *_decided(),
        sa.CheckConstraint(STATES, name=op.f("ck_points_rule_state")),
        sa.CheckConstraint("decided_by_id <> proposed_by_id", name=op.f("ck_points_rule_two_people")),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_points_rule")),
    )
    op.create_index(
        "uq_points_rule_first_day",
        "points_rule",
        ["valid_from"],
        unique=True,
        sqlite_where=PUBLISHED,
        postgresql_where=PUBLISHED,
    )
    op.create_table(
        "points_campaign",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name_zh", sa.Text(), nullable=False),
        sa.Column("name_en", sa.Text(), nullable=False),
        sa.Column("starts_on", sa.Text(), nullable=False),
        sa.Column("ends_on", sa.Text(), nullable=False),
        sa.Column("percent", BigInt, nullable=False),
        sa.Column("behaviours", sa.JSON(), nullable=False),
        sa.Column("sources", sa.JSON(), nullable=False),
        sa.Column("budget_points", BigInt, nullable=False),
        sa.Column("spent_points", BigInt, nullable=False, server_default="0"),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        *_decided(),
        sa.CheckConstraint(STATES, name=op.f("ck_points_campaign_state")),
        sa.CheckConstraint("decided_by_id <> proposed_by_id", name=op.f("ck_points_campaign_two_people")),
        sa.CheckConstraint("percent > 100", name=op.f("ck_points_campaign_gives_more")),
        sa.CheckConstraint("starts_on <= ends_on", name=op.f("ck_points_campaign_ends_after_start")),
        sa.CheckConstraint(
            "spent_points >= 0 AND spent_points <= budget_points",
            name=op.f("ck_points_campaign_within_budget"),
        ),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_points_campaign")),
    )
    op.add_column("act", sa.Column("claim_by", Instant, nullable=True))
    op.add_column("act", sa.Column("bonus_points", BigInt, nullable=False, server_default="0"))
    op.add_column("act", sa.Column("campaign", sa.Text(), nullable=False, server_default=""))
    for name, columns in (
        ("ix_act_to_claim", ["holder", "claim_by"]),
        ("ix_act_claim_by", ["claim_by", "id"]),
    ):
        op.create_index(name, "act", columns, sqlite_where=TO_CLAIM, postgresql_where=TO_CLAIM)


def downgrade() -> None:
    _refuse_waiting()
    _refuse_published()
    op.drop_index("ix_act_claim_by", "act")
    op.drop_index("ix_act_to_claim", "act")
    for column in ("campaign", "bonus_points", "claim_by"):
        op.drop_column("act", column)
    op.drop_table("points_campaign")
    op.drop_index("uq_points_rule_first_day", "points_rule")
    op.drop_table("points_rule")


def _refuse_waiting() -> None:
    count = (
        op.get_bind()
        .execute(sa.text("SELECT COUNT(*) FROM act WHERE claim_by IS NOT NULL AND points_state = 'pending'"))
        .scalar_one()
    )
    if count:
        raise RuntimeError(
            f"points of {count:,} acts wait to be fetched; the older program would make them active by "
            "itself. Wait until they are fetched or have lapsed, or restore a backup from before"
        )


def _refuse_published() -> None:
    published = (
        op.get_bind()
        .execute(
            sa.text(
                "SELECT version FROM points_rule WHERE state = 'published' AND decided_by <> '' "
                "ORDER BY version"
            )
        )
        .scalars()
        .all()
    )
    if published:
        raise RuntimeError(
            f"rules were published here ({', '.join(published)}); the older program knows only those of its "
            "data file. Keep this schema, or restore a backup from before"
        )
