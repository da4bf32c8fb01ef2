"""From the offer to the bank through HTTP, on both engines: a code works once, and every fen is somewhere."""

from __future__ import annotations

import random
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from shop_world import NOW, SPONSOR, Caller, budget, citizen, iso, later, money, staff, stock, terms

from carbon_platform.citizens.tables import Redemption
from carbon_platform.db import Database
from carbon_platform.identity.tables import AuditRecord
from carbon_platform.merchants import chores, figures
from carbon_platform.merchants.fund import budget_account, payable_account, sponsor_account
from carbon_platform.merchants.tables import Merchant, ShopVerification

pytestmark = pytest.mark.usefixtures("verified")


def test_a_voucher_is_bought_used_once_settled_and_paid(
    app: Flask, db: Database, clock: dict[str, datetime], operator: Caller, museum: Caller, xiaoman: Caller
) -> None:
    offered = {row["code"]: row for row in xiaoman.get("/citizen/rewards").json}
    assert offered["guide"]["kind_zh"] == "文化"
    assert "camellia-tree" not in offered, "what is given away is no exchange"
    bought = xiaoman.redeem("guide").json
    assert bought["signed_code"].startswith("XY1:")
    assert len(bought["signed_code"]) < 220, "a QR of 10 modules at most"
    assert re.fullmatch(r"XY(-[A-Z2-7]{4}){4}", bought["voucher_code"])
    assert bought["expires_at"] == "2026-12-23T16:00:00+00:00", "the midnight after the thirtieth day"
    assert (xiaoman.points(), stock(db), budget(db)) == (940, 99, (100_000, 300))

    row = museum.use_one(bought["signed_code"])
    assert (row["outcome"], row["duplicate"], row["topup_fen"]) == ("accepted", False, 200)
    assert xiaoman.get("/citizen/redemptions").json[0]["status_zh"] == "已使用"
    later(clock, seconds=5)
    again = museum.use_one(bought["voucher_code"])
    assert (again["reason_code"], "本设备" in again["reason_zh"]) == ("shop.code_used", True)

    # the month has to be over, then one prepares and another one approves
    order = {"merchant": "museum", "month": "2026-11"}
    assert operator.post("/merchant-statements", order).json["code"] == "merchant.month_not_over"
    later(clock, days=8)
    operator, museum, bureau, bank = (staff(app, who) for who in ("operator", "museum-1", "bureau", "bank"))
    statement = operator.post("/merchant-statements", order).json
    assert (statement["lines"], statement["points"], statement["amount_fen"]) == (1, 60, 300)
    again = operator.post("/merchant-statements", order)
    assert again.json["code"] == "merchant.statement_open"
    decide = f"/merchant-statements/{statement['code']}/decision"
    assert operator.post(decide, {"decision": "approve"}).status_code == 403, "the role may not"
    done = bureau.post(decide, {"decision": "approve"}, key="once")
    assert done.json["state_zh"] == "待付款"
    assert bureau.post(decide, {"decision": "approve"}, key="once").headers["Idempotency-Replayed"] == "true"
    assert bureau.post(decide, {"decision": "approve"}).json["code"] == "merchant.statement_closed"
    holder = db.read(lambda s: s.get(Merchant, "museum").holder)
    assert money(db, payable_account(holder)) == 300
    paid = {"bank_reference": "TX-20261201-7"}
    assert bank.post(f"/merchant-statements/{statement['code']}/payment", paid).json["state"] == "paid"
    assert bank.post(f"/merchant-statements/{statement['code']}/payment", paid).json["state"] == "paid"
    assert money(db, payable_account(holder)) == 0
    seen = museum.get("/shop/statements").json
    assert (seen["items"][0]["state_zh"], seen["month"], seen["used"]) == ("已付款", "2026-12", 0)
    lines = operator.get(f"/merchant-statements/{statement['code']}").json["items"]
    assert [(line["points"], line["value_fen"]) for line in lines] == [(60, 300)]
    # nothing of November is open any more: what was not given away goes back to the sponsor
    assert "1 closed" not in chores.keep_budgets(db, now=clock["now"])[1]  # all three are
    assert money(db, budget_account("museum", "2026-11")) == 0
    assert money(db, sponsor_account(SPONSOR)) == 1_000_000 - 300 - 3 * 100_000, "December is set aside"
    owed = db.read(lambda s: figures.liability(s))
    assert owed == figures.Liability(0, 0, 0, 0)


