"""The product's side of every row: the public Python API with everything switched on."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice

from benchmarks.measure import Work, repeat, repeat_prepared
from carbon_platform import ledger
from carbon_platform.db import Database
from carbon_platform.ledger import Entry


class Product:
    """Posts into one database and remembers the newest entries, to send them once more at the end."""

    def __init__(self, database: Database, entries: Iterator[Entry]) -> None:
        self.database = database
        self.entries = entries
        self.newest: deque[Entry] = deque(maxlen=1_000)

    def single(self) -> Work:
        """One ``post`` per transaction."""

        def step() -> int:
            entry = next(self.entries)
            self.database.transact(lambda session: ledger.post(session, entry, datetime.now(UTC)))
            self.newest.append(entry)
            return 1

        return repeat(step)

    def batch(self, size: int) -> Work:
        """One ``post_batch`` per transaction; the caller's objects are made off the clock."""

        def prepare() -> list[Entry]:
            return list(islice(self.entries, size))

        def step(entries: list[Entry]) -> int:
            post_all(self.database, entries)
            self.newest.extend(entries)
            return size

        return repeat_prepared(prepare, step)


def post_all(database: Database, entries: list[Entry]) -> None:
    """A batch of which every entry is accepted."""
    outcomes = database.transact(lambda session: ledger.post_batch(session, entries, datetime.now(UTC)))
    odd = [outcome for outcome in outcomes if outcome.status != "accepted"]
    if odd:
        raise RuntimeError(f"{len(odd)} entries of a batch were not accepted, the first: {odd[0]}")
