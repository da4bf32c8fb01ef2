"""Accounts, sessions, consent, audit: the one place that writes identity's tables."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import uuid4

import sqlalchemy as sa
from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from carbon_platform.db import among_texts, ask, instant, mark
from carbon_platform.errors import Conflict, NotFound
from carbon_platform.identity import person_rules, persons, rules
from carbon_platform.identity.auditing import audit as audit  # every room asks for it here
from carbon_platform.identity.rules import Actor, WrongCredentials
from carbon_platform.identity.tables import Consent, LoginSession, Organisation, Person, User

# 19 MiB, 2 passes: the lighter OWASP profile; two cores must still serve while someone signs in.
_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
# Verified against when the user name is unknown, so that both answers take the same time.
_nobody = _hasher.hash(secrets.token_hex())


def add_organisation(
    session: Session,
    actor: Actor,
    *,
    name_zh: str,
    kind: str,
    region_code: str,
    now: datetime,
    credit_code: str = "",
) -> Organisation:
    """Register an organisation; the same name again returns the one on file."""
    found = session.scalar(sa.select(Organisation).where(Organisation.name_zh == name_zh))
    if found:
        return found
    organisation = Organisation(
        name_zh=name_zh,
        kind=kind,
        region_code=region_code,
        credit_code=credit_code,
        holder=f"org-{uuid4().hex}",
    )
    session.add(organisation)
    session.flush()
    audit(session, actor, "organisation.add", object_kind="organisation", object_id=organisation.id, now=now)
    return organisation


def get_organisation(session: Session, organisation_id: int) -> Organisation:
    organisation = session.get(Organisation, organisation_id)
    if organisation is None:
        raise NotFound(what="机构", key=organisation_id)
    return organisation


def organisation_names(session: Session, holders: set[str]) -> dict[str, str]:
    """Chinese names of organisations by ledger holder; people are not in it."""
    rows = session.execute(
        sa.select(Organisation.holder, Organisation.name_zh).where(Organisation.holder.in_(holders))
    )
    return dict(rows.all())


def add_user(
    session: Session,
    actor: Actor,
    *,
    username: str,
    password: str,
    display_name: str,
    role: str,
    region_code: str,
    now: datetime,
    organisation_id: int | None = None,
) -> User:
    """Create a log-in. Errors: ``WeakPassword``; ``Conflict`` when the user name is taken."""
    rules.check_password(password)
    if role not in rules.PERMISSIONS or role == "citizen":
        raise NotFound(what="角色", key=role)
    if session.scalar(sa.select(User.id).where(User.username == username)):
        raise Conflict(reason=f"用户名 {username} 已有人用", reason_en=f"user name {username} is taken")
    if organisation_id is not None:
        get_organisation(session, organisation_id)
    user = User(
        username=username,
        display_name=display_name,
        password_hash=_hasher.hash(password),
        role=role,
        region_code=region_code,
        organisation_id=organisation_id,
    )
    session.add(user)
    session.flush()
    audit(session, actor, "user.add", object_kind="user", object_id=user.id, now=now, detail={"role": role})
    return user


def find_password_hash(session: Session, username: str) -> str:
    """The hash to verify against; for an unknown name another one, so that both take the same time."""
    return session.scalar(sa.select(User.password_hash).where(User.username == username)) or _nobody


def password_matches(password_hash: str, password: str) -> bool:
    """Takes some 20 ms on purpose: call it outside any transaction."""
    try:
        return _hasher.verify(password_hash, password)
    except VerifyMismatchError:
        return False


def sign_in(session: Session, username: str, *, matches: bool, now: datetime) -> tuple[str, Actor] | None:
    """Open a staff session, or count the failure. Returns the token (stored nowhere else) and the actor.

    ``matches``: what :func:`password_matches` said. None is a refusal; commit the session then too, for
    the failure is counted and the fifth locks the account.
    """
    user = session.scalar(sa.select(User).where(User.username == username).with_for_update())
    if user is None or not user.active or (user.locked_until and user.locked_until > now):
        return None
    if not matches:
        user.failures += 1
        if user.failures >= rules.FAILURES_BEFORE_LOCK:
            user.locked_until = now + timedelta(minutes=rules.LOCK_MINUTES)
            user.failures = 0
            audit(session, rules.SYSTEM, "user.lock", object_kind="user", object_id=user.id, now=now)
        return None
    user.failures = 0
    actor = _user_actor(session, user)
    token = _open_session(session, now + timedelta(hours=rules.STAFF_SESSION_HOURS), now=now, user_id=user.id)
    audit(session, actor, "session.open", object_kind="user", object_id=user.id, now=now)
    return token, actor


def sign_in_person(
    session: Session,
    openid: str,
    *,
    nickname: str,
    region_code: str,
    now: datetime,
    under_14: bool = False,
    reopen: bool = False,
) -> tuple[str, Actor]:
    """Open a citizen's session; the first one opens the account. One that was merged leads to the account
    it was merged into. Errors: ``AccountClosed`` for a closed one, unless ``reopen`` says to open it again.
    """
    person = session.scalar(sa.select(Person).where(Person.openid == openid))
    if person is not None and person.merged_into_id is not None:
        person = session.get_one(Person, person.merged_into_id)
    if person is None:
        person = persons.new_person(
            openid=openid, nickname=nickname, region_code=region_code, now=now, under_14=under_14
        )
        session.add(person)
        session.flush()
    if person.state != person_rules.OPEN:
        if not reopen:
            raise persons.closed(person)
        persons.set_state(session, _person_actor(person), person, person_rules.OPEN, now=now)
    actor = _person_actor(person)
    token = _open_session(
        session, now + timedelta(days=rules.CITIZEN_SESSION_DAYS), now=now, person_id=person.id
    )
    audit(session, actor, "session.open", object_kind="person", object_id=person.id, now=now)
    return token, actor


def _open_session(
    session: Session,
    expires_at: datetime,
    *,
    now: datetime,
    user_id: int | None = None,
    person_id: int | None = None,
) -> str:
    token = secrets.token_urlsafe(32)
    session.add(
        LoginSession(
            token_hash=_token_hash(token),
            user_id=user_id,
            person_id=person_id,
            started_at=now,
            expires_at=expires_at,
        )
    )
    return token


def sign_out(session: Session, token: str, actor: Actor, *, now: datetime) -> None:
    session.execute(
        sa.update(LoginSession)
        .where(LoginSession.token_hash == _token_hash(token), LoginSession.ended_at.is_(None))
        .values(ended_at=now)
    )
    audit(session, actor, "session.close", object_kind="session", object_id="current", now=now)


def authenticate(session: Session, token: str, *, now: datetime) -> Actor | None:
    """Who holds this token; None when it is unknown, ended or expired."""
    session.flush()
    connection = session.connection()
    value = mark(connection)
    text = (  # asked at every request; a citizen comes along
        "SELECT s.user_id, p.id, p.nickname, p.region_code, p.holder, p.state "  # noqa: S608
        "FROM login_session AS s LEFT JOIN person AS p ON p.id = s.person_id "
        f"WHERE s.token_hash = {value} AND s.ended_at IS NULL AND s.expires_at > {value}"
    )
    found = ask(connection, text, (_token_hash(token), instant(connection, now)))
    if not found:
        return None
    ((user_id, *person),) = found
    if user_id is None:
        citizen = _Citizen(*person)
        return _person_actor(citizen) if citizen.state == person_rules.OPEN else None
    user = session.get_one(User, user_id)
    return _user_actor(session, user) if user.active else None


def _user_actor(session: Session, user: User) -> Actor:
    organisation = session.get(Organisation, user.organisation_id) if user.organisation_id else None
    return Actor(
        name=user.display_name,
        role=user.role,
        permissions=rules.PERMISSIONS[user.role],
        region_code=user.region_code,
        user_id=user.id,
        organisation_id=user.organisation_id,
        holder=organisation.holder if organisation else "",
    )


class _Citizen(NamedTuple):
    """The columns of a person that a request needs."""

    id: int
    nickname: str
    region_code: str
    holder: str
    state: str


def _person_actor(person: Person | _Citizen) -> Actor:
    return Actor(
        name=person.nickname,
        role="citizen",
        permissions=rules.PERMISSIONS["citizen"],
        region_code=person.region_code,
        person_id=person.id,
        holder=person.holder,
    )


def _token_hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def csrf_token(secret: str, token: str) -> str:
    """What a page must send back with a change made under the session cookie."""
    return hmac.new(secret.encode(), b"csrf:" + token.encode(), hashlib.sha256).hexdigest()


def give_consent(
    session: Session,
    actor: Actor,
    *,
    partner: str,
    purpose: str,
    text_version: str,
    channel: str,
    now: datetime,
) -> Consent:
    """Record consent; giving the same consent twice keeps the first."""
    found = find_consent(session, actor, partner=partner, purpose=purpose)
    if found and found.text_version == text_version:
        audit(session, actor, "consent.repeat", object_kind="consent", object_id=found.id, now=now)
        return found
    if found:
        found.withdrawn_at = now
        session.flush()
    consent = Consent(
        person_id=_person_id(actor),
        partner=partner,
        purpose=purpose,
        text_version=text_version,
        channel=channel,
        given_at=now,
    )
    session.add(consent)
    session.flush()
    audit(session, actor, "consent.give", object_kind="consent", object_id=consent.id, now=now)
    return consent


# Asked for every act, so built once.
_CONSENT = sa.select(Consent).where(
    Consent.person_id == sa.bindparam("person"),
    Consent.partner == sa.bindparam("partner"),
    Consent.purpose == sa.bindparam("purpose"),
    Consent.withdrawn_at.is_(None),
)


def find_consent(session: Session, actor: Actor, *, partner: str, purpose: str) -> Consent | None:
    """The consent in force, if any."""
    asked = {"person": _person_id(actor), "partner": partner, "purpose": purpose}
    return session.scalar(_CONSENT, asked)


@dataclass(slots=True)
class Standing:
    """A person at the door of intake: whether the account is in use, the county, and for each partner the
    version of the text that is agreed to."""

    open: bool
    region_code: str
    versions: dict[str, str] = field(default_factory=dict)


def standings_query(
    connection: Connection, holders: Collection[str], *, partners: Collection[str], purpose: str
) -> tuple[str, tuple[str, ...]]:
    """What :func:`standings` asks; intake asks it within a statement of its own."""
    from_these, partners_given = among_texts(connection, partners)
    of_these, holders_given = among_texts(connection, holders)
    text = (
        "SELECT p.holder, p.state, p.region_code, c.partner, c.text_version FROM person AS p "  # noqa: S608
        f"LEFT JOIN consent AS c ON c.person_id = p.id AND c.purpose = {mark(connection)} "
        f"AND c.partner {from_these} AND c.withdrawn_at IS NULL WHERE p.holder {of_these}"
    )
    return text, (purpose, partners_given, holders_given)


def standings(
    session: Session, holders: Collection[str], *, partners: Collection[str], purpose: str
) -> dict[str, Standing]:
    """The consents in force of many holders, in one statement; unknown holders are left out."""
    session.flush()
    connection = session.connection()
    query = standings_query(connection, holders, partners=partners, purpose=purpose)
    return standings_of(ask(connection, *query))


def standings_of(rows: Iterable[Sequence[Any]]) -> dict[str, Standing]:
    """Rows of :data:`STANDINGS`, by holder."""
    found: dict[str, Standing] = {}
    for holder, state, region_code, partner, version in rows:
        one = found.setdefault(holder, Standing(state == person_rules.OPEN, region_code))
        if partner is not None:
            one.versions[partner] = version
    return found


def list_consents(session: Session, actor: Actor) -> list[Consent]:
    statement = sa.select(Consent).where(Consent.person_id == _person_id(actor)).order_by(Consent.id)
    return list(session.scalars(statement))


def withdraw_consent(session: Session, actor: Actor, consent_id: int, *, now: datetime) -> Consent:
    """End a consent: the next request already finds it gone."""
    consent = session.scalar(
        sa.select(Consent).where(Consent.id == consent_id, Consent.person_id == _person_id(actor))
    )
    if consent is None:
        raise NotFound(what="授权", key=consent_id)
    if consent.withdrawn_at is None:
        consent.withdrawn_at = now
    audit(session, actor, "consent.withdraw", object_kind="consent", object_id=consent.id, now=now)
    return consent


def _person_id(actor: Actor) -> int:
    if actor.person_id is None:
        raise WrongCredentials
    return actor.person_id
