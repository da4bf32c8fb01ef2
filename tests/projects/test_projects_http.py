"""Projects, their parcels and their readings through HTTP, on both engines."""

from __future__ import annotations

import threading
from typing import Any

import sqlalchemy as sa
from project_world import CAMELLIA, PERIOD, RICE, RICE_PERIOD, World, camellia_row, rice_row

from carbon_platform.identity.tables import AuditRecord
from carbon_platform.projects.tables import MonitoringRecord, Project, ProjectParcel

NEW = {
    "name_zh": "光山油茶园（测试）",
    "methodology_key": "camellia_oil_v1",
    "crediting_from": "2021-01-01",
    "crediting_to": "2041-01-01",
}


def test_a_project_is_opened_and_found_within_its_region(world: World) -> None:
    made = world.post("operator", "/projects", NEW)
    assert (made["code"], made["region_code"], made["scheme"]) == ("XY-P0001", "4115", "inclusion")
    county = world.post("operator", "/projects", NEW | {"name_zh": "新县", "region_code": "411523"})
    assert county["code"] == "XY-P0002"
    assert [p["code"] for p in world.get("ecology", "/projects")["items"]] == ["XY-P0002", "XY-P0001"]
    assert [p["code"] for p in world.get("xinxian", "/projects")["items"]] == ["XY-P0002"]
    # Out of scope is not found, never forbidden.
    assert world.refused("xinxian", "GET", "/projects/XY-P0001") == (404, "platform.not_found")
    assert world.refused("officer", "GET", "/projects/XY-P0002") == (404, "platform.not_found")
    actions = world.db.read(
        lambda s: s.scalars(sa.select(AuditRecord.object_id).filter_by(action="project.create")).all()
    )
    assert actions == ["XY-P0001", "XY-P0002"]


NEVER = [
    ({"methodology_key": "tea_v1"}, 422, "projects.unknown_methodology"),
    ({"methodology_key": "low_carbon_acts_v1"}, 422, "projects.methodology_without_land"),
    ({"crediting_to": "2021-01-01"}, 422, "projects.period_reversed"),
    ({"region_code": "410100"}, 422, "projects.region_outside_scope"),
    ({"region_code": "41"}, 422, "projects.region_outside_scope"),
    ({"scheme": "ccer"}, 422, "projects.scheme_mismatch"),
    ({"scheme": "vcs"}, 422, "platform.invalid_input"),
    ({"scheme": "inclusion", "methodology_key": "ccer_afforestation_v1"}, 422, "projects.scheme_mismatch"),
    ({"colour": "green"}, 422, "platform.invalid_input"),
]


def test_what_no_project_can_be(world: World) -> None:
    for change, status, code in NEVER:
        assert world.refused("operator", "POST", "/projects", NEW | change) == (status, code), change
    assert world.get("operator", "/projects")["total"] == 0


def test_a_ccer_project_is_one_by_its_methodology(world: World) -> None:
    made = world.post("operator", "/projects", NEW | {"methodology_key": "ccer_afforestation_v1"})
    assert made["scheme"] == "ccer"


def test_wrong_roles_open_no_projects(world: World) -> None:
    for who in ("verifier", "officer", "alpha", "authority"):
        assert world.refused(who, "POST", "/projects", NEW) == (403, "identity.not_allowed")
    assert world.refused("", "POST", "/projects", NEW) == (401, "identity.not_signed_in")


def test_a_name_is_used_once_by_an_owner(world: World) -> None:
    world.post("operator", "/projects", NEW)
    assert world.refused("operator", "POST", "/projects", NEW) == (409, "platform.conflict")
    assert world.post("rival", "/projects", NEW)["code"] == "XY-P0002"


