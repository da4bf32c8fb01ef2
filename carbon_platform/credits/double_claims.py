"""The standing report of double claims, and the question a bank asks: who claims this land?

Both are computed from what is on file at the moment of asking: land of active projects, land that was issued,
and declarations of other schemes. Nothing is stored, so nothing can be out of date.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final

import numpy as np
import shapely
import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from carbon_platform.credits.claims import ISSUED
from carbon_platform.credits.tables import LandClaim
from carbon_platform.identity.rules import SYSTEM, Actor
from carbon_platform.parcels import land_claims
from carbon_platform.parcels.candidates import Box
from carbon_platform.parcels.land_claims import Described, Standing
from carbon_platform.parcels.outside_claims import OUTSIDE
from carbon_platform.parcels.outside_claims_rules import POOLS, claim_limits
from carbon_platform.parcels.outside_claims_tables import OutsideClaimLand
from carbon_platform.parcels.register import in_scope
from carbon_platform.parcels.tables import Parcel
from carbon_platform.projects.claims import RESERVED
from carbon_platform.regions.tables import Region
from gis.claimed import (
    Pieces,
    both_ways,
    contradicting,
    covered_shares,
    measured_at,
    pairs_between,
    pieces,
)
from gis.crs import PLANE, to_lonlat, to_plane
from gis.measure import M2_PER_HA, ellipsoidal_area_m2

SOURCES: Final = (ISSUED, OUTSIDE, RESERVED)
EVERY_POOL: Final = POOLS["all"][2]
EVER: Final = (date.min, date.max)
# The gravest first. ``issued_twice``: the lock was broken; ``issued``: tickets exist for one of the two;
# ``open``: nothing is issued yet, one of them has to give way.
SEVERITIES: Final = ("issued_twice", "issued", "open")
WORDS_MAX: Final = 5


@dataclass(frozen=True)
class DoubleClaim:
    """Two claims on the same land for the same pool and days; one item for each two sides.

    ``area_m2``: ellipsoidal, of the shared land; ``share``: of the smaller of the two; ``kind``: ``overlap``,
    ``sliver``, or ``noise`` where strips add up to more than the limit. ``end`` is the first day after.
    """

    a: Described
    b: Described
    severity: str
    kind: str
    pools: tuple[str, ...]
    first: date
    end: date
    area_m2: float
    share: float
    box: Box
    shared: Any


@dataclass(frozen=True)
class Report:
    """All double claims in sight, the gravest and largest first; ``area_m2``: of their union."""

    items: list[DoubleClaim]
    area_m2: float

    def counts(self) -> dict[str, int]:
        """How many of each severity."""
        return {name: sum(item.severity == name for item in self.items) for name in SEVERITIES}


def pool_names(bits: int) -> tuple[str, ...]:
    """Names of the pools in ``bits``."""
    if bits == EVERY_POOL:
        return ("all",)
    return tuple(name for name, (_, _, bit) in POOLS.items() if name != "all" and bits & bit)


def report(session: Session, actor: Actor) -> Report:
    """The double claims of which one side lies in the actor's region."""
    found = _in_region(session, actor)
    left, right = _candidates(session, found)
    if len(left) == 0:
        return Report([], 0.0)
    used = np.unique(np.concatenate([left, right]))
    names = {claim.claimant: number for number, claim in enumerate(found)}
    own = land_claims.as_pieces(session, SOURCES, [found[i] for i in used.tolist()], names)
    left, right = np.searchsorted(used, left), np.searchsorted(used, right)
    limits = claim_limits()
    pairs = measured_at(own, own, left, right, limits.tolerance)
    if pairs.empty:
        return Report([], 0.0)
    pairs = _without_noise(own, pairs, limits.share_max)
    if pairs.empty:
        return Report([], 0.0)
    claims = [found[i] for i in used.tolist()]
    items = _items(session, own, claims, pairs)
    seen = [item for item in items if _in_sight(actor, item)]
    seen.sort(key=lambda item: (SEVERITIES.index(item.severity), -item.area_m2, item.a.zh, item.b.zh))
    return Report(seen, _union_m2(seen))


def report_words(session: Session) -> tuple[bool, str]:
    """Of every city on record: whether no tickets are in question, and a sentence for the operator."""
    cities = session.scalars(sa.select(Region.code).where(Region.level == "city").order_by(Region.code))
    reports = [report(session, replace(SYSTEM, region_code=code)) for code in cities]
    counts = {name: sum(found.counts()[name] for found in reports) for name in SEVERITIES}
    in_question = [
        item for found in reports for item in found.items if item.severity != "open" and item.kind != "sliver"
    ]
    area_ha = sum(found.area_m2 for found in reports) / M2_PER_HA
    words = f"{sum(counts.values())} double claims, {area_ha:,.2f} ha: "
    words += ", ".join(f"{name} {count}" for name, count in counts.items())
    words += "".join(f"; {item.a.en} / {item.b.en}" for item in in_question[:WORDS_MAX])
    return not in_question, words


