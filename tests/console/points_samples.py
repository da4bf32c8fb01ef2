"""Invented contexts of the pages of points rules, appeals, audits, and shared devices."""

# ruff: noqa: E501 (invented data read as rows, not as code)

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

NOW = datetime(2026, 11, 22, 2, 30, tzinfo=UTC)
PAGE = {"page": 1, "pages": 1, "total": 2, "url": "/x?page={page}"}
LINKS = [
    {"url": "/points", "label": "积分规则", "on": True},
    {"url": "/appeals", "label": "申诉", "on": False},
]
RULE: dict[str, Any] = {
    "version": "points-2026-1", "valid_from": "2025-01-01", "grams_per_point": "8", "person_day_points": "100",
    "caps": ["每一类每周最多 200 分"], "fixed": ["光盘行动 每次 5 分"], "claim_days": 7, "source": "领导小组会议",
    "status": "local-decision",
}  # fmt: skip
SIMULATION: dict[str, Any] = {
    "month": "2026-10", "persons": "73,000", "sampled": "20,000", "acts": "412,003", "before": "1,400",
    "after": "1,120", "change": "−20.0%", "gain": "10", "same": "5", "lose": "85", "most_lost": "28",
    "most_gained": "2", "fen_before": "¥32.98", "fen_after": "¥26.38",
    "behaviours": [["公交出行 XI14b", "1,000", "800"]],
}  # fmt: skip
VERSION: dict[str, Any] = {
    "rule": RULE | {"version": "points-2027-1", "valid_from": "2027-01-01"}, "state": ("review", "等发布"), "open": True, "own": False, "simulation": SIMULATION,
    "by_file": False, "proposed_by": "王敏", "proposed_at": NOW, "decided_by": "", "decided_at": None,
    "may_publish": True, "url": "/api/v1/points/rule-versions/points-2027-1",
}  # fmt: skip
CAMPAIGN: dict[str, Any] = {
    "code": "green-week", "name": "绿色出行周", "days": "2026-12-01 – 2026-12-07", "percent": "200",
    "behaviours": "公交出行", "sources": "全部", "budget": "50,000", "spent": "0", "state": ("review", "等发布"),
    "may_publish": True, "open": True, "source": "集团出资", "url": "/api/v1/points/campaigns/green-week",
}  # fmt: skip
CASE: dict[str, Any] = {
    "id": 3, "act": 9, "title": "公交出行 XI14b", "source": "信阳公交乘车码", "record": "A-1", "at": NOW,
    "quantity": "1 次", "claimed_g": "80", "reduction_g": "0", "reason": "同一段路只计一次。", "withdrawn": False,
    "countable": True, "words": "不是同一程", "state": "review", "state_text": "正在看", "open": True, "answer": "", "by": "",
    "raised_at": NOW, "decided_at": None, "counted": None,
}  # fmt: skip
AUDIT: dict[str, Any] = {
    "id": 1, "source": "信阳公交乘车码", "month": "2026-10", "population": "140", "drawn": "20", "errors": "",
    "rate": "", "open": True, "suspended": False, "seed": "9c41", "opened_at": NOW, "concluded_at": None,
    "by": "", "url": "/audits/1",
}  # fmt: skip
ITEM: dict[str, Any] = {
    "number": 1, "record": "A-1", "behaviour": "公交出行", "at": NOW, "quantity": "1", "grams": "80",
    "verdict": "", "words": "未核对", "kind": "review", "note": "", "by": "",
}  # fmt: skip
REVIEW: dict[str, Any] = {
    "id": 4, "kind": "同一台设备", "accounts": "10", "state": "review", "state_text": "等人核查",
    "decisions": ("clear", "confirm"), "note": "", "by": "", "opened_at": NOW,
}  # fmt: skip


def pages() -> Iterator[tuple[str, str, dict[str, Any]]]:
    points: dict[str, Any] = {
        "rule": RULE, "page": PAGE, "month": "2026-10", "links": LINKS, "versions": [], "campaigns": [],
        "behaviours": [{"code": "SH03", "name": "光盘行动", "fixed": 5}],
        "sources": [{"code": "xinyang-bus", "name": "信阳公交乘车码"}],
        "form_caps": [{"scope": "person", "span": "day", "grams": 9, "points": "", "codes": "XI14 XI16"}],
        "scopes": [("person", "每人")], "spans": [("day", "每天")],
        "can": {"propose": False, "publish": False},
    }  # fmt: skip
    yield "points-empty", "points.html", points
    first = VERSION | {
        "by_file": True, "rule": RULE, "proposed_by": "平台初始规则", "state": ("ok", "已发布"), "open": False, "simulation": None,
    }  # fmt: skip
    versions = [VERSION, VERSION | {"own": True, "simulation": None, "may_publish": False}, first]
    campaigns = [CAMPAIGN, CAMPAIGN | {"may_publish": False}, CAMPAIGN | {"open": False}]
    may = {"can": {"propose": True, "publish": True}}
    yield "points", "points.html", points | may | {"versions": versions, "campaigns": campaigns}
    done = CASE | {
        "id": 2, "open": False, "state": "ok", "state_text": "支持，已补记", "answer": "核对过了", "by": "王敏",
        "decided_at": NOW, "counted": 12, "withdrawn": True, "words": "",
    }  # fmt: skip
    refused = CASE | {
        "id": 4, "act": None, "record": "", "title": "内容没有留下", "quantity": "", "countable": False,
        "reason": "来源想送来一条记录，当时没有您的同意。",
    }  # fmt: skip
    yield "appeals", "appeals.html", {"cases": [CASE, refused, done], "page": PAGE, "links": LINKS}
    yield "appeals-none", "appeals.html", {"cases": [], "page": PAGE, "links": LINKS}
    limits = {
        "rule": {"percent": 1, "least": 20, "most": 400, "suspend_above_percent": 5},
        "rule_source": "建议值", "rule_status": "local-decision", "month": "2026-10", "page": PAGE,
        "sources": points["sources"], "links": LINKS,
    }  # fmt: skip
    closed = AUDIT | {"id": 2, "open": False, "errors": "2", "rate": "10.0%", "suspended": True, "by": "王敏"}
    yield "audits", "audits.html", limits | {"audits": [AUDIT, closed], "can": {"check": True}}
    yield "audits-none", "audits.html", limits | {"audits": [], "can": {"check": False}}
    one: dict[str, Any] = {
        "items": [ITEM], "left": "1", "finished": False, "verdicts": [("right", "属实")], "can": {"check": True},
        "trail": [{"label": "抽查", "url": "/audits"}, {"label": "1", "url": None}],
    }  # fmt: skip
    yield "audit", "audit.html", one | {"audit": AUDIT}
    checked = ITEM | {"verdict": "wrong", "kind": "bad", "words": "不属实", "note": "查无此卡", "by": "王敏"}
    after = {"items": [checked], "left": "0", "finished": True, "can": {"check": False}}
    yield "audit-closed", "audit.html", one | after | {"audit": closed}
    wish = {"id": 5, "title": "撤回记账 第 9 号", "note": "误刷", "by": "王敏", "at": NOW, "own": False}
    both = {"page": PAGE, "limits": {"device": 3, "payment": 5}, "links": LINKS}
    cleared = REVIEW | {"id": 6, "decisions": (), "state": "ok", "note": "图书馆", "by": "王敏"}
    yield "account-reviews", "account_reviews.html", {
        **both, "reviews": [REVIEW, cleared], "corrections": [wish, wish | {"id": 6, "own": True}],
    }  # fmt: skip
    yield "account-reviews-none", "account_reviews.html", {**both, "reviews": [], "corrections": []}
