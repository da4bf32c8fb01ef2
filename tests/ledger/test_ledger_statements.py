"""R9: whichever statement of a transaction fails, nothing of it stays, and the next try finishes it.

For each kind of request the 1st, 2nd, … n-th statement and last of all the commit breaks down; after
each break-down the ledger is the same to the last row, and sound. Every n, on both engines.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from books import (
    BANK,
    HOUR,
    NOW,
    POINTS_ISSUED,
    assert_sound,
    cash,
    deposit,
    entry,
    hold,
    holding,
    issue,
    points,
    post,
    retired,
)
from journal import dump
from sqlalchemy.orm import Session

from carbon_platform import ledger
from carbon_platform.db import Database
from carbon_platform.ledger import HoldRequest, HoldUse, Move


class Breakdown(OSError):
    """What a torn cable or a full disk looks like from above."""


class Fault:
    """Lets the ``n``-th statement fail, or the commit if there are fewer."""

    def __init__(self, database: Database) -> None:
        self.engine = database.engine
        self.left = 0
        self.at_commit = False

    def __enter__(self) -> Fault:
        sa.event.listen(self.engine, "before_cursor_execute", self._statement)
        self.commit, self.engine.dialect.do_commit = self.engine.dialect.do_commit, self._commit  # type: ignore[method-assign]
        return self

    def __exit__(self, *_: object) -> None:
        sa.event.remove(self.engine, "before_cursor_execute", self._statement)
        self.engine.dialect.do_commit = self.commit  # type: ignore[method-assign]

    def _statement(self, *_: object) -> None:
        self.left -= 1
        if self.left == 0:
            raise Breakdown("disk full")

    def _commit(self, connection: object) -> None:
        if self.at_commit:
            # As an engine does whose commit fails: the transaction is gone.
            connection.rollback()  # type: ignore[attr-defined]
            raise Breakdown("disk full")
        self.commit(connection)  # type: ignore[arg-type]


@pytest.fixture
def story(database: Database) -> Database:
    """Goods, money and holds of each kind."""
    issue(database, "seller", 500)
    deposit(database, "buyer", 10_000)
    hold(database, "listing", holding("seller"), 300)
    hold(database, "order", cash("buyer"), 5_000, expires_at=NOW + HOUR)
    hold(database, "old", cash("buyer"), 10, expires_at=NOW + HOUR / 2)
    post(database, "sale", Move(holding("seller"), holding("other"), 50), Move(BANK, cash("other"), 5))
    return database


TRADE = entry(
    "trade",
    Move(holding("seller"), holding("buyer"), 200),
    Move(cash("buyer"), cash("seller"), 4_000),
    Move(cash("buyer"), BANK, 10),
    holds=[HoldUse("listing", 200, release_rest=True), HoldUse("order", 4_000)],
)
BATCH = [
    entry("b1", Move(POINTS_ISSUED, points("p"), 3)),
    entry("b2", Move(cash("seller"), cash("other"), 1)),  # short
    entry("b3", Move(holding("other"), retired("other"), 7)),
    entry("b1", Move(POINTS_ISSUED, points("p"), 3)),  # again
    entry("b4", Move(BANK, cash("new"), 4), Move(cash("new"), cash("newer"), 4)),
]


def reverse_sale(session: Session) -> Any:
    found = ledger.find_entry(session, "sale")
    assert found is not None
    return ledger.reverse(
        session,
        found.entry_id,
        reference="undo",
        reason="correction",
        actor_name="王敏",
        second_approver="李强",
        note="错",
        now=NOW,
    )


# Per request: what is done, and how many statements it takes at least (so that the loop is not empty).
REQUESTS: dict[str, tuple[Callable[[Session], Any], int]] = {
    "post": (lambda s: ledger.post(s, entry("new", Move(BANK, cash("nobody yet"), 9)), NOW), 1),
    "post with two holds": (lambda s: ledger.post(s, TRADE, NOW), 1),
    "retire": (
        lambda s: ledger.post_hold(
            s, "listing", entry("retire", Move(holding("seller"), retired("buyer"), 120)), NOW, 120
        ),
        1,
    ),
    "reverse": (reverse_sale, 2),
    "batch": (lambda s: ledger.post_batch(s, BATCH, NOW), 1),
    "hold": (lambda s: ledger.hold(s, HoldRequest("new", holding("other"), 20, "order"), NOW), 1),
    "void": (lambda s: ledger.void_hold(s, "order", NOW), 2),
    "expire": (lambda s: ledger.expire_holds(s, NOW + HOUR), 1),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_whichever_statement_fails_nothing_stays_and_the_next_try_finishes(
    story: Database, name: str
) -> None:
    work, at_least = REQUESTS[name]
    before = dump(story)
    failed, at_commit = 0, False
    while not at_commit:
        with Fault(story) as fault:
            fault.left = failed + 1
            fault.at_commit = True
            with pytest.raises(Breakdown):
                story.transact(work)
            at_commit = fault.left > 0
        failed += 1
        assert dump(story) == before, f"statement {failed} of {name}"
        assert_sound(story)
    assert failed > at_least
    done = story.transact(work)
    assert dump(story) != before
    assert_sound(story)
    if name not in ("void", "expire"):
        after = dump(story)
        again = story.transact(work)
        answers = again if isinstance(again, list) else [again]
        posted = [getattr(answer, "posted", None) for answer in answers] if name == "batch" else answers
        assert all(answer.replayed for answer in posted if answer is not None), (done, again)
        assert dump(story) == after


def test_a_refused_request_fails_cleanly_too(story: Database) -> None:
    """A break-down inside a request that would have been refused anyway."""
    before = dump(story)
    short = entry("short", Move(cash("seller"), cash("buyer"), 1))
    failed = 0
    while True:
        failed += 1
        with Fault(story) as fault:
            fault.left = failed
            try:
                story.transact(lambda s: ledger.post(s, short, NOW))
            except Breakdown:
                pass
            except ledger.InsufficientBalance:
                break
        assert dump(story) == before
    assert failed > 1
    assert_sound(story)


# Counts down at every row written to the ledger, wherever the statement runs: in PostgreSQL most of a
# request is carried out inside the server, out of sight of a fault around the session.
_COUNTDOWN = """
CREATE FUNCTION torture_countdown() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE left_over bigint := coalesce(nullif(current_setting('torture.left', true), ''), '0')::bigint;
BEGIN
    IF left_over > 0 THEN
        PERFORM set_config('torture.left', (left_over - 1)::text, false);
        IF left_over = 1 THEN
            RAISE EXCEPTION 'disk full' USING ERRCODE = 'disk_full';
        END IF;
    END IF;
    RETURN coalesce(NEW, OLD);
