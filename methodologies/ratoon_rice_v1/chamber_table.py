"""Chamber readings (箱法读数) by stratum → measured seasonal methane and the uncertainty of the reduction.

One line is one gas sample of one closure of one chamber. Each sampled field holds a plot under project
practice and one under baseline practice; a two-season field is measured in both seasons.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from methodologies.columns import Column, Findings
from methodologies.declaration import Period, Preparation
from methodologies.parameters import ParametersInForce
from methodologies.ratoon_rice_v1.chambers import (
    flux_mg_per_m2_per_h,
    seasonal_kg_per_ha,
    stratified_uncertainty_pct,
)
from methodologies.ratoon_rice_v1.columns import SEASONS

READINGS_MIN = 3  # a straight line through two points hides a leak
_WEEKLY_DAYS = 7.0
_FIELD = ["stratum", "field"]
_SEASON = [*_FIELD, "season"]
_CLOSURE = [*_SEASON, "chamber", "sampled_date"]
_WORDS = {
    "main": ("项目头季", "project main season"),
    "ratoon": ("项目再生季", "project ratoon season"),
    "base1": ("基准线第一季", "baseline first season"),
    "base2": ("基准线第二季", "baseline second season"),
}

COLUMNS = (
    Column("stratum", "text", "", "分层代码", "stratum"),
    Column("stratum_area_ha", "float", "ha", "该层面积", "area of the stratum", 0.01, 1e6),
    Column("field", "text", "", "测点（田块）", "sampled field"),
    Column("season", "choice", "", "小区与季别", "plot and season", choices=SEASONS, labels=_WORDS),
    Column("season_start_date", "date", "", "该季开始日（整地；再生季为头季收割日）",
        "start of the season: land preparation, or the main harvest"),
    Column("season_end_date", "date", "", "该季结束日（收割或排干）",
        "end of the season: harvest or drainage"),
    Column("chamber", "text", "", "箱号", "chamber", default="1"),
    Column("sampled_date", "date", "", "采样日", "day of sampling"),
    Column("elapsed_min", "float", "min", "关箱后分钟数", "minutes since closure", 0, 240),
    Column("ch4_ppm", "float", "ppm", "箱内甲烷浓度", "methane in the chamber", 0, 10_000),
    Column("chamber_height_m", "float", "m", "有效箱高（体积与面积之比）",
        "headspace height: volume over area", 0.05, 3),
    Column("temperature_degc", "float", "degC", "箱内气温", "air temperature in the chamber", -10, 60),
    Column("pressure_kpa", "float", "kPa", "气压", "air pressure", 80, 110, default=101.325),
)  # fmt: skip

OUTPUTS = (
    *(
        Column(f"{season}_measured_ch4_kg_per_ha", "float", "kg CH4/ha", f"{zh}：实测季节甲烷排放",
            f"{en}: measured methane of the season", -100, 2000)
        for season, (zh, en) in _WORDS.items()
    ),
    Column("measured_uncertainty_pct", "float", "%", "实测减排量的不确定性",
        "uncertainty of the measured reduction", 0, 1e6),
    Column("fields_measured", "int", "", "测点数", "sampled fields", 0, 10_000),
    Column("mean_reduction_ch4_kg_per_ha", "float", "kg CH4/ha", "该层平均减排",
        "mean reduction of the stratum", -2000, 4000),
)  # fmt: skip
_NAMES = [column.name for column in OUTPUTS]


def compute(table: pd.DataFrame, *, period: Period, p: ParametersInForce, findings: Findings) -> pd.DataFrame:
    """One line per stratum: mean seasonal emission of each plot, and UNC of all strata together."""
    _check(table, findings)
    if findings.errors:
        return pd.DataFrame(columns=_NAMES)
    fields = field_emissions(table, p)
    _review_gaps(table, findings)
    reductions = _reductions(fields)
    _check_fields(table, fields, reductions, findings)
    if findings.errors:
        return pd.DataFrame(columns=_NAMES)
    strata = fields.groupby("stratum").mean()
    result = pd.DataFrame({f"{season}_measured_ch4_kg_per_ha": strata[season] for season in SEASONS})
    areas = table.groupby("stratum")["stratum_area_ha"].first().loc[result.index]
    by_stratum = [reductions.loc[[stratum]].tolist() for stratum in result.index]
    result["measured_uncertainty_pct"] = min(
        stratified_uncertainty_pct(areas.tolist(), by_stratum, t=p.t_667), 1e6
    )
    result["fields_measured"] = [float(len(each)) for each in by_stratum]
    result["mean_reduction_ch4_kg_per_ha"] = reductions.groupby("stratum").mean()
    return result[_NAMES]


def closure_fluxes(table: pd.DataFrame, p: ParametersInForce) -> pd.DataFrame:
    """One line per closure: the least-squares rise (ppm/min) and the flux (mg CH4/m²/h)."""
    groups = table.groupby(_CLOSURE, observed=True, sort=True)
    minutes = table["elapsed_min"] - groups["elapsed_min"].transform("mean")
    rise = table["ch4_ppm"] - groups["ch4_ppm"].transform("mean")
    parts = table.assign(_xy=minutes * rise, _xx=minutes**2).groupby(_CLOSURE, observed=True, sort=True)
    means = groups[["chamber_height_m", "temperature_degc", "pressure_kpa"]].mean()
    slope = parts["_xy"].sum() / parts["_xx"].sum()
    means["slope_ppm_per_min"] = slope
    means["flux"] = flux_mg_per_m2_per_h(
        slope.to_numpy(),
        height_m=means["chamber_height_m"].to_numpy(),
        temperature_degc=means["temperature_degc"].to_numpy(),
        pressure_kpa=means["pressure_kpa"].to_numpy(),
        molar_mass_g_per_mol=p.molar_mass_ch4,
        gas_constant=p.gas_constant,
    )
    return means


def field_emissions(table: pd.DataFrame, p: ParametersInForce) -> pd.DataFrame:
    """kg CH4/ha by sampled field (rows: stratum, field) and season (columns), NaN where not measured."""
    daily = closure_fluxes(table, p)["flux"].groupby([*_SEASON, "sampled_date"], observed=True).mean()
    spans = table.groupby(_SEASON, observed=True)[["season_start_date", "season_end_date"]].first()
    cells: dict[tuple[str, str], dict[str, float]] = {}
    for (stratum, field, season), flux in daily.groupby(_SEASON, observed=True):
        start, end = (pd.Timestamp(day) for day in spans.loc[(stratum, field, season)])
        sampled = pd.to_datetime(flux.index.get_level_values("sampled_date"))
        days = (sampled - start).days.to_numpy(dtype=np.float64)
        cells.setdefault((stratum, field), {})[season] = seasonal_kg_per_ha(
            days, flux.to_numpy(), length_days=float((end - start).days)
        )
    index = pd.MultiIndex.from_tuples(list(cells), names=_FIELD)
    return pd.DataFrame([cells[key] for key in index], index=index, columns=list(SEASONS), dtype=float)


def _reductions(fields: pd.DataFrame) -> pd.Series:
    """Baseline less project of each field, kg CH4/ha; single rice has no second baseline season."""
    return fields["base1"] + fields["base2"].fillna(0.0) - fields["main"] - fields["ratoon"]


def _check(table: pd.DataFrame, findings: Findings) -> None:
    """Lines that contradict each other: areas, dates, too few readings."""
    for name, group in (("stratum_area_ha", ["stratum"]), ("season_start_date", _SEASON),
                        ("season_end_date", _SEASON)):  # fmt: skip
        first = table.groupby(group, observed=True)[name].transform("first")
        _problem(
            table, findings, (table[name] != first).to_numpy(), name, "各行一致", "the same on all lines"
        )
    start, end, sampled = (
        table[name].to_numpy().astype("datetime64[D]")
        for name in ("season_start_date", "season_end_date", "sampled_date")
    )
    _problem(table, findings, end <= start, "season_end_date", "晚于开始日", "after season_start_date")
    outside = (sampled < start) | (sampled > end)
    _problem(table, findings, outside, "sampled_date", "在该季之内", "inside the season")
    readings = table.groupby(_CLOSURE, observed=True)["elapsed_min"].transform("nunique").to_numpy()
    few = (readings < READINGS_MIN) & ~table.duplicated(_CLOSURE).to_numpy()
    zh, en = f"每次关箱至少 {READINGS_MIN} 个不同时刻", f"at least {READINGS_MIN} times per closure"
    _problem(table, findings, few, "elapsed_min", zh, en)


def _check_fields(
    table: pd.DataFrame, fields: pd.DataFrame, reductions: pd.Series, findings: Findings
) -> None:
    """Every field needs project and baseline; both seasons; a stratum at least two fields."""
    first = ~table.duplicated(_FIELD).to_numpy()
    of_line = pd.MultiIndex.from_frame(table[_FIELD])
    incomplete = reductions.isna().reindex(of_line).to_numpy(dtype=np.bool_)
    zh = "为 main、ratoon、base1 各有读数（单季因子不能代表两季）"
    en = "main, ratoon and base1 of each field (one season cannot stand for two)"
    _problem(table, findings, first & incomplete, "season", zh, en)
    second = fields["base2"].notna()
    share = second.groupby("stratum").transform("mean")
    mixed = ((share > 0) & (share < 1) & ~second).reindex(of_line).to_numpy(dtype=np.bool_)
    zh, en = "为同层各测点都有 base2 读数", "base2 of all fields of a stratum, or of none"
    _problem(table, findings, first & mixed, "season", zh, en)
    count = fields.groupby("stratum").size().reindex(table["stratum"]).to_numpy()
    alone = (count < 2) & ~table.duplicated("stratum").to_numpy()
    _problem(table, findings, alone, "field", "为每层至少两个测点", "at least two fields per stratum")


def _problem(
    table: pd.DataFrame, findings: Findings, wrong: npt.NDArray[np.bool_], column: str, zh: str, en: str
) -> None:
    values = table[column]
    is_day = values.dtype.kind == "M"
    findings.where(
        wrong,
        column=column,
        values=values.to_numpy().astype("datetime64[D]") if is_day else values.to_numpy(dtype=object),
        unit="",
        allowed=en,
        zh=f"箱法读数第 {{row}} 行 {{column}} 为 {{value}}，应{zh}。请核对。",
        en=f"Chamber readings, line {{row}}: {{column}} is {{value}}, but must be {en}. Check it.",
    )


def _review_gaps(table: pd.DataFrame, findings: Findings) -> None:
    """More than a week between samplings, or to either end of the season, is for review."""
    days = table.drop_duplicates([*_SEASON, "sampled_date"])
    start = (days["sampled_date"] - days["season_start_date"]).dt.days
    before = days.groupby(_SEASON, observed=True)["sampled_date"].diff().dt.days
    after = (days["season_end_date"] - days["sampled_date"]).dt.days
    last = ~days.duplicated(_SEASON, keep="last")
    gap = np.maximum(before.fillna(start).to_numpy(), np.where(last, after, 0))
    long = pd.Series(gap > _WEEKLY_DAYS, index=days.index).reindex(table.index, fill_value=False)
    gaps = pd.Series(gap, index=days.index).reindex(table.index, fill_value=0.0)
    findings.where(
        long.to_numpy(dtype=np.bool_),
        column="sampled_date",
        values=gaps.to_numpy(),
        unit="d",
        allowed=f"≤ {_WEEKLY_DAYS:g}",
        zh="箱法读数第 {row} 行：采样间隔 {value} 天，超过每周一次，请复核。",
        en="Chamber readings, line {row}: {value} days between samplings, more than a week; review it.",
        severity="review",
    )


CHAMBER_READINGS = Preparation(
    name="chamber_readings",
    title_zh="静态箱甲烷读数",
    title_en="Chamber readings of methane",
    key="stratum",
    columns=COLUMNS,
    outputs=OUTPUTS,
    compute=compute,
    unique=("stratum", "field", "season", "chamber", "sampled_date", "elapsed_min"),
    source="VM0051 v1.1 QA2 and Eqs 35–38; flux by the ideal gas law",
    meaning_zh="每行一个气样；由浓度上升求通量，按采样日线性插值得季节排放，再求各层均值与减排量的不确定性。",
    meaning_en="One gas sample a line; fluxes from the rise of concentration, joined by straight lines to "
    "seasonal emissions, then means by stratum and the uncertainty of the reduction.",
)
