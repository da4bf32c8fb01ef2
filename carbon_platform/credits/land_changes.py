"""Monitoring: an imported layer of fire or clear-cut flags parcels and stops what was issued on them.

Checking a file reads it in the sandbox, outside any transaction; entering it is one transaction in which no
batch can be issued. Each flag stops the accounts that hold the parcel's numbered kilograms (whole accounts,
as an invalidation does) until a second person has looked: :mod:`carbon_platform.credits.land_reviews`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import shapely
import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform import ledger
from carbon_platform.credits import standstill
from carbon_platform.credits.land_change_rules import (
    Affected,
    ChangeLayerRefused,
    affected,
    column_for,
    day_of,
    kind_of,
)
from carbon_platform.credits.land_change_tables import LandChange, LandChangeLayer, LandFlag, LandFlagRange
from carbon_platform.credits.numbering import next_number
from carbon_platform.credits.tables import BatchShare, CreditBatch, LandClaim
from carbon_platform.db import serialise
from carbon_platform.identity.rules import Actor
from carbon_platform.identity.service import audit
from carbon_platform.ledger import HOLDING, PLEDGED, AccountKey, Range
from carbon_platform.parcels.candidates import candidates_of
from carbon_platform.parcels.register import in_scope
from carbon_platform.parcels.tables import Parcel
from carbon_platform.projects.rules import local_date
from gis.crs import to_lonlat
from gis.errors import VectorFileError
from gis.geometry import check_geometries
from gis.measure import ellipsoidal_area_m2
from gis.vector_files import VectorLayer, read_vector

_CHUNK: Final = 500
_REFUSALS_KEPT: Final = 200
_WORDS: Final = {"fire": "火灾", "clear_cut": "皆伐"}
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class ChangeRow:
    row: int
    kind: str
    happened_on: date
    shape: shapely.Geometry
    area_m2: float


@dataclass(frozen=True)
class CheckedLayer:
    """A layer that was read and checked, not yet kept. ``refusals``: rows that cannot be used."""

    file_name: str
    file_sha256: str
    epsg: int
    crs_origin: str
    notes: list[dict[str, str]]
    rows: list[ChangeRow]
    refusals: list[dict[str, Any]]


# --- checking: outside any transaction ------------------------------------------------------------


def check_layer(
    path: Path,
    *,
    file_name: str,
    scratch: Path,
    kind: str | None,
    happened_on: date | None,
    now: datetime,
) -> CheckedLayer:
    """Read a layer of polygons. ``kind`` and ``happened_on`` stand in where the file has no such column.

    Errors: ``ChangeLayerRefused`` for a file that is none, or without one usable row.
    """
    try:
        layer = read_vector(path, filename=file_name, scratch=scratch)
    except VectorFileError as error:
        zh, en = error.message("zh"), error.message("en")
        entry = {"code": error.code, "field": "file", "zh": zh, "en": en}
        raise ChangeLayerRefused(errors=[entry], reason=zh, reason_en=en) from error
    rows, refusals = _rows(layer, kind, happened_on, local_date(now))
    if not rows:
        first = refusals[0] if refusals else {"zh": "里面没有图斑。", "en": "it has no polygon."}
        raise ChangeLayerRefused(errors=refusals[:_CHUNK], reason=first["zh"], reason_en=first["en"])
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    notes = [{"code": n.code, "zh": n.message("zh"), "en": n.message("en")} for n in layer.notes]
    return CheckedLayer(file_name, digest, layer.epsg, layer.crs_origin, notes, rows, refusals)


def _rows(
    layer: VectorLayer, kind: str | None, happened_on: date | None, today: date
) -> tuple[list[ChangeRow], list[dict[str, Any]]]:
    frame = layer.frame
    checked = check_geometries(to_lonlat(frame.geometry.to_numpy(), layer.epsg))
    areas = ellipsoidal_area_m2(checked.geoms)
    present = [str(column) for column in frame.columns if column != frame.geometry.name]
    of_kind, of_day = column_for("kind", present), column_for("happened_on", present)
    rows: list[ChangeRow] = []
    refusals: list[dict[str, Any]] = []
    for place, shape in enumerate(checked.geoms):
        number = place + 1
        if shape is None:
            reason = checked.rows.iloc[place]
            refusals.append(_refusal(number, "geometry", reason["zh"], reason["en"]))
            continue
        found_kind = kind_of(frame[of_kind].iloc[place]) if of_kind else kind
        found_day = day_of(frame[of_day].iloc[place], today) if of_day else happened_on
        if found_kind is None:
            zh, en = (
                "看不出是火灾还是皆伐，请在表中写明或上传时选择。",
                "neither fire nor clear-cut is named.",
            )
            refusals.append(_refusal(number, of_kind or "kind", zh, en))
        elif found_day is None:
            zh, en = "没有发生日期，或日期晚于今天。", "its day is missing, or later than today."
            refusals.append(_refusal(number, of_day or "happened_on", zh, en))
        else:
            rows.append(ChangeRow(number, found_kind, found_day, shape, float(areas[place])))
    return rows, refusals


def _refusal(row: int, field: str, zh: str, en: str) -> dict[str, Any]:
    return {"row": row, "field": field, "zh": f"第 {row} 行：{zh}", "en": f"Row {row}: {en}"}


# --- entering: one transaction --------------------------------------------------------------------


def enter(
    session: Session, actor: Actor, checked: CheckedLayer, *, source: str, now: datetime
) -> LandChangeLayer:
    """Keep a layer, flag the parcels of the actor's region it covers, stop what was issued on them.

    The same file again answers with the layer on file and changes nothing.
    """
    # No batch is issued between the look at the shares and the commit.
    serialise(session, "issuance")
    known = session.scalar(
        sa.select(LandChangeLayer).where(
            LandChangeLayer.file_sha256 == checked.file_sha256,
            LandChangeLayer.region_code == actor.region_code,
        )
    )
    if known is not None:
        _audit(session, actor, "land_change.again", known, now, {})
        return known
    layer = LandChangeLayer(
        number=next_number(session, LandChangeLayer.number, "G", now),
        file_name=checked.file_name,
        file_sha256=checked.file_sha256,
        source=source,
        region_code=actor.region_code,
        epsg=checked.epsg,
        crs_origin=checked.crs_origin,
        notes=checked.notes,
        refusals=checked.refusals[:_REFUSALS_KEPT],
        counts={},
        uploaded_by=actor.name,
        uploaded_by_user=actor.user_id,
        uploaded_at=now,
    )
    session.add(layer)
    session.flush()
    session.execute(sa.insert(LandChange), [_change_values(layer.id, row) for row in checked.rows])
    flags = _flag(session, actor, layer, checked.rows, now)
    layer.counts = {
        "rows": len(checked.rows) + len(checked.refusals),
        "refused": len(checked.refusals),
        "area_m2": round(sum(row.area_m2 for row in checked.rows), 2),
        "parcels": len(flags),
        "quantity_kg": sum(flag.quantity_kg for flag in flags),
    }
    session.flush()
    _audit(session, actor, "land_change.import", layer, now, {"source": source, "counts": layer.counts})
    return layer


def _change_values(layer_id: int, row: ChangeRow) -> dict[str, Any]:
    return {
        "layer_id": layer_id,
        "row_number": row.row,
        "kind": row.kind,
        "happened_on": row.happened_on,
        "area_m2": row.area_m2,
        "geometry": shapely.to_wkb(row.shape),
    }


def _flag(
    session: Session, actor: Actor, layer: LandChangeLayer, rows: Sequence[ChangeRow], now: datetime
) -> list[LandFlag]:
    shapes = [row.shape for row in rows]
    parcels = _parcels_near(session, actor, [tuple(box) for box in shapely.bounds(shapes).tolist()])
    land = _land_of(session, parcels)
    flags = []
    for place, found in enumerate(affected(land, shapes), start=1):
        parcel = parcels[found.parcel]
        flag = _new_flag(layer, place, parcel, found, rows)
        session.add(flag)
        session.flush()
        _stop(session, flag, parcel, now)
        flags.append(flag)
    return flags


def _parcels_near(session: Session, actor: Actor, boxes: list[Box]) -> list[Parcel]:
    """Parcels of the region whose present land, or land as it was when it was issued, may be covered.

    Ended ones too: what was issued on them is still held by somebody.
    """
    ids = set(candidates_of(session, boxes)) | _claimed_near(session, boxes)
    found: list[Parcel] = []
    for part in _chunks(sorted(ids)):
        wanted = sa.select(Parcel).where(Parcel.id.in_(part), in_scope(Parcel.county_code, actor))
        found += session.scalars(wanted.order_by(Parcel.id))
    return found


def _claimed_near(session: Session, boxes: list[Box]) -> set[int]:
    """Parcels whose land, as it was when it was issued, lies in one of the boxes."""
    west, south, east, north = shapely.total_bounds(shapely.box(*zip(*boxes, strict=True))).tolist()
    rows = session.execute(
        sa.select(
            LandClaim.parcel_id,
            LandClaim.min_lon,
            LandClaim.min_lat,
            LandClaim.max_lon,
            LandClaim.max_lat,
        ).where(
            LandClaim.min_lon <= east,
            LandClaim.max_lon >= west,
            LandClaim.min_lat <= north,
            LandClaim.max_lat >= south,
        )
    ).all()
    if not rows:
        return set()
    claimed = shapely.box(*(np.array([row[column] for row in rows]) for column in range(1, 5)))
    hits = shapely.STRtree(claimed).query(np.array([shapely.box(*box) for box in boxes], dtype=object))[1]
    return {rows[place].parcel_id for place in np.unique(hits)}


def _land_of(session: Session, parcels: Sequence[Parcel]) -> list[shapely.Geometry]:
    """The land of each parcel now, together with the land it was issued for."""
    pieces: dict[int, set[bytes]] = {parcel.id: {parcel.geometry} for parcel in parcels}
    for part in _chunks(list(pieces)):
        claims = sa.select(LandClaim.parcel_id, LandClaim.geometry).where(LandClaim.parcel_id.in_(part))
        for parcel_id, geometry in session.execute(claims):
            pieces[parcel_id].add(geometry)
    return [shapely.union_all(shapely.from_wkb(sorted(pieces[parcel.id]))) for parcel in parcels]


def _new_flag(
    layer: LandChangeLayer, place: int, parcel: Parcel, found: Affected, rows: Sequence[ChangeRow]
) -> LandFlag:
    west, south, east, north = shapely.bounds(found.shape).tolist()
    return LandFlag(
        number=f"{layer.number}-{place:04d}",
        layer_id=layer.id,
        parcel_id=parcel.id,
        kind=rows[found.largest].kind,
        happened_on=min(rows[row].happened_on for row in found.polygons),
        rows=[rows[row].row for row in found.polygons],
        affected_m2=round(found.share * parcel.area_m2, 2),
        share=found.share,
        geometry=shapely.to_wkb(found.shape),
        min_lon=west,
        min_lat=south,
        max_lon=east,
        max_lat=north,
        quantity_kg=0,
        status="open",
        reviewed_by="",
        reviewed_by_user=None,
        reviewed_at=None,
        note="",
        invalidations=[],
    )


def _stop(session: Session, flag: LandFlag, parcel: Parcel, now: datetime) -> None:
    """Write down which numbers come from the parcel, and let the accounts that hold them stand still."""
    shares = session.execute(
        sa.select(BatchShare, CreditBatch)
        .join(CreditBatch, CreditBatch.id == BatchShare.batch_id)
        .where(BatchShare.parcel_id == parcel.id)
        .order_by(CreditBatch.id)
    ).all()
    for share, _batch in shares:
        session.add(
            LandFlagRange(flag_id=flag.id, batch_id=share.batch_id, first=share.first, last=share.last)
        )
    flag.quantity_kg = sum(share.last - share.first + 1 for share, _batch in shares)
    session.flush()
    lots = [(batch.code, Range(share.first, share.last)) for share, batch in shares]
    reason = f"地块 {parcel.code} 有{_WORDS[flag.kind]}图斑（{flag.number}），等复核。"
    standstill.stop(session, flag.number, lambda: holders(session, lots), now, reason)


def holders(session: Session, lots: Iterable[tuple[str, Range]]) -> list[AccountKey]:
    """The accounts with any of these numbers that nobody has used yet."""
    return [
        place.account
        for lot, numbers in lots
        for place in ledger.located(session, lot, [numbers])
        if place.account.role in (HOLDING, PLEDGED)
    ]


def _chunks(ids: Sequence[int]) -> list[Sequence[int]]:
    return [ids[start : start + _CHUNK] for start in range(0, len(ids), _CHUNK)]


def _audit(
    session: Session,
    actor: Actor,
    action: str,
    layer: LandChangeLayer,
    now: datetime,
    detail: dict[str, Any],
) -> None:
    audit(session, actor, action, object_kind="land_change", object_id=layer.number, now=now, detail=detail)
