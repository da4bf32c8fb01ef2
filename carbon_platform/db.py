"""Database: tables' common base, engines for both back ends, and the one transaction wrapper.

SQL stays in the subset SQLite and PostgreSQL share. Sessions are passed explicitly; only the
outermost caller (an endpoint, a job item, a command) opens a transaction, through :func:`transact`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import psycopg
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.orm import DeclarativeBase, Session, sessionmaker

T = TypeVar("T")

# The transaction is run again this often when another one won a race (deadlock, lock time-out, equal key).
ATTEMPTS = 6


class LostRace(Exception):
    """What a transaction read is no longer so: :meth:`Database.transact` runs it again, to another end."""


class UTCDateTime(sa.types.TypeDecorator[datetime]):
    """An instant. Naive values are refused; what comes back is always aware and in UTC."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"naive datetime {value!r}: pass an aware one")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


# SQLite numbers rows by itself only for a column of type INTEGER.
BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


class Base(DeclarativeBase):
    """Base of every table. Names of constraints are fixed, so that migrations can name them."""

    metadata = sa.MetaData(
        naming_convention={
            "ix": "ix_%(column_0_N_label)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 — read by SQLAlchemy from the class
        datetime: UTCDateTime(),
        int: sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
        str: sa.Text(),
        bytes: sa.LargeBinary(),
        dict[str, Any]: sa.JSON(),
        list[Any]: sa.JSON(),
    }


def make_engine(url: str) -> Engine:
    """Engine for ``sqlite:///…`` or ``postgresql+psycopg://…`` with the house's settings."""
    parsed = sa.make_url(url)
    if parsed.get_backend_name() == "postgresql":
        # No ping before each use: a lost connection is noticed by the work itself, see ``transact``.
        engine = sa.create_engine(parsed, hide_parameters=True)
        event.listen(engine, "handle_error", _without_values)
        return engine
    if parsed.database and parsed.database != ":memory:":
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(parsed, hide_parameters=True)
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _without_values(context: sa.engine.ExceptionContext) -> None:
    """Errors end in logs, and people's numbers and names do not belong there: of what PostgreSQL says only
    the first line stays, for the lines below it repeat the values of the row."""
    driver, raised = context.original_exception, context.sqlalchemy_exception
    whole = str(driver)
    if "\n" in whole and raised is not None:
        driver.args = (whole.split("\n", 1)[0],)
        raised.args = tuple(str(part).replace(whole, str(driver)) for part in raised.args)


# The cache is at most 32 MiB a connection (the default of 2 is read again and again by large imports).
_PRAGMAS = (
    "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=10000", "cache_size=-32768",
)  # fmt: skip


def _set_up_sqlite(connection: Any, _record: Any) -> None:
    # The driver would begin late and only for some statements; we begin ourselves, see below.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in _PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # IMMEDIATE takes the write lock at once: a transaction that reads, then writes never loses its read.
    # Read-only work says so and does not queue behind writers.
    read_only = connection.get_execution_options().get("carbon_read_only", False)
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")


class Database:
    """An engine and its session factory; one instance per process.

    ``info`` is what every session of it knows from the start, as ``session.info``: a room may leave a
    look-up there for rooms below it, which may not import it.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine = make_engine(url)
        self.info: dict[str, Any] = {}
        self._sessions = sessionmaker(self.engine, expire_on_commit=False, info=self.info)
        readers = self.engine.execution_options(carbon_read_only=True)
        self._readers = sessionmaker(readers, expire_on_commit=False, autoflush=False, info=self.info)

    def transact(self, work: Callable[[Session], T]) -> T:
        """Run ``work(session)`` in one transaction and return its result after the commit.

        Any exception rolls everything back. A race lost to another transaction (deadlock,
        serialisation, lock time-out, or a unique key that appeared in between) runs ``work`` again
        from the start, at most :data:`ATTEMPTS` times, so ``work`` must not act on the outside world.
        So does a connection that had gone away, unless it went during the commit: nobody knows then
        whether it happened, and the caller, who has a reference for it, must ask again.
        """
        for attempt in range(1, ATTEMPTS + 1):
            committing = False
            with self._sessions() as session:
                try:
                    result = work(session)
                    committing = True
                    session.commit()
                    return result
                except LostRace:
                    session.rollback()
                    if attempt == ATTEMPTS:
                        raise
                except DBAPIError as error:
                    session.rollback()
                    again = _lost_race(error) or (error.connection_invalidated and not committing)
                    if attempt == ATTEMPTS or not again:
                        raise
            time.sleep(0.01 * 2**attempt)
        raise AssertionError("unreachable")

    def read(self, work: Callable[[Session], T]) -> T:
        """Run ``work(session)`` for reading; nothing it does is kept."""
        try:
            with self._readers() as session:
                return work(session)  # closing rolls back
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
        with self._readers() as session:
            return work(session)

    def dispose(self) -> None:
        self.engine.dispose()


def _lost_race(error: DBAPIError) -> bool:
    """Whether running the transaction again can end differently.

    A broken unique key can: the row of the other transaction is visible the second time, and the
    service then answers with it (idempotency) or names the conflict. If not, the last attempt raises.
    """
    # PostgreSQL says it by code, whatever language its messages are in; SQLite only by words.
    state = getattr(error.orig, "sqlstate", None)
    if state is not None:
        return state in {"23505", "40001", "40P01", "55P03"}
    if isinstance(error, IntegrityError):
        return "UNIQUE" in str(error.orig)
    return isinstance(error, OperationalError) and "locked" in str(error.orig)


@contextmanager
def named_errors(text: str) -> Iterator[None]:
    """What the driver raises comes out as SQLAlchemy's error, so that a lost race is run again."""
    try:
        yield
    except psycopg.Error as error:
        error.args = (str(error).split("\n", 1)[0],)  # as ``_without_values``
        raise DBAPIError.instance(text, None, error, psycopg.Error, hide_parameters=True) from error


def ask(connection: Connection, text: str, given: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    """Rows of a statement of one engine, in the transaction of ``connection``, for what every request asks.

    On PostgreSQL straight from the driver: such statements are short, and describing each result costs as
    much as asking. Types are the driver's: see :func:`instant` and :func:`moment_of`.
    """
    if connection.dialect.name != "postgresql":
        result = connection.exec_driver_sql(text, given)
        return [tuple(row) for row in result] if result.returns_rows else []
    driver: Any = connection.connection.driver_connection
    with named_errors(text), driver.cursor() as cursor:
        for listener in connection.dispatch.before_cursor_execute:  # who watches statements sees these too
            listener(connection, cursor, text, given, None, False)
        cursor.execute(text, given)
        rows: list[tuple[Any, ...]] = cursor.fetchall() if cursor.description else []
    return rows


def text_array(values: Sequence[str]) -> str:
    """An array literal of PostgreSQL. The driver's own is element by element, ten times slower."""
    if not values:
        return "{}"
    joined = '","'.join(values)
    if "\\" in joined or joined.count('"') != 2 * (len(values) - 1):
        joined = '","'.join(value.replace("\\", "\\\\").replace('"', '\\"') for value in values)
    return f'{{"{joined}"}}'


def among_texts(connection: Connection, values: Collection[str]) -> tuple[str, str]:
    """A condition for :func:`ask` that a column is one of ``values``, and its argument.

    On PostgreSQL a single value is asked for as such: the plan for it need not be made anew each time, as one
    for a list is.
    """
    if connection.dialect.name != "postgresql":
        return "IN (SELECT value FROM json_each(?))", json.dumps(list(values))
    if len(values) == 1:
        return "= %s", next(iter(values))
    return "= ANY(%s::text[])", text_array(list(values))


def mark(connection: Connection) -> str:
    """Where a value of :func:`ask` stands."""
    return "%s" if connection.dialect.name == "postgresql" else "?"


def instant(connection: Connection, moment: datetime | None) -> Any:
    """An instant as the driver takes it: SQLite keeps text in UTC."""
    if moment is None or connection.dialect.name == "postgresql":
        return moment
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds")


def moment_of(value: Any) -> Any:
    """An instant as it comes from the driver or out of JSON, aware and in UTC; None stays None."""
    if isinstance(value, str):
        found = datetime.fromisoformat(value)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    return value


def among(session: Session, column: Any, values: Collection[Any]) -> sa.ColumnElement[bool]:
    """``column IN values`` with one parameter, however many values there are.

    A list of a thousand parameters costs the driver more than the database; this costs neither.
    """
    if session.get_bind().dialect.name == "postgresql":
        listed = sa.cast(sa.literal(json.dumps(list(values))), sa.JSON())
        each = sa.func.json_array_elements_text(listed).table_valued("value")
        return sa.type_coerce(column.in_(sa.select(each.c.value)), sa.Boolean)
    each = sa.func.json_each(json.dumps(list(values))).table_valued("value")
    return sa.type_coerce(column.in_(sa.select(each.c.value)), sa.Boolean)


def serialise(session: Session, name: str) -> None:
    """Let only one transaction at a time pass, per ``name``, until it ends.

    SQLite has one writer already; PostgreSQL takes a transaction-level advisory lock.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(sa.text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": name})
