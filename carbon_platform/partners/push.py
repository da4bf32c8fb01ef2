"""A partner's push: lines into rows, rows into the inbox, a result per line in the order they came.

A line that cannot be read is refused by itself; the others are taken in. Nothing is decided here: the inbox
keeps the rows, and the worker rules on them (:mod:`carbon_platform.citizens.inbox`).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.citizens import bindings, catalogue, inbox, privacy, scenes
from carbon_platform.citizens.errors import SubjectNotPseudonymous
from carbon_platform.citizens.inbox_tables import ActRecord
from carbon_platform.citizens.rules import MILLI, local_day
from carbon_platform.errors import NotFound
from carbon_platform.identity.service import audit
from carbon_platform.partners import rules
from carbon_platform.partners.errors import PushEmpty, TooManyRows
from carbon_platform.partners.signed import Partner
from carbon_platform.partners.tables import PartnerPush
from carbon_platform.web.schemas import has_control_characters

ACT, REVERSAL = "act", "reversal"
NAMED_MAX = 20
RECEIVED, DUPLICATE, CONFLICT, REFUSED = "received", "duplicate", "conflict", "refused"


@dataclass(frozen=True)
class Line:
    """One line of a push: the object it holds, if it holds one, and what is wrong with it (code, zh, en)."""

    row: dict[str, Any] | None
    fault: tuple[str, str, str] = ("", "", "")


# What JSON lets through of characters that nobody types is an escape, DEL, or beyond ASCII: a line without
# any of these need not be looked through value by value.
_PERHAPS_CONTROL = re.compile(rb"[\\\x7f-\xff]")
_NO_JSON = ("not_json", "这一行不是 JSON。", "This line is not JSON.")
_NO_OBJECT = ("not_object", "这一行不是 JSON 对象。", "This line is not a JSON object.")
_CONTROL = ("control_characters", "含有控制字符。", "It holds control characters.")
_NAMES_SOMEBODY = (
    "record_names_somebody",
    "external_id 里有手机号或身份证号，没有接收。请换成贵方自己的流水号。",
    "external_id holds a phone or identity number; nothing was kept. Send a record number of your own.",
)
_NO_SUBJECT = ("subject_missing", "缺少 subject（贵方的匿名客户编号）。", "subject is missing.")


def read_lines(body: bytes) -> list[Line]:
    """The lines of a body, blank ones left out; one JSON object over several lines is one line.

    Errors: ``PushEmpty``; ``TooManyRows``, before anything is read.
    """
    raw = [line for line in body.split(b"\n") if line.strip()]
    single = _whole_object(body, len(raw))
    if single is not None:
        return [single]
    if not raw:
        raise PushEmpty
    if len(raw) > rules.ROWS_MAX:
        raise TooManyRows(most=f"{rules.ROWS_MAX:,}", rows=f"{len(raw):,}")
    return [_line(text) for text in raw]


def receive(session: Session, partner: Partner, kind: str, lines: list[Line]) -> dict[str, Any]:
    """Put the good lines into the inbox and keep a record of the push. Errors: ``SceneNotOpen``."""
    scenes.get_source(session, partner.scene)
    push = PartnerPush(
        scene_code=partner.scene, key_id=partner.key_id, kind=kind,
        content_sha256=hashlib.sha256(partner.body).hexdigest(),
        rows=len(lines), received=0, duplicates=0, conflicts=0, refused=len(lines),
        late_max_s=0, reasons={}, days={}, received_at=partner.now,
    )  # fmt: skip
    session.add(push)
    session.flush()
    results = _results(session, partner, kind, lines, push.id)
    counts = Counter(result["result"] for result in results)
    push.received, push.duplicates = counts[RECEIVED], counts[DUPLICATE]
    push.conflicts, push.refused = counts[CONFLICT], counts[REFUSED]
    push.reasons = dict(Counter(result["code"] for result in results if result["code"]))
    if kind == ACT:
        push.days, push.late_max_s = _sums(lines, results, partner.now)
    session.flush()
    privacy.note_push(
        session, [line.row for line in lines if line.row is not None],
        partner=partner.scene, reference=f"push:{push.id}", now=partner.now,
    )  # fmt: skip
    audit(
        session, partner.actor, f"partner.push.{kind}", object_kind="scene", object_id=partner.scene,
        now=partner.now, detail={"push": push.id, "rows": push.rows, "received": push.received},
    )  # fmt: skip
    plain = {column.name: getattr(push, column.name) for column in PartnerPush.__table__.columns}
    return plain | {"results": results}


def find_push(session: Session, push_id: int) -> PartnerPush:
    """A push of whatever scene. Errors: ``NotFound``."""
    push = session.get(PartnerPush, push_id) if 0 < push_id < 2**63 else None
    if push is None:
        raise NotFound(what="推送", key=push_id)
    return push


def get_push(session: Session, scene: str, push_id: int) -> PartnerPush:
    """A push of a scene; another scene's is not found."""
    push = find_push(session, push_id)
    if push.scene_code != scene:
        raise NotFound(what="推送", key=push_id)
    return push


