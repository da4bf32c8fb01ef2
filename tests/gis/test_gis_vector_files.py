"""Files as offices send them: encodings, missing parts, systems, several layers, broken rings."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pyogrio
import pyproj
import pytest
import shapely

from gis.counties import assign_county
from gis.crs import to_lonlat, to_plane
from gis.errors import VectorFileError
from gis.geometry import check_geometries
from gis.limits import Limits
from gis.measure import ellipsoidal_area_m2
from gis.overlap import self_overlaps
from gis.vector_files import VectorLayer, read_vector

Write = Callable[..., Path]
NAMES = {"MC": ["油茶基地", "马鞍山茶园", "塘下水田"], "DI_LEI": ["0111", "0131", "0000"]}


def refused(path: Path, **options: Any) -> VectorFileError:
    with pytest.raises(VectorFileError) as caught:
        read_vector(path, **options)
    assert caught.value.zh
    assert caught.value.en
    return caught.value


def codes(layer: VectorLayer) -> list[str]:
    return [note.code for note in layer.notes]


def test_gbk_without_any_hint(write_shapefile: Write, zip_layer: Write, squares: Any) -> None:
    layer = read_vector(zip_layer(write_shapefile(NAMES)))
    assert layer.frame["MC"].tolist() == NAMES["MC"]
    assert layer.frame["DI_LEI"].tolist() == ["0111", "0131", "0000"]
    assert str(layer.frame["DI_LEI"].dtype) == "str"
    assert (layer.encoding, layer.epsg, layer.crs_origin, layer.notes) == ("gbk", 4490, "prj", ())
    assert layer.frame.crs.to_epsg() == 4490
    assert shapely.equals(layer.frame.geometry.values, squares).all()
    assert layer.frame.index.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("written", "cpg", "language_byte", "found", "notes"),
    [
        ("UTF-8", "UTF-8", 0, "utf-8", []),
        ("UTF-8", None, 0, "utf-8", []),
        ("UTF-8", "GBK", 0, "utf-8", ["gis.note.cpg_lies"]),
        ("GBK", "UTF-8", 0, "gbk", ["gis.note.cpg_lies"]),
        ("GBK", "ANSI 936", 0, "gbk", []),
        ("GBK", "GB2312\r\n", 0, "gbk", []),
        ("GBK", "nonsense", 0x4D, "gbk", []),
        ("GBK", "GB18030", 0, "gb18030", []),
        ("GB18030", None, 0, "gb18030", []),
        ("GB18030", "GBK", 0, "gb18030", []),
    ],
)
def test_encodings(
    write_shapefile: Write, written: str, cpg: str | None, language_byte: int, found: str, notes: list[str]
) -> None:
    columns = {"MC": ["油茶基地一", "马鞍山茶园", "塘下水田"]}
    if written == "GB18030":
        columns["MC"][1] = "马𫓧村"  # a rare character of names: four bytes, not in GBK
    shp = write_shapefile(columns, encoding=written)
    if cpg is not None:
        shp.with_suffix(".cpg").write_text(cpg, encoding="ascii")
    dbf = bytearray(shp.with_suffix(".dbf").read_bytes())
    dbf[29] = language_byte
    shp.with_suffix(".dbf").write_bytes(dbf)
    layer = read_vector(shp)
    assert layer.frame["MC"].tolist() == columns["MC"]
    assert layer.encoding == found
    assert codes(layer) == notes
    for note in layer.notes:
        assert note.message("zh")
        assert note.message("en")


def test_character_cut_at_the_end_of_a_field(write_shapefile: Write) -> None:
    """Desktop programs cut text in the middle of a two-byte character."""
    shp = write_shapefile({"MC": ["油茶基地", "茶", "水田"]})
    dbf = bytearray(shp.with_suffix(".dbf").read_bytes())
    at = dbf.index("油茶基地".encode("gbk"))
    dbf[at : at + 8] = ("x油茶基地".encode("gbk"))[:8]
    shp.with_suffix(".dbf").write_bytes(dbf)
    layer = read_vector(shp)
    assert layer.encoding == "gbk"
    assert layer.frame["MC"].iloc[0].startswith("x油茶基")
    assert layer.frame["MC"].iloc[1:].tolist() == ["茶", "水田"]
    assert codes(layer) == ["gis.note.cut_characters"]
    assert layer.notes[0].values["count"] == 1


def test_numbers_nulls_and_chinese_field_names(write_shapefile: Write) -> None:
    columns = {
        "面积": [1.25, 2.5, np.nan],
        "NL": np.array([3, 4, 5], dtype="int32"),
        "BZ": ["", None, "备注"],
    }
    frame = read_vector(write_shapefile(columns)).frame
    assert frame["面积"].tolist()[:2] == [1.25, 2.5]
    assert frame["面积"].isna().tolist() == [False, False, True]
    assert frame["NL"].tolist() == [3, 4, 5]
    assert frame["BZ"].isna().tolist() == [True, True, False]
    assert frame["BZ"].iloc[2] == "备注"


def test_missing_parts(write_shapefile: Write, zip_layer: Write) -> None:
    shp = write_shapefile()
    layer = read_vector(zip_layer(shp, leave_out=(".shx",)))
    assert len(layer.frame) == 3
    assert codes(layer) == ["gis.note.shx_rebuilt"]
    assert refused(zip_layer(shp, leave_out=(".dbf",), title="小班")).values == {"stem": "小班"}
    assert refused(zip_layer(shp, leave_out=(".shp",))).code == "gis.layer.none"
    # Without a .prj the coordinates decide.
    found = read_vector(zip_layer(shp, leave_out=(".prj",)))
    assert (found.epsg, found.crs_origin) == (4490, "coordinates")


@pytest.mark.parametrize("epsg", [4526, 4527, 4547, 4548])
def test_plane_systems_with_and_without_prj(write_shapefile: Write, squares: Any, epsg: int) -> None:
    shp = write_shapefile(epsg=epsg)
    for origin in ("prj", "coordinates"):
        layer = read_vector(shp)
        assert (layer.epsg, layer.crs_origin) == (epsg, origin)
        back = to_lonlat(layer.frame.geometry.values, layer.epsg)
        assert shapely.hausdorff_distance(back, np.array(squares)).max() < 1e-9
        shp.with_suffix(".prj").unlink(missing_ok=True)


def test_upper_case_siblings(write_shapefile: Write) -> None:
    shp = write_shapefile(NAMES)
    for suffix in (".dbf", ".shx", ".prj"):
        shp.with_suffix(suffix).rename(shp.with_suffix(suffix.upper()))
    upper = shp.rename(shp.with_suffix(".SHP"))
    assert read_vector(upper).frame["MC"].tolist() == NAMES["MC"]


def test_old_datum_and_wrong_zone(write_shapefile: Write) -> None:
    shp = write_shapefile(epsg=4526)
    prj = shp.with_suffix(".prj")
    prj.write_text(pyproj.CRS.from_epsg(2362).to_wkt("WKT1_ESRI"), encoding="ascii")
    assert refused(shp).code == "gis.crs.old_datum"
    prj.write_text(pyproj.CRS.from_epsg(4547).to_wkt("WKT1_ESRI"), encoding="ascii")
    assert refused(shp).code == "gis.crs.conflict"


def test_one_stray_parcel_does_not_decide_the_system(write_shapefile: Write) -> None:
    parcels = [shapely.box(114.5 + i / 500, 32, 114.501 + i / 500, 32.001) for i in range(40)]
    shp = write_shapefile(geoms=[*parcels, shapely.box(0, 0, 0.001, 0.001)], epsg=4490)
    shp.with_suffix(".prj").unlink()
    layer = read_vector(shp)
    assert layer.epsg == 4490
    assert assign_county(layer.frame.geometry.values)["code"].iloc[-1] == ""


def test_unclosed_ring_is_closed_and_named(write_shapefile: Write, squares: Any) -> None:
    shp = write_shapefile(NAMES)
    data = bytearray(shp.read_bytes())
    second = 100 + 136  # header, first record
    last = second + 8 + 4 + 32 + 8 + 4 + 4 * 16
    x, y = struct.unpack_from("<2d", data, last)
    struct.pack_into("<2d", data, last, x, y + 0.0002)
    shp.write_bytes(data)
    layer = read_vector(shp)
    assert codes(layer) == ["gis.note.rings_closed"]
    assert layer.notes[0].values == {"count": 1, "rows": "2"}
    rings = shapely.get_exterior_ring(layer.frame.geometry.values)
    assert shapely.is_closed(rings).all()
    assert shapely.equals(layer.frame.geometry.values[[0, 2]], np.array(squares)[[0, 2]]).all()


def test_null_shapes_and_three_dimensions(write_shapefile: Write, squares: Any) -> None:
    raised = shapely.force_3d(squares[1], 120.0)
    layer = read_vector(write_shapefile(geoms=[squares[0], None, raised]))
    assert layer.frame.geometry.isna().tolist() == [False, True, False]
    assert not shapely.has_z(layer.frame.geometry.values).any()


def test_geopackage_layers(tmp_path: Path, squares: Any) -> None:
    path = tmp_path / "data.gpkg"
    frame = geopandas.GeoDataFrame({"名称": ["一", "二", "三"], "geometry": squares}, crs=4490)
    pyogrio.write_dataframe(frame.iloc[:0], path, layer="default", driver="GPKG")
    pyogrio.write_dataframe(frame, path, layer="油茶", driver="GPKG", append=True)
    layer = read_vector(path)
    assert (layer.layer, layer.epsg, layer.crs_origin) == ("油茶", 4490, "prj")
    assert layer.frame["名称"].tolist() == ["一", "二", "三"]
    pyogrio.write_dataframe(frame, path, layer="水稻", driver="GPKG", append=True)
    several = refused(path)
    assert several.code == "gis.layer.several"
    assert "油茶" in several.zh
    assert "水稻" in several.en
    assert read_vector(path, layer="水稻").layer == "水稻"
    assert refused(path, layer="茶").code == "gis.layer.unknown"


def test_geojson_keeps_codes_and_dates_as_text(tmp_path: Path, zip_files: Write) -> None:
    square = '{"type":"Polygon","coordinates":[[[114.5,32,5],[114.6,32,5],[114.6,32.1,5],[114.5,32,5]]]}'
    text = (
        '{"type":"FeatureCollection","name":"x","features":[{"type":"Feature","properties":'
        '{"DI_LEI":"0111","day":"2020-03-01","tags":["a","b"],"more":{"k":1},"n":7},"geometry":'
        + square
        + "}]}"
    )
    path = tmp_path / "a.geojson"
    for content in (text, "\ufeff" + text):
        path.write_text(content, encoding="utf-8")
        for upload in (path, zip_files({"小班.geojson": path})):
            layer = read_vector(upload)
            assert (layer.epsg, layer.encoding) == (4326, "utf-8")
            row = layer.frame.iloc[0]
            assert (row["DI_LEI"], row["day"], row["n"]) == ("0111", "2020-03-01", 7)
            assert "a" in row["tags"]
            assert "k" in row["more"]


def test_kml_is_read_with_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "a.kml"
    ring = "114.5,32,0 114.6,32,0 114.6,32.1,0 114.5,32,0"
    path.write_text(
        '<?xml version="1.0" encoding="UTF-8"?>\n<kml xmlns="http://www.opengis.net/kml/2.2"><Document>'
        "<Placemark><name>油茶</name><Polygon><outerBoundaryIs><LinearRing><coordinates>"
        f"{ring}</coordinates></LinearRing></outerBoundaryIs></Polygon></Placemark></Document></kml>",
        encoding="utf-8",
    )
    layer = read_vector(path)
    assert codes(layer) == ["gis.note.kml_datum"]
    assert len(layer.frame) == 1
    assert layer.frame.geometry.iloc[0].geom_type == "Polygon"


def test_refusals_before_the_child(tmp_path: Path, write_shapefile: Write, zip_files: Write) -> None:
    empty = tmp_path / "a.zip"
    empty.write_bytes(b"")
    assert refused(empty).code == "gis.file.empty"
    assert refused(tmp_path / "none.zip").code == "gis.file.missing"
    assert refused(tmp_path / "a.dwg").code == "gis.file.extension"
    big = zip_files({"a.shp": b"1" * 100})
    error = refused(big, limits=Limits(upload_bytes=50))
    assert error.code == "gis.file.too_large"
    assert error.values["limit"] == 50
    shp = write_shapefile()
    assert refused(shp, limits=Limits(unpacked_bytes=100)).code == "gis.file.too_large"
    # The name the sender gave counts, not that of the temporary file.
    stored = tmp_path / "upload-1"
    stored.write_bytes(zip_files({f"a{p.suffix}": p for p in shp.parent.iterdir()}).read_bytes())
    assert len(read_vector(stored, filename="小班.zip").frame) == 3


def test_real_fields_outside_the_city() -> None:
    """Indian smallholdings (CC-BY-4.0): they read, measure and check; no county of ours holds them."""
    path = Path(__file__).resolve().parents[3] / "shared" / "data" / "india_10k.zip"
    if not path.is_file():
        pytest.skip("the folder shared/data with real field polygons is not beside the checkout")
    layer = read_vector(path)
    assert (len(layer.frame), layer.epsg, layer.crs_origin) == (100, 4326, "prj")
    checked = check_geometries(to_lonlat(layer.frame.geometry.values, layer.epsg))
    assert set(checked.rows["status"]) <= {"ok", "repaired"}
    geod = pyproj.Geod(ellps="GRS80")
    theirs = np.array([abs(geod.geometry_area_perimeter(geom)[0]) for geom in checked.geoms])
    ours = ellipsoidal_area_m2(checked.geoms)
    assert np.abs(ours - theirs).max() < 0.05
    assert assign_county(checked.geoms)["code"].eq("").all()
    assert len(self_overlaps(to_plane(checked.geoms))) < 100
