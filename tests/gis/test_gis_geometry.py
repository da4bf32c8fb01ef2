"""Check first, repair only the bad, report everything."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from gis.geometry import REASONS, check_geometries
from gis.measure import ellipsoidal_area_m2


def ring(*points: tuple[float, float]) -> Any:
    """A polygon in thousandths of a degree around 114.5 E 32 N."""
    return shapely.Polygon([(114.5 + x / 1000, 32 + y / 1000) for x, y in points])


GOOD = ring((0, 0), (1, 0), (1, 1), (0, 1))
BOW_TIE = ring((0, 0), (1, 1), (1, 0), (0, 1))
SPIKE = ring((0, 0), (1, 0), (1, 1), (0.5, 1), (0.5, 3), (0.5, 1), (0, 1))
FLAT = ring((0, 0), (1, 1), (2, 2))
DOUBLE_LOOP = ring((0, 0), (4, 0), (4, 4), (1, 4), (1, 1), (3, 1), (3, 5), (0, 5))


def test_good_shapes_are_left_alone() -> None:
    found = check_geometries([GOOD, shapely.MultiPolygon([GOOD])])
    assert found.geoms[0] is GOOD
    assert found.rows["status"].tolist() == ["ok", "ok"]
    assert found.rows["area_m2"].tolist() == ellipsoidal_area_m2([GOOD, GOOD]).tolist()
    assert not found.rows["needs_signature"].any()
    assert (found.rows["change_m2"] == 0).all()


def test_what_cannot_be_used_is_refused_with_a_reason() -> None:
    line = shapely.LineString([(114.5, 32), (114.6, 32)])
    wkb = bytearray(shapely.to_wkb(GOOD))
    struct.pack_into("<d", wkb, 1 + 4 + 4 + 4 + 16, np.nan)  # x of the second vertex
    with np.errstate(invalid="ignore"):
        not_a_number = shapely.from_wkb(bytes(wkb))
    given = [None, shapely.Polygon(), line, shapely.Point(114.5, 32), not_a_number, FLAT, GOOD]
    found = check_geometries(given)
    reasons = ["null", "empty", "not_polygon", "not_polygon", "not_finite", "zero_area", ""]
    assert found.rows["reason"].tolist() == reasons
    assert found.rows["status"].tolist() == ["refused"] * 6 + ["ok"]
    assert shapely.is_missing(found.geoms).tolist() == [True] * 6 + [False]
    assert (found.rows.loc[:5, "area_m2"] == 0).all()
    assert all(found.rows.loc[:5, "zh"])
    assert all(found.rows.loc[:5, "en"])
    assert found.rows["zh"].tolist() == [REASONS[reason][0] for reason in reasons]


def test_bow_tie_is_repaired_and_needs_a_signature() -> None:
    found = check_geometries([GOOD, BOW_TIE])
    row = found.rows.iloc[1]
    assert (row["status"], row["reason"]) == ("repaired", "repaired")
    assert shapely.is_valid(found.geoms).all()
    assert found.geoms[1].geom_type == "MultiPolygon"
    # Two triangles, half the square together; the rule counts them against each other before.
    assert row["area_before_m2"] == pytest.approx(0, abs=0.2)
    assert row["area_m2"] == pytest.approx(float(ellipsoidal_area_m2([GOOD])[0]) / 2, rel=1e-4)
    assert row["change_m2"] == pytest.approx(row["area_m2"] - row["area_before_m2"], abs=0.01)
    assert row["needs_signature"]


def test_a_spike_is_cut_without_a_signature() -> None:
    found = check_geometries([SPIKE])
    row = found.rows.iloc[0]
    assert row["status"] == "repaired"
    assert abs(row["change_m2"]) <= 0.02
    assert not row["needs_signature"]
    assert shapely.equals(found.geoms[0], GOOD)


def test_the_ten_square_metre_rule_holds_for_large_parcels() -> None:
    """A tiny self-crossing on a large parcel: below 0.5 %, but above 10 m²."""
    large = ring((0, 0), (30, 0), (30, 30), (0, 30), (0, 15), (-0.3, 15.3), (-0.3, 15), (0, 15.3))
    row = check_geometries([large]).rows.iloc[0]
    assert row["status"] == "repaired"
    assert abs(row["change_m2"]) > 10
    assert abs(row["change_m2"]) < 0.005 * row["area_before_m2"]
    assert row["needs_signature"]


def test_collections_keep_their_polygons_and_say_what_went() -> None:
    line = shapely.LineString([(114.5, 32), (114.6, 32)])
    nested = shapely.GeometryCollection([shapely.GeometryCollection([GOOD]), line])
    only = shapely.GeometryCollection([shapely.MultiPolygon([GOOD])])
    none = shapely.GeometryCollection([line])
    found = check_geometries([nested, only, none])
    assert found.rows["reason"].tolist() == ["lines_dropped", "", "not_polygon"]
    assert found.rows["status"].tolist() == ["repaired", "ok", "refused"]
    assert shapely.equals(found.geoms[0], GOOD)
    assert not found.rows["needs_signature"].any()


def test_input_is_not_changed_and_nothing_is_lost() -> None:
    given = np.array([BOW_TIE, None, DOUBLE_LOOP, GOOD], dtype=object)
    before = given.copy()
    found = check_geometries(given)
    assert all(a is b for a, b in zip(given, before, strict=True))
    assert len(found.geoms) == len(found.rows) == 4
    assert check_geometries([]).rows.empty


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), min_size=3, max_size=9))
@settings(max_examples=150, deadline=None)
def test_any_ring_comes_out_valid_or_refused(points: list[tuple[int, int]]) -> None:
    found = check_geometries([ring(*points)])
    row, geom = found.rows.iloc[0], found.geoms[0]
    if row["status"] == "refused":
        assert geom is None
        assert row["reason"] in ("zero_area", "unrepairable")
        assert row["area_m2"] == 0
    else:
        assert shapely.is_valid(geom)
        assert geom.geom_type in ("Polygon", "MultiPolygon")
        assert row["area_m2"] > 0
        assert row["needs_signature"] == (
            abs(row["change_m2"]) > 10 or abs(row["change_m2"]) > 0.005 * row["area_before_m2"]
        )
