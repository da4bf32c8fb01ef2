"""Moves that name their numbers: exactly those go, or nothing does."""

from __future__ import annotations

import pytest
from books import BANK, LOT, NOW, assert_sound, cash, holding, issuance, issue, numbers, post, retired

from carbon_platform import ledger
from carbon_platform.db import Database
from carbon_platform.ledger import AccountKey, Asset, Move, Range


def named(source: AccountKey, destination: AccountKey, *ranges: tuple[int, int]) -> Move:
    parts = tuple(Range(*r) for r in ranges)
    return Move(source, destination, sum(part.length for part in parts), parts)


def invalidated(holder: str) -> AccountKey:
    return AccountKey(ledger.INVALIDATED, holder, Asset.CREDIT, LOT)


def test_exactly_the_named_ones_go(database: Database) -> None:
    issue(database, "a", 100)
    post(database, "t", named(holding("a"), holding("b"), (11, 20), (41, 45)))
    assert numbers(database, holding("a")) == [(1, 10), (21, 40), (46, 100)]
    assert numbers(database, holding("b")) == [(11, 20), (41, 45)]
    post(database, "u", Move(holding("a"), holding("c"), 12))
    assert numbers(database, holding("c")) == [(1, 10), (21, 22)], "the lowest, where none are named"
    post(
        database,
        "i",
        named(holding("b"), invalidated("b"), (15, 18)),
        named(holding("a"), invalidated("a"), (50, 50)),
    )
    assert numbers(database, invalidated("b")) == [(15, 18)]
    assert numbers(database, holding("b")) == [(11, 14), (19, 20), (41, 45)]
    assert_sound(database)


def test_the_numbers_belong_to_the_request(database: Database) -> None:
    issue(database, "a", 100)
    first = post(database, "t", named(holding("a"), holding("b"), (11, 20)))
    assert post(database, "t", named(holding("a"), holding("b"), (11, 20))).entry_id == first.entry_id
    for other in (named(holding("a"), holding("b"), (12, 21)), Move(holding("a"), holding("b"), 10)):
        with pytest.raises(ledger.ReferenceConflict):
            post(database, "t", other)
    assert_sound(database)


def test_named_numbers_return_by_reversal(database: Database) -> None:
    issue(database, "a", 100)
    done = post(database, "t", named(holding("a"), holding("b"), (11, 20), (31, 40)))
    database.transact(
        lambda s: ledger.reverse(
            s, done.entry_id, reference="undo", reason="correction", actor_name="王敏",
            second_approver="李强", note="错", now=NOW,
        )
    )  # fmt: skip
    assert numbers(database, holding("a")) == [(1, 100)]
    assert_sound(database)


@pytest.mark.parametrize("span", [(5, 11), (21, 30), (100, 101), (1, 1)])
def test_numbers_that_are_elsewhere_are_named(database: Database, span: tuple[int, int]) -> None:
    issue(database, "a", 100)
    post(database, "t", named(holding("a"), holding("b"), (1, 10), (25, 30)))
    with pytest.raises(ledger.NumbersNotHeld) as refused:
        post(database, "u", named(holding("a"), holding("c"), (50, 60), *[span]) if span[0] > 60
             else named(holding("a"), holding("c"), span))  # fmt: skip
    assert f"{span[0]}–{span[1]}" in refused.value.message("zh")
    assert numbers(database, holding("c")) == []
    assert_sound(database)


@pytest.mark.parametrize(
    "move",
    [
        Move(holding("a"), holding("b"), 9, (Range(1, 10),)),
        Move(holding("a"), holding("b"), 20, (Range(11, 20), Range(1, 10))),
        Move(holding("a"), holding("b"), 20, (Range(1, 10), Range(10, 19))),
        Move(holding("a"), holding("b"), 5, (Range(0, 4),)),
        Move(holding("a"), holding("b"), 1, (Range(5, 3), Range(7, 8))),
        Move(holding("a"), holding("b"), 2, (Range(1.0, 2),)),  # type: ignore[arg-type]
        Move(issuance(), holding("b"), 10, (Range(201, 210),)),
        Move(BANK, cash("b"), 10, (Range(1, 10),)),
    ],
)
def test_ranges_that_are_none(database: Database, move: Move) -> None:
    issue(database, "a", 100)
    with pytest.raises(ledger.EntryInvalid) as refused:
        post(database, "x", move)
    assert "numbers" in refused.value.message("zh")
    assert numbers(database, holding("a")) == [(1, 100)]


def test_a_changed_movement_of_named_numbers_is_found(database: Database) -> None:
    issue(database, "a", 100)
    post(database, "t", named(holding("a"), retired("a"), (11, 20)))
    assert_sound(database)
    with database.engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("ALTER TABLE ledger_movement DISABLE TRIGGER ALL")
        else:
            connection.exec_driver_sql("DROP TRIGGER ledger_movement_no_update")
        connection.exec_driver_sql("UPDATE ledger_movement SET first = 12, last = 21 WHERE first = 11")
    report = database.read(ledger.verify)
    assert {finding.check for finding in report.findings} >= {"entries", "numbers"}
