"""The few statements of the inbox, one text per engine; see :mod:`carbon_platform.citizens.intake_sql`."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy.engine import Connection

from carbon_platform.citizens.intake_sql import numbers, texts
from carbon_platform.db import ask, instant, moment_of

WAITING, DONE, REFUSED = "waiting", "done", "refused"


class NewRecord(NamedTuple):
    """A row to be taken in; ``payload`` as JSON text."""

    record_key: str
    kind: str
    holder: str
    payload: str
    digest: str


class Found(NamedTuple):
    """A row of the inbox under a record key."""

    inbox_id: int
    digest: str
    state: str
    act_id: int | None


class Waiting(NamedTuple):
    """A row on its way to the worker."""

    inbox_id: int
    source: str
    record_key: str
    kind: str
    holder: str
    payload: dict[str, Any]
    received_at: datetime
    digest: str


class Outcome(NamedTuple):
    """What became of a row."""

    inbox_id: int
    state: str
    act_id: int | None = None
    reason_code: str = ""
    reason_zh: str = ""
    reason_en: str = ""


def _pg(connection: Connection) -> bool:
    return connection.dialect.name == "postgresql"


def add(
    connection: Connection, source: str, rows: Sequence[NewRecord], batch_id: int | None, now: datetime
) -> dict[str, int]:
    """Write rows, but for those whose record is there already; the new ones' numbers by record key."""
    if not rows:
        return {}
    columns = "(source, record_key, kind, holder, payload, content_digest, received_at, batch_id, state)"
    kept = "ON CONFLICT (source, record_key) DO NOTHING RETURNING record_key, id"
    if _pg(connection):
        found = ask(
            connection,
            f"INSERT INTO act_inbox {columns} SELECT %s, r.record_key, r.kind, r.holder, r.payload::json, "
            "r.digest, %s, %s, 'waiting' FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], "
            f"%s::text[]) AS r(record_key, kind, holder, payload, digest) {kept}",
            (source, now, batch_id, *(texts(column) for column in zip(*rows, strict=True))),
        )
    else:
        found = ask(
            connection,
            f"INSERT INTO act_inbox {columns} SELECT ?, j.value ->> 0, j.value ->> 1, j.value ->> 2, "
            "j.value ->> 3, j.value ->> 4, ?, ?, 'waiting' FROM json_each(?) AS j WHERE true " + kept,
            (source, instant(connection, now), batch_id, json.dumps(rows)),
        )
    return {key: int(inbox_id) for key, inbox_id in found}


def find(connection: Connection, source: str, keys: Collection[str]) -> dict[str, Found]:
    """Rows of a source by record key."""
    what = "a.record_key, a.id, a.content_digest, a.state, a.act_id"
    if _pg(connection):
        rows = ask(
            connection,
            f"SELECT {what} FROM act_inbox a WHERE a.source = %s AND a.record_key = ANY(%s::text[])",
            (source, texts(keys)),
        )
    else:
        rows = ask(
            connection,
            f"SELECT {what} FROM json_each(?) AS j CROSS JOIN act_inbox AS a "
            "ON a.source = ? AND a.record_key = j.value",
            (json.dumps(list(keys)), source),
        )
    return {row[0]: Found(*row[1:]) for row in rows}


def claim_waiting(connection: Connection, limit: int, *, only: int | None = None) -> list[Waiting]:
    """The oldest rows that wait and that nobody else has in hand; they stay claimed until the commit."""
    # (The driver would parse each payload by itself, at twice the cost.)
    payload = "payload::text" if _pg(connection) else "payload"
    what = f"id, source, record_key, kind, holder, {payload}, received_at, content_digest"
    one = "" if only is None else f" AND id = {int(only)}"
    locked = " FOR UPDATE SKIP LOCKED" if _pg(connection) else ""
    text = f"SELECT {what} FROM act_inbox WHERE state = 'waiting'{one} ORDER BY id LIMIT {int(limit)}{locked}"
    rows = ask(connection, text, ())
    return [
        Waiting(
            inbox_id, source, key, kind, holder, json.loads(said), moment_of(received), digest,
        )
        for inbox_id, source, key, kind, holder, said, received, digest in rows
    ]  # fmt: skip


def conclude(connection: Connection, outcomes: Sequence[Outcome], now: datetime) -> None:
    """Note what became of rows."""
    if not outcomes:
        return
    if _pg(connection):
        ask(
            connection,
            "UPDATE act_inbox a SET state = o.state, act_id = o.act, reason_code = o.code, "
            "reason_zh = o.zh, reason_en = o.en, processed_at = %s FROM unnest(%s::bigint[], %s::text[], "
            "%s::bigint[], %s::text[], %s::text[], %s::text[]) AS o(id, state, act, code, zh, en) "
            "WHERE a.id = o.id",
            (
                now,
                numbers([one.inbox_id for one in outcomes]),
                texts([one.state for one in outcomes]),
                numbers([one.act_id for one in outcomes]),
                texts([one.reason_code for one in outcomes]),
                texts([one.reason_zh for one in outcomes]),
                texts([one.reason_en for one in outcomes]),
            ),
        )
        return
    connection.exec_driver_sql(
        "UPDATE act_inbox SET state = ?, act_id = ?, reason_code = ?, reason_zh = ?, reason_en = ?, "
        "processed_at = ? WHERE id = ?",
        [
            (o.state, o.act_id, o.reason_code, o.reason_zh, o.reason_en, instant(connection, now), o.inbox_id)
            for o in outcomes
        ],
    )


def anything_waits(connection: Connection) -> bool:
    """Whether a row waits."""
    text = "SELECT EXISTS (SELECT 1 FROM act_inbox WHERE state = 'waiting')"
    return bool(connection.exec_driver_sql(text).scalar_one())


def oldest(connection: Connection) -> datetime | None:
    """Since when the oldest waiting row waits."""
    text = "SELECT received_at FROM act_inbox WHERE state = 'waiting' ORDER BY id LIMIT 1"
    moment: datetime | None = moment_of(connection.exec_driver_sql(text).scalar())
    return moment


def backlog(connection: Connection) -> tuple[int, datetime | None]:
    """How many rows wait, and since when the oldest does."""
    row = connection.exec_driver_sql(
        "SELECT count(*), (SELECT received_at FROM act_inbox WHERE state = 'waiting' ORDER BY id LIMIT 1) "
        "FROM act_inbox WHERE state = 'waiting'"
    ).one()
    return int(row[0]), moment_of(row[1])
