"""Input files (输入文件): CSV, XLSX or JSON into the frame, tables, period and date a run takes.

Forgiving in form (order of columns, encoding, unit lines, Chinese headings, 是/否, 2025/4/10), strict in
substance: an unknown column, a unit other than the declared one, a repeated row or a cell that cannot be read
is a problem with its place.

``{"period": ["2025-01-01", "2026-01-01"], "as_of": "2026-01-01", "rows": [{…}], "tables": {"plots": [{…}]}}``
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from methodologies.columns import Column
from methodologies.declaration import Methodology
from methodologies.errors import InvalidFile, InvalidRows, Problem
from methodologies.files.cell_values import column_values, fold, label_text
from methodologies.files.grids import Grid, json_grid, read_csv, read_json, read_xlsx
from methodologies.files.headers import Header, match_header, note_lines, unit_problems
from methodologies.files.periods import read_day, read_period
from methodologies.preparation import ROW, Preparation

SUFFIXES = (".csv", ".txt", ".tsv", ".json", ".xlsx")
PERIOD_SHEET = "period"
ROWS_SHEETS = ("rows", "数据")
# Sheets of the template that hold no data.
_DESCRIBING_SHEETS = ("notes", "example", "lists", "parameters", "说明", "示例", PERIOD_SHEET)
_DOCUMENT_KEYS = frozenset(
    {"methodology", "period", "as_of", "rows", "tables", "parameters", "name", "note", "source", "file"}
)


@dataclass(frozen=True)
class Input:
    """What a file holds. ``rows`` and ``lines`` are the cells as read, for the echo; ``ignored`` names
    columns (remarks) and sheets that were passed over, ``parameters`` values to be taken
    instead of the methodology's (:mod:`methodologies.files.what_if`)."""

    frame: pd.DataFrame
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    period: tuple[date, date] | None = None
    as_of: date | None = None
    ignored: tuple[str, ...] = ()
    parameters: dict[str, float] = field(default_factory=dict)


def read_input(methodology: Methodology, path: Path, tables: Mapping[str, Path] | None = None) -> Input:
    """Read one input file and further table files.

    Raises :class:`InvalidFile` for a file that is no table, :class:`InvalidRows` for columns, units and
    labels that are wrong. Cells are judged by the run.
    """
    match path.suffix.lower():
        case ".csv" | ".txt" | ".tsv":
            found = _from_grids(methodology, path.name, read_csv(path), {})
        case ".xlsx" | ".xlsm":
            found = _from_sheets(methodology, path)
        case ".json":
            found = _from_document(methodology, path.name, read_json(path))
        case _:
            reason = f"its name must end in one of {', '.join(SUFFIXES)}"
            raise InvalidFile(
                file=path.name, reason=reason, reason_zh=f"文件名应以 {'、'.join(SUFFIXES)} 结尾"
            )
    for name, table_path in (tables or {}).items():
        if name in found.tables:
            raise InvalidFile(
                file=table_path.name, reason=f"table {name} is given twice", reason_zh=f"附表 {name} 给了两次"
            )
        preparation = _preparation(methodology, name, table_path.name)
        found.tables[name] = read_table(preparation, table_path)
    _demand_columns(methodology, found)
    return found


def _demand_columns(methodology: Methodology, found: Input) -> None:
    """A required column the file does not have at all is one problem, not one per row."""
    problems = []
    for column in methodology.columns:
        tables = [p.name for p in methodology.preparations if column.name in {o.name for o in p.outputs}]
        if column.required and column.name not in found.frame and not set(tables) & set(found.tables):
            problems.append(_absent(column, tables))
    if problems:
        raise InvalidRows(problems, len(problems))


def _absent(column: Column, tables: list[str]) -> Problem:
    also_zh = f"，或给出附表 {'、'.join(tables)}" if tables else ""
    also_en = f", or give the table {' or '.join(tables)}" if tables else ""
    unit, allowed = column.unit or "—", column.allowed
    zh = f"文件缺少列 {column.name}（{column.meaning_zh}）。请补上，单位 {unit}，允许 {allowed}{also_zh}。"
    en = f"The file lacks the column {column.name} ({column.meaning_en}). "
    en += f"Add it in {unit}, allowed {allowed}{also_en}."
    return Problem(None, column.name, "", column.unit, allowed, zh, en)


def read_table(preparation: Preparation, path: Path) -> pd.DataFrame:
    """One measured table out of a file of its own; the index holds the line numbers of the file."""
    match path.suffix.lower():
        case ".csv" | ".txt" | ".tsv":
            grid = read_csv(path)
        case ".xlsx" | ".xlsm":
            grids = {_first_word(grid.name): grid for grid in reversed(read_xlsx(path))}
            if not grids:
                raise InvalidFile(file=path.name, reason="it is empty", reason_zh="没有内容")
            grid = grids.get(preparation.name) or list(grids.values())[-1]
        case ".json":
            document = read_json(path)
            grid = json_grid(
                preparation.name, document if isinstance(document, list) else [document], path.name
            )
        case _:
            reason = f"its name must end in one of {', '.join(SUFFIXES)}"
            raise InvalidFile(
                file=path.name, reason=reason, reason_zh=f"文件名应以 {'、'.join(SUFFIXES)} 结尾"
            )
    return _table(preparation, grid, path.name)


