"""The child of :mod:`gis.sandbox`: reads one layer, checks it, writes arrays. Run as a script, alone.

Of the project it imports only the two files beside it (spreadsheets, GeoParquet), and neither pandas nor
geopandas, which would triple its start-up time. The request comes as JSON on standard input; ``reply.json``
and ``reply.npz`` are written to the working folder.
"""

from __future__ import annotations

import codecs
import ctypes
import importlib
import json
import re
import resource
import sys
import zipfile
import zlib
from pathlib import Path
from typing import Any

_CLONE_NEWNET, _CLONE_NEWUSER = 0x40000000, 0x10000000
_LDID = {0x4D: "gb18030", 0x7A: "gb18030", 0x4F: "cp950", 0x78: "cp950"}
_CPG = {"utf-8": "utf-8", "utf8": "utf-8", "65001": "utf-8", "big5": "cp950", "950": "cp950"}
_CPG.update(dict.fromkeys(("gbk", "gb2312", "gb18030", "936", "cp936", "54936", "eucgb2312cn"), "gb18030"))
_GB18030 = ("gb18030", "54936")
_PARQUET = (".parquet", ".geoparquet")
_POLYGONS = (3, 6)
_COLLECTION = 7

# Bound by load_libraries, once the limits hold.
np: Any
pyogrio: Any
shapely: Any


class RefusedError(Exception):
    """A finding to be handed to the parent: code and values of a ``VectorFileError``."""

    def __init__(self, code: str, **values: Any) -> None:
        super().__init__(code)
        self.code, self.values = code, values


class NotInstalled:
    """Import hook: some packages are taken for not installed, which pyogrio and pyarrow can do without.

    A None in ``sys.modules`` would not do: pyarrow's own import takes it for the package and fails over it.
    """

    def __init__(self, *names: str) -> None:
        self.names = names

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name.partition(".")[0] in self.names:
            raise ModuleNotFoundError(name, name=name)


