"""The sheet a village officer fills in: XLSX or CSV (UTF-8 or GB18030), one row a thing somebody did."""

from __future__ import annotations

import io
import re
import unicodedata
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

from openpyxl import Workbook
from openpyxl.styles import Alignment, Font, PatternFill

from carbon_platform.citizens import catalogue as citizens
from carbon_platform.proxies import catalogue
from carbon_platform.proxies.errors import SheetRefused
from gis.archive import check_container
from gis.errors import VectorFileError
from gis.limits import Limits
from methodologies.contract import Behaviour
from methodologies.errors import InvalidFile
from methodologies.files.grids import Grid, read_csv, read_xlsx

COLUMNS: Final = {
    "number": ("户号", "account"),
    "behaviour": ("行为", "behaviour"),
    "day": ("日期", "day"),
    "quantity": ("数量", "quantity"),
    "count": ("第几次", "count"),
    "photo": ("照片", "photo"),
}
NEEDED: Final = ("number", "behaviour", "day", "quantity", "photo")
_FILE_BYTES: Final = 4 << 20
_LIMITS: Final = Limits(upload_bytes=_FILE_BYTES, unpacked_bytes=64 << 20)


@dataclass(frozen=True)
class Line:
    """One row as typed: texts, empty where nothing stood."""

    row: int
    number: str
    behaviour: str
    day: str
    quantity: str
    count: str
    photo: str


def read(path: Path, *, name: str) -> list[Line]:
    """The rows of a sheet whose suffix is true (:func:`named_by_content`).

    Errors: ``SheetRefused`` for what is no sheet, is too long, or lacks a column.
    """
    if path.stat().st_size > _FILE_BYTES:
        raise SheetRefused(reason=f"超过 {_FILE_BYTES >> 20} MB", reason_en="it is larger than 4 MB")
    grid = _grid(path, name)
    places = _places(grid)
    most = catalogue.batch_rule().rows_max
    if len(grid.cells) - 1 > most:
        raise SheetRefused(reason=f"超过 {most} 行，请分批", reason_en=f"it has more than {most} rows")
    lines = []
    for number, cells in zip(grid.numbers[1:], grid.cells[1:], strict=True):
        texts = {field: _text(cells[place]) if place < len(cells) else "" for field, place in places.items()}
        lines.append(Line(row=number, **{field: texts.get(field, "") for field in COLUMNS}))
    if not lines:
        raise SheetRefused(reason="没有数据行", reason_en="it has no rows")
    return lines


def named_by_content(path: Path) -> Path:
    """The file under a name that says what it is by its first bytes: the reader of workbooks goes by it."""
    with path.open("rb") as file:
        workbook = file.read(4) == b"PK\x03\x04"
    return path.rename(path.with_suffix(".xlsx" if workbook else ".csv"))


def _grid(path: Path, name: str) -> Grid:
    try:
        if path.suffix == ".xlsx":
            check_container(path, _LIMITS)
            grids = read_xlsx(path)
        else:
            grids = [read_csv(path)]
    except (VectorFileError, InvalidFile) as error:
        zh, en = error.message("zh").rstrip("。"), error.message("en").rstrip(".")
        raise SheetRefused(reason=zh, reason_en=en) from error
    # openpyxl raises almost anything for bytes that only look like a workbook
    except (ValueError, TypeError, KeyError, AttributeError, OSError) as error:
        raise SheetRefused(reason=f"{name} 读不出表格", reason_en=f"{name} is no sheet") from error
    if not grids or not grids[0].cells:
        raise SheetRefused(reason=f"{name} 是空的", reason_en=f"{name} is empty")
    return grids[0]


def _places(grid: Grid) -> dict[str, int]:
    found: dict[str, int] = {}
    for place, cell in enumerate(grid.cells[0]):
        heading = _text(cell).casefold()
        for field, words in COLUMNS.items():
            if field not in found and any(heading.split(" ")[0] == word or heading == word for word in words):
                found[field] = place
    missing = [COLUMNS[field] for field in NEEDED if field not in found]
    if missing:
        zh = "、".join(words[0] for words in missing)
        en = ", ".join(words[1] for words in missing)
        raise SheetRefused(reason=f"第一行缺少列：{zh}", reason_en=f"its first line lacks: {en}")
    return found


def _text(cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, datetime | date):
        return (cell.date() if isinstance(cell, datetime) else cell).isoformat()
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    text = unicodedata.normalize("NFKC", str(cell))
    return re.sub(r"[\x00-\x1f\x7f]", " ", text).strip()[:200]


def behaviour_of(text: str) -> Behaviour | None:
    """A behaviour an officer may enter, by its code or its Chinese name."""
    wanted = text.casefold()
    for code in catalogue.entry_behaviours():
        known = citizens.behaviours().get(code)
        if known is not None and wanted in (code.casefold(), known.name_zh, known.name_en.casefold()):
            return known
    return None


def day_of(text: str) -> str:
    """A day as typed (2026-11-20, 2026/11/20, 2026.11.20, 2026年11月20日), ISO. Raises ``ValueError``."""
    found = re.fullmatch(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?", text)
    if found is None:
        raise ValueError(text)
    return date(*map(int, found.groups())).isoformat()


def milli_of(text: str) -> int:
    """A quantity as typed, in thousandths, exact. Raises ``ValueError``."""
    found = re.fullmatch(r"(\d{1,6})(?:\.(\d{1,3}))?", text.replace(",", ""))
    if found is None:
        raise ValueError(text)
    return int(found[1]) * 1_000 + int((found[2] or "0").ljust(3, "0"))


def template() -> bytes:
    """An empty sheet, with one that says how to fill it in."""
    book = Workbook()
    sheet = book.active
    sheet.title = "填报"
    for place, (zh, en) in enumerate(COLUMNS.values(), start=1):
        cell = sheet.cell(1, place, f"{zh} {en}")
        cell.font, cell.fill = Font(bold=True), PatternFill("solid", fgColor="E7EFE9")
        sheet.column_dimensions[cell.column_letter].width = 20
        for row in range(2, 12):
            sheet.cell(row, place).number_format = "@"
    sheet.freeze_panes = "A2"
    notes = book.create_sheet("说明")
    for row, text in enumerate(_notes(), start=1):
        notes.cell(row, 1, text).alignment = Alignment(wrap_text=True)
    notes.column_dimensions["A"].width = 100
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _notes() -> list[str]:
    rule = catalogue.batch_rule()
    lines = [
        "一行记一个人做的一件事。One row: one thing one person did.",
        "户号：纸质账户的号，例如 XY00000000。账户开好后印在月单上。",
        "日期：2026-11-20，最多往前 31 天。数量：只写数，单位见下表。",
        "第几次：同一人同一天同一件事不止一次时写 1、2、3，平时留空。",
        "照片：随表一起上传的文件名，例如 称重1.jpg。几行可以是同一张照片，用过的照片不能再用。",
        f"每批最多 {rule.rows_max} 行。上传后随机抽 {rule.check_percent}%（至少 {rule.check_rows_min} 行）"
        f"由另一个人复核，错的超过 {rule.wrong_percent_max}% 整批退回。",
        "",
        "可以填的行为 Behaviours:",
    ]
    for code in catalogue.entry_behaviours():
        known = citizens.behaviours().get(code)
        if known is not None:
            lines.append(f"{code}　{known.name_zh}　单位：{known.unit_zh}　{known.name_en} ({known.unit_en})")
    return lines
