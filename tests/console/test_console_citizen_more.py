"""Citizens' pages beyond the book: every form posted as the page sends it; others' things are not there."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask
from form_browser import CHINESE, Browser, controls_of, visible
from sqlalchemy.orm import Session
from test_console_citizen import NOW, act_forms, app, earn_points, settings, xiaoman

from carbon_platform.citizens import book_charts, inbox
from carbon_platform.citizens.book import book_account
from carbon_platform.identity.tables import Person
from carbon_platform.ledger import balance
from carbon_platform.web import platform

__all__ = ["app", "settings", "xiaoman"]

MORE = ("/h5/family", "/h5/account", "/h5/consents", "/h5/appeals", "/h5/refusals", "/h5/green")


@pytest.fixture
def zhou(app: Flask) -> Browser:
    return Browser(app).sign_in("demo-zhou")


def test_every_page_asks_who_one_is(app: Flask) -> None:
    for path in MORE:
        answer = app.test_client().get(path)
        assert (answer.status_code, answer.location) == (302, f"/h5/login?next={path}")


def test_every_page_is_wholly_english(xiaoman: Browser) -> None:
    xiaoman.open("/h5/family")
    xiaoman.submit("open-family", name="Xiaoman family")
    xiaoman.client.set_cookie("lang", "en")
    for path in (*MORE, "/h5/book", "/h5/rewards"):
        html = xiaoman.open(path).replace("小满", "")
        left = [text for text in controls_of(html) if CHINESE.search(text)]
        assert left == [], path
        # Names of partners, sources of factors and 中文 (the way back) keep their own language.
        rest = re.sub(
            r"<option.*?</option>|<small.*?</small>|class=.hint.*?</span>|演示公交|演示合作社|演示茶社|中文",
            "",
            html,
            flags=re.S,
        )
        assert len("".join(CHINESE.findall(visible(rest)))) < 40, (path, CHINESE.findall(visible(rest)))


def test_a_family_is_opened_joined_and_left(xiaoman: Browser, zhou: Browser) -> None:
    xiaoman.open("/h5/family")
    answer, _ = xiaoman.submit("open-family", name="小满一家")
    assert answer.status_code == 201, answer.get_json()
    xiaoman.open("/h5/family")
    told, _ = xiaoman.submit("invite")
    code = told.get_json()["code"]
    assert code not in xiaoman.open("/h5/family"), "an invitation is shown once"
    zhou.open("/h5/family")
    joined, _ = zhou.submit("join-family", code=code)
    assert joined.status_code == 201, joined.get_json()
    page = zhou.open("/h5/family")
    assert "小满一家" in page
    assert "我（周奶奶）" in visible(page)
    leaving = [name for name in zhou.forms if name.startswith("leave-")]
    assert len(leaving) == 1, "only oneself, unless one looks after the family"
    answer, _ = zhou.submit(leaving[0])
    assert answer.status_code == 204
    assert "还没有家庭" in zhou.open("/h5/family")


def test_gifts_and_proxies_between_relatives(xiaoman: Browser, zhou: Browser) -> None:
    earn_points(xiaoman, 6, days_ago=3)
    xiaoman.open("/h5/family")
    made, _ = xiaoman.submit("open-family", name="小满一家")
    zhou.open("/h5/family")
    zhou.submit("join-family", code=made.get_json()["invitation"]["code"])
    xiaoman.open("/h5/family")
    gift = next(name for name in xiaoman.forms if name.startswith("gift-"))
    answer, _ = xiaoman.submit(gift, points="20")
    assert answer.status_code == 201, answer.get_json()
    assert "−20 分" in visible(xiaoman.open("/h5/family"))
    assert "+20 分" in visible(zhou.open("/h5/family"))
    answer, _ = zhou.submit("grant", day_points="50", month_points="100")
    assert answer.status_code == 201, answer.get_json()
    assert "小满替我办" in visible(zhou.open("/h5/family"))
    assert "我替周奶奶办" in visible(xiaoman.open("/h5/family"))
    link = re.search(r'href="(/h5/proxies/[0-9]+)"', xiaoman.page)
    assert link
    assert zhou.client.get(link[1]).status_code == 404, "only the one who was asked to act"
    zhou.agree()
    xiaoman.open(link[1])
    answer, _ = xiaoman.submit("report-XI16")
    assert answer.status_code == 201, answer.get_json()
    assert "走路 0.5 公里" in visible(xiaoman.open(link[1]))
    assert "小满代报" in visible(zhou.open("/h5/family"))
    assert not [name for name in xiaoman.forms if name.startswith("redeem-")], "20 points buy nothing yet"
    xiaoman.open("/h5/family")
    ending = next(name for name in xiaoman.forms if name.startswith("end-proxy-"))
    answer, _ = xiaoman.submit(ending)
    assert answer.status_code == 204
    assert "小满替我办" not in visible(zhou.open("/h5/family"))


def test_every_text_can_be_agreed_to_and_withdrawn(app: Flask) -> None:
    browser = Browser(app).sign_in()
    browser.open("/h5/consents")
    asked = [name for name in browser.forms if name.startswith("consent-")]
    assert len(asked) >= 10
    for form_id in asked:
        browser.open("/h5/consents")
        answer, _ = browser.submit(form_id)
        assert answer.status_code in (201, 403), (form_id, answer.get_json())
        assert answer.status_code == 201 or "guardian" in form_id
    browser.open("/h5/consents")
    given = [name for name in browser.forms if name.startswith("withdraw-")]
    assert len(given) == len(asked)
    answer, _ = browser.submit("withdraw-platform-bundle")
    assert answer.status_code == 204
    browser.open("/h5/consents")
    assert "consent-platform-bundle" in browser.forms


def test_a_refused_act_leads_to_its_appeal_once(xiaoman: Browser, zhou: Browser) -> None:
    earn_points(xiaoman, 1)
    xiaoman.open("/h5/earn")
    refused, _ = xiaoman.submit("form-self-XI16", occurred_at=(NOW - timedelta(hours=1)).isoformat())
    number = refused.get_json()["id"]
    assert f'href="/h5/appeals?act={number}"' in xiaoman.open("/h5/book")
    assert zhou.client.get(f"/h5/appeals?act={number}").status_code == 404, "another person's act"
    xiaoman.open(f"/h5/appeals?act={number}")
    answer, follow = xiaoman.submit("appeal", words="那是下车以后走的")
    assert (answer.status_code, follow) == (201, "/h5/appeals")
    assert "正在看" in visible(xiaoman.open(follow))
    xiaoman.open(f"/h5/appeals?act={number}")
    assert "appeal" not in xiaoman.forms, "one appeal for one result"
    assert "那是下车以后走的" not in zhou.open("/h5/appeals")


def test_what_was_not_taken_in_is_read_and_contested_once(
    app: Flask, xiaoman: Browser, zhou: Browser
) -> None:
    old = {"behaviour": "XI14b", "occurred_at": (NOW - timedelta(days=40)).isoformat()}

    def send(session: Session) -> None:
        holder = session.scalars(sa.select(Person.holder).where(Person.nickname == "小满")).one()
        inbox.receive(session, "xinyang-bus", [old | {"external_id": "r-1", "holder": holder}], now=NOW)

    assert "没有被拒收的记录" in visible(xiaoman.open("/h5/refusals"))
    platform(app).db.transact(send)
    assert 'href="/h5/refusals"' in xiaoman.open("/h5/book")
    listed = visible(xiaoman.open("/h5/refusals"))
    assert "公交一趟" in listed and "信阳公交乘车码 · 今天 12:00送来" in listed and "超过 31 天" in listed
    link = re.search(r'href="(/h5/refusals/\d+)"', xiaoman.page)
    assert link
    assert zhou.client.get(link[1]).status_code == 404
    assert "公交一趟" not in zhou.open("/h5/refusals")
    one = visible(xiaoman.open(link[1]))
    assert "10 月 13 日 12:00" in one and "r-1" in one and "12 月 22 日前可以申诉" in one
    answer, follow = xiaoman.submit("appeal", words="那天车上没有网")
    assert (answer.status_code, follow) == (201, link[1]), answer.get_json()
    shown = visible(xiaoman.open(link[1]))
    assert "那天车上没有网" in shown and "正在看" in shown and "appeal" not in xiaoman.forms
    assert f'href="{link[1]}"' in xiaoman.open("/h5/appeals")
    xiaoman.client.set_cookie("lang", "en")
    for path in ("/h5/refusals", link[1]):
        html = xiaoman.open(path).replace("那天车上没有网", "").replace("演示公交", "").replace("中文", "")
        assert CHINESE.findall(visible(html)) == [], path


def test_an_act_that_counted_has_nothing_to_appeal(xiaoman: Browser) -> None:
    answer, _ = xiaoman.submit("form-xinyang-bus-XI14b")
    xiaoman.open(f"/h5/appeals?act={answer.get_json()['id']}")
    assert "appeal" not in xiaoman.forms


def test_a_footprint_is_kept_with_its_range_and_deleted(xiaoman: Browser) -> None:
    page = xiaoman.open("/h5/green")
    assert "试算" not in visible(page)
    names = [
        name for name, *_ in xiaoman.forms["footprint-form"]["controls"] if name.startswith("quantities.")
    ]
    answer, _ = xiaoman.submit("footprint-form", {names[0]: "1200", "persons": "2"})
    assert answer.status_code == 201, answer.get_json()
    shown = visible(xiaoman.open("/h5/green"))
    assert "试算，可能在" in shown
    assert "怎么算的" in shown
    answer, _ = xiaoman.submit("forget-footprint")
    assert answer.status_code == 204
    assert "试算" not in visible(xiaoman.open("/h5/green"))
    assert xiaoman.client.get("/h5/green?year=1999").status_code == 404


def test_name_phone_and_copy(xiaoman: Browser) -> None:
    xiaoman.open("/h5/account")
    answer, _ = xiaoman.submit("profile-form", nickname="小满满")
    assert answer.status_code == 200, answer.get_json()
    assert "小满满" in visible(xiaoman.open("/h5/account"))
    asked, _ = xiaoman.submit("ask-code", phone="138 0000 1234")
    code = asked.get_json()["demo_code"]
    answer, _ = xiaoman.submit("confirm-phone", phone="13800001234", code=code)
    assert answer.status_code == 200, answer.get_json()
    page = xiaoman.open("/h5/account")
    assert "138****1234" in page
    assert "13800001234" not in page
    copied, _ = xiaoman.submit("copy-json")
    assert "13800001234" in copied.get_data(as_text=True), "one's own copy is complete"
    packed, _ = xiaoman.submit("copy-csv")
    assert packed.data.startswith(b"PK")
    answer, _ = xiaoman.submit("forget-phone")
    assert answer.status_code == 204
    assert "138****1234" not in xiaoman.open("/h5/account")


def test_closing_and_deleting_end_the_session(app: Flask, xiaoman: Browser) -> None:
    earn_points(xiaoman, 1)
    xiaoman.open("/h5/account")
    answer, follow = xiaoman.submit("delete-account")
    assert (answer.status_code, follow) == (202, "/h5/login"), answer.get_json()
    assert xiaoman.client.get("/h5/").status_code == 302
    again = Browser(app)
    again.open("/h5/login")
    answer, _ = again.submit("h5-login", code="demo-xiaoman")
    assert answer.status_code == 409, "nobody opens an account again without meaning to"
    answer, _ = again.submit("h5-login", code="demo-xiaoman", reopen="true")
    assert answer.status_code == 201, answer.get_json()
    assert "小满" in again.open("/h5/account"), "signing in within the week stops it"
    answer, follow = again.submit("close-account")
    assert (answer.status_code, follow) == (200, "/h5/login"), answer.get_json()
    assert again.client.get("/h5/").status_code == 302


def test_points_earned_meanwhile_stop_a_deletion(xiaoman: Browser) -> None:
    """The page named fewer points than there are now: nothing lapses that was not named."""
    page = xiaoman.open("/h5/account")
    earn_points(xiaoman, 1)
    xiaoman.page = page
    answer, _ = xiaoman.submit("delete-account")
    assert answer.status_code == 409
    assert xiaoman.client.get("/h5/").status_code == 200


def test_charts_of_the_book_are_the_books_own_sums(app: Flask, xiaoman: Browser) -> None:
    earn_points(xiaoman, 2, days_ago=3)
    earn_points(xiaoman, 3, days_ago=25)
    xiaoman.open("/h5/earn")
    xiaoman.submit("form-clean-plate-SH03")
    house = platform(app)

    def sums(session):  # type: ignore[no-untyped-def]
        person = session.query(Person).filter_by(nickname="小满").one()
        actor = type("Reader", (), {"holder": person.holder})
        today = "2026-11-22"
        months = book_charts.last_months(session, actor, until=today)
        days = {m.key: book_charts.days_of_month(session, actor, m.key, until=today) for m in months}
        kinds = {m.key: book_charts.categories_of_month(session, actor, m.key) for m in months}
        return months, days, kinds, balance(session, book_account(person.holder)).posted

    months, days, kinds, whole = house.db.read(sums)
    assert sum(month.reduction_g for month in months) == whole == 5 * 80 + 70
    for month in months:
        assert sum(day.reduction_g for day in days[month.key]) == month.reduction_g
        assert sum(kind.reduction_g for kind in kinds[month.key]) == month.reduction_g
    assert len(days["2026-11"]) == 22, "days to come are not drawn"
    assert len(days["2026-10"]) == 31
    assert [kind.key for kind in kinds["2026-11"]] == ["行", "食"]
    shown = visible(xiaoman.open("/h5/book"))
    assert "2026 年 11 月一共少排 230 克，11 月 19 日最多：160 克" in shown
    assert "近十二个月，2026 年 10 月最多：240 克" in shown
    assert "2026 年 10 月一共少排 240 克" in visible(xiaoman.open("/h5/book?month=2026-10"))
    for odd in ("2020-01", "2026-13", "x", "2027-01"):
        assert "2026 年 11 月" in visible(xiaoman.open(f"/h5/book?month={odd}")), odd


def test_what_waits_to_be_fetched_is_told_only_when_there_is_some(xiaoman: Browser) -> None:
    assert "claim" not in xiaoman.forms
    xiaoman.open("/h5/rewards")
    assert "claim" not in xiaoman.forms
    assert act_forms(xiaoman) == []
