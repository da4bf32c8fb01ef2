"""Administrative codes (行政区划代码): how they are read, and what a list of them must satisfy.

A code is its own path: 41 province, 4115 city, 411522 county, 411522207 township, 411522207014 village.
Official lists pad them with zeros (``411500``, ``411522207000``); here they are stored short.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final

from carbon_platform.errors import PlatformError

LEVELS: Final = {2: "province", 4: "city", 6: "county", 9: "township", 12: "village"}
PARENT_LENGTH: Final = {2: 0, 4: 2, 6: 4, 9: 6, 12: 9}
COLUMNS: Final = ("code", "name_zh", "name_en", "valid_from", "valid_to", "successor_code")
_NEEDED: Final = ("code", "name_zh", "valid_from")
ERRORS_SHOWN: Final = 50


class RegionsRefused(PlatformError):
    """``errors`` names row, field, value and what to do. Nothing was written."""

    code, status = "regions.refused", 422
    zh = "这份区划表有 {count} 处不对，没有写入任何内容。{reason}"
    en = "This list of regions has {count} faults; nothing was written. {reason_en}"


@dataclass(frozen=True)
class Entry:
    """One row of a list: a region from ``valid_from`` on; ``valid_to`` (exclusive) where it has ended."""

    row: int
    code: str
    name_zh: str
    name_en: str
    valid_from: date
    valid_to: date | None = None
    successor_code: str = ""

    @property
    def level(self) -> str:
        return LEVELS[len(self.code)]

    @property
    def parent_code(self) -> str:
        return self.code[: PARENT_LENGTH[len(self.code)]]


@dataclass(frozen=True)
class Known:
    """A region as it stands: what a list is compared with."""

    code: str
    name_zh: str
    name_en: str
    valid_from: date
    valid_to: date | None
    successor_code: str


@dataclass(frozen=True)
class Change:
    """What one row does: ``added``, ``renamed``, ``ended``; ``before`` is None for a new region."""

    kind: str
    entry: Entry
    before: Known | None
    effective_on: date


def normal_code(text: str) -> str:
    """The short form of a code: ``411500`` → ``4115``, ``411522000000`` → ``411522``; "" if it is none."""
    code = unicodedata.normalize("NFKC", text).strip()
    if not (code.isascii() and code.isdigit()) or len(code) not in LEVELS:
        return ""
    if len(code) == 12:
        code = code.removesuffix("000") if code.endswith("000") else code
    if len(code) == 9:
        code = code.removesuffix("000") if code.endswith("000") else code
    if len(code) == 6:
        code = code.removesuffix("0000") if code.endswith("0000") else code.removesuffix("00")
    return code


def fault(row: int, field: str, value: Any, zh: str, en: str) -> dict[str, Any]:
    """One entry of ``RegionsRefused.errors``."""
    shown = str(value)[:80]
    return {"code": "regions.row", "row": row, "field": field, "value": shown, "zh": zh, "en": en}


def refused(faults: list[dict[str, Any]]) -> RegionsRefused:
    first = faults[0]
    return RegionsRefused(
        count=len(faults), reason=first["zh"], reason_en=first["en"], errors=faults[:ERRORS_SHOWN]
    )


def read_entries(records: Iterable[Mapping[str, str]]) -> list[Entry]:
    """Rows of a table (header = :data:`COLUMNS`, the last three optional) as entries.

    Errors: ``RegionsRefused`` naming row (first record = 1), field and value.
    """
    faults: list[dict[str, Any]] = []
    entries = []
    for row, record in enumerate(records, start=1):
        entry = _entry(row, record, faults)
        if entry is not None:
            entries.append(entry)
    if not entries and not faults:
        faults.append(fault(0, "file", "", "表里没有一行。", "The table has no rows."))
    first: dict[str, int] = {}
    for entry in entries:
        other = first.setdefault(entry.code, entry.row)
        if other != entry.row:
            zh = f"第 {entry.row} 行的代码 {entry.code} 与第 {other} 行相同，只留一行。"
            en = f"Row {entry.row} has the same code {entry.code} as row {other}: keep one."
            faults.append(fault(entry.row, "code", entry.code, zh, en))
    if faults:
        raise refused(faults)
    return entries


def _entry(row: int, record: Mapping[str, str], faults: list[dict[str, Any]]) -> Entry | None:
    cells = {name: (record.get(name) or "").strip() for name in COLUMNS}
    before = len(faults)
    for name in _NEEDED:
        if not cells[name]:
            zh, en = f"第 {row} 行缺少 {name}，请补齐。", f"Row {row} lacks {name}: fill it in."
            faults.append(fault(row, name, "", zh, en))
    code = _code(row, "code", cells["code"], faults)
    successor = _code(row, "successor_code", cells["successor_code"], faults)
    start = _day(row, "valid_from", cells["valid_from"], faults)
    end = _day(row, "valid_to", cells["valid_to"], faults)
    if start and end and end <= start:
        zh = f"第 {row} 行的失效日 {end} 不晚于生效日 {start}，请核对。"
        en = f"Row {row} ends on {end}, not after it begins on {start}: check the dates."
        faults.append(fault(row, "valid_to", end, zh, en))
    if len(faults) > before or start is None:
        return None
    return Entry(row, code, cells["name_zh"], cells["name_en"], start, end, successor)


def _code(row: int, field: str, text: str, faults: list[dict[str, Any]]) -> str:
    code = normal_code(text) if text else ""
    if text and not code:
        zh = f"第 {row} 行的 {field}「{text[:20]}」不是区划代码：应为 2、4、6、9 或 12 位数字。"
        en = f"Row {row}: {field} “{text[:20]}” is no administrative code: 2, 4, 6, 9 or 12 digits."
        faults.append(fault(row, field, text, zh, en))
    return code


def _day(row: int, field: str, text: str, faults: list[dict[str, Any]]) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        zh = f"第 {row} 行的 {field}「{text[:20]}」不是日期，应写作 2026-01-31。"
        en = f"Row {row}: {field} “{text[:20]}” is no date; write it as 2026-01-31."
        faults.append(fault(row, field, text, zh, en))
        return None


def changes_of(entries: list[Entry], known: Mapping[str, Known]) -> list[Change]:
    """What the list changes, parents before children; the same list again: nothing.

    Errors: ``RegionsRefused`` for a missing parent, a successor nobody knows, a renaming that lies before
    what is on record, a region that ends before its own parts do.
    """
    listed = {entry.code: entry for entry in entries}
    faults: list[dict[str, Any]] = []
    found = []
    for entry in sorted(entries, key=lambda entry: entry.code):
        _check_place(entry, listed, known, faults)
        change = _change(entry, known.get(entry.code), faults)
        if change is not None:
            found.append(change)
    _check_parts(listed, known, faults)
    if faults:
        raise refused(faults)
    return found


def _check_place(
    entry: Entry, listed: Mapping[str, Entry], known: Mapping[str, Known], faults: list[dict[str, Any]]
) -> None:
    parent = entry.parent_code
    if parent and parent not in listed and parent not in known:
        zh = f"第 {entry.row} 行 {entry.code} 的上级 {parent} 没有登记，也不在表里。请把上级一并列入。"
        en = f"Row {entry.row}: the parent {parent} of {entry.code} is unknown. Put it into the list too."
        faults.append(fault(entry.row, "code", entry.code, zh, en))
    after = entry.successor_code
    if after and (after == entry.code or (after not in listed and after not in known)):
        zh = f"第 {entry.row} 行的继任代码 {after} 没有登记，也不在表里。"
        en = f"Row {entry.row}: the successor {after} is unknown."
        faults.append(fault(entry.row, "successor_code", after, zh, en))


def _change(entry: Entry, before: Known | None, faults: list[dict[str, Any]]) -> Change | None:
    if before is None:
        return Change("added", entry, None, entry.valid_from)
    end = entry.valid_to
    if end is not None and (end, entry.successor_code) != (before.valid_to, before.successor_code):
        return Change("ended", replace(entry, name_zh=before.name_zh), before, end)
    if entry.name_zh == before.name_zh:
        return None
    if entry.valid_from <= before.valid_from:
        zh = (
            f"第 {entry.row} 行把 {entry.code} 从「{before.name_zh}」改名为「{entry.name_zh}」，"
            f"生效日 {entry.valid_from} 不晚于现名的 {before.valid_from}。请写新名称开始的日期。"
        )
        en = (
            f"Row {entry.row} renames {entry.code} from {before.name_zh} to {entry.name_zh} as of "
            f"{entry.valid_from}, not after {before.valid_from}. Give the day the new name begins."
        )
        faults.append(fault(entry.row, "valid_from", entry.valid_from, zh, en))
        return None
    return Change("renamed", entry, before, entry.valid_from)


def _check_parts(
    listed: Mapping[str, Entry], known: Mapping[str, Known], faults: list[dict[str, Any]]
) -> None:
    """What ends takes its parts with it: a county cannot end while one of its townships goes on."""
    ends = {code: entry.valid_to for code, entry in listed.items() if entry.valid_to}
    if not ends:
        return
    until = {code: one.valid_to for code, one in known.items()}
    until |= {code: entry.valid_to or until.get(code) for code, entry in listed.items()}
    for code, end in sorted(until.items()):
        parent = code[: PARENT_LENGTH[len(code)]]
        closing = ends.get(parent)
        if closing and (end is None or end > closing):
            row = listed[parent].row
            zh = f"第 {row} 行让 {parent} 在 {closing} 失效，可是下级 {code} 还没有失效。请一并列入。"
            en = f"Row {row} ends {parent} on {closing}, but its part {code} goes on. List it too."
            faults.append(fault(row, "valid_to", closing, zh, en))
