"""A citizen's own account: what it shows, real name, closing, asking for deletion, and the deletion itself.

Closing keeps everything and takes nothing new. Deletion has a week to change one's mind; then a job settles
the points that are left (they lapse), erases what names the person, and the grams stay in the books under a
holder that stands for nobody (``quality.md`` S13).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform import ledger
from carbon_platform.citizens import catalogue, consents, points
from carbon_platform.citizens.account_errors import ErasureOpen, PointsLeft
from carbon_platform.citizens.errors import GuardianNeeded
from carbon_platform.citizens.personal_data import kept
from carbon_platform.citizens.purse import EXPIRED, PENDING, expired_account, open_purse
from carbon_platform.citizens.tables import Act
from carbon_platform.citizens.truth_tables import Appeal
from carbon_platform.db import Base
from carbon_platform.identity import merging, person_rules, persons, real_names, sealing
from carbon_platform.identity import service as identity_service
from carbon_platform.identity.rules import SYSTEM, Actor
from carbon_platform.identity.service import audit
from carbon_platform.identity.tables import MergeOffer, Person, PersonIdentity

REAL_NAME = ("platform", "real-name")
# What lets others act or send for the account, or see and count it, ends with it: (table, column of the
# holder, column of the end).
_ENDED_BY = (
    ("binding", "holder", "ended_at"),
    ("bus_card", "holder", "ended_at"),
    ("proxy", "principal", "ended_at"),
    ("proxy", "agent", "ended_at"),
    ("group_member", "holder", "left_at"),
)


@dataclass(frozen=True)
class Account:
    """What a person reads of their own account; names and numbers masked."""

    person: Person
    phone_masked: str
    name_masked: str
    id_masked: str
    identity: PersonIdentity | None
    guardian_consent: bool
    offers: list[MergeOffer]
    points: int

    @property
    def tier(self) -> str:
        """``real_name``, ``phone`` or ``opened``."""
        if self.id_masked:
            return "real_name"
        return "phone" if self.phone_masked else "opened"


def describe(session: Session, actor: Actor, *, now: datetime) -> Account:
    """The signed-in person's account."""
    person = persons.get_person(session, actor)
    identity = persons.find_identity(session, person.id)
    partner, purpose = consents.GUARDIAN
    guardian = person.under_14 and identity_service.find_consent(
        session, actor, partner=partner, purpose=purpose
    )
    return Account(
        person=person,
        **masked(session, identity),
        identity=identity,
        guardian_consent=bool(guardian),
        offers=merging.open_offers(session, person.id, now=now),
        points=open_purse(session, person.holder, now=now).available,
    )


def masked(session: Session, identity: PersonIdentity | None) -> dict[str, str]:
    """Phone, name and number as anybody but the person's own export may see them; empty: not given."""
    keys = sealing.keys(session)

    def shown(field: str, mask: Any) -> str:
        sealed = getattr(identity, f"{field}_sealed") if identity else None
        if identity is None or sealed is None:
            return ""
        return str(mask(keys.open(sealed, context=persons.context(field, identity.person_id))))

    return {
        "phone_masked": shown("phone", person_rules.masked_phone),
        "name_masked": shown("name", person_rules.masked_name),
        "id_masked": shown("id", person_rules.masked_id),
    }


def give_real_name(
    session: Session,
    actor: Actor,
    *,
    name: str,
    id_number: str,
    version: str,
    guardian_agrees: bool,
    now: datetime,
) -> MergeOffer | None:
    """Keep name and number, with the separate consent they need; an offer if another account has them.

    Errors: ``ConsentTextUnknown``, ``GuardianNeeded``, ``NameInvalid``, ``IdNumberInvalid``.
    """
    person = persons.get_person(session, actor)
    if real_names.is_child(id_number, now=now) and not person.under_14:
        if not guardian_agrees:
            raise GuardianNeeded
        person.under_14 = True
        text = catalogue.consent_texts()[consents.GUARDIAN]
        consents.agree(
            session, actor, partner=text.partner, purpose=text.purpose, version=text.version, now=now,
            guardian_agrees=True,
        )  # fmt: skip
    consents.agree(
        session, actor, partner=REAL_NAME[0], purpose=REAL_NAME[1], version=version, now=now,
        guardian_agrees=guardian_agrees,
    )  # fmt: skip
    return real_names.give(session, actor, name, id_number, now=now)


def withdraw_consent(session: Session, actor: Actor, consent_id: int, *, now: datetime) -> None:
    """Withdraw a consent; that to the real name takes the real name with it at once, and so does a
    guardian's, with which all others end. Errors: ``NotFound``."""
    consent = consents.withdraw(session, actor, consent_id, now=now)
    if (consent.partner, consent.purpose) in (REAL_NAME, consents.GUARDIAN):
        real_names.forget(session, actor, now=now)


def forget_real_name(session: Session, actor: Actor, *, now: datetime) -> None:
    """Take name and number out again, and the consent to them."""
    real_names.forget(session, actor, now=now)
    given = identity_service.find_consent(session, actor, partner=REAL_NAME[0], purpose=REAL_NAME[1])
    if given is not None:
        consents.withdraw(session, actor, given.id, now=now)


