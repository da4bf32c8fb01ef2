"""重复申报: land that more than one project or scheme claims, who claims a parcel, claims kept elsewhere."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from carbon_platform.console.site import asked_page, county, page, pager, said
from carbon_platform.credits import double_claims
from carbon_platform.credits.double_claims import DoubleClaim
from carbon_platform.errors import NotFound
from carbon_platform.identity.rules import Actor
from carbon_platform.parcels import outside_claims, register
from carbon_platform.parcels.land_claims import Described
from carbon_platform.parcels.outside_claims_rules import POOLS, SCHEMES, claim_limits, pools_text
from carbon_platform.parcels.outside_claims_tables import OutsideClaim
from carbon_platform.projects.tables import Project
from carbon_platform.web import Call, Page, paged
from carbon_platform.web.language import language

blp = Blueprint("claims_pages", __name__)

PAGE_SIZE = 50
DECLARED_SHOWN = 20


@blp.get("/double-claims")
@page("claim.read")
def report(call: Call) -> ResponseReturnValue:
    found = double_claims.report(call.session, call.actor)
    number = asked_page()
    start = (number - 1) * PAGE_SIZE
    shown = Page(found.items[start : start + PAGE_SIZE], number, PAGE_SIZE, len(found.items))
    declared = paged(call.session, outside_claims.visible_claims(call.actor), page=1, size=DECLARED_SHOWN)
    own = _own_projects(call)
    return render_template(
        "double_claims.html",
        asked=_asked(call, request.args.get("parcel", "").strip()),
        totals={"count": len(found.items), "area_m2": found.area_m2, "severities": found.counts()},
        items=[
            _item(call.actor, place, item, own) for place, item in enumerate(shown.items, start=start + 1)
        ],
        page=pager(shown),
        map_url="/api/v1/double-claims.geojson",
        limits=_limits(),
        declared=_declarations(call, declared.items),
        declared_more=max(0, declared.total - DECLARED_SHOWN),
        schemes=[{"key": key, "label": said(*words)} for key, words in SCHEMES.items()],
        pools=[{"key": key, "label": said(zh, en)} for key, (zh, en, _bit) in POOLS.items()],
        can={"declare": call.actor.may("claim.write")},
    )


def _limits() -> dict[str, str]:
    limits = claim_limits()
    return {
        "share": f"{limits.share_max:.0%}",
        "sliver_m": f"{limits.tolerance.sliver_width_m:g}",
        "noise_m": f"{limits.tolerance.noise_width_m:g}",
    }


def _own_projects(call: Call) -> set[str]:
    """Codes of projects from which the reader may take parcels."""
    if not call.actor.may("project.write") or call.actor.organisation_id is None:
        return set()
    owner = Project.owner_organisation_id == call.actor.organisation_id
    return set(call.session.scalars(sa.select(Project.code).where(owner)))


def _item(actor: Actor, place: int, item: DoubleClaim, own: set[str]) -> dict[str, Any]:
    return {
        "number": place,
        "sides": [_side(actor, side, own) for side in (item.a, item.b)],
        "severity": item.severity,
        "kind": item.kind,
        "pools": pools_text(item.pools, language()),
        "first": item.first,
        "end": item.end,
        "area_m2": item.area_m2,
        "share": f"{item.share:.2%}",
        "bounds": list(item.box),
    }


def _side(actor: Actor, side: Described, own: set[str]) -> dict[str, Any]:
    """One claim; ``leave``: project and parcel that the reader can part."""
    sees = bool(side.county_code) and actor.sees_region(side.county_code)
    reads = sees and side.parcel and actor.may("parcel.read")
    leave = side.source == "reserved" and side.project in own
    return {
        "text": said(side.zh, side.en),
        "county": county(side.county_code) if side.county_code else "",
        "url": f"/parcels/{side.parcel}" if reads else "",
        "parcel": side.parcel,
        "leave": {"project": side.project, "parcel": side.parcel} if leave else None,
    }


def _asked(call: Call, code: str) -> dict[str, Any] | None:
    """Who claims one parcel; ``verdict`` is empty when there is no such parcel in sight."""
    if not code:
        return None
    try:
        parcel = register.get_parcel(call.session, call.actor, code)
    except NotFound:
        return {"code": code, "verdict": "", "claims": []}
    answer = double_claims.claims_on(call.session, bytes(parcel.geometry))
    return {
        "code": code,
        "verdict": answer.verdict,
        "claims": [
            {
                "text": said(claim.claim.zh, claim.claim.en),
                "pools": pools_text(claim.pools, language()),
                "first": claim.first,
                "end": claim.end,
                "area_m2": claim.area_m2,
                "share": f"{claim.share:.2%}",
            }
            for claim in answer.claims
        ],
    }


def _declarations(call: Call, claims: list[OutsideClaim]) -> list[dict[str, Any]]:
    sizes = outside_claims.sizes(call.session, claims)
    me, may = call.actor.user_id, call.actor.may("claim.write")
    return [
        {
            "number": claim.number,
            "scheme": said(*SCHEMES[claim.scheme]),
            "reference": claim.reference,
            "title": claim.title,
            "claimant": claim.claimant,
            "document": claim.document,
            "pools": pools_text(claim.pools, language()),
            "first": claim.period_start,
            "end": claim.period_end,
            "lands": sizes.get(claim.id, (0, 0.0))[0],
            "area_m2": sizes.get(claim.id, (0, 0.0))[1],
            "left_out": claim.left_out,
            "standing": claim.status == "standing",
            "declared_by": claim.declared_by,
            "declared_at": claim.declared_at,
            "released_by": claim.released_by,
            "released_at": claim.released_at,
            "release_reason": claim.release_reason,
            "mine": claim.declared_by_user == me,
            "can_release": may and claim.status == "standing" and claim.declared_by_user != me,
            "map_url": f"/api/v1/outside-claims/{claim.number}/lands.geojson",
        }
        for claim in claims
    ]
