"""Listings, orders, trades and cash over HTTP."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask_smorest import Blueprint

from carbon_platform.market import queries, schemas, service
from carbon_platform.web import Call, PageArgs, in_transaction, paged, present_page, reading

blp = Blueprint("market", __name__, url_prefix="/api/v1", description="市场 Listings, orders, trades, cash")


@blp.post("/listings")
@in_transaction("market.sell", idempotent=True)
@blp.arguments(schemas.ListingIn)
@blp.response(201, schemas.ListingOut)
def offer(call: Call, payload: dict[str, Any]) -> Any:
    """挂牌 Offer whole tonnes of a batch you hold; they are held until sold or withdrawn."""
    batch_code = payload.pop("batch")
    listing = service.offer(call.session, call.actor, batch_code=batch_code, now=call.now, **payload)
    return queries.view_listings(call.session, [listing])[0]


@blp.get("/listings")
@reading(None)
@blp.arguments(schemas.ListingArgs, location="query")
@blp.response(200, schemas.ListingsOut)
def list_listings(call: Call, args: dict[str, Any]) -> Any:
    """行情 What is on offer, the best price first, with the land behind it."""
    statement = queries.listings(status=args["status"], county_code=args["county"], batch_code=args["batch"])
    page = paged(call.session, statement, page=args["page"], size=args["size"])
    return present_page(page, queries.view_listings(call.session, page.items))


@blp.get("/listings/<int:listing_id>")
@reading(None)
@blp.response(200, schemas.ListingOut)
def show_listing(call: Call, listing_id: int) -> Any:
    """一个挂牌 One listing."""
    return queries.view_listings(call.session, [queries.get_listing(call.session, listing_id)])[0]


@blp.delete("/listings/<int:listing_id>")
@in_transaction("market.sell")
@blp.response(200, schemas.ListingOut)
def withdraw(call: Call, listing_id: int) -> Any:
    """撤牌 Take what is left off the market."""
    listing = service.withdraw(call.session, call.actor, listing_id, now=call.now)
    return queries.view_listings(call.session, [listing])[0]


@blp.post("/listings/<int:listing_id>/orders")
@in_transaction("market.buy", idempotent=True)
@blp.arguments(schemas.OrderIn)
@blp.response(201, schemas.TradeOut)
def order(call: Call, payload: dict[str, Any], listing_id: int) -> Any:
    """买 Buy at the seller's price: tickets and money change hands in one entry, or nothing happens."""
    trade = service.buy(
        call.session, call.actor, listing_id, quantity_kg=payload["quantity_kg"], now=call.now
    )
    return queries.view_trades(call.session, [trade])[0]


@blp.get("/trades")
@reading("market.read")
@blp.arguments(PageArgs, location="query")
@blp.response(200, schemas.TradesOut)
def list_trades(call: Call, args: dict[str, Any]) -> Any:
    """成交 Trades, newest first: an enterprise sees its own, others those of their region."""
    page = paged(call.session, queries.trades(call.actor), page=args["page"], size=args["size"])
    return present_page(page, queries.view_trades(call.session, page.items))


@blp.get("/trades/<code>")
@reading("market.read")
@blp.response(200, schemas.TradeOut)
def show_trade(call: Call, code: str) -> Any:
    """一笔成交 One trade."""
    trade = queries.get_trade(call.session, call.actor, code)
    return queries.view_trades(call.session, [trade])[0]


@blp.post("/cash-deposits")
@in_transaction("cash.confirm", idempotent=True)
@blp.arguments(schemas.DepositIn)
@blp.response(201, schemas.DepositOut)
def confirm_deposit(call: Call, payload: dict[str, Any]) -> Any:
    """入金确认 The bank confirms money received; one bank reference counts once."""
    return service.confirm_deposit(call.session, call.actor, now=call.now, **payload)


@blp.get("/cash")
@reading("holding.read")
@blp.arguments(schemas.CashArgs, location="query")
@blp.response(200, schemas.CashOut)
def show_cash(call: Call, args: dict[str, Any]) -> Any:
    """资金 Your organisation's money and the last movements of it."""
    cash = service.cash_of(call.session, call.actor, limit=args["limit"], before=args["before"])
    return {
        "organisation": cash.organisation,
        "cash_fen": cash.cash,
        "proceeds_fen": cash.proceeds,
        "lines": [asdict(line) for line in cash.statement.lines],
        "next_before": cash.statement.next_before,
    }
