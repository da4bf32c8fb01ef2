"""Several clients at once, each a process of its own with its own connection."""

from __future__ import annotations

import multiprocessing
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from types import TracebackType

from benchmarks.entries import KINDS
from benchmarks.measure import repeat
from carbon_platform import ledger
from carbon_platform.db import Database
from carbon_platform.ledger import Entry

_spawn = multiprocessing.get_context("spawn")


def _client(url: str, accounts: int, number: int, orders: Connection) -> None:
    """Post entries of the kind asked for, for as long as asked for; answer rate and newest entries."""
    database = Database(url)
    streams = {kind: make(accounts, number) for kind, make in KINDS.items()}
    newest: list[Entry] = []

    while order := orders.recv():
        kind, seconds = order
        del newest[:-100]

        def step(kind: str = kind) -> int:
            entry = next(streams[kind])
            database.transact(lambda session: ledger.post(session, entry, datetime.now(UTC)))
            newest.append(entry)
            return 1

        orders.send((repeat(step)(seconds), newest[-20:]))
    database.dispose()


class Clients:
    """``count`` processes that wait for orders; close them by leaving the ``with`` block."""

    def __init__(self, url: str, *, accounts: int, count: int) -> None:
        self.newest: list[Entry] = []
        self._pipes: list[Connection] = []
        self._processes = []
        for number in range(count):
            ours, theirs = _spawn.Pipe()
            process = _spawn.Process(target=_client, args=(url, accounts, number, theirs), daemon=True)
            process.start()
            self._pipes.append(ours)
            self._processes.append(process)

    def __enter__(self) -> Clients:
        return self

    def post(self, kind: str, seconds: float) -> float:
        """Entries per second of all together."""
        for pipe in self._pipes:
            pipe.send((kind, seconds))
        answers = [pipe.recv() for pipe in self._pipes]
        self.newest = [entry for _, entries in answers for entry in entries]
        return float(sum(rate for rate, _ in answers))

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        for pipe in self._pipes:
            pipe.send(None)
        for process in self._processes:
            process.join()
