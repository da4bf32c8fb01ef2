"""Part of the child of :mod:`gis.sandbox`: one layer out of a GeoParquet file.

GeoParquet 1.x: the geometry is a column of WKB, its system stands in the file's metadata as PROJJSON (absent:
OGC:CRS84; null: unknown). A file without that metadata is taken when a column with one of the usual names
holds WKB. Loaded by the child only, after its limits hold.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from typing import Any

_USUAL_NAMES = ("geometry", "geom", "wkb_geometry", "shape")


def read_table(path: str, request: dict[str, Any], refuse: Callable[..., Any]) -> dict[str, Any]:
    """Columns, shapes and system of the file.

    Returns:
        ``layer``, ``crs`` (text or None), ``wkb`` (object array of bytes or None), ``fields`` (names) and
        ``columns`` (numpy arrays, text as objects with None).

    Raises:
        What ``refuse`` raises: too many rows, too much data, no geometry; ``ValueError`` or ``OSError`` for a
        file that cannot be read.
    """
    numpy = importlib.import_module("numpy")
    parquet = importlib.import_module("pyarrow.parquet")
    with parquet.ParquetFile(path, memory_map=False) as file:
        _check_size(file.metadata, request, refuse)
        primary, crs, left_out = _geometry_column(file.schema_arrow)
        if primary is None:
            refuse("gis.layer.no_geometry", layer="parquet")
        names = [name for name in file.schema_arrow.names if name not in left_out]
        table = file.read(columns=names, use_threads=False)
    shapes = table.column(primary)
    if hasattr(shapes.type, "storage_type"):
        shapes = shapes.cast(shapes.type.storage_type)
    wkb = numpy.array(shapes.to_pylist(), dtype=object)
    if any(value is not None and not isinstance(value, bytes) for value in wkb[:100]):
        raise ValueError("the geometry is not WKB")
    fields = [name for name in names if name != primary]
    columns = [_values(table.column(name), numpy) for name in fields]
    return {"layer": "parquet", "crs": crs, "wkb": wkb, "fields": fields, "columns": columns}


def _check_size(metadata: Any, request: dict[str, Any], refuse: Callable[..., Any]) -> None:
    if metadata.num_rows > request["rows"]:
        refuse("gis.layer.too_many_rows", count=metadata.num_rows, limit=request["rows"])
    size = sum(metadata.row_group(i).total_byte_size for i in range(metadata.num_row_groups))
    if size > request["memory_bytes"] // 4:
        refuse("gis.file.resources")


def _geometry_column(schema: Any) -> tuple[str | None, str | None, set[str]]:
    """Name of the geometry column, its system, and columns that only serve other programs' indexes."""
    described = json.loads((schema.metadata or {}).get(b"geo", b"{}"))
    columns = described.get("columns") or {}
    primary = described.get("primary_column")
    if primary in schema.names and primary in columns:
        entry = columns[primary]
        if entry.get("encoding", "WKB") != "WKB":
            raise ValueError("only WKB")
        covering = (entry.get("covering") or {}).get("bbox") or {}
        left_out = {str(path[0]) for path in covering.values() if isinstance(path, list) and path}
        left_out |= {name for name in columns if name != primary}
        crs = entry.get("crs", "OGC:CRS84")
        return str(primary), crs if crs is None or isinstance(crs, str) else json.dumps(crs), left_out
    usual = {str(name).lower(): str(name) for name in schema.names}
    return next((usual[name] for name in _USUAL_NAMES if name in usual), None), None, set()


def _values(column: Any, numpy: Any) -> Any:
    """One column as numpy holds it: numbers without gaps as they are, everything else as text or None."""
    kind = str(column.type)
    if kind in ("float", "double", "halffloat") or (
        column.null_count == 0 and kind.startswith(("int", "uint", "bool"))
    ):
        return column.to_numpy()
    if kind.startswith("timestamp[ns"):
        # Python's own times end at the microsecond.
        arrow = importlib.import_module("pyarrow")
        column = column.cast(arrow.timestamp("us", tz=column.type.tz), safe=False)
    values = numpy.empty(len(column), dtype=object)
    values[:] = [_text(value) for value in column.to_pylist()]
    return values


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return None
    return (
        json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, dict | list) else str(value)
    )
