"""The small map on the certificate, as SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence

import shapely

from carbon_platform.credits.tracing import TracedParcel
from gis.counties import county_codes as all_counties
from gis.counties import county_geometry


def map_svg(county_codes: Sequence[str], traced: Sequence[TracedParcel], *, width: int = 600) -> str:
    """The counties' outlines and a dot for each parcel, its surface proportional to the kilograms from it.

    A code of the city (``4115``, pooled acts) draws all of its counties.

    A sketch for paper: degrees are drawn in a plane (longitude × cos of the mean latitude).
    """
    drawn = [code for code in all_counties() if code.startswith(tuple(county_codes))]
    outlines = [county_geometry(code).simplify(0.002) for code in drawn]
    west, south, east, north = shapely.total_bounds(outlines)
    across = math.cos(math.radians((south + north) / 2))
    scale = width / ((east - west) * across)
    height = round((north - south) * scale)

    def place(lon: float, lat: float) -> tuple[float, float]:
        return (lon - west) * across * scale, (north - lat) * scale

    path = ""
    for part in shapely.get_parts(outlines):
        for ring in (part.exterior, *part.interiors):
            points = (place(lon, lat) for lon, lat in ring.coords)
            path += "M" + "L".join(f"{x:.1f},{y:.1f}" for x, y in points) + "Z"
    total = sum(parcel.quantity_kg for parcel in traced)
    dots = []
    for parcel in traced:
        point = shapely.from_wkb(parcel.parcel.geometry).representative_point()
        x, y = place(point.x, point.y)
        radius = 3.0 + 40.0 * math.sqrt(parcel.quantity_kg / total)
        dots.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}"/>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-4 -4 {width + 8} {height + 8}">'
        f'<path d="{path}" fill="#FAF8F3" stroke="#87826F" stroke-width="1.5" fill-rule="evenodd"/>'
        f'<g fill="#55651F" fill-opacity="0.45" stroke="#55651F">{"".join(dots)}</g></svg>'
    )
