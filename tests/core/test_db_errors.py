"""What the database says of a row that it refuses: why, never the row's values."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.db import ATTEMPTS, Database, ask, mark, named_errors

SECRET = "openid-of-a-person"
METADATA = sa.MetaData()
THING = sa.Table("thing", METADATA, sa.Column("key", sa.Text, unique=True), sa.Column("number", sa.Integer))


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    METADATA.create_all(database.engine)
    database.transact(lambda session: session.execute(sa.insert(THING).values(key=SECRET)))
    yield database
    database.dispose()


def through_sqlalchemy(session: Session) -> None:
    session.execute(sa.insert(THING).values(key=SECRET))


def many_through_sqlalchemy(session: Session) -> None:
    session.execute(sa.insert(THING), [{"key": "new"}, {"key": SECRET}])


def through_the_driver(session: Session) -> None:
    connection = session.connection()
    ask(connection, f"INSERT INTO thing (key) VALUES ({mark(connection)})", (SECRET,))


def by_copy(session: Session) -> None:
    connection = session.connection()
    if connection.dialect.name != "postgresql":
        return through_the_driver(session)
    driver: Any = connection.connection.driver_connection
    text = "COPY thing (key) FROM STDIN"
    with named_errors(text), driver.cursor() as cursor, cursor.copy(text) as copy:
        copy.write_row([SECRET])
    return None


@pytest.mark.parametrize(
    "work",
    [through_sqlalchemy, many_through_sqlalchemy, through_the_driver, by_copy],
    ids=lambda f: f.__name__,
)
def test_a_refused_row_is_not_repeated_in_the_log(
    db: Database, caplog: pytest.LogCaptureFixture, work: Callable[[Session], None]
) -> None:
    tries = []

    def step(session: Session) -> None:
        tries.append(1)
        work(session)

    try:
        db.transact(step)
    except sa.exc.IntegrityError:
        logging.getLogger("carbon.test").exception("refused")
    assert len(tries) == ATTEMPTS, "a key that appeared meanwhile is a lost race, also without its words"
    assert "IntegrityError" in caplog.text and "thing" in caplog.text, "says what happened, and where"
    assert SECRET not in caplog.text


def test_a_fault_of_ours_keeps_the_words_that_help(db: Database) -> None:
    with pytest.raises(sa.exc.DBAPIError, match="nowhere"):
        db.read(lambda session: session.execute(sa.text("SELECT 1 FROM nowhere WHERE x = :x"), {"x": SECRET}))
