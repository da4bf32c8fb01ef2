"""F5: 2,000 random byte flips in good files of every format. A damaged file is read or refused, in words.

Shapefile, GeoPackage, GeoJSON, KML, GeoParquet, spreadsheet: 500 files with four flips each, through the
reader and every check of a trial. What dies is the child, and that is an answer too.
"""

from __future__ import annotations

import json
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pyogrio
import pytest
from dry_run_files import corners, geojson, geopackage, parquet
from fork_reader import forked_children
from parcel_layers import record, square

from carbon_platform.parcels.dry_run import dry_run
from gis.limits import Limits

FLIPS_A_FILE = 4
FILES = {"shp": 120, "gpkg": 80, "geojson": 100, "kml": 60, "parquet": 70, "xlsx": 70}
LIMITS = Limits(memory_bytes=4 << 30, cpu_seconds=5, wall_seconds=20)


def layer() -> Any:
    rows = [record(n, BEIZHU="油茶") for n in range(1, 5)]
    return geopandas.GeoDataFrame(rows, geometry=[square(n) for n in range(4)], crs=4526)


def good_file(form: str, folder: Path) -> Path:
    if form == "shp":
        path = folder / "a.shp"
        pyogrio.write_dataframe(layer(), path, driver="ESRI Shapefile", encoding="GBK")
        return path
    if form == "kml":
        path = folder / "a.kml"
        pyogrio.write_dataframe(layer().to_crs(4326), path, driver="KML")
        return path
    return {"gpkg": geopackage, "geojson": geojson, "parquet": parquet, "xlsx": corners}[form](
        layer(), folder
    )


def flipped(data: bytes, rng: np.random.Generator) -> bytes:
    damaged = bytearray(data)
    for at in rng.integers(0, len(data), FLIPS_A_FILE):
        damaged[at] ^= int(rng.integers(1, 256))
    return bytes(damaged)


def rezipped(data: bytes, source: Path, rng: np.random.Generator) -> bytes:
    """Flips inside the unpacked parts of a spreadsheet; on the packed bytes the checksum would catch all."""
    target = source.with_name("again.xlsx")
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        names = old.namelist()
        struck = names[int(rng.integers(0, len(names)))]
        for name in names:
            part = old.read(name)
            new.writestr(name, flipped(part, rng) if name == struck else part)
    return target.read_bytes() if rng.random() < 0.8 else flipped(data, rng)


@pytest.mark.parametrize("form", FILES)
def test_flipped_bytes_crash_nothing(tmp_path, monkeypatch, form):
    assert sum(FILES.values()) * FLIPS_A_FILE >= 2000
    rng = np.random.default_rng(list(FILES).index(form))
    source = good_file(form, tmp_path)
    parts = [source] if form != "shp" else [source.with_suffix(s) for s in (".shp", ".shx", ".dbf", ".prj")]
    clean = {part: part.read_bytes() for part in parts}
    answers: Counter[str] = Counter()
    with forked_children(monkeypatch, tmp_path) as codes:
        assert dry_run(source, limits=LIMITS)["features"] == 4
        for _ in range(FILES[form]):
            struck = parts[int(rng.integers(0, len(parts)))]
            data = clean[struck]
            struck.write_bytes(rezipped(data, source, rng) if form == "xlsx" else flipped(data, rng))
            report = dry_run(source, limits=LIMITS)
            struck.write_bytes(data)
            # Every answer is a report that can be sent: no number in it is infinite or none.
            json.dumps(report, allow_nan=False)
            if report["read"]:
                assert report["accepted"] + report["refused"] == report["features"]
                answers["read"] += 1
            else:
                assert report["error"]["zh"] and report["error"]["en"]
                answers[report["error"]["code"]] += 1
    assert sum(answers.values()) == FILES[form]
    assert len(codes) >= answers["read"]
    # The flips mattered: not every damaged file got the same answer.
    assert len(answers) > 1, answers
