"""Tables of what became of parcels.

``parcel`` holds the present state of a piece of land; ``parcel_event`` keeps every state it ever had, and
``parcel_lineage`` what was made of what. Both are append-only: see :mod:`history_ddl`. Every writer runs
alone (``parcels`` is serialised), so event ids grow in the order of commits and ``max(parcel_event.id)`` is
the version of all parcels together.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from carbon_platform.db import Base, BigId

# What happened to a parcel. ``split`` and ``merged`` stand on parcels that were divided or joined, whether
# they ended by it or live on with another border; what came of it is ``registered``.
EVENT_KINDS: Final = ("registered", "corrected", "split", "merged", "ended", "restored")
LINEAGE_KINDS: Final = ("split", "merged", "replaced")

# Columns of a snapshot that ``parcel`` has under the same name.
SNAPSHOT: Final = (
    "status",
    "county_code",
    "township_code",
    "village_code",
    "area_m2",
    "stated_area_m2",
    "species_code",
    "land_class_code",
    "planting_year",
    "right_holder",
    "attributes",
    "geometry",
    "source_geometry",
    "source_epsg",
)


class ParcelEvent(Base):
    """One event in the life of a parcel, with its whole state afterwards. Never changed, never deleted.

    ``version`` counts the events of the parcel from 1; ``effective_on`` is the first day of the new state and
    never runs backwards from one version to the next.
    """

    __tablename__ = "parcel_event"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    parcel_id: Mapped[int] = mapped_column(sa.ForeignKey("parcel.id"))
    version: Mapped[int]
    kind: Mapped[str]  # EVENT_KINDS
    effective_on: Mapped[date] = mapped_column(sa.Date)
    import_id: Mapped[int | None] = mapped_column(sa.ForeignKey("parcel_import.id"), index=True)
    reason: Mapped[str]
    recorded_by: Mapped[str]  # who proposed it
    recorded_by_id: Mapped[int | None]
    approved_by: Mapped[str | None]  # the second person, where one was needed
    approved_by_id: Mapped[int | None]
    recorded_at: Mapped[datetime]
    # The state afterwards, column by column as in ``parcel``; ``parcel_kind`` is its ``kind``.
    parcel_kind: Mapped[str]
    status: Mapped[str]
    county_code: Mapped[str]
    township_code: Mapped[str]
    village_code: Mapped[str]
    area_m2: Mapped[float] = mapped_column(sa.Double)
    stated_area_m2: Mapped[float | None] = mapped_column(sa.Double)
    species_code: Mapped[str]
    land_class_code: Mapped[str]
    planting_year: Mapped[int | None]
    right_holder: Mapped[str]
    attributes: Mapped[dict[str, Any]]
    geometry: Mapped[bytes]
    source_geometry: Mapped[bytes]
    source_epsg: Mapped[int]

    __table_args__ = (
        sa.UniqueConstraint("parcel_id", "version"),
        sa.CheckConstraint("kind IN ({})".format(", ".join(f"'{k}'" for k in EVENT_KINDS)), name="kind"),
        sa.CheckConstraint("approved_by_id IS NULL OR approved_by_id <> recorded_by_id", name="two_people"),
    )


class ParcelLineage(Base):
    """Land of ``parent`` went to ``child``. ``event_id`` is the event of the child that brought it."""

    __tablename__ = "parcel_lineage"

    parent_id: Mapped[int] = mapped_column(sa.ForeignKey("parcel.id"), primary_key=True)
    child_id: Mapped[int] = mapped_column(sa.ForeignKey("parcel.id"), primary_key=True, index=True)
    event_id: Mapped[int] = mapped_column(sa.ForeignKey("parcel_event.id"), primary_key=True)
    kind: Mapped[str]  # LINEAGE_KINDS

    __table_args__ = (sa.CheckConstraint("parent_id <> child_id", name="two_parcels"),)
