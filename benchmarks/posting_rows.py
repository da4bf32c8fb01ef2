"""L2, L3, L5, L6: one client, single posts and batches, on one PostgreSQL server."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import psycopg
import sqlalchemy as sa

from benchmarks.entries import REASON, transfers
from benchmarks.exact import check_replay, check_sums
from benchmarks.measure import Row, Work, compare, repeat_prepared
from benchmarks.peer_hordak import Hordak
from benchmarks.pgbench_script import write_script
from benchmarks.product import Product
from benchmarks.server import Server
from benchmarks.sizes import Sizes
from carbon_platform.db import Database
from carbon_platform.ledger import Entry, rules


def singles(server: Server, database: Database, copied: Database, sizes: Sizes, place: Path) -> list[Row]:
    """L2: against pgbench with the same server-side function, in a database of its own."""
    product = Product(database, transfers(sizes.accounts, seed=2))
    row = Row("L2", "one post() ÷ pgbench with the same function, 1 client", 0.45, 0.75)
    script = write_script(place, sizes.accounts)
    name = str(sa.make_url(copied.url).database)

    def pgbench(seconds: float) -> float:
        return server.pgbench(name, script, seconds)

    single = product.single()
    compare(row, single, pgbench, rounds=sizes.rounds, seconds=2 * sizes.seconds, profile=single)
    row.note = check_replay(database, product.newest)
    return [row]


def batches(database: Database, copied: Database, sizes: Sizes) -> list[Row]:
    """L3: against COPY of the same rows into tables with the same keys, in a database of their own."""
    product = Product(database, transfers(sizes.accounts, seed=3))
    row = Row("L3", f"batch of {sizes.batch:,} ÷ COPY of the same rows, 1 client", 0.5, 0.7)
    with _raw(copied.url) as connection:
        peer = _copy(connection, transfers(sizes.accounts, seed=4).__next__, sizes.batch)
        batch = product.batch(sizes.batch)
        compare(row, batch, peer, rounds=sizes.rounds, seconds=sizes.seconds, profile=batch)
    row.note = f"{check_replay(database, product.newest)}; {check_sums(database)}"
    return [row]


def against_hordak(server: Server, database: Database, sizes: Sizes) -> list[Row]:
    """L5 and L6; the peer has a journal of its own on the same server."""
    product = Product(database, transfers(sizes.accounts, seed=5))
    hordak = Hordak(server.create("hordak"), accounts=sizes.peer_accounts)
    pairs: list[tuple[Row, Work, Work]] = [
        (Row("L5", "one post ÷ django-hordak transfer_to", 2, 3.5), product.single(), hordak.single()),
        (
            Row("L6", f"batch of {sizes.batch:,} ÷ django-hordak in one atomic()", 8, 20),
            product.batch(sizes.batch),
            hordak.batch(sizes.batch),
        ),
        (
            Row("L6 bulk", f"batch of {sizes.batch:,} ÷ django-hordak bulk_create", 2, 4),
            product.batch(sizes.batch),
            hordak.bulk(sizes.batch),
        ),
    ]
    rows = [
        compare(row, ours, theirs, rounds=sizes.rounds, seconds=sizes.seconds, profile=ours)
        for row, ours, theirs in pairs
    ]
    rows[-1].note = check_replay(database, product.newest)
    if hordak.unbalanced():
        raise RuntimeError("the peer's transactions are not balanced: it was not measured as it is")
    hordak.close()
    rows.append(
        Row(
            "L7",
            "batch ÷ TigerBeetle, batches of 8,000",
            0.12,
            0.3,
            note="not measured: no server at hand (the registries carry its clients only)",
        )
    )
    return rows


def _raw(url: str) -> psycopg.Connection:
    address = sa.make_url(url)
    return psycopg.connect(
        host=str(address.query["host"]), user=address.username, dbname=address.database, autocommit=True
    )


def _copy(connection: psycopg.Connection, next_entry: Callable[[], Entry], size: int) -> Work:
    """Rows as text, made off the clock; one transaction per batch, as posting has it."""
    highest = connection.execute("SELECT max(id) FROM ledger_entry").fetchone()
    ids: dict[str, int] = dict(
        connection.execute("SELECT holder, id FROM ledger_account WHERE role = 'points'").fetchall()
    )
    assert highest is not None
    last = int(highest[0])

    def prepare() -> tuple[str, str]:
        nonlocal last
        now = datetime.now(UTC).isoformat()
        entries, moved = [], []
        for one in islice(iter(next_entry, None), size):
            last += 1
            (move,) = one.moves
            digest = rules.entry_digest(one)
            entries.append(
                f"{last}\t{REASON}\t{one.reference}\t{digest}\t{one.actor_name}\t{now}\t{now}\t\\N\t\t{{}}"
            )
            moved.append(f"{last}\t{ids[move.source.holder]}\t{ids[move.destination.holder]}\t{move.amount}")
        return "\n".join(entries), "\n".join(moved)

    def step(rows: tuple[str, str]) -> int:
        with connection.transaction(), connection.cursor() as cursor:
            with cursor.copy(
                "COPY ledger_entry (id, reason, reference, digest, actor, effective_at, recorded_at, "
                "reverses, note, detail) FROM STDIN"
            ) as copy:
                copy.write(rows[0])
            with cursor.copy(
                "COPY ledger_transfer (entry_id, source_id, destination_id, amount) FROM STDIN"
            ) as copy:
                copy.write(rows[1])
        return size

    return repeat_prepared(prepare, step)
