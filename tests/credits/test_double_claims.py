"""The standing report against claims of known overlap, its scope, and the answer for one piece of land."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import numpy as np
import pytest
import shapely
from claim_desk import declare, land, new_project, put
from project_world import World, prepare_world
from ticket_desk import box

from carbon_platform.credits import double_claims
from carbon_platform.identity.rules import SYSTEM
from gis.crs import PLANE, to_lonlat
from gis.measure import ellipsoidal_area_m2


@pytest.fixture
def world(engine_name: str, fresh_database: Callable[..., str]) -> Iterator[World]:
    world = World(fresh_database(engine_name, prepare_world))
    yield world
    world.close()


def area(shape: shapely.Geometry) -> float:
    return float(ellipsoidal_area_m2(to_lonlat(np.array([shape]), PLANE))[0])


def geometry(shape: shapely.Geometry) -> dict[str, Any]:
    [drawn] = to_lonlat(np.array([shape]), PLANE)
    return dict(json.loads(shapely.to_geojson(drawn)))


def contested(world: World) -> tuple[str, str, str]:
    """Two projects with 40 m in common, a declaration over 30 m of both, and neighbours without quarrel."""
    first, second = new_project(world), new_project(world, "rival")
    put(world, first, land(world, box(0, 0), box(0, 500)))
    put(world, second, land(world, box(60, 0), box(100, 500)))
    number = declare(world, box(50, 0), scheme="gs", pools=["all"])
    return first, second, number


def test_each_pair_and_the_union_of_the_land(world: World) -> None:
    first, second, number = contested(world)
    report = world.db.read(lambda s: double_claims.report(s, SYSTEM))
    found = {
        frozenset((item.a.project or item.a.number, item.b.project or item.b.number)): item.area_m2
        for item in report.items
    }
    assert found == {
        frozenset((first, second)): pytest.approx(area(box(60, 0, 40, 100)), abs=0.02),
        frozenset((first, number)): pytest.approx(area(box(50, 0, 50, 100)), abs=0.02),
        frozenset((second, number)): pytest.approx(area(box(60, 0, 90, 100)), abs=0.02),
    }
    # 50 … 150 m is claimed twice or three times: 10,000 m², where the pairs add up to 18,000.
    assert report.area_m2 == pytest.approx(area(box(50, 0, 100, 100)), abs=0.02)
    assert report.counts() == {"issued_twice": 0, "issued": 0, "open": 3}
    assert [item.area_m2 for item in report.items] == sorted(item.area_m2 for item in report.items)[::-1]


def test_the_report_over_http_and_on_the_map(world: World) -> None:
    _, _, number = contested(world)
    answer = world.get("verifier", "/double-claims", size=2)
    assert (answer["total"], len(answer["items"]), answer["counts"]["open"]) == (3, 2, 3)
    assert world.get("verifier", "/double-claims", size=2, page=2)["items"]
    assert world.get("verifier", "/double-claims", severity="issued")["items"] == []
    assert number in json.dumps(answer, ensure_ascii=False)
    drawn = world.call("verifier", "GET", "/double-claims.geojson").get_json(force=True)["features"]
    assert [f["properties"]["severity"] for f in drawn] == ["open"] * 3
    west, south, east, north = shapely.from_geojson(json.dumps(drawn[0]["geometry"])).bounds
    assert answer["items"][0]["bounds"] == pytest.approx([west, south, east, north], abs=1e-6)
    for who in ("alpha", "authority"):
        assert world.refused(who, "GET", "/double-claims") == (403, "identity.not_allowed")


def test_nobody_sees_another_countys_quarrels(world: World) -> None:
    here, there = new_project(world), new_project(world, "rival")
    put(world, here, land(world, box(0, 0), county="411522"))
    put(world, there, land(world, box(50, 0), county="411523"))
    assert world.get("officer", "/double-claims")["total"] == 1, "one side is theirs"
    assert world.get("xinxian", "/double-claims")["total"] == 1
    put(world, here, land(world, box(0, 900), county="411522"))
    put(world, there, land(world, box(50, 900), county="411522"))
    assert world.get("officer", "/double-claims")["total"] == 2
    assert world.get("xinxian", "/double-claims")["total"] == 1


def test_noise_is_no_quarrel_and_slivers_are_named_as_such(world: World) -> None:
    first, second = new_project(world), new_project(world, "rival")
    put(world, first, land(world, box(0, 0)))
    put(world, second, land(world, box(99.9, 0), box(0, 99.4)))
    [item] = world.db.read(lambda s: double_claims.report(s, SYSTEM)).items
    assert item.kind == "sliver"
    assert item.area_m2 == pytest.approx(60, abs=0.1)


def test_who_claims_this_parcel(world: World) -> None:
    first, second, number = contested(world)
    quiet, taken, loud = land(world, box(3000, 0), box(0, 500), box(0, 0))
    assert world.get("verifier", f"/parcels/{quiet}/claims")["verdict"] == "free"
    answer = world.get("verifier", f"/parcels/{taken}/claims")
    assert answer["verdict"] == "claimed"
    [claim] = answer["claims"]
    assert (claim["project"], claim["pools"], claim["share"]) == (first, ["biomass"], 1.0)
    answer = world.get("verifier", f"/parcels/{loud}/claims")
    assert answer["verdict"] == "double"
    assert [c["project"] or c["number"] for c in answer["claims"]] == [first, number, second]
    later = world.get(
        "verifier", f"/parcels/{loud}/claims", period_start="2035-01-01", period_end="2036-01-01"
    )
    assert [c["project"] for c in later["claims"]] == [first, second]
    soil = world.get("verifier", f"/parcels/{loud}/claims", pool="soil_ch4")
    assert [c["number"] for c in soil["claims"]] == [number]
    assert world.refused("xinxian", "GET", f"/parcels/{loud}/claims") == (404, "platform.not_found")


def test_a_bank_asks_about_land_it_has_drawn(world: World) -> None:
    contested(world)
    body = {"geometry": geometry(box(-50, 0)), "pool": "biomass"}
    assert world.post("verifier", "/land-claims/check", body)["verdict"] == "claimed"
    answer = world.post("verifier", "/land-claims/check", {"geometry": geometry(box(10, 10, 80, 80))})
    assert answer["verdict"] == "double"
    assert answer["area_m2"] == pytest.approx(area(box(10, 10, 80, 80)), abs=0.02)
    sliver = world.post("verifier", "/land-claims/check", {"geometry": geometry(box(0, -99.5))})
    assert sliver["verdict"] == "sliver"
    wrong = [
        {"type": "Point", "coordinates": [114.9, 31.9]},
        {"type": "Polygon", "coordinates": []},
        {"type": "Polygon", "coordinates": [[[114.9, 31.9], [114.9, 31.9]]]},
        {"type": "Polygon", "coordinates": [[[3e7, 3e6], [3e7, 4e6], [4e7, 4e6], [3e7, 3e6]]]},
        {"type": "Polygon", "coordinates": "x"},
        {"type": "Polygon", "coordinates": [[[113, 31], [116, 31], [116, 33], [113, 31]]]},
        {"crs": "x"},
        {},
    ]
    for shape in wrong:
        found = world.refused("verifier", "POST", "/land-claims/check", {"geometry": shape})
        assert found == (422, "platform.invalid_input"), shape
    upside_down = {"geometry": geometry(box(0, 0)), "period_start": "2030-01-01", "period_end": "2029-01-01"}
    assert world.refused("verifier", "POST", "/land-claims/check", upside_down)[0] == 422


def test_drawn_land_tells_nobody_about_other_counties(world: World) -> None:
    """Drawing a large shape is no way to list what one may not see."""
    project = new_project(world)
    put(world, project, land(world, box(0, 0), county="411522"))
    body = {"geometry": geometry(box(-5_000, -5_000, 9_900, 9_900))}
    [seen] = world.post("verifier", "/land-claims/check", body)["claims"]
    assert seen["project"] == project
    [hidden] = world.post("xinxian", "/land-claims/check", body)["claims"]
    assert project not in json.dumps(hidden)
    assert (hidden["zh"], hidden["area_m2"]) == ("管辖范围外的申报", seen["area_m2"])


def test_five_hundred_double_claims_are_one_report(fresh_database: Callable[..., str]) -> None:
    """Every parcel of one project lies half on one of another: all pairs are found, and none besides."""
    world = World(fresh_database("sqlite", prepare_world))
    rows, columns = 20, 25
    places = [(100.0 * x, 200.0 * y) for x in range(columns) for y in range(rows)]
    first, second = new_project(world), new_project(world, "rival")
    put(world, first, land(world, *(box(x, y) for x, y in places)))
    put(world, second, land(world, *(box(x, y + 50.0) for x, y in places)))
    report = world.db.read(lambda s: double_claims.report(s, SYSTEM))
    assert len(report.items) == rows * columns
    assert report.area_m2 == pytest.approx(sum(item.area_m2 for item in report.items), rel=1e-6)
    assert {(item.first, item.end) for item in report.items} == {(date(2021, 1, 1), date(2041, 1, 1))}
    world.close()
