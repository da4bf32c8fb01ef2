"""Shops and merchants: the till (works without network), a shop's statements, and the desk of the staff."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from flask import Blueprint, Response, current_app, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from carbon_platform.citizens import reward_rules
from carbon_platform.citizens.reward_present import present_reward
from carbon_platform.citizens.rules import LOCAL
from carbon_platform.console.site import asked_page, page, pager, said
from carbon_platform.identity.tables import Organisation
from carbon_platform.inclusion.tables import Sponsorship
from carbon_platform.merchants import figures, service, shop, statements
from carbon_platform.merchants.errors import NoMerchant
from carbon_platform.merchants.present import present_statement
from carbon_platform.merchants.tables import Merchant
from carbon_platform.web import Call, paged

blp = Blueprint("shop_pages", __name__)

ROWS_A_PAGE = 50
TRIES = 20
CHOICES = 200
# The camera reads a QR here and nowhere else.
_CAMERA = "geolocation=(), camera=(self), microphone=()"


@blp.get("/shop/")
@page(None)
def till(call: Call) -> ResponseReturnValue:
    """The same page for everybody, so that a kept copy tells nothing; who may verify, the API decides."""
    response = current_app.make_response(render_template("shop.html", words=_till_words()))
    response.headers["Permissions-Policy"] = _CAMERA
    return response


@blp.get("/shop/worker.js")
def worker() -> ResponseReturnValue:
    """Under /shop/, because a worker serves only what lies below its own address."""
    source = Path(str(current_app.static_folder)) / "shop_worker.js"
    return Response(source.read_bytes(), mimetype="text/javascript", headers={"Cache-Control": "no-cache"})


def _till_words() -> dict[str, str]:
    return {
        "yes": _("收下"),
        "no": _("不能收"),
        "ok": _("已核销"),
        "bad": _("不结算"),
        "review": _("待上传"),
        "online": _("有网络"),
        "offline": _("没有网络"),
        "sign_in": _("用商家账号登录，才能联网核销"),
        "refused": _("这张券不能用"),
        "no_answer": _("没有办成"),
        "no_camera": _("打不开相机，请手工输入"),
        "taken_online": _("平台已核销，%(n)s 分", n="{points}"),
        "taken_offline": _("凭本机清单收下，连上网后自动上传"),
        "topup": _("请顾客在店里再付 %(yuan)s", yuan="{yuan}"),
        "by_platform": _("平台已核销"),
        "by_list": _("没有网络时收下，等待上传"),
        "handed_in": _("已上传，计入结算"),
        "not_paid": _("已上传，不结算：%(why)s", why="{why}"),
        "waiting": _("%(n)s 笔等待上传，请别清除浏览器数据。", n="{n}"),
        "none_waiting": _("没有等待上传的核销。"),
        "list_none": _("还没有清单：请先联网登录一次。"),
        "list_good": _(
            "清单取于 %(made)s，%(until)s 前没有网络也能核销（清单里有 %(n)s 张）。",
            made="{made}", until="{until}", n="{n}",
        ),
        "list_old": _("清单取于 %(made)s，已过期，请联网后再核。", made="{made}"),
        "no_unreadable": _("这不是一个兑换码。是 XY- 开头的 16 个字母数字，或顾客手机上的二维码。"),
        "no_no_list": _("没有网络，本机也没有清单。请先联网登录一次。"),
        "no_stale_list": _("没有网络，本机的清单也过期了。请联网后再核，券还留着。"),
        "no_taken": _("这张券在本机用过了，只能用一次。"),
        "no_void": _("这张券用过了，或积分已经退回。"),
        "no_other_shop": _("这是别家的券。"),
        "no_signature": _("二维码的签名不对：不是本平台发的，或被改过。"),
        "no_unknown": _("清单里没有这个码。请扫二维码，或联网后再核。"),
        "no_cannot_check": _("这个浏览器不能离线验签，清单里也没有这张券。请联网后再核。"),
        "no_expired": _("这张券过期了，积分会自动退回给顾客。"),
        "no_closed": _("这张券的使用时间是 %(hours)s，券还留着。", hours="{hours}"),
    }  # fmt: skip


@blp.get("/shop/statements")
@page("shop.self")
def shop_statements(call: Call) -> str:
    try:
        merchant = service.merchant_of(call.session, call.actor)
    except NoMerchant as missing:
        return render_template("shop_statements.html", merchant=None, why=said(missing.zh, missing.en))
    found = paged(call.session, statements.statements(call.actor), page=asked_page(), size=ROWS_A_PAGE)
    return render_template(
        "shop_statements.html",
        merchant=_merchant_row(merchant),
        month=_month(call, merchant),
        owed=figures.liability(call.session, merchant),
        statements=[_statement_row(row) | {"url": None} for row in found.items],
        tries=_tries(call, merchant),
        page=pager(found),
    )


@blp.get("/merchants")
@page("inclusion.read")
def merchants(call: Call) -> str:
    found = paged(call.session, service.merchants(call.actor), page=asked_page(), size=ROWS_A_PAGE)
    state = request.args.get("state", "")
    state = state if state in statements.STATE_WORDS else ""
    made = paged(
        call.session, statements.statements(call.actor, state=state), page=asked_page("statements"),
        size=ROWS_A_PAGE,
    )  # fmt: skip
    may_write, sponsors = call.actor.may("merchant.write"), _sponsors(call)
    return render_template(
        "merchants.html",
        merchants=[_merchant_row(row, sponsors) | {"month": _month(call, row)} for row in found.items],
        statements=[_statement_row(row) for row in made.items],
        statements_page=pager(made, "statements"),
        states=[
            {"label": label, "url": f"/merchants?state={code}#sts" if code else "/merchants#sts",
             "on": code == state}
            for code, label in (("", _("全部")), *((code, said(*words)) for code, words in _states()))
        ],
        state=state,
        owed=figures.liability(call.session),
        organisations=_without_merchant(call) if may_write else [],
        sponsors=sponsors,
        can={"write": may_write},
        page=pager(found),
    )  # fmt: skip


def _states() -> list[tuple[str, tuple[str, str]]]:
    return list(statements.STATE_WORDS.items())


def _sponsors(call: Call) -> dict[str, str]:
    """Who pays, by the code of their part of the reward fund."""
    found = sa.select(Sponsorship.sponsor_code, sa.func.max(Sponsorship.sponsor).label("name"))
    rows = found.group_by(Sponsorship.sponsor_code).order_by(Sponsorship.sponsor_code).limit(CHOICES)
    return {row.sponsor_code: row.name for row in call.session.execute(rows)}


def _without_merchant(call: Call) -> list[dict[str, Any]]:
    """Organisations of the reader's region that could be registered: those that are meant to be first."""
    found = (
        sa.select(Organisation.id, Organisation.name_zh)
        .where(
            Organisation.region_code.startswith(call.actor.region_code, autoescape=True),
            Organisation.kind.in_(("merchant", "partner", "enterprise")),
            Organisation.id.not_in(sa.select(Merchant.organisation_id)),
        )
        .order_by(sa.case((Organisation.kind == "merchant", 0), else_=1), Organisation.id)
    )
    return [{"id": one, "name": name} for one, name in call.session.execute(found.limit(CHOICES))]


