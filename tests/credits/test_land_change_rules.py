"""Rules of fire and clear-cut: words and days of a file's cells, shares of a parcel, ranges of numbers."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ticket_desk import box

from carbon_platform.credits.land_change_rules import affected, day_of, kind_of, lowest, without
from gis.crs import PLANE, to_lonlat


@pytest.mark.parametrize(
    ("cell", "expected"),
    [("森林火灾（一般）", "fire"), ("Wildfire", "fire"), ("皆伐", "clear_cut"),
     ("Logging", "clear_cut"), ("", None),
     (None, None), (3, None), ("建设", None), ("ＦＩＲＥ", "fire")],
)  # fmt: skip
def test_words_of_a_cell(cell: Any, expected: str | None) -> None:
    assert kind_of(cell) == expected


@pytest.mark.parametrize(
    ("cell", "expected"),
    [("2026-05-04", date(2026, 5, 4)), ("2026年5月4日", date(2026, 5, 4)), ("20260504", date(2026, 5, 4)),
     (20260504.0, date(2026, 5, 4)), ("2026/5/4 12:30", date(2026, 5, 4)),
     ("2026-02-30", None), ("1066-10-14", None),
     ("2026-11-23", None), (None, None), (float("nan"), None), ("soon", None)],
)  # fmt: skip
def test_days_of_a_cell(cell: Any, expected: date | None) -> None:
    assert day_of(cell, date(2026, 11, 22)) == expected


corners = st.tuples(st.integers(0, 180), st.integers(0, 180), st.integers(25, 120), st.integers(25, 120))


@given(st.lists(corners, min_size=1, max_size=6))
def test_the_share_is_that_of_a_grid_of_metres(boxes: list[tuple[int, int, int, int]]) -> None:
    """Recounted square metre by square metre, without any geometry library."""
    covered = {
        (x, y)
        for left, low, width, height in boxes
        for x in range(max(0, left - 60), min(100, left - 60 + width))
        for y in range(max(0, low - 60), min(100, low - 60 + height))
    }
    shapes = to_lonlat([box(left - 60, low - 60, w, h) for left, low, w, h in boxes], PLANE)
    found = affected(list(to_lonlat([box(0, 0)], PLANE)), list(shapes))
    if found:
        assert found[0].share == pytest.approx(len(covered) / 10_000, abs=1e-4)
    else:
        assert len(covered) < 2_500, "only what is small or narrow is left out"


@given(st.integers(1, 10**9), st.integers(0, 10**7), st.integers(1, 100))
def test_the_low_part_of_a_range(first: int, length: int, percent: int) -> None:
    start, end = lowest(first, first + length, percent / 100)
    assert start == first
    assert first <= end <= first + length
    assert abs((end - start + 1) - (length + 1) * percent / 100) <= 1


@given(
    st.integers(1, 40),
    st.integers(0, 40),
    st.lists(st.tuples(st.integers(1, 90), st.integers(0, 9)), max_size=5),
)
def test_ranges_without_others(first: int, length: int, holes: list[tuple[int, int]]) -> None:
    gone = [(start, start + size) for start, size in holes]
    left = without(first, first + length, gone)
    numbers = {n for start, end in left for n in range(start, end + 1)}
    assert numbers == set(range(first, first + length + 1)) - {n for a, b in gone for n in range(a, b + 1)}
    assert sum(end - start + 1 for start, end in left) == len(numbers)
