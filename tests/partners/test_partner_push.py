"""Pushes end to end: signed, replayed, altered, too long, half broken, repeated, taken back."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from partner_world import BUS, ONE_ENGINE, Bus, Caller, make_bus, ndjson, ride, settle

from carbon_platform.citizens.privacy import shares
from carbon_platform.citizens.scene_changes import suspend
from carbon_platform.citizens.scene_tables import Scene
from carbon_platform.db import Database
from carbon_platform.identity.rules import SYSTEM
from carbon_platform.partners.rules import SHA256, SM3
from carbon_platform.partners.schemas import RowResultOut
from carbon_platform.partners.tables import PartnerKey, PartnerNonce, PartnerPush

pytestmark = pytest.mark.usefixtures("verified")


def results(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.json
    return [row["result"] for row in answer.json["results"]]


@pytest.mark.parametrize("algorithm", [SHA256, SM3])
def test_a_push_becomes_lines_of_the_book(bus: Bus, rider: Caller, db: Database, algorithm: str) -> None:
    bus.algorithm = algorithm
    answer = bus.push([ride(1), ride(2), ride(3)])
    assert results(answer) == ["received"] * 3
    assert [row["external_id"] for row in answer.json["results"]] == ["r-1", "r-2", "r-3"]
    assert settle(db) == 3
    book = rider.get("/citizen/book").json
    counted = [(act["external_id"], act["reduction_g"]) for act in book["items"]]
    assert counted == [("r-3", 80), ("r-2", 80), ("r-1", 80)]
    # the partner never sees who its customer is here
    said = json.dumps(answer.json)
    assert "person" not in said and "holder" not in said


@ONE_ENGINE
def test_a_single_event_as_json(bus: Bus, rider: Caller) -> None:
    one = bus.send("acts", json.dumps(ride(1), indent=2).encode(), "application/json")
    assert results(one) == ["received"] and one.json["rows"] == 1


def test_half_a_batch_broken_keeps_the_good_rows_in_order(bus: Bus, rider: Caller, db: Database) -> None:
    rows: list[Any] = [
        ride(1), "{not json", ride(2, subject="stranger"), "[1]", ride(3, distance_m=-5), ride(4),
        ride(5, behaviour="XI19"), ride(6, latitude=31.1), ride(7, subject="13800000000"),
        ride(8, at="2026-10-01T08:00:00+08:00"), ride(9, at="2026-12-01T08:00:00+08:00"),
        {"external_id": "r-10"}, ride(11, at="2026-11-21T08:00:00"), '{"external_id": NaN}',
        ride(12, holder="person-0"), ride(13),
    ]  # fmt: skip
    answer = bus.push(rows)
    good = {0, 5, 15}
    assert results(answer) == ["received" if place in good else "refused" for place in range(len(rows))]
    for place, row in enumerate(answer.json["results"]):
        assert row["row"] == place + 1
        if place not in good:
            assert row["code"] and row["zh"] and row["en"], row
    codes = [row["code"] for row in answer.json["results"]]
    assert codes[1] == "not_json" and codes[3] == "not_object" and codes[13] == "not_json"
    assert codes[8] == "binding.subject_not_pseudonymous"
    assert codes[9] == "act.too_old" and codes[10] == "act.in_future"
    assert "13800000000" not in answer.get_data(as_text=True)
    assert settle(db) == 3
    assert rider.get("/citizen/book").json["total"] == 3


@ONE_ENGINE
def test_a_record_number_that_names_somebody_is_not_kept(bus: Bus, rider: Caller, db: Database) -> None:
    bad = [{**ride(1), "external_id": record} for record in ("13800000000-1", "411502199001011234")]
    answer = bus.push([*bad, ride(2), {**ride(3), "external_id": "411502202611220003"}])
    assert results(answer) == ["refused", "refused", "received", "received"]
    assert [row["code"] for row in answer.json["results"][:2]] == ["record_names_somebody"] * 2
    back = bus.send("reversals", b'{"external_id": "13800000000-1"}')
    assert results(back) == ["refused"]
    said = answer.get_data(as_text=True) + back.get_data(as_text=True)
    assert "13800000000" not in said and "411502199001011234" not in said
    assert settle(db) == 2


def test_characters_nobody_types_are_refused_however_they_are_written(bus: Bus, rider: Caller) -> None:
    row = json.dumps({**ride(1), "external_id": "@"}, ensure_ascii=False)
    written = [
        "r\\u0001", "r\\u0000", "r\\u007F", "r\x7f", "r\\ud800", "r\\uDC00x", "r\x00", "r\x1f",
        '", "n\\u0002": "', '", "n\x7f": [[{"m": "\x7f"}]], "o": "',
    ]  # fmt: skip
    lines: list[Any] = [row.replace("@", text) for text in written]
    broken = [b"\xed\xa0\x80", b"\xff"]  # half of a surrogate pair; no UTF-8 at all
    body = ndjson(lines) + b"\n" + b"\n".join(row.encode().replace(b"@", text) for text in broken)
    answer = bus.send("acts", body)
    codes = {(number, found["code"]) for number, found in enumerate(answer.json["results"])}
    raw = {6, 7, 11}  # JSON itself knows them not
    assert codes == {(n, "not_json" if n in raw else "control_characters") for n in range(12)}
    ordinary = [row.replace("@", text) for text in ("r-1", "r\\u002d2", 'r-3", "subject": "c-7f3a91')]
    assert "control_characters" not in json.dumps(bus.push(ordinary).json)


def test_the_results_of_a_push_are_what_their_schema_says(bus: Bus, rider: Caller) -> None:
    answer = bus.push([ride(1), "{not json", ride(2, distance_m=-5), ride(1)])
    said = answer.json["results"]
    assert [RowResultOut().dump(row) for row in said] == said
    assert not [RowResultOut().validate(row) for row in said if RowResultOut().validate(row)]


@ONE_ENGINE
def test_the_person_reads_what_was_refused_before_it_was_looked_at(
    bus: Bus, rider: Caller, citizen: Callable[..., Caller]
) -> None:
    rows = [
        ride(1, holder="person-0"), ride(2, latitude=31.1), ride(3, note="\u0007"), ride(4, subject="c-9"),
        {"external_id": "r-5", "behaviour": "XI14b"}, {**ride(6, subject="\u0000"), "note": "\u0000"},
    ]  # fmt: skip
    assert results(bus.push(rows)) == ["refused"] * 6
    found = rider.get("/citizen/refused-acts").json["items"]
    assert sorted(row["external_id"] for row in found) == ["r-1", "r-2", "r-3"]
    assert {row["reason_code"] for row in found} == {"act.row_invalid"}
    assert all("平台不收的内容" in row["reason_zh"] and not row["kept"] for row in found)
    assert citizen("another").get("/citizen/refused-acts").json["total"] == 0


def test_5001_rows_are_refused_whole(bus: Bus, rider: Caller, db: Database) -> None:
    answer = bus.push(ride(number) for number in range(5_001))
    assert answer.status_code == 413 and answer.json["code"] == "partner.too_many_rows"
    assert "5,001" in answer.json["detail"]
    assert settle(db) == 0
    assert bus.send("acts", b"\n\n").json["code"] == "partner.push_empty"


@ONE_ENGINE
def test_a_body_too_large_is_refused_before_it_is_read(bus: Bus) -> None:
    answer = bus.send("acts", b" " * (8 * 1024 * 1024 + 1))
    assert answer.status_code == 413 and answer.json["code"] == "partner.push_too_large"


def test_the_same_rows_again_change_nothing_and_other_content_is_named(
    bus: Bus, rider: Caller, db: Database
) -> None:
    rows = [ride(1), ride(2)]
    assert results(bus.push(rows)) == ["received"] * 2
    assert results(bus.push(rows)) == ["duplicate"] * 2
    settle(db)
    before = rider.get("/citizen/points").json
    again = bus.push([*rows, ride(1, at="2026-11-21T21:30:00+08:00")])
    assert results(again) == ["duplicate", "duplicate", "conflict"]
    assert [row["state"] for row in again.json["results"][:2]] == ["done", "done"]
    assert settle(db) == 0
    assert rider.get("/citizen/points").json == before


def test_a_record_taken_back_leaves_the_book(bus: Bus, rider: Caller, db: Database) -> None:
    bus.push([ride(1), ride(2)])
    settle(db)
    back = {"external_id": "r-1", "reason": "刷卡机故障"}
    assert results(bus.push([back], "reversals")) == ["received"]
    assert results(bus.push([back], "reversals")) == ["duplicate"]
    settle(db)
    acts = {act["external_id"]: act for act in rider.get("/citizen/book").json["items"]}
    assert acts["r-1"]["status"] == "withdrawn" and acts["r-1"]["points"] == 0
    assert "刷卡机故障" in acts["r-1"]["reason_zh"] and acts["r-2"]["reduction_g"] == 80


@ONE_ENGINE
def test_six_ways_to_be_refused(
    bus: Bus, rider: Caller, app: Flask, db: Database, clock: dict[str, datetime]
) -> None:
    """Altered body, path, query, time ±301 s, nonce again, wrong key: nothing is taken in (S17)."""
    path, body = "/api/v1/partner/acts", ndjson([ride(1)])
    client = app.test_client()

    def post(headers: dict[str, str], *, to: str = path, data: bytes = body, query: str = "") -> Any:
        return client.post(to, data=data, headers=headers, query_string=query)

    signed = bus.headers("POST", path, body)
    assert post(signed, data=ndjson([ride(2)])).json["code"] == "partner.signature_invalid"
    assert post(signed, to="/api/v1/partner/reversals").json["code"] == "partner.signature_invalid"
    assert post(signed, query="dry=1").json["code"] == "partner.signature_invalid"
    for seconds in (301, -301):
        bus.skew = timedelta(seconds=seconds)
        assert post(bus.headers("POST", path, body)).json["code"] == "partner.clock_off"
    bus.skew = timedelta(seconds=-299)
    stranger = Bus(app, bus.key_id, "0" * 64, clock)
    assert post(stranger.headers("POST", path, body)).json["code"] == "partner.signature_invalid"
    unknown = Bus(app, "nobody-00000000", bus.secret, clock)
    refused = post(unknown.headers("POST", path, body))
    assert refused.status_code == 401 and refused.json["code"] == "partner.signature_invalid"
    assert post({}).json["code"] == "partner.signature_missing"
    assert post({**signed, "X-Partner-Algorithm": "HMAC-MD5"}).json["code"] == "partner.signature_missing"
    assert settle(db) == 0
    # untouched, it goes through once; its nonce never again
    assert post(signed).status_code == 200
    assert post(signed).json["code"] == "partner.nonce_replayed"
    assert settle(db) == 1


@ONE_ENGINE
def test_a_refused_push_has_not_used_its_nonce(bus: Bus, rider: Caller, app: Flask) -> None:
    path, body = "/api/v1/partner/acts", ndjson(ride(number) for number in range(5_001))
    signed = bus.headers("POST", path, body)
    assert app.test_client().post(path, data=body, headers=signed).status_code == 413
    assert app.test_client().post(path, data=body, headers=signed).status_code == 413


@ONE_ENGINE
def test_old_and_new_key_work_while_rotating(
    bus: Bus, rider: Caller, app: Flask, db: Database, clock: dict[str, datetime]
) -> None:
    newer = make_bus(app, clock)
    assert results(bus.push([ride(1)])) == ["received"] and results(newer.push([ride(2)])) == ["received"]
    clock["now"] += timedelta(days=7)
    assert bus.push([ride(3)]).json["code"] == "partner.signature_invalid"
    assert results(newer.push([ride(3)])) == ["received"]


def test_secrets_are_sealed_and_shown_once(bus: Bus, db: Database, staff: Callable[[str], Caller]) -> None:
    kept = db.read(lambda session: session.get(PartnerKey, bus.key_id).secret_sealed)
    assert bus.secret not in kept
    operator = staff("scene_operator")
    made = operator.post(f"/scenes/{BUS}/keys")
    assert made.status_code == 201 and len(made.json["secret"]) == 64
    listed = operator.get(f"/scenes/{BUS}/keys")
    assert made.json["secret"] not in listed.get_data(as_text=True) and len(listed.json) == 2
    third = operator.post(f"/scenes/{BUS}/keys")
    assert third.status_code == 409 and third.json["code"] == "partner.keys_full"
    ended = operator.delete(f"/scene-keys/{bus.key_id}")
    assert ended.status_code == 200
    assert bus.push([ride(1)]).json["code"] == "partner.signature_invalid"


def test_a_suspended_scene_takes_nothing_in(
    bus: Bus, rider: Caller, db: Database, clock: dict[str, datetime]
) -> None:
    bus.push([ride(1)])
    settle(db)
    db.transact(lambda session: suspend(session, SYSTEM, BUS, note="抽查差错率 6%", now=clock["now"]))
    answer = bus.push([ride(2)])
    assert answer.status_code == 409 and answer.json["code"] == "act.scene_not_open"
    assert "已暂停" in answer.json["detail"]
    assert rider.get("/citizen/book").json["items"][0]["reduction_g"] == 80
    assert db.read(lambda session: session.get(Scene, BUS).state) == "suspended"


def test_consent_withdrawn_and_binding_ended_act_at_once(bus: Bus, rider: Caller, db: Database) -> None:
    assert results(bus.push([ride(1)])) == ["received"]
    consent = next(c for c in rider.get("/citizen/consents").json if c["partner"] == BUS)
    assert rider.delete(f"/citizen/consents/{consent['consent_id']}").status_code == 204
    refused = bus.push([ride(2)]).json["results"][0]
    assert refused["result"] == "refused" and refused["code"] == "citizen.consent_missing"
    rider.agree(BUS)
    bound = rider.get("/citizen/bindings").json[0]
    assert rider.delete(f"/citizen/bindings/{bound['id']}").status_code == 204
    assert results(bus.push([ride(3)])) == ["refused"]


def test_what_a_push_leaves_behind(bus: Bus, rider: Caller, db: Database) -> None:
    answer = bus.push([ride(1), ride(2), "{"])
    kept = db.read(lambda session: session.get(PartnerPush, answer.json["id"]))
    assert (kept.rows, kept.received, kept.refused, kept.reasons) == (3, 2, 1, {"not_json": 1})
    assert kept.days == {"2026-11-21": {"XI14b": [2, 2_000]}} and kept.late_max_s > 0
    assert "c-1" not in json.dumps([kept.reasons, kept.days])
    assert db.read(lambda session: session.query(PartnerNonce).count()) == 2  # one for the code, one push
    # what was shared, kept three years: how many rows about how many people, which fields, never the data
    shared = db.read(lambda session: session.scalars(shares(partner=BUS)).one())
    assert (shared.row_count, shared.people_count, shared.reference) == (2, 1, f"push:{kept.id}")
    assert shared.fields == ["behaviour", "external_id", "occurred_at", "subject"]


def test_the_last_batch_of_a_suspended_scene_is_run_again(
    bus: Bus, rider: Caller, db: Database, staff: Callable[[str], Caller]
) -> None:
    bus.push([ride(1)])
    last = bus.push([ride(2), ride(3, behaviour="XI14", distance_m=5_500), ride(4)]).json["id"]
    settle(db)
    path = f"/scene-pushes/{last}/recheck"
    good = staff("operator").get(path).json
    assert (good["acts"], good["agreed"], good["differing"]) == (3, 3, 0)
    # somebody tampered with a row of the book: more grams, another quantity
    db.transact(lambda session: session.execute(sa.text("UPDATE act SET claimed_g = 900, reduction_g = 900 "
                                                        "WHERE external_id = 'r-2'")))  # fmt: skip
    db.transact(lambda session: session.execute(sa.text("UPDATE act SET claimed_milli = 9000 "
                                                        "WHERE external_id = 'r-4'")))  # fmt: skip
    bad = staff("operator").get(path).json
    assert bad["agreed"] == 1
    assert {one["external_id"]: one["zh"] for one in bad["findings"]} == {
        "r-2": "账本里 900 克，重算最多 80 克", "r-4": "账本里的数量与送来的不同"
    }  # fmt: skip
    assert staff("scene_operator").get(path).status_code == 200
    db.transact(lambda session: session.execute(sa.text("UPDATE scene SET organisation_id = NULL")))
    for other in (path, f"/scene-pushes/{last}"):
        assert staff("scene_operator").get(other).status_code == 404
    assert staff("scene_operator").delete(f"/scene-keys/{bus.key_id}").status_code == 404


def test_what_became_of_a_push_is_told_to_its_partner_only(
    bus: Bus, rider: Caller, app: Flask, db: Database, clock: dict[str, datetime]
) -> None:
    number = bus.push([ride(1), ride(2), ride(2, at="2026-11-21T07:00:00+08:00")]).json["id"]
    settle(db)
    path = f"/api/v1/partner/pushes/{number}"
    seen = app.test_client().get(path, headers=bus.headers("GET", path, b"")).json
    assert seen["push"]["rows"] == 3 and seen["push"]["reasons"] == {"act.conflict": 1}
    assert [(one["state"], one["rows"]) for one in seen["outcomes"]] == [("done", 2)]
    other = make_bus(app, clock, "clean-plate")
    assert app.test_client().get(path, headers=other.headers("GET", path, b"")).status_code == 404


def _at_once(calls: list[Callable[[], Any]]) -> list[Any]:
    answers: list[Any] = []
    threads = [threading.Thread(target=lambda call=call: answers.append(call())) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def test_the_same_rows_from_four_servers_at_once_count_once(bus: Bus, rider: Caller, db: Database) -> None:
    rows = [ride(number) for number in range(1, 41)]
    answers = _at_once([lambda turn=turn: bus.push(rows[turn:] + rows[:turn]) for turn in (0, 13, 20, 39)])
    assert [answer.status_code for answer in answers] == [200] * 4
    assert sum(answer.json["received"] for answer in answers) == 40
    assert sum(answer.json["duplicates"] for answer in answers) == 120
    assert settle(db) == 40
    assert rider.get("/citizen/book").json["total"] == 40


def test_one_nonce_at_once_passes_once(bus: Bus, rider: Caller, app: Flask) -> None:
    path, body = "/api/v1/partner/acts", ndjson([ride(1)])
    signed = bus.headers("POST", path, body)
    answers = _at_once([lambda: app.test_client().post(path, data=body, headers=signed)] * 4)
    assert sorted(answer.status_code for answer in answers) == [200, 401, 401, 401]
