"""How much is measured. ``BENCH_QUICK=1`` is a look that takes a minute or two; its figures say little."""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Sizes:
    """``accounts`` is kept the same in both ledgers of the growth rows, so that only the journal differs."""

    quick: bool
    accounts: int
    entries: int
    few_entries: int
    rounds: int
    seconds: float
    batch: int
    clients: int
    citizens: int
    peer_accounts: int
    lots: tuple[int, ...]


def sizes() -> Sizes:
    """From the environment: ``BENCH_QUICK``, or singly ``…ENTRIES``, ``…ROUNDS``, ``…SECONDS``, ``…LOTS``."""
    quick = os.environ.get("BENCH_QUICK", "") not in {"", "0"}
    return Sizes(
        quick=quick,
        accounts=20_000 if quick else 400_000,
        entries=int(os.environ.get("BENCH_ENTRIES") or (50_000 if quick else 2_000_000)),
        few_entries=10_000,
        rounds=int(os.environ.get("BENCH_ROUNDS") or (3 if quick else 5)),
        seconds=float(os.environ.get("BENCH_SECONDS") or (0.5 if quick else 1.5)),
        batch=1_000,
        clients=8,
        citizens=200 if quick else 2_000,
        peer_accounts=200 if quick else 1_000,
        lots=tuple(
            int(count)
            for count in (os.environ.get("BENCH_LOTS") or ("100,300" if quick else "100,1000,10000")).split(
                ","
            )
        ),
    )
