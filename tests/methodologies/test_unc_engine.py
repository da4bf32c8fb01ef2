"""The vectorised trials equal the model's own computation of each trial, to 1e-9."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from unc_models import AREA, AS_OF, ERROR, PERIOD, column, methodology, parameter, trial_net

from methodologies import registry
from methodologies.columns import Column, ColumnError
from methodologies.contract import Methodology, Quantification, run
from methodologies.declaration import Case
from methodologies.uncertainty import draws
from methodologies.uncertainty.simulation import NotSimulable, simulate

TRIALS = 12


def quantified(found: Methodology, frame: pd.DataFrame | None = None) -> Quantification:
    example = found.example()
    return run(
        found, example.frame if frame is None else frame, period=example.period, as_of=example.as_of,
        tables=example.tables if frame is None else None,
    )  # fmt: skip


def check_trials(found: Methodology, done: Quantification, errors: dict[str, ColumnError]) -> None:
    """Each trial once more by the model; columns with errors are drawn as documented (not collapsed)."""
    simulation = simulate(found, done, trials=TRIALS, seed=11, errors=errors)
    order = np.argsort(np.array([str(label) for label in done.frame.index]))
    moved: dict[str, Any] = {}
    for name, error in errors.items():
        plain = done.frame[name].to_numpy()
        noise = np.empty((TRIALS, len(plain)))
        noise[:, order] = draws.stream_of(11, "column", name).standard_normal((TRIALS, len(plain)))
        single = error.sd * plain if error.kind == "relative" else np.full(len(plain), error.sd)
        moved[name] = plain + single * noise
    for trial in range(TRIALS):
        values = {name: float(drawn[trial]) for name, drawn in simulation.parameters.items()}
        net, size = trial_net(found, done, values, {name: cells[trial] for name, cells in moved.items()})
        assert abs(simulation.net_t[trial] - net) <= 1e-9 * max(size, abs(net)), (found.key, trial)


@pytest.mark.parametrize("key", sorted(registry()))
def test_every_methodology_gives_each_trial_what_its_model_gives(key: str) -> None:
    check_trials(registry()[key], quantified(registry()[key]), {})


@pytest.mark.parametrize("key", ["ratoon_rice_v1", "camellia_oil_v1"])
def test_so_it_does_with_errors_per_parcel(key: str) -> None:
    found = registry()[key]
    # Errors a figure is not affine in, so that every parcel is computed for itself.
    extra = {"ratoon_rice_v1": "base1_cultivation_days", "camellia_oil_v1": "diesel_l"}[key]
    errors = {"area_ha": ERROR, extra: ColumnError("absolute", 0.3, "test")}
    check_trials(found, quantified(found), errors)


TERMS = ("{a}", "{b}", "{p}", "{q}", "{area_ha}", "{fuel_l}", "2", "0", "0.5")


def expressions() -> st.SearchStrategy[str]:
    binary = st.sampled_from(["({0} + {1})", "({0} - {1})", "({0} * {1})", "min({0}, {1})", "max({0}, {1})",
                              "({0} / (1 + abs({1})))"])  # fmt: skip
    unary = st.sampled_from(["-{0}", "abs({0})", "floor({0})", "sqrt(abs({0}))", "exp(min({0}, 2))",
                             "ln(1 + abs({0}))", "(1 + abs({0})) ** {q}"])  # fmt: skip

    def larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        return st.one_of(
            st.tuples(binary, inner, inner).map(lambda found: _filled(found[0], *found[1:])),
            st.tuples(unary, inner).map(lambda found: _filled(found[0], found[1])),
        )

    return st.recursive(st.sampled_from(TERMS), larger, max_leaves=7)


def _filled(shape: str, *parts: str) -> str:
    for place, part in enumerate(parts):
        shape = shape.replace(f"{{{place}}}", part)
    return shape


CONDITIONS = st.sampled_from([
    "{kind} == 'x'", "{kind} == 'y' and {flag}", "not ({flag})", "{a} > {b}", "{first} > 0",
    "{p} * {a} <= {q} or {flag}", "{area_ha} > {fuel_l}", "{late_date} - {early_date} >= 10",
])  # fmt: skip
COLUMNS = (
    AREA, Column("fuel_l", "float", "L", "油", "fuel", 0, 1e6, extensive=True), column("a"), column("b"),
    Column("kind", "choice", "", "类", "kind", choices=("x", "y", "z")),
    Column("flag", "bool", "", "是", "flag"), Column("early_date", "date", "", "早", "early"),
    Column("late_date", "date", "", "晚", "late"),
)  # fmt: skip
PARAMETERS = (parameter("p", 1.0, 0.5, 2.0), parameter("q", 0.6, 0.3, 0.9, "normal"))
CELL = st.sampled_from([-2.0, -0.5, 0.0, 1.0, 3.25])
ROW = st.fixed_dictionaries({
    "area_ha": st.sampled_from([0.0, 0.5, 2.0]), "fuel_l": st.sampled_from([0.0, 0.5, 10.0]), "a": CELL,
    "b": CELL, "kind": st.sampled_from("xyz"), "flag": st.booleans(), "early_date": st.just("2025-03-01"),
    "late_date": st.sampled_from(["2025-03-05", "2025-03-11", "2025-06-01"]),
})  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(expressions(), expressions(), expressions(), CONDITIONS, st.lists(ROW, min_size=1, max_size=60))
def test_any_equation_of_the_grammar_gives_what_the_scalar_evaluator_gives(
    first: str, second: str, third: str, condition: str, rows: list[dict[str, Any]]
) -> None:
    steps: dict[str, Any] = {
        "first": first,
        "chosen": (Case(condition, second), Case("", "{first}")),
        "net_t": f"{third} + {{chosen}} - {{first}} * {{p}}",
    }
    found = methodology(steps, PARAMETERS, COLUMNS, additive=False)
    done = run(found, pd.DataFrame(rows), period=PERIOD, as_of=AS_OF)
    simulation = simulate(found, done, trials=2, seed=3, errors={"a": ColumnError("absolute", 0.1, "test")})
    stream = draws.stream_of(3, "column", "a").standard_normal((2, len(rows)))
    for trial in range(2):
        values = {name: float(drawn[trial]) for name, drawn in simulation.parameters.items()}
        moved = {"a": done.frame["a"].to_numpy() + 0.1 * stream[trial]}
        net, size = trial_net(found, done, values, moved)
        assert abs(simulation.net_t[trial] - net) <= 1e-9 * max(1.0, size, abs(net))


def test_many_rows_and_trials_go_through_blocks_and_pieces() -> None:
    """More rows than classes are kept for, more trials than a block: the sum is still each trial's own."""
    steps = {"x": "{p} * {a} - {q} * {b}", "net_t": "max(0, {x}) * {area_ha} - {fuel_l} * {p}"}
    found = methodology(steps, PARAMETERS, COLUMNS)
    generator = np.random.default_rng(1)
    rows = 3000
    frame = pd.DataFrame({
        "area_ha": generator.random(rows), "fuel_l": generator.random(rows), "a": generator.random(rows),
        "b": generator.random(rows), "kind": "x", "flag": True, "early_date": "2025-01-01",
        "late_date": "2025-01-02",
    })  # fmt: skip
    done = run(found, frame, period=PERIOD, as_of=AS_OF)
    simulation = simulate(found, done, trials=1203, seed=5, errors={})
    p, q = simulation.parameters["p"][:, None], simulation.parameters["q"][:, None]
    a, b, area, fuel = (frame[name].to_numpy()[None] for name in ("a", "b", "area_ha", "fuel_l"))
    expected = (np.maximum(0, p * a - q * b) * area).sum(axis=1) - p[:, 0] * fuel.sum()
    np.testing.assert_allclose(simulation.net_t, expected, rtol=1e-9)
    assert simulation.rows == rows


