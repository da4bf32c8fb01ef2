"""From season records to the row of a parcel-year: the project, and the baseline out of its look-back.

Decision tree of the baseline (基准线情景): all look-back years ratoon → A1 or A4, all double rice → A2, all
single rice → A3; mixed → the type with the lowest emission. Conservative throughout: the most drained water
regime of any look-back year holds for all, as does its shortest flooding before the season, and only records
or remote sensing (tier 1) count as evidence.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from methodologies.columns import Column, Findings
from methodologies.declaration import Period, Preparation
from methodologies.parameters import ParametersInForce
from methodologies.ratoon_rice_v1.columns import AMENDMENTS, REGIMES
from methodologies.ratoon_rice_v1.columns import COLUMNS as FRAME_COLUMNS
from methodologies.ratoon_rice_v1.columns_rules import BASELINE_TYPES
from methodologies.ratoon_rice_v1.model import baseline_pre_season, nitrogen_factor, sf_o, water_factor
from methodologies.ratoon_rice_v1.season_table import (
    COLUMNS,
    FIRST_SEASONS,
    TYPES,
    check_records,
    days,
)

_SINGLE, _UNKNOWN = REGIMES.index("single"), REGIMES.index("unknown")
_NITROGEN = ("n_kg_per_ha", "n_organic_kg_per_ha", "n_residue_kg_per_ha")
_ENERGY = ("diesel_l", "petrol_l", "electricity_kwh")
_LOADS = tuple(f"{name}_t_per_ha" for name in AMENDMENTS)
_ONE_DAY = np.timedelta64(1, "D")
_PROJECT_DATES = ("previous_flood_end_date", "main_land_prep_date", "main_harvest_date",
                  "ratoon_harvest_date", "ratoon_drainage_date")  # fmt: skip


def _outputs() -> tuple[Column, ...]:
    """Columns of the frame, required nowhere, and two that only the sheet shows."""
    names = ["activity", "baseline_type", "lookback_years", *_PROJECT_DATES]
    names += ["main_preflood_days", "ratoon_preflood_days", "base1_nonflooded_days", "base1_preflood_days"]
    names += ["base1_cultivation_days", "base2_cultivation_days", "burnt_straw_t_per_ha"]
    for season in ("main", "ratoon", "base1", "base2"):
        names += [f"{season}_{name}" for name in ("regime", *_NITROGEN, *_LOADS)]
    names += ["baseline_water_evidence", "baseline_straw_evidence"]
    names += [*_ENERGY, *(f"baseline_{name}" for name in _ENERGY)]
    names += ["yield_t_per_ha", "baseline_yield_t_per_ha"]
    known = {column.name: column for column in FRAME_COLUMNS}
    extra = (
        Column("lookback_mixed", "bool", "", "回溯期种植制度不一致", "the look-back years differ in type"),
        Column("lookback_evidence_tier", "int", "", "所用回溯年的最低证据等级",
            "weakest evidence of the look-back years used", 1, 4),
    )  # fmt: skip
    return (*(known[name] for name in names), *extra)


OUTPUTS = _outputs()
_NAMES = [column.name for column in OUTPUTS]


def compute(table: pd.DataFrame, *, period: Period, p: ParametersInForce, findings: Findings) -> pd.DataFrame:
    """One line per parcel. Whatever the records do not hold (project or look-back) stays empty."""
    check_records(table, p, findings)
    if findings.errors:
        return pd.DataFrame(columns=_NAMES)
    years = _years(table, p)
    rows = pd.Index(table["row"].unique())
    project = years[years["project"]].set_index("row")
    result = pd.DataFrame(index=rows, columns=_NAMES, dtype=object)
    if len(project):
        _put(result, _project(project))
    lookback = years[~years["project"]]
    if len(lookback):
        _put(result, _baseline(lookback, project, p))
        _review_mixed(result, table, findings)
        _review_years(table, findings)
    return result


def _put(result: pd.DataFrame, part: pd.DataFrame) -> None:
    for name in part.columns:
        result.loc[part.index, name] = part[name].astype(object)


def _years(table: pd.DataFrame, p: ParametersInForce) -> pd.DataFrame:
    """One line per parcel and year: attributes of its first (``a_``) and second (``b_``) season."""
    lines = _seasons(table, p)
    first = lines["season"].isin(FIRST_SEASONS)
    keep = [name for name in lines.columns if name not in ("season", "project")]
    left = lines.loc[first, keep].set_index(["row", "year"]).add_prefix("a_")
    right = lines.loc[~first, keep].set_index(["row", "year"]).add_prefix("b_")
    joined = left.join(right, how="left")
    kind = lines.loc[first].set_index(["row", "year"])["season"]
    joined["type"] = kind.map({seasons[0]: name for name, seasons in TYPES.items()})
    joined["project"] = lines.loc[first].set_index(["row", "year"])["project"]
    # A ratoon season runs from the main harvest; late rice from its own land preparation.
    from_main = (joined["b_end"] - joined["a_harvest"]) / _ONE_DAY
    joined["b_length"] = np.where(joined["type"] == "ratoon", from_main, joined["b_length"])
    return joined.reset_index()


def _seasons(table: pd.DataFrame, p: ParametersInForce) -> pd.DataFrame:
    """Every line with days, straw by timing and codes; dates as days."""
    season = table["season"].astype(str)
    harvest, drained = days(table, "harvest_date"), days(table, "final_drain_date")
    prepared, flooded = days(table, "land_prep_date"), days(table, "previous_flood_end_date")
    end = np.where(drained > harvest, drained, harvest)
    project = (table["scenario"] == "project").to_numpy()
    short, long = _straw(table, prepared, project, p)
    burnt = (table["straw_fate"] == "burnt").to_numpy()
    straw = table["straw_t_per_ha"].to_numpy()
    lines = table[["row", "year", "preflood_days", "evidence_tier", *_NITROGEN, *_LOADS[2:], *_ENERGY]]
    return lines.assign(
        season=season.to_numpy(),
        project=project,
        flood_end=flooded,
        prepared=prepared,
        harvest=harvest,
        end=end,
        # Of the first crops the harvest ends the season, of a ratoon the later of harvest and drainage.
        length=(harvest - prepared) / _ONE_DAY,
        dry=(prepared - flooded) / _ONE_DAY,
        regime=table["regime"].cat.codes.to_numpy().astype(np.int64),
        straw_short_t_per_ha=short,
        straw_long_t_per_ha=long,
        burnt=np.where(burnt, straw, 0.0),
        **{"yield": table["yield_t_per_ha"].to_numpy()},
    )


def _straw(
    table: pd.DataFrame, prepared: npt.NDArray[np.datetime64], project: npt.NDArray[np.bool_],
    p: ParametersInForce,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:  # fmt: skip
    """Straw incorporated less and more than 30 days before cultivation; the rest is no amendment.

    Only incorporated straw counts. A ratoon season starts at the main harvest, so that straw incorporated
    then is short. On the limit, or without a date, the project takes the higher factor and the
    baseline the lower.
    """
    incorporated = (table["straw_fate"] == "incorporated").to_numpy()
    straw = np.where(incorporated, table["straw_t_per_ha"].to_numpy(), 0.0)
    before = (prepared - days(table, "straw_date")) / _ONE_DAY
    ratoon = (table["season"] == "ratoon").to_numpy()
    unknown = np.isnan(before)
    limit = p.days_flooded  # 30 days, the same limit in Table 5.14 as in Table 5.13
    long = np.where(project, before > limit, (before >= limit) | unknown) & ~ratoon
    return np.where(long, 0.0, straw), np.where(long, straw, 0.0)


def _project(years: pd.DataFrame) -> pd.DataFrame:
    """The project's columns; index: row."""
    columns = {
        "previous_flood_end_date": years["a_flood_end"],
        "main_land_prep_date": years["a_prepared"],
        "main_harvest_date": years["a_harvest"],
        "ratoon_harvest_date": years["b_harvest"],
        "ratoon_drainage_date": years["b_end"],
        "main_preflood_days": years["a_preflood_days"],
        # 0 leaves room for the water log.
        "ratoon_preflood_days": years["b_preflood_days"].where(years["b_preflood_days"] > 0),
        "burnt_straw_t_per_ha": years["a_burnt"] + years["b_burnt"],
        "yield_t_per_ha": years["a_yield"] + years["b_yield"],
    }
    for season, side in (("main", "a"), ("ratoon", "b")):
        for name in (*_NITROGEN, *_LOADS):
            columns[f"{season}_{name}"] = years[f"{side}_{name}"]
        codes = years[f"{side}_regime"].to_numpy(dtype=np.int64)
        words = np.array([*REGIMES[:_UNKNOWN], None], dtype=object)
        columns[f"{season}_regime"] = pd.Series(words[codes], index=years.index)
    for name in _ENERGY:
        columns[name] = years[f"a_{name}"] + years[f"b_{name}"]
    return pd.DataFrame(columns)


