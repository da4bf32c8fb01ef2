"""Equations of ``camellia_oil_v1``, in the order in which they are computed."""

from __future__ import annotations

from methodologies.declaration import Case, Step
from methodologies.perennial import deductions, emissions, growth, soil

_TOOL14 = "CDM AR-TOOL14 v04.2"
_LOCAL = "camellia_oil_v1"
_BAAD = "fit to BAAD, doi 10.1890/14-1889.1"
_PROFILE = "张滨等 2016, Table 8"
SAMPLED = "{route} == 'plot' or {route} == 'allometric'"
_CURVE = "{route} == 'growth_curve'"
_PER_TONNE = "44 / 12 * {carbon_fraction} * (1 + {root_shoot})"


def _profile(years: str) -> str:
    """The age profile, linear between its ages 10, 20, 30, 40 and 50, as a formula of tC/ha."""
    parts = [f"min({{{years}}}, 10) * {{profile_10_tc_per_ha}} / 10"]
    parts += [
        f"min(max({{{years}}} - {low}, 0), 10) * "
        f"({{profile_{low + 10}_tc_per_ha}} - {{profile_{low}_tc_per_ha}}) / 10"
        for low in (10, 20, 30, 40)
    ]
    return " + ".join(parts)


def _by_age(years: str, *, capped: bool) -> tuple[Case, ...]:
    """Stock by years of growth: the parcel's curve on the growth-curve route, else the default accrual.

    ``capped``: up to saturation, as the baseline counts it.
    """
    formulas = (
        (f"{_CURVE} and {{curve_form}} == 'richards'",
            f"{_PER_TONNE} * {{curve_max_t_per_ha}} * (1 - exp(-{{curve_k}} * {{{years}}})) ** "
            f"{{curve_shape}}"),
        (f"{_CURVE} and {{curve_form}} == 'logistic'",
            f"{_PER_TONNE} * {{curve_max_t_per_ha}} / (1 + {{curve_shape}} * exp(-{{curve_k}} * "
            f"{{{years}}}))"),
        (_CURVE, f"44 / 12 * ({_profile(years)})"),
        ("", f"{{accrual_tco2e_per_ha_per_year}} * min({{{years}}}, {{accrual_years}})"),
    )  # fmt: skip
    if capped:
        return tuple(Case(when, f"min({formula}, {{saturation_tco2e_per_ha}})") for when, formula in formulas)
    return tuple(Case(when, formula) for when, formula in formulas)


def _usual(years: str) -> tuple[Case, ...]:
    return (Case("not ({activity} == 'management')", "0"), *_by_age(years, capped=True))


_GROWTH = (
    *growth.age_steps(_LOCAL),
    Step(
        "growth_start_years", "g1", "yr", growth.growth_case("{event} != 'none'", "start"),
        "期初生长年数（平茬、高接换冠、重造后重新起算）",
        "years of growth at the start; stumping, top-grafting and replanting begin anew", "2", _LOCAL,
    ),
    Step(
        "growth_end_years", "g2", "yr", growth.growth_case("{event} != 'none'", "end"),
        "期末生长年数", "years of growth at the end", "2", _LOCAL,
    ),
    Step(
        "ceiling_tco2e_per_ha", "S_max", "tCO2e/ha", "{stock_ceiling_tc_per_ha} * 44 / 12",
        "碳储量上限（代用种：高州油茶实测）", "ceiling of the stock, measured on the proxy species C. "
        "gauchowensis",
        "3", _LOCAL,
    ),
    Step(
        "asymptote_tco2e_per_ha", "S_asy", "tCO2e/ha",
        (
            Case(f"{_CURVE} and {{curve_form}} == 'age_profile'",
                "min(44 / 12 * {profile_50_tc_per_ha}, {ceiling_tco2e_per_ha})"),
            Case(_CURVE, f"min({_PER_TONNE} * {{curve_max_t_per_ha}}, {{ceiling_tco2e_per_ha}})"),
            Case("", "{ceiling_tco2e_per_ha}"),
        ),
        "渐近储量（不高于上限）", "asymptote of the stock, never above the ceiling", "4", _LOCAL,
    ),
    Step(
        "saturation_tco2e_per_ha", "S_sat", "tCO2e/ha", "{saturation_share} * {asymptote_tco2e_per_ha}",
        "停止计入的储量", "stock at which crediting ends", "5", _LOCAL,
    ),
    Step(
        "accrual_tco2e_per_ha_per_year", "r", "tCO2e/ha/yr", "{ceiling_tco2e_per_ha} / {accrual_years}",
        "缺省年积累量", "conservative default accrual", "6", _LOCAL,
    ),
)  # fmt: skip


