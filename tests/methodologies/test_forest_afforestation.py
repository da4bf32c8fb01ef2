"""``ccer_afforestation_v1``: who may join, which periods count, what is refused, what may never issue."""

from __future__ import annotations

from datetime import date
from typing import Any

import pandas as pd
import pytest

from methodologies import registry
from methodologies.ccer_afforestation_v1.applicability import CONDITIONS
from methodologies.ccer_afforestation_v1.groups import COUNTIES, KEY_ZONE_COUNTIES
from methodologies.contract import InvalidRows, Quantification, decimal_year, explain_row, run

KEY = "ccer_afforestation_v1"
PERIOD = (date(2021, 1, 1), date(2026, 1, 1))
AS_OF = date(2026, 1, 1)


def rows(**change: Any) -> pd.DataFrame:
    """The first parcel of the example, changed."""
    return registry()[KEY].example().frame.iloc[[0]].assign(**change)


def calculate(frame: pd.DataFrame, period: tuple[date, date] = PERIOD) -> Quantification:
    return run(registry()[KEY], frame, period=period, as_of=AS_OF)


def refusal(period: tuple[date, date] = PERIOD, **change: Any) -> Any:
    with pytest.raises(InvalidRows) as caught:
        calculate(rows(**change), period)
    assert caught.value.count == 1, caught.value.errors
    return caught.value.problems[0]


def warnings(period: tuple[date, date] = PERIOD, **change: Any) -> list[Any]:
    return list(calculate(rows(**change), period).warnings)


@pytest.mark.parametrize(
    ("code", "change", "column"),
    [
        ("A0", {"forest_category": "economic"}, "forest_category"),
        ("A0", {"forest_category": "energy"}, "forest_category"),
        ("A0", {"site": "corridor_greening"}, "forest_category"),
        ("A0", {"site": "urban_village_mining_greening"}, "forest_category"),
        ("A1", {"not_forest_years": 2.99}, "not_forest_years"),
        ("A1", {"regeneration": True}, "not_forest_years"),
        ("A2", {"tenure_clear": False}, "tenure_clear"),
        ("A3", {"continuous_area_ha": 0.0399, "registered_area_ha": 0.03, "area_ha": 0.03,
            "project_start_date": "2020-01-01", "crediting_start_date": "2020-01-01"}, "continuous_area_ha"),
        ("A3", {"continuous_area_ha": 0.0666, "registered_area_ha": 0.06, "area_ha": 0.06,
            "project_start_date": "2019-12-31", "crediting_start_date": "2020-01-01"}, "continuous_area_ha"),
        ("A4", {"wetland": True}, "wetland"),
        ("A5", {"shrub_removed_pct": 20.01}, "shrub_removed_pct"),
        ("A5", {"scattered_trees_kept": False}, "shrub_removed_pct"),
        ("A6", {"repeated_disturbance": True}, "repeated_disturbance"),
        ("A7", {"burning": True}, "burning"),
        ("A8", {"agriculture_displaced": True}, "agriculture_displaced"),
        ("A9", {"lawful": False}, "project_start_date"),
        ("A9", {"project_start_date": "2012-11-08"}, "project_start_date"),
    ],
)  # fmt: skip
def test_each_condition_refuses_by_name_and_clause(code: str, change: dict[str, Any], column: str) -> None:
    problem = refusal(**change)
    assert problem.column == column and problem.row == "示例-1" and problem.allowed
    assert f"condition {code}" in problem.en and f"适用条件 {code}" in problem.zh
    assert ("管理办法" if code == "A9" else "第 2 条") in problem.zh


@pytest.mark.parametrize(
    "change",
    [
        {"not_forest_years": 3.0},
        {"shrub_removed_pct": 20.0},
        {"project_start_date": "2012-11-09"},
        {"continuous_area_ha": 0.04, "registered_area_ha": 0.04, "area_ha": 0.04,
            "project_start_date": "2020-01-01", "crediting_start_date": "2020-01-01"},
        {"continuous_area_ha": 0.0667, "registered_area_ha": 0.0667, "area_ha": 0.0667,
            "project_start_date": "2019-12-31", "crediting_start_date": "2020-01-01"},
    ],
)  # fmt: skip
def test_the_limits_themselves_are_admitted(change: dict[str, Any]) -> None:
    result = calculate(rows(**change))
    assert (result.frame["eligible"] == 1).all() and not result.warnings


