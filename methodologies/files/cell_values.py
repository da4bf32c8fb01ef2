"""From cells as people type them to values of a column's kind.

A cell that cannot be read is handed on as it is, so that validation names it with row, column and range;
nothing is guessed. ``NaN`` is such a cell: only an empty one is missing.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import numpy as np
import pandas as pd

from methodologies.columns import Column

_THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d*)?")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_DAY = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?([T ]0{1,2}:00(:00)?(\.0+)?)?")
_PLAIN_DAY = re.compile(r"(\d{4})(\d{2})(\d{2})")
_YES = frozenset({"true", "yes", "y", "1", "是", "真", "有", "t"})
_NO = frozenset({"false", "no", "n", "0", "否", "假", "无", "f"})


def fold(text: str) -> str:
    """One spelling for what people write alike: full width, case, blanks around."""
    return unicodedata.normalize("NFKC", text).strip().casefold()


def column_values(column: Column, cells: list[Any]) -> pd.Series:
    """The cells read as the column's kind (object dtype); each distinct cell is read once."""
    read = _READERS[column.kind]
    series = pd.Series(cells, dtype=object)
    try:
        codes, distinct = pd.factorize(series)
    except TypeError:  # a list or an object inside a JSON row; validation refuses it by name
        return series.map(lambda cell: cell if isinstance(cell, list | dict) else read(column, cell))
    # factorize counts True and 1 as one: types decide here, so those few are read one by one.
    if any(isinstance(cell, bool) for cell in distinct) or len({type(cell) for cell in cells}) > 2:
        values = [None if _empty(cell) else read(column, cell) for cell in cells]
        return pd.Series(_objects(values), dtype=object)
    values = [read(column, cell) for cell in distinct]
    return pd.Series(_objects([*values, None])[codes], dtype=object)


def _objects(values: list[Any]) -> Any:
    held = np.empty(len(values), dtype=object)
    held[:] = values
    return held


def _empty(cell: Any) -> bool:
    return cell is None or (isinstance(cell, float) and cell != cell)


def _number(column: Column, cell: Any) -> Any:
    if not isinstance(cell, str):
        return cell
    text = unicodedata.normalize("NFKC", cell).strip().replace("−", "-")
    if column.unit == "%":
        text = text.removesuffix("%").rstrip()
    if _THOUSANDS.fullmatch(text):
        text = text.replace(",", "")
    return float(text) if _NUMBER.fullmatch(text) else cell


def _date(column: Column, cell: Any) -> Any:
    if isinstance(cell, datetime):
        return cell.date()
    if not isinstance(cell, str):
        return cell
    text = unicodedata.normalize("NFKC", cell).strip()
    match = _DAY.fullmatch(text) or _PLAIN_DAY.fullmatch(text)
    try:
        return date(int(match[1]), int(match[2]), int(match[3])) if match else cell
    except ValueError:
        return cell


def _bool(column: Column, cell: Any) -> Any:
    if isinstance(cell, str):
        word = fold(cell)
        return True if word in _YES else False if word in _NO else cell
    if isinstance(cell, int | float) and not isinstance(cell, bool) and cell in (0, 1):
        return bool(cell)
    return cell


def _choice(column: Column, cell: Any) -> Any:
    if isinstance(cell, bool) or not isinstance(cell, str | int | float):
        return cell
    text = _plain_number(cell) if not isinstance(cell, str) else cell.strip()
    if text in column.choices:
        return text
    word = fold(text)
    found = {
        choice
        for choice in column.choices
        if word == fold(choice) or word in (fold(label) for label in column.labels.get(choice, ()))
    }
    return found.pop() if len(found) == 1 else cell


def _text(column: Column, cell: Any) -> Any:
    if isinstance(cell, bool) or not isinstance(cell, str | int | float):
        return cell.isoformat() if isinstance(cell, date) else cell
    return cell.strip() if isinstance(cell, str) else _plain_number(cell)


def _plain_number(cell: float) -> str:
    """12.0, as spreadsheets hold the code 12, is the text 12."""
    return str(int(cell)) if isinstance(cell, int) or cell.is_integer() else str(cell)


_READERS: dict[str, Callable[[Column, Any], Any]] = {
    "float": _number,
    "int": _number,
    "date": _date,
    "bool": _bool,
    "choice": _choice,
    "text": _text,
}


def label_text(cell: Any) -> str:
    """A row label as text, whatever type the file gave it; "" where there is none, or a list stands."""
    if cell is None or isinstance(cell, list | dict):
        return ""
    if isinstance(cell, bool | str):
        return str(cell).strip()
    if isinstance(cell, int | float):
        return _plain_number(cell)
    return cell.date().isoformat() if isinstance(cell, datetime) else str(cell)
