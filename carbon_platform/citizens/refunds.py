"""Giving a voucher back: the person asks, or it ran out unused.

A shop may work without network for some hours, and hand in later what it took. So a voucher that can be
used offline is not given back at once: it stops working online, waits until every shop must have been
heard, and then the points return to the very lots they came from. A use of before the wish that arrives
in between stands, and so does a later one of a shop without network, which could not know of the wish;
nothing is given back then.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.citizens import corrections, rewards
from carbon_platform.citizens.errors import AlreadyRefunded
from carbon_platform.citizens.reward_errors import DonationFinal, RedemptionUsed, RefundByStaffOnly
from carbon_platform.citizens.reward_rules import DONATION
from carbon_platform.citizens.rewards import REFUNDED, REFUNDING, USED
from carbon_platform.citizens.rules import LOCAL
from carbon_platform.citizens.tables import Redemption, Reward
from carbon_platform.db import Database
from carbon_platform.errors import NotFound, PlatformError
from carbon_platform.identity.rules import SYSTEM, Actor
from carbon_platform.identity.service import audit

# What stands for the second person where a rule decides: unused, and every shop was heard.
BY_RULE = "rule: unused voucher"
ASKED, RAN_OUT = "本人退回", "过期未用，自动退回"
# Stuck vouchers named in the job's record; the others are counted.
NAMED = 3


def ask(session: Session, actor: Actor, redemption_id: int, *, now: datetime) -> Redemption:
    """The person wants the points of an unused voucher back. Asking again changes nothing.

    Errors: ``NotFound`` (another person's too), ``RefundByStaffOnly``, ``RedemptionUsed``,
    ``AlreadyRefunded``, ``DonationFinal``.
    """
    found = session.scalar(
        sa.select(Redemption)
        .where(Redemption.id == redemption_id, Redemption.holder == actor.holder)
        .with_for_update()
    )
    if found is None:
        raise NotFound(what="兑换", key=redemption_id)
    if found.kind == DONATION:
        raise DonationFinal(number=found.id)
    if not found.merchant_code:
        raise RefundByStaffOnly(name=found.name_zh, name_en=found.name_en)
    if found.status == USED and found.used_at is not None:
        local = found.used_at.astimezone(LOCAL)
        raise RedemptionUsed(number=found.id, used_at=f"{local:%Y-%m-%d %H:%M}")
    if found.status == REFUNDED:
        raise AlreadyRefunded(number=found.id)
    if found.status != REFUNDING:
        _start(session, found, asked_at=now, note=ASKED, now=now)
    audit(
        session, actor, "redemption.refund", object_kind="redemption", object_id=found.id, now=now,
        detail={"status": found.status},
    )  # fmt: skip
    return found


def _start(session: Session, redemption: Redemption, *, asked_at: datetime, note: str, now: datetime) -> None:
    # The merchant may have got more hours since the order; its shops carry lists of that length now.
    hours = max(redemption.offline_hours, session.get_one(Reward, redemption.reward_code).offline_hours)
    redemption.status = REFUNDING
    redemption.refund_requested_at = asked_at
    redemption.refund_due_at = asked_at + timedelta(hours=hours)
    session.flush()
    if redemption.refund_due_at <= now:
        _give_back(session, redemption, note=note, now=now)


def _give_back(session: Session, redemption: Redemption, *, note: str, now: datetime) -> None:
    corrections.refund(
        session,
        redemption.id,
        note=note,
        actor_name=redemption.holder,
        second_approver=BY_RULE,
        now=now,
    )


class _Stuck(Exception):
    """A voucher that cannot be given back now, and why (an account of the person stands still, say)."""

    def __init__(self, number: int, why: PlatformError) -> None:
        super().__init__(number)
        self.number, self.why = number, why


def run_out(session: Session, *, now: datetime, leave: Collection[int] = ()) -> int | None:
    """One voucher that ran out unused begins to be given back; its number, or None if there is none.

    Repeatable; two runs at once take different ones, and none of ``leave``.
    """
    found = session.scalar(
        sa.select(Redemption)
        .where(Redemption.status == rewards.READY, Redemption.expires_at <= now, Redemption.id.not_in(leave))
        .order_by(Redemption.expires_at, Redemption.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    if found is None or found.expires_at is None:
        return None
    with _named(found):
        _start(session, found, asked_at=found.expires_at, note=RAN_OUT, now=now)
    audit(session, SYSTEM, "redemption.run_out", object_kind="redemption", object_id=found.id, now=now)
    return found.id


def finish(session: Session, *, now: datetime, leave: Collection[int] = ()) -> int | None:
    """Give back one voucher for which every shop had its time; its number, or None if there is none."""
    found = session.scalar(
        sa.select(Redemption)
        .where(Redemption.status == REFUNDING, Redemption.refund_due_at <= now, Redemption.id.not_in(leave))
        .order_by(Redemption.refund_due_at, Redemption.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    if found is None:
        return None
    ran_out = found.refund_requested_at == found.expires_at
    with _named(found):
        _give_back(session, found, note=RAN_OUT if ran_out else ASKED, now=now)
    audit(session, SYSTEM, "redemption.give_back", object_kind="redemption", object_id=found.id, now=now)
    return found.id


@contextmanager
def _named(redemption: Redemption) -> Iterator[None]:
    number = redemption.id
    try:
        yield
    except PlatformError as why:
        raise _Stuck(number, why) from why


def give_back_due(db: Database, *, now: datetime) -> tuple[str, str]:
    """The job: one voucher per transaction, until none is left. Returns (outcome, words).

    One that cannot be given back keeps no other waiting; the next run tries it again.
    """
    counts = {run_out: 0, finish: 0}
    stuck: dict[int, PlatformError] = {}
    for step in counts:
        found: int | None = 0
        while found is not None:
            try:
                found = db.transact(partial(step, now=now, leave=tuple(stuck)))
            except _Stuck as one:
                stuck[one.number] = one.why
            else:
                counts[step] += found is not None
    words = [f"{counts[run_out]} vouchers ran out; {counts[finish]} given back"]
    if stuck:
        words.append(f"{len(stuck)} stuck")
        words += [f"{number}: {why.message('en')}" for number, why in list(stuck.items())[:NAMED]]
    return ("alarm" if stuck else "ok"), "; ".join(words)
