"""Made parcels on real land: seeded camellia 小班 and rice 地块 layers as their offices would send them.

Real: the county borders (``gis/data``), the county, township and village codes
(``carbon_platform/regions/data``), field names, field types and code lists (林地一张图 2011–2019; NY/T
2539), the coordinate system, GBK text without .cpg, and the ranges of size (camellia 0.05–30 ha, paddies
0.03–1.5 ha).

Made (illustrative): every parcel, its place, shape, number, age and remark. Village borders are not public,
so a village code only tells which cluster a parcel belongs to, not where the village lies. Nobody owns
these parcels.

The same seed gives the same bytes. Camellia and rice never overlap; two camellia layers of one county with
different seeds may.
"""

from __future__ import annotations

import csv
import io
import tempfile
import zipfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import geopandas
import numpy as np
import pandas as pd
import pyogrio
import shapely

from demo.tessellate import Tessellation, free_spot, random_point, tessellate
from gis.counties import county_codes, county_geometry, county_name
from gis.crs import PLANE, to_lonlat, to_plane
from gis.measure import M2_PER_HA, M2_PER_MU, ellipsoidal_area_m2

CAMELLIA_CODE: Final = "751"
"""YOU_SHI_SZ of 油茶 in the demo's species table (editions differ: 751 and 752 are met)."""
UNKNOWN_SPECIES_CODE: Final = "999"
SURVEY_YEAR: Final = 2025
PLANTING_YEARS: Final = (2012, 2022)
_REGIONS: Final = Path(__file__).resolve().parent.parent / "carbon_platform" / "regions" / "data"
_CAMELLIA_SIZES: Final = Tessellation(
    0.05, 30.0, cluster_median_ha=2.0, cluster_sigma=0.75, wiggle=0.03, colour=0
)
_RICE_SIZES: Final = Tessellation(
    0.03, 1.5, cluster_median_ha=0.22, cluster_sigma=0.35, wiggle=0.0, colour=1, lattice=True
)


@dataclass(frozen=True)
class MadeFile:
    """What was written: ``faults`` names the deliberate fault of a row (numbered from 1)."""

    path: Path
    rows: int
    faults: dict[int, str]


def make_camellia_zip(
    path: Path, county_code: str, count: int, seed: int, *, faults: bool = False
) -> MadeFile:
    """Write a zipped 小班 shapefile of camellia stands in one county.

    Args:
        path: zip to write.
        county_code: one of the ten counties.
        count: parcels; with ``faults``, six of them are faulty (at least 30 parcels then).
        seed: same seed, same bytes.
    """
    rng = np.random.default_rng([seed, int(county_code), 1])
    cells, cluster = tessellate(_county_plane(county_code), count, rng, _CAMELLIA_SIZES)
    made = _shape_faults(cells, county_code, rng) if faults else {}
    frame = _camellia_rows(cells, cluster, county_code, rng)
    if faults:
        made |= _attribute_faults(frame, set(made), rng)
    _write_zip(path, frame, cells, f"{county_name(county_code)}油茶小班")
    return MadeFile(path, count, dict(sorted(made.items())))


def make_rice_zip(path: Path, county_code: str, count: int, seed: int) -> MadeFile:
    """Write a zipped 地块 (DK) shapefile of paddies in one county; arguments as for camellia."""
    rng = np.random.default_rng([seed, int(county_code), 2])
    cells, cluster = tessellate(_county_plane(county_code), count, rng, _RICE_SIZES)
    frame = _rice_rows(cells, cluster, county_code, rng)
    _write_zip(path, frame, cells, f"DK{county_code}{SURVEY_YEAR}{county_name(county_code)}")
    return MadeFile(path, count, {})


@lru_cache(maxsize=10)
def _county_plane(county_code: str) -> Any:
    return to_plane([county_geometry(county_code)])[0]


@lru_cache(maxsize=1)
def _villages() -> tuple[tuple[str, str], ...]:
    """(12-digit code, name) of every village and community of the city."""
    with (_REGIONS / "villages.csv").open(encoding="utf-8", newline="") as file:
        return tuple((row["code"], row["name_zh"]) for row in csv.DictReader(file))


def _village_of(cluster: Any, county_code: str, rng: np.random.Generator) -> list[tuple[str, str]]:
    """A village of the county for each parcel, one per cluster; committees of villages, not of streets."""
    rural = [(code, name) for code, name in _villages() if code.startswith(county_code) and "村" in name]
    if len(rural) <= cluster.max():
        raise ValueError(f"{county_code} has {len(rural)} villages for more clusters; ask for fewer parcels")
    drawn = rng.choice(len(rural), size=int(cluster.max()) + 1, replace=False)
    return [rural[drawn[number]] for number in cluster]


def _area_m2(cells: Any) -> Any:
    """Ellipsoidal area; of a spoiled shape, that of the land it surrounds."""
    sound = np.where(shapely.is_valid(cells), cells, shapely.make_valid(cells))
    return ellipsoidal_area_m2(to_lonlat(sound, PLANE))


