"""Invented contexts of the page of citizens' accounts."""

# ruff: noqa: E501 (invented data read as rows, not as code)

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

NOW = datetime(2026, 11, 22, 2, 30, tzinfo=UTC)


def pages() -> Iterator[tuple[str, str, dict[str, Any]]]:
    nothing: dict[str, Any] = {
        "may_look": False,
        "may_audit": False,
        "lookups": [],
        "page": None,
        "shares": [],
        "shares_page": {"page": 1, "pages": 1, "total": 1, "url": "/people?shares={page}"},
    }
    yield "people-look", "people.html", nothing | {"may_look": True}
    yield "people-none", "people.html", nothing | {"may_audit": True}
    yield "people-audit", "people.html", nothing | {
        "may_audit": True,
        "page": {"page": 1, "pages": 2, "total": 31, "url": "/people?page={page}"},
        "lookups": [
            {"at": NOW, "role": "碳资源公司经办", "user": "周工", "by": "手机号", "reason": "本人来电问积分", "person": 7},
            {"at": NOW, "role": "碳资源公司经办", "user": "周工", "by": "账户号", "reason": "核对合并", "person": None},
        ],
        "shares": [
            {"at": NOW, "direction": "收到", "partner": "信阳公交", "fields": ["账户代号", "发生时间"],
             "rows": 4_998, "people": 3_120, "reference": "push:12"},
        ],
    }  # fmt: skip
