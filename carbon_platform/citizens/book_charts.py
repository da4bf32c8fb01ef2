"""Sums of a book for its charts: the days of a month, the last twelve months, a month by category.

A month is read by its days (index holder, day), years by the kept monthly sums: what a chart costs does not
grow with the age of the book.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.citizens import catalogue
from carbon_platform.citizens.inbox_tables import BookMonth
from carbon_platform.citizens.tables import Act
from carbon_platform.identity.rules import Actor

MONTHS = 12
OTHER = "其他"


@dataclass(frozen=True)
class Bar:
    """One bar: its key (ISO day, ISO month or category), g CO2e of the points grade, and how many acts."""

    key: str
    reduction_g: int
    acts: int


def _first_of_next(month: str) -> str:
    first = date.fromisoformat(f"{month}-01")
    return (first + timedelta(days=32)).replace(day=1).isoformat()


def days_of_month(session: Session, actor: Actor, month: str, *, until: str) -> list[Bar]:
    """Every day of ``month`` (YYYY-MM) up to ``until`` (ISO day), also those without acts."""
    last = min(date.fromisoformat(until), date.fromisoformat(_first_of_next(month)) - timedelta(days=1))
    rows = session.execute(
        sa.select(Act.day, sa.func.sum(Act.reduction_g), sa.func.count())
        .where(Act.holder == actor.holder, Act.withdrawn_at.is_(None), *_within(month))
        .group_by(Act.day)
    )
    found = {day: Bar(day, int(grams), int(count)) for day, grams, count in rows}
    days = [date.fromisoformat(f"{month}-01") + timedelta(days=n) for n in range(last.day)]
    return [found.get(day.isoformat(), Bar(day.isoformat(), 0, 0)) for day in days]


def last_months(session: Session, actor: Actor, *, until: str) -> list[Bar]:
    """The twelve months that end with the one of ``until`` (ISO day), also empty ones."""
    year, month = int(until[:4]), int(until[5:7])
    keys = []
    for _ in range(MONTHS):
        keys.append(f"{year:04d}-{month:02d}")
        year, month = (year, month - 1) if month > 1 else (year - 1, 12)
    keys.reverse()
    rows = session.execute(
        sa.select(BookMonth.month, BookMonth.reduction_g, BookMonth.acts).where(
            BookMonth.holder == actor.holder, BookMonth.month >= keys[0], BookMonth.month <= keys[-1]
        )
    )
    found = {key: Bar(key, int(grams), int(count)) for key, grams, count in rows}
    return [found.get(key, Bar(key, 0, 0)) for key in keys]


def categories_of_month(session: Session, actor: Actor, month: str) -> list[Bar]:
    """A month by category (衣 食 住 行 用 办公 数字金融), most grams first; only those with grams."""
    rows = session.execute(
        sa.select(Act.behaviour, sa.func.sum(Act.reduction_g), sa.func.count())
        .where(Act.holder == actor.holder, Act.withdrawn_at.is_(None), Act.reduction_g > 0, *_within(month))
        .group_by(Act.behaviour)
    )
    sums: dict[str, Bar] = {}
    known = catalogue.behaviours()
    for code, grams, count in rows:
        key = known[code].category_zh if code in known else OTHER
        before = sums.get(key, Bar(key, 0, 0))
        sums[key] = Bar(key, before.reduction_g + int(grams), before.acts + int(count))
    return sorted(sums.values(), key=lambda bar: (-bar.reduction_g, bar.key))


def _within(month: str) -> tuple[sa.ColumnElement[bool], ...]:
    return Act.day >= f"{month}-01", Act.day < _first_of_next(month)
