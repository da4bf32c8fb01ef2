"""The nightly reconciliation finds what somebody damaged and stops exactly that; everything else goes on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from importlib import import_module

import pytest
from books import BANK, HOUR, LOT, NOW, cash, deposit, hold, holding, issue, post, quick, retired
from test_ledger_time import twice

from carbon_platform import ledger
from carbon_platform.db import Database
from carbon_platform.ledger import AccountFrozen, AccountKey, HoldUse, Move, Reconciliation

OTHER = "XY-camellia-P2-411522-2026"
DAY = timedelta(days=1)
EVERYBODY = {
    "a's cash": Move(BANK, cash("a"), 1),
    "b's cash": Move(BANK, cash("b"), 1),
    "lot": Move(holding("a"), holding("b"), 1),
    "a's way out of the lot": Move(holding("a"), retired("c"), 1),
    "other lot": Move(holding("a", OTHER), holding("b", OTHER), 1),
}


@pytest.fixture
def story(database: Database) -> Database:
    """Two lots, two purses, an open hold, two days of snapshots and a rollup."""
    quick(database)
    issue(database, "a", 100)
    issue(database, "a", 40, "issue other", OTHER)
    deposit(database, "a", 1_000)
    deposit(database, "b", 500, "d2")
    hold(database, "h1", cash("a"), 300)
    twice(database, ledger.take_snapshot, NOW)
    twice(database, ledger.roll_up, NOW)
    later = NOW + DAY
    post(database, "sale", Move(holding("a"), holding("b"), 20), now=later)
    post(database, "part", Move(cash("a"), cash("b"), 100), holds=[HoldUse("h1", 100)], now=later)
    post(database, "gone", Move(holding("b"), retired("b"), 5), now=later, effective_at=NOW)
    twice(database, ledger.take_snapshot, later)
    twice(database, ledger.roll_up, later)
    deposit(database, "b", 7, "d3")
    return database


def run(database: Database, hours: int = 30) -> Reconciliation:
    return ledger.reconcile(database, lambda: NOW + hours * HOUR)


def damage(database: Database, statement: str) -> None:
    with database.engine.begin() as connection:
        for ddl in ledger.drop_append_only_ddl(connection.dialect.name):
            connection.exec_driver_sql(ddl)
        connection.exec_driver_sql(statement)
        for ddl in ledger.append_only_ddl(connection.dialect.name):
            connection.exec_driver_sql(ddl)


def id_of(database: Database, key: AccountKey) -> str:
    asked = f"role = '{key.role}' AND holder = '{key.holder}' AND lot = '{key.lot}'"
    return f"(SELECT id FROM ledger_account WHERE {asked})"


def refused(database: Database, stamp: str) -> set[str]:
    """Which of the moves no longer go through."""
    found = set()
    for name, move in EVERYBODY.items():
        try:
            post(database, f"{stamp}: {name}", move, now=NOW + 31 * HOUR)
        except AccountFrozen:
            found.add(name)
    return found


def frozen(database: Database) -> set[str]:
    return {
        freeze.lot or f"{freeze.account.role} {freeze.account.holder}"  # type: ignore[union-attr]
        for freeze in database.read(ledger.open_freezes)
    }


def failing(done: Reconciliation) -> set[str]:
    return {check.name for check in done.checks if check.wrong}


def lift_all(database: Database) -> None:
    for freeze in database.read(ledger.open_freezes):
        number = freeze.freeze_id
        database.transact(lambda s, n=number: ledger.lift(s, n, by="李强", note="已更正", now=NOW + 2 * DAY))


def test_a_sound_ledger_passes_with_its_figures(story: Database) -> None:
    done = run(story)
    assert done.ok and not failing(done)
    examined = {check.name: check.examined for check in done.checks}
    assert examined == {
        "accounts": 9, "transfers": 8, "snapshots": 12, "balances": 6, "rollups": 3, "held": 6, "holds": 1,
        "lengths": 6, "ranges": 4, "numbers": 4, "sums": 9, "positions": 2,
    }  # fmt: skip
    assert story.read(ledger.last_reconciliation) == done
    assert refused(story, "after") == set()


def test_an_empty_ledger_passes(database: Database) -> None:
    assert database.read(ledger.last_reconciliation) is None
    assert run(database).ok


LOT_STOPS = {"lot", "a's way out of the lot"}
DAMAGES = {
    "a balance": (
        "UPDATE ledger_balance SET posted = posted + 1 WHERE account_id = {cash a}",
        "UPDATE ledger_balance SET posted = posted - 1 WHERE account_id = {cash a}",
        {"balances", "sums"},
        {"cash a"},
        {"a's cash"},
    ),
    "a balance of credits": (
        "UPDATE ledger_balance SET posted = posted + 1 WHERE account_id = {holding b}",
        "UPDATE ledger_balance SET posted = posted - 1 WHERE account_id = {holding b}",
        {"balances", "lengths", "sums", "positions"},
        {"holding b"},
        {"lot"},
    ),
    "what is held": (
        "UPDATE ledger_balance SET held = held + 1 WHERE account_id = {cash b}",
        "UPDATE ledger_balance SET held = held - 1 WHERE account_id = {cash b}",
        {"held"},
        {"cash b"},
        {"b's cash"},
    ),
    "a hold": (
        "UPDATE ledger_hold SET posted = posted - 1, amount = amount - 1",
        "UPDATE ledger_hold SET posted = posted + 1, amount = amount + 1",
        {"holds"},
        {"cash a"},
        {"a's cash"},
    ),
    "the end of a range": (
        "UPDATE ledger_holding SET \"last\" = \"last\" - 1 WHERE lot = '" + LOT + "' AND \"last\" = 100",
        "UPDATE ledger_holding SET \"last\" = \"last\" + 1 WHERE lot = '" + LOT + "' AND \"last\" = 99",
        {"lengths", "ranges", "numbers"},
        {LOT},
        LOT_STOPS,
    ),
    "whose a range is": (
        "UPDATE ledger_holding SET account_id = {holding b other} WHERE \"first\" = 2",
        "UPDATE ledger_holding SET account_id = {holding a other} WHERE \"first\" = 2",
        {"lengths", "numbers"},
        {OTHER},
        {"other lot"},
    ),
    "the highest number": (
        "UPDATE ledger_lot SET last = last + 1 WHERE lot = '" + OTHER + "'",
        "UPDATE ledger_lot SET last = last - 1 WHERE lot = '" + OTHER + "'",
        {"ranges", "numbers", "positions"},
        {OTHER},
        {"other lot"},
    ),
    "a snapshot": (
        "UPDATE ledger_snapshot SET posted = posted + 1 WHERE day = '2026-11-22' AND account_id = {cash b}",
        "UPDATE ledger_snapshot SET posted = posted - 1 WHERE day = '2026-11-22' AND account_id = {cash b}",
        {"snapshots"},
        {"cash b"},
        {"b's cash"},
    ),
    "a snapshot of nothing": (
        "INSERT INTO ledger_snapshot SELECT {holding a other}, '2026-11-23', 40, effective_from,"
        " recorded_from FROM ledger_snapshot WHERE day = '2026-11-23' AND account_id = {cash a}",
        "DELETE FROM ledger_snapshot WHERE day = '2026-11-23' AND account_id = {holding a other}",
        {"snapshots"},
        {"holding a"},
        {"other lot"},
    ),
    "the time of a snapshot": (
        "UPDATE ledger_snapshot SET effective_from = recorded_from"
        " WHERE day = '2026-11-23' AND account_id = {retired b}",
        "UPDATE ledger_snapshot SET effective_from = (SELECT effective_at FROM ledger_entry"
        " WHERE reference = 'gone') WHERE day = '2026-11-23' AND account_id = {retired b}",
        {"snapshots"},
        {"retired b"},
        set(),
    ),
    "the line of a day": (
        "UPDATE ledger_snapshot_day SET after_id = after_id - 1 WHERE day = '2026-11-23'",
        "UPDATE ledger_snapshot_day SET after_id = after_id + 1 WHERE day = '2026-11-23'",
        {"snapshots"},
        {"bank platform", "cash b"},
        {"a's cash", "b's cash"},
    ),
    "a rollup": (
        "UPDATE ledger_rollup SET posted = posted + 1 WHERE account_id = {bank}",
        "UPDATE ledger_rollup SET posted = posted - 1 WHERE account_id = {bank}",
        {"rollups"},
        set(),
        set(),
    ),
    "an old transfer": (
        "UPDATE ledger_transfer SET amount = 499 WHERE amount = 500",
        "UPDATE ledger_transfer SET amount = 500 WHERE amount = 499",
        {"balances", "rollups", "snapshots", "sums"},
        {"bank platform", "cash b"},
        {"a's cash", "b's cash"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damage_stops_what_it_concerns_until_it_is_lifted(story: Database, name: str) -> None:
    wrong, repair, checks, stopped, moves = DAMAGES[name]
    post(story, "an account in the other lot", Move(holding("a", OTHER), holding("b", OTHER), 1))
    names = {
        "cash a": cash("a"), "cash b": cash("b"), "holding b": holding("b"), "retired b": retired("b"),
        "holding a other": holding("a", OTHER), "holding b other": holding("b", OTHER), "bank": BANK,
    }  # fmt: skip

    def with_ids(statement: str) -> str:
        for word, key in names.items():
            statement = statement.replace("{" + word + "}", id_of(story, key))
        return statement

    damage(story, with_ids(wrong))
    done = run(story)
    assert failing(done) == checks
    assert frozen(story) == stopped
    assert refused(story, "damaged") == moves
    run(story, 54)
    assert frozen(story) == stopped, "the next night freezes nothing twice"
    damage(story, with_ids(repair))
    lift_all(story)
    assert run(story, 78).ok
    assert refused(story, "repaired") == set()


def test_a_wrong_sum_that_nothing_explains_stops_the_lot(
    story: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = import_module("carbon_platform.ledger.reconcile")
    only = tuple(check for check in module.CHECKS if check.is_sum)
    monkeypatch.setattr(module, "CHECKS", only)
    one = id_of(story, holding("b"))
    damage(story, f"UPDATE ledger_balance SET posted = posted + 1 WHERE account_id = {one}")
    assert failing(run(story)) == {"sums", "positions"}
    assert frozen(story) == {LOT}
    assert refused(story, "stopped") == LOT_STOPS


def test_a_row_that_cannot_be_read_stops_no_other_check(new_ledger: Callable[[str], Database]) -> None:
    """PostgreSQL takes no text for a time; SQLite takes anything."""
    database = new_ledger("sqlite")
    deposit(database, "a", 10)
    hold(database, "h", cash("a"), 1)
    damage(database, "UPDATE ledger_hold SET placed_at = 'yesterday'")
    damage(database, "UPDATE ledger_balance SET posted = posted + 1")
    assert failing(run(database)) == {"balances", "holds", "sums"}
    assert frozen(database) == {"cash a"}


def test_the_result_is_kept_with_what_it_found(story: Database) -> None:
    one = id_of(story, cash("a"))
    damage(story, f"UPDATE ledger_balance SET posted = posted + 1 WHERE account_id = {one}")
    done = run(story)
    kept = story.read(ledger.last_reconciliation)
    assert kept == done and kept is not None and not kept.ok
    [balances] = [check for check in kept.checks if check.name == "balances"]
    [finding] = balances.findings
    [freeze] = story.read(ledger.open_freezes)
    assert (balances.wrong, finding.row) == (1, str(finding.accounts[0]))
    assert (freeze.frozen_by, freeze.account) == ("ledger.reconcile", cash("a"))
    assert finding.zh in freeze.reason and finding.en in freeze.reason
