"""Camellia: what is refused and what is asked, published figures, properties."""

from __future__ import annotations

import math
from datetime import date
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from camellia_rows import CAMELLIA, PERIOD, PLAIN, PLANTS, go, refusal
from hypothesis import example, given, settings
from hypothesis import strategies as st
from perennial_by_hand import plant_kg


@pytest.mark.parametrize(
    ("change", "column", "says"),
    [
        ({"former_land_use": "paddy"}, "former_land_use", "annual_crop | set_aside | native"),
        ({"stated_area_mu": 2.0}, "area_ha", "stated_area_mu / 15 ± 1 %"),
        ({"former_land_use": "wetland"}, "former_land_use", "annual_crop | set_aside | native"),
        ({"former_land_use": "forest"}, "former_land_use", "annual_crop | set_aside | native"),
        ({"planting_year": 2027}, "planting_year", "≤ 2025"),
        ({"event": "stumping", "event_year": 2010}, "event_year", "≥ planting_year"),
        ({"event": "stumping"}, "event_year", "1900 – 2100"),
        (PLANTS | {"route": "allometric", "diameter_end_cm": 1.0}, "diameter_end_cm", "1.05 – 16.8"),
        (PLANTS | {"route": "allometric", "height_end_m": 1.2}, "height_end_m", "1.45 – 11.6"),
        (
            PLANTS | {"route": "allometric", "diameter_end_cm": 16.8, "height_end_m": 11.6},
            "diameter_end_cm",
            "1.6 – 3189",
        ),
        (PLANTS | {"route": "allometric", "diameter_end_cm": 20.0}, "diameter_end_cm", "0 – 16.8"),
        (PLANTS | {"route": "allometric", "uncertainty_pct": 30.5}, "uncertainty_pct", "0 – 30"),
        ({"route": "growth_curve", "curve_form": "richards"}, "curve_max_t_per_ha", "0 – 100"),
        ({"soil_type": "loam"}, "soil_type", "hac | lac | sandy"),
    ],
)
def test_what_cannot_be_credited_is_refused_by_name(change: dict[str, Any], column: str, says: str) -> None:
    problems = [problem for problem in refusal(change).problems if problem.column == column]
    assert problems and all(problem.row == "P0" and problem.zh and problem.en for problem in problems)
    assert says in {problem.allowed for problem in problems}


def test_stocks_per_mu_taken_as_per_hectare_are_caught() -> None:
    """0.4 and 0.9 t/mu written as 15-fold t/ha of the wrong year: 18.9 t CO2e/ha/yr is no camellia."""
    row = {"route": "plot", "stock_start_t_per_ha": 6.0, "stock_end_t_per_ha": 37.4, "uncertainty_pct": 5.0}
    (problem,) = refusal(row).problems
    assert problem.column == "stock_end_t_per_ha" and problem.unit == "tCO2e/ha/yr"
    assert problem.allowed == "0 – 8" and problem.value.startswith("18.9") and "亩" in problem.zh


def test_growth_of_the_mean_plant_is_checked_in_the_same_unit() -> None:
    grown = PLANTS | {"route": "allometric", "diameter_end_cm": 11.0, "height_end_m": 3.5}
    (problem,) = refusal(grown).problems
    rise = (plant_kg(11.0, 3.5) - plant_kg(3.0, 1.6)) * 1200 / 1000
    assert float(problem.value) == pytest.approx(rise * 0.47 * 1.4 * 44 / 12 / 4, rel=1e-9)


def test_an_event_the_period_starts_within_is_refused() -> None:
    stumped = {"event": "stumping", "event_year": 2022}
    assert refusal(stumped, period=(date(2022, 3, 1), date(2025, 1, 1))).problems[0].column == "event_year"
    counted = go(stumped, period=(date(2022, 1, 1), date(2025, 1, 1)))
    assert counted.net_t < 0 and counted.warnings == ()


