"""Citizens' pages: every form is posted as the page would send it, and the pages say what happened."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from flask import Flask
from form_browser import CHINESE, Browser, controls_of, visible

from carbon_platform import ledger
from carbon_platform.app import create_app
from carbon_platform.citizens.corrections import refund, withdraw_act
from carbon_platform.citizens.points import activate_due, expire_due
from carbon_platform.citizens.service import load_reference
from carbon_platform.citizens.tables import Reward
from carbon_platform.config import Settings
from carbon_platform.db import Base, Database
from carbon_platform.identity.rules import SYSTEM
from carbon_platform.identity.service import add_user
from carbon_platform.regions.service import load_reference as load_regions
from carbon_platform.web import platform

NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)  # noon in Xinyang
PAGES = ("/h5/", "/h5/book", "/h5/earn", "/h5/rewards")
PASSWORD = "a-long-enough-password"


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


@pytest.fixture
def settings(fresh_database: Callable[..., str]) -> Settings:
    return Settings(mode="test", database_url=fresh_database("sqlite", prepare))


@pytest.fixture
def app(settings: Settings) -> Iterator[Flask]:
    app = create_app(settings, clock=lambda: NOW)
    yield app
    platform(app).db.dispose()


@pytest.fixture
def xiaoman(app: Flask) -> Browser:
    return Browser(app).sign_in().agree()


def act_forms(browser: Browser) -> list[str]:
    return [name for name in browser.forms if name.startswith("form-")]


def earn_points(browser: Browser, rides: int, *, days_ago: int = 0) -> None:
    """Rides of one day; those of three days ago have left observation."""
    for number in range(rides):
        browser.open("/h5/earn")
        at = (NOW - timedelta(days=days_ago, hours=1 + number)).isoformat()
        answer, _ = browser.submit("form-xinyang-bus-XI14b", occurred_at=at)
        assert answer.get_json()["points"] == 10


@pytest.mark.parametrize("path", [*PAGES, "/h5/codes/XY-NOPE"])
def test_without_a_session_every_page_leads_to_the_citizens_sign_in(app: Flask, path: str) -> None:
    response = app.test_client().get(path)
    assert response.status_code == 302
    assert response.location == f"/h5/login?next={path}"


def test_staff_are_not_citizens(app: Flask) -> None:
    platform(app).db.transact(
        lambda session: add_user(
            session, SYSTEM, username="auditor", password=PASSWORD, display_name="审计员", role="auditor",
            region_code="4115", organisation_id=None, now=NOW,
        ).id
    )  # fmt: skip
    client = app.test_client()
    answer = client.post(
        "/api/v1/sessions", json={"username": "auditor", "password": PASSWORD, "transport": "cookie"}
    )
    assert answer.status_code == 201
    assert client.get("/h5/book").location == "/h5/login?next=/h5/book"


def test_sign_in_greets_by_name_and_goes_where_one_wanted(app: Flask) -> None:
    browser = Browser(app)
    browser.open("/h5/login?next=/h5/rewards")
    answer, follow = browser.submit("sign-in-demo-zhou")
    assert (answer.status_code, follow) == (201, "/h5/rewards")
    assert "周奶奶，下午好" in browser.open("/h5/")


def test_any_code_signs_in_while_wechat_is_a_mock(app: Flask) -> None:
    browser = Browser(app)
    browser.open("/h5/login")
    answer, _ = browser.submit("h5-login", code="somebody")
    assert answer.status_code == 201


@pytest.mark.parametrize(
    "outside", ["https://example.com/", "//example.com/h5/", "/revenue", "/\\example.com"]
)
def test_sign_in_never_leads_elsewhere(app: Flask, outside: str) -> None:
    browser = Browser(app)
    browser.client.get("/h5/login")
    browser.page = browser.client.get("/h5/login", query_string={"next": outside}).get_data(as_text=True)
    assert {form["attributes"]["data-next"] for form in browser.forms.values()} == {"/h5/"}


def test_sign_out(xiaoman: Browser) -> None:
    xiaoman.open("/h5/")
    answer, follow = xiaoman.submit("sign-out")
    assert (answer.status_code, follow) == (204, "/h5/login")
    assert xiaoman.client.get("/h5/").status_code == 302


def test_consent_comes_before_the_form(app: Flask) -> None:
    browser = Browser(app).sign_in()
    assert "还没有开始记账" in browser.open("/h5/")
    browser.open("/h5/earn")
    assert act_forms(browser) == []
    assert set(browser.forms) == {f"consent-form-{p}" for p in ("xinyang-bus", "clean-plate", "self")}
    answer, _ = browser.submit("consent-form-self")
    assert answer.status_code == 201
    browser.open("/h5/earn")
    assert act_forms(browser) == ["form-self-XI16", "form-self-XI17"]
    assert "还没有开始记账" not in browser.open("/h5/")


def test_withdrawing_takes_the_form_away(xiaoman: Browser) -> None:
    assert "form-xinyang-bus-XI14b" in act_forms(xiaoman)
    answer, _ = xiaoman.submit("withdraw-xinyang-bus")
    assert answer.status_code == 204
    xiaoman.open("/h5/earn")
    assert "form-xinyang-bus-XI14b" not in act_forms(xiaoman)
    assert "consent-form-xinyang-bus" in xiaoman.forms


@pytest.mark.parametrize(
    ("form_id", "grams", "title"),
    [
        ("form-xinyang-bus-XI14b", 80, "公交一趟"),
        ("form-clean-plate-SH03", 70, "光盘一餐"),
        ("form-self-XI16", 6, "走路 0.5 公里"),  # 0.5 km × 27 g × 50 % = 6.75 g, floored
        ("form-self-XI17", 20, "骑车 1 公里"),  # 1 km × 41 g × 50 % = 20.5 g, floored
    ],
)
def test_every_act_form_is_taken(xiaoman: Browser, form_id: str, grams: int, title: str) -> None:
    answer, follow = xiaoman.submit(form_id)
    assert answer.status_code == 201, answer.get_json()
    act = answer.get_json()
    assert act["reduction_g"] == grams
    assert follow == f"/h5/earn?done={act['id']}&again=false"
    said = xiaoman.open(follow)
    assert f"记下了：{grams} 克" in said
    assert f'href="/explain/act/{act["id"]}"' in said
    home = xiaoman.open("/h5/")
    assert title in home
    assert re.search(rf'href="/explain/act/{act["id"]}">{grams} 克<', home)


def test_the_act_forms_tried_are_all_there_are(xiaoman: Browser) -> None:
    tried = {"form-xinyang-bus-XI14b", "form-clean-plate-SH03", "form-self-XI16", "form-self-XI17"}
    assert set(act_forms(xiaoman)) == tried


def test_the_same_ride_twice_is_one_ride(xiaoman: Browser) -> None:
    first, _ = xiaoman.submit("form-xinyang-bus-XI14b")
    again, follow = xiaoman.submit("form-xinyang-bus-XI14b")
    assert (first.status_code, again.status_code) == (201, 200)
    assert "这趟车已经记过了，没有重复计。" in xiaoman.open(follow)
    assert xiaoman.open("/h5/book").count("公交一趟") == 2  # the entry, and its line of points
    xiaoman.open("/h5/earn")
    other = [
        value
        for name, _, value in xiaoman.forms["form-xinyang-bus-XI14b"]["controls"]
        if name == "external_id"
    ]
    assert other[0] != first.get_json()["external_id"], "a page rendered anew reports a new ride"


def test_an_act_that_does_not_count_says_why(xiaoman: Browser) -> None:
    earn_points(xiaoman, 1)
    xiaoman.open("/h5/earn")
    answer, follow = xiaoman.submit("form-self-XI16", occurred_at=(NOW - timedelta(hours=1)).isoformat())
    assert answer.get_json()["status"] == "not_counted"
    assert "收到了，但没有计入" in xiaoman.open(follow)
    book = xiaoman.open("/h5/book")
    assert "没有计入" in book
    assert "同一段路只计一次" in book
    assert "tel:12345" in book


def test_another_persons_act_is_not_shown(app: Flask, xiaoman: Browser) -> None:
    _, follow = xiaoman.submit("form-xinyang-bus-XI14b")
    other = Browser(app).sign_in("demo-zhou")
    assert other.client.get(follow).status_code == 404


def test_outside_a_demo_people_report_only_for_themselves(settings: Settings) -> None:
    real = create_app(
        Settings(mode="production", database_url=settings.database_url, var=settings.var), clock=lambda: NOW
    )
    browser = Browser(real).sign_in().agree()
    forms = act_forms(browser)
    assert len(forms) == 4
    for form_id in forms:
        assert form_id.startswith("form-self-")
        answer, _ = browser.submit(form_id)
        assert answer.status_code == 201, answer.get_json()
        browser.open("/h5/earn")
    assert "人名、商家与活动为虚构" not in browser.page
    platform(real).db.dispose()


def test_live_wechat_shows_no_code_to_type(settings: Settings) -> None:
    live = create_app(
        Settings(mode="test", database_url=settings.database_url, wechat_mode="live"), clock=lambda: NOW
    )
    browser = Browser(live)
    browser.open("/h5/login")
    assert browser.forms == {}
    platform(live).db.dispose()


def test_a_voucher_is_bought_with_points_and_shown(app: Flask, xiaoman: Browser) -> None:
    earn_points(xiaoman, 6, days_ago=3)
    xiaoman.open("/h5/rewards")
    redeemable = [name for name in xiaoman.forms if name.startswith("redeem-")]
    assert redeemable == ["redeem-camellia-soap"], "60 points buy a bar of soap and nothing else"
    answer, follow = xiaoman.submit("redeem-camellia-soap")
    assert answer.status_code == 201, answer.get_json()
    code = answer.get_json()["voucher_code"]
    assert follow == f"/h5/codes/{code}"
    shown = xiaoman.open(follow)
    assert code in shown
    assert "<svg" in shown.split('class="qr"')[1].split("</div>")[0]
    assert "演示合作社" in shown
    rewards = xiaoman.open("/h5/rewards")
    assert not [name for name in xiaoman.forms if name.startswith("redeem-")]
    assert f'href="/h5/codes/{code}"' in rewards
    assert "还差 60 分" in rewards
    assert "−60" in xiaoman.open("/h5/book")
    other = Browser(app).sign_in("demo-zhou")
    assert other.client.get(follow).status_code == 404


def test_a_refunded_voucher_has_no_code_to_scan(
    app: Flask, xiaoman: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    earn_points(xiaoman, 6, days_ago=3)
    xiaoman.open("/h5/rewards")
    answer, follow = xiaoman.submit("redeem-camellia-soap")
    signed = {"note": "店家没货", "actor_name": "甲 #1", "second_approver": "乙 #2", "now": NOW}
    number = answer.get_json()["id"]
    platform(app).db.transact(lambda s: refund(s, number, **signed))

    def no_drawing(*_: object, **__: object) -> None:
        raise AssertionError("a code was drawn")

    monkeypatch.setattr("carbon_platform.console.pages_citizen.segno.make", no_drawing)
    shown = xiaoman.open(follow)
    assert 'class="qr"' not in shown
    assert "已退回" in visible(shown)
    assert "这张券不能再用" in visible(shown)


def test_empty_pages_say_what_to_do_next(app: Flask) -> None:
    browser = Browser(app).sign_in()
    home = browser.open("/h5/")
    assert "今天还没有账" in home
    assert "data-chart" not in home
    assert "老实话" not in home
    assert "账本还是空的" in browser.open("/h5/book")
    assert "我换的" not in browser.open("/h5/rewards")
    assert "山茶油手工皂" in browser.page


def test_home_sums_today_and_tells_what_carbon_is_worth(xiaoman: Browser) -> None:
    earn_points(xiaoman, 2)
    home = visible(xiaoman.open("/h5/"))
    assert re.search(r"今天少排\s*160\s*克", home)
    assert "另有 20 分，11 月 24 日起能用" in home
    assert "近七天，今天最多：160 克" in home
    # 160 g × ¥80/t = 1.28 fen, cut to one decimal
    assert "约值 1.2 分钱" in home


def test_a_day_that_goes_over_the_page_keeps_its_whole_sum(app: Flask, xiaoman: Browser) -> None:
    for number in range(3):
        xiaoman.open("/h5/earn")
        xiaoman.submit("form-clean-plate-SH03", occurred_at=(NOW - timedelta(hours=number)).isoformat())
    xiaoman.open("/h5/earn")
    for number in range(19):
        xiaoman.open("/h5/earn")
        at = (NOW - timedelta(days=1, minutes=10 * number)).isoformat()
        answer, _ = xiaoman.submit("form-self-XI16", occurred_at=at)
        assert answer.get_json()["reduction_g"] == 6
    first = visible(xiaoman.open("/h5/book"))
    assert re.search(r"11 月 21 日\s*114 克", first), "19 × 6 g, although only 17 lines of that day are shown"
    assert first.count("走路 0.5 公里") == 17
    second = visible(xiaoman.open("/h5/book?page=2"))
    assert re.search(r"11 月 21 日\s*114 克", second)


@pytest.mark.parametrize("path", PAGES)
def test_large_type_keeps_the_phone_number_on_every_page(xiaoman: Browser, path: str) -> None:
    xiaoman.client.set_cookie("elder", "1")
    html = xiaoman.open(path)
    assert re.search(r"<html[^>]*data-elder", html)
    assert 'href="tel:12345"' in html.split('class="tabbar"')[1]


@pytest.mark.parametrize("path", [*PAGES, "/h5/login"])
@pytest.mark.parametrize("has_acts", [False, True])
def test_pages_are_wholly_english(app: Flask, path: str, has_acts: bool) -> None:
    browser = Browser(app).sign_in()
    if has_acts:
        earn_points(browser.agree(), 6, days_ago=3)
        browser.open("/h5/rewards")
        browser.submit("redeem-camellia-soap")
        browser.open("/h5/earn")
        browser.submit("form-xinyang-bus-XI14b")
    browser.client.set_cookie("lang", "en")
    html = browser.open(path)
    assert '<html lang="en"' in html
    for person in ("小满", "周奶奶", "老李"):  # people keep their names
        html = html.replace(person, "")
    left = [text for text in controls_of(html) if CHINESE.search(text)]
    assert left == []
    # Providers of rewards and 中文 (the way back) are proper nouns; everything else is English.
    rest = re.sub("演示公交|演示合作社|演示茶社|中文", "", visible(html))
    assert CHINESE.findall(rest) == []


@pytest.fixture
def clock() -> dict[str, datetime]:
    return {"now": NOW}


@pytest.fixture
def moving(settings: Settings, clock: dict[str, datetime]) -> Iterator[Flask]:
    """The same platform with a clock that tests move."""
    app = create_app(settings, clock=lambda: clock["now"])
    yield app
    platform(app).db.dispose()


def test_the_purse_is_one_number_and_short_lines(moving: Flask, clock: dict[str, datetime]) -> None:
    browser = Browser(moving).sign_in().agree()
    earn_points(browser, 3, days_ago=3)
    earn_points(browser, 1)
    for path in ("/h5/rewards", "/h5/book"):
        shown = visible(browser.open(path))
        assert "2027 年 12 月 31 日到期" in shown
        assert "另有 10 分，11 月 24 日起能用" in shown
    assert re.search(r'class="big"><a href="/h5/book#points">30</a>', browser.open("/h5/rewards"))
    assert "请先用" not in browser.page
    # the next year, with points of two lots and thirty days before the older one ends
    clock["now"] = datetime(2027, 12, 1, 4, tzinfo=UTC)
    browser = Browser(moving).sign_in()
    browser.open("/h5/earn")
    browser.submit("form-clean-plate-SH03")
    platform(moving).db.transact(lambda s: activate_due(s, now=clock["now"]))
    rewards = visible(browser.open("/h5/rewards"))
    assert "其中 40 分 12 月 31 日到期，请先用" in rewards
    assert "其中 40 分 12 月 31 日到期，请先用" in visible(browser.open("/h5/"))
    clock["now"] = datetime(2027, 12, 31, 16, tzinfo=UTC)  # midnight in Xinyang
    browser = Browser(moving).sign_in()
    assert re.search(r'class="big"><a href="/h5/book#points">8</a>', browser.open("/h5/rewards"))
    platform(moving).db.transact(lambda s: expire_due(s, now=clock["now"]))
    assert re.search(r"到期作废.*−40", visible(browser.open("/h5/book")), re.DOTALL)


def test_a_refused_exchange_can_be_read_again(xiaoman: Browser) -> None:
    earn_points(xiaoman, 6, days_ago=3)
    xiaoman.open("/h5/rewards")
    assert "没换成的" not in xiaoman.page
    shown = xiaoman.page
    platform(xiaoman.client.application).db.transact(lambda s: s.execute(sa.update(Reward).values(stock=0)))
    xiaoman.page = shown
    answer, _ = xiaoman.submit("redeem-camellia-soap")
    assert answer.status_code == 409
    page = visible(xiaoman.open("/h5/rewards"))
    assert "没换成的" in page
    assert "刚刚换完了，没有扣您的分" in page


def test_what_was_taken_back_is_marked(app: Flask, xiaoman: Browser) -> None:
    earn_points(xiaoman, 6, days_ago=3)
    xiaoman.open("/h5/rewards")
    answer, follow = xiaoman.submit("redeem-camellia-soap")
    signed = {"note": "店家关门", "actor_name": "甲 #1", "second_approver": "乙 #2", "now": NOW}
    number = answer.get_json()["id"]
    platform(app).db.transact(lambda s: refund(s, number, **signed).id)
    voucher = xiaoman.open(follow)
    assert "已退回积分" in voucher
    assert answer.get_json()["voucher_code"] not in visible(voucher)
    xiaoman.open("/h5/earn")
    act, _ = xiaoman.submit("form-xinyang-bus-XI14b")
    platform(app).db.transact(lambda s: withdraw_act(s, act.get_json()["id"], **signed).id)
    book = visible(xiaoman.open("/h5/book"))
    assert "已撤回" in book
    assert "店家关门" in book
    assert re.search(r"退回 山茶油手工皂 1 块.*\+60", book, re.DOTALL)
    assert re.search(r"今天少排\s*0\s*克", visible(xiaoman.open("/h5/")))
