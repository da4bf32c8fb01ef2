"""Reward honesty: a tonne's price in rewards, sums without walking over acts, money into the fund."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from fractions import Fraction
from typing import Any

import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from inclusion_world import NOW, SEPTEMBER, World
from sqlalchemy.orm import Session

from carbon_platform.citizens.tables import Act, Reward
from carbon_platform.inclusion import rollup, rules
from carbon_platform.inclusion.board import board, loop
from carbon_platform.inclusion.overview import overview
from carbon_platform.inclusion.tables import ActDay, ActRollup

WALKS = re.compile(r"\b(from|join)\s+act\b")


def test_ten_points_a_ride_at_five_cents_and_eighty_grams_is_6250_yuan_a_tonne() -> None:
    assert rules.fen_per_tonne(10, 80, Fraction(5)) == 625_000
    assert rules.yuan_per_tonne_text(625_000) == "¥6,250"
    assert rules.times(625_000, 8_000) == 78


@given(
    points=st.integers(0, 10**9), grams=st.integers(1, 10**12), fen=st.fractions(Fraction(1, 100), 100),
    price=st.integers(1, 10**6),
)  # fmt: skip
def test_the_price_of_a_tonne_is_the_reward_divided_by_the_tonnes(
    points: int, grams: int, fen: Fraction, price: int
) -> None:
    found = rules.fen_per_tonne(points, grams, fen)
    assert found is not None
    assert abs(found - points * fen / Fraction(grams, 10**6)) <= Fraction(1, 2)
    assert rules.fen_of(points, fen) - points * fen < 1 and rules.fen_of(points, fen) >= points * fen
    assert (
        rules.market_fen(grams, price) <= Fraction(grams * price, 10**6) < rules.market_fen(grams, price) + 1
    )


def roll(world: World) -> None:
    """Two turns of the schedule: the second sums what the first has seen."""
    for _ in range(2):
        world.at(world.now + timedelta(minutes=5))
        world.db.transact(lambda s: rollup.roll_up(s, world.now))


def only_reward(world: World, *, points: int, fen: int) -> None:
    def work(session: Session) -> None:
        session.execute(sa.update(Reward).values(active=False))
        session.add(
            Reward(
                code="bus-5",
                name_zh="公交券",
                name_en="coupon",
                provider_zh="演示",
                price_points=points,
                value_fen=fen,
                stock=10,
                active=True,
                status="illustrative",
                source="测试",
                hours=[],
            )
            if session.get(Reward, "bus-5") is None
            else session.get_one(Reward, "bus-5")
        )
        session.execute(
            sa.update(Reward)
            .where(Reward.code == "bus-5")
            .values(active=True, price_points=points, value_fen=fen)
        )

    world.db.transact(work)


def test_the_board_says_what_a_tonne_costs_beside_what_it_is_worth(world: World) -> None:
    rider = world.as_("乘客")
    for partner in ("xinyang-bus",):
        text = next(t for t in rider.get("/citizen/consents").json if t["partner"] == partner)
        rider.post("/citizen/consents", {"partner": partner, "version": text["version"]})
    for hour in (1, 3, 5):
        body = {
            "behaviour": "XI14b", "source": "xinyang-bus", "external_id": f"r{hour}",
            "occurred_at": (world.now - timedelta(hours=hour)).isoformat(),
        }  # fmt: skip
        ride = rider.post("/acts", body).json
        assert (ride["reduction_g"], ride["points"]) == (80, 10), ride
    only_reward(world, points=100, fen=500)
    roll(world)
    found = world.as_("dingxin").get("/inclusion/honesty")
    assert found.status_code == 200, found.json
    (bus,) = [row for row in found.json["scenes"] if row["key"] == "xinyang-bus"]
    assert bus["fen_per_t"] == bus["low_fen_per_t"] == 625_000
    assert bus["sums"] == {
        "acts": 3, "not_counted": 0, "withdrawn": 0, "reduction_g": 240, "creditable_g": 240, "points": 30,
    }  # fmt: skip
    assert (bus["reward_fen"], bus["market_fen"], bus["times"]) == (150, 1, 78)
    assert found.json["price"]["status"] == "secondary" and found.json["price"]["fen_per_t"] == 8_000
    assert found.json["points"]["outstanding"] == 30
    assert found.json["liability_fen"] == 150 and found.json["covered_bp"] == 0
    assert world.as_("乘客").get("/inclusion/honesty").status_code == 403


def acts_added_up(session: Session) -> dict[tuple[str, str], rollup.Sums]:
    """Act by act in Python, with nothing of the module under test."""
    found: dict[tuple[str, str], rollup.Sums] = {}
    for act in session.scalars(sa.select(Act)):
        key = (act.day[:7], act.source)
        gone = act.withdrawn_at is not None
        found[key] = found.get(key, rollup.Sums()) + rollup.Sums(
            acts=0 if gone else 1,
            not_counted=0 if gone else int(act.status == "not_counted"),
            withdrawn=int(gone),
            reduction_g=0 if gone else act.reduction_g,
            creditable_g=0 if gone else act.creditable_g,
            points=0 if gone else act.points,
        )
    return found


def test_sums_stay_those_of_the_acts_whatever_arrives_or_is_withdrawn_between_runs(world: World) -> None:
    people = world.citizens(["甲", "乙"])
    world.at(SEPTEMBER + timedelta(days=3, hours=4))
    first = world.rides(people, days=3)
    roll(world)
    withdraw(world, first[0])
    late = world.rides(people, days=1, metres=300, name="late")  # overlaps: kept, not counted
    withdraw(world, late[0])
    for _ in range(3):
        roll(world)
    assert world.db.read(acts_added_up) == world.db.read(lambda s: rollup.sums_by(s, "month", "source"))
    assert world.db.read(rollup.check) == []
    days = world.db.read(lambda s: {row.day: row.acts for row in s.scalars(sa.select(ActDay))})
    standing = world.db.read(lambda s: sum(one.acts for one in acts_added_up(s).values()))
    assert sum(days.values()) == standing
    # Somebody with the database in hand: the check says so, and a rebuild makes it good.
    world.db.transact(lambda s: s.execute(sa.update(ActRollup).values(points=ActRollup.points + 1)))
    assert any("points" in line for line in world.db.read(rollup.check))
    world.at(world.now + timedelta(minutes=5))
    world.db.transact(lambda s: rollup.rebuild(s, world.now))
    assert world.db.read(rollup.check) == []
    assert world.db.read(acts_added_up) == world.db.read(lambda s: rollup.sums_by(s, "month", "source"))


def withdraw(world: World, act_id: int) -> None:
    world.at(world.now + timedelta(minutes=1))
    world.db.transact(
        lambda s: s.execute(sa.update(Act).where(Act.id == act_id).values(withdrawn_at=world.now))
    )


@contextmanager
def statements(world: World) -> Iterator[list[str]]:
    seen: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement.lower())

    sa.event.listen(world.db.engine, "before_cursor_execute", note)
    yield seen
    sa.event.remove(world.db.engine, "before_cursor_execute", note)


def test_boards_do_not_walk_over_acts_and_ask_the_same_however_many_there_are(world: World) -> None:
    people = world.citizens(["甲", "乙", "丙"])
    counts = []
    for days in (1, 9):
        world.at(SEPTEMBER + timedelta(days=days, hours=4))
        world.rides(people, days=days)
        roll(world)
        with statements(world) as seen:
            world.db.read(lambda s: (board(s, now=world.now), loop(s, now=world.now)))
            world.db.read(lambda s: overview(s, now=world.now))
        counts.append(len(seen))
        assert [one for one in seen if WALKS.search(one)] == []
    assert counts[0] == counts[1]
    with statements(world) as seen:
        world.db.read(rollup.check)
    assert [one for one in seen if WALKS.search(one)]  # that one does: the look is not blind


def test_a_sponsors_money_counts_when_the_bank_has_confirmed_it_once(world: World) -> None:
    operator, bank = world.as_("operator"), world.as_("bank")
    promise = {
        "sponsor_code": "dingxin",
        "sponsor": "鼎信集团",
        "amount_fen": 5_000_000,
        "document": "赞助协议 1 号",
    }
    made = operator.post("/inclusion/sponsorships", promise).json
    assert made["state"] == "promised"
    money = world.as_("dingxin").get("/inclusion/honesty").json["money"]
    assert (money["promised"], money["balance"]) == (5_000_000, 0)
    path = f"/inclusion/sponsorships/{made['id']}/receipt"
    assert operator.post(path, {"bank_reference": "ICBC-77"}).status_code == 403
    got = bank.post(path, {"bank_reference": "ICBC-77"})
    assert got.status_code == 200 and got.json["state"] == "received", got.json
    assert bank.post(path, {"bank_reference": "ICBC-77"}).json["state"] == "received"
    assert bank.post(path, {"bank_reference": "ICBC-78"}).json["code"] == "inclusion.sponsorship_closed"
    other = operator.post("/inclusion/sponsorships", promise | {"document": "赞助协议 2 号"}).json
    taken = bank.post(f"/inclusion/sponsorships/{other['id']}/receipt", {"bank_reference": "ICBC-77"})
    assert taken.json["code"] == "inclusion.bank_reference_taken"
    money = world.as_("auditor").get("/inclusion/honesty").json["money"]
    assert (money["from_sponsors"], money["balance"], money["free"]) == (5_000_000, 5_000_000, 5_000_000)


def test_a_wrong_promise_is_refused_by_field(world: World) -> None:
    wrongs: list[dict[str, Any]] = [
        {"sponsor_code": "鼎信"}, {"amount_fen": 0}, {"amount_fen": -5}, {"amount_fen": 1.5},
        {"document": ""},
    ]  # fmt: skip
    desk = world.as_("operator")
    for wrong in wrongs:
        body = {"sponsor_code": "a", "sponsor": "某公司", "amount_fen": 100, "document": "协议"} | wrong
        answer = desk.post("/inclusion/sponsorships", body)
        assert answer.status_code == 422 and next(iter(wrong)) in str(answer.json), answer.json


def test_the_loop_from_an_act_to_the_fund_adds_up(world: World) -> None:
    bundle, listing = world.listed(fen_per_t=8_000)
    alpha, bank = world.as_("alpha"), world.as_("bank")
    bank.post(
        "/cash-deposits",
        {"organisation_id": alpha.actor.organisation_id, "amount_fen": 8_000, "bank_reference": "B9"},
    )
    trade = alpha.post(f"/listings/{listing}/orders", {"quantity_kg": 1_000}).json
    refused = world.as_("operator").post("/inclusion/pool-sales", {"trade": trade["code"]})
    assert refused.status_code == 403
    sale = world.as_("dingxin").post("/inclusion/pool-sales", {"trade": trade["code"]})
    assert sale.status_code == 201, sale.json
    assert (sale.json["gross_fen"], sale.json["fee_fen"], sale.json["fund_fen"]) == (8_000, 80, 7_920)
    again = world.as_("dingxin").post("/inclusion/pool-sales", {"trade": trade["code"]})
    assert again.json["code"] == "revenue.already_distributed"
    ordinary = world.as_("dingxin").post(f"/trades/{trade['code']}/distribution")
    assert ordinary.status_code == 409, ordinary.json
    world.at(NOW)
    roll(world)
    found = world.app.test_client().get("/api/v1/inclusion/loop").json
    assert found["issued_g"] == found["bundled_g"] == bundle["creditable_g"]
    assert found["issued_kg"] == 1_000 and found["given_up_g"] == bundle["creditable_g"] - 1_000_000
    assert (found["sold_kg"], found["sold_fen"], found["fund_fen"]) == (1_000, 8_000, 7_920)
    assert found["earned_g"] > found["creditable_g"] >= found["bundled_g"] > 0
    money = world.as_("dingxin").get("/inclusion/honesty").json["money"]
    assert (money["from_tickets"], money["balance"]) == (7_920, 7_920)
