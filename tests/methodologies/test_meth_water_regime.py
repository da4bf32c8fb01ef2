"""The water-regime classifier on written-out records."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from methodologies.ratoon_rice_v1.water_regime import classify_water_regime

PLANTED = date(2025, 4, 20)


def classify(record: str, dry_cm: float = -8.0) -> object:
    """``W`` flooded 4 cm, ``D`` dry, ``0`` level exactly 0, ``?`` a reading missing; one letter a day."""
    levels = {"W": 4.0, "D": dry_cm, "0": 0.0, "?": float("nan")}
    days = [PLANTED + timedelta(days=n) for n in range(len(record))]
    return classify_water_regime(days, [levels[c] for c in record], planted=PLANTED, drained=days[-1])


@pytest.mark.parametrize(
    ("record", "regime", "events"),
    [
        ("W" * 40, "continuous", 0),
        ("W" * 20 + "DDD" + "W" * 20, "continuous", 0),
        ("W" * 20 + "DDDD" + "W" * 20, "single", 1),
        ("W" * 20 + "0000" + "W" * 20, "single", 1),
        ("W" * 20 + "DDDD" + "WW" + "DDDD" + "W" * 10, "multiple", 2),
        ("W" * 20 + "DDDD" + "W" + "DDDD" + "W" * 10, "single", 1),
        ("W" * 20 + "DD" + "W" + "DD" + "W" * 10, "continuous", 0),
        ("W" * 20 + "DDDD" + "W" + "DD" + "W" + "DDDD" + "WW", "multiple", 2),
        ("W" * 20 + "DDDD" + "W" * 10 + "D" * 12, "single", 1),
        ("W" * 20 + "DDDD" + "W" + "D" * 12, "continuous", 0),
        ("W" * 20 + "DDDD" + "W" + "DD", "continuous", 0),
        ("D" * 6 + "W" * 30, "continuous", 0),
        ("W" * 20 + "DD?DD" + "W" * 10, "unknown", 0),
        ("W" * 20 + "DD?DD" + "W" * 10 + "DDDDD" + "WW", "single", 1),
        ("W" * 10 + "?" * 7 + "W" * 10, "continuous", 0),
        ("W" * 10 + "?" * 8 + "W" * 10, "unknown", 0),
        ("W" * 20 + "DDDD" + "W" * 10 + "D?D?", "single", 1),
        ("?" * 30, "unknown", 0),
        ("D" * 30, "unknown", 0),
    ],
)
def test_records(record: str, regime: str, events: int) -> None:
    found = classify(record)
    assert (found.regime, len(found.events)) == (regime, events)  # type: ignore[attr-defined]


def test_an_event_says_when_and_how_deep() -> None:
    found = classify("W" * 25 + "DDDDD" + "W" * 10)
    (event,) = found.events  # type: ignore[attr-defined]
    assert event.start == PLANTED + timedelta(days=25) and event.end == PLANTED + timedelta(days=29)
    assert (event.level_min_cm, event.shallow, event.yield_risk, event.early) == (-8.0, True, False, False)


@pytest.mark.parametrize(
    ("depth", "shallow", "risk"),
    [(-9.9, True, False), (-10.0, False, False), (-15.0, False, False), (-15.1, False, True)],
)
def test_depth_flags(depth: float, shallow: bool, risk: bool) -> None:
    (event,) = classify("W" * 5 + "DDDD" + "W" * 5, depth).events  # type: ignore[attr-defined]
    assert (event.shallow, event.yield_risk, event.early) == (shallow, risk, True)


def test_a_gap_leaves_its_event_unproven() -> None:
    found = classify("W" * 20 + "DD?DD" + "W" * 10)
    assert found.unproven == ((PLANTED + timedelta(days=20), PLANTED + timedelta(days=24)),)  # type: ignore[attr-defined]
    assert not found.complete  # type: ignore[attr-defined]


def test_days_outside_the_season_are_ignored_and_order_does_not_matter() -> None:
    days = [PLANTED + timedelta(days=n) for n in range(-10, 60)]
    levels = [-5.0 if n < 0 or 20 <= n < 26 or n >= 40 else 3.0 for n in range(-10, 60)]
    drained = PLANTED + timedelta(days=45)
    straight = classify_water_regime(days, levels, planted=PLANTED, drained=drained)
    backward = classify_water_regime(days[::-1], np.array(levels[::-1]), planted=PLANTED, drained=drained)
    assert straight == backward and straight.regime == "single"


@given(st.text(alphabet="WD0?", min_size=2, max_size=60))
def test_more_flooding_never_finds_more_events(record: str) -> None:
    """Flooding a day that was part of no event (or reading a missing one as flooded) may only lose events."""
    events = classify(record).events  # type: ignore[attr-defined]
    for event in events:
        inside = record[(event.start - PLANTED).days : (event.end - PLANTED).days + 1]
        assert "?" not in inside and sum(letter != "W" for letter in inside) >= 4
        assert (event.end - PLANTED).days < len(record) - 1
    filled = classify(record.replace("?", "W"))
    assert filled.regime != "unknown" or "W" not in record.replace("?", "W")  # type: ignore[attr-defined]


@pytest.mark.parametrize("fault", ["number", "twice", "season"])
def test_a_record_that_makes_no_sense_is_refused(fault: str) -> None:
    days = [PLANTED, PLANTED + timedelta(days=1)]
    levels = [1.0, 1.0]
    drained = PLANTED + timedelta(days=5)
    if fault == "number":
        levels = [1.0]
    elif fault == "twice":
        days = [PLANTED, PLANTED]
    else:
        drained = PLANTED
    with pytest.raises(ValueError, match=r"give one|not after planting"):
        classify_water_regime(days, levels, planted=PLANTED, drained=drained)