def test_the_same_code_at_two_tills_at_once_is_taken_by_one(
    museum: Caller, xiaoman: Caller, db: Database
) -> None:
    code = xiaoman.redeem("guide").json["voucher_code"]
    with ThreadPoolExecutor(4) as pool:
        rows = list(pool.map(lambda n: museum.use_one(code, device=f"till-000{n}"), range(4)))
    assert sorted(row["outcome"] for row in rows) == ["accepted", "refused", "refused", "refused"]
    assert {row["reason_code"] for row in rows if row["outcome"] == "refused"} == {"shop.code_used"}
    assert "本店另一台设备" in next(row["reason_zh"] for row in rows if row["outcome"] == "refused")
    kept = db.read(lambda s: [row.outcome for row in s.scalars(sa.select(ShopVerification))])
    assert sorted(kept) == ["accepted", "refused", "refused", "refused"], "every attempt is kept"


def test_two_tills_without_network_hand_the_same_code_in_and_exactly_one_is_paid(
    museum: Caller, xiaoman: Caller, clock: dict[str, datetime], db: Database
) -> None:
    code = xiaoman.redeem("guide").json["signed_code"]
    at = later(clock, hours=1)
    later(clock, hours=5)
    said = {"used_at": iso(at), "offline": True}
    second = museum.use_one(code, device="till-0002", **said)
    first = museum.use_one(code, device="till-0001", used_at=iso(at - timedelta(minutes=9)), offline=True)
    assert (second["outcome"], first["outcome"]) == ("accepted", "refused"), "who is heard first is paid"
    # delivered again, both are answered as before and nothing is counted twice
    again = museum.use_one(code, device="till-0002", **said)
    assert (again["outcome"], again["duplicate"]) == ("accepted", True)
    used = db.read(lambda s: s.scalars(sa.select(Redemption)).one())
    assert (used.status, used.used_at) == ("used", at)
    assert db.read(lambda s: s.scalar(sa.select(sa.func.count()).select_from(ShopVerification))) == 2


def test_half_a_broken_batch_keeps_the_good_rows_and_names_the_bad(
    app: Flask, museum: Caller, xiaoman: Caller, clock: dict[str, datetime]
) -> None:
    good, other = (xiaoman.redeem("guide").json for _ in range(2))
    store = xiaoman.redeem("tea").json
    altered = good["signed_code"][:-3] + ("AAA" if not good["signed_code"].endswith("AAA") else "BBB")
    later(clock, minutes=30)
    rows = [
        {"code": good["voucher_code"].lower().replace("-", " "), "device": "till-0001"},
        {"code": altered, "device": "till-0001"},
        {"code": store["signed_code"], "device": "till-0001"},
        {"code": "XY-AAAA-AAAA-AAAA-AAAA", "device": "till-0001"},
        {"code": "公交卡", "device": "till-0001"},
        {"code": other["signed_code"], "device": "till-0001", "used_at": iso(NOW + timedelta(hours=2))},
        {"code": other["signed_code"], "device": "till-0001", "used_at": iso(NOW - timedelta(hours=2))},
        {"code": other["signed_code"], "device": "till-0001", "used_at": iso(NOW + timedelta(minutes=9))},
    ]
    answer = museum.post("/shop/verifications", {"rows": rows}).json
    assert [row["reason_code"] for row in answer["rows"]] == [
        "", "codes.signature_wrong", "shop.code_unknown", "shop.code_unknown", "codes.unreadable",
        "shop.use_in_future", "shop.use_before_order", "",
    ]  # fmt: skip
    assert (answer["accepted"], answer["refused"]) == (2, 6)
    too_many = museum.post("/shop/verifications", {"rows": rows[:1] * 201})
    assert (too_many.status_code, too_many.json["code"]) == (422, "shop.too_many_rows")
    # the store's shop takes its own; a log-in without a merchant takes nothing
    assert staff(app, "store-1").use_one(store["signed_code"])["outcome"] == "accepted"
    assert staff(app, "nobody").use("XY-AAAA-AAAA-AAAA-AAAA").json["code"] == "merchant.none"
    assert xiaoman.use("XY-AAAA-AAAA-AAAA-AAAA").status_code == 403


def test_the_budget_of_the_month_ends_before_the_stock(
    app: Flask, operator: Caller, xiaoman: Caller, db: Database
) -> None:
    assert (
        operator.post("/merchants/museum/budgets", {"month": "2026-11", "limit_fen": 700}).status_code == 200
    )
    assert [xiaoman.redeem("guide").status_code for _ in range(2)] == [201, 201]
    refused = xiaoman.redeem("guide")
    assert (refused.status_code, refused.json["code"]) == (409, "reward.budget_gone")
    assert (xiaoman.points(), stock(db), budget(db)) == (880, 98, (700, 600))
    assert xiaoman.get("/citizen/refusals").json[0]["reason_code"] == "reward.budget_gone"
    low = operator.post("/merchants/museum/budgets", {"month": "2026-11", "limit_fen": 500})
    assert low.json["code"] == "merchant.budget_too_low"
    short = operator.post("/merchants/museum/budgets", {"month": "2026-12", "limit_fen": 10**9})
    assert (short.status_code, short.json["code"]) == (409, "merchant.sponsor_short")
    assert "¥" in short.json["detail"]


