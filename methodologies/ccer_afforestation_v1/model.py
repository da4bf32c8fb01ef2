"""Computation of ``ccer_afforestation_v1``: numpy over all rows at once. Equations: :mod:`.steps`."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from methodologies.ccer_afforestation_v1.applicability import condition_columns
from methodologies.ccer_afforestation_v1.groups import (
    BCEF_CLASSES,
    BCEF_LIMITS,
    DEAD_WOOD_CLASSES,
    LAND_USES,
    RATE_AREA_MIN_HA,
    ROOT_ROUTES,
    SLOPES,
    SOILS,
    SPECIES,
    TREE_ROUTES,
)
from methodologies.cells import codes_of, either, narrow, on, ratio, spread, values_of
from methodologies.columns import Mask
from methodologies.declaration import Period
from methodologies.forest import DiscountScheme, root_biomass
from methodologies.parameters import ParametersInForce

Array = npt.NDArray[np.float64]
Columns = dict[str, Any]
_CO2 = 44 / 12
_NONE, _MEASURED, _BCEF, _SLOPE, _SPECIES = range(len(TREE_ROUTES))
_ROOTS_MEASURED, _ROOTS_TOOL14, _ROOTS_ASIA, _ROOTS_CONIFER, _ROOTS_OAK, _ROOTS_BROADLEAF = range(
    len(ROOT_ROUTES)
)


def quantify(
    frame: pd.DataFrame, *, period: Period, p: ParametersInForce, discount: DiscountScheme
) -> pd.DataFrame:
    """Net removal of each row over the period; one output column per step, same index.

    ``discount`` is the scheme of the version (``cn_arcm`` in version 1).
    """
    out = {**condition_columns(frame, p), **_figures(frame, period, p, discount)}
    return spread(out, frame.index)


def _figures(frame: pd.DataFrame, period: Period, p: ParametersInForce, discount: DiscountScheme) -> Columns:
    """Every step after the conditions."""
    out: Columns = {}
    registered, measured = values_of(frame, "registered_area_ha"), values_of(frame, "area_ha")
    area = either(measured >= registered * (1 - p.area_tolerance), registered, measured)
    out["accounted_area_ha"] = area
    _trees(out, frame, area, p, discount)
    _other_pools(out, frame, area, p)
    _soil(out, frame, area, period, p)
    _fire(out, frame, p)
    _net(out, frame, area, period, p)
    return out


def pick(
    rows: Mask, selector: Any, names: tuple[str, ...], p: ParametersInForce, other: float = 0.0
) -> Array:
    """The parameter ``names[selector]`` on the rows given, ``other`` elsewhere; only these count as used."""
    return narrow(p.choose(selector, names, rows, other)) if rows.any() else np.array([other])


def _trees(
    out: Columns, frame: pd.DataFrame, area: Array, p: ParametersInForce, discount: DiscountScheme
) -> None:
    """Tree stocks at both dates, their change and its discount (AR-TOOL14)."""
    route, species = codes_of(frame, "tree_route"), codes_of(frame, "species")
    names = tuple(SPECIES)
    by_species = route == _SPECIES
    volumes = [values_of(frame, f"volume_{date}_m3_per_ha") for date in ("start", "end")]
    out["v_mean_m3_per_ha"] = (volumes[0] + volumes[1]) / 2
    out["bcef"] = _bcef(route == _BCEF, codes_of(frame, "bcef_class"), out["v_mean_m3_per_ha"], p)
    slopes = tuple(SLOPES.get(name, "") for name in names)
    out["slope"] = pick(route == _SLOPE, species, slopes, p)
    density = pick(by_species, species, tuple(f"d_{name}" for name in names), p)
    out["expansion"] = density * pick(by_species, species, tuple(f"bef_{name}" for name in names), p)
    # Each of the three is 0 on the routes of the others.
    per_volume = out["bcef"] + out["slope"] + out["expansion"]
    for volume, number, date in zip(volumes, ("t1", "t2"), ("start", "end"), strict=True):
        given = values_of(frame, f"agb_{date}_t_per_ha")
        out[f"b_{number}_t_per_ha"] = either(route == _MEASURED, given, per_volume * volume)
    _roots(out, frame, route, species, p)
    fractions = tuple(f"cf_{name}" for name in names)
    out["cf"] = pick(by_species, species, fractions, p, p.carbon_fraction)
    for number in ("t1", "t2"):
        whole = out[f"b_{number}_t_per_ha"] + out[f"r_{number}_t_per_ha"]
        out[f"c_{number}_tco2e_per_ha"] = _CO2 * out["cf"] * whole
    change = (out["c_t2_tco2e_per_ha"] - out["c_t1_tco2e_per_ha"]) * area
    out["delta_tree_measured_t"] = change
    sampled = route != _NONE
    out["unc"] = np.zeros(1)
    if sampled.any():
        out["unc"] = narrow(discount.share(values_of(frame, "uncertainty_pct"), p, sampled))
    # A deduction must never shrink a loss.
    out["delta_c_tree_t"] = either(change > 0, change * (1 - out["unc"]), change)


def _bcef(rows: Mask, classes: Any, mean_volume: Array, p: ParametersInForce) -> Array:
    """BCEF of the band of the mean stock, upper ends inclusive."""
    if not rows.any():
        return np.zeros(1)
    bands = np.zeros(len(mean_volume), dtype=np.int8)
    for limit in BCEF_LIMITS:
        bands += mean_volume > limit
    count = len(BCEF_LIMITS) + 1
    names = tuple(f"bcef_{name}_{band}" for name in BCEF_CLASSES for band in range(1, count + 1))
    return pick(rows, classes * count + bands, names, p)


def _roots(out: Columns, frame: pd.DataFrame, route: Any, species: Any, p: ParametersInForce) -> None:
    """Mean above-ground biomass, table ratio, and below-ground biomass at both dates."""
    mean = (out["b_t1_t_per_ha"] + out["b_t2_t_per_ha"]) / 2
    out["agb_mean_t_per_ha"] = mean
    kind = codes_of(frame, "root_route")
    open_route = (route == _MEASURED) | (route == _BCEF)
    share = pick(route == _SPECIES, species, tuple(f"r_{name}" for name in SPECIES), p)
    for code, name, limits in (
        (_ROOTS_ASIA, "subtropical_asia", [mean > 125]),
        (_ROOTS_CONIFER, "temperate_conifer", [mean >= 50, mean > 150]),
        (_ROOTS_OAK, "temperate_oak", []),
        (_ROOTS_BROADLEAF, "temperate_broadleaf", [mean >= 75, mean > 150]),
    ):
        names = tuple(f"r_{name}_{band}" for band in range(1, 4) if f"r_{name}_{band}" in p.table)
        rows = open_route & (kind == code)
        if rows.any():
            bands = sum((above.view(np.int8) for above in limits), np.zeros(len(mean), dtype=np.int8))
            share = share + pick(rows, bands, names, p)
    out["root_ratio"] = share
    default = open_route & (kind == _ROOTS_TOOL14)
    measured = (route == _MEASURED) & (kind == _ROOTS_MEASURED)
    for number, date in (("t1", "start"), ("t2", "end")):
        above = out[f"b_{number}_t_per_ha"]
        roots = share * above
        if default.any():
            form = partial(root_biomass, intercept=p.root_intercept, exponent=p.root_exponent)
            roots = either(default, on(default, form, above), roots)
        out[f"r_{number}_t_per_ha"] = either(measured, values_of(frame, f"bgb_{date}_t_per_ha"), roots)


def _other_pools(out: Columns, frame: pd.DataFrame, area: Array, p: ParametersInForce) -> None:
    """Bamboo, shrubs, dead wood and litter."""
    culms = values_of(frame, "culms_end_per_ha") - values_of(frame, "culms_start_per_ha")
    out["delta_c_bamboo_t"] = _CO2 * p.cf_bamboo * p.culm_kg / 1000 * culms * area
    full = _CO2 * p.cf_shrub * (1 + p.r_shrub) * p.bdr * values_of(frame, "regional_forest_t_per_ha")
    for number, date in (("t1", "start"), ("t2", "end")):
        cover = values_of(frame, f"shrub_cover_{date}")
        out[f"shrub_{number}_tco2e_per_ha"] = either(cover >= p.shrub_cover_min, full * cover, 0.0)
    out["delta_c_shrub_t"] = (out["shrub_t2_tco2e_per_ha"] - out["shrub_t1_tco2e_per_ha"]) * area
    rise = out["b_t2_t_per_ha"] - out["b_t1_t_per_ha"]
    above = _CO2 * out["cf"] * rise * area
    out["delta_agb_t"] = either(rise > 0, above * (1 - out["unc"]), above)
    classes = codes_of(frame, "dead_wood_class")
    for short, pool in (("dw", "pool_dead_wood"), ("li", "pool_litter")):
        names = tuple(f"df_{short}_{name}" for name in DEAD_WOOD_CLASSES)
        out[f"df_{short}"] = pick(values_of(frame, pool), classes, names, p)
        out[f"delta_c_{short}_t"] = out[f"df_{short}"] * out["delta_agb_t"]


def _soil(out: Columns, frame: pd.DataFrame, area: Array, period: Period, p: ParametersInForce) -> None:
    """Soil carbon by the default rate of AR-TOOL16, where the pool is on."""
    rows = values_of(frame, "pool_soil")
    soils, uses = codes_of(frame, "soil"), codes_of(frame, "land_use_before")
    reference = pick(rows, soils, tuple(f"soc_ref_{name}" for name in SOILS), p)
    factor = pick(rows, uses, tuple(f"f_lu_{name}" for name in LAND_USES), p)
    initial = reference * factor * values_of(frame, "soil_management") * values_of(frame, "soil_input")
    loss, rate, years = np.zeros((3, 1))
    if rows.any():
        disturbed = values_of(frame, "disturbed_pct") > p.soc_disturbed_limit_pct
        loss = either(rows & disturbed, p.soc_loss_share * initial, 0.0)
        yearly = (reference - (initial - loss)) / p.soc_years
        rate = either(rows, np.minimum(yearly, p.soc_rate_max_tc_per_ha_per_year), 0.0)
        first = values_of(frame, "planting_year") + 1
        span = np.minimum(period.end_year, first + p.soc_years) - np.maximum(period.start_year, first)
        years = either(rows, np.maximum(span, 0.0), 0.0)
    out["soc_ref_tc_per_ha"], out["f_lu"] = reference, factor
    out["soc_init_tc_per_ha"], out["soc_loss_tc_per_ha"] = initial, loss
    out["d_soc_tc_per_ha_per_year"], out["soil_years"] = rate, years
    out["delta_soc_t"] = _CO2 * rate * years * area


def _fire(out: Columns, frame: pd.DataFrame, p: ParametersInForce) -> None:
    """Methane and nitrous oxide of fires; their factors count as used only where something burned."""
    burned = values_of(frame, "burned_ha")
    biomass, ch4, n2o, emission = np.zeros((4, 1))
    if (burned > 0).any():
        biomass = burned * values_of(frame, "burned_agb_t_per_ha") * p.fire_comf
        ch4, n2o = biomass * p.fire_ef_ch4_g_per_kg, biomass * p.fire_ef_n2o_g_per_kg
        emission = 0.001 * (ch4 * p.gwp_ch4 + n2o * p.gwp_n2o)
    out["burned_biomass_t"], out["fire_ch4_kg"], out["fire_n2o_kg"] = biomass, ch4, n2o
    out["ghg_fire_t"] = emission


def _net(out: Columns, frame: pd.DataFrame, area: Array, period: Period, p: ParametersInForce) -> None:
    """The master equation: project less baseline and leakage, less the risk deduction."""
    pools = ("delta_c_tree_t", "delta_c_bamboo_t", "delta_c_shrub_t", "delta_c_dw_t", "delta_c_li_t")
    out["delta_c_proj_t"] = sum(out[name] for name in pools) + out["delta_soc_t"] - out["ghg_fire_t"]
    cleared = values_of(frame, "cleared_stock_t_per_ha")
    out["cleared_t"] = _CO2 * p.cf_shrub * (1 + p.r_shrub) * cleared * area
    out["bsl_t"] = p.baseline_tco2e_per_ha_per_year * period.years * area + out["cleared_t"]
    out["lk_t"] = np.zeros(1)
    gross = out["delta_c_proj_t"] - out["bsl_t"] - out["lk_t"]
    out["gross_t"] = gross
    out["risk_t"] = either(gross > 0, gross * p.k_risk, 0.0)
    out["ch4_kg"], out["n2o_kg"] = -out["fire_ch4_kg"], -out["fire_n2o_kg"]
    out["co2_t"] = gross + out["ghg_fire_t"]
    rate = ratio(gross, area, area >= RATE_AREA_MIN_HA) / period.years
    out["rate_tco2e_per_ha_per_year"] = rate
    out["rate_tco2e_per_mu_per_year"] = rate / 15
    out["net_t"] = gross - out["risk_t"]
