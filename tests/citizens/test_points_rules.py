"""Rules of points over HTTP on both engines: proposed, simulated, published by another, in force on a day."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from citizen_world import NOW, Citizen
from flask import Flask

from carbon_platform import jobs
from carbon_platform.citizens import corrections, points_rules
from carbon_platform.citizens.explain import explain_act
from carbon_platform.citizens.points_tables import PointsCampaign
from carbon_platform.citizens.tables import Act
from carbon_platform.db import Database
from carbon_platform.identity.rules import Actor
from carbon_platform.web import platform

pytestmark = pytest.mark.usefixtures("verified")

TODAY, TOMORROW = "2026-11-22", "2026-11-23"


def content(**more: Any) -> dict[str, Any]:
    return {"grams_per_point": 16, "person_day_points": 100, **more}


def proposal(valid_from: str = TOMORROW, **more: Any) -> dict[str, Any]:
    return {"valid_from": valid_from, "content": content(**more), "source": "领导小组 2026-11-20 会议"}


def decided(who: Citizen, path: str, decision: str = "publish") -> Any:
    return who.post(f"{path}/decision", {"decision": decision}, **{"Idempotency-Key": f"d-{path}-{decision}"})


@pytest.fixture
def desk(colleague: Callable[..., Citizen]) -> tuple[Citizen, Citizen]:
    """Who proposes, and who publishes."""
    everything = ("points.rule", "points.publish", "inclusion.read")
    return colleague("王敏", *everything), colleague("陈立", *everything)


def publish(desk: tuple[Citizen, Citizen], body: dict[str, Any]) -> str:
    made = desk[0].post("/points/rule-versions", body)
    assert made.status_code == 201, made.json
    path = f"/points/rule-versions/{made.json['version']}"
    assert desk[0].post(f"{path}/simulation", {}).status_code == 200
    done = decided(desk[1], path)
    assert (done.status_code, done.json["state"]) == (200, "published"), done.json
    return str(made.json["version"])


def campaign(desk: tuple[Citizen, Citizen], **more: Any) -> Any:
    body = {
        "code": "double-bus", "name_zh": "绿色出行周", "name_en": "Green travel week",
        "starts_on": TOMORROW, "ends_on": "2026-11-30", "percent": 200, "behaviours": ["XI14b"],
        "budget_points": 15, "source": "鼎信集团出资（演示）", **more,
    }  # fmt: skip
    return desk[0].post("/points/campaigns", body)


def test_a_rule_is_in_force_from_its_day_on_and_acts_keep_theirs(
    xiaoman: Citizen, desk: tuple[Citizen, Citizen], clock: dict[str, datetime], db: Database
) -> None:
    made = desk[0].post("/points/rule-versions", proposal())
    assert (made.status_code, made.json["version"], made.json["state"]) == (201, "points-2026-2", "draft")
    path = "/points/rule-versions/points-2026-2"
    early = decided(desk[1], path)
    assert (early.status_code, early.json["code"]) == (409, "points.simulation_missing")
    assert desk[0].post(f"{path}/simulation", {}).json["simulation"]["month"] == "2026-10"
    own = decided(desk[0], path)
    assert (own.status_code, own.json["code"]) == (403, "points.other_person_needed")
    assert decided(desk[1], path).json["state"] == "published"
    again = desk[1].post(f"{path}/decision", {"decision": "decline"}, **{"Idempotency-Key": "late"})
    assert (again.status_code, again.json["code"]) == (409, "points.rule_closed")
    assert xiaoman.ride("a", f"{TODAY}T09:00:00+08:00").json["points"] == 10
    clock["now"] = NOW + timedelta(days=1)
    assert xiaoman.ride("b", f"{TOMORROW}T09:00:00+08:00").json["points"] == 5
    # a record of yesterday that comes today is ruled by yesterday's rule
    assert xiaoman.ride("c", f"{TODAY}T11:00:00+08:00").json["points"] == 10
    with_versions = db.read(lambda s: s.execute(sa.select(Act.external_id, Act.points_rule)).all())
    assert dict(map(tuple, with_versions)) == {
        "a": "points-2026-1", "b": "points-2026-2", "c": "points-2026-1",
    }  # fmt: skip
    shown = desk[0].app.test_client().get("/api/v1/points/rules").json
    assert [(rule["version"], rule["grams_per_point"]) for rule in shown] == [
        ("points-2026-2", 16), ("points-2026-1", 8),
    ]  # fmt: skip


WRONG: list[tuple[dict[str, Any], str]] = [
    (proposal(TODAY), "points.rule_too_early"),
    (proposal(fixed={"XX99": 5}), "points.rule_invalid"),
    (proposal(caps=[{"scope": "person", "span": "week"}]), "points.rule_invalid"),
    (
        proposal(caps=[{"scope": "person", "span": "week", "points": 5, "codes": ["XI14"]}]),
        "points.rule_invalid",
    ),
    (
        proposal(caps=[{"scope": "category", "span": "day", "points": 5, "codes": ["飞"]}]),
        "points.rule_invalid",
    ),
    (proposal(grams_per_point=0), ""),
    (proposal(grams_per_point=8.5), ""),
    (proposal(caps=[{"scope": "village", "span": "day", "points": 5}]), ""),
    (proposal("2026-13-01"), ""),
    ({**proposal(), "published": True}, ""),
]


def test_a_wrong_rule_is_refused_by_name(desk: tuple[Citizen, Citizen]) -> None:
    for body, code in WRONG:
        refused = desk[0].post("/points/rule-versions", body)
        assert refused.status_code in (409, 422), refused.json
        assert not code or refused.json["code"] == code
    assert desk[0].get("/points/rule-versions").json["total"] == 1


def test_one_day_has_one_rule_and_the_platform_asks_for_permission(
    desk: tuple[Citizen, Citizen],
    colleague: Callable[..., Citizen],
    xiaoman: Citizen,
    clock: dict[str, datetime],
) -> None:
    other = desk[0].post("/points/rule-versions", proposal(grams_per_point=20)).json["version"]
    publish(desk, proposal())
    path = f"/points/rule-versions/{other}"
    desk[0].post(f"{path}/simulation", {})
    taken = decided(desk[1], path)
    assert (taken.status_code, taken.json["code"]) == (409, "points.rule_day_taken")
    assert decided(desk[1], path, "decline").json["state"] == "declined"
    assert desk[1].post("/points/rule-versions", proposal()).json["code"] == "points.rule_day_taken"
    waits = desk[0].post("/points/rule-versions", proposal("2026-11-24")).json["version"]
    desk[0].post(f"/points/rule-versions/{waits}/simulation", {})
    clock["now"] = NOW + timedelta(days=2)
    late = decided(desk[1], f"/points/rule-versions/{waits}")
    assert (late.status_code, late.json["code"]) == (409, "points.rule_too_early")
    reader = colleague("许静", "inclusion.read")
    assert reader.post("/points/rule-versions", proposal("2026-12-01")).status_code == 403
    assert xiaoman.get("/points/rule-versions").status_code == 403
    missing = decided(desk[1], "/points/rule-versions/points-2031-9")
    assert missing.status_code == 404


def test_the_simulation_agrees_with_a_sum_made_another_way(
    xiaoman: Citizen,
    sign_in: Callable[..., Citizen],
    desk: tuple[Citizen, Citizen],
    clock: dict[str, datetime],
) -> None:
    clock["now"] = NOW - timedelta(days=24)  # 29 October
    for day in ("2026-10-27", "2026-10-28"):
        for hour in (7, 12, 18):
            xiaoman.ride(f"{day}-{hour}", f"{day}T{hour:02d}:00:00+08:00")
    other = sign_in("laowang", "老王", "clean-plate")
    other.plate("p-1", "2026-10-28T12:00:00+08:00")
    plate_g = other.get("/citizen/book").json["items"][0]["reduction_g"]
    clock["now"] = NOW
    body = proposal(fixed={"SH03": 30, "SJ39-show": 1}, person_day_points=12)
    version = desk[0].post("/points/rule-versions", body).json["version"]
    found = (
        desk[0].post(f"/points/rule-versions/{version}/simulation", {"month": "2026-10"}).json["simulation"]
    )
    # under the rule of the data file: 3 × 10 on two days; plate_g ÷ 8. Under the new one: 12 a day at most.
    assert (found["persons"], found["sampled"], found["acts"]) == (2, 2, 7)
    assert found["points_before"] == 60 + plate_g // 8
    assert found["points_after"] == 24 + 12
    assert (found["gain"], found["same"], found["lose"]) == ((1, 0, 1) if plate_g // 8 < 12 else (0, 0, 2))
    assert found["most_lost"] == 36
    assert {row["code"]: row["after"] for row in found["behaviours"]} == {"XI14b": 24, "SH03": 12}
    value = found["point_value"]
    assert found["fen_after"] == 36 * value["value_fen"] // value["price_points"]
    # the month that is not over has no result to compare with
    running = desk[0].post(f"/points/rule-versions/{version}/simulation", {"month": "2026-11"})
    assert running.status_code == 422


def test_a_campaign_doubles_until_its_budget_is_spent_and_gets_back_what_is_withdrawn(
    xiaoman: Citizen, desk: tuple[Citizen, Citizen], clock: dict[str, datetime], db: Database
) -> None:
    assert campaign(desk).status_code == 201
    assert campaign(desk).json["code"] == "points.campaign_exists"
    assert campaign(desk, code="early", starts_on=TODAY).json["code"] == "points.campaign_invalid"
    assert campaign(desk, code="backwards", ends_on="2026-11-22").json["code"] == "points.campaign_invalid"
    assert campaign(desk, code="nowhere", sources=["mars"]).json["code"] == "points.campaign_invalid"
    assert decided(desk[0], "/points/campaigns/double-bus").json["code"] == "points.other_person_needed"
    assert decided(desk[1], "/points/campaigns/double-bus").json["state"] == "published"
    clock["now"] = NOW + timedelta(days=1)
    given = [xiaoman.ride(f"r{hour}", f"{TOMORROW}T{hour:02d}:00:00+08:00").json for hour in (6, 7, 8)]
    assert [act["points"] for act in given] == [20, 15, 10]

    def spent() -> int:
        return db.read(lambda session: session.scalars(sa.select(PointsCampaign.spent_points)).one())

    assert spent() == 15
    db.transact(
        lambda session: corrections.reverse_record(
            session, "xinyang-bus", "r6", note="刷卡撤销", now=clock["now"]
        )
    )
    assert spent() == 5
    assert xiaoman.ride("r9", f"{TOMORROW}T09:00:00+08:00").json["points"] == 20
    assert spent() == 15
    act = db.read(lambda session: session.scalars(sa.select(Act).where(Act.external_id == "r7")).one())
    assert (act.bonus_points, act.campaign) == (5, "double-bus")
    citizen = Actor(name="小满", role="citizen", permissions=frozenset(), holder=act.holder)
    told = db.read(lambda session: explain_act(session, citizen, act.id, is_demo=True)).equations[-1]
    assert (told.symbolic, told.numeric) == ("N = min(⌊G* ÷ k⌋ + b, cap)", "⌊80 ÷ 8⌋ + 5 → 15")
    assert {term.symbol: term.value for term in told.terms}["b"] == 5


def test_a_budget_raced_for_is_spent_once(
    sign_in: Callable[..., Citizen], desk: tuple[Citizen, Citizen], clock: dict[str, datetime], db: Database
) -> None:
    campaign(desk, budget_points=25)
    decided(desk[1], "/points/campaigns/double-bus")
    riders = [sign_in(f"rider-{n}", "乘客", "xinyang-bus") for n in range(4)]
    clock["now"] = NOW + timedelta(days=1)
    answers: list[Any] = []
    start = threading.Barrier(len(riders))

    def ride(number: int) -> None:
        start.wait()
        answers.append(riders[number].ride(f"race-{number}", f"{TOMORROW}T08:00:00+08:00"))

    threads = [threading.Thread(target=ride, args=(number,)) for number in range(len(riders))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.json["points"] for answer in answers) == [10, 15, 20, 20]
    bonus = db.read(lambda session: session.scalar(sa.select(sa.func.sum(Act.bonus_points))))
    assert (
        bonus == db.read(lambda session: session.scalars(sa.select(PointsCampaign.spent_points)).one()) == 25
    )


def test_points_with_a_claim_window_wait_are_fetched_once_and_lapse(
    app: Flask, xiaoman: Citizen, desk: tuple[Citizen, Citizen], clock: dict[str, datetime], db: Database
) -> None:
    publish(desk, proposal(grams_per_point=8, claim_days=3))
    clock["now"] = NOW + timedelta(days=1)
    xiaoman.ride("a", f"{TOMORROW}T08:00:00+08:00")
    xiaoman.ride("b", f"{TOMORROW}T11:00:00+08:00")
    activate, lapse = (
        next(job for job in jobs.JOBS if job.name == f"citizens.{name}")
        for name in ("activate_points", "lapse_points")
    )
    assert xiaoman.get("/citizen/points/claims").json == {
        "points": 0, "acts": 0, "claim_by": None, "under_review": False, "note_zh": "", "note_en": "",
    }  # fmt: skip
    clock["now"] = datetime.fromisoformat("2026-11-25T09:00:00+08:00")  # a has left observation, b has not
    assert jobs.run_once(activate, platform(app)) == "ok"
    assert xiaoman.get("/citizen/points").json["available"] == 0
    waiting = xiaoman.get("/citizen/points/claims").json
    assert (waiting["points"], waiting["claim_by"]) == (10, "2026-11-28T00:05:00+00:00")
    fetched = xiaoman.post("/citizen/points/claims", {})
    assert fetched.json == {"points": 10, "acts": 1, "more": False, "available": 10}
    assert xiaoman.post("/citizen/points/claims", {}).json["points"] == 0
    clock["now"] = datetime.fromisoformat("2026-11-28T11:04:00+08:00")
    assert jobs.run_once(lapse, platform(app)) == "ok"
    assert xiaoman.get("/citizen/points/claims").json["points"] == 10
    clock["now"] += timedelta(hours=1)
    assert jobs.run_once(lapse, platform(app)) == "ok"
    found = xiaoman.get("/citizen/points").json
    assert (found["available"], found["pending"], found["expired"]) == (10, 0, 10)
    assert xiaoman.post("/citizen/points/claims", {}).json["points"] == 0
    # also what lapsed is taken back with its act: nothing is owed for it, and what waits beside it stays
    xiaoman.ride("c", "2026-11-28T09:00:00+08:00")
    db.transact(
        lambda session: corrections.reverse_record(session, "xinyang-bus", "b", note="撤销", now=clock["now"])
    )
    found = xiaoman.get("/citizen/points").json
    assert (found["available"], found["expired"], found["owed"], found["pending"]) == (10, 0, 0, 10)


def test_before_the_first_rule_the_first_one_holds(db: Database) -> None:
    assert (
        db.read(lambda session: points_rules.rules_in_force(session, "2019-01-01")).version == "points-2026-1"
    )
