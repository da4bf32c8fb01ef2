"""The register of parcels: what lies near, what a caller may see, and how rows enter it."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from datetime import timedelta, timezone
from typing import Any, Final

import numpy as np
import shapely
import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.errors import NotFound
from carbon_platform.identity.rules import Actor
from carbon_platform.parcels import rules
from carbon_platform.parcels.candidates import Box, candidates_of, index_boxes, meets
from carbon_platform.parcels.history import Record, record_events
from carbon_platform.parcels.history_tables import ParcelEvent
from carbon_platform.parcels.staged_rows import Registered
from carbon_platform.parcels.tables import Parcel, ParcelImport, ParcelImportRow

CHINA: Final = timezone(timedelta(hours=8))
REGISTERED: Final = "registered"
# Parameters of one statement are limited on both engines.
_CHUNK: Final = 5_000
# A map this many pixels wide shows no detail finer than its width / MAP_PIXELS.
MAP_PIXELS: Final = 2000


def registered_near(
    session: Session,
    boxes: list[Box],
    codes: Collection[str],
    *,
    after: int = 0,
    after_event: int | None = None,
    but_import: int | None = None,
) -> Registered:
    """Parcels whose box meets one of ``boxes``, and those with one of ``codes``.

    ``after``: only parcels with a higher id, or with an event above ``after_event`` where that is given.
    Ended parcels come without a shape: their land is free, their code is not.
    """
    changed = _changed_ids(session, after, after_event) if after and after_event is not None else set()
    near = candidates_of(session, boxes, after=0 if changed else after) if boxes else []
    if changed:
        near = [key for key in near if key > after or key in changed]
    columns = (Parcel.id, Parcel.code, Parcel.geometry, Parcel.status, Parcel.kind, Parcel.county_code,
               Parcel.version)  # fmt: skip
    rows: dict[int, Any] = {}
    fields: dict[str, dict[str, Any]] = {}
    for start in range(0, len(near), _CHUNK):
        statement = _but(sa.select(*columns).where(Parcel.id.in_(near[start : start + _CHUNK])), but_import)
        rows |= {row.id: row for row in session.execute(statement)}
    said = (Parcel.stated_area_m2, Parcel.right_holder, Parcel.attributes)
    listed = list(codes)
    for start in range(0, len(listed), _CHUNK):
        chosen = sa.select(*columns, *said).where(Parcel.code.in_(listed[start : start + _CHUNK]))
        for row in session.execute(_but(chosen, but_import)):
            rows[row.id] = row
            fields[row.code] = {
                "kind": row.kind,
                "stated_area_m2": row.stated_area_m2,
                "right_holder": row.right_holder,
                "attributes": row.attributes,
            }
    found = [rows[key] for key in sorted(rows)]
    geoms = shapely.from_wkb([row.geometry if row.status == REGISTERED else None for row in found])
    return Registered(
        ids=[row.id for row in found],
        codes=[row.code for row in found],
        geoms=np.asarray(geoms, dtype=object),
        kinds=[row.kind for row in found],
        counties=[row.county_code for row in found],
        versions=[row.version for row in found],
        fields=fields,
    )


def _but(statement: sa.Select[Any], import_id: int | None) -> sa.Select[Any]:
    return statement if import_id is None else statement.where(Parcel.import_id != import_id)


def _changed_ids(session: Session, up_to: int, after_event: int) -> set[int]:
    """Parcels up to an id with an event above ``after_event``."""
    statement = sa.select(ParcelEvent.parcel_id).where(
        ParcelEvent.id > after_event, ParcelEvent.parcel_id <= up_to
    )
    return set(session.scalars(statement))


def enter(session: Session, record: ParcelImport, rows: list[ParcelImportRow], event: Record) -> None:
    """Write rows of a report into the register, its history and the index of boxes, and link them."""
    if not rows:
        return
    bounds = shapely.bounds(shapely.from_wkb([row.geometry for row in rows])).tolist()
    values = parcel_values(record, rows, bounds, event)
    statement = sa.insert(Parcel).returning(Parcel.id, sort_by_parameter_order=True)
    ids = list(session.scalars(statement, values))
    index_boxes(session, zip(ids, [tuple(box) for box in bounds], strict=True))
    record_events(session, ids, "registered", event)
    for row, parcel_id in zip(rows, ids, strict=True):
        row.parcel_id = parcel_id


def parcel_values(
    record: ParcelImport, rows: Iterable[Any], boxes: Iterable[list[float]], event: Record
) -> list[dict[str, Any]]:
    """Columns of ``parcel`` for rows of a report (its table's columns) with their bounds."""
    year = record.uploaded_at.astimezone(CHINA).year
    common = {
        "source_epsg": record.epsg,
        "status": REGISTERED,
        "valid_from": event.effective_on,
        "valid_to": None,
        "import_id": record.id,
        "version": 1,
    }
    return [_parcel_of(row, box, year) | common for row, box in zip(rows, boxes, strict=True)]


def _parcel_of(row: Any, box: list[float], uploaded_in: int) -> dict[str, Any]:
    attributes = row.attributes
    year, origin = rules.planting_year(attributes, uploaded_in)
    kept = dict(attributes)
    kept.pop("right_holder", None)
    if origin:
        kept.setdefault("planting_year_origin", origin)  # a part of a parcel has its whole's
    return {
        "code": row.code,
        "kind": row.kind,
        "county_code": row.county_code,
        "township_code": attributes["township_code"],
        "village_code": attributes["village_code"],
        "area_m2": row.area_m2,
        "stated_area_m2": row.stated_area_m2,
        "species_code": attributes.get("species_code", ""),
        "land_class_code": attributes.get("land_class_code", ""),
        "planting_year": year,
        "right_holder": attributes.get("right_holder", ""),
        "attributes": kept,
        "geometry": row.geometry,
        "source_geometry": row.source_geometry,
        "min_lon": box[0],
        "min_lat": box[1],
        "max_lon": box[2],
        "max_lat": box[3],
    }


# --- reading --------------------------------------------------------------------------------------


def in_scope(column: Any, actor: Actor) -> sa.ColumnElement[bool]:
    """Condition: the region code in ``column`` lies in the actor's region."""
    if not actor.region_code:
        return sa.false()
    condition: sa.ColumnElement[bool] = column.startswith(actor.region_code, autoescape=True)
    return condition


def parcels_statement(
    actor: Actor, *, kind: str | None = None, county: str | None = None, status: str | None = None
) -> sa.Select[Any]:
    """Parcels the actor may see, by code."""
    statement = sa.select(Parcel).where(in_scope(Parcel.county_code, actor))
    for column, value in ((Parcel.kind, kind), (Parcel.county_code, county), (Parcel.status, status)):
        if value:
            statement = statement.where(column == value)
    return statement.order_by(Parcel.code)


def get_parcel(session: Session, actor: Actor, code: str) -> Parcel:
    """One parcel; ``NotFound`` also for one outside the actor's region."""
    found: Parcel | None = session.scalar(parcels_statement(actor).where(Parcel.code == code))
    if found is None:
        raise NotFound(what="地块", key=code)
    return found


def get_parcels(session: Session, actor: Actor, codes: Collection[str]) -> list[Parcel]:
    """Parcels by code, in the order of ``codes``; ``NotFound`` names those the actor cannot see."""
    wanted = list(dict.fromkeys(codes))
    found: dict[str, Parcel] = {}
    for start in range(0, len(wanted), _CHUNK):
        chunk = parcels_statement(actor).where(Parcel.code.in_(wanted[start : start + _CHUNK]))
        found |= {parcel.code: parcel for parcel in session.scalars(chunk)}
    missing = [code for code in wanted if code not in found]
    if missing:
        more = f" 等 {len(missing)} 个" if len(missing) > 3 else ""
        raise NotFound(what="地块", key="、".join(missing[:3]) + more)
    return [found[code] for code in wanted]


def map_geojson(
    session: Session, actor: Actor, bounds: Box, *, kind: str | None = None, limit: int = 2000
) -> str:
    """Parcels in a box as GeoJSON text, the largest first when there are more than ``limit``.

    Shapes are simplified to what a map of this box can show. Right holders are never in it.
    """
    dialect = session.get_bind().dialect.name
    statement = parcels_statement(actor, kind=kind).where(meets(dialect, bounds))
    total = session.scalar(sa.select(sa.func.count()).select_from(statement.order_by(None).subquery())) or 0
    largest = statement.order_by(None).order_by(Parcel.area_m2.desc(), Parcel.id).limit(limit)
    width = max(bounds[2] - bounds[0], bounds[3] - bounds[1])
    features = feature_texts(list(session.scalars(largest)), tolerance=width / MAP_PIXELS)
    truncated = json.dumps(total > len(features))
    return (
        f'{{"type":"FeatureCollection","total":{total},"truncated":{truncated},'
        f'"features":[{",".join(features)}]}}'
    )


def geometry_of(wkb: bytes) -> dict[str, Any]:
    """A stored shape as a GeoJSON geometry, CGCS2000 degrees with 7 decimals."""
    shape = shapely.transform(shapely.from_wkb(wkb), lambda xy: np.round(xy, 7))
    found: dict[str, Any] = json.loads(shapely.to_geojson(shape))
    return found


def feature_texts(parcels: list[Parcel], *, tolerance: float = 0.0) -> list[str]:
    """GeoJSON features (CGCS2000 degrees, 7 decimals) of parcels, without any personal data.

    ``tolerance``: degrees by which a line may move when simplified; 0 keeps every vertex.
    """
    shapes = np.asarray(shapely.from_wkb([parcel.geometry for parcel in parcels]), dtype=object)
    if tolerance > 1e-6:
        shapes = shapely.simplify(shapes, tolerance, preserve_topology=True)
    shapes = shapely.transform(shapes, lambda xy: np.round(xy, 7))
    texts = shapely.to_geojson(shapes).tolist() if len(parcels) else []
    features = []
    for parcel, geometry in zip(parcels, texts, strict=True):
        properties = {
            "code": parcel.code,
            "kind": parcel.kind,
            "county_code": parcel.county_code,
            "area_m2": parcel.area_m2,
            "status": parcel.status,
        }
        features.append(
            f'{{"type":"Feature","id":{parcel.id},"properties":{json.dumps(properties)},"geometry":{geometry}}}'
        )
    return features
