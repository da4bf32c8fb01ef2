"""Small tickets: a citizen buys kilograms and they are retired for her; one certificate for many orders.

The market's lot is a whole tonne. The platform's citizens have an account of their own there (an
organisation) that buys tonnes with its own money; people order kilograms of them at what they cost,
rounded up to the fen. Paid orders are retired together, and each keeps the very numbers retired for it.
"""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform import ledger
from carbon_platform.citizens import devices
from carbon_platform.citizens.rules import local_day
from carbon_platform.credits.glyphs import check_glyphs
from carbon_platform.credits.tables import CreditBatch
from carbon_platform.db import serialise
from carbon_platform.errors import Conflict, InvalidInput, NotFound
from carbon_platform.identity.rules import SYSTEM, Actor
from carbon_platform.identity.service import add_organisation, audit
from carbon_platform.identity.tables import Organisation
from carbon_platform.inclusion import rules
from carbon_platform.inclusion.errors import (
    OffsetsSoldOut,
    OrderKeyTaken,
    OrderWrongState,
    TooMuchUnpaid,
)
from carbon_platform.inclusion.payments import Payment
from carbon_platform.inclusion.tables import OffsetLot, OffsetOrder
from carbon_platform.ledger import Entry, Move
from carbon_platform.market import service as market
from carbon_platform.merchants.fund import bank_account
from carbon_platform.projects.tables import Project

POOL_NAME, POOL_KIND = "市民碳票汇总专户", "citizen_pool"
QUANTITY_MAX_KG = 20_000  # two years of an average footprint: small tickets are not a market desk
YEARS_BACK = 5
PAY_WITHIN = timedelta(minutes=15)
ORDERS_AT_ONCE = 5_000
CODE_BYTES = 10


def pool(session: Session, *, now: datetime) -> Organisation:
    """The organisation that buys and retires for citizens; made when first asked for."""
    found = session.scalar(sa.select(Organisation).where(Organisation.kind == POOL_KIND))
    return found or add_organisation(
        session, SYSTEM, name_zh=POOL_NAME, kind=POOL_KIND, region_code=SYSTEM.region_code, now=now
    )


def open_pool(session: Session, actor: Actor, *, now: datetime) -> Organisation:
    """The same for a person who wants to pay money in; noted even when it was there."""
    organisation = pool(session, now=now)
    audit(
        session, actor, "offset_account.open", object_kind="organisation", object_id=organisation.id, now=now
    )
    return organisation


def find_pool(session: Session) -> Organisation | None:
    return session.scalar(sa.select(Organisation).where(Organisation.kind == POOL_KIND))


def as_pool(actor: Actor, organisation: Organisation) -> Actor:
    """The same person acting for the citizens' account."""
    return replace(actor, organisation_id=organisation.id, holder=organisation.holder)


def stock(session: Session, actor: Actor, *, listing_id: int, quantity_kg: int, now: datetime) -> OffsetLot:
    """Buy whole tonnes on the market for citizens to order from.

    Errors: those of ``market.buy``, above all ``ShortOfMoney`` when the account was not topped up.
    """
    organisation = pool(session, now=now)
    trade = market.buy(session, as_pool(actor, organisation), listing_id, quantity_kg=quantity_kg, now=now)
    batch = session.get_one(CreditBatch, trade.batch_id)
    lot = OffsetLot(
        trade_code=trade.code,
        batch_code=batch.code,
        quantity_kg=quantity_kg,
        left_kg=quantity_kg,
        price_fen_per_t=trade.price_fen_per_t,
        bought_by=actor.name,
        bought_at=now,
    )
    session.add(lot)
    session.flush()
    audit(session, actor, "offset_lot.buy", object_kind="offset_lot", object_id=lot.id, now=now,
          detail={"trade": trade.code, "quantity_kg": quantity_kg})  # fmt: skip
    return lot


def lots(session: Session) -> list[OffsetLot]:
    """What was bought for citizens, oldest first."""
    return list(session.scalars(sa.select(OffsetLot).order_by(OffsetLot.id)))


