"""The few statements of intake, one text per engine: each takes a whole batch.

On PostgreSQL lists travel as arrays, and acts are copied in; on SQLite lists travel as one JSON text (the
statement stays the same and stays prepared), and rows are written by ``executemany``. Statements are given
to the driver as they are: putting one together in Python costs as much as asking it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any, NamedTuple

import psycopg
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from carbon_platform.citizens.tables import Act
from carbon_platform.ledger.accounts import text_array

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


def instant(connection: Connection, moment: datetime | None) -> Any:
    """An instant as the driver takes it: SQLite keeps text in UTC."""
    if moment is None or _pg(connection):
        return moment
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds")


def moment_of(value: Any) -> Any:
    """An instant as it comes from the driver, aware and in UTC; None stays None."""
    if isinstance(value, str):
        return datetime.fromisoformat(value).replace(tzinfo=UTC)
    return value


def texts(values: Collection[str]) -> str:
    """An array of texts as PostgreSQL reads it; the driver's own way is element by element."""
    return text_array(list(values)) if values else "{}"


def numbers(values: Collection[int | None]) -> str:
    """An array of whole numbers as PostgreSQL reads it."""
    return "{" + ",".join("NULL" if value is None else str(value) for value in values) + "}"


def arrays(rows: Sequence[tuple[Any, ...]]) -> tuple[str, ...]:
    """Columns of rows as arrays: texts, or whole numbers."""
    return tuple(
        texts(column) if isinstance(column[0], str) else numbers(column) for column in zip(*rows, strict=True)
    )


@contextmanager
def _named_errors(text: str) -> Iterator[None]:
    """What the driver raises comes out as SQLAlchemy's error, so that a lost race is run again."""
    try:
        yield
    except psycopg.Error as error:
        raise sa.exc.DBAPIError.instance(text, None, error, psycopg.Error) from error


def ask(connection: Connection, text: str, given: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    """Rows of a statement, in the transaction of ``connection``. On PostgreSQL straight from the driver:
    one act by itself is a dozen short statements, and describing each result costs as much as asking."""
    if not _pg(connection):
        result = connection.exec_driver_sql(text, given)
        return [tuple(row) for row in result] if result.returns_rows else []
    driver: Any = connection.connection.driver_connection
    with _named_errors(text), driver.cursor() as cursor:
        cursor.execute(text, given)
        rows: list[tuple[Any, ...]] = cursor.fetchall() if cursor.description else []
    return rows


def lock_holders(connection: Connection, holders: Collection[str], ids: int = 0) -> list[int]:
    """As ``points.lock`` for each, in one order everywhere; and so many numbers for new acts.

    SQLite has one writer already. The numbers are known before the acts are written, so that acts can name
    each other; those that are not needed are lost.
    """
    if not _pg(connection):
        last = (
            int(connection.exec_driver_sql("SELECT coalesce(max(id), 0) FROM act").scalar_one()) if ids else 0
        )
        return list(range(last + 1, last + ids + 1))
    names = [f"points:{holder}" for holder in sorted(set(holders))]
    rows = ask(
        connection,
        "SELECT count(pg_advisory_xact_lock(hashtextextended(name, 0))) FROM unnest(%s::text[]) AS name "
        "UNION ALL SELECT nextval('act_id_seq') FROM generate_series(1, %s)",
        (texts(names), ids),
    )
    return [int(row[0]) for row in rows[1:]]


def regions(connection: Connection, holders: Collection[str]) -> dict[str, str]:
    """The county each of these persons lives in."""
    wanted = list(set(holders))
    if _pg(connection):
        rows = ask(
            connection,
            "SELECT holder, region_code FROM person WHERE holder = ANY(%s::text[])",
            (texts(wanted),),
        )
    else:
        rows = ask(
            connection,
            "SELECT p.holder, p.region_code FROM json_each(?) AS j CROSS JOIN person AS p "
            "ON p.holder = j.value",
            (json.dumps(wanted),),
        )
    return {row[0]: row[1] for row in rows}


def known_records(connection: Connection, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Known]:
    """Acts that have one of these (source, record_key)."""
    if _pg(connection) and len(keys) == 1:
        # One act at a time is the usual way over HTTP: a plan that need not be made anew.
        rows = ask(
            connection,
            "SELECT source, record_key, id, content_digest FROM act WHERE source = %s AND record_key = %s",
            keys[0],
        )
    elif _pg(connection):
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


def counted_acts(connection: Connection, windows: dict[str, tuple[str, str]]) -> list[Counted]:
    """What counts in each person's book from the day before the window to the day after it."""
    spans = [(holder, *_wider(*window)) for holder, window in windows.items()]
    if _pg(connection) and len(spans) == 1:
        rows = ask(
            connection,
            f"SELECT {_COUNTED} FROM act WHERE holder = %s AND day BETWEEN %s AND %s "
            "AND counted_milli > 0 AND withdrawn_at IS NULL",
            spans[0],
        )
    elif _pg(connection):
        rows = ask(
            connection,
            f"SELECT {_named('a', _COUNTED)} FROM unnest(%s::text[], %s::text[], %s::text[]) "
            "AS w(holder, first, last) JOIN act a ON a.holder = w.holder "
            "AND a.day BETWEEN w.first AND w.last WHERE a.counted_milli > 0 AND a.withdrawn_at IS NULL",
            arrays(spans),
        )
    else:
        rows = ask(
            connection,
            f"SELECT {_named('a', _COUNTED)} FROM json_each(?) AS j CROSS JOIN act AS a "
            "ON a.holder = j.value ->> 0 AND a.day BETWEEN j.value ->> 1 AND j.value ->> 2 "
            "WHERE a.counted_milli > 0 AND a.withdrawn_at IS NULL",
            (json.dumps(spans),),
        )
    found = [Counted(*row) for row in rows]
    if not _pg(connection):
        for one in found:
            one.travel = bool(one.travel)
            one.starts_at, one.ends_at = moment_of(one.starts_at), moment_of(one.ends_at)
            one.active_from = moment_of(one.active_from)
    return found


_COLUMNS = [column.name for column in Act.__table__.columns]


def insert_acts(connection: Connection, acts: Sequence[dict[str, Any]]) -> None:
    """Write acts given by column; the unique key of (source, record_key) may break, as anywhere."""
    if not acts:
        return
    acts = [{**act, "circumstances": json.dumps(act["circumstances"])} for act in acts]
    names = ", ".join(_COLUMNS)
    if not _pg(connection):
        rows = [tuple(_stored(act[name]) for name in _COLUMNS) for act in acts]
        places = ", ".join("?" for _ in _COLUMNS)
        connection.exec_driver_sql(f"INSERT INTO act ({names}) VALUES ({places})", rows)
    elif len(acts) < _COPY_FROM:
        places = ", ".join("%s" for _ in _COLUMNS)
        text = f"INSERT INTO act ({names}) VALUES {', '.join(f'({places})' for _ in acts)}"
        ask(connection, text, tuple(act[name] for act in acts for name in _COLUMNS))
    else:
        driver: Any = connection.connection.driver_connection
        text = f"COPY act ({names}) FROM STDIN"
        with _named_errors(text), driver.cursor() as cursor, cursor.copy(text) as copy:
            for act in acts:
                copy.write_row([act[name] for name in _COLUMNS])


def _stored(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds")
    return value


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