def _preparation(methodology: Methodology, name: str, file: str) -> Preparation:
    known = [preparation.name for preparation in methodology.preparations]
    if name not in known:
        words = ", ".join(known) or "—"
        raise InvalidFile(
            file=file,
            reason=f"{methodology.key} has no table {name}; it has: {words}",
            reason_zh=f"{methodology.key} 没有附表 {name}；可用：{words}",
        )
    return methodology.preparation(name)


def _from_sheets(methodology: Methodology, path: Path) -> Input:
    grids = read_xlsx(path)
    tables = {p.name for p in methodology.preparations}
    words = {grid.name: _sheet_word(methodology, grid.name) for grid in grids}
    rows = [grid for grid in grids if words[grid.name] in ROWS_SHEETS]
    rows += [g for g in grids if words[g.name] not in {*tables, *_DESCRIBING_SHEETS}]
    if not rows:
        known = "、".join(words) or "—"
        raise InvalidFile(
            file=path.name,
            reason="it has no sheet named rows",
            reason_zh=f"没有名为 rows 的工作表（现有：{known}）",
        )
    main = rows[0]
    given = {words[grid.name]: grid for grid in grids if words[grid.name] in tables}
    found = _from_grids(methodology, path.name, main, given)
    period, as_of = _settings(next((g for g in grids if words[g.name] == PERIOD_SHEET), None), path.name)
    others = tuple(f"sheet {grid.name}" for grid in rows if grid is not main)
    return Input(found.frame, found.tables, period, as_of, (*found.ignored, *others))


def _sheet_word(methodology: Methodology, sheet: str) -> str:
    """What a sheet holds: the first word of its name, or the table whose title it bears."""
    for preparation in methodology.preparations:
        if fold(sheet) in {fold(preparation.title_zh), fold(preparation.title_en)}:
            return preparation.name
    return _first_word(sheet)


def _settings(grid: Grid | None, file: str) -> tuple[tuple[date, date] | None, date | None]:
    """Period and date out of the sheet ``period``: a word in the first column, a day in the second."""
    if grid is None:
        return None, None
    days = {str(line[0]).split()[0]: line[1] for line in grid.cells if line[0] and len(line) > 1 and line[1]}
    start, end, as_of = (days.get(name) for name in ("start", "end", "as_of"))
    period = None
    if start is not None or end is not None:
        period = (read_day(start, file), read_day(end, file))
    return period, None if as_of is None else read_day(as_of, file)


def _from_document(methodology: Methodology, file: str, document: Any) -> Input:
    if (
        isinstance(document, dict)
        and isinstance(document.get("input"), dict)
        and "rows" not in document["input"]
    ):
        document = {"rows": [document["input"]]} | {k: v for k, v in document.items() if k != "input"}
    elif isinstance(document, dict) and isinstance(document.get("input"), dict):
        document = document["input"]  # what a run wrote can be run again
    if isinstance(document, list):
        document = {"rows": document}
    if not isinstance(document, dict) or "rows" not in document:
        raise InvalidFile(
            file=file,
            reason='it needs "rows": a list of objects, one per subject',
            reason_zh="缺少 rows：每个对象一项的列表",
        )
    strange = sorted(set(document) - _DOCUMENT_KEYS)
    if strange:
        known = ", ".join(sorted(_DOCUMENT_KEYS))
        raise InvalidFile(
            file=file,
            reason=f"unknown entries {', '.join(strange)}; known: {known}",
            reason_zh=f"未知的项 {'、'.join(strange)}；可用：{known}",
        )
    _check_key(methodology, document.get("methodology"), file)
    given = document.get("tables") or {}
    if not isinstance(given, dict) or not all(isinstance(lines, list) for lines in given.values()):
        raise InvalidFile(
            file=file, reason='"tables" must hold lists by name', reason_zh="tables 应为 名称: 列表"
        )
    grids = {}
    for name, lines in given.items():
        _preparation(methodology, name, file)
        grids[name] = json_grid(name, lines, file)
    found = _from_grids(methodology, file, json_grid("", _labelled(document["rows"], file), file), grids)
    period = None if document.get("period") is None else read_period(document["period"], file)
    as_of = None if document.get("as_of") is None else read_day(document["as_of"], file)
    others = document.get("parameters") or {}
    if not isinstance(others, dict):
        raise InvalidFile(
            file=file, reason='"parameters" must be name: value', reason_zh="parameters 应为 名称: 值"
        )
    return Input(found.frame, found.tables, period, as_of, found.ignored, others)


