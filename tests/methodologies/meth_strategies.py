"""Hypothesis frames out of declared columns: any value a column accepts, edges included."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
from forest_strategies import eligible
from hypothesis import strategies as st

from methodologies import registry
from methodologies.contract import Column, Example, Methodology

PERIOD = (date(2025, 1, 1), date(2026, 1, 1))
AS_OF = date(2026, 1, 1)


def cells(column: Column) -> st.SearchStrategy[Any]:
    if column.kind == "choice":
        return st.sampled_from(column.choices)
    if column.kind == "bool":
        return st.booleans()
    if column.kind == "text":
        return st.sampled_from(["", "一层", "S2"])
    if column.kind == "date":
        return st.dates(date(2025, 1, 1), date(2025, 12, 31))
    assert column.low is not None and column.high is not None
    if column.kind == "int":
        return st.integers(int(column.low), int(column.high))
    edges = st.sampled_from([column.low, column.high, (column.low + column.high) / 2])
    whole = st.integers(int(column.low) + 1, max(int(column.low) + 1, int(column.high) - 1)).map(float)
    return st.one_of(st.floats(column.low, column.high), edges, whole)


def _woody(row: dict[str, Any], new: str) -> dict[str, Any]:
    """Rules camellia and tea share: order of years, land that may be planted, admitted sampling error."""
    row["planting_year"] = min(row["planting_year"], PERIOD[1].year)
    row["event_year"] = max(row["planting_year"], min(row["event_year"], PERIOD[1].year))
    row["uncertainty_pct"] = min(row["uncertainty_pct"], 30.0)
    # Halves of the smallest float would no longer agree with each other.
    stated = row["stated_area_mu"] > 1 and row["area_ha"] > 1e-9
    row["stated_area_mu"] = row["area_ha"] * 15 if stated else 0.0
    if row["activity"] == new and row["former_land_use"] in {"paddy", "forest", "wetland"}:
        row["former_land_use"] = "native"
    return row


def _camellia(row: dict[str, Any]) -> dict[str, Any]:
    _woody(row, "new_planting")
    masses = []
    for moment in ("start", "end"):  # inside the sample of the equation
        d = row[f"diameter_{moment}_cm"] = max(1.06, row[f"diameter_{moment}_cm"])
        h = row[f"height_{moment}_m"] = min(max(1.45, row[f"height_{moment}_m"]), 11.2)
        masses.append(0.0716 * (d * d * h) ** 0.8854)
    if row["activity"] == "management":  # an existing stand is not empty
        row["stock_start_t_per_ha"] = max(0.1, row["stock_start_t_per_ha"])
    # Growth a plantation can show: at most 8 t CO2e/ha/yr.
    row["stock_end_t_per_ha"] = min(row["stock_end_t_per_ha"], row["stock_start_t_per_ha"] + 3.3)
    if masses[1] > masses[0]:
        row["plants_per_ha"] = min(row["plants_per_ha"], 3300 / (masses[1] - masses[0]))
    return row


def _tea(row: dict[str, Any]) -> dict[str, Any]:
    _woody(row, "new_garden")
    if row["event"] == "replanting" and row["route"] == "plot":
        row["event"] = (
            "stumping"  # roots by the young form at one date only can rise beyond what is plausible
        )
    # Bushes may cross 3 years within the period: roots then jump from the young to the adult form.
    row["ba_end_t_per_ha"] = min(row["ba_end_t_per_ha"], row["ba_start_t_per_ha"] + 1.5)
    row["ba_start_t_per_ha"] = max(row["ba_start_t_per_ha"], 0.0)
    return row


def _rice(row: dict[str, Any]) -> dict[str, Any]:
    # The drawn numbers become spans, so that dates come in order and days of every class occur.
    prep = date(2025, 2, 1) + timedelta(days=row["main_harvest_date"].timetuple().tm_yday % 60)
    row["previous_flood_end_date"] = prep - timedelta(days=row["base1_nonflooded_days"] % 400)
    row["main_land_prep_date"] = prep
    row["main_harvest_date"] = prep + timedelta(days=70 + row["ratoon_harvest_date"].day)
    month, day = row["ratoon_harvest_date"].month, row["ratoon_drainage_date"].day
    row["ratoon_harvest_date"] = row["main_harvest_date"] + timedelta(days=1 + month * 8)
    row["ratoon_drainage_date"] = row["main_harvest_date"] + timedelta(days=1 + day * 3)
    row["area_ha"] /= 20
    # A contract that is missing, near, or a quarter below the measured area; never fifteen times off.
    row["contract_area_ha"] = row["area_ha"] * (0.0, 1.02, 0.99, 0.75)[int(row["contract_area_ha"]) % 4]
    if row["accounting_basis"] == "equal_output":
        row["activity"] = "A3"
    for season in ("main", "ratoon", "base1", "base2"):
        for part in ("organic", "residue"):
            drawn = row[f"{season}_n_{part}_kg_per_ha"]
            row[f"{season}_n_{part}_kg_per_ha"] = drawn / 450 * row[f"{season}_n_kg_per_ha"] / 2
    row["base2_measured_ch4_kg_per_ha"] = row["base2_measured_ch4_kg_per_ha"] or 1.0
    row["measured_uncertainty_pct"] %= 100
    row["imported_manure_tc_per_t"] = row["imported_manure_tc_per_t"] or 0.4
    row |= {"baseline_type": "unstated", "irrigation_controlled": True}
    row |= {"required_by_rule": False, "funded_elsewhere": False}
    row["lookback_years"] = 0 if row["lookback_years"] < 3 else row["lookback_years"]
    if row["activity"] == "A3":
        for name in row:
            if name.startswith("base2_") and name != "base2_regime":
                row[name] = 0.0
    return row


def _acts(row: dict[str, Any]) -> dict[str, Any]:
    row["quantity"] = float(round(row["quantity"]))
    known = {act.code: act for act in registry()["low_carbon_acts_v1"].behaviours}
    if known[row["code"]].pending:  # refused on purpose: another act instead
        row["code"] = "XI14"
    return row


_FIT: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "camellia_oil_v1": _camellia,
    "tea_garden_v1": _tea,
    "ratoon_rice_v1": _rice,
    "low_carbon_acts_v1": _acts,
    "ccer_afforestation_v1": eligible,
}

# Columns that hold one value in a whole run.
_SAME_IN_A_RUN: dict[str, tuple[str, ...]] = {
    "ratoon_rice_v1": ("ef_c_choice", "n2o_route", "accounting_basis", "credit_n_saving", "indirect_n2o"),
}

_DRAWN_ONE_BY_ONE_MAX = 60


def _row(methodology: Methodology) -> st.SearchStrategy[dict[str, Any]]:
    """One row. Of a wide methodology Hypothesis draws the seed only: ninety draws a row take seconds."""
    if len(methodology.columns) <= _DRAWN_ONE_BY_ONE_MAX:
        return st.fixed_dictionaries({column.name: cells(column) for column in methodology.columns})
    return st.integers(0, 2**32 - 1).map(
        lambda seed: _seeded_row(methodology.columns, np.random.default_rng(seed))
    )


def _seeded_row(columns: tuple[Column, ...], random: np.random.Generator) -> dict[str, Any]:
    return {column.name: _seeded_cell(column, random) for column in columns}


def _seeded_cell(column: Column, random: np.random.Generator) -> Any:
    if column.kind == "choice":
        return column.choices[random.integers(len(column.choices))]
    if column.kind == "bool":
        return bool(random.integers(2))
    if column.kind == "text":
        return ("", "一层", "S2")[random.integers(3)]
    if column.kind == "date":
        return date(2025, 1, 1) + timedelta(days=int(random.integers(365)))
    assert column.low is not None and column.high is not None
    if column.kind == "int":
        return int(random.integers(int(column.low), int(column.high) + 1))
    # Half of all numbers are edges or the default, where rules change.
    edges = (column.low, column.high, column.default if isinstance(column.default, float) else column.low)
    return float(
        edges[random.integers(3)] if random.random() < 0.5 else random.uniform(column.low, column.high)
    )


def examples(methodology: Methodology, rows_max: int = 6) -> st.SearchStrategy[Example]:
    """Valid input for a methodology, one to ``rows_max`` rows."""
    row = _row(methodology)
    same = _SAME_IN_A_RUN.get(methodology.key, ())

    def fitted(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        common = {name: rows[0][name] for name in same}
        return [_FIT[methodology.key](row | common) for row in rows]

    return st.lists(row, min_size=1, max_size=rows_max).map(
        lambda rows: Example(
            pd.DataFrame(fitted(rows), index=[f"p{n}" for n in range(len(rows))]), PERIOD, AS_OF
        )
    )
