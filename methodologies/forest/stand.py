"""Stand level: root ratio, ex-ante growth curves, bamboo culms. Plain numpy functions of values."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def root_biomass(above_t_per_ha: Any, *, intercept: float = -1.085, exponent: float = 0.9256) -> Array:
    """Below-ground biomass, t d.m./ha, ``R·b = exp(−1.085 + 0.9256·ln b)`` (AR-TOOL14 v04.2, Appendix 1).

    Written as a power so that an empty stand has no roots instead of a logarithm of zero.
    """
    b = np.asarray(above_t_per_ha, dtype=np.float64)
    roots: Array = np.exp(intercept) * b**exponent
    return roots


def richards(age_years: Any, *, asymptote: float, rate: float, shape: float) -> Array:
    """``W(t) = W∞·(1 − e^(−k·t))^c``, in the unit of ``asymptote``; ex-ante (事前估算) only."""
    t = np.asarray(age_years, dtype=np.float64)
    value: Array = asymptote * (-np.expm1(-rate * t)) ** shape
    return value


def logistic(age_years: Any, *, asymptote: float, rate: float, shift: float) -> Array:
    """``W(t) = W∞/(1 + B·e^(−k·t))``, in the unit of ``asymptote``; ex-ante (事前估算) only."""
    t = np.asarray(age_years, dtype=np.float64)
    value: Array = asymptote / (1 + shift * np.exp(-rate * t))
    return value


def moso_culm_kg(dbh_cm: Any, age_du: Any) -> Array:
    """One moso culm (毛竹), kg: ``747.787·D^2.771·(0.148·A/(0.028 + A))^5.555 + 3.772`` (Zhou & Jiang).

    D in cm, A in du (度). Unverified: it never issues; 10.44 kg per culm is the conservative default.
    """
    d, a = np.asarray(dbh_cm, dtype=np.float64), np.asarray(age_du, dtype=np.float64)
    mass: Array = 747.787 * d**2.771 * (0.148 * a / (0.028 + a)) ** 5.555 + 3.772
    return mass
