"""How much land is registered where: numbers per township and county, for maps of the whole region.

They are summed once per state of the register and kept in the process: a map of the city then costs the same
whether it holds a thousand parcels or a million.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final
from weakref import WeakKeyDictionary

import shapely
import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from carbon_platform.parcels.tables import Parcel
from carbon_platform.regions.tables import Region
from gis import counties

# Of one engine (one database): the version it was summed at, and the sums.
_KEPT: Final[WeakKeyDictionary[Any, tuple[int, list[Any]]]] = WeakKeyDictionary()
_LOCK: Final = threading.Lock()


@dataclass(frozen=True)
class Place:
    """A county or township with land on file. ``lon``, ``lat``: where its number is written, in degrees."""

    level: str
    code: str
    county_code: str
    name_zh: str
    name_en: str
    lon: float
    lat: float
    area_m2: float
    parcels_by_kind: dict[str, int]
    main: str

    @property
    def properties(self) -> dict[str, Any]:
        return {
            "level": self.level,
            "code": self.code,
            "name_zh": self.name_zh,
            "name_en": self.name_en,
            "parcels": sum(self.parcels_by_kind.values()),
            "area_m2": round(self.area_m2),
            "main": self.main,
            **self.parcels_by_kind,
        }


def places_of(
    session: Session, version: int, level: str, *, kind: str = "", status: str = "registered"
) -> list[Place]:
    """Places of one level, by code. ``version``: the register's; sums of an older one are made again.

    ``level``: ``county`` or ``township``; ``kind`` and ``status`` empty for all.
    """
    sums = [
        row
        for row in _sums(session, version)
        if (not kind or row.kind == kind) and (not status or row.status == status)
    ]
    groups: dict[str, list[Any]] = {}
    for row in sums:
        groups.setdefault(row.county_code if level == "county" else row.township_code, []).append(row)
    return [_place(level, code, groups[code]) for code in sorted(groups) if code.isdigit()]


def _sums(session: Session, version: int) -> list[Any]:
    """Number, area and middle of the parcels of each township, kind and status, with the township's name."""
    engine = session.get_bind().engine
    with _LOCK:
        kept = _KEPT.get(engine)
    if kept is not None and kept[0] == version:
        return kept[1]
    groups = (Parcel.county_code, Parcel.township_code, Parcel.kind, Parcel.status)
    statement = sa.select(
        *groups,
        sa.func.count().label("parcels"),
        sa.func.sum(Parcel.area_m2).label("area_m2"),
        sa.func.sum(Parcel.min_lon + Parcel.max_lon).label("lons"),
        sa.func.sum(Parcel.min_lat + Parcel.max_lat).label("lats"),
    ).group_by(*groups)
    summed = statement.subquery()
    county = aliased(Region)
    named = (
        sa.select(
            summed,
            Region.name_zh,
            Region.name_en,
            county.name_zh.label("county_zh"),
            county.name_en.label("county_en"),
        )
        .outerjoin(Region, Region.code == summed.c.township_code)
        .outerjoin(county, county.code == summed.c.county_code)
        .order_by(summed.c.township_code, summed.c.kind, summed.c.status)
    )
    rows = list(session.execute(named))
    with _LOCK:
        _KEPT[engine] = (version, rows)
    return rows


def _place(level: str, code: str, rows: Iterable[Any]) -> Place:
    rows = list(rows)
    by_kind: dict[str, int] = {}
    area: dict[str, float] = {}
    for row in rows:
        by_kind[row.kind] = by_kind.get(row.kind, 0) + row.parcels
        area[row.kind] = area.get(row.kind, 0.0) + row.area_m2
    county_code = rows[0].county_code
    zh, en = rows[0].name_zh or code, rows[0].name_en or ""
    if level == "county":
        zh, en = rows[0].county_zh or code, rows[0].county_en or ""
    lon, lat = _middle(level, code, rows)
    main = max(sorted(area), key=lambda kind: area[kind])
    return Place(level, code, county_code, zh, en, lon, lat, sum(area.values()), by_kind, main)


def _middle(level: str, code: str, rows: list[Any]) -> tuple[float, float]:
    """Where the number is written: inside a county whose border is known, else amid the parcels."""
    if level == "county" and code in counties.county_codes():
        point = shapely.point_on_surface(counties.county_geometry(code))
        return float(point.x), float(point.y)
    count = 2 * sum(row.parcels for row in rows)
    return sum(row.lons for row in rows) / count, sum(row.lats for row in rows) / count
