"""Accounts on paper: opened at the village office. Callers open the transaction."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.citizens.accounts import REAL_NAME
from carbon_platform.citizens.catalogue import consent_texts
from carbon_platform.citizens.errors import ConsentTextUnknown
from carbon_platform.citizens.purse import open_purse
from carbon_platform.errors import NotFound
from carbon_platform.identity import persons, real_names, sealing
from carbon_platform.identity import service as identity
from carbon_platform.identity.person_rules import OPEN, real_name
from carbon_platform.identity.rules import Actor
from carbon_platform.identity.service import audit
from carbon_platform.identity.tables import Person
from carbon_platform.proxies import rules
from carbon_platform.proxies.errors import AccountNotOpen, ChildNeedsGuardian, HasAccount
from carbon_platform.proxies.tables import BusCard, PaperAccount
from carbon_platform.regions.service import get_region

VIA = "village"
PAPER = "paper"
ADULT_AGE = 14


@dataclass(frozen=True)
class NewAccount:
    """What the officer takes from the signed paper. ``partners``: whose data may come in, as ticked there."""

    name: str
    born_year: int
    village_code: str
    id_number: str
    nickname: str
    partners: Sequence[str]
    paper_sha256: str


@dataclass(frozen=True)
class Account:
    """An account on paper with the person it is for."""

    paper: PaperAccount
    person: Person

    @property
    def actor(self) -> Actor:
        """The person, to act for; without any permission."""
        return persons.actor_of(self.person)


def open_account(session: Session, actor: Actor, new: NewAccount, *, now: datetime) -> Account:
    """Open an account for somebody without a phone, with the consents ticked on the paper.

    Errors: ``NotFound`` for a village that is not the officer's, ``NameInvalid``, ``IdNumberInvalid``,
    ``HasAccount``, ``ChildNeedsGuardian``, ``ConsentTextUnknown``.
    """
    if not actor.sees_region(new.village_code):
        raise NotFound(what="村（社区）", key=new.village_code)
    get_region(session, new.village_code)
    name = real_name(new.name)
    local_year = now.astimezone(rules.LOCAL).year
    child = local_year - new.born_year <= ADULT_AGE
    if new.id_number:
        child = real_names.is_child(new.id_number, now=now)
        if persons.find_by_id_number(session, new.id_number.strip().upper()) is not None:
            raise HasAccount
    if child:
        raise ChildNeedsGuardian
    person = persons.open_person(
        session,
        actor,
        nickname=new.nickname or rules.masked_name(name),
        region_code=new.village_code[:6],
        via=VIA,
        now=now,
    )
    number = _new_number(session)
    paper = PaperAccount(
        number=number,
        person_id=person.id,
        holder=person.holder,
        village_code=new.village_code,
        name_sealed=sealing.keys(session).seal(name, context=_context(number)),
        paper_sha256=new.paper_sha256,
        opened_by=actor.name,
        opened_by_id=actor.user_id or 0,
        opened_at=now,
    )
    session.add(paper)
    session.flush()
    account = Account(paper, person)
    if new.id_number:
        # As on a phone: name and number are kept by a consent of their own, and go when it is withdrawn.
        consent(session, actor, account, partner=REAL_NAME[0], purpose=REAL_NAME[1], now=now)
        if real_names.give(session, account.actor, name, new.id_number, now=now):
            raise HasAccount  # somebody else gave the number a moment ago
    for partner in new.partners:
        consent(session, actor, account, partner=partner, purpose="acts", now=now)
    audit(
        session, actor, "paper_account.open", object_kind="person", object_id=person.id, now=now,
        detail={"number": paper.number, "paper": new.paper_sha256},
    )  # fmt: skip
    return account


def consent(
    session: Session, actor: Actor, account: Account, *, partner: str, purpose: str, now: datetime
) -> None:
    """Note a consent given on paper, to the text in force. Errors: ``ConsentTextUnknown``."""
    text = consent_texts().get((partner, purpose))
    if text is None:
        raise ConsentTextUnknown(partner=partner, purpose=purpose, version="")
    given = identity.give_consent(
        session, account.actor, partner=partner, purpose=purpose, text_version=text.version, channel=PAPER,
        now=now,
    )  # fmt: skip
    audit(session, actor, "paper_account.consent", object_kind="consent", object_id=given.id, now=now)


def _context(number: str) -> str:
    return f"paper_account.name:{number}"


def _new_number(session: Session) -> str:
    while True:
        number = rules.account_number(secrets.randbelow(10_000_000))
        if session.scalar(sa.select(PaperAccount.person_id).where(PaperAccount.number == number)) is None:
            return number


def get_account(session: Session, actor: Actor, number: str, *, standing: bool = True) -> Account:
    """An account of the officer's villages by its number.

    Errors: ``AccountNumberInvalid``, ``NotFound``, and, if it has to be ``standing``, ``AccountNotOpen``.
    """
    plain = rules.parse_number(number)
    paper = session.scalar(sa.select(PaperAccount).where(PaperAccount.number == plain))
    if paper is None or not actor.sees_region(paper.village_code):
        raise NotFound(what="户号", key=plain)
    account = Account(paper, session.get_one(Person, paper.person_id))
    if standing and account.person.state != OPEN:
        raise AccountNotOpen(number=plain)
    return account


def name_of(session: Session, paper: PaperAccount) -> str:
    """The full name, for the slip in the person's own hand; empty once the person was erased."""
    if not paper.name_sealed:
        return ""
    return sealing.keys(session).open(paper.name_sealed, context=_context(paper.number))


def statement(actor: Actor) -> sa.Select[Any]:
    """Accounts of the officer's villages, newest first, for paging."""
    found = sa.select(PaperAccount).where(PaperAccount.name_sealed != "")
    if not actor.region_code:
        return found.where(sa.false())
    here = PaperAccount.village_code.startswith(actor.region_code, autoescape=True)
    return found.where(here).order_by(PaperAccount.opened_at.desc(), PaperAccount.number)


@dataclass(frozen=True)
class Line:
    """One account as the office lists it: masked."""

    number: str
    masked_name: str
    village_code: str
    state: str
    points: int
    pending: int
    cards: list[BusCard]
    opened_at: datetime


def described(session: Session, papers: Sequence[PaperAccount], *, now: datetime) -> list[Line]:
    """Accounts of one page, with what they can spend."""
    people = persons.people_of(session, [paper.holder for paper in papers])
    cards: dict[str, list[BusCard]] = {}
    for card in session.scalars(
        sa.select(BusCard).where(BusCard.holder.in_(people), BusCard.ended_at.is_(None)).order_by(BusCard.id)
    ):
        cards.setdefault(card.holder, []).append(card)
    purses = {paper.holder: open_purse(session, paper.holder, now=now) for paper in papers}
    return [
        Line(
            number=paper.number,
            masked_name=rules.masked_name(name_of(session, paper)),
            village_code=paper.village_code,
            state=people[paper.holder].state,
            points=purses[paper.holder].available,
            pending=sum(purses[paper.holder].pending.values()),
            cards=cards.get(paper.holder, []),
            opened_at=paper.opened_at,
        )
        for paper in papers
    ]
