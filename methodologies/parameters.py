"""Parameters (参数): every number a methodology uses, with unit, range, source, date in force and evidence.

A folder's ``parameters.toml`` holds one table per parameter::

    [carbon_fraction]
    symbol = "CF"
    unit = "tC/t d.m."
    low = 0.44
    high = 0.51
    distribution = "normal"
    source = "AR-TOOL14 v04.2"
    page = "Appendix 1"
    status = "secondary"
    meaning_zh = "含碳率"
    meaning_en = "carbon fraction of dry matter"
    values = [{ from = 2020-01-01, value = 0.47 }]

A new value is a new line with its own date; the past stays computable. What backs the new value stands in the
same line, so that sources, evidence and digests of earlier days stay what they were::

    values = [
        { from = 2020-01-01, value = 0.47 },
        { from = 2027-01-01, value = 0.49, source = "…", page = "…", status = "verified" },
    ]
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from methodologies.cells import narrow, repeated
from methodologies.errors import InvalidDeclaration, ParameterNotInForce, UnknownParameter

# Evidence, best first. Only the first two may reach the ledger without the authority's signature.
STATUSES = ("verified", "secondary", "unverified", "illustrative", "local-decision")
ISSUABLE_STATUSES = frozenset({"verified", "secondary"})
DISTRIBUTIONS = ("fixed", "normal", "lognormal", "triangular", "uniform")
_TEXTS = ("symbol", "unit", "distribution", "source", "page", "status", "meaning_zh", "meaning_en")
_KEYS = {*_TEXTS, "low", "high", "values", "note"}
_DATED_TEXTS = ("source", "page", "status", "note")
_DATED_KEYS = {*_DATED_TEXTS, "from", "value", "low", "high"}


@dataclass(frozen=True, slots=True)
class DatedValue:
    """A value and its first day in force; what else is given replaces the parameter's own from then on."""

    valid_from: date
    value: float
    source: str | None = None
    page: str | None = None
    status: str | None = None
    note: str | None = None
    low: float | None = None
    high: float | None = None

    def own(self, name: str, otherwise: Any) -> Any:
        """What this line says of ``name``, or else what the parameter says."""
        given = getattr(self, name)
        return otherwise if given is None else given


@dataclass(frozen=True, slots=True)
class Parameter:
    """One number with everything needed to trust or doubt it.

    ``low``/``high`` bound the value (the published 95 % interval where there is one), ``distribution`` says
    how uncertainty analysis draws it. ``note`` holds doubts: a proxy species, a range read elsewhere.
    """

    name: str
    symbol: str
    unit: str
    low: float
    high: float
    distribution: str
    source: str
    page: str
    status: str
    values: tuple[DatedValue, ...]
    meaning_zh: str
    meaning_en: str
    note: str = ""

    def __post_init__(self) -> None:
        for text in _TEXTS:
            if not getattr(self, text).strip() and text != "page":
                raise InvalidDeclaration(f"parameter {self.name}", f"{text} is empty")
        if self.status not in STATUSES:
            raise InvalidDeclaration(
                f"parameter {self.name}", f"status {self.status!r} is not one of {STATUSES}"
            )
        if self.distribution not in DISTRIBUTIONS:
            reason = f"distribution {self.distribution!r} is not one of {DISTRIBUTIONS}"
            raise InvalidDeclaration(f"parameter {self.name}", reason)
        if not self.values:
            raise InvalidDeclaration(f"parameter {self.name}", "values is empty")
        dates = [dated.valid_from for dated in self.values]
        if dates != sorted(set(dates)):
            raise InvalidDeclaration(
                f"parameter {self.name}", "values must be ordered by date, each date once"
            )
        for dated in self.values:
            low, high = dated.own("low", self.low), dated.own("high", self.high)
            if not low <= dated.value <= high:
                reason = f"{dated.value} {self.unit} lies outside {low} … {high}"
                raise InvalidDeclaration(f"parameter {self.name}", reason)
            if dated.own("status", self.status) not in STATUSES:
                reason = f"status {dated.status!r} is not one of {STATUSES}"
                raise InvalidDeclaration(f"parameter {self.name}", reason)
            if not dated.own("source", self.source).strip():
                raise InvalidDeclaration(f"parameter {self.name}", "source is empty")

    def in_force(self, as_of: date) -> DatedValue:
        """The value on that day; :class:`ParameterNotInForce` before the first one."""
        position = bisect_right([dated.valid_from for dated in self.values], as_of)
        if position == 0:
            first = self.values[0].valid_from.isoformat()
            raise ParameterNotInForce(name=self.name, as_of=as_of.isoformat(), first=first)
        return self.values[position - 1]


@dataclass(frozen=True, slots=True)
class ParameterInForce:
    """A parameter on one day, as stored with a run and shown in an explanation."""

    name: str
    symbol: str
    value: float
    unit: str
    low: float
    high: float
    distribution: str
    source: str
    page: str
    status: str
    valid_from: date
    meaning_zh: str
    meaning_en: str
    note: str

    def as_dict(self) -> dict[str, Any]:
        """Plain values; the date in ISO form."""
        plain = {name: getattr(self, name) for name in self.__slots__}
        return plain | {"valid_from": self.valid_from.isoformat()}


