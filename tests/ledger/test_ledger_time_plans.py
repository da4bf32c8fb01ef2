"""Reading balances and pages costs the same however long the history: plans of both engines."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from books import BANK, NOW, cash, deposit, quick
from sqlalchemy.orm import Session
from test_ledger_time import twice

from carbon_platform import ledger
from carbon_platform.db import Database
from carbon_platform.ledger import Asset, By

# So many days with this many transfers each, and as many after the last snapshot.
DAYS, PER_DAY = 60, 100
ENTRIES = """
    WITH RECURSIVE n(i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM n WHERE i < {last})
    INSERT INTO ledger_entry (id, reason, reference, digest, actor, effective_at, recorded_at, note, detail)
    SELECT i, 'test', 'e' || i, '', '', {at}, {at}, '', '{{}}' FROM n
"""
TRANSFERS = """
    WITH RECURSIVE n(i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM n WHERE i < {last})
    INSERT INTO ledger_transfer (id, entry_id, source_id, destination_id, amount)
    SELECT i, i, {bank}, CASE WHEN i / 2 * 2 = i THEN {a} ELSE {b} END, 1 FROM n
"""

# Tables that grow with history must not be walked through.
WHOLE = re.compile(r"SCAN (ledger_transfer|ledger_entry|ledger_snapshot)\b")

READS: dict[str, Callable[[Session], object]] = {
    "a page": lambda s: ledger.statement(s, cash("a"), 20, 3_000),
    "a page of a busy account": lambda s: ledger.statement(s, BANK, 20),
    "a page of a period": lambda s: ledger.statement(
        s, cash("a"), 20, since=NOW + timedelta(days=20), until=NOW + timedelta(days=21), by=By.RECORDED
    ),
    "a balance long ago": lambda s: ledger.balance(s, cash("a"), at=NOW + timedelta(days=10, hours=1)),
    "a balance as known long ago": lambda s: ledger.balance(
        s, BANK, as_recorded=NOW + timedelta(days=30, hours=1)
    ),
    "a balance of the bank": lambda s: ledger.balance(s, BANK),
    "a total of the bank": lambda s: ledger.totals(s, role=ledger.BANK, asset=Asset.CNY),
}


@pytest.fixture
def years(database: Database) -> Database:
    """Two purses and a bank with 6,000 transfers, a snapshot each day, rolled up to the last of them."""
    quick(database)
    deposit(database, "a", 1)
    deposit(database, "b", 1, "d2")
    with database.engine.connect() as connection:
        ids = dict(connection.exec_driver_sql("SELECT holder, id FROM ledger_account").all())
    for day in range(1, DAYS + 1):
        _write_day(database, day, ids)
        if day < DAYS:
            twice(database, ledger.take_snapshot, NOW + timedelta(days=day))
            twice(database, ledger.roll_up, NOW + timedelta(days=day))
    with database.engine.begin() as connection:
        connection.exec_driver_sql("ANALYZE")
    return database


def _write_day(database: Database, day: int, ids: dict[str, int]) -> None:
    first, at = 10 + day * PER_DAY, NOW + timedelta(days=day)
    words: dict[str, Any] = {"first": first, "last": first + PER_DAY - 1}
    instant = at.strftime("'%Y-%m-%d %H:%M:%S.%f'")
    if database.engine.dialect.name == "postgresql":
        instant = f"TIMESTAMPTZ {instant[:-1]}+00'"
    words |= {"at": instant, "bank": ids["platform"], "a": ids["a"], "b": ids["b"]}
    with database.engine.begin() as connection:
        connection.exec_driver_sql(ENTRIES.format(**words))
        connection.exec_driver_sql(TRANSFERS.format(**words))


def statements_of(database: Database, work: Callable[[Session], object]) -> list[tuple[str, Any]]:
    seen: list[tuple[str, Any]] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        if "ledger_" in statement:
            seen.append((statement, parameters))

    sa.event.listen(database.engine, "before_cursor_execute", note)
    database.read(work)
    sa.event.remove(database.engine, "before_cursor_execute", note)
    return seen


def rows_read(plan: dict[str, Any]) -> int:
    """Rows that the scans of a PostgreSQL plan touched, those filtered away included."""
    here = 0
    if plan.get("Relation Name", "").startswith("ledger_"):
        rows = plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)
        here = round(rows * plan["Actual Loops"])
    return here + sum(rows_read(part) for part in plan.get("Plans", []))


def test_no_read_goes_through_the_history(years: Database) -> None:
    for name, work in READS.items():
        statements = statements_of(years, work)
        assert statements
        with years.engine.connect() as connection:
            for statement, parameters in statements:
                look_at_plan(connection, name, statement, parameters)


def look_at_plan(connection: sa.Connection, name: str, statement: str, parameters: Any) -> None:
    if connection.dialect.name == "sqlite":
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
        steps = [row[-1] for row in plan]
        assert not [step for step in steps if WHOLE.match(step)], (name, statement, steps)
        return
    explain = f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}"
    found = connection.exec_driver_sql(explain, parameters).scalar_one()
    plan = (json.loads(found) if isinstance(found, str) else found)[0]["Plan"]
    # A day's transfers and a little more; 6,000 are there.
    assert rows_read(plan) <= 4 * PER_DAY, (name, statement, json.dumps(plan, indent=1))


def test_the_long_story_adds_up(years: Database) -> None:
    whole = DAYS * PER_DAY
    assert years.read(lambda s: ledger.balance(s, BANK)).posted == -whole - 2
    at = NOW + timedelta(days=30, hours=1)
    assert years.read(lambda s: ledger.balance(s, BANK, at=at)).posted == -30 * PER_DAY - 2
    assert years.read(lambda s: ledger.balance(s, cash("a"), at=at)).posted == 15 * PER_DAY + 1
