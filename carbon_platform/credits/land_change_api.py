"""Layers of change over HTTP: import, look, review."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from flask import Response
from flask_smorest import Blueprint

from carbon_platform.credits import land_change_queries, land_changes, land_reviews
from carbon_platform.credits.land_change_rules import KINDS, OUTCOMES
from carbon_platform.credits.land_change_tables import LandChangeLayer, LandFlag
from carbon_platform.credits.tables import CreditBatch
from carbon_platform.parcels import register
from carbon_platform.parcels.tables import Parcel
from carbon_platform.parcels.uploads import plain_name, scratch_folder, too_large_in_words
from carbon_platform.web import (
    Attachment,
    Call,
    FileIn,
    PageArgs,
    PageOut,
    PlainText,
    Schema,
    in_transaction,
    outside_transaction,
    paged,
    present_page,
    reading,
)

blp = Blueprint(
    "land_changes", __name__, url_prefix="/api/v1", description="土地变化 Fire and clear-cut on claimed land"
)

STATUSES = ("open", *OUTCOMES.values())


class ChangeLayerIn(FileIn):
    file = Attachment("polygons: zip with a shapefile, gpkg, geojson, kml")
    source = PlainText(required=True, validate=ma.validate.Length(2, 200))
    kind = ma.fields.String(
        load_default=None,
        validate=ma.validate.OneOf(KINDS),
        metadata={"description": "of every polygon, where the file has no such column"},
    )
    happened_on = ma.fields.Date(
        load_default=None, metadata={"description": "of every polygon, where the file has no such column"}
    )


class ChangeLayerOut(Schema):
    number = ma.fields.String()
    file_name = ma.fields.String()
    file_sha256 = ma.fields.String()
    source = ma.fields.String()
    region_code = ma.fields.String()
    epsg = ma.fields.Integer()
    crs_origin = ma.fields.String()
    notes = ma.fields.List(ma.fields.Dict())
    refusals = ma.fields.List(ma.fields.Dict(), metadata={"description": "rows that could not be used"})
    counts = ma.fields.Dict(metadata={"description": "rows, refused, area_m2, parcels, quantity_kg"})
    uploaded_by = ma.fields.String()
    uploaded_at = ma.fields.AwareDateTime()


class ChangeLayerPage(PageOut):
    items = ma.fields.List(ma.fields.Nested(ChangeLayerOut))


class FlagRangeOut(Schema):
    batch = ma.fields.String()
    first = ma.fields.Integer()
    last = ma.fields.Integer()


class LandFlagOut(Schema):
    number = ma.fields.String()
    parcel_code = ma.fields.String()
    county_code = ma.fields.String()
    kind = ma.fields.String()
    happened_on = ma.fields.Date()
    rows = ma.fields.List(ma.fields.Integer())
    affected_m2 = ma.fields.Float()
    share = ma.fields.Float(metadata={"description": "of the parcel, 0 to 1"})
    quantity_kg = ma.fields.Integer(metadata={"description": "numbered kilograms that come from it"})
    ranges = ma.fields.List(ma.fields.Nested(FlagRangeOut))
    status = ma.fields.String()
    reviewed_by = ma.fields.String()
    reviewed_at = ma.fields.AwareDateTime(allow_none=True)
    note = ma.fields.String()
    invalidations = ma.fields.List(ma.fields.String())


class LandFlagPage(PageOut):
    items = ma.fields.List(ma.fields.Nested(LandFlagOut))


class FlagArgs(PageArgs):
    status = ma.fields.String(load_default=None, validate=ma.validate.OneOf(STATUSES))


class ReviewLandIn(Schema):
    decision = ma.fields.String(required=True, validate=ma.validate.OneOf(list(OUTCOMES)))
    flags = ma.fields.List(
        ma.fields.String(validate=ma.validate.Length(max=40)),
        load_default=list,
        validate=ma.validate.Length(max=1000),
        metadata={"description": "numbers of flags; empty: every one that waits for this decision"},
    )
    note = PlainText(required=True, validate=ma.validate.Length(2, 200))
    document = PlainText(load_default="", validate=ma.validate.Length(max=200))
    share_percent = ma.fields.Integer(
        load_default=100,
        validate=ma.validate.Range(1, 100),
        metadata={"description": "confirm: of each parcel's numbers, the part to be made void"},
    )

    @ma.validates_schema
    def _needs_document(self, data: dict[str, Any], **_kwargs: Any) -> None:
        if data.get("decision") == "confirm" and len(data.get("document", "")) < 2:
            raise ma.ValidationError("确认损失要写文件编号。A loss needs its document.", "document")


def present_flag(
    flag: LandFlag, parcel: Parcel, ranges: list[tuple[CreditBatch, int, int]]
) -> dict[str, Any]:
    names = ("number", "kind", "happened_on", "rows", "affected_m2", "share", "quantity_kg", "status",
             "reviewed_by", "reviewed_at", "note", "invalidations")  # fmt: skip
    return {name: getattr(flag, name) for name in names} | {
        "parcel_code": parcel.code,
        "county_code": parcel.county_code,
        "ranges": [{"batch": batch.code, "first": first, "last": last} for batch, first, last in ranges],
    }


@blp.post("/land-changes")
@outside_transaction("land_change.write")
@too_large_in_words
@blp.arguments(ChangeLayerIn, location="files", unknown=ma.RAISE)
@blp.response(201, ChangeLayerOut)
def import_layer(call: Call, payload: dict[str, Any]) -> LandChangeLayer:
    """导入变化图层 Import fire or clear-cut polygons: parcels are flagged, what they issued stops."""
    with scratch_folder(call.settings.var) as folder:
        name = plain_name(payload["file"].filename)
        path = folder / f"upload.{name.rpartition('.')[2].lower()}"
        payload["file"].save(path)
        checked = land_changes.check_layer(
            path,
            file_name=name,
            scratch=folder,
            kind=payload["kind"],
            happened_on=payload["happened_on"],
            now=call.now,
        )
    return call.transact(
        lambda session: land_changes.enter(
            session, call.actor, checked, source=payload["source"], now=call.now
        )
    )


@blp.get("/land-changes")
@reading("parcel.read")
@blp.arguments(PageArgs, location="query")
@blp.response(200, ChangeLayerPage)
def list_layers(call: Call, query: dict[str, Any]) -> Any:
    """变化图层 Layers of change the caller's region has to do with, newest first."""
    return paged(call.session, land_change_queries.layers_statement(call.actor), **query)


