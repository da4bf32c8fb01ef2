"""Consent of citizens: which text is in force, who has agreed to it, and the gate before every intake."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from carbon_platform.citizens import catalogue
from carbon_platform.citizens.catalogue import ConsentText
from carbon_platform.citizens.errors import ConsentMissing, ConsentOutdated, GuardianNeeded
from carbon_platform.identity import service as identity
from carbon_platform.identity.rules import Actor
from carbon_platform.identity.tables import Consent

CHANNEL = "wechat-mini-program"
GUARDIAN = ("platform", "guardian")


@dataclass(frozen=True)
class ConsentState:
    """A text on offer, and this person's consent to it, if one is in force. ``current``: to this version."""

    text: ConsentText
    partner_zh: str
    partner_en: str
    consent: Consent | None

    @property
    def current(self) -> bool:
        return self.consent is not None and self.consent.text_version == self.text.version


def states(session: Session, actor: Actor) -> list[ConsentState]:
    """Every text a citizen may agree to, with where this person stands."""
    in_force = {
        (row.partner, row.purpose): row
        for row in identity.list_consents(session, actor)
        if row.withdrawn_at is None
    }
    return [
        ConsentState(text, *catalogue.partner_names(text.partner), in_force.get(key))
        for key, text in catalogue.consent_texts().items()
        if key != GUARDIAN or key in in_force
    ]


def state_of(consent: Consent) -> ConsentState:
    """A consent just given, beside the text it is to."""
    text = catalogue.get_consent_text(consent.partner, consent.purpose, consent.text_version)
    return ConsentState(text, *catalogue.partner_names(text.partner), consent)


def agree(
    session: Session, actor: Actor, *, partner: str, purpose: str, version: str, now: datetime
) -> Consent:
    """Record consent to exactly the text that is in force. Errors: ``ConsentTextUnknown``."""
    text = catalogue.get_consent_text(partner, purpose, version)
    return identity.give_consent(
        session,
        actor,
        partner=text.partner,
        purpose=text.purpose,
        text_version=text.version,
        channel=CHANNEL,
        now=now,
    )


def withdraw(session: Session, actor: Actor, consent_id: int, *, now: datetime) -> Consent:
    """End a consent at once; what is in the book stays. Errors: ``NotFound``."""
    return identity.withdraw_consent(session, actor, consent_id, now=now)


def demand(session: Session, actor: Actor, partner: str, purpose: str) -> None:
    """Raise ``ConsentMissing`` or ``ConsentOutdated`` unless the current text is agreed to."""
    given = identity.find_consent(session, actor, partner=partner, purpose=purpose)
    text = catalogue.consent_texts()[partner, purpose]
    if given is not None and given.text_version == text.version:
        return
    zh, en = catalogue.partner_names(partner)
    reason = ConsentMissing if given is None else ConsentOutdated
    raise reason(partner=zh, partner_en=en, code=partner, purpose=purpose, version=text.version)


def open_account(
    session: Session,
    openid: str,
    *,
    nickname: str,
    region_code: str,
    under_14: bool,
    guardian_agrees: bool,
    now: datetime,
) -> tuple[str, Actor]:
    """Sign a citizen in; the first time opens the account. Under 14 a guardian's consent is recorded with it.

    Returns the session token and the actor. Errors: ``GuardianNeeded``.
    """
    if under_14 and not guardian_agrees:
        raise GuardianNeeded
    token, actor = identity.sign_in_person(
        session, openid, nickname=nickname, region_code=region_code, now=now
    )
    if under_14:
        text = catalogue.consent_texts()[GUARDIAN]
        agree(session, actor, partner=GUARDIAN[0], purpose=GUARDIAN[1], version=text.version, now=now)
    return token, actor
