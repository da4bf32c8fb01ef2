"""Claims on land under other schemes: declare them from a file, release them, and find them by place.

A declaration counts from the moment it is on file, whatever it contradicts: it states what happened
elsewhere. What it takes to let the land go again is another person and a reason.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import shapely
import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.errors import NotFound
from carbon_platform.identity.rules import Actor
from carbon_platform.identity.service import audit
from carbon_platform.parcels import land_claims, outside_claims_rules
from carbon_platform.parcels.candidates import Box
from carbon_platform.parcels.land_claims import Described, Key, Standing, in_chunks, meets_box
from carbon_platform.parcels.outside_claims_tables import OutsideClaim, OutsideClaimLand
from carbon_platform.parcels.register import CHINA, in_scope
from carbon_platform.parcels.rules import FileRefused
from gis.counties import Counties, assign_county
from gis.crs import to_lonlat
from gis.errors import VectorFileError
from gis.geometry import check_geometries
from gis.vector_files import read_vector

ROWS_NAMED_MAX = 50


@dataclass(frozen=True)
class DrawnLand:
    """Land of a file that can be declared: row in the file, valid shape (WKB, degrees), county, area."""

    row_number: int
    geometry: bytes
    county_code: str
    area_m2: float
    box: Box


@dataclass(frozen=True)
class DrawnFile:
    """A file that was read and checked, not yet declared."""

    file_name: str
    file_sha256: str
    lands: list[DrawnLand]
    left_out: int
    repaired: int


# --- reading: outside any write transaction -------------------------------------------------------


def read_lands(
    path: Path, actor: Actor, counties: Counties, *, file_name: str, scratch: Path | None = None
) -> DrawnFile:
    """Read the polygons of a file in the sandbox and keep those that touch the actor's scope.

    ``counties``: the borders in force (:func:`carbon_platform.regions.boundaries.coverage`).
    Errors: ``FileRefused``; ``DeclarationRefused`` naming rows; ``NoLandInScope``; ``TooManyLands``.
    """
    try:
        layer = read_vector(path, filename=file_name, scratch=scratch)
    except VectorFileError as error:
        zh, en = error.message("zh"), error.message("en")
        entry = {"code": error.code, "field": "file", "zh": zh, "en": en}
        raise FileRefused(errors=[entry], reason=zh, reason_en=en) from error
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    shapes = to_lonlat(np.asarray(layer.frame.geometry.array, dtype=object), layer.epsg)
    return lands_of(shapes, actor, counties, file_name=file_name, file_sha256=digest)


def lands_of(shapes: Any, actor: Actor, counties: Counties, *, file_name: str, file_sha256: str) -> DrawnFile:
    """The same for shapes in degrees that were read already."""
    if len(shapes) > outside_claims_rules.LANDS_MAX:
        raise outside_claims_rules.TooManyLands(count=len(shapes), limit=outside_claims_rules.LANDS_MAX)
    check = check_geometries(shapes)
    refused = check.rows[check.rows["status"] == "refused"]
    if len(refused):
        errors = [
            {
                "code": f"geometry_{entry['reason']}",
                "row": row + 1,
                "field": "geometry",
                "value": entry["reason"],
                "zh": f"第 {row + 1} 行：{entry['zh']}",
                "en": f"Row {row + 1}: {entry['en']}",
            }
            for row, entry in refused.head(ROWS_NAMED_MAX).to_dict("index").items()
        ]
        raise outside_claims_rules.DeclarationRefused(errors=errors, count=len(refused))
    touching = np.flatnonzero(_touches_scope(check.geoms, actor, counties))
    if len(touching) == 0:
        raise outside_claims_rules.NoLandInScope(count=len(check.geoms), scope=_scope_name(actor, counties))
    kept = check.geoms[touching]
    places = assign_county(kept, counties)["code"].tolist()
    areas = check.rows["area_m2"].to_numpy()[touching].tolist()
    boxes = shapely.bounds(kept).tolist()
    wkbs = shapely.to_wkb(kept).tolist()
    lands = [
        DrawnLand(row + 1, wkb, county, area, (w, s, e, n))
        for row, wkb, county, area, (w, s, e, n) in zip(
            touching.tolist(), wkbs, places, areas, boxes, strict=True
        )
    ]
    repaired = int((check.rows["status"].to_numpy()[touching] == "repaired").sum())
    return DrawnFile(file_name, file_sha256, lands, len(check.geoms) - len(lands), repaired)


def _touches_scope(shapes: Any, actor: Actor, counties: Counties) -> Any:
    inside = [actor.sees_region(code) for code in counties.codes]
    return shapely.intersects(shapes[:, None], counties.geoms[None, inside]).any(axis=1)


def _scope_name(actor: Actor, counties: Counties) -> str:
    names = dict(zip(counties.codes, counties.names_zh, strict=True))
    return names.get(actor.region_code, actor.region_code)


# --- declaring and releasing ----------------------------------------------------------------------


def declare(
    session: Session, actor: Actor, payload: dict[str, Any], drawn: DrawnFile, *, now: datetime
) -> OutsideClaim:
    """Put a claim on file; it stands from now on.

    ``payload``: ``scheme``, ``reference``, ``title``, ``claimant``, ``document``, ``pools``,
    ``period_start``, ``period_end``. Errors: ``DeclaredPeriodWrong``.
    """
    outside_claims_rules.check_declared_period(payload["period_start"], payload["period_end"])
    land_claims.lock(session)
    year = now.astimezone(CHINA).year
    prefix = f"XY-O{year}-"
    count = session.scalar(
        sa.select(sa.func.count()).select_from(OutsideClaim).where(OutsideClaim.number.startswith(prefix))
    )
    pools = list(dict.fromkeys(payload["pools"]))
    claim = OutsideClaim(
        **{name: payload[name] for name in ("scheme", "reference", "title", "claimant", "document")},
        number=f"{prefix}{(count or 0) + 1:06d}",
        pools=pools,
        pool_bits=outside_claims_rules.pool_bits(pools),
        period_start=payload["period_start"],
        period_end=payload["period_end"],
        region_code=actor.region_code,
        file_name=drawn.file_name,
        file_sha256=drawn.file_sha256,
        left_out=drawn.left_out,
        repaired=drawn.repaired,
        status="standing",
        declared_by=actor.name,
        declared_by_user=actor.user_id,
        declared_at=now,
    )
    session.add(claim)
    session.flush()
    session.execute(sa.insert(OutsideClaimLand), [_land_values(claim.id, land) for land in drawn.lands])
    detail = {"scheme": claim.scheme, "reference": claim.reference, "lands": len(drawn.lands)}
    _audit(session, actor, "claim.declare", claim, detail, now)
    return claim


def _land_values(claim_id: int, land: DrawnLand) -> dict[str, Any]:
    west, south, east, north = land.box
    return {
        "claim_id": claim_id,
        "row_number": land.row_number,
        "county_code": land.county_code,
        "area_m2": land.area_m2,
        "geometry": land.geometry,
        "min_lon": west,
        "min_lat": south,
        "max_lon": east,
        "max_lat": north,
    }


def release(session: Session, actor: Actor, number: str, *, reason: str, now: datetime) -> OutsideClaim:
    """Let the land go: the claim ended elsewhere, or was declared by mistake. Never by who declared it.

    Errors: ``NotFound``, ``AlreadyReleased``, ``ReleaseNeedsAnother``.
    """
    land_claims.lock(session)
    claim = get_claim(session, actor, number, lock=True)
    if claim.status == "released":
        raise outside_claims_rules.AlreadyReleased(number=number, by=claim.released_by)
    if actor.user_id is None or actor.user_id == claim.declared_by_user:
        raise outside_claims_rules.ReleaseNeedsAnother(number=number)
    claim.status, claim.release_reason = "released", reason
    claim.released_by, claim.released_by_user, claim.released_at = actor.name, actor.user_id, now
    session.flush()
    _audit(session, actor, "claim.release", claim, {"reason": reason}, now)
    return claim


def _audit(
    session: Session, actor: Actor, action: str, claim: OutsideClaim, detail: dict[str, Any], now: datetime
) -> None:
    audit(session, actor, action, object_kind="outside_claim", object_id=claim.number, now=now, detail=detail)


# --- reading --------------------------------------------------------------------------------------


def visible_claims(actor: Actor) -> sa.Select[Any]:
    """Declarations from the actor's region or on land of it, newest first."""
    on_land = sa.exists().where(
        OutsideClaimLand.claim_id == OutsideClaim.id, in_scope(OutsideClaimLand.county_code, actor)
    )
    return (
        sa.select(OutsideClaim)
        .where(sa.or_(in_scope(OutsideClaim.region_code, actor), on_land))
        .order_by(OutsideClaim.id.desc())
    )


