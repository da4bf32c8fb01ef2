"""Rows that were accepted become parcels, and changes of parcels. The caller runs alone and has checked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import shapely
import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.parcels import history, rules
from carbon_platform.parcels.candidates import Box, index_boxes
from carbon_platform.parcels.history import Record
from carbon_platform.parcels.register import CHINA, REGISTERED, enter
from carbon_platform.parcels.tables import Parcel, ParcelImport, ParcelImportRow

ENDED = "ended"
_LINEAGE = {"split": "split", "merged": "merged"}


def apply_rows(
    session: Session,
    record: ParcelImport,
    rows: list[ParcelImportRow],
    event: Record,
    *,
    without_approval: Iterable[ParcelImportRow] = (),
) -> None:
    """Write rows into the register with their events, lineage and index of boxes, and link them.

    ``without_approval``: rows that needed no second person; their events do not name the one of ``event``.
    """
    plain = {row.row_number for row in without_approval}
    new = [row for row in rows if not _own(row) and row.change not in ("ended", "restored")]
    parents = _parcels(session, rows)
    history.ensure_first_events(session, sorted(parents))
    _end_replaced(session, rows, parents, event)
    alone = Record(**{**event.values(), "approved_by": None, "approved_by_id": None})
    enter(session, record, [row for row in new if row.row_number in plain], alone)
    enter(session, record, [row for row in new if row.row_number not in plain], event)
    _change_living(session, record, rows, parents, event)
    _link(session, rows)
    session.flush()


def _own(row: ParcelImportRow) -> Any:
    """The target that lives on under the row, if any."""
    return next((target for target in row.diff.get("targets", []) if target.get("own")), None)


def _parcels(session: Session, rows: list[ParcelImportRow]) -> dict[int, Parcel]:
    ids = sorted({target["id"] for row in rows for target in row.diff.get("targets", [])})
    found: dict[int, Parcel] = {}
    for start in range(0, len(ids), 500):
        chunk = sa.select(Parcel).where(Parcel.id.in_(ids[start : start + 500]))
        found |= {parcel.id: parcel for parcel in session.scalars(chunk)}
    return found


def _takers(rows: Sequence[ParcelImportRow]) -> dict[int, list[ParcelImportRow]]:
    takers: dict[int, list[ParcelImportRow]] = defaultdict(list)
    for row in rows:
        for target in row.diff.get("targets", []):
            takers[target["id"]].append(row)
    return takers


def _end_replaced(
    session: Session, rows: list[ParcelImportRow], parents: dict[int, Parcel], event: Record
) -> None:
    """End the parcels whose land went to rows with other numbers."""
    ended: dict[str, list[int]] = defaultdict(list)
    for parcel_id, takers in sorted(_takers(rows).items()):
        lives = any(_own(row) and _own(row)["id"] == parcel_id for row in takers)
        if lives or takers[0].change in ("ended", "restored"):
            continue
        kind = "split" if len(takers) > 1 else "merged" if takers[0].change == "merged" else "ended"
        parcel = parents[parcel_id]
        parcel.status, parcel.valid_to = ENDED, event.effective_on
        parcel.version += 1
        ended[kind].append(parcel_id)
    session.flush()
    for kind, ids in ended.items():
        history.record_events(session, ids, kind, event)


def _change_living(
    session: Session,
    record: ParcelImport,
    rows: list[ParcelImportRow],
    parents: dict[int, Parcel],
    event: Record,
) -> None:
    """Parcels that live on with another state, and those that end or stand again by themselves."""
    takers = _takers(rows)
    kinds: dict[str, list[int]] = defaultdict(list)
    boxes: list[tuple[int, Box]] = []
    for row in rows:
        own = _own(row)
        if row.change in ("ended", "restored"):
            parcel = parents[row.diff["targets"][0]["id"]]
            ends = row.change == "ended"
            parcel.status = ENDED if ends else REGISTERED
            parcel.valid_to = event.effective_on if ends else None
            kind = row.change
        elif own:
            parcel = parents[own["id"]]
            if row.geometry is not None:
                boxes.append((parcel.id, _set_shape(record, parcel, row)))
            _set_fields(record, parcel, row)
            parcel.import_id = record.id
            divided = len(takers[parcel.id]) > 1
            kind = "merged" if row.change == "merged" else "split" if divided else "corrected"
        else:
            continue
        parcel.version += 1
        row.parcel_id = parcel.id
        kinds[kind].append(parcel.id)
    session.flush()
    index_boxes(session, boxes)
    for kind, ids in kinds.items():
        history.record_events(session, ids, kind, event)


def _set_shape(record: ParcelImport, parcel: Parcel, row: ParcelImportRow) -> Box:
    """Give a parcel the border of a row; its new box."""
    assert row.geometry is not None
    west, south, east, north = shapely.bounds(shapely.from_wkb(row.geometry)).tolist()
    parcel.geometry, parcel.source_geometry = row.geometry, row.source_geometry or row.geometry
    parcel.source_epsg, parcel.area_m2 = record.epsg, row.area_m2 or 0.0
    parcel.min_lon, parcel.min_lat, parcel.max_lon, parcel.max_lat = west, south, east, north
    parcel.county_code = row.county_code or parcel.county_code
    return west, south, east, north


def _set_fields(record: ParcelImport, parcel: Parcel, row: ParcelImportRow) -> None:
    said = {name: value for name, value in row.attributes.items() if value is not None}
    cleared = set(row.diff.get("cleared", []))
    parcel.kind = row.kind or parcel.kind
    parcel.stated_area_m2 = parcel.stated_area_m2 if row.stated_area_m2 is None else row.stated_area_m2
    for name in ("species_code", "land_class_code", "right_holder"):
        setattr(parcel, name, "" if name in cleared else said.get(name) or getattr(parcel, name))
    kept = {name: value for name, value in parcel.attributes.items() if name not in cleared}
    kept |= {name: value for name, value in said.items() if name != "right_holder"}
    dated = ("planting_year", "change_year", "mean_age_years", "previous_land_class")
    if any(kept.get(name) != parcel.attributes.get(name) for name in dated):
        survey_year = record.uploaded_at.astimezone(CHINA).year
        parcel.planting_year, origin = rules.planting_year(kept, survey_year)
        kept["planting_year_origin"] = origin
    parcel.attributes = kept


def _link(session: Session, rows: Sequence[ParcelImportRow]) -> None:
    """Say what was made of what."""
    links: dict[tuple[int, int], str] = {}
    for row in rows:
        for target in row.diff.get("targets", []):
            if row.parcel_id is not None and target["id"] != row.parcel_id:
                links[target["id"], row.parcel_id] = _LINEAGE.get(row.change, "replaced")
    if links:
        events = history.newest_events(session, sorted({child for _, child in links}))
        history.record_lineage(session, list(links), list(links.values()), events)
