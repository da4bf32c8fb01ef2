"""Acceptance: rows of a report enter the register, those that change it only with a second person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import numpy as np
import shapely
import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.db import serialise
from carbon_platform.identity.rules import Actor
from carbon_platform.identity.service import audit
from carbon_platform.parcels import reference, staging
from carbon_platform.parcels.bulk_entry import enter_new
from carbon_platform.parcels.candidates import Box
from carbon_platform.parcels.changes import apply_rows
from carbon_platform.parcels.comparison import compare_again
from carbon_platform.parcels.findings import finding
from carbon_platform.parcels.history import Record
from carbon_platform.parcels.history_tables import ParcelEvent
from carbon_platform.parcels.import_records import get_import
from carbon_platform.parcels.numbering import Identity
from carbon_platform.parcels.register import CHINA, registered_near
from carbon_platform.parcels.rules import ImportDeclined, SecondPersonNeeded
from carbon_platform.parcels.staged_rows import Registered, Row
from carbon_platform.parcels.tables import Parcel, ParcelImport, ParcelImportRow

_CHUNK = 500
READY = ("accepted", "repaired")
OPEN = ("accepted", "repaired", "warned")


@dataclass(frozen=True)
class Acceptance:
    """What acceptance wrote. ``refused``: rows that another upload overtook since the report.

    ``waiting_rows``: still to be confirmed; ``awaiting_rows`` of them need a second person.
    """

    record: ParcelImport
    registered_rows: int
    registered_area_m2: float
    refused: list[ParcelImportRow]
    waiting_rows: int
    awaiting_rows: int


def accept_import(
    session: Session, actor: Actor, import_id: int, *, now: datetime, include_warned: bool = False
) -> Acceptance:
    """Write the good rows of a report into the register; with ``include_warned`` also those to be confirmed.

    Rows a second person has to approve stay waiting. Runs alone (``parcels`` is serialised) and compares once
    more with everything registered or changed since the checks, so that of two uploads of the same land one
    wins. Doing it again changes nothing.

    Errors: ``NotFound``, ``ImportDeclined``.
    """
    serialise(session, "parcels")
    record = _open_import(session, actor, import_id)
    wanted = OPEN if include_warned else READY
    event = _record(record, None, now)
    if not enter_new(session, record, wanted, event):
        rows = [row for row in _waiting_rows(session, record, wanted) if not row.needs_approval]
        _enter(session, record, rows, wanted, event)
    return _told(session, actor, record, "parcel.import.accept", now, include_warned=include_warned)


def approve_import(
    session: Session, actor: Actor, import_id: int, *, now: datetime, include_warned: bool = False
) -> Acceptance:
    """The second person's yes: rows that need it are written, and the good ones with them.

    With ``include_warned`` also the other rows to be confirmed.

    Errors: ``SecondPersonNeeded`` for the one who uploaded it, ``NotFound``, ``ImportDeclined``.
    """
    serialise(session, "parcels")
    record = _open_import(session, actor, import_id)
    if same_person(record, actor):
        raise SecondPersonNeeded(who=record.uploaded_by)
    rows = [
        row
        for row in _waiting_rows(session, record, OPEN)
        if row.needs_approval or include_warned or row.outcome in READY
    ]
    plain = [row for row in rows if not row.needs_approval]
    event = _record(record, actor, now)
    _enter(session, record, rows, OPEN, event, plain=plain, plain_outcomes=OPEN if include_warned else READY)
    return _told(session, actor, record, "parcel.import.approve", now, include_warned=include_warned)


def decline_import(
    session: Session, actor: Actor, import_id: int, *, note: str, now: datetime
) -> ParcelImport:
    """Say no to what of a report is not registered yet; nothing of it can be accepted any more.

    Errors: ``NotFound``, ``ImportDeclined`` when that was said before.
    """
    serialise(session, "parcels")
    record = _open_import(session, actor, import_id)
    record.status = "declined"
    detail = {"note": note}
    audit(session, actor, "parcel.import.decline", object_kind="parcel_import", object_id=record.id, now=now,
          detail=detail)  # fmt: skip
    record.notes = [*record.notes, _decline_note(actor, note)]
    session.flush()
    return record


def _decline_note(actor: Actor, note: str) -> dict[str, str]:
    return {
        "code": "declined",
        "zh": f"{actor.name} 退回：{note}",
        "en": f"Declined by {actor.name}: {note}",
    }


def same_person(record: ParcelImport, actor: Actor) -> bool:
    """Whether the actor uploaded the file: by account where both are known, else by name."""
    if record.uploaded_by_id is not None and actor.user_id is not None:
        return record.uploaded_by_id == actor.user_id
    return record.uploaded_by == actor.name


def _open_import(session: Session, actor: Actor, import_id: int) -> ParcelImport:
    record = get_import(session, actor, import_id)
    if record.status == "declined":
        raise ImportDeclined(id=record.id)
    return record


def _waiting_rows(session: Session, record: ParcelImport, outcomes: Sequence[str]) -> list[ParcelImportRow]:
    statement = (
        sa.select(ParcelImportRow)
        .where(
            ParcelImportRow.import_id == record.id,
            ParcelImportRow.outcome.in_(outcomes),
            ParcelImportRow.parcel_id.is_(None),
        )
        .order_by(ParcelImportRow.row_number)
    )
    return list(session.scalars(statement))


def _record(record: ParcelImport, approver: Actor | None, now: datetime) -> Record:
    return Record(
        recorded_by=record.uploaded_by,
        recorded_by_id=record.uploaded_by_id,
        recorded_at=now,
        effective_on=record.effective_on or now.astimezone(CHINA).date(),
        import_id=record.id,
        reason=record.reason,
        approved_by=approver.name if approver else None,
        approved_by_id=approver.user_id if approver else None,
    )


def _enter(
    session: Session,
    record: ParcelImport,
    rows: list[ParcelImportRow],
    wanted: Sequence[str],
    event: Record,
    *,
    plain: Sequence[ParcelImportRow] = (),
    plain_outcomes: Sequence[str] = OPEN,
) -> None:
    """Check rows once more and write those whose outcome is still ``wanted``.

    ``plain``: those of them that need no second person; they must also have one of ``plain_outcomes``, so
    that what was found only now waits for somebody to look at it.
    """
    overtaken = _check_again(session, record, rows, event.effective_on)
    unsure = {row.row_number for row in plain if row.outcome not in plain_outcomes}
    good = [row for row in rows if row.outcome in wanted and row.row_number not in unsure]
    ready = _complete(session, record, good)
    apply_rows(session, record, ready, event, without_approval=plain)
    if overtaken:
        session.flush()
        record.counts = counts_of(session, record.id)


def _complete(session: Session, record: ParcelImport, rows: list[ParcelImportRow]) -> list[ParcelImportRow]:
    """Rows whose land is free once all of them enter: what another row has to give up needs that row too."""
    entered = set(
        session.scalars(
            sa.select(ParcelImportRow.row_number).where(
                ParcelImportRow.import_id == record.id, ParcelImportRow.parcel_id.is_not(None)
            )
        )
    )
    ready = {row.row_number: row for row in rows}
    needing = {number for number, row in ready.items() if row.diff.get("needs")}
    while True:
        there = entered.union(ready)
        lacking = [n for n in needing & ready.keys() if not there.issuperset(ready[n].diff["needs"])]
        if not lacking:
            return list(ready.values())
        for number in lacking:
            del ready[number]


# --- once more, against what came since -------------------------------------------------------------


def _check_again(
    session: Session, record: ParcelImport, rows: list[ParcelImportRow], effective_on: date
) -> bool:
    """Compare with what was registered since the checks; whether any row's findings changed."""
    if not rows:
        return False
    again = [_row_again(row) for row in rows]
    targets = _note_targets(session, rows, again, effective_on)
    shaped = [i for i, row in enumerate(rows) if row.geometry is not None and row.change != "ended"]
    if shaped:
        geoms = np.full(len(rows), None, dtype=object)
        geoms[shaped] = shapely.from_wkb([rows[i].geometry for i in shaped])
        registered = _came_since(session, record, rows, geoms[shaped], targets)
        limits = reference.limits()
        compare_again(again, geoms, registered, staging.overlap_tolerance(limits), limits=limits)
    changed = False
    for row, checked in zip(rows, again, strict=True):
        if len(checked.findings) > len(row.findings):
            new = [entry | {"at": "acceptance"} for entry in checked.findings[len(row.findings) :]]
            row.findings, row.outcome = [*row.findings, *new], checked.outcome
            changed = True
    return changed


