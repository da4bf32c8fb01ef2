"""CSV and XLSX as rows of plain cells, streamed; hostile and damaged files are named errors.

A cell is ``None``, ``str``, ``int``, ``float``, ``bool``, ``datetime``, :class:`Formula` or
:class:`ErrorCell`. Rows are numbered as a spreadsheet numbers them, from 1.
"""

from __future__ import annotations

import codecs
import csv
import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final
from xml.etree.ElementTree import ParseError

import openpyxl
from defusedxml import DefusedXmlException
from openpyxl.utils.exceptions import InvalidFileException

from carbon_platform.registry import rules
from carbon_platform.registry.mapping import Source, fold

MB: Final = 1024 * 1024
_CHUNK: Final = 1 << 20
# Titles and blank lines; the exact limit is kept where the rows are read.
_SLACK: Final = 1_000
Row = tuple[int, Sequence[Any]]

# No export of ours was ever typed with these; bytes of another encoding read as GB18030 give them.
_NOT_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ue000-\uf8ff\ufffd]")
_BOMS: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class Formula(str):
    """Text of a cell that computes its value."""

    __slots__ = ()


class ErrorCell(str):
    """A cell that shows ``#REF!``, ``#N/A`` …"""

    __slots__ = ()


@dataclass(frozen=True)
class Opened:
    """A file being read: ``rows`` can be read once, while it is open."""

    file_format: str
    encoding: str
    sheet: str
    rows: Iterator[Row]


@contextmanager
def open_rows(path: Path, source: Source, delimiter: str = "") -> Iterator[Opened]:
    """Open a file for reading. ``delimiter`` is for CSV, one of the source's.

    Errors: ``FileTooLarge``, ``TooManyRows``, ``FormatUnknown``, ``EncodingUnknown``, ``WorkbookRefused``,
    ``SheetNotFound``, ``SeveralSheets``, and ``FileDamaged`` while the rows are read.
    """
    if is_workbook(path):
        with _open_workbook(path, source) as opened:
            yield opened
    else:
        encoding = detect_encoding(path, source.encodings)
        _count_records(path, encoding, delimiter or source.delimiters[0])
        with path.open(encoding=encoding, errors="strict", newline="") as text:
            reader = csv.reader(text, delimiter=delimiter or source.delimiters[0], strict=True)
            yield Opened("csv", encoding, "", _csv_rows(reader))


def check_size(path: Path) -> None:
    """Refuse a file larger than :data:`rules.FILE_LIMIT_MB`, before anything is read."""
    if path.stat().st_size > rules.FILE_LIMIT_MB * MB:
        raise rules.FileTooLarge(limit_mb=rules.FILE_LIMIT_MB)


def is_workbook(path: Path) -> bool:
    """Whether the bytes are those of an XLSX. Errors: ``FormatUnknown`` for what is neither XLSX nor text."""
    with path.open("rb") as file:
        head = file.read(8)
    if head.startswith(b"\xd0\xcf\x11\xe0"):
        zh = "是旧式 .xls，或加了密码"
        raise rules.FormatUnknown(reason=zh, reason_en="it is an old .xls, or has a password")
    if head.startswith((b"%PDF", b"\x89PNG", b"\x1f\x8b", b"Rar!")):
        raise rules.FormatUnknown(reason="不是表格", reason_en="it is no table")
    if not head:
        raise rules.FormatUnknown(reason="文件是空的", reason_en="it is empty")
    return head.startswith(b"PK\x03\x04")


# --- CSV ------------------------------------------------------------------------------------------


def detect_encoding(path: Path, candidates: Sequence[str]) -> str:
    """The first candidate that decodes the whole file strictly.

    Errors: ``EncodingUnknown`` with the byte at which each candidate failed.
    """
    with path.open("rb") as file:
        head = file.read(4)
        has_mark = head.startswith(codecs.BOM_UTF8)
        tried: list[tuple[str, str, str]] = []
        if head.startswith(_BOMS):
            tried.append(("UTF-16", "有 UTF-16 标记", "has a UTF-16 mark"))
            candidates = ()
        for candidate in candidates:
            if has_mark != (candidate == "utf-8-sig"):
                continue
            at = _first_undecodable(file, candidate)
            if at is None:
                return candidate
            tried.append((candidate, f"第 {at:,} 字节处不符", f"fails at byte {at:,}"))
    raise rules.EncodingUnknown(
        tried="；".join(f"{name} {zh}" for name, zh, _ in tried),
        tried_en="; ".join(f"{name} {en}" for name, _, en in tried),
    )


def _first_undecodable(file: IO[bytes], encoding: str) -> int | None:
    """Place of the first byte that is no text in this encoding; None when all of it is."""
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    strict = not encoding.startswith("utf")
    file.seek(0)
    done = 0
    while chunk := file.read(_CHUNK):
        try:
            text = decoder.decode(chunk)
        except UnicodeDecodeError as error:
            return done + error.start
        if strict and _NOT_TEXT.search(text):
            return done
        done += len(chunk)
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return done
    return None


