"""What a person's book holds while a batch is decided, and the decision on one claim."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache

from sqlalchemy.orm import Session

from carbon_platform.citizens import (
    caps_sql,
    catalogue,
    points_rules,
    points_scheme,
    precedence,
    rules,
)
from carbon_platform.citizens.assessment import Grams, grams
from carbon_platform.citizens.claims import Prepared
from carbon_platform.citizens.intake_sql import Counted
from carbon_platform.citizens.points_scheme import Campaign, PointsRule, Spending
from carbon_platform.citizens.purse import PENDING
from carbon_platform.citizens.rules import Journey, Kind, Reason, Used, Verdict

# Two sources that tell of one act need not agree on the second.
SAME_ACT_CODES = ("overlap", "excluded", "same_act")
ODD_CODES = ("too_short", "too_long", "too_fast")
SAME_ACT = timedelta(seconds=rules.OVERLAP_S)


@dataclass(slots=True)
class Standing:
    """One person's book: acts that count around the days of the batch, months where caps ask for them."""

    acts: list[Counted] = field(default_factory=list)
    months: dict[tuple[str, str], int] = field(default_factory=dict)
    spending: Spending = field(default_factory=Spending)

    def put_in(self, act: Counted, category: str) -> None:
        self.acts.append(act)
        key = (act.behaviour, act.day[:7])
        if key in self.months:
            self.months[key] += act.milli
        self.spending.add(act.day, act.behaviour, category, act.reduction_g, act.points)

    def take_out(self, act: Counted) -> None:
        self.acts.remove(act)
        key = (act.behaviour, act.day[:7])
        if key in self.months:
            self.months[key] -= act.milli
        category = category_of(act.behaviour)
        self.spending.add(act.day, act.behaviour, category, -act.reduction_g, -act.points)


@dataclass(frozen=True, slots=True)
class Ruling:
    """What a claim is worth. ``replaces``: weaker records of the same act, to be undone. ``counted_as``:
    the act that counts in place of this one."""

    verdict: Verdict
    claimed_g: int
    assessed_milli: int
    assessed: Grams
    formula_zh: str
    formula_en: str
    rule_version: str
    replaces: tuple[Counted, ...] = ()
    counted_as: int | None = None


def category_of(behaviour: str) -> str:
    known = catalogue.behaviours().get(behaviour)
    return known.category_zh if known else ""


def load_standings(
    session: Session, work: Sequence[Prepared], counted: Sequence[Counted]
) -> dict[str, Standing]:
    """The books of all persons of a batch; what is ``counted`` in them around its days is read already, the
    sums over longer spans are read here. Callers hold the persons' locks."""
    connection = session.connection()
    windows: dict[str, tuple[str, str]] = {}
    for one in work:
        holder = one.claim.holder
        first, last = windows.get(holder, (one.day, one.day))
        windows[holder] = (min(first, one.day), max(last, one.day))
    found = {holder: Standing() for holder in windows}
    for act in counted:
        if act.holder in found:
            found[act.holder].acts.append(act)
    if any(_looks_far(points_rules.rules_in_force(session, day)) for day in {one.day for one in work}):
        far = {
            holder: (points_scheme.earliest(first), points_scheme.latest(last))
            for holder, (first, last) in windows.items()
        }
        for holder, day, code, reduction_g, points in caps_sql.day_sums(connection, far):
            found[holder].spending.add(day, code, category_of(code), reduction_g, points)
    else:
        for standing in found.values():
            for act in standing.acts:
                category = category_of(act.behaviour)
                standing.spending.add(act.day, act.behaviour, category, act.reduction_g, act.points)
    _load_months(session, work, found)
    return found


def _looks_far(rule: PointsRule) -> bool:
    return any(cap.span != "day" for cap in rule.all_caps)