def test_what_is_unusual_is_asked_and_computed() -> None:
    rows: tuple[dict[str, Any], ...] = (
        {"former_land_use": "unstated"},
        {"route": "growth_curve"},
        {"area_ha": 0.03},
        PLANTS | {"route": "allometric", "diameter_at": "ground"},
        {"route": "plot", "stock_start_t_per_ha": 2.0, "stock_end_t_per_ha": 11.5, "uncertainty_pct": 5.0},
        {"event": "replanting", "event_year": 2024},
    )
    result = go(*rows, period=(date(2020, 1, 1), date(2024, 1, 1)))
    asked = {(warning.row, warning.column) for warning in result.warnings}
    assert asked == {
        ("P0", "former_land_use"), ("P1", "route"), ("P2", "area_ha"), ("P3", "diameter_at"),
        ("P4", "stock_end_t_per_ha"), ("P5", "event_year"), (None, "period"),
    }  # fmt: skip
    long = go({}, period=(date(2021, 1, 1), date(2027, 1, 1)))
    assert [warning.allowed for warning in long.warnings] == ["1 – 5"]


@pytest.mark.parametrize(
    ("change", "column", "allowed"),
    [
        ({"activity": "management", "planting_year": 2000, "event": "stumping", "event_year": 2020},
            "event_year", "≥ 2021"),
        (PLANTS | {"route": "allometric", "uncertainty_pct": 0.1}, "uncertainty_pct", "%"),
        (PLANTS | {"route": "allometric", "plants_per_ha": 90.0}, "plants_per_ha", "1125 – 1786"),
    ],
)  # fmt: skip
def test_what_looks_like_a_missing_loss_or_another_unit_is_asked(
    change: dict[str, Any], column: str, allowed: str
) -> None:
    """Regrowth whose loss is nowhere, a share for per cent, plants per mu for plants per hectare."""
    (asked,) = go(change).warnings
    assert (asked.row, asked.column, asked.allowed) == ("P0", column, allowed) and asked.zh and asked.en


def test_regrowth_is_not_asked_where_the_loss_is_booked_or_the_planting_is_new() -> None:
    event: dict[str, Any] = {"event": "stumping", "planting_year": 2000}
    booked = event | {"activity": "management", "event_year": 2021}
    assert go(booked, event | {"event_year": 2020}).warnings == ()


# --- published figures ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("d", "h", "printed"), [(6, 2, "2.08"), (8, 2.5, "4.21"), (10, 3, "7.35")])
def test_default_equation_on_orchard_plants_is_below_korean_whole_trees(
    d: float, h: float, printed: str
) -> None:
    plant = PLANTS | {"diameter_start_cm": 0.0, "height_start_m": 0.0, "plants_per_ha": 100.0}
    change = {"route": "allometric", "diameter_end_cm": float(d), "height_end_m": float(h)}
    frame = go(plant | change).frame
    kg_c = frame["stock_t2_tco2e_per_ha"].iloc[0] * 12 / 44 * 1000 / 100
    assert f"{kg_c:.2f}" == printed
    assert kg_c < {6: 2.2, 8: 5.5, 10: 11.2}[int(d)]  # JKILA 47(3), Table 5


def test_the_korean_whole_trees_follow_a_power_of_the_diameter() -> None:
    """JKILA 47(3) Table 5: 0.00721·D^3.1915 kgC through 0.6 … 20.0 kgC at 4 … 12 cm."""
    d, c = np.array([4, 6, 8, 10, 12.0]), np.array([0.6, 2.2, 5.5, 11.2, 20.0])
    slope, intercept = np.polyfit(np.log(d), np.log(c), 1)
    assert (f"{math.exp(intercept):.5f}", f"{slope:.4f}") == ("0.00721", "3.1915")


def test_the_equation_and_its_range_say_where_they_come_from() -> None:
    a = CAMELLIA.parameters.get("camellia_japonica_above_a")
    correction = math.exp(0.0601 / 2)
    assert f"{correction:.4f}" == "1.0305"
    assert a.low == pytest.approx(0.0716 / correction, abs=5e-5)
    assert a.high == pytest.approx(0.0716 / 0.89, abs=5e-5)
    for name in ("camellia_japonica_above_a", "profile_10_tc_per_ha", "stock_ceiling_tc_per_ha"):
        parameter = CAMELLIA.parameters.get(name)
        assert "proxy_species" in parameter.note and parameter.status == "local-decision"
    used = go(PLANTS | {"route": "allometric"}).blocking_parameters
    assert {"camellia_japonica_above_a", "camellia_japonica_above_b"} <= set(used)
    assert "profile_10_tc_per_ha" in go({"route": "growth_curve"}).blocking_parameters


