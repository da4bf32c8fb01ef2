"""Computation of ``camellia_oil_v1``: numpy over all parcels at once. Equations: :mod:`.steps`."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from methodologies.camellia_oil_v1.columns import ACTIVITIES, FORMS, ROUTES
from methodologies.cells import codes_of, either, on, spread, values_of
from methodologies.columns import Findings
from methodologies.declaration import Period
from methodologies.forest.allometry import EQUATIONS, organ_mass
from methodologies.forest.stand import logistic, richards
from methodologies.parameters import ParametersInForce
from methodologies.perennial import deductions, emissions, growth, land, soil

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
_NEW, _, _MANAGEMENT = range(len(ACTIVITIES))
_, _PLOT, _ALLOMETRIC, _CURVE = range(len(ROUTES))
_PROFILE, _RICHARDS, _LOGISTIC = range(len(FORMS))
_EQUATION = EQUATIONS["camellia_japonica"]
_PROFILE_AGES = (10, 20, 30, 40, 50)
# Biomass accrual, t CO2e/ha/yr: above the first a person must look, above the second unit or plots are wrong.
# Illustrative thresholds; the measured evidence is 0.3 – 2.4.
_ACCRUAL_REVIEW, _ACCRUAL_MAX = 5.0, 8.0
# Grower guides, 75–110 plants per mu, up to the trial at Taihe (2.8 × 2 m), plants/ha.
_DENSITY_LOW, _DENSITY_HIGH = 75 * 15, 1786


def check(frame: pd.DataFrame, *, period: Period, p: ParametersInForce, findings: Findings) -> None:
    """Rules between columns: dates, land, ranges of the equation, sampling error, plausible growth."""
    route = codes_of(frame, "route")
    sampled = (route == _PLOT) | (route == _ALLOMETRIC)
    deductions.check_uncertainty(frame, sampled, p, findings)
    growth.check_event(frame, period=period, findings=findings)
    activity = codes_of(frame, "activity")
    growth.check_regrowth(frame, (activity == _MANAGEMENT) & ~sampled, period=period, findings=findings)
    is_new = activity == _NEW
    soil.check_land(frame, is_new, findings)
    land.check_parcels(frame, period, findings)
    if (route == _ALLOMETRIC).any():
        _check_plants(frame, route == _ALLOMETRIC, findings)
    if sampled.any():
        _check_start(frame, route, activity == _MANAGEMENT, period, findings)
        _check_accrual(frame, sampled, period, p, findings)
    findings.where(
        route == _CURVE,
        column="route",
        values=frame["curve_form"].array,
        unit="",
        allowed="plot | allometric",
        zh="第 {row} 行用生长曲线（{value}）推算，属事前估算，不宜签发；签发前请以样地实测（{allowed}）。",
        en="Row {row} is estimated ex-ante by a growth curve ({value}) and should not issue; "
        "measure it first ({allowed}).",
        severity="review",
    )


def quantify(frame: pd.DataFrame, *, period: Period, p: ParametersInForce) -> pd.DataFrame:
    """Net removal of each parcel over the period; one output column per step, same index."""
    out: dict[str, Any] = {}
    area = values_of(frame, "area_ha")
    activity, route = codes_of(frame, "activity"), codes_of(frame, "route")
    _growth(out, frame, route, period, p)
    _stocks(out, frame, route, activity == _MANAGEMENT, p)
    soil.soil_loss(out, frame, activity == _NEW, p)
    out["stock_t1_t"] = out["stock_t1_tco2e_per_ha"] * area
    out["stock_t2_t"] = out["stock_t2_tco2e_per_ha"] * area
    out["delta_c_t"] = out["stock_change_tco2e_per_ha"] * area
    out["bsl_t"] = (out["bsl_tco2e_per_ha"] + out["cleared_tco2e_per_ha"]) * area
    out["e_soil_t"] = 44 / 12 * out["soil_loss_tc_per_ha_per_year"] * out["soil_loss_years"] * area
    n_rate = (
        values_of(frame, "n_synthetic_kg_per_ha_per_year") * p.ef1_synthetic
        + values_of(frame, "n_organic_kg_per_ha_per_year") * p.ef1_organic
    )
    out["e_fert_n2o_kg"] = n_rate * 44 / 28 * area * period.years
    out["e_fert_t"] = out["e_fert_n2o_kg"] * p.gwp_n2o / 1000
    out |= emissions.energy(frame, p)
    out["n_break_even_kg_per_ha_per_year"] = _break_even(out, period, p)
    out["n2o_kg"] = -out["e_fert_n2o_kg"]
    removed = out["delta_c_t"] - out["bsl_t"] - out["e_soil_t"] - values_of(frame, "leakage_tco2e")
    out["co2_t"] = removed - out["e_fuel_t"] - out["e_electricity_t"]
    out["gross_t"] = removed - out["e_fert_t"] - out["e_fuel_t"] - out["e_electricity_t"]
    out["unc"] = deductions.discount(frame, (route == _PLOT) | (route == _ALLOMETRIC), p)
    deductions.finish(out, area, period.years, p)
    return spread(out, frame.index)


def _growth(
    out: dict[str, Any], frame: pd.DataFrame, route: npt.NDArray[Any], period: Period, p: ParametersInForce
) -> None:
    """Ages, years of growth, and where growth ends, into ``out``."""
    planted, event_year = values_of(frame, "planting_year"), values_of(frame, "event_year")
    reset = codes_of(frame, "event") > 0
    moments = (("start", period.start_year), ("end", period.end_year))
    for moment, at in moments:
        out[f"age_{moment}_years"] = growth.age(planted, at)
    for moment, at in moments:
        out[f"growth_{moment}_years"] = growth.growth_years(out[f"age_{moment}_years"], reset, event_year, at)
    ceiling = p.stock_ceiling_tc_per_ha * 44 / 12
    out["ceiling_tco2e_per_ha"] = asymptote = np.array([ceiling])
    form = codes_of(frame, "curve_form")
    profile = (route == _CURVE) & (form == _PROFILE)
    fitted = (route == _CURVE) & (form != _PROFILE)
    if profile.any():
        asymptote = either(profile, min(44 / 12 * p.profile_50_tc_per_ha, ceiling), asymptote)
    if fitted.any():
        highest = 44 / 12 * p.carbon_fraction * (1 + p.root_shoot) * values_of(frame, "curve_max_t_per_ha")
        asymptote = either(fitted, np.minimum(highest, ceiling), asymptote)
    out["asymptote_tco2e_per_ha"] = asymptote
    out["saturation_tco2e_per_ha"] = p.saturation_share * asymptote
    out["accrual_tco2e_per_ha_per_year"] = np.array([ceiling / p.accrual_years])


def _by_age(
    out: dict[str, Any], frame: pd.DataFrame, route: npt.NDArray[Any], years: Array, p: ParametersInForce
) -> Array:
    """Stock after ``years`` of growth, t CO2e/ha: the parcel's own curve, else the default accrual."""
    stock: Array = out["accrual_tco2e_per_ha_per_year"] * np.minimum(years, p.accrual_years)
    on_curve = route == _CURVE
    if not on_curve.any():
        return stock
    form = codes_of(frame, "curve_form")
    fit = [values_of(frame, name) for name in ("curve_max_t_per_ha", "curve_k", "curve_shape")]

    def by_profile(age: Array) -> Array:
        knots = [p[f"profile_{known}_tc_per_ha"] for known in _PROFILE_AGES]
        return np.asarray(44 / 12 * np.interp(age, [0, *_PROFILE_AGES], [0.0, *knots]))

    def by_richards(age: Array, top: Any, rate: Any, shape: Any) -> Array:
        mass = richards(age, asymptote=top, rate=rate, shape=shape)
        return np.asarray(44 / 12 * p.carbon_fraction * (1 + p.root_shoot) * mass)

    def by_logistic(age: Array, top: Any, rate: Any, shape: Any) -> Array:
        mass = logistic(age, asymptote=top, rate=rate, shift=shape)
        return np.asarray(44 / 12 * p.carbon_fraction * (1 + p.root_shoot) * mass)

    for kind, compute, terms in (
        (_PROFILE, by_profile, [years]),
        (_RICHARDS, by_richards, [years, *fit]),
        (_LOGISTIC, by_logistic, [years, *fit]),
    ):
        rows = on_curve & (form == kind)
        stock = either(rows, on(rows, compute, *terms), stock)
    return stock


