"""The market: what is offered, what was traded; and what one's own organisation holds."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from carbon_platform.console.formats import CHINA, count, tonnes, yuan
from carbon_platform.console.pages_certificates import purpose_label
from carbon_platform.console.site import asked_page, county, page, pager
from carbon_platform.credits import retirement
from carbon_platform.credits.allocation import serial
from carbon_platform.credits.certificates import PURPOSES
from carbon_platform.credits.queries import batch_views, retirement_list
from carbon_platform.credits.tables import CreditBatch
from carbon_platform.identity.service import get_organisation
from carbon_platform.identity.tables import Organisation
from carbon_platform.market import queries
from carbon_platform.market.service import cash_of
from carbon_platform.market.tables import Listing, Trade
from carbon_platform.revenue import rules as revenue_rules
from carbon_platform.revenue.schemes import default_scheme, scheme_at
from carbon_platform.units import KG_PER_T
from carbon_platform.web import Call, paged

blp = Blueprint("market_pages", __name__)

PAGE_SIZE = 50
TRADES_SHOWN = 20
WEEKS = 8


@blp.get("/market")
@page(None)
def market(call: Call) -> ResponseReturnValue:
    found = paged(call.session, queries.listings(), page=asked_page(), size=PAGE_SIZE)
    may_see_trades = call.actor is not None and call.actor.may("market.read")
    may_buy = call.actor is not None and call.actor.may("market.buy")
    prices = _weekly_prices(call)
    return render_template(
        "market.html",
        listings=_listings(call, found.items),
        page=pager(found),
        trades=_trades(call) if may_see_trades else [],
        may_see_trades=may_see_trades,
        own_trades_only=call.actor is not None and call.actor.role == "enterprise",
        prices=prices,
        price_finding=prices["finding"] if prices else None,
        shares=level_shares(default_scheme(call.now).shares),
        cash={"available_fen": cash_of(call.session, call.actor).cash.available} if may_buy else None,
        can={"buy": may_buy},
    )


def level_label(level: str) -> str:
    return {
        "company": _("市级公司"),
        "county": _("县"),
        "township": _("乡镇"),
        "village": _("村集体"),
        "right_holder": _("林权所有者、承包户"),
        "caretaker": _("管护人员"),
        "reward_fund": _("市民奖励资金"),
    }.get(level, level)


def level_shares(shares: Any) -> list[dict[str, Any]]:
    """A scheme's split, level by level from the company down."""
    return [
        {
            "label": level_label(level),
            "share": shares.get(level, 0) / revenue_rules.WHOLE_BP,
            "local": level != revenue_rules.COMPANY,
        }
        for level in revenue_rules.LEVELS
    ]


def _listings(call: Call, found: list[Listing]) -> list[dict[str, Any]]:
    seller_of = {listing.id: listing.seller_id for listing in found}
    batch_of = {listing.id: listing.batch_id for listing in found}
    last = _last_trades(call, set(batch_of.values()))
    below: dict[str, float] = {}
    rows = []
    for view in queries.view_listings(call.session, found):
        code = view.goods.county_code
        if code not in below:
            share = scheme_at(call.session, code, call.now).below_bp
            below[code] = share / revenue_rules.WHOLE_BP
        mine = call.actor is not None and seller_of[view.id] == call.actor.organisation_id
        may_open = call.actor is not None and call.actor.may("project.read")
        rows.append(
            {
                "id": view.id,
                "project_name": view.goods.project_name,
                "project_url": f"/projects/{view.goods.project}" if may_open else None,
                "kind": view.story.kind if view.story else "",
                "county_name": county(code),
                "vintage": view.goods.vintage,
                "parcels": view.story.parcels if view.story else 0,
                "available_kg": view.remaining_kg,
                "price_fen": view.price_fen_per_t,
                "last": last.get(batch_of[view.id]),
                # A resale is the seller's own money: nothing of it is shared out.
                "local_share": below[code] if view.is_first_sale else None,
                "batch_code": view.goods.batch,
                "batch_url": _door(call, view.goods.batch),
                "seller": view.seller,
                "is_mine": mine,
            }
        )
    return rows


def _door(call: Call, batch_code: str) -> str | None:
    """The explanation of a batch; a visitor may sign in to see it, a role that may not has no door."""
    barred = call.actor is not None and not call.actor.may("explain.read")
    return None if barred else f"/explain/batch/{batch_code}"


def _last_trades(call: Call, batch_ids: set[int]) -> dict[int, dict[str, Any]]:
    newest = sa.select(sa.func.max(Trade.id)).where(Trade.batch_id.in_(batch_ids)).group_by(Trade.batch_id)
    return {
        trade.batch_id: {"price_fen": trade.price_fen_per_t, "at": trade.at}
        for trade in call.session.scalars(sa.select(Trade).where(Trade.id.in_(newest)))
    }


def _trades(call: Call) -> list[dict[str, Any]]:
    found = list(call.session.scalars(queries.trades(call.actor).limit(TRADES_SHOWN)))
    return [
        {
            "code": view.code,
            "at": view.at,
            "project_name": view.goods.project_name,
            "county_name": county(view.goods.county_code),
            "quantity_kg": view.quantity_kg,
            "batch_url": _door(call, view.goods.batch),
            "price_fen": view.price_fen_per_t,
            "amount_fen": view.amount_fen,
        }
        for view in queries.view_trades(call.session, found)
    ]


