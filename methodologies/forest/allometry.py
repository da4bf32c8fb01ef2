"""Single-tree biomass equations (单木生物量方程): W = a·x^b per organ, out of ``allometry.toml``.

Every coefficient is a parameter (source, status, date in force): join :func:`species_parameters` to the
methodology's set, and a run records which equations it used and whether they may issue.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from methodologies.errors import InvalidDeclaration
from methodologies.parameters import STATUSES, DatedValue, Parameter, ParametersInForce

Array = npt.NDArray[np.float64]
Coefficients = Mapping[str, tuple[float, float]]
_IN_FORCE = date(2020, 1, 1)
_ORGANS = ("stem", "branch", "leaf", "above", "root")
_ORGAN_ZH = {"stem": "树干", "branch": "树枝", "leaf": "树叶", "above": "地上部分", "root": "根"}


@dataclass(frozen=True)
class Equation:
    """The equations of one species. ``d2h``/``d``: organ → (a, b) over D²H (cm²·m) or D (cm), W in kg.

    Ranges are those of the sample (None: the source gives none); ``d`` may be empty.
    """

    code: str
    name_zh: str
    name_en: str
    d2h: Coefficients
    d: Coefficients
    d_low: float | None
    d_high: float | None
    h_low: float | None
    h_high: float | None
    d2h_low: float | None
    d2h_high: float | None
    source: str
    page: str
    status: str
    note: str = ""

    @property
    def includes_roots(self) -> bool:
        """Whether whole tree = Σ organs (then never multiply by 1 + R)."""
        return "root" in (self.d2h or self.d)

    def coefficient_names(self, predictor: str, organ: str) -> tuple[str, str]:
        """Parameter names of a and b: ``masson_pine_stem_a``, ``poplar_d_stem_b`` (D-only form)."""
        middle = "" if predictor == "d2h" else "d_"
        return f"{self.code}_{middle}{organ}_a", f"{self.code}_{middle}{organ}_b"

    def parameters(self) -> dict[str, Parameter]:
        """Every coefficient of both forms as a parameter."""
        found: dict[str, Parameter] = {}
        for predictor, organs in (("d2h", self.d2h), ("d", self.d)):
            unit = "kg/(cm²·m)^b" if predictor == "d2h" else "kg/cm^b"
            for organ, values in organs.items():
                names = self.coefficient_names(predictor, organ)
                for name, letter, value, its_unit in zip(names, "ab", values, (unit, "1"), strict=True):
                    found[name] = Parameter(
                        name, f"{letter}_{organ}", its_unit, value, value, "fixed", self.source, self.page,
                        self.status, (DatedValue(_IN_FORCE, value),),
                        f"{self.name_zh}{_ORGAN_ZH[organ]}生物量方程系数 {letter}",
                        f"{self.name_en}: coefficient {letter} of the {organ} biomass equation", self.note,
                    )  # fmt: skip
        return found


def organ_mass(
    equation: Equation, predictor: str, organ: str, dbh_cm: Any, height_m: Any, p: ParametersInForce
) -> Array:
    """Dry mass of one organ, kg, ``W = a·x^b``; ``predictor`` is ``d2h`` or ``d`` (height not used)."""
    d = np.asarray(dbh_cm, dtype=np.float64)
    x = d if predictor == "d" else d * d * np.asarray(height_m, dtype=np.float64)
    a, b = equation.coefficient_names(predictor, organ)
    mass: Array = p[a] * x ** p[b]
    return mass


def tree_mass(
    equation: Equation, predictor: str, dbh_cm: Any, height_m: Any, p: ParametersInForce
) -> tuple[Array, Array]:
    """(above-ground, roots) of trees of one species, kg d.m.; roots are NaN where the equation has none."""
    organs = equation.d2h if predictor == "d2h" else equation.d
    if not organs:
        raise InvalidDeclaration(f"equation {equation.code}", f"it has no form over {predictor}")
    mass = {organ: organ_mass(equation, predictor, organ, dbh_cm, height_m, p) for organ in organs}
    roots = mass.pop("root", np.full(np.shape(dbh_cm), np.nan))
    above: Array = np.asarray(sum(mass.values(), np.zeros(np.shape(dbh_cm))))
    return above, roots


def species_parameters(codes: Iterable[str]) -> dict[str, Parameter]:
    """The coefficients of these species, to be joined: ``ParameterSet({**own.parameters, **these})``."""
    return {name: parameter for code in codes for name, parameter in EQUATIONS[code].parameters().items()}


def _coefficients(code: str, table: Mapping[str, Any]) -> dict[str, tuple[float, float]]:
    strange = set(table) - set(_ORGANS)
    if strange:
        raise InvalidDeclaration(f"equation {code}", f"unknown organs {sorted(strange)}")
    return {organ: (float(a), float(b)) for organ, (a, b) in table.items()}


def _equation(code: str, table: Mapping[str, Any]) -> Equation:
    if table["status"] not in STATUSES:
        raise InvalidDeclaration(f"equation {code}", f"status {table['status']!r} is not one of {STATUSES}")
    bounds = {name: table.get(name) for name in ("d_low", "d_high", "h_low", "h_high", "d2h_low", "d2h_high")}
    return Equation(
        code=code,
        name_zh=table["name_zh"],
        name_en=table["name_en"],
        d2h=_coefficients(code, table.get("d2h", {})),
        d=_coefficients(code, table.get("d", {})),
        source=table["source"],
        page=table["page"],
        status=table["status"],
        note=table.get("note", ""),
        **bounds,
    )


def _load(path: Path) -> dict[str, Equation]:
    tables = tomllib.loads(path.read_text(encoding="utf-8"))
    return {code: _equation(code, table) for code, table in tables.items()}


EQUATIONS = _load(Path(__file__).parent / "allometry.toml")
