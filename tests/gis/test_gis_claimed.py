"""Double claims against an independent count: land as unit squares, time as days, a claim a set of cells."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from gis.claimed import (
    Pieces,
    both_ways,
    clashes,
    covered_shares,
    pairs_between,
    pairs_within,
    pieces,
)
from gis.overlap import OverlapTolerance

EXACT = OverlapTolerance(noise_area_m2=0.0, noise_width_m=0.0, sliver_width_m=0.0, sliver_share=0.0)
# Nothing is an overlap by itself: only what is added up is refused.
SUMS_ONLY = OverlapTolerance(noise_area_m2=0.5, noise_width_m=0.0, sliver_width_m=1e9, sliver_share=1.1)


@dataclass(frozen=True)
class Claim:
    """A rectangle of whole metres, days and pools, and who claims it."""

    x: int
    y: int
    width: int
    height: int
    first: int
    end: int
    pools: int
    who: int

    @property
    def cells(self) -> set[tuple[int, int]]:
        return {
            (x, y) for x in range(self.x, self.x + self.width) for y in range(self.y, self.y + self.height)
        }

    def contradicts(self, other: Claim) -> bool:
        days = self.first < other.end and other.first < self.end
        return self.who != other.who and bool(self.pools & other.pools) and days


def claims_of(who: st.SearchStrategy[int]) -> st.SearchStrategy[list[Claim]]:
    small = st.integers(0, 8)
    claim = st.builds(
        lambda x, y, w, h, first, days, pools, who: Claim(x, y, w, h, first, first + days, pools, who),
        small, small, st.integers(1, 8), st.integers(1, 8), small, st.integers(1, 6), st.integers(1, 3), who,
    )  # fmt: skip
    return st.lists(claim, min_size=1, max_size=6)


def as_pieces(claims: list[Claim]) -> Pieces:
    return pieces(
        [shapely.box(c.x, c.y, c.x + c.width, c.y + c.height) for c in claims],
        [c.first for c in claims],
        [c.end for c in claims],
        [c.pools for c in claims],
        [c.who for c in claims],
    )


def share_by_cells(claim: Claim, others: list[Claim], days: range) -> float:
    """Cells of a claim that contradicting claims hold, on the day when they are most."""
    worst = 0
    for day in days:
        standing = [o for o in others if claim.contradicts(o) and o.first <= day < o.end]
        if claim.first <= day < claim.end:
            held: set[tuple[int, int]] = set().union(*(o.cells for o in standing))
            worst = max(worst, len(claim.cells & held))
    return worst / len(claim.cells)


EVER = range(16)


@settings(max_examples=80, deadline=None)
@given(claims_of(st.integers(0, 2)), claims_of(st.integers(2, 4)))
def test_pairs_and_shares_are_those_of_the_cells(left: list[Claim], right: list[Claim]) -> None:
    a, b = as_pieces(left), as_pieces(right)
    pairs = pairs_between(a, b, EXACT)
    expected = {
        (i, j): len(one.cells & other.cells)
        for i, one in enumerate(left)
        for j, other in enumerate(right)
        if one.contradicts(other) and one.cells & other.cells
    }
    assert (
        dict(zip(zip(pairs["left"], pairs["right"], strict=True), pairs["area_m2"], strict=True)) == expected
    )
    shares = covered_shares(a, b, pairs)
    np.testing.assert_allclose(shares, [share_by_cells(one, right, EVER) for one in left], atol=1e-9)


@settings(max_examples=50, deadline=None)
@given(claims_of(st.integers(0, 3)))
def test_a_set_is_compared_with_itself_once(claims: list[Claim]) -> None:
    own = as_pieces(claims)
    pairs = both_ways(pairs_within(own, EXACT))
    assert len(pairs) % 2 == 0
    shares = covered_shares(own, own, pairs)
    np.testing.assert_allclose(shares, [share_by_cells(one, claims, EVER) for one in claims], atol=1e-9)


@settings(max_examples=120, deadline=None)
@given(
    claims_of(st.just(0)),
    claims_of(st.integers(1, 3)),
    st.integers(0, 8),
    st.integers(1, 6),
    st.sampled_from([0.05, 0.2, 0.5]),
)
def test_the_lock_refuses_what_the_cells_say(
    new: list[Claim], standing: list[Claim], first: int, days: int, share_max: float
) -> None:
    """New claims have one period, as a project or a run has; both sides of each pair are looked at."""
    new = [replace(claim, first=first, end=first + days) for claim in new]
    found = clashes(as_pieces(new), as_pieces(standing), share_max=share_max, tolerance=SUMS_ONLY)
    refused = {clash.new for clash in found if clash.refused}
    period = range(first, first + days)
    worn = {
        number
        for number, one in enumerate(standing)
        if share_by_cells(one, [*standing, *new], period) > share_max
        and share_by_cells(one, [*standing, *new], period) > share_by_cells(one, standing, period)
    }
    expected = {
        number
        for number, one in enumerate(new)
        if share_by_cells(one, standing, EVER) > share_max
        or any(one.contradicts(standing[w]) and one.cells & standing[w].cells for w in worn)
    }
    assert refused == expected
    met = {
        n for n, one in enumerate(new) if any(one.contradicts(o) and one.cells & o.cells for o in standing)
    }
    assert {clash.new for clash in found} == met


def square(x: float = 0.0, y: float = 0.0, size: float = 100.0) -> shapely.Geometry:
    return shapely.box(x, y, x + size, y + size)


def claimed(*shapes: shapely.Geometry, who: int = 1, days: tuple[int, int] = (0, 100)) -> Pieces:
    n = len(shapes)
    return pieces(list(shapes), [days[0]] * n, [days[1]] * n, [1] * n, [who] * n)


def outcome(new: Pieces, standing: Pieces, share_max: float = 0.01) -> str:
    found = clashes(new, standing, share_max=share_max)
    return "free" if not found else "refused" if any(clash.refused for clash in found) else "warned"


def test_the_classes_of_the_tolerance_at_their_borders() -> None:
    standing = claimed(square())
    said_at = {100.0: "free", 99.85: "free", 99.5: "warned", 99.01: "warned"}
    said_at |= {99.0: "refused", 98.9: "refused", 50.0: "refused", 0.0: "refused"}
    for metres, said in said_at.items():
        assert outcome(claimed(square(metres), who=0), standing) == said, metres
    assert outcome(claimed(square(1.0), who=0), standing) == "refused", "shifted by 1 %"
    assert outcome(claimed(square(0.0), who=1), standing) == "free", "the same claimant"
    assert outcome(claimed(square(), who=0, days=(100, 200)), standing) == "free", "the day after"
    assert outcome(claimed(square(), who=0, days=(99, 200)), standing) == "refused", "the last day"


def test_equal_containing_and_contained_land() -> None:
    standing = claimed(square())
    for shape in (square(40, 40, 10), square(-500, -500, 2000), shapely.buffer(square(), 0.4)):
        assert outcome(claimed(shape, who=0), standing) == "refused"


def test_neighbours_are_added_up_as_a_union_and_not_as_pairs() -> None:
    strip = shapely.box(-100, 0, 0.6, 100)
    same_strip_twice = pieces([strip, strip], [0, 0], [100, 100], [1, 1], [1, 2])
    assert outcome(claimed(square(), who=0), same_strip_twice) == "warned", "0.6 %, not 1.2 %"
    two_sides = pieces([strip, shapely.box(99.4, 0, 200, 100)], [0, 0], [100, 100], [1, 1], [1, 2])
    assert outcome(claimed(square(), who=0), two_sides) == "refused", "1.2 % together"
    years_apart = pieces(two_sides.geoms, [0, 50], [50, 100], [1, 1], [1, 2])
    assert outcome(claimed(square(), who=0), years_apart) == "warned", "never more than 0.6 % at once"


def test_many_small_claims_do_not_eat_one_up() -> None:
    """Each new piece lies only a little on the old one; together they take 1.2 % of it."""
    old = claimed(square())
    left, right = shapely.box(-200, 0, 0.6, 100), shapely.box(99.4, 0, 300, 100)
    assert outcome(claimed(left, who=0), old) == "warned"
    assert outcome(claimed(left, right, who=0), old) == "refused"
    two_standing = pieces([square(), left], [0, 0], [100, 100], [1, 1], [1, 2])
    found = clashes(claimed(right, who=0), two_standing, share_max=0.01)
    assert [(clash.side, clash.refused, clash.standing) for clash in found] == [("standing", True, 0)]


def test_an_old_quarrel_refuses_no_bystander() -> None:
    quarrel = pieces([square(), square(2)], [0, 0], [100, 100], [1, 1], [1, 2])
    assert outcome(claimed(square(102.0), who=0), quarrel) == "free"
    assert outcome(claimed(square(101.99), who=0), quarrel) == "free"
    assert outcome(claimed(square(101.5), who=0), quarrel) == "refused", "it takes more of what is contested"
