"""Validation (校验): whole frames checked against their columns and brought to one form.

Checking is vectorised: a million rows cost a few passes over each column, and sentences are only written
for bad cells.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from operator import eq
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from methodologies.cells import compact, narrow, repeated
from methodologies.columns import Column, Findings, Kind, Mask
from methodologies.errors import Problem

_INTEGER_MAX = 2.0**53  # beyond it a float no longer holds every integer
_NO_DATE = np.datetime64("NaT", "D")
_PER_DAY = {"s": 86_400, "ms": 86_400_000, "us": 86_400_000_000, "ns": 86_400_000_000_000}
_INT8_CHOICES = 127  # as many as pandas keeps in one byte
# The values of a column, and where some are missing (or None).
Read = tuple[Any, Mask | None]


def canonical(columns: tuple[Column, ...], frame: pd.DataFrame, findings: Findings) -> dict[str, Any]:
    """Check a frame and bring it to one form, without touching the original.

    Numbers become float64 (also ``int``: whole numbers below 2⁵³), dates ``datetime64[D]``, choices
    ``pd.Categorical`` over the declared choices, bools ``bool``, texts ``object`` (or the string array they
    came in). Defaults are filled in.
    Where all rows of a column hold the same, it may be one cell repeated (:mod:`methodologies.cells`). Bad
    cells go to ``findings``; the result is only meaningful when there are none.
    """
    result, missing = canonical_cells(columns, frame, findings)
    present: dict[str, frozenset[str]] = {}
    for column in columns:
        gone = missing[column.name]
        if gone is not None and gone.any():
            if _may_be_required(column, result, present):
                _require(column, gone, result, findings)
            if column.default is not None:
                result[column.name] = _fill(column, result[column.name], gone)
    return result


def canonical_cells(
    columns: tuple[Column, ...], frame: pd.DataFrame, findings: Findings
) -> tuple[dict[str, Any], dict[str, Mask | None]]:
    """As :func:`canonical`, but empty cells stay empty: the values, and where some are missing (or None)."""
    _check_frame(columns, frame, findings)
    if not frame.columns.is_unique:  # reported above; the first of each lets the other checks go on
        frame = frame.loc[:, ~frame.columns.duplicated()]

    result: dict[str, Any] = {}
    missing: dict[str, Mask | None] = {}
    for column in columns:
        if column.name in frame.columns:
            read = _READERS[column.kind](column, frame[column.name], findings)
        else:
            read = _empty(column, len(frame)), repeated(np.True_, len(frame))
        result[column.name], missing[column.name] = read
    return result, missing


def _check_frame(columns: tuple[Column, ...], frame: pd.DataFrame, findings: Findings) -> None:
    known = [column.name for column in columns]
    unknown = [str(name) for name in frame.columns if name not in known]
    twice = [str(name) for name in frame.columns[frame.columns.duplicated()]]
    for name in unknown + twice:
        zh = f"列 {name} 不在方法学的数据列中或重复出现。请删除或更正列名；可用的列：{'、'.join(known)}。"
        en = f"Column {name} is unknown or given twice. Remove or rename it; known: {', '.join(known)}."
        findings.add(Problem(None, name, "", "", ", ".join(known), zh, en))
    if isinstance(frame.index, pd.MultiIndex) or frame.index.hasnans:
        zh, en = "行标签必须是单层且不为空。请用地块编号等作行标签。", "Row labels must be flat and present."
        findings.add(Problem(None, "index", "", "", "unique labels", zh, en))
    elif not frame.index.is_unique:
        findings.where(
            np.asarray(frame.index.duplicated()),
            column="index",
            values=frame.index,
            unit="",
            allowed="unique labels",
            zh="行标签 {row} 重复。每个对象在一次核算中只能出现一次，请删除重复行。",
            en="Row label {row} occurs twice. A subject may appear once per run; remove the repetition.",
        )


def _may_be_required(column: Column, result: Mapping[str, Any], present: dict[str, frozenset[str]]) -> bool:
    """Whether any row can need the column; ``present`` remembers which choices a selector holds at all."""
    if not column.required_when:
        return column.default is None
    selector, wanted = column.required_when
    values = result[selector]
    if selector not in present:
        if not isinstance(values, pd.Categorical):
            return True
        codes = narrow(values.codes)
        words = enumerate(values.categories)
        present[selector] = frozenset(word for code, word in words if (codes == code).any())
    return any(word in present[selector] for word in wanted)


def _require(column: Column, gone: Mask, result: Mapping[str, Any], findings: Findings) -> None:
    needed, reason_zh, reason_en = gone, "", ""
    if column.required_when:
        selector, wanted = column.required_when
        needed = gone & _one_of(result[selector], wanted)
        reason_zh = f"（当 {selector} 为 {'、'.join(wanted)} 时）"
        reason_en = f" where {selector} is {' or '.join(wanted)}"
    elif column.default is not None:
        return
    if not needed.any():
        return
    findings.where(
        needed,
        column=column.name,
        values=np.broadcast_to(np.array("", dtype=object), len(gone)),
        unit=column.unit,
        allowed=column.allowed,
        zh=f"第 {{row}} 行缺少 {column.name}（{column.meaning_zh}）{reason_zh}。"
        f"请填写，单位 {column.unit or '—'}，允许 {{allowed}}。",
        en=f"Row {{row}} lacks {column.name} ({column.meaning_en}){reason_en}. "
        f"Give it in {column.unit or '—'}, allowed {{allowed}}.",
    )


def _one_of(values: Any, wanted: tuple[str, ...]) -> Mask:
    """Where a column holds one of these words; choices are looked up by code, not word by word."""
    if not isinstance(values, pd.Categorical):
        values = pd.Categorical(values)
    codes = narrow(values.codes)
    among: Mask = np.zeros(len(codes), dtype=np.bool_)
    for code in np.flatnonzero(values.categories.isin(list(wanted))):
        among |= codes == code
    return among


def _refuse(column: Column, mask: Mask, cells: Any, findings: Findings, what_zh: str, what_en: str) -> None:
    if not mask.any():
        return
    findings.where(
        mask,
        column=column.name,
        values=cells,
        unit=column.unit,
        allowed=column.allowed,
        zh=f"第 {{row}} 行 {column.name}（{column.meaning_zh}）的值 {{value}} {what_zh}。"
        f"单位 {column.unit or '—'}，允许 {{allowed}}；请核对后改正。",
        en=f"Row {{row}}, {column.name} ({column.meaning_en}): {{value}} {what_en}. "
        f"Unit {column.unit or '—'}, allowed {{allowed}}; check and correct it.",
    )


def _read_number(column: Column, cells: pd.Series, findings: Findings) -> Read:
    if cells.dtype.kind in "fiu" and isinstance(cells.dtype, np.dtype):
        numbers = cells.to_numpy(dtype=np.float64)
        least, most = _span(numbers)
        if _all_right(column, numbers, least, most):
            if least == most:
                return repeated(least + 0.0, len(numbers)), None
            # Whole numbers were converted into an array of their own, and have no −0.
            return (numbers if cells.dtype.kind != "f" else numbers + 0.0), None
        missing = np.isnan(numbers)
        given = numbers[~missing]
        if missing.any() and _all_right(column, given, *_span(given)):
            return numbers + 0.0, missing
    else:
        missing = np.asarray(cells.isna(), dtype=np.bool_)
        objects = cells.to_numpy(dtype=object)
        numbers = np.fromiter((_as_float(cell) for cell in objects), np.float64, len(objects))
        _refuse(column, np.isnan(numbers) & ~missing, objects, findings, "不是数字", "is not a number")
    assert column.low is not None and column.high is not None
    # NaN compares false both ways: missing and refused cells fall out here.
    outside = (numbers < column.low) | (numbers > column.high)
    zh, en = _mu_hint(column)
    _refuse(column, outside, numbers, findings, f"超出允许范围{zh}", f"is out of range{en}")
    if column.usual:
        unusual = ((numbers < column.usual[0]) | (numbers > column.usual[1])) & ~outside
        _question(column, unusual, numbers, findings)
    if column.kind == "int":
        broken = (
            ((numbers != np.floor(numbers)) | (np.abs(numbers) > _INTEGER_MAX))
            & ~np.isnan(numbers)
            & ~outside
        )
        _refuse(column, broken, numbers, findings, "不是整数", "is not a whole number")
    return numbers + 0.0, missing  # + 0.0 turns −0.0 into 0.0: one value, one digest


def _question(column: Column, mask: Mask, numbers: npt.NDArray[np.float64], findings: Findings) -> None:
    """A stored warning for values that are possible, but rare enough to be another unit."""
    if not mask.any() or column.usual is None:
        return
    zh, en = _mu_hint(column)
    findings.where(
        mask,
        column=column.name,
        values=numbers,
        unit=column.unit,
        allowed=f"{column.usual[0]:g} – {column.usual[1]:g}",
        zh=f"第 {{row}} 行 {column.name}（{column.meaning_zh}）的值 {{value}} {column.unit} "
        f"少见，通常为 {{allowed}}{zh}。请核对，无误则由复核人确认。",
        en=f"Row {{row}}, {column.name} ({column.meaning_en}): {{value}} {column.unit} is unusual, "
        f"ordinarily {{allowed}}{en}. Check the unit; a reviewer confirms it if it is right.",
        severity="review",
    )


def _mu_hint(column: Column) -> tuple[str, str]:
    """The commonest slip with areas in China, said where it would explain the value."""
    if column.unit == "ha":
        return "（若填的是亩，请除以 15）", " (if it is in mu, divide by 15)"
    if column.unit.endswith("/ha") or "/ha/" in column.unit:
        return "（若按每亩填写，请乘以 15）", " (if it is per mu, multiply by 15)"
    return "", ""


def _span(numbers: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Least and most, two passes for all questions; NaN where a number is missing or there is none."""
    if not len(numbers):
        return math.nan, math.nan
    return float(narrow(numbers).min()), float(narrow(numbers).max())


