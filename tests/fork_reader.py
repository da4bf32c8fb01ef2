"""The reader's child, forked from one warm process, for tests that read hundreds of damaged files.

A fresh interpreter for each file costs half a second; a fork of one with its libraries loaded, hundredths.
Everything after that is the child's own code: limits, network, drivers, reply.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest


def serve(child_file: str) -> None:
    spec = importlib.util.spec_from_file_location("child", child_file)
    assert spec and spec.loader
    child = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(child)
    child.load_libraries(arrow=True)
    for name in ("openpyxl", "pyarrow.parquet", "shapely"):
        importlib.import_module(name)
    for line in sys.stdin:
        order = json.loads(line)
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                os.chdir(order["cwd"])
                child.restrict(order["request"])
                child.answer(order["request"])
                status = 0
            finally:
                os._exit(status)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


@contextmanager
def forked_children(monkeypatch: Any, folder: Path) -> Iterator[list[int]]:
    """Within it :mod:`gis.sandbox` gets its children from the warm process; yields their exit codes."""
    from gis import sandbox

    codes: list[int] = []
    warm = subprocess.Popen(
        [sys.executable, "-I", "-B", __file__, str(sandbox._CHILD)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=sandbox._environment(folder),
        text=True,
    )

    def run(_arguments: Any, *, input: bytes, cwd: Path, **_options: Any) -> Any:
        order = {"cwd": str(cwd), "request": json.loads(input)}
        assert warm.stdin and warm.stdout
        warm.stdin.write(json.dumps(order) + "\n")
        warm.stdin.flush()
        codes.append(int(warm.stdout.readline()))
        return SimpleNamespace(returncode=codes[-1])

    monkeypatch.setattr(sandbox, "subprocess", SimpleNamespace(
        run=run, DEVNULL=subprocess.DEVNULL, TimeoutExpired=subprocess.TimeoutExpired
    ))  # fmt: skip
    with warm:
        yield codes
        assert warm.stdin
        warm.stdin.close()


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """For modules that read many small files: ``pytestmark = pytest.mark.usefixtures("warm")``."""
    with pytest.MonkeyPatch.context() as patch, forked_children(patch, tmp_path_factory.mktemp("warm")):
        yield


if __name__ == "__main__":
    serve(sys.argv[1])
