"""Migration 0026 on both engines: appeals stay as they were; one may be about a refusal, never about both."""

from __future__ import annotations

import warnings
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command

from carbon_platform.migrate import alembic_config

AT = datetime(2026, 11, 1, tzinfo=UTC)


def put(engine: sa.Engine, name: str, **given: Any) -> None:
    """A row of a table as it is now; what is demanded and not given is zero or empty."""
    plain: dict[type[Any], Any] = {str: "", int: 0, bool: False, datetime: AT, dict: {}, list: []}
    with engine.begin() as connection:
        table = sa.Table(name, sa.MetaData(), autoload_with=connection)
        demanded = {
            column.name: plain[column.type.python_type]
            for column in table.columns
            if not column.nullable and column.server_default is None
        }
        connection.execute(sa.insert(table).values(demanded | given))


def test_appeals_of_before_stay_and_a_refusal_can_be_contested(database_url: str) -> None:
    config = alembic_config(database_url)
    appeal = {"holder": "h", "words": "不对", "state": "open"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        command.upgrade(config, "0025")
        engine = sa.create_engine(database_url)
        acted = {"status": "not_counted", "claimed_milli": 1_000, "evidence_percent": 100}
        put(engine, "act", id=1, holder="h", record_key="r-1", **acted)
        put(engine, "appeal", id=1, act_id=1, **appeal)
        command.upgrade(config, "0026")
        with engine.begin() as connection:
            row = connection.execute(sa.text("SELECT act_id, refusal_id, words FROM appeal")).one()
            assert tuple(row) == (1, None, "不对")
        put(engine, "act_refusal", id=7, holder="h", refusal_key="act.too_old:r-2")
        with pytest.raises(sa.exc.IntegrityError):
            put(engine, "act_refusal", id=8, holder="h", refusal_key="act.too_old:r-2")
        put(engine, "appeal", id=2, refusal_id=7, **appeal)
        wrong: list[dict[str, Any]] = [
            {},
            {"act_id": 1, "refusal_id": 7},
            {"refusal_id": 7},  # one open appeal about one refusal
            {"act_id": 1},  # and about one act, as before
        ]
        for about in wrong:
            with pytest.raises(sa.exc.IntegrityError):
                put(engine, "appeal", id=3, **appeal, **about)
        command.downgrade(config, "0025")
    with engine.begin() as connection:
        assert connection.execute(sa.text("SELECT id, act_id FROM appeal")).all() == [(1, 1)]
        assert "act_refusal" not in sa.inspect(connection).get_table_names()
        columns = {column["name"]: column for column in sa.inspect(connection).get_columns("appeal")}
        assert "refusal_id" not in columns
        assert not columns["act_id"]["nullable"]
    with pytest.raises(sa.exc.IntegrityError):
        put(engine, "appeal", id=9, act_id=1, **appeal)
    engine.dispose()
