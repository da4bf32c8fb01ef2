"""Citizens' pages (``/h5``): today, book, earn, rewards, one voucher. They read; forms post to the API."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import segno
from flask import Blueprint, redirect, render_template, request, url_for
from markupsafe import Markup

from carbon_platform.citizens import book, book_charts, consents, points, purse, rewards, rules
from carbon_platform.citizens.present import present_offers, present_reported
from carbon_platform.citizens.rewards_api import shown
from carbon_platform.citizens.service import Reported
from carbon_platform.citizens.tables import Act, Reward
from carbon_platform.console.citizen_charts import category_list, month_chart, year_chart
from carbon_platform.console.citizen_rows import (
    claim_words,
    consent_card,
    day_words,
    donation_card,
    entry_lines,
    greeting,
    honest_words,
    offer_card,
    points_card,
    points_lines,
    refusal_line,
    reward_card,
    row_words,
    voucher_cards,
    week_chart,
)
from carbon_platform.console.site import asked_page, local_path, pager
from carbon_platform.errors import NotAllowed, NotFound, NotSignedIn
from carbon_platform.web import Call, platform, reading

blp = Blueprint("citizen_pages", __name__, url_prefix="/h5")

ENTRIES_A_PAGE = 20
POINTS_LINES = 30
# In the demo a press of the button stands in for the partner's own report. Elsewhere people only
# report for themselves: a ride with full grams comes from the bus company, not from a page.
OFFERED_DEMO = (("xinyang-bus", "XI14b"), ("clean-plate", "SH03"), ("self", "XI16"), ("self", "XI17"))
OFFERED = (("self", "XI14b"), ("self", "SH03"), ("self", "XI16"), ("self", "XI17"))
# Invented people of the demo; with the WeChat mock the same code is always the same person.
DEMO_PEOPLE = (
    {"code": "demo-xiaoman", "name": "小满", "region": "411502"},
    {"code": "demo-zhou", "name": "周奶奶", "region": "411522"},
    {"code": "demo-laoli", "name": "老李", "region": "411523"},
)

View = Callable[..., Any]


def citizens_only(view: View) -> View:
    """A page of the signed-in citizen; everybody else, staff too, is shown the citizens' sign-in."""
    inner = reading("citizen.self")(view)

    @functools.wraps(inner)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        try:
            return inner(*args, **kwargs)
        except (NotSignedIn, NotAllowed):
            return redirect(url_for("citizen_pages.login", next=request.path))

    return wrapper


@blp.get("/login")
def login() -> str:
    settings = platform().settings
    is_mock = settings.wechat_mode == "mock"
    asked = local_path(request.args.get("next"), "/h5/")
    return render_template(
        "h5_login.html",
        tab=None,
        is_mock=is_mock,
        demo_codes=DEMO_PEOPLE if is_mock else (),
        next_url=asked if asked.startswith("/h5/") else "/h5/",
    )


@blp.get("/")
@citizens_only
def today(call: Call) -> str:
    session, actor = call.session, call.actor
    totals = book.totals(session, actor, now=call.now)
    todays = session.scalars(book.acts(actor).where(Act.day == rules.local_day(call.now)))
    account = purse.points(session, actor, now=call.now, limit=0)
    return render_template(
        "h5_today.html",
        tab="today",
        person={"name": actor.name, "greeting": greeting(actor.name, call.now)},
        today_g=totals.today_g,
        month_g=totals.month_g,
        year_g=totals.year_g,
        points=points_card(account, call.now),
        entries=entry_lines(session, todays),
        week=week_chart(book.last_week(session, actor, now=call.now)),
        has_consent=any(state.current for state in consents.states(session, actor)),
        honest=honest_words(totals.all_g) if totals.all_g else None,
    )


@blp.get("/book")
@citizens_only
def my_book(call: Call) -> str:
    session, actor = call.session, call.actor
    found = book.page(session, actor, page=asked_page(), size=ENTRIES_A_PAGE)
    before = request.args.get("before", type=int)
    account = purse.points(session, actor, now=call.now, limit=POINTS_LINES, before=before)
    today_iso = rules.local_day(call.now)
    by_day: dict[str, list[dict[str, Any]]] = {}
    for act, line in zip(found.items, entry_lines(session, found.items), strict=True):
        by_day.setdefault(act.day, []).append(line)
    # A day may go on over the page: its sum is of the whole day, not of the lines shown.
    sums = book.day_sums(session, actor, by_day)
    return render_template(
        "h5_book.html",
        tab="book",
        charts=_charts(call, today_iso) if found.total else None,
        total_g=book.totals(session, actor, now=call.now).all_g,
        days=[
            {"label": day_words(day, today_iso), "total_g": sums[day], "entries": lines}
            for day, lines in by_day.items()
        ],
        statement=points_lines(session, account.lines, call.now),
        points=points_card(account, call.now),
        older_points=account.next_before,
        page=pager(found),
    )


