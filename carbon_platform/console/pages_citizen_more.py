"""Citizens' pages beyond the book: family, account, consents, appeals, footprint and certificates."""

from __future__ import annotations

import secrets
from datetime import date
from typing import Any

from flask import Blueprint, render_template, request

from carbon_platform.citizens import (
    accounts,
    appeals,
    bindings,
    book,
    consents,
    purse,
    rewards,
    rules,
    scenes,
)
from carbon_platform.citizens.present import present_offers
from carbon_platform.citizens.tables import Act
from carbon_platform.console.citizen_people import (
    account_card,
    action_row,
    appeal_row,
    board_card,
    bundle_row,
    consent_row,
    family_card,
    group_row,
    offer_row,
    order_row,
    proxy_row,
    text_of,
)
from carbon_platform.console.citizen_rows import entry_lines, offer_card, reward_card
from carbon_platform.console.pages_citizen import OFFERED, citizens_only
from carbon_platform.console.site import county, said
from carbon_platform.errors import NotFound
from carbon_platform.groups import clubs, families, ranking
from carbon_platform.groups.errors import NoFamily
from carbon_platform.identity.tables import Person
from carbon_platform.inclusion import footprint, offsets
from carbon_platform.inclusion.payments import OFF
from carbon_platform.inclusion.present import (
    present_footprint,
    present_my_bundles,
    present_offer,
    present_order,
)
from carbon_platform.proxies import standing
from carbon_platform.regions.service import list_counties
from carbon_platform.web import Call

blp = Blueprint("citizen_more_pages", __name__, url_prefix="/h5")

FIRST_YEAR = 2020
SHOWN = 10


@blp.get("/family")
@citizens_only
def my_family(call: Call) -> str:
    """Family with gifts and proxies, groups with their weeks, and the ranking."""
    session, actor = call.session, call.actor
    try:
        family = family_card(families.read(session, actor, now=call.now), call.now)
    except NoFamily:
        family = None
    texts = list(consents.states(session, actor))
    held = [one for one in standing.grants(session, actor, now=call.now) if one.standing]
    return render_template(
        "h5_family.html",
        tab="family",
        family=family,
        groups=[group_row(club, call.now) for club in clubs.mine(session, actor)],
        board=board_card(ranking.board(session, actor), call.now),
        proxies=[proxy_row(one, actor.holder, call.now) for one in held],
        actions=_actions(call, actor.holder),
        texts={purpose: text_of(texts, purpose) for purpose in ("family", "group", "ranking")},
    )


@blp.get("/proxies/<int:proxy_id>")
@citizens_only
def for_a_relative(call: Call, proxy_id: int) -> str:
    """The book of somebody one acts for, and what may be done for them; nobody else's is there."""
    session = call.session
    proxy, principal = standing.use(session, call.actor, proxy_id, "look", now=call.now)
    available = purse.open_purse(session, principal.holder, now=call.now).available
    offers = {(offer["source"], offer["behaviour"]): offer for offer in present_offers(session, call.now)}
    cards = [offer_card(session, offers[key], call.now) for key in OFFERED if key in offers]
    return render_template(
        "h5_proxy.html",
        tab="family",
        proxy={"id": proxy.id, "day_points": proxy.day_points, "month_points": proxy.month_points},
        name=principal.name,
        total_g=book.totals(session, principal, now=call.now).all_g,
        available=available,
        entries=entry_lines(session, book.page(session, principal, size=SHOWN).items),
        acts=cards if proxy.may_report else [],
        rewards=[reward_card(row, available, call.now) for row in rewards.list_rewards(session)]
        if proxy.may_redeem
        else [],
        actions=_actions(call, principal.holder),
    )


def _actions(call: Call, holder: str) -> list[dict[str, Any]]:
    """What others did for a person, newest first: every line says who."""
    return [action_row(one, call.now) for one in standing.actions(call.session, holder)]


