"""Accounts through HTTP on both engines: phone, real name, child, closing, deletion, export."""

from __future__ import annotations

import csv
import io
import json
import threading
import zipfile
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from citizen_people import ID_CHILD, ID_GROWN, confirm_phone, give_name
from citizen_world import NOW, Citizen
from flask import Flask

from carbon_platform import ledger
from carbon_platform.citizens import accounts, privacy
from carbon_platform.citizens.inbox_tables import ActRecord
from carbon_platform.citizens.tables import Act
from carbon_platform.citizens.truth_tables import Appeal
from carbon_platform.db import Database
from carbon_platform.identity import persons
from carbon_platform.identity.person_rules import AccountClosed
from carbon_platform.identity.tables import (
    AuditRecord,
    Consent,
    LoginSession,
    MergeOffer,
    Person,
    PersonIdentity,
    PhoneCode,
)

SignIn = Callable[..., Citizen]


def code_of(answer: Any) -> str:
    assert answer.status_code == 201, answer.json
    return str(answer.json["demo_code"])


def test_a_phone_is_confirmed_by_its_code_and_shown_masked(
    app: Flask, xiaoman: Citizen, db: Database
) -> None:
    asked = xiaoman.post("/citizen/account/phone", {"phone": "138 0000 0001"})
    assert asked.json["phone_masked"] == "138****0001"
    body = {"phone": "+8613800000001", "code": code_of(asked)}
    done = xiaoman.post("/citizen/account/phone/confirmation", body)
    assert done.status_code == 200 and done.json["confirmed"], done.json
    account = xiaoman.get("/citizen/account").json
    assert (account["phone_masked"], account["tier"]) == ("138****0001", "phone")
    assert "13800000001" not in json.dumps([asked.json | {"demo_code": ""}, done.json, account])
    again = xiaoman.post("/citizen/account/phone/confirmation", body)
    assert (again.status_code, again.json["code"]) == (422, "account.code_wrong")
    app.test_client().delete("/api/v1/citizen/account/phone", headers=xiaoman.headers)
    assert xiaoman.get("/citizen/account").json["phone_masked"] == ""
    rows = db.read(lambda s: s.scalars(sa.select(PersonIdentity)).all())
    assert [(row.phone_sealed, row.phone_index) for row in rows] == [(None, None)]


