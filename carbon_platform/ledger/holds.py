"""Two phases: hold → post (all or part) | void | expire, each once. A hold counts at once.

Lock order, as in posting: hold rows by id, then balance rows by account id.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row
from sqlalchemy.orm import Session

from carbon_platform.ledger import accounts, errors, rules, tables
from carbon_platform.ledger.values import AccountKey, Entry, Held, HoldRequest, Move

_FREE = (
    sa.update(tables.balance)
    .where(tables.balance.c.account_id == sa.bindparam("id"))
    .values(held=tables.balance.c.held - sa.bindparam("freed", type_=sa.BigInteger))
)


def hold(session: Session, request: HoldRequest, now: datetime) -> Held:
    """Set an amount of a guarded account aside.

    The same reference with the same request answers the hold as it stands, ``replayed``; with
    another request ``ReferenceConflict``. Errors otherwise, in this order: what is wrong with the
    request itself, ``ReferenceConflict``, ``AccountClosed``, ``AccountFrozen``, ``InsufficientBalance``.
    """
    rules.check_hold(request)
    digest = rules.hold_digest(request)
    connection = session.connection()
    with connection.begin_nested():
        placed = _place(connection, request, digest, now)
    if placed is not None:
        return placed
    row = _by_reference(connection, request.reference)
    if row.digest != digest:
        raise errors.ReferenceConflict(
            reference=request.reference, kind="冻结", kind_en="hold", number=row.id
        )
    return replace(held_of(row, request.account), replayed=True)


def void_hold(session: Session, hold_reference: str, now: datetime) -> Held:
    """Return all that is still held. ``HoldNotFound``; ``HoldClosed`` when that happened before."""
    connection = session.connection()
    with connection.begin_nested():
        row = _by_reference(connection, hold_reference, lock=True)
        if row.status != tables.OPEN:
            raise errors.HoldClosed(hold_reference, row.status, post=False)
        _close(connection, [row], tables.VOIDED, now)
    return get_hold(session, hold_reference)


def expire_holds(session: Session, now: datetime) -> list[str]:
    """Return what is left of every hold whose time is up; answers their references.

    Until this job has run, an overdue hold still counts, but cannot be posted any more.
    """
    connection = session.connection()
    h = tables.hold.c
    with connection.begin_nested():
        due = connection.execute(
            sa.select(tables.hold)
            .where(h.status == tables.OPEN, h.expires_at <= now)
            .order_by(h.id)
            .with_for_update()
        ).all()
        if due:
            _close(connection, due, tables.EXPIRED, now)
    return [row.reference for row in due]


def get_hold(session: Session, hold_reference: str) -> Held:
    """The hold as it stands, or ``HoldNotFound``."""
    connection = session.connection()
    row = _by_reference(connection, hold_reference)
    return held_of(row, accounts.keys_of(connection, [row.account_id])[row.account_id])


def open_holds(session: Session, key: AccountKey) -> list[Held]:
    """What is held on an account now, oldest first."""
    connection = session.connection()
    account_id = accounts.find(connection, [key]).get(key)
    h = tables.hold.c
    query = sa.select(tables.hold).where(h.account_id == account_id, h.status == tables.OPEN).order_by(h.id)
    return [held_of(row, key) for row in connection.execute(query)]


def use_holds(
    connection: Connection, entry: Entry, entry_id: int, ids: Mapping[AccountKey, int], now: datetime
) -> dict[int, int]:
    """Post what the entry says from its holds; returns the amount no longer held per account id.

    For posting only. Errors per hold in ascending reference: ``HoldNotFound``; then in order of
    their making ``HoldClosed``, ``HoldExpired``, ``HoldTooSmall``; then ``HoldUnused``.
    """
    if not entry.holds:
        return {}
    uses = {use.reference: use for use in entry.holds}
    h = tables.hold.c
    rows = connection.execute(
        sa.select(tables.hold).where(h.reference.in_(sorted(uses))).order_by(h.id).with_for_update()
    ).all()
    missing = sorted(uses.keys() - {row.reference for row in rows})
    if missing:
        raise errors.HoldNotFound(reference=missing[0])
    keys = accounts.keys_of(connection, [row.account_id for row in rows])
    posted_of: dict[int, int] = {}
    freed_of: dict[int, int] = {}
    for row in rows:
        use = uses[row.reference]
        if row.status != tables.OPEN:
            raise errors.HoldClosed(row.reference, row.status, post=True)
        if row.expires_at is not None and row.expires_at <= now:
            raise errors.HoldExpired(reference=row.reference, expires_at=row.expires_at.isoformat())
        key = keys[row.account_id]
        if use.amount > row.remaining:
            raise errors.HoldTooSmall(row.reference, key.asset, use.amount, row.remaining)
        posted_of[row.account_id] = posted_of.get(row.account_id, 0) + use.amount
        moved = _moved_out(entry.moves, key)
        if posted_of[row.account_id] > moved:
            raise errors.HoldUnused(row.reference, key, posted_of[row.account_id], moved)
        left = row.remaining - use.amount
        released = left if use.release_rest else 0
        _record_use(connection, row, entry_id, use.amount, released, use.release_rest, now)
        freed_of[ids[key]] = freed_of.get(ids[key], 0) + use.amount + released
    return freed_of


def held_of(row: Row[tuple[object, ...]], key: AccountKey) -> Held:
    return Held(
        hold_id=row.id,
        reference=row.reference,
        account=key,
        amount=row.amount,
        posted=row.posted,
        remaining=row.remaining,
        status=row.status,
        reason=row.reason,
        expires_at=row.expires_at,
    )


def _place(connection: Connection, request: HoldRequest, digest: str, now: datetime) -> Held | None:
    """The new hold, or None if its reference is taken."""
    key = request.account
    account_id = accounts.find(connection, [key]).get(key)
    if account_id is None:
        # Nothing has ever been there; only a taken reference says otherwise.
        if _taken(connection, request.reference):
            return None
        rules.check_expiry(request, now)
        raise errors.InsufficientBalance(key, request.amount, 0)
    accounts.lock_balances(connection, [account_id])
    row = connection.execute(
        accounts.insert(connection, tables.hold)
        .on_conflict_do_nothing(index_elements=["reference"])
        .returning(tables.hold),
        {
            "reference": request.reference,
            "digest": digest,
            "account_id": account_id,
            "amount": request.amount,
            "posted": 0,
            "remaining": request.amount,
            "status": tables.OPEN,
            "reason": request.reason,
            "expires_at": request.expires_at,
            "placed_at": now,
        },
    ).one_or_none()
    if row is None:
        return None
    rules.check_expiry(request, now)
    b = tables.balance.c
    guarded = connection.execute(
        sa.update(tables.balance)
        .where(b.account_id == account_id, b.posted - b.held - request.amount >= 0)
        .values(held=b.held + request.amount)
    )
    accounts.check_standing(connection, {key: account_id}, now)
    if guarded.rowcount == 0:
        seen = connection.execute(sa.select(b.posted, b.held).where(b.account_id == account_id)).one()
        raise errors.InsufficientBalance(key, request.amount, seen.posted - seen.held)
    return held_of(row, key)


def _taken(connection: Connection, reference: str) -> bool:
    query = sa.select(tables.hold.c.id).where(tables.hold.c.reference == reference)
    return connection.execute(query).one_or_none() is not None


def _by_reference(connection: Connection, reference: str, *, lock: bool = False) -> Row[tuple[object, ...]]:
    query = sa.select(tables.hold).where(tables.hold.c.reference == reference)
    row = connection.execute(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        raise errors.HoldNotFound(reference=reference)
    return row


def _close(
    connection: Connection, rows: Sequence[Row[tuple[object, ...]]], status: str, now: datetime
) -> None:
    """End open holds whose rows are locked, and free what they still held."""
    freed: dict[int, int] = {}
    for row in rows:
        freed[row.account_id] = freed.get(row.account_id, 0) + row.remaining
    h = tables.hold.c
    connection.execute(
        sa.update(tables.hold)
        .where(h.id == sa.bindparam("hold_id"))
        .values(remaining=0, status=status, closed_at=now),
        [{"hold_id": row.id} for row in rows],
    )
    connection.execute(_FREE, [{"id": account, "freed": amount} for account, amount in sorted(freed.items())])


def _record_use(
    connection: Connection,
    row: Row[tuple[object, ...]],
    entry_id: int,
    amount: int,
    released: int,
    release_rest: bool,
    now: datetime,
) -> None:
    remaining = row.remaining - amount - released
    connection.execute(
        sa.update(tables.hold)
        .where(tables.hold.c.id == row.id)
        .values(
            posted=row.posted + amount,
            remaining=remaining,
            status=tables.OPEN if remaining else tables.POSTED,
            closed_at=None if remaining else now,
        )
    )
    connection.execute(
        tables.hold_use.insert(),
        {
            "entry_id": entry_id,
            "hold_id": row.id,
            "amount": amount,
            "released": released,
            "release_rest": release_rest,
        },
    )


def _moved_out(moves: Sequence[Move], key: AccountKey) -> int:
    return sum(move.amount for move in moves if move.source == key)
