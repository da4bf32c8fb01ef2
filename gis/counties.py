"""The ten counties of Xinyang and the county of a parcel.

Source, licence and accuracy of the borders: ``gis/data/xinyang_counties.md``. Never a legal boundary.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
import shapely

DATA: Final = Path(__file__).with_name("data")


class Counties(NamedTuple):
    """Codes, names and polygons (CGCS2000 degrees), in the order of the codes."""

    codes: tuple[str, ...]
    names_zh: tuple[str, ...]
    names_en: tuple[str, ...]
    geoms: Any


@lru_cache(maxsize=2)
def load_counties(*, outline: bool = False) -> Counties:
    """The counties; ``outline=True`` gives the simplified coverage for overview maps."""
    file = DATA / ("xinyang_counties_outline.geojson" if outline else "xinyang_counties.geojson")
    features = json.loads(file.read_text(encoding="utf-8"))["features"]
    geoms = shapely.from_geojson([json.dumps(feature["geometry"]) for feature in features])
    shapely.prepare(geoms)
    words = [feature["properties"] for feature in features]
    codes, zh, en = (tuple(str(word[key]) for word in words) for key in ("code", "name_zh", "name_en"))
    return Counties(codes, zh, en, geoms)


def county_codes() -> tuple[str, ...]:
    """411502 … 411528, ascending."""
    return load_counties().codes


def county_name(code: str, language: str = "zh") -> str:
    """Name of a county; ``KeyError`` for a code that is none of the ten."""
    counties = load_counties()
    names = counties.names_en if language.startswith("en") else counties.names_zh
    return dict(zip(counties.codes, names, strict=True))[code]


def county_geometry(code: str) -> Any:
    """Polygon of one county in degrees; ``KeyError`` for a code that is none of the ten."""
    counties = load_counties()
    return dict(zip(counties.codes, counties.geoms, strict=True))[code]


@lru_cache(maxsize=1)
def _built_in_segments() -> Any:
    return _border_segments(load_counties())


def _border_segments(counties: Counties) -> Any:
    """Index over the single segments of all county borders."""
    lines = shapely.boundary(counties.geoms)
    xy, line = shapely.get_coordinates(shapely.get_parts(lines), return_index=True)
    inside = line[1:] == line[:-1]
    return shapely.STRtree(shapely.linestrings(np.stack([xy[:-1][inside], xy[1:][inside]], axis=1)))


def assign_county(geoms_lonlat: Any, counties: Counties | None = None) -> Any:
    """County of each shape.

    A parcel whose box meets no border segment lies in one county (or in none) as a whole: its
    representative point decides. The others get the county that holds most of their area; shares are areas
    in degrees, which within one parcel are proportional to areas on the ground.

    Args:
        geoms_lonlat: valid polygons in degrees, array-like; ``None`` gives no county.
        counties: borders in force; the built-in ones by default.

    Returns:
        Frame on a RangeIndex: ``code`` ("" where no county holds any of it), ``share`` of the parcel's area
        in that county (0 to 1) and ``border`` (the parcel meets a county border).
    """
    counties = counties or load_counties()
    segments = _built_in_segments() if counties is load_counties() else _border_segments(counties)
    geoms = np.asarray(geoms_lonlat, dtype=object).reshape(-1)
    present = ~shapely.is_missing(geoms) & ~shapely.is_empty(geoms)
    best = np.full(len(geoms), -1)
    share = np.zeros(len(geoms))
    near = np.zeros(len(geoms), dtype=bool)
    near[np.unique(segments.query(_boxes(geoms))[0])] = True
    plain = np.flatnonzero(present & ~near)
    xy = shapely.get_coordinates(shapely.point_on_surface(geoms[plain]))
    for number, county in enumerate(counties.geoms):
        inside = plain[shapely.contains_xy(county, xy)]
        best[inside], share[inside] = number, 1.0
    border = np.flatnonzero(present & near)
    if len(border):
        area = shapely.area(geoms[border])
        parts = shapely.area(shapely.intersection(geoms[border][:, None], counties.geoms[None, :]))
        most = parts.argmax(axis=1)
        held = np.divide(parts.max(axis=1), area, out=np.zeros_like(area), where=area > 0)
        best[border] = np.where(held > 0, most, -1)
        share[border] = np.minimum(held, 1.0)
    codes = np.array([*counties.codes, ""], dtype=object)
    whole = _in_one(best, share) | (best < 0)
    return pd.DataFrame(
        {"code": pd.Series(codes[best], dtype="str"), "share": share, "border": near & ~whole}
    )


def _in_one(best: Any, share: Any) -> Any:
    """Is the parcel in one county as a whole (but for rounding)?"""
    return (best >= 0) & (share > 1 - 1e-9)


def _boxes(geoms: Any) -> Any:
    bounds = shapely.bounds(geoms)
    boxes = np.full(len(geoms), None, dtype=object)
    ok = np.isfinite(bounds).all(axis=1)
    boxes[ok] = shapely.box(bounds[ok, 0], bounds[ok, 1], bounds[ok, 2], bounds[ok, 3])
    return boxes