def _stocks(
    out: dict[str, Any], frame: pd.DataFrame, route: npt.NDArray[Any], managed: Mask, p: ParametersInForce
) -> None:
    """Stocks per hectare at both dates, their creditable change and the baseline, into ``out``."""
    for moment in ("start", "end"):
        out[f"plant_{moment}_kg"] = _plant(frame, route == _ALLOMETRIC, moment, p)
    density = values_of(frame, "plants_per_ha")
    for moment in ("start", "end"):
        plants = either(route == _ALLOMETRIC, out[f"plant_{moment}_kg"] * density / 1000, 0.0)
        given = values_of(frame, f"stock_{moment}_t_per_ha")
        out[f"above_{moment}_t_per_ha"] = either(route == _PLOT, given, plants)
    per_tonne = 44 / 12 * p.carbon_fraction * (1 + p.root_shoot)
    sampled = (route == _PLOT) | (route == _ALLOMETRIC)
    for number, moment in ((1, "start"), (2, "end")):
        by_age = _by_age(out, frame, route, out[f"growth_{moment}_years"], p)
        measured = per_tonne * out[f"above_{moment}_t_per_ha"]
        out[f"stock_t{number}_tco2e_per_ha"] = either(sampled, measured, by_age)
    start, end = out["stock_t1_tco2e_per_ha"], out["stock_t2_tco2e_per_ha"]
    saturation = out["saturation_tco2e_per_ha"]
    # Gains end at saturation, losses count in full.
    out["stock_change_tco2e_per_ha"] = np.minimum(end, np.maximum(start, saturation)) - start
    for number, moment in ((1, "start"), (2, "end")):
        usual = np.zeros(1)
        if managed.any():
            by_age = _by_age(out, frame, route, out[f"age_{moment}_years"], p)
            usual = either(managed, np.minimum(by_age, saturation), 0.0)
        out[f"usual_t{number}_tco2e_per_ha"] = usual
    out["bsl_tco2e_per_ha"] = out["usual_t2_tco2e_per_ha"] - out["usual_t1_tco2e_per_ha"]
    out["cleared_tco2e_per_ha"] = per_tonne * values_of(frame, "cleared_stock_t_per_ha")


