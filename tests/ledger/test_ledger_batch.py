"""A batch answers what posting one after the other would, on both engines alike."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from books import (
    BANK,
    NOW,
    POINTS_ISSUED,
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
    points,
    post,
)
from hypothesis import example, given, settings
from hypothesis import strategies as st

from carbon_platform import ledger
from carbon_platform.db import Database
from carbon_platform.ledger import MAX_AMOUNT, Entry, HoldUse, Move, Outcome, server_posting


def batch(database: Database, *entries: Entry) -> list[Outcome]:
    return database.transact(lambda s: ledger.post_batch(s, entries, NOW))


def told(outcome: Outcome) -> tuple[object, ...]:
    """An outcome without the numbers of rows, which may differ between two databases."""
    refused = outcome.refused
    if refused is None:
        return (outcome.reference, outcome.status)
    return (outcome.reference, outcome.status, refused.code, refused.values.get("needed"),
            refused.values.get("available"), refused.values.get("account"))  # fmt: skip


def one_by_one(database: Database, entries: list[Entry]) -> list[Outcome]:
    outcomes = []
    for request in entries:
        try:
            done = database.transact(lambda s, r=request: ledger.post(s, r, NOW))
            outcomes.append(Outcome(request.reference, posted=done))
        except ledger.InsufficientBalance as refusal:
            outcomes.append(Outcome(request.reference, refused=refusal))
        except ledger.ReferenceConflict as refusal:
            outcomes.append(Outcome(request.reference, refused=refusal))
        except ledger.AmountInvalid as refusal:
            outcomes.append(Outcome(request.reference, refused=refusal))
        except ledger.BalanceTooLarge as refusal:
            outcomes.append(Outcome(request.reference, refused=refusal))
    return outcomes


HOLDERS = "abcd"
holders = st.sampled_from(["", *HOLDERS])  # "" is the bank
moves = st.tuples(holders, holders, st.sampled_from([0, 1, 5, 30, 70, MAX_AMOUNT - 40])).filter(
    lambda m: m[0] != m[1]
)
drawn_entries = st.tuples(
    st.sampled_from([f"r{i}" for i in range(12)]), st.lists(moves, min_size=1, max_size=4)
)


def without_usual_case(database: Database) -> None:
    """Let the server look at every entry by itself, also where nothing is unusual."""
    statement = (Path(server_posting.__file__).with_name("post_usual.sql")).read_text("utf-8")
    body = statement.index("BEGIN")
    never = statement[:body].replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")
    database.transact(lambda s: s.connection().exec_driver_sql(f"{never}BEGIN RETURN NULL; END $$"))


@pytest.mark.parametrize("usual", [True, False], ids=["usual", "careful"])
def test_as_one_by_one(engine_name: str, usual: bool, new_ledger: Callable[[str], Database]) -> None:
    """References repeat with equal and other bodies; amounts are zero, too large, more than there is."""
    left, right = new_ledger(engine_name), new_ledger("sqlite")
    if not usual and engine_name == "postgresql":
        without_usual_case(left)
    examples = itertools.count()

    # Once: what came after a reference that is in conflict twice was posted and called a duplicate.
    twice = [("r0", [("", "a", amount)]) for amount in (1, 0, 5, 1)]

    @settings(max_examples=120, deadline=None)
    @given(drawn=st.lists(drawn_entries, min_size=1, max_size=25), cut=st.integers(0, 25))
    @example(drawn=[*twice, ("r1", [("", "a", 1)])], cut=1)
    @example(drawn=[*twice, ("r1", [("", "a", 1)])], cut=0)
    def compare(drawn: list[tuple[str, list[tuple[str, str, int]]]], cut: int) -> None:
        # Names of their own keep the examples apart in one database.
        number = next(examples)
        people = {h: cash(f"{number}{h}") if h else BANK for h in ["", *HOLDERS]}
        asked = [
            entry(f"{number}{reference}", *(Move(people[s], people[d], amount) for s, d, amount in moves))
            for reference, moves in drawn
        ]
        together = batch(left, *asked[:cut]) + batch(left, *asked[cut:])
        apart = one_by_one(right, asked)
        assert [told(outcome) for outcome in together] == [told(outcome) for outcome in apart]
        for holder in HOLDERS:
            assert balance(left, people[holder]) == balance(right, people[holder])

    compare()
    assert_sound(left)


def test_every_answer_in_one_batch(database: Database) -> None:
    deposit(database, "a", 100)
    first = entry("pay", Move(cash("a"), cash("b"), 60))
    done = batch(
        database,
        first,
        first,
        replace(first, note="another body"),
        entry("too much", Move(cash("a"), cash("b"), 41)),
        entry("nothing", Move(cash("a"), cash("b"), 0)),
        entry("rest", Move(cash("a"), cash("c"), 40)),
        entry("too much", Move(cash("b"), cash("a"), 5)),
        entry("deposit", Move(BANK, cash("a"), 100)),
    )
    assert [outcome.status for outcome in done] == [
        "accepted", "duplicate", "refused", "refused", "refused", "accepted", "accepted", "duplicate",
    ]  # fmt: skip
    assert [type(outcome.refused).__name__ for outcome in done[2:5]] == [
        "ReferenceConflict", "InsufficientBalance", "AmountInvalid",
    ]  # fmt: skip
    assert done[1].posted is not None and done[0].posted is not None
    assert done[1].posted.entry_id == done[0].posted.entry_id
    assert done[2].refused is not None and done[2].refused.values["number"] == done[0].posted.entry_id
    assert [balance(database, cash(h))[0] for h in "abc"] == [5, 55, 40]
    assert_sound(database)


def test_a_reference_refused_first_may_be_right_later(database: Database) -> None:
    asked = entry("pay", Move(cash("a"), cash("b"), 10))
    done = batch(database, asked, entry("in", Move(BANK, cash("a"), 10)), asked, asked)
    assert [outcome.status for outcome in done] == ["refused", "accepted", "accepted", "duplicate"]
    assert_sound(database)


def test_numbers_holds_and_plain_entries_keep_their_order(database: Database) -> None:
    issue(database, "a", 100)
    deposit(database, "a", 50)
    hold(database, "h", cash("a"), 30)
    done = batch(
        database,
        entry("1", Move(cash("a"), cash("b"), 20)),
        entry("2", Move(cash("a"), cash("b"), 30), holds=[HoldUse("h", 30)]),
        entry("3", Move(holding("a"), holding("b"), 10), Move(cash("b"), cash("a"), 50)),
        entry("4", Move(cash("a"), cash("c"), 51)),
        entry("5", Move(cash("a"), cash("c"), 50)),
        entry("6", Move(issuance(), holding("c"), 5)),
    )
    assert [outcome.status for outcome in done] == [*["accepted"] * 3, "refused", "accepted", "accepted"]
    assert numbers(database, holding("b")) == [(1, 10)]
    assert numbers(database, holding("c")) == [(101, 105)]
    assert balance(database, cash("c")) == (50, 0)
    assert_sound(database)


def test_words_with_quotes_backslashes_and_commas_survive(database: Database) -> None:
    words = 'a "b" \\ c, {d} NULL 浉河\U0001f33e\n\t'
    request = entry(words, Move(BANK, cash(words), 7), reason=words, note=words, detail={"x": words})
    assert [o.status for o in batch(database, request, entry("NULL", Move(BANK, cash("NULL"), 1)))] == [
        "accepted"
    ] * 2
    record = database.read(lambda s: ledger.find_entry(s, words))
    assert record is not None
    assert (record.reason, record.note, record.detail) == (words, words, {"x": words})
    assert balance(database, cash(words)) == (7, 0)
    assert_sound(database)


def test_ten_thousand_at_once(database: Database) -> None:
    asked = [entry(f"act:{i}", Move(POINTS_ISSUED, points(f"h{i % 700}"), 1 + i % 9)) for i in range(10_000)]
    assert {outcome.status for outcome in batch(database, *asked)} == {"accepted"}
    assert {outcome.status for outcome in batch(database, *reversed(asked))} == {"duplicate"}
    assert balance(database, POINTS_ISSUED) == (-sum(1 + i % 9 for i in range(10_000)), 0)
    assert_sound(database)


def test_an_empty_batch(database: Database) -> None:
    assert batch(database) == []


@pytest.mark.parametrize("state", ["frozen", "closed"])
def test_nothing_moves_on_an_account_that_stands(database: Database, state: str) -> None:
    deposit(database, "a", 100)
    issue(database, "a", 10)
    with database.engine.begin() as connection:
        connection.execute(
            sa.text("UPDATE ledger_account SET state = :state WHERE holder = 'a'"), {"state": state}
        )
    expected = ledger.AccountFrozen if state == "frozen" else ledger.AccountClosed
    for move in (
        Move(cash("a"), cash("b"), 1),
        Move(cash("a"), cash("b"), 1_000),
        Move(BANK, cash("a"), 1),
        Move(holding("a"), holding("b"), 1),
    ):
        with pytest.raises(expected):
            post(database, f"x{move.amount}", move)
    with pytest.raises(expected):
        hold(database, "h", cash("a"), 1)
    done = batch(database, entry("1", Move(BANK, cash("b"), 1)), entry("2", Move(cash("b"), cash("a"), 1)))
    assert [outcome.status for outcome in done] == ["accepted", "refused"]
    assert isinstance(done[1].refused, expected)
    assert_sound(database)


def test_nothing_takes_effect_before_an_account_was_opened(database: Database) -> None:
    post(database, "early", Move(BANK, cash("a"), 1), effective_at=NOW - timedelta(days=9))
    with database.engine.begin() as connection:
        opened = "2026-11-20 00:00:00.000000" if database.engine.dialect.name == "sqlite" else "2026-11-20Z"
        connection.execute(
            sa.text("UPDATE ledger_account SET opened_at = :at WHERE holder = 'a'"), {"at": opened}
        )
    before = NOW.replace(day=19)
    with pytest.raises(ledger.EffectiveBeforeAccount) as refused:
        post(database, "x", Move(BANK, cash("a"), 1), effective_at=before)
    assert "2026-11-20" in refused.value.message("zh")
    done = batch(
        database,
        entry("1", Move(BANK, cash("a"), 1), effective_at=NOW.replace(day=20)),
        entry("2", Move(BANK, cash("a"), 1), effective_at=before),
        entry("3", Move(BANK, cash("a"), 1)),
    )
    assert [outcome.status for outcome in done] == ["accepted", "refused", "accepted"]
    assert_sound(database)
