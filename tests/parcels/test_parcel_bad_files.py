"""Bad input through HTTP: a clear answer, nothing kept, the folder of uploads empty."""

from __future__ import annotations

import io
import json
import os
import sqlite3
from typing import Any

import geopandas
import pyogrio
import pytest
import shapely
from parcel_files import API, good_zip, send, shapefile, sign_in, zipped
from parcel_house import make_app
from parcel_layers import middle, record, square
from werkzeug.test import EnvironBuilder, run_wsgi_app

from carbon_platform.parcels.uploads import plain_name
from carbon_platform.web.calls import platform


@pytest.fixture
def engine_name() -> str:
    """What a file holds is found out before any database is asked."""
    return "sqlite"


def refused(answer: Any, code: str, *words: str) -> dict[str, Any]:
    assert answer.status_code == 422, answer.text
    assert answer.mimetype == "application/problem+json"
    assert answer.json["code"] == "parcels.file_refused"
    assert answer.json["errors"][0]["code"] == code
    for word in words:
        assert word in answer.json["detail"]
    return answer.json


def test_a_zip_with_two_layers_is_refused_and_lists_them(client, officer, tmp_path, var):
    one = shapefile(tmp_path / "a", [record(1)], [square(0)], name="east")
    two = shapefile(tmp_path / "b", [record(2)], [square(2)], name="west")
    refused(send(client, officer, zipped(one | two)), "gis.layer.several", "east", "west")
    assert client.get(f"{API}/parcel-imports", headers=officer).json["total"] == 0
    assert list((var / "uploads").iterdir()) == []


def test_a_missing_dbf_is_named(client, officer, tmp_path):
    parts = shapefile(tmp_path / "a", [record(1)], [square(0)], name="east")
    refused(send(client, officer, zipped({k: v for k, v in parts.items() if not k.endswith(".dbf")})),
            "gis.layer.no_dbf", "east.dbf")  # fmt: skip


def test_a_wrong_coordinate_system_is_refused(client, officer, tmp_path):
    x, y = middle()
    # The zone prefix was lost, the .prj still says zone 38.
    lost = shapely.box(x - 38_000_000, y, x - 38_000_000 + 100, y + 100)
    refused(send(client, officer, zipped(shapefile(tmp_path / "a", [record(1)], [lost]))), "gis.crs.conflict")
    old = shapefile(tmp_path / "b", [record(1)], [square(0)], crs=2362)
    refused(send(client, officer, zipped(old)), "gis.crs.old_datum")


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [
        ("a.zip", b"", "gis.file.empty"),
        ("a.shp", b"<OGRVRTDataSource><OGRVRTLayer name='x'/></OGRVRTDataSource>", "gis.file.disguised"),
        ("a.geojson", b"<OGRVRTDataSource/>", "gis.file.disguised"),
        ("a.zip", b"not a zip", "gis.zip.damaged"),
        ("a.xlsx", b"PK", "gis.file.disguised"),
        ("a.dwg", b"AC1027", "gis.file.extension"),
        ("a", b"x", "gis.file.extension"),
    ],
)
def test_empty_disguised_and_foreign_files_are_refused(client, officer, var, name, data, code):
    refused(send(client, officer, data, name), code)
    assert list((var / "uploads").iterdir()) == []


def test_a_secret_file_is_not_read_through_a_disguised_upload(client, officer, tmp_path):
    secret = tmp_path / "secret.csv"
    secret.write_text("id,word\n1,open-sesame\n", encoding="utf-8")
    layer = f"<OGRVRTLayer name='secret'><SrcDataSource>{secret}</SrcDataSource></OGRVRTLayer>"
    vrt = f"<OGRVRTDataSource>{layer}</OGRVRTDataSource>"
    for suffix in ("shp", "geojson", "kml", "gpkg", "json"):
        answer = send(client, officer, vrt.encode(), f"x.{suffix}")
        assert answer.status_code == 422 and "open-sesame" not in answer.text


def test_a_body_over_the_limit_is_refused_in_words(parcels_url, var):
    app = make_app(parcels_url, var, upload_limit_bytes=1 << 20)
    client = app.test_client()
    officer = sign_in(client, "officer")
    answer = send(client, officer, b"\0" * (2 << 20))
    assert answer.status_code == 413 and answer.mimetype == "application/problem+json"
    assert answer.json["code"] == "parcels.upload_too_large" and "1 MB" in answer.json["detail"]
    platform(app).db.dispose()


