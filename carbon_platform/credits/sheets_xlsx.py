"""The calculation sheet as a workbook whose figures live: change a yellow cell and every step follows.

Column D holds the values: readings and parameters as numbers, each step as a formula over them. Column I
keeps what the platform has on record, J the difference. Text stays text: nothing a user typed can become a
formula. The same sheet gives the same bytes.
"""

from __future__ import annotations

import io
import math
import re
import zipfile
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from openpyxl import Workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE, Cell
from openpyxl.styles import Alignment, Border, Font, PatternFill, Side
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.worksheet import Worksheet

from carbon_platform.credits.sheets import Entry, Sheet
from carbon_platform.credits.sheets_formula import branch_formula, step_formula
from methodologies.contract import ExplainedStep
from methodologies.formula import render
from methodologies.parameters import ParameterInForce

TITLE, NOTES = "计算书 Sheet", "说明 Notes"
VALUE, RECORDED, DIFFERENCE = "D", "I", "J"
# Two formulas of floating point that differ by less than this part of their size say the same.
TOLERANCE = 1e-9
LINE_HEIGHT = 14.5  # points
CELL_MAX = 32_767  # characters of one cell in the file format
WIDTHS = {"A": 9, "B": 15, "C": 44, "D": 20, "E": 16, "F": 62, "G": 44, "H": 18, "I": 20, "J": 14}
HEADS = (
    "编号\nNo.",
    "符号\nSymbol",
    "名称\nName",
    "数值\nValue",
    "单位\nUnit",
    "算式或允许范围\nEquation or range",
    "来源\nSource",
    "证据状态或分支\nStatus or branch",
    "平台记录值\nOn record",
    "差\nDifference",
)
STATUS_ZH = {
    "verified": "已核实",
    "secondary": "二手来源",
    "unverified": "未核实",
    "illustrative": "示意",
    "local-decision": "本市采纳",
}
_INK, _QUIET = "1E2427", "5F676A"
_YELLOW, _BLUE, _HEAD = "FFF6D6", "EAF1F4", "1D5C6E"
_HAIR = Border(bottom=Side(style="hair", color="DDD8CC"))
# Where a workbook that keeps no clock says when it was made.
_EPOCH = (1980, 1, 1, 0, 0, 0)


def sheet_xlsx(sheet: Sheet) -> bytes:
    """The workbook of one sheet. Errors: ``TooLong`` for an equation no spreadsheet holds."""
    book = Workbook()
    page: Worksheet = book.active
    page.title = TITLE
    numbers = _Page(page, sheet).write()
    _notes(book.create_sheet(NOTES), sheet)
    book.calculation.fullCalcOnLoad = True
    made = io.BytesIO()
    book.save(made)
    return _settled(made.getvalue(), numbers)


def _lines(words: str, width: int) -> int:
    """How many lines words take in a column; a Chinese character is as wide as two Latin ones."""
    return sum(
        max(1, math.ceil(sum(2 if ord(c) > 0x2E7F else 1 for c in line) / (width - 1)))
        for line in words.split("\n")
    )


def text(cell: Cell, words: str) -> None:
    """Write words as words: ``=1+1``, ``+cmd``, ``@sum`` stay what they are, also when the cell is edited."""
    clean = ILLEGAL_CHARACTERS_RE.sub("\ufffd", words)[:CELL_MAX]
    cell.value = clean
    cell.data_type = "s"
    if clean[:1] in {"=", "+", "-", "@", "\t", "\r", "\n", "'"}:
        cell.quotePrefix = True


