"""Monthly statements: what a merchant is paid for the vouchers its shops used. Two people, then the bank.

A statement takes every use handed in until the end of the month that no statement has taken. Approval
moves the money set aside for those vouchers to the merchant's account; the bank's word moves it out.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform import ledger
from carbon_platform.citizens import reward_rules, rewards
from carbon_platform.citizens.rules import LOCAL
from carbon_platform.citizens.tables import Redemption
from carbon_platform.db import serialise
from carbon_platform.errors import NotFound
from carbon_platform.identity.rules import Actor
from carbon_platform.identity.service import audit
from carbon_platform.merchants import errors
from carbon_platform.merchants.fund import bank_account, budget_account, payable_account
from carbon_platform.merchants.service import get_merchant
from carbon_platform.merchants.tables import Merchant, MerchantStatement

DRAFT, DECLINED, APPROVED, PAID = "draft", "declined", "approved", "paid"
STATE_WORDS = {
    DRAFT: ("待审批", "waiting for a decision"),
    DECLINED: ("已否决", "declined"),
    APPROVED: ("待付款", "approved"),
    PAID: ("已付款", "paid"),
}


def month_end(month: str) -> datetime:
    """The midnight (Xinyang) after the last day of ``2026-11``."""
    first = datetime.strptime(month, "%Y-%m").replace(tzinfo=LOCAL)
    return (first + timedelta(days=32)).replace(day=1)


def prepare(
    session: Session, actor: Actor, *, merchant_code: str, month: str, now: datetime
) -> MerchantStatement:
    """Make the statement of a month that is over.

    Errors: ``NotFound``, ``MonthNotOver``, ``StatementOpen``, ``NothingToSettle``.
    """
    merchant = get_merchant(session, actor, merchant_code)
    serialise(session, f"merchant-statement:{merchant.code}")
    if month_end(month) > now:
        raise errors.MonthNotOver(month=month)
    waiting = session.scalar(
        sa.select(MerchantStatement.code).where(
            MerchantStatement.merchant_code == merchant.code, MerchantStatement.state == DRAFT
        )
    )
    if waiting is not None:
        raise errors.StatementOpen(name=merchant.name_zh, name_en=merchant.name_en, statement=waiting)
    made = session.scalar(
        sa.select(sa.func.count())
        .select_from(MerchantStatement)
        .where(MerchantStatement.merchant_code == merchant.code, MerchantStatement.month == month)
    )
    code = f"XY-S{month.replace('-', '')}-{merchant.code}-{(made or 0) + 1}"
    rows = _take(session, merchant, month_end(month), code)
    amount = sum(row.value_fen for row in rows)
    if not amount:
        raise errors.NothingToSettle(name=merchant.name_zh, name_en=merchant.name_en, month=month)
    by_budget: Counter[str] = Counter()
    for row in rows:
        by_budget[row.budget_month] += row.value_fen
    statement = MerchantStatement(
        code=code,
        merchant_code=merchant.code,
        month=month,
        lines=len(rows),
        points=sum(row.price_points for row in rows),
        amount_fen=amount,
        state=DRAFT,
        prepared_by=actor.name,
        prepared_by_id=actor.user_id or 0,
        prepared_at=now,
        by_budget={key: fen for key, fen in sorted(by_budget.items()) if fen},
    )
    session.add(statement)
    session.flush()
    audit(
        session, actor, "merchant.statement", object_kind="merchant_statement", object_id=code, now=now,
        detail={"lines": len(rows), "amount_fen": amount},
    )  # fmt: skip
    return statement


def _take(session: Session, merchant: Merchant, until: datetime, code: str) -> list[Any]:
    """Mark every use of before that is in no statement; returns their figures."""
    taken = session.execute(
        sa.update(Redemption)
        .where(
            Redemption.merchant_code == merchant.code,
            Redemption.status == rewards.USED,
            Redemption.settled_in == "",
            Redemption.use_recorded_at < until,
        )
        .values(settled_in=code)
        .returning(Redemption.value_fen, Redemption.price_points, Redemption.budget_month)
        .execution_options(synchronize_session=False)
    )
    return list(taken.all())


def get_statement(session: Session, actor: Actor, code: str, *, lock: bool = False) -> MerchantStatement:
    query = sa.select(MerchantStatement).where(MerchantStatement.code == code)
    statement = session.scalar(query.with_for_update() if lock else query)
    if statement is None:
        raise NotFound(what="结算单", key=code)
    get_merchant(session, actor, statement.merchant_code)
    return statement


def decide(
    session: Session, actor: Actor, code: str, *, approve: bool, note: str, now: datetime
) -> MerchantStatement:
    """Approve: the money moves to the merchant's account. Decline: its uses are free for another statement.

    Errors: ``NotFound``, ``StatementClosed``, ``SecondPersonNeeded``.
    """
    statement = get_statement(session, actor, code, lock=True)
    _demand_state(statement, DRAFT, ("审批", "decided on"))
    if statement.prepared_by_id == actor.user_id:
        raise errors.SecondPersonNeeded(key=code)
    if approve:
        statement.entry_id = _settle(session, actor, statement, now)
    else:
        session.execute(
            sa.update(Redemption)
            .where(Redemption.settled_in == code)
            .values(settled_in="")
            .execution_options(synchronize_session=False)
        )
    statement.state = APPROVED if approve else DECLINED
    statement.decided_by, statement.decided_by_id, statement.decided_at = actor.name, actor.user_id, now
    statement.note = note
    audit(
        session, actor, "merchant.decide", object_kind="merchant_statement", object_id=code, now=now,
        detail={"state": statement.state},
    )  # fmt: skip
    return statement


def _settle(session: Session, actor: Actor, statement: MerchantStatement, now: datetime) -> int:
    merchant = session.get_one(Merchant, statement.merchant_code)
    payable = payable_account(merchant.holder)
    entry = ledger.Entry(
        reason="reward.settlement",
        reference=f"merchant-statement:{statement.code}",
        moves=[
            ledger.Move(budget_account(merchant.code, month), payable, fen)
            for month, fen in statement.by_budget.items()
        ],
        effective_at=None,
        actor_name=f"{statement.prepared_by} #{statement.prepared_by_id}",
        detail={"statement": statement.code, "second_approver": f"{actor.name} #{actor.user_id}"},
    )
    return ledger.post(session, entry, now).entry_id


def confirm_payment(
    session: Session, actor: Actor, code: str, *, bank_reference: str, now: datetime
) -> MerchantStatement:
    """The bank has paid. The same reference again changes nothing.

    Errors: ``NotFound``, ``StatementClosed``, ``PaymentKnown`` (one transfer pays one statement).
    """
    serialise(session, f"merchant-payment:{bank_reference}")
    statement = get_statement(session, actor, code, lock=True)
    if statement.state == PAID and statement.bank_reference == bank_reference:
        audit(
            session,
            actor,
            "merchant.repeat",
            object_kind="merchant_statement",
            object_id=code,
            now=now,
        )
        return statement
    _demand_state(statement, APPROVED, ("付款", "paid"))
    other = session.scalar(
        sa.select(MerchantStatement.code).where(
            MerchantStatement.state == PAID, MerchantStatement.bank_reference == bank_reference
        )
    )
    if other is not None:
        raise errors.PaymentKnown(reference=bank_reference, statement=other)
    merchant = session.get_one(Merchant, statement.merchant_code)
    entry = ledger.Entry(
        reason="reward.payment",
        reference=f"merchant-payment:{code}",
        moves=[ledger.Move(payable_account(merchant.holder), bank_account(), statement.amount_fen)],
        effective_at=None,
        actor_name=f"{actor.name} #{actor.user_id}",
        detail={"statement": code, "bank_reference": bank_reference},
    )
    statement.payment_entry_id = ledger.post(session, entry, now).entry_id
    statement.state, statement.paid_at, statement.paid_by = PAID, now, actor.name
    statement.bank_reference = bank_reference
    audit(
        session, actor, "merchant.payment", object_kind="merchant_statement", object_id=code, now=now,
        detail={"bank_reference": bank_reference},
    )  # fmt: skip
    return statement


def _demand_state(statement: MerchantStatement, wanted: str, action: tuple[str, str]) -> None:
    if statement.state != wanted:
        state, state_en = STATE_WORDS[statement.state]
        raise errors.StatementClosed(
            key=statement.code, state=state, state_en=state_en, action=action[0], action_en=action[1]
        )


def statements(actor: Actor, *, merchant_code: str = "", state: str = "") -> sa.Select[Any]:
    """Statements of the actor's region, newest first, for paging."""
    found = sa.select(MerchantStatement).order_by(MerchantStatement.id.desc())
    if actor.organisation_id is not None and actor.role == "merchant":
        found = found.join(Merchant).where(Merchant.organisation_id == actor.organisation_id)
    elif not actor.region_code:
        found = found.where(sa.false())
    else:
        found = found.join(Merchant).where(
            Merchant.region_code.startswith(actor.region_code, autoescape=True)
        )
    if merchant_code:
        found = found.where(MerchantStatement.merchant_code == merchant_code)
    return found.where(MerchantStatement.state == state) if state else found


def lines(statement: MerchantStatement) -> Any:
    """The uses a statement pays for, in the order they were handed in, for paging. No holder in it."""
    return (
        sa.select(
            Redemption.id,
            Redemption.name_zh,
            Redemption.name_en,
            Redemption.price_points,
            Redemption.value_fen,
            Redemption.topup_fen,
            Redemption.used_at,
            Redemption.use_recorded_at,
        )
        .where(Redemption.settled_in == statement.code)
        .order_by(Redemption.use_recorded_at, Redemption.id)
    )


def month_of_statement(now: datetime) -> str:
    """The month a statement can be made of now: the one before this."""
    first = datetime.strptime(reward_rules.month_of(now), "%Y-%m").replace(tzinfo=LOCAL)
    return reward_rules.month_of(first - timedelta(days=1))
