"""Digests (摘要): the same facts give the same SHA-256, whatever order or type they arrive in.

An input digest covers the monitoring period and, row by row in order of the labels, every column in order
of its name. Numbers enter as IEEE 754 doubles, little-endian, with −0 as 0: two doubles have the same bytes
exactly when they have the same ``repr``, and a million of them hash in milliseconds. Dates enter as days
since 1970-01-01 (as many as ISO dates, and no text to build), choices as positions in the sorted list of
choices (the list stands in the header), texts and labels as UTF-8 with their lengths. Where two or more
rows of a column all hold the same value, the header says ``"same": true`` and the value stands once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from methodologies.columns import Column

_FORMAT = "xinyang-input-2"
_TABLE_FORMAT = "xinyang-table-2"
_DECIDING_SUFFIXES = frozenset({".py", ".toml", ".csv", ".json"})
_LEFT_OUT = frozenset({"cases", "__pycache__"})
_DATED = "parameters.toml"
_WHOLE, _REAL = np.dtype("<i8"), np.dtype("<f8")


def input_digest(
    columns: tuple[Column, ...], values: Mapping[str, Any], index: pd.Index, period: tuple[date, date]
) -> str:
    """SHA-256 (hex) of column values as :func:`methodologies.validation.canonical` returns them."""
    total = hashlib.sha256()
    _header(total, {"format": _FORMAT, "rows": len(index), "period": [day.isoformat() for day in period]})
    order: npt.NDArray[np.intp] | None = None
    if pd.api.types.is_integer_dtype(index.dtype):
        numbers = index.to_numpy(dtype=np.int64)
        if not index.is_monotonic_increasing:
            order = np.argsort(numbers)
            numbers = numbers[order]
        _header(total, {"labels": "integer"})
        total.update(_buffer(numbers, _WHOLE))
    else:
        labels = [str(label) for label in index.tolist()]
        if not index.is_monotonic_increasing:
            order = np.array(sorted(range(len(labels)), key=labels.__getitem__), dtype=np.intp)
            labels = [labels[position] for position in order]
        _header(total, {"labels": "text"})
        total.update(_text_bytes(np.array(labels, dtype=object)))
    for column in sorted(columns, key=lambda column: column.name):
        _add_column(total, column, values[column.name], order)
    return total.hexdigest()


def digests_alone(
    columns: tuple[Column, ...],
    values: Mapping[str, Any],
    rows: int,
    period: tuple[date, date],
    label: str,
) -> list[str]:
    """For each row the digest :func:`input_digest` gives a frame of that row alone, labelled ``label``.

    ``values``: as :func:`methodologies.validation.canonical` returns them for all rows together.
    """
    first = _Bytes()
    _header(first, {"format": _FORMAT, "rows": 1, "period": [day.isoformat() for day in period]})
    _header(first, {"labels": "text"})
    first.update(_text_bytes(np.array([label], dtype=object)))
    parts: list[list[bytes]] = []
    for column in sorted(columns, key=lambda column: column.name):
        words = _Bytes()
        _header(words, _column_header(column))
        parts.append([words.taken + cell for cell in _cells(column, values[column.name], rows)])
    start = hashlib.sha256(first.taken)
    digests = []
    for row in zip(*parts, strict=True):
        total = start.copy()
        total.update(b"".join(row))
        digests.append(total.hexdigest())
    return digests


class _Bytes:
    """Takes bytes as a hash does, and keeps them."""

    def __init__(self) -> None:
        self.taken = b""

    def update(self, more: bytes) -> None:
        self.taken += more


def _cells(column: Column, values: Any, rows: int) -> list[bytes]:
    """The bytes of each cell of a column."""
    if column.kind == "text":
        return [bytes(_text_bytes(values[row : row + 1])) for row in range(rows)]
    whole = bytes(_column_bytes(column, values, None))
    size = len(whole) // rows if rows else 0
    return [whole[row * size : (row + 1) * size] for row in range(rows)]


def table_digest(columns: tuple[Column, ...], table: pd.DataFrame) -> str:
    """SHA-256 (hex) of a measured table in canonical form and order; its line labels decide nothing."""
    total = hashlib.sha256()
    _header(total, {"format": _TABLE_FORMAT, "rows": len(table)})
    for column in sorted(columns, key=lambda column: column.name):
        cells = table[column.name]
        values = cells.array if column.kind == "choice" else cells.to_numpy()
        _add_column(total, column, values, None)
    return total.hexdigest()


def folder_digest(folder: Path, contract_version: str, libraries: tuple[Path, ...] = ()) -> str:
    """SHA-256 of what decides a methodology's figures: its code and data, its libraries', the contract.

    Code and data are ``*.py``, ``*.toml``, ``*.csv`` and ``*.json`` in the folder and below it, but for
    ``cases`` (they test, and decide nothing) and ``parameters.toml``: a new dated value there changes no
    earlier day, and the parameter digest says what was in force. A library is a folder or a single file.
    """
    total = hashlib.sha256()
    _header(total, {"contract": contract_version})
    for name, path in _deciding(folder):
        _digest_file(total, name, path)
    for library in sorted(libraries, key=lambda library: library.name):
        _header(total, {"library": library.name})
        for name, path in _deciding(library) if library.is_dir() else [(library.name, library)]:
            _digest_file(total, name, path)
    return total.hexdigest()


def _deciding(folder: Path) -> list[tuple[str, Path]]:
    """Names (from the folder, with slashes) and paths of the files that decide figures, in order of name."""
    found = [
        (path.relative_to(folder), path) for path in folder.rglob("*") if path.suffix in _DECIDING_SUFFIXES
    ]
    return sorted(
        (name.as_posix(), path)
        for name, path in found
        if name.as_posix() != _DATED and not _LEFT_OUT & set(name.parts[:-1])
    )


def _digest_file(total: Any, name: str, path: Path) -> None:
    # Line ends differ between checkouts of the same text.
    content = path.read_bytes().replace(b"\r\n", b"\n")
    _header(total, {"file": name, "bytes": len(content)})
    total.update(content)


def _header(total: Any, words: dict[str, Any]) -> None:
    text = json.dumps(words, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    total.update(text.encode() + b"\n")


def _add_column(total: Any, column: Column, values: Any, order: npt.NDArray[np.intp] | None) -> None:
    """The header of a column, then its values: all of them, or one where every row holds the same."""
    same = _same_everywhere(values.codes if column.kind == "choice" else values)
    _header(total, _column_header(column) | ({"same": True} if same else {}))
    total.update(_column_bytes(column, values[:1] if same else values, None if same else order))


def _same_everywhere(values: npt.NDArray[Any]) -> bool:
    """Whether two or more rows hold one value; most columns are told apart by their first and last."""
    if len(values) < 2 or values[0] != values[-1]:
        return False
    return getattr(values, "strides", None) == (0,) or bool((values == values[0]).all())


def _column_header(column: Column) -> dict[str, Any]:
    header: dict[str, Any] = {"column": column.name, "kind": column.kind, "unit": column.unit}
    if column.kind == "choice":
        header["choices"] = sorted(column.choices)
    return header


def _column_bytes(column: Column, values: Any, order: npt.NDArray[np.intp] | None) -> Any:
    if column.kind == "choice":
        ranks = np.argsort(np.argsort(np.array(column.choices))).astype("<u2")
        values = ranks[values.codes]
    ordered = values if order is None else values[order]
    match column.kind:
        case "float" | "int":
            return _buffer(ordered, _REAL)
        case "date":
            return _buffer(ordered.astype("datetime64[D]", copy=False).view(np.int64), _WHOLE)
        case "text":
            return _text_bytes(ordered)
        case _:
            return np.ascontiguousarray(ordered)


def _buffer(numbers: Any, dtype: np.dtype[Any]) -> Any:
    """The numbers in the order of bytes the digest is defined in; no copy where they have it already."""
    return np.ascontiguousarray(numbers.astype(dtype, copy=False))


def _text_bytes(cells: Any) -> bytes:
    """Lengths in characters, then the texts; ``cells``: an array of objects or a string array."""
    if isinstance(cells, np.ndarray):
        texts = cells.tolist()
        lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    else:  # unpacking a cell costs more than finding out which are the same
        places, distinct = pd.factorize(cells)
        words = np.array([*distinct], dtype=object)
        texts = words[places].tolist()
        lengths = np.array([len(word) for word in words], dtype=np.int64)[places]
    return lengths.astype("<u4").tobytes() + "".join(texts).encode("utf-8", "surrogatepass")
