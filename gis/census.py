"""What a layer holds as it was drawn: faulty shapes, shapes that share land, areas. For any land on earth.

Everything about shape is decided on the coordinates of the file, not on transformed ones: a transformation
bends straight borders by fractions of a millimetre, which opens and closes tiny overlaps where the corner of
one parcel lies on the edge of another. Areas are taken on the ellipsoid.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
import pyproj
import shapely

from gis.crs import to_lonlat
from gis.geometry import check_geometries
from gis.measure import A_M, B_M
from gis.overlap import DEFAULT, INTERIORS_MEET, OverlapTolerance
from gis.vector_files import VectorLayer

# Below this two borders differ by less than a double can tell apart on a parcel: arithmetic, not land.
NUMERIC_M2: Final = 1e-6
CLASSES: Final = ("numeric", "noise", "sliver", "overlap")
_CHUNK: Final = 100_000


@dataclass(frozen=True)
class Census:
    """A layer row by row, in file order.

    ``geoms``: valid polygons in the coordinates of the file, ``lonlat`` the same in degrees; None where no
    surface could be had. ``missing``: no shape at all, or an empty one. ``invalid``: a shape that breaks the
    rules of simple features as drawn, has an open ring, or cannot be read. ``repaired``: rows whose surface
    was had only by repair (invalid ones, and collections with points or lines in them). ``geodesic_m2``:
    area of the polygon with geodesic edges.
    """

    geoms: Any
    lonlat: Any
    missing: Any
    invalid: Any
    repaired: Any
    geodesic_m2: Any


def take_census(layer: VectorLayer) -> Census:
    """Look at every shape of a layer. Reads nothing but the shapes."""
    drawn = np.asarray(layer.frame.geometry.array, dtype=object)
    missing = shapely.is_missing(drawn) | shapely.is_empty(drawn)
    missing[list(layer.lost)] = False
    kinds = shapely.get_type_id(drawn)
    invalid = ~missing & ~shapely.is_valid(drawn)
    invalid[[*layer.closed, *layer.lost]] = True
    # Lines and points are no faults of a polygon; they only have no surface.
    invalid &= ~np.isin(kinds, (0, 1, 2, 4, 5))
    doubtful = ~missing & (~shapely.is_valid(drawn) | ~np.isin(kinds, (3, 6)))
    geoms = drawn.copy()
    geoms[missing] = None
    if doubtful.any():
        geoms[doubtful] = check_geometries(drawn[doubtful]).geoms
    geoms[shapely.area(geoms) == 0] = None
    usable = ~shapely.is_missing(geoms)
    repaired = usable & (doubtful | invalid)
    key = layer.epsg or layer.frame.crs.to_wkt()
    lonlat = to_lonlat(geoms, key)
    return Census(geoms, lonlat, missing, invalid, repaired, geodesic_area_m2(lonlat))


def shared_land(census: Census, key: int | str, tolerance: OverlapTolerance = DEFAULT) -> Any:
    """Pairs of rows whose interiors share land (DE-9IM ``T********``), each pair once.

    ``key``: the system the shapes are in (EPSG code or WKT).

    Returns:
        Frame with ``left`` < ``right`` (positions), ``area_m2``, ``width_m``, ``share_of_smaller``, ``kind``
        (one of :data:`CLASSES`), ``equal`` and ``contained`` (one covers the other, equal ones left out),
        sorted by position.
    """
    geoms = census.geoms
    near = shapely.STRtree(geoms).query(geoms, predicate="intersects")
    left, right = near[:, near[0] < near[1]]
    meet = np.zeros(len(left), dtype=bool)
    for start in range(0, len(left), _CHUNK):
        part = slice(start, start + _CHUNK)
        meet[part] = shapely.relate_pattern(geoms[left[part]], geoms[right[part]], INTERIORS_MEET)
    order = np.lexsort((right[meet], left[meet]))
    left, right = left[meet][order], right[meet][order]
    a, b = geoms[left], geoms[right]
    equal = shapely.equals(a, b)
    within = (shapely.covers(a, b) | shapely.covers(b, a)) & ~equal
    area, width = _extent(_surfaces(shapely.intersection(a, b)), key)
    smaller = np.minimum(census.geodesic_m2[left], census.geodesic_m2[right])
    share = np.divide(area, smaller, out=np.ones_like(area), where=smaller > 0)
    kind = np.where(area < NUMERIC_M2, "numeric", tolerance.classify(area, width, share))
    return pd.DataFrame(
        {
            "left": left,
            "right": right,
            "area_m2": area,
            "width_m": width,
            "share_of_smaller": np.minimum(share, 1.0),
            "kind": kind,
            "equal": equal,
            "contained": within,
        }
    )


def count_classes(pairs: Any) -> dict[str, int]:
    """Pairs of each class, in the order of :data:`CLASSES`."""
    return {name: int((pairs["kind"] == name).sum()) for name in CLASSES}


def geodesic_area_m2(geoms_lonlat: Any) -> Any:
    """Area of each shape in m² with geodesics between its vertices (PROJ); None gives 0."""
    geod = pyproj.Geod(a=A_M, b=B_M)
    geoms = np.asarray(geoms_lonlat, dtype=object).reshape(-1)
    parts, owner = shapely.get_parts(geoms, return_index=True)
    rings, part = shapely.get_rings(parts, return_index=True)
    if len(rings) == 0:
        return np.zeros(len(geoms))
    xy, ring = shapely.get_coordinates(rings, return_index=True)
    cuts = np.flatnonzero(np.diff(ring)) + 1
    bounds = zip([0, *cuts.tolist()], [*cuts.tolist(), len(xy)], strict=True)
    areas = np.array([abs(geod.polygon_area_perimeter(xy[i:j, 0], xy[i:j, 1])[0]) for i, j in bounds])
    shell = np.r_[True, part[1:] != part[:-1]]
    return np.bincount(owner[part], weights=np.where(shell, areas, -areas), minlength=len(geoms))


def _surfaces(shared: Any) -> Any:
    """Polygons only: where borders also touch along a line, its length must not thin the width."""
    for row in np.flatnonzero(shapely.get_type_id(shared) == 7):
        parts = shapely.get_parts(shared[row])
        shared[row] = shapely.multipolygons(parts[shapely.get_type_id(parts) == 3])
    return shared


def _extent(shared: Any, key: int | str) -> tuple[Any, Any]:
    """m² and mean width (2 A / P) in metres of small shapes, each in a plane of its own.

    Degrees are scaled by the ellipsoid's radii of curvature at the shape: over a parcel right to 1e-5.
    """
    lonlat = to_lonlat(shared, key)
    xy, owner = shapely.get_coordinates(lonlat, return_index=True)
    if len(xy) == 0:
        return np.zeros(len(shared)), np.zeros(len(shared))
    first = np.searchsorted(owner, np.arange(len(shared)))
    start = xy[np.minimum(first, len(xy) - 1)]
    latitude = np.radians(start[:, 1])
    e2 = 1 - (B_M / A_M) ** 2
    w2 = 1 - e2 * np.sin(latitude) ** 2
    east = np.radians(1) * A_M / np.sqrt(w2) * np.cos(latitude)
    north = np.radians(1) * A_M * (1 - e2) / (w2 * np.sqrt(w2))
    scaled = (xy - start[owner]) * np.column_stack([east, north])[owner]
    plane = shapely.set_coordinates(np.array(lonlat, copy=True), scaled)
    area, length = shapely.area(plane), shapely.length(plane)
    return area, np.divide(2 * area, length, out=np.zeros_like(area), where=length > 0)
