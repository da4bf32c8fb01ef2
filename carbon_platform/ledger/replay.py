"""Carry every number of every lot through the journal once more, and compare where it ends."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from heapq import heappop, heappush
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from carbon_platform.ledger import tables
from carbon_platform.ledger.report import Finding
from carbon_platform.ledger.roles import ISSUANCE, Asset

_STREAM = {"yield_per": 2000}


class Lot:
    """Owners of the numbers 1 … ``last`` of one lot, as touching segments [first, last, account id]."""

    def __init__(self) -> None:
        self.last = 0
        self.segments: list[tuple[int, int, int]] = []
        # Per owner a heap of places where a segment of his begins, or once began.
        self._firsts: dict[int, list[int]] = {}

    def lowest(self, owner: int) -> int | None:
        """The lowest number ``owner`` has."""
        firsts = self._firsts.get(owner, [])
        while firsts:
            place = bisect_left(self.segments, (firsts[0],))
            if place < len(self.segments):
                first, _, now = self.segments[place]
                if first == firsts[0] and now == owner:
                    return first
            heappop(firsts)
        return None

    def issue(self, first: int, last: int, owner: int) -> bool:
        if first != self.last + 1:
            return False
        self.last = last
        self._write(len(self.segments), len(self.segments), [(first, last, owner)])
        return True

    def move(self, first: int, last: int, source: int, destination: int) -> bool:
        """Whether ``source`` owned all of them; if so ``destination`` does now."""
        if not 1 <= first <= last <= self.last:
            return False
        begin = bisect_right(self.segments, (first, self.last + 1, 0)) - 1
        end = bisect_right(self.segments, (last, self.last + 1, 0))
        touched = self.segments[begin:end]
        if any(owner != source for _, _, owner in touched):
            return False
        left = (touched[0][0], first - 1, source)
        right = (last + 1, touched[-1][1], source)
        parts = [part for part in (left, (first, last, destination), right) if part[0] <= part[1]]
        self._write(begin, end, parts)
        return True

    def _write(self, begin: int, end: int, parts: list[tuple[int, int, int]]) -> None:
        """Replace segments, joined with equal neighbours: the form the table has, too."""
        before, after = self.segments[max(begin - 1, 0) : begin], self.segments[end : end + 1]
        around = [*before, *parts, *after]
        begin, end = begin - len(before), end + len(after)
        joined: list[tuple[int, int, int]] = []
        for first, last, owner in around:
            if joined and joined[-1][2] == owner and joined[-1][1] == first - 1:
                joined[-1] = (joined[-1][0], last, owner)
            else:
                joined.append((first, last, owner))
        self.segments[begin:end] = joined
        for first, _, owner in joined:
            heappush(self._firsts.setdefault(owner, []), first)


def check_numbers(connection: Connection, only: Sequence[str] | None = None) -> Iterator[Finding]:
    """One finding for movements and one for places, each naming the first wrong row.

    ``only`` these lots, so that a long journal can be gone through in parts.
    """
    lots, wrong = _replay(connection, only)
    if wrong:
        row, lot = wrong[0]
        yield Finding(
            "numbers",
            "ledger_movement",
            f"transfer_id={row}",
            len(wrong),
            f"批次 {lot} 的第 {row} 笔划转所带编号与账本不符",
            f"the numbers carried by transfer {row} of lot {lot} do not follow from the journal",
            lots=tuple(sorted({lot for _, lot in wrong})),
        )
    broken = {lot for _, lot in wrong}
    yield from _compare_last(connection, only, lots, broken)
    yield from _compare_places(connection, only, lots, broken)


def _of(column: sa.ColumnElement[str], only: Sequence[str] | None) -> sa.ColumnElement[bool]:
    return sa.true() if only is None else column.in_(only)


def _replay(
    connection: Connection, only: Sequence[str] | None
) -> tuple[dict[str, Lot], list[tuple[int, str]]]:
    source = tables.account.alias("source")
    t, m = tables.transfer.c, tables.movement.c
    query = (
        sa.select(
            source.c.lot,
            source.c.role,
            tables.entry.c.reverses,
            t.id,
            t.source_id,
            t.destination_id,
            t.amount,
            t.named,
            m.first,
            m.last,
        )
        .join(source, source.c.id == t.source_id)
        .outerjoin(tables.entry, tables.entry.c.id == t.entry_id)
        .outerjoin(tables.movement, m.transfer_id == t.id)
        .where(source.c.asset == str(Asset.CREDIT), _of(source.c.lot, only))
        .order_by(source.c.lot, t.id, m.first)
    )
    lots: dict[str, Lot] = {}
    wrong: list[tuple[int, str]] = []
    stream = connection.execute(query, execution_options=_STREAM)
    for name, rows in groupby(stream, key=lambda row: str(row.lot)):
        lot = lots[name] = Lot()
        sound = True
        for transfer_id, parts in groupby(rows, key=lambda row: int(row.id)):
            if sound and not _follow(lot, list(parts)):
                sound = False
                wrong.append((transfer_id, name))
    return lots, wrong


def _follow(lot: Lot, parts: list[Any]) -> bool:
    if any(part.first is None for part in parts):
        return False
    if sum(part.last - part.first + 1 for part in parts) != parts[0].amount:
        return False
    for part in parts:
        if part.role == ISSUANCE:
            done = lot.issue(part.first, part.last, part.destination_id)
        elif part.reverses is None and not part.named and part.first != lot.lowest(part.source_id):
            # Only a reversal, or a move that names them, may carry other numbers than the lowest.
            done = False
        else:
            done = lot.move(part.first, part.last, part.source_id, part.destination_id)
        if not done:
            return False
    return True


def _compare_last(
    connection: Connection, only: Sequence[str] | None, lots: dict[str, Lot], broken: set[str]
) -> Iterator[Finding]:
    query = sa.select(tables.lot).where(_of(tables.lot.c.lot, only))
    recorded = {row.lot: row.last for row in connection.execute(query)}
    wrong = [
        name
        for name in sorted((recorded.keys() | lots.keys()) - broken)
        if recorded.get(name) != (lots[name].last if name in lots else 0)
    ]
    if wrong:
        yield Finding(
            "numbers",
            "ledger_lot",
            f"lot={wrong[0]}",
            len(wrong),
            f"批次 {wrong[0]} 的最大编号与账本不符",
            f"the highest number of lot {wrong[0]} does not follow from the journal",
            lots=tuple(wrong),
        )


def _compare_places(
    connection: Connection, only: Sequence[str] | None, lots: dict[str, Lot], broken: set[str]
) -> Iterator[Finding]:
    h = tables.holding.c
    query = sa.select(h.lot, h.first, h.last, h.account_id).where(_of(h.lot, only)).order_by(h.lot, h.first)
    places: dict[str, list[tuple[int, int, int]]] = {}
    for row in connection.execute(query, execution_options=_STREAM):
        places.setdefault(row.lot, []).append((row.first, row.last, row.account_id))
    wrong: list[tuple[str, int]] = []
    for name in sorted((places.keys() | lots.keys()) - broken):
        expected = lots[name].segments if name in lots else []
        given = places.get(name, [])
        if given != expected:
            differing = set(given) ^ set(expected)
            wrong.append((name, min(first for first, _, _ in differing)))
    if wrong:
        name, first = wrong[0]
        yield Finding(
            "numbers",
            "ledger_holding",
            f"lot={name} first={first}",
            len(wrong),
            f"批次 {name} 自编号 {first} 起的归属与账本不符",
            f"from number {first}, the places of lot {name} do not follow from the journal",
            lots=tuple(name for name, _ in wrong),
        )
