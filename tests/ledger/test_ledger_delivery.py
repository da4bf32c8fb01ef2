"""R5: events delivered eight times, shuffled by up to three days either way, have one effect each.

100,000 deliveries of 12,500 events, half on each engine (``CARBON_NIGHTLY=1``: 1,000,000). Partners
send what they have in lots of 500; between two deliveries the clock moves on, so that a repetition is
recognised by what it says and not by when it comes.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from datetime import timedelta

import pytest
from books import NOW, POINTS_ISSUED, assert_sound, balance, entry, points, prepare_ledger, quick
from journal import dump
from torture import LONG, figure

from carbon_platform import ledger
from carbon_platform.db import Database
from carbon_platform.ledger import Entry, Move

TIMES = 8
EVENTS = figure(6_250, 62_500)
LOT = 500
PEOPLE = 300
DAYS = timedelta(days=10)
ASTRAY = timedelta(days=3)
BEGIN = NOW - DAYS


def events(chance: random.Random) -> list[Entry]:
    """Rides of ten days."""
    made = []
    for number in range(EVENTS):
        person = points(f"p{chance.randrange(PEOPLE)}")
        when = BEGIN + DAYS * (number / EVENTS)
        made.append(
            entry(f"act:{number}", Move(POINTS_ISSUED, person, chance.randint(1, 9)), effective_at=when)
        )
    return made


def deliveries(chance: random.Random, sent: list[Entry]) -> list[list[Entry]]:
    """Each event eight times, up to three days before or after its place in the queue."""
    # Nothing arrives before it happened: the queue as a whole runs three days late.
    copies = [(e.effective_at + 2 * ASTRAY * chance.random(), e) for e in sent for _ in range(TIMES)]
    in_order = [e for _, e in sorted(copies, key=lambda copy: copy[0])]
    return [in_order[start : start + LOT] for start in range(0, len(in_order), LOT)]


@LONG
@pytest.mark.xdist_group("delivery")
def test_eight_deliveries_of_an_event_are_one_effect(
    engine_name: str, fresh_database: Callable[..., str]
) -> None:
    chance = random.Random(8)
    database = quick(Database(fresh_database(engine_name, prepare_ledger)))
    sent = events(chance)
    seen: Counter[str] = Counter()
    first: dict[str, int] = {}
    for place, lot in enumerate(deliveries(chance, sent)):
        now = NOW + timedelta(minutes=place)
        outcomes = database.transact(lambda s, e=lot, t=now: ledger.post_batch(s, e, t))
        for given, outcome in zip(lot, outcomes, strict=True):
            assert outcome.reference == given.reference
            assert outcome.posted is not None
            # Every answer is the first one's.
            assert first.setdefault(given.reference, outcome.posted.entry_id) == outcome.posted.entry_id
            seen[outcome.status] += 1
    assert seen == {"accepted": EVENTS, "duplicate": EVENTS * (TIMES - 1)}
    expected: Counter[str] = Counter()
    for event in sent:
        expected[event.moves[0].destination.holder] += event.moves[0].amount
    found = {f"p{n}": balance(database, points(f"p{n}")) for n in range(PEOPLE)}
    assert found == {person: (amount, 0) for person, amount in expected.items()}
    assert sum(line.startswith("[") for line in dump(database)) == EVENTS
    assert_sound(database)
    database.dispose()


def test_a_short_event_delivered_again_is_judged_anew(database: Database) -> None:
    """A refusal is no effect: it leaves no trace, and the same event may succeed later."""
    ride = entry("ride", Move(POINTS_ISSUED, points("p"), 5))
    soap = entry("soap", Move(points("p"), points("shop"), 5))
    altered = entry("ride", Move(POINTS_ISSUED, points("p"), 6))
    lots = [[soap, soap], [ride, soap, soap, altered], [soap, ride, altered]]
    statuses = [
        [outcome.status for outcome in database.transact(lambda s, e=lot: ledger.post_batch(s, e, NOW))]
        for lot in lots
    ]
    assert statuses == [
        ["refused", "refused"],
        ["accepted", "accepted", "duplicate", "refused"],
        ["duplicate", "duplicate", "refused"],
    ]
    assert (balance(database, points("p")), balance(database, points("shop"))) == ((0, 0), (5, 0))
    assert_sound(database)
