"""The village office in a real browser: an account, a card, a voucher, the slip in large print; axe clean."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from neighbourhood import Town, with_staff
from playwright.sync_api import Browser, Page, expect
from shop_world import NOW, prepare
from village_world import OFFICE, look_again, picture, send_batch, workbook
from werkzeug.serving import WSGIRequestHandler, make_server

import carbon_platform.app
from carbon_platform.config import Settings
from carbon_platform.web import platform

pytestmark = pytest.mark.browser

# 16 points in CSS pixels: what counts as large print.
LARGE_PX = 16 * 96 / 72


class Quiet(WSGIRequestHandler):
    def log(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def town(
    fresh_database: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Town, str]]:
    """(People, address) of a served platform."""
    settings = Settings(mode="test", database_url=fresh_database("sqlite", prepare), var=tmp_path / "var")
    app = carbon_platform.app.create_app(settings, clock=lambda: NOW)
    town = Town(app, {"now": NOW})
    monkeypatch.setitem(app.extensions, "carbon", with_staff(town))
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield town, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()
    platform(app).db.dispose()


def sound(page: Page) -> None:
    """Nothing stands out sideways, and axe finds nothing serious."""
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0, page.url
    found = Axe().run(page).response["violations"]
    assert [one["id"] for one in found if one["impact"] in ("serious", "critical")] == [], page.url


def test_an_officer_opens_an_account_binds_a_card_and_prints(
    town: tuple[Town, str], browser: Browser, tmp_path: Path
) -> None:
    people, address = town
    officer = people.colleague("李村", "village_officer", region=OFFICE)
    second = people.colleague("赵村", "village_officer", region=OFFICE)
    paper = tmp_path / "paper.jpg"
    paper.write_bytes(picture(1))
    context = browser.new_context(base_url=address, viewport={"width": 390, "height": 844}, locale="zh-CN")
    token = officer.headers["Authorization"].removeprefix("Bearer ")
    context.add_cookies([{"name": "xy_session", "value": token, "url": address}])
    page = context.new_page()
    elsewhere: list[str] = []
    page.on("request", lambda asked: asked.url.startswith(address) or elsewhere.append(asked.url))
    page.goto("/village")
    sound(page)
    page.get_by_label("姓名").fill("周桂英")
    page.get_by_label("出生年份").fill("1948")
    page.get_by_label("村级代录").check()
    page.get_by_label("信阳公交乘车码").check()
    page.get_by_label("签字的同意书照片").set_input_files(paper)
    page.get_by_role("button", name="开户").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("周**")
    number = page.url.rsplit("/", 1)[-1]
    page.get_by_label("卡号").fill("8801 0000 1234 5678")
    page.get_by_role("button", name="绑卡").click()
    expect(page.get_by_role("button", name="解绑")).to_be_visible()
    sound(page)

    batch = send_batch(
        officer, workbook([(number, "旧衣回收", "2026-11-20", 2, "", "a.jpg")]), {"a.jpg": picture(2)}
    )
    look_again(second, batch.json)
    page.goto(f"/village/batches/{batch.json['id']}")
    sound(page)
    page.goto(f"/village/{number}")
    page.get_by_label("换什么").select_option("soap")
    page.get_by_role("button", name="兑换", exact=True).dblclick()
    expect(page.locator(".slip .code")).to_contain_text("XY-")
    sound(page)

    page.goto(f"/village/{number}/slip?month=2026-11")
    sound(page)
    page.emulate_media(media="print")
    sizes = page.evaluate(
        "[...document.querySelectorAll('.slip p:not(.end), .slip td, .slip th, .slip li')]"
        ".map((e) => parseFloat(getComputedStyle(e).fontSize))"
    )
    assert len(sizes) > 8
    assert min(sizes) >= LARGE_PX * 15 / 16  # the table is a point smaller
    assert not page.locator(".topbar").is_visible()
    expect(page.get_by_text("XY-", exact=False).first).to_be_visible()
    assert elsewhere == []
    context.close()
