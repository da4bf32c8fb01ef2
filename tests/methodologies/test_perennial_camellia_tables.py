"""Camellia: tables of plots and of plants."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
import pytest
from camellia_rows import PLANTS, go, refusal
from perennial_by_hand import plant_kg


def plots_table() -> pd.DataFrame:
    stocks = {
        "山坡": (6.0, [(6.0, 8.1), (7.0, 9.4), (6.5, 8.4), (5.5, 7.7)]),
        "山脚": (4.0, [(8.0, 10.9), (9.0, 12.3), (8.5, 11.1)]),
    }
    lines = [
        {"stratum": name, "stratum_area_ha": area, "plot": str(number), "above_start_t_per_ha": start,
            "above_end_t_per_ha": end}
        for name, (area, plots) in stocks.items()
        for number, (start, end) in enumerate(plots)
    ]  # fmt: skip
    return pd.DataFrame(lines)


SLOPE, FOOT = (
    {"route": "plot", "stratum": name, "area_ha": area} for name, area in (("山坡", 6.0), ("山脚", 4.0))
)


def test_two_strata_share_one_t_based_uncertainty() -> None:
    """t(0.95; 7 − 2) = 2.015; U = t·sqrt(Σ w²s²/n)/Σ w·mean over the plot differences."""
    upper, lower = [2.1, 2.4, 1.9, 2.2], [2.9, 3.3, 2.6]
    means = [sum(values) / len(values) for values in (upper, lower)]
    variances = [
        sum((value - mean) ** 2 for value in values) / (len(values) - 1)
        for values, mean in zip((upper, lower), means, strict=True)
    ]
    half = 2.0150483733 * math.sqrt(0.36 * variances[0] / 4 + 0.16 * variances[1] / 3)
    expected = 100 * half / (0.6 * means[0] + 0.4 * means[1])
    result = go(SLOPE, FOOT, tables={"plots": plots_table()})
    assert result.frame["uncertainty_pct"].to_list() == pytest.approx([expected, expected], rel=1e-9)
    assert result.frame["stock_end_t_per_ha"].to_list() == pytest.approx([8.4, 11.4333333333], rel=1e-9)
    assert result.totals["delta_c_t"] == pytest.approx(
        (6 * means[0] + 4 * means[1]) * 0.47 * 1.4 * 44 / 12, rel=1e-9
    )


def test_a_stock_typed_and_prepared_is_refused() -> None:
    rows = (SLOPE | {"stock_end_t_per_ha": 9.0}, FOOT)
    problems = refusal(*rows, tables={"plots": plots_table()}).problems
    assert [(problem.row, problem.column) for problem in problems] == [("P0", "stock_end_t_per_ha")]


def stems(**changes: Any) -> pd.DataFrame:
    """Two plots of 0.02 ha with two plants each, of two stems, at both surveys; ``changes`` on every line."""
    lines = [
        {"stratum": "一", "stratum_area_ha": 5.0, "plot": plot, "plot_area_ha": 0.02, "survey": survey,
            "plant": plant, "stem": stem,
            "diameter_cm": base + 0.4 * stem + 0.2 * int(plot) + (survey == "end"),
            "height_m": 2.2} | changes
        for plot in ("1", "2")
        for survey in ("start", "end")
        for plant, base in (("a", 3.0), ("b", 5.0))
        for stem in (1, 2)
    ]  # fmt: skip
    return pd.DataFrame(lines)


ONE = {"route": "plot", "stratum": "一", "area_ha": 5.0}


def per_plot(table: pd.DataFrame, mass: Any) -> list[float]:
    """Stock at the end over both plots, and the two of them, t d.m./ha, by ``mass(line)`` in kg."""
    ends = table[table["survey"] == "end"]
    plots = [
        sum(mass(line) for line in lines.to_dict("records")) / 1000 / 0.02
        for _, lines in ends.groupby("plot")
    ]
    return [sum(plots) / len(plots), *plots]


def test_plants_are_summed_stem_by_stem() -> None:
    table = stems()
    mean = per_plot(table, lambda line: plant_kg(line["diameter_cm"], line["height_m"]))[0]
    result = go(ONE, tables={"plants": table})
    assert result.frame["stock_end_t_per_ha"].iloc[0] == pytest.approx(mean, rel=1e-9)
    # Two plots are enough to compute, too few to trust.
    assert [warning.table or "-" for warning in result.warnings].count("plants") == 1
    shuffled = table.sample(frac=1, random_state=7)
    again = go(ONE, tables={"plants": shuffled})
    assert again.table_digests == result.table_digests and again.net_t == result.net_t


def test_the_equivalent_diameter_gives_less_than_the_sum() -> None:
    both = [go(ONE, tables={"plants": stems(stem_rule=rule)}).frame for rule in ("sum", "equivalent")]
    assert both[1]["stock_end_t_per_ha"].iloc[0] < both[0]["stock_end_t_per_ha"].iloc[0]


def test_a_steep_plot_is_smaller_on_the_map() -> None:
    flat, gentle, steep = (
        go(ONE, tables={"plants": stems(slope_pct=slope)}).frame["stock_end_t_per_ha"].iloc[0]
        for slope in (0.0, 10.0, 75.0)
    )
    assert gentle == flat and steep == pytest.approx(flat * 1.25, rel=1e-9)  # cos(atan 0.75) = 0.8


CROWN = {"crown_width_1_m": 1.4, "crown_width_2_m": 1.2, "crown_height_m": 1.1}
LOCAL = {
    "local_a": 0.09,
    "local_b": 0.8,
    "local_d_low_cm": 0.5,
    "local_d_high_cm": 9.0,
    "local_source": "报告",
}


@pytest.mark.parametrize(
    ("form", "more", "mass"),
    [
        ("local_d2h", {}, lambda d: 0.09 * (d * d * 2.2) ** 0.8),
        ("local_d", {}, lambda d: 0.09 * d**0.8),
        ("local_ca_h", CROWN, lambda d: 0.09 * (math.pi / 4 * 1.4 * 1.2 * 2.2) ** 0.8),
        ("local_cv", CROWN, lambda d: 0.09 * (math.pi / 6 * 1.4 * 1.2 * 1.1) ** 0.8),
        (
            "local_d_cw_h",
            CROWN | {"local_c": 0.3, "local_d": 0.5},
            lambda d: 0.09 * d**0.8 * 1.3**0.3 * 2.2**0.5,
        ),
        ("local_d", {"local_mse": 0.05}, lambda d: 0.09 * d**0.8 * math.exp(0.025)),
        ("local_d", {"local_roots_included": True}, lambda d: 0.09 * d**0.8 / 1.4),
    ],
)
def test_local_equations_by_hand(form: str, more: dict[str, Any], mass: Any) -> None:
    table = stems(equation=form, **LOCAL, **more)
    result = go(ONE, tables={"plants": table})
    expected = per_plot(table, lambda line: mass(line["diameter_cm"]))[0]
    assert result.frame["stock_end_t_per_ha"].iloc[0] == pytest.approx(expected, rel=1e-9)
    named = [warning for warning in result.warnings if warning.column == "local_source"]
    assert len(named) == 1 and "报告" in named[0].zh


def test_new_planting_needs_the_end_survey_only() -> None:
    table = stems()
    result = go(ONE, tables={"plants": table[table["survey"] == "end"]})
    assert result.frame["stock_start_t_per_ha"].iloc[0] == 0 < result.frame["stock_end_t_per_ha"].iloc[0]


def test_a_missing_first_survey_is_no_empty_stand() -> None:
    """Planted in 2008 and measured in 2025 only: the stock of 17 years is not the gain of four."""
    ends = stems()[lambda table: table["survey"] == "end"]
    managed = ONE | {"activity": "management", "planting_year": 2008}
    (problem,) = refusal(managed, tables={"plants": ends}).problems
    assert (problem.row, problem.column, problem.allowed) == ("P0", "stock_start_t_per_ha", "> 0")
    asked = {warning.column for warning in go(ONE, tables={"plants": ends}).warnings}
    assert "stock_start_t_per_ha" in asked
    young = go(ONE | {"planting_year": 2020}, tables={"plants": ends})
    assert "stock_start_t_per_ha" not in {warning.column for warning in young.warnings}
    plants = PLANTS | {"route": "allometric", "diameter_start_cm": 0.0, "height_start_m": 0.0}
    assert refusal(managed | plants).problems[0].column == "diameter_start_cm"


def spoilt(column: str, line: int, value: Any) -> pd.DataFrame:
    table = stems()
    table.loc[line, column] = value
    return table


@pytest.mark.parametrize(
    ("table", "column"),
    [
        (spoilt("diameter_cm", 3, 17.0), "diameter_cm"),
        (spoilt("height_m", 3, 1.2), "height_m"),
        (spoilt("plot_area_ha", 1, 0.03), "plot_area_ha"),
        (spoilt("slope_pct", 1, 40.0), "plot_area_ha"),
        (spoilt("stratum_area_ha", 1, 6.0), "stratum_area_ha"),
        (spoilt("stem", 1, 1), "stratum, plot, survey, plant, stem"),
        (spoilt("stratum", 0, "二"), "stratum"),
        (spoilt("equation", 0, "local_d"), "local_a"),
        (stems().drop(index=[0, 1, 2, 3]), "survey"),
        (stems().iloc[:8], "plot"),
        (stems(equation="local_d", **LOCAL | {"local_d_high_cm": 4.0}), "diameter_cm"),
    ],
)
def test_bad_tables_are_refused_by_name(table: pd.DataFrame, column: str) -> None:
    if "slope_pct" in table:
        table = table.fillna({"slope_pct": 0.0})
    problems = refusal(ONE, tables={"plants": table}).problems
    assert column in {problem.column for problem in problems}
    assert all(problem.table == "plants" for problem in problems if problem.column == column)


@pytest.mark.parametrize(("d", "h"), [(1.05, 1.6), (1.2, 1.45), (16.8, 11.2), (16.5, 11.6)])
def test_the_ends_of_the_range_belong_to_it(d: float, h: float) -> None:
    table = go(ONE, tables={"plants": stems(diameter_cm=d, height_m=h)})
    assert table.frame["stock_end_t_per_ha"].iloc[0] == pytest.approx(plant_kg(d, h) * 4 / 20, rel=1e-9)
    same = {"diameter_start_cm": d, "height_start_m": h, "diameter_end_cm": d, "height_end_m": h}
    mean_plant = go(PLANTS | {"route": "allometric"} | same)
    assert mean_plant.frame["plant_end_kg"].iloc[0] == pytest.approx(plant_kg(d, h), rel=1e-9)
