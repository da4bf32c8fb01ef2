"""Evidence (证据材料): of one parcel, of a whole region, and one piece with what the checks found."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from carbon_platform.console.site import asked_page, county, page, pager, said
from carbon_platform.identity.rules import Actor
from carbon_platform.parcels import evidence
from carbon_platform.parcels.evidence_reading import TAKEN
from carbon_platform.parcels.evidence_rules import KINDS, limits
from carbon_platform.parcels.evidence_tables import Evidence, EvidenceObject
from carbon_platform.parcels.register import get_parcel
from carbon_platform.parcels.tables import Parcel
from carbon_platform.web import Call, paged

blp = Blueprint("evidence_pages", __name__)

PAGE_SIZE = 24
# Levels drawn in one chart; more are thinned out evenly.
_POINTS = 400


def kind_words() -> dict[str, str]:
    return {
        "photo": _("照片"),
        "document": _("文件"),
        "water_log": _("水位记录"),
        "tenure": _("权属证书"),
    }


def parcel_evidence(session: Session, actor: Actor, parcel: Parcel, *, limit: int = 6) -> dict[str, Any]:
    """The section of the parcel page: how many pieces, the newest of them, where the others are."""
    found = paged(session, evidence.evidence_statement(actor, parcel=parcel.code), page=1, size=limit)
    return {
        "total": found.total,
        "pieces": [_piece(*row) for row in found.items],
        "url": f"/parcels/{parcel.code}/evidence",
    }


def _piece(found: Evidence, parcel: Parcel, stored: EvidenceObject) -> dict[str, Any]:
    has_picture = found.kind != "water_log" and stored.media_type.startswith("image/")
    certificate = found.data.get("certificate")
    return {
        "number": found.id,
        "kind": found.kind,
        "kind_label": kind_words()[found.kind],
        "parcel": {"code": parcel.code, "url": f"/parcels/{parcel.code}"},
        "place": county(parcel.county_code),
        "url": f"/evidence/{found.id}",
        "file_name": found.file_name,
        "note": found.note,
        "taken_at": found.taken_at,
        "recorded_by": found.recorded_by,
        "recorded_at": found.recorded_at,
        "shows": (found.shows_from, found.shows_to) if found.shows_from else None,
        "state": "withdrawn" if found.withdrawn_at else found.outcome if found.findings else "none",
        "findings": [
            {"outcome": one["outcome"], "text": said(one["zh"], one["en"])} for one in found.findings
        ],
        "thumbnail_url": f"/api/v1/evidence/{found.id}/thumbnail" if has_picture else None,
        "certificate": certificate,
        "log": found.data.get("log"),
    }


@blp.get("/evidence")
@page("parcel.read")
def evidence_list(call: Call) -> ResponseReturnValue:
    kind, outcome = request.args.get("kind", ""), request.args.get("outcome", "")
    wanted = evidence.evidence_statement(
        call.actor,
        kind=kind if kind in KINDS else None,
        outcome=outcome if outcome in ("ok", "warned") else None,
    )
    found = paged(call.session, wanted, page=asked_page(), size=PAGE_SIZE)
    return render_template(
        "evidence_list.html",
        pieces=[_piece(*row) for row in found.items],
        page=pager(found),
        filters={"kind": kind, "outcome": outcome},
        kinds=kind_words(),
    )


@blp.get("/parcels/<code>/evidence")
@page("parcel.read")
def of_parcel(call: Call, code: str) -> ResponseReturnValue:
    parcel = get_parcel(call.session, call.actor, code)
    found = paged(
        call.session,
        evidence.evidence_statement(call.actor, parcel=parcel.code),
        page=asked_page(),
        size=PAGE_SIZE,
    )
    bounds = limits()
    return render_template(
        "parcel_evidence.html",
        parcel={"code": parcel.code, "kind": parcel.kind, "county_name": county(parcel.county_code)},
        pieces=[_piece(*row) for row in found.items],
        page=pager(found),
        kinds=kind_words(),
        limits={
            "mb": bounds.file_mb,
            "metres": bounds.photo_distance_m,
            "gap_days": bounds.log_gap_days,
            "season": bounds.seasons.get(parcel.kind),
        },
        accept=",".join(sorted({kind for kinds in TAKEN.values() for kind in kinds} | {".csv", ".xlsx"})),
        can={"write": call.actor.may("evidence.write")},
        trail=[
            {"label": _("地块一张图"), "url": "/parcels"},
            {"label": parcel.code, "url": f"/parcels/{parcel.code}"},
            {"label": _("证据材料")},
        ],
    )


@blp.get("/evidence/<int:number>")
@page("parcel.read")
def one(call: Call, number: int) -> ResponseReturnValue:
    found, parcel, stored = evidence.get_evidence(call.session, call.actor, number)
    full = None
    if request.args.get("full") == "1":
        full = evidence.certificate_of(call.actor, found, secret=call.settings.secret)
        call.transact(
            lambda session: evidence.note_reading(session, call.actor, found, "unmask", now=call.now)
        )
    may_unmask = call.actor.may("evidence.unmask")
    log = found.data.get("log")
    return render_template(
        "evidence.html",
        piece=_piece(found, parcel, stored),
        file={
            "sha256": found.sha256,
            "size_bytes": stored.size_bytes,
            "media_type": stored.media_type,
            "state": stored.state,
            "checked_at": stored.checked_at,
            "url": f"/api/v1/evidence/{found.id}/file" if found.kind != "tenure" or may_unmask else None,
        },
        camera=_camera(found),
        chart=_chart(log) if log else None,
        full=full,
        withdrawn={
            "by": found.withdrawn_by,
            "at": found.withdrawn_at,
            "reason": found.withdrawn_reason,
        }
        if found.withdrawn_at
        else None,
        can={
            "withdraw": call.actor.may("evidence.write") and found.withdrawn_at is None,
            "unmask": may_unmask and found.sealed is not None and full is None,
        },
        trail=[
            {"label": parcel.code, "url": f"/parcels/{parcel.code}"},
            {"label": _("证据材料"), "url": f"/parcels/{parcel.code}/evidence"},
            {"label": _("第 %(n)s 件", n=found.id)},
        ],
    )


def _camera(found: Evidence) -> list[tuple[str, str]]:
    """What the camera wrote, for people: label and value."""
    if found.kind != "photo":
        return []
    data, facts = found.data, []
    if found.lon is not None and found.lat is not None:
        facts.append((_("拍摄位置"), f"{found.lon:.6f}, {found.lat:.6f}"))
    if found.distance_m:
        facts.append((_("距地块"), _("%(n)s 米", n=f"{found.distance_m:,.0f}")))
    if data.get("error_m"):
        facts.append((_("定位误差"), _("%(n)s 米", n=f"{data['error_m']:,.0f}")))
    facts.append((_("像素"), f"{data['width']:,} × {data['height']:,}"))
    if data.get("camera"):
        facts.append((_("相机"), data["camera"]))
    if data.get("software"):
        facts.append((_("软件"), data["software"]))
    if data.get("clock_assumed"):
        facts.append((_("时区"), _("相机没有写时区，按北京时间")))
    return facts


def _chart(log: dict[str, Any]) -> dict[str, Any]:
    levels = log["levels"]
    step = -(-len(levels) // _POINTS)
    shown = levels[::step]
    return {
        "data": {
            "unit": "cm",
            "labels": [day for day, _level in shown],
            "series": [{"name": _("水位"), "values": [level for _day, level in shown]}],
        },
        "twin": {
            "columns": [{"label": _("日期")}, {"label": _("水位 cm"), "n": True}],
            "rows": [[day, f"{level:g}".replace("-", "−")] for day, level in levels],
        },
        "finding": _(
            "%(flooded)s 天有水，最低 %(low)s cm",
            flooded=log["flooded_days"],
            low=f"{log['low_cm']:g}".replace("-", "−"),
        ),
    }
