"""Invented contexts of the page of double claims."""

# ruff: noqa: E501 (invented data read as rows, not as code)

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

NOW = datetime(2026, 11, 22, 2, 30, tzinfo=UTC)
FIRST, END = date(2021, 1, 1), date(2041, 1, 1)
PAGER = {"page": 1, "pages": 1, "total": 2, "url": "?page={page}"}
LEAVE = {"project": "XY-P0002", "parcel": "411522-207-014-0032"}
SIDES: list[dict[str, Any]] = [
    {"text": "碳普惠项目 XY-P0001 的地块 411522-207-014-0031 在 2021-01-01 至 2026-01-01 签发", "county": "光山县",
     "url": "/parcels/411522-207-014-0031", "parcel": "411522-207-014-0031", "leave": None},
    {"text": "碳普惠项目 XY-P0002 的地块 411522-207-014-0032（计入期 2021-01-01 至 2041-01-01）", "county": "光山县",
     "url": "/parcels/411522-207-014-0032", "parcel": "411522-207-014-0032", "leave": LEAVE},
]  # fmt: skip
ITEM: dict[str, Any] = {
    "number": 1, "sides": SIDES, "severity": "issued", "kind": "overlap", "pools": "生物质", "first": FIRST,
    "end": END, "area_m2": 5_000.0, "share": "50.00%", "bounds": [114.9, 31.9, 114.91, 31.91],
}  # fmt: skip
OUTSIDE: dict[str, Any] = {
    "text": "核证碳标准（VCS） 9999（申报 XY-O2026-000001 第 3 块，2021-01-01 至 2031-01-01）", "county": "",
    "url": "", "parcel": "", "leave": None,
}  # fmt: skip
DECLARED: dict[str, Any] = {
    "number": "XY-O2026-000001", "scheme": "核证碳标准（VCS）", "reference": "9999",
    "title": "某水稻甲烷项目（演示）",
    "claimant": "某公司（演示）", "document": "登记网页", "pools": "土壤甲烷", "first": FIRST, "end": END,
    "lands": 3, "area_m2": 120_000.0, "left_out": 2, "standing": True, "declared_by": "王工",
    "declared_at": NOW, "released_by": "", "released_at": None, "release_reason": "", "mine": False,
    "can_release": True, "map_url": "/api/v1/outside-claims/XY-O2026-000001/lands.geojson",
}  # fmt: skip
RELEASED = DECLARED | {
    "number": "XY-O2026-000002", "standing": False, "released_by": "李工", "released_at": NOW,
    "release_reason": "对方已注销", "can_release": False, "left_out": 0,
}  # fmt: skip
MINE = DECLARED | {"number": "XY-O2026-000003", "mine": True, "can_release": False}
BASE: dict[str, Any] = {
    "asked": None,
    "page": PAGER,
    "map_url": "/api/v1/double-claims.geojson",
    "limits": {"share": "1%", "sliver_m": "2", "noise_m": "0.2"},
    "declared_more": 0,
    "schemes": [{"key": "vcs", "label": "VCS"}],
    "pools": [{"key": "biomass", "label": "生物质"}],
}


def pages() -> Iterator[tuple[str, str, dict[str, Any]]]:
    sliver = ITEM | {"number": 2, "severity": "open", "kind": "sliver", "sides": [SIDES[1], OUTSIDE]}
    twice = ITEM | {"number": 3, "severity": "issued_twice", "sides": [SIDES[0], SIDES[0]]}
    claim = {"text": SIDES[0]["text"], "pools": "生物质", "first": FIRST, "end": END, "area_m2": 5e3}
    asked = {"code": "411522-207-014-0031", "verdict": "double", "claims": [claim | {"share": "50.00%"}]}
    yield (
        "double-claims",
        "double_claims.html",
        BASE
        | {
            "asked": asked,
            "totals": {
                "count": 3,
                "area_m2": 9_000.0,
                "severities": {"issued_twice": 1, "issued": 1, "open": 1},
            },
            "items": [ITEM, sliver, twice],
            "declared": [DECLARED, RELEASED, MINE],
            "declared_more": 4,
            "can": {"declare": True},
        },
    )
    for verdict in ("", "free", "sliver", "claimed"):
        yield (
            f"double-claims-{verdict or 'unknown'}",
            "double_claims.html",
            BASE
            | {
                "asked": {"code": "411522-1", "verdict": verdict, "claims": []},
                "totals": {
                    "count": 0,
                    "area_m2": 0.0,
                    "severities": {"issued_twice": 0, "issued": 0, "open": 0},
                },
                "items": [],
                "declared": [],
                "can": {"declare": False},
            },
        )
