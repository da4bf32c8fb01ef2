"""An explanation is recomputed by other means than the ones that made it: it cannot lie."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from meth_strategies import examples

from methodologies import registry
from methodologies.contract import ExplainedStep, explain_row, run
from methodologies.errors import ExplanationMismatch
from methodologies.formula import FUNCTIONS, number_text, term_text

KEYS = sorted(registry())
RELAXED = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def python_value(step: ExplainedStep, template: str) -> Any:
    """Python's own evaluation of a template over the terms the step lists, nothing else in scope."""
    scope: dict[str, Any] = {**FUNCTIONS, "__builtins__": {}}
    for term in step.terms:
        scope[term.name] = term.value.toordinal() if isinstance(term.value, date) else term.value
    return eval(re.sub(r"[{}]", "", template), scope)  # noqa: S307 - the templates are the project's own


def printed_value(text: str) -> float:
    """What a reader with a calculator gets out of the printed numbers."""
    text = re.sub(r"\d{4}-\d{2}-\d{2}", lambda day: str(date.fromisoformat(day[0]).toordinal()), text)
    for printed, plain in (("^", "**"), ("×", "*"), ("−", "-")):
        text = text.replace(printed, plain)
    return float(eval(text, {**FUNCTIONS, "__builtins__": {}}))  # noqa: S307


@pytest.mark.parametrize("key", KEYS)
@given(data=st.data())
@RELAXED
def test_every_step_follows_from_its_terms(key: str, data: st.DataObject) -> None:
    methodology = registry()[key]
    example = data.draw(examples(methodology, rows_max=2))
    result = run(methodology, example.frame, period=example.period, as_of=example.as_of)
    for label in example.frame.index:
        steps = explain_row(methodology, result, label)
        assert [step.name for step in steps] == [step.name for step in methodology.steps]
        assert steps[-1].name == "net_t"
        for step in steps:
            size = max([abs(t.value) for t in step.terms if isinstance(t.value, float)], default=1.0)
            recomputed = python_value(step, step.template)
            assert math.isclose(recomputed, step.value, rel_tol=1e-9, abs_tol=1e-9 * max(size, 1)), step
            assert step.value == result.frame.loc[label, step.name]
            if step.condition_template:
                assert python_value(step, step.condition_template) is True, step


@pytest.mark.parametrize("key", KEYS)
def test_the_printed_numbers_give_the_printed_result(key: str) -> None:
    methodology = registry()[key]
    example = methodology.example()
    result = run(methodology, example.frame, period=example.period, as_of=example.as_of)
    for label in example.frame.index:
        for step in explain_row(methodology, result, label):
            left, right = step.numbers.rsplit(" = ", 1)
            amount = float(right.split(" ")[0].replace("−", "-"))
            size = max([abs(t.value) for t in step.terms if isinstance(t.value, float)], default=1.0)
            assert math.isclose(printed_value(left), amount, rel_tol=2e-5, abs_tol=2e-5 * size), step


@pytest.mark.parametrize("key", KEYS)
def test_terms_carry_their_origin(key: str) -> None:
    methodology = registry()[key]
    example = methodology.example()
    result = run(methodology, example.frame, period=example.period, as_of=example.as_of)
    seen: set[str] = set()
    for label in example.frame.index:
        for step in explain_row(methodology, result, label):
            assert step.meaning_zh and step.meaning_en and step.symbol and step.unit
            for term in step.terms:
                seen.add(term.kind)
                assert term.symbol and term.meaning_zh and term.meaning_en
                if term.kind == "parameter":
                    assert term.source and term.valid_from is not None and term.unit
                    assert term.status in {"verified", "secondary", "unverified", "local-decision"}
                    assert term.name in {parameter.name for parameter in result.parameters_used}
                elif term.kind == "input":
                    assert term.status == "input"
            json_ready = step.as_dict()
            assert all(not isinstance(t["value"], date) for t in json_ready["terms"])
    assert {"input", "parameter", "step"} <= seen


def test_a_figure_that_does_not_follow_is_withheld() -> None:
    methodology = registry()["camellia_oil_v1"]
    example = methodology.example()
    result = run(methodology, example.frame, period=example.period, as_of=example.as_of)
    wrong = result.frame.copy()
    wrong.loc["示例-1", "e_fert_t"] += 0.001
    with pytest.raises(ExplanationMismatch) as caught:
        explain_row(methodology, replace(result, frame=wrong), "示例-1")
    assert "示例-1" in caught.value.message("en") and "e_fert_t" in caught.value.message("zh")


def test_an_unknown_row_is_a_key_error() -> None:
    methodology = registry()["camellia_oil_v1"]
    example = methodology.example()
    result = run(methodology, example.frame, period=example.period, as_of=example.as_of)
    with pytest.raises(KeyError):
        explain_row(methodology, result, "no such parcel")


def test_the_branch_taken_is_explained() -> None:
    methodology = registry()["ratoon_rice_v1"]
    example = methodology.example()
    result = run(methodology, example.frame, period=example.period, as_of=example.as_of)
    steps = {step.name: step for step in explain_row(methodology, result, "示例-1")}
    assert steps["main_sf_w"].condition == "main_regime = 'multiple'"
    assert steps["base1_sf_w"].condition_numbers.startswith("¬ ('single' = 'continuous' ∧ 否/no)")
    assert "177 > 180" in steps["main_sf_p"].condition_numbers
    assert steps["main_l_days"].numbers == "2025-08-08 − 2025-04-10 = 120 d"
    act = registry()["low_carbon_acts_v1"]
    example = act.example()
    result = run(act, example.frame, period=example.period, as_of=example.as_of)
    first = explain_row(act, result, "示例-XI14b")
    assert first[0].condition == "code = 'XI14b'"
    assert first[2].numbers == "1 × 80 = 80 g CO2e"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (7356.1234567, "7356.12"),
        (0.016, "0.016"),
        (0.002886, "0.002886"),
        (1234567.89, "1234568"),
        (-91.771428, "-91.7714"),
        (1e-20, "1e-20"),
        (2021.0, "2021"),
        (True, "是/yes"),
        (date(2025, 4, 10), "2025-04-10"),
        ("plot", "'plot'"),
    ],
)
def test_numbers_as_people_read_them(value: Any, text: str) -> None:
    assert number_text(value) == text


def test_a_negative_term_stands_in_brackets() -> None:
    assert term_text(-2.5) == "(−2.5)"