def test_economic_forest_is_told_where_to_go() -> None:
    problem = refusal(forest_category="economic")
    assert problem.value == "economic"
    assert "经济林" in problem.zh and "油茶" in problem.zh and "碳普惠" in problem.zh
    assert "economic forest" in problem.en and "camellia or tea methodology" in problem.en


def test_conditions_stand_in_the_result_and_in_its_explanation() -> None:
    result = calculate(rows())
    steps = {step.name: step for step in explain_row(registry()[KEY], result, "示例-1")}
    assert [condition.code for condition in CONDITIONS] == [f"A{n}" for n in range(10)]
    for condition in CONDITIONS:
        step = steps[condition.step_name]
        assert step.value == 1 and step.equation_no == condition.code and step.source == condition.clause
    assert {condition.status for condition in CONDITIONS} == {"secondary", "verified"}


def test_unverified_parameters_keep_it_from_issuing() -> None:
    result = calculate(rows())
    assert not result.issuable
    assert {"k_risk", "baseline_tco2e_per_ha_per_year", "area_tolerance"} < set(result.blocking_parameters)
    table = registry()[KEY].parameters
    species = [
        p for p in table if p.name.startswith(("d_", "bef_", "r_", "cf_")) and "species table" in p.page
    ]
    assert len(species) == 56 and {p.status for p in species} == {"unverified"}
    assert table.get("k_risk").values[0].value == 0.10 and table.get("k_risk").status == "unverified"
    assert {p.status for p in table} == {"secondary", "unverified"}


@pytest.mark.parametrize(
    ("end", "admitted"),
    [("2038-03-11", False), ("2038-03-12", True), ("2058-03-12", True), ("2058-03-13", False)],
)
def test_crediting_period_of_twenty_to_forty_years(end: str, admitted: bool) -> None:
    if admitted:
        assert calculate(rows(crediting_end_date=end)).net_t > 0
    else:
        problem = refusal(crediting_end_date=end)
        assert problem.column == "crediting_end_date" and problem.value == end
        assert "first day after" in problem.en and "期满后的第一天" in problem.zh


@pytest.mark.parametrize(("mu", "admitted"), [(321.0, True), (323.5, True), (326.0, False), (21.4, False)])
def test_hectares_agree_with_the_mu_of_the_certificate(mu: float, admitted: bool) -> None:
    """21.4 ha are 321 mu; 宣恩 states 22,200 mu (1,480 ha) and 1,595.4 ha for one project."""
    if admitted:
        assert calculate(rows(stated_area_mu=mu)).net_t > 0
    else:
        problem = refusal(stated_area_mu=mu)
        assert (problem.column, problem.allowed) == ("registered_area_ha", "stated_area_mu / 15 ± 1 %")


def test_a_sampling_error_that_looks_like_a_share_is_asked() -> None:
    (asked,) = warnings(uncertainty_pct=0.135)
    assert asked.column == "uncertainty_pct" and "0.1" in asked.en


def test_the_monitoring_period_lies_inside_the_crediting_period() -> None:
    assert refusal(crediting_start_date="2021-01-02").column == "crediting_start_date"
    assert calculate(rows(crediting_start_date="2021-01-01")).net_t > 0
    late = refusal((date(2044, 1, 1), date(2048, 3, 13)))
    assert "2048-03-13" in late.zh
    (warning,) = warnings(project_start_date="2018-03-13")
    assert warning.column == "crediting_start_date"
    assert refusal(planting_year=2027).column == "planting_year"


def test_the_five_year_window_warns() -> None:
    (long,) = warnings((date(2021, 1, 1), date(2026, 1, 2)))
    assert long.column == "period" and long.allowed == "≤ 5"
    (early,) = warnings((date(2020, 9, 21), date(2024, 1, 1)))
    assert early.allowed == "≥ 2020-09-22" and "第十七条" in early.zh
    assert not warnings((date(2020, 9, 22), date(2024, 1, 1)))


def test_key_ecological_zones_of_xinyang() -> None:
    """新县, 商城, 浉河, 罗山 and 光山; public-welfare forest is exempt everywhere."""
    assert [COUNTIES[code][0] for code in KEY_ZONE_COUNTIES] == [
        "浉河区",
        "罗山县",
        "光山县",
        "新县",
        "商城县",
    ]
    for code in COUNTIES:
        if code in KEY_ZONE_COUNTIES:
            assert calculate(rows(county=code)).net_t > 0
        else:
            assert refusal(county=code).column == "county"
            assert calculate(rows(county=code, additionality="public_welfare_forest")).net_t > 0
    assert refusal(additionality="low_precipitation").column == "additionality"
    assert calculate(rows(additionality="low_precipitation", county="other")).net_t > 0
    (timber,) = warnings(additionality="public_welfare_forest", forest_category="timber")
    assert timber.column == "additionality"


