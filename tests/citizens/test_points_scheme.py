"""From grams to points: caps, campaigns and fixed points, against sums made another way."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from carbon_platform.citizens.points_scheme import (
    SCOPES,
    SPANS,
    Campaign,
    Cap,
    PointsRule,
    Spending,
    award,
    cap_grams,
    claim_by,
    earliest,
    latest,
    span,
)

KINDS = {"XI14": "行", "XI16": "行", "SH03": "食"}
START = date(2026, 10, 26)  # a Monday; the days below cross weeks and a month

caps = st.lists(
    st.builds(
        Cap,
        scope=st.sampled_from(list(SCOPES)),
        span=st.sampled_from(list(SPANS)),
        grams=st.none() | st.integers(0, 900),
        points=st.none() | st.integers(0, 90),
    ),
    max_size=4,
)
rules = st.builds(
    PointsRule,
    version=st.just("r"),
    valid_from=st.just("2025-01-01"),
    grams_per_point=st.integers(1, 40),
    person_day_points=st.integers(0, 120),
    status=st.just("local-decision"),
    source=st.just("test"),
    caps=caps.map(tuple),
    fixed=st.dictionaries(st.sampled_from(list(KINDS)), st.integers(0, 50), max_size=2),
)
acts = st.lists(
    st.tuples(st.integers(0, 12), st.sampled_from(list(KINDS)), st.integers(0, 700)), min_size=1, max_size=25
)


def campaign(percent: int, left: int, **more: object) -> Campaign:
    return Campaign("c", "活动", "campaign", "2026-10-28", "2026-11-03", percent, left, **more)  # type: ignore[arg-type]


def same_span(name: str, one: str, other: str) -> bool:
    """By the calendar itself, not by first and last days."""
    a, b = date.fromisoformat(one), date.fromisoformat(other)
    if name == "day":
        return a == b
    return one[:7] == other[:7] if name == "month" else a.isocalendar()[:2] == b.isocalendar()[:2]


@settings(max_examples=150, deadline=None)
@given(rule=rules, said=acts, percent=st.integers(101, 400), budget=st.integers(0, 150))
def test_no_sum_passes_a_cap_and_no_campaign_its_budget(
    rule: PointsRule, said: list[tuple[int, str, int]], percent: int, budget: int
) -> None:
    spent, left = Spending(), budget
    booked: list[tuple[str, str, int, int]] = []
    for offset, code, grams in said:
        day = (START + timedelta(days=offset)).isoformat()
        where = {"behaviour": code, "category": KINDS[code], "day": day, "spent": spent}
        kept_g, cut = cap_grams(rule, grams=grams, **where)  # type: ignore[arg-type]
        given_ = award(rule, [campaign(percent, left)], source="s", grams=kept_g, **where)  # type: ignore[arg-type]
        assert 0 <= kept_g <= grams
        assert bool(cut) == (kept_g < grams)
        base = rule.fixed.get(code, kept_g // rule.grams_per_point) if kept_g else 0
        assert given_.bonus == max(0, given_.points - base)
        assert (given_.campaign == "c") == (given_.bonus > 0)
        assert given_.bonus == 0 or "2026-10-28" <= day <= "2026-11-03"
        if not given_.reasons:
            assert given_.points >= base
        left -= given_.bonus
        spent.add(day, code, KINDS[code], kept_g, given_.points)
        booked.append((day, code, kept_g, given_.points))
    assert left >= 0
    for cap in rule.all_caps:
        for day, code, *_ in booked:
            mine = [
                row
                for row in booked
                if same_span(cap.span, row[0], day)
                and (
                    cap.scope == "person"
                    or (cap.scope == "category" and KINDS[row[1]] == KINDS[code])
                    or row[1] == code
                )
            ]
            assert cap.grams is None or sum(row[2] for row in mine) <= cap.grams
            assert cap.points is None or sum(row[3] for row in mine) <= cap.points


def test_spans_are_those_of_the_calendar() -> None:
    for offset in range(800):
        day = (date(2024, 12, 20) + timedelta(days=offset)).isoformat()
        for name in SPANS:
            first, last = span(name, day)
            assert first <= day <= last
            inside = Counter(
                same_span(name, day, (date.fromisoformat(day) + timedelta(days=away)).isoformat())
                for away in range(-31, 32)
            )
            found = [
                first <= (date.fromisoformat(day) + timedelta(days=away)).isoformat() <= last
                for away in range(-31, 32)
            ]
            assert Counter(found) == inside
            assert earliest(day) <= first
            assert last <= latest(day)


def test_the_better_campaign_counts_alone_and_only_where_it_applies() -> None:
    rule = PointsRule("r", "2025-01-01", 8, 100, "local-decision", "test")
    two = [campaign(150, 100), Campaign("d", "双倍", "double", "2026-10-28", "2026-11-03", 200, 100)]
    where = {"behaviour": "XI14", "category": "行", "source": "bus", "grams": 80, "spent": Spending()}
    best = award(rule, two, day="2026-10-29", **where)  # type: ignore[arg-type]
    assert (best.points, best.bonus, best.campaign) == (20, 10, "d")
    before = award(rule, two, day="2026-10-27", **where)  # type: ignore[arg-type]
    assert (before.points, before.bonus, before.campaign) == (10, 0, "")
    elsewhere = [campaign(200, 100, sources=("shop",)), campaign(200, 100, behaviours=("SH03",))]
    assert award(rule, elsewhere, day="2026-10-29", **where).bonus == 0  # type: ignore[arg-type]
    last = award(rule, [campaign(200, 3)], day="2026-10-29", **where)  # type: ignore[arg-type]
    assert (last.points, last.bonus) == (13, 3)


def test_fixed_points_take_the_place_of_grams_and_shared_caps_are_shared() -> None:
    shared = Cap("behaviour", "week", points=12, codes=("XI14", "XI16"))
    rule = PointsRule("r", "2025-01-01", 8, 100, "local-decision", "test", caps=(shared,), fixed={"XI16": 5})
    spent = Spending()
    total = []
    for code, day in (("XI16", "2026-10-26"), ("XI14", "2026-11-01"), ("SH03", "2026-11-01")):
        found = award(
            rule, (), behaviour=code, category=KINDS[code], source="s", day=day, grams=80, spent=spent
        )
        spent.add(day, code, KINDS[code], 80, found.points)
        total.append((found.points, [reason.code for reason in found.reasons]))
    assert total == [(5, []), (7, ["cap_points_behaviour_week"]), (10, [])]


def test_the_claim_window_is_counted_in_whole_days_and_off_by_default() -> None:
    rule = PointsRule("r", "2025-01-01", 8, 100, "local-decision", "test")
    assert claim_by(rule, active_from=START) is None
    assert claim_by(PointsRule("r", "2025-01-01", 8, 100, "s", "t", claim_days=7), active_from=START) == (
        START + timedelta(days=7)
    )
