"""What a merchant and a sponsor see of themselves: offers, budgets, results (城市计划 C4), and what is owed.

All fen. *Promised* are vouchers that can still be used or given back, *unsettled* uses no approved
statement has taken, *payable* what was approved and not paid by the bank.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform import ledger
from carbon_platform.citizens import rewards
from carbon_platform.citizens.tables import Redemption, RewardBudget
from carbon_platform.merchants.fund import payable_account
from carbon_platform.merchants.tables import Merchant, MerchantStatement, ShopVerification


@dataclass(frozen=True)
class MonthFigures:
    """A merchant's month so far: budget, vouchers out and used, uses refused."""

    month: str
    limit_fen: int
    committed_fen: int
    used: int
    used_fen: int
    used_points: int
    topup_fen: int
    refused: int


def month_figures(session: Session, merchant: Merchant, month: str, *, since: datetime) -> MonthFigures:
    """``since``: the first moment of the month."""
    budget = session.get(RewardBudget, (merchant.code, month))
    used = session.execute(
        sa.select(
            sa.func.count(),
            sa.func.coalesce(sa.func.sum(Redemption.value_fen), 0),
            sa.func.coalesce(sa.func.sum(Redemption.price_points), 0),
            sa.func.coalesce(sa.func.sum(Redemption.topup_fen), 0),
        ).where(
            Redemption.merchant_code == merchant.code,
            Redemption.status == rewards.USED,
            Redemption.use_recorded_at >= since,
        )
    ).one()
    refused = session.scalar(
        sa.select(sa.func.count())
        .select_from(ShopVerification)
        .where(
            ShopVerification.merchant_code == merchant.code,
            ShopVerification.received_at >= since,
            ShopVerification.outcome == "refused",
        )
    )
    return MonthFigures(
        month=month,
        limit_fen=budget.limit_fen if budget else 0,
        committed_fen=budget.committed_fen if budget else 0,
        used=int(used[0]),
        used_fen=int(used[1]),
        used_points=int(used[2]),
        topup_fen=int(used[3]),
        refused=refused or 0,
    )


@dataclass(frozen=True)
class Liability:
    """What is promised and not yet paid out, over all merchants or one."""

    promised_fen: int
    promised_vouchers: int
    unsettled_fen: int
    payable_fen: int


def liability(session: Session, merchant: Merchant | None = None) -> Liability:
    """Every fen of it lies in a budget's account (promised, unsettled) or in ``payable``.

    Only what is open is read, by index: it costs the same however much was settled before.
    """
    if merchant is not None:
        known = {merchant.code: merchant.holder}
    else:
        known = {row.code: row.holder for row in session.execute(sa.select(Merchant.code, Merchant.holder))}
    drafts = sa.select(MerchantStatement.code).where(MerchantStatement.state == "draft")
    promised = session.execute(
        _total(known).where(Redemption.status.in_((rewards.READY, rewards.REFUNDING)))
    ).one()
    unsettled = session.execute(
        _total(known).where(
            Redemption.status == rewards.USED, Redemption.settled_in.in_(["", *session.scalars(drafts)])
        )
    ).one()
    owed = sorted(ledger.holders_with(session, ledger.PAYABLE, known.values()))
    payable = sum(ledger.balance(session, payable_account(holder)).available for holder in owed)
    return Liability(int(promised[0]), int(promised[1]), int(unsettled[0]), payable)


def _total(merchants: Iterable[str]) -> Any:
    """Fen and number of vouchers of some merchants."""
    fen = sa.func.coalesce(sa.func.sum(Redemption.value_fen), 0)
    return sa.select(fen, sa.func.count()).where(Redemption.merchant_code.in_(sorted(merchants)))
