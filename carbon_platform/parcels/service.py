"""Imports of parcels: check a file, keep the report, write what was accepted into the register."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import shapely
import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.db import Database, serialise
from carbon_platform.errors import NotFound
from carbon_platform.identity.rules import Actor
from carbon_platform.identity.service import audit
from carbon_platform.parcels import reference, staging
from carbon_platform.parcels.candidates import Box
from carbon_platform.parcels.numbering import Identity
from carbon_platform.parcels.register import enter, in_scope, registered_near
from carbon_platform.parcels.report import ImportReport, report_of
from carbon_platform.parcels.rules import FileRefused
from carbon_platform.parcels.staging import Registered, Row, Staged
from carbon_platform.parcels.tables import Parcel, ParcelImport, ParcelImportRow
from carbon_platform.regions.tables import Region
from gis.errors import VectorFileError
from gis.vector_files import VectorLayer, read_vector

T = TypeVar("T")
Read = Callable[[Callable[[Session], T]], T]


@dataclass(frozen=True)
class Checked:
    """A file that was read and checked, not yet kept."""

    file_name: str
    file_sha256: str
    staged: Staged
    seen_parcel_id: int


@dataclass(frozen=True)
class Acceptance:
    """What acceptance wrote. ``refused``: rows that another upload overtook since the report."""

    record: ParcelImport
    registered_rows: int
    registered_area_m2: float
    refused: list[ParcelImportRow]
    waiting_rows: int


# --- checking: outside any write transaction ------------------------------------------------------


def check_file(
    read: Read[Any],
    actor: Actor,
    path: Path,
    *,
    file_name: str | None = None,
    kind: str | None = None,
    layer: str | None = None,
    scratch: Path | None = None,
    outside: bool = False,
) -> Checked:
    """Read a file and run every check on it. ``read(work)`` runs ``work(session)`` for reading.

    ``kind`` is what the sender says the file holds, ``layer`` the one to take of several; ``outside=True``
    (trying out) also checks rows outside the city instead of only refusing them.

    Errors: ``FileRefused`` (also for several layers or a wrong coordinate system), ``AreaUnitUnclear``.
    """
    name = file_name or path.name
    try:
        found = read_vector(path, filename=name, layer=layer, scratch=scratch)
    except VectorFileError as error:
        raise _refused(error) from error
    return check_layer(
        read,
        actor,
        found,
        file_name=name,
        file_sha256=_sha256(path),
        kind=kind,
        outside=outside,
    )


def check_layer(
    read: Read[Any],
    actor: Actor,
    layer: VectorLayer,
    *,
    file_name: str,
    file_sha256: str,
    kind: str | None = None,
    outside: bool = False,
) -> Checked:
    """The same for a layer that was read already."""
    limits = reference.limits()
    prepared = staging.prepare(layer, kind_hint=kind, limits=limits)

    def look_up(session: Session) -> tuple[Registered, int, set[str]]:
        seen = session.scalar(sa.select(sa.func.max(Parcel.id))) or 0
        near = registered_near(session, prepared.boxes, prepared.codes)
        known = sa.select(Region.code).where(Region.code.in_(prepared.townships))
        return near, seen, set(session.scalars(known))

    registered, seen, townships = read(look_up)
    staged = staging.stage(
        prepared,
        registered,
        scope=actor.region_code,
        limits=limits,
        known_townships=townships,
        outside=outside,
    )
    return Checked(file_name, file_sha256, staged, seen)


def _refused(error: VectorFileError) -> FileRefused:
    zh, en = error.message("zh"), error.message("en")
    entry = {"code": error.code, "field": "file", "zh": zh, "en": en}
    return FileRefused(errors=[entry], reason=zh, reason_en=en)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# --- keeping the report ---------------------------------------------------------------------------


def stage_import(session: Session, actor: Actor, checked: Checked, *, now: datetime) -> ParcelImport:
    """Keep a checked file and its report. Nothing enters the register yet."""
    staged, layer = checked.staged, checked.staged.prepared.layer
    record = ParcelImport(
        file_name=checked.file_name,
        file_sha256=checked.file_sha256,
        region_code=actor.region_code,
        kind=staged.kind,
        family=staged.prepared.family.key,
        encoding=layer.encoding,
        epsg=layer.epsg,
        crs_origin=layer.crs_origin,
        layer=layer.layer,
        notes=[
            {"code": note.code, "zh": note.message("zh"), "en": note.message("en")} for note in layer.notes
        ],
        counts=staged.counts,
        seen_parcel_id=checked.seen_parcel_id,
        status="staged",
        uploaded_by=actor.name,
        uploaded_at=now,
        accepted_by=None,
        accepted_at=None,
    )
    session.add(record)
    session.flush()
    session.execute(sa.insert(ParcelImportRow), _row_values(record.id, staged))
    detail = {"file": record.file_name, "sha256": record.file_sha256, "counts": staged.counts}
    audit(
        session,
        actor,
        "parcel.import",
        object_kind="parcel_import",
        object_id=record.id,
        now=now,
        detail=detail,
    )
    return record


def _row_values(import_id: int, staged: Staged) -> list[dict[str, Any]]:
    prepared = staged.prepared
    shapes = shapely.to_wkb(prepared.geoms).tolist()
    sources = shapely.to_wkb(prepared.source_geoms).tolist()
    values = []
    for row, wkb, source in zip(prepared.rows, shapes, sources, strict=True):
        identity = row.identity
        places = {"township_code": "", "village_code": ""}
        if identity:
            places = {"township_code": identity.township_code, "village_code": identity.village_code}
        values.append(
            {
                "import_id": import_id,
                "row_number": row.number,
                "identity": identity.text if identity else "",
                "code": identity.code if identity else None,
                "kind": row.kind,
                "outcome": row.outcome,
                "findings": row.findings,
                "attributes": row.attributes | places,
                "area_m2": row.area_m2 if wkb else None,
                "stated_area_m2": row.stated_m2,
                "county_code": row.county or None,
                "geometry": wkb,
                "source_geometry": source,
                "parcel_id": None,
            }
        )
    return values


def import_file(
    db: Database,
    actor: Actor,
    path: Path,
    *,
    now: datetime,
    kind: str | None = None,
    layer: str | None = None,
    region: str = "city",
) -> ImportReport:
    """Check a file and keep its report, for the command line.

    ``region="none"`` tries a file from anywhere: it is read, measured and checked, and nothing is kept.
    """
    outside = region == "none"
    checked = check_file(db.read, actor, path, kind=kind, layer=layer, outside=outside)
    record = None
    if not outside:
        record = db.transact(lambda session: stage_import(session, actor, checked, now=now))
    return report_of(checked.file_name, checked.staged, import_id=record.id if record else None)


# --- acceptance -----------------------------------------------------------------------------------


def accept_import(
    session: Session, actor: Actor, import_id: int, *, now: datetime, include_warned: bool = False
) -> Acceptance:
    """Write the good rows of a report into the register; with ``include_warned`` also those to be confirmed.

    Runs alone (``parcels`` is serialised) and compares once more with everything registered since the
    checks, so that of two uploads of the same land one wins. Doing it again changes nothing.
    """
    serialise(session, "parcels")
    record = get_import(session, actor, import_id)
    wanted = ("accepted", "repaired", "warned") if include_warned else ("accepted", "repaired")
    statement = (
        sa.select(ParcelImportRow)
        .where(
            ParcelImportRow.import_id == record.id,
            ParcelImportRow.outcome.in_(wanted),
            ParcelImportRow.parcel_id.is_(None),
        )
        .order_by(ParcelImportRow.row_number)
    )
    rows = list(session.scalars(statement))
    overtaken = _check_again(session, record, rows)
    enter(session, record, [row for row in rows if row.outcome in wanted], now=now)
    if overtaken:
        session.flush()
        record.counts = _counts(session, record.id)
    if record.status != "accepted":
        record.status, record.accepted_by, record.accepted_at = "accepted", actor.name, now
    session.flush()
    acceptance = acceptance_of(session, record)
    detail = {"registered": acceptance.registered_rows, "confirmed_warnings": include_warned}
    audit(
        session,
        actor,
        "parcel.import.accept",
        object_kind="parcel_import",
        object_id=record.id,
        now=now,
        detail=detail,
    )
    return acceptance


def _check_again(session: Session, record: ParcelImport, rows: list[ParcelImportRow]) -> bool:
    """Compare with what was registered since the checks; whether any row's findings changed."""
    if not rows:
        return False
    geoms = shapely.from_wkb([row.geometry for row in rows])
    boxes: list[Box] = [tuple(box) for box in shapely.bounds(geoms).tolist()]
    codes = [row.code for row in rows if row.code]
    registered = registered_near(session, boxes, codes, after=record.seen_parcel_id, but_import=record.id)
    again = [_row_again(row) for row in rows]
    tolerance = staging.overlap_tolerance(reference.limits())
    staging.note_register(again, np.asarray(geoms, dtype=object), registered, tolerance, accepting=True)
    changed = False
    for row, checked in zip(rows, again, strict=True):
        if len(checked.findings) > len(row.findings):
            new = [entry | {"at": "acceptance"} for entry in checked.findings[len(row.findings) :]]
            row.findings, row.outcome = [*row.findings, *new], checked.outcome
            changed = True
    return changed


