"""Unpack an uploaded zip ourselves, within limits, before any driver sees it.

Everything is decided from the central directory first (count, names, sizes, ratio) and enforced again while
unpacking, because declared sizes may lie. Unpacked files get plain names (``layer.shp`` …), so no name from
outside ever reaches the file system; the parts of a file geodatabase keep theirs, which are plain or refused.
"""

from __future__ import annotations

import re
import stat
import struct
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import Final, NamedTuple

from gis.errors import VectorFileError
from gis.limits import Limits

LAYER_SUFFIXES: Final = (
    *(".shp", ".gpkg", ".geojson", ".json", ".kml"),
    *(".parquet", ".geoparquet", ".xlsx", ".gdb"),
)
_SHAPEFILE_PARTS: Final = (".shp", ".shx", ".dbf", ".prj", ".cpg")
# Side files GIS programs leave behind; listed to the sender, never unpacked.
_IGNORED: Final = (
    *(".sbn", ".sbx", ".xml", ".qix", ".qpj", ".qmd", ".lock", ".txt", ".ds_store"),
    *(".fbn", ".fbx", ".ain", ".aih", ".atx", ".ixs", ".mxs"),
    *(".pdf", ".html", ".htm", ".md", ".csv", ".xls", ".doc", ".docx", ".jpg", ".jpeg", ".png"),
    *(".qml", ".sld", ".lyr", ".lyrx", ".mxd", ".qgs", ".ini", ".db"),
)
# What a file geodatabase is made of; every one has the table of tables.
_GDB_NAME: Final = re.compile(
    r"(a[0-9a-f]{8}\.(gdbtable|gdbtablx|gdbindexes|freelist|horizon|spx|atx|cdf|cdx)"
    r"|a[0-9a-f]{8}\.[A-Za-z0-9_]{1,64}\.(atx|spx)|gdb|timestamps)",
    re.I,
)
_GDB_CATALOGUE: Final = "a00000001.gdbtable"
_ARCHIVES: Final = (".zip", ".rar", ".7z", ".tar", ".gz", ".bz2", ".xz", ".kmz")
_END_OF_DIRECTORY: Final = b"PK\x05\x06"
_ZIP64_LOCATOR: Final = b"PK\x06\x07"
_ENTRY_BYTES: Final = 4096  # room for one central-directory record with a long name and extra fields
_CHUNK: Final = 1 << 20
# What zipfile raises over a directory or a stream with wrong bytes in it.
_DAMAGE: Final = (
    *(zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, ValueError, OverflowError),
    *(NotImplementedError, RuntimeError),
)


class Unpacked(NamedTuple):
    """``path`` is the one layer file (or geodatabase folder) in the scratch folder, ``layer`` its name as its
    author wrote it.
    """

    path: Path
    layer: str
    ignored: tuple[str, ...]


class _Chosen(NamedTuple):
    """Suffix and title of the layer, its parts by the names they get, and what is left out."""

    suffix: str
    layer: str
    parts: list[tuple[str, zipfile.ZipInfo]]
    ignored: tuple[str, ...]


def unpack(archive: Path, scratch: Path, limits: Limits, *, layer: str | None = None) -> Unpacked:
    """Unpack the single layer of ``archive`` (or, of several shapefiles, the one named) into ``scratch``.

    Raises:
        VectorFileError: damaged, encrypted or nested archives, unsafe or clashing names, files that are not
            part of a layer, several layers, or anything beyond ``limits``.
    """
    _check_directory(archive, limits)
    try:
        with zipfile.ZipFile(archive) as opened:
            entries = _named_entries(opened, limits)
            _check_sizes([info for _, info in entries], limits)
            chosen = _choose(entries, limits, layer)
            left = limits.unpacked_bytes
            if chosen.suffix == ".gdb":
                (scratch / "layer.gdb").mkdir()
            for name, info in chosen.parts:
                left -= _write(opened, info, scratch / name, left)
    except _DAMAGE as error:
        raise VectorFileError("gis.zip.damaged", name=archive.name) from error
    return Unpacked(scratch / f"layer{chosen.suffix}", chosen.layer, chosen.ignored)


