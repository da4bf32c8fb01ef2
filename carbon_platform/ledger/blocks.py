"""Numbered kilograms: which numbers a move of credits carries, and where they are then.

Called by posting only, while the balance rows of the accounts involved are locked: nobody else
rewrites their ranges meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from carbon_platform.ledger import tables
from carbon_platform.ledger.accounts import insert
from carbon_platform.ledger.errors import LedgerInconsistent, LotExhausted, NotReversible, NumbersNotHeld
from carbon_platform.ledger.roles import ISSUANCE
from carbon_platform.ledger.values import MAX_AMOUNT, Move, Range

_PAGE = 64


@dataclass(frozen=True)
class NumberMove:
    """One transfer of credits: the ``number``-th move of its entry.

    ``exact`` are the numbers named (by the request, or by a reversal); else new ones or the low part go.
    """

    number: int
    move: Move
    transfer_id: int
    source_id: int
    destination_id: int
    exact: Sequence[Range]

    @property
    def lot(self) -> str:
        return self.move.source.lot

    @property
    def amount(self) -> int:
        return self.move.amount

    @property
    def issues(self) -> bool:
        return self.move.source.role == ISSUANCE


def reserve_numbers(connection: Connection, issued: Mapping[str, int]) -> dict[str, int]:
    """First of the next ``issued[lot]`` numbers per lot; the lot rows stay locked until the end."""
    row = tables.lot.c
    first: dict[str, int] = {}
    for lot, amount in sorted(issued.items()):
        connection.execute(
            insert(connection, tables.lot).on_conflict_do_nothing(index_elements=["lot"]),
            {"lot": lot, "last": 0},
        )
        last = connection.execute(
            sa.update(tables.lot)
            .where(row.lot == lot, row.last + amount <= MAX_AMOUNT)
            .values(last=row.last + amount)
            .returning(row.last)
        ).scalar_one_or_none()
        if last is None:
            raise LotExhausted(lot=lot, maximum=MAX_AMOUNT)
        first[lot] = last - amount + 1
    return first


def move_numbers(
    connection: Connection, moves: Sequence[NumberMove], reserved: Mapping[str, int], reverses: int | None
) -> None:
    """Carry the numbers of each transfer, in order, and record them beside it."""
    next_number = dict(reserved)
    recorded: list[dict[str, int]] = []
    for move in moves:
        if move.exact:
            carried = list(move.exact)
        elif move.issues:
            first = next_number[move.lot]
            next_number[move.lot] = first + move.amount
            carried = [Range(first, first + move.amount - 1)]
        else:
            carried = _lowest(connection, move)
        for numbers in carried:
            if not move.issues:
                _carve(connection, move, numbers, reverses)
            _place(connection, move, numbers)
            recorded.append({"transfer_id": move.transfer_id, "first": numbers.first, "last": numbers.last})
    if recorded:
        connection.execute(tables.movement.insert(), recorded)


def ranges_of(connection: Connection, account_id: int) -> list[Range]:
    """Numbers an account has now, ascending, neighbours joined."""
    h = tables.holding.c
    query = sa.select(h.first, h.last).where(h.account_id == account_id).order_by(h.first)
    return [Range(row.first, row.last) for row in connection.execute(query)]


def _lowest(connection: Connection, move: NumberMove) -> list[Range]:
    """The lowest ``amount`` numbers of the source account."""
    h = tables.holding.c
    taken: list[Range] = []
    needed, after = move.amount, 0
    while needed:
        rows = connection.execute(
            sa.select(h.first, h.last)
            .where(h.account_id == move.source_id, h.first > after)
            .order_by(h.first)
            .limit(_PAGE)
        ).all()
        if not rows:
            raise LedgerInconsistent(
                what=f"账户 {move.source_id} 的编号少于余额",
                what_en=f"account {move.source_id} has fewer numbers than its balance",
            )
        for row in rows:
            part = Range(row.first, min(row.last, row.first + needed - 1))
            taken.append(part)
            needed -= part.length
            after = row.first
            if not needed:
                break
    return taken


def _carve(connection: Connection, move: NumberMove, numbers: Range, reverses: int | None) -> None:
    """Take ``numbers`` out of the source account; what is left of the row on either side stays."""
    h = tables.holding.c
    row = connection.execute(
        sa.select(h.first, h.last)
        .where(h.account_id == move.source_id, h.first <= numbers.first)
        .order_by(h.first.desc())
        .limit(1)
    ).one_or_none()
    if row is None or row.last < numbers.last:
        if reverses is None:
            raise NumbersNotHeld(move.number, move.move.source, numbers.first, numbers.last)
        raise NotReversible(
            number=reverses,
            reason=f"编号 {numbers.first}–{numbers.last} 已不在原账户",
            reason_en=f"the numbers {numbers.first}–{numbers.last} have left the account",
        )
    connection.execute(sa.delete(tables.holding).where(h.lot == move.lot, h.first == row.first))
    left = Range(row.first, numbers.first - 1)
    right = Range(numbers.last + 1, row.last)
    rest = [part for part in (left, right) if part.length]
    _insert(connection, move.lot, move.source_id, rest)


def _place(connection: Connection, move: NumberMove, numbers: Range) -> None:
    """Give ``numbers`` to the destination account, joined with its neighbours."""
    h = tables.holding.c
    touching = connection.execute(
        sa.delete(tables.holding)
        .where(
            h.lot == move.lot,
            h.account_id == move.destination_id,
            sa.or_(h.last == numbers.first - 1, h.first == numbers.last + 1),
        )
        .returning(h.first, h.last)
    ).all()
    first = min([numbers.first, *(row.first for row in touching)])
    last = max([numbers.last, *(row.last for row in touching)])
    _insert(connection, move.lot, move.destination_id, [Range(first, last)])


def _insert(connection: Connection, lot: str, account_id: int, parts: Sequence[Range]) -> None:
    if parts:
        connection.execute(
            tables.holding.insert(),
            [{"lot": lot, "first": p.first, "last": p.last, "account_id": account_id} for p in parts],
        )
