"""Which fields of a parcel a row says otherwise than the register. Values in, values out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

FIELD_NAMES: Final = {
    "geometry": ("边界", "border"),
    "status": ("状态", "state"),
    "kind": ("资源", "what grows there"),
    "stated_area_m2": ("登记面积", "stated area"),
    "right_holder": ("权利人", "right holder"),
    "species": ("树种", "species"),
    "species_code": ("树种代码", "species code"),
    "land_class": ("地类", "land class"),
    "land_class_code": ("地类代码", "land-class code"),
    "planting_year": ("造林年度", "year of planting"),
    "mean_age_years": ("平均年龄", "mean age"),
}
# Read from other fields, or compared as a whole under another name.
_DERIVED: Final = frozenset({"area", "area_unit", "species_zh", "township_code", "village_code"})
# Stated areas are printed to 0.01 m²; less than half a square metre is rounding of 公顷 and 亩.
_AREA_STEP_M2: Final = 0.5


def changed_fields(said: Mapping[str, Any], registered: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Fields a row says otherwise than the register, each with ``field``, ``before`` and ``after``.

    A field the row says nothing of stays as it is. Cells are compared as text, areas to half a square metre.
    """
    before = {**registered.get("attributes", {}), **registered}
    found = []
    for name, after in said.items():
        if name in _DERIVED or after is None or not registered:
            continue
        old = before.get(name)
        if name == "stated_area_m2" and old is not None and abs(float(after) - float(old)) < _AREA_STEP_M2:
            continue
        if str(after) != ("" if old is None else str(old)):
            found.append({"field": name, "before": old, "after": after})
    return found


def field_names(names: Iterable[str]) -> tuple[str, str]:
    """Names of fields for people, in Chinese and English; a field without a name keeps its own."""
    words = [FIELD_NAMES.get(name, (name, name)) for name in names]
    return "、".join(zh for zh, _ in words), ", ".join(en for _, en in words)
