"""``python -m benchmarks.citizens``: acts with the whole pipeline on, to ``results/citizens.md``, ``.json``.

``BENCH_QUICK=1`` is a quick look; ``BENCH_USERS`` and ``BENCH_ACTS`` set the size of the synthetic day.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.citizens_city import City
from benchmarks.citizens_day import Day, whole_day
from benchmarks.citizens_rows import batches, hot_account, own_acts, pages
from benchmarks.measure import Row
from benchmarks.profiles import RESULTS, suffix
from benchmarks.report import line
from benchmarks.server import Server, migrate, work_directory
from benchmarks.sizes import Sizes, sizes
from carbon_platform.db import Database


def rows(server: Server, size: Sizes, place: Path, wanted: Callable[[str], bool]) -> Iterator[Row | Day]:
    """Each row as soon as it is measured."""
    users = int(os.environ.get("BENCH_USERS") or size.accounts)
    acts = int(os.environ.get("BENCH_ACTS") or 5 * users)
    migrate(server.create("city"))
    database = Database(server.url("city"))
    city = City(database, users)
    if wanted("L1"):
        yield from own_acts(city, size, place)
    if wanted("L4"):
        yield batches(city, size, place)
    if wanted("L8"):
        yield hot_account(city, size)
    if wanted("page"):
        yield pages(city, size, place)
    database.dispose()
    if wanted("day"):
        migrate(server.create("day"))
        database = Database(server.url("day"))
        yield whole_day(City(database, users), acts)
        database.dispose()


def main(names: list[str]) -> None:
    size, begun = sizes(), time.monotonic()
    server = Server()
    facts = _machine(server.version())
    found: list[Row] = []
    days: list[Day] = []
    try:
        with work_directory() as place:
            for row in rows(server, size, place, lambda name: not names or name in names):
                seconds = time.monotonic() - begun
                if isinstance(row, Day):
                    days.append(row)
                    print(f"{seconds:6.0f} s  day  {' '.join(_day(row))}", flush=True)
                else:
                    found.append(row)
                    print(f"{seconds:6.0f} s  {row.code:6} {row.median:6.2f}  {row.what}", flush=True)
    finally:
        server.close()
    if names:
        print("only some rows were asked for: no table written")
    else:
        print(f"written: {_write(found, days, facts, size, time.monotonic() - begun).name}")


def _machine(postgresql: str) -> dict[str, Any]:
    """What ran, without saying where."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "load_before": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        "postgresql": postgresql,
        "sqlalchemy": version("sqlalchemy"),
        "psycopg": version("psycopg"),
        "gunicorn": version("gunicorn"),
    }


def _write(found: list[Row], days: list[Day], facts: dict[str, Any], size: Sizes, seconds: float) -> Path:
    name = f"citizens{suffix()}"
    RESULTS.mkdir(exist_ok=True)
    data = {
        "machine": facts,
        "seconds": round(seconds),
        "rows": [{**asdict(row), "median": row.median, "missed": row.missed} for row in found],
        "days": [{**asdict(day), "busy": day.busy} for day in days],
    }
    text = json.dumps(data, indent=1, ensure_ascii=False)
    (RESULTS / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    path = RESULTS / f"{name}.md"
    lines = [
        "# Citizens: acts with the whole pipeline on",
        "",
        f"{facts['date']}, {facts['cores']} cores, {facts['memory_gib']} GiB, load before the run "
        f"{facts['load_before']}; PostgreSQL {facts['postgresql']}, Python {facts['python']}, "
        f"SQLAlchemy {facts['sqlalchemy']}, psycopg {facts['psycopg']}, gunicorn {facts['gunicorn']}.",
        f"{size.rounds} rounds in turns, median (lowest – highest) of the rounds' ratios; the whole run took "
        f"{seconds:.0f} s. Every commit is flushed (fsync, synchronous_commit on).",
        *(["", "**A quick look at small sizes: these figures are not the goals'.**"] if size.quick else []),
        "",
        "| # | what | ratio | must | aim | product, per s | peer, per s | after the load |",
        "|---|---|---:|---:|---:|---:|---:|---|",
        *(line(row) for row in found),
        "",
        "## A synthetic day",
        "",
        *(item for day in days for item in _day(day)),
        "",
        "Made by `make bench-citizens`. Everything is on: signature and nonce of a push, binding, consent,",
        "duplicates, the same journey by other sources, plausibility, caps, quantification, digests,",
        "points, posting, sums of each book. L4 ends when the last act is in its book; its peer posts the",
        "same entries and does nothing else; everybody's accounts were opened before, for both. The day's",
        "clock is that of one process that receives and works in turns: it runs on while the process is",
        "busy and jumps over idle time. Nobody has an account when the day begins.",
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _day(day: Day) -> list[str]:
    share = 100 * day.busy / 86_400
    return [
        f"- {day.users:,} people, {day.acts:,} acts in {day.deliveries:,} rows: 5 % sent twice, 3 % late, "
        "1 % taken back, 20 % within five minutes.",
        f"- In the end {day.done.counted:,} counted, {day.done.refused:,} refused, "
        f"{day.done.reversals:,} reversals.",
        f"- Busy {day.busy:,.0f} s of the day's 86,400 ({share:.1f} %): {day.busy_receive:,.0f} s receiving, "
        f"{day.busy_work:,.0f} s processing; {1e6 * day.busy / max(1, day.deliveries):.0f} µs a row.",
        f"- Peak backlog {day.peak_backlog:,} rows; longest wait of an act from receipt to book "
        f"{day.longest_wait:,.1f} s.",
        f"- Checked: {day.exact}.",
    ]


if __name__ == "__main__":
    main(sys.argv[1:])
