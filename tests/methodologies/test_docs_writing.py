"""The example of the writing guide: taken out of the page, imported, checked and run."""

from __future__ import annotations

import importlib
import re
import sys
import tomllib
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from methodologies.conformance import check_all
from methodologies.contract import InvalidRows, Methodology, explain_row, run
from methodologies.documents.documentation import document
from methodologies.documents.markdown import page

DOCS = Path(__file__).parents[2] / "docs"
_FILE = re.compile(r"^\*\*`([\w./]+)`\*\*\n\n```\w+\n(.*?)^```$", re.S | re.M)


def guide(language: str) -> str:
    return (DOCS / language / "methodologies" / "writing.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Methodology]:
    folder = tmp_path_factory.mktemp("written")
    for name, text in _FILE.findall(guide("zh")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    entry = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]["entry-points"]
    [value] = entry["carbon_platform.methodologies"].values()
    module, _, name = value.partition(":")
    sys.path.insert(0, str(folder))
    yield getattr(importlib.import_module(module), name)
    sys.path.remove(str(folder))
    sys.modules.pop(module)


def test_both_languages_show_the_same_files_and_output() -> None:
    files = _FILE.findall(guide("zh"))
    assert [name for name, _ in files] == [
        "pump_stations_v1/parameters.toml",
        "pump_stations_v1/__init__.py",
        "pump_stations_v1/cases/stations.toml",
        "pump_stations_v1/guide.zh.md",
        "pyproject.toml",
    ]
    assert files == _FILE.findall(guide("en"))


def test_the_example_keeps_the_contract(example: Methodology) -> None:
    check_all(example)


def test_the_printed_steps_are_the_real_ones(example: Methodology) -> None:
    given = example.example()
    result = run(example, given.frame, period=given.period, as_of=given.as_of)
    printed = "\n".join(f"{step.equation} | {step.numbers}" for step in explain_row(example, result, "P-1"))
    for language in ("zh", "en"):
        assert f"```text\n{printed}\n```" in guide(language)
        assert f'("{result.blocking_parameters[0]}",)' in guide(language)
    assert not result.issuable


def test_the_cases_hold(example: Methodology) -> None:
    cases = tomllib.loads((example.folder / "cases/stations.toml").read_text(encoding="utf-8"))["case"]
    for case in cases:
        frame = pd.DataFrame([case["input"]], index=["case"])
        result = run(example, frame, period=tuple(case["period"]), as_of=case["as_of"])
        for name, printed in case["expected"].items():
            got = Decimal(float(result.frame.loc["case", name])).quantize(Decimal(printed))
            assert got == Decimal(printed), (case["name"], name)
    assert len(cases) == 2


def fuel(**changes: Any) -> pd.DataFrame:
    lines = {
        "row": ["P-1", "P-1", "P-2", "P-2"],
        "receipt": ["A7", "A9", "B1", "B2"],
        "fuelled_date": ["2025-03-01", "2025-06-11", "2025-06-02", "2024-12-31"],
        "fuelled_l": [1000.0, 800.0, 1300.0, 5.0],
    }
    return pd.DataFrame(lines | changes)


def test_the_fuel_table_gives_the_litres_of_the_period(example: Methodology) -> None:
    given = example.example()
    frame = given.frame.drop(columns="diesel_l")
    result = run(example, frame, period=given.period, as_of=given.as_of, tables={"fuel": fuel()})
    assert result.frame["diesel_l"].tolist() == [1800.0, 1300.0]
    typed = run(example, given.frame, period=given.period, as_of=given.as_of)
    assert result.totals == typed.totals
    with pytest.raises(InvalidRows, match="A7"):
        twice = fuel(receipt=["A7", "A7", "B1", "B2"])
        run(example, frame, period=given.period, as_of=given.as_of, tables={"fuel": twice})


def test_its_documentation_is_complete(example: Methodology) -> None:
    chinese = page(document(example, "zh"))
    assert "## 边界\n\n一行是一个泵站" in chinese
    assert r"\mathrm{ER} = \begin{cases} G \times \left(1-d\right)" in chinese
    assert "`deduction` 扣减率 (示意)" in chinese
    assert "1800 × 0.002886 = 5.1948 tCO2e" in chinese
    english = page(document(example, "en"))
    assert "## Baseline\n\nLitres per hectare of the three years before" in english