def _numbers(cluster: Any) -> Any:
    """1, 2, 3 … within each cluster."""
    return pd.Series(cluster).groupby(cluster).cumcount().to_numpy() + 1


def _camellia_rows(cells: Any, cluster: Any, county_code: str, rng: np.random.Generator) -> Any:
    n = len(cells)
    villages = _village_of(cluster, county_code, rng)
    planted = rng.integers(PLANTING_YEARS[0], PLANTING_YEARS[1] + 1, int(cluster.max()) + 1)[cluster]
    age = SURVEY_YEAR - planted
    area_ha = np.round(_area_m2(cells) / M2_PER_HA, 2)
    special = rng.random(n) < 0.8  # 国家特别规定灌木林, the rest 乔木林
    slope = np.clip(rng.normal(16, 6, n), 2, 35).astype(int)
    return pd.DataFrame(
        {
            "SHENG": "41",
            "XIAN": county_code,
            "XIANG": [code[6:9] for code, _ in villages],
            "CUN": [code[9:12] for code, _ in villages],
            "LIN_BAN": [f"{number + 1:04d}" for number in cluster],
            "XIAO_BAN": [f"{number:05d}" for number in _numbers(cluster)],
            "MIAN_JI": area_ha,
            "LD_QS": "20",
            "LMSYQ": rng.choice(["20", "30"], n, p=[0.4, 0.6]),
            "LMJYQ": rng.choice(["20", "30", "40"], n, p=[0.2, 0.6, 0.2]),
            "DI_LEI": np.where(special, "0131", "0111"),
            "Q_DI_LEI": rng.choice(["0173", "0220", "0132"], n),
            "SEN_LIN_LB": "022",
            "LIN_ZHONG": "252",
            "G_CHENG_LB": "",
            "QI_YUAN": rng.choice(["20", "21"], n, p=[0.5, 0.5]),
            "YOU_SHI_SZ": CAMELLIA_CODE,
            "PINGJUN_NL": age.astype(np.int32),
            "LING_ZU": np.where(age <= 5, "1", "2"),
            "JJLCQ": np.select([age <= 4, age <= 8], ["1", "2"], "3"),
            "YU_BI_DU": np.round(np.clip(0.25 + 0.04 * age + rng.normal(0, 0.06, n), 0.2, 0.9), 2),
            "PINGJUN_XJ": np.round(np.clip(1.0 + 0.45 * age + rng.normal(0, 0.4, n), 0.5, 12), 1),
            "PINGJUN_SG": np.round(np.clip(0.6 + 0.16 * age + rng.normal(0, 0.15, n), 0.3, 4), 1),
            "MEI_GQ_ZS": rng.integers(90, 166, n).astype(np.int32) * 10,
            "DI_MAO": "5",
            "HAI_BA": rng.integers(60, 420, n).astype(np.int32),
            "PO_XIANG": rng.integers(1, 9, n).astype(str),
            "PO_WEI": rng.integers(2, 6, n).astype(str),
            "PO_DU": slope.astype(np.int32),
            "TU_RANG_LX": "黄棕壤",
            "TU_CENG_HD": (rng.integers(6, 17, n) * 5).astype(np.int32),
            "BHND": planted.astype(str),
            "BEIZHU": [
                f"油茶，{year}年栽植，{name}" for year, (_, name) in zip(planted, villages, strict=True)
            ],
        }
    )


def _rice_rows(cells: Any, cluster: Any, county_code: str, rng: np.random.Generator) -> Any:
    n = len(cells)
    villages = _village_of(cluster, county_code, rng)
    group = rng.integers(1, 13, int(cluster.max()) + 1)[cluster]
    area_m2 = _area_m2(cells)
    numbers = _numbers(cluster)
    names = ["大坝", "塘下", "门前", "河湾", "长冲", "圆田", "东畈", "西畈", "井边", "庙后"]
    return pd.DataFrame(
        {
            "BSM": np.arange(1, n + 1, dtype=np.int32),
            "YSDM": "211011",
            "DKBM": [
                f"{code}{team:02d}{number:05d}"
                for (code, _), team, number in zip(villages, group, numbers, strict=True)
            ],
            "DKMC": rng.choice(names, n),
            "SYQXZ": rng.choice(["31", "32"], n, p=[0.6, 0.4]),
            "DKLB": rng.choice(["10", "22"], n, p=[0.95, 0.05]),
            "TDLYLX": "011",
            "DLDJ": rng.choice(["03", "04", "05"], n),
            "TDYT": "1",
            "SFJBNT": rng.choice(["1", "2"], n, p=[0.9, 0.1]),
            "SCMJ": area_m2,
            "SCMJM": np.round(area_m2 / M2_PER_MU, 2),
            "DKDZ": "水渠",
            "DKXZ": "田埂",
            "DKNZ": "田埂",
            "DKBZ": "机耕路",
            "DKBZXX": [f"水稻，{name}" for _, name in villages],
        }
    )


