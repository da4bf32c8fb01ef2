"""Invented contexts of the shops' and merchants' pages."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

AT = datetime(2026, 11, 20, 2, 30, tzinfo=UTC)
MONTH = SimpleNamespace(
    month="2026-11", limit_fen=200_000, committed_fen=1_200, used=3, used_fen=900, used_points=180,
    topup_fen=600, refused=1,
)  # fmt: skip
OWED = SimpleNamespace(promised_fen=300, promised_vouchers=1, unsettled_fen=600, payable_fen=300)
MERCHANT = {
    "code": "huaipan-culture", "name": "淮畔文化馆（演示）", "kind": "文化", "state": "active",
    "state_words": "在用", "sponsor": "city", "sponsor_name": "市级赞助方（演示）",
    "offline_hours": 24, "month_budget_fen": 200_000,
    "evidence": "illustrative", "source": "演示约定", "url": "/merchants/huaipan-culture",
}  # fmt: skip
STATEMENT = {
    "code": "XY-S202611-huaipan-culture-1", "month": "2026-11", "lines": 2, "points": 120, "amount_fen": 600,
    "state": "draft", "state_words": "待审批", "url": "/merchant-statements/XY-S202611-huaipan-culture-1",
    "note": "", "prepared_by": "经办", "prepared_at": AT, "decided_by": "", "decided_at": None,
    "paid_at": None, "paid_by": "", "bank_reference": "",
}  # fmt: skip
PAID = STATEMENT | {
    "state": "paid", "state_words": "已付款", "decided_by": "环境局", "decided_at": AT, "paid_at": AT,
    "paid_by": "银行", "bank_reference": "TX-1", "url": None,
}  # fmt: skip
TRIES = [
    {"at": AT, "received_at": AT, "device": "till-0001", "offline": True, "ok": True, "name": "讲解一场",
     "reason": ""},
    {"at": AT, "received_at": AT, "device": "till-0002", "offline": False, "ok": False, "name": "讲解一场",
     "reason": "这张券已在 2026-11-20 10:30 用过（本店另一台设备），只能用一次，这一次不结算。"},
]  # fmt: skip
OFFER = {
    "code": "guide", "name": "讲解一场", "price_points": 20, "topup_fen": 200, "value_fen": 300, "stock": 99,
    "season": "", "hours_words": "周二至周日 09:00–17:00", "active": True,
}  # fmt: skip
PAGE = {"page": 1, "pages": 1, "total": 2, "url": "/merchants?page={page}"}
LINE = SimpleNamespace(id=7, name_zh="讲解一场", name_en="Tour", used_at=AT, price_points=60, value_fen=300)


def pages() -> Iterator[tuple[str, str, dict[str, Any]]]:
    words = {"yes": "收下", "no": "不能收"}
    yield "shop", "shop.html", {"words": words}
    shop = {"merchant": MERCHANT, "month": MONTH, "owed": OWED, "tries": TRIES, "page": PAGE}
    yield "shop-statements", "shop_statements.html", shop | {"statements": [PAID]}
    yield "shop-statements-none", "shop_statements.html", {"merchant": None, "why": "请管理员挂到商家。"}
    desk = {"merchants": [MERCHANT | {"month": MONTH}], "statements": [STATEMENT], "owed": OWED, "page": PAGE}
    sponsors = {"city": "市级赞助方（演示）"}
    states = [{"label": "全部", "url": "/merchants#sts", "on": True},
              {"label": "待审批", "url": "/merchants?state=draft#sts", "on": False}]  # fmt: skip
    desk |= {"statements_page": PAGE, "states": states, "state": "", "sponsors": sponsors}
    desk |= {"organisations": [{"id": 12, "name": "淮畔书店（演示）"}], "can": {"write": True}}
    yield "merchants", "merchants.html", desk
    none = {"statements": [], "state": "paid", "organisations": [], "sponsors": {}}
    yield "merchants-none", "merchants.html", desk | none | {"merchants": []}
    budgets = [
        SimpleNamespace(
            month="2026-11", sponsor_code="city", limit_fen=200_000, committed_fen=900, closed_at=None
        ),
        SimpleNamespace(
            month="2026-10", sponsor_code="city", limit_fen=200_000, committed_fen=600, closed_at=AT
        ),
    ]
    one = shop | {"offers": [OFFER, OFFER | {"code": "show", "active": False}], "budgets": budgets}
    one |= {"statements": [STATEMENT], "this_month": "2026-11", "can": {"write": True}}
    one |= {"last_month": "2026-10", "sponsors": sponsors, "states": [("active", "在用"), ("closed", "关闭")]}
    yield "merchant", "merchant.html", one
    approved = STATEMENT | {"state": "approved", "state_words": "待付款", "merchant": "淮畔文化馆（演示）"}
    yield "merchant-payments", "merchant_payments.html", {"statements": [approved], "page": PAGE}
    lines = {"merchant": MERCHANT, "lines": [LINE, LINE], "page": PAGE}
    yield (
        "merchant-statement",
        "merchant_statement.html",
        lines
        | {
            "statement": STATEMENT,
            "can": {"decide": True},
            "own": False,
        },
    )
    own = {"statement": STATEMENT, "can": {"decide": False}, "own": True}
    yield "merchant-statement-own", "merchant_statement.html", lines | own
