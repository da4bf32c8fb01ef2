"""A circuit breaker: a service that keeps failing is left alone for a while, and asked once to try again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Breaker:
    """Opens after ``failures`` in a row, for ``rest_s`` seconds; then one caller may try. Thread-safe.

    ``clock`` gives seconds that only ever grow.
    """

    def __init__(
        self, failures: int = 5, rest_s: float = 30.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limit = failures
        self._rest_s = rest_s
        self._clock = clock
        self._lock = threading.Lock()
        self._failed = 0
        self._open_until = 0.0

    def allows(self) -> bool:
        """Whether to ask now. The first one after the rest is let through, the others wait for its result."""
        with self._lock:
            if self._failed < self._limit:
                return True
            if self._clock() < self._open_until:
                return False
            self._open_until = self._clock() + self._rest_s
            return True

    def succeeded(self) -> None:
        """An answer came, whatever it said."""
        with self._lock:
            self._failed = 0

    def failed(self) -> None:
        """No usable answer came."""
        with self._lock:
            self._failed += 1
            if self._failed >= self._limit:
                self._open_until = self._clock() + self._rest_s
