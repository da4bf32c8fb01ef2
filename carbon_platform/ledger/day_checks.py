"""Checks of the nightly reconciliation besides those of ``verify``: days, rollups, ranges, lots.

Each yields findings that say which accounts or lots they concern.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from carbon_platform.ledger import tables
from carbon_platform.ledger.balances import journal_totals
from carbon_platform.ledger.lots import positions_of
from carbon_platform.ledger.report import Finding, first_of
from carbon_platform.ledger.roles import ISSUANCE, Asset
from carbon_platform.ledger.snapshots import earlier_posted, movements

_a, _t, _e, _s, _d, _r, _h = (
    tables.account.c,
    tables.transfer.c,
    tables.entry.c,
    tables.snapshot.c,
    tables.snapshot_day.c,
    tables.rollup.c,
    tables.holding.c,
)


def check_days(connection: Connection) -> Iterator[Finding]:
    """Each day's line begins where the day before ended, and its times do not run back."""
    days = connection.execute(sa.select(tables.snapshot_day).order_by(_d.day)).all()
    wrong = [days[0].day] if days and days[0].after_id != 0 else []
    for before, day in pairwise(days):
        backwards = before.recorded_until is not None and (
            day.recorded_until is None or day.recorded_until < before.recorded_until
        )
        if day.after_id != before.transfer_id or day.transfer_id < day.after_id or backwards:
            wrong.append(day.day)
    yield from first_of(
        "snapshots",
        "ledger_snapshot_day",
        wrong,
        "{} 日的日结线与前一日不衔接",
        "the line of {} does not go on from the day before",
    )


def check_snapshot(connection: Connection, day: str, after_id: int, through_id: int) -> Iterator[Finding]:
    """Each account's snapshot of a day is the one before plus the day's movements, and no more are there."""
    moved = movements(after_id, through_id).subquery("moved")
    of_day = sa.select(tables.snapshot).where(_s.day == day).subquery("of_day")
    differs = (
        sa.select(moved.c.account_id)
        .outerjoin(of_day, of_day.c.account_id == moved.c.account_id)
        .where(
            sa.or_(
                of_day.c.posted.is_(None),
                of_day.c.posted != earlier_posted(moved.c.account_id, day) + moved.c.net,
                of_day.c.effective_from != moved.c.effective_from,
                of_day.c.recorded_from != moved.c.recorded_from,
            )
        )
    )
    unmoved = (
        sa.select(of_day.c.account_id)
        .outerjoin(moved, moved.c.account_id == of_day.c.account_id)
        .where(moved.c.account_id.is_(None))
    )
    wrong = sorted(connection.execute(sa.union(differs, unmoved)).scalars())
    yield from first_of(
        "snapshots",
        "ledger_snapshot",
        wrong,
        f"账户 {{}} 在 {day} 的日结不等于前一日加当日发生额",
        f"the snapshot of account {{}} on {day} is not the one before plus the day's movements",
        accounts=wrong,
    )


def check_rollups(connection: Connection) -> Iterator[Finding]:
    """Each rollup is the sum of its account's transfers up to its line.

    It concerns no account: posting never looks at it, and ``rollup.rebuild`` makes it again.
    """

    def side(mine: sa.ColumnElement[int]) -> sa.ScalarSelect[int]:
        summed = sa.select(sa.func.coalesce(sa.func.sum(_t.amount), 0))
        return summed.where(mine == _r.account_id, _t.id <= _r.transfer_id).scalar_subquery()

    query = (
        sa.select(_r.account_id)
        .where(_r.posted != side(_t.destination_id) - side(_t.source_id))
        .order_by(_r.account_id)
    )
    yield from first_of(
        "rollups",
        "ledger_rollup",
        connection.execute(query).scalars().all(),
        "账户 {} 的汇总不等于其划转之和，请重建汇总",
        "the rollup of account {} is not the sum of its transfers; rebuild the rollups",
    )


def check_ranges(connection: Connection) -> Iterator[Finding]:
    """The ranges of each lot begin at 1, touch without overlap, and end at the highest number given out."""
    before = sa.func.lag(_h.last).over(partition_by=_h.lot, order_by=_h.first)
    ordered = sa.select(_h.lot, _h.first, sa.func.coalesce(before, 0).label("before")).subquery()
    torn = sa.select(ordered.c.lot).where(ordered.c.first != ordered.c.before + 1)
    ends = sa.select(_h.lot, sa.func.max(_h.last).label("last")).group_by(_h.lot).subquery()
    short = (
        sa.select(tables.lot.c.lot)
        .outerjoin(ends, ends.c.lot == tables.lot.c.lot)
        .where(tables.lot.c.last != sa.func.coalesce(ends.c.last, 0))
    )
    unknown = (
        sa.select(ends.c.lot)
        .outerjoin(tables.lot, tables.lot.c.lot == ends.c.lot)
        .where(tables.lot.c.lot.is_(None))
    )
    wrong = sorted(connection.execute(sa.union(torn, short, unknown)).scalars())
    yield from first_of(
        "ranges",
        "ledger_holding",
        wrong,
        "批次 {} 的编号有重叠或缺口",
        "the numbers of lot {} overlap or have a gap",
        lots=wrong,
    )


def check_positions(connection: Connection) -> Iterator[Finding]:
    """Per lot: issued = available + held + pledged + retired + cancelled + invalidated, and as many numbers
    are out as were issued."""
    lengths = (
        sa.select(_h.lot, sa.func.sum(_h.last - _h.first + 1).label("length"))
        .join(tables.account, _a.id == _h.account_id)
        .where(_a.role == ISSUANCE)
        .group_by(_h.lot)
    )
    returned = {row.lot: int(row.length) for row in connection.execute(lengths)}
    highest = {row.lot: row.last for row in connection.execute(sa.select(tables.lot))}
    wrong = [
        one.lot
        for one in positions_of(journal_totals(connection, asset=Asset.CREDIT))
        if one.issued != one.placed or one.issued != highest.get(one.lot, 0) - returned.get(one.lot, 0)
    ]
    yield from first_of(
        "positions",
        "ledger_lot",
        wrong,
        "批次 {} 的签发量不等于可用、冻结、质押、注销、取消与作废之和，或不等于已发编号数",
        "what was issued of lot {} is not what is available, held, pledged, retired, cancelled and"
        " invalidated, or not the numbers that are out",
        lots=wrong,
    )
