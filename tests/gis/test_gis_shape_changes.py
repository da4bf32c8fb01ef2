"""Dividing and joining: no land appears or disappears, and nonsense is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from gis.shape_changes import NotDivided, NotJoined, divide, join

WEST, SOUTH = 114.9, 32.0


@st.composite
def parcels(draw: st.DrawFn) -> shapely.Polygon:
    """A star-shaped parcel some hundred metres wide, often not convex, sometimes with a hole."""
    count = draw(st.integers(4, 14))
    radii = draw(st.lists(st.floats(0.0006, 0.003), min_size=count, max_size=count))
    angles = np.linspace(0, 2 * math.pi, count, endpoint=False)
    ring = np.column_stack([WEST + radii * np.cos(angles), SOUTH + radii * np.sin(angles)])
    holes = [shapely.Point(WEST, SOUTH).buffer(0.0002).exterior] if draw(st.booleans()) else []
    return shapely.Polygon(ring, holes)


@given(parcels(), st.floats(-0.9, 0.9), st.floats(0, math.pi))
@settings(max_examples=60, deadline=None)
def test_the_parts_are_the_whole_and_joined_give_it_back(whole, off, turn):
    across = np.array([math.cos(turn), math.sin(turn)])
    middle = np.array([WEST, SOUTH]) + off * 0.002 * np.array([-across[1], across[0]])
    line = [tuple(middle - 0.02 * across), tuple(middle + 0.02 * across)]
    try:
        parts = divide(whole, line)
    except NotDivided:
        # Only where the line indeed leaves everything on one side.
        assert shapely.intersection(shapely.LineString(line), whole).length < 1e-5
        return
    areas = [part.area for part in parts]
    assert areas == sorted(areas, reverse=True) and len(parts) >= 2
    assert sum(areas) == pytest.approx(whole.area, rel=1e-9)
    for i, one in enumerate(parts):
        assert all(shapely.intersection(one, other).area < 1e-16 for other in parts[i + 1 :])
    again = join(parts)
    assert shapely.symmetric_difference(again, whole).area < 1e-6 * whole.area


def test_a_line_that_ends_inside_or_passes_by_divides_nothing():
    square = shapely.box(WEST, SOUTH, WEST + 0.001, SOUTH + 0.001)
    for line in (
        [],
        [(WEST, SOUTH)],
        [(WEST - 1, SOUTH + 0.0005), (WEST + 0.0005, SOUTH + 0.0005)],
        [(WEST - 1, SOUTH - 1), (WEST + 1, SOUTH - 1)],
        [(WEST, SOUTH), (WEST, SOUTH + 0.001)],
    ):
        with pytest.raises(NotDivided):
            divide(square, line)


def test_parts_the_line_does_not_reach_stay_with_the_largest_piece():
    square, away = (shapely.box(x, SOUTH, x + 0.001, SOUTH + 0.001) for x in (WEST, WEST + 0.01))
    cut = WEST + 0.0003
    parts = divide(shapely.MultiPolygon([square, away]), [(cut, SOUTH - 1), (cut, SOUTH + 1)])
    assert [len(shapely.get_parts(part)) for part in parts] == [2, 1]


def test_only_neighbours_with_a_common_border_are_joined():
    def square(column: float, line: float = 0, gap: float = 0.0) -> shapely.Polygon:
        west, south = WEST + 0.001 * column + gap, SOUTH + 0.001 * line
        return shapely.box(west, south, west + 0.001, south + 0.001)

    assert join([square(0), square(1)]).area == pytest.approx(2e-6)
    assert len(shapely.get_parts(join([square(0), square(1, gap=3e-9)]))) == 1  # drawn twice, 0.3 mm apart
    for parts in (
        [square(0), square(2)],
        [square(0), square(1, 1)],  # a corner
        [square(0), square(1, gap=1e-6)],  # 10 cm of other land between
        [shapely.MultiPolygon([square(0), square(2)]), square(1), square(9)],
    ):
        with pytest.raises(NotJoined):
            join(parts)
