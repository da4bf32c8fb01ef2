"""Equations of ``ccer_afforestation_v1``, in the order in which they are computed."""

from __future__ import annotations

from methodologies.ccer_afforestation_v1.applicability import CONDITION_STEPS
from methodologies.ccer_afforestation_v1.groups import (
    BCEF_CLASSES,
    BCEF_LIMITS,
    DEAD_WOOD_CLASSES,
    LAND_USES,
    RATE_AREA_MIN_HA,
    ROOT_BANDS,
    SLOPES,
    SOILS,
    SPECIES,
)
from methodologies.declaration import Case, Step
from methodologies.forest import SCHEMES

V01 = "CCER-14-001-V01"
TOOL14 = "CDM AR-TOOL14 v04.2"
_LOCAL = "ccer_afforestation_v1"
DISCOUNT = SCHEMES["cn_arcm"]
# Routes that know above-ground biomass and take their roots from elsewhere.
_OPEN_ROUTE = "({tree_route} == 'measured' or {tree_route} == 'volume_bcef')"


def _choices(column: str, names: dict[str, str], when: str = "") -> tuple[Case, ...]:
    """One case per choice of a column: the parameter it picks."""
    more = f" and {when}" if when else ""
    return tuple(Case(f"{{{column}}} == '{choice}'{more}", f"{{{name}}}") for choice, name in names.items())


def _bcef_cases() -> tuple[Case, ...]:
    """The band of the mean stock, the same for both dates: two bands would make a false jump."""
    cases = []
    for name in BCEF_CLASSES:
        picked = f"{{tree_route}} == 'volume_bcef' and {{bcef_class}} == '{name}'"
        for band, limit in enumerate(BCEF_LIMITS, 1):
            cases.append(Case(f"{picked} and {{v_mean_m3_per_ha}} <= {limit}", f"{{bcef_{name}_{band}}}"))
        cases.append(Case(picked, f"{{bcef_{name}_{len(BCEF_LIMITS) + 1}}}"))
    return (*cases, Case("", "0"))


def _root_cases() -> tuple[Case, ...]:
    cases = [
        Case(f"{{tree_route}} == 'volume_species' and {{species}} == '{name}'", f"{{r_{name}}}")
        for name in SPECIES
    ]
    for name, conditions in ROOT_BANDS.items():
        picked = f"{_OPEN_ROUTE} and {{root_route}} == '{name}'"
        for band, condition in enumerate(conditions, 1):
            cases.append(Case(f"{picked} and {condition}", f"{{r_{name}_{band}}}"))
        cases.append(Case(picked, f"{{r_{name}_{len(conditions) + 1}}}"))
    return (*cases, Case("", "0"))


def _above(date: str) -> tuple[Case, ...]:
    volume = f"{{volume_{date}_m3_per_ha}}"
    return (
        Case("{tree_route} == 'measured'", f"{{agb_{date}_t_per_ha}}"),
        Case("{tree_route} == 'volume_bcef'", f"{{bcef}} * {volume}"),
        Case("{tree_route} == 'volume_slope'", f"{{slope}} * {volume}"),
        Case("{tree_route} == 'volume_species'", f"{{expansion}} * {volume}"),
        Case("", "0"),
    )


def _below(date: str, number: str) -> tuple[Case, ...]:
    above = f"{{b_{number}_t_per_ha}}"
    default = f"{_OPEN_ROUTE} and {{root_route}} == 'ar_tool14'"
    return (
        Case("{tree_route} == 'measured' and {root_route} == 'measured'", f"{{bgb_{date}_t_per_ha}}"),
        Case(default, f"exp({{root_intercept}}) * {above} ** {{root_exponent}}"),
        Case("", f"{{root_ratio}} * {above}"),
    )


def _shrub(date: str) -> tuple[Case, ...]:
    cover = f"{{shrub_cover_{date}}}"
    stock = f"44 / 12 * {{cf_shrub}} * (1 + {{r_shrub}}) * {{bdr}} * {{regional_forest_t_per_ha}} * {cover}"
    return Case(f"{cover} >= {{shrub_cover_min}}", stock), Case("", "0")


