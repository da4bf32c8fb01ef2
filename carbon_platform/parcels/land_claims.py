"""The one-claim lock: which claims stand near some land, and which of them contradict a new one.

Claims come from several rooms (memberships in projects, issued land, declarations of other schemes); each
offers a :class:`Source`. Whoever adds a claim first calls :func:`lock`, so that between the answer and the
commit no other claim comes in. Preselection is by bounds alone and the same on both engines; whether land is
shared is always decided by shapely (:mod:`gis.claimed`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple, Protocol

import numpy as np
import shapely
import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.db import serialise
from carbon_platform.parcels.candidates import Box
from carbon_platform.parcels.outside_claims_rules import claim_limits
from gis.claimed import Clash, Pieces, clashes, pieces
from gis.crs import to_plane

Key = tuple[int, int]
# Parameters of one statement are limited on both engines.
CHUNK = 500


class Standing(NamedTuple):
    """A claim that stands. ``claimant``: claims of one claimant never contradict each other; ``box`` in
    degrees; ``end`` is the first day after."""

    source: str
    key: Key
    claimant: str
    pools: int
    first: date
    end: date
    box: Box


@dataclass(frozen=True)
class Described:
    """A claim in words and in codes, for messages, the report and the map.

    ``scheme``: inclusion, ccer, vcs …; ``project`` and ``parcel`` are codes of the platform, ``number`` that
    of a declaration, where there is one. ``county_code`` decides who sees it.
    """

    source: str
    scheme: str
    project: str
    parcel: str
    number: str
    county_code: str
    zh: str
    en: str


class Source(Protocol):
    """Where claims of one kind are kept."""

    name: str

    def standing(self, session: Session, box: Box, first: date, end: date, pools: int) -> list[Standing]:
        """Claims on these pools whose box meets ``box`` and whose period meets [first, end)."""

    def shapes(self, session: Session, keys: Sequence[Key]) -> dict[Key, bytes]:
        """WKB in degrees of some of them."""

    def describe(self, session: Session, keys: Sequence[Key]) -> dict[Key, Described]:
        """Words for some of them."""


class Land(Protocol):
    """What the lock reads of land: a parcel, or something drawn."""

    geometry: bytes


@dataclass(frozen=True)
class Met:
    """What the lock found about one new piece of land, with the standing claim in words."""

    clash: Clash
    claim: Described


def lock(session: Session) -> None:
    """From here to the end of the transaction nobody else adds a claim on land."""
    serialise(session, "land-claims")


def meets_box(table: Any, box: Box) -> sa.ColumnElement[bool]:
    """Condition: the bounds of a row of ``table`` meet ``box``."""
    west, south, east, north = box
    return sa.and_(
        table.min_lon <= east, table.max_lon >= west, table.min_lat <= north, table.max_lat >= south
    )


def in_chunks(keys: Sequence[Any]) -> Iterable[Sequence[Any]]:
    """``keys`` in parts that fit into one statement."""
    return (keys[start : start + CHUNK] for start in range(0, len(keys), CHUNK))


def contradictions(
    session: Session,
    sources: Sequence[Source],
    lands: Sequence[Land],
    *,
    claimant: str,
    first: date,
    end: date,
    pools: int,
) -> list[Met]:
    """Which of ``lands``, claimed by ``claimant`` for [first, end), meet claims of others; most grave each.

    Call after :func:`lock`: the answer then holds until the transaction ends.
    """
    if not lands:
        return []
    shapes = shapely.from_wkb([land.geometry for land in lands])
    found = near(session, sources, shapely.bounds(shapes), first, end, pools)
    found = [claim for claim in found if claim.claimant != claimant]
    if not found:
        return []
    limits = claim_limits()
    names = {claim.claimant: number for number, claim in enumerate(found, start=1)}
    count = len(lands)
    new = pieces(
        to_plane(shapes), [first.toordinal()] * count, [end.toordinal()] * count, [pools] * count, [0] * count
    )
    standing = as_pieces(session, sources, found, names)
    met = clashes(new, standing, share_max=limits.share_max, tolerance=limits.tolerance)
    words = describe(session, sources, [found[clash.standing] for clash in met])
    return [Met(clash, words[found[clash.standing]]) for clash in met]


def near(
    session: Session, sources: Sequence[Source], boxes: Any, first: date, end: date, pools: int
) -> list[Standing]:
    """Claims whose box meets one of ``boxes`` (an array of bounds in degrees), and those that meet these."""
    rows = _standing(session, sources, _hull(boxes), first, end, pools)
    close = _meeting(rows, boxes)
    if not close:
        return []
    own = np.array([claim.box for claim in close])
    rows = _standing(session, sources, _hull(own), first, end, pools)
    return _meeting(rows, own)


def _standing(
    session: Session, sources: Sequence[Source], box: Box, first: date, end: date, pools: int
) -> list[Standing]:
    return [claim for source in sources for claim in source.standing(session, box, first, end, pools)]


def _hull(boxes: Any) -> Box:
    west, south = boxes[:, :2].min(axis=0).tolist()
    east, north = boxes[:, 2:].max(axis=0).tolist()
    return west, south, east, north


def _meeting(rows: list[Standing], boxes: Any) -> list[Standing]:
    """Rows whose box meets one of the boxes, in their order."""
    if not rows:
        return []
    tree = shapely.STRtree(shapely.box(*np.array([claim.box for claim in rows]).T))
    _, at = tree.query(shapely.box(*np.asarray(boxes).T))
    return [rows[position] for position in np.unique(at).tolist()]


def as_pieces(
    session: Session, sources: Sequence[Source], found: Sequence[Standing], names: dict[str, int]
) -> Pieces:
    """The claims with their shapes in the plane; ``names`` numbers the claimants."""
    kept: dict[tuple[str, Key], bytes] = {}
    for source in sources:
        keys = [claim.key for claim in found if claim.source == source.name]
        kept |= {(source.name, key): wkb for key, wkb in source.shapes(session, keys).items()}
    return pieces(
        to_plane(shapely.from_wkb([kept[claim.source, claim.key] for claim in found])),
        [claim.first.toordinal() for claim in found],
        [claim.end.toordinal() for claim in found],
        [claim.pools for claim in found],
        [names[claim.claimant] for claim in found],
    )


def describe(
    session: Session, sources: Sequence[Source], found: Iterable[Standing]
) -> dict[Standing, Described]:
    """Words for each claim."""
    wanted = list(dict.fromkeys(found))
    words: dict[Standing, Described] = {}
    for source in sources:
        of = [claim for claim in wanted if claim.source == source.name]
        described = source.describe(session, [claim.key for claim in of])
        words |= {claim: described[claim.key] for claim in of}
    return words
