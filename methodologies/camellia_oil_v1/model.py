"""Computation of ``camellia_oil_v1``: numpy over all parcels at once. Equations: :mod:`.steps`."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from methodologies.columns import Findings
from methodologies.declaration import Period
from methodologies.parameters import ParametersInForce

ACTIVITIES = ("new_planting", "low_yield_renovation", "management")
ROUTES = ("default", "plot")
_MANAGEMENT = ACTIVITIES.index("management")
_PLOT = ROUTES.index("plot")
# A rise above this is unusual for a shrub; the measured evidence is 0.3 – 2.4 (t CO2e/ha/yr).
_ACCRUAL_REVIEW = 5.0

Array = npt.NDArray[np.float64]


def check(frame: pd.DataFrame, *, period: Period, p: ParametersInForce, findings: Findings) -> None:
    """Rules between columns: uncertainty of measured stock, planting before the end, unusual growth."""
    plot = frame["route"].cat.codes.to_numpy() == _PLOT
    uncertainty = frame["uncertainty_pct"].to_numpy()
    if plot.any():
        findings.where(
            plot & (uncertainty > p.uncertainty_max_pct),
            column="uncertainty_pct",
            values=uncertainty,
            unit="%",
            allowed=f"0 – {p.uncertainty_max_pct:g}",
            zh="第 {row} 行 uncertainty_pct 为 {value} %，超过 {allowed} %，不得核算。请增设样地后重新测定。",
            en="Row {row}: uncertainty_pct is {value} %, beyond {allowed} %, and cannot be credited. "
            "Add plots and measure again.",
        )
    planted = frame["planting_year"].to_numpy()
    findings.where(
        planted > period.end.year,
        column="planting_year",
        values=planted,
        unit="year",
        allowed=f"≤ {period.end.year}",
        zh="第 {row} 行 planting_year 为 {value}，晚于监测期结束（允许 {allowed}）。请更正年份或监测期。",
        en="Row {row}: planting_year {value} lies after the monitoring period (allowed {allowed}). "
        "Correct the year or the period.",
    )
    rise = (frame["stock_end_t_per_ha"] - frame["stock_start_t_per_ha"]).to_numpy() / period.years
    unusual = plot & (rise * 44 / 12 * p.carbon_fraction * (1 + p.root_shoot) > _ACCRUAL_REVIEW)
    findings.where(
        unusual,
        column="stock_end_t_per_ha",
        values=frame["stock_end_t_per_ha"].to_numpy(),
        unit="t d.m./ha",
        allowed=f"≤ {_ACCRUAL_REVIEW:g} tCO2e/ha/yr",
        zh="第 {row} 行样地生物量增长过快（期末 {value} t/ha，年均超过约 5 tCO2e/ha），请复核样地记录。",
        en="Row {row}: measured stock rises unusually fast (to {value} t/ha, above about 5 tCO2e/ha/yr); "
        "review the plot records.",
        severity="review",
    )


def quantify(frame: pd.DataFrame, *, period: Period, p: ParametersInForce) -> pd.DataFrame:
    """Net removal of each parcel over the period; one output column per step, same index."""
    out: dict[str, Any] = {}
    area = frame["area_ha"].to_numpy()
    _stock_change(out, frame, period, p)
    out["delta_c_t"] = out["stock_change_tco2e_per_ha"] * area
    out["bsl_t"] = (out["bsl_tco2e_per_ha"] + out["cleared_tco2e_per_ha"]) * area
    n_rate = (
        frame["n_synthetic_kg_per_ha_per_year"].to_numpy() * p.ef1_synthetic
        + frame["n_organic_kg_per_ha_per_year"].to_numpy() * p.ef1_organic
    )
    out["e_fert_n2o_kg"] = n_rate * 44 / 28 * area * period.years
    out["e_fert_t"] = out["e_fert_n2o_kg"] * p.gwp_n2o / 1000
    out["e_fuel_t"] = frame["diesel_l"].to_numpy() * p.ef_diesel
    leakage = frame["leakage_tco2e"].to_numpy()
    out["n2o_kg"] = -out["e_fert_n2o_kg"]
    out["co2_t"] = out["delta_c_t"] - out["bsl_t"] - leakage - out["e_fuel_t"]
    gross = out["delta_c_t"] - out["bsl_t"] - leakage - out["e_fert_t"] - out["e_fuel_t"]
    out["gross_t"] = gross
    out["unc"] = _uncertainty_discount(frame, p)
    # A deduction must never shrink an increase: negative parcels stay whole.
    out["net_t"] = np.where(gross > 0, gross * (1 - p.k_risk) * (1 - out["unc"]), gross)
    return pd.DataFrame(out, index=frame.index, copy=False)


def _stock_change(out: dict[str, Any], frame: pd.DataFrame, period: Period, p: ParametersInForce) -> None:
    """Stocks per hectare at both dates, their creditable change and the baseline, into ``out``."""
    rows = len(frame)
    activity = frame["activity"].cat.codes.to_numpy()
    plot = frame["route"].cat.codes.to_numpy() == _PLOT
    planted = frame["planting_year"].to_numpy()
    for name, year in (("age_start_years", period.start_year), ("age_end_years", period.end_year)):
        out[name] = np.minimum(np.maximum(year - planted - 1, 0), p.accrual_years)
    ceiling = p.stock_ceiling_tc_per_ha * 44 / 12
    saturation = p.saturation_share * ceiling
    accrual = ceiling / p.accrual_years
    out["ceiling_tco2e_per_ha"] = np.full(rows, ceiling)
    out["saturation_tco2e_per_ha"] = np.full(rows, saturation)
    out["accrual_tco2e_per_ha_per_year"] = np.full(rows, accrual)
    per_tonne = 44 / 12 * p.carbon_fraction * (1 + p.root_shoot)
    start = np.where(plot, frame["stock_start_t_per_ha"] * per_tonne, accrual * out["age_start_years"])
    end = np.where(plot, frame["stock_end_t_per_ha"] * per_tonne, accrual * out["age_end_years"])
    out["stock_t1_tco2e_per_ha"], out["stock_t2_tco2e_per_ha"] = start, end
    # Gains end at saturation, losses count in full.
    out["stock_change_tco2e_per_ha"] = np.minimum(end, np.maximum(start, saturation)) - start
    usual = np.minimum(accrual * out["age_end_years"], saturation) - np.minimum(
        accrual * out["age_start_years"], saturation
    )
    out["bsl_tco2e_per_ha"] = np.where(activity == _MANAGEMENT, usual, 0.0)
    out["cleared_tco2e_per_ha"] = frame["cleared_stock_t_per_ha"].to_numpy() * per_tonne


def _uncertainty_discount(frame: pd.DataFrame, p: ParametersInForce) -> Array:
    """Discount by band of sampling error, upper ends inclusive; none on the default route (no sampling)."""
    plot = frame["route"].cat.codes.to_numpy() == _PLOT
    discount = np.zeros(len(frame))
    if plot.any():
        ends = np.array([p.uncertainty_low_pct, p.uncertainty_mid_pct])
        bands = np.searchsorted(ends, frame["uncertainty_pct"].to_numpy()[plot], side="left")
        names = ("uncertainty_discount_low", "uncertainty_discount_mid", "uncertainty_discount_high")
        discount[plot] = p.choose(bands, names)
    return discount
