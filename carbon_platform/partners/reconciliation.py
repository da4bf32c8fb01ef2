"""The daily file: a partner's totals of a day against what was taken in from it, differences named.

A file has one line per behaviour (day, behaviour, records, quantity), or one per record (record_id,
behaviour, quantity): then the missing records themselves are named. CSV or NDJSON, both ways.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.citizens.bindings import names_somebody
from carbon_platform.citizens.inbox_tables import ActRecord
from carbon_platform.citizens.rules import LOCAL, MAX_AGE_DAYS, MILLI, milli_text
from carbon_platform.identity.rules import Actor
from carbon_platform.identity.service import audit
from carbon_platform.partners import rules
from carbon_platform.partners.errors import ReconciliationInvalid
from carbon_platform.partners.tables import PartnerPush, PartnerReconciliation

COLUMNS = ("day", "behaviour", "records", "quantity")
RECORD_COLUMNS = ("day", "record_id", "behaviour", "quantity")
REVERSAL = "reversal"
NAMED_MAX = 100
_ROWS_MAX = 200_000
_BEHAVIOUR = re.compile(r"[A-Za-z0-9-]{1,40}")

Totals = dict[str, dict[str, int]]


@dataclass
class DayFile:
    """A file as read: totals per behaviour, and the record numbers if it lists them."""

    day: str
    totals: Totals = field(default_factory=dict)
    records: list[str] = field(default_factory=list)


def read_file(body: bytes) -> DayFile:
    """Read CSV or NDJSON (UTF-8 or GBK). Errors: ``ReconciliationInvalid`` naming the line."""
    text = _text(body)
    rows = _json_rows(text) if text.lstrip()[:1] in ("{", "[") else _csv_rows(text)
    found: DayFile | None = None
    for number, row in rows:
        if number > _ROWS_MAX:
            raise _wrong(number, f"一个文件最多 {_ROWS_MAX} 行", f"a file has at most {_ROWS_MAX} lines")
        found = found or DayFile(day=_day(number, row))
        if _day(number, row) != found.day:
            raise _wrong(number, "一个文件只放一天", "a file holds one day only")
        behaviour = str(row.get("behaviour") or "")
        if not _BEHAVIOUR.fullmatch(behaviour):
            raise _wrong(
                number, f"行为代码 {behaviour[:40]!r} 不对", f"behaviour {behaviour[:40]!r} is no code"
            )
        total = found.totals.setdefault(behaviour, {"records": 0, "quantity_milli": 0})
        if row.get("record_id"):
            record = str(row["record_id"])[:200]
            if names_somebody(record):
                raise _wrong(
                    number,
                    "record_id 里有手机号或身份证号，请换成贵方自己的流水号",
                    "record_id holds a phone or identity number; send a record number of your own",
                )
            found.records.append(record)
            total["records"] += 1
        else:
            total["records"] += _count(number, row.get("records"))
        total["quantity_milli"] += _milli(number, row.get("quantity"))
    if found is None:
        raise ReconciliationInvalid(reason="文件里没有数据行", reason_en="the file has no rows")
    return found


def submit(
    session: Session, actor: Actor, scene: str, body: bytes, *, now: datetime
) -> PartnerReconciliation:
    """Compare a partner's file with ours and keep both. Errors: ``ReconciliationInvalid``."""
    file = read_file(body)
    ours = totals(session, scene, file.day)
    findings = rules.differences(file.totals, ours)
    if file.records:
        findings += _missing(session, scene, file)
    kept = PartnerReconciliation(
        scene_code=scene,
        day=file.day,
        theirs=file.totals,
        ours=ours,
        differences=findings,
        outcome="differs" if findings else "agreed",
        content_sha256=hashlib.sha256(body).hexdigest(),
        submitted_at=now,
    )
    session.add(kept)
    session.flush()
    audit(
        session, actor, "partner.reconcile", object_kind="scene", object_id=scene, now=now,
        detail={"day": file.day, "outcome": kept.outcome, "differences": len(findings)},
    )  # fmt: skip
    return kept


def totals(session: Session, scene: str, day: str) -> Totals:
    """What was taken in for a day, per behaviour; reversals that arrived on it are a line of their own."""
    start = datetime.combine(date.fromisoformat(day), time(0), LOCAL)
    pushes = session.execute(
        sa.select(PartnerPush.kind, PartnerPush.received, PartnerPush.days, PartnerPush.received_at).where(
            PartnerPush.scene_code == scene,
            PartnerPush.received_at >= start,
            PartnerPush.received_at < start + timedelta(days=MAX_AGE_DAYS + 2),
        )
    )
    found: Totals = {}
    for push in pushes:
        if push.kind == REVERSAL:
            if push.received and push.received_at < start + timedelta(days=1):
                _add(found, REVERSAL, push.received, 0)
            continue
        for code, (records, milli) in push.days.get(day, {}).items():
            _add(found, code, records, milli)
    return found


def latest(session: Session, scene: str, day: str) -> PartnerReconciliation | None:
    """The standing reconciliation of a day."""
    wanted = sa.select(PartnerReconciliation).where(
        PartnerReconciliation.scene_code == scene, PartnerReconciliation.day == day
    )
    return session.scalar(wanted.order_by(PartnerReconciliation.id.desc()).limit(1))


