"""Season records (分季记录): one line per parcel, year and season, of project and look-back years.

The columns, and what is wrong with a record. What follows from the records is in :mod:`.season_records`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from methodologies.columns import Column, Findings
from methodologies.parameters import ParametersInForce
from methodologies.ratoon_rice_v1.columns import REGIMES

Mask = npt.NDArray[np.bool_]
NOT_RECORDED = "1900-01-01"  # a date left empty
SEASON_NAMES = ("single", "early", "late", "main", "ratoon")
FIRST_SEASONS = ("single", "early", "main")
# The seasons that make a cropping year, and the year's type.
TYPES = {"single": ("single",), "double": ("early", "late"), "ratoon": ("main", "ratoon")}
_PARTNER = {"ratoon": "main", "main": "ratoon", "late": "early", "early": "late"}
_LABELS = {
    "single": ("一季稻", "single rice"),
    "early": ("早稻", "early rice"),
    "late": ("晚稻", "late rice"),
    "main": ("头季", "main season"),
    "ratoon": ("再生季", "ratoon season"),
}
_FATES = ("surface", "incorporated", "removed", "burnt")
_GROUND = ("season", ("single", "early", "late", "main"))
_FRESH = ("season", FIRST_SEASONS)


def _day(name: str, zh: str, en: str, needed: tuple[str, tuple[str, ...]] | None = None) -> Column:
    return Column(name, "date", "", zh, en, default=NOT_RECORDED, required_when=needed)


def _number(name: str, unit: str, zh: str, en: str, high: float) -> Column:
    return Column(name, "float", unit, zh, en, 0, high, default=0.0)


COLUMNS = (
    Column("row", "text", "", "地块（主表行标签）", "parcel, the row label of the frame"),
    Column("year", "int", "year", "年份（收割年）", "year of the harvest", 1990, 2100),
    Column("season", "choice", "", "季别", "season", choices=SEASON_NAMES, labels=_LABELS),
    Column("scenario", "choice", "", "项目年或回溯年", "project year or look-back year",
        choices=("project", "lookback"),
        labels={"project": ("项目年", "project year"), "lookback": ("回溯年", "look-back year")}),
    _day("previous_flood_end_date", "前茬淹水结束日", "end of the previous flooding", _FRESH),
    _day("land_prep_date", "整地日（再生季不填）", "land preparation; none for a ratoon season", _GROUND),
    _day("sow_date", "播种日", "sowing"),
    _day("transplant_date", "移栽日", "transplanting"),
    Column("harvest_date", "date", "", "收割日", "harvest"),
    _day("final_drain_date", "最终排干日", "final drainage"),
    Column("establishment", "choice", "", "种植方式", "establishment",
        choices=("transplanted", "direct", "machine"), default="transplanted",
        labels={"transplanted": ("移栽", "transplanted"), "direct": ("直播", "direct-seeded"),
                "machine": ("机插", "machine-transplanted")}),
    Column("regime", "choice", "", "水分管理", "water regime", choices=REGIMES, default="unknown"),
    Column("preflood_days", "int", "d", "本季开始前连续淹水天数",
        "days of continuous flooding up to the start of the season", 0, 366, default=0.0),
    Column("evidence_tier", "int", "", "证据等级（1 记录或遥感，2 管理计划，3 农户声明，4 统计）",
        "evidence: 1 records or remote sensing, 2 plans, 3 attestation, 4 statistics", 1, 4, default=4.0),
    _number("straw_t_per_ha", "t/ha", "秸秆量，干重", "straw, dry mass", 12),
    Column("straw_fate", "choice", "", "秸秆去向", "what became of the straw", choices=_FATES,
        default="surface",
        labels={"surface": ("留在地表或留桩", "left on the surface, standing stubble"),
                "incorporated": ("翻压还田", "incorporated"), "removed": ("离田", "removed"),
                "burnt": ("焚烧", "burnt")}),
    _day("straw_date", "秸秆还田日", "day of incorporation"),
    _number("compost_t_per_ha", "t/ha", "堆肥，鲜重", "compost, fresh", 60),
    _number("manure_t_per_ha", "t/ha", "厩肥，鲜重", "farmyard manure, fresh", 60),
    _number("green_t_per_ha", "t/ha", "绿肥，鲜重", "green manure, fresh", 60),
    _number("n_kg_per_ha", "kg N/ha", "施氮量合计", "nitrogen in total", 450),
    _number("n_organic_kg_per_ha", "kg N/ha", "其中有机肥氮", "of which organic", 450),
    _number("n_residue_kg_per_ha", "kg N/ha", "其中残茬氮", "of which residues", 450),
    _number("stubble_cm", "cm", "留桩高度（未记录填 0）", "stubble height; 0: not recorded", 60),
    Column("yield_t_per_ha", "float", "t/ha", "产量（含水 13.5%）", "grain at 13.5 % moisture", 0, 15),
    _number("diesel_l", "L", "柴油（全地块）", "diesel, whole parcel", 1e5),
    _number("petrol_l", "L", "汽油（全地块）", "petrol, whole parcel", 1e5),
    _number("electricity_kwh", "kWh", "用电（全地块）", "electricity, whole parcel", 1e6),
)  # fmt: skip


def days(table: pd.DataFrame, name: str) -> npt.NDArray[np.datetime64]:
    """A date column as days, NaT where it was left empty."""
    found: npt.NDArray[np.datetime64] = table[name].to_numpy().astype("datetime64[D]")
    return np.where(found == np.datetime64(NOT_RECORDED), np.datetime64("NaT", "D"), found)


def check_records(table: pd.DataFrame, p: ParametersInForce, findings: Findings) -> None:
    """Partners, order of dates, years: every contradiction is named with line, column and value."""
    report = _reporter(table, findings)
    _check_partners(table, report)
    _check_dates(table, report)
    _check_years(table, p, report)
    stubble = table["stubble_cm"].to_numpy()
    report((stubble > 0) & (stubble < 5), "stubble_cm", "5 – 60 cm", "5 – 60 cm")


Report = Callable[[Mask, str, str, str], None]


def _reporter(table: pd.DataFrame, findings: Findings) -> Report:
    def report(wrong: Mask, column: str, zh: str, en: str) -> None:
        cells = table[column]
        dates = cells.dtype.kind == "M"
        values: Any = days(table, column) if dates else cells.to_numpy(dtype=object)
        findings.where(
            wrong,
            column=column,
            values=values,
            unit="date" if dates else "",
            allowed=en,
            zh=f"分季记录第 {{row}} 行 {{column}} 为 {{value}}，应为：{zh}。请核对。",
            en=f"Season records, line {{row}}: {{column}} is {{value}}; expected: {en}. Check it.",
        )

    return report


def _check_partners(table: pd.DataFrame, report: Report) -> None:
    """A ratoon needs its main crop, late rice its early rice, and the other way round."""
    years = pd.MultiIndex.from_frame(table[["row", "year"]])
    season = table["season"].astype(str).to_numpy()
    there = {name: years.isin(years[season == name]) for name in SEASON_NAMES}
    for name, partner in _PARTNER.items():
        zh_name, zh_partner = _LABELS[name][0], _LABELS[partner][0]
        zh = f"同地块同年另有{zh_partner}记录（{zh_name}不能单独存在）"
        report(
            (season == name) & ~there[partner],
            "season",
            zh,
            f"a {partner} record of the same parcel and year",
        )
    several = sum(there[name].astype(np.int64) for name in FIRST_SEASONS) > 1
    first = np.isin(season, FIRST_SEASONS)
    report(several & first, "season", "每年只有一种种植制度", "one cropping system a year")


def _check_dates(table: pd.DataFrame, report: Report) -> None:
    """Dates in order; a date left empty is not compared."""
    direct = (table["establishment"] == "direct").to_numpy()
    pairs = (
        ("previous_flood_end_date", "land_prep_date", True),
        ("land_prep_date", "transplant_date", True),
        ("sow_date", "transplant_date", True),
        ("land_prep_date", "sow_date", direct),  # seedbeds are sown before the field is prepared
        ("sow_date", "harvest_date", True),
        ("land_prep_date", "harvest_date", True),
        ("transplant_date", "harvest_date", True),
        ("transplant_date", "final_drain_date", True),
    )
    for first, last, where in pairs:
        late = days(table, last) < days(table, first)
        report(late & where, last, f"不早于 {first}", f"not before {first}")
    years = days(table, "harvest_date").astype("datetime64[Y]").astype(np.int64) + 1970
    report(years != table["year"].to_numpy(), "harvest_date", "在 year 那一年", "in that year")
    before = _harvest_of_first(table)
    start = np.where(table["season"] == "late", days(table, "land_prep_date"), days(table, "harvest_date"))
    second = table["season"].isin(["late", "ratoon"]).to_numpy()
    wrong = second & (start <= before)
    report(wrong, "harvest_date", "在第一季收割之后", "after the harvest of the first season")


def _harvest_of_first(table: pd.DataFrame) -> npt.NDArray[np.datetime64]:
    """For each line the harvest of the first season of its parcel and year, NaT where there is none."""
    first = table.loc[table["season"].isin(FIRST_SEASONS), ["row", "year", "harvest_date"]]
    first = first.drop_duplicates(["row", "year"]).rename(columns={"harvest_date": "first_harvest"})
    joined = table[["row", "year"]].merge(first, on=["row", "year"], how="left")
    found: npt.NDArray[np.datetime64] = joined["first_harvest"].to_numpy().astype("datetime64[D]")
    return found


def _check_years(table: pd.DataFrame, p: ParametersInForce, report: Report) -> None:
    """One project year of ratoon rice; at least three look-back years, all before it."""
    project = (table["scenario"] == "project").to_numpy()
    season = table["season"].astype(str).to_numpy()
    wrong_crop = project & ~np.isin(season, TYPES["ratoon"])
    report(wrong_crop, "season", "项目年只有头季与再生季", "main or ratoon in the project year")
    of_project = table["year"].where(project)
    by_row = table["row"]
    first, last = (of_project.groupby(by_row).transform(how).to_numpy() for how in ("min", "max"))
    report(project & (first != last), "year", "一行一个项目年", "one project year per row")
    lookback = ~project
    late = lookback & (table["year"].to_numpy() >= np.where(np.isnan(first), np.inf, first))
    report(late, "year", "回溯年早于项目年", "a look-back year before the project year")
    count = table["year"].where(lookback).groupby(by_row).transform("nunique").to_numpy()
    if not lookback.any():
        return
    start = lookback & ~table.assign(_l=lookback).duplicated(["row", "_l"]).to_numpy()
    need = f"{p.lookback_years_min:g}"
    report(
        start & (count < p.lookback_years_min),
        "year",
        f"至少 {need} 个回溯年",
        f"at least {need} look-back years",
    )
