"""Evidence and the review of burnt land, told through the pages' own forms."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import desk_world as world
import pytest
import shapely
from flask import Flask
from form_browser import Browser, visible
from PIL import Image

from carbon_platform.app import create_app
from carbon_platform.config import Settings
from carbon_platform.web import platform
from demo.world import PASSWORD

PAPER = {"certificate_number": "豫（2019）光山县不动产权第0004731号", "holder_name": "王大山",
         "holder_id": "411522196503071231", "valid_to": "2046-12-31"}  # fmt: skip


@pytest.fixture
def app(fresh_database: Callable[..., str], tmp_path: Path) -> Iterator[Flask]:
    app = create_app(Settings(mode="test", database_url=fresh_database("sqlite", world.issued), var=tmp_path))
    yield app
    platform(app).db.dispose()


def as_user(app: Flask, username: str) -> Browser:
    browser = Browser(app)
    body = {"username": username, "password": PASSWORD, "transport": "cookie"}
    browser.client.post("/api/v1/sessions", json=body)
    return browser


def paper() -> tuple[io.BytesIO, str]:
    out = io.BytesIO()
    Image.effect_noise((400, 300), 60).save(out, "JPEG")
    return io.BytesIO(out.getvalue()), "林权证.jpg"


def a_parcel(browser: Browser) -> str:
    return str(browser.client.get("/api/v1/parcels?kind=camellia").get_json()["items"][0]["code"])


def test_a_certificate_is_handed_in_seen_in_part_and_in_full_on_record(app: Flask) -> None:
    officer = as_user(app, "forestry.guangshan")
    code = a_parcel(officer)
    officer.open(f"/parcels/{code}")
    assert f'href="/parcels/{code}/evidence"' in officer.page
    officer.open(f"/parcels/{code}/evidence")
    answer, follow = officer.submit("upload", files={"file": paper()}, **PAPER)
    assert answer.status_code == 422, "the form's first kind is a photo, and a photo has no certificate"
    assert {"kind"} <= {one["field"] for one in answer.get_json()["errors"]}
    answer, follow = officer.submit("upload", files={"file": paper()}, kind="tenure", **PAPER)
    assert answer.status_code == 201, answer.text
    page = visible(officer.open(follow))
    assert "豫（2019）光山县不动产权第*****31号" in page
    assert "4115**********1231" in page
    for path in (follow, "/evidence", f"/parcels/{code}", f"/parcels/{code}/evidence"):
        html = officer.open(path)
        assert not [word for word in PAPER.values() if word in html and word != PAPER["valid_to"]], path
    assert "权属证书" in visible(officer.open("/evidence?kind=tenure"))
    # In full for who may, with a record; not for others.
    verifier, operator = as_user(app, "verifier"), as_user(app, "operator")
    assert "看证书全文" in verifier.open(follow)
    full = verifier.open(f"{follow}?full=1")
    assert PAPER["holder_id"] in full
    assert "这次查看已经记录" in full
    assert "看证书全文" not in operator.open(follow)
    assert operator.client.get(f"{follow}?full=1").status_code == 403
    assert as_user(app, "forestry.shihe").client.get(follow).status_code == 404
    with platform(app).db.engine.connect() as connection:
        rows = connection.exec_driver_sql(
            "SELECT actor_name FROM audit_record WHERE action = 'evidence.unmask'"
        ).all()
    assert len(rows) == 1
    # Taken back, it stays to be seen with the reason.
    officer.open(follow)
    answer, _ = officer.submit("withdraw", reason="传错了地块")
    assert answer.status_code == 200
    assert "传错了地块" in visible(officer.open(follow))
    assert "还没有证据" in officer.open(f"/parcels/{code}/evidence")


def burnt(officer: Browser, code: str) -> tuple[io.BytesIO, str]:
    shape = officer.client.get(f"/api/v1/parcels/{code}").get_json()["geometry"]
    middle = shapely.geometry.shape(shape).convex_hull.buffer(0.0001)
    feature: dict[str, Any] = {
        "type": "Feature",
        "properties": {},
        "geometry": shapely.geometry.mapping(middle),
    }
    content = json.dumps({"type": "FeatureCollection", "features": [feature]})
    return io.BytesIO(content.encode()), "火烧迹地.geojson"


def test_burnt_land_stops_the_sale_until_another_person_has_looked(app: Flask) -> None:
    officer, ecology, operator = (as_user(app, n) for n in ("forestry.guangshan", "ecology", "operator"))
    code = a_parcel(officer)
    officer.open("/land-changes")
    answer, follow = officer.submit(
        "upload", files={"file": burnt(officer, code)}, source="巡护发现（演示）", kind="fire",
        happened_on="2026-05-04",
    )  # fmt: skip
    assert answer.status_code == 201, answer.text
    assert "clear-form" not in officer.open(follow), "officers do not review"
    assert "等复核" in visible(officer.open(f"/parcels/{code}"))
    assert sold(operator) == "ledger.account_frozen"
    assert follow in ecology.open("/reviews")
    ecology.open(follow)
    answer, _ = ecology.submit("clear-form", note="复核：地表火，林木无损")
    assert answer.status_code == 201, answer.text
    assert "没有损失" in visible(ecology.open(follow))
    assert follow not in ecology.open("/reviews")
    assert "等复核" not in visible(officer.open(f"/parcels/{code}"))
    assert sold(operator) == ""


def sold(operator: Browser) -> str:
    """Offer a tonne of the batch for sale; the code of the refusal, or nothing."""
    operator.open("/holdings")
    [form_id] = [
        name
        for name, form in operator.forms.items()
        if name.startswith("sell-form") and ("batch", None, world.BATCH) in form["controls"]
    ]
    answer, _ = operator.submit(form_id, quantity_kg="1", price_fen_per_t="48.00")
    return str(answer.get_json().get("code", "")) if answer.status_code >= 300 else ""
