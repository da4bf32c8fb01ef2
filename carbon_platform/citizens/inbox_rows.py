"""Rows of a source, brought to the form the inbox keeps. Values in; a record or why there is none."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from carbon_platform.citizens import claims
from carbon_platform.citizens.catalogue import Source
from carbon_platform.citizens.claims import Prepared
from carbon_platform.citizens.errors import RowInvalid
from carbon_platform.citizens.inbox_sql import NewRecord
from carbon_platform.citizens.said import said_of
from carbon_platform.citizens.taking_back import REVERSAL, reversal_key

ACT = "act"
_NOTE_MAX = 200
_REVERSAL_FIELDS = {"kind", "external_id", "subject", "reason"}


def holder_of(row: Mapping[str, Any], people: Mapping[str, str]) -> str:
    """Whom a row is about; empty: nobody known."""
    subject = row.get("subject")
    key = f"={row.get('holder')}" if subject is None else subject
    return people.get(key, "") if isinstance(key, str) else ""


def read_reversal(scene: Source, row: Mapping[str, Any]) -> NewRecord:
    """A row that takes a record back. Errors: ``RowInvalid``."""
    strange = [name for name in row if name not in _REVERSAL_FIELDS]
    if strange:
        raise RowInvalid(
            field=strange[0], value="…", allowed="撤回不带此字段", allowed_en="not in a reversal"
        )
    record, reason = claims.read_record(row.get("external_id")), row.get("reason", "")
    if not isinstance(reason, str) or len(reason) > _NOTE_MAX:
        raise RowInvalid(
            field="reason", value="…", allowed=f"至多 {_NOTE_MAX} 字", allowed_en=f"text, {_NOTE_MAX} at most"
        )
    note = reason.strip() or "来源撤回"
    # The same record taken back twice is one reversal, whatever the words.
    digest = f"{REVERSAL}:{scene.code}:{record}"
    payload = json.dumps({"record": record, "note": note}, ensure_ascii=False)
    return NewRecord(reversal_key(record), REVERSAL, "", payload, digest)


def record_of(prepared: Prepared) -> NewRecord:
    """An act as the inbox keeps it."""
    payload = json.dumps(said_of(prepared.claim))
    return NewRecord(prepared.record_key, ACT, prepared.claim.holder, payload, prepared.digest)
