"""The ledger: states of accounts, named numbers, cuts, seal, snapshots, freezes"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from carbon_platform.ledger.append_only import SEAL, append_only_ddl
from carbon_platform.ledger.server_posting import drop_posting_ddl, posting_ddl

revision = "0002"
down_revision = "0001"

BigInt = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Instant = sa.DateTime(timezone=True)


def upgrade() -> None:
    # Plain ALTER TABLE: a table made anew would lose its triggers on SQLite.
    op.execute(
        "ALTER TABLE ledger_account ADD COLUMN state TEXT NOT NULL DEFAULT 'open' "
        "CONSTRAINT ck_ledger_account_state CHECK (state IN ('open', 'frozen', 'closed'))"
    )
    op.add_column("ledger_account", sa.Column("opened_at", Instant, nullable=True))
    op.add_column(
        "ledger_transfer", sa.Column("named", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.create_table(
        "ledger_cut",
        sa.Column("id", BigInt, primary_key=True),
        sa.Column("entry_id", BigInt, nullable=False),
        sa.Column("transfer_id", BigInt, nullable=False),
        sa.Column("barrier", BigInt, nullable=False),
        sa.Column("taken_at", Instant, nullable=False),
        sa.Column("closed_at", Instant, nullable=True),
    )
    op.create_table(
        "ledger_block",
        sa.Column("number", BigInt, primary_key=True, autoincrement=False),
        sa.Column("first_position", BigInt, nullable=False),
        sa.Column("count", BigInt, nullable=False),
        sa.Column("through_entry_id", BigInt, nullable=False),
        sa.Column("root", sa.Text(), nullable=False),
        sa.Column("previous", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("leaves", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_at", Instant, nullable=False),
        sa.UniqueConstraint("through_entry_id", name="uq_ledger_block_through_entry_id"),
        sa.UniqueConstraint("hash", name="uq_ledger_block_hash"),
        sa.CheckConstraint("count > 0", name="ck_ledger_block_count_positive"),
    )
    op.create_table(
        "ledger_head",
        sa.Column("day", sa.Text(), primary_key=True),
        sa.Column("first_block", BigInt, nullable=False),
        sa.Column("block_number", BigInt, nullable=False),
        sa.Column("block_hash", sa.Text(), nullable=False),
        sa.Column("blocks_root", sa.Text(), nullable=False),
        sa.Column("entries", BigInt, nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("signature", sa.Text(), nullable=False),
        sa.Column("signed_at", Instant, nullable=False),
    )
    for statement in append_only_ddl(op.get_bind().dialect.name, SEAL):
        op.execute(statement)
    op.create_table(
        "ledger_snapshot_day",
        sa.Column("day", sa.Text(), primary_key=True),
        sa.Column("entry_id", BigInt, nullable=False),
        sa.Column("after_id", BigInt, nullable=False),
        sa.Column("transfer_id", BigInt, nullable=False),
        sa.Column("recorded_until", Instant, nullable=True),
        sa.Column("made_at", Instant, nullable=False),
    )
    op.create_index("ix_ledger_snapshot_day_recorded_until", "ledger_snapshot_day", ["recorded_until"])
    op.create_table(
        "ledger_snapshot",
        sa.Column("account_id", BigInt, primary_key=True, autoincrement=False),
        sa.Column("day", sa.Text(), primary_key=True),
        sa.Column("posted", BigInt, nullable=False),
        sa.Column("effective_from", Instant, nullable=False),
        sa.Column("recorded_from", Instant, nullable=False),
    )
    op.create_index("ix_ledger_snapshot_day", "ledger_snapshot", ["day"])
    op.create_table(
        "ledger_rollup",
        sa.Column("account_id", BigInt, primary_key=True, autoincrement=False),
        sa.Column("posted", BigInt, nullable=False),
        sa.Column("transfer_id", BigInt, nullable=False),
    )
    op.create_index("ix_ledger_rollup_transfer_id", "ledger_rollup", ["transfer_id"])
    op.create_table(
        "ledger_freeze",
        sa.Column("id", BigInt, primary_key=True),
        sa.Column(
            "account_id",
            BigInt,
            sa.ForeignKey("ledger_account.id", name="fk_ledger_freeze_account_id_ledger_account"),
            nullable=True,
        ),
        sa.Column("lot", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("frozen_at", Instant, nullable=False),
        sa.Column("frozen_by", sa.Text(), nullable=False),
        sa.Column("lifted_at", Instant, nullable=True),
        sa.Column("lifted_by", sa.Text(), nullable=False, server_default=""),
        sa.Column("note", sa.Text(), nullable=False, server_default=""),
        sa.CheckConstraint("(account_id IS NULL) <> (lot IS NULL)", name="ck_ledger_freeze_account_or_lot"),
    )
    op.create_index("ix_ledger_freeze_account_id", "ledger_freeze", ["account_id"])
    op.create_index("ix_ledger_freeze_lot", "ledger_freeze", ["lot"])
    op.create_index("ix_ledger_freeze_lifted_at", "ledger_freeze", ["lifted_at"])
    op.create_table(
        "ledger_closure",
        sa.Column(
            "account_id",
            BigInt,
            sa.ForeignKey("ledger_account.id", name="fk_ledger_closure_account_id_ledger_account"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("closed_at", Instant, nullable=False),
        sa.Column("closed_by", sa.Text(), nullable=False),
    )
    op.create_table(
        "ledger_reconciliation",
        sa.Column("id", BigInt, primary_key=True),
        sa.Column("started_at", Instant, nullable=False),
        sa.Column("ended_at", Instant, nullable=False),
        sa.Column("ok", sa.Boolean(), nullable=False),
        sa.Column("checks", sa.JSON(), nullable=False),
    )
    for statement in posting_ddl(op.get_bind().dialect.name):
        op.execute(statement)


def downgrade() -> None:
    for statement in drop_posting_ddl(op.get_bind().dialect.name):
        op.execute(statement)
    for table in (
        "ledger_reconciliation",
        "ledger_closure",
        "ledger_freeze",
        "ledger_rollup",
        "ledger_snapshot",
        "ledger_snapshot_day",
        "ledger_head",
        "ledger_block",
        "ledger_cut",
    ):
        op.drop_table(table)
    op.drop_column("ledger_transfer", "named")
    op.drop_column("ledger_account", "opened_at")
    op.drop_column("ledger_account", "state")
