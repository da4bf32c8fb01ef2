"""Computation of ``ccer_afforestation_v1``: numpy over all rows at once. Equations: :mod:`.steps`."""

from __future__ import annotations

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
    return pd.DataFrame(out, index=frame.index, copy=False)


def judged(
    frame: pd.DataFrame,
    names: tuple[str, ...],
    *,
    period: Period,
    p: ParametersInForce,
    discount: DiscountScheme,
) -> dict[str, Array]:
    """The columns ``names`` alone, for checks."""
    figures = _figures(frame, period, p, discount)
    return {name: figures[name] for name in names}


def _figures(frame: pd.DataFrame, period: Period, p: ParametersInForce, discount: DiscountScheme) -> Columns:
    """Every step after the conditions."""
    out: Columns = {}
    registered, measured = frame["registered_area_ha"].to_numpy(), frame["area_ha"].to_numpy()
    area = np.where(measured >= registered * (1 - p.area_tolerance), registered, measured)
    out["accounted_area_ha"] = area
    _trees(out, frame, area, p, discount)
    _other_pools(out, frame, area, p)
    _soil(out, frame, area, period, p)
    _fire(out, frame, p)
    _net(out, frame, area, period, p)
    return out


def _codes(frame: pd.DataFrame, name: str) -> npt.NDArray[np.intp]:
    codes: npt.NDArray[np.intp] = frame[name].cat.codes.to_numpy().astype(np.intp)
    return codes


def pick(
    rows: Mask, selector: Any, names: tuple[str, ...], p: ParametersInForce, other: float = 0.0
) -> Array:
    """The parameter ``names[selector]`` on the rows given, ``other`` elsewhere; only these count as used."""
    values = np.full(len(rows), other)
    if rows.any():
        values[rows] = p.choose(np.asarray(selector)[rows], names)
    return values


def _trees(
    out: Columns, frame: pd.DataFrame, area: Array, p: ParametersInForce, discount: DiscountScheme
) -> None:
    """Tree stocks at both dates, their change and its discount (AR-TOOL14)."""
    route, species = _codes(frame, "tree_route"), _codes(frame, "species")
    names = tuple(SPECIES)
    by_species = route == _SPECIES
    volumes = [frame[f"volume_{date}_m3_per_ha"].to_numpy() for date in ("start", "end")]
    out["v_mean_m3_per_ha"] = (volumes[0] + volumes[1]) / 2
    out["bcef"] = _bcef(route == _BCEF, _codes(frame, "bcef_class"), out["v_mean_m3_per_ha"], p)
    slopes = tuple(SLOPES.get(name, "") for name in names)
    out["slope"] = pick(route == _SLOPE, species, slopes, p)
    density = pick(by_species, species, tuple(f"d_{name}" for name in names), p)
    out["expansion"] = density * pick(by_species, species, tuple(f"bef_{name}" for name in names), p)
    per_volume = np.select(
        [route == _BCEF, route == _SLOPE, by_species], [out["bcef"], out["slope"], out["expansion"]], 0.0
    )
    for volume, number, date in zip(volumes, ("t1", "t2"), ("start", "end"), strict=True):
        given = frame[f"agb_{date}_t_per_ha"].to_numpy()
        out[f"b_{number}_t_per_ha"] = np.where(route == _MEASURED, given, per_volume * volume)
    _roots(out, frame, route, species, p)
    fractions = tuple(f"cf_{name}" for name in names)
    out["cf"] = np.where(by_species, pick(by_species, species, fractions, p), p.carbon_fraction)
    for number in ("t1", "t2"):
        whole = out[f"b_{number}_t_per_ha"] + out[f"r_{number}_t_per_ha"]
        out[f"c_{number}_tco2e_per_ha"] = _CO2 * out["cf"] * whole
    change = (out["c_t2_tco2e_per_ha"] - out["c_t1_tco2e_per_ha"]) * area
    out["delta_tree_measured_t"] = change
    out["unc"] = np.zeros(len(frame))
    sampled = route != _NONE
    if sampled.any():
        out["unc"][sampled] = discount.share(frame["uncertainty_pct"].to_numpy()[sampled], p)
    # A deduction must never shrink a loss.
    out["delta_c_tree_t"] = np.where(change > 0, change * (1 - out["unc"]), change)


