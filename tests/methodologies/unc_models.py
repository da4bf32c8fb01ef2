"""A small methodology to try uncertainty analyses on, and any methodology's trial by its own model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from methodologies.columns import Column, ColumnError, Findings
from methodologies.declaration import Case, Example, Methodology, Period, Quantification, Step
from methodologies.formula import evaluate
from methodologies.parameters import DatedValue, Parameter, ParameterSet, ParametersInForce
from methodologies.validation import canonical

PERIOD = (date(2025, 1, 1), date(2026, 1, 1))
AS_OF = date(2026, 1, 1)


def parameter(name: str, value: float, low: float, high: float, distribution: str = "lognormal") -> Parameter:
    return Parameter(
        name=name, symbol=name, unit="1", low=low, high=high, distribution=distribution, source="test",
        page="", status="illustrative", values=(DatedValue(date(2020, 1, 1), value),), meaning_zh=name,
        meaning_en=name,
    )  # fmt: skip


def column(name: str, low: float = -1e9, high: float = 1e9, **more: Any) -> Column:
    return Column(name, "float", "ha" if name.endswith("_ha") else "1", name, name, low, high, **more)


AREA = column("area_ha", 0, extensive=True)


def methodology(
    steps: Mapping[str, str | tuple[Case, ...]],
    parameters: tuple[Parameter, ...],
    columns: tuple[Column, ...] = (AREA,),
    *,
    additive: bool = True,
) -> Methodology:
    """Steps by name, the last one ``net_t``; the model evaluates the same templates row by row."""
    declared = tuple(Step(name, name, "tCO2e", formula, name, name) for name, formula in steps.items())

    def quantify(frame: pd.DataFrame, *, period: Period, p: ParametersInForce) -> pd.DataFrame:
        rows = [row_values(declared, dict(row), period, p) for row in frame.to_dict("records")]
        return pd.DataFrame(
            {step.name: [float(row[step.name]) for row in rows] for step in declared}, index=frame.index
        )

    return Methodology(
        id="toy", version=1, title_zh="试", title_en="toy", source="test", subject="parcel",
        folder=Path(__file__).parent, columns=columns,
        parameters=ParameterSet({one.name: one for one in parameters}), steps=declared, quantify=quantify,
        example=lambda: Example(pd.DataFrame(), PERIOD, AS_OF), gwp_set="AR5", additive=additive,
    )  # fmt: skip


def row_values(
    steps: tuple[Step, ...], row: dict[str, Any], period: Period, p: ParametersInForce
) -> dict[str, Any]:
    """Every step of one row, by the scalar evaluator that explanations use."""
    values = {name: _plain(cell) for name, cell in row.items()} | period.terms()
    values |= {name: p[name] for name in p.table}
    for step in steps:
        for case in step.cases:
            if not case.when or evaluate(case.when, values):
                values[step.name] = float(evaluate(case.formula, values))
                break
    return values


def _plain(cell: Any) -> Any:
    return cell.date() if isinstance(cell, pd.Timestamp) else cell


def with_values(found: Methodology, values: Mapping[str, float]) -> ParametersInForce:
    """The parameters in force with some of them replaced."""
    table = found.parameters.at(AS_OF).table
    return ParametersInForce(
        {name: replace(one, value=values.get(name, one.value)) for name, one in table.items()}
    )


def trial_net(
    found: Methodology, quantification: Quantification, values: Mapping[str, float], moved: Mapping[str, Any]
) -> tuple[float, float]:
    """(net, size of its parts) of one trial by the model itself: parameters and columns replaced."""
    inputs = quantification.frame[[one.name for one in found.columns]].assign(**moved)
    findings = Findings(inputs.index)
    cells = canonical(found.columns, inputs, findings)
    frame = pd.DataFrame(cells, index=inputs.index)
    p = with_values(found, values)
    result = found.quantify(frame, period=quantification.period, p=p)
    size = max(float(np.abs(result[one.name]).sum()) for one in found.steps if one.unit == "tCO2e")
    return float(result["net_t"].sum()), size


ERROR = ColumnError("relative", 0.03, "test")
