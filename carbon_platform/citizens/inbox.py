"""The inbox: what sources send is written down at once and taken into the books by a worker.

:func:`receive` answers row by row and needs one insert; :func:`process_next` is the worker's step, one
transaction: rows are claimed, go through :func:`intake.take_in`, and are marked with what became of them.
A worker that is killed leaves its rows waiting; any number of workers may run.
"""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from carbon_platform.citizens import (
    bindings,
    catalogue,
    claims,
    consents,
    inbox_sql,
    refusals,
    rules,
    scenes,
)
from carbon_platform.citizens.catalogue import Source
from carbon_platform.citizens.claims import Claim, Prepared
from carbon_platform.citizens.errors import (
    ActConflict,
    IntakeFailed,
    PersonForgotten,
    RowInvalid,
    SubjectUnknown,
    WithdrawnBefore,
)
from carbon_platform.citizens.inbox_rows import ACT, holder_of, read_reversal, record_of
from carbon_platform.citizens.inbox_sql import DONE, REFUSED, WAITING, Found, NewRecord, Outcome, Waiting
from carbon_platform.citizens.inbox_tables import ActRecord
from carbon_platform.citizens.intake import take_in
from carbon_platform.citizens.reasons import Reason
from carbon_platform.citizens.refusals import Refused
from carbon_platform.citizens.said import claim_of, said_of
from carbon_platform.citizens.taking_back import REVERSAL, reversal_key, take_back
from carbon_platform.citizens.terms import read_terms
from carbon_platform.db import Database
from carbon_platform.errors import PlatformError

log = logging.getLogger("carbon.inbox")

RECEIVED, DUPLICATE, CONFLICT = "received", "duplicate", "conflict"
# Rows per transaction of the worker.
STEP = 1_000


@dataclass(frozen=True)
class Receipt:
    """The answer to one row, in the row's place.

    ``result``: ``received`` (waits for the worker), ``duplicate`` (the same row came before: ``state`` and
    ``act_id`` say what became of it), ``conflict`` (the record number stands for something else) or
    ``refused``; for the last two ``reason`` says why, and nothing was taken in.
    """

    external_id: str
    result: str
    reason: Reason | None = None
    inbox_id: int | None = None
    state: str = ""
    act_id: int | None = None


@dataclass(frozen=True)
class Processed:
    """What the worker did, in rows. ``counted``: something counts; ``failed``: see :func:`process_next`."""

    rows: int = 0
    counted: int = 0
    refused: int = 0
    repeated: int = 0
    reversals: int = 0
    failed: int = 0

    def __add__(self, other: Processed) -> Processed:
        return Processed(*(mine + theirs for mine, theirs in zip(astuple(self), astuple(other), strict=True)))


@dataclass(slots=True)
class _Row:
    """A row on its way into the inbox. ``holder``: whose it is, if that is known; ``why``: it is refused."""

    external_id: str
    holder: str = ""
    claim: Claim | None = None
    why: PlatformError | None = None
    prepared: Prepared | None = None
    record: NewRecord | None = None
    receipt: Receipt | None = None

    @property
    def said(self) -> dict[str, Any]:
        return said_of(self.claim) if self.claim is not None else {}

    def refuse(self, why: PlatformError, result: str = REFUSED) -> None:
        self.why = why
        reason = Reason(why.code, why.message("zh"), why.message("en"))
        self.receipt = Receipt(self.external_id, result, reason)


