"""Runs the Node tests of the browser modules, where Node exists."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.node
def test_browser_modules() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node.js is not installed")
    files = sorted(str(path) for path in (ROOT / "tests" / "node").glob("*.test.mjs"))
    run = subprocess.run(
        [node, "--test", *files],
        cwd=ROOT,
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-2000:]
    assert "# skipped 0" in run.stdout
