"""Table of exports: what was asked for, what for, who let it out. Fetching is in the audit records."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from carbon_platform.db import Base, BigId


class ParcelExport(Base):
    """One request for parcels as a file. The file is made when it is fetched and kept nowhere.

    ``content_sha256`` is over the very parcels: if one of them changes, what was allowed is no longer what
    would leave, and a new request is due.
    """

    __tablename__ = "parcel_export"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    region_code: Mapped[str] = mapped_column(index=True)  # the scope of who asked; decides who may see it
    file_format: Mapped[str]  # gpkg, shp, geojson, csv, xlsx
    epsg: Mapped[int]  # 0: the coordinates of the original files
    filters: Mapped[dict[str, Any]]
    purpose: Mapped[str]
    rows: Mapped[int]
    area_m2: Mapped[float] = mapped_column(sa.Double)
    content_sha256: Mapped[str]
    status: Mapped[str]  # ready, waiting (for a second person), refused
    reasons: Mapped[list[Any]]  # why a second person is needed: [{code, value, limit, unit}]
    reasons_count: Mapped[int]
    requested_by: Mapped[str]
    requested_by_id: Mapped[int] = mapped_column(index=True)
    requested_at: Mapped[datetime]
    decided_by: Mapped[str | None]
    decided_by_id: Mapped[int | None]
    decided_at: Mapped[datetime | None]
    decision_note: Mapped[str] = mapped_column(default="")
    ready_until: Mapped[datetime | None]

    __table_args__ = (
        sa.CheckConstraint("status IN ('ready', 'waiting', 'refused')", name="status"),
        sa.CheckConstraint("decided_by_id IS NULL OR decided_by_id <> requested_by_id", name="two_people"),
        sa.CheckConstraint("(status = 'ready') = (ready_until IS NOT NULL)", name="ready_until"),
        sa.CheckConstraint(
            "reasons_count = 0 OR status <> 'ready' OR decided_by_id IS NOT NULL", name="approved"
        ),
    )
