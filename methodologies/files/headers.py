"""Headers (表头): which declared column each column of a file is, and which lines only describe columns.

A header cell may be the column's name in any case, with blanks or hyphens for underscores, its Chinese or
English meaning, and may carry its unit in brackets: ``area_ha``, ``Area ha``, ``地块面积（公顷）``. A unit
that is another than the declared one is a problem, never a conversion. Lines under the header that hold
units, meanings or ranges, as the template writes them, are skipped.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from methodologies.columns import Column
from methodologies.errors import Problem
from methodologies.files.cell_values import fold
from methodologies.preparation import ROW

LABELS = frozenset(
    {ROW, "id", "label", "row_id", "parcel", "parcel_id", "parcel_code", "subject", "subject_id", "name"}
    | {
        "行",
        "行号",
        "行标签",
        "编号",
        "序号",
        "地块",
        "地块编号",
        "地块编码",
        "名称",
        "对象",
        "index",
        "unnamed:_0",
    }
)
COUNTERS = frozenset({"行", "行号", "序号", "index", "no", "no.", "unnamed:_0"})
REMARKS = frozenset({"备注", "说明", "注", "remark", "remarks", "note", "notes", "comment", "comments"})
_NOTE_LINES_MAX = 8
_BRACKETS = re.compile(r"[\(\[（【]\s*([^()\[\]（）【】]*?)\s*[\)\]）】]\s*$")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?")
# Words of the trade for the units columns are declared in.
_UNIT_WORDS = (
    {"ha", "公顷", "hm2", "hm²", "hectare", "hectares"},
    {"mu", "亩"},
    {"m2", "m²", "平方米"},
    {"km2", "km²", "平方公里"},
    {"t", "吨"},
    {"kg", "千克", "公斤"},
    {"g", "克"},
    {"jin", "斤"},
    {"l", "升", "litre", "litres"},
    {"m3", "m³", "立方米"},
    {"d", "天", "日", "days", "day"},
    {"yr", "年", "year", "years", "a"},
    {"%", "百分比", "pct", "percent"},
    {"cm", "厘米"},
    {"mm", "毫米"},
    {"m", "米"},
    {"km", "公里", "千米"},
    {"kwh", "千瓦时", "度"},
)
_NO_UNIT = frozenset(
    {"", "-", "—", "–", "1", "无", "无量纲", "none", "text", "date", "choice", "bool", "yyyy-mm-dd"}
)
_UNIT_WORDS_MAX = 2  # "t d.m."; a sentence that begins with "day" is no unit
_DASHES = frozenset({"-", "—", "–", "无", "none"})


@dataclass(frozen=True, slots=True)
class Header:
    """Where each declared column stands in a file's lines. ``label``: place of the row label, if any."""

    places: dict[str, int]
    label: int | None
    ignored: tuple[str, ...]
    problems: tuple[Problem, ...]


def match_header(
    cells: Sequence[Any], columns: tuple[Column, ...], *, table: str = "", labelled: bool = True
) -> Header:
    """Find the declared columns in a header line. Unknown and repeated ones become problems.

    ``labelled``: whether a row label means anything here; where not, only a running number is passed over.
    """
    labels = LABELS if labelled else COUNTERS
    names = _spellings(columns)
    places: dict[str, int] = {}
    ignored: list[str] = []
    problems: list[Problem] = []
    label: int | None = None
    for place, cell in enumerate(cells):
        text = "" if cell is None else str(cell).strip()
        bare, unit = _split_unit(text)
        found = names.get(_key(text)) or names.get(_key(bare))
        if found:
            if found.name in places:
                problems.append(_twice(found.name, table))
            places.setdefault(found.name, place)
            if unit is not None and names.get(_key(text)) is None and not same_unit(unit, found.unit):
                problems.append(wrong_unit(found, unit, table))
        elif label is None and (_key(bare) in labels or (not text and place == 0)):
            label = place
        elif not text or _key(bare) in REMARKS:
            ignored.append(text or f"#{place + 1}")
        else:
            problems.append(_unknown(text, columns, table))
    return Header(places, label, tuple(ignored), tuple(problems))


def is_note_line(line: Sequence[Any], header: Header, columns: tuple[Column, ...]) -> bool:
    """Whether a line under the header describes the columns rather than being data.

    A dash or "none" under a column tells neither: data use it too.
    """
    described = told = 0
    for column in columns:
        place = header.places.get(column.name)
        cell = line[place] if place is not None and place < len(line) else None
        if cell is None or (isinstance(cell, str) and fold(cell) in _DASHES):
            continue
        told += 1
        if isinstance(cell, str) and _describes(cell, column):
            described += 1
        elif column.kind in {"float", "int"} and not isinstance(cell, str):
            return False
    return described > 0 and described * 2 >= told


def note_lines(lines: Sequence[Sequence[Any]], header: Header, columns: tuple[Column, ...]) -> int:
    """How many lines at the top only describe the columns."""
    for count, line in enumerate(lines[:_NOTE_LINES_MAX]):
        if not is_note_line(line, header, columns):
            return count
    return min(len(lines), _NOTE_LINES_MAX)