@pytest.mark.parametrize(
    ("change", "column"),
    [
        ({"uncertainty_pct": 30.001}, "uncertainty_pct"),
        ({"root_route": "ar_tool14"}, "root_route"),
        ({"tree_route": "volume_bcef", "volume_start_m3_per_ha": 1.0, "volume_end_m3_per_ha": 2.0,
            "bcef_class": "pine"}, "root_route"),
        ({"root_route": "temperate_oak", "bgb_start_t_per_ha": 0.0, "bgb_end_t_per_ha": 0.0}, "root_route"),
        ({"land_use_before": "paddy"}, "land_use_before"),
        ({"burned_ha": 21.31}, "burned_ha"),
        ({"shrub_cover_end": 0.3}, "regional_forest_t_per_ha"),
        ({"shrub_cover_end": 30.0, "regional_forest_t_per_ha": 60.0}, "shrub_cover_end"),
        ({"registered_area_ha": 321.0}, "registered_area_ha"),
        ({"agb_end_t_per_ha": None}, "agb_end_t_per_ha"),
        ({"tree_route": "volume_slope", "root_route": "ar_tool14", "species": "sweetgum",
            "volume_start_m3_per_ha": 30.0, "volume_end_m3_per_ha": 31.0, "pool_dead_wood": False},
            "species"),
        ({"tree_route": "volume_slope", "root_route": "ar_tool14", "species": "oak",
            "volume_start_m3_per_ha": 30.0, "volume_end_m3_per_ha": 31.0}, "tree_route"),
    ],
)  # fmt: skip
def test_bad_input_is_named(change: dict[str, Any], column: str) -> None:
    problem = refusal(**change)
    assert problem.column == column and problem.allowed and problem.zh and problem.en


def test_roots_are_never_counted_twice() -> None:
    assert "twice" in refusal(root_route="subtropical_asia").en


def test_the_boundary_can_only_shrink() -> None:
    (warning,) = warnings(area_ha=22.5, continuous_area_ha=30.0)
    assert warning.column == "area_ha"
    assert not warnings(area_ha=22.4, continuous_area_ha=30.0)


def test_parcels_are_compared_with_their_stratum() -> None:
    """The published 宣恩 project: 22,200 mu are 1,480 ha, 1,595.4 ha are stated."""
    area = 22_200 / 15
    assert area == 1480
    same = {"area_ha": area, "registered_area_ha": area, "continuous_area_ha": area}
    (warning,) = warnings(**same, stratum_area_ha=1595.4)
    assert warning.column == "stratum_area_ha" and warning.value == "1595.4"
    assert not warnings(**same, stratum_area_ha=1494.8)


def growth(rate: float) -> dict[str, Any]:
    """Above-ground growth in five years that makes this rate, tCO2e/ha/yr."""
    rise = rate * 5 / (44 / 12 * 0.47)
    start = {"agb_start_t_per_ha": 0.0, "bgb_start_t_per_ha": 0.0, "bgb_end_t_per_ha": 0.0}
    return {**start, "agb_end_t_per_ha": rise, "uncertainty_pct": 0.0, "pool_dead_wood": False}


@pytest.mark.parametrize(
    ("tonnes", "hectares", "years", "printed"),
    [(6600, 5430 / 15, 1, "18.2"), (60_610, 3000 / 15, 20, "15.2"), (68_726, 1595.4, 1, "43.1"),
        (68_726, 22_200 / 15, 1, "46.4")],
    ids=["新县沙窝镇", "汕头潮阳", "恩施宣恩, stated ha", "恩施宣恩, mu"],
)  # fmt: skip
def test_published_rates(tonnes: float, hectares: float, years: int, printed: str) -> None:
    rate = tonnes / hectares / years
    assert f"{rate:.1f}" == printed
    if rate > 30:
        assert refusal(**growth(rate)).column == "rate_reason"
        result = calculate(rows(**growth(rate), rate_reason="复核属实"))
        assert [warning.column for warning in result.warnings] == ["rate_reason"]
    else:
        result = calculate(rows(**growth(rate)))
        assert not result.warnings
    assert f"{result.frame['rate_tco2e_per_ha_per_year'].iloc[0]:.1f}" == printed


