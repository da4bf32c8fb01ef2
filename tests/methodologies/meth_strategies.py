"""Hypothesis frames out of declared columns: any value a column accepts, edges included."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pandas as pd
from hypothesis import strategies as st

from methodologies.contract import Column, Example, Methodology

PERIOD = (date(2025, 1, 1), date(2026, 1, 1))
AS_OF = date(2026, 1, 1)


def cells(column: Column) -> st.SearchStrategy[Any]:
    if column.kind == "choice":
        return st.sampled_from(column.choices)
    if column.kind == "bool":
        return st.booleans()
    if column.kind == "date":
        return st.dates(date(2025, 1, 1), date(2025, 12, 31))
    assert column.low is not None and column.high is not None
    if column.kind == "int":
        return st.integers(int(column.low), int(column.high))
    edges = st.sampled_from([column.low, column.high, (column.low + column.high) / 2])
    whole = st.integers(int(column.low) + 1, max(int(column.low) + 1, int(column.high) - 1)).map(float)
    return st.one_of(st.floats(column.low, column.high), edges, whole)


def _camellia(row: dict[str, Any]) -> dict[str, Any]:
    row["planting_year"] = min(row["planting_year"], PERIOD[1].year)
    row["uncertainty_pct"] = min(row["uncertainty_pct"], 30.0)
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
    if row["activity"] == "A3":
        for name in row:
            if name.startswith("base2_") and name != "base2_regime":
                row[name] = 0.0
    return row


def _acts(row: dict[str, Any]) -> dict[str, Any]:
    row["quantity"] = float(round(row["quantity"]))
    return row


_FIT: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "camellia_oil_v1": _camellia,
    "ratoon_rice_v1": _rice,
    "low_carbon_acts_v1": _acts,
}


def examples(methodology: Methodology, rows_max: int = 6) -> st.SearchStrategy[Example]:
    """Valid input for a methodology, one to ``rows_max`` rows."""
    row = st.fixed_dictionaries({column.name: cells(column) for column in methodology.columns})
    fitted = row.map(lambda drawn: _FIT[methodology.key](dict(drawn)))
    return st.lists(fitted, min_size=1, max_size=rows_max).map(
        lambda rows: Example(pd.DataFrame(rows, index=[f"p{n}" for n in range(len(rows))]), PERIOD, AS_OF)
    )
