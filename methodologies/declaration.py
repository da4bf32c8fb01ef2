"""What a methodology (方法学) declares, and what a run of it returns.

Sign convention: ``net_t`` and the gas masses without a prefix are in the project's favour: positive is a
reduction or removal, negative an increase. Columns named ``be_…`` (baseline emission), ``pe_…`` (project
emission), ``e_…`` and ``le_…``/``lk_…`` (leakage) are emissions, positive upwards, and are subtracted.
"""

from __future__ import annotations

from calendar import isleap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

import pandas as pd

from methodologies.columns import Column, Findings
from methodologies.digest import folder_digest
from methodologies.errors import InvalidDeclaration, InvalidPeriod, Problem
from methodologies.formula import names_in, parse
from methodologies.parameters import ParameterInForce, ParameterSet, ParametersInForce
from methodologies.preparation import Preparation

__all__ = [
    "CONTRACT_VERSION",
    "NET",
    "PERIOD_TERMS",
    "SUBJECTS",
    "Behaviour",
    "Case",
    "Check",
    "Example",
    "Methodology",
    "Period",
    "Preparation",
    "Quantification",
    "Quantify",
    "Review",
    "Step",
    "decimal_year",
    "no_check",
]

CONTRACT_VERSION = "1"
NET = "net_t"
SUBJECTS = ("parcel", "act", "facility")
# Terms every equation may use beside columns, parameters and earlier steps.
PERIOD_TERMS = ("period_start_year", "period_end_year", "period_years")


class Period(NamedTuple):
    """A monitoring period (监测期): from ``start`` up to, not including, ``end``.

    Time in years is a difference of decimal years (a day counts 1/365 or 1/366 of its own year), so that
    whole calendar years are whole numbers and consecutive periods add up exactly as their ends meet.
    """

    start: date
    end: date

    @classmethod
    def of(cls, period: tuple[date, date]) -> Period:
        """Check a pair of dates; :class:`InvalidPeriod` when the end does not follow the start."""
        start, end = period
        if end <= start:
            raise InvalidPeriod(start=start.isoformat(), end=end.isoformat())
        return cls(start, end)

    @property
    def start_year(self) -> float:
        return decimal_year(self.start)

    @property
    def end_year(self) -> float:
        return decimal_year(self.end)

    @property
    def years(self) -> float:
        return self.end_year - self.start_year

    def terms(self) -> dict[str, float]:
        return dict(zip(PERIOD_TERMS, (self.start_year, self.end_year, self.years), strict=True))


def decimal_year(day: date) -> float:
    """1 January 2024 → 2024.0, 1 July 2024 → 2024 + 182/366."""
    days = 366 if isleap(day.year) else 365
    return day.year + (day.timetuple().tm_yday - 1) / days


@dataclass(frozen=True, slots=True)
class Case:
    """One branch of a step: the equation that holds where ``when`` is true (empty: everywhere else)."""

    when: str
    formula: str


@dataclass(frozen=True, slots=True)
class Step:
    """One published equation: how an output column comes about.

    ``formula`` is a template (see :mod:`methodologies.formula`), or cases of which the first true one
    holds. ``equation_no`` and ``source`` say where it is printed. ``total`` marks columns whose sum has a
    meaning.
    """

    name: str
    symbol: str
    unit: str
    formula: str | tuple[Case, ...]
    meaning_zh: str
    meaning_en: str
    equation_no: str = ""
    source: str = ""
    total: bool = False

    @property
    def cases(self) -> tuple[Case, ...]:
        return (Case("", self.formula),) if isinstance(self.formula, str) else self.formula

    @property
    def uses(self) -> tuple[str, ...]:
        """Every term of every branch and condition."""
        templates = [template for case in self.cases for template in (case.when, case.formula) if template]
        return tuple(dict.fromkeys(name for template in templates for name in names_in(template)))


