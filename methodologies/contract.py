"""The contract between the platform and a methodology: :func:`run` computes, :func:`explain_row` opens a
figure.

quantification = run(methodology, frame, period=(start, end), as_of=day)
for step in explain_row(methodology, quantification, "411522-0001"):
    print(step.equation, step.numbers, step.value, step.unit)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from functools import partial

import pandas as pd

from methodologies.beside import Hands, hands
from methodologies.blocks import compute
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
    with hands(len(frame)) as helpers:
        values = canonical(methodology.columns, filled.frame, findings, helpers)
        # copy=False keeps each column its own array: no pass over the data just to arrange it.
        inputs = pd.DataFrame(values, index=frame.index, copy=False)
        if findings.errors:
            raise InvalidRows(findings.of("error"), findings.errors)
        digest = helpers.start(
            partial(input_digest, methodology.columns, values, frame.index, checked_period)
        )
        with _named(methodology, "check"):
            methodology.check(inputs.copy(deep=False), period=checked_period, p=p, findings=findings)
        if findings.errors:
            raise InvalidRows(findings.of("error"), findings.errors)
        with _named(methodology, "quantify"):
            outputs = compute(
                partial(methodology.quantify, period=checked_period, p=p),
                inputs,
                key=methodology.key,
                declared=[step.name for step in methodology.steps],
                hands=helpers,
            )
        _review(methodology, inputs, outputs, period=checked_period, p=p, findings=findings)
        columns = {name: side[name] for side in (inputs, outputs) for name in side.columns}
        result = pd.DataFrame(columns, index=frame.index, copy=False)
        totals = _totals(methodology, result, helpers)
        fingerprint = digest()
    blocking = tuple(used.name for used in p.used_table() if used.status not in ISSUABLE_STATUSES)
    return Quantification(
        key=methodology.key,
        period=checked_period,
        as_of=as_of,
        frame=result,
        totals=totals,
        parameters_used=p.used_table(),
        input_digest=fingerprint,
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


def _review(
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


def _totals(methodology: Methodology, frame: pd.DataFrame, helpers: Hands) -> dict[str, float]:
    names = [column.name for column in methodology.columns if column.extensive]
    names += [step.name for step in methodology.steps if step.total or step.name == NET]
    sums = helpers.each(exact_sum, [frame[name].to_numpy() for name in names])
    return dict(zip(names, sums, strict=True))
