"""Tables of regions: reference data, loaded from files with their source (``flask setup``)."""

from __future__ import annotations

from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from carbon_platform.db import Base, BigId


class Region(Base):
    """An administrative unit as it stands. Codes and names change, so they carry the days they are valid:
    from ``valid_from``, before ``valid_to`` (None: still). What it was called before is in its changes."""

    __tablename__ = "region"

    code: Mapped[str] = mapped_column(primary_key=True)
    name_zh: Mapped[str]
    name_en: Mapped[str]
    level: Mapped[str]  # province, city, county, township, village
    parent_code: Mapped[str] = mapped_column(index=True)
    valid_from: Mapped[date] = mapped_column(sa.Date)
    valid_to: Mapped[date | None] = mapped_column(sa.Date)
    successor_code: Mapped[str] = mapped_column(server_default="")
    source: Mapped[str] = mapped_column(server_default="")
    batch_number: Mapped[int | None] = mapped_column(sa.ForeignKey("development_batch.number"))


class DevelopmentBatch(Base):
    """A batch (批次) of counties in the city's plan with its own revenue target and window."""

    __tablename__ = "development_batch"

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name_zh: Mapped[str]
    starts_on: Mapped[date] = mapped_column(sa.Date)
    years: Mapped[int]
    revenue_target_fen: Mapped[int]
    source: Mapped[str]


class RegionChange(Base):
    """What an imported list did to one region, and who imported it. Rows are only added."""

    __tablename__ = "region_change"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    code: Mapped[str] = mapped_column(sa.ForeignKey("region.code"), index=True)
    kind: Mapped[str]  # added, renamed, ended
    effective_on: Mapped[date] = mapped_column(sa.Date)
    name_before: Mapped[str]
    name_after: Mapped[str]
    successor_code: Mapped[str]
    source: Mapped[str]
    recorded_by: Mapped[str]
    recorded_at: Mapped[datetime]


class RegionBoundary(Base):
    """A border of a region (WKB, CGCS2000 lon/lat) from a day on; the newest that has begun is in force."""

    __tablename__ = "region_boundary"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    code: Mapped[str] = mapped_column(sa.ForeignKey("region.code"))
    geometry: Mapped[bytes]
    valid_from: Mapped[date] = mapped_column(sa.Date)
    source: Mapped[str]
    map_approval: Mapped[str]  # 审图号; empty when the layer is for internal use only
    file_sha256: Mapped[str]
    recorded_by: Mapped[str]
    recorded_at: Mapped[datetime]

    __table_args__ = (sa.UniqueConstraint("code", "valid_from"),)