@blp.get("/merchants/<code>")
@page("inclusion.read")
def merchant(call: Call, code: str) -> str:
    row = service.get_merchant(call.session, call.actor, code)
    sponsors = _sponsors(call)
    return render_template(
        "merchant.html",
        merchant=_merchant_row(row, sponsors),
        sponsors=sponsors,
        states=[(state, said(*words)) for state, words in service.STATE_WORDS.items()],
        month=_month(call, row),
        owed=figures.liability(call.session, row),
        offers=[_offer_row(offer, call.now) for offer in service.offers(call.session, row)],
        budgets=service.budgets(call.session, row),
        tries=_tries(call, row),
        statements=[
            _statement_row(found)
            for found in paged(
                call.session, statements.statements(call.actor, merchant_code=code), size=ROWS_A_PAGE
            ).items
        ],
        this_month=reward_rules.month_of(call.now),
        last_month=statements.month_of_statement(call.now),
        can={"write": call.actor.may("merchant.write")},
        trail=[{"label": _("商家"), "url": "/merchants"}, {"label": said(row.name_zh, row.name_en)}],
    )


@blp.get("/merchant-statements/<code>")
@page("inclusion.read")
def statement(call: Call, code: str) -> str:
    found = statements.get_statement(call.session, call.actor, code)
    owner = call.session.get_one(Merchant, found.merchant_code)
    lines = paged(call.session, statements.lines(found), page=asked_page(), size=ROWS_A_PAGE)
    mine = found.prepared_by_id == call.actor.user_id
    open_to_me = found.state == statements.DRAFT and call.actor.may("merchant.approve")
    return render_template(
        "merchant_statement.html",
        statement=_statement_row(found),
        merchant=_merchant_row(owner),
        lines=lines.items,
        can={"decide": open_to_me and not mine},
        own=open_to_me and mine,
        page=pager(lines),
        trail=[
            {"label": _("商家"), "url": "/merchants"},
            {"label": said(owner.name_zh, owner.name_en), "url": f"/merchants/{owner.code}"},
            {"label": found.code},
        ],
    )


