"""Part of the child of :mod:`gis.sandbox`: parcels out of a spreadsheet that lists their corner points.

One row a corner, in order around the parcel. Needed columns: a parcel number and two coordinates. Which of X
and Y is the easting is not decided here: surveyors write X for north, and the reader finds that out from the
numbers. A repeated first corner, or another ring number, begins a new ring: a hole where it lies inside the
ring before, a part of its own elsewhere. Loaded by the child only, after its limits hold.
"""

from __future__ import annotations

import importlib
import re
import unicodedata
import zipfile
from collections.abc import Callable
from typing import Any

_HEAD_ROWS = 20
_COLUMNS = 64
# Headings as people write them, after NFKC, without blanks and brackets, upper case.
_STRONG = (
    *("地块编号", "地块代码", "地块编码", "地块号", "小班号", "小班编号", "小班", "宗地号", "宗地代码"),
    *(
        "图斑编号",
        "图斑号",
        "DKBM",
        "XIAN",
        "XIANG",
        "CUN",
        "LIN_BAN",
        "林班号",
        "林班",
        "XIAO_BAN",
        "XI_BAN",
    ),
    *("细班号", "PARCEL", "PARCEL_ID", "PARCELID"),
)
_WEAK = ("编号", "ID", "BSM", "地块名称", "地块", "名称", "NAME")
_RING = ("圈号", "环号", "圈", "RING", "PART", "部分")
_ORDER = (
    *("点号", "界址点号", "界址点", "拐点号", "拐点编号", "拐点", "序号", "顺序"),
    *("POINT", "POINT_NO", "NO"),
)
_EAST = ("经度", "东经", "LON", "LONG", "LNG", "LONGITUDE", "东坐标", "东", "E", "EAST", "EASTING")
_NORTH = ("纬度", "北纬", "LAT", "LATITUDE", "北坐标", "北", "N", "NORTH", "NORTHING")
_X = ("X", "X坐标", "坐标X", "纵坐标", "纵坐标X", "XZB")
_Y = ("Y", "Y坐标", "坐标Y", "横坐标", "横坐标Y", "YZB")
_DEGREES = re.compile(r"(\d{1,3})°(\d{1,2})['′](\d{1,2}(?:\.\d+)?)(?:\"|''|′′)?[NE北东]?")


def read_table(path: str, request: dict[str, Any], refuse: Callable[..., Any]) -> dict[str, Any]:
    """The parcels of the first sheet that lists corners.

    Returns:
        ``layer`` (the sheet), ``crs`` None, ``shapes`` (object array, None where no polygon comes out),
        ``fields``, ``columns`` (text as objects with None) and ``lost`` (sheet rows whose coordinates are no
        numbers, and of parcels with fewer than three corners).

    Raises:
        What ``refuse`` raises: no such sheet, too many corners; ``ValueError`` or ``OSError`` for a file that
        cannot be read.
    """
    _check_markup(path, refuse)
    book = importlib.import_module("openpyxl").load_workbook(path, read_only=True, data_only=True)
    for sheet in book.worksheets:
        rows = _rows(sheet, request, refuse)
        at, columns = _heading(rows)
        if columns:
            return _parcels(str(sheet.title), rows, at, columns)
    refuse("gis.corners.columns")
    return {}


def _check_markup(path: str, refuse: Callable[..., Any]) -> None:
    """Spreadsheets need no document types; only attacks bring them."""
    with zipfile.ZipFile(path) as book:
        for info in book.infolist():
            if info.filename.lower().endswith((".xml", ".rels", ".vml")):
                data = book.read(info).replace(b"\0", b"")
                if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
                    refuse("gis.file.unreadable")


def _rows(sheet: Any, request: dict[str, Any], refuse: Callable[..., Any]) -> list[tuple[Any, ...]]:
    limit = request["vertices"]
    rows: list[tuple[Any, ...]] = []
    for row in sheet.iter_rows(max_col=_COLUMNS, values_only=True):
        rows.append(row)
        if len(rows) > min(limit, 1_048_576):
            refuse("gis.shape.total_vertices", count=f"> {limit}", limit=limit)
    return rows


def _folded(cell: Any) -> str:
    text = unicodedata.normalize("NFKC", "" if cell is None else str(cell))
    return re.sub(r"[(\[].*?[)\]]|\s", "", text).upper()


