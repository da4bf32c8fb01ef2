"""Every desk page as its reader sees it: complete, within their sight, and each figure a door."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import desk_world as world
import pytest
from flask import Flask
from form_browser import Browser
from jinja2 import StrictUndefined

from carbon_platform.app import create_app
from carbon_platform.config import Settings
from carbon_platform.console.pages_public import DEMO_PASSWORD
from carbon_platform.console.site import local_path
from carbon_platform.web import platform
from demo.world import LOGINS, PASSWORD

PUBLIC = ["/", "/login", "/verify", "/verify?q=淮畔", f"/verify?batch={world.BATCH}&kg=1",
          f"/batches/{world.BATCH}", f"/verify/{world.CERTIFICATE}", f"/certificates/{world.CERTIFICATE}",
          "/sources", "/methodologies", "/methodologies/camellia_oil_v1", "/seal", "/market",
          f"/explain/retirement/{world.CERTIFICATE}", "/api/docs",
          "/problems/platform.not_found"]  # fmt: skip
DESK = {
    "forestry.guangshan": ["/evidence", "/land-changes",
                           "/reviews", "/exports", "/map", "/map?by=project&stage=issued", "/parcels",
                           "/parcels?kind=rice&county=411522", "/imports",
                           "/imports/1", "/imports/1?show=all", "/projects"],
    "operator": ["/merchants", "/points", "/appeals", "/audits", "/account-reviews",
                 "/registry", "/registry/holdings", "/reviews", "/parcels", "/projects",
                 f"/projects/{world.PROJECT}",
                 f"/projects/{world.RICE_PROJECT}", f"/runs/{world.RUN}", f"/runs/{world.RUN}?page=2",
                 f"/runs/{world.RICE_RUN}", "/market", "/holdings", f"/explain/run/{world.RUN}"],
    "verifier": ["/reviews", f"/runs/{world.RUN}"],
    "ecology": ["/reviews", "/impact", "/revenue", f"/batches/{world.BATCH}"],
    "forestry": ["/reviews", "/revenue"],
    "authority": ["/reviews", "/sources", "/impact"],
    "cement": ["/market", "/holdings", "/pledges", f"/batches/{world.BATCH}",
               "/holdings?bought=XY-T000001", f"/explain/run/{world.RUN}"],
    "dingxin": ["/reviews", "/revenue", "/distributions/XY-D000001",
                "/distributions/XY-D000001?level=village"],
    "store": ["/shop/", "/shop/statements"],
    "bank": ["/merchant-payments", "/reviews", "/market", "/pledges", "/holdings", "/double-claims"],
    "auditor": ["/reviews", "/revenue", "/holdings", "/map", "/parcels", "/exports",
                "/reconciliation", "/double-claims"],
}  # fmt: skip


class Undefined(StrictUndefined):
    """A name nobody gave fails; what a template tests for with ``if`` may be missing."""

    def __bool__(self) -> bool:
        return False


@pytest.fixture
def app(fresh_database: Callable[..., str], tmp_path: Path) -> Iterator[Flask]:
    app = create_app(Settings(mode="test", database_url=fresh_database("sqlite", world.told), var=tmp_path))
    app.jinja_env.undefined = Undefined
    yield app
    platform(app).db.dispose()


def as_user(app: Flask, username: str | None) -> Browser:
    browser = Browser(app)
    if username:
        browser.client.post(
            "/api/v1/sessions", json={"username": username, "password": PASSWORD, "transport": "cookie"}
        )
    return browser


def visible(html: str) -> str:
    return re.sub(r"<[^>]+>", " ", re.sub(r"<script.*?</script>", "", html, flags=re.S))


@pytest.mark.parametrize("username", [None, *DESK])
def test_pages_are_complete_and_their_links_lead_somewhere(app: Flask, username: str | None) -> None:
    browser = as_user(app, username)
    seen: set[str] = set()
    for path in DESK[username] if username else PUBLIC:
        html = browser.open(path)
        assert "None" not in visible(html), path
        assert html.count('aria-current="page"') <= 2, "the task and the breadcrumb"
        # Same-site addresses; one of each kind of figure is enough of the many rows of a table.
        seen |= {_kind(link) for link in re.findall(r' href="(/[^"#]*)', html)}
    for link in sorted(seen):
        status = browser.client.get(link.replace("&amp;", "&")).status_code
        assert status in (200, 302), (username, link)


def _kind(link: str) -> str:
    """One link per kind of page: all parcels of a table stand for themselves in the first."""
    if link.startswith("/explain/run-row/"):
        return _first.setdefault(link.rpartition(":")[0], link)
    if re.match(r"/runs/[^/]+/sheets/", link):
        return _first.setdefault("/sheets/", link)
    if re.match(r"/parcels/\d", link):
        return _first.setdefault("/parcels/", link)
    return link


_first: dict[str, str] = {}


@pytest.mark.parametrize("login", LOGINS, ids=lambda login: login.username)
def test_navigation_is_short_and_open_to_its_role(app: Flask, login: object) -> None:
    browser = as_user(app, login.username)  # type: ignore[attr-defined]
    answer = browser.client.get("/login")
    assert answer.status_code == 302, "who is signed in goes to work"
    html = browser.open(answer.location)
    links = re.findall(r'href="([^"]+)"', re.search(r'<nav class="mainnav".*?</nav>', html, re.S)[0])  # type: ignore[index]
    assert 0 < len(links) <= 6
    more = re.search(r'<details class="menu.*?</details>', html, re.S)
    links += re.findall(r'href="([^"]+)"', more[0]) if more else []
    for link in links:
        assert browser.client.get(link).status_code == 200, link


def test_who_is_not_signed_in_is_asked_to(app: Flask) -> None:
    client = app.test_client()
    for path in ("/reviews", "/parcels", "/runs/XY-R000001", "/explain/run/XY-R000001", "/distributions/X"):
        answer = client.get(path)
        assert (answer.status_code, answer.location) == (302, f"/login?next={path}")


def test_other_peoples_pages_are_refused_as_pages(app: Flask) -> None:
    browser = as_user(app, "forestry.guangshan")
    for path, status in (("/revenue", 403), ("/runs/XY-R999999", 404), ("/parcels/411502-NOPE", 404),
                         (f"/projects/{world.PROJECT}", 404), ("/nowhere", 404)):  # fmt: skip
        answer = browser.client.get(path, headers={"Accept": "text/html"})
        assert answer.status_code == status, path
        assert "光山县林业专干" in answer.text, "the reader's own navigation"
    elsewhere = as_user(app, "forestry.shihe")
    code = as_user(app, "operator").client.get("/api/v1/parcels?size=1").get_json()["items"][0]["code"]
    assert elsewhere.client.get(f"/parcels/{code}").status_code == 404
    assert elsewhere.client.get(f"/parcels/{code}.geojson").status_code == 404


def test_maps_of_a_project_and_a_parcel(app: Flask) -> None:
    browser = as_user(app, "operator")
    found = browser.client.get(f"/projects/{world.PROJECT}/parcels.geojson").get_json()
    assert len(found["features"]) == 34
    code = found["features"][0]["properties"]["code"]
    one = browser.client.get(f"/parcels/{code}.geojson")
    assert one.mimetype == "application/geo+json"
    assert [feature["properties"]["code"] for feature in one.get_json()["features"]] == [code]
    assert "right_holder" not in one.text


def test_figures_agree_from_page_to_page(app: Flask) -> None:
    """Issued = the batches of the run's page = the public front page; shares of a receipt sum to it."""
    operator = as_user(app, "operator")
    issued = sum(b["quantity_kg"] for b in operator.client.get("/api/v1/batches").get_json()["items"]) // 1000
    runs = [operator.open(f"/runs/{code}") for code in (world.RUN, world.RICE_RUN)]
    shown = [float(t.replace(",", "")) for html in runs for t in re.findall(r"</a> ([\d,.]+) 吨", html)]
    assert round(sum(shown), 3) == issued
    assert f">{issued:,}</a>" in as_user(app, None).open("/")
    dingxin = as_user(app, "dingxin")
    _, _, payees = dingxin.open("/distributions/XY-D000001").partition('id="lines"')
    lines = re.findall(r'data-label="¥">([¥\d,.]+)<', payees)
    receipt = dingxin.client.get("/api/v1/distributions/XY-D000001").get_json()["waterfall"]
    assert sum(round(float(t[1:].replace(",", "")) * 100) for t in lines) == receipt["base_fen"]


