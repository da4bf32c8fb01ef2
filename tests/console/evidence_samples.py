"""Invented contexts of the evidence pages."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

NOW = datetime(2026, 11, 22, 2, 30, tzinfo=UTC)
ONE_PAGE = {"page": 1, "pages": 1, "total": 3, "url": "?page={page}"}
KINDS = {"photo": "照片", "document": "文件", "water_log": "水位记录", "tenure": "权属证书"}
WARNED = {
    "outcome": "warned",
    "text": "拍摄位置距地块 66 米，超过 50 米。请核对地块编号，或说明原因。",
}
INSIDE = {"outcome": "ok", "text": "拍摄位置在地块内。"}


def _piece(number: int, kind: str, **changes: Any) -> dict[str, Any]:
    return {
        "number": number, "kind": kind, "kind_label": KINDS[kind], "place": "光山县",
        "parcel": {"code": "411522-207-014-0031", "url": "/parcels/411522-207-014-0031"},
        "url": f"/evidence/{number}", "file_name": "IMG_0001.jpg", "note": "", "taken_at": None,
        "recorded_by": "张专干", "recorded_at": NOW, "shows": None, "state": "ok", "findings": [],
        "thumbnail_url": None, "certificate": None, "log": None,
    } | changes  # fmt: skip


PHOTO = _piece(
    4, "photo", taken_at=NOW, findings=[INSIDE, WARNED], state="warned", note="头季 分蘖期",
    thumbnail_url="/api/v1/evidence/4/thumbnail", shows=(date(2026, 4, 1), date(2026, 10, 31)),
)  # fmt: skip
PAPER = {
    "certificate_number": "豫（2019）光山县不动产权第*****31号",
    "holder_name": "王**",
    "holder_id": "4115**********1231",
    "valid_to": "2046-12-31",
}
TENURE = _piece(3, "tenure", state="none", certificate=PAPER, thumbnail_url="/api/v1/evidence/3/thumbnail")
LOG = _piece(2, "water_log", log={"first": "2026-04-20", "last": "2026-06-14"}, file_name="水位.csv")
DOCUMENT = _piece(1, "document", state="withdrawn", file_name="合同.pdf")


def _one(piece: dict[str, Any], **changes: Any) -> dict[str, Any]:
    file = {"sha256": "7d1e" * 16, "size_bytes": 3_482_112, "media_type": "image/jpeg", "state": "ok",
            "checked_at": NOW, "url": f"/api/v1/evidence/{piece['number']}/file"}  # fmt: skip
    nothing = {"withdraw": False, "unmask": False}
    return {"piece": piece, "file": file, "camera": [], "chart": None, "full": None, "withdrawn": None,
            "can": nothing} | changes  # fmt: skip


def pages() -> Iterator[tuple[str, str, dict[str, Any]]]:
    pieces = [PHOTO, TENURE, LOG, DOCUMENT]
    filters = {"kind": "photo", "outcome": "warned"}
    listed: dict[str, Any] = {"pieces": pieces, "page": ONE_PAGE, "filters": filters, "kinds": KINDS}
    yield "evidence-list", "evidence_list.html", listed
    yield "evidence-list-empty", "evidence_list.html", listed | {"pieces": []}
    of_parcel: dict[str, Any] = {
        "parcel": {"code": "411522-207-014-0031", "kind": "rice", "county_name": "光山县"},
        "pieces": pieces, "page": ONE_PAGE, "kinds": KINDS, "accept": ".csv,.xlsx,image/jpeg",
        "limits": {"mb": 32, "metres": 50, "gap_days": 7, "season": ("04-01", "10-31")},
        "can": {"write": True},
    }  # fmt: skip
    yield "parcel-evidence", "parcel_evidence.html", of_parcel
    limits = of_parcel["limits"] | {"season": None}
    reader = {"pieces": [], "limits": limits, "can": {"write": False}}
    yield "parcel-evidence-empty", "parcel_evidence.html", of_parcel | reader
    yield "evidence-photo", "evidence.html", _one(PHOTO, camera=[("拍摄位置", "114.902500, 31.902500")],
                                                  can={"withdraw": True, "unmask": False})  # fmt: skip
    yield "evidence-tenure", "evidence.html", _one(TENURE, can={"withdraw": False, "unmask": True})
    yield "evidence-tenure-full", "evidence.html", _one(TENURE, full=PAPER)
    chart = {
        "data": {"unit": "cm", "labels": ["2026-04-20", "2026-04-21"],
                 "series": [{"name": "水位", "values": [3.0, -4.0]}]},
        "twin": {"columns": [{"label": "日期"}, {"label": "水位 cm", "n": True}],
                 "rows": [["2026-04-20", "3"], ["2026-04-21", "−4"]]},
        "finding": "1 天有水，最低 −4 cm",
    }  # fmt: skip
    yield "evidence-log", "evidence.html", _one(LOG, chart=chart)
    damaged = _one(DOCUMENT)["file"] | {"state": "altered"}
    withdrawn = {"by": "张专干", "at": NOW, "reason": "拍错了地块"}
    yield "evidence-withdrawn", "evidence.html", _one(DOCUMENT, file=damaged, withdrawn=withdrawn)
