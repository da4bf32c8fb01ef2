"""Inclusion for staff: bundles, the reward fund, small tickets' stock, and the boards."""

from __future__ import annotations

from typing import Any

from flask_smorest import Blueprint

from carbon_platform import ledger
from carbon_platform.identity.rules import Actor
from carbon_platform.inclusion import board, bundles, fund, offsets, schemas
from carbon_platform.inclusion.offset_retirement import retire_or_note
from carbon_platform.inclusion.overview import overview
from carbon_platform.inclusion.present import (
    present_board,
    present_bundle,
    present_bundle_detail,
    present_order,
)
from carbon_platform.inclusion.rules import Window
from carbon_platform.inclusion.schemas_overview import OverviewOut
from carbon_platform.inclusion.tables import OffsetOrder
from carbon_platform.market.service import cash_key
from carbon_platform.web import (
    Call,
    PageArgs,
    in_transaction,
    outside_transaction,
    paged,
    present_page,
    reading,
)

blp = Blueprint(
    "inclusion", __name__, url_prefix="/api/v1", description="普惠汇总与诚实榜 Bundles and reward honesty"
)


@blp.get("/bundles")
@reading("inclusion.read")
@blp.arguments(PageArgs, location="query")
@blp.response(200, schemas.BundlesOut)
def list_bundles(call: Call, args: dict[str, Any]) -> Any:
    """汇总 Bundles of creditable grams, newest first."""
    page = paged(call.session, bundles.bundles(), **args)
    return present_page(page, [present_bundle(call.session, row) for row in page.items])


@blp.post("/bundles")
@in_transaction("inclusion.write", idempotent=True)
@blp.arguments(schemas.BundleIn)
@blp.response(201, schemas.BundleOut)
def close_window(call: Call, payload: dict[str, Any]) -> Any:
    """关窗汇总 Sum the creditable grams of a closed window, of those who agreed; each act once for ever."""
    bundle = bundles.close_window(call.session, call.actor, Window(**payload), now=call.now)
    return present_bundle(call.session, bundle)


@blp.get("/bundles/<code>")
@reading("inclusion.read")
@blp.response(200, schemas.BundleDetailOut)
def get_bundle(call: Call, code: str) -> Any:
    """一次汇总 One bundle: what changed since, and what still blocks issuing."""
    return present_bundle_detail(call.session, bundles.get_bundle(call.session, code))


@blp.post("/bundles/<code>/application")
@in_transaction("inclusion.write")
@blp.response(200, schemas.BundleDetailOut)
def apply_for_bundle(call: Call, code: str) -> Any:
    """申请签发 Ask for tickets: the verifier and the ecology bureau then decide on the run."""
    return present_bundle_detail(call.session, bundles.apply(call.session, call.actor, code, now=call.now))


@blp.post("/bundles/<code>/issuance")
@in_transaction("inclusion.write", idempotent=True)
@blp.response(200, schemas.BundleDetailOut)
def issue_bundle(call: Call, code: str) -> Any:
    """签发 Make tickets of an approved bundle; refused while parameters are not adopted."""
    demo = call.settings.is_demo
    bundle = bundles.issue(call.session, call.actor, code, is_demo=demo, now=call.now)
    return present_bundle_detail(call.session, bundle)


@blp.post("/bundles/<code>/dissolution")
@in_transaction("inclusion.write")
@blp.arguments(schemas.DissolutionIn)
@blp.response(200, schemas.BundleOut)
def dissolve_bundle(call: Call, payload: dict[str, Any], code: str) -> Any:
    """解散 Give the acts of a bundle free again, unless it is issued."""
    return present_bundle(
        call.session, bundles.dissolve(call.session, call.actor, code, now=call.now, **payload)
    )


@blp.get("/inclusion/honesty")
@reading("inclusion.read")
@blp.response(200, schemas.HonestyOut)
def read_honesty(call: Call) -> Any:
    """诚实榜 Who pays, what is owed, and what a tonne costs beside what it is worth."""
    return present_board(board.board(call.session, now=call.now))


@blp.get("/inclusion/loop")
@reading(None)
@blp.response(200, schemas.LoopOut)
def read_loop(call: Call) -> Any:
    """内在循环 earned → issued → sold → reward fund → redeemed, in totals. Public."""
    return board.loop(call.session, now=call.now)


@blp.get("/inclusion/overview")
@reading("inclusion.read")
@blp.response(200, OverviewOut)
def read_overview(call: Call) -> Any:
    """普惠看板 Accounts, acts, grams of two grades, liability, quality and forecast."""
    return overview(call.session, now=call.now)


