"""Computation of ``tea_garden_v1``: numpy over all parcels at once. Equations: :mod:`.steps`."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from methodologies.cells import codes_of, either, ratio, spread, values_of
from methodologies.declaration import Period
from methodologies.parameters import ParametersInForce
from methodologies.perennial import deductions, emissions, growth, soil
from methodologies.tea_garden_v1.columns import ACTIVITIES, EVENTS, N2O_ROUTES, RECORDS, ROUTES, SOIL_ROUTES

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


def chosen(frame: pd.DataFrame, column: str, choices: tuple[str, ...], choice: str) -> Mask:
    """Rows on which a choice column holds ``choice``."""
    return np.asarray(codes_of(frame, column) == choices.index(choice))


def quantify(frame: pd.DataFrame, *, period: Period, p: ParametersInForce) -> pd.DataFrame:
    """Net removal of each parcel over the period; one output column per step, same index."""
    out: dict[str, Any] = {}
    area = values_of(frame, "area_ha")
    new = chosen(frame, "activity", ACTIVITIES, "new_garden")
    _growth(out, frame, period)
    _stocks(out, frame, new, p)
    soil.soil_loss(out, frame, new, p)
    out["soil_tco2e_per_ha"] = _soil_change(out, frame)
    _nitrogen(out, frame, new, p)
    out["stock_t1_t"] = out["stock_t1_tco2e_per_ha"] * area
    out["stock_t2_t"] = out["stock_t2_tco2e_per_ha"] * area
    out["delta_c_t"] = out["stock_change_tco2e_per_ha"] * area
    usual = out["usual_t2_tco2e_per_ha"] - out["usual_t1_tco2e_per_ha"]
    out["bsl_t"] = (usual + out["cleared_tco2e_per_ha"]) * area
    out["soil_t"] = out["soil_tco2e_per_ha"] * area
    for side, name in (("pe", "project"), ("be", "baseline")):
        out[f"{side}_n2o_kg"] = out[f"n2o_n_{name}_kg_per_ha_per_year"] * 44 / 28 * area * period.years
    out["e_fert_t"] = (out["pe_n2o_kg"] - out["be_n2o_kg"]) * p.gwp_n2o / 1000
    out |= emissions.energy(frame, p)
    gain = out["stock_change_tco2e_per_ha"] - usual - out["cleared_tco2e_per_ha"] + out["soil_tco2e_per_ha"]
    per_kg = p.ef1_tea * 44 / 28 * p.gwp_n2o / 1000
    out["n_break_even_kg_per_ha_per_year"] = np.maximum(gain, 0) / period.years / per_kg
    out["n2o_kg"] = out["be_n2o_kg"] - out["pe_n2o_kg"]
    removed = out["delta_c_t"] - out["bsl_t"] + out["soil_t"] - values_of(frame, "leakage_tco2e")
    out["co2_t"] = removed - out["e_fuel_t"] - out["e_electricity_t"]
    out["gross_t"] = removed - out["e_fert_t"] - out["e_fuel_t"] - out["e_electricity_t"]
    out["unc"] = deductions.discount(frame, chosen(frame, "route", ROUTES, "plot"), p)
    deductions.finish(out, area, period.years, p)
    return spread(out, frame.index)


def _growth(out: dict[str, Any], frame: pd.DataFrame, period: Period) -> None:
    """Ages at both dates: without events, since any event, and of the bushes."""
    planted, event_year = values_of(frame, "planting_year"), values_of(frame, "event_year")
    resets = {
        "growth": codes_of(frame, "event") > 0,
        "bush_age": chosen(frame, "event", EVENTS, "replanting"),
    }
    moments = (("start", period.start_year), ("end", period.end_year))
    for moment, at in moments:
        out[f"age_{moment}_years"] = growth.age(planted, at)
    for name, reset in resets.items():
        for moment, at in moments:
            out[f"{name}_{moment}_years"] = growth.growth_years(
                out[f"age_{moment}_years"], reset, event_year, at
            )


def by_age(years: Array, p: ParametersInForce) -> Array:
    """Default stock after ``years`` of growth, t CO2e/ha: two published rates, up to the permanent stock."""
    young = p.accrual_young_tc_per_ha_per_year * np.minimum(years, p.young_years)
    later = np.minimum(np.maximum(years - p.young_years, 0), p.accrual_until_years - p.young_years)
    stock: Array = young + p.accrual_adult_tc_per_ha_per_year * later
    capped: Array = 44 / 12 * np.minimum(stock, p.permanent_stock_tc_per_ha)
    return capped


def below_ground(ba: Array, age: Array, plot: Mask, p: ParametersInForce) -> Array:
    """Below-ground biomass Bb out of above-ground Ba, both t d.m./ha; below 3 years the young form.

    0 off the plots. Only the form some plot needs is computed, and only its coefficients count as used.
    """
    if not plot.any():
        return np.zeros(1)
    young = age < p.adult_from_years
    early, late = plot & young, plot & ~young
    bb: Array = np.zeros(1)
    if late.any():
        adult = p.bb_adult_square * ba**2 + p.bb_adult_slope * ba + p.bb_adult_constant
        bb = either(late, adult, 0.0)
    if early.any():
        bb = either(early, np.maximum(p.bb_young_slope * ba + p.bb_young_constant, 0), bb)
    return bb


def _measured(
    frame: pd.DataFrame, moment: str, plot: Mask, age: Array, p: ParametersInForce
) -> tuple[Array, Array]:
    """Below-ground biomass (0 off the plots), and the stock measured with it, t CO2e/ha."""
    ba = values_of(frame, f"ba_{moment}_t_per_ha")
    bb = below_ground(ba, age, plot, p)
    return bb, 44 / 12 * p.carbon_fraction * (ba + bb)


def _stocks(out: dict[str, Any], frame: pd.DataFrame, new: Mask, p: ParametersInForce) -> None:
    """Stocks per hectare at both dates, their creditable change and the baseline, into ``out``."""
    plot = chosen(frame, "route", ROUTES, "plot")
    for number, moment in ((1, "start"), (2, "end")):
        bb, stock = _measured(frame, moment, plot, out[f"bush_age_{moment}_years"], p)
        out[f"bb_{moment}_t_per_ha"] = bb
        if not plot.all():
            stock = either(plot, stock, by_age(out[f"growth_{moment}_years"], p))
        out[f"stock_t{number}_tco2e_per_ha"] = stock
    start, end = out["stock_t1_tco2e_per_ha"], out["stock_t2_tco2e_per_ha"]
    ceiling = 44 / 12 * p.permanent_stock_tc_per_ha
    out["ceiling_tco2e_per_ha"] = np.array([ceiling])
    share = _growing_share(out["bush_age_start_years"], out["bush_age_end_years"], p)
    out["growing_share"] = share
    # Gains end at the ceiling and at 30 years, losses count in full.
    gain = (np.minimum(end, np.maximum(start, ceiling)) - start) * share
    out["stock_change_tco2e_per_ha"] = either(end > start, gain, end - start)
    for number, moment in ((1, "start"), (2, "end")):
        usual = np.zeros(1)
        if not new.all():
            usual = either(new, 0.0, by_age(out[f"age_{moment}_years"], p))
        out[f"usual_t{number}_tco2e_per_ha"] = usual
    cleared = values_of(frame, "cleared_stock_t_per_ha")
    out["cleared_tco2e_per_ha"] = 44 / 12 * p.carbon_fraction * (1 + p.root_shoot) * cleared


def _growing_share(first: Array, last: Array, p: ParametersInForce) -> Array:
    """Share of the period in which the bushes are below the age of saturation."""
    limit = p.saturation_age_years
    crossing = (last > limit) & (first < limit)
    part = ratio(limit - first, last - first, crossing)
    # A garden replanted in the period is young again at its end.
    return np.asarray(either(last <= limit, 1.0, part))


def _soil_change(out: dict[str, Any], frame: pd.DataFrame) -> Array:
    """t CO2e/ha: a measured gain at the lower end of its interval, a loss in full, else the debit."""
    change, half = values_of(frame, "soc_change_tc_per_ha"), values_of(frame, "soc_half_width_tc_per_ha")
    measured = either(change > 0, np.maximum(change - half, 0), change)
    debit = -44 / 12 * out["soil_loss_tc_per_ha_per_year"] * out["soil_loss_years"]
    change_t: Array = either(chosen(frame, "soil_route", SOIL_ROUTES, "measured"), 44 / 12 * measured, debit)
    return change_t


def _nitrogen(out: dict[str, Any], frame: pd.DataFrame, new: Mask, p: ParametersInForce) -> None:
    """N2O-N per hectare and year of project and baseline, into ``out``."""
    route = codes_of(frame, "n2o_route")
    background = route == N2O_ROUTES.index("fertiliser_and_background")
    national = route == N2O_ROUTES.index("national_mean")
    measured = route == N2O_ROUTES.index("measured")
    # Read only where a row needs it, so that an unused figure neither blocks nor appears in a record.
    extra = either(background, p.background_n2o_n, 0.0) if background.any() else np.zeros(1)
    mean = p.national_mean_n2o_n if national.any() else 0.0
    recorded = chosen(frame, "baseline_n_record", RECORDS, "records") & ~new & ~national
    for name, prefix in (("project", ""), ("baseline", "baseline_")):
        synthetic, organic, cake = (
            values_of(frame, f"{prefix}n_{kind}_kg_per_ha_per_year")
            for kind in ("synthetic", "organic", "oilcake")
        )
        rate = (synthetic + organic + p.oilcake_factor * cake) * p.ef1_tea + extra
        rate = either(measured, values_of(frame, f"{prefix}n2o_n_kg_per_ha_per_year"), rate)
        rate = either(national, mean, rate)
        if name == "baseline":
            rate = either(recorded, rate, 0.0)
        out[f"n2o_n_{name}_kg_per_ha_per_year"] = rate
