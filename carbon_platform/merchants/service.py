"""Merchants, what they offer, and the money set aside for each month. Services never commit."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform import ledger
from carbon_platform.citizens import reward_rules
from carbon_platform.citizens.tables import Reward, RewardBudget
from carbon_platform.db import serialise
from carbon_platform.errors import NotFound
from carbon_platform.identity.rules import SYSTEM, Actor
from carbon_platform.identity.service import audit, get_organisation
from carbon_platform.merchants import errors
from carbon_platform.merchants.fund import budget_account, free_money, sponsor_account
from carbon_platform.merchants.tables import Merchant
from carbon_platform.units import yuan_text

ACTIVE, SUSPENDED, CLOSED = "active", "suspended", "closed"
STATE_WORDS = {ACTIVE: ("在用", "active"), SUSPENDED: ("暂停", "suspended"), CLOSED: ("关闭", "closed")}


def add_merchant(session: Session, actor: Actor, *, now: datetime, **fields: Any) -> Merchant:
    """Register an organisation as a merchant. Errors: ``NotFound`` (organisation), ``MerchantExists``."""
    organisation = get_organisation(session, fields["organisation_id"])
    known = session.scalar(
        sa.select(Merchant.code).where(
            sa.or_(Merchant.code == fields["code"], Merchant.organisation_id == organisation.id)
        )
    )
    if known is not None:
        raise errors.MerchantExists(key=known)
    if not actor.sees_region(organisation.region_code):
        raise NotFound(what="机构", key=organisation.id)
    merchant = Merchant(
        **fields,
        holder=organisation.holder,
        region_code=organisation.region_code,
        state=ACTIVE,
        opened_at=now,
    )
    session.add(merchant)
    session.flush()
    audit(session, actor, "merchant.add", object_kind="merchant", object_id=merchant.code, now=now)
    return merchant


def get_merchant(session: Session, actor: Actor, code: str) -> Merchant:
    merchant = session.get(Merchant, code)
    if merchant is None or not actor.sees_region(merchant.region_code):
        raise NotFound(what="商家", key=code)
    return merchant


def merchant_of(session: Session, actor: Actor) -> Merchant:
    """The merchant a shop's log-in belongs to. Errors: ``NoMerchant``."""
    merchant = session.scalar(sa.select(Merchant).where(Merchant.organisation_id == actor.organisation_id))
    if actor.organisation_id is None or merchant is None:
        raise errors.NoMerchant
    return merchant


def merchants(actor: Actor) -> sa.Select[Any]:
    """All merchants of the actor's region, by code, for paging."""
    found = sa.select(Merchant).order_by(Merchant.code)
    if not actor.region_code:
        return found.where(sa.false())
    return found.where(Merchant.region_code.startswith(actor.region_code, autoescape=True))


def change_merchant(
    session: Session, actor: Actor, code: str, changes: Mapping[str, Any], *, now: datetime
) -> Merchant:
    """Change words, budget, sponsor or state. Suspended or closed: its offers are off, its shops refused."""
    merchant = get_merchant(session, actor, code)
    before = {name: getattr(merchant, name) for name in changes}
    for name, value in changes.items():
        setattr(merchant, name, value)
    if "offline_hours" in changes:
        session.execute(
            sa.update(Reward).where(Reward.merchant_code == code).values(offline_hours=merchant.offline_hours)
        )
    if "name_zh" in changes:
        session.execute(
            sa.update(Reward).where(Reward.merchant_code == code).values(provider_zh=merchant.name_zh)
        )
    if "state" in changes and merchant.state != ACTIVE:
        session.execute(sa.update(Reward).where(Reward.merchant_code == code).values(active=False))
    audit(
        session, actor, "merchant.change", object_kind="merchant", object_id=code, now=now,
        detail={"before": before, "after": dict(changes)},
    )  # fmt: skip
    return merchant


def offers(session: Session, merchant: Merchant) -> list[Reward]:
    return list(
        session.scalars(sa.select(Reward).where(Reward.merchant_code == merchant.code).order_by(Reward.code))
    )


