"""A phone confirmed by a code. The number lies sealed in one row; codes are kept as keyed hashes only."""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.db import serialise
from carbon_platform.identity import merging, persons, sealing
from carbon_platform.identity import person_rules as rules
from carbon_platform.identity.auditing import audit
from carbon_platform.identity.rules import Actor
from carbon_platform.identity.tables import MergeOffer, PhoneCode


@dataclass(frozen=True)
class AskedCode:
    """A code to be sent now, after the transaction; never stored, never printed."""

    code_id: int
    phone: str
    code: str

    def __repr__(self) -> str:
        return f"AskedCode({self.code_id})"


@dataclass(frozen=True)
class Confirmed:
    """``offer``: the number belongs to another account, and this person may say what it is."""

    wrong: bool
    offer: MergeOffer | None = None


def ask(session: Session, actor: Actor, typed: str, *, now: datetime) -> AskedCode:
    """Make a code for a number; an earlier one of this account ends. Errors: ``PhoneInvalid``,
    ``TooManyCodes``."""
    phone = rules.phone_number(typed)
    person = persons.get_person(session, actor)
    keys = sealing.keys(session)
    index = keys.index("phone", phone)
    serialise(session, f"phone:{index}")
    _demand_pace(session, person.id, keys.indexes("phone", phone), now=now)
    session.execute(
        sa.update(PhoneCode)
        .where(PhoneCode.person_id == person.id, PhoneCode.ended_at.is_(None))
        .values(ended_at=now)
    )
    code = f"{secrets.randbelow(10**6):06d}"
    row = PhoneCode(
        person_id=person.id,
        phone_index=index,
        code_hash=keys.index(f"code:{person.id}:{index}", code),
        asked_at=now,
        expires_at=now + rules.CODE_LIFE,
        tries=0,
    )
    session.add(row)
    session.flush()
    audit(session, actor, "person.phone_code", object_kind="person", object_id=person.id, now=now)
    return AskedCode(row.id, phone, code)


def _demand_pace(session: Session, person_id: int, indexes: list[str], *, now: datetime) -> None:
    since = now - timedelta(days=1)

    def times(mine: sa.ColumnElement[bool]) -> list[datetime]:
        return list(session.scalars(sa.select(PhoneCode.asked_at).where(mine, PhoneCode.asked_at > since)))

    last_minute = session.scalar(
        sa.select(sa.func.count())
        .select_from(PhoneCode)
        .where(PhoneCode.asked_at > now - timedelta(minutes=1))
    )
    wait_s = rules.wait_for_code(
        times(PhoneCode.phone_index.in_(indexes)), times(PhoneCode.person_id == person_id),
        int(last_minute or 0), now,
    )  # fmt: skip
    if wait_s:
        raise rules.TooManyCodes(wait_s=wait_s, per_day=rules.CODES_PER_DAY)


def not_sent(session: Session, actor: Actor, code_id: int, *, now: datetime) -> None:
    """The gateway failed: the code ends, and the failure does not count against anybody's pace."""
    session.execute(sa.delete(PhoneCode).where(PhoneCode.id == code_id))
    audit(session, actor, "person.phone_code_failed", object_kind="person",
          object_id=actor.person_id or 0, now=now)  # fmt: skip


def confirm(session: Session, actor: Actor, typed: str, code: str, *, now: datetime) -> Confirmed:
    """Try a code. ``wrong``: commit then too, for the try is counted. A right code confirms the number,
    or offers to merge when another account has it. Errors: ``PhoneInvalid``."""
    phone = rules.phone_number(typed)
    keys = sealing.keys(session)
    person = persons.get_person(session, actor, lock=True)
    serialise(session, f"phone:{keys.index('phone', phone)}")
    row = session.scalar(
        sa.select(PhoneCode)
        .where(
            PhoneCode.person_id == person.id,
            PhoneCode.phone_index.in_(keys.indexes("phone", phone)),
            PhoneCode.ended_at.is_(None),
            PhoneCode.expires_at > now,
            PhoneCode.tries < rules.CODE_TRIES,
        )
        .with_for_update()
    )
    if row is None or not _right(keys, row, code):
        if row is not None:
            row.tries += 1
        audit(session, actor, "person.phone_wrong", object_kind="person", object_id=person.id, now=now)
        return Confirmed(wrong=True)
    row.ended_at = now
    other = persons.find_by_phone(session, phone)
    if other is not None and other.id != person.id:
        return Confirmed(wrong=False, offer=merging.offer(session, actor, other, "phone", phone, now=now))
    merging.take_phone(session, actor, phone, now=now)
    return Confirmed(wrong=False)


def _right(keys: sealing.Keyring, row: PhoneCode, code: str) -> bool:
    hashes = keys.indexes(f"code:{row.person_id}:{row.phone_index}", code)
    return any([hmac.compare_digest(row.code_hash, one) for one in hashes])  # noqa: C419 — same time always


def forget(session: Session, actor: Actor, *, now: datetime) -> None:
    """Take the number out of the account. Repeatable."""
    identity = persons.find_identity(session, persons.get_person(session, actor).id)
    if identity is not None:
        identity.phone_sealed = identity.phone_index = identity.phone_at = None
    audit(session, actor, "person.phone_forget", object_kind="person", object_id=actor.person_id or 0,
          now=now)  # fmt: skip


def forget_codes(session: Session, *, now: datetime) -> int:
    """Delete codes that no limit looks at any more; returns how many."""
    deleted = session.execute(sa.delete(PhoneCode).where(PhoneCode.asked_at < now - timedelta(days=2)))
    return int(deleted.rowcount)  # type: ignore[attr-defined]
