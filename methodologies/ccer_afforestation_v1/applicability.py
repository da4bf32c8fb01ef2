"""Applicability conditions A0–A9 (适用条件): each a named check with its clause, and a step of its own.

The introduction and clause 2 of the methodology were read in a partial copy (secondary); A6–A8 come from a
secondary summary; the date of A9 stands in the 管理办法, read in full (verified). A row that fails one is
refused, never computed to zero.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce

import numpy as np
import numpy.typing as npt
import pandas as pd

from methodologies.ccer_afforestation_v1.groups import ELIGIBLE_CATEGORIES
from methodologies.cells import among, either, values_of
from methodologies.columns import Findings, Mask
from methodologies.declaration import Case, Step
from methodologies.parameters import ParametersInForce

Array = npt.NDArray[np.float64]
_CLAUSE_2 = "CCER-14-001-V01 第 2 条（适用条件） / CCER-14-001-V01 clause 2"
_SUMMARY = "CCER-14-001-V01 第 2 条，据二手摘要 / CCER-14-001-V01 clause 2, secondary summary"
_RULES = "《温室气体自愿减排交易管理办法（试行）》2023-10-20 / CCER management rules"
_START = np.datetime64("2012-11-08", "D")
_EARLY_END = np.datetime64("2020-01-01", "D")
_SITE = "planned_forest_land"


@dataclass(frozen=True)
class Condition:
    """One condition: ``holds`` (vectorised) and ``template`` (for steps) say the same.

    ``column`` is the cell a refusal points at, ``allowed`` what it may hold; ``demand`` finishes the
    sentence "… is refused: ".
    """

    code: str
    clause: str
    status: str
    column: str
    allowed: str
    template: str
    demand_zh: str
    demand_en: str
    holds: Callable[[pd.DataFrame, ParametersInForce], Mask]

    @property
    def step_name(self) -> str:
        return f"{self.code.lower()}_holds"

    def step(self) -> Step:
        """1 where the condition holds; every row of a result has 1, for others are refused."""
        return Step(
            self.step_name, self.code, "1", (Case(self.template, "1"), Case("", "0")),
            f"适用条件 {self.code}：{self.demand_zh}", f"applicability {self.code}: {self.demand_en}",
            self.code, self.clause,
        )  # fmt: skip


def _category(frame: pd.DataFrame, p: ParametersInForce) -> Mask:
    return among(frame, "forest_category", ELIGIBLE_CATEGORIES)


def _site(frame: pd.DataFrame, p: ParametersInForce) -> Mask:
    return among(frame, "site", (_SITE,))


def _land(frame: pd.DataFrame, p: ParametersInForce) -> Mask:
    long_enough = values_of(frame, "not_forest_years") >= p.not_forest_min_years
    return np.asarray(long_enough & ~_flag("regeneration")(frame, p))


def _area(frame: pd.DataFrame, p: ParametersInForce) -> Mask:
    early = values_of(frame, "project_start_date") < _EARLY_END
    smallest = either(early, p.area_min_early_ha if early.any() else np.nan, p.area_min_ha)
    return np.asarray(values_of(frame, "continuous_area_ha") >= smallest)


def _woody(frame: pd.DataFrame, p: ParametersInForce) -> Mask:
    few = values_of(frame, "shrub_removed_pct") <= p.shrub_removal_max_pct
    return np.asarray(few & _flag("scattered_trees_kept")(frame, p))


def _law(frame: pd.DataFrame, p: ParametersInForce) -> Mask:
    return np.asarray(_flag("lawful")(frame, p) & (values_of(frame, "project_start_date") > _START))


def _flag(name: str) -> Callable[[pd.DataFrame, ParametersInForce], Mask]:
    return lambda frame, p: values_of(frame, name)


def _not(name: str) -> Callable[[pd.DataFrame, ParametersInForce], Mask]:
    return lambda frame, p: ~values_of(frame, name)


# Dates in templates are days since 0001-01-01, as date.toordinal() counts them.
_EARLY_ORDINAL, _START_ORDINAL = 737425, 734815

CONDITIONS: tuple[Condition, ...] = (
    Condition(
        "A0", _CLAUSE_2, "secondary", "forest_category", "protection | special_purpose | timber",
        "({forest_category} == 'protection' or {forest_category} == 'special_purpose'"
        f" or {{forest_category}} == 'timber') and {{site}} == '{_SITE}'",
        "只适用于防护林、特种用途林、用材林的乔木、竹子或灌木造林；经济林（包括油茶、茶、板栗）不适用，"
        "非林地通道绿化和城镇、村庄、工矿绿化不适用。经济林可改用本市碳普惠方法学（油茶林、茶园）",
        "only trees, bamboo or shrubs planted as protection, special-purpose or timber forest; economic "
        "forest (oil camellia, tea, chestnut) is excluded, and so is greening of corridors on "
        "non-forest land and of urban, village or mining land. Economic forest may use the city's camellia "
        "or tea methodology",
        lambda frame, p: _category(frame, p) & _site(frame, p),
    ),
    Condition(
        "A1", _CLAUSE_2, "secondary", "not_forest_years", "≥ 3, regeneration = false",
        "{not_forest_years} >= {not_forest_min_years} and not ({regeneration})",
        "项目开始前至少 3 年为不符合森林定义的规划造林地；伐前更新、补植、林冠下造林不适用",
        "land planned for afforestation and below the forest definition for at least 3 years; no "
        "regeneration before felling, enrichment or under-canopy planting",
        _land,
    ),
    Condition(
        "A2", _CLAUSE_2, "secondary", "tenure_clear", "true", "{tenure_clear}",
        "权属清晰，持有不动产权证、承包或流转合同，或主管部门核发的土地、林权证件",
        "clear tenure: real-estate certificate, contract, or land or forest certificate",
        _flag("tenure_clear"),
    ),
    Condition(
        "A3", _CLAUSE_2, "secondary", "continuous_area_ha", "≥ 0.04 (≥ 0.0667 if started by 2019)",
        f"{{continuous_area_ha}} >= {{area_min_ha}} and ({{project_start_date}} >= {_EARLY_ORDINAL}"
        " or {continuous_area_ha} >= {area_min_early_ha})",
        "地块连续面积不小于 400 m²；2019 年及以前开工的项目不小于 667 m²",
        "a continuous area of at least 400 m², of 667 m² where the project started in or before 2019",
        _area,
    ),
    Condition(
        "A4", _CLAUSE_2, "secondary", "wetland", "false", "not ({wetland})",
        "不属于湿地", "no wetland", _not("wetland"),
    ),
    Condition(
        "A5", _CLAUSE_2, "secondary", "shrub_removed_pct", "0 – 20, scattered_trees_kept = true",
        "{shrub_removed_pct} <= {shrub_removal_max_pct} and {scattered_trees_kept}",
        "不清除原有散生木、竹；清除原有灌木和胸径小于 2 cm 竹子的面积不超过项目边界内地表面积的 20 %",
        "scattered trees and bamboo stay; shrubs, and bamboo below 2 cm, are removed on at most 20 % of "
        "the surface inside the boundary",
        _woody,
    ),
    Condition(
        "A6", _SUMMARY, "secondary", "repeated_disturbance", "false", "not ({repeated_disturbance})",
        "除首次整地造林外，计入期内不重复扰动土壤",
        "no repeated soil disturbance in the crediting period apart from site preparation and planting",
        _not("repeated_disturbance"),
    ),
    Condition(
        "A7", _SUMMARY, "secondary", "burning", "false", "not ({burning})",
        "不进行人为火烧（病木除外）", "no burning by people, except of diseased wood", _not("burning"),
    ),
    Condition(
        "A8", _SUMMARY, "secondary", "agriculture_displaced", "false", "not ({agriculture_displaced})",
        "不造成农业活动（种植、放牧）转移，泄漏视为 0", "no crops or grazing are displaced, so leakage is "
        "nil",
        _not("agriculture_displaced"),
    ),
    Condition(
        "A9", _RULES, "verified", "project_start_date", "> 2012-11-08, lawful = true",
        f"{{lawful}} and {{project_start_date}} > {_START_ORDINAL}",
        "符合法律法规，且开工于 2012 年 11 月 8 日之后",
        "laws are complied with and the start is after 8 November "
        "2012", _law,
    ),
)  # fmt: skip


def check_conditions(frame: pd.DataFrame, p: ParametersInForce, findings: Findings) -> None:
    """An error per row and condition that does not hold, naming condition and clause."""
    for condition in CONDITIONS:
        failing = ~condition.holds(frame, p)
        if not failing.any():
            continue
        findings.where(
            failing,
            column=condition.column,
            values=_shown(frame, condition),
            unit="",
            allowed=condition.allowed,
            zh=f"第 {{row}} 行不符合适用条件 {condition.code}（{{column}} 为 {{value}}）："
            f"{condition.demand_zh}。依据：{condition.clause.split(' / ', maxsplit=1)[0]}。",
            en=f"Row {{row}} fails condition {condition.code} ({{column}} is {{value}}): "
            f"{condition.demand_en}. Source: {condition.clause.split(' / ')[-1]}.",
        )


def _shown(frame: pd.DataFrame, condition: Condition) -> npt.NDArray[np.object_]:
    """The cells a refusal shows: for A0 the site where the category is not at fault."""
    values: npt.NDArray[np.object_] = frame[condition.column].astype(str).to_numpy(dtype=object)
    if condition.code != "A0":
        return values
    eligible = among(frame, "forest_category", ELIGIBLE_CATEGORIES)
    sites = frame["site"].astype(str).to_numpy(dtype=object)
    return np.asarray(np.where(eligible, sites, values), dtype=object)


def condition_columns(frame: pd.DataFrame, p: ParametersInForce) -> dict[str, Array]:
    """The steps of all conditions and ``eligible``, their product."""
    out = {c.step_name: c.holds(frame, p).astype(np.float64) for c in CONDITIONS}
    out["eligible"] = reduce(np.multiply, out.values())
    return out


CONDITION_STEPS: tuple[Step, ...] = (
    *(condition.step() for condition in CONDITIONS),
    Step(
        "eligible", "A", "1", " * ".join(f"{{{condition.step_name}}}" for condition in CONDITIONS),
        "全部适用条件成立（1）", "all conditions hold (1)", "A0–A9", "CCER-14-001-V01",
    ),
)  # fmt: skip