def _shape_faults(cells: Any, county_code: str, rng: np.random.Generator) -> dict[int, str]:
    """Spoil four shapes in place: overlap, bow-tie, wrong county, too small."""
    if len(cells) < 30:
        raise ValueError(f"faults need at least 30 parcels, not {len(cells)}")
    left, right = shapely.STRtree(cells).query(cells, predicate="touches")
    sides = np.flatnonzero(shapely.length(shapely.intersection(cells[left], cells[right])) > 20)
    pick = sides[int(rng.integers(len(sides)))]
    row, neighbour = int(left[pick]), int(right[pick])
    # Large enough that each has its own fault only.
    roomy = shapely.area(cells) > 5000
    others = [int(i) for i in rng.permutation(np.flatnonzero(roomy)) if i not in (row, neighbour)]
    crossed, strayed, small = others[:3]
    strip = shapely.buffer(cells[row], 0.25 * float(np.sqrt(shapely.area(cells[row]))))
    both = shapely.union(cells[row], shapely.intersection(strip, cells[neighbour]))
    cells[row] = _moved(max(shapely.get_parts(both), key=shapely.area))
    ring = shapely.get_coordinates(cells[crossed])[:-1]
    quarter = len(ring) // 4
    bow_tie = shapely.Polygon(ring[[0, 2 * quarter, quarter, 3 * quarter]])
    cells[crossed] = _moved(bow_tie, 0.7)
    cells[strayed] = _moved(cells[strayed], target=_inside_neighbour(county_code, rng))
    cells[small] = _moved(cells[small], float(np.sqrt(350.0 / shapely.area(cells[small]))))
    return {
        row + 1: "overlap",
        crossed + 1: "self_intersection",
        strayed + 1: "other_county",
        small + 1: "too_small",
    }


def _moved(cell: Any, factor: float = 1.0, target: Any = None) -> Any:
    """A shape scaled about the middle of its corners and, with ``target``, moved there; 1 mm."""
    middle = shapely.get_coordinates(cell)[:-1].mean(axis=0)
    goal = middle if target is None else target
    return shapely.transform(cell, lambda xy: np.round((xy - middle) * factor + goal, 3))


def _inside_neighbour(county_code: str, rng: np.random.Generator) -> Any:
    here = county_geometry(county_code)
    near = [
        code
        for code in county_codes()
        if code != county_code and shapely.touches(county_geometry(code), here)
    ]
    other = _county_plane(near[int(rng.integers(len(near)))])
    for _ in range(10_000):
        x, y = random_point(other, rng)
        if free_spot(shapely.buffer(other, -500), x, y, 500, _CAMELLIA_SIZES.colour):
            return np.array([x, y])
    raise ValueError(f"no free spot beside {county_code}")


def _attribute_faults(frame: Any, taken: set[int], rng: np.random.Generator) -> dict[int, str]:
    """Spoil two records in place: area typed in 亩, unknown species."""
    # A parcel of a size whose figure in 亩 is plainly no figure in hectares.
    free = [
        int(i) for i in rng.permutation(len(frame)) if i + 1 not in taken and frame.loc[i, "MIAN_JI"] >= 0.5
    ]
    in_mu, unknown = free[:2]
    frame.loc[in_mu, "MIAN_JI"] = round(float(frame.loc[in_mu, "MIAN_JI"]) * 15, 2)
    frame.loc[unknown, "YOU_SHI_SZ"] = UNKNOWN_SPECIES_CODE
    return {in_mu + 1: "area_in_mu", unknown + 1: "unknown_species"}


def _write_zip(path: Path, frame: Any, cells: Any, title: str) -> None:
    """Zip a GBK shapefile as a Chinese desktop does: no .cpg, no language byte, GBK entry names."""
    layer = geopandas.GeoDataFrame(frame, geometry=cells, crs=PLANE)
    with tempfile.TemporaryDirectory() as folder:
        shp = Path(folder) / "layer.shp"
        options = {"RESIZE": "YES", "DBF_DATE_LAST_UPDATE": f"{SURVEY_YEAR}-12-31"}
        pyogrio.write_dataframe(layer, shp, driver="ESRI Shapefile", encoding="GBK", layer_options=options)
        parts = {suffix: shp.with_suffix(suffix).read_bytes() for suffix in (".shp", ".shx", ".dbf", ".prj")}
    dbf = parts[".dbf"]
    parts[".dbf"] = dbf[:29] + b"\0" + dbf[30:]
    path.write_bytes(_gbk_zip(title, parts))


def _gbk_zip(title: str, parts: dict[str, bytes]) -> bytes:
    """Zip with GBK names and no UTF-8 flag; ``zipfile`` by itself writes ASCII or UTF-8 names only."""
    name = title.encode("gbk")
    placeholder = b"@" * len(name)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for suffix in parts:
            info = zipfile.ZipInfo(placeholder.decode() + suffix, (SURVEY_YEAR, 12, 31, 12, 0, 0))
            archive.writestr(info, parts[suffix], zipfile.ZIP_DEFLATED)
    data = buffer.getvalue()
    for suffix in parts:
        data = data.replace(placeholder + suffix.encode(), name + suffix.encode())
    return data
