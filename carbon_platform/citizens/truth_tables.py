"""Tables of what keeps the books true: appeals, random audits of sources, reviews of shared devices."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from carbon_platform.db import Base, BigId


class Appeal(Base):
    """A citizen contests what became of an act, or that a row was not taken in (one of ``act_id`` and
    ``refusal_id``). Both stay as they are; what an accepted appeal counts is a new act (``counted_act_id``)
    that went through the same rules.

    ``reason_code`` is what was contested, as it stood; ``words`` are the citizen's (blank once the account
    is deleted), ``answer`` the operator's, both read by both.
    """

    __tablename__ = "appeal"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    holder: Mapped[str]
    region_code: Mapped[str]
    act_id: Mapped[int | None] = mapped_column(sa.ForeignKey("act.id"))
    refusal_id: Mapped[int | None] = mapped_column(sa.ForeignKey("act_refusal.id"))
    reason_code: Mapped[str]
    words: Mapped[str]
    state: Mapped[str]
    answer: Mapped[str] = mapped_column(server_default="")
    counted_act_id: Mapped[int | None] = mapped_column(sa.ForeignKey("act.id"))
    raised_at: Mapped[datetime]
    decided_by: Mapped[str] = mapped_column(server_default="")
    decided_by_id: Mapped[int | None]
    decided_at: Mapped[datetime | None]

    __table_args__ = (
        sa.CheckConstraint("state IN ('open', 'accepted', 'declined')", name="state"),
        sa.CheckConstraint("(state = 'open') = (decided_at IS NULL)", name="decided_when_closed"),
        sa.CheckConstraint("(state = 'accepted') = (counted_act_id IS NOT NULL)", name="accepted_counts"),
        sa.CheckConstraint("(act_id IS NULL) <> (refusal_id IS NULL)", name="about_one"),
        sa.Index("ix_appeal_holder", "holder", "id"),
        sa.Index("ix_appeal_act_id", "act_id"),
        sa.Index("ix_appeal_refusal_id", "refusal_id"),
        sa.Index(
            "uq_appeal_open",
            "act_id",
            unique=True,
            sqlite_where=sa.text("state = 'open'"),
            postgresql_where=sa.text("state = 'open'"),
        ),
        sa.Index(
            "uq_appeal_open_refusal",
            "refusal_id",
            unique=True,
            sqlite_where=sa.text("state = 'open'"),
            postgresql_where=sa.text("state = 'open'"),
        ),
    )


class SourceAudit(Base):
    """A random audit of what one source reported in one month (``2026-10``). The draw follows from ``seed``.

    ``population``: acts received in the month that count. ``percent`` of them were drawn, at least
    ``least`` and at most ``most``. ``errors``: wrong or unproven ones, known when it is concluded.
    """

    __tablename__ = "source_audit"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    source: Mapped[str]
    month: Mapped[str]
    seed: Mapped[str]
    percent: Mapped[int]
    least: Mapped[int]
    most: Mapped[int]
    population: Mapped[int]
    drawn: Mapped[int]
    state: Mapped[str]
    errors: Mapped[int | None]
    suspended: Mapped[bool]
    opened_by: Mapped[str]
    opened_at: Mapped[datetime]
    concluded_by: Mapped[str] = mapped_column(server_default="")
    concluded_at: Mapped[datetime | None]

    __table_args__ = (
        sa.UniqueConstraint("source", "month"),
        sa.CheckConstraint("state IN ('open', 'concluded')", name="state"),
        sa.CheckConstraint("drawn > 0 AND drawn <= population", name="drawn_within"),
        sa.CheckConstraint("errors IS NULL OR errors BETWEEN 0 AND drawn", name="errors_within"),
    )


class AuditItem(Base):
    """One act drawn for an audit, in the order of the draw, and what a person found."""

    __tablename__ = "audit_item"

    audit_id: Mapped[int] = mapped_column(sa.ForeignKey("source_audit.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    act_id: Mapped[int] = mapped_column(sa.ForeignKey("act.id"), index=True)
    verdict: Mapped[str] = mapped_column(server_default="")
    note: Mapped[str] = mapped_column(server_default="")
    checked_by: Mapped[str] = mapped_column(server_default="")
    checked_at: Mapped[datetime | None]

    __table_args__ = (
        sa.UniqueConstraint("audit_id", "act_id"),
        sa.CheckConstraint("verdict IN ('', 'right', 'wrong', 'unproven')", name="verdict"),
    )


class AccountLink(Base):
    """An account was used on a device or with a payment account; only a keyed hash of either is kept."""

    __tablename__ = "account_link"

    kind: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[str] = mapped_column(primary_key=True)
    holder: Mapped[str] = mapped_column(primary_key=True, index=True)
    first_seen: Mapped[datetime]
    last_seen: Mapped[datetime] = mapped_column(index=True)

    __table_args__ = (sa.CheckConstraint("kind IN ('device', 'payment')", name="kind"),)


class AccountReview(Base):
    """Too many accounts on one device or payment account: a person looks. ``accounts``: how many there were.

    Until it is cleared, points of these accounts do not become active; nothing is taken away. ``cleared``
    lets that many accounts share the thing from then on.
    """

    __tablename__ = "account_review"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    kind: Mapped[str]
    fingerprint: Mapped[str]
    accounts: Mapped[int]
    state: Mapped[str]
    note: Mapped[str] = mapped_column(server_default="")
    opened_at: Mapped[datetime]
    decided_by: Mapped[str] = mapped_column(server_default="")
    decided_by_id: Mapped[int | None]
    decided_at: Mapped[datetime | None]

    __table_args__ = (
        sa.CheckConstraint("kind IN ('device', 'payment')", name="kind"),
        sa.CheckConstraint("state IN ('open', 'cleared', 'confirmed')", name="state"),
        sa.Index(
            "uq_account_review_open",
            "kind",
            "fingerprint",
            unique=True,
            sqlite_where=sa.text("state = 'open'"),
            postgresql_where=sa.text("state = 'open'"),
        ),
        sa.Index("ix_account_review_thing", "kind", "fingerprint"),
    )
