"""Tables of citizens. They know an opaque holder, never a person: forgetting a person leaves them whole."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from carbon_platform.db import Base, BigId


class Act(Base):
    """One low-carbon act as reported, and what became of it. Never changed after it is written.

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

    __table_args__ = (
        sa.UniqueConstraint("source", "record_key"),
        sa.CheckConstraint("claimed_milli > 0 AND counted_milli >= 0", name="quantities_not_negative"),
        sa.CheckConstraint("counted_milli <= claimed_milli", name="counted_within_claim"),
        sa.CheckConstraint("reduction_g >= 0 AND reduction_g <= claimed_g", name="grams_within_claim"),
        sa.CheckConstraint("creditable_g >= 0 AND creditable_g <= reduction_g", name="creditable_within"),
        sa.CheckConstraint("points >= 0", name="points_not_negative"),
        sa.CheckConstraint("status IN ('counted', 'partly', 'not_counted')", name="status"),
        sa.CheckConstraint("ended_at >= occurred_at", name="ends_after_start"),
        sa.Index("ix_act_holder_day", "holder", "day"),
        sa.Index("ix_act_holder_occurred_at", "holder", "occurred_at"),
    )


class Reward(Base):
    """Something points can be exchanged for. ``stock`` is what is left; only guarded updates change it."""

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

    __table_args__ = (sa.CheckConstraint("status IN ('ready')", name="status"),)
