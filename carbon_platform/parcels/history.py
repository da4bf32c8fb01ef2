"""The history of parcels: writing events, and reading what stood when and what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.parcels.history_tables import SNAPSHOT, ParcelEvent, ParcelLineage
from carbon_platform.parcels.tables import Parcel

# Parameters of one statement are limited on both engines.
_CHUNK = 500


@dataclass(frozen=True)
class Record:
    """Who records an event, on whose word, why, and from which day it counts."""

    recorded_by: str
    recorded_by_id: int | None
    recorded_at: datetime
    effective_on: date
    import_id: int | None = None
    reason: str = ""
    approved_by: str | None = None
    approved_by_id: int | None = None

    def values(self) -> dict[str, Any]:
        return dict(vars(self))


@dataclass(frozen=True)
class Relative:
    """A parcel this one was made of, or that was made of this one. ``kind``: split, merged, replaced."""

    code: str
    kind: str
    event_id: int
    effective_on: date


# --- writing: the caller has serialised ``parcels`` -------------------------------------------------


def record_events(session: Session, ids: Sequence[int], kind: str, record: Record) -> None:
    """Append one event of ``kind`` per parcel, with the state ``parcel`` has now and its ``version``.

    Copied inside the database, so that registering a county costs one statement per chunk.
    """
    for start in range(0, len(ids), _CHUNK):
        _append(session, Parcel.id.in_(ids[start : start + _CHUNK]), kind, record)


def record_first_events(session: Session, after: int, record: Record) -> None:
    """Append the event ``registered`` of every parcel with an id above ``after``: those just entered."""
    _append(session, Parcel.id > after, "registered", record)


def _append(session: Session, which: sa.ColumnElement[bool], kind: str, record: Record) -> None:
    source = sa.select(
        Parcel.id,
        Parcel.version,
        sa.literal(kind),
        *(sa.literal(value, _type_of(name)) for name, value in record.values().items()),
        Parcel.kind,
        *(getattr(Parcel, name) for name in SNAPSHOT),
    )
    columns = ["parcel_id", "version", "kind", *record.values(), "parcel_kind", *SNAPSHOT]
    chosen = source.where(which).order_by(Parcel.id)
    session.execute(sa.insert(ParcelEvent).from_select(columns, chosen, include_defaults=False))


def _type_of(name: str) -> sa.types.TypeEngine[Any]:
    column_type: sa.types.TypeEngine[Any] = ParcelEvent.__table__.c[name].type
    return column_type


def ensure_first_events(session: Session, ids: Sequence[int]) -> None:
    """Give parcels that came without history their first event, before anything changes them."""
    for start in range(0, len(ids), _CHUNK):
        chunk = ids[start : start + _CHUNK]
        known = sa.select(ParcelEvent.parcel_id).where(ParcelEvent.parcel_id.in_(chunk))
        missing = sa.select(Parcel).where(Parcel.id.in_(chunk), Parcel.id.not_in(known))
        for parcel in session.scalars(missing):
            at = datetime.combine(parcel.valid_from, datetime.min.time()).astimezone()
            record = Record("", None, at, parcel.valid_from, parcel.import_id)
            record_events(session, [parcel.id], "registered", record)


def record_lineage(
    session: Session, links: Sequence[tuple[int, int]], kinds: Sequence[str], events: dict[int, int]
) -> None:
    """Append (parent, child) links; ``events`` gives the child's event that brought the land."""
    values = [
        {"parent_id": parent, "child_id": child, "event_id": events[child], "kind": kind}
        for (parent, child), kind in zip(links, kinds, strict=True)
    ]
    if values:
        session.execute(sa.insert(ParcelLineage), values)


def newest_events(session: Session, ids: Sequence[int]) -> dict[int, int]:
    """Id of the newest event of each parcel."""
    found: dict[int, int] = {}
    for start in range(0, len(ids), _CHUNK):
        statement = (
            sa.select(ParcelEvent.parcel_id, sa.func.max(ParcelEvent.id))
            .where(ParcelEvent.parcel_id.in_(ids[start : start + _CHUNK]))
            .group_by(ParcelEvent.parcel_id)
        )
        found |= {row[0]: row[1] for row in session.execute(statement)}
    return found


# --- reading --------------------------------------------------------------------------------------


def data_version(session: Session) -> int:
    """Version of all parcels together: grows with every change. For ETags."""
    return session.scalar(sa.select(sa.func.coalesce(sa.func.max(ParcelEvent.id), 0))) or 0


def events_of(session: Session, parcel: Parcel) -> list[ParcelEvent]:
    """Every event of a parcel, the first one first. Empty for a parcel that came without history."""
    statement = sa.select(ParcelEvent).where(ParcelEvent.parcel_id == parcel.id)
    return list(session.scalars(statement.order_by(ParcelEvent.version)))


def parents_of(session: Session, parcel: Parcel) -> list[Relative]:
    """What this parcel's land was before, by the day it came."""
    return _relatives(session, ParcelLineage.child_id == parcel.id, ParcelLineage.parent_id)


def children_of(session: Session, parcel: Parcel) -> list[Relative]:
    """What was made of this parcel's land."""
    return _relatives(session, ParcelLineage.parent_id == parcel.id, ParcelLineage.child_id)


def _relatives(session: Session, condition: sa.ColumnElement[bool], other: Any) -> list[Relative]:
    statement = (
        sa.select(Parcel.code, ParcelLineage.kind, ParcelLineage.event_id, ParcelEvent.effective_on)
        .join(Parcel, Parcel.id == other)
        .join(ParcelEvent, ParcelEvent.id == ParcelLineage.event_id)
        .where(condition)
        .order_by(ParcelEvent.id, Parcel.code)
    )
    return [Relative(*row) for row in session.execute(statement)]


def state_at(session: Session, parcel_id: int, on: date) -> ParcelEvent | None:
    """The state of a parcel on a day (Chinese calendar): the last event in force by then.

    None before its first day, and while it had ended. Compare ``parcel_kind`` and the snapshot columns.
    """
    statement = (
        sa.select(ParcelEvent)
        .where(ParcelEvent.parcel_id == parcel_id, ParcelEvent.effective_on <= on)
        .order_by(ParcelEvent.version.desc())
        .limit(1)
    )
    event = session.scalar(statement)
    return event if event is not None and event.status == "registered" else None


def standing_at(on: date) -> sa.Select[Any]:
    """Statement: the event that gives each parcel's state on a day, of those that stood then."""
    newest = (
        sa.select(ParcelEvent.parcel_id, sa.func.max(ParcelEvent.version).label("version"))
        .where(ParcelEvent.effective_on <= on)
        .group_by(ParcelEvent.parcel_id)
        .subquery()
    )
    match = sa.and_(ParcelEvent.parcel_id == newest.c.parcel_id, ParcelEvent.version == newest.c.version)
    return sa.select(ParcelEvent).join(newest, match).where(ParcelEvent.status == "registered")
