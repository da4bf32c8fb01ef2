"""Money into the reward fund (奖励资金): what sponsors promise and pay, and what bundled tickets earned."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform import ledger
from carbon_platform.credits import pooled
from carbon_platform.credits.tables import AssessmentRun, CreditBatch
from carbon_platform.db import serialise
from carbon_platform.errors import NotFound
from carbon_platform.identity.rules import Actor
from carbon_platform.identity.service import audit, get_organisation
from carbon_platform.inclusion import rules
from carbon_platform.inclusion.errors import (
    BankReferenceTaken,
    NotPooled,
    SponsorSamePerson,
    SponsorshipClosed,
)
from carbon_platform.inclusion.tables import PoolSale, Sponsorship
from carbon_platform.ledger import AccountKey, Asset, Entry, Move, roles
from carbon_platform.market.queries import get_trade
from carbon_platform.market.service import proceeds_key
from carbon_platform.merchants.fund import bank_account, sponsor_account
from carbon_platform.revenue import rules as revenue_rules
from carbon_platform.revenue.rules import AlreadyDistributed, NotFirstSale, Waterfall
from carbon_platform.revenue.schemes import charges_at, local_day
from carbon_platform.revenue.service import find_distribution
from carbon_platform.revenue.tables import Distribution, DistributionLine

# The part of the fund that bundled tickets pay into.
POOL = "pool"
POOL_NAME = "市民汇总碳票收入（奖励资金）"
LEVEL = "reward_fund"


def promise(
    session: Session,
    actor: Actor,
    *,
    sponsor_code: str,
    sponsor: str,
    amount_fen: int,
    document: str,
    organisation_id: int | None,
    now: datetime,
) -> Sponsorship:
    """Register what a sponsor promised; it is money once a bank has confirmed it. Errors: ``NotFound``."""
    if organisation_id is not None:
        get_organisation(session, organisation_id)
    row = Sponsorship(
        sponsor_code=sponsor_code,
        sponsor=sponsor,
        organisation_id=organisation_id,
        amount_fen=amount_fen,
        document=document,
        state=rules.PROMISED,
        promised_by=actor.name,
        promised_by_id=actor.user_id or 0,
        promised_at=now,
        bank_reference=None,
        received_by="",
        received_by_id=None,
        received_at=None,
        entry_id=None,
    )
    session.add(row)
    session.flush()
    audit(session, actor, "sponsorship.promise", object_kind="sponsorship", object_id=row.id, now=now,
          detail={"sponsor": sponsor_code, "amount_fen": amount_fen})  # fmt: skip
    return row


def get_sponsorship(session: Session, number: int, *, lock: bool = False) -> Sponsorship:
    row = session.get(Sponsorship, number, with_for_update=lock)
    if row is None:
        raise NotFound(what="赞助", key=number)
    return row


def receive(
    session: Session, actor: Actor, number: int, *, bank_reference: str, now: datetime
) -> Sponsorship:
    """The bank confirms that a promised sum has arrived; the same confirmation again changes nothing.

    Errors: ``NotFound``, ``SponsorshipClosed``, ``SponsorSamePerson``, ``BankReferenceTaken``.
    """
    serialise(session, "sponsorship")
    row = get_sponsorship(session, number, lock=True)
    if row.state == rules.RECEIVED and row.bank_reference == bank_reference:
        audit(session, actor, "sponsorship.repeat", object_kind="sponsorship", object_id=row.id, now=now)
        return row
    if row.state != rules.PROMISED:
        zh, en = rules.SPONSOR_WORDS[row.state]
        raise SponsorshipClosed(number=number, state=en, state_zh=zh)
    if actor.user_id == row.promised_by_id:
        raise SponsorSamePerson
    if session.scalar(sa.select(Sponsorship.id).where(Sponsorship.bank_reference == bank_reference)):
        raise BankReferenceTaken(reference=bank_reference)
    posted = ledger.post(
        session,
        Entry(
            reason="sponsorship",
            reference=f"sponsorship:{row.id}",
            moves=(Move(bank_account(), sponsor_account(row.sponsor_code), row.amount_fen),),
            effective_at=None,
            actor_name=actor.name,
            detail={"bank_reference": bank_reference, "document": row.document},
        ),
        now,
    )
    row.state, row.entry_id, row.bank_reference = rules.RECEIVED, posted.entry_id, bank_reference
    row.received_by, row.received_by_id, row.received_at = actor.name, actor.user_id or 0, now
    session.flush()
    audit(session, actor, "sponsorship.receive", object_kind="sponsorship", object_id=row.id, now=now,
          detail={"bank_reference": bank_reference, "amount_fen": row.amount_fen})  # fmt: skip
    return row


def sponsorships() -> sa.Select[Any]:
    """Promises and receipts, newest first, for paging."""
    return sa.select(Sponsorship).order_by(Sponsorship.id.desc())


def promised() -> sa.Select[Any]:
    """Promises that wait for a bank, oldest first, for paging."""
    return sa.select(Sponsorship).where(Sponsorship.state == rules.PROMISED).order_by(Sponsorship.id)


def pool_sale(session: Session, actor: Actor, trade_code: str, *, now: datetime) -> PoolSale:
    """Bring the receipt of a first sale of bundled tickets into the reward fund, once.

    receipt → exchange fee → VAT → the fund: all of the base goes back to the citizens as rewards, so more
    than 70 % stays below the company. It is a distribution like any other, so that no list waits for it.
    Errors: ``NotFound``, ``NotFirstSale``, ``NotPooled``, ``AlreadyDistributed``.
    """
    trade = get_trade(session, actor, trade_code)
    if not trade.is_first_sale:
        raise NotFirstSale(key=trade.code)
    batch = session.get_one(CreditBatch, trade.batch_id)
    if not pooled.is_pooled(session.get_one(AssessmentRun, batch.run_id)):
        raise NotPooled(trade=trade.code)
    # The same name as the ordinary distribution waits for: one of the two.
    serialise(session, "revenue.distribution")
    done = find_distribution(session, trade.id)
    if done is not None:
        raise AlreadyDistributed(
            trade=trade.code, distribution=done.code, at=local_day(done.distributed_at).isoformat()
        )
    flow = revenue_rules.waterfall(trade.amount_fen, charges_at(trade.at))
    seller = get_organisation(session, trade.seller_id)
    entry_id = _move(session, actor, trade.code, seller.holder, flow, now)
    _record(session, actor, trade, batch, flow, now)
    sale = PoolSale(
        trade_code=trade.code,
        batch_code=batch.code,
        quantity_kg=trade.quantity_kg,
        gross_fen=flow.gross_fen,
        fee_fen=flow.fee_fen,
        vat_fen=flow.vat_fen,
        fund_fen=flow.base_fen,
        entry_id=entry_id,
        moved_by=actor.name,
        moved_at=now,
    )
    session.add(sale)
    session.flush()
    audit(session, actor, "pool_sale.fund", object_kind="trade", object_id=trade.code, now=now,
          detail={"batch": batch.code, "fund_fen": flow.base_fen})  # fmt: skip
    return sale


def _move(session: Session, actor: Actor, trade: str, holder: str, flow: Waterfall, now: datetime) -> int:
    source = proceeds_key(holder)
    moves = [
        Move(source, AccountKey(roles.FEE, roles.PLATFORM, Asset.CNY), flow.fee_fen),
        Move(source, AccountKey(roles.PAYABLE, "tax:vat", Asset.CNY), flow.vat_fen),
        Move(source, sponsor_account(POOL), flow.base_fen),
    ]
    entry = Entry(
        reason="pool_sale",
        reference=f"distribution:{trade}",
        moves=[move for move in moves if move.amount],
        effective_at=now,
        actor_name=actor.name,
        detail={"trade": trade},
    )
    return ledger.post(session, entry, now).entry_id


def _record(
    session: Session, actor: Actor, trade: Any, batch: CreditBatch, flow: Waterfall, now: datetime
) -> None:
    number = (session.scalar(sa.select(sa.func.max(Distribution.id))) or 0) + 1
    charges = charges_at(trade.at)
    row = Distribution(
        id=number,
        code=f"XY-D{number:06d}",
        trade_id=trade.id,
        county_code=batch.county_code,
        gross_fen=flow.gross_fen,
        fee_fen=flow.fee_fen,
        vat_fen=flow.vat_fen,
        base_fen=flow.base_fen,
        company_fen=0,
        below_fen=flow.base_fen,
        levels={LEVEL: flow.base_fen},
        meets_floor=True,
        scheme={"version": 0, "shares": {LEVEL: revenue_rules.WHOLE_BP}, "status": "local-decision",
                "source": "市民授权文本：汇总碳票的收入扣除手续费和税后进入奖励资金",
                "valid_from": "2026-11-01", "county_code": batch.county_code,
                "exception_reason": "", "exception_approver": ""},
        charges={name: value.isoformat() if name == "valid_from" else value
                 for name, value in vars(charges).items()},
        entry_reference=f"distribution:{trade.code}",
        distributed_by=actor.name,
        distributed_at=now,
    )  # fmt: skip
    session.add(row)
    session.flush()
    session.add(
        DistributionLine(
            distribution_id=row.id,
            level=LEVEL,
            payee_holder=sponsor_account(POOL).holder,
            payee_name=POOL_NAME,
            village_code=batch.county_code,
            kg=trade.quantity_kg,
            amount_fen=flow.base_fen,
        )
    )


def pool_sales() -> sa.Select[Any]:
    """Receipts of bundled tickets in the fund, newest first."""
    return sa.select(PoolSale).order_by(PoolSale.moved_at.desc(), PoolSale.trade_code.desc())
