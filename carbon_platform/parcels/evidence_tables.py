"""Tables of evidence: photos, documents, water-level logs and tenure certificates of a parcel.

The files themselves lie outside the database, by content (:mod:`carbon_platform.parcels.evidence_store`).
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from carbon_platform.db import Base, BigId

STANDING = sa.text("withdrawn_at IS NULL")


class EvidenceObject(Base):
    """One file by content. ``state``: what the last check found (ok, missing, altered)."""

    __tablename__ = "evidence_object"

    sha256: Mapped[str] = mapped_column(primary_key=True)
    size_bytes: Mapped[int]
    media_type: Mapped[str]
    stored_at: Mapped[datetime]
    state: Mapped[str]
    checked_at: Mapped[datetime]

    __table_args__ = (sa.CheckConstraint("state IN ('ok', 'missing', 'altered')", name="state"),)


class Evidence(Base):
    """A file that says something of a parcel, and what the checks found. Withdrawn, never deleted."""

    __tablename__ = "evidence"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    parcel_id: Mapped[int] = mapped_column(sa.ForeignKey("parcel.id"), index=True)
    sha256: Mapped[str] = mapped_column(sa.ForeignKey("evidence_object.sha256"), index=True)
    kind: Mapped[str]  # photo, document, water_log, tenure
    file_name: Mapped[str]
    note: Mapped[str]
    shows_from: Mapped[date | None] = mapped_column(sa.Date)  # what the sender says it shows, both days in it
    shows_to: Mapped[date | None] = mapped_column(sa.Date)
    taken_at: Mapped[datetime | None]  # the camera's clock
    lon: Mapped[float | None] = mapped_column(sa.Double)  # the camera's place, degrees
    lat: Mapped[float | None] = mapped_column(sa.Double)
    distance_m: Mapped[float | None] = mapped_column(sa.Double)  # from the parcel; 0 inside
    picture_hash: Mapped[str | None]  # 32 hexadecimal digits
    data: Mapped[dict[str, Any]]  # what was read of it: camera, levels, masked certificate
    findings: Mapped[list[Any]]  # [{code, outcome, zh, en}]
    outcome: Mapped[str]  # ok, or warned: a person should look
    sealed: Mapped[bytes | None]  # personal data of a certificate, encrypted
    sealed_with: Mapped[str]  # which key
    recorded_by: Mapped[str]
    recorded_by_user: Mapped[int | None]
    recorded_at: Mapped[datetime]
    withdrawn_by: Mapped[str] = mapped_column(default="")
    withdrawn_at: Mapped[datetime | None]
    withdrawn_reason: Mapped[str] = mapped_column(default="")

    __table_args__ = (
        sa.CheckConstraint("kind IN ('photo', 'document', 'water_log', 'tenure')", name="kind"),
        sa.CheckConstraint("outcome IN ('ok', 'warned')", name="outcome"),
        sa.CheckConstraint("(sealed IS NULL) = (sealed_with = '')", name="sealed"),
        # The same file twice for the same parcel is one piece of evidence, however many requests arrive.
        sa.Index(
            "uq_evidence_standing",
            "parcel_id",
            "sha256",
            unique=True,
            sqlite_where=STANDING,
            postgresql_where=STANDING,
        ),
    )
