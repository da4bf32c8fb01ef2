"""Upload templates (填报模板): an XLSX workbook made from a declaration, with units, notes and drop-downs.

Sheets: ``rows`` (one line per subject), one per preparation, ``period``, ``notes`` and ``example``. The
first lines of a data sheet hold name, unit, meaning and range; reading the filled-in file skips them.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from io import BytesIO
from typing import Any

import pandas as pd
from openpyxl import Workbook
from openpyxl.comments import Comment
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.worksheet import Worksheet

from methodologies.columns import Column
from methodologies.declaration import Methodology
from methodologies.preparation import ROW, Preparation

_LINES_CHECKED = 5000
_HEAD = PatternFill("solid", fgColor="1F4E3D")
_OPTIONAL = PatternFill("solid", fgColor="7A938A")
_GREY = PatternFill("solid", fgColor="EEF2EF")
_WHITE = Font(bold=True, color="FFFFFF")
_LINE_HEIGHTS = {3: 48, 4: 64, 5: 32}  # wrapped text; no program that writes a file can measure it
_LIST_CHARACTERS_MAX = 255  # a drop-down longer than this must refer to cells
_ROW_COLUMN = Column(ROW, "text", "", "编号（地块等，不得重复）", "label of the row, unique")


def template(methodology: Methodology, *, example: bool = True) -> bytes:
    """The workbook as bytes; ``example`` adds a sheet with the methodology's own example."""
    book = Workbook()
    lists = book.create_sheet("lists")
    lists.sheet_state = "hidden"
    rows = book.worksheets[0]
    rows.title = "rows 数据"
    _data_sheet(rows, lists, (_ROW_COLUMN, *methodology.columns))
    for preparation in methodology.preparations:
        sheet = book.create_sheet(_sheet_name(preparation))
        _data_sheet(sheet, lists, preparation.columns)
    _period_sheet(book.create_sheet("period 监测期"))
    _notes_sheet(book.create_sheet("notes 说明"), methodology)
    if example:
        _example_sheet(book.create_sheet("example 示例"), methodology)
    book.move_sheet(lists, offset=len(book.worksheets))
    book.active = 0
    buffer = BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def _sheet_name(preparation: Preparation) -> str:
    title = "".join(letter for letter in preparation.title_zh if letter not in "[]:*?/\\")
    return f"{preparation.name} {title}"[:31]


def _data_sheet(sheet: Worksheet, lists: Worksheet, columns: Iterable[Column]) -> None:
    for place, column in enumerate(columns, start=1):
        letter = get_column_letter(place)
        needed = column.required or column.required_when is not None
        for line, text in enumerate(
            (column.name, column.unit or "—", column.meaning_zh, column.meaning_en, column.allowed), start=1
        ):
            cell = sheet.cell(line, place, text)
            head = (_HEAD if needed else _OPTIONAL, _WHITE)
            cell.fill, cell.font = head if line == 1 else (_GREY, Font(color="445048"))
            cell.alignment = Alignment(wrap_text=True, vertical="top")
        sheet.cell(1, place).comment = Comment(_note(column, needed), "template")
        sheet.column_dimensions[letter].width = max(16, min(34, len(column.name) + 3))
        validation = _validation(column, lists)
        if validation is not None:
            validation.add(f"{letter}6:{letter}{_LINES_CHECKED + 5}")
            sheet.add_data_validation(validation)
        if column.kind == "date":
            for line in range(6, 26):
                sheet.cell(line, place).number_format = "yyyy-mm-dd"
    for line, height in _LINE_HEIGHTS.items():
        sheet.row_dimensions[line].height = height
    sheet.freeze_panes = "B6"


def _note(column: Column, needed: bool) -> str:
    """What a person filling in the column must know."""
    must = "必填 required" if needed else f"可空，缺省 optional, default {column.default}"
    if column.required_when:
        selector, wanted = column.required_when
        must = f"当 {selector} 为 {'/'.join(wanted)} 时必填 required where {selector} is {'/'.join(wanted)}"
    labels = [f"{choice} = {zh} / {en}" for choice, (zh, en) in column.labels.items()]
    unit = column.unit or "—"
    lines = [
        column.meaning_zh,
        column.meaning_en,
        f"单位 unit: {unit}",
        f"范围 range: {column.allowed}",
        must,
    ]
    return "\n".join([*lines, *labels])


