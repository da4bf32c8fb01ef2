"""Which parcels lie on the same land.

A touch is no overlap: interiors must meet (DE-9IM ``T********``), which also finds equal and contained
parcels, unlike the predicate named "overlaps". Everything here is in the plane (:func:`gis.crs.to_plane`),
in metres.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
import shapely

INTERIORS_MEET: Final = "T********"
# Below this many a thread costs more than it brings.
PAIRS_PER_THREAD: Final = 5_000


@dataclass(frozen=True)
class OverlapTolerance:
    """Borders digitised twice leave slivers; these settings say what counts.

    ``noise``: area below ``noise_area_m2`` or mean width (2 A / P) below ``noise_width_m``. ``sliver``:
    narrower than ``sliver_width_m`` and less than ``sliver_share`` of the smaller parcel. ``overlap``:
    everything else.
    """

    noise_area_m2: float = 1.0
    noise_width_m: float = 0.2
    sliver_width_m: float = 2.0
    sliver_share: float = 0.01

    def classify(self, area_m2: Any, width_m: Any, share_of_smaller: Any) -> Any:
        noise = (area_m2 < self.noise_area_m2) | (width_m < self.noise_width_m)
        sliver = (width_m < self.sliver_width_m) & (share_of_smaller < self.sliver_share)
        return np.select([noise, sliver], ["noise", "sliver"], "overlap")


DEFAULT: Final = OverlapTolerance()


def self_overlaps(geoms_plane: Any, tolerance: OverlapTolerance = DEFAULT) -> Any:
    """Overlapping pairs within one set of valid polygons (missing ones are passed over).

    Returns:
        Frame with ``left`` < ``right`` (positions), ``area_m2``, ``width_m``, ``share_of_smaller`` and
        ``kind`` (``noise``, ``sliver``, ``overlap``), sorted by position.
    """
    geoms = np.asarray(geoms_plane, dtype=object).reshape(-1)
    left, right = shapely.STRtree(geoms).query(geoms)
    first = left < right
    return _measured(geoms, geoms, left[first], right[first], tolerance)


def overlaps_between(new_plane: Any, existing_plane: Any, tolerance: OverlapTolerance = DEFAULT) -> Any:
    """Overlapping pairs between two sets; ``left`` are positions in ``new``, ``right`` in ``existing``."""
    new = np.asarray(new_plane, dtype=object).reshape(-1)
    existing = np.asarray(existing_plane, dtype=object).reshape(-1)
    left, right = shapely.STRtree(existing).query(new)
    return _measured(new, existing, left, right, tolerance)


def covered_share(geom_plane: Any, others_plane: Any) -> float:
    """Share of one polygon that the others cover together: A ∩ (B ∪ C), not the sum of pairs; 0 to 1."""
    others = np.asarray(others_plane, dtype=object).reshape(-1)
    near = others[shapely.intersects(others, geom_plane)]
    if len(near) == 0 or shapely.is_empty(geom_plane):
        return 0.0
    covered = shapely.area(shapely.intersection(geom_plane, shapely.union_all(near)))
    return float(min(1.0, covered / shapely.area(geom_plane)))


def measure_pairs(a: Any, b: Any, left: Any, right: Any, tolerance: OverlapTolerance = DEFAULT) -> Any:
    """Of given pairs (positions in ``a`` and ``b``, plane) those whose interiors meet, measured."""
    return _measured(a, b, left, right, tolerance)


class Shared(NamedTuple):
    """Land one polygon shares with others; arrays of equal length. ``right``: positions of the others."""

    right: Any
    area_m2: Any
    width_m: Any
    share_of_smaller: Any
    kind: Any


def shared_with(new_plane: Any, existing_plane: Any, tolerance: OverlapTolerance = DEFAULT) -> Shared:
    """The same as :func:`overlaps_between` for one new polygon and the few near it, without a frame."""
    existing = np.asarray(existing_plane, dtype=object).reshape(-1)
    right = np.flatnonzero(shapely.relate_pattern(existing, new_plane, INTERIORS_MEET))
    area, width, share = _sizes(new_plane, existing[right])
    kind = tolerance.classify(area, width, share)
    return Shared(right, np.round(area, 2), np.round(width, 3), share, kind)


def _sizes(one: Any, other: Any) -> tuple[Any, Any, Any]:
    """m², mean width in m, and share of the smaller one, of the land that pairs share; ``one`` may be one."""
    shared = _surface(shapely.intersection(one, other))
    area = shapely.area(shared)
    perimeter = shapely.length(shared)
    width = np.divide(2.0 * area, perimeter, out=np.zeros_like(area), where=perimeter > 0)
    return area, width, area / np.minimum(shapely.area(one), shapely.area(other))


def _measured(a: Any, b: Any, left: Any, right: Any, tolerance: OverlapTolerance) -> Any:
    meet = _meet(a[left], b[right])
    left, right = left[meet], right[meet]
    area, width, share = _sizes(a[left], b[right])
    frame = pd.DataFrame(
        {
            "left": left,
            "right": right,
            "area_m2": np.round(area, 2),
            "width_m": np.round(width, 3),
            "share_of_smaller": share,
            "kind": tolerance.classify(area, width, share),
        }
    )
    return frame.sort_values(["left", "right"], ignore_index=True)


def _meet(one: Any, other: Any) -> Any:
    """Whether the interiors of pairs meet. Many pairs are shared among the processor's cores: GEOS holds no
    lock of the interpreter, and nothing is prepared, so that threads only read the shapes."""
    threads = min(os.cpu_count() or 1, len(one) // PAIRS_PER_THREAD)
    if threads < 2:
        return shapely.relate_pattern(one, other, INTERIORS_MEET)
    halves = zip(np.array_split(one, threads), np.array_split(other, threads), strict=True)
    with ThreadPoolExecutor(threads) as pool:
        return np.concatenate(
            list(pool.map(lambda pair: shapely.relate_pattern(*pair, INTERIORS_MEET), halves))
        )


def _surface(shared: Any) -> Any:
    """Polygons only: where borders also touch along a line, its length must not thin the width."""
    for row in np.flatnonzero(shapely.get_type_id(shared) == 7):
        parts = shapely.get_parts(shared[row])
        shared[row] = shapely.multipolygons(parts[shapely.get_type_id(parts) == 3])
    return shared
