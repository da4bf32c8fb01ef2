"""The road of the platform, step by step, recomputed from what the API says (both engines).

City-plan rows: T1 T3 T5 T6 F5 F9 F16 P1–P5 P8–P10 P16 P17 C1 C6 C9 C17 G1.
"""

from __future__ import annotations

import json
import math
import subprocess
from fractions import Fraction

import pytest
import sqlalchemy as sa
from flow_house import SMALL, House

from carbon_platform.identity.tables import AuditRecord
from carbon_platform.jobs import JOBS, run_once
from carbon_platform.ledger import verify
from carbon_platform.web import platform
from demo.client import Person, Refused, sign_in, sign_in_citizen
from demo.story import PRICE_FEN_PER_T, Told, all_pages

pytestmark = pytest.mark.xdist_group("flows")


def test_1_the_report_names_every_faulty_row_and_the_map_shows_the_rest(house: House, told: Told) -> None:
    officer = sign_in(house.http, "forestry.guangshan")
    camellia = next(i for i in told.imports if (i["kind"], i["county"]) == ("camellia", "411522"))
    staged = camellia["staged"]
    assert (staged["encoding"], staged["epsg"], staged["family"]) == ("gbk", 4526, "A")
    counts = staged["counts"]
    assert sum(outcome["rows"] for outcome in counts.values()) == SMALL.camellia["411522"]
    rows = list(all_pages(officer, f"/api/v1/parcel-imports/{staged['id']}/rows"))
    bad = [row for row in rows if row["outcome"] in {"refused", "warned", "repaired"}]
    assert len(bad) >= 6  # overlap, bow-tie, other county, too small, 亩 for 公顷, unknown species
    for row in bad:
        assert row["findings"]
        for finding in row["findings"]:
            assert finding["zh"]
            assert finding["en"]
            assert finding["advice_zh"]
    registered = list(all_pages(officer, "/api/v1/parcels", kind="camellia"))
    assert len(registered) == camellia["accepted"]["registered_rows"]
    area = math.fsum(parcel["area_m2"] for parcel in registered)
    assert area == pytest.approx(camellia["accepted"]["registered_area_m2"], abs=0.5)
    shapes = officer.get("/api/v1/parcels.geojson", bbox="113.5,31.0,116.0,33.0", kind="camellia")
    assert {f["properties"]["code"] for f in shapes["features"]} == {p["code"] for p in registered}
    assert "right_holder" not in json.dumps(shapes)


def test_1_the_other_countys_officer_sees_none_of_it(house: House, told: Told) -> None:
    other = sign_in(house.http, "forestry.shangcheng")
    assert other.get("/api/v1/parcels")["total"] == 0
    staged = told.imports[0]["staged"]
    for path in (f"/api/v1/parcel-imports/{staged['id']}", f"/api/v1/parcel-imports/{staged['id']}/rows"):
        with pytest.raises(Refused) as refused:
            other.get(path)
        assert refused.value.status == 404
    code = sign_in(house.http, "forestry.guangshan").get("/api/v1/parcels")["items"][0]["code"]
    with pytest.raises(Refused) as refused:
        other.get(f"/api/v1/parcels/{code}")
    assert refused.value.status == 404


def test_1_the_same_file_again_registers_nothing_twice(house: House, told: Told) -> None:
    officer = sign_in(house.http, "forestry.guangshan")
    before = officer.get("/api/v1/parcels")["total"]
    path = house.folder / "411522-camellia.zip"
    report = officer.upload("/api/v1/parcel-imports", path.name, path.read_bytes(), kind="camellia")
    officer.post(f"/api/v1/parcel-imports/{report['id']}/accept")
    assert officer.get("/api/v1/parcels")["total"] == before


