"""Read one layer of parcels from a file somebody sent.

Zip with a shapefile or a file geodatabase, .shp, .gpkg, .geojson, .kml, GeoParquet, and spreadsheets that
list corner points.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import geopandas
import numpy as np
import pandas as pd
import shapely

from gis.archive import check_container, unpack
from gis.crs import WGS84, Crs, resolve_crs, swap_axes
from gis.errors import VectorFileError
from gis.limits import DEFAULT, Limits
from gis.messages import NOTES
from gis.sandbox import read_in_child

SCRATCH_PREFIX: Final = "carbon-upload-"
_FORMATS: Final = {
    ".shp": "Shapefile",
    ".gpkg": "GeoPackage",
    ".geojson": "GeoJSON",
    ".json": "GeoJSON",
    ".kml": "KML",
    ".parquet": "GeoParquet",
    ".geoparquet": "GeoParquet",
    ".xlsx": "Excel",
    ".gdb": "FileGDB",
}
_SUFFIXES: Final = (".zip", *(suffix for suffix in _FORMATS if suffix != ".gdb"))
_SIDE_TEXT_BYTES: Final = 16_384
_HEAD_BYTES: Final = 4096
_BRACE: Final = (b"{", b"\xff\xfe{\0", b"\xfe\xff\0{")  # also in UTF-16


@dataclass(frozen=True)
class Note:
    """Something that was put right or taken on trust while reading; for the import report."""

    code: str
    values: dict[str, Any]

    def message(self, language: str = "zh") -> str:
        zh, en = NOTES[self.code]
        return (en if language.startswith("en") else zh).format(**self.values)


@dataclass(frozen=True)
class VectorLayer:
    """One layer as its sender drew it.

    ``frame``: GeoDataFrame in the source coordinate system, RangeIndex in file order; text columns are
    ``str`` dtype (missing = NaN), so codes keep their leading zeros; geometry may be missing, empty or
    invalid (see :mod:`gis.geometry`). ``encoding`` is what explained the text, ``crs_origin`` whether the
    file said its coordinate system or the coordinates did. ``epsg`` is 0 for a system the EPSG register does
    not have (only read with ``anywhere``); ``crs_name`` names it, and ``frame.crs`` is the system itself.
    """

    frame: Any
    encoding: str
    epsg: int
    crs_origin: Literal["prj", "coordinates"]
    layer: str
    notes: tuple[Note, ...]
    crs_name: str = ""
    # Positions of the rows whose rings were closed, and of those whose shapes could not be read at all.
    closed: tuple[int, ...] = ()
    lost: tuple[int, ...] = ()


def read_vector(
    path: Path | str,
    *,
    limits: Limits = DEFAULT,
    layer: str | None = None,
    filename: str | None = None,
    scratch: Path | None = None,
    anywhere: bool = False,
) -> VectorLayer:
    """Read a layer in the sandbox; the file is copied into a private folder that is removed in any case.

    Args:
        path: .zip, .shp (with its siblings), .gpkg, .geojson, .json, .kml, .parquet or .xlsx.
        layer: layer to take from a file with several; otherwise the only one with polygons and records.
        anywhere: take any system PROJ knows, for trying a file out; else only CGCS2000 and WGS 84.
        filename: name the sender gave the file, where ``path`` is a temporary name.
        scratch: where private folders are made; the system's temporary folder by default.

    Raises:
        VectorFileError: with a stable code, and what to do in Chinese and English.
    """
    source = Path(path)
    name = Path(filename or source.name).name
    suffix = Path(name).suffix.lower()
    if suffix not in _SUFFIXES:
        raise VectorFileError("gis.file.extension", extension=suffix[:20], allowed=" ".join(_SUFFIXES))
    if not source.is_file():
        raise VectorFileError("gis.file.missing", name=name)
    with tempfile.TemporaryDirectory(prefix=SCRATCH_PREFIX, dir=scratch) as folder:
        return _read(source, name, suffix, Path(folder).resolve(), layer, limits, anywhere)


def _read(
    source: Path,
    name: str,
    suffix: str,
    folder: Path,
    layer: str | None,
    limits: Limits,
    anywhere: bool,
) -> VectorLayer:
    notes: list[Note] = []
    size = source.stat().st_size
    if size == 0:
        raise VectorFileError("gis.file.empty", name=name)
    if size > limits.upload_bytes:
        raise VectorFileError("gis.file.too_large", name=name, size=size, limit=limits.upload_bytes)
    if suffix == ".zip":
        unpacked = unpack(source, folder, limits, layer=layer)
        main, title = unpacked.path, unpacked.layer
        if unpacked.ignored:
            notes.append(Note("gis.note.ignored", {"names": "、".join(unpacked.ignored)[:400]}))
    else:
        main, title = _copy(source, folder, suffix, limits), Path(name).stem
    kind = main.suffix.lower()
    expected = _FORMATS[kind]
    if not _SIGNATURES[kind](main):
        raise VectorFileError("gis.file.disguised", name=name, expected=expected)
    if kind == ".shp":
        if not main.with_suffix(".dbf").is_file():
            raise VectorFileError("gis.layer.no_dbf", stem=title[:80])
        if not main.with_suffix(".shx").is_file():
            notes.append(Note("gis.note.shx_rebuilt", {}))
    if kind == ".xlsx":
        check_container(main, limits)
    if kind == ".kml":
        notes.append(Note("gis.note.kml_datum", {}))
    if kind in (".geojson", ".json") and _GCJ02.search(_head(main)):
        raise VectorFileError("gis.crs.gcj02", name=name)
    # The .prj is read here as text; the child never sees it.
    prj = _side_text(main.with_suffix(".prj"), remove=True) if kind == ".shp" else None
    cpg = _side_text(main.with_suffix(".cpg"), remove=True) if kind == ".shp" else None
    wanted = (
        layer if kind in (".gpkg", ".gdb", ".kml") and not (suffix == ".zip" and layer == title) else None
    )
    meta, arrays = read_in_child(
        main, layer=wanted, cpg=cpg, scratch=folder, limits=limits, shown=name, expected=expected
    )
    definition = prj if kind == ".shp" else meta["crs"]
    titled = kind in (".shp", ".parquet", ".geoparquet")
    geoms = _shapes(arrays)
    bounds = usual_bounds(geoms)
    if kind in (".geojson", ".json") and definition == f"EPSG:{WGS84}" and max(map(abs, bounds)) > 360:
        # WGS 84 is what GDAL says of a GeoJSON that says nothing.
        definition = None
    crs = resolve_crs(definition, bounds, anywhere=anywhere)
    return _layer(meta, arrays, geoms, crs, title if titled else None, notes)


def _layer(
    meta: dict[str, Any], arrays: dict[str, Any], geoms: Any, crs: Crs, title: str | None, notes: list[Note]
) -> VectorLayer:
    if crs.swapped:
        geoms = swap_axes(geoms)
        notes.append(Note("gis.note.axes_swapped", {}))
    if step := _single_precision_step(geoms):
        notes.append(Note("gis.note.coordinates_rounded", {"step": step}))
    columns = {
        str(field["name"]): _column(field, arrays) for field in meta["fields"] if field["name"] != "geometry"
    }
    index = pd.RangeIndex(int(meta["rows"]))
    if text := _mojibake(columns):
        notes.append(Note("gis.note.mojibake", {"text": text}))
    frame = geopandas.GeoDataFrame(columns, index=index, geometry=geoms, crs=crs.key)
    found = (*notes, *(Note(note["code"], note["values"]) for note in meta["notes"]))
    name = title or str(meta["layer"])
    where = {note["code"]: tuple(note.get("index", ())) for note in meta["notes"]}
    closed, lost = where.get("gis.note.rings_closed", ()), where.get("gis.note.shape_lost", ())
    encoding = str(meta["encoding"])
    return VectorLayer(frame, encoding, crs.epsg, crs.origin, name, found, crs.name, closed, lost)


def _single_precision_step(geoms: Any) -> int:
    """Metres between neighbouring single-precision numbers at these eastings, if all eastings are such; or 0.

    Below 2^24 single precision still holds every metre, and whole metres are usual.
    """
    x = shapely.get_coordinates(geoms)[:, 0]
    if len(x) == 0 or np.abs(x).min() < 1 << 24 or not np.array_equal(x, x.astype(np.float32)):
        return 0
    return int(np.spacing(np.abs(x).min().astype(np.float32)))


def _mojibake(columns: dict[str, Any]) -> str:
    """A sample of text whose letters are Western European but whose bytes are GBK; "" when there is none."""
    for values in columns.values():
        if not (isinstance(values, pd.Series) and values.dtype == "str"):
            continue
        for text in values.dropna().unique()[:200]:
            high = [character for character in text if character > "\x7f"]
            if len(high) < 4 or max(high) > "\xff" or any(letter.isascii() for letter in text[:2]):
                continue
            try:
                back = text.encode("latin-1").decode("gbk")
            except UnicodeError:
                continue
            if all("\u4e00" <= character <= "\u9fff" for character in back if character > "\x7f"):
                return str(text)[:20]
    return ""


def usual_bounds(geoms: Any) -> tuple[float, float, float, float]:
    """Bounds without the outermost twentieth of the shapes: one stray parcel must not decide the system.

    Files of fewer than twenty shapes are taken whole. Shapes beyond are found later, row by row.
    """
    boxes = shapely.bounds(geoms)
    boxes = boxes[np.isfinite(boxes).all(axis=1)]
    if len(boxes) == 0:
        raise VectorFileError("gis.layer.no_geometry", layer="?")
    low = np.quantile(boxes[:, :2], 0.05 if len(boxes) >= 20 else 0.0, axis=0)
    high = np.quantile(boxes[:, 2:], 0.95 if len(boxes) >= 20 else 1.0, axis=0)
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def _shapes(arrays: dict[str, Any]) -> Any:
    data, ends = arrays["wkb"].tobytes(), arrays["wkb_end"].tolist()
    starts = [0, *ends[:-1]]
    # A missing shape took no bytes.
    return shapely.from_wkb([data[a:b] or None for a, b in zip(starts, ends, strict=True)])


def _column(field: dict[str, str], arrays: dict[str, Any]) -> Any:
    data = arrays[field["key"]]
    if field["kind"] == "number":
        return data
    values = np.array(data.tobytes().decode("utf-8").split("\0"), dtype=object)
    values[arrays[f"{field['key']}_missing"]] = np.nan
    return pd.Series(values, dtype="str")


def _copy(source: Path, folder: Path, suffix: str, limits: Limits) -> Path:
    """Copy the file, and the siblings of a .shp whatever the case of their extensions."""
    parts = {suffix: source}
    if suffix == ".shp":
        for sibling in source.parent.iterdir():
            side = sibling.suffix.lower()
            if sibling.stem == source.stem and side in (".shx", ".dbf", ".prj", ".cpg") and sibling.is_file():
                parts.setdefault(side, sibling)
    size = sum(part.stat().st_size for part in parts.values())
    if size > limits.unpacked_bytes:
        raise VectorFileError("gis.file.too_large", name=source.name, size=size, limit=limits.unpacked_bytes)
    for side, part in parts.items():
        shutil.copyfile(part, folder / f"layer{side}")
    return folder / f"layer{suffix}"


def _side_text(path: Path, *, remove: bool) -> str | None:
    if not path.is_file():
        return None
    with path.open("rb") as file:
        text = file.read(_SIDE_TEXT_BYTES).decode("utf-8", errors="replace")
    if remove:
        path.unlink()
    return text


def _start(path: Path, length: int) -> bytes:
    with path.open("rb") as file:
        return file.read(length)


def _head(path: Path) -> bytes:
    return _start(path, _HEAD_BYTES).removeprefix(b"\xef\xbb\xbf").lstrip()


def _is_kml(path: Path) -> bool:
    head = re.sub(rb"^(<\?xml[^>]*\?>|<!--.*?-->|\s)*", b"", _head(path), flags=re.S)
    # Entities have no use in KML but attacks.
    return head.startswith((b"<kml", b"<kml:kml")) and b"<!" not in path.read_bytes().replace(
        b"<!--", b""
    ).replace(b"<![CDATA[", b"")


# What the platform itself writes into shapes for a mini-program map.
_GCJ02: Final = re.compile(rb'"coordinate_system"\s*:\s*\{[^{}]*"GCJ-02"')
_SIGNATURES: Final[dict[str, Callable[[Path], bool]]] = {
    ".shp": lambda path: _start(path, 4) == b"\x00\x00\x27\x0a",
    ".gpkg": lambda path: _start(path, 16) == b"SQLite format 3\x00",
    ".geojson": lambda path: _head(path).startswith(_BRACE),
    ".json": lambda path: _head(path).startswith(_BRACE),
    ".kml": _is_kml,
    ".parquet": lambda path: _start(path, 4) == b"PAR1",
    ".geoparquet": lambda path: _start(path, 4) == b"PAR1",
    ".xlsx": lambda path: _start(path, 4) == b"PK\x03\x04",
    ".gdb": lambda path: (path / "a00000001.gdbtable").is_file(),
}
"""Does the file begin as its extension promises? Cheap, and a better answer than the child's."""
