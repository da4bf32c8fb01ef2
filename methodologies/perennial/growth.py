"""Years of growth: growth starts on 1 January after the year of planting, stumping (平茬) or replanting.

An event in year Y sets the stand back from the first day of Y on: its loss belongs to the period that holds
that day, and a later period starts from the lower stock.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from methodologies.cells import codes_of, either, values_of
from methodologies.columns import Findings
from methodologies.declaration import Case, Period, Step

Array = npt.NDArray[np.float64]


def age(planting_year: Array, at: float) -> Array:
    """Age in years at the decimal year ``at``: 0 until 1 January after ``planting_year``."""
    return np.maximum(at - planting_year - 1, 0)


def growth_years(years: Array, reset: npt.NDArray[np.bool_], event_year: Array, at: float) -> Array:
    """Years of growth at ``at``: the age ``years``, or since the event where ``reset`` and it has come."""
    come = reset & (at > event_year)
    return either(come, age(event_year, at), years) if come.any() else years


def growth_case(when: str, moment: str) -> tuple[Case, Case]:
    """:func:`growth_years` as cases; ``when`` says whether the event resets, ``moment`` is start or end."""
    at = f"{{period_{moment}_year}}"
    return (
        Case(f"{when} and {at} > {{event_year}}", f"max({at} - {{event_year}} - 1, 0)"),
        Case("", f"{{age_{moment}_years}}"),
    )


def age_steps(local: str) -> tuple[Step, Step]:
    """Age at both dates, without any event."""
    moments = (("start", "a1", "期初", "start"), ("end", "a2", "期末", "end"))
    first, second = (
        Step(
            f"age_{moment}_years", symbol, "yr", f"max({{period_{moment}_year}} - {{planting_year}} - 1, 0)",
            f"{zh}树龄（自种植次年 1 月 1 日起算）",
            f"age at the {en}, counted from 1 January after planting", "1", local,
        )
        for moment, symbol, zh, en in moments
    )  # fmt: skip
    return first, second


def check_event(frame: pd.DataFrame, *, period: Period, findings: Findings) -> None:
    """Planting not after the period; an event not before planting, nor cut by its start."""
    planted = values_of(frame, "planting_year")
    _problem(
        findings, planted > period.end.year, planted, "planting_year", f"≤ {period.end.year}",
        "晚于监测期结束", "lies after the monitoring period",
    )  # fmt: skip
    event = codes_of(frame, "event") > 0
    year = values_of(frame, "event_year")
    _problem(
        findings, event & (year < planted), year, "event_year", "≥ planting_year",
        "早于种植年份", "lies before the year of planting",
    )  # fmt: skip
    # A period that starts within the year of the event would book its loss nowhere.
    cut = event & (year == period.start.year) & (period.start_year > period.start.year)
    _problem(
        findings, cut, year, "event_year", f"≠ {period.start.year}",
        "与监测期开始同年，损失会漏计；监测期应从该年 1 月 1 日开始",
        "is the year in which the period starts, so that its loss would be missed; start on 1 January",
    )  # fmt: skip
    findings.where(
        event & (year >= period.end_year),
        column="event_year",
        values=year,
        unit="year",
        allowed=f"< {period.end_year:g}",
        zh="第 {row} 行 event_year 为 {value}，在监测期之后，本期未计入。请核对年份。",
        en="Row {row}: event_year {value} lies after the monitoring period and is not counted in it. "
        "Check the year.",
        severity="review",
    )


def check_regrowth(
    frame: pd.DataFrame, rows: npt.NDArray[np.bool_], *, period: Period, findings: Findings
) -> None:
    """For review on ``rows`` (existing stands counted by age): an event before the period.

    Its loss stands in no figure of this run; regrowth counts only where an earlier period booked it.
    """
    year = values_of(frame, "event_year")
    findings.where(
        rows & (codes_of(frame, "event") > 0) & (year < period.start.year),
        column="event_year",
        values=year,
        unit="year",
        allowed=f"≥ {period.start.year}",
        zh="第 {row} 行 event_year 为 {value}，在监测期之前：损失不在本期账上，恢复生长却计入了。"
        "请确认前一监测期已扣减这次损失；没有扣减的，应改用样地实测。",
        en="Row {row}: event_year {value} lies before the period, so its loss is not in this run while the "
        "regrowth is. Make sure that an earlier period deducted the loss; otherwise measure plots.",
        severity="review",
    )


def _problem(
    findings: Findings, mask: npt.NDArray[np.bool_], values: Any, column: str, allowed: str, zh: str, en: str
) -> None:
    findings.where(
        mask,
        column=column,
        values=values,
        unit="year",
        allowed=allowed,
        zh=f"第 {{row}} 行 {{column}} 为 {{value}}，{zh}（允许 {{allowed}}）。请更正年份或监测期。",
        en=f"Row {{row}}: {{column}} {{value}} {en} (allowed {{allowed}}). Correct the year or the period.",
    )
