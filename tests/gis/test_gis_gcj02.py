"""GCJ-02 against points computed by another program, and what the published series promises."""

from __future__ import annotations

import csv
import itertools
from pathlib import Path

import numpy as np
import pyproj
import pytest
import shapely

from gis.counties import county_geometry
from gis.projection_gcj import from_gcj02, to_gcj02

REFERENCE = Path(__file__).with_name("gcj02_reference.csv")
CITY = np.array(
    [(lon, lat) for lon in np.linspace(113.45, 116.2, 56) for lat in np.linspace(31.3, 32.7, 29)],
    dtype=np.float64,
)


def reference() -> tuple[np.ndarray, np.ndarray]:
    with REFERENCE.open(encoding="utf-8") as lines:
        rows = [
            [float(row[name]) for name in ("lon", "lat", "gcj_lon", "gcj_lat")]
            for row in csv.DictReader(line for line in lines if not line.startswith("#"))
        ]
    table = np.array(rows)
    return table[:, :2], table[:, 2:]


def test_forward_agrees_with_another_program_to_the_last_digits() -> None:
    lonlat, expected = reference()
    assert len(lonlat) > 150
    assert np.abs(to_gcj02(lonlat) - expected).max() < 1e-12


def test_inverse_comes_back_to_the_other_programs_points() -> None:
    lonlat, given = reference()
    inside = (lonlat[:, 0] > 113) & (lonlat[:, 0] < 117) & (lonlat[:, 1] > 31) & (lonlat[:, 1] < 33)
    assert np.abs(from_gcj02(given) - lonlat)[inside].max() < 1e-12
    # At the meridian of 105 E the root in the series has a kink: the iteration is slower there.
    assert np.abs(from_gcj02(given) - lonlat).max() < 1e-7


def test_each_round_of_the_inverse_is_much_closer() -> None:
    shifted = to_gcj02(CITY)
    off_m = [np.abs(from_gcj02(shifted, rounds) - CITY).max() * 111_320 for rounds in (1, 2, 3, 5)]
    assert off_m[0] < 4
    assert off_m[2] < 1e-4
    assert off_m[3] < 1e-8
    assert all(later < earlier / 50 for earlier, later in itertools.pairwise(off_m))


def test_in_the_city_it_lies_538_to_611_metres_off() -> None:
    codes = ["411502", "411503", *(str(code) for code in range(411521, 411529))]
    inside = shapely.get_coordinates([county_geometry(code) for code in codes])
    azimuth, _, metres = pyproj.Geod(ellps="GRS80").inv(*inside.T, *to_gcj02(inside).T)
    assert metres.min() > 538
    assert metres.max() < 611
    assert azimuth.min() > 105  # east-south-east
    assert azimuth.max() < 120


def test_it_stretches_area_so_nothing_is_measured_in_it() -> None:
    """The local factor of area is 0.9959 … 1.0041: 4 kg of a tonne, were land measured in it."""
    step = 1e-4
    x, y = np.array([step, 0]), np.array([0, step])
    east = (to_gcj02(CITY + x) - to_gcj02(CITY - x)) / (2 * step)
    north = (to_gcj02(CITY + y) - to_gcj02(CITY - y)) / (2 * step)
    factor = east[:, 0] * north[:, 1] - east[:, 1] * north[:, 0]
    assert factor.min() == pytest.approx(0.9959, abs=3e-4)
    assert factor.max() == pytest.approx(1.0041, abs=3e-4)
