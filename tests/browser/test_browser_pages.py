"""Every page in Chromium, as its role, wide and narrow: nothing from elsewhere, nothing broken or cut."""

from __future__ import annotations

from typing import Any

import desk_world
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

pytestmark = pytest.mark.browser

PUBLIC = ["/", "/login", "/verify", "/verify?q=淮畔", f"/verify/{desk_world.CERTIFICATE}",
          f"/batches/{desk_world.BATCH}", "/sources", "/methodologies",
          "/methodologies/ratoon_rice_v1", "/market",
          f"/explain/retirement/{desk_world.CERTIFICATE}", "/api/docs", "/h5/login",
          "/loop", "/league"]  # fmt: skip
DESK = {
    "forestry.guangshan": ["/reviews", "/exports", "/map", "/parcels", "/imports", "/imports/1"],
    "operator": ["/projects", f"/projects/{desk_world.PROJECT}", f"/runs/{desk_world.RUN}",
                 f"/runs/{desk_world.RICE_RUN}", "/holdings", f"/explain/run/{desk_world.RUN}",
                 "/points", "/appeals", "/audits", "/account-reviews", "/scenes", "/merchants",
                 "/small-tickets", "/bundles", "/people", "/groups"],
    "verifier": ["/reviews"],
    "authority": ["/sources"],
    "cement": ["/market", "/holdings", "/pledges"],
    "dingxin": ["/revenue", "/distributions/XY-D000001", "/dashboard", "/honesty"],
    "bank": ["/reviews", "/merchant-payments", "/fund-receipts"],
    "auditor": ["/people"],
}  # fmt: skip
CASES = [(None, path) for path in PUBLIC] + [(user, path) for user, paths in DESK.items() for path in paths]
# Swagger UI is another project's page; ours is everything else.
NOT_OURS = {"/api/docs"}


def settle(page: Page) -> None:
    """Wait for what a page draws by script: charts have a picture, maps say so themselves."""
    page.wait_for_load_state("load")
    page.wait_for_function(
        "() => [...document.querySelectorAll('[data-map], [data-map-console]')]"
        ".every((m) => m.dataset.ready === 'yes')"
    )
    page.wait_for_function(
        "() => [...document.querySelectorAll('[data-chart] .chart')].every((c) => c.querySelector('svg'))"
    )


def cut_off(page: Page) -> int:
    """Pixels by which the page is wider than the window."""
    width: int = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    return width


def serious(page: Page) -> list[str]:
    """Serious and critical findings of axe."""
    found: list[dict[str, Any]] = Axe().run(page).response["violations"]
    return [
        f"{one['id']}: {one['help']} — {one['nodes'][0]['html'][:160]}"
        for one in found
        if one["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize(("username", "path"), CASES)
def test_page_is_whole(signed_in: Any, username: str | None, path: str) -> None:
    page = signed_in(username, width=1440)
    answer = page.goto(path)
    assert answer.status == 200
    settle(page)
    for width in (1440, 390):
        page.set_viewport_size({"width": width, "height": 900})
        if path not in NOT_OURS:
            assert cut_off(page) <= 0, f"cut off at {width} px"
            assert serious(page) == [], f"at {width} px"
    assert page.watched.asked_elsewhere == []
    assert page.watched.complaints == []


@pytest.mark.parametrize("width", [1440, 390])
def test_what_is_not_in_the_bar_is_one_touch_away(signed_in: Any, width: int) -> None:
    page = signed_in("operator", width=width)
    page.goto("/reviews")
    settle(page)
    bar, more = page.locator(".mainnav a"), page.locator(".menu nav a")
    assert bar.count() <= 5
    assert not more.first.is_visible()
    page.locator(".menu > summary").click()
    assert more.first.is_visible()
    assert cut_off(page) <= 0
    assert serious(page) == []
    page.keyboard.press("Escape")
    assert not more.first.is_visible()
    page.locator(".menu > summary").click()
    page.get_by_role("link", name="商家与结算").click()
    page.wait_for_url("**/merchants")
    assert page.locator(".menu > summary.here").count() == 1, "the open place lies behind “more”"
    assert page.watched.complaints == []


LOOKED_AT = [
    ("operator", f"/runs/{desk_world.RUN}"),
    ("cement", "/holdings"),
]


@pytest.mark.parametrize("look", ["theme=dark", "theme=hc", "elder=1"])
@pytest.mark.parametrize(("username", "path"), LOOKED_AT)
def test_other_looks_are_readable(signed_in: Any, username: str | None, path: str, look: str) -> None:
    page = signed_in(username, width=390)
    page.goto(f"/settings?{look}&back={path}")
    settle(page)
    assert page.url.endswith(path)
    assert cut_off(page) <= 0
    assert serious(page) == []
    assert page.watched.complaints == []


def test_a_parcel_chosen_in_the_list_opens_in_the_sheet(signed_in: Any) -> None:
    page = signed_in("forestry.guangshan")
    page.goto("/parcels?kind=camellia")
    settle(page)
    row = page.locator("tbody tr").first
    code = row.locator("th").inner_text()
    row.get_by_role("button").click()
    page.locator("#sheet h2", has_text=code).wait_for()
    page.locator("#sheet").get_by_role("link").click()
    page.wait_for_url(f"**/parcels/{code}")
    settle(page)
    assert page.watched.complaints == []


def test_dialogs_are_usable(signed_in: Any) -> None:
    """A purchase with a quantity finer than a kilogram is refused at the field, and nothing is sent."""
    page = signed_in("cement")
    page.goto("/market")
    page.get_by_role("button", name="买").first.click()
    dialog = page.locator("dialog[open]")
    assert serious(page) == []
    dialog.locator("input[name=quantity_kg]").fill("1.0005")
    dialog.locator("button[type=submit]").click()
    dialog.locator(".field-error").wait_for()
    assert "三位小数" in dialog.locator(".field-error").inner_text()
    dialog.locator("input[name=quantity_kg]").fill("2")
    assert "¥96.00" in dialog.inner_text()
    dialog.locator("[data-close]").click()
    assert page.locator("dialog[open]").count() == 0
