"""Caps that several behaviours share, caps by the year, acts that exclude each other, what is offered."""

from __future__ import annotations

import dataclasses

import pytest
from citizen_world import Citizen
from sqlalchemy.orm import Session

from carbon_platform.citizens import catalogue, rules
from carbon_platform.citizens.rules import Caps, Used
from carbon_platform.citizens.scene_tables import Scene
from carbon_platform.db import Database

BY_CODE = catalogue.behaviours()


MORE = ("YO25-pet", "YO25-paper", "YO26", "XI19", "XI20", "YO27", "BG35")


@pytest.fixture
def widened(db: Database) -> None:
    """The clean-plate partner also reports recycling, phones and charging, as a future partner may."""

    def widen(session: Session) -> None:
        scene = session.get_one(Scene, "clean-plate")
        scene.behaviours = [*scene.behaviours, *MORE]

    db.transact(widen)


def test_only_what_has_a_figure_is_offered() -> None:
    source = catalogue.sources()["clean-plate"]
    wider = dataclasses.replace(source, behaviours=(*source.behaviours, *MORE))
    offered = [behaviour.code for behaviour in catalogue.offered_by(wider)]
    assert offered == ["SH03", "YO25-pet", "YO25-paper", "YO26", "XI19", "XI20", "BG35"]


def test_materials_share_their_cap() -> None:
    assert len(catalogue.sharing_cap(BY_CODE["YO25-pet"])) == 5
    assert catalogue.sharing_cap(BY_CODE["SH03"]) == ["SH03"]
    assert catalogue.caps_of(BY_CODE["YO26"]).year_milli == 2_000


def test_the_cap_of_a_year() -> None:
    caps = Caps("部", "unit", year_milli=2_000)
    assert rules.countable_milli(2_000, caps, Used()) == (2_000, None)
    counted, reason = rules.countable_milli(2_000, caps, Used(year_milli=1_000))
    assert counted == 1_000 and reason and reason.code == "cap_year" and "每年最多计 2 部" in reason.zh


@pytest.mark.usefixtures("verified", "widened")
def test_recycling_of_any_material_counts_against_one_cap(xiaoman: Citizen) -> None:
    first = xiaoman.plate("pet", behaviour="YO25-pet", quantity=30).json
    second = xiaoman.plate("paper", behaviour="YO25-paper", quantity=30).json
    assert first["reduction_g"] == 30 * 320 and first["reason_code"] == "cap_points_day"
    assert (second["status"], second["reduction_g"], second["reason_code"]) == ("partly", 20 * 220, "cap_day")


@pytest.mark.usefixtures("verified", "widened")
def test_a_third_phone_of_the_year_does_not_count(xiaoman: Citizen) -> None:
    said = [
        xiaoman.plate(f"phone-{day}", f"2026-{day}T08:00:00+08:00", behaviour="YO26").json
        for day in ("10-30", "11-02", "11-21")
    ]
    assert [answer["reduction_g"] for answer in said] == [20_000, 20_000, 0]
    assert said[2]["reason_code"] == "cap_year"


@pytest.mark.usefixtures("verified", "widened")
def test_driving_and_charging_of_one_day_count_once(xiaoman: Citizen) -> None:
    driven = xiaoman.plate("km", behaviour="XI19", distance_m=20_000).json
    again = xiaoman.plate("kwh", "2026-11-22T10:00:00+08:00", behaviour="XI20").json
    other = xiaoman.plate("kwh-2", "2026-11-21T10:00:00+08:00", behaviour="XI20", quantity=2).json
    assert driven["reduction_g"] == 20 * 84 and other["reduction_g"] == 2 * 562
    assert (again["status"], again["reason_code"]) == ("not_counted", "excluded")
    assert "新能源车行驶" in again["reason_zh"]
