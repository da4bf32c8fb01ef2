"""A methodology from a package of its own: installed, found, conforming; and what stops a start."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).parent / "plugin_package"))

from hedgerow_plugin.hedgerow_v1 import METHODOLOGY as HEDGE

from methodologies.conformance import check_all
from methodologies.contract import Methodology
from methodologies.errors import ConformanceFailed, InvalidOutput, MethodologyError

ROOT = Path(__file__).parents[2]
PACKAGE = Path(__file__).parent / "plugin_package"
# The built-in ones conform in other tests; one of them is enough company here.
_START = """
import methodologies
methodologies.ALL = methodologies.ALL[2:3]
"""
_LOAD = "methodologies.registry()"
_WHOLE_START = "from carbon_platform.app import check_methodologies; check_methodologies()"


def go(target: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": f"{target}{os.pathsep}{ROOT}", "CARBON_MODE": "test"}
    return subprocess.run(
        [sys.executable, *words], cwd=target, env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package installed by pip into a folder of its own, without network."""
    target = tmp_path_factory.mktemp("site")
    words = ("--no-deps", "--no-build-isolation", "--no-index", "--quiet", "--target", str(target))
    done = go(target, "-m", "pip", "install", "--disable-pip-version-check", *words, str(PACKAGE))
    assert done.returncode == 0, done.stderr
    return target


def test_an_installed_package_conforms_and_runs_with_its_table(installed: Path) -> None:
    """The command starts the platform: the package was found and kept the contract, or nothing would run."""
    (installed / "hedges.csv").write_text("编号,hedge_m\n甲,120\n", encoding="gb18030")
    (installed / "h.csv").write_text("编号,point,point_height_m\n甲,1,1.2\n甲,2,1.5\n", encoding="utf-8-sig")
    words = ("hedgerow", "hedges.csv", "--table", "heights=h.csv", "--period", "2025", "-o", "out.json")
    done = go(installed, "-m", "flask", "--app", str(ROOT / "wsgi.py"), "methodology", "run", *words)
    assert done.returncode == 0, done.stderr
    document = json.loads((installed / "out.json").read_text(encoding="utf-8"))
    assert document["net_t"] == pytest.approx(0.5 * 1.35**2 * 120 * 44 / 12 / 1000, rel=1e-12)
    assert not document["issuable"] and document["methodology"]["key"] == "hedgerow_v1"


@pytest.mark.parametrize(
    ("module", "start", "words"),
    [
        ("raise ImportError('no sensor library')\n", _LOAD, "no sensor library"),
        ("METHODOLOGY = 42\n", _LOAD, "not a Methodology"),
        (
            "import dataclasses\n"
            "from methodologies import ALL\n"
            "good = ALL[0]\n"
            "def quantify(frame, *, period, p):\n"
            "    return good.quantify(frame, period=period, p=p) * float('nan')\n"
            "METHODOLOGY = dataclasses.replace(good, id='broken', quantify=quantify)\n",
            _WHOLE_START,
            "not a finite number",
        ),
    ],
    ids=["does not load", "is something else", "returns NaN"],
)
def test_a_failing_package_stops_the_start(tmp_path: Path, module: str, start: str, words: str) -> None:
    info = tmp_path / "faulty-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: faulty\nVersion: 1.0\n", encoding="utf-8")
    entry = "[carbon_platform.methodologies]\nfaulty = faulty_methodology:METHODOLOGY\n"
    (info / "entry_points.txt").write_text(entry, encoding="utf-8")
    (tmp_path / "faulty_methodology.py").write_text(module, encoding="utf-8")
    done = go(tmp_path, "-c", _START + start)
    assert done.returncode != 0
    assert words in done.stderr, done.stderr


def _spoilt(change: Any) -> Methodology:
    def quantify(frame: pd.DataFrame, *, period: Any, p: Any) -> pd.DataFrame:
        return change(frame, HEDGE.quantify(frame, period=period, p=p))  # type: ignore[no-any-return]

    return dataclasses.replace(HEDGE, quantify=quantify)


def _write_through(frame: pd.DataFrame, out: pd.DataFrame) -> pd.DataFrame:
    """Past copy-on-write, as only malice or a compiled library would."""
    lengths = frame["hedge_m"].to_numpy()
    lengths.flags.writeable = True
    lengths[:] = 1.0
    return out


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda _, out: out.assign(net_t=np.nan), InvalidOutput, "net_t: nan is not a finite number"),
        (lambda _, out: out.iloc[::-1], InvalidOutput, "the index changed"),
        (lambda _, out: out.iloc[::-1].set_axis(out.index, axis=0), ConformanceFailed, "differ|order|batch"),
        (lambda _, out: out.to_numpy(), InvalidOutput, "a ndarray, not a DataFrame"),
        (lambda _, out: out.astype("float32"), InvalidOutput, "holds float32"),
        (lambda frame, out: frame["depth_m"], InvalidOutput, "quantify raised KeyError"),
        (_write_through, ConformanceFailed, "leaves_input_alone.*the model changed hedge_m"),
    ],
    ids=[
        "NaN",
        "reorders rows",
        "reorders figures",
        "no frame",
        "half numbers",
        "raises",
        "mutates its input",
    ],
)
def test_each_misbehaviour_has_its_name(change: Any, error: type[MethodologyError], words: str) -> None:
    with pytest.raises(error, match=words) as caught:
        check_all(_spoilt(change))
    assert "hedgerow_v1" in caught.value.message("zh")
