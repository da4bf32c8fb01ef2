"""Rules between columns of ``ratoon_rice_v1``: what is refused, and what a person must look at."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from methodologies.cells import codes_of, ratio, values_of
from methodologies.columns import Findings
from methodologies.declaration import Period
from methodologies.errors import Problem
from methodologies.parameters import ParametersInForce
from methodologies.ratoon_rice_v1.columns import ACTIVITIES, COLUMNS, REGIMES, SEASONS
from methodologies.ratoon_rice_v1.columns_rules import BASELINE_TYPES, SETTINGS
from methodologies.ratoon_rice_v1.model import project_lengths

Mask = npt.NDArray[np.bool_]
_SINGLE_RICE = ACTIVITIES.index("A3")
# What each activity was before, as a position in BASELINE_TYPES.
_TYPE_OF = np.array([BASELINE_TYPES.index(kind) for kind in ("ratoon", "double", "single", "ratoon")])
_MU_PER_HA = 15.0
_MU_NEAR = 0.05
_MEANINGS = {column.name: column.meaning_zh for column in COLUMNS}
# Nitrogen guidance is 150 – 180 kg/ha, that is 10 – 12 kg/mu: a figure this low was meant per mu.
_N_PER_MU_MAX = 20.0


def check(frame: pd.DataFrame, *, period: Period, p: ParametersInForce, findings: Findings) -> None:
    """Everything about a frame whose cells are each in range."""
    _dates(frame, period, findings)
    _single_rice(frame, findings)
    _one_setting(frame, findings)
    _eligible(frame, p, findings)
    _measured(frame, findings)
    _amounts(frame, findings)
    _units(frame, findings)
    _shares(frame, findings)
    _reviews(frame, findings, p)
    _unrecorded(frame, findings)
    _decisions(frame, findings)


def _dates(frame: pd.DataFrame, period: Period, findings: Findings) -> None:
    """Order of dates, harvest inside the period."""
    order = ("previous_flood_end_date", "main_land_prep_date", "main_harvest_date", "ratoon_harvest_date")
    for first, last in pairwise(order):
        before, after = values_of(frame, first), values_of(frame, last)
        # A field may be flooded until the day of land preparation; two harvests never share a day.
        wrong = after < before if first == order[0] else after <= before
        _date_problem(frame, findings, wrong, last, f"{_named(first)}之后", f"after {first}")
    undrained = values_of(frame, "ratoon_drainage_date") <= values_of(frame, "main_harvest_date")
    allowed = (f"{_named('main_harvest_date')}之后", "after main_harvest_date")
    _date_problem(frame, findings, undrained, "ratoon_drainage_date", *allowed)
    harvest = values_of(frame, "ratoon_harvest_date")
    outside = (harvest < np.datetime64(period.start, "D")) | (harvest >= np.datetime64(period.end, "D"))
    span = f"{period.start} … {period.end}"
    _date_problem(
        frame, findings, outside, "ratoon_harvest_date", f"监测期 {span} 之内", f"inside the period {span}"
    )


def _named(column: str) -> str:
    """A date column as the officer's form names it, with its code."""
    return f"{_MEANINGS[column].split('（')[0]}（{column}）"


def _date_problem(
    frame: pd.DataFrame, findings: Findings, wrong: Any, column: str, allowed_zh: str, allowed_en: str
) -> None:
    findings.where(
        wrong,
        column=column,
        values=values_of(frame, column).astype("datetime64[D]") if wrong.any() else (),
        unit="date",
        allowed=allowed_en,
        zh=f"第 {{row}} 行{_named(column)}为 {{value}}，应在{allowed_zh}。两个日期都请核对。",
        en=f"Row {{row}}: {column} is {{value}}, but must be {allowed_en}. Check both dates.",
    )