def close(session: Session, actor: Actor, *, now: datetime) -> Person:
    """Stop using the account: signed out everywhere, consents, bindings and memberships ended; what is in it
    stays, but for name and number, which are kept by consent only."""
    person = persons.get_person(session, actor, lock=True)
    persons.set_state(session, actor, person, person_rules.CLOSED, now=now)
    real_names.forget(session, actor, now=now)
    _end_ties(session, person.holder, now=now)
    return person


def ask_erasure(session: Session, actor: Actor, *, forfeit_points: int, now: datetime) -> Person:
    """Ask for deletion. ``forfeit_points``: the points the person knows will lapse with it.

    Errors: ``PointsLeft`` when they are others, ``ErasureOpen`` while something is held.
    """
    person = persons.get_person(session, actor, lock=True)
    purse = open_purse(session, person.holder, now=now)
    left = purse.available + sum(purse.pending.values())
    if left != forfeit_points:
        raise PointsLeft(points=left)
    if purse.held:
        raise ErasureOpen(points=purse.held)
    persons.set_state(session, actor, person, person_rules.ERASING, now=now)
    real_names.forget(session, actor, now=now)
    _end_ties(session, person.holder, now=now)
    return person


def _end_ties(session: Session, holder: str, *, now: datetime) -> None:
    for name, column, ended in _ENDED_BY:
        table = Base.metadata.tables.get(name)
        if table is not None:
            mine = sa.and_(table.c[column] == holder, table.c[ended].is_(None))
            session.execute(sa.update(table).where(mine).values({ended: now}))


def erase_if_due(session: Session, person_id: int, *, now: datetime) -> bool:
    """Carry a deletion out unless the person has changed their mind since the job looked."""
    person = session.get_one(Person, person_id, with_for_update=True, populate_existing=True)
    if person.state != person_rules.ERASING or person.erase_after is None or person.erase_after > now:
        return False
    erase(session, person_id, now=now)
    return True


def erase(session: Session, person_id: int, *, now: datetime) -> str:
    """Carry a deletion out; returns the holder. Repeatable.

    Accounts that were merged into this one are the same person's and go with it.
    """
    person = session.get_one(Person, person_id, with_for_update=True)
    points.lock(session, person.holder)
    _lapse(session, person.holder, now=now)
    merged = list(session.scalars(sa.select(Person.id).where(Person.merged_into_id == person_id)))
    for one in (*merged, person_id):
        holder = persons.erase(session, one, now=now)
        _close_appeals(session, holder, now=now)
        _forget_rows(session, holder, one, now=now)
    audit(session, SYSTEM, "person.erase", object_kind="person", object_id=person_id, now=now)
    return person.holder


def _close_appeals(session: Session, holder: str, *, now: datetime) -> None:
    """Nobody is there any more to whom grams and points could be given."""
    session.execute(
        sa.update(Appeal)
        .where(Appeal.holder == holder, Appeal.state == "open")
        .values(state="declined", answer="账户已注销。", decided_by=SYSTEM.name, decided_at=now)
    )


def _lapse(session: Session, holder: str, *, now: datetime) -> None:
    """What could still be spent lapses, each lot by itself; what is owed stays on the books."""
    moves = [
        ledger.Move(row.key, expired_account(holder, row.key.lot), row.balance.available)
        for row in ledger.balances(session, holder, asset=ledger.Asset.POINT)
        if row.key.role in (ledger.POINTS, ledger.POINTS_PENDING) and row.balance.available > 0
    ]
    if not moves:
        return
    ledger.post(
        session,
        ledger.Entry(
            reason="points.forfeit",
            reference=f"points:forfeit:{holder}:{now.isoformat()}",
            moves=moves,
            effective_at=None,
            actor_name=Actor.SYSTEM_NAME,
        ),
        now,
    )
    session.execute(
        sa.update(Act).where(Act.holder == holder, Act.points_state == PENDING).values(points_state=EXPIRED)
    )


def _empty(column: sa.Column[Any]) -> Any:
    """What a column holds when nothing is to be read in it."""
    if column.nullable:
        return sa.null()
    return {} if isinstance(column.type, sa.JSON) else ""


def _forget_rows(session: Session, holder: str, person_id: int, *, now: datetime) -> None:
    for one, table in kept():
        mine = table.c[one.column] == holder
        if one.only_state:
            # as a literal, so that the index of what waits is used
            mine = sa.and_(mine, table.c.state == sa.literal_column(f"'{one.only_state}'"))
        if "left_at" in table.c:
            session.execute(sa.update(table).where(mine, table.c.left_at.is_(None)).values(left_at=now))
        if one.on_erase == "drop":
            session.execute(sa.delete(table).where(mine))
        elif one.on_erase == "blank":
            session.execute(
                sa.update(table).where(mine).values({name: _empty(table.c[name]) for name in one.blanked})
            )
    tables = Base.metadata.tables
    for name in ("binding_attempt", "idempotency_key"):
        if name in tables:
            key = tables[name].c
            mine = (
                key.person_id == person_id if "person_id" in key else key.principal == f"citizen:{person_id}"
            )
            session.execute(sa.delete(tables[name]).where(mine))