def test_ten_at_once_get_ten_numbers(world: World) -> None:
    tokens = world.actor("operator")
    assert tokens
    answers: list[int] = []

    def open_one(number: int) -> None:
        answers.append(
            world.call("operator", "POST", "/projects", NEW | {"name_zh": f"同时 {number}"}).status_code
        )

    threads = [threading.Thread(target=open_one, args=(n,)) for n in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [201] * 10
    codes = sorted(world.db.read(lambda s: s.scalars(sa.select(Project.code)).all()))
    assert codes == [f"XY-P{n:04d}" for n in range(1, 11)]


def test_parcels_join_by_code_or_by_selection(world: World) -> None:
    project = world.project()
    url = f"/projects/{project}/parcels"
    assert world.post("operator", url, {"codes": ["411522-1"]}) == {"attached": 1, "already": 0}
    selection = {"selection": {"kind": "camellia", "county_codes": ["411522"]}}
    assert world.post("operator", url, selection) == {"attached": 2, "already": 1}
    everything = {"selection": {"kind": "camellia"}}
    assert world.post("operator", url, everything) == {"attached": 2, "already": 3}
    found = world.get("operator", f"/projects/{project}")
    assert (found["parcel_count"], found["area_m2"]) == (5, 470_000.0)
    assert [(c["county_code"], c["parcels"]) for c in found["counties"]] == [("411522", 3), ("411523", 2)]
    [listed] = world.get("operator", "/projects")["items"]
    assert (listed["parcel_count"], listed["area_m2"]) == (5, 470_000.0)


def test_all_parcels_join_or_none(world: World) -> None:
    project = world.project(region_code="411522")
    url = f"/projects/{project}/parcels"
    body = {"codes": ["411522-1", "411523-1", "411528-1", "411523-9", "411522-404"]}
    response = world.call("operator", "POST", url, body)
    assert (response.status_code, response.get_json()["code"]) == (409, "projects.parcels_refused")
    assert {(e["row"], e["code"]) for e in response.get_json()["errors"]} == {
        ("411523-1", "projects.parcel_outside_project"),
        ("411528-1", "projects.parcel_of_other_kind"),
        ("411523-9", "projects.parcel_not_registered"),
        ("411522-404", "projects.parcel_unknown"),
    }
    assert world.get("operator", f"/projects/{project}")["parcel_count"] == 0
    nothing = {"selection": {"kind": "camellia", "county_codes": ["411502"]}}
    assert world.refused("operator", "POST", url, nothing) == (422, "projects.no_parcels")
    assert world.refused("operator", "POST", url, {}) == (422, "platform.invalid_input")


def test_no_parcel_is_in_two_projects_of_one_pool(world: World) -> None:
    first = world.camellia_project(["411522-1"])
    second = world.project(who="rival")
    response = world.call("rival", "POST", f"/projects/{second}/parcels", {"codes": ["411522-2", "411522-1"]})
    assert response.status_code == 409
    [error] = response.get_json()["errors"]
    assert error["code"] == "projects.parcel_in_other_project"
    assert first in error["message"]
    members = world.db.read(lambda s: s.scalars(sa.select(ProjectParcel.parcel_id)).all())
    assert len(members) == 1


def test_two_projects_grabbing_one_parcel_at_once(world: World) -> None:
    mine, theirs = world.project(), world.project(who="rival")
    barrier = threading.Barrier(2)
    codes: list[int] = []

    def grab(who: str, project: str) -> None:
        world.actor(who)
        barrier.wait()
        body = {"codes": ["411522-1"]}
        codes.append(world.call(who, "POST", f"/projects/{project}/parcels", body).status_code)

    threads = [threading.Thread(target=grab, args=pair) for pair in (("operator", mine), ("rival", theirs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == [200, 409]


def test_only_the_owner_writes(world: World) -> None:
    project = world.camellia_project(["411522-1"])
    assert world.refused("rival", "POST", f"/projects/{project}/parcels", {"codes": ["411522-2"]}) == (
        403,
        "projects.not_the_owner",
    )
    body = {**PERIOD, "rows": [camellia_row("411522-1")]}
    assert world.refused("rival", "POST", f"/projects/{project}/monitoring", body)[0] == 403
    assert world.refused("verifier", "POST", f"/projects/{project}/monitoring", body)[0] == 403


def test_a_later_reading_supersedes_and_the_earlier_stays(world: World) -> None:
    project = world.project()
    world.post("operator", f"/projects/{project}/parcels", {"codes": CAMELLIA})
    first = world.monitor(project, [camellia_row(code) for code in CAMELLIA[:3]])
    assert (first["recorded"], first["superseded"], first["missing"]) == (3, 0, 2)
    again = world.monitor(project, [camellia_row(code, diesel_l=50.0) for code in CAMELLIA[2:]])
    assert (again["recorded"], again["superseded"], again["missing"]) == (3, 1, 0)
    records = world.db.read(lambda s: s.scalars(sa.select(MonitoringRecord)).all())
    assert len(records) == 6
    [old] = [record for record in records if record.superseded_by]
    [new] = [record for record in records if record.id == old.superseded_by]
    assert old.parcel_id == new.parcel_id
    assert (old.values["diesel_l"], new.values["diesel_l"]) == (100.0, 50.0)
    [period] = world.get("operator", f"/projects/{project}")["periods"]
    assert (period["parcels"], period["missing"]) == (5, 0)


WRONG_READINGS: list[tuple[dict[str, Any], str]] = [
    ({"planting_year": 1700}, "planting_year"),
    ({"diesel_l": -1.0}, "diesel_l"),
    ({"activity": "felling"}, "activity"),
    ({"route": None}, "route"),
    ({"diesel_l": "much"}, "diesel_l"),
    ({"route": "plot"}, "stock_end_t_per_ha"),
    ({"colour": "green"}, "colour"),
]


def test_readings_are_judged_by_the_methodology(world: World) -> None:
    project = world.project()
    world.post("operator", f"/projects/{project}/parcels", {"codes": ["411522-1", "411522-2"]})
    for change, field in WRONG_READINGS:
        rows = [camellia_row("411522-1"), camellia_row("411522-2", **change)]
        response = world.call("operator", "POST", f"/projects/{project}/monitoring", {**PERIOD, "rows": rows})
        assert (response.status_code, response.get_json()["code"]) == (422, "projects.monitoring_refused")
        found = {error["field"]: error for error in response.get_json()["errors"]}
        assert field in found, change
        assert found[field]["row"] in {"411522-2", None}
    assert world.get("operator", f"/projects/{project}")["periods"] == []


def test_rows_must_be_of_the_project_once_and_without_area(world: World) -> None:
    project = world.project()
    world.post("operator", f"/projects/{project}/parcels", {"codes": ["411522-1", "411522-2"]})
    rows = [
        camellia_row("411522-1"),
        camellia_row("411522-1"),
        camellia_row("411523-1"),
        camellia_row("411522-2", area_ha=99.0),
        {"diesel_l": 1.0},
    ]
    response = world.call("operator", "POST", f"/projects/{project}/monitoring", {**PERIOD, "rows": rows})
    assert [(e["row"], e["code"]) for e in response.get_json()["errors"]] == [
        ("411522-1", "projects.parcel_twice"),
        ("411523-1", "projects.parcel_not_in_project"),
        ("411522-2", "projects.area_from_register"),
        ("#5", "projects.parcel_not_in_project"),
    ]


def test_readings_outside_the_crediting_period_are_refused(world: World) -> None:
    project = world.project()
    world.post("operator", f"/projects/{project}/parcels", {"codes": ["411522-1"]})
    body = {"period_start": "2020-01-01", "period_end": "2022-01-01", "rows": [camellia_row("411522-1")]}
    url = f"/projects/{project}/monitoring"
    assert world.refused("operator", "POST", url, body) == (422, "projects.period_outside_crediting")


def test_readings_as_csv(world: World) -> None:
    project = world.project(methodology="ratoon_rice_v1")
    world.post("operator", f"/projects/{project}/parcels", {"codes": RICE})
    rows = [rice_row(code) for code in RICE]
    words = {"True": "是", "False": "否"}
    cells = [[words.get(str(cell), str(cell)) for cell in row.values()] for row in rows]
    text = "\r\n".join(",".join(line) for line in [list(rows[0]), *cells])
    for encoding in ("utf-8", "utf-8-sig", "gbk"):
        response = send_csv(world, project, text.encode(encoding), RICE_PERIOD)
        assert response.status_code == 201, response.get_json()
        assert response.get_json()["recorded"] == 3
    by_csv = world.run(project, RICE_PERIOD)
    world.later(minutes=1)
    world.monitor(project, rows, RICE_PERIOD)
    assert world.run(project, RICE_PERIOD)["input_digest"] == by_csv["input_digest"]


def test_broken_csv_is_named(world: World) -> None:
    project = world.camellia_project(["411522-1"])
    for text in ("", "a,b\n1,2", "parcel_code,diesel_l\n411522-1", "parcel_code\n1,2,3", "parcel_code"):
        response = send_csv(world, project, text.encode(), PERIOD)
        assert (response.status_code, response.get_json()["code"]) == (422, "platform.invalid_input"), text
    assert send_csv(world, project, b"\xff\xfe\xff", PERIOD).status_code == 422


def send_csv(world: World, project: str, content: bytes, period: dict[str, str]) -> Any:
    return world.call(
        "operator",
        "POST",
        f"/projects/{project}/monitoring.csv",
        data=content,
        query_string=period,
        content_type="text/csv",
    )