@dataclass(frozen=True)
class Lot:
    """What a batch is, for a citizen's certificate."""

    project: str
    county_code: str
    vintage: int
    is_demo: bool


def goods_of(session: Session, batch_code: str) -> Lot:
    """The project behind a batch. Errors: ``NotFound``."""
    row = session.execute(
        sa.select(Project.name_zh, CreditBatch.county_code, CreditBatch.vintage, CreditBatch.is_demo)
        .join(CreditBatch, CreditBatch.project_id == Project.id)
        .where(CreditBatch.code == batch_code)
    ).one_or_none()
    if row is None:
        raise NotFound(what="碳票批次", key=batch_code)
    return Lot(*row)


def on_offer(session: Session) -> OffsetLot | None:
    """The lot orders are taken from now: the oldest with anything left."""
    return session.scalar(sa.select(OffsetLot).where(OffsetLot.left_kg > 0).order_by(OffsetLot.id).limit(1))


def order(
    session: Session,
    actor: Actor,
    *,
    quantity_kg: int,
    beneficiary: str,
    year: int,
    order_key: str,
    mode: str,
    now: datetime,
) -> OffsetOrder:
    """Set kilograms aside for a citizen until she has paid; the same order again answers the first.

    Out of one lot, the oldest that has enough, so that one certificate proves it. Errors:
    ``InvalidInput`` (year), ``OrderKeyTaken``, ``TooMuchUnpaid``, ``OffsetsSoldOut``, ``GlyphMissing`` (a
    name no certificate can print).
    """
    this_year = int(local_day(now)[:4])
    if not this_year - YEARS_BACK <= year <= this_year:
        raise InvalidInput(
            reason=f"year 为 {year}，应在 {this_year - YEARS_BACK} 到 {this_year} 之间",
            reason_en=f"year is {year}; give {this_year - YEARS_BACK} to {this_year}",
        )
    serialise(session, f"offset-order:{actor.holder}")
    first = session.scalar(
        sa.select(OffsetOrder).where(OffsetOrder.holder == actor.holder, OffsetOrder.order_key == order_key)
    )
    if first is not None:
        if (first.quantity_kg, first.beneficiary, first.year) != (quantity_kg, beneficiary, year):
            raise OrderKeyTaken(order_key=order_key)
        audit(session, actor, "offset.repeat", object_kind="offset_order", object_id=first.code, now=now)
        return first
    check_glyphs({"beneficiary_name": beneficiary})
    _demand_paid(session, actor.holder, quantity_kg)
    lot = _reserve(session, quantity_kg)
    row = OffsetOrder(
        code="XY-O-" + base64.b32encode(secrets.token_bytes(CODE_BYTES)).decode(),
        holder=actor.holder,
        order_key=order_key,
        lot_id=lot.id,
        quantity_kg=quantity_kg,
        amount_fen=rules.order_fen(quantity_kg, lot.price_fen_per_t),
        beneficiary=beneficiary,
        year=year,
        state=rules.AWAITING,
        payment_mode=mode,
        payment_reference="",
        entry_id=None,
        ordered_at=now,
        expires_at=now + PAY_WITHIN,
        paid_at=None,
        certificate_number="",
        ranges=[],
        retired_at=None,
        refund_reference="",
        refunded_by="",
        refunded_at=None,
    )
    session.add(row)
    session.flush()
    audit(session, actor, "offset.order", object_kind="offset_order", object_id=row.code, now=now,
          detail={"quantity_kg": quantity_kg, "amount_fen": row.amount_fen})  # fmt: skip
    return row