def _baseline(years: pd.DataFrame, project: pd.DataFrame, p: ParametersInForce) -> pd.DataFrame:
    """The baseline's columns, out of the look-back years of the type chosen; index: row."""
    kinds = years.groupby("row")["type"].nunique()
    count = years.groupby("row")["year"].nunique()
    chosen = years.groupby("row")["type"].first()
    mixed = kinds > 1
    if mixed.any():
        some = years[years["row"].isin(mixed.index[mixed])]
        emission = some.assign(emission=_emission(some, p)).groupby(["row", "type"])["emission"].mean()
        lowest = emission.reset_index().sort_values(["row", "emission", "type"]).drop_duplicates("row")
        chosen.loc[lowest["row"]] = lowest["type"].to_numpy()
    used = years[years["type"] == years["row"].map(chosen)]
    by_row = used.groupby("row")
    result = _baseline_means(by_row, chosen)
    result["baseline_type"] = chosen
    result["lookback_years"] = count.astype(np.float64)
    result["lookback_mixed"] = mixed
    weakest = np.maximum(used["a_evidence_tier"], used["b_evidence_tier"].fillna(0.0))
    result["lookback_evidence_tier"] = weakest.groupby(used["row"]).max()
    proven = result["lookback_evidence_tier"] == 1
    result["baseline_water_evidence"] = proven
    result["baseline_straw_evidence"] = proven
    result["activity"] = _activity(result, project)
    return result


