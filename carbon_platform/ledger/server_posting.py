"""Posting plain entries on PostgreSQL: one server-side function, one round trip.

The function posts entries in order up to the first one that must be refused, and says why; the caller
goes on behind it. So a batch without refusals, as nearly all are, is one call whatever its size, a
single entry is a batch of one, and every answer is what posting one after the other would give.
The same semantics as :mod:`carbon_platform.ledger.embedded_posting`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy.engine import Connection

from carbon_platform.db import ask, text_array
from carbon_platform.errors import PlatformError
from carbon_platform.ledger import errors
from carbon_platform.ledger.accounts import standing_refusal
from carbon_platform.ledger.embedded_posting import repeated
from carbon_platform.ledger.roles import ROLES
from carbon_platform.ledger.rules import Request
from carbon_platform.ledger.values import MAX_AMOUNT, AccountKey, Outcome, Posted

_CALL = (
    "SELECT ids, kinds, stopped, code, key, needed, available, opened FROM ledger_post_batch("
    "%s::text[], %s::text[], %s::text[], %s::text[], %s::boolean[], "
    "%s::text[], %s::text[], %s::text[], %s::text[], %s::timestamptz[], %s::text[], %s::text[], "
    "%s::int[], %s::int[], %s::int[], %s::bigint[], %s::timestamptz)"
)
_ACCEPTED, _DUPLICATE, _CONFLICT = 0, 1, 2


class _Answer(NamedTuple):
    """What ``ledger_post_batch`` says; see there."""

    ids: list[int] | None
    kinds: list[int] | None
    stopped: int | None
    code: str | None
    key: int | None
    needed: int | None
    available: int | None
    opened: datetime | None


# Entries per call.
_LARGEST, _SMALLEST = 10_000, 8
_SQL = Path(__file__).parent


def posting_ddl(dialect_name: str) -> list[str]:
    """Statements that make the posting functions; none on SQLite."""
    if dialect_name != "postgresql":
        return []
    return [(_SQL / name).read_text("utf-8") for name in ("refusal.sql", "post_usual.sql", "post_batch.sql")]


def drop_posting_ddl(dialect_name: str) -> list[str]:
    """The statements that undo :func:`posting_ddl`."""
    if dialect_name != "postgresql":
        return []
    return [
        f"DROP FUNCTION IF EXISTS {name}"
        for name in ("ledger_post_batch", "ledger_post_usual", "ledger_refusal")
    ]


def post_plain(connection: Connection, requests: Sequence[Request], now: datetime) -> list[Outcome]:
    """Post each request in order, or say why not; see ``posting.post`` for the refusals."""
    outcomes: list[Outcome] = []
    window = _LARGEST
    while (done := len(outcomes)) < len(requests):
        part = requests[done : done + window]
        answers = _post_until_refused(connection, part, now)
        outcomes += answers
        # What lies behind a refusal is sent again: where there are many, little at a time.
        window = min(_LARGEST, window * 4) if len(answers) == len(part) else max(_SMALLEST, window // 4)
    return outcomes


def _post_until_refused(connection: Connection, requests: Sequence[Request], now: datetime) -> list[Outcome]:
    """The outcomes of at least the first request, up to and with the first one refused by the server."""
    distinct: dict[str, Request] = {}
    for request in requests:
        distinct.setdefault(request.entry.reference, request)
    firsts = list(distinct.values())
    keys, arguments = _arguments(firsts, now)
    (row,) = map(_Answer._make, ask(connection, _CALL, arguments))
    done = len(firsts) if row.stopped is None else row.stopped - 1
    answers = {
        first.entry.reference: (entry_id, kind)
        for first, entry_id, kind in zip(firsts[:done], row.ids or (), row.kinds or (), strict=True)
    }
    outcomes: list[Outcome] = []
    for request in requests:
        reference = request.entry.reference
        if reference not in answers:
            outcomes.append(Outcome(reference, refused=_refusal(row, keys, firsts[done])))
            break
        entry_id, kind = answers[reference]
        first = distinct[reference]
        if request is not first:
            if kind == _CONFLICT:
                # Whose digest the reference has, only the server can say; asking posts nothing.
                outcomes += _post_until_refused(connection, [request], now)
            else:
                outcomes.append(repeated(reference, request.digest, entry_id, first.digest))
        elif kind == _ACCEPTED:
            outcomes.append(Outcome(reference, posted=Posted(entry_id, replayed=False)))
        else:
            digest = request.digest if kind == _DUPLICATE else ""
            outcomes.append(repeated(reference, request.digest, entry_id, digest))
    return outcomes


def _arguments(requests: Sequence[Request], now: datetime) -> tuple[list[AccountKey], tuple[Any, ...]]:
    """The distinct accounts in order of appearance, and what the function is called with."""
    places: dict[AccountKey, int] = {}
    move_entry, move_source, move_destination, move_amount = [], [], [], []
    for number, request in enumerate(requests, start=1):
        for move in request.entry.moves:
            move_entry.append(number)
            move_source.append(places.setdefault(move.source, len(places) + 1))
            move_destination.append(places.setdefault(move.destination, len(places) + 1))
            move_amount.append(move.amount)
    keys = list(places)
    entries = [request.entry for request in requests]
    return keys, (
        text_array([key.role for key in keys]),
        text_array([key.holder for key in keys]),
        text_array([str(key.asset) for key in keys]),
        text_array([key.lot for key in keys]),
        _numbers([int(ROLES[key.role].guarded) for key in keys]),
        text_array([entry.reference for entry in entries]),
        text_array([entry.reason for entry in entries]),
        text_array([request.digest for request in requests]),
        text_array([entry.actor_name for entry in entries]),
        text_array([request.effective_at.isoformat() for request in requests]),
        text_array([entry.note for entry in entries]),
        text_array([json.dumps(request.detail) if request.detail else "{}" for request in requests]),
        _numbers(move_entry),
        _numbers(move_source),
        _numbers(move_destination),
        _numbers(move_amount),
        now,
    )


def _numbers(values: Sequence[int]) -> str:
    return "{" + ",".join(map(str, values)) + "}"


def _refusal(row: Any, keys: Sequence[AccountKey], request: Request) -> PlatformError:
    if row.code is None:
        return errors.LedgerInconsistent(
            what=f"分录 {request.entry.reference} 被拒绝而无原因",
            what_en=f"entry {request.entry.reference} was refused without a reason",
        )
    key = keys[row.key - 1]
    if row.code == "insufficient":
        return errors.InsufficientBalance(key, row.needed, row.available)
    if row.code == "too_large":
        return errors.BalanceTooLarge(key, MAX_AMOUNT)
    refusal = standing_refusal(key, row.code, row.opened, request.effective_at)
    assert refusal is not None
    return refusal
