"""What is published singles nobody out, also by adding and subtracting."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from carbon_platform.groups.disclosure import Cell, publishable

K = 3
NAMES = ("a", "b", "c", "d")
# Who is in which sets: up to nine people, each in any of four sets.
towns = st.lists(st.frozensets(st.sampled_from(NAMES)), max_size=9)


def cells_of(town: list[Cell]) -> Counter[Cell]:
    return Counter(sets for sets in town if sets)


def singled_out(town: list[Cell], published: list[str], k: int) -> tuple[int, ...] | None:
    """Fewer than k people of whom something is known: a combination of sums that is zero on all others.

    Tries every such set of people: the combinations that vanish outside it are more than the zero one
    exactly when leaving its people out lowers the rank.
    """
    table = np.array([[float(name in sets) for sets in town] for name in published]).reshape(
        len(published), len(town)
    )
    full = np.linalg.matrix_rank(table) if table.size else 0
    for size in range(1, k):
        for people in combinations(range(len(town)), size):
            rest = np.delete(table, people, axis=1)
            if full and (np.linalg.matrix_rank(rest) if rest.size else 0) < full:
                return people
    return None


@settings(max_examples=300, deadline=None)
@given(towns)
def test_no_combination_of_published_sums_is_about_fewer_than_k_people(town: list[Cell]) -> None:
    published = publishable(NAMES, cells_of(town), K)
    assert singled_out(town, published, K) is None


def test_the_attacker_finds_what_a_simple_count_would_let_through() -> None:
    """A negative control: ten and nine people, both large enough, differ by one."""
    town = [frozenset("ab")] * 9 + [frozenset("a")]
    assert singled_out(town, ["a", "b"], K) == (9,)
    assert publishable(("a", "b"), cells_of(town), K) == ["a"]


def test_nested_groups_wait_until_their_difference_is_large_enough() -> None:
    for outside, expected in ((0, ["a"]), (2, ["a"]), (3, ["a", "b"])):
        town = [frozenset("ab")] * 5 + [frozenset("a")] * outside
        assert publishable(("a", "b"), cells_of(town), K) == expected, outside


def test_parts_of_a_county_may_not_leave_a_few_over() -> None:
    few_left = [frozenset("ab")] * 5 + [frozenset("ac")] * 5 + [frozenset("a")] * 2
    assert publishable(("a", "b", "c"), cells_of(few_left), K) == ["a", "b"]
    many_left = [frozenset("ab")] * 5 + [frozenset("ac")] * 5 + [frozenset("a")] * 3
    assert publishable(("a", "b", "c"), cells_of(many_left), K) == ["a", "b", "c"]


def test_one_person_in_two_large_groups_does_not_stop_either() -> None:
    town = [frozenset("a")] * 5 + [frozenset("b")] * 5 + [frozenset("ab")]
    assert publishable(("a", "b"), cells_of(town), K) == ["a", "b"]


def test_a_county_with_many_overlapping_groups_publishes_them_all() -> None:
    names = ["county", *(f"group-{number}" for number in range(150))]
    cells: Counter[Cell] = Counter({frozenset({"county"}): 5_000})
    for number, name in enumerate(names[1:]):
        cells[frozenset({"county", name})] = 40
        cells[frozenset({"county", name, names[1 + (number + 1) % 150]})] = 2
    assert len(publishable(names, cells, 10)) == len(names)
