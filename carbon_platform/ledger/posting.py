"""Posting: the only writer of the journal and of balances."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from carbon_platform.errors import PlatformError
from carbon_platform.ledger import accounts, errors, rules, tables
from carbon_platform.ledger.blocks import NumberMove, move_numbers, reserve_numbers
from carbon_platform.ledger.holds import use_holds
from carbon_platform.ledger.roles import ISSUANCE, ROLES, Asset
from carbon_platform.ledger.values import (
    MAX_AMOUNT,
    AccountKey,
    Entry,
    HoldUse,
    Move,
    Outcome,
    Posted,
    Range,
)

_balance = tables.balance.c
_net = sa.bindparam("net", type_=sa.BigInteger)
_freed = sa.bindparam("freed", type_=sa.BigInteger)
_lowest = sa.bindparam("lowest", type_=sa.BigInteger)

# The one guarded update: at no step of the entry may the account fall below what others hold on it.
_MOVE_BALANCE = (
    sa.update(tables.balance)
    .where(
        _balance.account_id == sa.bindparam("id"),
        _balance.posted - _balance.held + _freed + _lowest >= 0,
        _balance.posted + _net <= MAX_AMOUNT,
    )
    .values(posted=_balance.posted + _net, held=_balance.held - _freed)
)


def post(session: Session, entry: Entry, now: datetime) -> Posted:
    """Write one entry with all its moves, or nothing.

    Moves happen in the order given; no guarded account may fall below its held amount at any step.
    Credits carry their numbers: issuing makes the lot's next ones, any other move takes the lowest.

    What is wrong first, is said first:

    1. the request itself, whatever the ledger holds (``EntryInvalid``; per move ``AmountInvalid``,
       ``AccountInvalid``, ``MixedAssets``, ``SameAccount``, ``MoveNotAllowed``; ``EffectiveInFuture``;
       ``ReversalNeedsApproval``);
    2. idempotency: the same reference and digest return the first result, ``replayed``; another
       digest is ``ReferenceConflict``;
    3. a reversal's original: ``EntryNotFound``, ``NotReversible``, ``AlreadyReversed``, ``NotMirrored``;
    4. holds: ``HoldNotFound``, ``HoldClosed``, ``HoldExpired``, ``HoldTooSmall``, ``HoldUnused``;
    5. balances, by ascending account id: ``InsufficientBalance``, ``BalanceTooLarge``;
    6. numbers: ``LotExhausted``; of a reversal, when they have moved on, ``NotReversible``.

    A refusal leaves no trace, so the caller may catch it and go on in the same transaction.
    """
    rules.check_entry(entry, now)
    digest = rules.entry_digest(entry)
    connection = session.connection()
    exact: list[Sequence[Range]] | None = None
    if entry.reverses is not None:
        # Looked up before the row is written, because its unique ``reverses`` would hide the reason.
        first = _first_result(connection, entry.reference, digest)
        if first is not None:
            return first
        exact = _numbers_to_return(connection, entry)
    with connection.begin_nested():
        entry_id = _claim(connection, entry, digest, now)
        if entry_id is not None:
            _write(connection, entry, entry_id, exact, now)
            return Posted(entry_id, replayed=False)
    first = _first_result(connection, entry.reference, digest)
    assert first is not None, "the row that took the reference is committed or ours"
    return first


def post_hold(
    session: Session,
    hold_reference: str,
    entry: Entry,
    now: datetime,
    amount: int,
    *,
    release_rest: bool = False,
) -> Posted:
    """Post ``amount`` of a hold through ``entry``, which must move at least that out of the held account.

    The rest stays held, or is returned at once if ``release_rest``. To settle several holds in one
    entry (goods against money), name them in ``Entry.holds`` and call :func:`post`.
    """
    use = HoldUse(hold_reference, amount, release_rest)
    return post(session, replace(entry, holds=(*entry.holds, use)), now)


def reverse(
    session: Session,
    entry_id: int,
    *,
    reference: str,
    reason: str,
    actor_name: str,
    second_approver: str,
    note: str,
    now: datetime,
    effective_at: datetime | None = None,
    detail: Mapping[str, Any] | None = None,
) -> Posted:
    """Take an entry back by its exact mirror; credits return with the same numbers.

    ``note`` says why; ``second_approver`` is a person other than ``actor_name``. Holds that the
    original posted are not reopened. Errors: see :func:`post`; ``EntryNotFound`` comes first.
    """
    original = moves_of(session, entry_id)
    return post(
        session,
        Entry(
            reason=reason,
            reference=reference,
            moves=rules.mirrored(original),
            effective_at=effective_at,
            actor_name=actor_name,
            note=note,
            reverses=entry_id,
            detail={**(detail or {}), "second_approver": second_approver},
        ),
        now,
    )


def post_batch(session: Session, entries: Sequence[Entry], now: datetime) -> list[Outcome]:
    """Post entries one after the other, each by itself: one refusal does not sink the others.

    Answers in the order given; see :func:`post` for the refusals.
    """
    outcomes = []
    for entry in entries:
        try:
            outcomes.append(Outcome(entry.reference, posted=post(session, entry, now)))
        except PlatformError as refusal:
            outcomes.append(Outcome(entry.reference, refused=refusal))
    return outcomes


def moves_of(session: Session, entry_id: int) -> list[Move]:
    """The moves of an entry in their order, or ``EntryNotFound``."""
    return [move for _, move in _transfers_of(session.connection(), entry_id)]


def _claim(connection: Connection, entry: Entry, digest: str, now: datetime) -> int | None:
    """The new entry's id, or None if the reference is taken.

    On PostgreSQL this waits for another transaction that is using the reference.
    """
    statement = (
        accounts.insert(connection, tables.entry)
        .on_conflict_do_nothing(index_elements=["reference"])
        .returning(tables.entry.c.id)
    )
    entry_id: int | None = connection.execute(
        statement,
        {
            "reason": entry.reason,
            "reference": entry.reference,
            "digest": digest,
            "actor": entry.actor_name,
            "effective_at": now if entry.effective_at is None else entry.effective_at,
            "recorded_at": now,
            "reverses": entry.reverses,
            "note": entry.note,
            "detail": rules.plain_detail(entry.detail),
        },
    ).scalar_one_or_none()
    return entry_id


def _first_result(connection: Connection, reference: str, digest: str) -> Posted | None:
    e = tables.entry.c
    row = connection.execute(sa.select(e.id, e.digest).where(e.reference == reference)).one_or_none()
    if row is None:
        return None
    if row.digest != digest:
        raise errors.ReferenceConflict(reference=reference, kind="分录", kind_en="entry", number=row.id)
    return Posted(row.id, replayed=True)


def _write(
    connection: Connection,
    entry: Entry,
    entry_id: int,
    exact: Sequence[Sequence[Range]] | None,
    now: datetime,
) -> None:
    changes = rules.changes(entry.moves)
    ids = accounts.find_or_make(connection, changes)
    freed = use_holds(connection, entry, entry_id, ids, now)
    _move_balances(connection, changes, ids, freed)
    reserved = reserve_numbers(connection, _issued(entry))
    # Transfer ids are drawn under the locks: per account and per lot, their order is that of events.
    transfers = [
        {
            "entry_id": entry_id,
            "source_id": ids[move.source],
            "destination_id": ids[move.destination],
            "amount": move.amount,
        }
        for move in entry.moves
    ]
    if not any(move.source.asset == Asset.CREDIT for move in entry.moves):
        connection.execute(tables.transfer.insert(), transfers)
        return
    transfer_ids = connection.execute(
        tables.transfer.insert().returning(tables.transfer.c.id, sort_by_parameter_order=True), transfers
    ).scalars()
    numbered = [
        NumberMove(
            transfer_id=transfer_id,
            lot=move.source.lot,
            source_id=ids[move.source],
            destination_id=ids[move.destination],
            amount=move.amount,
            issues=move.source.role == ISSUANCE,
            exact=None if exact is None else exact[place],
        )
        for place, (move, transfer_id) in enumerate(zip(entry.moves, transfer_ids, strict=True))
        if move.source.asset == Asset.CREDIT
    ]
    move_numbers(connection, numbered, reserved, entry.reverses)


def _issued(entry: Entry) -> dict[str, int]:
    amounts: dict[str, int] = {}
    for move in entry.moves:
        if move.source.role == ISSUANCE:
            amounts[move.source.lot] = amounts.get(move.source.lot, 0) + move.amount
    return amounts


def _move_balances(
    connection: Connection,
    changes: Mapping[AccountKey, rules.Change],
    ids: Mapping[AccountKey, int],
    freed: Mapping[int, int],
) -> None:
    """One guarded update per guarded account, by ascending id, so that two entries never deadlock."""
    guarded = sorted((ids[key], key) for key in changes if ROLES[key.role].guarded)
    for account_id, key in guarded:
        change, free = changes[key], freed.get(account_id, 0)
        updated = connection.execute(
            _MOVE_BALANCE, {"id": account_id, "net": change.net, "lowest": change.lowest, "freed": free}
        )
        if updated.rowcount == 1:
            continue
        seen = connection.execute(
            sa.select(_balance.posted, _balance.held).where(_balance.account_id == account_id)
        ).one_or_none()
        if seen is None:
            raise errors.LedgerInconsistent(
                what=f"账户 {account_id} 没有余额行", what_en=f"account {account_id} has no balance row"
            )
        if seen.posted + change.net > MAX_AMOUNT:
            raise errors.BalanceTooLarge(key, MAX_AMOUNT)
        raise errors.InsufficientBalance(key, -change.lowest, seen.posted - seen.held + free)


def _numbers_to_return(connection: Connection, entry: Entry) -> list[Sequence[Range]]:
    """Check the original of a reversal; the numbers each mirrored move carries back, in its order."""
    assert entry.reverses is not None
    e = tables.entry.c
    original = connection.execute(sa.select(e.reverses).where(e.id == entry.reverses)).one_or_none()
    if original is None:
        raise errors.EntryNotFound(number=entry.reverses)
    transfers = _transfers_of(connection, entry.reverses)
    if original.reverses is not None:
        raise errors.NotReversible(
            number=entry.reverses,
            reason=f"它本身是第 {original.reverses} 号分录的冲正；请以新编号重新记账",
            reason_en=f"it is itself the reversal of entry {original.reverses}; post the matter anew",
        )
    earlier = connection.execute(
        sa.select(e.id).where(e.reverses == entry.reverses, e.reference != entry.reference)
    ).scalar_one_or_none()
    if earlier is not None:
        raise errors.AlreadyReversed(number=entry.reverses, by=earlier)
    rules.check_mirrored(entry, [move for _, move in transfers])
    m = tables.movement.c
    query = sa.select(m.first, m.last).where(m.transfer_id == sa.bindparam("id")).order_by(m.first)
    return [
        [Range(row.first, row.last) for row in connection.execute(query, {"id": transfer_id})]
        if move.source.asset == Asset.CREDIT
        else []
        for transfer_id, move in reversed(transfers)
    ]


def _transfers_of(connection: Connection, entry_id: int) -> list[tuple[int, Move]]:
    t = tables.transfer.c
    rows = connection.execute(
        sa.select(t.id, t.source_id, t.destination_id, t.amount).where(t.entry_id == entry_id).order_by(t.id)
    ).all()
    if not rows:
        raise errors.EntryNotFound(number=entry_id)
    keys = accounts.keys_of(connection, [i for row in rows for i in (row.source_id, row.destination_id)])
    return [(row.id, Move(keys[row.source_id], keys[row.destination_id], row.amount)) for row in rows]