def test_the_profile_gives_the_printed_rates() -> None:
    """张滨等 2016, Table 8: 0.64 / 0.22 / 0.17 / 0.12 / 0.07 tC/ha/yr."""
    stocks = [0.0] + [CAMELLIA.parameters.get(f"profile_{age}_tc_per_ha").low for age in (10, 20, 30, 40, 50)]
    rates = [f"{(late - early) / 10:.2f}" for early, late in pairwise(stocks)]
    assert rates == ["0.64", "0.22", "0.17", "0.12", "0.07"]


def test_stand_figures_of_the_measured_species() -> None:
    """C. gauchowensis: 12.857/26.902 = 0.478; 2.8 × 2 m = 1,786 plants/ha; 66.8 mgC/m²/h = 5.86 tC/ha/yr."""
    assert f"{12.857 / 26.902:.3f}" == "0.478" and f"{10_000 / (2.8 * 2):.0f}" == "1786"
    carbon = CAMELLIA.parameters.get("carbon_fraction")
    assert carbon.low <= 12.857 / 26.902 <= carbon.high
    assert f"{66.8e-9 * 1e4 * 24 * 365.25:.2f}" == "5.86"


# --- properties --------------------------------------------------------------------------------------------


@given(
    cut=st.integers(1, 1460),
    planted=st.integers(1990, 2020),
    event=st.integers(2014, 2024),
    form=st.sampled_from(["default", "age_profile", "richards", "logistic"]),
    activity=st.sampled_from(["new_planting", "low_yield_renovation", "management"]),
)
@example(cut=1, planted=2001, event=2022, form="default", activity="new_planting")
@example(cut=730, planted=1990, event=2024, form="age_profile", activity="management")
@settings(max_examples=15, deadline=None)
def test_periods_that_meet_add_up(cut: int, planted: int, event: int, form: str, activity: str) -> None:
    """Also across an event, as long as no period starts within its year.

    A stand that grows on above saturation before it is stumped loses what was never credited, but only if the
    cut saw it there: more monitoring may cost up to that much, and never gives more.
    """
    middle = date.fromordinal(PERIOD[0].toordinal() + cut)
    event = max(event, planted)
    if middle.year == event:
        middle = date(event, 1, 1)
    if not PERIOD[0] < middle < PERIOD[1]:
        return
    row = {"planting_year": planted, "event": "stumping", "event_year": event, "activity": activity}
    row |= {"route": "default"} if form == "default" else {
        "route": "growth_curve", "curve_form": form, "curve_max_t_per_ha": 18.0, "curve_k": 0.1,
        "curve_shape": 2.0, "curve_plots": 10, "curve_r2": 0.8,
    }  # fmt: skip
    whole = go(row).frame.iloc[0]
    first, second = (
        go(row, period=part).frame.iloc[0] for part in ((PERIOD[0], middle), (middle, PERIOD[1]))
    )
    cut_at, end = second["stock_t1_tco2e_per_ha"], second["stock_t2_tco2e_per_ha"]
    limit = max(whole["stock_t1_tco2e_per_ha"], whole["saturation_tco2e_per_ha"])
    never_credited = max(cut_at - max(limit, end), 0.0)
    expected = whole["gross_t"] - PLAIN["area_ha"] * never_credited
    assert first["gross_t"] + second["gross_t"] == pytest.approx(expected, rel=1e-9, abs=1e-9)


@given(
    d=st.lists(st.floats(1.1, 16), min_size=2, max_size=6),
    h=st.floats(1.5, 11),
)
@settings(max_examples=50, deadline=None)
def test_the_mean_plant_never_gives_more_than_the_plants(d: list[float], h: float) -> None:
    """The equation is convex in D: the allometric route on the mean diameter is conservative."""
    mean = sum(d) / len(d)
    assert plant_kg(mean, h) <= sum(plant_kg(one, h) for one in d) / len(d) * (1 + 1e-12)


@given(
    planted=st.integers(2001, 2019),
    use=st.sampled_from(["annual_crop", "set_aside", "native"]),
    cleared=st.floats(0, 3),
)
@settings(max_examples=15, deadline=None)
def test_the_break_even_nitrogen_breaks_even(planted: int, use: str, cleared: float) -> None:
    row = {"planting_year": planted, "former_land_use": use, "cleared_stock_t_per_ha": cleared}
    nitrogen = go(row).frame["n_break_even_kg_per_ha_per_year"].iloc[0]
    gross = go(row | {"n_synthetic_kg_per_ha_per_year": nitrogen}).frame["gross_t"].iloc[0]
    assert gross == pytest.approx(0, abs=1e-9) if nitrogen > 0 else gross <= 1e-9
