"""Rewards: what points can be exchanged for, the voucher a person gets, and what is given away.

An order takes, all or nothing, one from the stock, its value from the merchant's budget of the month
and its price from the points, oldest lots first. Whoever gives it back (``corrections.refund``) puts all
three where they were.
"""

from __future__ import annotations

import base64
import secrets
from datetime import datetime
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform import ledger
from carbon_platform.citizens import catalogue, lots, points, reward_rules, rules
from carbon_platform.citizens.errors import (
    AlreadyRefunded,
    NotEnoughPoints,
    RewardGone,
    RewardLimitReached,
)
from carbon_platform.citizens.purse import open_purse, points_account, redeemed_account
from carbon_platform.citizens.reward_errors import (
    BudgetGone,
    DonationFinal,
    DonationsApart,
    DonationUnit,
    RedemptionSettled,
    RewardOutOfSeason,
)
from carbon_platform.citizens.tables import Redemption, RedemptionRefusal, Reward, RewardBudget
from carbon_platform.errors import NotFound, PlatformError
from carbon_platform.identity.rules import Actor
from carbon_platform.identity.service import audit
from carbon_platform.units import yuan_text

# Reasons a person meets at the counter; each such attempt is kept.
REFUSALS = (RewardLimitReached, RewardGone, NotEnoughPoints, RewardOutOfSeason, BudgetGone)
READY, USED, REFUNDING, REFUNDED = "ready", "used", "refunding", "refunded"
# Vouchers whose points are spent for good or may still come back.
STANDING = (READY, USED, REFUNDING)
STATUS_WORDS = {
    READY: ("可以使用", "ready to use"),
    USED: ("已使用", "used"),
    REFUNDING: ("正在退回积分", "points on their way back"),
    REFUNDED: ("已退回积分", "points given back"),
}
# Of what is over, so many are listed; the export has everything.
LISTED = 500
DONATED_WORDS = ("已捐出", "given")
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
    offered = sa.select(Reward).where(Reward.active.is_(True), Reward.kind != reward_rules.DONATION)
    return list(session.scalars(offered.order_by(Reward.price_points, Reward.code)))


def list_donation_projects(session: Session) -> list[Reward]:
    """What points can be given to; ``price_points`` is the unit, ``value_fen`` what a sponsor pays for it."""
    offered = sa.select(Reward).where(Reward.active.is_(True), Reward.kind == reward_rules.DONATION)
    return list(session.scalars(offered.order_by(Reward.code)))


def redeem(session: Session, actor: Actor, reward_code: str, *, now: datetime) -> Redemption:
    """Take one from the stock and its price from the points, oldest lots first, and hand out a voucher.

    All or nothing. Errors: ``NotFound`` for an unknown reward; ``DonationsApart``; and those of
    :data:`REFUSALS`, which :func:`record_refusal` keeps.
    """
    # One person's points are planned by one transaction at a time; the stock's row is locked after.
    points.lock(session, actor.holder)
    reward = _offered(session, reward_code)
    if reward.kind == reward_rules.DONATION:
        raise DonationsApart(name=reward.name_zh, name_en=reward.name_en)
    _check_season(reward, now)
    _check_limit(session, actor.holder, reward, now)
    _take_stock(session, reward)
    redemption = _order(session, actor.holder, reward, reward.price_points, reward.value_fen, now=now)
    if reward.merchant_code:
        redemption.expires_at = reward_rules.code_ends(now, reward.code_days, reward.season_to)
    session.add(redemption)
    session.flush()
    # The voucher itself stays out of the audit record: whoever reads the log could use it.
    audit(
        session, actor, "reward.redeem", object_kind="redemption", object_id=redemption.id, now=now,
        detail={"reward": reward.code, "price_points": reward.price_points},
    )  # fmt: skip
    return redemption


def donate(session: Session, actor: Actor, reward_code: str, amount: int, *, now: datetime) -> Redemption:
    """Give points to a project for which a sponsor pays. Final, and paid out with the month's statement.

    Errors: ``NotFound``, ``DonationUnit``, ``NotEnoughPoints``, ``RewardOutOfSeason``, ``BudgetGone``.
    """
    points.lock(session, actor.holder)
    reward = _offered(session, reward_code)
    value_fen = reward_rules.donation_value(amount, reward.price_points, reward.value_fen)
    if reward.kind != reward_rules.DONATION:
        raise NotFound(what="捐赠项目", key=reward_code)
    if value_fen is None:
        raise DonationUnit(
            name=reward.name_zh,
            name_en=reward.name_en,
            unit=reward.price_points,
            value=yuan_text(reward.value_fen),
            points=amount,
        )
    _check_season(reward, now)
    given = _order(session, actor.holder, reward, amount, value_fen, now=now, reason="donation")
    given.status, given.used_at, given.use_recorded_at = USED, now, now
    session.add(given)
    session.flush()
    audit(
        session, actor, "reward.donate", object_kind="redemption", object_id=given.id, now=now,
        detail={"reward": reward.code, "points": amount, "value_fen": value_fen},
    )  # fmt: skip
    return given


def _offered(session: Session, reward_code: str) -> Reward:
    reward = session.get(Reward, reward_code, populate_existing=True)
    if reward is None or not reward.active:
        raise NotFound(what="奖品", key=reward_code)
    return reward


