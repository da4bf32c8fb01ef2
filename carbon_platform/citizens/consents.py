"""Consent of citizens: which text is in force, who has agreed to it, and the gate before every intake."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from carbon_platform.citizens import catalogue, devices
from carbon_platform.citizens.catalogue import ConsentText, Source
from carbon_platform.citizens.errors import (
    AccountNotOpen,
    ConsentMissing,
    ConsentOutdated,
    ConsentTextUnknown,
    GuardianNeeded,
)
from carbon_platform.errors import PlatformError
from carbon_platform.identity import persons
from carbon_platform.identity import service as identity
from carbon_platform.identity.rules import Actor
from carbon_platform.identity.service import Standing
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


def find_text(partner: str, purpose: str, version: str) -> ConsentText:
    """A text in force or of before, as it was agreed to. Errors: ``ConsentTextUnknown``."""
    for text in catalogue.consent_versions():
        if (text.partner, text.purpose, text.version) == (partner, purpose, version):
            return text
    raise ConsentTextUnknown(partner=partner, purpose=purpose, version=version)


def agree(
    session: Session,
    actor: Actor,
    *,
    partner: str,
    purpose: str,
    version: str,
    now: datetime,
    guardian_agrees: bool = False,
    channel: str = CHANNEL,
) -> Consent:
    """Record consent to exactly the text that is in force; for a child under 14 its guardian says so.

    ``channel``: where the words were read (``paper:<number>`` of a signed sheet). Errors:
    ``ConsentTextUnknown``, ``GuardianNeeded``.
    """
    text = catalogue.get_consent_text(partner, purpose, version)
    if persons.get_person(session, actor).under_14:
        if not guardian_agrees:
            raise GuardianNeeded
        channel = f"{channel}:guardian"
    return identity.give_consent(
        session,
        actor,
        partner=text.partner,
        purpose=text.purpose,
        text_version=text.version,
        channel=channel,
        now=now,
    )


def withdraw(session: Session, actor: Actor, consent_id: int, *, now: datetime) -> Consent:
    """End a consent at once; what is in the book stays. A guardian's takes all others of the child with it.

    Errors: ``NotFound``.
    """
    consent = identity.withdraw_consent(session, actor, consent_id, now=now)
    if (consent.partner, consent.purpose) == GUARDIAN:
        persons.withdraw_consents(session, consent.person_id, now=now)
    return consent


def demand(session: Session, actor: Actor, partner: str, purpose: str) -> None:
    """Raise what :func:`gate` says of one person, if anything."""
    refusal = gate(session, [actor.holder], partner, purpose).get(actor.holder)
    if refusal is not None:
        raise refusal


def gate(session: Session, holders: Collection[str], partner: str, purpose: str) -> dict[str, PlatformError]:
    """Whose data may not be taken now, and why; whoever is not in it has agreed to the current text.

    Reads what is in force this moment, one statement per thousand holders: a withdrawal acts on the very
    next batch. The reasons: ``ConsentMissing``, ``ConsentOutdated``, ``AccountNotOpen``.
    """
    found = identity.standings(session, holders, partners=[partner], purpose=purpose)
    refusals = {holder: refusal(found.get(holder), partner, purpose) for holder in holders}
    return {holder: refusal for holder, refusal in refusals.items() if refusal is not None}


def refusal(standing: Standing | None, partner: str, purpose: str) -> PlatformError | None:
    """What :func:`gate` says of one person who is read already."""
    if standing is None or not standing.open:
        return AccountNotOpen()
    return refusal_of(standing.versions.get(partner), partner, purpose)


def refusal_of(version: str | None, partner: str, purpose: str) -> PlatformError | None:
    """What is wrong with having agreed to ``version`` (None: to nothing), if anything."""
    text = catalogue.consent_texts().get((partner, purpose))
    if text is not None and version == text.version:
        return None
    zh, en = catalogue.partner_names(partner)
    reason = ConsentMissing if version is None else ConsentOutdated
    return reason(
        partner=zh, partner_en=en, code=partner, purpose=purpose, version=text.version if text else ""
    )


def check(version: str | None, source: Source, purpose: str) -> None:
    """Raise what :func:`refusal_of` says, for a batch whose consents are read already."""
    refusal = refusal_of(version, source.code, purpose)
    if refusal is not None:
        raise refusal


def open_account(
    session: Session,
    openid: str,
    *,
    nickname: str,
    region_code: str,
    under_14: bool,
    guardian_agrees: bool,
    now: datetime,
    reopen: bool = False,
    device: str = "",
) -> tuple[str, Actor]:
    """Sign a citizen in; the first time opens the account. Under 14 a guardian's consent is recorded with it.

    ``device``: the keyed hash of what the phone calls itself, to see how many accounts share one.
    Returns the session token and the actor. Errors: ``GuardianNeeded``, ``AccountClosed``.
    """
    if under_14 and not guardian_agrees:
        raise GuardianNeeded
    token, actor = identity.sign_in_person(
        session, openid, nickname=nickname, region_code=region_code, now=now, under_14=under_14, reopen=reopen
    )
    if under_14 and persons.get_person(session, actor).under_14:
        text = catalogue.consent_texts()[GUARDIAN]
        agree(
            session, actor, partner=GUARDIAN[0], purpose=GUARDIAN[1], version=text.version, now=now,
            guardian_agrees=True,
        )  # fmt: skip
    if device:
        devices.note(session, kind=devices.DEVICE, fingerprint=device, holder=actor.holder, now=now)
    return token, actor
