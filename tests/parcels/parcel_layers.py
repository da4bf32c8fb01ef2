"""Small synthetic layers: squares on a grid in the middle of 光山县 (411522), in EPSG:4526."""

from __future__ import annotations

from functools import cache
from typing import Any

import geopandas
import numpy as np
import shapely

from gis.counties import county_geometry
from gis.crs import PLANE, to_plane
from gis.vector_files import VectorLayer

COUNTY = "411522"
NEIGHBOUR = "411523"


@cache
def middle(county: str = COUNTY) -> tuple[float, float]:
    """A point well inside the county, metres in EPSG:4526."""
    point = to_plane([shapely.point_on_surface(county_geometry(county))])[0]
    return float(np.floor(point.x)), float(np.floor(point.y))


def square(column: float = 0, line: float = 0, side_m: float = 100.0, county: str = COUNTY) -> Any:
    """A square on a 100 m grid; (0, 0) has its lower left corner in the county's middle."""
    x, y = middle(county)
    x, y = x + 100 * column, y + 100 * line
    return shapely.box(x, y, x + side_m, y + side_m)


def record(number: int = 1, **changes: Any) -> dict[str, Any]:
    """One row of a family A table: camellia on one hectare."""
    return {
        "XIAN": COUNTY,
        "XIANG": "207",
        "CUN": "014",
        "LIN_BAN": "0003",
        "XIAO_BAN": f"{number:05d}",
        "MIAN_JI": 1.0,
        "DI_LEI": "0131",
        "LIN_ZHONG": "252",
        "YOU_SHI_SZ": "751",
        "PINGJUN_NL": 6,
        **changes,
    }


def paddy(number: int = 1, **changes: Any) -> dict[str, Any]:
    """One row of a DK table: a paddy of one hectare."""
    return {
        "DKBM": f"41152220701401{number:05d}",
        "DKMC": "大坝",
        "TDLYLX": "011",
        "SCMJ": 10_000.0,
        "SCMJM": 15.0,
        "ZJRXM": "某人",
        **changes,
    }


def layer(rows: list[dict[str, Any]], shapes: list[Any] | None = None) -> VectorLayer:
    """A layer as the reader hands it over. Default shapes: squares of one hectare, side by side."""
    shapes = shapes if shapes is not None else [square(i) for i in range(len(rows))]
    geometry = np.empty(len(shapes), dtype=object)
    geometry[:] = shapes
    frame = geopandas.GeoDataFrame(rows, geometry=geometry, crs=PLANE)
    return VectorLayer(frame, "gb18030", PLANE, "prj", "测试", ())
