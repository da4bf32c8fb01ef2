"""Closed chambers (静态箱): gas readings → fluxes → seasonal emissions → uncertainty of a reduction.

Units stand in the names. Nothing here knows tables; :mod:`.chamber_table` does.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
KELVIN = 273.15
KG_PER_HA_PER_MG_PER_M2 = 0.01


def flux_mg_per_m2_per_h(
    slope_ppm_per_min: Array,
    *,
    height_m: Array,
    temperature_degc: Array,
    pressure_kpa: Array,
    molar_mass_g_per_mol: float,
    gas_constant: float,
) -> Array:
    """Flux out of the rise of concentration in a closed chamber, by the ideal gas law.

    ``F = dc/dt · H · M · P / (R · T)``: the mole fraction rising in the headspace of ``height_m`` (volume
    over area), times the moles per volume of air. ``gas_constant`` in J/mol/K. Works elementwise.
    """
    moles_per_m3 = pressure_kpa * 1000 / (gas_constant * (temperature_degc + KELVIN))
    fraction_per_h = slope_ppm_per_min * 60 * 1e-6
    flux: Array = fraction_per_h * height_m * moles_per_m3 * molar_mass_g_per_mol * 1000
    return flux


def seasonal_kg_per_ha(days: Array, flux_mg_per_m2_per_h: Array, *, length_days: float) -> float:
    """Emission of a season: fluxes joined by straight lines between sampling days.

    ``days``: sampling days counted from the start of the season, ascending, each once. Before the first and
    after the last sampling day the nearest flux holds, so that the whole season is covered exactly once.
    """
    x = np.concatenate(([0.0], days, [length_days]))
    y = np.concatenate((flux_mg_per_m2_per_h[:1], flux_mg_per_m2_per_h, flux_mg_per_m2_per_h[-1:]))
    area = float(np.sum((y[1:] + y[:-1]) / 2 * np.diff(x)))
    return area * 24 * KG_PER_HA_PER_MG_PER_M2


def stratified_uncertainty_pct(
    areas_ha: Sequence[float], reductions: Sequence[Sequence[float]], *, t: float
) -> float:
    """Uncertainty of a measured reduction in per cent, VM0051 v1.1 Eqs 35–38.

    ``S² = Σ_h A_h²/(n_h(n_h−1)) · Σ_i (Δ_hi − Δ̄_h)²`` and ``UNC = (√(S²/A²)/|Δ̄|) · 100 · t`` with the
    area-weighted mean Δ̄. ``reductions``: per stratum the reduction of each sampled field (any unit per ha),
    at least two. Infinite where the mean is zero. ValueError for a stratum with fewer than two fields.
    """
    if any(len(fields) < 2 for fields in reductions):
        raise ValueError("a stratum needs at least two sampled fields")
    total_area = math.fsum(areas_ha)
    variance, weighted = 0.0, 0.0
    for area, fields in zip(areas_ha, reductions, strict=True):
        n = len(fields)
        mean = math.fsum(fields) / n
        squares = math.fsum((field - mean) ** 2 for field in fields)
        variance += area**2 / (n * (n - 1)) * squares
        weighted += area * mean
    mean = weighted / total_area
    if mean == 0:
        return math.inf
    return math.sqrt(variance) / total_area / abs(mean) * 100 * t
