"""A touch is no overlap; equal, contained and crossing parcels are; slivers have their classes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from gis import overlap
from gis.overlap import OverlapTolerance, covered_share, overlaps_between, self_overlaps

X, Y = 38_550_000.0, 3_540_000.0


def box(x: float, y: float, width: float, height: float) -> Any:
    return shapely.box(X + x, Y + y, X + x + width, Y + y + height)


BASE = box(0, 0, 100, 100)


@pytest.mark.parametrize(
    ("other", "kind", "area"),
    [
        (box(100, 0, 100, 100), None, 0),  # shares a side
        (box(100, 100, 50, 50), None, 0),  # shares a corner
        (box(500, 0, 50, 50), None, 0),
        (box(0, 0, 100, 100), "overlap", 10_000),  # equal: DE-9IM does not call this an overlap
        (box(20, 20, 10, 10), "overlap", 100),  # contained: nor this
        (box(50, 50, 100, 100), "overlap", 2500),
        (box(99.9, 0, 100, 100), "noise", 10),  # 0.1 m wide
        (box(99, 99.5, 100, 100), "noise", 0.5),  # below 1 m²
        (box(99.1, 0, 100, 100), "sliver", 90),  # 0.9 m wide, 0.9 % of the parcel
        (box(98, 0, 100, 100), "overlap", 200),  # 2 %
        (box(99.1, 0, 0.95, 100), "overlap", 90),  # narrow, but nearly all of a narrow parcel
    ],
)
def test_kinds(other: Any, kind: str | None, area: float) -> None:
    for found in (
        self_overlaps([BASE, other]),
        overlaps_between([BASE], [other]),
        overlaps_between([other], [BASE]),
    ):
        assert found["kind"].tolist() == ([] if kind is None else [kind])
        assert found["area_m2"].tolist() == pytest.approx([] if kind is None else [area], abs=0.01)


def test_width_and_share() -> None:
    found = self_overlaps([BASE, box(90, 0, 40, 100)]).iloc[0]
    assert found["width_m"] == pytest.approx(2 * 1000 / 220, abs=0.001)
    assert found["share_of_smaller"] == pytest.approx(1000 / 4000)
    assert (found["left"], found["right"]) == (0, 1)


def test_a_common_border_elsewhere_does_not_thin_the_width() -> None:
    """The intersection is then a polygon and a line; only the polygon counts."""
    notched = shapely.union(box(100, 0, 50, 100), box(90, 40, 10, 10))
    found = self_overlaps([BASE, notched])
    assert found["width_m"].tolist() == pytest.approx([2 * 100 / 40])
    assert found["kind"].tolist() == ["overlap"]


def test_tolerance_is_a_setting() -> None:
    strict = OverlapTolerance(noise_area_m2=0, noise_width_m=0, sliver_width_m=0)
    assert self_overlaps([BASE, box(99.9, 0, 100, 100)], strict)["kind"].tolist() == ["overlap"]


def test_missing_and_empty_are_passed_over() -> None:
    found = self_overlaps([None, BASE, shapely.Polygon(), BASE])
    assert list(zip(found["left"], found["right"], strict=True)) == [(1, 3)]
    assert self_overlaps([]).empty
    assert overlaps_between([BASE], []).empty
    assert overlaps_between([], [BASE]).empty


def test_covered_share_is_of_the_union() -> None:
    half, same_half, corner = box(0, 0, 50, 100), box(0, 0, 50, 100), box(40, 0, 20, 50)
    assert covered_share(BASE, [half, same_half]) == pytest.approx(0.5)
    assert covered_share(BASE, [half, corner]) == pytest.approx(0.55)
    assert covered_share(BASE, [box(-10, -10, 500, 500)]) == 1.0
    assert covered_share(BASE, [box(100, 0, 100, 100), None]) == 0.0
    assert covered_share(BASE, []) == 0.0


@given(seed=st.integers(0, 10_000), count=st.integers(0, 40))
@settings(max_examples=40, deadline=None)
def test_pairs_are_those_of_a_plain_double_loop(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    # Multiples of ten metres, so that touching, equal and contained parcels are common.
    at = rng.integers(0, 12, (count, 2)) * 10.0
    size = rng.integers(1, 6, (count, 2)) * 10.0
    parcels = [box(x, y, w, h) for (x, y), (w, h) in zip(at, size, strict=True)]
    expected = {}
    for i in range(count):
        for j in range(i + 1, count):
            (x1, y1), (x2, y2) = at[i], at[j]
            across = min(x1 + size[i][0], x2 + size[j][0]) - max(x1, x2)
            up = min(y1 + size[i][1], y2 + size[j][1]) - max(y1, y2)
            if across > 0 and up > 0:
                expected[(i, j)] = across * up
    found = self_overlaps(parcels)
    pairs = dict(zip(zip(found["left"], found["right"], strict=True), found["area_m2"], strict=True))
    assert pairs == pytest.approx(expected)
    cut = count // 2
    between = overlaps_between(parcels[:cut], parcels[cut:])
    crossing = {(i, j - cut) for i, j in expected if i < cut <= j}
    assert set(zip(between["left"], between["right"], strict=True)) == crossing


def test_pairs_shared_among_threads_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(8)
    corners = rng.uniform(0, 600, (120, 2))
    boxes = shapely.box(corners[:, 0], corners[:, 1], corners[:, 0] + 60, corners[:, 1] + 60)
    alone = self_overlaps(boxes)
    monkeypatch.setattr(overlap, "PAIRS_PER_THREAD", 7)
    monkeypatch.setattr(overlap.os, "cpu_count", lambda: 5)
    assert len(alone) > 40
    assert self_overlaps(boxes).equals(alone)