class _Page:
    """Writes the sheet from top to bottom and remembers where each term stands."""

    def __init__(self, page: Worksheet, sheet: Sheet) -> None:
        self.page, self.sheet = page, sheet
        self.cells: dict[str, str] = {}
        self.dates: set[str] = set()
        self.numbers: dict[str, float] = {}
        self.row = 1

    def write(self) -> Mapping[str, float]:
        """Address → number, of every cell that holds one: given, or on record for a formula."""
        self._head()
        self._band("一 输入（黄格可改） Inputs, yellow cells may be changed")
        for number, entry in enumerate((*self.sheet.inputs, *self.sheet.period), start=1):
            self._entry(f"I{number}", entry)
        for part in self.sheet.prepared:
            self._band(f"附表 {part.title_zh} {part.title_en}", quiet=True)
            for number, entry in enumerate(part.entries, start=1):
                self._measured(f"{part.name} {number}", entry)
        self._band("二 参数（黄格可改） Parameters, yellow cells may be changed")
        for number, parameter in enumerate(self.sheet.parameters, start=1):
            self._parameter(f"P{number}", parameter)
        self._band("三 计算（公式） Calculation, live formulas")
        first = self.row
        for section in self.sheet.sections:
            self._band(f"{section.title_zh} {section.title_en}", quiet=True)
            for step in section.steps:
                self._step(step)
        self._verdict(first, self.row - 1)
        self._layout()
        return self.numbers

    def _head(self) -> None:
        self._line("A", self.sheet.title_zh, Font(size=16, bold=True, color=_INK))
        self._line("A", self.sheet.title_en, Font(size=11, color=_QUIET))
        if self.sheet.is_demo:
            self._line("A", "演示 DEMO：数据为虚构，没有效力 invented data, no legal effect",
                       Font(bold=True, color="6A4480"))  # fmt: skip
        for zh, en, value in self.sheet.facts:
            text(self.page[f"A{self.row}"], f"{zh} {en}")
            text(self.page[f"C{self.row}"], value)
            self.row += 1
        text(self.page[f"A{self.row}"], "净额 Net")
        self.net_row = self.row
        self.row += 1
        text(self.page[f"A{self.row}"], "核对 Check")
        self.check_row = self.row
        self.row += 2
        for column, words in zip(WIDTHS, HEADS, strict=True):
            cell = self.page[f"{column}{self.row}"]
            text(cell, words)
            cell.font = Font(bold=True, color="FFFFFF")
            cell.fill = PatternFill("solid", fgColor=_HEAD)
            cell.alignment = Alignment(wrap_text=True, vertical="center")
        self.page.row_dimensions[self.row].height = 2 * LINE_HEIGHT + 4
        self.head_row = self.row
        self.row += 1

    def _line(self, column: str, words: str, font: Font) -> None:
        cell = self.page[f"{column}{self.row}"]
        text(cell, words)
        cell.font = font
        self.row += 1

    def _band(self, words: str, *, quiet: bool = False) -> None:
        for column in WIDTHS:
            self.page[f"{column}{self.row}"].fill = PatternFill("solid", fgColor="F5F2EA" if quiet else _BLUE)
        cell = self.page[f"A{self.row}"]
        text(cell, words)
        cell.font = Font(bold=not quiet, color=_INK)
        self.row += 1

    def _texts(self, **columns: str) -> None:
        lines = 1
        for column, words in columns.items():
            cell = self.page[f"{column}{self.row}"]
            text(cell, words)
            cell.alignment = Alignment(wrap_text=True, vertical="top", indent=1 if column == "E" else 0)
            lines = max(lines, _lines(words, WIDTHS[column]))
        # Programs differ in whether they fit heights by themselves; 409 points is as high as a row can be.
        self.page.row_dimensions[self.row].height = min(LINE_HEIGHT * lines + 2, 409)

    def _given(self, name: str, value: Any) -> Cell:
        """A yellow cell with a value of its own type."""
        cell: Cell = self.page[f"{VALUE}{self.row}"]
        if isinstance(value, str):
            text(cell, value)
        else:
            cell.value = value
        if isinstance(value, date):
            cell.number_format = "yyyy-mm-dd"
            self.dates.add(name)
        elif isinstance(value, float):
            self.numbers[cell.coordinate] = value
        cell.fill = PatternFill("solid", fgColor=_YELLOW)
        cell.alignment = Alignment(vertical="top", horizontal="right")
        self.cells[name] = f"${VALUE}${self.row}"
        return cell

    def _entry(self, number: str, entry: Entry) -> None:
        cell = self._given(entry.name, entry.value)
        self._texts(
            A=number, B=entry.symbol, C=f"{entry.meaning_zh}\n{entry.meaning_en}", E=entry.unit,
            F=entry.choices_text or entry.allowed,
            G="监测数据 monitoring" if entry.allowed else "监测期 period",
        )  # fmt: skip
        self._allow(cell, entry)
        self.row += 1

    def _measured(self, number: str, entry: Entry) -> None:
        """What a measured table gave: shown, and no part of the formulas, which refer to the inputs above."""
        cell = self.page[f"{VALUE}{self.row}"]
        if isinstance(entry.value, str):
            text(cell, entry.value)
        else:
            cell.value = entry.value
        self._texts(A=number, B=entry.symbol, C=f"{entry.meaning_zh}\n{entry.meaning_en}", E=entry.unit,
                    G="附表整理 measured table")  # fmt: skip
        self.row += 1

    def _allow(self, cell: Cell, entry: Entry) -> None:
        """What the cell takes: the range or the choices of the column."""
        rule: DataValidation | None = None
        listed = ",".join(entry.choices)
        if isinstance(entry.value, bool):
            rule = DataValidation(type="list", formula1='"TRUE,FALSE"')
        elif entry.choices and len(listed) < 255:  # the file format takes no longer list
            rule = DataValidation(type="list", formula1=f'"{listed}"')
        elif entry.low is not None and entry.high is not None:
            rule = DataValidation(
                type="decimal", operator="between", formula1=repr(entry.low), formula2=repr(entry.high)
            )
        if rule is not None:
            rule.error = f"{entry.allowed} {entry.unit}".strip()
            rule.add(cell)
            self.page.add_data_validation(rule)

    def _parameter(self, number: str, parameter: ParameterInForce) -> None:
        self._given(parameter.name, parameter.value)
        source = (
            f"{parameter.source} {parameter.page}".strip() + f"\n{parameter.valid_from.isoformat()} 起 from"
        )
        if parameter.note:
            source += f"\n{parameter.note}"
        self._texts(
            A=number, B=parameter.symbol, C=f"{parameter.meaning_zh}\n{parameter.meaning_en}",
            E=parameter.unit,
            F=f"{parameter.low:g} – {parameter.high:g}", G=source,
            H=f"{STATUS_ZH[parameter.status]}\n{parameter.status}",
        )  # fmt: skip
        self.row += 1

    def _step(self, step: ExplainedStep) -> None:
        declared = self.sheet.methodology.step(step.name)
        cell = self.page[f"{VALUE}{self.row}"]
        cell.value = step_formula(declared, self.cells, self.dates)
        cell.alignment = Alignment(vertical="top", horizontal="right")
        cell.font = Font(bold=step is self.sheet.net)
        branch = branch_formula(declared, self.cells, self.dates)
        lines = [
            f"{step.symbol} = {render(case.formula, self._symbols())}"
            + (f"（{number}：{render(case.when, self._symbols())}）" if case.when else "")
            for number, case in enumerate(declared.cases, start=1)
        ]
        self._texts(
            A=step.equation_no, B=step.symbol, C=f"{step.meaning_zh}\n{step.meaning_en}", E=step.unit,
            F="\n".join(lines), G=step.source,
        )  # fmt: skip
        if branch:
            self.page[f"H{self.row}"].value = branch
        self.page[f"{RECORDED}{self.row}"].value = step.value
        self.page[f"{DIFFERENCE}{self.row}"].value = f"={VALUE}{self.row}-{RECORDED}{self.row}"
        self.numbers[f"{VALUE}{self.row}"] = self.numbers[f"{RECORDED}{self.row}"] = step.value
        self.numbers[f"{DIFFERENCE}{self.row}"] = 0.0
        for column in ("H", RECORDED, DIFFERENCE):
            self.page[f"{column}{self.row}"].alignment = Alignment(vertical="top")
        self.cells[step.name] = f"${VALUE}${self.row}"
        self.row += 1

    def _symbols(self) -> dict[str, str]:
        if not hasattr(self, "_symbol_of"):
            sheet = self.sheet
            self._symbol_of = {entry.name: entry.symbol for entry in (*sheet.inputs, *sheet.period)}
            self._symbol_of |= {parameter.name: parameter.symbol for parameter in sheet.parameters}
            self._symbol_of |= {step.name: step.symbol for step in sheet.steps}
        return self._symbol_of

    def _verdict(self, first: int, last: int) -> None:
        """The net figure and the largest difference, on top where they are looked for."""
        net = self.cells[self.sheet.net.name]
        self.page[f"C{self.net_row}"].value = f"={net}"
        self.numbers[f"C{self.net_row}"] = self.sheet.net.value
        text(self.page[f"E{self.net_row}"], self.sheet.net.unit)
        span = f"{DIFFERENCE}{first}:{DIFFERENCE}{last}"
        size = f"{RECORDED}{first}:{RECORDED}{last}"
        self.page[f"C{self.check_row}"].value = (
            f"=IF(MAX(MAX({span}),-MIN({span}))<={TOLERANCE:.0E}*MAX(1,MAX({size}),-MIN({size})),"
            '"一致：公式与平台记录相同 same as on record","不同：输入或参数改过 differs from the record")'
        )
        for row in (self.net_row, self.check_row):
            self.page[f"C{row}"].font = Font(bold=True, color=_INK)
            self.page[f"C{row}"].alignment = Alignment(horizontal="left")

    def _layout(self) -> None:
        for column, width in WIDTHS.items():
            self.page.column_dimensions[column].width = width
            for row in range(self.head_row + 1, self.row):
                self.page[f"{column}{row}"].border = _HAIR
        self.page.freeze_panes = f"C{self.head_row + 1}"
        _on_paper(self.page)
        self.page.print_title_rows = f"{self.head_row}:{self.head_row}"


