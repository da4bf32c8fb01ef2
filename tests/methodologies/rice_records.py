"""Rows, season records and water logs of a small rice project, for the tests."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pandas as pd

from methodologies import registry
from methodologies.contract import Quantification, run

RICE = registry()["ratoon_rice_v1"]
PERIOD = (date(2025, 1, 1), date(2026, 1, 1))
AS_OF = date(2026, 1, 1)
Record = dict[str, Any]


def go(rows: pd.DataFrame, **tables: pd.DataFrame) -> Quantification:
    return run(RICE, rows, period=PERIOD, as_of=AS_OF, tables=tables or None)


def row(**changes: Any) -> pd.DataFrame:
    """One hectare of A1: the main season now drained more often."""
    cells: Record = {
        "area_ha": 1.0, "activity": "A1", "previous_flood_end_date": "2024-10-15",
        "main_land_prep_date": "2025-04-10", "main_harvest_date": "2025-08-08",
        "ratoon_harvest_date": "2025-10-13", "ratoon_drainage_date": "2025-10-13",
        "base1_nonflooded_days": 177, "base1_cultivation_days": 120.0, "base2_cultivation_days": 66.0,
        "main_regime": "multiple", "ratoon_regime": "single", "base1_regime": "single",
        "base2_regime": "single", "main_n_kg_per_ha": 165.0, "ratoon_n_kg_per_ha": 110.0,
        "base1_n_kg_per_ha": 165.0, "base2_n_kg_per_ha": 110.0, "diesel_l": 50.0,
        "baseline_diesel_l": 50.0, "yield_t_per_ha": 13.0, "baseline_yield_t_per_ha": 13.0,
    }  # fmt: skip
    return pd.DataFrame([cells | changes], index=["P1"])


def figure(name: str, **changes: Any) -> float:
    return float(go(row(**changes)).frame.loc["P1", name])


def cell(result: Quantification, name: str) -> Any:
    return result.frame.loc["P1", name]


def single_rice(**changes: Any) -> Record:
    """The changes that make :func:`row` an A3 row."""
    second = {"base2_cultivation_days": 0.0, "base2_n_kg_per_ha": 0.0, "base2_regime": "unknown"}
    return {"activity": "A3", "base1_n_kg_per_ha": 180.0, "baseline_yield_t_per_ha": 9.0} | second | changes


def record(year: int, season: str, scenario: str = "lookback", **changes: Any) -> Record:
    """One season of parcel P1, in the calendar of Guangshan and Shangcheng."""
    dates = {
        "single": (f"{year - 1}-09-20", f"{year}-05-20", f"{year}-09-20"),
        "early": (f"{year - 1}-10-20", f"{year}-04-10", f"{year}-07-15"),
        "late": (None, f"{year}-07-18", f"{year}-10-25"),
        "main": (f"{year - 1}-10-15", f"{year}-04-10", f"{year}-08-08"),
        "ratoon": (None, None, f"{year}-10-13"),
    }[season]
    cells: Record = {
        "row": "P1", "year": year, "season": season, "scenario": scenario,
        "previous_flood_end_date": dates[0], "land_prep_date": dates[1], "harvest_date": dates[2],
        "regime": "single", "evidence_tier": 1, "yield_t_per_ha": 4.0 if season == "ratoon" else 9.0,
        "n_kg_per_ha": 110.0 if season == "ratoon" else 165.0, "diesel_l": 20.0,
    }  # fmt: skip
    return cells | changes


def years(*kinds: str, first: int = 2022, **changes: Any) -> list[Record]:
    """Look-back years of these types, one after the other."""
    seasons = {"ratoon": ("main", "ratoon"), "double": ("early", "late"), "single": ("single",)}
    return [
        record(first + place, season, **changes)
        for place, kind in enumerate(kinds)
        for season in seasons[kind]
    ]


def project(**changes: Any) -> list[Record]:
    return [record(2025, season, "project", **changes) for season in ("main", "ratoon")]


def readings(season: str, pattern: str, *, dry_cm: float = -12.0, row: str = "P1") -> pd.DataFrame:
    """A log of one letter a day: ``W`` flooded, ``D`` dry, ``?`` not read."""
    start = date(2025, 4, 20) if season == "main" else date(2025, 8, 8)
    end = start + timedelta(days=len(pattern) - 1)
    lines = [
        {
            "row": row, "season": season, "planted_date": start, "drained_date": end,
            "level_date": start + timedelta(days=day), "level_cm": dry_cm if letter == "D" else 4.0,
        }
        for day, letter in enumerate(pattern)
        if letter != "?"
    ]  # fmt: skip
    return pd.DataFrame(lines)
