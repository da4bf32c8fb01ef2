"""Random draws (抽样): which distribution a range means, and streams that a stored seed brings back.

Every published range is read as a 95 % interval, 3.92 standard deviations wide (rice-methodologies §8.1):

- ``lognormal``: median = the value in force, σ_ln = ln(high / low) / 3.92
- ``normal``: mean = the value in force, σ = (high − low) / 3.92
- ``triangular``: low, mode = the value in force, high; ``uniform``: between low and high
- ``fixed``, or a range of no width: the value itself, never drawn

Each parameter, and each column per block of trials, has its own stream, found from the seed and its name. So
a draw depends on nothing but the seed and the name: not on other parameters, nor on the order of rows (rows
are drawn in the order of their labels), nor on how many threads compute.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from methodologies.errors import MethodologyError
from methodologies.parameters import ParameterInForce

Array = npt.NDArray[np.float64]
# Standard normal quantile of 97.5 % is 1.96: a 95 % interval is 3.92 standard deviations wide.
WIDTH = 3.92
SEED_MAX = 2**53 - 1  # what JSON and every database hold exactly


class NotDrawable(MethodologyError):
    """The declared range does not make a distribution."""

    code = "methodology.not_drawable"
    zh = (
        "参数 {name} 声明为{distribution_zh}分布，值 {value}、范围 {low} – {high}（{unit}）不成立："
        "对数正态要求下限大于零。请方法学维护人更正。"
    )
    en = (
        "Parameter {name} is declared {distribution} with value {value} in {low} – {high} ({unit}); "
        "a lognormal range must begin above zero. Its maintainer must correct it."
    )


DISTRIBUTION_ZH = {
    "fixed": "固定值",
    "normal": "正态",
    "lognormal": "对数正态",
    "triangular": "三角",
    "uniform": "均匀",
}


def is_drawn(parameter: ParameterInForce) -> bool:
    """Whether the parameter varies between trials."""
    return parameter.distribution != "fixed" and parameter.low < parameter.high


def spread_of(parameter: ParameterInForce) -> float:
    """σ_ln of a lognormal, σ of a normal, 0 for a fixed value; NaN where the shape has no such number."""
    if not is_drawn(parameter):
        return 0.0
    if parameter.distribution == "lognormal":
        _check_lognormal(parameter)
        return math.log(parameter.high / parameter.low) / WIDTH
    return (parameter.high - parameter.low) / WIDTH if parameter.distribution == "normal" else math.nan


def draw(parameter: ParameterInForce, trials: int, seed: int) -> Array:
    """One draw per trial, shape (trials,), in the parameter's unit. :class:`NotDrawable` for a lognormal
    whose range touches zero."""
    stream = stream_of(seed, "parameter", parameter.name)
    if not is_drawn(parameter):
        return np.full(trials, parameter.value)
    match parameter.distribution:
        case "lognormal":
            result = parameter.value * np.exp(spread_of(parameter) * stream.standard_normal(trials))
        case "normal":
            result = parameter.value + spread_of(parameter) * stream.standard_normal(trials)
        case "triangular":
            result = stream.triangular(parameter.low, parameter.value, parameter.high, trials)
        case _:
            result = stream.uniform(parameter.low, parameter.high, trials)
    drawn: Array = result
    return drawn


def draw_all(parameters: Iterable[ParameterInForce], trials: int, seed: int) -> dict[str, Array]:
    """:func:`draw` for each, by name."""
    return {parameter.name: draw(parameter, trials, seed) for parameter in parameters}


def stream_of(seed: int, kind: str, name: str, block: int = 0) -> np.random.Generator:
    """The stream of one parameter, or of one column and block of trials."""
    word = int.from_bytes(hashlib.sha256(f"{kind}:{name}".encode()).digest()[:8], "big")
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, word, block])))


def half_width(parameter: ParameterInForce) -> float:
    """Half of the 95 % interval in the parameter's unit, as IPCC error propagation takes it; 0 if fixed."""
    return (parameter.high - parameter.low) / 2 if is_drawn(parameter) else 0.0


def _check_lognormal(parameter: ParameterInForce) -> None:
    if parameter.low <= 0:
        raise NotDrawable(
            name=parameter.name,
            distribution=parameter.distribution,
            distribution_zh=DISTRIBUTION_ZH[parameter.distribution],
            value=parameter.value,
            low=parameter.low,
            high=parameter.high,
            unit=parameter.unit,
        )