def test_rates_per_mu_and_their_thresholds() -> None:
    assert f"{6600 / 5430:.3f}" == "1.215"
    result = calculate(rows(**growth(6600 / 5430 * 15)))
    assert f"{result.frame['rate_tco2e_per_mu_per_year'].iloc[0]:.3f}" == "1.215"
    # Anhui, age class 0–20: 68.9 tC/ha measured.
    assert (f"{68.9 * 44 / 12:.1f}", f"{68.9 * 44 / 12 / 20:.1f}") == ("252.6", "12.6")
    assert not warnings(**growth(19.9)) and len(warnings(**growth(20.1))) == 1
    assert len(warnings(**growth(29.9))) == 1


def test_slopes_give_less_than_the_unverified_table() -> None:
    """Per cubic metre 9 to 33 % less for pine, fir, oak and poplar: so the slopes are the local choice."""
    p = registry()[KEY].parameters.at(AS_OF)
    shares = []
    for species, slope in (("masson_pine", "masson_pine"), ("chinese_fir", "chinese_fir"), ("oak", "oak"),
            ("poplar", "soft_broadleaf")):  # fmt: skip
        table = p[f"d_{species}"] * p[f"bef_{species}"] * (1 + p[f"r_{species}"]) * p[f"cf_{species}"]
        shares.append(1 - p[f"slope_{slope}"] * p.carbon_fraction / table)
    assert [f"{100 * share:.0f}" for share in (min(shares), max(shares))] == ["9", "33"]


@pytest.mark.parametrize(
    ("before", "printed"), [("annual_crop", "0.096"), ("native", "-0.896"), ("paddy", "-2.016")]
)
def test_soil_under_perennial_crops(before: str, printed: str) -> None:
    """HAC soil over 20 years, tC/ha/yr: why soil credit stays off and paddy is barred."""
    p = registry()[KEY].parameters.at(AS_OF)
    assert f"{p.soc_ref_hac * (p.f_lu_perennial_crop - p[f'f_lu_{before}']) / 20:.3f}" == printed


def test_a_deduction_never_shrinks_a_loss() -> None:
    loss = {"agb_end_t_per_ha": 1.0, "bgb_end_t_per_ha": 0.1, "pool_dead_wood": False}
    exact, doubtful = (calculate(rows(**loss, uncertainty_pct=u)).net_t for u in (0.0, 29.0))
    assert exact == doubtful < 0


def test_periods_that_meet_add_up() -> None:
    """Stock differences of two consecutive periods make the difference of the whole."""
    stocks = {"uncertainty_pct": 5.0, "pool_dead_wood": False, "area_ha": 21.4, "bgb_start_t_per_ha": 0.0,
        "bgb_end_t_per_ha": 0.0}  # fmt: skip
    middle = date(2023, 7, 1)
    whole = calculate(rows(**stocks, agb_start_t_per_ha=4.0, agb_end_t_per_ha=20.0)).net_t
    first = calculate(rows(**stocks, agb_start_t_per_ha=4.0, agb_end_t_per_ha=9.0), (PERIOD[0], middle)).net_t
    last = calculate(rows(**stocks, agb_start_t_per_ha=9.0, agb_end_t_per_ha=20.0), (middle, PERIOD[1])).net_t
    assert first + last == pytest.approx(whole, rel=1e-12)


def test_the_published_project_that_contradicts_itself() -> None:
    """宣恩: 2013-09-01 to 2034-12-31 are 21.3 years where 20 are stated; either lies within 20 to 40."""
    assert f"{decimal_year(date(2034, 12, 31)) - decimal_year(date(2013, 9, 1)):.1f}" == "21.3"
    dates = {"project_start_date": "2013-09-01", "crediting_start_date": "2013-09-01"}
    assert calculate(rows(**dates, planting_year=2013, crediting_end_date="2034-12-31")).net_t > 0


def test_the_wood_density_of_pine_is_on_the_low_side() -> None:
    """0.43 g/cm³ measured at Jinping, Guizhou, against 0.380 in the table: 12 % lower."""
    density = registry()[KEY].parameters.at(AS_OF).d_masson_pine
    assert f"{100 * (1 - density / 0.43):.0f}" == "12"