def _row_again(row: ParcelImportRow) -> Row:
    identity = None
    if row.code:
        identity = Identity(row.identity, row.code, row.county_code, "", "")
    return Row(
        row.row_number,
        row.attributes,
        row.county_code or "",
        row.area_m2 or 0.0,
        identity=identity,
        findings=list(row.findings),
    )


def _counts(session: Session, import_id: int) -> dict[str, Any]:
    statement = sa.select(ParcelImportRow.outcome, ParcelImportRow.area_m2)
    return staging.count_outcomes(session.execute(statement.where(ParcelImportRow.import_id == import_id)))


def acceptance_of(session: Session, record: ParcelImport) -> Acceptance:
    """What acceptance wrote so far, as it stands in the database."""
    of_import = ParcelImportRow.import_id == record.id
    count, area = session.execute(
        sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(ParcelImportRow.area_m2), 0.0)).where(
            of_import, ParcelImportRow.parcel_id.is_not(None)
        )
    ).one()
    waiting = session.scalar(
        sa.select(sa.func.count()).where(
            of_import, ParcelImportRow.outcome == "warned", ParcelImportRow.parcel_id.is_(None)
        )
    )
    refused = [row for row in _refused_rows(session, of_import) if any("at" in f for f in row.findings)]
    return Acceptance(record, count, round(float(area or 0.0), 2), refused, waiting or 0)


