"""The inbox: what sources send is written down at once and taken into the books by a worker.

:func:`receive` answers row by row and needs one insert; :func:`process_next` is the worker's step, one
transaction: rows are claimed, go through :func:`intake.take_in`, and are marked with what became of them.
A worker that is killed leaves its rows waiting; any number of workers may run.
"""

from __future__ import annotations

import gc
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from carbon_platform.citizens import (
    bindings,
    catalogue,
    claims,
    consents,
    inbox_sql,
    intake_sql,
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
from carbon_platform.citizens.inbox_sql import DONE, REFUSED, WAITING, Found, NewRecord, Outcome, Waiting
from carbon_platform.citizens.intake import Taken, take_in
from carbon_platform.citizens.reasons import Reason
from carbon_platform.citizens.taking_back import REVERSAL, reversal_key, take_back
from carbon_platform.citizens.terms import read_terms
from carbon_platform.db import Database
from carbon_platform.errors import PlatformError

log = logging.getLogger("carbon.inbox")

ACT = "act"
RECEIVED, DUPLICATE, CONFLICT = "received", "duplicate", "conflict"
# Rows per transaction of the worker.
STEP = 1_000
_NOTE_MAX = 200
_REVERSAL_FIELDS = {"kind", "external_id", "subject", "reason"}


@dataclass(frozen=True)
class Receipt:
    """The answer to one row, in the row's place.

    ``result``: ``received`` (waits for the worker), ``duplicate`` (the same row came before: ``state`` and
    ``act_id`` say what became of it), ``conflict`` (the record number stands for something else) or
    ``refused``; for the last two ``reason`` says why, and nothing was kept.
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
    """A row on its way into the inbox."""

    external_id: str
    prepared: Prepared | None = None
    record: NewRecord | None = None
    receipt: Receipt | None = None

    def refuse(self, why: PlatformError, result: str = REFUSED) -> None:
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
    Nothing is kept of rows without a bound person or a consent in force. Raises ``SourceUnknown`` and
    ``SceneNotOpen`` for the whole.
    """
    session.flush()
    read_terms(session, [source])
    scene = scenes.get_source(session, source)
    people = _people(session, scene, rows)
    refusals = consents.gate(session, set(people.values()), scene.code, catalogue.ACTS_PURPOSE)
    work = [_Row("") for _ in rows]
    for one, row in zip(work, rows, strict=True):
        try:
            _read(one, scene, row, people, refusals)
        except PlatformError as why:
            one.refuse(why)
    _write(session, scene, work, batch_id=batch_id, now=now)
    return [one.receipt for one in work if one.receipt is not None]


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


def _read(
    one: _Row,
    scene: Source,
    row: Mapping[str, Any],
    people: Mapping[str, str],
    refusals: Mapping[str, PlatformError],
) -> None:
    """Bring one row to its form, or raise why it cannot be taken."""
    if not isinstance(row, Mapping):
        raise RowInvalid(field="*", value="…", allowed="一个 JSON 对象", allowed_en="a JSON object")
    # Named in the answer even if the rest of the row is broken.
    given = row.get("external_id")
    one.external_id = given[:80] if isinstance(given, str) else ""
    kind = row.get("kind", ACT)
    if kind == REVERSAL:
        one.record = _reversal(scene, row)
        return
    if kind != ACT:
        raise RowInvalid(
            field="kind", value=str(kind)[:40], allowed="act 或 reversal", allowed_en="act or reversal"
        )
    subject = row.get("subject")
    key = f"={row.get('holder')}" if subject is None else subject
    holder = people.get(key) if isinstance(key, str) else None
    claim = claims.read_row(scene.code, row, holder or "")
    if holder is None:
        raise SubjectUnknown(subject=str(subject)[:40])
    if holder in refusals:
        raise refusals[holder]
    one.prepared = claims.prepare(claim, scene)
    one.record = _record(one.prepared)


def _reversal(scene: Source, row: Mapping[str, Any]) -> NewRecord:
    strange = [name for name in row if name not in _REVERSAL_FIELDS]
    if strange:
        raise RowInvalid(
            field=strange[0], value="…", allowed="撤回不带此字段", allowed_en="not in a reversal"
        )
    record, reason = claims.read_record(row.get("external_id")), row.get("reason", "")
    if not isinstance(reason, str) or len(reason) > _NOTE_MAX:
        raise RowInvalid(
            field="reason", value="…", allowed=f"至多 {_NOTE_MAX} 字", allowed_en=f"text, {_NOTE_MAX} at most"
        )
    note = reason.strip() or "来源撤回"
    # The same record taken back twice is one reversal, whatever the words.
    digest = f"{REVERSAL}:{scene.code}:{record}"
    payload = json.dumps({"record": record, "note": note}, ensure_ascii=False)
    return NewRecord(reversal_key(record), REVERSAL, "", payload, digest)


def _record(prepared: Prepared) -> NewRecord:
    claim = prepared.claim
    payload: dict[str, Any] = {
        "record": claim.external_id,
        "behaviour": claim.behaviour,
        "at": claim.starts_at.astimezone(UTC).isoformat(),
    }
    numbers = {
        "quantity": claim.quantity,
        "quantity_milli": claim.quantity_milli,
        "distance_m": claim.distance_m,
        "duration_s": claim.duration_s,
        "circumstances": dict(claim.circumstances) or None,
        "daily": claim.daily or None,
    }
    payload |= {name: value for name, value in numbers.items() if value is not None}
    return NewRecord(prepared.record_key, ACT, claim.holder, json.dumps(payload), prepared.digest)


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
            outcome = _outcome(inbox_id, why)
            db.transact(lambda session, it=outcome: inbox_sql.conclude(session.connection(), [it], now))  # type: ignore[misc]
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
    for row in kept:
        if row.inbox_id in gone:
            why = WithdrawnBefore(source=row.source, external_id=row.payload["record"])
            outcomes.append(_outcome(row.inbox_id, why))
    live = intake_sql.regions(session.connection(), {row.holder for row in going})
    taken = take_in(session, [_claim(row, live.get(row.holder, "")) for row in going], now=now)
    outcomes += [_concluded(row.inbox_id, one) for row, one in zip(going, taken, strict=True)]
    counted = sum(1 for one in taken if one.act is not None and one.act.counted_milli)
    repeated = sum(1 for one in taken if one.repeated)
    refused = len(rows) - len(going) + sum(1 for one in taken if one.error)
    return outcomes, Processed(counted=counted, refused=refused, repeated=repeated)


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


def _claim(row: Waiting, region_code: str) -> Claim:
    said = row.payload
    return Claim(
        holder=row.holder,
        source=row.source,
        external_id=said["record"],
        behaviour=said["behaviour"],
        starts_at=datetime.fromisoformat(said["at"]),
        quantity=said.get("quantity"),
        quantity_milli=said.get("quantity_milli"),
        distance_m=said.get("distance_m"),
        duration_s=said.get("duration_s"),
        circumstances=said.get("circumstances", {}),
        daily=bool(said.get("daily")),
        region_code=region_code,
        digest=row.digest,
    )


def _concluded(inbox_id: int, taken: Taken) -> Outcome:
    if taken.error is not None:
        return _outcome(inbox_id, taken.error)
    return Outcome(inbox_id, DONE, taken.act_id)


def _outcome(inbox_id: int, why: PlatformError) -> Outcome:
    return Outcome(inbox_id, REFUSED, None, why.code, why.message("zh"), why.message("en"))