@blp.get("/account")
@citizens_only
def my_account(call: Call) -> str:
    """Nickname, phone, real name, offers to merge, the copy of one's data, closing, deleting."""
    session, actor = call.session, call.actor
    found = accounts.describe(session, actor, now=call.now)
    left = purse.open_purse(session, actor.holder, now=call.now)
    offers = [
        offer_row(offer, found.person.id, session.get(Person, offer.other_id)) for offer in found.offers
    ]
    regions = [(row.code, county(row.code)) for row in list_counties(session)]
    return render_template(
        "h5_account.html",
        tab="me",
        account=account_card(found, call.now),
        offers=offers,
        counties=regions,
        real_name=text_of(consents.states(session, actor), "real-name"),
        points_left=left.available + sum(left.pending.values()),
    )


@blp.get("/consents")
@citizens_only
def my_consents(call: Call) -> str:
    """Every text by partner and purpose, and what is bound at partners."""
    rows = [consent_row(state, call.now) for state in consents.states(call.session, call.actor)]
    bound = [
        {"id": row.id, "name": said(*scenes.names(call.session, row.source)), "since": row.bound_at}
        for row in bindings.list_bindings(call.session, call.actor)
        if row.ended_at is None
    ]
    return render_template("h5_consents.html", tab="me", rows=rows, bindings=bound)


@blp.get("/appeals")
@citizens_only
def my_appeals(call: Call) -> str:
    """The person's appeals, and the form for the act asked about."""
    session, actor = call.session, call.actor
    number = request.args.get("act", type=int)
    act = book.get_act(session, actor, number) if number else None
    mine = appeals.mine(session, actor)
    return render_template(
        "h5_appeals.html",
        tab="book",
        act=entry_lines(session, [act])[0] | {"id": act.id} if act else None,
        may_appeal=act is not None and _contestable(act) and all(row.act_id != act.id for row in mine),
        appeals=[appeal_row(row, call.now) for row in mine],
    )


def _contestable(act: Act) -> bool:
    return act.status != rules.COUNTED or act.withdrawn_at is not None


@blp.get("/green")
@citizens_only
def my_footprint(call: Call) -> str:
    """A year's footprint, small tickets to neutralise it, certificates, and the batches with my grams."""
    session, actor = call.session, call.actor
    this_year = int(rules.local_day(call.now)[:4])
    year = request.args.get("year", default=this_year, type=int)
    if not FIRST_YEAR <= year <= this_year:
        raise NotFound(what="年份", key=year)
    kept = present_footprint(session, actor.holder, footprint.find(session, actor.holder, year))
    result = kept["result"]
    quantities = {line["code"]: line["quantity"] for line in result["lines"]} if result else {}
    offer = present_offer(session, call.settings.payments)
    bundles = present_my_bundles(session, actor, None)
    orders = [present_order(session, row) for row in offsets.orders_of(session, actor.holder)]
    return render_template(
        "h5_green.html",
        tab="me",
        year=year,
        order_key=f"h5-{secrets.token_hex(12)}",  # made once per page: sent twice it is one order
        years=[one for one in (this_year, this_year - 1) if one >= FIRST_YEAR],
        boundary=said(kept["boundary_zh"], kept["boundary_en"]),
        questions=[_question(item, quantities) for item in kept["items"]],
        result=result and _result(result),
        offer=offer | {"open": offer["payments"] != OFF and offer["left_kg"] > 0},
        orders=[order_row(row, call.now) for row in orders],
        bundles=[bundle_row(row) for row in bundles["items"]],
        bundled_g=bundles["creditable_g"],
    )


def _question(item: Any, quantities: dict[str, int]) -> dict[str, Any]:
    return {
        "code": item.code,
        "name": said(item.name_zh, item.name_en),
        # The question asks for a year already; in Chinese the unit says it again behind a stroke.
        "unit": said(item.unit_zh.partition("/")[0], item.unit_en),
        "shared": item.shared,
        "high": item.high,
        "kept": quantities.get(item.code),
        "factor": f"{item.factor_g:g} {item.factor_unit}",
        "source": item.source,
        "status": item.status,
    }


def _result(result: dict[str, Any]) -> dict[str, Any]:
    lines = [row | {"name": said(row["name_zh"], row["name_en"])} for row in result["lines"]]
    made: date = result["made_at"]
    return result | {"lines": lines, "made": made}
