"""One claim per land × period × pool when parcels join a project, on both engines, through HTTP."""

from __future__ import annotations

import io
import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import shapely
import sqlalchemy as sa
from claim_desk import attach, box, codes_of, declare, land, new_project
from project_world import World, prepare_world

from carbon_platform.identity.tables import AuditRecord
from carbon_platform.parcels.outside_claims_tables import OutsideClaim
from carbon_platform.projects.tables import PastProjectParcel, ProjectParcel
from carbon_platform.web import platform

LONG_AGO = {"crediting_from": "2001-01-01", "crediting_to": "2021-01-01"}


def members(world: World) -> int:
    return int(world.db.read(lambda s: s.scalar(sa.select(sa.func.count()).select_from(ProjectParcel))) or 0)


def test_land_drawn_again_joins_no_second_project(world: World) -> None:
    """Shifted by 1 % or by a third, turned, larger, smaller, of another owner: the same land."""
    first = new_project(world)
    [old] = land(world, box(0, 0))
    assert attach(world, first, [old]) == {"attached": 1, "already": 0}
    shapes = [box(0, 0), box(1, 0), box(99, 0), box(33, -33), box(40, 40, 10, 10), box(-300, -300, 900, 900)]
    for who in ("rival", "operator"):
        second = new_project(world, who)
        for code in land(world, *shapes):
            answer = attach(world, second, [code], who)
            assert (answer["code"], codes_of(answer)) == (
                "projects.parcels_refused",
                ["projects.land_claimed"],
            )
            assert first in answer["errors"][0]["message"]
            assert old in answer["errors"][0]["message"]
    assert members(world) == 1


def test_neighbours_slivers_and_noise(world: World) -> None:
    first, second = new_project(world), new_project(world, "rival")
    attach(world, first, land(world, box(0, 0)))
    touching, noise, sliver = land(world, box(100, 0), box(-99.9, 0), box(0, 99.4))
    assert attach(world, second, [touching, noise], "rival") == {"attached": 2, "already": 0}
    answer = attach(world, second, [sliver], "rival")
    assert answer["attached"] == 1
    [warning] = answer["warnings"]
    assert (warning["code"], warning["row"]) == ("projects.land_sliver", sliver)
    assert "60.0 平方米（0.60%）" in warning["zh"]


def test_a_parcel_worn_away_by_its_neighbours(world: World) -> None:
    """Three others of other projects take 0.4 % each: the third is one too many, on either side."""
    first = new_project(world)
    attach(world, first, land(world, box(0, 0)))
    west, east, north = land(world, box(-99.6, 0), box(99.6, 0), box(0, 99.6))
    second, third = new_project(world, "rival"), new_project(world, "rival")
    assert attach(world, second, [west, east], "rival")["attached"] == 2
    answer = attach(world, third, [north], "rival")
    assert codes_of(answer) == ["projects.land_claimed"]
    assert "合计" in answer["errors"][0]["message"]
    assert "1.20%" in answer["errors"][0]["message"]


def test_other_days_and_other_pools_are_free(world: World) -> None:
    first = new_project(world)
    [code] = land(world, box(0, 0))
    attach(world, first, [code])
    before = new_project(world, "rival", **LONG_AGO)
    assert attach(world, before, [code], "rival") == {"attached": 1, "already": 0}
    assert attach(world, before, [code], "rival") == {"attached": 0, "already": 1}
    [paddy] = land(world, box(0, 0), kind="rice")
    rice = new_project(world, "rival", methodology="ratoon_rice_v1")
    assert attach(world, rice, [paddy], "rival") == {"attached": 1, "already": 0}
    one_day = new_project(world, "rival", crediting_from="2040-12-31", crediting_to="2050-01-01")
    answer = attach(world, one_day, [code], "rival")
    assert codes_of(answer) == ["projects.parcel_in_other_project"]


