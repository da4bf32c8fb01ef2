"""The whole road walked in Chromium, each role clicking its own main job, with a screenshot of each step."""

from __future__ import annotations

import os
import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import Session
from werkzeug.serving import make_server

from carbon_platform.app import create_app
from carbon_platform.cli import prepare
from carbon_platform.config import Settings
from carbon_platform.ledger import verify
from carbon_platform.web import platform
from demo import monitoring
from demo.client import http_for, sign_in
from demo.parcels import make_camellia_zip
from demo.story import all_pages
from demo.world import PASSWORD, populate

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
FLAGS = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
]
PHONE = {"width": 390, "height": 844}
DESK = {"width": 1440, "height": 900}


class Walk:
    """A browser before the running platform; keeps what must not happen (errors, foreign requests)."""

    def __init__(self, browser: Any, address: str, shots: Path) -> None:
        self.browser, self.address, self.shots = browser, address, shots
        self.complaints: list[str] = []
        self.count = 0

    @contextmanager
    def as_(self, username: str | None, viewport: dict[str, int] = DESK) -> Iterator[Any]:
        context = self.browser.new_context(viewport=viewport, locale="zh-CN")
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("console", lambda m: m.type == "error" and self.complaints.append(f"{page.url}: {m.text}"))
        page.on("request", self._is_ours)
        if username:
            page.goto(f"{self.address}/login")
            page.fill("#login [name=username]", username)
            page.fill("#login [name=password]", PASSWORD)
            page.click("#login button[type=submit]")
            page.wait_for_url(lambda url: "/login" not in url)
        yield page
        context.close()

    def _is_ours(self, request: Any) -> None:
        if not request.url.startswith((self.address, "data:", "blob:")):
            self.complaints.append(f"foreign request {request.url}")

    def shot(self, page: Any, name: str) -> None:
        self.count += 1
        page.screenshot(path=self.shots / f"{self.count:02d}-{name}.png", full_page=True)


@pytest.fixture
def walk(tmp_path: Path) -> Iterator[tuple[Walk, Any]]:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    app = create_app(
        Settings(mode="demo", database_url=f"sqlite:///{tmp_path}/carbon.sqlite3", var=tmp_path / "var")
    )
    prepare(platform(app))

    def fill(session: Session) -> None:
        populate(session, now=datetime.now(UTC))

    platform(app).db.transact(fill)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    shots = Path(os.environ.get("CARBON_SCREENSHOTS", tmp_path / "shots"))
    shots.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield Walk(browser, f"http://127.0.0.1:{server.server_port}", shots), app
        browser.close()
    server.shutdown()
    thread.join()
    server.server_close()
    platform(app).db.dispose()


def submit(page: Any, form: str, *, dialog: str | None = None) -> None:
    """Open the dialog if there is one, press the form's button and wait until the answer is shown."""
    if dialog:
        page.click(f'[data-dialog="{dialog}"]')
    # every form ends on a page: the next one, or this one anew
    with (
        page.expect_response(lambda r: "/api/v1/" in r.url and r.request.method != "GET") as answer,
        page.expect_navigation(),
    ):
        page.click(f"{form} button[type=submit]")
    assert answer.value.ok, answer.value.status


