"""What sources sent about the person and was not taken in, over HTTP: hers alone, with the reason."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from flask_smorest import Blueprint
from sqlalchemy.orm import Session

from carbon_platform.citizens import appeals, refusals, schemas
from carbon_platform.citizens import truth_schemas as shapes
from carbon_platform.citizens.inbox_tables import ActRefusal
from carbon_platform.citizens.present import present_refused
from carbon_platform.citizens.truth_api import present_appeal
from carbon_platform.web import Call, paged, present_page, reading

blp = Blueprint("refusals", __name__, url_prefix="/api/v1", description="没有收下的 What was not taken in")


@blp.get("/citizen/refused-acts")
@reading("citizen.self")
@blp.arguments(schemas.BookArgs, location="query")
@blp.response(200, shapes.NotTakenListOut)
def list_refusals(call: Call, args: dict[str, Any]) -> Any:
    """没有收下的 What sources sent and was refused, newest first, with the reason; kept for 30 days.

    Without a consent only that the source tried is told, once a day. Contest one with ``refusal_id`` at
    ``POST /api/v1/citizen/appeals``.
    """
    page = paged(call.session, refusals.mine(call.actor), **args)
    return present_page(page, present_refusals(call.session, page.items, call.now))


@blp.get("/citizen/refused-acts/<int:refusal_id>")
@reading("citizen.self")
@blp.response(200, shapes.NotTakenOut)
def get_refusal(call: Call, refusal_id: int) -> Any:
    """一条没有收下的 One of the person's own refusals."""
    row = refusals.get_mine(call.session, call.actor, refusal_id)
    return present_refusals(call.session, [row], call.now)[0]


def present_refusals(session: Session, rows: Sequence[ActRefusal], now: datetime) -> list[dict[str, Any]]:
    """Refusals as the person reads them, with her appeal and the act they have become; two statements."""
    contested = appeals.appeals_of_refusals(session, [row.id for row in rows])
    acts = refusals.counted_since(session, rows)
    found = []
    for row in rows:
        appeal, until = contested.get(row.id), row.refused_at + timedelta(days=refusals.days())
        counted = acts.get(row.id) or (appeal.counted_act_id if appeal else None)
        found.append(
            present_refused(row)
            | {
                "act_id": counted,
                "may_appeal": appeal is None and counted is None and now <= until,
                "appeal_until": until,
                "appeal": present_appeal(appeal) if appeal else None,
            }
        )
    return found