def _check_key(methodology: Methodology, named: Any, file: str) -> None:
    key = named.get("key") if isinstance(named, dict) else named
    if key not in {None, methodology.key, methodology.id}:
        raise InvalidFile(
            file=file,
            reason=f"it is for {key}, not for {methodology.key}",
            reason_zh=f"它属于 {key}，不是 {methodology.key}",
        )


def _labelled(rows: Any, file: str) -> list[Any]:
    """The rows as a list; an object of rows by label becomes rows with their label."""
    if isinstance(rows, dict):
        if not all(isinstance(row, dict) for row in rows.values()):
            return [rows]  # a single row
        return [{ROW: label} | row for label, row in rows.items()]
    if not isinstance(rows, list):
        raise InvalidFile(file=file, reason='"rows" must be a list', reason_zh="rows 应为列表")
    return rows


def _from_grids(methodology: Methodology, file: str, main: Grid, tables: Mapping[str, Grid]) -> Input:
    header, lines, numbers = _read(main, methodology.columns, file)
    if not lines:
        raise InvalidFile(file=file, reason="it has a header but no rows", reason_zh="只有表头，没有数据行")
    labels = _labels(header, lines, numbers)
    frame = _frame(methodology.columns, header, lines, pd.Index(labels, dtype=object))
    prepared = {}
    for name, grid in tables.items():
        if len(grid.cells) > 1:
            table = _table(methodology.preparation(name), grid, file)
            if len(table):  # an empty sheet of the template is no table
                prepared[name] = table
    return Input(frame, prepared, ignored=header.ignored)


def _table(preparation: Preparation, grid: Grid, file: str) -> pd.DataFrame:
    labelled = preparation.key_column == ROW
    header, lines, numbers = _read(grid, preparation.columns, file, preparation.name, labelled=labelled)
    places = dict(header.places)
    if labelled and ROW not in places and header.label is not None:
        places[ROW] = header.label
    named = Header(places, None, header.ignored, ())
    return _frame(preparation.columns, named, lines, pd.Index(numbers))


def _read(
    grid: Grid, columns: tuple[Column, ...], file: str, table: str = "", *, labelled: bool = True
) -> tuple[Header, list[list[Any]], list[int]]:
    """Header, data lines and their numbers; :class:`InvalidRows` for wrong columns and units."""
    if not grid.cells:
        raise InvalidFile(file=file, reason="it is empty", reason_zh="没有内容")
    header = match_header(grid.cells[0], columns, table=table, labelled=labelled)
    if not header.places:
        known = ", ".join(column.name for column in columns)
        raise InvalidFile(
            file=file,
            reason=f"its first line names none of the columns {known}",
            reason_zh=f"第一行没有列名；列名为 {known}",
        )
    problems = list(header.problems)
    described = note_lines(grid.cells[1:], header, columns)
    for line in grid.cells[1 : 1 + described]:
        problems += unit_problems(line, header, columns, table)
    if problems:
        raise InvalidRows(problems, len(problems))
    lines = grid.cells[1 + described :]
    numbers = grid.numbers[1 + described :]
    for number, line in zip(numbers, lines, strict=True):
        if len(line) > len(grid.cells[0]) and any(cell is not None for cell in line[len(grid.cells[0]) :]):
            raise InvalidFile(
                file=file,
                reason=f"line {number} has more cells than the header",
                reason_zh=f"第 {number} 行的单元格比表头多",
            )
    return header, lines, numbers


def _labels(header: Header, lines: list[list[Any]], numbers: list[int]) -> list[str]:
    """Row labels as text; without a column of them, rows are counted from 1."""
    if header.label is None:
        return [str(position) for position in range(1, len(lines) + 1)]
    place = header.label
    labels = [label_text(line[place]) if place < len(line) else "" for line in lines]
    empty = [number for number, label in zip(numbers, labels, strict=True) if not label]
    if empty:
        problems = [
            Problem(
                number, ROW, "", "", "text",
                f"文件第 {number} 行缺少编号。请填写，每行各不相同。",
                f"Line {number} of the file lacks its label. Give each row its own.",
            )
            for number in empty
        ]  # fmt: skip
        raise InvalidRows(problems, len(problems))
    return labels


def _frame(
    columns: tuple[Column, ...], header: Header, lines: list[list[Any]], index: pd.Index
) -> pd.DataFrame:
    values = {}
    for column in columns:
        place = header.places.get(column.name)
        if place is not None:
            cells = [line[place] if place < len(line) else None for line in lines]
            values[column.name] = column_values(column, cells).to_numpy(dtype=object)
    return pd.DataFrame(values, index=index)


def _first_word(sheet: str) -> str:
    """Sheets are named by a plain word and, after a blank, what it means: ``plots 样地``."""
    return sheet.split()[0].lower() if sheet.split() else sheet
