"""Open untrusted vector files in a child process that can do little else.

A text file that calls itself ``.shp`` can make GDAL open any other file of the server (virtual layers,
database and web drivers). So the child's environment names every driver but six in ``OGR_SKIP`` and holds
nothing else of ours; memory, processor time and file size are limited; it has no network where the system
lets it give that up; and it hands back plain arrays, which cannot carry code.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyogrio

from gis.errors import VectorFileError
from gis.limits import Limits

ALLOWED_DRIVERS: Final = frozenset({"ESRI Shapefile", "GPKG", "GeoJSON", "KML", "LIBKML", "OpenFileGDB"})
_CHILD: Final = Path(__file__).with_name("sandbox_child.py")


@lru_cache(maxsize=1)
def skipped_drivers() -> str:
    """Value of ``OGR_SKIP``: every vector driver of this GDAL build that is not on the list."""
    return ",".join(sorted(set(pyogrio.list_drivers()) - ALLOWED_DRIVERS))


def _environment(scratch: Path) -> dict[str, str]:
    return {
        "OGR_SKIP": skipped_drivers(),
        "SHAPE_RESTORE_SHX": "YES",
        "GDAL_HTTP_TIMEOUT": "1",
        "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": "none",
        "CPL_TMPDIR": str(scratch),
        "HOME": str(scratch),
        "LANG": "C.UTF-8",
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        # Arrow's other pools reserve address space beyond the limit.
        "ARROW_DEFAULT_MEMORY_POOL": "system",
    }


def read_in_child(
    path: Path,
    *,
    layer: str | None,
    cpg: str | None,
    scratch: Path,
    limits: Limits,
    shown: str,
    expected: str,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read one layer in the child.

    Args:
        path: file inside ``scratch``; the child works there and writes its result beside it.
        layer: layer name, or ``None`` to take the only one that has polygons.
        cpg: what the .cpg says, which may be a lie.
        shown: file name for messages; ``expected``: format name for messages.

    Returns:
        ``meta`` (layer, crs, encoding, notes, fields, rows) and the arrays by name.

    Raises:
        VectorFileError: what the child found, or that it ran out of time, memory or luck.
    """
    request = {
        "path": str(path),
        "layer": layer,
        "cpg": cpg,
        "drivers": sorted(ALLOWED_DRIVERS),
        "rows": limits.rows,
        "vertices": limits.vertices,
        "vertices_per_row": limits.vertices_per_row,
        "nesting": limits.nesting,
        "memory_bytes": limits.memory_bytes,
        "cpu_seconds": limits.cpu_seconds,
        "file_bytes": limits.file_bytes,
    }
    try:
        done = subprocess.run(  # noqa: S603 — our own interpreter on our own file; the request is data on stdin
            [sys.executable, "-I", "-B", os.fspath(_CHILD)],
            input=json.dumps(request).encode(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=scratch,
            env=_environment(scratch),
            timeout=limits.wall_seconds,
            check=False,
            start_new_session=True,
        )
    except subprocess.TimeoutExpired:
        raise VectorFileError("gis.file.timeout", name=shown, limit=f"{limits.wall_seconds:g}") from None
    return _reply(scratch, done.returncode, shown, expected)


def _reply(
    scratch: Path, returncode: int, shown: str, expected: str
) -> tuple[dict[str, Any], dict[str, Any]]:
    reply = scratch / "reply.json"
    if returncode != 0 or not reply.is_file():
        if -returncode in (signal.SIGXCPU, signal.SIGKILL, signal.SIGXFSZ):
            raise VectorFileError("gis.file.resources", name=shown)
        raise VectorFileError("gis.file.unreadable", name=shown, expected=expected)
    meta: dict[str, Any] = json.loads(reply.read_text(encoding="utf-8"))
    if error := meta.get("error"):
        code = str(error["code"])
        if code in ("gis.file.unreadable", "gis.file.resources"):
            raise VectorFileError(code, name=shown, expected=expected)
        raise VectorFileError(code, **error["values"])
    with np.load(scratch / "reply.npz", allow_pickle=False) as arrays:
        return meta, {name: arrays[name] for name in arrays.files}
