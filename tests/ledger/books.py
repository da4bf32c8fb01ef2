"""Accounts and entries that tests speak of."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from carbon_platform import ledger
from carbon_platform.db import Database
from carbon_platform.ledger import AccountKey, Asset, Entry, Held, HoldRequest, Move, Posted

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
LOT = "XY-camellia-P1-411528-2026"
HOUR = timedelta(hours=1)


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


def assert_sound(database: Database) -> None:
    report = database.read(ledger.verify)
    assert report.ok, report.findings