def check_container(path: Path, limits: Limits) -> None:
    """The same limits for a file that is a zip inside, such as .xlsx; nothing is unpacked.

    Raises:
        VectorFileError: damaged, or anything beyond ``limits``.
    """
    _check_directory(path, limits)
    try:
        with zipfile.ZipFile(path) as opened:
            infos = opened.infolist()
    except _DAMAGE as error:
        raise VectorFileError("gis.zip.damaged", name=path.name) from error
    _check_sizes(infos, limits)


def _check_directory(archive: Path, limits: Limits) -> None:
    """Bound the central directory before ``zipfile`` builds an object for each of its records."""
    size = archive.stat().st_size
    with archive.open("rb") as file:
        file.seek(max(0, size - 65_557))
        tail = file.read()
    at = tail.rfind(_END_OF_DIRECTORY)
    if at < 0 or len(tail) - at < 22:
        raise VectorFileError("gis.zip.damaged", name=archive.name)
    count = int.from_bytes(tail[at + 10 : at + 12], "little")
    length = int.from_bytes(tail[at + 12 : at + 16], "little")
    if _ZIP64_LOCATOR in tail[max(0, at - 20) : at] or count == 0xFFFF or length == 0xFFFFFFFF:
        raise VectorFileError("gis.zip.zip64", name=archive.name)
    # A geodatabase has many parts; that it is one, the names must show (see _choose).
    most = max(limits.entries, limits.gdb_entries)
    if count > most or length > most * _ENTRY_BYTES:
        raise VectorFileError("gis.zip.entries", count=max(count, length // 64), limit=limits.entries)


def _entry_name(info: zipfile.ZipInfo) -> str:
    """File name; without the UTF-8 flag the bytes are UTF-8 (macOS) or GBK (Chinese Windows), never cp437."""
    if info.flag_bits & 0x800:
        return info.orig_filename
    try:
        raw = info.orig_filename.encode("cp437")
    except UnicodeEncodeError:
        return info.orig_filename
    for encoding in ("utf-8", "gb18030"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return info.orig_filename


def _named_entries(opened: zipfile.ZipFile, limits: Limits) -> list[tuple[PurePosixPath, zipfile.ZipInfo]]:
    infos = opened.infolist()
    if len(infos) > max(limits.entries, limits.gdb_entries):
        raise VectorFileError("gis.zip.entries", count=len(infos), limit=limits.entries)
    entries: list[tuple[PurePosixPath, zipfile.ZipInfo]] = []
    seen: set[str] = set()
    for info in infos:
        name = _entry_name(info).replace("\\", "/")
        shown = _printable(name)
        mode = info.external_attr >> 16
        path = PurePosixPath(name)
        is_link = mode != 0 and stat.S_ISLNK(mode)
        if is_link or "\0" in name or path.is_absolute() or ".." in path.parts or ":" in name:
            raise VectorFileError("gis.zip.unsafe_name", entry=shown)
        if name.casefold() in seen:
            raise VectorFileError("gis.zip.name_clash", entry=shown)
        seen.add(name.casefold())
        if info.flag_bits & 0x1:
            raise VectorFileError("gis.zip.encrypted", entry=shown)
        if not name.endswith("/") and not name.startswith("__MACOSX/"):
            entries.append((path, info))
    return entries


def _check_sizes(infos: list[zipfile.ZipInfo], limits: Limits) -> None:
    total = sum(info.file_size for info in infos)
    packed = sum(info.compress_size for info in infos)
    if total > limits.unpacked_bytes:
        raise VectorFileError("gis.zip.too_large", size=total, limit=limits.unpacked_bytes)
    # Wide, blank remark columns of a small honest .dbf also pack 100:1, hence the free allowance.
    if total > limits.ratio_free_bytes and total > limits.ratio * max(packed, 1):
        raise VectorFileError("gis.zip.ratio", ratio=total // max(packed, 1), limit=limits.ratio)


Entry = tuple[PurePosixPath, zipfile.ZipInfo]


def _geodatabases(entries: list[Entry]) -> list[PurePosixPath]:
    """Folders that hold the catalogue of a file geodatabase, whatever they are called."""
    return [path.parent for path, _ in entries if path.name.lower() == _GDB_CATALOGUE]


def _choose(entries: list[Entry], limits: Limits, wanted: str | None) -> _Chosen:
    """The parts of the only layer, its name, and what is left out."""
    folders = _geodatabases(entries)
    plain = [(path, info) for path, info in entries if path.parent not in folders]
    if len(plain) > limits.entries:
        raise VectorFileError("gis.zip.entries", count=len(plain), limit=limits.entries)
    layers: list[PurePosixPath] = list(folders)
    ignored: list[str] = []
    for path, _ in plain:
        suffix = path.suffix.lower() or path.name.lower()
        shown = _printable(path.name)
        if suffix in _ARCHIVES:
            raise VectorFileError("gis.zip.nested", entry=shown)
        if suffix in LAYER_SUFFIXES:
            layers.append(path)
        elif suffix in _IGNORED:
            ignored.append(shown)
        elif suffix not in _SHAPEFILE_PARTS:
            allowed = " ".join((*_SHAPEFILE_PARTS, *LAYER_SUFFIXES[1:]))
            raise VectorFileError("gis.zip.entry_extension", entry=shown, allowed=allowed)
    # Descriptions often come as .json or .xlsx beside the layer itself.
    layer_files = [path for path in layers if path.suffix.lower() not in (".json", ".xlsx")]
    if layer_files:
        ignored += [_printable(path.name) for path in layers if path not in layer_files]
    main = _the_one(layer_files or layers, wanted)
    if main in folders:
        return _Chosen(".gdb", main.stem, _parts_of_geodatabase(entries, main), tuple(ignored))
    suffix = main.suffix.lower()
    if suffix != ".shp":
        return _Chosen(suffix, main.stem, [(f"layer{suffix}", _info_of(entries, main))], tuple(ignored))
    key = main.with_suffix("").as_posix().casefold()
    parts = [
        (f"layer{path.suffix.lower()}", info)
        for path, info in plain
        if path.suffix.lower() in _SHAPEFILE_PARTS and path.with_suffix("").as_posix().casefold() == key
    ]
    return _Chosen(suffix, main.stem, parts, tuple(ignored))


def _the_one(layers: list[PurePosixPath], wanted: str | None) -> PurePosixPath:
    if not layers:
        raise VectorFileError("gis.layer.none")
    named = [path for path in layers if wanted is not None and wanted in (path.name, path.stem)]
    if len(layers) == 1 or len(named) == 1:
        return (named or layers)[0]
    names = "、".join(_printable(path.name) for path in layers)
    raise VectorFileError("gis.layer.several", count=len(layers), layers=names)


def _parts_of_geodatabase(entries: list[Entry], folder: PurePosixPath) -> list[tuple[str, zipfile.ZipInfo]]:
    """Its own files under their own, lower-case names; lock files and notes stay behind."""
    parts = []
    for path, info in entries:
        if path.parent != folder or path.suffix.lower() in (".lock", ".xml", ".ini", ".db"):
            continue
        if not _GDB_NAME.fullmatch(path.name):
            allowed = ".gdbtable .gdbtablx .gdbindexes .freelist .spx .atx"
            raise VectorFileError("gis.zip.entry_extension", entry=_printable(path.name), allowed=allowed)
        parts.append((f"layer.gdb/{path.name.lower()}", info))
    return parts


def _info_of(entries: list[Entry], path: PurePosixPath) -> zipfile.ZipInfo:
    return next(info for candidate, info in entries if candidate == path)


def _write(opened: zipfile.ZipFile, info: zipfile.ZipInfo, target: Path, left: int) -> int:
    """Unpack one entry; stop as soon as it is larger than it declared or than what is left."""
    written = 0
    try:
        source = opened.open(info)
    except NotImplementedError:
        raise VectorFileError("gis.zip.method", entry=_printable(_entry_name(info))) from None
    with source, target.open("xb") as sink:
        while chunk := source.read(_CHUNK):
            written += len(chunk)
            if written > min(left, info.file_size):
                raise VectorFileError("gis.zip.too_large", size=written, limit=min(left, info.file_size))
            sink.write(chunk)
    return written


def _printable(name: str) -> str:
    """A name fit for a sentence: no control characters, not endless."""
    return "".join(character if character.isprintable() else "?" for character in name)[:80]
