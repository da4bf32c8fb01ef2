"""Columns of one value are computed once; nothing but the time depends on it."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from meth_strategies import examples

from methodologies import registry
from methodologies.cells import among, codes_of, compact, either, narrow, on, ratio, spread, values_of
from methodologies.columns import Findings
from methodologies.contract import Methodology, run
from methodologies.errors import InvalidOutput, InvalidRows
from methodologies.sums import exact_sum
from methodologies.validation import canonical

KEYS = sorted(registry())
CAMELLIA = registry()["camellia_oil_v1"]


@pytest.mark.parametrize("key", KEYS)
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_row_among_its_like_has_the_same_bits_as_among_others(key: str, data: st.DataObject) -> None:
    methodology = registry()[key]
    example = data.draw(examples(methodology))
    first = example.frame.iloc[[0, 0, 0]].set_axis(["a", "b", "c"], axis=0)

    def outputs(frame: pd.DataFrame) -> bytes:
        result = run(methodology, frame, period=example.period, as_of=example.as_of)
        return result.frame[[step.name for step in methodology.steps]].iloc[0].to_numpy(float).tobytes()

    try:
        alike = outputs(first)
    except InvalidRows:  # three times the row may be more than a run may hold
        assume(False)
    assert alike == outputs(example.frame)


def test_columns_of_one_value_are_one_cell_and_others_are_not() -> None:
    frame = CAMELLIA.example().frame
    one = frame.iloc[[0] * 4].set_axis(range(4), axis=0)
    values = canonical(CAMELLIA.columns, one, Findings(one.index))
    for column in CAMELLIA.columns:
        cells: Any = values[column.name]
        plain = cells.codes if column.kind == "choice" else np.asarray(cells)
        if column.kind != "text" or column.name not in frame:
            assert plain.strides == (0,), column.name
    varied = canonical(CAMELLIA.columns, frame, Findings(frame.index))
    assert varied["area_ha"].strides == (8,) and len(narrow(varied["area_ha"])) == len(frame)


def test_the_caller_s_arrays_are_never_kept() -> None:
    frame = CAMELLIA.example().frame.reset_index(drop=True)
    result = run(CAMELLIA, frame, period=CAMELLIA.example().period, as_of=CAMELLIA.example().as_of)
    before = result.frame.copy()
    frame.loc[:, "area_ha"] = 1e3
    pd.testing.assert_frame_equal(result.frame, before)


def test_single_cells_meet_whole_columns() -> None:
    some, every, none = np.array([True, False]), np.array([True]), np.array([False])
    left, right = np.array([1.0, 2.0]), np.array([8.0, 9.0])
    assert either(some, left, right).tolist() == [1.0, 9.0]
    assert either(every, left, right) is left and either(none, left, right) is right
    assert either(none, left, 0.0).tolist() == [0.0]
    assert ratio(left, np.array([4.0, 0.0]), some).tolist() == [0.25, 0.0]
    assert ratio(left, right, none).tolist() == [0.0]
    assert on(some, np.sqrt, np.array([4.0, -1.0])).tolist() == [2.0, 0.0]
    assert on(some, np.add, left, np.array([10.0])).tolist() == [11.0, 0.0]
    assert on(none, lambda cells: pytest.fail("computed for no row"), left).tolist() == [0.0]
    frame = spread({"a": np.array([3.0]), "b": left}, pd.Index(["x", "y"]))
    assert frame.to_dict("list") == {"a": [3.0, 3.0], "b": [1.0, 2.0]}
    assert values_of(frame, "a").tolist() == [3.0] and values_of(frame, "b").tolist() == [1.0, 2.0]


def test_choices_are_found_by_their_codes() -> None:
    frame = pd.DataFrame({"c": pd.Categorical(["x", "y", "x"], categories=["x", "y", "z"])})
    assert codes_of(frame, "c").tolist() == [0, 1, 0]
    assert among(frame, "c", ("y", "z", "unheard of")).tolist() == [False, True, False]


@pytest.mark.parametrize("cells", [[], [1.0], [1.0, 1.0, 2.0, 1.0], [math.nan, math.nan]])
def test_what_is_not_one_value_is_left_alone(cells: list[float]) -> None:
    values = np.array(cells)
    assert compact(values) is values


def test_one_cell_of_a_finding_stands_for_every_row() -> None:
    findings = Findings(pd.Index(["a", "b"]))
    words = {"zh": "第 {row} 行为 {value}", "en": "Row {row} is {value}"}
    findings.where(np.array([True]), column="x", values=np.array([1.5]), unit="", allowed="≤ 1", **words)
    findings.where(np.array([False]), column="x", values=np.array([1.5]), unit="", allowed="≤ 1", **words)
    assert [problem.en for problem in findings.kept] == ["Row a is 1.5", "Row b is 1.5"]
    assert findings.errors == 2


def test_a_selector_outside_its_names_is_an_error_and_no_figure() -> None:
    p = CAMELLIA.parameters.at(CAMELLIA.example().as_of)
    names = ("k_risk", "carbon_fraction")
    assert p.choose(np.array([1, 0]), names).tolist() == [p.carbon_fraction, p.k_risk]
    there = p.choose(np.array([1, 0]), names, np.array([True, False]), 7.0)
    assert there.tolist() == [p.carbon_fraction, 7.0]
    for wrong in ([0, 2], [-1, 0]):
        with pytest.raises(IndexError, match="carbon_fraction"):
            p.choose(np.array(wrong), names)


def _judging(severity: str) -> Methodology:
    def judge(frame: pd.DataFrame, outputs: pd.DataFrame, *, period: Any, p: Any, findings: Any) -> None:
        net = outputs["net_t"].to_numpy()
        words = {"zh": "第 {row} 行为 {value} 吨。", "en": "Row {row} is {value} t."}
        findings.where(
            net < 0, column="net_t", values=net, unit="t", allowed="≥ 0", severity=severity, **words
        )

    return dataclasses.replace(CAMELLIA, judge=judge)


def test_a_judge_sees_the_figures_and_refuses_rows() -> None:
    example = CAMELLIA.example()
    plain = run(CAMELLIA, example.frame, period=example.period, as_of=example.as_of)
    emitting = plain.frame.index[plain.frame["net_t"] < 0].tolist()
    assert emitting
    looked = run(_judging("review"), example.frame, period=example.period, as_of=example.as_of)
    assert looked.totals == plain.totals and len(looked.warnings) == len(plain.warnings) + len(emitting)
    with pytest.raises(InvalidRows) as refused:
        run(_judging("error"), example.frame, period=example.period, as_of=example.as_of)
    assert [problem.row for problem in refused.value.problems] == emitting
    broken = dataclasses.replace(CAMELLIA, judge=lambda *_, **__: 1 / 0)
    with pytest.raises(InvalidOutput, match="judge raised ZeroDivisionError"):
        run(broken, example.frame, period=example.period, as_of=example.as_of)


@pytest.mark.parametrize(
    "values",
    [
        [2.0**53, 1.0, 2.0**-300],  # one cut leaves it open whether the 1 is rounded up
        [2.0**53, 1.0, -(2.0**-300)],
        [1e16, 1.0, -1e16],
        [1e300, 1e-300, -1e300, 1e-300],
    ],
)
def test_sums_that_one_cut_cannot_decide_are_still_exact(values: list[float]) -> None:
    padded = np.zeros(70_000)
    padded[[11, 33_000, 69_000, 69_001][: len(values)]] = values
    assert exact_sum(padded) == math.fsum(values)
