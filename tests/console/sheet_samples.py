"""Invented contexts of the calculation sheet and of previews."""

# ruff: noqa: E501 (invented data read as rows, not as code)

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

NOW = datetime(2026, 11, 22, 2, 30, tzinfo=UTC)
READING: dict[str, Any] = {
    "symbol": "A",
    "name": "地块面积",
    "value": 12.5,
    "unit": "公顷",
    "allowed": "0 – 1e5",
}
RUN: dict[str, Any] = {
    "run": "XY-R000001", "url": "/explain/run/XY-R000001", "project": "XY-P0001", "project_name": "油茶（演示）",
    "period": "2021-01-01 – 2025-12-31", "state_label": "已签发", "status": "issued", "newest": True,
    "in_force_then": False, "replays": True, "uses": ["ef_diesel"], "old_t": 3574.62, "new_t": 3570.1,
    "delta_t": -4.52, "old_issuable_t": 3574, "new_issuable_t": 3570, "refused": None, "counties": [],
}  # fmt: skip


def pages(terms: list[dict[str, Any]]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    step = {
        "number": "5.2",
        "symbol": "EF_main",
        "name": "日排放因子",
        "source": "IPCC",
        "equation": "EF = EF_c × SFw",
        "numbers": "1.3 × 0.71 = 0.923",
        "condition": "regime = 'single'",
        "condition_numbers": "'single' = 'single'",
        "value": "0.923",
        "unit": "kg CH4/ha/d",
    }
    part = {"title": "头季", "steps": [step, step | {"condition": "", "condition_numbers": ""}]}
    yield "sheet", "sheet.html", {
        "sheet": {
            "title": "计算书 XY-R000001 · 地块 411522-1", "facts": [{"name": "项目", "value": "XY-P0001 油茶（演示）"}],
            "net": {"symbol": "CDR", "value": "106.303", "exact": "106.30276478571429", "unit": "吨 CO₂e"},
            "state": "estimate", "estimate": True, "is_demo": True, "inputs": [READING],
            "prepared": [{"name": "plots", "title": "样地汇总", "entries": [READING]}], "terms": terms,
            "sections": [part, part | {"title": "合计与净额"}], "digests": [{"name": "input", "value": "9c41e07a" * 8}],
            "xlsx_url": "/x.xlsx", "pdf_url": "/x.pdf", "explain_url": "/explain/run-row/XY-R000001:411522-1",
        },
    }  # fmt: skip
    line = {"url": "/impact/1", "title": "油茶林碳汇 v1", "changes": "EF 0.0028 → 0.003 tCO2e/L",
            "since": date(2027, 1, 1), "runs": "2", "moved": "1", "by": "参数签署人", "at": NOW}  # fmt: skip
    yield "impact", "impact.html", {
        "methodologies": [{"key": "camellia_oil_v1", "title": "油茶林碳汇 v1"}], "chosen": "camellia_oil_v1",
        "example": "[ef_diesel]\n", "previews": [line], "can": {"preview": True},
    }  # fmt: skip
    yield "impact-empty", "impact.html", {
        "methodologies": [], "chosen": "", "example": "", "previews": [], "can": {"preview": False},
    }  # fmt: skip
    change = {"symbol": "EF", "name": "柴油排放因子", "old": 0.0028, "value": 0.003, "unit": "tCO2e/L",
              "valid_from": "2027-01-01", "old_source": "VM0051", "source": "IPCC AR6", "page": "p. 1",
              "old_status": "secondary", "status": "verified"}  # fmt: skip
    refused = RUN | {"run": "XY-R000002", "status": "estimate", "state_label": "试算", "newest": False, "uses": [],
                     "replays": False, "new_t": None, "delta_t": None, "new_issuable_t": None,
                     "refused": "第 411522-1 行超出允许范围"}  # fmt: skip
    yield "impact-preview", "impact_preview.html", {
        "preview": line | {"number": 1, "fragment": "[ef_diesel]\nvalue = 0.003\n", "proposed_digest": "ab" * 32,
                           "results_digest": "cd" * 32, "adopted": True, "headline": "从 3,574.6 吨变为 3,570.1 吨"},
        "changes": [change], "runs": [RUN, refused],
        "counties": [{"name": "光山县", "parcels": 3, "runs": 1, "old_t": 3.0, "new_t": 2.9, "delta_t": -0.1}],
    }  # fmt: skip