def _plant(frame: pd.DataFrame, rows: Mask, moment: str, p: ParametersInForce) -> Array:
    """Above-ground mass of the mean plant, kg; 0 on other routes."""
    d, h = values_of(frame, f"diameter_{moment}_cm"), values_of(frame, f"height_{moment}_m")
    return on(rows, lambda d, h: organ_mass(_EQUATION, "d2h", "above", d, h, p), d, h)


def _break_even(out: dict[str, Any], period: Period, p: ParametersInForce) -> Array:
    soil_t = 44 / 12 * out["soil_loss_tc_per_ha_per_year"] * out["soil_loss_years"]
    gain = out["stock_change_tco2e_per_ha"] - out["bsl_tco2e_per_ha"] - out["cleared_tco2e_per_ha"] - soil_t
    per_kg = p.ef1_synthetic * 44 / 28 * p.gwp_n2o / 1000
    needed: Array = np.maximum(gain, 0) / period.years / per_kg
    return needed


def _check_plants(frame: pd.DataFrame, rows: Mask, findings: Findings) -> None:
    """Mean plants inside the sample of the equation; nothing planted yet (0) is admitted at the start."""
    e = _EQUATION
    for moment in ("start", "end"):
        d, h = values_of(frame, f"diameter_{moment}_cm"), values_of(frame, f"height_{moment}_m")
        there = rows & ~((d == 0) & (h == 0) & (moment == "start"))
        for column, values, low, high, unit in (
            (f"diameter_{moment}_cm", d, e.d_low, e.d_high, "cm"),
            (f"height_{moment}_m", h, e.h_low, e.h_high, "m"),
            (f"diameter_{moment}_cm", d * d * h, e.d2h_low, e.d2h_high, "cm²·m (D²H)"),
        ):
            assert low is not None and high is not None
            findings.where(
                there & ((values < low) | (values > high)),
                column=column,
                values=values,
                unit=unit,
                allowed=f"{low:g} – {high:g}",
                zh="第 {row} 行 {column} 为 {value} {unit}，超出方程适用范围 {allowed}。请核对测量值，"
                "或改用样地路径。",
                en="Row {row}: {column} is {value} {unit}, outside the range {allowed} of the equation. "
                "Check the measurement, or use the plot route.",
            )
    density = values_of(frame, "plants_per_ha")
    findings.where(
        rows & ((density < _DENSITY_LOW) | (density > _DENSITY_HIGH)),
        column="plants_per_ha",
        values=density,
        unit="plants/ha",
        allowed=f"{_DENSITY_LOW} – {_DENSITY_HIGH}",
        zh="第 {row} 行 plants_per_ha 为 {value} 株/公顷，不在常见范围（{allowed}）。"
        "请核对是否填了每亩株数（每亩 75–110 株即每公顷 1125–1650 株）。",
        en="Row {row}: {value} plants/ha is outside the usual {allowed}. Check whether it is per mu "
        "(75–110 plants per mu are 1,125–1,650 per ha).",
        severity="review",
    )
    ground = rows & (codes_of(frame, "diameter_at") == 1)
    findings.where(
        ground,
        column="diameter_at",
        values=values_of(frame, "diameter_end_cm"),
        unit="cm",
        allowed="breast",
        zh="第 {row} 行用地径（{value} cm）代入胸径方程，请复核。",
        en="Row {row} puts a ground diameter ({value} cm) into an equation over the diameter at 1.3 m; "
        "review it.",
        severity="review",
    )


