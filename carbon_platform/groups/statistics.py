"""The figures of a week: counties, communities, schools, companies. Published once, for ten people and more.

What may be published is decided by :mod:`carbon_platform.groups.disclosure`; the weeks of people who want
to be ranked are kept beside it, in the same transaction, so that both speak of the same acts.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.citizens.catalogue import consent_texts
from carbon_platform.citizens.tables import Act
from carbon_platform.db import Database, serialise
from carbon_platform.groups import catalogue, disclosure, members, rules
from carbon_platform.groups.clubs import GROUP
from carbon_platform.groups.rules import FAMILY
from carbon_platform.groups.tables import CitizenGroup, GroupMember, GroupWeek, RankingWeek
from carbon_platform.identity.rules import SYSTEM
from carbon_platform.identity.service import audit
from carbon_platform.identity.tables import Consent, Person

RANKING = ("platform", "ranking")
FEW, DIFFERENCE = "few", "difference"
WITHHELD_WORDS = {
    FEW: ("不足 {k} 人，不公布", "fewer than {k} people: not published"),
    DIFFERENCE: (
        "与其他已公布的数相减会露出不足 {k} 人，不公布",
        "subtracting other published figures would single out fewer than {k} people: not published",
    ),
}
# Weeks made up for when no scheduler ran.
WEEKS_BACK = 4


def county_scope(code: str) -> str:
    return f"county:{code}"


def group_scope(number: int) -> str:
    return f"group:{number}"


@dataclass
class _Week:
    """Sums of one week, per scope, and how many protected people share which scopes."""

    people: Counter[str]
    grams: Counter[str]
    cells: Counter[disclosure.Cell]


def release_due(db: Database, *, now: datetime) -> tuple[str, str]:
    """Publish each week that is due and is not published; one transaction per week. For the job."""
    _, after_days = catalogue.statistics_rule()
    done = []
    for week in rules.due_weeks(now, after_days=after_days, count=WEEKS_BACK):
        found = db.transact(lambda session, week=week: release(session, week, now=now))  # type: ignore[misc]
        if found:
            done.append(f"{week}: {found.count('')} of {len(found)} published")
    return "ok", "; ".join(done) or "nothing to publish"


def release(session: Session, week: str, *, now: datetime) -> list[str]:
    """Publish one week; returns why each scope was withheld (empty: it was not). Nothing when it was done."""
    serialise(session, "groups:release")
    if session.scalar(sa.select(GroupWeek.id).where(GroupWeek.week == week).limit(1)) is not None:
        return []
    k, _ = catalogue.statistics_rule()
    ranked = _rank(session, week, now=now)
    found = _sums(session, week, ranked)
    enough = [scope for scope in _in_order(found) if found.people[scope] >= k]
    published = set(disclosure.publishable(enough, found.cells, k))
    rows: list[dict[str, Any]] = []
    for scope in _in_order(found):
        shown = scope in published
        rows.append(
            {
                "week": week,
                "scope": scope,
                "people": found.people[scope] if shown else None,
                "reduction_g": found.grams[scope] if shown else None,
                "withheld": "" if shown else DIFFERENCE if scope in enough else FEW,
                "released_at": now,
            }
        )
    if rows:
        session.execute(sa.insert(GroupWeek), rows)
    audit(session, SYSTEM, "group.release", object_kind="group_week", object_id=week, now=now,
          detail={"published": len(published), "withheld": len(rows) - len(published)})  # fmt: skip
    return [row["withheld"] for row in rows]


def _in_order(found: _Week) -> list[str]:
    """Counties first, then the largest groups; equal ones by name: nobody's choice decides."""
    return sorted(
        found.people, key=lambda scope: (not scope.startswith("county:"), -found.people[scope], scope)
    )


def _acts_of(week: str) -> tuple[Any, ...]:
    """Which acts are in a week's figures: counted and not taken back."""
    return (Act.day >= week, Act.day <= rules.week_end(week), Act.withdrawn_at.is_(None), Act.reduction_g > 0)


