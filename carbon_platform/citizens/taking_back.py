"""A source takes records back: what is still provisional is undone in one batch, the rest one by one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform import ledger
from carbon_platform.citizens import corrections, intake_sql, points_rules
from carbon_platform.citizens.errors import AlreadyWithdrawn, NothingToWithdraw
from carbon_platform.citizens.inbox_sql import DONE, REFUSED, Outcome, Waiting
from carbon_platform.citizens.intake_posting import bonuses, sums, undo
from carbon_platform.citizens.purse import PENDING
from carbon_platform.citizens.tables import Act
from carbon_platform.errors import PlatformError

REVERSAL = "reversal"


def reversal_key(record: str) -> str:
    """The record key under which a source's reversal of a record stands in the inbox."""
    return f"{REVERSAL}:{record}"


def take_back(session: Session, rows: Sequence[Waiting], *, now: datetime) -> list[Outcome]:
    """Withdraw the acts that reversals of the inbox name; the outcome of each row, in order.

    A reversal of what is not there (yet), or was taken back before, is done as well: nothing is left to
    undo, and should the record come later, intake refuses it.
    """
    if not rows:
        return []
    keys = [(row.source, row.payload["record"]) for row in rows]
    known = intake_sql.known_records(session.connection(), keys)
    acts = _acts(session, [record.act_id for record in known.values()])
    undone = _undo_provisional(session, rows, {key: acts[known[key].act_id] for key in known}, now=now)
    again = corrections.counted_on_appeal(session, undone.values())
    outcomes = []
    for row, key in zip(rows, keys, strict=True):
        if key in undone and undone[key] not in again:
            outcomes.append(Outcome(row.inbox_id, DONE, undone[key]))
        elif key in known:
            outcomes.append(_one_by_one(session, row, known[key].act_id, now=now))
        else:
            why = NothingToWithdraw(source=row.source, external_id=row.payload["record"])
            outcomes.append(Outcome(row.inbox_id, DONE, None, why.code, why.message("zh"), why.message("en")))
    return outcomes


def _acts(session: Session, ids: Sequence[int], *, lock: bool = False) -> dict[int, Act]:
    wanted = sa.select(Act).where(Act.id.in_(ids)).order_by(Act.id)
    found = session.scalars(
        (wanted.with_for_update() if lock else wanted).execution_options(populate_existing=True)
    )
    return {act.id: act for act in found}


def _undo_provisional(
    session: Session, rows: Sequence[Waiting], acts: dict[tuple[str, str], Act], *, now: datetime
) -> dict[tuple[str, str], int]:
    """Acts nobody could have used yet, in one batch; what the ledger refuses is left to the slow way."""
    intake_sql.lock_holders(session.connection(), {act.holder for act in acts.values()})
    # Read again under the locks, and the rows locked as well: a moment ago something may have become active,
    # and the job that does it asks for no lock of the person.
    fresh = _acts(session, [act.id for act in acts.values()], lock=True)
    going: dict[tuple[str, str], tuple[Waiting, Act]] = {}
    for row in rows:
        key = (row.source, row.payload["record"])
        act = fresh.get(acts[key].id) if key in acts else None
        if act is not None and key not in going and _untouched(act, now):
            going[key] = (row, act)
    entries = {key: undo(act, f"withdrawal:{act.id}", "points.withdrawal") for key, (_, act) in going.items()}
    posted = {
        outcome.reference: outcome
        for outcome in ledger.post_batch(session, [entry for entry in entries.values() if entry], now)
    }
    undone, changes = {}, []
    for key, (row, act) in going.items():
        outcome = posted.get(f"withdrawal:{act.id}")
        if outcome is None or outcome.posted is not None:
            entry_id = outcome.demand().entry_id if outcome else None
            changes.append((act.id, entry_id, row.payload["note"], None))
            undone[key] = act.id
    if changes:
        connection = session.connection()
        gone = [act for key, (_, act) in going.items() if key in undone]
        intake_sql.withdraw_acts(connection, changes, now)
        intake_sql.add_to_books(connection, sums(gone, -1))
        points_rules.spend(session, bonuses(gone, -1))
        for act in gone:
            session.expire(act)
    return undone


def _untouched(act: Act, now: datetime) -> bool:
    """Whether it is provisional and its points, if any, all wait where they were put."""
    return (
        act.withdrawn_at is None
        and act.points_state in ("", PENDING)
        and act.active_from is not None
        and act.active_from > now
    )


def _one_by_one(session: Session, row: Waiting, act_id: int, *, now: datetime) -> Outcome:
    try:
        # What the ledger refuses in the middle leaves nothing behind: no cover, no debt, no budget.
        with session.begin_nested():
            corrections.reverse_record(
                session, row.source, row.payload["record"], note=row.payload["note"], now=now
            )
    except AlreadyWithdrawn:
        pass  # a better record took its place, or staff were faster: nothing is left to undo
    except PlatformError as why:
        return Outcome(row.inbox_id, REFUSED, act_id, why.code, why.message("zh"), why.message("en"))
    return Outcome(row.inbox_id, DONE, act_id)
