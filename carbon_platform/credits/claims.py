"""One-claim lock: land × period × pool can be issued once, whoever asks and however it is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import shapely
import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.credits.tables import AssessmentRun, LandClaim
from carbon_platform.errors import PlatformError
from carbon_platform.parcels.tables import Parcel
from carbon_platform.projects.tables import Project
from gis.crs import to_plane
from gis.overlap import covered_share, overlaps_between, self_overlaps

# A parcel whose land is claimed by more than this share in total is refused, slivers added up.
CLAIMED_SHARE_MAX = 0.01
FINDINGS_MAX = 50


class LandAlreadyClaimed(PlatformError):
    """``errors`` names each parcel, the claim it meets, and the area shared."""

    code, status = "credits.land_already_claimed", 409
    zh = "有 {count} 块地的同一土地、同一时段、同一碳库已经签发过，不能再签发。请从项目中去掉这些地块。"
    en = (
        "{count} parcels claim land, period and pool that have been issued already. "
        "Take them out of the project."
    )


class ParcelsOverlap(PlatformError):
    """``errors`` names each parcel that lies on land of another parcel of the same run."""

    code, status = "credits.parcels_overlap", 409
    zh = "项目里有 {count} 块地与同一项目的其他地块重叠，同一土地只能签发一次。请从项目中去掉重复的地块。"
    en = (
        "{count} parcels lie on other parcels of the same project; land can be issued once. "
        "Take the repeated ones out of the project."
    )


def check_apart(parcels: Sequence[Parcel]) -> None:
    """Raise :class:`ParcelsOverlap` if parcels of one run share land beyond the tolerance.

    The register refuses such parcels already; here it is asked of what is about to be issued.
    """
    shapes = to_plane(shapely.from_wkb([p.geometry for p in parcels]))
    refused = []
    for position, met in self_overlaps(shapes).groupby("right"):
        share = covered_share(shapes[position], shapes[met["left"].to_numpy()])
        if share > CLAIMED_SHARE_MAX or (met["kind"] == "overlap").any():
            first = met.sort_values("area_m2", ascending=False).iloc[0]
            code, other = parcels[int(position)].code, parcels[int(first["left"])].code
            zh = f"地块 {code} 有 {share:.1%} 的面积与地块 {other} 重叠（上限 {CLAIMED_SHARE_MAX:.0%}）。"
            en = f"{share:.1%} of parcel {code} lies on parcel {other} (limit {CLAIMED_SHARE_MAX:.0%})."
            refused.append(_error(ParcelsOverlap.code, code, zh, en))
    if refused:
        raise ParcelsOverlap(count=len(refused), errors=refused[:FINDINGS_MAX])


def check_free(session: Session, parcels: Sequence[Parcel], *, pool: str, start: date, end: date) -> None:
    """Raise :class:`LandAlreadyClaimed` if an earlier issuance covers any of these parcels.

    Call inside the serialised issuing transaction: the answer holds until it ends.
    """
    box = shapely.total_bounds(shapely.from_wkb([p.geometry for p in parcels]))
    west, south, east, north = (float(side) for side in box)
    claims = session.execute(
        sa.select(LandClaim, Project.code, Parcel.code)
        .join(Project, Project.id == LandClaim.project_id)
        .join(Parcel, Parcel.id == LandClaim.parcel_id)
        .where(
            LandClaim.pool == pool,
            LandClaim.period_start < end,
            LandClaim.period_end > start,
            LandClaim.min_lon <= east,
            LandClaim.max_lon >= west,
            LandClaim.min_lat <= north,
            LandClaim.max_lat >= south,
        )
    ).all()
    if not claims:
        return
    new = to_plane(shapely.from_wkb([p.geometry for p in parcels]))
    old = to_plane(shapely.from_wkb([claim.geometry for claim, _, _ in claims]))
    pairs = overlaps_between(new, old)
    refused = []
    for position, met in pairs.groupby("left"):
        share = covered_share(new[position], old[met["right"].to_numpy()])
        if share > CLAIMED_SHARE_MAX or (met["kind"] == "overlap").any():
            first = met.sort_values("area_m2", ascending=False).iloc[0]
            claim, project_code, parcel_code = claims[int(first["right"])]
            refused.append(_finding(parcels[int(position)], claim, project_code, parcel_code, share))
    if refused:
        raise LandAlreadyClaimed(count=len(refused), errors=refused[:FINDINGS_MAX])


def _finding(
    parcel: Parcel, claim: LandClaim, project_code: str, parcel_code: str, share: float
) -> dict[str, Any]:
    until = claim.period_end
    zh = (
        f"地块 {parcel.code} 有 {share:.1%} 的面积已由项目 {project_code} 的地块 {parcel_code} "
        f"在 {claim.period_start} 至 {until} 签发过（上限 {CLAIMED_SHARE_MAX:.0%}）。"
    )
    en = (
        f"{share:.1%} of parcel {parcel.code} was issued for {claim.period_start} – {until} as parcel "
        f"{parcel_code} of project {project_code} (limit {CLAIMED_SHARE_MAX:.0%})."
    )
    return _error(LandAlreadyClaimed.code, parcel.code, zh, en)


def _error(code: str, parcel_code: str, zh: str, en: str) -> dict[str, Any]:
    row = {"row": parcel_code, "field": "parcel_code", "value": parcel_code, "unit": "%"}
    return {"code": code, **row, "zh": zh, "en": en}


def claim(
    session: Session, run: AssessmentRun, parcels: Sequence[Parcel], *, pool: str, now: datetime
) -> None:
    """Record that the land of these parcels is spent for the run's period and pool."""
    session.execute(
        sa.insert(LandClaim),
        [
            {
                "parcel_id": parcel.id,
                "project_id": run.project_id,
                "run_id": run.id,
                "pool": pool,
                "period_start": run.period_start,
                "period_end": run.period_end,
                "geometry": parcel.geometry,
                "min_lon": parcel.min_lon,
                "min_lat": parcel.min_lat,
                "max_lon": parcel.max_lon,
                "max_lat": parcel.max_lat,
                "claimed_at": now,
            }
            for parcel in parcels
        ],
    )
