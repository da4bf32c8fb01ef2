"""The functions of the methodology, bound to the discount scheme of a version."""

from __future__ import annotations

import pandas as pd

from methodologies.ccer_afforestation_v1 import checks, model
from methodologies.columns import Findings
from methodologies.declaration import Check, Period, Quantify
from methodologies.forest import DiscountScheme
from methodologies.parameters import ParametersInForce


def rules(discount: DiscountScheme) -> tuple[Check, Quantify]:
    """(check, quantify) under one discount table."""

    def quantify(frame: pd.DataFrame, *, period: Period, p: ParametersInForce) -> pd.DataFrame:
        return model.quantify(frame, period=period, p=p, discount=discount)

    def check(frame: pd.DataFrame, *, period: Period, p: ParametersInForce, findings: Findings) -> None:
        checks.check(frame, period=period, p=p, findings=findings, discount=discount)

    return check, quantify
