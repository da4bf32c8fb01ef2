"""Drawing on the map: what a shape would meet, and a drawing as a staged import."""

from __future__ import annotations

import json
from typing import Any

import marshmallow as ma
import shapely
from flask_smorest import Blueprint

from carbon_platform.parcels import drawing, service
from carbon_platform.parcels.api import FindingOut, ImportOut
from carbon_platform.parcels.drawing import Drawn, Taken
from carbon_platform.parcels.rules import KINDS
from carbon_platform.web import Call, Schema, outside_transaction

blp = Blueprint("drawing", __name__, url_prefix="/api/v1", description="图上绘制 Drawing on the map")


class DrawingIn(Schema):
    geometry = ma.fields.Dict(
        required=True,
        metadata={"description": "GeoJSON Polygon or MultiPolygon, CGCS2000 longitude and latitude"},
    )
    kind = ma.fields.String(load_default=None, allow_none=True, validate=ma.validate.OneOf(list(KINDS)))
    replaces = ma.fields.String(
        load_default=None,
        allow_none=True,
        validate=ma.validate.Length(1, 100),
        metadata={"description": "number of a registered parcel: the shape is its new border"},
    )


class DrawnParcelIn(DrawingIn):
    @ma.validates_schema
    def say_what_grows(self, data: dict[str, Any], **_: Any) -> None:
        if data.get("kind") is None and data.get("replaces") is None:
            raise ma.ValidationError("请选明资源类型。 Say what grows there.", "kind")


class TakenOut(Schema):
    code = ma.fields.String()
    kind = ma.fields.String(metadata={"description": "overlap, sliver or noise"})
    area_m2 = ma.fields.Float()
    share_of_smaller = ma.fields.Float()
    geometry = ma.fields.Dict(metadata={"description": "the land both have, CGCS2000 degrees"})


class DrawingOut(Schema):
    change = ma.fields.String(metadata={"description": "new, changed or same"})
    outcome = ma.fields.String(metadata={"description": "accepted, repaired, warned, refused or same"})
    area_m2 = ma.fields.Float(metadata={"description": "ellipsoidal area by the national rule"})
    county_code = ma.fields.String(metadata={"description": "empty outside the city"})
    findings = ma.fields.List(ma.fields.Nested(FindingOut))
    taken = ma.fields.List(ma.fields.Nested(TakenOut))
    taken_m2 = ma.fields.Float(metadata={"description": "land others have, counted once"})


@blp.post("/parcels/check")
@outside_transaction("parcel.import")
@blp.arguments(DrawingIn)
@blp.response(200, DrawingOut)
def check_drawing(call: Call, payload: dict[str, Any]) -> Any:
    """检查图形 What an import would say about this shape, and whose land it meets. Nothing is kept."""
    drawn = drawing.check(call.read, call.actor, now=call.now, **payload)
    return _shown(drawn)


@blp.post("/parcel-imports/drawn")
@outside_transaction("parcel.import")
@blp.arguments(DrawnParcelIn)
@blp.response(201, ImportOut)
def stage_drawing(call: Call, payload: dict[str, Any]) -> Any:
    """提交图形 A drawing as an import of one row: checked, staged, and accepted like any other."""
    drawn = drawing.check(call.read, call.actor, now=call.now, **payload)
    return call.transact(
        lambda session: service.stage_import(session, call.actor, drawn.checked, now=call.now)
    )


def _shown(drawn: Drawn) -> dict[str, Any]:
    row = drawn.row
    return {
        "change": row.change,
        "outcome": row.outcome,
        "area_m2": row.area_m2,
        "county_code": row.county,
        "findings": row.findings,
        "taken": [_taken(one) for one in drawn.taken],
        "taken_m2": drawn.taken_m2,
    }


def _taken(one: Taken) -> dict[str, Any]:
    return {**vars(one), "geometry": json.loads(shapely.to_geojson(one.land))}