def test_trap_13_tea_in_both_layers(world: World) -> None:
    """One tea garden in the forestry layer and in the land survey: both are registered, one is claimed."""
    [forest] = land(world, box(0, 0), kind="forest")
    [tea] = land(world, box(3, 2), kind="tea")
    ccer = new_project(world, methodology="ccer_afforestation_v1")
    inclusion = new_project(world, "rival", methodology="tea_garden_v1")
    assert attach(world, ccer, [forest])["attached"] == 1
    answer = attach(world, inclusion, [tea], "rival")
    assert codes_of(answer) == ["projects.land_claimed"]
    assert "CCER" in answer["errors"][0]["message"]


@pytest.mark.parametrize("scheme", ["ccer", "inclusion", "vcs", "gs", "court", "other"])
def test_land_claimed_under_another_scheme(world: World, scheme: str) -> None:
    number = declare(world, box(10, 10), scheme=scheme, reference=f"{scheme}-77")
    project = new_project(world)
    inside, beside = land(world, box(0, 0), box(300, 0))
    answer = attach(world, project, [inside, beside])
    assert codes_of(answer) == ["projects.land_claimed"]
    message = answer["errors"][0]["message"]
    assert number in message
    assert f"{scheme}-77" in message
    assert members(world) == 0, "all or none"
    assert attach(world, project, [beside])["attached"] == 1


def test_a_declaration_takes_its_pools_and_its_days(world: World) -> None:
    [code] = land(world, box(0, 0))
    project = new_project(world)
    declare(world, box(0, 0), pools=["soil_ch4", "soil_n2o"])
    declare(world, box(0, 0), period_start=date(2011, 1, 1), period_end=date(2021, 1, 1))
    assert attach(world, project, [code])["attached"] == 1
    [other] = land(world, box(500, 0))
    declare(world, box(500, 0), pools=["all"])
    assert codes_of(attach(world, project, [other])) == ["projects.land_claimed"]


def test_release_takes_another_person_and_a_reason(world: World) -> None:
    number = declare(world, box(0, 0))
    url = f"/outside-claims/{number}/release"
    project = new_project(world)
    [code] = land(world, box(0, 0))
    ended = {"reason": "对方已注销"}
    assert world.refused("ecology", "POST", url, ended) == (403, "parcels.release_needs_another")
    assert world.refused("operator", "POST", url, ended) == (403, "identity.not_allowed")
    assert world.refused("xinxian", "POST", url, ended) == (404, "platform.not_found")
    assert world.refused("forestry", "POST", url, {"reason": " "}) == (422, "platform.invalid_input")
    assert codes_of(attach(world, project, [code])) == ["projects.land_claimed"]
    answer = world.post("forestry", url, ended)
    assert (answer["status"], answer["release_reason"]) == ("released", "对方已注销")
    assert world.refused("forestry", "POST", url, ended) == (409, "parcels.already_released")
    assert attach(world, project, [code])["attached"] == 1
    actions = world.db.read(
        lambda s: s.scalars(sa.select(AuditRecord.action).filter_by(object_id=number)).all()
    )
    assert actions == ["claim.declare", "claim.release"]


def test_leaving_a_project_frees_the_land_and_is_kept(world: World) -> None:
    first, second = new_project(world), new_project(world, "rival")
    mine, other = land(world, box(0, 0), box(500, 0))
    [again] = land(world, box(2, 0))
    attach(world, first, [mine, other])
    url = f"/projects/{first}/parcels/removal"
    body = {"codes": [mine], "reason": "与邻县项目重叠"}
    assert world.refused("rival", "POST", url, body) == (403, "projects.not_the_owner")
    missing = world.call("operator", "POST", url, body | {"codes": [mine, again]})
    assert (missing.status_code, missing.get_json()["code"]) == (409, "projects.not_members")
    assert members(world) == 2, "all or none"
    assert codes_of(attach(world, second, [again], "rival")) == ["projects.land_claimed"]
    assert world.post("operator", url, body) == {"detached": 1}
    assert attach(world, second, [again], "rival")["attached"] == 1
    assert codes_of(attach(world, first, [mine])) == ["projects.land_claimed"], "it is taken now"
    [past] = world.db.read(lambda s: s.scalars(sa.select(PastProjectParcel)).all())
    assert (past.reason, past.detached_by) == ("与邻县项目重叠", "operator 经办")


