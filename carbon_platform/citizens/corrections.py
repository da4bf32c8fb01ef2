"""Taking back: an act its source withdraws, a redemption that is refunded. Each once.

Staff do it in twos; a source takes its own record back by itself (:func:`reverse_record`). Where the grams
are part of a bundle by then, the bundle is made good (:mod:`carbon_platform.inclusion`).

Nothing posted is edited. Both are mirrors of the entries they undo, so every point returns to the very
lot it came from. Where the mirror alone cannot stand, one more entry makes it possible:

* points of a withdrawn act that lapsed come back from ``points_expired`` of their lot;
* points that were spent are replaced from the person's other lots, oldest first, as they would have
  been spent had the act never been there;
* what even those cannot cover is owed (``points_debt``) and paid back out of later points;
* refunded points whose lot is over by now get a new, short one (``refund_grace_days``).
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform import ledger
from carbon_platform.citizens import (
    accounts_merge,
    catalogue,
    intake_sql,
    lots,
    points,
    points_rules,
    rewards,
    rules,
)
from carbon_platform.citizens.errors import (
    AlreadyWithdrawn,
    CorrectionClosed,
    CorrectionOpen,
    SecondPersonNeeded,
)
from carbon_platform.citizens.intake_sql import BookDelta
from carbon_platform.citizens.purse import (
    EXPIRED,
    PENDING,
    WITHDRAWN,
    debt_account,
    expired_account,
    issued_account,
    open_purse,
    pending_account,
    points_account,
    redeemed_account,
)
from carbon_platform.citizens.tables import Act, PointsCorrection, Redemption
from carbon_platform.citizens.truth_tables import Appeal
from carbon_platform.db import serialise
from carbon_platform.errors import NotFound
from carbon_platform.identity.rules import SYSTEM, Actor
from carbon_platform.identity.service import audit

WITHDRAW_ACT, REFUND = "withdraw_act", "refund"
OBJECT_WORDS = {WITHDRAW_ACT: "记账", REFUND: "兑换"}
PROPOSED, DONE, DECLINED = "proposed", "done", "declined"
# The reason code of an appeal against a withdrawal.
CONTESTED_WITHDRAWAL = "withdrawn"
STATUS_WORDS = {
    PROPOSED: ("等第二人决定", "proposed"),
    DONE: ("执行", "done"),
    DECLINED: ("否决", "declined"),
}


def propose(
    session: Session, actor: Actor, *, kind: str, number: int, note: str, now: datetime
) -> PointsCorrection:
    """Ask for an act to be withdrawn or a redemption to be refunded. ``note`` is what the citizen reads.

    Errors: ``NotFound`` (also outside the actor's region), ``AlreadyWithdrawn``, ``AlreadyRefunded``,
    ``CorrectionOpen``.
    """
    if not _sees(session, actor, kind, number):
        raise NotFound(what=OBJECT_WORDS[kind], key=number)
    _object(session, kind, number)
    return put_up(session, actor, kind=kind, number=number, note=note, now=now)


def put_up(
    session: Session, actor: Actor, *, kind: str, number: int, note: str, now: datetime
) -> PointsCorrection:
    """As :func:`propose`, wherever in the city it is: what the audit of a source has found wrong."""
    serialise(session, f"correction:{kind}:{number}")
    waiting = session.scalar(
        sa.select(PointsCorrection.id).where(
            PointsCorrection.kind == kind,
            PointsCorrection.number == number,
            PointsCorrection.status == PROPOSED,
        )
    )
    if waiting is not None:
        raise CorrectionOpen(number=waiting)
    correction = PointsCorrection(
        kind=kind,
        number=number,
        note=note.strip(),
        status=PROPOSED,
        proposed_by=actor.name,
        proposed_by_id=actor.user_id or 0,
        proposed_at=now,
    )
    session.add(correction)
    session.flush()
    audit(
        session, actor, "points.propose", object_kind=kind, object_id=number, now=now,
        detail={"correction": correction.id},
    )  # fmt: skip
    return correction


def decide(
    session: Session, actor: Actor, correction_id: int, *, approve: bool, now: datetime
) -> PointsCorrection:
    """Carry a proposal out, or decline it. Errors: ``NotFound``, ``SecondPersonNeeded``,
    ``CorrectionClosed``, and those of :func:`withdraw_act` and :func:`refund`."""
    correction = session.scalar(
        sa.select(PointsCorrection).where(PointsCorrection.id == correction_id).with_for_update()
    )
    if correction is None or not _sees(session, actor, correction.kind, correction.number):
        raise NotFound(what="更正申请", key=correction_id)
    if correction.status != PROPOSED:
        state, state_en = STATUS_WORDS[correction.status]
        raise CorrectionClosed(number=correction.id, state=state, state_en=state_en)
    if correction.proposed_by_id == actor.user_id:
        raise SecondPersonNeeded(number=correction.id)
    if approve:
        work = withdraw_act if correction.kind == WITHDRAW_ACT else refund
        work(
            session,
            correction.number,
            note=correction.note,
            actor_name=_signature(correction.proposed_by, correction.proposed_by_id),
            second_approver=_signature(actor.name, actor.user_id or 0),
            now=now,
        )
    correction.status = DONE if approve else DECLINED
    correction.decided_by, correction.decided_by_id, correction.decided_at = actor.name, actor.user_id, now
    audit(
        session, actor, "points.decide", object_kind=correction.kind, object_id=correction.number, now=now,
        detail={"correction": correction.id, "status": correction.status},
    )  # fmt: skip
    return correction


def corrections(actor: Actor) -> sa.Select[Any]:
    """All proposals of the actor's region, newest first, for paging."""
    found = sa.select(PointsCorrection).order_by(PointsCorrection.id.desc())
    if not actor.region_code:
        return found.where(sa.false())
    region = sa.case(
        (PointsCorrection.kind == WITHDRAW_ACT, _region_of_act(PointsCorrection.number)),
        else_=_region_of_redemption(PointsCorrection.number),
    )
    known = sa.func.coalesce(sa.func.nullif(region, ""), SYSTEM.region_code)
    return found.where(known.startswith(actor.region_code, autoescape=True))


def _region_of_act(number: Any) -> sa.ScalarSelect[str]:
    return sa.select(Act.region_code).where(Act.id == number).scalar_subquery()


def _region_of_redemption(number: Any) -> sa.ScalarSelect[str]:
    """Where the person last did something: points come from acts, and acts outlive the person's name."""
    return (
        sa.select(Act.region_code)
        .join(Redemption, Redemption.holder == Act.holder)
        .where(Redemption.id == number)
        .order_by(Act.id.desc())
        .limit(1)
        .scalar_subquery()
    )


def _sees(session: Session, actor: Actor, kind: str, number: int) -> bool:
    """Whether an act or a redemption lies in the actor's region.

    People who gave no county, or have no act of their own, belong to the whole city.
    """
    region = _region_of_act(number) if kind == WITHDRAW_ACT else _region_of_redemption(number)
    return actor.sees_region(session.scalar(sa.select(region)) or SYSTEM.region_code)


def withdraw_act(
    session: Session, act_id: int, *, note: str, actor_name: str, second_approver: str, now: datetime
) -> Act:
    """Take an act out of the book: its grams and its points, from the lot they went to.

    Errors: ``NotFound``, ``AlreadyWithdrawn``.
    """
    # Anew, whoever looked before in this transaction: a job may have made its points active meanwhile.
    act = session.get(Act, act_id, with_for_update=True, populate_existing=True)
    if act is None:
        raise NotFound(what="记账", key=act_id)
    if act.withdrawn_at is not None:
        raise AlreadyWithdrawn(number=act_id)
    points.lock(session, act.holder)
    if act.campaign:
        points_rules.spend(session, {act.campaign: -act.bonus_points})
    signed: dict[str, Any] = {
        "actor_name": actor_name,
        "second_approver": second_approver,
        "note": note,
        "now": now,
    }
    if act.points:
        _make_whole(session, act, actor_name=actor_name, note=note, now=now)
    accounts_merge.lend(session, act, now=now)
    if act.activation_entry_id is not None:
        ledger.reverse(
            session,
            act.activation_entry_id,
            reference=f"points:deactivate:{act.id}",
            reason="points.deactivation",
            **signed,
        )
    if act.entry_id is not None:
        act.withdrawal_entry_id = ledger.reverse(
            session, act.entry_id, reference=f"withdrawal:{act.id}", reason="points.withdrawal", **signed
        ).entry_id
    lost = BookDelta(0, -act.reduction_g, -act.creditable_g, -act.points)
    intake_sql.add_to_books(session.connection(), {(act.holder, act.day[:7]): lost})
    act.withdrawn_at, act.withdrawal_note = now, note
    if act.points:
        act.points_state = WITHDRAWN
    return act


def reverse_record(session: Session, source: str, record_key: str, *, note: str, now: datetime) -> Act | None:
    """A source takes its own record back, also after its points were spent (the person then owes them).

    With it goes what an accepted appeal counted of the same record. None: there is no such act. Raises
    ``AlreadyWithdrawn`` (a reversal delivered twice: nothing to do).
    """
    found = session.scalar(sa.select(Act.id).where(Act.source == source, Act.record_key == record_key))
    if found is None:
        return None
    # The record is the source's own; that it may take it back is the rule everybody agreed to.
    signed = {"actor_name": f"source:{source}", "second_approver": Actor.SYSTEM_NAME, "note": note}
    going, done = [found], []
    while going:
        number = going.pop(0)
        with contextlib.suppress(AlreadyWithdrawn):
            done.append(withdraw_act(session, number, now=now, **signed))
        going += counted_on_appeal(session, [number]).get(number, [])
    if not done:
        raise AlreadyWithdrawn(number=found)
    return session.get_one(Act, found)


def counted_on_appeal(session: Session, acts: Collection[int]) -> dict[int, list[int]]:
    """By act: the acts that accepted appeals counted in its place.

    Not those that were counted against a withdrawal: whoever decided knew of it. A record that made way
    for a better one is no such case; its source has not taken it back yet.
    """
    rows = session.execute(
        sa.select(Appeal.act_id, Appeal.counted_act_id)
        .join(Act, Act.id == Appeal.act_id)
        .where(
            Appeal.act_id.in_(list(acts)),
            Appeal.counted_act_id.is_not(None),
            sa.or_(Appeal.reason_code != CONTESTED_WITHDRAWAL, Act.counted_as_id.is_not(None)),
        )
        .order_by(Appeal.id)
    )
    found: dict[int, list[int]] = {}
    for act_id, counted in rows:
        found.setdefault(act_id, []).append(counted)
    return found


def refund(
    session: Session, redemption_id: int, *, note: str, actor_name: str, second_approver: str, now: datetime
) -> Redemption:
    """Give the points of a voucher back to the lots they came from, and the thing back to the stock.

    Errors: ``NotFound``, and those of ``rewards.check_refundable``.
    """
    redemption = session.get(Redemption, redemption_id, with_for_update=True, populate_existing=True)
    if redemption is None:
        raise NotFound(what="兑换", key=redemption_id)
    rewards.check_refundable(redemption)
    points.lock(session, redemption.holder)
    rewards.release(session, redemption)
    spent = ledger.moves_of(session, redemption.entry_id)
    posted = ledger.reverse(
        session,
        redemption.entry_id,
        reference=f"redemption:refund:{redemption.id}",
        reason="points.refund",
        actor_name=actor_name,
        second_approver=second_approver,
        note=note,
        now=now,
    )
    accounts_merge.sweep(session, posted.entry_id, redemption.holder, now=now)
    today = rules.local_day(now)
    over = {move.source.lot: move.amount for move in spent if lots.expired(move.source.lot, today)}
    if over:
        grace = points_account(redemption.holder, lots.grace_lot(today, catalogue.lifetime(today)))
        entry = ledger.Entry(
            reason="points.regrant",
            reference=f"redemption:regrant:{redemption.id}",
            moves=points.redated(redemption.holder, over, grace),
            effective_at=None,
            actor_name=actor_name,
            note=note,
        )
        ledger.post(session, entry, now)
    points.recover(session, redemption.holder, posted.entry_id, now=now)
    redemption.status, redemption.refunded_at = rewards.REFUNDED, now
    redemption.refund_entry_id = posted.entry_id
    return redemption


def _make_whole(session: Session, act: Act, *, actor_name: str, note: str, now: datetime) -> None:
    """See to it that the lot holds all points of the act, so that the mirror entries can take them."""
    holder, lot = act.holder, act.points_lot
    waits = act.points_state in (PENDING, EXPIRED)
    target = pending_account(holder, lot) if waits else points_account(holder, lot)
    # What lapsed is not there any more; what still waits in the same lot belongs to other acts.
    there = 0 if act.points_state == EXPIRED else ledger.balance(session, target).available
    short = act.points - there
    if short <= 0:
        return
    lapsed = min(short, max(0, ledger.balance(session, expired_account(holder, lot)).posted))
    moves = [ledger.Move(expired_account(holder, lot), target, lapsed)] if lapsed else []
    others = dict(open_purse(session, holder, now=now).active)
    if not waits:
        others.pop(lot, None)
    from_others = lots.take(others, short - lapsed, rules.local_day(now))
    moves += points.redated(holder, from_others, target)
    debt = short - lapsed - sum(from_others.values())
    if debt:
        # What was bought with these points was not paid for: the person owes it, the issue stays open.
        moves.append(ledger.Move(redeemed_account(lot), target, debt))
        moves.append(ledger.Move(issued_account(lot), debt_account(holder, lot), debt))
    ledger.post(
        session,
        ledger.Entry(
            reason="points.cover",
            reference=f"points:cover:{act.id}",
            moves=moves,
            effective_at=None,
            actor_name=actor_name,
            note=note,
            detail={"act": act.id, "owed": debt},
        ),
        now,
    )


def _object(session: Session, kind: str, number: int) -> None:
    """Refuse early what could not be carried out anyway."""
    if kind == WITHDRAW_ACT:
        act = session.get(Act, number)
        if act is None:
            raise NotFound(what="记账", key=number)
        if act.withdrawn_at is not None:
            raise AlreadyWithdrawn(number=number)
        return
    redemption = session.get(Redemption, number)
    if redemption is None:
        raise NotFound(what="兑换", key=number)
    rewards.check_refundable(redemption)


def _signature(name: str, user_id: int) -> str:
    """Two colleagues of one name are two people."""
    return f"{name} #{user_id}"