def _bcef(rows: Mask, classes: Any, mean_volume: Array, p: ParametersInForce) -> Array:
    """BCEF of the band of the mean stock, upper ends inclusive."""
    bands = np.searchsorted(np.array(BCEF_LIMITS, dtype=np.float64), mean_volume, side="left")
    count = len(BCEF_LIMITS) + 1
    names = tuple(f"bcef_{name}_{band}" for name in BCEF_CLASSES for band in range(1, count + 1))
    return pick(rows, classes * count + bands, names, p)


def _roots(out: Columns, frame: pd.DataFrame, route: Any, species: Any, p: ParametersInForce) -> None:
    """Mean above-ground biomass, table ratio, and below-ground biomass at both dates."""
    mean = (out["b_t1_t_per_ha"] + out["b_t2_t_per_ha"]) / 2
    out["agb_mean_t_per_ha"] = mean
    kind = _codes(frame, "root_route")
    open_route = (route == _MEASURED) | (route == _BCEF)
    ratio = pick(route == _SPECIES, species, tuple(f"r_{name}" for name in SPECIES), p)
    for code, name, bands in (
        (_ROOTS_ASIA, "subtropical_asia", (mean > 125).astype(int)),
        (_ROOTS_CONIFER, "temperate_conifer", (mean >= 50).astype(int) + (mean > 150)),
        (_ROOTS_OAK, "temperate_oak", np.zeros(len(mean), dtype=int)),
        (_ROOTS_BROADLEAF, "temperate_broadleaf", (mean >= 75).astype(int) + (mean > 150)),
    ):
        names = tuple(f"r_{name}_{band}" for band in range(1, 4) if f"r_{name}_{band}" in p.table)
        ratio += pick(open_route & (kind == code), bands, names, p)
    out["root_ratio"] = ratio
    default = open_route & (kind == _ROOTS_TOOL14)
    measured = (route == _MEASURED) & (kind == _ROOTS_MEASURED)
    for number, date in (("t1", "start"), ("t2", "end")):
        above = out[f"b_{number}_t_per_ha"]
        roots = ratio * above
        if default.any():
            form = root_biomass(above[default], intercept=p.root_intercept, exponent=p.root_exponent)
            roots[default] = form
        out[f"r_{number}_t_per_ha"] = np.where(measured, frame[f"bgb_{date}_t_per_ha"].to_numpy(), roots)


def _other_pools(out: Columns, frame: pd.DataFrame, area: Array, p: ParametersInForce) -> None:
    """Bamboo, shrubs, dead wood and litter."""
    culms = frame["culms_end_per_ha"].to_numpy() - frame["culms_start_per_ha"].to_numpy()
    out["delta_c_bamboo_t"] = _CO2 * p.cf_bamboo * p.culm_kg / 1000 * culms * area
    full = _CO2 * p.cf_shrub * (1 + p.r_shrub) * p.bdr * frame["regional_forest_t_per_ha"].to_numpy()
    for number, date in (("t1", "start"), ("t2", "end")):
        cover = frame[f"shrub_cover_{date}"].to_numpy()
        out[f"shrub_{number}_tco2e_per_ha"] = np.where(cover >= p.shrub_cover_min, full * cover, 0.0)
    out["delta_c_shrub_t"] = (out["shrub_t2_tco2e_per_ha"] - out["shrub_t1_tco2e_per_ha"]) * area
    rise = out["b_t2_t_per_ha"] - out["b_t1_t_per_ha"]
    above = _CO2 * out["cf"] * rise * area
    out["delta_agb_t"] = np.where(rise > 0, above * (1 - out["unc"]), above)
    classes = _codes(frame, "dead_wood_class")
    for short, pool in (("dw", "pool_dead_wood"), ("li", "pool_litter")):
        names = tuple(f"df_{short}_{name}" for name in DEAD_WOOD_CLASSES)
        out[f"df_{short}"] = pick(frame[pool].to_numpy(), classes, names, p)
        out[f"delta_c_{short}_t"] = out[f"df_{short}"] * out["delta_agb_t"]


