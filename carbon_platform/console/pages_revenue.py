"""Revenue: the targets, where the chain is narrow, and where the money of a sale went."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import sqlalchemy as sa
from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from carbon_platform.console.formats import count, day, percent, tonnes, yuan, yuan_short
from carbon_platform.console.outline import county_shapes
from carbon_platform.console.pages_inbox import undistributed
from carbon_platform.console.pages_market import level_label
from carbon_platform.console.pages_public import county_outlines, months_gone, stuck_at, window_months
from carbon_platform.console.site import asked_page, counties_text, county, page, pager, said
from carbon_platform.credits.tables import CreditBatch
from carbon_platform.inclusion.fund import LEVEL as REWARD_FUND
from carbon_platform.market.queries import view_trades
from carbon_platform.market.tables import Trade
from carbon_platform.regions.service import region_names
from carbon_platform.revenue import dashboard as board
from carbon_platform.revenue import rules, service
from carbon_platform.revenue.tables import Distribution
from carbon_platform.units import KG_PER_T
from carbon_platform.web import Call, paged
from carbon_platform.web.language import language
from methodologies import registry

blp = Blueprint("revenue_pages", __name__)

WAITING_SHOWN = 20
LINES_SHOWN = 50


@blp.get("/revenue")
@page("revenue.read")
def revenue(call: Call) -> ResponseReturnValue:
    found = board.dashboard(call.session, now=call.now)
    price_fen = _mean_price(call)
    latest = call.session.scalar(service.distributions(call.actor).limit(1))
    issued = {row.code for batch in found.batches for row in batch.counties if row.figures.issued_kg}
    return render_template(
        "revenue.html",
        headline=_headline(found, price_fen),
        bases=said(found.bases_zh, found.bases_en),
        batches=[_batch(call, batch, price_fen) for batch in found.batches],
        funnel=_funnel(call, found),
        receipt=receipt(call, latest) if latest else None,
        waiting=_waiting(call),
        counties=[_county(row, batch.number) for batch in found.batches for row in batch.counties],
        totals=_figures(found.total) | {"name": _("合计")},
        as_of=call.now,
        outline=county_outlines({}, issued, "#county-{code}"),
        outline_height=county_shapes()[1],
        can={"distribute": call.actor.may("distribution.write")},
    )


def _mean_price(call: Call) -> int | None:
    """Mean price of first sales so far in fen per tonne, weighted by tonnes."""
    amount, kilograms = call.session.execute(
        sa.select(sa.func.sum(Trade.amount_fen), sa.func.sum(Trade.quantity_kg)).where(
            Trade.is_first_sale.is_(True)
        )
    ).one()
    return round(int(amount) * KG_PER_T / int(kilograms)) if kilograms else None


def _headline(found: board.Dashboard, price_fen: int | None) -> str:
    """One sentence that does not flatter: what everything issued would bring, against the target."""
    if price_fen is None:
        return _("还没有一笔成交。先看下面卡在哪一步。")
    target = sum(batch.target_fen for batch in found.batches)
    received = sum(batch.figures.received_forestry_fen for batch in found.batches)
    unsold = max(found.total.issued_kg - found.total.sold_kg, 0) * price_fen // KG_PER_T
    return _(
        "两批合计到账 %(got)s，是目标的 %(share)s；已签发的全按均价 %(price)s/吨卖掉，也只有 %(all)s。",
        got=yuan(received),
        share=_share(received, target),
        price=yuan(price_fen),
        all=_share(received + unsold, target),
    )


def _share(part: int, whole: int) -> str:
    """A share small enough to vanish keeps its digits."""
    ratio = part / whole if whole else 0.0
    if not part:
        return "0%"
    return percent(ratio, 1 if ratio >= 0.1 else 2 if ratio >= 0.001 else 4)


def _batch(call: Call, batch: board.BatchFigures, price_fen: int | None) -> dict[str, Any]:
    figures, months = batch.figures, window_months(batch)
    codes = [row.code for row in batch.counties]
    first = call.session.scalar(
        sa.select(sa.func.min(Trade.at))
        .join(CreditBatch, CreditBatch.id == Trade.batch_id)
        .where(CreditBatch.county_code.in_(codes), Trade.is_first_sale.is_(True))
    )
    unsold_kg = max(figures.issued_kg - figures.sold_kg, 0)
    gap = batch.gap_tonnes[-1]
    return {
        "number": batch.number,
        "name": said(batch.name_zh, f"Batch {batch.number}"),
        "target_fen": batch.target_fen,
        "received_fen": figures.received_forestry_fen,
        "maybe_fen": unsold_kg * price_fen // KG_PER_T if price_fen else 0,
        "share": figures.received_forestry_fen / batch.target_fen,
        "share_text": _share(figures.received_forestry_fen, batch.target_fen),
        "time_share": batch.elapsed_bp / rules.WHOLE_BP,
        "months_gone": months_gone(batch.starts_on, call.now, months),
        "months": months,
        "counties_text": counties_text(codes),
        "gap_fen": batch.gap_fen,
        "gap_kg_at": _("折合 %(n)s 吨 @ %(price)s/吨（示意价）", n=count(gap.tonnes),
                       price=yuan_short(gap.price_fen_per_t, language())),
        "sold_kg": figures.sold_kg,
        "forecast_fen": batch.forecast_fen,
        "first_sale": first,
    }  # fmt: skip


def _funnel(call: Call, found: board.Dashboard) -> dict[str, Any]:
    """Tonnes from assessed to shared out; the narrowest step is the finding."""
    shared_kg = call.session.scalar(
        sa.select(sa.func.coalesce(sa.func.sum(Trade.quantity_kg), 0)).join(
            Distribution, Distribution.trade_id == Trade.id
        )
    )
    total = found.total
    stages: list[dict[str, Any]] = [
        {"label": _("已核算"), "kg": total.assessed_kg, "certainty": "est"},
        {"label": _("已核证"), "kg": total.verified_kg, "certainty": "checked"},
        {"label": _("已签发"), "kg": total.issued_kg, "certainty": "issued"},
        {"label": _("已售已到账"), "kg": total.sold_kg, "certainty": "done"},
        {"label": _("已分到户"), "kg": int(shared_kg or 0), "certainty": "people"},
    ]
    narrowest, least = None, 1.0
    for before, stage in pairwise(stages):
        if before["kg"]:
            rate = stage["kg"] / before["kg"]
            stage["note"] = _("过 %(rate)s", rate=percent(rate, 0))
            if rate < least:
                narrowest, least = (before, stage), rate
    if narrowest:
        narrowest[1]["narrow"] = True
        finding = _("最窄的一步：%(a)s到%(b)s，只过了 %(rate)s", a=narrowest[0]["label"],
                    b=narrowest[1]["label"], rate=percent(least, 0))  # fmt: skip
    else:
        finding = _("还没有核算") if not total.assessed_kg else _("每一步都走完了")
    return {
        "finding": finding,
        "data": {
            "unit": said("吨", "t"),
            "stages": [
                {"label": one["label"], "value": one["kg"] / KG_PER_T, "certainty": one["certainty"],
                 "note": one.get("note", ""), "narrow": one.get("narrow", False)}
                for one in stages
            ],
        },
        "twin": {
            "columns": [{"label": _("步骤")}, {"label": _("吨"), "n": True}, {"label": _("比上一步")}],
            "rows": [[one["label"], tonnes(one["kg"]), one.get("note", "")] for one in stages],
        },
    }  # fmt: skip


def receipt(call: Call, found: Distribution) -> dict[str, Any]:
    """A receipt shared out, as a waterfall from what came in to who got what."""
    trade = call.session.get_one(Trade, found.trade_id)
    goods = view_trades(call.session, [trade])[0]
    money = [
        (_("收款"), found.gross_fen, "total", "checked"),
        (_("手续费"), -found.fee_fen, "change", None),
        (_("增值税"), -found.vat_fen, "change", None),
        (_("可分配"), found.base_fen, "total", "checked"),
    ]
    money += [
        (level_label(level), -int(found.levels.get(level, 0)), "change",
         "keep" if level == rules.COMPANY else "people")
        for level in (*rules.LEVELS, REWARD_FUND)
    ]  # fmt: skip
    local = percent(found.below_fen / found.base_fen) if found.base_fen else _("未分配")
    return {
        "finding": _("一笔钱怎么分：%(share)s 到县及以下，规定不低于 70%%", share=local),
        "title": _(
            "成交 %(trade)s，%(county)s，%(at)s，%(n)s 吨 × %(price)s",
            trade=trade.code, county=county(found.county_code), at=day(trade.at),
            n=tonnes(trade.quantity_kg), price=yuan(goods.price_fen_per_t),
        ),
        "url": f"/distributions/{found.code}",
        "code": found.code,
        "data": {
            "unit": "¥",
            "estimate": False,
            "line": {"value": found.base_fen * rules.FLOOR_BP // rules.WHOLE_BP / 100,
                     "label": _("70% 线")},
            "steps": [
                {"label": label, "value": fen / 100, "kind": kind, "certainty": certainty}
                for label, fen, kind, certainty in money
                if fen or kind == "total"
            ],
        },
        "twin": {
            "columns": [{"label": _("去向")}, {"label": "¥", "n": True}],
            "rows": [[label, yuan(abs(fen) if kept in ("keep", "people") else fen)]
                     for label, fen, _kind, kept in money],
        },
    }  # fmt: skip


def _waiting(call: Call) -> list[dict[str, Any]]:
    found = list(call.session.scalars(undistributed(call).limit(WAITING_SHOWN)))
    return [
        {
            "trade_code": view.code,
            "at": view.at,
            "amount_fen": view.amount_fen,
            # Bundled acts have no land: their money goes into the reward fund.
            "pooled": registry()[view.goods.methodology_key].subject == "act",
            "project_name": f"{view.goods.project_name}，{county(view.goods.county_code)}",
        }
        for view in view_trades(call.session, found)
    ]


def _figures(figures: board.Figures) -> dict[str, Any]:
    return {
        "area_m2": figures.surveyed_area_m2,
        "issued_kg": figures.issued_kg,
        "sold_kg": figures.sold_kg,
        "received_fen": figures.received_fen,
        "local_share": None if figures.below_bp is None else figures.below_bp / rules.WHOLE_BP,
    }


def _county(row: board.CountyFigures, number: int) -> dict[str, Any]:
    return _figures(row.figures) | {
        "code": row.code,
        "name": said(row.name_zh, row.name_en),
        "batch": number,
        "stuck": stuck_at(row.figures),
        "url": f"/market?county={row.code}",
    }


@blp.get("/distributions/<code>")
@page("distribution.read")
def distribution(call: Call, code: str) -> ResponseReturnValue:
    """One receipt down to each payee."""
    found = service.get_distribution(call.session, call.actor, code)
    level = request.args.get("level", "")
    lines = paged(call.session, service.lines(found, level=level), page=asked_page(), size=LINES_SHOWN)
    places = region_names(call.session, {line.village_code for line in lines.items})
    return render_template(
        "distribution.html",
        distribution={
            "code": found.code,
            "county_name": county(found.county_code),
            "at": found.distributed_at,
            "by": found.distributed_by,
            "base_fen": found.base_fen,
            "below_fen": found.below_fen,
            "below_share": found.below_fen / found.base_fen if found.base_fen else None,
            "meets_floor": found.meets_floor,
            "company_fen": found.company_fen,
            "scheme_source": found.scheme["source"],
            "scheme_evidence": found.scheme["status"],
            "charges_source": found.charges["source"],
            "charges_evidence": found.charges["status"],
            "exception": found.scheme.get("exception_reason", ""),
        },
        receipt=receipt(call, found),
        levels=[{"value": one, "label": level_label(one)} for one in rules.LEVELS],
        level=level,
        lines=[
            {
                "level": level_label(line.level),
                "name": line.payee_name,
                "place": places.get(line.village_code, ""),
                "kg": line.kg,
                "amount_fen": line.amount_fen,
            }
            for line in lines.items
        ],
        page=pager(lines),
        trail=[{"label": _("收益与目标"), "url": "/revenue"}, {"label": found.code}],
    )