def _without_noise(own: Pieces, pairs: Any, share_max: float) -> Any:
    """Pairs that count: noise only where it is part of more than the limit of a piece."""
    noise = pairs["kind"] == "noise"
    touched = np.unique(pairs.loc[noise, ["left", "right"]].to_numpy(dtype=np.int64))
    turned = both_ways(pairs)
    much = covered_shares(own, own, turned[turned["left"].isin(touched)]) > share_max
    return pairs[(~noise | much[pairs["left"]] | much[pairs["right"]]).to_numpy()]


def _in_region(session: Session, actor: Actor) -> list[Standing]:
    boxes = []
    for table in (Parcel, OutsideClaimLand):
        near = sa.func.min(table.min_lon), sa.func.min(table.min_lat)
        far = sa.func.max(table.max_lon), sa.func.max(table.max_lat)
        west, south, east, north = session.execute(
            sa.select(*near, *far).where(in_scope(table.county_code, actor))
        ).one()
        if west is not None:
            boxes.append((west, south, east, north))
    if not boxes:
        return []
    west, south, east, north = shapely.total_bounds(shapely.box(*np.array(boxes).T)).tolist()
    box = (west, south, east, north)
    return [claim for source in SOURCES for claim in source.standing(session, box, *EVER, EVERY_POOL)]


def _candidates(session: Session, found: list[Standing]) -> tuple[Any, Any]:
    """Positions of claims that contradict each other by everything but, perhaps, their shapes."""
    boxes = shapely.box(*np.array([claim.box for claim in found], dtype=float).reshape(-1, 4).T)
    names = {claim.claimant: number for number, claim in enumerate(found)}
    plain = pieces(
        boxes,
        [claim.first.toordinal() for claim in found],
        [claim.end.toordinal() for claim in found],
        [claim.pools for claim in found],
        [names[claim.claimant] for claim in found],
    )
    left, right = shapely.STRtree(boxes).query(boxes)
    meant = (left < right) & contradicting(plain, plain, left, right)
    twice = _issued_twice(session)
    at = {claim.key[0]: number for number, claim in enumerate(found) if claim.source == ISSUED.name}
    extra = [(at[a], at[b]) for a, b in twice if a in at and b in at]
    more = np.array(extra, dtype=np.int64).reshape(-1, 2)
    both = np.unique(np.concatenate([np.stack([left[meant], right[meant]], axis=1), more]), axis=0)
    return both[:, 0], both[:, 1]


def _issued_twice(session: Session) -> list[tuple[int, int]]:
    """Ids of issued claims on one parcel, pool and day, of one project too: there should never be any."""
    one, other = aliased(LandClaim), aliased(LandClaim)
    rows = session.execute(
        sa.select(one.id, other.id).join(
            other,
            sa.and_(
                other.parcel_id == one.parcel_id,
                other.pool == one.pool,
                other.id > one.id,
                other.period_start < one.period_end,
                one.period_start < other.period_end,
            ),
        )
    )
    return [(a, b) for a, b in rows]


def _items(session: Session, own: Pieces, claims: list[Standing], pairs: Any) -> list[DoubleClaim]:
    left, right = pairs["left"].to_numpy(dtype=np.int64), pairs["right"].to_numpy(dtype=np.int64)
    shared = to_lonlat(_polygons(shapely.intersection(own.geoms[left], own.geoms[right])), PLANE)
    areas = ellipsoidal_area_m2(shared).tolist()
    boxes = shapely.bounds(shared).tolist()
    mentioned = [claims[i] for i in np.unique(np.concatenate([left, right])).tolist()]
    words = land_claims.describe(session, SOURCES, mentioned)
    items: dict[frozenset[Any], DoubleClaim] = {}
    for number, pair in enumerate(pairs.to_dict("records")):
        a, b = claims[pair["left"]], claims[pair["right"]]
        west, south, east, north = boxes[number]
        item = DoubleClaim(
            a=words[a],
            b=words[b],
            severity=_severity(a, b),
            kind=pair["kind"],
            pools=pool_names(a.pools & b.pools),
            first=date.fromordinal(int(pair["first"])),
            end=date.fromordinal(int(pair["end"])),
            area_m2=areas[number],
            share=float(pair["share_of_smaller"]),
            box=(west, south, east, north),
            shared=shared[number],
        )
        sides = frozenset((_land_of(a, words[a]), _land_of(b, words[b])))
        items[sides] = _graver(items[sides], item) if sides in items else item
    return list(items.values())


def _land_of(claim: Standing, words: Described) -> tuple[Any, ...]:
    """What a project reserves of a parcel and what it issued of it, year by year, are one side."""
    if words.project:
        return words.project, words.parcel
    return claim.source, claim.key


