"""Statements, reconciliation and freezes over HTTP."""

from __future__ import annotations

from typing import Any

from flask_smorest import Blueprint

from carbon_platform.books import schemas, service
from carbon_platform.ledger import ROLES, AccountKey
from carbon_platform.web import Call, in_transaction, reading

blp = Blueprint(
    "ledger", __name__, url_prefix="/api/v1/ledger", description="账簿 Statements, reconciliation"
)


@blp.get("/statement")
@reading("holding.read")
@blp.arguments(schemas.StatementArgs, location="query")
@blp.response(200, schemas.StatementOut)
def show_statement(call: Call, args: dict[str, Any]) -> Any:
    """对账单 One account of your organisation: a page, and the balances a period opens and closes with."""
    found = service.own_statement(call.session, call.actor, **args)
    page = found.statement
    return {
        "organisation": found.organisation,
        "role": found.key.role,
        "lot": found.key.lot,
        "unit": found.unit,
        "opening": page.opening,
        "closing": page.closing,
        "lines": [
            {
                **vars(line),
                "counterparty_role": line.counterparty.role,
                "counterparty": found.names.get(line.counterparty.holder),
            }
            for line in page.lines
        ],
        "next_before": page.next_before,
    }


@blp.get("/reconciliation")
@reading("ledger.read")
@blp.response(200, schemas.BooksOut)
def show_reconciliation(call: Call) -> Any:
    """每夜核对 The last reconciliation, what stands still and why, and what was let go on."""
    return service.position(call.session)


@blp.post("/freezes")
@in_transaction("ledger.freeze")
@blp.arguments(schemas.FreezeIn)
@blp.response(201, schemas.FrozenOut)
def freeze(call: Call, payload: dict[str, Any]) -> Any:
    """暂停 Let an account, or a lot of credits, stand still until another person lifts it."""
    account = payload["account"]
    keys = [] if account is None else [_key(account)]
    lots = [] if payload["lot"] is None else [payload["lot"]]
    done = service.freeze(
        call.session, call.actor, keys=keys, lots=lots, reason=payload["reason"], now=call.now
    )
    return {"frozen": done}


@blp.post("/freezes/<int:freeze_id>/lift")
@in_transaction("ledger.freeze")
@blp.arguments(schemas.LiftIn)
@blp.response(200, schemas.FreezeOut)
def lift(call: Call, payload: dict[str, Any], freeze_id: int) -> Any:
    """解除暂停 By a person other than the one who froze, with the reason."""
    return service.lift(call.session, call.actor, freeze_id, note=payload["note"], now=call.now)


def _key(account: dict[str, str]) -> AccountKey:
    role = ROLES[account["role"]]
    return AccountKey(role.code, account["holder"], role.asset, account["lot"])
