"""The parcel page and exports, as each reader sees them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import desk_world as world
import pytest
import sqlalchemy as sa
from flask import Flask
from form_browser import Browser

from carbon_platform.app import create_app
from carbon_platform.config import Settings
from carbon_platform.credits.tables import BatchShare
from carbon_platform.identity.rules import SYSTEM
from carbon_platform.parcels import export_rules, history
from carbon_platform.parcels.history import Record
from carbon_platform.parcels.tables import Parcel
from carbon_platform.web import platform
from demo.world import PASSWORD

Visit = Callable[[str], Browser]
LIMITS = export_rules.limits()


@pytest.fixture
def app(fresh_database: Callable[..., str], tmp_path: Path) -> Iterator[Flask]:
    app = create_app(Settings(mode="test", database_url=fresh_database("sqlite", world.told), var=tmp_path))
    yield app
    platform(app).db.dispose()


@pytest.fixture
def visit(app: Flask) -> Visit:
    def sign_in(username: str) -> Browser:
        browser = Browser(app)
        body = {"username": username, "password": PASSWORD, "transport": "cookie"}
        assert browser.client.post("/api/v1/sessions", json=body).status_code == 201
        return browser

    return sign_in


@pytest.fixture
def parcel(app: Flask) -> Parcel:
    """One that gave kilograms to a batch."""
    statement = sa.select(Parcel).where(Parcel.id.in_(sa.select(BatchShare.parcel_id))).order_by(Parcel.id)
    found = platform(app).db.read(lambda session: session.scalars(statement).first())
    assert found is not None
    return found


def text(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", re.sub(r"<script.*?</script>", "", html, flags=re.S)))


def correct(app: Flask, parcel: Parcel, on: date) -> None:
    """The parcel gets another owner and half its area from a day on."""

    def work(session):  # type: ignore[no-untyped-def]
        found = session.get_one(Parcel, parcel.id)
        history.ensure_first_events(session, [found.id])
        found.area_m2, found.right_holder, found.version = found.area_m2 / 2, "新权利人", found.version + 1
        session.flush()
        record = Record("甲", 1, platform(app).clock(), on, None, "实地复核", "乙", 2)
        history.record_events(session, [found.id], "corrected", record)

    platform(app).db.transact(work)


def test_a_parcel_tells_what_was_made_of_it(visit: Visit, parcel: Parcel) -> None:
    seen = text(visit("operator").open(f"/parcels/{parcel.code}"))
    assert "登记 第 1 版" in seen
    assert world.RUN in seen
    assert "出自这块地的碳票" in seen
    assert re.search(rf"{re.escape(world.BATCH[:20])}\S*-\d+-\d+ 现在在哪里", seen)
    assert "一地一锁" in seen and "已锁" in seen


def test_an_officer_sees_her_land_and_that_the_city_computed_it(visit: Visit, parcel: Parcel) -> None:
    officer = visit("forestry.guangshan")
    seen = text(officer.open(f"/parcels/{parcel.code}"))
    assert "由全市的项目核算" in seen
    assert "还没有核算过" not in seen
    other = visit("forestry.xinxian").client
    for path in ("", ".geojson", "?on=2026-01-01", "/evidence"):
        assert other.get(f"/parcels/{parcel.code}{path}").status_code == 404


def test_the_page_shows_any_day(app: Flask, visit: Visit, parcel: Parcel) -> None:
    today = platform(app).clock().date()
    correct(app, parcel, today + timedelta(days=10))
    officer = visit("forestry.guangshan")
    now = text(officer.open(f"/parcels/{parcel.code}"))
    assert "更正 第 2 版" in now
    assert "权利人；实地复核" in now
    assert "新权利人" in now
    half = f"{parcel.area_m2 / 2 * 0.0015:.1f}"
    assert f"实测面积 {half} 亩" in now
    before = text(officer.open(f"/parcels/{parcel.code}?on={today + timedelta(days=9)}"))
    assert "的样子。" in before
    assert f"实测面积 {parcel.area_m2 * 0.0015:.1f} 亩" in before
    assert "权利人 新权利人" not in before
    never = text(officer.open(f"/parcels/{parcel.code}?on=1999-01-01"))
    assert "1999-01-01 没有这块地" in never
    plain = text(officer.open(f"/parcels/{parcel.code}?on=yesterday"))
    assert "的样子。" not in plain


def test_the_shape_of_a_day(visit: Visit, parcel: Parcel) -> None:
    client = visit("forestry.guangshan").client
    today = json.loads(client.get(f"/parcels/{parcel.code}.geojson").data)["features"]
    then = json.loads(client.get(f"/parcels/{parcel.code}.geojson?on=2999-01-01").data)["features"]
    assert [one["properties"]["code"] for one in today + then] == [parcel.code] * 2
    assert json.loads(client.get(f"/parcels/{parcel.code}.geojson?on=1999-01-01").data)["features"] == []
    assert SYSTEM.name not in str(then)


def test_an_export_is_asked_for_fetched_and_listed(visit: Visit, parcel: Parcel) -> None:
    """Through the page's own form: one parcel at once; everybody sees who took it."""
    officer = visit("forestry.guangshan")
    officer.open(f"/exports?codes={parcel.code}")
    answer, follow = officer.submit("ask", file_format="shp", purpose="交第三方核证员现场核查")
    assert answer.status_code == 201, answer.text
    assert answer.get_json()["filters"] == {"codes": [parcel.code]}
    listed = officer.open(follow)
    assert "没有人下载" in text(listed)
    # The download is a plain link: it needs no script.
    link = re.search(r'href="(/api/v1/parcel-exports/\d+/file)"', listed).group(1)  # type: ignore[union-attr]
    assert officer.client.get(link).status_code == 200
    log = text(officer.open("/exports"))
    assert "没有人下载" not in log
    assert "光山县林业专干" in log
    assert "还没有人导出过" in text(visit("forestry.xinxian").open("/exports"))
    for username in ("operator", "verifier"):
        assert visit(username).client.get("/exports").status_code == 403


def test_a_large_export_waits_in_the_bureaus_inbox(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export_rules, "limits", lambda: replace(LIMITS, approval_rows=1.0))
    officer, bureau = visit("forestry.guangshan"), visit("forestry")
    officer.open("/exports")
    answer, _ = officer.submit("ask", kind="camellia", purpose="年度数据汇交")
    assert answer.get_json()["status"] == "waiting"
    own = officer.open("/exports")
    assert "等第二个人批准" in text(own)
    assert "decide-form" not in own
    assert "等您批准" not in text(officer.open("/reviews"))
    assert "导出 XY-E000001 等您批准" in text(bureau.open("/reviews"))
    bureau.open("/exports")
    answer, follow = bureau.submit("decide-form-1", approve="true", note="同意")
    assert answer.status_code == 200, answer.text
    done = bureau.open(follow)
    assert "decide-form" not in done
    assert "XY-E000001" not in text(bureau.open("/reviews"))
    assert "可以下载" in text(officer.open("/exports"))
    assert officer.client.get("/api/v1/parcel-exports/1/file").status_code == 200
