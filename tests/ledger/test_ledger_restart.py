"""R7: PostgreSQL is restarted under four writers, at once (as by a crash) and in good order.

Two restarts of each kind (``CARBON_NIGHTLY=1``: 10). The writers live in one process, as the threads of
a web worker do; none is started again. A writer whose answer was lost asks again with the same
reference. Every acknowledged entry is on record once, and each writer goes on within ten seconds.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

import pytest
from books import BANK, NOW, assert_sound, balance, cash, entry, holding, issuance, retired
from clusters import Cluster, own_cluster
from journal import dump
from sqlalchemy.exc import DBAPIError
from torture import LONG, figure

from carbon_platform import ledger
from carbon_platform.db import Database
from carbon_platform.ledger import Move

WRITERS = 4
RESTARTS = figure(2, 10)
READY_S = 10

pytestmark = [LONG, pytest.mark.postgresql, pytest.mark.xdist_group("restart")]


@dataclass
class Writer:
    """Pays in, buys and retires, one entry after the other, each until it is acknowledged."""

    number: int
    database: Database
    stop: threading.Event
    acknowledged: list[str] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    lost_answers: int = 0
    alive: bool = True

    def run(self) -> None:
        try:
            self._write()
        finally:
            self.alive = False

    def _write(self) -> None:
        me, lot = f"w{self.number}", "LOT"
        turn = -1
        while not self.stop.is_set():
            turn += 1
            moves = [
                [Move(BANK, cash(me), 3)],
                [Move(issuance(lot), holding(me, lot), 2), Move(cash(me), cash("shop"), 1)],
                [Move(holding(me, lot), retired(me, lot), 1)],
            ][turn % 3]
            wanted = entry(f"{me}:{turn}", *moves)
            while True:
                try:
                    self.database.transact(lambda s, e=wanted: ledger.post(s, e, NOW))
                    break
                except DBAPIError:
                    self.lost_answers += 1
                    time.sleep(0.02)
            self.acknowledged.append(wanted.reference)
            self.times.append(time.monotonic())


def test_restarts_lose_nothing_and_double_nothing() -> None:
    with own_cluster() as cluster:
        database = Database(cluster.database("restarted"))
        stop = threading.Event()
        writers = [Writer(number, database, stop) for number in range(WRITERS)]
        threads = [threading.Thread(target=writer.run) for writer in writers]
        for thread in threads:
            thread.start()
        try:
            slowest = max(_restart(cluster, mode, writers) for mode in ("immediate", "fast") * RESTARTS)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        acknowledged = [reference for writer in writers for reference in writer.acknowledged]
        recorded = [line.split('"')[1] for line in dump(database) if line.startswith("[")]
        assert sorted(recorded) == sorted(acknowledged), "lost, doubled, or never acknowledged"
        assert sum(writer.lost_answers for writer in writers) > 0, "nobody noticed the restarts"
        assert min(len(writer.acknowledged) for writer in writers) > 20
        paid_in = sum(3 * (turn % 3 == 0) for r in acknowledged for turn in [int(r.split(":")[1])])
        money = [balance(database, cash(f"w{number}"))[0] for number in range(WRITERS)]
        assert sum(money) + balance(database, cash("shop"))[0] == paid_in
        assert_sound(database)
        database.dispose()
        assert slowest <= READY_S, slowest


def _restart(cluster: Cluster, mode: str, writers: list[Writer]) -> float:
    """Seconds from the order to restart until the last writer has an entry acknowledged again."""
    time.sleep(0.3)
    begun = time.monotonic()
    cluster.restart(mode)
    back = time.monotonic()
    while True:
        after = [next((t for t in reversed(w.times[-50:]) if t > back), None) for w in writers]
        if all(after):
            return max(t for t in after if t is not None) - begun
        assert all(writer.alive for writer in writers), "a writer gave up"
        assert time.monotonic() < begun + 60, f"a writer never came back after -m {mode}"
        time.sleep(0.01)
