"""WeRun steps: opened on the server, whole or not at all; a day counts once."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from partner_world import NOW, ONE_ENGINE, Caller

from carbon_platform.citizens import werun
from carbon_platform.citizens.rules import LOCAL
from carbon_platform.citizens.steps_api import MOCK_APP_ID
from carbon_platform.db import Database
from carbon_platform.identity.tables import Person

IV = b"0123456789abcdef"
VECTOR = base64.b64encode(IV).decode()
KEY = base64.b64encode(hashlib.sha256(b"xiaoman").digest()[:16]).decode()  # the mock's, for this code


def midnight(days_ago: int, now: datetime = NOW) -> int:
    local = now.astimezone(LOCAL).replace(hour=0, minute=0, second=0, microsecond=0)
    return int((local - timedelta(days=days_ago)).timestamp())


def said(days: dict[int, int], *, app_id: str = MOCK_APP_ID, at: datetime = NOW) -> bytes:
    """WeChat's JSON: steps by days ago."""
    rows = [{"timestamp": midnight(ago), "step": days[ago]} for ago in sorted(days, reverse=True)]
    return json.dumps(
        {"stepInfoList": rows, "watermark": {"timestamp": int(at.timestamp()), "appid": app_id}}
    ).encode()


def send(person: Caller, plain: bytes, code: str = "xiaoman", **more: str) -> Any:
    body = {
        "code": code,
        "encrypted_data": werun.encrypt(KEY, plain, IV),
        "iv": base64.b64encode(IV).decode(),
    }
    return person.post("/citizen/steps", body | more)


def test_each_ended_day_is_a_walk_with_its_cap(citizen: Callable[..., Caller]) -> None:
    person = citizen().agree("werun")
    answer = send(person, said({0: 9_000, 1: 7_250, 2: 0, 3: 30_000, 4: 40_001, 31: 5_000}))
    assert answer.status_code == 200, answer.json
    found = {row["day"]: row for row in answer.json}
    assert set(found) == {"2026-11-21", "2026-11-19", "2026-11-18"}  # not today, not without steps, not older
    # 7,250 steps ÷ 1,540 = 4,707 m × 27 g/km = 127 g; 碳碳星球 gives 145 for them
    assert (found["2026-11-21"]["distance_m"], found["2026-11-21"]["reduction_g"]) == (4_707, 127)
    assert found["2026-11-19"]["reduction_g"] == 270  # 10 km a day
    assert found["2026-11-19"]["code"] == "cap_day"
    assert found["2026-11-18"]["result"] == "refused" and "40,000" in found["2026-11-18"]["zh"]
    (refused,) = person.get("/citizen/refused-acts").json["items"]
    assert (refused["reason_code"], refused["behaviour"], refused["kept"]) == ("steps.too_many", "XI16", True)
    assert "40,000" in refused["reason_zh"] and refused["may_appeal"]
    book = person.get("/citizen/book").json
    assert book["total"] == 2 and all(act["creditable_g"] == 0 for act in book["items"])


def test_a_day_counts_once_as_first_read(citizen: Callable[..., Caller], clock: dict[str, datetime]) -> None:
    person = citizen().agree("werun")
    first = send(person, said({1: 5_000})).json
    assert [row["result"] for row in send(person, said({1: 5_000})).json] == ["repeated"]
    assert [row["result"] for row in send(person, said({1: 20_000})).json] == ["repeated"]
    points = person.get("/citizen/points").json
    assert points["pending"] + points["available"] == first[0]["points"] > 0
    clock["now"] += timedelta(days=1)
    later = send(person, said({0: 8_000, 1: 5_000}, at=clock["now"])).json
    assert [(row["day"], row["result"]) for row in later] == [
        ("2026-11-21", "repeated"), ("2026-11-22", "counted")
    ]  # fmt: skip


@ONE_ENGINE
def test_a_walk_of_the_day_meets_no_bus_ride(citizen: Callable[..., Caller]) -> None:
    person = citizen().agree("werun", "xinyang-bus")
    ride = {"behaviour": "XI14b", "source": "xinyang-bus", "external_id": "r-1"}
    assert (
        person.post("/acts", {**ride, "occurred_at": "2026-11-21T12:00:00+08:00"}).json["status"] == "counted"
    )
    assert send(person, said({1: 5_000})).json[0]["reduction_g"] > 0