_TREE_STEPS = (
    Step("accounted_area_ha", "A", "ha",
        (Case("{area_ha} >= {registered_area_ha} * (1 - {area_tolerance})", "{registered_area_ha}"),
            Case("", "{area_ha}")),
        "核算面积：复测面积在登记面积 5 % 以内或更大时用登记面积，否则用复测面积（只减不增）",
        "accounted area: the registered one where the re-measured is within 5 % of it or larger, else the "
        "re-measured; it can only shrink", "1", f"{V01} (clause not read)", total=True),
    Step("v_mean_m3_per_ha", "V", "m3/ha", "({volume_start_m3_per_ha} + {volume_end_m3_per_ha}) / 2",
        "两期平均蓄积量（决定 BCEF 档）", "mean stem volume of both dates, which picks the band of BCEF", "2",
        _LOCAL),
    Step("bcef", "BCEF", "t d.m./m3", _bcef_cases(), "生物量转换与扩展因子（两期同一档；其他路径为 0）",
        "biomass conversion and expansion, one band for both dates; 0 on other routes", "3",
        "IPCC 2006 Vol. 4 Table 4.5"),
    Step("slope", "a", "t d.m./m3",
        (*_choices("species", SLOPES, "{tree_route} == 'volume_slope'"), Case("", "0")),
        "材积—生物量方程斜率（其他路径为 0）", "slope of biomass over volume; 0 on other routes", "4",
        "doi 10.17521/cjpe.2015.0193"),
    Step("expansion", "D·BEF", "t d.m./m3",
        (*(Case(f"{{tree_route}} == 'volume_species' and {{species}} == '{name}'",
        f"{{d_{name}}} * {{bef_{name}}}")
            for name in SPECIES), Case("", "0")),
        "基本木材密度 × 生物量扩展因子（其他路径为 0）",
        "basic wood density × expansion factor; 0 on other routes", "5",
        f"{TOOL14}; {V01} appendix (not read)"),
    Step("b_t1_t_per_ha", "b1", "t d.m./ha", _above("start"), "期初地上生物量（斜率路径为全树、不含截距）",
        "above-ground biomass at the start; on the slope route the whole tree without intercept", "6",
        TOOL14),
    Step("b_t2_t_per_ha", "b2", "t d.m./ha", _above("end"), "期末地上生物量",
        "above-ground biomass at the end", "6",
        TOOL14),
    Step("agb_mean_t_per_ha", "b", "t d.m./ha", "({b_t1_t_per_ha} + {b_t2_t_per_ha}) / 2",
        "两期平均地上生物量（决定根茎比档）", "mean above-ground biomass, which picks the band of R", "7",
        _LOCAL),
    Step("root_ratio", "R", "1", _root_cases(), "根茎比（查表；其他路径为 0）",
        "root to shoot ratio from a table; 0 on "
        "other routes", "8", "IPCC 2006, 2019 Vol. 4 Table 4.4"),
    Step("r_t1_t_per_ha", "r1", "t d.m./ha", _below("start", "t1"), "期初地下生物量",
        "below-ground biomass at the start", "9", f"{TOOL14} Appendix 1"),
    Step("r_t2_t_per_ha", "r2", "t d.m./ha", _below("end", "t2"), "期末地下生物量",
        "below-ground biomass at the end",
        "9", f"{TOOL14} Appendix 1"),
    Step("cf", "CF", "tC/t d.m.",
        (*_choices("species", {name: f"cf_{name}" for name in SPECIES}, "{tree_route} == 'volume_species'"),
            Case("", "{carbon_fraction}")),
        "含碳率", "carbon fraction", "10", TOOL14),
    Step("c_t1_tco2e_per_ha", "C1", "tCO2e/ha", "44 / 12 * {cf} * ({b_t1_t_per_ha} + {r_t1_t_per_ha})",
        "期初乔木碳储量", "tree stock at the start", "11", TOOL14),
    Step("c_t2_tco2e_per_ha", "C2", "tCO2e/ha", "44 / 12 * {cf} * ({b_t2_t_per_ha} + {r_t2_t_per_ha})",
        "期末乔木碳储量", "tree stock at the end", "11", TOOL14),
    Step("delta_tree_measured_t", "ΔC_m", "tCO2e",
        "({c_t2_tco2e_per_ha} - {c_t1_tco2e_per_ha}) * {accounted_area_ha}", "乔木储量变化（扣减前）",
        "change of tree stock before the discount", "12", f"{TOOL14} Eq. 11", total=True),
    Step("unc", "unc", "1", (Case("{tree_route} == 'none'", "0"), *DISCOUNT.cases("uncertainty_pct")),
        "抽样不确定性扣减率", "discount for sampling uncertainty", "13", "AR-CM-001-V01 (cn_arcm)"),
    Step("delta_c_tree_t", "ΔC_TREE", "tCO2e",
        (Case("{delta_tree_measured_t} > 0", "{delta_tree_measured_t} * (1 - {unc})"),
            Case("", "{delta_tree_measured_t}")),
        "乔木碳储量变化（减少不打折）", "change of tree stock; a loss is never discounted", "14",
        f"{V01}; {_LOCAL}", total=True),
)  # fmt: skip