def test_two_hundred_megabytes_are_refused_without_being_read(app, officer):
    class Untouched(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def readinto(self, _buffer: Any) -> int:
            raise AssertionError("the body was read")

    kind = "multipart/form-data; boundary=x"
    builder = EnvironBuilder(f"{API}/parcel-imports", method="POST", headers=officer, content_type=kind)
    with io.BufferedReader(Untouched()) as body:
        environ = {**builder.get_environ(), "CONTENT_LENGTH": str(200 << 20), "wsgi.input": body}
        chunks, status, _ = run_wsgi_app(app, environ)
        answer = json.loads(b"".join(chunks))
    assert status.startswith("413") and answer["code"] == "parcels.upload_too_large"
    assert "8 MB" in answer["detail"]


def test_an_unclosed_ring_is_repaired(client, officer):
    x, y = 114.9, 32.0
    ring = [[x, y], [x + 0.001, y], [x + 0.001, y + 0.001], [x, y + 0.001]]
    collection = {
        "type": "FeatureCollection",
        "features": [
            {"type": "Feature", "properties": {}, "geometry": {"type": "Polygon", "coordinates": [ring]}}
        ],
    }
    answer = send(client, officer, json.dumps(collection).encode(), "a.geojson", kind="tea")
    assert answer.status_code == 201, answer.text
    assert answer.json["counts"]["warned"]["rows"] == 1
    assert answer.json["notes"][0]["code"] == "gis.note.rings_closed"


def test_a_layer_of_two_in_a_geopackage_can_be_chosen(client, officer, tmp_path):
    path = tmp_path / "two.gpkg"
    for number, name in enumerate(("east", "west")):
        frame = geopandas.GeoDataFrame([record(number + 1)], geometry=[square(2 * number)], crs=4526)
        pyogrio.write_dataframe(frame, path, layer=name, driver="GPKG")
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT count(*) FROM gpkg_contents").fetchone() == (2,)
    connection.close()
    refused(send(client, officer, path.read_bytes(), "two.gpkg"), "gis.layer.several", "east", "west")
    chosen = send(client, officer, path.read_bytes(), "two.gpkg", layer="west")
    assert chosen.status_code == 201 and chosen.json["layer"] == "west"


def test_unclear_area_units_are_refused_with_what_to_do(client, officer, tmp_path):
    rows = [record(n, MIAN_JI=1.0 if n % 2 else 0.02) for n in range(1, 11)]
    data = zipped(shapefile(tmp_path / "a", rows, [square(2 * n) for n in range(10)]))
    answer = send(client, officer, data)
    assert answer.status_code == 422 and answer.json["code"] == "parcels.area_unit_unclear"
    assert "MIAN_JI" in answer.json["detail"]


@pytest.mark.parametrize(
    ("with_file", "fields", "field"),
    [
        (False, {}, "file"),
        (False, {"file": "just text"}, "file"),
        (True, {"kind": "potatoes"}, "kind"),
        (True, {"colour": "red"}, "colour"),
    ],
)
def test_forms_that_are_wrong_name_the_field(client, officer, with_file, fields, field):
    data = {**fields, "file": (io.BytesIO(b"x"), "a.zip")} if with_file else fields
    answer = client.post(
        f"{API}/parcel-imports", headers=officer, data=data, content_type="multipart/form-data"
    )
    assert answer.status_code == 422 and answer.json["code"] == "platform.invalid_input"
    assert [error["field"] for error in answer.json["errors"]] == [field]


def test_unknown_fields_in_json_are_refused(client, officer, tmp_path):
    import_id = send(client, officer, good_zip(tmp_path / "a")).json["id"]
    answer = client.post(f"{API}/parcel-imports/{import_id}/accept", headers=officer, json={"force": True})
    assert answer.status_code == 422 and answer.json["errors"][0]["field"] == "force"


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("../../etc/passwd.zip", "passwd.zip"),
        ("C:\\我的\\油茶.zip", "油茶.zip"),
        ("..", "upload"),
        ("a\r\nb<script>.zip", "a__b_script_.zip"),
        (None, "upload"),
    ],
)
def test_names_of_uploads_are_made_plain(sent, kept):
    assert plain_name(sent) == kept


def test_left_overs_of_a_killed_process_are_swept_away(client, officer, tmp_path, var):
    old = var / "uploads" / "tmp-old"
    old.mkdir(parents=True)
    (old / "upload.zip").write_bytes(b"x")
    os.utime(old, (0, 0))
    young = var / "uploads" / "tmp-young"
    young.mkdir()
    send(client, officer, good_zip(tmp_path / "a"))
    assert [folder.name for folder in (var / "uploads").iterdir()] == ["tmp-young"]


def test_the_upload_is_described_in_openapi(client):
    document = client.get("/api/openapi.json").json
    post = document["paths"][f"{API}/parcel-imports"]["post"]
    assert "multipart/form-data" in post["requestBody"]["content"]
