"""The map of a report: its rows by what they would do, and the registered land they change or meet."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import shapely
import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.identity.rules import Actor
from carbon_platform.parcels.history_tables import ParcelEvent
from carbon_platform.parcels.import_records import diff_word, rows_statement
from carbon_platform.parcels.register import MAP_PIXELS, in_scope
from carbon_platform.parcels.tables import Parcel, ParcelImport, ParcelImportRow

_CHUNK = 500


def preview_geojson(session: Session, actor: Actor, record: ParcelImport, *, limit: int = 2000) -> str:
    """Rows with a shape as GeoJSON text (CGCS2000 degrees): those with something to say first, in file order.

    ``layer`` is ``row`` or ``registered`` (the parcels the rows take the place of, as they stand now). Shapes
    are simplified to what a map of all of them can show. Nobody's name is in it.
    """
    has_shape = rows_statement(record).where(ParcelImportRow.geometry.is_not(None)).order_by(None)
    total = session.scalar(sa.select(sa.func.count()).select_from(has_shape.subquery())) or 0
    plain = sa.case((ParcelImportRow.outcome.in_(("accepted", "same")), 1), else_=0)
    chosen = has_shape.order_by(plain, ParcelImportRow.row_number).limit(limit)
    rows = list(session.scalars(chosen))
    before = _before(session, actor, rows)
    shapes = np.asarray(
        shapely.from_wkb([*(row.geometry for row in rows), *(one["geometry"] for one in before)]),
        dtype=object,
    )
    properties = [*(_of_row(row) for row in rows), *(one["properties"] for one in before)]
    features = _features(shapes, properties)
    truncated = json.dumps(total > len(rows))
    return (
        f'{{"type":"FeatureCollection","total":{total},"truncated":{truncated},'
        f'"features":[{",".join(features)}]}}'
    )


def _of_row(row: ParcelImportRow) -> dict[str, Any]:
    return {
        "layer": "row",
        "row": row.row_number,
        "identity": row.identity,
        "change": diff_word(row.change, row.outcome),
        "outcome": row.outcome,
        "area_m2": row.area_m2,
    }


def _before(session: Session, actor: Actor, rows: list[ParcelImportRow]) -> list[dict[str, Any]]:
    """Parcels the rows take the place of, as they were when the report was made."""
    versions = {target["id"]: target["version"] for row in rows for target in row.diff.get("targets", [])}
    ids, found = sorted(versions), []
    for start in range(0, len(ids), _CHUNK):
        chunk = ids[start : start + _CHUNK]
        then = {
            event.parcel_id: event
            for event in session.execute(
                sa.select(
                    ParcelEvent.parcel_id, ParcelEvent.version, ParcelEvent.geometry, ParcelEvent.area_m2
                ).where(ParcelEvent.parcel_id.in_(chunk))
            )
            if event.version == versions[event.parcel_id]
        }
        now = sa.select(Parcel).where(Parcel.id.in_(chunk), in_scope(Parcel.county_code, actor))
        for parcel in session.scalars(now.order_by(Parcel.id)):
            state = then.get(parcel.id, parcel)
            properties = _of_parcel(parcel.code, state.area_m2)
            found.append({"geometry": state.geometry, "properties": properties})
    return found


def _of_parcel(code: str, area_m2: float) -> dict[str, Any]:
    said = {"layer": "registered", "identity": code, "change": "before", "area_m2": area_m2}
    return {**said, "status": "draft"}  # drawn dashed


def _features(shapes: Any, properties: list[dict[str, Any]]) -> list[str]:
    if not len(shapes):
        return []
    west, south, east, north = shapely.total_bounds(shapes).tolist()
    tolerance = max(east - west, north - south) / MAP_PIXELS
    if tolerance > 1e-6:
        shapes = shapely.simplify(shapes, tolerance / 4, preserve_topology=True)
    texts = shapely.to_geojson(shapely.transform(shapes, lambda xy: np.round(xy, 7))).tolist()
    return [
        f'{{"type":"Feature","id":{number},"properties":{json.dumps(said, ensure_ascii=False)},'
        f'"geometry":{text}}}'
        for number, (said, text) in enumerate(zip(properties, texts, strict=True), start=1)
    ]
