"""Files that try to make the reader open something else (F1), or to exhaust it (F3, F4, F5)."""

from __future__ import annotations

import json
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pytest
import shapely

from gis.errors import VectorFileError
from gis.limits import DEFAULT, Limits
from gis.sandbox import ALLOWED_DRIVERS, read_in_child, skipped_drivers
from gis.vector_files import read_vector

SECRET = "SECRET-4115-KEY"
EXTENSIONS = (".shp", ".geojson", ".json", ".kml", ".gpkg", ".gml", ".vrt", ".parquet", ".xlsx")


def virtual_layer(tmp_path: Path) -> str:
    secret = tmp_path / "secret.csv"
    secret.write_text(f"name,x,y\n{SECRET},114.5,32.0\n", encoding="utf-8")
    return (
        f'<OGRVRTDataSource><OGRVRTLayer name="secret"><SrcDataSource>{secret}</SrcDataSource>'
        "<GeometryType>wkbPoint</GeometryType>"
        '<GeometryField encoding="PointFromColumns" x="x" y="y"/></OGRVRTLayer></OGRVRTDataSource>'
    )


def in_child(path: Path, limits: Limits = DEFAULT) -> VectorFileError:
    """What the child alone says, without the checks before it."""
    with pytest.raises(VectorFileError) as caught:
        read_in_child(
            path, layer=None, cpg=None, scratch=path.parent, limits=limits, shown=path.name, expected="?"
        )
    return caught.value


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_virtual_layer_in_disguise(tmp_path: Path, extension: str, capfd: pytest.CaptureFixture[str]) -> None:
    text = virtual_layer(tmp_path)
    upload = tmp_path / f"parcels{extension}"
    upload.write_text(text, encoding="utf-8")
    # The danger is real: an unguarded read of the same file gives the secret away.
    assert SECRET in str(pyogrio.raw.read(upload)[3])
    with pytest.raises(VectorFileError) as caught:
        read_vector(upload)
    assert caught.value.code in ("gis.file.disguised", "gis.file.extension")
    # And the gate behind the gate: the child has no driver that could.
    inside = tmp_path / "box" / f"layer{extension}"
    inside.parent.mkdir()
    inside.write_text(text, encoding="utf-8")
    behind = in_child(inside)
    printed = capfd.readouterr()
    for error in (caught.value, behind):
        assert SECRET not in error.zh + error.en + str(error) + repr(error.values) + printed.out + printed.err
    assert SECRET not in "".join(p.read_text(encoding="utf-8") for p in inside.parent.glob("reply.json"))


def test_only_six_drivers_are_left() -> None:
    assert set(pyogrio.list_drivers()) - set(skipped_drivers().split(",")) == ALLOWED_DRIVERS


def test_virtual_layer_inside_a_zip(zip_files: Callable[..., Path], tmp_path: Path) -> None:
    text = virtual_layer(tmp_path).encode()
    with pytest.raises(VectorFileError) as caught:
        read_vector(zip_files({"a.shp": text, "a.dbf": text, "a.shx": text}))
    assert caught.value.code == "gis.file.disguised"


@pytest.mark.parametrize(
    "prolog",
    [
        '<!DOCTYPE kml [<!ENTITY x SYSTEM "file://{secret}">]>',
        '<!DOCTYPE kml [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>',
    ],
)
def test_entities_in_kml(tmp_path: Path, prolog: str) -> None:
    virtual_layer(tmp_path)
    body = "<kml><Document><Placemark><name>&x;</name></Placemark></Document></kml>"
    upload = tmp_path / "a.kml"
    upload.write_text(
        '<?xml version="1.0"?>' + prolog.format(secret=tmp_path / "secret.csv") + body, encoding="utf-8"
    )
    with pytest.raises(VectorFileError) as caught:
        read_vector(upload)
    assert caught.value.code == "gis.file.disguised"


def geojson(path: Path, *geometries: str) -> Path:
    features = ",".join(
        f'{{"type":"Feature","properties":{{"n":{i}}},"geometry":{g}}}' for i, g in enumerate(geometries)
    )
    path.write_text('{"type":"FeatureCollection","features":[' + features + "]}", encoding="utf-8")
    return path


SQUARE = '{"type":"Polygon","coordinates":[[[114.5,32],[114.6,32],[114.6,32.1],[114.5,32]]]}'


def test_two_million_vertices(tmp_path: Path) -> None:
    angle = np.linspace(0, 2 * np.pi, 300_001)
    ring = shapely.Polygon(np.column_stack([114.5 + 0.1 * np.cos(angle), 32 + 0.1 * np.sin(angle)]))
    upload = geojson(tmp_path / "a.geojson", SQUARE, shapely.to_geojson(ring))
    with pytest.raises(VectorFileError) as caught:
        read_vector(upload)
    assert caught.value.code == "gis.shape.vertices"
    assert caught.value.values == {"row": 2, "count": 300_001, "limit": 200_000}
    with pytest.raises(VectorFileError) as caught:
        read_vector(upload, limits=Limits(vertices_per_row=400_000, vertices=300_000))
    assert caught.value.code == "gis.shape.total_vertices"
    assert caught.value.values["count"] == 300_005


