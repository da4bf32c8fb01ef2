"""Sharing out to the fen: sums are exact for any amount, weights and scheme, and 70 % means 70 %."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carbon_platform.revenue import rules
from carbon_platform.revenue.rules import Charges, ParcelPart, PayeeKey

PROTOTYPE = {
    "company": 2800, "county": 700, "township": 500, "village": 1500, "right_holder": 3200, "caretaker": 1300
}  # fmt: skip

LOW = {"company": 3_001, "county": 6_999}

amounts = st.integers(0, 10**13)
rates = st.integers(0, 2_500)


@st.composite
def schemes(draw: st.DrawFn, company_max: int = 3_000) -> dict[str, int]:
    """Any split of the whole over the levels, zeros included."""
    company = draw(st.integers(0, company_max))
    cuts = sorted(draw(st.lists(st.integers(0, 10_000 - company), min_size=4, max_size=4)))
    edges = [0, *cuts, 10_000 - company]
    below = [high - low for low, high in pairwise(edges)]
    return {"company": company} | dict(zip(rules.COUNTY_AND_BELOW, below, strict=True))


def charges(fee_bp: int, vat_bp: int) -> Charges:
    return Charges(fee_bp, vat_bp, date(2025, 5, 20), "test", "illustrative")


def test_the_worked_example_of_the_design_page() -> None:
    """3,200 t × ¥48.00, fee 1 %, VAT 6 %: every figure of the page, to the fen."""
    flow = rules.waterfall(15_360_000, charges(100, 600))
    assert (flow.fee_fen, flow.vat_fen, flow.base_fen) == (153_600, 869_434, 14_336_966)
    levels = rules.split_levels(flow.base_fen, PROTOTYPE)
    assert levels == {
        "company": 4_014_350,
        "county": 1_003_588,
        "township": 716_848,
        "village": 2_150_545,
        "right_holder": 4_587_829,
        "caretaker": 1_863_806,
    }
    assert rules.below_fen(levels) == 10_322_616
    assert rules.share_bp(10_322_616, flow.base_fen) == 7_200


@given(amounts, rates, rates)
def test_receipt_is_fee_and_vat_and_base(gross: int, fee_bp: int, vat_bp: int) -> None:
    flow = rules.waterfall(gross, charges(fee_bp, vat_bp))
    assert flow.fee_fen + flow.vat_fen + flow.base_fen == gross
    assert min(flow.fee_fen, flow.vat_fen, flow.base_fen) >= 0
    assert abs(flow.fee_fen - Fraction(gross * fee_bp, 10_000)) <= Fraction(1, 2)
    assert abs(flow.vat_fen - Fraction(gross * vat_bp, 10_000 + vat_bp)) <= Fraction(1, 2)


@given(amounts, schemes(company_max=10_000))
def test_levels_sum_to_the_base_for_any_scheme(base: int, shares: dict[str, int]) -> None:
    levels = rules.split_levels(base, shares)
    assert sum(levels.values()) == base
    assert levels["company"] + rules.below_fen(levels) == base
    for level, fen in levels.items():
        exact = Fraction(base * shares[level], 10_000)
        # Below the company, each level may also get its part of the company's fraction of a fen.
        assert exact - 1 <= fen <= exact + 2
        if not shares[level]:
            assert fen == 0


@given(amounts, schemes())
def test_seventy_percent_on_paper_is_seventy_percent_in_fen(base: int, shares: dict[str, int]) -> None:
    rules.check_scheme(shares, actor_name="甲")
    levels = rules.split_levels(base, shares)
    assert rules.meets_floor(base, rules.below_fen(levels))
    # Independently: the company never holds more than three tenths.
    assert Fraction(levels["company"]) <= Fraction(3 * base, 10)


@pytest.mark.parametrize(
    ("base", "below", "meets"),
    [(0, 0, True), (1, 1, True), (1, 0, False), (10, 7, True), (10, 6, False), (101, 70, False)],
)
def test_the_floor_is_tested_in_fen(base: int, below: int, meets: bool) -> None:
    assert rules.meets_floor(base, below) is meets


@given(amounts, st.dictionaries(st.integers(0, 50), st.integers(0, 10**7), min_size=1, max_size=40))
def test_payees_get_a_level_exactly_and_zero_weights_nothing(amount: int, kg: dict[int, int]) -> None:
    weights = {PayeeKey("village", str(code)): weight for code, weight in kg.items()}
    whole = sum(weights.values())
    if not whole:
        with pytest.raises(ValueError, match="no weight") if amount else pytest.MonkeyPatch.context():
            rules.split_payees(amount, weights)
        return
    parts = rules.split_payees(amount, weights)
    assert sum(parts.values()) == amount
    for key, fen in parts.items():
        assert abs(fen - Fraction(amount * weights[key], whole)) < 1
        assert fen == 0 or weights[key] > 0


@given(st.data())
def test_sold_numbers_are_counted_like_counting_each_one(data: st.DataObject) -> None:
    lengths = data.draw(st.lists(st.integers(1, 9), min_size=1, max_size=8))
    shares, first = [], 1
    for parcel_id, length in enumerate(lengths):
        shares.append((parcel_id, first, first + length - 1))
        first += length
    numbers = sorted(data.draw(st.sets(st.integers(1, first - 1), min_size=1)))
    sold: list[tuple[int, int]] = []
    for number in numbers:
        if sold and sold[-1][1] == number - 1:
            sold[-1] = (sold[-1][0], number)
        else:
            sold.append((number, number))
    expected: dict[int, int] = {}
    for number in numbers:
        owner = next(p for p, low, high in shares if low <= number <= high)
        expected[owner] = expected.get(owner, 0) + 1
    shuffled = data.draw(st.permutations(shares))
    assert rules.kg_by_parcel(shuffled, data.draw(st.permutations(sold))) == expected
    low = rules.lowest(sold, 3)
    assert [n for a, b in low for n in range(a, b + 1)] == numbers[:3]


def test_numbers_outside_every_share_are_nobodys() -> None:
    assert rules.kg_by_parcel([(7, 5, 9)], [(1, 4), (10, 12)]) == {}


def part(kg: int, village: str, holder: str, township: str = "411522100") -> ParcelPart:
    return ParcelPart(1, kg, "411522", township, village, holder)


def test_one_name_in_two_villages_is_two_people() -> None:
    parts = [
        part(5, "411522100001", "王某"),
        part(7, "411522100002", "王某"),
        part(11, "411522100001", "王某"),
    ]
    assert rules.payee_weights("right_holder", parts) == {
        PayeeKey("right_holder", "411522100001", "王某"): 16,
        PayeeKey("right_holder", "411522100002", "王某"): 7,
    }
    assert rules.payee_weights("township", parts) == {PayeeKey("township", "411522100"): 23}
    assert rules.payee_weights("county", parts) == {PayeeKey("county", "411522"): 23}


def test_a_parcel_without_a_village_is_paid_through_the_unit_above() -> None:
    assert list(rules.payee_weights("village", [part(1, "", "甲")])) == [PayeeKey("village", "411522100")]
    lonely = rules.payee_weights("caretaker", [part(1, "", "甲", township="")])
    assert list(lonely) == [PayeeKey("caretaker", "411522")]


@pytest.mark.parametrize(
    ("shares", "more", "error"),
    [
        (PROTOTYPE | {"county": 701}, {}, rules.SchemeInvalid),
        (PROTOTYPE | {"bank": 0}, {}, rules.SchemeInvalid),
        (PROTOTYPE | {"county": -100, "township": 1300}, {}, rules.SchemeInvalid),
        (LOW, {}, rules.BelowFloor),
        (LOW, {"exception_reason": "试点"}, rules.BelowFloor),
        (LOW, {"exception_reason": " ", "exception_approver": "乙"}, rules.BelowFloor),
        (LOW, {"exception_reason": "试点", "exception_approver": "甲"}, rules.SelfApproved),
        (PROTOTYPE, {"exception_reason": "试点", "exception_approver": "乙"}, rules.SchemeInvalid),
    ],
)
def test_a_wrong_scheme_is_refused(
    shares: dict[str, int], more: dict[str, str], error: type[Exception]
) -> None:
    with pytest.raises(error):
        rules.check_scheme(shares, actor_name="甲", **more)


def test_schemes_at_the_edge_are_accepted() -> None:
    rules.check_scheme({"company": 3_000, "right_holder": 7_000}, actor_name="甲")
    rules.check_scheme(
        {"company": 3_001, "right_holder": 6_999},
        exception_reason="省级资金要求",
        exception_approver="乙",
        actor_name="甲",
    )


@pytest.mark.parametrize(
    ("missing_fen", "yuan", "tonnes"),
    [
        (15_000_000_000, 80, 1_875_000),  # row N6 and carbon-inclusion §8
        (15_000_000_000, 60, 2_500_000),
        (15_000_000_000, 30, 5_000_000),
        (10_000_000_000, 80, 1_250_000),
        (10_000_000_000, 60, 1_666_667),
        (10_000_000_000, 30, 3_333_334),  # rounded up: 3,333,333 t at ¥30 leave ¥10 missing
        (0, 80, 0),
        (1, 80, 1),
    ],
)
def test_gap_in_tonnes(missing_fen: int, yuan: int, tonnes: int) -> None:
    assert rules.gap_t(missing_fen, yuan * 100) == tonnes


def test_gap_never_below_zero_and_share_never_flatters() -> None:
    assert rules.gap_fen(100, 101) == 0
    assert rules.share_bp(69_999, 100_000) == 6_999
    assert rules.share_bp(0, 0) is None
