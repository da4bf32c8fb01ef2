"""Tables of parameter adoption: proposals waiting for the second approver, and previews of a change."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from carbon_platform.db import Base, BigId


class ParameterProposal(Base):
    """A signed parameter set (送签) on its way to a :class:`ParameterSignOff`; one pending per set.

    ``as_of`` is the day whose parameters have the digest. A proposal is decided once and then stays.
    """

    __tablename__ = "parameter_proposal"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    methodology_key: Mapped[str] = mapped_column(index=True)
    parameter_digest: Mapped[str]
    as_of: Mapped[date] = mapped_column(sa.Date)
    document_number: Mapped[str]
    document_title: Mapped[str]
    signer: Mapped[str]  # whose name stands under the document
    signed_on: Mapped[date] = mapped_column(sa.Date)
    is_demo: Mapped[bool]
    proposed_by: Mapped[str]
    proposed_by_id: Mapped[int] = mapped_column(BigId)
    proposed_at: Mapped[datetime]
    status: Mapped[str]  # pending, adopted, declined
    decided_by: Mapped[str] = mapped_column(default="")
    decided_by_id: Mapped[int | None] = mapped_column(BigId)
    decided_at: Mapped[datetime | None]
    note: Mapped[str] = mapped_column(default="")

    __table_args__ = (
        sa.CheckConstraint("status IN ('pending', 'adopted', 'declined')", name="status"),
        sa.CheckConstraint("decided_by_id IS NULL OR decided_by_id <> proposed_by_id", name="two_people"),
        sa.Index(
            "ix_parameter_proposal_pending",
            "methodology_key",
            "parameter_digest",
            unique=True,
            sqlite_where=sa.text("status = 'pending'"),
            postgresql_where=sa.text("status = 'pending'"),
        ),
    )


class ImpactPreview(Base):
    """What a change of parameters would do to the stored runs, computed before it is published.

    ``results_digest`` is the fingerprint of the stored runs it was computed on, taken before and again when
    the preview was stored: they did not move. ``proposed_digest`` is the digest the parameters will have from
    ``in_force_from`` on, once the fragment stands in the file: what the authority then signs.
    """

    __tablename__ = "impact_preview"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    methodology_key: Mapped[str] = mapped_column(index=True)
    fragment: Mapped[str]
    in_force_from: Mapped[date] = mapped_column(sa.Date)
    proposed_digest: Mapped[str]
    results_digest: Mapped[str]
    result: Mapped[dict[str, Any]]
    region_code: Mapped[str]  # whose runs it holds: those inside the region of who asked
    created_by: Mapped[str]
    created_at: Mapped[datetime]
