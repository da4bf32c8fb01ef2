"""The carbon convenience store (碳普惠便利店): double points for green goods, goods for points, settled."""

from __future__ import annotations

from datetime import datetime

import pytest
from flask import Flask
from shop_world import Caller, citizen, later, staff

pytestmark = pytest.mark.usefixtures("verified")


def bought_green(person: Caller, number: str, at: datetime) -> int:
    """A purchase the store reports for its customer; returns the points."""
    body = {"behaviour": "YO29", "source": "green-retail", "external_id": number}
    answer = person.post("/acts", body | {"occurred_at": at.isoformat()})
    assert answer.json["status"] == "counted", answer.json
    return int(answer.json["points"])


def test_a_store_rewards_twice_takes_points_and_is_paid(
    app: Flask, operator: Caller, clock: dict[str, datetime]
) -> None:
    assert operator.patch("/merchants/store", {"scene_code": "green-retail"}).status_code == 200
    xiaoman = citizen(app, "小满", 200)
    texts = {row["partner"]: row["version"] for row in xiaoman.get("/citizen/consents").json}
    agreed = xiaoman.post("/citizen/consents", {"partner": "green-retail", "version": texts["green-retail"]})
    assert agreed.status_code == 201
    plain = bought_green(xiaoman, "s-1", clock["now"])
    campaign = {
        "code": "store-double",
        "name_zh": "便利店双倍积分",
        "name_en": "Double points at the store",
        "starts_on": "2026-11-24",
        "ends_on": "2026-12-31",
        "percent": 200,
        "sources": ["green-retail"],
        "budget_points": 1_000,
        "source": "演示活动，市级赞助方出资",
    }
    assert operator.post("/points/campaigns", campaign).status_code == 201
    bureau = staff(app, "bureau")
    assert bureau.post("/points/campaigns/store-double/decision", {"decision": "publish"}).status_code == 200
    later(clock, days=1)
    xiaoman, store = citizen(app, "小满", 0), staff(app, "store-1")
    assert plain > 0
    assert bought_green(xiaoman, "s-2", clock["now"]) == 2 * plain

    goods = xiaoman.get("/citizen/rewards?kind=store").json
    assert [(row["code"], row["kind_zh"], row["stock"]) for row in goods] == [
        ("soap", "碳普惠便利店", 100),
        ("tea", "碳普惠便利店", 100),
    ]
    voucher = xiaoman.redeem("soap").json
    assert store.use_one(voucher["voucher_code"])["value_fen"] == 100
    left = {row["code"]: row["stock"] for row in xiaoman.get("/citizen/rewards?kind=store").json}
    assert left == {"soap": 99, "tea": 100}
    seen = store.get("/shop/statements").json
    assert (seen["used"], seen["used_fen"], seen["budget_fen"]) == (1, 100, 100_000)
