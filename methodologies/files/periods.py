"""Periods and days as people write them: ``2025``, ``2025-01-01..2026-01-01``, ``["2025-01-01", …]``."""

from __future__ import annotations

import re
import unicodedata
from datetime import date, datetime
from typing import Any

from methodologies.declaration import Period
from methodologies.errors import InvalidFile

_DAY = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?")
_BETWEEN = re.compile(r"\s*(?:\.\.|/(?=\d{4}-)|,|;|~|至|到|\s+to\s+|\s+)\s*")
_YEAR = re.compile(r"\d{4}")


def read_day(value: Any, where: str) -> date:
    """One day; :class:`InvalidFile` (naming ``where``) when it is none."""
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    text = unicodedata.normalize("NFKC", str(value)).strip()
    match = _DAY.fullmatch(text)
    try:
        if match:
            return date(int(match[1]), int(match[2]), int(match[3]))
    except ValueError:
        pass
    raise InvalidFile(
        file=where,
        reason=f"{value!r} is no date; write YYYY-MM-DD",
        reason_zh=f"{value!r} 不是日期，请写成 YYYY-MM-DD",
    )


def read_period(value: Any, where: str) -> Period:
    """[start, end): a pair, ``start..end``, an object with start and end, or a whole year.

    :class:`InvalidFile` when it cannot be read, :class:`InvalidPeriod` when the end does not follow.
    """
    if isinstance(value, dict):
        parts = [value.get("start", value.get("from")), value.get("end", value.get("to"))]
    elif isinstance(value, list | tuple):
        parts = list(value)
    else:
        text = unicodedata.normalize("NFKC", str(value)).strip()
        if _YEAR.fullmatch(text):
            year = int(text)
            return Period.of((date(year, 1, 1), date(year + 1, 1, 1)))
        parts = [part for part in _BETWEEN.split(text) if part]
    if len(parts) != 2 or None in parts:
        raise InvalidFile(
            file=where,
            reason=f"the period {value!r} must be a year or start..end, the end being the first day after it",
            reason_zh=f"监测期 {value!r} 应为年份或 开始..结束（结束为期后第一天）",
        )
    return Period.of((read_day(parts[0], where), read_day(parts[1], where)))
