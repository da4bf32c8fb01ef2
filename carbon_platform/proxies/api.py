"""Relatives who act for somebody, over HTTP. The village office is in :mod:`proxies.village_api`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask_smorest import Blueprint

from carbon_platform.citizens import book
from carbon_platform.citizens.present import present_act, present_reported
from carbon_platform.citizens.reward_schemas import RedemptionIn, RedemptionOut
from carbon_platform.citizens.rewards_api import shown
from carbon_platform.citizens.schemas import ActIn, ReportedOut
from carbon_platform.citizens.service import SELF, ActReport
from carbon_platform.proxies import catalogue, schemas, standing
from carbon_platform.proxies.present import present_action, present_proxy
from carbon_platform.proxies.standing import Grant
from carbon_platform.web import Call, in_transaction, paged, reading

blp = Blueprint("proxies", __name__, url_prefix="/api/v1", description="代办 Acting for a relative")

BOOK_LINES = 20


@blp.get("/citizen/proxies")
@reading("citizen.self")
@blp.response(200, schemas.ProxiesOut)
def list_proxies(call: Call) -> Any:
    """我的代办 Grants the reader gave or holds, and what others did for the reader."""
    held = standing.grants(call.session, call.actor, now=call.now)
    return {
        "items": [present_proxy(one, call.actor) for one in held],
        "actions": [present_action(one) for one in standing.actions(call.session, call.actor.holder)],
        "limits": asdict(catalogue.limits()),
    }


def _shown(call: Call, proxy_id: int) -> Any:
    held = standing.grants(call.session, call.actor, now=call.now)
    return next(present_proxy(one, call.actor) for one in held if one.proxy.id == proxy_id)


@blp.post("/citizen/proxies")
@in_transaction("citizen.self")
@blp.arguments(schemas.ProxyIn)
@blp.response(201, schemas.ProxyOut)
def grant_proxy(call: Call, payload: dict[str, Any]) -> Any:
    """请家人代办 Let a relative report and redeem for the reader, within limits, until it ends by itself."""
    member_id = payload.pop("member_id")
    proxy = standing.grant(call.session, call.actor, member_id, Grant(**payload), now=call.now)
    return _shown(call, proxy.id)


@blp.delete("/citizen/proxies/<int:proxy_id>")
@in_transaction("citizen.self")
@blp.response(204)
def end_proxy(call: Call, proxy_id: int) -> None:
    """结束代办 End a grant at once; either side may."""
    standing.end(call.session, call.actor, proxy_id, now=call.now)


@blp.get("/citizen/proxies/<int:proxy_id>/book")
@reading("citizen.self")
@blp.response(200, schemas.ProxyBookOut)
def read_principals_book(call: Call, proxy_id: int) -> Any:
    """看家人的账 The book of the person the reader acts for: totals, newest acts, who did what."""
    _proxy, principal = standing.use(call.session, call.actor, proxy_id, "look", now=call.now)
    page = paged(call.session, book.acts(principal), size=BOOK_LINES)
    return {
        "proxy_id": proxy_id,
        "principal": principal.name,
        "totals": book.totals(call.session, principal, now=call.now),
        "items": [present_act(act) for act in page.items],
        "actions": [present_action(one) for one in standing.actions(call.session, principal.holder)],
    }


@blp.post("/citizen/proxies/<int:proxy_id>/acts")
@in_transaction("citizen.self")
@blp.arguments(ActIn)
@blp.response(201, ReportedOut)
@blp.alt_response(200, schema=ReportedOut, description="this record was counted before")
def report_for_relative(call: Call, payload: dict[str, Any], proxy_id: int) -> Any:
    """代报 Report an act for somebody, as their own report: half its grams, by their own consent."""
    act = ActReport(**(payload | {"source": SELF}))
    reported = standing.report(call.session, call.actor, proxy_id, act, now=call.now)
    return present_reported(reported), 200 if reported.already_counted else 201


@blp.post("/citizen/proxies/<int:proxy_id>/redemptions")
@in_transaction("citizen.self", idempotent=True)
@blp.arguments(RedemptionIn)
@blp.response(201, RedemptionOut)
def redeem_for_relative(call: Call, payload: dict[str, Any], proxy_id: int) -> Any:
    """代兑换 Redeem for somebody, within the grant's limits; the voucher is theirs."""
    made = standing.redeem(call.session, call.actor, proxy_id, payload["reward"], now=call.now)
    return shown(made, call.settings)
