"""Rows of camellia for its tests, and the two ways of running them."""

from __future__ import annotations

from datetime import date
from typing import Any

import pandas as pd
import pytest

from methodologies import registry
from methodologies.contract import Quantification, run
from methodologies.errors import InvalidRows

CAMELLIA = registry()["camellia_oil_v1"]
PERIOD = (date(2021, 1, 1), date(2025, 1, 1))
PLAIN: dict[str, Any] = {
    "area_ha": 2.0,
    "activity": "new_planting",
    "planting_year": 2017,
    "route": "default",
    "former_land_use": "annual_crop",
    "cleared_stock_t_per_ha": 0.0,
    "n_synthetic_kg_per_ha_per_year": 0.0,
    "n_organic_kg_per_ha_per_year": 0.0,
    "diesel_l": 0.0,
}
PLANTS = {
    "plants_per_ha": 1200.0, "diameter_start_cm": 3.0, "height_start_m": 1.6,
    "diameter_end_cm": 4.5, "height_end_m": 2.0, "uncertainty_pct": 9.0,
}  # fmt: skip


def go(
    *rows: dict[str, Any], period: tuple[date, date] = PERIOD, tables: dict[str, Any] | None = None
) -> Quantification:
    frame = pd.DataFrame([PLAIN | row for row in rows], index=[f"P{n}" for n in range(len(rows))])
    return run(CAMELLIA, frame, period=period, as_of=date(2026, 1, 1), tables=tables)


def refusal(*rows: dict[str, Any], **more: Any) -> InvalidRows:
    with pytest.raises(InvalidRows) as caught:
        go(*rows, **more)
    return caught.value
