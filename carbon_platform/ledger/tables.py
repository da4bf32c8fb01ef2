"""Tables of the ledger. Only :mod:`carbon_platform.ledger` imports them.

Journal (append-only, see ``append_only``): ``entry``, ``transfer``, ``movement``, ``hold_use``. It
carries no foreign keys: posting resolves every account itself, and ``verify`` proves it.
State derived from the journal: ``balance``, ``holding``, ``lot``, and the figures of ``hold``.
Seal (append-only): ``block``, ``head``. Caches that can be made again: ``cut``, ``snapshot``, ``rollup``.
"""

from __future__ import annotations

import sqlalchemy as sa

from carbon_platform.db import Base, BigId, UTCDateTime

BigInt = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

# Names as stored in ``hold.status``.
OPEN, POSTED, VOIDED, EXPIRED = "open", "posted", "voided", "expired"

account = sa.Table(
    "ledger_account",
    Base.metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("holder", sa.Text, nullable=False),
    sa.Column("asset", sa.Text, nullable=False),
    sa.Column("lot", sa.Text, nullable=False),
    sa.Column("guarded", sa.Boolean, nullable=False),
    # ``frozen`` by a failed reconciliation, ``closed`` for ever; nothing moves on either.
    sa.Column("state", sa.Text, nullable=False, server_default="open"),
    # Nothing can take effect before; NULL where the account came to be with its first entry.
    sa.Column("opened_at", UTCDateTime(), nullable=True),
    sa.UniqueConstraint("holder", "role", "asset", "lot"),
    sa.CheckConstraint("state IN ('open', 'frozen', 'closed')", name="state"),
    sa.Index("ix_ledger_account_asset_lot_role", "asset", "lot", "role"),
)

# One row per guarded account. Room is left in each page so that updates need no new index entries.
balance = sa.Table(
    "ledger_balance",
    Base.metadata,
    sa.Column(
        "account_id", BigInt, sa.ForeignKey("ledger_account.id"), primary_key=True, autoincrement=False
    ),
    sa.Column("posted", BigInt, nullable=False),
    sa.Column("held", BigInt, nullable=False),
    sa.CheckConstraint("held >= 0", name="held_not_negative"),
    sa.CheckConstraint("posted - held >= 0", name="available_not_negative"),
    postgresql_with={"fillfactor": "70"},
)

entry = sa.Table(
    "ledger_entry",
    Base.metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("reference", sa.Text, nullable=False, unique=True),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("effective_at", UTCDateTime(), nullable=False),
    sa.Column("recorded_at", UTCDateTime(), nullable=False),
    sa.Column("reverses", BigInt, nullable=True, unique=True),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("detail", sa.JSON, nullable=False),
    sa.CheckConstraint("reverses IS NULL OR reverses < id", name="reverses_earlier"),
)

