"""The carbon book (个人碳账本): what a citizen reads, and the sums a dashboard needs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform import ledger
from carbon_platform.citizens import lots, rewards, rules
from carbon_platform.citizens.inbox_tables import BookMonth
from carbon_platform.citizens.purse import open_purse
from carbon_platform.citizens.tables import Act, Redemption, RedemptionRefusal
from carbon_platform.errors import NotFound
from carbon_platform.identity.rules import Actor
from carbon_platform.identity.tables import Person

ACTIVE_DAYS = 30
WEEK_DAYS = 7


def book_account(holder: str) -> ledger.AccountKey:
    """Where a person's grams are."""
    return ledger.AccountKey(ledger.BOOK, holder, ledger.Asset.REDUCTION)


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
    """What a person has saved today, this month, this year and ever; no line is added up but today's.

    ``all_g`` is the ledger's own figure.
    """
    today = rules.local_day(now)
    months = {
        month: int(grams)
        for month, grams in session.execute(
            sa.select(BookMonth.month, BookMonth.reduction_g).where(
                BookMonth.holder == actor.holder,
                BookMonth.month >= f"{today[:4]}-01",
                BookMonth.month <= today[:7],
            )
        )
    }
    return Totals(
        today_g=day_sums(session, actor, [today]).get(today, 0),
        month_g=months.get(today[:7], 0),
        year_g=sum(months.values()),
        all_g=ledger.balance(session, book_account(actor.holder)).posted,
        points=open_purse(session, actor.holder, now=now).available,
    )