def geojson(*shapes: shapely.Geometry) -> bytes:
    features = [
        {"type": "Feature", "properties": {}, "geometry": json.loads(shapely.to_geojson(s))} for s in shapes
    ]
    return json.dumps({"type": "FeatureCollection", "features": features}).encode()


def upload(world: World, who: str, content: bytes, **changes: str) -> Any:
    form: dict[str, Any] = {
        "scheme": "gs", "reference": "GS 1", "title": "某项目（测试）", "claimant": "某公司（测试）",
        "document": "登记网页", "pools": "soil_ch4,soil_n2o", "period_start": "2023-01-01",
        "period_end": "2033-01-01",
    }  # fmt: skip
    form |= changes | {"file": (io.BytesIO(content), "外部.geojson")}
    return world.call(who, "POST", "/outside-claims", data=form, content_type="multipart/form-data")


def test_a_declaration_is_a_file(world: World, tmp_path: Path) -> None:
    object.__setattr__(platform(world.app).settings, "var", tmp_path)
    near, far = shapely.box(114.9, 31.9, 114.91, 31.91), shapely.box(120.0, 30.0, 120.1, 30.1)
    made = upload(world, "ecology", geojson(near, far))
    assert made.status_code == 201, made.get_json()
    answer = made.get_json()
    assert (answer["number"], answer["pools"]) == ("XY-O2026-000001", ["soil_ch4", "soil_n2o"])
    assert (answer["lands"], answer["left_out"], answer["status"]) == (1, 1, "standing")
    assert 1.04e6 < answer["area_m2"] < 1.06e6
    assert world.get("verifier", "/outside-claims")["total"] == 1
    assert world.get("officer", "/outside-claims")["total"] == 1, "on land of 光山"
    assert world.refused("xinxian", "GET", "/outside-claims/XY-O2026-000001") == (404, "platform.not_found")
    lands = world.call("verifier", "GET", "/outside-claims/XY-O2026-000001/lands.geojson")
    assert [f["properties"]["code"] for f in lands.get_json(force=True)["features"]] == [
        "XY-O2026-000001 / 1"
    ]


BAD: list[tuple[dict[str, str], bytes | None, str]] = [
    ({"scheme": "redd"}, None, "platform.invalid_input"),
    ({"pools": "wood"}, None, "platform.invalid_input"),
    ({"pools": ""}, None, "platform.invalid_input"),
    ({"colour": "green"}, None, "platform.invalid_input"),
    ({"period_end": "2023-01-01"}, None, "parcels.declared_period_wrong"),
    ({}, geojson(shapely.box(120.0, 30.0, 120.1, 30.1)), "parcels.no_land_in_scope"),
    ({}, geojson(shapely.LineString([(114.9, 31.9), (114.91, 31.91)])), "parcels.file_refused"),
    ({}, b"{", "parcels.file_refused"),
]


@pytest.mark.parametrize(("changes", "content", "code"), BAD)
def test_what_no_declaration_can_be(
    fresh_database: Any, tmp_path: Path, changes: dict[str, str], content: bytes | None, code: str
) -> None:
    world = World(fresh_database("sqlite", prepare_world))
    object.__setattr__(platform(world.app).settings, "var", tmp_path)
    answer = upload(world, "ecology", content or geojson(shapely.box(114.9, 31.9, 114.91, 31.91)), **changes)
    assert (answer.status_code, answer.get_json()["code"]) == (422, code), answer.get_json()
    assert world.db.read(lambda s: s.scalar(sa.select(sa.func.count()).select_from(OutsideClaim))) == 0
    world.close()


def test_who_may_declare(world: World) -> None:
    for who in ("operator", "verifier", "alpha", "authority"):
        assert upload(world, who, geojson(shapely.box(114.9, 31.9, 114.91, 31.91))).status_code == 403, who
