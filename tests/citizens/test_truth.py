"""What keeps the books true, on both engines: appeals, audits, reversals after spending, shared devices."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from citizen_world import NOW, Citizen
from flask import Flask

from carbon_platform import jobs
from carbon_platform.citizens import audits, corrections, devices, points_rules, scenes
from carbon_platform.citizens.errors import AlreadyWithdrawn
from carbon_platform.citizens.tables import Act, PointsCorrection
from carbon_platform.citizens.truth_tables import AccountLink, AccountReview, SourceAudit
from carbon_platform.db import Database
from carbon_platform.identity.rules import SYSTEM
from carbon_platform.web import platform

pytestmark = pytest.mark.usefixtures("verified")

STAFF = ("appeal.decide", "points.correct", "inclusion.read")


def decide_appeal(who: Citizen, number: int, decision: str, answer: str = "核对了公交公司的记录") -> Any:
    path = f"/appeals/{number}/decision"
    body = {"decision": decision, "answer": answer}
    return who.post(path, body, **{"Idempotency-Key": f"{path}-{decision}-{who.headers}"})


def totals(citizen: Citizen) -> int:
    return int(citizen.get("/citizen/book").json["totals"]["all_g"])


# Appeals


def test_an_accepted_appeal_is_counted_like_any_act_and_history_stays(
    xiaoman: Citizen, sign_in: Callable[..., Citizen], colleague: Callable[..., Citizen]
) -> None:
    desk = colleague("王敏", *STAFF)
    xiaoman.ride("first")
    refused = xiaoman.ride("second", "2026-11-22T09:02:00+08:00").json
    assert (refused["status"], refused["reason_code"]) == ("not_counted", "overlap")
    before = totals(xiaoman)
    body = {"act_id": refused["id"], "words": "我带孩子一起，刷了两张卡"}
    stranger = sign_in("laowang", "老王", "xinyang-bus")
    assert stranger.post("/citizen/appeals", body).status_code == 404
    raised = xiaoman.post("/citizen/appeals", body)
    assert (raised.status_code, raised.json["state"]) == (201, "open"), raised.json
    number = raised.json["id"]
    assert xiaoman.post("/citizen/appeals", body).json["code"] == "appeal.open"
    assert stranger.get(f"/citizen/appeals/{number}").status_code == 404
    assert xiaoman.get(f"/citizen/appeals/{number}").json == raised.json
    counted = xiaoman.get("/citizen/book").json["items"]
    pointless = {
        "act_id": next(act["id"] for act in counted if act["status"] == "counted"),
        "words": "想再加点",
    }
    assert xiaoman.post("/citizen/appeals", pointless).json["code"] == "appeal.pointless"

    elsewhere = colleague("外县", *STAFF, region="411522")
    assert elsewhere.get("/appeals").json["total"] == 0
    assert decide_appeal(elsewhere, number, "accept").status_code == 404
    case = desk.get("/appeals").json["items"][0]
    assert (case["act"]["behaviour"], case["reason_code"]) == ("XI14b", "overlap")
    assert "nickname" not in str(case) and "holder" not in str(case)
    done = decide_appeal(desk, number, "accept").json
    assert (done["state"], done["answer"]) == ("accepted", "核对了公交公司的记录")
    assert totals(xiaoman) == before + 80
    new = xiaoman.get(f"/acts/{done['counted_act_id']}").json
    assert (new["status"], new["reduction_g"], new["points"]) == ("counted", 80, 10)
    old = xiaoman.get(f"/acts/{refused['id']}").json
    assert (old["status"], old["reduction_g"]) == ("not_counted", 0)
    assert decide_appeal(desk, number, "decline").json["code"] == "appeal.closed"
    assert xiaoman.post("/citizen/appeals", body).json["code"] == "appeal.closed"
    assert totals(xiaoman) == before + 80


def test_caps_hold_for_an_appeal_and_a_declined_one_is_explained(
    xiaoman: Citizen, colleague: Callable[..., Citizen], clock: dict[str, datetime]
) -> None:
    desk = colleague("王敏", *STAFF)
    acts = [xiaoman.plate(f"p{hour}", f"2026-11-22T{hour:02d}:30:00+08:00").json for hour in range(5, 12)]
    full = next(act for act in acts if act["status"] == "not_counted")
    assert full["reason_code"].startswith("cap")
    number = xiaoman.post("/citizen/appeals", {"act_id": full["id"], "words": "我吃了七顿"}).json["id"]
    before = totals(xiaoman)
    stuck = decide_appeal(desk, number, "accept")
    assert (stuck.status_code, stuck.json["code"]) == (409, "appeal.cannot_count")
    assert full["reason_zh"] in stuck.json["detail"]
    assert totals(xiaoman) == before
    declined = decide_appeal(desk, number, "decline", "每天的上限对每个人一样").json
    assert declined["state"] == "declined"
    mine = xiaoman.get("/citizen/appeals").json
    assert [(row["state"], row["answer"]) for row in mine] == [("declined", "每天的上限对每个人一样")]
    clock["now"] = NOW + timedelta(days=6)
    assert xiaoman.post("/citizen/appeals", {"act_id": full["id"], "words": "再看看"}).json["code"] == (
        "appeal.closed"
    )


def test_a_withdrawal_can_be_contested_too(
    xiaoman: Citizen, colleague: Callable[..., Citizen], db: Database
) -> None:
    act = xiaoman.ride("r").json
    db.transact(lambda s: corrections.reverse_record(s, "xinyang-bus", "r", note="刷卡撤销", now=NOW))
    assert totals(xiaoman) == 0
    number = xiaoman.post("/citizen/appeals", {"act_id": act["id"], "words": "我确实坐了"}).json["id"]
    assert decide_appeal(colleague("王敏", *STAFF), number, "accept").json["state"] == "accepted"
    assert totals(xiaoman) == 80
    # the partner sends the reversal again: nothing more happens
    with pytest.raises(AlreadyWithdrawn):
        db.transact(lambda s: corrections.reverse_record(s, "xinyang-bus", "r", note="再撤", now=NOW))
    assert totals(xiaoman) == 80


def test_who_took_an_act_out_does_not_decide_on_the_appeal(
    xiaoman: Citizen, colleague: Callable[..., Citizen]
) -> None:
    act = xiaoman.ride("r").json
    one, two, three = (colleague(name, *STAFF) for name in ("王敏", "陈立", "许静"))
    wish = {"kind": "withdraw_act", "number": act["id"], "note": "查无此刷卡"}
    correction = one.post("/points/corrections", wish).json["id"]
    path = f"/points/corrections/{correction}/decision"
    assert two.post(path, {"decision": "approve"}, **{"Idempotency-Key": "ok"}).json["status"] == "done"
    number = xiaoman.post("/citizen/appeals", {"act_id": act["id"], "words": "我有票根"}).json["id"]
    for who in (one, two):
        assert decide_appeal(who, number, "accept").json["code"] == "appeal.other_person_needed"
    assert decide_appeal(three, number, "accept").json["state"] == "accepted"
    assert totals(xiaoman) == 80


# Reversal


def test_a_source_takes_back_what_was_spent_and_later_points_pay_for_it(
    xiaoman: Citizen, db: Database
) -> None:
    for day in range(14, 20):
        xiaoman.rides(f"2026-11-{day}", 1)
    soap = xiaoman.post("/citizen/redemptions", {"reward": "camellia-soap"}, **{"Idempotency-Key": "soap"})
    assert soap.status_code == 201, soap.json

    def take_back(record: str) -> Act | None:
        return db.transact(
            lambda s: corrections.reverse_record(s, "xinyang-bus", record, note="刷卡撤销", now=NOW)
        )

    assert take_back("2026-11-16-0") is not None
    assert take_back("never-seen") is None
    found = xiaoman.get("/citizen/points").json
    assert (found["available"], found["owed"]) == (0, 10)
    # a plate is confirmed at the till: its points pay at once, and the next one fills the purse again
    first = xiaoman.plate("pay", "2026-11-22T07:30:00+08:00").json["points"]
    found = xiaoman.get("/citizen/points").json
    assert (found["available"], found["owed"]) == (max(0, first - 10), max(0, 10 - first))
    assert totals(xiaoman) == 5 * 80 + xiaoman.get("/citizen/book").json["items"][0]["reduction_g"]


# Audits


def test_the_draw_follows_from_the_seed_alone() -> None:
    records = [(number, f"ride-{number}") for number in range(1, 2_001)]
    size = audits.size_of(len(records), percent=1, least=20, most=400)
    assert size == 20
    drawn = audits.draw(records, seed="s", source="bus", count=size)
    ranked = sorted(records, key=lambda row: hashlib.sha256(f"s:bus:{row[1]}".encode()).hexdigest())
    assert drawn == [number for number, _ in ranked[:size]]
    assert audits.draw(list(reversed(records)), seed="s", source="bus", count=size) == drawn
    assert audits.draw(records, seed="t", source="bus", count=size) != drawn
    sizes = [audits.size_of(n, percent=1, least=20, most=400) for n in (1, 19, 2_001, 50_000, 10**7)]
    assert sizes == [1, 19, 21, 400, 400]
    # five of a hundred is the limit itself, one more is above
    assert not audits.too_many(5, 100, 5)
    assert audits.too_many(6, 100, 5) and audits.too_many(2, 39, 5) and not audits.too_many(2, 40, 5)


def test_an_audit_with_too_many_errors_stops_the_scene_and_proposes_the_wrong_acts(
    app: Flask,
    xiaoman: Citizen,
    colleague: Callable[..., Citizen],
    clock: dict[str, datetime],
    db: Database,
) -> None:
    clock["now"] = NOW - timedelta(days=24)
    for day in (26, 27, 28):
        xiaoman.rides(f"2026-10-{day}", 2)
    clock["now"] = NOW - timedelta(days=18)
    desk = colleague("王敏", *STAFF)
    job = next(job for job in jobs.JOBS if job.name == "citizens.audits")
    assert jobs.run_once(job, platform(app)) == "ok"
    (listed,) = desk.get("/audits").json["items"]
    assert (listed["source"], listed["month"], listed["population"], listed["drawn"]) == (
        "xinyang-bus", "2026-10", 6, 6,
    )  # fmt: skip
    path = f"/audits/{listed['id']}"
    again = desk.post("/audits", {"source": "xinyang-bus", "month": "2026-10", "seed": "mine"}).json
    assert (again["id"], again["seed"]) == (listed["id"], listed["seed"])
    assert (
        desk.post("/audits", {"source": "xinyang-bus", "month": "2026-11"}).json["code"] == "audit.month_open"
    )
    assert desk.post("/audits", {"source": "clean-plate", "month": "2026-10"}).json["code"] == "audit.empty"
    assert desk.post("/audits", {"source": "mars", "month": "2026-10"}).status_code == 404
    early = desk.post(f"{path}/conclusion", {}, **{"Idempotency-Key": "early"})
    assert early.json["code"] == "audit.unfinished"
    items = again["items"]
    assert [row["number"] for row in items] == [1, 2, 3, 4, 5, 6]
    assert "holder" not in str(items) and "nickname" not in str(items)
    for row in items:
        verdict = "wrong" if row["number"] == 1 else "right"
        answer = desk.post(f"{path}/items/{row['number']}", {"verdict": verdict, "note": "查无此刷卡"})
        assert answer.status_code == 200, answer.json
    assert desk.post(f"{path}/items/9", {"verdict": "right"}).status_code == 404
    done = desk.post(f"{path}/conclusion", {}, **{"Idempotency-Key": "done"}).json
    assert (done["errors"], done["drawn"], done["suspended"], done["state"]) == (1, 6, True, "concluded")
    assert desk.post(f"{path}/items/1", {"verdict": "right"}).json["code"] == "audit.closed"
    published = app.test_client().get("/api/v1/audits/rates").json
    assert [(row["source"], row["errors"], row["drawn"]) for row in published] == [("xinyang-bus", 1, 6)]
    # the scene takes nothing in; the wrong act waits for a second person
    refused = xiaoman.ride("today", "2026-11-03T09:00:00+08:00")
    assert (refused.status_code, refused.json["code"]) == (409, "act.scene_not_open")
    wish = db.read(lambda s: s.scalars(sa.select(PointsCorrection)).one())
    assert (wish.kind, wish.number, wish.status) == ("withdraw_act", items[0]["act_id"], "proposed")
    second = colleague("陈立", *STAFF)
    second.post(
        f"/points/corrections/{wish.id}/decision", {"decision": "approve"}, **{"Idempotency-Key": "ok"}
    )
    assert xiaoman.get(f"/acts/{wish.number}").json["withdrawn_at"] is not None


def test_an_audit_within_the_limit_stops_nothing(
    xiaoman: Citizen, clock: dict[str, datetime], db: Database
) -> None:
    clock["now"] = NOW - timedelta(days=24)
    for day in range(9, 29):
        xiaoman.rides(f"2026-10-{day:02d}", 1)

    def work(session: Any) -> SourceAudit:
        drawn = audits.draw_month(session, source="xinyang-bus", month="2026-10", now=NOW)
        assert drawn is not None
        row = audits.open_audit(session, SYSTEM, drawn, now=NOW)
        for item in session.scalars(audits.items_of(row.id)):
            verdict = "unproven" if item.number == 1 else "right"
            audits.check_item(session, SYSTEM, row.id, item.number, verdict=verdict, note="", now=NOW)
        return audits.conclude(session, SYSTEM, row.id, now=NOW)

    done = db.transact(work)
    assert (done.drawn, done.errors, done.suspended) == (20, 1, False)
    assert db.read(lambda s: scenes.get_source(s, "xinyang-bus").state) == "active"


# Shared devices


def test_ten_accounts_on_one_device_wait_for_a_person_and_lose_nothing(
    app: Flask, sign_in: Callable[..., Citizen], colleague: Callable[..., Citizen], db: Database,
    clock: dict[str, datetime],
) -> None:  # fmt: skip
    people = [sign_in(f"phone-{n}", "市民", "xinyang-bus", "clean-plate") for n in range(10)]
    mark = devices.fingerprint(platform(app).settings.secret, "device", "one-phone-of-a-kind")

    def sign_in_on_it(number: int) -> bool:
        body = {"code": f"phone-{number}", "device": "one-phone-of-a-kind"}
        answer = app.test_client().post("/api/v1/citizen/sessions", json=body)
        assert answer.status_code == 201, answer.json
        return db.read(lambda s: devices.find_open(s, "device", mark)) is not None

    # each signs in twice: an account counts once
    opened = [(sign_in_on_it(number), sign_in_on_it(number))[1] for number in range(10)]
    # three may share a phone, the fourth asks for a look
    assert opened == [False] * 3 + [True] * 7
    for number, person in enumerate(people):
        assert person.plate(f"plate-{number}").json["status"] == "counted"
        assert person.ride(f"ride-{number}", "2026-11-19T08:00:00+08:00").json["status"] == "counted"
    earned = people[0].get("/citizen/points").json["pending"]
    assert earned > 10 and all(
        (row["available"], row["pending"]) == (0, earned)
        for row in (person.get("/citizen/points").json for person in people)
    )
    activate = next(job for job in jobs.JOBS if job.name == "citizens.activate_points")
    jobs.run_once(activate, platform(app))
    assert people[5].get("/citizen/points").json["available"] == 0
    desk = colleague("王敏", *STAFF)
    (review,) = desk.get("/account-reviews").json["items"]
    assert (review["kind"], review["accounts"], review["state"]) == ("device", 10, "open")
    assert mark not in str(review)
    path = f"/account-reviews/{review['id']}/decision"
    for decision, state in (("confirm", "confirmed"), ("clear", "cleared")):
        body = {"decision": decision, "note": "社区图书馆的公用手机"}
        assert desk.post(path, body, **{"Idempotency-Key": decision}).json["state"] == state
    clock["now"] = NOW + timedelta(minutes=20)
    jobs.run_once(activate, platform(app))
    assert people[5].get("/citizen/points").json["available"] == earned
    closed = desk.post(path, {"decision": "clear", "note": "再来"}, **{"Idempotency-Key": "again"})
    assert closed.json["code"] == "review.closed"
    # ten were cleared: the eleventh asks again
    eleventh = db.transact(
        lambda s: devices.note(s, kind="device", fingerprint=mark, holder="x" * 8, now=NOW)
    )
    assert eleventh is not None and eleventh.accounts == 11


def test_links_are_forgotten_and_payment_accounts_have_their_own_limit(db: Database) -> None:
    mark = devices.fingerprint("secret", "payment", "alipay-1")
    for number in range(5):
        found = db.transact(
            lambda s, n=number: devices.note(s, kind="payment", fingerprint=mark, holder=f"h{n}", now=NOW)
        )
        assert found is None
    later = NOW + timedelta(days=181)
    assert db.transact(lambda s: devices.forget(s, now=later)) == 5
    assert db.read(lambda s: s.scalar(sa.select(sa.func.count()).select_from(AccountLink))) == 0
    for number in range(6):
        found = db.transact(
            lambda s, n=number: devices.note(s, kind="payment", fingerprint=mark, holder=f"h{n}", now=NOW)
        )
    assert found is not None
    assert db.transact(lambda s: devices.forget(s, now=later)) == 0
    assert db.read(lambda s: s.scalars(sa.select(AccountReview.accounts)).all()) == [6]


def test_the_seed_file_s_rule_is_loaded_once(db: Database) -> None:
    assert db.transact(points_rules.load_rules) == 1
