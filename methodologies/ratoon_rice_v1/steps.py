"""Equations of ``ratoon_rice_v1``, in the order in which they are computed."""

from __future__ import annotations

from methodologies.declaration import Case, Step
from methodologies.ratoon_rice_v1.columns import AMENDMENTS

_IPCC = "IPCC 2019 Refinement Vol. 4 Ch. 5"
_LOCAL = "ratoon_rice_v1"
_WORDS = {
    "main": ("头季", "main season"),
    "ratoon": ("再生季", "ratoon season"),
    "base1": ("基准线第一季", "baseline, first season"),
    "base2": ("基准线第二季", "baseline, second season"),
}
_LENGTHS: dict[str, str | tuple[Case, ...]] = {
    "main": "{main_harvest_date} - {main_land_prep_date}",
    "ratoon": "max({ratoon_harvest_date}, {ratoon_drainage_date}) - {main_harvest_date}",
    "base1": (
        Case("{activity} == 'A1' or {activity} == 'A4'", "min({base1_cultivation_days}, {main_l_days})"),
        Case("", "{base1_cultivation_days}"),
    ),
    "base2": (
        Case("{activity} == 'A1' or {activity} == 'A4'", "min({base2_cultivation_days}, {ratoon_l_days})"),
        Case("", "{base2_cultivation_days}"),
    ),
}
# On a limit the project takes the higher factor and the baseline the lower: hence > here and >= there.
_PRE_SEASON: dict[str, str | tuple[Case, ...]] = {
    "main": (
        Case("{main_preflood_days} >= {days_flooded}", "{sf_p_flooded}"),
        Case("{main_nonflooded_days} > {days_rotation}", "{sf_p_rotation}"),
        Case("{main_nonflooded_days} > {days_long}", "{sf_p_long}"),
        Case("", "{sf_p_short}"),
    ),
    "ratoon": (
        Case("{ratoon_preflood_days} >= {days_flooded}", "{sf_p_flooded}"),
        Case("", "{sf_p_short}"),
    ),
    "base1": (
        Case("{base1_preflood_days} > {days_flooded}", "{sf_p_flooded}"),
        Case("{base1_nonflooded_days} >= {days_rotation}", "{sf_p_rotation}"),
        Case("{base1_nonflooded_days} >= {days_long}", "{sf_p_long}"),
        Case("", "{sf_p_short}"),
    ),
    "base2": "{sf_p_short}",
}


def _water_cases(season: str, continuous: str, single: str, multiple: str, unknown: str) -> tuple[Case, ...]:
    """The factor by water regime. A baseline is continuous only on evidence, else drained once."""
    regime = f"{{{season}_regime}}"
    proven = " and {baseline_water_evidence}" if season.startswith("base") else ""
    return (
        Case(f"{regime} == 'continuous'{proven}", f"{{{continuous}}}"),
        Case(f"{regime} == 'multiple'", f"{{{multiple}}}"),
        Case(f"{regime} == 'unknown'", f"{{{unknown}}}"),
        Case("", f"{{{single}}}"),
    )


def _amendment_steps(season: str) -> list[Step]:
    zh, en = _WORDS[season]
    load = " + ".join(f"{{{season}_{amendment}_t_per_ha}} * {{cfoa_{amendment}}}" for amendment in AMENDMENTS)
    formula = f"(1 + {load}) ** {{sf_o_exponent}}"
    if season in {"main", "ratoon"}:
        meaning = (f"{zh}：有机物料系数", f"{en}: organic amendment factor")
        return [Step(f"{season}_sf_o", f"SFo_{season}", "1", formula, *meaning, "5.3", _IPCC)]
    match = {"base1": "main", "base2": "ratoon"}[season]
    return [
        Step(
            f"{season}_sf_o_reported", f"SFo_{season}*", "1", formula,
            f"{zh}：按填报量的有机物料系数", f"{en}: organic amendment factor as reported", "5.3", _IPCC,
        ),
        Step(
            f"{season}_sf_o", f"SFo_{season}", "1",
            (
                Case("{baseline_straw_evidence}", f"{{{season}_sf_o_reported}}"),
                Case("", f"min({{{season}_sf_o_reported}}, {{{match}_sf_o}})"),
            ),
            f"{zh}：有机物料系数（无证据时不高于项目）",
            f"{en}: organic amendment factor, without evidence not above the project's", "5.3", _LOCAL,
        ),
    ]  # fmt: skip


