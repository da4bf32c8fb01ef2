"""Senior bus cards: a card without a phone brings its rides to a person. Callers open the transaction.

The platform and the bus company share a key. Both turn a card number into the same pseudonym with it, so
that no card number travels with a ride, and the company never learns whose account it is.
"""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.citizens import bindings
from carbon_platform.citizens.errors import BindingTaken
from carbon_platform.errors import NotFound
from carbon_platform.identity import sealing
from carbon_platform.identity.rules import Actor
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
    return bytes.fromhex(keys.index("card key", source).split(".")[-1])


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
    code, _until = bindings.issue_code(
        session, source, rules.card_subject(partner_key(keys, source), digits), now=now
    )
    try:
        binding = bindings.bind(session, account.actor, code, now=now)
    except BindingTaken as error:
        raise taken from error
    assert binding is not None, "the code was made a moment ago"
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
    bindings.end(session, account.actor, card.binding_id, now=now)
    audit(session, actor, "bus_card.end", object_kind="bus_card", object_id=card.id, now=now)
    return card
