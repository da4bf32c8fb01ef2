"""What the tests of changes need: staging, accepting and approving in one line each."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from typing import Any

import shapely
import sqlalchemy as sa
from parcel_house import NOW, OFFICER, actor
from parcel_layers import layer

from carbon_platform.db import Database
from carbon_platform.identity.rules import Actor
from carbon_platform.parcels import history, proposals, service
from carbon_platform.parcels.history_tables import ParcelEvent, ParcelLineage
from carbon_platform.parcels.tables import Parcel, ParcelImportRow

CODE = "411522-207-014-0003-{:05d}"
SECOND = replace(actor("411522"), name="second officer 411522")


def stage(
    db: Database,
    rows: list[dict[str, Any]],
    shapes: Any = None,
    *,
    update: bool = False,
    who: Actor = OFFICER,
    effective_on: date | None = None,
    now: datetime = NOW,
) -> int:
    checked = service.check_layer(
        db.read, who, layer(rows, shapes), file_name="a.zip", file_sha256="0" * 64, kind=None, update=update
    )
    checked = service.explained(checked, reason="测试", effective_on=effective_on, now=now)
    return db.transact(lambda s: service.stage_import(s, who, checked, now=now)).id


def propose(
    db: Database, action: str, *codes: str, who: Actor = OFFICER, now: datetime = NOW, **given: Any
) -> int:
    given = {"reason": "现场核实", **given}
    proposal = proposals.Proposal(action, codes, **given)
    checked = db.read(lambda s: proposals.check_proposal(s, who, proposal, now=now))
    return db.transact(lambda s: service.stage_import(s, who, checked, now=now)).id


def accept(
    db: Database, import_id: int, *, who: Actor = OFFICER, warned: bool = False, now: datetime = NOW
) -> service.Acceptance:
    return db.transact(lambda s: service.accept_import(s, who, import_id, include_warned=warned, now=now))


def approve(
    db: Database, import_id: int, *, who: Actor = SECOND, warned: bool = False, now: datetime = NOW
) -> service.Acceptance:
    return db.transact(lambda s: service.approve_import(s, who, import_id, include_warned=warned, now=now))


def rows_of(db: Database, import_id: int) -> list[ParcelImportRow]:
    statement = sa.select(ParcelImportRow).where(ParcelImportRow.import_id == import_id)
    return db.read(lambda s: list(s.scalars(statement.order_by(ParcelImportRow.row_number))))


def codes_of(db: Database, import_id: int) -> list[list[str]]:
    return [[entry["code"] for entry in row.findings] for row in rows_of(db, import_id)]


def parcels(db: Database) -> dict[str, Parcel]:
    return {p.code: p for p in db.read(lambda s: list(s.scalars(sa.select(Parcel).order_by(Parcel.id))))}


def standing(db: Database) -> dict[str, Parcel]:
    return {code: parcel for code, parcel in parcels(db).items() if parcel.status == "registered"}


def events(db: Database, code: str) -> list[ParcelEvent]:
    parcel = parcels(db)[code]
    return db.read(lambda s: history.events_of(s, parcel))


def lineage(db: Database) -> set[tuple[str, str, str]]:
    names = {parcel.id: code for code, parcel in parcels(db).items()}
    found = db.read(lambda s: list(s.scalars(sa.select(ParcelLineage))))
    return {(names[link.parent_id], names[link.child_id], link.kind) for link in found}


def at(db: Database, code: str, on: date) -> ParcelEvent | None:
    parcel = parcels(db)[code]
    return db.read(lambda s: history.state_at(s, parcel.id, on))


def land(db: Database) -> Any:
    """All registered land, degrees."""
    return shapely.union_all(shapely.from_wkb([p.geometry for p in standing(db).values()]))
