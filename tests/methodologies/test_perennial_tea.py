"""Tea: emissions are mandatory, a net source is said kindly, published figures, refusals, properties."""

from __future__ import annotations

from datetime import date
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from methodologies import registry
from methodologies.contract import Quantification, explain_row, run
from methodologies.errors import InvalidRows
from methodologies.tea_garden_v1.checks import ANCHOR

TEA = registry()["tea_garden_v1"]
PERIOD = (date(2021, 1, 1), date(2025, 1, 1))
PLAIN: dict[str, Any] = {
    "area_ha": 1.0,
    "activity": "new_garden",
    "planting_year": 2015,
    "route": "default",
    "former_land_use": "annual_crop",
    "cleared_stock_t_per_ha": 0.0,
    "n2o_route": "fertiliser",
    "n_synthetic_kg_per_ha_per_year": 100.0,
    "n_organic_kg_per_ha_per_year": 0.0,
    "diesel_l": 0.0,
}
PLOT = {"route": "plot", "ba_start_t_per_ha": 10.0, "ba_end_t_per_ha": 12.0, "uncertainty_pct": 8.0}


def go(
    *rows: dict[str, Any], drop: tuple[str, ...] = (), period: tuple[date, date] = PERIOD
) -> Quantification:
    frame = pd.DataFrame([PLAIN | row for row in rows], index=[f"T{n}" for n in range(len(rows))])
    return run(TEA, frame.drop(columns=list(drop)), period=period, as_of=date(2026, 1, 1))


def refusal(*rows: dict[str, Any], drop: tuple[str, ...] = ()) -> InvalidRows:
    with pytest.raises(InvalidRows) as caught:
        go(*rows, drop=drop)
    return caught.value


@pytest.mark.parametrize(
    "missing", ["n2o_route", "n_synthetic_kg_per_ha_per_year", "n_organic_kg_per_ha_per_year", "diesel_l"]
)
def test_emissions_cannot_be_left_out(missing: str) -> None:
    problems = refusal({}, drop=(missing,)).problems
    assert [(problem.row, problem.column) for problem in problems] == [("T0", missing)]


def test_a_measured_flux_must_be_given() -> None:
    assert {p.column for p in refusal({"n2o_route": "measured"}).problems} == {"n2o_n_kg_per_ha_per_year"}


def test_records_of_the_baseline_must_be_complete() -> None:
    existing = {"activity": "existing_garden", "baseline_n_record": "records"}
    assert {p.column for p in refusal(existing).problems} == {
        "baseline_n_synthetic_kg_per_ha_per_year", "baseline_n_organic_kg_per_ha_per_year",
    }  # fmt: skip


def test_a_net_source_is_said_kindly_and_kept_whole() -> None:
    result = go({"n_synthetic_kg_per_ha_per_year": 400.0}, {})
    source, sink = result.frame["net_t"]
    assert source < 0 < sink
    said = [warning for warning in result.warnings if warning.column == "net_t"]
    assert [warning.row for warning in said] == ["T0"] and said[0].severity == "review"
    assert "很常见" in said[0].zh and "不代表管理不好" in said[0].zh and "nobody's fault" in said[0].en
    assert source == result.frame.loc["T0", "gross_t"]
    last = explain_row(TEA, result, "T0")[-1]
    assert "并不说明管理不好" in last.meaning_zh and "says nothing against the grower" in last.meaning_en


def test_an_average_garden_is_a_net_source() -> None:
    """9.55 kg N2O-N (3.977 tCO2e) against 0.95 tC (3.483 tCO2e): −0.49 tCO2e/ha/yr."""
    result = go({"n2o_route": "national_mean"}, period=(date(2021, 1, 1), date(2022, 1, 1)))
    assert f"{result.net_t:.2f}" == "-0.49"


def test_figures_of_the_sources() -> None:
    assert f"{ANCHOR:.3f}" == "3.247" and f"{ANCHOR / 15:.3f}" == "0.216"  # Xiamen, 3,357 t
    permanent = TEA.parameters.get("permanent_stock_tc_per_ha").values[0].value
    assert permanent == 14.0 + 12.5 and f"{permanent * 44 / 12:.1f}" == "97.2"
    assert f"{12.5 / (4.81 + 14.0):.3f}" == "0.665" and f"{4.81 + 14.0 + 12.5:.1f}" == "31.3"
    assert f"{(4.81 + 14.0) / 0.47:.1f}" == "40.0" and f"{12.5 / 0.47:.1f}" == "26.6"
    mean = TEA.parameters.get("national_mean_n2o_n")
    assert (mean.low, mean.values[0].value, mean.high) == (7.54, 9.55, 11.9)
    adult = TEA.parameters.get("accrual_adult_tc_per_ha_per_year")
    assert (adult.low, adult.high) == (0.90, 1.00)


