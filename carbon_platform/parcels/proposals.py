"""Changes made from the register itself: end, restore, divide along a line, join. Staged like any upload.

Each proposal is an import of mode ``change`` whose rows carry what would change; a second person approves it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

import geopandas
import numpy as np
import shapely
import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.identity.rules import Actor
from carbon_platform.parcels import history, reference, rules, staging
from carbon_platform.parcels.candidates import Box
from carbon_platform.parcels.comparison import compare_again
from carbon_platform.parcels.findings import finding
from carbon_platform.parcels.numbering import Identity
from carbon_platform.parcels.reference import Family
from carbon_platform.parcels.register import CHINA, REGISTERED, get_parcels, registered_near
from carbon_platform.parcels.rules import ChangeRefused, EffectiveInFuture, KindsDiffer
from carbon_platform.parcels.service import Checked
from carbon_platform.parcels.staged_rows import Row
from carbon_platform.parcels.staging import Prepared, Staged, count_outcomes
from carbon_platform.parcels.tables import Parcel
from carbon_platform.regions.boundaries import coverage
from gis.counties import Counties, assign_county
from gis.crs import LONLAT
from gis.geometry import check_geometries
from gis.shape_changes import NotDivided, NotJoined, divide, join
from gis.vector_files import VectorLayer

REGISTER: Final = Family("register", "登记簿", "the register", "local-decision", (), (), 0, {})
ACTIONS: Final = ("end", "restore", "split", "merge")
_CHANGE: Final = {"end": "ended", "restore": "restored"}
_WORDS: Final = {"end": "结束", "restore": "恢复", "split": "分割", "merge": "合并"}


@dataclass(frozen=True)
class Proposal:
    """What is to be done to parcels, why, and from which day (None: the day of approval).

    ``line``: coordinates in degrees along which one parcel is divided. ``numbers``: codes for what comes of a
    division or a joining, in order; made from the parcels' own where none are given.
    """

    action: str
    codes: tuple[str, ...]
    reason: str
    effective_on: date | None = None
    line: tuple[tuple[float, float], ...] = ()
    numbers: tuple[str, ...] = ()


def check_proposal(session: Session, actor: Actor, proposal: Proposal, *, now: datetime) -> Checked:
    """Work out what a proposal would change; nothing is kept.

    Errors: ``NotFound`` for parcels outside the actor's region, ``ChangeRefused``, ``EffectiveInFuture``.
    """
    today = now.astimezone(CHINA).date()
    if proposal.effective_on and proposal.effective_on > today:
        raise EffectiveInFuture(value=proposal.effective_on.isoformat(), limit=today.isoformat())
    parcels = get_parcels(session, actor, proposal.codes)
    wanted = "ended" if proposal.action == "restore" else REGISTERED
    for parcel in parcels:
        if parcel.status != wanted:
            raise _refused(
                f"{parcel.code} {'没有结束，不用恢复' if wanted == 'ended' else '已经结束'}",
                f"{parcel.code} {'has not ended' if wanted == 'ended' else 'has ended'}",
            )
    seen = (session.scalar(sa.select(sa.func.max(Parcel.id))) or 0, history.data_version(session))
    if proposal.action in _CHANGE:
        staged = _standing(session, actor, proposal, parcels)
    else:
        places = coverage(session, on=proposal.effective_on or today)
        staged = _reshaped(session, actor, proposal, parcels, places)
    named = "、".join(proposal.codes[:2]) + (f" 等 {len(parcels)} 块" if len(parcels) > 2 else "")
    digest = hashlib.sha256(repr(proposal).encode()).hexdigest()
    return Checked(
        f"{_WORDS[proposal.action]} {named}",
        digest,
        staged,
        seen_parcel_id=seen[0],
        seen_event_id=seen[1],
        mode="change",
        reason=proposal.reason,
        effective_on=proposal.effective_on,
    )


def _refused(zh: str, en: str) -> ChangeRefused:
    return ChangeRefused(reason=zh, reason_en=en)


def staged_rows(rows: list[Row], geoms: Any, epsg: int = LONLAT) -> Staged:
    """Rows made here as a staged report; ``geoms`` in degrees, None where the shape stays."""
    frame = geopandas.GeoDataFrame(geometry=geopandas.array.from_shapely(geoms))
    layer = VectorLayer(frame, "UTF-8", epsg, "coordinates", REGISTER.key, ())
    kinds = [row.kind for row in rows if row.kind]
    prepared = Prepared(layer, REGISTER, rows, geoms, geoms, kinds[0] if kinds else None)
    counts = count_outcomes((row.outcome, row.area_m2) for row in rows)
    return Staged(prepared, counts, kinds[0] if kinds else "")


# --- ending and restoring ---------------------------------------------------------------------------


def _standing(session: Session, actor: Actor, proposal: Proposal, parcels: list[Parcel]) -> Staged:
    change = _CHANGE[proposal.action]
    rows = [
        Row(number, {}, parcel.county_code, parcel.area_m2, kind=parcel.kind)
        for number, parcel in enumerate(parcels, start=1)
    ]
    geoms = np.asarray(shapely.from_wkb([parcel.geometry for parcel in parcels]), dtype=object)
    if change == "restored":
        boxes: list[Box] = [tuple(box) for box in shapely.bounds(geoms).tolist()]
        limits = reference.limits()
        near = registered_near(session, boxes, [])
        compare_again(rows, geoms, near, staging.overlap_tolerance(limits), limits=limits)
    for row, parcel in zip(rows, parcels, strict=True):
        row.identity = _identity(parcel, parcel.code)
        row.attributes = {"township_code": parcel.township_code, "village_code": parcel.village_code}
        row.change = change
        before, after = (REGISTERED, "ended") if change == "ended" else ("ended", REGISTERED)
        row.diff = {
            "targets": [target_of(parcel)],
            "fields": [{"field": "status", "before": before, "after": after}],
        }
        values = {"row": row.number, "value": parcel.code, "limit": proposal.reason}
        row.findings.append(finding(f"{change}_registered", field="identity", **values))
    return staged_rows(rows, geoms)


def target_of(parcel: Parcel, *, own: bool = False) -> dict[str, Any]:
    """How a row names a parcel it changes."""
    return {"id": parcel.id, "code": parcel.code, "version": parcel.version, "own": own}


def _identity(parcel: Parcel, code: str) -> Identity:
    return Identity(code, code, None, parcel.township_code, parcel.village_code)


# --- other shapes -----------------------------------------------------------------------------------


def _reshaped(
    session: Session, actor: Actor, proposal: Proposal, parcels: list[Parcel], places: Counties
) -> Staged:
    if len({parcel.kind for parcel in parcels}) > 1:
        raise KindsDiffer(codes="、".join(proposal.codes))
    shapes, model = _shapes(proposal, parcels)
    numbers = proposal.numbers or _next_numbers(session, model.code, proposal.action, len(shapes))
    if len(numbers) != len(shapes) or len(set(numbers)) != len(numbers):
        raise _refused(f"需要 {len(shapes)} 个不同的编号", f"{len(shapes)} different numbers are needed")
    geoms = np.asarray(shapes, dtype=object)
    check = check_geometries(geoms)
    counties = assign_county(check.geoms, places)["code"].tolist()
    areas = check.rows["area_m2"].tolist()
    rows = [
        Row(
            number,
            _inherited(model),
            county,
            area,
            kind=model.kind,
            identity=_identity(model, code),
            replaces=tuple(proposal.codes),
        )
        for number, (code, county, area) in enumerate(zip(numbers, counties, areas, strict=True), start=1)
    ]
    limits = reference.limits()
    for row in rows:
        row.findings += rules.area_findings(
            row.number, kind=row.kind, measured_m2=row.area_m2, stated_m2=None, limits=limits
        )
    prepared = staged_rows(rows, check.geoms).prepared
    near = registered_near(session, prepared.boxes, list(numbers))
    return staging.stage(prepared, near, scope=actor.region_code, limits=limits)


def _shapes(proposal: Proposal, parcels: list[Parcel]) -> tuple[Sequence[Any], Parcel]:
    """The new shapes, and the parcel whose fields they take over: the largest."""
    whole = [shapely.from_wkb(parcel.geometry) for parcel in parcels]
    largest = max(parcels, key=lambda parcel: (parcel.area_m2, parcel.code))
    try:
        if proposal.action == "split":
            if len(parcels) != 1:
                raise _refused("一次只能分割一块", "one parcel is divided at a time")
            return divide(whole[0], proposal.line), largest
        if len(parcels) < 2:
            raise _refused("合并至少要两块", "joining takes at least two parcels")
        return [join(whole)], largest
    except NotDivided as error:
        raise _refused(
            f"这条线没有把 {parcels[0].code} 分开", "the line does not divide the parcel"
        ) from error
    except NotJoined as error:
        raise _refused("这些地块没有公共边界", "these parcels have no common border") from error


def _inherited(parcel: Parcel) -> dict[str, Any]:
    """Attributes a part takes over from its whole; stated areas are of the whole and are not."""
    kept = {name: value for name, value in parcel.attributes.items() if name not in ("area", "area_unit")}
    kept |= {
        "species_code": parcel.species_code,
        "land_class_code": parcel.land_class_code,
        "right_holder": parcel.right_holder,
        "township_code": parcel.township_code,
        "village_code": parcel.village_code,
    }
    if parcel.planting_year is not None:
        kept["planting_year"] = str(parcel.planting_year)
    return kept


def _next_numbers(session: Session, code: str, action: str, count: int) -> tuple[str, ...]:
    """Free codes made from a parcel's own: ``-F1``, ``-F2`` … for parts (分), ``-H1`` for a whole (合)."""
    letter = "F" if action == "split" else "H"
    taken = set(session.scalars(sa.select(Parcel.code).where(Parcel.code.startswith(f"{code}-{letter}"))))
    free = (f"{code}-{letter}{n}" for n in range(1, count + len(taken) + 1))
    return tuple([number for number in free if number not in taken][:count])
