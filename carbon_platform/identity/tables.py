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
    """A citizen. Everything else knows the opaque ``holder`` only, so that forgetting a person leaves the
    books whole: a ``deleted`` row keeps the holder and no word about who it was.

    ``openid`` of an account without WeChat is ``none:<holder>``. ``via``: how it was opened (wechat,
    import:<platform>, village). ``state``: open, merged (into ``merged_into_id``), closed, erasing
    (asked to be deleted, may still change their mind until ``erase_after``), deleted.
    """

    __tablename__ = "person"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    openid: Mapped[str] = mapped_column(unique=True)
    nickname: Mapped[str]
    region_code: Mapped[str]
    holder: Mapped[str] = mapped_column(unique=True)
    opened_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(default="open", server_default="open")
    state_at: Mapped[datetime | None]
    erase_after: Mapped[datetime | None]
    merged_into_id: Mapped[int | None]
    via: Mapped[str] = mapped_column(default="wechat", server_default="wechat")
    under_14: Mapped[bool] = mapped_column(default=False, server_default=sa.false())

    __table_args__ = (
        # to count accounts per county; the job that erases walks only over those who asked
        sa.Index("ix_person_region_code_state", "region_code", "state"),
        sa.Index(
            "ix_person_erase_after",
            "erase_after",
            sqlite_where=sa.text("erase_after IS NOT NULL"),
            postgresql_where=sa.text("erase_after IS NOT NULL"),
        ),
    )


class PersonIdentity(Base):
    """What names a person, sealed, with blind indexes to find it by; no row: nothing was given.

    An index in use is unique: one phone and one identity number belong to one account.
    """

    __tablename__ = "person_identity"

    person_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"), primary_key=True, autoincrement=False)
    phone_sealed: Mapped[str | None]
    phone_index: Mapped[str | None] = mapped_column(unique=True)
    phone_at: Mapped[datetime | None]
    name_sealed: Mapped[str | None]
    id_sealed: Mapped[str | None]
    id_index: Mapped[str | None] = mapped_column(unique=True)
    real_name_at: Mapped[datetime | None] = mapped_column(index=True)

    __table_args__ = (
        sa.CheckConstraint("(phone_sealed IS NULL) = (phone_index IS NULL)", name="phone_whole"),
        sa.CheckConstraint(
            "(name_sealed IS NULL) = (id_sealed IS NULL) AND (id_sealed IS NULL) = (id_index IS NULL)",
            name="real_name_whole",
        ),
    )


class PhoneCode(Base):
    """A code sent to a phone. The number is not here, only its index; of the code only a keyed hash."""

    __tablename__ = "phone_code"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    person_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"))
    phone_index: Mapped[str]
    code_hash: Mapped[str]
    asked_at: Mapped[datetime] = mapped_column(index=True)
    expires_at: Mapped[datetime]
    tries: Mapped[int] = mapped_column(default=0)
    ended_at: Mapped[datetime | None]

    __table_args__ = (
        sa.Index("ix_phone_code_person_id_asked_at", "person_id", "asked_at"),
        sa.Index("ix_phone_code_phone_index_asked_at", "phone_index", "asked_at"),
    )


class MergeOffer(Base):
    """Two accounts that seem to be one person's: ``person_id`` proved the phone or the identity number
    that ``other_id`` has. ``agreed_at``: the other account agreed; ``done_at`` with the ``outcome``."""

    __tablename__ = "merge_offer"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    person_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"), index=True)
    other_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"), index=True)
    proof: Mapped[str]
    sealed: Mapped[str]
    offered_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    agreed_at: Mapped[datetime | None]
    done_at: Mapped[datetime | None]
    outcome: Mapped[str] = mapped_column(server_default="")

    __table_args__ = (
        sa.CheckConstraint("person_id <> other_id", name="two_accounts"),
        sa.CheckConstraint("proof IN ('phone', 'id')", name="proof"),
        sa.CheckConstraint("outcome IN ('', 'merged', 'moved')", name="outcome"),
        sa.CheckConstraint("(done_at IS NULL) = (outcome = '')", name="outcome_when_done"),
    )


class PersonLookup(Base):
    """A colleague looked a citizen up: who, by what, why, and whether somebody was found."""

    __tablename__ = "person_lookup"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    person_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"), index=True)
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("user_account.id"), index=True)
    user_role: Mapped[str]
    found_by: Mapped[str]
    reason: Mapped[str]
    at: Mapped[datetime]

    __table_args__ = (sa.CheckConstraint("found_by IN ('phone', 'id', 'number')", name="found_by"),)


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
