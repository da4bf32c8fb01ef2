"""Equations of ``tea_garden_v1``, in the order in which they are computed."""

from __future__ import annotations

from methodologies.declaration import Case, Step
from methodologies.perennial import deductions, emissions, growth, soil

_LOCAL = "tea_garden_v1"
_RELATION = "中国农业气象 2025, 46(10): 1395–1404, doi 10.3969/j.issn.1000-6362.2025.10.002"
_PROPOSAL = "《茶园碳汇方法学研究》, 中国茶叶 2024(2): 7–12"
_ACCRUAL = "浙江大学学报（农业与生命科学版）2013"
_IPCC_N = "IPCC 2019 Vol. 4 Eq. 11.1"
SAMPLED = "{route} == 'plot'"
_MEASURED = "{soil_route} == 'measured'"


def _by_age(years: str) -> str:
    """Default stock after years of growth, tCO2e/ha: two published rates, up to the permanent stock."""
    return (
        f"44 / 12 * min({{accrual_young_tc_per_ha_per_year}} * min({{{years}}}, {{young_years}})"
        f" + {{accrual_adult_tc_per_ha_per_year}}"
        f" * min(max({{{years}}} - {{young_years}}, 0), {{accrual_until_years}} - {{young_years}}),"
        " {permanent_stock_tc_per_ha})"
    )


def _nitrogen(prefix: str) -> str:
    return (
        f"({{{prefix}n_synthetic_kg_per_ha_per_year}} + {{{prefix}n_organic_kg_per_ha_per_year}}"
        f" + {{oilcake_factor}} * {{{prefix}n_oilcake_kg_per_ha_per_year}}) * {{ef1_tea}}"
    )


def _moment(moment: str, number: int, zh: str, en: str) -> tuple[Step, ...]:
    ba, age = f"ba_{moment}_t_per_ha", f"bush_age_{moment}_years"
    return (
        Step(
            f"bb_{moment}_t_per_ha", f"Bb_t{number}", "t d.m./ha",
            (
                Case(f"not ({SAMPLED})", "0"),
                Case(f"{{{age}}} < {{adult_from_years}}",
                    f"max({{bb_young_slope}} * {{{ba}}} + {{bb_young_constant}}, 0)"),
                Case("", f"{{bb_adult_square}} * {{{ba}}} ** 2 + {{bb_adult_slope}} * {{{ba}}}"
                    " + {bb_adult_constant}"),
            ),
            f"{zh}地下生物量（3 年以下用幼龄式，负值取 0）",
            f"below-ground biomass at the {en}; young form below 3 years, never negative", "3", _RELATION,
        ),
        Step(
            f"stock_t{number}_tco2e_per_ha", f"S_t{number}", "tCO2e/ha",
            (
                Case(SAMPLED, f"44 / 12 * {{carbon_fraction}} * ({{{ba}}} + {{bb_{moment}_t_per_ha}})"),
                Case("", _by_age(f"growth_{moment}_years")),
            ),
            f"{zh}单位面积储量（永久骨架与根）", f"stock per hectare at the {en}, permanent frame and roots",
            "4",
            f"{_PROPOSAL}; {_ACCRUAL}",
        ),
    )  # fmt: skip


def _usual(years: str) -> tuple[Case, ...]:
    return (Case("{activity} == 'new_garden'", "0"), Case("", _by_age(years)))


def _years(name: str, symbol: str, when: str, moment: str, zh: str, en: str) -> Step:
    return Step(f"{name}_{moment}_years", symbol, "yr", growth.growth_case(when, moment), zh, en, "2", _LOCAL)


_GROWTH = (
    *growth.age_steps(_LOCAL),
    _years("growth", "g1", "{event} != 'none'", "start", "期初生长年数（台刈、改植后重新起算）",
        "years of growth at the start; stumping and replanting begin anew"),
    _years("growth", "g2", "{event} != 'none'", "end", "期末生长年数", "years of growth at the end"),
    _years("bush_age", "n1", "{event} == 'replanting'", "start",
    "期初茶树树龄（改植后重新起算，台刈后根仍在）",
        "age of the bushes at the start; replanting begins anew, roots survive stumping"),
    _years("bush_age", "n2", "{event} == 'replanting'", "end", "期末茶树树龄",
    "age of the bushes at the end"),
)  # fmt: skip

