"""File geodatabases, GeoParquet and lists of corner points: good ones, odd ones, and attacks (F2, F3, F7)."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas
import openpyxl
import pyarrow
import pyarrow.parquet
import pyogrio
import pyproj
import pytest
import shapely
from fork_reader import warm  # noqa: F401 — used by name below

from gis import sandbox
from gis.errors import VectorFileError
from gis.limits import Limits
from gis.vector_files import VectorLayer, read_vector

Write = Callable[..., Path]
pytestmark = pytest.mark.usefixtures("warm")


def refused(path: Path, **options: Any) -> VectorFileError:
    with pytest.raises(VectorFileError) as caught:
        read_vector(path, **options)
    assert caught.value.zh
    assert caught.value.en
    return caught.value


def codes(layer: VectorLayer) -> list[str]:
    return [note.code for note in layer.notes]


# --- file geodatabases ----------------------------------------------------------------------------


@pytest.fixture
def parts(tmp_path: Path, squares: Any) -> dict[str, bytes]:
    """The files of a geodatabase with an empty layer and one of three parcels."""
    folder = tmp_path / "made.gdb"
    frame = geopandas.GeoDataFrame({"名称": ["一", "二", "三"]}, geometry=squares, crs=4490)
    pyogrio.write_dataframe(frame, folder, layer="parcels", driver="OpenFileGDB")
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.mark.parametrize("inside", ["a.gdb/", "数据/小班.gdb/", "", "plain folder/"])
def test_a_geodatabase_whatever_its_folder_is_called(zip_files: Write, parts: Any, inside: str) -> None:
    layer = read_vector(zip_files({inside + name: data for name, data in parts.items()}))
    assert layer.frame["名称"].tolist() == ["一", "二", "三"]
    assert (layer.layer, layer.epsg, layer.encoding) == ("parcels", 4490, "utf-8")


def test_a_geodatabase_may_have_many_parts_and_nothing_else_may(zip_files: Write, parts: Any) -> None:
    many = {f"a.gdb/{name}": data for name, data in parts.items()}
    many |= {f"a.gdb/a{number:08x}.gdbtable": b"x" for number in range(0x100, 0x180)}
    assert len(read_vector(zip_files(many)).frame) == 3
    padded = {f"a.gdb/{name}": data for name, data in parts.items()} | {f"n{i}.txt": b"" for i in range(65)}
    assert refused(zip_files(padded)).code == "gis.zip.entries"


@pytest.mark.parametrize(
    "name", ["a.exe", "x.vrt", "a00000001.gdbtable.vrt", "A 1.gdbtable", "a00000001.spx/x"]
)
def test_strange_parts_of_a_geodatabase_are_refused(zip_files: Write, parts: Any, name: str) -> None:
    packed = zip_files({**{f"a.gdb/{n}": data for n, data in parts.items()}, f"a.gdb/{name}": b"x"})
    assert refused(packed).code in ("gis.zip.entry_extension", "gis.layer.several")


def test_a_geodatabase_of_rubbish_is_unreadable(zip_files: Write) -> None:
    rubbish = {f"a.gdb/a0000000{number}.gdbtable": b"\x03" * 400 for number in range(1, 5)}
    assert refused(zip_files(rubbish)).code == "gis.file.unreadable"


# --- several layers -------------------------------------------------------------------------------


def test_of_two_shapefiles_in_a_zip_one_can_be_named(write_shapefile: Write, zip_files: Write) -> None:
    entries = {}
    for name in ("东", "西"):
        shp = write_shapefile({"MC": [name] * 3}, folder=name)
        entries |= {f"{name}{part}": shp.with_suffix(part) for part in (".shp", ".shx", ".dbf", ".prj")}
    packed = zip_files(entries)
    assert refused(packed).code == "gis.layer.several"
    for wanted in ("西", "西.shp"):
        assert read_vector(packed, layer=wanted).frame["MC"].tolist() == ["西"] * 3


def test_descriptions_beside_the_layer_are_left_in_the_zip(write_shapefile: Write, zip_files: Write) -> None:
    shp = write_shapefile()
    entries: dict[str, Any] = {f"a{part}": shp.with_suffix(part) for part in (".shp", ".shx", ".dbf", ".prj")}
    packed = zip_files({**entries, "metadata.json": b"{}", "字段说明.xlsx": b"PK", "readme.pdf": b"%PDF"})
    layer = read_vector(packed)
    assert len(layer.frame) == 3
    assert codes(layer) == ["gis.note.ignored"]
    assert "metadata.json" in layer.notes[0].message("zh")
    # Alone, they are taken for what they may be.
    assert refused(zip_files({"metadata.json": b"{}"})).code == "gis.file.unreadable"


def test_points_and_lines_beside_the_parcels_do_not_count_as_layers(tmp_path: Path, squares: Any) -> None:
    path = tmp_path / "a.gpkg"
    point = geopandas.GeoDataFrame({"n": [1]}, geometry=[shapely.Point(114.5, 32)], crs=4490)
    line = geopandas.GeoDataFrame({"n": [1]}, geometry=[shapely.LineString([(114, 32), (115, 32)])], crs=4490)
    frame = geopandas.GeoDataFrame({"n": [1, 2, 3]}, geometry=squares, crs=4490)
    for name, layer in (("井", point), ("路", line), ("地块", frame)):
        pyogrio.write_dataframe(layer, path, layer=name, driver="GPKG", append=path.exists())
    assert read_vector(path).layer == "地块"


# --- text -----------------------------------------------------------------------------------------

POLYGON = '{"type":"Polygon","coordinates":[[[114.5,32],[114.6,32],[114.6,32.1],[114.5,32]]]}'


@pytest.mark.parametrize(
    ("written", "bom", "found", "notes"),
    [
        ("utf-8", b"", "utf-8", []),
        ("utf-8", b"\xef\xbb\xbf", "utf-8", []),
        ("gb18030", b"", "gb18030", ["gis.note.recoded"]),
        ("utf-16-le", b"\xff\xfe", "utf-16", ["gis.note.recoded"]),
    ],
)
def test_geojson_in_any_chinese_encoding(
    tmp_path: Path, written: str, bom: bytes, found: str, notes: list[str]
) -> None:
    name = "马𫓧村油茶"  # the second character has four bytes in GB18030
    feature = f'{{"type":"Feature","properties":{{"名称":"{name}"}},"geometry":{POLYGON}}}'
    text = f'{{"type":"FeatureCollection","features":[{feature}]}}'
    path = tmp_path / "a.geojson"
    path.write_bytes(bom + text.encode(written))
    layer = read_vector(path)
    assert layer.frame["名称"].tolist() == [name]
    assert layer.encoding == found
    assert codes(layer) == notes


def test_kml_in_gbk(tmp_path: Path) -> None:
    ring = "114.5,32 114.6,32 114.6,32.1 114.5,32"
    text = (
        '<?xml version="1.0" encoding="GBK"?><kml xmlns="http://www.opengis.net/kml/2.2"><Document><Placemark>'
        "<name>油茶</name><Polygon><outerBoundaryIs><LinearRing><coordinates>"
        f"{ring}</coordinates></LinearRing></outerBoundaryIs></Polygon></Placemark></Document></kml>"
    )
    path = tmp_path / "a.kml"
    path.write_bytes(text.encode("gbk"))
    layer = read_vector(path)
    assert (layer.encoding, layer.frame["Name"].tolist()) == ("gbk", ["油茶"])


# --- GeoParquet -----------------------------------------------------------------------------------


def test_geoparquet_with_texts_numbers_gaps_and_an_index_column(tmp_path: Path, squares: Any) -> None:
    path = tmp_path / "a.parquet"
    columns = {"DI_LEI": ["0111", None, "0131"], "n": [1, 2, 3], "big": pyarrow.array([1, None, 2**60])}
    frame = geopandas.GeoDataFrame(
        {**columns, "big": columns["big"].to_pandas(types_mapper=None), "tags": [["a"], [], ["b", "c"]]},
        geometry=[squares[0], None, squares[2]],
        crs=4547 - 57,
    )
    frame.to_parquet(path, write_covering_bbox=True)
    layer = read_vector(path)
    assert layer.frame["DI_LEI"].isna().tolist() == [False, True, False]
    assert layer.frame["DI_LEI"].iloc[0] == "0111"
    assert layer.frame["n"].tolist() == [1, 2, 3]
    assert layer.frame.geometry.isna().tolist() == [False, True, False]
    assert "bbox" not in layer.frame.columns
    assert (layer.epsg, layer.crs_origin, layer.layer) == (4490, "prj", "a")


@pytest.mark.parametrize(
    ("crs", "epsg", "origin"), [("absent", 4326, "prj"), (None, 4490, "coordinates"), ("json", 4527, "prj")]
)
def test_the_system_of_a_geoparquet(tmp_path: Path, squares: Any, crs: Any, epsg: int, origin: str) -> None:
    moved = geopandas.GeoSeries(squares, crs=4490).to_crs(epsg)
    column: dict[str, Any] = {"encoding": "WKB", "geometry_types": ["Polygon"]}
    if crs != "absent":
        column["crs"] = None if crs is None else pyproj.CRS.from_epsg(epsg).to_json_dict()
    geo = {"version": "1.1.0", "primary_column": "shape", "columns": {"shape": column}}
    table = pyarrow.table({"shape": shapely.to_wkb(moved.values).tolist()}, metadata={"geo": json.dumps(geo)})
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    layer = read_vector(tmp_path / "a.parquet")
    assert (layer.epsg, layer.crs_origin) == (epsg, origin)
    pyarrow.parquet.write_table(pyarrow.table({"a": [1]}), tmp_path / "none.parquet")
    assert refused(tmp_path / "none.parquet").code == "gis.layer.no_geometry"


def test_a_parquet_bomb_and_one_of_too_many_rows(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    table = pyarrow.table({"geometry": [b"\0" * (1 << 20)] * 64})
    pyarrow.parquet.write_table(table, path, compression="zstd", use_dictionary=False)
    assert path.stat().st_size < 1 << 20
    limits = Limits(memory_bytes=200 << 20)
    # The warm process has its libraries already; a quarter of the memory is what the data may take.
    assert refused(path, limits=limits).code == "gis.file.resources"
    pyarrow.parquet.write_table(pyarrow.table({"geometry": [b""] * 30}), path)
    assert refused(path, limits=Limits(rows=20)).code == "gis.layer.too_many_rows"


# --- lists of corners -----------------------------------------------------------------------------


def sheet(path: Path, *rows: list[Any]) -> Path:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.save(path)
    return path


RING = [(114.5, 32.0), (114.501, 32.0), (114.501, 32.001), (114.5, 32.001)]


def test_degrees_by_name_closed_rings_holes_and_parts(tmp_path: Path) -> None:
    hole = [(114.5002, 32.0002), (114.5004, 32.0002), (114.5004, 32.0004), (114.5002, 32.0002)]
    island = [(114.51, 32.0), (114.511, 32.0), (114.511, 32.001), (114.51, 32.0)]
    points = [*RING, RING[0], *hole, *island]
    rows = [["甲", n, lon, lat, "油茶"] for n, (lon, lat) in enumerate(points)]
    rows += [["乙", n, f"{lon:.5f}", f"{lat:.5f}", "茶"] for n, (lon, lat) in enumerate(RING)]
    layer = read_vector(sheet(tmp_path / "a.xlsx", ["地块编号", "点号", "经度", "纬度", "树种"], *rows))
    first, second = layer.frame.geometry
    assert first.geom_type == "MultiPolygon"
    assert [len(part.interiors) for part in first.geoms] == [1, 0]
    assert second.equals(shapely.Polygon(RING))
    assert layer.frame["树种"].tolist() == ["油茶", "茶"]
    assert codes(layer) == []


def test_degrees_minutes_and_seconds(tmp_path: Path) -> None:
    corners = [("114°30'00\"", "32°00′00″"), ("114°30′36″E", "32°00′00.0″N"), ("114°30′36″", "32°0′36″")]
    rows = [["甲", *corner] for corner in corners]
    layer = read_vector(sheet(tmp_path / "a.xlsx", ["小班号", "东经", "北纬"], *rows))
    assert layer.frame.geometry.iloc[0].bounds == pytest.approx((114.5, 32.0, 114.51, 32.01))


def test_x_is_north_where_the_numbers_say_so(tmp_path: Path) -> None:
    to = pyproj.Transformer.from_crs(4490, 4526, always_xy=True)
    plane = [to.transform(*corner) for corner in RING]
    head = ["宗地号", "X坐标(m)", "Y坐标(m)"]
    surveyor = read_vector(sheet(tmp_path / "a.xlsx", head, *[["1", north, east] for east, north in plane]))
    other = read_vector(sheet(tmp_path / "b.xlsx", head, *[["1", east, north] for east, north in plane]))
    assert codes(surveyor) == ["gis.note.axes_swapped"]
    assert codes(other) == []
    assert surveyor.epsg == other.epsg == 4526
    assert surveyor.frame.geometry.iloc[0].equals(other.frame.geometry.iloc[0])


def test_too_few_corners_and_words_for_numbers_are_named(tmp_path: Path) -> None:
    rows = [["甲", *corner] for corner in RING] + [["乙", *corner] for corner in RING[:2]]
    rows += [["丙", 114.5, "不详"], ["丙", *RING[1]], ["丙", *RING[2]]]
    layer = read_vector(sheet(tmp_path / "a.xlsx", ["编号", "X", "Y"], *rows))
    assert layer.frame.geometry.isna().tolist() == [False, True, True]
    assert layer.notes[0].code == "gis.note.corners_lost"
    assert layer.notes[0].values == {"count": 2, "rows": "6, 8"}


def test_a_sheet_that_lists_no_corners(tmp_path: Path) -> None:
    assert refused(sheet(tmp_path / "a.xlsx", ["姓名", "电话"], ["张", "1"])).code == "gis.corners.columns"
    assert refused(sheet(tmp_path / "b.xlsx", ["X", "Y"], [1, 2])).code == "gis.corners.columns"


@pytest.mark.parametrize(
    "prolog",
    [
        '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/hostname">]>',
        '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>',
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_entities_in_a_spreadsheet(tmp_path: Path, prolog: str, encoding: str) -> None:
    good = sheet(tmp_path / "good.xlsx", ["编号", "X", "Y"], *[["甲", *corner] for corner in RING])
    bad = tmp_path / "bad.xlsx"
    with zipfile.ZipFile(good) as old, zipfile.ZipFile(bad, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "xl/worksheets/sheet1.xml":
                text = data.decode("utf-8")
                head = f'<?xml version="1.0" encoding="{encoding}"?>'
                data = (head + prolog + text[text.index("<worksheet") :]).encode(encoding)
            new.writestr(name, data)
    assert refused(bad).code == "gis.file.unreadable"
    assert len(read_vector(good).frame) == 1


def test_a_spreadsheet_bomb(tmp_path: Path) -> None:
    path = tmp_path / "bomb.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b" " * (64 << 20))
    assert refused(path).code == "gis.zip.ratio"


# --- the child ------------------------------------------------------------------------------------


def test_the_child_has_no_network(tmp_path: Path) -> None:
    """Where the system lets a process give its network up, even this machine's own ports are out of reach."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        script = (
            "import importlib.util, socket, sys\n"
            f"spec = importlib.util.spec_from_file_location('child', {str(sandbox._CHILD)!r})\n"
            "child = importlib.util.module_from_spec(spec); spec.loader.exec_module(child)\n"
            "def reach():\n"
            "    try:\n"
            f"        socket.create_connection(('127.0.0.1', {port}), 2).close(); return 'reached'\n"
            "    except OSError: return 'cut off'\n"
            "before = reach()\n"
            "child.restrict(dict(memory_bytes=1 << 30, cpu_seconds=5, file_bytes=1 << 20))\n"
            "print(before, '|', reach())\n"
        )
        done = subprocess.run(
            [sys.executable, "-I", "-c", script], capture_output=True, text=True, check=True
        )
    assert done.stdout.strip() == ("reached | cut off" if may_unshare() else "reached | reached")
    # Where it may not, no driver is left that could ask for anything.
    drivers = {"HTTP", "WFS", "OAPIF", "OGCAPI", "CSW", "PLSCENES", "Elasticsearch", "Carto", "NGW"}
    assert drivers & set(pyogrio.list_drivers()) <= set(sandbox.skipped_drivers().split(","))


def may_unshare() -> bool:
    for options in (["-n"], ["-rn"]):
        try:
            done = subprocess.run(["unshare", *options, "true"], capture_output=True, check=False)
        except FileNotFoundError:
            return False
        if done.returncode == 0:
            return True
    return False
