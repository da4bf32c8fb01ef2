"""Tables of revenue: schemes, and what was shared out under which of them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from carbon_platform.db import Base, BigId


class DistributionScheme(Base):
    """A county's split of the base, one row per version; never changed, only followed by the next."""

    __tablename__ = "distribution_scheme"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    county_code: Mapped[str] = mapped_column(sa.ForeignKey("region.code"))
    version: Mapped[int]
    valid_from: Mapped[date] = mapped_column(sa.Date)
    shares: Mapped[dict[str, Any]]  # basis points per level
    source: Mapped[str]
    status: Mapped[str]  # evidence status, local-decision for an adopted scheme
    exception_reason: Mapped[str]
    exception_approver: Mapped[str]
    created_by: Mapped[str]
    created_at: Mapped[datetime]

    __table_args__ = (sa.UniqueConstraint("county_code", "version"),)


class Payee(Base):
    """A right holder of one village, and the opaque holder that the ledger knows instead of the name."""

    __tablename__ = "payee"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    region_code: Mapped[str]  # village
    name: Mapped[str]
    holder: Mapped[str] = mapped_column(unique=True)

    __table_args__ = (sa.UniqueConstraint("region_code", "name"),)


class Distribution(Base):
    """One receipt shared out, once. ``scheme`` and ``charges`` are copies of what applied."""

    __tablename__ = "distribution"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    code: Mapped[str] = mapped_column(unique=True)  # XY-D000001
    trade_id: Mapped[int] = mapped_column(sa.ForeignKey("trade.id"), unique=True)
    county_code: Mapped[str] = mapped_column(index=True)
    gross_fen: Mapped[int]
    fee_fen: Mapped[int]
    vat_fen: Mapped[int]
    base_fen: Mapped[int]
    company_fen: Mapped[int]
    below_fen: Mapped[int]  # county level and below
    levels: Mapped[dict[str, Any]]  # fen per level
    meets_floor: Mapped[bool]
    scheme: Mapped[dict[str, Any]]
    charges: Mapped[dict[str, Any]]
    entry_reference: Mapped[str] = mapped_column(unique=True)
    distributed_by: Mapped[str]
    distributed_at: Mapped[datetime]

    __table_args__ = (
        sa.CheckConstraint("gross_fen = fee_fen + vat_fen + base_fen", name="receipt_complete"),
        sa.CheckConstraint("base_fen = company_fen + below_fen", name="base_complete"),
    )


class DistributionLine(Base):
    """What one payee gets of a distribution."""

    __tablename__ = "distribution_line"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    distribution_id: Mapped[int] = mapped_column(sa.ForeignKey("distribution.id"), index=True)
    level: Mapped[str]
    payee_holder: Mapped[str]
    payee_name: Mapped[str]
    village_code: Mapped[str]  # the payee's unit: village, township or county
    kg: Mapped[int]
    amount_fen: Mapped[int]

    __table_args__ = (sa.UniqueConstraint("distribution_id", "level", "payee_holder"),)