def _on_paper(page: Worksheet) -> None:
    """A4 across, one page wide."""
    page.page_setup.orientation = "landscape"
    page.page_setup.paperSize = page.PAPERSIZE_A4
    page.page_setup.fitToHeight = 0
    page.sheet_properties.pageSetUpPr.fitToPage = True


def _notes(page: Worksheet, sheet: Sheet) -> None:
    lines = [
        ("怎样核对 How to check", "改「计算书」里任何一个黄格，D 列各步随公式重算，J 列是与平台记录的差。"
         " Change any yellow cell: column D follows, column J is the difference to the record."),
        ("公式 Formulas", "D 列每一步都是公式，只引用输入格、参数格和前面的步骤；没有宏，没有外部链接。"
         " Column D is formulas over inputs, parameters and earlier steps; no macros, no links."),
        ("分支 Branches", "H 列给出当前成立的是第几个分支。 Column H says which branch holds."),
        ("取整 Rounding", "地块不单独取整，负的照样计入；项目合计向下取整一次。"
         " Parcels are not rounded and negative ones count; the project's sum is rounded down once."),
        ("方法学来源 Method", sheet.methodology.source),
        *((f"摘要 {name}", value) for name, value in sheet.digests),
    ]  # fmt: skip
    for row, (name, value) in enumerate(lines, start=1):
        text(page[f"A{row}"], name)
        text(page[f"B{row}"], value)
        page[f"A{row}"].font = Font(bold=True)
        page[f"B{row}"].alignment = Alignment(wrap_text=True, vertical="top")
        page.row_dimensions[row].height = LINE_HEIGHT * _lines(value, 100) + 4
    page.column_dimensions["A"].width = 26
    page.column_dimensions["B"].width = 100
    _on_paper(page)


