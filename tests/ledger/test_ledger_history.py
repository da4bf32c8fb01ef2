"""R23: four clients, killed at random while PostgreSQL is restarted under them; is their history true?

Each run is 2,000 operations, a little less than half of them reads, on two lots of credits and on money.
``make test``: one run on SQLite with kills, one on PostgreSQL with kills and an immediate restart;
``CARBON_NIGHTLY=1``: 25 and 25. Holds are not part of it (their rows are not ordered by the journal).
The checker itself is tested in ``test_history``.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from apart import apart
from books import prepare_ledger
from clients import judge
from clusters import Cluster, own_cluster
from torture import LONG, figure

RUNS = figure(1, 25)
OPERATIONS, CLIENTS, KILLS = 2_000, 4, 8

pytestmark = [LONG, pytest.mark.xdist_group("restart")]


def history(url: str, folder: Path, seed: int, cluster: Cluster | None = None) -> dict[str, Any]:
    notes = folder / f"run{seed}"
    notes.mkdir()
    ready = folder / f"ready{seed}"

    def restart() -> None:
        while not ready.exists():
            time.sleep(0.01)
        time.sleep(0.5)
        assert cluster is not None
        cluster.restart("immediate")

    torment = threading.Thread(target=restart) if cluster is not None else None
    if torment is not None:
        torment.start()
    killed = apart(
        "clients:live",
        url=url,
        folder=str(notes),
        seed=seed,
        operations=OPERATIONS,
        clients=CLIENTS,
        kills=KILLS,
        faults=str(ready),
    )
    if torment is not None:
        torment.join()
    return {**judge(url, str(notes)), "killed": killed}


def assert_true(found: dict[str, Any], *, restarted: bool) -> None:
    assert found["anomalies"] == []
    assert found["killed"] >= KILLS // 2
    # The opening entry is one more; a read nobody heard of is not counted.
    heard = found["ok"] + found["refused"] + found["reads"]
    assert OPERATIONS - 200 <= heard <= OPERATIONS + 1
    assert min(found["ok"], found["refused"], found["reads"]) > 50, found
    assert found["unknown"] > 0 or not restarted, found


def test_histories_on_sqlite(fresh_database: Callable[..., str], tmp_path: Path) -> None:
    for seed in range(RUNS):
        found = history(fresh_database("sqlite", prepare_ledger), tmp_path, seed)
        assert_true(found, restarted=False)


@pytest.mark.postgresql
def test_histories_on_postgresql(tmp_path: Path) -> None:
    with own_cluster() as cluster:
        for seed in range(100, 100 + RUNS):
            found = history(cluster.database(f"run{seed}"), tmp_path, seed, cluster)
            assert_true(found, restarted=True)