def _graver(one: DoubleClaim, other: DoubleClaim) -> DoubleClaim:
    """The graver (or larger) of two items about the same two sides, for the days of both."""
    keep = min(one, other, key=lambda item: (SEVERITIES.index(item.severity), -item.area_m2))
    return replace(keep, first=min(one.first, other.first), end=max(one.end, other.end))


def _polygons(shapes: Any) -> Any:
    """Surfaces only: where borders touch along a line beside, the line is not shared land."""
    out = np.array(shapes, dtype=object)
    for row in np.flatnonzero(shapely.get_type_id(out) == 7):
        parts = shapely.get_parts(out[row])
        out[row] = shapely.multipolygons(parts[shapely.get_type_id(parts) == 3])
    return out


def _severity(a: Standing, b: Standing) -> str:
    issued = (a.source == ISSUED.name) + (b.source == ISSUED.name)
    return SEVERITIES[2 - issued]


def _in_sight(actor: Actor, item: DoubleClaim) -> bool:
    return any(side.county_code and actor.sees_region(side.county_code) for side in (item.a, item.b))


def _union_m2(items: Sequence[DoubleClaim]) -> float:
    """Land claimed twice or more, each square metre once."""
    if not items:
        return 0.0
    shared = to_plane(np.array([item.shared for item in items], dtype=object))
    whole = shapely.disjoint_subset_union_all(shared)
    return float(ellipsoidal_area_m2(to_lonlat(_polygons(np.array([whole], dtype=object)), PLANE))[0])


# --- one piece of land ----------------------------------------------------------------------------


@dataclass(frozen=True)
class ClaimOnLand:
    """One claim on a piece of land: ``area_m2`` and ``share`` of that land, days and pools."""

    claim: Described
    pools: tuple[str, ...]
    first: date
    end: date
    area_m2: float
    share: float
    kind: str


@dataclass(frozen=True)
class LandAnswer:
    """Who claims a piece of land. ``verdict``: ``free``, ``sliver``, ``claimed`` (by one claimant at a time
    and pool) or ``double`` (claims on it contradict each other)."""

    verdict: str
    area_m2: float
    claims: list[ClaimOnLand]


def claims_on(
    session: Session,
    wkb: bytes,
    *,
    first: date = EVER[0],
    end: date = EVER[1],
    pools: int = EVERY_POOL,
) -> LandAnswer:
    """Every claim on a piece of land (WKB, degrees) for these pools and days, longest share first."""
    shape = np.array([shapely.from_wkb(wkb)], dtype=object)
    area = float(ellipsoidal_area_m2(shape)[0])
    found = land_claims.near(session, SOURCES, shapely.bounds(shape), first, end, pools)
    if not found:
        return LandAnswer("free", area, [])
    tolerance = claim_limits().tolerance
    names = {claim.claimant: number for number, claim in enumerate(found, start=1)}
    standing = land_claims.as_pieces(session, SOURCES, found, names)
    asked = pieces(to_plane(shape), [first.toordinal()], [end.toordinal()], [pools], [0])
    pairs = pairs_between(asked, standing, tolerance)
    pairs = pairs[pairs["kind"] != "noise"].sort_values(["area_m2", "right"], ascending=[False, True])
    at = pairs["right"].to_numpy(dtype=np.int64)
    parts = _polygons(shapely.intersection(asked.geoms[0], standing.geoms[at]))
    shares = (shapely.area(parts) / shapely.area(asked.geoms[0])).tolist()
    areas = ellipsoidal_area_m2(to_lonlat(parts, PLANE)).tolist()
    words = land_claims.describe(session, SOURCES, [found[i] for i in at.tolist()])
    claims = []
    for number, (i, kind) in enumerate(zip(at.tolist(), pairs["kind"].tolist(), strict=True)):
        claim = found[i]
        days = {"first": claim.first, "end": claim.end}
        size = {"area_m2": areas[number], "share": shares[number], "kind": kind}
        claims.append(ClaimOnLand(words[claim], pool_names(claim.pools), **days, **size))
    return LandAnswer(_verdict(asked.geoms[0], standing, at, parts, pairs), area, claims)


def _verdict(land: Any, standing: Pieces, at: Any, parts: Any, pairs: Any) -> str:
    if len(at) == 0:
        return "free"
    on_it = standing.take(at)
    clipped = Pieces(parts, on_it.first, on_it.end, on_it.pools, on_it.claimant)
    tolerance = claim_limits().tolerance
    among = pairs_between(clipped, clipped, tolerance)
    # A sliver along the border may be claimed twice by others; that is no quarrel about this land.
    whole = float(shapely.area(land))
    if (tolerance.classify(among["area_m2"], among["width_m"], among["area_m2"] / whole) == "overlap").any():
        return "double"
    return "claimed" if (pairs["kind"] == "overlap").any() else "sliver"
