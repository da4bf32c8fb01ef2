"""Citizens' accounts for staff: look one up for a reason; read who did so and what was shared."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from carbon_platform.citizens import catalogue, privacy
from carbon_platform.citizens.privacy_tables import ShareLog
from carbon_platform.console.site import SIGNED_IN, asked_page, page, pager, role_label, said
from carbon_platform.identity.tables import PersonLookup
from carbon_platform.web import Call, paged

blp = Blueprint("people_pages", __name__)

PAGE_SIZE = 30
SHARES_SHOWN = 20


@blp.get("/people")
@page(SIGNED_IN)
def people(call: Call) -> ResponseReturnValue:
    may_look, may_audit = call.actor.may("person.read"), call.actor.may("audit.read")
    if not may_look and not may_audit:
        call.actor.demand("person.read")
    found = paged(call.session, privacy.lookups(), page=asked_page(), size=PAGE_SIZE) if may_audit else None
    shares = call.session.scalars(privacy.shares().limit(SHARES_SHOWN)) if may_audit else ()
    return render_template(
        "people.html",
        may_look=may_look,
        may_audit=may_audit,
        lookups=[_lookup(row) for row in found.items] if found else [],
        page=pager(found) if found else None,
        shares=[_share(row) for row in shares],
    )


def _lookup(row: PersonLookup) -> dict[str, Any]:
    words = {"phone": _("手机号"), "id": _("身份证号"), "number": _("账户号")}
    return {
        "at": row.at,
        "role": role_label(row.user_role),
        "user": row.user_id,
        "by": words[row.found_by],
        "reason": row.reason,
        "person": row.person_id,
    }


def _share(row: ShareLog) -> dict[str, Any]:
    return {
        "at": row.at,
        "direction": _("收到") if row.direction == privacy.RECEIVED else _("送出"),
        "partner": said(*catalogue.partner_names(row.partner))
        if row.partner in catalogue.sources()
        else row.partner,
        "fields": list(row.fields),
        "rows": row.row_count,
        "people": row.people_count,
        "reference": row.reference,
    }


def _partner(code: str) -> str:
    return said(*catalogue.partner_names(code)) if code in catalogue.sources() else code