@dataclass(frozen=True, slots=True)
class Behaviour:
    """A personal low-carbon act (低碳行为) of an act methodology, with the caps the platform applies.

    ``p_formula``/``c_formula``: grams per unit of the points grade and of the creditable grade, as templates
    over parameters (``c_formula`` may use ``p_factor_g``; empty: not creditable, ``credit_note`` says why).
    An act without ``p_formula`` is declared but has no figure yet: ``pending`` says why, and rows of it are
    refused. ``local_extra``: rests on a project that claims the tonnes, hence never creditable. Caps count
    acts, quantity in the unit, or grams; None means no such cap; acts of one ``cap_group`` share theirs.
    ``excludes``: acts of which the same person may not have one on the same day. ``needs``: columns beside
    the quantity. ``whole``: the quantity is a count.
    """

    code: str
    name_zh: str
    name_en: str
    category_zh: Literal["衣", "食", "住", "行", "用", "办公", "数字金融"]
    unit_zh: str
    unit_en: str
    whole: bool
    cap_note_zh: str
    cap_note_en: str
    cap_status: str
    source: str
    p_formula: str = ""
    c_formula: str = ""
    pending_zh: str = ""
    pending_en: str = ""
    credit_note_zh: str = ""
    credit_note_en: str = ""
    local_extra: bool = False
    needs: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()
    cap_group: str = ""
    cap_acts_per_day: float | None = None
    cap_quantity_per_day: float | None = None
    cap_quantity_per_month: float | None = None
    cap_quantity_per_year: float | None = None
    cap_g_per_day: float | None = None

    @property
    def pending(self) -> bool:
        """Whether it has no figure yet."""
        return not self.p_formula

    @property
    def creditable(self) -> bool:
        return bool(self.c_formula)


class Example(NamedTuple):
    """Valid input to try a methodology on; ``tables`` by name of their preparation."""

    frame: pd.DataFrame
    period: tuple[date, date]
    as_of: date
    tables: Mapping[str, pd.DataFrame] | None = None


class Quantify(Protocol):
    """The computation: canonical columns in, one output column per step on the same index out."""

    def __call__(self, frame: pd.DataFrame, *, period: Period, p: ParametersInForce) -> pd.DataFrame: ...


class Check(Protocol):
    """Rules between columns: reports to ``findings``; sees values that are each in range already."""

    def __call__(
        self, frame: pd.DataFrame, *, period: Period, p: ParametersInForce, findings: Findings
    ) -> None: ...


class Review(Protocol):
    """What the figures give to look at: as ``review`` it adds findings of severity ``review`` only, as
    ``judge`` also errors."""

    def __call__(
        self,
        frame: pd.DataFrame,
        outputs: pd.DataFrame,
        *,
        period: Period,
        p: ParametersInForce,
        findings: Findings,
    ) -> None: ...


def no_check(frame: pd.DataFrame, *, period: Period, p: ParametersInForce, findings: Findings) -> None:
    """For methodologies whose columns do not depend on each other."""


