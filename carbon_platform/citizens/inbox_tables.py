"""Tables of intake: what sources sent, and the sums of each person's book."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from carbon_platform.db import Base, BigId

_WAITING = sa.text("state = 'waiting'")


class ActRecord(Base):
    """One row a source sent, as it was taken in, and what became of it. What was sent never changes.

    ``record_key`` makes (source, record) unique for ever; that of a reversal is ``reversal:`` and the
    record it takes back. ``payload`` holds distance, hours and quantity, never places or tracks; a chore
    empties it after a month. ``batch_id``: the partner's push it came with. ``state``: ``waiting`` until
    the worker comes by, then ``done`` (``act_id`` is the line of the book) or ``refused`` (``reason_…``).
    """

    __tablename__ = "act_inbox"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    source: Mapped[str]
    record_key: Mapped[str]
    kind: Mapped[str]
    holder: Mapped[str]
    payload: Mapped[dict[str, Any]]
    content_digest: Mapped[str]
    received_at: Mapped[datetime]
    batch_id: Mapped[int | None]
    state: Mapped[str]
    reason_code: Mapped[str] = mapped_column(server_default="")
    reason_zh: Mapped[str] = mapped_column(server_default="")
    reason_en: Mapped[str] = mapped_column(server_default="")
    act_id: Mapped[int | None]
    processed_at: Mapped[datetime | None]

    __table_args__ = (
        sa.UniqueConstraint("source", "record_key"),
        sa.CheckConstraint("kind IN ('act', 'reversal')", name="kind"),
        sa.CheckConstraint("state IN ('waiting', 'done', 'refused')", name="state"),
        sa.CheckConstraint("(state = 'waiting') = (processed_at IS NULL)", name="processed"),
        # The queue itself: only what waits, oldest first.
        sa.Index("ix_act_inbox_waiting", "id", sqlite_where=_WAITING, postgresql_where=_WAITING),
        sa.Index("ix_act_inbox_batch_id", "batch_id"),
    )


class ActRefusal(Base):
    """A row that a source sent about a known person and that was not taken in, as the person reads it.

    ``said``: JSON text of what the row said (as ``ActRecord.payload``), kept so that an accepted appeal can
    count it; empty where the row could not be read, where the person had not consented, and once it cannot
    be contested any more. ``external_id`` is empty where no number was readable or may be kept.
    ``refusal_key`` makes a row sent again, with the same result, one refusal.
    """

    __tablename__ = "act_refusal"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    holder: Mapped[str]
    source: Mapped[str]
    external_id: Mapped[str]
    refusal_key: Mapped[str]
    reason_code: Mapped[str]
    reason_zh: Mapped[str]
    reason_en: Mapped[str]
    said: Mapped[str]
    refused_at: Mapped[datetime] = mapped_column(index=True)

    __table_args__ = (
        sa.UniqueConstraint("holder", "source", "refusal_key"),
        sa.Index("ix_act_refusal_holder_id", "holder", "id"),
    )


class BookMonth(Base):
    """Sums of one person's book over a calendar month of Xinyang: what a page shows without adding up.

    ``acts``: lines, whatever became of them. Grams and points: what counts, withdrawn acts left out. Kept
    in the transaction that writes or withdraws an act; ``book.check_months`` adds them up anew.
    """

    __tablename__ = "book_month"

    holder: Mapped[str] = mapped_column(primary_key=True)
    month: Mapped[str] = mapped_column(primary_key=True)
    acts: Mapped[int]
    reduction_g: Mapped[int]
    creditable_g: Mapped[int]
    points: Mapped[int]

    __table_args__ = (
        sa.CheckConstraint("acts >= 0 AND reduction_g >= 0 AND points >= 0", name="not_negative"),
        sa.CheckConstraint("creditable_g >= 0 AND creditable_g <= reduction_g", name="creditable_within"),
    )
