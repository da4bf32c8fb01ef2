"""The registry over HTTP: public look-up, pledges, cancellations, invalidations."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask_smorest import Blueprint

from carbon_platform.credits import cancellation, invalidation, lookup, pledges
from carbon_platform.credits import registry_schemas as schemas
from carbon_platform.credits.registry_tables import Cancellation, Invalidation, MakeGood, Pledge
from carbon_platform.credits.retirement import get_retirement
from carbon_platform.credits.tables import CreditBatch
from carbon_platform.identity.service import get_organisation
from carbon_platform.web import Call, Page, PageArgs, in_transaction, paged, present_page, reading

blp = Blueprint(
    "credit_registry",
    __name__,
    url_prefix="/api/v1",
    description="登记 Registry: look-up, pledge, cancellation, invalidation",
)


@blp.get("/public/retirements")
@reading(None)
@blp.arguments(schemas.LookupQuery, location="query")
@blp.response(200, schemas.LookupOut)
def find_retirements(call: Call, args: dict[str, Any]) -> Any:
    """查证书 Certificates by number, serial, beneficiary or credit code; or one kilogram of a batch."""
    ways = {name: args[name] for name in ("number", "serial", "beneficiary", "credit_code")}
    if not args["batch"] and args["kg_number"] is None:
        found = lookup.certificates_of(call.session, **ways)
        page = paged(call.session, found, page=args["page"], size=args["size"])
        return present_page(page, lookup.brief(call.session, page.items)) | {"kilogram": None}
    if any(ways.values()) or not args["batch"] or args["kg_number"] is None:
        given = [name for name in (*ways, "batch", "kg_number") if args[name]]
        raise lookup.LookupUnclear(given="、".join(given))
    one = lookup.where_is(call.session, args["batch"], args["kg_number"])
    held = [get_retirement(call.session, one.certificate_number)] if one.certificate_number else []
    page = Page(held, 1, args["size"], len(held))
    return present_page(page, lookup.brief(call.session, held)) | {"kilogram": asdict(one)}


def present_pledge(call: Call, found: Pledge) -> dict[str, Any]:
    shown = pledges.view(call.session, found)
    names = ("number", "status", "quantity_kg", "contract_reference", "register_name", "register_reference",
             "pledged_at", "closed_at")  # fmt: skip
    return {name: getattr(found, name) for name in names} | {
        "batch": shown.batch.code,
        "pledger": shown.pledger.name_zh,
        "pledgee": shown.pledgee.name_zh,
        "left_kg": shown.left_kg,
        "ranges": [asdict(span) for span in shown.ranges],
        "steps": shown.steps,
    }


@blp.get("/pledgees")
@reading("pledge.write")
@blp.response(200, schemas.PledgeeOut(many=True))
def list_pledgees(call: Call) -> Any:
    """质权人 Banks a pledge can be made to."""
    return [{"id": bank.id, "name": bank.name_zh} for bank in pledges.banks(call.session)]


@blp.get("/pledges")
@reading("pledge.read")
@blp.arguments(PageArgs, location="query")
@blp.response(200, schemas.PledgePage)
def list_pledges(call: Call, args: dict[str, Any]) -> Any:
    """质押 Pledges your organisation gave or took, newest first."""
    page = paged(call.session, pledges.pledges_of(call.actor), page=args["page"], size=args["size"])
    return present_page(page, [present_pledge(call, found) for found in page.items])


@blp.post("/pledges")
@in_transaction("pledge.write", idempotent=True)
@blp.arguments(schemas.PledgeIn)
@blp.response(201, schemas.PledgeOut)
def make_pledge(call: Call, payload: dict[str, Any]) -> Any:
    """办理质押 Set kilograms aside for a bank; they keep their numbers and cannot be sold or retired."""
    return present_pledge(call, pledges.pledge(call.session, call.actor, **payload, now=call.now))


@blp.get("/pledges/<number>")
@reading("pledge.read")
@blp.response(200, schemas.PledgeOut)
def show_pledge(call: Call, number: str) -> Any:
    """一笔质押 One pledge with its numbers and what was done with it."""
    return present_pledge(call, pledges.get_pledge(call.session, call.actor, number))


@blp.post("/pledges/<number>/release")
@in_transaction("pledge.decide", idempotent=True)
@blp.arguments(schemas.ReleaseIn)
@blp.response(201, schemas.PledgeOut)
def release_pledge(call: Call, payload: dict[str, Any], number: str) -> Any:
    """解押 The bank lets go of all or part; it returns to who pledged it."""
    return present_pledge(call, pledges.release(call.session, call.actor, number, **payload, now=call.now))


@blp.post("/pledges/<number>/enforcement")
@in_transaction("pledge.decide", idempotent=True)
@blp.arguments(schemas.EnforcementIn)
@blp.response(201, schemas.PledgeOut)
def enforce_pledge(call: Call, payload: dict[str, Any], number: str) -> Any:
    """处置 What is left becomes the bank's, by judgment or agreement after default."""
    return present_pledge(call, pledges.enforce(call.session, call.actor, number, **payload, now=call.now))


