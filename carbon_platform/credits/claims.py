"""One-claim lock: land × period × pool can be issued once, whoever asks and however it is drawn.

At issuance every parcel of a run is held against what was issued before (of this project too), against land
other projects reserve, and against what is declared under other schemes.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import numpy as np
import shapely
import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.credits.tables import AssessmentRun, LandClaim, RunRow
from carbon_platform.errors import PlatformError
from carbon_platform.parcels import land_claims
from carbon_platform.parcels.candidates import Box
from carbon_platform.parcels.history_tables import ParcelEvent
from carbon_platform.parcels.land_claims import Described, Key, Met, Standing, in_chunks, meets_box
from carbon_platform.parcels.outside_claims import OUTSIDE
from carbon_platform.parcels.outside_claims_rules import POOLS, claim_limits, pool_bits
from carbon_platform.parcels.tables import Parcel
from carbon_platform.projects.claims import SCHEMES, ReservedSource, claimant_of
from carbon_platform.projects.tables import PastProjectParcel, Project, ProjectParcel
from gis.claimed import both_ways, covered_shares, pairs_within, pieces
from gis.crs import to_plane

FINDINGS_MAX = 50


class LandAlreadyClaimed(PlatformError):
    """``errors`` names each parcel, the claim it meets, and the share of the land."""

    code, status = "credits.land_already_claimed", 409
    zh = (
        "有 {count} 块地的同一土地、同一时段、同一碳库已经签发，或由别的项目、别的机制申报，不能签发。"
        "请从项目中移出这些地块，重新核算。"
    )
    en = (
        "{count} parcels claim land, period and pool that were issued already or are claimed by another "
        "project or scheme. Take them out of the project and assess it again."
    )


class ParcelsOverlap(PlatformError):
    """``errors`` names each parcel that lies on land of other parcels of the same run."""

    code, status = "credits.parcels_overlap", 409
    zh = "项目里有 {count} 块地与同一项目的其他地块重叠，同一土地只能签发一次。请从项目中去掉重复的地块。"
    en = (
        "{count} parcels lie on other parcels of the same project; land can be issued once. "
        "Take the repeated ones out of the project."
    )


class LandNoLongerAsAssessed(PlatformError):
    """``errors`` names each parcel that left the project, or whose border was corrected, since the run."""

    code, status = "credits.land_no_longer_as_assessed", 409
    zh = "核算 {run} 之后，有 {count} 块地移出了项目或改了边界。请重新核算。"
    en = "{count} parcels left the project or had their border corrected after run {run}. Assess it again."


# --- what was issued, as claims -------------------------------------------------------------------


class IssuedSource:
    """Land that was issued, for the lock: it stays claimed whatever becomes of the project."""

    name = "issued"

    def standing(self, session: Session, box: Box, first: date, end: date, pools: int) -> list[Standing]:
        bits = {name: bit for name, (_, _, bit) in POOLS.items() if bit & pools}
        land = LandClaim
        rows = session.execute(
            sa.select(land.id, Project.code, land.pool, land.period_start, land.period_end)
            .add_columns(land.min_lon, land.min_lat, land.max_lon, land.max_lat)
            .join(Project, Project.id == land.project_id)
            .where(
                land.pool.in_(bits), land.period_start < end, land.period_end > first, meets_box(land, box)
            )
            .order_by(land.id)
        )
        return [
            Standing(self.name, (key, 0), claimant_of(code), bits[pool], start, stop, (w, s, e, n))
            for key, code, pool, start, stop, w, s, e, n in rows
        ]

    def shapes(self, session: Session, keys: Sequence[Key]) -> dict[Key, bytes]:
        found: dict[Key, bytes] = {}
        for part in in_chunks([key for key, _ in keys]):
            statement = sa.select(LandClaim.id, LandClaim.geometry).where(LandClaim.id.in_(part))
            found |= {(claim_id, 0): wkb for claim_id, wkb in session.execute(statement)}
        return found

    def describe(self, session: Session, keys: Sequence[Key]) -> dict[Key, Described]:
        found: dict[Key, Described] = {}
        for part in in_chunks([key for key, _ in keys]):
            rows = session.execute(
                sa.select(LandClaim.id, LandClaim.period_start, LandClaim.period_end)
                .add_columns(Project.code, Project.scheme, Parcel.code, Parcel.county_code)
                .join(Project, Project.id == LandClaim.project_id)
                .join(Parcel, Parcel.id == LandClaim.parcel_id)
                .where(LandClaim.id.in_(part))
            )
            for claim_id, *rest in rows:
                found[claim_id, 0] = _described(*rest)
        return found


def _described(first: date, end: date, project: str, scheme: str, parcel: str, county_code: str) -> Described:
    scheme_zh, scheme_en = SCHEMES[scheme]
    return Described(
        source=IssuedSource.name,
        scheme=scheme,
        project=project,
        parcel=parcel,
        number="",
        county_code=county_code,
        zh=f"{scheme_zh}项目 {project} 的地块 {parcel} 在 {first} 至 {end} 签发",
        en=f"parcel {parcel} of {scheme_en} project {project}, issued for {first} – {end}",
    )


ISSUED = IssuedSource()


# --- before issuing -------------------------------------------------------------------------------


def check_as_assessed(session: Session, run: AssessmentRun) -> None:
    """Raise :class:`LandNoLongerAsAssessed` if a parcel left the project or was redrawn since the run."""
    rows = RunRow.run_id == run.id
    member = sa.exists().where(
        ProjectParcel.project_id == run.project_id, ProjectParcel.parcel_id == RunRow.parcel_id
    )
    left = sa.exists().where(
        PastProjectParcel.project_id == run.project_id, PastProjectParcel.parcel_id == RunRow.parcel_id
    )
    codes = sa.select(Parcel.code).join(RunRow, RunRow.parcel_id == Parcel.id).where(rows)
    errors = [
        _error(
            LandNoLongerAsAssessed.code,
            code,
            f"地块 {code} 已移出项目。",
            f"Parcel {code} left the project.",
        )
        for code in session.scalars(codes.where(left, ~member).order_by(Parcel.code))
    ]
    errors += [
        _error(
            LandNoLongerAsAssessed.code,
            code,
            f"地块 {code} 的边界在核算之后改过。",
            f"The border of parcel {code} was corrected after the run.",
        )
        for code in _redrawn(session, run)
    ]
    if errors:
        raise LandNoLongerAsAssessed(run=run.code, count=len(errors), errors=errors[:FINDINGS_MAX])


def _redrawn(session: Session, run: AssessmentRun) -> list[str]:
    """Codes of parcels of the run whose shape is another one now than when the run was made."""
    touched = session.execute(
        sa.select(Parcel.id, Parcel.code, Parcel.geometry)
        .join(RunRow, RunRow.parcel_id == Parcel.id)
        .where(
            RunRow.run_id == run.id,
            sa.exists().where(ParcelEvent.parcel_id == Parcel.id, ParcelEvent.recorded_at > run.created_at),
        )
        .order_by(Parcel.code)
    ).all()
    redrawn = []
    for parcel_id, code, geometry in touched:
        then = session.scalar(
            sa.select(ParcelEvent.geometry)
            .where(ParcelEvent.parcel_id == parcel_id, ParcelEvent.recorded_at <= run.created_at)
            .order_by(ParcelEvent.version.desc())
            .limit(1)
        )
        if then is not None and bytes(then) != bytes(geometry):
            redrawn.append(code)
    return redrawn


def check_apart(parcels: Sequence[Parcel]) -> None:
    """Raise :class:`ParcelsOverlap` if parcels of one run share land beyond the tolerance.

    The register refuses such parcels already; here it is asked of what is about to be issued.
    """
    limits, count = claim_limits(), len(parcels)
    shapes = to_plane(shapely.from_wkb([p.geometry for p in parcels]))
    own = pieces(shapes, [0] * count, [1] * count, [1] * count, range(count))
    pairs = pairs_within(own, limits.tolerance)
    if pairs.empty:
        return
    # The later of two is the one too many; what is only worn away by several later ones is named itself.
    turned = pairs.rename(columns={"left": "right", "right": "left"})
    shares = covered_shares(own, own, turned)
    later = set(pairs.loc[pairs["kind"] == "overlap", "right"]) | set(
        np.flatnonzero(shares > limits.share_max)
    )
    rest = pairs[~pairs["right"].isin(later) & ~pairs["left"].isin(later)]
    whole = covered_shares(own, own, both_ways(rest))
    shares = np.maximum(shares, whole)
    refused = sorted(later | set(np.flatnonzero(whole > limits.share_max).tolist()))
    if not refused:
        return
    met = both_ways(pairs).sort_values("area_m2", ascending=False).drop_duplicates("left").set_index("left")
    errors = []
    for position in refused[:FINDINGS_MAX]:
        code, other = parcels[position].code, parcels[int(met.loc[position, "right"])].code
        share, limit = shares[position], limits.share_max
        zh = f"地块 {code} 有 {share:.1%} 的面积与地块 {other} 重叠（上限 {limit:.0%}）。"
        en = f"{share:.1%} of parcel {code} lies on parcel {other} (limit {limit:.0%})."
        errors.append(_error(ParcelsOverlap.code, code, zh, en))
    raise ParcelsOverlap(count=len(refused), errors=errors)


def check_free(
    session: Session, parcels: Sequence[Parcel], *, pool: str, start: date, end: date, project: str = ""
) -> None:
    """Raise :class:`LandAlreadyClaimed` if another claim covers any of these parcels.

    ``project``: code of the project that issues; what it only reserves is no other claim. Call after
    ``land_claims.lock``: the answer holds until the transaction ends.
    """
    met = land_claims.contradictions(
        session,
        [ISSUED, OUTSIDE, ReservedSource(but=project)],
        parcels,
        claimant="",
        first=start,
        end=end,
        pools=pool_bits([pool]),
    )
    refused = [one for one in met if one.clash.refused]
    if refused:
        errors = [_finding(parcels[one.clash.new], one) for one in refused[:FINDINGS_MAX]]
        raise LandAlreadyClaimed(count=len(refused), errors=errors)


def _finding(parcel: Parcel, met: Met) -> dict[str, Any]:
    share, limit = met.clash.share, claim_limits().share_max
    if met.clash.side == "standing":
        zh = (
            f"签发地块 {parcel.code} 会使“{met.claim.zh}”被别的申报合计占去 {share:.2%}（上限 {limit:.0%}）。"
        )
        en = (
            f"With parcel {parcel.code} issued, {share:.2%} of this would lie under other claims: "
            f"{met.claim.en} (limit {limit:.0%})."
        )
    else:
        zh = f"地块 {parcel.code} 有 {share:.2%} 的面积已被申报：{met.claim.zh}（上限 {limit:.0%}）。"
        en = f"{share:.2%} of parcel {parcel.code} is claimed: {met.claim.en} (limit {limit:.0%})."
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
