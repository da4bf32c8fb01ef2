"""A run as one JSON document: what went in, every intermediate figure, totals, evidence, digests.

The part ``input`` is itself an input document, so that a run can be repeated from its own output.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import numpy as np
import pandas as pd

from methodologies.declaration import NET, Methodology, Quantification
from methodologies.preparation import ROW

FORMAT = "xinyang-methodology-run-1"
_Records = list[dict[str, Any]]


def run_document(
    methodology: Methodology,
    result: Quantification,
    frame: pd.DataFrame,
    tables: Mapping[str, pd.DataFrame] | None = None,
    *,
    assumed: Mapping[str, str] | None = None,
    ignored: tuple[str, ...] = (),
    what_if: Mapping[str, float] | None = None,
) -> dict[str, Any]:
    """Plain values, no NaN. ``frame`` and ``tables`` are the input as given, for the echo.

    ``rows`` hold, per subject, the inputs the equations saw (defaults and prepared values filled in) and one
    value per step; ``units`` gives the unit of every name. ``assumed`` names what nobody gave and why it is
    what it is; ``ignored`` the columns of a file that were passed over; ``what_if`` the parameter values of
    the caller.
    """
    return {
        "format": FORMAT,
        "methodology": {
            "key": methodology.key,
            "title_zh": methodology.title_zh,
            "title_en": methodology.title_en,
            "source": methodology.source,
            "subject": methodology.subject,
            "gwp_set": result.gwp_set,
            "unit_note_zh": methodology.unit_note_zh,
            "unit_note_en": methodology.unit_note_en,
        },
        "input": {
            "methodology": methodology.key,
            "period": [day.isoformat() for day in result.period],
            "as_of": result.as_of.isoformat(),
            "rows": _records(frame, ROW, keep_empty=False),
            "tables": {name: _lines(table) for name, table in (tables or {}).items()},
            "parameters": dict(what_if or {}),
        },
        "assumed": dict(assumed or {}),
        "ignored_columns": list(ignored),
        "net_t": result.net_t,
        "totals": dict(result.totals),
        "issuable": result.issuable,
        "blocking": _blocking(result),
        "warnings": [warning.as_dict() for warning in result.warnings],
        "rows": _rows(methodology, result),
        "prepared": _prepared(methodology, result),
        "units": _units(methodology),
        "parameters": [used.as_dict() for used in result.parameters_used],
        "digests": {
            "input": result.input_digest,
            "parameter": result.parameter_digest,
            "code": result.code_digest,
            "tables": dict(result.table_digests),
        },
    }


def _rows(methodology: Methodology, result: Quantification) -> list[dict[str, Any]]:
    inputs = _records(result.frame[[column.name for column in methodology.columns]])
    outputs = _records(result.frame[[step.name for step in methodology.steps]])
    labels = [_plain(label) for label in result.frame.index.tolist()]
    return [
        {ROW: label, NET: figures[NET], "inputs": readings, "outputs": figures}
        for label, readings, figures in zip(labels, inputs, outputs, strict=True)
    ]


def _blocking(result: Quantification) -> list[dict[str, str]]:
    used = {parameter.name: parameter for parameter in result.parameters_used}
    return [
        {
            "parameter": name,
            "status": used[name].status,
            "source": used[name].source,
            "zh": f"参数 {name}（{used[name].meaning_zh}）的证据状态为 {used[name].status}，"
            "须经主管部门签署采纳后方可签发。",
            "en": f"Parameter {name} ({used[name].meaning_en}) has the evidence status {used[name].status}; "
            "the authority must adopt it by signature before anything is issued.",
        }
        for name in result.blocking_parameters
    ]


def _prepared(methodology: Methodology, result: Quantification) -> dict[str, Any]:
    found = {}
    for name, table in result.prepared.items():
        preparation = methodology.preparation(name)
        found[name] = {
            "key": preparation.key_column,
            "title_zh": preparation.title_zh,
            "title_en": preparation.title_en,
            "source": preparation.source,
            "lines": _records(table, preparation.key_column),
        }
    return found


def _units(methodology: Methodology) -> dict[str, str]:
    units = {column.name: column.unit for column in methodology.columns}
    for preparation in methodology.preparations:
        for column in preparation.outputs:
            units.setdefault(column.name, column.unit)
    return units | {step.name: step.unit for step in methodology.steps}


def table_records(table: pd.DataFrame, key: str) -> list[dict[str, Any]]:
    """Prepared lines as objects, the key first."""
    return _records(table, key)


def _lines(table: pd.DataFrame) -> list[dict[str, Any]]:
    """A table without the numbers of its lines, which only say where they stood in a file."""
    return _records(table, keep_empty=False)


def _records(frame: pd.DataFrame, index_name: str = "", *, keep_empty: bool = True) -> _Records:
    """Rows as objects; the index comes first under ``index_name``; empty cells are null or left out."""
    columns: dict[str, list[Any]] = {}
    if index_name:
        columns[index_name] = [_plain(label) for label in frame.index.tolist()]
    for name in frame.columns:
        columns[str(name)] = _cells(frame[name])
    rows = [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]
    if keep_empty:
        return rows
    return [{name: cell for name, cell in row.items() if cell is not None} for row in rows]


def _cells(cells: pd.Series) -> list[Any]:
    if isinstance(cells.dtype, np.dtype) and cells.dtype == np.float64:
        numbers = cells.tolist()
        return [None if math.isnan(number) else number for number in numbers]
    return [_plain(cell) for cell in cells.tolist()]


def _plain(cell: Any) -> Any:
    if isinstance(cell, np.generic):
        cell = cell.item()
    if cell is None or cell is pd.NaT or (isinstance(cell, float) and math.isnan(cell)):
        return None
    if isinstance(cell, datetime):
        return cell.date().isoformat()
    return cell.isoformat() if isinstance(cell, date) else cell
