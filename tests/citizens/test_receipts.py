"""``Prefer: respond-async``: a report is written down now and ruled on by the worker, to the same result."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from citizen_world import NOW, Citizen

from carbon_platform.citizens import inbox
from carbon_platform.citizens.inbox_tables import ActRecord
from carbon_platform.db import Database

pytestmark = pytest.mark.usefixtures("verified")


def later(who: Citizen, number: str = "ride-1", at: str = "2026-11-22T09:00:00+08:00", **more: Any) -> Any:
    body = {"behaviour": "XI14b", "source": "xinyang-bus", "external_id": number, "occurred_at": at}
    return who.post("/acts", {**body, **more}, Prefer="wait=5, Respond-Async")


def work(db: Database, now: datetime = NOW) -> inbox.Processed:
    return inbox.work_through(db, lambda: now)


def written(db: Database) -> int:
    return db.read(lambda s: s.scalar(sa.select(sa.func.count()).select_from(ActRecord))) or 0


def test_a_receipt_first_then_the_same_line_of_the_book(
    sign_in: Callable[..., Citizen], db: Database
) -> None:
    one, other = sign_in("a", "甲", "xinyang-bus"), sign_in("b", "乙", "xinyang-bus")
    answer = later(one)
    assert answer.status_code == 202
    assert answer.headers["Preference-Applied"] == "respond-async"
    assert answer.headers["Location"] == f"/api/v1/citizen/receipts/{answer.json['id']}"
    assert (answer.json["state"], answer.json["act_id"]) == ("waiting", None)
    assert one.get("/citizen/book").json["total"] == 0

    assert work(db).counted == 1
    receipt = one.get(f"/citizen/receipts/{answer.json['id']}").json
    assert receipt["state"] == "done"
    act = one.get(f"/acts/{receipt['act_id']}").json
    at_once = other.ride("ride-2").json
    same = [
        "reduction_g",
        "creditable_g",
        "points",
        "points_state",
        "formula_zh",
        "status",
        "parameter_digest",
    ]
    assert {name: act[name] for name in same} == {name: at_once[name] for name in same}


def test_the_same_report_in_either_way_counts_once(xiaoman: Citizen, db: Database) -> None:
    first = later(xiaoman).json
    assert later(xiaoman).json == first  # the second click
    reported = xiaoman.ride()
    assert (reported.status_code, reported.json["status"]) == (201, "counted")
    assert work(db) == inbox.Processed(rows=1, repeated=1)
    assert later(xiaoman).json == {**first, "state": "done", "act_id": reported.json["id"]}
    assert written(db) == 1
    conflict = later(xiaoman, at="2026-11-22T09:30:00+08:00")
    assert (conflict.status_code, conflict.json["code"]) == (409, "act.conflict")
    assert xiaoman.get("/citizen/book").json["total"] == 1


def test_twenty_clicks_at_once_are_one_row(xiaoman: Citizen, db: Database) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: later(xiaoman), range(20)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json["id"] for answer in answers}) == 1
    assert (written(db), work(db).counted) == (1, 1)


BAD: list[tuple[dict[str, Any], int]] = [
    ({"source": "no-such"}, 422),
    ({"behaviour": "ZH08"}, 422),
    ({"quantity_milli": 500}, 422),
    ({"quantity": 0}, 422),
    ({"at": (NOW + timedelta(hours=1)).isoformat()}, 422),
    ({"at": (NOW - timedelta(days=32)).isoformat()}, 422),
]


@pytest.mark.parametrize(("change", "status"), BAD)
def test_what_can_be_said_at_once_is_said_in_the_same_words(
    xiaoman: Citizen, db: Database, change: dict[str, Any], status: int
) -> None:
    at_once, answer = xiaoman.ride(**change), later(xiaoman, **change)
    assert (answer.status_code, at_once.status_code) == (status, status), (answer.json, at_once.json)
    same = ["code", "detail", "errors"]
    assert [answer.json.get(name) for name in same] == [at_once.json.get(name) for name in same]
    assert written(db) == 0


def test_no_consent_nothing_written(sign_in: Callable[..., Citizen], db: Database) -> None:
    nobody = sign_in("c", "丙")
    answer = later(nobody)
    assert (answer.status_code, answer.json["code"]) == (403, "citizen.consent_missing")
    assert written(db) == 0


def test_a_consent_withdrawn_before_the_worker_comes_stops_it(xiaoman: Citizen, db: Database) -> None:
    receipt = later(xiaoman).json
    (consent,) = [one for one in xiaoman.get("/citizen/consents").json if one["partner"] == "xinyang-bus"]
    assert xiaoman.delete(f"/citizen/consents/{consent['consent_id']}").status_code == 204
    assert work(db).refused == 1
    found = xiaoman.get(f"/citizen/receipts/{receipt['id']}").json
    assert (found["state"], found["reason_code"]) == ("refused", "citizen.consent_missing")
    assert found["reason_zh"] and found["reason_en"]
    assert xiaoman.get("/citizen/book").json["total"] == 0


def test_a_receipt_is_its_owner_s(sign_in: Callable[..., Citizen]) -> None:
    one, other = sign_in("a", "甲", "xinyang-bus"), sign_in("b", "乙", "xinyang-bus")
    receipt = later(one).json["id"]
    assert other.get(f"/citizen/receipts/{receipt}").status_code == 404
    assert one.get(f"/citizen/receipts/{receipt + 1}").status_code == 404
    assert one.get(f"/citizen/receipts/{receipt}").status_code == 200


def test_after_a_month_it_is_still_the_first(
    xiaoman: Citizen, sign_in: Callable[..., Citizen], db: Database, clock: dict[str, datetime]
) -> None:
    first = later(xiaoman).json
    work(db)
    clock["now"] = NOW + timedelta(days=40)
    again = later(sign_in())
    assert (again.status_code, again.json["id"], again.json["state"]) == (202, first["id"], "done")
