"""Ways to lose a merchant's or a sponsor's money, and what stands in the way; on both engines."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from shop_world import LOT, SPONSOR, Caller, budget, citizen, iso, later, money, staff

from carbon_platform import ledger
from carbon_platform.citizens.purse import points_account
from carbon_platform.citizens.tables import Redemption, Reward
from carbon_platform.db import Database
from carbon_platform.identity.rules import SYSTEM
from carbon_platform.merchants import chores, figures, service
from carbon_platform.merchants.fund import payable_account, sponsor_account
from carbon_platform.merchants.tables import Merchant

pytestmark = pytest.mark.usefixtures("verified")


def freeze(db: Database, key: ledger.AccountKey, now: datetime) -> int:
    return db.transact(lambda s: ledger.freeze_by_hand(s, keys=[key], reason="查", by="审计", now=now))[0]


def lift(db: Database, number: int, now: datetime) -> None:
    db.transact(lambda s: ledger.lift(s, number, by="审计二", note="查清", now=now))


def statuses(db: Database) -> list[str]:
    return db.read(lambda s: list(s.scalars(sa.select(Redemption.status).order_by(Redemption.id))))


# Refunds


def test_a_voucher_that_cannot_be_given_back_keeps_no_other_waiting(
    app: Flask, db: Database, clock: dict[str, datetime]
) -> None:
    people = [citizen(app, f"人{number}", 60) for number in range(3)]
    vouchers = [person.redeem("guide").json for person in people]
    stuck = freeze(db, points_account(people[0].holder, LOT), clock["now"])
    clock["now"] = datetime.fromisoformat(vouchers[0]["expires_at"])
    assert chores.give_back_due(db, now=clock["now"]) == ("ok", "3 vouchers ran out; 0 given back")
    later(clock, hours=24)
    outcome, words = chores.give_back_due(db, now=clock["now"])
    assert outcome == "alarm"
    assert words.startswith(f"0 vouchers ran out; 2 given back; 1 stuck; {vouchers[0]['id']}: ")
    assert statuses(db) == ["refunding", "refunded", "refunded"]
    lift(db, stuck, clock["now"])
    assert chores.give_back_due(db, now=clock["now"]) == ("ok", "0 vouchers ran out; 1 given back")
    assert citizen(app, "人0", 0).points() == 60


def test_one_that_runs_out_and_is_stuck_at_once_keeps_no_other_waiting(
    app: Flask, db: Database, operator: Caller, clock: dict[str, datetime]
) -> None:
    assert operator.patch("/merchants/museum", {"offline_hours": 0}).status_code == 200
    people = [citizen(app, f"人{number}", 60) for number in range(2)]
    vouchers = [person.redeem("guide").json for person in people]
    freeze(db, points_account(people[0].holder, LOT), clock["now"])
    clock["now"] = datetime.fromisoformat(vouchers[0]["expires_at"])
    outcome, words = chores.give_back_due(db, now=clock["now"])
    assert (outcome, words[:34]) == ("alarm", "1 vouchers ran out; 0 given back; ")
    assert statuses(db) == ["ready", "refunded"]
    wanted = sa.select(Redemption.refund_entry_id).where(Redemption.status == "refunded")
    entry = db.read(lambda s: ledger.get_entry(s, int(s.scalar(wanted) or 0)))
    assert entry.note == "过期未用，自动退回"


def test_a_refund_waits_for_shops_whose_lists_have_become_longer(
    app: Flask, db: Database, operator: Caller, museum: Caller, xiaoman: Caller, clock: dict[str, datetime]
) -> None:
    operator.patch("/merchants/museum", {"offline_hours": 0})
    voucher = xiaoman.redeem("guide").json
    operator.patch("/merchants/museum", {"offline_hours": 72})
    later(clock, hours=1)
    at = iso(clock["now"])
    asked = xiaoman.post(f"/citizen/redemptions/{voucher['id']}/refund").json
    assert asked["status"] == "refunding", "a shop may have taken it an hour ago"
    assert datetime.fromisoformat(asked["refund_due_at"]) == later(clock, hours=72)
    late = staff(app, "museum-1").use_one(voucher["signed_code"], used_at=at, offline=True)
    assert late["outcome"] == "accepted"


def test_nobody_asks_for_the_points_and_then_goes_to_a_shop_without_network(
    museum: Caller, xiaoman: Caller, db: Database, clock: dict[str, datetime]
) -> None:
    voucher = xiaoman.redeem("guide").json
    assert xiaoman.post(f"/citizen/redemptions/{voucher['id']}/refund").json["status"] == "refunding"
    at = iso(later(clock, hours=2))
    later(clock, hours=1)
    assert museum.use_one(voucher["signed_code"], used_at=at)["reason_code"] == "shop.code_given_back", (
        "with network the shop is told"
    )
    row = museum.use_one(voucher["signed_code"], used_at=at, device="till-0002", offline=True)
    assert row["outcome"] == "accepted", "without, it could not know, and is paid"
    chores.give_back_due(db, now=later(clock, hours=48))
    assert (statuses(db), budget(db)) == (["used"], (100_000, 300))


# Statements and budgets


def test_one_transfer_pays_one_statement(
    app: Flask, db: Database, xiaoman: Caller, clock: dict[str, datetime]
) -> None:
    for shop, reward in (("museum-1", "guide"), ("store-1", "tea")):
        used = staff(app, shop).use_one(xiaoman.redeem(reward).json["voucher_code"])
        assert used["outcome"] == "accepted"
    later(clock, days=8)
    operator, bureau, bank = (staff(app, who) for who in ("operator", "bureau", "bank"))
    codes = []
    for merchant in ("museum", "store"):
        made = operator.post("/merchant-statements", {"merchant": merchant, "month": "2026-11"}).json
        bureau.post(f"/merchant-statements/{made['code']}/decision", {"decision": "approve"})
        codes.append(made["code"])

    def pay(code: str, reference: str) -> Any:
        return bank.post(f"/merchant-statements/{code}/payment", {"bank_reference": reference})

    assert pay(codes[0], "TX-1001").json["state"] == "paid"
    assert pay(codes[0], "TX-1001").json["state"] == "paid", "the same word again"
    twice = pay(codes[1], "TX-1001")
    assert (twice.status_code, twice.json["code"]) == (409, "merchant.payment_known")
    assert codes[0] in twice.json["detail"]
    holder = db.read(lambda s: s.get_one(Merchant, "store").holder)
    assert money(db, payable_account(holder)) == 500, "still owed"
    assert db.read(figures.liability).payable_fen == 500
    assert pay(codes[1], "TX-1002").json["state"] == "paid"
    assert db.read(figures.liability).payable_fen == 0


def test_a_sponsor_whose_account_stands_still_stops_its_own_merchants_only(
    db: Database, clock: dict[str, datetime]
) -> None:
    def other_sponsor(session: Any) -> None:
        moves = [ledger.Move(sponsor_account(SPONSOR), sponsor_account("museum-friends"), 200_000)]
        ledger.post(session, ledger.Entry("sponsorship", "in:2", moves, None, "test"), clock["now"])
        service.change_merchant(
            session, SYSTEM, "store", {"sponsor_code": "museum-friends"}, now=clock["now"]
        )

    db.transact(other_sponsor)
    freeze(db, sponsor_account(SPONSOR), clock["now"])
    outcome, words = chores.keep_budgets(db, now=later(clock, days=9))
    assert outcome == "alarm"
    assert words.startswith("1 budgets opened")
    assert "museum 2026-12" in words and "museum 2026-11" in words, "neither opened nor closed"
    assert budget(db, "store", "2026-12") == (100_000, 0)


def test_a_new_name_is_the_name_on_its_offers(operator: Caller, db: Database) -> None:
    operator.patch("/merchants/museum", {"name_zh": "信阳博物馆新馆（演示）"})
    named = db.read(lambda s: s.scalar(sa.select(Reward.provider_zh).where(Reward.code == "guide")))
    assert named == "信阳博物馆新馆（演示）"
