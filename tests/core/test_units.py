"""Splits are exact and fair; words come from integers."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carbon_platform.units import carbon_text, split_largest_remainder, tonnes_text, yuan_text


@given(st.integers(0, 10**12), st.lists(st.integers(0, 10**6), min_size=1, max_size=40).filter(any))
def test_split_is_exact_and_within_one_of_the_share(total: int, weights: list[int]) -> None:
    parts = split_largest_remainder(total, weights)
    assert sum(parts) == total
    for part, weight in zip(parts, weights, strict=True):
        share = Fraction(total * weight, sum(weights))
        assert abs(part - share) < 1
        assert weight or not part


@given(st.lists(st.floats(0, 1e9, allow_nan=False), min_size=1, max_size=20).filter(lambda w: sum(w) > 0))
def test_split_by_fractions_is_exact_too(weights: list[float]) -> None:
    assert sum(split_largest_remainder(1_000_003, weights)) == 1_000_003


def test_split_refuses_what_nobody_can_carry() -> None:
    assert split_largest_remainder(0, [0, 0]) == [0, 0]
    with pytest.raises(ValueError, match="no weight can carry 5"):
        split_largest_remainder(5, [0, 0])
    with pytest.raises(ValueError, match="negative"):
        split_largest_remainder(5, [-1, 2])


@pytest.mark.parametrize(
    ("fen", "text"),
    [(0, "¥0.00"), (5, "¥0.05"), (-105, "−¥1.05"), (123456789012345, "¥1,234,567,890,123.45")],
)
def test_money_in_words_loses_no_fen(fen: int, text: str) -> None:
    assert yuan_text(fen) == text


def test_carbon_in_words() -> None:
    assert tonnes_text(3_574_000) == "3,574"
    assert tonnes_text(-1_234) == "−1.234"
    assert [carbon_text(g) for g in (999, 6_840, 2_500_000)] == ["999 克", "6.84 千克", "2.50 吨"]
    assert carbon_text(80, "en") == "80 g"
