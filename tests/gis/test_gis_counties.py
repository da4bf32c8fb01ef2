"""County borders: the area table, the topology, and which county a parcel lies in."""

from __future__ import annotations

import re

import numpy as np
import pytest
import shapely

from gis.counties import DATA, assign_county, county_codes, county_geometry, county_name, load_counties
from gis.measure import ellipsoidal_area_m2
from gis.projection_gcj import from_gcj02, to_gcj02

# Computed independently of this project from the same package (km²).
AREAS_KM2 = {
    "411502": 1786.3,
    "411503": 1886.0,
    "411521": 2076.6,
    "411522": 1834.7,
    "411523": 1552.9,
    "411524": 2104.0,
    "411525": 2946.0,
    "411526": 1641.6,
    "411527": 1203.3,
    "411528": 1879.3,
}


def test_areas_agree_with_the_table() -> None:
    counties = load_counties()
    areas = dict(zip(counties.codes, ellipsoidal_area_m2(counties.geoms) / 1e6, strict=True))
    assert areas == pytest.approx(AREAS_KM2, abs=0.1)
    assert sum(areas.values()) == pytest.approx(18_910.7, abs=0.1)


def test_the_page_beside_the_data_says_the_same() -> None:
    page = (DATA / "xinyang_counties.md").read_text(encoding="utf-8")
    rows = re.findall(r"\| (4115\d\d) \| (\S+) \| ([\d.]+) \| ([\d.]+) \|", page)
    counties = load_counties()
    areas = np.round(ellipsoidal_area_m2(counties.geoms) / 1e6, 1)
    assert [(code, name) for code, name, _, _ in rows] == list(
        zip(counties.codes, counties.names_zh, strict=True)
    )
    assert [float(ours) for *_, ours in rows] == pytest.approx(areas.tolist())


@pytest.mark.parametrize("outline", [False, True])
def test_no_overlaps_and_no_gaps(outline: bool) -> None:
    geoms = load_counties(outline=outline).geoms
    assert shapely.is_valid(geoms).all()
    assert shapely.coverage_is_valid(geoms)
    city = shapely.union_all(geoms)
    assert shapely.area(city) == pytest.approx(shapely.area(geoms).sum(), rel=1e-12)
    # The one known hole, in 浉河区, belongs to no county of the city.
    holes = [ring for part in shapely.get_parts(city) for ring in part.interiors]
    assert len(holes) == 1
    assert (
        shapely.distance(shapely.centroid(shapely.Polygon(holes[0])), shapely.Point(113.756, 32.282)) < 0.01
    )


def test_outline_is_small_and_close() -> None:
    assert (DATA / "xinyang_counties_outline.geojson").stat().st_size <= 60_000
    full, outline = load_counties().geoms, load_counties(outline=True).geoms
    assert shapely.hausdorff_distance(full, outline).max() < 0.03
    assert shapely.area(outline) == pytest.approx(shapely.area(full), rel=0.01)


def test_codes_and_names() -> None:
    assert county_codes() == tuple(AREAS_KM2)
    assert county_name("411525") == "固始县"
    assert county_name("411525", "en") == "Gushi County"
    with pytest.raises(KeyError):
        county_name("411500")


def test_border_parcels_go_by_majority_others_by_their_point() -> None:
    counties = load_counties()
    rng = np.random.default_rng(5)
    points = np.column_stack([rng.uniform(113.7, 115.95, 1500), rng.uniform(31.35, 32.7, 1500)])
    parcels = shapely.buffer(shapely.points(points), 0.006)
    found = assign_county(parcels)
    parts = shapely.area(shapely.intersection(parcels[:, None], counties.geoms[None, :]))
    expected = np.where(parts.max(axis=1) > 0, np.array(counties.codes)[parts.argmax(axis=1)], "")
    assert found["code"].tolist() == expected.tolist()
    assert np.allclose(found["share"], parts.max(axis=1) / shapely.area(parcels))
    crosses = (parts.max(axis=1) > 0) & (parts.max(axis=1) < shapely.area(parcels) * (1 - 1e-9))
    assert found["border"].tolist() == crosses.tolist()
    assert found["border"].sum() > 50


def test_outside_missing_and_empty_have_no_county() -> None:
    elsewhere = shapely.box(73.1, 26.3, 73.11, 26.31)
    in_the_hole = shapely.Point(113.7561, 32.2819).buffer(0.0005)
    found = assign_county([elsewhere, None, in_the_hole, shapely.Polygon()])
    assert found["code"].tolist() == ["", "", "", ""]
    assert found["share"].tolist() == [0, 0, 0, 0]
    assert not found["border"].any()
    assert assign_county([]).empty


def test_gcj02_there_and_back_and_the_size_of_the_shift() -> None:
    xy = shapely.get_coordinates(county_geometry("411502"))
    there = to_gcj02(xy)
    assert np.abs(from_gcj02(there) - xy).max() < 1e-12
    shift = there - xy
    # Known for this city: 538–611 m to the east-south-east.
    assert (shift[:, 0] > 0.0050).all()
    assert (shift[:, 0] < 0.0060).all()
    assert (shift[:, 1] > -0.0024).all()
    assert (shift[:, 1] < -0.0018).all()


def test_gcj02_known_point() -> None:
    """The textbook pair of the published series: Tian'anmen Square."""
    assert to_gcj02([(116.404, 39.915)])[0] == pytest.approx(
        (116.41024449916938, 39.91640428150164), abs=1e-9
    )
