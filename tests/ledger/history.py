"""Is a history of requests and answers explained by the journal? Pure functions of values.

Clients noted what they asked, when, and what they were told, or that they never heard (``end`` None).
The ledger's own order of transfers is the witness. A history is sound (linearizable per account) if

* what was acknowledged is in the journal once, as asked; what was refused is not; nothing else is;
* where one request ended before another began, the journal has them in that order;
* no account ever falls below zero in the journal's order;
* each read, and each refusal for want of balance, is true at some place in the order that lies within
  its own time, and no earlier than what an earlier, finished read has seen.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush

Moves = tuple[tuple[str, str, int], ...]


@dataclass(frozen=True)
class Write:
    """A request to move; ``answer`` is ``ok``, ``refused`` or ``unknown``.

    A refusal says which account was short and of how much was needed.
    """

    reference: str
    moves: Moves
    start: float
    end: float | None
    answer: str
    short: str = ""
    needed: int = 0


@dataclass(frozen=True)
class Read:
    account: str
    value: int
    start: float
    end: float


@dataclass(frozen=True)
class Transfer:
    """A line of the journal, in its order."""

    reference: str
    source: str
    destination: str
    amount: int


@dataclass(frozen=True)
class Anomaly:
    kind: str
    what: str


def check(
    writes: Sequence[Write], reads: Sequence[Read], journal: Sequence[Transfer], unguarded: Iterable[str] = ()
) -> list[Anomaly]:
    """Everything that cannot be explained; empty if the history is sound."""
    found = [*_effects(writes, journal), *_real_time(writes, journal)]
    if found:
        return found
    by_reference = {write.reference: write for write in writes}
    accounts = {read.account for read in reads} | {w.short for w in writes if w.answer == "refused"}
    for account in sorted((accounts | _named(journal)) - set(unguarded)):
        line = _Line(account, journal, by_reference)
        found += line.below_zero()
        found += line.explain(
            [r for r in reads if r.account == account],
            [w for w in writes if w.answer == "refused" and w.short == account],
        )
    return found


def _named(journal: Sequence[Transfer]) -> set[str]:
    return {name for transfer in journal for name in (transfer.source, transfer.destination)}


def _effects(writes: Sequence[Write], journal: Sequence[Transfer]) -> list[Anomaly]:
    """Acknowledged once and as asked, refused not at all, and nothing nobody asked for."""
    found: list[Anomaly] = []
    recorded: dict[str, list[tuple[str, str, int]]] = {}
    for transfer in journal:
        step = (transfer.source, transfer.destination, transfer.amount)
        recorded.setdefault(transfer.reference, []).append(step)
    asked = Counter(write.reference for write in writes)
    found += [Anomaly("asked twice", reference) for reference, times in asked.items() if times > 1]
    for write in writes:
        there = recorded.pop(write.reference, None)
        if there is None:
            if write.answer == "ok":
                found.append(Anomaly("lost", write.reference))
        elif write.answer == "refused":
            found.append(Anomaly("refused and yet done", write.reference))
        elif Counter(there) != Counter(write.moves):
            times = len(there) // max(1, len(write.moves))
            found.append(Anomaly("doubled" if times > 1 else "altered", write.reference))
    return found + [Anomaly("phantom", reference) for reference in recorded]


def _real_time(writes: Sequence[Write], journal: Sequence[Transfer]) -> list[Anomaly]:
    """Nothing is recorded before what had ended when it began."""
    by_reference = {write.reference: write for write in writes}
    found = []
    # Walking back: the earliest end of all that is recorded later.
    earliest_end, whose = float("inf"), ""
    for transfer in reversed(journal):
        write = by_reference.get(transfer.reference)
        if write is None:
            continue
        if earliest_end < write.start:
            found.append(Anomaly("order", f"{transfer.reference} is recorded before {whose}"))
        if write.end is not None and write.end < earliest_end:
            earliest_end, whose = write.end, transfer.reference
    return found


class _Line:
    """The states of one account in the journal's order, and who made them."""

    def __init__(self, account: str, journal: Sequence[Transfer], writes: dict[str, Write]) -> None:
        self.account = account
        self.states = [0]
        starts: list[tuple[float, int]] = []
        ends: list[tuple[float, int]] = []
        for transfer in journal:
            change = transfer.amount * ((transfer.destination == account) - (transfer.source == account))
            if change:
                self.states.append(self.states[-1] + change)
                write = writes[transfer.reference]
                starts.append((write.start, len(self.states) - 1))
                if write.end is not None:
                    ends.append((write.end, len(self.states) - 1))
        self._ends, self._latest_place = _running(sorted(ends), max)
        self._starts, earliest = _running(sorted(starts, reverse=True), min)
        self._starts.reverse()
        self._earliest_place = earliest[::-1]

    def below_zero(self) -> list[Anomaly]:
        lowest = min(self.states)
        return [Anomaly("below zero", f"{self.account} at {lowest}")] if lowest < 0 else []

    def window(self, start: float, end: float) -> tuple[int, int]:
        """First and last place that something between ``start`` and ``end`` may have seen."""
        done = bisect_left(self._ends, start)
        first = self._latest_place[done - 1] if done else 0
        begun_later = bisect_right(self._starts, end)
        last = len(self.states) - 1
        if begun_later < len(self._starts):
            last = self._earliest_place[begun_later] - 1
        return first, last

    def explain(self, reads: Sequence[Read], refusals: Sequence[Write]) -> list[Anomaly]:
        found = []
        looks: list[Read | Write] = sorted([*reads, *refusals], key=lambda look: look.start)
        finished: list[tuple[float, int]] = []
        seen = 0
        for look in looks:
            while finished and finished[0][0] < look.start:
                seen = max(seen, heappop(finished)[1])
            end = float("inf") if look.end is None else look.end
            first, last = self.window(look.start, end)
            place = next((p for p in range(max(first, seen), last + 1) if self._true(look, p)), None)
            if place is None:
                found.append(self._unexplained(look, first, seen, last))
            elif look.end is not None:
                heappush(finished, (look.end, place))
        return found

    def _true(self, look: Read | Write, place: int) -> bool:
        if isinstance(look, Read):
            return self.states[place] == look.value
        return self.states[place] < look.needed

    def _unexplained(self, look: Read | Write, first: int, seen: int, last: int) -> Anomaly:
        if isinstance(look, Write):
            return Anomaly("refused for nothing", f"{look.reference}: {look.needed} of {self.account}")
        what = f"{look.account} = {look.value} at {look.start}"
        if any(self._true(look, place) for place in range(first, last + 1)):
            return Anomaly("back in time", what)
        if any(self._true(look, place) for place in range(first)):
            return Anomaly("stale read", what)
        if any(self._true(look, place) for place in range(last + 1, len(self.states))):
            return Anomaly("read of the future", what)
        return Anomaly("read of what never was", what)


def _running(pairs: Sequence[tuple[float, int]], best: object) -> tuple[list[float], list[int]]:
    """Times, and the best place so far at each."""
    times, places = [], []
    for time, place in pairs:
        times.append(time)
        places.append(place if not places else best(places[-1], place))  # type: ignore[operator]
    return times, places
