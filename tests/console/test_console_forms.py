"""Every form of the desk pages is posted as its page would send it, and the API takes it."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import desk_world as world
import pytest
from flask import Flask
from form_browser import Browser
from openpyxl import load_workbook

from carbon_platform.app import create_app
from carbon_platform.config import Settings
from carbon_platform.web import platform
from demo import monitoring
from demo.parcels import make_camellia_zip
from demo.world import PASSWORD

Start = Callable[[Callable[[str], None]], Flask]


@pytest.fixture
def start(fresh_database: Callable[..., str], tmp_path: Path) -> Iterator[Start]:
    """``start(world.assessed)``: an application on a copy of that world."""
    apps: list[Flask] = []

    def make(prepare: Callable[[str], None]) -> Flask:
        url = fresh_database("sqlite", prepare)
        apps.append(create_app(Settings(mode="test", database_url=url, var=tmp_path)))
        return apps[-1]

    yield make
    for app in apps:
        platform(app).db.dispose()


def signed_in(app: Flask, username: str) -> Browser:
    browser = Browser(app)
    browser.open("/login")
    answer, _ = browser.submit("login", username=username, password=PASSWORD)
    assert answer.status_code == 201, answer.get_json()
    return browser


def done(result: tuple[Any, str], status: int) -> dict[str, Any]:
    answer, _ = result
    assert answer.status_code == status, answer.get_data(as_text=True)
    given: dict[str, Any] = answer.get_json()
    return given


def test_signing_in_goes_back_and_signing_out_ends_the_session(start: Start) -> None:
    app = start(world.empty)
    browser = Browser(app)
    assert browser.client.get("/projects?page=2").location == "/login?next=/projects%3Fpage%3D2"
    browser.open("/login?next=/projects%3Fpage%3D2")
    answer, follow = browser.submit("login", username="operator", password=PASSWORD)
    assert follow == "/projects?page=2"
    assert answer.get_json()["token"] == "", "no script may read the session"
    browser.open("/reviews")
    assert browser.submit("sign-out")[0].status_code == 204
    assert browser.client.get("/reviews").status_code == 302


def test_upload_and_acceptance(start: Start, tmp_path: Path) -> None:
    app = start(world.empty)
    browser = signed_in(app, "forestry.guangshan")
    path = tmp_path / "光山_油茶.zip"
    make_camellia_zip(path, "411522", 40, seed=7, faults=True)
    browser.open("/imports")
    file = (io.BytesIO(path.read_bytes()), path.name)
    answer, follow = browser.submit("upload", kind="camellia", files={"file": file})
    staged = done((answer, follow), 201)
    assert follow == f"/imports/{staged['id']}"
    html = browser.open(follow)
    warned = staged["counts"]["warned"]["rows"]
    assert warned, "the made file has rows to be confirmed"
    assert "errors.xlsx" in html
    assert "等您确认" in browser.open("/reviews")
    browser.open(follow)
    first = done(browser.submit("accept-form"), 200)
    assert first["waiting_rows"] == warned
    assert "确认剩下的" in browser.open(follow)
    then = done(browser.submit("accept-form", include_warned="true"), 200)
    assert then["awaiting_rows"] == 1, "a large repair needs a second person"
    assert then["registered_rows"] == first["registered_rows"] + warned - 1
    assert "accept-form" not in browser.open(follow)
    bureau = signed_in(app, "forestry")
    bureau.open(follow)
    approved = done(bureau.submit("approve-form"), 200)
    assert (approved["registered_rows"], approved["waiting_rows"]) == (first["registered_rows"] + warned, 0)


def test_attributes_are_changed_by_two_people(start: Start) -> None:
    app = start(world.registered)
    officer = signed_in(app, "forestry.guangshan")
    officer.open("/imports")
    parcel = officer.client.get("/api/v1/parcels?kind=camellia").get_json()["items"][0]["code"]
    book = load_workbook(io.BytesIO(officer.client.get("/api/v1/parcel-attributes.xlsx").data))
    sheet = book.worksheets[0]
    line = next(row for row in sheet.iter_rows(min_row=2) if row[0].value == parcel)
    place = next(i for i, cell in enumerate(sheet[1]) if str(cell.value).startswith("造林年度"))
    for year, form, fields, status in (
        (2011, "decline-form", {"note": "请附合同"}, 200),
        (2012, "approve-form", {}, 200),
    ):
        line[place].value = year
        out = io.BytesIO()
        book.save(out)
        officer.open("/imports")
        file = (io.BytesIO(out.getvalue()), "属性.xlsx")
        staged, follow = officer.submit("sheet", reason="换证", files={"file": file})
        assert staged.status_code == 201, staged.get_data(as_text=True)
        own = officer.open(follow)
        assert "approve-form" not in own and "不能核准自己提出的变更" in own
        bureau = signed_in(app, "forestry")
        assert "等您核准" in bureau.open("/reviews")
        seen = bureau.open(follow)
        assert f"<strong>{year}</strong>" in seen
        done(bureau.submit(form, **fields), status)
        assert "approve-form" not in bureau.open(follow)
    assert officer.client.get(f"/api/v1/parcels/{parcel}").get_json()["planting_year"] == 2012


def test_a_project_from_its_opening_to_its_run(start: Start) -> None:
    browser = signed_in(start(world.registered), "operator")
    browser.open("/projects")
    answer, page = browser.submit(
        "new-form", name_zh="光山油茶（演示）", methodology_key="camellia_oil_v1",
        crediting_from="2021-01-01", crediting_to="2041-01-01",
    )  # fmt: skip
    done((answer, page), 201)
    assert page == "/projects/XY-P0001"
    browser.open(page)
    values = {"selection.county_codes[]": "411522"}
    attached = done(browser.submit("parcels-form", values), 200)
    assert attached["attached"] > 30
    parcels = browser.client.get("/api/v1/parcels?kind=camellia&size=100").get_json()["items"]
    browser.open(page)
    again = done(browser.submit("codes-form", codes=f"{parcels[0]['code']}，\n{parcels[1]['code']}"), 200)
    assert again == {"attached": 0, "already": 2}
    rows = json.dumps(monitoring.camellia(parcels, seed=1))
    period = {"period_start": "2024-01-01", "period_end": "2026-01-01"}
    browser.open(page)
    recorded = done(browser.submit("monitoring-form", {**period, "rows": rows}), 201)
    assert recorded["missing"] == 0
    browser.open(page)
    answer, follow = browser.submit("run-form")
    assert done((answer, follow), 201)["parcel_count"] == attached["attached"], "the period is suggested"
    assert "试算" in browser.open(follow)


def test_parameters_are_adopted(start: Start) -> None:
    browser = signed_in(start(world.assessed), "authority")
    assert "等您签署" in browser.open("/reviews")
    browser.open("/sources")
    signed = done(
        browser.submit("sign-form-camellia_oil_v1", document_number="信环〔2026〕1号", document_title="采纳"),
        201,
    )
    assert signed["is_demo"]
    assert "sign-form-camellia_oil_v1" not in browser.open("/sources")


@pytest.mark.parametrize("decision", ["confirm", "return"])
def test_a_run_is_reviewed(start: Start, decision: str) -> None:
    app = start(world.assessed)
    browser = signed_in(app, "verifier")
    assert f"/runs/{world.RUN}" in browser.open("/reviews")
    browser.open(f"/runs/{world.RUN}")
    run = done(browser.submit("review-form", decision=decision, note="抽查 3 处"), 201)
    assert run["status"] == {"confirm": "verified", "return": "returned"}[decision]
    assert "review-form" not in browser.open(f"/runs/{world.RUN}"), "one decision per role"
    assert f"/runs/{world.RUN}" in browser.open("/reviews"), "among what was done"


def test_a_bureau_waits_for_the_verifier(start: Start) -> None:
    browser = signed_in(start(world.assessed), "forestry")
    assert "review-form" not in browser.open(f"/runs/{world.RUN}")
    assert f"/runs/{world.RUN}" not in browser.open("/reviews")


def test_a_run_is_issued_when_nothing_blocks_it(start: Start) -> None:
    browser = signed_in(start(world.assessed), "operator")
    html = browser.open(f"/runs/{world.RUN}")
    assert "issue-form" not in html
    assert "还不能签发" in html
    browser = signed_in(start(world.reviewed), "operator")
    assert f"/runs/{world.RUN}" in browser.open("/reviews")
    browser.open(f"/runs/{world.RUN}")
    batches = done(browser.submit("issue-form"), 201)
    html = browser.open(f"/runs/{world.RUN}")
    assert "issue-form" not in html
    assert all(f"/explain/batch/{batch['code']}" in html for batch in batches)


def test_tickets_are_listed_bought_and_taken_back(start: Start) -> None:
    app = start(world.issued)
    operator, bank, cement = (signed_in(app, name) for name in ("operator", "bank", "cement"))
    operator.open("/holdings")
    listing = done(operator.submit("sell-form-1", quantity_kg="100", price_fen_per_t="48.50"), 201)
    assert (listing["quantity_kg"], listing["price_fen_per_t"]) == (100_000, 4_850)
    bank.open("/reviews")
    deposit = done(bank.submit("deposit", amount_fen="4,850.00", bank_reference="DEMO-1"), 201)
    assert deposit["amount_fen"] == 485_000
    cement.open("/market")
    answer, follow = cement.submit(f"buy-form-{listing['id']}", quantity_kg="40")
    trade = done((answer, follow), 201)
    assert trade["amount_fen"] == 194_000
    html = cement.open(follow)
    assert "成交了" in html
    assert "¥1,940.00" in html
    operator.open("/holdings")
    taken = done(operator.submit(f"off-{listing['id']}"), 200)
    assert taken["status"] == "withdrawn"
    assert f"off-{listing['id']}" not in operator.open("/holdings")
    assert "buy-form" not in operator.open("/market"), "who sells does not buy"


def test_tickets_are_retired_and_the_certificate_is_public(start: Start) -> None:
    app = start(world.traded)
    cement = signed_in(app, "cement")
    cement.open("/holdings")
    answer, follow = cement.submit(
        "retire-form-1",
        {"lines.0.quantity_kg": "1.5"},
        consumption_from="2025-01-01",
        consumption_to="2025-12-31",
    )
    certificate = done((answer, follow), 201)
    assert certificate["quantity_kg"] == 1_500
    assert certificate["beneficiary_credit_code"] == "91411525DEMO00004X"
    anyone = Browser(app)
    for address in (follow, f"/verify/{certificate['certificate_number']}"):
        html = anyone.open(address)
        assert certificate["digest"] in html
        assert "有效" in html
    assert anyone.client.get("/verify?no=XY-C0000-000000").status_code == 404


def test_several_batches_are_retired_with_one_form(start: Start) -> None:
    app = start(world.traded)
    cement = signed_in(app, "cement")
    cement.open("/holdings")
    days = {"consumption_from": "2025-01-01", "consumption_to": "2025-12-31"}
    typed = {"lines.0.quantity_kg": "1.5", "lines.2.quantity_kg": "0.001"}
    certificate = done(cement.submit("several-form", typed, **days), 201)
    assert [line["quantity_kg"] for line in certificate["lines"]] == [1_500, 1]
    html = Browser(app).open(f"/certificates/{certificate['certificate_number']}")
    for line in certificate["lines"]:
        assert all(span["serial"] in html for span in line["ranges"])
    cement.open("/holdings")
    answer, _ = cement.submit("several-form", **days)
    assert (answer.status_code, answer.get_json()["errors"][0]["field"]) == (422, "lines")


def test_a_pledge_is_made_let_go_and_enforced(start: Start) -> None:
    app = start(world.traded)
    cement, bank = signed_in(app, "cement"), signed_in(app, "bank")
    html = cement.open("/pledges")
    assert "没有法定的质押登记簿" in html
    typed = {"contract_reference": "质字 1 号", "register_reference": "0123"}
    made = done(cement.submit("pledge-form", quantity_kg="1.5", **typed), 201)
    number = made["number"]
    answer, _ = cement.submit("pledge-form", quantity_kg="1", **(typed | {"register_reference": ""}))
    assert (answer.status_code, answer.get_json()["errors"][0]["field"]) == (422, "register_reference")
    assert f"release-{number}" not in cement.open("/pledges")  # the bank's to decide
    bank.open("/pledges")
    left = done(bank.submit(f"release-{number}", quantity_kg="0.5", document="解字 1 号"), 201)
    assert left["left_kg"] == 1_000
    bank.open("/pledges")
    over = done(bank.submit(f"enforce-{number}", document="（2027）豫民初1号"), 201)
    assert (over["status"], over["left_kg"]) == ("enforced", 0)
    assert "已处置" in cement.open("/pledges")
    assert made["batch"] in bank.open("/holdings")


def test_kilograms_are_made_void_by_two_and_made_good(start: Start) -> None:
    app = start(world.traded)
    ecology, forestry, operator = (signed_in(app, name) for name in ("ecology", "forestry", "operator"))
    cement = signed_in(app, "cement")
    cement.open("/holdings")
    days = {"consumption_from": "2025-01-01", "consumption_to": "2025-12-31"}
    used = done(cement.submit("retire-form-1", {"lines.0.quantity_kg": "0.1"}, **days), 201)
    [line] = used["lines"]
    first = line["ranges"][0]["first"]
    address = f"/batches/{line['batch']}"
    ecology.open(address)
    words = {"reason": "地块重复", "document": "信环函〔2026〕1号"}
    named = {"numbers.0.first": str(first), "numbers.0.last": str(first + 9)}
    made = done(ecology.submit("void-form", named, **words), 201)
    assert (made["quantity_kg"], made["status"]) == (10, "proposed")
    assert "须由另一位登录用户批准" in ecology.open(address)
    assert made["number"] not in Browser(app).open(address)  # only proposed: not public
    forestry.open(address)
    decided = done(forestry.submit(f"confirm-{made['number']}"), 201)
    assert (decided["status"], decided["make_good"]["left_kg"]) == ("confirmed", 10)
    assert made["number"] in Browser(app).open(address)
    operator.open(address)
    owed = {"quantity_kg": "0.01", "reason": "补足", "make_good": made["number"]}
    done(operator.submit("cancel-form", **owed), 201)
    html = Browser(app).open(address)
    assert "已补 10 千克，还差 0 千克" in html
    assert "一千克不差" in html
    forestry.open(address)
    second = done(
        forestry.submit("void-form", {"numbers.0.first": "50", "numbers.0.last": "50"}, **words), 201
    )
    ecology.open(address)
    assert done(ecology.submit(f"reject-{second['number']}"), 201)["status"] == "rejected"


def test_receipts_are_shared_out(start: Start) -> None:
    browser = signed_in(start(world.traded), "dingxin")
    assert "/revenue" in browser.open("/reviews")
    browser.open("/revenue")
    waiting = [form for form in browser.forms if form.startswith("dist-")]
    assert waiting
    shared = done(browser.submit(waiting[0]), 201)
    assert shared["meets_floor"]
    assert waiting[0] not in browser.open("/revenue")
    html = browser.open(f"/distributions/{shared['code']}")
    assert "不低于 70%" in html


def test_no_form_of_the_desk_is_without_a_test(start: Start) -> None:
    """Forms found on any page of any role, by what they call; a new one must be added above."""
    app = start(world.traded)
    pages = {
        "forestry.guangshan": ["/reviews", "/parcels", "/imports", "/imports/1"],
        "operator": [
            "/reviews",
            "/projects",
            f"/projects/{world.PROJECT}",
            f"/runs/{world.RUN}",
            "/holdings",
        ],
        "authority": ["/sources"],
        "cement": ["/market", "/holdings", "/pledges"],
        "ecology": [f"/batches/{world.BATCH}"],
        "bank": ["/reviews"],
        "dingxin": ["/revenue"],
    }
    found = set()
    for username, addresses in pages.items():
        browser = signed_in(app, username)
        for address in addresses:
            browser.open(address)
            found |= {name.rstrip("0123456789-XYT") for name in browser.forms}
    assert found == {
        "sign-out", "upload", "sheet", "accept-form", "new-form", "parcels-form", "codes-form",
        "monitoring-form",
        "run-form", "sell-form", "retire-form", "several-form", "pledge-form",
        "void-form", "off", "buy-form", "deposit", "dist",
        "sign-form-low_carbon_acts_v", "sign-form-ccer_afforestation_v", "sign-form-tea_garden_v",
    }  # fmt: skip
