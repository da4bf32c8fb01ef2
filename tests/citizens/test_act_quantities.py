"""The numbers of an act over HTTP: thousandths, metres and circumstances count; a wrong one is named.

Every refusal says the field, what came, what may come and the unit, in Chinese and in English.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from citizen_world import Citizen

from carbon_platform.citizens.claims import NUMBERS
from carbon_platform.citizens.scene_tables import Scene
from carbon_platform.citizens.tables import Act
from carbon_platform.db import Database

pytestmark = pytest.mark.usefixtures("verified")

OFFICE = ["BG32", "BG35", "ZH12", "YO25-paper", "YO29", "SH07"]
AT = "2026-11-22T09:00:00+08:00"


@pytest.fixture
def office(sign_in: Callable[..., Citizen], db: Database) -> Citizen:
    """Somebody whose shop and power company report more than they do today; both are agreed to."""

    def widen(session: Any) -> None:
        session.get(Scene, "green-retail").behaviours = OFFICE

    db.transact(widen)
    return sign_in("office", "老周", "green-retail", "power-grid", "xinyang-bus", "self")


def report(
    who: Citizen, behaviour: str, number: str = "n-1", source: str = "green-retail", **more: Any
) -> Any:
    body = {"behaviour": behaviour, "source": source, "external_id": number, "occurred_at": AT}
    return who.post("/acts", {**body, **more})


COUNTED: list[tuple[str, str, dict[str, int], int, str]] = [
    # thousandths of the unit: 1.5 kWh at 590 g, 0.25 kg of paper at 220 g
    ("power-grid", "ZH08", {"quantity_milli": 1_500}, 885, "1.5"),
    ("green-retail", "YO25-paper", {"quantity_milli": 250}, 55, "0.25"),
    ("power-grid", "ZH08", {"quantity": 2}, 1_180, "2"),
    # metres of a kilometre: 2.5 km walked at 27 g, said by herself: half
    ("self", "XI16", {"distance_m": 2_500, "duration_s": 1_800}, 33, "2.5"),
    # two people, 3.5 km each not driven at 133 g, half an hour at 20 g an hour
    ("green-retail", "BG32", {"quantity": 2, "avoided_m": 3_500, "meeting_min": 30}, 911, "2"),
    ("green-retail", "BG35", {"avoided_m": 15_000}, 997, "1"),
    ("green-retail", "ZH12", {"saved_kwh_per_year": 5}, 2_950, "1"),
    # the longest call saves nothing: kept, and nothing is taken from her
    ("green-retail", "BG32", {"avoided_m": 0, "meeting_min": 1_440}, 0, "1"),
]


@pytest.mark.parametrize(("source", "behaviour", "numbers", "grams", "quantity"), COUNTED)
def test_every_kind_of_number_counts(
    office: Citizen, source: str, behaviour: str, numbers: dict[str, int], grams: int, quantity: str
) -> None:
    answer = report(office, behaviour, source=source, **numbers)
    assert answer.status_code == 201, answer.json
    body = answer.json
    assert (body["reduction_g"], body["quantity_text"]) == (grams, quantity)
    assert body["creditable_g"] <= body["reduction_g"]
    # the book tells the same line
    assert office.get("/citizen/book").json["items"][0] == office.get(f"/acts/{body['id']}").json


# behaviour, what is said, the words in Chinese, the words in English
UNFIT: list[tuple[str, dict[str, int], str, str]] = [
    ("BG32", {"avoided_m": 3_000}, "还要给 meeting_min", "meeting_min is needed as well"),
    ("BG32", {"meeting_min": 30}, "还要给 avoided_m", "avoided_m is needed as well"),
    ("BG35", {}, "还要给 avoided_m", "avoided_m is needed as well"),
    ("BG35", {"avoided_m": 1, "meeting_min": 1}, "不需要 meeting_min", "meeting_min does not belong to it"),
    ("SH07", {"saved_kwh_per_year": 1}, "不需要 saved_kwh_per_year", "does not belong to it"),
    ("SH07", {"quantity_milli": 1_500}, "按杯计，只能是整数", "whole numbers (cup)"),
    ("YO25-paper", {"quantity": 1, "quantity_milli": 1_000}, "只给一个", "not both"),
]


def test_numbers_that_do_not_fit_the_behaviour_are_named(office: Citizen, db: Database) -> None:
    for behaviour, numbers, zh, en in UNFIT:
        answer = report(office, behaviour, **numbers)
        assert (answer.status_code, answer.json["code"]) == (422, "act.quantity_invalid"), numbers
        assert zh in answer.json["detail"], (zh, answer.json["detail"])
        office.headers["Accept-Language"] = "en"
        assert en in report(office, behaviour, **numbers).json["detail"], en
        del office.headers["Accept-Language"]
    by_distance = report(office, "XI14", source="xinyang-bus", quantity_milli=3_000)
    assert "distance_m 给出米数" in by_distance.json["detail"]
    assert count(db) == 0


@pytest.mark.parametrize("name", sorted(NUMBERS))
def test_a_number_out_of_its_range_names_field_value_range_and_unit(
    office: Citizen, db: Database, name: str
) -> None:
    low, high, unit = NUMBERS[name]
    for value in (low - 1, high + 1, -(10**18), 1.5, "7", True, [1], {"a": 1}):
        answer = report(office, "BG32", **{name: value})
        assert (answer.status_code, answer.json["code"]) == (422, "platform.invalid_input"), value
        (error,) = answer.json["errors"]
        assert error["field"] == name
        assert repr(value) in error["message"], error
        assert unit in error["message"], error
        assert "应为" in error["zh"]
        if type(value) is int:
            assert f"{low:,} 到 {high:,}" in error["zh"]
            assert f"{low:,} … {high:,}" in error["en"]
    null = report(office, "BG32", **{name: None})
    assert null.json["errors"][0] == {
        "field": name, "zh": "不能为空。", "en": "Field may not be null.", "message": "不能为空。",
    }  # fmt: skip
    assert count(db) == 0


def test_the_ends_of_every_range_are_taken_or_refused_by_the_behaviour(office: Citizen) -> None:
    """A number inside its range is never refused as input; the behaviour may still not want it."""
    for name, (low, high, _unit) in NUMBERS.items():
        for value in (low, high):
            answer = report(office, "BG35", f"{name}-{value}", **{"avoided_m": 1_000, name: value})
            assert answer.json.get("code") in (None, "act.quantity_invalid", "act.in_future"), answer.json


def test_a_long_value_does_not_come_back_whole(office: Citizen) -> None:
    answer = report(office, "BG35", avoided_m="138" * 500)
    assert len(answer.json["errors"][0]["zh"]) < 200


def count(db: Database) -> int:
    return db.read(lambda session: session.scalar(sa.select(sa.func.count()).select_from(Act))) or 0
