"""Tables of citizens. They know an opaque holder, never a person: forgetting a person leaves them whole."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from carbon_platform.db import Base, BigId


class Act(Base):
    """One low-carbon act as reported, and what became of it. What was said and ruled never changes.

    Two things happen later and are noted here: its points become active or expire (``points_state``,
    ``activation_entry_id``), and its source takes it back (``withdrawn_at``, with the entry and a note
    that the person reads).
    ``points_lot`` is the last day its points can be spent; empty for acts from before lots were dated.

    ``claim_by``: until when the person has to fetch the points once they left observation; None: they
    become active by themselves. ``bonus_points`` of ``points`` came from the budget of ``campaign``.

    ``record_key`` makes (source, record) unique: a partner's record number is its own, a self-report's
    number belongs to its holder. Quantities are thousandths of the behaviour's unit (metres of a km,
    1,000 per ride). ``day`` is the local calendar day, ISO. ``claimed_g`` is the points grade before
    caps, ``reduction_g`` after; ``creditable_g`` the conservative grade, the only one that could ever
    enter an issuance. Distance and hours are kept, places and tracks never.

    ``circumstances``: the methodology's further columns. Until ``active_from`` the act is provisional: its
    source may take it back, and a better proven record of the same act takes its place. ``counted_as_id``:
    the act that counts instead of this one.
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

    circumstances: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    counted_as_id: Mapped[int | None]

    claim_by: Mapped[datetime | None]
    bonus_points: Mapped[int] = mapped_column(server_default="0")
    campaign: Mapped[str] = mapped_column(server_default="")

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
        # What was taken back, for whoever keeps sums.
        sa.Index(
            "ix_act_withdrawn_at",
            "withdrawn_at",
            sqlite_where=sa.text("withdrawn_at IS NOT NULL"),
            postgresql_where=sa.text("withdrawn_at IS NOT NULL"),
        ),
        # Only what still waits: the activation job never walks through the past.
        sa.Index(
            "ix_act_pending_active_from",
            "active_from",
            "id",
            sqlite_where=sa.text("points_state = 'pending'"),
            postgresql_where=sa.text("points_state = 'pending'"),
        ),
        # What waits for its person to fetch it: by person for the page, by time for the job.
        sa.Index(
            "ix_act_to_claim",
            "holder",
            "claim_by",
            sqlite_where=sa.text("claim_by IS NOT NULL AND points_state = 'pending'"),
            postgresql_where=sa.text("claim_by IS NOT NULL AND points_state = 'pending'"),
        ),
        sa.Index(
            "ix_act_claim_by",
            "claim_by",
            "id",
            sqlite_where=sa.text("claim_by IS NOT NULL AND points_state = 'pending'"),
            postgresql_where=sa.text("claim_by IS NOT NULL AND points_state = 'pending'"),
        ),
    )


class Reward(Base):
    """Something points can be exchanged for. ``stock`` is what is left; only guarded updates change it.

    ``person_month_limit``: how many one person may get in a calendar month; None: as many as there are.
    ``kind``: culture, tourism, commerce, public, store, donation. ``value_fen`` is what the sponsor pays
    the merchant for one, ``topup_fen`` what the citizen adds in the shop. ``season_from``/``season_to``:
    ISO days, both included. ``hours``: when a shop takes it, [{"days": [1..7], "from": "09:00", "to":
    "17:30"}], empty: always. ``code_days``: how long a voucher is good. ``offline_hours``: how long a
    shop may work from its last list.
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

    kind: Mapped[str] = mapped_column(server_default="commerce")
    merchant_code: Mapped[str] = mapped_column(server_default="", index=True)
    topup_fen: Mapped[int] = mapped_column(server_default="0")
    season_from: Mapped[str | None]
    season_to: Mapped[str | None]
    hours: Mapped[list[Any]] = mapped_column(server_default="[]")
    code_days: Mapped[int] = mapped_column(server_default="30")
    offline_hours: Mapped[int] = mapped_column(server_default="0")

    __table_args__ = (
        sa.CheckConstraint("stock >= 0", name="stock_not_negative"),
        sa.CheckConstraint("price_points > 0", name="price_positive"),
    )


class RewardBudget(Base):
    """What a merchant's vouchers of one month (``2026-11``, Xinyang) may cost the sponsor, in fen.

    ``limit_fen`` is money already set aside; ``committed_fen`` the value of vouchers handed out and not
    taken back. Only guarded updates change it.
    """

    __tablename__ = "reward_budget"

    merchant_code: Mapped[str] = mapped_column(primary_key=True)
    month: Mapped[str] = mapped_column(primary_key=True)
    sponsor_code: Mapped[str]
    limit_fen: Mapped[int]
    committed_fen: Mapped[int]
    closed_at: Mapped[datetime | None]

    __table_args__ = (
        sa.CheckConstraint("committed_fen >= 0 AND committed_fen <= limit_fen", name="within_limit"),
    )


class Redemption(Base):
    """One voucher a citizen got for points; price and name as they were at that moment.

    ``value_fen`` is what the merchant is paid for it, out of the budget of ``budget_month``;
    ``topup_fen`` what the citizen adds in the shop. ``ready`` → ``used`` by a shop, or → ``refunding``
    (asked for, while a shop without network may still hand in a use of before) → ``refunded``.
    ``settled_in`` is the number of the merchant's statement. A donation is used at once.
    """

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

    kind: Mapped[str] = mapped_column(server_default="commerce")
    merchant_code: Mapped[str] = mapped_column(server_default="")
    value_fen: Mapped[int] = mapped_column(server_default="0")
    topup_fen: Mapped[int] = mapped_column(server_default="0")
    budget_month: Mapped[str] = mapped_column(server_default="")
    offline_hours: Mapped[int] = mapped_column(server_default="0")
    expires_at: Mapped[datetime | None]
    used_at: Mapped[datetime | None]
    use_recorded_at: Mapped[datetime | None]
    refund_requested_at: Mapped[datetime | None]
    refund_due_at: Mapped[datetime | None]
    settled_in: Mapped[str] = mapped_column(server_default="")

    __table_args__ = (
        sa.CheckConstraint("status IN ('ready', 'used', 'refunding', 'refunded')", name="status"),
        sa.CheckConstraint("(status = 'used') = (used_at IS NOT NULL)", name="used_at"),
        sa.CheckConstraint("settled_in = '' OR status = 'used'", name="settled_when_used"),
        sa.Index("ix_redemption_merchant_code_status", "merchant_code", "status", "settled_in"),
        sa.Index("ix_redemption_merchant_code_recorded", "merchant_code", "use_recorded_at"),
        # Only what still runs out or waits: the job never walks through the past.
        sa.Index(
            "ix_redemption_open_expires_at",
            "expires_at",
            "id",
            sqlite_where=sa.text("status = 'ready'"),
            postgresql_where=sa.text("status = 'ready'"),
        ),
        sa.Index(
            "ix_redemption_refunding_due_at",
            "refund_due_at",
            "id",
            sqlite_where=sa.text("status = 'refunding'"),
            postgresql_where=sa.text("status = 'refunding'"),
        ),
    )


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