def receive(
    session: Session,
    source: str,
    rows: Sequence[Mapping[str, Any]],
    *,
    now: datetime,
    batch_id: int | None = None,
) -> list[Receipt]:
    """Take rows of one source in; the answers stand in the order of the rows. A broken row sinks no other.

    A row is an act (fields: :func:`claims.read_row`) or, with ``kind`` ``reversal``, takes one back:
    ``external_id`` of the act and ``reason``, which the citizen reads. Acts name their person by
    ``subject`` (bound at this source) or ``holder`` (only where the platform itself is the source).
    Nothing is kept of what rows without a bound person or a consent in force say; a known person reads every
    refusal (:mod:`refusals`). Raises ``SourceUnknown`` and ``SceneNotOpen`` for the whole.
    """
    session.flush()
    read_terms(session, [source])
    scene = scenes.get_source(session, source)
    people = _people(session, scene, rows)
    barred = consents.gate(session, set(people.values()), scene.code, catalogue.ACTS_PURPOSE)
    work = [_Row("") for _ in rows]
    for one, row in zip(work, rows, strict=True):
        try:
            _read(one, scene, row, people, barred)
        except PlatformError as why:
            one.refuse(why)
    _write(session, scene, work, batch_id=batch_id, now=now)
    refusals.keep(
        session, [_turned_away(one, scene, barred) for one in work if one.why and one.holder], now=now
    )
    return [one.receipt for one in work if one.receipt is not None]


def tell_unread(session: Session, source: str, rows: Sequence[Mapping[str, Any]], *, now: datetime) -> None:
    """Tell the persons behind rows that the caller refused unread: fields of no kind, control characters.

    ``subject`` of each is well-formed. Nothing of what the rows hold is kept.
    """
    scene = scenes.get_source(session, source)
    people = _people(session, scene, rows)
    barred = consents.gate(session, set(people.values()), scene.code, catalogue.ACTS_PURPOSE)
    why = RowInvalid(field="*", value="…", allowed="…", allowed_en="…")
    found = [(people.get(row["subject"], ""), row.get("external_id")) for row in rows]
    refused = [
        Refused(holder, scene.code, barred.get(holder, why), record if isinstance(record, str) else "", {})
        for holder, record in found
        if holder
    ]
    refusals.keep(session, refused, now=now)


