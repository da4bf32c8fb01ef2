"""Migration 0004 goes down only while nothing of another registry is in the books, on both engines."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command

from carbon_platform.migrate import alembic_config

AT = datetime(2026, 11, 1, tzinfo=UTC)


def filled(table: sa.Table, **given: Any) -> sa.Insert:
    """A row with something in every column that must have it."""
    blank: dict[type, Any] = {int: 1, str: "x", datetime: AT}
    values = {
        c.name: {} if isinstance(c.type, sa.JSON) else blank[c.type.python_type]
        for c in table.columns
        if not c.nullable
    }
    return sa.insert(table).values(values | given)


def test_records_in_the_books_are_never_dropped(database_url: str) -> None:
    config = alembic_config(database_url)
    command.upgrade(config, "0004")
    engine = sa.create_engine(database_url)
    tables = sa.MetaData()
    tables.reflect(engine)
    with engine.begin() as connection:
        connection.execute(filled(tables.tables["organisation"], id=1))
        connection.execute(filled(tables.tables["registry_import"], id=1))
        connection.execute(filled(tables.tables["registry_record"], id=1))
    engine.dispose()
    with pytest.raises(RuntimeError, match="1 records of other registries"):
        command.downgrade(config, "0003")
    with engine.begin() as connection:
        connection.execute(sa.delete(tables.tables["registry_record"]))
    engine.dispose()
    command.downgrade(config, "0003")
    assert not [t for t in sa.inspect(engine).get_table_names() if t.startswith(("registry_", "external_"))]
    engine.dispose()
