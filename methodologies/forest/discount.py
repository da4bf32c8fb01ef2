"""Discounts for sampling uncertainty (不确定性扣减): three published schemes over bands of U.

A scheme gives its limits and rates as parameters, so that a run records their source and status, and its
bands as cases of a step, so that the printed equation is the computed one. The discount is always a *share
of the estimate*:

- ``cn_arcm``: the rate itself (0 / 6 / 11 %); U above the last limit is refused (add plots).
- ``ar_tool14``: rate × U, for the rate (0 / 25 / 50 / 75 / 100 %) is of the half-width.
- ``gs403``: what U exceeds 20 % by.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from methodologies.cells import either
from methodologies.declaration import Case
from methodologies.parameters import DatedValue, Parameter, ParametersInForce

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
_IN_FORCE = date(2013, 11, 1)


@dataclass(frozen=True)
class DiscountScheme:
    """One table: ``limits_pct`` are upper-inclusive ends of bands, ``rates`` one per band."""

    name: str
    applies_to: str
    refused_above_last: bool
    limits_pct: tuple[float, ...]
    rates: tuple[float, ...]
    source: str
    page: str
    status: str

    @property
    def limit_names(self) -> tuple[str, ...]:
        """Parameter names of the limits, ``cn_arcm_limit_1_pct`` …"""
        return tuple(f"{self.name}_limit_{k}_pct" for k in range(1, len(self.limits_pct) + 1))

    @property
    def rate_names(self) -> tuple[str, ...]:
        """Parameter names of the rates, ``cn_arcm_rate_1`` …"""
        return tuple(f"{self.name}_rate_{k}" for k in range(1, len(self.rates) + 1))

    def parameters(self) -> dict[str, Parameter]:
        """Limits (%) and rates (1) as parameters, to be joined to a methodology's set."""
        rows = [
            *(
                (
                    name,
                    f"U_{k}",
                    "%",
                    value,
                    f"不确定性第 {k} 档上限（含）",
                    f"end of uncertainty band {k}, inclusive",
                )
                for k, (name, value) in enumerate(zip(self.limit_names, self.limits_pct, strict=True), 1)
            ),
            *(
                (name, f"d_{k}", "1", value, f"第 {k} 档扣减率", f"discount rate of uncertainty band {k}")
                for k, (name, value) in enumerate(zip(self.rate_names, self.rates, strict=True), 1)
            ),
        ]
        return {
            name: Parameter(
                name, symbol, unit, value, value, "fixed", self.source, self.page, self.status,
                (DatedValue(_IN_FORCE, value),), zh, en,
            )
            for name, symbol, unit, value, zh, en in rows
        }  # fmt: skip

    def share(self, uncertainty_pct: Any, p: ParametersInForce, rows: Mask | None = None) -> Array:
        """The discount as a share of the estimate; ``uncertainty_pct`` in %, one per row; 0 where not
        ``rows``."""
        u = np.asarray(uncertainty_pct, dtype=np.float64)
        limits = [p[name] for name in self.limit_names]
        bands = np.zeros(len(u), dtype=np.int8)
        for limit in limits:
            bands += u > limit
        if self.refused_above_last:  # check() has refused what lies beyond the last limit
            bands = np.minimum(bands, np.int8(len(self.rates) - 1))
        rates = p.choose(bands, self.rate_names, rows)
        match self.applies_to:
            case "estimate":
                return rates
            case "half_width":
                return np.asarray(rates * u / 100)
            case _:
                shares = rates * (u - limits[-1]) / 100
                return np.asarray(shares if rows is None else either(rows, shares, 0.0))

    def cases(self, uncertainty: str = "uncertainty_pct") -> tuple[Case, ...]:
        """The same as cases of a :class:`~methodologies.declaration.Step` over the column ``uncertainty``."""
        formulas = [self._formula(rate, uncertainty) for rate in self.rate_names]
        conditions = [f"{{{uncertainty}}} <= {{{limit}}}" for limit in self.limit_names][: len(formulas) - 1]
        return (*map(Case, conditions, formulas[:-1]), Case("", formulas[-1]))

    def _formula(self, rate: str, uncertainty: str) -> str:
        match self.applies_to:
            case "estimate":
                return f"{{{rate}}}"
            case "half_width":
                return f"{{{rate}}} * {{{uncertainty}}} / 100"
            case _:
                return f"{{{rate}}} * ({{{uncertainty}}} - {{{self.limit_names[-1]}}}) / 100"


def _load(path: Path) -> dict[str, DiscountScheme]:
    tables = tomllib.loads(path.read_text(encoding="utf-8"))
    return {
        name: DiscountScheme(
            name,
            table["applies_to"],
            table["refused_above_last"],
            tuple(map(float, table["limits_pct"])),
            tuple(map(float, table["rates"])),
            table["source"],
            table["page"],
            table["status"],
        )
        for name, table in tables.items()
    }


SCHEMES = _load(Path(__file__).parent / "discount.toml")