@blp.get("/merchant-payments")
@page("cash.confirm")
def payments(call: Call) -> str:
    """For the bank: statements that two people agreed on, with the merchant to be paid."""
    found = paged(
        call.session,
        statements.statements(call.actor, state=statements.APPROVED),
        page=asked_page(),
        size=ROWS_A_PAGE,
    )
    owners = {row.merchant_code: call.session.get_one(Merchant, row.merchant_code) for row in found.items}
    return render_template(
        "merchant_payments.html",
        statements=[
            _statement_row(row)
            | {"merchant": said(owners[row.merchant_code].name_zh, owners[row.merchant_code].name_en)}
            for row in found.items
        ],
        page=pager(found),
    )


def _merchant_row(row: Merchant, sponsors: Mapping[str, str] | None = None) -> dict[str, Any]:
    kind_zh, kind_en = reward_rules.KINDS[row.kind]
    state_zh, state_en = service.STATE_WORDS[row.state]
    return {
        "code": row.code,
        "name": said(row.name_zh, row.name_en),
        "kind": said(kind_zh, kind_en),
        "state": row.state,
        "state_words": said(state_zh, state_en),
        "sponsor": row.sponsor_code,
        "sponsor_name": (sponsors or {}).get(row.sponsor_code, ""),
        "offline_hours": row.offline_hours,
        "month_budget_fen": row.month_budget_fen,
        "evidence": row.status,
        "source": row.source,
        "url": f"/merchants/{row.code}",
    }


def _month(call: Call, row: Merchant) -> figures.MonthFigures:
    month = reward_rules.month_of(call.now)
    since = datetime.strptime(month, "%Y-%m").replace(tzinfo=LOCAL)
    return figures.month_figures(call.session, row, month, since=since)


def _offer_row(offer: Any, now: datetime) -> dict[str, Any]:
    shown = present_reward(offer, now)
    return shown | {
        "name": said(offer.name_zh, offer.name_en),
        "season": reward_rules.season_words(offer.season_from, offer.season_to),
        "hours_words": said(shown["hours_zh"], shown["hours_en"]),
    }


def _statement_row(row: Any) -> dict[str, Any]:
    shown = present_statement(row)
    return shown | {
        "state_words": said(shown["state_zh"], shown["state_en"]),
        "url": f"/merchant-statements/{row.code}",
    }


def _tries(call: Call, row: Merchant) -> list[dict[str, Any]]:
    """Recent attempts of a merchant's shops; no code, no person."""
    return [
        {
            "at": tried.used_at,
            "received_at": tried.received_at,
            "device": tried.device,
            "offline": tried.offline,
            "ok": tried.outcome == shop.ACCEPTED,
            "name": said(voucher.name_zh, voucher.name_en) if voucher else _("没有这张券"),
            "reason": said(tried.reason_zh, tried.reason_en),
        }
        for tried, voucher in shop.verifications(call.session, row, limit=TRIES)
    ]