def _single_rice(frame: pd.DataFrame, findings: Findings) -> None:
    """Single rice has no second season; two seasons have both measured."""
    single_rice = codes_of(frame, "activity") == _SINGLE_RICE
    second = [column for column in frame.columns if column.startswith("base2_")]
    for name in second:
        if name == "base2_regime":
            continue
        values = values_of(frame, name)
        findings.where(
            single_rice & (values != 0),
            column=name,
            values=values,
            unit="",
            allowed="0",
            zh="第 {row} 行基准线为一季稻（A3），没有第二季，{column} 却为 {value}。请留空或填 0。",
            en="Row {row}: a single-rice baseline (A3) has no second season, but {column} is {value}. "
            "Leave it empty or 0.",
        )


def _one_setting(frame: pd.DataFrame, findings: Findings) -> None:
    """A run is computed one way: choosing factor, route or basis parcel by parcel would pick winners."""
    for name in SETTINGS:
        cells = frame[name]
        plain = codes_of(frame, name) if cells.dtype == "category" else values_of(frame, name)
        if len(plain) == 0 or (plain == plain[0]).all():
            continue
        values = cells.to_numpy()
        findings.where(
            np.asarray(values != values[0]),
            column=name,
            values=values,
            unit="",
            allowed=str(values[0]),
            zh="第 {row} 行 {column} 为 {value}，第一行为 {allowed}。一次核算只能用一种取法，请统一。",
            en="Row {row}: {column} is {value}, but {allowed} in the first row. "
            "A run uses one of them; make it the same or run separately.",
        )


def _eligible(frame: pd.DataFrame, p: ParametersInForce, findings: Findings) -> None:
    """Applicability and additionality, as far as a row can tell."""
    flags = (
        ("irrigation_controlled", False, "灌排不可控的稻田不适用",
         "paddies without water control are outside"),
        ("required_by_rule", True, "法规强制的做法没有额外性",
         "a practice required by rule is not additional"),
        ("funded_elsewhere", True, "已在其他机制按吨获益，不得重复计算",
         "these tonnes are credited elsewhere"),
    )  # fmt: skip
    for name, refused, zh, en in flags:
        values = values_of(frame, name)
        findings.where(
            values == refused,
            column=name,
            values=values,
            unit="",
            allowed=str(not refused).lower(),
            zh=f"第 {{row}} 行 {{column}} 为 {{value}}：{zh}。请移出本次核算。",
            en=f"Row {{row}}: {{column}} is {{value}}: {en}. Leave the parcel out.",
        )
    years = values_of(frame, "lookback_years")
    if years.any():
        findings.where(
            (years > 0) & (years < p.lookback_years_min),
            column="lookback_years",
            values=years,
            unit="yr",
            allowed=f"≥ {p.lookback_years_min:g}",
            zh="第 {row} 行回溯期只有 {value} 年，至少需要 {allowed} 年。请补充记录。",
            en="Row {row}: the look-back covers {value} years; {allowed} are needed. Add records.",
        )
    kind = codes_of(frame, "baseline_type")
    activity = codes_of(frame, "activity")
    findings.where(
        (kind > 0) & (kind != _TYPE_OF[activity]),
        column="activity",
        values=frame["activity"].array,
        unit="",
        allowed="ratoon: A1, A4; double: A2; single: A3",
        zh="第 {row} 行活动类型为 {value}，与回溯期种植制度不符（{allowed}）。请更正其一。",
        en="Row {row}: activity {value} does not follow from the look-back ({allowed}). Correct one of them.",
    )


