"""Citizens' pages (``/h5``): today, book, earn, rewards, one voucher. They read; forms post to the API."""

from __future__ import annotations

import functools
import secrets
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import Any

import segno
import sqlalchemy as sa
from flask import Blueprint, redirect, render_template, request, url_for
from flask_babel import format_date
from flask_babel import gettext as _
from markupsafe import Markup

from carbon_platform.citizens import book, catalogue, consents, rewards, rules
from carbon_platform.citizens.present import (
    present_act,
    present_offers,
    present_points_line,
    present_redemption,
    present_reported,
)
from carbon_platform.citizens.service import Reported
from carbon_platform.citizens.tables import Act, Reward
from carbon_platform.errors import NotAllowed, NotFound, NotSignedIn
from carbon_platform.units import FEN_PER_YUAN, carbon_text, yuan_text
from carbon_platform.web import Call, paged, platform, reading
from carbon_platform.web.language import language

blp = Blueprint("citizen_pages", __name__, url_prefix="/h5")

ENTRIES_A_PAGE = 20
POINTS_LINES = 30
# Whole hours a person may name for an act without typing: today's and yesterday's.
FIRST_HOUR, LAST_HOUR = 6, 22
ICONS = {"XI14": "bus", "XI14b": "bus", "SH03": "plate", "XI16": "walk", "XI17": "bike"}
WALKED_M = (500, 1_000, 1_500, 2_000, 2_500, 3_000, 4_000, 5_000, 6_000, 8_000, 10_000)
CYCLED_M = (1_000, 2_000, 3_000, 4_000, 5_000, 6_000, 8_000, 10_000, 15_000, 20_000)
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
    asked = request.args.get("next", "")
    return render_template(
        "h5_login.html",
        tab=None,
        is_mock=is_mock,
        demo_codes=DEMO_PEOPLE if is_mock else (),
        # Only our own pages: a link from outside must not send people elsewhere after signing in.
        next_url=asked if asked.startswith("/h5/") else "/h5/",
    )


@blp.get("/")
@citizens_only
def today(call: Call) -> str:
    session, actor = call.session, call.actor
    totals = book.totals(session, actor, now=call.now)
    todays = session.scalars(book.acts(actor).where(Act.day == rules.local_day(call.now)))
    account = book.points(session, actor, limit=1)
    return render_template(
        "h5_today.html",
        tab="today",
        person={"name": actor.name, "greeting": _greeting(actor.name, call.now)},
        today_g=totals.today_g,
        month_g=totals.month_g,
        year_g=totals.year_g,
        points={"available": account.available, "pending": account.held},
        entries=[_entry(act) for act in todays],
        week=_week(book.last_week(session, actor, now=call.now)),
        has_consent=any(state.current for state in consents.states(session, actor)),
        honest=_honest(totals.all_g) if totals.all_g else None,
    )


@blp.get("/book")
@citizens_only
def my_book(call: Call) -> str:
    session, actor = call.session, call.actor
    number = min(max(1, request.args.get("page", 1, type=int)), 100_000)
    found = paged(session, book.acts(actor), page=number, size=ENTRIES_A_PAGE)
    before = request.args.get("before", type=int)
    account = book.points(session, actor, limit=POINTS_LINES, before=before)
    today_iso = rules.local_day(call.now)
    by_day: dict[str, list[Act]] = {}
    for act in found.items:
        by_day.setdefault(act.day, []).append(act)
    # A day may go on over the page: its sum is of the whole day, not of the lines shown.
    sums = dict(
        session.execute(
            sa.select(Act.day, sa.func.sum(Act.reduction_g))
            .where(Act.holder == actor.holder, Act.day.in_(by_day))
            .group_by(Act.day)
        ).all()
    )
    return render_template(
        "h5_book.html",
        tab="book",
        total_g=book.totals(session, actor, now=call.now).all_g,
        days=[
            {
                "label": _day_words(day, today_iso),
                "total_g": int(sums[day]),
                "entries": [_entry(act) for act in acts],
            }
            for day, acts in by_day.items()
        ],
        statement=[_points_line(line) for line in account.lines],
        points=account.available,
        older_points=account.next_before,
        page={"page": found.page, "pages": found.pages, "total": found.total, "url": "?page={page}"},
    )


