"""Report, acceptance, the register and its index of boxes, on both engines."""

from __future__ import annotations

import csv
import io
import json
import threading
from typing import Any

import numpy as np
import pytest
import shapely
import sqlalchemy as sa
from parcel_house import NOW, OFFICER, STRANGER, actor
from parcel_layers import layer, paddy, record, square

from carbon_platform.db import Database
from carbon_platform.errors import NotFound
from carbon_platform.identity.rules import Actor
from carbon_platform.identity.tables import AuditRecord
from carbon_platform.parcels import candidates, error_sheets, register, report, service
from carbon_platform.parcels.tables import Parcel, ParcelImport, ParcelImportRow

CODE = "411522-207-014-0003-{:05d}"


def stage(db: Database, rows: list[dict[str, Any]], shapes: Any = None, *, who: Actor = OFFICER) -> int:
    checked = service.check_layer(
        db.read, who, layer(rows, shapes), file_name="a.zip", file_sha256="0" * 64, kind=None
    )
    return db.transact(lambda s: service.stage_import(s, who, checked, now=NOW)).id


def accept(db: Database, import_id: int, *, who: Actor = OFFICER, warned: bool = False) -> service.Acceptance:
    return db.transact(lambda s: service.accept_import(s, who, import_id, include_warned=warned, now=NOW))


def parcels(db: Database) -> list[Parcel]:
    return db.read(lambda s: list(s.scalars(sa.select(Parcel).order_by(Parcel.id))))


def rows_of(db: Database, import_id: int) -> list[ParcelImportRow]:
    statement = sa.select(ParcelImportRow).where(ParcelImportRow.import_id == import_id)
    return db.read(lambda s: list(s.scalars(statement.order_by(ParcelImportRow.row_number))))


def test_nothing_is_registered_before_acceptance_and_everything_good_after(db):
    import_id = stage(db, [record(1), record(2, YOU_SHI_SZ="999"), record(3)])
    assert parcels(db) == []
    result = accept(db, import_id)
    assert (result.registered_rows, result.waiting_rows, result.refused) == (2, 0, [])
    first, third = parcels(db)
    assert (first.code, third.code) == (CODE.format(1), CODE.format(3))
    assert (first.kind, first.county_code, first.village_code) == ("camellia", "411522", "411522207014")
    assert first.township_code == "411522207" and first.species_code == "751"
    assert first.planting_year == 2020 and first.attributes["planting_year_origin"] == "mean_age"
    assert first.area_m2 + third.area_m2 == pytest.approx(result.registered_area_m2, abs=0.01)
    assert first.source_epsg == 4526 and str(first.valid_from) == "2026-11-22"
    shape = shapely.from_wkb(first.geometry)
    assert shape.bounds == (first.min_lon, first.min_lat, first.max_lon, first.max_lat)
    assert shapely.from_wkb(first.source_geometry).equals(square(0))


def test_accepting_twice_gives_the_same_result(db):
    import_id = stage(db, [record(1), record(2)])
    one, two = accept(db, import_id), accept(db, import_id)
    assert (one.registered_rows, one.registered_area_m2) == (two.registered_rows, two.registered_area_m2)
    assert len(parcels(db)) == 2 and two.record.accepted_by == OFFICER.name
    actions = db.read(lambda s: list(s.scalars(sa.select(AuditRecord.action))))
    assert actions == ["parcel.import", "parcel.import.accept", "parcel.import.accept"]


def test_rows_to_be_looked_at_wait_for_confirmation(db):
    import_id = stage(
        db, [record(1), record(2, MIAN_JI=4.3), record(3)], [square(0), square(5, side_m=200), square(10)]
    )
    assert [row.outcome for row in rows_of(db, import_id)] == ["accepted", "warned", "accepted"]
    first = accept(db, import_id)
    assert (first.registered_rows, first.waiting_rows) == (2, 1)
    confirmed = accept(db, import_id, warned=True)
    assert (confirmed.registered_rows, confirmed.waiting_rows, confirmed.refused) == (3, 0, [])
    assert accept(db, import_id, warned=True).registered_rows == len(parcels(db)) == 3


