"""The merchants' jobs: next month's budgets are set aside, those of the past given back."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.citizens import refunds, reward_rules
from carbon_platform.citizens.tables import RewardBudget
from carbon_platform.db import Database
from carbon_platform.errors import PlatformError
from carbon_platform.merchants import service
from carbon_platform.merchants.tables import Merchant

give_back_due = refunds.give_back_due
# From this day of the month on, the next one's money is set aside.
AHEAD_DAYS = 7


def keep_budgets(db: Database, *, now: datetime) -> tuple[str, str]:
    """Open this month's budgets (and the next one's, in its last week), close those that are settled.

    Returns (outcome, words): an alarm when a sponsor's money is short, or an account stands still. One
    transaction per budget.
    """
    months = sorted({reward_rules.month_of(now), reward_rules.month_of(now + timedelta(days=AHEAD_DAYS))})
    opened, closed, returned = 0, 0, 0
    short: list[str] = []
    for code, month in db.read(lambda s: _missing_budgets(s, months)):
        try:
            made = db.transact(
                lambda s, code=code, month=month: service.open_budget(s, code, month, now=now) is not None  # type: ignore[misc]
            )
            opened += made
        except PlatformError as error:
            # Short of money, or an account that stands still: the other merchants have their month.
            short.append(f"{code} {month}: {error.message('en')}")
    for code, month in db.read(lambda s: _past_budgets(s, reward_rules.month_of(now))):
        try:
            left = db.transact(
                lambda s, code=code, month=month: service.close_budget(s, code, month, now=now)  # type: ignore[misc]
            )
        except PlatformError as error:
            short.append(f"{code} {month}: {error.message('en')}")
            continue
        if left is not None:
            closed, returned = closed + 1, returned + left
    words = [f"{opened} budgets opened, {closed} closed, {returned:,} fen given back", *short]
    return ("alarm" if short else "ok"), "; ".join(words)


def _missing_budgets(session: Session, months: list[str]) -> list[tuple[str, str]]:
    """(Merchant, month) for which a standing order says something and no budget is there."""
    orders = sa.select(Merchant.code).where(Merchant.state == service.ACTIVE, Merchant.month_budget_fen > 0)
    wanted = {(code, month) for code in session.scalars(orders) for month in months}
    there = session.execute(
        sa.select(RewardBudget.merchant_code, RewardBudget.month).where(RewardBudget.month.in_(months))
    )
    return sorted(wanted - {(row[0], row[1]) for row in there})


def _past_budgets(session: Session, this_month: str) -> list[tuple[str, str]]:
    rows = session.execute(
        sa.select(RewardBudget.merchant_code, RewardBudget.month)
        .where(RewardBudget.month < this_month, RewardBudget.closed_at.is_(None))
        .order_by(RewardBudget.month, RewardBudget.merchant_code)
    )
    return [(row[0], row[1]) for row in rows]
