"""Computation of ``low_carbon_acts_v1``: one row per act. Equations: the declaration beside it.

The figures per unit are the catalogue's templates, evaluated once per act present and handed out to the
rows: a day's file of a million rows costs a few passes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from methodologies.columns import Findings
from methodologies.declaration import Behaviour, Check, Period, Quantify
from methodologies.formula import evaluate, names_in
from methodologies.low_carbon_acts_v1.behaviours import P_FACTOR
from methodologies.parameters import ParametersInForce

GRAMS_PER_TONNE = 1_000_000
MEETING, REMOTE_DAY, APPLIANCE = "BG32", "BG35", "ZH12"

Array = npt.NDArray[np.float64]


def quantify_with(behaviours: tuple[Behaviour, ...]) -> Quantify:
    """The computation over this catalogue."""
    place = {behaviour.code: position for position, behaviour in enumerate(behaviours)}

    def quantify(frame: pd.DataFrame, *, period: Period, p: ParametersInForce) -> pd.DataFrame:
        codes = frame["code"].cat.codes.to_numpy()
        quantity = frame["quantity"].to_numpy()
        counts = np.bincount(codes, minlength=len(behaviours))
        factors = _factors(behaviours, np.flatnonzero(counts), p)
        p_factor, c_factor = factors[0][codes], factors[1][codes]
        p_grade = quantity * p_factor
        for code in (MEETING, REMOTE_DAY, APPLIANCE):
            if code in place and counts[place[code]]:
                rows = np.flatnonzero(codes == place[code])
                p_grade[rows] = _by_circumstance(code, frame.iloc[rows], p_factor[rows], p)
        c_grade = np.minimum(np.maximum(p_grade, 0.0), quantity * c_factor)
        columns = {
            "p_factor_g": p_factor,
            "c_factor_g": c_factor,
            "p_grade_g": p_grade,
            "c_grade_g": c_grade,
            "net_t": c_grade / GRAMS_PER_TONNE,
        }
        return pd.DataFrame(columns, index=frame.index, copy=False)

    return quantify


def _factors(behaviours: tuple[Behaviour, ...], present: npt.NDArray[np.intp], p: ParametersInForce) -> Array:
    """Grams per unit of every act present, points grade and creditable grade: two lines of numbers.

    Only the parameters of acts present are read, so only they count as used.
    """
    factors = np.full((2, len(behaviours)), np.nan)
    for position in present:
        behaviour = behaviours[position]
        p_grams = _value(behaviour.p_formula, p, {})
        # Zero for what is not creditable: it earns points and no tonne.
        c_grams = _value(behaviour.c_formula, p, {P_FACTOR: p_grams}) if behaviour.creditable else 0.0
        factors[:, position] = p_grams, c_grams
    return factors


def _value(template: str, p: ParametersInForce, steps: dict[str, float]) -> float:
    values: dict[str, Any] = {name: p[name] for name in names_in(template) if name not in steps}
    return float(evaluate(template, values | steps))


def _by_circumstance(code: str, rows: pd.DataFrame, factor: Array, p: ParametersInForce) -> Array:
    """Acts whose grams hang on more than a count: the trip avoided, the hours met, the label's kWh."""
    quantity = rows["quantity"].to_numpy()
    if code == APPLIANCE:
        grams: Array = quantity * rows["saved_kwh_per_year"].to_numpy() * factor
        return grams
    avoided = rows["avoided_km"].to_numpy()
    if code == REMOTE_DAY:
        return np.asarray(quantity * avoided * factor)
    hours = rows["meeting_h"].to_numpy()
    return np.asarray(
        quantity * (np.minimum(avoided, p.meeting_km_max) * factor - hours * p.ef_meeting_g_per_h)
    )


def check_with(behaviours: tuple[Behaviour, ...]) -> Check:
    """What is counted comes in whole numbers, and an act without a figure is not computed."""
    whole = np.array([behaviour.whole for behaviour in behaviours])
    pending = [position for position, behaviour in enumerate(behaviours) if behaviour.pending]

    def check(frame: pd.DataFrame, *, period: Period, p: ParametersInForce, findings: Findings) -> None:
        codes = frame["code"].cat.codes.to_numpy()
        quantity = frame["quantity"].to_numpy()
        broken = whole[codes] & (quantity != np.floor(quantity))
        findings.where(
            broken,
            column="quantity",
            values=quantity,
            unit="1",
            allowed="0, 1, 2, …",
            zh="第 {row} 行 quantity 为 {value}，该行为按次计，只能是整数。请改正。",
            en="Row {row}: quantity is {value}, but this act is counted in whole numbers. Correct it.",
        )
        counts = np.bincount(codes, minlength=len(behaviours))
        for position in pending:
            if counts[position]:
                _refuse_pending(behaviours[position], codes == position, findings)

    return check


def _refuse_pending(behaviour: Behaviour, rows: npt.NDArray[np.bool_], findings: Findings) -> None:
    findings.where(
        rows,
        column="code",
        values=np.full(len(rows), behaviour.code, dtype=object),
        unit="",
        allowed="有系数的行为 / acts with a figure",
        zh=f"第 {{row}} 行 code 为 {{value}}（{behaviour.name_zh}）：{behaviour.pending_zh}，不能核算。"
        "请先由主管部门发布系数。",
        en=f"Row {{row}}: code is {{value}} ({behaviour.name_en}): {behaviour.pending_en}. "
        "It cannot be computed until the authority publishes a figure.",
    )
