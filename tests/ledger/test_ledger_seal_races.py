"""Nothing is lost from the seal: open transactions, sealers at once, killed sealers, restored databases."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from books import BANK, NOW, assert_sound, cash, deposit, entry, post
from sealed import seal
from sqlalchemy.orm import Session

from carbon_platform import ledger
from carbon_platform.db import Database
from carbon_platform.ledger import Move, Sealed, cuts
from carbon_platform.ledger import seal as seal_rows

pg = pytest.mark.postgresql


@pytest.fixture
def database(new_ledger: Callable[[str], Database]) -> Database:
    """PostgreSQL with accounts of a … f, so that no posting waits for another's new account."""
    made = new_ledger("postgresql")
    for holder in "abcdef":
        deposit(made, holder, 1_000, f"first {holder}")
    return made


def rows(database: Database, query: str) -> list[tuple[int, ...]]:
    return database.read(lambda s: [tuple(row) for row in s.execute(sa.text(query))])


def pay(session: Session, reference: str, by: str, to: str) -> int:
    return ledger.post(session, entry(reference, Move(cash(by), cash(to), 1)), NOW).entry_id


@pg
def test_a_lower_id_that_commits_later_is_not_lost(database: Database) -> None:
    with Session(database.engine) as slow:
        low = pay(slow, "slow", "a", "b")
        high = post(database, "quick", Move(cash("c"), cash("d"), 1)).entry_id
        assert low < high
        assert seal(database) == Sealed(0, 0), "not even what was there before: the cut is still open"
        slow.commit()
    assert seal(database).entries == 8
    assert_sound(database)


@pg
def test_a_cut_before_the_slow_one_began_is_sealed_meanwhile(database: Database) -> None:
    assert seal(database).entries == 6
    with Session(database.engine) as slow:
        pay(slow, "slow", "a", "b")
        post(database, "quick", Move(cash("c"), cash("d"), 1))
        assert seal(database) == Sealed(0, 0)
        slow.rollback()
    assert seal(database).entries == 1
    assert rows(database, "SELECT count, through_entry_id FROM ledger_block ORDER BY number") == [
        (6, 6),
        (1, 8),
    ]
    assert_sound(database)


@pg
def test_one_with_a_newer_transaction_id_and_a_lower_row_id_is_not_lost(database: Database) -> None:
    """The case in which the newest ended transaction is older than one that has drawn a lower id."""
    with Session(database.engine) as older, Session(database.engine) as newer:
        first = older.execute(sa.text("SELECT pg_current_xact_id()::text::bigint")).scalar_one()
        low = pay(newer, "newer", "a", "b")
        second = newer.execute(sa.text("SELECT pg_current_xact_id()::text::bigint")).scalar_one()
        high = pay(older, "older", "c", "d")
        assert first < second and low < high
        older.commit()
        assert seal(database) == Sealed(0, 0)
        newer.commit()
    assert seal(database).entries == 8
    assert_sound(database)


