"""Parcels and periods (地块与监测期): measured against stated area, and what is unusual."""

from __future__ import annotations

import numpy as np
import pandas as pd

from methodologies.cells import values_of
from methodologies.columns import Column, Findings
from methodologies.declaration import Period
from methodologies.errors import Problem

MU_PER_HA = 15
_TOLERANCE = 0.01
_AREA_MIN_HA = 0.04  # 400 m², the smallest parcel; smaller ones are for review, for parcels may be cut in two
_FIRST_DAY = "2020-09-22"

STATED_AREA = Column(
    "stated_area_mu", "float", "mu", "证书或合同载明面积（亩；没有则填 0），用于核对公顷数",
    "area on the certificate or contract in mu, 0 if none; checked against the hectares",
    0, 1.5e6, default=0.0, extensive=True,
)  # fmt: skip


def check_parcels(frame: pd.DataFrame, period: Period, findings: Findings) -> None:
    """Refuse hectares that differ from the stated mu by more than 1 %; the rest is for review.

    For review: parcels below 400 m², a period over five years or from before 22 September 2020.
    """
    area, stated = values_of(frame, "area_ha"), values_of(frame, "stated_area_mu")
    differs = stated > 0
    if differs.any():
        differs = differs & (np.abs(area * MU_PER_HA - stated) > _TOLERANCE * stated)
    findings.where(
        differs,
        column="area_ha",
        values=area,
        unit="ha",
        allowed="stated_area_mu / 15 ± 1 %",
        zh="第 {row} 行 area_ha 为 {value} 公顷，与载明的亩数（÷ 15）相差超过 1 %。"
        "请核对是否把亩当成了公顷。",
        en="Row {row}: area_ha is {value} ha, more than 1 % from the stated mu (÷ 15). Check whether mu were "
        "entered as hectares.",
    )
    findings.where(
        (area > 0) & (area < _AREA_MIN_HA),
        column="area_ha",
        values=area,
        unit="ha",
        allowed=f"≥ {_AREA_MIN_HA:g}",
        zh="第 {row} 行面积 {value} 公顷，小于 400 平方米（允许 {allowed}）。请确认属于同一连片地块。",
        en="Row {row}: {value} ha is less than 400 m² (allowed {allowed}). Confirm it belongs to a larger "
        "parcel.",
        severity="review",
    )
    span = f"{period.start.isoformat()} … {period.end.isoformat()}"
    if period.years > 5:
        zh = f"监测期 {span} 超过五年；监测间隔应为一至五年，请拆分。"
        en = f"The monitoring period {span} is longer than five years; monitor every one to five years."
        findings.add(Problem(None, "period", span, "yr", "1 – 5", zh, en, "review"))
    if period.start.isoformat() < _FIRST_DAY:
        zh = f"监测期 {span} 早于 {_FIRST_DAY}；与国家规则一致，建议不计入此前的碳汇。"
        en = f"The monitoring period {span} begins before {_FIRST_DAY}, from which national rules count."
        findings.add(Problem(None, "period", span, "", f"≥ {_FIRST_DAY}", zh, en, "review"))