def _check_season(reward: Reward, now: datetime) -> None:
    today = rules.local_day(now)
    if not reward_rules.in_season(reward.season_from, reward.season_to, today):
        raise RewardOutOfSeason(
            name=reward.name_zh,
            name_en=reward.name_en,
            season=reward_rules.season_words(reward.season_from, reward.season_to),
            today=today,
        )


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
            Redemption.status.in_(STANDING),
            Redemption.redeemed_at >= rules.month_start(now),
        )
    )
    if (had or 0) >= reward.person_month_limit:
        raise RewardLimitReached(name=reward.name_zh, name_en=reward.name_en, limit=reward.person_month_limit)


def _take_stock(session: Session, reward: Reward) -> None:
    taken = session.execute(
        sa.update(Reward)
        .where(Reward.code == reward.code, Reward.stock >= 1)
        .values(stock=Reward.stock - 1)
        .execution_options(synchronize_session=False)
    )
    if taken.rowcount == 0:  # type: ignore[attr-defined]
        raise RewardGone(name=reward.name_zh, name_en=reward.name_en)


def _order(
    session: Session,
    holder: str,
    reward: Reward,
    amount: int,
    value_fen: int,
    *,
    now: datetime,
    reason: str = "redemption",
) -> Redemption:
    """Take the value from the budget and the points from the purse; returns the order, not yet added."""
    month = ""
    if reward.merchant_code:
        month = reward_rules.month_of(now)
        if not _commit(session, reward.merchant_code, month, value_fen):
            raise BudgetGone(name=reward.name_zh, name_en=reward.name_en)
    return Redemption(
        holder=holder,
        reward_code=reward.code,
        name_zh=reward.name_zh,
        name_en=reward.name_en,
        price_points=amount,
        voucher_code=rules.voucher_text(base64.b32encode(secrets.token_bytes(VOUCHER_BYTES)).decode()),
        status=READY,
        entry_id=_pay(session, holder, reward, amount, reason, now),
        redeemed_at=now,
        kind=reward.kind,
        merchant_code=reward.merchant_code,
        value_fen=value_fen,
        topup_fen=reward.topup_fen,
        budget_month=month,
        offline_hours=reward.offline_hours,
    )


def _commit(session: Session, merchant_code: str, month: str, change_fen: int) -> bool:
    """Commit fen of a month's budget, or release them (negative); whether there was enough."""
    committed = RewardBudget.committed_fen + change_fen
    done = session.execute(
        sa.update(RewardBudget)
        .where(
            RewardBudget.merchant_code == merchant_code,
            RewardBudget.month == month,
            RewardBudget.closed_at.is_(None),
            committed <= RewardBudget.limit_fen,
        )
        .values(committed_fen=committed)
        .execution_options(synchronize_session=False)
    )
    return bool(done.rowcount)  # type: ignore[attr-defined]


def _pay(session: Session, holder: str, reward: Reward, price: int, reason: str, now: datetime) -> int:
    """Spend the price, one move per lot, in one entry; returns its number."""
    purse = open_purse(session, holder, now=now)
    payment = lots.take(purse.active, price, rules.local_day(now))
    short = NotEnoughPoints(
        name=reward.name_zh,
        name_en=reward.name_en,
        price=price,
        available=purse.available,
        pending=sum(purse.pending.values()),
    )
    if sum(payment.values()) < price:
        raise short
    entry = ledger.Entry(
        reason=reason,
        reference=f"{reason}:{uuid4().hex}",
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
        # Whoever takes points has the person's lock; should one day somebody not, nobody pays twice.
        raise short from changed


def check_refundable(redemption: Redemption) -> None:
    """Refuse what cannot be given back any more.

    Errors: ``AlreadyRefunded``, ``DonationFinal``, ``RedemptionSettled``.
    """
    if redemption.status == REFUNDED:
        raise AlreadyRefunded(number=redemption.id)
    if redemption.kind == reward_rules.DONATION:
        raise DonationFinal(number=redemption.id)
    if redemption.settled_in:
        raise RedemptionSettled(number=redemption.id, statement=redemption.settled_in)


def release(session: Session, redemption: Redemption) -> None:
    """Put one back into the stock and its value back into the budget; the voucher is as if never used."""
    session.execute(
        sa.update(Reward)
        .where(Reward.code == redemption.reward_code)
        .values(stock=Reward.stock + 1)
        .execution_options(synchronize_session=False)
    )
    if redemption.budget_month and redemption.value_fen:
        freed = _commit(session, redemption.merchant_code, redemption.budget_month, -redemption.value_fen)
        assert freed, "a budget stays open while a voucher of it stands"
    redemption.status, redemption.used_at, redemption.use_recorded_at = REFUNDED, None, None


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
    """The person's vouchers, newest first: all that are open, and the latest others; donations are apart."""
    mine = _mine(actor).where(Redemption.kind != reward_rules.DONATION)
    latest = mine.with_only_columns(Redemption.id).limit(LISTED).subquery()
    open_ = Redemption.status.in_((READY, REFUNDING))
    return list(session.scalars(mine.where(sa.or_(open_, Redemption.id.in_(sa.select(latest.c.id))))))


def list_donations(session: Session, actor: Actor) -> list[Redemption]:
    """What the person gave away, the latest first."""
    mine = _mine(actor).where(Redemption.kind == reward_rules.DONATION)
    return list(session.scalars(mine.limit(LISTED)))


def _mine(actor: Actor) -> sa.Select[Any]:
    return sa.select(Redemption).where(Redemption.holder == actor.holder).order_by(Redemption.id.desc())
