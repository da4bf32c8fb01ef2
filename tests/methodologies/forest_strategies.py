"""Makes drawn rows of ``ccer_afforestation_v1`` eligible and consistent, touching as little as possible."""

from __future__ import annotations

from datetime import date
from typing import Any

from methodologies.ccer_afforestation_v1.groups import KEY_ZONE_COUNTIES, SLOPES


def eligible(row: dict[str, Any]) -> dict[str, Any]:
    """A row every check accepts; amounts, routes, classes and pools stay as drawn."""
    if row["forest_category"] in {"economic", "energy"}:
        row["forest_category"] = "protection"
    row["site"] = "planned_forest_land"
    row["not_forest_years"] = max(row["not_forest_years"], 3.0)
    for name in ("tenure_clear", "scattered_trees_kept", "lawful"):
        row[name] = True
    for name in ("regeneration", "wetland", "repeated_disturbance", "burning", "agriculture_displaced"):
        row[name] = False
    row["shrub_removed_pct"] = min(row["shrub_removed_pct"], 20.0)
    stated = row["stated_area_mu"] > 1 and row["registered_area_ha"] > 1e-9
    row["stated_area_mu"] = row["registered_area_ha"] * 15 if stated else 0.0
    row["continuous_area_ha"] = max(row["continuous_area_ha"], row["registered_area_ha"], 0.0667)
    row["project_start_date"] = date(2014 + row["project_start_date"].month, 3, 1)
    if row["project_start_date"] > date(2025, 1, 1):
        row["project_start_date"] = date(2025, 1, 1)
    row["crediting_start_date"] = date(min(row["project_start_date"].year + 1, 2025), 1, 1)
    row["crediting_end_date"] = date(row["crediting_start_date"].year + 20, 1, 1)
    row["planting_year"] = min(row["planting_year"], 2026)
    if row["additionality"] == "low_precipitation":
        row["county"] = "other"
    if row["additionality"] == "key_ecological_zone":
        row["county"] = KEY_ZONE_COUNTIES[0]
    if row["additionality"] == "public_welfare_forest":
        row["forest_category"] = "protection"
    row["uncertainty_pct"] = row["uncertainty_pct"] % 30
    if row["land_use_before"] == "paddy":
        row["land_use_before"] = "native"
    row["regional_forest_t_per_ha"] = row["regional_forest_t_per_ha"] or 60.0
    row["burned_ha"] = min(row["burned_ha"], row["area_ha"])
    row["rate_reason"] = "已复核"
    return _routes(row)


def _routes(row: dict[str, Any]) -> dict[str, Any]:
    if row["tree_route"] != "measured" and row["root_route"] == "measured":
        row["root_route"] = "ar_tool14"
    if row["tree_route"] == "measured" and row["root_route"] != "measured":
        row["bgb_start_t_per_ha"] = row["bgb_end_t_per_ha"] = 0.0
    if row["root_route"] == "temperate_oak":
        row["agb_start_t_per_ha"] = max(row["agb_start_t_per_ha"], 71.0)
        row["agb_end_t_per_ha"] = max(row["agb_end_t_per_ha"], 71.0)
        row["volume_start_m3_per_ha"] = max(row["volume_start_m3_per_ha"], 120.0)
        row["volume_end_m3_per_ha"] = max(row["volume_end_m3_per_ha"], 120.0)
    if row["tree_route"] == "volume_slope":
        row["species"] = row["species"] if row["species"] in SLOPES else "oak"
        row["pool_dead_wood"] = row["pool_litter"] = False
    return row
