"""Shared forest code: equations, Student's t, stratified estimates, discounts, against print and by hand."""

from __future__ import annotations

import math
import statistics
import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from methodologies import forest, registry
from methodologies.errors import InvalidDeclaration
from methodologies.forest import EQUATIONS, SCHEMES, allometry
from methodologies.formula import evaluate
from methodologies.parameters import ParameterSet, ParametersInForce

PRINTED = tomllib.loads((forest.FOLDER / "cases" / "trees.toml").read_text(encoding="utf-8"))


def parameters() -> ParametersInForce:
    discounts = {name: p for scheme in SCHEMES.values() for name, p in scheme.parameters().items()}
    return ParameterSet({**forest.species_parameters(EQUATIONS), **discounts}).at(date(2026, 1, 1))


@pytest.mark.parametrize("tree", PRINTED["tree"], ids=lambda tree: tree["species"])
def test_whole_tree_at_d_20_h_15(tree: dict[str, Any]) -> None:
    above, roots = forest.tree_mass(
        EQUATIONS[tree["species"]],
        "d2h",
        np.array([tree["dbh_cm"]]),
        np.array([tree["height_m"]]),
        parameters(),
    )
    # The whole tree is the sum of four organs: times (1 + R) would count roots twice.
    assert f"{above[0] + roots[0]:.3f}" == tree["whole_kg"]


def test_the_masson_pine_row_implies_few_roots() -> None:
    above, roots = forest.tree_mass(EQUATIONS["masson_pine"], "d2h", 20.0, 15.0, parameters())
    assert f"{float(roots / above):.3f}" == "0.107"


def test_the_conifer_mix_is_not_adopted() -> None:
    """Its row gives 297 kg at D 20, H 15, 37 % above masson pine."""
    assert "mixed_conifer" not in EQUATIONS


def test_equations_over_diameter_alone() -> None:
    """Oak at D 20 by hand, organ by organ."""
    by_hand = 0.0521 * 20**2.5440 + 0.0011 * 20**3.5797 + 0.0053 * 20**2.2119
    above, roots = forest.tree_mass(EQUATIONS["sawtooth_oak"], "d", [20.0], None, parameters())
    assert above[0] == pytest.approx(by_hand, rel=1e-12)
    assert roots[0] == pytest.approx(0.0260 * 20**2.4283, rel=1e-12)
    with pytest.raises(InvalidDeclaration, match="no form over d"):
        forest.tree_mass(EQUATIONS["masson_pine"], "d", [20.0], None, parameters())


def test_roots_of_guangxi_plantations() -> None:
    p = parameters()
    fir = forest.organ_mass(EQUATIONS["chinese_fir_root"], "d", "root", 20.0, 0, p)
    pine = forest.organ_mass(EQUATIONS["masson_pine_root"], "d", "root", 20.0, 0, p)
    assert float(fir) == pytest.approx(0.010 * 20**2.469) and float(pine) == pytest.approx(0.023 * 20**2.241)
    assert EQUATIONS["masson_pine"].includes_roots and not EQUATIONS["camellia_japonica"].includes_roots


def test_three_stems_against_the_equivalent_diameter() -> None:
    """Stems of 3, 3 and 4 cm at 2 m: 3.391 kg stem by stem, 3.002 kg by sqrt(Σ d²)."""
    p, camellia = parameters(), EQUATIONS["camellia_japonica"]
    stems, _ = forest.tree_mass(camellia, "d2h", np.array([3.0, 3.0, 4.0]), np.full(3, 2.0), p)
    single, _ = forest.tree_mass(camellia, "d2h", np.array([math.sqrt(9 + 9 + 16)]), np.array([2.0]), p)
    assert (f"{stems.sum():.3f}", f"{single[0]:.3f}") == ("3.391", "3.002")


def test_only_the_proxy_species_waits_for_the_authority() -> None:
    statuses = {code: equation.status for code, equation in EQUATIONS.items()}
    assert [code for code, status in statuses.items() if status != "secondary"] == ["camellia_japonica"]
    assert "proxy_species" in EQUATIONS["camellia_japonica"].note
    p = parameters()
    forest.tree_mass(EQUATIONS["poplar"], "d2h", [20.0], [15.0], p)
    assert {used.name for used in p.used_table()} == {
        f"poplar_{organ}_{letter}" for organ in ("stem", "branch", "leaf", "root") for letter in "ab"
    }


