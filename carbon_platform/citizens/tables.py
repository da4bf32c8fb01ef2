"""Tables of citizens. They know an opaque holder, never a person: forgetting a person leaves them whole."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from carbon_platform.db import Base, BigId


class Act(Base):
    """One low-carbon act as reported, and what became of it. What was said and ruled never changes.

    Two things happen later and are noted here: its points become active or expire (``points_state``,
    ``activation_entry_id``), and its source takes it back (``withdrawn_at``, with the entry and a note
    that the person reads).
    ``points_lot`` is the last day its points can be spent; empty for acts from before lots were dated.

    ``record_key`` makes (source, record) unique: a partner's record number is its own, a self-report's
    number belongs to its holder. Quantities are thousandths of the behaviour's unit (metres of a km,
    1,000 per ride). ``day`` is the local calendar day, ISO. ``claimed_g`` is the points grade before
    caps, ``reduction_g`` after; ``creditable_g`` the conservative grade, the only one that could ever
    enter an issuance. Distance and hours are kept, places and tracks never.
    """

    __tablename__ = "act"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    holder: Mapped[str]
    region_code: Mapped[str]
    source: Mapped[str]
    external_id: Mapped[str]
    record_key: Mapped[str]
    content_digest: Mapped[str]

    behaviour: Mapped[str]
    travel: Mapped[bool]
    occurred_at: Mapped[datetime]
    ended_at: Mapped[datetime]
    day: Mapped[str]
    distance_m: Mapped[int | None]
    claimed_milli: Mapped[int]
    counted_milli: Mapped[int]

    status: Mapped[str]
    reason_code: Mapped[str]
    reason_zh: Mapped[str]
    reason_en: Mapped[str]
    claimed_g: Mapped[int]
    reduction_g: Mapped[int]
    creditable_g: Mapped[int]
    points: Mapped[int]
    formula_zh: Mapped[str]
    formula_en: Mapped[str]

    methodology: Mapped[str]
    assessed_milli: Mapped[int]
    evidence_percent: Mapped[int]
    parameter_digest: Mapped[str]
    input_digest: Mapped[str]
    code_digest: Mapped[str]
    points_rule: Mapped[str]

    entry_id: Mapped[int | None]
    reported_at: Mapped[datetime] = mapped_column(index=True)

    points_lot: Mapped[str] = mapped_column(server_default="")
    points_state: Mapped[str] = mapped_column(server_default="")
    active_from: Mapped[datetime | None]
    activation_entry_id: Mapped[int | None]
    withdrawn_at: Mapped[datetime | None]
    withdrawal_entry_id: Mapped[int | None]
    withdrawal_note: Mapped[str] = mapped_column(server_default="")

    __table_args__ = (
        sa.UniqueConstraint("source", "record_key"),
        sa.CheckConstraint("claimed_milli > 0 AND counted_milli >= 0", name="quantities_not_negative"),
        sa.CheckConstraint("counted_milli <= claimed_milli", name="counted_within_claim"),
        sa.CheckConstraint("reduction_g >= 0 AND reduction_g <= claimed_g", name="grams_within_claim"),
        sa.CheckConstraint("creditable_g >= 0 AND creditable_g <= reduction_g", name="creditable_within"),
        sa.CheckConstraint("points >= 0", name="points_not_negative"),
        sa.CheckConstraint("status IN ('counted', 'partly', 'not_counted')", name="status"),
        sa.CheckConstraint("ended_at >= occurred_at", name="ends_after_start"),
        sa.CheckConstraint(
            "points_state IN ('', 'pending', 'active', 'expired', 'withdrawn')", name="points_state"
        ),
        sa.Index("ix_act_holder_day", "holder", "day"),
        sa.Index("ix_act_holder_occurred_at", "holder", "occurred_at"),
        # Only what still waits: the activation job never walks through the past.
        sa.Index(
            "ix_act_pending_active_from",
            "active_from",
            "id",
            sqlite_where=sa.text("points_state = 'pending'"),
            postgresql_where=sa.text("points_state = 'pending'"),
        ),
    )


class Reward(Base):
    """Something points can be exchanged for. ``stock`` is what is left; only guarded updates change it.

    ``person_month_limit``: how many one person may get in a calendar month; None: as many as there are.
    """

    __tablename__ = "reward"

    code: Mapped[str] = mapped_column(primary_key=True)
    name_zh: Mapped[str]
    name_en: Mapped[str]
    provider_zh: Mapped[str]
    price_points: Mapped[int]
    value_fen: Mapped[int]
    stock: Mapped[int]
    active: Mapped[bool]
    status: Mapped[str]
    source: Mapped[str]
    person_month_limit: Mapped[int | None]

    __table_args__ = (
        sa.CheckConstraint("stock >= 0", name="stock_not_negative"),
        sa.CheckConstraint("price_points > 0", name="price_positive"),
    )


class Redemption(Base):
    """One voucher a citizen got for points; price and name as they were at that moment."""

    __tablename__ = "redemption"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    holder: Mapped[str] = mapped_column(index=True)
    reward_code: Mapped[str] = mapped_column(sa.ForeignKey("reward.code"), index=True)
    name_zh: Mapped[str]
    name_en: Mapped[str]
    price_points: Mapped[int]
    voucher_code: Mapped[str] = mapped_column(unique=True)
    status: Mapped[str]
    entry_id: Mapped[int]
    redeemed_at: Mapped[datetime]

    refunded_at: Mapped[datetime | None]
    refund_entry_id: Mapped[int | None]

    __table_args__ = (sa.CheckConstraint("status IN ('ready', 'refunded')", name="status"),)


class RedemptionRefusal(Base):
    """An exchange that was asked for and refused: nothing was taken, and the person can read why.

    ``order_key`` is the caller's key of the order: the same order refused again is the same refusal.
    """

    __tablename__ = "redemption_refusal"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    holder: Mapped[str]
    order_key: Mapped[str]
    reward_code: Mapped[str] = mapped_column(sa.ForeignKey("reward.code"), index=True)
    name_zh: Mapped[str]
    name_en: Mapped[str]
    price_points: Mapped[int]
    points: Mapped[int]
    reason_code: Mapped[str]
    reason_zh: Mapped[str]
    reason_en: Mapped[str]
    refused_at: Mapped[datetime]

    __table_args__ = (
        sa.UniqueConstraint("holder", "order_key", "reason_code"),
        sa.CheckConstraint("points = 0", name="nothing_taken"),
    )


class PointsCorrection(Base):
    """A wish to take an act or a redemption back, and who decided on it: never the one who asked."""

    __tablename__ = "points_correction"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    kind: Mapped[str]
    number: Mapped[int]
    note: Mapped[str]
    status: Mapped[str]
    proposed_by: Mapped[str]
    proposed_by_id: Mapped[int]
    proposed_at: Mapped[datetime]
    decided_by: Mapped[str] = mapped_column(server_default="")
    decided_by_id: Mapped[int | None]
    decided_at: Mapped[datetime | None]

    __table_args__ = (
        sa.CheckConstraint("kind IN ('withdraw_act', 'refund')", name="kind"),
        sa.CheckConstraint("status IN ('proposed', 'done', 'declined')", name="status"),
        sa.CheckConstraint("decided_by_id <> proposed_by_id", name="two_people"),
        sa.Index("ix_points_correction_kind_number", "kind", "number"),
    )
