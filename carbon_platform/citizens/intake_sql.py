"""The few statements of intake, one text per engine: each takes a whole batch.

On PostgreSQL lists travel as arrays, and acts are copied in; on SQLite lists travel as one JSON text (the
statement stays the same and stays prepared), and rows are written by ``executemany``. Statements are given
to the driver as they are: putting one together in Python costs as much as asking it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy.engine import Connection

from carbon_platform.citizens.tables import Act
from carbon_platform.db import LostRace, UTCDateTime, ask, instant, moment_of, named_errors, text_array

# From so many rows on, COPY is worth its round trips.
_COPY_FROM = 8


class Known(NamedTuple):
    """An act that has the record's number already."""

    act_id: int
    digest: str


@dataclass(slots=True)
class Counted:
    """An act of the book as rules look at it. Quantities as in ``act``; not withdrawn, something counts."""

    act_id: int
    holder: str
    behaviour: str
    day: str
    travel: bool
    starts_at: datetime
    ends_at: datetime
    milli: int
    reduction_g: int
    creditable_g: int
    points: int
    source: str
    evidence_percent: int
    active_from: datetime | None
    points_state: str
    points_lot: str
    bonus_points: int
    campaign: str
    entry_id: int | None


_COUNTED = (
    "id, holder, behaviour, day, travel, occurred_at, ended_at, counted_milli, reduction_g, creditable_g, "
    "points, source, evidence_percent, active_from, points_state, points_lot, bonus_points, campaign, "
    "entry_id"
)


def _pg(connection: Connection) -> bool:
    return connection.dialect.name == "postgresql"


def texts(values: Collection[str]) -> str:
    """An array of texts as PostgreSQL reads it; the driver's own way is element by element."""
    return text_array(list(values))


def numbers(values: Collection[int | None]) -> str:
    """An array of whole numbers as PostgreSQL reads it."""
    return "{" + ",".join("NULL" if value is None else str(value) for value in values) + "}"


def arrays(rows: Sequence[tuple[Any, ...]]) -> tuple[str, ...]:
    """Columns of rows as arrays: texts, or whole numbers."""
    return tuple(
        texts(column) if isinstance(column[0], str) else numbers(column) for column in zip(*rows, strict=True)
    )


def lock_holders(connection: Connection, holders: Collection[str]) -> None:
    """As ``points.lock`` for each, in one order everywhere. SQLite has one writer already."""
    if _pg(connection):
        text = f"SELECT count(pg_advisory_xact_lock({LOCK_OF})) FROM unnest(%s::text[]) AS holder"
        ask(connection, text, (texts(sorted(set(holders))),))


# The number of a person's lock; see ``points.lock``.
LOCK_OF = "hashtextextended('points:' || holder, 0)"


def hold(connection: Connection, acts: Sequence[Counted]) -> None:
    """Keep acts as they were read until the commit. The job that makes points active takes no person's lock,
    so one of them may have become active meanwhile: then ``LostRace``. SQLite has one writer already."""
    if not _pg(connection):
        return
    rows = ask(
        connection,
        "SELECT id, points_state FROM act WHERE id = ANY(%s::bigint[]) AND withdrawn_at IS NULL "
        "ORDER BY id FOR UPDATE",
        (numbers([act.act_id for act in acts]),),
    )
    if dict(rows) != {act.act_id: act.points_state for act in acts}:
        raise LostRace("an act that is to be replaced has changed")


Windows = dict[str, tuple[str, str]]


class Books(NamedTuple):
    """What a batch finds: acts that have its records already, and what counts in its persons' books."""

    known: dict[tuple[str, str], Known]
    counted: list[Counted]


def read_books(connection: Connection, keys: Sequence[tuple[str, str]], windows: Windows) -> Books:
    """:func:`known_records` and :func:`counted_acts`; for a single act on PostgreSQL in one statement."""
    if not _pg(connection) or len(keys) != 1 or len(windows) != 1:
        return Books(known_records(connection, keys), counted_acts(connection, windows))
    ((holder, (first, last)),) = windows.items()
    (row,) = ask(connection, _ONE_BOOK, (*keys[0], holder, *_wider(first, last)))
    known = {keys[0]: Known(*row[0])} if row[0] else {}
    return Books(known, [_in_utc(Counted(*one)) for one in row[1] or ()])


