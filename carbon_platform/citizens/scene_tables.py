"""Tables of scenes (减排场景) and of bindings between a partner's customers and persons."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from carbon_platform.db import Base, BigId

_OPEN = sa.text("ended_at IS NULL")
_PROPOSED = sa.text("status = 'proposed'")


class Scene(Base):
    """A source of acts by one operator, with the terms in force. Changed only through :class:`SceneChange`.

    ``behaviours``: codes it may report. ``evidence_percent`` of the points grade is what its records earn;
    ``creditable``: whether they may ever support an issuance, never for a ``local`` scene.
    ``observation_days`` is its reversal window: full days, counted from the act's end or from its receipt
    (``observation_from``).
    ``source``/``status``: where the terms come from; ``observation_source``/``observation_status`` the same
    for the window. ``local``: with local character (本地特色场景).
    """

    __tablename__ = "scene"

    code: Mapped[str] = mapped_column(primary_key=True)
    name_zh: Mapped[str]
    name_en: Mapped[str]
    operator_zh: Mapped[str]
    organisation_id: Mapped[int | None] = mapped_column(sa.ForeignKey("organisation.id"), index=True)
    local: Mapped[bool]
    behaviours: Mapped[list[Any]]
    evidence_percent: Mapped[int]
    creditable: Mapped[bool]
    observation_days: Mapped[int]
    observation_from: Mapped[str]
    observation_source: Mapped[str]
    observation_status: Mapped[str]
    source: Mapped[str]
    status: Mapped[str]
    state: Mapped[str]
    changed_at: Mapped[datetime]

    __table_args__ = (
        sa.CheckConstraint(
            "state IN ('applied', 'published', 'connected', 'active', 'warned', 'suspended', 'closed')",
            name="state",
        ),
        sa.CheckConstraint("evidence_percent BETWEEN 1 AND 100", name="evidence_percent"),
        sa.CheckConstraint("observation_days BETWEEN 0 AND 366", name="observation_days"),
        sa.CheckConstraint("observation_from IN ('act', 'receipt')", name="observation_from"),
        sa.CheckConstraint("NOT (local AND creditable)", name="local_never_creditable"),
    )


class SceneChange(Base):
    """One change of a scene: asked for, then done or declined by a second person where one is needed.

    ``terms`` are all terms as they are after the change. A state change keeps the terms, a change of terms
    keeps the state. ``decided_by_id`` is empty where the system itself acted (audit, seed).
    """

    __tablename__ = "scene_change"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    scene_code: Mapped[str] = mapped_column(sa.ForeignKey("scene.code"))
    kind: Mapped[str]
    from_state: Mapped[str]
    to_state: Mapped[str]
    terms: Mapped[dict[str, Any]]
    note: Mapped[str]
    status: Mapped[str]
    proposed_by: Mapped[str]
    proposed_by_id: Mapped[int | None]
    proposed_at: Mapped[datetime]
    decided_by: Mapped[str] = mapped_column(server_default="")
    decided_by_id: Mapped[int | None]
    decided_at: Mapped[datetime | None]

    __table_args__ = (
        sa.CheckConstraint("kind IN ('state', 'terms')", name="kind"),
        sa.CheckConstraint("status IN ('proposed', 'done', 'declined')", name="status"),
        sa.CheckConstraint("(status = 'proposed') = (decided_at IS NULL)", name="decided"),
        sa.Index("ix_scene_change_scene_code_id", "scene_code", "id"),
        # one open wish per scene: the second person decides about what they see
        sa.Index(
            "uq_scene_change_proposed",
            "scene_code",
            unique=True,
            sqlite_where=_PROPOSED,
            postgresql_where=_PROPOSED,
        ),
    )


class Binding(Base):
    """A partner's pseudonymous customer number (``subject``) stands for this person, until it is ended.

    The partner is never told ``holder`` or ``person_id``.
    """

    __tablename__ = "binding"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    source: Mapped[str] = mapped_column(sa.ForeignKey("scene.code"))
    subject: Mapped[str]
    person_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"), index=True)
    holder: Mapped[str]
    bound_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]

    __table_args__ = (
        sa.Index(
            "uq_binding_in_force",
            "source",
            "subject",
            unique=True,
            sqlite_where=_OPEN,
            postgresql_where=_OPEN,
        ),
    )


class BindingCode(Base):
    """A one-time code that a partner shows to its signed-in customer; only its hash is kept."""

    __tablename__ = "binding_code"

    code_hash: Mapped[str] = mapped_column(primary_key=True)
    source: Mapped[str] = mapped_column(sa.ForeignKey("scene.code"))
    subject: Mapped[str]
    issued_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    used_at: Mapped[datetime | None]

    __table_args__ = (sa.Index("ix_binding_code_source_subject", "source", "subject"),)


class BindingAttempt(Base):
    """A code that was not right, per person: too many within the hour and no more are tried."""

    __tablename__ = "binding_attempt"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    person_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"))
    at: Mapped[datetime]

    __table_args__ = (sa.Index("ix_binding_attempt_person_id_at", "person_id", "at"),)
