"""Data partners: keys, nonces, pushes, reconciliations; accounts taken over from another platform.

Going down is refused once accounts were taken over: what they brought stands in the ledger, and the older
program would take the same export in a second time.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"

BigInt = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Instant = sa.DateTime(timezone=True)


def upgrade() -> None:
    _keys()
    _pushes()
    _takeover()


def _keys() -> None:
    op.create_table(
        "partner_key",
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("scene_code", sa.Text(), nullable=False),
        sa.Column("secret_sealed", sa.Text(), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("made_at", Instant, nullable=False),
        sa.Column("ends_at", Instant, nullable=True),
        sa.ForeignKeyConstraint(["scene_code"], ["scene.code"], name=op.f("fk_partner_key_scene_code_scene")),
        sa.PrimaryKeyConstraint("key_id", name=op.f("pk_partner_key")),
    )
    op.create_index(op.f("ix_partner_key_scene_code"), "partner_key", ["scene_code"])
    op.create_table(
        "partner_nonce",
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("nonce", sa.Text(), nullable=False),
        sa.Column("used_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("key_id", "nonce", name=op.f("pk_partner_nonce")),
    )
    op.create_index(op.f("ix_partner_nonce_used_at"), "partner_nonce", ["used_at"])


def _pushes() -> None:
    op.create_table(
        "partner_push",
        sa.Column("id", BigInt, nullable=False),
        sa.Column("scene_code", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("content_sha256", sa.Text(), nullable=False),
        sa.Column("rows", BigInt, nullable=False),
        sa.Column("received", BigInt, nullable=False),
        sa.Column("duplicates", BigInt, nullable=False),
        sa.Column("conflicts", BigInt, nullable=False),
        sa.Column("refused", BigInt, nullable=False),
        sa.Column("late_max_s", BigInt, nullable=False),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.Column("days", sa.JSON(), nullable=False),
        sa.Column("received_at", Instant, nullable=False),
        sa.CheckConstraint("kind IN ('act', 'reversal')", name=op.f("ck_partner_push_kind")),
        sa.CheckConstraint(
            "rows = received + duplicates + conflicts + refused",
            name=op.f("ck_partner_push_every_row_counted"),
        ),
        sa.ForeignKeyConstraint(
            ["scene_code"], ["scene.code"], name=op.f("fk_partner_push_scene_code_scene")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_partner_push")),
    )
    op.create_index("ix_partner_push_scene_code_received_at", "partner_push", ["scene_code", "received_at"])
    op.create_table(
        "partner_reconciliation",
        sa.Column("id", BigInt, nullable=False),
        sa.Column("scene_code", sa.Text(), nullable=False),
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("theirs", sa.JSON(), nullable=False),
        sa.Column("ours", sa.JSON(), nullable=False),
        sa.Column("differences", sa.JSON(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("content_sha256", sa.Text(), nullable=False),
        sa.Column("submitted_at", Instant, nullable=False),
        sa.CheckConstraint(
            "outcome IN ('agreed', 'differs')", name=op.f("ck_partner_reconciliation_outcome")
        ),
        sa.ForeignKeyConstraint(
            ["scene_code"], ["scene.code"], name=op.f("fk_partner_reconciliation_scene_code_scene")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_partner_reconciliation")),
    )
    op.create_index(
        "ix_partner_reconciliation_scene_code_day", "partner_reconciliation", ["scene_code", "day", "id"]
    )


def _takeover() -> None:
    op.create_table(
        "taken_account",
        sa.Column("platform", sa.Text(), nullable=False),
        sa.Column("external_index", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("points", BigInt, nullable=False),
        sa.Column("grams", BigInt, nullable=False),
        sa.Column("row_index", sa.Text(), nullable=False),
        sa.Column("entry_id", BigInt, nullable=True),
        sa.Column("taken_at", Instant, nullable=False),
        sa.CheckConstraint("points >= 0 AND grams >= 0", name=op.f("ck_taken_account_not_negative")),
        sa.PrimaryKeyConstraint("platform", "external_index", name=op.f("pk_taken_account")),
    )
    op.create_index(op.f("ix_taken_account_holder"), "taken_account", ["holder"])
    op.create_table(
        "taken_record",
        sa.Column("platform", sa.Text(), nullable=False),
        sa.Column("record_id", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("behaviour", sa.Text(), nullable=False),
        sa.Column("grams", BigInt, nullable=False),
        sa.Column("points", BigInt, nullable=False),
        sa.Column("content_sha256", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("platform", "record_id", name=op.f("pk_taken_record")),
    )
    op.create_index(op.f("ix_taken_record_holder"), "taken_record", ["holder"])
    op.create_table(
        "takeover",
        sa.Column("id", BigInt, nullable=False),
        sa.Column("platform", sa.Text(), nullable=False),
        sa.Column("files", sa.JSON(), nullable=False),
        sa.Column("report", sa.JSON(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_takeover")),
    )


def downgrade() -> None:
    taken = op.get_bind().execute(sa.text("SELECT count(*) FROM taken_account")).scalar_one()
    if taken:
        raise RuntimeError(
            f"{taken:,} accounts were taken over; the older program does not know it and would take them in "
            "again. Keep this schema, or restore a backup from before the take-over"
        )
    for table in (
        "takeover",
        "taken_record",
        "taken_account",
        "partner_reconciliation",
        "partner_push",
        "partner_nonce",
        "partner_key",
    ):
        op.drop_table(table)