def test_the_last_of_a_budget_is_fought_for_by_four(app: Flask, operator: Caller, db: Database) -> None:
    operator.post("/merchants/museum/budgets", {"month": "2026-11", "limit_fen": 300})
    people = [citizen(app, f"人{number}", 60) for number in range(4)]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda person: person.redeem("guide").status_code, people))
    assert sorted(answers) == [201, 409, 409, 409]
    assert (budget(db), stock(db)) == ((300, 300), 99)
    assert sorted(person.points() for person in people) == [0, 60, 60, 60]


def test_a_refund_waits_until_shops_without_network_were_heard(
    app: Flask, museum: Caller, xiaoman: Caller, clock: dict[str, datetime], db: Database
) -> None:
    kept, used = (xiaoman.redeem("guide").json for _ in range(2))
    later(clock, hours=1)
    for voucher in (kept, used):
        answer = xiaoman.post(f"/citizen/redemptions/{voucher['id']}/refund")
        assert (answer.status_code, answer.json["status_zh"]) == (200, "正在退回积分")
        assert answer.json["signed_code"] is None
    later(clock, seconds=5)
    assert museum.use_one(used["signed_code"])["reason_code"] == "shop.code_given_back", "at once, online"
    # a till had taken one of them before the wish and is heard two hours later
    later(clock, hours=2)
    row = museum.use_one(used["signed_code"], used_at=iso(NOW + timedelta(minutes=50)), offline=True)
    assert row["outcome"] == "accepted"
    chores.give_back_due(db, now=clock["now"])
    assert xiaoman.points() == 880, "not yet"
    later(clock, hours=22)
    assert chores.give_back_due(db, now=clock["now"])[1] == "0 vouchers ran out; 1 given back"
    xiaoman, museum = citizen(app, "小满", 0), staff(app, "museum-1")
    assert (xiaoman.points(), stock(db), budget(db)) == (940, 99, (100_000, 300))
    late = museum.use_one(kept["signed_code"], used_at=iso(NOW + timedelta(minutes=50)), offline=True)
    assert late["reason_code"] == "shop.code_given_back"
    again = xiaoman.post(f"/citizen/redemptions/{kept['id']}/refund")
    assert again.json["code"] == "redemption.already_refunded"
    assert xiaoman.post(f"/citizen/redemptions/{used['id']}/refund").json["code"] == "redemption.used"
    stranger = citizen(app, "别人", 0)
    assert stranger.post(f"/citizen/redemptions/{kept['id']}/refund").status_code == 404
    lots = xiaoman.get("/citizen/points").json["lots"]
    assert [(lot["expires_on"], lot["amount"]) for lot in lots] == [("2027-12-31", 940)], "its own lot"


def test_a_voucher_that_runs_out_gives_everything_back_by_itself(
    app: Flask, museum: Caller, xiaoman: Caller, clock: dict[str, datetime], db: Database
) -> None:
    voucher = xiaoman.redeem("guide").json
    clock["now"] = datetime.fromisoformat(voucher["expires_at"])
    museum = staff(app, "museum-1")
    assert museum.use_one(voucher["signed_code"])["reason_code"] == "shop.code_expired"
    assert chores.give_back_due(db, now=clock["now"])[1] == "1 vouchers ran out; 0 given back"
    assert chores.give_back_due(db, now=later(clock, hours=24))[1] == "0 vouchers ran out; 1 given back"
    assert chores.give_back_due(db, now=later(clock, hours=24))[1] == "0 vouchers ran out; 0 given back"
    xiaoman = citizen(app, "小满", 0)
    assert (xiaoman.points(), stock(db), budget(db)) == (1000, 100, (100_000, 0))
    assert xiaoman.get("/citizen/redemptions").json[0]["status_zh"] == "已退回积分"