def _all_right(column: Column, numbers: npt.NDArray[np.float64], least: float, most: float) -> bool:
    """Whether nothing is missing, out of range, unusual or broken."""
    assert column.low is not None and column.high is not None
    low, high = column.usual or (column.low, column.high)
    # NaN makes either comparison false.
    if not (least >= low and most <= high):
        return False
    if column.kind != "int":
        return True
    within = max(abs(column.low), abs(column.high)) <= _INTEGER_MAX
    return within and bool((narrow(numbers) == np.floor(narrow(numbers))).all())


def _read_choice(column: Column, cells: pd.Series, findings: Findings) -> Read:
    found, distinct = _distinct(cells)
    missing = found < 0
    if len(distinct) == len(column.choices) and all(map(eq, distinct, column.choices)):
        return _choices(column, found.copy()), missing
    places = {choice: place for place, choice in enumerate(column.choices)}
    place_of = np.array([places.get(cell, -1) for cell in distinct] + [-1], dtype=np.int16)
    codes = place_of[found]
    wrong = (codes < 0) & ~missing
    if wrong.any():
        _refuse(column, wrong, cells.to_numpy(dtype=object), findings, "不在选项中", "is no choice")
    return _choices(column, codes), missing


def _choices(column: Column, codes: npt.NDArray[Any]) -> pd.Categorical:
    """A choice column out of codes, each of them −1 or a position in its choices."""
    short = narrow(codes).astype(np.int8 if len(column.choices) < _INT8_CHOICES else np.int16, copy=False)
    all_codes = compact(short) if len(short) == len(codes) else repeated(short, len(codes))
    return pd.Categorical.from_codes(all_codes, dtype=_choice_type(column.choices), validate=False)


