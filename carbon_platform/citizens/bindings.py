"""Bindings: which person a partner's pseudonymous customer number (``subject``) stands for.

The partner asks for a one-time code for a customer who is signed in there and shows it; the person enters it
here. The partner learns that the code was used, never by whom. Callers open the transaction.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.citizens import scenes
from carbon_platform.citizens.errors import (
    BindingCodeWrong,
    BindingTaken,
    BindingTooManyTries,
    SubjectNotPseudonymous,
)
from carbon_platform.citizens.scene_tables import Binding, BindingAttempt, BindingCode
from carbon_platform.db import among, serialise
from carbon_platform.errors import NotFound
from carbon_platform.identity.rules import Actor, WrongCredentials
from carbon_platform.identity.service import audit
from carbon_platform.identity.tables import Person

CODE_MINUTES = 10
TRIES_PER_HOUR = 10
_LETTERS = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"  # none that look alike
_CODE_LENGTH = 8
_SUBJECT = re.compile(r"[A-Za-z0-9._:-]{1,64}")
# Alone or between signs; not inside a longer word, for digests happen to hold eleven digits in a row.
_PHONE = re.compile(r"(?<![A-Za-z0-9])(?:86)?1[3-9]\d{9}(?![A-Za-z0-9])")
_IDENTITY = re.compile(
    r"(?<![A-Za-z0-9])[1-9]\d{5}(?:1[89]\d{2}|20[01]\d)(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dXx]"
    r"(?![A-Za-z0-9])"
)


@dataclass(frozen=True)
class Bound:
    """Whom a subject stands for, with what the pipeline needs of the person."""

    subject: str
    person_id: int
    holder: str
    region_code: str
    bound_at: datetime


def check_subject(subject: str) -> None:
    """Raise ``SubjectNotPseudonymous`` for what is no number of the partner's own, or holds a phone or ID."""
    if not _SUBJECT.fullmatch(subject) or names_somebody(subject):
        raise SubjectNotPseudonymous


def names_somebody(text: str) -> bool:
    """Whether a number at a partner is, or holds, a mobile phone or an identity number."""
    return bool(_PHONE.search(text) or _IDENTITY.search(text))


def people(session: Session, source: str, subjects: Collection[str]) -> dict[str, Bound]:
    """Whom these subjects of one source stand for, in one statement; unbound ones are not in it."""
    if not subjects:
        return {}
    rows = session.execute(
        sa.select(Binding.subject, Binding.person_id, Binding.holder, Person.region_code, Binding.bound_at)
        .join(Person, Person.id == Binding.person_id)
        .where(
            Binding.source == source, among(session, Binding.subject, subjects), Binding.ended_at.is_(None)
        )
    )
    return {row.subject: Bound(*row) for row in rows}


def issue_code(session: Session, source: str, subject: str, *, now: datetime) -> tuple[str, datetime]:
    """A one-time code for a partner's customer, and until when it is good. An earlier code of theirs ends.

    Errors: ``SourceUnknown``, ``SceneNotOpen``, ``SubjectNotPseudonymous``.
    """
    scenes.get_source(session, source)
    check_subject(subject)
    session.execute(
        sa.update(BindingCode)
        .where(
            BindingCode.source == source,
            BindingCode.subject == subject,
            BindingCode.used_at.is_(None),
            BindingCode.expires_at > now,
        )
        .values(expires_at=now)
    )
    code = "".join(secrets.choice(_LETTERS) for _ in range(_CODE_LENGTH))
    until = now + timedelta(minutes=CODE_MINUTES)
    session.add(
        BindingCode(code_hash=_hash(code), source=source, subject=subject, issued_at=now, expires_at=until)
    )
    session.flush()
    return f"{code[:4]}-{code[4:]}", until