_POOL_STEPS = (
    Step("delta_c_bamboo_t", "ΔC_BAMBOO", "tCO2e",
        "44 / 12 * {cf_bamboo} * {culm_kg} / 1000 * ({culms_end_per_ha} - {culms_start_per_ha}) * "
        "{accounted_area_ha}",
        "竹子碳储量变化", "change of bamboo stock", "15", "doi 10.17521/cjpe.2015.0193", total=True),
    Step("shrub_t1_tco2e_per_ha", "S1", "tCO2e/ha", _shrub("start"), "期初灌木碳储量（盖度 < 5 % 计 0）",
        "shrub stock at the start; 0 below 5 % cover", "16", f"{TOOL14} Eq. 26–27"),
    Step("shrub_t2_tco2e_per_ha", "S2", "tCO2e/ha", _shrub("end"), "期末灌木碳储量", "shrub stock at the end",
        "16",
        f"{TOOL14} Eq. 26–27"),
    Step("delta_c_shrub_t", "ΔC_SHRUB", "tCO2e",
        "({shrub_t2_tco2e_per_ha} - {shrub_t1_tco2e_per_ha}) * {accounted_area_ha}", "灌木碳储量变化",
        "change of shrub stock", "17", f"{TOOL14} Eq. 26–27", total=True),
    Step("delta_agb_t", "ΔC_AGB", "tCO2e",
        (Case("{b_t2_t_per_ha} > {b_t1_t_per_ha}",
            "44 / 12 * {cf} * ({b_t2_t_per_ha} - {b_t1_t_per_ha}) * {accounted_area_ha} * (1 - {unc})"),
            Case("", "44 / 12 * {cf} * ({b_t2_t_per_ha} - {b_t1_t_per_ha}) * {accounted_area_ha}")),
        "乔木地上碳储量变化（枯死木、枯落物比例的基数）",
        "change of above-ground tree stock, on which the ratios of dead "
        "wood and litter are based", "18", "doi 10.1038/s41558-020-00976-6 Table S4"),
    Step("df_dw", "DF_DW", "1",
        (*_choices("dead_wood_class", {name: f"df_dw_{name}" for name in DEAD_WOOD_CLASSES},
        "{pool_dead_wood}"),
            Case("", "0")),
        "枯死木比例（未计入为 0）", "ratio of dead wood; 0 if the pool is off", "19",
        "doi 10.1038/s41558-020-00976-6 Table S4"),
    Step("delta_c_dw_t", "ΔC_DW", "tCO2e", "{df_dw} * {delta_agb_t}", "枯死木碳储量变化",
        "change of dead wood", "20",
        "CDM AR-TOOL12 (form not read)", total=True),
    Step("df_li", "DF_LI", "1",
        (*_choices("dead_wood_class", {name: f"df_li_{name}" for name in DEAD_WOOD_CLASSES}, "{pool_litter}"),
            Case("", "0")),
        "枯落物比例（未计入为 0）", "ratio of litter; 0 if the pool is off", "19",
        "doi 10.1038/s41558-020-00976-6 Table S4"),
    Step("delta_c_li_t", "ΔC_LI", "tCO2e", "{df_li} * {delta_agb_t}", "枯落物碳储量变化", "change of litter",
        "20",
        "CDM AR-TOOL12 (form not read)", total=True),
    Step("soc_ref_tc_per_ha", "SOC_REF", "tC/ha",
        (*_choices("soil", {name: f"soc_ref_{name}" for name in SOILS}, "{pool_soil}"), Case("", "0")),
        "参考土壤有机碳（未计入为 0）", "reference soil carbon; 0 if the pool is off", "21",
        "IPCC 2019 Refinement Table 2.3"),
    Step("f_lu", "f_LU", "1",
        (*_choices("land_use_before", {name: f"f_lu_{name}" for name in LAND_USES}, "{pool_soil}"), Case("",
        "0")),
        "造林前土地利用因子（未计入为 0）", "land-use factor before planting; 0 if the pool is off", "22",
        "IPCC 2019 Refinement Table 5.5"),
    Step("soc_init_tc_per_ha", "SOC_INIT", "tC/ha",
        "{soc_ref_tc_per_ha} * {f_lu} * {soil_management} * {soil_input}", "造林前土壤有机碳",
        "soil carbon before planting", "23", "CDM AR-TOOL16 (not read)"),
    Step("soc_loss_tc_per_ha", "SOC_LOSS", "tC/ha",
        (Case("{pool_soil} and {disturbed_pct} > {soc_disturbed_limit_pct}",
            "{soc_loss_share} * {soc_init_tc_per_ha}"), Case("", "0")),
        "整地扰动损失", "loss by site preparation", "24", "CDM AR-TOOL16 (not read)"),
    Step("d_soc_tc_per_ha_per_year", "dSOC", "tC/ha/yr",
        (Case("{pool_soil}", "min(({soc_ref_tc_per_ha} - ({soc_init_tc_per_ha} - {soc_loss_tc_per_ha}))"
            " / {soc_years}, {soc_rate_max_tc_per_ha_per_year})"), Case("", "0")),
        "土壤碳年变化（上限 0.8 tC/ha/yr）", "yearly change of soil carbon, at most 0.8 tC/ha/yr", "25",
        "CDM AR-TOOL16 (not read)"),
    Step("soil_years", "Δt_soc", "yr",
        (Case("{pool_soil}", "max(min({period_end_year}, {planting_year} + 1 + {soc_years})"
            " - max({period_start_year}, {planting_year} + 1), 0)"), Case("", "0")),
        "本期内处于造林后 20 年之内的年数（自造林次年 1 月 1 日起）",
        "years of this period within 20 years of planting, counted from 1 January after it", "26",
        "CDM AR-TOOL16 (not read)"),
    Step("delta_soc_t", "ΔSOC", "tCO2e",
        "44 / 12 * {d_soc_tc_per_ha_per_year} * {soil_years} * {accounted_area_ha}", "土壤有机碳储量变化",
        "change of soil carbon", "27", "CDM AR-TOOL16 (not read)", total=True),
    Step("burned_biomass_t", "B_burn", "t d.m.",
        (Case("{burned_ha} > 0", "{burned_ha} * {burned_agb_t_per_ha} * {fire_comf}"), Case("", "0")),
        "燃烧的生物量", "biomass burned", "28", "CDM AR-TOOL08 (not read)", total=True),
    Step("fire_ch4_kg", "M_CH4", "kg CH4",
        (Case("{burned_ha} > 0", "{burned_biomass_t} * {fire_ef_ch4_g_per_kg}"), Case("", "0")),
        "火灾 CH4 质量", "mass of methane from fire", "28", "CDM AR-TOOL08 (not read)", total=True),
    Step("fire_n2o_kg", "M_N2O", "kg N2O",
        (Case("{burned_ha} > 0", "{burned_biomass_t} * {fire_ef_n2o_g_per_kg}"), Case("", "0")),
        "火灾 N2O 质量", "mass of nitrous oxide from fire", "28", "CDM AR-TOOL08 (not read)", total=True),
    Step("ghg_fire_t", "GHG_FIRE", "tCO2e",
        (Case("{burned_ha} > 0", "0.001 * ({fire_ch4_kg} * {gwp_ch4} + {fire_n2o_kg} * {gwp_n2o})"),
            Case("", "0")),
        "火灾非 CO2 排放（CO2 已含在储量变化中）", "non-CO2 emission of fire; the CO2 is in the stock change",
        "29",
        "CDM AR-TOOL08 (not read)", total=True),
)  # fmt: skip

