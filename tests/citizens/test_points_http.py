"""Points over HTTP on both engines: what citizens read, refusals that are kept, corrections by two people."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from citizen_world import NOW, Citizen
from flask import Flask

from carbon_platform import jobs
from carbon_platform.citizens.explain import explain_act
from carbon_platform.citizens.tables import Act, RedemptionRefusal, Reward
from carbon_platform.db import Database
from carbon_platform.identity.rules import Actor
from carbon_platform.identity.tables import AuditRecord
from carbon_platform.web import platform

pytestmark = pytest.mark.usefixtures("verified")

SOAP = {"reward": "camellia-soap"}  # 60 points, at most 5 a month


def redeem(citizen: Citizen, key: str, body: dict[str, Any] = SOAP) -> Any:
    return citizen.post("/citizen/redemptions", body, **{"Idempotency-Key": key})


def purse(citizen: Citizen) -> dict[str, Any]:
    found: dict[str, Any] = citizen.get("/citizen/points").json
    return found


def signed_in_again(citizen: Citizen) -> Citizen:
    """The same person with a session that has not run out."""
    answer = citizen.app.test_client().post("/api/v1/citizen/sessions", json={"code": "xiaoman"})
    return Citizen(citizen.app, {"Authorization": f"Bearer {answer.json['token']}"})


@pytest.fixture
def staff(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Citizen]:
    """``staff("王敏")``: a colleague of the operator, without the sign-in that has its own tests."""
    known: dict[str, Actor] = {}
    house = platform(app)
    usual = house.hooks.authenticate

    def authenticate(session: Any, token: str, now: datetime) -> Any:
        return known.get(token) or usual(session, token, now)

    monkeypatch.setitem(
        app.extensions,
        "carbon",
        type(house)(
            settings=house.settings,
            db=house.db,
            clock=house.clock,
            hooks=type(house.hooks)(authenticate=authenticate, csrf_token=house.hooks.csrf_token),
        ),
    )

    def make(name: str, region: str = "4115") -> Citizen:
        token = f"{len(known)}-staff-{'x' * 40}"
        permissions = frozenset({"points.correct"})
        known[token] = Actor(
            name=name, role="operator", permissions=permissions, region_code=region, user_id=len(known) + 1
        )
        return Citizen(app, {"Authorization": f"Bearer {token}"})

    return make


def decide(colleague: Citizen, number: int, decision: str = "approve", key: str = "decide") -> Any:
    path = f"/points/corrections/{number}/decision"
    return colleague.post(path, {"decision": decision}, **{"Idempotency-Key": f"{key}-{number}"})


def test_today_s_ride_waits_and_becomes_active_by_the_job(
    app: Flask, xiaoman: Citizen, clock: dict[str, datetime]
) -> None:
    xiaoman.ride(at="2026-11-18T09:00:00+08:00")
    xiaoman.ride("today")
    found = purse(xiaoman)
    assert (found["available"], found["pending"], found["owed"], found["expired"]) == (10, 10, 0, 0)
    assert found["pending_until"] == "2026-11-24T01:05:00+00:00"
    assert found["expiring_next"] == {"amount": 10, "day": "2027-12-31", "days_left": 404, "soon": False}
    assert found["lots"] == [
        {"expires_on": "2027-12-31", "amount": 10, "state": "active"},
        {"expires_on": "2027-12-31", "amount": 10, "state": "pending"},
    ]
    # the job that runs is the one of the schedule
    job = next(job for job in jobs.JOBS if job.name == "citizens.activate_points")
    assert jobs.run_once(job, platform(app)) == "ok"
    assert purse(xiaoman)["available"] == 10
    clock["now"] = NOW + timedelta(days=2)
    assert jobs.run_once(job, platform(app)) == "ok"
    assert jobs.run_once(job, platform(app)) == "taken"
    found = purse(xiaoman)
    assert (found["available"], found["pending"], found["pending_until"]) == (20, 0, None)
    assert [(line["amount"], line["pending"], line["expires_on"]) for line in found["items"]] == [
        (10, True, "2027-12-31"),
        (10, True, "2027-12-31"),
    ]
    clock["now"] = datetime.fromisoformat("2028-01-01T00:06:00+08:00")
    expiry = next(job for job in jobs.JOBS if job.name == "citizens.expire_points")
    assert jobs.run_once(expiry, platform(app)) == "ok"


def test_a_lapsed_lot_is_on_the_statement(app: Flask, xiaoman: Citizen, clock: dict[str, datetime]) -> None:
    xiaoman.ride(at="2026-11-18T09:00:00+08:00")
    clock["now"] = datetime.fromisoformat("2027-12-31T23:59:00+08:00")
    again = signed_in_again(xiaoman)
    assert purse(again)["expiring_next"] == {
        "amount": 10, "day": "2027-12-31", "days_left": 0, "soon": True,
    }  # fmt: skip
    clock["now"] += timedelta(minutes=2)
    assert (purse(again)["available"], purse(again)["expired"]) == (0, 10)
    expiry = next(job for job in jobs.JOBS if job.name == "citizens.expire_points")
    assert jobs.run_once(expiry, platform(app)) == "ok"
    found = purse(again)
    assert (found["available"], found["expired"]) == (0, 10)
    assert (found["items"][0]["words_zh"], found["items"][0]["amount"]) == ("到期作废", -10)


def test_refused_exchanges_are_kept_at_zero_with_the_reason(xiaoman: Citizen, db: Database) -> None:
    xiaoman.rides("2026-11-19", 6)
    assert redeem(xiaoman, "k1", {"reward": "bus-2"}).status_code == 409
    db.transact(lambda s: s.execute(sa.update(Reward).values(stock=0)))
    assert redeem(xiaoman, "k2").status_code == 409
    db.transact(lambda s: s.execute(sa.update(Reward).values(stock=9, person_month_limit=0)))
    limited = redeem(xiaoman, "k3")
    assert (limited.status_code, limited.json["code"]) == (409, "reward.limit_reached")
    kept = xiaoman.get("/citizen/refusals").json
    assert [(row["reason_code"], row["points"], row["price_points"]) for row in kept] == [
        ("reward.limit_reached", 0, 60),
        ("reward.out_of_stock", 0, 60),
        ("reward.not_enough_points", 0, 100),
    ]
    assert "还差 40 分" in kept[2]["reason_zh"]
    assert purse(xiaoman)["available"] == 60
    # the same order sent again and refused again is the same refusal
    assert redeem(xiaoman, "k3").status_code == 409
    assert len(xiaoman.get("/citizen/refusals").json) == 3
    # an unknown reward is no attempt at anything, and a refused key can still be used
    assert redeem(xiaoman, "k4", {"reward": "yacht"}).status_code == 404
    db.transact(lambda s: s.execute(sa.update(Reward).values(person_month_limit=None)))
    assert redeem(xiaoman, "k3").status_code == 201
    assert len(xiaoman.get("/citizen/refusals").json) == 3
    actions = db.read(lambda s: list(s.scalars(sa.select(AuditRecord.action))))
    assert actions.count("reward.refuse") == 3


def test_the_database_keeps_no_refusal_that_cost_something(xiaoman: Citizen, db: Database) -> None:
    redeem(xiaoman, "k1")
    with pytest.raises(sa.exc.IntegrityError):
        db.transact(lambda s: s.execute(sa.update(RedemptionRefusal).values(points=1)))


def test_the_limit_is_per_calendar_month_and_refunds_do_not_count(
    xiaoman: Citizen, staff: Callable[[str], Citizen], db: Database, clock: dict[str, datetime]
) -> None:
    db.transact(lambda s: s.execute(sa.update(Reward).values(price_points=10, person_month_limit=2)))
    xiaoman.rides("2026-11-19", 6)
    first = redeem(xiaoman, "a")
    assert [redeem(xiaoman, key).status_code for key in "bc"] == [201, 409]
    one, two = staff("王敏"), staff("李强")
    proposal = one.post(
        "/points/corrections", {"kind": "refund", "number": first.json["id"], "note": "店家没货"}
    )
    assert decide(two, proposal.json["id"]).status_code == 200
    assert [redeem(xiaoman, key).status_code for key in "de"] == [201, 409]
    clock["now"] = datetime.fromisoformat("2026-11-30T23:59:59+08:00")
    xiaoman = signed_in_again(xiaoman)
    assert redeem(xiaoman, "f").status_code == 409
    clock["now"] = datetime.fromisoformat("2026-12-01T00:00:00+08:00")
    assert redeem(xiaoman, "g").status_code == 201


def test_a_refund_takes_two_people_and_happens_once(
    xiaoman: Citizen, staff: Callable[[str], Citizen], db: Database
) -> None:
    xiaoman.rides("2026-11-19", 6)
    voucher = redeem(xiaoman, "k").json
    one, two = staff("王敏"), staff("王敏")  # of one name, and two people
    wish = {"kind": "refund", "number": voucher["id"], "note": "店家关门了"}
    proposal = one.post("/points/corrections", wish)
    assert (proposal.status_code, proposal.json["status"]) == (201, "proposed")
    number = proposal.json["id"]
    again = two.post("/points/corrections", wish)
    assert (again.status_code, again.json["code"]) == (409, "points.correction_open")
    own = decide(one, number)
    assert (own.status_code, own.json["code"]) == (403, "points.second_person_needed")
    assert purse(xiaoman)["available"] == 0
    done = decide(two, number)
    assert (done.status_code, done.json["status"]) == (200, "done")
    replay = decide(two, number)
    assert (replay.status_code, replay.headers["Idempotency-Replayed"]) == (200, "true")
    late = decide(two, number, key="another")
    assert (late.status_code, late.json["code"]) == (409, "points.correction_closed")
    gone = one.post("/points/corrections", wish)
    assert (gone.status_code, gone.json["code"]) == (409, "redemption.already_refunded")
    found = purse(xiaoman)
    assert found["available"] == 60
    assert (found["items"][0]["words_zh"], found["items"][0]["amount"]) == ("退回 山茶油手工皂 1 块", 60)
    mine = xiaoman.get("/citizen/redemptions").json[0]
    assert (mine["status"], mine["status_zh"]) == ("refunded", "已退回积分")
    assert mine["refunded_at"] == "2026-11-22T04:00:00+00:00"
    assert db.read(lambda s: s.get_one(Reward, "camellia-soap").stock) == 1000
    listed = one.get("/points/corrections").json
    assert [(row["kind"], row["number"], row["status"]) for row in listed["items"]] == [
        ("refund", voucher["id"], "done")
    ]
    assert "person-" not in str(listed)


def test_a_withdrawn_act_tells_the_citizen_why(
    xiaoman: Citizen, staff: Callable[[str], Citizen], db: Database
) -> None:
    act = xiaoman.ride().json
    one, two = staff("王敏"), staff("李强")
    wish = {"kind": "withdraw_act", "number": act["id"], "note": "公交公司退票"}
    declined = one.post("/points/corrections", wish).json["id"]
    assert decide(two, declined, "decline").json["status"] == "declined"
    assert purse(xiaoman)["pending"] == 10
    number = one.post("/points/corrections", wish).json["id"]
    assert decide(two, number).status_code == 200
    shown = xiaoman.get(f"/acts/{act['id']}").json
    assert (shown["status"], shown["status_zh"], shown["points"], shown["reduction_g"]) == (
        "withdrawn", "已撤回", 0, 0,
    )  # fmt: skip
    assert "公交公司退票" in shown["reason_zh"]
    assert "12345" in shown["appeal_zh"]
    found = purse(xiaoman)
    assert (found["pending"], found["available"]) == (0, 0)
    assert [line["words_zh"] for line in found["items"]] == [
        "撤回 公交出行（刷卡一次）", "公交出行（刷卡一次）",
    ]  # fmt: skip
    # the record sent again does not come back to life
    resent = xiaoman.ride()
    assert (resent.status_code, resent.json["message_zh"]) == (200, "这一条已经撤回，没有重新计。")
    assert purse(xiaoman)["pending"] == 0
    assert one.post("/points/corrections", wish).json["code"] == "act.already_withdrawn"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"kind": "refund", "number": 999, "note": "没有"}, 404),
        ({"kind": "withdraw_act", "number": 2**53, "note": "没有"}, 404),
        ({"kind": "refund", "number": 0, "note": "没有"}, 422),
        ({"kind": "refund", "number": 2**63, "note": "没有"}, 422),
        ({"kind": "refund", "number": 1.5, "note": "没有"}, 422),
        ({"kind": "refund", "number": "1", "note": "没有"}, 422),
        ({"kind": "burn", "number": 1, "note": "没有"}, 422),
        ({"kind": "refund", "number": 1, "note": "   "}, 422),
        ({"kind": "refund", "number": 1, "note": "长" * 201}, 422),
    ],
)
def test_wrong_wishes_are_refused(staff: Callable[[str], Citizen], body: dict[str, Any], status: int) -> None:
    answer = staff("王敏").post("/points/corrections", body)
    assert answer.status_code == status, answer.json
    assert answer.json["code"]


def test_what_belongs_to_another_county_is_not_there(
    xiaoman: Citizen, staff: Callable[..., Citizen], db: Database
) -> None:
    for number in range(6):
        xiaoman.ride(f"early-{number}", at=f"2026-11-{10 + number}T09:00:00+08:00")
    act = xiaoman.ride().json["id"]
    voucher = redeem(xiaoman, "soap").json["id"]
    county = db.read(lambda s: s.get_one(Act, act).region_code)
    here, second, elsewhere = staff("王敏", county), staff("李强", county), staff("赵远", "411528")
    assert not county.startswith("411528")
    for wish in ({"kind": "withdraw_act", "number": act}, {"kind": "refund", "number": voucher}):
        body = {**wish, "note": "店家没货"}
        refused = elsewhere.post("/points/corrections", body)
        assert (refused.status_code, refused.json["code"]) == (404, "platform.not_found")
        number = here.post("/points/corrections", body).json["id"]
        assert elsewhere.get("/points/corrections").json["total"] == 0
        assert number in [row["id"] for row in here.get("/points/corrections").json["items"]]
        assert decide(elsewhere, number, key="far").status_code == 404
        assert decide(second, number).status_code == 200
    assert staff("钱", "").get("/points/corrections").json["total"] == 0


def test_citizens_correct_nothing(xiaoman: Citizen) -> None:
    answer = xiaoman.post("/points/corrections", {"kind": "refund", "number": 1, "note": "我要"})
    assert answer.status_code == 403


def test_the_explanation_says_when_the_points_start_and_end_and_by_which_rule(
    xiaoman: Citizen, staff: Callable[[str], Citizen], db: Database
) -> None:
    number = xiaoman.ride().json["id"]
    holder = db.read(lambda s: s.get_one(Act, number).holder)
    actor = Actor(name="", role="citizen", permissions=frozenset(), holder=holder)
    found = db.read(lambda s: explain_act(s, actor, number, is_demo=True))
    terms = {term.symbol: term for term in found.equations[-1].terms}
    assert (terms["d"].value, terms["d"].unit, terms["d"].status) == (2, "d", "secondary")
    assert "绿动全城" in terms["d"].source
    assert terms["from"].value == "2026-11-24T09:05+08:00"
    assert (terms["L"].value, terms["L"].status) == ("2027-12-31", "local-decision")
    one, two = staff("王敏"), staff("李强")
    wish = {"kind": "withdraw_act", "number": number, "note": "公交公司退票"}
    decide(two, one.post("/points/corrections", wish).json["id"])
    found = db.read(lambda s: explain_act(s, actor, number, is_demo=True))
    assert (found.figure.value, found.figure.status) == (0, "returned")
    assert "被来源撤回" in found.sentence_zh
    assert "公交公司退票" in found.sentence_zh
