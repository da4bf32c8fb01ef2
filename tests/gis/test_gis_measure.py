"""The national trapezoid rule against its printed form, PROJ's geodesic area, and the trap of plane area."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pyproj
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from gis.crs import to_plane
from gis.measure import B_M, M2_PER_MU, ellipsoidal_area_m2, series_coefficients

GEOD = pyproj.Geod(a=6378137.0, rf=298.257222101)


def geodesic_area(geom: Any) -> float:
    return abs(GEOD.geometry_area_perimeter(shapely.orient_polygons(geom))[0])


def printed_rule(ring: list[tuple[float, float]]) -> float:
    """TD/T 1055 as printed: five sine-cosine terms an edge, longitudes from the central meridian 114°."""
    letters = series_coefficients()
    total = 0.0
    for (l1, b1), (l2, b2) in pairwise(ring):
        db, bm = math.radians(b2 - b1), math.radians(b1 + b2) / 2
        dl = math.radians((l1 + l2) / 2 - 114.0)
        signs = (1, -1, 1, -1, 1)
        odd = (1, 3, 5, 7, 9)
        bracket = sum(
            s * c * math.sin(n * db / 2) * math.cos(n * bm)
            for s, c, n in zip(signs, letters, odd, strict=True)
        )
        total += 2 * B_M * B_M * dl * bracket
    return abs(total)


@given(
    lon=st.floats(113.7, 115.9),
    lat=st.floats(31.4, 32.6),
    size=st.floats(0.002, 0.05),
    corners=st.integers(3, 40),
    seed=st.integers(0, 2**31),
)
@settings(max_examples=60, deadline=None)
def test_agrees_with_geodesic_and_printed_rule(
    lon: float, lat: float, size: float, corners: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    angle = np.sort(rng.uniform(0, 2 * np.pi, corners))
    radius = size * rng.uniform(0.5, 1.0, corners)
    polygon = shapely.Polygon(np.column_stack([lon + radius * np.cos(angle), lat + radius * np.sin(angle)]))
    area = float(ellipsoidal_area_m2([polygon])[0])
    # 0.005 m² is the rounding of the rule.
    assert area == pytest.approx(printed_rule(list(polygon.exterior.coords)), rel=2e-9, abs=0.02)
    # Our edges are straight in degrees, PROJ's are geodesics: on 20 m edges the difference is nothing.
    dense = shapely.segmentize(polygon, 0.0002)
    assert float(ellipsoidal_area_m2([dense])[0]) == pytest.approx(geodesic_area(dense), rel=1e-6, abs=0.02)


def test_parcels_of_ten_hectares_within_one_millionth() -> None:
    rng = np.random.default_rng(20261122)
    centres = np.column_stack([rng.uniform(113.7, 115.9, 300), rng.uniform(31.4, 32.6, 300)])
    parcels = shapely.buffer(shapely.points(centres), 0.0018, quad_segs=12)
    ours = ellipsoidal_area_m2(parcels)
    theirs = np.array([geodesic_area(parcel) for parcel in parcels])
    assert np.abs(ours / theirs - 1).max() < 1.3e-6
    assert abs(ours.sum() / theirs.sum() - 1) < 1e-6


def test_holes_parts_missing_and_other_shapes() -> None:
    shell = shapely.box(114.5, 32.0, 114.51, 32.01)
    hole = shapely.box(114.503, 32.003, 114.504, 32.004)
    far = shapely.box(115.0, 31.9, 115.001, 31.901)
    with_hole = shell.difference(hole)
    a, b, c, d, both, *others = ellipsoidal_area_m2(
        [
            shell,
            hole,
            with_hole,
            far,
            shapely.union_all([with_hole, far]),
            None,
            shapely.Polygon(),
            shapely.Point(114, 32),
        ]
    )
    assert c == pytest.approx(a - b, abs=0.001)
    assert both == pytest.approx(c + d, abs=0.001)
    assert others == [0.0, 0.0, 0.0]
    assert ellipsoidal_area_m2([]).shape == (0,)


def test_direction_and_start_of_the_ring_do_not_matter() -> None:
    ring = np.array([(114.5, 32.0), (114.51, 32.0), (114.513, 32.008), (114.5, 32.01)])
    variants = [shapely.Polygon(np.roll(ring, k, axis=0)[::step]) for k in range(4) for step in (1, -1)]
    assert len(set(ellipsoidal_area_m2(variants).tolist())) == 1


@pytest.mark.parametrize("lon", [114.3, 115.0, 115.3, 115.92])
def test_plane_area_is_too_large(lon: float) -> None:
    """The trap: the plane gives away (distance from the central meridian / R)², up to 0.08 % of credits."""
    parcel = shapely.box(lon - 0.01, 32.1, lon + 0.01, 32.12)
    plane = to_plane([parcel])[0]
    excess = float(shapely.area(plane) / ellipsoidal_area_m2([parcel])[0]) - 1
    assert excess == pytest.approx(((plane.centroid.x - 38_500_000) / 6_371_000) ** 2, rel=0.03)
    if lon == 115.92:
        assert excess == pytest.approx(8e-4, rel=0.03)


def test_a_mu_is_exact() -> None:
    assert M2_PER_MU * 15 == 10_000
