"""Imports: uploading, what a report says against the register, and the two people who let it in."""

from __future__ import annotations

from collections import Counter
from typing import Any

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from carbon_platform.console.formats import mu
from carbon_platform.console.site import asked_page, county, page, pager, said
from carbon_platform.parcels import service
from carbon_platform.parcels.acceptance import same_person
from carbon_platform.parcels.field_changes import FIELD_NAMES
from carbon_platform.parcels.import_records import diff_counts, diff_word
from carbon_platform.parcels.tables import ParcelImport, ParcelImportRow
from carbon_platform.web import Call, paged

blp = Blueprint("imports", __name__)

PAGE_SIZE = 50
SHOWS = ("problems", "new", "changed", "same", "refused", "all")
PROBLEMS = ("repaired", "warned", "refused", "same")
_CHANGED = ("changed", "split", "merged", "replaced", "ended", "restored")


@blp.get("/imports")
@page("parcel.read")
def imports(call: Call) -> ResponseReturnValue:
    found = paged(call.session, service.imports_statement(call.actor), page=asked_page(), size=PAGE_SIZE)
    return render_template(
        "import.html",
        imports=[
            {
                "id": record.id,
                "file_name": record.file_name,
                "kind": record.kind,
                "uploaded_by": record.uploaded_by,
                "uploaded_at": record.uploaded_at,
                "status": record.status,
                "counts": _tally(record, "rows"),
                "url": f"/imports/{record.id}",
            }
            for record in found.items
        ],
        page=pager(found),
        limit_mb=call.settings.upload_limit_bytes // 1024**2,
        can={"import": call.actor.may("parcel.import")},
        today=call.now,
    )


def _tally(record: ParcelImport, what: str) -> dict[str, Any]:
    """Rows or area_m2 of a report: all, ready to be registered, to be confirmed, refused."""
    of = {outcome: entry[what] for outcome, entry in record.counts.items()}
    return {
        "total": sum(of.values()),
        "ready": of.get("accepted", 0) + of.get("repaired", 0),
        "look": of.get("warned", 0),
        "refused": of.get("refused", 0),
        "same": of.get("same", 0),
    }


@blp.get("/imports/<int:import_id>")
@page("parcel.read")
def import_report(call: Call, import_id: int) -> ResponseReturnValue:
    record = service.get_import(call.session, call.actor, import_id)
    asked = request.args.get("show", "")
    show = asked if asked in SHOWS else "problems"
    found = paged(call.session, _rows_shown(record, show), page=asked_page(), size=PAGE_SIZE)
    refused = list(call.session.scalars(service.rows_statement(record, outcomes=("refused",))))
    done = service.acceptance_of(call.session, record)
    still_open = record.status != "declined"
    return render_template(
        "import_report.html",
        report={
            **_head(record),
            "registered_rows": done.registered_rows,
            "waiting_rows": done.waiting_rows,
            "awaiting_rows": done.awaiting_rows,
            "counts": _tally(record, "rows"),
            "areas": _tally(record, "area_m2"),
            "diff": diff_counts(call.session, record),
            "steps": _steps(record, refused),
        },
        first_things=_first_things(refused),
        rows=[_report_row(row) for row in found.items],
        show=show,
        page=pager(found),
        can={
            "accept": still_open and call.actor.may("parcel.import"),
            "approve": still_open
            and call.actor.may("parcel.approve")
            and not same_person(record, call.actor),
        },
        trail=[{"label": _("导入地块"), "url": "/imports"}, {"label": record.file_name}],
    )


def _head(record: ParcelImport) -> dict[str, Any]:
    return {
        "id": record.id,
        "file_name": record.file_name,
        "uploaded_by": record.uploaded_by,
        "uploaded_at": record.uploaded_at,
        "status": record.status,
        "mode": record.mode,
        "reason": record.reason,
        "effective_on": record.effective_on,
        "kind": record.kind,
        "notes": [said(note["zh"], note["en"]) for note in record.notes],
        "accepted_by": record.accepted_by,
        "accepted_at": record.accepted_at,
    }


def _rows_shown(record: ParcelImport, show: str) -> Any:
    if show == "all":
        return service.rows_statement(record)
    if show in ("refused", "same"):
        return service.rows_statement(record, outcomes=(show,))
    open_outcomes = ("accepted", "repaired", "warned")
    if show == "new":
        return service.rows_statement(record, outcomes=open_outcomes, changes=("new",))
    if show == "changed":
        return service.rows_statement(record, outcomes=open_outcomes, changes=_CHANGED)
    return service.rows_statement(record, outcomes=PROBLEMS)


def _steps(record: ParcelImport, refused: list[ParcelImportRow]) -> list[dict[str, str]]:
    """What was checked, in order, each with what was found there."""
    reasons = Counter(finding["code"].partition("_")[0] for row in refused for finding in row.findings)
    overlaps = reasons["overlap"] + reasons["duplicate"]
    counts = _tally(record, "rows")
    return [
        {"label": _("读取"), "note": f"{record.encoding}，{_('%(n)s 行', n=counts['total'])}"},
        {"label": _("坐标"), "note": f"EPSG:{record.epsg}"},
        {"label": _("几何"), "note": _("修 %(n)s 处", n=record.counts.get("repaired", {}).get("rows", 0))},
        {"label": _("属性"), "note": _("%(n)s 行要看", n=counts["look"])},
        {"label": _("重叠"), "note": _("%(n)s 行", n=overlaps)},
    ]


def _first_things(refused: list[ParcelImportRow]) -> list[dict[str, Any]]:
    """The reasons that keep rows out, the most frequent first, each with its first row."""
    first: dict[str, tuple[ParcelImportRow, dict[str, Any]]] = {}
    times: Counter[str] = Counter()
    for row in refused:
        for finding in row.findings:
            if finding["outcome"] == "refused":
                first.setdefault(finding["code"], (row, finding))
                times[finding["code"]] += 1
    things = []
    for code, count in times.most_common(5):
        row, finding = first[code]
        more = _("（同样的共 %(n)s 行）", n=count) if count > 1 else ""
        things.append({"text": said(finding["zh"], finding["en"]) + more, "row": row.row_number})
    return things


def _report_row(row: ParcelImportRow) -> dict[str, Any]:
    return {
        "row_number": row.row_number,
        "identity": row.identity or _("没有编号"),
        "place": county(row.county_code) if row.county_code else "",
        "stated_area_m2": row.stated_area_m2,
        "area_m2": row.area_m2,
        "outcome": "imported" if row.parcel_id is not None else row.outcome,
        "change": diff_word(row.change, row.outcome),
        "needs_approval": row.needs_approval and row.parcel_id is None and row.outcome != "refused",
        "fields": [_field(entry) for entry in row.diff.get("fields", [])],
        "findings": [
            {"text": said(f["zh"], f["en"]), "advice": said(f["advice_zh"], f["advice_en"])}
            for f in row.findings
        ],
    }


def _field(entry: dict[str, Any]) -> dict[str, str]:
    """One changed field in words; areas and borders in 亩."""
    name = entry["field"]
    words = FIELD_NAMES.get(name, (name, name))
    told = _mu if name in ("geometry", "stated_area_m2") else _text
    before, after = told(entry["before"]), told(entry["after"])
    return {"label": said(*words), "before": before or _("空"), "after": after or _("空")}


def _mu(value: Any) -> str:
    return "" if value is None else _("%(mu)s 亩", mu=mu(value))


def _text(value: Any) -> str:
    states = {"registered": _("已登记"), "ended": _("已终止")}
    return "" if value is None else states.get(str(value), str(value))
