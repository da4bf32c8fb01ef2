"""The map console in Chromium: colours, side sheet, drawing with the live check, keyboard, print."""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Callable
from typing import Any

import desk_world
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Page

pytestmark = pytest.mark.browser

OFFICER = "forestry.guangshan"
BOX = "[data-map-console]"
CONSOLE = f"document.querySelector('{BOX}').mapConsole"


def opened(page: Page, address: str = "/map") -> Page:
    if page.viewport_size and page.viewport_size["width"] > 1000:
        page.set_viewport_size({"width": 1180, "height": 760})  # less to draw without a graphics card
    page.goto(address)
    page.wait_for_selector(f"{BOX}[data-ready=yes]")
    page.locator(BOX).scroll_into_view_if_needed()
    return page


def quiet(page: Page) -> None:
    """Until the map has drawn everything it asked for."""
    # Nothing is handed over: the map as an answer would be sent piece by piece.
    page.evaluate(
        f"() => new Promise((done) => {{ const m = {CONSOLE}.map;"
        " m.once('idle', () => done()); m.triggerRepaint(); })"
    )


def look_at(page: Page, lon: float, lat: float, zoom: float = 16) -> None:
    page.evaluate(f"([c, z]) => {{ {CONSOLE}.map.jumpTo({{center: c, zoom: z}}); }}", [[lon, lat], zoom])
    quiet(page)


def pixel(page: Page, lon: float, lat: float) -> tuple[float, float]:
    """Where a place is on the screen."""
    at = page.evaluate(
        f"""(c) => {{ const m = {CONSOLE}.map, p = m.project(c), b = m.getCanvas().getBoundingClientRect();
        return [b.left + p.x, b.top + p.y]; }}""",
        [lon, lat],
    )
    return at[0], at[1]


def click_at(page: Page, lon: float, lat: float) -> None:
    x, y = pixel(page, lon, lat)
    page.mouse.move(x, y, steps=3)
    page.mouse.click(x, y)
    page.wait_for_timeout(120)  # two clicks at once would be a double click


def parcels(page: Page) -> list[dict[str, Any]]:
    answer = page.request.get("/api/v1/parcels?kind=camellia&size=100").json()["items"]
    return [page.request.get(f"/api/v1/parcels/{one['code']}").json() for one in answer[:4]]


def verdict(page: Page, *outcomes: str) -> str:
    """Wait for one of these verdicts of the live check, and read it."""
    page.wait_for_selector(",".join(f"#verdict[data-outcome={name}]" for name in outcomes))
    return page.inner_text("#verdict")


def start_drawing(page: Page) -> None:
    page.click("a[href='#draw']")
    page.wait_for_selector("#draw[open]")
    page.wait_for_function(f"() => Boolean({CONSOLE}.draw)")
    page.select_option("#draw-kind", "camellia")
    page.click("[data-draw=start]")
    page.locator(BOX).scroll_into_view_if_needed()
    quiet(page)


def free_place(page: Page) -> tuple[float, float]:
    """South-west corner of free land of about 30 m by 30 m, beside the southernmost parcel."""
    west, south, _, _ = min((one["bounds"] for one in parcels(page)), key=lambda b: b[1])
    return west - 0.004, south - 0.004