@pytest.mark.parametrize("fault", ['status = "secondary"', "stem = "])
def test_a_faulty_table_of_equations_is_refused(tmp_path: Path, fault: str) -> None:
    text = (forest.FOLDER / "allometry.toml").read_text(encoding="utf-8")
    path = tmp_path / "allometry.toml"
    path.write_text(text.replace(fault, fault.replace("secondary", "hearsay").replace("stem", "bark"), 1))
    with pytest.raises(InvalidDeclaration, match="masson_pine"):
        allometry._load(path)


@pytest.mark.parametrize(("df", "printed"), PRINTED["student"].items())
def test_student(df: str, printed: str) -> None:
    assert f"{forest.t_two_sided(0.90, int(df)):.3f}" == printed


@pytest.mark.parametrize("df", [1, 2, 3, 7, 8, 31])
def test_student_against_the_integral_of_its_density(df: int) -> None:
    t = np.linspace(0, 2.5, 20001)
    shape = math.exp(math.lgamma((df + 1) / 2) - math.lgamma(df / 2)) / math.sqrt(df * math.pi)
    density = shape * (1 + t**2 / df) ** (-(df + 1) / 2)
    integral = 2 * float(np.sum((density[1:] + density[:-1]) / 2) * (t[1] - t[0]))
    assert forest.probability_within(2.5, df) == pytest.approx(integral, abs=1e-8)


def test_student_tends_to_the_normal_and_refuses_nonsense() -> None:
    assert forest.t_two_sided(0.90, 200_000) == pytest.approx(statistics.NormalDist().inv_cdf(0.95), abs=1e-5)
    for confidence, df in ((0.90, 0), (0.0, 5), (1.0, 5)):
        with pytest.raises(ValueError, match="no t for"):
            forest.t_two_sided(confidence, df)


def by_hand(plots: list[tuple[int, float]], areas: list[float]) -> tuple[float, float]:
    """Mean and U in plain Python."""
    total, mean, variance = sum(areas), 0.0, 0.0
    for stratum, area in enumerate(areas):
        values = [value for group, value in plots if group == stratum]
        mean += area / total * statistics.fmean(values)
        variance += (area / total) ** 2 * statistics.variance(values) / len(values)
    half_width = forest.t_two_sided(0.90, len(plots) - len(areas)) * math.sqrt(variance)
    return mean, half_width


