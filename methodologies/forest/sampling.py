"""Plots to strata to sampling error (样地 → 碳层 → 抽样误差), CDM AR-TOOL14 v04.2 Eq. 1–8 and 12–17.

Only sampling error is counted. U is a share (0.10 = 10 %) of the estimate, at 90 % confidence, two-sided.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from methodologies.forest.student import t_two_sided

Array = npt.NDArray[np.float64]
CONFIDENCE = 0.90


@dataclass(frozen=True)
class StratifiedEstimate:
    """A mean per hectare over all strata and how well the plots know it.

    ``mean`` and ``half_width`` are in the unit of the plot values; arrays have one entry per stratum.
    """

    mean: float
    half_width: float
    t: float
    df: int
    weights: Array
    means: Array
    variances: Array
    counts: Array

    @property
    def uncertainty(self) -> float:
        """U = half-width / |mean|; 0 when nothing varies, infinite when the mean vanishes and plots vary."""
        if self.half_width == 0:
            return 0.0
        return self.half_width / abs(self.mean) if self.mean else math.inf


def stratified(
    values: Any, strata: Any, areas_ha: Any, *, confidence: float = CONFIDENCE
) -> StratifiedEstimate:
    """Stratified mean and its half-width, AR-TOOL14 v04.2 Eq. 12–17.

    ``w_i = A_i/A``, ``b = Σ w_i b_i``, half-width ``t · sqrt(Σ w_i² s_i²/n_i)`` with ``n − M`` degrees of
    freedom. ``values``: one per plot (any unit per hectare; for re-measured plots the difference of the two
    dates, Eq. 3–8). ``strata``: position 0 … M−1 of each plot's stratum. ``areas_ha``: one per stratum, not
    all zero. ValueError when a stratum has fewer than two plots: its variance is unknown.
    """
    y = np.asarray(values, dtype=np.float64)
    groups = np.asarray(strata, dtype=np.intp)
    areas = np.asarray(areas_ha, dtype=np.float64)
    counts = np.bincount(groups, minlength=len(areas)).astype(np.float64)
    if len(counts) != len(areas) or (counts < 2).any():
        raise ValueError("every stratum needs an area and at least two plots")
    means = np.bincount(groups, y, minlength=len(areas)) / counts
    variances = np.bincount(groups, (y - means[groups]) ** 2, minlength=len(areas)) / (counts - 1)
    weights = areas / areas.sum()
    df = len(y) - len(areas)
    t = t_two_sided(confidence, df)
    half_width = t * math.sqrt(float((weights**2 * variances / counts).sum()))
    return StratifiedEstimate(float(weights @ means), half_width, t, df, weights, means, variances, counts)


def uncertainty_of_difference(u1: float, c1: float, u2: float, c2: float) -> float:
    """U of ``c2 − c1`` for stocks sampled independently (temporary plots), AR-TOOL14 v04.2 Eq. 1–2.

    ``sqrt((u1·c1)² + (u2·c2)²) / |c2 − c1|`` with the undiscounted stocks; same conventions as
    :attr:`StratifiedEstimate.uncertainty`.
    """
    half_width = math.hypot(u1 * c1, u2 * c2)
    if half_width == 0:
        return 0.0
    return half_width / abs(c2 - c1) if c2 != c1 else math.inf


def plots_needed(areas_ha: Any, standard_deviations: Any, allowed_error: float, *, t: float) -> Array:
    """Plots per stratum, not rounded: ``n = (t/E)²·(Σ w_i s_i)²``, ``n_i = n·w_i s_i/Σ w_j s_j`` (AR-TOOL03).

    ``allowed_error`` E in the unit of the mean. Status of the equation: unverified; for planning only.
    """
    areas = np.asarray(areas_ha, dtype=np.float64)
    spread = areas / areas.sum() * np.asarray(standard_deviations, dtype=np.float64)
    shares: Array = (t / allowed_error) ** 2 * spread.sum() * spread
    return shares


def plots_needed_finite(
    areas_ha: Any, standard_deviations: Any, allowed_error: float, *, t: float, plot_area_ha: float
) -> float:
    """All plots of a finite population: ``n = (Σ N_h s_h)² / (N²E²/t² + Σ N_h s_h²)`` (Winrock sourcebook).

    ``N_h`` = stratum area / plot area. Not rounded.
    """
    sizes = np.asarray(areas_ha, dtype=np.float64) / plot_area_ha
    s = np.asarray(standard_deviations, dtype=np.float64)
    return float((sizes @ s) ** 2 / (sizes.sum() ** 2 * allowed_error**2 / t**2 + sizes @ s**2))


def horizontal_share(slope_pct: Any, *, from_pct: float = 10.0) -> Array:
    """Horizontal area over area along the slope: cos(atan(slope)) where the slope exceeds 10 %, else 1."""
    slope = np.asarray(slope_pct, dtype=np.float64)
    return np.where(slope > from_pct, np.cos(np.arctan(slope / 100)), 1.0)