@ONE_ENGINE
def test_without_consent_nothing_is_taken(citizen: Callable[..., Caller]) -> None:
    answer = send(citizen(), said({1: 5_000}))
    assert answer.status_code == 403 and answer.json["code"] == "citizen.consent_missing"


@ONE_ENGINE
def test_somebody_elses_steps_are_refused(citizen: Callable[..., Caller]) -> None:
    answer = send(citizen("dashan").agree("werun"), said({1: 5_000}))
    assert answer.status_code == 403 and answer.json["code"] == "steps.of_another"


@ONE_ENGINE
def test_the_wechat_of_an_account_that_was_merged_brings_its_steps(
    citizen: Callable[..., Caller], db: Database
) -> None:
    stays = citizen("dashan").agree("werun")
    citizen("xiaoman")
    assert send(stays, said({1: 5_000})).json["code"] == "steps.of_another"
    first, second = db.read(lambda session: session.scalars(sa.select(Person.id).order_by(Person.id)).all())
    merged = sa.update(Person).where(Person.id == second).values(merged_into_id=first, state="merged")
    db.transact(lambda session: session.execute(merged))
    assert [row["result"] for row in send(stays, said({1: 5_000})).json] == ["counted"]


@pytest.mark.parametrize(
    "plain",
    [
        said({1: 5_000}, app_id="wx-other"),
        said({1: 5_000}, at=NOW - timedelta(hours=2)),
        b"{}",
        b'{"stepInfoList": [], "watermark": {"timestamp": 1e400, "appid": "wx-mock"}}',
        json.dumps({"stepInfoList": [{"timestamp": 5, "step": 1}, {"timestamp": 4, "step": 1}],
                    "watermark": {"timestamp": int(NOW.timestamp()), "appid": MOCK_APP_ID}}).encode(),
        json.dumps({"stepInfoList": [{"timestamp": midnight(1), "step": -5}],
                    "watermark": {"timestamp": int(NOW.timestamp()), "appid": MOCK_APP_ID}}).encode(),
    ],
    ids=["other-app", "old", "empty", "infinite", "disorder", "negative"],
)  # fmt: skip
def test_only_wechats_own_words_open(plain: bytes) -> None:
    with pytest.raises(werun.StepsUnreadable):
        werun.read_days(plain, app_id=MOCK_APP_ID, now=NOW)


@ONE_ENGINE
def test_garbage_is_named_not_crashed_on(citizen: Callable[..., Caller]) -> None:
    person = citizen().agree("werun")
    for more in (
        {"iv": "!" * 24},
        {"encrypted_data": "A" * 30},
        {"encrypted_data": base64.b64encode(b"x" * 48).decode()},
    ):
        answer = send(person, said({1: 1}), **more)
        assert answer.status_code == 422 and answer.json["code"] == "steps.unreadable", answer.json


@given(st.integers(0, 10**6), st.integers(1, 255))
def test_a_changed_byte_never_opens_as_other_steps(place: int, change: int) -> None:
    """The numbers cannot be moved without the key: whatever a sender alters is refused or changes nothing."""
    plain = said({1: 5_000, 2: 6_000})
    data = bytearray(base64.b64decode(werun.encrypt(KEY, plain, IV)))
    vector = bytearray(IV)
    place %= len(data) + len(vector)
    if place < len(vector):
        vector[place] ^= change
    else:
        data[place - len(vector)] ^= change
    honest = werun.read_days(plain, app_id=MOCK_APP_ID, now=NOW)
    try:
        opened = werun.decrypt(KEY, base64.b64encode(data).decode(), base64.b64encode(vector).decode())
        assert werun.read_days(opened, app_id=MOCK_APP_ID, now=NOW) == honest
    except werun.StepsUnreadable:
        pass


@given(st.binary(max_size=200))
def test_what_was_encrypted_opens_again(plain: bytes) -> None:
    assert werun.decrypt(KEY, werun.encrypt(KEY, plain, IV), VECTOR) == plain


@ONE_ENGINE
def test_too_many_steps_without_consent_leave_nothing(citizen: Callable[..., Caller]) -> None:
    person = citizen()
    answer = send(person, said({1: 50_000}))
    assert answer.status_code == 403 and answer.json["code"] == "citizen.consent_missing"
    assert person.get("/citizen/refused-acts").json["total"] == 0