def get_claim(session: Session, actor: Actor, number: str, *, lock: bool = False) -> OutsideClaim:
    """``NotFound`` also for one outside the actor's region."""
    statement = visible_claims(actor).where(OutsideClaim.number == number)
    if lock:
        statement = statement.with_for_update()
    claim: OutsideClaim | None = session.scalar(statement)
    if claim is None:
        raise NotFound(what="机制外申报", key=number)
    return claim


def sizes(session: Session, claims: Sequence[OutsideClaim]) -> dict[int, tuple[int, float]]:
    """Claim id → pieces of land and their area in m²."""
    land = OutsideClaimLand
    rows = session.execute(
        sa.select(land.claim_id, sa.func.count(), sa.func.sum(land.area_m2))
        .where(land.claim_id.in_([claim.id for claim in claims]))
        .group_by(land.claim_id)
    )
    return {claim_id: (count, area) for claim_id, count, area in rows}


def land_features(session: Session, actor: Actor, claim: OutsideClaim) -> list[dict[str, Any]]:
    """Land of a declaration as GeoJSON features; whoever declared sees all of it, others their region's."""
    statement = sa.select(OutsideClaimLand).where(OutsideClaimLand.claim_id == claim.id)
    if not actor.sees_region(claim.region_code):
        statement = statement.where(in_scope(OutsideClaimLand.county_code, actor))
    lands = list(session.scalars(statement.order_by(OutsideClaimLand.row_number)))
    shapes = shapely.transform(
        np.asarray(shapely.from_wkb([land.geometry for land in lands]), dtype=object),
        lambda xy: np.round(xy, 7),
    )
    texts = shapely.to_geojson(shapes).tolist()
    return [
        {
            "type": "Feature",
            "id": land.id,
            "properties": {
                "code": f"{claim.number} / {land.row_number}",
                "scheme": claim.scheme,
                "status": claim.status,
                "area_m2": land.area_m2,
            },
            "geometry": json.loads(text),
        }
        for land, text in zip(lands, texts, strict=True)
    ]


