"""Numbers and names as people type them, masks, and how often a code may be asked for."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carbon_platform.identity import person_rules as rules

TODAY = date(2026, 11, 22)
NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def id_number(county: str, born: date, order: int) -> str:
    """A valid number by the table of weights, not by the formula under test."""
    first = f"{county}{born:%Y%m%d}{order:03d}"
    total = sum(int(digit) * weight for digit, weight in zip(first, WEIGHTS, strict=True))
    return first + "10X98765432"[total % 11]


NUMBERS = st.builds(
    id_number,
    st.sampled_from(["411502", "411528", "110101"]),
    st.dates(date(1900, 1, 1), TODAY),
    st.integers(0, 999),
)


@given(NUMBERS)
def test_every_valid_number_is_taken_and_masked(number: str) -> None:
    checked = rules.id_number(f" {number.lower()} ", TODAY)
    assert checked.text == number
    assert f"{checked.born:%Y%m%d}" == number[6:14]
    mask = rules.masked_id(number)
    assert (mask[:4], mask[4:-4], mask[-4:]) == (number[:4], "*" * 10, number[-4:])


@given(NUMBERS, st.integers(0, 17), st.sampled_from("0123456789X"))
def test_one_wrong_character_is_found(number: str, place: int, letter: str) -> None:
    wrong = number[:place] + letter + number[place + 1 :]
    if wrong != number:
        with pytest.raises(rules.IdNumberInvalid):
            rules.id_number(wrong, TODAY)


@pytest.mark.parametrize(
    "text",
    ["", "41150219900101123", "4115021990010112377", "411502199002301237", "０" * 18,
     id_number("411502", TODAY + timedelta(days=1), 1)],
)  # fmt: skip
def test_what_is_no_number_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(rules.IdNumberInvalid) as caught:
        rules.id_number(text, TODAY)
    assert not text or text not in caught.value.message() + caught.value.message("en")


@pytest.mark.parametrize(
    "typed",
    ["13800000000", "138 0000 0000", "+86 138-0000-0000", "0086 13800000000", "8613800000000",
     "（86）13800000000".replace("（86）", "(86)"), "138\u30000000\u30000000"],
)  # fmt: skip
def test_a_phone_is_understood_however_it_is_typed(typed: str) -> None:
    assert rules.phone_number(typed) == "13800000000"
    assert rules.masked_phone("13800000000") == "138****0000"


@pytest.mark.parametrize(
    "typed", ["", "1380000000", "138000000000", "12800000000", "٠" * 11, "1380000000a", "86" * 9]
)
def test_what_is_no_phone_is_refused(typed: str) -> None:
    with pytest.raises(rules.PhoneInvalid):
        rules.phone_number(typed)


@pytest.mark.parametrize(
    ("typed", "kept", "mask"),
    [("王小满", "王小满", "王**"), (" 王 小 满 ", "王小满", "王**"), ("䶮文", "䶮文", "䶮*"),
     ("阿卜杜拉•买买提", "阿卜杜拉·买买提", "阿*******"), ("𬎆某", "𬎆某", "𬎆*")],
)  # fmt: skip
def test_names_as_on_the_card(typed: str, kept: str, mask: str) -> None:
    assert rules.real_name(typed) == kept
    assert rules.masked_name(kept) == mask


@pytest.mark.parametrize("typed", ["", "王", "Wang Xiao", "王小满1", "·王", "王·", "王" * 31, "<b>王</b>"])
def test_what_is_no_name_is_refused(typed: str) -> None:
    with pytest.raises(rules.NameInvalid):
        rules.real_name(typed)


@pytest.mark.parametrize(
    ("born", "years"),
    [(date(2012, 11, 22), 14), (date(2012, 11, 23), 13), (date(2012, 2, 29), 14), (date(1960, 1, 1), 66)],
)
def test_age_turns_on_the_birthday(born: date, years: int) -> None:
    assert rules.age(born, TODAY) == years


def ago(**span: int) -> datetime:
    return NOW - timedelta(**span)


def test_the_pace_of_codes() -> None:
    assert rules.wait_for_code([], [], 0, NOW) == 0
    assert rules.wait_for_code([ago(seconds=20)], [], 0, NOW) == 40
    assert rules.wait_for_code([], [ago(seconds=60)], 0, NOW) == 0
    five = [ago(hours=hours) for hours in (23, 20, 10, 5, 1)]
    assert rules.wait_for_code(five, [], 0, NOW) == 3600
    assert rules.wait_for_code(five[1:], [], 0, NOW) == 0
    assert rules.wait_for_code([], [], rules.CODES_PER_MINUTE_ALL, NOW) == 60
