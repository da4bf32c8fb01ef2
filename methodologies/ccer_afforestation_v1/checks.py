"""Rules between columns: applicability, periods, routes, area, plausible rates."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from methodologies.ccer_afforestation_v1.applicability import check_conditions
from methodologies.ccer_afforestation_v1.groups import (
    COUNTIES,
    KEY_ZONE_COUNTIES,
    OAK_ROOT_MIN,
    SLOPES,
    VOLUME_ROUTES,
)
from methodologies.cells import among, values_of
from methodologies.columns import Findings, Mask
from methodologies.declaration import Period
from methodologies.errors import Problem
from methodologies.forest import DiscountScheme
from methodologies.parameters import ParametersInForce

_FIRST_DAY = date(2020, 9, 22)  # nothing generated before it can be registered (管理办法 Art. 17)
_MONITORING_YEARS_MAX = 5  # an issuance covers at most the five years before it (Art. 17)
# Plausible rates, tCO2e/ha/yr: illustrative thresholds, they stop a run but never enter a figure.
RATE_REVIEW, RATE_MAX = 20.0, 30.0
_AREA_SUM_TOLERANCE = 0.01
MU_PER_HA = 15


def check(
    frame: pd.DataFrame,
    *,
    period: Period,
    p: ParametersInForce,
    findings: Findings,
    discount: DiscountScheme,
) -> None:
    """Everything about a frame whose cells are each in range; :func:`judge` sees the figures."""
    check_conditions(frame, p, findings)
    _check_additionality(frame, findings)
    _check_period(frame, period, p, findings)
    _check_routes(frame, findings)
    _check_pools(frame, findings)
    _check_uncertainty(frame, p, findings, discount)
    _check_areas(frame, p, findings)


def judge(
    frame: pd.DataFrame, outputs: pd.DataFrame, *, period: Period, p: ParametersInForce, findings: Findings
) -> None:
    """Refuse figures that cannot be right: roots outside their table, implausible rates not explained."""
    _check_root_band(frame, values_of(outputs, "agb_mean_t_per_ha"), findings)
    _check_rate(frame, values_of(outputs, "rate_tco2e_per_ha_per_year"), findings)


def review(
    frame: pd.DataFrame, outputs: pd.DataFrame, *, period: Period, p: ParametersInForce, findings: Findings
) -> None:
    """An unusually high yearly rate; ``judge`` has refused what is implausible and not explained."""
    rate = values_of(outputs, "rate_tco2e_per_ha_per_year")
    _say(
        findings, rate > RATE_REVIEW, frame, "rate_reason", f"rate ≤ {RATE_REVIEW:g} tCO2e/ha/yr",
        "年均碳汇偏高，请复核样地记录。", "an unusually high yearly rate; review the plot records.",
        unit="tCO2e/ha/yr", values=rate, review=True,
    )  # fmt: skip


def _say(
    findings: Findings,
    mask: Mask,
    frame: pd.DataFrame,
    column: str,
    allowed: str,
    zh: str,
    en: str,
    *,
    unit: str = "",
    values: Any = None,
    review: bool = False,
) -> None:
    """A problem per true row; ``zh``/``en`` follow "row …, column … is …"."""
    if not mask.any():  # sentences and texts cost nothing where all is well
        return
    shown = frame[column].astype(str).to_numpy(dtype=object) if values is None else values
    findings.where(
        mask,
        column=column,
        values=shown,
        unit=unit,
        allowed=allowed,
        zh=f"第 {{row}} 行 {column} 为 {{value}}{' ' + unit if unit else ''}：{zh}",
        en=f"Row {{row}}, {column} is {{value}}{' ' + unit if unit else ''}: {en}",
        severity="review" if review else "error",
    )


def _check_additionality(frame: pd.DataFrame, findings: Findings) -> None:
    """The exemptions of clause 2 against what is known of each county."""
    here = among(frame, "county", tuple(COUNTIES))
    zone = among(frame, "county", KEY_ZONE_COUNTIES)
    _say(
        findings, among(frame, "additionality", ("key_ecological_zone",)) & here & ~zone, frame, "county",
        ", ".join(KEY_ZONE_COUNTIES),
        "不在已知的国家重点生态功能区名单内，不能据此免予额外性论证。请改用其他依据或核对名单。",
        "not on the known list of national key ecological function zones, so additionality is not exempt "
        "on that ground. Use another ground, or check the list.",
    )  # fmt: skip
    _say(
        findings, among(frame, "additionality", ("low_precipitation",)) & here, frame, "additionality",
        "key_ecological_zone | public_welfare_forest | demonstrated",
        "信阳年均降水量约 1100 mm，不属于 400 mm 以下地区。请改用其他依据。",
        "Xinyang has about 1,100 mm of precipitation a year, not less than 400 mm. Use another ground.",
    )  # fmt: skip
    _say(
        findings,
        among(frame, "additionality", ("public_welfare_forest",))
        & among(frame, "forest_category", ("timber",)),
        frame, "additionality", "key_ecological_zone | demonstrated",
        "用材林通常属于商品林而不是生态公益林，请复核林种和免论证依据。",
        "timber forest is ordinarily commercial, not public-welfare forest; review category and ground.",
        review=True,
    )  # fmt: skip


def _calendar(frame: pd.DataFrame, name: str) -> Any:
    """Dates as year·10000 + month·100 + day, so that adding 20 years is adding 200000."""
    # Few days occur: each is taken apart once.
    codes, distinct = pd.factorize(values_of(frame, name))
    stamps = pd.DatetimeIndex(distinct)
    return (stamps.year * 10000 + stamps.month * 100 + stamps.day).to_numpy()[codes]


def _check_period(frame: pd.DataFrame, period: Period, p: ParametersInForce, findings: Findings) -> None:
    """Crediting period of 20 to 40 years, the monitoring period inside it, no start before planting."""
    first, last = _calendar(frame, "crediting_start_date"), _calendar(frame, "crediting_end_date")
    years = (last - first) / 10000
    _say(
        findings, (years < p.crediting_min_years) | (years > p.crediting_max_years), frame,
        "crediting_end_date",
        f"{p.crediting_min_years:g} – {p.crediting_max_years:g} years after crediting_start_date",
        "计入期应为 20 至 40 年（含 20 年和 40 年）。本列填期满后的第一天：最后一天是 12 月 31 日的，"
        "填次年 1 月 1 日。请改正起止日期。",
        "a crediting period lasts 20 to 40 years, both inclusive. This column is the first day after it: "
        "where the last day is 31 December, give 1 January. Correct the dates.",
    )  # fmt: skip
    start, end = (day.year * 10000 + day.month * 100 + day.day for day in period)
    _say(
        findings, (start < first) | (end > last), frame, "crediting_start_date",
        f"period {period.start} – {period.end} inside the crediting period",
        f"监测期 {period.start} 至 {period.end} 不在计入期之内。请改正监测期或计入期。",
        f"the monitoring period {period.start} – {period.end} is not inside the crediting period. Correct "
        "one of them.",
    )  # fmt: skip
    _say(
        findings, first < _calendar(frame, "project_start_date"), frame, "crediting_start_date",
        "≥ project_start_date",
        "计入期早于项目开工。请复核（该条款待核对正式文本）。",
        "the crediting period begins before the project does; review it (the clause waits for the official "
        "text).",
        review=True,
    )  # fmt: skip
    planted = values_of(frame, "planting_year")
    _say(
        findings, planted > period.end.year, frame, "planting_year", f"≤ {period.end.year}",
        "造林年份晚于监测期。请改正年份或监测期。", "planted after the monitoring period. Correct the year "
        "or the period.",
        unit="year", values=planted,
    )  # fmt: skip
    _check_window(period, findings)


def _check_window(period: Period, findings: Findings) -> None:
    """Article 17: nothing before 2020-09-22, and only the five years before a request."""
    if period.start < _FIRST_DAY:
        zh = f"监测期开始于 {period.start}，早于 {_FIRST_DAY}；此前产生的减排量不能登记（管理办法第十七条）。"
        en = (
            f"The period starts on {period.start}; "
            f"nothing generated before {_FIRST_DAY} can be registered (Art. 17)."
        )
        findings.add(Problem(None, "period", f"{period.start}", "", f"≥ {_FIRST_DAY}", zh, en, "review"))
    if period.years > _MONITORING_YEARS_MAX:
        length = f"{period.years:.4g}"
        zh = (
            f"监测期长 {length} 年；申请登记只能包括此前五年内产生的减排量"
            "（管理办法第十七条），较早部分会失效。"
        )
        en = (
            f"The period lasts {length} years; a request covers only the five years before it (Art. 17), the "
            "earlier part is lost."
        )
        findings.add(Problem(None, "period", length, "yr", "≤ 5", zh, en, "review"))


def _check_routes(frame: pd.DataFrame, findings: Findings) -> None:
    """What the tree routes need of each other."""
    measured, by_slope = (among(frame, "tree_route", (route,)) for route in ("measured", "volume_slope"))
    roots = among(frame, "root_route", ("measured",))
    given = (values_of(frame, "bgb_start_t_per_ha") > 0) | (values_of(frame, "bgb_end_t_per_ha") > 0)
    _say(
        findings, roots & ~measured, frame, "root_route", "other than measured",
        "只有样地实测路径（tree_route = measured）才有实测的地下生物量。请改选。",
        "only plots (tree_route = measured) have measured roots. Choose another.",
    )  # fmt: skip
    _say(
        findings, measured & given & ~roots, frame, "root_route", "measured",
        "已给出地下生物量，再按根茎比计算会重复计入根系。请改选 measured，或清空地下生物量。",
        "below-ground biomass is given; a root ratio would count roots twice. Choose measured, or empty "
        "the below-ground columns.",
    )  # fmt: skip
    _say(
        findings, by_slope & ~among(frame, "species", tuple(SLOPES)), frame, "species", ", ".join(SLOPES),
        "该树种没有蓄积量—生物量方程斜率。请改用其他路径。",
        "this species has no slope of biomass over volume. Use another route.",
    )  # fmt: skip
    low = np.minimum(values_of(frame, "volume_start_m3_per_ha"), values_of(frame, "volume_end_m3_per_ha"))
    _say(
        findings, by_slope & (low < 20), frame, "volume_start_m3_per_ha", "≥ 20",
        "蓄积量低于约 20 m3/ha，斜率方程不可靠，请复核。",
        "below about 20 m3/ha the slope is not reliable; review it.",
        unit="m3/ha", values=low, review=True,
    )  # fmt: skip


def _check_pools(frame: pd.DataFrame, findings: Findings) -> None:
    """What the optional pools need."""
    ratio = values_of(frame, "pool_dead_wood") | values_of(frame, "pool_litter")
    by_slope = among(frame, "tree_route", ("volume_slope",))
    _say(
        findings, ratio & by_slope, frame, "tree_route", "not volume_slope",
        "斜率路径不区分地上生物量，不能按比例计枯死木和枯落物。请关闭这两个碳库或改用其他路径。",
        "the slope does not tell above-ground biomass, so dead wood and litter have no base. Switch these "
        "pools off or use another route.",
    )  # fmt: skip
    _say(
        findings, among(frame, "land_use_before", ("paddy",)), frame, "land_use_before",
        "native | annual_crop | set_aside | perennial_crop",
        "水田造林会损失土壤有机碳，不允许。请核对地类。",
        "paddy loses soil carbon when planted and is not admitted. Check the land class.",
    )  # fmt: skip
    cover = np.maximum(values_of(frame, "shrub_cover_start"), values_of(frame, "shrub_cover_end"))
    forest = values_of(frame, "regional_forest_t_per_ha")
    _say(
        findings, (cover > 0) & (forest == 0), frame, "regional_forest_t_per_ha", "> 0",
        "计入灌木时须填写区域森林平均地上生物量。", "needed where shrubs are counted.", unit="t d.m./ha",
        values=forest,
    )  # fmt: skip
    _say(
        findings, (cover > 0) & (forest > 0), frame, "regional_forest_t_per_ha", "a value with its source",
        "方法学未给出此值，请复核其来源。", "the methodology gives no value; review its source.",
        unit="t d.m./ha", values=forest, review=True,
    )  # fmt: skip
    burned, area = values_of(frame, "burned_ha"), values_of(frame, "area_ha")
    _say(
        findings, burned > area, frame, "burned_ha", "≤ area_ha", "过火面积大于小班面积。请改正。",
        "more burned than there is. Correct it.", unit="ha", values=burned,
    )  # fmt: skip


def _check_uncertainty(
    frame: pd.DataFrame, p: ParametersInForce, findings: Findings, discount: DiscountScheme
) -> None:
    sampled = ~among(frame, "tree_route", ("none",))
    if not (discount.refused_above_last and sampled.any()):
        return
    limit = p[discount.limit_names[-1]]
    uncertainty = values_of(frame, "uncertainty_pct")
    _say(
        findings, sampled & (uncertainty > limit), frame, "uncertainty_pct", f"0 – {limit:g}",
        "抽样不确定性过大，不得核算。请增设样地后重新测定。",
        "the sampling error is too large to be credited. Add plots and measure again.", unit="%",
        values=uncertainty,
    )  # fmt: skip
    _say(
        findings, sampled & (uncertainty > 0) & (uncertainty < 1), frame, "uncertainty_pct", "%",
        "小得少见。该列的单位是百分数（10 % 填 10，不填 0.1），请核对。",
        "unusually small. The column is in per cent (10 % is 10, not 0.1); check it.", unit="%",
        values=uncertainty, review=True,
    )  # fmt: skip


def _check_areas(frame: pd.DataFrame, p: ParametersInForce, findings: Findings) -> None:
    """Parcel within its continuous patch, growth of the boundary, and parcels against their stratum."""
    area, registered = values_of(frame, "area_ha"), values_of(frame, "registered_area_ha")
    _say(
        findings, registered > values_of(frame, "continuous_area_ha") * (1 + _AREA_SUM_TOLERANCE), frame,
        "registered_area_ha", "≤ continuous_area_ha",
        "登记面积大于所在地块的连续面积。是否把亩当成了公顷？请核对。",
        "more than the continuous area of the parcel it belongs to. Mu taken for hectares? Check it.",
        unit="ha", values=registered,
    )  # fmt: skip
    mu = values_of(frame, "stated_area_mu")
    _say(
        findings, (mu > 0) & (np.abs(registered * MU_PER_HA - mu) > _AREA_SUM_TOLERANCE * mu), frame,
        "registered_area_ha", "stated_area_mu / 15 ± 1 %",
        "与载明的亩数（÷ 15）相差超过 1 %。是否把亩当成了公顷？请核对。",
        "more than 1 % from the stated mu (÷ 15). Mu taken for hectares? Check it.",
        unit="ha", values=registered,
    )  # fmt: skip
    _say(
        findings, area > registered * (1 + p.area_tolerance), frame, "area_ha", "≤ registered_area_ha + 5 %",
        "复测面积大于登记面积 5 % 以上；边界只能缩小，按登记面积核算，请复核。",
        "re-measured more than 5 % above the registered area; a boundary can only shrink, so the registered "
        "one "
        "is used. Review it.", unit="ha", values=area, review=True,
    )  # fmt: skip
    stated = values_of(frame, "stratum_area_ha")
    if not (stated > 0).any():
        return
    total = frame.groupby("stratum", sort=False)["registered_area_ha"].transform("sum").to_numpy()
    _say(
        findings, (stated > 0) & (np.abs(total - stated) > _AREA_SUM_TOLERANCE * stated), frame,
        "stratum_area_ha", "Σ registered_area_ha ± 1 %",
        "与该碳层各小班登记面积之和相差超过 1 %，请复核（分批核算时除外）。",
        "differs by more than 1 % from the sum of its parcels; review it (unless only part of them is here).",
        unit="ha", values=stated, review=True,
    )  # fmt: skip


def _check_root_band(frame: pd.DataFrame, mean: npt.NDArray[np.float64], findings: Findings) -> None:
    used = among(frame, "tree_route", ("measured", *VOLUME_ROUTES[:1]))
    oak = used & among(frame, "root_route", ("temperate_oak",)) & (mean <= OAK_ROOT_MIN)
    _say(
        findings, oak, frame, "root_route", f"agb_mean > {OAK_ROOT_MIN} t d.m./ha",
        f"IPCC 栎林根茎比只适用于平均地上生物量大于 {OAK_ROOT_MIN} t/ha 的林分。请改选 ar_tool14。",
        f"the oak ratio of IPCC holds above {OAK_ROOT_MIN} t d.m./ha only. Choose ar_tool14.",
    )  # fmt: skip


def _check_rate(frame: pd.DataFrame, rate: npt.NDArray[np.float64], findings: Findings) -> None:
    beyond = rate > RATE_MAX
    if beyond.any():
        beyond = np.array(np.broadcast_to(beyond, len(frame)))
        beyond[beyond] = [not reason.strip() for reason in frame["rate_reason"].to_numpy()[beyond]]
    _say(
        findings, beyond, frame, "rate_reason", f"rate ≤ {RATE_MAX:g} tCO2e/ha/yr",
        f"年均碳汇超过 {RATE_MAX:g} tCO2e/ha，不合常理。请核对面积单位（亩、公顷）与样地数据；确属实的，"
        "填写 rate_reason。",
        f"more than {RATE_MAX:g} tCO2e per hectare and year is not plausible. Check the unit of the area "
        "(mu, ha) "
        "and the plots; if it is right, say why in rate_reason.", unit="tCO2e/ha/yr", values=rate,
    )  # fmt: skip
