"""Inclusion for citizens: which batch holds my grams, my footprint, my small tickets."""

from __future__ import annotations

from typing import Any

from flask_smorest import Blueprint

from carbon_platform.inclusion import footprint, offsets, rules, schemas
from carbon_platform.inclusion.errors import OrderWrongState, PaymentOpen, PaymentUnavailable
from carbon_platform.inclusion.payments import OFF, port_for
from carbon_platform.inclusion.present import (
    present_footprint,
    present_my_bundles,
    present_offer,
    present_order,
    year_of,
)
from carbon_platform.web import Call, in_transaction, outside_transaction, reading

blp = Blueprint(
    "citizen_inclusion",
    __name__,
    url_prefix="/api/v1",
    description="我的汇总、足迹与小额碳票 My bundles and offsets",
)


@blp.get("/citizen/bundles")
@reading("citizen.self")
@blp.arguments(schemas.MyBundlesQuery, location="query")
@blp.response(200, schemas.MyBundlesOut)
def list_my_bundles(call: Call, args: dict[str, Any]) -> Any:
    """我的克数在哪个批次 Which bundle and batch hold the person's grams; ``?act=`` asks about one act."""
    return present_my_bundles(call.session, call.actor, args["act"])


@blp.get("/citizen/footprint")
@reading("citizen.self")
@blp.arguments(schemas.FootprintQuery, location="query")
@blp.response(200, schemas.FootprintOut)
def read_footprint(call: Call, args: dict[str, Any]) -> Any:
    """我的碳足迹 What is asked, with factors and sources, and the person's result of the year if kept."""
    year = args["year"] or year_of(call.now)
    row = footprint.find(call.session, call.actor.holder, year)
    return present_footprint(call.session, call.actor.holder, row)


@blp.post("/citizen/footprint")
@in_transaction("citizen.self")
@blp.arguments(schemas.FootprintIn)
@blp.response(201, schemas.FootprintOut)
def keep_footprint(call: Call, payload: dict[str, Any]) -> Any:
    """算我的碳足迹 Compute and keep a year's footprint; the same year again replaces it."""
    row = footprint.keep(call.session, call.actor, now=call.now, **payload)
    return present_footprint(call.session, call.actor.holder, row)


@blp.delete("/citizen/footprint/<int:year>")
@in_transaction("citizen.self")
@blp.response(204)
def forget_footprint(call: Call, year: int) -> None:
    """删掉我的碳足迹 Delete a year's footprint."""
    footprint.forget(call.session, call.actor, year, now=call.now)


@blp.get("/citizen/offsets")
@reading("citizen.self")
@blp.response(200, schemas.OffsetsOut)
def list_offsets(call: Call) -> Any:
    """我的小额碳票 What can be bought by the kilogram, and the person's orders, newest first."""
    return {
        "offer": present_offer(call.session, call.settings.payments),
        "items": [
            present_order(call.session, row) for row in offsets.orders_of(call.session, call.actor.holder)
        ],
    }


@blp.post("/citizen/offsets")
@outside_transaction("citizen.self")
@blp.arguments(schemas.OffsetIn)
@blp.response(201, schemas.OffsetOut)
def order_offset(call: Call, payload: dict[str, Any]) -> Any:
    """买小额碳票 Order kilograms to be retired for one's own footprint; pay within 15 minutes.

    The same ``order_key`` again is the same order. Nothing is retired before it is paid.
    """
    port = port_for(call.settings)
    if port.mode == OFF:
        raise PaymentUnavailable
    row = call.transact(
        lambda session: offsets.order(session, call.actor, mode=port.mode, now=call.now, **payload)
    )
    if row.state == rules.AWAITING and not row.payment_reference:
        # The channel is asked between two transactions: none of them waits for the network.
        reference = port.open(row.code, row.amount_fen)
        row = call.transact(
            lambda session: offsets.note_opened(session, call.actor, row.code, reference, now=call.now)
        )
    return call.read(lambda session: present_order(session, row))


@blp.get("/citizen/offsets/<code>")
@reading("citizen.self")
@blp.response(200, schemas.OffsetOut)
def get_offset(call: Call, code: str) -> Any:
    """一笔小额碳票 One of the person's own orders."""
    return present_order(call.session, offsets.get_order(call.session, call.actor.holder, code))


@blp.post("/citizen/offsets/<code>/payment")
@outside_transaction("citizen.self")
@blp.response(200, schemas.OffsetOut)
def confirm_payment(call: Call, code: str) -> Any:
    """我付好了 Ask the payment channel whether an order was paid. Repeatable."""
    port = port_for(call.settings)
    row = call.read(lambda session: offsets.get_order(session, call.actor.holder, code))
    if row.state in (rules.AWAITING, rules.EXPIRED):
        if row.payment_mode != port.mode or not row.payment_reference:
            zh, en = rules.ORDER_WORDS[row.state]
            raise OrderWrongState(order=code, state=en, state_zh=zh, action_zh="付款", action_en="paid")
        payment = port.find(row.payment_reference, row.amount_fen)
        if payment is None:
            raise PaymentOpen(order=code)
        secret = call.settings.secret
        row = call.transact(
            lambda session: offsets.settle(session, call.actor, code, payment, secret=secret, now=call.now)
        )
    return call.read(lambda session: present_order(session, row))
