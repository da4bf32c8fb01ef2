"""A proposed change of parameters as the TOML fragment that would be published::

    [gwp_ch4]
    value = 27.9
    from = 2027-01-01
    source = "IPCC AR6 WG1"
    page = "Table 7.15"
    status = "secondary"

``low``, ``high``, ``page`` and ``note`` may be left out. Published, it is one more line of the parameter's
``values``: the days before keep value, source and digest.
"""

from __future__ import annotations

import math
import tomllib
import unicodedata
from dataclasses import asdict, dataclass, replace
from datetime import date
from typing import Any

from carbon_platform.errors import PlatformError
from methodologies.contract import DatedValue, Methodology, Parameter, ParameterSet
from methodologies.errors import InvalidDeclaration
from methodologies.parameters import STATUSES

LENGTH_MAX = 20_000
NEEDED = ("value", "from", "source", "status")
ALLOWED = (*NEEDED, "page", "note", "low", "high")


class FragmentRefused(PlatformError):
    code, status = "credits.fragment_refused", 422
    zh = "参数改动看不明白：{reason}。请按 [参数名] value、from、source、status 填写。"
    en = "The change cannot be read: {reason_en}. Write [parameter] with value, from, source and status."


@dataclass(frozen=True)
class Change:
    """One parameter with a new value from a day on. ``old``: the value before that day."""

    name: str
    symbol: str
    unit: str
    meaning_zh: str
    meaning_en: str
    old: float
    old_source: str
    old_status: str
    value: float
    valid_from: date
    source: str
    status: str
    page: str
    note: str
    low: float
    high: float

    def dated(self, start: date) -> DatedValue:
        """The line of ``values`` this change adds, in force from ``start``."""
        return DatedValue(
            start, self.value, source=self.source, page=self.page, status=self.status, note=self.note,
            low=self.low, high=self.high,
        )  # fmt: skip

    def as_dict(self) -> dict[str, Any]:
        return asdict(self) | {"valid_from": self.valid_from.isoformat()}


def read_fragment(methodology: Methodology, text: str) -> tuple[Change, ...]:
    """The changes a fragment proposes, checked as the parameter file itself is.

    Errors: ``FragmentRefused`` naming what is wrong: no TOML, an unknown parameter or key, a value outside
    its range, a status that is none, a day that has a value already.
    """
    if len(text) > LENGTH_MAX:
        raise _refused(f"超过 {LENGTH_MAX} 个字符", f"more than {LENGTH_MAX} characters")
    try:
        tables = tomllib.loads(text)
    # A bracket ten thousand deep, or a number of as many digits, is refused by the reader in its own way.
    except (ValueError, RecursionError) as error:
        raise _refused(f"不是 TOML（{error}）", f"not TOML: {error}") from error
    if not tables:
        raise _refused("没有参数", "it names no parameter")
    changes = tuple(_change(methodology, name, table) for name, table in tables.items())
    try:
        published(methodology, changes)
    except InvalidDeclaration as error:
        raise _refused(error.message("zh"), error.message("en")) from error
    return changes


