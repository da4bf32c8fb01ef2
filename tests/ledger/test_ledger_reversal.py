"""Corrections are exact mirrors, once, with a reason and a second approver."""

from __future__ import annotations

from typing import Any

import pytest
from books import (
    BANK,
    NOW,
    assert_sound,
    balance,
    cash,
    deposit,
    entry,
    hold,
    holding,
    issuance,
    issue,
    numbers,
    post,
    retired,
)

from carbon_platform import ledger
from carbon_platform.db import Database
from carbon_platform.ledger import HoldUse, Move


def reverse(database: Database, entry_id: int, reference: str = "undo", **more: Any) -> ledger.Posted:
    words = {"actor_name": "王敏", "second_approver": "李强", "note": "录入错误", "reason": "correction"}
    return database.transact(
        lambda s: ledger.reverse(s, entry_id, reference=reference, now=NOW, **{**words, **more})
    )


def test_the_same_numbers_return(database: Database) -> None:
    issue(database, "a", 100)
    post(database, "t", Move(holding("a"), holding("b"), 40))
    sale = post(
        database,
        "sale",
        Move(holding("a"), holding("b"), 10),
        Move(holding("b"), retired("b"), 45),
        Move(BANK, cash("a"), 7),
    )
    assert numbers(database, retired("b")) == [(1, 45)]
    undone = reverse(database, sale.entry_id)
    assert numbers(database, retired("b")) == []
    assert numbers(database, holding("b")) == [(1, 40)]
    assert numbers(database, holding("a")) == [(41, 100)]
    assert balance(database, cash("a")) == (0, 0)
    record = database.read(lambda s: ledger.get_entry(s, sale.entry_id))
    assert record.reversed_by == undone.entry_id
    undoing = database.read(lambda s: ledger.get_entry(s, undone.entry_id))
    assert (undoing.reverses, undoing.detail) == (sale.entry_id, {"second_approver": "李强"})
    assert_sound(database)


def test_numbers_taken_back_into_issuance_are_never_given_again(database: Database) -> None:
    first = issue(database, "a", 100)
    reverse(database, first.entry_id)
    assert numbers(database, issuance()) == [(1, 100)]
    assert balance(database, issuance()) == (0, 0)
    issue(database, "a", 10, "again")
    assert numbers(database, holding("a")) == [(101, 110)]
    assert_sound(database)


def test_once_only(database: Database) -> None:
    paid = deposit(database, "a", 100)
    first = reverse(database, paid.entry_id)
    assert reverse(database, paid.entry_id) == ledger.Posted(first.entry_id, replayed=True)
    with pytest.raises(ledger.AlreadyReversed) as refused:
        reverse(database, paid.entry_id, "undo again")
    assert refused.value.values == {"number": paid.entry_id, "by": first.entry_id}
    with pytest.raises(ledger.NotReversible):
        reverse(database, first.entry_id, "undo the undoing")
    with pytest.raises(ledger.EntryNotFound):
        reverse(database, 999, "nothing")
    assert balance(database, cash("a")) == (0, 0)
    assert_sound(database)


def test_it_needs_words_and_a_second_person(database: Database) -> None:
    paid = deposit(database, "a", 100)
    for wrong in ({"note": " "}, {"second_approver": ""}, {"second_approver": "王敏"}):
        with pytest.raises(ledger.ReversalNeedsApproval):
            reverse(database, paid.entry_id, **wrong)


@pytest.mark.parametrize(
    ("moves", "differs"),
    [
        ([Move(cash("a"), BANK, 99), Move(cash("b"), BANK, 50)], 1),
        ([Move(cash("b"), BANK, 50), Move(cash("a"), BANK, 99)], 2),
        ([Move(cash("b"), BANK, 50)], 2),
        ([Move(cash("b"), BANK, 50), Move(cash("a"), BANK, 100), Move(cash("a"), BANK, 1)], 3),
    ],
)
def test_it_mirrors_exactly(database: Database, moves: list[Move], differs: int) -> None:
    paid = post(database, "two", Move(BANK, cash("a"), 100), Move(BANK, cash("b"), 50))
    undo = entry("undo", *moves, reverses=paid.entry_id, note="错", detail={"second_approver": "李强"})
    with pytest.raises(ledger.NotMirrored) as refused:
        database.transact(lambda s: ledger.post(s, undo, NOW))
    assert refused.value.values["move"] == differs
    assert_sound(database)


def test_what_has_moved_on_cannot_return(database: Database) -> None:
    issue(database, "a", 100)
    issue(database, "b", 100, "b")
    given = post(database, "t", Move(holding("a"), holding("b"), 40))
    post(database, "on", Move(holding("b"), holding("c"), 30))
    with pytest.raises(ledger.NotReversible) as refused:
        reverse(database, given.entry_id)
    assert "1–40" in refused.value.message("zh")
    paid = deposit(database, "a", 100)
    post(database, "spent", Move(cash("a"), cash("b"), 1))
    with pytest.raises(ledger.InsufficientBalance):
        reverse(database, paid.entry_id)
    assert_sound(database)


def test_a_reversed_settlement_does_not_reopen_its_hold(database: Database) -> None:
    deposit(database, "a", 100)
    hold(database, "h", cash("a"), 60)
    paid = post(database, "e", Move(cash("a"), cash("b"), 60), holds=[HoldUse("h", 60)])
    reverse(database, paid.entry_id)
    assert balance(database, cash("a")) == (100, 0)
    assert database.read(lambda s: ledger.get_hold(s, "h")).status == "posted"
    assert_sound(database)
