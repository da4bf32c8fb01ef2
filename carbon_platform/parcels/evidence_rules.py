"""Checks of evidence: place, time, likeness. Functions of values: no session, no clock."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
import shapely

from carbon_platform.errors import PlatformError
from carbon_platform.parcels.evidence_words import Finding, finding
from gis.crs import to_plane
from gis.projection_gcj import from_gcj02

KINDS: Final = ("photo", "document", "water_log", "tenure")
CHINA: Final = timezone(timedelta(hours=8))
_CLOCKS_APART: Final = timedelta(minutes=10)
_EDITORS: Final = re.compile(
    r"photoshop|lightroom|gimp|snapseed|meitu|美图|picsart|midjourney|dall|firefly", re.IGNORECASE
)


class EvidenceRefused(PlatformError):
    """A file that is not what its kind takes; ``errors`` names each place where known."""

    code, status = "evidence.refused", 422
    zh = "这份文件不能作为证据收下：{reason}。"
    en = "The file cannot be taken as evidence: {reason_en}."


class PictureRefused(EvidenceRefused):
    code = "evidence.picture_refused"


@dataclass(frozen=True)
class Limits:
    """Limits of the checks; unit, source and status of each stand in ``data/evidence.toml``."""

    file_mb: int
    image_megapixels: float
    photo_distance_m: float
    photo_duplicate_bits: int
    log_gap_days: int
    seasons: dict[str, tuple[str, str]]

    @property
    def file_bytes(self) -> int:
        return self.file_mb << 20


@cache
def limits() -> Limits:
    path = Path(__file__).with_name("data") / "evidence.toml"
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    seasons = {kind: (entry["from"], entry["to"]) for kind, entry in data.pop("season").items()}
    return Limits(
        seasons=seasons, **{k: entry["value"] for k, entry in data.items() if isinstance(entry, dict)}
    )


def distance_m(lon: float, lat: float, land: shapely.Geometry) -> float:
    """From a place to the edge of a parcel (both degrees, CGCS2000); 0 inside."""
    point, shape = to_plane(np.array([shapely.Point(lon, lat), land], dtype=object))
    return float(shapely.distance(point, shape))


def place_findings(
    lon: float | None, lat: float | None, land: shapely.Geometry, limit_m: float
) -> list[Finding]:
    """Where a photo was taken, against its parcel. WGS-84 and CGCS2000 count as one: they differ by < 1 m."""
    if lon is None or lat is None:
        return [finding("place_missing")]
    metres = distance_m(lon, lat, land)
    if metres == 0:
        return [finding("place_inside")]
    if metres <= limit_m:
        return [finding("place_near", metres=metres, limit=limit_m)]
    [[true_lon, true_lat]] = from_gcj02([[lon, lat]])
    corrected = distance_m(float(true_lon), float(true_lat), land)
    if corrected <= limit_m:
        return [finding("place_shifted", metres=metres, corrected=corrected)]
    return [finding("place_far", metres=metres, limit=limit_m)]


def time_findings(
    taken_at: datetime | None,
    gps_at: datetime | None,
    *,
    kind: str,
    shows: tuple[date, date] | None,
    now: datetime,
    seasons: dict[str, tuple[str, str]],
) -> list[Finding]:
    """When a photo was taken, against the period it is said to show, else against the crop's season."""
    at = taken_at or gps_at
    if at is None:
        return [finding("time_missing")]
    found = []
    if at > now + timedelta(minutes=5):
        found.append(finding("time_future", at=_clock(at)))
    if taken_at and gps_at and abs(taken_at - gps_at) > _CLOCKS_APART:
        minutes = abs(taken_at - gps_at) / timedelta(minutes=1)
        found.append(finding("clock_apart", at=_clock(taken_at), other=_clock(gps_at), minutes=minutes))
    day = at.astimezone(CHINA).date()
    if shows:
        code = "time_inside" if shows[0] <= day <= shows[1] else "time_outside"
        found.append(finding(code, day=day, first=shows[0], last=shows[1]))
    elif kind in seasons:
        first, last = seasons[kind]
        inside = first <= f"{day:%m-%d}" <= last
        code = "time_inside" if inside else "season_outside"
        found.append(finding(code, day=day, first=first, last=last))
    return found


def edit_findings(software: str) -> list[Finding]:
    return [finding("edited", software=software)] if _EDITORS.search(software) else []


def _clock(at: datetime) -> str:
    return f"{at.astimezone(CHINA):%Y-%m-%d %H:%M}"


def bits_apart(one: str, other: str) -> int:
    """In how many of their 128 bits two picture hashes differ."""
    return (int(one, 16) ^ int(other, 16)).bit_count()


def alike(picture_hash: str, others: Sequence[str], limit: int) -> list[tuple[int, int]]:
    """(Bits apart, place) of the hashes that differ in at most ``limit`` bits, the nearest first."""
    if not others:
        return []
    rows = np.frombuffer(bytes.fromhex("".join(others)), dtype=np.uint64).reshape(-1, 2)
    own = np.frombuffer(bytes.fromhex(picture_hash), dtype=np.uint64)
    apart = np.bitwise_count(rows ^ own).sum(axis=1)
    near = np.flatnonzero(apart <= limit)
    return sorted((int(apart[place]), int(place)) for place in near)
