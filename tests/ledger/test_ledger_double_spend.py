"""R3 and R4: one hundred units are sold as one hundred, whoever asks at the same time.

``make test``: on each engine 50 runs of 8 threads, 50 runs of 4 processes with 2 threads each, and 6
runs in two phases (``CARBON_NIGHTLY=1``: 500, 500 and 100). Half of the runs spend points, half
retire numbered credits. The naive control must be caught by the same harness.
Over HTTP see ``test_ledger_http``.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from apart import apart
from books import assert_sound, balance, holding, numbers, points, prepare_ledger, retired
from spend import UNITS, stock
from torture import LONG, figure

from carbon_platform.db import Database

TIMES = figure(1, 10)
pytestmark = pytest.mark.xdist_group("double-spend")
# How, first run, runs, processes, threads.
ROUNDS = [
    ("post", 0, 50 * TIMES, 1, 8),
    ("post", 1_000, 50 * TIMES, 4, 2),
    ("two phases", 2_000, figure(6, 100), 4, 2),
]


@LONG
def test_one_hundred_units_are_sold_once(engine_name: str, fresh_database: Callable[..., str]) -> None:
    url = fresh_database(engine_name, prepare_ledger)
    database = Database(url)
    for how, first, runs, processes, threads in ROUNDS:
        for run in range(first, first + runs):
            stock(database, run)
        database.dispose()
        sold = apart(
            "spend:spend",
            url=url,
            how=how,
            first_run=first,
            runs=runs,
            processes=processes,
            threads=threads,
        )
        assert sold == [UNITS] * runs, (how, processes, threads)
        assert {balance(database, points(f"pot{run}")) for run in range(first, first + runs, 2)} == {(0, 0)}
    for run in (1, 1_001, 2_001):
        lot = f"LOT{run}"
        assert balance(database, holding("seller", lot)) == (0, 0)
        buyers = [f"{p}-{t}" for p in range(4) for t in range(8)]
        places = [range(a, z + 1) for b in buyers for a, z in numbers(database, retired(b, lot))]
        assert sorted(n for place in places for n in place) == list(range(1, UNITS + 1))
    assert_sound(database)
    database.dispose()


@pytest.mark.postgresql
@pytest.mark.parametrize(("processes", "threads"), [(1, 8), (4, 2)])
def test_the_harness_notices_a_naive_ledger(
    processes: int, threads: int, fresh_database: Callable[..., str]
) -> None:
    """R4: read, then write, oversells on PostgreSQL in most runs, under threads and under processes."""
    runs = 6
    url = fresh_database("postgresql")
    database = Database(url)
    with database.engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE naive (run bigint PRIMARY KEY, available bigint)")
        connection.exec_driver_sql(f"INSERT INTO naive SELECT r, {UNITS} FROM generate_series(0, {runs}) r")
    database.dispose()
    sold = apart(
        "spend:spend",
        url=url,
        how="naive",
        first_run=0,
        runs=runs,
        processes=processes,
        threads=threads,
    )
    assert max(sold) > UNITS, sold