def test_the_road_in_a_browser(walk: tuple[Walk, Any], tmp_path: Path) -> None:
    w, app = walk
    archive = tmp_path / "光山县油茶小班.zip"
    make_camellia_zip(archive, "411522", 45, 11, faults=True)

    with w.as_("forestry.guangshan") as page:
        page.goto(f"{w.address}/imports")
        page.set_input_files("#file", archive)
        submit(page, "#upload")
        page.wait_for_url(re.compile(r"/imports/\d+"))
        assert "重叠" in page.inner_text("main")
        w.shot(page, "import-report")
        submit(page, "#accept-form", dialog="accept")
        page.goto(f"{w.address}/parcels")
        page.wait_for_selector("[data-map][data-ready=yes]")
        w.shot(page, "parcels")

    with w.as_("operator") as page:
        page.goto(f"{w.address}/projects")
        page.click('[data-dialog="new"]')
        page.fill("#new-form [name=name_zh]", "光山县油茶林碳汇（演示）")
        page.select_option("#new-form [name=methodology_key]", "camellia_oil_v1")
        page.fill("#new-form [name=crediting_from]", "2021-01-01")
        page.fill("#new-form [name=crediting_to]", "2041-01-01")
        submit(page, "#new-form")
        page.wait_for_url(re.compile(r"/projects/XY-P"))
        submit(page, "#parcels-form", dialog="parcels")
        readings = readings_for(app)
        page.click('[data-dialog="monitoring"]')
        page.fill("#m-from", "2024-01-01")
        page.fill("#m-to", "2026-01-01")
        page.fill("#rows", readings)
        submit(page, "#monitoring-form")
        w.shot(page, "project")
        submit(page, "#run-form", dialog="run")
        page.wait_for_url(re.compile(r"/runs/XY-R"))
        run_url = page.url
        assert "试算" in page.inner_text("main")
        assert page.locator('[data-dialog="issue"]').count() == 0
        w.shot(page, "run-estimate")

    with w.as_("authority") as page:
        page.goto(f"{w.address}/sources")
        form = "#sign-form-camellia_oil_v1"
        page.click('[data-dialog="sign-camellia_oil_v1"]')
        page.fill(f"{form} [name=document_number]", "演示签〔2026〕1号")
        page.fill(f"{form} [name=document_title]", "关于采纳油茶林碳汇参数的签署（演示）")
        submit(page, form)
        assert "等第二人批准" in page.inner_text("main")
        assert page.locator('[data-dialog^="decide-"]').count() == 0, "not by who filed it"

    with w.as_("ecology") as page:
        page.goto(f"{w.address}/reviews")
        assert "的参数等您批准" in page.inner_text("main")
        page.goto(f"{w.address}/sources")
        page.click('[data-dialog="decide-camellia_oil_v1"]')
        page.check("#decide-form-camellia_oil_v1 [value=approve]")
        submit(page, "#decide-form-camellia_oil_v1")
        assert "第二批准人" in page.inner_text("main")

    for username in ("verifier", "ecology", "forestry"):
        with w.as_(username) as page:
            page.goto(f"{w.address}/reviews")
            assert "XY-R000001" in page.inner_text("main")
            page.goto(run_url)
            page.click('[data-dialog="review"]')
            page.check("#review-form [value=confirm]")
            page.fill("#review-form [name=note]", "同意（演示）")
            submit(page, "#review-form")

    with w.as_("operator") as page:
        page.goto(run_url)
        submit(page, "#issue-form", dialog="issue")
        page.goto(run_url)
        assert "已签发" in page.inner_text("main")
        w.shot(page, "run-issued")
        page.goto(f"{w.address}/holdings")
        page.click('[data-dialog="sell-1"]')
        page.fill("#sell-form-1 [name=quantity_kg]", "60")
        page.fill("#sell-form-1 [name=price_fen_per_t]", "48.00")
        submit(page, "#sell-form-1")

    with w.as_("bank") as page:
        page.goto(f"{w.address}/reviews")
        page.select_option("#org", label="淮畔水泥有限公司（演示）")
        page.fill("#amount", "2400.00")
        page.fill("#reference", "DEMO-BROWSER-1")
        submit(page, "#deposit")

    with w.as_("cement") as page:
        page.goto(f"{w.address}/market")
        w.shot(page, "market")
        page.click('[data-dialog^="buy-"]')
        page.locator('form[id^="buy-form-"] [name=quantity_kg]').first.fill("50")
        submit(page, 'form[id^="buy-form-"]')
        page.wait_for_url(re.compile(r"/holdings"))
        w.shot(page, "holdings")
        page.click('[data-dialog="retire-1"]')
        page.fill("#rq-1", "20")
        page.fill("#rt-1", "20")
        page.fill("#rf-1", "2025-01-01")
        page.fill("#re-1", "2025-12-31")
        submit(page, "#retire-form-1")
        page.wait_for_url(re.compile(r"/certificates/XY-C"))
        number = page.url.rsplit("/", 1)[1]

    with w.as_(None) as page:
        page.goto(f"{w.address}/verify/{number}")
        assert "20" in page.inner_text("main")
        page.wait_for_selector("[data-map][data-ready=yes]")
        w.shot(page, "certificate")

    with w.as_("dingxin") as page:
        page.goto(f"{w.address}/revenue")
        submit(page, 'form[id^="dist-"]')
        page.goto(f"{w.address}/revenue")
        assert "¥2,400.00" in page.inner_text("main")
        w.shot(page, "revenue")

    with w.as_(None, PHONE) as page:
        page.goto(f"{w.address}/h5/login")
        submit(page, 'form[id^="sign-in-"]')
        page.goto(f"{w.address}/h5/earn")
        submit(page, "#consent-form-xinyang-bus")
        page.goto(f"{w.address}/h5/earn")
        submit(page, "#form-xinyang-bus-XI14b")
        page.goto(f"{w.address}/h5")
        assert "80 克" in page.inner_text("main").replace("\n", " ")
        w.shot(page, "h5-today")

    assert w.complaints == []
    assert platform(app).db.read(verify).findings == ()


def readings_for(app: Any) -> str:
    """Readings of every registered parcel as pasted from a spreadsheet: a head line, tabs between cells."""
    with http_for(app) as http:
        parcels = list(all_pages(sign_in(http, "operator"), "/api/v1/parcels", kind="camellia"))
    rows = monitoring.camellia(parcels, seed=3)
    lines = ["\t".join(rows[0])] + ["\t".join(str(value) for value in row.values()) for row in rows]
    return "\n".join(lines)
