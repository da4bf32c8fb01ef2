"""Methane reductions of ratoon rice, 再生稻碳减排, version 1.

**Boundary.** Registered irrigated paddies (稻田) of Xinyang with controllable in- and outflow; rainfed,
upland and deep-water rice are outside. One row is one parcel in one rice year: main season (头季) and ratoon
season (再生季) of the project, and the two seasons of its baseline. Sources: soil CH4, soil N2O, additional
fuel, electricity and lime, straw burnt by the project. Leakage: lost grain and manure brought in. Left out:
soil carbon (not credited, must not fall), upstream fertiliser, avoided burning (banned anyway). Indirect N2O
can be counted; it is off by default, its factors are unverified.

**Baseline (基准线).** It decides the sign, so it is explicit: ``A1`` the field was ratoon in all look-back
years and its water regime improves; ``A2`` double rice; ``A3`` single rice: a second harvest on the same
field normally emits *more*, and the result is kept negative; ``A4`` ratoon before, straw timing changes.
Season records of at least three look-back years decide by tree; where they differ in type, the type with the
lowest emission holds. VM0051 does not accept A3, for the number of rice seasons changes; this methodology
shows it and departs from VM0051 where it is credited. An equal-output basis (同等产量基准线) exists for A3
alone: an intensity claim, off by default, labelled, never mixed with the area basis in one run, and in need
of a decision of the city authority.

**Conservative rules.** Continuous flooding in a baseline needs evidence, otherwise it counts as drained
once, for mid-season drainage (中期晒田) is common practice; one drained look-back year drains the whole
baseline. Flooding before a baseline season needs evidence too, and the look-back year with the least of it
holds. Straw and amendments of the baseline need evidence, otherwise their factor is capped at the project's:
differences in undocumented straw are not reductions. No water record: the project takes the higher factor of
either gas, the baseline the lower. Days on a limit (180, 365, 30) count against the project. For A1 and A4
the baseline's days are capped at the project's season, unless evidence shows that weather lengthened it. The
second baseline season has SFp 1.00. Of measured and contract area the lower counts where they differ by more
than 5 %.

**Methane.** ``EF = EF_c · SFw · SFp · SFo``, times cultivation days and area (IPCC 2019 Refinement, Eqs
5.1–5.3). SFp follows from dates per parcel: 177 days since the last flooding give 1.00, 242 give 0.89.
Straw counts only where incorporated, in dry mass; other amendments in fresh mass. Main days run from land
preparation to harvest, ratoon days from the main harvest (not counted) to the later of ratoon harvest and
final drainage. Instead, closed chambers may give measured seasonal emissions by stratum; every season of a
field is measured then, and days are not used.

**Water.** Daily levels or a list of drainages give the regime: an event is more than three days without
standing water, after the first flooding, not reaching the harvest; two spells parted by fewer than two
flooded days are one; a spell with missing days proves nothing.

**Nitrous oxide.** Nitrogen × EF1FR (by the same water regime) × 44/28, in full for both sides. Or, chosen
for a whole run, the drainage increment of VM0051 Eq. 25 (0.00314, only from continuous flooding to
drainage) with equal factors on both sides: never both. A gain from less nitrogen is credited only by
decision of the authority.

**Deduction.** 15 % of a reduction for default factors; with measured ones the statistical uncertainty
(VM0051 Eqs 35–38), at least 5 %, and no project beyond 100 %; never of an increase. Nitrous oxide always
rests on default factors and keeps their 15 %. Default factors serve up to 60 000 t a year. Additional fuel
and electricity count once they pass 5 % of the reduction. Grain lost beyond 5 % makes leakage of the same
share of the baseline emission. GWP set AR5 (28/265), a property of this version; gas masses stand beside, so
that results can be restated. Negative parcels stay in the sum; the platform floors once at project level, and
a negative sum issues nothing.

**Numbers.** IPCC factors are secondary transcriptions that agree; the choice of EF_c 1.30 (China) over 1.32
(East Asia) is the authority's, so runs are an estimate (试算) until it signs this parameter set.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pandas as pd

from methodologies.declaration import Example, Methodology
from methodologies.parameters import ParameterSet
from methodologies.ratoon_rice_v1.chamber_table import CHAMBER_READINGS
from methodologies.ratoon_rice_v1.checks import check, judge, review
from methodologies.ratoon_rice_v1.columns import COLUMNS
from methodologies.ratoon_rice_v1.model import quantify
from methodologies.ratoon_rice_v1.season_records import SEASON_RECORDS
from methodologies.ratoon_rice_v1.steps import STEPS
from methodologies.ratoon_rice_v1.water_log import DRAINAGE_EVENTS, WATER_LEVELS

_FOLDER = Path(__file__).parent


def example() -> Example:
    """Five parcel-years: each activity type once, and one without water records."""
    rows = {
        "area_ha": [2.4, 1.1, 3.0, 0.8, 1.5],
        "activity": ["A1", "A2", "A3", "A4", "A1"],
        "previous_flood_end_date": ["2024-10-15", "2024-10-20", "2024-09-20", "2024-10-12", "2024-10-15"],
        "main_land_prep_date": "2025-04-10",
        "main_harvest_date": ["2025-08-08", "2025-08-05", "2025-08-10", "2025-08-06", "2025-08-09"],
        "ratoon_harvest_date": ["2025-10-13", "2025-10-12", "2025-10-15", "2025-10-11", "2025-10-14"],
        "ratoon_drainage_date": ["2025-10-01", "2025-10-12", "2025-10-05", "2025-10-01", "2025-10-14"],
        "base1_nonflooded_days": [177, 175, 242, 180, 178],
        "base1_cultivation_days": [120.0, 95.0, 123.0, 118.0, 119.0],
        "base2_cultivation_days": [66.0, 105.0, None, 64.0, 66.0],
        "main_regime": ["multiple", "multiple", "single", "single", "unknown"],
        "ratoon_regime": ["single", "single", "single", "single", "unknown"],
        "base1_regime": ["single", "single", "single", "continuous", "single"],
        "base2_regime": ["single", "continuous", None, "single", "unknown"],
        "main_n_kg_per_ha": [165.0, 160.0, 170.0, 165.0, 165.0],
        "ratoon_n_kg_per_ha": [110.0, 100.0, 110.0, 105.0, 110.0],
        "base1_n_kg_per_ha": [165.0, 150.0, 180.0, 165.0, 165.0],
        "base2_n_kg_per_ha": [110.0, 160.0, None, 105.0, 110.0],
        "main_straw_short_t_per_ha": [0.0, 0.0, 0.0, 0.0, 2.0],
        "main_straw_long_t_per_ha": [4.0, 4.0, 4.0, 4.0, 0.0],
        "base1_straw_short_t_per_ha": [0.0, 3.0, 0.0, 4.0, 2.0],
        "base1_straw_long_t_per_ha": [4.0, 0.0, 4.0, 0.0, 0.0],
        "baseline_straw_evidence": [False, False, False, True, False],
        "diesel_l": [180.0, 80.0, 260.0, 60.0, 110.0],
        "baseline_diesel_l": [180.0, 90.0, 170.0, 60.0, 110.0],
        "yield_t_per_ha": [13.1, 12.6, 13.0, 12.9, 13.0],
        "baseline_yield_t_per_ha": [13.0, 14.2, 9.0, 13.0, 13.0],
    }
    frame = pd.DataFrame(rows, index=pd.Index([f"示例-{number}" for number in range(1, 6)]))
    return Example(frame, (date(2025, 1, 1), date(2026, 1, 1)), date(2026, 1, 1))


METHODOLOGY = Methodology(
    id="ratoon_rice",
    version=1,
    title_zh="再生稻碳减排",
    title_en="Methane reductions of ratoon rice",
    source="Xinyang regional methodology (draft), after IPCC 2019 Refinement Vol. 4 and Verra VM0051 v1.1",
    subject="parcel",
    folder=_FOLDER,
    columns=COLUMNS,
    parameters=ParameterSet.load(_FOLDER / "parameters.toml"),
    steps=STEPS,
    quantify=quantify,
    check=check,
    judge=judge,
    review=review,
    example=example,
    gwp_set="AR5",
    additive=True,
    unit_note_zh="净减排量，吨 CO2e；正值为减排，负值为增排",
    unit_note_en="net reduction in t CO2e; positive is a reduction, negative an increase",
    narrative=__doc__ or "",
    preparations=(SEASON_RECORDS, WATER_LEVELS, DRAINAGE_EVENTS, CHAMBER_READINGS),
)