def outcomes(session: Session, push_id: int) -> list[dict[str, Any]]:
    """What became of the rows taken in with a push, by state and reason, with the first record numbers."""
    rows = session.execute(
        sa.select(
            ActRecord.state,
            ActRecord.reason_code,
            ActRecord.reason_zh,
            ActRecord.reason_en,
            ActRecord.record_key,
        )
        .where(ActRecord.batch_id == push_id)
        .order_by(ActRecord.id)
    )
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for state, code, zh, en, record in rows:
        one = found.setdefault(
            (state, code), {"state": state, "code": code, "zh": zh, "en": en, "rows": 0, "external_ids": []}
        )
        one["rows"] += 1
        if len(one["external_ids"]) < NAMED_MAX:
            one["external_ids"].append(record)
    return list(found.values())


def _results(
    session: Session, partner: Partner, kind: str, lines: list[Line], batch_id: int
) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [{} for _ in lines]
    rows, places, unread = [], [], []
    for place, line in enumerate(lines):
        fault = line.fault if line.row is None or line.fault[0] else _fault(line.row, kind)
        if fault[0]:
            found[place] = _answer(place, line.row, REFUSED, *fault)
            if line.row is not None and kind == ACT and _subject_fault(line.row) is None:
                unread.append(line.row)
            continue
        assert line.row is not None
        rows.append({**line.row, "kind": kind})
        places.append(place)
    receipts = inbox.receive(session, partner.scene, rows, now=partner.now, batch_id=batch_id)
    if unread:
        inbox.tell_unread(session, partner.scene, unread, now=partner.now)
    for place, receipt in zip(places, receipts, strict=True):
        why = receipt.reason
        words = (why.code, why.zh, why.en) if why else ("", "", "")
        found[place] = _answer(place, lines[place].row, receipt.result, *words, state=receipt.state)
    return found


def _answer(
    place: int, row: Mapping[str, Any] | None, result: str, code: str, zh: str, en: str, *, state: str = ""
) -> dict[str, Any]:
    said = row.get("external_id") if row and code != _NAMES_SOMEBODY[0] else None
    if has_control_characters(said):
        said = None
    return {
        "row": place + 1,
        "external_id": said[:80] if isinstance(said, str) else None,
        "result": result,
        "state": state,
        "code": code,
        "zh": zh,
        "en": en,
    }


def _fault(row: dict[str, Any], kind: str) -> tuple[str, str, str]:
    """What is wrong with a row before the inbox looks at it; empty code: nothing."""
    for name in ("holder", "kind"):
        if name in row:
            return "unknown_field", f"不认识的字段 {name}，请去掉。", f"No field {name}; leave it out."
    record = row.get("external_id")
    if isinstance(record, str) and bindings.names_somebody(record):
        return _NAMES_SOMEBODY
    if kind == REVERSAL:
        return "", "", ""
    return _subject_fault(row) or ("", "", "")


def _subject_fault(row: Mapping[str, Any]) -> tuple[str, str, str] | None:
    """What is wrong with the customer's number of a row, if anything."""
    subject = row.get("subject")
    if not isinstance(subject, str) or not subject:
        return _NO_SUBJECT
    try:
        bindings.check_subject(subject)
    except SubjectNotPseudonymous as error:
        return error.code, error.message("zh"), error.message("en")
    return None


def _sums(
    lines: list[Line], results: list[dict[str, Any]], now: datetime
) -> tuple[dict[str, dict[str, list[int]]], int]:
    """What the received rows add up to, per day and behaviour; and how late the latest was, in seconds."""
    days: dict[str, dict[str, list[int]]] = {}
    late = 0
    for line, result in zip(lines, results, strict=True):
        if result["result"] != RECEIVED or line.row is None:
            continue
        row = line.row
        at = datetime.fromisoformat(row["occurred_at"])
        late = max(late, int((now - at).total_seconds()))
        total = days.setdefault(local_day(at), {}).setdefault(row["behaviour"], [0, 0])
        total[0] += 1
        total[1] += _milli(row)
    return days, max(0, late)


def _milli(row: Mapping[str, Any]) -> int:
    """Thousandths of the unit of a row that was taken in."""
    if catalogue.is_distance(catalogue.behaviours()[row["behaviour"]]):
        return int(row["distance_m"])
    return int(row.get("quantity_milli") or (row.get("quantity") or 1) * MILLI)


def _line(text: bytes) -> Line:
    try:
        row = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return Line(None, _NO_JSON)
    if not isinstance(row, dict):
        return Line(None, _NO_OBJECT)
    if _PERHAPS_CONTROL.search(text) and has_control_characters(row):
        return Line(row, _CONTROL)
    return Line(row)


def _whole_object(body: bytes, lines: int) -> Line | None:
    """A single JSON object printed over several lines, as a person or a test tool would send it."""
    if not 1 < lines <= 100 or body.lstrip().split(b"\n", 1)[0].rstrip().endswith(b"}"):
        return None
    whole = _line(body)
    return whole if whole.row is not None else None


def _no_constant(text: str) -> Any:
    raise ValueError(text)
