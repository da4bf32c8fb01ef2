"""PostGIS as an independent witness: the same areas, validity and overlaps from the WKB we store."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import shapely

from demo.parcels import make_camellia_zip
from gis.crs import to_lonlat, to_plane
from gis.geometry import check_geometries
from gis.measure import ellipsoidal_area_m2
from gis.overlap import self_overlaps
from gis.vector_files import read_vector

pytestmark = pytest.mark.postgis


def psql(statement: str) -> str:
    """Run SQL as the superuser of the machine's own server (Debian: postgresql-15-postgis-3)."""
    return subprocess.run(
        ["runuser", "-u", "postgres", "--", "psql", "-XqAt", "-v", "ON_ERROR_STOP=1"],
        input=statement,
        capture_output=True,
        text=True,
        check=True,
        cwd="/",
    ).stdout


@pytest.fixture(scope="module")
def postgis() -> None:
    if not (shutil.which("runuser") and shutil.which("psql")):
        pytest.skip("no PostgreSQL of the machine's own: apt-get install postgresql-15-postgis-3")
    try:
        psql("CREATE EXTENSION IF NOT EXISTS postgis;")
    except subprocess.CalledProcessError as error:
        pytest.skip(f"PostGIS is not running: {error.stderr.strip()[:200]}")


def test_areas_validity_and_overlaps_agree(postgis: None, tmp_path: Path) -> None:
    path = tmp_path / "parcels.zip"
    make_camellia_zip(path, "411522", 80, 7, faults=True)
    layer = read_vector(path)
    raw = to_lonlat(layer.frame.geometry.to_numpy(), layer.epsg)
    checked = check_geometries(raw)
    good = np.array([g is not None and not shapely.is_empty(g) for g in checked.geoms])
    geoms = np.asarray(checked.geoms, dtype=object)[good]
    # the second column shifts each parcel a little north-east: overlaps of every size
    moved = [shapely.transform(g, lambda xy: np.add(xy, (0.0004, 0.0003))) for g in geoms]
    shifted = np.array(moved, dtype=object)
    rows = ",".join(
        f"({i},'\\x{shapely.to_wkb(g, hex=True)}'::bytea,'\\x{shapely.to_wkb(s, hex=True)}'::bytea)"
        for i, (g, s) in enumerate(zip(geoms, shifted, strict=True))
    )
    answer = psql(
        f"WITH p(i, a, b) AS (VALUES {rows}), g AS (SELECT i, ST_GeomFromWKB(a, 4490) AS a,"
        " ST_GeomFromWKB(b, 4490) AS b FROM p) SELECT json_agg(json_build_object('i', i,"
        " 'valid', ST_IsValid(a), 'area', ST_Area(a::geography), 'meets', ST_Relate(a, b, 'T********'),"
        " 'shared', ST_Area(ST_Intersection(ST_Transform(a, 4526), ST_Transform(b, 4526)))) ORDER BY i)"
        " FROM g;"
    )
    witness = json.loads(answer)
    areas = ellipsoidal_area_m2(geoms)
    pairs = self_overlaps(np.concatenate([to_plane(geoms), to_plane(shifted)]))
    shared = {
        int(left): area
        for left, right, area in zip(pairs["left"], pairs["right"], pairs["area_m2"], strict=True)
        if right == left + len(geoms)
    }
    assert len(witness) == len(geoms) > 70
    for found in witness:
        i = found["i"]
        assert found["valid"]
        assert areas[i] == pytest.approx(found["area"], rel=2e-6, abs=0.02)
        assert found["meets"] == (i in shared)
        assert shared.get(i, 0.0) == pytest.approx(found["shared"], rel=1e-4, abs=0.5)
