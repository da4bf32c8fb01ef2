"""Exactly rounded sums of whole columns: what ``math.fsum`` gives, in a fraction of its time.

A sum that is rounded once does not depend on the order of its terms, so totals of a shuffled file are the
same to the last digit. Method: error-free splitting at a common power of two (S. M. Rump, T. Ogita and
S. Oishi, "Accurate floating-point summation", 2008), block by block in the cache.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

_BLOCK_BITS = 15
_BLOCK = 1 << _BLOCK_BITS
_MANTISSA_BITS = 53
# Numbers of a block below 2**e are cut at σ = 2**(e + 16): the cut parts add up without rounding.
_HEADROOM_BITS = _BLOCK_BITS + 1
_EXPONENT_MAX = 1023 - _HEADROOM_BITS

Array = npt.NDArray[np.float64]


def exact_sum(values: Array) -> float:
    """The sum of all values, rounded once to the nearest double; 0.0 of none.

    ``values``: one dimension, any order, finite (as the contract has checked). Equal to ``math.fsum`` in
    every bit; OverflowError as there where the sum is too large for a double.
    """
    if len(values) and values.strides == (0,):
        # One value for all rows: a product of two doubles is rounded once, too.
        return float(values[0]) * len(values)
    parts: list[float] = []
    rest, cut = np.empty(min(len(values), _BLOCK)), np.empty(min(len(values), _BLOCK))
    for start in range(0, len(values), _BLOCK):
        block = values[start : start + _BLOCK]
        size = len(block)
        rest[:size] = block
        if not _split(rest[:size], cut[:size], parts):
            return math.fsum(values.tolist())
    return math.fsum(parts)


def _split(rest: Array, cut: Array, parts: list[float]) -> bool:
    """Take ``rest`` apart into sums without rounding error, added to ``parts``; both arrays are used up.

    False where the numbers are too large to be cut, or not finite.
    """
    largest = max(float(np.maximum.reduce(rest)), -float(np.minimum.reduce(rest)))
    if not math.isfinite(largest) or (exponent := math.frexp(largest)[1]) > _EXPONENT_MAX:
        return False
    while rest.any():
        sigma = math.ldexp(1.0, exponent + _HEADROOM_BITS)
        # (x + σ) − σ is x rounded to a multiple of σ·2⁻⁵²: the difference to x is exact, and so is the sum
        # of a block of such multiples. What remains is at most half of one.
        np.add(rest, sigma, out=cut)
        np.subtract(cut, sigma, out=cut)
        np.subtract(rest, cut, out=rest)
        parts.append(float(np.add.reduce(cut)))
        exponent += _HEADROOM_BITS + 1 - _MANTISSA_BITS
    return True
