"""What the file of an export holds, in each format. The engine does not matter here, so one is enough."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pyogrio
import pytest
import shapely
import sqlalchemy as sa
from export_desk import PURPOSE, Ask, asker, fetch, register
from flask.testing import FlaskClient
from parcel_files import API, good_zip, send, shapefile, zipped
from parcel_layers import paddy, record, square

from carbon_platform.parcels import export_rules as rules
from carbon_platform.parcels.tables import Parcel

pytestmark = pytest.mark.parametrize("engine_name", ["sqlite"])


@pytest.fixture
def ask(client: FlaskClient, officer) -> Ask:
    return asker(client, officer)


# --- the files ------------------------------------------------------------------------------------


def stored(db) -> list[Parcel]:
    return db.read(lambda s: list(s.scalars(sa.select(Parcel).order_by(Parcel.code))))


def read_back(tmp_path: Path, name: str, data: bytes, **options: Any) -> Any:
    path = tmp_path / name
    path.write_bytes(data)
    return pyogrio.read_dataframe(path, **options)


def export(client: FlaskClient, officer: dict[str, str], ask: Ask, **fields: Any) -> bytes:
    made = ask(**fields)
    assert made.status_code == 201, made.text
    answer = fetch(client, officer, made.json["id"])
    assert answer.status_code == 200, answer.text
    return answer.data


def test_geopackage_and_geojson_hold_the_very_shapes(client, officer, ask, db, tmp_path):
    register(client, officer, good_zip(tmp_path / "a"))
    shapes = [shapely.from_wkb(parcel.geometry) for parcel in stored(db)]
    gpkg = read_back(tmp_path, "a.gpkg", export(client, officer, ask, file_format="gpkg"))
    assert gpkg.crs.to_epsg() == 4490
    assert list(gpkg["XY_BH"]) == [parcel.code for parcel in stored(db)]
    for got, want in zip(gpkg.geometry, shapes, strict=True):
        assert shapely.equals_identical(got, shapely.multipolygons([want]))
    text = json.loads(export(client, officer, ask, file_format="geojson"))
    assert "crs" not in text
    for feature, want in zip(text["features"], shapes, strict=True):
        got = shapely.from_geojson(json.dumps(feature["geometry"]))
        assert shapely.equals_exact(got, want, tolerance=1e-9)
        assert feature["properties"]["area_m2"] == pytest.approx(10_000, rel=1e-3)


def test_shapefile_is_gbk_with_its_page_and_says_so_three_times(client, officer, ask, db, tmp_path):
    register(client, officer, good_zip(tmp_path / "a"))
    data = export(client, officer, ask, file_format="shp", epsg=4526)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        files = {name.rpartition(".")[2]: archive.read(name) for name in archive.namelist()}
    assert set(files) == {"shp", "shx", "dbf", "prj", "cpg", "txt"}
    assert files["cpg"].strip() == b"GBK"
    assert files["dbf"][29] == 0x4D
    assert "光山县".encode("gbk") in files["dbf"]
    assert "光山县".encode() not in files["dbf"]
    assert PURPOSE in files["txt"].decode("utf-8-sig")
    frame = read_back(tmp_path, "a.zip", data)
    assert frame.crs.to_epsg() == 4526
    assert set(frame["XIAN_MC"]) == {"光山县"}
    assert max(map(len, frame.columns)) <= 10
    # The squares were drawn on whole metres: back in their own system they are again, to a hundredth of a mm.
    back, drawn = (shapely.normalize(shape) for shape in (frame.geometry.iloc[0], square(0)))
    assert shapely.equals_exact(back, drawn, tolerance=1e-5)


def test_trap_19_original_coordinates_leave_as_they_came(client, officer, ask, db, tmp_path):
    """Coordinates rounded after a reprojection break shared vertices: the originals are kept and exported."""
    x, y = square(0).bounds[:2]
    odd = shapely.box(x + 0.123456789, y + 0.987654321, x + 100.111111111, y + 100)
    register(client, officer, zipped(shapefile(tmp_path / "a", [record(1)], [odd])))
    frame = read_back(tmp_path, "a.gpkg", export(client, officer, ask, file_format="gpkg", epsg=0))
    assert frame.crs.to_epsg() == 4526
    assert shapely.equals_identical(
        shapely.normalize(frame.geometry.iloc[0].geoms[0]),
        shapely.normalize(shapely.from_wkb(stored(db)[0].source_geometry)),
    )
    assert set(map(tuple, shapely.get_coordinates(frame.geometry.iloc[0]))) == set(
        map(tuple, shapely.get_coordinates(odd))
    )


def test_originals_of_two_systems_do_not_mix(client, officer, ask, tmp_path):
    register(client, officer, zipped(shapefile(tmp_path / "a", [record(1)], [square(0)])))
    rows, shapes = [record(2)], [shapely.transform(square(3), lambda xy: xy - (38_000_000, 0))]
    register(client, officer, zipped(shapefile(tmp_path / "b", rows, shapes, crs=4547)))
    mixed = ask(file_format="shp", epsg=0)
    assert (mixed.status_code, mixed.json["code"]) == (422, "parcels.export_mixed_systems")
    assert "EPSG:4526、EPSG:4547" in mixed.json["detail"]
    assert ask(file_format="shp", epsg=4547).status_code == 201


@pytest.mark.parametrize("file_format", ["gpkg", "shp"])
def test_an_exported_file_comes_back_as_the_same_parcels(client, officer, ask, tmp_path, file_format):
    """Every row is recognised as registered: what leaves is what the register has, names and all."""
    register(client, officer, good_zip(tmp_path / "a"))
    data = export(client, officer, ask, file_format=file_format, kind="camellia")
    back = send(client, officer, data, f"back.{'zip' if file_format == 'shp' else 'gpkg'}")
    assert back.status_code == 201, back.text
    assert {name: c["rows"] for name, c in back.json["counts"].items() if c["rows"]} == {"same": 3}


def test_contract_parcels_leave_without_the_witness_and_come_back(client, officer, ask, tmp_path):
    data = zipped(shapefile(tmp_path / "a", [paddy(1), paddy(2)], [square(0), square(2)]))
    register(client, officer, data, kind="rice")
    for file_format in rules.FORMATS:
        assert "某人".encode("gbk") not in export(client, officer, ask, file_format=file_format)
        assert "某人".encode() not in export(client, officer, ask, file_format=file_format)
    back = send(client, officer, export(client, officer, ask, file_format="shp"), "back.zip", kind="rice")
    assert {name: c["rows"] for name, c in back.json["counts"].items() if c["rows"]} == {"same": 2}


def test_no_personal_data_in_any_format(client, officer, ask, tmp_path):
    rows = [record(1, LMSYQR="张三丰", QLR="张三丰", BEIZHU="张三丰 13800000000")]
    register(client, officer, zipped(shapefile(tmp_path / "a", rows, [square(0)])))
    for file_format in rules.FORMATS:
        data = export(client, officer, ask, file_format=file_format)
        if file_format in ("xlsx", "shp"):
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                data = b"".join(archive.read(name) for name in archive.namelist())
        assert "张三丰".encode() not in data
        assert "张三丰".encode("gbk") not in data
        assert b"13800000000" not in data


FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1+1", "－1", " =cmd|' /C calc'!A0", "\u200b=1"]


def test_f6_no_cell_of_a_table_is_a_formula(client, officer, ask, db, tmp_path):
    register(client, officer, good_zip(tmp_path / "a", len(FORMULAS)))

    def spoil(session):
        for parcel, text in zip(
            session.scalars(sa.select(Parcel).order_by(Parcel.code)), FORMULAS, strict=True
        ):
            parcel.attributes = {**parcel.attributes, "sub_compartment": text, "species_zh": text}
            parcel.species_code = text

    db.transact(spoil)
    data = export(client, officer, ask, file_format="xlsx", purpose="=1+1 核查")
    book = openpyxl.load_workbook(io.BytesIO(data))
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
    assert {cell.data_type for cell in cells} <= {"s", "n", "inlineStr"}
    assert all(cell.quotePrefix for cell in cells if isinstance(cell.value, str))
    head = [cell.value for cell in book["地块"][1]]
    shown = [row[head.index("优势树种")].value for row in book["地块"].iter_rows(min_row=2)]
    assert shown == [text.replace("\r", "\n") for text in FORMULAS]  # as XML has it
    raw = export(client, officer, ask, file_format="csv").decode("utf-8-sig")
    table = list(csv.reader(io.StringIO(raw, newline="")))
    column = table[0].index("小班号")
    assert [row[column] for row in table[1:]] == [f"'{text}" for text in FORMULAS]
    starts = {cell.lstrip(" \u200b")[:1] for row in table for cell in row} - {""}
    assert not starts & set("=+-@\t\r＝＋－＠")


def test_codes_stay_text_and_areas_stay_numbers(client, officer, ask, tmp_path):
    register(client, officer, good_zip(tmp_path / "a"))
    book = openpyxl.load_workbook(io.BytesIO(export(client, officer, ask, file_format="xlsx")))
    head = [cell.value for cell in book["地块"][1]]
    first = dict(zip(head, [cell.value for cell in book["地块"][2]], strict=True))
    assert (first["林班号"], first["小班号"], first["地类代码"]) == ("0003", "00001", "0131")
    assert first["面积（亩）"] == pytest.approx(first["面积（平方米）"] * 0.0015, abs=1e-4)
    assert shapely.box(113, 31, 117, 33).contains(shapely.Point(first["点经度"], first["点纬度"]))
    assert ["导出编号", "XY-E000001"] in [[cell.value for cell in row] for row in book["说明"].iter_rows()]


# --- GCJ-02 at the edge ---------------------------------------------------------------------------


def test_gcj02_is_only_a_way_to_show(client, officer, db, tmp_path):
    register(client, officer, good_zip(tmp_path / "a"))
    code = stored(db)[0].code
    plain = client.get(f"{API}/parcels/{code}", headers=officer).json
    moved = client.get(f"{API}/parcels/{code}?crs=gcj02", headers=officer).json
    assert plain["coordinate_system"]["code"] == "CGCS2000"
    assert moved["coordinate_system"]["code"] == "GCJ-02"
    different = {name for name in plain if plain[name] != moved[name]}
    assert different == {"geometry", "bounds", "coordinate_system"}
    shift = moved["bounds"][0] - plain["bounds"][0], moved["bounds"][1] - plain["bounds"][1]
    assert 0.0050 < shift[0] < 0.0060
    assert -0.0024 < shift[1] < -0.0018
    box = ",".join(f"{value:.6f}" for value in moved["bounds"])
    there = json.loads(client.get(f"{API}/parcels.geojson?crs=gcj02&bbox={box}", headers=officer).data)
    assert code in [feature["properties"]["code"] for feature in there["features"]]
    assert there["coordinate_system"]["code"] == "GCJ-02"
    here = json.loads(client.get(f"{API}/parcels.geojson?bbox={box}", headers=officer).data)
    assert here["features"] == []  # the same numbers are other land in CGCS2000
    assert here["coordinate_system"]["epsg"] == 4490
    assert client.get(f"{API}/parcels/{code}?crs=bd09", headers=officer).status_code == 422


def test_what_is_labelled_gcj02_does_not_come_back_as_land(client, officer, tmp_path):
    """Trap 7 the other way round: shapes taken from a mini-program map would be registered 570 m off."""
    register(client, officer, good_zip(tmp_path / "a"))
    world = f"{API}/parcels.geojson?bbox=113,31,117,33"
    moved = client.get(f"{world}&crs=gcj02", headers=officer).data
    answer = send(client, officer, moved, "labelled_gcj02.geojson", kind="camellia")
    assert answer.status_code == 422
    assert "GCJ-02" in answer.json["detail"]
    plain = client.get(world, headers=officer).data
    assert send(client, officer, plain, "plain.geojson", kind="camellia").status_code == 201