def _change(methodology: Methodology, name: str, table: Any) -> Change:
    if name not in methodology.parameters:
        known = "、".join(sorted(parameter.name for parameter in methodology.parameters))
        raise _refused(f"没有参数 {name}，可用的有 {known}", f"no parameter {name}; known: {known}")
    if not isinstance(table, dict):
        raise _refused(f"{name} 要写成一节 [{name}]", f"write {name} as a table")
    missing = [key for key in NEEDED if key not in table]
    strange = [key for key in table if key not in ALLOWED]
    if missing or strange:
        raise _refused(
            f"{name} 缺 {missing}，多 {strange}", f"{name} lacks {missing} and has unknown {strange}"
        )
    parameter = methodology.parameters.get(name)
    start = table["from"]
    if type(start) is not date:
        raise _refused(f"{name} 的 from 要写成日期", f"'from' of {name} must be a date")
    if parameter.values[0].valid_from >= start:
        raise _refused(f"{name} 在 {start} 之前没有值", f"{name} has no value before {start}")
    if any(dated.valid_from == start for dated in parameter.values):
        raise _refused(f"{name} 从 {start} 起已有值", f"{name} has a value from {start} already")
    before = parameter.in_force(date.fromordinal(start.toordinal() - 1))
    change = Change(
        name=name,
        symbol=parameter.symbol,
        unit=parameter.unit,
        meaning_zh=parameter.meaning_zh,
        meaning_en=parameter.meaning_en,
        old=before.value,
        old_source=before.own("source", parameter.source),
        old_status=before.own("status", parameter.status),
        value=_number(name, "value", table["value"]),
        valid_from=start,
        source=_words(name, "source", table["source"]),
        status=_words(name, "status", table["status"]),
        page=_words(name, "page", table.get("page", "")),
        note=_words(name, "note", table.get("note", before.own("note", parameter.note))),
        low=_number(name, "low", table.get("low", before.own("low", parameter.low))),
        high=_number(name, "high", table.get("high", before.own("high", parameter.high))),
    )
    _check_change(change)
    return change


def _check_change(change: Change) -> None:
    """What the parameter file would refuse as well, in the words of whoever fills in the form."""
    name, value, low, high = change.name, change.value, change.low, change.high
    if not low <= value <= high:
        raise _refused(
            f"{name} 的值 {value} 不在 {low} 到 {high} 之间", f"{value} of {name} lies outside {low} … {high}"
        )
    if not change.source:
        raise _refused(f"{name} 的 source（来源）是空的", f"'source' of {name} is empty")
    if change.status not in STATUSES:
        known = "、".join(STATUSES)
        raise _refused(
            f"{name} 的 status“{change.status}”不认识，可用的有 {known}",
            f"status '{change.status}' of {name} is none of {', '.join(STATUSES)}",
        )


def _number(name: str, key: str, value: Any) -> float:
    try:
        number = math.nan if isinstance(value, bool) or not isinstance(value, int | float) else float(value)
    except OverflowError:  # an integer beyond every float
        number = math.nan
    if not math.isfinite(number):
        raise _refused(f"{name} 的 {key} 不是数字", f"'{key}' of {name} is not a number")
    return number


def _words(name: str, key: str, value: Any) -> str:
    if not isinstance(value, str):
        raise _refused(f"{name} 的 {key} 不是文字", f"'{key}' of {name} is not text")
    if any(unicodedata.category(character) == "Cc" for character in value):
        raise _refused(f"{name} 的 {key} 里有控制字符", f"'{key}' of {name} holds control characters")
    return value.strip()


def _refused(zh: str, en: str) -> FragmentRefused:
    return FragmentRefused(reason=zh, reason_en=en)


def published(methodology: Methodology, changes: tuple[Change, ...]) -> ParameterSet:
    """The set as it will be once the fragment stands in the file: the past keeps its values."""
    return _with(methodology, {change.name: _told(methodology, change) for change in changes})


def _told(methodology: Methodology, change: Change) -> Parameter:
    before = methodology.parameters.get(change.name)
    values = sorted([*before.values, change.dated(change.valid_from)], key=lambda dated: dated.valid_from)
    return replace(before, values=tuple(values))


def in_hypothesis(methodology: Methodology, changes: tuple[Change, ...]) -> ParameterSet:
    """The set of a "what if": the proposed values on every day, so that runs of the past show the effect."""
    always = {}
    for change in changes:
        before = methodology.parameters.get(change.name)
        always[change.name] = replace(before, values=(change.dated(before.values[0].valid_from),))
    return _with(methodology, always)


def _with(methodology: Methodology, parameters: dict[str, Parameter]) -> ParameterSet:
    return ParameterSet({one.name: parameters.get(one.name, one) for one in methodology.parameters})