@blp.get("/earn")
@citizens_only
def earn(call: Call) -> str:
    session, actor = call.session, call.actor
    states = {state.text.partner: _consent(state) for state in consents.states(session, actor)}
    offers = {(offer["source"], offer["behaviour"]): offer for offer in present_offers(call.now)}
    wanted = OFFERED_DEMO if call.settings.is_demo else OFFERED
    acts = [_offer(offers[key], call.now) for key in wanted if key in offers]
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
    available = book.points(call.session, call.actor, limit=1).available
    return render_template(
        "h5_rewards.html",
        tab="rewards",
        points={"available": available},
        rewards=[_reward(row, available) for row in rewards.list_rewards(call.session)],
        vouchers=[_voucher(row) for row in rewards.list_redemptions(call.session, call.actor)],
    )


@blp.get("/codes/<code>")
@citizens_only
def voucher(call: Call, code: str) -> str:
    mine = rewards.list_redemptions(call.session, call.actor)
    row = next((row for row in mine if row.voucher_code == code), None)
    if row is None:
        raise NotFound(what="兑换码", key=code)
    provider = call.session.get_one(Reward, row.reward_code).provider_zh
    drawn = Markup(segno.make(code, error="m").svg_inline(border=1, omitsize=True))  # noqa: S704 — our own SVG
    return render_template(
        "h5_code.html",
        tab="rewards",
        voucher=_voucher(row) | {"provider": provider, "qr_svg": drawn, "expires_at": None},
    )


def _said(row: dict[str, Any], name: str) -> str:
    """The text of ``name`` in the language of the page."""
    return str(row[f"{name}_{language()}"])


def _greeting(name: str, now: datetime) -> str:
    hour = now.astimezone(rules.LOCAL).hour
    if hour < 5 or hour >= 19:
        return _("%(name)s，晚上好", name=name)
    if hour < 9:
        return _("%(name)s，早上好", name=name)
    if hour < 12:
        return _("%(name)s，上午好", name=name)
    return _("%(name)s，下午好", name=name)


def _day_words(day: str, today_iso: str) -> str:
    then = date.fromisoformat(day)
    named = format_date(then, "d MMMM" if language() == "en" else "M 月 d 日")
    if day[:4] != today_iso[:4]:
        named = format_date(then, "d MMMM y" if language() == "en" else "y 年 M 月 d 日")
    return _("今天，%(day)s", day=named) if day == today_iso else named


def _act_title(row: dict[str, Any]) -> str:
    amount = row["quantity_text"]
    once = {"XI14b": _("公交一趟"), "SH03": _("光盘一餐")}
    if amount == "1" and row["behaviour"] in once:
        return once[row["behaviour"]]
    several = {
        "XI14": _("公交 %(n)s 公里", n=amount),
        "SH03": _("光盘 %(n)s 餐", n=amount),
        "XI16": _("走路 %(n)s 公里", n=amount),
        "XI17": _("骑车 %(n)s 公里", n=amount),
    }
    return several.get(row["behaviour"]) or f"{_said(row, 'name')} {amount} {_said(row, 'unit')}"


def _entry(act: Act) -> dict[str, Any]:
    """One line of the book; see h5_parts.html."""
    row = present_act(act)
    at = act.occurred_at.astimezone(rules.LOCAL)
    return {
        "title": _act_title(row),
        "note": f"{at:%H:%M} · {_said(row, 'source')}",
        "icon": ICONS.get(act.behaviour, "act"),
        "amount_g": act.reduction_g,
        "points": act.points,
        "state": act.status,
        "reason": _said(row, "reason"),
        "url": f"/explain/act/{act.id}",
    }


def _points_line(line: book.PointsLine) -> dict[str, Any]:
    row = present_points_line(line)
    url = f"/explain/act/{row['act_id']}" if row["act_id"] else None
    if line.redemption:
        url = f"/h5/codes/{line.redemption.voucher_code}"
    return {"at": line.at, "reason": _said(row, "words"), "points": line.amount, "url": url}


def _week(days: list[book.Day]) -> dict[str, Any] | None:
    """The chart of seven days with its finding in words; None when there is nothing to draw."""
    best = max(days, key=lambda day: day.reduction_g)
    if not best.reduction_g:
        return None
    names = [format_date(date.fromisoformat(day.day), "EEE") for day in days[:-1]] + [_("今天")]
    return {
        "finding": _(
            "近七天，%(day)s最多：%(grams)s",
            day=names[days.index(best)],
            grams=carbon_text(best.reduction_g, language()),
        ),
        "data": {
            "unit": _("克"),
            "bars": [
                {"label": name, "value": day.reduction_g} for name, day in zip(names, days, strict=True)
            ],
        },
        "twin": {
            "columns": [{"label": _("哪天")}, {"label": _("几笔"), "n": True}, {"label": _("克"), "n": True}],
            "rows": [[day.day, str(day.acts), f"{day.reduction_g:,}"] for day in days],
        },
    }


