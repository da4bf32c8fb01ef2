"""The till in a real browser: with network, without, and two tills that took the same code."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import shop_world as world
from axe_playwright_python.sync_playwright import Axe
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, Page, expect
from werkzeug.serving import WSGIRequestHandler, make_server

import carbon_platform.app
from carbon_platform.citizens.api import blp as citizens_api
from carbon_platform.citizens.rewards_api import blp as rewards_api
from carbon_platform.config import Settings
from carbon_platform.identity.api import blp as identity_api
from carbon_platform.merchants.api import blp as merchants_api
from carbon_platform.web import platform

pytestmark = pytest.mark.browser


@pytest.fixture
def served(
    fresh_database: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[str, Flask]]:
    """(Address, application) with three merchants; the clock is the machine's, as the browser's is."""
    monkeypatch.setattr(carbon_platform.app, "APIS", (identity_api, citizens_api, rewards_api, merchants_api))
    url = fresh_database("sqlite", world.prepare_now)
    app = carbon_platform.app.create_app(Settings(mode="test", database_url=url, var=tmp_path))
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", app
    server.shutdown()
    thread.join()
    server.server_close()
    platform(app).db.dispose()


class Quiet(WSGIRequestHandler):
    def log(self, *_: object) -> None:
        """Nothing."""


class Till:
    """One device of the museum."""

    def __init__(self, browser: Browser, address: str, *, signed_in: bool = True, **look: Any) -> None:
        self.complaints: list[str] = []
        self.context: BrowserContext = browser.new_context(
            base_url=address, viewport={"width": 390, "height": 844}, locale="zh-CN", **look
        )
        if signed_in:
            body = {"username": "museum-1", "password": world.PASSWORD, "transport": "cookie"}
            assert self.context.request.post("/api/v1/sessions", data=body).status == 201
        self.page: Page = self.context.new_page()
        self.elsewhere: list[str] = []
        self.page.on(
            "request", lambda asked: asked.url.startswith(address) or self.elsewhere.append(asked.url)
        )
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.goto("/shop/")

    def ready(self) -> Till:
        """Its list is here and its page is kept."""
        expect(self.page.locator("#list-state")).to_contain_text("前没有网络也能核销")
        self.page.evaluate("navigator.serviceWorker.ready")
        return self

    def offline(self, is_so: bool = True) -> None:
        self.context.set_offline(is_so)

    def use(self, code: str) -> str:
        self.page.locator("#result").evaluate("box => { box.hidden = true; box.textContent = '' }")
        self.page.fill("#code", code)
        self.page.press("#code", "Enter")
        expect(self.page.locator("#result")).to_be_visible()
        return self.page.locator("#result").inner_text()

    def back_online(self) -> str:
        """What was taken goes up by itself; returns what the log says."""
        self.offline(False)
        expect(self.page.locator("#waiting")).to_have_text("没有等待上传的核销。")
        return self.page.locator("#log").inner_text()


def test_codes_are_taken_with_and_without_network_and_paid_once(
    served: tuple[str, Flask], browser: Browser
) -> None:
    address, app = served
    xiaoman = world.citizen(app, "小满", 1_000)
    online, offline_seen, spoken, late, both = (xiaoman.redeem("guide").json for _ in range(5))
    first, second = Till(browser, address).ready(), Till(browser, address).ready()

    words = first.use(online["signed_code"])
    assert "收下" in words
    assert "再付 ¥2.00" in words
    assert "用过" in second.use(online["voucher_code"]), "at once, on the other till"

    for till in (first, second):
        till.offline()
        till.page.reload()  # the kept page, without network
        expect(till.page.locator("#net")).to_have_text("没有网络")
    assert "凭本机清单收下" in first.use(offline_seen["signed_code"])
    assert "用过" in first.use(offline_seen["voucher_code"]), "read aloud after it was scanned"
    assert "收下" in first.use(spoken["voucher_code"].lower().replace("-", " "))
    assert "清单里没有这个码" in first.use("XY-AAAA-AAAA-AAAA-AAAA")
    altered = late["signed_code"][:-6] + ("AAAAAA" if late["signed_code"][-6:] != "AAAAAA" else "BBBBBB")
    assert "签名不对" in first.use(altered)
    assert "别家" in first.use(world.citizen(app, "老李", 200).redeem("tea").json["signed_code"])
    # bought after both lists were made: the signature alone says that it is good
    fresh = world.citizen(app, "周奶奶", 100).redeem("guide").json
    assert "收下" in second.use(fresh["signed_code"])
    assert "清单里没有" in first.use(fresh["voucher_code"])
    # the same one at both tills without network
    assert "收下" in first.use(both["signed_code"])
    assert "收下" in second.use(both["signed_code"])
    expect(first.page.locator("#waiting")).to_contain_text("3 笔等待上传")
    first.page.reload()
    expect(first.page.locator("#waiting")).to_contain_text("3 笔等待上传")

    assert first.back_online().count("计入结算") == 3
    log = second.back_online()
    assert log.count("计入结算") == 1
    assert "不结算" in log
    assert "本店另一台设备" in log
    states = {row["id"]: row["status"] for row in xiaoman.get("/citizen/redemptions").json}
    used = {online["id"], offline_seen["id"], spoken["id"], both["id"]}
    assert {number for number, status in states.items() if status == "used"} == used
    figures = world.staff(app, "museum-1").get("/shop/statements").json
    assert (figures["used"], figures["used_fen"]) == (5, 1_500)
    assert not first.complaints + second.complaints
    found = Axe().run(first.page).response["violations"]
    assert [one["id"] for one in found if one["impact"] in ("serious", "critical")] == []
    wide = first.page.evaluate("document.documentElement.scrollWidth > innerWidth")
    assert not wide, "nothing scrolls sideways on a phone"
    assert not first.elsewhere + second.elsewhere


def test_without_a_sign_in_or_a_list_nothing_is_taken(served: tuple[str, Flask], browser: Browser) -> None:
    address, app = served
    code = world.citizen(app, "小满", 100).redeem("guide").json["signed_code"]
    till = Till(browser, address, signed_in=False)
    expect(till.page.locator("#sign-in")).to_have_text("用商家账号登录，才能联网核销")
    assert "请先联网登录一次" in till.use(code)
    # a list that is too old is no list: the till's clock stands two days ahead
    old = Till(browser, address).ready()
    old.page.evaluate(
        """() => {
            const kept = JSON.parse(localStorage.getItem('xy-shop'));
            kept.list.good_until = '2020-01-01T00:00:00Z';
            localStorage.setItem('xy-shop', JSON.stringify(kept));
        }"""
    )
    old.offline()
    old.page.reload()
    assert "清单也过期了" in old.use(code)
