"""Trying a file: every figure against files whose truth is known, and against land elsewhere."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import pyogrio
import pyproj
import pytest
import shapely
from dry_run_files import (
    FORMS,
    TRUTH,
    corners,
    geojson,
    geopackage,
    parquet,
    true_area_m2,
    truth_layer,
    zipped_shapefile,
)
from flask import Flask
from flask.testing import FlaskCliRunner
from fork_reader import warm  # noqa: F401 — used by name below
from parcel_house import NOW, OFFICER
from parcel_layers import COUNTY, layer, record, square

from carbon_platform.config import Settings
from carbon_platform.db import Database
from carbon_platform.parcel_cli import group
from carbon_platform.parcels import service
from carbon_platform.parcels.dry_run import dry_run
from carbon_platform.parcels.dry_run_words import DEFINITIONS
from carbon_platform.web.calls import Hooks, Platform

pytestmark = pytest.mark.usefixtures("warm")
DOCS = Path(__file__).resolve().parents[2] / "docs"
SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"


def some(report: dict[str, Any], names: Any) -> dict[str, Any]:
    return {name: report[name] for name in names}


@pytest.mark.parametrize("form", FORMS)
def test_every_count_of_a_known_file_in_every_form(tmp_path, form):
    epsg, origin, encoding, write = FORMS[form]
    frame = truth_layer(epsg)
    report = dry_run(write(frame, tmp_path))
    assert report["read"], report.get("error")
    assert some(report, TRUTH) == TRUTH
    assert report["area_m2_total"] == pytest.approx(true_area_m2(frame), rel=1e-9)
    assert report["area_m2_by_rule"] == pytest.approx(report["area_m2_total"], rel=1e-6)
    assert report["crs_detected"] == f"EPSG:{epsg}" and report["crs_origin"] == origin
    assert report["encoding_detected"] == encoding
    assert report["area_unit_detected"] == "ha" and report["area_unit_other_rows"] == []
    assert report["family_detected"] == "A" and report["counties"] == {"411522": 72}
    # 30 is the row without a shape; the wrong counties stand at 7, 11, 29 and, one later, 58.
    assert report["county_mismatch_rows"] == [8, 12, 30, 60]
    assert report["overlapping_pairs_by_class"]["overlap"] == 6
    swapped = any(note["code"] == "gis.note.axes_swapped" for note in report["notes"])
    assert swapped == ("swapped" in form)


def test_what_is_refused_is_named_with_its_number_and_what_to_do(tmp_path):
    report = dry_run(zipped_shapefile(truth_layer(), tmp_path))
    refusals = {entry["row"]: entry for entry in report["refusals"]}
    assert len(refusals) == TRUTH["refused"]
    assert refusals[31]["reasons"][0]["code"] == "geometry_missing" and refusals[31]["county"] == ""
    assert {code["code"] for code in refusals[8]["reasons"]} == {"county_mismatch"}
    assert refusals[8]["id"].endswith("0003 00008")
    twins = [entry for entry in report["refusals"] if entry["reasons"][0]["code"] == "overlap_file"]
    assert len(twins) == 6
    for entry in report["refusals"]:
        for reason in entry["reasons"]:
            assert reason["zh"] and reason["en"] and reason["advice_zh"] and reason["advice_en"]
    repaired = [entry for entry in report["remarks"] if entry["reasons"][0]["field"] == "geometry"]
    assert {entry["row"] for entry in repaired} == {71, 72}
    assert sum(pair["class"] == "overlap" for pair in report["overlaps"]) == 6
    accepted = report["area_m2_accepted"]
    refused = sum(entry["area_m2"] for entry in report["refusals"])
    assert accepted + refused == pytest.approx(report["area_m2_total"], abs=0.2)


def test_corner_points_in_a_spreadsheet(tmp_path):
    frame = truth_layer()
    good = frame[frame.geometry.notna() & frame.geometry.is_valid & (frame.geometry.geom_type == "Polygon")]
    report = dry_run(corners(good, tmp_path))
    assert report["read"], report.get("error")
    expected = {"features": 70, "overlapping_pairs": 6, "duplicate_pairs": 2, "contained_pairs": 1}
    assert some(report, expected) == expected
    assert report["county_mismatches"] == 4 and report["invalid_geometries"] == 0
    assert report["crs_detected"] == "EPSG:4526" and report["layer"] == "界址点"
    assert [note["code"] for note in report["notes"]] == ["gis.note.axes_swapped"]
    assert report["area_m2_total"] == pytest.approx(true_area_m2(good), rel=1e-9)
    assert report["area_unit_detected"] == "ha"


@pytest.mark.parametrize(("factor", "unit", "decimals"), [(1.0, "m2", 2), (1e-4, "ha", 4), (0.0015, "mu", 2)])
def test_the_unit_of_the_area_column(tmp_path, factor, unit, decimals):
    shapes = [square(3 * n, side_m=100 + n) for n in range(20)]
    rows = [record(n + 1, MIAN_JI=round(shape.area * factor, decimals)) for n, shape in enumerate(shapes)]
    rows[4]["MIAN_JI"] = round(shapes[4].area * (0.0015 if unit == "ha" else 1e-4), 4)
    frame = geopandas.GeoDataFrame(rows, geometry=shapes, crs=4526)
    report = dry_run(geojson(frame, tmp_path))
    assert report["area_unit_detected"] == unit
    assert report["area_unit_other_rows"] == [5]


def test_areas_no_unit_explains_do_not_stop_a_trial(tmp_path):
    rows = [record(n, MIAN_JI=1.0 if n % 2 else 0.02) for n in range(1, 11)]
    frame = geopandas.GeoDataFrame(rows, geometry=[square(2 * n) for n in range(10)], crs=4526)
    report = dry_run(geojson(frame, tmp_path))
    assert report["area_unit_detected"] is None and report["features"] == 10
    assert report["area_unit_problem"]["code"] == "parcels.area_unit_unclear"
    assert "MIAN_JI" in report["area_unit_problem"]["zh"]


def test_a_table_of_no_known_family(tmp_path):
    frame = geopandas.GeoDataFrame(
        {"编号": ["甲", "乙"], "XIAN": ["411523", "411522"], "面积": [15.0, 15.0]},
        geometry=[square(0), square(1)],
        crs=4526,
    )
    report = dry_run(zipped_shapefile(frame, tmp_path))
    assert report["family_detected"] == "plain" and report["area_unit_detected"] == "mu"
    assert report["county_mismatches"] == 1 and report["accepted"] == 1
    assert report["refusals"][0]["id"] == "甲"
    # What it holds was not said: asked, not refused.
    assert [(question["code"], question["rows"]) for question in report["questions"]] == [("kind_unknown", 2)]


def test_a_row_whose_open_ring_was_closed_says_so(tmp_path):
    frame = geopandas.GeoDataFrame([record(n) for n in (1, 2)], geometry=[square(0), square(3)], crs=4526)
    upload = geojson(frame, tmp_path)
    content = json.loads(upload.read_text(encoding="utf-8"))
    content["features"][1]["geometry"]["coordinates"][0].pop()
    upload.write_text(json.dumps(content), encoding="utf-8")
    report = dry_run(upload)
    assert (report["invalid_rows"], report["repaired"], report["overlapping_pairs"]) == ([2], 1, 0)
    assert report["outcomes"] == {"accepted": 1, "repaired": 1}
    assert [(entry["row"], entry["reasons"][0]["code"]) for entry in report["remarks"]] == [
        (2, "geometry_repaired")
    ]
    assert "环未闭合" in report["remarks"][0]["reasons"][0]["zh"]


def test_a_crumb_of_land_is_not_outside_the_city(tmp_path):
    """Cutting layers leaves polygons of square millimetres behind."""
    frame = geopandas.GeoDataFrame(
        [record(1), record(2)], geometry=[square(0), square(3, side_m=0.002)], crs=4526
    )
    report = dry_run(geopackage(frame, tmp_path))
    assert (report["refused"], report["invalid_geometries"], report["outside_city"]) == (1, 0, 0)
    assert report["counties"] == {COUNTY: 1}


@pytest.mark.parametrize("epsg", [4508, 4509, 4546, 4547, 4548])
def test_a_definition_that_names_its_code_keeps_it(tmp_path, epsg):
    """4548 and 4509 are the same projection under two codes, and so are 4546 and 4508."""
    frame = geopandas.GeoDataFrame([record()], geometry=[square()], crs=4526).to_crs(epsg)
    pyogrio.write_dataframe(frame, tmp_path / "a.shp", encoding="GBK")
    for version in ("WKT1_GDAL", "WKT1_ESRI"):
        (tmp_path / "a.prj").write_text(pyproj.CRS.from_epsg(epsg).to_wkt(version), encoding="ascii")
        assert dry_run(tmp_path / "a.shp")["crs_detected"] == f"EPSG:{epsg}"


@pytest.mark.parametrize("zone", [None, "UTC"])
def test_fields_with_times_in_a_geoparquet(tmp_path, zone):
    """As open field-boundary files have them."""
    times = pd.to_datetime(["2024-05-01 10:00:00.123456789", None]).tz_localize(zone)
    rows = {"id": ["1", "2"], "determination_datetime": times}
    frame = geopandas.GeoDataFrame(rows, geometry=[square(0), square(2)], crs=4526)
    report = dry_run(parquet(frame, tmp_path))
    assert report["read"] and report["features"] == 2


FOREIGN = (25832, 28992, 2154, 3067, 5514, 31287, 3006, 3346, 3794, 2056, 6668, 32633, 2193, 31983, 4807)


def foreign_fields(epsg: int) -> Any:
    """40 fields in the middle of a national system, touching or not; one twin, one inside, one bow-tie."""
    crs = pyproj.CRS.from_epsg(epsg)
    area = crs.area_of_use
    lon = (area.west + area.east) / 2 if area.west < area.east else 175.0
    to = pyproj.Transformer.from_crs(4326, epsg, always_xy=True)
    x, y = to.transform(lon, (area.south + area.north) / 2)
    unit = 1.0 if crs.is_projected else 1e-5
    fields = [
        shapely.box(
            x + 200 * i * unit, y + 90 * j * unit, x + (200 * i + 150) * unit, y + (90 * j + 90) * unit
        )
        for i in range(8)
        for j in range(5)
    ]
    fields += [fields[3], shapely.affinity.scale(fields[5], 0.3, 0.3)]
    left, low = x - 500 * unit, y
    side = 100 * unit
    fields.append(
        shapely.Polygon([(left, low), (left + side, low + side), (left + side, low), (left, low + side)])
    )
    return geopandas.GeoDataFrame({"id": range(43)}, geometry=fields, crs=epsg)


@pytest.mark.parametrize("epsg", FOREIGN)
def test_land_anywhere_in_its_national_system(tmp_path, epsg):
    frame = foreign_fields(epsg)
    write = zipped_shapefile if epsg % 2 else parquet
    report = dry_run(write(frame, tmp_path))
    assert report["read"], report.get("error")
    expected = {
        "features": 43, "accepted": 41, "refused": 2, "repaired": 1, "invalid_geometries": 1,
        "outside_city": 43,
        "overlapping_pairs": 2, "duplicate_pairs": 1, "contained_pairs": 1, "crs_detected": f"EPSG:{epsg}",
    }  # fmt: skip
    assert some(report, expected) == expected
    geod = pyproj.Geod(ellps="WGS84")
    shapes = frame.geometry.make_valid(method="structure", keep_collapsed=False).to_crs(4326)
    area = sum(abs(geod.geometry_area_perimeter(shape)[0]) for shape in shapes)
    assert report["area_m2_total"] == pytest.approx(area, rel=1e-6)


def test_real_fields_of_japan_and_india():
    if not SHARED.is_dir():
        pytest.skip("the folder shared/data with real field polygons is not beside the checkout")
    for name, crs, area in (
        ("jp_field_polygons_2024.parquet", "EPSG:6668", 1_189_690.8967),
        ("india_10k.zip", "EPSG:4326", 626_083.1676),
    ):
        report = dry_run(SHARED / name)
        assert (report["features"], report["crs_detected"]) == (100, crs)
        assert (report["accepted"], report["outside_city"], report["invalid_geometries"]) == (100, 100, 0)
        assert report["area_m2_total"] == pytest.approx(area, rel=1e-9)
        # One Japanese pair shares 0.0001 m²: found in the file's own coordinates, invented by none.
        assert report["overlapping_pairs"] == (1 if name.startswith("jp") else 0)


def test_a_corner_on_a_neighbours_edge_is_no_overlap_in_any_system(tmp_path):
    """Transformed, half of all T-junctions overlap by a hair; the file's own coordinates do not."""
    x, y = square().bounds[:2]
    long = shapely.box(x, y, x + 3000, y + 100)
    small = [
        shapely.box(x + 37 * n, y + at, x + 37 * (n + 1), y + at + 50) for n in range(60) for at in (-50, 100)
    ]
    frame = geopandas.GeoDataFrame({"id": range(121)}, geometry=[long, *small], crs=4526)
    assert dry_run(geojson(frame, tmp_path))["overlapping_pairs"] == 0
    bent = np.asarray(frame.to_crs(4490).geometry.array, dtype=object)
    left, right = shapely.STRtree(bent).query(bent)
    once = left < right
    assert shapely.relate_pattern(bent[left[once]], bent[right[once]], "T********").sum() > 5


