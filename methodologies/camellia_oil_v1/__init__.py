"""Carbon sink of oil-camellia plantations, 油茶林碳汇, version 1 (regional 碳普惠; never CCER).

**Boundary.** Registered parcels (地块) of *Camellia oleifera* with tenure proof, at least 400 m², not
wetland, in no CCER, VCS or 碳票 project. Camellia grown for oil is economic forest (经济林) and not
eligible under CCER 造林碳汇, so these units are local. One row is one parcel over one monitoring period.

**Pools.** Above- and below-ground biomass of the camellia. Left out: gains of soil carbon, litter, dead
wood, wood products; fruit, pomace and prunings count as no stock. Leaving out pools that planting raises is
conservative. A loss of soil carbon by new planting on native cover or set-aside land is a debit (perennial
crop 0.72 of the reference stock, 20 years); paddy, forest and wetland are refused.

**Activities and baseline (基准线).** ``new_planting``: land that was not forest for three years; woody
stock standing before is deducted once, then no growth. ``low_yield_renovation`` (低产林改造): the stock
before is frozen, what is removed is an emission of that period. ``management``: business-as-usual growth by
the curve at the parcel's age, so neither the default nor a curve can give a managed stand a gain; measure
it. Only regrowth after an event counts, where an earlier period booked its loss.

**Four routes.** ``plot``: plot means of above-ground dry matter at both dates × (1 + R) × CF × 44/12, typed
in or prepared from the table ``plots`` or, plant by plant, from ``plants``; if the biomass equation used on
the plots already includes roots, divide by 1 + R first. ``allometric``: 0.0716·(D²H)^0.8854 kg on the mean
plant times density; as the equation is convex in D, the mean plant gives less than the mean of all plants.
It was fitted to *Camellia japonica* (山茶), a proxy species. ``default``: stock rises evenly to 12.857 tC/ha
(47.142 tCO2e/ha; roots included) in 20 years, 2.357 tCO2e/ha/yr. The ceiling was measured on *Camellia
gauchowensis* (高州油茶), a proxy species; the 20 years are a design choice. ``growth_curve``: ex-ante, by a
published age profile of economic forest in north Hebei (proxy, low scenario) or a Richards or logistic
curve fitted to local plots (n and R² stored); no curve of camellia was found, and ex-ante figures should
not issue. Every route is an estimate (试算) until the authority signs this parameter set.

**Growth** starts on 1 January after the planting year. Stumping (平茬), top-grafting and replanting set the
stand back to nothing in the year of the event (roots that survive are not counted) and growth begins
anew. Gains end at 95 % of the asymptote, never above the ceiling; losses of stock always count in full,
also of what had grown above that limit and was never credited.

**Emissions deducted.** Fertiliser N2O on all nitrogen applied (nitrogen can cancel the sink: 360 kg N/ha/yr
costs 2.40 tCO2e/ha/yr against 2.36 of default accrual), diesel, petrol and electricity. The break-even
nitrogen of every parcel is printed. Leakage is zero where nothing is displaced, else the reviewer's figure.

**Deductions.** ``CDR = (C_t2 − C_t1 − BSL − LK − E_fert − E_fuel) · (1 − K_RISK) · (1 − unc)`` for a
positive bracket; a negative one stays whole. Sampling error (t-based, 90 %) above 30 % is refused, below it
the cn_arcm table applies. Whole tonnes are made once, at project level, by the platform, which also checks
land, crediting period (20 years, renewable once to 40) and double claims.

**Monitoring.** Every one to five years: event records, nitrogen, fuel and electricity; at least three
permanent plots per stratum, every stem measured at 1.3 m with its height, with date and photograph.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pandas as pd

from methodologies import forest, perennial
from methodologies.camellia_oil_v1.columns import COLUMNS, STOCK_END, STOCK_START, UNCERTAINTY
from methodologies.camellia_oil_v1.model import check, quantify
from methodologies.camellia_oil_v1.steps import STEPS
from methodologies.columns import Column
from methodologies.declaration import Example, Methodology
from methodologies.forest.tables import Role, plot_preparation
from methodologies.parameters import ParameterSet
from methodologies.perennial.deductions import SCHEME
from methodologies.perennial.plants import plants_preparation

_FOLDER = Path(__file__).parent
_FILLS: dict[Role, Column] = {
    "above_start": STOCK_START,
    "above_end": STOCK_END,
    "uncertainty": UNCERTAINTY,
}


def example() -> Example:
    """Four parcels: planting, renovation with a clearing, a measured managed stand, and one that emits."""
    rows = {
        "area_ha": [12.5, 3.2, 8.0, 5.0],
        "activity": ["new_planting", "low_yield_renovation", "management", "new_planting"],
        "planting_year": [2018, 2020, 2008, 2019],
        "route": ["default", "default", "plot", "default"],
        "former_land_use": ["annual_crop", None, None, "annual_crop"],
        "cleared_stock_t_per_ha": [0.0, 1.5, 0.0, 0.0],
        "stock_start_t_per_ha": [None, None, 8.2, None],
        "stock_end_t_per_ha": [None, None, 15.1, None],
        "uncertainty_pct": [None, None, 14.0, None],
        "n_synthetic_kg_per_ha_per_year": [60.0, 45.0, 80.0, 420.0],
        "n_organic_kg_per_ha_per_year": [20.0, 0.0, 30.0, 0.0],
        "diesel_l": [380.0, 120.0, 250.0, 400.0],
    }
    frame = pd.DataFrame(rows, index=pd.Index(["示例-1", "示例-2", "示例-3", "示例-4"]))
    return Example(frame, (date(2021, 1, 1), date(2026, 1, 1)), date(2026, 1, 1))


METHODOLOGY = Methodology(
    id="camellia_oil",
    version=1,
    title_zh="油茶林碳汇",
    title_en="Carbon sink of oil-camellia plantations",
    source="Xinyang regional methodology (draft), after CDM AR-TOOL14 v04.2 and 《茶园碳汇方法学研究》",
    subject="parcel",
    folder=_FOLDER,
    columns=COLUMNS,
    parameters=ParameterSet(
        {**ParameterSet.load(_FOLDER / "parameters.toml").parameters, **SCHEME.parameters()}
    ),
    steps=STEPS,
    quantify=quantify,
    check=check,
    example=example,
    gwp_set="AR5",
    additive=True,
    unit_note_zh="净碳汇量，吨 CO2e；正值为清除，负值为净排放",
    unit_note_en="net removal in t CO2e; positive is a removal, negative an emission",
    narrative=__doc__ or "",
    preparations=(plot_preparation(fills=_FILLS, with_roots=False), plants_preparation(_FILLS)),
    libraries=(perennial.FOLDER, forest.FOLDER),
)
