"""A fund in slices is one fund: never overdrawn, never short while the slices together have enough."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from books import BANK, NOW, assert_sound, balance, cash, entry, post
from hypothesis import given
from hypothesis import strategies as st

from carbon_platform import ledger
from carbon_platform.db import Database
from carbon_platform.ledger import AccountKey, Asset, Fund, Posted

FUND = Fund(AccountKey(ledger.REWARD_FUND, "sponsor:1", Asset.CNY), slices=4)


def fill(database: Database, amount: int) -> None:
    post(database, "fill", *ledger.spread(FUND, BANK, amount))


def pay(database: Database, reference: str, amount: int, to: str = "a") -> Posted:
    return database.transact(lambda s: ledger.pay_from(s, FUND, cash(to), amount, entry(reference), NOW))


def left(database: Database) -> list[int]:
    return database.read(lambda s: ledger.fund_balance(s, FUND))


def test_a_payment_takes_its_home_slice_and_when_that_is_short_the_fullest(database: Database) -> None:
    fill(database, 402)
    assert left(database) == [101, 101, 100, 100]
    pay(database, "one", 60)
    assert sorted(left(database))[0] in (40, 41)
    pay(database, "two", 230)
    assert sum(left(database)) == 402 - 60 - 230
    with pytest.raises(ledger.InsufficientBalance) as refused:
        pay(database, "three", 113)
    assert (refused.value.values["needed"], refused.value.values["available"]) == (113, 112)
    assert "sponsor:1）" in refused.value.message("zh")
    pay(database, "four", 112)
    assert left(database) == [0, 0, 0, 0]
    assert balance(database, cash("a")) == (402, 0)
    assert_sound(database)


def test_the_same_request_is_the_same_payment_whatever_slices_it_took(database: Database) -> None:
    fill(database, 400)
    first = pay(database, "wide", 250)
    assert pay(database, "wide", 250) == Posted(first.entry_id, replayed=True)
    for other in (249, 251, 100):
        with pytest.raises(ledger.ReferenceConflict):
            pay(database, "wide", other)
    with pytest.raises(ledger.ReferenceConflict):
        pay(database, "wide", 250, to="b")
    assert sum(left(database)) == 150
    assert_sound(database)


@given(st.lists(st.integers(0, 500), min_size=4, max_size=4))
def test_evening_out_moves_no_more_than_it_must(amounts: list[int]) -> None:
    after = list(amounts)
    moves = ledger.even_out(FUND, amounts, floor=max(amounts))
    slices = [FUND.slice(number) for number in range(4)]
    for move in moves:
        after[slices.index(move.source)] -= move.amount
        after[slices.index(move.destination)] += move.amount
        assert after[slices.index(move.source)] >= 0
    assert sum(after) == sum(amounts)
    assert max(after) - min(after) <= 1
    assert len(moves) <= 6


def test_eight_spend_a_fund_to_the_last_fen(engine_name: str, new_ledger: Callable[[str], Database]) -> None:
    database = new_ledger(engine_name)
    fill(database, 200)
    paid: list[int] = []

    def work(number: int) -> None:
        for turn in range(40):
            try:
                pay(database, f"{number}:{turn}", 1, to=f"h{number}")
            except ledger.InsufficientBalance:
                continue
            paid.append(1)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(paid) == 200
    assert left(database) == [0, 0, 0, 0]
    assert_sound(database)
