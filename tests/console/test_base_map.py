"""The base map: none by default; with a key its tiles pass through this server, and the key stays here."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from flask.testing import FlaskClient

from carbon_platform.app import create_app
from carbon_platform.config import Settings
from carbon_platform.console import base_map
from carbon_platform.db import Base, Database
from carbon_platform.identity.rules import SYSTEM
from carbon_platform.identity.service import add_user
from carbon_platform.web import platform

NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
PASSWORD = "a long enough password"
KEY = "0123456789abcdef0123456789abcdef"
PNG = b"\x89PNG\r\n\x1a\n tile"
TILE = "/base-map/vec/10/838/416"
Open = Callable[..., FlaskClient]


def prepare(url: str) -> None:
    db = Database(url)
    Base.metadata.create_all(db.engine)
    db.transact(
        lambda session: add_user(
            session, SYSTEM, username="officer", password=PASSWORD, display_name="officer",
            role="forestry_officer", region_code="411522", now=NOW,
        )
    )  # fmt: skip
    db.dispose()


@pytest.fixture
def visit(tmp_path: Path, fresh_database: Callable[..., str]) -> Iterator[Open]:
    url, opened = fresh_database("sqlite", prepare), []

    def make(*, signed_in: bool = True, **settings: str) -> FlaskClient:
        app = create_app(Settings(mode="test", database_url=url, var=tmp_path, **settings), clock=lambda: NOW)
        opened.append(app)
        client = app.test_client()
        if signed_in:
            body = {"username": "officer", "password": PASSWORD, "transport": "cookie"}
            assert client.post("/api/v1/sessions", json=body).status_code == 201
        return client

    yield make
    for app in opened:
        platform(app).db.dispose()


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> list[httpx.Request]:
    """A stand-in for 天地图 that remembers what it was asked."""
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        level = request.url.params["l"]
        if level == "11":
            return httpx.Response(418, text="quota")
        if level == "12":
            return httpx.Response(302, headers={"location": "http://169.254.169.254/"})
        if level == "13":
            return httpx.Response(200, text="<html>", headers={"content-type": "text/html"})
        if level == "14":
            raise httpx.ConnectTimeout("slow", request=request)
        if level == "15":
            return httpx.Response(200, content=b"x" * (2 << 20), headers={"content-type": "image/png"})
        return httpx.Response(200, content=PNG, headers={"content-type": "image/png"})

    transport = httpx.MockTransport(answer)
    monkeypatch.setattr(base_map, "client", lambda: httpx.Client(transport=transport, follow_redirects=False))
    return asked


WITH_MAP = {
    "map_base": "tianditu-vec",
    "map_tianditu_key": KEY,
    "map_review_number": "GS(2024)0568号",
}


def test_by_default_there_is_none_and_nobody_is_asked(visit: Open, service: list[httpx.Request]) -> None:
    client = visit()
    assert "data-base-map" not in client.get("/parcels").text
    assert client.get(TILE).status_code == 404
    assert service == []


def test_a_tile_passes_through_and_the_key_stays_here(visit: Open, service: list[httpx.Request]) -> None:
    client = visit(**WITH_MAP)
    page = client.get("/parcels").text
    assert "GS(2024)0568号" in page
    named = re.findall(r"/base-map/(\w+)/\{z\}/\{x\}/\{y\}", page)
    assert named == ["vec", "cva"]
    assert KEY not in page
    assert "tianditu" not in page
    answer = client.get(TILE)
    assert (answer.status_code, answer.data, answer.mimetype) == (200, PNG, "image/png")
    assert "private" in answer.headers["Cache-Control"]
    (request,) = service
    assert re.fullmatch(r"t[0-7]\.tianditu\.gov\.cn", request.url.host)
    assert request.url.scheme == "https"
    assert dict(request.url.params) == {"T": "vec_w", "x": "838", "y": "416", "l": "10", "tk": KEY}


@pytest.mark.parametrize("level", [11, 12, 13, 14, 15])
def test_whatever_goes_wrong_there_is_said_without_the_key(
    visit: Open, service: list[httpx.Request], level: int, caplog: pytest.LogCaptureFixture
) -> None:
    answer = visit(**WITH_MAP).get(f"/base-map/vec/{level}/1/1")
    assert answer.status_code == 503
    assert KEY not in answer.text + caplog.text
    assert len(service) == 1  # a redirect is not followed


@pytest.mark.parametrize(
    "path", ["img/10/1/1", "x/10/1/1", "vec/0/0/0", "vec/19/1/1", "vec/3/8/0", "vec/3/0/8", "vec/-1/0/0"]
)
def test_what_is_no_tile_is_not_asked_for(visit: Open, service: list[httpx.Request], path: str) -> None:
    assert visit(**WITH_MAP).get(f"/base-map/{path}").status_code == 404
    assert service == []


def test_strangers_use_neither_the_map_nor_the_quota(visit: Open, service: list[httpx.Request]) -> None:
    client = visit(signed_in=False, **WITH_MAP)
    assert client.get(TILE).status_code == 302
    assert "data-base-map" not in client.get("/market").text
    assert service == []
