"""Measured tables: checked as frames are, joined by key, in any order of lines; shared code in the digest."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).parent / "plugin_package"))

from hedgerow_plugin.hedgerow_v1 import METHODOLOGY as HEDGE

from methodologies import conformance
from methodologies.contract import Column, ColumnError, InvalidRows, Methodology, Preparation, run
from methodologies.errors import ConformanceFailed, InvalidDeclaration, InvalidOutput
from methodologies.formula import evaluate, parse, render
from methodologies.preparation import prepare

EXAMPLE = HEDGE.example()
HEIGHTS: pd.DataFrame = (EXAMPLE.tables or {})["heights"]
(MEASURED,) = HEDGE.preparations


def go(frame: pd.DataFrame = EXAMPLE.frame, methodology: Methodology = HEDGE, **tables: Any) -> Any:
    return run(
        methodology, frame, period=EXAMPLE.period, as_of=EXAMPLE.as_of, tables=tables or {"heights": HEIGHTS}
    )


def refusal(frame: pd.DataFrame = EXAMPLE.frame, **tables: Any) -> InvalidRows:
    with pytest.raises(InvalidRows) as caught:
        go(frame, **tables)
    return caught.value


def test_a_table_fills_the_column_and_keeps_the_rest_for_the_sheet() -> None:
    result = go()
    assert list(result.frame["height_m"]) == [1.35, 2.0, pytest.approx((0.8 + 0.9 + 1.1) / 3)]
    assert list(result.prepared["heights"]["points"]) == [3.0, 1.0, 2.0]  # by key: 丙, 乙, 甲
    assert result.prepared["heights"].index.name == "row"
    by_hand = 0.5 * 1.35**2 * 120 * 44 / 12 / 1000 - 3 * 2.886 / 1000
    assert result.frame.loc["甲", "net_t"] == pytest.approx(by_hand, rel=1e-12)
    # Given by hand instead of by table, it is the same input.
    typed = run(
        HEDGE,
        EXAMPLE.frame.assign(height_m=result.frame["height_m"]),
        period=EXAMPLE.period,
        as_of=EXAMPLE.as_of,
    )
    assert typed.input_digest == result.input_digest and typed.net_t == result.net_t
    assert typed.table_digests == {} and len(result.table_digests["heights"]) == 64


def test_the_order_of_lines_and_their_labels_decide_nothing() -> None:
    first = go()
    shuffled = HEIGHTS.sample(frac=1, random_state=3).set_axis(range(100, 106), axis=0)
    assert go(heights=shuffled[HEIGHTS.columns[::-1]]).record() == first.record()
    other = HEIGHTS.assign(point_height_m=HEIGHTS["point_height_m"] + 0.01)
    assert go(heights=other).table_digests != first.table_digests


def test_numbered_rows_meet_numbered_keys() -> None:
    frame = EXAMPLE.frame.set_axis([1, 2, 3], axis=0)
    lines = HEIGHTS.assign(row=["1", "1", "2", "3", "3", "3"])
    assert list(go(frame, heights=lines).frame["height_m"]) == list(go().frame["height_m"])


@pytest.mark.parametrize(
    ("change", "column", "words"),
    [
        (lambda t: t.assign(point_height_m=[1.2, 99.0, 2, 1, 1, 1]), "point_height_m", "out of range"),
        (lambda t: t.assign(point_height_m=[1.2, np.nan, 2, 1, 1, 1]), "point_height_m", "lacks"),
        (
            lambda t: t.assign(point=[1, 1, 1, 1, 2, 3]),
            "row, point",
            "repeats an earlier one (row, point: 甲",
        ),
        (
            lambda t: t.assign(row=["甲", "丁", "乙", "丙", "丙", "丙"]),
            "row",
            "is 丁, which no row of the frame has",
        ),
        (lambda t: t.drop(columns="point"), "point", "lacks"),
        (lambda t: t.assign(depth=1.0), "depth", "unknown"),
    ],
)
def test_a_bad_line_is_named_with_its_table(change: Any, column: str, words: str) -> None:
    error = refusal(heights=change(HEIGHTS))
    problem = next(p for p in error.problems if p.column == column)
    assert words in problem.en and problem.table == "heights"
    assert problem.en.startswith("Table heights: ") and problem.zh.startswith("附表 heights：")
    assert problem.as_dict()["table"] == "heights"


def test_the_line_named_is_the_line_of_the_table() -> None:
    lines = HEIGHTS.set_axis(range(2, 8), axis=0).iloc[::-1]
    wrong = lines.assign(row=lines["row"].replace({"乙": "已"}))
    (problem,) = refusal(heights=wrong).problems
    assert problem.row == 4 and problem.value == "已" and "甲" in problem.allowed


def test_a_value_given_both_ways_is_refused_and_an_unknown_table_too() -> None:
    (problem,) = refusal(EXAMPLE.frame.assign(height_m=[None, 2.0, None])).problems
    assert (problem.row, problem.column, problem.value) == ("乙", "height_m", "2")
    assert "table heights gives it too" in problem.en
    (problem,) = refusal(plots=HEIGHTS).problems
    assert "no table plots" in problem.en and problem.allowed == "heights"


def test_a_row_without_measurements_lacks_the_column() -> None:
    (problem,) = refusal(heights=HEIGHTS[HEIGHTS["row"] != "乙"]).problems
    assert (problem.row, problem.column) == ("乙", "height_m") and "lacks" in problem.en


def test_a_table_on_its_own() -> None:
    lines, warnings = prepare(MEASURED, HEIGHTS, period=HEDGE_PERIOD, p=HEDGE.parameters.at(EXAMPLE.as_of))
    assert lines.loc["甲", "height_m"] == 1.35 and warnings == ()
    with pytest.raises(InvalidRows):
        prepare(MEASURED, HEIGHTS.assign(point=0), period=HEDGE_PERIOD, p=HEDGE.parameters.at(EXAMPLE.as_of))


HEDGE_PERIOD = go().period


def with_compute(compute: Any, **changes: Any) -> Methodology:
    return dataclasses.replace(
        HEDGE, preparations=(dataclasses.replace(MEASURED, compute=compute, **changes),)
    )


def good(table: pd.DataFrame, **words: Any) -> pd.DataFrame:
    return MEASURED.compute(table, **words)


@pytest.mark.parametrize(
    "compute",
    [
        lambda t, **w: good(t, **w).drop(columns="points"),
        lambda t, **w: pd.concat([good(t, **w)] * 2),
        lambda t, **w: good(t, **w).rename(index={"甲": "戊"}),
        lambda t, **w: t["nothing"],
    ],
    ids=["columns", "keys twice", "foreign key", "raises"],
)
def test_a_preparation_that_breaks_its_word_is_named(compute: Any) -> None:
    with pytest.raises(InvalidOutput, match="heights"):
        go(methodology=with_compute(compute))


def test_outputs_out_of_range_are_findings_about_the_data() -> None:
    with pytest.raises(InvalidRows) as caught:
        go(methodology=with_compute(lambda t, **w: good(t, **w).assign(height_m=99.0)))
    assert {p.row for p in caught.value.problems} == {"甲", "乙", "丙"}
    assert all(p.table == "heights" and "out of range" in p.en for p in caught.value.problems)


def test_a_preparation_cannot_reach_the_callers_table() -> None:
    def meddle(table: pd.DataFrame, **words: Any) -> pd.DataFrame:
        result = good(table, **words)
        table["point_height_m"] = 0.0
        return result

    before = HEIGHTS.copy(deep=True)
    assert go(methodology=with_compute(meddle)).net_t == go().net_t and HEIGHTS.equals(before)


def test_a_preparation_that_gives_other_figures_each_time_is_caught() -> None:
    conformance.check_all(HEDGE)
    generator = np.random.default_rng(5)

    def noisy(table: pd.DataFrame, **words: Any) -> pd.DataFrame:
        result = good(table, **words)
        return result.assign(height_m=result["height_m"] + generator.normal() * 1e-6)

    with pytest.raises(ConformanceFailed, match="prepares_tables"):
        conformance.prepares_tables(with_compute(noisy), EXAMPLE)


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "two words"},
        {"title_en": ""},
        {"key": "hedge"},
        {"unique": ("row", "depth")},
        {"outputs": ()},
        {"columns": (*MEASURED.columns, MEASURED.columns[0])},
        {"outputs": (Column("row", "text", "", "键", "key"),)},
    ],
)
def test_a_preparation_that_contradicts_itself_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidDeclaration):
        dataclasses.replace(MEASURED, **changes)


def preparation(**changes: Any) -> tuple[Preparation, ...]:
    return (dataclasses.replace(MEASURED, **changes),)


@pytest.mark.parametrize(
    "preparations",
    [
        (MEASURED, MEASURED),
        preparation(outputs=(Column("net_t", "float", "t", "净", "net", -1, 1),)),
        preparation(outputs=(Column("height_m", "int", "m", "高", "height", 0, 10),)),
        preparation(key="hedge_code", columns=(Column("hedge_code", "text", "", "编号", "code"),), unique=()),
    ],
    ids=["same name", "a step", "another kind", "no such key"],
)
def test_a_methodology_whose_tables_do_not_fit_is_refused(preparations: Any) -> None:
    with pytest.raises(InvalidDeclaration, match="hedgerow_v1"):
        dataclasses.replace(HEDGE, preparations=preparations)


def test_libraries_are_part_of_the_code_digest(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "table.toml").write_text("a = 1\n", encoding="utf-8")
    alone, shared = HEDGE, dataclasses.replace(HEDGE, libraries=(tmp_path / "shared",))
    assert alone.code_digest != shared.code_digest
    (tmp_path / "shared" / "cases").mkdir()
    (tmp_path / "shared" / "cases" / "one.toml").write_text("b = 2\n", encoding="utf-8")
    assert dataclasses.replace(shared).code_digest == shared.code_digest
    (tmp_path / "shared" / "table.toml").write_text("a = 2\n", encoding="utf-8")
    assert dataclasses.replace(shared).code_digest != shared.code_digest
    with pytest.raises(InvalidDeclaration, match="no library"):
        dataclasses.replace(HEDGE, libraries=(tmp_path / "gone",))


@pytest.mark.parametrize(
    ("template", "value", "printed"),
    [
        ("exp(ln({x}) * 2)", 6.25, "exp(ln(2.5) × 2)"),
        ("sqrt({x}) + floor({x})", 2.5**0.5 + 2, "√(2.5) + floor(2.5)"),
        ("floor(0 - {x})", -3.0, "floor(0 − 2.5)"),
        ("abs(1 - {x})", 1.5, "abs(1 − 2.5)"),
    ],
)
def test_functions_of_equations(template: str, value: float, printed: str) -> None:
    assert evaluate(template, {"x": 2.5}) == pytest.approx(value, rel=1e-15)
    assert render(template, {"x": "2.5"}) == printed


@pytest.mark.parametrize("template", ["exp()", "ln({x}, 10)", "min({x})", "round({x})", "abs(x={x})"])
def test_functions_are_called_as_declared(template: str) -> None:
    with pytest.raises(InvalidDeclaration):
        parse(template)


def column(**changes: Any) -> Column:
    plain = {"name": "area_ha", "kind": "float", "unit": "ha", "low": 0, "high": 1000}
    return Column(**(plain | {"meaning_zh": "面积", "meaning_en": "area"} | changes))


def test_what_a_column_may_say_of_its_values() -> None:
    assert column(error=ColumnError("relative", 0.02, "survey manual")).error is not None
    for changes in (
        {"usual": (0, 2000)},
        {"usual": (5, 1)},
        {
            "error": ColumnError("absolute", 1.0, "x"),
            "kind": "bool",
            "low": None,
            "high": None,
            "name": "x_ha",
        },
    ):
        with pytest.raises(InvalidDeclaration):
            column(**changes)
    for words in (("other", 1.0, "x"), ("relative", 0.0, "x"), ("relative", 0.1, " ")):
        with pytest.raises(InvalidDeclaration):
            ColumnError(*words)  # type: ignore[arg-type]


def test_an_unusual_value_is_for_review_and_names_its_unit() -> None:
    frame = EXAMPLE.frame.assign(hedge_m=[120.0, 40.0, 9000.0])
    (warning,) = go(frame).warnings
    assert (warning.row, warning.severity, warning.unit) == ("丙", "review", "m")
    assert "9000" in warning.en and warning.allowed == "0 – 5000"


def test_a_model_that_raises_is_named() -> None:
    def trip(frame: pd.DataFrame, **words: Any) -> pd.DataFrame:
        raise ZeroDivisionError("no hedge")

    with pytest.raises(InvalidOutput, match=r"hedgerow_v1.*quantify raised ZeroDivisionError: no hedge"):
        go(methodology=dataclasses.replace(HEDGE, quantify=trip))


def test_a_table_joined_on_a_column_of_the_frame() -> None:
    """Several rows may share a key; without the column there is nothing to join on."""
    kind = Column("kind", "text", "", "类型", "kind of hedge", default="")
    by_kind = dataclasses.replace(
        MEASURED,
        key="kind",
        columns=(dataclasses.replace(kind, default=None), *MEASURED.columns[1:]),
        unique=("kind", "point"),
        compute=lambda t, **w: (
            t.groupby("kind")["point_height_m"].agg(["mean", "size"]).set_axis(["height_m", "points"], axis=1)
        ),
    )
    methodology = dataclasses.replace(HEDGE, columns=(*HEDGE.columns, kind), preparations=(by_kind,))
    lines = pd.DataFrame({"kind": [1, 1, 2], "point": [1, 2, 1], "point_height_m": [1.0, 2.0, 3.0]})
    lines["kind"] = lines["kind"].astype(str)
    frame = EXAMPLE.frame.assign(kind=["1", "2", "1"])
    assert list(go(frame, methodology, heights=lines).frame["height_m"]) == [1.5, 3.0, 1.5]
    with pytest.raises(InvalidRows, match="no column kind to join the table on"):
        go(EXAMPLE.frame, methodology, heights=lines)
    with pytest.raises(InvalidRows, match="lacks height_m"):
        go(frame, methodology, heights=lines.iloc[:0])
