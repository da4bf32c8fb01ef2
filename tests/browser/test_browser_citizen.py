"""Citizens' pages in Chromium on a phone's width: the journeys, three looks, nothing from elsewhere."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from flask import Flask
from playwright.sync_api import Browser, Page, Route, expect
from test_browser_pages import cut_off, serious, settle
from werkzeug.serving import make_server

from carbon_platform import ledger
from carbon_platform.app import create_app
from carbon_platform.citizens.service import load_reference
from carbon_platform.config import Settings
from carbon_platform.db import Base, Database
from carbon_platform.regions.service import load_reference as load_regions
from carbon_platform.web import platform

pytestmark = pytest.mark.browser

WIDTH, HEIGHT = 390, 844
PATHS = [
    "/h5/",
    "/h5/book",
    "/h5/earn",
    "/h5/rewards",
    "/h5/family",
    "/h5/account",
    "/h5/consents",
    "/h5/appeals",
    "/h5/refusals",
    "/h5/green",
]
RIDES = 6


def prepare(url: str) -> None:
    db = Database(url)
    Base.metadata.create_all(db.engine)
    with db.engine.begin() as connection:
        name = db.engine.dialect.name
        for statement in (*ledger.append_only_ddl(name), *ledger.posting_ddl(name)):
            connection.exec_driver_sql(statement)
    db.transact(load_regions)
    db.transact(load_reference)
    db.dispose()


def noon_of(days_ago: int) -> datetime:
    day = datetime.now(UTC) - timedelta(days=days_ago)
    return day.replace(hour=4, minute=0, second=0, microsecond=0)


class Citizen:
    """A person by API: what a partner or a relative would have done before the journey begins."""

    def __init__(self, app: Flask, code: str, nickname: str) -> None:
        self.client = app.test_client()
        given = self.post("citizen/sessions", code=code, nickname=nickname, region_code="411502")
        self.head = {"Authorization": f"Bearer {given['token']}"}

    def post(self, path: str, **body: Any) -> Any:
        answer = self.client.post(f"/api/v1/{path}", json=body, headers=getattr(self, "head", {}))
        assert answer.status_code < 300, answer.get_json()
        return answer.get_json()

    def agree(self, partner: str, purpose: str = "acts") -> None:
        texts = self.client.get("/api/v1/citizen/consents", headers=self.head).get_json()
        text = next(row for row in texts if (row["partner"], row["purpose"]) == (partner, purpose))
        self.post("citizen/consents", partner=partner, purpose=purpose, version=text["version"])

    def rides(self, days_ago: int, count: int) -> None:
        noon = noon_of(days_ago)
        for ride in range(count):
            self.post("acts", behaviour="XI14b", source="xinyang-bus", external_id=f"{days_ago}-{ride}",
                      occurred_at=(noon + timedelta(hours=ride)).isoformat())  # fmt: skip


@pytest.fixture(scope="module")
def base_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder: Path = tmp_path_factory.mktemp("citizens")
    url = f"sqlite:///{folder}/carbon.sqlite3"
    prepare(url)
    server = make_server("127.0.0.1", 0, lambda *_: [], threaded=True)
    address = f"http://127.0.0.1:{server.server_port}"
    app = create_app(Settings(mode="test", database_url=url, base_url=address, var=folder))
    server.app = app
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    xiaoman = Citizen(app, "demo-xiaoman", "小满")
    xiaoman.agree("xinyang-bus")
    xiaoman.agree("self")
    for days_ago in (3, 4, 9, 21):
        xiaoman.rides(days_ago, RIDES)
    xiaoman.post("acts", behaviour="XI16", source="self", external_id="w", distance_m=1000,
                 occurred_at=noon_of(3).isoformat())  # fmt: skip
    yield address
    server.shutdown()
    thread.join()
    server.server_close()
    platform(app).db.dispose()


Open = Callable[..., Page]


@pytest.fixture
def phone(base_url: str, browser: Browser) -> Iterator[Open]:
    """``phone("demo-xiaoman")``: a page on a phone, signed in, with what it asked elsewhere."""
    made = []

    def make(code: str | None = "demo-xiaoman") -> Page:
        context = browser.new_context(
            base_url=base_url, viewport={"width": WIDTH, "height": HEIGHT}, locale="zh-CN", has_touch=True
        )
        made.append(context)
        if code:
            answer = context.request.post(
                "/api/v1/citizen/sessions", data={"code": code, "transport": "cookie"}
            )
            assert answer.status == 201, answer.text()
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.elsewhere, page.complaints = [], []  # type: ignore[attr-defined]
        here = (base_url, "data:", "blob:")
        page.on("request", lambda r: r.url.startswith(here) or page.elsewhere.append(r.url))  # type: ignore[attr-defined]
        page.on("console", lambda m: m.type == "error" and page.complaints.append(m.text))  # type: ignore[attr-defined]
        page.on("pageerror", lambda e: page.complaints.append(str(e)))  # type: ignore[attr-defined]
        return page

    yield make
    for context in made:
        context.close()


def whole(page: Page, look: str = "theme=light") -> None:
    settle(page)
    assert cut_off(page) <= 0, page.url
    if look == "theme=light":
        assert serious(page) == [], page.url
    if look == "theme=dark":  # the same page in other colours
        options = {"runOnly": ["color-contrast"]}
        assert Axe().run(page, options=options).response["violations"] == [], page.url
    assert page.elsewhere == []  # type: ignore[attr-defined]
    assert page.complaints == []  # type: ignore[attr-defined]


@pytest.mark.parametrize("look", ["theme=light", "theme=dark", "elder=1"])
def test_every_page_is_whole_in_every_look(phone: Open, look: str) -> None:
    page = phone()
    for path in PATHS:
        page.goto(f"/settings?{look}&back={path}")
        whole(page, look)
        if look == "elder=1":
            check_large(page)


def check_large(page: Page) -> None:
    """Text of 20 px, targets of 60 px, no charts, the telephone always there."""
    size = page.evaluate(
        "parseFloat(getComputedStyle(document.querySelector('main p, main li, main dd')).fontSize)"
    )
    root = page.evaluate("parseFloat(getComputedStyle(document.documentElement).fontSize)")
    assert root == 20
    assert size >= 17  # small print is 0.875 of it
    assert page.locator("main figure:visible").count() == 0, page.url
    assert page.locator('a[href="tel:12345"]:visible').count() >= 1, page.url
    low = page.evaluate(
        "[...document.querySelectorAll('main .btn, .tabbar a, main input:not([type=hidden], [type=checkbox]),"
        " main select')].filter(e => e.offsetParent && e.getBoundingClientRect().height < 59.5)"
        ".map(e => e.outerHTML.slice(0, 80))"
    )
    assert low == [], page.url


def arrive(page: Page, path: str) -> None:
    """Go there and wait until the page's script listens: before, a form would be sent without it."""
    page.goto(path)
    settle(page)


