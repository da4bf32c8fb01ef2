"""Invented contexts of the parcel page and of exports: what the render tests and nobody else uses."""

# ruff: noqa: E501 (invented data read as rows, not as code)

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

from evidence_samples import LOG, PHOTO

NOW = datetime(2026, 11, 22, 2, 30, tzinfo=UTC)
DAY = date(2026, 8, 1)
HISTORY = [
    {"version": 2, "word": "更正", "on": DAY, "area_m2": 28400.0, "changes": ["边界", "权利人"], "reason": "实地复核", "by": "光山县林业专干",
     "approved_by": "信阳市林业局", "at": NOW, "import_url": "/imports/3", "url": "/parcels/411522-207-014-0031?on=2026-08-01"},
    {"version": 1, "word": "登记", "on": date(2025, 1, 1), "area_m2": 28066.0, "changes": [], "reason": "", "by": "", "approved_by": None,
     "at": NOW, "import_url": None, "url": "/parcels/411522-207-014-0031?on=2025-01-01"},
]  # fmt: skip
TICKET = {"batch": "XY-PH-camellia_oil_v1-P0001-411522-2024", "url": "/batches/XY-PH-camellia_oil_v1-P0001-411522-2024", "vintage": 2024,
          "quantity_kg": 12_350, "serial": "XY-PH-camellia_oil_v1-P0001-411522-2024-1-12350", "kilogram_url": "/verify?batch=B&kg=1"}  # fmt: skip
EXPORT: dict[str, Any] = {
    "id": 7, "number": "XY-E000007", "format": "Shapefile (zip, GBK)", "system": "CGCS2000 经纬度（EPSG:4490）", "what": "光山县 · 油茶", "purpose": "交第三方核证员现场核查",
    "rows": 384, "area_m2": 26_010_000.0, "requested_by": "光山县林业专干", "requested_at": NOW, "decided_by": None, "decided_at": None, "note": "",
    "reasons": ["26.01 平方公里，超过 25"], "status": "waiting", "ready_until": None, "fetches": [], "file_url": "/api/v1/parcel-exports/7/file", "may_decide": True,
}  # fmt: skip
DONE = EXPORT | {
    "id": 6, "number": "XY-E000006", "status": "ready", "ready_until": NOW, "decided_by": "信阳市林业局", "decided_at": NOW, "note": "同意", "may_decide": False,
    "fetches": [{"who": "光山县林业专干", "at": NOW, "sha256": "ab" * 32}],
}  # fmt: skip


def parcel_context(parcel: dict[str, Any]) -> dict[str, Any]:
    return {
        "parcel": parcel | {"valid_to": None, "version": 2}, "on": None, "stood": False, "map_url": "/parcels/411522-207-014-0031.geojson", "import_url": "/imports/3", "import_name": "光山_油茶.zip",
        "history": HISTORY, "relatives": {"made_of": [{"code": "411522-207-014-0007", "url": "/parcels/411522-207-014-0007", "word": "拆分", "on": DAY}], "became": []},
        "evidence": {"total": 2, "pieces": [PHOTO, LOG], "url": "/parcels/411522-207-014-0031/evidence"},
        "claims": [{"period": "2021-12-01 – 2026-12-01", "pool": "生物量", "project": {"code": "XY-P0001", "url": "/projects/XY-P0001"}, "state": "locked"}],
        "results": [{"run_code": "XY-R000037", "run_url": "/runs/37", "period": "2021-12 – 2026-12", "net_t": 12.35, "state": "estimate", "explain_url": "/explain/run-row/37-1"}],
        "results_elsewhere": True, "tickets": [TICKET], "projects": [{"code": "XY-P0001", "url": "/projects/XY-P0001"}, {"code": "XY-P0002", "url": None}],
        "can": {"export": True, "evidence": True},
        "trail": [{"label": "信阳市", "url": "/parcels"}, {"label": "光山县", "url": "/parcels?county=411522"}, {"label": parcel["code"]}],
    }  # fmt: skip


def pages(parcel: dict[str, Any], page: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    whole = parcel_context(parcel)
    bare = {"history": [], "claims": [], "results": [], "tickets": [], "projects": [], "import_url": None, "import_name": "",
            "relatives": {"made_of": [], "became": []}, "evidence": {"total": 0, "pieces": [], "url": "/parcels/1/evidence"}}  # fmt: skip
    yield "parcel", "parcel.html", whole
    yield "parcel-then", "parcel.html", whole | {"on": DAY, "stood": True}
    yield (
        "parcel-never",
        "parcel.html",
        whole | bare | {"on": DAY, "can": {"export": False, "evidence": False}},
    )
    desk = {
        "page": page, "codes": [], "formats": [{"key": "gpkg", "label": "GeoPackage"}], "systems": [{"epsg": 4490, "label": "CGCS2000"}],
        "counties": [{"code": "411522", "name": "光山县"}], "limits": {"km2": "25", "rows": "5,000", "days": "7", "window": "30"},
        "trail": [{"label": "地块一张图", "url": "/parcels"}, {"label": "导出地块"}],
    }  # fmt: skip
    states = [
        EXPORT | {"id": n, "status": name, "may_decide": False}
        for n, name in ((1, "refused"), (2, "expired"))
    ]
    yield "exports", "exports.html", desk | {"exports": [EXPORT, DONE, *states]}
    yield "exports-none", "exports.html", desk | {"exports": [], "codes": ["411522-207-014-0031"]}
