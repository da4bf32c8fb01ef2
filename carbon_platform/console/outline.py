"""County outlines as SVG paths: the overview map of pages that need no map library, and of paper."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import cache

import shapely
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from carbon_platform.regions.service import outline_geojson

WIDTH = 1000
MARGIN = 8


@dataclass(frozen=True)
class CountyShape:
    """One county in a box ``WIDTH`` units wide; ``x``, ``y`` is where its name stands."""

    code: str
    name_zh: str
    name_en: str
    batch: int
    path: str
    x: int
    y: int


@cache
def county_shapes() -> tuple[tuple[CountyShape, ...], int]:
    """The ten counties and the height of their box.

    Equirectangular at the middle latitude: x = λ·cos φ₀, y = −φ, which for an area two degrees wide keeps
    shapes to within a percent. For orientation only, not for measuring.
    """
    features = json.loads(outline_geojson())["features"]
    outlines = [shape(feature["geometry"]) for feature in features]
    west, south, east, north = shapely.total_bounds(outlines)
    squeeze = math.cos(math.radians((south + north) / 2))
    scale = (WIDTH - 2 * MARGIN) / ((east - west) * squeeze)

    def place(outline: BaseGeometry) -> BaseGeometry:
        return shapely.transform(
            outline,
            lambda lon_lat: (
                (lon_lat - (west, north)) * (squeeze * scale, -scale) + MARGIN  # north is up, y grows down
            ),
        )

    shapes = [_county(feature["properties"], place(o)) for feature, o in zip(features, outlines, strict=True)]
    return tuple(shapes), math.ceil((north - south) * scale) + 2 * MARGIN


def _county(properties: dict[str, str], outline: BaseGeometry) -> CountyShape:
    largest = max(shapely.get_parts(outline), key=lambda part: part.area)
    middle = shapely.get_point(shapely.maximum_inscribed_circle(largest), 0)
    return CountyShape(
        code=properties["code"],
        name_zh=properties["name_zh"],
        name_en=properties["name_en"],
        batch=int(properties["batch_number"]),
        path=_path(outline),
        x=round(middle.x),
        y=round(middle.y),
    )


def _path(outline: BaseGeometry) -> str:
    rings = [ring for part in shapely.get_parts(outline) for ring in (part.exterior, *part.interiors)]
    return "".join(
        "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in list(ring.coords)[:-1]) + "Z" for ring in rings
    )
