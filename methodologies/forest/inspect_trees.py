"""What a table of trees must not hold: sizes outside an equation, missing heights, moving plots."""

from __future__ import annotations

import numpy as np
import pandas as pd

from methodologies.columns import Findings, Mask
from methodologies.forest.allometry import EQUATIONS, Equation


def check_trees(table: pd.DataFrame, key: str, species: tuple[str, ...], findings: Findings) -> None:
    """Diameter and height within the range of the equation (error), equations without a range (review),
    heights missing where the equation needs them (error), and one area and slope per plot (error)."""
    counted = table["stems"].to_numpy() > 0
    codes = table["species"].cat.codes.to_numpy()
    for position, code in enumerate(species):
        rows = counted & (codes == position)
        if rows.any():
            _check_species(table, EQUATIONS[code], rows, findings)
    _check_plots(table, key, findings)


def _check_species(table: pd.DataFrame, equation: Equation, rows: Mask, findings: Findings) -> None:
    dbh, height = table["dbh_cm"].to_numpy(), table["height_m"].to_numpy()
    measured = height > 0
    _range(rows, dbh, "dbh_cm", "cm", equation.d_low, equation.d_high, equation, findings)
    _range(rows & measured, height, "height_m", "m", equation.h_low, equation.h_high, equation, findings)
    size = dbh**2 * height
    _range(rows & measured, size, "dbh_cm", "cm²·m", equation.d2h_low, equation.d2h_high, equation, findings)
    if not equation.d:
        findings.where(
            rows & ~measured,
            column="height_m",
            values=height,
            unit="m",
            allowed="> 0",
            zh=f"第 {{row}} 行缺少 height_m（树高）：{equation.name_zh}的方程需要树高，单位 m，允许 "
            f"{{allowed}}。",
            en=f"Line {{row}} lacks height_m: the equation of {equation.name_en} needs it, in m, allowed "
            f"{{allowed}}.",
        )


def _range(
    rows: Mask,
    values: np.ndarray,
    column: str,
    unit: str,
    low: float | None,
    high: float | None,
    equation: Equation,
    findings: Findings,
) -> None:
    if low is None or high is None:
        findings.where(
            rows & (values <= 0),
            column=column,
            values=values,
            unit=unit,
            allowed="> 0",
            zh="第 {row} 行 {column} 为 {value} {unit}，必须大于 0。请核对后改正。",
            en="Line {row}: {column} is {value} {unit}; it must be above 0. Check and correct it.",
        )
        if column == "dbh_cm" and unit == "cm":
            _no_range(rows, values, equation, findings)
        return
    findings.where(
        rows & ((values < low) | (values > high)),
        column=column,
        values=values,
        unit=unit,
        allowed=f"{low:g} – {high:g}",
        zh=f"第 {{row}} 行 {{column}} 为 {{value}} {{unit}}，超出{equation.name_zh}方程的适用范围 "
        f"{{allowed}} {{unit}}。请核对，或改用适用的方程。",
        en=f"Line {{row}}: {{column}} is {{value}} {{unit}}, outside the range {{allowed}} {{unit}} of the "
        f"equation of {equation.name_en}. Check it, or use an equation that covers it.",
    )


def _no_range(rows: Mask, values: np.ndarray, equation: Equation, findings: Findings) -> None:
    """One stored warning per species: its source states no range, so a reviewer must judge the sizes."""
    largest = np.where(rows, values, -np.inf).argmax()
    only = np.zeros(len(values), dtype=np.bool_)
    only[largest] = True
    findings.where(
        only,
        column="dbh_cm",
        values=values,
        unit="cm",
        allowed="—",
        zh=f"{equation.name_zh}的方程出处未给出胸径适用范围（最大胸径 {{value}} cm，第 {{row}} 行），"
        "请复核。",
        en=f"The source of the equation of {equation.name_en} states no range of diameters (the largest "
        f"here is {{value}} cm, line {{row}}); review it.",
        severity="review",
    )


def _check_plots(table: pd.DataFrame, key: str, findings: Findings) -> None:
    """A plot keeps its area and slope within a survey."""
    by = [key, "plot", "survey"]
    for column, unit in (("plot_area_ha", "ha"), ("slope_pct", "%")):
        first = table.groupby(by, sort=False, observed=True)[column].transform("first")
        findings.where(
            (table[column] != first).to_numpy(),
            column=column,
            values=table[column].to_numpy(),
            unit=unit,
            allowed="one value per plot",
            zh="第 {row} 行 {column} 为 {value} {unit}，与同一样地的其他行不同。"
            "同一样地同一期次只能有一个值，请改正。",
            en="Line {row}: {column} is {value} {unit}, other lines of the plot differ. A plot has one "
            "value per survey; correct it.",
        )
