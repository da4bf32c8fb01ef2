"""Explain (解释): open one row's figure into its equations, numbers put in, with every term's source."""

from __future__ import annotations

import math
import re
from collections.abc import Hashable, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, Literal

import numpy as np
import pandas as pd

from methodologies.declaration import Methodology, Quantification, Step
from methodologies.errors import ExplanationMismatch
from methodologies.formula import evaluate, names_in, number_text, render, result_text, term_text
from methodologies.parameters import ParameterInForce

_RELATIVE = 1e-9
_SELECTION = re.compile(r"\{([a-z0-9_]+)\} == '[^']*'")
_PERIOD_WORDS = {
    "period_start_year": ("t1", "监测期开始（十进制年）", "start of the monitoring period, decimal year"),
    "period_end_year": ("t2", "监测期结束（十进制年）", "end of the monitoring period, decimal year"),
    "period_years": ("Δt", "监测期长度", "length of the monitoring period"),
}


@dataclass(frozen=True, slots=True)
class Term:
    """One term of an equation. ``source``, ``status``, ``page``, ``valid_from`` and ``note`` speak of
    parameters;
    an input has the status "input", an earlier step "step", the monitoring period "period"."""

    name: str
    symbol: str
    kind: Literal["input", "parameter", "step", "period"]
    value: float | str | bool | date
    text: str
    unit: str
    meaning_zh: str
    meaning_en: str
    status: str
    source: str = ""
    page: str = ""
    valid_from: date | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class ExplainedStep:
    """One equation of one row: ``equation`` in symbols, ``numbers`` with the values put in, and the result.

    ``template`` is the equation over term names, for whoever wants to recompute it. ``condition`` and
    ``condition_numbers`` say why this branch holds, denying those passed over (empty when there is only
    one).
    """

    name: str
    symbol: str
    unit: str
    value: float
    text: str
    template: str
    condition_template: str
    equation: str
    numbers: str
    condition: str
    condition_numbers: str
    equation_no: str
    source: str
    meaning_zh: str
    meaning_en: str
    terms: tuple[Term, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON; dates in ISO form."""
        plain = asdict(self)
        for term in plain["terms"]:
            for name in ("value", "valid_from"):
                if isinstance(term[name], date):
                    term[name] = term[name].isoformat()
        return plain


def explain_row(
    methodology: Methodology, quantification: Quantification, index: Hashable
) -> list[ExplainedStep]:
    """The steps of one row, the last being the net figure.

    Each printed equation is evaluated from its own terms and compared with the stored figure; should they
    differ by more than 1e-9, :class:`ExplanationMismatch` is raised instead of a false explanation.
    KeyError when there is no such row.
    """
    row = quantification.frame.loc[index]
    values: dict[str, Any] = {name: _plain(row[name]) for name in quantification.frame.columns}
    values |= quantification.period.terms()
    parameters = methodology.parameters.at(quantification.as_of).table
    values |= {name: parameter.value for name, parameter in parameters.items()}
    explained = [_explain(methodology, step, values, parameters) for step in methodology.steps]
    for step in explained:
        recomputed = float(evaluate(step.template, values))
        # A small result may be the difference of large terms; rounding is judged by their size.
        size = max((abs(term.value) for term in step.terms if isinstance(term.value, float)), default=1.0)
        if not math.isclose(recomputed, step.value, rel_tol=_RELATIVE, abs_tol=1e-12 * max(size, 1.0)):
            raise ExplanationMismatch(
                key=methodology.key, row=index, step=step.name, recomputed=recomputed, stored=step.value
            )
    return explained


def _explain(
    methodology: Methodology,
    step: Step,
    values: Mapping[str, Any],
    parameters: Mapping[str, ParameterInForce],
) -> ExplainedStep:
    condition, formula = _branch(step, values)
    names = dict.fromkeys((*names_in(condition), *names_in(formula)))
    terms = tuple(_term(methodology, name, values, parameters) for name in names)
    symbols = {term.name: term.symbol for term in terms}
    texts = {term.name: term_text(term.value) for term in terms}
    value = values[step.name]
    return ExplainedStep(
        name=step.name,
        symbol=step.symbol,
        unit=step.unit,
        value=value,
        text=number_text(value),
        template=formula,
        condition_template=condition,
        equation=f"{step.symbol} = {render(formula, symbols)}",
        numbers=f"{render(formula, texts)} = {result_text(value, step.unit)}",
        condition=render(condition, symbols),
        condition_numbers=render(condition, texts),
        equation_no=step.equation_no,
        source=step.source,
        meaning_zh=step.meaning_zh,
        meaning_en=step.meaning_en,
        terms=terms,
    )


def _branch(step: Step, values: Mapping[str, Any]) -> tuple[str, str]:
    """Condition and equation of the branch that holds; the condition also denies the branches passed over."""
    denied: list[str] = []
    for case in step.cases:
        if not case.when or evaluate(case.when, values):
            if _selects(case.when) and all(
                _selects(other.when) == _selects(case.when) for other in step.cases[:-1]
            ):
                return case.when, case.formula
            own = [f"({case.when})" if " or " in case.when else case.when] if case.when else []
            return " and ".join([*denied, *own]), case.formula
        denied.append(f"not ({case.when})")
    raise AssertionError("the last case has no condition")  # the declaration was checked


def _selects(condition: str) -> str:
    """The column a condition picks one choice of, "" for others; such conditions exclude each other."""
    match = _SELECTION.fullmatch(condition)
    return match[1] if match else ""


def _term(
    methodology: Methodology, name: str, values: Mapping[str, Any], parameters: Mapping[str, ParameterInForce]
) -> Term:
    value = values[name]
    text = number_text(value)
    if name in parameters:
        p = parameters[name]
        return Term(
            name, p.symbol, "parameter", value, text, p.unit, p.meaning_zh, p.meaning_en, p.status,
            p.source, p.page, p.valid_from, p.note,
        )  # fmt: skip
    if name in _PERIOD_WORDS:
        symbol, zh, en = _PERIOD_WORDS[name]
        return Term(name, symbol, "period", value, text, "yr", zh, en, "period")
    for column in methodology.columns:
        if column.name == name:
            symbol = column.symbol or name
            return Term(
                name, symbol, "input", value, text, column.unit, column.meaning_zh, column.meaning_en, "input"
            )
    step = methodology.step(name)
    return Term(
        name,
        step.symbol,
        "step",
        value,
        text,
        step.unit,
        step.meaning_zh,
        step.meaning_en,
        "step",
        step.source,
    )


def _plain(cell: Any) -> Any:
    if isinstance(cell, pd.Timestamp | np.datetime64):
        return pd.Timestamp(cell).date()
    return cell.item() if isinstance(cell, np.generic) else cell
