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

WGS84: Final = 4326

# CGCS2000, WGS 84 and JGD2011 agree to less than a metre: PROJ's transform between them is null.
_EARTH_FIXED: Final = frozenset({LONLAT, WGS84, 6668})
_CGCS2000: Final = re.compile(
    r"CGCS[ _]?2000|China[ _]2000|China[ _]Geodetic[ _]Coordinate[ _]System[ _]2000", re.I
)
_OLD_DATUM: Final = re.compile(r"xian[ _]?(19)?80|xi'an|beijing[ _]?(19)?54|西安|北京", re.I)
# The ellipsoid of Beijing 1954; other countries use it too, so it only tells for land of this city.
_OLD_ELLIPSOID: Final = re.compile(r"krassowsky|krasovsky", re.I)

# Eastings (metres) of Xinyang in each system; the ranges do not meet, so they decide without a .prj.
_EASTINGS: Final = (
    (38.47e6, 38.69e6, PLANE),
    (39.18e6, 39.42e6, GK_117_ZONE),
    (4.7e5, 6.9e5, GK_114),
    (1.8e5, 4.2e5, GK_117),
)
_NORTHINGS: Final = (3.47e6, 3.62e6)
# City-wide data are kept in zone 38 up to 115.9° E: room beyond a system's nominal edge, in degrees.
_MARGIN: Final = 3.0
# The plane's meridian, and how far from it, in degrees, the plane serves for predicates.
_MERIDIAN: Final = 114.0
_PLANE_REACH: Final = 30.0
# Two definitions of one system put the same corner at the same place within this, in degrees (about 1 cm).
_SAME_PLACE: Final = 1e-7

Bounds = Sequence[float]
"""xmin, ymin, xmax, ymax in the units of the file."""


class Crs(NamedTuple):
    """What system a file is in, and where that came from.

    ``epsg`` is 0 for a system the EPSG register does not have; ``definition`` is then its WKT. ``swapped``:
    the file has north before east; swap its coordinates before anything else.
    """

    epsg: int
    origin: Literal["prj", "coordinates"]
    swapped: bool = False
    definition: str = ""

    @property
    def key(self) -> int | str:
        """What :func:`to_lonlat` takes."""
        return self.epsg or self.definition

    @property
    def name(self) -> str:
        """``EPSG:4526``, ``ESRI:102025``, or the system's own name."""
        if self.epsg:
            return f"EPSG:{self.epsg}"
        crs = pyproj.CRS.from_wkt(self.definition)
        authority = crs.to_authority(min_confidence=70)
        return ":".join(authority) if authority else str(crs.name)[:80]


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


def _in_degrees(xmin: float, ymin: float, xmax: float, ymax: float) -> bool:
    return xmin >= -180 and xmax <= 180 and ymin >= -90 and ymax <= 90


def _turned(bounds: Bounds) -> tuple[float, float, float, float]:
    xmin, ymin, xmax, ymax = (float(value) for value in bounds)
    return ymin, xmin, ymax, xmax


def detect_epsg(bounds: Bounds) -> int:
    """EPSG code from the coordinate range alone, for files without a .prj.

    Degrees give 4490; otherwise the eastings of Xinyang decide between 4526, 4527, 4547 and 4548. Xi'an 1980
    and CGCS2000 eastings cannot be told apart this way; only a .prj reveals the old datum.

    Raises:
        CrsError: ``gis.crs.unknown``.
    """
    box = tuple(float(value) for value in bounds)
    epsg = LONLAT if _in_degrees(*box) else _plane_of(*box)
    if epsg is None:
        raise CrsError("gis.crs.unknown", **_range_of(bounds))
    return epsg


def _detected(bounds: Bounds) -> Crs:
    """The same, north before east allowed: a latitude is never beyond 90°, a northing never an easting."""
    try:
        return Crs(detect_epsg(bounds), "coordinates")
    except CrsError:
        try:
            return Crs(detect_epsg(_turned(bounds)), "coordinates", swapped=True)
        except CrsError:
            raise CrsError("gis.crs.unknown", **_range_of(bounds)) from None