def _count_records(path: Path, encoding: str, delimiter: str) -> None:
    """Refuse a CSV with too many rows before any of it is parsed. Errors: ``TooManyRows``."""
    limit = rules.ROW_LIMIT + _SLACK
    with path.open("rb") as file:
        if sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(_CHUNK), b"")) <= limit:
            return
    # Cells may hold line breaks: only the reader knows what a row is. What it cannot read is told later.
    with path.open(encoding=encoding, newline="") as text, suppress(csv.Error):
        if any(number > limit for number, _ in enumerate(csv.reader(text, delimiter=delimiter))):
            raise too_many()


def _csv_rows(reader: Any) -> Iterator[Row]:
    number = 0
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            zh, en = f"CSV 格式有误（{error}）", f"{error}"
            raise rules.FileDamaged(row=number, reason=zh, reason_en=en) from error
        number += 1
        yield number, cells[: rules.COLUMN_LIMIT]


# --- XLSX -----------------------------------------------------------------------------------------

# What openpyxl and zipfile raise for bytes that only look like a workbook.
_BROKEN: Final = (
    zipfile.BadZipFile, zipfile.LargeZipFile, InvalidFileException, DefusedXmlException, ParseError,
    zlib.error, KeyError, ValueError, TypeError, AttributeError, IndexError, EOFError, OSError,
    NotImplementedError, RuntimeError, OverflowError, RecursionError,
)  # fmt: skip


def check_archive(path: Path) -> None:
    """Refuse a workbook that would grow beyond bounds when unpacked. Errors: ``WorkbookRefused``."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise _refused("压缩包损坏", "its archive is damaged") from error
    unpacked = sum(entry.file_size for entry in entries)
    if len(entries) > rules.ENTRY_LIMIT:
        raise _refused(f"内含 {len(entries):,} 个文件", f"it contains {len(entries):,} files")
    if unpacked > rules.UNPACKED_LIMIT_MB * MB:
        raise _refused(
            f"解压后 {unpacked // MB:,} MB，上限 {rules.UNPACKED_LIMIT_MB} MB",
            f"it grows to {unpacked // MB:,} MB when unpacked; the limit is {rules.UNPACKED_LIMIT_MB} MB",
        )
    for entry in entries:
        if entry.filename.lower() == "xl/sharedstrings.xml" and entry.file_size > rules.SHARED_LIMIT_MB * MB:
            raise _refused(
                f"文字表 {entry.file_size // MB:,} MB，上限 {rules.SHARED_LIMIT_MB} MB",
                f"its text is {entry.file_size // MB:,} MB; the limit is {rules.SHARED_LIMIT_MB} MB",
            )
        if entry.filename.startswith("xl/worksheets/") and entry.file_size > 8 * MB:
            _count_rows(path, entry.filename)


def _count_rows(path: Path, name: str) -> None:
    """Refuse a sheet with too many rows before any of it is parsed."""
    found, tail = 0, b""
    with zipfile.ZipFile(path) as archive, archive.open(name) as sheet:
        while chunk := sheet.read(_CHUNK):
            found += (tail + chunk).count(b"<row")
            tail = chunk[-3:]
            if found > rules.ROW_LIMIT + _SLACK:
                raise too_many()


def too_many() -> rules.TooManyRows:
    return rules.TooManyRows(found="更多", found_en="more", limit=rules.ROW_LIMIT)


def _refused(zh: str, en: str) -> rules.WorkbookRefused:
    return rules.WorkbookRefused(reason=zh, reason_en=en)


@contextmanager
def _open_workbook(path: Path, source: Source) -> Iterator[Opened]:
    check_archive(path)
    # Opened here: by its name alone the library would judge the file.
    with path.open("rb") as file:
        try:
            book = openpyxl.load_workbook(file, read_only=True, data_only=False, keep_links=False)
        except _BROKEN as error:
            raise _refused("不是完整的 .xlsx", "it is no complete .xlsx") from error
        try:
            sheet = _choose_sheet(book, source)
            yield Opened("xlsx", "", sheet.title, _sheet_rows(sheet))
        finally:
            book.close()


def _choose_sheet(book: Any, source: Source) -> Any:
    """The declared sheet; the only one when a workbook has one."""
    sheets = list(book.worksheets)
    wanted = {fold(name) for name in source.sheets}
    named = [sheet for sheet in sheets if fold(sheet.title) in wanted]
    if len(named) > 1:
        # Rows of a sheet that was passed over would be missing without anybody being told.
        raise rules.SeveralSheets(count=len(named), found="、".join(sheet.title for sheet in named))
    if named:
        return named[0]
    if len(sheets) == 1 and not wanted:
        return sheets[0]
    raise rules.SheetNotFound(
        wanted="、".join(source.sheets), present="、".join(sheet.title for sheet in sheets) or "—"
    )


def _sheet_rows(sheet: Any) -> Iterator[Row]:
    number = 0
    try:
        # What the file says about its own size is not believed.
        sheet.reset_dimensions()
        for number, row in enumerate(sheet.iter_rows(max_col=rules.COLUMN_LIMIT), start=1):
            yield number, [_plain(cell) for cell in row]
    except _BROKEN as error:
        zh, en = "工作表内容损坏", "the sheet is damaged"
        raise rules.FileDamaged(row=number, reason=zh, reason_en=en) from error


def _plain(cell: Any) -> Any:
    value, kind = cell.value, getattr(cell, "data_type", "n")
    if value is None:
        return None
    if kind == "f":
        return Formula(getattr(value, "text", None) or value)
    return ErrorCell(value) if kind == "e" else value