def _season_steps(season: str) -> list[Step]:
    zh, en = _WORDS[season]
    unknown = (
        ("sf_w_multiple", "ef1fr_continuous")
        if season.startswith("base")
        else ("sf_w_continuous", "ef1fr_drained")
    )
    steps = [
        Step(f"{season}_l_days", f"L_{season}", "d", _LENGTHS[season], f"{zh}：生育期天数",
             f"{en}: cultivation period", "5.1", f"{_IPCC}; {_LOCAL}"),
    ]  # fmt: skip
    if season == "main":
        steps.append(
            Step("main_nonflooded_days", "G_main", "d", "{main_land_prep_date} - {previous_flood_end_date}",
                 "头季整地前非淹水天数", "non-flooded days before the main season", "", _LOCAL)
        )  # fmt: skip
    water = _water_cases(season, "sf_w_continuous", "sf_w_single", "sf_w_multiple", unknown[0])
    nitrogen = _water_cases(season, "ef1fr_continuous", "ef1fr_drained", "ef1fr_drained", unknown[1])
    steps += [
        Step(f"{season}_sf_w", f"SFw_{season}", "1", water, f"{zh}：水分系数", f"{en}: water regime factor",
             "5.2", f"{_IPCC} Table 5.12"),
        Step(f"{season}_sf_p", f"SFp_{season}", "1", _PRE_SEASON[season], f"{zh}：种植前水分系数",
             f"{en}: pre-season factor", "5.2", f"{_IPCC} Table 5.13"),
        *_amendment_steps(season),
        Step(
            f"{season}_ef_kg_per_ha_per_day", f"EF_{season}", "kg CH4/ha/d",
            f"{{ef_c}} * {{{season}_sf_w}} * {{{season}_sf_p}} * {{{season}_sf_o}}",
            f"{zh}：日排放因子", f"{en}: daily emission factor", "5.2", _IPCC,
        ),
        Step(
            f"{season}_ch4_kg", f"CH4_{season}", "kg CH4",
            f"{{{season}_ef_kg_per_ha_per_day}} * {{{season}_l_days}} * {{area_ha}}",
            f"{zh}：甲烷排放", f"{en}: methane emitted", "5.1", _IPCC,
        ),
        Step(f"{season}_ef1fr", f"EF1FR_{season}", "kg N2O-N/kg N", nitrogen, f"{zh}：N2O 直接排放因子",
             f"{en}: direct N2O factor", "11.1", "IPCC 2019 Refinement Vol. 4 Ch. 11 Table 11.1"),
        Step(
            f"{season}_n2o_kg", f"N2O_{season}", "kg N2O",
            f"{{{season}_n_kg_per_ha}} * {{{season}_ef1fr}} * 44 / 28 * {{area_ha}}",
            f"{zh}：氧化亚氮排放", f"{en}: nitrous oxide emitted", "11.1",
            "IPCC 2019 Refinement Vol. 4 Ch. 11",
        ),
    ]  # fmt: skip
    return steps


_NET = (
    Step("be_ch4_kg", "BE_CH4", "kg CH4", "{base1_ch4_kg} + {base2_ch4_kg}", "基准线甲烷", "baseline methane",
         "4", _LOCAL),
    Step("pe_ch4_kg", "PE_CH4", "kg CH4", "{main_ch4_kg} + {ratoon_ch4_kg}", "项目甲烷", "project methane",
         "4", _LOCAL),
    Step("be_n2o_kg", "BE_N2O", "kg N2O", "{base1_n2o_kg} + {base2_n2o_kg}", "基准线氧化亚氮",
         "baseline nitrous oxide", "4", _LOCAL),
    Step("pe_n2o_kg", "PE_N2O", "kg N2O", "{main_n2o_kg} + {ratoon_n2o_kg}", "项目氧化亚氮",
         "project nitrous oxide", "4", _LOCAL),
    Step("delta_ch4_kg", "ΔCH4", "kg CH4", "{be_ch4_kg} - {pe_ch4_kg}", "甲烷减排（扣减前）",
         "reduction of methane before the deduction", "4", _LOCAL),
    Step("delta_n2o_kg", "ΔN2O", "kg N2O", "min(0, {be_n2o_kg} - {pe_n2o_kg})",
         "氧化亚氮变化：增加全额计入，少施氮的减少不计入",
         "change of nitrous oxide: an increase counts, a saving of nitrogen is not credited", "4", _LOCAL),
    Step("ch4_kg", "adj(ΔCH4)", "kg CH4",
         (Case("{delta_ch4_kg} > 0", "{delta_ch4_kg} * (1 - {deduction})"), Case("", "{delta_ch4_kg}")),
         "甲烷减排（扣减后；为负时不打折）",
         "reduction of methane after the deduction, which never shrinks an increase",
         "5", f"VM0051 v1.1 QA3; {_LOCAL}", total=True),
    Step("n2o_kg", "adj(ΔN2O)", "kg N2O", "{delta_n2o_kg}", "氧化亚氮减排（不为正，故不扣减）",
         "reduction of nitrous oxide; never positive, hence no deduction", "5", _LOCAL, total=True),
    Step("ch4_tco2e", "ER_CH4", "tCO2e", "{ch4_kg} * {gwp_ch4} / 1000", "甲烷减排", "reduction of methane",
         "5", _LOCAL, total=True),
    Step("n2o_tco2e", "ER_N2O", "tCO2e", "{n2o_kg} * {gwp_n2o} / 1000", "氧化亚氮减排",
         "reduction of nitrous oxide", "5", _LOCAL, total=True),
    Step("be_t", "BE", "tCO2e", "({be_ch4_kg} * {gwp_ch4} + {be_n2o_kg} * {gwp_n2o}) / 1000", "基准线排放",
         "baseline emission", "5", _LOCAL, total=True),
    Step("yield_loss_pct", "x", "%",
         "max(0, ({baseline_yield_t_per_ha} - {yield_t_per_ha}) / {baseline_yield_t_per_ha} * 100"
         " - {yield_tolerance_pct})",
         "超出允许幅度的减产", "fall of yield beyond the tolerance", "", "VM0051 v1.1"),
    Step("le_t", "LE", "tCO2e", "{yield_loss_pct} / 100 * {be_t}", "减产泄漏", "leakage from lost yield",
         "", _LOCAL, total=True),
    Step("pe_fuel_t", "PE_fuel", "tCO2e", "max(0, {diesel_l} - {baseline_diesel_l}) * {ef_diesel}",
         "新增燃油排放（减少不计入）", "emission from additional fuel; savings are not credited", "",
         "VM0051 v1.1",
         total=True),
    Step("net_t", "ER", "tCO2e", "{ch4_tco2e} + {n2o_tco2e} - {pe_fuel_t} - {le_t}",
         "净减排量（为负时保留）", "net reduction; a negative figure is kept", "5", _LOCAL, total=True),
)  # fmt: skip

STEPS = (*(step for season in _WORDS for step in _season_steps(season)), *_NET)
