"""Exports of parcels: asked for with a purpose, large ones let out by a second person, each fetch on record.

Coordinates of many parcels together can be restricted data under the surveying law, so a file leaves only
through here. Services never commit.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, Final

import numpy as np
import shapely
import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.db import serialise
from carbon_platform.errors import NotFound
from carbon_platform.identity.rules import Actor
from carbon_platform.identity.service import audit
from carbon_platform.identity.tables import AuditRecord
from carbon_platform.parcels import export_rules as rules
from carbon_platform.parcels.export_files import export_bytes, inner_points
from carbon_platform.parcels.export_tables import ParcelExport
from carbon_platform.parcels.register import in_scope, parcels_statement
from carbon_platform.parcels.rules import KINDS
from carbon_platform.parcels.tables import Parcel
from carbon_platform.regions.service import county_name
from carbon_platform.units import m2_to_mu

CHINA: Final = timezone(timedelta(hours=8))
CAUTION: Final = (
    "地块坐标与属性合在一起，大范围可能属于涉密测绘成果：只用于上述用途，不外传，不上传境外或公共平台。"
)
FETCHED: Final = "parcel.export.fetch"
_CHUNK: Final = 500
_COLUMNS: Final = (
    Parcel.code, Parcel.kind, Parcel.county_code, Parcel.township_code, Parcel.village_code,
    Parcel.area_m2, Parcel.stated_area_m2, Parcel.species_code, Parcel.land_class_code,
    Parcel.planting_year, Parcel.attributes, Parcel.source_epsg, Parcel.status, Parcel.valid_from,
    Parcel.valid_to, Parcel.geometry, Parcel.source_geometry,
)  # fmt: skip


@dataclass(frozen=True)
class Chosen:
    """The parcels of an export, by code."""

    rows: Sequence[Any]
    area_m2: float
    digest: str

    @property
    def systems(self) -> list[int]:
        return sorted({row.source_epsg for row in self.rows})


def number_of(export: ParcelExport) -> str:
    """How people call it."""
    return f"XY-E{export.id:06d}"


def choose(session: Session, actor: Actor, filters: Mapping[str, Any]) -> Chosen:
    """The parcels within the actor's region that fit ``filters`` (kind, county, status, codes)."""
    statement = parcels_statement(
        actor, kind=filters.get("kind"), county=filters.get("county"), status=filters.get("status")
    ).with_only_columns(*_COLUMNS)
    codes = filters.get("codes")
    if codes is None:
        rows = list(session.execute(statement))
    else:
        rows = []
        wanted = sorted(set(codes))
        for start in range(0, len(wanted), _CHUNK):
            part = wanted[start : start + _CHUNK]
            rows += session.execute(statement.where(Parcel.code.in_(part)))
    digest = rules.content_digest(rows)
    return Chosen(rows, float(sum(row.area_m2 for row in rows)), digest)


def request_export(
    session: Session,
    actor: Actor,
    *,
    file_format: str,
    epsg: int,
    filters: Mapping[str, Any],
    purpose: str,
    now: datetime,
) -> ParcelExport:
    """Ask for a file. Ready at once, or waiting for a second person when the land is large.

    Errors: ``ExportEmpty``, ``ExportTooLarge``, ``ExportMixedSystems``.
    """
    # One request at a time: two at once must not both find little land fetched before.
    serialise(session, "parcel_exports")
    kept = {name: value for name, value in filters.items() if value}
    chosen = choose(session, actor, kept)
    limits = rules.limits()
    _check(chosen, epsg, limits)
    recent = _recent_area_m2(session, actor, chosen.digest, now - timedelta(days=limits.window_days))
    reasons = rules.approval_reasons(len(chosen.rows), chosen.area_m2, recent, limits)
    export = ParcelExport(
        region_code=actor.region_code,
        file_format=file_format,
        epsg=epsg,
        filters=kept,
        purpose=purpose,
        rows=len(chosen.rows),
        area_m2=chosen.area_m2,
        content_sha256=chosen.digest,
        status="waiting" if reasons else "ready",
        reasons=reasons,
        reasons_count=len(reasons),
        requested_by=actor.name,
        requested_by_id=actor.user_id or 0,
        requested_at=now,
        decided_by=None,
        decided_by_id=None,
        decided_at=None,
        ready_until=None if reasons else now + timedelta(days=limits.ready_days),
    )
    session.add(export)
    session.flush()
    _note(session, actor, "parcel.export.request", export, now, purpose=purpose, reasons=reasons)
    return export