def test_nested_collections(tmp_path: Path) -> None:
    def nested(depth: int) -> str:
        return '{"type":"GeometryCollection","geometries":[' * depth + SQUARE + "]}" * depth

    assert len(read_vector(geojson(tmp_path / "a.geojson", nested(3))).frame) == 1
    with pytest.raises(VectorFileError) as caught:
        read_vector(geojson(tmp_path / "a.geojson", SQUARE, nested(30)))
    assert caught.value.code == "gis.shape.nesting"
    assert caught.value.values["row"] == 2
    with pytest.raises(VectorFileError) as caught:
        read_vector(geojson(tmp_path / "a.geojson", SQUARE, nested(300)))
    assert caught.value.code in ("gis.shape.nesting", "gis.file.unreadable")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_coordinates_that_are_no_numbers(write_shapefile: Callable[..., Path], value: float) -> None:
    shp = write_shapefile()
    data = bytearray(shp.read_bytes())
    # Second record: header 100, first record 8 + 136; x of its second vertex.
    start = 100 + 8 + 4 + 32 + 8 + 4 + 5 * 16
    struct.pack_into("<d", data, start + 8 + 4 + 32 + 8 + 4 + 16, value)
    shp.write_bytes(data)
    with pytest.raises(VectorFileError) as caught:
        read_vector(shp)
    assert caught.value.code == "gis.shape.not_finite"
    assert caught.value.values["rows"] == "2"


def test_points_and_nothing(tmp_path: Path) -> None:
    with pytest.raises(VectorFileError) as caught:
        read_vector(geojson(tmp_path / "a.geojson", '{"type":"Point","coordinates":[114,32]}'))
    assert caught.value.code == "gis.layer.no_geometry"
    with pytest.raises(VectorFileError) as caught:
        read_vector(geojson(tmp_path / "a.geojson"))
    assert caught.value.code in ("gis.layer.no_rows", "gis.layer.no_geometry")


def test_too_many_rows_and_limits_of_the_child(tmp_path: Path) -> None:
    upload = geojson(tmp_path / "a.geojson", *[SQUARE] * 12)
    with pytest.raises(VectorFileError) as caught:
        read_vector(upload, limits=Limits(rows=10))
    assert caught.value.code == "gis.layer.too_many_rows"
    with pytest.raises(VectorFileError) as caught:
        read_vector(upload, limits=Limits(wall_seconds=0.01))
    assert caught.value.code == "gis.file.timeout"
    with pytest.raises(VectorFileError) as caught:
        read_vector(upload, limits=Limits(cpu_seconds=0))
    assert caught.value.code in ("gis.file.resources", "gis.file.unreadable")
    with pytest.raises(VectorFileError):
        read_vector(upload, limits=Limits(memory_bytes=64 << 20))


def test_flipped_bytes_never_reach_us(write_shapefile: Callable[..., Path], tmp_path: Path) -> None:
    """F5 in small: a damaged file is read or refused; nothing else happens."""
    shp = write_shapefile({"NAME": ["油茶", "茶", "水稻"]})
    rng = np.random.default_rng(3)
    clean = {suffix: shp.with_suffix(suffix).read_bytes() for suffix in (".shp", ".shx", ".dbf")}
    for _ in range(15):
        for suffix, data in clean.items():
            damaged = bytearray(data)
            for at in rng.integers(0, len(data), 3):
                damaged[at] = int(rng.integers(0, 256))
            shp.with_suffix(suffix).write_bytes(damaged)
        try:
            layer = read_vector(shp)
        except VectorFileError as error:
            assert error.zh
        else:
            assert len(layer.frame) <= 3


def test_the_child_sees_nothing_of_ours(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its environment holds no secret, and its scratch folder is gone afterwards, even after a refusal."""
    monkeypatch.setenv("CARBON_SECRET", SECRET)
    seen: dict[str, str] = {}
    run = subprocess.run

    def spy(*arguments: Any, **options: Any) -> Any:
        seen.update(options["env"])
        return run(*arguments, **options)

    monkeypatch.setattr(subprocess, "run", spy)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    read_vector(geojson(tmp_path / "a.geojson", SQUARE), scratch=scratch)
    with pytest.raises(VectorFileError):
        read_vector(geojson(tmp_path / "a.geojson", "null"), scratch=scratch)
    assert SECRET not in json.dumps(seen)
    assert "OGR_SKIP" in seen
    assert list(scratch.iterdir()) == []