def _people(session: Session, scene: Source, rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Holders by what rows call them: the source's subject, or the holder itself after a ``=``."""
    subjects, found = set(), {}
    for row in rows:
        if isinstance(row, Mapping):
            subject, holder = row.get("subject"), row.get("holder")
            if isinstance(subject, str):
                subjects.add(subject)
            elif subject is None and isinstance(holder, str) and holder:
                found[f"={holder}"] = holder
    bound = bindings.people(session, scene.code, subjects)
    return found | {subject: person.holder for subject, person in bound.items()}


def _turned_away(one: _Row, scene: Source, barred: Mapping[str, PlatformError]) -> Refused:
    """A row of a known person that is not taken; without consent that comes first, whatever else is wrong."""
    assert one.why is not None
    digest = one.record.digest if one.record is not None else ""
    return Refused(one.holder, scene.code, barred.get(one.holder, one.why), one.external_id, one.said, digest)


def _read(
    one: _Row,
    scene: Source,
    row: Mapping[str, Any],
    people: Mapping[str, str],
    barred: Mapping[str, PlatformError],
) -> None:
    """Bring one row to its form, or raise why it cannot be taken."""
    if not isinstance(row, Mapping):
        raise RowInvalid(field="*", value="…", allowed="一个 JSON 对象", allowed_en="a JSON object")
    # Named in the answer even if the rest of the row is broken.
    given = row.get("external_id")
    one.external_id = given[:80] if isinstance(given, str) else ""
    kind = row.get("kind", ACT)
    if kind == REVERSAL:
        one.record = read_reversal(scene, row)
        return
    one.holder = holder_of(row, people)
    if kind != ACT:
        raise RowInvalid(
            field="kind", value=str(kind)[:40], allowed="act 或 reversal", allowed_en="act or reversal"
        )
    one.claim = claims.read_row(scene.code, row, one.holder)
    if not one.holder:
        raise SubjectUnknown(subject=str(row.get("subject"))[:40])
    if one.holder in barred:
        raise barred[one.holder]
    one.prepared = claims.prepare(one.claim, scene)
    one.record = record_of(one.prepared)


def _write(
    session: Session, scene: Source, work: Sequence[_Row], *, batch_id: int | None, now: datetime
) -> None:
    """Insert what is new and in time; answer what is there already."""
    connection = session.connection()
    first: dict[str, _Row] = {}
    for one in work:
        if one.record is not None and one.receipt is None:
            first.setdefault(one.record.record_key, one)
    known = inbox_sql.find(connection, scene.code, first) if first else {}
    for key, one in first.items():
        if key not in known and one.prepared is not None:
            try:
                claim = one.prepared.claim
                rules.check_time(claim.starts_at, claims.said_end(claim), now)
            except PlatformError as why:
                one.refuse(why)
    new = [one.record for key, one in first.items() if one.record and not one.receipt and key not in known]
    added = inbox_sql.add(connection, scene.code, new, batch_id, now)
    late = [record.record_key for record in new if record.record_key not in added]
    if late:  # written by somebody else since we looked
        known |= inbox_sql.find(connection, scene.code, late)
    for one in work:
        if one.receipt is None and one.record is not None:
            _answer(one, scene, first[one.record.record_key], added, known)


def _answer(
    one: _Row, scene: Source, first: _Row, added: Mapping[str, int], known: Mapping[str, Found]
) -> None:
    """The receipt of a row that is well-formed; ``first``: the first of this push with its record."""
    assert one.record is not None and first.record is not None
    key = one.record.record_key
    if first.receipt is not None and first.receipt.result == REFUSED:
        one.receipt = replace(first.receipt, external_id=one.external_id)
    elif first is one and key in added:
        one.receipt = Receipt(one.external_id, RECEIVED, None, added[key], WAITING)
    else:
        there = known.get(key) or Found(added[key], first.record.digest, WAITING, None)
        if there.digest == one.record.digest:
            one.receipt = Receipt(one.external_id, DUPLICATE, None, there.inbox_id, there.state, there.act_id)
        else:
            one.refuse(ActConflict(source=scene.code, external_id=one.external_id), CONFLICT)


def process_next(db: Database, *, now: datetime, limit: int = STEP) -> Processed:
    """Take the oldest waiting rows into the books: one transaction. ``rows`` 0: nothing waits.

    Should the program fail on a batch, its rows are tried one by one, and the one that it cannot deal with
    is marked ``refused`` (``act.intake_failed``) for a person to see.
    """
    claimed: list[int] = []

    def step(session: Session, only: int | None = None) -> Processed:
        waiting = inbox_sql.claim_waiting(session.connection(), limit, only=only)
        claimed[:] = [row.inbox_id for row in waiting]
        return _process(session, waiting, now=now)

    try:
        return db.transact(step)
    except DBAPIError as error:
        if error.connection_invalidated or len(claimed) <= 1:
            raise
        log.exception("a batch of %d rows failed", len(claimed))
    except Exception:
        log.exception("a batch of %d rows failed", len(claimed))
    done = Processed()
    for inbox_id in list(claimed):
        try:
            done += db.transact(lambda session, only=inbox_id: step(session, only))  # type: ignore[misc]
        except Exception as error:
            log.exception("row %d of the inbox failed", inbox_id)
            why = IntakeFailed(error=type(error).__name__)
            db.transact(lambda session, it=inbox_id, why=why: _leave_aside(session, it, why, now=now))  # type: ignore[misc]
            done += Processed(rows=1, failed=1)
    return done


def work_through(db: Database, clock: Callable[[], datetime], *, limit: int = STEP) -> Processed:
    """Step by step until nothing waits; what the scheduler and the worker call every second."""
    done = Processed()
    if not db.read(lambda session: inbox_sql.anything_waits(session.connection())):
        return done  # nobody takes a lock to find nothing
    # A batch makes a hundred thousand objects and no circles; the collector would walk over them for nothing.
    collects = gc.isenabled()
    gc.disable()
    try:
        while True:
            step = process_next(db, now=clock(), limit=limit)
            done += step
            if step.rows < limit:
                return done
    finally:
        if collects:
            gc.enable()


def words(done: Processed) -> str:
    """For the operator."""
    return (
        f"{done.rows:,} rows: {done.counted:,} counted, {done.repeated:,} repeated, "
        f"{done.refused:,} refused, {done.reversals:,} reversals, {done.failed:,} failed"
    )


def _process(session: Session, waiting: Sequence[Waiting], *, now: datetime) -> Processed:
    if not waiting:
        return Processed()
    acts = [row for row in waiting if row.kind == ACT]
    reversals = [row for row in waiting if row.kind == REVERSAL]
    outcomes, counts = _take_in(session, acts, now=now)
    # After the acts, so that a reversal finds the act it came with.
    outcomes += take_back(session, reversals, now=now)
    inbox_sql.conclude(session.connection(), outcomes, now)
    return replace(counts, rows=len(waiting), reversals=len(reversals))


def _take_in(session: Session, rows: Sequence[Waiting], *, now: datetime) -> tuple[list[Outcome], Processed]:
    if not rows:
        return [], Processed()
    # A deletion empties what still waits of the person.
    kept = [row for row in rows if row.payload]
    outcomes = [_outcome(row.inbox_id, PersonForgotten()) for row in rows if not row.payload]
    gone = _taken_back_before(session, kept)
    going = [row for row in kept if row.inbox_id not in gone]
    refused: list[tuple[Waiting, PlatformError]] = [
        (row, WithdrawnBefore(source=row.source, external_id=row.payload["record"]))
        for row in kept
        if row.inbox_id in gone
    ]
    taken = take_in(session, [_claim(row) for row in going], now=now)
    for row, one in zip(going, taken, strict=True):
        if one.error is not None:
            refused.append((row, one.error))
        else:
            outcomes.append(Outcome(row.inbox_id, DONE, one.act_id))
    outcomes += [_outcome(row.inbox_id, why) for row, why in refused]
    refusals.keep(session, [_refused(row, why) for row, why in refused], now=now)
    counted = sum(1 for one in taken if one.act is not None and one.act.counted_milli)
    repeated = sum(1 for one in taken if one.repeated)
    lost = len(rows) - len(kept) + len(refused)
    return outcomes, Processed(counted=counted, refused=lost, repeated=repeated)


def _taken_back_before(session: Session, rows: Sequence[Waiting]) -> set[int]:
    """Acts that their source took back before they arrived."""
    by_source: dict[str, dict[str, int]] = {}
    for row in rows:
        by_source.setdefault(row.source, {})[reversal_key(row.payload["record"])] = row.inbox_id
    gone: set[int] = set()
    for source, keys in by_source.items():
        found = inbox_sql.find(session.connection(), source, keys)
        gone |= {keys[key] for key, record in found.items() if record.state == DONE}
    return gone


def _claim(row: Waiting) -> Claim:
    return claim_of(row.payload, holder=row.holder, source=row.source, digest=row.digest)


def _refused(row: Waiting, why: PlatformError) -> Refused:
    return Refused(row.holder, row.source, why, row.payload["record"], row.payload, row.digest)


def _leave_aside(session: Session, inbox_id: int, why: PlatformError, *, now: datetime) -> None:
    """Mark a row that the program cannot deal with; the person reads it too."""
    inbox_sql.conclude(session.connection(), [_outcome(inbox_id, why)], now)
    row = session.get_one(ActRecord, inbox_id)
    if row.kind == ACT and row.holder:
        record = str(row.payload.get("record", ""))
        refusals.keep(session, [Refused(row.holder, row.source, why, record, row.payload)], now=now)


def _outcome(inbox_id: int, why: PlatformError) -> Outcome:
    return Outcome(inbox_id, REFUSED, None, why.code, why.message("zh"), why.message("en"))
