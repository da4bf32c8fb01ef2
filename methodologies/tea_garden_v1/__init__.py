"""Carbon sink of tea gardens, 茶园碳汇, version 1 (regional 碳普惠; never CCER).

**Boundary.** Registered tea gardens (茶园) with tenure proof, at least 400 m², not wetland, in no CCER, VCS
or 碳票 project. Tea is economic forest (经济林) and not eligible under CCER 造林碳汇, so these units are
local. One row is one parcel over one monitoring period. The structure follows the published proposal
《茶园碳汇方法学研究》 (中国茶叶 2024(2): 7–12); no methodology for Xinyang Maojian (信阳毛尖) was found.

**Pools.** The permanent frame of the bush below the pruning surface and its roots. Shoots, leaves, prunings,
litter and products are left out. Tea is pruned hard on a cycle: both measurements must stand at the same
point of the cycle, or be means over it. Soil carbon is not credited by default; a measured change (0–30 cm,
equal mass, against a baseline) counts a gain at the lower end of its 90 % interval and a loss in full. A new
garden on native cover or set-aside land is debited its soil loss; paddy, forest and wetland are refused.

**Two routes.** ``plot``: above-ground biomass Ba of the frame at both dates, below-ground biomass Bb by the
published relation, ``0.013·Ba² − 0.087·Ba + 3.269`` from 3 years on, ``0.665·Ba − 0.217`` below 3 years,
never negative; stock = 44/12 · 0.47 · (Ba + Bb). ``default``: 4.5 tC/ha/yr in the first four years of
growth, 0.95 in years 5–15 (3.483 tCO2e/ha/yr), nothing after, up to the permanent stock measured in Shizuoka
(26.5 tC/ha = 97.2 tCO2e/ha). Growth starts on 1 January after the planting year. No gain counts once the
bushes are 30 years old, for the frame stopped growing; losses count in full. Stumping (台刈) and replanting
set the default stock back to nothing; replanted bushes are young again, stumped ones keep their roots.

**Baseline (基准线).** New garden: woody stock cleared is deducted once; all N2O is deducted. Existing garden:
its usual growth by age is subtracted from the gain, its recorded nitrogen from the N2O; without records the
baseline N2O is zero, so everything is deducted.

**Emissions are mandatory.** Nitrogen × 0.028 (the lower measured bound for tea, never the general 0.010) ×
44/28; oil-cake counts 1.62-fold; without records the national mean of 9.55 kg N2O-N/ha/yr (3.977 tCO2e)
stands. Diesel, petrol, electricity and leakage are deducted too.

**A garden may well be a net source.** The national mean of N2O exceeds the growth of years 5–15 by 0.494
tCO2e/ha/yr. That is common, is no fault of the grower, and is said as it is: nothing is issued, the deficit
stays on the books, and the calculation names the break-even nitrogen (299 kg N/ha/yr at 3.483 tCO2e) below
which the same garden becomes a sink.

**Deductions.** ``(C_t2 − C_t1 − BSL + ΔSOC − LK − E) · (1 − K_RISK) · (1 − unc)`` for a positive bracket; a
negative one stays whole. Sampling error (t-based, 90 %) above 30 % is refused, below it the cn_arcm table
applies. Whole tonnes are made once, at project level, by the platform. Results are an estimate (试算) until
the authority signs this parameter set.

**Monitoring.** Every one to five years: fertiliser book, fuel and electricity, pruning dates; at least three
permanent plots per stratum, frame weighed or estimated after pruning. Plausibility anchor: the tea garden
that traded as an agricultural carbon ticket in Xiamen, 3.247 tCO2e/ha/yr.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pandas as pd

from methodologies import forest, perennial
from methodologies.columns import Column
from methodologies.declaration import Example, Methodology
from methodologies.forest.tables import Role, plot_preparation
from methodologies.parameters import ParameterSet
from methodologies.perennial.deductions import SCHEME
from methodologies.tea_garden_v1.checks import check, judge, review
from methodologies.tea_garden_v1.columns import BA_END, BA_START, COLUMNS, UNCERTAINTY
from methodologies.tea_garden_v1.model import quantify
from methodologies.tea_garden_v1.steps import STEPS

_FOLDER = Path(__file__).parent
_FILLS: dict[Role, Column] = {"above_start": BA_START, "above_end": BA_END, "uncertainty": UNCERTAINTY}


def example() -> Example:
    """Five gardens: new, measured with less nitrogen than before, average and a net source, stumped, old."""
    rows = {
        "area_ha": [3.6, 5.0, 2.0, 1.2, 4.0],
        "activity": ["new_garden", "existing_garden", "new_garden", "new_garden", "existing_garden"],
        "planting_year": [2017, 2012, 2014, 2015, 1988],
        "route": ["default", "plot", "default", "default", "plot"],
        "event": ["none", "none", "none", "stumping", "none"],
        "event_year": [None, None, None, 2024, None],
        "former_land_use": ["annual_crop", None, "set_aside", "annual_crop", None],
        "ba_start_t_per_ha": [None, 9.0, None, None, 21.0],
        "ba_end_t_per_ha": [None, 14.0, None, None, 20.0],
        "uncertainty_pct": [None, 12.0, None, None, 9.0],
        "cleared_stock_t_per_ha": [0.0, 0.0, 0.0, 0.0, 0.0],
        "n2o_route": ["fertiliser", "fertiliser", "national_mean", "fertiliser_and_background", "measured"],
        "n_synthetic_kg_per_ha_per_year": [120.0, 150.0, None, 90.0, None],
        "n_organic_kg_per_ha_per_year": [40.0, 60.0, None, 0.0, None],
        "n_oilcake_kg_per_ha_per_year": [0.0, 30.0, None, 20.0, None],
        "n2o_n_kg_per_ha_per_year": [None, None, None, None, 6.2],
        "baseline_n_record": ["none", "records", "none", "none", "records"],
        "baseline_n_synthetic_kg_per_ha_per_year": [None, 240.0, None, None, 0.0],
        "baseline_n_organic_kg_per_ha_per_year": [None, 0.0, None, None, 0.0],
        "baseline_n2o_n_kg_per_ha_per_year": [None, None, None, None, 7.0],
        "diesel_l": [60.0, 90.0, 30.0, 20.0, 75.0],
        "electricity_kwh": [500.0, 0.0, 0.0, 0.0, 1200.0],
    }
    frame = pd.DataFrame(rows, index=pd.Index([f"示例-{number}" for number in range(1, 6)]))
    return Example(frame, (date(2022, 1, 1), date(2026, 1, 1)), date(2026, 1, 1))


METHODOLOGY = Methodology(
    id="tea_garden",
    version=1,
    title_zh="茶园碳汇",
    title_en="Carbon sink of tea gardens",
    source="Xinyang regional methodology (draft), after 《茶园碳汇方法学研究》, 中国茶叶 2024(2): 7–12",
    subject="parcel",
    folder=_FOLDER,
    columns=COLUMNS,
    parameters=ParameterSet(
        {**ParameterSet.load(_FOLDER / "parameters.toml").parameters, **SCHEME.parameters()}
    ),
    steps=STEPS,
    quantify=quantify,
    check=check,
    judge=judge,
    review=review,
    example=example,
    gwp_set="AR5",
    additive=True,
    unit_note_zh="净碳汇量，吨 CO2e；正值为清除，负值为净排放（茶园常见）",
    unit_note_en="net removal in t CO2e; positive is a removal, negative an emission, which is common in tea",
    narrative=__doc__ or "",
    preparations=(plot_preparation(fills=_FILLS, with_roots=False),),
    libraries=(perennial.FOLDER, forest.FOLDER),
)
