"""Exactly rounded sums of whole columns: what ``math.fsum`` gives, in a fraction of its time.

A sum that is rounded once does not depend on the order of its terms, so totals of a shuffled file are the
same to the last digit. Method: error-free splitting at a common power of two (S. M. Rump, T. Ogita and
S. Oishi, "Accurate floating-point summation", 2008), block by block in the cache. One cut leaves rests so
small that the error of adding them up hardly ever decides a digit; where a bound on it does not rule that
out, they are cut again until nothing remains.
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
# A rest is at most σ·2⁻⁵³; adding up n of them errs by less than n·2⁻⁵³ times their sizes together, that is
# n²·2⁻¹⁰⁶·σ. Doubled, to be safe.
_DOUBT = math.ldexp(1.0, 2 * _BLOCK_BITS - 2 * _MANTISSA_BITS + 1)

Array = npt.NDArray[np.float64]


def exact_sum(values: Array) -> float:
    """The sum of all values, rounded once to the nearest double; 0.0 of none.

    ``values``: one dimension, any order, finite (as the contract has checked). Equal to ``math.fsum`` in
    every bit; OverflowError as there where the sum is too large for a double.
    """
    if len(values) and values.strides == (0,):
        # One value for all rows: a product of two doubles is rounded once, too.
        return float(values[0]) * len(values)
    size = min(len(values), _BLOCK)
    rest, cut = np.empty(size), np.empty(size)
    parts: list[float] = []
    doubt = 0.0
    for start in range(0, len(values), _BLOCK):
        block = values[start : start + _BLOCK]
        exponent = _exponent(block)
        if exponent is None:
            return math.fsum(values.tolist())
        sigma = math.ldexp(1.0, exponent + _HEADROOM_BITS)
        parts.append(_cut(block, sigma, rest[: len(block)], cut[: len(block)]))
        parts.append(float(np.add.reduce(rest[: len(block)])))
        doubt += sigma * _DOUBT
    total = math.fsum([*parts, doubt])
    return total if total == math.fsum([*parts, -doubt]) else _thorough(values, rest, cut)


def _exponent(block: Array) -> int | None:
    """The least e with all numbers below 2**e; None where they are too large to be cut, or not finite."""
    largest = max(float(np.maximum.reduce(block)), -float(np.minimum.reduce(block)))
    if not math.isfinite(largest) or (exponent := math.frexp(largest)[1]) > _EXPONENT_MAX:
        return None
    return exponent


def _cut(block: Array, sigma: float, rest: Array, cut: Array) -> float:
    """The exact sum of the numbers cut at σ; ``rest`` receives what the cut took off, without error."""
    # (x + σ) − σ is x rounded to a multiple of σ·2⁻⁵²: the difference to x is exact, and so is the sum of a
    # block of such multiples. What remains is at most half of one.
    np.add(block, sigma, out=cut)
    np.subtract(cut, sigma, out=cut)
    np.subtract(block, cut, out=rest)
    return float(np.add.reduce(cut))


def _thorough(values: Array, rest: Array, cut: Array) -> float:
    """The same sum without any doubt: rests are cut until none is left. The two arrays are used up."""
    parts: list[float] = []
    for start in range(0, len(values), _BLOCK):
        left = values[start : start + _BLOCK]
        exponent = _exponent(left)
        assert exponent is not None  # the caller has seen every block
        while left.any():
            sigma = math.ldexp(1.0, exponent + _HEADROOM_BITS)
            parts.append(_cut(left, sigma, rest[: len(left)], cut[: len(left)]))
            left = rest[: len(left)]
            exponent += _HEADROOM_BITS + 1 - _MANTISSA_BITS
    return math.fsum(parts)