def _charts(call: Call, today_iso: str) -> dict[str, Any]:
    """A month (``?month=2026-10``, else this one) by day and by category, and the last twelve months."""
    session, actor = call.session, call.actor
    months = book_charts.last_months(session, actor, until=today_iso)
    asked = request.args.get("month", today_iso[:7])
    month = asked if asked in {bar.key for bar in months} else today_iso[:7]
    at = [bar.key for bar in months].index(month)
    return {
        "month": month_chart(book_charts.days_of_month(session, actor, month, until=today_iso), today_iso),
        "categories": category_list(book_charts.categories_of_month(session, actor, month)),
        "year": year_chart(months),
        "before": months[at - 1].key if at else None,
        "after": months[at + 1].key if at + 1 < len(months) else None,
    }


@blp.get("/earn")
@citizens_only
def earn(call: Call) -> str:
    session, actor = call.session, call.actor
    states = {state.text.partner: consent_card(state) for state in consents.states(session, actor)}
    offers = {(offer["source"], offer["behaviour"]): offer for offer in present_offers(session, call.now)}
    wanted = OFFERED_DEMO if call.settings.is_demo else OFFERED
    acts = [offer_card(session, offers[key], call.now) for key in wanted if key in offers]
    shown: set[str] = set()
    for act in acts:  # a text two cards need is read once, in the first
        act["asks"] = act["needs"] not in shown
        shown.add(act["needs"])
    return render_template(
        "h5_earn.html", tab="earn", consents=list(states.values()), acts=acts, done=_done(call)
    )


@blp.get("/rewards")
@citizens_only
def my_rewards(call: Call) -> str:
    account = purse.points(call.session, call.actor, now=call.now, limit=0)
    waiting = points.claimable(call.session, call.actor.holder, now=call.now)
    return render_template(
        "h5_rewards.html",
        tab="rewards",
        points=points_card(account, call.now),
        waiting=claim_words(waiting, call.now),
        under_review=waiting.under_review,
        rewards=[reward_card(row, account.available, call.now) for row in rewards.list_rewards(call.session)],
        projects=[
            reward_card(row, account.available, call.now)
            for row in rewards.list_donation_projects(call.session)
        ],
        donations=[donation_card(row, call.now) for row in rewards.list_donations(call.session, call.actor)],
        vouchers=voucher_cards(call.session, rewards.list_redemptions(call.session, call.actor), call.now),
        refusals=[refusal_line(row, call.now) for row in purse.refusals(call.session, call.actor, limit=5)],
    )


@blp.get("/codes/<code>")
@citizens_only
def voucher(call: Call, code: str) -> str:
    mine = rewards.list_redemptions(call.session, call.actor)
    row = next((row for row in mine if row.voucher_code == code), None)
    if row is None:
        raise NotFound(what="兑换码", key=code)
    provider = call.session.get_one(Reward, row.reward_code).provider_zh
    drawn = Markup()
    if row.status == rewards.READY:
        # The signed text can be checked by a shop without network; what no shop checks shows its code.
        text = shown(row, call.settings)["signed_code"] or code
        drawn = Markup(segno.make(text, error="m").svg_inline(border=1, omitsize=True))  # noqa: S704 — our own SVG
    return render_template(
        "h5_code.html",
        tab="rewards",
        voucher=voucher_cards(call.session, [row], call.now)[0]
        | {"id": row.id, "provider": provider, "qr_svg": drawn},
    )


def _done(call: Call) -> dict[str, Any] | None:
    """The act just reported, for the sentence on top of the page."""
    number = request.args.get("done", type=int)
    if number is None:
        return None
    act = book.get_act(call.session, call.actor, number)
    again = request.args.get("again") == "true"
    reported = present_reported(Reported(act, already_counted=again))
    return {
        "sentence": row_words(reported, "message"),
        "is_good": act.status == rules.COUNTED and not again,
        "url": f"/explain/act/{act.id}",
    }