@dataclass(frozen=True, eq=False)  # loaded once, never changed: identity is equality, and may key a cache
class ParameterSet:
    """All parameters of a methodology version, through time."""

    parameters: Mapping[str, Parameter]

    @classmethod
    def load(cls, path: Path) -> ParameterSet:
        """Read and check a ``parameters.toml``; :class:`InvalidDeclaration` names parameter and fault."""
        with path.open("rb") as file:
            tables = tomllib.load(file)
        return cls({name: _parameter(name, table) for name, table in tables.items()})

    def __contains__(self, name: object) -> bool:
        return name in self.parameters

    def __iter__(self) -> Iterator[Parameter]:
        return iter(self.parameters.values())

    def get(self, name: str) -> Parameter:
        if name not in self.parameters:
            raise UnknownParameter(name=name)
        return self.parameters[name]

    def at(self, as_of: date) -> ParametersInForce:
        """The values on that day, with a fresh record of which of them get used."""
        return ParametersInForce(_in_force(self, as_of))

    def digest(self, as_of: date) -> str:
        """SHA-256 of the set in force that day (canonical JSON, sorted): what the authority signs."""
        return _digest(self, as_of)


@dataclass
class ParametersInForce:
    """Values by attribute, ``p.carbon_fraction``; each reading is recorded in ``used``."""

    table: Mapping[str, ParameterInForce]
    used: set[str] = field(default_factory=set)

    def __getattr__(self, name: str) -> float:
        if name.startswith("__"):  # copying and pickling probe for these
            raise AttributeError(name)
        return self[name]

    def __getitem__(self, name: str) -> float:
        value = self.describe(name).value
        self.used.add(name)
        return value

    def describe(self, name: str) -> ParameterInForce:
        """Everything about one parameter, without counting as use."""
        if name not in self.table:
            raise UnknownParameter(name=name)
        return self.table[name]

    def choose(
        self,
        selector: npt.NDArray[np.integer[Any]],
        names: tuple[str, ...],
        rows: npt.NDArray[np.bool_] | None = None,
        other: float = 0.0,
    ) -> npt.NDArray[np.float64]:
        """One value per row: ``names[selector[row]]``, and ``other`` where not ``rows``.

        Only the parameters some row selects count as used. Where every row selects the same, its value is
        repeated (:mod:`methodologies.cells`).
        """
        places = narrow(np.asarray(selector))
        if len(places) and not 0 <= places.min() <= places.max() < len(names):
            raise IndexError(f"a selector of {names} holds {places.min()} … {places.max()}")
        found = []
        for position, name in enumerate(names):
            here = places == position
            if rows is not None:
                here = here & rows
            if here.any():
                found.append((here, self[name]))
            if here.all():
                break
        if rows is None and found:  # the last value is that of all rows the others leave
            other = found.pop()[1]
        size = len(selector) if rows is None else max(len(selector), len(rows))
        chosen: npt.NDArray[np.float64] = repeated(np.float64(other), size)
        for here, value in found:
            chosen = repeated(np.float64(value), size) if here.all() else np.where(here, value, chosen)
        return chosen

    def used_table(self) -> tuple[ParameterInForce, ...]:
        return tuple(self.table[name] for name in sorted(self.used))


def _parameter(name: str, table: Any) -> Parameter:
    where = f"parameter {name}"
    if not isinstance(table, dict):
        raise InvalidDeclaration(where, "must be a table")
    missing, unknown = (_KEYS - {"note"}) - set(table), set(table) - _KEYS
    if missing or unknown:
        raise InvalidDeclaration(where, f"missing {sorted(missing)}, unknown {sorted(unknown)}")
    for text in (*_TEXTS, "note"):
        if not isinstance(table.get(text, ""), str):
            raise InvalidDeclaration(where, f"{text} must be text")
    values = [_dated(where, line) for line in table["values"]]
    texts = {text: table[text] for text in _TEXTS}
    low, high = _number(where, table["low"]), _number(where, table["high"])
    return Parameter(name=name, low=low, high=high, values=tuple(values), note=table.get("note", ""), **texts)


def _dated(where: str, line: Any) -> DatedValue:
    if not {"from", "value"} <= set(line) <= _DATED_KEYS or type(line["from"]) is not date:
        raise InvalidDeclaration(where, "values need a date 'from' and a number 'value'")
    own = {name: line[name] for name in _DATED_TEXTS if name in line}
    if not all(isinstance(text, str) for text in own.values()):
        raise InvalidDeclaration(where, f"{', '.join(own)} of a value must be text")
    own |= {name: _number(where, line[name]) for name in ("low", "high") if name in line}
    return DatedValue(line["from"], _number(where, line["value"]), **own)


def _number(where: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
        raise InvalidDeclaration(where, f"{value!r} is not a finite number")
    return float(value)


@lru_cache(maxsize=256)
def _in_force(parameters: ParameterSet, as_of: date) -> Mapping[str, ParameterInForce]:
    table = {}
    for parameter in parameters:
        dated = parameter.in_force(as_of)
        table[parameter.name] = ParameterInForce(
            name=parameter.name,
            symbol=parameter.symbol,
            value=dated.value,
            unit=parameter.unit,
            low=dated.own("low", parameter.low),
            high=dated.own("high", parameter.high),
            distribution=parameter.distribution,
            source=dated.own("source", parameter.source),
            page=dated.own("page", parameter.page),
            status=dated.own("status", parameter.status),
            valid_from=dated.valid_from,
            meaning_zh=parameter.meaning_zh,
            meaning_en=parameter.meaning_en,
            note=dated.own("note", parameter.note),
        )
    return table


@lru_cache(maxsize=256)
def _digest(parameters: ParameterSet, as_of: date) -> str:
    table = _in_force(parameters, as_of)
    plain = [table[name].as_dict() for name in sorted(table)]
    text = json.dumps(plain, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