def add_offer(
    session: Session, actor: Actor, merchant_code: str, fields: Mapping[str, Any], *, now: datetime
) -> Reward:
    """Put something on offer.

    Errors: ``NotFound``, ``OfferExists``, ``OfferWrong``, ``MerchantNotActive``.
    """
    merchant = get_merchant(session, actor, merchant_code)
    demand_active(merchant)
    if session.get(Reward, fields["code"]) is not None:
        raise errors.OfferExists(key=fields["code"])
    offer = Reward(
        **fields,
        kind=merchant.kind,
        merchant_code=merchant.code,
        provider_zh=merchant.name_zh,
        offline_hours=merchant.offline_hours,
        active=True,
    )
    _check_offer(offer)
    session.add(offer)
    session.flush()
    audit(
        session, actor, "merchant.offer", object_kind="reward", object_id=offer.code, now=now,
        detail={"merchant": merchant.code, "price_points": offer.price_points, "value_fen": offer.value_fen},
    )  # fmt: skip
    return offer


def change_offer(
    session: Session,
    actor: Actor,
    merchant_code: str,
    offer_code: str,
    changes: Mapping[str, Any],
    *,
    now: datetime,
) -> Reward:
    """Change an offer; vouchers handed out before stay as they were. ``add_stock`` adds to what is left."""
    merchant = get_merchant(session, actor, merchant_code)
    offer = session.scalar(
        sa.select(Reward)
        .where(Reward.code == offer_code, Reward.merchant_code == merchant.code)
        .with_for_update()
    )
    if offer is None:
        raise NotFound(what="奖品", key=offer_code)
    if changes.get("active"):
        demand_active(merchant)
    for name, value in changes.items():
        if name == "add_stock":
            if offer.stock + value < 0:
                raise errors.OfferWrong(
                    reason=f"只剩 {offer.stock} 份，减不了 {-value} 份",
                    reason_en=f"{offer.stock} are left, {-value} cannot be taken away",
                )
            offer.stock = Reward.stock + value  # type: ignore[assignment]
        else:
            setattr(offer, name, value)
    session.flush()
    session.refresh(offer)
    _check_offer(offer)
    audit(
        session, actor, "merchant.offer_change", object_kind="reward", object_id=offer.code, now=now,
        detail=dict(changes),
    )  # fmt: skip
    return offer


def _check_offer(offer: Reward) -> None:
    wrong = reward_rules.hours_error(offer.hours)
    if wrong is None and offer.season_from and offer.season_to and offer.season_from > offer.season_to:
        wrong = (
            f"季节开始 {offer.season_from} 晚于结束 {offer.season_to}",
            f"the season starts {offer.season_from}, after it ends {offer.season_to}",
        )
    if wrong is not None:
        raise errors.OfferWrong(reason=wrong[0], reason_en=wrong[1])


def demand_active(merchant: Merchant) -> None:
    if merchant.state != ACTIVE:
        zh, en = STATE_WORDS[merchant.state]
        raise errors.MerchantNotActive(name=merchant.name_zh, name_en=merchant.name_en, state=zh, state_en=en)


def set_budget(
    session: Session, actor: Actor, merchant_code: str, *, month: str, limit_fen: int, now: datetime
) -> RewardBudget:
    """Set aside so much for a merchant's vouchers of a month; more or less than before moves the difference.

    Errors: ``NotFound``, ``MerchantNotActive``, ``MonthClosed``, ``BudgetTooLow``, ``SponsorShort``.
    """
    merchant = get_merchant(session, actor, merchant_code)
    return _set_budget(session, actor, merchant, month=month, limit_fen=limit_fen, now=now)


