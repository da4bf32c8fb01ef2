"""What one log-in proposed, another decides: the same for every order of the registry."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

import sqlalchemy as sa

from carbon_platform.credits.tables import CreditBatch
from carbon_platform.errors import NotFound, PlatformError
from carbon_platform.identity.rules import Actor


class SamePerson(PlatformError):
    code, status = "credits.same_person", 403
    zh = "{number} 是您自己提出的，须由另一位登录用户批准或退回。"
    en = "You proposed {number} yourself: another log-in has to confirm it or turn it down."


class AlreadyDecided(PlatformError):
    code, status = "credits.already_decided", 409
    zh = "{number} 已由{by}办结，不能再办。"
    en = "{number} was decided by {by}; that happens once only."


class Proposal(Protocol):
    """A row that is proposed, then decided."""

    number: str
    status: str
    proposed_by_user: int | None
    decided_by: str
    decided_by_user: int | None
    decided_at: datetime | None
    decision_note: str


def check_region(actor: Actor, batch: CreditBatch, what: str, key: str) -> None:
    """``NotFound`` for what concerns a batch of a county outside the actor's region."""
    if not actor.sees_region(batch.county_code):
        raise NotFound(what=what, key=key)


def in_region(actor: Actor) -> sa.ColumnElement[bool]:
    """Condition on :class:`CreditBatch`: the actor's region, as ``sees_region`` says it."""
    if not actor.region_code:
        return sa.false()
    return CreditBatch.county_code.startswith(actor.region_code, autoescape=True)


def check_second(proposal: Proposal, actor: Actor) -> None:
    """Errors: ``AlreadyDecided``; ``SamePerson``, also for who has no log-in of their own."""
    if proposal.status != "proposed":
        raise AlreadyDecided(number=proposal.number, by=proposal.decided_by)
    if actor.user_id is None or actor.user_id == proposal.proposed_by_user:
        raise SamePerson(number=proposal.number)


def decide(proposal: Proposal, actor: Actor, status: str, note: str, now: datetime) -> None:
    """Write down who decided what."""
    proposal.status, proposal.decision_note = status, note
    proposal.decided_by, proposal.decided_by_user, proposal.decided_at = actor.name, actor.user_id, now
