"""What staff do with merchants: terms, budgets, statements that are declined, trees that are paid for."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from flask import Flask
from shop_world import NOW, SPONSOR, Caller, budget, citizen, later, money, staff, terms

from carbon_platform.db import Database
from carbon_platform.identity.rules import SYSTEM
from carbon_platform.identity.service import add_organisation
from carbon_platform.merchants import chores
from carbon_platform.merchants.fund import budget_account

pytestmark = pytest.mark.usefixtures("verified")


def test_points_become_trees_that_a_sponsor_pays_for(
    app: Flask, xiaoman: Caller, clock: dict[str, datetime], db: Database
) -> None:
    wrong = xiaoman.post("/citizen/donations", {"reward": "camellia-tree", "points": 150})
    assert (wrong.status_code, wrong.json["code"]) == (422, "donation.unit")
    receipt = xiaoman.post("/citizen/donations", {"reward": "camellia-tree", "points": 300}, key="d").json
    assert (
        xiaoman.post("/citizen/donations", {"reward": "camellia-tree", "points": 300}, key="d").json
        == receipt
    )
    assert (receipt["points"], receipt["value_fen"], receipt["paid_out"]) == (300, 450, False)
    assert "300 积分" in receipt["is_zh"]
    assert "¥4.50" in receipt["is_zh"]
    assert "不是碳汇也不是碳票" in receipt["is_not_zh"]
    assert xiaoman.points() == 700
    assert budget(db, "planters") == (100_000, 450)
    assert xiaoman.redeem("camellia-tree").json["code"] == "reward.is_donation"
    assert xiaoman.get("/citizen/redemptions").json == []
    mine = xiaoman.get("/citizen/donations").json
    assert [row["number"] for row in mine["items"]] == [receipt["number"]]
    assert [row["code"] for row in mine["projects"]] == ["camellia-tree"]
    line = xiaoman.get("/citizen/points").json["items"][0]
    assert (line["amount"], line["words_zh"]) == (-300, "捐给 camellia-tree（演示）")
    assert xiaoman.post(f"/citizen/redemptions/{receipt['id']}/refund").json["code"] == "donation.final"
    later(clock, days=8)
    made = (
        staff(app, "operator").post("/merchant-statements", {"merchant": "planters", "month": "2026-11"}).json
    )
    assert made["amount_fen"] == 450
    assert xiaoman_again(app).get("/citizen/donations").json["items"][0]["paid_out"] is True


def xiaoman_again(app: Flask) -> Caller:
    return citizen(app, "小满", 0)


def test_a_declined_statement_frees_its_uses_and_a_settled_use_is_not_refunded(
    app: Flask, museum: Caller, xiaoman: Caller, clock: dict[str, datetime], db: Database
) -> None:
    from carbon_platform.citizens import corrections

    first, second = (xiaoman.redeem("guide").json for _ in range(2))
    for voucher in (first, second):
        museum.use_one(voucher["voucher_code"])
    sign = {"note": "展厅临时关闭", "actor_name": "甲 #1", "second_approver": "乙 #2"}
    db.transact(lambda s: corrections.refund(s, first["id"], now=clock["now"], **sign))
    assert (xiaoman.points(), budget(db)) == (940, (100_000, 300)), (
        "two people undo a use that is not settled"
    )
    later(clock, days=8)
    operator, bureau = staff(app, "operator"), staff(app, "bureau")
    order = {"merchant": "museum", "month": "2026-11"}
    made = operator.post("/merchant-statements", order).json
    assert made["lines"] == 1
    refund = lambda: db.transact(  # noqa: E731
        lambda s: corrections.refund(s, second["id"], now=clock["now"], **sign)
    )
    with pytest.raises(corrections.rewards.RedemptionSettled):
        refund()
    declined = bureau.post(
        f"/merchant-statements/{made['code']}/decision", {"decision": "decline", "note": "重做"}
    )
    assert declined.json["state_zh"] == "已否决"
    again = operator.post("/merchant-statements", order).json
    assert (again["lines"], again["code"]) == (1, "XY-S202611-museum-2")
    nothing = operator.post("/merchant-statements", {"merchant": "store", "month": "2026-11"})
    assert nothing.json["code"] == "merchant.nothing_to_settle"
    # while a statement waits, the month stays open
    assert "3 budgets opened, 2 closed" in chores.keep_budgets(db, now=clock["now"])[1]
    assert money(db, budget_account("museum", "2026-11")) == 100_000


def test_a_suspended_merchant_sells_and_takes_nothing(
    app: Flask, operator: Caller, museum: Caller, xiaoman: Caller
) -> None:
    voucher = xiaoman.redeem("guide").json
    assert operator.patch("/merchants/museum", {"state": "suspended"}).json["state_zh"] == "暂停"
    assert xiaoman.redeem("guide").status_code == 404
    assert museum.use(voucher["voucher_code"]).json["code"] == "merchant.not_active"
    assert museum.get("/shop/keys").status_code == 403
    # the citizen is not left with it
    assert xiaoman.post(f"/citizen/redemptions/{voucher['id']}/refund").status_code == 200


def test_who_may_what(app: Flask, operator: Caller, museum: Caller, xiaoman: Caller) -> None:
    bureau = staff(app, "bureau")
    assert bureau.get("/merchants").json["total"] == 3
    detail = bureau.get("/merchants/museum").json
    assert [row["code"] for row in detail["offers"]] == ["guide"]
    assert bureau.post("/merchants/museum/budgets", {"month": "2026-11", "limit_fen": 1}).status_code == 403
    assert museum.get("/merchants").status_code == 403
    assert xiaoman.get("/shop/keys").status_code == 403
    assert operator.get("/merchants/nobody").status_code == 404
    assert (
        operator.post("/merchants/museum/offers", terms("guide", 1, 1)).json["code"]
        == "merchant.offer_exists"
    )
    more = operator.patch("/merchants/museum/offers/guide", {"add_stock": -100, "price_points": 61}).json
    assert (more["stock"], more["price_points"]) == (0, 61)
    less = operator.patch("/merchants/museum/offers/guide", {"add_stock": -1})
    assert less.json["code"] == "merchant.offer_wrong"
    assert xiaoman.redeem("guide").json["code"] == "reward.out_of_stock"


def test_a_merchant_is_registered_once_and_its_month_opens_by_itself(
    app: Flask, operator: Caller, db: Database, clock: dict[str, datetime]
) -> None:
    body = {
        "code": "bus",
        "organisation_id": 1,
        "kind": "public",
        "name_zh": "公交（演示）",
        "source": "测试",
    }
    body |= {"sponsor_code": SPONSOR, "month_budget_fen": 50_000}
    assert operator.post("/merchants", body).json["code"] == "merchant.exists", (
        "one organisation, one merchant"
    )
    made = db.transact(
        lambda s: (
            add_organisation(
                s, SYSTEM, name_zh="公交公司（演示）", kind="merchant", region_code="411502", now=NOW
            ).id
        )
    )
    answer = operator.post("/merchants", body | {"organisation_id": made})
    assert (answer.status_code, answer.json["kind_zh"], answer.json["offline_hours"]) == (201, "公共服务", 24)
    assert chores.keep_budgets(db, now=clock["now"])[1].startswith("1 budgets opened")
    assert chores.keep_budgets(db, now=clock["now"])[1].startswith("0 budgets opened")
    assert budget(db, "bus") == (50_000, 0)
    # in the last week of the month the next one's money is set aside; a sponsor without money is an alarm
    assert chores.keep_budgets(db, now=clock["now"] + timedelta(days=3))[1].startswith("4 budgets opened")
    operator.patch("/merchants/bus", {"month_budget_fen": 10**9})
    outcome, words = chores.keep_budgets(db, now=clock["now"] + timedelta(days=33))
    assert outcome == "alarm"
    assert "bus 2027-01: Sponsor city has" in words
    for wrong in ({"code": "Bus!"}, {"kind": "casino"}, {"month_budget_fen": -1}, {"offline_hours": 169}):
        assert operator.post("/merchants", body | wrong).status_code == 422
