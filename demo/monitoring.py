"""Monitoring data of the demo parcels. Every reading is made up (``illustrative``), drawn from a seed
around the values the domain's sources give: nitrogen of grower guides, ratoon calendars of Guangshan
and Shangcheng 2018–2024 (transplanting in April, main harvest in early August, ratoon in October).
"""

from __future__ import annotations

from typing import Any

import numpy as np

Row = dict[str, Any]


def camellia(parcels: list[dict[str, Any]], *, seed: int) -> list[Row]:
    """Readings of a two-year period for parcels (``code``, ``area_m2``, ``planting_year``).

    One parcel in forty is fertilised at 420 kg N/ha: it emits more than it stores and stays in the sum.
    """
    random = np.random.default_rng(seed)
    rows = []
    for number, parcel in enumerate(parcels):
        heavy = number % 40 == 17
        area_ha = parcel["area_m2"] / 10_000
        rows.append(
            {
                "parcel_code": parcel["code"],
                "activity": "new_planting",
                "planting_year": parcel["planting_year"],
                "route": "default",
                "former_land_use": "annual_crop",
                "cleared_stock_t_per_ha": 0.0,
                "n_synthetic_kg_per_ha_per_year": 420.0 if heavy else float(random.integers(20, 70)),
                "n_organic_kg_per_ha_per_year": float(random.integers(0, 40)),
                "diesel_l": round(area_ha * float(random.uniform(4, 12)), 1),
            }
        )
    return rows


def ratoon_rice(parcels: list[dict[str, Any]], *, seed: int) -> list[Row]:
    """Readings of one rice year: ratoon before, now drained more often (A1); one in thirty was single
    rice before (A3), emits more than its baseline and stays in the sum."""
    random = np.random.default_rng(seed)
    rows = []
    for number, parcel in enumerate(parcels):
        was_single = number % 30 == 11
        area_ha = parcel["area_m2"] / 10_000
        day = int(random.integers(0, 8))
        row: Row = {
            "parcel_code": parcel["code"],
            "activity": "A3" if was_single else "A1",
            "previous_flood_end_date": "2024-09-20" if was_single else "2024-10-15",
            "main_land_prep_date": f"2025-04-{8 + day:02d}",
            "main_harvest_date": f"2025-08-{3 + day:02d}",
            "ratoon_harvest_date": f"2025-10-{9 + day:02d}",
            "ratoon_drainage_date": f"2025-10-{9 + day:02d}",
            "base1_nonflooded_days": 242 if was_single else 177,
            "base1_cultivation_days": 123.0 if was_single else 117.0,
            "main_regime": "multiple",
            "ratoon_regime": "multiple",
            "base1_regime": "single",
            "main_n_kg_per_ha": float(random.integers(150, 180)),
            "ratoon_n_kg_per_ha": float(random.integers(95, 115)),
            "base1_n_kg_per_ha": 165.0,
            "main_straw_long_t_per_ha": 4.0,
            "base1_straw_long_t_per_ha": 4.0,
            "diesel_l": round(area_ha * 72, 1),
            "baseline_diesel_l": round(area_ha * 72, 1),
            "yield_t_per_ha": 13.1,
            "baseline_yield_t_per_ha": 9.0 if was_single else 13.0,
        }
        if not was_single:
            row |= {"base2_regime": "single", "base2_cultivation_days": 66.0, "base2_n_kg_per_ha": 110.0}
        rows.append(row)
    return rows
