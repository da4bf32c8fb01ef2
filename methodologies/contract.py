"""The contract between the platform and a methodology: :func:`run` computes, :func:`explain_row` opens a
figure.

quantification = run(methodology, frame, period=(start, end), as_of=day)
for step in explain_row(methodology, quantification, "411522-0001"):
    print(step.equation, step.numbers, step.value, step.unit)
"""

from __future__ import annotations

import math
from datetime import date

import numpy as np
import pandas as pd

from methodologies.columns import Column, Findings
from methodologies.declaration import (
    CONTRACT_VERSION,
    NET,
    Behaviour,
    Case,
    Example,
    Methodology,
    Period,
    Quantification,
    Step,
    decimal_year,
)
from methodologies.digest import input_digest
from methodologies.errors import InvalidOutput, InvalidRows, Problem
from methodologies.explain import ExplainedStep, Term, explain_row
from methodologies.parameters import ISSUABLE_STATUSES, DatedValue, Parameter, ParameterSet, ParametersInForce
from methodologies.validation import canonical

__all__ = [
    "CONTRACT_VERSION",
    "NET",
    "Behaviour",
    "Case",
    "Column",
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
    "Problem",
    "Quantification",
    "Step",
    "Term",
    "decimal_year",
    "explain_row",
    "run",
]


def run(
    methodology: Methodology, frame: pd.DataFrame, *, period: tuple[date, date], as_of: date
) -> Quantification:
    """Validate a frame, compute it, check the output and fingerprint everything that decided it.

    ``frame``: one row per subject, labelled by a unique flat index; columns as the methodology declares
    them, in any order; it is never changed. ``period``: [start, end). ``as_of``: the day whose parameters
    apply. Raises :class:`InvalidRows` (all problems, the first 100 spelt out), :class:`InvalidPeriod`,
    :class:`ParameterNotInForce`, and :class:`InvalidOutput` when the model itself misbehaves.
    """
    checked_period = Period.of(period)
    p = methodology.parameters.at(as_of)
    findings = Findings(frame.index)
    values = canonical(methodology.columns, frame, findings)
    # copy=False keeps each column its own array: no pass over the data just to arrange it.
    inputs = pd.DataFrame(values, index=frame.index, copy=False)
    if not findings.errors:
        methodology.check(inputs.copy(deep=False), period=checked_period, p=p, findings=findings)
    if findings.errors:
        raise InvalidRows(findings.of("error"), findings.errors)
    digest = input_digest(methodology.columns, values, frame.index, checked_period)
    outputs = methodology.quantify(inputs.copy(deep=False), period=checked_period, p=p)
    result = _checked(methodology, inputs, outputs)
    blocking = tuple(used.name for used in p.used_table() if used.status not in ISSUABLE_STATUSES)
    return Quantification(
        key=methodology.key,
        period=checked_period,
        as_of=as_of,
        frame=result,
        totals=_totals(methodology, result),
        parameters_used=p.used_table(),
        input_digest=digest,
        parameter_digest=methodology.parameters.digest(as_of),
        code_digest=methodology.code_digest,
        gwp_set=methodology.gwp_set,
        issuable=not blocking,
        blocking_parameters=blocking,
        warnings=findings.of("review"),
    )


def _checked(methodology: Methodology, inputs: pd.DataFrame, outputs: pd.DataFrame) -> pd.DataFrame:
    """Inputs and outputs side by side, once the outputs are as declared: names, finite, index."""
    declared = [step.name for step in methodology.steps]
    if list(outputs.columns) != declared:
        wrong = sorted(set(outputs.columns) ^ set(declared)) or "the order of columns"
        raise InvalidOutput(
            key=methodology.key, reason=f"columns differ: {wrong}", reason_zh=f"列不符：{wrong}"
        )
    if outputs.index is not inputs.index and not outputs.index.equals(inputs.index):
        raise InvalidOutput(key=methodology.key, reason="the index changed", reason_zh="行标签被改动")
    columns = {name: inputs[name] for name in inputs.columns}
    for name in declared:
        values = outputs[name].to_numpy()
        if values.dtype != np.float64 or not np.isfinite(values).all():
            reason = f"{name} holds something other than finite numbers"
            raise InvalidOutput(key=methodology.key, reason=reason, reason_zh=f"{name} 含有非有限数")
        columns[name] = outputs[name]
    return pd.DataFrame(columns, index=inputs.index, copy=False)


def _totals(methodology: Methodology, frame: pd.DataFrame) -> dict[str, float]:
    names = [column.name for column in methodology.columns if column.extensive]
    names += [step.name for step in methodology.steps if step.total or step.name == NET]
    return {name: math.fsum(frame[name].to_numpy()) for name in names}
