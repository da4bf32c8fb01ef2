"""Electricity factors (电力排放因子): a register with data year, purpose, notice and date in force.

Which table applies depends on the purpose; several look alike. A region, purpose or day without a figure is
refused, never filled from a neighbour.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from methodologies.errors import InvalidDeclaration, MethodologyError
from methodologies.parameters import STATUSES, Parameter

GRAMS_PER_KG = 1000


class NoGridFactor(MethodologyError):
    """There is no electricity factor for this region, purpose and day; none is guessed."""

    code = "methodology.no_grid_factor"
    zh = "没有适用的电力排放因子：地区 {region}，用途 {purpose}，日期 {on}。可用：{known}。不得用别处代替。"
    en = (
        "No electricity factor for region {region}, purpose {purpose}, day {on}. Known: {known}. "
        "Another region's may not stand in."
    )


@dataclass(frozen=True, slots=True)
class GridFactor:
    """One figure of one notice. ``purposes`` empty: kept for comparison, used for nothing."""

    region: str
    name_zh: str
    name_en: str
    data_year: int
    kg_per_kwh: float
    notice_no: str
    valid_from: date
    purposes: tuple[str, ...]
    status: str
    source: str
    note: str = ""

    @property
    def g_per_kwh(self) -> float:
        """The figure in g CO2/kWh, to the printed digit."""
        return round(self.kg_per_kwh * GRAMS_PER_KG, 1)


def load_grid(path: Path) -> tuple[GridFactor, ...]:
    """Every figure of ``grid_factors.toml``; :class:`InvalidDeclaration` for one that is incomplete, stands
    twice for a region and year, or has an unknown status."""
    with path.open("rb") as file:
        document = tomllib.load(file)
    found: list[GridFactor] = []
    seen: set[tuple[str, int]] = set()
    for notice in document["notice"]:
        for line in notice["factor"]:
            region = document["region"].get(line["region"])
            where = f"grid factor {line['region']} {notice['data_year']}"
            key = (line["region"], notice["data_year"])
            if region is None or key in seen or line["status"] not in STATUSES:
                raise InvalidDeclaration(where, "the region or status is unknown, or it stands twice")
            seen.add(key)
            found.append(
                GridFactor(
                    region=line["region"],
                    name_zh=region["name_zh"],
                    name_en=region["name_en"],
                    data_year=notice["data_year"],
                    kg_per_kwh=line["kg_per_kwh"],
                    notice_no=notice["notice_no"],
                    valid_from=notice["valid_from"],
                    purposes=tuple(region["purposes"]),
                    status=line["status"],
                    source=notice["source"],
                    note=line.get("note", ""),
                )
            )
    return tuple(sorted(found, key=lambda factor: (factor.region, factor.data_year)))


def grid_factor(factors: Sequence[GridFactor], region: str, *, purpose: str, on: date) -> GridFactor:
    """The figure in force on a day; :class:`NoGridFactor` where there is none."""
    fit = [f for f in factors if f.region == region and purpose in f.purposes and f.valid_from <= on]
    if not fit:
        known = sorted({f.region for f in factors if purpose in f.purposes})
        raise NoGridFactor(region=region, purpose=purpose, on=on.isoformat(), known="、".join(known) or "—")
    return max(fit, key=lambda factor: factor.valid_from)


def demand_same(factors: Sequence[GridFactor], parameter: Parameter, *, region: str, purpose: str) -> None:
    """A parameter and the register must say the same on every day; :class:`InvalidDeclaration` if not."""
    registered = [
        (f.valid_from, f.g_per_kwh) for f in factors if f.region == region and purpose in f.purposes
    ]
    if sorted(registered) != [(dated.valid_from, dated.value) for dated in parameter.values]:
        raise InvalidDeclaration(f"parameter {parameter.name}", f"differs from the register: {registered}")