@pg
def test_a_sealer_that_trusts_the_highest_id_would_lose_one_and_be_found(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control: without cuts the first test of this file fails."""

    def naive(session: Session, now: datetime) -> None:
        session.execute(
            sa.text(
                "INSERT INTO ledger_cut (entry_id, transfer_id, barrier, taken_at, closed_at)"
                " SELECT max(id), 0, 0, now(), now() FROM ledger_entry"
            )
        )

    monkeypatch.setattr(seal_rows, "advance", naive)
    with Session(database.engine) as slow:
        low = pay(slow, "slow", "a", "b")
        post(database, "quick", Move(cash("c"), cash("d"), 1))
        assert seal(database).entries == 7
        slow.commit()
    assert seal(database).entries == 0
    [finding] = database.read(ledger.verify).findings
    assert (finding.check, finding.row) == ("seal.inserted", str(low))


@pg
def test_a_transaction_that_has_written_takes_no_cut(database: Database) -> None:
    def work(session: Session) -> None:
        pay(session, "own", "a", "b")
        assert cuts.advance(session, NOW) is None

    database.transact(work)
    assert rows(database, "SELECT count(*) FROM ledger_cut") == [(0,)]


@pg
def test_writers_that_dawdle_and_give_up_lose_nothing(database: Database) -> None:
    """Five writers hold transactions open, a third of them is rolled back; the sealer runs all along."""
    stop = threading.Event()
    failures: list[BaseException] = []

    def write(name: str) -> None:
        dice = random.Random(name)
        try:
            for turn in range(12):
                with Session(database.engine) as session:
                    ledger.post(session, entry(f"{name}{turn}", Move(cash(name), BANK, 1)), NOW)
                    time.sleep(dice.random() * 0.01)
                    session.rollback() if dice.random() < 0.34 else session.commit()
        except BaseException as error:
            failures.append(error)

    def sealer() -> None:
        try:
            while not stop.is_set():
                seal(database)
        except BaseException as error:
            failures.append(error)

    # Each spends of its own account, so that none waits for another and their transactions overlap.
    writers = [threading.Thread(target=write, args=(name,)) for name in "abcde"]
    sealing = threading.Thread(target=sealer)
    for thread in (sealing, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    stop.set()
    sealing.join()
    assert failures == []
    seal(database)
    [(entries, sealed)] = rows(
        database, "SELECT (SELECT count(*) FROM ledger_entry), (SELECT sum(count) FROM ledger_block)"
    )
    assert entries == sealed > 30
    assert_sound(database)


@pg
def test_a_cut_waits_for_whoever_was_there_before_and_nobody_later(database: Database) -> None:
    with Session(database.engine) as early:
        pay(early, "early", "a", "b")
        for _ in range(3):
            database.transact(lambda s: cuts.advance(s, NOW))
        [(waiting,)] = rows(database, "SELECT id FROM ledger_cut WHERE closed_at IS NULL")
        with Session(database.engine) as late:
            pay(late, "late", "c", "d")
            early.commit()
            cut = database.transact(lambda s: cuts.advance(s, NOW + timedelta(minutes=1)))
            assert cut is not None and cut.entry_id == 6
            assert (
                rows(database, f"SELECT id FROM ledger_cut WHERE id = {waiting} AND closed_at IS NULL") == []
            )
            late.rollback()


@pg
def test_a_cut_restored_into_another_cluster_closes(database: Database) -> None:
    """Transaction ids begin anew there: the barrier would be reached after years, or never."""
    database.transact(lambda s: cuts.advance(s, NOW))
    with database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE ledger_cut SET barrier = 900000000000")
    cut = database.transact(lambda s: cuts.advance(s, NOW))
    assert cut is not None and cut.entry_id == 6
    assert seal(database).entries == 6
    assert len(rows(database, "SELECT id FROM ledger_cut")) <= 2, "older cuts are forgotten"


def filled(new_ledger: Callable[[str], Database], engine_name: str, count: int) -> Database:
    made = new_ledger(engine_name)
    entries = [entry(f"r{n}", Move(cash("bank"), cash("a"), 1)) for n in range(count - 1)]
    deposit(made, "bank", count)
    made.transact(lambda s: ledger.post_batch(s, entries, NOW))
    return made


def test_sealers_at_once_seal_once(
    engine_name: str, new_ledger: Callable[[str], Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seal_rows, "BLOCK_ENTRIES", 7)
    database = filled(new_ledger, engine_name, 80)
    done: list[Sealed] = []
    start = threading.Barrier(4)

    def run() -> None:
        start.wait()
        done.append(seal(database))

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(one.entries for one in done) == 80
    assert sum(one.blocks for one in done) == len(rows(database, "SELECT number FROM ledger_block"))
    assert_sound(database)


SEALER = """\
import sys
from datetime import UTC, datetime
from carbon_platform.db import Database
from carbon_platform.ledger import advance, seal, seal_next

seal.BLOCK_ENTRIES = 5
database, now = Database(sys.argv[1]), datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
for _ in range(2):
    database.transact(lambda s: advance(s, now))
while True:
    block = database.transact(lambda s: seal_next(s, now))
    print(block and block.number, flush=True)
"""


def test_a_killed_sealer_loses_nothing(engine_name: str, new_ledger: Callable[[str], Database]) -> None:
    """Killed in the middle of its work, three times; then another one seals the rest."""
    database = filled(new_ledger, engine_name, 150)
    url = database.engine.url.render_as_string(hide_password=False)
    for _ in range(3):
        process = subprocess.Popen([sys.executable, "-c", SEALER, url], stdout=subprocess.PIPE)
        assert process.stdout is not None
        with process.stdout as lines:
            lines.readline()
            lines.readline()
            process.kill()
            process.wait()
    [(before,)] = rows(database, "SELECT sum(count) FROM ledger_block")
    assert before > 0
    assert seal(database).entries == 150 - before
    assert_sound(database)
