"""What is reported: quantiles, the percentile to issue, ranking, shared draws, and IPCC error propagation."""

from __future__ import annotations

import json
import math
from statistics import NormalDist

import numpy as np
import pandas as pd
import pytest
from unc_models import AS_OF, ERROR, PERIOD, column, methodology, parameter

from methodologies import registry
from methodologies.contract import Quantification, run
from methodologies.uncertainty import Distribution, TooFewTrials, analyse, rank_correlations, seed_of
from methodologies.uncertainty.propagation import first_order, mechanical, product_pct, propagate, sum_pct
from methodologies.uncertainty.simulation import simulate

EF = parameter("ef", 1.3, 0.88, 1.93)
SF_B = parameter("sf_b", 1.0, 1.0, 1.0, "fixed")
SF_P = parameter("sf_p", 0.71, 0.53, 0.94)
# A reduction by one drainage: 120 days, GWP 28; baseline and project share EF_c.
STEPS = {
    "be_t": "{ef} * {sf_b} * 120 * {area_ha} * 28 / 1000",
    "pe_t": "{ef} * {sf_p} * 120 * {area_ha} * 28 / 1000",
    "net_t": "{be_t} - {pe_t}",
}
DRAINAGE = methodology(STEPS, (EF, SF_B, SF_P))


def done(areas: list[float] | None = None) -> Quantification:
    return run(DRAINAGE, pd.DataFrame({"area_ha": areas or [10.0]}), period=PERIOD, as_of=AS_OF)


def interval(figures: np.ndarray) -> tuple[float, float]:
    low, high = np.quantile(figures, [0.025, 0.975])
    return float(low), float(high)


def test_shared_draws_exclude_zero_where_independent_ones_do_not() -> None:
    """rice-methodologies §8.2: the very reason for one draw per parameter and trial."""
    shared = simulate(DRAINAGE, done(), trials=20_000, seed=1, outputs=("be_t", "pe_t", "net_t"))
    np.testing.assert_allclose(shared.net_t, shared.totals["be_t"] - shared.totals["pe_t"], rtol=1e-9)
    other = simulate(DRAINAGE, done(), trials=20_000, seed=2, outputs=("pe_t",))
    independent = shared.totals["be_t"] - other.totals["pe_t"]
    assert interval(shared.net_t)[0] > 0
    assert interval(independent)[0] < 0 < interval(independent)[1]
    assert independent.std() > 1.5 * shared.net_t.std()


def test_a_shared_factor_does_not_average_out_over_parcels() -> None:
    one = simulate(DRAINAGE, done([100.0]), trials=10_000, seed=1)
    many = simulate(DRAINAGE, done([1.0] * 100), trials=10_000, seed=1)
    np.testing.assert_allclose(many.net_t, one.net_t, rtol=1e-12)


def test_a_lognormal_product_has_the_known_distribution() -> None:
    """net = EF · K with K fixed: lognormal, so every quantile is known exactly."""
    found = methodology({"net_t": "{ef} * {area_ha}"}, (EF,))
    result = run(found, pd.DataFrame({"area_ha": [2.0]}), period=PERIOD, as_of=AS_OF)
    analysis = analyse(found, result, trials=100_000, seed=1)
    sigma = math.log(1.93 / 0.88) / 3.92
    for percent, value in analysis.net.quantiles.items():
        expected = 2.6 * math.exp(sigma * NormalDist().inv_cdf(percent / 100))
        assert value == pytest.approx(expected, rel=0.005), percent
    assert analysis.net.mean == pytest.approx(2.6 * math.exp(sigma**2 / 2), rel=0.003)
    assert analysis.net.negative == 0


def test_the_percentile_to_issue_is_the_analogue_of_t_0_667() -> None:
    """Of a normal figure the 33.3rd percentile lies 0.4307 sd below the mean (VM0051 Eq. 38)."""
    found = methodology({"net_t": "{x} * {area_ha}"}, (parameter("x", 100.0, 60.8, 139.2, "normal"),))
    result = run(found, pd.DataFrame({"area_ha": [1.0]}), period=PERIOD, as_of=AS_OF)
    analysis = analyse(found, result, trials=200_000, seed=3)
    assert (100 - analysis.issue_t) / 20 == pytest.approx(0.4307, abs=0.006)
    assert analysis.net.record()["p33_3_t"] == analysis.issue_t


