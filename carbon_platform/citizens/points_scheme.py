"""From grams to points: functions of values. No session, no request, no clock.

A :class:`PointsRule` says how many points grams earn, or an act of a behaviour; :class:`Cap` what is the
most per day, week (from Monday) or month; a :class:`Campaign` adds to it while it runs and has budget.
Caps cut base and campaign points together, so no campaign lifts anybody over a cap.

Order: :func:`cap_grams` first (behaviour, category, person), then :func:`award`. Days are local, ISO.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property
from typing import Any

from carbon_platform.citizens.reasons import Reason

# In the order in which they cut; the words are the reason's beginning.
SCOPES = {
    "behaviour": ("这种行为", "of this behaviour"),
    "category": ("这一类行为", "of this category"),
    "person": ("每人", "for one person"),
}
SPANS = {"day": ("每天", "day"), "week": ("每周", "week"), "month": ("每月", "month")}
WHOLE_PERCENT = 100


@dataclass(frozen=True)
class Cap:
    """The most that counts in a span; at least one of ``grams`` and ``points`` is given.

    ``codes``: the behaviours (or categories, in Chinese) that share it; empty: each has its own.
    """

    scope: str
    span: str
    grams: int | None = None
    points: int | None = None
    codes: tuple[str, ...] = ()

    def covers(self, behaviour: str, category: str) -> bool:
        return not self.codes or self._key(behaviour, category) in self.codes

    def shares(self, mine: tuple[str, str], other: tuple[str, str]) -> bool:
        """Whether another act (behaviour, category) uses up the same cap as mine."""
        if self.scope == "person":
            return True
        return self._key(*other) in self.codes if self.codes else self._key(*other) == self._key(*mine)

    def _key(self, behaviour: str, category: str) -> str:
        return {"behaviour": behaviour, "category": category}.get(self.scope, "")


@dataclass(frozen=True)
class PointsRule:
    """From grams to points, as in force from a day on (城市计划 C1, C12).

    ``fixed``: points per act of a behaviour, in place of grams. ``claim_days``: full days within which the
    person has to fetch points that left observation; 0: they become active by themselves.
    """

    version: str
    valid_from: str
    grams_per_point: int
    person_day_points: int
    status: str
    source: str
    caps: tuple[Cap, ...] = ()
    fixed: Mapping[str, int] = field(default_factory=dict)
    claim_days: int = 0

    @cached_property
    def all_caps(self) -> tuple[Cap, ...]:
        """Behaviour, then category, then person; the person's day in points last."""
        ordered = sorted(self.caps, key=lambda cap: list(SCOPES).index(cap.scope))
        return (*ordered, Cap("person", "day", points=self.person_day_points))


def read_rule(row: Mapping[str, Any]) -> PointsRule:
    """A rule as in the data file or in ``points_rule.content``: plain lists and dicts."""
    caps = tuple(Cap(**{**cap, "codes": tuple(cap.get("codes", ()))}) for cap in row.get("caps", ()))
    return PointsRule(**{**row, "caps": caps})


@dataclass(frozen=True)
class Campaign:
    """More points for a while: ``percent`` 200 doubles. ``left``: what its budget still has, in points."""

    code: str
    name_zh: str
    name_en: str
    starts_on: str
    ends_on: str
    percent: int
    left: int
    behaviours: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()

    def covers(self, *, behaviour: str, source: str, day: str) -> bool:
        return (
            self.starts_on <= day <= self.ends_on
            and (not self.behaviours or behaviour in self.behaviours)
            and (not self.sources or source in self.sources)
        )


@dataclass(frozen=True)
class Spent:
    """What a person already has under a cap."""

    grams: int = 0
    points: int = 0


class Spending:
    """What one person's book holds per day and behaviour; acts of the same batch are added as they go.

    Load the rows from :func:`span_start` of the longest span on: the month's first day or the week's
    Monday, whichever is earlier.
    """

    def __init__(self, rows: Iterable[tuple[str, str, str, int, int]] = ()) -> None:
        self._days: dict[str, dict[tuple[str, str], list[int]]] = {}
        for day, behaviour, category, grams, points in rows:
            self.add(day, behaviour, category, grams, points)

    def add(self, day: str, behaviour: str, category: str, grams: int, points: int) -> None:
        row = self._days.setdefault(day, {}).setdefault((behaviour, category), [0, 0])
        row[0] += grams
        row[1] += points

    def under(self, cap: Cap, behaviour: str, category: str, day: str) -> Spent:
        first, last = span(cap.span, day)
        # most caps are of one day
        days = [day] if first == last else [other for other in self._days if first <= other <= last]
        mine = (behaviour, category)
        grams = points = 0
        for one in days:
            for other, sums in self._days.get(one, {}).items():
                if cap.shares(mine, other):
                    grams += sums[0]
                    points += sums[1]
        return Spent(grams, points)