def _refused_rows(session: Session, of_import: sa.ColumnElement[bool]) -> list[ParcelImportRow]:
    statement = sa.select(ParcelImportRow).where(of_import, ParcelImportRow.outcome == "refused")
    return list(session.scalars(statement.order_by(ParcelImportRow.row_number)))


# --- reading imports ------------------------------------------------------------------------------


def imports_statement(actor: Actor) -> sa.Select[Any]:
    """Imports the actor may see, newest first."""
    statement = sa.select(ParcelImport).order_by(ParcelImport.id.desc())
    return statement.where(in_scope(ParcelImport.region_code, actor))


def get_import(session: Session, actor: Actor, import_id: int) -> ParcelImport:
    record = session.get(ParcelImport, import_id)
    if record is None or not actor.sees_region(record.region_code):
        raise NotFound(what="导入", key=import_id)
    return record


def rows_statement(record: ParcelImport, *, outcomes: Collection[str] = ()) -> sa.Select[Any]:
    """Rows of an import in file order, optionally of some outcomes only."""
    statement = sa.select(ParcelImportRow).where(ParcelImportRow.import_id == record.id)
    if outcomes:
        statement = statement.where(ParcelImportRow.outcome.in_(outcomes))
    return statement.order_by(ParcelImportRow.row_number)
