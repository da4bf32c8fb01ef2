"""Water-level logs (水位记录) as evidence: the daily levels of one parcel out of a CSV or XLSX file.

The columns are those of the table of daily levels a methodology declares, so that what is handed in as
evidence is what a run reads. A plain logger file with a day and a level is enough.
"""

from __future__ import annotations

import math
import unicodedata
import zipfile
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import pandas as pd

from carbon_platform.parcels.evidence_rules import EvidenceRefused
from carbon_platform.parcels.evidence_words import Finding, finding
from methodologies import registry
from methodologies.declaration import Preparation
from methodologies.errors import InvalidFile, InvalidRows
from methodologies.files.cell_values import column_values
from methodologies.files.grids import read_csv, read_xlsx
from methodologies.files.headers import match_header, note_lines, unit_problems

TABLE: Final = "water_levels"
_READINGS_MAX: Final = 4_000  # ten years of days
_FILE_BYTES: Final = 4 << 20  # such a log takes less than 0.2 MB; a file may hold those of many fields
_UNPACKED_BYTES: Final = 64 << 20
_ENTRIES: Final = 200
_SHOWN: Final = 20
_LOGGERS_SAY: Final = {
    **dict.fromkeys(("日期", "时间", "读数日", "观测日期", "记录日期", "date", "day"), "level_date"),
    **dict.fromkeys(("水位", "水深", "水位高度", "level", "water level", "water_level"), "level_cm"),
    **dict.fromkeys(("地块", "地块编号", "田块", "parcel", "plot"), "row"),
}


@dataclass(frozen=True)
class WaterLog:
    """Levels (cm above the soil surface, negative below) by day, ascending."""

    levels: tuple[tuple[date, float], ...]

    @property
    def first(self) -> date:
        return self.levels[0][0]

    @property
    def last(self) -> date:
        return self.levels[-1][0]

    def summary(self) -> dict[str, Any]:
        """What the page shows; ``levels`` as [day, cm]."""
        values = [level for _, level in self.levels]
        return {
            "first": self.first.isoformat(),
            "last": self.last.isoformat(),
            "readings": len(values),
            "low_cm": min(values),
            "high_cm": max(values),
            "flooded_days": sum(level > 0 for level in values),
            "levels": [[day.isoformat(), level] for day, level in self.levels],
        }


def read_log(path: Path, *, labels: frozenset[str], today: date) -> WaterLog:
    """The levels of one parcel. ``labels``: what the file may call it; others' lines are passed over.

    Errors: ``EvidenceRefused`` naming rows and values.
    """
    if path.stat().st_size > _FILE_BYTES:
        megabytes = _FILE_BYTES >> 20
        raise _refused(f"水位记录超过 {megabytes} MB", f"a log takes at most {megabytes} MB")
    if path.suffix.lower() == ".xlsx":
        _check_archive(path)
    table = _declared()
    try:
        frame = _frame(path, table)
    except InvalidRows as error:
        first = error.problems[0]
        errors = [{"row": p.row, "field": p.column, "value": p.value, "zh": p.zh, "en": p.en}
                  for p in error.problems[:_SHOWN]]  # fmt: skip
        raise _refused(first.zh, first.en, errors) from error
    except InvalidFile as error:
        raise _refused(error.message("zh"), error.message("en")) from error
    # openpyxl raises almost anything for bytes that only look like a workbook.
    except (ValueError, TypeError, KeyError, AttributeError, OSError, zipfile.BadZipFile) as error:
        raise _refused("读不出表格", "it cannot be read as a table") from error
    missing = [name for name in ("level_date", "level_cm") if name not in frame]
    if missing:
        words = "、".join(missing)
        raise _refused(f"缺少列 {words}（读数日、水位 cm）", f"it lacks {words}: the day and the level in cm")
    return WaterLog(_levels(_own_lines(frame, labels), table, today))


def _frame(path: Path, table: Preparation) -> pd.DataFrame:
    """The declared columns the file has; the index holds its line numbers."""
    grids = read_xlsx(path) if path.suffix.lower() == ".xlsx" else [read_csv(path)]
    grid = next(
        (grid for grid in grids if grid.name.split(" ")[0] == table.name), grids[0] if grids else None
    )
    if grid is None or not grid.cells:
        raise InvalidFile(file=path.name, reason="it is empty", reason_zh="没有内容")
    header = match_header([_declared_name(cell) for cell in grid.cells[0]], table.columns)
    problems = list(header.problems)
    notes = note_lines(grid.cells[1:], header, table.columns)
    for line in grid.cells[1 : 1 + notes]:
        problems += unit_problems(line, header, table.columns, "")
    if problems:
        raise InvalidRows(problems, len(problems))
    lines, numbers = grid.cells[1 + notes :], grid.numbers[1 + notes :]
    values = {}
    for column in table.columns:
        place = header.places.get(column.name)
        if place is not None:
            cells = [line[place] if place < len(line) else None for line in lines]
            values[column.name] = column_values(column, cells).to_numpy(dtype=object)
    return pd.DataFrame(values, index=pd.Index(numbers))