@pytest.mark.parametrize("kind", ["camellia", "rice"])
def test_2_the_run_keeps_negative_parcels_and_rounds_once(house: House, told: Told, kind: str) -> None:
    operator = sign_in(house.http, "operator")
    run = told.runs[kind]
    rows = list(all_pages(operator, f"/api/v1/runs/{run['code']}/rows"))
    assert len(rows) == run["parcel_count"] == told.projects[kind]["parcels"]
    negative = [row for row in rows if row["net_t"] < 0]
    assert negative
    total = math.fsum(row["net_t"] for row in rows)
    assert run["net_t"] == pytest.approx(total, rel=1e-12)
    assert run["issuable_t"] == math.floor(run["net_t"])
    assert total < math.fsum(row["net_t"] for row in rows if row["net_t"] > 0)


@pytest.mark.parametrize("kind", ["camellia", "rice"])
def test_3_an_estimate_is_not_issued_and_says_why(house: House, told: Told, kind: str) -> None:
    assert "试算" in told.refusals[kind]
    assert "没有签署采纳" in told.refusals[kind]


def test_3_forestry_needs_both_bureaus(house: House, told: Told) -> None:
    operator = sign_in(house.http, "operator")
    roles = {
        k: {r["role"] for r in operator.get(f"/api/v1/runs/{run['code']}")["reviews"]}
        for k, run in told.runs.items()
    }
    assert roles["camellia"] == {"verifier", "ecology_bureau", "forestry_bureau"}
    assert roles["rice"] == {"verifier", "ecology_bureau"}


def test_4_batches_hold_the_whole_tonnes_in_kilograms(house: House, told: Told) -> None:
    for run in told.runs.values():
        batches = [batch for batch in told.batches if batch["run_code"] == run["code"]]
        assert sum(batch["quantity_kg"] for batch in batches) == run["issuable_t"] * 1000
    keys = [(b["project_code"], b["vintage"], b["county_code"]) for b in told.batches]
    assert len(set(keys)) == len(keys)
    assert {b["vintage"] for b in told.batches if b["methodology_key"] == "camellia_oil_v1"} == {2024, 2025}
    assert all(batch["is_demo"] for batch in told.batches)


def test_4_issuing_again_changes_nothing(house: House, told: Told) -> None:
    operator = sign_in(house.http, "operator")
    run = told.runs["camellia"]
    again = operator.post(f"/api/v1/runs/{run['code']}/issue")
    assert {b["code"] for b in again} == {b["code"] for b in told.batches if b["run_code"] == run["code"]}


def test_5_goods_and_money_moved_together(house: House, told: Told) -> None:
    for sale in told.trades:
        assert sale["amount_fen"] == Fraction(sale["quantity_kg"], 1000) * PRICE_FEN_PER_T
        assert sum(last - first + 1 for first, last in sale["ranges"]) == sale["quantity_kg"]
    cement = sign_in(house.http, "cement")
    assert cement.get("/api/v1/cash")["cash_fen"]["available"] == 0  # it paid in exactly what it bought
    bought = sum(sale["quantity_kg"] for sale in told.trades if sale["buyer"].startswith("淮畔"))
    held = sum(holding["posted_kg"] for holding in cement.get("/api/v1/holdings"))
    assert held + told.certificate["quantity_kg"] + told.pledge["left_kg"] == bought


def test_5_a_pledge_is_let_go_in_parts(house: House, told: Told) -> None:
    shown = sign_in(house.http, "bank").get(f"/api/v1/pledges/{told.pledge['number']}")
    assert (shown["status"], shown["quantity_kg"], shown["left_kg"]) == ("pledged", 1000, 500)
    assert sum(r["last"] - r["first"] + 1 for r in shown["ranges"]) == 500
    batch = Person(house.http).get(f"/api/v1/batches/{shown['batch']}")
    position = batch["position"]
    assert position["pledged"] == 500
    assert position["issued"] == sum(kg for name, kg in position.items() if name != "issued")


