"""Monitoring of land (土地变化): imported layers of fire and clear-cut, and the review of what they flag."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from flask import Blueprint, Response, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from carbon_platform.console.site import asked_page, county, page, pager, said
from carbon_platform.credits import land_change_queries
from carbon_platform.credits.land_change_rules import decisions_of
from carbon_platform.credits.land_change_tables import LandChangeLayer, LandFlag
from carbon_platform.credits.tables import CreditBatch
from carbon_platform.parcels import register
from carbon_platform.parcels.tables import Parcel
from carbon_platform.web import Call, paged

blp = Blueprint("land_change_pages", __name__)

PAGE_SIZE = 50
_RANGES_SHOWN = 4


def kind_words() -> dict[str, str]:
    return {"fire": _("火灾"), "clear_cut": _("皆伐")}


@blp.get("/land-changes")
@page("parcel.read")
def layers(call: Call) -> ResponseReturnValue:
    found = paged(
        call.session, land_change_queries.layers_statement(call.actor), page=asked_page(), size=PAGE_SIZE
    )
    waiting = _waiting(call, [layer.id for layer in found.items])
    return render_template(
        "land_changes.html",
        layers=[_layer(layer, waiting.get(layer.id, 0)) for layer in found.items],
        page=pager(found),
        kinds=kind_words(),
        can={"write": call.actor.may("land_change.write")},
    )


def _waiting(call: Call, layer_ids: list[int]) -> dict[int, int]:
    """How many parcels of each layer wait for a review."""
    open_flags = land_change_queries.flags_statement(call.actor, status="open").order_by(None).subquery()
    rows = call.session.execute(
        sa.select(open_flags.c.layer_id, sa.func.count())
        .where(open_flags.c.layer_id.in_(layer_ids))
        .group_by(open_flags.c.layer_id)
    )
    return dict(rows.all())


def layers_to_review(call: Call, limit: int) -> list[dict[str, Any]]:
    """Layers with parcels that wait for a person other than who imported them, the oldest first."""
    not_mine = LandChangeLayer.uploaded_by_user.is_distinct_from(call.actor.user_id)
    statement = land_change_queries.layers_statement(call.actor).where(not_mine).order_by(None)
    found = list(call.session.scalars(statement.order_by(LandChangeLayer.id).limit(limit)))
    waiting = _waiting(call, [layer.id for layer in found])
    return [_layer(layer, waiting[layer.id]) for layer in found if waiting.get(layer.id)]


def parcel_flags(call: Call, parcel: Parcel) -> list[dict[str, Any]]:
    """What stands against a parcel: fire or clear-cut that is not cleared and not settled."""
    rows = call.session.execute(
        land_change_queries.flags_statement(call.actor).where(
            LandFlag.parcel_id == parcel.id, LandFlag.status.in_(("open", "confirmed"))
        )
    )
    return [
        {
            "number": flag.number,
            "kind": kind_words()[flag.kind],
            "happened_on": flag.happened_on,
            "share": flag.share,
            "status": flag.status,
            "url": f"/land-changes/{flag.number.rpartition('-')[0]}",
        }
        for flag, _parcel in rows
    ]


def _layer(layer: LandChangeLayer, waiting: int) -> dict[str, Any]:
    names = ("number", "file_name", "source", "counts", "uploaded_by", "uploaded_at")
    return {name: getattr(layer, name) for name in names} | {
        "url": f"/land-changes/{layer.number}",
        "place": county(layer.region_code) if len(layer.region_code) >= 6 else _("全市"),
        "waiting": waiting,
    }


@blp.get("/land-changes/<number>.geojson")
@page("parcel.read")
def layer_geojson(call: Call, number: str) -> ResponseReturnValue:
    layer = land_change_queries.get_layer(call.session, call.actor, number)
    text = land_change_queries.layer_geojson(call.session, call.actor, layer, register.feature_texts)
    return Response(text, mimetype="application/geo+json")


@blp.get("/land-changes/<number>")
@page("parcel.read")
def layer_page(call: Call, number: str) -> ResponseReturnValue:
    layer = land_change_queries.get_layer(call.session, call.actor, number)
    status = request.args.get("status", "")
    wanted = status if status in ("open", "cleared", "confirmed", "settled") else None
    statement = land_change_queries.flags_statement(call.actor, layer=layer, status=wanted)
    found = paged(call.session, statement, page=asked_page(), size=PAGE_SIZE)
    ranges = land_change_queries.ranges_of(call.session, [flag for flag, _parcel in found.items])
    waiting = _waiting(call, [layer.id]).get(layer.id, 0)
    may_order = call.actor.may("order.write")
    is_mine = call.actor.user_id is not None and call.actor.user_id == layer.uploaded_by_user
    return render_template(
        "land_change.html",
        layer=_layer(layer, waiting)
        | {
            "notes": [said(note["zh"], note["en"]) for note in layer.notes],
            "refusals": [said(one["zh"], one["en"]) for one in layer.refusals[:20]],
            "crs": f"EPSG:{layer.epsg}",
        },
        flags=[_flag(flag, parcel, ranges[flag.id]) for flag, parcel in found.items],
        page=pager(found),
        status=wanted or "",
        map_url=f"/land-changes/{layer.number}.geojson",
        can={"review": may_order and not is_mine, "is_mine": may_order and is_mine},
        trail=[{"label": _("土地变化"), "url": "/land-changes"}, {"label": layer.number}],
    )


def _flag(flag: LandFlag, parcel: Parcel, ranges: list[tuple[CreditBatch, int, int]]) -> dict[str, Any]:
    return {
        "number": flag.number,
        "parcel": {"code": parcel.code, "url": f"/parcels/{parcel.code}"},
        "place": county(parcel.county_code),
        "kind": kind_words()[flag.kind],
        "happened_on": flag.happened_on,
        "affected_m2": flag.affected_m2,
        "share": flag.share,
        "quantity_kg": flag.quantity_kg,
        "ranges": [
            {"batch": batch.code, "url": f"/batches/{batch.code}", "text": f"{first:,} – {last:,}"}
            for batch, first, last in ranges[:_RANGES_SHOWN]
        ],
        "more_ranges": max(0, len(ranges) - _RANGES_SHOWN),
        "status": flag.status,
        "decisions": decisions_of(flag.status),
        "reviewed": {"by": flag.reviewed_by, "at": flag.reviewed_at, "note": flag.note}
        if flag.reviewed_at
        else None,
        "invalidations": flag.invalidations,
    }
