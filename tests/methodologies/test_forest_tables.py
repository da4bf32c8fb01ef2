"""Plots and trees: from what is measured to strata and U, and the faults such tables have."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest
from test_forest_library import by_hand

from methodologies import conformance, forest, registry
from methodologies.columns import Findings
from methodologies.contract import InvalidRows, Quantification, run
from methodologies.errors import InvalidDeclaration
from methodologies.forest.inspect_trees import check_trees

KEY = "ccer_afforestation_v1"
SURVEYS = ("start", "end")


def frame(strata: dict[str, float]) -> pd.DataFrame:
    """One eligible parcel per stratum, its tree columns empty."""
    example = registry()[KEY].example().frame
    row = example.iloc[[0]].drop(columns=["agb_start_t_per_ha", "agb_end_t_per_ha", "uncertainty_pct"])
    row = row.drop(columns=["bgb_start_t_per_ha", "bgb_end_t_per_ha"]).assign(pool_dead_wood=False)
    rows = pd.concat([row] * len(strata))
    areas = list(strata.values())
    return rows.set_axis([f"p{n}" for n in range(len(areas))]).assign(
        stratum=list(strata), area_ha=areas, registered_area_ha=areas, continuous_area_ha=areas
    )


def trees(heights: dict[str, float] | None = None, **change: Any) -> pd.DataFrame:
    """Two strata of three plots, two pines each, 3 cm thicker at the end."""
    lines = []
    for stratum, area in {"甲": 12.0, "乙": 8.0}.items():
        for plot in range(1, 4):
            for survey in SURVEYS:
                for tree in (1, 2):
                    dbh = 6.0 + plot * 0.5 + tree + (3.0 + 0.2 * plot if survey == "end" else 0.0)
                    lines.append(
                        {
                            "stratum": stratum, "stratum_area_ha": area, "plot": f"{plot}", "survey": survey,
                            "tree": f"{tree}", "plot_area_ha": 0.06, "species": "masson_pine", "dbh_cm": dbh,
                            "height_m": 5.0 + dbh / 3, "stems": 20,
                        }
                    )  # fmt: skip
    return pd.DataFrame(lines).assign(**change)


def calculate(table: pd.DataFrame, name: str = "trees", rows: pd.DataFrame | None = None) -> Quantification:
    methodology = registry()[KEY]
    example = methodology.example()
    if rows is None:
        rows = frame({"甲": 12.0, "乙": 8.0})
    return run(methodology, rows, period=example.period, as_of=example.as_of, tables={name: table})


def refused(table: pd.DataFrame, name: str = "trees") -> Any:
    with pytest.raises(InvalidRows) as caught:
        calculate(table, name)
    return caught.value.problems[0]


def whole_tree(dbh: float, height: float) -> tuple[float, float]:
    x = dbh * dbh * height
    return 0.0337 * x**0.9551 + 0.0360 * x**0.7948 + 0.0016 * x**1.1007, 0.0150 * x**0.8322


def test_trees_become_stocks_and_uncertainty() -> None:
    """Every figure again in plain Python."""
    table = trees()
    plots: dict[tuple[str, str, str], list[float]] = {}
    for line in table.to_dict("records"):
        above, roots = whole_tree(line["dbh_cm"], line["height_m"])
        sums = plots.setdefault((line["stratum"], line["plot"], line["survey"]), [0.0, 0.0])
        for pool, mass in enumerate((above, roots)):
            sums[pool] += mass * 20 / 1000 / 0.06
    result = calculate(table)
    for label, stratum in (("p0", "甲"), ("p1", "乙")):
        for pool, name in enumerate(("agb", "bgb")):
            for survey in SURVEYS:
                mean = sum(plots[stratum, f"{n}", survey][pool] for n in (1, 2, 3)) / 3
                assert result.frame.loc[label, f"{name}_{survey}_t_per_ha"] == pytest.approx(mean, rel=1e-12)
    changes = [
        (number, sum(plots[stratum, f"{n}", "end"]) - sum(plots[stratum, f"{n}", "start"]))
        for number, stratum in enumerate(("甲", "乙"))
        for n in (1, 2, 3)
    ]
    mean, half_width = by_hand(changes, [12.0, 8.0])
    assert result.frame["uncertainty_pct"].to_list() == pytest.approx([100 * half_width / mean] * 2, rel=1e-9)
    prepared = result.prepared["trees"]
    assert prepared["half_width_t_per_ha"].iloc[0] == pytest.approx(half_width, rel=1e-9)
    assert prepared["plots"].to_list() == [3, 3]
    used = {parameter.name for parameter in result.parameters_used}
    assert "masson_pine_stem_a" in used and "poplar_stem_a" not in used and not result.issuable


def test_plots_give_the_same_as_their_trees() -> None:
    by_trees = calculate(trees())
    table = trees()
    mass = [whole_tree(line["dbh_cm"], line["height_m"]) for line in table.to_dict("records")]
    table = table.assign(above=[m[0] / 3 for m in mass], roots=[m[1] / 3 for m in mass])
    sums = table.groupby(["stratum", "stratum_area_ha", "plot", "survey"])[["above", "roots"]].sum()
    wide = sums.unstack("survey")
    wide.columns = [f"{pool}_{survey}_t_per_ha" for pool, survey in wide.columns]
    by_plots = calculate(wide.reset_index(), "plots")
    assert by_plots.net_t == pytest.approx(by_trees.net_t, rel=1e-12)
    assert by_plots.frame["uncertainty_pct"].iloc[0] == pytest.approx(
        by_trees.frame["uncertainty_pct"].iloc[0]
    )


def test_the_order_of_lines_changes_nothing() -> None:
    first, second = calculate(trees()), calculate(trees().sample(frac=1, random_state=7))
    assert first.totals == second.totals and first.table_digests == second.table_digests


def test_temporary_plots_are_two_independent_samples() -> None:
    table = trees()
    later = table["survey"] == "end"
    table["plot"] = table["plot"] + later.map({True: "b", False: "a"})
    estimates = {}
    for survey, lines in table.groupby("survey"):
        plots: dict[tuple[str, str], float] = {}
        for line in lines.to_dict("records"):
            key = (line["stratum"], line["plot"])
            plots[key] = plots.get(key, 0) + sum(whole_tree(line["dbh_cm"], line["height_m"])) / 3
        estimates[survey] = by_hand([(0 if s == "甲" else 1, v) for (s, _), v in plots.items()], [12.0, 8.0])
    (m1, h1), (m2, h2) = estimates["start"], estimates["end"]
    u = 100 * math.hypot(h1, h2) / abs(m2 - m1)
    uncertainty = forest.uncertainty_of_difference(h1 / m1, m1, h2 / m2, m2) * 100
    assert uncertainty == pytest.approx(u)
    if u > 30:
        assert refused(table).column == "uncertainty_pct"
    else:
        assert calculate(table).frame["uncertainty_pct"].iloc[0] == pytest.approx(u, rel=1e-9)


def test_an_empty_plot_is_a_line_with_no_stems() -> None:
    table = trees()
    empty = (table["plot"] == "1") & (table["survey"] == "start")
    result = calculate(
        table.assign(stems=table["stems"].where(~empty, 0), dbh_cm=table["dbh_cm"].where(~empty, 0.0))
    )
    full = calculate(trees()).frame["agb_start_t_per_ha"]
    assert (result.frame["agb_start_t_per_ha"] < full).all()
    problem = refused(table[~empty])
    assert problem.column == "survey" and "0 stems" in problem.en and "样地 1" in problem.zh
    assert "lacks the survey start" in problem.en and "缺少期初调查" in problem.zh
    later = (table["plot"] == "1") & (table["survey"] == "end")
    assert "lacks the survey end" in refused(table[~later]).en


def test_steep_plots_are_made_horizontal() -> None:
    flat, steep = calculate(trees(slope_pct=10.0)), calculate(trees(slope_pct=40.0))
    factor = steep.frame["agb_end_t_per_ha"] / flat.frame["agb_end_t_per_ha"]
    assert factor.to_list() == pytest.approx([math.sqrt(1 + 0.4**2)] * 2)


def first_line(column: str, value: Any) -> Callable[[], pd.DataFrame]:
    def change() -> pd.DataFrame:
        table = trees()
        table[column] = table[column].astype(object)
        table.loc[0, column] = value
        return table

    return change


@pytest.mark.parametrize(
    ("change", "column", "value", "unit", "allowed"),
    [
        (first_line("dbh_cm", 50.5), "dbh_cm", "50.5", "cm", "1 – 50.4"),
        (first_line("dbh_cm", 0.9), "dbh_cm", "0.9", "cm", "1 – 50.4"),
        (first_line("height_m", 0.0), "height_m", "0", "m", "> 0"),
        (first_line("species", "ginkgo"), "species", "ginkgo", "", "masson_pine"),
        (first_line("plot_area_ha", 0.05), "plot_area_ha", "0.06", "ha", "one value per plot"),
        (first_line("stratum_area_ha", 11.0), "stratum_area_ha", "11, 12", "ha", "one value per stratum"),
        (first_line("stratum", "丙"), "stratum", "丙", "", "甲"),
        (first_line("tree", "2"), "stratum, plot, survey, tree", "甲, 1, start, 2", "", "unique"),
        (first_line("survey", "later"), "survey", "later", "", "start | end"),
    ],
)  # fmt: skip
def test_a_faulty_line_is_named(
    change: Callable[[], pd.DataFrame], column: str, value: str, unit: str, allowed: str
) -> None:
    problem = refused(change())
    assert (problem.column, problem.value, problem.unit) == (column, value, unit)
    assert problem.allowed.startswith(allowed) and problem.zh and problem.en


def test_the_ends_of_a_range_belong_to_it() -> None:
    table = trees(stems=1)
    table["dbh_cm"] = table["survey"].map({"start": 1.0, "end": 50.4}).astype(float)
    assert calculate(table.assign(height_m=12.0)).frame["uncertainty_pct"].to_list() == [0, 0]


def test_a_species_without_a_range_is_a_stored_warning() -> None:
    result = calculate(trees(species="sweetgum"))
    (warning,) = [w for w in result.warnings if w.column == "dbh_cm"]
    assert "states no range" in warning.en and "未给出胸径适用范围" in warning.zh
    problem = refused(trees(species="sweetgum", dbh_cm=0.0))
    assert (problem.column, problem.allowed) == ("dbh_cm", "> 0")


def test_without_height_the_equation_over_diameter_is_used() -> None:
    result = calculate(trees(species="sawtooth_oak", height_m=0.0))
    used = {parameter.name for parameter in result.parameters_used}
    assert "sawtooth_oak_d_stem_a" in used and "sawtooth_oak_stem_a" not in used


def test_one_plot_gives_no_variance_and_two_a_warning() -> None:
    table = trees()
    problem = refused(table[(table["stratum"] == "甲") | (table["plot"] == "1")])
    assert problem.column == "plot" and "no variance" in problem.en
    two = calculate(table[(table["stratum"] == "甲") | (table["plot"] != "3")])
    assert [w.column for w in two.warnings] == ["plot"]


def test_too_few_alike_plots_are_refused_above_thirty_per_cent() -> None:
    table = pd.DataFrame(
        {
            "stratum": "甲", "stratum_area_ha": 12.0, "plot": ["1", "2", "3"],
            "above_start_t_per_ha": [5.0, 5.0, 5.0], "above_end_t_per_ha": [7.0, 14.0, 25.0],
            "roots_start_t_per_ha": 1.0, "roots_end_t_per_ha": 2.0,
        }
    )  # fmt: skip
    with pytest.raises(InvalidRows) as caught:
        calculate(table, "plots", frame({"甲": 12.0}))
    (problem,) = caught.value.problems
    assert problem.column == "uncertainty_pct" and problem.allowed == "0 – 30"
    level = table.assign(above_end_t_per_ha=[2.0, 5.0, 8.0], roots_end_t_per_ha=1.0)
    with pytest.raises(InvalidRows, match="U is undefined"):
        calculate(level, "plots", frame({"甲": 12.0}))


def test_a_stock_given_twice_is_refused() -> None:
    with pytest.raises(InvalidRows, match="gives it too"):
        calculate(trees(), rows=frame({"甲": 12.0, "乙": 8.0}).assign(agb_end_t_per_ha=20.0))


def test_both_tables_conform() -> None:
    methodology = registry()[KEY]
    example = methodology.example()._replace(frame=frame({"甲": 12.0, "乙": 8.0}), tables={"trees": trees()})
    conformance.prepares_tables(methodology, example)
    assert [preparation.name for preparation in methodology.preparations] == ["plots", "trees"]
    assert all(p.key == "stratum" and p.source for p in methodology.preparations)


def shrubs(**change: Any) -> Findings:
    """Findings about one camellia line, for the equation with limits of D, H and D²H."""
    preparation = forest.tree_preparation(("camellia_japonica",), with_roots=False)
    line = {"stratum": "s", "stratum_area_ha": 1.0, "plot": "1", "survey": "start", "tree": "1", "stems": 1.0}
    line |= {"plot_area_ha": 0.04, "slope_pct": 0.0, "species": "camellia_japonica"}
    line |= {"dbh_cm": 8.0, "height_m": 4.0}
    found = Findings(pd.Index([0]))
    table = pd.DataFrame([line | change]).astype({"species": "category"})
    check_trees(table, preparation.key, ("camellia_japonica",), found)
    return found


@pytest.mark.parametrize(
    ("change", "column", "unit", "allowed"),
    [
        ({"dbh_cm": 1.04}, "dbh_cm", "cm", "1.05 – 16.8"),
        ({"dbh_cm": 16.9, "height_m": 11.0}, "dbh_cm", "cm", "1.05 – 16.8"),
        ({"height_m": 1.44}, "height_m", "m", "1.45 – 11.6"),
        ({"height_m": 11.7}, "height_m", "m", "1.45 – 11.6"),
        ({"height_m": 0.9}, "height_m", "m", "1.45 – 11.6"),
        ({"dbh_cm": 16.8, "height_m": 11.6}, "dbh_cm", "cm²·m", "1.6 – 3189"),
    ],
)
def test_every_limit_of_an_equation_is_kept(
    change: dict[str, float], column: str, unit: str, allowed: str
) -> None:
    (problem,) = shrubs(**change).of("error")
    assert (problem.column, problem.unit, problem.allowed) == (column, unit, allowed)


def test_within_all_limits_nothing_is_found() -> None:
    found = shrubs()
    assert not found.errors and not found.reviews
    assert not shrubs(stems=0.0, dbh_cm=0.0, height_m=0.0).errors


def test_roots_cannot_be_asked_of_an_equation_without_them() -> None:
    with pytest.raises(InvalidDeclaration, match="no roots"):
        forest.tree_preparation(("camellia_japonica",))


def test_a_line_without_a_count_is_one_tree() -> None:
    assert calculate(trees().drop(columns="stems")).totals == calculate(trees(stems=1)).totals
