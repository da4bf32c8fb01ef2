"""Two uploads that want the same land, accepted at one moment by two processes: one wins, on both engines.

Without the lock both would: that control shows that the race really happens.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import shapely
from change_desk import CODE, accept, events, stage, standing
from parcel_layers import record, square

from carbon_platform.db import Database

APART = Path(__file__).with_name("accept_apart.py")
Round = tuple[int, int, str, bool]  # two imports, what is done with them, whether without the lock


def race(db: Database, folder: Path, rounds: list[Round]) -> list[list[int]]:
    """Rows each of the two processes registered, per round; both are ready before each starting shot."""
    go = folder / "go"
    url = db.engine.url.render_as_string(hide_password=False)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    sides = [[(each[side], *each[2:]) for each in rounds] for side in (0, 1)]
    running = [
        subprocess.Popen([sys.executable, str(APART), url, str(go), json.dumps(side)],
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
        for side in sides
    ]  # fmt: skip
    deadline = time.monotonic() + 90
    for number, (one, two, *_) in enumerate(rounds):
        ready = [Path(f"{go}{number}.{key}") for key in (one, two)]
        while not all(path.exists() for path in ready) and time.monotonic() < deadline:
            assert all(process.poll() is None for process in running), running[0].communicate()[1][-2000:]
            time.sleep(0.005)
        Path(f"{go}{number}").touch()
    told = []
    for process in running:
        out, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors.decode()[-2000:]
        told.append(json.loads(out))
    return [list(pair) for pair in zip(*told, strict=True)]


def overlapping(db: Database, prefix: str = "") -> int:
    """Pairs of standing parcels that share land; ``prefix`` of the compartment they are in."""
    found = [parcel for code, parcel in standing(db).items() if prefix in code]
    shapes = shapely.from_wkb([parcel.geometry for parcel in found])
    left, right = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    shared = shapely.area(shapely.intersection(shapes[left], shapes[right]))
    return int(((left < right) & (shared > 1e-10)).sum())


def same_land(db: Database, line: int, compartment: str) -> tuple[int, int]:
    """Two uploads of the same three squares under other numbers, 30 m apart."""
    first, second = (
        stage(db, [record(10 * k + n, LIN_BAN=compartment) for n in (1, 2, 3)],
              [square(3 * n + 0.3 * k, line) for n in (1, 2, 3)])
        for k in (0, 1)
    )  # fmt: skip
    return first, second


def test_trap_20_of_two_processes_that_want_the_same_land_one_wins(db, tmp_path, engine_name):
    accept(db, stage(db, [record(1), record(2)], [square(0), square(20)]))
    ages = [stage(db, [record(1, PINGJUN_NL=age)]) for age in (8, 9)]
    west, south, _east, north = square(20).bounds
    grown = stage(db, [record(2, MIAN_JI=1.8)], [shapely.box(west, south, west + 180, north)])
    newcomer = stage(db, [record(5)], [square(21)])
    rounds = [
        (*same_land(db, 5, "0005"), "accept", False),
        (*ages, "approve", False),
        (grown, newcomer, "approve", False),
    ]
    control = (*same_land(db, 9, "0009"), "accept", True)
    told = race(db, tmp_path, [*rounds, control] if engine_name == "postgresql" else rounds)
    assert [sorted(pair) for pair in told[:3]] == [[0, 3], [0, 1], [0, 1]]
    assert overlapping(db, "-0003-") == overlapping(db, "-0005-") == 0
    assert [event.kind for event in events(db, CODE.format(1))] == ["registered", "corrected"]
    if engine_name == "postgresql":
        # Without the lock both get in: three pieces of land are registered twice.
        assert told[3] == [3, 3] and overlapping(db, "-0009-") == 3
