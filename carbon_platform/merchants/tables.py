"""Tables of merchants: who they are, what their shops verified, and what they are paid."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from carbon_platform.db import Base, BigId


class Merchant(Base):
    """Who honours points. ``kind``: culture, tourism, commerce, public, store (碳普惠便利店), donation.

    ``sponsor_code`` pays; ``month_budget_fen`` is set aside for each month as it comes near.
    ``scene_code``: the act source through which a convenience store reports low-carbon purchases.
    """

    __tablename__ = "merchant"

    code: Mapped[str] = mapped_column(primary_key=True)
    organisation_id: Mapped[int] = mapped_column(sa.ForeignKey("organisation.id"), unique=True)
    holder: Mapped[str] = mapped_column(unique=True)
    name_zh: Mapped[str]
    name_en: Mapped[str]
    kind: Mapped[str]
    region_code: Mapped[str]
    address_zh: Mapped[str]
    sponsor_code: Mapped[str]
    month_budget_fen: Mapped[int]
    offline_hours: Mapped[int]
    scene_code: Mapped[str] = mapped_column(server_default="")
    state: Mapped[str]
    status: Mapped[str]
    source: Mapped[str]
    opened_at: Mapped[datetime]

    __table_args__ = (
        sa.CheckConstraint(
            "kind IN ('culture', 'tourism', 'commerce', 'public', 'store', 'donation')", name="kind"
        ),
        sa.CheckConstraint("state IN ('active', 'suspended', 'closed')", name="state"),
        sa.CheckConstraint("month_budget_fen >= 0", name="budget_not_negative"),
        sa.CheckConstraint("offline_hours >= 0 AND offline_hours <= 168", name="offline_hours"),
    )


class ShopVerification(Base):
    """One attempt of a shop to use a code, accepted or refused. Never changed.

    The code itself is not kept, only its hash: who reads this table can use nothing. ``used_at`` is what
    the shop's clock said, ``received_at`` ours. The same attempt delivered again is the same row, unless
    it now ends otherwise (a clock that ran ahead).
    """

    __tablename__ = "shop_verification"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    merchant_code: Mapped[str] = mapped_column(sa.ForeignKey("merchant.code"))
    device: Mapped[str]
    code_hash: Mapped[str]
    used_at: Mapped[datetime]
    received_at: Mapped[datetime]
    offline: Mapped[bool]
    user_id: Mapped[int]
    redemption_id: Mapped[int | None] = mapped_column(sa.ForeignKey("redemption.id"), index=True)
    outcome: Mapped[str]
    reason_code: Mapped[str]
    reason_zh: Mapped[str]
    reason_en: Mapped[str]

    __table_args__ = (
        sa.UniqueConstraint(
            "merchant_code",
            "device",
            "code_hash",
            "used_at",
            "reason_code",
            name="uq_shop_verification_attempt",
        ),
        sa.CheckConstraint("outcome IN ('accepted', 'refused')", name="outcome"),
        # Whatever happens at the same time: one code, one use that counts.
        sa.Index(
            "uq_shop_verification_accepted",
            "redemption_id",
            unique=True,
            sqlite_where=sa.text("outcome = 'accepted'"),
            postgresql_where=sa.text("outcome = 'accepted'"),
        ),
        sa.Index("ix_shop_verification_merchant_code_received_at", "merchant_code", "received_at"),
    )


class MerchantStatement(Base):
    """What a merchant is paid for one month: prepared by one person, approved by another."""

    __tablename__ = "merchant_statement"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    code: Mapped[str] = mapped_column(unique=True)
    merchant_code: Mapped[str] = mapped_column(sa.ForeignKey("merchant.code"), index=True)
    month: Mapped[str]
    lines: Mapped[int]
    points: Mapped[int]
    amount_fen: Mapped[int]
    state: Mapped[str]
    prepared_by: Mapped[str]
    prepared_by_id: Mapped[int]
    prepared_at: Mapped[datetime]
    decided_by: Mapped[str] = mapped_column(server_default="")
    decided_by_id: Mapped[int | None]
    decided_at: Mapped[datetime | None]
    note: Mapped[str] = mapped_column(server_default="")
    entry_id: Mapped[int | None]
    paid_at: Mapped[datetime | None]
    paid_by: Mapped[str] = mapped_column(server_default="")
    bank_reference: Mapped[str] = mapped_column(server_default="")
    payment_entry_id: Mapped[int | None]
    by_budget: Mapped[dict[str, Any]]

    __table_args__ = (
        sa.CheckConstraint("state IN ('draft', 'declined', 'approved', 'paid')", name="state"),
        sa.CheckConstraint("amount_fen > 0 AND lines > 0 AND points >= 0", name="not_empty"),
        sa.CheckConstraint("decided_by_id IS NULL OR decided_by_id <> prepared_by_id", name="two_people"),
    )
