"""Which registered parcels hold a piece of land: the quick check of one shape, for drawing and for claims."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from sqlalchemy.orm import Session

from carbon_platform.parcels.candidates import Box, registered_in
from gis.crs import to_plane
from gis.overlap import OverlapTolerance, shared_with


@dataclass(frozen=True, slots=True)
class Holding:
    """A registered parcel on the land asked for. ``shape``: the parcel in degrees; ``kind``: overlap, sliver
    or noise, by the tolerance given.
    """

    parcel_id: int
    code: str
    area_m2: float
    width_m: float
    share_of_smaller: float
    kind: str
    shape: Any


def taken_land(session: Session, shape: Any, tolerance: OverlapTolerance) -> list[Holding]:
    """Registered parcels whose interiors meet a valid polygon in degrees, the largest share of land first.

    The database names those near it, shapely decides in the plane (EPSG:4526, to the millimetre): the same on
    both engines, and the same as :func:`gis.overlap.overlaps_between` finds for a whole layer.
    """
    bounds: Box = shapely.bounds(shape).tolist()
    near = registered_in(session, bounds)
    if not near:
        return []
    geoms = np.empty(len(near) + 1, dtype=object)
    geoms[0] = shape
    geoms[1:] = shapely.from_wkb([wkb for _, _, wkb in near])
    plane = to_plane(geoms)
    shared = shared_with(plane[0], plane[1:], tolerance)
    found = [
        Holding(near[at][0], near[at][1], area_m2, width_m, share, str(kind), geoms[at + 1])
        for at, area_m2, width_m, share, kind in zip(*(part.tolist() for part in shared), strict=True)
    ]
    return sorted(found, key=lambda one: (-one.area_m2, one.parcel_id))
