"""Redemption through HTTP on both engines: stock and points never go below zero, one order is one voucher."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa
from citizen_world import NOW, Citizen

from carbon_platform.citizens.book import stats
from carbon_platform.citizens.service import load_reference
from carbon_platform.citizens.tables import Redemption, Reward
from carbon_platform.db import Database
from carbon_platform.identity.tables import AuditRecord

pytestmark = pytest.mark.usefixtures("verified")

SOAP = {"reward": "camellia-soap"}  # 60 points


def redeem(citizen: Citizen, key: str, body: dict[str, Any] = SOAP) -> Any:
    return citizen.post("/citizen/redemptions", body, **{"Idempotency-Key": key})


def stock(db: Database, code: str = "camellia-soap") -> int:
    return int(db.read(lambda s: s.scalar(sa.select(Reward.stock).where(Reward.code == code))))


def set_stock(db: Database, left: int) -> None:
    statement = sa.update(Reward).where(Reward.code == "camellia-soap").values(stock=left)
    db.transact(lambda session: session.execute(statement))


def vouchers(db: Database) -> int:
    return int(db.read(lambda s: s.scalar(sa.select(sa.func.count()).select_from(Redemption))))


def test_points_become_a_voucher(xiaoman: Citizen, db: Database) -> None:
    xiaoman.rides("2026-11-19", 6)
    xiaoman.rides("2026-11-18", 1)
    answer = redeem(xiaoman, "k1")
    assert answer.status_code == 201
    body = answer.json
    assert re.fullmatch(r"XY(-[A-Z2-7]{4}){4}", body["voucher_code"])
    assert (body["price_points"], body["status_zh"]) == (60, "可以使用")
    assert stock(db) == 999
    points = xiaoman.get("/citizen/points").json
    assert points["available"] == 10
    assert (points["items"][0]["amount"], points["items"][0]["words_zh"]) == (-60, "兑换 山茶油手工皂 1 块")
    assert [row["voucher_code"] for row in xiaoman.get("/citizen/redemptions").json] == [body["voucher_code"]]
    # the grams stay what they were: points are not carbon
    assert xiaoman.get("/citizen/book").json["totals"]["all_g"] == 560
    records = db.read(lambda s: list(s.scalars(sa.select(AuditRecord))))
    assert all(body["voucher_code"] not in str(record.detail) for record in records)
    found = db.read(lambda session: stats(session, now=NOW))
    assert (found.points_issued, found.points_redeemed, found.points_outstanding) == (70, 60, 10)


def test_too_few_points_says_how_many_are_missing_and_takes_nothing(xiaoman: Citizen, db: Database) -> None:
    xiaoman.ride(at="2026-11-18T09:00:00+08:00")
    answer = redeem(xiaoman, "k1")
    assert (answer.status_code, answer.json["code"]) == (409, "reward.not_enough_points")
    assert "还差 50 分。再坐几趟公交就够了。" in answer.json["detail"]
    assert (stock(db), vouchers(db)) == (1000, 0)
    assert xiaoman.get("/citizen/points").json["available"] == 10
    # a refusal does not use up the key: with the points there, the same order goes through
    xiaoman.rides("2026-11-19", 5)
    assert redeem(xiaoman, "k1").status_code == 201


def test_a_double_click_is_one_voucher(xiaoman: Citizen, db: Database) -> None:
    xiaoman.rides("2026-11-19", 6)
    xiaoman.rides("2026-11-18", 6)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: redeem(xiaoman, "one-click"), range(4)))
    assert [answer.status_code for answer in answers] == [201] * 4
    assert len({answer.json["voucher_code"] for answer in answers}) == 1
    assert (stock(db), vouchers(db)) == (999, 1)
    assert xiaoman.get("/citizen/points").json["available"] == 60


def test_a_key_is_demanded(xiaoman: Citizen) -> None:
    answer = xiaoman.post("/citizen/redemptions", SOAP)
    assert (answer.status_code, answer.json["code"]) == (400, "web.idempotency_key_missing")


def test_points_for_one_buy_one_even_when_ordered_four_times_at_once(xiaoman: Citizen, db: Database) -> None:
    xiaoman.rides("2026-11-19", 6)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda number: redeem(xiaoman, f"k{number}"), range(4)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
    assert (stock(db), vouchers(db)) == (999, 1)
    assert xiaoman.get("/citizen/points").json["available"] == 0


def test_two_citizens_race_for_the_last_one(
    xiaoman: Citizen, sign_in: Callable[..., Citizen], db: Database
) -> None:
    other = sign_in("dahai", "大海", "self", "clean-plate")
    xiaoman.rides("2026-11-19", 6)
    for day in ("19", "20", "21"):
        for number in range(3):
            other.plate(f"{day}-{number}", f"2026-11-{day}T12:00:00+08:00")
    set_stock(db, 1)
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda citizen: redeem(citizen, "last"), (xiaoman, other)))
    assert sorted(answer.status_code for answer in answers) == [201, 409]
    loser = next(place for place, answer in enumerate(answers) if answer.status_code == 409)
    assert answers[loser].json["code"] == "reward.out_of_stock"
    assert "没有扣您的分" in answers[loser].json["detail"]
    assert (stock(db), vouchers(db)) == (0, 1)
    assert (xiaoman, other)[loser].get("/citizen/points").json["available"] == (60, 72)[loser]
    assert (xiaoman, other)[loser].get("/citizen/redemptions").json == []


def test_an_unknown_reward_is_not_found_and_a_retired_one_too(xiaoman: Citizen, db: Database) -> None:
    assert redeem(xiaoman, "k", {"reward": "yacht"}).status_code == 404
    db.transact(lambda s: s.execute(sa.update(Reward).values(active=False)))
    assert redeem(xiaoman, "k2").status_code == 404
    assert xiaoman.get("/citizen/rewards").json == []


def test_loading_again_refreshes_prices_and_never_the_stock(xiaoman: Citizen, db: Database) -> None:
    set_stock(db, 7)
    db.transact(lambda s: s.execute(sa.update(Reward).values(price_points=1)))
    assert db.transact(load_reference) == 5
    assert stock(db) == 7
    offered = {row["code"]: row for row in xiaoman.get("/citizen/rewards").json}
    assert offered["camellia-soap"]["price_points"] == 60
    assert offered["bus-2"]["stock"] == 5000
    assert {row["status"] for row in offered.values()} == {"illustrative"}


def test_the_database_itself_refuses_stock_below_zero(xiaoman: Citizen, db: Database) -> None:
    with pytest.raises(sa.exc.IntegrityError):
        set_stock(db, -1)
