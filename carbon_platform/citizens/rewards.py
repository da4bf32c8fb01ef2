"""Rewards: what points can be exchanged for, and the voucher a person gets."""

from __future__ import annotations

import base64
import secrets
from datetime import datetime
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform import ledger
from carbon_platform.citizens import catalogue, lots, points, rules
from carbon_platform.citizens.errors import NotEnoughPoints, RewardGone, RewardLimitReached
from carbon_platform.citizens.purse import open_purse, points_account, redeemed_account
from carbon_platform.citizens.tables import Redemption, RedemptionRefusal, Reward
from carbon_platform.errors import NotFound, PlatformError
from carbon_platform.identity.rules import Actor
from carbon_platform.identity.service import audit

# Reasons a person meets at the counter; each such attempt is kept.
REFUSALS = (RewardLimitReached, RewardGone, NotEnoughPoints)
READY, REFUNDED = "ready", "refunded"
STATUS_WORDS = {READY: ("可以使用", "ready to use"), REFUNDED: ("已退回积分", "points given back")}
# 80 random bits, 16 characters of base32: nobody guesses one, and nobody mistakes 0 for O.
VOUCHER_BYTES = 10


def load_rewards(session: Session) -> int:
    """Insert new rewards and refresh words and prices of known ones; stock is set once, at the first load."""
    for row in catalogue.reward_rows():
        reward = session.get(Reward, row["code"])
        if reward is None:
            session.add(Reward(**row))
            continue
        for name, value in row.items():
            if name != "stock":
                setattr(reward, name, value)
    session.flush()
    return len(catalogue.reward_rows())


def list_rewards(session: Session) -> list[Reward]:
    """What is on offer, cheapest first; sold-out ones too, so that people see them come back."""
    statement = sa.select(Reward).where(Reward.active.is_(True)).order_by(Reward.price_points, Reward.code)
    return list(session.scalars(statement))


def redeem(session: Session, actor: Actor, reward_code: str, *, now: datetime) -> Redemption:
    """Take one from the stock and its price from the points, oldest lots first, and hand out a voucher.

    All or nothing. Errors: ``NotFound`` for an unknown reward; ``RewardLimitReached``, ``RewardGone``,
    ``NotEnoughPoints``, which :func:`record_refusal` keeps.
    """
    # One person's points are planned by one transaction at a time; the stock's row is locked after.
    points.lock(session, actor.holder)
    reward = session.get(Reward, reward_code)
    if reward is None or not reward.active:
        raise NotFound(what="奖品", key=reward_code)
    _check_limit(session, actor.holder, reward, now)
    taken = session.execute(
        sa.update(Reward)
        .where(Reward.code == reward_code, Reward.stock >= 1)
        .values(stock=Reward.stock - 1)
        .execution_options(synchronize_session=False)
    )
    if taken.rowcount == 0:  # type: ignore[attr-defined]
        raise RewardGone(name=reward.name_zh, name_en=reward.name_en)
    redemption = Redemption(
        holder=actor.holder,
        reward_code=reward.code,
        name_zh=reward.name_zh,
        name_en=reward.name_en,
        price_points=reward.price_points,
        voucher_code=rules.voucher_text(base64.b32encode(secrets.token_bytes(VOUCHER_BYTES)).decode()),
        status=READY,
        entry_id=_pay(session, actor.holder, reward, now),
        redeemed_at=now,
    )
    session.add(redemption)
    session.flush()
    # The voucher itself stays out of the audit record: whoever reads the log could use it.
    audit(
        session, actor, "reward.redeem", object_kind="redemption", object_id=redemption.id, now=now,
        detail={"reward": reward.code, "price_points": reward.price_points},
    )  # fmt: skip
    return redemption


def _check_limit(session: Session, holder: str, reward: Reward, now: datetime) -> None:
    """Refuse more of a reward than one person may get in a calendar month; refunded ones do not count."""
    if reward.person_month_limit is None:
        return
    had = session.scalar(
        sa.select(sa.func.count())
        .select_from(Redemption)
        .where(
            Redemption.holder == holder,
            Redemption.reward_code == reward.code,
            Redemption.status == READY,
            Redemption.redeemed_at >= rules.month_start(now),
        )
    )
    if (had or 0) >= reward.person_month_limit:
        raise RewardLimitReached(name=reward.name_zh, name_en=reward.name_en, limit=reward.person_month_limit)


def _pay(session: Session, holder: str, reward: Reward, now: datetime) -> int:
    """Spend the price, one move per lot, in one entry; returns its number."""
    purse = open_purse(session, holder, now=now)
    payment = lots.take(purse.active, reward.price_points, rules.local_day(now))
    short = NotEnoughPoints(
        name=reward.name_zh,
        name_en=reward.name_en,
        price=reward.price_points,
        available=purse.available,
        pending=sum(purse.pending.values()),
    )
    if sum(payment.values()) < reward.price_points:
        raise short
    entry = ledger.Entry(
        reason="redemption",
        reference=f"redemption:{uuid4().hex}",
        moves=[
            ledger.Move(points_account(holder, lot), redeemed_account(lot), part)
            for lot, part in payment.items()
        ],
        effective_at=None,
        actor_name=holder,
        detail={"reward": reward.code},
    )
    try:
        return ledger.post(session, entry, now).entry_id
    except ledger.InsufficientBalance as changed:
        # Only the expiry job takes points without our lock: it was midnight between look and post.
        raise short from changed


def record_refusal(
    session: Session, actor: Actor, reward_code: str, order_key: str, refused: PlatformError, *, now: datetime
) -> None:
    """Keep an exchange that was refused, at zero points, with the reason the person was given.

    In a transaction of its own, after that of the exchange has been rolled back. The same order refused
    again for the same reason stays one refusal; an unknown reward is none.
    """
    points.lock(session, actor.holder)
    reward = session.get(Reward, reward_code)
    known = session.scalar(
        sa.select(RedemptionRefusal.id).where(
            RedemptionRefusal.holder == actor.holder,
            RedemptionRefusal.order_key == order_key,
            RedemptionRefusal.reason_code == refused.code,
        )
    )
    if reward is None or known is not None:
        return
    refusal = RedemptionRefusal(
        holder=actor.holder,
        order_key=order_key,
        reward_code=reward.code,
        name_zh=reward.name_zh,
        name_en=reward.name_en,
        price_points=reward.price_points,
        points=0,
        reason_code=refused.code,
        reason_zh=refused.message("zh"),
        reason_en=refused.message("en"),
        refused_at=now,
    )
    session.add(refusal)
    session.flush()
    audit(
        session, actor, "reward.refuse", object_kind="redemption_refusal", object_id=refusal.id, now=now,
        detail={"reward": reward.code, "reason": refused.code},
    )  # fmt: skip


def list_redemptions(session: Session, actor: Actor) -> list[Redemption]:
    """The person's vouchers, newest first."""
    statement = sa.select(Redemption).where(Redemption.holder == actor.holder).order_by(Redemption.id.desc())
    return list(session.scalars(statement))
