"""Tables of the ledger. Only :mod:`carbon_platform.ledger` imports them.

Journal (append-only, see ``append_only``): ``entry``, ``transfer``, ``movement``, ``hold_use``. It
carries no foreign keys: posting resolves every account itself, and ``verify`` proves it.
State derived from the journal: ``balance``, ``holding``, ``lot``, and the figures of ``hold``.
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
    sa.UniqueConstraint("holder", "role", "asset", "lot"),
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