# A plan that need not be made anew: one act at a time is the usual way over HTTP.
_ONE_BOOK = (
    "SELECT (SELECT json_build_array(id, content_digest) FROM act WHERE source = %s AND record_key = %s), "
    f"(SELECT json_agg(json_build_array({_COUNTED})) FROM act WHERE holder = %s AND day BETWEEN %s AND %s "
    "AND counted_milli > 0 AND withdrawn_at IS NULL)"
)


def known_records(connection: Connection, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Known]:
    """Acts that have one of these (source, record_key)."""
    if _pg(connection):
        rows = ask(
            connection,
            "SELECT a.source, a.record_key, a.id, a.content_digest FROM unnest(%s::text[], %s::text[]) "
            "AS k(source, record_key) JOIN act a ON a.source = k.source AND a.record_key = k.record_key",
            arrays(keys),
        )
    else:
        rows = ask(
            connection,
            "SELECT a.source, a.record_key, a.id, a.content_digest FROM json_each(?) AS j "
            "CROSS JOIN act AS a ON a.source = j.value ->> 0 AND a.record_key = j.value ->> 1",
            (json.dumps(keys),),
        )
    return {(source, key): Known(act_id, digest) for source, key, act_id, digest in rows}


def counted_acts(connection: Connection, windows: Windows) -> list[Counted]:
    """What counts in each person's book from the day before the window to the day after it."""
    spans = [(holder, *_wider(*window)) for holder, window in windows.items()]
    if not spans:
        return []
    if _pg(connection):
        rows = ask(
            connection,
            f"SELECT {_named('a', _COUNTED)} FROM unnest(%s::text[], %s::text[], %s::text[]) "
            "AS w(holder, first, last) JOIN act a ON a.holder = w.holder "
            "AND a.day BETWEEN w.first AND w.last WHERE a.counted_milli > 0 AND a.withdrawn_at IS NULL",
            arrays(spans),
        )
        return [Counted(*row) for row in rows]
    rows = ask(
        connection,
        f"SELECT {_named('a', _COUNTED)} FROM json_each(?) AS j CROSS JOIN act AS a "
        "ON a.holder = j.value ->> 0 AND a.day BETWEEN j.value ->> 1 AND j.value ->> 2 "
        "WHERE a.counted_milli > 0 AND a.withdrawn_at IS NULL",
        (json.dumps(spans),),
    )
    return [_in_utc(Counted(*row)) for row in rows]


def _in_utc(one: Counted) -> Counted:
    """Instants and truth values out of SQLite or JSON."""
    one.travel = bool(one.travel)
    one.starts_at, one.ends_at = moment_of(one.starts_at), moment_of(one.ends_at)
    one.active_from = moment_of(one.active_from)
    return one


_COLUMNS = [column.name for column in Act.__table__.columns]
_INSTANTS = {column.name for column in Act.__table__.columns if isinstance(column.type, UTCDateTime)}


def insert_acts(connection: Connection, acts: Sequence[dict[str, Any]]) -> None:
    """Write acts given by column; the unique key of (source, record_key) may break, as anywhere."""
    if not acts:
        return
    acts = [{**act, "circumstances": json.dumps(act["circumstances"])} for act in acts]
    names = ", ".join(_COLUMNS)
    if not _pg(connection):
        rows = [
            tuple(instant(connection, act[name]) if name in _INSTANTS else act[name] for name in _COLUMNS)
            for act in acts
        ]
        places = ", ".join("?" for _ in _COLUMNS)
        connection.exec_driver_sql(f"INSERT INTO act ({names}) VALUES ({places})", rows)
    elif len(acts) < _COPY_FROM:
        places = ", ".join("%s" for _ in _COLUMNS)
        text = f"INSERT INTO act ({names}) VALUES {', '.join(f'({places})' for _ in acts)}"
        ask(connection, text, tuple(act[name] for act in acts for name in _COLUMNS))
    else:
        driver: Any = connection.connection.driver_connection
        text = f"COPY act ({names}) FROM STDIN"
        with named_errors(text), driver.cursor() as cursor, cursor.copy(text) as copy:
            for act in acts:
                copy.write_row([act[name] for name in _COLUMNS])


