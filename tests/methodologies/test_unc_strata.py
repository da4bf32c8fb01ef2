"""Parcels computed together: the same sums, the same spread of errors, whatever order they come in."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from unc_models import AREA, AS_OF, ERROR, PERIOD, column, methodology, parameter

from methodologies import registry
from methodologies.columns import Column, ColumnError
from methodologies.contract import Methodology, Quantification, run
from methodologies.formula import parse
from methodologies.parameters import Parameter
from methodologies.uncertainty import strata
from methodologies.uncertainty.simulation import simulate
from methodologies.uncertainty.strata import Degree, degree

FUEL = Column("fuel_l", "float", "L", "油", "fuel", 0, 1e6, extensive=True)
EF: Parameter = parameter("ef", 1.3, 0.88, 1.93)
SF: Parameter = parameter("sf", 0.71, 0.53, 0.94)
TOY = methodology(
    {
        "gain_t": "{ef} * (1 - {sf} * {a}) * {area_ha}",
        "net_t": "max({gain_t}, 0.5 * {gain_t}) - {fuel_l} * {sf}",
    },
    (EF, SF),
    (AREA, FUEL, column("a", 0, 10)),
)


def done(frame: pd.DataFrame, found: Methodology = TOY) -> Quantification:
    return run(found, frame, period=PERIOD, as_of=AS_OF)


def parcels(count: int, kinds: int, fuel_per_ha: float = 3.0) -> pd.DataFrame:
    generator = np.random.default_rng(count)
    area = generator.lognormal(-1, 0.6, count)
    a = generator.permutation(np.arange(count) % kinds) / kinds * 2
    index = [f"P{number:05d}" for number in range(count)]
    return pd.DataFrame({"area_ha": area, "fuel_l": area * fuel_per_ha, "a": a}, index=index)


def test_collapsed_parcels_give_the_same_sums() -> None:
    found = registry()["ratoon_rice_v1"]
    example = found.example()
    generator = np.random.default_rng(4)
    rows = example.frame.iloc[generator.integers(0, len(example.frame), 400)].reset_index(drop=True)
    factor = generator.random(400)
    for one in found.columns:
        if one.extensive and one.name in rows:
            rows[one.name] = rows[one.name] * factor
    result = run(found, rows, period=example.period, as_of=example.as_of)
    simulation = simulate(found, result, trials=20, seed=2, errors={})
    assert simulation.rows <= len(example.frame) and simulation.parcels == 400
    alone = [
        simulate(found, run(found, rows.iloc[[place]], period=example.period, as_of=example.as_of), trials=20,
                 seed=2, errors={}).net_t
        for place in range(0, 400, 40)
    ]  # fmt: skip
    part = run(found, rows.iloc[::40], period=example.period, as_of=example.as_of)
    np.testing.assert_allclose(
        simulate(found, part, trials=20, seed=2, errors={}).net_t, np.sum(alone, axis=0), rtol=1e-9
    )
    assert simulation.net_t.mean() != 0


def test_a_thousand_parcels_of_four_kinds_are_four_rows() -> None:
    simulation = simulate(TOY, done(parcels(1000, 4)), trials=50, seed=1, errors={"area_ha": ERROR})
    assert simulation.rows == 4


@pytest.mark.parametrize("together", [True, False])
def test_errors_of_parcels_average_out_as_they_should(together: bool) -> None:
    """With every parameter held: sd of the sum = √Σ(sd · net per parcel)², collapsed or not."""
    held = {"ef": 1.3, "sf": 0.71}
    frame = parcels(300, 3, 0.0)
    if not together:  # a fuel use of its own makes each parcel a stratum
        frame["fuel_l"] = np.random.default_rng(1).random(300)
    result = done(frame)
    simulation = simulate(TOY, result, trials=20_000, seed=9, held=held, errors={"area_ha": ERROR})
    gain = 1.3 * (1 - 0.71 * frame["a"]) * frame["area_ha"]
    per_parcel = np.maximum(gain, 0.5 * gain).to_numpy()
    assert simulation.net_t.std() == pytest.approx(0.03 * math.sqrt((per_parcel**2).sum()), rel=0.02)
    assert simulation.net_t.mean() == pytest.approx(result.net_t, rel=0.001)


def test_absolute_errors_of_a_number_per_hectare() -> None:
    """Weighted by area: the sum over parcels of area · slope · error."""
    frame = parcels(60, 1, 0.0).assign(a=0.5)
    simulation = simulate(
        TOY, done(frame), trials=20_000, seed=9, held={"ef": 1.0, "sf": 0.5},
        errors={"a": ColumnError("absolute", 0.05, "test")},
    )  # fmt: skip
    expected = 0.05 * 0.5 * math.sqrt((frame["area_ha"] ** 2).sum())
    assert simulation.net_t.std() == pytest.approx(expected, rel=0.02)


def test_the_order_of_rows_changes_no_draw() -> None:
    frame = parcels(200, 7)
    shuffled = frame.sample(frac=1, random_state=3)
    first, second = (
        simulate(TOY, done(rows), trials=40, seed=1, errors={"area_ha": ERROR}).net_t
        for rows in (frame, shuffled)
    )
    np.testing.assert_allclose(first, second, rtol=1e-12)
    apart = [
        simulate(
            TOY, done(rows), trials=40, seed=1, errors={"fuel_l": ColumnError("absolute", 0.1, "t")}
        ).net_t
        for rows in (frame, shuffled)
    ]
    np.testing.assert_allclose(apart[0], apart[1], rtol=1e-12)


def test_rows_that_share_a_hash_are_kept_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = parcels(50, 5)
    expected = simulate(TOY, done(frame), trials=10, seed=1, errors={}).net_t
    monkeypatch.setattr(strata, "_mixed", lambda bits: bits * np.uint64(0))
    found = simulate(TOY, done(frame), trials=10, seed=1, errors={})
    np.testing.assert_allclose(found.net_t, expected, rtol=1e-12)
    assert found.rows > 5


def test_an_area_without_size_adds_nothing() -> None:
    frame = parcels(6, 2)
    more = pd.concat([frame, pd.DataFrame({"area_ha": 0.0, "fuel_l": 0.0, "a": 1.0}, index=["P9", "P8"])])
    first, second = (simulate(TOY, done(rows), trials=10, seed=1, errors={}).net_t for rows in (frame, more))
    np.testing.assert_allclose(first, second, rtol=1e-12)


@pytest.mark.parametrize(
    ("equation", "expected"),
    [
        ("{ef} * 2", Degree.CONSTANT),
        ("0", Degree.ZERO),
        ("{area_ha} * {ef} - {area_ha} / {sf}", Degree.PROPORTIONAL),
        ("max(0, {area_ha} * {a})", Degree.PROPORTIONAL),
        ("{area_ha} + {fuel_l}", Degree.AFFINE),
        ("({area_ha} + {fuel_l}) / {area_ha}", Degree.OTHER),
        ("{area_ha} / {area_ha}", Degree.CONSTANT),
        ("max({area_ha}, {fuel_l})", Degree.OTHER),
        ("{area_ha} * {area_ha}", Degree.OTHER),
        ("{area_ha} ** 2", Degree.OTHER),
        ("exp({area_ha})", Degree.OTHER),
        ("-abs({area_ha})", Degree.PROPORTIONAL),
        ("{gain_t} - {fuel_l} * {sf}", Degree.AFFINE),
    ],
)
def test_how_an_equation_depends_on_a_column(equation: str, expected: Degree) -> None:
    assert degree(TOY, parse(equation), "area_ha") == expected


def test_rice_without_fuel_is_affine_in_its_area_but_not_in_days_that_are_capped() -> None:
    found = registry()["ratoon_rice_v1"]
    example = found.example()
    frame = example.frame.assign(diesel_l=0.0, baseline_diesel_l=0.0)
    result = run(found, frame, period=example.period, as_of=example.as_of)
    same = strata.same_values(strata.uncollapsed(result.frame, [column.name for column in found.columns]))
    assert degree(found, parse("{net_t}"), "base1_cultivation_days", same) == Degree.OTHER
    assert degree(found, parse("{net_t}"), "area_ha", same) <= Degree.AFFINE