def test_cases_no_row_is_in_do_not_matter() -> None:
    steps: dict[str, Any] = {"net_t": (Case("{kind} == 'z'", "{q} * {area_ha}"), Case("", "{p} * {area_ha}"))}
    found = methodology(steps, PARAMETERS, COLUMNS)
    row = {"area_ha": 1.0, "fuel_l": 0.0, "a": 0.0, "b": 0.0, "kind": "x", "flag": True,
           "early_date": "2025-01-01", "late_date": "2025-01-02"}  # fmt: skip
    done = run(found, pd.DataFrame([row]), period=PERIOD, as_of=AS_OF)
    assert list(simulate(found, done, trials=10, seed=1).parameters) == ["p"]


def test_a_trial_without_a_finite_result_is_refused_by_number() -> None:
    found = methodology({"net_t": "ln({p}) * {area_ha}"}, (parameter("p", 0.1, -3.0, 3.0, "normal"),))
    done = run(found, pd.DataFrame({"area_ha": [1.0]}), period=PERIOD, as_of=AS_OF)
    with pytest.raises(NotSimulable) as refusal:
        simulate(found, done, trials=1000, seed=1)
    assert 400 < refusal.value.values["count"] < 600


def test_parameters_held_do_not_move() -> None:
    found = registry()["ratoon_rice_v1"]
    done = quantified(found)
    table = found.parameters.at(done.as_of).table
    still = simulate(
        found, done, trials=3, seed=1, errors={}, held={name: one.value for name, one in table.items()}
    )
    assert still.parameters == {}
    assert all(math.isclose(net, done.net_t, rel_tol=1e-12) for net in still.net_t)