def _soil(out: Columns, frame: pd.DataFrame, area: Array, period: Period, p: ParametersInForce) -> None:
    """Soil carbon by the default rate of AR-TOOL16, where the pool is on."""
    on = frame["pool_soil"].to_numpy()
    reference = pick(on, _codes(frame, "soil"), tuple(f"soc_ref_{name}" for name in SOILS), p)
    factor = pick(on, _codes(frame, "land_use_before"), tuple(f"f_lu_{name}" for name in LAND_USES), p)
    initial = reference * factor * frame["soil_management"].to_numpy() * frame["soil_input"].to_numpy()
    loss, rate, years = np.zeros((3, len(frame)))
    if on.any():
        disturbed = frame["disturbed_pct"].to_numpy() > p.soc_disturbed_limit_pct
        loss = np.where(on & disturbed, p.soc_loss_share * initial, 0.0)
        yearly = (reference - (initial - loss)) / p.soc_years
        rate = np.where(on, np.minimum(yearly, p.soc_rate_max_tc_per_ha_per_year), 0.0)
        first = frame["planting_year"].to_numpy() + 1
        span = np.minimum(period.end_year, first + p.soc_years) - np.maximum(period.start_year, first)
        years = np.where(on, np.maximum(span, 0.0), 0.0)
    out["soc_ref_tc_per_ha"], out["f_lu"] = reference, factor
    out["soc_init_tc_per_ha"], out["soc_loss_tc_per_ha"] = initial, loss
    out["d_soc_tc_per_ha_per_year"], out["soil_years"] = rate, years
    out["delta_soc_t"] = _CO2 * rate * years * area


def _fire(out: Columns, frame: pd.DataFrame, p: ParametersInForce) -> None:
    """Methane and nitrous oxide of fires; their factors count as used only where something burned."""
    burned = frame["burned_ha"].to_numpy()
    biomass, ch4, n2o, emission = np.zeros((4, len(frame)))
    if (burned > 0).any():
        biomass = burned * frame["burned_agb_t_per_ha"].to_numpy() * p.fire_comf
        ch4, n2o = biomass * p.fire_ef_ch4_g_per_kg, biomass * p.fire_ef_n2o_g_per_kg
        emission = 0.001 * (ch4 * p.gwp_ch4 + n2o * p.gwp_n2o)
    out["burned_biomass_t"], out["fire_ch4_kg"], out["fire_n2o_kg"] = biomass, ch4, n2o
    out["ghg_fire_t"] = emission


def _net(out: Columns, frame: pd.DataFrame, area: Array, period: Period, p: ParametersInForce) -> None:
    """The master equation: project less baseline and leakage, less the risk deduction."""
    pools = ("delta_c_tree_t", "delta_c_bamboo_t", "delta_c_shrub_t", "delta_c_dw_t", "delta_c_li_t")
    out["delta_c_proj_t"] = sum(out[name] for name in pools) + out["delta_soc_t"] - out["ghg_fire_t"]
    cleared = frame["cleared_stock_t_per_ha"].to_numpy()
    out["cleared_t"] = _CO2 * p.cf_shrub * (1 + p.r_shrub) * cleared * area
    out["bsl_t"] = p.baseline_tco2e_per_ha_per_year * period.years * area + out["cleared_t"]
    out["lk_t"] = np.zeros(len(frame))
    gross = out["delta_c_proj_t"] - out["bsl_t"] - out["lk_t"]
    out["gross_t"] = gross
    out["risk_t"] = np.where(gross > 0, gross * p.k_risk, 0.0)
    out["ch4_kg"], out["n2o_kg"] = -out["fire_ch4_kg"], -out["fire_n2o_kg"]
    out["co2_t"] = gross + out["ghg_fire_t"]
    some = area >= RATE_AREA_MIN_HA
    rate = np.divide(gross, area, out=np.zeros(len(frame)), where=some) / period.years
    out["rate_tco2e_per_ha_per_year"] = rate
    out["rate_tco2e_per_mu_per_year"] = rate / 15
    out["net_t"] = gross - out["risk_t"]