def test_settings_are_kept_and_lead_back_here_only(app: Flask) -> None:
    client = app.test_client()
    answer = client.get("/settings?theme=dark&elder=1&lang=en&back=/market?county=411522")
    assert answer.location == "/market?county=411522"
    html = client.get("/market").text
    assert 'data-theme="dark"' in html
    assert "data-elder" in html
    assert '<html lang="en"' in html
    client.get("/settings?theme=neon&lang=fr")
    assert 'data-theme="dark"' in client.get("/market").text


@pytest.mark.parametrize("path", ["//evil.example", "https://evil.example", "/\\evil.example", "evil", "",
                                  "/\t/evil.example", "javascript:alert(1)"])  # fmt: skip
def test_nobody_is_sent_away(path: str) -> None:
    assert local_path(path) == "/"


def test_signing_in_never_leads_to_another_site(app: Flask) -> None:
    html = app.test_client().get("/login?next=//evil.example").text
    assert "evil" not in re.search(r'data-next="[^"]*"', html)[0]  # type: ignore[index]


def test_demo_logins_are_shown_in_a_demo_only(
    app: Flask, fresh_database: Callable[..., str], tmp_path: Path
) -> None:
    assert DEMO_PASSWORD == PASSWORD
    assert DEMO_PASSWORD in app.test_client().get("/login").text
    house = platform(app)
    object.__setattr__(house.settings, "mode", "production")
    html = app.test_client().get("/login").text
    assert DEMO_PASSWORD not in html
    assert "演示环境" not in html
