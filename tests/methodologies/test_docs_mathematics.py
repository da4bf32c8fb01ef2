"""Drawn equations say what is evaluated: the MathML is read back by a second, independent reader."""

from __future__ import annotations

import math
import re
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from methodologies import registry
from methodologies.declaration import Case, Step
from methodologies.documents.mathml import (
    Symbols,
    equation_latex,
    equation_mathml,
    selection,
    symbol_latex,
    symbol_mathml,
    template_latex,
    template_mathml,
)
from methodologies.formula import evaluate

NAMES = ("a", "b", "c", "d")
WORDS = Symbols({name: name for name in NAMES})
FUNCTIONS = {"min": min, "max": max, "ln": math.log, "sqrt": math.sqrt, "abs": abs, "floor": math.floor}
OPERATORS = {"×": "*", "−": "-", "=": "==", "≠": "!=", "≤": "<=", "≥": ">="}


def python_of(node: ElementTree.Element) -> str:
    """Presentation MathML as a Python expression; brackets only where brackets or bars are drawn."""
    match node.tag:
        case "mn" | "mi" | "mtext":
            text = (node.text or "").replace("\xa0", " ")
            return {"and ": " and ", " and ": " and ", " or ": " or ", "not ": " not "}.get(text, text)
        case "mo":
            return OPERATORS.get(node.text or "", node.text or "")
        case "mfrac":
            return f"(({python_of(node[0])}) / ({python_of(node[1])}))"
        case "msup":
            if "".join(node[0].itertext()) == "e":
                return f"exp({python_of(node[1])})"
            return f"(({python_of(node[0])}) ** ({python_of(node[1])}))"
        case "msqrt":
            return f"sqrt({''.join(python_of(child) for child in node)})"
        case _:
            inner = "".join(python_of(child) for child in node)
            inner = re.sub(r"^\|(.*)\|$", r"abs(\1)", inner)
            return re.sub(r"^⌊(.*)⌋$", r"floor(\1)", inner)


def read_back(template: str, values: dict[str, float]) -> float:
    drawn = python_of(ElementTree.fromstring(template_mathml(template, WORDS)))  # noqa: S314 - our own
    names = values | FUNCTIONS | {"exp": math.exp}
    return float(eval(drawn, {"__builtins__": {}}, names))  # noqa: S307 - our own, above