def present_cancellation(call: Call, made: Cancellation) -> dict[str, Any]:
    names = ("number", "kind", "status", "quantity_kg", "reason", "document", "proposed_by", "proposed_at",
             "decided_by", "decided_at")  # fmt: skip
    owed = call.session.get_one(MakeGood, made.make_good_id) if made.make_good_id else None
    return {name: getattr(made, name) for name in names} | {
        "batch": call.session.get_one(CreditBatch, made.batch_id).code,
        "organisation": get_organisation(call.session, made.organisation_id).name_zh,
        "make_good": call.session.get_one(Invalidation, owed.invalidation_id).number if owed else "",
    }


@blp.post("/cancellations")
@in_transaction("holding.cancel", idempotent=True)
@blp.arguments(schemas.CancellationIn)
@blp.response(201, schemas.CancellationOut)
def cancel(call: Call, payload: dict[str, Any]) -> Any:
    """取消 Take your own kilograms out of circulation unused, or against what you owe; no certificate."""
    return present_cancellation(call, cancellation.cancel(call.session, call.actor, **payload, now=call.now))


@blp.get("/cancellations")
@reading("order.read")
@blp.arguments(PageArgs, location="query")
@blp.response(200, schemas.CancellationPage)
def list_cancellations(call: Call, args: dict[str, Any]) -> Any:
    """取消记录 All cancellations of your region, proposed ones too, newest first."""
    page = paged(call.session, cancellation.in_sight(call.actor), page=args["page"], size=args["size"])
    return present_page(page, [present_cancellation(call, made) for made in page.items])


@blp.post("/cancellation-orders")
@in_transaction("order.write", idempotent=True)
@blp.arguments(schemas.CancellationOrderIn)
@blp.response(201, schemas.CancellationOut)
def order_cancellation(call: Call, payload: dict[str, Any]) -> Any:
    """提出行政取消 Propose that a holder's kilograms be cancelled; another log-in has to confirm."""
    return present_cancellation(call, cancellation.order(call.session, call.actor, **payload, now=call.now))


@blp.post("/cancellation-orders/<number>/decision")
@in_transaction("order.write", idempotent=True)
@blp.arguments(schemas.OrderDecisionIn)
@blp.response(201, schemas.CancellationOut)
def decide_cancellation(call: Call, payload: dict[str, Any], number: str) -> Any:
    """批准或退回取消 The second log-in decides."""
    made = cancellation.decide_order(call.session, call.actor, number, **payload, now=call.now)
    return present_cancellation(call, made)


def present_invalidation(call: Call, made: Invalidation) -> dict[str, Any]:
    names = ("number", "status", "quantity_kg", "reason", "document", "proposed_by", "proposed_at",
             "decided_by", "decided_at", "decision_note")  # fmt: skip
    return {name: getattr(made, name) for name in names} | {
        "batch": call.session.get_one(CreditBatch, made.batch_id).code,
        "ranges": [asdict(span) for span in invalidation.ranges_of(call.session, made)],
        "make_good": invalidation.debt_of(call.session, made),
    }


@blp.post("/invalidations")
@in_transaction("order.write", idempotent=True)
@blp.arguments(schemas.InvalidationIn)
@blp.response(201, schemas.InvalidationOut)
def propose_invalidation(call: Call, payload: dict[str, Any]) -> Any:
    """提出作废 Name kilograms of a batch as void, by number or parcel; another log-in has to confirm."""
    numbers = [(span["first"], span["last"]) for span in payload.pop("numbers")]
    made = invalidation.propose(call.session, call.actor, numbers=numbers, **payload, now=call.now)
    return present_invalidation(call, made)


@blp.get("/invalidations")
@reading("order.read")
@blp.arguments(PageArgs, location="query")
@blp.response(200, schemas.InvalidationPage)
def list_invalidations(call: Call, args: dict[str, Any]) -> Any:
    """作废记录 All invalidations of your region, proposed ones too, newest first."""
    page = paged(call.session, invalidation.in_sight(call.actor), page=args["page"], size=args["size"])
    return present_page(page, [present_invalidation(call, made) for made in page.items])


@blp.get("/invalidations/<number>")
@reading("order.read")
@blp.response(200, schemas.InvalidationOut)
def show_invalidation(call: Call, number: str) -> Any:
    """一次作废 One invalidation with its numbers and what is owed for it."""
    return present_invalidation(call, invalidation.get_invalidation(call.session, call.actor, number))


@blp.post("/invalidations/<number>/decision")
@in_transaction("order.write", idempotent=True)
@blp.arguments(schemas.OrderDecisionIn)
@blp.response(201, schemas.InvalidationOut)
def decide_invalidation(call: Call, payload: dict[str, Any], number: str) -> Any:
    """批准或退回作废 The second log-in decides; confirmed, the numbers are void at once."""
    made = invalidation.decide_proposal(call.session, call.actor, number, **payload, now=call.now)
    return present_invalidation(call, made)
