"""Columns and equations of ``camellia_oil_v1``, in the order in which they are computed."""

from __future__ import annotations

from methodologies.camellia_oil_v1.model import ACTIVITIES, ROUTES
from methodologies.columns import Column
from methodologies.declaration import Case, Step

_TOOL14 = "CDM AR-TOOL14 v04.2"
_LOCAL = "camellia_oil_v1"
_PLOT_ONLY = ("route", ("plot",))

COLUMNS = (
    Column("area_ha", "float", "ha", "地块面积（椭球面）", "area of the parcel", 0, 1e5, extensive=True,
        symbol="A"),
    Column(
        "activity", "choice", "", "活动类型", "type of activity",
        choices=ACTIVITIES,
        labels={
            "new_planting": ("新造油茶林", "new planting"),
            "low_yield_renovation": ("低产林改造", "renovation of a low-yield stand"),
            "management": ("现有林经营", "management of an existing stand"),
        },
    ),
    Column(
        "planting_year", "int", "year",
        "造林年份；低产林改造填更新（重造、高接换冠、平茬）年份",
        "year of planting; for a renovation the year of replanting, top-grafting or stumping",
        1900, 2100, symbol="Y0",
    ),
    Column(
        "route", "choice", "", "计量路径", "how the stock is known",
        choices=ROUTES,
        labels={"default": ("缺省积累", "conservative default accrual"), "plot": ("样地实测",
        "measured plots")},
    ),
    Column(
        "cleared_stock_t_per_ha", "float", "t d.m./ha",
        "本期内清除的、未计入期初储量的木本地上生物量；前期已扣则填 0",
        "woody above-ground biomass cleared in this period and not part of the stock at its start; "
        "0 if deducted in an earlier period",
        0, 300, symbol="b_cleared",
    ),
    Column(
        "stock_start_t_per_ha", "float", "t d.m./ha",
        "期初样地平均地上生物量", "plot mean of above-ground biomass at the start", 0, 100,
        default=0.0, required_when=_PLOT_ONLY, symbol="b_t1",
    ),
    Column(
        "stock_end_t_per_ha", "float", "t d.m./ha",
        "期末样地平均地上生物量", "plot mean of above-ground biomass at the end", 0, 100,
        default=0.0, required_when=_PLOT_ONLY, symbol="b_t2",
    ),
    Column(
        "uncertainty_pct", "float", "%",
        "样地抽样不确定性（90 % 置信）", "sampling error of the plots, 90 % confidence", 0, 100,
        default=0.0, required_when=_PLOT_ONLY, symbol="U",
    ),
    Column(
        "n_synthetic_kg_per_ha_per_year", "float", "kg N/ha/yr",
        "化肥施氮量（纯氮）", "synthetic nitrogen applied", 0, 1000, symbol="N_syn",
    ),
    Column(
        "n_organic_kg_per_ha_per_year", "float", "kg N/ha/yr",
        "有机肥施氮量（纯氮）", "organic nitrogen applied", 0, 1000, symbol="N_org",
    ),
    Column(
        "diesel_l", "float", "L",
        "本期整地、抚育、采运柴油用量（全地块合计）", "diesel used on the parcel over the whole period", 0,
        1e7,
        extensive=True, symbol="V_diesel",
    ),
    Column(
        "leakage_tco2e", "float", "tCO2e",
        "泄漏：因农业活动转移造成的排放（无转移填 0）",
        "leakage: emissions from agriculture displaced (0 if none is)", 0, 1e6,
        default=0.0, extensive=True, symbol="LK",
    ),
)  # fmt: skip