def _validation(column: Column, lists: Worksheet) -> DataValidation | None:
    words = {
        "errorTitle": "超出范围 Out of range",
        "error": f"{column.meaning_zh}：{column.allowed} {column.unit}"[:220],
        "showErrorMessage": True,
        "allow_blank": True,
    }
    match column.kind:
        case "float":
            return DataValidation(
                "decimal",
                operator="between",
                formula1=f"{column.low!r}",
                formula2=f"{column.high!r}",
                **words,
            )
        case "int":
            return DataValidation(
                "whole",
                operator="between",
                formula1=f"{column.low:.0f}",
                formula2=f"{column.high:.0f}",
                **words,
            )
        case "date":
            return DataValidation("date", operator="greaterThan", formula1="18264", **words)  # 1950-01-01
        case "bool":
            return DataValidation("list", formula1='"TRUE,FALSE"', **words)
        case "choice":
            return DataValidation("list", formula1=_list_formula(column, lists), **words)
        case _:
            return None


def _list_formula(column: Column, lists: Worksheet) -> str:
    text = ",".join(column.choices)
    if len(text) <= _LIST_CHARACTERS_MAX and not any("," in choice for choice in column.choices):
        return f'"{text}"'
    place = lists.max_column + 1 if lists.cell(1, 1).value is not None else 1
    for line, choice in enumerate(column.choices, start=1):
        lists.cell(line, place, choice)
    letter = get_column_letter(place)
    return f"lists!${letter}$1:${letter}${len(column.choices)}"


def _period_sheet(sheet: Worksheet) -> None:
    words = (
        ("start", None, "监测期第一天 first day of the monitoring period"),
        ("end", None, "监测期之后的第一天 first day after it"),
        ("as_of", None, "采用哪一天有效的参数（可空） day whose parameters apply (optional)"),
    )
    for line, (name, value, meaning) in enumerate(words, start=1):
        sheet.cell(line, 1, name).font = Font(bold=True)
        sheet.cell(line, 2, value).number_format = "yyyy-mm-dd"
        sheet.cell(line, 3, meaning)
    for letter, width in (("A", 12), ("B", 16), ("C", 60)):
        sheet.column_dimensions[letter].width = width


def _notes_sheet(sheet: Worksheet, methodology: Methodology) -> None:
    lines = [
        f"{methodology.title_zh} {methodology.title_en}",
        f"{methodology.key} · {methodology.source}",
        f"{methodology.unit_note_zh} {methodology.unit_note_en}".strip(),
        "每行一个核算对象；前五行为列名、单位、含义（中、英）、范围，请勿改动列名。深色列名必填，浅色可空。",
        "One line per subject; the first five lines describe the columns. Keep the names. Dark: required.",
        "面积以公顷计：公顷 = 亩 ÷ 15。Areas are in hectares: ha = mu / 15.",
        "空格表示没有数据；不要填 0 或 NaN 代替。An empty cell is a missing value: no 0, no NaN.",
        f"命令 command: flask --app wsgi methodology run {methodology.key} FILE.xlsx -o OUT.json",
    ]
    for preparation in methodology.preparations:
        key = "编号 row" if not preparation.key else preparation.key
        lines.append(f"附表 {preparation.name}：{preparation.title_zh} {preparation.title_en}（{key}）")
        lines += [
            text for text in (preparation.meaning_zh, preparation.meaning_en, preparation.source) if text
        ]
    for number, line in enumerate(lines, start=1):
        sheet.cell(number, 1, line).alignment = Alignment(wrap_text=True, vertical="top")
    sheet.column_dimensions["A"].width = 110


def _example_sheet(sheet: Worksheet, methodology: Methodology) -> None:
    """The example as it would be filled in; reading a workbook passes this sheet over."""
    given = methodology.example()
    sheet.append([ROW, *(str(name) for name in given.frame.columns)])
    for label, line in zip(given.frame.index, given.frame.to_numpy(dtype=object), strict=True):
        sheet.append([str(label), *(_cell(cell) for cell in line)])
    for name, table in (given.tables or {}).items():
        sheet.append([])
        sheet.append([f"# {name}"])
        sheet.append([str(column) for column in table.columns])
        for line in table.to_numpy(dtype=object):
            sheet.append([_cell(cell) for cell in line])
    for cell in sheet[1]:
        cell.fill, cell.font = _HEAD, _WHITE
    for place in range(1, sheet.max_column + 1):
        sheet.column_dimensions[get_column_letter(place)].width = 18


def _cell(value: Any) -> Any:
    """A value as a spreadsheet holds it; None for a missing one."""
    if value is None or pd.isna(value):
        return None
    if isinstance(value, str):
        return date.fromisoformat(value) if _is_day(value) else value
    return value.item() if hasattr(value, "item") else value


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