def serious(page: Page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [
        f"{one['id']}: {one['nodes'][0]['html'][:160]}"
        for one in found
        if one["impact"] in ("serious", "critical")
    ]


def colours_of(page: Page) -> int:
    """How many different colours the map's picture has."""
    data = page.evaluate(f"() => {CONSOLE}.map.getCanvas().toDataURL('image/png').split(',')[1]")
    picture = Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB").resize((200, 150))
    return len(picture.getcolors(200 * 150) or [])


def blameless(page: Page) -> None:
    assert page.watched.asked_elsewhere == []  # type: ignore[attr-defined]
    assert page.watched.complaints == []  # type: ignore[attr-defined]


def test_every_colouring_is_drawn_and_the_place_is_kept(signed_in: Callable[..., Page]) -> None:
    page = opened(signed_in(OFFICER))
    lon, lat = parcels(page)[0]["bounds"][:2]
    look_at(page, lon, lat, 14)
    for by in ("stage", "project", "vintage", "kind"):
        page.click(f"a[data-by={by}]")
        page.wait_for_selector(f"a[data-by={by}][aria-current]")
        page.wait_for_selector(f"{BOX}[data-ready=yes]")
        quiet(page)
        zoom, drawn = page.evaluate(
            f"() => {{ const m = {CONSOLE}.map; "
            "return [m.getZoom(), m.queryRenderedFeatures({layers: ['parcel']}).length]; }"
        )
        assert zoom == pytest.approx(14, abs=0.01), "the same place in other colours"
        assert drawn > 5, by
        swatches = page.eval_on_selector_all("[data-swatch]", "all => all.map((s) => s.style.background)")
        assert swatches, by
        assert all(swatches), by
        assert colours_of(page) > 3, by
    for width in (1440, 390):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0, width
        assert serious(page) == [], width
    blameless(page)


def test_a_click_leads_to_the_parcel_and_on_to_its_ticket(signed_in: Callable[..., Page]) -> None:
    page = opened(signed_in("operator"), f"/map?project={desk_world.PROJECT}&stage=issued")
    code = page.locator("tbody th a").first.inner_text()
    parcel = page.request.get(f"/api/v1/parcels/{code}").json()
    lon, lat = page.evaluate(
        """(g) => { const r = (g.type === 'Polygon' ? g.coordinates : g.coordinates[0])[0];
        return [0, 1].map((i) => r.slice(1).reduce((s, p) => s + p[i], 0) / (r.length - 1)); }""",
        parcel["geometry"],
    )
    look_at(page, lon, lat)
    click_at(page, lon, lat)
    page.locator("#sheet h2", has_text=code).wait_for()
    assert page.locator("#sheet a[href^='/runs/']").count() >= 1
    ticket = page.locator("#sheet a[href^='/batches/']").first
    batch = ticket.get_attribute("href") or ""
    ticket.click()
    page.wait_for_url(f"**{batch}")
    assert page.locator("h1").count() == 1
    page.go_back()
    page.wait_for_selector(f"{BOX}[data-ready=yes]")
    assert "map=" in page.url, "the address keeps the place on the map"
    blameless(page)


def test_free_land_is_drawn_and_becomes_an_import(
    serve: Callable[[int], Any], signed_in: Callable[..., Page]
) -> None:
    page = opened(signed_in(OFFICER, at=serve(len(desk_world.CHAPTERS))))
    west, south = free_place(page)
    look_at(page, west + 0.0005, south + 0.0004, 17)
    start_drawing(page)
    corners = [(west, south), (west + 0.001, south), (west + 0.001, south + 0.0008), (west, south + 0.0008)]
    for lon, lat in corners:
        click_at(page, lon, lat)
    page.keyboard.press("Enter")
    said = verdict(page, "warned", "accepted")
    assert re.search(r"1[23]\.\d 亩", said), said
    assert "重叠" not in said
    assert len(page.input_value("#corners").splitlines()) == 4
    page.click("#draw-form [type=submit]")
    page.wait_for_url(re.compile(r"/imports/\d+"))
    assert "图上绘制" in page.inner_text("main")
    blameless(page)


def test_an_overlap_is_shown_while_drawing_and_cannot_be_sent(signed_in: Callable[..., Page]) -> None:
    page = opened(signed_in(OFFICER))
    parcel = parcels(page)[0]
    west, south, east, north = parcel["bounds"]
    look_at(page, (west + east) / 2, (south + north) / 2, 16)
    start_drawing(page)
    for lon, lat in [(west, south), (east, south), (east, north)]:
        click_at(page, lon, lat)
    x, y = pixel(page, west, north)
    page.mouse.move(x, y, steps=4)
    live = verdict(page, "refused")  # not finished yet: the check is live
    assert parcel["code"] in live
    assert "重叠" in live
    page.mouse.click(x, y)
    page.keyboard.press("Enter")
    verdict(page, "refused")
    assert page.locator("#draw-form [type=submit]").is_disabled()
    quiet(page)
    assert page.evaluate(f"() => {CONSOLE}.map.queryRenderedFeatures({{layers: ['taken']}}).length") > 0
    page.click("[data-draw=clear]")
    assert "还没有图形" in page.inner_text("#verdict")
    quiet(page)
    assert page.evaluate(f"() => {CONSOLE}.map.queryRenderedFeatures({{layers: ['taken']}}).length") == 0
    blameless(page)


def test_a_dragged_corner_is_checked_anew(signed_in: Callable[..., Page]) -> None:
    """A registered border taken over: unchanged it is known; a corner pulled into a neighbour is refused."""
    page = opened(signed_in(OFFICER))
    page.locator("tbody tr").first.get_by_role("button").click()
    page.click("[data-edit-parcel]")
    verdict(page, "same")
    ring = [[float(number) for number in line.split()] for line in page.input_value("#corners").splitlines()]
    quiet(page)
    x, y = pixel(page, *ring[0])
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 40, y - 30, steps=8)
    page.mouse.move(x + 60, y - 45, steps=4)
    page.mouse.up()
    said = verdict(page, "refused", "warned")
    assert "正在改" in said
    assert page.locator("#draw-kind").is_disabled(), "what grows there is the register's to say"
    blameless(page)


