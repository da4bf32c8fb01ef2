"""Land claimed more than once: by whom, when, for what, and how much of it.

Two claims meet when they have different claimants, a pool in common, days in common, and land in common
(interiors meet). How grave that is depends on all claims together: strips that are harmless one by one are
added up, as the union of the others and day by day, so that claims of different years are not summed.
Everything here is in the plane (:func:`gis.crs.to_plane`), in metres; days are proleptic ordinals.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from gis.overlap import DEFAULT, OverlapTolerance, measure_pairs

PAIR_COLUMNS: Final = ("left", "right", "area_m2", "width_m", "share_of_smaller", "kind", "first", "end")


@dataclass(frozen=True)
class Pieces:
    """Claimed land, one element a claim; all of equal length.

    ``geoms``: valid polygons in the plane. ``first``, ``end``: days, half-open. ``pools``: bits, one for each
    pool claimed. ``claimant``: equal for claims that never contradict each other.
    """

    geoms: Any
    first: NDArray[np.int64]
    end: NDArray[np.int64]
    pools: NDArray[np.int64]
    claimant: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.geoms)

    def take(self, positions: NDArray[np.int64]) -> Pieces:
        """The pieces at these positions, in their order."""
        return Pieces(
            self.geoms[positions],
            self.first[positions],
            self.end[positions],
            self.pools[positions],
            self.claimant[positions],
        )


@dataclass(frozen=True)
class Clash:
    """New land that is claimed already.

    ``new``, ``standing``: positions; ``standing`` is the claim that shares most with it. ``share``: of the
    new piece (``side`` "new") or of the standing one (``side`` "standing", worn away by several claims) under
    other claims on the worst day. ``refused``: beyond the tolerance; otherwise a sliver to look at.
    """

    new: int
    standing: int
    area_m2: float
    share: float
    side: str
    refused: bool


def pieces(
    geoms: Any, first: Sequence[int], end: Sequence[int], pools: Sequence[int], claimant: Sequence[int]
) -> Pieces:
    """:class:`Pieces` of plain sequences."""
    numbers = (np.asarray(values, dtype=np.int64).reshape(-1) for values in (first, end, pools, claimant))
    return Pieces(np.asarray(geoms, dtype=object).reshape(-1), *numbers)


def _joined(a: Pieces, b: Pieces) -> Pieces:
    return Pieces(
        np.concatenate([a.geoms, b.geoms]),
        np.concatenate([a.first, b.first]),
        np.concatenate([a.end, b.end]),
        np.concatenate([a.pools, b.pools]),
        np.concatenate([a.claimant, b.claimant]),
    )


def contradicting(a: Pieces, b: Pieces, left: Any, right: Any) -> Any:
    """Of pairs of positions: other claimant, common pool, common days."""
    return (
        (a.claimant[left] != b.claimant[right])
        & ((a.pools[left] & b.pools[right]) != 0)
        & (a.first[left] < b.end[right])
        & (b.first[right] < a.end[left])
    )


def pairs_between(a: Pieces, b: Pieces, tolerance: OverlapTolerance = DEFAULT) -> Any:
    """Contradicting claims that share land.

    Returns:
        Frame with :data:`PAIR_COLUMNS`: positions in ``a`` and ``b``, area and mean width of the shared land,
        its share of the smaller piece, ``kind`` (``noise``, ``sliver``, ``overlap``) and the common days.
    """
    left, right = shapely.STRtree(b.geoms).query(a.geoms)
    meant = contradicting(a, b, left, right)
    return measured_at(a, b, left[meant], right[meant], tolerance)


def pairs_within(a: Pieces, tolerance: OverlapTolerance = DEFAULT) -> Any:
    """The same within one set, each pair once with ``left`` < ``right``."""
    left, right = shapely.STRtree(a.geoms).query(a.geoms)
    meant = (left < right) & contradicting(a, a, left, right)
    return measured_at(a, a, left[meant], right[meant], tolerance)


def measured_at(a: Pieces, b: Pieces, left: Any, right: Any, tolerance: OverlapTolerance = DEFAULT) -> Any:
    """Frame as of :func:`pairs_between` for given pairs of positions: those that share land."""
    pairs = measure_pairs(a.geoms, b.geoms, left, right, tolerance)
    at, other = pairs["left"].to_numpy(), pairs["right"].to_numpy()
    pairs["first"] = np.maximum(a.first[at], b.first[other])
    pairs["end"] = np.minimum(a.end[at], b.end[other])
    return pairs


def both_ways(pairs: Any) -> Any:
    """Pairs of one set with each pair a second time, turned round."""
    turned = pairs.rename(columns={"left": "right", "right": "left"})
    return pd.concat([pairs, turned[list(pairs.columns)]], ignore_index=True)


def covered_shares(a: Pieces, b: Pieces, pairs: Any) -> NDArray[np.float64]:
    """Share of each piece of ``a`` that claims of ``b`` cover together on the worst day; 0 to 1.

    ``pairs`` as from :func:`pairs_between` (``left`` in ``a``, ``right`` in ``b``).
    """
    shares = np.zeros(len(a))
    order = np.argsort(pairs["left"].to_numpy(dtype=np.int64), kind="stable")
    left, right, first, end = (
        pairs[name].to_numpy(dtype=np.int64)[order] for name in ("left", "right", "first", "end")
    )
    met, start, count = np.unique(left, return_index=True, return_counts=True)
    single = start[count == 1]
    shared = shapely.area(shapely.intersection(a.geoms[left[single]], b.geoms[right[single]]))
    shares[left[single]] = shared / shapely.area(a.geoms[left[single]])
    several = count > 1
    for position, begin, many in zip(met[several], start[several], count[several], strict=True):
        rows = slice(begin, begin + many)
        others = b.geoms[right[rows]]
        shares[position] = _on_the_worst_day(a.geoms[position], others, first[rows], end[rows])
    return np.minimum(shares, 1.0)


def _on_the_worst_day(geom: Any, others: Any, first: Any, end: Any) -> float:
    """What is claimed changes only on a first day, so these are all the days to look at."""
    worst = 0.0
    seen = set()
    for day in np.unique(first):
        standing = (first <= day) & (day < end)
        if standing.tobytes() not in seen:
            seen.add(standing.tobytes())
            covered = shapely.intersection(geom, shapely.union_all(others[standing]))
            worst = max(worst, float(shapely.area(covered)))
    return worst / float(shapely.area(geom))


def clashes(
    new: Pieces, standing: Pieces, *, share_max: float, tolerance: OverlapTolerance = DEFAULT
) -> list[Clash]:
    """What of ``new`` may not be claimed beside ``standing``, the most grave of each new piece.

    Refused: a pair beyond the sliver class; a new piece with more than ``share_max`` under other claims; a
    standing piece that the new ones bring to more than ``share_max`` under claims of others. Slivers below
    that come as clashes that are not refused; noise alone is passed over. ``standing`` must hold the claims
    near those that ``new`` meets, too.
    """
    pairs = pairs_between(new, standing, tolerance)
    if pairs.empty:
        return []
    own = covered_shares(new, standing, pairs)
    worn = _worn_away(new, standing, pairs, share_max, tolerance)
    left, area = pairs["left"].to_numpy(dtype=np.int64), pairs["area_m2"].to_numpy()
    total = np.bincount(left, weights=area, minlength=len(new))
    grave = np.bincount(left, weights=pairs["kind"] == "overlap", minlength=len(new)) > 0
    to_see = np.bincount(left, weights=pairs["kind"] == "sliver", minlength=len(new)) > 0
    taken: dict[int, int] = {}
    for position, other in zip(left.tolist(), pairs["right"].tolist(), strict=True):
        if worn.get(other, 0.0) > worn.get(taken.get(position, -1), 0.0):
            taken[position] = other
    first = pairs.sort_values(["left", "area_m2", "right"], ascending=[True, False, True])
    first = first.drop_duplicates("left")
    found: list[Clash] = []
    for at, most in zip(first["left"].tolist(), first["right"].tolist(), strict=True):
        size, share = float(total[at]), float(own[at])
        if share > share_max or grave[at]:
            found.append(Clash(at, most, size, share, "new", True))
        elif at in taken:
            found.append(Clash(at, taken[at], size, worn[taken[at]], "standing", True))
        elif to_see[at]:
            found.append(Clash(at, most, size, share, "new", False))
    return found


def _worn_away(
    new: Pieces, standing: Pieces, pairs: Any, share_max: float, tolerance: OverlapTolerance
) -> dict[int, float]:
    """Standing pieces (position → share) that the new claims bring beyond ``share_max``."""
    touched = np.unique(pairs["right"].to_numpy(dtype=np.int64))
    # Days on which nothing new is claimed are not the new claims' fault.
    first, end = int(pairs["first"].min()), int(pairs["end"].max())
    before = pairs_between(standing.take(touched), standing, tolerance)
    before = before[(before["first"] < end) & (first < before["end"])]
    before = before.assign(first=before["first"].clip(lower=first), end=before["end"].clip(upper=end))
    everything = _joined(standing, new)
    added = pairs.assign(
        left=np.searchsorted(touched, pairs["right"].to_numpy(dtype=np.int64)),
        right=pairs["left"] + len(standing),
    )
    of = standing.take(touched)
    share_before = covered_shares(of, standing, before)
    share_after = covered_shares(of, everything, pd.concat([before, added], ignore_index=True))
    grown = (share_after - share_before) * shapely.area(of.geoms) >= tolerance.noise_area_m2
    worn = np.flatnonzero((share_after > share_max) & grown)
    return {int(touched[position]): float(share_after[position]) for position in worn}
