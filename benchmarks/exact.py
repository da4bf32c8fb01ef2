"""X: after every load the sums are zero, and the same keys sent again change nothing. Exact, or it raises."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime

import sqlalchemy as sa

from carbon_platform import ledger
from carbon_platform.db import Database
from carbon_platform.ledger import Entry, ReferenceConflict


class Inexact(AssertionError):
    """The ledger under load did something that it must never do."""


def _figures(database: Database) -> tuple[object, ...]:
    with database.engine.connect() as connection:
        row = connection.exec_driver_sql(
            "SELECT (SELECT count(*) FROM ledger_entry), (SELECT count(*) FROM ledger_transfer), "
            "(SELECT sum(posted) FROM ledger_balance), (SELECT sum(held) FROM ledger_balance)"
        ).one()
        connection.rollback()
    return tuple(row)


def check_replay(database: Database, entries: Iterable[Entry]) -> str:
    """Send entries again, and once with another amount; words for the table."""
    again = list(entries)
    before = _figures(database)
    outcomes = database.transact(lambda session: ledger.post_batch(session, again, datetime.now(UTC)))
    if {outcome.status for outcome in outcomes} - {"duplicate"}:
        raise Inexact("an entry sent again was not answered as a duplicate")
    altered = [replace(one, moves=[replace(one.moves[0], amount=2)]) for one in again[:10]]
    refused = database.transact(lambda session: ledger.post_batch(session, altered, datetime.now(UTC)))
    if not all(isinstance(outcome.refused, ReferenceConflict) for outcome in refused):
        raise Inexact("another request under a used key was not refused as a conflict")
    if _figures(database) != before:
        raise Inexact(f"sending entries again changed the ledger: {before} → {_figures(database)}")
    return f"{len(again)} keys sent again: nothing changed"


def check_sums(database: Database) -> str:
    """Per asset and lot, all accounts together are zero, and every balance is the sum of its transfers."""
    with database.engine.connect() as connection:
        off = connection.execute(
            sa.text(
                "SELECT count(*) FROM ledger_balance LEFT JOIN ("
                "SELECT id, sum(amount) AS total FROM ("
                "SELECT destination_id AS id, amount FROM ledger_transfer UNION ALL "
                "SELECT source_id, -amount FROM ledger_transfer) AS legs GROUP BY id"
                ") AS summed ON summed.id = account_id WHERE posted <> coalesce(total, 0)"
            )
        ).scalar_one()
        connection.rollback()
    if off:
        raise Inexact(f"{off} balances differ from the sum of their transfers")
    sums: dict[tuple[str, str], int] = {}
    for total in database.read(ledger.totals):
        key = (total.asset, total.lot)
        sums[key] = sums.get(key, 0) + total.posted
    if any(sums.values()):
        raise Inexact(f"sums are not zero: {sums}")
    return "Σ = 0, balances = Σ transfers"


def check_reconciled(database: Database) -> str:
    """The nightly reconciliation: everything that is kept twice, compared inside the database."""
    done = ledger.reconcile(database, lambda: datetime.now(UTC))
    if not done.ok:
        raise Inexact(str([check for check in done.checks if check.wrong]))
    return (
        f"reconciled in {(done.ended_at - done.started_at).total_seconds():.0f} s, {len(done.checks)} checks"
    )


def check_verify(database: Database) -> str:
    """The whole ``ledger verify``: every request's digest, every chain, every sum."""
    report = database.read(ledger.verify)
    if not report.ok:
        raise Inexact(str(report.findings))
    return f"ledger verify: {report.counts['entries']:,} entries, nothing wrong"
