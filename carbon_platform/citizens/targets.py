"""Three counts of accounts that are never added up (opened, active, real-name), and the way to the target.

A job counts once an hour and keeps the figures of each day; pages read those rows and cost the same however
many acts there are. Quotas by county are shares of the city's curve by residents; most of those figures are
not verified, and every answer says so (``data/account_targets.toml``).
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from carbon_platform.citizens import rules
from carbon_platform.citizens.privacy_tables import AccountDay, HolderActivity
from carbon_platform.citizens.tables import Act
from carbon_platform.identity import person_rules
from carbon_platform.identity.tables import Person, PersonIdentity
from carbon_platform.units import split_largest_remainder

ACTIVE_DAYS = RATE_DAYS = 30
# Acts whose transaction was still open when the last count ran are found by looking back this far again.
_OVERLAP = timedelta(hours=2)
_DATA = Path(__file__).with_name("data") / "account_targets.toml"


@dataclass(frozen=True)
class TargetPoint:
    """A point of the city's curve."""

    day: str
    accounts: int
    source: str
    status: str


@dataclass(frozen=True)
class County:
    """A county and its residents, with where the figure comes from."""

    code: str
    people: int
    source: str
    status: str


@dataclass(frozen=True)
class Counts:
    """Accounts as of one count. ``active``, ``phone`` and ``real_name`` are among the opened ones."""

    opened: int = 0
    active: int = 0
    phone: int = 0
    real_name: int = 0
    opened_30d: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__))


@dataclass(frozen=True)
class Progress:
    """Where a county (or the city, code ``4115``) stands. ``forecast_on``: when the last point of the curve
    is reached at the present rate; None: never at that rate. ``per_day``: opened a day, over 30 days."""

    code: str
    counts: Counts
    due_now: int
    target: int
    target_on: str
    per_day: float
    forecast_on: str | None
    people: int
    source: str
    status: str

    @property
    def behind(self) -> int:
        return max(0, self.due_now - self.counts.opened)


@cache
def curve() -> tuple[TargetPoint, ...]:
    return tuple(TargetPoint(**row) for row in _data()["point"])


@cache
def counties() -> tuple[County, ...]:
    return tuple(County(**row) for row in _data()["county"])


@cache
def _data() -> dict[str, Any]:
    return tomllib.loads(_DATA.read_text(encoding="utf-8"))


def note() -> tuple[str, str]:
    """How far the quotas can be trusted, zh and en."""
    people = _data()["people"]
    return people["note_zh"], people["note_en"]


def target_at(points: Sequence[TargetPoint], day: str) -> int:
    """Accounts the curve asks for at the end of a day: straight lines between its points, flat outside."""
    if day <= points[0].day:
        return points[0].accounts
    for before, after in pairwise(points):
        if day <= after.day:
            start = date.fromisoformat(before.day)
            whole = (date.fromisoformat(after.day) - start).days
            gone = (date.fromisoformat(day) - start).days
            return before.accounts + (after.accounts - before.accounts) * gone // whole
    return points[-1].accounts


def quotas(total: int, people: Mapping[str, int]) -> dict[str, int]:
    """A total shared out by residents; the parts add up to it exactly."""
    return dict(zip(people, split_largest_remainder(total, list(people.values())), strict=True))


def forecast(opened: int, target: int, opened_30d: int, today: str) -> str | None:
    """The day the target is reached if accounts go on being opened as in the last 30 days; None: never."""
    missing = target - opened
    if missing <= 0:
        return today
    if opened_30d <= 0:
        return None
    days = -(-missing * RATE_DAYS // opened_30d)
    left = (date.max - date.fromisoformat(today)).days
    return (date.fromisoformat(today) + timedelta(days=days)).isoformat() if days <= left else None


def count(session: Session, *, now: datetime) -> int:
    """Count today's accounts by county and keep the figures; returns how many are open. Repeatable."""
    _note_activity(session, now=now)
    day = rules.local_day(now)
    found = _counted(session, now=now)
    session.execute(sa.delete(AccountDay).where(AccountDay.day == day))
    session.add_all(
        AccountDay(
            day=day, region_code=code, opened=one.opened, active=one.active, phone=one.phone,
            real_name=one.real_name, opened_30d=one.opened_30d, counted_at=now,
        )
        for code, one in found.items()
    )  # fmt: skip
    session.flush()
    return sum(one.opened for one in found.values())


def _note_activity(session: Session, *, now: datetime) -> None:
    """Bring the last act of each holder up to date: reads only what came in since the last count."""
    last = session.scalar(sa.select(sa.func.max(AccountDay.counted_at)))
    since = min(last, now) - _OVERLAP if last else now - timedelta(days=ACTIVE_DAYS)
    newest = (
        sa.select(Act.holder, sa.func.max(Act.reported_at))
        .where(Act.reported_at >= since, Act.reported_at <= now)
        .group_by(Act.holder)
    )
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    statement = insert(HolderActivity).from_select(["holder", "last_at"], newest)
    later = statement.excluded.last_at > HolderActivity.last_at
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["holder"], set_={"last_at": statement.excluded.last_at}, where=later
        )
    )


