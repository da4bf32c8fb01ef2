"""L8: eight clients at one account. L9: eight clients with and without the sealer beside them."""

from __future__ import annotations

import multiprocessing
import time
from datetime import UTC, datetime
from multiprocessing.connection import Connection

from benchmarks.clients import Clients
from benchmarks.entries import FUND, entry, issued
from benchmarks.exact import check_replay, check_sums
from benchmarks.measure import Row, Work, compare
from benchmarks.server import Server
from benchmarks.sizes import Sizes
from carbon_platform.db import Database
from carbon_platform.ledger import post, seal_all, spread

SEAL_EVERY_S = 1.0
_spawn = multiprocessing.get_context("spawn")


def hot(server: Server, database: Database, sizes: Sizes) -> list[Row]:
    """The issuance account against a thousand sources, on this disk and a slow one; then guarded ones."""
    rows = []
    with Clients(database.url, accounts=sizes.accounts, count=sizes.clients) as clients:

        def work(kind: str) -> Work:
            return lambda seconds: clients.post(kind, seconds)

        def measured(code: str, what: str, hot: str, spread: str, goal: tuple[float, float] | None) -> None:
            must, aim = goal or (None, None)
            row = Row(code, what, must, aim)
            compare(row, work(hot), work(spread), rounds=sizes.rounds, seconds=2 * sizes.seconds)
            row.note = check_replay(database, clients.newest)
            rows.append(row)

        eight = f"{sizes.clients} clients"
        measured("L8", f"issuance account, {eight} ÷ 1,000 sources", "from_hot", "from_many", (0.85, 0.95))
        # The flush waits a millisecond more, whoever commits: a disk of that kind.
        server.setting("commit_delay", "1000")
        server.setting("commit_siblings", "0")
        slow = f"the same with a 1 ms flush (commit_delay), {eight}"
        measured("L8 1 ms", slow, "from_hot", "from_many", (0.85, 0.95))
        server.setting("commit_delay", "0")
        guarded = f"one guarded account, not cured ÷ any to any, {eight}"
        measured("L8 guarded", guarded, "into_guarded", "transfers", None)
        filling = entry("fund", *spread(FUND, issued(), FUND.slices * 10**9))
        database.transact(lambda session: post(session, filling, _now()))
        fund = f"a guarded fund in {FUND.slices} slices ÷ any to any, {eight}"
        measured("L8 fund", fund, "from_fund", "transfers", (0.85, 0.95))
    rows[-1].note += "; " + check_sums(database)
    return rows


def sealing(database: Database, sizes: Sizes) -> list[Row]:
    """Any to any; the sealer runs every second in a process of its own, or rests."""
    row = Row("L9", f"sealing on ÷ off, {sizes.clients} clients", 0.9, 0.97)
    ours, theirs = _spawn.Pipe()
    sealer = _spawn.Process(target=_sealer, args=(database.url, theirs), daemon=True)
    sealer.start()
    sealed = 0
    with Clients(database.url, accounts=sizes.accounts, count=sizes.clients) as clients:

        def off(seconds: float) -> float:
            # What the round before left is sealed off the clock.
            seal_all(database, _now)
            return clients.post("transfers", seconds)

        def on(seconds: float) -> float:
            nonlocal sealed
            seal_all(database, _now)
            ours.send(True)
            rate = clients.post("transfers", seconds)
            ours.send(False)
            sealed += ours.recv()
            return rate

        compare(row, on, off, rounds=sizes.rounds, seconds=2 * sizes.seconds)
        row.note = f"{sealed:,} entries sealed meanwhile; " + check_replay(database, clients.newest)
    ours.send(None)
    sealer.join()
    return [row]


def _now() -> datetime:
    return datetime.now(UTC)


def _sealer(url: str, orders: Connection) -> None:
    """True: seal every second until told otherwise; then answer how many entries. None: end."""
    database = Database(url)
    while orders.recv():
        sealed = 0
        while not orders.poll():
            begun = time.monotonic()
            sealed += seal_all(database, _now).entries
            time.sleep(max(0.0, SEAL_EVERY_S - (time.monotonic() - begun)))
        orders.recv()
        orders.send(sealed)
    database.dispose()
