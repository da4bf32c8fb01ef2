"""Equations as spreadsheet formulas: what a spreadsheet computes is what the platform computed."""

from __future__ import annotations

import io
import math
import re
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook
from workbook_engine import Spreadsheet

from carbon_platform.credits.sheets_formula import (
    LENGTH_MAX,
    NESTING_MAX,
    TooLong,
    branch_formula,
    step_formula,
)
from methodologies import registry
from methodologies.contract import Case, Step
from methodologies.formula import FUNCTIONS, evaluate

CELLS = {"a": "B1", "b": "B2", "c": "$B$3", "word": "B4", "flag": "B5"}


def step(formula: str | tuple[Case, ...]) -> Step:
    return Step("x", "x", "1", formula, "试", "test")


def computed(formula: str, values: dict[str, object]) -> object:
    """What a spreadsheet says: a workbook with the values in column B and the formula in C1."""
    book = Workbook()
    for name, address in CELLS.items():
        book.active[address.replace("$", "")].value = values.get(name, 1.0)
    book.active["C1"].value = formula
    made = io.BytesIO()
    book.save(made)
    return Spreadsheet(made.getvalue())["C1"]


@pytest.mark.parametrize(
    ("template", "formula"),
    [
        ("{a} * {b} * 44 / 28", "=B1*B2*44/28"),
        ("{a} - ({b} - {c})", "=B1-(B2-$B$3)"),
        ("{a} / ({b} * {c})", "=B1/(B2*$B$3)"),
        ("-{a} ** 2", "=(-(B1^2))"),
        ("2 ** {a} ** {b}", "=2^(B1^B2)"),
        ("({a} + 1) ** -{b}", "=(B1+1)^(-B2)"),
        ("min(0, {a} - {b})", "=MIN(0,B1-B2)"),
        ("floor({a} / {b}) + abs({c})", "=INT(B1/B2)+ABS($B$3)"),
        ("1e-05 * exp(ln({a})) * sqrt({b})", "=1E-05*EXP(LN(B1))*SQRT(B2)"),
    ],
)
def test_arithmetic_keeps_its_order(template: str, formula: str) -> None:
    assert step_formula(step(template), CELLS) == formula
    values = {"a": 1.75, "b": 2.5, "c": -3.0}
    assert math.isclose(float(computed(formula, values)), evaluate(template, values), rel_tol=1e-14)  # type: ignore[arg-type]


@given(
    st.recursive(
        st.sampled_from(["{a}", "{b}", "{c}", "2", "0.5"]),
        lambda part: st.one_of(
            st.tuples(part, st.sampled_from("+-*"), part).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
            st.tuples(part, st.sampled_from("+-*"), part).map(lambda t: f"{t[0]} {t[1]} {t[2]}"),
            part.map(lambda t: f"-({t})"),
            part.map(lambda t: f"-{t}" if not t.startswith("-") else t),
            part.map(lambda t: f"({t}) ** 2"),
            st.tuples(part, part).map(lambda t: f"max({t[0]}, {t[1]})"),
        ),
        max_leaves=8,
    )
)
def test_any_equation_has_the_same_value_there(template: str) -> None:
    values = {"a": 1.25, "b": -2.5, "c": 0.75}
    told = float(computed(step_formula(step(template), CELLS), values))  # type: ignore[arg-type]
    assert math.isclose(told, evaluate(template, values), rel_tol=1e-12, abs_tol=1e-12)


def test_branches_become_nested_if_and_are_numbered() -> None:
    cases = step((Case("{word} == 'plot'", "{a}"), Case("{b} <= 10 and not {flag}", "{b}"), Case("", "0")))
    assert step_formula(cases, CELLS) == '=IF(EXACT(B4,"plot"),B1,IF(AND(B2<=10,NOT(B5)),B2,0))'
    assert branch_formula(cases, CELLS) == '=IF(EXACT(B4,"plot"),1,IF(AND(B2<=10,NOT(B5)),2,3))'
    assert branch_formula(step("{a}"), CELLS) == ""
    # A spreadsheet's own "=" would take PLOT for plot.
    values = {"a": 7.0, "b": 10.0, "word": "PLOT", "flag": False}
    assert computed(step_formula(cases, CELLS), values) == 10.0
    assert computed(step_formula(cases, CELLS), values | {"word": "plot"}) == 7.0
    assert computed(step_formula(cases, CELLS), values | {"flag": True}) == 0.0
    assert computed(step_formula(cases, CELLS), values | {"b": 10.000001}) == 0.0