def _honest(all_g: int) -> str:
    """What the carbon itself is worth, so that nobody takes points for its price."""
    fen_per_t = catalogue.reference_price()["fen_per_t"]
    worth = rules.worth_fen(all_g, fen_per_t)
    whole_fen = int(worth.partition(".")[0])
    return _(
        "您一共少排 %(carbon)s，按每吨 %(price)s 算，碳本身约值 %(worth)s。"
        "积分是市里和商家的心意，不是碳价，也不能当碳票卖。",
        carbon=carbon_text(all_g, language()),
        price=f"¥{fen_per_t // FEN_PER_YUAN}",
        worth=yuan_text(whole_fen) if whole_fen >= FEN_PER_YUAN else _("%(n)s 分钱", n=worth),
    )


def _consent(state: consents.ConsentState) -> dict[str, Any]:
    given = state.consent
    return {
        "key": state.text.partner,
        "purpose": state.text.purpose,
        "title": state.partner_en if language() == "en" else state.partner_zh,
        "text": state.text.en if language() == "en" else state.text.zh,
        "version": state.text.version,
        "id": given.id if given else None,
        "given_at": given.given_at if given and state.current else None,
        "is_outdated": given is not None and not state.current,
    }


def _offer(offer: dict[str, Any], now: datetime) -> dict[str, Any]:
    """One card of the page "earn": what it is worth and the form to report it."""
    code = offer["behaviour"]
    titles = {
        "XI14b": _("坐了一趟公交"),
        "SH03": _("吃饭光盘了"),
        "XI16": _("走路代替坐车"),
        "XI17": _("骑车代替坐车"),
    }
    fields = [{"name": "occurred_at", "label": _("什么时候"), "options": _moments(now)}]
    if offer["quantity_field"] == "distance_m":
        lengths = WALKED_M if code == "XI16" else CYCLED_M
        options = [(str(m), _("%(km)s 公里", km=rules.milli_text(m))) for m in lengths]
        fields.append(
            {"name": "distance_m", "label": _("走了多远"), "data_type": "integer", "options": options}
        )
    return {
        "code": code,
        "title": titles[code],
        "icon": ICONS[code],
        "source": offer["source"],
        # Made once per page: sending the same form twice is the same record and counts once.
        "external_id": f"h5-{secrets.token_hex(8)}",
        "fields": fields,
        "worth": _(
            "每%(unit)s %(grams)s 克",
            unit=_said(offer, "unit"),
            grams=rules.grams_text(offer["grams_per_unit"]),
        ),
        "cap": _said(offer, "cap_note"),
        "is_half": offer["evidence_percent"] < 100,
        "stands_in_for": "" if offer["source"] == "self" else _said(offer, "source"),
        "url": f"/sources#{catalogue.methodology().key}",
        "needs": offer["source"],
    }


def _moments(now: datetime) -> list[tuple[str, str]]:
    """(ISO time with zone, words): just now, then whole hours back to yesterday morning."""
    local = now.astimezone(rules.LOCAL).replace(second=0, microsecond=0)
    found = [(local.isoformat(), _("刚才"))]
    for back, name in ((0, _("今天")), (1, _("昨天"))):
        day = local.date() - timedelta(days=back)
        for hour in range(LAST_HOUR, FIRST_HOUR - 1, -1):
            moment = datetime.combine(day, time(hour), rules.LOCAL)
            if moment < local:
                found.append((moment.isoformat(), f"{name} {hour:02d}:00"))
    return found


def _done(call: Call) -> dict[str, Any] | None:
    """The act just reported, for the sentence on top of the page."""
    number = request.args.get("done", type=int)
    if number is None:
        return None
    act = book.get_act(call.session, call.actor, number)
    again = request.args.get("again") == "true"
    said = present_reported(Reported(act, already_counted=again))
    return {
        "sentence": _said(said, "message"),
        "is_good": act.status == rules.COUNTED and not again,
        "url": f"/explain/act/{act.id}",
    }


def _reward(row: Reward, available: int) -> dict[str, Any]:
    return {
        "code": row.code,
        "title": row.name_en if language() == "en" else row.name_zh,
        "provider": row.provider_zh,
        "points": row.price_points,
        "stock": row.stock,
        "affordable": row.price_points <= available,
    }


def _voucher(row: Any) -> dict[str, Any]:
    shown = present_redemption(row)
    return {
        "code": row.voucher_code,
        "title": _said(shown, "name"),
        "points": row.price_points,
        "at": row.redeemed_at,
        "state": row.status,
        "url": f"/h5/codes/{row.voucher_code}",
    }