def test_seasons_and_hours(
    app: Flask, db: Database, operator: Caller, museum: Caller, xiaoman: Caller, clock: dict[str, datetime]
) -> None:
    night = {"days": [5, 6, 7], "from": "18:00", "to": "22:00"}
    offer = terms("lantern", 10, 100, season_from="2026-12-01", season_to="2026-12-10", hours=[night])
    assert operator.post("/merchants/museum/offers", offer).json["hours_zh"] == "周五至周日 18:00–22:00"
    early = xiaoman.redeem("lantern")
    assert (early.status_code, early.json["code"]) == (409, "reward.out_of_season")
    assert xiaoman.points() == 1000
    clock["now"] = datetime.fromisoformat("2026-12-04T20:00:00+08:00")
    chores.keep_budgets(db, now=clock["now"])
    xiaoman, museum = citizen(app, "小满", 0), staff(app, "museum-1")
    voucher = xiaoman.redeem("lantern").json
    assert voucher["expires_at"] == "2026-12-10T16:00:00+00:00", "with the season"
    closed = museum.use_one(voucher["signed_code"], used_at="2026-12-04T22:00:00+08:00")
    assert closed["reason_code"] == "shop.use_in_future"
    later(clock, hours=3)
    shut = museum.use_one(voucher["signed_code"], used_at="2026-12-04T22:00:00+08:00")
    assert shut["reason_code"] == "shop.code_outside_hours"
    assert "周五至周日 18:00–22:00" in shut["reason_zh"]
    assert (
        museum.use_one(voucher["signed_code"], used_at="2026-12-04T21:59:00+08:00")["outcome"] == "accepted"
    )
    for hours in ([night | {"to": "17:00"}], [night | {"days": [5, 5]}]):
        wrong = staff(app, "operator").patch("/merchants/museum/offers/lantern", {"hours": hours})
        assert wrong.json["code"] == "merchant.offer_wrong"


def test_what_a_shop_carries_tells_nobody_a_code_or_a_person(
    museum: Caller, xiaoman: Caller, db: Database, clock: dict[str, datetime]
) -> None:
    vouchers = [xiaoman.redeem("guide").json for _ in range(3)]
    museum.use_one(vouchers[0]["voucher_code"])
    listed = museum.get("/shop/keys").json
    text = str(listed) + str(museum.get("/shop/statements").json)
    for voucher in vouchers:
        assert voucher["voucher_code"] not in text
    assert xiaoman.holder not in text
    assert len(listed["ready"]) == 2
    assert len(listed["void"]) == 1
    assert len(listed["keys"][0]) == 64
    assert datetime.fromisoformat(listed["good_until"]) == clock["now"] + timedelta(hours=24)
    records = db.read(lambda s: list(s.scalars(sa.select(AuditRecord))))
    kept = db.read(lambda s: list(s.scalars(sa.select(ShopVerification))))
    everything: Any = [vars(row) for row in (*records, *kept)]
    assert all(voucher["voucher_code"] not in str(everything) for voucher in vouchers)


def test_a_shop_and_a_refund_at_the_same_moment_agree(app: Flask, museum: Caller, db: Database) -> None:
    """Of each voucher either the points are on their way back or the shop is paid, never both."""
    people = [citizen(app, f"人{number}", 60) for number in range(4)]
    vouchers = [person.redeem("guide").json for person in people]

    def use(number: int) -> str:
        return str(museum.use_one(vouchers[number]["voucher_code"], device=f"till-000{number}")["outcome"])

    def ask(number: int) -> int:
        return int(people[number].post(f"/citizen/redemptions/{vouchers[number]['id']}/refund").status_code)

    with ThreadPoolExecutor(8) as pool:
        uses = [pool.submit(use, number) for number in range(4)]
        asks = [pool.submit(ask, number) for number in range(4)]
    rows = db.read(lambda s: {row.id: row.status for row in s.scalars(sa.select(Redemption))})
    for number, voucher in enumerate(vouchers):
        # The clock stands still: a use of the very moment of the wish still counts.
        used = rows[voucher["id"]] == "used"
        assert (uses[number].result() == "accepted") is used
        assert asks[number].result() == 200 or used
    accepted = db.read(
        lambda s: [row.redemption_id for row in s.scalars(sa.select(ShopVerification)) if not row.reason_code]
    )
    assert len(accepted) == len(set(accepted)) == sum(1 for status in rows.values() if status == "used")


def test_deliveries_in_any_order_any_number_of_times_change_nothing(
    museum: Caller, xiaoman: Caller, clock: dict[str, datetime], db: Database
) -> None:
    """A till that lost the answer sends again: eight times each, mixed, good and bad rows."""
    vouchers = [xiaoman.redeem("guide").json for _ in range(5)]
    at = iso(later(clock, hours=1))
    texts = [v["signed_code"] for v in vouchers] + ["XY-AAAA-AAAA-AAAA-AAAA", "公交卡"]
    rows = [{"code": text, "device": "till-0001", "used_at": at, "offline": True} for text in texts * 8]
    random.Random(20261123).shuffle(rows)
    for start in range(0, len(rows), 9):
        answer = museum.post("/shop/verifications", {"rows": rows[start : start + 9]})
        assert answer.status_code == 200
    figures_now = museum.get("/shop/statements").json
    assert (figures_now["used"], figures_now["used_fen"], figures_now["refused"]) == (5, 1_500, 2)
    assert db.read(lambda s: s.scalar(sa.select(sa.func.count()).select_from(ShopVerification))) == 7
