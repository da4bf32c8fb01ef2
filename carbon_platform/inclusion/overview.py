"""The official's dashboard: accounts, acts, grams of two grades, liability, quality, forecast.

Acts come from the roll-ups: its cost does not grow with them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy.orm import Session

from carbon_platform.citizens import scenes, targets
from carbon_platform.citizens.rules import local_day
from carbon_platform.inclusion import rollup, rules
from carbon_platform.inclusion.board import (
    Money,
    Points,
    money_of_fund,
    offered_value,
    open_runs,
    points_of_all,
)
from carbon_platform.inclusion.rollup import Sums
from carbon_platform.partners.quality import quality
from carbon_platform.regions.service import county_name, list_counties

DAYS_SHOWN = 30
MONTHS_SHOWN = 12
NO_COUNTY = ("未填县区", "no county given")


@dataclass(frozen=True)
class Accounts:
    """Three counts of one region, kept apart, and how they stand to the target of the year's end."""

    region_code: str
    name_zh: str
    name_en: str
    opened: int
    active: int
    real_name: int
    target: int | None = None
    target_on: date | None = None
    expected_now: int | None = None
    per_day: float | None = None
    forecast_on: date | None = None
    status: str = ""


@dataclass(frozen=True)
class SceneQuality:
    """How good a scene's data are: shares of its acts in basis points, score of seven days (0–100)."""

    code: str
    name_zh: str
    name_en: str
    state: str
    sums: Sums
    not_counted_bp: int | None
    withdrawn_bp: int | None
    score: int | None


@dataclass(frozen=True)
class Day:
    day: str
    acts: int
    reduction_g: int
    creditable_g: int
    points: int


@dataclass(frozen=True)
class Month:
    month: str
    sums: Sums


@dataclass(frozen=True)
class County:
    region_code: str
    name_zh: str
    name_en: str
    sums: Sums


@dataclass(frozen=True)
class Overview:
    as_of: datetime | None
    city: Accounts
    counties: tuple[Accounts, ...]
    counted_at: datetime | None
    note_zh: str
    note_en: str
    total: Sums
    days: tuple[Day, ...]
    months: tuple[Month, ...]
    by_county: tuple[County, ...]
    scenes: tuple[SceneQuality, ...]
    points: Points
    liability_fen: int | None
    money: Money
    bundles_waiting: int


def overview(session: Session, *, now: datetime) -> Overview:
    """All of the dashboard as of the last roll-up; accounts and money as of now."""
    today = date.fromisoformat(local_day(now))
    city, counties, counted_at = accounts(session, now=now)
    points, value = points_of_all(session, today.isoformat()), offered_value(session)
    months = rollup.sums_by(session, "month", since=_months_back(today, MONTHS_SHOWN - 1))
    return Overview(
        as_of=rollup.as_of(session),
        city=city,
        counties=counties,
        counted_at=counted_at,
        note_zh=targets.note()[0],
        note_en=targets.note()[1],
        total=rollup.total(session),
        days=_days(session, today),
        months=tuple(Month(key[0], sums) for key, sums in months.items()),
        by_county=_by_county(session),
        scenes=_scenes(session, now),
        points=points,
        liability_fen=None if value is None else rules.fen_of(points.outstanding, value.high_fen),
        money=money_of_fund(session),
        bundles_waiting=open_runs(session),
    )


def accounts(session: Session, *, now: datetime) -> tuple[Accounts, tuple[Accounts, ...], datetime | None]:
    """(city, counties, when they were counted): the three counts beside the way to the target."""
    city, counties, elsewhere, counted_at = targets.progress(session, now=now)
    english = {county.code: county.name_en for county in list_counties(session)}
    rows = [_accounts(one, english.get(one.code, one.code)) for one in counties]
    if elsewhere.opened:
        rows.append(
            Accounts(
                "", "未填县区", "no county given", elsewhere.opened, elsewhere.active, elsewhere.real_name
            )
        )
    return _accounts(city, "Xinyang"), tuple(rows), counted_at


def _accounts(one: targets.Progress, name_en: str) -> Accounts:
    return Accounts(
        region_code=one.code,
        name_zh=county_name(one.code),
        name_en=name_en,
        opened=one.counts.opened,
        active=one.counts.active,
        real_name=one.counts.real_name,
        target=one.target,
        target_on=date.fromisoformat(one.target_on),
        expected_now=one.due_now,
        per_day=one.per_day,
        forecast_on=None if one.forecast_on is None else date.fromisoformat(one.forecast_on),
        status=one.status,
    )


def _months_back(today: date, months: int) -> str:
    count = today.year * 12 + today.month - 1 - months
    return f"{count // 12:04d}-{count % 12 + 1:02d}"


def _days(session: Session, today: date) -> tuple[Day, ...]:
    """The last thirty days, oldest first; a day without acts is there with zeros."""
    first = today - timedelta(days=DAYS_SHOWN - 1)
    found = {row.day: row for row in rollup.last_days(session, first.isoformat())}
    days = []
    for number in range(DAYS_SHOWN):
        day = (first + timedelta(days=number)).isoformat()
        row = found.get(day)
        days.append(
            Day(day, row.acts, row.reduction_g, row.creditable_g, row.points) if row else Day(day, 0, 0, 0, 0)
        )
    return tuple(days)


def _by_county(session: Session) -> tuple[County, ...]:
    sums = {key[0]: one for key, one in rollup.sums_by(session, "region_code").items()}
    rows = [
        County(county.code, county.name_zh, county.name_en, sums.pop(county.code, Sums()))
        for county in list_counties(session)
    ]
    rest = sum(sums.values(), Sums())
    # People who gave no county still count for the city.
    return (*rows, County("", *NO_COUNTY, rest)) if rest.acts else tuple(rows)


def _scenes(session: Session, now: datetime) -> tuple[SceneQuality, ...]:
    sums = {key[0]: one for key, one in rollup.sums_by(session, "source").items()}
    rows = []
    for code, scene in scenes.sources(session).items():
        mine = sums.get(code, Sums())
        judged = quality(session, code, now=now)
        everything = mine.acts + mine.withdrawn
        rows.append(
            SceneQuality(
                code=code,
                name_zh=scene.name_zh,
                name_en=scene.name_en,
                state=scene.state,
                sums=mine,
                not_counted_bp=rules.share_bp(mine.not_counted, mine.acts),
                withdrawn_bp=rules.share_bp(mine.withdrawn, everything),
                score=judged.score if judged.rows else None,
            )
        )
    return tuple(sorted(rows, key=lambda row: (-row.sums.acts, row.code)))
