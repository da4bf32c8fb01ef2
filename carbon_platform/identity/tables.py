"""Tables of identity. Personal data stay here; every other feature knows an opaque holder."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from carbon_platform.db import Base, BigId


class Organisation(Base):
    """A company, bureau, village collective or bank. ``credit_code``: 统一社会信用代码."""

    __tablename__ = "organisation"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    name_zh: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[str]
    region_code: Mapped[str]
    credit_code: Mapped[str] = mapped_column(default="")
    holder: Mapped[str] = mapped_column(unique=True)


class User(Base):
    """A log-in of someone who works with the platform: one person, one role, one region."""

    __tablename__ = "user_account"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    username: Mapped[str] = mapped_column(unique=True)
    display_name: Mapped[str]
    password_hash: Mapped[str]
    role: Mapped[str]
    region_code: Mapped[str]
    organisation_id: Mapped[int | None] = mapped_column(sa.ForeignKey("organisation.id"))
    failures: Mapped[int] = mapped_column(default=0)
    locked_until: Mapped[datetime | None]
    active: Mapped[bool] = mapped_column(default=True)


class Person(Base):
    """A citizen. Deleting the row with its sessions and consents forgets the person: ledger and audit
    know the opaque holder only."""

    __tablename__ = "person"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    openid: Mapped[str] = mapped_column(unique=True)
    nickname: Mapped[str]
    region_code: Mapped[str]
    holder: Mapped[str] = mapped_column(unique=True)
    opened_at: Mapped[datetime]


class LoginSession(Base):
    """An opaque session: only the hash of its token is stored, so that ending it acts at once."""

    __tablename__ = "login_session"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    token_hash: Mapped[str] = mapped_column(unique=True)
    user_id: Mapped[int | None] = mapped_column(sa.ForeignKey("user_account.id"), index=True)
    person_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"), index=True)
    started_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]

    __table_args__ = (sa.CheckConstraint("(user_id IS NULL) <> (person_id IS NULL)", name="user_or_person"),)


class Consent(Base):
    """One person's consent to one partner for one purpose, with the version of the text shown."""

    __tablename__ = "consent"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    person_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"), index=True)
    partner: Mapped[str]
    purpose: Mapped[str]
    text_version: Mapped[str]
    channel: Mapped[str]
    given_at: Mapped[datetime]
    withdrawn_at: Mapped[datetime | None]

    __table_args__ = (
        # one consent in force per person, partner and purpose, however many requests arrive at once
        sa.Index(
            "uq_consent_in_force",
            "person_id",
            "partner",
            "purpose",
            unique=True,
            sqlite_where=sa.text("withdrawn_at IS NULL"),
            postgresql_where=sa.text("withdrawn_at IS NULL"),
        ),
    )


class AuditRecord(Base):
    """Who did what to which object. Append-only: triggers on both engines refuse UPDATE and DELETE."""

    __tablename__ = "audit_record"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
    actor_name: Mapped[str]
    role: Mapped[str]
    user_id: Mapped[int | None]
    action: Mapped[str] = mapped_column(index=True)
    object_kind: Mapped[str]
    object_id: Mapped[str]
    detail: Mapped[dict[str, Any]]

    __table_args__ = (sa.Index("ix_audit_record_object", "object_kind", "object_id"),)