def _load_months(session: Session, work: Sequence[Prepared], found: dict[str, Standing]) -> None:
    """Months of the behaviours that have a cap by the month or the year."""
    asked = []
    for one in work:
        caps = catalogue.caps_of(one.behaviour)
        if caps.month_milli is None and caps.year_milli is None:
            continue
        year = caps.year_milli is not None
        first = f"{one.day[:4]}-01-01" if year else one.day[:8] + "01"
        last = f"{one.day[:4]}-12-31" if year else one.day[:8] + "31"
        months = [f"{one.day[:4]}-{month:02d}" for month in range(1, 13)] if year else [one.day[:7]]
        for code in catalogue.sharing_cap(one.behaviour):
            asked.append((one.claim.holder, code, first, last))
            for month in months:
                found[one.claim.holder].months.setdefault((code, month), 0)
    if asked:
        for row in caps_sql.month_sums(session.connection(), asked):
            found[row.holder].months[row.behaviour, row.month] = row.milli


def decide(
    prepared: Prepared,
    standing: Standing,
    rule: PointsRule,
    campaigns: Sequence[Campaign],
    full: Grams,
    *,
    now: datetime,
) -> Ruling:
    """Rule on a claim against the book as it stands. ``full``: what all of it would be worth."""
    percent = prepared.source.evidence_percent
    # An accepted appeal sets aside what was found then, not what caps leave.
    rivals = [] if prepared.claim.set_aside in SAME_ACT_CODES else _rivals(prepared, standing)
    odd = None if prepared.claim.set_aside in ODD_CODES else _odd(prepared)
    replaces: tuple[Counted, ...] = ()
    stopped: Reason | None = odd
    counted_as: int | None = None
    if rivals:
        if odd is None and all(_yields(rival, prepared, now) for _, rival in rivals):
            replaces = tuple(rival for _, rival in rivals)
        else:
            stopped, rival = next(pair for pair in rivals if not _yields(pair[1], prepared, now) or odd)
            counted_as = rival.act_id
    assessed_milli, assessed = prepared.milli, full
    if stopped:
        verdict = rules.refused(stopped)
    else:
        for gone in replaces:
            standing.take_out(gone)
        verdict, assessed_milli, assessed = _settled(prepared, standing, rule, campaigns, full)
        for gone in replaces:
            standing.put_in(gone, category_of(gone.behaviour))
    zh, en = _formula(
        prepared.behaviour.code, assessed_milli, assessed.points_g, percent,
        verdict.reduction_g, verdict.points, verdict.bonus,
        rule.grams_per_point, rule.fixed.get(prepared.behaviour.code),
    )  # fmt: skip
    return Ruling(
        verdict=verdict,
        claimed_g=rules.graded_g(full.points_g, percent),
        assessed_milli=assessed_milli,
        assessed=assessed,
        formula_zh=zh,
        formula_en=en,
        rule_version=rule.version,
        replaces=replaces,
        counted_as=counted_as,
    )


def _settled(
    prepared: Prepared,
    standing: Standing,
    rule: PointsRule,
    campaigns: Sequence[Campaign],
    full: Grams,
) -> tuple[Verdict, int, Grams]:
    """Caps; the verdict, and what of the claim was assessed."""
    caps, source = catalogue.caps_of(prepared.behaviour), prepared.source
    used = _used(prepared, standing)
    counted, reason = rules.countable_milli(prepared.milli, caps, used)
    assessed_milli, assessed = prepared.milli, full
    if 0 < counted < prepared.milli:
        assessed_milli = counted
        code, circumstances = prepared.behaviour.code, prepared.circumstances
        assessed = grams(catalogue.methodology(), code, counted, prepared.day, circumstances)
    percent = source.evidence_percent
    claimed_g = rules.graded_g(full.points_g, percent)
    verdict = rules.settle(
        claimed_milli=prepared.milli,
        counted_milli=counted,
        quantity_reason=reason,
        points_g=min(claimed_g, rules.graded_g(assessed.points_g, percent)),
        creditable_g=rules.graded_g(assessed.creditable_g, percent) if source.creditable else 0,
        caps=caps,
        used=used,
        rule=rule,
        kind=Kind(prepared.behaviour.code, prepared.behaviour.category_zh, source.code, prepared.day),
        spent=standing.spending,
        campaigns=campaigns,
        figureless=prepared.behaviour.pending,
    )
    return verdict, assessed_milli, assessed


