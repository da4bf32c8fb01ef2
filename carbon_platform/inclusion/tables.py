"""Tables of inclusion: bundles of creditable grams, the reward fund, small tickets, footprints, roll-ups.

They know an opaque holder, never a person. Grams, kilograms, fen and points are whole numbers.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from carbon_platform.db import Base, BigId


class Bundle(Base):
    """Creditable grams of one closed window of local days ``[starts_on, ends_on)``, by consent.

    Its acts share one methodology and one parameter set. ``input_digest``: SHA-256 over act numbers and
    grams in order; whoever adds them up again gets it. ``state``: closed (算好), applied (已申请),
    issued (已签发), dissolved (解散: its acts are free for another bundle).
    """

    __tablename__ = "bundle"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    code: Mapped[str] = mapped_column(unique=True)  # XY-B2026-000001
    starts_on: Mapped[date] = mapped_column(sa.Date)
    ends_on: Mapped[date] = mapped_column(sa.Date)
    methodology: Mapped[str]
    parameter_digest: Mapped[str]
    code_digest: Mapped[str]
    input_digest: Mapped[str]
    acts: Mapped[int]
    holders: Mapped[int]
    creditable_g: Mapped[int]
    reduction_g: Mapped[int]  # points grade of the same acts: shown beside, never added
    state: Mapped[str]
    run_code: Mapped[str]
    batch_code: Mapped[str]
    closed_by: Mapped[str]
    closed_by_id: Mapped[int]
    closed_at: Mapped[datetime]
    note: Mapped[str]

    __table_args__ = (
        sa.CheckConstraint("state IN ('closed', 'applied', 'issued', 'dissolved')", name="state"),
        sa.CheckConstraint("ends_on > starts_on", name="period"),
        sa.CheckConstraint("acts > 0 AND holders > 0 AND creditable_g > 0", name="not_empty"),
        sa.CheckConstraint("creditable_g <= reduction_g", name="creditable_within"),
        sa.CheckConstraint("(state = 'issued') = (batch_code <> '')", name="issued_as_batch"),
    )


class BundleAct(Base):
    """One act in one bundle. The act is the key: no second bundle can hold it."""

    __tablename__ = "bundle_act"

    act_id: Mapped[int] = mapped_column(sa.ForeignKey("act.id"), primary_key=True, autoincrement=False)
    bundle_id: Mapped[int] = mapped_column(sa.ForeignKey("bundle.id"), index=True)
    creditable_g: Mapped[int]

    __table_args__ = (sa.CheckConstraint("creditable_g > 0", name="positive"),)


class BundleHolder(Base):
    """What one person put into a bundle: what a citizen reads without walking through the acts."""

    __tablename__ = "bundle_holder"

    bundle_id: Mapped[int] = mapped_column(sa.ForeignKey("bundle.id"), primary_key=True)
    holder: Mapped[str] = mapped_column(primary_key=True)
    acts: Mapped[int]
    creditable_g: Mapped[int]
    reduction_g: Mapped[int]

    __table_args__ = (
        sa.CheckConstraint("acts > 0 AND creditable_g > 0", name="positive"),
        sa.CheckConstraint("creditable_g <= reduction_g", name="creditable_within"),
        sa.Index("ix_bundle_holder_holder", "holder"),
    )


class Sponsorship(Base):
    """Money promised to the reward fund, and its receipt once a bank has confirmed it.

    ``sponsor_code`` names the sponsor's part of the fund, from which merchants' budgets are set aside.
    """

    __tablename__ = "sponsorship"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    sponsor_code: Mapped[str] = mapped_column(index=True)
    sponsor: Mapped[str]
    organisation_id: Mapped[int | None] = mapped_column(sa.ForeignKey("organisation.id"), index=True)
    amount_fen: Mapped[int]
    document: Mapped[str]
    state: Mapped[str]  # promised, received, cancelled
    promised_by: Mapped[str]
    promised_by_id: Mapped[int]
    promised_at: Mapped[datetime]
    bank_reference: Mapped[str | None] = mapped_column(unique=True)
    received_by: Mapped[str]
    received_by_id: Mapped[int | None]
    received_at: Mapped[datetime | None]
    entry_id: Mapped[int | None]

    __table_args__ = (
        sa.CheckConstraint("amount_fen > 0", name="positive"),
        sa.CheckConstraint("state IN ('promised', 'received', 'cancelled')", name="state"),
        sa.CheckConstraint("(state = 'received') = (entry_id IS NOT NULL)", name="received"),
        sa.CheckConstraint("received_by_id <> promised_by_id", name="two_people"),
    )


class PoolSale(Base):
    """The receipt of a first sale of bundled tickets, brought into the reward fund once."""

    __tablename__ = "pool_sale"

    trade_code: Mapped[str] = mapped_column(primary_key=True)
    batch_code: Mapped[str] = mapped_column(index=True)
    quantity_kg: Mapped[int]
    gross_fen: Mapped[int]
    fee_fen: Mapped[int]
    vat_fen: Mapped[int]
    fund_fen: Mapped[int]
    entry_id: Mapped[int]
    moved_by: Mapped[str]
    moved_at: Mapped[datetime]

    __table_args__ = (
        sa.CheckConstraint("gross_fen = fee_fen + vat_fen + fund_fen", name="receipt_complete"),
        sa.CheckConstraint("fund_fen > 0", name="positive"),
    )


class OffsetLot(Base):
    """Whole tonnes bought on the market for citizens, handed on by the kilogram at what they cost.

    ``left_kg``: neither ordered nor retired yet; only guarded updates change it.
    """

    __tablename__ = "offset_lot"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    trade_code: Mapped[str] = mapped_column(unique=True)
    batch_code: Mapped[str] = mapped_column(index=True)
    quantity_kg: Mapped[int]
    left_kg: Mapped[int]
    price_fen_per_t: Mapped[int]
    bought_by: Mapped[str]
    bought_at: Mapped[datetime]

    __table_args__ = (
        sa.CheckConstraint("quantity_kg > 0 AND price_fen_per_t > 0", name="positive"),
        sa.CheckConstraint("left_kg >= 0 AND left_kg <= quantity_kg", name="left_within"),
    )


class OffsetOrder(Base):
    """A citizen's order of small tickets: kilograms to be retired for her own footprint.

    ``code`` is not guessable: whoever has it may read the certificate. ``ranges``: the very numbers
    retired for it, ``[[first, last], …]`` of the lot's batch.
    """

    __tablename__ = "offset_order"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    code: Mapped[str] = mapped_column(unique=True)
    holder: Mapped[str]
    order_key: Mapped[str]
    lot_id: Mapped[int] = mapped_column(sa.ForeignKey("offset_lot.id"), index=True)
    quantity_kg: Mapped[int]
    amount_fen: Mapped[int]
    beneficiary: Mapped[str]
    year: Mapped[int]
    state: Mapped[str]
    payment_mode: Mapped[str]
    payment_reference: Mapped[str]
    entry_id: Mapped[int | None]
    ordered_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    paid_at: Mapped[datetime | None]
    certificate_number: Mapped[str]
    ranges: Mapped[list[Any]]
    retired_at: Mapped[datetime | None]
    refund_reference: Mapped[str]
    refunded_by: Mapped[str]
    refunded_at: Mapped[datetime | None]

    __table_args__ = (
        sa.UniqueConstraint("holder", "order_key"),
        sa.CheckConstraint("quantity_kg > 0 AND amount_fen > 0", name="positive"),
        sa.CheckConstraint(
            "state IN ('awaiting', 'paid', 'retired', 'expired', 'refund_due', 'refunded')", name="state"
        ),
        sa.CheckConstraint("(state = 'retired') = (certificate_number <> '')", name="retired"),
        sa.CheckConstraint(
            "state IN ('awaiting', 'expired') OR entry_id IS NOT NULL", name="paid_before_anything_else"
        ),
        sa.Index("ix_offset_order_state_expires_at", "state", "expires_at"),
        sa.Index("ix_offset_order_holder", "holder"),
    )


class Footprint(Base):
    """A person's own estimate of a year's emissions: what was typed in, and what the equations made of it."""

    __tablename__ = "footprint"

    holder: Mapped[str] = mapped_column(primary_key=True)
    year: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    factor_set: Mapped[str]
    persons: Mapped[int]
    quantities: Mapped[dict[str, Any]]
    total_g: Mapped[int]
    low_g: Mapped[int]
    high_g: Mapped[int]
    made_at: Mapped[datetime]

    __table_args__ = (
        sa.CheckConstraint("persons > 0", name="persons"),
        sa.CheckConstraint("low_g >= 0 AND low_g <= total_g AND total_g <= high_g", name="range"),
    )


class ActRollup(Base):
    """Sums over the acts of one month, source, behaviour and county, so that a board never walks over acts.

    What was counted stays; what was withdrawn later is kept beside it and subtracted by the reader.
    """

    __tablename__ = "act_rollup"

    month: Mapped[str] = mapped_column(primary_key=True)  # 2026-11
    source: Mapped[str] = mapped_column(primary_key=True)
    behaviour: Mapped[str] = mapped_column(primary_key=True)
    region_code: Mapped[str] = mapped_column(primary_key=True)
    acts: Mapped[int] = mapped_column(server_default="0")
    not_counted: Mapped[int] = mapped_column(server_default="0")
    reduction_g: Mapped[int] = mapped_column(server_default="0")
    creditable_g: Mapped[int] = mapped_column(server_default="0")
    points: Mapped[int] = mapped_column(server_default="0")
    withdrawn_acts: Mapped[int] = mapped_column(server_default="0")
    withdrawn_not_counted: Mapped[int] = mapped_column(server_default="0")
    withdrawn_reduction_g: Mapped[int] = mapped_column(server_default="0")
    withdrawn_creditable_g: Mapped[int] = mapped_column(server_default="0")
    withdrawn_points: Mapped[int] = mapped_column(server_default="0")


class ActDay(Base):
    """The same per local day, for the line of the last weeks."""

    __tablename__ = "act_day"

    day: Mapped[str] = mapped_column(primary_key=True)
    acts: Mapped[int] = mapped_column(server_default="0")
    reduction_g: Mapped[int] = mapped_column(server_default="0")
    creditable_g: Mapped[int] = mapped_column(server_default="0")
    points: Mapped[int] = mapped_column(server_default="0")


class RollupMark(Base):
    """How far the sums reach: acts up to ``act_id``, withdrawals before ``withdrawn_before``.

    ``next_act_id`` was the newest act at ``as_of``; the next run goes that far. Numbers are given out
    before transactions end, so nothing is summed that is not some minutes old.
    """

    __tablename__ = "act_rollup_mark"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    act_id: Mapped[int]
    next_act_id: Mapped[int]
    withdrawn_before: Mapped[datetime]
    as_of: Mapped[datetime]
