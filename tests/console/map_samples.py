"""Invented contexts of the map console for the render test."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

ROW: dict[str, Any] = {
    "id": 7,
    "code": "411522-207-014-0031",
    "kind": "camellia",
    "county_name": "光山县",
    "township_name": "槐店乡",
    "area_m2": 28400.0,
    "project": "XY-P0001",
    "stage": "issued",
    "stage_word": "已签发",
    "bounds": [114.8, 31.9, 114.82, 31.92],
}
FILTERS = {"kind": "camellia", "county": "", "stage": "", "project": "XY-P0001", "vintage": ""}


def _page(**changes: Any) -> dict[str, Any]:
    labels = {"kind": "资源", "stage": "状态", "project": "项目", "vintage": "签发年份"}
    names = {"kind": [("camellia", "油茶")], "county": [("411522", "光山县")],
             "stage": [("issued", "已签发")],
             "project": [("XY-P0001", "XY-P0001")], "vintage": []}  # fmt: skip
    context: dict[str, Any] = {
        "filters": FILTERS,
        "by": "project",
        "groupings": [
            {"key": key, "label": label, "url": f"?by={key}", "on": key == "project"}
            for key, label in labels.items()
        ],
        "choices": {
            name: [{"key": key, "label": label} for key, label in options] for name, options in names.items()
        },
        "legend": [{"key": "XY-P0001", "label": "XY-P0001", "count": 34}],
        "parcels": [ROW, ROW | {"project": None, "stage": "registered", "stage_word": "已登记"}],
        "totals": {"count": 3118, "area_m2": 283_333_000.0},
        "page": {"page": 2, "pages": 7, "total": 163, "url": "?page={page}"},
        "settings": {
            "tiles": "/api/v1/tiles/parcels/{z}/{x}/{y}.mvt",
            "summary": None,
            "by": "project",
            "filters": FILTERS,
            "bounds": None,
        },
        "can": {"draw": True},
        "now": datetime(2026, 11, 22, 2, 30, tzinfo=UTC),
    }
    return context | changes


def pages() -> Iterator[tuple[str, str, dict[str, Any]]]:
    yield "map", "map.html", _page()
    nothing = {"count": 0, "area_m2": 0.0}
    yield (
        "map-empty",
        "map.html",
        _page(parcels=[], totals=nothing, legend=[], filters=dict.fromkeys(FILTERS, ""), can={"draw": False}),
    )
