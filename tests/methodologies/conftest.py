"""Every problem that any test of this room provokes is said properly: in both languages, with a unit that is
one, and about a column by name. An error text is public; a wrong unit in it sends people the wrong way."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from functools import cache
from typing import Any

import pytest

from methodologies import registry
from methodologies.columns import Findings
from methodologies.errors import Problem

_SENTENCE = re.compile(r"^(Table [^:]+: )?[A-Z]")
_CHINESE = re.compile(r"[\u4e00-\u9fff]")


@cache
def units() -> frozenset[str]:
    """Units that some column, step or parameter of a registered methodology declares."""
    # Of dates, of D²H, which is worked out from two columns, and of the example that shows how to write one.
    found = {"", "1", "%", "date", "cm²·m", "cm²·m (D²H)", "L/ha"}
    for methodology in registry().values():
        columns = [*methodology.columns]
        for preparation in methodology.preparations:
            columns += [*preparation.columns, *preparation.outputs]
        found |= {column.unit for column in columns}
        found |= {step.unit for step in methodology.steps}
        table = methodology.parameters.at(date(2026, 11, 22)).table
        found |= {parameter.unit for parameter in table.values()}
    return frozenset(found)


def check(problem: Problem) -> None:
    assert problem.unit in units(), f"{problem.unit!r} is no declared unit: {problem}"
    assert _CHINESE.search(problem.zh) and _SENTENCE.search(problem.en), problem
    for text in (problem.zh, problem.en, problem.allowed, problem.column):
        assert "None" not in text and "{" not in text, problem
    assert problem.column and (problem.allowed or problem.severity == "review"), problem


@pytest.fixture(autouse=True)
def well_said(monkeypatch: pytest.MonkeyPatch) -> None:
    add: Callable[..., None] = Findings.add

    def checked(self: Findings, problem: Any) -> None:
        check(problem)
        add(self, problem)

    monkeypatch.setattr(Findings, "add", checked)
