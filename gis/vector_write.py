"""Vector layers written for other programs: GeoPackage, shapefile in a zip, GeoJSON.

The mirror of :mod:`gis.vector_files` for land that is the platform's own, so no sandbox is needed. Shapes
come in the coordinate system they leave in; nothing is transformed, simplified or rounded here.
"""

from __future__ import annotations

import tempfile
import warnings
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pyproj
import shapely

from gis.crs import LONLAT

GBK_LDID: Final = 0x4D  # language byte of a .dbf whose text is code page 936
_LDID_AT: Final = 29
_STAMP: Final = (1980, 1, 1, 0, 0, 0)  # the earliest a zip entry can have: same land, same bytes


@dataclass(frozen=True)
class Column:
    """One attribute: its name (at most 10 ASCII characters, so that every format takes it) and its values.

    ``kind``: text, real, integer. None means no value.
    """

    name: str
    kind: str
    values: Sequence[Any]


def write_gpkg(path: Path, shapes: Any, columns: Sequence[Column], *, layer: str, epsg: int) -> None:
    """One layer of multi-polygons."""
    frame = _frame(shapes, columns, epsg)
    pyogrio.write_dataframe(frame, path, driver="GPKG", layer=layer, geometry_type="MultiPolygon")


def write_geojson(path: Path, shapes: Any, columns: Sequence[Column]) -> None:
    """CGCS2000 degrees, 9 decimals (0.1 mm). RFC 7946 knows no other system, so none is named."""
    frame = _frame(shapes, columns, LONLAT).set_crs(None, allow_override=True)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="'crs' was not provided")
        pyogrio.write_dataframe(frame, path, driver="GeoJSON", COORDINATE_PRECISION=9)


def write_shapefile_zip(
    path: Path, shapes: Any, columns: Sequence[Column], *, stem: str, epsg: int, notes: str = ""
) -> str:
    """A zip with .shp .shx .dbf .prj .cpg; ``notes`` go in as ``README.txt``. Returns the encoding used.

    GBK, which every Chinese GIS reads; a text with a character GBK does not have makes it GB18030, which
    reads the same but for that character. Never a character less: GDAL would drop it without a word.
    """
    encoding = text_encoding(columns)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        frame = _frame(shapes, columns, epsg)
        pyogrio.write_dataframe(frame, folder / f"{stem}.shp", driver="ESRI Shapefile", encoding=encoding)
        if encoding == "GBK":
            _mark_gbk(folder / f"{stem}.dbf")
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in sorted(folder.iterdir()):
                archive.writestr(_entry(file.name), file.read_bytes())
            if notes:
                archive.writestr(_entry("README.txt"), b"\xef\xbb\xbf" + notes.encode())
    return encoding


def from_lonlat(shapes: Any, epsg: int) -> Any:
    """Longitude, latitude CGCS2000 (EPSG:4490) to another system, east then north; array in, array out."""
    found = np.asarray(shapes, dtype=object)
    if epsg == LONLAT:
        return found
    transformer = pyproj.Transformer.from_crs(LONLAT, epsg, always_xy=True)
    return shapely.transform(found, lambda xy: np.column_stack(transformer.transform(xy[:, 0], xy[:, 1])))


def text_encoding(columns: Sequence[Column]) -> str:
    """GBK, or GB18030 where a text needs it."""
    try:
        for column in columns:
            if column.kind == "text":
                "".join(value for value in column.values if value).encode("gbk")
    except UnicodeEncodeError:
        return "GB18030"
    return "GBK"


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _STAMP)
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry


def _mark_gbk(table: Path) -> None:
    """Say the encoding also inside the table, for programs that know no .cpg."""
    with table.open("r+b") as file:
        file.seek(_LDID_AT)
        file.write(bytes([GBK_LDID]))


def _frame(shapes: Any, columns: Sequence[Column], epsg: int) -> gpd.GeoDataFrame:
    data = {column.name: _series(column) for column in columns}
    geometry = shapely.force_2d(list(shapes))
    return gpd.GeoDataFrame(data, geometry=list(geometry), crs=epsg)


def _series(column: Column) -> pd.Series[Any]:
    kinds = {"text": object, "real": "float64", "integer": "Int64"}
    return pd.Series(list(column.values), dtype=kinds[column.kind])