def test_a_condition_guards_what_follows_it() -> None:
    guarded = step(
        (Case("{a} > 0 and {b} / {a} > 2", "1"), Case("{a} == 0 or {b} / {a} < 0", "2"), Case("", "3"))
    )
    formula = step_formula(guarded, CELLS)
    for a, b, expected in ((0.0, 5.0, 2.0), (1.0, 5.0, 1.0), (-1.0, 5.0, 2.0), (4.0, 5.0, 3.0)):
        assert computed(formula, {"a": a, "b": b}) == expected


def test_dates_are_days_from_another_day() -> None:
    """Beside dates they count as they stand; beside numbers as the equations count them."""
    dates = ("a", "b")
    start, end = date(2024, 2, 28), date(2025, 3, 1)
    values = {"a": end, "b": start, "c": float(date(2025, 1, 1).toordinal())}
    for template, formula in (
        ("{a} - {b}", "=B1-B2"),
        ("max({a}, {b}) - min({a}, {b})", "=MAX(B1,B2)-MIN(B1,B2)"),
        ("{a} - {c}", "=(B1+693594)-$B$3"),
        ("max({a}, {c}) + 1", "=MAX((B1+693594),$B$3)+1"),
        ("{a} + 0", "=(B1+693594)+0"),
    ):
        assert step_formula(step(template), CELLS, dates) == formula
        assert computed(formula, values) == evaluate(template, values), template
    later = step((Case("{a} > {b} and {a} >= {c}", "1"), Case("", "0")))
    assert step_formula(later, CELLS, dates) == "=IF(AND(B1>B2,(B1+693594)>=$B$3),1,0)"
    assert computed(step_formula(later, CELLS, dates), values) == 1.0


def test_quotes_in_a_word_stay_inside_it() -> None:
    assert step_formula(step((Case("""{word} == 'say "x"'""", "1"), Case("", "0"))), CELLS) == (
        '=IF(EXACT(B4,"say ""x"""),1,0)'
    )
    assert (
        step_formula(step((Case("{word} != 'x'", "1"), Case("", "0"))), CELLS)
        == '=IF(NOT(EXACT(B4,"x")),1,0)'
    )


def test_what_no_spreadsheet_opens_is_refused() -> None:
    many = tuple(Case(f"{{a}} == {n}", "1") for n in range(NESTING_MAX))
    with pytest.raises(TooLong, match="64"):
        step_formula(step((*many, Case("", "0"))), CELLS)
    with pytest.raises(TooLong):
        step_formula(step(" + ".join(["{a}"] * 50)), {"a": "$A$1" * (LENGTH_MAX // 100)})
    with pytest.raises(KeyError):
        step_formula(step("{unknown}"), CELLS)


def test_every_function_of_the_grammar_has_its_counterpart() -> None:
    for name in FUNCTIONS:
        arguments = "{a}, {b}" if name in ("min", "max") else "{a}"
        formula = step_formula(step(f"{name}({arguments})"), CELLS)
        values = {"a": 2.75, "b": 3.5}
        assert math.isclose(float(computed(formula, values)), evaluate(f"{name}({arguments})", values))  # type: ignore[arg-type]


@pytest.mark.parametrize("key", sorted(registry()))
def test_every_step_of_every_methodology_has_a_formula(key: str) -> None:
    methodology = registry()[key]
    cells = {name: f"D{row}" for row, name in enumerate(_names(key), start=1)}
    for one in methodology.steps:
        formula = step_formula(one, cells)
        assert formula.count("(") == formula.count(")"), one.name
        assert not re.search(r"[{}]|\*\*|==|!=", formula), one.name
        cells[one.name] = f"D{len(cells) + 1}"


def _names(key: str) -> list[str]:
    methodology = registry()[key]
    return [
        *(column.name for column in methodology.columns),
        *(parameter.name for parameter in methodology.parameters),
        "period_start_year",
        "period_end_year",
        "period_years",
    ]
