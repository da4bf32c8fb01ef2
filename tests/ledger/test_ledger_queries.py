"""Balances in time, statements by cursor, sums."""

from __future__ import annotations

from datetime import timedelta

import pytest
from books import BANK, HOUR, LOT, NOW, balance, cash, deposit, hold, holding, issue, points, post, retired

from carbon_platform import ledger
from carbon_platform.db import Database
from carbon_platform.ledger import AccountKey, Balance, Move

DAY = timedelta(days=1)


def test_a_back_dated_entry_changes_the_past_but_not_what_was_known(database: Database) -> None:
    post(database, "d1", Move(BANK, cash("a"), 100), effective_at=NOW - 10 * DAY, now=NOW - 10 * DAY)
    post(database, "late", Move(BANK, cash("a"), 7), effective_at=NOW - 8 * DAY, now=NOW)
    assert balance(database, cash("a")) == (107, 0)
    assert balance(database, cash("a"), at=NOW - 9 * DAY) == (100, 0)
    assert balance(database, cash("a"), at=NOW - 8 * DAY) == (107, 0)
    assert balance(database, cash("a"), as_recorded=NOW - 5 * DAY) == (100, 0)
    assert balance(database, cash("a"), at=NOW - 8 * DAY, as_recorded=NOW - 5 * DAY) == (100, 0)
    assert balance(database, cash("a"), at=NOW - 11 * DAY) == (0, 0)
    assert balance(database, BANK, at=NOW - 9 * DAY) == (-100, 0)
    assert balance(database, cash("nobody"), at=NOW) == (0, 0)


@pytest.mark.parametrize("limit", [1, 3, 7, 50])
def test_statement_pages_join_to_the_whole(database: Database, limit: int) -> None:
    deposit(database, "a", 1_000)
    for i in range(1, 12):
        post(database, f"p{i}", Move(cash("a"), cash("b"), i), note=f"n{i}", now=NOW + i * HOUR)
        post(database, f"q{i}", Move(cash("c" if i > 11 else "b"), cash("a"), 1))
        post(database, f"other{i}", Move(BANK, cash("c"), 1))
    lines: list[ledger.StatementLine] = []
    before = None
    while True:
        page = database.read(lambda s, b=before: ledger.statement(s, cash("a"), limit, b))
        assert len(page.lines) <= limit
        lines += page.lines
        before = page.next_before
        if before is None:
            break
    expected = [1_000] + [amount for i in range(1, 12) for amount in (-i, 1)]
    assert [line.amount for line in reversed(lines)] == expected
    assert sum(line.amount for line in lines) == balance(database, cash("a"))[0]
    newest = lines[1]
    assert (newest.reference, newest.note, newest.counterparty) == ("p11", "n11", cash("b"))
    assert newest.recorded_at == newest.effective_at == NOW + 11 * HOUR
    assert database.read(lambda s: ledger.statement(s, cash("nobody"))) == ledger.Statement((), None)


def test_balances_of_a_holder(database: Database) -> None:
    issue(database, "a", 5)
    issue(database, "a", 6, "other lot", "LOT-2")
    deposit(database, "a", 100)
    hold(database, "h", cash("a"), 30)
    every = database.read(lambda s: ledger.balances(s, "a"))
    assert [(b.key, b.balance) for b in every] == [
        (cash("a"), Balance(100, 30)),
        (holding("a", "LOT-2"), Balance(6, 0)),
        (holding("a"), Balance(5, 0)),
    ]
    assert every[0].balance.available == 70
    only = database.read(lambda s: ledger.balances(s, "a", role=ledger.CASH, asset=ledger.Asset.CNY))
    assert [b.key for b in only] == [cash("a")]


def test_totals(database: Database) -> None:
    issue(database, "a", 50)
    post(database, "r", Move(holding("a"), retired("a"), 20))
    post(database, "t", Move(holding("a"), holding("b"), 5))
    hold(database, "h", holding("b"), 3)
    deposit(database, "a", 100)
    found = {
        (t.role, t.lot): (t.posted, t.held)
        for t in database.read(lambda s: ledger.totals(s, asset=ledger.Asset.CREDIT))
    }
    assert found == {("issuance", LOT): (-50, 0), ("holding", LOT): (30, 3), ("retired", LOT): (20, 0)}
    assert sum(t.posted for t in database.read(ledger.totals)) == 0
    mine = database.read(lambda s: ledger.totals(s, role="holding", lot=LOT, holder="b"))
    assert [(t.posted, t.held) for t in mine] == [(5, 3)]


def test_entries_by_number_and_reference(database: Database) -> None:
    done = deposit(database, "a", 5)
    record = database.read(lambda s: ledger.find_entry(s, "deposit"))
    assert record == database.read(lambda s: ledger.get_entry(s, done.entry_id))
    assert record is not None and record.effective_at == record.recorded_at == NOW
    assert database.read(lambda s: ledger.moves_of(s, done.entry_id)) == [Move(BANK, cash("a"), 5)]
    assert database.read(lambda s: ledger.movement_ranges(s, done.entry_id)) == []
    with pytest.raises(ledger.EntryNotFound):
        database.read(lambda s: ledger.get_entry(s, 99))


def test_amounts_in_words() -> None:
    words = [
        ledger.amount_words(asset, 1_234_567, language) for asset in ledger.Asset for language in ("zh", "en")
    ]
    assert words == [
        "1,234,567 分", "1,234,567 points", "1.23 吨", "1.23 t",
        "1,234.567 吨", "1,234.567 t", "¥12,345.67", "¥12,345.67",
    ]  # fmt: skip
    assert ledger.account_words(holding("org:7", "L"), "en") == "holding (org:7, L)"
    assert ledger.account_words(AccountKey("x", "h", "CNY"), "zh") == "x（h）"
    assert ledger.account_words(points("p"), "zh") == "积分（p）"
