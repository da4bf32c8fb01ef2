"""Lists of administrative units: read from a CSV, compared, and applied as dated changes.

    flask --app wsgi regions import luan.csv --source "民政部 2025 年县以上行政区划代码"

How a city joins: its province, city, counties (townships and villages where at hand) as one list, then its
borders (:mod:`carbon_platform.regions.boundaries`), then officers whose region is that city.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.db import serialise
from carbon_platform.regions.rules import Change, Known, changes_of, fault, read_entries, refused
from carbon_platform.regions.tables import Region, RegionChange

BYTES_MAX = 32 << 20
_NEEDED = {"code", "name_zh", "valid_from"}


@dataclass(frozen=True)
class Applied:
    """How many regions a list added, renamed and ended."""

    added: int
    renamed: int
    ended: int


def read_list(data: bytes) -> list[dict[str, str]]:
    """Records of a CSV (UTF-8 or GB18030; lines that begin with # are remarks).

    Errors: ``RegionsRefused`` when it is too large, not text, or lacks a needed column.
    """
    if len(data) > BYTES_MAX:
        size = f"{len(data):,}"
        raise refused(
            [
                fault(
                    0,
                    "file",
                    size,
                    f"文件有 {size} 字节，上限 32 MB。",
                    f"The file has {size} bytes (limit 32 MB).",
                )
            ]
        )
    text = None
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = data.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    if text is None or "\0" in text:
        zh, en = (
            "文件既不是 UTF-8 也不是 GB18030 文本，请另存为 CSV。",
            "Neither UTF-8 nor GB18030 text: save as CSV.",
        )
        raise refused([fault(0, "file", "", zh, en)])
    lines = (line for line in io.StringIO(text, newline="") if not line.startswith("#"))
    reader = csv.DictReader(lines)
    missing = sorted(_NEEDED - set(reader.fieldnames or ()))
    if missing:
        names = "、".join(missing)
        zh = f"表头缺少 {names}。需要 code,name_zh,valid_from，可加 name_en,valid_to,successor_code。"
        en = f"The header lacks {', '.join(missing)}. Needed: code,name_zh,valid_from."
        raise refused([fault(0, "header", names, zh, en)])
    return [{name: value or "" for name, value in record.items() if name} for record in reader]


def import_list(
    session: Session, records: Iterable[dict[str, str]], *, source: str, by: str, now: datetime
) -> Applied:
    """Apply a list to the regions; the same list again changes nothing.

    Errors: ``RegionsRefused``, naming every row that is wrong; nothing is written then.
    """
    if not source.strip():
        zh, en = "请写明来源（文件名称或文号）。", "Say where the list comes from (document and number)."
        raise refused([fault(0, "source", "", zh, en)])
    entries = read_entries(records)
    serialise(session, "regions")
    changes = changes_of(entries, known_regions(session))
    _apply(session, changes, source.strip())
    record = [
        {
            "code": change.entry.code,
            "kind": change.kind,
            "effective_on": change.effective_on,
            "name_before": change.before.name_zh if change.before else "",
            "name_after": change.entry.name_zh,
            "successor_code": change.entry.successor_code,
            "source": source.strip(),
            "recorded_by": by,
            "recorded_at": now,
        }
        for change in changes
    ]
    if record:
        session.execute(sa.insert(RegionChange), record)
    kinds = [change.kind for change in changes]
    return Applied(*(kinds.count(kind) for kind in ("added", "renamed", "ended")))


def _apply(session: Session, changes: list[Change], source: str) -> None:
    new = [
        {
            "code": change.entry.code,
            "name_zh": change.entry.name_zh,
            "name_en": change.entry.name_en,
            "level": change.entry.level,
            "parent_code": change.entry.parent_code,
            "valid_from": change.entry.valid_from,
            "valid_to": change.entry.valid_to,
            "successor_code": change.entry.successor_code,
            "source": source,
            "batch_number": None,
        }
        for change in changes
        if change.kind == "added"
    ]
    if new:
        session.execute(sa.insert(Region), new)
    for change in changes:
        if change.kind == "added":
            continue
        entry = change.entry
        values = {
            "renamed": {"name_zh": entry.name_zh, "name_en": entry.name_en, "valid_from": entry.valid_from},
            "ended": {"valid_to": entry.valid_to, "successor_code": entry.successor_code},
        }[change.kind]
        session.execute(sa.update(Region).where(Region.code == entry.code).values(source=source, **values))


def known_regions(session: Session) -> dict[str, Known]:
    """Every region as it stands, by code."""
    columns = (
        Region.code,
        Region.name_zh,
        Region.name_en,
        Region.valid_from,
        Region.valid_to,
        Region.successor_code,
    )
    return {row.code: Known(*row) for row in session.execute(sa.select(*columns))}


def name_on(session: Session, code: str, day: date) -> str | None:
    """What the region was called on a day; None before it began and after it ended, and for no region.

    The first name on record also stands for the time before the first renaming.
    """
    region = session.get(Region, code)
    if region is None or (region.valid_to and day >= region.valid_to):
        return None
    name, begins = region.name_zh, region.valid_from
    changes = session.scalars(
        sa.select(RegionChange).where(RegionChange.code == code).order_by(RegionChange.effective_on.desc())
    )
    for change in changes:
        if change.kind == "renamed" and day < change.effective_on:
            name, begins = change.name_before, date.min
        if change.kind == "added":
            begins = change.effective_on
    return name if day >= begins else None
