"""Hedgerows along paths, version 1: a complete methodology outside the platform, with a measured table.

The parameters are illustrative, so that no run of it can ever issue.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from methodologies.contract import (
    Column,
    Example,
    Findings,
    Methodology,
    ParameterSet,
    ParametersInForce,
    Period,
    Preparation,
    Step,
)

_FOLDER = Path(__file__).parent

COLUMNS = (
    Column(
        "hedge_m", "float", "m", "绿篱长度", "length of the hedge", 0, 1e5, extensive=True, symbol="L",
        usual=(0, 5000),
    ),
    Column("height_m", "float", "m", "平均高度", "mean height", 0.2, 10, symbol="h"),
    Column("diesel_l", "float", "L", "修剪用柴油", "diesel for cutting", 0, 1e5, default=0.0, extensive=True),
)  # fmt: skip

STEPS = (
    Step(
        "growth_kg_per_m", "g", "kg/m", "{biomass_kg_per_m3} * exp(ln({height_m}) * 2) * {period_years}",
        "每米生物量增长", "growth of biomass per metre",
    ),
    Step(
        "net_t", "ER", "tCO2e",
        "{growth_kg_per_m} * {hedge_m} * 44 / 12 / 1000 - {diesel_l} * {ef_diesel_kg_per_l} / 1000",
        "净碳汇量", "net removal", total=True,
    ),
)  # fmt: skip

MEASURED = Preparation(
    name="heights",
    title_zh="高度测量",
    title_en="measured heights",
    key="",
    columns=(
        Column("row", "text", "", "绿篱编号", "label of the hedge"),
        Column("point", "int", "", "测点", "point of measurement", 1, 1000),
        Column("point_height_m", "float", "m", "测点高度", "height at the point", 0.2, 10),
    ),
    outputs=(
        Column("height_m", "float", "m", "平均高度", "mean height", 0.2, 10),
        Column("points", "int", "", "测点数", "number of points", 1, 1000),
    ),
    compute=lambda table, *, period, p, findings: _mean_height(table, findings),
    unique=("row", "point"),
)


def _mean_height(table: pd.DataFrame, findings: Findings) -> pd.DataFrame:
    grouped = table.groupby("row")["point_height_m"]
    return pd.DataFrame({"height_m": grouped.mean(), "points": grouped.size().astype(float)})


def quantify(frame: pd.DataFrame, *, period: Period, p: ParametersInForce) -> pd.DataFrame:
    """Both equations, numpy over all hedges at once."""
    growth = p.biomass_kg_per_m3 * np.exp(np.log(frame["height_m"].to_numpy()) * 2) * period.years
    net = growth * frame["hedge_m"].to_numpy() * 44 / 12 / 1000
    net = net - frame["diesel_l"].to_numpy() * p.ef_diesel_kg_per_l / 1000
    return pd.DataFrame({"growth_kg_per_m": growth, "net_t": net}, index=frame.index)


def example() -> Example:
    frame = pd.DataFrame(
        {"hedge_m": [120.0, 40.0, 900.0], "diesel_l": [3.0, 0.0, 60.0]}, index=["甲", "乙", "丙"]
    )
    heights = pd.DataFrame(
        {
            "row": ["甲", "甲", "乙", "丙", "丙", "丙"],
            "point": [1, 2, 1, 1, 2, 3],
            "point_height_m": [1.2, 1.5, 2.0, 0.8, 0.9, 1.1],
        }
    )
    return Example(frame, (date(2025, 1, 1), date(2026, 1, 1)), date(2026, 1, 1), {"heights": heights})


METHODOLOGY = Methodology(
    id="hedgerow",
    version=1,
    title_zh="绿篱碳汇（示例）",
    title_en="Hedgerows (example)",
    source="test package",
    subject="parcel",
    folder=_FOLDER,
    columns=COLUMNS,
    parameters=ParameterSet.load(_FOLDER / "parameters.toml"),
    steps=STEPS,
    quantify=quantify,
    example=example,
    gwp_set="AR5",
    unit_note_zh="净碳汇量，吨 CO2e",
    unit_note_en="net removal in t CO2e",
    narrative=__doc__ or "",
    preparations=(MEASURED,),
)
