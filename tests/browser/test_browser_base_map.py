"""A base map under the parcels in Chromium: drawn from this server, named with its review number."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import httpx
import pytest
from PIL import Image

from carbon_platform.console import base_map
from carbon_platform.web import platform

pytestmark = pytest.mark.browser

KEY = "0123456789abcdef0123456789abcdef"


def paper(colour: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (256, 256), colour).save(out, "PNG")
    return out.getvalue()


@pytest.fixture
def with_base_map(world: Any, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The told world with 天地图 switched on, and what the service was asked."""
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.params["T"])
        return httpx.Response(200, content=paper("#ff00ff"), headers={"content-type": "image/png"})

    transport = httpx.MockTransport(answer)
    monkeypatch.setattr(base_map, "client", lambda: httpx.Client(transport=transport))
    house = platform(world.app)
    settings = replace(
        house.settings, map_base="tianditu-vec", map_tianditu_key=KEY, map_review_number="GS(2024)0568号"
    )
    monkeypatch.setitem(world.app.extensions, "carbon", replace(house, settings=settings))
    return asked


def middle_colour(page: Any) -> tuple[int, int, int]:
    """The colour on the screen in a corner of the map, where no county and no parcel lies."""
    box = page.locator("[data-map]").bounding_box()
    shot = Image.open(io.BytesIO(page.screenshot(clip={**box, "width": 40, "height": 40}))).convert("RGB")
    colour = shot.getpixel((20, 20))
    assert isinstance(colour, tuple)
    return colour[:3]


def test_the_base_map_is_drawn_and_nobody_else_is_asked(signed_in: Any, with_base_map: list[str]) -> None:
    page = signed_in("operator")
    page.goto("/parcels")
    page.wait_for_function("() => document.querySelector('[data-map]').dataset.ready === 'yes'")
    page.wait_for_function("() => document.querySelector('[data-map]').parcelMap.map.loaded()")
    page.locator("[data-map]").scroll_into_view_if_needed()
    assert set(with_base_map) == {"vec_w", "cva_w"}
    assert middle_colour(page) == (255, 0, 255)
    assert "GS(2024)0568号" in page.locator(".maplibregl-ctrl-attrib").inner_text()
    assert page.watched.asked_elsewhere == []
    assert page.watched.complaints == []
    assert KEY not in page.content()
