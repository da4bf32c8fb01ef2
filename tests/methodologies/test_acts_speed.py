"""The shortcuts of the contract change nothing: exact sums, columns nobody gave, clean columns."""

from __future__ import annotations

import math
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from methodologies import registry
from methodologies.columns import Column, Findings
from methodologies.contract import run
from methodologies.errors import InvalidRows
from methodologies.sums import exact_sum
from methodologies.validation import canonical

FINITE = st.floats(allow_nan=False, allow_infinity=False)
ACTS = registry()["low_carbon_acts_v1"]


def both(values: np.ndarray[Any, Any]) -> tuple[Any, Any]:
    def attempt(work: Any) -> Any:
        try:
            return work()
        except OverflowError:
            return "overflow"

    return attempt(lambda: exact_sum(values)), attempt(lambda: math.fsum(values.tolist()))


@given(st.lists(FINITE, max_size=60))
@settings(max_examples=300, deadline=None)
def test_a_sum_is_rounded_once(numbers: list[float]) -> None:
    found, expected = both(np.array(numbers))
    assert found == expected


@pytest.mark.parametrize("rows", [32_767, 32_768, 32_769, 200_001])
def test_long_sums_agree_in_every_bit(rows: int) -> None:
    rng = np.random.default_rng(rows)
    plain = rng.normal(size=rows)
    for values in (
        plain,
        plain * 10.0 ** rng.integers(-200, 200, rows),
        plain * 1e-320,
        np.repeat([1e16, 1.0, -1e16], rows // 3),
        np.full(rows, 1e304),
        np.zeros(rows),
        np.broadcast_to(np.float64(0.1), rows),
    ):
        found, expected = both(values)
        assert found == expected
        assert found == exact_sum(values[::-1]) if found != "overflow" else True


def test_what_is_not_finite_stays_so() -> None:
    assert math.isnan(exact_sum(np.array([1.0, math.nan])))
    assert exact_sum(np.array([1.0, math.inf])) == math.inf


def row(**more: Any) -> pd.DataFrame:
    return pd.DataFrame({"code": ["XI14", "XI16", "XI17"], "quantity": [1.0, 2.0, 3.0]} | more)


def digest(frame: pd.DataFrame) -> str:
    return run(
        ACTS, frame, period=(date(2026, 11, 1), date(2026, 12, 1)), as_of=date(2026, 11, 22)
    ).input_digest


def test_a_column_left_out_is_the_column_of_defaults() -> None:
    left_out = digest(row())
    assert left_out == digest(row(avoided_km=[0.0, 0.0, 0.0])) == digest(row(avoided_km=[None, 0.0, np.nan]))
    assert left_out != digest(row(avoided_km=[0.0, 0.0, 1.0]))
    assert digest(row(avoided_km=[0.0, 1.0, 0.0])) != digest(row(avoided_km=[1.0, 0.0, 0.0]))
    assert left_out == digest(row(code=pd.Categorical(["XI14", "XI16", "XI17"])))
    assert len({digest(row(avoided_km=[x, x, x])) for x in (0.0, 1.0, 2.0)}) == 3


def test_a_clean_column_is_copied_never_shared() -> None:
    column = Column("area_ha", "float", "ha", "面积", "area", 0, 10)
    frame = pd.DataFrame({"area_ha": [1.0, -0.0, 3.0]})
    values = canonical((column,), frame, Findings(frame.index))["area_ha"]
    assert not np.shares_memory(values, frame["area_ha"].to_numpy())
    assert not np.signbit(values[1])


@pytest.mark.parametrize("bad", [math.nan, math.inf, -1.0, 10.5, 2.5])
def test_one_bad_cell_among_many_is_found(bad: float) -> None:
    column = Column("trees_count", "int", "", "株数", "trees", 0, 10)
    cells = np.ones(1000)
    cells[617] = bad
    frame = pd.DataFrame({"trees_count": cells})
    findings = Findings(frame.index)
    canonical((column,), frame, findings)
    assert [problem.row for problem in findings.of("error")] == [617]


def test_a_choice_no_category_knows_is_refused_where_it_stands() -> None:
    codes = pd.Categorical(["XI14", "XX99", None], categories=["XX99", "XI14", "never"])
    with pytest.raises(InvalidRows) as caught:
        digest(row(code=codes))
    assert [(problem.row, problem.value) for problem in caught.value.problems] == [(1, "XX99"), (2, "")]


@pytest.mark.parametrize("bad", [3, 2.5, True, ["a"], b"x"])
def test_one_cell_that_is_no_text_is_found(bad: Any) -> None:
    column = Column("note", "text", "", "说明", "note", default="")
    cells = pd.Series(["文字"] * 500 + [bad, None], dtype=object)
    findings = Findings(cells.index)
    canonical((column,), pd.DataFrame({"note": cells}), findings)
    assert [problem.row for problem in findings.of("error")] == [500]


def test_text_and_nothing_but_text_passes() -> None:
    column = Column("note", "text", "", "说明", "note", default="-")
    for cells in (["a", "乙"], ["a", None], [None, None]):
        for dtype in (object, "str"):
            frame = pd.DataFrame({"note": pd.Series(cells, dtype=dtype)})
            findings = Findings(frame.index)
            values = canonical((column,), frame, findings)["note"]
            assert not findings.errors and list(values) == [cell or "-" for cell in cells]
