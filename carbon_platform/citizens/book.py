"""The carbon book (个人碳账本): what a citizen reads, and the sums a dashboard needs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform import ledger
from carbon_platform.citizens import rules
from carbon_platform.citizens.tables import Act, Redemption
from carbon_platform.errors import NotFound
from carbon_platform.identity.rules import Actor
from carbon_platform.identity.tables import Person

ACTIVE_DAYS = 30
WEEK_DAYS = 7


def book_account(holder: str) -> ledger.AccountKey:
    """Where a person's grams are."""
    return ledger.AccountKey(ledger.BOOK, holder, ledger.Asset.REDUCTION)


def points_account(holder: str) -> ledger.AccountKey:
    """Where a person's points are."""
    return ledger.AccountKey(ledger.POINTS, holder, ledger.Asset.POINT)


def get_act(session: Session, actor: Actor, act_id: int) -> Act:
    """The person's own act; another one's is ``NotFound`` like one that is not there."""
    act = session.scalar(sa.select(Act).where(Act.id == act_id, Act.holder == actor.holder))
    if act is None:
        raise NotFound(what="记账", key=act_id)
    return act


def acts(actor: Actor) -> sa.Select[Any]:
    """The person's acts, newest first, for paging."""
    return sa.select(Act).where(Act.holder == actor.holder).order_by(Act.occurred_at.desc(), Act.id.desc())


@dataclass(frozen=True)
class Totals:
    """Grams of the points grade: by local calendar, and everything; points that can be spent."""

    today_g: int
    month_g: int
    year_g: int
    all_g: int
    points: int


def totals(session: Session, actor: Actor, *, now: datetime) -> Totals:
    """What a person has saved today, this month, this year and ever. ``all_g`` is the ledger's own figure."""
    today = rules.local_day(now)
    spans = [Act.day == today, Act.day >= today[:8] + "01", Act.day >= today[:5] + "01-01"]
    sums = [sa.func.coalesce(sa.func.sum(sa.case((span, Act.reduction_g), else_=0)), 0) for span in spans]
    row = session.execute(
        sa.select(*sums).where(Act.holder == actor.holder, Act.day >= today[:5] + "01-01", Act.day <= today)
    ).one()
    return Totals(
        today_g=int(row[0]),
        month_g=int(row[1]),
        year_g=int(row[2]),
        all_g=ledger.balance(session, book_account(actor.holder)).posted,
        points=ledger.balance(session, points_account(actor.holder)).available,
    )


@dataclass(frozen=True)
class Day:
    day: str
    reduction_g: int
    acts: int


def last_week(session: Session, actor: Actor, *, now: datetime) -> list[Day]:
    """The last seven local days, oldest first; a day without acts is there with zeros."""
    today = date.fromisoformat(rules.local_day(now))
    days = [(today - timedelta(days=back)).isoformat() for back in range(WEEK_DAYS - 1, -1, -1)]
    rows = session.execute(
        sa.select(Act.day, sa.func.sum(Act.reduction_g), sa.func.count())
        .where(Act.holder == actor.holder, Act.day >= days[0], Act.day <= days[-1])
        .group_by(Act.day)
    )
    found = {day: Day(day, int(grams), int(count)) for day, grams, count in rows}
    return [found.get(day, Day(day, 0, 0)) for day in days]


@dataclass(frozen=True)
class PointsLine:
    """One change of a person's points; ``act`` or ``redemption`` is what it came from."""

    transfer_id: int
    amount: int
    at: datetime
    reason: str
    act: Act | None
    redemption: Redemption | None


@dataclass(frozen=True)
class PointsPage:
    """Newest first; ``next_before`` is the cursor of the next page, None on the last."""

    available: int
    held: int
    lines: tuple[PointsLine, ...]
    next_before: int | None


def points(session: Session, actor: Actor, *, limit: int = 50, before: int | None = None) -> PointsPage:
    """Balance and statement of a person's points."""
    account = points_account(actor.holder)
    balance = ledger.balance(session, account)
    page = ledger.statement(session, account, limit=limit, before=before)
    entries = {line.entry_id for line in page.lines}
    from_acts = _by_entry(session.scalars(sa.select(Act).where(Act.entry_id.in_(entries))))
    spent = _by_entry(session.scalars(sa.select(Redemption).where(Redemption.entry_id.in_(entries))))
    lines = tuple(
        PointsLine(
            transfer_id=line.transfer_id,
            amount=line.amount,
            at=line.recorded_at,
            reason=line.reason,
            act=from_acts.get(line.entry_id),
            redemption=spent.get(line.entry_id),
        )
        for line in page.lines
    )
    return PointsPage(balance.available, balance.held, lines, page.next_before)


def _by_entry(rows: Iterable[Any]) -> dict[int, Any]:
    return {row.entry_id: row for row in rows}


@dataclass(frozen=True)
class Stats:
    """Sums over all citizens; no person can be read out of them.

    ``reduction_g`` and ``creditable_g`` are the two grades and are never added to each other.
    ``points_outstanding`` is the liability: points nobody has spent yet.
    """

    accounts: int
    active_accounts: int
    acts: int
    acts_not_counted: int
    reduction_g: int
    creditable_g: int
    points_issued: int
    points_redeemed: int
    points_outstanding: int
    vouchers: int


def stats(session: Session, *, now: datetime) -> Stats:
    """Accounts opened, accounts active in 30 days, acts, grams, points: five aggregates, no row is loaded."""
    accounts = session.scalar(sa.select(sa.func.count()).select_from(Person)) or 0
    since = now - timedelta(days=ACTIVE_DAYS)
    active = session.scalar(sa.select(sa.func.count(sa.distinct(Act.holder))).where(Act.reported_at > since))
    total = session.execute(
        sa.select(
            sa.func.count(),
            sa.func.coalesce(sa.func.sum(sa.case((Act.status == rules.NOT_COUNTED, 1), else_=0)), 0),
            sa.func.coalesce(sa.func.sum(Act.reduction_g), 0),
            sa.func.coalesce(sa.func.sum(Act.creditable_g), 0),
            sa.func.coalesce(sa.func.sum(Act.points), 0),
        ).select_from(Act)
    ).one()
    vouchers, redeemed = session.execute(
        sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(Redemption.price_points), 0))
    ).one()
    outstanding = ledger.totals(session, role=ledger.POINTS)
    return Stats(
        accounts=accounts,
        active_accounts=active or 0,
        acts=int(total[0]),
        acts_not_counted=int(total[1]),
        reduction_g=int(total[2]),
        creditable_g=int(total[3]),
        points_issued=int(total[4]),
        points_redeemed=int(redeemed),
        points_outstanding=sum(row.posted for row in outstanding),
        vouchers=int(vouchers),
    )
