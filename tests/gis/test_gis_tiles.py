"""Tiles: where a place lands on the grid, what is cut, and what a reader gets back."""

from __future__ import annotations

import math
from typing import Any

import mapbox_vector_tile
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from gis.tiles import EXTENT, MARGIN, Layer, Tile, encode, on_tile, tile_bounds, to_units

KM = 0.009


def tile_of(lon: float, lat: float, z: int) -> Tile:
    """The published formula of slippy map tiles, written out once more."""
    n = 2**z
    x = int((lon + 180.0) / 360.0 * n)
    y = int(
        (1.0 - math.log(math.tan(math.radians(lat)) + 1.0 / math.cos(math.radians(lat))) / math.pi) / 2.0 * n
    )
    return Tile(z, x, y)


def drawn(geoms: list[Any], tile: Tile) -> list[Any]:
    """What a reader of the encoded tile gets: shapes in tile units, y down."""
    shapes = on_tile(geoms, tile)
    data = encode([Layer("land", shapes, list(range(len(geoms))), [{"n": i} for i in range(len(geoms))])])
    layers = mapbox_vector_tile.decode(data, default_options={"y_coord_down": True})
    features = layers["land"]["features"] if layers else []
    assert [feature["id"] for feature in features] == [feature["properties"]["n"] for feature in features]
    return [shapely.from_geojson(shapely.to_geojson(shapely.geometry.shape(f["geometry"]))) for f in features]


def test_a_place_lies_in_the_tile_the_published_formula_names() -> None:
    for lon, lat, z in [(114.0912, 32.1470, 12), (115.7, 31.5, 16), (-0.1, 51.5, 3), (179.99, -80.0, 9)]:
        tile = tile_of(lon, lat, z)
        west, south, east, north = tile_bounds(tile, margin=0)
        assert west <= lon < east
        assert south <= lat < north
        ((x, y),) = to_units(np.array([[lon, lat]]), tile)
        assert 0 <= x < EXTENT
        assert 0 <= y < EXTENT
        # the tile's own corners are 0 and 4096
        corners = to_units(np.array([[west, north], [east, south]]), tile)
        assert corners == pytest.approx(np.array([[0, 0], [EXTENT, EXTENT]]), abs=1e-5)


@pytest.mark.parametrize("tile", [(-1, 0, 0), (23, 0, 0), (3, 8, 0), (3, 0, 8), (3, -1, 0)])
def test_the_grid_has_no_such_tile(tile: tuple[int, int, int]) -> None:
    assert not Tile(*tile).exists


@settings(max_examples=60, deadline=None)
@given(
    lon=st.floats(113.8, 115.8),
    lat=st.floats(31.4, 32.5),
    wide=st.floats(0.05, 6.0),
    turn=st.floats(0.0, 90.0),
    z=st.integers(11, 17),
)
def test_what_is_drawn_is_the_land_to_half_a_unit(
    lon: float, lat: float, wide: float, turn: float, z: int
) -> None:
    land = shapely.affinity.rotate(shapely.box(lon, lat, lon + wide * KM, lat + wide * KM), turn)
    tile = tile_of(lon, lat, z)
    frame = shapely.box(-MARGIN, -MARGIN, EXTENT + MARGIN, EXTENT + MARGIN)
    whole = shapely.transform(land, lambda xy: to_units(xy, tile))
    wanted = shapely.intersection(whole, frame)
    found = drawn([land], tile)
    got = found[0] if found else shapely.Polygon()
    assert shapely.is_valid(got)
    # every border moved by less than one unit (a corner is rounded to half a unit each way)
    assert shapely.symmetric_difference(got, wanted).area <= 1.0 * wanted.length + 4
    for part in shapely.get_parts(got) if found else []:
        assert part.exterior.is_ccw  # in y-down coordinates: clockwise on the screen, as the format demands
        assert frame.covers(part)


def test_neighbours_that_share_a_border_share_it_on_the_tile() -> None:
    corner = (114.5, 32.0)
    tile = tile_of(114.505, 32.005, 13)
    wavy = [(corner[0] + 0.004 + 0.0007 * math.sin(i), corner[1] + i * 0.0004) for i in range(26)]
    west = shapely.Polygon([corner, *wavy, (corner[0], corner[1] + 0.01)])
    east = shapely.Polygon([*wavy, (corner[0] + 0.01, corner[1] + 0.01), (corner[0] + 0.01, corner[1])])
    one, two = drawn([west, east], tile)
    assert shapely.intersection(one, two).area == 0
    assert shapely.union(one, two).area == one.area + two.area
    assert not shapely.union(one, two).interiors


def test_a_hole_stays_and_runs_the_other_way() -> None:
    tile = tile_of(114.505, 32.005, 15)
    outer, inner = (
        shapely.box(114.501, 32.001, 114.509, 32.009),
        shapely.box(114.504, 32.004, 114.506, 32.006),
    )
    [found] = drawn([shapely.difference(outer, inner)], tile)
    assert found.exterior.is_ccw
    [hole] = found.interiors
    assert not hole.is_ccw


def test_what_is_too_small_or_only_touches_is_not_drawn() -> None:
    tile = tile_of(114.5, 32.0, 11)
    _west, south, east, north = tile_bounds(tile)
    speck = shapely.box(114.5, 32.0, 114.5 + 1e-6, 32.0 + 1e-6)
    beside = shapely.box(east, south, east + 0.01, north)
    land = shapely.box(114.5, 32.0, 114.51, 32.01)
    shapes = on_tile([speck, beside, land, shapely.Polygon()], tile)
    assert shapely.is_empty(shapes).tolist() == [True, True, False, True]
    assert len(drawn([speck, beside, land], tile)) == 1
    assert encode([Layer("land", shapes[:2], [1, 2], [{}, {}])]) == b""


def test_points_are_drawn_as_points() -> None:
    tile = tile_of(114.5, 32.0, 9)
    [found] = drawn([shapely.Point(114.5, 32.0)], tile)
    assert found.geom_type == "Point"
    assert [found.x, found.y] == [round(v) for v in to_units(np.array([[114.5, 32.0]]), tile)[0]]
