"""The report of an import for people: text for a terminal, CSV for a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from carbon_platform.parcels.reference import Family
from carbon_platform.parcels.rules import KINDS
from carbon_platform.parcels.staging import Row, Staged
from carbon_platform.units import m2_to_mu

OUTCOME_WORDS: Final = {
    "accepted": ("可以入库", "can be registered"),
    "repaired": ("已修好，可以入库", "repaired, can be registered"),
    "warned": ("请看一眼，确认后可以入库", "to be confirmed"),
    "refused": ("不能入库", "refused"),
    "same": ("已经登记", "already registered"),
}
_SHOWN_FINDINGS: Final = 3  # of each reason


@dataclass(frozen=True)
class ImportReport:
    """What the checks of one file found. ``import_id`` is None when nothing was kept (trying out)."""

    file_name: str
    import_id: int | None
    layer: str
    encoding: str
    epsg: int
    crs_origin: str
    family: Family
    kind: str
    notes: list[str]
    counts: dict[str, dict[str, Any]]
    rows: list[Row]


def report_of(file_name: str, staged: Staged, *, import_id: int | None) -> ImportReport:
    layer = staged.prepared.layer
    return ImportReport(
        file_name=file_name,
        import_id=import_id,
        layer=layer.layer,
        encoding=layer.encoding,
        epsg=layer.epsg,
        crs_origin=layer.crs_origin,
        family=staged.prepared.family,
        kind=staged.kind,
        notes=[note.message("zh") for note in layer.notes],
        counts=staged.counts,
        rows=staged.prepared.rows,
    )


def report_text(report: ImportReport) -> str:
    """The report as a person at a terminal reads it."""
    origin = "文件声明" if report.crs_origin == "prj" else "按坐标判断"
    kind = KINDS.get(report.kind, ("未定",))[0]
    lines = [
        f"文件 {report.file_name} · 图层 {report.layer} · 编码 {report.encoding}",
        f"坐标系 EPSG:{report.epsg}（{origin}） · {report.family.title_zh} · {kind}",
        *(f"注意：{note}" for note in report.notes),
        "",
        f"{'结果':<14}{'行':>8}{'亩':>14}{'公顷':>12}",
    ]
    for outcome, entry in report.counts.items():
        area = entry["area_m2"]
        words = OUTCOME_WORDS[outcome][0]
        pad = 28 - 2 * len(words)
        lines.append(f"{words}{' ' * pad}{entry['rows']:>6,}{m2_to_mu(area):>14,.1f}{area / 10_000:>12,.2f}")
    total = sum(entry["rows"] for entry in report.counts.values())
    lines.append(f"共 {total:,} 行")
    found = [(row, entry) for row in report.rows for entry in row.findings]
    if found:
        counts = Counter(entry["code"] for _, entry in found)
        lines += ["", "发现：" + "，".join(f"{code} × {count}" for code, count in counts.most_common())]
        lines += _told([entry for _, entry in found if entry["outcome"] in ("refused", "warned")])
    kept = f"导入编号 {report.import_id}，尚未入库。" if report.import_id else "只是试读，没有保存任何内容。"
    return "\n".join([*lines, "", kept])


def _told(found: list[dict[str, Any]]) -> list[str]:
    """What keeps rows out first, then what is to be confirmed; a few rows of each reason."""
    lines = []
    by_code: dict[str, list[dict[str, Any]]] = {}
    for entry in sorted(found, key=lambda entry: str(entry["outcome"])):
        by_code.setdefault(entry["code"], []).append(entry)
    for entries in by_code.values():
        lines += [f"  {entry['zh']}{entry['advice_zh']}" for entry in entries[:_SHOWN_FINDINGS]]
        if len(entries) > _SHOWN_FINDINGS:
            lines.append(f"  …… 同样的还有 {len(entries) - _SHOWN_FINDINGS} 行，见问题清单。")
    return lines


def safe_cell(value: Any) -> str:
    """A cell no spreadsheet takes for a formula."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def error_sheet(rows: Iterable[Any]) -> bytes:
    """Rows with something to put right, one line per finding, as CSV with a byte-order mark."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(
        [
            "行号",
            "编号",
            "结果",
            "县代码",
            "证载（亩）",
            "实测（亩）",
            "字段",
            "哪里不对",
            "怎么办",
            "What",
            "What to do",
        ]
    )
    for row in rows:
        for entry in row.findings:
            writer.writerow(
                safe_cell(value)
                for value in (
                    row.row_number,
                    row.identity,
                    OUTCOME_WORDS[row.outcome][0],
                    row.county_code,
                    _mu(row.stated_area_m2),
                    _mu(row.area_m2),
                    entry["field"],
                    entry["zh"],
                    entry["advice_zh"],
                    entry["en"],
                    entry["advice_en"],
                )
            )
    return ("\ufeff" + out.getvalue()).encode("utf-8")


def _mu(area_m2: float | None) -> str:
    return "" if area_m2 is None else f"{m2_to_mu(area_m2):.2f}"
