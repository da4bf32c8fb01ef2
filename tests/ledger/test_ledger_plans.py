"""Looking up accounts must not read all of them."""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa
from books import cash, holding, points

from carbon_platform.db import Database
from carbon_platform.ledger import accounts


def test_accounts_are_found_by_their_index(new_ledger: Callable[[str], Database]) -> None:
    database = new_ledger("sqlite")
    seen: list[tuple[str, object]] = []

    @sa.event.listens_for(database.engine, "before_cursor_execute")
    def note(_connection: object, _cursor: object, statement: str, parameters: object, *_: object) -> None:
        seen.append((statement, parameters))

    keys = [cash("a"), holding("b"), points("c")]
    with database.engine.connect() as connection:
        accounts.find(connection, keys)
        statement, parameters = seen[-1]
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()  # type: ignore[arg-type]
    steps = [row[-1] for row in plan]
    assert any(step.startswith("SEARCH a USING") and "holder=?" in step for step in steps), steps
    assert not any(step.startswith(("SCAN a", "SCAN ledger")) for step in steps), steps
