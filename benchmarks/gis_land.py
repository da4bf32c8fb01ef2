"""Made land for the measurements: fields that cover the city and share wavy borders. Nobody owns it.

The same count gives the same land. One field in two hundred is drawn as a bow-tie, one in three hundred
reaches into its neighbour, one in a thousand is on file twice: what a bureau's own layers hold.
"""

from __future__ import annotations

import csv
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import pyogrio
import shapely

from carbon_platform.regions.service import DATA as REGIONS
from gis.counties import assign_county, load_counties
from gis.crs import PLANE, to_lonlat, to_plane
from gis.measure import M2_PER_HA, ellipsoidal_area_m2

_SEED = 20261123
_PIECES = 12
"""Pieces of each side: a field has 49 positions."""


@dataclass(frozen=True)
class Land:
    """``plane``: EPSG:4526, to the millimetre; ``lonlat``: the same in degrees; ``county``: code of each."""

    plane: Any
    lonlat: Any
    county: Any


def made_land(count: int, *, faults: bool = True) -> Land:
    """``count`` fields of the city, in rows from the south; all counties have some."""
    city = to_plane([shapely.union_all(load_counties().geoms)])[0]
    cells = _fields(city, count, digits=3)
    lonlat = to_lonlat(cells, PLANE)
    county = assign_county(lonlat)["code"].to_numpy().astype(str)
    inside = np.flatnonzero(county != "")
    if len(inside) < count:
        raise RuntimeError(f"the lattice gave {len(inside)} fields inside the city, {count} were wanted")
    # Evenly out of all, so that no county is left out.
    kept = np.sort(np.random.default_rng(_SEED).permutation(inside)[:count])
    cells = cells[kept]
    if faults:
        _spoil(cells)
        lonlat = to_lonlat(cells, PLANE)
    else:
        lonlat = lonlat[kept]
    return Land(cells, lonlat, county[kept])


def many_fields(count: int) -> Land:
    """``count`` sound fields laid out in degrees, all said to be of one county: a register of a million."""
    city = shapely.union_all(load_counties().geoms)
    cells = _fields(city, count, digits=9)[:count]
    return Land(cells, cells, np.full(len(cells), "411522"))


def _fields(city: Any, count: int, *, digits: int) -> Any:
    """At least ``count`` fields of a wavy lattice whose middle lies in ``city``; in its units."""
    west, south, east, north = city.bounds
    side = (0.97 * city.area / count) ** 0.5
    columns, lines = int((east - west) / side) + 1, int((north - south) / side) + 1
    rng = np.random.default_rng(_SEED)
    x, y = np.meshgrid(np.arange(columns + 1), np.arange(lines + 1), indexing="ij")
    nodes = np.stack([west + side * x, south + side * y], axis=-1)
    nodes = nodes + rng.uniform(-0.15, 0.15, nodes.shape) * side
    across = _sides(nodes[:-1], nodes[1:], side, rng)
    up = _sides(nodes[:, :-1], nodes[:, 1:], side, rng)
    rings = np.concatenate(
        [across[:, :-1], up[1:], _back(across[:, 1:], nodes[1:, 1:]), _back(up[:-1], nodes[:-1, 1:])], axis=2
    )
    rings = np.round(rings.reshape(-1, 4 * _PIECES, 2), digits)
    shapely.prepare(city)
    near = shapely.contains_xy(city, rings[:, ::_PIECES].mean(axis=1))
    closed = np.concatenate([rings[near], rings[near][:, :1]], axis=1)
    return shapely.polygons(closed)


def _sides(start: Any, end: Any, side: float, rng: np.random.Generator) -> Any:
    """Positions from ``start`` on, without ``end``: straight but for a small wave."""
    share = np.arange(_PIECES) / _PIECES
    straight = start[..., None, :] + (end - start)[..., None, :] * share[:, None]
    wave = rng.normal(0.0, 0.012 * side, straight.shape)
    wave[..., 0, :] = 0.0
    return straight + wave


def _back(sides: Any, end: Any) -> Any:
    """The same positions the other way round, beginning with ``end``."""
    return np.concatenate([end[..., None, :], sides[..., :0:-1, :]], axis=-2)


def _spoil(cells: Any) -> None:
    rng = np.random.default_rng(_SEED + 1)
    order = rng.permutation(len(cells))
    ties, reaching, twice = len(cells) // 200, len(cells) // 300, len(cells) // 1000
    for row in order[:ties]:
        ring = shapely.get_coordinates(cells[row])
        ring[[10, 30]] = ring[[30, 10]]
        cells[row] = shapely.Polygon(ring)
    for row in order[ties : ties + reaching]:
        cells[row] = shapely.transform(cells[row], lambda xy: np.round(np.add(xy, (25.0, 0.0)), 3))
    copies = order[ties + reaching : ties + reaching + twice]
    cells[copies] = cells[copies - 1]