def _measured(frame: pd.DataFrame, findings: Findings) -> None:
    """A measured route needs every season that exists, and a reduction known better than itself."""
    measured = codes_of(frame, "ch4_route") == 1
    two = codes_of(frame, "activity") != _SINGLE_RICE
    second = values_of(frame, "base2_measured_ch4_kg_per_ha")
    findings.where(
        measured & two & (second == 0),
        column="base2_measured_ch4_kg_per_ha",
        values=second,
        unit="kg CH4/ha",
        allowed="≠ 0",
        zh="第 {row} 行为实测路线，基准线有两季，却没有第二季的实测值。两季各需一个季节排放值，请补充。",
        en="Row {row}: measured route with two baseline seasons, but the second is not measured. "
        "Each season needs its own figure.",
    )
    uncertainty = values_of(frame, "measured_uncertainty_pct")
    findings.where(
        measured & (uncertainty > 100),
        column="measured_uncertainty_pct",
        values=uncertainty,
        unit="%",
        allowed="0 – 100",
        zh="第 {row} 行实测减排量的不确定性为 {value}%，超过 100%，项目不合格。请增加测点或改用缺省因子。",
        en="Row {row}: the measured reduction is uncertain by {value} %, beyond 100 %: not eligible. "
        "Measure more fields or use default factors.",
    )


def _amounts(frame: pd.DataFrame, findings: Findings) -> None:
    """Parts do not exceed their whole; manure has carbon."""
    for season in SEASONS:
        total = values_of(frame, f"{season}_n_kg_per_ha")
        organic = values_of(frame, f"{season}_n_organic_kg_per_ha")
        parts = organic + values_of(frame, f"{season}_n_residue_kg_per_ha")
        findings.where(
            parts > total + 1e-9,
            column=f"{season}_n_organic_kg_per_ha",
            values=parts,
            unit="kg N/ha",
            allowed=f"≤ {season}_n_kg_per_ha",
            zh="第 {row} 行有机肥氮与残茬氮之和 {value} kg N/ha 超过总施氮量（{allowed}）。请核对。",
            en="Row {row}: organic and residue nitrogen, {value} kg N/ha, exceed the total ({allowed}).",
        )
    manure, carbon = values_of(frame, "imported_manure_t"), values_of(frame, "imported_manure_tc_per_t")
    findings.where(
        (manure > 0) & (carbon == 0),
        column="imported_manure_tc_per_t",
        values=carbon,
        unit="tC/t",
        allowed="> 0",
        zh="第 {row} 行有外来粪肥，含碳量却为 {value}。请填写含碳量（tC/t）。",
        en="Row {row}: manure was brought in, but its carbon content is {value}. Give it in tC/t.",
    )


def _units(frame: pd.DataFrame, findings: Findings) -> None:
    """Mu taken as hectares, in areas and in nitrogen."""
    area, contract = values_of(frame, "area_ha"), values_of(frame, "contract_area_ha")
    both = (area > 0) & (contract > 0)
    times = ratio(area, contract, both)
    in_mu = both & ((np.abs(times / _MU_PER_HA - 1) < _MU_NEAR) | (np.abs(times * _MU_PER_HA - 1) < _MU_NEAR))
    findings.where(
        in_mu,
        column="area_ha",
        values=area,
        unit="ha",
        allowed="contract_area_ha ± 5 %",
        zh="第 {row} 行 {column} 为 {value} 公顷，与合同面积相差约 15 倍：其中一个可能是亩。"
        "1 亩 = 1/15 公顷，请换算。",
        en="Row {row}: {column} is {value} ha, about 15 times off the contract area: one of them is in mu. "
        "1 mu is 1/15 ha; convert it.",
    )
    for season in SEASONS:
        nitrogen = values_of(frame, f"{season}_n_kg_per_ha")
        findings.where(
            (nitrogen > 0) & (nitrogen < _N_PER_MU_MAX),
            column=f"{season}_n_kg_per_ha",
            values=nitrogen,
            unit="kg N/ha",
            allowed=f"0 | ≥ {_N_PER_MU_MAX:g}",
            zh="第 {row} 行 {column} 为 {value} kg N/ha，偏低，可能按亩填写（1 kg/亩 = 15 kg/ha），请复核。",
            en="Row {row}: {column} is {value} kg N/ha; that low, it may be per mu "
            "(1 kg/mu is 15 kg/ha); review it.",
            severity="review",
        )


