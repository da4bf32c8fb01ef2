"""Water regime (水分管理) of one season out of a daily water-level record (水位记录)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from typing import Literal

import numpy as np
import numpy.typing as npt

READINGS_MIN = 4  # "more than three days" needs at least four daily readings
MERGE_BELOW_FLOODED_DAYS = 2
GAP_DAYS_MAX = 7
SHALLOW_ABOVE_CM = -10.0
YIELD_RISK_BELOW_CM = -15.0
FIRST_DRAINAGE_DAYS_MIN = 21


@dataclass(frozen=True, slots=True)
class DrainageEvent:
    """A dry spell that counts: level at or below the soil surface on four readings or more.

    ``shallow``: never below −10 cm (VM0051 would demand measurement). ``yield_risk``: below −15 cm (the
    safe-AWD depth). ``early``: it began less than 21 days after the first flooding.
    """

    start: date
    end: date
    level_min_cm: float
    shallow: bool
    yield_risk: bool
    early: bool


@dataclass(frozen=True, slots=True)
class WaterRegime:
    """``regime`` as the methodology's columns take it. ``unproven``: dry spells with missing days inside.

    ``complete`` is False when such a spell exists or more than seven days in a row were not read.
    """

    regime: Literal["continuous", "single", "multiple", "unknown"]
    events: tuple[DrainageEvent, ...]
    unproven: tuple[tuple[date, date], ...]
    complete: bool


@dataclass(frozen=True, slots=True)
class _Spell:
    first: int
    last: int
    gap: bool
    counts: bool


def classify_water_regime(
    dates: Sequence[date],
    levels_cm: Sequence[float] | npt.NDArray[np.float64],
    *,
    planted: date,
    drained: date,
) -> WaterRegime:
    """Count the drainage events of one season.

    ``levels_cm``: level relative to the soil surface, one reading a day, NaN where missing; ``dates`` may
    have gaps and any order. ``planted``: transplanting or sowing; ``drained``: harvest or final drainage,
    the last day looked at. Rules: a spell of days with level ≤ 0 counts when longer than three days; not
    before the first flooding after planting; not when it reaches the end (end-of-season drainage); spells
    parted by fewer than two flooded days are one; a spell with missing days inside is not proven. 0 events
    are continuous, 1 single, more multiple; without any event an incomplete record is unknown. Raises
    ValueError when dates and levels differ in number, a day occurs twice, or the season is empty.
    """
    levels = _daily(dates, levels_cm, planted, drained)
    read = ~np.isnan(levels)
    flooded = read & (levels > 0)
    if not flooded.any():
        return WaterRegime("unknown", (), (), complete=False)
    start = int(np.flatnonzero(flooded)[0])
    spells = _merged(_spells(flooded, read, start), len(levels))
    events = tuple(
        _event(spell, levels, planted, start) for spell in spells if spell.counts and not spell.gap
    )
    unproven = tuple(
        (planted + timedelta(days=spell.first), planted + timedelta(days=spell.last))
        for spell in spells
        if spell.gap
    )
    longest_gap = max((len(list(run)) for missing, run in groupby(~read) if missing), default=0)
    complete = not unproven and longest_gap <= GAP_DAYS_MAX
    if not events:
        return WaterRegime("continuous" if complete else "unknown", (), unproven, complete)
    return WaterRegime("single" if len(events) == 1 else "multiple", events, unproven, complete)


def _daily(
    dates: Sequence[date], levels_cm: Sequence[float] | npt.NDArray[np.float64], planted: date, drained: date
) -> npt.NDArray[np.float64]:
    """Levels for each day from ``planted`` to ``drained``, NaN where there is no reading."""
    if len(dates) != len(levels_cm):
        raise ValueError(f"{len(dates)} dates but {len(levels_cm)} levels: give one level (cm) per day")
    if len(set(dates)) != len(dates):
        raise ValueError("a day occurs twice: give one reading a day")
    if drained <= planted:
        raise ValueError(f"the season ends on {drained}, not after planting on {planted}")
    levels = np.full((drained - planted).days + 1, np.nan)
    for day, level in zip(dates, levels_cm, strict=True):
        if planted <= day <= drained:
            levels[(day - planted).days] = level
    return levels


def _spells(flooded: npt.NDArray[np.bool_], read: npt.NDArray[np.bool_], start: int) -> list[_Spell]:
    """Maximal runs of days not seen flooded after the first flooding, trimmed to their dry readings."""
    spells = []
    end = len(flooded)
    day = start
    for wet, run in groupby(flooded[start:]):
        days = range(day, day + len(list(run)))
        day = days.stop
        dry = [d for d in days if read[d]]
        if wet or (not dry and days.stop < end):
            continue
        # A spell that runs into the end, read or not, is the end-of-season drainage.
        first, last = (dry[0], dry[-1]) if dry else (days.start, days.stop - 1)
        if days.stop == end:
            last = end - 1
        # Shorter than an event even if every missing day was dry: nothing is left unproven.
        gap = READINGS_MIN <= last - first + 1 != len(dry)
        spells.append(_Spell(first, last, gap, counts=len(dry) >= READINGS_MIN))
    return spells


def _merged(spells: list[_Spell], days: int) -> list[_Spell]:
    """Spells that matter, close ones made one, without what reaches the end of the season."""
    kept: list[_Spell] = []
    for spell in spells:
        ends_season = spell.last == days - 1
        # A short dry spell is no event and must not glue two events together; the last one always matters.
        if not spell.counts and not ends_season and not spell.gap:
            continue
        if kept and spell.first - kept[-1].last - 1 < MERGE_BELOW_FLOODED_DAYS:
            before = kept.pop()
            spell = _Spell(before.first, spell.last, before.gap or spell.gap, before.counts or spell.counts)
        kept.append(spell)
    return [spell for spell in kept if spell.last != days - 1]


def _event(
    spell: _Spell, levels: npt.NDArray[np.float64], planted: date, first_flooding: int
) -> DrainageEvent:
    lowest = float(np.nanmin(levels[spell.first : spell.last + 1]))
    return DrainageEvent(
        start=planted + timedelta(days=spell.first),
        end=planted + timedelta(days=spell.last),
        level_min_cm=lowest,
        shallow=lowest > SHALLOW_ABOVE_CM,
        yield_risk=lowest < YIELD_RISK_BELOW_CM,
        early=spell.first - first_flooding < FIRST_DRAINAGE_DAYS_MIN,
    )