def test_wrong_codes_are_counted_even_at_once_and_the_right_one_is_then_no_use(
    xiaoman: Citizen, db: Database
) -> None:
    right = code_of(xiaoman.post("/citizen/account/phone", {"phone": "13800000001"}))
    wrong = f"{(int(right) + 1) % 10**6:06d}"

    def guess() -> None:
        answer = xiaoman.post("/citizen/account/phone/confirmation", {"phone": "13800000001", "code": wrong})
        assert answer.status_code == 422

    threads = [threading.Thread(target=guess) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert db.read(lambda s: s.scalar(sa.select(PhoneCode.tries))) == 5
    late = xiaoman.post("/citizen/account/phone/confirmation", {"phone": "13800000001", "code": right})
    assert late.json["code"] == "account.code_wrong"


def test_a_code_expires_and_belongs_to_one_number_and_one_account(
    clock: dict[str, datetime], sign_in: SignIn
) -> None:
    one, other = sign_in("a", "甲"), sign_in("b", "乙")
    code = code_of(one.post("/citizen/account/phone", {"phone": "13800000001"}))
    for who, phone in ((other, "13800000001"), (one, "13800000002")):
        answer = who.post("/citizen/account/phone/confirmation", {"phone": phone, "code": code})
        assert answer.json["code"] == "account.code_wrong"
    clock["now"] += timedelta(minutes=5)
    assert (
        one.post("/citizen/account/phone/confirmation", {"phone": "13800000001", "code": code}).status_code
        == 422
    )


def test_codes_are_paced_per_number_whoever_asks(clock: dict[str, datetime], sign_in: SignIn) -> None:
    people = [sign_in(str(number), "市民") for number in range(7)]
    for who in people[:5]:
        code_of(who.post("/citizen/account/phone", {"phone": "13800000001"}))
        again = who.post("/citizen/account/phone", {"phone": "13800000001"})
        assert (again.status_code, again.json["code"]) == (429, "account.too_many_codes")
        clock["now"] += timedelta(minutes=1)
    refused = people[5].post("/citizen/account/phone", {"phone": "13800000001"})
    assert refused.status_code == 429
    clock["now"] += timedelta(days=1)
    code_of(people[6].post("/citizen/account/phone", {"phone": "13800000001"}))


def test_a_failing_gateway_costs_nobody_a_code(
    xiaoman: Citizen, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    from carbon_platform.citizens import sms

    class Failing:
        def send(self, phone: str, code: str, *, now: datetime) -> str:
            raise sms.SmsUnavailable(reason="timeout")

    monkeypatch.setattr(sms, "port_for", lambda settings: Failing())
    for _ in range(7):
        answer = xiaoman.post("/citizen/account/phone", {"phone": "13800000001"})
        assert (answer.status_code, answer.json["code"]) == (503, "sms.unavailable")
    assert db.read(lambda s: s.scalar(sa.select(sa.func.count()).select_from(PhoneCode))) == 0


def test_a_real_name_needs_its_own_consent_and_goes_with_it(xiaoman: Citizen, app: Flask) -> None:
    unread = xiaoman.post(
        "/citizen/account/real-name", {"name": "王小满", "id_number": ID_GROWN, "version": "1999"}
    )
    assert unread.json["code"] == "citizen.consent_text_unknown"
    done = give_name(xiaoman, "王小满", ID_GROWN)
    assert done.json["confirmed"], done.json
    account = xiaoman.get("/citizen/account").json
    assert (account["name_masked"], account["tier"]) == ("王**", "real_name")
    assert account["id_masked"] == f"{ID_GROWN[:4]}**********{ID_GROWN[-4:]}"
    given = [row for row in xiaoman.get("/citizen/consents").json if row["purpose"] == "real-name"]
    assert given[0]["current"]
    assert xiaoman.delete(f"/citizen/consents/{given[0]['consent_id']}").status_code == 204
    assert xiaoman.get("/citizen/account").json["tier"] == "opened"
    assert xiaoman.ride().status_code == 201, "optional: everything else works without it"


@pytest.mark.parametrize(
    ("name", "number", "code"),
    [("王", ID_GROWN, "account.name_invalid"), ("王小满", "411502199001011230", "account.id_number_invalid"),
     ("王小满", "1", "account.id_number_invalid")],
)  # fmt: skip
def test_wrong_names_and_numbers_are_told_and_limited(
    xiaoman: Citizen, db: Database, name: str, number: str, code: str
) -> None:
    for _ in range(5):
        assert give_name(xiaoman, name, number).json["code"] == code
    assert give_name(xiaoman, "王小满", ID_GROWN).json["code"] == "account.too_many_tries"
    assert db.read(lambda s: s.scalars(sa.select(PersonIdentity)).all()) == []
    texts = xiaoman.get("/citizen/consents").json
    assert [row["current"] for row in texts if row["purpose"] == "real-name"] == [False]


def test_a_child_needs_its_guardian_for_everything_and_the_withdrawal_ends_everything(
    app: Flask, sign_in: SignIn
) -> None:
    body = {"code": "kid", "nickname": "豆豆", "under_14": True}
    refused = app.test_client().post("/api/v1/citizen/sessions", json=body)
    assert refused.json["code"] == "citizen.guardian_needed"
    opened = app.test_client().post("/api/v1/citizen/sessions", json=body | {"guardian_agrees": True})
    kid = Citizen(app, {"Authorization": f"Bearer {opened.json['token']}"})
    account = kid.get("/citizen/account").json
    assert account["under_14"] and account["guardian_consent"]
    texts = {row["partner"]: row["version"] for row in kid.get("/citizen/consents").json}
    bus = {"partner": "xinyang-bus", "version": texts["xinyang-bus"]}
    assert kid.post("/citizen/consents", bus).json["code"] == "citizen.guardian_needed"
    assert kid.post("/citizen/consents", bus | {"guardian_agrees": True}).status_code == 201
    assert kid.ride("kid-1").status_code == 201
    give_name(kid, "王豆豆", ID_CHILD, guardian_agrees=True)
    assert kid.get("/citizen/account").json["tier"] == "real_name"
    guardian = next(row for row in kid.get("/citizen/consents").json if row["purpose"] == "guardian")
    kid.delete(f"/citizen/consents/{guardian['consent_id']}")
    assert kid.get("/citizen/account").json["tier"] == "opened", "the name is kept by consent only"
    assert kid.ride("kid-2", "2026-11-22T10:00:00+08:00").status_code == 403


def test_a_number_that_says_under_14_asks_for_the_guardian(xiaoman: Citizen) -> None:
    refused = give_name(xiaoman, "王豆豆", ID_CHILD)
    assert refused.json["code"] == "citizen.guardian_needed"
    done = give_name(xiaoman, "王豆豆", ID_CHILD, guardian_agrees=True)
    assert done.json["account"]["under_14"] and done.json["account"]["guardian_consent"]


def test_withdrawal_stops_the_very_next_act_and_an_old_text_stays_readable(
    xiaoman: Citizen, app: Flask
) -> None:
    assert xiaoman.ride("one").status_code == 201
    bus = next(row for row in xiaoman.get("/citizen/consents").json if row["partner"] == "xinyang-bus")
    xiaoman.delete(f"/citizen/consents/{bus['consent_id']}")
    refused = xiaoman.ride("two", "2026-11-22T10:00:00+08:00")
    assert (refused.status_code, refused.json["code"]) == (403, "citizen.consent_missing")
    assert xiaoman.plate("plate").status_code == 201, "one partner's withdrawal is not another's"
    text = app.test_client().get(
        f"/api/v1/citizen/consents/text?partner=xinyang-bus&version={bus['version']}"
    )
    assert (text.status_code, text.json["zh"]) == (200, bus["zh"])
    gone = app.test_client().get("/api/v1/citizen/consents/text?partner=xinyang-bus&version=1999")
    assert gone.json["code"] == "citizen.consent_text_unknown"


def test_closing_ends_sessions_and_consents_and_can_be_undone(
    app: Flask, xiaoman: Citizen, sign_in: SignIn
) -> None:
    xiaoman.rides("2026-11-21", 2)
    give_name(xiaoman, "王小满", ID_GROWN)
    assert xiaoman.post("/citizen/account/closure", {}).json["state"] == "closed"
    assert xiaoman.get("/citizen/account").status_code == 401
    body = {"code": "xiaoman", "nickname": "小满"}
    shut = app.test_client().post("/api/v1/citizen/sessions", json=body)
    assert (shut.status_code, shut.json["code"]) == (409, "account.closed")
    opened = app.test_client().post("/api/v1/citizen/sessions", json=body | {"reopen": True})
    back = Citizen(app, {"Authorization": f"Bearer {opened.json['token']}"})
    assert back.get("/citizen/book").json["total"] == 2
    assert back.get("/citizen/account").json["tier"] == "opened", "the name went with its consent"
    assert back.ride("after").json["code"] == "citizen.consent_missing"


def grams_and_points(db: Database) -> tuple[int, int]:
    def work(session: Any) -> tuple[int, int]:
        book = sum(total.posted for total in ledger.totals(session, role=ledger.BOOK))
        points = sum(
            total.posted
            for role in (ledger.POINTS, ledger.POINTS_PENDING, ledger.POINTS_EXPIRED)
            for total in ledger.totals(session, role=role)
        )
        return book, points

    return db.read(work)


def test_deletion_forgets_the_person_and_not_one_gram(
    app: Flask, db: Database, clock: dict[str, datetime], xiaoman: Citizen, verified: None
) -> None:
    xiaoman.rides("2026-11-20", 3)
    confirm_phone(xiaoman, "13800000001")
    give_name(xiaoman, "王小满", ID_GROWN)
    before, holder = grams_and_points(db), db.read(lambda s: s.scalar(sa.select(Person.holder)))
    points = xiaoman.get("/citizen/points").json
    left = points["available"] + points["pending"]
    client = app.test_client()

    def ask(amount: int) -> Any:
        return client.delete(
            "/api/v1/citizen/account", json={"forfeit_points": amount}, headers=xiaoman.headers
        )

    wrong = ask(left + 1)
    assert (wrong.status_code, wrong.json["code"]) == (409, "account.points_left")
    assert str(left) in wrong.json["detail"]
    assert ask(left).status_code == 202
    assert xiaoman.get("/citizen/account").status_code == 401
    clock["now"] += timedelta(days=6)
    assert privacy.erase_due(db, now=clock["now"])[1].startswith("0 ")
    clock["now"] += timedelta(days=1)
    assert privacy.erase_due(db, now=clock["now"]) == ("ok", "1 accounts deleted")
    assert privacy.erase_due(db, now=clock["now"]) == ("ok", "0 accounts deleted")
    assert grams_and_points(db) == before

    def left_over(session: Any) -> dict[str, int]:
        tables = (PersonIdentity, PhoneCode, LoginSession, MergeOffer)
        return {t.__tablename__: session.scalar(sa.select(sa.func.count()).select_from(t)) for t in tables}

    assert set(db.read(left_over).values()) == {0}
    person = db.read(lambda s: s.scalars(sa.select(Person)).one())
    assert (person.state, person.nickname, person.holder) == ("deleted", "", holder)
    assert db.read(lambda s: s.scalar(sa.select(sa.func.count()).select_from(Act))) == 3
    assert all(row.withdrawn_at for row in db.read(lambda s: s.scalars(sa.select(Consent)).all()))
    assert "小满" not in str(db.read(lambda s: [r.actor_name for r in s.scalars(sa.select(AuditRecord))]))
    again = app.test_client().post("/api/v1/citizen/sessions", json={"code": "xiaoman"})
    fresh = Citizen(app, {"Authorization": f"Bearer {again.json['token']}"})
    assert fresh.get("/citizen/book").json["total"] == 0, "the same WeChat opens a new account"


def test_signing_in_within_the_week_stops_a_deletion(
    app: Flask, db: Database, clock: dict[str, datetime], xiaoman: Citizen
) -> None:
    client = app.test_client()
    asked = client.delete("/api/v1/citizen/account", json={"forfeit_points": 0}, headers=xiaoman.headers)
    assert asked.json["state"] == "erasing"
    clock["now"] += timedelta(days=3)
    back = client.post("/api/v1/citizen/sessions", json={"code": "xiaoman", "reopen": True})
    assert back.status_code == 201
    clock["now"] += timedelta(days=30)
    assert privacy.erase_due(db, now=clock["now"]) == ("ok", "0 accounts deleted")


def test_a_deletion_asks_once_more_whether_the_person_came_back(
    app: Flask, db: Database, clock: dict[str, datetime], xiaoman: Citizen, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job has read who is due; before it gets there, the person signs in."""
    client = app.test_client()
    client.delete("/api/v1/citizen/account", json={"forfeit_points": 0}, headers=xiaoman.headers)
    clock["now"] += timedelta(days=8)
    number = db.read(lambda s: s.scalar(sa.select(Person.id)))
    found = [[number], []]
    monkeypatch.setattr(privacy.persons, "due_for_erasure", lambda session, **more: found.pop(0))
    back = client.post("/api/v1/citizen/sessions", json={"code": "xiaoman", "reopen": True})
    assert back.status_code == 201
    assert privacy.erase_due(db, now=clock["now"]) == ("ok", "0 accounts deleted")
    assert db.read(lambda s: s.scalar(sa.select(Person.state))) == "open"


def test_nobody_opens_an_account_again_that_was_deleted_meanwhile(db: Database, xiaoman: Citizen) -> None:
    def work(session: Any) -> None:
        person = session.scalars(sa.select(Person)).one()
        assert person.state == "open"
        session.connection().exec_driver_sql("UPDATE person SET state = 'deleted'")
        persons.set_state(session, persons.actor_of(person), person, "open", now=NOW)

    with pytest.raises(AccountClosed):
        db.transact(work)


def test_what_still_waits_of_somebody_is_emptied_with_the_deletion(db: Database, xiaoman: Citizen) -> None:
    holder = db.read(lambda s: s.scalar(sa.select(Person.holder)))

    def row(key: str, state: str, whose: str) -> ActRecord:
        return ActRecord(
            source="xinyang-bus", record_key=key, kind="act", holder=whose, payload={"distance_m": 5_000},
            content_digest="d", received_at=NOW, state=state,
            processed_at=None if state == "waiting" else NOW,
        )  # fmt: skip

    rows = [row("mine", "waiting", holder), row("hers", "waiting", "somebody"), row("done", "done", holder)]
    db.transact(lambda s: s.add_all(rows))
    db.transact(lambda s: accounts.erase(s, s.scalar(sa.select(Person.id)), now=NOW))
    left = dict(db.read(lambda s: s.execute(sa.select(ActRecord.record_key, ActRecord.payload)).all()))
    # what was ruled on is emptied with everybody's after a month
    assert left == {"mine": {}, "hers": {"distance_m": 5_000}, "done": {"distance_m": 5_000}}


def test_an_open_appeal_ends_with_the_deletion(db: Database, xiaoman: Citizen) -> None:
    act = xiaoman.ride().json["id"]
    holder = db.read(lambda s: s.scalar(sa.select(Person.holder)))
    db.transact(
        lambda s: s.add(
            Appeal(
                holder=holder, region_code="411502", act_id=act, reason_code="cap_day", words="我真的坐了",
                state="open", raised_at=NOW,
            )
        )
    )  # fmt: skip
    db.transact(lambda s: accounts.erase(s, s.scalar(sa.select(Person.id)), now=NOW))
    appeal = db.read(lambda s: s.scalars(sa.select(Appeal)).one())
    assert (appeal.state, appeal.words, appeal.answer) == ("declined", "", "账户已注销。")


def test_everything_kept_can_be_taken_along(xiaoman: Citizen, sign_in: SignIn) -> None:
    sign_in("other", "=HYPERLINK(1)", "self")
    xiaoman.rides("2026-11-20", 3)
    xiaoman.rides("2026-11-21", 3)
    confirm_phone(xiaoman, "13800000001")
    give_name(xiaoman, "王小满", ID_GROWN)
    answer = xiaoman.get("/citizen/account/export")
    assert answer.headers["Cache-Control"] == "no-store"
    tables = json.loads(answer.data)["tables"]
    account = tables["account_账户"][0]
    assert (account["phone"], account["name"], account["id_number"]) == ("13800000001", "王小满", ID_GROWN)
    assert len(tables["acts_碳账本"]) == 6
    assert sum(row["reduction_g"] for row in tables["acts_碳账本"]) == sum(
        row["amount"] for row in tables["balances_余额"] if row["asset"] == "REDUCTION"
    )
    points = xiaoman.get("/citizen/points").json
    moved = sum(row["points"] for row in tables["points_积分流水"])
    assert moved == points["available"] + points["pending"]
    archive = zipfile.ZipFile(io.BytesIO(xiaoman.get("/citizen/account/export?format=csv").data))
    rows = list(csv.DictReader(io.StringIO(archive.read("acts_碳账本.csv").decode("utf-8-sig"))))
    assert len(rows) == 6 and "holder" not in rows[0] and "content_digest" not in rows[0]
    assert set(archive.namelist()) == {f"{title}.csv" for title in tables}
    other = sign_in("other", "-")
    text = zipfile.ZipFile(io.BytesIO(other.get("/citizen/account/export?format=csv").data))
    assert "'=HYPERLINK(1)" in text.read("account_账户.csv").decode("utf-8-sig")
    assert "13800000001" not in str({name: text.read(name).decode() for name in text.namelist()})


def test_nickname_and_county_are_corrected(app: Flask, xiaoman: Citizen) -> None:
    def patch(**body: Any) -> Any:
        return app.test_client().patch("/api/v1/citizen/account", json=body, headers=xiaoman.headers)

    assert patch(nickname="  新 名字 ").json["nickname"] == "新 名字"
    assert patch(region_code="411522").json["region_code"] == "411522"
    assert patch(region_code="999999").status_code == 404
    assert patch(nickname="").status_code == 422
    assert patch(nickname="a", phone="13800000001").status_code == 422
    assert xiaoman.get("/citizen/account").json["nickname"] == "新 名字"
