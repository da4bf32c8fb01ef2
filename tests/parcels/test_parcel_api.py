"""Through HTTP, on both engines: an upload becomes registered parcels, and who may see them."""

from __future__ import annotations

import json

import pytest
from parcel_files import API, good_zip, send, shapefile, sign_in, zipped
from parcel_layers import record, square


def test_an_officer_uploads_reads_the_report_and_accepts(client, officer, tmp_path, var):
    rows = [record(1), record(2, YOU_SHI_SZ="999"), record(3)]
    data = zipped(shapefile(tmp_path / "a", rows, [square(0), square(2), square(4)]))
    staged = send(client, officer, data, "光山 油茶.zip", kind="camellia")
    assert staged.status_code == 201, staged.text
    body = staged.json
    assert body["file_name"] == "光山 油茶.zip" and body["family"] == "A" and body["epsg"] == 4526
    assert body["status"] == "staged" and body["kind"] == "camellia"
    assert {k: v["rows"] for k, v in body["counts"].items() if v["rows"]} == {"accepted": 2, "refused": 1}
    path = f"{API}/parcel-imports/{body['id']}"
    page = client.get(f"{path}/rows?outcome=refused", headers=officer).json
    assert page["total"] == 1
    (found,) = page["items"][0]["findings"]
    assert found["code"] == "species_unknown" and "未知树种代码 999" in found["zh"] and found["advice_en"]
    sheet = client.get(f"{path}/errors.csv", headers=officer)
    assert sheet.mimetype == "text/csv" and sheet.data.startswith(b"\xef\xbb\xbf")
    assert "未知树种代码" in sheet.data.decode("utf-8-sig")
    accepted = client.post(f"{path}/accept", headers=officer)
    assert accepted.status_code == 200 and accepted.json["registered_rows"] == 2
    assert client.post(f"{path}/accept", headers=officer, json={"include_warned": True}).json == accepted.json
    assert client.get(path, headers=officer).json["status"] == "accepted"
    assert client.get(f"{API}/parcel-imports", headers=officer).json["total"] == 1
    assert list((var / "uploads").iterdir()) == []


def test_the_register_answers_lists_one_parcel_and_the_map(client, officer, tmp_path):
    import_id = send(client, officer, good_zip(tmp_path / "a")).json["id"]
    client.post(f"{API}/parcel-imports/{import_id}/accept", headers=officer)
    listed = client.get(f"{API}/parcels?kind=camellia&county=411522&size=2", headers=officer).json
    assert (listed["total"], listed["pages"], len(listed["items"])) == (3, 2, 2)
    assert listed["items"][0]["planting_year"] == 2020 and "right_holder" not in listed["items"][0]
    assert client.get(f"{API}/parcels?kind=tea", headers=officer).json["total"] == 0
    code = listed["items"][0]["code"]
    one = client.get(f"{API}/parcels/{code}", headers=officer).json
    assert one["code"] == code and one["geometry"]["type"] == "Polygon" and "right_holder" in one
    west, south, east, north = one["bounds"]
    box = f"{west},{south},{(west + east) / 2},{(south + north) / 2}"
    answer = client.get(f"{API}/parcels.geojson?bbox={box}", headers=officer)
    assert answer.mimetype == "application/geo+json"
    assert [f["properties"]["code"] for f in json.loads(answer.data)["features"]] == [code]
    assert "right_holder" not in answer.text


@pytest.mark.parametrize("bbox", ["", "1,2,3", "a,b,c,d", "115,32,114,33", "114,31,116,99", "114,31,116,nan"])
def test_a_box_that_is_none_is_explained(client, officer, bbox):
    answer = client.get(f"{API}/parcels.geojson?bbox={bbox}", headers=officer)
    assert answer.status_code == 422 and answer.json["errors"][0]["field"] == "bbox"


def test_other_countys_officer_gets_404_and_others_no_entry(client, officer, tmp_path):
    import_id = send(client, officer, good_zip(tmp_path / "a")).json["id"]
    accept = f"{API}/parcel-imports/{import_id}/accept"
    code = "411522-207-014-0003-00001"
    stranger, operator, buyer = (sign_in(client, name) for name in ("stranger", "operator", "buyer"))
    for path in ("", "/rows", "/errors.csv"):
        answer = client.get(f"{API}/parcel-imports/{import_id}{path}", headers=stranger)
        assert answer.status_code == 404 and answer.mimetype == "application/problem+json"
    assert client.post(accept, headers=stranger).status_code == 404
    assert client.post(accept, headers=operator).status_code == 403
    assert client.post(accept).status_code == 401
    assert client.post(accept, headers=officer).status_code == 200
    assert client.get(f"{API}/parcels/{code}", headers=stranger).status_code == 404
    assert client.get(f"{API}/parcels/{code}", headers=operator).status_code == 200
    assert client.get(f"{API}/parcels", headers=stranger).json["total"] == 0
    for path in ("parcels", f"parcels/{code}", "parcels.geojson?bbox=114,31,116,33"):
        assert client.get(f"{API}/{path}", headers=buyer).status_code == 403
    assert send(client, stranger, good_zip(tmp_path / "b")).json["counts"]["refused"]["rows"] == 3