def test_the_general_factor_of_nitrogen_is_never_used_for_tea() -> None:
    factor = TEA.parameters.get("ef1_tea")
    assert factor.low == 0.028 == factor.values[0].value and factor.high == 0.059
    assert not [name for name in TEA.parameters.parameters if name.startswith("ef1_") and name != "ef1_tea"]


@pytest.mark.parametrize(
    ("change", "column"),
    [
        ({"former_land_use": "paddy"}, "former_land_use"),
        ({"planting_year": 2030}, "planting_year"),
        (PLOT | {"uncertainty_pct": 30.01}, "uncertainty_pct"),
        (PLOT | {"ba_end_t_per_ha": 59.0}, "ba_end_t_per_ha"),  # faster than any published garden
        (PLOT | {"ba_end_t_per_ha": 61.0}, "ba_end_t_per_ha"),
        ({"event": "stumping", "event_year": 2009}, "event_year"),
        ({"soil_route": "measured"}, "soc_change_tc_per_ha"),
    ],
)
def test_what_cannot_be_credited_is_refused_by_name(change: dict[str, Any], column: str) -> None:
    problems = [problem for problem in refusal(change).problems if problem.column == column]
    assert problems and all(p.row == "T0" and p.allowed and p.zh and p.en for p in problems)


@pytest.mark.parametrize(
    ("change", "column"),
    [
        (PLOT | {"planting_year": 1994}, "planting_year"),
        (PLOT | {"ba_start_t_per_ha": 41.0, "ba_end_t_per_ha": 41.0}, "ba_end_t_per_ha"),
        (PLOT | {"ba_start_t_per_ha": 3.0, "ba_end_t_per_ha": 4.0}, "ba_start_t_per_ha"),
        (PLOT | {"pruning_age_start_years": 1.0, "pruning_age_end_years": 4.0}, "pruning_age_end_years"),
        (
            {"soil_route": "measured", "soc_change_tc_per_ha": 1.0, "soc_half_width_tc_per_ha": 0.4},
            "soil_route",
        ),
        ({"n2o_route": "national_mean"}, "n2o_route"),
        ({"planting_year": 2018}, "route"),
        ({"former_land_use": "unstated"}, "former_land_use"),
    ],
)
def test_what_is_unusual_is_asked_and_computed(change: dict[str, Any], column: str) -> None:
    assert column in {warning.column for warning in go(change).warnings}


def test_limits_themselves_are_not_unusual() -> None:
    """25 years of age, Ba of 40, pruning ages less than a year apart."""
    row = PLOT | {"planting_year": 1999, "ba_start_t_per_ha": 40.0, "ba_end_t_per_ha": 40.0}
    row |= {"pruning_age_start_years": 2.0, "pruning_age_end_years": 2.9}
    assert {warning.column for warning in go(row).warnings} <= {"net_t"}
    older = go(row | {"planting_year": 1998, "pruning_age_end_years": 3.0})
    assert {"planting_year", "pruning_age_end_years"} <= {warning.column for warning in older.warnings}


def test_without_records_an_existing_garden_deducts_everything() -> None:
    existing = {"activity": "existing_garden"}
    bare, new = go(existing | {"baseline_n_record": "none"}), go({})
    assert bare.frame["e_fert_t"].iloc[0] == new.frame["e_fert_t"].iloc[0] > 0
    nitrogen = {
        "baseline_n_synthetic_kg_per_ha_per_year": 100.0,
        "baseline_n_organic_kg_per_ha_per_year": 0.0,
    }
    same = go(existing | {"baseline_n_record": "records"} | nitrogen)
    assert same.frame["e_fert_t"].iloc[0] == 0
    # A new garden has no baseline nitrogen, whatever is written in the columns.
    assert go({"baseline_n_record": "records"} | nitrogen).frame["be_n2o_kg"].iloc[0] == 0