def test_the_same_file_again_is_the_same_not_an_error(db):
    rows = [record(1), record(2)]
    accept(db, stage(db, rows))
    again = stage(db, rows)
    assert [row.outcome for row in rows_of(db, again)] == ["same", "same"]
    assert accept(db, again).registered_rows == 0 and len(parcels(db)) == 2


def test_two_uploads_one_after_the_other_of_land_checked_before(db):
    mine = stage(db, [record(1), record(2)])
    theirs = stage(db, [record(1), record(7)], [square(0), square(1.5)])
    assert accept(db, mine).registered_rows == 2
    late = accept(db, theirs)
    assert late.registered_rows == 0 and [row.row_number for row in late.refused] == [1, 2]
    found = [[entry["code"] for entry in row.findings] for row in late.refused]
    assert found == [["registered_meanwhile"], ["overlap_register"]]
    assert all(row.findings[-1]["at"] == "acceptance" for row in late.refused)
    assert late.record.counts["refused"]["rows"] == 2 and late.record.counts["accepted"]["rows"] == 0
    again = accept(db, theirs)
    assert [row.row_number for row in again.refused] == [1, 2] and again.registered_rows == 0


def test_a_sliver_that_appeared_meanwhile_waits_for_confirmation(db):
    mine, theirs = stage(db, [record(1)], [square(0)]), stage(db, [record(2)], [square(0.995)])
    accept(db, mine)
    late = accept(db, theirs)
    assert (late.registered_rows, late.waiting_rows) == (0, 1)
    assert accept(db, theirs, warned=True).registered_rows == 1