STEPS = (
    Step(
        "age_start_years", "a1", "yr",
        "min(max({period_start_year} - {planting_year} - 1, 0), {accrual_years})",
        "期初林龄（自造林次年 1 月 1 日起算，止于积累年限）",
        "age at the start, counted from 1 January after planting, up to the accrual years", "1", _LOCAL,
    ),
    Step(
        "age_end_years", "a2", "yr", "min(max({period_end_year} - {planting_year} - 1, 0), {accrual_years})",
        "期末林龄", "age at the end, counted likewise", "1", _LOCAL,
    ),
    Step(
        "ceiling_tco2e_per_ha", "S_max", "tCO2e/ha", "{stock_ceiling_tc_per_ha} * 44 / 12",
        "碳储量上限", "ceiling of the stock", "2", _LOCAL,
    ),
    Step(
        "saturation_tco2e_per_ha", "S_sat", "tCO2e/ha", "{saturation_share} * {ceiling_tco2e_per_ha}",
        "停止计入的储量", "stock at which crediting ends", "3", _LOCAL,
    ),
    Step(
        "accrual_tco2e_per_ha_per_year", "r", "tCO2e/ha/yr", "{ceiling_tco2e_per_ha} / {accrual_years}",
        "缺省年积累量", "conservative default accrual", "4", _LOCAL,
    ),
    Step(
        "stock_t1_tco2e_per_ha", "S_t1", "tCO2e/ha",
        (
            Case("{route} == 'plot'",
                "44 / 12 * {carbon_fraction} * (1 + {root_shoot}) * {stock_start_t_per_ha}"),
            Case("", "{accrual_tco2e_per_ha_per_year} * {age_start_years}"),
        ),
        "期初单位面积储量", "stock per hectare at the start", "5", f"{_TOOL14}; {_LOCAL}",
    ),
    Step(
        "stock_t2_tco2e_per_ha", "S_t2", "tCO2e/ha",
        (
            Case("{route} == 'plot'",
                "44 / 12 * {carbon_fraction} * (1 + {root_shoot}) * {stock_end_t_per_ha}"),
            Case("", "{accrual_tco2e_per_ha_per_year} * {age_end_years}"),
        ),
        "期末单位面积储量", "stock per hectare at the end", "5", f"{_TOOL14}; {_LOCAL}",
    ),
    Step(
        "stock_change_tco2e_per_ha", "ΔS", "tCO2e/ha",
        "min({stock_t2_tco2e_per_ha}, max({stock_t1_tco2e_per_ha}, {saturation_tco2e_per_ha}))"
        " - {stock_t1_tco2e_per_ha}",
        "可计入的储量变化（增长止于饱和，减少全额计入）",
        "creditable change of stock: gains end at saturation, losses count in full", "6",
        f"{_TOOL14} Eq. 11; {_LOCAL}",
    ),
    Step(
        "bsl_tco2e_per_ha", "bsl", "tCO2e/ha",
        (
            Case(
                "{activity} == 'management'",
                "min({accrual_tco2e_per_ha_per_year} * {age_end_years}, {saturation_tco2e_per_ha})"
                " - min({accrual_tco2e_per_ha_per_year} * {age_start_years}, {saturation_tco2e_per_ha})",
            ),
            Case("", "0"),
        ),
        "基准线增长：现有林为照常生长，新造与改造为零",
        "baseline growth: business as usual for managed stands, none for planting and renovation", "7",
        _LOCAL,
    ),
    Step(
        "cleared_tco2e_per_ha", "clr", "tCO2e/ha",
        "44 / 12 * {carbon_fraction} * (1 + {root_shoot}) * {cleared_stock_t_per_ha}",
        "清除的原有木本储量（一次性扣除）", "woody stock cleared, deducted once", "8", _LOCAL,
    ),
    Step(
        "delta_c_t", "ΔC", "tCO2e", "{stock_change_tco2e_per_ha} * {area_ha}",
        "项目碳储量变化 C_t2 − C_t1", "change of stock, C_t2 − C_t1", "9", f"{_TOOL14}; {_LOCAL}", total=True,
    ),
    Step(
        "bsl_t", "BSL", "tCO2e", "({bsl_tco2e_per_ha} + {cleared_tco2e_per_ha}) * {area_ha}",
        "基准线", "baseline", "10", _LOCAL, total=True,
    ),
    Step(
        "e_fert_n2o_kg", "M_N2O", "kg N2O",
        "({n_synthetic_kg_per_ha_per_year} * {ef1_synthetic}"
        " + {n_organic_kg_per_ha_per_year} * {ef1_organic})"
        " * 44 / 28 * {area_ha} * {period_years}",
        "施肥 N2O 排放质量", "mass of nitrous oxide from fertiliser", "11", "IPCC 2019 Vol. 4 Eq. 11.1",
        total=True,
    ),
    Step(
        "e_fert_t", "E_fert", "tCO2e", "{e_fert_n2o_kg} * {gwp_n2o} / 1000",
        "施肥排放", "emission from fertiliser", "11", "IPCC 2019 Vol. 4 Eq. 11.1", total=True,
    ),
    Step(
        "e_fuel_t", "E_fuel", "tCO2e", "{diesel_l} * {ef_diesel}",
        "燃油排放", "emission from fuel", "12", "VM0051 v1.1", total=True,
    ),
    Step(
        "n2o_kg", "ΔN2O", "kg N2O", "-{e_fert_n2o_kg}",
        "对项目有利的 N2O 变化（便于换用其他 GWP 重述）",
        "nitrous oxide in the project's favour, for restating under another GWP set", "13", _LOCAL,
        total=True,
    ),
    Step(
        "co2_t", "ΔCO2", "tCO2", "{delta_c_t} - {bsl_t} - {leakage_tco2e} - {e_fuel_t}",
        "对项目有利的 CO2 变化", "carbon dioxide in the project's favour", "13", _LOCAL, total=True,
    ),
    Step(
        "gross_t", "G", "tCO2e", "{delta_c_t} - {bsl_t} - {leakage_tco2e} - {e_fert_t} - {e_fuel_t}",
        "扣减前净碳汇 C_t2 − C_t1 − BSL − LK − E_fert − E_fuel",
        "removal before deductions, C_t2 − C_t1 − BSL − LK − E_fert − E_fuel", "14", _LOCAL, total=True,
    ),
    Step(
        "unc", "unc", "1",
        (
            Case("{route} == 'default'", "0"),
            Case("{uncertainty_pct} <= {uncertainty_low_pct}", "{uncertainty_discount_low}"),
            Case("{uncertainty_pct} <= {uncertainty_mid_pct}", "{uncertainty_discount_mid}"),
            Case("", "{uncertainty_discount_high}"),
        ),
        "不确定性扣减率（缺省路径不抽样，不扣）",
        "uncertainty discount; none on the default route, which is not sampled", "15",
        "AR-CM-001-V01 (cn_arcm)",
    ),
    Step(
        "net_t", "CDR", "tCO2e",
        (
            Case("{gross_t} > 0", "{gross_t} * (1 - {k_risk}) * (1 - {unc})"),
            Case("", "{gross_t}"),
        ),
        "净碳汇量；为负时不打折，全额保留",
        "net removal; a negative figure is kept whole, no deduction shrinks it", "16", _LOCAL, total=True,
    ),
)  # fmt: skip