def _counted(session: Session, *, now: datetime) -> dict[str, Counts]:
    since = now - timedelta(days=ACTIVE_DAYS)

    def one_if(condition: Any) -> Any:
        return sa.func.coalesce(sa.func.sum(sa.case((condition, 1), else_=0)), 0)

    rows = session.execute(
        sa.select(
            Person.region_code,
            sa.func.count(),
            one_if(HolderActivity.last_at > since),
            one_if(PersonIdentity.phone_index.is_not(None)),
            one_if(PersonIdentity.id_index.is_not(None)),
            one_if(Person.opened_at > now - timedelta(days=RATE_DAYS)),
        )
        .outerjoin(PersonIdentity, PersonIdentity.person_id == Person.id)
        .outerjoin(HolderActivity, HolderActivity.holder == Person.holder)
        .where(Person.state == person_rules.OPEN)
        .group_by(Person.region_code)
    )
    return {code: Counts(*(int(value) for value in values)) for code, *values in rows}


def counts(session: Session, *, day: str | None = None) -> tuple[dict[str, Counts], datetime | None]:
    """The figures by county of a day (the last count if None), and when they were counted."""
    if day is None:
        day = session.scalar(sa.select(sa.func.max(AccountDay.day)))
    rows = session.scalars(sa.select(AccountDay).where(AccountDay.day == day)).all() if day else []
    found = {
        row.region_code: Counts(row.opened, row.active, row.phone, row.real_name, row.opened_30d)
        for row in rows
    }
    return found, max((row.counted_at for row in rows), default=None)


def history(session: Session, *, since: str, code: str = "") -> dict[str, Counts]:
    """Figures day by day from ``since`` on (ISO), of one county or summed over the city."""
    query = sa.select(AccountDay).where(AccountDay.day >= since).order_by(AccountDay.day)
    if code:
        query = query.where(AccountDay.region_code == code)
    found: dict[str, Counts] = {}
    for row in session.scalars(query):
        one = Counts(row.opened, row.active, row.phone, row.real_name, row.opened_30d)
        found[row.day] = found.get(row.day, Counts()) + one
    return found


def progress(session: Session, *, now: datetime) -> tuple[Progress, list[Progress], Counts, datetime | None]:
    """The city, its counties in order of code, accounts without a county, and when all were counted."""
    today = rules.local_day(now)
    found, counted_at = counts(session)
    people = {county.code: county.people for county in counties()}
    last = curve()[-1]
    due = quotas(target_at(curve(), today), people)
    targets = quotas(last.accounts, people)
    total = Counts()
    for one in found.values():
        total += one
    rows = [
        _progress(
            county.code, found.get(county.code, Counts()), due[county.code], targets[county.code], today,
            people=county.people, source=county.source, status=county.status,
        )
        for county in counties()
    ]  # fmt: skip
    elsewhere = Counts()
    for code, one in found.items():
        if code not in people:
            elsewhere += one
    city = _progress(
        "4115", total, target_at(curve(), today), last.accounts, today,
        people=sum(people.values()), source=last.source, status=last.status,
    )  # fmt: skip
    return city, rows, elsewhere, counted_at


def _progress(
    code: str, one: Counts, due_now: int, target: int, today: str, *, people: int, source: str, status: str
) -> Progress:
    return Progress(
        code=code, counts=one, due_now=due_now, target=target, target_on=curve()[-1].day,
        per_day=round(one.opened_30d / RATE_DAYS, 2),
        forecast_on=forecast(one.opened, target, one.opened_30d, today),
        people=people, source=source, status=status,
    )  # fmt: skip
