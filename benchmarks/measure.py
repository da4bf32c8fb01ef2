"""Two works measured in turns, so that a slow moment of the machine hits both."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from benchmarks.profiles import save_profile

T = TypeVar("T")

# Works for about so many seconds; answers operations per second.
Work = Callable[[float], float]


@dataclass
class Row:
    """One line of the table. ``ratios`` of each round: product ÷ peer, so more is better."""

    code: str
    what: str
    must: float | None = None
    aim: float | None = None
    ratios: list[float] = field(default_factory=list)
    product: list[float] = field(default_factory=list)
    peer: list[float] = field(default_factory=list)
    note: str = ""

    @property
    def median(self) -> float | None:
        return statistics.median(self.ratios) if self.ratios else None

    @property
    def missed(self) -> bool:
        return self.must is not None and self.median is not None and self.median < self.must


def compare(
    row: Row, product: Work, peer: Work, *, rounds: int, seconds: float, profile: Work | None = None
) -> Row:
    """Fill ``row`` with ``rounds`` pairs; who goes first changes from round to round.

    ``profile`` is the product's work inside this process; of a missed goal its profile is kept.
    """
    product(seconds / 5)
    peer(seconds / 5)
    for number in range(rounds):
        if number % 2:
            slow = peer(seconds)
            fast = product(seconds)
        else:
            fast = product(seconds)
            slow = peer(seconds)
        row.product.append(fast)
        row.peer.append(slow)
        row.ratios.append(fast / slow)
    if row.missed and profile is not None:
        save_profile(row.code, profile, seconds)
    return row


def repeat(step: Callable[[], int]) -> Work:
    """The work of calling ``step`` (which answers how many operations it did) again and again."""

    def work(seconds: float) -> float:
        done, start = 0, time.perf_counter()
        while time.perf_counter() - start < seconds:
            done += step()
        return done / (time.perf_counter() - start)

    return work


def repeat_prepared(prepare: Callable[[], T], step: Callable[[T], int]) -> Work:
    """As :func:`repeat`, where what ``step`` needs is made before, off the clock."""

    def work(seconds: float) -> float:
        done, spent = 0, 0.0
        while spent < seconds:
            prepared = prepare()
            start = time.perf_counter()
            done += step(prepared)
            spent += time.perf_counter() - start
        return done / spent

    return work
