"""The registry: a million credits in 10,000 batches, each batch split, traced and retired.

The same is done with fewer batches, in turns; the cost of one operation must not grow with their number.
A credit is a tonne; the ledger counts and numbers kilograms.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from benchmarks.exact import check_verify
from benchmarks.measure import Row
from benchmarks.product import post_all
from benchmarks.server import Server, migrate
from benchmarks.sizes import Sizes
from carbon_platform import ledger
from carbon_platform.credits.allocation import ParcelNet, Share, number, trace
from carbon_platform.db import Database
from carbon_platform.ledger import HOLDING, ISSUANCE, PLATFORM, RETIRED, AccountKey, Asset, Entry, Move

T = TypeVar("T")
LOT_KG = 100_000
PARCELS = 100
SOLD_KG = 30_000
OPERATIONS = ("split", "retire", "trace")


@dataclass
class Registry:
    """One database with so many lots, and the parcels that each of them comes from."""

    database: Database
    lots: list[str]
    shares: tuple[Share, ...]

    def take_round(self, place: int, rounds: int) -> dict[str, float]:
        """Sell a part of each lot of this round, retire all of it, trace it; median seconds of each."""
        spent: dict[str, list[float]] = {name: [] for name in OPERATIONS}
        for lot in self.lots[place::rounds]:
            sold, retired = _sale(lot), _retirement(lot)
            with_time(spent["split"], lambda entry=sold: _post(self.database, entry))
            entry_id = with_time(spent["retire"], lambda entry=retired: _post(self.database, entry))
            found = with_time(spent["trace"], lambda entry_id=entry_id: self._trace(entry_id))
            if sum(found.values()) != LOT_KG or len(found) != PARCELS:
                raise RuntimeError(f"lot {lot} is traced to {sum(found.values())} kg of {len(found)} parcels")
        return {name: statistics.median(times) for name, times in spent.items()}

    def _trace(self, entry_id: int) -> dict[int, int]:
        moved = self.database.read(lambda session: ledger.movement_ranges(session, entry_id))
        return trace([(each.numbers.first, each.numbers.last) for each in moved], self.shares)


def with_time(times: list[float], work: Callable[[], T]) -> T:
    start = time.perf_counter()
    result = work()
    times.append(time.perf_counter() - start)
    return result


def registry(server: Server, sizes: Sizes) -> list[Row]:
    """One line per operation and pair of sizes."""
    migrate(server.create("registry"))
    shares = _shares()
    registries = []
    for count in sizes.lots:
        url = server.create(f"registry_{count}", template="registry")
        registries.append(Registry(Database(url), _issue(url, count, sizes.batch), shares))
    times = [[each.take_round(place, sizes.rounds) for each in registries] for place in range(sizes.rounds)]
    rows = []
    for name in OPERATIONS:
        for place in range(1, len(registries)):
            few, many = (len(registries[n].lots) for n in (0, place))
            row = Row(f"registry {name}", f"{name}: {few:,} ÷ {many:,} batches, seconds each")
            row.ratios = [each[0][name] / each[place][name] for each in times]
            row.product = [1 / each[place][name] for each in times]
            row.peer = [1 / each[0][name] for each in times]
            rows.append(row)
    rows[-1].note = _check(registries[-1])
    for each in registries:
        each.database.dispose()
    return rows


def _shares() -> tuple[Share, ...]:
    choose = random.Random(30)
    nets = [ParcelNet(n, "411502", choose.uniform(0.1, 2)) for n in range(1, PARCELS + 1)]
    return number(LOT_KG, nets)


def _owner(lot: str) -> str:
    return f"org-{int(lot.rsplit('-', 1)[1]) % 50}"


def _account(role: str, holder: str, lot: str) -> AccountKey:
    return AccountKey(role, holder, Asset.CREDIT, lot)


def _entry(reason: str, lot: str, *moves: Move) -> Entry:
    return Entry(reason, f"{reason}:{lot}", moves, effective_at=None, actor_name="benchmark")


def _issue_entry(lot: str) -> Entry:
    issued = Move(_account(ISSUANCE, PLATFORM, lot), _account(HOLDING, _owner(lot), lot), LOT_KG)
    return _entry("issue", lot, issued)


def _sale(lot: str) -> Entry:
    sold = Move(_account(HOLDING, _owner(lot), lot), _account(HOLDING, "buyer", lot), SOLD_KG)
    return _entry("sell", lot, sold)


def _retirement(lot: str) -> Entry:
    """Everything that owner and buyer have, in one entry."""
    return _entry(
        "retire",
        lot,
        Move(_account(HOLDING, _owner(lot), lot), _account(RETIRED, _owner(lot), lot), LOT_KG - SOLD_KG),
        Move(_account(HOLDING, "buyer", lot), _account(RETIRED, "buyer", lot), SOLD_KG),
    )


def _post(database: Database, entry: Entry) -> int:
    return database.transact(lambda session: ledger.post(session, entry, datetime.now(UTC))).entry_id


def _issue(url: str, count: int, size: int) -> list[str]:
    lots = [f"bench-{n:05d}" for n in range(count)]
    database = Database(url)
    for start in range(0, count, size):
        post_all(database, [_issue_entry(lot) for lot in lots[start : start + size]])
    database.dispose()
    return lots


def _check(registry: Registry) -> str:
    """Issued = retired per batch to the last kilogram, and ``ledger verify`` finds nothing wrong."""
    totals = registry.database.read(lambda session: ledger.totals(session, role=RETIRED))
    if len(totals) != len(registry.lots) or any(total.posted != LOT_KG for total in totals):
        raise RuntimeError("a batch is not retired to the last kilogram")
    tonnes = len(registry.lots) * LOT_KG // 1_000
    every = f"all {tonnes:,} t of {len(registry.lots):,} batches split, retired and traced to the kilogram"
    return f"{every}; {check_verify(registry.database)}"