def test_the_flat_deduction_is_not_taken_twice() -> None:
    steps = {"gross_t": "{ef} * {area_ha}", "net_t": "{gross_t} * (1 - {deduction})"}
    found = methodology(steps, (EF, parameter("deduction", 0.15, 0.0, 0.5, "fixed")))

    def quantify(frame: pd.DataFrame, *, period: object, p: object) -> pd.DataFrame:
        gross = frame["area_ha"] * p.ef  # type: ignore[attr-defined]
        return pd.DataFrame({"gross_t": gross, "net_t": gross * (1 - p.deduction)})  # type: ignore[attr-defined]

    object.__setattr__(found, "quantify", quantify)
    result = run(found, pd.DataFrame({"area_ha": [10.0]}), period=PERIOD, as_of=AS_OF)
    analysis = analyse(found, result)
    assert analysis.flat_deduction == 0.15
    assert analysis.undeducted_t == pytest.approx(13.0, rel=1e-12)
    np.testing.assert_allclose(analysis.net.mean, 0.85 * analysis.issue.mean, rtol=1e-12)
    assert analysis.issue_t == analysis.issue.record()["p33_3_t"]


def test_the_ranking_knows_who_contributes_most() -> None:
    steps = {"net_t": "({big} + {small} - {against} + 0 * {idle}) * {area_ha}"}
    half = {"big": 6.0, "small": 1.0, "against": 3.0, "idle": 1.0}
    found = methodology(
        steps, tuple(parameter(name, 10.0, 10 - wide, 10 + wide, "normal") for name, wide in half.items())
    )
    result = run(found, pd.DataFrame({"area_ha": [1.0]}), period=PERIOD, as_of=AS_OF)
    ranked = analyse(found, result, trials=50_000).contributions
    assert [one.name for one in ranked] == ["big", "against", "small"]
    assert math.isclose(sum(one.share for one in ranked), 1.0)
    assert ranked[0].share == pytest.approx(36 / 46, abs=0.02)
    assert ranked[1].correlation < 0 < ranked[2].correlation


def test_measurement_errors_are_ranked_beside_parameters() -> None:
    found = methodology(
        {"net_t": "{ef} * {area_ha}"}, (EF,), (column("area_ha", 0, extensive=True, error=ERROR),)
    )
    result = run(found, pd.DataFrame({"area_ha": [4.0]}), period=PERIOD, as_of=AS_OF)
    ranked = {one.name: one for one in analyse(found, result).contributions}
    assert ranked["area_ha"].kind == "column" and ranked["area_ha"].source == "test"
    assert 0 < ranked["area_ha"].share < ranked["ef"].share


def test_rank_correlation_is_spearmans() -> None:
    """Worked by hand: d² = 0, 1, 1, 0, 0 of five pairs gives 1 − 6·2/(5·24) = 0.9; ties share their rank."""
    figures = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    series = {
        "swapped": np.array([1.0, 3.0, 2.0, 4.0, 5.0]),
        "curved": np.exp(figures),
        "opposite": -figures,
        "still": np.ones(5),
        "tied": np.array([1.0, 2.0, 2.0, 4.0, 5.0]),
    }
    found = rank_correlations(series, figures)
    assert found["swapped"] == pytest.approx(0.9)
    assert found["curved"] == pytest.approx(1.0) and found["opposite"] == pytest.approx(-1.0)
    assert found["still"] == 0.0
    assert found["tied"] == pytest.approx(0.9747, abs=1e-4)


def test_an_analysis_repeats_itself_and_another_seed_gives_another() -> None:
    first, second = analyse(DRAINAGE, done()), analyse(DRAINAGE, done())
    assert json.dumps(first.record(), allow_nan=False) == json.dumps(second.record(), allow_nan=False)
    assert first.seed == seed_of(done()) == int(done().input_digest[:8], 16)
    other = analyse(DRAINAGE, done(), seed=first.seed + 1)
    assert other.net.mean != first.net.mean
    assert other.net.mean == pytest.approx(first.net.mean, rel=0.02)