def _shares(frame: pd.DataFrame, findings: Findings) -> None:
    """A percentage given as a share: 0.15 where 15 was meant would all but take the deduction away."""
    for column in ("measured_uncertainty_pct", "county_adoption_pct"):
        values = values_of(frame, column)
        findings.where(
            (values > 0) & (values < 1),
            column=column,
            values=values,
            unit="%",
            allowed="0 | ≥ 1",
            zh=f"第 {{row}} 行{_MEANINGS[column]}（{{column}}）为 {{value}}%，不足 1%，可能填成了小数"
            "（0.15 即 15%），请复核。",
            en="Row {row}: {column} is {value} %, less than 1 %; it may have been given as a share "
            "(0.15 for 15 %); review it.",
            severity="review",
        )


def _reviews(frame: pd.DataFrame, findings: Findings, p: ParametersInForce) -> None:
    """What is possible but unusual: a person must look."""
    lengths = project_lengths(frame)
    nitrogen = values_of(frame, "main_n_kg_per_ha") + values_of(frame, "ratoon_n_kg_per_ha")
    preflood = values_of(frame, "ratoon_preflood_days")
    adoption = values_of(frame, "county_adoption_pct")
    adoption_max = p.adoption_max_pct if adoption.any() else 100.0
    unusual = (
        ("main_harvest_date", lengths["main"], 80, 160, "d", "头季天数", "days of the main season"),
        ("ratoon_harvest_date", lengths["ratoon"], 45, 90, "d", "再生季天数", "days of the ratoon season"),
        ("main_n_kg_per_ha", nitrogen, 0, 450, "kg N/ha", "全年施氮量", "nitrogen of the year"),
        ("ratoon_preflood_days", preflood, 0, p.days_flooded - 1, "d", "头季收割前淹水天数",
         "flooding up to harvest"),
        ("county_adoption_pct", adoption, 0, adoption_max, "%", "本县采用率（普遍性做法）",
         "adoption in the county (common practice)"),
        ("burnt_straw_t_per_ha", values_of(frame, "burnt_straw_t_per_ha"), 0, 0, "t/ha",
         "焚烧秸秆量（依法禁止）", "burnt straw, which is banned,"),
        ("soil_factor", values_of(frame, "soil_factor"), 1, 1, "", "土壤系数（无缺省值，须有证据）",
         "the soil factor, which needs evidence,"),
        ("cultivar_factor", values_of(frame, "cultivar_factor"), 1, 1, "", "品种系数（无缺省值，须有证据）",
         "the cultivar factor, which needs evidence,"),
    )  # fmt: skip
    for column, values, low, high, unit, zh, en in unusual:
        findings.where(
            (values < low) | (values > high),
            column=column,
            values=values,
            unit=unit,
            allowed=f"{low:g} – {high:g}",
            zh=f"第 {{row}} 行{zh}为 {{value}} {unit}，不在常见范围 {{allowed}} 内，请复核。",
            en=f"Row {{row}}: {en} is {{value}} {unit}, outside the usual {{allowed}}; review it.",
            severity="review",
        )


def _unrecorded(frame: pd.DataFrame, findings: Findings) -> None:
    """What was not recorded and therefore counts against the project: an officer sees why a figure is low."""
    default = codes_of(frame, "ch4_route") == 0
    for season, zh, en in (("main", "头季", "main season"), ("ratoon", "再生季", "ratoon season")):
        findings.where(
            default & (codes_of(frame, f"{season}_regime") == REGIMES.index("unknown")),
            column=f"{season}_regime",
            values=frame[f"{season}_regime"].array,
            unit="",
            allowed=" | ".join(REGIMES[:-1]),
            zh=f"第 {{row}} 行{zh}没有水分记录：甲烷按持续淹水计，氧化亚氮按排水计，减排量会偏低。"
            "有水位日记录或排水清单的，请补上；确实没有的，可照此核算。",
            en=f"Row {{row}}: no water record of the {en}; methane counts as continuously flooded and "
            "nitrous oxide as drained, which lowers the reduction. Add a water log or a list of drainages "
            "if there is one.",
            severity="review",
        )


