"""Labels of the marks in the uncertainty picture: inside it, and no line runs through a text."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carbon_platform.console.uncertainty_view import WIDTH, histogram

NET = {
    "edges_t": [9500.0 + 10 * n for n in range(51)],
    "counts": [1] * 50,
    "p2_5_t": 9510.0,
    "p97_5_t": 9990.0,
}
PERCENTILE, ASSESSED = "第 33.3 百分位 11,363.7", "核算值 10,593.1"


def spans(marks: list[dict[str, Any]]) -> list[tuple[float, float]]:
    """Where each text stands, as wide as the widest font draws it: 15 px a Han character, 8.4 a digit."""
    found = []
    for mark in marks:
        long = sum(15 if ord(one) > 0x2E7F else 8.4 for one in mark["label"])
        start = mark["text_x"] - long if mark["anchor"] == "end" else mark["text_x"]
        found.append((start, start + long))
    return found


def sides(own: float, long: float) -> list[tuple[float, float]]:
    """Where a text of this length could stand, with a little air."""
    return [(own - long - 12, own + 4), (own - 4, own + long + 12)]


def is_free(span: tuple[float, float], lines: list[float]) -> bool:
    return span[0] >= 0 and span[1] <= WIDTH and not any(span[0] < x < span[1] for x in lines)


@settings(max_examples=200, deadline=None)
@given(st.floats(9500, 10000), st.floats(9500, 10000))
def test_no_line_runs_through_a_label_that_has_a_free_side(first: float, second: float) -> None:
    marks = histogram(NET, [(PERCENTILE, first, "issue"), (ASSESSED, second, "net")])["marks"]
    for number, (start, end) in enumerate(spans(marks)):
        lines = [mark["x"] for mark in marks[:number]]
        if any(is_free(side, lines) for side in sides(marks[number]["x"], (end - start) * 1.1)):
            assert is_free((start, end), lines)


@pytest.mark.parametrize(("first", "second", "anchor"), [(9700.0, 9650.0, "end"), (9650.0, 9700.0, "start")])
def test_the_label_turns_away_from_a_line_beside_it(first: float, second: float, anchor: str) -> None:
    """As seen on the page: the assessed value's text touched the dashed line of the percentile."""
    marks = histogram(NET, [("第 33.3 百分位 11,363.7", first, "issue"), ("核算值 10,593.1", second, "net")])[
        "marks"
    ]
    assert marks[1]["anchor"] == anchor
