"""Changes over HTTP: two people, reports, preview, error sheets, the attribute workbook, history."""

from __future__ import annotations

import io
import json
from typing import Any

import openpyxl
import pytest
import shapely
from flask.testing import FlaskClient
from openpyxl.cell.cell import TYPE_STRING
from parcel_files import API, good_zip, send, shapefile, sign_in, zipped
from parcel_layers import record, square

CODE = "411522-207-014-0003-{:05d}"
ONE, TWO = CODE.format(1), CODE.format(2)


class People(dict[str, dict[str, str]]):
    """Headers of people by name, signed in when first asked for."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client

    def __missing__(self, name: str) -> dict[str, str]:
        self[name] = sign_in(self.client, name)
        return self[name]


@pytest.fixture
def people(client) -> People:
    return People(client)


@pytest.fixture
def registered(client, people, tmp_path) -> People:
    staged = send(client, people["officer"], good_zip(tmp_path / "first")).json
    client.post(f"{API}/parcel-imports/{staged['id']}/accept", headers=people["officer"])
    return people


def zip_of(folder, rows, shapes) -> bytes:
    return zipped(shapefile(folder, rows, shapes))


def propose(client, headers, **given: Any):
    return client.post(f"{API}/parcel-changes", headers=headers, json={"reason": "现场核实", **given})


def sheet_of(client, headers) -> openpyxl.Workbook:
    answer = client.get(f"{API}/parcel-attributes.xlsx", headers=headers)
    assert answer.status_code == 200 and "spreadsheetml" in answer.mimetype
    return openpyxl.load_workbook(io.BytesIO(answer.data))


def send_sheet(client, headers, book: openpyxl.Workbook, **form: str):
    out = io.BytesIO()
    book.save(out)
    return client.post(
        f"{API}/parcel-imports/attributes",
        headers=headers,
        data={"file": (io.BytesIO(out.getvalue()), "改好.xlsx"), **form},
    )


def column(sheet, start: str) -> int:
    return next(cell.column for cell in sheet[1] if str(cell.value).startswith(start))


def test_a_change_takes_two_people_and_leaves_its_history(client, registered):
    officer, second = registered["officer"], registered["second"]
    staged = propose(client, officer, action="end", codes=[ONE], effective_on="2026-11-22")
    assert staged.status_code == 201 and staged.json["mode"] == "change"
    path = f"{API}/parcel-imports/{staged.json['id']}"
    assert client.post(f"{path}/approve", headers=officer).json["code"] == "parcels.second_person_needed"
    accepted = client.post(f"{path}/accept", headers=officer, json={"include_warned": True}).json
    assert (accepted["registered_rows"], accepted["awaiting_rows"]) == (0, 1)
    for name, status in (("stranger", 404), ("operator", 403), ("buyer", 403)):
        assert client.post(f"{path}/approve", headers=registered[name]).status_code == status, name
    assert client.post(f"{path}/approve", headers=second).json["registered_rows"] == 1
    assert client.post(f"{path}/approve", headers=second).json["registered_rows"] == 1  # a second click
    told = client.get(f"{API}/parcels/{ONE}/history", headers=officer).json
    assert [event["kind"] for event in told["events"]] == ["registered", "ended"]
    assert (told["events"][1]["recorded_by"], told["events"][1]["approved_by"]) == ("officer", "second")
    before = client.get(f"{API}/parcels/{ONE}/state?on=2026-11-21", headers=officer).json
    after = client.get(f"{API}/parcels/{ONE}/state?on=2026-11-22", headers=officer).json
    assert (before["stands"], after["stands"]) == (False, False)
    other = client.get(f"{API}/parcels/{TWO}/state?on=2026-11-22", headers=officer).json
    assert other["stands"] and other["geometry"]["type"] == "Polygon"
    assert client.get(f"{API}/parcels/{ONE}/history", headers=registered["stranger"]).status_code == 404


def test_the_bureau_approves_a_division_and_the_lineage_is_told(client, registered):
    one = client.get(f"{API}/parcels/{ONE}", headers=registered["officer"]).json
    west, south, east, north = one["bounds"]
    middle = (west + east) / 2
    line = [[middle, south - 1e-4], [middle, north + 1e-4]]
    staged = propose(client, registered["officer"], action="split", codes=[ONE], line=line).json
    approved = client.post(f"{API}/parcel-imports/{staged['id']}/approve", headers=registered["bureau"])
    assert approved.json["registered_rows"] == 2
    told = client.get(f"{API}/parcels/{ONE}/history", headers=registered["officer"]).json
    assert {(child["code"], child["kind"]) for child in told["became"]} == {
        (f"{ONE}-F1", "split"), (f"{ONE}-F2", "split"),
    }  # fmt: skip
    part = client.get(f"{API}/parcels/{ONE}-F1/history", headers=registered["officer"]).json
    assert [parent["code"] for parent in part["made_of"]] == [ONE]


SENSELESS = [
    {"action": "explode", "codes": [ONE]},
    {"action": "end", "codes": []},
    {"action": "end", "codes": [ONE], "reason": "x"},
    {"action": "end", "codes": [ONE], "effective_on": "2999-01-01"},
    {"action": "split", "codes": [ONE], "line": [[500, 1], [2, 3]]},
    {"action": "split", "codes": [ONE], "line": [[114.0, 31.0]]},
    {"action": "merge", "codes": [ONE]},
    {"action": "restore", "codes": [ONE]},
    {"action": "split", "codes": [ONE], "line": [[1, 1], [2, 2]], "numbers": ["../x", "y"]},
    {"action": "end", "codes": [ONE], "surprise": 1},
]


def test_proposals_that_make_no_sense_say_so(client, registered):
    for given in SENSELESS:
        answer = propose(client, registered["officer"], **given)
        assert answer.status_code == 422 and answer.mimetype == "application/problem+json", given


def test_a_declined_change_is_over(client, registered):
    staged = propose(client, registered["officer"], action="end", codes=[ONE]).json
    path = f"{API}/parcel-imports/{staged['id']}"
    said = client.post(f"{path}/decline", headers=registered["second"], json={"note": "还在经营"})
    assert said.json["status"] == "declined"
    for act, body in (("approve", {}), ("decline", {"note": "再来"})):
        again = client.post(f"{path}/{act}", headers=registered["bureau"], json=body)
        assert again.status_code == 409 and again.json["code"] == "parcels.import_declined"


def test_the_report_counts_new_changed_same_and_refused_and_shows_them_on_a_map(client, registered, tmp_path):
    rows = [record(1, PINGJUN_NL=9), record(2), record(7), record(8, YOU_SHI_SZ="999")]
    shapes = [square(0), square(1), square(30), square(40)]
    path = zip_of(tmp_path / "more", rows, shapes)
    staged = send(client, registered["officer"], path).json
    where = f"{API}/parcel-imports/{staged['id']}"
    told = client.get(f"{where}/diff", headers=registered["bureau"]).json
    assert told == {"new": 1, "changed": 1, "same": 1, "refused": 1}
    assert client.get(f"{where}/rows?change=changed", headers=registered["officer"]).json["total"] == 1
    answer = client.get(f"{where}/preview.geojson", headers=registered["officer"])
    features = json.loads(answer.data)["features"]
    by_row = {f["properties"].get("row"): f["properties"]["change"] for f in features}
    assert by_row == {1: "changed", 2: "same", 3: "new", 4: "refused", None: "before"}
    before = next(f for f in features if f["properties"]["change"] == "before")
    stored = client.get(f"{API}/parcels/{ONE}", headers=registered["officer"]).json["geometry"]
    assert shapely.from_geojson(json.dumps(before["geometry"])).equals_exact(
        shapely.from_geojson(json.dumps(stored)), 1e-6
    )
    few = client.get(f"{where}/preview.geojson?limit=1", headers=registered["officer"])
    assert json.loads(few.data)["truncated"]
    client.post(f"{where}/approve", headers=registered["second"])
    later = json.loads(client.get(f"{where}/preview.geojson", headers=registered["officer"]).data)["features"]
    assert before in later  # the map of a report keeps showing what was before
    for name, status in (("stranger", 404), ("buyer", 403)):
        assert client.get(f"{where}/preview.geojson", headers=registered[name]).status_code == status


def test_the_error_workbook_names_the_sub_compartment_and_holds_no_formula(client, registered, tmp_path):
    rows = [record(17, YOU_SHI_SZ="=1+1"), record(18, XI_BAN="02", YOU_SHI_SZ="999")]
    path = zip_of(tmp_path / "bad", rows, [square(50), square(52)])
    staged = send(client, registered["officer"], path).json
    answer = client.get(f"{API}/parcel-imports/{staged['id']}/errors.xlsx", headers=registered["officer"])
    sheet = openpyxl.load_workbook(io.BytesIO(answer.data)).active
    headings = [cell.value for cell in sheet[1]]
    assert headings[2:5] == ["林班", "小班", "细班"]
    assert [cell.value for cell in sheet[2]][2:4] == ["0003", "00017"]
    assert [cell.value for cell in sheet[3]][2:5] == ["0003", "00018", "02"]
    texts = [cell for row in sheet.iter_rows() for cell in row if isinstance(cell.value, str)]
    assert all(cell.data_type == TYPE_STRING for cell in texts) and any("=1+1" in c.value for c in texts)


def test_attributes_go_out_are_edited_and_come_back(client, registered):
    officer = registered["officer"]
    book = sheet_of(client, officer)
    sheet = book.worksheets[0]
    assert [sheet.cell(n, 1).value for n in (2, 3, 4)] == [CODE.format(n) for n in (1, 2, 3)]
    sheet.cell(2, column(sheet, "权利人")).value = "=HYPERLINK(1)"
    sheet.cell(2, column(sheet, "权利人")).data_type = "s"
    sheet.cell(2, column(sheet, "造林年度")).value = 2015
    sheet.cell(3, column(sheet, "forest_use")).value = "清空"
    staged = send_sheet(client, officer, book, reason="权属换证")
    assert staged.status_code == 201
    where = f"{API}/parcel-imports/{staged.json['id']}"
    told = client.get(f"{where}/diff", headers=officer).json
    assert told == {"new": 0, "changed": 2, "same": 1, "refused": 0}
    rows = client.get(f"{where}/rows", headers=officer).json["items"]
    assert [f["field"] for f in rows[0]["diff"]["fields"]] == ["right_holder", "planting_year"]
    before = client.get(f"{API}/parcels/{ONE}", headers=officer).json
    assert client.post(f"{where}/approve", headers=registered["second"]).json["registered_rows"] == 2
    one = client.get(f"{API}/parcels/{ONE}", headers=officer).json
    assert (one["right_holder"], one["planting_year"]) == ("=HYPERLINK(1)", 2015)
    assert (one["geometry"], one["area_m2"]) == (before["geometry"], before["area_m2"])
    assert "forest_use" not in client.get(f"{API}/parcels/{TWO}", headers=officer).json["attributes"]
    # The same sheet again was exported from a state that is no more.
    stale = send_sheet(client, officer, book).json
    codes = [row["findings"][0]["code"] for row in client.get(
        f"{API}/parcel-imports/{stale['id']}/rows", headers=officer).json["items"]]  # fmt: skip
    assert codes == ["changed_meanwhile", "changed_meanwhile", "nothing_changed"]
    again = sheet_of(client, officer)
    assert all(cell.data_type != "f" for row in again.worksheets[0].iter_rows() for cell in row)
    unchanged = send_sheet(client, officer, again).json
    assert unchanged["counts"]["same"]["rows"] == 3


def test_a_wrong_cell_is_refused_with_its_field_and_what_is_expected(client, registered):
    whole = client.get(f"{API}/parcel-attributes.xlsx", headers=registered["officer"]).data
    for heading, value in (
        ("资源", "gold"), ("造林年度", "1066"), ("树种代码", "999"), ("登记亩", "-3"), ("登记亩", "很多"),
        ("地类代码", "0000"), ("资源", "清空"), ("地块编码", "411522-nowhere"),
    ):  # fmt: skip
        book = openpyxl.load_workbook(io.BytesIO(whole))
        sheet = book.worksheets[0]
        sheet.cell(2, column(sheet, heading)).value = value
        staged = send_sheet(client, registered["officer"], book).json
        (row,) = client.get(
            f"{API}/parcel-imports/{staged['id']}/rows?outcome=refused", headers=registered["officer"]
        ).json["items"]
        (found,) = row["findings"]
        assert found["code"] in ("value_invalid", "parcel_unknown") and value in found["zh"] and found["en"]


def test_workbooks_that_are_none_or_bring_formulas_are_refused(client, registered):
    officer = registered["officer"]
    book = sheet_of(client, officer)
    book.worksheets[0].cell(2, column(book.worksheets[0], "造林年度")).value = "=2000+20"
    refused = send_sheet(client, officer, book)
    assert refused.status_code == 422 and "公式" in refused.json["detail"]
    for data in (b"", b"PK\x03\x04 nothing", b"<xml/>" * 10):
        answer = client.post(
            f"{API}/parcel-imports/attributes", headers=officer, data={"file": (io.BytesIO(data), "a.xlsx")}
        )
        assert answer.status_code == 422, data
    book = openpyxl.Workbook()
    book.active.append(["a", "b"])
    assert "地块编码" in send_sheet(client, officer, book).json["detail"]


def test_an_officer_edits_only_what_lies_in_the_own_county(client, registered):
    assert sheet_of(client, registered["stranger"]).worksheets[0].max_row == 1
    book = sheet_of(client, registered["officer"])
    staged = send_sheet(client, registered["stranger"], book).json
    assert staged["counts"]["refused"]["rows"] == 3