def _set_budget(
    session: Session, actor: Actor, merchant: Merchant, *, month: str, limit_fen: int, now: datetime
) -> RewardBudget:
    demand_active(merchant)
    serialise(session, f"reward-budget:{merchant.code}:{month}")
    budget = session.get(RewardBudget, (merchant.code, month), with_for_update=True)
    if month < reward_rules.month_of(now) or (budget is not None and budget.closed_at is not None):
        raise errors.MonthClosed(month=month)
    if budget is None:
        budget = RewardBudget(
            merchant_code=merchant.code,
            month=month,
            sponsor_code=merchant.sponsor_code,
            limit_fen=0,
            committed_fen=0,
        )
        session.add(budget)
    if limit_fen < budget.committed_fen:
        raise errors.BudgetTooLow(
            month=month, limit=yuan_text(limit_fen), committed=yuan_text(budget.committed_fen)
        )
    _move(session, actor, budget, limit_fen - budget.limit_fen, now=now)
    budget.limit_fen = limit_fen
    session.flush()
    audit(
        session, actor, "merchant.budget", object_kind="merchant", object_id=merchant.code, now=now,
        detail={"month": month, "limit_fen": limit_fen},
    )  # fmt: skip
    return budget


def _move(session: Session, actor: Actor, budget: RewardBudget, change_fen: int, *, now: datetime) -> None:
    """Move money between the sponsor and the month's account; negative goes back."""
    if change_fen == 0:
        return
    sponsor = sponsor_account(budget.sponsor_code)
    month = budget_account(budget.merchant_code, budget.month)
    source, destination = (sponsor, month) if change_fen > 0 else (month, sponsor)
    entry = ledger.Entry(
        reason="reward.budget",
        reference=f"reward-budget:{budget.merchant_code}:{budget.month}:{uuid4().hex}",
        moves=[ledger.Move(source, destination, abs(change_fen))],
        effective_at=None,
        actor_name=actor.name,
        detail={"merchant": budget.merchant_code, "month": budget.month},
    )
    try:
        ledger.post(session, entry, now)
    except ledger.InsufficientBalance as short:
        raise errors.SponsorShort(
            sponsor=budget.sponsor_code,
            available=yuan_text(free_money(session, budget.sponsor_code)),
            needed=yuan_text(change_fen),
        ) from short


def open_budget(session: Session, merchant_code: str, month: str, *, now: datetime) -> RewardBudget | None:
    """The month's budget as the merchant's standing order says; None where there is one or nothing to do."""
    merchant = session.get_one(Merchant, merchant_code)
    if merchant.state != ACTIVE or not merchant.month_budget_fen:
        return None
    if session.get(RewardBudget, (merchant_code, month)) is not None:
        return None
    return _set_budget(session, SYSTEM, merchant, month=month, limit_fen=merchant.month_budget_fen, now=now)


def close_budget(session: Session, merchant_code: str, month: str, *, now: datetime) -> int | None:
    """Give back what is left of a past month once nothing of it is open; fen, or None if it cannot be yet.

    The account holds the limit less what was paid. So while it holds more than the limit less what is
    committed, a voucher may still be used or given back, or a use waits for its statement.
    """
    serialise(session, f"reward-budget:{merchant_code}:{month}")
    budget = session.get(RewardBudget, (merchant_code, month), with_for_update=True)
    if budget is None or budget.closed_at is not None or month >= reward_rules.month_of(now):
        return None
    left = ledger.balance(session, budget_account(merchant_code, month)).available
    if left != budget.limit_fen - budget.committed_fen:
        return None
    _move(session, SYSTEM, budget, -left, now=now)
    budget.closed_at = now
    audit(
        session, SYSTEM, "merchant.budget_close", object_kind="merchant", object_id=merchant_code, now=now,
        detail={"month": month, "returned_fen": left},
    )  # fmt: skip
    return left


def budgets(session: Session, merchant: Merchant, limit: int = 24) -> list[RewardBudget]:
    """Months of a merchant, newest first."""
    return list(
        session.scalars(
            sa.select(RewardBudget)
            .where(RewardBudget.merchant_code == merchant.code)
            .order_by(RewardBudget.month.desc())
            .limit(limit)
        )
    )