def _check(chosen: Chosen, epsg: int, limits: rules.ExportLimits) -> None:
    if not chosen.rows:
        raise rules.ExportEmpty
    if len(chosen.rows) > limits.most_rows:
        raise rules.ExportTooLarge(rows=len(chosen.rows), limit=int(limits.most_rows))
    if epsg == rules.ORIGINAL and len(chosen.systems) > 1:
        raise rules.ExportMixedSystems(systems="、".join(f"EPSG:{code}" for code in chosen.systems))


def _recent_area_m2(session: Session, actor: Actor, digest: str, since: datetime) -> float:
    """What this person was let have without a second person since then; the very same parcels count once."""
    rows = session.execute(
        sa.select(ParcelExport.content_sha256, ParcelExport.area_m2)
        .where(
            ParcelExport.requested_by_id == (actor.user_id or 0),
            ParcelExport.requested_at >= since,
            ParcelExport.status == "ready",
            ParcelExport.decided_by_id.is_(None),
            ParcelExport.content_sha256 != digest,
        )
        .distinct()
    )
    return float(sum(area_m2 for _, area_m2 in rows))


def decide(
    session: Session, actor: Actor, export_id: int, *, approve: bool, note: str, now: datetime
) -> ParcelExport:
    """Let a waiting export out, or refuse it. The same decision again by the same person changes nothing.

    Errors: ``NotFound``, ``SamePerson``, ``AlreadyDecided``.
    """
    export = get_export(session, actor, export_id, lock=True)
    number = number_of(export)
    wanted = "ready" if approve else "refused"
    if export.decided_by_id == actor.user_id and export.status == wanted:
        _note(session, actor, "parcel.export.repeat", export, now)
        return export
    if export.requested_by_id == actor.user_id:
        raise rules.SamePerson(number=number)
    if export.status != "waiting":
        zh, en = {"ready": ("已经可以下载", "it can be fetched"), "refused": ("没有获批", "it was refused")}[
            export.status
        ]
        raise rules.AlreadyDecided(number=number, state=zh, state_en=en)
    export.decided_by, export.decided_by_id, export.decided_at = actor.name, actor.user_id, now
    export.status, export.decision_note = wanted, note
    if approve:
        export.ready_until = now + timedelta(days=rules.limits().ready_days)
    session.flush()
    _note(session, actor, "parcel.export.decide", export, now, decision=wanted, note=note)
    return export


def exports_statement(actor: Actor) -> sa.Select[Any]:
    """Exports asked for within the actor's region, newest first."""
    return (
        sa.select(ParcelExport)
        .where(in_scope(ParcelExport.region_code, actor))
        .order_by(ParcelExport.id.desc())
    )


def get_export(session: Session, actor: Actor, export_id: int, *, lock: bool = False) -> ParcelExport:
    """One export; ``NotFound`` also for one from outside the actor's region."""
    statement = exports_statement(actor).where(ParcelExport.id == export_id)
    found: ParcelExport | None = session.scalar(statement.with_for_update() if lock else statement)
    if found is None:
        raise NotFound(what="导出", key=export_id)
    return found


def export_file(session: Session, actor: Actor, export: ParcelExport, *, now: datetime) -> bytes:
    """The bytes of an export that may leave now.

    Whoever fetches must see the land too. Errors: ``ExportNotReady``, ``ExportRefused``, ``ExportExpired``,
    ``ExportChanged``.
    """
    number = number_of(export)
    if export.status == "waiting":
        raise rules.ExportNotReady(number=number)
    if export.status == "refused":
        raise rules.ExportRefused(number=number, note=export.decision_note)
    if export.ready_until is None or export.ready_until < now:
        until = export.ready_until or now
        raise rules.ExportExpired(number=number, until=f"{until.astimezone(CHINA):%Y-%m-%d %H:%M}")
    scope = Actor(
        name=actor.name, role=actor.role, permissions=actor.permissions, region_code=export.region_code
    )
    chosen = choose(session, scope, export.filters)
    if chosen.digest != export.content_sha256:
        raise rules.ExportChanged(number=number)
    original = export.epsg == rules.ORIGINAL
    shapes = np.asarray(
        shapely.from_wkb([row.source_geometry if original else row.geometry for row in chosen.rows]),
        dtype=object,
    )
    lonlat = shapely.from_wkb([row.geometry for row in chosen.rows]) if original else shapes
    return export_bytes(
        _file_rows(chosen.rows, inner_points(lonlat)),
        shapes,
        file_format=export.file_format,
        epsg=export.epsg,
        source_epsg=chosen.systems[0],
        about=_about(export, actor, now),
    )


