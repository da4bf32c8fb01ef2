"""Computation of ``ratoon_rice_v1``: numpy over all parcels at once. Equations: :mod:`.steps`."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from methodologies.columns import Findings
from methodologies.declaration import Period
from methodologies.parameters import ParametersInForce
from methodologies.ratoon_rice_v1.columns import ACTIVITIES, AMENDMENTS, REGIMES, SEASONS

Array = npt.NDArray[np.float64]
_CONTINUOUS, _SINGLE, _MULTIPLE, _UNKNOWN = range(len(REGIMES))
_SAME_SEASONS = (ACTIVITIES.index("A1"), ACTIVITIES.index("A4"))
_MATCH = {"base1": "main", "base2": "ratoon"}


def quantify(frame: pd.DataFrame, *, period: Period, p: ParametersInForce) -> pd.DataFrame:
    """Net reduction of each parcel-year; one output column per step, same index."""
    out: dict[str, Any] = {}
    area = frame["area_ha"].to_numpy()
    lengths = season_lengths(frame)
    for season in SEASONS:
        out[f"{season}_l_days"] = lengths[season]
        if season == "main":
            out["main_nonflooded_days"] = days_between(
                frame, "previous_flood_end_date", "main_land_prep_date"
            )
        _season(out, season, frame, area, p)
    _net(out, frame, p)
    return pd.DataFrame(out, index=frame.index, copy=False)


def days_between(frame: pd.DataFrame, first: str, last: str) -> Array:
    """Days from one date column to another, the first day not counted."""
    span = frame[last].to_numpy().astype("datetime64[D]") - frame[first].to_numpy().astype("datetime64[D]")
    days: Array = span.astype(np.float64)
    return days


def season_lengths(frame: pd.DataFrame) -> dict[str, Array]:
    """Cultivation days per season; for A1 and A4 the baseline's are capped at the project's."""
    main = days_between(frame, "main_land_prep_date", "main_harvest_date")
    ratoon = np.maximum(
        days_between(frame, "main_harvest_date", "ratoon_harvest_date"),
        days_between(frame, "main_harvest_date", "ratoon_drainage_date"),
    )
    same = np.isin(frame["activity"].cat.codes.to_numpy(), _SAME_SEASONS)
    lengths = {"main": main, "ratoon": ratoon}
    for season, match in _MATCH.items():
        observed = frame[f"{season}_cultivation_days"].to_numpy()
        lengths[season] = np.where(same, np.minimum(observed, lengths[match]), observed)
    return lengths


def sf_o(loads_t_per_ha: dict[str, Array], p: ParametersInForce) -> Array:
    """Amendment factor, IPCC Eq. 5.3: (1 + Σ ROA·CFOA)^0.59. Straw in dry, the rest in fresh t/ha."""
    weighted: Array = np.asarray(sum(load * p[f"cfoa_{name}"] for name, load in loads_t_per_ha.items()))
    result: Array = (1 + weighted) ** p.sf_o_exponent
    return result


def _season(out: dict[str, Any], season: str, frame: pd.DataFrame, area: Array, p: ParametersInForce) -> None:
    """Methane and nitrous oxide of one season, with every factor, into ``out``."""
    regime = _effective_regime(frame, season)
    if season in _MATCH:
        water = ("sf_w_continuous", "sf_w_single", "sf_w_multiple", "sf_w_multiple")
        nitrogen = ("ef1fr_continuous", "ef1fr_drained", "ef1fr_drained", "ef1fr_continuous")
    else:
        # No water record: the project takes the higher factor of either gas, the baseline (above) the lower.
        water = ("sf_w_continuous", "sf_w_single", "sf_w_multiple", "sf_w_continuous")
        nitrogen = ("ef1fr_continuous", "ef1fr_drained", "ef1fr_drained", "ef1fr_drained")
    out[f"{season}_sf_w"] = p.choose(regime, water)
    out[f"{season}_sf_p"] = _pre_season(out, season, frame, p)
    amendment = sf_o({name: frame[f"{season}_{name}_t_per_ha"].to_numpy() for name in AMENDMENTS}, p)
    if season in _MATCH:
        out[f"{season}_sf_o_reported"] = amendment
        evidence = frame["baseline_straw_evidence"].to_numpy()
        amendment = np.where(evidence, amendment, np.minimum(amendment, out[f"{_MATCH[season]}_sf_o"]))
    out[f"{season}_sf_o"] = amendment
    ef = p.ef_c * out[f"{season}_sf_w"] * out[f"{season}_sf_p"] * amendment
    out[f"{season}_ef_kg_per_ha_per_day"] = ef
    out[f"{season}_ch4_kg"] = ef * out[f"{season}_l_days"] * area
    out[f"{season}_ef1fr"] = p.choose(regime, nitrogen)
    out[f"{season}_n2o_kg"] = (
        frame[f"{season}_n_kg_per_ha"].to_numpy() * out[f"{season}_ef1fr"] * 44 / 28 * area
    )


def _effective_regime(frame: pd.DataFrame, season: str) -> npt.NDArray[np.int64]:
    """Codes of the water regime; continuous flooding of a baseline without evidence counts as drained once.

    Mid-season drainage (中期晒田) is common practice in China: a continuously flooded baseline must be
    proven.
    """
    codes: npt.NDArray[np.int64] = frame[f"{season}_regime"].cat.codes.to_numpy().astype(np.int64)
    if season in _MATCH:
        unproven = (codes == _CONTINUOUS) & ~frame["baseline_water_evidence"].to_numpy()
        codes = np.where(unproven, _SINGLE, codes)
    return codes


def _pre_season(out: dict[str, Any], season: str, frame: pd.DataFrame, p: ParametersInForce) -> Array:
    """Pre-season factor. On a limit of days it is the higher for the project, the lower for the baseline."""
    names = ("sf_p_short", "sf_p_long", "sf_p_rotation", "sf_p_flooded")
    rows = len(frame)
    if season == "base2":
        # Between two crops of a year fields dry for less than 180 days; flooding is never assumed in a
        # baseline.
        return np.full(rows, p.sf_p_short)
    flooded = frame[f"{season}_preflood_days"].to_numpy()
    if season == "ratoon":
        return p.choose(np.where(flooded >= p.days_flooded, 3, 0), names)
    if season == "main":
        dry = out["main_nonflooded_days"]
        kind = (dry > p.days_long).astype(np.int64) + (dry > p.days_rotation)
        return p.choose(np.where(flooded >= p.days_flooded, 3, kind), names)
    dry = frame["base1_nonflooded_days"].to_numpy()
    kind = (dry >= p.days_long).astype(np.int64) + (dry >= p.days_rotation)
    return p.choose(np.where(flooded > p.days_flooded, 3, kind), names)


def _net(out: dict[str, Any], frame: pd.DataFrame, p: ParametersInForce) -> None:
    """Differences, deduction, leakage and the net figure, into ``out``."""
    out["be_ch4_kg"] = out["base1_ch4_kg"] + out["base2_ch4_kg"]
    out["pe_ch4_kg"] = out["main_ch4_kg"] + out["ratoon_ch4_kg"]
    out["be_n2o_kg"] = out["base1_n2o_kg"] + out["base2_n2o_kg"]
    out["pe_n2o_kg"] = out["main_n2o_kg"] + out["ratoon_n2o_kg"]
    delta_ch4 = out["be_ch4_kg"] - out["pe_ch4_kg"]
    out["delta_ch4_kg"] = delta_ch4
    out["delta_n2o_kg"] = np.minimum(0.0, out["be_n2o_kg"] - out["pe_n2o_kg"])
    # adj(x): a deduction must never shrink an increase of emissions.
    out["ch4_kg"] = np.where(delta_ch4 > 0, delta_ch4 * (1 - p.deduction), delta_ch4)
    out["n2o_kg"] = out["delta_n2o_kg"]
    out["ch4_tco2e"] = out["ch4_kg"] * p.gwp_ch4 / 1000
    out["n2o_tco2e"] = out["n2o_kg"] * p.gwp_n2o / 1000
    out["be_t"] = (out["be_ch4_kg"] * p.gwp_ch4 + out["be_n2o_kg"] * p.gwp_n2o) / 1000
    before, after = frame["baseline_yield_t_per_ha"].to_numpy(), frame["yield_t_per_ha"].to_numpy()
    out["yield_loss_pct"] = np.maximum(0.0, (before - after) / before * 100 - p.yield_tolerance_pct)
    out["le_t"] = out["yield_loss_pct"] / 100 * out["be_t"]
    more_fuel = frame["diesel_l"].to_numpy() - frame["baseline_diesel_l"].to_numpy()
    out["pe_fuel_t"] = np.maximum(0.0, more_fuel) * p.ef_diesel
    out["net_t"] = out["ch4_tco2e"] + out["n2o_tco2e"] - out["pe_fuel_t"] - out["le_t"]


def check(frame: pd.DataFrame, *, period: Period, p: ParametersInForce, findings: Findings) -> None:
    """Rules between columns: order of dates, harvest inside the period, single rice has no second season."""
    order = ("previous_flood_end_date", "main_land_prep_date", "main_harvest_date", "ratoon_harvest_date")
    for first, last in pairwise(order):
        days = days_between(frame, first, last)
        # A field may be flooded until the day of land preparation; two harvests never share a day.
        wrong = days < 0 if first == order[0] else days <= 0
        _date_problem(frame, findings, wrong, last, f"{first} 之后", f"after {first}")
    undrained = days_between(frame, "main_harvest_date", "ratoon_drainage_date") <= 0
    _date_problem(
        frame,
        findings,
        undrained,
        "ratoon_drainage_date",
        "main_harvest_date 之后",
        "after main_harvest_date",
    )
    harvest = frame["ratoon_harvest_date"].to_numpy().astype("datetime64[D]")
    outside = (harvest < np.datetime64(period.start, "D")) | (harvest >= np.datetime64(period.end, "D"))
    span = f"{period.start} … {period.end}"
    _date_problem(
        frame, findings, outside, "ratoon_harvest_date", f"监测期 {span} 之内", f"inside the period {span}"
    )
    single_rice = frame["activity"].cat.codes.to_numpy() == ACTIVITIES.index("A3")
    for name in ("base2_cultivation_days", "base2_n_kg_per_ha", *(f"base2_{a}_t_per_ha" for a in AMENDMENTS)):
        findings.where(
            single_rice & (frame[name].to_numpy() > 0),
            column=name,
            values=frame[name].to_numpy(),
            unit="",
            allowed="0",
            zh="第 {row} 行基准线为一季稻（A3），没有第二季，{column} 却为 {value}。请留空或填 0。",
            en="Row {row}: a single-rice baseline (A3) has no second season, but {column} is {value}. "
            "Leave it empty or 0.",
        )
    _reviews(frame, findings, p)


def _date_problem(
    frame: pd.DataFrame, findings: Findings, wrong: Any, column: str, allowed_zh: str, allowed_en: str
) -> None:
    findings.where(
        wrong,
        column=column,
        values=frame[column].to_numpy().astype("datetime64[D]"),
        unit="date",
        allowed=allowed_en,
        zh=f"第 {{row}} 行 {column} 为 {{value}}，应在{allowed_zh}。请核对日期。",
        en=f"Row {{row}}: {column} is {{value}}, but must be {allowed_en}. Check the dates.",
    )


def _reviews(frame: pd.DataFrame, findings: Findings, p: ParametersInForce) -> None:
    """What is possible but unusual: a person must look."""
    lengths = season_lengths(frame)
    nitrogen = (frame["main_n_kg_per_ha"] + frame["ratoon_n_kg_per_ha"]).to_numpy()
    preflood = frame["ratoon_preflood_days"].to_numpy()
    unusual = (
        ("main_harvest_date", lengths["main"], 80, 160, "d", "头季天数", "days of the main season"),
        ("ratoon_harvest_date", lengths["ratoon"], 45, 90, "d", "再生季天数", "days of the ratoon season"),
        ("main_n_kg_per_ha", nitrogen, 0, 450, "kg N/ha", "全年施氮量", "nitrogen of the year"),
        (
            "ratoon_preflood_days",
            preflood,
            0,
            p.days_flooded - 1,
            "d",
            "头季收割前淹水天数",
            "flooding up to harvest",
        ),
    )
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
