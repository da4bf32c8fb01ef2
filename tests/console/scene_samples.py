"""Invented contexts for the pages of scenes, their keys, pushes and days."""

# ruff: noqa: E501 (invented data read as rows, not as code)

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

AT = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
SCENE: dict[str, Any] = {
    "code": "xinyang-bus", "name": "信阳公交乘车码", "operator": "信阳公交（演示）", "local": False, "state": "上线",
    "mark": "ok", "open": True, "changed_at": AT, "behaviours": [{"code": "XI14b", "name": "公交出行"}],
    "evidence_percent": 100, "creditable": True, "status": "illustrative", "url": "/scenes/xinyang-bus",
}  # fmt: skip
TERMS: dict[str, Any] = {
    "window": "行为结束后 2 天内可由来源撤回", "window_source": "北京 MaaS", "window_status": "secondary",
    "source": "演示接入", "status": "illustrative", "observation_days": 2, "evidence_percent": 100,
}  # fmt: skip
CHANGE: dict[str, Any] = {
    "id": 3, "what": "撤回期 2 → 3 天", "note": "合作协议", "by": "王敏", "at": AT, "decided_by": "",
    "decided_at": None, "waiting": True, "declined": False, "may_decide": True,
}  # fmt: skip
QUALITY: dict[str, Any] = {
    "score": 71, "rows": 5_016, "low": True, "limit": 80,
    "parts": [{"label": "完整", "note": "没有被拒收的行", "share": 0.81, "weight": 40}],
}  # fmt: skip
PUSH: dict[str, Any] = {
    "id": 12, "at": AT, "kind": "行为", "rows": 16, "received": 3, "duplicates": 1, "conflicts": 1, "refused": 11,
    "bad": True, "url": "/scenes/xinyang-bus/pushes/12",
}  # fmt: skip
DAY: dict[str, Any] = {
    "day": "2026-11-22", "agreed": False, "at": AT, "totals": ["公交出行：120 条，120 次"],
    "differences": ["公交出行：对方 121 条，本平台 120 条"], "more": 2,
}  # fmt: skip
KEYS = [
    {"id": "k-1", "by": "王敏", "at": AT, "ends_at": AT, "ended": False},
    {"id": "k-2", "by": "王敏", "at": AT, "ends_at": None, "ended": False},
    {"id": "k-0", "by": "王敏", "at": AT, "ends_at": AT, "ended": True},
]
AGAIN = SimpleNamespace(
    acts=3, agreed=2, differing=1, forgotten=1,
    findings=[SimpleNamespace(external_id="R-7", zh="克数 80，重算 79", en="80 g, computed again 79")],
)  # fmt: skip


def pages(one_page: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    listed: dict[str, Any] = {
        "behaviours": SCENE["behaviours"], "statuses": ["illustrative", "secondary"],
        "can": {"apply": True, "write": True},
    }  # fmt: skip
    yield "scenes", "scenes.html", {**listed, "scenes": [SCENE, SCENE | {"local": True, "creditable": False}]}
    yield "scenes-none", "scenes.html", {**listed, "scenes": [], "can": {"apply": False, "write": False}}
    steps = [
        {"state": "suspended", "label": "暂停", "second": False},
        {"state": "closed", "label": "关闭", "second": True},
    ]
    yield "scene", "scene.html", {
        "scene": SCENE | {"mark": "bad", "state": "已暂停"}, "terms": TERMS, "quality": QUALITY, "steps": steps,
        "last_batch": 12, "changes": [CHANGE, CHANGE | {"id": 2, "waiting": False, "may_decide": False}],
        "keys": KEYS, "pushes": [PUSH], "page": one_page, "days": [DAY, DAY | {"agreed": True, "differences": []}],
        "can": {"sign": True, "write": True},
    }  # fmt: skip
    yield "scene-new", "scene.html", {
        "scene": SCENE, "terms": TERMS, "quality": None, "steps": [], "last_batch": None, "changes": [],
        "keys": None, "pushes": [], "page": one_page, "days": [], "can": {"sign": False, "write": False},
    }  # fmt: skip
    whole = PUSH | {"sha256": "9c41" * 16, "key_id": "k-2", "reasons": {"act.too_old": 11}}
    outcomes = [
        {"state": "done", "words": "已入账", "rows": 2, "external_ids": ["R-1", "R-2"], "code": ""},
        {"state": "refused", "words": "没有同意", "rows": 9, "external_ids": ["R-3"], "code": "consent"},
    ]
    shown: dict[str, Any] = {
        "said": lambda zh, _en: zh,
        "marks": {"done": "ok", "refused": "bad", "waiting": "est"},
    }
    yield "scene-push", "scene_push.html", {"push": whole, "outcomes": outcomes, "again": AGAIN, **shown}
    yield (
        "scene-push-none",
        "scene_push.html",
        {"push": whole | {"reasons": {}}, "outcomes": [], "again": None, **shown},
    )
