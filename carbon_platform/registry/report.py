"""What is to be put right in an export, for a spreadsheet: CSV with a byte-order mark, or XLSX."""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Any, Final

import openpyxl
from openpyxl.cell import WriteOnlyCell

from carbon_platform.registry.tables import RegistryImportRow

HEAD: Final = ("行号", "状态", "列", "原值", "允许", "哪里不对", "怎么办", "What", "What to do")
_FORMULA: Final = ("=", "+", "-", "@")
STATUS_WORDS: Final = {"error": "错误", "conflict": "冲突"}


def safe_cell(value: Any) -> str:
    """Text that no spreadsheet takes for a formula: a leading ' defuses it.

    Judged in normal width and behind leading blanks, invisible ones too: some programs take ＝ for =.
    """
    text = "" if value is None else str(value)
    plain = unicodedata.normalize("NFKC", text)
    start = next((c for c in plain if not _is_blank(c)), "")
    return f"'{text}" if start in _FORMULA or plain.startswith(("\t", "\r")) else text


def _is_blank(character: str) -> bool:
    return character.isspace() or unicodedata.category(character) == "Cf"


def _lines(rows: Iterable[RegistryImportRow]) -> Iterator[list[str]]:
    for row in rows:
        for found in row.findings:
            cells = (
                row.row_number,
                STATUS_WORDS.get(row.status, row.status),
                found["column"],
                found["value"],
                found["limit"],
                found["zh"],
                found["advice_zh"],
                found["en"],
                found["advice_en"],
            )
            yield [safe_cell(cell) for cell in cells]


def error_csv(rows: Iterable[RegistryImportRow]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(HEAD)
    writer.writerows(_lines(rows))
    return ("\ufeff" + out.getvalue()).encode("utf-8")


def error_xlsx(rows: Iterable[RegistryImportRow]) -> bytes:
    """The same as a workbook; every cell is text."""
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("问题清单")
    sheet.append(list(HEAD))
    for line in _lines(rows):
        cells = []
        for text in line:
            cell = WriteOnlyCell(sheet, value=text)
            cell.data_type = "s"
            cells.append(cell)
        sheet.append(cells)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()