def _weekly_prices(call: Call) -> dict[str, Any] | None:
    """Average price per week of the last eight weighted by tonnes; None until two weeks had a trade.

    A week without a trade stays a gap: nothing is drawn through it.
    """
    today = call.now.astimezone(CHINA).date()
    monday = today - timedelta(days=today.weekday())
    weeks = [monday - timedelta(weeks=back) for back in range(WEEKS - 1, -1, -1)]
    kilograms: dict[Any, int] = defaultdict(int)
    fen: dict[Any, int] = defaultdict(int)
    since = call.now - timedelta(weeks=WEEKS + 1)
    for at, kg, amount in call.session.execute(
        sa.select(Trade.at, Trade.quantity_kg, Trade.amount_fen).where(Trade.at >= since)
    ):
        day = at.astimezone(CHINA).date()
        week = day - timedelta(days=day.weekday())
        kilograms[week] += kg
        fen[week] += amount
    known = [week for week in weeks if kilograms[week]]
    if len(known) < 2:
        return None
    mean_fen = {week: fen[week] * KG_PER_T / kilograms[week] for week in known}
    labels = [week.strftime("%m-%d") for week in weeks]
    values = [round(mean_fen[week] / 100, 2) if week in mean_fen else None for week in weeks]
    first, last = (yuan(round(mean_fen[week])) for week in (known[0], known[-1]))
    return {
        "finding": _("本地成交均价，%(first)s → %(last)s", first=first, last=last),
        "data": {"unit": "¥", "labels": labels, "series": [{"name": _("均价"), "values": values}]},
        "twin": {
            "columns": [{"label": _("周（周一）")}, {"label": "¥/t", "n": True}],
            "rows": [
                [label, _("无成交") if value is None else f"{value:.2f}"]
                for label, value in zip(labels, values, strict=True)
            ],
        },
    }


# --- what I own -----------------------------------------------------------------------------------


@blp.get("/holdings")
@page("holding.read")
def holdings(call: Call) -> ResponseReturnValue:
    actor = call.actor
    # An auditor has no organisation and so no tickets; what auditors see here is every certificate.
    found = retirement.holdings(call.session, actor) if actor.holder else []
    views = {view["code"]: view for view in batch_views(call.session, [one.batch.id for one in found])}
    certificates = paged(call.session, retirement_list(actor), page=asked_page(), size=PAGE_SIZE)
    mine = get_organisation(call.session, actor.organisation_id) if actor.organisation_id else None
    money = cash_of(call.session, actor) if mine else None
    return render_template(
        "holdings.html",
        holdings=[_holding(one, views[one.batch.code]) for one in found],
        cash={
            "available_fen": money.cash.available if money else 0,
            "held_fen": money.cash.held if money else 0,
        },
        certificates=[
            {
                "number": one.certificate_number,
                "url": f"/certificates/{one.certificate_number}",
                "pdf_url": f"/api/v1/retirements/{one.certificate_number}/certificate.pdf",
                "quantity_kg": one.quantity_kg,
                "explain_url": f"/explain/retirement/{one.certificate_number}",
                "purpose": purpose_label(one.purpose),
                "beneficiary": one.beneficiary_name,
                "at": one.retired_at,
            }
            for one in certificates.items
        ],
        page=pager(certificates),
        retired_kg=_retired_kg(call),
        listings=_own_listings(call, mine),
        purposes=[{"value": value, "label": purpose_label(value)} for value in PURPOSES],
        me={"name": mine.name_zh if mine else "", "credit_code": mine.credit_code if mine else ""},
        bought=_bought(call),
        can={
            "retire": actor.may("holding.retire"),
            "sell": actor.may("market.sell"),
            "pledge": actor.may("pledge.read"),
        },
    )


def _retired_kg(call: Call) -> int:
    mine = retirement_list(call.actor).order_by(None).subquery()
    return int(call.session.scalar(sa.select(sa.func.coalesce(sa.func.sum(mine.c.quantity_kg), 0))) or 0)


def _holding(one: retirement.Holding, view: dict[str, Any]) -> dict[str, Any]:
    available_kg = one.posted_kg - one.held_kg
    return {
        "batch_code": one.batch.code,
        "batch_url": f"/batches/{one.batch.code}",
        "project_name": view["project_name"],
        "county_name": county(one.batch.county_code),
        "vintage": one.batch.vintage,
        "available_kg": available_kg,
        "listable_kg": available_kg // KG_PER_T * KG_PER_T,
        "held_kg": one.held_kg,
        "ranges": [f"{count(first)} – {count(last)}" for first, last in one.ranges],
        "serials": [serial(one.batch.code, first, last) for first, last in one.ranges],
        "explain_url": f"/explain/batch/{one.batch.code}",
    }


def _own_listings(call: Call, mine: Organisation | None) -> list[dict[str, Any]]:
    if mine is None:
        return []
    found = list(call.session.scalars(queries.listings().where(Listing.seller_id == mine.id)))
    return [
        {
            "id": view.id,
            "project_name": view.goods.project_name,
            "county_name": county(view.goods.county_code),
            "vintage": view.goods.vintage,
            "remaining_kg": view.remaining_kg,
            "price_fen": view.price_fen_per_t,
        }
        for view in queries.view_listings(call.session, found)
    ]


def _bought(call: Call) -> str | None:
    """The purchase the reader just made, by its code in the address."""
    code = request.args.get("bought", "")
    trade = call.session.scalar(
        sa.select(Trade).where(Trade.code == code, Trade.buyer_id == call.actor.organisation_id)
    )
    if trade is None:
        return None
    batch = call.session.get_one(CreditBatch, trade.batch_id)
    return _(
        "%(n)s 吨（%(county)s，%(year)s 年份）已到您名下，付款 %(sum)s。",
        n=tonnes(trade.quantity_kg),
        county=county(batch.county_code),
        year=batch.vintage,
        sum=yuan(trade.amount_fen),
    )
