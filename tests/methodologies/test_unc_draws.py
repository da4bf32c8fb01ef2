"""Distributions out of ranges, and streams that a seed brings back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from unc_models import AS_OF, methodology, parameter

from methodologies import registry
from methodologies.parameters import ParameterInForce
from methodologies.uncertainty import draws

TRIALS = 40_000

# rice-methodologies §8.1, to the four digits printed there.
PUBLISHED = {
    "sf_w_single": 0.1462, "sf_w_multiple": 0.1436, "sf_p_short": 0.0615, "sf_p_long": 0.0544,
    "sf_p_flooded": 0.0633, "sf_p_rotation": 0.1830, "cfoa_straw_short": 0.0815, "cfoa_straw_long": 0.2383,
    "cfoa_compost": 0.2985, "cfoa_manure": 0.1592, "cfoa_green": 0.1172,
}  # fmt: skip


def in_force(value: float, low: float, high: float, distribution: str, name: str = "x") -> ParameterInForce:
    model = methodology({"net_t": "{x} * {area_ha}"}, (parameter("x", value, low, high, distribution),))
    found = model.parameters.at(AS_OF).table["x"]
    return found if name == "x" else with_name(found, name)


def with_name(found: ParameterInForce, name: str) -> ParameterInForce:
    return replace(found, name=name)


@pytest.mark.parametrize(("name", "printed"), PUBLISHED.items())
def test_the_published_spreads(name: str, printed: float) -> None:
    table = registry()["ratoon_rice_v1"].parameters.at(AS_OF).table
    assert round(draws.spread_of(table[name]), 4) == printed


def test_the_spread_of_the_east_asian_factor_and_of_the_exponent() -> None:
    assert round(draws.spread_of(in_force(1.32, 0.89, 1.96, "lognormal")), 4) == 0.2014
    assert round(draws.spread_of(in_force(0.59, 0.54, 0.64, "normal")), 4) == 0.0255


def test_a_lognormal_has_the_value_as_median_and_the_range_as_95_percent() -> None:
    drawn = draws.draw(in_force(1.0, 0.5, 2.0, "lognormal"), TRIALS, 7)
    low, middle, high = np.quantile(drawn, [0.025, 0.5, 0.975])
    assert middle == pytest.approx(1.0, rel=0.02)
    assert (low, high) == (pytest.approx(0.5, rel=0.03), pytest.approx(2.0, rel=0.03))


def test_a_normal_has_the_value_as_mean() -> None:
    drawn = draws.draw(in_force(10.0, 8.04, 11.96, "normal"), TRIALS, 7)
    assert drawn.mean() == pytest.approx(10.0, abs=0.02)
    assert drawn.std() == pytest.approx(1.0, rel=0.02)


def test_a_triangle_keeps_its_limits_and_its_mode() -> None:
    drawn = draws.draw(in_force(0.005, 0.0, 0.016, "triangular"), TRIALS, 7)
    assert drawn.min() >= 0 and drawn.max() <= 0.016
    assert drawn.mean() == pytest.approx((0 + 0.005 + 0.016) / 3, rel=0.02)


def test_a_uniform_fills_its_range() -> None:
    drawn = draws.draw(in_force(0.5, 0.0, 1.0, "uniform"), TRIALS, 7)
    assert drawn.mean() == pytest.approx(0.5, abs=0.01)
    assert drawn.std() == pytest.approx(1 / 12**0.5, rel=0.02)


@pytest.mark.parametrize("found", [(28, 21, 34, "fixed"), (180, 180, 180, "normal")])
def test_a_fixed_value_is_never_drawn(found: tuple[float, float, float, str]) -> None:
    one = in_force(*found)
    assert not draws.is_drawn(one)
    assert (draws.draw(one, 5, 1) == found[0]).all()
    assert draws.spread_of(one) == draws.half_width(one) == 0.0


def test_a_lognormal_that_touches_zero_is_refused_with_its_range() -> None:
    with pytest.raises(draws.NotDrawable) as refusal:
        draws.draw(in_force(0.004, 0.0, 0.029, "lognormal"), 10, 1)
    assert "0.029" in refusal.value.message("zh") and "0.004" in refusal.value.message("en")


def test_a_stream_depends_on_seed_and_name_alone() -> None:
    one = in_force(1.0, 0.5, 2.0, "lognormal")
    first = draws.draw(one, 100, 5)
    assert (first == draws.draw(one, 100, 5)).all()
    assert (first == draws.draw_all([with_name(one, "other"), one], 100, 5)["x"]).all()
    assert (first[:50] == draws.draw(one, 50, 5)).all()
    assert not np.isin(first, draws.draw(one, 100, 6)).any()
    assert not np.isin(first, draws.draw(with_name(one, "other"), 100, 5)).any()


def test_a_block_of_a_column_has_a_stream_of_its_own() -> None:
    first, second = (draws.stream_of(3, "column", "area_ha", block).standard_normal(50) for block in (0, 1))
    assert abs(float(np.corrcoef(first, second)[0, 1])) < 0.5
    assert not np.isin(first, second).any()
