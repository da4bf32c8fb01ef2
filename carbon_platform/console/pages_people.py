"""Citizens' accounts for staff: look one up for a reason; read who did so and what was shared."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from carbon_platform.citizens import catalogue, privacy
from carbon_platform.citizens.privacy_tables import ShareLog
from carbon_platform.console.site import SIGNED_IN, asked_page, page, pager, role_label, said
from carbon_platform.identity.tables import PersonLookup, User
from carbon_platform.web import Call, paged

blp = Blueprint("people_pages", __name__)

PAGE_SIZE = 30


@blp.get("/people")
@page(SIGNED_IN)
def people(call: Call) -> ResponseReturnValue:
    may_look, may_audit = call.actor.may("person.read"), call.actor.may("audit.read")
    if not may_look and not may_audit:
        call.actor.demand("person.read")
    found = paged(call.session, privacy.lookups(), page=asked_page(), size=PAGE_SIZE) if may_audit else None
    shares = (
        paged(call.session, privacy.shares(), page=asked_page("shares"), size=PAGE_SIZE)
        if may_audit
        else None
    )
    names = _names(call, {row.user_id for row in found.items}) if found else {}
    return render_template(
        "people.html",
        may_look=may_look,
        may_audit=may_audit,
        lookups=[_lookup(row, names) for row in found.items] if found else [],
        page=pager(found) if found else None,
        shares=[_share(row) for row in shares.items] if shares else [],
        shares_page=pager(shares, "shares") if shares else None,
    )


def _names(call: Call, ids: set[int]) -> dict[int, str]:
    """Names of colleagues by number."""
    found = sa.select(User.id, User.display_name).where(User.id.in_(ids))
    return {row.id: row.display_name for row in call.session.execute(found)}


def _lookup(row: PersonLookup, names: dict[int, str]) -> dict[str, Any]:
    words = {"phone": _("手机号"), "id": _("身份证号"), "number": _("账户号")}
    return {
        "at": row.at,
        "role": role_label(row.user_role),
        "user": names.get(row.user_id, f"#{row.user_id}"),
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
        "fields": [_field(name) for name in row.fields],
        "rows": row.row_count,
        "people": row.people_count,
        "reference": row.reference,
    }


def _field(name: str) -> str:
    """What a column of a transfer holds; a name of the partner's own stays as it came."""
    words = {
        "kind": _("种类"), "external_id": _("记录号"), "subject": _("账户代号"), "holder": _("账户代号"),
        "behaviour": _("行为"), "occurred_at": _("发生时间"), "reason": _("原因"), "quantity": _("数量"),
        "quantity_milli": _("数量（千分之一）"), "distance_m": _("里程（米）"), "duration_s": _("时长（秒）"),
        "avoided_m": _("少走的里程（米）"), "meeting_min": _("会议时长（分钟）"),
        "saved_kwh_per_year": _("一年少用的电（千瓦时）"),
    }  # fmt: skip
    return words.get(name, name)