transfer = sa.Table(
    "ledger_transfer",
    Base.metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("entry_id", BigInt, nullable=False, index=True),
    sa.Column("source_id", BigInt, nullable=False),
    sa.Column("destination_id", BigInt, nullable=False),
    sa.Column("amount", BigInt, nullable=False),
    # The request named the numbers to carry; otherwise the lowest went.
    sa.Column("named", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.CheckConstraint("amount > 0", name="amount_positive"),
    sa.CheckConstraint("source_id <> destination_id", name="two_accounts"),
    sa.Index("ix_ledger_transfer_source_id_id", "source_id", "id"),
    sa.Index("ix_ledger_transfer_destination_id_id", "destination_id", "id"),
)

# Number ranges a transfer of credits carried.
movement = sa.Table(
    "ledger_movement",
    Base.metadata,
    sa.Column("transfer_id", BigInt, primary_key=True, autoincrement=False),
    sa.Column("first", BigInt, primary_key=True, autoincrement=False),
    sa.Column("last", BigInt, nullable=False),
    sa.CheckConstraint("first >= 1 AND first <= last", name="range"),
)

# Where every number of a lot is now: disjoint ranges. Numbers taken back from circulation by a
# reversed issue stay with the issuance account and are never given out again.
holding = sa.Table(
    "ledger_holding",
    Base.metadata,
    sa.Column("lot", sa.Text, primary_key=True),
    sa.Column("first", BigInt, primary_key=True, autoincrement=False),
    sa.Column("last", BigInt, nullable=False),
    sa.Column("account_id", BigInt, sa.ForeignKey("ledger_account.id"), nullable=False),
    sa.CheckConstraint("first >= 1 AND first <= last", name="range"),
    sa.UniqueConstraint("lot", "last"),
    sa.Index("ix_ledger_holding_account_id_first", "account_id", "first"),
)

# The highest number given out per lot of credits.
lot = sa.Table(
    "ledger_lot",
    Base.metadata,
    sa.Column("lot", sa.Text, primary_key=True),
    sa.Column("last", BigInt, nullable=False),
    sa.CheckConstraint("last >= 0", name="last_not_negative"),
)

hold = sa.Table(
    "ledger_hold",
    Base.metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("reference", sa.Text, nullable=False, unique=True),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("account_id", BigInt, sa.ForeignKey("ledger_account.id"), nullable=False),
    sa.Column("amount", BigInt, nullable=False),
    sa.Column("posted", BigInt, nullable=False),
    sa.Column("remaining", BigInt, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("expires_at", UTCDateTime(), nullable=True),
    sa.Column("placed_at", UTCDateTime(), nullable=False),
    sa.Column("closed_at", UTCDateTime(), nullable=True),
    sa.CheckConstraint("amount > 0 AND posted >= 0 AND remaining >= 0", name="amounts"),
    sa.CheckConstraint("posted + remaining <= amount", name="within_amount"),
    sa.CheckConstraint("(status = 'open') = (remaining > 0)", name="open_while_remaining"),
    sa.CheckConstraint("status IN ('open', 'posted', 'voided', 'expired')", name="status"),
    sa.Index("ix_ledger_hold_account_id_status", "account_id", "status"),
    sa.Index("ix_ledger_hold_status_expires_at", "status", "expires_at"),
)

# What an entry posted from a hold, and what of the rest it returned.
hold_use = sa.Table(
    "ledger_hold_use",
    Base.metadata,
    sa.Column("entry_id", BigInt, primary_key=True, autoincrement=False),
    sa.Column("hold_id", BigInt, primary_key=True, autoincrement=False, index=True),
    sa.Column("amount", BigInt, nullable=False),
    sa.Column("released", BigInt, nullable=False),
    sa.Column("release_rest", sa.Boolean, nullable=False),
    sa.CheckConstraint("amount > 0 AND released >= 0", name="amounts"),
)

# A line through the journal: every row up to it is final, no open transaction can still add one below.
# Taken with the newest transaction id of the moment; closed when all older transactions have ended.
cut = sa.Table(
    "ledger_cut",
    Base.metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("entry_id", BigInt, nullable=False),
    sa.Column("transfer_id", BigInt, nullable=False),
    sa.Column("barrier", BigInt, nullable=False),
    sa.Column("taken_at", UTCDateTime(), nullable=False),
    sa.Column("closed_at", UTCDateTime(), nullable=True),
)

# A sealed run of entries: Merkle root over their leaves in order of id, chained to the block before.
# ``leaves`` keeps each entry's id and content hash, so that verification can name the row.
block = sa.Table(
    "ledger_block",
    Base.metadata,
    sa.Column("number", BigInt, primary_key=True, autoincrement=False),
    sa.Column("first_position", BigInt, nullable=False),
    sa.Column("count", BigInt, nullable=False),
    sa.Column("through_entry_id", BigInt, nullable=False, unique=True),
    sa.Column("root", sa.Text, nullable=False),
    sa.Column("previous", sa.Text, nullable=False),
    sa.Column("hash", sa.Text, nullable=False, unique=True),
    sa.Column("leaves", sa.LargeBinary, nullable=False),
    sa.Column("sealed_at", UTCDateTime(), nullable=False),
    sa.CheckConstraint("count > 0", name="count_positive"),
)

# The chain's head of a day (Xinyang), signed and published.
head = sa.Table(
    "ledger_head",
    Base.metadata,
    sa.Column("day", sa.Text, primary_key=True),
    sa.Column("first_block", BigInt, nullable=False),
    sa.Column("block_number", BigInt, nullable=False),
    sa.Column("block_hash", sa.Text, nullable=False),
    sa.Column("blocks_root", sa.Text, nullable=False),
    sa.Column("entries", BigInt, nullable=False),
    sa.Column("key_id", sa.Text, nullable=False),
    sa.Column("signature", sa.Text, nullable=False),
    sa.Column("signed_at", UTCDateTime(), nullable=False),
)

# One per day (Xinyang): the line in the journal where it ends, the line of the day before, and the latest
# recorded time at or before its own line, never earlier than that of the day before.
snapshot_day = sa.Table(
    "ledger_snapshot_day",
    Base.metadata,
    sa.Column("day", sa.Text, primary_key=True),
    sa.Column("entry_id", BigInt, nullable=False),
    sa.Column("after_id", BigInt, nullable=False),
    sa.Column("transfer_id", BigInt, nullable=False),
    sa.Column("recorded_until", UTCDateTime(), nullable=True, index=True),
    sa.Column("made_at", UTCDateTime(), nullable=False),
)

# Balances of the accounts that moved on a day, guarded or not, with the earliest times of these moves:
# a question about an earlier time can pass the day over.
snapshot = sa.Table(
    "ledger_snapshot",
    Base.metadata,
    sa.Column("account_id", BigInt, primary_key=True, autoincrement=False),
    sa.Column("day", sa.Text, primary_key=True),
    sa.Column("posted", BigInt, nullable=False),
    sa.Column("effective_from", UTCDateTime(), nullable=False),
    sa.Column("recorded_from", UTCDateTime(), nullable=False),
    sa.Index("ix_ledger_snapshot_day", "day"),
)

# Sum of an unguarded account up to a transfer; what it shows is this plus the tail.
rollup = sa.Table(
    "ledger_rollup",
    Base.metadata,
    sa.Column("account_id", BigInt, primary_key=True, autoincrement=False),
    sa.Column("posted", BigInt, nullable=False),
    sa.Column("transfer_id", BigInt, nullable=False, index=True),
)

# Why an account, or every account of a lot of credits, stands still; never deleted, only lifted.
freeze = sa.Table(
    "ledger_freeze",
    Base.metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("account_id", BigInt, sa.ForeignKey("ledger_account.id"), nullable=True, index=True),
    sa.Column("lot", sa.Text, nullable=True, index=True),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("frozen_at", UTCDateTime(), nullable=False),
    sa.Column("frozen_by", sa.Text, nullable=False),
    sa.Column("lifted_at", UTCDateTime(), nullable=True, index=True),
    sa.Column("lifted_by", sa.Text, nullable=False, server_default=""),
    sa.Column("note", sa.Text, nullable=False, server_default=""),
    sa.CheckConstraint("(account_id IS NULL) <> (lot IS NULL)", name="account_or_lot"),
)

# Who closed an account, and when.
closure = sa.Table(
    "ledger_closure",
    Base.metadata,
    sa.Column(
        "account_id", BigInt, sa.ForeignKey("ledger_account.id"), primary_key=True, autoincrement=False
    ),
    sa.Column("closed_at", UTCDateTime(), nullable=False),
    sa.Column("closed_by", sa.Text, nullable=False),
)

# What a nightly reconciliation examined and found; ``checks`` is a list of objects, one per check.
reconciliation = sa.Table(
    "ledger_reconciliation",
    Base.metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("started_at", UTCDateTime(), nullable=False),
    sa.Column("ended_at", UTCDateTime(), nullable=False),
    sa.Column("ok", sa.Boolean, nullable=False),
    sa.Column("checks", sa.JSON, nullable=False),
)