def test_everything_works_without_a_mouse(signed_in: Callable[..., Page]) -> None:
    page = opened(signed_in(OFFICER))
    west, south = free_place(page)
    button = page.locator("tbody tr").first.get_by_role("button")
    code = page.locator("tbody tr").first.locator("th").inner_text()
    button.focus()
    page.keyboard.press("Enter")
    page.locator("#sheet h2", has_text=code).wait_for()
    page.locator("#draw > summary").focus()
    page.keyboard.press("Enter")
    page.wait_for_function(f"() => Boolean({CONSOLE}.draw)")
    page.locator("#draw-kind").focus()
    page.keyboard.press("ArrowDown")
    page.locator("#draw details > summary").focus()
    page.keyboard.press("Enter")
    page.locator("#corners").focus()
    page.keyboard.insert_text("114.8 31.9")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert "拐点读不出来" in page.inner_text("#verdict")
    page.locator("#corners").fill("")
    page.locator("#corners").focus()
    page.keyboard.insert_text(
        f"{west} {south}\n{west + 0.001:.6f} {south}\n{west + 0.001:.6f} {south + 0.001:.6f}\n"
    )
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    said = verdict(page, "warned", "accepted")
    assert "亩" in said
    assert not page.locator("#draw-form [type=submit]").is_disabled()
    assert serious(page) == []
    blameless(page)


def test_a_printed_map_has_scale_date_legend_and_the_filter(signed_in: Callable[..., Page]) -> None:
    page = opened(signed_in(OFFICER), "/map?kind=camellia&by=stage")
    lon, lat = parcels(page)[0]["bounds"][:2]
    look_at(page, lon, lat, 14)
    before = colours_of(page)
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    paper = page.inner_text("main")
    assert "资源：油茶" in paper
    assert re.search(r"打印于 20\d\d-\d\d-\d\d \d\d:\d\d；坐标系 CGCS2000", paper)
    for shown in (".legend", ".maplibregl-ctrl-scale", f"{BOX} canvas"):
        assert page.locator(shown).first.is_visible(), shown
    for hidden in (".filters", "#draw", ".maplibregl-ctrl-zoom-in", ".mainnav"):
        assert not page.locator(hidden).first.is_visible(), hidden
    box = page.locator(f"{BOX} canvas").first.bounding_box()
    assert box
    assert round(box["width"]) <= 640, "fits between the margins of A4"
    # The picture has the size it is shown at, so the scale bar beside it is true.
    size = page.evaluate(f"() => {{ const c = {CONSOLE}.map.getCanvas(); return c.clientWidth; }}")
    assert size == round(box["width"])
    assert colours_of(page) >= before - 2, "the picture is there, not an empty canvas"
    page.emulate_media(media="screen")
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator(f"{BOX} canvas").first.bounding_box()["width"] > 660  # type: ignore[index]
    assert page.pdf(format="A4").startswith(b"%PDF")
    blameless(page)


def test_other_looks_and_another_language(signed_in: Callable[..., Page]) -> None:
    page = signed_in(OFFICER, width=390)
    page.goto("/settings?theme=dark&lang=en&back=/map")
    opened(page, "/map?by=stage")
    assert serious(page) == []
    words = json.loads(page.inner_text("#map-words"))
    assert not re.search("[一-龥]", json.dumps(words, ensure_ascii=False)), "all in English"
    page.goto("/settings?theme=hc&lang=zh&back=/map")
    opened(page)
    assert serious(page) == []
    blameless(page)
