"""Tables of projects."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from carbon_platform.db import Base, BigId


class Project(Base):
    """An inclusion (碳普惠) or CCER project under one methodology version."""

    __tablename__ = "project"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    code: Mapped[str] = mapped_column(unique=True)  # XY-P0001
    name_zh: Mapped[str]
    scheme: Mapped[str]  # inclusion
    methodology_key: Mapped[str]  # camellia_oil_v1
    region_code: Mapped[str]  # 4115 or one county: decides who may see it
    owner_organisation_id: Mapped[int] = mapped_column(sa.ForeignKey("organisation.id"))
    crediting_from: Mapped[date] = mapped_column(sa.Date)
    crediting_to: Mapped[date] = mapped_column(sa.Date)
    status: Mapped[str]  # registered (first state of this issue), ended
    created_by: Mapped[str]
    created_at: Mapped[datetime]


class ProjectParcel(Base):
    """A parcel's membership in a project."""

    __tablename__ = "project_parcel"

    project_id: Mapped[int] = mapped_column(sa.ForeignKey("project.id"), primary_key=True)
    parcel_id: Mapped[int] = mapped_column(sa.ForeignKey("parcel.id"), primary_key=True, index=True)
    attached_at: Mapped[datetime]


class PastProjectParcel(Base):
    """A membership that ended: the project claims this land no more, for the reason given."""

    __tablename__ = "project_parcel_past"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    project_id: Mapped[int] = mapped_column(sa.ForeignKey("project.id"))
    parcel_id: Mapped[int] = mapped_column(sa.ForeignKey("parcel.id"), index=True)
    attached_at: Mapped[datetime]
    detached_at: Mapped[datetime]
    detached_by: Mapped[str]
    reason: Mapped[str]

    __table_args__ = (sa.Index("ix_project_parcel_past_project_parcel", "project_id", "parcel_id"),)


class MonitoringRecord(Base):
    """What was observed on one parcel in one period, in the methodology's columns (area excepted:
    the register's area is used). A later record for the same parcel and period supersedes."""

    __tablename__ = "monitoring_record"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    project_id: Mapped[int] = mapped_column(sa.ForeignKey("project.id"))
    parcel_id: Mapped[int] = mapped_column(sa.ForeignKey("parcel.id"))
    period_start: Mapped[date] = mapped_column(sa.Date)
    period_end: Mapped[date] = mapped_column(sa.Date)
    values: Mapped[dict[str, Any]]
    recorded_by: Mapped[str]
    recorded_at: Mapped[datetime]
    superseded_by: Mapped[int | None]

    __table_args__ = (sa.Index("ix_monitoring_record_project_period", "project_id", "period_start"),)