_STOCKS = (
    *_moment("start", 1, "期初", "start"),
    *_moment("end", 2, "期末", "end"),
    Step(
        "ceiling_tco2e_per_ha", "S_max", "tCO2e/ha", "44 / 12 * {permanent_stock_tc_per_ha}",
        "永久储量上限", "ceiling of the permanent stock", "5", "茶研報 138: 49–55, 2024",
    ),
    Step(
        "growing_share", "s_30", "1",
        (
            Case("{bush_age_end_years} <= {saturation_age_years}", "1"),
            Case("{bush_age_start_years} >= {saturation_age_years}", "0"),
            Case("", "({saturation_age_years} - {bush_age_start_years})"
                " / ({bush_age_end_years} - {bush_age_start_years})"),
        ),
        "本期处于 30 年饱和树龄之前的比例", "share of the period before the bushes saturate at 30 years", "6",
        "茶研報 138: 49–55, 2024",
    ),
    Step(
        "stock_change_tco2e_per_ha", "ΔS", "tCO2e/ha",
        (
            Case("{stock_t2_tco2e_per_ha} > {stock_t1_tco2e_per_ha}",
                "(min({stock_t2_tco2e_per_ha}, max({stock_t1_tco2e_per_ha}, {ceiling_tco2e_per_ha}))"
                " - {stock_t1_tco2e_per_ha}) * {growing_share}"),
            Case("", "{stock_t2_tco2e_per_ha} - {stock_t1_tco2e_per_ha}"),
        ),
        "可计入的储量变化（增长止于上限和 30 年，减少全额计入）",
        "creditable change of stock: gains end at the ceiling and at 30 years, losses count in full", "7",
        _LOCAL,
    ),
    Step(
        "usual_t1_tco2e_per_ha", "S_bau1", "tCO2e/ha", _usual("age_start_years"),
        "照常经营下的期初储量（仅现有茶园）", "stock at the start under business as usual, existing "
        "gardens only",
        "8", _LOCAL,
    ),
    Step(
        "usual_t2_tco2e_per_ha", "S_bau2", "tCO2e/ha", _usual("age_end_years"),
        "照常经营下的期末储量", "stock at the end under business as usual", "8", _LOCAL,
    ),
    Step(
        "cleared_tco2e_per_ha", "clr", "tCO2e/ha",
        "44 / 12 * {carbon_fraction} * (1 + {root_shoot}) * {cleared_stock_t_per_ha}",
        "建园清除的木本储量（一次性扣除）", "woody stock cleared for the garden, deducted once", "9", _LOCAL,
    ),
)  # fmt: skip

_SOIL = (
    *soil.steps("new_garden"),
    Step(
        "soil_tco2e_per_ha", "ΔS_soil", "tCO2e/ha",
        (
            Case(f"{_MEASURED} and {{soc_change_tc_per_ha}} > 0",
                "44 / 12 * max({soc_change_tc_per_ha} - {soc_half_width_tc_per_ha}, 0)"),
            Case(_MEASURED, "44 / 12 * {soc_change_tc_per_ha}"),
            Case("", "-44 / 12 * {soil_loss_tc_per_ha_per_year} * {soil_loss_years}"),
        ),
        "土壤碳变化：实测增加取置信下限，减少全额；未实测只计损失",
        "change of soil carbon: a measured gain at the lower end of its interval, a loss in full; "
        "unmeasured, "
        "only losses", "S5", f"{_PROPOSAL}; {_LOCAL}",
    ),
)  # fmt: skip

_N2O = (
    Step(
        "n2o_n_project_kg_per_ha_per_year", "f_N", "kg N2O-N/ha/yr",
        (
            Case("{n2o_route} == 'fertiliser'", _nitrogen("")),
            Case("{n2o_route} == 'fertiliser_and_background'", f"{_nitrogen('')} + {{background_n2o_n}}"),
            Case("{n2o_route} == 'national_mean'", "{national_mean_n2o_n}"),
            Case("", "{n2o_n_kg_per_ha_per_year}"),
        ),
        "项目 N2O-N 排放", "N2O-N emitted by the garden", "10", _IPCC_N,
    ),
    Step(
        "n2o_n_baseline_kg_per_ha_per_year", "f_N,0", "kg N2O-N/ha/yr",
        (
            Case("{activity} == 'new_garden' or {baseline_n_record} == 'none' or {n2o_route} == "
            "'national_mean'",
                "0"),
            Case("{n2o_route} == 'fertiliser'", _nitrogen("baseline_")),
            Case("{n2o_route} == 'fertiliser_and_background'",
                f"{_nitrogen('baseline_')} + {{background_n2o_n}}"),
            Case("", "{baseline_n2o_n_kg_per_ha_per_year}"),
        ),
        "基准线 N2O-N 排放（新建茶园或无记录：0，即全部扣除）",
        "N2O-N of the baseline; 0 for a new garden or without records, so that everything is deducted", "10",
        _LOCAL,
    ),
)  # fmt: skip

