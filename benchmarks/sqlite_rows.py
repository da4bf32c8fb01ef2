"""L11: SQLite, one post against a bare script that writes the same rows. Both flush at every commit."""

from __future__ import annotations

import random
import sqlite3
from datetime import UTC, datetime
from uuid import uuid4

import sqlalchemy as sa

from benchmarks.entries import ACTOR, REASON, transfers
from benchmarks.exact import check_reconciled, check_replay, check_sums
from benchmarks.measure import Row, Work, compare, repeat
from benchmarks.product import Product
from benchmarks.sizes import Sizes
from carbon_platform.db import Database


def sqlite(database: Database, copied: Database, sizes: Sizes) -> list[Row]:
    """The bare script works on a copy of the same file."""
    product = Product(database, transfers(sizes.accounts, seed=20))
    row = Row("L11", "SQLite: one post ÷ bare sqlite3 script, synchronous=FULL", 0.4, 0.6)
    connection = sqlite3.connect(str(sa.make_url(copied.url).database), isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}")
    script, single = _script(connection, sizes.accounts), product.single()
    compare(row, single, script, rounds=sizes.rounds, seconds=sizes.seconds, profile=single)
    connection.close()
    row.note = (
        f"{check_replay(database, product.newest)}; {check_sums(database)}; {check_reconciled(database)}"
    )
    return [row]


def _script(connection: sqlite3.Connection, accounts: int) -> Work:
    """An entry row, a transfer row and two balances; no digest, no key looked up, no error named."""
    choose = random.Random(21).randint

    def step() -> int:
        payer = choose(1, accounts)
        payee = payer % accounts + 1
        now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
        run = connection.execute
        run("BEGIN IMMEDIATE")
        made = run(
            "INSERT INTO ledger_entry "
            "(reason, reference, digest, actor, effective_at, recorded_at, note, detail) "
            "VALUES (?, ?, ?, ?, ?, ?, '', '{}')",
            (REASON, f"act:{uuid4().hex}", uuid4().hex * 2, ACTOR, now, now),
        )
        run(
            "INSERT INTO ledger_transfer (entry_id, source_id, destination_id, amount) VALUES (?, ?, ?, 1)",
            (made.lastrowid, payer, payee),
        )
        run(
            "UPDATE ledger_balance SET posted = posted - 1 WHERE account_id = ? AND posted - held >= 1",
            (payer,),
        )
        run("UPDATE ledger_balance SET posted = posted + 1 WHERE account_id = ?", (payee,))
        run("COMMIT")
        return 1

    return repeat(step)