def table_of(land: Land) -> pd.DataFrame:
    """A 小班 table of family A with 36 columns, as a bureau fills it in."""
    count = len(land.plane)
    rng = np.random.default_rng(_SEED + 2)
    number = np.arange(count)
    sound = np.where(shapely.is_valid(land.lonlat), land.lonlat, shapely.make_valid(land.lonlat))
    words = ("国有林场油茶基地", "农户承包经营", "合作社经营，二〇一八年栽植", "村集体统一经营")
    fixed = {
        "SHENG": "41", "LD_QS": "20", "LMSYQ": "30", "LMJYQ": "30", "DI_LEI": "0131", "SEN_LIN_LB": "022",
        "LIN_ZHONG": "252", "G_CHENG_LB": "", "QI_YUAN": "20", "YOU_SHI_SZ": "751", "LING_ZU": "2",
        "JJLCQ": "3", "DI_MAO": "5", "PO_WEI": "3", "TU_RANG_LX": "黄棕壤", "SHI_QUAN_D": "20", "BH_DJ": "4",
        "ZL_DJ": "3", "SHUZHONG_Z": "10油茶", "Q_LD_QS": "20", "BHYY": "", "TU_RANG_ZD": "2",
    }  # fmt: skip
    return pd.DataFrame(
        {
            **dict.fromkeys(fixed, ""),
            **{name: pd.Series([text] * count) for name, text in fixed.items()},
            "XIAN": land.county,
            "XIANG": _townships(land.county),
            "CUN": [f"{200 + n // 500 % 10:03d}" for n in number],
            "LIN_BAN": [f"{n // 100 % 10000:04d}" for n in number],
            "XIAO_BAN": [f"{n % 100 + 1:05d}" for n in number],
            "MIAN_JI": np.round(ellipsoidal_area_m2(sound) / M2_PER_HA, 2),
            "PINGJUN_NL": rng.integers(3, 14, count).astype(np.int32),
            "YU_BI_DU": np.round(rng.uniform(0.3, 0.9, count), 2),
            "PINGJUN_XJ": np.round(rng.uniform(2, 9, count), 1),
            "PINGJUN_SG": np.round(rng.uniform(1, 3, count), 1),
            "MEI_GQ_ZS": rng.integers(90, 166, count).astype(np.int32) * 10,
            "HAI_BA": rng.integers(60, 420, count).astype(np.int32),
            "PO_XIANG": rng.integers(1, 9, count).astype(str),
            "PO_DU": rng.integers(2, 35, count).astype(np.int32),
            "TU_CENG_HD": rng.integers(30, 80, count).astype(np.int32),
            "BEIZHU": [words[n % 4] + str(n) for n in number],
        }
    )


def _townships(county: Any) -> list[str]:
    """A real township of its county for each field, in blocks of fifty."""
    with (REGIONS / "townships.csv").open(encoding="utf-8", newline="") as lines:
        codes = [row["code"] for row in csv.DictReader(line for line in lines if not line.startswith("#"))]
    of_county = {code: [c[6:] for c in codes if c.startswith(code)] for code in set(county.tolist())}
    return [of_county[code][n // 50 % len(of_county[code])] for n, code in enumerate(county.tolist())]


def write_shapefile(land: Land, folder: Path) -> Path:
    """A GBK shapefile without .cpg, with a .prj, in ``folder``; the .shp."""
    shp = folder / "layer.shp"
    layer = geopandas.GeoDataFrame(table_of(land), geometry=land.plane, crs=PLANE)
    pyogrio.write_dataframe(
        layer, shp, driver="ESRI Shapefile", encoding="GBK", layer_options={"RESIZE": "YES"}
    )
    shp.with_suffix(".cpg").unlink(missing_ok=True)
    dbf = bytearray(shp.with_suffix(".dbf").read_bytes())
    dbf[29] = 0
    shp.with_suffix(".dbf").write_bytes(dbf)
    return shp


def zip_shapefile(shp: Path, target: Path) -> Path:
    """The upload: one zip with the four parts."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for suffix in (".shp", ".shx", ".dbf", ".prj"):
            archive.write(shp.with_suffix(suffix), f"layer{suffix}")
    return target


def scratch() -> tempfile.TemporaryDirectory[str]:
    """A folder for files of a measurement, gone afterwards."""
    return tempfile.TemporaryDirectory(prefix="carbon-bench-")