def record_fetch(session: Session, actor: Actor, export: ParcelExport, data: bytes, *, now: datetime) -> None:
    """Who took which bytes away. Written before they leave."""
    digest = hashlib.sha256(data).hexdigest()
    _note(session, actor, FETCHED, export, now, bytes=len(data), sha256=digest)


def fetches(session: Session, exports: Sequence[ParcelExport]) -> dict[int, list[AuditRecord]]:
    """Export id → its fetches, oldest first."""
    found: dict[int, list[AuditRecord]] = {export.id: [] for export in exports}
    rows = session.scalars(
        sa.select(AuditRecord)
        .where(
            AuditRecord.object_kind == "parcel_export",
            AuditRecord.object_id.in_([str(key) for key in found]),
            AuditRecord.action == FETCHED,
        )
        .order_by(AuditRecord.id)
    )
    for row in rows:
        found[int(row.object_id)].append(row)
    return found


def _note(
    session: Session, actor: Actor, action: str, export: ParcelExport, now: datetime, **more: Any
) -> None:
    detail = {
        "number": number_of(export),
        "format": export.file_format,
        "epsg": export.epsg,
        "filters": export.filters,
        "rows": export.rows,
        "area_m2": round(export.area_m2, 2),
        "content_sha256": export.content_sha256,
    } | more
    audit(session, actor, action, object_kind="parcel_export", object_id=export.id, now=now, detail=detail)


def _file_rows(rows: Sequence[Any], points: Sequence[Sequence[float]]) -> list[dict[str, Any]]:
    return [_file_row(row, point) for row, point in zip(rows, points, strict=True)]


def _file_row(row: Any, point: Sequence[float]) -> dict[str, Any]:
    kept = row.attributes
    contract, stated = bool(kept.get("parcel_code")), row.stated_area_m2
    names = (
        "compartment", "sub_compartment", "sub_sub_compartment", "parcel_code", "parcel_name",
        "feature_code", "species_zh", "origin", "forest_use",
    )  # fmt: skip
    return {name: kept.get(name) or "" for name in names} | {
        "code": row.code,
        "kind": KINDS[row.kind][0],
        "county_code": row.county_code,
        "county": county_name(row.county_code),
        "township": kept.get("township") or row.township_code,
        "village": kept.get("village") or row.village_code,
        "township_code": row.township_code,
        "village_code": row.village_code,
        "land_class_code": "" if contract else row.land_class_code,
        "contract_land_class": row.land_class_code if contract else "",
        "species_code": row.species_code,
        "planting_year": row.planting_year,
        "area_m2": row.area_m2,
        "area_ha": round(row.area_m2 / 10_000, 6),
        "area_mu": round(m2_to_mu(row.area_m2), 4),
        "stated_area_m2": stated,
        "stated_area_ha": None if contract or stated is None else round(stated / 10_000, 6),
        "contract_area_m2": stated if contract else None,
        "status": {"registered": "已登记", "ended": "已终止"}.get(row.status, row.status),
        "valid_from": row.valid_from.isoformat(),
        "valid_to": row.valid_to.isoformat() if row.valid_to else "",
        "source_epsg": row.source_epsg,
        "lon": point[0],
        "lat": point[1],
    }


def _about(export: ParcelExport, actor: Actor, now: datetime) -> list[tuple[str, str]]:
    allowed = "面积不大，不需要"
    if export.decided_by and export.decided_at:
        allowed = f"{export.decided_by}，{export.decided_at.astimezone(CHINA):%Y-%m-%d}"
    system = "原件坐标系" if export.epsg == rules.ORIGINAL else f"EPSG:{export.epsg}"
    return [
        ("导出编号", number_of(export)),
        ("用途", export.purpose),
        ("申请人", export.requested_by),
        ("批准人", allowed),
        ("下载人", actor.name),
        ("下载时间", f"{now.astimezone(CHINA):%Y-%m-%d %H:%M}"),
        ("坐标系", system),
        ("注意", CAUTION),
    ]