# A cell with a formula without result, or with a number: what stands before its value, and its address.
_NUMBER = re.compile(r'(<c r="([A-Z]+[0-9]+)"[^>]*>(?:<f>[^<]*</f>)?)<v(?:>[^<]*</v>| ?/>)')
_MODIFIED = re.compile(r"(<dcterms:(?:created|modified)[^>]*>)[^<]*")


def _settled(content: bytes, numbers: Mapping[str, float]) -> bytes:
    """The same archive without a clock, and with every number of the first page in full.

    The writer keeps 16 digits, a number has up to 17: the last one counts here. Formulas get the figure on
    record as their stored result, so that readers that do not compute (a preview on a telephone) show
    figures.
    """
    moment = datetime(*_EPOCH).isoformat() + "Z"  # noqa: DTZ001 — a label in the file, not a time
    settled = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(settled, "w") as new:
        for name in sorted(old.namelist(), key=lambda name: (name != "[Content_Types].xml", name)):
            part = old.read(name)
            if name == "xl/worksheets/sheet1.xml":
                part = _NUMBER.sub(lambda found: _with_value(found, numbers), part.decode()).encode()
            elif name == "docProps/core.xml":
                part = _MODIFIED.sub(rf"\g<1>{moment}", part.decode()).encode()
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            new.writestr(entry, part)
    return settled.getvalue()


def _with_value(found: re.Match[str], numbers: Mapping[str, float]) -> str:
    value = numbers.get(found[2])
    return found[0] if value is None else f"{found[1]}<v>{value!r}</v>"
