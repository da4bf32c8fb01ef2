"""Citizens' pages of what sources sent and was not taken in: each with its reason and its appeal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import Blueprint, render_template

from carbon_platform.citizens import appeals, refusals
from carbon_platform.citizens.inbox_tables import ActRefusal
from carbon_platform.citizens.refusals_api import present_refusals
from carbon_platform.console.pages_citizen import citizens_only
from carbon_platform.console.refusal_rows import refusal_card
from carbon_platform.console.site import asked_page, pager
from carbon_platform.web import Call, paged

blp = Blueprint("refusal_pages", __name__, url_prefix="/h5")

SIZE = 20


@blp.get("/refusals")
@citizens_only
def my_refusals(call: Call) -> str:
    """What was not taken in, newest first."""
    found = paged(call.session, refusals.mine(call.actor), page=asked_page(), size=SIZE)
    return render_template(
        "h5_refusals.html",
        tab="book",
        refusals=_cards(call, found.items),
        days=refusals.days(),
        page=pager(found) if found.pages > 1 else None,
    )


@blp.get("/refusals/<int:refusal_id>")
@citizens_only
def one_refusal(call: Call, refusal_id: int) -> str:
    """One of them, with what was sent, and the form to contest it."""
    row = refusals.get_mine(call.session, call.actor, refusal_id)
    return render_template("h5_refusal.html", tab="book", refusal=_cards(call, [row])[0])


def _cards(call: Call, rows: Sequence[ActRefusal]) -> list[dict[str, Any]]:
    contested = appeals.appeals_of_refusals(call.session, [row.id for row in rows])
    shown = present_refusals(call.session, rows, call.now)
    return [refusal_card(row, contested.get(row["id"]), call.now) for row in shown]