def _baseline_means(by_row: pd.core.groupby.DataFrameGroupBy, chosen: pd.Series) -> pd.DataFrame:
    two = (chosen != "single").to_numpy()
    regimes = np.array(REGIMES, dtype=object)
    columns: dict[str, pd.Series] = {
        # Whole days are rounded towards the lower factor.
        "base1_nonflooded_days": np.ceil(by_row["a_dry"].mean()),
        # One winter without flooding keeps the whole baseline from counting as flooded before the season.
        "base1_preflood_days": by_row["a_preflood_days"].min(),
        "base1_cultivation_days": by_row["a_length"].mean(),
        "base2_cultivation_days": by_row["b_length"].mean().where(two),
        "baseline_yield_t_per_ha": by_row["a_yield"].mean() + by_row["b_yield"].mean().fillna(0.0),
    }
    for season, side in (("base1", "a"), ("base2", "b")):
        for name in (*_NITROGEN, *_LOADS):
            columns[f"{season}_{name}"] = by_row[f"{side}_{name}"].mean()
        # The most drained regime of any year holds for all (VM0051); no record counts as the most drained.
        codes = by_row[f"{side}_regime"].max()
        words = np.where(codes.isna(), None, regimes[codes.fillna(0).to_numpy(dtype=np.int64)])
        columns[f"{season}_regime"] = pd.Series(words, index=codes.index, dtype=object)
    for name in _ENERGY:
        columns[f"baseline_{name}"] = by_row[f"a_{name}"].mean() + by_row[f"b_{name}"].mean().fillna(0.0)
    return pd.DataFrame(columns)


def _activity(baseline: pd.DataFrame, project: pd.DataFrame) -> pd.Series:
    """A1, A2 or A3 by type; A4 where a ratoon field changes the timing of its straw and not its water."""
    activity = baseline["baseline_type"].map({"ratoon": "A1", "double": "A2", "single": "A3"})
    if len(project) == 0:
        return activity
    now = project.reindex(baseline.index)
    less_short = now["a_straw_short_t_per_ha"] < baseline["base1_straw_short_t_per_ha"]
    regimes = pd.Series(range(len(REGIMES)), index=REGIMES)
    same_water = (now["a_regime"] == baseline["base1_regime"].map(regimes)) & (
        now["b_regime"] == baseline["base2_regime"].map(regimes)
    )
    return activity.where(~((activity == "A1") & less_short & same_water), "A4")


