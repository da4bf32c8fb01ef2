"""Rules of acts and points: caps, grades, time, overlap, plausibility; and what the data files promise."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carbon_platform.citizens import catalogue, rules
from carbon_platform.citizens.errors import ActInFuture, ActTooOld
from carbon_platform.citizens.rules import Caps, Journey, PointsRule, Used, Verdict

NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
RULE = PointsRule("r1", "2025-01-01", 8, 100, "local-decision", "test")
STATUSES = {"verified", "secondary", "unverified", "illustrative", "local-decision"}
CAPS = Caps("公里", "km", day_acts=5, day_milli=10_000, month_milli=25_000, day_g=296)


def fold(claims: list[int], caps: Caps, p_per_unit: int, c_per_unit: int) -> tuple[list[Verdict], Used]:
    """A person's one day, act by act, the way the service does it."""
    used, verdicts = Used(), []
    for claimed in claims:
        counted, reason = rules.countable_milli(claimed, caps, used)
        verdict = rules.settle(
            claimed_milli=claimed,
            counted_milli=counted,
            quantity_reason=reason,
            points_g=counted * p_per_unit // 1000,
            creditable_g=counted * c_per_unit // 1000,
            caps=caps,
            used=used,
            rule=RULE,
        )
        verdicts.append(verdict)
        used = Used(
            day_acts=used.day_acts + (verdict.counted_milli > 0),
            day_milli=used.day_milli + verdict.counted_milli,
            month_milli=used.month_milli + verdict.counted_milli,
            day_g=used.day_g + verdict.reduction_g,
            day_points=used.day_points + verdict.points,
        )
    return verdicts, used


claims = st.lists(st.integers(1, 15_000), max_size=12)


@given(claims, st.integers(0, 400), st.integers(0, 400))
def test_no_day_passes_any_cap_and_the_creditable_grade_never_exceeds_the_other(
    claimed: list[int], p: int, c: int
) -> None:
    verdicts, used = fold(claimed, CAPS, p, c)
    assert used.day_acts <= 5
    assert used.day_milli <= 10_000
    assert used.day_g <= 296
    assert used.day_points <= 100
    for claim, verdict in zip(claimed, verdicts, strict=True):
        assert 0 <= verdict.creditable_g <= verdict.reduction_g
        assert 0 <= verdict.counted_milli <= claim
        assert verdict.points <= verdict.reduction_g // 8
        whole = verdict.counted_milli == claim and verdict.reduction_g == claim * p // 1000
        if not verdict.reasons:
            assert whole
            assert verdict.points == verdict.reduction_g // 8
        assert all(reason.zh and reason.en for reason in verdict.reasons)


@given(st.lists(st.integers(1, 6), max_size=5), st.integers(1, 12))
def test_whatever_the_order_the_same_amount_counts(quantities: list[int], cap: int) -> None:
    caps = Caps("餐", "meal", day_milli=cap * 1000)
    totals = {
        fold([quantity * 1000 for quantity in order], caps, 70, 0)[1].day_milli
        for order in itertools.permutations(quantities)
    }
    assert totals == {min(cap, sum(quantities)) * 1000}


def test_the_seventh_ride_is_kept_with_a_reason() -> None:
    verdicts, used = fold([1000] * 7, Caps("次", "ride", day_milli=6000), 80, 80)
    assert [verdict.status for verdict in verdicts] == [rules.COUNTED] * 6 + [rules.NOT_COUNTED]
    assert used.day_g == 480
    assert verdicts[-1].reasons[0].code == "cap_day"
    assert "每天最多计 6 次" in verdicts[-1].reasons[0].zh


def test_the_month_cap_cuts_the_last_record() -> None:
    counted, reason = rules.countable_milli(
        3000, Caps("笔", "bill", month_milli=10_000), Used(month_milli=9000)
    )
    assert counted == 1000
    assert reason is not None
    assert reason.code == "cap_month"


def test_a_gram_cap_takes_both_grades_in_proportion() -> None:
    verdict = rules.settle(
        claimed_milli=10_000, counted_milli=10_000, quantity_reason=None, points_g=400, creditable_g=100,
        caps=Caps("公里", "km", day_g=296), used=Used(day_g=96), rule=RULE,
    )  # fmt: skip
    assert (verdict.reduction_g, verdict.creditable_g, verdict.points) == (200, 50, 25)
    assert verdict.status == rules.PARTLY


def test_points_of_a_day_are_capped_but_its_grams_are_kept() -> None:
    verdict = rules.settle(
        claimed_milli=1000, counted_milli=1000, quantity_reason=None, points_g=80, creditable_g=80,
        caps=Caps("次", "ride"), used=Used(day_points=95), rule=RULE,
    )  # fmt: skip
    assert (verdict.reduction_g, verdict.points, verdict.status) == (80, 5, rules.PARTLY)


@given(st.floats(0, 1e9, allow_nan=False), st.sampled_from([50, 100, 37]))
def test_grams_are_floored_once(raw: float, percent: int) -> None:
    grams = rules.graded_g(raw, percent)
    exact = Fraction(raw) * percent / 100
    assert 0 <= grams <= exact + Fraction(1, 10**9)
    assert grams > exact - 1


