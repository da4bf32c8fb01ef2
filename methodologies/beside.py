"""Work beside work: passes over a million rows hold no interpreter lock, so a second core may do half.

Short frames (an act at the door, a parcel on a page) never start a thread. Results do not depend on it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

_LONG_ROWS = 100_000
_THREADS = 2


class Hands:
    """Who does the work: without a pool the caller, at once; with one its threads, in the order given."""

    def __init__(self, pool: ThreadPoolExecutor | None = None) -> None:
        self._pool = pool

    def start(self, work: Callable[[], T]) -> Callable[[], T]:
        """Begin ``work``; what is returned gives its result, or raises its error."""
        if self._pool is None:
            result = work()
            return lambda: result
        return self._pool.submit(work).result

    def each(self, work: Callable[[T], R], items: Iterable[T]) -> list[R]:
        """``work`` of every item, in their order; the first item that fails raises."""
        return list(map(work, items) if self._pool is None else self._pool.map(work, items))


@contextmanager
def hands(rows: int) -> Iterator[Hands]:
    """For a frame of so many rows; what is not begun when an error leaves is never done."""
    if rows < _LONG_ROWS:
        yield Hands()
        return
    pool = ThreadPoolExecutor(_THREADS)
    try:
        yield Hands(pool)
    finally:
        pool.shutdown(cancel_futures=True)