# --- the register, and the command ----------------------------------------------------------------


def test_against_the_register_on_both_engines(db, tmp_path):
    rows, shapes = [record(1), record(2)], [square(0), square(1)]
    checked = service.check_layer(
        db.read, OFFICER, layer(rows, shapes), file_name="a.zip", file_sha256="0" * 64
    )
    import_id = db.transact(lambda s: service.stage_import(s, OFFICER, checked, now=NOW)).id
    db.transact(lambda s: service.accept_import(s, OFFICER, import_id, now=NOW))
    frame = geopandas.GeoDataFrame(
        [record(n) for n in range(1, 5)], geometry=[square(0), square(1.5), square(3), square(0, 1)], crs=4526
    )
    path = geojson(frame, tmp_path)
    report = dry_run(path, read=db.read)
    # The same parcel again, and one shifted by half; a neighbour and one farther away are none.
    assert (report["overlaps_with_registered"], report["register_compared"]) == (2, True)
    assert report["accepted"] == 4 and report["refused"] == 0
    alone = dry_run(path)
    assert (alone["overlaps_with_registered"], alone["register_compared"]) == (0, False)


def test_a_database_without_tables_is_no_register(tmp_path):
    empty = Database(f"sqlite:///{tmp_path / 'empty.sqlite3'}")
    frame = geopandas.GeoDataFrame([record(1)], geometry=[square(0)], crs=4526)
    report = dry_run(geojson(frame, tmp_path), read=empty.read)
    empty.dispose()
    assert report["register_compared"] is False and report["features"] == 1