_NOTHING_USED = Used()


def _used(prepared: Prepared, standing: Standing) -> Used:
    """What counts against the behaviour's caps already."""
    mine = catalogue.sharing_cap(prepared.behaviour)
    today = [act for act in standing.acts if act.day == prepared.day and act.behaviour in mine]
    if not today and not standing.months:
        return _NOTHING_USED
    month, year = prepared.day[:7], prepared.day[:4]
    return Used(
        day_acts=len(today),
        day_milli=sum(act.milli for act in today),
        month_milli=sum(standing.months.get((code, month), 0) for code in mine),
        day_g=sum(act.reduction_g for act in today),
        year_milli=sum(
            milli for (code, span), milli in standing.months.items() if code in mine and span[:4] == year
        ),
    )


def _rivals(prepared: Prepared, standing: Standing) -> list[tuple[Reason, Counted]]:
    """Acts of the book that are this one, told by others, or that rule it out; with the words for it."""
    if not standing.acts:
        return []
    claim, behaviour = prepared.claim, prepared.behaviour
    found: list[tuple[Reason, Counted]] = []
    # Nothing that ended well before, or began well after, can be the same act; the day decides exclusions.
    first, last = claim.starts_at - SAME_ACT, prepared.ends_at + SAME_ACT
    near = [
        act
        for act in standing.acts
        if (act.ends_at >= first and act.starts_at <= last) or act.behaviour in behaviour.excludes
    ]
    for act in sorted(near, key=lambda act: (act.starts_at, act.act_id)):
        if act.day == prepared.day and act.behaviour in behaviour.excludes:
            found.append((precedence.exclusion_reason(*_names(act.behaviour)), act))
        elif prepared.travels and act.travel:
            journey = Journey(act.act_id, *_names(act.behaviour), act.starts_at, act.ends_at)
            if rules.overlapping(claim.starts_at, prepared.ends_at, [journey]):
                found.append((precedence.overlap_reason(journey), act))
        elif (
            act.behaviour == behaviour.code
            and act.source != prepared.source.code
            and abs(act.starts_at - claim.starts_at) <= SAME_ACT
        ):
            found.append((precedence.same_act_reason(*_names(act.behaviour), act.starts_at), act))
    return found


def _yields(rival: Counted, prepared: Prepared, now: datetime) -> bool:
    """Whether an act of the book makes way: it is less well proven, and still provisional."""
    return (
        rival.evidence_percent < prepared.source.evidence_percent
        and rival.active_from is not None
        and rival.active_from > now
        and rival.points_state in ("", PENDING)
    )


def _odd(prepared: Prepared) -> Reason | None:
    if not prepared.travels:
        return None
    code, claim = prepared.behaviour.code, prepared.claim
    return rules.implausible(
        claim.distance_m, claim.duration_s, catalogue.speed_max_kmh(code), catalogue.distance_max_km(code)
    )


def _names(behaviour: str) -> tuple[str, str]:
    known = catalogue.behaviours().get(behaviour)
    return (known.name_zh, known.name_en) if known else (behaviour, behaviour)


@lru_cache(maxsize=65_536)
def _formula(
    behaviour: str,
    milli: int,
    raw_g: float,
    percent: int,
    reduction_g: int,
    points: int,
    bonus: int,
    grams_per_point: int,
    fixed: int | None,
) -> tuple[str, str]:
    """``rules.formula_words``, remembered: a city's acts are much alike."""
    return rules.formula_words(
        quantity_milli=milli,
        caps=catalogue.caps_of(catalogue.behaviours()[behaviour]),
        raw_g=raw_g,
        percent=percent,
        verdict=Verdict(milli, reduction_g, 0, points, (), bonus),
        grams_per_point=grams_per_point,
        fixed=fixed,
    )
