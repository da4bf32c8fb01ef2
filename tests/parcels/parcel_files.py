"""Files as offices send them, and how they are sent."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import geopandas
import pyogrio
from flask.testing import FlaskClient
from parcel_house import PASSWORD
from parcel_layers import record, square

API = "/api/v1"


def sign_in(client: FlaskClient, name: str) -> dict[str, str]:
    answer = client.post(f"{API}/sessions", json={"username": name, "password": PASSWORD})
    assert answer.status_code == 201, answer.text
    return {"Authorization": f"Bearer {answer.json['token']}"}


def shapefile(
    folder: Path, rows: list[dict[str, Any]], shapes: list[Any], *, name: str = "油茶", crs: Any = 4526
) -> dict[str, bytes]:
    """Parts of a GBK shapefile without .cpg, by file name."""
    folder.mkdir(exist_ok=True)
    frame = geopandas.GeoDataFrame(rows, geometry=shapes, crs=crs)
    pyogrio.write_dataframe(frame, folder / "layer.shp", driver="ESRI Shapefile", encoding="GBK")
    parts = {".shp", ".shx", ".dbf", ".prj"}
    return {f"{name}{part}": (folder / f"layer{part}").read_bytes() for part in sorted(parts)}


def zipped(parts: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return out.getvalue()


def send(
    client: FlaskClient, headers: dict[str, str], data: bytes, name: str = "a.zip", **fields: str
) -> Any:
    return client.post(
        f"{API}/parcel-imports", headers=headers, data={"file": (io.BytesIO(data), name), **fields}
    )


def good_zip(folder: Path, count: int = 3) -> bytes:
    rows = [record(n, BEIZHU="南坡") for n in range(1, count + 1)]
    return zipped(shapefile(folder, rows, [square(n) for n in range(count)]))
