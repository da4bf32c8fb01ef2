"""Quantiles of Student's t, for the sampling error of a few plots (numpy has none)."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np


def probability_within(t: float, df: int) -> float:
    """P(|T| ≤ t) for a whole number of degrees of freedom ``df`` ≥ 1.

    Finite sums over the angle θ = atan(t/√df): Abramowitz & Stegun, Handbook of Mathematical Functions,
    26.7.3 (odd) and 26.7.4 (even).
    """
    theta = math.atan2(t, math.sqrt(df))
    sine, cosine = math.sin(theta), math.cos(theta)
    step = np.arange(1, (df - 1) // 2 if df % 2 else df // 2)
    if df % 2:
        shares = np.cumprod(2 * step / (2 * step + 1) * cosine**2)
        series = cosine * (1 + shares.sum()) if df > 1 else 0.0
        return float(2 / math.pi * (theta + sine * series))
    shares = np.cumprod((2 * step - 1) / (2 * step) * cosine**2)
    return float(sine * (1 + shares.sum()))


@lru_cache(maxsize=4096)
def t_two_sided(confidence: float, df: int) -> float:
    """t with P(|T| ≤ t) = ``confidence``: 0.90 and 10 degrees of freedom give 1.812.

    ValueError for ``df`` < 1 or a confidence outside (0, 1).
    """
    if df < 1 or not 0 < confidence < 1:
        raise ValueError(f"no t for confidence {confidence} and {df} degrees of freedom")
    low, high = 0.0, 1.0
    while probability_within(high, df) < confidence:
        low, high = high, 2 * high
    while True:
        middle = (low + high) / 2
        if middle in (low, high):
            return middle
        if probability_within(middle, df) < confidence:
            low = middle
        else:
            high = middle