def _came_since(
    session: Session, record: ParcelImport, rows: list[ParcelImportRow], geoms: Any, targets: set[int]
) -> Registered:
    """Parcels near the rows that the checks have not seen as they are now, without those the rows replace."""
    boxes: list[Box] = [tuple(box) for box in shapely.bounds(geoms).tolist()]
    codes = [row.code for row in rows if row.code and row.change == "new"]
    # A parcel that had ended was no obstacle to anything since; where it stands again all is to be compared.
    restored = any(row.change == "restored" for row in rows)
    found = registered_near(
        session,
        boxes,
        codes,
        after=0 if restored else record.seen_parcel_id,
        after_event=0 if restored else record.seen_event_id,
        but_import=record.id,
    )
    return found.only([i for i, key in enumerate(found.ids) if key not in targets])


def _note_targets(
    session: Session, rows: list[ParcelImportRow], again: list[Row], effective_on: date
) -> set[int]:
    """Refuse rows whose parcels were changed meanwhile, or later than the change would count from."""
    wanted = {target["id"] for row in rows for target in row.diff.get("targets", [])}
    state: dict[int, tuple[int, date | None]] = {}
    ids = sorted(wanted)
    for start in range(0, len(ids), _CHUNK):
        statement = (
            sa.select(Parcel.id, Parcel.version, sa.func.max(ParcelEvent.effective_on))
            .outerjoin(ParcelEvent, ParcelEvent.parcel_id == Parcel.id)
            .where(Parcel.id.in_(ids[start : start + _CHUNK]))
            .group_by(Parcel.id, Parcel.version)
        )
        state |= {row[0]: (row[1], row[2]) for row in session.execute(statement)}
    for row, checked in zip(rows, again, strict=True):
        for target in row.diff.get("targets", []):
            version, last = state[target["id"]]
            if version != target["version"]:
                values = {"row": row.row_number, "field": "identity", "value": target["code"]}
                checked.findings.append(finding("changed_meanwhile", **values))
            elif last is not None and effective_on < last:
                values = {"value": effective_on.isoformat(), "limit": last.isoformat()}
                checked.findings.append(
                    finding("effective_too_early", row=row.row_number, field="effective_on", **values)
                )
    return wanted


