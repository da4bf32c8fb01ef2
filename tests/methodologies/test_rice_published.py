"""Relations the published cases print: equations over steps and parameters, to the printed digit."""

from __future__ import annotations

import tomllib
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import pandas as pd
import pytest
from rice_records import RICE

from methodologies.contract import run
from methodologies.formula import evaluate

CASES: list[dict[str, Any]] = [
    case
    for path in sorted((RICE.folder / "cases").glob("*.toml"))
    for case in tomllib.loads(path.read_text(encoding="utf-8"))["case"]
]


@pytest.mark.parametrize(
    ("case", "relation"),
    [(case, relation) for case in CASES for relation in case.get("relations", [])],
    ids=lambda value: str(value.get("name", value.get("formula"))),
)
def test_the_printed_relation_holds(case: dict[str, Any], relation: dict[str, str]) -> None:
    frame = pd.DataFrame([case["input"]], index=["case"])
    result = run(RICE, frame, period=tuple(case["period"]), as_of=case["as_of"])
    values: dict[str, Any] = dict(result.frame.loc["case"])
    values |= {name: p.value for name, p in RICE.parameters.at(case["as_of"]).table.items()}
    got = Decimal(float(evaluate(relation["formula"], values)))
    assert got.quantize(Decimal(relation["printed"]), ROUND_HALF_EVEN) == Decimal(relation["printed"])


def test_every_case_names_its_source_and_page() -> None:
    assert len(CASES) >= 50 and all(case.get("source") and case.get("page") for case in CASES)
    assert len({case["name"] for case in CASES}) == len(CASES)


def test_every_published_figure_of_the_specification_is_among_them() -> None:
    printed = {relation["printed"] for case in CASES for relation in case.get("relations", [])}
    printed |= {figure for case in CASES for figure in case["expected"].values()}
    assert {"2.878", "2.88", "1.483", "1.48", "0.84", "1.30", "0.38", "0.60", "0.593", "0.003143",
            "0.00314", "2.04", "1.58", "0.94", "0.72", "1.32"} <= printed  # fmt: skip
