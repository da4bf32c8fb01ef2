"""Tables of parcels.

Geometry is WKB in CGCS2000 lon/lat (EPSG:4490) in a plain column on both engines, with its bounds in
four columns; exact predicates are always shapely's. The original coordinates are kept beside it,
because rounding after a reprojection breaks shared vertices.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from carbon_platform.db import Base, BigId


class ParcelImport(Base):
    """One uploaded file and its staged report. Nothing is in the register before ``accepted``."""

    __tablename__ = "parcel_import"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    file_name: Mapped[str]
    file_sha256: Mapped[str] = mapped_column(index=True)
    region_code: Mapped[str]  # the officer's scope at upload; decides who may see it
    kind: Mapped[str]  # of most rows: camellia, rice, tea, forest; empty when none can be told
    family: Mapped[str]  # 小班 A/B/C, DK, DLTB: which alias table was recognised
    encoding: Mapped[str]
    epsg: Mapped[int]
    crs_origin: Mapped[str]
    layer: Mapped[str]
    notes: Mapped[list[Any]]
    counts: Mapped[dict[str, Any]]  # rows and area_m2 per outcome
    # add: new land; update: rows may take the place of registered parcels; change: made from the register.
    mode: Mapped[str] = mapped_column(default="add")
    reason: Mapped[str] = mapped_column(default="")
    effective_on: Mapped[date | None] = mapped_column(sa.Date, default=None)  # None: the day of acceptance
    # Highest ids of parcels and their events the checks have seen: acceptance compares with later ones.
    seen_parcel_id: Mapped[int]
    seen_event_id: Mapped[int] = mapped_column(default=0)
    status: Mapped[str]  # staged, accepted
    uploaded_by: Mapped[str]
    uploaded_by_id: Mapped[int | None] = mapped_column(default=None)
    uploaded_at: Mapped[datetime]
    accepted_by: Mapped[str | None]
    accepted_at: Mapped[datetime | None]


class ParcelImportRow(Base):
    """One row of a staged file with what the checks found."""

    __tablename__ = "parcel_import_row"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    import_id: Mapped[int] = mapped_column(sa.ForeignKey("parcel_import.id"))
    row_number: Mapped[int]  # as in the file, first record = 1
    identity: Mapped[str]  # 小班号 or DKBM: how the officer knows the parcel
    code: Mapped[str | None]  # the code the register would give it; None without a usable identity
    kind: Mapped[str | None]  # camellia, rice, tea, forest; None when that cannot be told
    outcome: Mapped[str]  # accepted, repaired, warned, refused, same (already registered)
    # Against the register: new, changed, same, split, merged, replaced, ended, restored.
    change: Mapped[str] = mapped_column(default="new")
    # {targets: [{id, code, version}], needs: [row], fields: [{field, before, after}], …}; {} for new land.
    diff: Mapped[dict[str, Any]] = mapped_column(default=dict)
    needs_approval: Mapped[bool] = mapped_column(default=False)  # by a second person
    findings: Mapped[list[Any]]  # [{code, zh, en, field, value, limit, advice_zh, advice_en}]
    attributes: Mapped[dict[str, Any]]
    area_m2: Mapped[float | None] = mapped_column(sa.Double)
    stated_area_m2: Mapped[float | None] = mapped_column(sa.Double)
    county_code: Mapped[str | None]
    geometry: Mapped[bytes | None]
    source_geometry: Mapped[bytes | None]
    parcel_id: Mapped[int | None] = mapped_column(sa.ForeignKey("parcel.id"))

    __table_args__ = (sa.UniqueConstraint("import_id", "row_number"),)


class Parcel(Base):
    """A registered piece of land. Never deleted: a parcel that ends gets ``valid_to``."""

    __tablename__ = "parcel"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    code: Mapped[str] = mapped_column(unique=True)  # identity within the register, e.g. 411522-207-014-0031
    kind: Mapped[str]  # camellia, rice, tea, forest
    county_code: Mapped[str]
    township_code: Mapped[str]
    village_code: Mapped[str]
    area_m2: Mapped[float] = mapped_column(
        sa.Double
    )  # ellipsoidal by the national rule: the figure of record
    stated_area_m2: Mapped[float | None] = mapped_column(sa.Double)  # 登记面积, kept beside it
    species_code: Mapped[str]
    land_class_code: Mapped[str]
    planting_year: Mapped[int | None]
    right_holder: Mapped[str]  # 林权/承包 name as printed for distribution; demo data are made up
    attributes: Mapped[dict[str, Any]]
    geometry: Mapped[bytes]
    source_geometry: Mapped[bytes]
    source_epsg: Mapped[int]
    min_lon: Mapped[float] = mapped_column(sa.Double)
    min_lat: Mapped[float] = mapped_column(sa.Double)
    max_lon: Mapped[float] = mapped_column(sa.Double)
    max_lat: Mapped[float] = mapped_column(sa.Double)
    status: Mapped[str]  # registered, ended
    valid_from: Mapped[date] = mapped_column(sa.Date)
    valid_to: Mapped[date | None] = mapped_column(sa.Date)  # first day on which it is no more
    import_id: Mapped[int] = mapped_column(sa.ForeignKey("parcel_import.id"))
    version: Mapped[int] = mapped_column(default=1)  # of its newest event

    __table_args__ = (sa.Index("ix_parcel_county_kind", "county_code", "kind"),)