def bind(session: Session, actor: Actor, code: str, *, now: datetime) -> Binding | None:
    """Bind the customer behind a code to this person. The same customer again returns the first binding.

    None is a wrong, used or expired code: commit the session then too, for the try is counted; the caller
    raises :func:`wrong_code`. Errors: ``BindingTooManyTries``, ``BindingTaken``, ``SceneNotOpen``.
    """
    person_id = _person_id(actor)
    serialise(session, f"binding:{person_id}")
    _check_tries(session, person_id, now=now)
    found = session.get(BindingCode, _hash(code), with_for_update=True)
    if found is None or found.used_at is not None or found.expires_at <= now:
        session.add(BindingAttempt(person_id=person_id, at=now))
        audit(session, actor, "binding.wrong_code", object_kind="binding", object_id="", now=now)
        return None
    source = scenes.get_source(session, found.source)
    found.used_at = now
    there = session.scalar(
        sa.select(Binding).where(
            Binding.source == found.source, Binding.subject == found.subject, Binding.ended_at.is_(None)
        )
    )
    if there is not None and there.person_id != person_id:
        raise BindingTaken(source=source.name_zh, source_en=source.name_en)
    binding = there or Binding(
        source=found.source, subject=found.subject, person_id=person_id, holder=actor.holder, bound_at=now
    )
    session.add(binding)
    session.flush()
    audit(
        session, actor, "binding.begin", object_kind="binding", object_id=binding.id, now=now,
        detail={"source": binding.source, "again": there is not None},
    )  # fmt: skip
    return binding


def wrong_code() -> BindingCodeWrong:
    """What to tell after :func:`bind` returned None."""
    return BindingCodeWrong(minutes=CODE_MINUTES)


def list_bindings(session: Session, actor: Actor) -> list[Binding]:
    """This person's bindings, those in force first, then the ended ones, newest first."""
    return list(
        session.scalars(
            sa.select(Binding)
            .where(Binding.person_id == _person_id(actor))
            .order_by(Binding.ended_at.is_not(None), Binding.id.desc())
        )
    )


def end(session: Session, actor: Actor, binding_id: int, *, now: datetime) -> Binding:
    """End a binding: the partner's next record already finds it gone. Errors: ``NotFound``."""
    binding = session.scalar(
        sa.select(Binding).where(Binding.id == binding_id, Binding.person_id == _person_id(actor))
    )
    if binding is None:
        raise NotFound(what="绑定", key=binding_id)
    if binding.ended_at is None:
        binding.ended_at = now
    audit(
        session, actor, "binding.end", object_kind="binding", object_id=binding.id, now=now,
        detail={"source": binding.source},
    )  # fmt: skip
    return binding


def end_all(session: Session, person_id: int, *, now: datetime) -> int:
    """End every binding of a person whose account closes; returns how many."""
    ended = session.execute(
        sa.update(Binding)
        .where(Binding.person_id == person_id, Binding.ended_at.is_(None))
        .values(ended_at=now)
    )
    return int(ended.rowcount)  # type: ignore[attr-defined]


def move(session: Session, from_person_id: int, to_person_id: int, to_holder: str) -> int:
    """Hand the bindings of a merged account to the one that goes on; returns how many."""
    moved = session.execute(
        sa.update(Binding)
        .where(Binding.person_id == from_person_id)
        .values(person_id=to_person_id, holder=to_holder)
    )
    return int(moved.rowcount)  # type: ignore[attr-defined]


def forget(session: Session, person_id: int) -> int:
    """Delete what ties a person to partners, before the person's row is deleted; returns how many."""
    session.execute(sa.delete(BindingAttempt).where(BindingAttempt.person_id == person_id))
    mine = sa.select(Binding.source, Binding.subject).where(Binding.person_id == person_id)
    for source, subject in session.execute(mine).all():
        session.execute(
            sa.delete(BindingCode).where(BindingCode.source == source, BindingCode.subject == subject)
        )
    deleted = session.execute(sa.delete(Binding).where(Binding.person_id == person_id))
    return int(deleted.rowcount)  # type: ignore[attr-defined]


def forget_old_codes(session: Session, *, now: datetime) -> int:
    """Delete codes and wrong tries of more than a day ago; returns how many codes."""
    day_ago = now - timedelta(days=1)
    session.execute(sa.delete(BindingAttempt).where(BindingAttempt.at < day_ago))
    deleted = session.execute(sa.delete(BindingCode).where(BindingCode.expires_at < day_ago))
    return int(deleted.rowcount)  # type: ignore[attr-defined]


def _check_tries(session: Session, person_id: int, *, now: datetime) -> None:
    tries = session.scalar(
        sa.select(sa.func.count())
        .select_from(BindingAttempt)
        .where(BindingAttempt.person_id == person_id, BindingAttempt.at > now - timedelta(hours=1))
    )
    if (tries or 0) >= TRIES_PER_HOUR:
        raise BindingTooManyTries(tries=TRIES_PER_HOUR)


def _hash(code: str) -> str:
    plain = re.sub(r"[\s-]", "", code).upper()
    return hashlib.sha256(b"binding:" + plain.encode()).hexdigest()


def _person_id(actor: Actor) -> int:
    if actor.person_id is None:
        raise WrongCredentials
    return actor.person_id
