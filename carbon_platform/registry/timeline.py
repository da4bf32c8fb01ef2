"""Who holds which serials of another registry since when: the state that new records are checked against.

Values only. Every number of an external batch is in exactly one segment; a segment has a holder, or is
retired, since the time of its last movement.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(slots=True)
class Segment:
    """Serials ``first`` … ``last``; ``holder`` an organisation's id; None: retired."""

    first: int
    last: int
    holder: int | None
    since: datetime


@dataclass(slots=True)
class Batch:
    """One issued block. ``lot`` is empty until it is committed; ``row`` is set while it is in a file."""

    first: int
    last: int
    issued_at: datetime
    project_code: str
    project_name: str
    methodology_key: str
    vintage: int
    batch_id: int = 0
    lot: str = ""
    row: int = 0
    segments: list[Segment] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Part:
    """Serials of one batch that a record touches."""

    batch: Batch
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Blocked:
    """Why a movement cannot happen: a code of ``findings`` and the segment in the way."""

    code: str
    first: int
    last: int
    segment: Segment


class Space:
    """The batches of one range of numbers, disjoint, in order."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._batches: dict[int, Batch] = {}

    def add(self, batch: Batch) -> None:
        insort(self._starts, batch.first)
        self._batches[batch.first] = batch

    def overlapping(self, first: int, last: int) -> list[Batch]:
        place = max(bisect_right(self._starts, first) - 1, 0)
        found = []
        for start in self._starts[place:]:
            if start > last:
                break
            if self._batches[start].last >= first:
                found.append(self._batches[start])
        return found

    def parts(self, first: int, last: int) -> tuple[list[Part], tuple[int, int] | None]:
        """The batches' parts of a block, and the first stretch of it that no batch has."""
        found, next_number = [], first
        for batch in self.overlapping(first, last):
            if batch.first > next_number:
                return found, (next_number, batch.first - 1)
            found.append(Part(batch, next_number, min(last, batch.last)))
            next_number = batch.last + 1
        return found, (next_number, last) if next_number <= last else None


class Books:
    """Every space of a source that a file touches."""

    def __init__(self) -> None:
        self.spaces: dict[str, Space] = {}
        self._within: dict[str, set[str]] = {}

    def space(self, name: str) -> Space:
        if name not in self.spaces:
            self.spaces[name] = Space()
            self._within.setdefault(name.rpartition("|")[0], set()).add(name)
        return self.spaces[name]

    def taken(self, name: str, first: int, last: int) -> list[Batch]:
        """Batches that have any of these numbers, in this space or in one that may be the same."""
        names = rivals(name, self._within.get(name.rpartition("|")[0], ()))
        return [
            b for n in (name, *names) if n in self.spaces for b in self.spaces[n].overlapping(first, last)
        ]

    def issue(self, space: str, batch: Batch, holder: int) -> None:
        batch.segments = [Segment(batch.first, batch.last, holder, batch.issued_at)]
        self.space(space).add(batch)


def rivals(name: str, others: Iterable[str]) -> list[str]:
    """Spaces that may hold the numbers of this one: without a prefix they may be any prefix's.

    ``name`` is made by ``Source.space``; a number written with and without its prefix is one number.
    """
    within, _, prefix = name.rpartition("|")
    if prefix:
        return [f"{within}|"]
    return sorted(other for other in others if other != name and other.rpartition("|")[0] == within)


def blocked(parts: Iterable[Part], holder: int, at: datetime) -> Blocked | None:
    """The first reason why ``holder`` cannot give these serials away at that time."""
    for part in parts:
        if at < part.batch.issued_at:
            whole = Segment(part.batch.first, part.batch.last, None, part.batch.issued_at)
            return Blocked("before_issuance", part.first, part.last, whole)
        for segment in _touched(part)[1]:
            first, last = max(segment.first, part.first), min(segment.last, part.last)
            if segment.holder is None:
                return Blocked("already_retired", first, last, segment)
            if segment.since > at:
                return Blocked("later_movement", first, last, segment)
            if segment.holder != holder:
                return Blocked("not_held", first, last, segment)
    return None


def move(parts: Sequence[Part], holder: int | None, at: datetime) -> None:
    """Give the serials to ``holder`` (None: retired). Call :func:`blocked` first."""
    for part in parts:
        segments = part.batch.segments
        start, touched = _touched(part)
        new = []
        if touched[0].first < part.first:
            head = touched[0]
            new.append(Segment(head.first, part.first - 1, head.holder, head.since))
        new.append(Segment(part.first, part.last, holder, at))
        if touched[-1].last > part.last:
            tail = touched[-1]
            new.append(Segment(part.last + 1, tail.last, tail.holder, tail.since))
        segments[start : start + len(touched)] = new


def _touched(part: Part) -> tuple[int, list[Segment]]:
    """Place of the first segment with any of these serials, and all of those."""
    segments = part.batch.segments
    place = bisect_right(segments, part.first, key=lambda segment: segment.first) - 1
    found = []
    for segment in segments[place:]:
        if segment.first > part.last:
            break
        found.append(segment)
    return place, found