def test_an_existing_garden_gains_nothing_by_the_default_curve() -> None:
    result = go({"activity": "existing_garden", "n_synthetic_kg_per_ha_per_year": 0.0})
    assert result.frame["gross_t"].iloc[0] == 0 and result.totals["bsl_t"] > 0


def test_roots_jump_at_three_years_and_not_elsewhere() -> None:
    years = [(date(2020, 1, 1), date(2021, 1, 1)), (date(2019, 12, 31), date(2021, 1, 1))]
    row = PLOT | {"planting_year": 2016, "ba_start_t_per_ha": 5.0, "ba_end_t_per_ha": 5.0}
    first = [go(row, period=period).frame["bb_start_t_per_ha"].iloc[0] for period in years]
    assert first == pytest.approx([0.013 * 25 - 0.087 * 5 + 3.269, 0.665 * 5 - 0.217], rel=1e-12)


@given(
    nitrogen=st.floats(0, 1500), more=st.floats(0, 500), planted=st.integers(1990, 2020), cake=st.booleans()
)
@settings(max_examples=15, deadline=None)
def test_more_nitrogen_never_helps(nitrogen: float, more: float, planted: int, cake: bool) -> None:
    kind = "n_oilcake_kg_per_ha_per_year" if cake else "n_synthetic_kg_per_ha_per_year"
    low, high = (
        go({"planting_year": planted, kind: amount}).net_t
        for amount in (min(nitrogen, 1000.0), min(nitrogen + more, 1500.0))
    )
    assert high <= low + 1e-9


@given(planted=st.integers(1985, 2019), use=st.sampled_from(["annual_crop", "set_aside", "native"]))
@settings(max_examples=15, deadline=None)
def test_the_break_even_nitrogen_breaks_even(planted: int, use: str) -> None:
    row = {"planting_year": planted, "former_land_use": use}
    nitrogen = go(row).frame["n_break_even_kg_per_ha_per_year"].iloc[0]
    if 0 < nitrogen <= 1500:
        gross = go(row | {"n_synthetic_kg_per_ha_per_year": nitrogen}).frame["gross_t"].iloc[0]
        assert gross == pytest.approx(0, abs=1e-9)


def test_a_change_of_the_root_relation_within_the_period_is_asked() -> None:
    """Ba 2 at both dates: Bb 1.113 below 3 years, 3.147 from 3 years on; nothing has grown above ground."""
    still = PLOT | {"ba_start_t_per_ha": 2.0, "ba_end_t_per_ha": 2.0}
    crossing = go(still | {"planting_year": 2018})
    assert crossing.frame["bb_start_t_per_ha"].iloc[0] == pytest.approx(1.113)
    assert crossing.frame["bb_end_t_per_ha"].iloc[0] == pytest.approx(3.147)
    asked = {(warning.column, warning.allowed) for warning in crossing.warnings}
    assert ("planting_year", "one form at both dates") in asked
    for planted in (2017, 2022):
        allowed = {warning.allowed for warning in go(still | {"planting_year": planted}).warnings}
        assert "one form at both dates" not in allowed


def test_regrowth_of_an_existing_garden_is_asked_for_its_loss() -> None:
    """Stumped in the year before the period: 4.5 tC/ha/yr of regrowth, and the loss is in no figure here."""
    row = {"activity": "existing_garden", "planting_year": 2000, "event": "stumping", "event_year": 2020}
    result = go(row)
    assert result.totals["delta_c_t"] == pytest.approx(66.0) and result.totals["bsl_t"] == 0
    assert "event_year" in {warning.column for warning in result.warnings}
    assert "event_year" not in {warning.column for warning in go(row | {"event_year": 2021}).warnings}


@given(cut=st.integers(1, 1460), planted=st.integers(1995, 2020), event=st.integers(2021, 2024))
@settings(max_examples=15, deadline=None)
def test_periods_that_meet_add_up(cut: int, planted: int, event: int) -> None:
    middle = date.fromordinal(PERIOD[0].toordinal() + cut)
    if middle.year == event:
        middle = date(event, 1, 1)
    if not PERIOD[0] < middle < PERIOD[1]:
        return
    row = {"planting_year": planted, "event": "replanting", "event_year": event}
    whole = go(row).totals["gross_t"]
    parts = [go(row, period=part).totals["gross_t"] for part in ((PERIOD[0], middle), (middle, PERIOD[1]))]
    assert sum(parts) == pytest.approx(whole, rel=1e-9, abs=1e-9)