def _plant(moment: str, symbol: str, zh: str, en: str) -> Step:
    equation = (
        "{camellia_japonica_above_a} * "
        f"({{diameter_{moment}_cm}} ** 2 * {{height_{moment}_m}}) ** {{camellia_japonica_above_b}}"
    )
    return Step(
        f"plant_{moment}_kg", symbol, "kg", (Case("{route} == 'allometric'", equation), Case("", "0")),
        f"{zh}平均单株地上生物量（代用种山茶的方程）",
        f"above-ground biomass of the mean plant at the {en}, equation of the proxy species C. japonica",
        "7", _BAAD,
    )  # fmt: skip


def _above(moment: str, symbol: str, zh: str, en: str) -> Step:
    return Step(
        f"above_{moment}_t_per_ha", symbol, "t d.m./ha",
        (
            Case("{route} == 'plot'", f"{{stock_{moment}_t_per_ha}}"),
            Case("{route} == 'allometric'", f"{{plant_{moment}_kg}} * {{plants_per_ha}} / 1000"),
            Case("", "0"),
        ),
        f"{zh}实测地上生物量（其余路径为 0）",
        f"measured above-ground biomass at the {en}; 0 on other routes",
        "8", _TOOL14,
    )  # fmt: skip


def _stock(moment: str, number: int, zh: str, en: str) -> Step:
    return Step(
        f"stock_t{number}_tco2e_per_ha", f"S_t{number}", "tCO2e/ha",
        (Case(SAMPLED, f"{_PER_TONNE} * {{above_{moment}_t_per_ha}}"),
            *_by_age(f"growth_{moment}_years", capped=False)),
        f"{zh}单位面积储量", f"stock per hectare at the {en}", "9", f"{_TOOL14}; {_PROFILE}; {_LOCAL}",
    )  # fmt: skip


_STOCKS = (
    _plant("start", "w_t1", "期初", "start"),
    _plant("end", "w_t2", "期末", "end"),
    _above("start", "B_t1", "期初", "start"),
    _above("end", "B_t2", "期末", "end"),
    _stock("start", 1, "期初", "start"),
    _stock("end", 2, "期末", "end"),
    Step(
        "stock_change_tco2e_per_ha", "ΔS", "tCO2e/ha",
        "min({stock_t2_tco2e_per_ha}, max({stock_t1_tco2e_per_ha}, {saturation_tco2e_per_ha}))"
        " - {stock_t1_tco2e_per_ha}",
        "可计入的储量变化（增长止于饱和，减少全额计入）",
        "creditable change of stock: gains end at saturation, losses count in full", "10",
        f"{_TOOL14} Eq. 11; {_LOCAL}",
    ),
    Step(
        "usual_t1_tco2e_per_ha", "S_bau1", "tCO2e/ha", _usual("age_start_years"),
        "照常经营下的期初储量（仅现有林经营）", "stock at the start under business as usual, managed "
        "stands only",
        "11", _LOCAL,
    ),
    Step(
        "usual_t2_tco2e_per_ha", "S_bau2", "tCO2e/ha", _usual("age_end_years"),
        "照常经营下的期末储量", "stock at the end under business as usual", "11", _LOCAL,
    ),
    Step(
        "bsl_tco2e_per_ha", "bsl", "tCO2e/ha", "{usual_t2_tco2e_per_ha} - {usual_t1_tco2e_per_ha}",
        "基准线增长：现有林为照常生长，新造与改造为零",
        "baseline growth: business as usual for managed stands, none for planting and renovation", "12",
        _LOCAL,
    ),
    Step(
        "cleared_tco2e_per_ha", "clr", "tCO2e/ha", f"{_PER_TONNE} * {{cleared_stock_t_per_ha}}",
        "清除的原有木本储量（一次性扣除）", "woody stock cleared, deducted once", "13", _LOCAL,
    ),
)  # fmt: skip

