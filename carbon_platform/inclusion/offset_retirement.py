"""Retiring what citizens have paid for: one certificate for many orders, each order its own numbers."""

from __future__ import annotations

from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.citizens.rules import local_day
from carbon_platform.credits import retirement
from carbon_platform.credits.tables import CreditBatch, Retirement, RetirementRange
from carbon_platform.db import serialise
from carbon_platform.identity.rules import Actor
from carbon_platform.identity.service import audit
from carbon_platform.inclusion import rules
from carbon_platform.inclusion.offsets import ORDERS_AT_ONCE, as_pool, pool
from carbon_platform.inclusion.tables import OffsetLot, OffsetOrder


def waiting_kg(session: Session) -> int:
    """Kilograms paid for and not retired yet."""
    paid = sa.select(sa.func.coalesce(sa.func.sum(OffsetOrder.quantity_kg), 0))
    return int(session.scalar(paid.where(OffsetOrder.state == rules.PAID)) or 0)


def retire_paid(session: Session, actor: Actor, *, now: datetime) -> Retirement | None:
    """Retire what was paid for, all orders in one certificate; None when nobody waits.

    At most :data:`ORDERS_AT_ONCE` orders and 100 batches a time; whoever calls goes on until None.
    """
    serialise(session, "offset-retirement")
    found = session.execute(
        sa.select(OffsetOrder, OffsetLot.batch_code)
        .join(OffsetLot, OffsetLot.id == OffsetOrder.lot_id)
        .where(OffsetOrder.state == rules.PAID)
        .order_by(OffsetOrder.id)
        .limit(ORDERS_AT_ONCE)
        .with_for_update(of=OffsetOrder)
    ).all()
    by_batch: dict[str, list[OffsetOrder]] = {}
    for row, batch_code in found:
        if batch_code in by_batch or len(by_batch) < retirement.LINES_MAX:
            by_batch.setdefault(batch_code, []).append(row)
    if not by_batch:
        return None
    orders = [row for rows in by_batch.values() for row in rows]
    years = [row.year for row in orders]
    done = retirement.retire(
        session,
        as_pool(actor, pool(session, now=now)),
        lines=[(code, sum(row.quantity_kg for row in rows)) for code, rows in by_batch.items()],
        purpose="public_benefit",
        beneficiary_name=f"信阳市民自愿抵消（{len(orders)} 笔汇总）",
        beneficiary_credit_code="",
        consumption_from=date(min(years), 1, 1),
        consumption_to=max(date(max(years), 12, 31), date.fromisoformat(local_day(now))),
        consumption_place="信阳市",
        now=now,
    )
    for batch_code, rows in by_batch.items():
        _hand_out(session, done, batch_code, rows, now)
    session.flush()
    return done


def retire_or_note(session: Session, actor: Actor, *, now: datetime) -> Retirement | None:
    """As :func:`retire_paid`; that nobody waited is noted too."""
    done = retire_paid(session, actor, now=now)
    if done is None:
        audit(session, actor, "offset.retire_none", object_kind="retirement", object_id="none", now=now)
    return done


def _hand_out(
    session: Session, done: Retirement, batch_code: str, rows: list[OffsetOrder], now: datetime
) -> None:
    """Give each order its numbers of the certificate, in the order in which they were ordered."""
    spans = session.execute(
        sa.select(RetirementRange.first, RetirementRange.last)
        .join(CreditBatch, CreditBatch.id == RetirementRange.batch_id)
        .where(RetirementRange.retirement_id == done.id, CreditBatch.code == batch_code)
        .order_by(RetirementRange.first)
    ).all()
    parts = rules.slice_ranges([(first, last) for first, last in spans], [row.quantity_kg for row in rows])
    for row, mine in zip(rows, parts, strict=True):
        row.state, row.certificate_number = rules.RETIRED, done.certificate_number
        row.ranges, row.retired_at = [list(span) for span in mine], now