def formulas() -> st.SearchStrategy[str]:
    """Nested templates with every operator of the grammar, with and without brackets."""
    leaf = st.one_of(
        st.sampled_from([f"{{{name}}}" for name in NAMES]),
        st.sampled_from(["0", "1", "2.5", "44", "12", "1000", "1000000"]),
    )

    def grow(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        pair = st.tuples(inner, inner)
        return st.one_of(
            st.tuples(inner, st.sampled_from([" + ", " - ", " * ", " / "]), inner).map("".join),
            st.tuples(inner, st.sampled_from(["+", "-", "*", "/"]), inner).map(
                lambda parts: f"({parts[0]}) {parts[1]} ({parts[2]})"
            ),
            inner.map(lambda text: f"-({text})"),
            inner.map(lambda text: f"({text}) ** 2"),
            inner.map(lambda text: f"2 ** (({text}) / 100)"),
            pair.map(lambda two: f"min({two[0]}, {two[1]})"),
            pair.map(lambda two: f"max({two[0]}, {two[1]}, 1)"),
            inner.map(lambda text: f"abs({text})"),
            inner.map(lambda text: f"sqrt(abs({text}))"),
            inner.map(lambda text: f"ln(1 + abs({text}))"),
            inner.map(lambda text: f"exp(-abs({text}) / 1000)"),
        )

    return st.recursive(leaf, grow, max_leaves=9)


@settings(max_examples=300, deadline=None)
@given(template=formulas(), numbers=st.tuples(*[st.floats(-50, 50).map(lambda n: round(n, 2))] * 4))
def test_the_drawn_equation_has_the_value_of_the_template(template: str, numbers: tuple[float, ...]) -> None:
    values = dict(zip(NAMES, numbers, strict=True))
    try:
        expected = float(evaluate(template, values))
    except (ZeroDivisionError, OverflowError, ValueError):
        return
    if not abs(expected) < 1e100:
        return
    assert math.isclose(read_back(template, values), expected, rel_tol=1e-9, abs_tol=1e-6), template


def test_floor_and_brackets_around_a_sign() -> None:
    values = {"a": 7.9, "b": 2.0, "c": -3.0, "d": 1.0}
    for template in ("floor({a} / {b}) * 2", "{a} - (-{b} * {c})", "{a} - -{b}", "({a} - {b}) ** 2"):
        assert read_back(template, values) == float(evaluate(template, values)), template


@pytest.mark.parametrize(
    ("template", "truth"),
    [
        ("{a} < 1 and not ({b} >= 2 or {c} != 3)", True),
        ("({a} < 1 or {b} >= 2) and {c} == 4", False),
        ("{a} + 1 <= {b} * 2", True),
    ],
)
def test_conditions_keep_their_brackets(template: str, truth: bool) -> None:
    values = {"a": 0.5, "b": 1.0, "c": 3.0, "d": 0.0}
    english = Symbols(WORDS.symbols, {}, "en")
    drawn = python_of(ElementTree.fromstring(template_mathml(template, english)))  # noqa: S314
    assert bool(evaluate(template, values)) is truth
    assert bool(eval(drawn, {"__builtins__": {}}, values)) is truth  # noqa: S307


@pytest.mark.parametrize(
    ("template", "latex"),
    [
        ("{a} * 44 / 28 * {b}", r"a \times \frac{44}{28} \times b"),
        ("{a} / {b} / {c}", r"\frac{a}{b \times c}"),
        ("{a} / ({b} / {c})", r"\frac{a}{\frac{b}{c}}"),
        ("{a} - ({b} - {c})", r"a-\left(b-c\right)"),
        ("(1 + {a}) ** 0.59", r"\left(1 + a\right)^{0.59}"),
        ("-{a} * {b}", r"-a \times b"),
        ("{a} * -{b}", r"a \times \left(-b\right)"),
        ("{a} / 1000000", r"\frac{a}{10^{6}}"),
        ("exp(-{a} / 2)", r"e^{-\frac{a}{2}}"),
        ("sqrt(abs({a})) * ln({b})", r"\sqrt{\left|a\right|} \times \ln\left(b\right)"),
        ("floor(min({a}, {b}))", r"\left\lfloor \min\left(a,\,b\right)\right\rfloor "),
    ],
)
def test_latex(template: str, latex: str) -> None:
    assert template_latex(template, WORDS) == latex


@pytest.mark.parametrize(
    ("symbol", "latex", "text"),
    [
        ("SFw_main", r"\mathrm{SFw}_{\mathrm{main}}", "SFwmain"),
        ("N2O_base1", r"\mathrm{N_{2}O}_{\mathrm{base1}}", "N₂Obase1"),
        ("ΔCH4", r"\mathrm{\Delta CH_{4}}", "ΔCH₄"),
        ("Δt", r"\Delta t", "Δt"),
        ("a1", "a_{1}", "a1"),
        ("unc_1", r"\mathrm{unc}_{1}", "unc1"),
        ("EF1FR_cf", r"\mathrm{EF1FR}_{\mathrm{cf}}", "EF1FRcf"),
        ("main_harvest_date", r"\mathrm{main\_harvest\_date}", "main_harvest_date"),
    ],
)
def test_symbols(symbol: str, latex: str, text: str) -> None:
    assert symbol_latex(symbol) == latex
    assert "".join(ElementTree.fromstring(symbol_mathml(symbol)).itertext()) == text  # noqa: S314


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_declared_equation_is_drawn(language: str) -> None:
    """Well-formed, every term there once per appearance, braces balanced."""
    for methodology in registry().values():
        words = Symbols.of(methodology, language)  # type: ignore[arg-type]
        for step in methodology.steps:
            tree = ElementTree.fromstring(equation_mathml(step, words))  # noqa: S314
            text = "".join(tree.itertext())
            for name in step.uses:
                drawn = "".join(ElementTree.fromstring(symbol_mathml(words.symbols[name])).itertext())  # noqa: S314
                assert drawn in text, (methodology.key, step.name, name)
            latex = re.sub(r"\\[{}]", "", equation_latex(step, words))
            assert latex.count("{") == latex.count("}"), (methodology.key, step.name)
            assert latex.count(r"\left") == latex.count(r"\right"), (methodology.key, step.name)


def test_terms_of_one_equation_look_different() -> None:
    for methodology in registry().values():
        words = Symbols.of(methodology, "en")
        for step in methodology.steps:
            drawn = [symbol_mathml(words.symbols[name]) for name in step.uses]
            assert len(set(drawn)) == len(drawn), (methodology.key, step.name, step.uses)


def test_parameters_published_under_one_symbol_are_told_apart() -> None:
    words = Symbols.of(registry()["ccer_afforestation_v1"], "en").symbols
    assert (words["cf_oak"], words["bcef_pine_2"]) == ("CF_oak", "BCEF_2_pine")
    assert symbol_latex(words["cf_masson_pine"]) == r"\mathrm{CF}_{\mathrm{masson\ pine}}"


def test_a_choice_is_named_in_the_language_of_the_reader() -> None:
    step = Step(
        "x", "x", "1", (Case("{route} == 'plot' or {route} == 'curve'", "1"), Case("", "0")), "数", "number"
    )
    labels = {("route", "plot"): "样地 <实测>", ("route", "curve"): "曲线"}
    words = Symbols({"route": "route"}, labels)
    assert "样地\xa0&lt;实测&gt;" in equation_mathml(step, words)
    assert equation_latex(step, words) == (
        r"x = \begin{cases} 1 & \text{当 }\mathrm{route} \in \left\{\text{样地 <实测>},\,\text{曲线}\right\}"
        r" \\ 0 & \text{其他情况} \end{cases}"
    )


def test_a_day_is_written_as_a_day() -> None:
    words = Symbols({"begun_date": "begun_date"}, {}, "en", frozenset({"begun_date"}))
    assert template_latex("{begun_date} >= 737425", words) == r"\mathrm{begun\_date} \ge \text{2020-01-01}"


def test_a_step_that_only_selects() -> None:
    chooses = Step("f", "f", "1", (Case("{k} == 'u'", "{a}"), Case("", "0")), "数", "number")
    assert selection(chooses) == ("k", [("u", "{a}"), ("", "0")])
    assert equation_latex(chooses, Symbols({"k": "k", "a": "a"}), brief=True) == r"f = f\left(k\right)"
    for formula in ("{a} + 1", ("mixed",)):
        cases = (Case("{k} == 'u'", "{a} + 1"), Case("", "0")) if isinstance(formula, str) else (
            Case("{k} == 'u'", "{a}"), Case("{a} > 0", "{a}"), Case("", "0"))  # fmt: skip
        assert selection(Step("f", "f", "1", cases, "数", "number")) is None
