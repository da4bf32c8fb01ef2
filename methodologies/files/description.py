"""A declaration as plain values: what ``show`` prints, and what a program needs to fill in a form."""

from __future__ import annotations

from datetime import date
from typing import Any

from methodologies.columns import Column
from methodologies.declaration import Methodology, Step
from methodologies.preparation import Preparation


def describe(methodology: Methodology, *, as_of: date) -> dict[str, Any]:
    """Columns, preparations, equations and the parameters in force on a day, as JSON values."""
    table = methodology.parameters.at(as_of).table
    return {
        "key": methodology.key,
        "id": methodology.id,
        "version": methodology.version,
        "title_zh": methodology.title_zh,
        "title_en": methodology.title_en,
        "subject": methodology.subject,
        "source": methodology.source,
        "gwp_set": methodology.gwp_set,
        "unit_note_zh": methodology.unit_note_zh,
        "unit_note_en": methodology.unit_note_en,
        "narrative": methodology.narrative,
        "as_of": as_of.isoformat(),
        "columns": [column_as_dict(column) for column in methodology.columns],
        "preparations": [_preparation(preparation) for preparation in methodology.preparations],
        "steps": [_step(step) for step in methodology.steps],
        "parameters": [table[name].as_dict() for name in table],
        "digests": {"code": methodology.code_digest, "parameter": methodology.parameters.digest(as_of)},
    }


def column_as_dict(column: Column) -> dict[str, Any]:
    """Everything a form needs of one column."""
    return {
        "name": column.name,
        "symbol": column.symbol or column.name,
        "kind": column.kind,
        "unit": column.unit,
        "allowed": column.allowed,
        "low": column.low,
        "high": column.high,
        "usual": None if column.usual is None else list(column.usual),
        "choices": {choice: list(column.labels.get(choice, (choice, choice))) for choice in column.choices},
        "required": column.required,
        "default": column.default,
        "required_when": None
        if column.required_when is None
        else {"column": column.required_when[0], "one_of": list(column.required_when[1])},
        "extensive": column.extensive,
        "error": None
        if column.error is None
        else {"kind": column.error.kind, "sd": column.error.sd, "source": column.error.source},
        "meaning_zh": column.meaning_zh,
        "meaning_en": column.meaning_en,
    }


def _preparation(preparation: Preparation) -> dict[str, Any]:
    return {
        "name": preparation.name,
        "title_zh": preparation.title_zh,
        "title_en": preparation.title_en,
        "key": preparation.key_column,
        "unique": list(preparation.unique),
        "source": preparation.source,
        "meaning_zh": preparation.meaning_zh,
        "meaning_en": preparation.meaning_en,
        "columns": [column_as_dict(column) for column in preparation.columns],
        "outputs": [column_as_dict(column) for column in preparation.outputs],
    }


def _step(step: Step) -> dict[str, Any]:
    return {
        "name": step.name,
        "symbol": step.symbol,
        "unit": step.unit,
        "cases": [{"when": case.when, "formula": case.formula} for case in step.cases],
        "equation_no": step.equation_no,
        "source": step.source,
        "total": step.total,
        "meaning_zh": step.meaning_zh,
        "meaning_en": step.meaning_en,
    }