def _row_again(row: ParcelImportRow) -> Row:
    identity = None
    if row.code and row.change == "new":
        identity = Identity(row.identity, row.code, row.county_code, "", "")
    return Row(
        row.row_number,
        row.attributes,
        row.county_code or "",
        row.area_m2 or 0.0,
        kind=row.kind,
        identity=identity,
        findings=list(row.findings),
        change=row.change,
    )


# --- what it came to --------------------------------------------------------------------------------


def _told(
    session: Session, actor: Actor, record: ParcelImport, action: str, now: datetime, *, include_warned: bool
) -> Acceptance:
    session.flush()
    done = acceptance_of(session, record)
    if record.status == "staged" and (done.registered_rows or not done.awaiting_rows):
        record.status, record.accepted_by, record.accepted_at = "accepted", actor.name, now
        session.flush()
    detail = {"registered": done.registered_rows, "confirmed_warnings": include_warned}
    audit(session, actor, action, object_kind="parcel_import", object_id=record.id, now=now, detail=detail)
    return done


def counts_of(session: Session, import_id: int) -> dict[str, Any]:
    statement = sa.select(ParcelImportRow.outcome, ParcelImportRow.area_m2)
    return staging.count_outcomes(session.execute(statement.where(ParcelImportRow.import_id == import_id)))


def acceptance_of(session: Session, record: ParcelImport) -> Acceptance:
    """What acceptance wrote so far, as it stands in the database."""
    of_import = ParcelImportRow.import_id == record.id
    entered, still = ParcelImportRow.parcel_id.is_not(None), ParcelImportRow.parcel_id.is_(None)
    waits = sa.and_(still, ParcelImportRow.outcome == "warned")
    awaits = sa.and_(still, ParcelImportRow.needs_approval, ParcelImportRow.outcome.in_(OPEN))
    # All at once: rows are long, and reading through them is what costs.
    count, area, waiting, awaiting = session.execute(
        sa.select(
            sa.func.count(ParcelImportRow.parcel_id),
            sa.func.sum(sa.case((entered, ParcelImportRow.area_m2), else_=0.0)),
            sa.func.sum(sa.case((waits, 1), else_=0)),
            sa.func.sum(sa.case((awaits, 1), else_=0)),
        ).where(of_import)
    ).one()
    refused = [row for row in _overtaken_rows(session, of_import) if any("at" in f for f in row.findings)]
    return Acceptance(record, count, round(float(area or 0.0), 2), refused, waiting or 0, awaiting or 0)


def _overtaken_rows(session: Session, of_import: sa.ColumnElement[bool]) -> list[ParcelImportRow]:
    """Refused rows whose findings hold the word "at": few, where a whole file of refused rows is many."""
    statement = sa.select(ParcelImportRow).where(
        of_import,
        ParcelImportRow.outcome == "refused",
        sa.cast(ParcelImportRow.findings, sa.Text).contains('"at"'),
    )
    return list(session.scalars(statement.order_by(ParcelImportRow.row_number)))
