"""Invented contexts of the registry pages."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

NOW = datetime(2026, 11, 22, 2, 30, tzinfo=UTC)
ONE_PAGE = {"page": 1, "pages": 1, "total": 2, "url": "?page={page}"}
BATCH: dict[str, Any] = {
    "lot": "XY-EXT-CCER-CCERHN0007-2024-000001",
    "url": "/registry/batches/XY-EXT-CCER-CCERHN0007-2024-000001",
    "source_title": "CCER 登记簿导出表（通用）",
    "here": "这里只登记、只展示。",
    "project_code": "CCER-HN-0007",
    "project_name": "某造林项目（演示）",
    "methodology": "造林碳汇",
    "methodology_key": "CCER-14-001-V01",
    "methodology_raw": "造林碳汇（CCER—14—001—V01）",
    "vintage": 2024,
    "serials": "000001–000100",
    "kg_per_serial": 1000,
    "quantity_kg": 100_000,
    "issued_at": NOW,
}


def _report(**changes: Any) -> dict[str, Any]:
    row = {
        "row_number": 2, "status": "new", "kind": "划转", "project": "CCER-HN-0007", "vintage": 2024,
        "serials": "11–40", "quantity_kg": 30_000, "holder": "某茶业有限公司（演示）",
        "counterparty": "某建材有限公司（演示）", "happened_at": NOW, "findings": [],
    }  # fmt: skip
    finding = {"text": "第 3 行：数量 -1 不大于 0（吨 t）。", "advice": "不要填负数。"}
    bad = {"row_number": 3, "status": "error", "quantity_kg": None, "vintage": None, "findings": [finding]}
    report = {
        "id": 3, "file_name": "账户明细.csv", "source": BATCH["source_title"], "uploaded_by": "周工",
        "uploaded_at": NOW, "status": "staged", "accepted_by": None, "accepted_at": None,
        "read_as": "CSV，编码 gb18030，表头在第 1 行", "ignored": ["备注"],
        "counts": {"new": 1, "unchanged": 2, "conflict": 0, "error": 1, "total": 4, "problems": 1},
        "digest": "9c41e07a52bd00ff" * 4, "result": {},
    }  # fmt: skip
    change = {
        "project_code": "CCER-HN-0007", "project_name": "某造林项目（演示）", "vintage": 2024,
        "holder": "某茶业有限公司（演示）", "issued_kg": 0, "received_kg": 0, "sent_kg": 30_000,
        "retired_kg": 0,
    }  # fmt: skip
    return {
        "report": report | changes,
        "changes": [change],
        "more_changes": 0,
        "totals": {name: change[name] for name in ("issued_kg", "received_kg", "sent_kg", "retired_kg")},
        "rows": [row, row | bad, row | {"row_number": 4, "status": "unchanged"}],
        "show": "all",
        "page": ONE_PAGE,
        "can": {"accept": True},
    }


def pages() -> Iterator[tuple[str, str, dict[str, Any]]]:
    source = {
        "key": "ccer", "title": BATCH["source_title"], "here": BATCH["here"], "unit": "t",
        "kg_per_serial": 1000, "sheets": ["减排量明细"], "columns": {},
        "facts": [{"what": "format of serial numbers", "status": "not-found", "note": "no official text"}],
    }  # fmt: skip
    one = {
        "id": 3, "file_name": "账户明细.csv", "source": BATCH["source_title"], "uploaded_by": "周工",
        "uploaded_at": NOW, "status": "staged", "url": "/registry/imports/3",
        "counts": {"new": 1, "unchanged": 2, "conflict": 0, "error": 1},
    }  # fmt: skip
    yield "registry", "registry.html", {
        "sources": [source], "imports": [one], "page": ONE_PAGE, "batches": [BATCH], "batch_count": 1,
        "limits": {"mb": 64, "rows": 100_000}, "can": {"import": True},
    }  # fmt: skip
    yield "registry-import", "registry_import.html", _report()
    done = {"records": 1, "batches": 0, "issued_kg": 0, "moved_kg": 30_000, "retired_kg": 0}
    yield (
        "registry-imported",
        "registry_import.html",
        _report(status="accepted", accepted_by="周工", accepted_at=NOW, result=done),
    )
    segment = {"serials": "11–40", "quantity_kg": 30_000, "state": "held", "holder": "某建材", "since": NOW}
    event = {
        "label": "注销", "serials": "1–10", "quantity_kg": 10_000, "holder": "某茶业", "counterparty": "",
        "happened_at": NOW, "reference": "T-1", "certificate": "ZX-2025-7", "beneficiary": "某会议",
        "purpose": "大型活动", "url": "/registry/imports/3",
    }  # fmt: skip
    yield "registry-batch", "registry_batch.html", {
        "batch": BATCH, "held_kg": 90_000, "retired_kg": 10_000,
        "segments": [segment, segment | {"state": "retired", "holder": ""}], "events": [event],
    }  # fmt: skip
    holding = BATCH | {"held_kg": 90_000, "held_serials": ["000011–000100"]}
    yield "registry-holdings", "registry_holdings.html", {
        "holdings": [holding, holding | {"url": None}], "held_kg": 180_000,
    }  # fmt: skip
