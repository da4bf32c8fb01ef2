"""Vector tiles of the register, with project and vintage: for the map console and for desktop programs.

A tile is authorised like every other answer: only the caller's region is in it. Browsers keep it and ask with
its ETag; as long as no parcel, project or ticket changed, the answer is 304 without any drawing.
"""

from __future__ import annotations

import gzip
import hashlib
from typing import Any, Final

import marshmallow as ma
from flask import Response, request
from flask_smorest import Blueprint

from carbon_platform.credits.land_labels import labels_version, land_labels
from carbon_platform.parcels import tiles
from carbon_platform.parcels.rules import KINDS
from carbon_platform.web import Call, Schema, reading
from gis.tiles import Tile

blp = Blueprint("tiles", __name__, url_prefix="/api/v1", description="瓦片 Vector tiles")

MVT: Final = "application/vnd.mapbox-vector-tile"
# Smaller bodies do not get smaller by it.
_WORTH_PACKING: Final = 512
_PACKING: Final = 4
STATUSES: Final = {"registered": "registered", "ended": "ended", "all": ""}


class TileArgs(Schema):
    kind = ma.fields.String(load_default="", validate=ma.validate.OneOf(["", *KINDS]))
    status = ma.fields.String(load_default="registered", validate=ma.validate.OneOf(list(STATUSES)))


@blp.get("/tiles/parcels/<int:z>/<int:x>/<int:y>.mvt")
@reading("parcel.read")
@blp.arguments(TileArgs, location="query")
@blp.doc(
    responses={
        200: {
            "description": "MVT 2, extent 4096. Zoom 11 and more: layer parcels (code, kind, status, "
            "project, vintage; the feature id is the parcel's). Below: layer places (a point per township, "
            "from zoom 8 down per county) and, from zoom 8 down, counties (outlines), with level, code, "
            "name_zh, name_en, parcels, area_m2, main and a number per kind. An empty body is an empty tile.",
            "content": {MVT: {"schema": {"type": "string", "format": "binary"}}},
        },
        304: {"description": "nothing changed since the ETag given"},
    }
)
def parcel_tile(call: Call, query: dict[str, Any], z: int, x: int, y: int) -> Response:
    """地块瓦片 One tile (z/x/y, Web Mercator) of the caller's region, without any personal data."""
    wanted = tiles.Wanted(Tile(z, x, y), kind=query["kind"], status=STATUSES[query["status"]])
    labels = land_labels(call.actor)
    said = (
        tiles.FORM,
        wanted,
        call.actor.region_code,
        tiles.data_version(call.session),
        [label.name for label in labels],
        labels_version(call.session),
    )
    tag = hashlib.sha256(repr(said).encode()).hexdigest()[:32]
    if wanted.tile.exists and request.if_none_match.contains_weak(tag):
        return _with_headers(Response(status=304), tag)
    data = tiles.parcel_tile(call.session, call.actor, wanted, labels=labels)
    response = Response(data, mimetype=MVT)
    if len(data) >= _WORTH_PACKING and "gzip" in request.accept_encodings:
        response.set_data(gzip.compress(data, _PACKING, mtime=0))
        response.headers["Content-Encoding"] = "gzip"
    return _with_headers(response, tag)


def _with_headers(response: Response, tag: str) -> Response:
    # Weak: packed and unpacked are the same tile. Private and asked for each time: who may see it can change.
    response.set_etag(tag, weak=True)
    response.headers["Cache-Control"] = "private, no-cache"
    response.headers["Vary"] = "Accept-Encoding, Authorization, Cookie"
    return response
