"""Two clicks at once commit once; a process killed in the middle leaves nothing; the next try finishes."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa
from registry_files import ALPHA, BETA, csv_file, issue, retire, transfer
from registry_house import Desk

from carbon_platform.registry.tables import ExternalBatch, RegistryImport, RegistryRecord

HERE = Path(__file__).parent
ROWS = [
    *(issue(f"{n * 100 + 1}-{n * 100 + 100}", 100, ALPHA) for n in range(8)),
    *(transfer(f"{n * 100 + 11}-{n * 100 + 20}", 10, ALPHA, BETA, reference=f"T-{n}") for n in range(8)),
    retire("11-15", 5, BETA),
]


def test_parallel_acceptances_commit_once(desk: Desk, tmp_path: Path) -> None:
    staged = desk.stage(csv_file(tmp_path / "a.csv", ROWS))
    answers: list[object] = []
    start = threading.Barrier(4)

    def click() -> None:
        start.wait()
        try:
            answers.append(desk.accept(staged).result)
        except Exception as error:
            answers.append(error)

    threads = [threading.Thread(target=click) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expected = {"records": 17, "batches": 8, "issued_kg": 800_000, "moved_kg": 80_000, "retired_kg": 5_000}
    assert answers == [expected] * 4
    assert desk.holdings() == {
        (ALPHA, "external"): 720_000,
        (BETA, "external"): 75_000,
        (BETA, "retired"): 5_000,
    }
    desk.assert_sound()


def test_two_exports_at_once_one_wins_and_the_other_is_out_of_date(desk: Desk, tmp_path: Path) -> None:
    pair = [desk.stage(csv_file(tmp_path / f"{n}.csv", [issue("1-100", 100, who)])) for n, who in
            enumerate((ALPHA, BETA))]  # fmt: skip
    answers: list[str] = []
    start = threading.Barrier(2)

    def click(staged: RegistryImport) -> None:
        start.wait()
        try:
            answers.append(desk.accept(staged).status)
        except Exception as error:
            answers.append(type(error).__name__)

    threads = [threading.Thread(target=click, args=(staged,)) for staged in pair]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == ["DiffStale", "accepted"]
    assert sum(desk.holdings().values()) == 100_000
    desk.assert_sound()


def written(desk: Desk) -> tuple[int, ...]:
    def work(session: sa.orm.Session) -> tuple[int, ...]:
        tables = (ExternalBatch, RegistryRecord)
        counts = [session.scalar(sa.select(sa.func.count()).select_from(table)) or 0 for table in tables]
        entries = session.scalar(sa.text("SELECT count(*) FROM ledger_entry")) or 0
        return (*counts, entries)

    return desk.db.read(work)


@pytest.mark.parametrize("point", ["1", "3", "7", "commit"])
def test_killed_in_mid_commit_leaves_nothing(desk: Desk, tmp_path: Path, point: str) -> None:
    staged = desk.stage(csv_file(tmp_path / "a.csv", ROWS))
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(HERE), str(HERE.parents[1])])}
    command = [
        sys.executable,
        str(HERE / "accept_and_die.py"),
        desk.db.url,
        str(staged.id),
        staged.digest,
        point,
    ]
    died = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert died.returncode == -9, died.stdout + died.stderr
    assert written(desk) == (0, 0, 0)
    assert desk.holdings() == {}
    assert desk.accept(staged).result["records"] == 17
    assert written(desk) == (8, 17, 17)
    desk.assert_sound()