@given(
    st.lists(
        st.tuples(st.floats(0.1, 1e4), st.lists(st.floats(0, 300), min_size=2, max_size=6)),
        min_size=1, max_size=4,
    )
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_stratified_estimate_agrees_with_plain_python(strata: list[tuple[float, list[float]]]) -> None:
    plots = [(number, value) for number, (_, values) in enumerate(strata) for value in values]
    areas = [area for area, _ in strata]
    estimate = forest.stratified([value for _, value in plots], [number for number, _ in plots], areas)
    mean, half_width = by_hand(plots, areas)
    assert estimate.mean == pytest.approx(mean, rel=1e-9, abs=1e-12)
    assert estimate.half_width == pytest.approx(half_width, rel=1e-9, abs=1e-9)


def test_uncertainty_where_nothing_varies_or_nothing_changes() -> None:
    assert forest.stratified([5.0, 5.0], [0, 0], [3.0]).uncertainty == 0
    assert forest.stratified([-1.0, 1.0], [0, 0], [3.0]).uncertainty == math.inf
    with pytest.raises(ValueError, match="at least two plots"):
        forest.stratified([1.0, 2.0, 3.0], [0, 0, 1], [1.0, 1.0])
    assert forest.uncertainty_of_difference(0.1, 30, 0.1, 40) == pytest.approx(5 / 10)
    assert forest.uncertainty_of_difference(0.0, 30, 0.0, 30) == 0
    assert forest.uncertainty_of_difference(0.1, 30, 0.1, 30) == math.inf


@pytest.mark.parametrize(
    ("scheme", "u", "share"),
    [
        ("cn_arcm", 10, 0.0), ("cn_arcm", 10.001, 0.06), ("cn_arcm", 20, 0.06), ("cn_arcm", 20.001, 0.11),
        ("cn_arcm", 30, 0.11),
        ("ar_tool14", 10, 0.0), ("ar_tool14", 10.001, 0.25 * 0.10001), ("ar_tool14", 15, 0.25 * 0.15),
        ("ar_tool14", 15.001, 0.50 * 0.15001), ("ar_tool14", 20, 0.50 * 0.20), ("ar_tool14", 30, 0.75 * 0.30),
        ("ar_tool14", 30.001, 0.30001), ("ar_tool14", 60, 0.60),
        ("gs403", 20, 0.0), ("gs403", 27, 0.07),
    ],
)  # fmt: skip
def test_discount_bands_include_their_upper_ends(scheme: str, u: float, share: float) -> None:
    p = parameters()
    table = SCHEMES[scheme]
    assert table.share(np.array([u]), p)[0] == pytest.approx(share, abs=1e-12)
    # The equation a calculation sheet prints says the same.
    values = {"uncertainty_pct": u} | {name: p[name] for name in (*table.limit_names, *table.rate_names)}
    held = next(case for case in table.cases() if not case.when or evaluate(case.when, values))
    assert evaluate(held.formula, values) == pytest.approx(share, abs=1e-12)


def test_evidence_of_the_discount_tables() -> None:
    assert {name: table.status for name, table in SCHEMES.items()} == {
        "cn_arcm": "unverified", "ar_tool14": "secondary", "gs403": "secondary",
    }  # fmt: skip
    assert [name for name, table in SCHEMES.items() if table.refused_above_last] == ["cn_arcm"]


@pytest.mark.parametrize("culm", PRINTED["culm"])
def test_moso_equation(culm: dict[str, Any]) -> None:
    assert f"{float(forest.moso_culm_kg(culm['dbh_cm'], culm['age_du'])):.2f}" == culm["whole_kg"]


@pytest.mark.parametrize("culm", PRINTED["measured_culm"], ids=lambda culm: f"age {culm['age']}")
def test_the_moso_default_stays_below_what_was_measured(culm: dict[str, Any]) -> None:
    p = registry()["ccer_afforestation_v1"].parameters.at(date(2026, 1, 1))
    assert p.culm_kg < culm["whole_kg"]
    assert culm["culms_per_ha"] * p.culm_kg / 1000 * p.cf_bamboo < culm["stock_tc_per_ha"]


def test_roots_by_the_default_equation() -> None:
    """R = exp(−1.085 + 0.9256·ln b)/b; an empty stand has none."""
    for b in (0.5, 20.0, 150.0):
        assert float(forest.root_biomass(b)) == pytest.approx(
            math.exp(-1.085 + 0.9256 * math.log(b)), rel=1e-12
        )
    assert float(forest.root_biomass(0.0)) == 0


def test_growth_curves_run_from_start_to_asymptote() -> None:
    age = np.array([0.0, 10.0, 1e4])
    curve = forest.richards(age, asymptote=200.0, rate=0.1, shape=2.0)
    assert curve[0] == 0 and curve[1] == pytest.approx(200 * (1 - math.exp(-1)) ** 2) and curve[2] == 200
    curve = forest.logistic(age, asymptote=200.0, rate=0.1, shift=9.0)
    assert curve[0] == pytest.approx(20) and curve[1] == pytest.approx(200 / (1 + 9 * math.exp(-1)))


def test_plots_needed() -> None:
    """n = (t/E)²·(Σ w s)²: strata of 60 and 40 ha, s 10 and 20 t/ha, E 4 t/ha, t 1.7."""
    shares = forest.plots_needed([60, 40], [10, 20], 4.0, t=1.7)
    assert shares.sum() == pytest.approx((1.7 / 4) ** 2 * (0.6 * 10 + 0.4 * 20) ** 2)
    assert shares[1] / shares[0] == pytest.approx(8 / 6)
    finite = forest.plots_needed_finite([60, 40], [10, 20], 4.0, t=1.7, plot_area_ha=0.04)
    assert finite < shares.sum()
    vast = forest.plots_needed_finite([6e6, 4e6], [10, 20], 4.0, t=1.7, plot_area_ha=0.04)
    assert vast == pytest.approx(shares.sum(), rel=1e-4)


def test_slope_correction_starts_above_ten_per_cent() -> None:
    share = forest.horizontal_share([0.0, 10.0, 10.1, 20.0])
    assert list(share[:2]) == [1, 1] and share[2] < 1
    assert share[3] == pytest.approx(1 / math.sqrt(1 + 0.2**2))
