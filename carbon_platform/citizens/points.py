"""What happens to points: they become active or are fetched, they lapse, they pay back a debt.

Intake dates them with :func:`dates`: the reversal window of the source (``active_from``; until then the
act is provisional, from then on confirmed, points or not), the last day of the lot, and the claim window
of the rule in force. Every move keeps its lot. Acts of one person are locked by ``points:<holder>``
wherever a plan over several lots is made and posted; rows first, then that lock, then a campaign's row,
then the ledger.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform import ledger
from carbon_platform.citizens import catalogue, devices, intake_sql, lots, points_scheme, rules
from carbon_platform.citizens.points_scheme import PointsRule
from carbon_platform.citizens.purse import (
    ACTIVE,
    EXPIRED,
    PENDING,
    debt_account,
    expired_account,
    issued_account,
    open_purse,
    pending_account,
    points_account,
    redeemed_account,
    to_claim,
)
from carbon_platform.citizens.tables import Act
from carbon_platform.db import serialise
from carbon_platform.identity.rules import Actor

CHUNK = 500


@dataclass(frozen=True)
class Chunk:
    """What one transaction of a job did. ``after`` is where the next one goes on, None at the end."""

    entries: int
    points: int
    refused: tuple[str, ...]
    after: Any


def lock(session: Session, holder: str) -> None:
    """One plan over a person's lots at a time, until the transaction ends."""
    serialise(session, f"points:{holder}")


@dataclass(frozen=True)
class Dates:
    """Columns of an act that say when its points live; ``active_from`` also for an act without points."""

    points_lot: str
    points_state: str
    active_from: datetime
    claim_by: datetime | None


def dates(
    source: catalogue.Source, rule: PointsRule, *, points: int, ended_at: datetime, now: datetime
) -> Dates:
    """When the points of a new act become active and end, by its source's window and the rule of its day."""
    active_from = lots.window_end(
        source.observation_days, source.observation_from, ended_at=ended_at, received_at=now
    )
    if not points:
        return Dates("", "", active_from, None)
    today = rules.local_day(now)
    # A record may come after its window is over: nobody loses days of fetching by that.
    claim_by = points_scheme.claim_by(rule, active_from=max(active_from, now))
    return Dates(lots.lot_of(today, catalogue.lifetime(today)), PENDING, active_from, claim_by)


def activation_at_once(act: Act, *, now: datetime) -> ledger.Entry | None:
    """What makes a new act's points active, if nothing is left to wait for and nobody has to fetch them."""
    if act.points_state != PENDING or act.active_from is None or act.active_from > now:
        return None
    return None if act.claim_by else _activation(act)


def activate_due(
    session: Session, *, now: datetime, after: tuple[datetime, int] | None = None, limit: int = CHUNK
) -> Chunk:
    """Make the points of at most ``limit`` acts active whose observation is over, oldest first.

    Repeatable: an act's activation has one reference for ever, and its row says that it happened.
    A row that somebody else is changing is left for the next run.
    """
    rows = session.execute(_due(now, after, limit)).all()
    done, refused = _activate(session, rows, now)
    return Chunk(
        entries=len(done),
        points=sum(row.points for row in done),
        refused=refused,
        after=(rows[-1].active_from, rows[-1].id) if len(rows) == limit else None,
    )


@dataclass(frozen=True)
class Claimable:
    """Points that left observation and wait to be fetched: how many, of how many acts, when the first lapse.

    ``under_review``: a person looks at the account first (:mod:`devices`); until then nothing can be fetched,
    nothing lapses, and ``note_zh``, ``note_en`` say so.
    """

    points: int
    acts: int
    claim_by: datetime | None
    under_review: bool = False
    note_zh: str = ""
    note_en: str = ""


def claimable(session: Session, holder: str, *, now: datetime) -> Claimable:
    """What a person can fetch at this moment, or why not yet."""
    row = session.execute(
        sa.select(
            sa.func.coalesce(sa.func.sum(Act.points), 0), sa.func.count(), sa.func.min(Act.claim_by)
        ).where(Act.holder == holder, *to_claim(now))
    ).one()
    found = Claimable(int(row[0]), int(row[1]), row[2])
    words = devices.waiting_words(session, holder)
    if words is None:
        return found
    return replace(found, claim_by=None, under_review=True, note_zh=words[0], note_en=words[1])


