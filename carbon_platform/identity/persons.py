"""Accounts of citizens: opened, found, closed, erased. Everything else knows the opaque holder."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.errors import NotFound
from carbon_platform.identity import person_rules as rules
from carbon_platform.identity import sealing
from carbon_platform.identity.auditing import audit
from carbon_platform.identity.rules import Actor, WrongCredentials
from carbon_platform.identity.tables import (
    Consent,
    LoginSession,
    MergeOffer,
    Person,
    PersonIdentity,
    PhoneCode,
)

NO_WECHAT = "none:"
_GONE = "gone:"
_CHUNK = 1_000


@dataclass(frozen=True)
class NewPerson:
    """An account to be opened for somebody who is not here; ``phone`` as typed, or empty."""

    nickname: str
    region_code: str
    phone: str = ""
    under_14: bool = False
    opened_at: datetime | None = None


@dataclass(frozen=True)
class Opened:
    """``existing``: the phone belongs to an account that is here already; nothing was opened."""

    person_id: int
    holder: str
    existing: bool


def has_wechat(person: Person) -> bool:
    """Whether somebody can sign in to the account by themselves."""
    return not person.openid.startswith((NO_WECHAT, _GONE))


def new_person(
    *,
    nickname: str,
    region_code: str,
    now: datetime,
    openid: str = "",
    via: str = "wechat",
    under_14: bool = False,
) -> Person:
    """A row for a new account, not yet added; without ``openid`` nobody can sign in to it."""
    holder = f"person-{uuid4().hex}"
    return Person(
        openid=openid or NO_WECHAT + holder,
        nickname=nickname,
        region_code=region_code,
        holder=holder,
        opened_at=now,
        via=via,
        under_14=under_14,
    )


def open_person(
    session: Session, actor: Actor, *, nickname: str, region_code: str, via: str, now: datetime,
    under_14: bool = False,
) -> Person:  # fmt: skip
    """Open an account for somebody without WeChat (``via``: village, import:<platform>)."""
    person = new_person(nickname=nickname, region_code=region_code, now=now, via=via, under_14=under_14)
    session.add(person)
    session.flush()
    audit(
        session, actor, "person.open", object_kind="person", object_id=person.id, now=now,
        detail={"via": via},
    )  # fmt: skip
    return person


def open_many(
    session: Session, actor: Actor, people: Sequence[NewPerson], *, via: str, now: datetime
) -> list[Opened]:
    """Open accounts set-wise, one result per row in order; one audit record for all of them.

    A phone that an account here has already, or that came before in the same list, is that account.
    Errors: ``PhoneInvalid`` (check first with :func:`person_rules.phone_number` to name the row).
    """
    keys = sealing.keys(session)
    phones = [rules.phone_number(one.phone) if one.phone else "" for one in people]
    known = _by_phone(session, [phone for phone in phones if phone])
    rows: list[Person] = []
    found: list[Person | Opened] = []
    fresh: dict[str, Person] = {}
    for one, phone in zip(people, phones, strict=True):
        earlier = known.get(phone) or fresh.get(phone) if phone else None
        if earlier is None:
            earlier = new_person(
                nickname=one.nickname, region_code=one.region_code, now=one.opened_at or now, via=via,
                under_14=one.under_14,
            )  # fmt: skip
            rows.append(earlier)
            if phone:
                fresh[phone] = earlier
            found.append(earlier)
        else:
            found.append(Opened(earlier.id or 0, earlier.holder, existing=True))
    session.add_all(rows)
    session.flush()
    session.add_all(
        PersonIdentity(
            person_id=person.id,
            phone_sealed=keys.seal(phone, context=context("phone", person.id)),
            phone_index=keys.index("phone", phone),
            phone_at=now,
        )
        for phone, person in fresh.items()
    )
    session.flush()
    audit(
        session, actor, "person.open_many", object_kind="person", object_id=via, now=now,
        detail={"rows": len(people), "opened": len(rows)},
    )  # fmt: skip
    ids = {person.holder: person.id for person in rows}
    return [
        Opened(one.id, one.holder, existing=False)
        if isinstance(one, Person)
        else Opened(one.person_id or ids[one.holder], one.holder, existing=True)
        for one in found
    ]


def context(field: str, row: int) -> str:
    """What a sealed value of a person is bound to."""
    return f"person_identity.{field}:{row}"


def _by_phone(session: Session, phones: Sequence[str]) -> dict[str, Person]:
    keys = sealing.keys(session)
    by_index = {index: phone for phone in phones for index in keys.indexes("phone", phone)}
    found: dict[str, Person] = {}
    wanted = list(by_index)
    for start in range(0, len(wanted), _CHUNK):
        rows = session.execute(
            sa.select(PersonIdentity.phone_index, Person)
            .join(Person, Person.id == PersonIdentity.person_id)
            .where(PersonIdentity.phone_index.in_(wanted[start : start + _CHUNK]))
        )
        found |= {by_index[index]: person for index, person in rows if index is not None}
    return found


def find_by_phone(session: Session, phone: str) -> Person | None:
    """Whose confirmed number this is. ``phone`` as :func:`person_rules.phone_number` gives it."""
    return _by_phone(session, [phone]).get(phone)


def find_by_id_number(session: Session, number: str) -> Person | None:
    """Whose identity number this is."""
    return session.scalar(
        sa.select(Person)
        .join(PersonIdentity, PersonIdentity.person_id == Person.id)
        .where(PersonIdentity.id_index.in_(sealing.keys(session).indexes("id", number)))
    )


def get_person(session: Session, actor: Actor, *, lock: bool = False) -> Person:
    """The row of a signed-in citizen. Errors: ``WrongCredentials``."""
    if actor.person_id is None:
        raise WrongCredentials
    return session.get_one(Person, actor.person_id, with_for_update=lock or None, populate_existing=lock)


def find_identity(session: Session, person_id: int) -> PersonIdentity | None:
    return session.get(PersonIdentity, person_id)


def get_identity(session: Session, person_id: int) -> PersonIdentity:
    """The row that names the person, made empty if there is none."""
    found = session.get(PersonIdentity, person_id)
    if found is None:
        found = PersonIdentity(person_id=person_id)
        session.add(found)
        session.flush()
    return found


def actor_of(person: Person) -> Actor:
    """Somebody to act for, as jobs and batches know them; without any permission."""
    return Actor(
        name=person.nickname,
        role="citizen",
        permissions=frozenset(),
        region_code=person.region_code,
        person_id=person.id,
        holder=person.holder,
    )


def people_of(session: Session, holders: Collection[str]) -> dict[str, Person]:
    """Persons by holder, in whatever state; unknown holders are not in it."""
    wanted = list(holders)
    found: dict[str, Person] = {}
    for start in range(0, len(wanted), _CHUNK):
        part = wanted[start : start + _CHUNK]
        found |= {
            person.holder: person
            for person in session.scalars(sa.select(Person).where(Person.holder.in_(part)))
        }
    return found


def nicknames(session: Session, holders: Collection[str]) -> dict[str, str]:
    """What open accounts call themselves, by holder."""
    return {
        holder: person.nickname
        for holder, person in people_of(session, holders).items()
        if person.state == rules.OPEN
    }


def set_profile(
    session: Session, actor: Actor, *, now: datetime, nickname: str | None = None,
    region_code: str | None = None,
) -> Person:  # fmt: skip
    """Correct nickname or county; None leaves a value as it is."""
    person = get_person(session, actor, lock=True)
    person.nickname = nickname if nickname is not None else person.nickname
    person.region_code = region_code if region_code is not None else person.region_code
    audit(session, actor, "person.correct", object_kind="person", object_id=person.id, now=now)
    return person


def end_sessions(session: Session, person_id: int, *, now: datetime) -> None:
    """Sign out everywhere at once."""
    session.execute(
        sa.update(LoginSession)
        .where(LoginSession.person_id == person_id, LoginSession.ended_at.is_(None))
        .values(ended_at=now)
    )


def withdraw_consents(session: Session, person_id: int, *, now: datetime) -> int:
    """End every consent; returns how many were in force."""
    ended = session.execute(
        sa.update(Consent)
        .where(Consent.person_id == person_id, Consent.withdrawn_at.is_(None))
        .values(withdrawn_at=now)
    )
    return int(ended.rowcount)  # type: ignore[attr-defined]


def set_state(session: Session, actor: Actor, person: Person, state: str, *, now: datetime) -> None:
    """Close an account, ask for its erasure, or open it again, with an audit record.

    Errors: ``AccountClosed`` when it was deleted or merged while somebody was about to open it again.
    """
    if state == rules.OPEN:
        session.refresh(person, with_for_update=True)
        if person.state in (rules.DELETED, rules.MERGED):
            raise closed(person)
    person.state, person.state_at = state, now
    person.erase_after = now + rules.ERASE_AFTER if state == rules.ERASING else None
    if state != rules.OPEN:
        end_sessions(session, person.id, now=now)
        withdraw_consents(session, person.id, now=now)
    audit(session, actor, f"person.{state}", object_kind="person", object_id=person.id, now=now)


def closed(person: Person) -> rules.AccountClosed:
    """What somebody reads who signs in to a closed account."""
    day = (person.state_at or person.opened_at).date().isoformat()
    asked = person.state == rules.ERASING
    return rules.AccountClosed(
        day=day,
        state="申请注销" if asked else "停用",
        state_en="asked to be deleted" if asked else "closed",
    )


def due_for_erasure(session: Session, *, now: datetime, limit: int) -> list[int]:
    """Persons whose time to change their mind is over, longest first."""
    return list(
        session.scalars(
            sa.select(Person.id)
            .where(Person.erase_after.is_not(None), Person.erase_after <= now, Person.state == rules.ERASING)
            .order_by(Person.erase_after, Person.id)
            .limit(limit)
        )
    )


def erase(session: Session, person_id: int, *, now: datetime) -> str:
    """Forget who an account belonged to; returns the holder, which from now on stands for nobody.

    Phone, name, number, codes, offers and sessions are deleted, openid and nickname overwritten.
    Consents stay: they name no one and prove that data were taken rightly. Repeatable.
    Errors: ``NotFound``.
    """
    person = session.get(Person, person_id, with_for_update=True)
    if person is None:
        raise NotFound(what="账户", key=person_id)
    for table in (PersonIdentity, PhoneCode, LoginSession):
        session.execute(sa.delete(table).where(table.person_id == person_id))
    session.execute(
        sa.delete(MergeOffer).where(
            sa.or_(MergeOffer.person_id == person_id, MergeOffer.other_id == person_id)
        )
    )
    person.openid = _GONE + secrets.token_hex(16)
    person.nickname = ""
    person.state, person.state_at, person.erase_after = rules.DELETED, now, None
    return person.holder
