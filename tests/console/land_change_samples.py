"""Invented contexts of the pages on land that changed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

NOW = datetime(2026, 11, 22, 2, 30, tzinfo=UTC)
ONE_PAGE = {"page": 1, "pages": 1, "total": 3, "url": "?page={page}"}
LAYER: dict[str, Any] = {
    "number": "XY-G2026-000001", "url": "/land-changes/XY-G2026-000001", "file_name": "变化图斑.zip",
    "source": "省级卫星遥感监测 2026 年第 3 期（演示）", "place": "光山县", "waiting": 2,
    "counts": {"rows": 41, "refused": 1, "area_m2": 126_000.0, "parcels": 3, "quantity_kg": 61_250},
    "uploaded_by": "张专干", "uploaded_at": NOW,
}  # fmt: skip
FLAG: dict[str, Any] = {
    "number": "XY-G2026-000001-0001", "place": "光山县", "kind": "火灾", "happened_on": date(2026, 5, 4),
    "parcel": {"code": "411522-207-014-0031", "url": "/parcels/411522-207-014-0031"},
    "affected_m2": 14_200.0, "share": 0.5, "quantity_kg": 30_250, "more_ranges": 1, "status": "open",
    "ranges": [{"batch": "XY-PH-camellia_oil_v1-P0001-411522-2025", "url": "/batches/B1",
                "text": "1 – 30,250"}],
    "decisions": ("clear", "confirm"), "reviewed": None, "invalidations": [],
}  # fmt: skip
REVIEWED = {"by": "李审批", "at": NOW, "note": "现场看过"}


def pages() -> Iterator[tuple[str, str, dict[str, Any]]]:
    kinds = {"fire": "火灾", "clear_cut": "皆伐"}
    nothing = LAYER | {"number": "XY-G2026-000002", "waiting": 0}
    nothing["counts"] = LAYER["counts"] | {"parcels": 0, "quantity_kg": 0}
    listed: dict[str, Any] = {"layers": [LAYER, nothing], "page": ONE_PAGE, "kinds": kinds}
    yield "land-changes", "land_changes.html", listed | {"can": {"write": True}}
    yield "land-changes-empty", "land_changes.html", listed | {"layers": [], "can": {"write": False}}
    told = {
        "notes": ["没有 .cpg，按 GB18030 读取。"],
        "refusals": ["第 7 行：没有发生日期。"],
        "crs": "EPSG:4526",
    }
    lost = FLAG | {"number": "XY-G2026-000001-0002", "status": "confirmed", "decisions": ("settle",),
                   "reviewed": REVIEWED, "invalidations": ["XY-V2026-000001"], "kind": "皆伐"}  # fmt: skip
    fresh = FLAG | {"number": "XY-G2026-000001-0003", "ranges": [], "more_ranges": 0, "quantity_kg": 0}
    one: dict[str, Any] = {
        "layer": LAYER | told, "flags": [FLAG, lost, fresh], "page": ONE_PAGE, "status": "",
        "map_url": "/land-changes/XY-G2026-000001.geojson", "can": {"review": True, "is_mine": False},
    }  # fmt: skip
    yield "land-change", "land_change.html", one
    yield "land-change-mine", "land_change.html", one | {"can": {"review": False, "is_mine": True}}
    none = {"layer": nothing | told | {"notes": [], "refusals": []}, "flags": []}
    yield "land-change-none", "land_change.html", one | none
    yield "land-change-filtered", "land_change.html", one | {"flags": [], "status": "settled"}
