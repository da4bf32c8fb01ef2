"""From plots to strata: means at both dates, and the sampling error of the change over all strata."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
import pandas as pd

from methodologies.columns import Findings
from methodologies.errors import Problem
from methodologies.forest.sampling import StratifiedEstimate, stratified

PLOTS_MIN = 3  # per stratum; below it a reviewer must look (the rule itself is unverified)


def estimate_strata(
    plots: pd.DataFrame, key: str, findings: Findings, *, with_roots: bool, names: Any
) -> pd.DataFrame:
    """One line per stratum (index: key) with the columns ``names`` gives each role.

    ``plots``: one line per plot and survey (``start``/``end``) with ``stratum_area_ha``, ``above`` and
    ``roots`` (t d.m./ha). U is that of the change of above-ground plus root biomass: of plot differences
    where every plot was measured twice (AR-TOOL14 Eq. 3–8), of two independent samples where none was (Eq.
    1–2). Faults go to ``findings``; the figures mean nothing then.
    """
    plots = plots.reset_index(drop=True)
    keys = pd.Index(sorted(plots[key].unique()), name=key)
    roles = [role for role in names if with_roots or not role.startswith("roots")]
    empty = pd.DataFrame({names[role]: np.nan for role in roles}, index=keys)
    areas = plots.groupby(key)["stratum_area_ha"].agg(["min", "max"]).loc[keys]
    paired = _paired(plots, key, findings)
    _check_areas(areas, findings)
    counts = plots.groupby([key, "survey"])["plot"].nunique().unstack(fill_value=0).loc[keys]
    _check_counts(counts.min(axis=1), findings)
    if findings.errors or paired is None:
        return empty
    change = _change(plots, key, keys, areas["max"], paired)
    if math.isinf(change[1]):
        _refuse_undefined(findings)
        return empty
    means = plots.groupby([key, "survey"])[["above", "roots"]].mean().unstack("survey").loc[keys]
    half_width, uncertainty = change
    values = {
        "above_start": means["above", "start"],
        "above_end": means["above", "end"],
        "roots_start": means["roots", "start"],
        "roots_end": means["roots", "end"],
        "uncertainty": uncertainty * 100,
        "area": areas["max"],
        "plots": counts.min(axis=1).astype(float),
        "half_width": half_width,
    }
    return empty.assign(**{names[role]: values[role] for role in roles})


def _paired(plots: pd.DataFrame, key: str, findings: Findings) -> bool | None:
    """Whether all plots were measured twice; None (and a finding) when only some were."""
    times = plots.groupby([key, "plot"])["survey"].agg(["nunique", "first"])
    if (times["nunique"] == 2).all():
        return True
    if (times["nunique"] == 1).all() and plots["survey"].nunique() == 2:
        return False
    for (stratum, plot), line in times[times["nunique"] == 1].iterrows():
        missing_zh, missing = ("期末", "end") if line["first"] == "start" else ("期初", "start")
        zh = (
            f"碳层 {stratum} 的样地 {plot} 缺少{missing_zh}调查（survey = {missing}）。"
            "请补充；样地内没有林木时填一行，株数为 0。"
        )
        en = (
            f"Plot {plot} of stratum {stratum} lacks the survey {missing}. Add it; where the plot held no "
            "trees, give one line with 0 stems."
        )
        findings.add(Problem(None, "survey", str(plot), "", "start and end", zh, en))
    return None


def _check_areas(areas: pd.DataFrame, findings: Findings) -> None:
    for stratum, line in areas[areas["min"] != areas["max"]].iterrows():
        text = f"{line['min']:g}, {line['max']:g}"
        zh = (
            f"碳层 {stratum} 的面积 stratum_area_ha 各行不一致（{text} ha）。同一碳层只能有一个面积，请改正。"
        )
        en = f"Stratum {stratum} has several areas ({text} ha) in stratum_area_ha. It has one; correct it."
        findings.add(Problem(None, "stratum_area_ha", text, "ha", "one value per stratum", zh, en))


def _check_counts(counts: pd.Series, findings: Findings) -> None:
    for stratum, found in counts[counts < PLOTS_MIN].items():
        zh = f"碳层 {stratum} 只有 {found} 个样地，至少应有 {PLOTS_MIN} 个。"
        en = f"Stratum {stratum} has {found} plot(s); there should be at least {PLOTS_MIN}."
        if found < 2:
            zh += "一个样地无法计算方差，请增设样地。"
            en += " One plot gives no variance: add plots."
        else:
            zh += "请复核抽样设计。"
            en += " Review the sampling design."
        severity: Literal["error", "review"] = "error" if found < 2 else "review"
        findings.add(Problem(None, "plot", str(found), "", f"≥ {PLOTS_MIN}", zh, en, severity))


def _change(
    plots: pd.DataFrame, key: str, keys: pd.Index, areas: pd.Series, paired: bool
) -> tuple[float, float]:
    """(half-width in t d.m./ha, U as a share) of the change over all strata."""
    total = plots.assign(total=plots["above"] + plots["roots"])
    if paired:
        both = total.pivot(index=[key, "plot"], columns="survey", values="total")
        estimate = _estimate(both["end"] - both["start"], both.index.get_level_values(0), keys, areas)
        return estimate.half_width, estimate.uncertainty
    surveys = {
        name: _estimate(lines["total"], lines[key], keys, areas) for name, lines in total.groupby("survey")
    }
    first, last = surveys["start"], surveys["end"]
    half_width = math.hypot(first.half_width, last.half_width)
    if half_width == 0:
        return 0.0, 0.0
    rise = abs(last.mean - first.mean)
    return half_width, half_width / rise if rise else math.inf


def _estimate(values: pd.Series, strata: Any, keys: pd.Index, areas: pd.Series) -> StratifiedEstimate:
    return stratified(values.to_numpy(), keys.get_indexer(pd.Index(strata)), areas.to_numpy())


def _refuse_undefined(findings: Findings) -> None:
    zh = "样地间有差异而平均变化为 0，抽样不确定性 U 无法定义。请增设样地后重新测定。"
    en = "Plots differ but their mean change is 0: U is undefined. Add plots and measure again."
    findings.add(Problem(None, "uncertainty_pct", "inf", "%", "finite", zh, en))
