"""Acts through HTTP on both engines: consent, one ride counts once, caps, grades, what people read."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from citizen_world import NOW, Citizen

from carbon_platform import ledger
from carbon_platform.citizens import catalogue
from carbon_platform.citizens.book import book_account, stats
from carbon_platform.citizens.catalogue import ConsentText
from carbon_platform.citizens.explain import explain_act
from carbon_platform.citizens.purse import open_purse
from carbon_platform.citizens.tables import Act
from carbon_platform.db import Database
from carbon_platform.errors import NotFound
from carbon_platform.identity.rules import PERMISSIONS, Actor
from carbon_platform.identity.tables import AuditRecord, Person

pytestmark = pytest.mark.usefixtures("verified")


def acts(db: Database) -> list[Act]:
    return db.read(lambda session: list(session.scalars(sa.select(Act).order_by(Act.id))))


def balances(db: Database, nickname: str = "小满") -> tuple[int, int]:
    """(grams, points whether pending or active) of a person, from the ledger."""

    def read(session: Any) -> tuple[int, int]:
        holder = session.scalar(sa.select(Person.holder).where(Person.nickname == nickname))
        purse = open_purse(session, holder, now=NOW)
        return (
            ledger.balance(session, book_account(holder)).posted,
            purse.available + sum(purse.pending.values()),
        )

    return db.read(read)


def actor_of(db: Database, nickname: str) -> Actor:
    person = db.read(lambda s: s.scalar(sa.select(Person).where(Person.nickname == nickname)))
    assert person
    return Actor(
        name=nickname,
        role="citizen",
        permissions=PERMISSIONS["citizen"],
        person_id=person.id,
        holder=person.holder,
    )


def test_a_bus_ride_becomes_grams_and_points(xiaoman: Citizen, db: Database) -> None:
    answer = xiaoman.ride()
    assert answer.status_code == 201
    body = answer.json
    assert (body["reduction_g"], body["creditable_g"], body["points"], body["cut_g"]) == (80, 80, 10, 0)
    assert (body["status"], body["reason_code"], body["already_counted"]) == ("counted", "", False)
    assert body["formula_zh"] == "1 次 × 80 克/次 → 80 克；80 克 ÷ 8 克/分，取整 → 10 分"
    assert body["message_zh"] == "记下了：80 克，+10 分（11 月 24 日起能用）。"
    assert (body["points_state"], body["points_expire_on"]) == ("pending", "2027-12-31")
    assert body["methodology"] == "low_carbon_acts_v1"
    assert len(body["parameter_digest"]) == 64
    assert balances(db) == (80, 10)
    entry = db.read(lambda session: ledger.find_entry(session, "act:xinyang-bus:ride-1"))
    assert entry is not None
    # the journal names the opaque holder, never the person
    assert "小满" not in f"{entry.actor_name}{entry.note}{entry.detail}"


def test_the_same_ride_again_is_the_first_result(xiaoman: Citizen, db: Database) -> None:
    first = xiaoman.ride().json
    again = xiaoman.ride()
    assert again.status_code == 200
    assert again.json["already_counted"] is True
    assert again.json["message_zh"] == "这趟车已经记过了，没有重复计。"
    assert again.json["id"] == first["id"]
    # the same instant in another time zone is the same ride
    assert xiaoman.ride(at="2026-11-22T01:00:00Z").json["id"] == first["id"]
    assert balances(db) == (80, 10)


def test_the_same_record_with_other_content_is_a_named_conflict(xiaoman: Citizen, db: Database) -> None:
    xiaoman.ride()
    other = xiaoman.ride(at="2026-11-22T10:00:00+08:00")
    assert (other.status_code, other.json["code"]) == (409, "act.conflict")
    assert xiaoman.ride(distance_m=3000).status_code == 409
    assert balances(db) == (80, 10)


def test_the_same_ride_eight_times_at_once_counts_once(xiaoman: Citizen, db: Database) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: xiaoman.ride(), range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
    assert len({answer.json["id"] for answer in answers}) == 1
    assert len(acts(db)) == 1
    assert balances(db) == (80, 10)


def test_eight_different_rides_at_once_stay_within_the_cap(xiaoman: Citizen, db: Database) -> None:
    def ride(number: int) -> Any:
        return xiaoman.ride(f"r-{number}", f"2026-11-22T{number:02d}:00:00+08:00")

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ride, range(8)))
    assert [answer.status_code for answer in answers] == [201] * 8
    assert sorted(answer.json["status"] for answer in answers) == ["counted"] * 6 + ["not_counted"] * 2
    assert balances(db) == (480, 60)


def test_two_citizens_cannot_both_have_one_ride(
    xiaoman: Citizen, sign_in: Callable[..., Citizen], db: Database
) -> None:
    other = sign_in("dahai", "大海", "xinyang-bus")
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda citizen: citizen.ride(), (xiaoman, other)))
    assert sorted(answer.status_code for answer in answers) == [201, 409]
    loser = next(answer for answer in answers if answer.status_code == 409)
    assert loser.json["code"] == "act.conflict"
    assert "小满" not in loser.text
    assert "大海" not in loser.text
    assert balances(db)[0] + balances(db, "大海")[0] == 80


def test_own_reports_of_two_people_may_carry_the_same_number(
    xiaoman: Citizen, sign_in: Callable[..., Citizen]
) -> None:
    other = sign_in("dahai", "大海", "self")
    for citizen in (xiaoman, other):
        answer = citizen.plate("1", source="self")
        assert (answer.status_code, answer.json["already_counted"]) == (201, False)


def test_without_consent_nothing_is_taken(
    sign_in: Callable[..., Citizen], db: Database, clock: dict[str, datetime]
) -> None:
    citizen = sign_in("new", "新人", "clean-plate")
    refused = citizen.ride()
    assert (refused.status_code, refused.json["code"]) == (403, "citizen.consent_missing")
    for word in ("信阳公交乘车码", "xinyang-bus", "/api/v1/citizen/consents", "2026-11"):
        assert word in refused.json["detail"]
    assert acts(db) == []
    # declining the bus leaves the restaurants usable
    assert citizen.plate("p-1").status_code == 201
    citizen.agree("xinyang-bus")
    assert citizen.ride().status_code == 201


def test_withdrawal_stops_the_next_act_and_keeps_the_book(xiaoman: Citizen, db: Database) -> None:
    xiaoman.ride()
    consent = next(c for c in xiaoman.get("/citizen/consents").json if c["partner"] == "xinyang-bus")
    assert consent["current"] is True
    assert xiaoman.delete(f"/citizen/consents/{consent['consent_id']}").status_code == 204
    assert xiaoman.ride("ride-2", "2026-11-22T10:00:00+08:00").status_code == 403
    assert xiaoman.ride().status_code == 403
    assert balances(db) == (80, 10)
    after = next(c for c in xiaoman.get("/citizen/consents").json if c["partner"] == "xinyang-bus")
    assert (after["current"], after["consent_id"]) == (False, None)


def test_nobody_withdraws_another_persons_consent(xiaoman: Citizen, sign_in: Callable[..., Citizen]) -> None:
    mine = xiaoman.get("/citizen/consents").json[0]["consent_id"]
    assert sign_in("dahai", "大海").delete(f"/citizen/consents/{mine}").status_code == 404
    assert xiaoman.ride().status_code == 201


def test_only_the_text_in_force_can_be_agreed_to_and_covers(
    xiaoman: Citizen, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = xiaoman.post("/citizen/consents", {"partner": "xinyang-bus", "version": "1999-01"})
    assert (old.status_code, old.json["code"]) == (409, "citizen.consent_text_unknown")
    key = ("xinyang-bus", "acts")
    texts = {**catalogue.consent_texts(), key: ConsentText(*key, "2027-01", "新", "new")}
    monkeypatch.setattr(catalogue, "consent_texts", lambda: texts)
    refused = xiaoman.ride()
    assert (refused.status_code, refused.json["code"]) == (403, "citizen.consent_outdated")
    xiaoman.agree("xinyang-bus")
    assert xiaoman.ride().status_code == 201


def test_two_sources_of_one_journey_count_once(xiaoman: Citizen, db: Database) -> None:
    xiaoman.ride("code-1", duration_s=1500)
    tap_on = xiaoman.post(
        "/acts",
        {
            "behaviour": "XI14b",
            "source": "self",
            "external_id": "mine",
            "occurred_at": "2026-11-22T09:05:00+08:00",
        },
    )
    assert tap_on.status_code == 201
    body = tap_on.json
    assert (body["status"], body["reason_code"], body["reduction_g"]) == ("not_counted", "overlap", 0)
    assert "11 月 22 日 09:00" in body["reason_zh"]
    assert "12345" in body["appeal_zh"]
    assert body["cut_g"] == 40
    assert balances(db) == (80, 10)
    # the way back does not overlap
    assert xiaoman.ride("code-2", "2026-11-22T09:30:00+08:00").json["status"] == "counted"


def test_a_ride_by_the_kilometre_uses_both_grades(xiaoman: Citizen, db: Database) -> None:
    body = xiaoman.ride(behaviour="XI14", distance_m=8400, duration_s=1800).json
    # 77 and 33 g per passenger-km: 646.8 and 277.2, floored once
    assert (body["reduction_g"], body["creditable_g"], body["points"]) == (646, 275, 80)
    assert body["quantity_text"] == "8.4"
    assert balances(db) == (646, 80)


def test_an_impossible_ride_is_kept_and_not_counted(xiaoman: Citizen, db: Database) -> None:
    body = xiaoman.ride(behaviour="XI14", distance_m=60_000, duration_s=600).json
    assert (body["status"], body["reason_code"], body["points"]) == ("not_counted", "too_fast", 0)
    assert len(acts(db)) == 1
    assert balances(db) == (0, 0)


def test_what_a_person_only_says_earns_half_and_is_never_creditable(xiaoman: Citizen) -> None:
    body = xiaoman.ride("mine-1", source="self").json
    assert (body["reduction_g"], body["creditable_g"], body["points"]) == (40, 0, 5)
    assert "× 50%" in body["formula_zh"]


def test_the_fourth_plate_of_a_day_is_told_why(xiaoman: Citizen, db: Database) -> None:
    for number in range(3):
        assert xiaoman.plate(f"p-{number}").json["points"] == 8  # 70 g, floored
    fourth = xiaoman.plate("p-4").json
    assert (fourth["status"], fourth["points"], fourth["cut_g"]) == ("not_counted", 0, 70)
    assert "每天最多计 3 餐" in fourth["reason_zh"]
    # two plates in one record: yesterday's cap is its own
    both = xiaoman.plate("p-5", "2026-11-21T19:00:00+08:00", quantity=4).json
    assert (both["status"], both["reduction_g"], both["cut_g"]) == ("partly", 210, 70)
    assert balances(db) == (420, 24 + 26)


def test_points_of_a_day_end_at_the_cap_and_grams_do_not(xiaoman: Citizen, db: Database) -> None:
    xiaoman.ride("far", "2026-11-22T06:00:00+08:00", behaviour="XI14", distance_m=11_000)
    last = xiaoman.ride("late").json
    assert (last["reason_code"], last["reduction_g"], last["points"]) == ("cap_points_day", 80, 0)
    assert balances(db) == (847 + 80, 100)


RIDE = {
    "behaviour": "XI14b",
    "source": "xinyang-bus",
    "external_id": "x",
    "occurred_at": "2026-11-22T09:00:00+08:00",
}
IMPOSSIBLE: list[tuple[dict[str, Any], int, str]] = [
    ({"occurred_at": "2026-11-22T12:00:01+08:00"}, 422, "act.in_future"),
    ({"occurred_at": "2026-11-22T11:59:00+08:00", "duration_s": 61}, 422, "act.in_future"),
    ({"occurred_at": "2026-10-22T11:59:59+08:00"}, 422, "act.too_old"),
    ({"occurred_at": "2026-11-22T09:00:00"}, 422, "platform.invalid_input"),
    ({"behaviour": "SH03"}, 422, "act.behaviour_not_offered"),
    ({"behaviour": "nothing"}, 422, "act.behaviour_not_offered"),
    ({"source": "metro"}, 422, "act.source_unknown"),
    ({"quantity": 2}, 422, "act.quantity_invalid"),
    ({"quantity": 1.0}, 422, "platform.invalid_input"),
    ({"quantity": "1"}, 422, "platform.invalid_input"),
    ({"quantity": 0}, 422, "platform.invalid_input"),
    ({"distance_m": -1}, 422, "platform.invalid_input"),
    ({"external_id": "a b"}, 422, "platform.invalid_input"),
    ({"external_id": ""}, 422, "platform.invalid_input"),
    ({"points": 1000}, 422, "platform.invalid_input"),
    ({"behaviour": "XI14"}, 422, "act.quantity_invalid"),
    ({"behaviour": "XI14", "quantity": 3, "distance_m": 3000}, 422, "act.quantity_invalid"),
]


def test_what_cannot_be_is_refused_and_leaves_nothing(xiaoman: Citizen, db: Database) -> None:
    for change, status, code in IMPOSSIBLE:
        answer = xiaoman.post("/acts", {**RIDE, **change})
        assert (answer.status_code, answer.json["code"]) == (status, code), (change, answer.json)
    assert acts(db) == []
    assert balances(db) == (0, 0)


def test_a_record_sent_again_after_31_days_is_still_the_first_result(
    xiaoman: Citizen, clock: dict[str, datetime], sign_in: Callable[..., Citizen]
) -> None:
    first = xiaoman.ride().json
    clock["now"] = NOW + timedelta(days=40)
    later = sign_in("xiaoman").ride()  # a session lasts a week; consents last
    assert (later.status_code, later.json["id"]) == (200, first["id"])


def test_another_persons_act_is_not_found(
    xiaoman: Citizen, sign_in: Callable[..., Citizen], db: Database
) -> None:
    act_id = xiaoman.ride().json["id"]
    other = sign_in("dahai", "大海")
    assert xiaoman.get(f"/acts/{act_id}").json["id"] == act_id
    assert other.get(f"/acts/{act_id}").status_code == 404
    assert other.get("/citizen/book").json["total"] == 0
    for ref in (act_id, 10**17, "１", "-1", "x", ""):
        with pytest.raises(NotFound):
            db.read(lambda session, ref=ref: explain_act(session, actor_of(db, "大海"), ref, is_demo=True))


def test_nobody_reports_without_signing_in(app: Any) -> None:
    stranger = Citizen(app)
    assert stranger.ride().status_code == 401
    assert stranger.get("/citizen/book").status_code == 401


def test_the_book_shows_acts_totals_and_the_week(xiaoman: Citizen) -> None:
    xiaoman.ride("a", "2026-11-22T08:00:00+08:00")
    xiaoman.ride("b", "2026-11-22T00:30:00+08:00")  # still the 21st in UTC
    xiaoman.ride("c", "2026-11-16T08:00:00+08:00")
    xiaoman.ride("d", "2026-11-15T08:00:00+08:00")
    xiaoman.ride("e", "2026-10-30T08:00:00+08:00")
    xiaoman.ride("f", "2026-11-22T08:01:00+08:00")  # the journey of "a" once more: kept, not counted
    book = xiaoman.get("/citizen/book?size=4").json
    assert book["totals"] == {"today_g": 160, "month_g": 320, "year_g": 400, "all_g": 400, "points": 30}
    assert [item["external_id"] for item in book["items"]] == ["f", "a", "b", "c"]
    assert book["items"][0]["status_zh"] == "已按另一条计"
    assert book["items"][0]["counted_as"] == f"/api/v1/acts/{book['items'][1]['id']}"
    assert book["items"][1]["explain"] == f"/api/v1/explain/act/{book['items'][1]['id']}"
    assert (book["total"], book["page"]) == (6, 1)
    assert [item["external_id"] for item in xiaoman.get("/citizen/book?size=4&page=2").json["items"]] == [
        "d",
        "e",
    ]
    assert [day["day"] for day in book["week"]] == [f"2026-11-{day}" for day in range(16, 23)]
    assert [day["reduction_g"] for day in book["week"]] == [80, 0, 0, 0, 0, 0, 160]


def test_the_statement_of_points_is_read_by_cursor(xiaoman: Citizen) -> None:
    for number in range(3):
        xiaoman.ride(f"r{number}", f"2026-11-22T0{number}:00:00+08:00")
    first = xiaoman.get("/citizen/points?limit=2").json
    assert (first["available"], first["pending"], first["pending_until"]) == (
        0,
        30,
        "2026-11-23T16:05:00+00:00",
    )
    assert [line["amount"] for line in first["items"]] == [10, 10]
    rest = xiaoman.get(f"/citizen/points?limit=2&before={first['next_before']}").json
    assert [line["words_zh"] for line in rest["items"]] == ["公交出行（刷卡一次）"]
    assert rest["next_before"] is None


def test_every_figure_of_an_act_is_explained(xiaoman: Citizen, db: Database) -> None:
    act_id = xiaoman.ride(behaviour="XI14", distance_m=8400).json["id"]
    found = db.read(lambda s: explain_act(s, actor_of(db, "小满"), str(act_id), is_demo=True))
    assert (found.figure.value, found.figure.unit, found.figure.status) == (646, "g CO2e", "recorded")
    assert found.equations[0].value == found.figure.value
    assert found.equations[0].numeric == "⌊646.8 × 100%⌋ = 646"
    assert [equation.symbol for equation in found.equations] == ["G*", "P", "f_P", "C", "f_C", "N"]
    by_symbol = {equation.symbol: equation for equation in found.equations}
    assert by_symbol["P"].value == pytest.approx(646.8)
    assert by_symbol["N"].value == 80
    factor = next(term for term in found.terms if term.symbol == "EF_car")
    assert (factor.value, factor.status, factor.unit) == (133, "local-decision", "g CO2/pkm")
    for term in found.terms:
        assert term.status, term
    assert dict(found.digests)["parameters"] == acts(db)[0].parameter_digest
    assert "摘要一致" in found.replay_zh
    assert "老实话" in found.sentence_zh
    assert "5.1 分钱" in found.sentence_zh  # 646 g at ¥80/t: 5.168 fen
    # 133 g/pkm is a local decision: an estimate, and the explanation says so
    assert "act.parameters_not_adopted" in [blocker.code for blocker in found.blockers]
    assert found.as_dict()["children"][0]["ref"] == "low_carbon_acts_v1"


def test_a_refused_act_is_explained_with_its_reason_and_the_way_to_appeal(
    xiaoman: Citizen, db: Database
) -> None:
    xiaoman.ride("a")
    act_id = xiaoman.ride("b", "2026-11-22T09:01:00+08:00").json["id"]
    found = db.read(lambda s: explain_act(s, actor_of(db, "小满"), act_id, is_demo=False))
    assert (found.figure.value, found.figure.status) == (0, "returned")
    assert found.equations[0].numeric.endswith("= 80 → 0")
    assert "同一段路只计一次" in found.sentence_zh
    assert "12345" in found.sentence_zh


def test_under_14_a_guardian_agrees_first(app: Any, db: Database) -> None:
    body = {"code": "hehe", "nickname": "禾禾", "under_14": True}
    refused = app.test_client().post("/api/v1/citizen/sessions", json=body)
    assert (refused.status_code, refused.json["code"]) == (403, "citizen.guardian_needed")
    assert db.read(lambda s: s.scalar(sa.select(sa.func.count()).select_from(Person))) == 0
    answer = app.test_client().post("/api/v1/citizen/sessions", json={**body, "guardian_agrees": True})
    assert answer.status_code == 201
    child = Citizen(app, {"Authorization": f"Bearer {answer.json['token']}"})
    guardian = [text for text in child.get("/citizen/consents").json if text["purpose"] == "guardian"]
    assert [text["current"] for text in guardian] == [True]


def test_a_session_may_live_in_a_cookie_and_names_no_unknown_region(app: Any) -> None:
    client = app.test_client()
    answer = client.post("/api/v1/citizen/sessions", json={"code": "c", "transport": "cookie"})
    assert (answer.status_code, answer.json["token"]) == (201, "")
    assert client.get("/api/v1/citizen/book").status_code == 200
    unknown = client.post("/api/v1/citizen/sessions", json={"code": "d", "region_code": "999999"})
    assert unknown.status_code == 404


def test_what_can_be_reported_is_public_and_priced_in_grams(app: Any) -> None:
    offers = {(row["source"], row["behaviour"]): row for row in Citizen(app).get("/citizen/behaviours").json}
    assert offers["xinyang-bus", "XI14b"]["grams_per_unit"] == 80
    assert offers["self", "XI14b"]["grams_per_unit"] == 40
    assert offers["xinyang-bus", "XI14"]["quantity_field"] == "distance_m"
    assert offers["clean-plate", "SH03"]["quantity_field"] == "quantity"


def test_every_change_is_on_the_audit_record_and_places_are_not(xiaoman: Citizen, db: Database) -> None:
    xiaoman.ride()
    xiaoman.ride()
    records = db.read(lambda s: list(s.scalars(sa.select(AuditRecord).order_by(AuditRecord.id))))
    assert [record.action for record in records[-2:]] == ["act.report", "act.repeat"]
    assert {column.name for column in Act.__table__.columns}.isdisjoint({"longitude", "latitude", "track"})


def test_sums_for_the_dashboard(
    xiaoman: Citizen, sign_in: Callable[..., Citizen], db: Database, clock: dict[str, datetime]
) -> None:
    sign_in("dahai", "大海", "clean-plate").plate("p")
    xiaoman.ride("a")
    xiaoman.ride("b", "2026-11-22T09:01:00+08:00")
    found = db.read(lambda session: stats(session, now=NOW))
    assert (found.accounts, found.active_accounts, found.acts, found.acts_not_counted) == (2, 2, 3, 1)
    assert (found.reduction_g, found.creditable_g) == (150, 80)
    assert (found.points_issued, found.points_outstanding, found.points_redeemed) == (18, 18, 0)
    assert db.read(lambda session: stats(session, now=NOW + timedelta(days=31))).active_accounts == 0
