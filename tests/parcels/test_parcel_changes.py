"""Changes of registered parcels: same, changed, split, merged, replaced, ended, restored; by two people."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
import shapely
import sqlalchemy as sa
from change_desk import (
    CODE,
    SECOND,
    accept,
    approve,
    at,
    codes_of,
    events,
    lineage,
    parcels,
    propose,
    rows_of,
    stage,
    standing,
)
from parcel_house import NOW, OFFICER, STRANGER, actor
from parcel_layers import NEIGHBOUR, record, square

from carbon_platform.errors import NotFound
from carbon_platform.parcels import candidates, service, uses
from carbon_platform.parcels.rules import ChangeRefused, EffectiveInFuture, ImportDeclined, SecondPersonNeeded

ONE, TWO, THREE = (CODE.format(n) for n in (1, 2, 3))


def half(column: float, part: int) -> shapely.Geometry:
    """The left (0) or right (1) half of a grid square."""
    west, south, _east, north = square(column).bounds
    return shapely.box(west + 50 * part, south, west + 50 * (part + 1), north)


def wide(column: float, width: int = 2) -> shapely.Geometry:
    """``width`` neighbouring grid squares as one shape."""
    west, south, _east, north = square(column).bounds
    return shapely.box(west, south, west + 100 * width, north)


def register(db, count: int = 2) -> None:
    accept(db, stage(db, [record(n) for n in range(1, count + 1)]))


def test_registering_is_the_first_event_with_the_whole_state(db):
    register(db)
    parcel, (event,) = parcels(db)[ONE], events(db, ONE)
    assert (event.version, event.kind, event.recorded_by, event.approved_by) == (
        1, "registered", OFFICER.name, None,
    )  # fmt: skip
    assert (event.geometry, event.area_m2, event.attributes) == (
        parcel.geometry, parcel.area_m2, parcel.attributes,
    )  # fmt: skip
    assert event.effective_on == date(2026, 11, 22) and event.import_id == parcel.import_id


def test_a_moved_border_is_a_change_that_a_second_person_approves(db):
    register(db)
    before = parcels(db)[ONE]
    smaller = shapely.box(*square(0).bounds).buffer(-2, join_style="mitre")
    staged = stage(db, [record(1, MIAN_JI=0.92), record(2)], [smaller, square(1)])
    first, second = rows_of(db, staged)
    assert (first.change, first.outcome, first.needs_approval) == ("changed", "warned", True)
    assert (second.change, second.outcome, second.needs_approval) == ("same", "same", False)
    named = [entry["field"] for entry in first.diff["fields"]]
    assert named == ["geometry", "stated_area_m2"]
    waiting = accept(db, staged, warned=True)
    assert (waiting.registered_rows, waiting.awaiting_rows, waiting.record.status) == (0, 1, "staged")
    with pytest.raises(SecondPersonNeeded):
        approve(db, staged, who=OFFICER)
    done = approve(db, staged)
    assert (done.registered_rows, done.awaiting_rows, done.record.status) == (1, 0, "accepted")
    after = parcels(db)[ONE]
    assert after.id == before.id and after.version == 2 and after.area_m2 == pytest.approx(9216, rel=2e-3)
    old, new = events(db, ONE)
    assert (new.kind, new.recorded_by, new.approved_by) == ("corrected", OFFICER.name, SECOND.name)
    assert old.geometry == before.geometry and new.geometry == after.geometry
    assert approve(db, staged).registered_rows == 1 and len(events(db, ONE)) == 2


def test_the_index_of_boxes_follows_a_moved_border(db):
    register(db, 1)
    grown = stage(db, [record(1, MIAN_JI=1.9)], [wide(0)])
    approve(db, grown)
    parcel = parcels(db)[ONE]
    east = (parcel.max_lon - 1e-4, parcel.min_lat, parcel.max_lon, parcel.max_lat)
    assert db.read(lambda s: candidates.candidates(s, east)) == [parcel.id]
    (late,) = rows_of(db, stage(db, [record(9)], [square(1)]))
    assert [entry["code"] for entry in late.findings] == ["overlap_register"]


def test_other_attributes_on_the_same_land_are_a_change_and_absent_ones_are_not(db):
    register(db, 1)
    bare = record(1)
    del bare["LIN_ZHONG"]
    (row,) = rows_of(db, stage(db, [bare]))
    assert row.outcome == "same"
    staged = stage(db, [record(1, PINGJUN_NL=9)])
    (row,) = rows_of(db, staged)
    assert row.diff["fields"] == [{"field": "mean_age_years", "before": "6", "after": "9"}]
    approve(db, staged)
    parcel = parcels(db)[ONE]
    assert parcel.planting_year == 2017 and parcel.attributes["forest_use"] == "252"
    assert parcel.species_code == "751" and events(db, ONE)[0].planting_year == 2020


def test_one_parcel_becomes_two_with_other_numbers_only_in_an_update(db):
    register(db)
    parts = [record(1, XI_BAN="01", MIAN_JI=0.5), record(1, XI_BAN="02", MIAN_JI=0.5)]
    shapes = [half(0, 0), half(0, 1)]
    assert codes_of(db, stage(db, parts, shapes)) == [["overlap_register"], ["overlap_register"]]
    staged = stage(db, parts, shapes, update=True)
    assert codes_of(db, staged) == [["split_registered"], ["split_registered"]]
    assert [row.diff["needs"] for row in rows_of(db, staged)] == [[2], [1]]
    assert approve(db, staged).registered_rows == 2
    whole = parcels(db)[ONE]
    assert (whole.status, whole.valid_to) == ("ended", date(2026, 11, 22))
    assert [event.kind for event in events(db, ONE)] == ["registered", "split"]
    assert lineage(db) == {(ONE, f"{ONE}-01", "split"), (ONE, f"{ONE}-02", "split")}
    assert set(standing(db)) == {f"{ONE}-01", f"{ONE}-02", TWO}


def test_a_part_keeps_the_number(db):
    register(db, 1)
    staged = stage(db, [record(1, MIAN_JI=0.5), record(2, MIAN_JI=0.5)], [half(0, 0), half(0, 1)])
    assert codes_of(db, staged) == [["split_registered"], ["split_registered"]]
    assert approve(db, staged).registered_rows == 2
    assert [event.kind for event in events(db, ONE)] == ["registered", "split"]
    assert lineage(db) == {(ONE, TWO, "split")} and set(standing(db)) == {ONE, TWO}


def test_parts_enter_together_or_not_at_all(db):
    register(db, 1)
    parts = [record(1, XI_BAN="01", MIAN_JI=0.5), record(1, XI_BAN="02", YOU_SHI_SZ="999", MIAN_JI=0.5)]
    staged = stage(db, parts, [half(0, 0), half(0, 1)], update=True)
    first, _second = rows_of(db, staged)
    # The part with an unknown species is no part: half of the land would drop out, and the report says so.
    assert [entry["code"] for entry in first.findings] == ["replaced_registered", "land_dropped"]
    kept = stage(db, [record(1, MIAN_JI=0.5), record(2, MIAN_JI=0.5)], [half(0, 0), half(0, 1)])
    part = next(row for row in rows_of(db, kept) if row.row_number == 2)
    assert part.diff["needs"] == [1]


def test_a_part_is_refused_when_the_row_that_frees_its_land_is(db):
    register(db, 2)
    west, south, _east, north = square(0).bounds
    # Row 1 reaches 30 m into parcel 2 and is refused; row 2 alone would leave parcel 1 without its rest.
    shapes = [
        shapely.box(west + 20, south, west + 130, north),
        shapely.box(west, south, west + 20, north),
    ]
    rows = [record(1, XI_BAN="01", MIAN_JI=1.1), record(1, XI_BAN="02", MIAN_JI=0.2)]
    staged = stage(db, rows, shapes, update=True)
    assert codes_of(db, staged) == [["overlap_register"], ["split_registered", "needs_row"]]
    assert approve(db, staged).registered_rows == 0 and set(standing(db)) == {ONE, TWO}


def test_several_parcels_become_one(db):
    register(db, 3)
    staged = stage(db, [record(1, XI_BAN="09", MIAN_JI=2.0)], [wide(0)], update=True)
    assert codes_of(db, staged) == [["merged_registered"]]
    approve(db, staged)
    joined = f"{ONE}-09"
    assert lineage(db) == {(ONE, joined, "merged"), (TWO, joined, "merged")}
    assert [event.kind for event in events(db, TWO)] == ["registered", "merged"]
    assert set(standing(db)) == {joined, THREE}
    keeps = stage(db, [record(3, MIAN_JI=3.0)], [wide(0, 3)], update=True)
    approve(db, keeps)
    assert set(standing(db)) == {THREE} and (joined, THREE, "merged") in lineage(db)
    assert [event.kind for event in events(db, THREE)] == ["registered", "merged"]


def test_neighbours_that_move_their_border_together_are_no_overlap(db):
    register(db)
    west, south, _east, north = square(0).bounds
    border = west + 110
    shapes = [shapely.box(west, south, border, north), shapely.box(border, south, west + 200, north)]
    staged = stage(db, [record(1, MIAN_JI=1.1), record(2, MIAN_JI=0.9)], shapes)
    first, second = rows_of(db, staged)
    assert [first.change, second.change] == ["changed", "changed"]
    assert first.diff["needs"] == [2] and second.diff["needs"] == []
    alone = stage(db, [record(1, MIAN_JI=1.1)], shapes[:1])
    assert codes_of(db, alone) == [["overlap_register"]]
    assert approve(db, staged).registered_rows == 2
    both = shapely.from_wkb([parcel.geometry for parcel in standing(db).values()])
    assert shapely.area(shapely.intersection(*both)) < 1e-15


def test_a_row_may_name_what_it_replaces(db):
    register(db)
    row = record(7, REPLACES=ONE)
    staged = stage(db, [row], [square(0)])
    assert codes_of(db, staged) == [["replaced_registered"]]
    approve(db, staged)
    assert lineage(db) == {(ONE, CODE.format(7), "replaced")}
    assert [event.kind for event in events(db, ONE)] == ["registered", "ended"]
    wrong = stage(db, [record(8, REPLACES=TWO)], [square(9)])
    assert codes_of(db, wrong) == [["replaces_unknown"]]


def test_land_that_nobody_takes_over_is_told(db):
    register(db, 1)
    staged = stage(db, [record(7, REPLACES=ONE, MIAN_JI=0.5)], [half(0, 0)])
    assert codes_of(db, staged) == [["replaced_registered", "land_dropped"]]
    (row,) = rows_of(db, staged)
    assert "7.50 亩（50.0%）" in row.findings[1]["zh"]


def test_of_two_changes_of_one_parcel_the_second_is_refused(db):
    register(db, 1)
    one, two = (stage(db, [record(1, PINGJUN_NL=age)]) for age in (8, 9))
    approve(db, one)
    late = approve(db, two)
    assert [entry["code"] for entry in late.refused[0].findings] == [
        "changed_registered",
        "changed_meanwhile",
    ]
    assert late.registered_rows == 0 and parcels(db)[ONE].attributes["mean_age_years"] == "8"


def test_new_land_does_not_enter_where_a_border_has_moved_to_meanwhile(db):
    register(db, 1)
    mine = stage(db, [record(5)], [square(1.5)])
    grown = stage(db, [record(1, MIAN_JI=1.9)], [wide(0)])
    approve(db, grown)
    late = accept(db, mine)
    assert late.registered_rows == 0
    assert [entry["code"] for entry in late.refused[0].findings] == ["overlap_register"]


def test_a_sliver_found_only_at_the_approval_waits_for_somebody_to_look(db):
    register(db, 1)
    staged = stage(db, [record(1, PINGJUN_NL=8), record(5)], [square(0), square(10)])
    accept(db, stage(db, [record(6)], [square(10.995)]))
    done = approve(db, staged)
    assert (done.registered_rows, done.waiting_rows, done.awaiting_rows) == (1, 1, 0)
    assert [row.outcome for row in rows_of(db, staged)] == ["warned", "warned"]
    assert approve(db, staged, warned=True).registered_rows == 2


def test_tea_and_forest_keep_their_own_layers(db):
    register(db, 1)
    tea = record(5, YOU_SHI_SZ="茶", DI_LEI="0131")
    staged = stage(db, [tea], [square(0.2)])
    (row,) = rows_of(db, staged)
    assert (row.kind, [entry["code"] for entry in row.findings]) == ("tea", ["overlap_other_layer"])
    assert not row.needs_approval and accept(db, staged, warned=True).registered_rows == 1


def test_trap_18_the_city_enters_an_exclave_with_its_papers_and_a_second_person(db):
    away = square(0, county=NEIGHBOUR)
    bare, named = record(1), record(1, EXCLAVE="信政文〔2026〕7号")
    city = actor("4115")
    assert codes_of(db, stage(db, [bare], [away], who=city)) == [["county_mismatch"]]
    assert codes_of(db, stage(db, [named], [away], who=actor(NEIGHBOUR))) == [["county_mismatch"]]
    staged = stage(db, [named], [away], who=city)
    (row,) = rows_of(db, staged)
    assert [entry["code"] for entry in row.findings] == ["county_exclave"] and "信政文" in row.findings[0][
        "zh"
    ]
    assert accept(db, staged, who=city, warned=True).registered_rows == 0
    approve(db, staged, who=actor("4115", "forestry_bureau"))
    assert parcels(db)[ONE].county_code == "411522"  # where it belongs, not where it lies


def test_a_change_says_who_uses_the_parcel(db):
    register(db, 2)
    one = parcels(db)[ONE].id
    said = {one: [("项目 甲", "project A")]}
    uses.say_uses(db, "test", lambda _s, ids: {i: said[i] for i in ids if i in said})
    told = stage(db, [record(1, PINGJUN_NL=8), record(2, PINGJUN_NL=8)])
    assert codes_of(db, told) == [["changed_registered", "in_use"], ["changed_registered"]]
    assert "项目 甲" in rows_of(db, told)[0].findings[1]["zh"]


def test_an_ended_parcel_frees_its_land_and_can_stand_again(db):
    register(db)
    ending = propose(db, "end", ONE, effective_on=date(2026, 11, 22))
    assert accept(db, ending, warned=True).registered_rows == 0
    later = datetime(2026, 12, 1, tzinfo=UTC)
    approve(db, ending, now=later)
    assert (parcels(db)[ONE].status, parcels(db)[ONE].valid_to) == ("ended", date(2026, 11, 22))
    again = propose(db, "restore", ONE, now=later)
    settled = stage(db, [record(5)], [square(0)], now=later)
    accept(db, settled, now=later)
    overtaken = approve(db, again, now=later)
    assert overtaken.registered_rows == 0
    assert [entry["code"] for entry in overtaken.refused[0].findings] == [
        "restored_registered", "overlap_register",
    ]  # fmt: skip
    approve(db, propose(db, "end", CODE.format(5), now=later), now=later)
    approve(db, propose(db, "restore", ONE, now=later), now=later)
    assert [event.kind for event in events(db, ONE)] == ["registered", "ended", "restored"]
    assert parcels(db)[ONE].valid_to is None and set(standing(db)) == {ONE, TWO}


def test_the_state_on_a_day_is_what_was_in_force(db):
    register(db, 1)
    days = [datetime(2026, 12, day, 2, tzinfo=UTC) for day in (1, 10, 20)]
    approve(db, stage(db, [record(1, PINGJUN_NL=8)], now=days[0]), now=days[0])
    approve(db, propose(db, "end", ONE, now=days[1]), now=days[1])
    approve(db, propose(db, "restore", ONE, now=days[2]), now=days[2])
    told = {day: at(db, ONE, day) for day in (
        date(2026, 11, 21), date(2026, 11, 30), date(2026, 12, 1), date(2026, 12, 10), date(2026, 12, 20),
    )}  # fmt: skip
    versions = [event.version if event else None for event in told.values()]
    assert versions == [None, 1, 2, None, 4]
    assert told[date(2026, 12, 1)].attributes["mean_age_years"] == "8"


def test_a_change_cannot_count_from_before_the_last_one_nor_from_the_future(db):
    register(db, 1)
    early = propose(db, "end", ONE, effective_on=date(2026, 11, 1))
    late = approve(db, early)
    assert [entry["code"] for entry in late.refused[0].findings] == [
        "ended_registered",
        "effective_too_early",
    ]
    with pytest.raises(EffectiveInFuture):
        propose(db, "end", ONE, effective_on=date(2026, 11, 23))


def test_a_line_divides_and_neighbours_join(db):
    register(db)
    west, south, east, north = shapely.from_wkb(parcels(db)[ONE].geometry).bounds
    middle = (west + east) / 2
    approve(db, propose(db, "split", ONE, line=((middle, south - 1e-4), (middle, north + 1e-4))))
    parts = [f"{ONE}-F1", f"{ONE}-F2"]
    assert set(standing(db)) == {*parts, TWO} and lineage(db) == {(ONE, p, "split") for p in parts}
    whole, sizes = parcels(db)[ONE], [parcels(db)[p].area_m2 for p in parts]
    assert sum(sizes) == pytest.approx(whole.area_m2, abs=0.02)
    assert [parcels(db)[p].planting_year for p in parts] == [2020, 2020]
    assert parcels(db)[parts[0]].attributes["planting_year_origin"] == "mean_age"
    approve(db, propose(db, "merge", *parts))
    joined = f"{max(parts, key=lambda p: (parcels(db)[p].area_m2, p))}-H1"
    assert set(standing(db)) == {joined, TWO}
    assert parcels(db)[joined].area_m2 == pytest.approx(whole.area_m2, abs=0.02)


def test_proposals_that_make_no_sense_are_refused(db):
    register(db, 3)
    with pytest.raises(ChangeRefused):
        propose(db, "split", ONE, line=((100.0, 30.0), (100.1, 30.0)))
    with pytest.raises(ChangeRefused):
        propose(db, "merge", ONE, THREE)  # not neighbours
    with pytest.raises(ChangeRefused):
        propose(db, "merge", ONE)
    with pytest.raises(ChangeRefused):
        propose(db, "restore", ONE)
    with pytest.raises(NotFound):
        propose(db, "end", ONE, who=STRANGER)


def test_a_declined_report_enters_no_more(db):
    register(db, 1)
    staged = stage(db, [record(1, PINGJUN_NL=8), record(4)], [square(0), square(4)])
    declined = db.transact(lambda s: service.decline_import(s, SECOND, staged, note="年龄有误", now=NOW))
    assert declined.status == "declined" and "年龄有误" in declined.notes[-1]["zh"]
    for act in (accept, approve):
        with pytest.raises(ImportDeclined):
            act(db, staged)
    assert set(parcels(db)) == {ONE}


def test_history_and_parcels_cannot_be_rewritten(db):
    register(db, 1)
    for statement in (
        "UPDATE parcel_event SET reason = 'x'",
        "DELETE FROM parcel_event",
        "DELETE FROM parcel",
    ):
        with pytest.raises(sa.exc.DBAPIError, match="keeps its history"):
            db.transact(lambda s, text=statement: s.execute(sa.text(text)))