@pytest.mark.parametrize(("raw", "grams"), [(80.0, 80), (79.999, 79), (3.2 * 77, 246), (1.1 * 10 * 7, 77)])
def test_floating_noise_costs_nobody_a_gram(raw: float, grams: int) -> None:
    assert rules.graded_g(raw, 100) == grams


def journey(start_s: int, length_s: int) -> Journey:
    starts_at = NOW + timedelta(seconds=start_s)
    return Journey(1, "公交", "bus", starts_at, starts_at + timedelta(seconds=length_s))


@pytest.mark.parametrize(
    ("start_s", "length_s", "meets"),
    [
        (0, 600, True),
        (480, 600, False),
        (479, 600, True),
        (-600, 720, False),
        (-600, 721, True),
        (600, 60, False),
    ],
)
def test_more_than_two_shared_minutes_are_one_journey(start_s: int, length_s: int, meets: bool) -> None:
    found = rules.overlapping(NOW, NOW + timedelta(seconds=600), [journey(start_s, length_s)])
    assert (found is not None) is meets


@given(st.integers(-2000, 2000), st.integers(0, 2000), st.integers(-2000, 2000), st.integers(0, 2000))
def test_overlap_is_mutual(start_a: int, length_a: int, start_b: int, length_b: int) -> None:
    a, b = journey(start_a, length_a), journey(start_b, length_b)
    a_meets_b = rules.overlapping(a.starts_at, a.ends_at, [b])
    b_meets_a = rules.overlapping(b.starts_at, b.ends_at, [a])
    assert (a_meets_b is None) == (b_meets_a is None)


def test_only_the_last_31_days_and_nothing_to_come() -> None:
    month = timedelta(days=31)
    rules.check_time(NOW - month, NOW - month, NOW)
    rules.check_time(NOW, NOW, NOW)
    with pytest.raises(ActTooOld):
        rules.check_time(NOW - month - timedelta(seconds=1), NOW, NOW)
    with pytest.raises(ActInFuture):
        rules.check_time(NOW, NOW + timedelta(seconds=1), NOW)


@pytest.mark.parametrize(
    ("distance_m", "duration_s", "code"),
    [
        (None, None, None),
        (199, None, "too_short"),
        (200, None, None),
        (100_000, None, None),
        (100_001, None, "too_long"),
        (8_000, 360, None),  # exactly 80 km/h
        (8_001, 360, "too_fast"),
    ],
)
def test_implausible_trips_are_named(
    distance_m: int | None, duration_s: int | None, code: str | None
) -> None:
    reason = rules.implausible(distance_m, duration_s, 80)
    assert (reason.code if reason else None) == code


def test_days_are_xinyang_days() -> None:
    assert rules.local_day(datetime(2026, 11, 21, 15, 59, 59, tzinfo=UTC)) == "2026-11-21"
    assert rules.local_day(datetime(2026, 11, 21, 16, 0, tzinfo=UTC)) == "2026-11-22"
    assert rules.next_month("2026-11-22") == "2026-12-01"
    assert rules.next_month("2026-12-31") == "2027-01-01"


def test_words_for_people() -> None:
    assert rules.milli_text(3200) == "3.2"
    assert rules.milli_text(6000) == "6"
    assert rules.worth_fen(80, 8000) == "0.6"  # 80 g at ¥80/t is 0.64 fen
    assert rules.voucher_text("ABCDEFGHIJKLMNOP") == "XY-ABCD-EFGH-IJKL-MNOP"


def test_every_source_has_a_consent_text_and_behaviours_the_methodology_knows() -> None:
    for source in catalogue.sources().values():
        text = catalogue.consent_texts()[source.code, catalogue.ACTS_PURPOSE]
        assert text.zh
        assert text.en
        assert source.status in STATUSES
        assert source.source
        offered = catalogue.offered_by(source)
        known = catalogue.behaviours()
        assert [b.code for b in offered] == [
            c for c in source.behaviours if not known[c].pending or (source.local and known[c].local_extra)
        ]
        for behaviour in offered:
            assert not behaviour.pending or source.local, behaviour.code
            assert behaviour.category_zh != catalogue.TRAVEL or catalogue.speed_max_kmh(behaviour.code)


def test_what_a_person_only_says_is_never_creditable() -> None:
    own = catalogue.sources()["self"]
    assert not own.creditable
    assert own.evidence_percent == 50


def test_every_number_of_the_data_files_carries_source_and_status() -> None:
    for rule in catalogue.points_rules():
        assert rule.status in STATUSES
        assert rule.source
    price = catalogue.reference_price()
    assert price["status"] in STATUSES
    assert all(row["status"] in STATUSES and row["source"] for row in catalogue.reward_rows())
    assert catalogue.act_settings()["speed_max_kmh"]["status"] in STATUSES
    # Eighty grams of one bus ride are ten points, as a ride by code earns in Zhengzhou.
    assert 80 // catalogue.points_rules()[0].grams_per_point == 10
