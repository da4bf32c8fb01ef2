"""L10: does the cost of one operation grow with the journal?"""

from __future__ import annotations

import random

from benchmarks.entries import points, transfers
from benchmarks.fill import REGULARS
from benchmarks.measure import Row, Work, compare, repeat
from benchmarks.product import Product
from benchmarks.sizes import Sizes
from carbon_platform import ledger
from carbon_platform.db import Database

PAGE = 50


def growth(many: Database, few: Database, sizes: Sizes) -> list[Row]:
    """The same accounts in both; only the journals differ."""
    which = f"{_short(sizes.entries)} ÷ {_short(sizes.few_entries)} entries"
    big, small = (Product(one, transfers(sizes.accounts, seed=10)) for one in (many, few))
    pairs: list[tuple[Row, Work, Work]] = [
        (Row("L10", f"{which}: single post", 0.6, 0.85), big.single(), small.single()),
        (
            Row("L10 batch", f"{which}: batch of {sizes.batch:,}", 0.5, 0.8),
            big.batch(sizes.batch),
            small.batch(sizes.batch),
        ),
        (
            Row("L10 balance", f"{which}: balance of an account", 0.8, 0.95),
            _balance(many, sizes.accounts),
            _balance(few, sizes.accounts),
        ),
        (
            Row("L10 page", f"{which}: statement page of {PAGE} rows", 0.8, 0.95),
            _page(many),
            _page(few),
        ),
    ]
    return [
        compare(row, big_work, small_work, rounds=sizes.rounds, seconds=sizes.seconds, profile=big_work)
        for row, big_work, small_work in pairs
    ]


def _balance(database: Database, accounts: int) -> Work:
    choose = random.Random(11)

    def step() -> int:
        key = points(choose.randint(1, accounts))
        database.read(lambda session: ledger.balance(session, key))
        return 1

    return repeat(step)


def _page(database: Database) -> Work:
    choose = random.Random(12)

    def step() -> int:
        key = points(choose.randint(1, REGULARS))
        page = database.read(lambda session: ledger.statement(session, key, limit=PAGE))
        assert len(page.lines) == PAGE
        return 1

    return repeat(step)


def _short(number: int) -> str:
    return f"{number / 1_000_000:g} M" if number >= 1_000_000 else f"{number // 1_000:,} k"
