"""Check shapes first, repair only the bad ones, and report every change. Nothing is dropped silently."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
import shapely

from gis.measure import ellipsoidal_area_m2

SIGNATURE_SHARE: Final = 0.005
SIGNATURE_AREA_M2: Final = 10.0
# About 0.01 m². In degrees, because a straight line there is slightly bent on the ellipsoid and has an area.
_NO_AREA_DEGREES2: Final = 1e-12

REASONS: Final[dict[str, tuple[str, str]]] = {
    "": ("", ""),
    "null": ("没有图形，请补绘。", "There is no shape: draw it."),
    "empty": ("图形是空的，请补绘。", "The shape is empty: draw it."),
    "not_polygon": ("图形不是面，请改绘为面。", "The shape is no polygon: draw it as one."),
    "not_finite": ("坐标不是有限数，请修正。", "Coordinates are not finite numbers: correct them."),
    "zero_area": ("图形面积为零，请重绘。", "The shape has no area: draw it again."),
    "unrepairable": (
        "图形有错且无法自动修复，请重绘。",
        "The shape is invalid and cannot be repaired: draw it again.",
    ),
    "lines_dropped": (
        "图形中夹有点或线，只保留面。",
        "Points or lines were mixed in; only polygons were kept.",
    ),
    "repaired": (
        "图形自相交或环有错，已修复，请核对面积。",
        "The shape crossed itself and was repaired: check the area.",
    ),
}
_REFUSALS: Final = frozenset({"null", "empty", "not_polygon", "not_finite", "zero_area", "unrepairable"})


@dataclass(frozen=True)
class GeometryCheck:
    """Result of :func:`check_geometries`, row by row in the order given.

    ``geoms``: valid polygons or multipolygons, ``None`` where refused. ``rows``: frame with ``status``
    (``ok``, ``repaired``, ``refused``), ``reason`` (code of :data:`REASONS`), ``zh``, ``en``,
    ``area_before_m2``, ``area_m2``, ``change_m2`` and ``needs_signature``.
    """

    geoms: Any
    rows: Any


def check_geometries(geoms_lonlat: Any) -> GeometryCheck:
    """Validate shapes in degrees (CGCS2000); make the invalid ones valid.

    Repair is ``make_valid(method="structure", keep_collapsed=False)``, polygons only: one method, because
    others give other areas. A signature is needed when the area changes by more than 0.5 % or 10 m².
    """
    given = np.asarray(geoms_lonlat, dtype=object).reshape(-1)
    geoms = given.copy()
    reason = np.full(len(geoms), "", dtype=object)

    def refuse(mask: Any, code: str) -> None:
        reason[mask] = code
        geoms[mask] = None

    missing = shapely.is_missing(geoms)
    refuse(missing, "null")
    refuse(~missing & shapely.is_empty(geoms), "empty")
    finite = np.isfinite(shapely.bounds(geoms)).all(axis=1) | shapely.is_missing(geoms)
    xy, owner = shapely.get_coordinates(geoms, return_index=True)
    finite[owner[~np.isfinite(xy).all(axis=1)]] = False
    refuse(~finite, "not_finite")
    kinds = shapely.get_type_id(geoms)
    for row in np.flatnonzero(kinds == 7):
        geoms[row], dropped = _polygons_of(geoms[row])
        if dropped:
            reason[row] = "lines_dropped"
    refuse(~np.isin(shapely.get_type_id(geoms), (3, 6)) & (reason != "null") & _kept(reason), "not_polygon")
    area_before = ellipsoidal_area_m2(geoms)
    bad = np.flatnonzero(~shapely.is_missing(geoms) & ~shapely.is_valid(geoms))
    geoms[bad] = _repaired(geoms[bad])
    reason[bad] = "repaired"
    collapsed = bad[shapely.is_missing(geoms[bad]) | shapely.is_empty(geoms[bad])]
    geoms[collapsed] = None
    reason[collapsed] = np.where(area_before[collapsed] < 1, "zero_area", "unrepairable")
    refuse(~shapely.is_missing(geoms) & (shapely.area(geoms) < _NO_AREA_DEGREES2), "zero_area")
    # What was not touched has the area it had.
    area, touched = area_before.copy(), reason != ""
    area[touched] = ellipsoidal_area_m2(geoms[touched])
    return GeometryCheck(geoms, _report(reason, area_before, area))


def _kept(reason: Any) -> Any:
    return ~np.isin(reason, tuple(_REFUSALS))


def _report(reason: Any, area_before: Any, area: Any) -> Any:
    kept = _kept(reason)
    change = np.where(kept, np.round(area - area_before, 2), 0.0)
    touched = kept & (reason != "")
    signature = touched & (
        (np.abs(change) > SIGNATURE_AREA_M2) | (np.abs(change) > SIGNATURE_SHARE * area_before)
    )
    return pd.DataFrame(
        {
            "status": np.select([~kept, touched], ["refused", "repaired"], "ok"),
            "reason": reason,
            "zh": [REASONS[code][0] for code in reason],
            "en": [REASONS[code][1] for code in reason],
            "area_before_m2": area_before,
            "area_m2": area,
            "change_m2": change,
            "needs_signature": signature,
        }
    )


def _polygons_of(collection: Any) -> tuple[Any, bool]:
    """Polygons of a collection (nested ones included) as one shape, and whether anything else was in it."""
    polygons: list[Any] = []
    dropped = False
    stack = [collection]
    while stack:
        for part in shapely.get_parts(stack.pop()):
            if part.geom_type in ("GeometryCollection", "MultiPolygon"):
                stack.append(part)
            elif part.geom_type == "Polygon":
                polygons.append(part)
            else:
                dropped = True
    if len(polygons) == 1:
        return polygons[0], dropped
    return (shapely.multipolygons(polygons) if polygons else None), dropped


def _repaired(geoms: Any) -> Any:
    """Valid polygons for invalid ones; ``None`` where the repair fails."""
    out = np.empty(len(geoms), dtype=object)
    for row, geom in enumerate(geoms):
        try:
            fixed = shapely.make_valid(geom, method="structure", keep_collapsed=False)
            polygons, _ = _polygons_of(shapely.geometrycollections([fixed]))
            if polygons is not None and not shapely.is_valid(polygons):
                # A border walked three times comes out as parts that share an edge: dissolve them.
                polygons = shapely.union_all(shapely.get_parts(polygons))
        except shapely.errors.GEOSException:
            continue
        out[row] = polygons if shapely.is_valid(polygons) else None
    return out