def claim(session: Session, holder: str, *, now: datetime, limit: int = CHUNK) -> Chunk:
    """A person fetches what left observation and is still within its window, soonest to lapse first.

    ``after`` is not None when there is more than ``limit`` acts. Fetching twice fetches nothing.
    """
    rows = session.execute(
        _COLUMNS.where(Act.holder == holder, *to_claim(now))
        .order_by(Act.claim_by, Act.id)
        .limit(limit)
        .with_for_update()
    ).all()
    done, refused = _activate(session, rows, now)
    # Where nothing could be fetched (a person looks at the account first) there is no use in asking again.
    more = rows[-1].id if done and len(rows) == limit else None
    return Chunk(len(done), sum(row.points for row in done), refused, more)


def lapse_unclaimed(
    session: Session, *, now: datetime, after: tuple[datetime, int] | None = None, limit: int = CHUNK
) -> Chunk:
    """Points that nobody fetched in time expire, at most ``limit`` acts, as of the end of their window.

    Repeatable: the act's lapse has one reference for ever, and its row says that it happened. Of accounts
    under review nothing lapses: they could not fetch it (:mod:`devices` gives them the window anew).
    """
    query = _COLUMNS.where(
        Act.points_state == sa.literal_column(f"'{PENDING}'"),
        Act.claim_by.is_not(None),
        Act.claim_by <= now,
        # a lot that is over lapses as a whole, see expire_due
        Act.points_lot >= rules.local_day(now),
    )
    if after is not None:
        query = query.where(
            sa.or_(Act.claim_by > after[0], sa.and_(Act.claim_by == after[0], Act.id > after[1]))
        )
    rows = session.execute(
        query.order_by(Act.claim_by, Act.id).limit(limit).with_for_update(skip_locked=True)
    ).all()
    following = (rows[-1].claim_by, rows[-1].id) if len(rows) == limit else None
    waiting = devices.under_review(session, {row.holder for row in rows})
    rows = [row for row in rows if row.holder not in waiting]
    outcomes = ledger.post_batch(session, [_lapse(row) for row in rows], now)
    done = [row for row, outcome in zip(rows, outcomes, strict=True) if outcome.posted]
    if done:
        session.execute(
            sa.update(Act)
            .where(Act.id.in_([row.id for row in done]))
            .values(points_state=EXPIRED)
            .execution_options(synchronize_session=False)
        )
    return Chunk(
        entries=len(done),
        points=sum(row.points for row in done),
        refused=_refused(outcomes),
        after=following,
    )


def _activate(session: Session, rows: Sequence[Any], now: datetime) -> tuple[list[Any], tuple[str, ...]]:
    """Make the points of locked acts active; returns those done and words about those refused.

    Points of accounts that a person has to look at first (:mod:`devices`) go on waiting.
    """
    waiting = devices.under_review(session, {row.holder for row in rows})
    rows = [row for row in rows if row.holder not in waiting]
    # Before anything is posted: whoever holds the lock of an indebted person may wait for our rows.
    indebted = sorted(ledger.holders_with(session, ledger.POINTS_DEBT, {row.holder for row in rows}))
    for holder in indebted:
        lock(session, holder)
    outcomes = ledger.post_batch(session, [_activation(row) for row in rows], now)
    done = [(row, outcome.posted) for row, outcome in zip(rows, outcomes, strict=True) if outcome.posted]
    if done:
        session.connection().execute(
            sa.update(Act)
            .where(Act.id == sa.bindparam("act"))
            .values(points_state=ACTIVE, activation_entry_id=sa.bindparam("entry")),
            [{"act": row.id, "entry": posted.entry_id} for row, posted in done],
        )
    for holder in indebted:
        mine = [posted.entry_id for row, posted in done if row.holder == holder]
        if mine:
            recover(session, holder, mine[-1], now=now)
    return [row for row, _ in done], _refused(outcomes)


