"""Daily water levels or a list of drainages (水位记录) of project seasons → the water regime of each season.

One line of a table is one reading, or one drainage. Planting and drainage of the season stand on every line,
so that a log that begins late or ends early is seen to be incomplete.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from methodologies.columns import Column, Findings
from methodologies.declaration import Period, Preparation
from methodologies.parameters import ParametersInForce
from methodologies.ratoon_rice_v1.columns import REGIMES
from methodologies.ratoon_rice_v1.water_regime import (
    FIRST_DRAINAGE_DAYS_MIN,
    GAP_DAYS_MAX,
    SHALLOW_ABOVE_CM,
    YIELD_RISK_BELOW_CM,
    WaterRegime,
    classify_water_regime,
)

Places = npt.NDArray[np.intp]

_SEASONS = ("main", "ratoon")
_SEASON_WORDS = {"main": ("头季", "main season"), "ratoon": ("再生季", "ratoon season")}

_SEASON_COLUMNS = (
    Column("row", "text", "", "地块（主表行标签）", "parcel, the row label of the frame"),
    Column("season", "choice", "", "季别", "season", choices=_SEASONS, labels=_SEASON_WORDS),
    Column("planted_date", "date", "", "该季移栽或播种日（再生季填头季收割日）",
        "transplanting or sowing of the season; for ratoon the main harvest"),
    Column("drained_date", "date", "", "该季收割或最终排干日", "harvest or final drainage of the season"),
)  # fmt: skip
LEVEL_COLUMNS = (
    *_SEASON_COLUMNS,
    Column("level_date", "date", "", "读数日", "day of the reading"),
    Column("level_cm", "float", "cm", "相对土面的水位（负为土面以下）",
        "water level relative to the soil surface; negative is below", -150, 100),
)  # fmt: skip
EVENT_COLUMNS = (
    *_SEASON_COLUMNS,
    Column("start_date", "date", "", "落干首日", "first day without standing water"),
    Column("end_date", "date", "", "落干末日", "last day without standing water"),
    Column("level_min_cm", "float", "cm", "最低水位（负为土面以下）",
        "lowest level; negative is below the soil",
        -150, 0),
)  # fmt: skip
_FLOODED_CM = 1.0  # any level above the soil: an event list says nothing more of the other days


def _outputs(season: str) -> tuple[Column, ...]:
    zh, en = _SEASON_WORDS[season]
    return (
        Column(
            f"{season}_regime", "choice", "", f"{zh}：水分管理", f"{en}: water regime", choices=REGIMES
        ),
        Column(f"{season}_drainage_events", "int", "", f"{zh}：排水次数", f"{en}: drainage events", 0, 100),
        Column(f"{season}_unproven_events", "int", "", f"{zh}：因缺测未证实的落干",
            f"{en}: dry spells unproven for missing days", 0, 100),
        Column(f"{season}_level_min_cm", "float", "cm", f"{zh}：排水期最低水位",
            f"{en}: lowest level of its events", -150, 100),
    )  # fmt: skip


_PREFLOOD = Column(
    "ratoon_preflood_days", "int", "d", "头季收割前未落干的连续淹水天数（达到界限时给出）",
    "days of flooding up to the main harvest without drying; given from the limit on", 0, 200,
)  # fmt: skip
OUTPUTS = (*(column for season in _SEASONS for column in _outputs(season)), _PREFLOOD)


Days = dict[str, npt.NDArray[np.datetime64]]


def from_levels(
    table: pd.DataFrame, *, period: Period, p: ParametersInForce, findings: Findings
) -> pd.DataFrame:
    """One line per parcel: regime, events, unproven spells and depth of either season.

    A season without readings stays empty: its regime is then ``unknown`` and counts against the project.
    """
    days = _days(table, "planted_date", "drained_date", "level_date")
    levels = table["level_cm"].to_numpy()

    def readings(places: Places, planted: date, drained: date) -> tuple[list[date], Any]:
        return days["level_date"][places].tolist(), levels[places]

    return _regimes(table, days, readings, p, findings)


def from_events(
    table: pd.DataFrame, *, period: Period, p: ParametersInForce, findings: Findings
) -> pd.DataFrame:
    """The same out of a list of drainages: every other day of the season counts as flooded."""
    days = _days(table, "planted_date", "drained_date", "start_date", "end_date")
    depths = table["level_min_cm"].to_numpy()
    backward = np.flatnonzero(days["end_date"] < days["start_date"])
    _date_problem(table, backward, "end_date", findings, "不早于 start_date", "not before start_date")

    def readings(places: Places, planted: date, drained: date) -> tuple[list[date], Any]:
        season = np.arange(np.datetime64(planted), np.datetime64(drained) + 1)
        spells = [
            np.where((season >= days["start_date"][place]) & (season <= days["end_date"][place]),
                     depths[place], _FLOODED_CM)
            for place in places
        ]  # fmt: skip
        return season.tolist(), np.min(spells, axis=0)

    return _regimes(table, days, readings, p, findings)


def _days(table: pd.DataFrame, *names: str) -> Days:
    return {name: table[name].to_numpy().astype("datetime64[D]") for name in names}


def _regimes(
    table: pd.DataFrame,
    days: Days,
    readings: Callable[[Places, date, date], tuple[list[date], Any]],
    p: ParametersInForce,
    findings: Findings,
) -> pd.DataFrame:
    """Classify every parcel and season of a table."""
    keys = table["row"].unique()
    cells: dict[str, list[Any]] = {column.name: [None] * len(keys) for column in OUTPUTS}
    place_of = {key: position for position, key in enumerate(keys)}
    groups = table.groupby(["row", "season"], observed=True, sort=False).indices
    for (key, season), places in groups.items():
        span = _span(table, days, places, findings)
        if span is None:
            continue
        dates, levels = readings(places, *span)
        found = classify_water_regime(dates, levels, planted=span[0], drained=span[1])
        where = np.zeros(len(table), np.bool_)
        where[places[0]] = True
        _flag(found, where, str(season), str(key), findings)
        depths = [event.level_min_cm for event in found.events]
        line = (found.regime, len(found.events), len(found.unproven), min(depths, default=None))
        for column, value in zip(_outputs(str(season)), line, strict=True):
            cells[column.name][place_of[key]] = value
        flooded = _flooded_up_to(dates, levels, *span)
        # A field that never dried before the main harvest starts its ratoon season flooded.
        if season == "main" and flooded >= p.days_flooded:
            cells[_PREFLOOD.name][place_of[key]] = flooded
    return pd.DataFrame(cells, index=pd.Index(keys))


def _flooded_up_to(dates: list[date], levels: npt.NDArray[np.float64], planted: date, end: date) -> int:
    """Days since the soil was last read dry, or since planting; a day not read counts as flooded."""
    back = (np.datetime64(end) - np.array(dates, dtype="datetime64[D]")).astype(np.int64)
    dry = back[(levels <= 0) & (back >= 0)]
    return int(dry.min(initial=(end - planted).days))


def _span(table: pd.DataFrame, days: Days, places: Places, findings: Findings) -> tuple[date, date] | None:
    """Planting and drainage of one season; None, with a finding, when the lines contradict each other."""
    for name in ("planted_date", "drained_date"):
        differs = days[name][places] != days[name][places[0]]
        if differs.any():
            _date_problem(table, places[differs], name, findings, "各行相同", "the same on all lines")
            return None
    planted, drained = (days[name][places[0]].item() for name in ("planted_date", "drained_date"))
    if drained <= planted:
        after = ("晚于 planted_date", "after planted_date")
        _date_problem(table, places[:1], "drained_date", findings, *after)
        return None
    return planted, drained


def _date_problem(table: pd.DataFrame, places: Any, name: str, findings: Findings, zh: str, en: str) -> None:
    wrong = np.zeros(len(table), np.bool_)
    wrong[places] = True
    findings.where(
        wrong,
        column=name,
        values=table[name].to_numpy().astype("datetime64[D]"),
        unit="date",
        allowed=en,
        zh=f"水位记录第 {{row}} 行 {{column}} 为 {{value}}，应{zh}。请核对。",
        en=f"Water log, line {{row}}: {{column}} is {{value}}, but must be {en}. Check it.",
    )


def _flag(found: WaterRegime, where: Any, season: str, key: str, findings: Findings) -> None:
    """What a reviewer must know about a log that was classified."""
    zh_season, en_season = _SEASON_WORDS[season]
    events = found.events
    shallow = sum(event.shallow for event in events)
    deep = sum(event.yield_risk for event in events)
    early = sum(event.early for event in events[:1])
    flags = (
        (len(found.unproven), "次落干有缺测日，未计入", "dry spell(s) with missing days, not counted"),
        (shallow, f"次排水未低于 {SHALLOW_ABOVE_CM:g} cm（VM0051 要求实测）",
         f"event(s) never below {SHALLOW_ABOVE_CM:g} cm, for which VM0051 demands measurement"),
        (deep, f"次排水低于 {YIELD_RISK_BELOW_CM:g} cm（有减产风险）",
         f"event(s) below {YIELD_RISK_BELOW_CM:g} cm, a risk to the yield"),
        (early, f"次首次排水早于淹水后 {FIRST_DRAINAGE_DAYS_MIN} 天",
         f"first drainage within {FIRST_DRAINAGE_DAYS_MIN} days of flooding"),
        (int(not found.complete and not found.unproven),
         f"次：连续缺测超过 {GAP_DAYS_MAX} 天或没有淹水读数", f"gap of more than {GAP_DAYS_MAX} days, or no "
         "flooded reading"),
    )  # fmt: skip
    for count, zh, en in flags:
        if count:
            findings.where(
                where,
                column=f"{season}_regime",
                values=np.full(len(where), found.regime, dtype=object),
                unit="",
                allowed="",
                zh=f"地块 {key} {zh_season}水位记录（{{value}}）：{count} {zh}，请复核。",
                en=f"Parcel {key}, {en_season}, water log ({{value}}): {count} {en}; review it.",
                severity="review",
            )


_RULES = "BM AG04.002 v1.0 (events longer than three days); VM0051 v1.1; specification §7.2"

WATER_LEVELS = Preparation(
    name="water_levels",
    title_zh="水位日记录",
    title_en="Daily water levels",
    key="",
    columns=LEVEL_COLUMNS,
    outputs=OUTPUTS,
    compute=from_levels,
    unique=("row", "season", "level_date"),
    source=_RULES,
    meaning_zh="每行一个读数；由日水位判定持续淹水、单次排水或多次排水。收割前的排水不计。",
    meaning_en="One reading a line; continuous, single or multiple drainage follows from the levels. "
    "The drainage before harvest does not count.",
)

DRAINAGE_EVENTS = Preparation(
    name="drainage_events",
    title_zh="排水晒田事件",
    title_en="Drainage events",
    key="",
    columns=EVENT_COLUMNS,
    outputs=OUTPUTS,
    compute=from_events,
    unique=("row", "season", "start_date"),
    source=_RULES,
    meaning_zh="没有日水位时使用：每行一次落干，其余各天视为淹水；规则同日水位。同一地块只用一种。",
    meaning_en="For fields without daily levels: one drainage a line, all other days flooded; same rules. "
    "Use one of the two tables for a parcel.",
)