def resolve_crs(definition: str | None, bounds: Bounds, *, anywhere: bool = False) -> Crs:
    """The system from the text of a .prj (or ``EPSG:n``, ``OGC:CRS84``, PROJJSON), checked against the
    coordinates.

    For registering, only CGCS2000 and WGS 84 are accepted, geographic or projected; with ``anywhere`` every
    geographic or projected system PROJ knows. A definition that contradicts the coordinates is refused, never
    guessed around (usually a zone prefix was lost or a .prj copied from another layer), unless the two axes
    merely stand in the other order: ``swapped``.

    Args:
        definition: text of the .prj, or ``None`` where there is none.
        bounds: xmin, ymin, xmax, ymax of all shapes, in file units.

    Raises:
        CrsError: unreadable, unsupported, old datum, or a conflict.
    """
    if definition is None or not definition.strip():
        return _detected(bounds)
    crs = _horizontal(_parse(definition))
    if crs.name.lower().startswith(("undefined", "unknown")):
        # GeoPackages say so where their author said nothing.
        return _detected(bounds)
    name = crs.name.replace("{", "(").replace("}", ")")[:80]
    text = crs.to_wkt()
    if _OLD_DATUM.search(text) or (_OLD_ELLIPSOID.search(text) and _is_here(bounds)):
        raise CrsError("gis.crs.old_datum", crs=name)
    epsg = _epsg_of(crs, definition, bounds)
    known = epsg != 0 and _geodetic_epsg(epsg) in _EARTH_FIXED
    if not known and not (anywhere and (crs.is_geographic or crs.is_projected)):
        raise CrsError("gis.crs.unsupported", crs=name)
    found = Crs(epsg, "prj", definition="" if epsg else text)
    try:
        _to_lonlat_transformer(found.key)
    except pyproj.exceptions.ProjError:
        # Read, but with a projection or a number in it that leads nowhere.
        raise CrsError("gis.crs.unsupported", crs=name) from None
    if _fits(found.key, bounds):
        return found
    if _fits(found.key, _turned(bounds)):
        return found._replace(swapped=True)
    raise CrsError("gis.crs.conflict", crs=name, **_range_of(bounds))


def _parse(definition: str) -> Any:
    text = definition.strip().lstrip("\ufeff")
    try:
        if match := re.fullmatch(r"EPSG:(\d{4,6})", text):
            return pyproj.CRS.from_epsg(int(match.group(1)))
        if re.fullmatch(r"OGC:CRS(84|83|27)h?|(ESRI|IGNF):\w{3,20}", text):
            return pyproj.CRS.from_user_input(text)
        if text.startswith("{"):
            return pyproj.CRS.from_json(text)
        return pyproj.CRS.from_wkt(text)
    except (pyproj.exceptions.CRSError, ValueError):
        # A .prj of a 1980 or 1954 system that PROJ cannot parse still deserves the better answer.
        if _OLD_DATUM.search(text) or _OLD_ELLIPSOID.search(text):
            raise CrsError("gis.crs.old_datum", crs="Xi'an 1980 / Beijing 1954") from None
        raise CrsError("gis.crs.unreadable") from None


def _horizontal(crs: Any) -> Any:
    """Without heights: the first part of a compound system, two axes of a three-dimensional one."""
    if crs.is_compound:
        crs = crs.sub_crs_list[0]
    return crs.to_2d() if len(crs.axis_info) == 3 else crs


def _is_here(bounds: Bounds) -> bool:
    """Could these be coordinates of the city, in any order and system?"""
    for box in (tuple(float(value) for value in bounds), _turned(bounds)):
        if _plane_of(*box) is not None or (box[0] > 112 and box[2] < 118 and box[1] > 30 and box[3] < 34):
            return True
    return False


def _epsg_of(crs: Any, definition: str, bounds: Bounds) -> int:
    """EPSG code of a definition; 0 where none fits."""
    plain = crs.source_crs if crs.is_bound else crs
    if plain.to_authority(min_confidence=100) == ("OGC", "CRS84"):
        return WGS84
    stated = _stated_epsg(plain)
    if stated and _same_places(stated, crs.to_wkt(), bounds):
        return stated
    epsg = plain.to_epsg(min_confidence=60)
    if epsg is not None:
        return int(epsg)
    epsg = plain.to_epsg(min_confidence=20)
    if epsg is None:
        return 0
    if _CGCS2000.search(definition):
        # Chinese programs spell the projected name in many ways; datum and parameters still identify it.
        return int(epsg)
    return int(epsg) if _same_places(int(epsg), crs.to_wkt(), bounds) else 0


def _stated_epsg(crs: Any) -> int:
    """The EPSG code a definition gives itself, or 0; twins (4548 and 4509) differ in nothing else."""
    identity = crs.to_json_dict().get("id", {})
    code = str(identity.get("code", ""))
    return int(code) if identity.get("authority") == "EPSG" and code.isdecimal() else 0


def _same_places(epsg: int, definition: str, bounds: Bounds) -> bool:
    """Do the two systems put the corners at the same places?"""
    xmin, ymin, xmax, ymax = (float(value) for value in bounds)
    try:
        places = [
            np.array(_to_lonlat_transformer(key).transform([xmin, xmax], [ymin, ymax]))
            for key in (epsg, definition)
        ]
    except (pyproj.exceptions.ProjError, pyproj.exceptions.CRSError):
        return False
    return bool(np.isfinite(places).all() and np.abs(places[0] - places[1]).max() < _SAME_PLACE)