@pytest.fixture
def command(tmp_path: Path) -> FlaskCliRunner:
    """The command in a house whose database does not exist."""
    url = f"sqlite:///{tmp_path / 'house' / 'carbon.sqlite3'}"
    app = Flask("carbon_platform.app")
    hooks = Hooks(authenticate=lambda *_: None, csrf_token=lambda *_: "")
    app.extensions["carbon"] = Platform(
        settings=Settings(mode="test", database_url=url, var=tmp_path / "house"),
        db=Database(url),
        clock=lambda: datetime(2026, 11, 23, tzinfo=UTC),
        hooks=hooks,
    )
    app.cli.add_command(group)
    return app.test_cli_runner()


def test_the_command_writes_the_report_and_nothing_else(command, tmp_path):
    upload = zipped_shapefile(truth_layer(), tmp_path)
    before = set(tmp_path.rglob("*"))
    out = tmp_path / "OUT.json"
    done = command.invoke(args=["parcels", "import", str(upload), "--dry-run", "--report", str(out)])
    assert done.exit_code == 0, done.output
    assert set(tmp_path.rglob("*")) - before == {out}
    report = json.loads(out.read_text(encoding="utf-8"))
    assert some(report, TRUTH) == TRUTH
    assert report["definitions"] == DEFINITIONS and report["register_compared"] is False
    assert "拒绝 11" in done.output and "重叠 6 对" in done.output and "没有登记库可比" in done.output


