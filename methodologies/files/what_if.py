"""What if (假设): a run with other parameter values, to follow a published example or test an idea.

The values come from the caller and have no source here, so they carry the status ``illustrative``: such a run
can be computed and explained, and can never issue.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from difflib import get_close_matches

from methodologies.declaration import Methodology
from methodologies.errors import MethodologyError
from methodologies.parameters import DatedValue, Parameter, ParameterSet


class InvalidWhatIf(MethodologyError):
    code = "methodology.invalid_what_if"
    zh = "假设参数 {name} 无效：{reason_zh}。"
    en = "The what-if parameter {name} is not valid: {reason}."


def with_values(methodology: Methodology, values: Mapping[str, float]) -> Methodology:
    """The methodology with other values of some parameters, in force on every day it covers.

    :class:`InvalidWhatIf` for a name it does not have, or a value that is no finite number. The range is
    widened to hold the value; everything else of the parameter stays.
    """
    parameters = dict(methodology.parameters.parameters)
    for name, value in values.items():
        if name not in parameters:
            close = ", ".join(get_close_matches(name, parameters, n=3)) or "—"
            raise InvalidWhatIf(
                name=name, reason=f"unknown; near: {close}", reason_zh=f"没有这个参数；相近：{close}"
            )
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise InvalidWhatIf(
                name=name, reason=f"{value!r} is not a finite number", reason_zh=f"{value!r} 不是有限数"
            )
        parameters[name] = _assumed(parameters[name], float(value))
    return replace(methodology, parameters=ParameterSet(parameters)) if values else methodology


def _assumed(parameter: Parameter, value: float) -> Parameter:
    lows = [dated.own("low", parameter.low) for dated in parameter.values]
    highs = [dated.own("high", parameter.high) for dated in parameter.values]
    stood = parameter.values[-1].value
    return replace(
        parameter,
        values=(DatedValue(parameter.values[0].valid_from, value),),
        low=min(value, *lows),
        high=max(value, *highs),
        status="illustrative",
        source=f"what-if value of the caller, instead of {stood:g}",
        page="",
    )
