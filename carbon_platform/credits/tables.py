"""Tables of credits. Quantities issued are kilograms CO2e in the ledger, one lot per batch."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from carbon_platform.db import Base, BigId


class ParameterSignOff(Base):
    """The authority's adoption (签署采纳) of exactly one parameter digest of one methodology.

    Filed by one person, approved by another; both are named. Those adopted before there had to be a second
    person have an empty ``second_approver``.
    """

    __tablename__ = "parameter_sign_off"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    methodology_key: Mapped[str]
    parameter_digest: Mapped[str]
    document_number: Mapped[str]
    document_title: Mapped[str]
    signer: Mapped[str]
    signed_on: Mapped[date] = mapped_column(sa.Date)
    is_demo: Mapped[bool]
    recorded_at: Mapped[datetime]
    proposed_by: Mapped[str] = mapped_column(default="", server_default="")
    second_approver: Mapped[str] = mapped_column(default="", server_default="")
    second_role: Mapped[str] = mapped_column(default="", server_default="")

    __table_args__ = (sa.UniqueConstraint("methodology_key", "parameter_digest"),)


class AssessmentRun(Base):
    """One computation of one project over one monitoring period, reproducible from its digests."""

    __tablename__ = "assessment_run"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    code: Mapped[str] = mapped_column(unique=True)  # XY-R000001
    project_id: Mapped[int] = mapped_column(sa.ForeignKey("project.id"), index=True)
    period_start: Mapped[date] = mapped_column(sa.Date)
    period_end: Mapped[date] = mapped_column(sa.Date)
    methodology_key: Mapped[str]
    parameter_digest: Mapped[str]
    input_digest: Mapped[str]
    code_digest: Mapped[str]
    gwp_set: Mapped[str]
    as_of: Mapped[date] = mapped_column(sa.Date)  # the day whose parameter values apply
    parameters: Mapped[
        list[Any]
    ]  # every parameter used: name, symbol, value, unit, source, page, status, from
    totals: Mapped[dict[str, Any]]  # sums of the step columns over all parcels, negative ones included
    net_t: Mapped[float] = mapped_column(sa.Double)  # unrounded project total
    issuable_t: Mapped[int]  # floor of net_t once, at project level; 0 when negative
    deficit_t: Mapped[float] = mapped_column(
        sa.Double
    )  # shortfall when net_t < 0, kept for the record; nothing is offset with it yet
    parcel_count: Mapped[int]
    area_m2: Mapped[float] = mapped_column(sa.Double)
    warnings: Mapped[list[Any]] = mapped_column(default=list)  # findings a reviewer must look at
    status: Mapped[
        str
    ]  # estimate (试算), verified (已核), approved (双局已批), issued (已签发), returned (退回)
    created_by: Mapped[str]
    created_at: Mapped[datetime]


class RunRow(Base):
    """The result of one parcel in a run: inputs and every intermediate column."""

    __tablename__ = "run_row"

    run_id: Mapped[int] = mapped_column(sa.ForeignKey("assessment_run.id"), primary_key=True)
    parcel_id: Mapped[int] = mapped_column(sa.ForeignKey("parcel.id"), primary_key=True)
    inputs: Mapped[dict[str, Any]]
    outputs: Mapped[dict[str, Any]]
    net_t: Mapped[float] = mapped_column(sa.Double)


class RunReview(Base):
    """A decision on a run: the verifier's, then both bureaus'. One per role."""

    __tablename__ = "run_review"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    run_id: Mapped[int] = mapped_column(sa.ForeignKey("assessment_run.id"))
    role: Mapped[str]  # verifier, ecology_bureau, forestry_bureau
    decision: Mapped[str]  # confirm, return
    note: Mapped[str]
    reviewer: Mapped[str]
    user_id: Mapped[int]
    at: Mapped[datetime]

    __table_args__ = (sa.UniqueConstraint("run_id", "role"),)


class CreditBatch(Base):
    """Carbon tickets (碳票) of one project, vintage and county: kilograms numbered 1 … quantity_kg.

    ``code`` is the ledger's lot. The rendering of a number range is
    ``XY-<scheme>-<method>-<project>-<county>-<vintage>-<first>-<last>``; nothing parses it back.
    """

    __tablename__ = "credit_batch"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    code: Mapped[str] = mapped_column(unique=True)
    run_id: Mapped[int] = mapped_column(sa.ForeignKey("assessment_run.id"), index=True)
    project_id: Mapped[int] = mapped_column(sa.ForeignKey("project.id"), index=True)
    county_code: Mapped[str] = mapped_column(index=True)
    vintage: Mapped[int]
    quantity_kg: Mapped[int]
    is_demo: Mapped[bool]
    issued_at: Mapped[datetime]
    issued_by: Mapped[str]
    entry_reference: Mapped[str]

    __table_args__ = (sa.UniqueConstraint("run_id", "county_code", "vintage"),)


class BatchShare(Base):
    """Which numbers of a batch come from which parcel (cumulative allocation, largest remainder)."""

    __tablename__ = "batch_share"

    batch_id: Mapped[int] = mapped_column(sa.ForeignKey("credit_batch.id"), primary_key=True)
    parcel_id: Mapped[int] = mapped_column(sa.ForeignKey("parcel.id"), primary_key=True, index=True)
    first: Mapped[int]
    last: Mapped[int]


class LandClaim(Base):
    """A parcel's land and period are spent: no other issuance may claim them (one-claim lock)."""

    __tablename__ = "land_claim"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    parcel_id: Mapped[int] = mapped_column(sa.ForeignKey("parcel.id"), index=True)
    project_id: Mapped[int] = mapped_column(sa.ForeignKey("project.id"))
    run_id: Mapped[int] = mapped_column(sa.ForeignKey("assessment_run.id"), index=True)
    pool: Mapped[str]  # biomass, soil_ch4 …: what of the land is claimed
    period_start: Mapped[date] = mapped_column(sa.Date)
    period_end: Mapped[date] = mapped_column(sa.Date)
    geometry: Mapped[bytes]
    min_lon: Mapped[float] = mapped_column(sa.Double)
    min_lat: Mapped[float] = mapped_column(sa.Double)
    max_lon: Mapped[float] = mapped_column(sa.Double)
    max_lat: Mapped[float] = mapped_column(sa.Double)
    claimed_at: Mapped[datetime]

    __table_args__ = (
        sa.UniqueConstraint("parcel_id", "pool", "period_start", "period_end"),
        sa.Index("ix_land_claim_box", "pool", "min_lon", "max_lon"),
    )