_TOTALS = (
    Step(
        "stock_t1_t", "C_t1", "tCO2e", "{stock_t1_tco2e_per_ha} * {area_ha}",
        "期初碳储量", "stock at the start", "14", _TOOL14, total=True,
    ),
    Step(
        "stock_t2_t", "C_t2", "tCO2e", "{stock_t2_tco2e_per_ha} * {area_ha}",
        "期末碳储量", "stock at the end", "14", _TOOL14, total=True,
    ),
    Step(
        "delta_c_t", "ΔC", "tCO2e", "{stock_change_tco2e_per_ha} * {area_ha}",
        "项目碳储量变化 C_t2 − C_t1", "change of stock, C_t2 − C_t1", "15", f"{_TOOL14}; {_LOCAL}",
        total=True,
    ),
    Step(
        "bsl_t", "BSL", "tCO2e", "({bsl_tco2e_per_ha} + {cleared_tco2e_per_ha}) * {area_ha}",
        "基准线", "baseline", "16", _LOCAL, total=True,
    ),
    Step(
        "e_soil_t", "E_SOC", "tCO2e",
        "44 / 12 * {soil_loss_tc_per_ha_per_year} * {soil_loss_years} * {area_ha}",
        "土壤碳损失", "loss of soil carbon", "17", "IPCC 2019 Refinement Vol. 4", total=True,
    ),
    Step(
        "e_fert_n2o_kg", "M_N2O", "kg N2O",
        "({n_synthetic_kg_per_ha_per_year} * {ef1_synthetic}"
        " + {n_organic_kg_per_ha_per_year} * {ef1_organic})"
        " * 44 / 28 * {area_ha} * {period_years}",
        "施肥 N2O 排放质量", "mass of nitrous oxide from fertiliser", "18", "IPCC 2019 Vol. 4 Eq. 11.1",
        total=True,
    ),
    Step(
        "e_fert_t", "E_fert", "tCO2e", "{e_fert_n2o_kg} * {gwp_n2o} / 1000",
        "施肥排放", "emission from fertiliser", "18", "IPCC 2019 Vol. 4 Eq. 11.1", total=True,
    ),
    *emissions.STEPS,
    Step(
        "n_break_even_kg_per_ha_per_year", "N_0", "kg N/ha/yr",
        "max({stock_change_tco2e_per_ha} - {bsl_tco2e_per_ha} - {cleared_tco2e_per_ha}"
        " - 44 / 12 * {soil_loss_tc_per_ha_per_year} * {soil_loss_years}, 0) / {period_years}"
        " / ({ef1_synthetic} * 44 / 28 * {gwp_n2o} / 1000)",
        "盈亏平衡施氮量：化肥氮达到此量时，N2O 抵消全部固碳",
        "break-even nitrogen: as much synthetic N as this cancels the whole gain", "19", _LOCAL,
    ),
    Step(
        "n2o_kg", "ΔN2O", "kg N2O", "-{e_fert_n2o_kg}",
        "对项目有利的 N2O 变化（便于换用其他 GWP 重述）",
        "nitrous oxide in the project's favour, for restating under another GWP set", "20", _LOCAL,
        total=True,
    ),
    Step(
        "co2_t", "ΔCO2", "tCO2",
        "{delta_c_t} - {bsl_t} - {e_soil_t} - {leakage_tco2e} - {e_fuel_t} - {e_electricity_t}",
        "对项目有利的 CO2 变化", "carbon dioxide in the project's favour", "20", _LOCAL, total=True,
    ),
    Step(
        "gross_t", "G", "tCO2e",
        "{delta_c_t} - {bsl_t} - {e_soil_t} - {leakage_tco2e} - {e_fert_t} - {e_fuel_t} - {e_electricity_t}",
        "扣减前净碳汇 C_t2 − C_t1 − BSL − E_SOC − LK − E_fert − E_fuel − E_el",
        "removal before deductions, C_t2 − C_t1 − BSL − E_SOC − LK − E_fert − E_fuel − E_el", "21", _LOCAL,
        total=True,
    ),
    deductions.uncertainty_step(SAMPLED, "AR-CM-001-V01 (cn_arcm)"),
)  # fmt: skip

STEPS = (*_GROWTH, *_STOCKS, *soil.steps("new_planting"), *_TOTALS, *deductions.steps(_LOCAL))
