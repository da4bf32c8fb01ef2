"""The journal refuses changes; where somebody took the triggers away, verification finds each one."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa
from books import (
    BANK,
    NOW,
    assert_sound,
    cash,
    deposit,
    hold,
    holding,
    issue,
    post,
    retired,
)
from sqlalchemy.exc import DBAPIError

from carbon_platform import ledger
from carbon_platform.db import Database
from carbon_platform.ledger import HoldUse, Move, append_only_ddl, drop_append_only_ddl

JOURNAL = ("ledger_entry", "ledger_transfer", "ledger_movement", "ledger_hold_use")


@pytest.fixture
def story(database: Database) -> Database:
    """A ledger in which every table has rows."""
    issue(database, "a", 100)
    deposit(database, "a", 1_000)
    hold(database, "h1", holding("a"), 30)
    hold(database, "h2", cash("a"), 500, expires_at=NOW + timedelta(days=1))
    post(database, "sale", Move(holding("a"), holding("b"), 20), holds=[HoldUse("h1", 20)])
    wrong = post(database, "wrong", Move(cash("a"), cash("b"), 10), detail={"by": ["纸", 1]})
    database.transact(
        lambda s: ledger.reverse(
            s,
            wrong.entry_id,
            reference="undo",
            reason="correction",
            actor_name="王敏",
            second_approver="李强",
            note="错户",
            now=NOW,
        )
    )
    post(database, "retire", Move(holding("b"), retired("b"), 5), effective_at=NOW - timedelta(days=3))
    assert_sound(database)
    return database


def tamper(database: Database, *statements: str) -> None:
    with database.engine.begin() as connection:
        for statement in (*drop_append_only_ddl(connection.dialect.name), *statements):
            connection.exec_driver_sql(statement)


@pytest.mark.parametrize("table", JOURNAL)
@pytest.mark.parametrize("action", ["UPDATE", "DELETE"])
def test_the_journal_refuses_raw_changes(story: Database, table: str, action: str) -> None:
    columns = {"ledger_entry": "note", "ledger_movement": "last"}
    column = columns.get(table, "amount")
    sql = f"DELETE FROM {table}" if action == "DELETE" else f"UPDATE {table} SET {column} = {column}"
    with pytest.raises(DBAPIError, match="append-only"), story.engine.begin() as connection:
        connection.exec_driver_sql(sql)
    assert_sound(story)


def test_triggers_come_and_go(database: Database) -> None:
    tamper(database)
    with database.engine.begin() as connection:
        for statement in append_only_ddl(connection.dialect.name):
            connection.exec_driver_sql(statement)
    deposit(database, "a", 1)
    with pytest.raises(DBAPIError, match="append-only"), database.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM ledger_transfer")


CHANGES = {
    "entry note": ("UPDATE ledger_entry SET note = 'x' WHERE id = 3", "entries", "3"),
    "entry actor": ("UPDATE ledger_entry SET actor = 'x' WHERE id = 2", "entries", "2"),
    "entry reason": ("UPDATE ledger_entry SET reason = 'x' WHERE id > 3", "entries", "4"),
    "entry detail": ("""UPDATE ledger_entry SET detail = '{"by": []}' WHERE id = 4""", "entries", "4"),
    "entry time": (
        "UPDATE ledger_entry SET effective_at = '2026-01-01 00:00:00' WHERE id = 3",
        "entries",
        "3",
    ),
    "entry digest": ("UPDATE ledger_entry SET digest = 'x' WHERE id = 6", "entries", "6"),
    "entry removed": ("DELETE FROM ledger_entry WHERE id = 3", "transfers", "3"),
    "entry inserted": (
        "INSERT INTO ledger_entry"
        " (id, reason, reference, digest, actor, effective_at, recorded_at, note, detail)"
        " VALUES (77, 'x', 'x', 'x', 'x', '2026-01-01 00:00:00', '2026-01-01 00:00:00', '', '{}')",
        "sequence",
        "77",
    ),
    "reversal turned": ("UPDATE ledger_entry SET reverses = 3 WHERE id = 5", "reversals", "5"),
    "transfer amount": ("UPDATE ledger_transfer SET amount = amount + 1 WHERE id = 2", "balances", "4"),
    "transfer removed": ("DELETE FROM ledger_transfer WHERE id = 4", "entries", "4"),
    "transfer turned": (
        "UPDATE ledger_transfer SET source_id = destination_id, destination_id = source_id WHERE id = 4",
        "entries",
        "4",
    ),
    "transfer to nobody": ("UPDATE ledger_transfer SET source_id = 999 WHERE id = 4", "transfers", "4"),
    "movement shifted": (
        'UPDATE ledger_movement SET "first" = "first" + 1, "last" = "last" + 1 WHERE transfer_id = 3',
        "numbers",
        "transfer_id=3",
    ),
    "movement shortened": (
        'UPDATE ledger_movement SET "last" = "last" - 1 WHERE transfer_id = 6',
        "numbers",
        "transfer_id=6",
    ),
    "movement removed": ("DELETE FROM ledger_movement WHERE transfer_id = 3", "numbers", "transfer_id=3"),
    "movement loose": ("INSERT INTO ledger_movement VALUES (99, 1, 2)", "transfers", "99"),
    "hold use amount": ("UPDATE ledger_hold_use SET amount = 19", "entries", "3"),
    "hold use removed": ("DELETE FROM ledger_hold_use", "holds", "1"),
    "balance posted": ("UPDATE ledger_balance SET posted = posted + 1 WHERE account_id = 4", "balances", "4"),
    "balance held": ("UPDATE ledger_balance SET held = held - 1 WHERE account_id = 4", "held", "4"),
    "balance removed": ("DELETE FROM ledger_balance WHERE account_id = 4", "accounts", "4"),
    "holding moved": (
        "UPDATE ledger_holding SET account_id = (SELECT id FROM ledger_account WHERE role = 'holding' AND"
        " holder = 'a') WHERE account_id = (SELECT id FROM ledger_account WHERE role = 'retired')",
        "numbers",
        "lot=",
    ),
    "holding removed": ('DELETE FROM ledger_holding WHERE "first" = 1', "numbers", "first=1"),
    "lot's last number": ("UPDATE ledger_lot SET last = last - 1", "numbers", "lot=XY"),
    "account holder": ("UPDATE ledger_account SET holder = 'x' WHERE role = 'retired'", "entries", "6"),
    "account guarded": (
        "UPDATE ledger_account SET guarded = NOT guarded WHERE role = 'bank'",
        "accounts",
        "3",
    ),
    "account lot": ("UPDATE ledger_account SET lot = 'x' WHERE role = 'retired'", "transfers", "6"),
    "hold amount": ("UPDATE ledger_hold SET amount = amount + 1 WHERE reference = 'h2'", "holds", "2"),
    "hold remaining": ("UPDATE ledger_hold SET remaining = remaining - 1 WHERE id = 2", "held", "4"),
    "hold posted": ("UPDATE ledger_hold SET posted = posted - 1 WHERE reference = 'h1'", "holds", "1"),
    "hold reason": ("UPDATE ledger_hold SET reason = 'x' WHERE reference = 'h1'", "holds", "1"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_every_tampering_is_found_and_named(story: Database, name: str) -> None:
    statement, check, row = CHANGES[name]
    tamper(story, statement)
    report = story.read(ledger.verify)
    assert not report.ok
    named = [finding for finding in report.findings if finding.check == check]
    assert any(row in finding.row for finding in named), report.findings
    assert all(finding.wrong >= 1 and finding.zh and finding.en for finding in report.findings)


def test_money_from_nowhere_breaks_the_sum(story: Database) -> None:
    tamper(story, "UPDATE ledger_balance SET posted = posted + 5 WHERE account_id = 4")
    findings = story.read(ledger.verify).findings
    assert {(f.check, f.row) for f in findings} == {("balances", "4"), ("sums", "CNY")}


def test_the_report_counts(story: Database) -> None:
    report = story.read(ledger.verify)
    assert report.counts == {
        "entries": 6,
        "transfers": 6,
        "accounts": 7,
        "balances": 5,
        "holds": 2,
        "lots": 1,
        "numbered_kg": 100,
        "sealed": 0,
        "heads": 0,
    }
    assert BANK.role == "bank"


def test_an_empty_ledger_is_sound(database: Database) -> None:
    report = database.read(ledger.verify)
    assert report.ok and set(report.counts.values()) == {0}


def test_constraints_hold_without_the_platform(story: Database) -> None:
    for statement in (
        "UPDATE ledger_balance SET posted = held - 1 WHERE account_id = 4",
        "UPDATE ledger_hold SET status = 'open', remaining = 0 WHERE id = 2",
        "INSERT INTO ledger_transfer (entry_id, source_id, destination_id, amount) VALUES (1, 1, 2, 0)",
        "INSERT INTO ledger_transfer (entry_id, source_id, destination_id, amount) VALUES (1, 1, 1, 1)",
    ):
        with pytest.raises(sa.exc.IntegrityError), story.engine.begin() as connection:
            connection.exec_driver_sql(statement)