def _rank(session: Session, week: str, *, now: datetime) -> set[str]:
    """Keep the weeks of those who want to be ranked; returns their holders."""
    text = consent_texts()[RANKING]
    willing = (
        sa.select(Person.holder, Person.region_code)
        .join(Consent, Consent.person_id == Person.id)
        .where(
            Consent.partner == text.partner,
            Consent.purpose == text.purpose,
            Consent.text_version == text.version,
            Consent.withdrawn_at.is_(None),
        )
        .subquery()
    )
    rows = session.execute(
        sa.select(willing.c.holder, willing.c.region_code, sa.func.sum(Act.reduction_g))
        .join(Act, Act.holder == willing.c.holder)
        .where(*_acts_of(week))
        .group_by(willing.c.holder, willing.c.region_code)
    ).all()
    if rows:
        session.execute(
            sa.insert(RankingWeek),
            [
                {
                    "week": week,
                    "holder": holder,
                    "county_code": county[:6],
                    "reduction_g": int(grams),
                    "released_at": now,
                }
                for holder, county, grams in rows
            ],
        )
    return {holder for holder, _, _ in rows}


def _sums(session: Session, week: str, ranked: set[str]) -> _Week:
    """Add a week up per county and group. Of people in no group only their county's count is read."""
    county = sa.func.substr(Act.region_code, 1, 6)
    found = _Week(Counter(), Counter(), Counter())
    totals = session.execute(
        sa.select(county, sa.func.count(sa.distinct(Act.holder)), sa.func.sum(Act.reduction_g))
        .where(*_acts_of(week), Act.region_code != "")
        .group_by(county)
    )
    alone: Counter[str] = Counter()
    for code, people, grams in totals:
        scope = county_scope(code)
        found.people[scope], found.grams[scope], alone[scope] = people, int(grams), people
    groups = _groups_of(session)
    for holder, rows in _known_weeks(session, week, county, ranked | groups.keys()).items():
        own = groups.get(holder, ())
        for scope in own:
            found.people[scope] += 1
            found.grams[scope] += sum(grams for _, grams in rows)
        for code, _grams in rows:
            scopes = {*own, *([county_scope(code)] if code else [])}
            if code:
                alone[county_scope(code)] -= 1
            # Whoever moved during the week has parts in two counties: counted in a cell of each, one person
            # would protect as two where neither county is published. So such a person protects nobody.
            if holder not in ranked and scopes and len(rows) == 1:
                found.cells[frozenset(scopes)] += 1
    for scope, people in alone.items():
        if people > 0:
            found.cells[frozenset({scope})] += people
    return found


def _known_weeks(
    session: Session, week: str, county: Any, holders: Iterable[str]
) -> dict[str, list[tuple[str, int]]]:
    """(county, grams) of people who are in a group or ranked."""
    wanted = sorted(holders)
    found: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for start in range(0, len(wanted), 1_000):
        rows = session.execute(
            sa.select(Act.holder, county, sa.func.sum(Act.reduction_g))
            .where(*_acts_of(week), Act.holder.in_(wanted[start : start + 1_000]))
            .group_by(Act.holder, county)
        )
        for holder, code, grams in rows:
            found[holder].append((code, int(grams)))
    return found


def _groups_of(session: Session) -> dict[str, tuple[str, ...]]:
    """The groups people are in and agree to at the release, families left out: those publish nothing."""
    found: dict[str, list[str]] = defaultdict(list)
    rows = session.execute(
        sa.select(GroupMember.holder, GroupMember.group_id)
        .join(CitizenGroup, CitizenGroup.id == GroupMember.group_id)
        .where(
            GroupMember.left_at.is_(None),
            GroupMember.kind != FAMILY,
            CitizenGroup.closed_at.is_(None),
            members.agrees(GroupMember.holder, GROUP),
        )
    )
    for holder, number in rows:
        found[holder].append(group_scope(number))
    return {holder: tuple(scopes) for holder, scopes in found.items()}


def weeks_of(session: Session, scope: str, *, limit: int = 12) -> list[GroupWeek]:
    """What was published of a scope, or that it was withheld, newest first."""
    return list(
        session.scalars(
            sa.select(GroupWeek).where(GroupWeek.scope == scope).order_by(GroupWeek.week.desc()).limit(limit)
        )
    )


def withheld_words(reason: str) -> tuple[str, str]:
    """Why a figure is not there (zh, en)."""
    k, _ = catalogue.statistics_rule()
    zh, en = WITHHELD_WORDS[reason]
    return zh.format(k=k), en.format(k=k)
