"""What came back in an attribute sheet, line by line, against the register: staged like any change."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.identity.rules import Actor
from carbon_platform.parcels import history, rules
from carbon_platform.parcels.attribute_sheet import CLEAR, FIXED, SheetLine, read_sheet
from carbon_platform.parcels.field_changes import field_names
from carbon_platform.parcels.findings import finding
from carbon_platform.parcels.numbering import Identity
from carbon_platform.parcels.proposals import staged_rows, target_of
from carbon_platform.parcels.reference import code_list
from carbon_platform.parcels.register import CHINA, REGISTERED, parcels_statement
from carbon_platform.parcels.rules import KINDS, EffectiveInFuture, Finding
from carbon_platform.parcels.service import Checked, Read
from carbon_platform.parcels.staged_rows import Row
from carbon_platform.parcels.tables import Parcel

M2_PER_MU: Final = 10_000 / 15
MAX_MU: Final = 10_000_000
_CHUNK: Final = 500
# A cell rounded to 0.0001 mu is 0.07 m² wide.
_AREA_STEP_M2: Final = 0.1
_LAND_CLASSES: Final = ("DI_LEI_4", "DI_LEI_6", "TDLYLX", "DLBM")
_COLUMNS: Final = ("right_holder", "species_code", "land_class_code")


def check_sheet(
    read: Read[Any],
    actor: Actor,
    path: Path,
    *,
    file_name: str,
    reason: str,
    effective_on: date | None,
    now: datetime,
) -> Checked:
    """Read a sheet and compare every line with the register. Nothing is kept.

    Errors: ``FileRefused``, ``EffectiveInFuture``.
    """
    today = now.astimezone(CHINA).date()
    if effective_on and effective_on > today:
        raise EffectiveInFuture(value=effective_on.isoformat(), limit=today.isoformat())
    lines = read_sheet(path, name=file_name)

    def look_up(session: Session) -> tuple[dict[str, Parcel], tuple[int, int]]:
        seen = (session.scalar(sa.select(sa.func.max(Parcel.id))) or 0, history.data_version(session))
        return _parcels(session, actor, [line.code for line in lines]), seen

    parcels, seen = read(look_up)
    rows: list[Row] = []
    taken: dict[str, int] = {}
    for line in lines:
        row = _row(line, parcels.get(line.code))
        other = taken.setdefault(line.code, line.number)
        if other != line.number and row.open:
            values = {"value": line.code, "other_row": other}
            row.findings.append(finding("duplicate_identity", row=line.number, field="code", **values))
        rows.append(row)
    staged = staged_rows(rows, np.full(len(rows), None, dtype=object))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Checked(
        file_name,
        digest,
        staged,
        seen_parcel_id=seen[0],
        seen_event_id=seen[1],
        mode="change",
        reason=reason,
        effective_on=effective_on,
    )


def _parcels(session: Session, actor: Actor, codes: Sequence[str]) -> dict[str, Parcel]:
    found: dict[str, Parcel] = {}
    for start in range(0, len(codes), _CHUNK):
        chunk = parcels_statement(actor).where(Parcel.code.in_(codes[start : start + _CHUNK]))
        found |= {parcel.code: parcel for parcel in session.scalars(chunk)}
    return found


def _row(line: SheetLine, parcel: Parcel | None) -> Row:
    number = line.number
    if parcel is None or parcel.status != REGISTERED:
        row = Row(number, {}, "", 0.0)
        row.findings.append(finding("parcel_unknown", row=number, field="code", value=line.code))
        return row
    identity = Identity(parcel.code, parcel.code, None, parcel.township_code, parcel.village_code)
    row = Row(number, {}, parcel.county_code, parcel.area_m2, kind=parcel.kind, identity=identity)
    if line.version != str(parcel.version):
        row.findings.append(finding("changed_meanwhile", row=number, field="version", value=parcel.code))
        return row
    fields: list[dict[str, Any]] = []
    cleared: list[str] = []
    for name, text in line.cells.items():
        if text is None:
            continue
        before = _before(parcel, name)
        if text.upper() in CLEAR:
            if before is not None:
                problem = _not_clearable(number, name, text)
                row.findings += problem
                cleared += [] if problem else [name]
                fields += [] if problem else [{"field": name, "before": before, "after": None}]
            continue
        _note_cell(row, parcel, name, text, before, fields)
    _conclude(row, parcel, fields, cleared)
    return row


def _before(parcel: Parcel, name: str) -> Any:
    if name == "stated_mu":
        return parcel.stated_area_m2
    if name in ("kind", "planting_year", *_COLUMNS):
        value = getattr(parcel, name)
        return None if value == "" else value
    return parcel.attributes.get(name)


def _not_clearable(number: int, name: str, text: str) -> list[Finding]:
    if name in ("kind", "stated_mu", "planting_year", "species_code", "land_class_code"):
        limit = {"limit": "不能清空", "limit_en": "it cannot be emptied"}
        return [finding("value_invalid", row=number, field=name, value=text, **limit)]
    return []


def _note_cell(
    row: Row, parcel: Parcel, name: str, text: str, before: Any, fields: list[dict[str, Any]]
) -> None:
    """One filled cell: unchanged, changed, or wrong."""
    if name == "stated_mu":
        mu = rules.number(text)
        if mu is None or not 0 < mu < MAX_MU:
            limits = (f"0 到 {MAX_MU:,} 之间的亩数", f"mu between 0 and {MAX_MU:,}")
            row.findings.append(_wrong(row, name, text, *limits))
        elif before is None or abs(mu * M2_PER_MU - before) > _AREA_STEP_M2:
            row.stated_m2 = round(mu * M2_PER_MU, 2)
            fields.append({"field": "stated_area_m2", "before": before, "after": row.stated_m2})
        return
    if text == ("" if before is None else str(before)):
        return
    if name in FIXED - {"kind", "planting_year", *_COLUMNS}:
        words = ("这一列不能在表里改", "this column cannot be edited here")
        row.findings.append(_wrong(row, name, text, *words))
        return
    problem = _invalid(row, name, text)
    if problem:
        row.findings.append(problem)
        return
    if name == "kind":
        row.kind = text
    else:
        row.attributes[name] = text
    if name in ("species_code", "land_class_code"):
        # What the table said is kept beside the code; it must not contradict it.
        row.attributes[name.removesuffix("_code")] = text
    species = rules.find_species(text) if name == "species_code" else None
    if species:
        row.attributes["species_zh"] = species.name_zh
    fields.append({"field": name, "before": before, "after": text})


def _invalid(row: Row, name: str, text: str) -> Finding | None:
    if name == "kind" and text not in KINDS:
        return _wrong(row, name, text, "、".join(KINDS), ", ".join(KINDS))
    if name == "planting_year" and not (text.isdigit() and 1900 <= int(text) <= 2100):
        return _wrong(row, name, text, "1900 到 2100 的年份", "a year between 1900 and 2100")
    if name == "species_code" and rules.find_species(text) is None:
        return _wrong(row, name, text, "代码表中的树种", "a species of the code table")
    if name == "land_class_code" and not any(
        rules.find_code(text, code_list(table)) for table in _LAND_CLASSES
    ):
        return _wrong(row, name, text, "代码表中的地类", "a land class of the code table")
    if len(text) > 254:
        return _wrong(row, name, text[:20] + "…", "不超过 254 个字", "at most 254 characters")
    return None


def _wrong(row: Row, name: str, text: str, zh: str, en: str) -> Finding:
    return finding("value_invalid", row=row.number, field=name, value=text, limit=zh, limit_en=en)


def _conclude(row: Row, parcel: Parcel, fields: list[dict[str, Any]], cleared: list[str]) -> None:
    if not row.open:
        return
    row.attributes |= {"township_code": parcel.township_code, "village_code": parcel.village_code}
    if not fields:
        row.change = "same"
        row.findings.append(finding("nothing_changed", row=row.number, field="code", value=parcel.code))
        return
    row.change = "changed"
    row.diff = {"targets": [target_of(parcel, own=True)], "fields": fields, "cleared": cleared}
    zh, en = field_names(entry["field"] for entry in fields)
    mu = parcel.area_m2 / M2_PER_MU
    values = {"value": parcel.code, "limit": zh, "limit_en": en, "before_mu": mu, "after_mu": mu}
    row.findings.append(finding("changed_registered", row=row.number, field="identity", **values))
