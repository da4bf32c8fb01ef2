"""Camellia and tea a second time: one row, plain Python, constants of their own, no code of the platform.

Between 1 January of two years; what the grids and dates of the methodologies decide is written out here.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

C = 44 / 12
GRID = 0.5897  # kg CO2/kWh, Henan, in force on 1 January 2026
SOIL = {"hac": 64.0, "lac": 55.0, "sandy": 36.0}
USE = {"unstated": 0.72, "annual_crop": 0.69, "set_aside": 0.82, "native": 1.0}


def age_at(year: float, planted: float) -> float:
    return max(0.0, year - (planted + 1))


def energy(row: dict[str, Any]) -> float:
    return float(
        row["diesel_l"] * 0.002886 + row["petrol_l"] * 0.00281 + row["electricity_kwh"] * GRID / 1000
    )


def soil_debit(row: dict[str, Any], start: int, end: int) -> float:
    """t CO2e/ha lost by a new planting on land that held more carbon."""
    lost = SOIL[row["soil_type"]] * (USE[row["former_land_use"]] - 0.72) / 20
    if lost <= 0:
        return 0.0
    years = min(20.0, age_at(end, row["planting_year"])) - min(20.0, age_at(start, row["planting_year"]))
    return C * lost * years


def after_deductions(gross: float, uncertainty: float | None) -> float:
    if gross <= 0:
        return gross
    rate = 0.0
    if uncertainty is not None:
        rate = 0.0 if uncertainty <= 10 else 0.06 if uncertainty <= 20 else 0.11
    return gross * 0.9 * (1 - rate)


# --- camellia ---------------------------------------------------------------------------------------

PROFILE = [(0, 0.0), (10, 6.37), (20, 8.61), (30, 10.31), (40, 11.47), (50, 12.16)]
CEILING = 12.857 * C
DRY = 0.47 * 1.4 * C


def profile(age: float) -> float:
    for (a, low), (b, high) in pairwise(PROFILE):
        if age <= b:
            return low + (high - low) * (age - a) / (b - a)
    return 12.16


def plant_kg(d: float, h: float) -> float:
    return 0.0716 * math.pow(d * d * h, 0.8854) if d else 0.0


def camellia_curve(row: dict[str, Any], years: float) -> float:
    """t CO2e/ha after years of growth, by the curve the row names or by the default accrual."""
    if row["route"] != "growth_curve":
        return CEILING * min(20.0, years) / 20
    if row["curve_form"] == "age_profile":
        return C * profile(years)
    top, k, shape = row["curve_max_t_per_ha"], row["curve_k"], row["curve_shape"]
    if row["curve_form"] == "richards":
        return float(DRY * top * math.pow(-math.expm1(-k * years), shape))
    return float(DRY * top / (1 + shape * math.exp(-k * years)))


def camellia_stock(row: dict[str, Any], year: int, moment: str) -> float:
    if row["route"] == "plot":
        return float(DRY * row[f"stock_{moment}_t_per_ha"])
    if row["route"] == "allometric":
        kg = plant_kg(row[f"diameter_{moment}_cm"], row[f"height_{moment}_m"])
        return float(DRY * kg * row["plants_per_ha"] / 1000)
    since = row["planting_year"]
    if row["event"] != "none" and year > row["event_year"]:
        since = row["event_year"]
    return camellia_curve(row, age_at(year, since))


def camellia_limit(row: dict[str, Any]) -> float:
    """Where gains end: 95 % of the asymptote, never above the ceiling."""
    top = CEILING
    if row["route"] == "growth_curve":
        form = row["curve_form"]
        top = min(top, C * 12.16 if form == "age_profile" else DRY * row["curve_max_t_per_ha"])
    return 0.95 * top


def camellia(row: dict[str, Any], start: int, end: int) -> float:
    """Net removal of one parcel, t CO2e."""
    before, after = camellia_stock(row, start, "start"), camellia_stock(row, end, "end")
    limit = camellia_limit(row)
    gain = after - before
    if gain > 0:
        gain = max(0.0, min(after, limit) - before)
    if row["activity"] == "management":
        usual = [min(limit, camellia_curve(row, age_at(year, row["planting_year"]))) for year in (start, end)]
        gain -= usual[1] - usual[0]
    gain -= DRY * row["cleared_stock_t_per_ha"]
    if row["activity"] == "new_planting":
        gain -= soil_debit(row, start, end)
    nitrogen = row["n_synthetic_kg_per_ha_per_year"] * 0.016 + row["n_organic_kg_per_ha_per_year"] * 0.006
    gain -= nitrogen * (end - start) * 44 / 28 * 265 / 1000
    sampled = row["route"] in ("plot", "allometric")
    gross = gain * row["area_ha"] - row["leakage_tco2e"] - energy(row)
    return after_deductions(gross, row["uncertainty_pct"] if sampled else None)


# --- tea --------------------------------------------------------------------------------------------


def tea_default(years: float) -> float:
    """t CO2e/ha: 4.5 tC in each of four years, 0.95 until year 15, never above 26.5."""
    stock = 4.5 * years if years <= 4 else 18 + 0.95 * (min(years, 15) - 4)
    return C * min(26.5, stock)


def tea_roots(ba: float, age: float) -> float:
    if age < 3:
        return max(0.0, 0.665 * ba - 0.217)
    return 0.013 * ba * ba - 0.087 * ba + 3.269


def tea_nitrogen(row: dict[str, Any], prefix: str) -> float:
    """kg N2O-N/ha/yr of one side."""
    if row["n2o_route"] == "national_mean":
        return 9.55
    if row["n2o_route"] == "measured":
        return float(row[f"{prefix}n2o_n_kg_per_ha_per_year"])
    plain, cake = (
        sum(row[f"{prefix}n_{kind}_kg_per_ha_per_year"] for kind in kinds)
        for kinds in (("synthetic", "organic"), ("oilcake",))
    )
    background = 4.0 if row["n2o_route"] == "fertiliser_and_background" else 0.0
    return float(0.028 * plain + 0.028 * 1.62 * cake + background)


def tea_n2o(row: dict[str, Any]) -> float:
    """kg N2O-N/ha/yr in which the project exceeds the baseline."""
    project = tea_nitrogen(row, "")
    known = row["activity"] == "existing_garden" and row["baseline_n_record"] == "records"
    return project - (
        tea_nitrogen(row, "baseline_") if known and row["n2o_route"] != "national_mean" else 0.0
    )


def tea_gain(row: dict[str, Any], start: int, end: int) -> float:
    """Creditable growth, t CO2e/ha."""
    planted, event, at = row["planting_year"], row["event"], row["event_year"]
    bush = [age_at(y, at if event == "replanting" and y > at else planted) for y in (start, end)]
    if row["route"] == "plot":
        ba = [row["ba_start_t_per_ha"], row["ba_end_t_per_ha"]]
        before, after = (C * 0.47 * (b + tea_roots(b, a)) for b, a in zip(ba, bush, strict=True))
    else:
        before, after = (
            tea_default(age_at(y, at if event != "none" and y > at else planted)) for y in (start, end)
        )
    if after <= before:
        return after - before
    gain = min(after, max(before, C * 26.5)) - before
    if bush[1] <= 30:
        return gain
    return gain * max(0.0, 30 - bush[0]) / (bush[1] - bush[0])


def tea(row: dict[str, Any], start: int, end: int) -> float:
    """Net removal of one parcel, t CO2e."""
    gain = tea_gain(row, start, end)
    if row["activity"] == "existing_garden":
        gain -= tea_default(age_at(end, row["planting_year"])) - tea_default(
            age_at(start, row["planting_year"])
        )
    gain -= DRY * row["cleared_stock_t_per_ha"]
    change = row["soc_change_tc_per_ha"]
    if row["soil_route"] == "measured":
        gain += C * (change if change <= 0 else max(0.0, change - row["soc_half_width_tc_per_ha"]))
    elif row["activity"] == "new_garden":
        gain -= soil_debit(row, start, end)
    gain -= tea_n2o(row) * 44 / 28 * (end - start) * 0.265
    gross = gain * row["area_ha"] - row["leakage_tco2e"] - energy(row)
    return after_deductions(gross, row["uncertainty_pct"] if row["route"] == "plot" else None)
