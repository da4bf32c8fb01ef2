"""Read one layer of parcels from a file somebody sent: zip with a shapefile, .shp, .gpkg, .geojson, .kml."""

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

from gis.archive import unpack
from gis.crs import Crs, resolve_crs
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
}
_SUFFIXES: Final = (".zip", *_FORMATS)
_SIDE_TEXT_BYTES: Final = 16_384
_HEAD_BYTES: Final = 4096


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
    file said its coordinate system or the coordinates did.
    """

    frame: Any
    encoding: str
    epsg: int
    crs_origin: Literal["prj", "coordinates"]
    layer: str
    notes: tuple[Note, ...]


def read_vector(
    path: Path | str,
    *,
    limits: Limits = DEFAULT,
    layer: str | None = None,
    filename: str | None = None,
    scratch: Path | None = None,
) -> VectorLayer:
    """Read a layer in the sandbox; the file is copied into a private folder that is removed in any case.

    Args:
        path: .zip, .shp (with its siblings), .gpkg, .geojson, .json or .kml.
        layer: layer to take from a file with several; otherwise the only one with polygons and records.
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
        return _read(source, name, suffix, Path(folder).resolve(), layer, limits)


def _read(
    source: Path, name: str, suffix: str, folder: Path, layer: str | None, limits: Limits
) -> VectorLayer:
    notes: list[Note] = []
    size = source.stat().st_size
    if size == 0:
        raise VectorFileError("gis.file.empty", name=name)
    if size > limits.upload_bytes:
        raise VectorFileError("gis.file.too_large", name=name, size=size, limit=limits.upload_bytes)
    if suffix == ".zip":
        unpacked = unpack(source, folder, limits)
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
    if kind == ".kml":
        notes.append(Note("gis.note.kml_datum", {}))
    # The .prj is read here as text; the child never sees it.
    prj = _side_text(main.with_suffix(".prj"), remove=True) if kind == ".shp" else None
    cpg = _side_text(main.with_suffix(".cpg"), remove=True) if kind == ".shp" else None
    wanted = None if kind in (".shp", ".geojson", ".json") else layer
    meta, arrays = read_in_child(
        main, layer=wanted, cpg=cpg, scratch=folder, limits=limits, shown=name, expected=expected
    )
    return _layer(
        meta, arrays, prj if kind == ".shp" else meta["crs"], title if kind == ".shp" else None, notes
    )


def _layer(
    meta: dict[str, Any], arrays: dict[str, Any], definition: str | None, title: str | None, notes: list[Note]
) -> VectorLayer:
    geoms = _shapes(arrays)
    crs: Crs = resolve_crs(definition, usual_bounds(geoms))
    columns = {
        str(field["name"]): _column(field, arrays) for field in meta["fields"] if field["name"] != "geometry"
    }
    index = pd.RangeIndex(int(meta["rows"]))
    frame = geopandas.GeoDataFrame(columns, index=index, geometry=geoms, crs=crs.epsg)
    found = (*notes, *(Note(note["code"], note["values"]) for note in meta["notes"]))
    return VectorLayer(frame, str(meta["encoding"]), crs.epsg, crs.origin, title or str(meta["layer"]), found)


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


_SIGNATURES: Final[dict[str, Callable[[Path], bool]]] = {
    ".shp": lambda path: _start(path, 4) == b"\x00\x00\x27\x0a",
    ".gpkg": lambda path: _start(path, 16) == b"SQLite format 3\x00",
    ".geojson": lambda path: _head(path).startswith(b"{"),
    ".json": lambda path: _head(path).startswith(b"{"),
    ".kml": _is_kml,
}
"""Does the file begin as its extension promises? Cheap, and a better answer than the child's."""
