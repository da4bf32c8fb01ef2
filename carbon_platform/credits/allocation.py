"""From whole tonnes to numbered kilograms: which vintage, county and parcel each one comes from.

Values in, values out. The project's net is rounded once, to whole tonnes; everything here only divides
that integer, by largest remainder, so that nothing is gained or lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction

from carbon_platform.units import KG_PER_T, split_largest_remainder


@dataclass(frozen=True)
class ParcelNet:
    """A parcel's unrounded net result; negative when it emits."""

    parcel_id: int
    county_code: str
    net_t: float


@dataclass(frozen=True)
class Share:
    """Numbers ``first`` … ``last`` of a batch come from this parcel."""

    parcel_id: int
    first: int
    last: int

    @property
    def quantity_kg(self) -> int:
        return self.last - self.first + 1


@dataclass(frozen=True)
class Lot:
    """What becomes one batch: a vintage of a county, numbered from 1."""

    county_code: str
    vintage: int
    quantity_kg: int
    shares: tuple[Share, ...]


def vintages(start: date, end: date) -> dict[int, int]:
    """Calendar year → days of the half-open period in it."""
    days: dict[int, int] = {}
    day = start
    while day < end:
        stop = min(date(day.year + 1, 1, 1), end)
        days[day.year] = days.get(day.year, 0) + (stop - day) // timedelta(days=1)
        day = stop
    return days


def allocate(parcels: Sequence[ParcelNet], *, issuable_t: int, start: date, end: date) -> list[Lot]:
    """Divide ``issuable_t`` whole tonnes into lots of (vintage, county) and their kilograms into parcels.

    A lot's weight is the sum of its parcels' net, negative ones included (a county that emits as a whole
    gets nothing), times the vintage's days. Within a lot the kilograms go to the parcels that removed
    carbon, by their net, in the order of parcel ids: parcel k holds the numbers after those of k−1.
    Lots and shares of zero kilograms are left out. Σ lots = ``issuable_t`` · 1000 exactly.
    """
    days = vintages(start, end)
    counties: dict[str, Fraction] = {}
    for parcel in parcels:
        counties[parcel.county_code] = counties.get(parcel.county_code, Fraction(0)) + Fraction(parcel.net_t)
    places = [(county, year) for county in sorted(counties) for year in sorted(days)]
    weights = [max(counties[county], Fraction(0)) * days[year] for county, year in places]
    quantities = split_largest_remainder(issuable_t * KG_PER_T, weights)
    lots = []
    for (county, year), quantity_kg in zip(places, quantities, strict=True):
        if quantity_kg:
            shares = number(quantity_kg, (p for p in parcels if p.county_code == county))
            lots.append(Lot(county, year, quantity_kg, shares))
    return lots


def number(quantity_kg: int, parcels: Iterable[ParcelNet]) -> tuple[Share, ...]:
    """Give the numbers 1 … ``quantity_kg`` to the parcels with a positive net, in the order of their ids."""
    giving = sorted((p for p in parcels if p.net_t > 0), key=lambda p: p.parcel_id)
    parts = split_largest_remainder(quantity_kg, [Fraction(p.net_t) for p in giving])
    shares, next_number = [], 1
    for parcel, part in zip(giving, parts, strict=True):
        if part:
            shares.append(Share(parcel.parcel_id, next_number, next_number + part - 1))
            next_number += part
    return tuple(shares)


def trace(ranges: Iterable[tuple[int, int]], shares: Iterable[Share]) -> dict[int, int]:
    """Parcel id → kilograms of the given number ranges that come from it."""
    found: dict[int, int] = {}
    for share in shares:
        for first, last in ranges:
            common = min(last, share.last) - max(first, share.first) + 1
            if common > 0:
                found[share.parcel_id] = found.get(share.parcel_id, 0) + common
    return found


def serial(batch_code: str, first: int, last: int) -> str:
    """Rendering of a number range. Only for people: nothing reads it back."""
    return f"{batch_code}-{first}-{last}"
