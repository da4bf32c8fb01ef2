"""Exports of parcels: ask for a file, let out what a colleague asked for, and who fetched what."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from carbon_platform.console.formats import count, figure
from carbon_platform.console.site import asked_page, county, page, pager
from carbon_platform.parcels import exports
from carbon_platform.parcels.export_rules import FORMATS, ORIGINAL, SYSTEMS, limits
from carbon_platform.parcels.export_tables import ParcelExport
from carbon_platform.regions.service import list_counties
from carbon_platform.web import Call, paged

blp = Blueprint("export_pages", __name__)

PAGE_SIZE = 20
_CODES_SHOWN = 3


@blp.get("/exports")
@page("parcel.export")
def export_list(call: Call) -> ResponseReturnValue:
    """``?codes=``: only these parcels, between commas."""
    found = paged(call.session, exports.exports_statement(call.actor), page=asked_page(), size=PAGE_SIZE)
    fetched = exports.fetches(call.session, found.items)
    bounds = limits()
    return render_template(
        "exports.html",
        exports=[_row(call, one, fetched[one.id]) for one in found.items],
        page=pager(found),
        codes=[code for code in request.args.get("codes", "").split(",") if code],
        formats=[{"key": key, "label": label} for key, (label, _type, _end) in FORMATS.items()],
        systems=[{"epsg": epsg, "label": system_words(epsg)} for epsg in SYSTEMS],
        counties=[
            {"code": one.code, "name": county(one.code)}
            for one in list_counties(call.session)
            if call.actor.sees_region(one.code)
        ],
        limits={
            "km2": f"{bounds.approval_area_km2:g}",
            "rows": count(int(bounds.approval_rows)),
            "days": f"{bounds.ready_days:g}",
            "window": f"{bounds.window_days:g}",
        },
        trail=[{"label": _("地块一张图"), "url": "/parcels"}, {"label": _("导出地块")}],
    )


def system_words(epsg: int) -> str:
    return {
        4490: _("CGCS2000 经纬度（EPSG:4490）"),
        4526: _("3 度带第 38 带，带号在前（EPSG:4526）"),
        4527: _("3 度带第 39 带，带号在前（EPSG:4527）"),
        4547: _("中央经线 114°，不带带号（EPSG:4547）"),
        4548: _("中央经线 117°，不带带号（EPSG:4548）"),
        ORIGINAL: _("原件的坐标，一位不改"),
    }[epsg]


def _row(call: Call, export: ParcelExport, fetched: list[Any]) -> dict[str, Any]:
    expired = export.ready_until is not None and export.ready_until < call.now
    return {
        "id": export.id,
        "number": exports.number_of(export),
        "format": FORMATS[export.file_format][0],
        "system": system_words(export.epsg) if export.file_format not in ("csv", "xlsx", "geojson") else "",
        "what": _filter_words(export.filters),
        "purpose": export.purpose,
        "rows": export.rows,
        "area_m2": export.area_m2,
        "requested_by": export.requested_by,
        "requested_at": export.requested_at,
        "decided_by": export.decided_by,
        "decided_at": export.decided_at,
        "note": export.decision_note,
        "reasons": [_reason_words(reason) for reason in export.reasons],
        "status": "expired" if expired else export.status,
        "ready_until": export.ready_until,
        "fetches": [{"who": one.actor_name, "at": one.at, "sha256": one.detail["sha256"]} for one in fetched],
        "file_url": f"/api/v1/parcel-exports/{export.id}/file",
        "may_decide": export.status == "waiting"
        and call.actor.may("parcel.approve")
        and call.actor.user_id != export.requested_by_id,
    }


def _filter_words(filters: dict[str, Any]) -> str:
    kinds = {"camellia": _("油茶"), "rice": _("再生稻"), "tea": _("茶园"), "forest": _("林地")}
    states = {"registered": _("已登记"), "ended": _("已终止")}
    words = []
    if "county" in filters:
        words.append(county(filters["county"]))
    if "kind" in filters:
        words.append(kinds[filters["kind"]])
    if "status" in filters:
        words.append(states[filters["status"]])
    codes = filters.get("codes", [])
    words += codes[:_CODES_SHOWN]
    if len(codes) > _CODES_SHOWN:
        words.append(_("等 %(n)s 块", n=len(codes)))
    return " · ".join(words) or _("管辖范围内全部")


def _reason_words(reason: dict[str, Any]) -> str:
    value, limit = reason["value"], f"{reason['limit']:g}"
    if reason["code"] == "rows":
        return _("%(n)s 块地，超过 %(limit)s 块", n=count(int(value)), limit=limit)
    if reason["code"] == "recent":
        return _("连同近期的共 %(km2)s 平方公里，超过 %(limit)s", km2=figure(value, 2), limit=limit)
    return _("%(km2)s 平方公里，超过 %(limit)s", km2=figure(value, 2), limit=limit)