@blp.get("/inclusion/sponsorships")
@reading("inclusion.read")
@blp.arguments(PageArgs, location="query")
@blp.response(200, schemas.SponsorshipsOut)
def list_sponsorships(call: Call, args: dict[str, Any]) -> Any:
    """赞助 Promises to the reward fund and their receipts, newest first."""
    return paged(call.session, fund.sponsorships(), **args)


@blp.post("/inclusion/sponsorships")
@in_transaction("inclusion.write", idempotent=True)
@blp.arguments(schemas.SponsorshipIn)
@blp.response(201, schemas.SponsorshipOut)
def promise_sponsorship(call: Call, payload: dict[str, Any]) -> Any:
    """登记赞助 Register what a sponsor promised; it is money once the bank has confirmed it."""
    return fund.promise(call.session, call.actor, now=call.now, **payload)


@blp.post("/inclusion/sponsorships/<int:number>/receipt")
@in_transaction("cash.confirm")
@blp.arguments(schemas.SponsorshipReceiptIn)
@blp.response(200, schemas.SponsorshipOut)
def receive_sponsorship(call: Call, payload: dict[str, Any], number: int) -> Any:
    """确认到账 The bank confirms that a promised sum has arrived: never who registered it."""
    return fund.receive(call.session, call.actor, number, now=call.now, **payload)


@blp.post("/inclusion/pool-sales")
@in_transaction("distribution.write", idempotent=True)
@blp.arguments(schemas.PoolSaleIn)
@blp.response(201, schemas.PoolSaleOut)
def move_pool_sale(call: Call, payload: dict[str, Any]) -> Any:
    """汇总碳票收入进奖励资金 Bring the receipt of bundled tickets into the reward fund, once."""
    return fund.pool_sale(call.session, call.actor, payload["trade"], now=call.now)


@blp.get("/inclusion/offset-lots")
@reading("inclusion.read")
@blp.response(200, schemas.OffsetLotsOut)
def list_offset_lots(call: Call) -> Any:
    """小额碳票库存 Tonnes bought for citizens, and the account that buys them."""
    organisation = offsets.find_pool(call.session)
    cash = ledger.balance(call.session, cash_key(organisation.holder)).available if organisation else 0
    return {
        "organisation_id": organisation.id if organisation else None,
        "organisation": offsets.POOL_NAME,
        "cash_fen": cash,
        "items": offsets.lots(call.session),
    }


@blp.post("/inclusion/offset-account")
@in_transaction("inclusion.write")
@blp.response(200, schemas.OffsetLotsOut)
def open_offset_account(call: Call) -> Any:
    """开汇总专户 Open the citizens' account on the market, so that money can be paid in; repeatable."""
    organisation = offsets.open_pool(call.session, call.actor, now=call.now)
    return {
        "organisation_id": organisation.id,
        "organisation": organisation.name_zh,
        "cash_fen": ledger.balance(call.session, cash_key(organisation.holder)).available,
        "items": offsets.lots(call.session),
    }


@blp.post("/inclusion/offset-lots")
@in_transaction("inclusion.write", idempotent=True)
@blp.arguments(schemas.OffsetLotIn)
@blp.response(201, schemas.OffsetLotOut)
def buy_offset_lot(call: Call, payload: dict[str, Any]) -> Any:
    """进货 Buy whole tonnes on the market for citizens to order by the kilogram, at cost."""
    return offsets.stock(
        call.session, call.actor, listing_id=payload["listing"], quantity_kg=payload["quantity_kg"],
        now=call.now,
    )  # fmt: skip


@blp.post("/inclusion/offset-retirements")
@outside_transaction("inclusion.write")
@blp.response(201, schemas.OffsetRetirementOut)
def retire_offsets(call: Call) -> Any:
    """汇总注销 Retire what citizens have paid for now, instead of tonight."""
    return retire_all(call.transact, call.actor, now=call.now)


def retire_all(transact: Any, actor: Actor, *, now: Any) -> dict[str, Any]:
    """Retire until nobody waits, each certificate in a transaction of its own."""
    numbers: list[str] = []
    quantity_kg = 0
    while done := transact(lambda session: retire_or_note(session, actor, now=now)):
        numbers.append(done.certificate_number)
        quantity_kg += done.quantity_kg
    return {"certificates": numbers, "quantity_kg": quantity_kg}


@blp.post("/inclusion/offset-orders/<code>/refund")
@in_transaction("cash.confirm")
@blp.arguments(schemas.OffsetRefundIn)
@blp.response(200, schemas.OffsetOut)
def refund_offset(call: Call, payload: dict[str, Any], code: str) -> Any:
    """退款已办 The bank confirms that money which came too late went back."""
    row: OffsetOrder = offsets.refund(call.session, call.actor, code, now=call.now, **payload)
    return present_order(call.session, row)