def _demand_paid(session: Session, holder: str, quantity_kg: int) -> None:
    """Nobody sets more aside without paying than one may buy at once: others want the kilograms too."""
    waiting = sa.select(sa.func.coalesce(sa.func.sum(OffsetOrder.quantity_kg), 0)).where(
        OffsetOrder.holder == holder, OffsetOrder.state == rules.AWAITING
    )
    open_kg = int(session.scalar(waiting) or 0)
    if open_kg + quantity_kg > QUANTITY_MAX_KG:
        raise TooMuchUnpaid(
            open_kg=open_kg,
            wanted_kg=quantity_kg,
            most_kg=QUANTITY_MAX_KG,
            minutes=int(PAY_WITHIN.total_seconds() // 60),
        )


def _reserve(session: Session, quantity_kg: int) -> OffsetLot:
    """Take kilograms out of the oldest lot that has them, whoever else does the same."""
    candidates = session.scalars(
        sa.select(OffsetLot).where(OffsetLot.left_kg >= quantity_kg).order_by(OffsetLot.id)
    )
    for lot in candidates:
        if _take(session, lot.id, quantity_kg):
            return lot
    most = session.scalar(sa.select(sa.func.max(OffsetLot.left_kg))) or 0
    raise OffsetsSoldOut(left_kg=most, wanted_kg=quantity_kg)


def _take(session: Session, lot_id: int, quantity_kg: int) -> bool:
    done = session.execute(
        sa.update(OffsetLot)
        .where(OffsetLot.id == lot_id, OffsetLot.left_kg >= quantity_kg)
        .values(left_kg=OffsetLot.left_kg - quantity_kg)
        .execution_options(synchronize_session=False)
    )
    return bool(done.rowcount)  # type: ignore[attr-defined]


def _give_back(session: Session, lot_id: int, quantity_kg: int) -> None:
    session.execute(
        sa.update(OffsetLot)
        .where(OffsetLot.id == lot_id)
        .values(left_kg=OffsetLot.left_kg + quantity_kg)
        .execution_options(synchronize_session=False)
    )


def get_order(session: Session, holder: str, code: str, *, lock: bool = False) -> OffsetOrder:
    """The person's own order; another one's is ``NotFound``."""
    statement = sa.select(OffsetOrder).where(OffsetOrder.code == code, OffsetOrder.holder == holder)
    row = session.scalar(statement.with_for_update() if lock else statement)
    if row is None:
        raise NotFound(what="订单", key=code)
    return row


def find_retired(session: Session, code: str) -> OffsetOrder:
    """An order whose kilograms are retired, for whoever has its code. Errors: ``NotFound``."""
    row = session.scalar(
        sa.select(OffsetOrder).where(OffsetOrder.code == code, OffsetOrder.state == rules.RETIRED)
    )
    if row is None:
        raise NotFound(what="抵消证书", key=code)
    return row


def orders_of(session: Session, holder: str, *, limit: int = 100) -> list[OffsetOrder]:
    """A person's orders, newest first."""
    return list(
        session.scalars(
            sa.select(OffsetOrder)
            .where(OffsetOrder.holder == holder)
            .order_by(OffsetOrder.id.desc())
            .limit(limit)
        )
    )


def retired_kg(session: Session, holder: str, year: int) -> int:
    """Kilograms retired for a person's footprint of a year."""
    return int(
        session.scalar(
            sa.select(sa.func.coalesce(sa.func.sum(OffsetOrder.quantity_kg), 0)).where(
                OffsetOrder.holder == holder, OffsetOrder.year == year, OffsetOrder.state == rules.RETIRED
            )
        )
        or 0
    )


def note_opened(session: Session, actor: Actor, code: str, reference: str, *, now: datetime) -> OffsetOrder:
    """Keep the payment channel's reference of an order."""
    row = get_order(session, actor.holder, code, lock=True)
    if row.state == rules.AWAITING:
        row.payment_reference = reference
        session.flush()
    audit(session, actor, "offset.open", object_kind="offset_order", object_id=row.code, now=now)
    return row


def settle(
    session: Session, actor: Actor, code: str, payment: Payment, *, now: datetime, secret: str = ""
) -> OffsetOrder:
    """Note that an order was paid: the money goes to the citizens' account. Repeatable.

    Where the channel names the payment account, ``secret`` makes the keyed hash by which it is known: more
    accounts than a few that pay with it are looked at by a person.

    Money that came after the order had lapsed finds its kilograms again while there are some; else it is
    kept to be refunded. Errors: ``NotFound``; ``Conflict`` for a wrong amount.
    """
    row = get_order(session, actor.holder, code, lock=True)
    if row.state not in (rules.AWAITING, rules.EXPIRED):
        audit(session, actor, "offset.paid_again", object_kind="offset_order", object_id=row.code, now=now)
        return row
    if payment.paid_fen != row.amount_fen:
        raise Conflict(
            reason=f"订单 {code} 应付 {row.amount_fen} 分，实收 {payment.paid_fen} 分",
            reason_en=f"order {code} costs {row.amount_fen} fen, {payment.paid_fen} fen arrived",
        )
    late = row.state == rules.EXPIRED and not _take(session, row.lot_id, row.quantity_kg)
    organisation = pool(session, now=now)
    posted = ledger.post(
        session,
        Entry(
            reason="offset.payment",
            reference=f"offset:{row.code}:payment",
            moves=(Move(bank_account(), market.cash_key(organisation.holder), row.amount_fen),),
            effective_at=None,
            actor_name=actor.holder,
            detail={"payment": payment.reference},
        ),
        now,
    )
    row.state = rules.REFUND_DUE if late else rules.PAID
    row.payment_reference, row.entry_id, row.paid_at = payment.reference, posted.entry_id, now
    session.flush()
    if payment.payer and secret:
        mark = devices.fingerprint(secret, devices.PAYMENT, payment.payer)
        devices.note(session, kind=devices.PAYMENT, fingerprint=mark, holder=row.holder, now=now)
    audit(session, actor, "offset.pay", object_kind="offset_order", object_id=row.code, now=now,
          detail={"state": row.state, "amount_fen": row.amount_fen})  # fmt: skip
    return row


def expire(session: Session, *, now: datetime, limit: int = ORDERS_AT_ONCE) -> int:
    """Let orders lapse that were not paid in time; their kilograms can be ordered again."""
    due = session.scalars(
        sa.select(OffsetOrder)
        .where(OffsetOrder.state == rules.AWAITING, OffsetOrder.expires_at < now)
        .order_by(OffsetOrder.expires_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    for row in due:
        row.state = rules.EXPIRED
        _give_back(session, row.lot_id, row.quantity_kg)
    session.flush()
    return len(due)


def refund(session: Session, actor: Actor, code: str, *, bank_reference: str, now: datetime) -> OffsetOrder:
    """The bank confirms that late money went back. Errors: ``NotFound``, ``OrderWrongState``."""
    row = session.scalar(sa.select(OffsetOrder).where(OffsetOrder.code == code).with_for_update())
    if row is None:
        raise NotFound(what="订单", key=code)
    if row.state != rules.REFUND_DUE:
        zh, en = rules.ORDER_WORDS[row.state]
        raise OrderWrongState(order=code, state=en, state_zh=zh, action_zh="退款", action_en="refunded")
    organisation = pool(session, now=now)
    ledger.post(
        session,
        Entry(
            reason="offset.refund",
            reference=f"offset:{row.code}:refund",
            moves=(Move(market.cash_key(organisation.holder), bank_account(), row.amount_fen),),
            effective_at=None,
            actor_name=actor.name,
            detail={"bank_reference": bank_reference},
        ),
        now,
    )
    row.state, row.refund_reference = rules.REFUNDED, bank_reference
    row.refunded_by, row.refunded_at = actor.name, now
    session.flush()
    audit(session, actor, "offset.refund", object_kind="offset_order", object_id=row.code, now=now)
    return row


def refunds_due() -> sa.Select[Any]:
    """Orders whose money came too late, oldest first."""
    return sa.select(OffsetOrder).where(OffsetOrder.state == rules.REFUND_DUE).order_by(OffsetOrder.id)