def test_a_file_that_cannot_be_read_says_why_in_the_report_too(command, tmp_path):
    bad = tmp_path / "a.geojson"
    bad.write_text("<OGRVRTDataSource/>", encoding="utf-8")
    out = tmp_path / "OUT.json"
    done = command.invoke(args=["parcels", "import", str(bad), "--dry-run", "--report", str(out)])
    assert done.exit_code == 1
    report = json.loads(out.read_text(encoding="utf-8"))
    assert report["read"] is False and report["error"]["code"] == "gis.file.disguised"
    assert report["refusals"][0]["reasons"] == [report["error"]]
    assert report["error"]["zh"] in done.output


def test_a_report_that_has_no_place_to_go(command, tmp_path):
    upload = tmp_path / "a.geojson"
    upload.write_text("{}", encoding="utf-8")
    asked = ["parcels", "import", str(upload), "--dry-run", "--report"]
    done = command.invoke(args=[*asked, str(tmp_path / "none" / "OUT.json")])
    assert done.exit_code == 2 and "make it first" in done.output and "请先建好" in done.output
    long = tmp_path / ("x" * 300)
    done = command.invoke(args=[*asked, str(long)])
    assert done.exit_code == 1 and "choose another place" in done.output and "换一个位置" in done.output


@pytest.mark.parametrize(
    "arguments", [["--report", "x.json"], ["--dry-run", "--accept"], ["--region", "none", "--accept"]]
)
def test_options_that_do_not_go_together(command, tmp_path, arguments):
    file = tmp_path / "a.geojson"
    file.write_text("{}", encoding="utf-8")
    done = command.invoke(args=["parcels", "import", str(file), *arguments])
    assert done.exit_code == 2 and "--" in done.output


def test_every_figure_is_defined_in_both_languages_of_the_docs():
    report_keys = set(TRUTH) | {
        "outcomes", "overlapping_pairs_by_class", "overlaps_with_registered", "area_m2_total",
        "area_m2_accepted",
        "area_m2_by_rule", "area_unit_detected", "crs_detected", "encoding_detected", "refusals",
    }  # fmt: skip
    assert set(DEFINITIONS) == report_keys
    for language in ("zh", "en"):
        page = (DOCS / language / "trying-a-file.md").read_text(encoding="utf-8")
        for name, words in DEFINITIONS.items():
            assert f"| `{name}` | {words[language]} |" in page