@lru_cache(maxsize=64)
def _to_lonlat_transformer(key: int | str) -> Any:
    """To CGCS2000 from its own projections, to WGS 84 from any other datum: PROJ has the parameters for that.

    Straight to CGCS2000 it would leave many national datums where they are (a "ballpark" transform).
    """
    crs = pyproj.CRS.from_user_input(key)
    geodetic = crs.geodetic_crs
    target = LONLAT if geodetic is not None and geodetic.to_epsg() in _EARTH_FIXED else WGS84
    return pyproj.Transformer.from_crs(crs, target, always_xy=True)


@lru_cache(maxsize=1)
def _to_plane_transformer() -> Any:
    return pyproj.Transformer.from_crs(LONLAT, PLANE, always_xy=True)


@lru_cache(maxsize=64)
def _far_plane_transformer(meridian: int) -> Any:
    plane = f"+proj=tmerc +lon_0={meridian} +ellps=GRS80 +units=m"
    return pyproj.Transformer.from_crs(LONLAT, pyproj.CRS.from_proj4(plane), always_xy=True)


@lru_cache(maxsize=64)
def _geodetic_epsg(epsg: int) -> int | None:
    geodetic = pyproj.CRS.from_epsg(epsg).geodetic_crs
    code = None if geodetic is None else geodetic.to_epsg()
    return None if code is None else int(code)


def _fits(key: int | str, bounds: Bounds) -> bool:
    """Do the corners lie on the earth, near where the system is meant to be used?"""
    xmin, ymin, xmax, ymax = (float(value) for value in bounds)
    crs = pyproj.CRS.from_user_input(key)
    if key in _EARTH_FIXED:
        return _in_degrees(xmin, ymin, xmax, ymax)
    if crs.is_geographic and not _in_degrees(xmin, ymin, xmax, ymax):
        return False
    lon, lat = _to_lonlat_transformer(key).transform([xmin, xmax], [ymin, ymax])
    if not np.isfinite([*lon, *lat]).all():
        return False
    area = crs.area_of_use
    if area is None:
        return True
    if min(lat) < area.south - _MARGIN or max(lat) > area.north + _MARGIN:
        return False
    # An area across the 180th meridian has its west in the east.
    return bool(
        area.west > area.east or (area.west - _MARGIN <= min(lon) and max(lon) <= area.east + _MARGIN)
    )


def _transformed(geoms: Any, transform: Any) -> Any:
    return shapely.transform(np.asarray(geoms, dtype=object), transform)


def swap_axes(geoms: Any) -> Any:
    """The shapes with their two coordinates exchanged; array in, array out."""
    return _transformed(geoms, lambda xy: xy[:, ::-1])


def to_lonlat(geoms: Any, crs: int | str) -> Any:
    """Shapes of a system (EPSG code or WKT) to longitude, latitude CGCS2000; array in, array out.

    WGS 84 is taken as equal to CGCS2000 (difference below 1 m; the transform is null).
    """
    if crs in _EARTH_FIXED:
        return np.asarray(geoms, dtype=object)
    transformer = _to_lonlat_transformer(crs)

    def move(xy: Any) -> Any:
        return np.column_stack(transformer.transform(xy[:, 0], xy[:, 1]))

    return _transformed(geoms, move)


def to_plane(geoms: Any) -> Any:
    """Longitude/latitude shapes to EPSG:4526, rounded to 1 mm; array in, array out.

    Equal vertices stay equal, so neighbours that share a border still share it. For predicates, distances and
    widths only: the plane area is too large (see :mod:`gis.measure`). Where most vertices of a call lie more
    than 30° from 114° E (files tried from elsewhere), the plane is the transverse Mercator of their own
    middle; a shape that has no place in the plane is None.
    """

    def move(xy: Any) -> Any:
        middle = float(np.median(xy[:, 0])) if len(xy) else _MERIDIAN
        far = abs(middle - _MERIDIAN) > _PLANE_REACH
        transformer = _far_plane_transformer(round(middle)) if far else _to_plane_transformer()
        return np.round(np.column_stack(transformer.transform(xy[:, 0], xy[:, 1])), 3)

    shapes = _transformed(geoms, move)
    lost = ~shapely.is_missing(shapes) & ~shapely.is_empty(shapes) & ~np.isfinite(shapely.area(shapes))
    if np.any(lost):
        shapes[lost] = None
    return shapes
