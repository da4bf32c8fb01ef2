"""Regions, counties and development batches, public."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from flask import Response
from flask_smorest import Blueprint

from carbon_platform.regions import service
from carbon_platform.regions.rules import LEVELS
from carbon_platform.web import Call, PageArgs, PageOut, Schema, coordinates, paged, reading

blp = Blueprint("regions", __name__, url_prefix="/api/v1", description="行政区与批次 Regions and batches")


class RegionOut(Schema):
    code = ma.fields.String()
    name_zh = ma.fields.String()
    name_en = ma.fields.String()
    level = ma.fields.String(validate=ma.validate.OneOf(list(LEVELS.values())))
    parent_code = ma.fields.String()
    valid_from = ma.fields.Date()
    valid_to = ma.fields.Date(allow_none=True, metadata={"description": "first day it is no more"})
    successor_code = ma.fields.String(metadata={"description": "what took its place, where one did"})
    source = ma.fields.String()
    batch_number = ma.fields.Integer(
        allow_none=True, metadata={"description": "development batch of the city's plan"}
    )


class RegionChangeOut(Schema):
    kind = ma.fields.String(metadata={"description": "added | renamed | ended"})
    effective_on = ma.fields.Date()
    name_before = ma.fields.String()
    name_after = ma.fields.String()
    successor_code = ma.fields.String()
    source = ma.fields.String()


class BorderOut(Schema):
    valid_from = ma.fields.Date()
    source = ma.fields.String()
    map_approval = ma.fields.String(metadata={"description": "审图号; empty: not for publication"})


class RegionDetailOut(RegionOut):
    changes = ma.fields.List(ma.fields.Nested(RegionChangeOut))
    borders = ma.fields.List(ma.fields.Nested(BorderOut))


class RegionPageOut(PageOut):
    items = ma.fields.List(ma.fields.Nested(RegionOut))


class RegionArgs(PageArgs):
    level = ma.fields.String(load_default="", validate=ma.validate.OneOf(["", *LEVELS.values()]))
    within = ma.fields.String(
        load_default="", validate=ma.validate.Regexp(r"^\d{0,12}$"), metadata={"example": "4115"}
    )
    on = ma.fields.Date(load_default=None, metadata={"description": "only what is valid on this day"})


@blp.get("/regions")
@reading(None)
@blp.response(200, RegionOut(many=True))
def list_counties(call: Call) -> Any:
    """十个县区 The ten counties of the plan and the batch each belongs to."""
    return service.list_counties(call.session)


@blp.get("/regions/all")
@reading(None)
@blp.arguments(RegionArgs, location="query")
@blp.response(200, RegionPageOut)
def list_regions(call: Call, query: dict[str, Any]) -> Any:
    """行政区划 Every region on record, province to village, of every city; as of a day."""
    filters = {name: query.pop(name) for name in ("level", "within", "on")}
    return paged(call.session, service.regions_statement(**filters), **query)


@blp.get("/regions/<string:code>")
@reading(None)
@blp.response(200, RegionDetailOut)
def get_region(call: Call, code: str) -> Any:
    """一个行政区 One region, what it was called before, and where its borders come from."""
    region = service.get_region(call.session, code)
    plain = {name: getattr(region, name) for name in RegionOut().fields}
    return {
        **plain,
        "changes": service.changes_of(call.session, code),
        "borders": service.borders_of(call.session, code),
    }


@blp.get("/regions/counties.geojson")
@reading(None)
@blp.arguments(coordinates.ShownArgs, location="query")
def counties_geojson(call: Call, query: dict[str, Any]) -> Response:
    """县界 County outlines, simplified for overview maps; not a legal boundary."""
    text = coordinates.shown_text(service.outline_geojson(), query["crs"])
    response = Response(text, mimetype="application/geo+json")
    response.headers["Cache-Control"] = "public, max-age=86400"
    return response