def _emission(years: pd.DataFrame, p: ParametersInForce) -> npt.NDArray[np.float64]:
    """Baseline emission of each look-back year, kg CO2e/ha, to compare types of cropping with each other."""
    total = np.zeros(len(years))
    for side in ("a", "b"):
        here = years[f"{side}_regime"].notna().to_numpy()
        regime = years[f"{side}_regime"].fillna(_UNKNOWN).to_numpy(dtype=np.int64)
        proven = years[f"{side}_evidence_tier"].to_numpy() == 1
        regime = np.where((regime == 0) & ~proven, _SINGLE, regime)
        loads = {name: years[f"{side}_{name}_t_per_ha"].fillna(0.0).to_numpy() for name in AMENDMENTS}
        dry = years[f"{side}_dry"].fillna(0.0).to_numpy()
        flooded = years[f"{side}_preflood_days"].fillna(0.0).to_numpy()
        first = baseline_pre_season(dry, flooded, proven, p)
        pre = first if side == "a" else np.full(len(years), p.sf_p_short)
        length = years[f"{side}_length"].fillna(0.0).to_numpy()
        water = water_factor(regime, baseline=True, p=p)
        ch4 = p.ef_c * water * pre * sf_o(loads, p) * length
        nitrogen = years[f"{side}_n_kg_per_ha"].fillna(0.0).to_numpy()
        n2o = nitrogen * nitrogen_factor(regime, baseline=True, p=p) * 44 / 28
        total += np.where(here, ch4 * p.gwp_ch4 + n2o * p.gwp_n2o, 0.0)
    return total


def _review_mixed(result: pd.DataFrame, table: pd.DataFrame, findings: Findings) -> None:
    """A mixed look-back is decided by the rule, and shown."""
    mixed = table["row"].map(result["lookback_mixed"].fillna(False).astype(bool)).to_numpy(dtype=np.bool_)
    first = ~table.duplicated("row").to_numpy()
    findings.where(
        mixed & first,
        column="season",
        values=table["row"].map(result["baseline_type"]).to_numpy(dtype=object),
        unit="",
        allowed=" | ".join(BASELINE_TYPES[1:]),
        zh="分季记录第 {row} 行起的地块回溯期种植制度不一致，取排放最低的一种：{value}。请复核。",
        en="Season records, from line {row}: the look-back years differ; the type with the lowest emission "
        "holds: {value}. Review it.",
        severity="review",
    )


def _review_years(table: pd.DataFrame, findings: Findings) -> None:
    """The look-back is the years right before the project year; old or scattered years are shown."""
    lookback = (table["scenario"] == "lookback").to_numpy()
    by_row = table["row"]
    years = table["year"].where(lookback).groupby(by_row)
    first, last = years.transform("min"), years.transform("max")
    gaps = last - first + 1 > years.transform("nunique")
    project = table["year"].where(~lookback).groupby(by_row).transform("min")
    old = project - last > 1
    start = lookback & ~table.assign(_l=lookback).duplicated(["row", "_l"]).to_numpy()
    findings.where(
        start & (gaps | old).to_numpy(dtype=np.bool_),
        column="year",
        values=(first.map("{:.0f}".format) + " – " + last.map("{:.0f}".format)).to_numpy(dtype=object),
        unit="",
        allowed="",
        zh="分季记录第 {row} 行起的地块，回溯年为 {value}，中间有缺年或没有接到项目年的前一年。"
        "回溯期应为项目前连续几年，请补齐或说明原因。",
        en="Season records, from line {row}: the look-back years {value} have gaps or do not reach the year "
        "before the project. They should be the years right before it; complete them or give the reason.",
        severity="review",
    )


SEASON_RECORDS = Preparation(
    name="season_records",
    title_zh="分季记录（项目年与回溯年）",
    title_en="Season records of project and look-back years",
    key="",
    columns=COLUMNS,
    outputs=OUTPUTS,
    compute=compute,
    unique=("row", "year", "season"),
    source="VM0051 v1.1 (look-back, conservative rule, evidence); specification §5.2, §7.1",
    meaning_zh="每行一个地块、年份和季别；项目年填入项目各列，至少三个回溯年按决策树给出基准线。",
    meaning_en="One parcel, year and season a line; the project year fills the project's columns, at least "
    "three look-back years give the baseline by the decision tree.",
)