def _check_start(
    frame: pd.DataFrame, route: npt.NDArray[Any], managed: Mask, period: Period, findings: Findings
) -> None:
    """A stand that has grown before the period has a stock at its start: without it all of it would be gain.

    Refused for an existing stand that no event set back; else for review.
    """
    reset, event_year = codes_of(frame, "event") > 0, values_of(frame, "event_year")
    years = growth.age(values_of(frame, "planting_year"), period.start_year)
    grown = growth.growth_years(years, reset, event_year, period.start_year) > 0
    for code, kind, quantity, unit in (
        (_PLOT, "stock", "t_per_ha", "t d.m./ha"),
        (_ALLOMETRIC, "diameter", "cm", "cm"),
    ):
        first, last = (values_of(frame, f"{kind}_{moment}_{quantity}") for moment in ("start", "end"))
        missing = (route == code) & (first == 0) & (last > 0) & grown
        refused = missing & managed & ~reset
        asked: tuple[tuple[Mask, Literal["error", "review"]], ...] = (
            (refused, "error"),
            (missing & ~refused, "review"),
        )
        for rows, severity in asked:
            findings.where(
                rows,
                column=f"{kind}_start_{quantity}",
                values=first,
                unit=unit,
                allowed="> 0",
                zh="第 {row} 行 {column} 为 {value} {unit}，但监测期开始前已经生长；期初按 0 计，"
                "全部储量都成了本期增长。请补期初调查。",
                en="Row {row}: {column} is {value} {unit}, yet the stand grew before the period; from 0 all "
                "of its stock would be gain. Add the survey at the start.",
                severity=severity,
            )


def _check_accrual(
    frame: pd.DataFrame, sampled: Mask, period: Period, p: ParametersInForce, findings: Findings
) -> None:
    plants = codes_of(frame, "route") == _ALLOMETRIC
    stocks = []
    for moment in ("start", "end"):
        by_plants = _plant(frame, plants, moment, p) * values_of(frame, "plants_per_ha") / 1000
        stocks.append(either(plants, by_plants, values_of(frame, f"stock_{moment}_t_per_ha")))
    rate = (stocks[1] - stocks[0]) * 44 / 12 * p.carbon_fraction * (1 + p.root_shoot) / period.years
    too_fast = sampled & (rate > _ACCRUAL_MAX)
    findings.where(
        too_fast,
        column="stock_end_t_per_ha",
        values=rate,
        unit="tCO2e/ha/yr",
        allowed=f"0 – {_ACCRUAL_MAX:g}",
        zh="第 {row} 行生物量年均增长 {value} {unit}，超过允许范围 {allowed}。"
        "请核对面积单位（亩或公顷）和样地记录。",
        en="Row {row}: biomass grows by {value} {unit}, beyond {allowed}. Check the unit of area (mu or "
        "ha) and the "
        "plot records.",
    )
    findings.where(
        sampled & ~too_fast & (rate > _ACCRUAL_REVIEW),
        column="stock_end_t_per_ha",
        values=rate,
        unit="tCO2e/ha/yr",
        allowed=f"≤ {_ACCRUAL_REVIEW:g}",
        zh="第 {row} 行生物量年均增长 {value} {unit}，增长过快（常见 {allowed}），请复核样地记录。",
        en="Row {row}: biomass grows by {value} {unit}, unusually fast (usual {allowed}); review the plot "
        "records.",
        severity="review",
    )