def test_the_book_shows_its_charts_and_an_older_month(phone: Open) -> None:
    page = phone()
    arrive(page, "/h5/book")
    settle(page)
    expect(page.locator("#charts")).to_contain_text("一共少排")
    assert page.locator("#charts ~ [data-chart=bar] svg").count() >= 1
    page.get_by_role("link", name="上个月").click()
    settle(page)
    assert "month=" in page.url
    whole(page)


def test_report_then_open_how_it_was_worked_out(phone: Open) -> None:
    page = phone()
    arrive(page, "/h5/earn")
    card = page.locator("section", has=page.get_by_role("heading", name="骑车代替坐车"))
    card.get_by_label("骑了多远").select_option(label="3 公里")
    card.get_by_role("button", name="记这一笔").click()
    expect(page.get_by_role("status").first).to_contain_text("记下了")
    page.get_by_role("link", name="怎么算的").first.click()
    expect(page.locator("h1")).to_contain_text("骑行")
    assert page.complaints == []  # type: ignore[attr-defined]


def test_redeem_and_show_the_code(phone: Open) -> None:
    page = phone()
    arrive(page, "/h5/rewards")
    page.get_by_role("button", name="换，用").first.click()
    page.wait_for_url("**/h5/codes/**")
    expect(page.locator(".voucher .code")).to_have_text(page.url.rpartition("/")[2])
    assert page.locator(".qr svg").count() == 1
    whole(page)
    # No shop reports this one as used, so people look before points go back.
    expect(page.locator("main")).to_contain_text("要退，请打 12345")