def expire_due(session: Session, *, now: datetime, after: int = 0, limit: int = CHUNK) -> Chunk:
    """Post what is left of lots that are over, at most ``limit`` accounts, as of the midnight they ended.

    Repeatable: what has been posted is not there any more; the reference names account and day.
    """
    today = rules.local_day(now)
    roles = (ledger.POINTS, ledger.POINTS_PENDING)
    asked: dict[str, Any] = {"after": after, "limit": limit}
    seen, _ = ledger.overdue(session, roles, ledger.Asset.POINT, today, **asked)
    # A withdrawal or an exchange that was planned a moment before midnight goes first; then look again.
    intake_sql.lock_holders(session.connection(), {row.key.holder for row in seen})
    found, following = ledger.overdue(session, roles, ledger.Asset.POINT, today, **asked)
    entries = [
        ledger.Entry(
            reason="points.expiry",
            # With the time, because a lot that is over can still receive something on the same day.
            reference=f"points:expire:{row.key.role}:{row.key.holder}:{row.key.lot}:{now.isoformat()}",
            moves=[ledger.Move(row.key, expired_account(row.key.holder, row.key.lot), row.balance.available)],
            effective_at=lots.ends_at(row.key.lot),
            actor_name=Actor.SYSTEM_NAME,
        )
        for row in found
    ]
    outcomes = ledger.post_batch(session, entries, now)
    done = [row for row, outcome in zip(found, outcomes, strict=True) if outcome.posted]
    for row in done:
        if row.key.role == ledger.POINTS_PENDING:
            session.execute(
                sa.update(Act)
                .where(
                    Act.holder == row.key.holder,
                    Act.points_lot == row.key.lot,
                    Act.points_state == PENDING,
                )
                .values(points_state=EXPIRED)
            )
    return Chunk(len(done), sum(row.balance.available for row in done), _refused(outcomes), following)


def recover(session: Session, holder: str, because: int, *, now: datetime) -> int:
    """Pay back what a person owes out of the points that can be spent, oldest lots first; returns how many.

    The points of today's lots take the place of those that were spent (``redeemed``), and the issue of
    the act that was taken back is undone for that much. ``because`` is the entry that brought the points.
    """
    purse = open_purse(session, holder, now=now)
    payment = lots.take(purse.active, sum(purse.owed.values()), rules.local_day(now))
    amount = sum(payment.values())
    if not amount:
        return 0
    moves = [
        ledger.Move(points_account(holder, lot), redeemed_account(lot), part) for lot, part in payment.items()
    ]
    left = amount
    for lot in sorted(purse.owed):
        part = min(left, purse.owed[lot])
        if part:
            moves.append(ledger.Move(debt_account(holder, lot), issued_account(lot), part))
            left -= part
    ledger.post(
        session,
        ledger.Entry(
            reason="points.recovery",
            reference=f"points:recover:{because}",
            moves=moves,
            effective_at=None,
            actor_name=Actor.SYSTEM_NAME,
        ),
        now,
    )
    return amount


def redated(holder: str, parts: Mapping[str, int], target: ledger.AccountKey) -> list[ledger.Move]:
    """Moves that give points of other lots the lot of ``target``: taken back there, issued here."""
    moves = []
    for lot, part in parts.items():
        moves.append(ledger.Move(points_account(holder, lot), issued_account(lot), part))
        moves.append(ledger.Move(issued_account(target.lot), target, part))
    return moves


_COLUMNS = sa.select(
    Act.id, Act.source, Act.record_key, Act.holder, Act.points, Act.points_lot, Act.active_from, Act.claim_by
)


def _due(now: datetime, after: tuple[datetime, int] | None, limit: int) -> Any:
    query = _COLUMNS.where(
        Act.points_state == sa.literal_column(f"'{PENDING}'"),
        Act.active_from <= now,
        Act.claim_by.is_(None),
        # What is over does not become active any more; it lapses where it is.
        Act.points_lot >= rules.local_day(now),
    )
    if after is not None:
        query = query.where(
            sa.or_(Act.active_from > after[0], sa.and_(Act.active_from == after[0], Act.id > after[1]))
        )
    return query.order_by(Act.active_from, Act.id).limit(limit).with_for_update(skip_locked=True)


def _activation(act: Any) -> ledger.Entry:
    return ledger.Entry(
        reason="points.activation",
        reference=f"points:activate:{act.source}:{act.record_key}",
        moves=[
            ledger.Move(
                pending_account(act.holder, act.points_lot),
                points_account(act.holder, act.points_lot),
                act.points,
            )
        ],
        effective_at=act.active_from,
        actor_name=Actor.SYSTEM_NAME,
    )


def _lapse(act: Any) -> ledger.Entry:
    return ledger.Entry(
        reason="points.lapse",
        reference=f"points:lapse:{act.source}:{act.record_key}",
        moves=[
            ledger.Move(
                pending_account(act.holder, act.points_lot),
                expired_account(act.holder, act.points_lot),
                act.points,
            )
        ],
        effective_at=act.claim_by,
        actor_name=Actor.SYSTEM_NAME,
    )


def _refused(outcomes: Sequence[ledger.Outcome]) -> tuple[str, ...]:
    return tuple(
        f"{outcome.reference}: {outcome.refused.message('en')}" for outcome in outcomes if outcome.refused
    )
