"""Rules of data partners: signatures, quality, daily totals. Values in, values out."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import hmac as hazmat_hmac

SHA256, SM3 = "HMAC-SHA256", "HMAC-SM3"
ALGORITHMS = (SHA256, SM3)
WINDOW = timedelta(seconds=300)
NONCE = re.compile(r"[A-Za-z0-9_-]{16,64}")
ROWS_MAX = 5_000
BODY_MAX_BYTES = 8 * 1024 * 1024
KEYS_MAX = 2
# Below this score over the last seven days a scene is warned.
SCORE_WARNING = 80


@dataclass(frozen=True)
class Signed:
    """What a request says about its own signature, straight from the headers."""

    key_id: str
    at: str
    nonce: str
    algorithm: str
    signature: str


@dataclass(frozen=True)
class Tally:
    """What became of the rows of some pushes, and how late the latest act was."""

    rows: int = 0
    received: int = 0
    duplicates: int = 0
    conflicts: int = 0
    refused: int = 0
    late_max_s: int = 0


@dataclass(frozen=True)
class Quality:
    """A score of 0 to 100 with its four parts, each a share of 0 to 1. ``rows`` = 0: nothing to judge."""

    rows: int
    score: int
    complete: float
    consistent: float
    timely: float
    reconciled: float


def canonical(
    *, algorithm: str, method: str, path: str, query: str, at: str, nonce: str, body: bytes
) -> bytes:
    """What is signed: algorithm, method, path, query, time, nonce and the body's digest, a line each."""
    return "\n".join(
        [algorithm, method.upper(), path, query, at, nonce, body_digest(algorithm, body)]
    ).encode()


def body_digest(algorithm: str, body: bytes) -> str:
    """Hex digest of the body under the hash of the algorithm."""
    if algorithm == SM3:
        digest = hashes.Hash(hashes.SM3())
        digest.update(body)
        return digest.finalize().hex()
    return hashlib.sha256(body).hexdigest()


def sign(secret: bytes, algorithm: str, message: bytes) -> str:
    """HMAC of the message, hex. ``algorithm``: one of :data:`ALGORITHMS`."""
    if algorithm == SM3:
        mac = hazmat_hmac.HMAC(secret, hashes.SM3())
        mac.update(message)
        return mac.finalize().hex()
    return hmac.new(secret, message, hashlib.sha256).hexdigest()


def same_signature(expected: str, given: str) -> bool:
    """Takes as long for a wrong one as for the right one."""
    return hmac.compare_digest(expected.encode(), given.lower().encode())


def in_window(at: str, now: datetime) -> bool:
    """Whether a request's time (Unix seconds, as text) lies within five minutes of ours."""
    if not re.fullmatch(r"[0-9]{1,12}", at):
        return False
    return abs(now.timestamp() - int(at)) <= WINDOW.total_seconds()


def quality(tally: Tally, *, days_reconciled: int, days_agreed: int, window_days: int = 7) -> Quality:
    """How good a partner's data of a week were.

    Complete: rows that were not refused. Consistent: rows that did not contradict an earlier one. Timely: 1
    up to a day between act and arrival, 0 from a week on. Reconciled: days agreed out of the days of the
    window. Weights 40, 30, 10, 20 (a local decision).
    """
    if not tally.rows:
        return Quality(0, 0, 0, 0, 0, 0)
    complete = 1 - tally.refused / tally.rows
    consistent = 1 - tally.conflicts / tally.rows
    late_days = tally.late_max_s / 86_400
    timely = min(1.0, max(0.0, (7 - late_days) / 6))
    reconciled = days_agreed / max(1, min(window_days, days_reconciled or 1))
    score = 40 * complete + 30 * consistent + 10 * timely + 20 * reconciled
    return Quality(tally.rows, int(score), complete, consistent, timely, reconciled)


def differences(
    theirs: Mapping[str, Mapping[str, int]], ours: Mapping[str, Mapping[str, int]]
) -> list[dict[str, Any]]:
    """Where a partner's totals of a day differ from ours, per behaviour, in words; empty when they agree."""
    found = []
    for code in sorted({*theirs, *ours}):
        for field, zh, en in (
            ("records", "记录条数", "number of records"),
            ("quantity_milli", "数量（千分之一单位）", "quantity (thousandths of the unit)"),
        ):
            said, kept = theirs.get(code, {}).get(field, 0), ours.get(code, {}).get(field, 0)
            if said != kept:
                found.append(
                    {
                        "behaviour": code,
                        "field": field,
                        "theirs": said,
                        "ours": kept,
                        "zh": f"{code} 的{zh}：贵方 {said}，本平台 {kept}，相差 {said - kept}。",
                        "en": f"{code}, {en}: yours {said}, ours {kept}, difference {said - kept}.",
                    }
                )
    return found