def test_a_family_of_two_and_a_gift(phone: Open) -> None:
    page, other = phone(), phone("demo-zhou")
    arrive(page, "/h5/family")
    page.get_by_label("给家庭起个名字").fill("小满一家")
    page.get_by_role("button", name="同意，新建家庭").click()
    expect(page.locator("#family")).to_have_text("小满一家")
    settle(page)
    page.get_by_role("button", name="邀请家人").click()
    told = page.locator("#told b")
    expect(told).to_be_visible()
    code = told.inner_text()
    assert code not in page.url
    arrive(other, "/h5/family")
    other.get_by_label("或者填家人给的邀请码").fill(code)
    other.get_by_role("button", name="同意，加入").first.click()
    expect(other.locator("#family")).to_have_text("小满一家")
    page.reload()
    settle(page)
    page.locator("summary", has_text="送积分").click()
    page.get_by_label("送几分").fill("20")
    page.get_by_role("button", name="送", exact=True).click()
    expect(page.locator("section[aria-labelledby=gifts]")).to_contain_text("−20")
    other.reload()
    settle(other)
    expect(other.locator("section[aria-labelledby=gifts]")).to_contain_text("+20")
    whole(page)
    whole(other)
    leaving = other.locator("details", has=other.locator("summary", has_text="退出家庭")).last
    expect(leaving.get_by_role("button")).to_be_hidden()  # one press alone does nothing
    leaving.locator("summary").click()
    expect(leaving).to_contain_text("您的账和分不变")
    leaving.get_by_role("button").click()
    expect(other.locator("#family")).to_have_text("还没有家庭")


def test_a_refused_line_is_appealed(phone: Open) -> None:
    page = phone()
    arrive(page, "/h5/book")
    page.get_by_text("为什么没有计入？").first.click()
    page.get_by_role("link", name="不对？告诉我们").first.click()
    page.wait_for_url("**/h5/appeals?act=*")
    settle(page)
    page.get_by_label("哪里不对").fill("那一公里是下车以后走的")
    page.get_by_role("button", name="申诉").click()
    expect(page.locator("main")).to_contain_text("那一公里是下车以后走的")
    expect(page.locator("main")).to_contain_text("正在看")
    whole(page)


def test_a_footprint_is_worked_out(phone: Open) -> None:
    page = phone()
    arrive(page, "/h5/green")
    page.locator("input[name^='quantities.']").first.fill("1200")
    page.get_by_role("button", name="算", exact=True).click()
    expect(page.locator("section[aria-labelledby=footprint]")).to_contain_text("试算，可能在")
    whole(page)


def test_what_is_sent_before_the_script_is_there_is_not_lost(phone: Open) -> None:
    page = phone()
    held: list[Route] = []
    page.route("**/static/forms.js", lambda route: held.append(route))
    page.goto("/h5/account", wait_until="commit")
    page.get_by_role("button", name="下载（JSON）").dblclick()
    page.get_by_role("button", name="注销账户").click()
    page.wait_for_timeout(300)  # a browser that sends the form itself has left by now
    assert page.url.endswith("/h5/account")
    assert len(held) == 1
    with page.expect_download() as download:
        held[0].continue_()
    assert download.value.suggested_filename.startswith("xinyang-carbon-")
    expect(page.locator("dialog[open]")).to_contain_text("7 天后删除")
    assert page.complaints == []  # type: ignore[attr-defined]


def test_the_account_phone_copy_and_the_way_out(phone: Open) -> None:
    page = phone("demo-laoli")
    arrive(page, "/h5/account")
    page.get_by_label("昵称").fill("老李头")
    page.get_by_role("button", name="保存").click()
    expect(page.locator("#profile")).to_have_text("老李头")
    settle(page)
    page.get_by_role("textbox", name="手机号").fill("13800001234")
    page.get_by_role("button", name="取验证码").click()
    shown = page.locator("[data-slot=demo_code]")
    expect(shown).to_have_text(re.compile(r"^\d{6}$"))
    page.locator("#code").fill(shown.inner_text())
    page.get_by_role("button", name="绑定").click()
    page.locator("#forget-phone").wait_for()  # the page as it is after the binding
    expect(page.locator("section[aria-labelledby=phone]")).to_contain_text("138****1234")
    with page.expect_download() as download:
        page.get_by_role("button", name="下载（JSON）").click()
    assert "13800001234" in Path(download.value.path()).read_text(encoding="utf-8")
    page.get_by_role("button", name="注销账户").click()
    dialog = page.locator("dialog[open]")
    expect(dialog).to_contain_text("7 天后删除")
    assert serious(page) == []
    dialog.get_by_role("button", name="不注销").click()
    page.get_by_role("button", name="停用账户").click()
    page.locator("dialog[open]").get_by_role("button", name="停用", exact=True).click()
    page.wait_for_url("**/h5/login")
    assert page.complaints == []  # type: ignore[attr-defined]