@dataclass(frozen=True)
class BookPage:
    """One page of a book, of ``total`` lines."""

    items: list[Act]
    page: int
    size: int
    total: int

    @property
    def pages(self) -> int:
        return max(1, -(-self.total // self.size))


def page(session: Session, actor: Actor, *, page: int = 1, size: int = 20) -> BookPage:
    """A page of the person's acts, newest first; how many there are is not counted but kept."""
    total = session.scalar(
        sa.select(sa.func.coalesce(sa.func.sum(BookMonth.acts), 0)).where(BookMonth.holder == actor.holder)
    )
    # A page starts where its first line is: the lines before it are walked over in the index alone.
    start = (
        sa.select(Act.id)
        .where(Act.holder == actor.holder)
        .order_by(Act.occurred_at.desc(), Act.id.desc())
        .limit(size)
        .offset((page - 1) * size)
        .subquery()
    )
    found = session.scalars(
        sa.select(Act).join(start, start.c.id == Act.id).order_by(Act.occurred_at.desc(), Act.id.desc())
    )
    return BookPage(items=list(found), page=page, size=size, total=int(total or 0))


def check_months(session: Session, *, limit: int = 20) -> list[str]:
    """Months whose kept sums differ from their lines, as ``holder month``; empty: none. For checks only."""
    kept = sa.case((Act.withdrawn_at.is_(None), 1), else_=0)
    month = sa.func.substr(Act.day, 1, 7)
    lines = (
        sa.select(
            Act.holder.label("holder"),
            month.label("month"),
            sa.func.count().label("acts"),
            sa.func.sum(kept * Act.reduction_g).label("reduction_g"),
            sa.func.sum(kept * Act.creditable_g).label("creditable_g"),
            sa.func.sum(kept * Act.points).label("points"),
        )
        .group_by(Act.holder, month)
        .subquery()
    )
    same = [
        sa.func.coalesce(getattr(lines.c, name), 0) == getattr(BookMonth, name)
        for name in ("acts", "reduction_g", "creditable_g", "points")
    ]
    key = sa.and_(lines.c.holder == BookMonth.holder, lines.c.month == BookMonth.month)
    wrong = sa.select(BookMonth.holder, BookMonth.month).outerjoin(lines, key).where(sa.not_(sa.and_(*same)))
    missing = (
        sa.select(lines.c.holder, lines.c.month).outerjoin(BookMonth, key).where(BookMonth.holder.is_(None))
    )
    return [f"{holder} {when}" for holder, when in session.execute(wrong.union(missing).limit(limit))]


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
        .where(
            Act.holder == actor.holder,
            Act.withdrawn_at.is_(None),
            Act.day >= days[0],
            Act.day <= days[-1],
        )
        .group_by(Act.day)
    )
    found = {day: Day(day, int(grams), int(count)) for day, grams, count in rows}
    return [found.get(day, Day(day, 0, 0)) for day in days]


def day_sums(session: Session, actor: Actor, days: Iterable[str]) -> dict[str, int]:
    """Grams counted on each of the days (ISO), withdrawn acts left out; days without acts are missing."""
    rows = session.execute(
        sa.select(Act.day, sa.func.sum(sa.case((Act.withdrawn_at.is_(None), Act.reduction_g), else_=0)))
        .where(Act.holder == actor.holder, Act.day.in_(list(days)))
        .group_by(Act.day)
    )
    return {day: int(grams) for day, grams in rows}


@dataclass(frozen=True)
class Stats:
    """Sums over all citizens; no person can be read out of them. Withdrawn acts and refunds are left out.

    ``reduction_g`` and ``creditable_g`` are the two grades and are never added to each other.
    ``points_outstanding`` is the liability: pending and active points of lots that are not over. Always
    ``points_issued = points_outstanding + points_redeemed + points_expired - points_owed``.
    """

    accounts: int
    active_accounts: int
    acts: int
    acts_not_counted: int
    acts_withdrawn: int
    reduction_g: int
    creditable_g: int
    points_issued: int
    points_pending: int
    points_active: int
    points_redeemed: int
    points_expired: int
    points_owed: int
    vouchers: int
    redemptions_refused: int

    @property
    def points_outstanding(self) -> int:
        return self.points_pending + self.points_active


def stats(session: Session, *, now: datetime) -> Stats:
    """Accounts opened, accounts active in 30 days, acts, grams, points: aggregates, no row is loaded."""
    accounts = (
        session.scalar(sa.select(sa.func.count()).select_from(Person).where(Person.state == "open")) or 0
    )
    since = now - timedelta(days=ACTIVE_DAYS)
    active = session.scalar(sa.select(sa.func.count(sa.distinct(Act.holder))).where(Act.reported_at > since))

    def kept(column: Any) -> Any:
        return sa.func.coalesce(sa.func.sum(sa.case((Act.withdrawn_at.is_(None), column), else_=0)), 0)

    total = session.execute(
        sa.select(
            sa.func.count(),
            kept(sa.case((Act.status == rules.NOT_COUNTED, 1), else_=0)),
            sa.func.count(Act.withdrawn_at),
            kept(Act.reduction_g),
            kept(Act.creditable_g),
            kept(Act.points),
        ).select_from(Act)
    ).one()
    vouchers, redeemed = session.execute(
        sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(Redemption.price_points), 0)).where(
            Redemption.status.in_(rewards.STANDING)
        )
    ).one()
    sums = _points_sums(session, rules.local_day(now))
    return Stats(
        accounts=accounts,
        active_accounts=active or 0,
        acts=int(total[0]),
        acts_not_counted=int(total[1]),
        acts_withdrawn=int(total[2]),
        reduction_g=int(total[3]),
        creditable_g=int(total[4]),
        points_issued=int(total[5]),
        points_pending=sums[ledger.POINTS_PENDING],
        points_active=sums[ledger.POINTS],
        points_redeemed=int(redeemed),
        points_expired=sums[ledger.POINTS_EXPIRED],
        points_owed=sums[ledger.POINTS_DEBT],
        vouchers=int(vouchers),
        redemptions_refused=session.scalar(sa.select(sa.func.count()).select_from(RedemptionRefusal)) or 0,
    )


def _points_sums(session: Session, today: str) -> dict[str, int]:
    """Points per role; what lies in a lot that is over counts as expired before the job has posted it."""
    sums = dict.fromkeys((ledger.POINTS, ledger.POINTS_PENDING, ledger.POINTS_EXPIRED, ledger.POINTS_DEBT), 0)
    for role in tuple(sums):
        for row in ledger.totals(session, role=role, asset=ledger.Asset.POINT):
            own = role in (ledger.POINTS, ledger.POINTS_PENDING)
            sums[ledger.POINTS_EXPIRED if own and lots.expired(row.lot, today) else role] += row.posted
    return sums
