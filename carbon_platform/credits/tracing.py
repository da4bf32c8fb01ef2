"""From numbered kilograms to the very parcels they come from, over any number of batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.credits.allocation import Share, trace
from carbon_platform.credits.tables import BatchShare, Retirement, RetirementRange
from carbon_platform.parcels.tables import Parcel

Spans = Sequence[tuple[int, int]]


@dataclass(frozen=True)
class Part:
    """Numbers ``first`` … ``last`` of a batch that come from one parcel."""

    batch_id: int
    first: int
    last: int


@dataclass(frozen=True)
class TracedParcel:
    """A parcel, the kilograms of a certificate (or batch) that come from it, and which ones."""

    parcel: Parcel
    quantity_kg: int
    parts: tuple[Part, ...]


def spans_of(session: Session, retirement: Retirement) -> dict[int, list[tuple[int, int]]]:
    """Batch id → the number ranges of a certificate, ascending."""
    rows = session.scalars(
        sa.select(RetirementRange)
        .where(RetirementRange.retirement_id == retirement.id)
        .order_by(RetirementRange.batch_id, RetirementRange.first)
    )
    spans: dict[int, list[tuple[int, int]]] = {}
    for row in rows:
        spans.setdefault(row.batch_id, []).append((row.first, row.last))
    return spans


def traced_parcels(session: Session, spans: Mapping[int, Spans]) -> list[TracedParcel]:
    """The parcels behind number ranges, most kilograms first. A parcel that gave to several batches (its
    years are batches of their own) comes once, with all its kilograms."""
    kilograms: dict[int, int] = {}
    parts: dict[int, list[Part]] = {}
    shares: dict[int, list[Share]] = {}
    rows = session.execute(
        sa.select(BatchShare).where(BatchShare.batch_id.in_(spans)).order_by(BatchShare.batch_id)
    ).scalars()
    for row in rows:
        shares.setdefault(row.batch_id, []).append(Share(row.parcel_id, row.first, row.last))
    for batch_id, own in shares.items():
        for parcel_id, quantity_kg in trace(spans[batch_id], own).items():
            kilograms[parcel_id] = kilograms.get(parcel_id, 0) + quantity_kg
        for share in own:
            for first, last in spans[batch_id]:
                common = Part(batch_id, max(first, share.first), min(last, share.last))
                if common.first <= common.last:
                    parts.setdefault(share.parcel_id, []).append(common)
    parcels = session.scalars(sa.select(Parcel).where(Parcel.id.in_(kilograms)))
    found = [TracedParcel(p, kilograms[p.id], tuple(parts[p.id])) for p in parcels]
    return sorted(found, key=lambda traced: (-traced.quantity_kg, traced.parcel.code))


def parcels_of(session: Session, retirement: Retirement) -> list[TracedParcel]:
    """The parcels of a certificate; their kilograms add up to its quantity."""
    return traced_parcels(session, spans_of(session, retirement))
