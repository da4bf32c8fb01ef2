"""Attributes of registered parcels as a workbook that comes back: edited, uploaded, staged like any change.

One line a parcel. The code and the version say which state was exported; what the parcel measures is shown
and never read back. An empty cell leaves a field as it is; 清空 (or CLEAR) empties it.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from openpyxl import Workbook, load_workbook
from openpyxl.styles import Alignment, Font, PatternFill

from carbon_platform.parcels.field_changes import FIELD_NAMES
from carbon_platform.parcels.rules import KINDS, FileRefused
from carbon_platform.parcels.tables import Parcel
from carbon_platform.units import m2_to_mu
from gis.archive import check_container
from gis.errors import VectorFileError
from gis.limits import Limits

MAX_ROWS: Final = 20_000
MAX_COLUMNS: Final = 120
CLEAR: Final = ("清空", "CLEAR")
CODE, VERSION = "地块编码 code", "版本 version"
# Shown for the reader; what comes back in them is passed over.
SHOWN: Final = ("县代码 county", "实测亩 measured_mu")
# Columns of the register that may be edited: heading → field.
EDITED: Final = {
    "资源 kind": "kind",
    "登记亩 stated_mu": "stated_mu",
    "权利人 right_holder": "right_holder",
    "树种代码 species_code": "species_code",
    "地类代码 land_class_code": "land_class_code",
    "造林年度 planting_year": "planting_year",
}
# Attributes that say where and what a parcel is cannot be edited here, nor what is derived.
FIXED: Final = frozenset(
    {
        *("county", "township", "village", "compartment", "sub_compartment", "sub_sub_compartment"),
        *("parcel_code", "feature_code", "patch_number", "location_code", "township_code", "village_code"),
        *("area", "area_unit", "species_zh", "planting_year_origin", "planting_year"),
        *("species", "species_code", "land_class", "land_class_code", "right_holder", "kind"),
    }
)
_LIMITS: Final = Limits(upload_bytes=16 << 20, unpacked_bytes=128 << 20)


@dataclass(frozen=True)
class SheetLine:
    """One line that came back: line number in the sheet, code, version, and cells by field (text or None)."""

    number: int
    code: str
    version: str
    cells: dict[str, str | None]


def write_sheet(parcels: Sequence[Parcel]) -> bytes:
    """The workbook: a sheet of parcels, and one that says how to use it. No cell is a formula."""
    book = Workbook()
    sheet = book.active
    sheet.title = "地块 parcels"
    extra = sorted({name for parcel in parcels for name in parcel.attributes if name not in FIXED})
    headings = [CODE, VERSION, *SHOWN, *EDITED, *(_heading(name) for name in extra)]
    _line(sheet, 1, headings)
    for cell in sheet[1]:
        cell.font, cell.fill = Font(bold=True), PatternFill("solid", fgColor="E7EFE9")
        cell.alignment = Alignment(wrap_text=True, vertical="top")
    for number, parcel in enumerate(parcels, start=2):
        stated = parcel.stated_area_m2
        values = [
            parcel.code,
            parcel.version,
            parcel.county_code,
            round(m2_to_mu(parcel.area_m2), 4),
            parcel.kind,
            None if stated is None else round(m2_to_mu(stated), 4),
            parcel.right_holder or None,
            parcel.species_code or None,
            parcel.land_class_code or None,
            parcel.planting_year,
            *(parcel.attributes.get(name) for name in extra),
        ]
        _line(sheet, number, values)
    sheet.freeze_panes = "C2"
    for column in range(1, len(headings) + 1):
        sheet.column_dimensions[sheet.cell(1, column).column_letter].width = 26 if column == 1 else 16
    _notes(book.create_sheet("说明 how to"))
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _heading(name: str) -> str:
    words = FIELD_NAMES.get(name)
    return f"{words[0]} {name}" if words else name


def _line(sheet: Any, number: int, values: Sequence[Any]) -> None:
    for column, value in enumerate(values, start=1):
        cell = sheet.cell(number, column)
        if isinstance(value, str):
            # Text stays text: no spreadsheet takes it for a formula or a number.
            cell.value, cell.data_type, cell.number_format = _printable(value), "s", "@"
            cell.quotePrefix = value[:1] in "=+-@"
        else:
            cell.value = value


def _printable(text: str) -> str:
    return "".join(c for c in text if c in "\t\n" or ord(c) >= 32)


def _notes(sheet: Any) -> None:
    kinds = "、".join(f"{key} {zh}" for key, (zh, _) in KINDS.items())
    for number, text in enumerate(
        (
            "每行一块地。改完存盘，在“导入地块”页上传；由第二人核准后生效，原来的状态留在历史里。",
            "One line a parcel. Upload it on the import page; a second person approves the changes.",
            "地块编码和版本不要改：版本不同说明登记簿后来又变过，须重新导出。",
            "Do not edit code and version: another version means that the register has changed since.",
            f"空白 = 不变；{CLEAR[0]} 或 {CLEAR[1]} = 清空。Empty = unchanged; {CLEAR[1]} empties the field.",
            f"资源 kind：{kinds}",
            "县代码、实测面积只供查看；边界的变化请上传图形文件。",
            "County and measured area are for reading only; upload shapes to change borders.",
        ),
        start=1,
    ):
        sheet.cell(number, 1, text)
    sheet.column_dimensions["A"].width = 100


# --- reading it back --------------------------------------------------------------------------------


def read_sheet(path: Path, *, name: str) -> list[SheetLine]:
    """The lines of a workbook as it came back.

    Errors: ``FileRefused`` for what is no workbook, brings document types or formulas, is too large, or lacks
    the code or version column.
    """
    try:
        check_container(path, _LIMITS)
        _check_markup(path)
        return _lines(path, name)
    except VectorFileError as error:
        raise _refused(error.message("zh"), error.message("en")) from error
    except FileRefused:
        raise
    except Exception as error:  # whatever a broken workbook makes the reader stumble over
        raise _refused(f"{name} 不是能读的 XLSX 工作簿", f"{name} is no readable XLSX workbook") from error


def _refused(zh: str, en: str) -> FileRefused:
    entry = {"code": "parcels.sheet", "field": "file", "zh": zh, "en": en}
    return FileRefused(errors=[entry], reason=zh, reason_en=en)


def _check_markup(path: Path) -> None:
    """Workbooks need no document types; only attacks bring them."""
    with zipfile.ZipFile(path) as book:
        for info in book.infolist():
            data = book.read(info).replace(b"\0", b"")
            if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
                raise _refused("工作簿里有不该有的文档类型声明", "the workbook brings a document type")


def _lines(path: Path, name: str) -> list[SheetLine]:
    book = load_workbook(path, read_only=True, data_only=False)
    try:
        sheet = book.worksheets[0]
        rows = sheet.iter_rows(max_col=MAX_COLUMNS)
        headings = [_text(cell.value) for cell in next(rows, ())]
        if CODE not in headings or VERSION not in headings:
            names = f"“{CODE}” “{VERSION}”"
            raise _refused(f"第一行没有 {names} 两列", f"its first line lacks the columns {names}")
        lines: list[SheetLine] = []
        for number, row in enumerate(rows, start=2):
            if number > MAX_ROWS + 1:
                raise _refused(f"{name} 超过 {MAX_ROWS:,} 行", f"{name} has more than {MAX_ROWS:,} lines")
            line = _sheet_line(number, headings, row)
            if line:
                lines.append(line)
        return lines
    finally:
        book.close()


def _sheet_line(number: int, headings: Sequence[str | None], row: Sequence[Any]) -> SheetLine | None:
    texts: dict[str, str | None] = {}
    for heading, cell in zip(headings, row, strict=False):
        if heading and cell.data_type == "f":
            raise _refused(
                f"第 {number} 行“{heading}”是公式，请改为数值", f"line {number} has a formula in “{heading}”"
            )
        if heading:
            texts[heading] = _text(cell.value)
    if not any(texts.values()):
        return None
    cells = {
        _field(heading): text for heading, text in texts.items() if heading not in (CODE, VERSION, *SHOWN)
    }
    return SheetLine(number, texts.get(CODE) or "", texts.get(VERSION) or "", cells)


def _field(heading: str) -> str:
    return EDITED.get(heading, heading.rsplit(" ", 1)[-1])


def _text(cell: Any) -> str | None:
    if cell is None:
        return None
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    text = str(cell).strip()
    return text or None
