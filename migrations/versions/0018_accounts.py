"""Accounts of citizens: states, sealed identity, codes by phone, merging, look-ups; sharing and counts.

Going down drops what names people (that is what sealing is for) and the logs of sharing and look-ups;
it is refused while accounts are merged, being erased or deleted, for then they would open again.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"

BigInt = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Instant = sa.DateTime(timezone=True)
ASKED = sa.text("erase_after IS NOT NULL")


def upgrade() -> None:
    _person()
    _identity()
    _codes_and_offers()
    _accountability()


def _person() -> None:
    # Columns are added in place: the table has children, and SQLite would have to build it anew otherwise.
    op.add_column("person", sa.Column("state", sa.Text(), nullable=False, server_default="open"))
    op.add_column("person", sa.Column("state_at", Instant, nullable=True))
    op.add_column("person", sa.Column("erase_after", Instant, nullable=True))
    op.add_column("person", sa.Column("merged_into_id", BigInt, nullable=True))
    op.add_column("person", sa.Column("via", sa.Text(), nullable=False, server_default="wechat"))
    op.add_column("person", sa.Column("under_14", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_index("ix_person_region_code_state", "person", ["region_code", "state"])
    op.create_index(
        "ix_person_erase_after", "person", ["erase_after"], sqlite_where=ASKED, postgresql_where=ASKED
    )
    # Who opened an account for a child agreed as its guardian then.
    op.execute(
        "UPDATE person SET under_14 = true WHERE id IN (SELECT person_id FROM consent "
        "WHERE partner = 'platform' AND purpose = 'guardian' AND withdrawn_at IS NULL)"
    )


def _identity() -> None:
    op.create_table(
        "person_identity",
        sa.Column("person_id", BigInt, autoincrement=False, nullable=False),
        sa.Column("phone_sealed", sa.Text(), nullable=True),
        sa.Column("phone_index", sa.Text(), nullable=True),
        sa.Column("phone_at", Instant, nullable=True),
        sa.Column("name_sealed", sa.Text(), nullable=True),
        sa.Column("id_sealed", sa.Text(), nullable=True),
        sa.Column("id_index", sa.Text(), nullable=True),
        sa.Column("real_name_at", Instant, nullable=True),
        sa.CheckConstraint(
            "(phone_sealed IS NULL) = (phone_index IS NULL)", name=op.f("ck_person_identity_phone_whole")
        ),
        sa.CheckConstraint(
            "(name_sealed IS NULL) = (id_sealed IS NULL) AND (id_sealed IS NULL) = (id_index IS NULL)",
            name=op.f("ck_person_identity_real_name_whole"),
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["person.id"], name=op.f("fk_person_identity_person_id_person")
        ),
        sa.PrimaryKeyConstraint("person_id", name=op.f("pk_person_identity")),
        sa.UniqueConstraint("phone_index", name=op.f("uq_person_identity_phone_index")),
        sa.UniqueConstraint("id_index", name=op.f("uq_person_identity_id_index")),
    )
    op.create_index(op.f("ix_person_identity_real_name_at"), "person_identity", ["real_name_at"])


def _codes_and_offers() -> None:
    op.create_table(
        "phone_code",
        sa.Column("id", BigInt, nullable=False),
        sa.Column("person_id", BigInt, nullable=False),
        sa.Column("phone_index", sa.Text(), nullable=False),
        sa.Column("code_hash", sa.Text(), nullable=False),
        sa.Column("asked_at", Instant, nullable=False),
        sa.Column("expires_at", Instant, nullable=False),
        sa.Column("tries", BigInt, nullable=False),
        sa.Column("ended_at", Instant, nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_phone_code_person_id_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_phone_code")),
    )
    op.create_index(op.f("ix_phone_code_asked_at"), "phone_code", ["asked_at"])
    op.create_index("ix_phone_code_person_id_asked_at", "phone_code", ["person_id", "asked_at"])
    op.create_index("ix_phone_code_phone_index_asked_at", "phone_code", ["phone_index", "asked_at"])
    op.create_table(
        "merge_offer",
        sa.Column("id", BigInt, nullable=False),
        sa.Column("person_id", BigInt, nullable=False),
        sa.Column("other_id", BigInt, nullable=False),
        sa.Column("proof", sa.Text(), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("offered_at", Instant, nullable=False),
        sa.Column("expires_at", Instant, nullable=False),
        sa.Column("agreed_at", Instant, nullable=True),
        sa.Column("done_at", Instant, nullable=True),
        sa.Column("outcome", sa.Text(), nullable=False, server_default=""),
        sa.CheckConstraint("person_id <> other_id", name=op.f("ck_merge_offer_two_accounts")),
        sa.CheckConstraint("proof IN ('phone', 'id')", name=op.f("ck_merge_offer_proof")),
        sa.CheckConstraint("outcome IN ('', 'merged', 'moved')", name=op.f("ck_merge_offer_outcome")),
        sa.CheckConstraint(
            "(done_at IS NULL) = (outcome = '')", name=op.f("ck_merge_offer_outcome_when_done")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_merge_offer_person_id_person")),
        sa.ForeignKeyConstraint(["other_id"], ["person.id"], name=op.f("fk_merge_offer_other_id_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_merge_offer")),
    )
    op.create_index(op.f("ix_merge_offer_person_id"), "merge_offer", ["person_id"])
    op.create_index(op.f("ix_merge_offer_other_id"), "merge_offer", ["other_id"])


def _accountability() -> None:
    op.create_table(
        "person_lookup",
        sa.Column("id", BigInt, nullable=False),
        sa.Column("person_id", BigInt, nullable=True),
        sa.Column("user_id", BigInt, nullable=False),
        sa.Column("user_role", sa.Text(), nullable=False),
        sa.Column("found_by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", Instant, nullable=False),
        sa.CheckConstraint("found_by IN ('phone', 'id', 'number')", name=op.f("ck_person_lookup_found_by")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_person_lookup_person_id_person")),
        sa.ForeignKeyConstraint(
            ["user_id"], ["user_account.id"], name=op.f("fk_person_lookup_user_id_user_account")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person_lookup")),
    )
    op.create_index(op.f("ix_person_lookup_person_id"), "person_lookup", ["person_id"])
    op.create_index(op.f("ix_person_lookup_user_id"), "person_lookup", ["user_id"])
    op.create_table(
        "share_log",
        sa.Column("id", BigInt, nullable=False),
        sa.Column("at", Instant, nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("partner", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("fields", sa.JSON(), nullable=False),
        sa.Column("row_count", BigInt, nullable=False),
        sa.Column("people_count", BigInt, nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.CheckConstraint("direction IN ('received', 'sent')", name=op.f("ck_share_log_direction")),
        sa.CheckConstraint("row_count >= 0 AND people_count >= 0", name=op.f("ck_share_log_counts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_share_log")),
        sa.UniqueConstraint(
            "partner", "direction", "reference", name=op.f("uq_share_log_partner_direction_reference")
        ),
    )
    op.create_index(op.f("ix_share_log_at"), "share_log", ["at"])
    op.create_table(
        "minimised",
        sa.Column("table_name", sa.Text(), nullable=False),
        sa.Column("upto_id", BigInt, nullable=False),
        sa.Column("at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("table_name", name=op.f("pk_minimised")),
    )
    op.create_table(
        "holder_activity",
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("last_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("holder", name=op.f("pk_holder_activity")),
    )
    op.create_index(op.f("ix_holder_activity_last_at"), "holder_activity", ["last_at"])
    op.create_table(
        "account_day",
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("region_code", sa.Text(), nullable=False),
        sa.Column("opened", BigInt, nullable=False),
        sa.Column("active", BigInt, nullable=False),
        sa.Column("phone", BigInt, nullable=False),
        sa.Column("real_name", BigInt, nullable=False),
        sa.Column("opened_30d", BigInt, nullable=False),
        sa.Column("counted_at", Instant, nullable=False),
        sa.CheckConstraint(
            "active BETWEEN 0 AND opened AND phone BETWEEN 0 AND opened AND real_name BETWEEN 0 AND opened",
            name=op.f("ck_account_day_within_opened"),
        ),
        sa.PrimaryKeyConstraint("day", "region_code", name=op.f("pk_account_day")),
    )


def downgrade() -> None:
    gone = (
        op.get_bind()
        .execute(
            sa.text("SELECT count(*) FROM person WHERE state IN ('merged', 'closed', 'erasing', 'deleted')")
        )
        .scalar_one()
    )
    if gone:
        raise RuntimeError(f"{gone} accounts are merged, closed or deleted and would open again; not undone")
    for table in (
        "account_day", "holder_activity", "minimised", "share_log", "person_lookup", "merge_offer",
        "phone_code", "person_identity",
    ):  # fmt: skip
        op.drop_table(table)
    op.drop_index("ix_person_erase_after", "person")
    op.drop_index("ix_person_region_code_state", "person")
    for column in ("under_14", "via", "merged_into_id", "erase_after", "state_at", "state"):
        op.drop_column("person", column)
