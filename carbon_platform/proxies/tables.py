"""Tables of the village office and of proxies. Names and card numbers lie here sealed, with blind indexes."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from carbon_platform.db import Base, BigId

_IN_FORCE = sa.text("ended_at IS NULL")


class PaperAccount(Base):
    """The account of somebody without a phone: opened by a village officer with a signed paper.

    ``number`` is what stands on the slip and is told at the office. ``name_sealed`` is the name for the
    slip; ``paper_sha256`` the picture of the signed consent. Both are empty once the person was erased.
    """

    __tablename__ = "paper_account"

    number: Mapped[str] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"), index=True)
    holder: Mapped[str] = mapped_column(index=True)
    village_code: Mapped[str] = mapped_column(index=True)
    name_sealed: Mapped[str]
    paper_sha256: Mapped[str]
    opened_by: Mapped[str]
    opened_by_id: Mapped[int]
    opened_at: Mapped[datetime]


class BusCard(Base):
    """A senior bus card of a person: the number sealed, a blind index to know it again, four digits to show.

    ``binding_id`` is the binding under which the bus company's rides arrive; it never gets the person.
    """

    __tablename__ = "bus_card"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    holder: Mapped[str] = mapped_column(index=True)
    number_sealed: Mapped[str]
    number_index: Mapped[str]
    last_digits: Mapped[str]
    binding_id: Mapped[int]
    bound_by: Mapped[str]
    bound_by_id: Mapped[int]
    bound_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]

    __table_args__ = (
        # one card, one person
        sa.Index(
            "uq_bus_card_in_force",
            "number_index",
            unique=True,
            sqlite_where=_IN_FORCE,
            postgresql_where=_IN_FORCE,
        ),
    )


class Proxy(Base):
    """A relative (``agent``) may act for a person (``principal``), within limits and until a day.

    Granted by the person, or at the village office on paper (``paper_sha256``).
    """

    __tablename__ = "proxy"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    principal: Mapped[str] = mapped_column(index=True)
    principal_person_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"))
    agent: Mapped[str] = mapped_column(index=True)
    agent_person_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"))
    may_report: Mapped[bool]
    may_redeem: Mapped[bool]
    day_points: Mapped[int]
    month_points: Mapped[int]
    granted_by: Mapped[str]
    granted_by_id: Mapped[int | None]
    paper_sha256: Mapped[str]
    granted_at: Mapped[datetime]
    until: Mapped[datetime]
    ended_at: Mapped[datetime | None]

    __table_args__ = (
        sa.CheckConstraint("principal <> agent", name="two_people"),
        sa.CheckConstraint("day_points >= 0 AND month_points >= 0", name="limits_not_negative"),
        sa.Index(
            "uq_proxy_in_force",
            "principal",
            "agent",
            unique=True,
            sqlite_where=_IN_FORCE,
            postgresql_where=_IN_FORCE,
        ),
    )


class ProxyAction(Base):
    """Something done for a person by a relative or by an officer: who, what, when. Never changed.

    ``kind``: act or redemption; ``object_id`` its number. ``agent`` is a holder, or empty where an officer
    acted, whose name then stands in ``officer``. ``points``: what it spent.
    """

    __tablename__ = "proxy_action"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    holder: Mapped[str]
    kind: Mapped[str]
    object_id: Mapped[int]
    proxy_id: Mapped[int | None] = mapped_column(sa.ForeignKey("proxy.id"), index=True)
    agent: Mapped[str]
    officer: Mapped[str]
    officer_id: Mapped[int | None]
    points: Mapped[int]
    day: Mapped[str]
    at: Mapped[datetime]

    __table_args__ = (
        sa.UniqueConstraint("kind", "object_id"),
        sa.CheckConstraint("kind IN ('act', 'redemption')", name="kind"),
        sa.CheckConstraint("(agent = '') <> (officer_id IS NULL)", name="relative_or_officer"),
        sa.Index("ix_proxy_action_holder_id", "holder", "id"),
    )


class VillagePhoto(Base):
    """A photo by content; ``picture_hash``: to know a picture that was handed in before."""

    __tablename__ = "village_photo"

    sha256: Mapped[str] = mapped_column(primary_key=True)
    media_type: Mapped[str]
    size_bytes: Mapped[int]
    picture_hash: Mapped[str | None] = mapped_column(index=True)
    taken_at: Mapped[datetime | None]
    stored_by_id: Mapped[int]
    stored_at: Mapped[datetime]


class VillageBatch(Base):
    """Rows an officer typed in. ``checking`` → ``taken`` after a second person's look, or ``returned``.

    ``seed`` drew the rows to be looked at again; the same seed draws the same rows.
    """

    __tablename__ = "village_batch"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    village_code: Mapped[str] = mapped_column(index=True)
    file_name: Mapped[str]
    state: Mapped[str]
    seed: Mapped[str]
    uploaded_by: Mapped[str]
    uploaded_by_id: Mapped[int]
    uploaded_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    closed_by: Mapped[str] = mapped_column(server_default="")

    __table_args__ = (sa.CheckConstraint("state IN ('checking', 'taken', 'returned')", name="state"),)


class VillageRow(Base):
    """One row of a batch: what was typed, what came of it, and what the second look said.

    ``milli``: thousandths of the behaviour's unit. ``record_key``: person, behaviour, day and count, so
    that one thing is taken in once however often it is typed.
    """

    __tablename__ = "village_row"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    batch_id: Mapped[int] = mapped_column(sa.ForeignKey("village_batch.id"))
    row_number: Mapped[int]
    account_number: Mapped[str]
    holder: Mapped[str]
    behaviour: Mapped[str]
    day: Mapped[str]
    milli: Mapped[int]
    record_key: Mapped[str]
    photo_sha256: Mapped[str | None] = mapped_column(sa.ForeignKey("village_photo.sha256"))
    outcome: Mapped[str]
    reason_zh: Mapped[str]
    reason_en: Mapped[str]
    drawn: Mapped[bool]
    verdict: Mapped[str]
    verdict_note: Mapped[str]
    uploaded_by_id: Mapped[int]
    checked_by: Mapped[str]
    checked_by_id: Mapped[int | None]
    checked_at: Mapped[datetime | None]
    act_id: Mapped[int | None]

    __table_args__ = (
        sa.UniqueConstraint("batch_id", "row_number"),
        sa.CheckConstraint("outcome IN ('ready', 'refused', 'counted', 'not_counted')", name="outcome"),
        sa.CheckConstraint("verdict IN ('', 'right', 'wrong')", name="verdict"),
        sa.CheckConstraint("checked_by_id <> uploaded_by_id", name="two_people"),
        # refused rows may come again, right this time
        sa.Index(
            "uq_village_row_record_key",
            "record_key",
            unique=True,
            sqlite_where=sa.text("outcome <> 'refused'"),
            postgresql_where=sa.text("outcome <> 'refused'"),
        ),
    )
