"""Coordinate systems: from a .prj, from the numbers alone, and the ways they contradict each other."""

from __future__ import annotations

import numpy as np
import pyproj
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from gis.crs import Crs, detect_epsg, resolve_crs, to_lonlat, to_plane
from gis.errors import CrsError

CITY = (113.71, 31.39, 115.93, 32.66)
ZONE_38 = (38_480_000.0, 3_480_000.0, 38_560_000.0, 3_580_000.0)
ARCGIS_ZONE_38 = (
    'PROJCS["CGCS2000_3_Degree_GK_Zone_38",GEOGCS["GCS_China_Geodetic_Coordinate_System_2000",'
    'DATUM["D_China_2000",SPHEROID["CGCS2000",6378137.0,298.257222101]],PRIMEM["Greenwich",0.0],'
    'UNIT["Degree",0.0174532925199433]],PROJECTION["Gauss_Kruger"],PARAMETER["False_Easting",38500000.0],'
    'PARAMETER["False_Northing",0.0],PARAMETER["Central_Meridian",114.0],PARAMETER["Scale_Factor",1.0],'
    'PARAMETER["Latitude_Of_Origin",0.0],UNIT["Meter",1.0]]'
)


def esri(epsg: int) -> str:
    return str(pyproj.CRS.from_epsg(epsg).to_wkt("WKT1_ESRI"))


@pytest.mark.parametrize("epsg", [4490, 4526, 4527, 4547, 4548])
@given(lon=st.floats(113.72, 115.9), lat=st.floats(31.4, 32.6))
@settings(max_examples=25, deadline=None)
def test_the_numbers_alone_tell_the_system(epsg: int, lon: float, lat: float) -> None:
    x, y = pyproj.Transformer.from_crs(4490, epsg, always_xy=True).transform(lon, lat)
    assert detect_epsg((x, y, x, y)) == epsg


@pytest.mark.parametrize("epsg", [4490, 4526, 4527, 4547, 4548])
def test_swapped_axes_are_recognised(epsg: int) -> None:
    x, y = pyproj.Transformer.from_crs(4490, epsg, always_xy=True).transform([114.4, 115.2], [31.7, 32.3])
    bounds = (min(y), min(x), max(y), max(x))
    for definition, origin in ((None, "coordinates"), (esri(epsg), "prj")):
        found = resolve_crs(definition, bounds)
        assert (found.epsg, found.origin, found.swapped) == (epsg, origin, True)
        assert not resolve_crs(definition, (min(x), min(y), max(x), max(y))).swapped


def test_numbers_of_no_known_system() -> None:
    with pytest.raises(CrsError) as caught:
        detect_epsg((650_000.0, 3_300_000.0, 660_000.0, 3_310_000.0))
    assert caught.value.code == "gis.crs.unknown"
    assert "650000" in caught.value.zh
    assert "Add the .prj" in caught.value.en


@pytest.mark.parametrize(
    ("definition", "bounds", "expected"),
    [
        (ARCGIS_ZONE_38, ZONE_38, 4526),
        (ARCGIS_ZONE_38.replace("CGCS2000_3_Degree_GK_Zone_38", "信阳三度带"), ZONE_38, 4526),
        (esri(4490), CITY, 4490),
        (esri(4326), CITY, 4326),
        ("EPSG:4326", (73.0, 26.0, 73.2, 26.4), 4326),
        ("\ufeff" + esri(4547), (480_000.0, 3_480_000.0, 680_000.0, 3_580_000.0), 4547),
        (esri(4527), (39_200_000.0, 3_480_000.0, 39_400_000.0, 3_580_000.0), 4527),
        (esri(32650), (330_000.0, 3_480_000.0, 400_000.0, 3_580_000.0), 32650),
    ],
)
def test_definitions_that_are_accepted(
    definition: str, bounds: tuple[float, float, float, float], expected: int
) -> None:
    assert resolve_crs(definition, bounds) == Crs(expected, "prj")


@pytest.mark.parametrize(
    ("definition", "bounds", "code"),
    [
        (esri(2362), ZONE_38, "gis.crs.old_datum"),
        (esri(2383), (480_000.0, 3_480_000.0, 680_000.0, 3_580_000.0), "gis.crs.old_datum"),
        (esri(2414), ZONE_38, "gis.crs.old_datum"),
        (esri(4214), CITY, "gis.crs.old_datum"),
        (esri(27700), (400_000.0, 100_000.0, 500_000.0, 200_000.0), "gis.crs.unsupported"),
        (esri(4547), ZONE_38, "gis.crs.conflict"),
        (esri(4490), ZONE_38, "gis.crs.conflict"),
        (esri(4526), (500_000.0, 3_480_000.0, 560_000.0, 3_580_000.0), "gis.crs.conflict"),
        ("<OGRVRTDataSource/>", ZONE_38, "gis.crs.unreadable"),
        ("/etc/hostname", ZONE_38, "gis.crs.unreadable"),
    ],
)
def test_definitions_that_are_refused(
    definition: str, bounds: tuple[float, float, float, float], code: str
) -> None:
    with pytest.raises(CrsError) as caught:
        resolve_crs(definition, bounds)
    assert caught.value.code == code
    assert caught.value.zh
    assert caught.value.en


def test_without_a_prj_the_coordinates_decide() -> None:
    assert resolve_crs(None, ZONE_38) == Crs(4526, "coordinates")
    assert resolve_crs("  ", CITY) == Crs(4490, "coordinates")


def test_plane_and_back_within_a_millimetre_and_shared_vertices_stay_shared() -> None:
    a, b = shapely.box(114.5, 32.0, 114.51, 32.01), shapely.box(114.51, 32.0, 114.52, 32.01)
    plane = to_plane([a, b, None])
    assert plane[2] is None
    assert shapely.touches(plane[0], plane[1])
    xy = shapely.get_coordinates(plane)
    assert np.array_equal(xy, np.round(xy, 3))
    assert (xy[:, 0] > 38.4e6).all()
    back = shapely.get_coordinates(to_lonlat(plane, 4526))
    assert np.abs(back - shapely.get_coordinates([a, b])).max() < 1e-8  # 1 mm


def test_plane_is_independent_of_the_system_the_file_came_in() -> None:
    parcel = shapely.box(115.2, 31.8, 115.21, 31.81)
    for epsg in (4527, 4547, 4548):
        move = pyproj.Transformer.from_crs(4490, epsg, always_xy=True)
        there = shapely.transform(parcel, lambda xy, m=move: np.column_stack(m.transform(xy[:, 0], xy[:, 1])))
        again = to_plane(to_lonlat([there], epsg))[0]
        assert shapely.hausdorff_distance(again, to_plane([parcel])[0]) < 0.0015
