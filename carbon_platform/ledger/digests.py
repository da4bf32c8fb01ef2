"""Does every stored request still give the digest it was accepted with?

An entry and its transfers, or a hold, are put together again from their rows; a changed amount,
account, note or time gives another digest.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from carbon_platform.ledger import rules, tables
from carbon_platform.ledger.report import Finding, first_of
from carbon_platform.ledger.values import AccountKey, Entry, HoldRequest, HoldUse, Move, Range

_a, _t, _e, _h, _u = (
    tables.account.c,
    tables.transfer.c,
    tables.entry.c,
    tables.hold.c,
    tables.hold_use.c,
)
_m = tables.movement.c
_STREAM = {"yield_per": 2000}


def check_entries(connection: Connection) -> Iterator[Finding]:
    """Each entry has its transfers, and they give the digest of the request it came from."""
    uses = _uses_by_entry(connection)
    wrong = [entry_id for entry_id, entry, digest in _entries(connection, uses) if not _sound(entry, digest)]
    yield from first_of(
        "entries",
        "ledger_entry",
        wrong,
        "分录 {} 或其划转与原始请求的摘要不符",
        "entry {} or its transfers differ from the digest of the request",
    )


def check_reversals(connection: Connection) -> Iterator[Finding]:
    """Each reversal is the exact mirror of an earlier entry."""
    wrong = []
    reversals = connection.execute(
        sa.select(_e.id, _e.reverses).where(_e.reverses.is_not(None)).order_by(_e.id)
    ).all()
    for row in reversals:
        original, mirror = (_sides(connection, number) for number in (row.reverses, row.id))
        if not original or mirror != [(to, by, amount) for by, to, amount in reversed(original)]:
            wrong.append(row.id)
    yield from first_of(
        "reversals",
        "ledger_entry",
        wrong,
        "冲正分录 {} 与原分录不是逐笔反向",
        "reversal {} does not mirror the entry it takes back",
    )


def check_holds(connection: Connection) -> Iterator[Finding]:
    """Each hold is as requested, and its figures follow from what entries used of it."""
    summed = (
        sa.select(
            _u.hold_id, sa.func.sum(_u.amount).label("used"), sa.func.sum(_u.released).label("released")
        )
        .group_by(_u.hold_id)
        .subquery()
    )
    query = (
        sa.select(tables.hold, _a.role, _a.holder, _a.asset, _a.lot, summed.c.used, summed.c.released)
        .join(tables.account, _a.id == _h.account_id)
        .outerjoin(summed, summed.c.hold_id == _h.id)
        .order_by(_h.id)
    )
    rows = connection.execute(query, execution_options=_STREAM)
    wrong = [(row.id, row.account_id) for row in rows if not _hold_sound(row)]
    yield from first_of(
        "holds",
        "ledger_hold",
        [number for number, _ in wrong],
        "冻结 {} 与原始请求或其入账记录不符",
        "hold {} differs from its request or from what was posted of it",
        accounts=[account_id for _, account_id in wrong],
    )
    loose = (
        sa.select(_u.entry_id)
        .outerjoin(tables.hold, _h.id == _u.hold_id)
        .outerjoin(tables.entry, _e.id == _u.entry_id)
        .where(sa.or_(_h.id.is_(None), _e.id.is_(None)))
        .order_by(_u.entry_id)
    )
    yield from first_of(
        "holds",
        "ledger_hold_use",
        connection.execute(loose).scalars(),
        "第 {} 号分录的冻结使用记录没有对应的冻结或分录",
        "the hold use of entry {} lacks its hold or its entry",
    )


def _uses_by_entry(connection: Connection) -> dict[int, list[HoldUse]]:
    uses: dict[int, list[HoldUse]] = {}
    query = sa.select(_u.entry_id, _h.reference, _u.amount, _u.release_rest).join(
        tables.hold, _h.id == _u.hold_id
    )
    for row in connection.execute(query):
        uses.setdefault(row.entry_id, []).append(HoldUse(row.reference, row.amount, row.release_rest))
    return uses


def _entries(
    connection: Connection, uses: dict[int, list[HoldUse]]
) -> Iterator[tuple[int, tuple[Entry, Entry], str]]:
    """Id, the request as it may have been (with its effective time, or without), stored digest."""
    source, destination = tables.account.alias("s"), tables.account.alias("d")
    query = (
        sa.select(
            tables.entry,
            _t.id.label("transfer_id"),
            _t.amount,
            _t.named,
            *(
                getattr(side.c, name).label(f"{side.name}_{name}")
                for side in (source, destination)
                for name in ("role", "holder", "asset", "lot")
            ),
        )
        .outerjoin(tables.transfer, _t.entry_id == _e.id)
        .outerjoin(source, source.c.id == _t.source_id)
        .outerjoin(destination, destination.c.id == _t.destination_id)
        .order_by(_e.id, _t.id)
    )
    named = _named_numbers(connection)
    stream = connection.execute(query, execution_options=_STREAM)
    for entry_id, group in groupby(stream, key=lambda row: int(row.id)):
        rows = list(group)
        row = rows[0]
        moves = tuple(
            Move(
                AccountKey(r.s_role, r.s_holder, r.s_asset, r.s_lot),
                AccountKey(r.d_role, r.d_holder, r.d_asset, r.d_lot),
                r.amount,
                tuple(named.get(r.transfer_id, ())) if r.named else (),
            )
            for r in rows
            if r.transfer_id is not None
        )
        entry = Entry(
            reason=row.reason,
            reference=row.reference,
            moves=moves,
            effective_at=row.effective_at,
            actor_name=row.actor,
            note=row.note,
            reverses=row.reverses,
            detail=row.detail,
            holds=tuple(uses.get(entry_id, ())),
        )
        undated = replace(entry, effective_at=None) if row.effective_at == row.recorded_at else entry
        yield entry_id, (entry, undated), row.digest


def _named_numbers(connection: Connection) -> dict[int, list[Range]]:
    """Per transfer, the numbers that its request named; few transfers have any."""
    query = (
        sa.select(_m.transfer_id, _m.first, _m.last)
        .join(tables.transfer, _t.id == _m.transfer_id)
        .where(_t.named)
        .order_by(_m.transfer_id, _m.first)
    )
    named: dict[int, list[Range]] = {}
    for row in connection.execute(query):
        named.setdefault(row.transfer_id, []).append(Range(row.first, row.last))
    return named


def _sound(candidates: tuple[Entry, Entry], digest: str) -> bool:
    return bool(candidates[0].moves) and any(rules.entry_digest(entry) == digest for entry in candidates)


def _sides(connection: Connection, entry_id: int) -> list[tuple[int, int, int]]:
    query = (
        sa.select(_t.source_id, _t.destination_id, _t.amount).where(_t.entry_id == entry_id).order_by(_t.id)
    )
    return [(row.source_id, row.destination_id, row.amount) for row in connection.execute(query)]


def _hold_sound(row: Any) -> bool:
    request = HoldRequest(
        reference=row.reference,
        account=AccountKey(row.role, row.holder, row.asset, row.lot),
        amount=row.amount,
        reason=row.reason,
        expires_at=row.expires_at,
    )
    used, released = int(row.used or 0), int(row.released or 0)
    if row.posted != used or rules.hold_digest(request) != row.digest:
        return False
    if (row.closed_at is None) != (row.status == tables.OPEN):
        return False
    if row.status in (tables.OPEN, tables.POSTED):
        return bool(row.amount == used + released + row.remaining)
    return bool(row.remaining == 0 and released == 0 and used < row.amount)
