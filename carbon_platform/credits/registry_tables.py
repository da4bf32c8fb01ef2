"""Tables of what else can become of kilograms: pledge, cancellation, invalidation and its make-good.

Quantities are kilograms CO2e. Which numbers moved is the ledger's; only numbers somebody named are kept.
"""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from carbon_platform.db import Base, BigId


class Pledge(Base):
    """Kilograms of one batch set aside as security for a bank (质押).

    They lie on a ledger account of their own (role ``pledged``, holder ``pledge:<number>``); what is left of
    them is that account's balance, so it is not stored a second time.
    """

    __tablename__ = "pledge"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    number: Mapped[str] = mapped_column(unique=True)  # XY-Z2026-000001
    pledger_id: Mapped[int] = mapped_column(sa.ForeignKey("organisation.id"), index=True)
    pledgee_id: Mapped[int] = mapped_column(sa.ForeignKey("organisation.id"), index=True)
    batch_id: Mapped[int] = mapped_column(sa.ForeignKey("credit_batch.id"), index=True)
    quantity_kg: Mapped[int]
    contract_reference: Mapped[str]
    # Where the pledge was made public, such as 中登网: there is no statutory register for local tickets.
    register_name: Mapped[str]
    register_reference: Mapped[str]
    status: Mapped[str]  # pledged, released, enforced; voided when all of it was invalidated
    pledged_by: Mapped[str]
    pledged_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]

    __table_args__ = (
        sa.CheckConstraint("quantity_kg > 0", name="positive"),
        sa.CheckConstraint("pledger_id <> pledgee_id", name="two_parties"),
        sa.CheckConstraint("status IN ('pledged', 'released', 'enforced', 'voided')", name="status"),
        sa.CheckConstraint("(status = 'pledged') = (closed_at IS NULL)", name="closed"),
    )


class PledgeStep(Base):
    """A release (all or part), the enforcement, or an invalidation that took from a pledge."""

    __tablename__ = "pledge_step"

    pledge_id: Mapped[int] = mapped_column(sa.ForeignKey("pledge.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)  # 1, 2, …
    kind: Mapped[str]  # release, enforce, invalidate
    quantity_kg: Mapped[int]
    document: Mapped[str]
    taken_by: Mapped[str]
    at: Mapped[datetime]

    __table_args__ = (
        sa.CheckConstraint("quantity_kg > 0", name="positive"),
        sa.CheckConstraint("kind IN ('release', 'enforce', 'invalidate')", name="kind"),
    )


class Invalidation(Base):
    """Kilograms found void (作废): proposed by one log-in, confirmed or turned down by another."""

    __tablename__ = "invalidation"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    number: Mapped[str] = mapped_column(unique=True)  # XY-V2026-000001
    batch_id: Mapped[int] = mapped_column(sa.ForeignKey("credit_batch.id"), index=True)
    quantity_kg: Mapped[int]  # of the numbers named, wherever they are
    reason: Mapped[str]
    document: Mapped[str]
    status: Mapped[str]  # proposed, confirmed, rejected
    proposed_by: Mapped[str]
    proposed_by_user: Mapped[int]
    proposed_at: Mapped[datetime]
    decided_by: Mapped[str]
    decided_by_user: Mapped[int | None]
    decided_at: Mapped[datetime | None]
    decision_note: Mapped[str]

    __table_args__ = (
        sa.CheckConstraint("quantity_kg > 0", name="positive"),
        sa.CheckConstraint("status IN ('proposed', 'confirmed', 'rejected')", name="status"),
        sa.CheckConstraint("decided_by_user <> proposed_by_user", name="two_people"),
        sa.CheckConstraint("(status = 'proposed') = (decided_at IS NULL)", name="decided"),
    )


class InvalidationRange(Base):
    """Numbers an invalidation names."""

    __tablename__ = "invalidation_range"

    invalidation_id: Mapped[int] = mapped_column(sa.ForeignKey("invalidation.id"), primary_key=True)
    first: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    last: Mapped[int]

    __table_args__ = (sa.CheckConstraint("first >= 1 AND first <= last", name="range"),)


class MakeGood(Base):
    """What a project's owner owes for void kilograms that were used already (补足).

    Open until cancellations against it reach ``owed_kg``; their sum is not stored a second time.
    """

    __tablename__ = "make_good"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    invalidation_id: Mapped[int] = mapped_column(sa.ForeignKey("invalidation.id"), unique=True)
    organisation_id: Mapped[int] = mapped_column(sa.ForeignKey("organisation.id"), index=True)
    owed_kg: Mapped[int]
    arose_at: Mapped[datetime]

    __table_args__ = (sa.CheckConstraint("owed_kg > 0", name="positive"),)


class Cancellation(Base):
    """Kilograms taken out of circulation without being used (取消): nobody may claim them.

    ``kind``: voluntary by the holder, make_good against an obligation, administrative by two officials.
    """

    __tablename__ = "cancellation"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    number: Mapped[str] = mapped_column(unique=True)  # XY-Q2026-000001
    kind: Mapped[str]
    batch_id: Mapped[int] = mapped_column(sa.ForeignKey("credit_batch.id"), index=True)
    organisation_id: Mapped[int] = mapped_column(sa.ForeignKey("organisation.id"), index=True)
    make_good_id: Mapped[int | None] = mapped_column(sa.ForeignKey("make_good.id"), index=True)
    quantity_kg: Mapped[int]
    reason: Mapped[str]
    document: Mapped[str]
    status: Mapped[str]  # done; proposed, rejected for administrative ones
    proposed_by: Mapped[str]
    proposed_by_user: Mapped[int | None]
    proposed_at: Mapped[datetime]
    decided_by: Mapped[str]
    decided_by_user: Mapped[int | None]
    decided_at: Mapped[datetime | None]
    decision_note: Mapped[str]

    __table_args__ = (
        sa.CheckConstraint("quantity_kg > 0", name="positive"),
        sa.CheckConstraint("kind IN ('voluntary', 'make_good', 'administrative')", name="kind"),
        sa.CheckConstraint("(kind = 'make_good') = (make_good_id IS NOT NULL)", name="make_good"),
        sa.CheckConstraint("status IN ('proposed', 'done', 'rejected')", name="status"),
        sa.CheckConstraint("(status = 'proposed') = (decided_at IS NULL)", name="decided"),
        sa.CheckConstraint(
            "kind <> 'administrative' OR decided_by_user <> proposed_by_user", name="two_people"
        ),
    )
