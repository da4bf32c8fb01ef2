"""A ledger with a past: the rows that posting would have written, written by the database at once.

Opening entries give every account its first points, ``OPENING`` accounts each; then one-move entries
between accounts. The first ``REGULARS`` accounts are paid ``VISITS`` times each, evenly over the
whole journal, so that their statements are long in a short journal too. Digests are the request's
own: ``ledger.verify`` accepts the result.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from benchmarks.entries import ACTOR, REASON, SOURCES, entry, issued, points, source
from carbon_platform.db import Database
from carbon_platform.ledger import PLATFORM, POINTS, POINTS_ISSUED, Entry, Move, rules

OPENING = 100
FIRST_POINTS = 1_000
REGULARS = 100
VISITS = 60
WHEN = datetime(2026, 11, 1, tzinfo=UTC)

# Who pays whom in entry ``n``; the two are never the same.
_PAYER = "(n * 7919 + 13) % :accounts + 1"
_ANY_PAYEE = "((n * 7919 + 13) + 1 + (n * 10473) % (:accounts - 1)) % :accounts + 1"
_PAYEE = (
    f"CASE WHEN n % :step = 0 AND n / :step % {REGULARS} + 1 <> {_PAYER} "
    f"THEN n / :step % {REGULARS} + 1 ELSE {_ANY_PAYEE} END"
)


def fill(database: Database, *, accounts: int, entries: int) -> None:
    """Write accounts, balances, and ``entries`` entries into an empty ledger; check samples of them."""
    if entries < accounts // OPENING + REGULARS * VISITS:
        raise ValueError(f"{entries} entries are too few for {accounts} accounts: take fewer accounts")
    if database.engine.dialect.name == "sqlite":
        sa.event.listen(database.engine, "connect", _add_sha256)
        database.engine.dispose()
    figures = {
        "accounts": accounts,
        "entries": entries,
        "openings": accounts // OPENING,
        "step": (entries - accounts // OPENING) // (REGULARS * VISITS),
    }
    with database.engine.begin() as connection, _without_indexes(connection):
        _write(connection, figures)
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE")
        _check_samples(connection, figures)


def _write(connection: Connection, figures: dict[str, int]) -> None:
    run = connection.execute
    if connection.dialect.name == "postgresql":
        sha256, padded = "encode(sha256(convert_to({}, 'UTF8')), 'hex')", "lpad(({})::text, 7, '0')"
        series = (
            "SELECT n::bigint FROM generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) AS s(n)"
        )
    else:
        sha256, padded = "sha256({})", "printf('%07d', {})"
        series = (
            "WITH RECURSIVE s(n) AS (SELECT :first UNION ALL SELECT n + 1 FROM s WHERE n < :last) "
            "SELECT n FROM s"
        )
    accounts, sources = figures["accounts"], SOURCES

    def each(first: int, last: int) -> dict[str, int]:
        return {**figures, "first": first, "last": last}

    columns = "INSERT INTO ledger_account (id, role, holder, asset, lot, guarded)"
    run(
        sa.text(f"{columns} SELECT n, '{POINTS}', 'h' || {padded.format('n')}, 'POINT', '', true "
                f"FROM ({series}) AS every"),
        each(1, accounts),
    )  # fmt: skip
    run(
        sa.text(f"{columns} VALUES (:id, '{POINTS_ISSUED}', :holder, 'POINT', '', false)"),
        [
            {"id": accounts + 1 + place, "holder": holder}
            for place, holder in enumerate([PLATFORM, *(source(n).holder for n in range(1, sources + 1))])
        ],
    )
    _write_openings(connection, figures, series)
    _write_entries(connection, figures, series, sha256, padded)
    run(
        sa.text(
            "INSERT INTO ledger_balance (account_id, posted, held) "
            f"SELECT id, {FIRST_POINTS} + coalesce(came, 0) - coalesce(went, 0), 0 FROM ledger_account "
            "LEFT JOIN (SELECT destination_id, sum(amount) AS came FROM ledger_transfer "
            "WHERE entry_id > :openings GROUP BY 1) AS i ON i.destination_id = id "
            "LEFT JOIN (SELECT source_id, sum(amount) AS went FROM ledger_transfer "
            "WHERE entry_id > :openings GROUP BY 1) AS o ON o.source_id = id WHERE guarded ORDER BY id"
        ),
        figures,
    )
    if connection.dialect.name == "postgresql":
        for table in ("account", "entry", "transfer"):
            run(
                sa.text(
                    f"SELECT setval(pg_get_serial_sequence('ledger_{table}', 'id'), "
                    f"(SELECT max(id) FROM ledger_{table}))"
                )
            )


def opening(number: int) -> Entry:
    first = (number - 1) * OPENING + 1
    moves = (Move(issued(), points(n), FIRST_POINTS) for n in range(first, first + OPENING))
    return entry(f"opening:{number}", *moves)


_ENTRY = (
    "INSERT INTO ledger_entry "
    "(id, reason, reference, digest, actor, effective_at, recorded_at, reverses, note, detail) "
)


def _write_openings(connection: Connection, figures: dict[str, int], series: str) -> None:
    made = (opening(number) for number in range(1, figures["openings"] + 1))
    connection.execute(
        sa.text(f"{_ENTRY} VALUES (:id, :reason, :reference, :digest, :actor, :at, :at, NULL, '', '{{}}')"),
        [
            {
                "id": place,
                "reason": one.reason,
                "reference": one.reference,
                "digest": rules.entry_digest(one),
                "actor": one.actor_name,
                "at": _at(connection),
            }
            for place, one in enumerate(made, start=1)
        ],
    )
    connection.execute(
        sa.text(
            "INSERT INTO ledger_transfer (id, entry_id, source_id, destination_id, amount) "
            f"SELECT n, (n - 1) / {OPENING} + 1, :accounts + 1, n, {FIRST_POINTS} FROM ({series}) AS every"
        ),
        {**figures, "first": 1, "last": figures["accounts"]},
    )


def _write_entries(
    connection: Connection, figures: dict[str, int], series: str, sha256: str, padded: str
) -> None:
    span = {**figures, "first": figures["openings"] + 1, "last": figures["entries"], "at": _at(connection)}
    who = f"SELECT n, {_PAYER} AS payer, {_PAYEE} AS payee FROM ({series}) AS every"
    key = sha256.format("'past ' || n")
    named = f"SELECT n, payer, payee, 'act:' || substr({key}, 1, 32) AS reference FROM ({who}) AS pairs"
    # The canonical request of ``rules.entry_digest``; the samples below prove that it is still that.
    request = (
        f"""'["entry",1,"{REASON}","' || reference || '","{ACTOR}",null,"",null,""" + "{}"
        f""",[["points","h' || {padded.format("payer")} || '","POINT","",' || """
        f"""'"points","h' || {padded.format("payee")} || '","POINT","",1]],[]]'"""
    )
    connection.execute(
        sa.text(
            f"{_ENTRY} SELECT n, '{REASON}', reference, {sha256.format(request)}, '{ACTOR}', :at, :at, "
            f"NULL, '', '{{}}' FROM ({named}) AS requests"
        ),
        span,
    )
    connection.execute(
        sa.text(
            "INSERT INTO ledger_transfer (id, entry_id, source_id, destination_id, amount) "
            f"SELECT n + :accounts - :openings, n, payer, payee, 1 FROM ({who}) AS pairs"
        ),
        span,
    )