_TOTALS = (
    Step(
        "stock_t1_t", "C_t1", "tCO2e", "{stock_t1_tco2e_per_ha} * {area_ha}",
        "期初碳储量", "stock at the start", "11", _LOCAL, total=True,
    ),
    Step(
        "stock_t2_t", "C_t2", "tCO2e", "{stock_t2_tco2e_per_ha} * {area_ha}",
        "期末碳储量", "stock at the end", "11", _LOCAL, total=True,
    ),
    Step(
        "delta_c_t", "ΔC", "tCO2e", "{stock_change_tco2e_per_ha} * {area_ha}",
        "茶树碳储量变化", "change of stock in the bushes", "12", _PROPOSAL, total=True,
    ),
    Step(
        "bsl_t", "BSL", "tCO2e",
        "({usual_t2_tco2e_per_ha} - {usual_t1_tco2e_per_ha} + {cleared_tco2e_per_ha}) * {area_ha}",
        "基准线：现有茶园照常生长，及清除的储量",
        "baseline: usual growth of an existing garden, and stock cleared",
        "13", _LOCAL, total=True,
    ),
    Step(
        "soil_t", "C_soil", "tCO2e", "{soil_tco2e_per_ha} * {area_ha}",
        "土壤碳变化（正为增加）", "change of soil carbon, positive is a gain", "14", _PROPOSAL, total=True,
    ),
    Step(
        "pe_n2o_kg", "M_N2O", "kg N2O",
        "{n2o_n_project_kg_per_ha_per_year} * 44 / 28 * {area_ha} * {period_years}",
        "项目 N2O 排放质量", "mass of nitrous oxide emitted by the garden", "15", _IPCC_N, total=True,
    ),
    Step(
        "be_n2o_kg", "M_N2O,0", "kg N2O",
        "{n2o_n_baseline_kg_per_ha_per_year} * 44 / 28 * {area_ha} * {period_years}",
        "基准线 N2O 排放质量", "mass of nitrous oxide in the baseline", "15", _IPCC_N, total=True,
    ),
    Step(
        "e_fert_t", "E_fert", "tCO2e", "({pe_n2o_kg} - {be_n2o_kg}) * {gwp_n2o} / 1000",
        "施肥排放（项目减基准线）", "emission from nitrogen, project minus baseline", "16", _IPCC_N,
        total=True,
    ),
    *emissions.STEPS,
    Step(
        "n_break_even_kg_per_ha_per_year", "N_0", "kg N/ha/yr",
        "max({stock_change_tco2e_per_ha} - {usual_t2_tco2e_per_ha} + {usual_t1_tco2e_per_ha}"
        " - {cleared_tco2e_per_ha} + {soil_tco2e_per_ha}, 0) / {period_years}"
        " / ({ef1_tea} * 44 / 28 * {gwp_n2o} / 1000)",
        "盈亏平衡施氮量：比基准线多施的氮达到此量时，N2O 抵消全部固碳",
        "break-even nitrogen: this much more than in the baseline cancels the whole gain", "17", _LOCAL,
    ),
    Step(
        "n2o_kg", "ΔN2O", "kg N2O", "{be_n2o_kg} - {pe_n2o_kg}",
        "对项目有利的 N2O 变化（便于换用其他 GWP 重述）",
        "nitrous oxide in the project's favour, for restating under another GWP set", "18", _LOCAL,
        total=True,
    ),
    Step(
        "co2_t", "ΔCO2", "tCO2",
        "{delta_c_t} - {bsl_t} + {soil_t} - {leakage_tco2e} - {e_fuel_t} - {e_electricity_t}",
        "对项目有利的 CO2 变化", "carbon dioxide in the project's favour", "18", _LOCAL, total=True,
    ),
    Step(
        "gross_t", "G", "tCO2e",
        "{delta_c_t} - {bsl_t} + {soil_t} - {leakage_tco2e} - {e_fert_t} - {e_fuel_t} - {e_electricity_t}",
        "扣减前净碳汇", "removal before deductions", "19", _LOCAL, total=True,
    ),
    deductions.uncertainty_step(SAMPLED, "AR-CM-001-V01 (cn_arcm)"),
)  # fmt: skip

STEPS = (
    *_GROWTH,
    *_STOCKS,
    *_SOIL,
    *_N2O,
    *_TOTALS,
    *deductions.steps(
        _LOCAL,
        note_zh="。茶园需要较多氮肥，结果为负很常见，并不说明管理不好",
        note_en=". Tea needs much nitrogen: a negative figure is common and says nothing against the grower",
    ),
)
