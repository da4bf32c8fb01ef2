"""The report of an import for people at a terminal."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

from carbon_platform.parcels.export_rules import safe_text
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


def trial_text(report: dict[str, Any]) -> str:
    """The report of a trial (:mod:`carbon_platform.parcels.dry_run`) as a person at a terminal reads it."""
    if not report["read"]:
        error = report["error"]
        return f"✗ {report['file']}：{error['zh']}\n  {error['en']}"
    classes = report["overlapping_pairs_by_class"]
    mu = m2_to_mu(report["area_m2_total"])
    lines = [
        f"文件 {report['file']} · 图层 {report['layer']} · 编码 {report['encoding_detected']}",
        f"坐标系 {report['crs_detected']}（{'文件声明' if report['crs_origin'] == 'file' else '按坐标判断'}）"
        f" · 面积单位 {report['area_unit_detected'] or '—'}",
        *(f"注意：{note['zh']}" for note in report["notes"]),
        f"共 {report['features']:,} 行：可登记 {report['accepted']:,}，拒绝 {report['refused']:,}；"
        f"修复 {report['repaired']:,}，市外 {report['outside_city']:,}",
        f"图形有错 {report['invalid_geometries']:,} · 缺图形 {report['missing_geometries']:,} · "
        f"县代码不符 {report['county_mismatches']:,}",
        f"重叠 {report['overlapping_pairs']:,} 对（其中噪声 {classes['numeric'] + classes['noise']:,}，"
        f"缝隙 {classes['sliver']:,}） · 与已登记地块 {report['overlaps_with_registered']:,} 对"
        + ("" if report["register_compared"] else "（没有登记库可比）"),
        f"椭球面积 {report['area_m2_total']:,.2f} 平方米（{mu:,.2f} 亩）",
    ]
    if problem := report["area_unit_problem"]:
        lines.append(f"注意：{problem['zh']}")
    lines += [f"注意：{question['zh']}（{question['rows']:,} 行）" for question in report["questions"]]
    return "\n".join([*lines, *_trial_reasons(report["refusals"])])


def _trial_reasons(refusals: list[dict[str, Any]]) -> list[str]:
    """The first refusals of each reason, and how many more there are."""
    reasons: dict[str, list[dict[str, Any]]] = {}
    for row in refusals:
        for reason in row["reasons"]:
            if reason["outcome"] == "refused":
                reasons.setdefault(reason["code"], []).append(reason)
    lines = []
    for found in reasons.values():
        lines += ["", *(f"  ✗ {reason['zh']}{reason['advice_zh']}" for reason in found[:_SHOWN_FINDINGS])]
        if len(found) > _SHOWN_FINDINGS:
            lines.append(f"  …… 同样的还有 {len(found) - _SHOWN_FINDINGS} 行。")
    return lines


def safe_cell(value: Any) -> str:
    """A cell no spreadsheet takes for a formula."""
    return str(safe_text("" if value is None else str(value)))