@lru_cache(maxsize=1024)
def _choice_type(choices: tuple[str, ...]) -> pd.CategoricalDtype:
    return pd.CategoricalDtype(list(choices))


def _read_date(column: Column, cells: pd.Series, findings: Findings) -> Read:
    if isinstance(cells.dtype, np.dtype) and cells.dtype.kind == "M":
        moments = compact(cells.to_numpy())
        if moments.strides == (0,):  # so it is a day: what is missing equals nothing
            return repeated(moments[:1].astype("datetime64[D]"), len(moments)), None
        missing = np.isnat(moments)
        return (moments.astype("datetime64[D]") if missing.any() else _days(moments)), missing
    # A million rows hold a few hundred different days: parse each distinct one once.
    codes, distinct = _distinct(cells)
    missing = codes < 0
    days = np.array([*(_day(cell) for cell in distinct), _NO_DATE], dtype="datetime64[D]")[codes]
    wrong = np.isnat(days) & ~missing
    if wrong.any():
        _refuse(column, wrong, cells.to_numpy(dtype=object), findings, "不是日期", "is not a date")
    return compact(days), missing


def _days(moments: npt.NDArray[np.datetime64]) -> Any:
    """``datetime64[D]`` of moments none of which is missing, in a fraction of the time of ``astype``."""
    unit, steps = np.datetime_data(moments.dtype)
    if unit not in _PER_DAY or steps != 1:
        return moments.astype("datetime64[D]")
    return (moments.view(np.int64) // _PER_DAY[unit]).view("datetime64[D]")


def _read_bool(column: Column, cells: pd.Series, findings: Findings) -> Read:
    if cells.dtype == np.bool_:
        return compact(cells.to_numpy(dtype=np.bool_)), None
    missing = np.asarray(cells.isna(), dtype=np.bool_)
    objects = cells.to_numpy(dtype=object)
    wrong = (
        np.fromiter((not isinstance(cell, bool | np.bool_) for cell in objects), np.bool_, len(objects))
        & ~missing
    )
    _refuse(column, wrong, objects, findings, "不是 true 或 false", "is not true or false")
    flags = np.zeros(len(objects), dtype=np.bool_)
    usable = ~(wrong | missing)
    flags[usable] = [bool(cell) for cell in objects[usable]]
    return compact(flags), missing


def _read_text(column: Column, cells: pd.Series, findings: Findings) -> Read:
    missing = np.asarray(cells.isna(), dtype=np.bool_)
    if isinstance(cells.dtype, pd.StringDtype) and len(cells) and not missing.any():
        return cells.array.copy(), None
    objects = cells.to_numpy(dtype=object)
    if pd.api.types.infer_dtype(objects, skipna=True) not in {"string", "empty"}:
        wrong = np.fromiter((not isinstance(cell, str) for cell in objects), np.bool_, len(objects))
        _refuse(column, wrong & ~missing, objects, findings, "不是文字", "is not text")
    return objects, missing


_READERS: dict[Kind, Callable[[Column, pd.Series, Findings], Read]] = {
    "float": _read_number,
    "int": _read_number,
    "choice": _read_choice,
    "date": _read_date,
    "bool": _read_bool,
    "text": _read_text,
}


def _empty(column: Column, rows: int) -> Any:
    """A column nobody gave: one cell that stands for all rows (read-only), not a million equal ones."""
    match column.kind:
        case "float" | "int":
            return repeated(np.nan, rows)
        case "choice":
            return _choices(column, repeated(np.int8(-1), rows))
        case "date":
            return repeated(_NO_DATE, rows)
        case "bool":
            return repeated(np.False_, rows)
        case _:
            return repeated(np.array(None, dtype=object), rows)


def _fill(column: Column, values: Any, gone: Mask) -> Any:
    everywhere = gone.strides == (0,) or bool(gone.all())
    if column.kind == "choice":
        code = column.choices.index(str(column.default))
        codes = repeated(np.int16(code), len(gone)) if everywhere else np.where(gone, code, values.codes)
        return _choices(column, codes)
    default = np.datetime64(str(column.default), "D") if column.kind == "date" else column.default
    cell = np.array(default, dtype=values.dtype)
    return repeated(cell, len(values)) if everywhere else np.where(gone, cell, values)


def _as_float(cell: Any) -> float:
    """The cell as a float; NaN for what is no number (text is none: "12" may be a code) or too large."""
    if isinstance(cell, bool) or not isinstance(cell, int | float | Decimal | np.integer | np.floating):
        return math.nan
    try:
        return float(cell)
    except (OverflowError, ValueError):
        return math.nan


def _distinct(cells: pd.Series) -> tuple[npt.NDArray[np.intp], Any]:
    """Position of each cell in the list of distinct cells (−1: missing), and that list."""
    if isinstance(cells.dtype, pd.CategoricalDtype):
        return cells.array.codes, cells.array.categories.to_numpy(dtype=object)
    try:
        codes, distinct = pd.factorize(cells)
    except TypeError:  # a list or a dict in a cell cannot be hashed; its text stands for it
        codes, distinct = pd.factorize(
            cells.map(lambda cell: cell if isinstance(cell, Hashable) else repr(cell))
        )
    return codes, distinct


def _day(cell: Any) -> np.datetime64:
    """A day out of a date, a timestamp or ISO text; NaT for anything else."""
    if isinstance(cell, datetime):
        return np.datetime64(cell.date(), "D")
    if isinstance(cell, date):
        return np.datetime64(cell, "D")
    if isinstance(cell, np.datetime64):
        return np.datetime64(str(cell.astype("datetime64[D]")), "D")
    if isinstance(cell, str):
        try:
            day = date.fromisoformat(cell)
        except ValueError:
            return _NO_DATE
        # fromisoformat also reads 20240101 and week dates; one spelling is enough.
        return np.datetime64(day, "D") if day.isoformat() == cell else _NO_DATE
    return _NO_DATE