def _decisions(frame: pd.DataFrame, findings: Findings) -> None:
    """Settings that need a decision of the authority are labelled; equal output exists for A3 alone."""
    equal = codes_of(frame, "accounting_basis") == 1
    findings.where(
        equal & (codes_of(frame, "activity") != _SINGLE_RICE),
        column="accounting_basis",
        values=frame["accounting_basis"].array,
        unit="",
        allowed="area",
        zh="第 {row} 行选了同等产量基准线，它只用于 A3（一季稻改再生稻）。请改为 {allowed}。",
        en="Row {row}: the equal-output basis exists for A3, single rice to ratoon, only. Use {allowed}.",
    )
    labels = (
        (bool(equal.any()), "accounting_basis",
         "同等产量基准线（强度声明）：须市主管部门决定，不得与按面积的减排量混用",
         "Equal-output basis, an intensity claim: needs a decision of the city authority and is never mixed "
         "with area-based reductions"),
        (bool(values_of(frame, "credit_n_saving").any()), "credit_n_saving",
         "计入少施氮的 N2O 减少：须市主管部门决定",
         "Nitrogen savings are credited: needs a decision of the city authority"),
        (bool(values_of(frame, "weather_lengthened").any()), "weather_lengthened",
         "天气延长生育期：请核对证据",
         "Weather-lengthened season: check the evidence"),
    )  # fmt: skip
    for raised, column, zh, en in labels:
        if raised:
            findings.add(Problem(None, column, "", "", "", f"{zh}。", f"{en}.", "review"))


def judge(
    frame: pd.DataFrame, outputs: pd.DataFrame, *, period: Period, p: ParametersInForce, findings: Findings
) -> None:
    """With the factor of East Asia, a run beyond the limit of IPCC Tier 1 is refused."""
    if (codes_of(frame, "ef_c_choice") == 1).any() and _may_be_large(frame, period, p):
        _beyond_tier1(frame, outputs["net_t"].to_numpy(), period, p, findings, "error")


def review(
    frame: pd.DataFrame, outputs: pd.DataFrame, *, period: Period, p: ParametersInForce, findings: Findings
) -> None:
    """IPCC Tier 1 factors serve projects up to 60 000 t a year; beyond, a country-specific EF_c is needed."""
    if _may_be_large(frame, period, p):
        _beyond_tier1(frame, outputs["net_t"].to_numpy(), period, p, findings, "review")


def _may_be_large(frame: pd.DataFrame, period: Period, p: ParametersInForce) -> bool:
    """A flooded field with 5 t of straw emits about 50 t/ha a year: small runs need no closer look."""
    most = float(frame["area_ha"].sum()) * 50.0
    return most > p.describe("tier1_limit_t").value * period.years


def _beyond_tier1(
    frame: pd.DataFrame,
    net: npt.NDArray[np.float64],
    period: Period,
    p: ParametersInForce,
    findings: Findings,
    severity: Literal["error", "review"],
) -> None:
    by_default = codes_of(frame, "ch4_route") == 0
    yearly = float(net[np.broadcast_to(by_default, len(net))].sum()) / period.years
    if yearly <= p.tier1_limit_t:
        return
    limit = f"≤ {p.tier1_limit_t:g}"
    zh = f"缺省因子的年减排量为 {yearly:.0f} 吨，超过 {p.tier1_limit_t:g} 吨：须用国家或实测排放因子。"
    en = (
        f"Default factors give {yearly:.0f} t a year, beyond {p.tier1_limit_t:g} t: "
        "a country-specific or measured factor is needed; review it."
    )
    findings.add(Problem(None, "net_t", f"{yearly:.0f}", "tCO2e/yr", limit, zh, en, severity))
