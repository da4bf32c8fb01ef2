"""Local scenes (本地特色场景): in the book and in points, never creditable, explained like the others."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from flask import Flask
from partner_world import Caller, make_bus, ride, settle

from carbon_platform.citizens import catalogue
from carbon_platform.citizens.explain import explain_act
from carbon_platform.db import Database
from carbon_platform.identity.rules import Actor
from carbon_platform.identity.tables import Person

pytestmark = pytest.mark.usefixtures("verified")


def explained(db: Database, act_id: int) -> Any:
    def work(session: Any) -> Any:
        person = session.query(Person).one()
        actor = Actor(person.nickname, "citizen", frozenset(), person_id=person.id, holder=person.holder)
        return explain_act(session, actor, act_id, is_demo=True)

    return db.read(work)


@pytest.mark.parametrize(
    ("code", "row", "grams", "points"),
    [
        ("tea-adoption", {"behaviour": "BD41", "quantity": 2}, 0, 50),
        ("ratoon-rice", {"behaviour": "BD43", "quantity_milli": 5_500}, 0, 10),
        ("red-tour-bus", {"behaviour": "XI14", "distance_m": 42_000, "duration_s": 3_600}, 42 * 77, 100),
        ("red-tour-bus", {"behaviour": "XI14b"}, 80, 10),
    ],
    ids=["tea", "rice", "tour", "tap-on"],
)
def test_what_a_local_scene_brings(
    app: Flask, citizen: Callable[..., Caller], clock: dict[str, datetime], db: Database,
    code: str, row: dict[str, Any], grams: int, points: int,
) -> None:  # fmt: skip
    person, partner = citizen().agree(code), make_bus(app, clock, code)
    bound = person.post("/citizen/bindings", {"code": partner.code_for("c-1")})
    assert bound.status_code == 201
    answer = partner.push([ride(1, **row), ride(2, behaviour="BD45")])
    assert [one["result"] for one in answer.json["results"]] == ["received", "refused"]
    settle(db)
    act = person.get("/citizen/book").json["items"][0]
    assert (act["status"], act["reduction_g"], act["creditable_g"], act["points"]) == (
        ("partly" if points == 100 else "counted"), grams, 0, points
    )  # fmt: skip
    found = explained(db, act["id"])
    assert found.figure.value == grams
    assert any(blocker.code == "act.not_creditable" for blocker in found.blockers)
    if not grams:
        assert "积分级系数尚未确定" in found.sentence_zh and "分" in act["formula_zh"]
    back = partner.push([{"external_id": "r-1"}], "reversals")
    assert back.json["received"] == 1
    settle(db)
    assert person.get("/citizen/book").json["items"][0]["status"] == "withdrawn"


def test_other_sources_never_take_what_has_no_figure() -> None:
    for source in catalogue.sources().values():
        for behaviour in catalogue.offered_by(source):
            assert not behaviour.pending or (source.local and behaviour.local_extra and not source.creditable)