def test_5_no_money_no_goods(house: House, told: Told) -> None:
    cement = sign_in(house.http, "cement")
    listing = next(item for item in cement.get("/api/v1/listings")["items"])
    with pytest.raises(Refused) as refused:
        cement.post(f"/api/v1/listings/{listing['id']}/orders", {"quantity_kg": 1000})
    assert refused.value.code == "ledger.insufficient"
    assert "48.00" in refused.value.problem["detail"]


def test_5_anyone_can_check_the_certificate_down_to_the_parcels(house: House, told: Told) -> None:
    anyone = Person(house.http)
    number = told.certificate["certificate_number"]
    public = anyone.get(f"/api/v1/public/certificates/{number}")
    assert public["genuine"] is True
    assert all(line["ranges"] for line in public["lines"])
    assert len(public["lines"]) == 2
    assert sum(line["quantity_kg"] for line in public["lines"]) == public["quantity_kg"]
    assert {line["county_name"] for line in public["lines"]} <= {"光山县", "新县"}
    shapes = anyone.get(f"/api/v1/public/certificates/{number}/parcels.geojson")
    assert sum(f["properties"]["quantity_kg"] for f in shapes["features"]) == public["quantity_kg"]
    assert len(shapes["features"]) == public["parcel_count"]
    assert "right_holder" not in json.dumps(shapes, ensure_ascii=False)


def test_5_the_certificate_is_a_pdf_that_says_so(house: House, told: Told) -> None:
    number = told.certificate["certificate_number"]
    path = house.folder / f"{number}.pdf"
    pdf = path.read_bytes()
    assert pdf.startswith(b"%PDF-")
    assert pdf == Person(house.http).get_bytes(f"/api/v1/retirements/{number}/certificate.pdf")
    if subprocess.run(["which", "pdftotext"], capture_output=True, check=False).returncode:
        pytest.skip("pdftotext is not installed: apt-get install poppler-utils")
    text = subprocess.run(
        ["pdftotext", "-layout", path, "-"], capture_output=True, text=True, check=True
    ).stdout
    for words in (number, told.certificate["quantity_t"], "碳票注销证书", "演示", told.certificate["digest"]):
        assert words in text


def test_6_each_receipt_is_distributed_to_the_fen(house: House, told: Told) -> None:
    dingxin = sign_in(house.http, "dingxin")
    assert len(told.distributions) == len(told.trades)
    for sale, share in zip(told.trades, told.distributions, strict=True):
        money = share["waterfall"]
        assert money["gross_fen"] == sale["amount_fen"]
        assert money["gross_fen"] == money["fee_fen"] + money["vat_fen"] + money["base_fen"]
        lines = []
        page = 1
        while True:
            found = dingxin.get(f"/api/v1/distributions/{share['code']}", page=page, size=100)["lines"]
            lines += found["items"]
            if page >= found["pages"]:
                break
            page += 1
        assert sum(line["amount_fen"] for line in lines) == money["base_fen"]
        below = sum(line["amount_fen"] for line in lines if line["level"] != "company")
        assert below == share["below_fen"]
        assert below * 10 >= money["base_fen"] * 7
        assert share["meets_floor"]


def test_6_the_board_agrees_with_the_trades(house: House, told: Told) -> None:
    first, second = told.dashboard["batches"]
    assert (first["target_fen"], second["target_fen"]) == (15_000_000_000, 10_000_000_000)
    assert first["figures"]["received_fen"] == sum(sale["amount_fen"] for sale in told.trades)
    assert first["figures"]["issued_kg"] == sum(batch["quantity_kg"] for batch in told.batches)
    assert first["figures"]["below_fen"] == sum(share["below_fen"] for share in told.distributions)
    assert second["figures"]["received_fen"] == 0
    assert len(first["counties"]) == len(second["counties"]) == 5