def recent(session: Session, scene: str, *, days: int = 31) -> list[PartnerReconciliation]:
    """The standing reconciliation of each of the newest days, newest first."""
    newest = (
        sa.select(sa.func.max(PartnerReconciliation.id))
        .where(PartnerReconciliation.scene_code == scene)
        .group_by(PartnerReconciliation.day)
        .order_by(PartnerReconciliation.day.desc())
        .limit(days)
    )
    wanted = sa.select(PartnerReconciliation).where(PartnerReconciliation.id.in_(newest))
    return list(session.scalars(wanted.order_by(PartnerReconciliation.day.desc())))


def present(day: str, ours: Totals, kept: PartnerReconciliation | None) -> dict[str, Any]:
    """Ours as they are now beside what was last compared."""
    return {
        "id": kept.id if kept else None,
        "day": day,
        "outcome": kept.outcome if kept else "",
        "theirs": kept.theirs if kept else {},
        "ours": ours,
        "differences": kept.differences if kept else [],
        "submitted_at": kept.submitted_at if kept else None,
    }


def as_csv(day: str, found: Mapping[str, Mapping[str, int]]) -> str:
    """Our side of a day in the columns a partner sends."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for code, total in sorted(found.items()):
        writer.writerow([day, code, total["records"], milli_text(total["quantity_milli"])])
    return "\ufeff" + out.getvalue()


def as_ndjson(day: str, found: Mapping[str, Mapping[str, int]]) -> str:
    lines = [
        json.dumps(
            {"day": day, "behaviour": code, "records": total["records"],
             "quantity": milli_text(total["quantity_milli"])}
        )
        for code, total in sorted(found.items())
    ]  # fmt: skip
    return "".join(f"{line}\n" for line in lines)


def _missing(session: Session, scene: str, file: DayFile) -> list[dict[str, Any]]:
    """Records the partner lists and we never took in; the first hundred are named."""
    listed, known = sorted(set(file.records)), set()
    for at in range(0, len(listed), 500):
        part = listed[at : at + 500]
        known |= set(
            session.scalars(
                sa.select(ActRecord.record_key).where(
                    ActRecord.source == scene, ActRecord.record_key.in_(part)
                )
            )
        )
    lost = [record for record in listed if record not in known]
    findings = [
        {
            "behaviour": "", "field": "record_id", "theirs": 1, "ours": 0, "record_id": record,
            "zh": f"记录 {record} 在贵方文件里，本平台没有收到。请补送。",
            "en": f"Record {record} is in your file; we never received it. Send it again.",
        }
        for record in lost[:NAMED_MAX]
    ]  # fmt: skip
    if len(lost) > NAMED_MAX:
        more = len(lost) - NAMED_MAX
        findings.append(
            {
                "behaviour": "", "field": "record_id", "theirs": more, "ours": 0,
                "zh": f"另有 {more} 条记录没有收到，未逐条列出。",
                "en": f"{more} more records never arrived; they are not listed one by one.",
            }
        )  # fmt: skip
    return findings


def _add(found: Totals, code: str, records: int, milli: int) -> None:
    total = found.setdefault(code, {"records": 0, "quantity_milli": 0})
    total["records"] += records
    total["quantity_milli"] += milli


def _text(body: bytes) -> str:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return body.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise ReconciliationInvalid(
        reason="文字编码既不是 UTF-8 也不是 GBK", reason_en="the text is neither UTF-8 nor GBK"
    )


def _csv_rows(text: str) -> Iterable[tuple[int, Mapping[str, Any]]]:
    reader = csv.DictReader(io.StringIO(text))
    names = {(name or "").strip() for name in reader.fieldnames or ()}
    if not (names >= set(COLUMNS) or names >= set(RECORD_COLUMNS)):
        columns = "、".join(sorted(names)[:8])
        raise ReconciliationInvalid(reason=f"表头是 {columns}", reason_en=f"the header is {columns}")
    try:
        for number, row in enumerate(reader, start=2):
            yield number, {(name or "").strip(): value for name, value in row.items()}
    except csv.Error as error:
        raise _wrong(reader.line_num, "不是 CSV", str(error)) from None


def _json_rows(text: str) -> Iterable[tuple[int, Mapping[str, Any]]]:
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            raise _wrong(number, "不是 JSON", "no JSON") from None
        if not isinstance(row, dict):
            raise _wrong(number, "应为 JSON 对象", "not a JSON object")
        yield number, row


def _day(number: int, row: Mapping[str, Any]) -> str:
    try:
        return date.fromisoformat(str(row.get("day") or "").strip()).isoformat()
    except ValueError:
        raise _wrong(number, "day 应为 2026-11-22 这样的日期", "day is a date such as 2026-11-22") from None


def _count(number: int, value: Any) -> int:
    text = str(value if value is not None else "").strip()
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise _wrong(
            number, f"records {text[:20]!r} 应为非负整数", f"records {text[:20]!r} is no whole number"
        )
    return int(text)


def _milli(number: int, value: Any) -> int:
    """Thousandths of the unit, from a number with at most three decimals."""
    text = str(value if value is not None else "").strip()
    try:
        exact = Decimal(text) * MILLI
    except InvalidOperation:
        exact = Decimal("NaN")
    if not exact.is_finite() or exact < 0 or exact >= 10**15 or exact != exact.to_integral_value():
        raise _wrong(
            number,
            f"quantity {text[:20]!r} 应为非负数，最多三位小数",
            f"quantity {text[:20]!r} is a number of 0 or more with at most three decimals",
        )
    return int(exact)


def _wrong(number: int, zh: str, en: str) -> ReconciliationInvalid:
    return ReconciliationInvalid(reason=f"第 {number} 行，{zh}", reason_en=f"line {number}, {en}")