END
$$
"""
_WRITTEN = ("account", "balance", "entry", "transfer", "movement", "holding", "lot", "hold", "hold_use")


@pytest.mark.postgresql
@pytest.mark.parametrize("engine_name", ["postgresql"], indirect=True)
@pytest.mark.parametrize("name", REQUESTS)
def test_whichever_row_cannot_be_written_nothing_stays(story: Database, name: str) -> None:
    work, _ = REQUESTS[name]
    with story.engine.begin() as connection:
        connection.exec_driver_sql(_COUNTDOWN)
        for table in _WRITTEN:
            connection.exec_driver_sql(
                f"CREATE TRIGGER torture BEFORE INSERT OR UPDATE OR DELETE ON ledger_{table} "
                "FOR EACH ROW EXECUTE FUNCTION torture_countdown()"
            )
    before = dump(story)
    failed = 0
    while True:

        def doomed(session: Session, left: int = failed + 1) -> Any:
            session.execute(sa.text("SELECT set_config('torture.left', :left, false)"), {"left": str(left)})
            done = work(session)
            left_over = session.execute(sa.text("SELECT current_setting('torture.left')")).scalar_one()
            session.execute(sa.text("SELECT set_config('torture.left', '0', false)"))
            return done, int(left_over)

        try:
            _, left_over = story.transact(doomed)
        except sa.exc.DBAPIError as error:
            assert "disk full" in str(error)
        else:
            assert left_over > 0, "a row that could not be written was passed over"
            break
        failed += 1
        assert dump(story) == before, f"row {failed} of {name}"
        assert_sound(story)
    assert failed >= 2
    assert dump(story) != before
    assert_sound(story)
