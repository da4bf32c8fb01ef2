"""Land drawn on the map: the verdict of a file, what is taken, and a border drawn anew (both engines)."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pyproj
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from parcel_files import API, send, sign_in
from parcel_house import NOW, OFFICER, prepare_parcels
from parcel_layers import NEIGHBOUR, layer, record, square

from carbon_platform.db import Database
from carbon_platform.parcels import service
from carbon_platform.parcels.acceptance import accept_import
from carbon_platform.parcels.drawing import DrawingRefused, Drawn, Taken, as_shape
from gis.crs import LONLAT, PLANE

_TO_DEGREES = pyproj.Transformer.from_crs(PLANE, LONLAT, always_xy=True)
_GEOD = pyproj.Geod(ellps="GRS80")  # CGCS2000 has the same axes to 0.1 mm


def drawn(plane_shape: Any) -> dict[str, Any]:
    """A shape in the plane as the pencil sends it: degrees to a millimetre."""
    moved = shapely.transform(
        plane_shape, lambda xy: np.round(np.column_stack(_TO_DEGREES.transform(xy[:, 0], xy[:, 1])), 8)
    )
    geometry: dict[str, Any] = json.loads(shapely.to_geojson(moved))
    return geometry


def geodesic_m2(geometry: dict[str, Any]) -> float:
    area, _ = _GEOD.geometry_area_perimeter(shapely.from_geojson(json.dumps(geometry)))
    return abs(float(area))


def check(client: Any, headers: dict[str, str], geometry: Any, **fields: Any) -> Any:
    return client.post(f"{API}/parcels/check", headers=headers, json={"geometry": geometry, **fields})


def prepare_three(url: str) -> None:
    """Three parcels of a hectare side by side are in the register."""
    prepare_parcels(url)
    database = Database(url)
    rows = layer([record(number) for number in (1, 2, 3)])
    checked = service.check_layer(database.read, OFFICER, rows, file_name="a.zip", file_sha256="0" * 64)
    staged = database.transact(lambda s: service.stage_import(s, OFFICER, checked, now=NOW).id)
    database.transact(lambda s: accept_import(s, OFFICER, staged, now=NOW))
    database.dispose()


@pytest.fixture
def parcels_url(engine_name: str, fresh_database: Callable[..., str]) -> str:
    return fresh_database(engine_name, prepare_three)


@pytest.fixture
def registered(client, officer):
    """Their codes, from west to east."""
    return [p["code"] for p in client.get(f"{API}/parcels", headers=officer).json["items"]]


def codes(answer: Any) -> set[str]:
    return {one["code"] for one in answer.json["findings"]}


def test_free_land_is_measured_and_nothing_is_kept(client, officer, registered):
    geometry = drawn(square(6, 6))
    answer = check(client, officer, geometry, kind="tea")
    assert answer.status_code == 200, answer.text
    said = answer.json
    assert (said["outcome"], said["change"], said["taken"], said["taken_m2"]) == ("warned", "new", [], 0)
    assert codes(answer) == {"kind_declared"}, "as with a file without a table of attributes"
    assert said["area_m2"] == pytest.approx(geodesic_m2(geometry), rel=1e-6, abs=0.006)
    assert said["county_code"] == "411522"
    assert client.get(f"{API}/parcel-imports", headers=officer).json["total"] == 1, "the one of the fixture"


def test_taken_land_is_named_measured_and_drawn(client, officer, registered):
    """A drawing over the second and third parcel: 30 m of one, 60 m of the other."""
    x, y = square(1).bounds[:2]
    geometry = drawn(shapely.box(x + 70, y + 10, x + 160, y + 60))
    said = check(client, officer, geometry, kind="camellia").json
    assert said["outcome"] == "refused"
    assert [(one["code"], one["kind"]) for one in said["taken"]] == [
        (registered[2], "overlap"),
        (registered[1], "overlap"),
    ]
    assert [one["area_m2"] for one in said["taken"]] == pytest.approx([3000, 1500], rel=1e-4)
    for one in said["taken"]:
        assert geodesic_m2(one["geometry"]) == pytest.approx(one["area_m2"], rel=1e-3)
    assert said["taken_m2"] == pytest.approx(sum(geodesic_m2(o["geometry"]) for o in said["taken"]), abs=0.05)


def test_a_shared_border_is_no_overlap_and_a_sliver_only_warns(client, officer, registered):
    beside = check(client, officer, drawn(square(3)), kind="camellia").json
    assert beside["outcome"] == "warned" and {o["kind"] for o in beside["taken"]} <= {"noise"}
    x, y = square(3).bounds[:2]
    sliver = check(client, officer, drawn(shapely.box(x - 0.8, y, x + 100, y + 100)), kind="camellia").json
    assert sliver["outcome"] == "warned" and [o["kind"] for o in sliver["taken"]] == ["sliver"]
    assert "overlap_register_sliver" in {one["code"] for one in sliver["findings"]}


def test_a_drawing_is_judged_like_a_file(client, officer, registered):
    """The same shapes uploaded as GeoJSON through the sandbox get the same verdicts."""
    places = [square(0), square(1, 0, 50), square(6, 6), square(3, 1)]
    features = [{"type": "Feature", "properties": {}, "geometry": drawn(place)} for place in places]
    data = json.dumps({"type": "FeatureCollection", "features": features}).encode()
    staged = send(client, officer, data, "a.geojson", kind="camellia")
    assert staged.status_code == 201, staged.text
    rows = client.get(f"{API}/parcel-imports/{staged.json['id']}/rows", headers=officer).json["items"]
    assert len({row["outcome"] for row in rows}) > 1
    for feature, row in zip(features, rows, strict=True):
        said = check(client, officer, feature["geometry"], kind="camellia").json
        assert said["outcome"] == row["outcome"]
        assert [f["code"] for f in said["findings"]] == [f["code"] for f in row["findings"]]
        assert said["area_m2"] == row["area_m2"]


def test_a_drawing_becomes_an_import_and_then_a_parcel(client, officer, registered):
    staged = client.post(
        f"{API}/parcel-imports/drawn",
        headers=officer,
        json={"geometry": drawn(square(6, 6)), "kind": "tea"},
    )
    assert staged.status_code == 201, staged.text
    record = staged.json
    assert record["status"] == "staged" and record["layer"] == "drawn" and record["epsg"] == 4490
    assert record["file_name"] == "图上绘制 2026-11-22 12:00", "in the time of China"
    before = client.get(f"{API}/parcels", headers=officer).json["total"]
    path = f"{API}/parcel-imports/{record['id']}/accept"
    accepted = client.post(path, headers=officer, json={"include_warned": True})
    assert accepted.status_code == 200 and accepted.json["registered_rows"] == 1, accepted.text
    assert client.get(f"{API}/parcels?kind=tea", headers=officer).json["total"] == 1
    assert client.get(f"{API}/parcels", headers=officer).json["total"] == before + 1
    # Sent a second time it is known; drawn over, refused at the door as in the check.
    again = check(client, officer, drawn(square(6, 6)), kind="tea").json
    assert again["outcome"] == "same"


def test_a_new_border_keeps_the_number_and_says_what_it_needs(client, officer, registered):
    """The third parcel grows by 10 m to free land; the middle one cannot grow into its neighbour."""
    x, y = square(2).bounds[:2]
    grown = drawn(shapely.box(x, y, x + 110, y + 100))
    answer = check(client, officer, grown, replaces=registered[2])
    assert answer.status_code == 200, answer.text
    said = answer.json
    assert (said["change"], said["taken_m2"]) == ("changed", 0)
    assert said["outcome"] != "refused" and "kind_declared" not in codes(answer)
    assert "area_differs" in codes(answer), "10 % more than the stated area needs a note"
    x, y = square(1).bounds[:2]
    into = check(client, officer, drawn(shapely.box(x, y, x + 130, y + 100)), replaces=registered[1]).json
    assert into["outcome"] == "refused" and [one["code"] for one in into["taken"]] == [registered[2]]
    unchanged = check(client, officer, drawn(square(2)), replaces=registered[2]).json
    assert unchanged["outcome"] == "same"
    elsewhere = check(client, officer, drawn(square(6, 6)), replaces=registered[2]).json
    assert elsewhere["outcome"] == "refused", "a parcel does not walk away under its number"


def test_a_new_border_waits_for_a_second_person_and_changes_nothing_else(client, officer, registered):
    before = client.get(f"{API}/parcels/{registered[2]}", headers=officer).json
    x, y = square(2).bounds[:2]
    grown = {"geometry": drawn(shapely.box(x, y, x + 102, y + 100)), "replaces": registered[2]}
    staged = client.post(f"{API}/parcel-imports/drawn", headers=officer, json=grown)
    assert staged.status_code == 201, staged.text
    path = f"{API}/parcel-imports/{staged.json['id']}"
    (row,) = client.get(f"{path}/rows", headers=officer).json["items"]
    assert row["code"] == registered[2] and row["change"] == "changed"
    everything = {"include_warned": True}
    alone = client.post(f"{path}/accept", headers=officer, json=everything)
    assert alone.status_code == 200 and alone.json["registered_rows"] == 0, "not by oneself"
    assert client.post(f"{path}/approve", headers=officer, json=everything).status_code == 403
    assert client.get(f"{API}/parcels/{registered[2]}", headers=officer).json == before
    done = client.post(f"{path}/approve", headers=sign_in(client, "second"), json=everything)
    assert done.status_code == 200 and done.json["registered_rows"] == 1, done.text
    after = client.get(f"{API}/parcels/{registered[2]}", headers=officer).json
    assert after["area_m2"] == pytest.approx(10_200, rel=1e-3)
    same = ("code", "kind", "species_code", "land_class_code", "stated_area_m2", "planting_year",
            "right_holder", "township_code", "village_code", "status", "valid_from")  # fmt: skip
    assert {name: after[name] for name in same} == {name: before[name] for name in same}
    places = {"township_code", "village_code"}  # a file's row writes them beside the other cells too
    assert {k: v for k, v in after["attributes"].items() if k not in places} == {
        k: v for k, v in before["attributes"].items() if k not in places
    }


def test_nobody_draws_or_asks_outside_their_county(client, officer, registered):
    stranger = sign_in(client, "stranger")
    said = check(client, stranger, drawn(square(1)), kind="camellia").json
    assert said["outcome"] == "refused" and said["taken"] == [] and said["taken_m2"] == 0
    assert {one["code"] for one in said["findings"]} == {"kind_declared", "outside_scope"}, "no owner is told"
    assert check(client, stranger, drawn(square(1)), replaces=registered[1]).status_code == 404
    across = check(client, officer, drawn(square(0, 0, 100, NEIGHBOUR)), kind="camellia").json
    assert across["outcome"] == "refused"
    operator = sign_in(client, "operator")
    assert check(client, operator, drawn(square(6, 6)), kind="tea").status_code == 403
    assert check(client, {}, drawn(square(6, 6)), kind="tea").status_code == 401


def test_a_bow_tie_is_repaired_and_told(client, officer, registered):
    x, y = square(6, 6).bounds[:2]
    tie = shapely.Polygon([(x, y), (x + 100, y + 100), (x + 100, y), (x, y + 100), (x, y)])
    said = check(client, officer, drawn(tie), kind="tea").json
    assert any(code.startswith("geometry") for code in (f["code"] for f in said["findings"]))
    assert said["area_m2"] == pytest.approx(5000, rel=1e-3)


SQUARE = [[114.8, 31.9], [114.81, 31.9], [114.81, 31.91], [114.8, 31.91], [114.8, 31.9]]
NOT_LAND: list[tuple[str, Any]] = [
    ("a point", {"type": "Point", "coordinates": [114.8, 31.9]}),
    ("nothing", {}),
    ("no coordinates", {"type": "Polygon"}),
    ("an empty list", {"type": "Polygon", "coordinates": []}),
    ("an empty ring", {"type": "Polygon", "coordinates": [[]]}),
    ("two corners", {"type": "Polygon", "coordinates": [[[1, 1], [2, 2], [1, 1]]]}),
    ("open", {"type": "Polygon", "coordinates": [SQUARE[:-1]]}),
    ("texts", {"type": "Polygon", "coordinates": [[["a", "b"]] * 4]}),
    ("true and false", {"type": "Polygon", "coordinates": [[[True, False]] * 4]}),
    ("metres", {"type": "Polygon", "coordinates": [[[x * 1e5, y * 1e5] for x, y in SQUARE]]}),
    ("latitude first", {"type": "Polygon", "coordinates": [[[y, x] for x, y in SQUARE]]}),
    ("too many", {"type": "Polygon", "coordinates": [[[114 + i * 1e-5, 31.0] for i in range(5001)]]}),
    ("too wide", {"type": "Polygon", "coordinates": [[[114, 31], [114.2, 31], [114, 31.01], [114, 31]]]}),
    ("flat", {"type": "Polygon", "coordinates": SQUARE}),
    ("a collection", {"type": "GeometryCollection", "geometries": []}),
    ("deep", {"type": "MultiPolygon", "coordinates": [[[SQUARE]]]}),
    ("a dict", {"type": "Polygon", "coordinates": {"0": SQUARE}}),
    ("no list of types", {"type": ["Polygon"], "coordinates": [SQUARE]}),
]


@pytest.mark.parametrize("geometry", [g for _, g in NOT_LAND], ids=[name for name, _ in NOT_LAND])
def test_what_is_no_polygon_in_degrees_is_refused_in_words(geometry):
    with pytest.raises(DrawingRefused) as refused:
        as_shape(copy.deepcopy(geometry))
    assert refused.value.errors[0]["field"] == "geometry"
    assert refused.value.message("zh") != refused.value.message("en")


def test_refusals_reach_the_caller(client, officer):
    answer = check(client, officer, {"type": "Point", "coordinates": [114.8, 31.9]}, kind="tea")
    assert answer.status_code == 422 and answer.json["code"] == "parcels.drawing_refused"
    assert check(client, officer, NOT_LAND[0][1], kind="gold").status_code == 422
    without = client.post(
        f"{API}/parcel-imports/drawn",
        headers=officer,
        json={"geometry": {"type": "Polygon", "coordinates": [SQUARE]}},
    )
    assert without.status_code == 422 and without.json["errors"][0]["field"] == "kind"


json_like = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=30,
)


@given(kind=st.sampled_from(["Polygon", "MultiPolygon", "Point"]), coordinates=json_like)
def test_any_json_is_a_shape_or_refused(kind, coordinates):
    try:
        shape = as_shape({"type": kind, "coordinates": coordinates})
    except DrawingRefused:
        return
    assert shape.geom_type == kind and not shapely.has_z(shape)


def test_land_claimed_by_two_neighbours_counts_once():
    """A ∩ (B ∪ C): two halves that share a tenth are not 110 %."""
    west, south = 114.8, 31.9
    left = shapely.box(west, south, west + 0.0055, south + 0.01)
    right = shapely.box(west + 0.0045, south, west + 0.01, south + 0.01)
    whole = shapely.box(west, south, west + 0.01, south + 0.01)
    taken = [Taken(code, 1.0, 0.5, "overlap", shapely.multipolygons([land])) for code, land in
             (("B", left), ("C", right))]  # fmt: skip
    noise = Taken("D", 0.1, 0.0, "noise", shapely.multipolygons([shapely.box(west, south, west + 1, south)]))
    drawing = Drawn(None, [*taken, noise])  # type: ignore[arg-type]
    area, _ = _GEOD.geometry_area_perimeter(whole)
    assert drawing.taken_m2 == pytest.approx(abs(area), rel=1e-6)
    assert Drawn(None, [noise]).taken_m2 == 0.0  # type: ignore[arg-type]