def _declared_name(cell: Any) -> Any:
    """What loggers call a column → its declared name; a unit behind it stays, and is checked."""
    text = unicodedata.normalize("NFKC", str(cell or "")).strip()
    bare, bracket, unit = text.partition("(")
    name = _LOGGERS_SAY.get(bare.strip().casefold())
    return f"{name} {bracket}{unit}".strip() if name else cell


def _declared() -> Preparation:
    for methodology in registry().values():
        for preparation in methodology.preparations:
            if preparation.name == TABLE:
                return preparation
    raise LookupError(f"no methodology declares the table {TABLE}")


def _check_archive(path: Path) -> None:
    """Refuse a workbook that would grow beyond bounds when unpacked."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise _refused("不是 XLSX 工作簿", "it is no XLSX workbook") from error
    if len(entries) > _ENTRIES or sum(entry.file_size for entry in entries) > _UNPACKED_BYTES:
        raise _refused("工作簿解压后太大", "the workbook grows too large when unpacked")


def _own_lines(frame: pd.DataFrame, labels: frozenset[str]) -> pd.DataFrame:
    if "row" not in frame:
        return frame
    named = frame["row"].map(lambda cell: str(cell).strip() if cell is not None else "")
    own = frame[named.isin(labels)]
    if own.empty:
        there = "、".join(sorted(set(named))[:5])
        raise _refused(
            f"文件里没有这块地的读数（有：{there}）", f"it has no line of this parcel (it has {there})"
        )
    return own


def _levels(frame: pd.DataFrame, table: Preparation, today: date) -> tuple[tuple[date, float], ...]:
    level = next(column for column in table.columns if column.name == "level_cm")
    low, high = level.low, level.high
    errors: list[dict[str, Any]] = []
    levels: dict[date, float] = {}
    for row, day, value in zip(frame.index, frame["level_date"], frame["level_cm"], strict=True):
        if type(day) is not date or day > today:
            errors.append(_wrong(row, "level_date", day, "须是不晚于今天的日期", "must be a day up to today"))
        elif levels.get(day, value) != value:
            errors.append(_wrong(row, "level_date", day, "这一天有两个读数", "this day has two readings"))
        elif not _is_number(value) or not low <= value <= high:
            zh, en = f"须在 {low:g} 到 {high:g} cm 之间", f"must lie within {low:g} and {high:g} cm"
            errors.append(_wrong(row, "level_cm", value, zh, en))
        else:
            levels[day] = float(value)
    if errors:
        raise _refused(f"有 {len(errors)} 行读不出", f"{len(errors)} lines are wrong", errors[:_SHOWN])
    if not levels or len(levels) > _READINGS_MAX:
        count = len(levels)
        raise _refused(
            f"有 {count} 个读数，应为 1 到 {_READINGS_MAX}", f"{count} readings; 1 to {_READINGS_MAX} go"
        )
    return tuple(sorted(levels.items()))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _wrong(row: Any, field: str, value: Any, zh: str, en: str) -> dict[str, Any]:
    shown = "" if value is None else str(value)[:40]
    return {
        "row": int(row), "field": field, "value": shown,
        "zh": f"第 {row} 行 {field} 为“{shown}”，{zh}。", "en": f"Line {row}: {field} is '{shown}'; {en}.",
    }  # fmt: skip


def _refused(zh: str, en: str, errors: list[dict[str, Any]] | None = None) -> EvidenceRefused:
    return EvidenceRefused(reason=zh.rstrip("。"), reason_en=en.rstrip("."), errors=errors)


def log_findings(
    log: WaterLog, *, shows: tuple[date, date] | None, gap_days: int, earlier: dict[date, float]
) -> list[Finding]:
    """A log against the period it is said to cover, its gaps, and the levels handed in before."""
    found = [finding("log_read", count=len(log.levels), first=log.first, last=log.last)]
    if shows and not (shows[0] <= log.first and log.last <= shows[1]):
        found.append(
            finding("log_outside", first=log.first, last=log.last, from_day=shows[0], to_day=shows[1])
        )
    days = [day for day, _ in log.levels]
    for before, after in pairwise(days):
        missing = (after - before).days - 1
        if missing > gap_days:
            found.append(finding("log_gap", first=before, last=after, days=missing, limit=gap_days))
    apart = [
        (day, level, earlier[day]) for day, level in log.levels if day in earlier and earlier[day] != level
    ]
    if apart:
        day, new, old = apart[0]
        found.append(finding("log_contradicts", day=day, new=new, old=old, count=len(apart)))
    return found
