"""Adopting a parameter set (签署采纳) takes two people: one files the signed document, another approves it.

Until the second one has said yes the set is only proposed, and runs that use it stay estimates (试算).
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.credits import approval, rules
from carbon_platform.credits.adoption_tables import ParameterProposal
from carbon_platform.credits.tables import ParameterSignOff
from carbon_platform.db import serialise
from carbon_platform.errors import Conflict, NotFound, PlatformError
from carbon_platform.identity.rules import SYSTEM, Actor
from carbon_platform.identity.service import audit
from carbon_platform.projects.rules import local_date

PENDING, ADOPTED, DECLINED = "pending", "adopted", "declined"
DECISIONS = ("approve", "decline")
_LOCK = "parameter-sign-off"


class SecondPersonNeeded(PlatformError):
    code, status = "credits.second_person_needed", 403
    zh = "这组参数由 {proposer} 提交、{signer} 签署，您是其中一人。第二批准人必须是另一个人，请换一位同事。"
    en = (
        "{proposer} filed this set and {signer} signed it; you are one of them. "
        "The second approver must be somebody else."
    )


class WholeCityOnly(PlatformError):
    code, status = "credits.whole_city_only", 403
    zh = "参数对全市有效，您的账户只管 {region}，不能送签或批准。请找管全市的同事。"
    en = (
        "Parameters hold for the whole city; your account covers {region} only and can neither file nor "
        "approve them. Ask a colleague whose account covers the city."
    )


class AlreadyDecided(PlatformError):
    code, status = "credits.proposal_decided", 409
    zh = "这份送签已由 {who} 处理（{state_zh}），不能再改。要改主意，请重新送签。"
    en = "This proposal was decided by {who} ({state}); it does not change. File a new one instead."


class SignedInFuture(PlatformError):
    code, status = "credits.signed_in_future", 422
    zh = "签署日期 {signed_on} 在今天（{today}）之后。请填文件上的日期。"
    en = "The date of signature {signed_on} lies after today, {today}. Give the date on the document."


STATES_ZH = {PENDING: "待第二人批准", ADOPTED: "已采纳", DECLINED: "未批准"}


def propose(
    session: Session,
    actor: Actor,
    *,
    methodology_key: str,
    parameter_digest: str,
    document_number: str,
    document_title: str,
    signed_on: date,
    is_demo: bool,
    now: datetime,
    signer: str = "",
) -> ParameterProposal:
    """File the signed document for exactly the parameters in force now; a second person must approve it.

    ``signer``: whose name stands under the document, the actor's if empty. ``is_demo`` marks every paper
    made from it. Errors: ``WholeCityOnly``, ``UnknownMethodology``, ``DigestNotPresent``,
    ``SignedInFuture``; ``Conflict`` when the set is adopted or proposed already.
    """
    check_city(actor)
    rules.check_digest(methodology_key, parameter_digest, approval.present_digest(methodology_key, now=now))
    today = local_date(now)
    if signed_on > today:
        raise SignedInFuture(signed_on=signed_on.isoformat(), today=today.isoformat())
    serialise(session, _LOCK)
    _refuse_twice(session, methodology_key, parameter_digest)
    proposal = ParameterProposal(
        methodology_key=methodology_key,
        parameter_digest=parameter_digest,
        as_of=today,
        document_number=document_number.strip(),
        document_title=document_title.strip(),
        signer=signer.strip() or actor.name,
        signed_on=signed_on,
        is_demo=is_demo,
        proposed_by=actor.name,
        proposed_by_id=actor.user_id or 0,
        proposed_at=now,
        status=PENDING,
    )
    session.add(proposal)
    session.flush()
    _audit(session, actor, "parameters.sign", proposal, now)
    return proposal


def _refuse_twice(session: Session, methodology_key: str, parameter_digest: str) -> None:
    taken = approval.signoff_of(session, methodology_key, parameter_digest)
    if taken:
        raise Conflict(
            reason=f"这组参数已由 {taken.signer} 以 {taken.document_number} 签署采纳",
            reason_en=f"this set was adopted by {taken.signer} under {taken.document_number}",
        )
    waiting = approval.pending_proposal(session, methodology_key, parameter_digest)
    if waiting:
        raise Conflict(
            reason=f"这组参数已由 {waiting.proposed_by} 送签（{waiting.document_number}），正等第二批准人",
            reason_en=f"{waiting.proposed_by} filed this set under {waiting.document_number}; it waits for "
            "the second approver",
        )


def decide(
    session: Session, actor: Actor, number: int, *, decision: str, note: str, now: datetime
) -> ParameterProposal:
    """The second approver's word on a proposal: ``approve`` adopts the set, ``decline`` ends the proposal.

    Errors: ``NotFound``, ``AlreadyDecided``, ``SecondPersonNeeded``, ``WholeCityOnly``; ``ReasonNeeded`` to
    decline without one; ``DigestNotPresent`` when other values came into force since.
    """
    serialise(session, _LOCK)
    proposal = session.get(ParameterProposal, number, with_for_update=True)
    if proposal is None:
        raise NotFound(what="参数送签", key=number)
    if proposal.status != PENDING:
        raise AlreadyDecided(
            who=proposal.decided_by, state=proposal.status, state_zh=STATES_ZH[proposal.status]
        )
    check_second(proposal, actor)
    if decision == "decline" and not note.strip():
        raise rules.ReasonNeeded
    if decision == "approve":
        present = approval.present_digest(proposal.methodology_key, now=now)
        rules.check_digest(proposal.methodology_key, proposal.parameter_digest, present)
        session.add(_adopted(proposal, actor, now))
    proposal.status = ADOPTED if decision == "approve" else DECLINED
    proposal.decided_by, proposal.decided_by_id, proposal.decided_at = actor.name, actor.user_id or 0, now
    proposal.note = note.strip()
    session.flush()
    action = "parameters.adopt" if decision == "approve" else "parameters.decline"
    _audit(session, actor, action, proposal, now)
    return proposal


def check_city(actor: Actor) -> None:
    """Refuse an account of one county: it would decide for all the others."""
    if not actor.sees_region(SYSTEM.region_code):
        raise WholeCityOnly(region=actor.region_code)


def check_second(proposal: ParameterProposal, actor: Actor) -> None:
    """Refuse whoever filed or signed the document, by account and by name, and accounts of one county."""
    check_city(actor)
    hands = {_plain(proposal.proposed_by), _plain(proposal.signer)}
    if actor.user_id == proposal.proposed_by_id or _plain(actor.name) in hands:
        raise SecondPersonNeeded(proposer=proposal.proposed_by, signer=proposal.signer)


def _plain(name: str) -> str:
    return "".join(name.split()).casefold()


def _adopted(proposal: ParameterProposal, actor: Actor, now: datetime) -> ParameterSignOff:
    return ParameterSignOff(
        methodology_key=proposal.methodology_key,
        parameter_digest=proposal.parameter_digest,
        document_number=proposal.document_number,
        document_title=proposal.document_title,
        signer=proposal.signer,
        signed_on=proposal.signed_on,
        is_demo=proposal.is_demo,
        recorded_at=now,
        proposed_by=proposal.proposed_by,
        second_approver=actor.name,
        second_role=actor.role,
    )


def proposals(session: Session, *, status: str = "", methodology_key: str = "") -> list[ParameterProposal]:
    """Proposals, newest first; of one status or methodology, or all."""
    statement = sa.select(ParameterProposal).order_by(ParameterProposal.id.desc())
    if status:
        statement = statement.where(ParameterProposal.status == status)
    if methodology_key:
        statement = statement.where(ParameterProposal.methodology_key == methodology_key)
    return list(session.scalars(statement))


def _audit(session: Session, actor: Actor, action: str, proposal: ParameterProposal, now: datetime) -> None:
    detail: dict[str, Any] = {
        "proposal": proposal.id,
        "digest": proposal.parameter_digest,
        "document": proposal.document_number,
        "signer": proposal.signer,
        "is_demo": proposal.is_demo,
    }
    if proposal.note:
        detail["note"] = proposal.note
    key = proposal.methodology_key
    audit(session, actor, action, object_kind="methodology", object_id=key, now=now, detail=detail)
