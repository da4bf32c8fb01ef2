"""The entries that are posted: points from one account to another, chosen at random."""

from __future__ import annotations

import random
from collections.abc import Iterator
from uuid import uuid4

from carbon_platform.ledger import PLATFORM, POINTS, POINTS_ISSUED, AccountKey, Asset, Entry, Fund, Move

ACTOR = "benchmark"
REASON = "bench"
# Holders of unguarded accounts, to spread what otherwise comes from a single one.
SOURCES = 1_000
# A guarded fund that everybody is paid from, in the slices that cure it.
FUND = Fund(AccountKey(POINTS, "fund", Asset.POINT))


def points(number: int) -> AccountKey:
    """The guarded account number 1, 2, 3 …"""
    return AccountKey(POINTS, f"h{number:07d}", Asset.POINT)


def issued(holder: str = PLATFORM) -> AccountKey:
    """An unguarded account that points come from; with the platform's, the hot one."""
    return AccountKey(POINTS_ISSUED, holder, Asset.POINT)


def source(number: int) -> AccountKey:
    return issued(f"source-{number:04d}")


def entry(reference: str, *moves: Move) -> Entry:
    return Entry(REASON, reference, moves, effective_at=None, actor_name=ACTOR)


def new_entry(payer: AccountKey, payee: AccountKey, amount: int = 1) -> Entry:
    """One move under a key that nobody has used, spread over the whole index."""
    return entry(f"act:{uuid4().hex}", Move(payer, payee, amount))


def transfers(accounts: int, seed: int) -> Iterator[Entry]:
    """From a random guarded account to another, without end."""
    choose = random.Random(seed).randint
    while True:
        payer, payee = choose(1, accounts), choose(1, accounts)
        if payer != payee:
            yield new_entry(points(payer), points(payee))


def from_hot(accounts: int, seed: int) -> Iterator[Entry]:
    """From the one issuance account to a random guarded one."""
    choose = random.Random(seed).randint
    while True:
        yield new_entry(issued(), points(choose(1, accounts)))


def from_many(accounts: int, seed: int) -> Iterator[Entry]:
    """As :func:`from_hot`, the source spread over ``SOURCES`` accounts."""
    choose = random.Random(seed).randint
    while True:
        yield new_entry(source(choose(1, SOURCES)), points(choose(1, accounts)))


def into_guarded(accounts: int, seed: int) -> Iterator[Entry]:
    """From a random guarded account into the single guarded account number 1."""
    choose = random.Random(seed).randint
    while True:
        yield new_entry(points(choose(2, accounts)), points(1))


def from_fund(accounts: int, seed: int) -> Iterator[Entry]:
    """From the guarded fund in slices to a random account: the home slice, as ``ledger.pay_from`` does."""
    choose = random.Random(seed).randint
    while True:
        reference = f"act:{uuid4().hex}"
        yield entry(reference, Move(FUND.slice(FUND.home(reference)), points(choose(1, accounts)), 1))


KINDS = {
    "transfers": transfers,
    "from_hot": from_hot,
    "from_many": from_many,
    "into_guarded": into_guarded,
    "from_fund": from_fund,
}