def test_7_the_citizens_day(house: House, told: Told) -> None:
    citizen = told.citizen
    assert citizen["without_consent"] == "citizen.consent_missing"
    ride = citizen["ride"]
    assert (ride["reduction_g"], ride["points"], ride["already_counted"]) == (80, 10, False)
    again = citizen["same_ride_again"]
    assert again["already_counted"] is True
    assert again["id"] == ride["id"]
    assert citizen["clean_plate"]["reduction_g"] == 70
    earned = sum(act["points"] for act in citizen["book"]["items"])
    # today's ride is still under observation, the others and the plate are not
    assert citizen["points_before"] == earned - ride["points"]
    points = citizen["points"]
    assert points["available"] == citizen["points_before"] - citizen["voucher"]["price_points"]
    assert (points["pending"], points["owed"], points["expired"]) == (ride["points"], 0, 0)
    assert points["expiring_next"]["amount"] == points["available"]
    assert citizen["too_dear"] == "reward.not_enough_points"
    assert [(row["reason_code"], row["points"]) for row in citizen["refusals"]] == [(citizen["too_dear"], 0)]
    grams = sum(act["reduction_g"] for act in citizen["book"]["items"])
    assert citizen["book"]["totals"]["all_g"] == grams


def test_7_another_citizen_cannot_open_her_book(house: House, told: Told) -> None:
    stranger = sign_in_citizen(house.http, "someone-else", "路人")
    with pytest.raises(Refused) as refused:
        stranger.get(f"/api/v1/explain/act/{told.citizen['ride']['id']}")
    assert refused.value.status == 404


def test_8_everything_re_sums_also_as_the_nightly_job(house: House, told: Told) -> None:
    report = house.db.read(verify)
    assert report.findings == ()
    assert run_once(JOBS[0], platform(house.app)) == "ok"
    assert run_once(JOBS[0], platform(house.app)) == "taken"
    result = house.app.test_cli_runner().invoke(args=["ledger", "verify"])
    assert result.exit_code == 0
    assert "全部重算一致" in result.output


def test_every_change_on_the_road_left_an_audit_record(house: House, told: Told) -> None:
    actions = house.db.read(lambda s: set(s.scalars(sa.select(AuditRecord.action).distinct())))
    assert {
        "session.open", "run.review", "run.issue", "credit.retire", "parameters.sign", "consent.give",
    } <= actions  # fmt: skip
    with pytest.raises(sa.exc.DBAPIError, match="append-only"), house.db.engine.begin() as connection:
        connection.execute(sa.update(AuditRecord).values(actor_name="nobody"))


@pytest.mark.parametrize("kind", ["run", "run-row", "batch", "retirement", "act"])
def test_every_carbon_figure_can_be_opened(house: House, told: Told, kind: str) -> None:
    run = told.runs["camellia"]
    operator = sign_in(house.http, "operator")
    citizen = sign_in_citizen(house.http, "demo-xiaoman", "小满")
    row = operator.get(f"/api/v1/runs/{run['code']}/rows")["items"][0]
    who, ref = {
        "run": (operator, run["code"]),
        "run-row": (operator, f"{run['code']}:{row['parcel_code']}"),
        "batch": (operator, told.batches[0]["code"]),
        "retirement": (Person(house.http), told.certificate["certificate_number"]),
        "act": (citizen, str(told.citizen["ride"]["id"])),
    }[kind]
    explanation = who.get(f"/api/v1/explain/{kind}/{ref}")
    assert explanation["sentence_zh"]
    assert explanation["equations"]
    assert explanation["equations"][0]["numeric"]
    for term in explanation["terms"]:
        assert term["status"]
        if term["status"] in {"verified", "secondary", "unverified", "illustrative", "local-decision"}:
            assert term["source"]
    if kind in {"run", "run-row"}:
        assert explanation["approvals"]
        assert len(explanation["digests"]) >= 3
    for child in explanation["children"][:3]:
        if child["kind"] in {"run", "run-row", "batch", "retirement", "act"}:
            assert operator.get(f"/api/v1/explain/{child['kind']}/{child['ref']}")["title_zh"]