@pytest.mark.parametrize("same_number", [True, False])
def test_two_uploads_of_the_same_land_at_once_one_wins(db, same_number):
    """Both were checked against an empty register; both acceptances start together."""
    shift = 0 if same_number else 0.3
    ids = [
        stage(db, [record(n + (0 if same_number else 10 * k)) for n in (1, 2, 3)],
              [square(3 * n + k * shift) for n in (1, 2, 3)])
        for k in (0, 1)
    ]  # fmt: skip
    gate = threading.Barrier(2)
    results: dict[int, service.Acceptance] = {}

    def run(import_id: int) -> None:
        gate.wait()
        results[import_id] = accept(db, import_id)

    threads = [threading.Thread(target=run, args=(import_id,)) for import_id in ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(result.registered_rows for result in results.values()) == [0, 3]
    loser = next(result for result in results.values() if result.registered_rows == 0)
    assert [row.row_number for row in loser.refused] == [1, 2, 3]
    assert len(parcels(db)) == 3
    shapes = shapely.from_wkb([parcel.geometry for parcel in parcels(db)])
    assert len(candidates_by_database(db, shapely.bounds(shapes))) == 3


def test_one_import_accepted_twice_at_once_registers_once(db):
    import_id = stage(db, [record(n) for n in range(1, 6)])
    gate = threading.Barrier(3)
    results = []

    def run() -> None:
        gate.wait()
        results.append(accept(db, import_id).registered_rows)

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [5, 5, 5] and len(parcels(db)) == 5


def test_other_countys_officer_finds_nothing(db):
    import_id = stage(db, [record(1)])
    accept(db, import_id)
    with pytest.raises(NotFound):
        db.read(lambda s: service.get_import(s, STRANGER, import_id))
    with pytest.raises(NotFound):
        accept(db, import_id, who=STRANGER)
    with pytest.raises(NotFound):
        db.read(lambda s: register.get_parcel(s, STRANGER, CODE.format(1)))
    with pytest.raises(NotFound) as caught:
        db.read(lambda s: register.get_parcels(s, STRANGER, [CODE.format(1)]))
    assert CODE.format(1) in caught.value.message("zh")
    for who, count in ((OFFICER, 1), (STRANGER, 0), (actor("4115", "operator"), 1), (actor(""), 0)):
        found = db.read(lambda s, w=who: list(s.scalars(register.parcels_statement(w))))
        assert len(found) == count, who
        imports = db.read(lambda s, w=who: list(s.scalars(service.imports_statement(w))))
        assert len(imports) == count, who


def test_parcels_by_code_keep_the_order_asked_for(db):
    accept(db, stage(db, [record(1), record(2), record(3)]))
    wanted = [CODE.format(n) for n in (3, 1, 2)]
    assert [p.code for p in db.read(lambda s: register.get_parcels(s, OFFICER, wanted))] == wanted


def test_the_land_of_an_ended_parcel_is_free_its_code_is_not(db):
    accept(db, stage(db, [record(1)]))
    db.transact(lambda s: s.execute(sa.update(Parcel).values(status="ended")))
    again = stage(db, [record(1), record(2)], [square(5), square(0)])
    first, second = rows_of(db, again)
    assert [entry["code"] for entry in first.findings] == ["identity_taken"]
    assert second.outcome == "accepted" and accept(db, again).registered_rows == 1


def test_land_is_compared_across_kinds(db):
    accept(db, stage(db, [paddy(1)], [square(0)]))
    (row,) = rows_of(db, stage(db, [record(1)], [square(0.2)]))
    assert [entry["code"] for entry in row.findings] == ["overlap_register"]


def candidates_by_database(db: Database, boxes: Any, **options: Any) -> list[int]:
    listed = [tuple(box) for box in np.asarray(boxes).tolist()]
    return db.read(lambda s: candidates.candidates_of(s, listed, **options))


def test_candidates_are_those_of_a_brute_search(db):
    rng = np.random.default_rng(5)
    places = [(float(x), float(y)) for x, y in rng.integers(0, 60, (80, 2))]
    places = list(dict.fromkeys(places))
    rows = [record(n) for n in range(1, len(places) + 1)]
    accept(db, stage(db, rows, [square(x, y) for x, y in places]))
    bounds = {p.id: (p.min_lon, p.min_lat, p.max_lon, p.max_lat) for p in parcels(db)}
    for _ in range(20):
        west, south, east, north = bounds[int(rng.choice(list(bounds)))]
        box = (west, south, east + rng.uniform(0, 0.03), north + rng.uniform(0, 0.03))
        truly = {
            key for key, b in bounds.items()
            if b[0] <= box[2] and b[2] >= box[0] and b[1] <= box[3] and b[3] >= box[1]
        }  # fmt: skip
        found = db.read(lambda s, b=box: candidates.candidates(s, b))
        assert found == sorted(found) and truly <= set(found)
        # Single precision of the R*Tree may add neighbours that only touch, never more.
        near = shapely.box(*box).buffer(1e-4)
        assert all(shapely.box(*bounds[key]).intersects(near) for key in found)
        after = max(truly)
        assert not [key for key in candidates_by_database(db, [box], after=after) if key <= after]
        listed = db.read(
            lambda s, b=box: set(
                s.scalars(sa.select(Parcel.id).where(candidates.meets(s.get_bind().dialect.name, b)))
            )
        )
        assert listed == set(found)
    assert candidates_by_database(db, []) == [] == candidates_by_database(db, [[np.nan] * 4])


def test_the_index_of_boxes_can_be_dropped_and_made_again(db):
    with db.engine.begin() as connection:
        for statement in candidates.bbox_drop_ddl(connection.dialect.name):
            connection.exec_driver_sql(statement)
        for statement in candidates.bbox_ddl(connection.dialect.name):
            connection.exec_driver_sql(statement)


def test_the_map_is_bounded_simplified_and_names_no_owner(db):
    rows = [paddy(n, CBFMC="张三", SCMJ=float((100 + 10 * (n - 1) * 3) ** 2)) for n in range(1, 5)]
    accept(db, stage(db, rows, [square(n, side_m=100 + 10 * n) for n in (0, 3, 6, 9)]), warned=True)
    stored = parcels(db)
    assert len(stored) == 4 and stored[0].right_holder == "张三"
    box = (114.0, 31.0, 116.0, 33.0)
    text = db.read(lambda s: register.map_geojson(s, OFFICER, box))
    assert "张三" not in text
    collection = json.loads(text)
    assert (collection["total"], collection["truncated"], len(collection["features"])) == (4, False, 4)
    few = json.loads(db.read(lambda s: register.map_geojson(s, OFFICER, box, limit=2)))
    assert few["truncated"] is True and few["total"] == 4
    assert [f["properties"]["code"][-1] for f in few["features"]] == ["4", "3"]  # the largest
    assert json.loads(db.read(lambda s: register.map_geojson(s, STRANGER, box)))["total"] == 0
    assert json.loads(db.read(lambda s: register.map_geojson(s, OFFICER, box, kind="tea")))["total"] == 0
    first = stored[0]
    close = (first.min_lon, first.min_lat, first.max_lon, first.max_lat)
    (feature,) = json.loads(db.read(lambda s: register.map_geojson(s, OFFICER, close)))["features"]
    drawn = shapely.from_geojson(json.dumps(feature["geometry"]))
    assert drawn.equals_exact(shapely.from_wkb(first.geometry), 1e-6)


def test_small_scales_lose_vertices_not_parcels(db):
    round_one = shapely.Point(square(0).centroid).buffer(80, quad_segs=60)
    area_ha = round(shapely.area(round_one) / 10_000, 2)
    accept(db, stage(db, [record(1, MIAN_JI=area_ha)], [round_one]))
    (parcel,) = parcels(db)
    fine, coarse = register.feature_texts([parcel]), register.feature_texts([parcel], tolerance=1e-4)
    assert len(coarse[0]) < len(fine[0]) / 4 and '"Polygon"' in coarse[0]


def test_the_error_sheet_opens_in_a_spreadsheet_without_a_formula(db):
    import_id = stage(
        db, [record(1, YOU_SHI_SZ="=1+1"), record(2), record(2)], [square(0), square(2), square(4)]
    )
    rows = db.read(
        lambda s: list(
            s.scalars(service.rows_statement(s.get(ParcelImport, import_id), outcomes=("warned", "refused")))
        )
    )
    rows[0].identity = "=HYPERLINK(0)"
    data = error_sheets.error_csv(rows)
    assert data.startswith(b"\xef\xbb\xbf")
    header, first, second = csv.reader(io.StringIO(data.decode("utf-8-sig")))
    assert header[0] == "行号" and [first[0], second[0]] == ["1", "3"]
    assert first[1] == "'=HYPERLINK(0)" and second[10].startswith("第 3 行")
    assert first[2:5] == ["0003", "00001", ""] and second[2:5] == ["0003", "00002", ""]
    assert not [cell for line in (first, second) for cell in line if cell[:1] in "=+-@" and cell]


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@x", "\tx", "\rx"])
def test_cells_that_look_like_formulas_are_made_text(text):
    assert report.safe_cell(text) == "'" + text


def test_the_report_as_text_tells_counts_notes_and_what_to_do(db, tmp_path):
    shapes = {"type": "FeatureCollection", "features": []}
    lon, lat = 114.9, 32.0
    ring = [[lon, lat], [lon + 0.001, lat], [lon + 0.001, lat + 0.001], [lon, lat + 0.001], [lon, lat]]
    for number in (1, 2):
        shapes["features"].append(
            {
                "type": "Feature",
                "properties": {"n": number},
                "geometry": {"type": "Polygon", "coordinates": [ring]},
            }
        )
    path = tmp_path / "mine.geojson"
    path.write_text(json.dumps(shapes), encoding="utf-8")
    found = service.import_file(db, OFFICER, path, kind="tea", now=NOW)
    text = report.report_text(found)
    assert "mine.geojson" in text and f"导入编号 {found.import_id}" in text and "第 2 行" in text
    tried = service.import_file(db, OFFICER, path, kind="tea", region="none", now=NOW)
    assert tried.import_id is None and "没有保存" in report.report_text(tried)
    assert db.read(lambda s: s.scalar(sa.select(sa.func.count()).select_from(ParcelImport))) == 1
