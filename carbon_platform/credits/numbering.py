"""Numbers of papers: ``XY-C2026-000001``, counted within the year in Xinyang, never reused."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import InstrumentedAttribute, Session

from carbon_platform.projects.rules import local_date


def next_number(session: Session, column: InstrumentedAttribute[str], letter: str, now: datetime) -> str:
    """The next number of a kind of paper. ``letter``: C certificate, Z pledge, Q cancellation,
    V invalidation, G layer of change. Call inside ``db.serialise``, so that two at once get two."""
    prefix = f"XY-{letter}{local_date(now).year}-"
    newest = session.scalar(
        sa.select(column)
        .where(column.startswith(prefix, autoescape=True))
        .order_by(column.parent.primary_key[0].desc())
        .limit(1)
    )
    return f"{prefix}{int((newest or prefix + '0').removeprefix(prefix)) + 1:06d}"
