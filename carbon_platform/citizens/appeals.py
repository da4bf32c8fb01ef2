"""Appeals: a citizen contests a refusal, a cut or a withdrawal; a person decides, with words.

What is contested stays as it is: an act of the book, or a row of a source that was not taken in
(:mod:`refusals`). What an accepted appeal counts is a new act out of the same facts that goes through
:func:`carbon_platform.citizens.intake.take_in` like every other: the finding that was contested is set
aside, caps hold as for everybody, points follow today's rule of the act's own day.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.citizens import book, catalogue, claims, corrections, intake, refusals, rules
from carbon_platform.citizens.claims import Claim
from carbon_platform.citizens.errors import ActInFuture, ActTooOld
from carbon_platform.citizens.inbox_tables import ActRefusal
from carbon_platform.citizens.points_errors import (
    AppealCannotCount,
    AppealClosed,
    AppealNeedsOther,
    AppealOpen,
    AppealPointless,
    AppealTooLate,
    RefusalCounted,
    RefusalTooLate,
)
from carbon_platform.citizens.said import claim_of
from carbon_platform.citizens.tables import Act, PointsCorrection
from carbon_platform.citizens.truth_tables import Appeal
from carbon_platform.db import serialise
from carbon_platform.errors import NotFound, PlatformError
from carbon_platform.identity.rules import SYSTEM, Actor
from carbon_platform.identity.service import audit

OPEN, ACCEPTED, DECLINED = "open", "accepted", "declined"
STATE_WORDS = {
    OPEN: ("正在看", "being looked at"),
    ACCEPTED: ("支持，已补记", "accepted and counted"),
    DECLINED: ("没有支持", "declined"),
}
WITHDRAWN = "withdrawn"


def raise_appeal(
    session: Session,
    actor: Actor,
    *,
    words: str,
    now: datetime,
    act_id: int | None = None,
    refusal_id: int | None = None,
) -> Appeal:
    """Contest one's own act, or a refusal of one's own; give one of the two numbers.

    Errors: ``NotFound``, ``AppealPointless``, ``AppealTooLate``, ``AppealOpen``, ``AppealClosed`` (its result
    was decided on before).
    """
    if act_id is not None:
        appeal = _about_act(session, actor, act_id, now=now)
    else:
        appeal = _about_refusal(session, actor, refusal_id or 0, now=now)
    appeal.words = words.strip()
    session.add(appeal)
    session.flush()
    audit(session, actor, "appeal.raise", object_kind="appeal", object_id=appeal.id, now=now)
    return appeal


def _about_act(session: Session, actor: Actor, act_id: int, *, now: datetime) -> Appeal:
    serialise(session, f"appeal:{act_id}")
    act = book.get_act(session, actor, act_id)
    if act.status == rules.COUNTED and act.withdrawn_at is None:
        raise AppealPointless(number=act_id)
    since = act.withdrawn_at or act.reported_at
    days = int(catalogue.truth()["appeal"]["days"])
    if now - since > timedelta(days=days):
        raise AppealTooLate(number=act_id, days=days)
    _none_before(session, Appeal.act_id == act_id, since)
    return Appeal(
        holder=actor.holder,
        region_code=act.region_code,
        act_id=act.id,
        reason_code=WITHDRAWN if act.withdrawn_at else act.reason_code,
        state=OPEN,
        raised_at=now,
    )


def _about_refusal(session: Session, actor: Actor, refusal_id: int, *, now: datetime) -> Appeal:
    serialise(session, f"appeal:refusal:{refusal_id}")
    row = refusals.get_mine(session, actor, refusal_id)
    counted = refusals.counted_since(session, [row]).get(row.id)
    if counted is not None:
        raise RefusalCounted(number=refusal_id, act=counted)
    if now - row.refused_at > timedelta(days=refusals.days()):
        raise RefusalTooLate(number=refusal_id, days=refusals.days())
    _none_before(session, Appeal.refusal_id == refusal_id, row.refused_at)
    return Appeal(
        holder=actor.holder,
        region_code=actor.region_code,
        refusal_id=row.id,
        reason_code=row.reason_code,
        state=OPEN,
        raised_at=now,
    )


def _none_before(session: Session, about: sa.ColumnElement[bool], since: datetime) -> None:
    """Raise if there is an appeal about this result already. Errors: ``AppealOpen``, ``AppealClosed``."""
    last = session.scalar(sa.select(Appeal).where(about).order_by(Appeal.id.desc()).limit(1))
    if last is not None and last.state == OPEN:
        raise AppealOpen(number=last.id)
    if last is not None and (last.state == ACCEPTED or last.raised_at >= since):
        zh, en = STATE_WORDS[last.state]
        raise AppealClosed(number=last.id, state=zh, state_en=en)


def decide(
    session: Session, actor: Actor, appeal_id: int, *, accept: bool, answer: str, now: datetime
) -> Appeal:
    """Accept or decline with words for the citizen; never by who took the act out of the book.

    Errors: ``NotFound`` (also outside the actor's region), ``AppealClosed``, ``AppealNeedsOther``,
    ``AppealCannotCount``.
    """
    appeal = session.scalar(sa.select(Appeal).where(Appeal.id == appeal_id).with_for_update())
    if appeal is None or not _sees(actor, appeal):
        raise NotFound(what="申诉", key=appeal_id)
    if appeal.state != OPEN:
        zh, en = STATE_WORDS[appeal.state]
        raise AppealClosed(number=appeal_id, state=zh, state_en=en)
    if appeal.act_id is not None and _had_a_hand(session, actor, appeal.act_id):
        raise AppealNeedsOther(number=appeal_id)
    if accept:
        appeal.counted_act_id = _count(session, appeal, now=now)
    appeal.state, appeal.answer = ACCEPTED if accept else DECLINED, answer.strip()
    appeal.decided_by, appeal.decided_by_id, appeal.decided_at = actor.name, actor.user_id, now
    session.flush()
    audit(
        session, actor, "appeal.decide", object_kind="appeal", object_id=appeal_id, now=now,
        detail={
            "state": appeal.state, "act": appeal.act_id, "refusal": appeal.refusal_id,
            "counted": appeal.counted_act_id,
        },
    )  # fmt: skip
    return appeal


def mine(session: Session, actor: Actor, *, limit: int = 50) -> list[Appeal]:
    """The person's own appeals, newest first."""
    return list(
        session.scalars(
            sa.select(Appeal).where(Appeal.holder == actor.holder).order_by(Appeal.id.desc()).limit(limit)
        )
    )


def get_mine(session: Session, actor: Actor, appeal_id: int) -> Appeal:
    """The person's own appeal; another one's is ``NotFound`` like one that is not there."""
    found = session.scalar(sa.select(Appeal).where(Appeal.id == appeal_id, Appeal.holder == actor.holder))
    if found is None:
        raise NotFound(what="申诉", key=appeal_id)
    return found


def appeals(actor: Actor) -> sa.Select[Any]:
    """(appeal, act or None, refusal or None) of the actor's region; open ones first, oldest first."""
    found: Any = (
        sa.select(Appeal, Act, ActRefusal)
        .outerjoin(Act, Act.id == Appeal.act_id)
        .outerjoin(ActRefusal, ActRefusal.id == Appeal.refusal_id)
        .order_by(sa.case((Appeal.state == OPEN, 0), else_=1), Appeal.id)
    )
    if not actor.region_code:
        return found.where(sa.false())
    inside = Appeal.region_code.startswith(actor.region_code, autoescape=True)
    # People who gave no county belong to the whole city.
    narrowed: sa.Select[Any] = found.where(
        sa.or_(inside, Appeal.region_code == "") if _whole_city(actor) else inside
    )
    return narrowed


def appeals_of(session: Session, acts: list[int]) -> dict[int, Appeal]:
    """The last appeal about each of the acts, by the act's number; acts without one are missing."""
    rows = session.scalars(sa.select(Appeal).where(Appeal.act_id.in_(acts)).order_by(Appeal.id))
    return {appeal.act_id: appeal for appeal in rows if appeal.act_id is not None}


def appeals_of_refusals(session: Session, refused: Sequence[int]) -> dict[int, Appeal]:
    """The last appeal about each of the refusals, by the refusal's number; those without one are missing."""
    rows = session.scalars(sa.select(Appeal).where(Appeal.refusal_id.in_(refused)).order_by(Appeal.id))
    return {appeal.refusal_id: appeal for appeal in rows if appeal.refusal_id is not None}


def _count(session: Session, appeal: Appeal, *, now: datetime) -> int:
    """The number of the act that counts what was contested. Errors: ``AppealCannotCount``."""
    claim = _of_act(session, appeal) if appeal.act_id is not None else _of_refusal(session, appeal, now=now)
    (taken,) = intake.take_in(session, [claim], now=now)
    if taken.error is not None:
        raise AppealCannotCount(reason=taken.error.message("zh"), reason_en=taken.error.message("en"))
    if taken.repeated:
        raise AppealCannotCount(
            reason=f"同一条记录已经记为第 {taken.act_id} 笔。",
            reason_en=f"The same record is in the book as act {taken.act_id}.",
        )
    if not (taken.act.reduction_g or taken.act.points):
        raise AppealCannotCount(reason=taken.act.reason_zh, reason_en=taken.act.reason_en)
    return int(taken.act.id)


def _of_act(session: Session, appeal: Appeal) -> Claim:
    # Locked: a reversal of the record is either seen here, or comes after and takes back what counts now.
    act = session.get(Act, appeal.act_id, with_for_update=True)
    if act is None:
        raise NotFound(what="记账", key=appeal.act_id)
    if act.withdrawn_at is not None and appeal.reason_code != WITHDRAWN:
        raise AppealCannotCount(
            reason=f"申诉以后这一条被撤回了（{act.withdrawal_note}），市民可以就撤回另提申诉。",
            reason_en="It has been taken back since; the citizen may contest the withdrawal anew.",
        )
    if act.withdrawn_at is None and (act.reduction_g or act.points):
        # Part of it counts already, and only caps cut the rest: counted anew, that part would count twice.
        raise AppealCannotCount(reason=act.reason_zh, reason_en=act.reason_en)
    claim = intake.appealed(act, appeal.id)
    if act.withdrawn_at is not None and act.counted_as_id is not None:
        # Another record took its place: that this is the same act is what was contested.
        claim = replace(claim, set_aside="same_act")
    return claim


def _of_refusal(session: Session, appeal: Appeal, *, now: datetime) -> Claim:
    """What was refused, as a claim. It keeps its record number, so that the source sending it again counts
    nothing twice; only a number that was another act's is replaced. Errors: ``AppealCannotCount``."""
    row = session.get(ActRefusal, appeal.refusal_id)
    if row is None or not row.said:
        raise AppealCannotCount(
            reason="平台没有留下这一条的内容，须由来源改正后重送。",
            reason_en="Nothing of its content was kept; the source has to send it again, corrected.",
        )
    claim = claim_of(json.loads(row.said), holder=row.holder, source=row.source, set_aside=row.reason_code)
    try:
        _check_time(row, claim, now)
    except PlatformError as why:
        raise AppealCannotCount(reason=why.message("zh"), reason_en=why.message("en")) from why
    return (
        replace(claim, external_id=f"appeal:{appeal.id}") if row.reason_code == refusals.CONFLICT else claim
    )


def _check_time(row: ActRefusal, claim: Claim, now: datetime) -> None:
    """In time when it came, unless just that is contested; and never before it has happened."""
    if row.reason_code == ActInFuture.code:
        rules.check_time(now, claims.said_end(claim), now)
    elif row.reason_code != ActTooOld.code:
        rules.check_time(claim.starts_at, claims.said_end(claim), row.refused_at)


def _had_a_hand(session: Session, actor: Actor, act_id: int) -> bool:
    """Whether the actor proposed or decided the act's withdrawal."""
    found = session.scalar(
        sa.select(PointsCorrection.id).where(
            PointsCorrection.kind == corrections.WITHDRAW_ACT,
            PointsCorrection.number == act_id,
            PointsCorrection.status == corrections.DONE,
            sa.or_(
                PointsCorrection.proposed_by_id == actor.user_id,
                PointsCorrection.decided_by_id == actor.user_id,
            ),
        )
    )
    return found is not None


def _whole_city(actor: Actor) -> bool:
    return actor.region_code == SYSTEM.region_code


def _sees(actor: Actor, appeal: Appeal) -> bool:
    return actor.sees_region(appeal.region_code or SYSTEM.region_code)
