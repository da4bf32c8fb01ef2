"""Scenes: seeded, applied for, decided by two people, changed with dates, seen by who may."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from flask import Flask
from partner_world import BUS, NOW, ONE_ENGINE, Bus, Caller, make_bus, ride, settle

from carbon_platform.citizens import catalogue, scenes
from carbon_platform.citizens.service import load_reference
from carbon_platform.db import Database

TERMS = {
    "name_zh": "茶园认养", "name_en": "Tea gardens", "behaviours": ["BD41"], "evidence_percent": 100,
    "creditable": False, "observation_days": 7, "observation_from": "act",
    "observation_source": "合作协议草案", "observation_status": "illustrative",
    "source": "合作协议草案", "status": "illustrative",
}  # fmt: skip


def test_the_data_files_are_in_and_loading_again_changes_nothing(
    db: Database, staff: Callable[[str], Caller]
) -> None:
    found = db.read(lambda session: scenes.sources(session))
    assert set(found) == set(catalogue.sources())
    waits = db.read(lambda session: scenes.observation(session, BUS))
    assert (waits.days, waits.counted_from, waits.status) == (2, "act", "secondary")
    # what people changed stays as they left it
    change = staff("operator").post(f"/scenes/{BUS}/terms", {"evidence_percent": 90, "note": "试点"}).json
    assert staff("ecology_bureau").post(
        f"/scenes/changes/{change['id']}/decision", {"approve": True}
    ).status_code == 200  # fmt: skip
    db.transact(load_reference)
    assert db.read(lambda session: scenes.get_source(session, BUS)).evidence_percent == 90


def test_local_scenes_are_never_creditable() -> None:
    local = [source for source in catalogue.sources().values() if source.local]
    assert {source.code for source in local} == {"tea-adoption", "ratoon-rice", "red-tour-bus"}
    assert not any(source.creditable for source in local)


def test_from_application_to_the_first_record(
    app: Flask, staff: Callable[[str], Caller], clock: dict[str, datetime], db: Database
) -> None:
    company, office, bureau = staff("scene_operator"), staff("operator"), staff("ecology_bureau")
    body = {"code": "tea-2", "local": True, "note": "资料齐全", **TERMS}
    made = company.post("/scenes", body)
    assert made.status_code == 201 and made.json["state"] == "applied"
    assert company.post("/scenes", body).json["code"] == "scene.code_taken"
    # nobody takes it a step further alone
    assert company.post("/scenes/tea-2/state", {"state": "published", "note": "x" * 3}).status_code == 403
    change = office.post("/scenes/tea-2/state", {"state": "published", "note": "资料已核"}).json
    assert change["status"] == "proposed"
    assert office.post(f"/scenes/changes/{change['id']}/decision", {"approve": True}).status_code == 403
    again = office.post("/scenes/tea-2/state", {"state": "published", "note": "再来"})
    assert again.json["code"] == "scene.change_open"
    done = bureau.post(f"/scenes/changes/{change['id']}/decision", {"approve": True, "note": "现场看过"})
    assert done.status_code == 200 and done.json["status"] == "done" and "现场看过" in done.json["note"]
    assert bureau.post(f"/scenes/changes/{change['id']}/decision", {"approve": True}).status_code == 404
    # connected needs a key, active needs words to agree to
    connect = {"state": "connected", "note": "联调完成"}
    assert office.post("/scenes/tea-2/state", connect).json["code"] == "scene.not_ready"
    partner = make_bus(app, clock, "tea-2")
    refused = partner.push([ride(1)])
    assert refused.status_code == 409 and refused.json["code"] == "act.scene_not_open"
    assert office.post("/scenes/tea-2/state", connect).status_code == 200
    active = office.post("/scenes/tea-2/state", {"state": "active", "note": "上线"})
    assert active.json["code"] == "scene.not_ready" and "授权说明" in active.json["detail"]
    skipped = office.post("/scenes/tea-2/state", {"state": "warned", "note": "跳过"})
    assert skipped.json["code"] == "scene.state_wrong" and "运行中" in skipped.json["detail"]


WRONG = [
    ({"behaviours": ["NO99"]}, "NO99"),
    ({"behaviours": ["YO27"]}, "尚无系数"),
    ({"behaviours": ["XI14b", "XI14b"]}, "不重复"),
    ({"creditable": True}, "不能可计入"),
    ({"local": False}, "本地特色"),
    ({"evidence_percent": 0}, "evidence_percent"),
    ({"status": "guessed"}, "status"),
    ({"observation_days": 400}, "observation_days"),
    ({"code": "Bad Code"}, "code"),
]


@ONE_ENGINE
def test_wrong_terms_are_named(staff: Callable[[str], Caller]) -> None:
    operator = staff("operator")
    for wrong, word in WRONG:
        body = {"code": "tea-2", "local": True, "note": "申请", **TERMS, **wrong}
        answer = operator.post("/scenes", body)
        assert answer.status_code == 422 and word in answer.get_data(as_text=True), (wrong, answer.json)


def test_terms_change_on_a_day_and_old_acts_keep_theirs(
    bus: Bus, rider: Caller, staff: Callable[[str], Caller], clock: dict[str, datetime], db: Database
) -> None:
    bus.push([ride(1)])
    settle(db)
    change = staff("operator").post(
        f"/scenes/{BUS}/terms", {"evidence_percent": 50, "observation_days": 5, "note": "联网核对前减半"}
    ).json  # fmt: skip
    bus.push([ride(2)])
    settle(db)  # a wish changes nothing yet
    clock["now"] += timedelta(hours=1)
    staff("ecology_bureau").post(f"/scenes/changes/{change['id']}/decision", {"approve": True})
    bus.push([ride(3)])
    settle(db, clock["now"])
    grams = {act["external_id"]: act["reduction_g"] for act in rider.get("/citizen/book").json["items"]}
    assert grams == {"r-1": 80, "r-2": 80, "r-3": 40}
    before, after = db.read(
        lambda session: (
            scenes.observation(session, BUS, NOW),
            scenes.observation(session, BUS, clock["now"] + timedelta(seconds=1)),
        )
    )
    assert (before.days, after.days) == (2, 5) and after.valid_from == "2026-11-22"
    seen = staff("auditor").get(f"/scenes/{BUS}").json
    assert [row["kind"] for row in seen["changes"]] == ["terms", "state"]


@ONE_ENGINE
def test_one_sees_the_own_scenes_only(staff: Callable[[str], Caller]) -> None:
    company = staff("scene_operator")
    assert [row["code"] for row in company.get("/scenes").json] == [BUS]
    for path in ("/scenes/clean-plate", "/scenes/clean-plate/keys", "/scenes/clean-plate/pushes"):
        assert company.get(path).status_code == 404, path
    assert company.post("/scenes/clean-plate/keys").status_code == 404
    assert (
        company.post("/scenes/clean-plate/terms", {"note": "改动", "evidence_percent": 10}).status_code == 404
    )
    assert len(staff("auditor").get("/scenes").json) == len(catalogue.sources())
    assert staff("auditor").post(f"/scenes/{BUS}/keys").status_code == 403
