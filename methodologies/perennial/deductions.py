"""From the bracket to the net figure: uncertainty discount, non-permanence, rates.

``net = G · (1 − K_RISK) · (1 − unc)`` for a positive G; a negative one stays whole, for a deduction must
never shrink an increase.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from methodologies.cells import either, narrow, ratio, values_of
from methodologies.columns import Findings
from methodologies.declaration import Case, Step
from methodologies.forest.discount import SCHEMES
from methodologies.parameters import ParametersInForce
from methodologies.perennial.land import MU_PER_HA

Array = npt.NDArray[np.float64]
SCHEME = SCHEMES["cn_arcm"]
_SHARE = 1.0  # a sampling error below 1 % is more likely a share of 1 than per cent
_RATE_FROM_HA = 0.0001  # below a square metre a rate says nothing


def uncertainty_step(sampled: str, source: str) -> Step:
    """The discount by band of U; ``sampled``: the condition under which there are plots at all."""
    return Step(
        "unc", "unc", "1",
        (Case(f"not ({sampled})", "0"), *SCHEME.cases()),
        "不确定性扣减率（不抽样的路径不扣）", "uncertainty discount; none where nothing was sampled",
        "D1", source,
    )  # fmt: skip


def discount(frame: pd.DataFrame, sampled: npt.NDArray[np.bool_], p: ParametersInForce) -> Array:
    """Discount of each row as a share; 0 where not ``sampled``."""
    if not sampled.any():
        return np.zeros(1)
    return narrow(SCHEME.share(values_of(frame, "uncertainty_pct"), p, sampled))


def steps(local: str, *, note_zh: str = "", note_en: str = "") -> tuple[Step, ...]:
    """Deductions, rates and the net figure; the notes end the meaning of ``net_t``."""
    kept = "{gross_t} - {k_risk_t} - {unc_t}"
    return (
        Step(
            "k_risk_t", "G_K", "tCO2e", (Case("{gross_t} > 0", "{gross_t} * {k_risk}"), Case("", "0")),
            "非持久性风险扣减量", "deduction for the risk of non-permanence", "D2", local, total=True,
        ),
        Step(
            "unc_t", "G_U", "tCO2e",
            (Case("{gross_t} > 0", "({gross_t} - {k_risk_t}) * {unc}"), Case("", "0")),
            "不确定性扣减量", "deduction for uncertainty", "D3", local, total=True,
        ),
        Step(
            "net_t_per_ha_per_year", "cdr", "t/ha/yr",
            (Case(f"{{area_ha}} > {_RATE_FROM_HA}", f"({kept}) / ({{area_ha}} * {{period_years}})"), Case("",
            "0")),
            "单位面积年净碳汇量（每公顷；面积不足 1 平方米时为 0）",
            "net removal per hectare and year; 0 below a square metre", "D4", local,
        ),
        Step(
            "net_t_per_mu_per_year", "cdr_mu", "t/mu/yr", f"{{net_t_per_ha_per_year}} / {MU_PER_HA}",
            "单位面积年净碳汇量（每亩）", "net removal per mu and year (15 mu = 1 ha)", "D5", local,
        ),
        Step(
            "net_t", "CDR", "tCO2e",
            (Case("{gross_t} > 0", "{gross_t} * (1 - {k_risk}) * (1 - {unc})"), Case("", "{gross_t}")),
            f"净碳汇量；为负时不打折，全额保留{note_zh}",
            f"net removal; a negative figure is kept whole, no deduction shrinks it{note_en}",
            "D6", local, total=True,
        ),
    )  # fmt: skip


def finish(out: dict[str, Array], area: Array, years: float, p: ParametersInForce) -> None:
    """The columns of :func:`steps` into ``out``, which holds ``gross_t`` and ``unc`` already."""
    gross, unc = out["gross_t"], out["unc"]
    gain = np.maximum(gross, 0)
    out["k_risk_t"] = gain * p.k_risk
    out["unc_t"] = (gain - out["k_risk_t"]) * unc
    kept = gross - out["k_risk_t"] - out["unc_t"]
    rate = ratio(kept, area * years, area > _RATE_FROM_HA)
    out["net_t_per_ha_per_year"] = rate
    out["net_t_per_mu_per_year"] = rate / MU_PER_HA
    out["net_t"] = either(gross > 0, gross * (1 - p.k_risk) * (1 - unc), gross)


def check_uncertainty(
    frame: pd.DataFrame, sampled: npt.NDArray[np.bool_], p: ParametersInForce, findings: Findings
) -> None:
    """Refuse sampled rows whose error lies beyond the last band; ask where it looks like a share."""
    if not sampled.any():
        return
    limit = p[SCHEME.limit_names[-1]]
    values = values_of(frame, "uncertainty_pct")
    findings.where(
        sampled & (values > limit),
        column="uncertainty_pct",
        values=values,
        unit="%",
        allowed=f"0 – {limit:g}",
        zh="第 {row} 行 uncertainty_pct 为 {value} %，超过 {allowed} %，不得核算。请增设样地后重新测定。",
        en="Row {row}: uncertainty_pct is {value} %, beyond {allowed} %, and cannot be credited. "
        "Add plots and measure again.",
    )
    findings.where(
        sampled & (values > 0) & (values < _SHARE),
        column="uncertainty_pct",
        values=values,
        unit="%",
        allowed="%",
        zh="第 {row} 行 uncertainty_pct 为 {value} %，小得少见。该列的单位是百分数（10 % 填 10，不填 0.1），"
        "请核对。",
        en="Row {row}: uncertainty_pct is {value} %, unusually small. The column is in per cent (10 % is 10, "
        "not 0.1); check it.",
        severity="review",
    )
