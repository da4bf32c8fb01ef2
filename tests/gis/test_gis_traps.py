"""The traps of the field that concern files, coordinates, shapes and areas, one test each, by number.

The others stand in ``tests/parcels/test_parcel_traps.py`` (attribute tables) and, for two uploads at once
(20), with the tests of acceptance and of the one-claim lock.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pyproj
import pytest
import shapely
from fork_reader import warm  # noqa: F401 — used by name below

from gis.census import shared_land, take_census
from gis.counties import assign_county, county_geometry
from gis.crs import to_lonlat, to_plane
from gis.errors import VectorFileError
from gis.geometry import check_geometries
from gis.measure import ellipsoidal_area_m2
from gis.overlap import self_overlaps
from gis.projection_gcj import to_gcj02
from gis.vector_files import read_vector

Write = Callable[..., Path]
pytestmark = pytest.mark.usefixtures("warm")


def codes(layer: Any) -> list[str]:
    return [note.code for note in layer.notes]


def test_trap_04_the_gauss_krueger_plane_gives_land_that_is_not_there() -> None:
    east = shapely.box(115.90, 32.0, 115.91, 32.01)
    plane = float(shapely.area(to_plane([east]))[0])
    true = abs(pyproj.Geod(ellps="GRS80").geometry_area_perimeter(east)[0])
    assert plane / true - 1 == pytest.approx(7.8e-4, abs=1e-4)
    assert ellipsoidal_area_m2([east])[0] == pytest.approx(true, rel=5e-6)


def test_trap_05_the_register_of_epsg_puts_north_first_and_files_do_not(
    write_shapefile: Write, squares: Any
) -> None:
    assert [axis.direction for axis in pyproj.CRS.from_epsg(4526).axis_info] == ["north", "east"]
    for epsg in (4490, 4526):
        layer = read_vector(write_shapefile(epsg=epsg))
        back = to_lonlat(layer.frame.geometry.values, layer.epsg)
        assert shapely.hausdorff_distance(back, np.array(squares)).max() < 1e-9


def without_prefix(shp: Path, by: float) -> None:
    """Take ``by`` from every easting of a shapefile of simple polygons."""
    frame = pyogrio.read_dataframe(shp)
    prj = shp.with_suffix(".prj").read_text(encoding="ascii")
    frame.geometry = shapely.transform(frame.geometry.values, lambda xy: xy - [by, 0])
    pyogrio.write_dataframe(frame, shp, driver="ESRI Shapefile")
    shp.with_suffix(".prj").write_text(prj, encoding="ascii")


def test_trap_06_a_lost_zone_prefix(write_shapefile: Write, squares: Any) -> None:
    shp = write_shapefile(epsg=4526)
    without_prefix(shp, 38_000_000)
    # The .prj still says zone 38: a contradiction is never guessed around.
    with pytest.raises(VectorFileError) as caught:
        read_vector(shp)
    assert caught.value.code == "gis.crs.conflict"
    assert "带号" in caught.value.zh
    shp.with_suffix(".prj").unlink()
    layer = read_vector(shp)
    assert layer.epsg == 4547
    back = to_lonlat(layer.frame.geometry.values, layer.epsg)
    assert shapely.hausdorff_distance(back, np.array(squares)).max() < 1e-9


def test_trap_06_eastings_cut_to_single_precision(write_shapefile: Write, tmp_path: Path) -> None:
    shp = write_shapefile(epsg=4526)
    frame = pyogrio.read_dataframe(shp)
    frame.geometry = shapely.transform(frame.geometry.values, lambda xy: xy.astype(np.float32).astype(float))
    cut = tmp_path / "cut.gpkg"
    pyogrio.write_dataframe(frame, cut, driver="GPKG")
    layer = read_vector(cut)
    assert codes(layer) == ["gis.note.coordinates_rounded"]
    assert layer.notes[0].values == {"step": 4}
    assert "4 米" in layer.notes[0].message("zh")
    # Whole metres are usual and say nothing.
    frame.geometry = shapely.transform(frame.geometry.values, np.round)
    frame.geometry = shapely.transform(frame.geometry.values, lambda xy: xy + np.array([1, 0]))
    pyogrio.write_dataframe(frame, cut, driver="GPKG")
    assert codes(read_vector(cut)) == []


def test_trap_07_county_lines_are_not_left_in_the_offset_datum() -> None:
    """570 m east of where they belong, the lines of GCJ-02 would put border land into the wrong county."""
    border = shapely.intersection(county_geometry("411522"), county_geometry("411523"))
    points = [
        shapely.line_interpolate_point(line, 0.5, normalized=True)
        for line in shapely.get_parts(border)
        if line.geom_type == "LineString" and line.length > 0.002
    ]
    parcels = [point.buffer(0.0005) for point in points]
    shifted = [shapely.transform(parcel, to_gcj02) for parcel in parcels]
    shares = assign_county(parcels)
    assert shares["border"].mean() > 0.9
    assert assign_county(shifted)["border"].mean() < 0.5


def test_trap_08_no_cpg_means_gbk_and_not_western(write_shapefile: Write) -> None:
    shp = write_shapefile({"MC": ["油茶基地", "茶", "水田"]})
    assert not shp.with_suffix(".cpg").exists()
    assert "油" not in str(pyogrio.raw.read(shp, encoding="ISO-8859-1")[3])
    assert read_vector(shp).frame["MC"].tolist() == ["油茶基地", "茶", "水田"]


def test_trap_09_one_open_ring_stops_only_itself(write_shapefile: Write) -> None:
    shp = write_shapefile()
    data = bytearray(shp.read_bytes())
    last = 100 + 136 + 8 + 4 + 32 + 8 + 4 + 4 * 16  # last point of the second record
    x, y = struct.unpack_from("<2d", data, last)
    struct.pack_into("<2d", data, last, x, y + 0.0002)
    shp.write_bytes(data)
    with pytest.raises(shapely.errors.GEOSException):
        shapely.from_wkb(pyogrio.raw.read(shp)[2])
    layer = read_vector(shp)
    census = take_census(layer)
    assert len(layer.frame) == 3
    assert layer.closed == (1,)
    assert census.invalid.tolist() == census.repaired.tolist() == [False, True, False]


def test_trap_10_the_predicate_overlaps_misses_twins_and_what_lies_inside(write_shapefile: Write) -> None:
    whole = shapely.box(114.5, 32.0, 114.51, 32.01)
    shapes = [whole, whole, shapely.box(114.502, 32.002, 114.503, 32.003)]
    assert not any(shapely.overlaps(shapes[0], other) for other in shapes[1:])
    layer = read_vector(write_shapefile(geoms=shapes))
    pairs = shared_land(take_census(layer), layer.epsg)
    assert pairs[["left", "right"]].to_numpy().tolist() == [[0, 1], [0, 2], [1, 2]]
    assert pairs["equal"].tolist() == [True, False, False]
    assert pairs["contained"].tolist() == [False, True, True]
    assert len(self_overlaps(to_plane(shapes))) == 3


def test_trap_11_repair_may_leave_lines_and_they_are_dropped() -> None:
    x, y = 114.5, 32.0
    corner, tip = (x + 0.001, y + 0.001), (x + 0.002, y + 0.002)
    lollipop = shapely.Polygon([(x, y), (x + 0.001, y), corner, tip, corner, (x, y + 0.001)])
    line = shapely.LineString([(x, y), (x, y + 1)])
    mixed = shapely.GeometryCollection([shapely.box(x, y, x + 1e-3, y + 1e-3), line])
    assert shapely.make_valid(lollipop).geom_type == "GeometryCollection"
    checked = check_geometries([lollipop, mixed])
    assert {shape.geom_type for shape in checked.geoms} <= {"Polygon", "MultiPolygon"}
    assert checked.rows["status"].tolist() == ["repaired", "repaired"]


def test_trap_14_a_parcel_of_several_parts_is_one_row(write_shapefile: Write, squares: Any) -> None:
    parts = shapely.MultiPolygon(squares[:2])
    layer = read_vector(write_shapefile(geoms=[parts, squares[2]]))
    assert len(layer.frame) == 2
    census = take_census(layer)
    assert not census.invalid.any()
    assert census.geodesic_m2[0] == pytest.approx(sum(census.geodesic_m2) * 2 / 3, rel=1e-3)


def test_trap_17_a_number_too_long_for_its_field_is_no_number(write_shapefile: Write) -> None:
    shp = write_shapefile({"MIAN_JI": [1.25, 2.5, 3.75]})
    dbf = shp.with_suffix(".dbf")
    data = bytearray(dbf.read_bytes())
    width = data[32 + 16]
    at = int.from_bytes(data[8:10], "little") + (width + 1) + 1  # second record, behind its deletion flag
    data[at : at + width] = b"*" * width
    dbf.write_bytes(data)
    values = read_vector(shp).frame["MIAN_JI"]
    assert values.isna().tolist() == [False, True, False]
    assert values.iloc[2] == 3.75


def test_trap_19_the_coordinates_of_the_file_are_kept_beside_the_transformed_ones(
    write_shapefile: Write,
) -> None:
    """Rounded to the millimetre, corners on a neighbour's edge come off it; as drawn they lie on it."""
    west, south = 39_330_000.0, 3_540_000.0
    shapes = [
        shapely.box(west, south, west + 3000, south + 100),
        *(shapely.box(west + 37 * n, south - 50, west + 37 * (n + 1), south) for n in range(60)),
    ]
    shp = write_shapefile(geoms=to_lonlat(np.array(shapes, dtype=object), 4527), epsg=4527)
    frame = pyogrio.read_dataframe(shp)
    frame.geometry = shapes
    pyogrio.write_dataframe(frame, shp, driver="ESRI Shapefile")
    layer = read_vector(shp)
    drawn = np.asarray(layer.frame.geometry.array, dtype=object)
    assert shapely.equals_exact(drawn, np.array(shapes, dtype=object), 0, normalize=True).all()
    assert len(shared_land(take_census(layer), layer.epsg)) == 0
    assert len(self_overlaps(to_plane(to_lonlat(drawn, layer.epsg)))) > 5


def test_swapped_coordinates_are_put_right_and_told(tmp_path: Path, squares: Any) -> None:
    turned = [json.loads(shapely.to_geojson(shapely.transform(s, lambda xy: xy[:, ::-1]))) for s in squares]
    path = tmp_path / "a.geojson"
    features = [{"type": "Feature", "properties": {}, "geometry": shape} for shape in turned]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}), encoding="utf-8")
    layer = read_vector(path)
    assert codes(layer) == ["gis.note.axes_swapped"]
    assert shapely.equals(layer.frame.geometry.values, squares).all()


def test_text_saved_in_the_wrong_alphabet_is_told_not_guessed(write_shapefile: Write) -> None:
    broken = "油茶基地".encode("gbk").decode("latin-1")
    layer = read_vector(write_shapefile({"MC": [broken, "x", "y"]}, encoding="UTF-8"))
    assert codes(layer) == ["gis.note.mojibake"]
    assert layer.frame["MC"].iloc[0] == broken
    honest = read_vector(write_shapefile({"MC": ["Ménéstrel Straße", "naïve", "Ærø"]}, encoding="UTF-8"))
    assert codes(honest) == []