def withdraw_acts(
    connection: Connection, rows: Sequence[tuple[int, int | None, str, int | None]], now: datetime
) -> None:
    """Note that acts no longer count: (act, entry that undid it, note, the act that counts instead)."""
    state = "CASE WHEN points_state = '' THEN '' ELSE 'withdrawn' END"
    if _pg(connection):
        connection.exec_driver_sql(
            "UPDATE act SET withdrawn_at = %s, withdrawal_entry_id = w.entry, withdrawal_note = w.note, "
            f"counted_as_id = w.instead, points_state = {state} "
            "FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::bigint[]) "
            "AS w(id, entry, note, instead) WHERE act.id = w.id",
            (now, *_columns_of_withdrawals(rows)),
        )
        return
    connection.exec_driver_sql(
        "UPDATE act SET withdrawn_at = ?, withdrawal_entry_id = ?, withdrawal_note = ?, counted_as_id = ?, "
        f"points_state = {state} WHERE id = ?",
        [(instant(connection, now), entry, note, instead, act) for act, entry, note, instead in rows],
    )


def _columns_of_withdrawals(rows: Sequence[tuple[int, int | None, str, int | None]]) -> tuple[str, ...]:
    acts, entries, notes, instead = zip(*rows, strict=True)
    return numbers(acts), numbers(entries), texts(notes), numbers(instead)


class BookDelta(NamedTuple):
    """What a person's month gains (or, below zero, loses)."""

    acts: int = 0
    reduction_g: int = 0
    creditable_g: int = 0
    points: int = 0


_BOOK = "INSERT INTO book_month AS b (holder, month, acts, reduction_g, creditable_g, points)"
_ADDED = (
    "ON CONFLICT (holder, month) DO UPDATE SET acts = b.acts + excluded.acts, "
    "reduction_g = b.reduction_g + excluded.reduction_g, "
    "creditable_g = b.creditable_g + excluded.creditable_g, points = b.points + excluded.points"
)


def add_to_books(connection: Connection, deltas: dict[tuple[str, str], BookDelta]) -> None:
    """Add to the sums of (holder, month). Callers hold the lock of each holder.

    A month that only loses is there already: what it loses was added to it.
    """
    gains = [(*key, *delta) for key, delta in deltas.items() if min(delta) >= 0]
    losses = [(*delta, *key) for key, delta in deltas.items() if min(delta) < 0]
    if gains and _pg(connection):
        ask(
            connection,
            f"{_BOOK} SELECT * FROM unnest(%s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::bigint[], "
            f"%s::bigint[]) ORDER BY 1, 2 {_ADDED}",
            arrays(gains),
        )
    elif gains:
        connection.exec_driver_sql(f"{_BOOK} VALUES (?, ?, ?, ?, ?, ?) {_ADDED}", gains)
    if losses:
        text = (
            "UPDATE book_month SET acts = acts + ?, reduction_g = reduction_g + ?, "
            "creditable_g = creditable_g + ?, points = points + ? WHERE holder = ? AND month = ?"
        )
        connection.exec_driver_sql(text.replace("?", "%s") if _pg(connection) else text, losses)


def write_acts(
    connection: Connection, acts: Sequence[dict[str, Any]], deltas: dict[tuple[str, str], BookDelta]
) -> None:
    """:func:`insert_acts` and :func:`add_to_books`; for a single act on PostgreSQL in one statement."""
    if len(acts) != 1 or not _pg(connection):
        insert_acts(connection, acts)
        add_to_books(connection, deltas)
        return
    act = {**acts[0], "circumstances": json.dumps(acts[0]["circumstances"])}
    ((key, delta),) = deltas.items()
    line = f"INSERT INTO act ({', '.join(_COLUMNS)}) VALUES ({', '.join('%s' for _ in _COLUMNS)})"
    ask(
        connection,
        f"WITH line AS ({line}) {_BOOK} VALUES (%s, %s, %s, %s, %s, %s) {_ADDED}",
        (*(act[name] for name in _COLUMNS), *key, *delta),
    )


def _named(table: str, columns: str) -> str:
    return ", ".join(f"{table}.{name.strip()}" for name in columns.split(","))


@cache
def _wider(first: str, last: str) -> tuple[str, str]:
    """A journey may have begun the evening before, or end the day after."""
    one = timedelta(days=1)
    return (date.fromisoformat(first) - one).isoformat(), (date.fromisoformat(last) + one).isoformat()
