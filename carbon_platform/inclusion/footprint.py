"""A person's own footprint (个人碳足迹): declared equations over a year's quantities, nothing hidden.

    grams = quantity × factor, divided by the persons of the household where an item is shared

Factors, ranges, sources and statuses are in ``data/footprint.toml``. The result is an estimate for
oneself. It is never mixed with reductions: what one avoided is not taken off what one emitted.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from carbon_platform.errors import NotFound
from carbon_platform.identity.rules import Actor
from carbon_platform.identity.service import audit
from carbon_platform.inclusion.errors import FootprintInvalid
from carbon_platform.inclusion.tables import Footprint

_FILE = Path(__file__).with_name("data") / "footprint.toml"
PERSONS_MAX = 20
YEARS = range(2020, 2101)


@dataclass(frozen=True)
class Item:
    """One thing that is asked for, with its factor in grams per unit and the range of its readings."""

    code: str
    name_zh: str
    name_en: str
    unit_zh: str
    unit_en: str
    high: int
    shared: bool
    factor_g: float
    low_g: float
    high_g: float
    factor_unit: str
    source: str
    status: str


@dataclass(frozen=True)
class Line:
    """One item of a result: whole grams, their range, and the equation with its numbers."""

    item: Item
    quantity: int
    grams: int
    low_g: int
    high_g: int
    equation: str


@dataclass(frozen=True)
class Result:
    """A year's footprint: the sum of its lines, grams."""

    persons: int
    lines: tuple[Line, ...]

    @property
    def total_g(self) -> int:
        return sum(line.grams for line in self.lines)

    @property
    def low_g(self) -> int:
        return sum(line.low_g for line in self.lines)

    @property
    def high_g(self) -> int:
        return sum(line.high_g for line in self.lines)


@cache
def _data() -> dict[str, Any]:
    return tomllib.loads(_FILE.read_text(encoding="utf-8"))


@cache
def items() -> tuple[Item, ...]:
    """What the calculator asks for, in order."""
    return tuple(Item(**row) for row in _data()["item"])


def version() -> str:
    return str(_data()["version"])


def boundary() -> tuple[str, str]:
    """What is in and what is not, zh and en."""
    return _data()["boundary_zh"], _data()["boundary_en"]


def compute(quantities: Mapping[str, int], persons: int) -> Result:
    """From whole quantities a year, by item code; missing ones are zero and leave no line.

    Errors: ``FootprintInvalid`` naming each unknown item and each quantity out of range.
    """
    known = {item.code: item for item in items()}
    errors = [_unknown(code) for code in quantities if code not in known]
    errors += [
        _outside(item, quantities[item.code])
        for item in items()
        if not 0 <= quantities.get(item.code, 0) <= item.high
    ]
    if not 1 <= persons <= PERSONS_MAX:
        errors.append(
            {
                "field": "persons", "value": persons, "range": f"1–{PERSONS_MAX}",
                "zh": f"家里人数填了 {persons}，应为 1 到 {PERSONS_MAX}。",
                "en": f"persons is {persons}; give 1 to {PERSONS_MAX}.",
            }
        )  # fmt: skip
    if errors:
        raise FootprintInvalid(count=len(errors), errors=errors)
    lines = [_line(item, quantities[item.code], persons) for item in items() if quantities.get(item.code)]
    return Result(persons, tuple(lines))


def _line(item: Item, quantity: int, persons: int) -> Line:
    divided_by = persons if item.shared else 1

    def grams(factor: float) -> int:
        # The decimal the file says, not the nearest binary fraction; half a gram rounds up.
        exact = quantity * Fraction(str(factor)) / divided_by
        return int(exact + Fraction(1, 2))

    whole = grams(item.factor_g)
    share = f" ÷ {persons}" if divided_by > 1 else ""
    equation = f"{quantity:,} × {item.factor_g:g} {item.factor_unit}{share} = {whole:,} g"
    return Line(item, quantity, whole, grams(item.low_g), grams(item.high_g), equation)


def _unknown(code: str) -> dict[str, Any]:
    known = "、".join(item.code for item in items())
    return {
        "field": code, "value": code, "range": known,
        "zh": f"没有 {code} 这一项。可填：{known}。",
        "en": f"There is no item {code}. Known: {known}.",
    }  # fmt: skip


def _outside(item: Item, quantity: int) -> dict[str, Any]:
    return {
        "field": item.code, "value": quantity, "unit": item.unit_zh, "range": f"0–{item.high}",
        "zh": f"“{item.name_zh}”填了 {quantity} {item.unit_zh}，应在 0 到 {item.high} 之间。"
        "请核对是不是填错了单位。",
        "en": f"{item.name_en} is {quantity} {item.unit_en}; give 0 to {item.high}. Check the unit.",
    }  # fmt: skip


def keep(
    session: Session, actor: Actor, *, year: int, persons: int, quantities: Mapping[str, int], now: datetime
) -> Footprint:
    """Compute and keep a person's footprint of a year; the same year again replaces it. Errors: as above."""
    result = compute(quantities, persons)
    row = session.get(Footprint, (actor.holder, year))
    if row is None:
        row = Footprint(holder=actor.holder, year=year)
        session.add(row)
    row.factor_set, row.persons = version(), persons
    row.quantities = {line.item.code: line.quantity for line in result.lines}
    row.total_g, row.low_g, row.high_g, row.made_at = result.total_g, result.low_g, result.high_g, now
    session.flush()
    audit(session, actor, "footprint.keep", object_kind="footprint", object_id=f"{year}", now=now)
    return row


def find(session: Session, holder: str, year: int) -> Footprint | None:
    """A person's footprint of a year."""
    return session.get(Footprint, (holder, year))


def forget(session: Session, actor: Actor, year: int, *, now: datetime) -> None:
    """Delete a person's footprint of a year. Errors: ``NotFound``."""
    row = session.get(Footprint, (actor.holder, year)) if year in YEARS else None
    if row is None:
        raise NotFound(what="碳足迹", key=year)
    session.delete(row)
    session.flush()
    audit(session, actor, "footprint.forget", object_kind="footprint", object_id=f"{year}", now=now)