_NET_STEPS = (
    Step("delta_c_proj_t", "ΔC_PROJ", "tCO2e",
        "{delta_c_tree_t} + {delta_c_bamboo_t} + {delta_c_shrub_t} + {delta_c_dw_t} + {delta_c_li_t}"
        " + {delta_soc_t} - {ghg_fire_t}",
        "项目碳储量变化", "project change of stocks", "30", f"{V01} (clause not read)", total=True),
    Step("cleared_t", "C_cleared", "tCO2e",
        "44 / 12 * {cf_shrub} * (1 + {r_shrub}) * {cleared_stock_t_per_ha} * {accounted_area_ha}",
        "清除的原有灌木碳储量（一次性扣除）", "stock of shrubs cleared, deducted once", "31",
        f"{TOOL14} Eq. 26–27; {V01} (clause not read)", total=True),
    Step("bsl_t", "ΔC_BSL", "tCO2e",
        "{baseline_tco2e_per_ha_per_year} * {period_years} * {accounted_area_ha} + {cleared_t}",
        "基准线碳储量变化与清除量", "baseline change of stocks and what was cleared", "32",
        f"{V01} (clause not read)", total=True),
    Step("lk_t", "LK", "tCO2e", "0", "泄漏：适用条件 A8 成立，为 0", "leakage: nil, for condition A8 holds",
        "33", f"{V01} A8", total=True),
    Step("gross_t", "G", "tCO2e", "{delta_c_proj_t} - {bsl_t} - {lk_t}", "风险扣减前碳汇量",
        "removal before the risk deduction", "34", f"{V01} (clause not read)", total=True),
    Step("risk_t", "G·K", "tCO2e", (Case("{gross_t} > 0", "{gross_t} * {k_risk}"), Case("", "0")),
        "非持久性风险扣减量", "risk deduction", "35", f"{V01} (clause not read)", total=True),
    Step("ch4_kg", "ΔCH4", "kg CH4", "-{fire_ch4_kg}", "对项目有利的 CH4 变化",
        "methane in the project's favour", "36",
        _LOCAL, total=True),
    Step("n2o_kg", "ΔN2O", "kg N2O", "-{fire_n2o_kg}", "对项目有利的 N2O 变化",
        "nitrous oxide in the project's favour", "36", _LOCAL, total=True),
    Step("co2_t", "ΔCO2", "tCO2", "{gross_t} + {ghg_fire_t}", "对项目有利的 CO2 变化",
        "carbon dioxide in the project's favour", "36", _LOCAL, total=True),
    Step("rate_tco2e_per_ha_per_year", "rate", "tCO2e/ha/yr",
        (Case(f"{{accounted_area_ha}} >= {RATE_AREA_MIN_HA}",
            "{gross_t} / {accounted_area_ha} / {period_years}"), Case("", "0")),
        "年均碳汇强度（风险扣减前）", "yearly rate before the risk deduction", "37", _LOCAL),
    Step("rate_tco2e_per_mu_per_year", "rate_mu", "tCO2e/mu/yr", "{rate_tco2e_per_ha_per_year} / 15",
        "每亩年均碳汇强度", "yearly rate per mu", "37", _LOCAL),
    Step("net_t", "CDR", "tCO2e", "{gross_t} - {risk_t}",
        "项目减排量 (ΔC_PROJ − ΔC_BSL − LK)·(1 − K_RISK)；为负时全额保留",
        "net removal (ΔC_PROJ − ΔC_BSL − LK)·(1 − K_RISK); a negative figure is kept whole", "38",
        f"{V01} (clause not read)", total=True),
)  # fmt: skip

STEPS = (*CONDITION_STEPS, *_TREE_STEPS, *_POOL_STEPS, *_NET_STEPS)
