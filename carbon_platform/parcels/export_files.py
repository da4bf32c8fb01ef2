"""The file of an export: rows and shapes into one of the formats."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import openpyxl
import shapely
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font

from carbon_platform.parcels.export_rules import FORMATS, ORIGINAL, Field, safe_text, used_fields
from gis.vector_write import Column, from_lonlat, write_geojson, write_gpkg, write_shapefile_zip

STEM: Final = "xinyang_parcels"
LAYER: Final = "parcels"


def file_name(number: str, file_format: str) -> str:
    return f"{number}.{FORMATS[file_format][2]}"


def export_bytes(
    rows: Sequence[Mapping[str, Any]],
    shapes: Any,
    *,
    file_format: str,
    epsg: int,
    source_epsg: int,
    about: Sequence[tuple[str, str]],
) -> bytes:
    """The file. ``shapes`` are CGCS2000 degrees, or the original ones where ``epsg`` is 0.

    ``about``: what the file is, for whom and what for; it goes along where the format has a place for it.
    """
    table = file_format in ("csv", "xlsx")
    fields = used_fields(rows, table=table)
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / file_name(STEM, file_format)
        if table:
            _write_table(path, fields, rows, file_format, about)
        else:
            system = source_epsg if epsg == ORIGINAL else epsg
            moved = shapes if epsg == ORIGINAL else from_lonlat(shapes, system)
            _write_layer(path, fields, rows, moved, file_format, system, about)
        return path.read_bytes()


def inner_points(shapes: Any) -> list[list[float]]:
    """Longitude, latitude of a point inside each shape (degrees, 7 decimals)."""
    points: list[list[float]] = np.round(
        shapely.get_coordinates(shapely.point_on_surface(shapes)), 7
    ).tolist()
    return points


def _write_layer(
    path: Path,
    fields: Sequence[Field],
    rows: Sequence[Mapping[str, Any]],
    shapes: Any,
    file_format: str,
    epsg: int,
    about: Sequence[tuple[str, str]],
) -> None:
    if file_format == "geojson":
        write_geojson(path, shapes, [_column(field.name, field, rows) for field in fields])
        return
    columns = [_column(field.bureau, field, rows) for field in fields]
    if file_format == "gpkg":
        write_gpkg(path, shapes, columns, layer=LAYER, epsg=epsg)
    else:
        legend = [(field.bureau, field.zh) for field in fields]
        notes = "\r\n".join(f"{name}：{text}" for name, text in (*about, *legend)) + "\r\n"
        write_shapefile_zip(path, shapes, columns, stem=STEM, epsg=epsg, notes=notes)


def _column(name: str, field: Field, rows: Sequence[Mapping[str, Any]]) -> Column:
    return Column(name, field.kind, [row[field.name] for row in rows])


def _write_table(
    path: Path,
    fields: Sequence[Field],
    rows: Sequence[Mapping[str, Any]],
    file_format: str,
    about: Sequence[tuple[str, str]],
) -> None:
    if file_format == "csv":
        with path.open("w", encoding="utf-8-sig", newline="") as out:
            writer = csv.writer(out, lineterminator="\r\n")
            writer.writerow([field.zh for field in fields])
            writer.writerows([safe_text(row[field.name]) for field in fields] for row in rows)
        return
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("地块")
    sheet.freeze_panes = "B2"
    sheet.append([_text_cell(sheet, field.zh, bold=True) for field in fields])
    for row in rows:
        sheet.append([_cell(sheet, row[field.name]) for field in fields])
    notes = book.create_sheet("说明")
    for name, text in about:
        notes.append([_text_cell(notes, name), _text_cell(notes, text)])
    book.save(path)


def _cell(sheet: Any, value: Any) -> Any:
    return _text_cell(sheet, value) if isinstance(value, str) else value


def _text_cell(sheet: Any, text: str, *, bold: bool = False) -> Any:
    """Text that stays text, whatever it begins with, also after somebody edits it."""
    cell = WriteOnlyCell(sheet, text)
    cell.data_type = "s"
    cell.quotePrefix = True
    if bold:
        cell.font = Font(bold=True)
    return cell
