"""Every finding of the checks, on squares whose truth is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from parcel_layers import COUNTY, NEIGHBOUR, layer, paddy, record, square

from carbon_platform.parcels import comparison, staging
from carbon_platform.parcels.reference import limits
from carbon_platform.parcels.rules import AreaUnitUnclear
from carbon_platform.parcels.staging import Registered
from gis.crs import to_lonlat
from gis.measure import ellipsoidal_area_m2


def check(
    rows: list[dict[str, Any]],
    shapes: list[Any] | None = None,
    *,
    registered: Registered | None = None,
    kind: str | None = None,
    **options: Any,
) -> staging.Staged:
    prepared = staging.prepare(layer(rows, shapes), kind_hint=kind, limits=limits())
    options.setdefault("scope", COUNTY)
    return staging.stage(prepared, registered or Registered(), limits=limits(), **options)


def outcomes(staged: staging.Staged) -> list[str]:
    return [row.outcome for row in staged.prepared.rows]


def codes(staged: staging.Staged, number: int = 1) -> list[str]:
    return [entry["code"] for entry in staged.prepared.rows[number - 1].findings]


def registered(*parcels: tuple[str, Any]) -> Registered:
    shapes = to_lonlat(np.array([shape for _, shape in parcels], dtype=object), 4526)
    return Registered(list(range(1, len(parcels) + 1)), [code for code, _ in parcels], shapes)


CODE = "411522-207-014-0003-00001"


def test_good_rows_are_accepted_with_their_ellipsoidal_area():
    staged = check([record(1), record(2)])
    assert outcomes(staged) == ["accepted", "accepted"]
    first = staged.prepared.rows[0]
    assert first.identity.code == CODE and first.kind == "camellia" and first.county == COUNTY
    # Zone 38 at this place is too large by some 1e-4; the stated hectare is exact.
    assert first.area_m2 == pytest.approx(10_000, rel=3e-4) and first.area_m2 != 10_000
    assert first.stated_m2 == 10_000
    assert first.attributes["area_unit"] == "ha"
    assert staged.kind == "camellia"
    assert staged.counts["accepted"]["rows"] == 2
    total = sum(row.area_m2 for row in staged.prepared.rows)
    assert staged.counts["accepted"]["area_m2"] == pytest.approx(total, abs=0.005)


def test_paddies_need_no_minimum_and_keep_no_witness():
    staged = check([paddy(1, SCMJ=100.0, SCMJM=0.15)], [square(side_m=10)])
    assert outcomes(staged) == ["accepted"]
    assert staged.prepared.rows[0].kind == "rice"
    assert "某人" not in str(staged.prepared.rows[0].attributes)


def test_numbers_from_number_columns_mean_the_same():
    as_text = check([record(1)]).prepared.rows[0]
    as_number = check(
        [record(1, XIAN=411522, XIANG=207, CUN=14, LIN_BAN=3, XIAO_BAN=1, DI_LEI=131, YOU_SHI_SZ=751.0)]
    ).prepared.rows[0]
    assert as_number.identity.code == as_text.identity.code == CODE
    assert as_number.kind == as_text.kind == "camellia" and as_number.outcome == "accepted"


def bow_tie() -> Any:
    x, y = square().bounds[:2]
    return shapely.Polygon([(x, y), (x + 100, y + 100), (x + 100, y), (x, y + 100)])


def test_missing_and_unusable_shapes_are_refused():
    x, y = square().bounds[:2]
    line = shapely.LineString([(x, y), (x + 50, y)])
    staged = check([record(1), record(2), record(3)], [None, line, square(3)])
    assert codes(staged, 1) == ["geometry_missing"] and codes(staged, 2) == ["geometry_unusable"]
    assert outcomes(staged) == ["refused", "refused", "accepted"]
    assert staged.prepared.rows[1].findings[0]["zh"].startswith("第 2 行")


def test_a_small_repair_passes_and_a_large_one_must_be_confirmed():
    x, y = square().bounds[:2]
    # A spike of 5 cm crosses itself: hardly any area.
    spike = [(x, y), (x + 100, y), (x + 100, y + 100), (x + 50, y + 100), (x + 50.05, y + 100.05)]
    spike += [(x + 50, y + 100.05), (x + 50.05, y + 100), (x, y + 100)]
    small = check([record(1)], [shapely.Polygon(spike)])
    assert outcomes(small) == ["repaired"] and codes(small) == ["geometry_repaired"]
    large = check([record(1, MIAN_JI=0.5)], [bow_tie()])
    assert outcomes(large) == ["warned"] and codes(large) == ["geometry_repair_large"]
    finding = large.prepared.rows[0].findings[0]
    assert "0.5%" in finding["limit"] and "变化 4999.32 平方米" in finding["zh"]


def test_unclear_codes_reach_the_report():
    staged = check([record(1, YOU_SHI_SZ="999"), record(2, DI_LEI="0210"), record(3, YOU_SHI_SZ="")])
    assert [codes(staged, n) for n in (1, 2, 3)] == [
        ["species_unknown"],
        ["land_class_not_eligible"],
        ["species_missing"],
    ]
    assert set(outcomes(staged)) == {"refused"}


def test_areas_small_different_disagreeing_and_typed_in_mu():
    side = 19.99
    rows = [record(n, MIAN_JI=4.0) for n in range(1, 7)]
    shapes = [square(3 * n, side_m=200) for n in range(6)]
    rows[0] |= {"MIAN_JI": side**2 / 10_000}
    shapes[0] = square(0, side_m=side)
    rows[1]["MIAN_JI"] = 4.3
    rows[2]["MIAN_JI"] = 5.0
    rows[3]["MIAN_JI"] = 60.0
    staged = check(rows, shapes)
    assert [codes(staged, n) for n in (1, 2, 3, 4)] == [
        ["area_small"],
        ["area_differs"],
        ["area_disagrees"],
        ["area_unit_typed"],
    ]
    assert outcomes(staged) == ["refused", "warned", "refused", "warned", "accepted", "accepted"]
    assert staged.prepared.rows[3].stated_m2 == pytest.approx(40_000)
    assert "亩" in staged.prepared.rows[3].findings[0]["zh"]
    assert "mu" in staged.prepared.rows[3].findings[0]["en"]


def test_a_layer_of_mixed_units_is_refused_whole():
    rows = [record(n, MIAN_JI=0.003 if n % 3 else 1.0) for n in range(1, 12)]
    with pytest.raises(AreaUnitUnclear):
        check(rows)


def test_another_county_by_attribute_or_by_place():
    elsewhere = square(county=NEIGHBOUR)
    staged = check([record(1), record(2, XIAN=NEIGHBOUR)], [elsewhere, square(3)])
    assert codes(staged, 1) == ["outside_scope"] and codes(staged, 2) == ["county_mismatch"]
    assert set(outcomes(staged)) == {"refused"}
    assert "在邻县" in staged.prepared.rows[0].findings[0]["zh"]
    # A city-wide sender may bring both counties, but the attribute must still agree.
    city = check([record(1, XIAN=NEIGHBOUR), record(2)], [elsewhere, elsewhere], scope="4115")
    assert outcomes(city)[0] == "accepted" and codes(city, 2) == ["county_mismatch"]
    dk = check([paddy(1, DKBM="4115232070140100001")], scope="4115")
    assert codes(dk) == ["county_mismatch"]


def test_a_sender_without_a_region_can_register_nothing():
    assert outcomes(check([record(1)], scope="")) == ["refused"]


def test_outside_the_city_is_refused_or_only_measured():
    x, y = square().bounds[:2]
    far = shapely.box(x + 300_000, y, x + 300_100, y + 100)
    staged = check([record(1)], [far])
    assert outcomes(staged) == ["refused"] and codes(staged) == ["outside_city"]
    tried = check([record(1)], [far], outside=True)
    assert outcomes(tried) == ["warned"] and codes(tried) == ["outside_city_measured"]
    assert tried.counts["warned"]["area_m2"] == pytest.approx(10_000, rel=0.01)


def test_an_unknown_township_is_noted_but_does_not_stop_a_row():
    staged = check([record(1), record(2, XIANG="999")], known_townships={"411522207"})
    assert codes(staged, 1) == [] and codes(staged, 2) == ["township_unknown"]
    assert outcomes(staged) == ["accepted", "accepted"]


def test_of_two_rows_with_one_number_the_later_is_refused():
    staged = check([record(1), record(2), record(1)])
    assert outcomes(staged) == ["accepted", "accepted", "refused"]
    assert codes(staged, 3) == ["duplicate_identity"]
    assert "第 1 行" in staged.prepared.rows[2].findings[0]["zh"]


def test_a_refused_row_claims_neither_number_nor_land():
    staged = check([record(1, YOU_SHI_SZ="999"), record(1), record(2)], [square(), square(), square(0.5)])
    assert outcomes(staged) == ["refused", "accepted", "refused"]
    assert codes(staged, 3) == ["overlap_file"]


def test_overlap_in_the_file_names_both_rows_and_refuses_the_later():
    staged = check([record(1), record(2), record(3)], [square(), square(0.9), square(1.8)])
    # Row 2 falls to row 1; row 3 overlapped only row 2, which is no longer there.
    assert outcomes(staged) == ["accepted", "refused", "accepted"]
    (entry,) = staged.prepared.rows[1].findings
    assert entry["code"] == "overlap_file" and "第 2 行" in entry["zh"] and "第 1 行" in entry["zh"]
    assert "1.50 亩" in entry["zh"] and "10.0%" in entry["zh"]


def test_neighbours_touch_slivers_warn_noise_is_silent():
    touching = check([record(1), record(2)], [square(0), square(1)])
    assert outcomes(touching) == ["accepted", "accepted"]
    sliver = check([record(1), record(2)], [square(0), square(0.995)])
    assert outcomes(sliver) == ["accepted", "warned"] and codes(sliver, 2) == ["overlap_file_sliver"]
    noise = check([record(1), record(2)], [square(0), square(0.9995)])
    assert outcomes(noise) == ["accepted", "accepted"]


def test_equal_and_contained_shapes_are_overlaps():
    rows = [record(1, MIAN_JI=4.0), record(2, MIAN_JI=4.0), record(3)]
    staged = check(rows, [square(0, side_m=200), square(0, side_m=200), square(0.2, 0.2)])
    assert outcomes(staged) == ["accepted", "refused", "refused"]


def test_against_the_register():
    there = registered((CODE, square(0)), ("411522-207-014-01-00009", square(10)), ("X", square(20)))
    rows = [record(1), record(2), record(3), record(4)]
    shapes = [square(0), square(10.5), square(20.995), square(30)]
    staged = check(rows, shapes, registered=there)
    assert outcomes(staged) == ["same", "refused", "warned", "accepted"]
    assert [codes(staged, n) for n in (1, 2, 3)] == [
        ["same_registered"],
        ["overlap_register"],
        ["overlap_register_sliver"],
    ]
    overlap = staged.prepared.rows[1].findings[0]
    assert overlap["value"] == "411522-207-014-01-00009" and "50.0%" in overlap["zh"]


def test_a_registered_number_on_other_land_is_refused():
    there = registered((CODE, square(0)))
    mostly_elsewhere = check([record(1)], [square(0.6)], registered=there)
    assert codes(mostly_elsewhere) == ["identity_taken"] and outcomes(mostly_elsewhere) == ["refused"]
    elsewhere = check([record(1)], [square(50)], registered=there)
    assert codes(elsewhere) == ["identity_taken"]


def test_a_shifted_copy_of_registered_land_under_another_number_is_refused():
    there = registered((CODE, square(0)))
    staged = check([record(2)], [square(0.05, 0.05)], registered=there)
    assert codes(staged) == ["overlap_register"] and outcomes(staged) == ["refused"]


def test_between_check_and_acceptance_the_same_land_is_refused():
    there = registered((CODE, square(0)))
    staged = check([record(1)])
    rows = staged.prepared.rows
    tolerance = staging.overlap_tolerance(limits())
    comparison.compare_again(rows, staged.prepared.geoms, there, tolerance, limits=limits())
    assert [entry["code"] for entry in rows[0].findings] == ["registered_meanwhile"]
    assert rows[0].outcome == "refused"


def test_plain_tables_need_to_be_told_the_kind_and_keep_their_code():
    rows = [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}]
    assert [codes(check(rows), n) for n in (1, 2)] == [["kind_unknown"], ["kind_unknown"]]
    told = check(rows, kind="tea")
    assert outcomes(told) == ["warned", "warned"] and told.kind == "tea"
    first, second = (row.identity.code for row in told.prepared.rows)
    assert first != second and first.startswith("411522-000-000-G")
    turned = shapely.Polygon(np.roll(shapely.get_coordinates(square())[:-1], 2, axis=0))
    again = check([rows[0]], [turned], kind="tea")
    assert again.prepared.rows[0].identity.code == first


SHAPES = st.sampled_from(["good", "shifted", "bow tie", "none", "tiny", "neighbour"])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(SHAPES, st.sampled_from(["751", "999", "", "220"]), st.integers(1, 6), st.floats(0.6, 1.8)),
        min_size=1,
        max_size=12,
    )
)
def test_every_row_has_one_outcome_and_areas_add_up(drawn):
    rows, shapes = [], []
    for number, (shape, species, sub_compartment, factor) in enumerate(drawn):
        made = {
            "good": square(number),
            "shifted": square(number + 0.5),
            "bow tie": shapely.transform(bow_tie(), lambda xy, n=number: xy + np.array([100 * n, 0])),
            "none": None,
            "tiny": square(number, side_m=15),
            "neighbour": square(number, county=NEIGHBOUR),
        }[shape]
        shapes.append(made)
        size = shapely.area(made) / 10_000 if made is not None else 1.0
        rows.append(record(sub_compartment, YOU_SHI_SZ=species, MIAN_JI=size * factor))
    staged = check(rows, shapes)
    assert sum(entry["rows"] for entry in staged.counts.values()) == len(rows)
    measured = ellipsoidal_area_m2(staged.prepared.geoms)
    for outcome, entry in staged.counts.items():
        of_outcome = [i for i, row in enumerate(staged.prepared.rows) if row.outcome == outcome]
        assert entry["rows"] == len(of_outcome)
        assert entry["area_m2"] == pytest.approx(measured[of_outcome].sum(), abs=0.01)
    # What may enter the register lies on land of its own and has a number of its own.
    kept = [i for i, row in enumerate(staged.prepared.rows) if row.open]
    numbers = [staged.prepared.rows[i].identity.code for i in kept]
    assert len(set(numbers)) == len(numbers)
    for place, i in enumerate(kept):
        for j in kept[place + 1 :]:
            shared = shapely.area(shapely.intersection(staged.prepared.geoms[i], staged.prepared.geoms[j]))
            assert shared < 0.01 * shapely.area(staged.prepared.geoms[j])