def _check_samples(connection: Connection, figures: dict[str, int]) -> None:
    """The rows of some entries give the digest that ``post`` would have stored."""
    wanted = {figures["openings"] + 1, figures["entries"] // 2, figures["step"] * 100, figures["entries"]}
    for number in sorted(wanted):
        row = connection.execute(
            sa.text(
                "SELECT e.reference, e.digest, t.source_id, t.destination_id FROM ledger_entry AS e "
                "JOIN ledger_transfer AS t ON t.entry_id = e.id WHERE e.id = :number"
            ),
            {"number": max(number, figures["openings"] + 1)},
        ).one()
        expected = entry(row.reference, Move(points(row.source_id), points(row.destination_id), 1))
        if rules.entry_digest(expected) != row.digest:
            raise RuntimeError(f"entry {number} has another digest than posting would give it")


def _at(connection: Connection) -> object:
    return WHEN if connection.dialect.name == "postgresql" else WHEN.strftime("%Y-%m-%d %H:%M:%S.%f")


def _add_sha256(connection: object, _record: object) -> None:
    connection.create_function(  # type: ignore[attr-defined]
        "sha256", 1, lambda text: hashlib.sha256(text.encode()).hexdigest(), deterministic=True
    )


@contextmanager
def _without_indexes(connection: Connection) -> Iterator[None]:
    """Take the journal's indexes away and build them again at the end, which is far quicker."""
    on_journal = "'ledger_entry'::regclass, 'ledger_transfer'::regclass"
    made_again: list[str] = []
    if connection.dialect.name == "postgresql":
        made_again = _drop_indexes(connection, on_journal)
    else:
        rows = connection.exec_driver_sql(
            "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL "
            "AND tbl_name IN ('ledger_entry', 'ledger_transfer')"
        ).all()
        for name, statement in rows:
            connection.exec_driver_sql(f"DROP INDEX {name}")
            made_again.append(statement)
    yield
    for statement in made_again:
        connection.exec_driver_sql(statement)


def _drop_indexes(connection: Connection, tables: str) -> list[str]:
    made_again = []
    constraints = connection.exec_driver_sql(
        "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint "
        f"WHERE contype IN ('p', 'u') AND conrelid IN ({tables})"
    ).all()
    for table, name, definition in constraints:
        connection.exec_driver_sql(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
        made_again.append(f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}")
    indexes = connection.exec_driver_sql(
        "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index "
        f"WHERE indrelid IN ({tables})"
    ).all()
    for name, definition in indexes:
        connection.exec_driver_sql(f"DROP INDEX {name}")
        made_again.append(definition)
    return made_again
