"""Soil carbon (土壤有机碳): no gain is credited by default, but a loss by change of land use is a debit.

IPCC 2019 Refinement: ``ΔSOC = SOC_REF · (F_LU,new − F_LU,old) / 20`` per year for 20 years. On high-activity
clay (64 tC/ha) a perennial crop (0.72) on former native cover (1.0) loses 0.896 tC/ha/yr, on paddy (1.35)
2.016: paddy is refused, native cover and set-aside are debited. Annual crop (0.69) would gain 0.096, which
is not credited.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from methodologies.cells import codes_of, either, narrow, values_of
from methodologies.columns import Column, Findings
from methodologies.declaration import Case, Step
from methodologies.parameters import ParametersInForce

Array = npt.NDArray[np.float64]
FORMER_USES = ("unstated", "annual_crop", "set_aside", "native", "paddy", "forest", "wetland")
SOIL_TYPES = ("hac", "lac", "sandy")
DEBITED = ("set_aside", "native")
REFUSED = ("paddy", "forest", "wetland")
_IPCC = "IPCC 2019 Refinement Vol. 4, Tables 2.3 and 5.5"
# Unstated, and what is refused anyway, counts as no change.
_USE_FACTORS = ("f_lu_perennial", "f_lu_annual", "f_lu_set_aside", "f_lu_native", *["f_lu_perennial"] * 3)
_REFERENCES = ("soc_ref_hac_tc_per_ha", "soc_ref_lac_tc_per_ha", "soc_ref_sandy_tc_per_ha")

COLUMNS = (
    Column(
        "former_land_use", "choice", "", "新种植前的土地利用（种植前三年内）",
        "land use before a new planting",
        choices=FORMER_USES,
        labels={
            "unstated": ("未填", "not stated"),
            "annual_crop": ("旱地作物", "annual crop"),
            "set_aside": ("撂荒地", "set-aside land"),
            "native": ("原生灌草植被", "native cover other than forest"),
            "paddy": ("水田（不得新种）", "paddy (refused)"),
            "forest": ("林地（不得新种）", "forest (refused)"),
            "wetland": ("湿地（不得新种）", "wetland (refused)"),
        },
        default="unstated",
    ),
    Column(
        "soil_type", "choice", "", "土壤类型（不明时取高活性黏土，扣减最大）",
        "type of soil (high-activity clay where unknown: the largest debit)",
        choices=SOIL_TYPES,
        labels={
            "hac": ("高活性黏土", "high-activity clay"),
            "lac": ("低活性黏土", "low-activity clay"),
            "sandy": ("砂质土", "sandy soil"),
        },
        default="hac",
    ),
)  # fmt: skip


def steps(planting: str) -> tuple[Step, ...]:
    """Reference stock, former factor and yearly loss; ``planting``: the activity that changes land use."""
    new = f"{{activity}} == '{planting}' and {{former_land_use}} == "
    debited = f"({new}'set_aside') or ({new}'native')"
    return (
        Step(
            "soc_ref_tc_per_ha", "SOC_REF", "tC/ha",
            (
                Case("{soil_type} == 'hac'", "{soc_ref_hac_tc_per_ha}"),
                Case("{soil_type} == 'lac'", "{soc_ref_lac_tc_per_ha}"),
                Case("", "{soc_ref_sandy_tc_per_ha}"),
            ),
            "土壤有机碳参考值（0–30 cm）", "reference stock of soil carbon, 0–30 cm", "S1", _IPCC,
        ),
        Step(
            "f_lu_before", "F_LU,0", "1",
            (
                Case(f"{new}'annual_crop'", "{f_lu_annual}"),
                Case(f"{new}'set_aside'", "{f_lu_set_aside}"),
                Case(f"{new}'native'", "{f_lu_native}"),
                Case("", "{f_lu_perennial}"),
            ),
            "原土地利用因子（非新种植：无变化）",
            "factor of the former land use; no change unless newly planted", "S2", _IPCC,
        ),
        Step(
            "soil_loss_tc_per_ha_per_year", "l_SOC", "tC/ha/yr",
            (
                Case(debited,
                    "max({soc_ref_tc_per_ha} * ({f_lu_before} - {f_lu_perennial})"
                    " / {soc_transition_years}, 0)"),
                Case("", "0"),
            ),
            "土壤碳年损失（撂荒地、原生植被；旱地作物的增加不计入）",
            "yearly loss of soil carbon after set-aside or native cover; the gain after annual crops is not "
            "credited", "S3", _IPCC,
        ),
        Step(
            "soil_loss_years", "t_SOC", "yr",
            (
                Case(debited,
                    "min({age_end_years}, {soc_transition_years})"
                    " - min({age_start_years}, {soc_transition_years})"),
                Case("", "0"),
            ),
            "本期内处于土壤碳过渡期的年数", "years of this period within the transition of the soil", "S4",
            _IPCC,
        ),
    )  # fmt: skip


def soil_loss(
    out: dict[str, Array], frame: pd.DataFrame, is_new: npt.NDArray[np.bool_], p: ParametersInForce
) -> None:
    """The columns of :func:`steps` into ``out``, which holds the ages already."""
    out["soc_ref_tc_per_ha"] = narrow(p.choose(codes_of(frame, "soil_type"), _REFERENCES))
    uses = codes_of(frame, "former_land_use") * is_new  # "unstated", the first, where nothing is planted
    out["f_lu_before"] = narrow(p.choose(uses, _USE_FACTORS))
    # By the land use and not by the factors: whether soil counts is a rule, and no matter of their errors.
    loses = _among(uses, DEBITED)
    yearly, years = np.zeros(1), np.zeros(1)
    if loses.any():
        lost = out["soc_ref_tc_per_ha"] * (out["f_lu_before"] - p.f_lu_perennial) / p.soc_transition_years
        yearly = either(loses, np.maximum(lost, 0), 0.0)
        start, end = (
            np.minimum(out[f"age_{moment}_years"], p.soc_transition_years) for moment in ("start", "end")
        )
        years = either(loses, end - start, 0.0)
    out["soil_loss_tc_per_ha_per_year"], out["soil_loss_years"] = yearly, years


def _among(uses: npt.NDArray[np.integer[Any]], names: tuple[str, ...]) -> npt.NDArray[np.bool_]:
    """Where the former use is one of these."""
    among = np.zeros(len(uses), dtype=np.bool_)
    for name in names:
        among |= uses == FORMER_USES.index(name)
    return among


def check_land(frame: pd.DataFrame, is_new: npt.NDArray[np.bool_], findings: Findings) -> None:
    """Refuse new planting on paddy, forest and wetland; ask where the former use is not stated."""
    uses = codes_of(frame, "former_land_use")
    refused = is_new & _among(uses, REFUSED)
    values = frame["former_land_use"].array
    findings.where(
        refused,
        column="former_land_use",
        values=values,
        unit="",
        allowed="annual_crop | set_aside | native",
        zh="第 {row} 行 former_land_use 为 {value}：水田、林地和湿地上的新种植不得计入。请核对，"
        "或将该地块移出。",
        en="Row {row}: former_land_use is {value}; new planting on paddy, forest or wetland cannot be "
        "credited. "
        "Check it, or leave the parcel out.",
    )
    findings.where(
        is_new & (uses == FORMER_USES.index("unstated")) & (values_of(frame, "area_ha") > 0),
        column="former_land_use",
        values=values,
        unit="",
        allowed="annual_crop | set_aside | native",
        zh="第 {row} 行未填新种植前的土地利用，未计土壤碳损失。请补填（允许 {allowed}）。",
        en="Row {row} does not state the land use before planting, so no loss of soil carbon is counted. "
        "Add it (allowed {allowed}).",
        severity="review",
    )
