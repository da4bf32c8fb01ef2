"""Exports as registries write them, made by tests: rows of cells, CSV in some encoding, workbooks."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import openpyxl

HEADER = ["业务类型", "项目编号", "项目名称", "方法学", "年份", "编号区间", "数量（吨）", "持有人",
          "统一社会信用代码", "受让方", "受让方信用代码", "日期", "业务编号", "注销证明编号", "受益方",
          "用途"]  # fmt: skip
METHOD = "CCER-14-001-V01"
ALPHA, BETA, GAMMA = "某茶业有限公司（测试）", "某建材有限公司（测试）", "某林业有限公司（测试）"
CODES = {ALPHA: "91411502TEST00001X", BETA: "91411525TEST00002X", GAMMA: ""}
P1 = "CCER-HN-0007"


def issue(blocks: str, tonnes: Any, holder: str = ALPHA, day: Any = "2025-03-01", **more: Any) -> list[Any]:
    return row("登记", blocks, tonnes, holder, day, **more)


def transfer(
    blocks: str, tonnes: Any, holder: str, to: str, day: Any = "2025-06-01", **more: Any
) -> list[Any]:
    return row("划转", blocks, tonnes, holder, day, to=to, **more)


def retire(blocks: str, tonnes: Any, holder: str, day: Any = "2025-09-01", **more: Any) -> list[Any]:
    return row("注销", blocks, tonnes, holder, day, certificate=more.pop("certificate", "ZX-1"), **more)


def row(kind: str, blocks: Any, tonnes: Any, holder: str, day: Any, **more: Any) -> list[Any]:
    return [
        kind,
        more.get("project", P1),
        more.get("name", "某造林项目（测试）"),
        more.get("method", METHOD),
        more.get("vintage", "2024"),
        blocks,
        tonnes,
        holder,
        more.get("code", ""),
        more.get("to", ""),
        more.get("to_code", ""),
        day,
        more.get("reference", ""),
        more.get("certificate", ""),
        more.get("beneficiary", ""),
        more.get("purpose", ""),
    ]


def csv_file(
    path: Path,
    rows: Sequence[Sequence[Any]],
    *,
    header: Sequence[str] = HEADER,
    encoding: str = "utf-8",
    delimiter: str = ",",
    above: Sequence[Sequence[str]] = (),
) -> Path:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows([*above, header, *rows])
    path.write_bytes(text.getvalue().encode(encoding))
    return path


def workbook(
    path: Path,
    rows: Sequence[Sequence[Any]],
    *,
    header: Sequence[str] = HEADER,
    sheet: str = "减排量明细",
    others: Sequence[str] = ("说明",),
) -> Path:
    book = openpyxl.Workbook()
    book.active.title = others[0] if others else sheet
    for name in others[1:]:
        book.create_sheet(name)
    page = book.create_sheet(sheet) if others else book.active
    for cells in (header, *rows):
        page.append(list(cells))
    book.save(path)
    return path
