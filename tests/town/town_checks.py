"""What must hold of the books after every step of the town, summed with bare SQL from the rows themselves.

Nothing here calls the code that keeps those sums: balances come from the journal of transfers, stock and
budgets from vouchers, grams and points from the lines of the acts.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

XINYANG = timezone(timedelta(hours=8))
SHARED_S = 120  # two journeys of one person may share two minutes
PERSON_DAY_POINTS = 100
STANDING = ("ready", "used", "refunding")

_MOVED = """
    SELECT a.asset, a.role, a.holder, a.lot, SUM(m.amount) AS amount FROM (
        SELECT destination_id AS id, amount FROM ledger_transfer
        UNION ALL SELECT source_id, -amount FROM ledger_transfer) m
    JOIN ledger_account a ON a.id = m.id GROUP BY a.asset, a.role, a.holder, a.lot"""
_ACTS = """
    SELECT id, holder, source, record_key, behaviour, travel, day, occurred_at, ended_at, counted_milli,
           claimed_g, reduction_g, creditable_g, points, points_state, status, reason_zh, withdrawn_at
    FROM act"""


def check(session: Session, stock: dict[str, int], paid_in: int, now: datetime) -> None:
    """Raise ``AssertionError`` with the figures that do not agree. ``stock``: pieces at the start."""
    moved = session.execute(sa.text(_MOVED)).all()
    acts = session.execute(sa.text(_ACTS)).all()
    _zero_sum(moved)
    _grams(moved, acts)
    _points(moved, acts)
    _acts(acts)
    _inbox(session)
    _stock_and_money(session, moved, stock, paid_in)


def _sum(moved: Any, asset: str, *roles: str, holder: str | None = None) -> int:
    return sum(
        int(row.amount)
        for row in moved
        if row.asset == asset and row.role in roles and holder in (None, row.holder)
    )


def _zero_sum(moved: Any) -> None:
    totals: dict[tuple[str, str], int] = defaultdict(int)
    for row in moved:
        totals[row.asset, row.lot] += int(row.amount)
    assert not any(totals.values()), totals


def _grams(moved: Any, acts: Any) -> None:
    """A person's book holds the grams of her lines, and C never exceeds P."""
    lines: dict[str, int] = defaultdict(int)
    creditable: dict[str, int] = defaultdict(int)
    for act in acts:
        if act.withdrawn_at is None:
            lines[act.holder] += act.reduction_g
            creditable[act.holder] += act.creditable_g
    books = {row.holder: int(row.amount) for row in moved if (row.asset, row.role) == ("REDUCTION", "book")}
    assert {k: v for k, v in books.items() if v} == {k: v for k, v in lines.items() if v}
    for holder, grams in creditable.items():
        assert grams <= lines[holder], (holder, grams, lines[holder])


def _points(moved: Any, acts: Any) -> None:
    """Points of lines that stand = pending + active + spent + lapsed; nobody's account is negative."""
    owned = ("points", "points_pending", "points_debt", "points_expired")
    assert not [row for row in moved if row.role in owned and int(row.amount) < 0]
    standing = sum(act.points for act in acts if act.withdrawn_at is None)
    kept = _sum(moved, "POINT", "points", "points_pending", "points_redeemed", "points_expired")
    assert standing == kept, "points of the lines and of the ledger"
    pending: dict[str, int] = defaultdict(int)
    for act in acts:
        if act.points_state == "pending" and act.withdrawn_at is None:
            pending[act.holder] += act.points
    held = {row.holder for row in moved if row.role == "points_pending" and int(row.amount)}
    for holder in held | {who for who, points in pending.items() if points}:
        assert pending[holder] == _sum(moved, "POINT", "points_pending", holder=holder), holder


def _acts(acts: Any) -> None:
    """One record is one line, one journey counts once, a day has its limit, every cut has a reason."""
    keys = [(act.source, act.record_key) for act in acts]
    assert len(keys) == len(set(keys)), "a record twice"
    journeys: dict[str, list[tuple[datetime, datetime, int]]] = defaultdict(list)
    days: dict[tuple[str, str], int] = defaultdict(int)
    for act in acts:
        assert act.creditable_g <= act.reduction_g <= act.claimed_g, act.id
        assert (act.status == "counted") == (not act.reason_zh), act.id
        if act.withdrawn_at is not None:
            continue
        days[act.holder, act.day] += act.points
        # Where a person has decided on an appeal, the overlap was looked at and set aside.
        if act.travel and act.counted_milli and not act.record_key.startswith("appeal:"):
            journeys[act.holder].append((_moment(act.occurred_at), _moment(act.ended_at), act.id))
    assert max(days.values(), default=0) <= PERSON_DAY_POINTS, days
    for trips in journeys.values():
        trips.sort()
        for place, (_, end, number) in enumerate(trips):
            for start, other_end, other in trips[place + 1 :]:
                shared = (min(end, other_end) - start).total_seconds()
                assert shared <= SHARED_S, (number, other, shared)


def _moment(value: Any) -> datetime:
    """SQLite hands text back."""
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _inbox(session: Session) -> None:
    """A row of the inbox waits, or says what became of it; a done act row leads to the line of its record."""
    assert not session.execute(
        sa.text("SELECT id FROM act_inbox WHERE state = 'refused' AND reason_zh = ''")
    ).all()
    failed = "SELECT id FROM act_inbox WHERE reason_code = 'act.intake_failed'"
    assert not session.execute(sa.text(failed)).all(), "a row the program could not deal with"
    assert not session.execute(
        sa.text(
            "SELECT i.id FROM act_inbox i LEFT JOIN act a ON a.id = i.act_id "
            "WHERE i.state = 'done' AND i.kind = 'act' AND (a.id IS NULL OR a.source <> i.source)"
        )
    ).all()
    assert not session.execute(
        sa.text("SELECT redemption_id FROM shop_verification WHERE outcome = 'accepted' "
                "GROUP BY redemption_id HAVING COUNT(*) > 1")
    ).all(), "a code used twice"  # fmt: skip


def _stock_and_money(session: Session, moved: Any, stock: dict[str, int], paid_in: int) -> None:
    vouchers = session.execute(
        sa.text(
            "SELECT reward_code, status, price_points, merchant_code, budget_month, value_fen, kind "
            "FROM redemption"
        )
    ).all()
    gone: dict[str, int] = defaultdict(int)
    spent: dict[tuple[str, str], int] = defaultdict(int)
    points = 0
    for voucher in vouchers:
        if voucher.status in STANDING:
            gone[voucher.reward_code] += voucher.kind != "donation"
            points += voucher.price_points
            spent[voucher.merchant_code, voucher.budget_month] += voucher.value_fen
    left = dict(session.execute(sa.text("SELECT code, stock FROM reward")).all())
    assert {code: left[code] for code in stock} == {code: stock[code] - gone[code] for code in stock}
    budgets = session.execute(
        sa.text("SELECT merchant_code, month, limit_fen, committed_fen FROM reward_budget")
    ).all()
    for row in budgets:
        assert row.committed_fen == spent[row.merchant_code, row.month] <= row.limit_fen, row
    # What was spent and then taken back at its source is owed until points that come later take its place.
    assert _sum(moved, "POINT", "points_redeemed", "points_debt") == points
    money = [int(row.amount) for row in moved if row.asset == "CNY" and row.role not in ("bank", "external")]
    outside = sum(int(row.amount) for row in moved if row.asset == "CNY" and row.role in ("bank", "external"))
    assert all(amount >= 0 for amount in money), "no fund is overdrawn"
    assert sum(money) == -outside <= paid_in, "what the sponsor paid in, less what went to the bank"
