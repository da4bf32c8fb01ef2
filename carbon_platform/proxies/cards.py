"""Senior bus cards: a card without a phone brings its rides to a person. Callers open the transaction.

The platform and the bus company share a key. Both turn a card number into the same pseudonym with it, so
that no card number travels with a ride, and the company never learns whose account it is.

That key follows the platform's key of blind indexes. When that one changes, the company goes on with the old
pseudonyms until it has the new key: a card is known under both, until the old key has left the key file.
"""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.citizens import bindings
from carbon_platform.citizens.errors import BindingTaken
from carbon_platform.citizens.scene_tables import Binding
from carbon_platform.errors import NotFound
from carbon_platform.identity import sealing
from carbon_platform.identity.rules import SYSTEM, Actor
from carbon_platform.identity.sealing import Keyring
from carbon_platform.identity.service import audit
from carbon_platform.identity.tables import Person
from carbon_platform.proxies import catalogue, rules
from carbon_platform.proxies.accounts import Account
from carbon_platform.proxies.errors import CardTaken
from carbon_platform.proxies.tables import BusCard, PaperAccount

_INDEX = "bus-card"


def partner_key(keys: Keyring, source: str) -> bytes:
    """The key shared with one bus company, made from the platform's own and telling nothing of it."""
    return _partner_keys(keys, source)[0]


def _partner_keys(keys: Keyring, source: str) -> list[bytes]:
    """The same of every key the platform knows, the present one first."""
    return [bytes.fromhex(index.split(".")[-1]) for index in keys.indexes("card key", source)]


def _subjects(keys: Keyring, source: str, digits: str) -> list[str]:
    """What the bus company may call a card, the present pseudonym first."""
    return [rules.card_subject(key, digits) for key in _partner_keys(keys, source)]


def bind(session: Session, actor: Actor, account: Account, number: str, *, now: datetime) -> BusCard:
    """Let the rides of a card come to this account; the same card again gives the one on file.

    Errors: ``CardNumberInvalid``, ``CardTaken``, ``SceneNotOpen``.
    """
    digits = rules.card_digits(number, *catalogue.card_digits())
    keys, source = sealing.keys(session), catalogue.card_source()
    taken = CardTaken(last=digits[-4:])
    there = session.scalar(
        sa.select(BusCard).where(
            BusCard.number_index.in_(keys.indexes(_INDEX, digits)), BusCard.ended_at.is_(None)
        )
    )
    if there is not None and there.holder != account.paper.holder:
        raise taken
    if there is not None:
        audit(session, actor, "bus_card.repeat", object_kind="bus_card", object_id=there.id, now=now)
        return there
    try:
        binding, *_older = [
            _bind(session, account.actor, source, subject, now=now)
            for subject in _subjects(keys, source, digits)
        ]
    except BindingTaken as error:
        raise taken from error
    card = BusCard(
        holder=account.paper.holder,
        number_sealed="",
        number_index=keys.index(_INDEX, digits),
        last_digits=digits[-4:],
        binding_id=binding.id,
        bound_by=actor.name,
        bound_by_id=actor.user_id or 0,
        bound_at=now,
        ended_at=None,
    )
    session.add(card)
    session.flush()
    card.number_sealed = keys.seal(digits, context=_context(card.id))
    audit(session, actor, "bus_card.bind", object_kind="bus_card", object_id=card.id, now=now)
    return card


def _bind(session: Session, person: Actor, source: str, subject: str, *, now: datetime) -> Binding:
    code, _until = bindings.issue_code(session, source, subject, now=now)
    binding = bindings.bind(session, person, code, now=now)
    assert binding is not None, "the code was made a moment ago"
    return binding


def follow_keys(session: Session, *, now: datetime) -> int:
    """Let every card in force be known under the present key too, before the bus company gets that key.

    Pseudonyms of keys that have left the key file end. Returns how many cards got a new one. Repeatable.
    """
    keys, source = sealing.keys(session), catalogue.card_source()
    wanted: dict[str, set[str]] = {}
    count = 0
    for card in session.scalars(sa.select(BusCard).where(BusCard.ended_at.is_(None)).order_by(BusCard.id)):
        subjects = _subjects(keys, source, keys.open(card.number_sealed, context=_context(card.id)))
        wanted.setdefault(card.holder, set()).update(subjects)
        first = session.get_one(Binding, card.binding_id)
        if first.ended_at is None and first.subject != subjects[0]:
            card.binding_id = _known_as(session, first, subjects[0], now=now)
            count += 1
    for holder, subjects_of_all in wanted.items():
        session.execute(
            sa.update(Binding)
            .where(
                Binding.holder == holder,
                Binding.source == source,
                Binding.subject.startswith(rules.CARD_PREFIX, autoescape=True),
                Binding.subject.not_in(subjects_of_all),
                Binding.ended_at.is_(None),
            )
            .values(ended_at=now)
        )
    audit(session, SYSTEM, "bus_card.follow_keys", object_kind="scene", object_id=source, now=now,
          detail={"cards": count})  # fmt: skip
    return count


def _known_as(session: Session, first: Binding, subject: str, *, now: datetime) -> int:
    """The number of a binding of the same person under another pseudonym of the same card."""
    there = session.scalar(
        sa.select(Binding.id).where(
            Binding.source == first.source, Binding.subject == subject, Binding.ended_at.is_(None)
        )
    )
    if there is not None:
        return there
    binding = Binding(
        source=first.source, subject=subject, person_id=first.person_id, holder=first.holder, bound_at=now
    )
    session.add(binding)
    session.flush()
    return binding.id


def _context(card_id: int) -> str:
    return f"bus_card.number:{card_id}"


def end(session: Session, actor: Actor, card_id: int, *, now: datetime) -> BusCard:
    """End it: the next ride already finds it gone. ``NotFound`` outside the officer's villages."""
    found = session.execute(
        sa.select(BusCard, PaperAccount)
        .join(PaperAccount, PaperAccount.holder == BusCard.holder)
        .where(BusCard.id == card_id, BusCard.ended_at.is_(None))
        .order_by(PaperAccount.number)
    ).first()
    if found is None or not actor.sees_region(found[1].village_code):
        raise NotFound(what="公交卡", key=card_id)
    card, paper = found
    card.ended_at = now
    account = Account(paper, session.get_one(Person, paper.person_id))
    keys, source = sealing.keys(session), catalogue.card_source()
    subjects = _subjects(keys, source, keys.open(card.number_sealed, context=_context(card.id)))
    for binding in bindings.list_bindings(session, account.actor):
        mine = binding.id == card.binding_id or (binding.source == source and binding.subject in subjects)
        if mine and binding.ended_at is None:
            bindings.end(session, account.actor, binding.id, now=now)
    audit(session, actor, "bus_card.end", object_kind="bus_card", object_id=card.id, now=now)
    return card
