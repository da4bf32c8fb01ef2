"""What was sent and not taken in: its person reads it, contests it, and it counts once; both engines."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from citizen_world import NOW, Citizen

from carbon_platform import jobs
from carbon_platform.citizens import accounts, bindings, catalogue, consents, inbox, refusals
from carbon_platform.citizens.errors import RowInvalid
from carbon_platform.citizens.inbox_tables import ActRecord, ActRefusal
from carbon_platform.citizens.truth_chores import forget_refusals
from carbon_platform.db import Database
from carbon_platform.identity.rules import Actor
from carbon_platform.identity.service import list_consents
from carbon_platform.identity.tables import Person

pytestmark = pytest.mark.usefixtures("verified")

RIDE_G = 80
Row = dict[str, Any]


def actor_of(db: Database, nickname: str) -> Actor:
    def work(session: Any) -> Actor:
        person = session.scalars(sa.select(Person).where(Person.nickname == nickname)).one()
        return Actor(
            name=nickname, role="citizen", permissions=frozenset({"citizen.self"}), region_code="411502",
            person_id=person.id, holder=person.holder,
        )  # fmt: skip

    return db.read(work)


def bind(db: Database, nickname: str, subject: str, source: str = "xinyang-bus") -> None:
    actor = actor_of(db, nickname)

    def work(session: Any) -> None:
        code, _ = bindings.issue_code(session, source, subject, now=NOW)
        assert bindings.bind(session, actor, code, now=NOW)

    db.transact(work)


def ride(record: str, hours_ago: float = 3, subject: str = "card-7", **more: Any) -> Row:
    at = NOW - timedelta(hours=hours_ago)
    row = {"external_id": record, "subject": subject, "behaviour": "XI14b", "occurred_at": at.isoformat()}
    return row | more


def send(db: Database, *rows: Row, source: str = "xinyang-bus", now: datetime = NOW) -> list[str]:
    receipts = db.transact(lambda session: inbox.receive(session, source, rows, now=now))
    return [one.reason.code if one.reason else one.result for one in receipts]


def work(db: Database, now: datetime = NOW) -> None:
    inbox.work_through(db, lambda: now)


def read(citizen: Citizen, query: str = "") -> list[dict[str, Any]]:
    answer = citizen.get(f"/citizen/refused-acts{query}")
    assert answer.status_code == 200, answer.json
    return list(answer.json["items"])


def contest(citizen: Citizen, refusal_id: int, words: str = "那天车上没有网") -> Any:
    return citizen.post("/citizen/appeals", {"refusal_id": refusal_id, "words": words})


def decide(desk: Citizen, number: int, decision: str = "accept") -> Any:
    path = f"/appeals/{number}/decision"
    return desk.post(
        path,
        {"decision": decision, "answer": "核对过了"},
        **{"Idempotency-Key": f"{path}-{decision}-0123456789"},
    )


def total_g(citizen: Citizen) -> int:
    return int(citizen.get("/citizen/book").json["totals"]["all_g"])


@pytest.fixture
def bound(xiaoman: Citizen, db: Database) -> Citizen:
    """Xiaoman, who is card-7 at the bus company."""
    bind(db, "小满", "card-7")
    return xiaoman


def test_every_refusal_is_read_by_its_person_alone_with_a_reason_in_both_languages(
    bound: Citizen, sign_in: Callable[..., Citizen], db: Database
) -> None:
    rows = [
        ride("old", 31 * 24 + 1),
        ride("future", -0.5),
        ride("minus", behaviour="XI14", distance_m=-5),
        ride("other", behaviour="SH03"),
        ride("amount", quantity=3),
        ride("track", track=[[32.1, 114.0]]),
        ride("phone", distance_m="13800001111"),
        ride("good"),
        ride("good", 5),
        ride("nobody", subject="card-8"),
        {"kind": "reversal", "external_id": "old", "reason": 5},
    ]
    codes = send(db, *rows)
    assert codes[:7] == [
        "act.too_old", "act.in_future", "act.row_invalid", "act.behaviour_not_offered",
        "act.quantity_invalid", "act.row_invalid", "act.row_invalid",
    ]  # fmt: skip
    assert codes[7:] == ["received", "act.conflict", "act.subject_unknown", "act.row_invalid"]
    found = {row["external_id"] + row["reason_code"]: row for row in read(bound)}
    assert len(found) == 8
    assert {row["source_zh"] for row in found.values()} == {catalogue.partner_names("xinyang-bus")[0]}
    assert all(row["reason_zh"] and row["reason_en"] and row["may_appeal"] for row in found.values())
    old = found["oldact.too_old"]
    assert (old["behaviour"], old["quantity_text"], old["kept"]) == ("XI14b", "1", True)
    assert datetime.fromisoformat(old["occurred_at"]) == NOW - timedelta(hours=31 * 24 + 1)
    minus = found["minusact.row_invalid"]
    assert "里程写成了 -5（应为1 … 1000000 的整数" in minus["reason_zh"]
    assert "the distance is -5" in minus["reason_en"]
    assert (minus["kept"], minus["behaviour"], minus["occurred_at"]) == (False, "", None)
    # what is not known, or may be anything, is shown to nobody and kept nowhere
    kept = json.dumps(db.read(lambda s: [vars(row) for row in s.scalars(sa.select(ActRefusal))]), default=str)
    assert "32.1" not in kept
    assert "13800001111" not in kept
    assert "track" not in kept.replace('"external_id": "track"', "").replace("act.row_invalid:track", "")
    one = bound.get(f"/citizen/refused-acts/{old['id']}")
    assert one.json == old
    stranger = sign_in("laowang", "老王", "xinyang-bus")
    assert read(stranger) == []
    assert stranger.get(f"/citizen/refused-acts/{old['id']}").status_code == 404
    assert contest(stranger, old["id"]).status_code == 404


def test_without_consent_only_the_attempt_is_told_once_a_day(bound: Citizen, db: Database) -> None:
    (given,) = [row for row in bound.get("/citizen/consents").json if row["partner"] == "xinyang-bus"]
    assert bound.delete(f"/citizen/consents/{given['consent_id']}").status_code == 204
    rows = [ride(f"r{n}", n + 1) for n in range(50)] + [ride("broken", distance_m=-5), ride("old", 800)]
    assert set(send(db, *rows)) == {"citizen.consent_missing", "act.row_invalid"}
    (one,) = read(bound)
    assert (one["reason_code"], one["external_id"], one["kept"]) == ("citizen.consent_missing", "", False)
    assert "内容也没有留下" in one["reason_zh"]
    assert "/api/" not in one["reason_zh"] + one["reason_en"]
    stored = db.read(lambda s: s.scalars(sa.select(ActRefusal)).one().__dict__)
    assert (stored["said"], stored["external_id"]) == ("", "")
    assert "r1" not in stored["refusal_key"]
    send(db, ride("r99"), now=NOW + timedelta(days=1))
    assert len(read(bound)) == 2


def test_what_waits_when_a_consent_ends_is_told_without_its_content(bound: Citizen, db: Database) -> None:
    send(db, ride("waiting"))

    def withdraw(session: Any) -> None:
        actor = actor_of(db, "小满")
        (given,) = [row for row in list_consents(session, actor) if row.partner == "xinyang-bus"]
        consents.withdraw(session, actor, given.id, now=NOW)

    db.transact(withdraw)
    work(db)
    (one,) = read(bound)
    assert (one["reason_code"], one["external_id"], one["kept"]) == ("citizen.consent_missing", "", False)


def test_a_refused_row_counts_on_an_accepted_appeal_once_however_often_it_is_sent(
    bound: Citizen, colleague: Callable[..., Citizen], db: Database, clock: dict[str, datetime]
) -> None:
    desk = colleague("王敏", "appeal.decide")
    old = ride("old", 31 * 24 + 1)
    for _ in range(5):
        assert send(db, old, old) == ["act.too_old"] * 2
    (one,) = read(bound)
    raised = contest(bound, one["id"])
    assert (raised.status_code, raised.json["refusal_id"], raised.json["act_id"]) == (201, one["id"], None)
    number = raised.json["id"]
    assert contest(bound, one["id"]).json["code"] == "appeal.open"
    assert read(bound)[0]["appeal"]["words"] == "那天车上没有网"
    assert not read(bound)[0]["may_appeal"]

    elsewhere = colleague("外县", "appeal.decide", region="411522")
    assert elsewhere.get("/appeals").json["total"] == 0
    assert decide(elsewhere, number).status_code == 404
    (case,) = desk.get("/appeals").json["items"]
    assert (case["act"], case["refusal"]["external_id"]) == (None, "old")
    assert (case["reason_code"], case["refusal"]["behaviour"]) == ("act.too_old", "XI14b")
    assert "holder" not in str(case) and "小满" not in str(case)
    done = decide(desk, number)
    assert (done.status_code, done.json["state"]) == (200, "accepted"), done.json
    act = bound.get(f"/acts/{done.json['counted_act_id']}").json
    assert (act["status"], act["reduction_g"], act["external_id"]) == ("counted", RIDE_G, "old")
    assert total_g(bound) == RIDE_G
    (after,) = read(bound)
    assert (after["act_id"], after["may_appeal"], after["appeal"]["state"]) == (act["id"], False, "accepted")
    assert contest(bound, one["id"]).json["code"] == "appeal.refusal_counted"
    # the source has its clock mended and sends the same record: it is in the book already
    assert send(db, ride("old", 2)) == ["received"]
    work(db)
    assert total_g(bound) == RIDE_G


def test_sent_again_rightly_before_the_decision_nothing_counts_twice(
    bound: Citizen, colleague: Callable[..., Citizen], db: Database
) -> None:
    assert send(db, ride("clock", -0.5)) == ["act.in_future"]
    (one,) = read(bound)
    number = contest(bound, one["id"]).json["id"]
    send(db, ride("clock", 3))
    work(db)
    assert total_g(bound) == RIDE_G
    (again,) = read(bound)
    assert again["act_id"] is not None
    answer = decide(colleague("王敏", "appeal.decide"), number)
    assert (answer.status_code, answer.json["code"]) == (409, "appeal.cannot_count")
    assert decide(colleague("李强", "appeal.decide"), number, "decline").json["state"] == "declined"
    assert total_g(bound) == RIDE_G


def test_an_appeal_lets_nothing_count_that_has_not_happened_or_was_not_kept(
    bound: Citizen, colleague: Callable[..., Citizen], db: Database, clock: dict[str, datetime]
) -> None:
    desk = colleague("王敏", "appeal.decide")
    send(db, ride("tomorrow", -24), ride("minus", behaviour="XI14", distance_m=-5), ride("five", quantity=5))
    numbers = {row["external_id"]: contest(bound, row["id"]).json["id"] for row in read(bound)}
    assert len(numbers) == 3
    for record, words in (("tomorrow", "发生过的事"), ("minus", "没有留下"), ("five", "一趟")):
        answer = decide(desk, numbers[record])
        assert (answer.status_code, answer.json["code"]) == (409, "appeal.cannot_count"), record
        assert words in answer.json["detail"], answer.json["detail"]
    assert total_g(bound) == 0
    # a day later it has happened
    clock["now"] = NOW + timedelta(days=2)
    later = decide(desk, numbers["tomorrow"])
    assert later.json.get("state") == "accepted", later.json
    assert total_g(bound) == RIDE_G


def test_another_act_under_a_used_number_can_count_under_its_own(
    bound: Citizen, colleague: Callable[..., Citizen], db: Database
) -> None:
    send(db, ride("same", 5))
    work(db)
    assert send(db, ride("same", 2), ride("same", 1)) == ["act.conflict"] * 2
    found = read(bound)
    assert [row["act_id"] for row in found] == [None, None], "the number is the first act's"
    number = contest(bound, found[0]["id"]).json["id"]
    assert decide(colleague("王敏", "appeal.decide"), number).json["state"] == "accepted"
    assert total_g(bound) == 2 * RIDE_G


def test_a_row_the_program_failed_on_is_told_too(
    bound: Citizen, db: Database, colleague: Callable[..., Citizen], monkeypatch: pytest.MonkeyPatch
) -> None:
    send(db, ride("fails"))
    whole = inbox._claim

    def broken(*_: Any) -> Any:
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr(inbox, "_claim", broken)
    work(db)
    monkeypatch.setattr(inbox, "_claim", whole)
    (one,) = read(bound)
    assert (one["reason_code"], one["kept"], one["external_id"]) == ("act.intake_failed", True, "fails")
    number = contest(bound, one["id"]).json["id"]
    assert decide(colleague("王敏", "appeal.decide"), number).json["state"] == "accepted"
    assert total_g(bound) == RIDE_G


def test_a_list_comes_in_pages_and_an_appeal_is_about_one_thing(bound: Citizen, db: Database) -> None:
    send(db, *(ride(f"old-{n}", 800 + n) for n in range(45)))
    first = bound.get("/citizen/refused-acts?size=20").json
    assert (len(first["items"]), first["total"], first["page"]) == (20, 45, 1)
    third = bound.get("/citizen/refused-acts?size=20&page=3").json
    assert len(third["items"]) == 5
    ids = [row["id"] for row in first["items"]]
    assert ids == sorted(ids, reverse=True)
    assert bound.get("/citizen/refused-acts?size=101").status_code == 422
    for body in ({"words": "不对"}, {"act_id": 1, "refusal_id": ids[0], "words": "不对"}):
        assert bound.post("/citizen/appeals", body).status_code == 422


def test_what_can_no_longer_be_contested_is_forgotten(
    bound: Citizen,
    sign_in: Callable[..., Citizen],
    colleague: Callable[..., Citizen],
    db: Database,
    clock: dict[str, datetime],
) -> None:
    desk = colleague("王敏", "appeal.decide")
    send(db, *(ride(f"old-{n}", 800 + n) for n in range(4)))
    rows = read(bound)
    decided = contest(bound, rows[0]["id"]).json["id"]
    contest(bound, rows[1]["id"])
    assert decide(desk, decided, "decline").json["state"] == "declined"
    clock["now"] = late = NOW + timedelta(days=refusals.days(), seconds=1)
    bound = sign_in("xiaoman")  # the session of a month ago is over
    assert not any(row["may_appeal"] for row in read(bound))
    assert contest(bound, rows[2]["id"]).json["code"] == "appeal.refusal_too_late"
    assert forget_refusals(db, now=late, limit=1) == ("ok", "3 refusals forgotten")
    assert [(row["id"], row["kept"]) for row in read(bound)] == [
        (rows[0]["id"], False),
        (rows[1]["id"], True),
    ]
    assert forget_refusals(db, now=late) == ("ok", "0 refusals forgotten")
    assert "citizens.forget_refusals" in {job.name for job in jobs.JOBS}


def test_a_deleted_account_leaves_no_content_and_an_export_has_it(bound: Citizen, db: Database) -> None:
    send(db, ride("old", 800))
    exported = bound.get("/citizen/account/export").json["tables"]
    assert [row["external_id"] for row in exported["not_taken_没有收下的"]] == ["old"]
    actor = actor_of(db, "小满")

    def gone(session: Any) -> None:
        accounts.ask_erasure(session, actor, forfeit_points=0, now=NOW)
        accounts.erase(session, actor.person_id or 0, now=NOW)

    db.transact(gone)
    assert db.read(lambda s: s.scalars(sa.select(ActRefusal.said)).all()) == [""]


def test_nothing_that_was_refused_waits_in_the_inbox(bound: Citizen, db: Database) -> None:
    send(db, ride("old", 800), ride("future", -1))
    assert db.read(lambda s: s.scalars(sa.select(ActRecord.id)).all()) == []


@pytest.mark.parametrize("engine_name", ["sqlite"])
def test_words_for_the_person_show_short_numbers_only(engine_name: str) -> None:
    def zh(field: str, value: str) -> str:
        return refusals.words_of(RowInvalid(field=field, value=value, allowed="正数", allowed_en="positive"))[
            0
        ]

    assert "里程写成了 -5（应为正数）" in zh("distance_m", "-5")
    for value in ("13800001111", "abc", "-", "1.2.3", "138-0000"):
        assert zh("distance_m", value).startswith("来源送来的这一条，里程写得不对（应为正数）")
    assert "13800001111" not in zh("13800001111", "x")
