"""What citizens' pages tell: the rule in force, who acted for whom, why a gift cannot be made, units once."""

from __future__ import annotations

import re
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from form_browser import Browser, visible
from test_console_citizen import NOW, app, earn_points, settings, xiaoman

from carbon_platform.citizens import catalogue, devices
from carbon_platform.citizens.points_tables import PUBLISHED, PointsRuleVersion
from carbon_platform.citizens.tables import Redemption, Reward
from carbon_platform.identity.tables import Person
from carbon_platform.inclusion import footprint
from carbon_platform.web import platform

__all__ = ["app", "settings", "xiaoman"]


@pytest.fixture
def zhou(app: Flask) -> Browser:
    return Browser(app).sign_in("demo-zhou").agree()


def publish(app: Flask, **changes: Any) -> None:
    """The first rule of the data file with changes, in force from today on."""
    row = dict(catalogue.points_rule_rows()[0])
    plain = {name: row.pop(name) for name in ("version", "valid_from", "source", "status")}
    plain |= {"version": "points-changed", "valid_from": "2026-11-22"}
    version = PointsRuleVersion(
        **plain, content=row | changes, state=PUBLISHED, proposed_by="甲", proposed_by_id=1, proposed_at=NOW
    )
    platform(app).db.transact(lambda session: session.add(version))


def card(html: str, code: str) -> str:
    """The words of one card of the page "earn"."""
    return visible(html.split(f'aria-labelledby="act-{code}"')[1].split("</section>")[0])


def test_the_points_promised_are_those_of_the_published_rule(app: Flask, xiaoman: Browser) -> None:
    assert "每次 80 克，10 分" in card(xiaoman.open("/h5/earn"), "XI14b")
    publish(app, grams_per_point=4)
    assert "每次 80 克，20 分" in card(xiaoman.open("/h5/earn"), "XI14b")
    answer, _ = xiaoman.submit("form-xinyang-bus-XI14b")
    assert answer.get_json()["points"] == 20, "what the page promised"


def test_points_fixed_per_act_are_said_so(app: Flask, xiaoman: Browser) -> None:
    publish(app, fixed={"SH03": 9, "XI16": 3})
    page = xiaoman.open("/h5/earn")
    assert "每餐 70 克，每笔 9 分" in card(page, "SH03")
    assert "每公里 13.5 克，每笔 3 分" in card(page, "XI16")
    answer, _ = xiaoman.submit("form-clean-plate-SH03")
    assert answer.get_json()["points"] == 9, "what the page promised"


@pytest.fixture
def helped(xiaoman: Browser, zhou: Browser) -> tuple[Browser, str]:
    """Grandmother Zhou with six rides of her own lets Xiaoman act for her; where Xiaoman does it."""
    earn_points(zhou, 6, days_ago=3)
    xiaoman.open("/h5/family")
    made, _ = xiaoman.submit("open-family", name="小满一家")
    zhou.open("/h5/family")
    zhou.submit("join-family", code=made.get_json()["invitation"]["code"])
    zhou.open("/h5/family")
    answer, _ = zhou.submit("grant", day_points="100", month_points="100")
    assert answer.status_code == 201, answer.get_json()
    return xiaoman, f"/h5/proxies/{answer.get_json()['id']}"


def entry(html: str, title: str) -> str:
    """The words of the rows of a list that show a title."""
    rows = re.findall(r"<(?:li|tr)>.*?</(?:li|tr)>", html, re.S)
    return " ".join(visible(row) for row in rows if title in visible(row))


def test_every_row_names_who_did_it_for_somebody(helped: tuple[Browser, str], zhou: Browser) -> None:
    xiaoman, there = helped
    xiaoman.open(there)
    walk, _ = xiaoman.submit("report-XI16")
    assert walk.status_code == 201, walk.get_json()
    xiaoman.open(there)
    soap, _ = xiaoman.submit("redeem-camellia-soap")
    assert soap.status_code == 201, soap.get_json()
    for path in ("/h5/", "/h5/book"):
        page = zhou.open(path)
        assert "小满代报" in entry(page, "走路 0.5 公里"), path
        assert "代报" not in entry(page, "公交一趟"), "her own rides carry no other name"
    assert "小满代兑换" in entry(zhou.open("/h5/book"), "兑换 山茶油手工皂")
    assert "小满代兑换" in entry(zhou.open("/h5/rewards"), "山茶油手工皂")
    assert "小满代兑换" in visible(zhou.open(f"/h5/codes/{soap.get_json()['voucher_code']}"))
    assert "小满代报" in entry(xiaoman.open(there), "走路 0.5 公里")
    assert "代报" not in visible(xiaoman.open("/h5/book")), "another person's rows are in her book only"


