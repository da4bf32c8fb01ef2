"""Merchants: registered by staff, verified by shops, settled month by month."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask_smorest import Blueprint

from carbon_platform.citizens import codes, reward_rules
from carbon_platform.citizens.reward_present import present_reward
from carbon_platform.citizens.reward_schemas import RewardOut
from carbon_platform.citizens.rules import LOCAL
from carbon_platform.config import Settings
from carbon_platform.merchants import figures, schemas, service, shop, statements
from carbon_platform.merchants.present import (
    present_answer,
    present_detail,
    present_list,
    present_merchant,
    present_statement,
)
from carbon_platform.web import Call, PageArgs, in_transaction, paged, present_page, reading

blp = Blueprint(
    "merchants", __name__, url_prefix="/api/v1", description="商家 Merchants: offers, shops, settlement"
)


@blp.get("/merchants")
@reading("inclusion.read")
@blp.arguments(PageArgs, location="query")
@blp.response(200, schemas.MerchantsOut)
def list_merchants(call: Call, args: dict[str, Any]) -> Any:
    """商家 Merchants of the region, by code."""
    page = paged(call.session, service.merchants(call.actor), **args)
    return present_page(page, map(present_merchant, page.items))


@blp.post("/merchants")
@in_transaction("merchant.write")
@blp.arguments(schemas.MerchantIn)
@blp.response(201, schemas.MerchantOut)
def add_merchant(call: Call, payload: dict[str, Any]) -> Any:
    """登记商家 Register an organisation as a merchant."""
    return present_merchant(service.add_merchant(call.session, call.actor, now=call.now, **payload))


@blp.get("/merchants/<code>")
@reading("inclusion.read")
@blp.response(200, schemas.MerchantDetailOut)
def get_merchant(call: Call, code: str) -> Any:
    """一家商家 A merchant with offers, budgets and what is owed to it."""
    merchant = service.get_merchant(call.session, call.actor, code)
    owed = figures.liability(call.session, merchant)
    return present_detail(call.session, merchant, owed, call.now)


@blp.patch("/merchants/<code>")
@in_transaction("merchant.write")
@blp.arguments(schemas.MerchantPatch)
@blp.response(200, schemas.MerchantOut)
def change_merchant(call: Call, payload: dict[str, Any], code: str) -> Any:
    """改商家 Change words, budget, sponsor or state."""
    return present_merchant(service.change_merchant(call.session, call.actor, code, payload, now=call.now))


@blp.post("/merchants/<code>/offers")
@in_transaction("merchant.write")
@blp.arguments(schemas.OfferIn)
@blp.response(201, RewardOut)
def add_offer(call: Call, payload: dict[str, Any], code: str) -> Any:
    """上架 Put something on offer for points (and a little money, paid in the shop)."""
    return present_reward(service.add_offer(call.session, call.actor, code, payload, now=call.now), call.now)


@blp.patch("/merchants/<code>/offers/<offer>")
@in_transaction("merchant.write")
@blp.arguments(schemas.OfferPatch)
@blp.response(200, RewardOut)
def change_offer(call: Call, payload: dict[str, Any], code: str, offer: str) -> Any:
    """改奖品 Change an offer or add to its stock; vouchers handed out stay as they were."""
    changed = service.change_offer(call.session, call.actor, code, offer, payload, now=call.now)
    return present_reward(changed, call.now)


@blp.post("/merchants/<code>/budgets")
@in_transaction("merchant.write")
@blp.arguments(schemas.BudgetIn)
@blp.response(200, schemas.BudgetOut)
def set_budget(call: Call, payload: dict[str, Any], code: str) -> Any:
    """拨预算 Set aside a month's money from the sponsor's; the same again changes nothing."""
    return service.set_budget(call.session, call.actor, code, now=call.now, **payload)


@blp.get("/merchant-statements")
@reading("inclusion.read")
@blp.arguments(schemas.StatementsArgs, location="query")
@blp.response(200, schemas.MerchantStatementsOut)
def list_statements(call: Call, args: dict[str, Any]) -> Any:
    """结算单 Statements, newest first."""
    found = statements.statements(call.actor, merchant_code=args.pop("merchant"), state=args.pop("state"))
    return _statements_page(call, found, args)


def _statements_page(call: Call, found: Any, args: dict[str, Any]) -> dict[str, Any]:
    page = paged(call.session, found, **args)
    return present_page(page, map(present_statement, page.items))


@blp.post("/merchant-statements")
@in_transaction("merchant.write", idempotent=True)
@blp.arguments(schemas.MerchantStatementIn)
@blp.response(201, schemas.MerchantStatementOut)
def prepare_statement(call: Call, payload: dict[str, Any]) -> Any:
    """做结算单 Take all unsettled uses up to the end of a month that is over."""
    made = statements.prepare(
        call.session, call.actor, merchant_code=payload["merchant"], month=payload["month"], now=call.now
    )
    return present_statement(made)


@blp.get("/merchant-statements/<code>")
@reading("inclusion.read")
@blp.arguments(PageArgs, location="query")
@blp.response(200, schemas.MerchantStatementDetailOut)
def get_statement(call: Call, args: dict[str, Any], code: str) -> Any:
    """一张结算单 A statement with its lines."""
    statement = statements.get_statement(call.session, call.actor, code)
    page = paged(call.session, statements.lines(statement), **args)
    return present_statement(statement) | present_page(page, page.items)


@blp.post("/merchant-statements/<code>/decision")
@in_transaction("merchant.approve", idempotent=True)
@blp.arguments(schemas.StatementDecisionIn)
@blp.response(200, schemas.MerchantStatementOut)
def decide_statement(call: Call, payload: dict[str, Any], code: str) -> Any:
    """审批 Approve or decline: never the one who prepared it."""
    return present_statement(statements.decide(call.session, call.actor, code, now=call.now, **payload))


@blp.post("/merchant-statements/<code>/payment")
@in_transaction("cash.confirm", idempotent=True)
@blp.arguments(schemas.MerchantPaymentIn)
@blp.response(200, schemas.MerchantStatementOut)
def confirm_payment(call: Call, payload: dict[str, Any], code: str) -> Any:
    """付款确认 The bank says that a statement was paid."""
    return present_statement(
        statements.confirm_payment(call.session, call.actor, code, now=call.now, **payload)
    )


@blp.get("/shop/keys")
@reading("shop.self")
@blp.response(200, schemas.ShopKeysOut)
def shop_keys(call: Call) -> Any:
    """离线清单 Public keys and hashes of the codes that are good: what a shop needs without network."""
    listed = shop.shop_list(call.session, call.actor, now=call.now)
    return present_list(listed, code_keys(call.settings), call.now)


@blp.post("/shop/verifications")
@in_transaction("shop.self")
@blp.arguments(schemas.VerificationsIn)
@blp.response(200, schemas.VerificationsOut)
def verify_codes(call: Call, payload: dict[str, Any]) -> Any:
    """核销 Use codes, one at the till or many after a time without network; a result per row, in order."""
    uses = [
        shop.Use(row["code"], row["used_at"] or call.now, row["device"], row["offline"])
        for row in payload["rows"]
    ]
    answers = shop.verify(call.session, call.actor, uses, code_keys(call.settings), now=call.now)
    rows = [present_answer(answer) for answer in answers]
    accepted = sum(1 for row in rows if row["outcome"] == shop.ACCEPTED)
    return {"rows": rows, "accepted": accepted, "refused": len(rows) - accepted}


@blp.get("/shop/statements")
@reading("shop.self")
@blp.arguments(PageArgs, location="query")
@blp.response(200, schemas.ShopStatementsOut)
def shop_statements(call: Call, args: dict[str, Any]) -> Any:
    """本店结算 The merchant's statements and how this month stands."""
    merchant = service.merchant_of(call.session, call.actor)
    month = reward_rules.month_of(call.now)
    since = datetime.strptime(month, "%Y-%m").replace(tzinfo=LOCAL)
    now = figures.month_figures(call.session, merchant, month, since=since)
    return _statements_page(call, statements.statements(call.actor), args) | {
        "month": month,
        "budget_fen": now.limit_fen,
        "committed_fen": now.committed_fen,
        "used": now.used,
        "used_fen": now.used_fen,
        "topup_fen": now.topup_fen,
        "refused": now.refused,
    }


def code_keys(settings: Settings) -> tuple[str, ...]:
    """Public keys whose codes count: the present one first, then earlier ones."""
    key = codes.load_code_key(settings.code_key_path, make=settings.is_demo)
    return (codes.public_key(key), *(one for one in settings.code_old_keys.split(",") if one))
