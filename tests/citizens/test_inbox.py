"""The inbox: an answer per row, 100,000 deliveries without extra effects, killed workers, reversals."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from citizen_points import Books, make_books

from carbon_platform import ledger
from carbon_platform.citizens import bindings, book, consents, inbox, inbox_sql, rewards
from carbon_platform.citizens.book import book_account
from carbon_platform.citizens.inbox import Processed, Receipt
from carbon_platform.citizens.inbox_tables import ActRecord
from carbon_platform.citizens.purse import open_purse
from carbon_platform.citizens.tables import Act
from carbon_platform.db import Database
from carbon_platform.identity.rules import Actor
from carbon_platform.identity.service import list_consents

NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)  # noon in Xinyang
RIDE_G, RIDE_POINTS = 80, 10
Row = dict[str, Any]


@pytest.fixture
def books(engine_name: str, fresh_database: Callable[..., str]) -> Iterator[Books]:
    found = make_books(fresh_database, engine_name, {"thing": 3})
    yield found
    report = found.db.read(ledger.verify)
    assert report.ok, report
    assert found.db.read(book.check_months) == []
    found.db.dispose()


def ride(actor: Actor, record: str, hours_ago: float = 3, **more: Any) -> Row:
    at = NOW - timedelta(hours=hours_ago)
    return {
        "external_id": record, "holder": actor.holder, "behaviour": "XI14b", "occurred_at": at.isoformat(),
    } | more  # fmt: skip


def taken_back(record: str, reason: str = "乘客退票") -> Row:
    return {"kind": "reversal", "external_id": record, "reason": reason}


def send(books: Books, *rows: Any, source: str = "xinyang-bus", now: datetime = NOW) -> list[Receipt]:
    return books.db.transact(lambda session: inbox.receive(session, source, rows, now=now))


def work(books: Books, now: datetime = NOW) -> Processed:
    return inbox.work_through(books.db, lambda: now)


def codes(receipts: list[Receipt]) -> list[str]:
    return [f"{one.result} {one.reason.code}" if one.reason else one.result for one in receipts]


def grams(books: Books, actor: Actor) -> int:
    return books.db.read(lambda session: ledger.balance(session, book_account(actor.holder)).posted)


def records(books: Books) -> dict[str, tuple[str, str]]:
    """State and reason of every row by record key."""
    found = sa.select(ActRecord.record_key, ActRecord.state, ActRecord.reason_code)
    return {key: (state, code) for key, state, code in books.db.read(lambda s: s.execute(found).all())}


def test_every_row_has_its_answer_and_the_good_ones_count(books: Books) -> None:
    actor = books.new_person()
    rows: list[Any] = [
        ride(actor, "good-1"),
        ride(actor, "good-2", 2, duration_s=900),
        ride(actor, "good-1"),
        ride(actor, "good-1", 4),
        ride(actor, "future", -0.1),
        ride(actor, "old", 31 * 24 + 0.1),
        ride(actor, "minus", behaviour="XI14", distance_m=-5),
        ride(actor, "text", behaviour="XI14", distance_m="3 km"),
        ride(actor, "fraction", quantity=1.5),
        ride(actor, "true", quantity=True),
        ride(actor, "field", track=[[32.1, 114.0]]),
        ride(actor, "a b"),
        {**ride(actor, "time"), "occurred_at": "2026-11-22T09:00:00"},
        {**ride(actor, "when"), "occurred_at": "yesterday"},
        {**ride(actor, "what"), "behaviour": None},
        {**ride(actor, "other"), "behaviour": "SH03"},
        {**ride(actor, "who"), "holder": None, "subject": "s-1"},
        {**ride(actor, "none"), "holder": None},
        {**ride(actor, "kind"), "kind": "gift"},
        "not an object",
    ]
    assert codes(send(books, *rows)) == [
        "received", "received", "duplicate", "conflict act.conflict", "refused act.in_future",
        "refused act.too_old", *["refused act.row_invalid"] * 9, "refused act.behaviour_not_offered",
        "refused act.subject_unknown", "refused act.subject_unknown", "refused act.row_invalid",
        "refused act.row_invalid",
    ]  # fmt: skip
    assert work(books) == Processed(rows=2, counted=2)
    assert grams(books, actor) == 2 * RIDE_G
    # nothing of what was refused is kept, least of all the places
    kept = books.db.read(lambda s: list(s.scalars(sa.select(ActRecord))))
    assert {row.record_key for row in kept} == {"good-1", "good-2"}
    assert "32.1" not in json.dumps([row.payload for row in kept])


def test_the_subject_of_a_partner_stands_for_the_bound_person_only(books: Books) -> None:
    actor = books.new_person()

    def bound(session: Any) -> None:
        code, _ = bindings.issue_code(session, "xinyang-bus", "card-7", now=NOW)
        assert bindings.bind(session, actor, code, now=NOW)

    row = {**ride(actor, "1"), "holder": None, "subject": "card-7"}
    del row["holder"]
    assert codes(send(books, row)) == ["refused act.subject_unknown"]
    books.db.transact(bound)
    assert codes(send(books, row)) == ["received"]
    assert work(books).counted == 1
    # the number means nothing at another source
    assert codes(send(books, {**row, "behaviour": "SH03"}, source="clean-plate")) == [
        "refused act.subject_unknown"
    ]


def test_a_consent_withdrawn_in_between_stops_what_waits(books: Books) -> None:
    actor, other = books.new_person(), books.new_person()
    send(books, ride(actor, "1"), ride(other, "2"))

    def withdraw(session: Any) -> None:
        (given,) = [row for row in list_consents(session, actor) if row.partner == "xinyang-bus"]
        consents.withdraw(session, actor, given.id, now=NOW)

    books.db.transact(withdraw)
    assert work(books) == Processed(rows=2, counted=1, refused=1)
    assert records(books) == {"1": ("refused", "citizen.consent_missing"), "2": ("done", "")}
    assert codes(send(books, ride(actor, "3"))) == ["refused citizen.consent_missing"]
    assert (grams(books, actor), grams(books, other)) == (0, RIDE_G)


@pytest.mark.parametrize("engine_name", ["sqlite"])
def test_a_hundred_thousand_deliveries_in_random_order_have_no_extra_effects(books: Books) -> None:
    """12,500 rides, each delivered eight times, up to days apart and while the worker is at it."""
    people = [books.new_person() for _ in range(100)]
    rides = [
        ride(people[n % 100], f"ride-{n}", 1 + 24 * (n // 100 % 25) + n // 2_500 * 0.5) for n in range(12_500)
    ]
    deliveries = rides * 8
    random.Random(6).shuffle(deliveries)
    results: dict[str, int] = {}
    for start in range(0, len(deliveries), 5_000):
        for receipt in send(books, *deliveries[start : start + 5_000]):
            results[receipt.result] = results.get(receipt.result, 0) + 1
        if start % 20_000 == 0:
            work(books)
    work(books)
    assert results == {"received": 12_500, "duplicate": 87_500}
    assert work(books) == Processed()
    counted = books.db.read(lambda s: s.scalar(sa.select(sa.func.count()).where(Act.status == "counted")))
    assert counted == 12_500
    assert sum(grams(books, actor) for actor in people) == 12_500 * RIDE_G
    entries = books.db.read(ledger.verify).counts["entries"]
    # what comes again after the month, and after the inbox was emptied, is still the first
    books.db.transact(lambda s: s.execute(sa.delete(ActRecord)))
    send(books, *rides[:1_000])
    assert work(books).repeated == 1_000
    assert books.db.read(ledger.verify).counts["entries"] == entries


def _worker(url: str, pace: int) -> None:
    """A worker that takes little at a time, so that it is killed in the middle of something."""
    db = Database(url)
    while True:
        inbox.process_next(db, now=NOW, limit=pace)


def test_killed_workers_lose_nothing_and_take_nothing_twice(books: Books) -> None:
    people = [books.new_person() for _ in range(40)]
    rides = [ride(people[n % 40], f"ride-{n}", 1 + 24 * (n // 40 % 25)) for n in range(1_000)]
    url = str(books.db.engine.url.render_as_string(hide_password=False))
    spawn = multiprocessing.get_context("spawn")
    send(books, *rides)
    killed, left = 0, len(rides)
    while left:
        process = spawn.Process(target=_worker, args=(url, 7), daemon=True)
        process.start()
        began, before = time.monotonic(), left
        while left > before - 250 and left and time.monotonic() - began < 60:
            time.sleep(0.02)
            left = books.db.read(lambda s: inbox_sql.backlog(s.connection())[0])
        assert process.pid
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        killed += 1
    assert killed >= 3
    # What a dead worker had in hand is free again, and nothing is half.
    assert work(books).failed == 0
    assert set(records(books).values()) == {("done", "")}
    assert sum(grams(books, actor) for actor in people) == 1_000 * RIDE_G


@pytest.mark.parametrize("engine_name", [pytest.param("postgresql", marks=pytest.mark.postgresql)])
def test_two_workers_share_the_rows(books: Books) -> None:
    people = [books.new_person() for _ in range(20)]
    rides = [ride(people[n % 20], f"ride-{n}", 1 + 24 * (n // 20 % 25)) for n in range(400)]
    send(books, *rides)
    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda _: inbox.work_through(books.db, lambda: NOW, limit=20), range(2)))
    done.append(work(books))
    assert sum(one.rows for one in done) == sum(one.counted for one in done) == 400
    assert sum(grams(books, actor) for actor in people) == 400 * RIDE_G


def test_a_row_the_program_fails_on_is_named_and_the_others_count(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    actor = books.new_person()
    send(books, *(ride(actor, f"r{n}", 1 + n) for n in range(4)))
    whole = inbox._claim

    def broken(row: inbox_sql.Waiting) -> Any:
        if row.record_key == "r2":
            raise ZeroDivisionError("a defect")
        return whole(row)

    monkeypatch.setattr(inbox, "_claim", broken)
    assert work(books) == Processed(rows=4, counted=3, failed=1)
    assert records(books)["r2"] == ("refused", "act.intake_failed")
    assert grams(books, actor) == 3 * RIDE_G


def test_a_record_can_be_taken_back_before_with_and_after_it_came(books: Books) -> None:
    actor = books.new_person()
    send(books, taken_back("early"))
    assert work(books).reversals == 1
    assert records(books)["reversal:early"] == ("done", "act.nothing_to_withdraw")
    send(books, ride(actor, "early"), taken_back("same"), ride(actor, "same", 2), ride(actor, "late", 1))
    work(books)
    assert records(books)["early"] == ("refused", "act.withdrawn_before")
    assert grams(books, actor) == RIDE_G
    again = [codes(send(books, taken_back("late", reason)))[0] for reason in ("退票", "又说一次")]
    assert again == ["received", "duplicate"]
    work(books)
    assert grams(books, actor) == 0
    lines = books.db.read(lambda s: list(s.scalars(sa.select(Act).order_by(Act.id))))
    assert [(act.external_id, act.points_state, act.withdrawal_note) for act in lines] == [
        ("same", "withdrawn", "乘客退票"),
        ("late", "withdrawn", "退票"),
    ]


def test_a_reversal_after_the_points_were_spent_is_owed(books: Books) -> None:
    actor = books.new_person()
    meal = {"external_id": "m", "holder": actor.holder, "behaviour": "SH03", "occurred_at": NOW.isoformat()}
    send(books, meal, source="clean-plate")
    work(books)
    books.db.transact(lambda s: rewards.redeem(s, actor, "thing", now=NOW))
    send(books, taken_back("m", "误记"), source="clean-plate")
    assert work(books).reversals == 1
    purse = books.db.read(lambda s: open_purse(s, actor.holder, now=NOW))
    assert (purse.available, sum(purse.owed.values())) == (0, 3)
    assert grams(books, actor) == 0
    # the next meal pays it back
    send(books, {**meal, "external_id": "n"}, source="clean-plate")
    work(books)
    purse = books.db.read(lambda s: open_purse(s, actor.holder, now=NOW))
    assert (purse.available, sum(purse.owed.values())) == (5, 0)


def test_a_record_replaced_by_a_better_one_has_nothing_left_to_take_back(books: Books) -> None:
    actor = books.new_person()
    own = {**ride(actor, "own", 3), "external_id": "own"}
    send(books, own, source="self")
    work(books)
    send(books, ride(actor, "proven", 3))
    work(books)
    assert grams(books, actor) == RIDE_G
    books.db.transact(lambda s: inbox.receive(s, "self", [taken_back(f"{actor.holder}:own")], now=NOW))
    work(books)
    assert grams(books, actor) == RIDE_G
