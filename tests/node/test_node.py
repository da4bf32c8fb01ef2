"""Runs the console's JavaScript tests under Node.js."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent


@pytest.mark.node
def test_console_scripts() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node.js is not installed: apt-get install nodejs")
    files = sorted(str(path) for path in FOLDER.glob("*.test.*"))
    assert files, "no JavaScript tests found"
    ran = subprocess.run([node, "--test", *files], capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stdout + ran.stderr
