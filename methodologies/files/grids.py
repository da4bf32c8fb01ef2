"""Grids (表格): CSV, XLSX and JSON files as plain cells, before anything is known of their meaning.

Forgiving about form: UTF-8 with or without a byte-order mark, UTF-16, GB18030 (as Chinese Excel saves CSV);
comma, semicolon or tab; blank lines; cells missing at the end of a line.
"""

from __future__ import annotations

import csv
import io
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from methodologies.errors import InvalidFile

_DELIMITERS = ",;\t"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class Grid:
    """Lines of cells: ``numbers`` are their line numbers in the file, from 1; ``cells[0]`` is the header."""

    name: str
    numbers: list[int]
    cells: list[list[Any]]


def read_csv(path: Path) -> Grid:
    """One grid; cells are text, ``None`` where empty. :class:`InvalidFile` says what is wrong."""
    return csv_grid(path.name, path.read_bytes())


def csv_grid(name: str, content: bytes) -> Grid:
    """As :func:`read_csv`, of bytes."""
    text = _decoded(name, content)
    if "\x00" in text:
        raise InvalidFile(file=name, reason="it is no text file", reason_zh="不是文本文件")
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max(_DELIMITERS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    numbers: list[int] = []
    cells: list[list[Any]] = []
    start = 1
    try:
        for line in reader:
            if any(cell.strip() for cell in line):
                numbers.append(start)
                cells.append([cell if cell.strip() else None for cell in line])
            start = reader.line_num + 1
    except csv.Error as error:
        reason = f"line {reader.line_num}: {error}"
        raise InvalidFile(file=name, reason=reason, reason_zh=f"第 {reader.line_num} 行格式有误") from error
    return Grid("", numbers, cells)


def _decoded(name: str, content: bytes) -> str:
    encodings = ("utf-16",) if content[:2] in _UTF16 else ("utf-8-sig", "gb18030")
    for encoding in encodings:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    reason = "its text is neither UTF-8 nor GB18030; save it as CSV UTF-8"
    raise InvalidFile(
        file=name, reason=reason, reason_zh="文字编码既不是 UTF-8 也不是 GB18030，请另存为 UTF-8 CSV"
    )


def read_xlsx(path: Path) -> list[Grid]:
    """One grid per sheet that holds anything, with what formulas last gave; ``None`` for an empty cell."""
    try:
        values = load_workbook(path, read_only=True, data_only=True)
        formulas = load_workbook(path, read_only=True, data_only=False)
    except (InvalidFileException, zipfile.BadZipFile, KeyError, OSError) as error:
        raise InvalidFile(
            file=path.name, reason="it is no XLSX workbook", reason_zh="不是 XLSX 工作簿"
        ) from error
    grids = []
    try:
        for sheet in values.worksheets:
            grid = _sheet(path.name, sheet, formulas[sheet.title])
            if grid.cells:
                grids.append(grid)
    finally:
        values.close()
        formulas.close()
    return grids


def _sheet(file: str, sheet: Any, formulas: Any) -> Grid:
    numbers: list[int] = []
    cells: list[list[Any]] = []
    lines = zip(sheet.iter_rows(values_only=True), formulas.iter_rows(values_only=True), strict=False)
    for number, (line, written) in enumerate(lines, start=1):
        for place, (cell, formula) in enumerate(zip(line, written, strict=False)):
            if cell is None and isinstance(formula, str) and formula.startswith("="):
                raise _no_result(file, sheet.title, number, place + 1)
        plain = [None if isinstance(cell, str) and not cell.strip() else cell for cell in line]
        if any(cell is not None for cell in plain):
            numbers.append(number)
            cells.append(plain)
    return Grid(sheet.title, numbers, cells)


def _no_result(file: str, sheet: str, row: int, column: int) -> InvalidFile:
    where = f"{sheet}, row {row}, column {column}"
    return InvalidFile(
        file=file,
        reason=f"the formula in {where} has no stored result; open and save the file in a spreadsheet",
        reason_zh=f"工作表 {sheet} 第 {row} 行第 {column} 列的公式没有保存结果，请在表格软件中打开后另存",
    )


def read_json(path: Path) -> Any:
    """The document; NaN and Infinity come as text, so that the cell they stand in can be named."""
    text = _decoded(path.name, path.read_bytes())
    try:
        return json.loads(text, parse_constant=str, object_pairs_hook=_without_repetition)
    except _RepeatedKey as error:
        reason_zh = f"同一对象中 {error} 出现两次"
        raise InvalidFile(
            file=path.name, reason=f"{error} occurs twice in one object", reason_zh=reason_zh
        ) from error
    except (ValueError, RecursionError) as error:
        raise InvalidFile(
            file=path.name, reason=f"it is no JSON ({error})", reason_zh=f"不是 JSON（{error}）"
        ) from error


class _RepeatedKey(Exception):
    pass


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise _RepeatedKey(name)
        found[name] = value
    return found


def json_grid(name: str, rows: list[Any], file: str) -> Grid:
    """A list of objects as a grid: the header holds every name that occurs, in order of appearance."""
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, dict):
            where = name or "rows"
            raise InvalidFile(
                file=file,
                reason=f"{where}, entry {number} is not an object of column names and values",
                reason_zh=f"{where} 的第 {number} 项不是“列名: 值”的对象",
            )
    header = list(dict.fromkeys(key for row in rows for key in row))
    cells = [[row.get(key) for key in header] for row in rows]
    blank_free = [
        [None if isinstance(cell, str) and not cell.strip() else cell for cell in line] for line in cells
    ]
    return Grid(name, list(range(len(rows) + 1)), [header, *blank_free])
