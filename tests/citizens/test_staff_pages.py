"""What colleagues read about citizens' records: names instead of numbers, units beside figures."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from citizen_world import NOW, Citizen
from flask import Flask
from sqlalchemy.orm import Session

from carbon_platform.citizens import claims, privacy
from carbon_platform.console.pages_people import _field
from carbon_platform.db import Database
from carbon_platform.identity import service
from carbon_platform.identity.rules import SYSTEM, Actor

# Pages are the same on both engines.
pytestmark = pytest.mark.parametrize("engine_name", ["sqlite"])
STAFF = ("appeal.decide", "points.correct", "inclusion.read")


def page(app: Flask, who: Citizen, path: str) -> str:
    answer = app.test_client().get(path, headers=who.headers)
    assert answer.status_code == 200, path
    return answer.text


def test_the_auditor_reads_who_looked_and_every_transfer(
    app: Flask, db: Database, xiaoman: Citizen, colleague: Callable[..., Citizen]
) -> None:
    number = xiaoman.get("/citizen/account").json["number"]

    def look(session: Session) -> None:
        user = service.add_user(
            session, SYSTEM, username="wangmin", password="a long enough password", display_name="王敏",
            role="operator", region_code="4115", now=NOW,
        )  # fmt: skip
        looks = Actor("王敏", "operator", frozenset(), region_code="4115", user_id=user.id)
        privacy.look_up(session, looks, by="number", value=str(number), reason="本人来电问积分", now=NOW)

    db.transact(look)
    for push in range(31):
        db.transact(
            lambda s, push=push: privacy.record_share(
                s, partner="xinyang-bus", fields=["subject", "occurred_at", "seat"], rows=4_998, people=3_120,
                reference=f"push:{push:02d}", now=NOW + timedelta(minutes=push),
            )
        )  # fmt: skip
    auditor = colleague("审计员", "audit.read")
    text = page(app, auditor, "/people")
    row = re.search(r'data-label="查询人">(.*?)</td>', text)
    assert row and "王敏" in row[1] and "碳资源公司经办" in row[1], "a name, and the role"
    assert "账户代号" in text and "发生时间" in text and "seat" in text, (
        "fields in words, a strange one as it is"
    )
    assert "4,998" in text
    assert "push:30" in text and "push:00" not in text
    assert "/people?shares=2" in text, "older transfers are one page further"
    assert "push:00" in page(app, auditor, "/people?shares=2")


def test_an_audited_record_has_its_unit(
    app: Flask, xiaoman: Citizen, colleague: Callable[..., Citizen], clock: dict[str, datetime]
) -> None:
    clock["now"] = NOW - timedelta(days=24)
    for day in range(9, 15):
        xiaoman.rides(f"2026-10-{day:02d}", 1)
    clock["now"] = NOW
    desk = colleague("王敏", *STAFF)
    made = desk.post("/audits", {"source": "xinyang-bus", "month": "2026-10"}).json
    cells = re.findall(r'data-label="数量">([^<]*)<', page(app, desk, f"/audits/{made['id']}"))
    assert cells and set(cells) == {"1 次"}


def test_an_appeal_names_the_record_by_the_number_a_correction_asks_for(
    app: Flask, xiaoman: Citizen, colleague: Callable[..., Citizen]
) -> None:
    act = xiaoman.ride("r").json
    one, two = colleague("王敏", *STAFF), colleague("陈立", *STAFF)
    wish = {"kind": "withdraw_act", "number": act["id"], "note": "查无此刷卡"}
    correction = one.post("/points/corrections", wish).json["id"]
    path = f"/points/corrections/{correction}/decision"
    assert two.post(path, {"decision": "approve"}, **{"Idempotency-Key": "ok"}).status_code == 200
    xiaoman.post("/citizen/appeals", {"act_id": act["id"], "words": "我有票根"})
    assert f"记账第 {act['id']} 号" in page(app, one, "/appeals")


def test_every_field_a_partner_may_send_has_a_word(app: Flask) -> None:
    with app.test_request_context("/people"):
        assert [name for name in claims.FIELDS if _field(name) == name] == []
