"""Dividing a polygon along a line, and joining neighbours. Coordinates in degrees; land is conserved."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import shapely
from shapely.ops import split

# Parts below this share of the whole come of a line that only grazes the border.
_GRAZE_SHARE: Final = 1e-6
# Borders drawn twice may leave gaps of a millimetre (1e-8 degrees) between neighbours.
_SNAP_DEGREES: Final = 1e-8


class NotDivided(ValueError):
    """The line does not cut the polygon into at least two parts."""


class NotJoined(ValueError):
    """The polygons have no common border."""


def divide(whole: Any, line: Sequence[tuple[float, float]]) -> list[Any]:
    """The parts of a (multi)polygon on the sides of a line, the largest first.

    Parts of a multipolygon the line does not touch go with the largest piece.

    Raises:
        NotDivided: fewer than two points, or the line ends inside or passes by.
    """
    if len(line) < 2:
        raise NotDivided
    blade = shapely.linestrings(line)
    pieces, untouched = [], []
    for part in shapely.get_parts(whole):
        cut = [piece for piece in split(part, blade).geoms if piece.area > _GRAZE_SHARE * whole.area]
        if len(cut) > 1:
            pieces += cut
        else:
            untouched.append(part)
    if len(pieces) < 2:
        raise NotDivided
    pieces.sort(key=lambda piece: -piece.area)
    if untouched:
        pieces[0] = shapely.union_all([pieces[0], *untouched])
    return pieces


def join(parts: Sequence[Any]) -> Any:
    """One shape of several neighbours, each connected to the others through common border lines.

    Where the borders are the very same the result has the very same vertices; borders drawn twice are first
    brought together to a millimetre.

    Raises:
        NotJoined: when some part shares no border line with the others; a common corner is none.
    """
    snapped = [shapely.set_precision(part, _SNAP_DEGREES) for part in parts]
    if not _connected(snapped):
        raise NotJoined
    exact, closed = shapely.union_all(list(parts)), shapely.union_all(snapped)
    return exact if _pieces(exact) == _pieces(closed) else closed


def _pieces(shape: Any) -> tuple[int, int]:
    """Parts, and holes in them."""
    polygons = shapely.get_parts(shape)
    return len(polygons), int(shapely.get_num_interior_rings(polygons).sum())


def _connected(parts: Sequence[Any]) -> bool:
    reached, waiting = {0}, [0]
    while waiting:
        one = waiting.pop()
        for other in range(len(parts)):
            shared = shapely.intersection(parts[one], parts[other])
            if other not in reached and shapely.length(shared) > 0:
                reached.add(other)
                waiting.append(other)
    return len(reached) == len(parts)
