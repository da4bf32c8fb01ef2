"""Equations of ``ratoon_rice_v1``, in the order in which they are computed."""

from __future__ import annotations

from methodologies.declaration import Case, Step
from methodologies.ratoon_rice_v1.columns import AMENDMENTS
from methodologies.ratoon_rice_v1.steps_net import NET_STEPS

_IPCC = "IPCC 2019 Refinement Vol. 4 Ch. 5"
_IPCC_N = "IPCC 2019 Refinement Vol. 4 Ch. 11"
_LOCAL = "ratoon_rice_v1"
_WORDS = {
    "main": ("头季", "main season"),
    "ratoon": ("再生季", "ratoon season"),
    "base1": ("基准线第一季", "baseline, first season"),
    "base2": ("基准线第二季", "baseline, second season"),
}
_COUNTERPART = {"main": "base1", "ratoon": "base2"}
_SAME = "{activity} == 'A1' or {activity} == 'A4'"
_LENGTHS: dict[str, str | tuple[Case, ...]] = {
    "main": "{main_harvest_date} - {main_land_prep_date}",
    "ratoon": "max({ratoon_harvest_date}, {ratoon_drainage_date}) - {main_harvest_date}",
    "base1": (
        Case("{base1_cultivation_days} == 0", "min({default_cultivation_days}, {main_l_days})"),
        Case(f"({_SAME}) and {{weather_lengthened}}", "{main_l_days}"),
        Case(_SAME, "min({base1_cultivation_days}, {main_l_days})"),
        Case("", "{base1_cultivation_days}"),
    ),
    "base2": (
        Case(f"({_SAME}) and {{weather_lengthened}}", "{ratoon_l_days}"),
        Case(_SAME, "min({base2_cultivation_days}, {ratoon_l_days})"),
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
        Case("{base1_preflood_days} > {days_flooded} and {baseline_water_evidence}", "{sf_p_flooded}"),
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
    nitrogen = _nitrogen_cases(season, unknown[1])
    steps += [
        Step(f"{season}_sf_w", f"SFw_{season}", "1", water, f"{zh}：水分系数", f"{en}: water regime factor",
             "5.2", f"{_IPCC} Table 5.12"),
        Step(f"{season}_sf_p", f"SFp_{season}", "1", _PRE_SEASON[season], f"{zh}：种植前水分系数",
             f"{en}: pre-season factor", "5.2", f"{_IPCC} Table 5.13"),
        *_amendment_steps(season),
        Step(
            f"{season}_ef_kg_per_ha_per_day", f"EF_{season}", "kg CH4/ha/d",
            f"{{ef_c_used_kg_per_ha_per_day}} * {{{season}_sf_w}} * {{{season}_sf_p}} * {{{season}_sf_o}}"
            " * {soil_factor} * {cultivar_factor}",
            f"{zh}：日排放因子（实测路线为 0，不用）",
            f"{en}: daily emission factor; 0 and not used where measured", "5.2a", _IPCC,
        ),
        Step(
            f"{season}_ch4_kg", f"CH4_{season}", "kg CH4",
            (
                Case("{ch4_route} == 'measured'", f"{{{season}_measured_ch4_kg_per_ha}} * {{area_used_ha}}"),
                Case("", f"{{{season}_ef_kg_per_ha_per_day}} * {{{season}_l_days}} * {{area_used_ha}}"),
            ),
            f"{zh}：甲烷排放", f"{en}: methane emitted", "5.1", _IPCC,
        ),
        Step(f"{season}_ef1fr", f"EF1FR_{season}", "kg N2O-N/kg N", nitrogen, f"{zh}：N2O 直接排放因子",
             f"{en}: direct N2O factor", "11.1", "IPCC 2019 Refinement Vol. 4 Ch. 11 Table 11.1"),
        Step(
            f"{season}_n2o_kg", f"N2O_{season}", "kg N2O",
            f"{{{season}_n_kg_per_ha}} * {{{season}_ef1fr}} * 44 / 28 * {{area_used_ha}}",
            f"{zh}：氧化亚氮直接排放", f"{en}: nitrous oxide emitted directly", "11.1", _IPCC_N,
        ),
        Step(
            f"{season}_n2o_indirect_kg", f"N2O_{season}_ind", "kg N2O",
            (Case("{indirect_n2o}", _indirect(season)), Case("", "0")),
            f"{zh}：氧化亚氮间接排放（默认不计）", f"{en}: indirect nitrous oxide, off by default",
            "11.9, 11.10", _IPCC_N,
        ),
    ]  # fmt: skip
    if season in _COUNTERPART:
        steps.append(
            Step(
                f"{season}_dry_n2o_kg", f"N2O_{season}_dry", "kg N2O",
                (
                    Case(
                        _dried(season),
                        f"{{{season}_n_kg_per_ha}} * {{dry_n2o_kg_per_kg_n}} * {{area_used_ha}}",
                    ),
                    Case("", "0"),
                ),
                f"{zh}：由持续淹水改为排水的氧化亚氮增量",
                f"{en}: increment of nitrous oxide, continuous flooding to drainage", "25",
                "VM0051 v1.1",
            )
        )  # fmt: skip
    return steps


def _dried(season: str) -> str:
    """Where the increment applies: the baseline season was flooded, with evidence, and is drained now."""
    flooded = f"{{{_COUNTERPART[season]}_regime}} == 'continuous' and {{baseline_water_evidence}}"
    single_rice = " and {activity} != 'A3'" if season == "ratoon" else ""
    return f"{{n2o_route}} == 'increment' and {flooded} and {{{season}_regime}} != 'continuous'{single_rice}"


def _indirect(season: str) -> str:
    """Volatilised and leached nitrogen, IPCC Eqs 11.9 and 11.10."""
    total, organic = f"{{{season}_n_kg_per_ha}}", f"{{{season}_n_organic_kg_per_ha}}"
    synthetic = f"({total} - {organic} - {{{season}_n_residue_kg_per_ha}})"
    volatile = f"({synthetic} * {{frac_gasf}} + {organic} * {{frac_gasm}}) * {{ef4}}"
    return f"({volatile} + {total} * {{frac_leach}} * {{ef5}}) * 44 / 28 * {{area_used_ha}}"


def _nitrogen_cases(season: str, unknown: str) -> tuple[Case, ...]:
    """EF1FR; where the drying increment is added beside it, the factor of the flooded baseline stays."""
    cases = _water_cases(season, "ef1fr_continuous", "ef1fr_drained", "ef1fr_drained", unknown)
    if season in _COUNTERPART:
        return (Case(_dried(season), "{ef1fr_continuous}"), *cases)
    return cases


_FIRST_STEPS = (
    Step(
        "area_used_ha", "A", "ha",
        (
            Case("{contract_area_ha} == 0", "{area_ha}"),
            Case("{area_ha} > {contract_area_ha} * (1 + {area_tolerance})", "{contract_area_ha}"),
            Case("", "{area_ha}"),
        ),
        "计入面积（测量与合同相差超过允许值时取小者）",
        "area that counts: the lower of measured and contract where they differ beyond the tolerance",
        "", _LOCAL,
    ),
    Step(
        "ef_c_used_kg_per_ha_per_day", "EF_c,used", "kg CH4/ha/d",
        (
            Case("{ch4_route} == 'measured'", "0"),
            Case("{ef_c_choice} == 'east_asia'", "{ef_c_east_asia}"),
            Case("", "{ef_c}"),
        ),
        "基准日排放因子（实测路线不用）", "baseline daily factor; not used where measured", "5.2", _IPCC,
    ),
)  # fmt: skip

STEPS = (*_FIRST_STEPS, *(step for season in _WORDS for step in _season_steps(season)), *NET_STEPS)
