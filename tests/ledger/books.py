"""Accounts and entries that tests speak of."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from carbon_platform import ledger
from carbon_platform.db import Base, Database
from carbon_platform.ledger import AccountKey, Asset, Entry, Held, HoldRequest, Move, Posted

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
LOT = "XY-camellia-P1-411528-2026"
HOUR = timedelta(hours=1)


def prepare_ledger(url: str) -> None:
    """The ledger's tables and triggers, nothing else. For ``fresh_database(engine_name, prepare_ledger)``."""
    database = Database(url)
    ours = [table for name, table in Base.metadata.tables.items() if name.startswith("ledger_")]
    with database.engine.begin() as connection:
        Base.metadata.create_all(connection, tables=ours)
        name = connection.dialect.name
        for statement in ledger.append_only_ddl(name) + ledger.posting_ddl(name):
            connection.exec_driver_sql(statement)
    database.dispose()


def issuance(lot: str = LOT) -> AccountKey:
    return AccountKey(ledger.ISSUANCE, ledger.PLATFORM, Asset.CREDIT, lot)


def holding(holder: str, lot: str = LOT) -> AccountKey:
    return AccountKey(ledger.HOLDING, holder, Asset.CREDIT, lot)


def retired(holder: str, lot: str = LOT) -> AccountKey:
    return AccountKey(ledger.RETIRED, holder, Asset.CREDIT, lot)


def cash(holder: str) -> AccountKey:
    return AccountKey(ledger.CASH, holder, Asset.CNY)


BANK = AccountKey(ledger.BANK, ledger.PLATFORM, Asset.CNY)
POINTS_ISSUED = AccountKey(ledger.POINTS_ISSUED, ledger.PLATFORM, Asset.POINT)


def points(holder: str) -> AccountKey:
    return AccountKey(ledger.POINTS, holder, Asset.POINT)


def entry(reference: str, *moves: Move, **more: Any) -> Entry:
    return Entry(
        reason=more.pop("reason", "test"),
        reference=reference,
        moves=moves,
        effective_at=more.pop("effective_at", None),
        actor_name=more.pop("actor_name", "王敏"),
        **more,
    )


def post(database: Database, reference: str, *moves: Move, now: datetime = NOW, **more: Any) -> Posted:
    return database.transact(lambda s: ledger.post(s, entry(reference, *moves, **more), now))


def issue(
    database: Database, holder: str, amount_kg: int, reference: str = "issue", lot: str = LOT
) -> Posted:
    return post(database, reference, Move(issuance(lot), holding(holder, lot), amount_kg))


def deposit(database: Database, holder: str, amount_fen: int, reference: str = "deposit") -> Posted:
    return post(database, reference, Move(BANK, cash(holder), amount_fen))


def hold(
    database: Database,
    reference: str,
    account: AccountKey,
    amount: int,
    expires_at: datetime | None = None,
    now: datetime = NOW,
) -> Held:
    request = HoldRequest(reference, account, amount, "order", expires_at)
    return database.transact(lambda s: ledger.hold(s, request, now))


def balance(database: Database, key: AccountKey, **when: Any) -> tuple[int, int]:
    found = database.read(lambda s: ledger.balance(s, key, **when))
    return found.posted, found.held


def numbers(database: Database, key: AccountKey) -> list[tuple[int, int]]:
    return [(r.first, r.last) for r in database.read(lambda s: ledger.ranges(s, key))]


def quick(database: Database) -> Database:
    """The same database, for tests in which nothing has to survive a power cut and no server goes away.

    SQLite does not wait for the disk, and connections to PostgreSQL are not asked first whether they live.
    """
    if database.engine.dialect.name == "sqlite":
        sa.event.listen(
            database.engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=OFF")
        )
    else:
        database.engine.pool._pre_ping = False
    return database


def assert_sound(database: Database) -> None:
    report = database.read(ledger.verify)
    assert report.ok, report.findings
