"""Preparations of plots (样地表) and trees (每木检尺表): measured tables become stocks per stratum and U.

Both tables state the area of each stratum (AR-TOOL14 weights strata by area) and cover both dates. All strata
of one table are one estimate: every stratum gets its own means and the same ``uncertainty_pct``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from methodologies.columns import Column, Findings
from methodologies.declaration import Period, Preparation
from methodologies.errors import InvalidDeclaration
from methodologies.forest.allometry import EQUATIONS, tree_mass
from methodologies.forest.estimate import estimate_strata
from methodologies.forest.inspect_trees import check_trees
from methodologies.forest.sampling import horizontal_share
from methodologies.parameters import ParametersInForce

Array = npt.NDArray[np.float64]
Role = Literal[
    "above_start", "above_end", "roots_start", "roots_end", "uncertainty", "area", "plots", "half_width"
]
SURVEYS = ("start", "end")
SOURCE = "CDM AR-TOOL14 v04.2 Eq. 1–8, 12–17"
_T_PER_HA = "t d.m./ha"

# What comes out when the methodology names no column of its own for it.
OUTPUTS: dict[Role, Column] = {
    "above_start": Column("above_start_t_per_ha", "float", _T_PER_HA, "期初地上生物量（碳层平均）",
        "above-ground biomass at the start, stratum mean", 0, 2000),
    "above_end": Column("above_end_t_per_ha", "float", _T_PER_HA, "期末地上生物量（碳层平均）",
        "above-ground biomass at the end, stratum mean", 0, 2000),
    "roots_start": Column("roots_start_t_per_ha", "float", _T_PER_HA, "期初地下生物量（碳层平均）",
        "below-ground biomass at the start, stratum mean", 0, 1000),
    "roots_end": Column("roots_end_t_per_ha", "float", _T_PER_HA, "期末地下生物量（碳层平均）",
        "below-ground biomass at the end, stratum mean", 0, 1000),
    "uncertainty": Column("uncertainty_pct", "float", "%",
    "储量变化的抽样不确定性 U（全部碳层合计，90 % 置信）",
        "sampling error U of the change over all strata, 90 % confidence", 0, 1e9),
    "area": Column("stratum_area_ha", "float", "ha", "碳层面积", "area of the stratum", 0, 1e7),
    "plots": Column("plots", "int", "", "样地数", "number of plots", 2, 1e6),
    "half_width": Column("half_width_t_per_ha", "float", _T_PER_HA, "储量变化的半置信区间（全部碳层合计）",
        "half-width of the confidence interval of the change, all strata", 0, 1e6),
}  # fmt: skip


def plot_preparation(
    *, key: str = "stratum", fills: Mapping[Role, Column] | None = None, with_roots: bool = True
) -> Preparation:
    """Table ``plots``: one line per permanent plot with dry matter per hectare at both dates.

    ``fills`` puts the methodology's own columns in place of those of :data:`OUTPUTS`; ``with_roots=False``
    where the methodology has its own root ratio (then only above-ground values are asked for).
    """
    roles: tuple[Role, ...] = (
        ("above_start", "above_end", "roots_start", "roots_end")
        if with_roots
        else ("above_start", "above_end")
    )

    def compute(
        table: pd.DataFrame, *, period: Period, p: ParametersInForce, findings: Findings
    ) -> pd.DataFrame:
        surveys = []
        for survey in SURVEYS:
            roots = table[f"roots_{survey}_t_per_ha"] if with_roots else 0.0
            pools = {"above": table[f"above_{survey}_t_per_ha"], "roots": roots}
            surveys.append(table[[key, "stratum_area_ha", "plot"]].assign(survey=survey, **pools))
        return estimate_strata(pd.concat(surveys), key, findings, with_roots=with_roots, names=_names(fills))

    return Preparation(
        name="plots",
        title_zh="固定样地表",
        title_en="permanent plots",
        key=key,
        columns=(*_head(key), *(OUTPUTS[role] for role in roles)),
        outputs=_outputs(fills, with_roots),
        compute=compute,
        unique=(key, "plot"),
        source=SOURCE,
        meaning_zh="每个固定样地一行：两期单位面积生物量。空样地填 0，不得略去。",
        meaning_en="One line per permanent plot with biomass per hectare at both dates; an empty plot is "
        "0, never left out.",
    )


def tree_preparation(
    species: tuple[str, ...],
    *,
    key: str = "stratum",
    fills: Mapping[Role, Column] | None = None,
    with_roots: bool = True,
) -> Preparation:
    """Table ``trees``: one line per measured tree; biomass by the equations of :data:`~.allometry.EQUATIONS`.

    ``species`` are codes of those equations: the choices of the column ``species``. Their coefficients must
    be parameters of the methodology (:func:`~.allometry.species_parameters`). With ``with_roots`` every one
    of them must include roots. Plots measured at both dates are compared pairwise; plots of which none was
    measured twice are independent samples; a mixture is refused.
    """
    for code in species:
        if with_roots and not EQUATIONS[code].includes_roots:
            raise InvalidDeclaration(f"equation {code}", "it has no roots; use with_roots=False")

    def compute(
        table: pd.DataFrame, *, period: Period, p: ParametersInForce, findings: Findings
    ) -> pd.DataFrame:
        check_trees(table, key, species, findings)
        plots = _plots_of_trees(table, key, species, p)
        return estimate_strata(plots, key, findings, with_roots=with_roots, names=_names(fills))

    return Preparation(
        name="trees",
        title_zh="每木检尺表",
        title_en="tree by tree measurements",
        key=key,
        columns=(*_head(key), *_tree_columns(species)),
        outputs=_outputs(fills, with_roots),
        compute=compute,
        unique=(key, "plot", "survey", "tree"),
        source=SOURCE,
        meaning_zh="每株树一行。没有林木的样地也要有一行，株数填 0；遗漏的样地不能当作 0。",
        meaning_en="One line per tree. A plot without trees has one line with 0 stems; a plot left out "
        "cannot count as 0.",
    )


def _head(key: str) -> tuple[Column, ...]:
    return (
        Column(key, "text", "", "碳层", "stratum"),
        Column("stratum_area_ha", "float", "ha", "碳层面积（同一碳层各行相同）",
            "area of the stratum, the same on all its lines", 1e-4, 1e7),
        Column("plot", "text", "", "样地号", "plot number"),
    )  # fmt: skip


def _tree_columns(species: tuple[str, ...]) -> tuple[Column, ...]:
    labels = {code: (EQUATIONS[code].name_zh, EQUATIONS[code].name_en) for code in species}
    return (
        Column("survey", "choice", "", "调查期次", "which survey", choices=SURVEYS,
            labels={"start": ("期初", "start of the period"), "end": ("期末", "end of the period")}),
        Column("tree", "text", "", "树号", "number of the tree"),
        Column("plot_area_ha", "float", "ha", "样地面积（沿坡面量测时填坡面面积）",
            "area of the plot as measured along the slope", 5e-4, 1),
        Column("slope_pct", "float", "%", "样地坡度（大于 10 % 时按水平面积折算；已是水平面积则填 0）",
            "slope; above 10 % the area is made horizontal (0 if it is horizontal already)", 0, 300,
            default=0.0),
        Column("species", "choice", "", "树种（生物量方程）", "species, which picks the equation",
            choices=species, labels=labels),
        Column("dbh_cm", "float", "cm", "胸径", "diameter at 1.3 m", 0, 300, default=0.0, symbol="D"),
        Column("height_m", "float", "m", "树高（未测填 0，则用仅含胸径的方程）",
            "height; 0 if not measured, then the equation over diameter alone is used", 0, 80, default=0.0,
            symbol="H"),
        Column("stems", "int", "", "同规格株数（空样地填 0）", "trees of this size; 0 marks an empty plot",
            0, 10000, default=1.0),
    )  # fmt: skip


def _names(fills: Mapping[Role, Column] | None) -> dict[Role, str]:
    chosen: dict[Role, Column] = {**OUTPUTS, **(fills or {})}
    return {role: column.name for role, column in chosen.items()}


def _outputs(fills: Mapping[Role, Column] | None, with_roots: bool) -> tuple[Column, ...]:
    chosen: dict[Role, Column] = {**OUTPUTS, **(fills or {})}
    return tuple(column for role, column in chosen.items() if with_roots or not role.startswith("roots"))


def _plots_of_trees(
    table: pd.DataFrame, key: str, species: tuple[str, ...], p: ParametersInForce
) -> pd.DataFrame:
    """Dry matter per hectare of each plot and survey, t d.m./ha: b_p = Σ B_l / A_plot."""
    dbh, height = table["dbh_cm"].to_numpy(), table["height_m"].to_numpy()
    stems, codes = table["stems"].to_numpy(), table["species"].cat.codes.to_numpy()
    above, roots = np.zeros(len(table)), np.zeros(len(table))
    for position, code in enumerate(species):
        for predictor in ("d2h", "d"):
            rows = (codes == position) & (stems > 0) & ((height > 0) == (predictor == "d2h"))
            if rows.any() and getattr(EQUATIONS[code], predictor):
                above[rows], roots[rows] = tree_mass(EQUATIONS[code], predictor, dbh[rows], height[rows], p)
    share = horizontal_share(table["slope_pct"].to_numpy())
    per_ha = stems / 1000 / (table["plot_area_ha"].to_numpy() * share)
    lines = table[[key, "stratum_area_ha", "plot", "survey"]].assign(
        above=above * per_ha, roots=roots * per_ha
    )
    lines["survey"] = lines["survey"].astype(str)
    by = [key, "plot", "survey"]
    return lines.groupby(by, sort=True, as_index=False).agg(
        {"stratum_area_ha": "first", "above": "sum", "roots": "sum"}
    )
