"""Coordinates at the edge: labelled, moved once, and nothing else of an answer touched."""

from __future__ import annotations

import copy
import json

import numpy as np
import pytest
import shapely

from carbon_platform.web import coordinates
from gis.projection_gcj import from_gcj02, to_gcj02

HOLED = shapely.Polygon(
    [(114.1, 31.9), (114.2, 31.9), (114.2, 32.0), (114.1, 32.0)],
    [[(114.14, 31.94), (114.16, 31.94), (114.16, 31.96)]],
)
PAIR = shapely.MultiPolygon([HOLED, shapely.box(114.3, 31.9, 114.4, 32.0)])


def collection(*shapes: shapely.Geometry) -> dict[str, object]:
    features = [
        {
            "type": "Feature",
            "id": number,
            "properties": {"code": f"地-{number}", "area_m2": 1.5},
            "geometry": json.loads(shapely.to_geojson(shape)),
        }
        for number, shape in enumerate(shapes)
    ]
    return {"type": "FeatureCollection", "total": len(features), "features": features}


def test_every_vertex_moves_and_nothing_else_does():
    given = collection(HOLED, PAIR)
    before = copy.deepcopy(given)
    shown = coordinates.shown_collection(given, "gcj02")
    assert given == before
    assert shown["coordinate_system"]["code"] == "GCJ-02"
    assert shown["coordinate_system"]["epsg"] is None
    assert shown["total"] == 2
    for old, new, shape in zip(before["features"], shown["features"], (HOLED, PAIR), strict=True):
        assert {**new, "geometry": None} == {**old, "geometry": None}
        moved = shapely.from_geojson(json.dumps(new["geometry"]))
        assert moved.geom_type == shape.geom_type
        assert np.allclose(
            shapely.get_coordinates(moved), to_gcj02(shapely.get_coordinates(shape)), rtol=0, atol=6e-8
        )


def test_cgcs2000_only_gets_its_name():
    given = collection(HOLED)
    shown = coordinates.shown_collection(given, "cgcs2000")
    assert shown["coordinate_system"]["epsg"] == 4490
    assert shown["features"] == given["features"]
    text = json.dumps(given, separators=(",", ":"))
    assert json.loads(coordinates.shown_text(text, "cgcs2000")) == shown
    assert json.loads(coordinates.shown_text(text, "gcj02")) == coordinates.shown_collection(given, "gcj02")


def test_a_note_about_the_old_coordinates_does_not_stay_on_moved_ones():
    given = collection(HOLED) | {"crs_note": "CGCS2000 longitude, latitude"}
    assert "crs_note" not in coordinates.shown_collection(given, "gcj02")


@pytest.mark.parametrize("crs", ["cgcs2000", "gcj02"])
def test_nothing_to_show_is_still_labelled(crs):
    shown = coordinates.shown_collection(collection(), crs)
    assert shown["features"] == []
    assert shown["coordinate_system"] == coordinates.label(crs)


def test_a_box_asked_for_in_gcj02_covers_the_same_land():
    land = (114.5, 31.8, 114.7, 32.0)
    there = coordinates.shown_bounds(land, "gcj02")
    back = coordinates.asked_bounds(there, "gcj02")
    assert coordinates.asked_bounds(land, "cgcs2000") == land
    assert back[0] <= land[0] + 1e-12
    assert back[3] >= land[3] - 1e-12
    assert np.abs(np.array(back) - land).max() < 5e-4
    corners = from_gcj02([(there[0], there[1]), (there[2], there[3])])
    assert back[0] <= corners[0, 0] + 1e-12
    assert back[3] >= corners[1, 1] - 1e-12
