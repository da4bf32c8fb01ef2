"""A ledger in which every sealed table has rows, and the words to seal, sign and tamper."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from books import NOW, cash, deposit, hold, holding, issue, post, prepare_ledger, retired
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from carbon_platform import ledger
from carbon_platform.db import Database
from carbon_platform.ledger import Head, HoldUse, Move, Sealed, drop_append_only_ddl

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
KEY_ID = ledger.key_id(KEY)
DAY = timedelta(days=1)
MIDNIGHT = datetime(2026, 11, 22, 16, 5, tzinfo=UTC)  # 00:05 of the 23rd in Xinyang


def seal(database: Database, now: datetime = NOW) -> Sealed:
    return ledger.seal_all(database, lambda: now)


def sign(database: Database, now: datetime = MIDNIGHT) -> list[Head]:
    return database.transact(lambda s: ledger.sign_heads(s, KEY, now))


def tell(database: Database) -> None:
    """Seven entries, one using a hold, one a reversal, one back-dated; three blocks, two signed days."""
    issue(database, "a", 100)
    deposit(database, "a", 1_000)
    hold(database, "h1", holding("a"), 30)
    hold(database, "h2", cash("a"), 500)
    post(database, "sale", Move(holding("a"), holding("b"), 20), holds=[HoldUse("h1", 20)])
    seal(database)
    wrong = post(database, "wrong", Move(cash("a"), cash("b"), 10), detail={"by": ["纸", 1]})
    database.transact(
        lambda s: ledger.reverse(
            s,
            wrong.entry_id,
            reference="undo",
            reason="correction",
            actor_name="王敏",
            second_approver="李强",
            note="错户",
            now=NOW,
        )
    )
    post(database, "retire", Move(holding("b"), retired("b"), 5), effective_at=NOW - 3 * DAY)
    seal(database)
    sign(database)
    post(database, "later", Move(holding("b"), retired("b"), 5), now=NOW + DAY)
    seal(database, NOW + DAY)
    sign(database, MIDNIGHT + DAY)


def tamper(database: Database, *statements: str) -> None:
    """As somebody who owns the database, and whom no trigger stops."""
    with database.engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            # Instead of dropping the triggers: the database can be used again by the next test.
            connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        else:
            for statement in drop_append_only_ddl("sqlite"):
                connection.exec_driver_sql(statement)
        for statement in statements:
            connection.exec_driver_sql(statement)


def told(url: str) -> None:
    """For ``fresh_database``: the ledger of :func:`tell`."""
    prepare_ledger(url)
    database = Database(url)
    tell(database)
    database.dispose()


def found(database: Database) -> dict[str, str]:
    """Check → the row it names first."""
    report = database.read(lambda s: ledger.verify(s, {KEY_ID}))
    return {finding.check: finding.row for finding in report.findings}
