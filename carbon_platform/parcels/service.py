"""Imports of parcels: check a file, keep the report, write what was accepted into the register."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final, TypeVar

import shapely
import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.db import Database
from carbon_platform.identity.rules import Actor
from carbon_platform.identity.service import audit
from carbon_platform.parcels import reference, staging
from carbon_platform.parcels.acceptance import (
    Acceptance,
    accept_import,
    acceptance_of,
    approve_import,
    decline_import,
)
from carbon_platform.parcels.bulk_rows import as_json, insert_many
from carbon_platform.parcels.declared_land import Declared, declared_near
from carbon_platform.parcels.findings import finding
from carbon_platform.parcels.history import data_version
from carbon_platform.parcels.import_records import get_import, imports_statement, rows_statement
from carbon_platform.parcels.register import CHINA, registered_near
from carbon_platform.parcels.report import ImportReport, report_of
from carbon_platform.parcels.rules import EffectiveInFuture, FileRefused
from carbon_platform.parcels.staged_rows import Registered
from carbon_platform.parcels.staging import Staged
from carbon_platform.parcels.tables import Parcel, ParcelImport
from carbon_platform.parcels.uses import uses_of
from carbon_platform.regions.boundaries import coverage
from carbon_platform.regions.tables import Region
from gis.errors import VectorFileError
from gis.vector_files import VectorLayer, read_vector

# Callers find everything about imports here.
__all__ = [
    "Acceptance",
    "Checked",
    "Read",
    "accept_import",
    "acceptance_of",
    "approve_import",
    "check_file",
    "check_layer",
    "decline_import",
    "explained",
    "get_import",
    "import_file",
    "imports_statement",
    "rows_statement",
    "stage_import",
]

T = TypeVar("T")
Read = Callable[[Callable[[Session], T]], T]


@dataclass(frozen=True)
class Checked:
    """A file that was read and checked, not yet kept."""

    file_name: str
    file_sha256: str
    staged: Staged
    seen_parcel_id: int
    seen_event_id: int = 0
    mode: str = "add"
    reason: str = ""
    effective_on: date | None = None


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
    update: bool = False,
    on: date | None = None,
) -> Checked:
    """Read a file and run every check on it. ``read(work)`` runs ``work(session)`` for reading.

    ``kind`` is what the sender says the file holds, ``layer`` the one to take of several; ``outside=True``
    (trying out) also checks rows outside the city instead of only refusing them. ``update=True``: rows may
    take the place of registered parcels they cover. ``on``: the day whose county borders count, None for the
    built-in ones.

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
        update=update,
        on=on,
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
    update: bool = False,
    on: date | None = None,
) -> Checked:
    """The same for a layer that was read already."""
    limits = reference.limits()
    places = None if on is None else read(lambda session: coverage(session, on=on))
    prepared = staging.prepare(layer, kind_hint=kind, limits=limits, places=places)

    def look_up(session: Session) -> tuple[Registered, Declared, tuple[int, int], set[str]]:
        # First what was seen, then what is there: what comes in between is looked at again, never missed.
        seen = (session.scalar(sa.select(sa.func.max(Parcel.id))) or 0, data_version(session))
        near = registered_near(session, prepared.boxes, prepared.codes)
        known = sa.select(Region.code).where(Region.code.in_(prepared.townships))
        declared = declared_near(session, prepared.boxes)
        return near, declared, seen, set(session.scalars(known))

    registered, declared, seen, townships = read(look_up)
    staged = staging.stage(
        prepared,
        registered,
        scope=actor.region_code,
        limits=limits,
        known_townships=townships,
        outside=outside,
        update=update,
        declared=declared,
    )
    mode = "update" if update else "add"
    return Checked(file_name, file_sha256, staged, seen[0], seen[1], mode=mode)


def explained(checked: Checked, *, reason: str, effective_on: date | None, now: datetime) -> Checked:
    """A checked file with the sender's reason, and the first day of what it says (None: of acceptance).

    Errors: ``EffectiveInFuture``.
    """
    today = now.astimezone(CHINA).date()
    if effective_on and effective_on > today:
        raise EffectiveInFuture(value=effective_on.isoformat(), limit=today.isoformat())
    return replace(checked, reason=reason, effective_on=effective_on)


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
        mode=checked.mode,
        reason=checked.reason,
        effective_on=checked.effective_on,
        seen_parcel_id=checked.seen_parcel_id,
        seen_event_id=checked.seen_event_id,
        status="staged",
        uploaded_by=actor.name,
        uploaded_by_id=actor.user_id,
        uploaded_at=now,
        accepted_by=None,
        accepted_at=None,
    )
    _note_uses(session, staged)
    session.add(record)
    session.flush()
    insert_many(session, "parcel_import_row", _ROW, _row_values(record.id, staged))
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


def _note_uses(session: Session, staged: Staged) -> None:
    """Tell of every change which projects the parcels are in."""
    changed = [row for row in staged.prepared.rows if row.open and row.diff.get("targets")]
    ids = sorted({target["id"] for row in changed for target in row.diff["targets"]})
    uses = uses_of(session, ids) if ids else {}
    for row in changed:
        for target in row.diff["targets"]:
            words = uses.get(target["id"], [])
            if words:
                zh, en = "、".join(zh for zh, _ in words), ", ".join(en for _, en in words)
                values = {"value": target["code"], "limit": zh, "limit_en": en}
                row.findings.append(finding("in_use", row=row.number, field="identity", **values))


_ROW: Final = (
    "import_id", "row_number", "identity", "code", "kind", "outcome", "change", "diff", "needs_approval",
    "findings", "attributes", "area_m2", "stated_area_m2", "county_code", "geometry", "source_geometry",
)  # fmt: skip


def _row_values(import_id: int, staged: Staged) -> Iterator[tuple[Any, ...]]:
    """Rows of ``parcel_import_row`` in the order of :data:`_ROW`; not registered yet."""
    prepared = staged.prepared
    shapes = shapely.to_wkb(prepared.geoms).tolist()
    sources = shapely.to_wkb(prepared.source_geoms).tolist()
    for row, wkb, source in zip(prepared.rows, shapes, sources, strict=True):
        identity = row.identity
        places = {"township_code": "", "village_code": ""}
        if identity:
            places = {"township_code": identity.township_code, "village_code": identity.village_code}
        yield (
            import_id, row.number, identity.text if identity else "", identity.code if identity else None,
            row.kind, row.outcome, row.change, as_json(row.diff), row.needs_approval, as_json(row.findings),
            as_json(row.attributes | places), row.area_m2 if wkb else None, row.stated_m2, row.county or None,
            wkb, source,
        )  # fmt: skip


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
    day = now.astimezone(CHINA).date()
    checked = check_file(db.read, actor, path, kind=kind, layer=layer, outside=outside, on=day)
    record = None
    if not outside:
        record = db.transact(lambda session: stage_import(session, actor, checked, now=now))
    return report_of(checked.file_name, checked.staged, import_id=record.id if record else None)
