"""Balances at any effective and recorded time: exact, whatever the caches hold, against a plain list."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from books import BANK, LOT, NOW, POINTS_ISSUED, balance, cash, deposit, issue, points, post, quick
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from carbon_platform import ledger
from carbon_platform.db import Database
from carbon_platform.ledger import AccountKey, Asset, By, Move

DAY = timedelta(days=1)
# Runs per engine: the one place to turn them up.
RUNS = {"sqlite": 40, "postgresql": 12}
FEE = AccountKey(ledger.FEE, ledger.PLATFORM, Asset.CNY)
ACCOUNTS = (BANK, FEE, cash("a"), cash("b"))


@dataclass
class Row:
    source: AccountKey
    destination: AccountKey
    amount: int
    effective_at: datetime
    recorded_at: datetime


@dataclass
class Plain:
    """Every row ever written, in order; each question reads all of them."""

    rows: list[Row] = field(default_factory=list)

    def lines(self, key: AccountKey, *conditions: Callable[[Row], bool]) -> list[int]:
        return [
            row.amount if row.destination == key else -row.amount
            for row in self.rows
            if key in (row.source, row.destination) and all(condition(row) for condition in conditions)
        ]

    def balance(self, key: AccountKey, at: datetime | None, as_recorded: datetime | None) -> int:
        return sum(
            self.lines(
                key,
                lambda row: at is None or row.effective_at <= at,
                lambda row: as_recorded is None or row.recorded_at <= as_recorded,
            )
        )

    def period(self, key: AccountKey, since: datetime | None, until: datetime | None, by: By) -> list[int]:
        def inside(row: Row) -> bool:
            time = row.effective_at if by == By.EFFECTIVE else row.recorded_at
            return (since is None or time >= since) and (until is None or time < until)

        return self.lines(key, inside)


# In steps of six hours, so that questions often fall on the very moment of a row.
STEP = 6
hours = st.integers(0, 48).map(lambda step: step * STEP)
actions = st.one_of(
    st.tuples(st.just("post"), st.sampled_from(ACCOUNTS[:2]), st.sampled_from(ACCOUNTS[2:]), hours),
    st.tuples(st.just("back"), st.sampled_from(ACCOUNTS[2:]), st.sampled_from(ACCOUNTS[:2]), hours),
    st.tuples(st.just("pass"), st.integers(1, 10).map(lambda step: step * STEP)),
    st.tuples(st.sampled_from(["snapshot", "snapshot", "rollup", "forget rollups"])),
)


class Story:
    def __init__(self, database: Database) -> None:
        self.database, self.plain, self.now = database, Plain(), NOW
        self.amount = 0

    def play(self, action: tuple[object, ...]) -> None:
        match action:
            case ("post" | "back", AccountKey() as source, AccountKey() as destination, int() as back):
                self.amount += 1
                # Money out of an empty purse is refused: give it first.
                if self.plain.balance(source, None, None) < self.amount and source in ACCOUNTS[2:]:
                    source, destination = destination, source
                effective_at = self.now - timedelta(hours=back)
                move = Move(source, destination, self.amount)
                post(self.database, f"e{self.amount}", move, now=self.now, effective_at=effective_at)
                self.plain.rows.append(Row(source, destination, self.amount, effective_at, self.now))
            case ("pass", int() as passed):
                self.now += timedelta(hours=passed)
            case ("snapshot",):
                twice(self.database, ledger.take_snapshot, self.now)
            case ("rollup",):
                twice(self.database, ledger.roll_up, self.now)
            case ("forget rollups",):
                with self.database.engine.begin() as connection:
                    connection.exec_driver_sql("DELETE FROM ledger_rollup")


def twice(database: Database, work: Callable[[Session, datetime], object], now: datetime) -> object:
    """A line is drawn by one call and closed by the next."""
    database.transact(lambda s: work(s, now))
    return database.transact(lambda s: work(s, now))


moments = st.none() | st.integers(-40, 80).map(lambda step: NOW + timedelta(hours=step * STEP))


def test_any_balance_and_statement_equal_a_plain_list(
    engine_name: str, new_ledger: Callable[[str], Database]
) -> None:
    database = quick(new_ledger(engine_name))

    @settings(max_examples=RUNS[engine_name], deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        st.lists(actions, min_size=4, max_size=40),
        st.lists(st.tuples(st.sampled_from(ACCOUNTS), moments, moments), min_size=8, max_size=8),
    )
    def holds(
        story: list[tuple[object, ...]],
        questions: list[tuple[AccountKey, datetime | None, datetime | None]],
    ) -> None:
        clear(database)
        told = Story(database)
        for action in story:
            told.play(action)
        database.read(lambda s: ask(s, told.plain, questions))

    holds()


def ask(
    session: Session,
    plain: Plain,
    questions: list[tuple[AccountKey, datetime | None, datetime | None]],
) -> None:
    for key, one, other in questions:
        found = ledger.balance(session, key, at=one, as_recorded=other)
        assert found.posted == plain.balance(key, one, other), (key, one, other)
        since, until = sorted((one, other)) if one and other else (one, other)
        for by in By:
            lines, opening, closing = read_pages(session, key, since, until, by)
            expected = plain.period(key, since, until, by)
            assert lines == expected[::-1], (key, since, until, by)
            if since is not None or until is not None:
                assert closing - opening == sum(expected)
                assert opening == (0 if since is None else sum(plain.period(key, None, since, by)))
    totals = {(total.role, total.asset): total.posted for total in ledger.totals(session)}
    for key in (BANK, FEE):
        assert totals.get((key.role, str(key.asset)), 0) == plain.balance(key, None, None)


def read_pages(
    session: Session, key: AccountKey, since: datetime | None, until: datetime | None, by: By
) -> tuple[list[int], int, int]:
    amounts: list[int] = []
    before = None
    while True:
        page = ledger.statement(session, key, 3, before, since=since, until=until, by=by)
        amounts += [line.amount for line in page.lines]
        before = page.next_before
        if before is None:
            return amounts, page.opening or 0, page.closing or 0


def clear(database: Database) -> None:
    """Empty the ledger without making a database anew: triggers away, rows away, triggers back."""
    with database.engine.begin() as connection:
        dialect = connection.dialect.name
        for statement in ledger.drop_append_only_ddl(dialect):
            connection.exec_driver_sql(statement)
        names = sa.inspect(connection).get_table_names()
        for table in sorted((name for name in names if name.startswith("ledger_")), key=_children_first):
            connection.exec_driver_sql(f"DELETE FROM {table}")
        for statement in ledger.append_only_ddl(dialect):
            connection.exec_driver_sql(statement)


def _children_first(name: str) -> bool:
    return name == "ledger_account"


def test_snapshots_hold_only_what_moved(database: Database) -> None:
    deposit(database, "a", 100)
    deposit(database, "b", 5, "d2")
    first = database.transact(lambda s: ledger.take_snapshot(s, NOW))
    first = first or database.transact(lambda s: ledger.take_snapshot(s, NOW))
    assert first is not None
    assert (first.day, first.after_id, first.accounts, first.recorded_until) == ("2026-11-22", 0, 3, NOW)
    assert twice(database, ledger.take_snapshot, NOW) is None
    post(database, "late", Move(cash("a"), cash("b"), 7), now=NOW + DAY, effective_at=NOW - DAY)
    twice(database, ledger.take_snapshot, NOW + DAY)
    with database.engine.connect() as connection:
        rows = connection.exec_driver_sql(
            "SELECT s.day, a.holder, s.posted FROM ledger_snapshot s JOIN ledger_account a"
            " ON a.id = s.account_id ORDER BY s.day, a.holder"
        ).all()
    assert [tuple(row) for row in rows] == [
        ("2026-11-22", "a", 100), ("2026-11-22", "b", 5), ("2026-11-22", "platform", -105),
        ("2026-11-23", "a", 93), ("2026-11-23", "b", 12),
    ]  # fmt: skip
    assert balance(database, cash("a"), at=NOW - DAY) == (-7, 0)
    assert balance(database, cash("a"), as_recorded=NOW) == (100, 0)


def test_the_day_is_that_of_xinyang(database: Database) -> None:
    deposit(database, "a", 100)
    late = datetime.fromisoformat("2026-11-22T16:30:00+00:00")
    made = database.transact(lambda s: ledger.take_snapshot(s, late))
    made = made or database.transact(lambda s: ledger.take_snapshot(s, late))
    assert made is not None and made.day == "2026-11-23"


def test_an_open_transaction_is_not_cut_off(database: Database) -> None:
    """What commits after a line was drawn, with a number below it, is not lost (one writer on SQLite)."""
    if database.engine.dialect.name == "sqlite":
        deposit(database, "a", 1)
        twice(database, ledger.roll_up, NOW)
        assert balance(database, BANK) == (-1, 0)
        return
    slow = Session(database.engine)
    ledger.post(slow, entry_of(points("a"), 50), NOW)
    deposit(database, "b", 3)
    for _ in range(3):
        database.transact(lambda s: ledger.roll_up(s, NOW))
        database.transact(lambda s: ledger.take_snapshot(s, NOW))
    slow.commit()
    slow.close()
    assert balance(database, POINTS_ISSUED) == (-50, 0)
    twice(database, ledger.roll_up, NOW + DAY)
    twice(database, ledger.take_snapshot, NOW + DAY)
    deposit(database, "b", 4, "d2")
    assert balance(database, POINTS_ISSUED) == balance(database, POINTS_ISSUED, at=NOW + DAY) == (-50, 0)
    assert balance(database, BANK) == balance(database, BANK, at=NOW + DAY) == (-7, 0)


def entry_of(key: AccountKey, amount: int) -> ledger.Entry:
    return ledger.Entry("test", f"to {key.holder}", [Move(POINTS_ISSUED, key, amount)], None, "王敏")


@pytest.mark.parametrize("by", list(By))
def test_a_period_of_a_closed_account_of_nobody(database: Database, by: By) -> None:
    found = database.read(lambda s: ledger.statement(s, cash("nobody"), since=NOW, by=by))
    assert found == ledger.Statement((), None, 0, 0)


def test_a_page_read_before_stays_as_it_was(database: Database) -> None:
    for i in range(1, 8):
        deposit(database, "a", i, f"d{i}")
    period = {"since": NOW - DAY, "until": NOW + DAY}
    first = database.read(lambda s: ledger.statement(s, cash("a"), 3, **period))
    deposit(database, "a", 99, "meanwhile")
    post(database, "back", Move(BANK, cash("a"), 98), now=NOW, effective_at=NOW - timedelta(hours=3))
    second = database.read(lambda s: ledger.statement(s, cash("a"), 50, first.next_before, **period))
    assert [line.amount for line in first.lines] == [7, 6, 5]
    assert [line.amount for line in second.lines] == [4, 3, 2, 1]
    assert (first.closing, second.closing) == (28, 225)


def test_a_lot_has_a_place_for_every_role_of_credits(database: Database) -> None:
    """A new role of credits that positions forget would make every nightly sum fail."""
    roles = [role.code for role in ledger.ROLES.values() if role.asset == Asset.CREDIT]
    roles.remove(ledger.ISSUANCE)
    issuance = AccountKey(ledger.ISSUANCE, ledger.PLATFORM, Asset.CREDIT, LOT)
    for number, role in enumerate(roles):
        amount = 2**number
        post(database, role, Move(issuance, AccountKey(role, "a", Asset.CREDIT, LOT), amount))
    found = database.read(lambda s: ledger.lot_position(s, LOT))
    assert found.issued == found.placed == 2 ** len(roles) - 1


def test_where_a_lot_is(database: Database) -> None:
    issue(database, "a", 100)
    issue(database, "a", 7, "other", "LOT-2")
    found = database.read(lambda s: ledger.lot_position(s, LOT))
    assert (found.issued, found.available, found.placed) == (100, 100, 100)
    every = database.read(ledger.lot_positions)
    assert {one.lot: one.issued for one in every} == {LOT: 100, "LOT-2": 7}
    assert database.read(lambda s: ledger.lot_position(s, "no such lot")).issued == 0
