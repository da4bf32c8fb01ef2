"""The citizens' jobs: many short transactions, each of which stands by itself.

A job that is killed leaves whole chunks behind and nothing half; the next run goes on with the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy.orm import Session

from carbon_platform.citizens import points
from carbon_platform.citizens.points import CHUNK, Chunk
from carbon_platform.db import Database

# Refusals named in the job's record; the others are counted.
NAMED = 3


def activate_points(db: Database, *, now: datetime, limit: int = CHUNK) -> tuple[str, str]:
    """Points whose observation is over become active. Returns (outcome, words for the operator)."""
    return _in_chunks(db, points.activate_due, "became active", now, limit, None)


def expire_points(db: Database, *, now: datetime, limit: int = CHUNK) -> tuple[str, str]:
    """What is left of lots whose last day is over lapses. Returns (outcome, words for the operator)."""
    return _in_chunks(db, points.expire_due, "expired", now, limit, 0)


def _in_chunks(
    db: Database, step: Callable[..., Chunk], word: str, now: datetime, limit: int, after: object
) -> tuple[str, str]:
    entries = total = 0
    refused: list[str] = []
    while True:

        def work(session: Session, after: object = after) -> Chunk:
            return step(session, now=now, after=after, limit=limit)

        chunk = db.transact(work)
        entries, total = entries + chunk.entries, total + chunk.points
        refused += chunk.refused
        after = chunk.after
        if after is None:
            break
    words = [f"{total:,} points in {entries:,} entries {word}"]
    if refused:
        words += [f"{len(refused):,} refused", *refused[:NAMED]]
    return ("alarm" if refused else "ok"), "; ".join(words)
