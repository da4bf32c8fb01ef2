"""Rice and cropland in a city inventory (农业清单), by the provincial guideline (省级温室气体清单编制指南).

For inventories only. The factors are fixed by region and rice type and already average mixed water
management: the difference of two of them is never a project's reduction, and no methodology reads them. Henan
is Central-South (中南) for rice and region III for cropland. An inventory series is recalculated as a whole
when the edition changes, so every result carries its edition. A ratoon field has no row of its own; an
inventory by this edition counts one single-rice area (a question of policy, open).
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from methodologies.errors import MethodologyError

_FACTORS = Path(__file__).parent / "factors.toml"
_N2O_PER_N = 44 / 28


class FactorNotEntered(MethodologyError):
    code = "methodology.inventory_factor_not_entered"
    zh = "清单指南 {edition} 版没有 {table} 的 {region} / {kind} 因子。已有：{known}。请更正或先补充因子。"
    en = "Edition {edition} holds no {table} factor for {region} / {kind}. Entered: {known}. Correct it."


class AmountNotUsable(MethodologyError):
    code = "methodology.inventory_amount_not_usable"
    zh = "清单活动水平 {name} 为 {value}，应为不小于 0 的数（{unit}）。请核对后改正。"
    en = "The inventory amount {name} is {value}; it must be a number of at least 0 ({unit}). Correct it."


class InventoryResult(NamedTuple):
    """Mass of gas in t, with what it rests on."""

    mass_t: float
    gas: str
    edition: str
    source: str
    status: str


def rice_ch4(areas_ha: Mapping[str, float], *, region: str, edition: str) -> InventoryResult:
    """CH4 of a year's rice: ``Σ_type sown area [ha] · EF [kg/ha] / 1000``.

    ``areas_ha``: sown area by rice type (``single``, ``double_early``, ``double_late``); a double-cropped
    field counts in both. :class:`FactorNotEntered` for a type, region or edition without a factor,
    :class:`AmountNotUsable` for an area that is negative or no number.
    """
    for kind, area in areas_ha.items():
        _check(kind, area, "ha")
    parts = [area * _value(edition, "rice_kg_per_ha", region, kind) for kind, area in areas_ha.items()]
    return _result(math.fsum(parts) / 1000, "CH4", edition)


def cropland_n2o(nitrogen_kg: float, *, region: str, edition: str) -> InventoryResult:
    """Direct N2O of cropland: nitrogen × factor (kg N2O-N/kg N) × 44/28, in t. ``region``: ``i`` … ``vi``.

    Raises as :func:`rice_ch4` does.
    """
    _check("nitrogen", nitrogen_kg, "kg N")
    factor = _value(edition, "cropland_n2o", region, "direct")
    return _result(nitrogen_kg * factor * _N2O_PER_N / 1000, "N2O", edition)


def _check(name: str, value: float, unit: str) -> None:
    if not (math.isfinite(value) and value >= 0):
        raise AmountNotUsable(name=name, value=value, unit=unit)


def _result(mass_t: float, gas: str, edition: str) -> InventoryResult:
    table = _factors().get(f"edition_{edition}")
    if table is None:
        raise FactorNotEntered(edition=edition, table="—", region="—", kind="—", known=", ".join(_factors()))
    return InventoryResult(mass_t, gas, edition, table["source"], table["status"])


def _value(edition: str, table: str, region: str, kind: str) -> float:
    regions: dict[str, Any] = _factors().get(f"edition_{edition}", {}).get(table, {})
    kinds = regions.get(region, {})
    if kind not in kinds or kind == "name_zh":
        known = ", ".join(sorted(set(kinds) - {"name_zh"})) or ", ".join(regions) or "—"
        raise FactorNotEntered(edition=edition, table=table, region=region, kind=kind, known=known)
    return float(kinds[kind]["value"])


@cache
def _factors() -> dict[str, Any]:
    return tomllib.loads(_FACTORS.read_text(encoding="utf-8"))