def unit_problems(
    line: Sequence[Any], header: Header, columns: tuple[Column, ...], table: str
) -> list[Problem]:
    """A line of units that names another unit than the column's: the values would be read wrongly."""
    problems = []
    for column in columns:
        place = header.places.get(column.name)
        cell = line[place] if place is not None and place < len(line) else None
        if not isinstance(cell, str) or fold(cell) in _texts(column):
            continue
        if is_unit(cell) and not same_unit(cell, column.unit):
            problems.append(wrong_unit(column, cell.strip(), table))
    return problems


def is_unit(text: str) -> bool:
    """Whether a text is a unit people write: ``ha``, ``亩``, ``kg/亩``, ``t d.m./ha``."""
    first = _parts(text)
    short = all(len(part.split()) <= _UNIT_WORDS_MAX for part in text.split("/"))
    return bool(first) and short and all(any(part in words for words in _UNIT_WORDS) for part in first)


def same_unit(text: str, unit: str) -> bool:
    """Whether a written unit means the declared one; only the first word of each part counts."""
    if fold(text) == fold(unit):
        return True
    if fold(text) in _NO_UNIT:
        return fold(unit) in _NO_UNIT
    written, declared = _parts(text), _parts(unit)
    return len(written) == len(declared) and all(
        a == b or any({a, b} <= words for words in _UNIT_WORDS)
        for a, b in zip(written, declared, strict=True)
    )


def wrong_unit(column: Column, unit: str, table: str) -> Problem:
    """The problem of a column headed with another unit; says how mu are converted."""
    hint_zh, hint_en = _conversion(unit, column.unit)
    zh = f"列 {column.name} 标的单位是 {unit}，应为 {column.unit or '无量纲'}。请换算后改正单位{hint_zh}。"
    wanted = column.unit or "dimensionless"
    en = f"Column {column.name} is headed {unit}; it must be {wanted}. Convert it{hint_en}."
    return _prefixed(Problem(None, column.name, unit, column.unit, column.unit, zh, en), table)


def _conversion(unit: str, wanted: str) -> tuple[str, str]:
    if any(part in {"亩", "mu"} for part in _parts(unit)) and "ha" in _parts(wanted):
        if _parts(unit)[0] in {"亩", "mu"}:
            return "（公顷 = 亩 ÷ 15）", " (ha = mu / 15)"
        return "（每公顷 = 每亩 × 15）", " (per ha = per mu × 15)"
    return "", ""


def _spellings(columns: tuple[Column, ...]) -> dict[str, Column]:
    """Every accepted spelling of a header; one that would mean two columns means none."""
    found: dict[str, Column] = {}
    clashes: set[str] = set()
    for column in columns:
        for text in {_key(column.meaning_zh), _key(column.meaning_en)}:
            if text in found:
                clashes.add(text)
            found[text] = column
    for text in clashes:
        del found[text]
    return found | {_key(column.name): column for column in columns}


def _key(text: str) -> str:
    return re.sub(r"[\s\-]+", "_", fold(text.removeprefix("\ufeff").rstrip("*")))


def _split_unit(text: str) -> tuple[str, str | None]:
    match = _BRACKETS.search(text)
    return (text[: match.start()].strip(), match[1]) if match else (text, None)


def _parts(unit: str) -> list[str]:
    words = [part.split() for part in fold(unit).replace("每", "/").split("/")]
    return [word[0] for word in words if word]


def _describes(cell: str, column: Column) -> bool:
    text = fold(cell)
    if column.kind in {"float", "int"} and _NUMBER.fullmatch(text):
        return False  # "1" is the unit of a bare number, and a value people write
    if text in _texts(column):
        return True
    if column.kind in {"float", "int"}:
        return is_unit(cell)
    return text in {"text", "date", "choice", "bool", "yyyy-mm-dd"}


def _texts(column: Column) -> set[str]:
    """What the template writes under the name of a column."""
    texts = (column.unit, column.meaning_zh, column.meaning_en, column.allowed, column.name)
    return {fold(text) for text in texts if text}


def _twice(name: str, table: str) -> Problem:
    zh = f"列 {name} 出现两次。请只保留一列。"
    en = f"Column {name} is given twice. Keep one."
    return _prefixed(Problem(None, name, name, "", "once", zh, en), table)


def _unknown(text: str, columns: tuple[Column, ...], table: str) -> Problem:
    known = [column.name for column in columns]
    close = get_close_matches(_key(text), known, n=1, cutoff=0.6)
    near_zh = f"是否为 {close[0]}？" if close else ""
    near_en = f" Is it {close[0]}?" if close else ""
    if {"亩", "mu"} & set(re.split(r"[_/（）()\s]", _key(text))) or "亩" in text:
        near_zh += "面积以公顷计：公顷 = 亩 ÷ 15。"
        near_en += " Areas are in hectares: ha = mu / 15."
    zh = f"未知的列 {text}。{near_zh}可用的列：{'、'.join(known)}。备注可写在名为“备注”的列。"
    en = f"Unknown column {text}.{near_en} Known: {', '.join(known)}. Remarks may stand in a column note."
    return _prefixed(Problem(None, text, text, "", ", ".join(known), zh, en), table)


def _prefixed(problem: Problem, table: str) -> Problem:
    if not table:
        return problem
    return Problem(
        problem.row, problem.column, problem.value, problem.unit, problem.allowed,
        f"附表 {table}：{problem.zh}", f"Table {table}: {problem.en}", problem.severity, table,
    )  # fmt: skip
