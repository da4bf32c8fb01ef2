"""The map console: what the tiles say is what the list says, each within the reader's sight."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import desk_world as world
import mapbox_vector_tile
import pytest
import shapely
from flask import Flask
from form_browser import Browser
from jinja2 import StrictUndefined

from carbon_platform.app import create_app
from carbon_platform.config import Settings
from carbon_platform.console.map_view import Filters, grouping_of
from carbon_platform.web import platform
from demo.world import PASSWORD
from gis.tiles import Tile, tile_bounds

ZOOM = 12


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


def as_user(app: Flask, username: str) -> Browser:
    browser = Browser(app)
    browser.client.post(
        "/api/v1/sessions", json={"username": username, "password": PASSWORD, "transport": "cookie"}
    )
    return browser


def settings_of(html: str) -> dict[str, Any]:
    found = re.search(r'id="map-settings">(.*?)</script>', html, re.S)
    assert found
    settings: dict[str, Any] = json.loads(found[1])
    return settings


def total_of(html: str) -> int:
    found = re.search(r"<p>\s*([\d,]+) 块地", html)
    assert found
    return int(found[1].replace(",", ""))


def on_the_map(browser: Browser, settings: dict[str, Any]) -> dict[int, dict[str, Any]]:
    """Every parcel in the tiles the page would fetch for its bounds, by id."""
    west, south, east, north = settings["bounds"]
    frame = shapely.box(west, south, east, north)
    found: dict[int, dict[str, Any]] = {}
    across = 1 << ZOOM
    for x in range(int((west + 180) / 360 * across), int((east + 180) / 360 * across) + 1):
        for y in range(across):
            if not shapely.box(*tile_bounds(Tile(ZOOM, x, y), margin=0)).intersects(frame):
                continue
            url = settings["tiles"].format(z=ZOOM, x=x, y=y)
            answer = browser.client.get(url)
            assert answer.status_code == 200, url
            tile = mapbox_vector_tile.decode(answer.data) if answer.data else {}
            for feature in tile.get("parcels", {}).get("features", []):
                found[feature["id"]] = feature["properties"]
    return found


def stage_of(tile: dict[str, Any]) -> str:
    """The rule of map_groups.js, told a second time."""
    if tile["status"] != "registered":
        return "ended"
    return "issued" if "vintage" in tile else "project" if "project" in tile else "registered"


FILTERS: list[tuple[str, Callable[[dict[str, Any]], bool]]] = [
    ("", lambda t: True),
    ("kind=rice", lambda t: t["kind"] == "rice"),
    ("county=411522", lambda t: t["code"].startswith("411522")),
    ("stage=issued", lambda t: stage_of(t) == "issued"),
    ("stage=project", lambda t: stage_of(t) == "project"),
    (f"project={world.PROJECT}", lambda t: t.get("project") == world.PROJECT),
    ("vintage=2025", lambda t: t.get("vintage") == 2025),
    (f"project={world.RICE_PROJECT}&stage=issued", lambda t: t.get("project") == world.RICE_PROJECT
     and stage_of(t) == "issued"),
]  # fmt: skip


def test_map_list_and_legend_agree_under_every_filter(app: Flask) -> None:
    """Counted from the tiles themselves, as the browser filters them."""
    browser = as_user(app, "operator")
    everything = on_the_map(browser, settings_of(browser.open("/map")))
    assert len(everything) == 64
    counts = []
    for query, keeps in FILTERS:
        expected = [tile for tile in everything.values() if keeps(tile)]
        counts.append(len(expected))
        for by in ("kind", "stage", "project", "vintage"):
            html = browser.open(f"/map?{query}&by={by}")
            assert total_of(html) == len(expected), (query, by)
            legend = dict(re.findall(r'data-swatch="([^"]*)".*?<span class="quiet">(\d+)<', html))
            groups: dict[str, int] = {}
            for tile in expected:
                key = stage_of(tile) if by == "stage" else str(tile.get(by, ""))
                groups[key] = groups.get(key, 0) + 1
            assert {key: int(n) for key, n in legend.items()} == groups, (query, by)
    assert min(counts[:2]) > 0 and len(set(counts)) > 3, "the filters do filter"


def test_choices_lead_to_parcels(app: Flask) -> None:
    browser = as_user(app, "operator")
    html = browser.open("/map")
    offered = re.findall(r'<select id="f-(\w+)".*?</select>', html, re.S)
    assert offered == ["kind", "county", "stage", "project", "vintage"]
    for name in ("project", "vintage"):
        options = re.search(rf'<select id="f-{name}".*?</select>', html, re.S)
        assert options
        keys = [key for key in re.findall(r'value="([^"]*)"', options[0]) if key]
        assert keys, name
        for key in keys:
            assert total_of(browser.open(f"/map?{name}={key}")) > 0


def test_the_sheet_leads_to_parcel_project_run_and_ticket(app: Flask) -> None:
    browser = as_user(app, "operator")
    html = browser.open(f"/map?project={world.PROJECT}&stage=issued")
    parcel_id = re.search(r"&#34;id&#34;: (\d+)|\"id\": (\d+)", html)
    assert parcel_id
    sheet = browser.client.get(f"/map/parcels/{parcel_id[1] or parcel_id[2]}")
    assert sheet.status_code == 200
    assert "<html" not in sheet.text
    assert "None" not in re.sub(r"<[^>]+>", " ", sheet.text)
    links = set(re.findall(r'href="([^"]+)"', sheet.text))
    kinds = {link.split("/")[1] for link in links}
    assert kinds == {"parcels", "projects", "runs", "batches"}
    for link in links:
        assert browser.client.get(link).status_code == 200, link
    assert "data-edit-parcel" not in sheet.text, "the operator does not draw"
    officer = as_user(app, "forestry.guangshan").client.get(f"/map/parcels/{parcel_id[1] or parcel_id[2]}")
    assert "data-edit-parcel" in officer.text


def test_nobody_sees_other_counties(app: Flask) -> None:
    city, elsewhere = as_user(app, "operator"), as_user(app, "forestry.shihe")
    html = city.open("/map")
    parcel_id = next(iter(on_the_map(city, settings_of(html))))
    assert elsewhere.client.get(f"/map/parcels/{parcel_id}").status_code == 404
    assert city.client.get("/map/parcels/999999").status_code == 404
    theirs = elsewhere.open("/map")
    assert total_of(theirs) == 0
    assert world.PROJECT not in theirs
    assert elsewhere.client.get("/map/summary.geojson?stage=issued").get_json()["features"] == []
    assert elsewhere.client.get(f"/map?project={world.PROJECT}&county=411522").status_code == 200
    assert app.test_client().get("/map").location == "/login?next=/map"


def test_numbers_per_place_follow_the_filter(app: Flask) -> None:
    browser = as_user(app, "operator")
    query = f"project={world.PROJECT}"
    settings = settings_of(browser.open(f"/map?{query}"))
    assert settings["summary"] == f"/map/summary.geojson?{query}"
    assert settings_of(browser.open("/map?kind=rice"))["summary"] is None, "the tiles' own numbers know it"
    features = browser.client.get(settings["summary"]).get_json()["features"]
    by_level: dict[str, int] = {}
    for feature in features:
        level = feature["properties"]["level"]
        by_level[level] = by_level.get(level, 0) + feature["properties"]["parcels"]
    assert by_level == {"county": 34, "township": 34}
    west, south, east, north = settings["bounds"]
    for feature in features:
        lon, lat = feature["geometry"]["coordinates"]
        assert west <= lon <= east and south <= lat <= north


def test_filters_are_read_with_care() -> None:
    hostile = {"kind": "gold", "county": "41152", "stage": "x", "project": "P" * 99, "vintage": "20x5"}
    assert Filters.of(hostile) == Filters(project="P" * 40)
    assert Filters.of({"county": "４１１５２２", "vintage": "2024"}) == Filters(vintage="2024")
    assert grouping_of("evil") == grouping_of(None) == "kind"
    assert not Filters(kind="rice", county="411522", stage="ended").beyond_tiles
