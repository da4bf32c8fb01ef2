"""The table: Markdown for people, JSON for programs."""

from __future__ import annotations

import json
import os
import platform
import sqlite3
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.measure import Row
from benchmarks.profiles import RESULTS, suffix
from benchmarks.sizes import Sizes


def machine(postgresql: str) -> dict[str, Any]:
    """What ran, without saying where."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "load_before": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        "postgresql": postgresql,
        "sqlite": sqlite3.sqlite_version,
        "sqlalchemy": version("sqlalchemy"),
        "psycopg": version("psycopg"),
        "django_hordak": version("django-hordak"),
        "gunicorn": version("gunicorn"),
    }


def write(rows: list[Row], facts: dict[str, Any], sizes: Sizes, *, seconds: float) -> Path:
    """Write ``results/ledger.md`` and ``.json`` (``ledger-quick`` for a quick look); the table's path."""
    name = f"ledger{suffix()}"
    RESULTS.mkdir(exist_ok=True)
    data = {
        "machine": facts,
        "sizes": asdict(sizes),
        "seconds": round(seconds),
        "rows": [{**asdict(row), "median": row.median, "missed": row.missed} for row in rows],
    }
    (RESULTS / f"{name}.json").write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n")
    path = RESULTS / f"{name}.md"
    path.write_text("\n".join(_lines(rows, facts, sizes, seconds)) + "\n")
    return path


def _lines(rows: list[Row], facts: dict[str, Any], sizes: Sizes, seconds: float) -> list[str]:
    return [
        "# Ledger: ratios measured side by side",
        "",
        f"{facts['date']}, {facts['cores']} cores, {facts['memory_gib']} GiB, load before the run "
        f"{facts['load_before']}; PostgreSQL {facts['postgresql']}, SQLite {facts['sqlite']}, "
        f"Python {facts['python']}, SQLAlchemy {facts['sqlalchemy']}, psycopg {facts['psycopg']}, "
        f"gunicorn {facts['gunicorn']}, django-hordak {facts['django_hordak']}.",
        f"{sizes.accounts:,} accounts, {sizes.entries:,} entries; {sizes.rounds} rounds in turns, "
        f"median (lowest – highest) of the rounds' ratios; the whole run took {seconds:.0f} s.",
        "Every engine flushes at every commit (fsync, synchronous_commit, full_page_writes on; SQLite FULL).",
        *(["", "**A quick look at small sizes: these figures are not the goals'.**"] if sizes.quick else []),
        "",
        "| # | what | ratio | must | aim | product, per s | peer, per s | after the load |",
        "|---|---|---:|---:|---:|---:|---:|---|",
        *(line(row) for row in sorted(rows, key=_place)),
        "",
        "Made by `make bench-ledger`. Ratios count; rates belong to this machine at that moment. Bold: a",
        "missed must; `profile-….txt` beside this table says where the time goes. L10's goal is set for",
        "20 M entries; `BENCH_ENTRIES=20000000` measures that, the default fits into a short run.",
    ]


def _place(row: Row) -> tuple[int, int]:
    """L1 … L11, then the others as they came (sorting keeps their order)."""
    number = row.code.split()[0].removeprefix("L")
    return (0, int(number)) if number.isdigit() else (1, 0)


def line(row: Row) -> str:
    """One row of a table; a missed must in bold."""
    if row.median is None:
        ratio, product, peer = "–", "–", "–"
    else:
        ratio = f"{row.median:.2f} ({min(row.ratios):.2f} – {max(row.ratios):.2f})"
        if row.missed:
            ratio = f"**{ratio}**"
        product, peer = _middle(row.product), _middle(row.peer)
    must, aim = (("" if goal is None else f"{goal:g}") for goal in (row.must, row.aim))
    return f"| {row.code} | {row.what} | {ratio} | {must} | {aim} | {product} | {peer} | {row.note} |"


def _middle(rates: list[float]) -> str:
    return f"{sorted(rates)[len(rates) // 2]:,.0f}"
