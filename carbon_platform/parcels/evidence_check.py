"""Are the stored files still what was handed in? For the command and the nightly job."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.db import Database
from carbon_platform.parcels.evidence_store import EvidenceStore
from carbon_platform.parcels.evidence_tables import EvidenceObject

CHECKED_EVERY: Final = timedelta(days=7)
_AT_ONCE: Final = 200
_STRAY_SECONDS: Final = 24 * 3600


@dataclass(frozen=True)
class Wrong:
    """An object that is ``missing`` or ``altered``."""

    sha256: str
    state: str


@dataclass(frozen=True)
class CheckReport:
    """``strays``: objects no row knows, left by uploads that ended half-way; ``removed`` of them went."""

    examined: int
    wrong: tuple[Wrong, ...]
    strays: int
    removed: int

    @property
    def ok(self) -> bool:
        return not self.wrong

    def words(self) -> str:
        text = f"{self.examined} objects read, {len(self.wrong)} wrong, {self.strays} without a row"
        text += f", {self.removed} of them removed" if self.removed else ""
        return "; ".join([text, *(f"{one.sha256} {one.state}" for one in self.wrong)])


def check_evidence(
    db: Database,
    store: EvidenceStore,
    clock: Callable[[], datetime],
    *,
    everything: bool,
    prune: bool = False,
) -> CheckReport:
    """Read stored files whole and compare them with their digests; those known as wrong are always read.

    ``everything``: all of them, else those not looked at for a week. ``prune``: remove files that no row
    knows and that are older than a day. Each part of the work is a transaction of its own.
    """
    store.sweep()
    wrong: list[Wrong] = []
    examined = 0
    due = None if everything else clock() - CHECKED_EVERY
    for part in _parts(db, due):
        states = {sha256: store.state(sha256) for sha256 in part}
        now = clock()
        db.transact(lambda session, states=states, now=now: _note(session, states, now))  # type: ignore[misc]
        examined += len(states)
        wrong += [Wrong(sha256, state) for sha256, state in states.items() if state != "ok"]
    strays, removed = _strays(db, store, prune)
    return CheckReport(examined, tuple(wrong), strays, removed)


def _parts(db: Database, due: datetime | None) -> Iterator[list[str]]:
    last = ""
    while True:
        statement = sa.select(EvidenceObject.sha256).where(EvidenceObject.sha256 > last)
        if due is not None:
            statement = statement.where(
                sa.or_(EvidenceObject.checked_at <= due, EvidenceObject.state != "ok")
            )
        ordered = statement.order_by(EvidenceObject.sha256).limit(_AT_ONCE)
        part = db.read(lambda session, ordered=ordered: list(session.scalars(ordered)))  # type: ignore[misc]
        if not part:
            return
        yield part
        last = part[-1]


def _note(session: Session, states: dict[str, str], now: datetime) -> None:
    for state in set(states.values()):
        names = [sha256 for sha256, found in states.items() if found == state]
        session.execute(
            sa.update(EvidenceObject)
            .where(EvidenceObject.sha256.in_(names))
            .values(state=state, checked_at=now)
        )


def _strays(db: Database, store: EvidenceStore, prune: bool) -> tuple[int, int]:
    count = removed = 0
    for sha256 in store.names():
        known = sa.select(EvidenceObject.sha256).where(EvidenceObject.sha256 == sha256)
        if db.read(lambda session, known=known: session.scalar(known)):  # type: ignore[misc]
            continue
        count += 1
        path = store.path_of(sha256)
        # A young one may be on its way into the tables.
        if prune and path.stat().st_mtime < time.time() - _STRAY_SECONDS:
            path.unlink(missing_ok=True)
            removed += 1
    return count, removed