def restrict(request: dict[str, Any]) -> None:
    """Give up resources and, where the system permits, the network, before the file is touched."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNET) != 0:
        libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET)  # best effort: refused in some containers
    for kind, limit in (
        (resource.RLIMIT_AS, request["memory_bytes"]),
        (resource.RLIMIT_CPU, request["cpu_seconds"]),
        (resource.RLIMIT_FSIZE, request["file_bytes"]),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (limit, limit))


def text_columns(dbf: Path) -> tuple[int, list[Any]]:
    """Language byte of a .dbf, and those rows of its text columns that hold bytes above 0x7F.

    Each block is (rows, width + 1) uint8 with a line feed as last column: a character cut at the end of its
    field then cannot join the next one, and a whole column is decoded in one call. Field names are a block
    too.
    """
    raw = np.fromfile(dbf, dtype=np.uint8)
    if len(raw) < 33:
        return 0, []
    count = int.from_bytes(raw[4:8].tobytes(), "little")
    start, width = (int.from_bytes(raw[at : at + 2].tobytes(), "little") for at in (8, 10))
    head = raw[:start].tobytes()
    fields, offset = [], 1
    names = b""
    for at in range(32, len(head) - 31, 32):
        if head[at] == 0x0D:
            break
        length = head[at + 16]
        names += head[at : at + 11].split(b"\0")[0] + b"\n"
        if head[at + 11 : at + 12] == b"C":
            fields.append((offset, length))
        offset += length
    if width == 0 or offset > width:
        return head[29], []
    count = min(count, (len(raw) - start) // width)
    records = raw[start : start + count * width].reshape(count, width)
    blocks = [np.frombuffer(names, dtype=np.uint8)] if any(byte > 0x7F for byte in names) else []
    top = records.max(axis=0, initial=0)
    used = (records != 32).any(axis=0)
    for at, length in fields:
        if not (top[at : at + length] > 0x7F).any():
            continue
        # Without the blanks at its end, a column is a fraction of its width.
        filled = int(np.flatnonzero(used[at : at + length])[-1]) + 1
        column = records[:, at : at + filled]
        rows = (column > 0x7F).any(axis=1)
        block = np.full((int(rows.sum()), filled + 1), 10, dtype=np.uint8)
        block[:, :filled] = column[rows]
        blocks.append(block)
    return head[29], blocks


def faults(blocks: list[Any], encoding: str) -> int:
    """How many characters of the blocks the encoding cannot explain; 0 means it fits."""
    total = 0
    for block in blocks:
        data = block.tobytes()
        try:
            data.decode(encoding)
        except UnicodeDecodeError:
            total += data.decode(encoding, errors="replace").count("\ufffd")
    return total


def choose_encoding(dbf: Path, cpg: str | None, notes: list[dict[str, Any]]) -> str:
    """.cpg, then language byte, then UTF-8, then GB18030: the first that explains every byte.

    Of the Chinese ones the narrowest name is given: GB18030 where a character needs it or the .cpg says so.
    """
    ldid, blocks = text_columns(dbf)
    key = (cpg or "").strip().lower().replace("ansi", "").replace("oem", "").strip(" _-")
    declared = _CPG.get(key) or _CPG.get(key.replace("-", ""))
    candidates = [name for name in (declared, _LDID.get(ldid), "utf-8", "gb18030") if name]
    counts = {name: faults(blocks, name) for name in dict.fromkeys(candidates)}
    chosen = min(counts, key=lambda name: counts[name])
    told = codecs.lookup(chosen).name
    if chosen == "gb18030" and key not in _GB18030 and faults(blocks, "gbk") <= counts[chosen]:
        told = "gbk"
    if declared and declared != chosen:
        notes.append({"code": "gis.note.cpg_lies", "values": {"cpg": declared, "encoding": told}})
    if counts[chosen]:
        notes.append(
            {"code": "gis.note.cut_characters", "values": {"count": counts[chosen], "encoding": told}}
        )
    return told


def choose_layer(path: str, wanted: str | None) -> str:
    """The named layer, or the only one that can hold polygons and has records."""
    listed = [(str(name), kind) for name, kind in pyogrio.list_layers(path)]
    names = [name for name, _ in listed]
    if wanted is not None and wanted in names:
        return wanted
    if wanted is not None:
        raise RefusedError("gis.layer.unknown", layer=wanted[:80], layers="、".join(names)[:400])
    spatial = [name for name, kind in listed if kind is not None]
    areal = [name for name, kind in listed if kind is not None and holds_surfaces(str(kind))]
    if len(spatial) > 1:
        spatial = areal or spatial
    if len(spatial) > 1:
        filled = [
            n for n in spatial if pyogrio.read_info(path, layer=n, force_feature_count=True)["features"]
        ]
        spatial = filled or spatial[:1]
    if len(spatial) > 1:
        raise RefusedError("gis.layer.several", count=len(spatial), layers="、".join(spatial)[:400])
    if not spatial:
        raise RefusedError("gis.layer.no_geometry", layer=(names or ["?"])[0])
    return spatial[0]


def holds_surfaces(kind: str) -> bool:
    return any(word in kind for word in ("Polygon", "Surface", "Unknown", "Collection"))


def as_utf8(path: str, notes: list[dict[str, Any]]) -> tuple[str, str]:
    """Path of the text in UTF-8 (itself, or a copy), and the encoding it was in.

    GeoJSON and KML are UTF-8 by their standards; programs on Chinese Windows write GBK all the same.
    """
    raw = Path(path).read_bytes()
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        text, encoding = raw.decode("utf-16"), "utf-16"
    else:
        try:
            raw.decode("utf-8")
        except UnicodeDecodeError:
            text, encoding = raw.decode("gb18030"), _narrowest(raw)
        else:
            return path, "utf-8"
    notes.append({"code": "gis.note.recoded", "values": {"encoding": encoding}})
    head, rest = text[:200], text[200:]
    head = re.sub(r"""encoding=["'][\w-]+["']""", 'encoding="UTF-8"', head)
    copy = Path(path).with_name("utf8" + Path(path).suffix)
    copy.write_text(head + rest, encoding="utf-8")
    return str(copy), encoding


def _narrowest(raw: bytes) -> str:
    """``gbk`` for what GBK can say, ``gb18030`` for the rest of GB18030."""
    try:
        raw.decode("gbk")
    except UnicodeDecodeError:
        return "gb18030"
    return "gbk"


def parse_shapes(wkb: Any, notes: list[dict[str, Any]]) -> Any:
    """Geometries from WKB; unclosed rings are closed one by one and reported with their rows."""
    geoms = shapely.from_wkb(wkb, on_invalid="ignore")
    given = np.array([value is not None for value in wkb], dtype=bool)
    broken = np.flatnonzero(given & shapely.is_missing(geoms))
    if len(broken):
        geoms[broken] = shapely.from_wkb(wkb[broken], on_invalid="fix")
        lost = broken[shapely.is_missing(geoms[broken])]
        closed = np.setdiff1d(broken, lost)
        for code, rows in (("gis.note.rings_closed", closed), ("gis.note.shape_lost", lost)):
            if len(rows):
                values = {"count": len(rows), "rows": row_list(rows)}
                notes.append({"code": code, "values": values, "index": rows.tolist()})
    return geoms


def row_list(index: Any) -> str:
    """Row numbers for people: from 1, at most 20 of them."""
    shown = ", ".join(str(int(i) + 1) for i in index[:20])
    return shown + (" …" if len(index) > 20 else "")


def check_shapes(geoms: Any, request: dict[str, Any], layer: str) -> None:
    """Refuse what costs too much, is not finite, or is no polygon."""
    vertices = shapely.get_num_coordinates(geoms)
    if len(vertices) and vertices.max() > request["vertices_per_row"]:
        row = int(vertices.argmax())
        limit = request["vertices_per_row"]
        raise RefusedError("gis.shape.vertices", row=row + 1, count=int(vertices[row]), limit=limit)
    if vertices.sum() > request["vertices"]:
        raise RefusedError("gis.shape.total_vertices", count=int(vertices.sum()), limit=request["vertices"])
    kinds = shapely.get_type_id(geoms)
    surface = np.isin(kinds, _POLYGONS)
    for row in np.flatnonzero(kinds == _COLLECTION):
        surface[row] = holds_polygon(geoms[row], int(row), request["nesting"])
    if not surface.any():
        raise RefusedError("gis.layer.no_geometry", layer=layer)
    xy, owner = shapely.get_coordinates(geoms, return_index=True)
    bad = np.unique(owner[~np.isfinite(xy).all(axis=1)])
    if len(bad):
        raise RefusedError("gis.shape.not_finite", rows=row_list(bad))


def holds_polygon(geom: Any, row: int, limit: int) -> bool:
    depth, level = 1, shapely.get_parts(geom)
    found = False
    while len(level):
        kinds = shapely.get_type_id(level)
        found = found or bool(np.isin(kinds, _POLYGONS).any())
        level = shapely.get_parts(level[kinds == _COLLECTION])
        depth += len(level) > 0
        if depth > 1000:
            break
    if depth > limit:
        raise RefusedError("gis.shape.nesting", row=row + 1, depth=depth, limit=limit)
    return found


def packed(values: list[bytes]) -> tuple[Any, Any]:
    """One byte array and the end offset of each value in it."""
    ends = np.cumsum(np.fromiter(map(len, values), dtype=np.int64, count=len(values)))
    return np.frombuffer(b"".join(values), dtype=np.uint8), ends


def column_arrays(index: int, name: str, column: Any) -> tuple[dict[str, str], dict[str, Any]]:
    """Text as NUL-joined UTF-8 with a mask of nulls; numbers and truth values as they are."""
    key = f"c{index}"
    if column.dtype != object:
        return {"name": name, "key": key, "kind": "number"}, {key: column}
    missing = np.equal(column, None)
    values = np.where(missing, "", column).tolist()
    try:
        text = "\0".join(values)
    except TypeError:  # lists and bytes, as some formats hold
        text = "\0".join(map(str, values))
    data = np.frombuffer(text.encode("utf-8", errors="replace"), dtype=np.uint8)
    return {"name": name, "key": key, "kind": "text"}, {key: data, f"{key}_missing": missing}


def read(request: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    notes: list[dict[str, Any]] = []
    suffix = Path(str(request["path"])).suffix.lower()
    if suffix in _PARQUET:
        found = beside("sandbox_parquet").read_table(str(request["path"]), request, refuse)
        encoding = "utf-8"
    elif suffix == ".xlsx":
        found = beside("sandbox_corners").read_table(str(request["path"]), request, refuse)
        encoding = "utf-8"
        if found["lost"]:
            rows = [number - 1 for number in found["lost"]]
            values = {"count": len(rows), "rows": row_list(rows)}
            notes.append({"code": "gis.note.corners_lost", "values": values})
    else:
        found, encoding = read_with_gdal(request, suffix, notes)
    layer = found["layer"]
    if "shapes" in found:
        geoms, count = found["shapes"], len(found["shapes"])
    else:
        count = 0 if found["wkb"] is None else len(found["wkb"])
        if count == 0:
            code = "gis.layer.no_rows" if found["wkb"] is not None else "gis.layer.no_geometry"
            raise RefusedError(code, layer=layer)
        if count > request["rows"]:
            limit = request["rows"]
            raise RefusedError("gis.layer.too_many_rows", count=f"> {limit}", limit=limit)
        geoms = shapely.force_2d(parse_shapes(found["wkb"], notes))
    check_shapes(geoms, request, layer)
    fields: list[dict[str, str]] = []
    arrays: dict[str, Any] = {}
    for index, (name, column) in enumerate(zip(found["fields"], found["columns"], strict=True)):
        field, data = column_arrays(index, str(name), column)
        fields.append(field)
        arrays.update(data)
    arrays["wkb"], arrays["wkb_end"] = packed([w or b"" for w in shapely.to_wkb(geoms, output_dimension=2)])
    reply = {"layer": layer, "crs": found["crs"], "encoding": encoding, "notes": notes, "fields": fields}
    return {**reply, "rows": count}, arrays


def read_with_gdal(
    request: dict[str, Any], suffix: str, notes: list[dict[str, Any]]
) -> tuple[dict[str, Any], str]:
    """One layer by GDAL, and the encoding of its text."""
    path = str(request["path"])
    options: dict[str, Any] = {}
    encoding = "utf-8"
    if suffix == ".shp":
        encoding = choose_encoding(Path(path).with_suffix(".dbf"), request["cpg"], notes)
        # Read by the wider one: the same text, and a character cut at the end of a field is met alike.
        options["encoding"] = "GB18030" if encoding == "gbk" else encoding.upper()
    elif suffix in (".geojson", ".json", ".kml"):
        path, encoding = as_utf8(path, notes)
        if suffix != ".kml":
            options.update(DATE_AS_STRING="YES", ARRAY_AS_STRING="YES")
    layer = choose_layer(path, request["layer"])
    meta, _, wkb, columns = pyogrio.raw.read(
        path, layer=layer, force_2d=True, datetime_as_string=True, max_features=request["rows"] + 1, **options
    )
    found = {"layer": layer, "crs": meta["crs"], "wkb": wkb, "fields": meta["fields"], "columns": columns}
    return found, encoding


def beside(name: str) -> Any:
    """A file of this folder as a module; last on the path, so that it can hide nothing."""
    folder = str(Path(__file__).resolve().parent)
    if folder not in sys.path:
        sys.path.append(folder)
    return importlib.import_module(name)


def refuse(code: str, **values: Any) -> None:
    raise RefusedError(code, **values)


def main() -> None:
    request = json.loads(sys.stdin.buffer.read())
    restrict(request)
    load_libraries(arrow=Path(str(request["path"])).suffix.lower() in _PARQUET)
    answer(request)


def answer(request: dict[str, Any]) -> None:
    """Read the file and write the reply, or what is wrong with the file, to the working folder."""
    if set(pyogrio.list_drivers()) - set(request["drivers"]):
        raise SystemExit("more drivers are loaded than allowed")
    try:
        reply, arrays = read(request)
        np.savez("reply.npz", **arrays)
    except RefusedError as refusal:
        reply = {"error": {"code": refusal.code, "values": refusal.values}}
    except MemoryError:
        reply = {"error": {"code": "gis.file.resources", "values": {}}}
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, pyogrio.errors.FeatureError,
            pyogrio.errors.CRSError, pyogrio.errors.FieldError, pyogrio.errors.GeometryError,
            shapely.errors.ShapelyError, ValueError, OverflowError, OSError, KeyError, AttributeError,
            TypeError, IndexError, zipfile.BadZipFile, zlib.error, NotImplementedError,
            SyntaxError):  # fmt: skip
        # Their texts may quote the file; the parent only learns that it cannot be read.
        reply = {"error": {"code": "gis.file.unreadable", "values": {}}}
    Path("reply.json").write_text(json.dumps(reply, ensure_ascii=False), encoding="utf-8")


def load_libraries(*, arrow: bool = False) -> None:
    """After the limits are set, and without what would only make the start slow."""
    global np, pyogrio, shapely
    sys.meta_path.insert(0, NotInstalled("pandas", "geopandas", *(() if arrow else ("pyarrow",))))
    np = importlib.import_module("numpy")
    shapely = importlib.import_module("shapely")
    pyogrio = importlib.import_module("pyogrio")
    for part in ("errors", "raw"):
        importlib.import_module(f"pyogrio.{part}")


if __name__ == "__main__":
    main()