class OutsideSource:
    """Declared land, for the lock."""

    name = "outside"

    def standing(self, session: Session, box: Box, first: date, end: date, pools: int) -> list[Standing]:
        land, claim = OutsideClaimLand, OutsideClaim
        rows = session.execute(
            sa.select(
                land.id, claim.number, claim.pool_bits, claim.period_start, claim.period_end,
                land.min_lon, land.min_lat, land.max_lon, land.max_lat,
            )
            .join(claim, claim.id == land.claim_id)
            .where(
                claim.status == "standing", claim.period_start < end, claim.period_end > first,
                meets_box(land, box),
            )
            .order_by(land.id)
        )  # fmt: skip
        return [
            Standing(self.name, (key, 0), f"outside:{number}", bits, start, stop, (w, s, e, n))
            for key, number, bits, start, stop, w, s, e, n in rows
            if bits & pools
        ]

    def shapes(self, session: Session, keys: Sequence[Key]) -> dict[Key, bytes]:
        found: dict[Key, bytes] = {}
        for part in in_chunks([key for key, _ in keys]):
            statement = sa.select(OutsideClaimLand.id, OutsideClaimLand.geometry)
            for land_id, wkb in session.execute(statement.where(OutsideClaimLand.id.in_(part))):
                found[land_id, 0] = wkb
        return found

    def describe(self, session: Session, keys: Sequence[Key]) -> dict[Key, Described]:
        found: dict[Key, Described] = {}
        for part in in_chunks([key for key, _ in keys]):
            rows = session.execute(
                sa.select(OutsideClaimLand.id, OutsideClaimLand.row_number, OutsideClaimLand.county_code)
                .add_columns(OutsideClaim)
                .join(OutsideClaim, OutsideClaim.id == OutsideClaimLand.claim_id)
                .where(OutsideClaimLand.id.in_(part))
            )
            for land_id, row, county, claim in rows:
                found[land_id, 0] = _described(claim, row, county)
        return found


def _described(claim: OutsideClaim, row: int, county: str) -> Described:
    scheme_zh, scheme_en = outside_claims_rules.SCHEMES[claim.scheme]
    period = f"{claim.period_start} 至 {claim.period_end}"
    return Described(
        source=OutsideSource.name,
        scheme=claim.scheme,
        project="",
        parcel="",
        number=claim.number,
        county_code=county,
        zh=f"{scheme_zh} {claim.reference}（申报 {claim.number} 第 {row} 块，{period}）",
        en=f"{scheme_en} {claim.reference} (declaration {claim.number}, piece {row}, "
        f"{claim.period_start} – {claim.period_end})",
    )


OUTSIDE = OutsideSource()
