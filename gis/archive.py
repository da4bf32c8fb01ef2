"""Unpack an uploaded zip ourselves, within limits, before any driver sees it.

Everything is decided from the central directory first (count, names, sizes, ratio) and enforced again while
unpacking, because declared sizes may lie. Unpacked files get plain names (``layer.shp`` …), so no name from
outside ever reaches the file system.
"""

from __future__ import annotations

import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import Final, NamedTuple

from gis.errors import VectorFileError
from gis.limits import Limits

LAYER_SUFFIXES: Final = (".shp", ".gpkg", ".geojson", ".json", ".kml")
_SHAPEFILE_PARTS: Final = (".shp", ".shx", ".dbf", ".prj", ".cpg")
# Side files GIS programs leave behind; listed to the sender, never unpacked.
_IGNORED: Final = (
    *(".sbn", ".sbx", ".xml", ".qix", ".qpj", ".qmd", ".lock", ".txt", ".ds_store"),
    *(".fbn", ".fbx", ".ain", ".aih", ".atx", ".ixs", ".mxs"),
)
_ARCHIVES: Final = (".zip", ".rar", ".7z", ".tar", ".gz", ".bz2", ".xz", ".kmz")
_END_OF_DIRECTORY: Final = b"PK\x05\x06"
_ZIP64_LOCATOR: Final = b"PK\x06\x07"
_ENTRY_BYTES: Final = 4096  # room for one central-directory record with a long name and extra fields
_CHUNK: Final = 1 << 20


class Unpacked(NamedTuple):
    """``path`` is the one layer file in the scratch folder, ``layer`` its name as its author wrote it."""

    path: Path
    layer: str
    ignored: tuple[str, ...]


def unpack(archive: Path, scratch: Path, limits: Limits) -> Unpacked:
    """Unpack the single layer of ``archive`` into ``scratch``.

    Raises:
        VectorFileError: damaged, encrypted or nested archives, unsafe or clashing names, files that are not
            part of a layer, several layers, or anything beyond ``limits``.
    """
    _check_directory(archive, limits)
    try:
        with zipfile.ZipFile(archive) as opened:
            entries = _named_entries(opened, limits)
            _check_sizes([info for _, info in entries], limits)
            wanted, layer, ignored = _choose(entries)
            left = limits.unpacked_bytes
            for suffix, info in wanted:
                left -= _write(opened, info, scratch / f"layer{suffix}", left)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError) as error:
        raise VectorFileError("gis.zip.damaged", name=archive.name) from error
    main = next(suffix for suffix, _ in wanted if suffix in LAYER_SUFFIXES)
    return Unpacked(scratch / f"layer{main}", layer, ignored)


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
    if count > limits.entries or length > limits.entries * _ENTRY_BYTES:
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
    if len(infos) > limits.entries:
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


def _choose(
    entries: list[tuple[PurePosixPath, zipfile.ZipInfo]],
) -> tuple[list[tuple[str, zipfile.ZipInfo]], str, tuple[str, ...]]:
    """The parts of the only layer, its name, and what is left out."""
    layers: list[PurePosixPath] = []
    ignored: list[str] = []
    for path, _ in entries:
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
    if not layers:
        raise VectorFileError("gis.layer.none")
    if len(layers) > 1:
        names = "、".join(_printable(path.name) for path in layers)
        raise VectorFileError("gis.layer.several", count=len(layers), layers=names)
    main = layers[0]
    if main.suffix.lower() != ".shp":
        return [(main.suffix.lower(), _info_of(entries, main))], main.stem, tuple(ignored)
    key = main.with_suffix("").as_posix().casefold()
    wanted = [
        (path.suffix.lower(), info)
        for path, info in entries
        if path.suffix.lower() in _SHAPEFILE_PARTS and path.with_suffix("").as_posix().casefold() == key
    ]
    return wanted, main.stem, tuple(ignored)


def _info_of(entries: list[tuple[PurePosixPath, zipfile.ZipInfo]], path: PurePosixPath) -> zipfile.ZipInfo:
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
