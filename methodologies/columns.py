"""Columns (数据列): what one row of input holds, declared once, and where findings about rows are collected.

A declaration generates the input form, the API schema, the upload template and the docs page.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from methodologies.errors import PROBLEMS_SHOWN_MAX, InvalidDeclaration, Problem

Kind = Literal["float", "int", "date", "choice", "text", "bool"]
KINDS = ("float", "int", "date", "choice", "text", "bool")
Mask = npt.NDArray[np.bool_]
_UNIT_WORDS = {"%": "pct", "1": "", "yr": "year"}


def unit_suffix(unit: str) -> str:
    """How a name with this unit ends: ``kg N/ha/yr`` → ``kg_per_ha_per_year``, ``%`` → ``pct``, ``1`` →
    ``""``.

    Of each part between slashes only the first word counts, so that ``t d.m./ha`` is ``t_per_ha``.
    """
    words = [part.split()[0] for part in unit.split("/")] if unit else []
    if words and words[0] in {"d", "yr"}:
        words[0] = {"d": "days", "yr": "years"}[words[0]]
    return "_per_".join(_UNIT_WORDS.get(word, word.lower()) for word in words)


@dataclass(frozen=True, slots=True)
class ColumnError:
    """Measurement error (测量误差) of a number, drawn anew for each subject in an uncertainty analysis.

    ``sd``: one standard deviation, as a share of the value (``relative``) or in the column's unit
    (``absolute``). ``source`` says where it comes from.
    """

    kind: Literal["relative", "absolute"]
    sd: float
    source: str

    def __post_init__(self) -> None:
        if self.kind not in {"relative", "absolute"}:
            raise InvalidDeclaration("column error", f"kind {self.kind!r} is not relative or absolute")
        if not (math.isfinite(self.sd) and self.sd > 0):
            raise InvalidDeclaration("column error", "sd must be a positive number")
        if not self.source.strip():
            raise InvalidDeclaration("column error", "the source is empty")


@dataclass(frozen=True, slots=True)
class Column:
    """One input column.

    ``low``/``high`` are inclusive and in ``unit``. ``extensive`` marks what grows with the size of the
    subject (area, litres per parcel): splitting a parcel splits it. A column is required unless it has a
    ``default``; ``required_when=("route", ("plot",))`` demands it only on rows where ``route`` is one of
    those, and the default fills the others. ``labels`` maps a choice to its Chinese and English wording;
    ``symbol`` is how equations print the column (its name, if empty). ``error``: how exactly the number can
    be measured, None where that is not known or of no account. ``usual``: what such a value ordinarily lies
    in (inclusive); outside it, within ``low`` and ``high``, a reviewer is asked to look (mu typed as
    hectares, kilograms as tonnes).
    """

    name: str
    kind: Kind
    unit: str
    meaning_zh: str
    meaning_en: str
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    labels: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    default: float | str | bool | None = None
    required_when: tuple[str, tuple[str, ...]] | None = None
    extensive: bool = False
    symbol: str = ""
    error: ColumnError | None = None
    usual: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        where = f"column {self.name}"
        suffix = unit_suffix(self.unit)
        if self.kind not in KINDS:
            raise InvalidDeclaration(where, f"kind {self.kind!r} is not one of {KINDS}")
        if self.kind in {"float", "int"} and (self.low is None or self.high is None or self.low > self.high):
            raise InvalidDeclaration(where, "a number needs low ≤ high")
        if any(bound is not None and not math.isfinite(bound) for bound in (self.low, self.high)):
            raise InvalidDeclaration(where, "low and high must be finite")
        if suffix and not (self.name == suffix or self.name.endswith(f"_{suffix}")):
            raise InvalidDeclaration(where, f"the name must end in its unit, _{suffix}")
        if self.kind == "date" and not self.name.endswith("_date"):
            raise InvalidDeclaration(where, "the name of a date must end in _date")
        if (self.kind == "choice") != bool(self.choices) or set(self.labels) - set(self.choices):
            raise InvalidDeclaration(
                where, "a choice, and only a choice, needs choices; labels must be of them"
            )
        if self.required_when and self.default is None:
            raise InvalidDeclaration(where, "required_when needs a default for the other rows")
        if self.usual and not self._holds(self.usual):
            raise InvalidDeclaration(where, "usual needs two numbers in order, within low and high")
        if self.error and self.kind not in {"float", "int"}:
            raise InvalidDeclaration(where, "only a number has a measurement error")
        if not (self.meaning_zh and self.meaning_en):
            raise InvalidDeclaration(where, "the meaning is needed in Chinese and English")

    def _holds(self, span: tuple[float, float]) -> bool:
        return self.low is not None and self.high is not None and self.low <= span[0] <= span[1] <= self.high

    @property
    def required(self) -> bool:
        """Whether every row must hold a value."""
        return self.default is None

    @property
    def allowed(self) -> str:
        """The accepted values as text, for messages and forms."""
        match self.kind:
            case "float" | "int":
                return f"{self.low:g} – {self.high:g}"
            case "choice":
                return " | ".join(self.choices)
            case "bool":
                return "true | false"
            case "date":
                return "YYYY-MM-DD"
            case _:
                return "text"


class Findings:
    """Collects problems: counts all of them, keeps the first hundred.

    ``table`` names the measured table (附表) the rows belong to, "" for the frame itself; each problem of a
    table says so.
    """

    def __init__(self, index: pd.Index, table: str = "") -> None:
        self.index = index
        self.table = table
        self.kept: list[Problem] = []
        self.errors = 0
        self.reviews = 0

    def add(self, problem: Problem) -> None:
        if self.table and not problem.table:
            zh, en = f"附表 {self.table}：{problem.zh}", f"Table {self.table}: {problem.en}"
            problem = replace(problem, table=self.table, zh=zh, en=en)
        if problem.severity == "error":
            self.errors += 1
        else:
            self.reviews += 1
        if len(self.kept) < PROBLEMS_SHOWN_MAX or problem.severity == "error":
            self.kept.append(problem)

    def where(
        self,
        mask: Mask,
        *,
        column: str,
        values: Any,
        unit: str,
        allowed: str,
        zh: str,
        en: str,
        severity: Literal["error", "review"] = "error",
    ) -> None:
        """A problem per true row; ``zh``/``en`` are templates over row, column, value, unit, allowed.

        One cell of ``mask`` or ``values`` stands for all rows.
        """
        if not mask.any():
            return
        rows = np.flatnonzero(mask) if len(mask) == len(self.index) else np.arange(len(self.index))
        one = len(values) == 1
        for position in rows[:PROBLEMS_SHOWN_MAX]:
            value = _cell_text(values[0 if one else position])
            row = _plain_label(self.index[position])
            words = {"row": row, "column": column, "value": value, "unit": unit, "allowed": allowed}
            self.add(
                Problem(row, column, value, unit, allowed, zh.format(**words), en.format(**words), severity)
            )
        unsaid = max(0, len(rows) - PROBLEMS_SHOWN_MAX)
        if severity == "error":
            self.errors += unsaid
        else:
            self.reviews += unsaid

    def absorb(self, other: Findings) -> None:
        """Take over what another collection found, so that one list says it all."""
        self.errors += other.errors
        self.reviews += other.reviews
        self.kept += other.kept

    def of(self, severity: Literal["error", "review"]) -> tuple[Problem, ...]:
        chosen = [problem for problem in self.kept if problem.severity == severity]
        return tuple(chosen[:PROBLEMS_SHOWN_MAX])


def _cell_text(cell: Any) -> str:
    if isinstance(cell, float | np.floating):
        return f"{float(cell):.15g}"
    return str(cell)[:80]


def _plain_label(label: Any) -> Any:
    """A row label as a plain Python value, so that it survives JSON."""
    return label.item() if isinstance(label, np.generic) else label
