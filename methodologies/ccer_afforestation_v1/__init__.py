"""CCER afforestation 造林碳汇, CCER-14-001-V01, version 1 (2023).

**Boundary.** Parcels (小班) of trees, bamboo or shrubs planted as protection, special-purpose or timber
forest on land planned for afforestation. Economic forest (经济林) is excluded: oil camellia, tea and
chestnut orchards have methodologies of the city. One row is one parcel, or the part of a parcel in one
stratum (碳层), over one monitoring period; ``continuous_area_ha`` is that of the whole parcel. The
conditions A0–A9 are named checks with their clause: a row that fails one is refused, never computed to
zero. Additionality is exempt in national key ecological function zones and for public-welfare forest; the
flag of each county of Xinyang stands in ``counties.toml``.

**Crediting period (计入期).** 20 to 40 years, both inclusive; the monitoring period lies inside it.

**Accounting.** Stock difference, C(t2) − C(t1), over all pools declared: trees (above and below ground),
bamboo, shrubs; dead wood, litter and soil organic carbon off unless switched on; wood products never; CH4
and N2O of fires. ``CDR = (ΔC_PROJ − ΔC_BSL − LK)·(1 − K_RISK)``. The baseline is zero growth and, once,
the shrubs that were cleared. Leakage is nil because A8 holds. A negative result is kept whole: no
discount shrinks a loss, and it must be made good before the next issuance.

**Trees.** ``measured``: biomass of plots, or of every tree of the plots, by published equations (tables
``plots`` and ``trees``; whole tree = sum of organs, so never times 1 + R). ``volume_bcef``: stem volume ×
BCEF of one band for both dates, that of the mean stock. ``volume_slope``: only the slope of B = a·V + b,
which includes roots. ``volume_species``: the table D, BEF, R, CF, unverified.

**Sampling.** Stratified plots, sampling error U of the change at 90 % confidence with Student's t;
discount ``cn_arcm`` (0, 6, 11 % of the estimate; refused above 30 %). All strata of a project go into one
run, for U is that of the project.

**Area.** The registered area counts while the re-measured one is within 5 %; a boundary can only shrink.

**Evidence.** Only the introduction and clause 2 of the text were read. K_RISK, the discount table, the
baseline, the area rule, soil and fire are unverified, so a run is an estimate (试算) and cannot issue. The
revised text of 2026 becomes a new folder beside this one.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pandas as pd

from methodologies import forest
from methodologies.ccer_afforestation_v1.checks import judge, review
from methodologies.ccer_afforestation_v1.columns import COLUMNS
from methodologies.ccer_afforestation_v1.groups import TREE_EQUATIONS
from methodologies.ccer_afforestation_v1.rules import rules
from methodologies.ccer_afforestation_v1.steps import DISCOUNT, STEPS
from methodologies.columns import Column
from methodologies.declaration import Example, Methodology
from methodologies.parameters import ParameterSet

FOLDER = Path(__file__).parent
_BY_NAME = {column.name: column for column in COLUMNS}
_FILLS: dict[forest.Role, Column] = {
    "above_start": _BY_NAME["agb_start_t_per_ha"],
    "above_end": _BY_NAME["agb_end_t_per_ha"],
    "roots_start": _BY_NAME["bgb_start_t_per_ha"],
    "roots_end": _BY_NAME["bgb_end_t_per_ha"],
    "uncertainty": _BY_NAME["uncertainty_pct"],
    "area": _BY_NAME["stratum_area_ha"],
}


def load_parameters() -> ParameterSet:
    """The methodology's own parameters, the tree equations and the discount table."""
    return ParameterSet(
        {
            **ParameterSet.load(FOLDER / "parameters.toml").parameters,
            **forest.species_parameters(TREE_EQUATIONS),
            **DISCOUNT.parameters(),
        }
    )


