"""Committed browser assets are exactly what tools/vendor.mjs wrote."""

import gzip
import hashlib
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
VENDOR = ROOT / "carbon_platform" / "console" / "static" / "vendor"
FOLDERS = [VENDOR, ROOT / "miniprogram" / "vendor"]
LICENCES = {"Apache-2.0", "BSD-3-Clause", "MIT"}

each_folder = pytest.mark.parametrize("folder", FOLDERS, ids=["web", "miniprogram"])


def records(folder: Path) -> list[dict[str, object]]:
    loaded: list[dict[str, object]] = json.loads((folder / "vendor.json").read_text(encoding="utf-8"))
    return loaded


@each_folder
def test_every_file_is_recorded_and_unchanged(folder: Path) -> None:
    assert {str(r["file"]) for r in records(folder)} == {p.name for p in folder.iterdir()} - {"vendor.json"}
    for record in records(folder):
        content = (folder / str(record["file"])).read_bytes()
        assert hashlib.sha256(content).hexdigest() == record["sha256"], record["file"]
        assert len(content) == record["bytes"]


@each_folder
def test_licences_are_allowed_and_their_texts_are_there(folder: Path) -> None:
    for record in records(folder):
        assert record["licence"] in LICENCES, record
        assert (folder / f"{record['name']}.LICENSE.txt").exists()


@each_folder
def test_versions_are_the_pinned_ones(folder: Path) -> None:
    wanted = json.loads((ROOT / "package.json").read_text(encoding="utf-8"))["devDependencies"]
    for record in records(folder):
        assert wanted[str(record["name"])] == record["version"]


def test_charts_stay_small_and_no_file_asks_for_a_source_map() -> None:
    assert len(gzip.compress((VENDOR / "echarts.mjs").read_bytes())) < 250_000
    for path in VENDOR.iterdir():
        assert b"sourceMappingURL=" not in path.read_bytes()[-200:], path.name


def test_lock_file_names_no_registry() -> None:
    lock = (ROOT / "package-lock.json").read_text(encoding="utf-8")
    assert '"resolved"' not in lock
    assert "registry" not in lock
