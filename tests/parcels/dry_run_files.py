"""A layer of parcels whose every count is known because it was drawn that way, in the forms senders use."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import openpyxl
import pyogrio
import pyproj
import shapely
from parcel_layers import COUNTY, NEIGHBOUR, middle, record, square

# What the layer below holds, by construction.
TRUTH = {
    "features": 74,
    "missing_geometries": 1,
    "invalid_geometries": 2,
    "repaired": 2,
    "overlapping_pairs": 6,
    "duplicate_pairs": 2,
    "contained_pairs": 1,
    "county_mismatches": 4,
    "outside_city": 1,
    # Later rows of pairs 6, wrong counties 4, no shape 1.
    "refused": 11,
    "accepted": 63,
}


def bow_tie(column: float) -> Any:
    x, y = middle()
    x, y = x + 100 * column, y + 2000
    return shapely.Polygon([(x, y), (x + 100, y + 100), (x + 100, y), (x, y + 100)])


def truth_layer(crs: int = 4526) -> Any:
    """The layer in ``crs``: 60 touching squares, and one each of what goes wrong."""
    rows: list[dict[str, Any]] = []
    shapes: list[Any] = []

    def add(shape: Any, **changes: Any) -> None:
        size = 1.0 if shape is None else round(shapely.make_valid(shape).area / 10_000, 4)
        rows.append(record(len(rows) + 1, MIAN_JI=size, BEIZHU="油茶示范基地", **changes))
        shapes.append(shape)

    for place in range(60):
        add(square(place % 10, place // 10), XIAN=NEIGHBOUR if place in (7, 11, 29, 58) else COUNTY)
    for twin in (5, 17):
        again = shapes[twin]
        add(
            shapely.Polygon(np.roll(shapely.get_coordinates(again)[:-1], 2, axis=0))
        )  # same land, other start
    x, y = middle()
    add(shapely.box(x + 320, y + 220, x + 380, y + 280))  # inside the square at (3, 2)
    for pair in range(3):
        add(square(20 + 5 * pair, 20))
        if pair == 0:
            add(square(20.3, 20, side_m=100))
        else:
            add(square(20 + 5 * pair + 0.7, 20.5))
    add(bow_tie(40))
    add(bow_tie(45))
    # The place of the one without a shape is in the middle of the file.
    rows.insert(30, record(900))
    shapes.insert(30, None)
    # Beyond the border of the city, in 六安.
    far = pyproj.Transformer.from_crs(4490, 4526, always_xy=True).transform(116.5, 31.7)
    rows.append(record(901))
    shapes.append(shapely.box(far[0], far[1], far[0] + 100, far[1] + 100))
    hole = [(x + 6020, y + 20), (x + 6020, y + 80), (x + 6080, y + 80), (x + 6080, y + 20)]
    parts = [shapely.Polygon(square(60).exterior, [hole]), square(62)]
    rows.append(record(902, MIAN_JI=1.64))
    shapes.append(shapely.MultiPolygon(parts))
    frame = geopandas.GeoDataFrame(rows, geometry=np.array(shapes, dtype=object), crs=4526)
    return frame if crs == 4526 else frame.to_crs(crs)


def true_area_m2(frame: Any) -> float:
    """Geodesic area of all surfaces, by PROJ; independent of the platform's own code."""
    geod = pyproj.Geod(ellps="GRS80")
    degrees = frame.geometry.to_crs(4490)
    fixed = [
        shapely.make_valid(shape, method="structure", keep_collapsed=False)
        for shape in degrees
        if shape is not None
    ]
    return sum(abs(geod.geometry_area_perimeter(shapely.orient_polygons(shape))[0]) for shape in fixed)


def zipped_shapefile(
    frame: Any, folder: Path, *, encoding: str = "GBK", prj: bool = True, cpg: str | None = None
) -> Path:
    path = folder / "layer.shp"
    pyogrio.write_dataframe(frame, path, driver="ESRI Shapefile", encoding=encoding)
    path.with_suffix(".cpg").unlink(missing_ok=True)
    dbf = bytearray(path.with_suffix(".dbf").read_bytes())
    dbf[29] = 0
    path.with_suffix(".dbf").write_bytes(dbf)
    if cpg is not None:
        path.with_suffix(".cpg").write_text(cpg, encoding="ascii")
    if not prj:
        path.with_suffix(".prj").unlink()
    out = folder / "upload.zip"
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for part in sorted(folder.glob("layer.*")):
            # The archive's names are in GBK, as Windows writes them.
            info = zipfile.ZipInfo(("光山县油茶" + part.suffix).encode("gbk").decode("cp437"))
            archive.writestr(info, part.read_bytes())
    return out


