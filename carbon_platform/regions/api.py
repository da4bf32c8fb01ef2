"""Counties and development batches, public."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from flask import Response
from flask_smorest import Blueprint

from carbon_platform.regions import service
from carbon_platform.web import Call, Schema, reading

blp = Blueprint("regions", __name__, url_prefix="/api/v1", description="行政区与批次 Regions and batches")


class RegionOut(Schema):
    code = ma.fields.String()
    name_zh = ma.fields.String()
    name_en = ma.fields.String()
    batch_number = ma.fields.Integer(metadata={"description": "development batch of the city's plan"})


@blp.get("/regions")
@reading(None)
@blp.response(200, RegionOut(many=True))
def list_counties(call: Call) -> Any:
    """十个县区 The ten counties of the plan and the batch each belongs to."""
    return service.list_counties(call.session)


@blp.get("/regions/counties.geojson")
@reading(None)
def counties_geojson(call: Call) -> Response:
    """县界 County outlines (CGCS2000 lon/lat), simplified for overview maps; not a legal boundary."""
    response = Response(service.outline_geojson(), mimetype="application/geo+json")
    response.headers["Cache-Control"] = "public, max-age=86400"
    return response
