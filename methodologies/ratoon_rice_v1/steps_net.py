"""Equations of ``ratoon_rice_v1`` from the four seasons to the net figure."""

from __future__ import annotations

from methodologies.declaration import Case, Step

_LOCAL = "ratoon_rice_v1"
_VM = "VM0051 v1.1"
_BURN = "IPCC 2006 Guidelines Vol. 4 Ch. 2"


def _adjusted(gas: str) -> tuple[Case, ...]:
    """adj(x) of the specification: a deduction takes from a reduction and never from an increase."""
    delta = f"{{delta_{gas}_kg}}"
    gained = Case(f"{delta} > 0", f"{delta} * (1 - {{deduction_used}})")
    # Chambers measure methane only: nitrous oxide stays on default factors and on their deduction.
    by_default = Case(
        f"{delta} > 0 and {{ch4_route}} == 'measured'",
        f"{delta} * (1 - max({{deduction_used}}, {{deduction}}))",
    )
    return (*((by_default,) if gas == "n2o" else ()), gained, Case("", delta))


def _burnt(gas: str) -> str:
    return f"{{burnt_straw_t_per_ha}} * 1000 * {{area_used_ha}} * {{burn_combustion}} * {{burn_{gas}}} / 1000"


_DIFFERENCES = (
    Step("output_ratio", "Y_p/Y_b", "1",
         (Case("{accounting_basis} == 'equal_output'", "{yield_t_per_ha} / {baseline_yield_t_per_ha}"),
          Case("", "1")),
         "同等产量系数（默认按面积核算，为 1）", "factor of equal output; 1 on the area basis, the default",
         "", _LOCAL),
    Step("be_ch4_kg", "BE_CH4", "kg CH4", "({base1_ch4_kg} + {base2_ch4_kg}) * {output_ratio}", "基准线甲烷",
         "baseline methane", "4", _LOCAL),
    Step("pe_ch4_kg", "PE_CH4", "kg CH4", "{main_ch4_kg} + {ratoon_ch4_kg}", "项目甲烷", "project methane",
         "4", _LOCAL),
    Step("be_n2o_kg", "BE_N2O", "kg N2O",
         "({base1_n2o_kg} + {base2_n2o_kg} + {base1_n2o_indirect_kg} + {base2_n2o_indirect_kg})"
         " * {output_ratio}",
         "基准线氧化亚氮", "baseline nitrous oxide", "4", _LOCAL),
    Step("pe_n2o_kg", "PE_N2O", "kg N2O",
         "{main_n2o_kg} + {ratoon_n2o_kg} + {main_n2o_indirect_kg} + {ratoon_n2o_indirect_kg}",
         "项目氧化亚氮", "project nitrous oxide", "4", _LOCAL),
    Step("delta_ch4_kg", "ΔCH4", "kg CH4", "{be_ch4_kg} - {pe_ch4_kg}", "甲烷减排（扣减前）",
         "reduction of methane before the deduction", "4", _LOCAL),
    Step("delta_n2o_kg", "ΔN2O", "kg N2O",
         (Case("{credit_n_saving}", "{be_n2o_kg} - {pe_n2o_kg}"),
          Case("", "min(0, {be_n2o_kg} - {pe_n2o_kg})")),
         "氧化亚氮变化：增加全额计入，少施氮的减少默认不计入",
         "change of nitrous oxide: an increase counts, a saving of nitrogen is not credited by default",
         "4", _LOCAL),
    Step("deduction_used", "U", "1",
         (Case("{ch4_route} == 'measured'",
               "max({deduction_measured_min}, {measured_uncertainty_pct} / 100)"),
          Case("", "{deduction}")),
         "不确定性扣减率（实测为统计值，不低于下限）",
         "deduction: flat for default factors, statistical with a minimum for measured ones", "38",
         f"{_VM}; {_LOCAL}"),
    Step("ch4_kg", "adj(ΔCH4)", "kg CH4", _adjusted("ch4"), "甲烷减排（扣减后；为负时不打折）",
         "reduction of methane after the deduction, which never shrinks an increase",
         "5", f"{_VM} QA3; {_LOCAL}", total=True),
    Step("n2o_kg", "adj(ΔN2O)", "kg N2O", _adjusted("n2o"), "氧化亚氮减排（扣减后；为负时不打折）",
         "reduction of nitrous oxide after the deduction, which never shrinks an increase", "5", _LOCAL,
         total=True),
    Step("ch4_tco2e", "ER_CH4", "tCO2e", "{ch4_kg} * {gwp_ch4} / 1000", "甲烷减排", "reduction of methane",
         "5", _LOCAL, total=True),
    Step("n2o_tco2e", "ER_N2O", "tCO2e", "{n2o_kg} * {gwp_n2o} / 1000", "氧化亚氮减排",
         "reduction of nitrous oxide", "5", _LOCAL, total=True),
    Step("be_t", "BE", "tCO2e", "({be_ch4_kg} * {gwp_ch4} + {be_n2o_kg} * {gwp_n2o}) / 1000", "基准线排放",
         "baseline emission", "5", _LOCAL, total=True),
)  # fmt: skip

