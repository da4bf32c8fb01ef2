"""Small layers near the middle of the city, written as senders write them."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas
import pyogrio
import pytest
import shapely


@pytest.fixture
def squares() -> Any:
    """Three parcels of about 1 ha in degrees; the second and third share a border."""
    return [shapely.box(x, 32.0, x + 0.001, 32.0009) for x in (114.50, 114.51, 114.511)]


@pytest.fixture
def write_shapefile(tmp_path: Path, squares: Any) -> Callable[..., Path]:
    """Write a shapefile of the squares; returns the .shp. Options: epsg, encoding, columns, geoms, name."""

    def write(
        columns: dict[str, Any] | None = None,
        *,
        geoms: Any = None,
        epsg: int = 4490,
        encoding: str = "GBK",
        name: str = "layer",
        folder: str = "shapefile",
    ) -> Path:
        shapes = squares if geoms is None else geoms
        data = columns if columns is not None else {"DI_LEI": ["0111"] * len(shapes)}
        frame = geopandas.GeoDataFrame(data, geometry=list(shapes), crs=4490).to_crs(epsg)
        (tmp_path / folder).mkdir(exist_ok=True)
        path = tmp_path / folder / f"{name}.shp"
        pyogrio.write_dataframe(frame, path, driver="ESRI Shapefile", encoding=encoding)
        path.with_suffix(".cpg").unlink(missing_ok=True)
        set_language_byte(path, 0)
        return path

    return write


def set_language_byte(shp: Path, value: int) -> None:
    dbf = bytearray(shp.with_suffix(".dbf").read_bytes())
    dbf[29] = value
    shp.with_suffix(".dbf").write_bytes(dbf)


@pytest.fixture
def zip_files(tmp_path: Path) -> Callable[..., Path]:
    """Zip files by name → bytes (or a path to read); returns the zip."""

    def pack(entries: dict[str, bytes | Path], name: str = "upload.zip") -> Path:
        path = tmp_path / name
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for entry, content in entries.items():
                archive.writestr(entry, content.read_bytes() if isinstance(content, Path) else content)
        return path

    return pack


@pytest.fixture
def zip_layer(zip_files: Callable[..., Path]) -> Callable[..., Path]:
    """Zip a .shp with its siblings, but for the named suffixes."""

    def pack(shp: Path, *, leave_out: tuple[str, ...] = (), title: str = "layer") -> Path:
        parts = [shp.with_suffix(suffix) for suffix in (".shp", ".shx", ".dbf", ".prj", ".cpg")]
        present = [part for part in parts if part.is_file() and part.suffix not in leave_out]
        return zip_files({title + part.suffix: part for part in present})

    return pack