def many(rows: int) -> pd.DataFrame:
    generator = np.random.default_rng(1)
    plain = {name: generator.random(rows) for name in ("area_ha", "fuel_l", "a", "b")}
    dates = {"early_date": "2025-01-01", "late_date": "2025-01-02"}
    return pd.DataFrame(plain | {"kind": "x", "flag": True} | dates)


@pytest.mark.parametrize("shift", ["0", "0.9"])
def test_sums_of_columns_and_powers_row_by_row(shift: str) -> None:
    """Powers go by logarithms where all bases are above zero (shift 0), and by themselves where not."""
    steps = {
        "x": f"1 + {{a}} * {{p}} + {{b}} * {{q}} - {shift} * 2",
        "net_t": "abs({x}) ** 2 * {area_ha} + {x} ** 3",
    }
    found = methodology(steps, PARAMETERS, COLUMNS)
    frame = many(400)
    done = run(found, frame, period=PERIOD, as_of=AS_OF)
    simulation = simulate(found, done, trials=20, seed=5, errors={})
    p, q = simulation.parameters["p"][:, None], simulation.parameters["q"][:, None]
    a, b, area = (frame[name].to_numpy()[None] for name in ("a", "b", "area_ha"))
    x = 1 + a * p + b * q - float(shift) * 2
    np.testing.assert_allclose(simulation.net_t, (x**2 * area + x**3).sum(axis=1), rtol=1e-9)


def test_a_sum_over_other_sizes_has_strata_of_its_own() -> None:
    """Fuel that differs from parcel to parcel does not spoil the strata of what depends on the area alone."""
    found = methodology(
        {"net_t": "max(0, {p} - {a}) * {area_ha} - max(0, {fuel_l} - {area_ha}) * {q}"}, PARAMETERS, COLUMNS
    )
    frame = many(900)
    frame["a"] = np.arange(900) % 3 / 2
    done = run(found, frame, period=PERIOD, as_of=AS_OF)
    simulation = simulate(found, done, trials=20, seed=5, errors={})
    assert simulation.rows == 3
    p, q = simulation.parameters["p"][:, None], simulation.parameters["q"]
    a, area, fuel = (frame[name].to_numpy()[None] for name in ("a", "area_ha", "fuel_l"))
    expected = (np.maximum(0, p - a) * area).sum(axis=1) - np.maximum(0, fuel - area).sum() * q
    np.testing.assert_allclose(simulation.net_t, expected, rtol=1e-9)
