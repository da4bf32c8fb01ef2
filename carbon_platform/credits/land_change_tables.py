"""Tables of land that burned or was cut: layers from monitoring, their polygons, the parcels they flag.

A flag stops the accounts that hold the numbered kilograms of its parcel until two people have looked.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from carbon_platform.db import Base, BigId


class LandChangeLayer(Base):
    """One imported layer of change polygons."""

    __tablename__ = "land_change_layer"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    number: Mapped[str] = mapped_column(unique=True)  # XY-G2026-000001
    file_name: Mapped[str]
    file_sha256: Mapped[str]
    source: Mapped[str]  # who made the layer, from what
    region_code: Mapped[str]  # the sender's region: only its parcels are flagged
    epsg: Mapped[int]
    crs_origin: Mapped[str]
    notes: Mapped[list[Any]]  # what was put right while reading
    refusals: Mapped[list[Any]]  # rows that could not be used: [{row, zh, en}]
    counts: Mapped[dict[str, Any]]  # rows, refused, parcels, quantity_kg
    uploaded_by: Mapped[str]
    uploaded_by_user: Mapped[int | None]
    uploaded_at: Mapped[datetime]

    __table_args__ = (sa.UniqueConstraint("file_sha256", "region_code"),)


class LandChange(Base):
    """One polygon of a layer: what happened there, and when."""

    __tablename__ = "land_change"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    layer_id: Mapped[int] = mapped_column(sa.ForeignKey("land_change_layer.id"))
    row_number: Mapped[int]  # as in the file, first record = 1
    kind: Mapped[str]  # fire, clear_cut
    happened_on: Mapped[date] = mapped_column(sa.Date)
    area_m2: Mapped[float] = mapped_column(sa.Double)  # ellipsoidal
    geometry: Mapped[bytes]

    __table_args__ = (
        sa.UniqueConstraint("layer_id", "row_number"),
        sa.CheckConstraint("kind IN ('fire', 'clear_cut')", name="kind"),
    )


class LandFlag(Base):
    """A parcel of which a layer covers a part. ``geometry``: that part; it stays what it was found to be."""

    __tablename__ = "land_flag"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    number: Mapped[str] = mapped_column(unique=True)  # XY-G2026-000001-0001
    layer_id: Mapped[int] = mapped_column(sa.ForeignKey("land_change_layer.id"), index=True)
    parcel_id: Mapped[int] = mapped_column(sa.ForeignKey("parcel.id"), index=True)
    kind: Mapped[str]  # of the largest part
    happened_on: Mapped[date] = mapped_column(sa.Date)  # the earliest
    rows: Mapped[list[Any]]  # row numbers of the polygons
    affected_m2: Mapped[float] = mapped_column(sa.Double)
    share: Mapped[float] = mapped_column(sa.Double)  # of the parcel
    geometry: Mapped[bytes]
    min_lon: Mapped[float] = mapped_column(sa.Double)
    min_lat: Mapped[float] = mapped_column(sa.Double)
    max_lon: Mapped[float] = mapped_column(sa.Double)
    max_lat: Mapped[float] = mapped_column(sa.Double)
    quantity_kg: Mapped[int]  # numbered kilograms that come from the parcel
    status: Mapped[str]  # open, cleared, confirmed, settled
    reviewed_by: Mapped[str]
    reviewed_by_user: Mapped[int | None]
    reviewed_at: Mapped[datetime | None]
    note: Mapped[str]
    invalidations: Mapped[list[Any]]  # numbers of the invalidations proposed when it was confirmed

    __table_args__ = (
        sa.UniqueConstraint("layer_id", "parcel_id"),
        sa.CheckConstraint("status IN ('open', 'cleared', 'confirmed', 'settled')", name="status"),
        sa.CheckConstraint("(status = 'open') = (reviewed_at IS NULL)", name="reviewed"),
        sa.CheckConstraint("share > 0 AND share <= 1", name="share"),
        sa.Index("ix_land_flag_box", "status", "min_lon", "max_lon"),
    )


class LandFlagRange(Base):
    """Numbers of a batch that come from a flagged parcel, at the time of the flag."""

    __tablename__ = "land_flag_range"

    flag_id: Mapped[int] = mapped_column(sa.ForeignKey("land_flag.id"), primary_key=True)
    batch_id: Mapped[int] = mapped_column(sa.ForeignKey("credit_batch.id"), primary_key=True)
    first: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    last: Mapped[int]

    __table_args__ = (sa.CheckConstraint("first >= 1 AND first <= last", name="range"),)