def swapped(frame: Any) -> Any:
    """North before east, as surveyors write it."""
    turned = shapely.transform(np.asarray(frame.geometry.array, dtype=object), lambda xy: xy[:, ::-1])
    return geopandas.GeoDataFrame(frame.drop(columns="geometry"), geometry=turned, crs=frame.crs)


def geopackage(frame: Any, folder: Path) -> Path:
    """A GeoPackage as ArcGIS leaves it: an empty layer first, a layer of points, and the parcels."""
    path = folder / "upload.gpkg"
    pyogrio.write_dataframe(frame.iloc[:0], path, layer="default", driver="GPKG", geometry_type="Polygon")
    points = geopandas.GeoDataFrame({"n": [1]}, geometry=[shapely.Point(114.9, 32.0)], crs=4490)
    pyogrio.write_dataframe(points, path, layer="村委会", driver="GPKG", append=True)
    pyogrio.write_dataframe(
        frame, path, layer="油茶小班", driver="GPKG", append=True, geometry_type="Unknown"
    )
    return path


def geojson(frame: Any, folder: Path) -> Path:
    path = folder / "upload.geojson"
    pyogrio.write_dataframe(frame, path, driver="GeoJSON", layer_options={"RFC7946": "NO"})
    return path


def parquet(frame: Any, folder: Path) -> Path:
    path = folder / "upload.parquet"
    frame.to_parquet(path)
    return path


def geodatabase(frame: Any, folder: Path) -> Path:
    """A FileGDB folder in a zip, below another folder, with a lock file left behind."""
    inner = folder / "x.gdb"
    pyogrio.write_dataframe(frame, inner, layer="parcels", driver="OpenFileGDB", geometry_type="MultiPolygon")
    out = folder / "upload.zip"
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for part in sorted(inner.iterdir()):
            archive.write(part, f"数据/小班.gdb/{part.name}")
        archive.writestr("数据/小班.gdb/_gdb.HOST.123.sr.lock", b"")
    return out


FORMS: dict[str, tuple[int, str, str, Callable[[Any, Path], Path]]] = {
    # name: system, where it is known from, encoding, how it is written
    "gbk zone 38": (4526, "file", "GBK", lambda f, p: zipped_shapefile(f, p)),
    "gbk zone 39, no prj": (4527, "coordinates", "GBK", lambda f, p: zipped_shapefile(f, p, prj=False)),
    "utf-8 cm 114, cpg": (
        4547,
        "file",
        "UTF-8",
        lambda f, p: zipped_shapefile(f, p, encoding="UTF-8", cpg="UTF-8"),
    ),
    "utf-8 cm 117, no prj, no cpg": (
        4548,
        "coordinates",
        "UTF-8",
        lambda f, p: zipped_shapefile(f, p, encoding="UTF-8", prj=False),
    ),
    "gbk degrees, lying cpg": (4490, "file", "GBK", lambda f, p: zipped_shapefile(f, p, cpg="UTF-8")),
    "zone 38 swapped, no prj": (
        4526,
        "coordinates",
        "GBK",
        lambda f, p: zipped_shapefile(swapped(f), p, prj=False),
    ),
    "degrees swapped": (4490, "file", "UTF-8", lambda f, p: geojson(swapped(f), p)),
    "geopackage": (4526, "file", "UTF-8", geopackage),
    "geojson in zone 38": (4526, "file", "UTF-8", geojson),
    "geoparquet": (4547, "file", "UTF-8", parquet),
    "geodatabase": (4526, "file", "UTF-8", geodatabase),
}


def corners(frame: Any, folder: Path) -> Path:
    """A sheet of corner points with X for north, a title above, and merged parcel numbers."""
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "界址点"
    sheet.append(["油茶基地界址点坐标（CGCS2000）"])
    keys = ["XIAN", "XIANG", "CUN", "LIN_BAN", "XIAO_BAN"]
    sheet.append([*keys, "点号", "X（米）", "Y（米）", "MIAN_JI", "DI_LEI", "YOU_SHI_SZ"])
    for row in frame.to_dict("records"):
        named = [row[name] for name in keys]
        rest = [row["MIAN_JI"], row["DI_LEI"], row["YOU_SHI_SZ"]]
        rings = [row["geometry"].exterior, *row["geometry"].interiors]
        for ring in rings:
            for number, (east, north) in enumerate(list(ring.coords), start=1):
                first = number == 1 and ring is rings[0]
                sheet.append(
                    [
                        *(named if first else [None] * 5),
                        f"J{number}",
                        north,
                        east,
                        *(rest if first else [None] * 3),
                    ]
                )
    path = folder / "upload.xlsx"
    book.save(path)
    return path
