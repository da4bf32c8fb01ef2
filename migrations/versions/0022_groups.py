"""Groups of citizens: families with gifts, communities, schools, companies; weekly figures and ranking.

Going down drops them; gifts that were given stand in the ledger with their reference.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"

BigInt = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Instant = sa.DateTime(timezone=True)
IN_FORCE = sa.text("left_at IS NULL")


def upgrade() -> None:
    _groups()
    _gifts()
    _weeks()


def _groups() -> None:
    op.create_table(
        "citizen_group",
        sa.Column("id", BigInt, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("region_code", sa.Text(), nullable=False),
        sa.Column("opened_by", sa.Text(), nullable=False),
        sa.Column("opened_by_user", BigInt, nullable=True),
        sa.Column("opened_at", Instant, nullable=False),
        sa.Column("closed_at", Instant, nullable=True),
        sa.Column("invite_hash", sa.Text(), nullable=True),
        sa.Column("invite_until", Instant, nullable=True),
        sa.CheckConstraint(
            "kind IN ('family', 'community', 'school', 'company')", name=op.f("ck_citizen_group_kind")
        ),
        sa.CheckConstraint(
            "(invite_hash IS NULL) = (invite_until IS NULL)", name=op.f("ck_citizen_group_invitation")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_citizen_group")),
        sa.UniqueConstraint("invite_hash", name=op.f("uq_citizen_group_invite_hash")),
    )
    op.create_index(op.f("ix_citizen_group_region_code"), "citizen_group", ["region_code"], unique=False)
    op.create_table(
        "group_member",
        sa.Column("id", BigInt, nullable=False),
        sa.Column("group_id", BigInt, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("joined_at", Instant, nullable=False),
        sa.Column("left_at", Instant, nullable=True),
        sa.CheckConstraint("role IN ('owner', 'member')", name=op.f("ck_group_member_role")),
        sa.CheckConstraint(
            "left_at IS NULL OR left_at >= joined_at", name=op.f("ck_group_member_leaves_after_joining")
        ),
        sa.ForeignKeyConstraint(
            ["group_id"], ["citizen_group.id"], name=op.f("fk_group_member_group_id_citizen_group")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_group_member")),
    )
    op.create_index(op.f("ix_group_member_group_id"), "group_member", ["group_id"], unique=False)
    op.create_index(
        "uq_group_member_in_force",
        "group_member",
        ["holder", "kind"],
        unique=True,
        sqlite_where=IN_FORCE,
        postgresql_where=IN_FORCE,
    )


def _gifts() -> None:
    op.create_table(
        "family_gift",
        sa.Column("id", BigInt, nullable=False),
        sa.Column("group_id", BigInt, nullable=False),
        sa.Column("giver", sa.Text(), nullable=False),
        sa.Column("receiver", sa.Text(), nullable=False),
        sa.Column("points", BigInt, nullable=False),
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("entry_id", BigInt, nullable=False),
        sa.Column("given_at", Instant, nullable=False),
        sa.CheckConstraint("points > 0", name=op.f("ck_family_gift_points_positive")),
        sa.CheckConstraint("giver <> receiver", name=op.f("ck_family_gift_two_people")),
        sa.ForeignKeyConstraint(
            ["group_id"], ["citizen_group.id"], name=op.f("fk_family_gift_group_id_citizen_group")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_family_gift")),
    )
    op.create_index(op.f("ix_family_gift_group_id"), "family_gift", ["group_id"], unique=False)
    op.create_index("ix_family_gift_giver_day", "family_gift", ["giver", "day"], unique=False)
    op.create_index("ix_family_gift_receiver_day", "family_gift", ["receiver", "day"], unique=False)


def _weeks() -> None:
    op.create_table(
        "group_week",
        sa.Column("id", BigInt, nullable=False),
        sa.Column("week", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("people", BigInt, nullable=True),
        sa.Column("reduction_g", BigInt, nullable=True),
        sa.Column("withheld", sa.Text(), nullable=False),
        sa.Column("released_at", Instant, nullable=False),
        sa.CheckConstraint(
            "(withheld = '') = (people IS NOT NULL AND reduction_g IS NOT NULL)",
            name=op.f("ck_group_week_figures_or_withheld"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_group_week")),
        sa.UniqueConstraint("week", "scope", name=op.f("uq_group_week_week_scope")),
    )
    op.create_index("ix_group_week_scope_week", "group_week", ["scope", "week"], unique=False)
    op.create_table(
        "ranking_week",
        sa.Column("id", BigInt, nullable=False),
        sa.Column("week", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("county_code", sa.Text(), nullable=False),
        sa.Column("reduction_g", BigInt, nullable=False),
        sa.Column("released_at", Instant, nullable=False),
        sa.CheckConstraint("reduction_g >= 0", name=op.f("ck_ranking_week_grams_not_negative")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ranking_week")),
        sa.UniqueConstraint("week", "holder", name=op.f("uq_ranking_week_week_holder")),
    )
    op.create_index(
        "ix_ranking_week_county", "ranking_week", ["week", "county_code", "reduction_g"], unique=False
    )


def downgrade() -> None:
    for table in ("ranking_week", "group_week", "family_gift", "group_member", "citizen_group"):
        op.drop_table(table)
