"""``python -m benchmarks.methodologies``: M1 to M3, written to ``results/methodologies.md`` and ``.json``."""

from __future__ import annotations

import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks.measure import Row
from benchmarks.methodologies_rows import assessment, monte_carlo, through_the_contract
from benchmarks.profiles import RESULTS, forget_profiles, suffix
from benchmarks.report import line
from benchmarks.server import migrate
from benchmarks.sizes import sizes
from carbon_platform.db import Database
from methodologies import registry

MONTE_CARLO = ("camellia_oil_v1", "ratoon_rice_v1")


def rows(wanted: Callable[[str], bool]) -> Iterator[Row]:
    """Each row as soon as it is measured."""
    size = sizes()
    many, parcels = (50_000, 5_000) if size.quick else (1_000_000, 100_000)
    rounds = size.rounds
    if wanted("M1"):
        for methodology in registry().values():
            yield through_the_contract(methodology, many, rounds)
    if wanted("M2"):
        for key in MONTE_CARLO:
            yield monte_carlo(registry()[key], rounds, trials=10_000, parcels=parcels, strata=1_000)
    if wanted("M3"):
        with tempfile.TemporaryDirectory(prefix="carbon-bench-") as place:
            url = f"sqlite:///{Path(place) / 'register.sqlite3'}"
            migrate(url)
            database = Database(url)
            yield assessment(database, parcels, rounds)
            database.dispose()


def main(names: list[str]) -> None:
    begun = time.monotonic()
    load = os.getloadavg()[0]
    if not names:
        forget_profiles("m")
    found: list[Row] = []
    for row in rows(lambda name: not names or name in names):
        found.append(row)
        print(f"{time.monotonic() - begun:6.0f} s  {row.code:26} {row.median:6.2f}  {row.what}", flush=True)
    if names:
        print("only some rows were asked for: no table written")
    else:
        print(f"written: {_write(found, load, time.monotonic() - begun).name}")


def _write(found: list[Row], load: float, seconds: float) -> Path:
    name = f"methodologies{suffix()}"
    RESULTS.mkdir(exist_ok=True)
    facts = {
        "date": datetime.now(UTC).date().isoformat(),
        "cores": os.cpu_count(),
        "load_before": round(load, 1),
        "python": platform.python_version(),
        "numpy": version("numpy"),
        "pandas": version("pandas"),
        "seconds": round(seconds),
    }
    plain = [{**asdict(row), "median": row.median, "missed": row.missed} for row in found]
    text = json.dumps({"machine": facts, "rows": plain}, indent=1, ensure_ascii=False)
    (RESULTS / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    path = RESULTS / f"{name}.md"
    path.write_text("\n".join(_lines(found, facts)) + "\n", encoding="utf-8")
    return path


def _lines(found: list[Row], facts: dict[str, object]) -> list[str]:
    quick = (
        ["", "**A quick look at small sizes: these figures are not the goals'.**"] if sizes().quick else []
    )
    return [
        "# Methodologies: ratios measured side by side",
        "",
        f"{facts['date']}, {facts['cores']} cores, load before the run {facts['load_before']}; "
        f"Python {facts['python']}, numpy {facts['numpy']}, pandas {facts['pandas']}.",
        f"{sizes().rounds} rounds in turns, median (lowest – highest) of the rounds' ratios; "
        f"the whole run took {facts['seconds']} s.",
        *quick,
        "",
        "| # | what | ratio | must | aim | product, per s | peer, per s | checked |",
        "|---|---|---:|---:|---:|---:|---:|---|",
        *(line(row) for row in found),
        "",
        "Made by `make bench-methodologies`. Ratios count; rates (rows, simulations, parcels) belong to this",
        "machine at that moment. M1's peer computes every declared equation on clean arrays and checks",
        "nothing; M3's reads, computes and writes the same rows without digests and audit, on SQLite with",
        "synchronous=FULL. Bold: a missed must; `profile-m….txt` beside this table says where the time goes.",
    ]


if __name__ == "__main__":
    main(sys.argv[1:])
