"""New land by the county: rows of a report enter the register set by set, where nothing stands in their way.

Most imports only bring land nobody had, and nobody registered anything between report and acceptance. Then
there is nothing to compare and nothing to change, and the database can do most of the copying. Whatever else
goes row by row (:mod:`acceptance`); both ways write the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import shapely
import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.parcels.bulk_rows import as_json, insert_many
from carbon_platform.parcels.candidates import index_new
from carbon_platform.parcels.history import Record, data_version, record_first_events
from carbon_platform.parcels.register import parcel_values
from carbon_platform.parcels.tables import Parcel, ParcelImport, ParcelImportRow

# Rows in the memory at one time.
_PART: Final = 5_000
_OPEN: Final = ("accepted", "repaired", "warned")


def enter_new(session: Session, record: ParcelImport, wanted: Sequence[str], event: Record) -> bool:
    """Enter the waiting rows with one of the outcomes ``wanted`` that need no second person.

    False, and nothing done, unless all that waits is new land and the register is as the checks saw it. The
    caller has serialised ``parcels``.
    """
    newest = _newest(session)
    if (newest, data_version(session)) != (record.seen_parcel_id, record.seen_event_id):
        return False
    waiting = sa.and_(ParcelImportRow.import_id == record.id, ParcelImportRow.parcel_id.is_(None))
    other = sa.select(sa.func.count()).where(
        waiting, ParcelImportRow.outcome.in_(_OPEN), ParcelImportRow.change != "new"
    )
    if session.scalar(other):
        return False
    ready = sa.and_(waiting, ParcelImportRow.outcome.in_(wanted), sa.not_(ParcelImportRow.needs_approval))
    for rows in _parts(session, ready):
        bounds = shapely.bounds(shapely.from_wkb([row.geometry for row in rows])).tolist()
        values = parcel_values(record, rows, bounds, event)
        insert_many(session, "parcel", tuple(values[0]), map(_plain, values))
    index_new(session, newest)
    record_first_events(session, newest, event)
    _link(session, ready, newest)
    return True


def _plain(values: dict[str, Any]) -> tuple[Any, ...]:
    """Values of one parcel as both drivers take them."""
    values["attributes"] = as_json(values["attributes"])
    values["valid_from"] = values["valid_from"].isoformat()
    return tuple(values.values())


def _newest(session: Session) -> int:
    return session.scalar(sa.select(sa.func.max(Parcel.id))) or 0


def _parts(session: Session, ready: Any) -> Iterator[Sequence[Any]]:
    """The rows in the order of the file, some thousands at a time."""
    columns = ("row_number", "code", "kind", "county_code", "area_m2", "stated_area_m2", "attributes",
               "geometry", "source_geometry")  # fmt: skip
    statement = sa.select(*(getattr(ParcelImportRow, name) for name in columns)).where(ready)
    last = 0
    while rows := session.execute(
        statement.where(ParcelImportRow.row_number > last).order_by(ParcelImportRow.row_number).limit(_PART)
    ).all():
        yield rows
        last = rows[-1].row_number


def _link(session: Session, ready: Any, after: int) -> None:
    """Say on each row which parcel it became; the code is unique in the register."""
    became = (
        sa.select(Parcel.id)
        .where(Parcel.code == ParcelImportRow.code, Parcel.id > after)
        .correlate(ParcelImportRow)
        .scalar_subquery()
    )
    session.execute(
        sa.update(ParcelImportRow)
        .where(ready)
        .values(parcel_id=became)
        .execution_options(synchronize_session=False)
    )
