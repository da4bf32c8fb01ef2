"""Computation of ``low_carbon_acts_v1``: one row per act. Equations: the declaration beside it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from methodologies.columns import Findings
from methodologies.declaration import Behaviour, Check, Period, Quantify
from methodologies.parameters import ParametersInForce

GRAMS_PER_TONNE = 1_000_000


def quantify_with(behaviours: tuple[Behaviour, ...]) -> Quantify:
    """The computation over this catalogue."""
    p_names = tuple(behaviour.p_parameter for behaviour in behaviours)
    # An act that is not creditable has the C-grade factor 0: it selects no parameter.
    creditable = np.array([behaviour.c_parameter is not None for behaviour in behaviours])
    c_names = tuple(behaviour.c_parameter or behaviour.p_parameter for behaviour in behaviours)

    def quantify(frame: pd.DataFrame, *, period: Period, p: ParametersInForce) -> pd.DataFrame:
        codes = frame["code"].cat.codes.to_numpy().astype(np.int64)
        quantity = frame["quantity"].to_numpy()
        p_factor = p.choose(codes, p_names)
        c_factor = np.zeros(len(frame))
        counts = creditable[codes]
        c_factor[counts] = p.choose(codes[counts], c_names)
        p_grade = quantity * p_factor
        c_grade = np.minimum(p_grade, quantity * c_factor)
        columns = {
            "p_factor_g": p_factor,
            "c_factor_g": c_factor,
            "p_grade_g": p_grade,
            "c_grade_g": c_grade,
            "net_t": c_grade / GRAMS_PER_TONNE,
        }
        return pd.DataFrame(columns, index=frame.index, copy=False)

    return quantify


def check_with(behaviours: tuple[Behaviour, ...]) -> Check:
    """Rides, meals, bills and invoices come in whole numbers."""
    whole = np.array([behaviour.whole for behaviour in behaviours])

    def check(frame: pd.DataFrame, *, period: Period, p: ParametersInForce, findings: Findings) -> None:
        quantity = frame["quantity"].to_numpy()
        broken = whole[frame["code"].cat.codes.to_numpy()] & (quantity != np.floor(quantity))
        findings.where(
            broken,
            column="quantity",
            values=quantity,
            unit="1",
            allowed="0, 1, 2, …",
            zh="第 {row} 行 quantity 为 {value}，该行为按次计，只能是整数。请改正。",
            en="Row {row}: quantity is {value}, but this act is counted in whole numbers. Correct it.",
        )

    return check
