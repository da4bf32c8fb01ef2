"""The checker of histories finds what it must find, and nothing in histories that are sound."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from history import Read, Transfer, Write, check

ISSUE = Write("issue", (("origin", "a", 10),), 0, 1, "ok")
PAY = Write("pay", (("a", "b", 4),), 2, 3, "ok")
MORE = Write("more", (("a", "b", 3),), 4, 5, "ok")
JOURNAL = [Transfer("issue", "origin", "a", 10), Transfer("pay", "a", "b", 4), Transfer("more", "a", "b", 3)]


def kinds(writes: list[Write], reads: list[Read], journal: list[Transfer] = JOURNAL) -> list[str]:
    return [anomaly.kind for anomaly in check(writes, reads, journal, unguarded=["origin"])]


def test_a_sound_history() -> None:
    reads = [
        Read("a", 10, 1.5, 1.9),
        Read("a", 10, 1.5, 2.5),  # while the payment is on its way: before it
        Read("a", 6, 2.1, 2.9),  # … or after it
        Read("b", 7, 6, 7),
        Read("nobody", 0, 0, 9),
    ]
    refused = Write("too much", (("a", "b", 7),), 3.5, 4.5, "refused", "a", 7)
    unheard = Write("unheard", (("a", "b", 1),), 6, None, "unknown")
    assert kinds([ISSUE, PAY, MORE, refused, unheard], reads) == []
    done = [*JOURNAL, Transfer("unheard", "a", "b", 1)]
    assert kinds([ISSUE, PAY, MORE, refused, unheard], [*reads, Read("a", 2, 8, 9)], done) == []
    # What nobody heard of may take effect at any time after it began.
    assert kinds([ISSUE, PAY, MORE, unheard], [Read("a", 3, 8, 9)], done) == []


@pytest.mark.parametrize(
    ("kind", "writes", "reads", "journal"),
    [
        ("lost", [ISSUE, PAY, MORE], [], JOURNAL[:2]),
        ("doubled", [ISSUE, PAY, MORE], [], [*JOURNAL, JOURNAL[2]]),
        ("altered", [ISSUE, PAY, replace(MORE, moves=(("a", "b", 2),))], [], JOURNAL),
        ("phantom", [ISSUE, PAY], [], JOURNAL),
        ("asked twice", [ISSUE, PAY, MORE, MORE], [], JOURNAL),
        ("refused and yet done", [ISSUE, PAY, replace(MORE, answer="refused", short="a")], [], JOURNAL),
        ("order", [ISSUE, PAY, MORE], [], [JOURNAL[0], JOURNAL[2], JOURNAL[1]]),
        ("stale read", [ISSUE, PAY, MORE], [Read("a", 10, 3.5, 3.9)], JOURNAL),
        ("read of the future", [ISSUE, PAY, MORE], [Read("a", 3, 3.2, 3.5)], JOURNAL),
        ("read of what never was", [ISSUE, PAY, MORE], [Read("a", 5, 0, 9)], JOURNAL),
        (
            "back in time",
            [ISSUE, replace(PAY, end=9), replace(MORE, start=9.5, end=10)],
            [Read("a", 6, 2, 4), Read("a", 10, 5, 6)],
            JOURNAL,
        ),
        (
            "refused for nothing",
            [ISSUE, PAY, MORE, Write("no", (("a", "b", 5),), 3.2, 3.5, "refused", "a", 5)],
            [],
            JOURNAL,
        ),
    ],
)
def test_planted_anomalies(
    kind: str, writes: list[Write], reads: list[Read], journal: list[Transfer]
) -> None:
    assert kind in kinds(writes, reads, journal)


def test_a_lost_update_shows_as_a_balance_below_zero() -> None:
    """Two who both saw ten and both spent seven: the journal itself cannot be true."""
    both = [replace(PAY, moves=(("a", "b", 7),)), replace(MORE, moves=(("a", "c", 7),), start=2, end=3)]
    journal = [JOURNAL[0], Transfer("pay", "a", "b", 7), Transfer("more", "a", "c", 7)]
    assert kinds([ISSUE, *both], [], journal) == ["below zero"]


@pytest.mark.parametrize("seed", range(20))
def test_random_histories_that_are_sound_and_then_are_not(seed: int) -> None:
    """Requests that take effect at one moment within their time are sound; one wrong read is found."""
    chance = random.Random(seed)
    writes, reads, journal = [], [], []
    balances = {"a": 0, "b": 0, "c": 0}
    for number in range(200):
        moment = float(number)
        start, end = moment - chance.random() * 8, moment + chance.random() * 8
        source, destination = chance.sample([*balances, "origin"], 2)
        if destination == "origin" or chance.random() < 0.4:
            account = chance.choice("abc")
            reads.append(Read(account, balances[account], start, end))
            continue
        amount = chance.randint(1, 9)
        reference = f"w{number}"
        moves = ((source, destination, amount),)
        if source != "origin" and balances[source] < amount:
            writes.append(Write(reference, moves, start, end, "refused", source, amount))
            continue
        unheard = chance.random() < 0.1
        answer = "unknown" if unheard else "ok"
        writes.append(Write(reference, moves, start, None if unheard else end, answer))
        journal.append(Transfer(reference, source, destination, amount))
        balances[destination] += amount
        if source != "origin":
            balances[source] -= amount
    assert kinds(writes, reads, journal) == []
    place = chance.randrange(len(reads))
    wrong = [replace(r, value=r.value + 1_000) if n == place else r for n, r in enumerate(reads)]
    assert kinds(writes, wrong, journal) == ["read of what never was"]
    acknowledged = [w.reference for w in writes if w.answer == "ok"]
    lost = chance.choice(acknowledged)
    assert "lost" in kinds(writes, reads, [t for t in journal if t.reference != lost])