@dataclass(frozen=True)
class Award:
    """Points of one act. ``points`` = base + bonus; ``bonus`` comes out of the campaign's budget."""

    points: int
    bonus: int
    campaign: str
    reasons: tuple[Reason, ...]


def span(name: str, day: str) -> tuple[str, str]:
    """First and last local day (ISO) of the day, week (Monday to Sunday) or month that a day lies in."""
    if name == "day":
        return day, day
    if name == "month":
        return day[:8] + "01", day[:8] + "31"
    that = date.fromisoformat(day)
    monday = that - timedelta(days=that.weekday())
    return monday.isoformat(), (monday + timedelta(days=6)).isoformat()


def earliest(day: str) -> str:
    """The first day any cap of a day can look back to."""
    return min(span("week", day)[0], span("month", day)[0])


def latest(day: str) -> str:
    """The last day any cap of a day can look at: an act that came late may have later ones in its week."""
    return max(span("week", day)[1], span("month", day)[1])


def cap_grams(
    rule: PointsRule, *, behaviour: str, category: str, day: str, grams: int, spent: Spending
) -> tuple[int, tuple[Reason, ...]]:
    """Grams that the caps in grams leave, and why not all."""
    reasons = []
    for cap in rule.all_caps:
        if cap.grams is None or not grams or not cap.covers(behaviour, category):
            continue
        left = max(0, cap.grams - spent.under(cap, behaviour, category, day).grams)
        if grams > left:
            grams = left
            reasons.append(_grams_reason(cap, left))
    return grams, tuple(reasons)


def award(
    rule: PointsRule,
    campaigns: Iterable[Campaign],
    *,
    behaviour: str,
    category: str,
    source: str,
    day: str,
    grams: int,
    spent: Spending,
    figureless: bool = False,
) -> Award:
    """Points for the grams that count: base, the best campaign that still has budget, then the caps.

    ``figureless``: the act has no grams by declaration; the rule's fixed points for its behaviour count.
    """
    if grams <= 0 and not (figureless and behaviour in rule.fixed):
        return Award(0, 0, "", ())
    base = rule.fixed.get(behaviour, grams // rule.grams_per_point)
    best, bonus = _best(campaigns, base, behaviour=behaviour, source=source, day=day)
    points = base + bonus
    reasons = []
    for cap in rule.all_caps:
        if cap.points is None or not points or not cap.covers(behaviour, category):
            continue
        left = max(0, cap.points - spent.under(cap, behaviour, category, day).points)
        if points > left:
            points = left
            reasons.append(_points_reason(cap, left))
    bonus = max(0, points - base)
    return Award(points, bonus, best if bonus else "", tuple(reasons))


def _best(
    campaigns: Iterable[Campaign], base: int, *, behaviour: str, source: str, day: str
) -> tuple[str, int]:
    """The campaign that gives most; the first by code among equals. Campaigns do not add up."""
    best, most = "", 0
    for campaign in sorted(campaigns, key=lambda one: one.code):
        if campaign.covers(behaviour=behaviour, source=source, day=day):
            bonus = min(base * (campaign.percent - WHOLE_PERCENT) // WHOLE_PERCENT, max(0, campaign.left))
            if bonus > most:
                best, most = campaign.code, bonus
    return best, most


def _grams_reason(cap: Cap, left: int) -> Reason:
    who, who_en = SCOPES[cap.scope]
    when, when_en = SPANS[cap.span]
    return Reason(
        f"cap_grams_{cap.span}" if cap.scope == "person" else f"cap_grams_{cap.scope}_{cap.span}",
        f"{who}{when}最多计 {cap.grams} 克，这次计 {left} 克。",
        f"At most {cap.grams} g {who_en} count per {when_en}; {left} g of this did.",
    )


def _points_reason(cap: Cap, left: int) -> Reason:
    who, who_en = SCOPES[cap.scope]
    when, when_en = SPANS[cap.span]
    return Reason(
        f"cap_points_{cap.span}" if cap.scope == "person" else f"cap_points_{cap.scope}_{cap.span}",
        f"{who}{when}最多得 {cap.points} 分，这次得 {left} 分，克数照记。",
        f"At most {cap.points} points {who_en} and {when_en}; {left} for this one, its grams are kept.",
    )


def claim_by(rule: PointsRule, *, active_from: Any) -> Any:
    """The moment until which the person has to fetch the points; None: nothing has to be fetched."""
    return active_from + timedelta(days=rule.claim_days) if rule.claim_days else None
