"""Coordinates as a caller's map wants them: CGCS2000, or GCJ-02 for maps inside WeChat.

GCJ-02 exists only here, at the very edge: it lies 538–611 m off in Xinyang and stretches areas by up to
0.4 %, so nothing is stored, measured or compared in it, and no upload is read in it. Every answer says
which coordinates it carries.
"""

from __future__ import annotations

import json
from typing import Any, Final, Literal, get_args

import marshmallow as ma
import numpy as np

from carbon_platform.web.schemas import Schema
from gis.projection_gcj import from_gcj02, to_gcj02

Crs = Literal["cgcs2000", "gcj02"]
Bounds = tuple[float, float, float, float]

LABELS: Final[dict[str, dict[str, Any]]] = {
    "cgcs2000": {
        "code": "CGCS2000",
        "epsg": 4490,
        "zh": "国家大地坐标系 2000，经纬度（度）",
        "en": "CGCS2000 longitude and latitude in degrees",
    },
    "gcj02": {
        "code": "GCJ-02",
        "epsg": None,
        "zh": "GCJ-02 经纬度（度），只供小程序地图显示：在信阳偏移 538–611 米，不得量面积、入库或再上传",
        "en": "GCJ-02 longitude and latitude in degrees, for showing on a mini-program map only: 538–611 m "
        "off in Xinyang; never measure, store or upload it",
    },
}
_DIGITS: Final = 7  # of a degree: 1 cm
_OPENING: Final = '{"type":"FeatureCollection",'


class ShownArgs(Schema):
    """``?crs=`` of an endpoint that answers with shapes; a ``bbox`` beside it is given in the same."""

    crs = ma.fields.String(
        load_default="cgcs2000",
        validate=ma.validate.OneOf(list(get_args(Crs))),
        metadata={"description": "coordinates asked for: cgcs2000, or gcj02 for a mini-program map"},
    )


def label(crs: str) -> dict[str, Any]:
    """What ``coordinate_system`` of an answer says."""
    return dict(LABELS[crs])


def shown_geometry(geometry: dict[str, Any], crs: str) -> dict[str, Any]:
    """A GeoJSON geometry (CGCS2000 degrees) in the coordinates asked for; the one given stays as it is."""
    if crs == "cgcs2000":
        return geometry
    return {**geometry, "coordinates": _moved([geometry["coordinates"]])[0]}


def shown_collection(found: dict[str, Any], crs: str) -> dict[str, Any]:
    """A GeoJSON feature collection (CGCS2000 degrees), labelled, in the coordinates asked for."""
    features = found["features"]
    if crs != "cgcs2000":
        moved = _moved([feature["geometry"]["coordinates"] for feature in features])
        features = [
            feature | {"geometry": feature["geometry"] | {"coordinates": coordinates}}
            for feature, coordinates in zip(features, moved, strict=True)
        ]
    kept = {name: value for name, value in found.items() if name != "crs_note"}
    # The label stands in front: whoever reads only the beginning of a file meets it.
    return {"type": "FeatureCollection", "coordinate_system": label(crs)} | kept | {"features": features}


def shown_text(text: str, crs: str) -> str:
    """The same for a collection that is text beginning with its type; read only where it must be moved."""
    if crs == "cgcs2000":
        named = json.dumps(label(crs), ensure_ascii=False)
        return f'{_OPENING}"coordinate_system":{named},{text.removeprefix(_OPENING)}'
    return json.dumps(shown_collection(json.loads(text), crs), ensure_ascii=False, separators=(",", ":"))


def shown_bounds(bounds: Bounds, crs: str) -> Bounds:
    """West, south, east, north of a box in the coordinates asked for."""
    return bounds if crs == "cgcs2000" else _box(to_gcj02(_corners(bounds)))


def asked_bounds(bounds: Bounds, crs: str) -> Bounds:
    """The box in CGCS2000 around one given in ``crs``."""
    return bounds if crs == "cgcs2000" else _box(from_gcj02(_corners(bounds)))


def _corners(bounds: Bounds) -> list[tuple[float, float]]:
    west, south, east, north = bounds
    return [(west, south), (west, north), (east, south), (east, north)]


def _box(corners: Any) -> Bounds:
    west, south = corners.min(axis=0).tolist()
    east, north = corners.max(axis=0).tolist()
    return west, south, east, north


def _moved(nested: list[Any]) -> list[Any]:
    """Nested GeoJSON coordinates to GCJ-02: all points in one go, the nesting kept, a third value dropped."""
    points: list[list[float]] = []
    _collect(nested, points)
    if not points:
        return nested
    moved = iter(np.round(to_gcj02(points), _DIGITS).tolist())
    return [_rebuilt(part, moved) for part in nested]


def _collect(part: Any, points: list[list[float]]) -> None:
    if part and isinstance(part[0], int | float):
        points.append(part[:2])
    else:
        for inner in part:
            _collect(inner, points)


def _rebuilt(part: Any, moved: Any) -> Any:
    if part and isinstance(part[0], int | float):
        return next(moved)
    return [_rebuilt(inner, moved) for inner in part]
