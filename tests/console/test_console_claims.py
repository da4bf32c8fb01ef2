"""The page of double claims as its readers see it: every case, a way out for who owns one, nobody else's."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import desk_world
import pytest
from claim_quarrel import quarrel
from flask import Flask
from form_browser import Browser
from jinja2 import StrictUndefined

from carbon_platform.app import create_app
from carbon_platform.config import Settings
from carbon_platform.web import platform
from demo.world import PASSWORD


class Undefined(StrictUndefined):
    """A name nobody gave fails; what a template tests for with ``if`` may be missing."""

    def __bool__(self) -> bool:
        return False


@pytest.fixture
def app(fresh_database: Callable[..., str], tmp_path: Path) -> Iterator[Flask]:
    url = fresh_database("sqlite", desk_world.monitored)
    app = create_app(Settings(mode="test", database_url=url, var=tmp_path))
    app.jinja_env.undefined = Undefined
    yield app
    platform(app).db.dispose()


def as_user(app: Flask, username: str) -> Browser:
    browser = Browser(app)
    body = {"username": username, "password": PASSWORD, "transport": "cookie"}
    browser.client.post("/api/v1/sessions", json=body)
    return browser


def test_without_quarrels_the_page_says_so(app: Flask) -> None:
    html = as_user(app, "auditor").open("/double-claims")
    assert "没有重复申报" in html
    assert "还没有机制外申报" in html
    assert "data-show-clash" not in html


def test_every_case_with_figures_of_the_api(app: Flask) -> None:
    old, new = platform(app).db.transact(quarrel)
    operator = as_user(app, "operator")
    html = operator.open("/double-claims")
    answer = operator.client.get("/api/v1/double-claims").get_json()
    cases = re.findall(r'<tr id="clash-(\d+)"', html)
    assert len(cases) == answer["total"] >= 3
    shown = [float(t.replace(",", "")) for t in re.findall(r'data-label="重复 亩">([\d,.]+)<', html)]
    assert shown == pytest.approx([item["area_m2"] * 0.0015 for item in answer["items"]], abs=0.051)
    assert "GS &lt;b&gt;7&lt;/b&gt;" in html
    for code in (old, new):
        assert f"地块 {code}" in html
    drawn = operator.client.get("/api/v1/double-claims.geojson").get_json(force=True)
    assert len(drawn["features"]) == answer["total"]
    assert "right_holder" not in str(drawn)


def test_the_owner_takes_a_parcel_out_and_the_case_is_closed(app: Flask) -> None:
    _, new = platform(app).db.transact(quarrel)
    before = as_user(app, "verifier").open("/double-claims")
    assert "/parcels/removal" not in before, "only the owner of a project"
    operator = as_user(app, "operator")
    html = operator.open("/double-claims")
    forms = re.findall(r'data-api="POST (/api/v1/projects/XY-P0099/parcels/removal)"', html)
    assert forms
    total = operator.client.get("/api/v1/double-claims").get_json()["total"]
    csrf = {"X-CSRF-Token": re.search(r'<meta name="csrf" content="([^"]+)"', html)[1]}  # type: ignore[index]
    body = {"codes": [new], "reason": "与一期重叠"}
    assert operator.client.post(forms[0], json=body, headers=csrf).status_code == 200
    assert operator.client.get("/api/v1/double-claims").get_json()["total"] < total
    assert "XY-P0099" not in operator.open("/double-claims")


def test_who_may_declare_and_who_may_release(app: Flask) -> None:
    platform(app).db.transact(quarrel)
    url = "POST /api/v1/outside-claims/"
    pages = {
        who: as_user(app, who).open("/double-claims") for who in ("ecology", "forestry", "bank", "verifier")
    }
    assert f'{url[:-1]}"' in pages["ecology"]
    assert url not in pages["ecology"], "never by who declared it"
    assert "须由另一位登录用户解除" in pages["ecology"]
    assert url in pages["forestry"]
    for who in ("bank", "verifier"):
        assert "POST /api/v1/outside-claims" not in pages[who]


def test_a_bank_looks_a_parcel_up(app: Flask) -> None:
    old, _ = platform(app).db.transact(quarrel)
    bank = as_user(app, "bank")
    assert "下面的申报互相冲突" in bank.open(f"/double-claims?parcel={old}")
    free = (
        as_user(app, "operator").client.get("/api/v1/parcels?kind=rice&size=1").get_json()["items"][0]["code"]
    )
    assert "互不冲突" in bank.open(f"/double-claims?parcel={free}")
    assert "没有这块地" in bank.open("/double-claims?parcel=411522-NOPE")
    elsewhere = as_user(app, "forestry.shihe")
    assert "没有这块地" in elsewhere.open(f"/double-claims?parcel={old}")
    assert "没有重复申报" in elsewhere.open("/double-claims"), "光山's quarrels are not theirs"


def test_the_page_in_english(app: Flask) -> None:
    platform(app).db.transact(quarrel)
    browser = as_user(app, "forestry")
    browser.client.get("/settings?lang=en")
    html = browser.open("/double-claims")
    assert "Double claims" in html
    main = re.search(r"<main.*?</main>", re.sub(r"<script.*?</script>", "", html, flags=re.S), re.S)
    assert main
    text = re.sub(r"<[^>]+>|某项目|某公司|网页|[\u4e00-\u9fff]+（演示）|生态环境局审批", "", main[0])
    assert re.findall(r"[\u4e00-\u9fff]+", text) == []