def _heading(rows: list[tuple[Any, ...]]) -> tuple[int, dict[str, Any]]:
    """Row of the headings and what stands in which column; an empty dict when there is none."""
    for at, row in enumerate(rows[:_HEAD_ROWS]):
        names = [_folded(cell) for cell in row]

        def first(wanted: tuple[str, ...], names: list[str] = names) -> int | None:
            return next((names.index(name) for name in wanted if name in names), None)

        pairs = ((first(_EAST), first(_NORTH)), (first(_X), first(_Y)))
        pair = next(((a, b) for a, b in pairs if a is not None and b is not None), None)
        keys = [i for i, name in enumerate(names) if name in _STRONG]
        if not keys and (weak := first(_WEAK)) is not None:
            keys = [weak]
        if pair and keys:
            taken = {*pair, first(_RING), first(_ORDER)}
            titles = {i: str(cell).strip() for i, cell in enumerate(row) if names[i] and i not in taken}
            return at, {"pair": pair, "keys": keys, "ring": first(_RING), "titles": titles}
    return 0, {}


def _coordinate(cell: Any) -> float | None:
    """A number, also as text and in degrees, minutes, seconds."""
    if isinstance(cell, bool) or cell is None:
        return None
    if isinstance(cell, int | float):
        return float(cell)
    text = unicodedata.normalize("NFKC", str(cell)).replace(" ", "").replace(",", "")
    # NFKC makes two primes of the sign for seconds.
    if match := _DEGREES.fullmatch(text):
        degrees, minutes, seconds = (float(part) for part in match.groups())
        return degrees + minutes / 60 + seconds / 3600
    try:
        return float(text)
    except ValueError:
        return None


def _parcels(title: str, rows: list[tuple[Any, ...]], at: int, columns: dict[str, Any]) -> dict[str, Any]:
    numpy = importlib.import_module("numpy")
    groups: dict[tuple[str, ...], dict[str, Any]] = {}
    key: tuple[str, ...] = ()
    last: dict[str, Any] | None = None
    for number, row in enumerate(rows[at + 1 :], start=at + 2):
        a, b = (row[i] if i < len(row) else None for i in columns["pair"])
        cells = tuple(_cell(row[i] if i < len(row) else None) or "" for i in columns["keys"])
        if a is None and b is None:
            continue
        # Merged cells: the number stands in the first row of its parcel only.
        key = tuple(new or old for new, old in zip(cells, key, strict=True)) if key else cells
        group = groups.setdefault(key, {"first": row, "rings": [], "ring": object(), "rows": []})
        group["rows"].append(number)
        ring = row[columns["ring"]] if columns["ring"] is not None else None
        _corner(group, _coordinate(a), _coordinate(b), ring, anew=group is not last)
        last = group
    shapes = numpy.empty(len(groups), dtype=object)
    lost: list[int] = []
    for i, group in enumerate(groups.values()):
        shapes[i] = None if group.get("bad") else polygon_of(group["rings"])
        if shapes[i] is None:
            lost += group["rows"][:1]
    values = [_column(groups, index, columns["keys"], numpy) for index in columns["titles"]]
    names = list(columns["titles"].values())
    return {"layer": title, "crs": None, "shapes": shapes, "fields": names, "columns": values, "lost": lost}


def _corner(group: dict[str, Any], a: float | None, b: float | None, ring: Any, *, anew: bool) -> None:
    if a is None or b is None:
        group["bad"] = True
        return
    rings = group["rings"]
    closed = bool(rings) and len(rings[-1]) > 3 and rings[-1][0] == rings[-1][-1]
    if not rings or closed or anew or (ring is not None and ring != group["ring"]):
        rings.append([])
    group["ring"] = ring
    rings[-1].append((a, b))


def polygon_of(rings: list[list[tuple[float, float]]]) -> Any:
    """Polygon or multipolygon of rings: one inside a shell before it is its hole, any other a part."""
    shapely = importlib.import_module("shapely")
    parts: list[tuple[Any, list[Any]]] = []
    for ring in rings:
        if len(set(ring)) < 3:
            return None
        alone = shapely.Polygon(ring)
        shell = next((part for part in parts if alone.is_valid and part[0].covers(alone)), None)
        if shell:
            shell[1].append(ring)
        else:
            parts.append((alone, []))
    made = [shapely.Polygon(shell.exterior.coords, holes) for shell, holes in parts]
    return made[0] if len(made) == 1 else shapely.MultiPolygon(made)


def _cell(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip() or None


def _column(groups: dict[tuple[str, ...], dict[str, Any]], index: int, keys: list[int], numpy: Any) -> Any:
    """One attribute: of the parcel's first row; the parts of its number with what merged cells left out."""
    values = numpy.empty(len(groups), dtype=object)
    for i, (key, group) in enumerate(groups.items()):
        row = group["first"]
        text = key[keys.index(index)] if index in keys else _cell(row[index] if index < len(row) else None)
        values[i] = text or None
    return values