@pytest.mark.parametrize("trials", [9_999, 0, 1_000_001])
def test_too_few_trials_are_refused(trials: int) -> None:
    with pytest.raises(TooFewTrials) as refusal:
        analyse(DRAINAGE, done(), trials=trials)
    assert "10000" in refusal.value.message("zh")


def test_the_histogram_holds_every_trial() -> None:
    found = Distribution.of(np.random.default_rng(1).standard_normal(5000))
    assert sum(found.counts) == 5000 and len(found.edges) == len(found.counts) + 1
    assert found.negative == pytest.approx(0.5, abs=0.03)


# --- IPCC error propagation -----------------------------------------------------------------------


def test_equations_3_1_and_3_2_by_hand() -> None:
    assert product_pct([3.0, 4.0]) == 5.0
    assert sum_pct([100.0, 50.0], [3.0, 8.0]) == pytest.approx(math.hypot(300, 400) / 150)
    assert sum_pct([100.0, -50.0], [3.0, 8.0]) == pytest.approx(10.0)


def test_a_common_factor_is_factored_out() -> None:
    """ER = EF_c · K, K = 1 − SFp: Eq. 3.1 over U(EF_c) and U(K), as the specification demands."""
    half_ef, half_sf, k = (1.93 - 0.88) / 2, (0.94 - 0.53) / 2, 1 - 0.71
    percent = product_pct([half_ef / 1.3 * 100, half_sf / k * 100])
    found = propagate(DRAINAGE, done())
    assert found.record()["first_order_pct"] == pytest.approx(percent, rel=1e-6)
    parts = first_order(DRAINAGE, done())
    assert parts["ef"] == pytest.approx(done().net_t * half_ef / 1.3, rel=1e-6)
    assert parts["sf_p"] < 0


def test_applied_mechanically_a_difference_is_overstated() -> None:
    result = done()
    be, pe = (float(result.frame[name].sum()) for name in ("be_t", "pe_t"))
    half_be = be * 0.525 / 1.3
    half_pe = pe * product_pct([0.525 / 1.3, 0.205 / 0.71])
    expected = sum_pct([be, -pe], [half_be / be, half_pe / pe]) * (be - pe)
    assert mechanical(DRAINAGE, result) == pytest.approx(expected, rel=1e-9)
    assert mechanical(DRAINAGE, result) > 1.2 * propagate(DRAINAGE, result).first_order_t


def test_applied_mechanically_many_parcels_are_understated() -> None:
    one, many = mechanical(DRAINAGE, done([100.0])), mechanical(DRAINAGE, done([1.0] * 100))
    assert many == pytest.approx(one / 10, rel=1e-9)
    assert propagate(DRAINAGE, done([1.0] * 100)).first_order_t == pytest.approx(
        propagate(DRAINAGE, done([100.0])).first_order_t, rel=1e-6
    )


def test_errors_of_columns_add_up_as_independent() -> None:
    found = methodology(
        {"net_t": "{ef} * {area_ha}"}, (EF,), (column("area_ha", 0, extensive=True, error=ERROR),)
    )
    result = run(found, pd.DataFrame({"area_ha": [3.0, 4.0]}), period=PERIOD, as_of=AS_OF)
    assert first_order(found, result)["area_ha"] == pytest.approx(1.3 * 5 * 0.03 * 1.96, rel=1e-6)


@pytest.mark.parametrize("key", sorted(registry()))
def test_every_methodology_can_be_analysed(key: str) -> None:
    """Small errors: Monte Carlo and first order agree in size, and both name the run's own figure."""
    found = registry()[key]
    example = found.example()
    result = run(found, example.frame, period=example.period, as_of=example.as_of, tables=example.tables)
    record = analyse(found, result).record()
    assert record["net_t"] == result.net_t and record["trials"] == 10_000
    assert record["net"]["p2_5_t"] <= record["net"]["p33_3_t"] <= record["net"]["p50_t"]
    assert record["propagation"]["warning_zh"] and record["propagation"]["mechanical_t"] > 0
    if record["contributions"]:
        assert math.isclose(sum(one["share"] for one in record["contributions"]), 1.0, rel_tol=1e-9)
    json.dumps(record, allow_nan=False)