def test_vouchers_that_are_over_stand_below_those_that_can_be_used(xiaoman: Browser) -> None:
    earn_points(xiaoman, 6, days_ago=3)
    earn_points(xiaoman, 6, days_ago=4)
    for _ in range(2):
        xiaoman.open("/h5/rewards")
        bought, _follow = xiaoman.submit("redeem-camellia-soap")
    first = xiaoman.open("/h5/rewards")
    assert "用过的和退了的" not in first
    shop = platform(xiaoman.client.application)
    number = bought.get_json()["id"]
    used = (
        sa.update(Redemption)
        .where(Redemption.id == number)
        .values(status="used", used_at=NOW, use_recorded_at=NOW)
    )
    shop.db.transact(lambda session: session.execute(used))
    mine = xiaoman.open("/h5/rewards").split('aria-labelledby="mine"')[1].split("</section>")[0]
    above, _, below = mine.partition("<details>")
    assert above.count("/h5/codes/") == below.count("/h5/codes/") == 1
    assert bought.get_json()["voucher_code"] in below
    assert "用过的和退了的（1 张）" in visible(below)


def project(app: Flask, code: str, **changes: Any) -> None:
    given = {"price_points": 10, "stock": 0, "season_from": None, "season_to": None} | changes
    reward = Reward(
        code=code, name_zh=code, name_en=code, provider_zh="演示林场", value_fen=15, active=True,
        status="illustrative", source="test", person_month_limit=None, kind="donation", **given,
    )  # fmt: skip
    platform(app).db.transact(lambda session: session.add(reward))


def test_a_project_is_always_shown_with_why_nothing_can_be_given(app: Flask, xiaoman: Browser) -> None:
    """Giving takes nothing from a shelf: a stock of zero is no reason to hide a project."""
    earn_points(xiaoman, 6, days_ago=3)
    project(app, "trees")
    project(app, "far", price_points=100)
    project(app, "spring", season_from="2027-03-01", season_to="2027-04-30")
    page = xiaoman.open("/h5/rewards")
    assert [name for name in xiaoman.forms if name.startswith("donate-")] == ["donate-trees"]
    give = visible(page.split('aria-labelledby="give"')[1].split("</section>")[0])
    assert re.search(r"far.*还差 40 分", give, re.S)
    assert re.search(r"spring.*现在不收捐", give, re.S)
    answer, _ = xiaoman.submit("donate-trees")
    assert answer.status_code == 201, answer.get_json()


def test_the_footprint_asks_for_a_year_once(xiaoman: Browser) -> None:
    assert all(item.unit_zh.endswith("/年") for item in footprint.items())
    page = visible(xiaoman.open("/h5/green"))
    assert "一年多少千瓦时，全家合计" in page
    assert "/年" not in page
    xiaoman.client.set_cookie("lang", "en")
    english = visible(xiaoman.open("/h5/green"))
    assert "kWh a year" in english
    assert "a year a year" not in english


def test_how_it_was_worked_out_speaks_the_readers_units(xiaoman: Browser) -> None:
    answer, _ = xiaoman.submit("form-xinyang-bus-XI14b")
    page = visible(xiaoman.open(f"/explain/act/{answer.get_json()['id']}"))
    assert "80 克 CO₂e" in page
    assert re.search(r"=\s*10\s*分", page)
    assert "None" not in page, "a cap in words has no one value"
    assert "points" not in re.sub(r"points-[0-9-]+", "", page)


def test_the_page_earn_lists_only_the_texts_its_cards_need(xiaoman: Browser) -> None:
    xiaoman.open("/h5/consents")
    xiaoman.submit("consent-platform-bundle")
    page = xiaoman.open("/h5/earn").split('id="consents"')[1]
    assert page.count("<details>") == 3
    assert 'href="/h5/consents"' in page


def test_an_account_under_review_reads_why_its_points_wait(app: Flask, xiaoman: Browser) -> None:
    db = platform(app).db
    holder = db.read(lambda s: s.scalar(sa.select(Person.holder).order_by(Person.id.desc())))
    for other in (holder, "x1", "x2", "x3"):
        db.transact(lambda s, h=other: devices.note(s, kind="device", fingerprint="f", holder=h, now=NOW))
    page = xiaoman.open("/h5/rewards")
    assert "正在核查" in visible(page) and "领取期限也不会过" in visible(page)
    assert 'id="claim"' not in page
    assert "looking at it" in visible(xiaoman.open("/h5/rewards?lang=en"))
