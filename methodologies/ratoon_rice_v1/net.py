"""From the emissions of four seasons to the net figure: differences, deduction, other sources, leakage."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from methodologies.cells import codes_of, either, values_of
from methodologies.parameters import ParametersInForce

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


def net_result(out: dict[str, Any], frame: pd.DataFrame, measured: Mask, p: ParametersInForce) -> None:
    """Everything after the seasons, into ``out``, in the order of the steps."""
    _differences(out, frame)
    out["deduction_used"] = _deduction(frame, measured, p)
    # adj(x): a deduction must never shrink an increase of emissions.
    for gas in ("ch4", "n2o"):
        delta, share = out[f"delta_{gas}_kg"], out["deduction_used"]
        if gas == "n2o" and (measured & (delta > 0)).any():  # chambers measure methane only
            share = either(measured, np.maximum(share, p.deduction), share)
        out[f"{gas}_kg"] = either(delta > 0, delta * (1 - share), delta)
    out["ch4_tco2e"] = out["ch4_kg"] * p.gwp_ch4 / 1000
    out["n2o_tco2e"] = out["n2o_kg"] * p.gwp_n2o / 1000
    out["be_t"] = (out["be_ch4_kg"] * p.gwp_ch4 + out["be_n2o_kg"] * p.gwp_n2o) / 1000
    _leakage(out, frame, p)
    _project_sources(out, frame, p)
    out["er_before_fuel_t"] = (
        out["ch4_tco2e"]
        + out["n2o_tco2e"]
        - out["pe_dry_t"]
        - out["pe_burn_t"]
        - out["pe_lime_t"]
        - out["le_t"]
    )
    out["energy_t"] = _energy(frame, p)
    counts = out["energy_t"] > p.fuel_threshold * out["er_before_fuel_t"]
    out["pe_fuel_t"] = either(counts, out["energy_t"], 0.0)
    out["net_t"] = out["er_before_fuel_t"] - out["pe_fuel_t"]


def _differences(out: dict[str, Any], frame: pd.DataFrame) -> None:
    """Baseline less project, per gas, kg."""
    equal_output = codes_of(frame, "accounting_basis") == 1
    ratio = values_of(frame, "yield_t_per_ha") / values_of(frame, "baseline_yield_t_per_ha")
    out["output_ratio"] = either(equal_output, ratio, 1.0)
    out["be_ch4_kg"] = (out["base1_ch4_kg"] + out["base2_ch4_kg"]) * out["output_ratio"]
    out["pe_ch4_kg"] = out["main_ch4_kg"] + out["ratoon_ch4_kg"]
    for side, (first, second) in {"be": ("base1", "base2"), "pe": ("main", "ratoon")}.items():
        direct = out[f"{first}_n2o_kg"] + out[f"{second}_n2o_kg"]
        both = direct + out[f"{first}_n2o_indirect_kg"] + out[f"{second}_n2o_indirect_kg"]
        out[f"{side}_n2o_kg"] = both * out["output_ratio"] if side == "be" else both
    out["delta_ch4_kg"] = out["be_ch4_kg"] - out["pe_ch4_kg"]
    difference = out["be_n2o_kg"] - out["pe_n2o_kg"]
    saving_counts = values_of(frame, "credit_n_saving")
    out["delta_n2o_kg"] = either(saving_counts, difference, np.minimum(0.0, difference))


def _deduction(frame: pd.DataFrame, measured: Mask, p: ParametersInForce) -> Array:
    """Share taken off a reduction: 15 % with default factors, the statistical one with measured ones."""
    share = np.zeros(1)
    if not measured.all():
        share = np.array([p.deduction])
    if measured.any():
        uncertainty = values_of(frame, "measured_uncertainty_pct") / 100
        share = either(measured, np.maximum(p.deduction_measured_min, uncertainty), share)
    return share


def _leakage(out: dict[str, Any], frame: pd.DataFrame, p: ParametersInForce) -> None:
    before, after = values_of(frame, "baseline_yield_t_per_ha"), values_of(frame, "yield_t_per_ha")
    loss = np.maximum(0.0, (before - after) / before * 100 - p.yield_tolerance_pct)
    # A baseline of equal output holds the lost grain already.
    equal_output = codes_of(frame, "accounting_basis") == 1
    out["yield_loss_pct"] = either(equal_output, 0.0, loss)
    out["le_yield_t"] = out["yield_loss_pct"] / 100 * out["be_t"]
    manure = values_of(frame, "imported_manure_t") * values_of(frame, "imported_manure_tc_per_t")
    out["le_manure_t"] = manure * p.manure_carbon_share * 44 / 12
    out["le_t"] = out["le_yield_t"] + out["le_manure_t"]


def _project_sources(out: dict[str, Any], frame: pd.DataFrame, p: ParametersInForce) -> None:
    """Drying increment, burnt straw and lime, t CO2e."""
    out["pe_dry_t"] = (out["main_dry_n2o_kg"] + out["ratoon_dry_n2o_kg"]) * p.gwp_n2o / 1000
    straw_kg = values_of(frame, "burnt_straw_t_per_ha") * 1000 * out["area_used_ha"]
    for gas in ("ch4", "n2o"):
        factor = p.burn_combustion * p[f"burn_{gas}"]
        out[f"pe_burn_{gas}_kg"] = straw_kg * factor / 1000
    out["pe_burn_t"] = (out["pe_burn_ch4_kg"] * p.gwp_ch4 + out["pe_burn_n2o_kg"] * p.gwp_n2o) / 1000
    carbon: Array = np.zeros(1)
    for lime in ("limestone", "dolomite"):
        carbon = carbon + _more(frame, f"{lime}_t") * p[f"{lime}_tc_per_t"]
    out["pe_lime_t"] = np.maximum(0.0, carbon) * 44 / 12


def _energy(frame: pd.DataFrame, p: ParametersInForce) -> Array:
    """Additional emission of diesel, petrol and electricity together, never below zero, t CO2e."""
    diesel, petrol, power = (_more(frame, name) for name in ("diesel_l", "petrol_l", "electricity_kwh"))
    total = diesel * p.ef_diesel + petrol * p.ef_petrol
    total = total + power * p.ef_grid / 1000
    energy: Array = np.maximum(0.0, total)
    return energy


def _more(frame: pd.DataFrame, name: str) -> Array:
    """What the project uses beyond its baseline."""
    more: Array = values_of(frame, name) - values_of(frame, f"baseline_{name}")
    return more