@blp.get("/land-changes/<number>")
@reading("parcel.read")
@blp.response(200, ChangeLayerOut)
def get_layer(call: Call, number: str) -> Any:
    """一个变化图层 One layer with its counts."""
    return land_change_queries.get_layer(call.session, call.actor, number)


@blp.get("/land-changes/<number>/flags")
@reading("parcel.read")
@blp.arguments(FlagArgs, location="query")
@blp.response(200, LandFlagPage)
def list_flags(call: Call, query: dict[str, Any], number: str) -> Any:
    """受影响的地块 Parcels the layer covers, with the numbers that come from them."""
    layer = land_change_queries.get_layer(call.session, call.actor, number)
    statement = land_change_queries.flags_statement(call.actor, layer=layer, status=query.pop("status"))
    found = paged(call.session, statement, **query)
    ranges = land_change_queries.ranges_of(call.session, [flag for flag, _parcel in found.items])
    return present_page(found, [present_flag(flag, parcel, ranges[flag.id]) for flag, parcel in found.items])


@blp.get("/land-changes/<number>/flags.geojson")
@reading("parcel.read")
def flags_geojson(call: Call, number: str) -> Response:
    """地图 Flagged parcels and the change on them (CGCS2000 degrees)."""
    layer = land_change_queries.get_layer(call.session, call.actor, number)
    text = land_change_queries.layer_geojson(call.session, call.actor, layer, register.feature_texts)
    return Response(text, mimetype="application/geo+json")


@blp.post("/land-changes/<number>/review")
@in_transaction("order.write", idempotent=True)
@blp.arguments(ReviewLandIn)
@blp.response(201, LandFlagOut(many=True))
def review(call: Call, payload: dict[str, Any], number: str) -> Any:
    """复核 Another log-in clears, confirms (with a proposed invalidation) or settles flagged parcels."""
    share = payload.pop("share_percent") / 100
    done = land_reviews.review(call.session, call.actor, number, share=share, now=call.now, **payload)
    ranges = land_change_queries.ranges_of(call.session, done)
    parcels = {flag.id: call.session.get_one(Parcel, flag.parcel_id) for flag in done}
    return [present_flag(flag, parcels[flag.id], ranges[flag.id]) for flag in done]