class Retirement(Base):
    """Final use (注销) of kilograms of one or several batches, in one ledger entry; its number is public.

    ``content`` is what the certificate says, frozen as canonical JSON when it was made: names that change
    later change nothing of it. ``digest`` is its SHA-256, printed on the paper.
    """

    __tablename__ = "retirement"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    certificate_number: Mapped[str] = mapped_column(unique=True)
    organisation_id: Mapped[int] = mapped_column(sa.ForeignKey("organisation.id"), index=True)
    quantity_kg: Mapped[int]
    purpose: Mapped[str]
    beneficiary_name: Mapped[str]
    beneficiary_credit_code: Mapped[str]
    consumption_from: Mapped[date] = mapped_column(sa.Date)
    consumption_to: Mapped[date] = mapped_column(sa.Date)
    consumption_place: Mapped[str]
    is_demo: Mapped[bool]
    content: Mapped[str]
    digest: Mapped[str]
    retired_by: Mapped[str]
    retired_at: Mapped[datetime]

    __table_args__ = (
        sa.Index("ix_retirement_beneficiary_credit_code", "beneficiary_credit_code"),
        # Names are searched by how they begin; the pattern class lets PostgreSQL use the index for it.
        sa.Index(
            "ix_retirement_beneficiary_name",
            "beneficiary_name",
            postgresql_ops={"beneficiary_name": "text_pattern_ops"},
        ),
    )


class RetirementLine(Base):
    """Kilograms of one batch on a certificate; ``position`` counts from 1 in the order printed."""

    __tablename__ = "retirement_line"

    retirement_id: Mapped[int] = mapped_column(sa.ForeignKey("retirement.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    batch_id: Mapped[int] = mapped_column(sa.ForeignKey("credit_batch.id"), index=True)
    quantity_kg: Mapped[int]

    __table_args__ = (
        sa.UniqueConstraint("retirement_id", "batch_id"),
        sa.CheckConstraint("quantity_kg > 0", name="positive"),
    )


class RetirementRange(Base):
    """Numbers ``first`` … ``last`` of a batch on a certificate; ``serial`` is their rendering."""

    __tablename__ = "retirement_range"

    batch_id: Mapped[int] = mapped_column(sa.ForeignKey("credit_batch.id"), primary_key=True)
    first: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    last: Mapped[int]
    retirement_id: Mapped[int] = mapped_column(sa.ForeignKey("retirement.id"), index=True)
    serial: Mapped[str] = mapped_column(index=True)

    __table_args__ = (sa.CheckConstraint("first >= 1 AND first <= last", name="range"),)
