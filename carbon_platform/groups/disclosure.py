"""Which sums may be published so that nobody can be read out of them, also by subtracting one from another.

A published figure is a sum over a set of people. Whoever has several of them may add and subtract them as
they like; they then know every linear combination of them, and nothing else. People who are in exactly
the same published sets form a *cell*: in every combination all people of a cell have the same factor.

The rule: **the published sets, looked at only on cells of at least k people, are linearly independent.**
Then a combination that is not zero everywhere is not zero on one of these large cells either: whatever is
derived holds the sum of at least k people with one common factor. A group that is another one but for two
members, three groups that make up a county but for four, weeks against days: all fall under it.

People whose own figure is known anyway (they are ranked by their own wish) protect nobody and do not count.
Weeks do not overlap and are published once, so that no figure of one week says anything of another.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction

Cell = frozenset[str]


def publishable(candidates: Sequence[str], cells: Mapping[Cell, int], k: int) -> list[str]:
    """The candidates that may be published, tried in their order; each one kept stays.

    ``cells``: how many protected people are in exactly these sets (names of candidates).
    """
    chosen: list[str] = []
    for part in _connected(candidates, cells):
        kept: list[str] = []
        names = set(part)
        own = {cell: people for cell, people in cells.items() if cell & names}
        for name in part:
            if independent([*kept, name], own, k):
                kept.append(name)
        chosen += kept
    order = {name: place for place, name in enumerate(candidates)}
    return sorted(chosen, key=order.__getitem__)


def independent(names: Sequence[str], cells: Mapping[Cell, int], k: int) -> bool:
    """Whether the sets are linearly independent on the cells they leave with at least k people."""
    wanted = frozenset(names)
    merged: Counter[Cell] = Counter()
    for cell, people in cells.items():
        merged[cell & wanted] += people
    large = [cell for cell, people in merged.items() if cell and people >= k]
    rows = [{place: Fraction(1) for place, cell in enumerate(large) if name in cell} for name in names]
    return _rank(rows) == len(rows)


def _rank(rows: Iterable[dict[int, Fraction]]) -> int:
    """Rank of a sparse matrix, exact."""
    pivots: dict[int, dict[int, Fraction]] = {}
    for row in rows:
        left = dict(row)
        while left:
            column = min(left)
            if column not in pivots:
                pivots[column] = {place: value / left[column] for place, value in left.items()}
                break
            factor = left[column]
            for place, value in pivots[column].items():
                left[place] = left.get(place, Fraction(0)) - factor * value
                if not left[place]:
                    del left[place]
    return len(pivots)


def _connected(candidates: Sequence[str], cells: Mapping[Cell, int]) -> list[list[str]]:
    """Candidates that share people, directly or through others, together; in their order."""
    parent = {name: name for name in candidates}

    def root(name: str) -> str:
        while parent[name] != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    for cell in cells:
        known = [name for name in cell if name in parent]
        for other in known[1:]:
            parent[root(other)] = root(known[0])
    parts: dict[str, list[str]] = defaultdict(list)
    for name in candidates:
        parts[root(name)].append(name)
    return list(parts.values())
