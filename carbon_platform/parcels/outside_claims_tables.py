"""Tables of claims on land that other schemes keep: CCER, VCS, GS, court-ordered restoration …

A declaration is never changed or deleted; it stands until somebody else releases it with a reason.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from carbon_platform.db import Base, BigId


class OutsideClaim(Base):
    """Somebody's claim under a scheme kept elsewhere, as declared here with its evidence."""

    __tablename__ = "outside_claim"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    number: Mapped[str] = mapped_column(unique=True)  # XY-O2026-000001
    scheme: Mapped[str]  # ccer, inclusion, vcs, gs, court, other
    reference: Mapped[str]  # how the scheme knows it: project number, docket number
    title: Mapped[str]
    claimant: Mapped[str]  # who claims, as the scheme's papers say
    document: Mapped[str]  # where that is written
    pools: Mapped[list[Any]]  # names: biomass, soil_carbon, soil_ch4, soil_n2o, all
    pool_bits: Mapped[int]  # the same as bits
    period_start: Mapped[date] = mapped_column(sa.Date)
    period_end: Mapped[date] = mapped_column(sa.Date)  # first day after
    region_code: Mapped[str]  # scope of who declared it
    file_name: Mapped[str]
    file_sha256: Mapped[str]
    left_out: Mapped[int]  # shapes of the file outside the declarer's scope
    repaired: Mapped[int]  # shapes that had to be repaired
    status: Mapped[str]  # standing, released
    declared_by: Mapped[str]
    declared_by_user: Mapped[int | None]
    declared_at: Mapped[datetime]
    released_by: Mapped[str] = mapped_column(default="")
    released_by_user: Mapped[int | None]
    released_at: Mapped[datetime | None]
    release_reason: Mapped[str] = mapped_column(default="")

    __table_args__ = (
        sa.CheckConstraint("status IN ('standing', 'released')", name="status"),
        sa.CheckConstraint("period_start < period_end", name="period"),
        sa.CheckConstraint(
            "released_by_user IS NULL OR released_by_user <> declared_by_user", name="two_people"
        ),
    )


class OutsideClaimLand(Base):
    """One piece of land of a declaration: WKB in CGCS2000 degrees with its bounds, like a parcel."""

    __tablename__ = "outside_claim_land"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    claim_id: Mapped[int] = mapped_column(sa.ForeignKey("outside_claim.id"))
    row_number: Mapped[int]  # as in the file, first record = 1
    county_code: Mapped[str]  # holds most of it; empty outside the city
    area_m2: Mapped[float] = mapped_column(sa.Double)
    geometry: Mapped[bytes]
    min_lon: Mapped[float] = mapped_column(sa.Double)
    min_lat: Mapped[float] = mapped_column(sa.Double)
    max_lon: Mapped[float] = mapped_column(sa.Double)
    max_lat: Mapped[float] = mapped_column(sa.Double)

    __table_args__ = (
        sa.UniqueConstraint("claim_id", "row_number"),
        sa.Index("ix_outside_claim_land_box", "min_lon", "max_lon"),
    )
