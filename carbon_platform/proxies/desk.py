"""What the village office does for an account on paper, each with the officer's name. Callers open the
transaction."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from carbon_platform.citizens import accounts as citizen_accounts
from carbon_platform.citizens import consents, rewards
from carbon_platform.citizens.catalogue import consent_texts
from carbon_platform.citizens.consents import ConsentState
from carbon_platform.citizens.tables import Redemption
from carbon_platform.groups import families
from carbon_platform.groups.members import PLATFORM, PURPOSES
from carbon_platform.groups.rules import FAMILY
from carbon_platform.groups.tables import CitizenGroup
from carbon_platform.identity import person_rules, persons
from carbon_platform.identity.rules import Actor
from carbon_platform.identity.service import audit
from carbon_platform.identity.tables import Person
from carbon_platform.proxies import standing
from carbon_platform.proxies.accounts import Account, consent
from carbon_platform.proxies.errors import AccountNotOpen
from carbon_platform.proxies.standing import Grant
from carbon_platform.proxies.tables import Proxy


def redeem(
    session: Session, actor: Actor, account: Account, reward_code: str, *, now: datetime
) -> Redemption:
    """Redeem in the person's presence; the voucher is printed. Errors: those of ``rewards.redeem``."""
    made = rewards.redeem(session, account.actor, reward_code, now=now)
    standing.note_officer(
        session, actor, account.paper.holder, standing.REDEMPTION, made.id, now=now, spent=made.price_points
    )
    audit(session, actor, "paper_account.redeem", object_kind="redemption", object_id=made.id, now=now)
    return made


def withdraw(session: Session, actor: Actor, account: Account, consent_id: int, *, now: datetime) -> None:
    """Withdraw a consent at the person's word: the next row is already refused. Errors: ``NotFound``."""
    citizen_accounts.withdraw_consent(session, account.actor, consent_id, now=now)
    audit(session, actor, "paper_account.withdraw", object_kind="consent", object_id=consent_id, now=now)


def standing_consents(session: Session, account: Account) -> list[ConsentState]:
    """What the person has agreed to and still does."""
    return [state for state in consents.states(session, account.actor) if state.consent is not None]


def close(
    session: Session, actor: Actor, account: Account, *, erase: bool, forfeit_points: int, now: datetime
) -> Person:
    """Close the account at the person's word, or ask for its deletion, with which its points lapse.

    Errors: ``PointsLeft`` when they are others than said, ``ErasureOpen``.
    """
    if erase:
        person = citizen_accounts.ask_erasure(session, account.actor, forfeit_points=forfeit_points, now=now)
    else:
        person = citizen_accounts.close(session, account.actor, now=now)
    audit(session, actor, "paper_account.close", object_kind="person", object_id=person.id, now=now,
          detail={"erase": erase})  # fmt: skip
    return person


def reopen(session: Session, actor: Actor, account: Account, *, now: datetime) -> Person:
    """Take a closure back, or a deletion within its week, at the person's word; repeatable.

    What ended with it stays ended: consents are signed and cards bound anew. Errors: ``AccountNotOpen`` for
    an account that was deleted or merged.
    """
    person = persons.get_person(session, account.actor, lock=True)
    if person.state in (person_rules.DELETED, person_rules.MERGED):
        raise AccountNotOpen(number=account.paper.number)
    if person.state != person_rules.OPEN:
        persons.set_state(session, account.actor, person, person_rules.OPEN, now=now)
    audit(session, actor, "paper_account.reopen", object_kind="person", object_id=person.id, now=now)
    return person


def join_family(
    session: Session, actor: Actor, account: Account, code: str, *, now: datetime
) -> CitizenGroup:
    """Bring the person into the family whose code a relative brought. Errors: those of ``families.join``."""
    purpose = PURPOSES[FAMILY]
    consent(session, actor, account, partner=PLATFORM, purpose=purpose, now=now)
    version = consent_texts()[PLATFORM, purpose].version
    group = families.join(session, account.actor, code, consent_version=version, now=now)
    audit(session, actor, "paper_account.family", object_kind="group", object_id=group.id, now=now)
    return group


def grant(
    session: Session,
    actor: Actor,
    account: Account,
    member_id: int,
    given: Grant,
    *,
    paper_sha256: str,
    now: datetime,
) -> Proxy:
    """Let a relative act for the person, by a paper signed for it. Errors: those of ``standing.grant``."""
    return standing.grant(
        session, account.actor, member_id, given, now=now, by=actor, paper_sha256=paper_sha256
    )
