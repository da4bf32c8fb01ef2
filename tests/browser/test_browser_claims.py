"""Double claims in Chromium: list and map lead to each other, wide and narrow; the owner closes a case."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from claim_quarrel import quarrel
from playwright.sync_api import Page

from carbon_platform.web import platform

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def quarrelling(serve: Callable[[int], Any]) -> Any:
    """A platform of its own on which three claims contradict each other."""
    world = serve(2)
    platform(world.app).db.transact(quarrel)
    return world


def open_report(page: Page) -> None:
    page.goto("/double-claims")
    page.wait_for_function("() => document.querySelector('[data-map]')?.dataset.ready === 'yes'")


@pytest.mark.parametrize("width", [1440, 390])
def test_the_report_on_desk_and_telephone(
    signed_in: Callable[..., Page], quarrelling: Any, width: int
) -> None:
    page = signed_in("ecology", width=width, at=quarrelling)
    open_report(page)
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
    found = [
        one for one in Axe().run(page).response["violations"] if one["impact"] in ("serious", "critical")
    ]
    assert found == []
    brick = page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--brick').trim()")
    painted = "document.querySelector('[data-map]').parcelMap.map.getPaintProperty('parcel', 'fill-color')"
    page.wait_for_function(f"(brick) => {painted} === brick", arg=brick)
    assert page.watched.asked_elsewhere == []  # type: ignore[attr-defined]
    assert page.watched.complaints == []  # type: ignore[attr-defined]


def test_list_and_map_lead_to_each_other(signed_in: Callable[..., Page], quarrelling: Any) -> None:
    page = signed_in("verifier", at=quarrelling)
    open_report(page)
    zoom = "document.querySelector('[data-map]').parcelMap.map.getZoom()"
    page.evaluate("document.querySelector('[data-map]').parcelMap.map.jumpTo({ zoom: 6 })")
    page.locator("[data-show-clash]").first.click()
    page.wait_for_function(f"() => {zoom} > 12")
    page.wait_for_function("() => document.querySelector('[data-map]').parcelMap.map.loaded()")
    page.locator("[data-map] canvas").click()
    page.wait_for_function("() => document.activeElement?.closest('tr')?.id.startsWith('clash-')")


def test_the_owner_closes_a_case(signed_in: Callable[..., Page], quarrelling: Any) -> None:
    page = signed_in("operator", at=quarrelling)
    open_report(page)
    before = page.locator("tr[id^=clash-]").count()
    way_out = page.locator("details:has(form[data-api*='XY-P0099'])").first
    way_out.locator("summary").click()
    way_out.locator("input[name=reason]").fill("与一期重叠")
    way_out.locator("button").click()
    page.wait_for_function("(n) => document.querySelectorAll('tr[id^=clash-]').length < n", arg=before)
    assert page.locator("form[data-api*='XY-P0099']").count() == 0
