"""Which coordinate system a file is in, and the way to longitude/latitude and to the plane.

Stored: longitude, latitude CGCS2000 (EPSG:4490). Predicates: EPSG:4526 (3-degree Gauss-Krüger, zone 38,
central meridian 114° E, false easting 38 500 000 m), rounded to 1 mm. Axis order is always east, north.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final, Literal, NamedTuple

import numpy as np
import pyproj
import shapely

from gis.errors import CrsError

LONLAT: Final = 4490
PLANE: Final = 4526  # zone prefix 38 in the easting
GK_117_ZONE: Final = 4527  # zone prefix 39
GK_114: Final = 4547  # no prefix
GK_117: Final = 4548

# CGCS2000, WGS 84 and JGD2011 agree to less than a metre: PROJ's transform between them is null.
_EARTH_FIXED: Final = frozenset({4490, 4326, 6668})
_CGCS2000: Final = re.compile(
    r"CGCS[ _]?2000|China[ _]2000|China[ _]Geodetic[ _]Coordinate[ _]System[ _]2000", re.I
)
_OLD_DATUM: Final = re.compile(
    r"xian[ _]?(19)?80|xi'an|beijing[ _]?(19)?54|krassowsky|krasovsky|西安|北京", re.I
)

# Eastings (metres) of Xinyang in each system; the ranges do not meet, so they decide without a .prj.
_EASTINGS: Final = (
    (38.47e6, 38.69e6, PLANE),
    (39.18e6, 39.42e6, GK_117_ZONE),
    (4.7e5, 6.9e5, GK_114),
    (1.8e5, 4.2e5, GK_117),
)
_NORTHINGS: Final = (3.47e6, 3.62e6)

Bounds = Sequence[float]
"""xmin, ymin, xmax, ymax in the units of the file."""


class Crs(NamedTuple):
    """EPSG code and where it came from."""

    epsg: int
    origin: Literal["prj", "coordinates"]


def _range_of(bounds: Bounds) -> dict[str, str]:
    names = ("xmin", "ymin", "xmax", "ymax")
    return {
        name: f"{value:.6g}" if abs(value) < 1000 else f"{value:.0f}"
        for name, value in zip(names, bounds, strict=True)
    }


def _plane_of(xmin: float, ymin: float, xmax: float, ymax: float) -> int | None:
    if not (_NORTHINGS[0] <= ymin and ymax <= _NORTHINGS[1]):
        return None
    return next((epsg for low, high, epsg in _EASTINGS if low <= xmin and xmax <= high), None)


def _looks_swapped(xmin: float, ymin: float, xmax: float, ymax: float) -> bool:
    """North before east: y a longitude that no latitude can be, or x a northing of the city."""
    if max(abs(xmin), abs(xmax)) <= 90 and 90 < ymax <= 180:
        return True
    if _plane_of(ymin, xmin, ymax, xmax) is not None:
        return True
    return xmin > 1e6 and xmax < 6e6 and ymin >= 13e6 and ymax < 46e6


def detect_epsg(bounds: Bounds) -> int:
    """EPSG code from the coordinate range alone, for files without a .prj.

    Degrees give 4490; otherwise the eastings of Xinyang decide between 4526, 4527, 4547 and 4548. Xi'an 1980
    and CGCS2000 eastings cannot be told apart this way; only a .prj reveals the old datum.

    Raises:
        CrsError: ``gis.crs.axes_swapped`` or ``gis.crs.unknown``.
    """
    xmin, ymin, xmax, ymax = (float(value) for value in bounds)
    if _looks_swapped(xmin, ymin, xmax, ymax):
        raise CrsError("gis.crs.axes_swapped", **_range_of(bounds))
    if xmin >= -180 and xmax <= 180 and ymin >= -90 and ymax <= 90:
        return LONLAT
    epsg = _plane_of(xmin, ymin, xmax, ymax)
    if epsg is None:
        raise CrsError("gis.crs.unknown", **_range_of(bounds))
    return epsg


def resolve_crs(definition: str | None, bounds: Bounds) -> Crs:
    """EPSG code from the text of a .prj (or ``EPSG:n``), checked against the coordinates.

    Accepted are CGCS2000 and WGS 84, geographic or projected. A definition that contradicts the coordinates
    is refused, never guessed around: usually a zone prefix was lost or a .prj copied from another layer.

    Args:
        definition: text of the .prj, or ``None`` where there is none.
        bounds: xmin, ymin, xmax, ymax of all shapes, in file units.

    Raises:
        CrsError: unreadable, unsupported, old datum, swapped axes, or a conflict.
    """
    if definition is None or not definition.strip():
        return Crs(detect_epsg(bounds), "coordinates")
    crs = _parse(definition)
    if len(crs.axis_info) == 3:
        crs = crs.to_2d()
    name = crs.name.replace("{", "(").replace("}", ")")[:80]
    if _OLD_DATUM.search(crs.to_wkt()):
        raise CrsError("gis.crs.old_datum", crs=name)
    epsg = crs.to_epsg(min_confidence=60)
    if epsg is None and _CGCS2000.search(definition):
        # Chinese programs spell the projected name in many ways; datum and parameters still identify it.
        epsg = crs.to_epsg(min_confidence=20)
    if epsg is None or _geodetic_epsg(int(epsg)) not in _EARTH_FIXED:
        raise CrsError("gis.crs.unsupported", crs=name)
    if _looks_swapped(*(float(value) for value in bounds)):
        raise CrsError("gis.crs.axes_swapped", **_range_of(bounds))
    if not _fits(int(epsg), bounds):
        raise CrsError("gis.crs.conflict", crs=name, **_range_of(bounds))
    return Crs(int(epsg), "prj")


def _parse(definition: str) -> Any:
    text = definition.strip().lstrip("\ufeff")
    try:
        if match := re.fullmatch(r"EPSG:(\d{4,6})", text):
            return pyproj.CRS.from_epsg(int(match.group(1)))
        return pyproj.CRS.from_wkt(text)
    except pyproj.exceptions.CRSError:
        # A .prj of a 1980 or 1954 system that PROJ cannot parse still deserves the better answer.
        if _OLD_DATUM.search(text):
            raise CrsError("gis.crs.old_datum", crs="Xi'an 1980 / Beijing 1954") from None
        raise CrsError("gis.crs.unreadable") from None


@lru_cache(maxsize=64)
def _to_lonlat_transformer(epsg: int) -> Any:
    return pyproj.Transformer.from_crs(epsg, LONLAT, always_xy=True)


@lru_cache(maxsize=1)
def _to_plane_transformer() -> Any:
    return pyproj.Transformer.from_crs(LONLAT, PLANE, always_xy=True)


@lru_cache(maxsize=64)
def _geodetic_epsg(epsg: int) -> int | None:
    geodetic = pyproj.CRS.from_epsg(epsg).geodetic_crs
    code = None if geodetic is None else geodetic.to_epsg()
    return None if code is None else int(code)


@lru_cache(maxsize=64)
def _is_geographic(epsg: int) -> bool:
    return bool(pyproj.CRS.from_epsg(epsg).is_geographic)


def _fits(epsg: int, bounds: Bounds) -> bool:
    """Do the corners come back from longitude/latitude to where they were, within the system's own zone?"""
    xmin, ymin, xmax, ymax = (float(value) for value in bounds)
    if _is_geographic(epsg):
        return xmin >= -180 and xmax <= 180 and ymin >= -90 and ymax <= 90
    area = pyproj.CRS.from_epsg(epsg).area_of_use
    lon, lat = _to_lonlat_transformer(epsg).transform([xmin, xmax], [ymin, ymax])
    if not np.isfinite([*lon, *lat]).all():
        return False
    # City-wide data are kept in zone 38 up to 115.9° E: leave room beyond the zone's nominal edge.
    margin = 3.0
    return bool(
        area.west - margin <= min(lon)
        and max(lon) <= area.east + margin
        and area.south - margin <= min(lat)
        and max(lat) <= area.north + margin
    )


def _transformed(geoms: Any, transform: Any) -> Any:
    return shapely.transform(np.asarray(geoms, dtype=object), transform)


def to_lonlat(geoms: Any, epsg: int) -> Any:
    """Shapes of a supported system to longitude, latitude CGCS2000 (EPSG:4490); array in, array out.

    WGS 84 is taken as equal to CGCS2000 (difference below 1 m; the transform is null).
    """
    if epsg in _EARTH_FIXED:
        return np.asarray(geoms, dtype=object)
    transformer = _to_lonlat_transformer(epsg)

    def move(xy: Any) -> Any:
        return np.column_stack(transformer.transform(xy[:, 0], xy[:, 1]))

    return _transformed(geoms, move)


def to_plane(geoms: Any) -> Any:
    """Longitude/latitude shapes to EPSG:4526, rounded to 1 mm; array in, array out.

    Equal vertices stay equal, so neighbours that share a border still share it. For predicates, distances and
    widths only: the plane area is too large (see :mod:`gis.measure`).
    """
    transformer = _to_plane_transformer()

    def move(xy: Any) -> Any:
        return np.round(np.column_stack(transformer.transform(xy[:, 0], xy[:, 1])), 3)

    return _transformed(geoms, move)
