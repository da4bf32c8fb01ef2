"""What is on file of land that changed: layers, flags, the numbers concerned, a map."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import shapely
import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.credits.land_change_tables import LandChangeLayer, LandFlag, LandFlagRange
from carbon_platform.credits.tables import CreditBatch
from carbon_platform.errors import NotFound
from carbon_platform.identity.rules import Actor
from carbon_platform.parcels.register import in_scope
from carbon_platform.parcels.tables import Parcel

_CHUNK: Final = 500


def layers_statement(actor: Actor) -> sa.Select[Any]:
    """Layers whose sender's region the actor sees, or lies in; newest first."""
    if not actor.region_code:
        return sa.select(LandChangeLayer).where(sa.false())
    # A county sees what the city imported: its parcels may be flagged by it.
    above = [actor.region_code[:length] for length in (2, 4, 6) if length <= len(actor.region_code)]
    seen = sa.or_(in_scope(LandChangeLayer.region_code, actor), LandChangeLayer.region_code.in_(above))
    return sa.select(LandChangeLayer).where(seen).order_by(LandChangeLayer.id.desc())


def get_layer(session: Session, actor: Actor, number: str) -> LandChangeLayer:
    found: LandChangeLayer | None = session.scalar(
        layers_statement(actor).where(LandChangeLayer.number == number)
    )
    if found is None:
        raise NotFound(what="变化图层", key=number)
    return found


def flags_statement(
    actor: Actor, *, layer: LandChangeLayer | None = None, status: str | None = None
) -> sa.Select[Any]:
    """(LandFlag, Parcel) of the actor's region, by number."""
    statement: Any = (
        sa.select(LandFlag, Parcel)
        .join(Parcel, Parcel.id == LandFlag.parcel_id)
        .where(in_scope(Parcel.county_code, actor))
    )
    if layer is not None:
        statement = statement.where(LandFlag.layer_id == layer.id)
    if status:
        statement = statement.where(LandFlag.status == status)
    ordered: sa.Select[Any] = statement.order_by(LandFlag.number)
    return ordered


def ranges_of(session: Session, flags: Sequence[LandFlag]) -> dict[int, list[tuple[CreditBatch, int, int]]]:
    """Flag id → (batch, first, last) of its parcel's numbers."""
    found: dict[int, list[tuple[CreditBatch, int, int]]] = {flag.id: [] for flag in flags}
    for start in range(0, len(flags), _CHUNK):
        part = [flag.id for flag in flags[start : start + _CHUNK]]
        rows = session.execute(
            sa.select(LandFlagRange, CreditBatch)
            .join(CreditBatch, CreditBatch.id == LandFlagRange.batch_id)
            .where(LandFlagRange.flag_id.in_(part))
            .order_by(LandFlagRange.flag_id, CreditBatch.id, LandFlagRange.first)
        )
        for row, batch in rows:
            found[row.flag_id].append((batch, row.first, row.last))
    return found


def layer_geojson(
    session: Session, actor: Actor, layer: LandChangeLayer, feature_texts: Callable[[list[Parcel]], list[str]]
) -> str:
    """Flagged parcels and the change on them, for a map; no personal data."""
    rows = session.execute(flags_statement(actor, layer=layer)).all()
    features = feature_texts([parcel for _flag, parcel in rows])
    for flag, parcel in rows:
        shape = shapely.transform(shapely.from_wkb(flag.geometry), lambda xy: np.round(xy, 7))
        words = f'"code":"{parcel.code}","flag":"{flag.number}","kind":"{flag.kind}","status":"change"'
        features.append(
            f'{{"type":"Feature","properties":{{{words}}},"geometry":{shapely.to_geojson(shape)}}}'
        )
    return f'{{"type":"FeatureCollection","features":[{",".join(features)}]}}'
