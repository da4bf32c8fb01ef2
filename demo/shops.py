"""The shops' chapter: a sponsor pays in, merchants get budgets and offers, a voucher is used at the till."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from demo.client import Person

SPONSOR, MONEY_FEN, BUDGET_FEN = "city", 5_000_000, 200_000
SOURCE = "演示约定，尚无合作协议"
XINYANG = timezone(timedelta(hours=8))
# code → (kind, log-in, name, offers); all invented.
MERCHANTS: dict[str, tuple[str, str, str, list[dict[str, Any]]]] = {
    "huaipan-culture": (
        "culture", "culture", "淮畔文化馆（演示）",
        [{"code": "guide", "name_zh": "讲解一场", "name_en": "One guided tour", "price_points": 20,
          "value_fen": 300, "topup_fen": 200, "stock": 500, "person_month_limit": 4,
          "hours": [{"days": [2, 3, 4, 5, 6, 7], "from": "09:00", "to": "17:00"}]}],
    ),
    "carbon-store": (
        "store", "store", "碳普惠便利店（演示）",
        [{"code": "store-bag", "name_zh": "布袋 1 个", "name_en": "Cloth bag", "price_points": 15,
          "value_fen": 200, "stock": 1_000},
         {"code": "store-tea", "name_zh": "信阳毛尖 50 克", "name_en": "Maojian tea, 50 g",
          "price_points": 300, "value_fen": 1_500, "topup_fen": 500, "stock": 200}],
    ),
    "tree-planters": (
        "donation", "planters", "植绿合作社（演示）",
        [{"code": "plant-camellia", "name_zh": "油茶林补植", "name_en": "New camellia seedlings",
          "price_points": 10, "value_fen": 15, "stock": 1_000_000}],
    ),
}  # fmt: skip


def open_shops(sign_in: Callable[[str], Person]) -> dict[str, Any]:
    """Money first, then budgets, then offers. Returns the merchants by code."""
    operator, bank = sign_in("operator"), sign_in("bank")
    promised = operator.post(
        "/api/v1/inclusion/sponsorships",
        {
            "sponsor_code": SPONSOR,
            "sponsor": "市级赞助方（演示）",
            "amount_fen": MONEY_FEN,
            "document": SOURCE,
        },
    )
    bank.post(
        f"/api/v1/inclusion/sponsorships/{promised['id']}/receipt", {"bank_reference": "DEMO-SPONSOR-1"}
    )
    month = datetime.now(UTC).astimezone(XINYANG).strftime("%Y-%m")
    made = {}
    for code, (kind, login, name, offers) in MERCHANTS.items():
        organisation = sign_in(login).get("/api/v1/me")["organisation_id"]
        body = {"code": code, "organisation_id": organisation, "kind": kind, "name_zh": name}
        terms = {"sponsor_code": SPONSOR, "month_budget_fen": BUDGET_FEN, "source": SOURCE}
        if kind == "store":
            terms["scene_code"] = "green-retail"
        made[code] = operator.post("/api/v1/merchants", body | terms)
        operator.post(f"/api/v1/merchants/{code}/budgets", {"month": month, "limit_fen": BUDGET_FEN})
        for offer in offers:
            operator.post(f"/api/v1/merchants/{code}/offers", offer | {"source": SOURCE})
    return made


def spend(citizen: Person, store: Person) -> dict[str, Any]:
    """A bag for points, used at the till, once; then ten points for seedlings, if there are any."""
    told: dict[str, Any] = {}
    points = citizen.get("/api/v1/citizen/points")["available"]
    if points < 25:
        return told
    voucher = citizen.post("/api/v1/citizen/redemptions", {"reward": "store-bag"})
    rows = [{"code": voucher["signed_code"], "device": "till-demo"}]
    told["used"] = store.post("/api/v1/shop/verifications", {"rows": rows})["rows"][0]
    again = [{"code": voucher["voucher_code"], "device": "till-other"}]
    told["used_again"] = store.post("/api/v1/shop/verifications", {"rows": again})["rows"][0]
    told["donation"] = citizen.post("/api/v1/citizen/donations", {"reward": "plant-camellia", "points": 10})
    return told