@dataclass(frozen=True, eq=False)
class Methodology:
    """One declared, versioned methodology. A version that has issued is frozen; a change is a new folder.

    ``steps`` are ordered: a step may use columns, parameters, period terms and earlier steps, and the last
    is ``net_t`` (t CO2e, unrounded, negative kept). ``additive``: splitting a subject keeps the sum.
    ``check`` refuses before anything is computed; ``judge`` looks at the figures and refuses what cannot be
    right; ``review`` looks at the figures and refuses nothing.
    ``preparations`` turn measured tables (附表) into columns. ``libraries`` are shared code folders or files
    the figures also depend on; they enter the code digest.
    """

    id: str
    version: int
    title_zh: str
    title_en: str
    source: str
    subject: Literal["parcel", "act", "facility"]
    folder: Path
    columns: tuple[Column, ...]
    parameters: ParameterSet
    steps: tuple[Step, ...]
    quantify: Quantify
    example: Callable[[], Example]
    gwp_set: str
    check: Check = no_check
    judge: Review | None = None
    review: Review | None = None
    additive: bool = True
    unit_note_zh: str = ""
    unit_note_en: str = ""
    narrative: str = ""
    behaviours: tuple[Behaviour, ...] = field(default=())
    preparations: tuple[Preparation, ...] = ()
    libraries: tuple[Path, ...] = ()

    def __post_init__(self) -> None:
        known: set[str] = set()
        for name in [column.name for column in self.columns] + [p.name for p in self.parameters]:
            self._add(known, name)
        known.update(PERIOD_TERMS)
        if self.subject not in SUBJECTS:
            raise InvalidDeclaration(self.key, f"subject must be one of {SUBJECTS}")
        for column in self.columns:
            if column.required_when and column.required_when[0] not in known:
                raise InvalidDeclaration(self.key, f"{column.name} depends on an unknown column")
        for step in self.steps:
            self._check_step(step, known)
            self._add(known, step.name)
        if not self.steps or self.steps[-1].name != NET:
            raise InvalidDeclaration(self.key, f"the last step must be {NET}")
        self._check_preparations(known)
        for library in self.libraries:
            if not library.exists():
                raise InvalidDeclaration(self.key, f"there is no library {library.name}")

    def _check_preparations(self, known: set[str]) -> None:
        columns = {column.name: column for column in self.columns}
        names = [preparation.name for preparation in self.preparations]
        if len(set(names)) < len(names):
            raise InvalidDeclaration(self.key, "two preparations share a name")
        for preparation in self.preparations:
            where = f"{self.key}, preparation {preparation.name}"
            if preparation.key and preparation.key not in columns:
                raise InvalidDeclaration(where, f"its key {preparation.key} is no column")
            for output in preparation.outputs:
                filled = columns.get(output.name)
                if filled is None and output.name in known:
                    raise InvalidDeclaration(where, f"its output {output.name} is a step or a parameter")
                if filled and (filled.kind, filled.unit) != (output.kind, output.unit):
                    raise InvalidDeclaration(where, f"{output.name} differs in kind or unit from the column")

    def _add(self, known: set[str], name: str) -> None:
        if name in known or name in PERIOD_TERMS:
            raise InvalidDeclaration(self.key, f"the name {name} is used twice")
        known.add(name)

    def _check_step(self, step: Step, known: set[str]) -> None:
        strange = [name for name in step.uses if name not in known]
        if strange:
            raise InvalidDeclaration(self.key, f"step {step.name} uses {strange}, not declared before it")
        if not step.cases or step.cases[-1].when or any(not case.when for case in step.cases[:-1]):
            raise InvalidDeclaration(
                self.key, f"the last case of step {step.name}, and only it, has no condition"
            )
        for case in step.cases:
            for template in filter(None, (case.when, case.formula)):
                parse(template)

    @property
    def key(self) -> str:
        """The name it is registered under, e.g. ``camellia_oil_v1``."""
        return f"{self.id}_v{self.version}"

    @cached_property
    def code_digest(self) -> str:
        """SHA-256 of the code and data of folder and libraries, and of the contract version."""
        return folder_digest(self.folder, CONTRACT_VERSION, self.libraries)

    def column(self, name: str) -> Column:
        """The declared input column; KeyError for another name."""
        return {column.name: column for column in self.columns}[name]

    def step(self, name: str) -> Step:
        """The declared step; KeyError for another name."""
        return {step.name: step for step in self.steps}[name]

    def preparation(self, name: str) -> Preparation:
        """The declared preparation; KeyError for another name."""
        return {preparation.name: preparation for preparation in self.preparations}[name]


@dataclass(frozen=True)
class Quantification:
    """The result of a run.

    ``frame``: on the index given, the canonical inputs and then one column per step. ``totals``: exactly
    rounded sums (``math.fsum``, hence independent of row order) of the columns that add up. ``issuable`` is
    False while any parameter used is neither verified nor secondary (试算); those are
    ``blocking_parameters``. ``warnings`` are findings a reviewer must look at. ``prepared``: by name of the
    table, one line per key with the outputs of the preparation (index: key as text); ``table_digests``: the
    fingerprint of each table given. ``input_digest`` covers the frame with the prepared values filled in.
    """

    key: str
    period: Period
    as_of: date
    frame: pd.DataFrame
    totals: Mapping[str, float]
    parameters_used: tuple[ParameterInForce, ...]
    input_digest: str
    parameter_digest: str
    code_digest: str
    gwp_set: str
    issuable: bool
    blocking_parameters: tuple[str, ...]
    warnings: tuple[Problem, ...]
    prepared: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    table_digests: Mapping[str, str] = field(default_factory=dict)

    @property
    def net_t(self) -> float:
        """The net figure of all subjects, t CO2e, unrounded."""
        return self.totals[NET]

    def record(self) -> dict[str, Any]:
        """What a platform must store for a replay: plain values, no frame."""
        return {
            "methodology": self.key,
            "period": [day.isoformat() for day in self.period],
            "as_of": self.as_of.isoformat(),
            "gwp_set": self.gwp_set,
            "totals": dict(self.totals),
            "parameters_used": [parameter.as_dict() for parameter in self.parameters_used],
            "input_digest": self.input_digest,
            "parameter_digest": self.parameter_digest,
            "code_digest": self.code_digest,
            "issuable": self.issuable,
            "blocking_parameters": list(self.blocking_parameters),
            "table_digests": dict(self.table_digests),
        }
