"""Tables of data partners: keys, nonces, pushes, daily reconciliations, accounts taken over."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from carbon_platform.db import Base, BigId


class PartnerKey(Base):
    """A shared secret with which a scene's operator signs. The secret is sealed and shown once.

    ``ends_at``: from then on it signs nothing any more; set when a newer key takes its place.
    """

    __tablename__ = "partner_key"

    key_id: Mapped[str] = mapped_column(primary_key=True)
    scene_code: Mapped[str] = mapped_column(sa.ForeignKey("scene.code"), index=True)
    secret_sealed: Mapped[str]
    made_by: Mapped[str]
    made_at: Mapped[datetime]
    ends_at: Mapped[datetime | None]


class PartnerNonce(Base):
    """A nonce that was used within the window in which its request is believed."""

    __tablename__ = "partner_nonce"

    key_id: Mapped[str] = mapped_column(primary_key=True)
    nonce: Mapped[str] = mapped_column(primary_key=True)
    used_at: Mapped[datetime] = mapped_column(index=True)


class PartnerPush(Base):
    """One signed request with rows, and what became of them. Holds no personal data; kept for years.

    ``content_sha256`` is of the body as it came. ``reasons`` counts refused and contradictory rows by code.
    ``late_max_s`` is the longest time between an act and its arrival in this push. ``days``: what it added,
    ISO day → behaviour → [records, quantity in thousandths]; that is what daily files are compared with.
    """

    __tablename__ = "partner_push"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    scene_code: Mapped[str] = mapped_column(sa.ForeignKey("scene.code"))
    key_id: Mapped[str]
    kind: Mapped[str]
    content_sha256: Mapped[str]
    rows: Mapped[int]
    received: Mapped[int]
    duplicates: Mapped[int]
    conflicts: Mapped[int]
    refused: Mapped[int]
    late_max_s: Mapped[int]
    reasons: Mapped[dict[str, Any]]
    days: Mapped[dict[str, Any]]
    received_at: Mapped[datetime]

    __table_args__ = (
        sa.CheckConstraint("kind IN ('act', 'reversal')", name="kind"),
        sa.CheckConstraint("rows = received + duplicates + conflicts + refused", name="every_row_counted"),
        sa.Index("ix_partner_push_scene_code_received_at", "scene_code", "received_at"),
    )


class PartnerReconciliation(Base):
    """A partner's totals of one day beside ours. The newest of a day stands; older ones stay readable.

    ``theirs`` and ``ours``: per behaviour {records, quantity_milli}; ``differences``: findings, each with
    zh and en.
    """

    __tablename__ = "partner_reconciliation"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    scene_code: Mapped[str] = mapped_column(sa.ForeignKey("scene.code"))
    day: Mapped[str]
    theirs: Mapped[dict[str, Any]]
    ours: Mapped[dict[str, Any]]
    differences: Mapped[list[Any]]
    outcome: Mapped[str]
    content_sha256: Mapped[str]
    submitted_at: Mapped[datetime]

    __table_args__ = (
        sa.CheckConstraint("outcome IN ('agreed', 'differs')", name="outcome"),
        sa.Index("ix_partner_reconciliation_scene_code_day", "scene_code", "day", "id"),
    )


class TakenAccount(Base):
    """An account of another platform that goes on here, with the balances it brought along.

    The other platform's number and the row as it came are kept as blind indexes only: enough to know them
    again (the same row changes nothing, another one is named), too little to name a person.
    """

    __tablename__ = "taken_account"

    platform: Mapped[str] = mapped_column(primary_key=True)
    external_index: Mapped[str] = mapped_column(primary_key=True)
    holder: Mapped[str] = mapped_column(index=True)
    points: Mapped[int]
    grams: Mapped[int]
    row_index: Mapped[str]
    entry_id: Mapped[int | None]
    taken_at: Mapped[datetime]

    __table_args__ = (sa.CheckConstraint("points >= 0 AND grams >= 0", name="not_negative"),)


class TakenRecord(Base):
    """A line of the other platform's history: shown as it was, never computed again, never creditable."""

    __tablename__ = "taken_record"

    platform: Mapped[str] = mapped_column(primary_key=True)
    record_id: Mapped[str] = mapped_column(primary_key=True)
    holder: Mapped[str] = mapped_column(index=True)
    day: Mapped[str]
    behaviour: Mapped[str]
    grams: Mapped[int]
    points: Mapped[int]
    content_sha256: Mapped[str]


class Takeover(Base):
    """One run of the take-over: which files, by whom, what it did, what it found wrong."""

    __tablename__ = "takeover"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    platform: Mapped[str]
    files: Mapped[dict[str, Any]]
    report: Mapped[dict[str, Any]]
    by: Mapped[str]
    at: Mapped[datetime]