_LEAKAGE = (
    Step("yield_loss_pct", "x", "%",
         (Case("{accounting_basis} == 'equal_output'", "0"),
          Case("", "max(0, ({baseline_yield_t_per_ha} - {yield_t_per_ha}) / {baseline_yield_t_per_ha} * 100"
               " - {yield_tolerance_pct})")),
         "超出允许幅度的减产", "fall of yield beyond the tolerance", "", _VM),
    Step("le_yield_t", "LE_Y", "tCO2e", "{yield_loss_pct} / 100 * {be_t}", "减产泄漏",
         "leakage from lost yield", "", _LOCAL, total=True),
    Step("le_manure_t", "LE_OA", "tCO2e",
         "{imported_manure_t} * {imported_manure_tc_per_t} * {manure_carbon_share} * 44 / 12",
         "外来粪肥泄漏", "leakage from imported manure", "LE_OA", _VM, total=True),
    Step("le_t", "LE", "tCO2e", "{le_yield_t} + {le_manure_t}", "泄漏合计", "leakage", "5", _LOCAL,
         total=True),
)  # fmt: skip

_SOURCES = (
    Step("pe_dry_t", "PE_dry", "tCO2e", "({main_dry_n2o_kg} + {ratoon_dry_n2o_kg}) * {gwp_n2o} / 1000",
         "排水增加的氧化亚氮", "nitrous oxide added by drying", "25", _VM, total=True),
    Step("pe_burn_ch4_kg", "PE_burn,CH4", "kg CH4", _burnt("ch4"), "秸秆焚烧甲烷", "methane of burnt straw",
         "2.27", _BURN, total=True),
    Step("pe_burn_n2o_kg", "PE_burn,N2O", "kg N2O", _burnt("n2o"), "秸秆焚烧氧化亚氮",
         "nitrous oxide of burnt straw", "2.27", _BURN, total=True),
    Step("pe_burn_t", "PE_burn", "tCO2e",
         "({pe_burn_ch4_kg} * {gwp_ch4} + {pe_burn_n2o_kg} * {gwp_n2o}) / 1000",
         "秸秆焚烧排放", "emission of burnt straw", "2.27", _BURN, total=True),
    Step("pe_lime_t", "PE_lime", "tCO2e",
         "max(0, ({limestone_t} - {baseline_limestone_t}) * {limestone_tc_per_t}"
         " + ({dolomite_t} - {baseline_dolomite_t}) * {dolomite_tc_per_t}) * 44 / 12",
         "新增石灰排放（减少不计入）", "emission from additional lime; savings are not credited", "", _VM,
         total=True),
    Step("er_before_fuel_t", "ER'", "tCO2e",
         "{ch4_tco2e} + {n2o_tco2e} - {pe_dry_t} - {pe_burn_t} - {pe_lime_t} - {le_t}",
         "计入能源排放前的减排量", "reduction before energy", "5", _LOCAL),
    Step("energy_t", "E_fuel", "tCO2e",
         "max(0, ({diesel_l} - {baseline_diesel_l}) * {ef_diesel}"
         " + ({petrol_l} - {baseline_petrol_l}) * {ef_petrol}"
         " + ({electricity_kwh} - {baseline_electricity_kwh}) * {ef_grid} / 1000)",
         "新增燃油与用电排放（减少不计入）",
         "emission from additional fuel and electricity; savings are not credited", "", _VM),
    Step("pe_fuel_t", "PE_fuel", "tCO2e",
         (Case("{energy_t} > {fuel_threshold} * {er_before_fuel_t}", "{energy_t}"), Case("", "0")),
         "计入的能源排放（超过减排量 5% 时计入）", "energy that counts: beyond 5 % of the reduction", "",
         "BM AG04.002 v1.0; VM0051 v1.1", total=True),
    Step("net_t", "ER", "tCO2e", "{er_before_fuel_t} - {pe_fuel_t}", "净减排量（为负时保留）",
         "net reduction; a negative figure is kept", "5", _LOCAL, total=True),
)  # fmt: skip

NET_STEPS = (*_DIFFERENCES, *_LEAKAGE, *_SOURCES)
