"""What is to be put right in a file, one line a finding, for a spreadsheet: CSV or a workbook."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Any, Final

from openpyxl import Workbook
from openpyxl.styles import Alignment, Font, PatternFill

from carbon_platform.parcels.report import OUTCOME_WORDS, safe_cell
from carbon_platform.units import m2_to_mu

HEADINGS: Final = (
    "行号",
    "编号",
    "林班",
    "小班",
    "细班",
    "结果",
    "县代码",
    "证载（亩）",
    "实测（亩）",
    "字段",
    "哪里不对",
    "怎么办",
    "What",
    "What to do",
)
_WIDTHS: Final = (6, 30, 8, 8, 8, 14, 10, 12, 12, 14, 60, 40, 60, 40)


def error_csv(rows: Iterable[Any]) -> bytes:
    """The lines as CSV with a byte-order mark; no cell is a formula."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(HEADINGS)
    for line in _lines(rows):
        writer.writerow(safe_cell(value) for value in line)
    return ("\ufeff" + out.getvalue()).encode("utf-8")


def error_workbook(rows: Iterable[Any]) -> bytes:
    """The same as a workbook; every text is stored as text."""
    book = Workbook()
    sheet = book.active
    sheet.title = "问题清单"
    sheet.append(list(HEADINGS))
    for cell, width in zip(sheet[1], _WIDTHS, strict=True):
        cell.font, cell.fill = Font(bold=True), PatternFill("solid", fgColor="E7EFE9")
        sheet.column_dimensions[cell.column_letter].width = width
    for number, line in enumerate(_lines(rows), start=2):
        for column, value in enumerate(line, start=1):
            cell = sheet.cell(number, column)
            cell.value = _printable(value) if isinstance(value, str) else value
            cell.alignment = Alignment(wrap_text=True, vertical="top")
            if isinstance(value, str):
                cell.data_type, cell.number_format, cell.quotePrefix = "s", "@", value[:1] in "=+-@"
    sheet.freeze_panes = "C2"
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _printable(text: str) -> str:
    """Without control characters, which a workbook cannot hold."""
    return "".join(c for c in text if c in "\t\n" or ord(c) >= 32)


def _lines(rows: Iterable[Any]) -> Iterator[tuple[Any, ...]]:
    for row in rows:
        said = row.attributes
        for entry in row.findings:
            yield (
                row.row_number,
                row.identity,
                said.get("compartment") or "",
                said.get("sub_compartment") or said.get("parcel_code") or "",
                said.get("sub_sub_compartment") or "",
                OUTCOME_WORDS[row.outcome][0],
                row.county_code or "",
                _mu(row.stated_area_m2),
                _mu(row.area_m2),
                entry["field"],
                entry["zh"],
                entry["advice_zh"],
                entry["en"],
                entry["advice_en"],
            )


def _mu(area_m2: float | None) -> str:
    return "" if area_m2 is None else f"{m2_to_mu(area_m2):.2f}"