def example() -> Example:
    """Six parcels in four strata: plots, volume by two routes, bamboo, shrubs, and one that burned."""
    eligible = {
        "county": "411523",
        "project_start_date": "2018-03-12",
        "crediting_start_date": "2018-03-12",
        "crediting_end_date": "2048-03-12",
        "planting_year": 2018,
        "forest_category": ["protection", "protection", "timber", "timber", "special_purpose", "protection"],
        "vegetation": ["tree", "tree", "tree", "bamboo", "shrub", "tree"],
        "site": "planned_forest_land",
        "not_forest_years": 5.0,
        "regeneration": False,
        "tenure_clear": True,
        "continuous_area_ha": [21.4, 9.8, 15.0, 6.5, 4.2, 30.0],
        "wetland": False,
        "scattered_trees_kept": True,
        "shrub_removed_pct": 8.0,
        "repeated_disturbance": False,
        "burning": False,
        "agriculture_displaced": False,
        "lawful": True,
        "additionality": "key_ecological_zone",
        "land_use_before": ["native", "set_aside", "native", "native", "native", "annual_crop"],
    }
    stocks = {
        "area_ha": [21.3, 9.1, 15.1, 6.5, 4.2, 29.6],
        "registered_area_ha": [21.4, 9.8, 15.0, 6.5, 4.2, 30.0],
        "stratum": ["马尾松-2018", "马尾松-2018", "杉木-2018", "毛竹-2018", "灌木-2018", "栎类-2018"],
        "tree_route": ["measured", "measured", "volume_bcef", "none", "none", "volume_slope"],
        "agb_start_t_per_ha": [6.2, 6.2, None, None, None, None],
        "agb_end_t_per_ha": [17.9, 17.9, None, None, None, None],
        "root_route": ["measured", "measured", "ar_tool14", "ar_tool14", "ar_tool14", "ar_tool14"],
        "bgb_start_t_per_ha": [0.9, 0.9, None, None, None, None],
        "bgb_end_t_per_ha": [2.4, 2.4, None, None, None, None],
        "volume_start_m3_per_ha": [None, None, 18.0, None, None, 21.0],
        "volume_end_m3_per_ha": [None, None, 45.0, None, None, 26.0],
        "species": [None, None, None, None, None, "oak"],
        "bcef_class": [None, None, "conifer", None, None, None],
        "uncertainty_pct": [13.5, 13.5, 13.5, None, None, 13.5],
        "culms_start_per_ha": [0.0, 0.0, 0.0, 900.0, 0.0, 0.0],
        "culms_end_per_ha": [0.0, 0.0, 0.0, 1500.0, 0.0, 0.0],
        "shrub_cover_start": [0.0, 0.0, 0.0, 0.0, 0.02, 0.0],
        "shrub_cover_end": [0.0, 0.0, 0.0, 0.0, 0.45, 0.0],
        "regional_forest_t_per_ha": [0.0, 0.0, 0.0, 0.0, 60.0, 0.0],
        "pool_dead_wood": [True, False, False, False, False, False],
        "pool_soil": [False, True, False, False, False, False],
        "burned_ha": [0.0, 0.0, 0.0, 0.0, 0.0, 2.5],
        "burned_agb_t_per_ha": [0.0, 0.0, 0.0, 0.0, 0.0, 22.0],
        "cleared_stock_t_per_ha": [0.0, 0.8, 0.0, 0.0, 0.0, 0.0],
    }
    index = pd.Index([f"示例-{number}" for number in range(1, 7)])
    return Example(
        pd.DataFrame({**stocks, **eligible}, index=index),
        (date(2021, 1, 1), date(2026, 1, 1)),
        date(2026, 1, 1),
    )


_CHECK, _QUANTIFY = rules(DISCOUNT)

METHODOLOGY = Methodology(
    id="ccer_afforestation",
    version=1,
    title_zh="造林碳汇（CCER-14-001-V01）",
    title_en="CCER afforestation (CCER-14-001-V01)",
    source="《温室气体自愿减排项目方法学 造林碳汇（CCER—14—001—V01）》, MEE 2023-10-24: introduction and "
    "clause 2",
    subject="parcel",
    folder=FOLDER,
    columns=COLUMNS,
    parameters=load_parameters(),
    steps=STEPS,
    quantify=_QUANTIFY,
    check=_CHECK,
    judge=judge,
    review=review,
    example=example,
    gwp_set="AR5",
    additive=True,
    unit_note_zh="项目减排量（净清除），吨 CO2e；正值为清除，负值为净排放",
    unit_note_en="net removal in t CO2e; positive is a removal, negative an emission",
    narrative=__doc__ or "",
    preparations=(
        forest.plot_preparation(fills=_FILLS),
        forest.tree_preparation(TREE_EQUATIONS, fills=_FILLS),
    ),
    libraries=(forest.FOLDER,),
)
