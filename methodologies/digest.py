"""Digests (摘要): the same facts give the same SHA-256, whatever order or type they arrive in.

An input digest covers the monitoring period and, row by row in order of the labels, every column in order
of its name. Numbers enter as IEEE 754 doubles, little-endian, with −0 as 0: two doubles have the same bytes
exactly when they have the same ``repr``, and a million of them hash in milliseconds. Dates enter as days
since 1970-01-01 (as many as ISO dates, and no text to build), choices as positions in the sorted list of
choices (the list stands in the header), texts and labels as UTF-8 with their lengths.
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

_FORMAT = "xinyang-input-1"
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
        total.update(_text_bytes(labels))
    for column in sorted(columns, key=lambda column: column.name):
        header: dict[str, Any] = {"column": column.name, "kind": column.kind, "unit": column.unit}
        if column.kind == "choice":
            header["choices"] = sorted(column.choices)
        _header(total, header)
        total.update(_column_bytes(column, values[column.name], order))
    return total.hexdigest()


def folder_digest(folder: Path, contract_version: str) -> str:
    """SHA-256 of what decides a methodology's figures: its ``*.py`` and ``*.toml``, and the contract."""
    total = hashlib.sha256()
    _header(total, {"contract": contract_version})
    files = sorted(path for path in folder.iterdir() if path.suffix in {".py", ".toml"})
    for path in files:
        # Line ends differ between checkouts of the same text.
        content = path.read_bytes().replace(b"\r\n", b"\n")
        _header(total, {"file": path.name, "bytes": len(content)})
        total.update(content)
    return total.hexdigest()


def _header(total: Any, words: dict[str, Any]) -> None:
    text = json.dumps(words, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    total.update(text.encode() + b"\n")


def _column_bytes(column: Column, values: Any, order: npt.NDArray[np.intp] | None) -> Any:
    if column.kind == "choice":
        ranks = np.argsort(np.argsort(np.array(column.choices))).astype("<u2")
        values = ranks[values.codes]
    ordered = values if order is None else values[order]
    match column.kind:
        case "float" | "int":
            return _buffer(ordered, _REAL)
        case "date":
            return _buffer(ordered.astype("datetime64[D]").view(np.int64), _WHOLE)
        case "text":
            return _text_bytes(ordered.tolist())
        case _:
            return np.ascontiguousarray(ordered)


def _buffer(numbers: Any, dtype: np.dtype[Any]) -> Any:
    """The numbers in the order of bytes the digest is defined in; no copy where they have it already."""
    return np.ascontiguousarray(numbers.astype(dtype, copy=False))


def _text_bytes(texts: list[str]) -> bytes:
    lengths = np.fromiter((len(text) for text in texts), np.int64, len(texts)).astype("<u4")
    return lengths.tobytes() + "".join(texts).encode("utf-8", "surrogatepass")
