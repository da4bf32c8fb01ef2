"""Invented contexts of the page of reconciliation."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

NOW = datetime(2026, 11, 22, 2, 30, tzinfo=UTC)
CHECKS: list[dict[str, Any]] = [
    {
        "title": "余额 = 划转之和",
        "examined": "412,003",
        "wrong": "1",
        "findings": ["账户 7 的余额不等于其划转之和"],
    },
    {"title": "每批编号不重、不漏", "examined": "10,211", "wrong": "", "findings": []},
]
FREEZE: dict[str, Any] = {
    "id": 3,
    "what": "碳票持有",
    "who": "信阳某茶业有限公司（演示）",
    "lot": "XY-B-2025-01",
    "reason": "账户 7 的余额不等于其划转之和 / the balance of account 7 is not the sum of its transfers",
    "at": NOW,
    "by": "每夜核对",
    "lifted_at": None,
    "lifted_by": "",
    "note": "",
}


def pages() -> Iterator[tuple[str, str, dict[str, Any]]]:
    wrong = {"ok": False, "at": NOW, "wrong": 1, "checks": CHECKS}
    lifted = FREEZE | {"id": 2, "lifted_at": NOW, "lifted_by": "李强（12）", "note": "已按凭证更正"}
    more = {"frozen": [FREEZE], "lifted": [lifted], "can": {"lift": True}}
    yield "reconciliation-wrong", "reconciliation.html", {"last": wrong, **more}
    sound = {"ok": True, "at": NOW, "wrong": 0, "checks": CHECKS[1:]}
    nobody = {"frozen": [], "lifted": [], "can": {"lift": False}}
    yield "reconciliation", "reconciliation.html", {"last": sound, **nobody}
    nothing = {"frozen": [], "lifted": [], "can": {"lift": True}}
    yield "reconciliation-new", "reconciliation.html", {"last": None, **nothing}
