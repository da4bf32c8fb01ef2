"""Schemes, distributions and the dashboard over HTTP."""

from __future__ import annotations

from typing import Any

from flask_smorest import Blueprint

from carbon_platform.revenue import rules, schemas, schemes, service
from carbon_platform.revenue.dashboard import dashboard
from carbon_platform.revenue.tables import Distribution
from carbon_platform.web import Call, PageArgs, in_transaction, paged, present_page, reading

blp = Blueprint("revenue", __name__, url_prefix="/api/v1", description="收益 Distribution and targets")


def _describe(distribution: Distribution, trade_code: str) -> dict[str, Any]:
    return {
        "code": distribution.code,
        "trade": trade_code,
        "county_code": distribution.county_code,
        "waterfall": distribution,
        "levels": distribution.levels,
        "company_fen": distribution.company_fen,
        "below_fen": distribution.below_fen,
        "below_bp": rules.share_bp(distribution.below_fen, distribution.base_fen),
        "floor_bp": rules.FLOOR_BP,
        "meets_floor": distribution.meets_floor,
        "scheme": distribution.scheme,
        "charges": distribution.charges,
        "entry_reference": distribution.entry_reference,
        "distributed_by": distribution.distributed_by,
        "distributed_at": distribution.distributed_at,
    }


@blp.get("/distribution-schemes")
@reading("distribution.read")
@blp.arguments(schemas.SchemeArgs, location="query")
@blp.response(200, schemas.SchemesOut)
def list_schemes(call: Call, args: dict[str, Any]) -> Any:
    """分配方案 Every county's schemes, the default of the others, and the charges of today."""
    rows = schemes.list_schemes(call.session, args["county"])
    return {
        "floor_bp": rules.FLOOR_BP,
        "charges": schemes.charges_at(call.now),
        "default": schemes.default_scheme(call.now),
        "items": [schemes.as_scheme(row) for row in rows],
    }


@blp.post("/distribution-schemes")
@in_transaction("distribution.write")
@blp.arguments(schemas.DistributionSchemeIn)
@blp.response(201, schemas.DistributionSchemeOut)
def adopt_scheme(call: Call, payload: dict[str, Any]) -> Any:
    """采用方案 Record a county's next split; below 70 % to the county and below only as an exception."""
    exception = payload.pop("exception") or {"reason": "", "approver": ""}
    row = schemes.adopt(
        call.session,
        call.actor,
        now=call.now,
        exception_reason=exception["reason"],
        exception_approver=exception["approver"],
        **payload,
    )
    return schemes.as_scheme(row)


@blp.get("/listings/<int:listing_id>/split")
@reading(None)
@blp.arguments(schemas.SplitArgs, location="query")
@blp.response(200, schemas.SplitOut)
def preview_split(call: Call, args: dict[str, Any], listing_id: int) -> Any:
    """这笔钱会去哪里 Who would get how much of a purchase, level by level, before buying."""
    return service.preview(call.session, listing_id, args["quantity_kg"], now=call.now)


@blp.post("/trades/<code>/distribution")
@in_transaction("distribution.write", idempotent=True)
@blp.response(201, schemas.DistributionOut)
def distribute(call: Call, code: str) -> Any:
    """分配 Share out the receipt of a trade, to the fen; once only."""
    return _describe(service.distribute(call.session, call.actor, code, now=call.now), code)


@blp.get("/distributions")
@reading("distribution.read")
@blp.arguments(PageArgs, location="query")
@blp.response(200, schemas.DistributionsOut)
def list_distributions(call: Call, args: dict[str, Any]) -> Any:
    """分配单 What was shared out in your region, newest first."""
    page = paged(call.session, service.distributions(call.actor), page=args["page"], size=args["size"])
    trades = service.trade_codes(call.session, page.items)
    return present_page(page, [_describe(found, trades[found.trade_id]) for found in page.items])


@blp.get("/distributions/<code>")
@reading("distribution.read")
@blp.arguments(schemas.LineArgs, location="query")
@blp.response(200, schemas.DistributionWithLinesOut)
def show_distribution(call: Call, args: dict[str, Any], code: str) -> Any:
    """看到户 One distribution with a page of its payees and the result of the 70 % test."""
    found = service.get_distribution(call.session, call.actor, code)
    trade_code = service.trade_codes(call.session, [found])[found.trade_id]
    statement = service.lines(found, level=args["level"], village_code=args["village"])
    page = paged(call.session, statement, page=args["page"], size=args["size"])
    return _describe(found, trade_code) | {"lines": page}


@blp.get("/revenue/dashboard")
@reading("revenue.read")
@blp.response(200, schemas.DashboardOut)
def show_dashboard(call: Call) -> Any:
    """收益与目标 Per batch and county: land, tonnes, money, the share below, and the gap to the target.

    All ten counties for everyone who may read it: the targets are the city's, and sums name nobody.
    """
    return dashboard(call.session, now=call.now)
