"""Change polygons against parcels, and what a row of such a layer says. Values in, values out."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import shapely

from carbon_platform.errors import PlatformError
from gis.crs import to_plane

KINDS: Final = ("fire", "clear_cut")
_DAY: Final = re.compile(r"(\d{4})[-/.年]?(\d{1,2})[-/.月]?(\d{1,2})日?(?:[T ].*)?")
_EARLIEST: Final = date(1980, 1, 1)


class ChangeLayerRefused(PlatformError):
    """``errors`` names the file's fault, or the rows without kind or day."""

    code, status = "credits.change_layer_refused", 422
    zh = "变化图层没有导入：{reason}"
    en = "The layer of change was not imported: {reason_en}"


class LandDisturbed(PlatformError):
    """``errors`` names each parcel and the flag that stands against it."""

    code, status = "credits.land_disturbed", 409
    zh = "有 {count} 块地上的火灾或皆伐还没有复核了结，不能签发。请先复核：{flags}。"
    en = "Fire or clear-cut on {count} parcels is not settled; nothing was issued. Review first: {flags}."


@dataclass(frozen=True)
class Settings:
    """Limits, aliases and words; unit, source and status of each stand in ``data/land_change.toml``."""

    overlap_min_m2: float
    overlap_min_width_m: float
    columns: dict[str, tuple[str, ...]]
    kinds: dict[str, tuple[str, ...]]


@cache
def settings() -> Settings:
    path = Path(__file__).with_name("data") / "land_change.toml"
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    return Settings(
        overlap_min_m2=float(data["overlap_min_m2"]["value"]),
        overlap_min_width_m=float(data["overlap_min_width_m"]["value"]),
        columns={name: tuple(data["columns"][name]) for name in ("kind", "happened_on")},
        kinds={name: tuple(data["kinds"][name]) for name in KINDS},
    )


def column_for(name: str, present: Sequence[str]) -> str | None:
    """The column of a layer that says ``kind`` or ``happened_on``, if it has one."""
    folded = {_fold(column): column for column in present}
    return next((folded[_fold(alias)] for alias in settings().columns[name] if _fold(alias) in folded), None)


def _fold(text: str) -> str:
    return unicodedata.normalize("NFKC", str(text)).strip().casefold()


def kind_of(cell: Any) -> str | None:
    """``fire`` or ``clear_cut`` by the words of the list; None for anything else."""
    text = _fold(cell) if isinstance(cell, str) else ""
    for kind, words in settings().kinds.items():
        if any(text.startswith(_fold(word)) for word in words):
            return kind
    return None


def day_of(cell: Any, today: date) -> date | None:
    """A day up to ``today``; None for what is no such day."""
    if isinstance(cell, datetime):
        found: date | None = cell.date()
    elif isinstance(cell, date):
        found = cell
    else:
        text = str(int(cell)) if isinstance(cell, float) and cell == cell and cell.is_integer() else str(cell)
        match = _DAY.fullmatch(_fold(text))
        try:
            found = date(int(match[1]), int(match[2]), int(match[3])) if match else None
        except ValueError:
            found = None
    return found if found and _EARLIEST <= found <= today else None


@dataclass(frozen=True)
class Affected:
    """Of parcel ``parcel`` (its place in the list) these ``polygons`` cover ``shape`` (degrees): ``share``
    of it, on the plane."""

    parcel: int
    polygons: tuple[int, ...]
    largest: int
    shape: shapely.Geometry
    share: float


def affected(parcels: Sequence[shapely.Geometry], polygons: Sequence[shapely.Geometry]) -> list[Affected]:
    """Which parcels the polygons (both valid, in degrees) cover more of than a border drawn inexactly.

    The polygons count together: two halves of a fire are one fire, and where they overlap land counts once.
    """
    land = np.asarray(parcels, dtype=object)
    change = np.asarray(polygons, dtype=object)
    if not len(land) or not len(change):
        return []
    land_plane, change_plane = to_plane(land), to_plane(change)
    left, right = shapely.STRtree(change_plane).query(land_plane, predicate="intersects")
    found = []
    for place in np.unique(left):
        near = right[left == place]
        covered = shapely.intersection(land_plane[place], shapely.union_all(change_plane[near]))
        if not _counts(covered):
            continue
        parts = shapely.area(shapely.intersection(land_plane[place], change_plane[near]))
        order = np.argsort(-parts, kind="stable")
        rows = tuple(int(row) for row in sorted(near[parts > 0]))
        share = min(1.0, float(shapely.area(covered) / shapely.area(land_plane[place])))
        shape = shapely.intersection(land[place], shapely.union_all(change[near]))
        found.append(Affected(int(place), rows, int(near[order[0]]), _surface(shape), share))
    return found


def _counts(covered: shapely.Geometry) -> bool:
    """Whether any piece of the covered land is large and wide enough. Metres."""
    bounds = settings()
    for piece in shapely.get_parts(_surface(covered)):
        area, length = shapely.area(piece), shapely.length(piece)
        if area >= bounds.overlap_min_m2 and 2 * area / length >= bounds.overlap_min_width_m:
            return True
    return False


def _surface(shape: shapely.Geometry) -> shapely.Geometry:
    """Polygons only: where borders touch, points and lines come along."""
    parts = shapely.get_parts(shape)
    if shapely.get_type_id(shape) == 7:
        parts = shapely.get_parts(parts)
    return shapely.multipolygons(parts[shapely.get_type_id(parts) == 3])


def lowest(first: int, last: int, share: float) -> tuple[int, int]:
    """The low part of a range that makes up ``share`` of it, rounded up to a whole kilogram."""
    count = last - first + 1
    return first, first + max(1, -int(-(count * share) // 1)) - 1


def without(first: int, last: int, gone: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """What is left of a range when ``gone`` ranges are taken out."""
    left = []
    for start, end in sorted(gone):
        if end < first or start > last:
            continue
        if start > first:
            left.append((first, start - 1))
        first = max(first, end + 1)
    return [*left, (first, last)] if first <= last else left


def decisions_of(status: str) -> tuple[str, ...]:
    """What may be decided about a flag as it stands."""
    ways: Mapping[str, tuple[str, ...]] = {"open": ("clear", "confirm"), "confirmed": ("settle",)}
    return ways.get(status, ())


OUTCOMES: Final = {"clear": "cleared", "confirm": "confirmed", "settle": "settled"}
