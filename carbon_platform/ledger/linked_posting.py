"""Posting entries that carry numbers, use holds or take another entry back: step by step, in a savepoint.

The same on both engines. Lock order: holds by id, balances by account id, the reference, new accounts, lots.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from carbon_platform.ledger import accounts, errors, rules, tables
from carbon_platform.ledger.blocks import NumberMove, move_numbers, reserve_numbers
from carbon_platform.ledger.holds import use_holds
from carbon_platform.ledger.roles import ISSUANCE, ROLES, Asset
from carbon_platform.ledger.values import MAX_AMOUNT, AccountKey, Entry, Move, Posted, Range

_balance = tables.balance.c
_net = sa.bindparam("net", type_=sa.BigInteger)
_freed = sa.bindparam("freed", type_=sa.BigInteger)
_lowest = sa.bindparam("lowest", type_=sa.BigInteger)
_highest = sa.bindparam("highest", type_=sa.BigInteger)

# The one guarded update: at no step of the entry may the account fall below what others hold on it.
_MOVE_BALANCE = (
    sa.update(tables.balance)
    .where(
        _balance.account_id == sa.bindparam("id"),
        _balance.posted - _balance.held + _freed + _lowest >= 0,
        _balance.posted + _highest <= MAX_AMOUNT,
    )
    .values(posted=_balance.posted + _net, held=_balance.held - _freed)
)


def post_linked(connection: Connection, request: rules.Request, now: datetime) -> Posted:
    """Post one entry, or raise why not; see ``posting.post``."""
    entry = request.entry
    exact: list[Sequence[Range]] | None = None
    if entry.reverses is not None:
        # Looked up before the row is written, because its unique ``reverses`` would hide the reason.
        first = _first_result(connection, request)
        if first is not None:
            return first
        exact = _numbers_to_return(connection, entry)
    with connection.begin_nested():
        _lock(connection, entry)
        entry_id = _claim(connection, request, now)
        if entry_id is not None:
            _write(connection, request, entry_id, exact, now)
            return Posted(entry_id, replayed=False)
    first = _first_result(connection, request)
    assert first is not None, "the row that took the reference is committed or ours"
    return first


def transfers_of(connection: Connection, entry_id: int) -> list[tuple[int, Move]]:
    """Ids and moves of an entry in their order, or ``EntryNotFound``."""
    t = tables.transfer.c
    rows = connection.execute(
        sa.select(t.id, t.source_id, t.destination_id, t.amount).where(t.entry_id == entry_id).order_by(t.id)
    ).all()
    if not rows:
        raise errors.EntryNotFound(number=entry_id)
    keys = accounts.keys_of(connection, [i for row in rows for i in (row.source_id, row.destination_id)])
    return [(row.id, Move(keys[row.source_id], keys[row.destination_id], row.amount)) for row in rows]


def _lock(connection: Connection, entry: Entry) -> None:
    """Take the rows that exist in the one order; on SQLite the transaction is the only writer anyway."""
    if connection.dialect.name != "postgresql":
        return
    if entry.holds:
        h = tables.hold.c
        references = [use.reference for use in entry.holds]
        connection.execute(
            sa.select(h.id).where(h.reference.in_(references)).order_by(h.id).with_for_update()
        ).all()
    keys = [key for move in entry.moves for key in (move.source, move.destination)]
    accounts.lock_balances(connection, accounts.find(connection, keys).values())


def _claim(connection: Connection, request: rules.Request, now: datetime) -> int | None:
    """The new entry's id, or None if the reference is taken.

    On PostgreSQL this waits for another transaction that is using the reference. The transaction id is
    drawn before the row id, so that a cut through the journal (``cuts``) is final.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SELECT pg_current_xact_id()")
    entry = request.entry
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
            "digest": request.digest,
            "actor": entry.actor_name,
            "effective_at": request.effective_at,
            "recorded_at": now,
            "reverses": entry.reverses,
            "note": entry.note,
            "detail": request.detail,
        },
    ).scalar_one_or_none()
    return entry_id


def _first_result(connection: Connection, request: rules.Request) -> Posted | None:
    e = tables.entry.c
    reference = request.entry.reference
    row = connection.execute(sa.select(e.id, e.digest).where(e.reference == reference)).one_or_none()
    if row is None:
        return None
    if row.digest != request.digest:
        raise errors.ReferenceConflict(reference=reference, kind="分录", kind_en="entry", number=row.id)
    return Posted(row.id, replayed=True)


def _write(
    connection: Connection,
    request: rules.Request,
    entry_id: int,
    exact: Sequence[Sequence[Range]] | None,
    now: datetime,
) -> None:
    entry = request.entry
    changes = rules.changes(entry.moves)
    ids = accounts.find_or_make(connection, changes)
    freed = use_holds(connection, entry, entry_id, ids, now)
    accounts.check_standing(connection, ids, request.effective_at)
    _move_balances(connection, changes, ids, freed)
    issued = _issued(entry)
    reserved = reserve_numbers(connection, issued)
    if issued:
        # Under the lot's row, which a freeze of the lot takes as well.
        accounts.check_standing(connection, ids, request.effective_at)
    # Transfer ids are drawn under the locks: per account and per lot, their order is that of events.
    transfers = [
        {
            "entry_id": entry_id,
            "source_id": ids[move.source],
            "destination_id": ids[move.destination],
            "amount": move.amount,
            "named": bool(move.numbers),
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
            number=place + 1,
            move=move,
            transfer_id=transfer_id,
            source_id=ids[move.source],
            destination_id=ids[move.destination],
            exact=move.numbers if exact is None else exact[place],
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
    """One guarded update per guarded account; ``check_standing`` has locked them all."""
    for key in sorted(key for key in changes if ROLES[key.role].guarded):
        account_id = ids[key]
        change, free = changes[key], freed.get(account_id, 0)
        updated = connection.execute(
            _MOVE_BALANCE,
            {
                "id": account_id,
                "net": change.net,
                "lowest": change.lowest,
                "highest": change.highest,
                "freed": free,
            },
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
        if seen.posted + change.highest > MAX_AMOUNT:
            raise errors.BalanceTooLarge(key, MAX_AMOUNT)
        raise errors.InsufficientBalance(key, -change.lowest, seen.posted - seen.held + free)


def _numbers_to_return(connection: Connection, entry: Entry) -> list[Sequence[Range]]:
    """Check the original of a reversal; the numbers each mirrored move carries back, in its order."""
    assert entry.reverses is not None
    e = tables.entry.c
    original = connection.execute(sa.select(e.reverses).where(e.id == entry.reverses)).one_or_none()
    if original is None:
        raise errors.EntryNotFound(number=entry.reverses)
    transfers = transfers_of(connection, entry.reverses)
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
