"""The contract between the platform and a methodology: :func:`run` computes, :func:`explain_row` opens a
figure.

quantification = run(methodology, frame, period=(start, end), as_of=day)
for step in explain_row(methodology, quantification, "411522-0001"):
    print(step.equation, step.numbers, step.value, step.unit)
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from methodologies.cells import narrow, repeated
from methodologies.columns import Column, ColumnError, Findings
from methodologies.declaration import (
    CONTRACT_VERSION,
    NET,
    Behaviour,
    Case,
    Example,
    Methodology,
    Period,
    Preparation,
    Quantification,
    Step,
    decimal_year,
)
from methodologies.digest import input_digest
from methodologies.errors import InvalidOutput, InvalidRows, MethodologyError, Problem
from methodologies.explain import ExplainedStep, Term, explain_row
from methodologies.parameters import ISSUABLE_STATUSES, DatedValue, Parameter, ParameterSet, ParametersInForce
from methodologies.preparation import Filled, fill_frame
from methodologies.sums import exact_sum
from methodologies.validation import canonical

__all__ = [
    "CONTRACT_VERSION",
    "NET",
    "Behaviour",
    "Case",
    "Column",
    "ColumnError",
    "DatedValue",
    "Example",
    "ExplainedStep",
    "Findings",
    "InvalidRows",
    "Methodology",
    "Parameter",
    "ParameterSet",
    "ParametersInForce",
    "Period",
    "Preparation",
    "Problem",
    "Quantification",
    "Step",
    "Term",
    "decimal_year",
    "explain_row",
    "run",
]


def run(
    methodology: Methodology,
    frame: pd.DataFrame,
    *,
    period: tuple[date, date],
    as_of: date,
    tables: Mapping[str, pd.DataFrame] | None = None,
) -> Quantification:
    """Validate a frame, compute it, check the output and fingerprint everything that decided it.

    ``frame``: one row per subject, labelled by a unique flat index; columns as the methodology declares
    them, in any order; it is never changed. ``period``: [start, end). ``as_of``: the day whose parameters
    apply. ``tables``: measured tables (附表) by name of their preparation, one line per measurement, in any
    order; never changed. Raises :class:`InvalidRows` (all problems, the first 100 spelt out),
    :class:`InvalidPeriod`, :class:`ParameterNotInForce`, and :class:`InvalidOutput` when the model itself
    misbehaves.
    """
    checked_period = Period.of(period)
    p = methodology.parameters.at(as_of)
    findings = Findings(frame.index)
    filled = Filled(frame, {}, {})
    if tables:
        filled = fill_frame(
            methodology.preparations,
            methodology.columns,
            frame,
            tables,
            period=checked_period,
            p=p,
            findings=findings,
        )
    if findings.errors:  # empty columns would only be the consequence of a table that cannot be used
        raise InvalidRows(findings.of("error"), findings.errors)
    values = canonical(methodology.columns, filled.frame, findings)
    if findings.errors:
        raise InvalidRows(findings.of("error"), findings.errors)
    inputs = _side_by_side(values, frame.index)
    with _named(methodology, "check"):
        methodology.check(inputs.copy(deep=False), period=checked_period, p=p, findings=findings)
    if findings.errors:
        raise InvalidRows(findings.of("error"), findings.errors)
    with _named(methodology, "quantify"):
        outputs = methodology.quantify(inputs.copy(deep=False), period=checked_period, p=p)
    result, sums = _checked(methodology, inputs, outputs)
    _judged(methodology, inputs, outputs, period=checked_period, p=p, findings=findings)
    _reviewed(methodology, inputs, outputs, period=checked_period, p=p, findings=findings)
    blocking = tuple(used.name for used in p.used_table() if used.status not in ISSUABLE_STATUSES)
    return Quantification(
        key=methodology.key,
        period=checked_period,
        as_of=as_of,
        frame=result,
        totals=_totals(methodology, result, sums),
        parameters_used=p.used_table(),
        input_digest=input_digest(methodology.columns, values, frame.index, checked_period),
        parameter_digest=methodology.parameters.digest(as_of),
        code_digest=methodology.code_digest,
        gwp_set=methodology.gwp_set,
        issuable=not blocking,
        blocking_parameters=blocking,
        warnings=findings.of("review"),
        prepared=filled.prepared,
        table_digests=filled.digests,
    )


@contextmanager
def _named(methodology: Methodology, part: str) -> Iterator[None]:
    """Whatever a model trips over becomes the named error of that methodology; its own reasons pass."""
    try:
        yield
    except MethodologyError:
        raise
    except Exception as error:
        words = f"{part} raised {type(error).__name__}: {error}"
        zh = f"{part} 出错（{type(error).__name__}：{error}）"
        raise InvalidOutput(key=methodology.key, reason=words, reason_zh=zh) from error


def _side_by_side(values: Mapping[str, Any], index: pd.Index) -> pd.DataFrame:
    """Canonical columns as a frame: each stays its own array, and one cell repeated stays one cell."""

    def kept(cells: Any) -> Any:
        if not isinstance(cells, np.ndarray):
            return cells
        if cells.dtype.kind == "M":
            # pandas counts time in seconds: converted by pandas, the one day would become one for each row.
            moments = (narrow(cells).astype("datetime64[D]", copy=False).view(np.int64) * 86_400).view(
                "M8[s]"
            )
            return moments if len(moments) == len(cells) else repeated(moments, len(cells))
        one = cells.dtype.kind == "O" and cells.strides == (0,)
        return pd.Series(cells[:1]).array.repeat(len(cells)) if one else cells

    # copy=False: no pass over the data just to arrange it.
    return pd.DataFrame({name: kept(cells) for name, cells in values.items()}, index=index, copy=False)


def _judged(
    methodology: Methodology,
    inputs: pd.DataFrame,
    outputs: pd.DataFrame,
    *,
    period: Period,
    p: ParametersInForce,
    findings: Findings,
) -> None:
    """Rules between columns that need the figures; :class:`InvalidRows` as if ``check`` had refused."""
    if methodology.judge is None:
        return
    given = inputs.copy(deep=False), outputs.copy(deep=False)
    with _named(methodology, "judge"):
        methodology.judge(*given, period=period, p=p, findings=findings)
    if findings.errors:
        raise InvalidRows(findings.of("error"), findings.errors)


def _reviewed(
    methodology: Methodology,
    inputs: pd.DataFrame,
    outputs: pd.DataFrame,
    *,
    period: Period,
    p: ParametersInForce,
    findings: Findings,
) -> None:
    """What the figures themselves give a reviewer to look at; a refusal belongs into ``check``."""
    if methodology.review is None:
        return
    given = inputs.copy(deep=False), outputs.copy(deep=False)
    with _named(methodology, "review"):
        methodology.review(*given, period=period, p=p, findings=findings)
    if findings.errors:
        reason = f"review added an error: {findings.of('error')[0].en}"
        zh = f"review 只能提出复核意见，却给出了错误：{findings.of('error')[0].zh}"
        raise InvalidOutput(key=methodology.key, reason=reason, reason_zh=zh)


def _checked(
    methodology: Methodology, inputs: pd.DataFrame, outputs: Any
) -> tuple[pd.DataFrame, dict[str, float]]:
    """Inputs and outputs side by side, once the outputs are as declared: names, index, finite numbers.

    Beside them the sums of the outputs that have a total: where a sum is finite, so is every term of it.
    """

    def wrong(reason: str, reason_zh: str) -> InvalidOutput:
        return InvalidOutput(key=methodology.key, reason=reason, reason_zh=reason_zh)

    declared = [step.name for step in methodology.steps]
    if not isinstance(outputs, pd.DataFrame):
        raise wrong(f"it returned a {type(outputs).__name__}, not a DataFrame", "返回的不是数据框")
    if list(outputs.columns) != declared:
        odd = sorted(set(outputs.columns) ^ set(declared)) or "the order of columns"
        raise wrong(f"columns differ: {odd}", f"列不符：{odd}")
    if outputs.index is not inputs.index and not outputs.index.equals(inputs.index):
        raise wrong("the index changed", "行标签被改动")
    totalled, sums = set(_totalled(methodology)), {}
    for name in declared:
        values = outputs[name].to_numpy()
        if values.dtype != np.float64:
            raise wrong(f"{name} holds {values.dtype}, not finite numbers (float64)", f"{name} 不是浮点数")
        if name in totalled and math.isfinite(total := _total(values)):
            sums[name] = total
        elif not _all_finite(values):
            place = int(np.flatnonzero(~np.isfinite(values))[0])
            row, value = inputs.index[place], values[place]
            raise wrong(
                f"row {row}, {name}: {value} is not a finite number; all must be finite numbers",
                f"第 {row} 行 {name} 为 {value}，含有非有限数",
            )
    return pd.concat([inputs, outputs.set_axis(inputs.index, axis=0)], axis=1), sums


def _total(values: npt.NDArray[np.float64]) -> float:
    """The exact sum; NaN where there is none."""
    try:
        return exact_sum(values)
    except (OverflowError, ValueError):
        return math.nan


def _all_finite(values: npt.NDArray[np.float64]) -> bool:
    """One cheap pass where all is well: a sum is finite only if every term is."""
    values = narrow(values)
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(values.sum())) or bool(np.isfinite(values).all())


def _totalled(methodology: Methodology) -> list[str]:
    """The outputs that have a total."""
    return [step.name for step in methodology.steps if step.total or step.name == NET]


def _totals(methodology: Methodology, frame: pd.DataFrame, sums: Mapping[str, float]) -> dict[str, float]:
    """Exact sums of what adds up, ``sums`` among them: those that are known already."""
    names = [column.name for column in methodology.columns if column.extensive] + _totalled(methodology)
    return {name: sums[name] if name in sums else exact_sum(frame[name].to_numpy()) for name in names}
