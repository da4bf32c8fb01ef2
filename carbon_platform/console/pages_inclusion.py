"""Inclusion for officials: dashboard, honesty board, the closed loop, bundles."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from markupsafe import Markup

from carbon_platform.citizens import scenes
from carbon_platform.console.formats import carbon, count, day, percent, yuan
from carbon_platform.console.site import asked_page, page, pager, role_label, said
from carbon_platform.inclusion import board as honesty
from carbon_platform.inclusion import bundles, fund, rules
from carbon_platform.inclusion.overview import Accounts, Overview, SceneQuality, overview
from carbon_platform.inclusion.present import fen_text, present_bundle, present_bundle_detail
from carbon_platform.inclusion.tables import Bundle
from carbon_platform.web import Call, paged
from carbon_platform.web.language import language

blp = Blueprint("inclusion_pages", __name__)

PAGE_SIZE = 20
WHOLE_BP = 10_000
FORECAST_YEARS = 50
MANY_TIMES = 10
MISSING = "—"


@blp.get("/dashboard")
@page("inclusion.read")
def dashboard(call: Call) -> ResponseReturnValue:
    found = overview(call.session, now=call.now)
    return render_template(
        "dashboard.html",
        headline=_headline(found),
        may_people=call.actor.may("person.read") or call.actor.may("audit.read"),
        city=_accounts(found.city),
        counties={
            "columns": [{"label": _("县区")}, *({"label": one, "n": True} for one in _account_heads())],
            "rows": [_account_row(row) for row in found.counties],
            "foot": _account_row(found.city),
        },
        note=said(found.note_zh, found.note_en),
        acts=_acts(found),
        days=_days(found),
        by_county={
            "columns": [
                {"label": _("县区")}, {"label": _("笔数"), "n": True}, {"label": _("积分级"), "n": True},
                {"label": _("可计入级"), "n": True}, {"label": _("积分"), "n": True},
            ],
            "rows": [
                [said(row.name_zh, row.name_en), count(row.sums.acts), _grams(row.sums.reduction_g),
                 _grams(row.sums.creditable_g), count(row.sums.points)]
                for row in found.by_county
            ],
        },
        scenes={
            "columns": [
                {"label": _("场景")}, {"label": _("状态")}, {"label": _("笔数"), "n": True},
                {"label": _("没有计入"), "n": True}, {"label": _("撤回"), "n": True},
                {"label": _("质量分（7 天）"), "n": True},
            ],
            "rows": [_scene(row, link=call.actor.may("scene.read")) for row in found.scenes],
        },
        money=_money(found),
        as_of=found.as_of,
        counted_at=found.counted_at,
    )  # fmt: skip


def _headline(found: Overview) -> str:
    """One sentence that does not flatter: how many there are, should be, and when it will be enough."""
    city = found.city
    if found.counted_at is None:
        return _("账户还没有数过；每小时数一次。")
    words = {"opened": count(city.opened), "due": count(city.expected_now), "target": count(city.target)}
    if city.opened >= (city.expected_now or 0):
        return _("已开户 %(opened)s，到今天应有 %(due)s，跟得上。", **words)
    behind = count((city.expected_now or 0) - city.opened)
    if _never(city):
        return _(
            "已开户 %(opened)s，到今天应有 %(due)s，差 %(behind)s；照近 30 天的速度到不了 %(target)s。",
            behind=behind,
            **words,
        )
    return _(
        "已开户 %(opened)s，到今天应有 %(due)s，差 %(behind)s；按近 30 天的速度，%(on)s 到 %(target)s。",
        behind=behind,
        on=day(city.forecast_on),
        **words,
    )


def _never(row: Accounts) -> bool:
    """Whether the target is out of reach at the present rate: nobody plans for a date in fifty years."""
    return row.forecast_on is None or (
        row.target_on is not None and row.forecast_on.year > row.target_on.year + FORECAST_YEARS
    )


def _accounts(row: Accounts) -> list[dict[str, Any]]:
    share = percent(row.opened / row.target, 1) if row.target else MISSING
    return [
        {"label": _("已开户"), "value": count(row.opened),
         "below": _("目标 %(target)s（%(on)s），%(share)s", target=count(row.target), on=day(row.target_on),
                    share=share)},
        {"label": _("近 30 天活跃"), "value": count(row.active), "below": _("至少记过一笔")},
        {"label": _("已实名"), "value": count(row.real_name), "below": _("自愿；三个数不相加")},
        {"label": _("近 30 天每天新开"), "value": _per_day(row),
         "below": _("到今天应有 %(due)s", due=count(row.expected_now))},
    ]  # fmt: skip


def _account_heads() -> tuple[str, ...]:
    return (_("已开户"), _("活跃"), _("已实名"), _("到今天应有"), _("年底目标"), _("每天新开"), _("预计到达"))


def _account_row(row: Accounts) -> list[str]:
    arrives = MISSING if row.target is None else _("到不了") if _never(row) else day(row.forecast_on)
    return [
        said(row.name_zh, row.name_en), count(row.opened), count(row.active), count(row.real_name),
        count(row.expected_now), count(row.target), _per_day(row),
        arrives,
    ]  # fmt: skip


def _per_day(row: Accounts) -> str:
    """New accounts a day; a few a month are not none."""
    return MISSING if row.per_day is None else f"{row.per_day:,.2f}".rstrip("0").rstrip(".")


def _acts(found: Overview) -> list[dict[str, Any]]:
    total = found.total
    return [
        {"label": _("记下的行为"), "value": count(total.acts),
         "below": _("其中没有计入 %(n)s，另撤回 %(gone)s", n=count(total.not_counted),
                    gone=count(total.withdrawn))},
        {"label": _("积分级减排"), "value": _grams(total.reduction_g), "below": _("鼓励用，不签发")},
        {"label": _("可计入级减排"), "value": _grams(total.creditable_g),
         "below": _("保守口径，只有它能申请签发；两级不相加")},
    ]  # fmt: skip


def _days(found: Overview) -> dict[str, Any]:
    best = max(found.days, key=lambda one: one.acts)
    finding = (
        _("近 30 天最多的一天是 %(day)s，%(n)s 笔", day=best.day, n=count(best.acts))
        if best.acts
        else _("近 30 天没有记下行为")
    )
    return {
        "finding": finding,
        "data": {
            "unit": said("笔", "acts"), "from_zero": True,
            "labels": [one.day[5:] for one in found.days],
            "series": [{"name": said("笔数", "acts"), "values": [one.acts for one in found.days]}],
        },
        "twin": {
            "columns": [
                {"label": _("日期")}, {"label": _("笔数"), "n": True}, {"label": _("积分级"), "n": True},
                {"label": _("可计入级"), "n": True}, {"label": _("积分"), "n": True},
            ],
            "rows": [
                [one.day, count(one.acts), _grams(one.reduction_g), _grams(one.creditable_g),
                 count(one.points)]
                for one in found.days
            ],
        },
    }  # fmt: skip


def _scene(row: SceneQuality, *, link: bool) -> list[str]:
    name = said(row.name_zh, row.name_en)
    if link:
        name = Markup('<a href="/scenes/{}">{}</a>').format(row.code, name)
    return [
        name, said(*scenes.STATE_WORDS[row.state]), count(row.sums.acts),
        _share(row.not_counted_bp), _share(row.withdrawn_bp),
        _("没有推送") if row.score is None else count(row.score),
    ]  # fmt: skip


def _share(bp: int | None) -> str:
    return MISSING if bp is None else percent(bp / WHOLE_BP, 1)


def _grams(amount_g: int) -> str:
    return carbon(amount_g, language())


def _money(found: Overview) -> list[dict[str, Any]]:
    return [
        {"label": _("没花掉的积分"), "value": count(found.points.outstanding), "below": _("随时可能来兑换")},
        {"label": _("按最高兑换价值"), "value": yuan(found.liability_fen), "below": _("这是欠市民的")},
        {"label": _("奖励资金余额"), "value": yuan(found.money.balance),
         "below": _("其中商家预算 %(sum)s", sum=yuan(found.money.set_aside))},
        {"label": _("等审核的汇总"), "value": count(found.bundles_waiting),
         "below": _("第三方核证和生态环境局")},
    ]  # fmt: skip


@blp.get("/honesty")
@page("inclusion.read")
def honesty_board(call: Call) -> ResponseReturnValue:
    found = honesty.board(call.session, now=call.now)
    sponsors = paged(call.session, fund.sponsorships(), page=asked_page(), size=PAGE_SIZE)
    return render_template(
        "honesty.html",
        headline=_finding(found),
        price=found.price,
        price_source=said(found.price.source_zh, found.price.source_en),
        point={"low": fen_text(found.value.low_fen), "high": fen_text(found.value.high_fen)}
        if found.value
        else None,
        total=found.total,
        stats=_fund_stats(found),
        scenes=_rows(found.scenes, found.total),
        behaviours=_rows(found.behaviours, None),
        sponsors=sponsors.items,
        sponsor_words={state: said(*words) for state, words in rules.SPONSOR_WORDS.items()},
        page=pager(sponsors),
        loop=_loop(honesty.loop(call.session, now=call.now)),
        can={"write": call.actor.may("inclusion.write")},
        as_of=found.as_of,
    )


def _finding(found: honesty.Board) -> str:
    total = found.total
    if total.fen_per_t is None or total.times is None:
        return _("还没有可比的数：要有计入的克数，也要有在架的兑换品。")
    return _(
        "每吨减排的奖励最多花 %(cost)s，碳本身值 %(worth)s：奖励是碳价的 %(times)s 倍，"
        "靠赞助和预算，不靠卖碳。",
        cost=rules.yuan_per_tonne_text(total.fen_per_t),
        worth=rules.yuan_per_tonne_text(found.price.fen_per_t),
        times=count(total.times),
    )


def _fund_stats(found: honesty.Board) -> list[dict[str, Any]]:
    money = found.money
    covered = MISSING if found.covered_bp is None else _times_or_percent(found.covered_bp)
    return [
        {"label": _("奖励资金余额"), "value": yuan(money.balance),
         "below": _("赞助到账 %(a)s，碳票收入 %(b)s", a=yuan(money.from_sponsors),
                    b=yuan(money.from_tickets))},
        {"label": _("没花掉的积分"), "value": count(found.points.outstanding),
         "below": _("按最低到最高兑换价值：%(low)s – %(high)s", low=yuan(found.liability_low_fen),
                    high=yuan(found.liability_fen))},
        {"label": _("资金够付多少"), "value": covered, "below": _("余额 ÷ 按最高价值算的积分负债")},
        {"label": _("承诺未到账"), "value": yuan(money.promised), "below": _("不算在余额里")},
        {"label": _("已发出的券"), "value": yuan(money.vouchers), "below": _("钱已留在商家预算里")},
        {"label": _("商家已结算"), "value": yuan(money.settled), "below": ""},
    ]  # fmt: skip


def _times_or_percent(bp: int) -> str:
    """A share of the whole; from ten wholes on how many times, which a percentage only hides."""
    if bp < MANY_TIMES * WHOLE_BP:
        return percent(bp / WHOLE_BP, 1)
    return _("%(n)s 倍", n=count(bp // WHOLE_BP))


def _worth(row: honesty.Row) -> str:
    """What the carbon is worth; some grams are worth less than a fen, not nothing."""
    return _("不足 ¥0.01") if row.sums.reduction_g and not row.market_fen else yuan(row.market_fen)


def _rows(rows: tuple[honesty.Row, ...], total: honesty.Row | None) -> dict[str, Any]:
    def cells(row: honesty.Row, name: str) -> list[str]:
        low, high = (rules.yuan_per_tonne_text(one) for one in (row.low_fen_per_t, row.fen_per_t))
        return [
            name, count(row.sums.acts), _grams(row.sums.reduction_g), count(row.sums.points),
            yuan(row.reward_fen), _worth(row), high if low == high else f"{low} – {high}",
            MISSING if row.times is None else _("%(n)s 倍", n=count(row.times)),
        ]  # fmt: skip

    heads = (_("笔数"), _("积分级"), _("积分"), _("奖励 ¥（最多）"), _("碳值 ¥"), _("¥/吨"), _("是碳价的"))
    return {
        "columns": [{"label": _("来源")}, *({"label": head, "n": True} for head in heads)],
        "rows": [cells(row, said(row.name_zh, row.name_en)) for row in rows],
        "foot": None if total is None else cells(total, _("合计")),
    }


@blp.get("/loop")
@page(None)
def closed_loop(call: Call) -> ResponseReturnValue:
    """The loop in totals, for everybody: nobody can be read out of it."""
    found = honesty.loop(call.session, now=call.now)
    return render_template("loop.html", loop=_loop(found), as_of=found.as_of)


def _loop(found: honesty.Loop) -> dict[str, Any]:
    rows = [
        [_("① 市民减排（积分级）"), _grams(found.earned_g), _("鼓励口径，不签发")],
        [_("　其中可计入级"), _grams(found.creditable_g), _("保守口径；与上一行不相加")],
        [_("② 同意汇总的"), _grams(found.bundled_g), _("只汇总本人同意的，每笔一次")],
        [_("③ 已签发"), _("%(n)s 千克", n=count(found.issued_kg)),
         _("整批取整一次，舍去 %(n)s", n=_grams(found.given_up_g))],
        [_("④ 已售出"), _("%(n)s 千克", n=count(found.sold_kg)), yuan(found.sold_fen)],
        [_("⑤ 进奖励资金"), yuan(found.fund_fen),
         _("扣除手续费和税；另有赞助 %(sum)s", sum=yuan(found.sponsors_fen))],
        [_("⑥ 兑换"), _("%(n)s 分", n=count(found.redeemed_points)),
         _("商家已结算 %(sum)s；资金余额 %(left)s", sum=yuan(found.paid_out_fen),
           left=yuan(found.fund_balance_fen))],
    ]  # fmt: skip
    heads = [{"label": _("环节")}, {"label": _("数量"), "n": True}, {"label": _("说明")}]
    return {"columns": heads, "rows": rows}


@blp.get("/bundles")
@page("inclusion.read")
def bundle_list(call: Call) -> ResponseReturnValue:
    found = paged(call.session, bundles.bundles(), page=asked_page(), size=PAGE_SIZE)
    return render_template(
        "bundles.html",
        bundles=[_bundle(call, row) for row in found.items],
        page=pager(found),
        can={"write": call.actor.may("inclusion.write")},
    )


def _bundle(call: Call, row: Bundle) -> dict[str, Any]:
    words = present_bundle(call.session, row)
    return words | {
        "state_text": said(*rules.BUNDLE_WORDS[row.state]),
        "creditable": _grams(row.creditable_g),
        "reduction": _grams(row.reduction_g),
        "given_up": _grams(row.creditable_g % rules.GRAMS_PER_T),
        "last_day": rules.Window(row.starts_on, row.ends_on).last_day,
    }


@blp.get("/bundles/<code>")
@page("inclusion.read")
def bundle_page(call: Call, code: str) -> ResponseReturnValue:
    row = bundles.get_bundle(call.session, code)
    detail = present_bundle_detail(call.session, row)
    return render_template(
        "bundle.html",
        bundle=_bundle(call, row),
        changes=detail["changes"],
        blockers=[{"text": said(one.zh, one.en), "who": role_label(one.who)} for one in detail["blockers"]],
        can={"write": call.actor.may("inclusion.write"), "review": call.actor.may("run.review")},
        trail=[{"label": _("普惠汇总"), "url": "/bundles"}, {"label": code}],
    )
