"""Land drawn on the map: checked while it is drawn, then staged like any file.

A drawing is one layer with one row, so that the very checks of an uploaded file decide about it; what is
added here is only what the pencil needs at once: the measured area and the pieces of land that are taken.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import geopandas
import numpy as np
import shapely
import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.errors import PlatformError
from carbon_platform.identity.rules import Actor
from carbon_platform.parcels import reference, rules, service, staging
from carbon_platform.parcels.history import data_version
from carbon_platform.parcels.numbering import Identity
from carbon_platform.parcels.register import CHINA, REGISTERED, get_parcel, registered_near
from carbon_platform.parcels.service import Checked, Read
from carbon_platform.parcels.staged_rows import Row
from carbon_platform.parcels.tables import Parcel
from carbon_platform.parcels.taken import taken_land
from gis import crs
from gis.measure import ellipsoidal_area_m2
from gis.vector_files import VectorLayer

LAYER: Final = "drawn"
MAX_VERTICES: Final = 5_000
# About 10 km: what is drawn by hand is a parcel, and the check has to answer while the pencil moves.
MAX_DEGREES: Final = 0.1
# 1e-8 degrees are about a millimetre: what a mouse or a snapped corner can mean.
_DIGITS: Final = 8


class DrawingRefused(PlatformError):
    """What was sent is no drawing; nothing about the land can be said."""

    code, status = "parcels.drawing_refused", 422
    zh = "这个图形不能检查：{reason}"
    en = "This drawing cannot be checked: {reason_en}"


@dataclass(frozen=True)
class Taken:
    """Land inside the drawing that a registered parcel has. ``land`` in degrees (CGCS2000)."""

    code: str
    area_m2: float
    share_of_smaller: float
    kind: str  # overlap, sliver, noise
    land: Any


@dataclass(frozen=True)
class Drawn:
    """A checked drawing: the verdict of the import checks, and what of its land is taken."""

    checked: Checked
    taken: list[Taken]

    @property
    def row(self) -> Row:
        return self.checked.staged.prepared.rows[0]

    @property
    def taken_m2(self) -> float:
        """m² of the drawing that others have, land claimed twice counted once (ellipsoidal)."""
        lands = [one.land for one in self.taken if one.kind != "noise"]
        if not lands:
            return 0.0
        return float(ellipsoidal_area_m2([_polygons(shapely.union_all(lands))])[0])


def as_shape(geometry: dict[str, Any]) -> Any:
    """A GeoJSON Polygon or MultiPolygon (CGCS2000 degrees) as a shape, two-dimensional, to a millimetre.

    Errors: ``DrawingRefused`` for other types, for coordinates that are no longitude and latitude, for more
    than 5,000 corners or 0.1 degrees, and for rings that are open or have fewer than three different corners.
    """
    kind = geometry.get("type")
    if kind not in ("Polygon", "MultiPolygon"):
        raise _refused("要一个面（Polygon 或 MultiPolygon）。", "a Polygon or a MultiPolygon is needed.")
    rings = _rings(geometry.get("coordinates"), kind)
    if sum(len(ring) for ring in rings) > MAX_VERTICES:
        raise _refused(
            f"拐点超过 {MAX_VERTICES:,} 个。请改为上传文件。",
            f"it has more than {MAX_VERTICES:,} corners. Upload a file instead.",
        )
    # The rings were looked at one by one, so this is a shape however it is nested.
    shape = shapely.from_geojson(json.dumps({"type": kind, "coordinates": geometry["coordinates"]}))
    west, south, east, north = shapely.bounds(shape).tolist()
    if max(east - west, north - south) > MAX_DEGREES:
        raise _refused(
            f"图形超过 {MAX_DEGREES} 度（约 10 公里）。请分开画，或上传文件。",
            f"it is wider than {MAX_DEGREES} degrees (about 10 km). Draw it in parts, or upload a file.",
        )
    return shapely.transform(shapely.force_2d(shape), lambda xy: np.round(xy, _DIGITS))


def _refused(zh: str, en: str) -> DrawingRefused:
    finding = {"field": "geometry", "zh": zh, "en": en}
    return DrawingRefused(reason=zh, reason_en=en, errors=[finding])


def _rings(coordinates: Any, kind: str) -> list[list[Any]]:
    """Every ring of a Polygon or MultiPolygon; refuses what is no list of rings of positions."""
    polygons = [coordinates] if kind == "Polygon" else coordinates
    if not isinstance(polygons, list) or not polygons:
        raise _refused("没有坐标。", "it has no coordinates.")
    rings = []
    for polygon in polygons:
        if not isinstance(polygon, list) or not polygon:
            raise _refused("没有坐标。", "it has no coordinates.")
        for ring in polygon:
            _check_ring(ring)
            rings.append(ring)
    return rings


def _check_ring(ring: Any) -> None:
    if not isinstance(ring, list) or not all(_is_position(at) for at in ring):
        raise _refused(
            "坐标要写成 [经度, 纬度]（度，CGCS2000）。",
            "positions are [longitude, latitude] in degrees (CGCS2000).",
        )
    if len({tuple(at[:2]) for at in ring}) < 3:
        raise _refused("一个面至少要三个不同的拐点。", "a polygon needs at least three different corners.")
    if ring[0][:2] != ring[-1][:2]:
        raise _refused(
            "首尾两点不相同，面没有闭合。", "its first and last positions differ: it is not closed."
        )


def _is_position(at: Any) -> bool:
    if not isinstance(at, list) or not 2 <= len(at) <= 3:
        return False
    if any(isinstance(value, bool) or not isinstance(value, int | float) for value in at):
        return False
    # NaN and infinity compare false.
    return bool(-180 <= at[0] <= 180 and -90 <= at[1] <= 90 and (len(at) == 2 or abs(at[2]) < 1e5))


def as_layer(shape: Any) -> VectorLayer:
    """The drawing as a layer that was read: one row, no attributes, CGCS2000."""
    frame = geopandas.GeoDataFrame(geometry=geopandas.array.from_shapely([shape]))
    return VectorLayer(frame, "UTF-8", crs.LONLAT, "coordinates", LAYER, ())


def check(
    read: Read[Any],
    actor: Actor,
    geometry: dict[str, Any],
    *,
    kind: str | None,
    now: datetime,
    replaces: str | None = None,
) -> Drawn:
    """Run the checks of an import on one drawing. Nothing is kept.

    ``kind`` is what grows there; while it is None the finding ``kind_unknown`` says that it is needed.
    ``replaces`` is the number of a registered parcel whose new border this is; it keeps its kind and fields.

    Errors: ``DrawingRefused``; ``NotFound`` for a parcel outside the caller's region.
    """
    shape = as_shape(geometry)
    digest = hashlib.sha256(shapely.to_wkb(shape)).hexdigest()
    when = f"{now.astimezone(CHINA):%Y-%m-%d %H:%M}"
    if replaces is None:
        name = f"图上绘制 {when}"
        checked = service.check_layer(
            read,
            actor,
            as_layer(shape),
            file_name=name,
            file_sha256=digest,
            kind=kind,
            on=now.astimezone(CHINA).date(),
        )
    else:
        checked = _check_border(read, actor, as_layer(shape), replaces, f"图上改边界 {when}", digest)
    prepared = checked.staged.prepared
    row, drawn = prepared.rows[0], prepared.geoms[0]
    if drawn is None or not actor.sees_region(row.county):
        # Outside the caller's region nothing is said about whose land it is.
        return Drawn(checked, [])
    return Drawn(checked, read(lambda session: _taken(session, drawn, but=replaces)))


def _check_border(
    read: Read[Any], actor: Actor, layer: VectorLayer, code: str, file_name: str, digest: str
) -> Checked:
    """The checks of an import on a new border of a registered parcel: a change under the same number."""
    limits = reference.limits()

    def look_up(session: Session) -> tuple[staging.Prepared, Any, tuple[int, int]]:
        parcel = get_parcel(session, actor, code)
        if parcel.status != REGISTERED:
            raise _refused(f"地块 {code} 已终止，不能再改边界。", f"parcel {code} has ended.")
        prepared = staging.prepare(layer, kind_hint=parcel.kind, limits=limits)
        _same_parcel(prepared.rows[0], parcel, limits)
        # First what was seen, then what is there: what comes in between is looked at again at acceptance.
        seen = (session.scalar(sa.select(sa.func.max(Parcel.id))) or 0, data_version(session))
        return prepared, registered_near(session, prepared.boxes, [code]), seen

    prepared, registered, seen = read(look_up)
    staged = staging.stage(prepared, registered, scope=actor.region_code, limits=limits)
    seen_parcel_id, seen_event_id = seen
    return Checked(file_name, digest, staged, seen_parcel_id, seen_event_id, reason="图上改边界")


def _same_parcel(row: Row, parcel: Parcel, limits: reference.Limits) -> None:
    """Say that the row is this parcel, and nothing else of it: what a row does not say stays as it is."""
    row.kind, row.attributes = parcel.kind, {}
    row.identity = Identity(
        parcel.code, parcel.code, parcel.county_code, parcel.township_code, parcel.village_code
    )
    kept = [one for one in row.findings if one["code"] != "kind_declared"]
    stated = rules.area_findings(
        row.number,
        kind=None,
        measured_m2=row.area_m2,
        stated_m2=parcel.stated_area_m2,
        limits=limits,
    )
    row.findings = kept + stated


def _taken(session: Session, drawn: Any, *, but: str | None) -> list[Taken]:
    """Registered land inside a drawing, the most first; that of parcel ``but`` does not count."""
    found = []
    for one in taken_land(session, drawn, staging.overlap_tolerance(reference.limits())):
        land = _polygons(shapely.intersection(drawn, one.shape)) if one.code != but else None
        if land is not None:
            found.append(Taken(one.code, one.area_m2, one.share_of_smaller, one.kind, land))
    return found


def _polygons(shape: Any) -> Any:
    """The surface of a shape; None without one."""
    parts = shapely.get_parts(shapely.get_parts(shape)) if shape is not None else []
    surface = [part for part in parts if part.geom_type == "Polygon" and not part.is_empty]
    return shapely.multipolygons(surface) if surface else None
