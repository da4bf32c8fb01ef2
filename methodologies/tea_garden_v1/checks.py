"""Rules between columns of ``tea_garden_v1``, and a kind word where a garden turns out to be a source."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from methodologies.cells import values_of
from methodologies.columns import Findings
from methodologies.declaration import Period
from methodologies.parameters import ParametersInForce
from methodologies.perennial import deductions, growth, land, soil
from methodologies.tea_garden_v1.columns import ACTIVITIES, N2O_ROUTES, ROUTES, SOIL_ROUTES
from methodologies.tea_garden_v1.model import chosen

Mask = npt.NDArray[np.bool_]
# Xiamen agricultural carbon ticket (2022-05-05): 3,357 t on 7,755 mu in two years, t CO2e/ha/yr.
ANCHOR = 3357 / (7755 / 15) / 2
# The fastest accrual published, young gardens, upper end: 4.5 + 0.4 tC/ha/yr.
_ACCRUAL_MAX = 4.9 * 44 / 12
_RELATION_AGE_MAX = 25  # the relation was fitted to gardens of 3–25 years
_BA_LARGEST = 40.0  # the Japanese stock at 30 years, 18.81 tC/ha, is the largest above-ground stock read
_BA_VERTEX = 0.087 / (2 * 0.013)  # below it the adult relation gives more roots for less wood


def check(frame: pd.DataFrame, *, period: Period, p: ParametersInForce, findings: Findings) -> None:
    """Dates, land, sampling error."""
    plot = chosen(frame, "route", ROUTES, "plot")
    new = chosen(frame, "activity", ACTIVITIES, "new_garden")
    deductions.check_uncertainty(frame, plot, p, findings)
    growth.check_event(frame, period=period, findings=findings)
    growth.check_regrowth(frame, ~new & ~plot, period=period, findings=findings)
    soil.check_land(frame, new, findings)
    land.check_parcels(frame, period, findings)


def review(
    frame: pd.DataFrame, outputs: pd.DataFrame, *, period: Period, p: ParametersInForce, findings: Findings
) -> None:
    """What is unusual, and net sources: for a person to look at."""
    _above_anchor(outputs, period, findings)
    _reviews(frame, outputs, chosen(frame, "route", ROUTES, "plot"), findings)
    _sources(outputs, findings)


def judge(
    frame: pd.DataFrame, outputs: pd.DataFrame, *, period: Period, p: ParametersInForce, findings: Findings
) -> None:
    """Refuse growth on plots that no garden has shown."""
    plot = chosen(frame, "route", ROUTES, "plot")
    if not plot.any():
        return
    first, last = (values_of(outputs, f"stock_t{number}_tco2e_per_ha") for number in (1, 2))
    rise = (last - first) / period.years
    too_fast = plot & (rise > _ACCRUAL_MAX)
    if not too_fast.any():
        return
    findings.where(
        too_fast,
        column="ba_end_t_per_ha",
        values=np.round(rise, 3),
        unit="tCO2e/ha/yr",
        allowed=f"≤ {_ACCRUAL_MAX:.2f}",
        zh="第 {row} 行茶树生物量年均增长 {value} {unit}，超过已发表的最快值（{allowed}）。"
        "请核对面积单位（亩或公顷）和样地记录。",
        en="Row {row}: the bushes grow by {value} {unit}, faster than any published garden ({allowed}). "
        "Check the unit of area (mu or ha) and the plot records.",
    )


def _above_anchor(outputs: pd.DataFrame, period: Period, findings: Findings) -> None:
    fast = values_of(outputs, "stock_change_tco2e_per_ha") / period.years > ANCHOR
    if not fast.any():
        return
    rise = (outputs["stock_t2_tco2e_per_ha"] - outputs["stock_t1_tco2e_per_ha"]).to_numpy() / period.years
    findings.where(
        fast,
        column="route",
        values=np.round(rise, 3),
        unit="tCO2e/ha/yr",
        allowed=f"≤ {ANCHOR:.3f}",
        zh="第 {row} 行茶树固碳年均 {value} {unit}，高于已成交茶园碳票的水平（{allowed}），请复核。",
        en="Row {row}: the bushes gain {value} {unit}, above the tea garden that has traded ({allowed}); "
        "review it.",
        severity="review",
    )


def _reviews(frame: pd.DataFrame, result: pd.DataFrame, plot: Mask, findings: Findings) -> None:
    ages = values_of(result, "bush_age_end_years")
    _review(
        findings, plot & (ages > _RELATION_AGE_MAX), ages, "planting_year", f"3 – {_RELATION_AGE_MAX}", "yr",
        "期末树龄 {value} 年，超出根冠关系式的适用树龄 {allowed}，属外推",
        "the bushes are {value} years old, the relation of roots holds for {allowed}",
    )  # fmt: skip
    # The two relations do not meet: at Ba 2 the adult one gives 3.147, the young one 1.113 t d.m./ha.
    _review(
        findings, plot & (values_of(result, "bush_age_start_years") < 3) & (ages >= 3),
        values_of(result, "bb_end_t_per_ha"), "planting_year", "one form at both dates", "t d.m./ha",
        "茶树在本期内满 3 年，地下生物量从幼龄式换到成龄式（期末 {value} {unit}），"
        "其中一部分增长只是换式造成的",
        "the bushes turn 3 years old in the period: roots go from the young to the adult relation "
        "({value} {unit} at the end), and part of their growth is that change only",
    )  # fmt: skip
    for moment in ("start", "end"):
        column = f"ba_{moment}_t_per_ha"
        ba = values_of(frame, column)
        _review(
            findings, plot & (ba > _BA_LARGEST), ba, column, f"≤ {_BA_LARGEST:g}", "t d.m./ha",
            "{column} 为 {value}，高于已发表的最大值（{allowed}）",
            "{column} is {value}, above the largest published stock ({allowed})",
        )  # fmt: skip
        adult = plot & (values_of(result, f"bush_age_{moment}_years") >= 3)
        _review(
            findings, adult & (ba < _BA_VERTEX), ba, column, f"≥ {_BA_VERTEX:.2f}", "t d.m./ha",
            "{column} 为 {value}，低于成龄关系式的最低点（{allowed}），根量会被高估",
            "{column} is {value}, below the lowest point of the adult relation ({allowed}): roots are "
            "overstated",
        )  # fmt: skip
    first, last = (values_of(frame, f"pruning_age_{moment}_years") for moment in ("start", "end"))
    _review(
        findings, plot & (np.abs(first - last) >= 1), last, "pruning_age_end_years",
        "= pruning_age_start_years", "yr",
        "两次测定处于修剪周期的不同阶段（期末 {value} 年），储量应取整个周期的平均",
        "the two measurements stand at different points of the pruning cycle ({value} years at the end); "
        "use the mean over a cycle",
    )  # fmt: skip
    measured = chosen(frame, "soil_route", SOIL_ROUTES, "measured")
    _review(
        findings, measured, values_of(frame, "soc_change_tc_per_ha"), "soil_route", "off", "tC/ha",
        "计入了实测土壤碳变化 {value} tC/公顷，须核对 0–30 cm 等质量校正和基准线样点",
        "a measured change of soil carbon ({value} tC/ha) is counted; verify equal mass and baseline points",
    )  # fmt: skip
    national = chosen(frame, "n2o_route", N2O_ROUTES, "national_mean")
    _review(
        findings, national, np.array(["national_mean"]), "n2o_route", "fertiliser", "",
        "没有施肥记录，按全国平均 N2O 排放扣除；补记施肥台账后可按实际用量计算",
        "there are no fertiliser records, so the national mean is deducted; with records the real amount "
        "counts",
    )  # fmt: skip


def _sources(result: pd.DataFrame, findings: Findings) -> None:
    """Tell the grower of a net source what it means, and what would change it."""
    net = values_of(result, "net_t")
    if not (net < 0).any():
        return
    findings.where(
        net < 0,
        column="net_t",
        values=np.round(net, 3),
        unit="tCO2e",
        allowed="n_break_even_kg_per_ha_per_year",
        zh="第 {row} 行本期为净排放（{value} {unit}）：肥料、燃料等排放多于茶树固碳。茶树需氮多，"
        "这种情况很常见，"
        "不代表管理不好，也不影响茶叶生产。计算单列出了盈亏平衡施氮量，适当减氮后可能转为净碳汇。",
        en="Row {row} is a net source in this period ({value} {unit}): fertiliser, fuel and the like emit "
        "more than "
        "the bushes take up. Tea needs much nitrogen, so this is common and nobody's fault. The "
        "calculation sheet "
        "names the break-even nitrogen; with somewhat less of it the garden may turn into a sink.",
        severity="review",
    )


def _review(
    findings: Findings, mask: Mask, values: Any, column: str, allowed: str, unit: str, zh: str, en: str
) -> None:
    findings.where(
        mask,
        column=column,
        values=values,
        unit=unit,
        allowed=allowed,
        zh=f"第 {{row}} 行{zh}，请复核。",
        en=f"Row {{row}}: {en}; review it.",
        severity="review",
    )
