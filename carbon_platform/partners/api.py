"""What data partners call: signed requests, never a session. See ``docs/*/data-partners.md``."""

from __future__ import annotations

from typing import Any

from flask import Response
from flask_smorest import Blueprint

from carbon_platform.citizens import bindings
from carbon_platform.identity.service import audit
from carbon_platform.partners import push, reconciliation, rules, schemas
from carbon_platform.partners.signed import HEADERS, Partner, demand_partner, once
from carbon_platform.web import Call, outside_transaction

blp = Blueprint(
    "partners", __name__, url_prefix="/api/v1", description="数据合作方 Data partners: signed pushes"
)

_SIGNED = [
    {"in": "header", "name": name, "required": key != "algorithm", "schema": {"type": "string"}}
    for key, name in HEADERS.items()
]
_ROW = {
    "external_id": "ride-20261122-000001",
    "subject": "c-7f3a91",
    "behaviour": "XI14b",
    "occurred_at": "2026-11-22T08:10:00+08:00",
}
_BACK = {"external_id": "ride-20261122-000001"}
_FILE = "day,behaviour,records,quantity\n2026-11-22,XI14b,1200,1200\n"


def _body(example: Any, *types: str) -> dict[str, Any]:
    content = {kind: {"schema": {"type": "object"}, "example": example} for kind in types}
    return {"required": True, "content": content}


@blp.post("/partner/acts")
@outside_transaction(None)
@blp.doc(parameters=_SIGNED, requestBody=_body(_ROW, "application/x-ndjson", "application/json"))
@blp.response(200, schemas.PushResultOut)
def push_acts(call: Call) -> Any:
    """推送行为 Up to 5,000 acts, one JSON object per line, or a single one. A result per row, in order."""
    return _push(call, push.ACT)


@blp.post("/partner/reversals")
@outside_transaction(None)
@blp.doc(parameters=_SIGNED, requestBody=_body(_BACK, "application/x-ndjson", "application/json"))
@blp.response(200, schemas.PushResultOut)
def push_reversals(call: Call) -> Any:
    """撤回行为 Take records back, by their numbers, within the scene's reversal window or after it."""
    return _push(call, push.REVERSAL)


@blp.get("/partner/pushes/<int:push_id>")
@outside_transaction(None)
@blp.doc(parameters=_SIGNED)
@blp.response(200, schemas.PushDetailOut)
def read_push(call: Call, push_id: int) -> Any:
    """推送的去向 What became of the rows of one of your pushes once the worker had ruled on them."""
    partner = demand_partner(call)
    return call.read(
        lambda session: {
            "push": push.get_push(session, partner.scene, push_id),
            "outcomes": push.outcomes(session, push_id),
        }
    )


@blp.post("/partner/bindings")
@outside_transaction(None)
@blp.doc(parameters=_SIGNED)
@blp.arguments(schemas.SubjectIn)
@blp.response(201, schemas.BindingCodeOut)
def issue_binding_code(call: Call, payload: dict[str, Any]) -> Any:
    """绑定码 A one-time code for a customer signed in at the partner, good for ten minutes."""
    partner = demand_partner(call)

    def work(session: Any) -> dict[str, Any]:
        code, until = bindings.issue_code(session, partner.scene, payload["subject"], now=call.now)
        audit(
            session, partner.actor, "binding.code", object_kind="scene", object_id=partner.scene, now=call.now
        )
        return {"code": code, "expires_at": until}

    return once(call, partner, work)


@blp.post("/partner/reconciliations")
@outside_transaction(None)
@blp.doc(parameters=_SIGNED, requestBody=_body(_FILE, "text/csv", "application/x-ndjson"))
@blp.response(200, schemas.PartnerDayOut)
def reconcile(call: Call) -> Any:
    """日对账 Your totals of a day (or its record numbers) against ours; differences come back named."""
    partner = demand_partner(call)

    def work(session: Any) -> dict[str, Any]:
        kept = reconciliation.submit(session, partner.actor, partner.scene, partner.body, now=call.now)
        return reconciliation.present(kept.day, kept.ours, kept)

    return once(call, partner, work)


@blp.get("/partner/reconciliations")
@outside_transaction(None)
@blp.doc(parameters=_SIGNED)
@blp.arguments(schemas.DayArgs, location="query")
@blp.response(200, schemas.PartnerDayOut)
def read_reconciliation(call: Call, args: dict[str, Any]) -> Any:
    """对账文件 Our totals of a day, as JSON, CSV or NDJSON, and what was compared last."""
    partner = demand_partner(call)
    day = args["day"].isoformat()
    ours = call.read(lambda session: reconciliation.totals(session, partner.scene, day))
    if args["format"] == "csv":
        return Response(reconciliation.as_csv(day, ours), mimetype="text/csv")
    if args["format"] == "ndjson":
        return Response(reconciliation.as_ndjson(day, ours), mimetype="application/x-ndjson")
    kept = call.read(lambda session: reconciliation.latest(session, partner.scene, day))
    return reconciliation.present(day, ours, kept)


def _push(call: Call, kind: str) -> dict[str, Any]:
    partner: Partner = demand_partner(call, most_bytes=rules.BODY_MAX_BYTES)
    # Read before the transaction opens: a whole batch that is too long never takes a lock.
    lines = push.read_lines(partner.body)
    return once(call, partner, lambda session: push.receive(session, partner, kind, lines))
