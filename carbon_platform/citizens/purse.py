"""A person's points as they stand: lots that can be spent, lots that still wait, what lapses next."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform import ledger
from carbon_platform.citizens import catalogue, lots, rules
from carbon_platform.citizens.tables import Act, Redemption, RedemptionRefusal
from carbon_platform.identity.rules import Actor

# States of an act's points, as stored in ``act.points_state``; empty: none, or from before lots.
PENDING, ACTIVE, EXPIRED, WITHDRAWN = "pending", "active", "expired", "withdrawn"
_OWN = (ledger.POINTS, ledger.POINTS_PENDING)


def points_account(holder: str, lot: str = lots.UNDATED) -> ledger.AccountKey:
    """Where a person's points of a lot are when they can be spent."""
    return ledger.AccountKey(ledger.POINTS, holder, ledger.Asset.POINT, lot)


def pending_account(holder: str, lot: str) -> ledger.AccountKey:
    """Where they wait before."""
    return ledger.AccountKey(ledger.POINTS_PENDING, holder, ledger.Asset.POINT, lot)


def expired_account(holder: str, lot: str) -> ledger.AccountKey:
    """Where what was not spent of a lot ends up."""
    return ledger.AccountKey(ledger.POINTS_EXPIRED, holder, ledger.Asset.POINT, lot)


def debt_account(holder: str, lot: str) -> ledger.AccountKey:
    """What a person owes of a lot: points spent before the act they came from was taken back."""
    return ledger.AccountKey(ledger.POINTS_DEBT, holder, ledger.Asset.POINT, lot)


def issued_account(lot: str) -> ledger.AccountKey:
    """Where the points of a lot come from."""
    return ledger.AccountKey(ledger.POINTS_ISSUED, ledger.PLATFORM, ledger.Asset.POINT, lot)


def redeemed_account(lot: str) -> ledger.AccountKey:
    """Where the spent points of a lot go."""
    return ledger.AccountKey(ledger.POINTS_REDEEMED, ledger.PLATFORM, ledger.Asset.POINT, lot)


@dataclass(frozen=True)
class Purse:
    """Points per lot, oldest first. ``lapsed``: in lots that are over, the expiry not posted yet."""

    active: Mapping[str, int]
    pending: Mapping[str, int]
    owed: Mapping[str, int]
    lapsed: int
    held: int

    @property
    def available(self) -> int:
        return sum(self.active.values())


def open_purse(session: Session, holder: str, *, now: datetime) -> Purse:
    """What the ledger says the person has, at the exact day of Xinyang: a lot that is over is not there."""
    today = rules.local_day(now)
    by_role: dict[str, dict[str, int]] = {role: {} for role in (*_OWN, ledger.POINTS_DEBT)}
    held = 0
    for row in ledger.balances(session, holder, asset=ledger.Asset.POINT):
        if row.key.role in by_role and row.balance.available:
            by_role[row.key.role][row.key.lot] = row.balance.available
        held += row.balance.held
    active, pending = (lots.spendable(by_role[role], today) for role in _OWN)
    everything = sum(sum(by_role[role].values()) for role in _OWN)
    return Purse(
        active=active,
        pending=pending,
        owed=by_role[ledger.POINTS_DEBT],
        lapsed=everything - sum(active.values()) - sum(pending.values()),
        held=held,
    )


def to_claim(now: datetime) -> tuple[Any, ...]:
    """What makes an act's points ready to be fetched."""
    return (
        Act.points_state == sa.literal_column(f"'{PENDING}'"),
        Act.claim_by.is_not(None),
        Act.claim_by > now,
        Act.active_from <= now,
        Act.points_lot >= rules.local_day(now),
    )


@dataclass(frozen=True)
class PointsLine:
    """One change of a person's points in one lot; ``act`` or ``redemption`` is what it came from.

    ``pending``: into or out of points that could not be spent yet.
    """

    transfer_id: int
    entry_id: int
    lot: str
    amount: int
    pending: bool
    at: datetime
    reason: str
    act: Act | None
    redemption: Redemption | None


@dataclass(frozen=True)
class PointsPage:
    """Newest first; ``next_before`` is the cursor of the next page, None on the last.

    ``expired`` is everything that ever lapsed, ``next_active`` when the first pending points arrive.
    """

    purse: Purse
    expiring: lots.Expiring | None
    next_active: datetime | None
    expired: int
    lines: tuple[PointsLine, ...]
    next_before: int | None

    @property
    def available(self) -> int:
        return self.purse.available

    @property
    def pending(self) -> int:
        return sum(self.purse.pending.values())

    @property
    def owed(self) -> int:
        return sum(self.purse.owed.values())


def points(
    session: Session, actor: Actor, *, now: datetime, limit: int = 50, before: int | None = None
) -> PointsPage:
    """Balance by lot, the next expiry, and a page of the statement over all lots; none of it at limit 0."""
    today = rules.local_day(now)
    purse = open_purse(session, actor.holder, now=now)
    posted = ledger.totals(session, role=ledger.POINTS_EXPIRED, holder=actor.holder)
    next_active = session.scalar(
        sa.select(sa.func.min(Act.active_from)).where(
            Act.holder == actor.holder, Act.points_state == PENDING, Act.active_from > now
        )
    )
    lines, next_before = _lines(session, actor.holder, limit, before) if limit else ([], None)
    return PointsPage(
        purse=purse,
        expiring=lots.expiring(purse.active, today, catalogue.lifetime(today)),
        next_active=next_active,
        expired=sum(row.posted for row in posted) + purse.lapsed,
        lines=_explained(session, actor.holder, lines),
        next_before=next_before,
    )


def refusals(session: Session, actor: Actor, *, limit: int = 20) -> list[RedemptionRefusal]:
    """Exchanges the person asked for in vain, newest first."""
    statement = (
        sa.select(RedemptionRefusal)
        .where(RedemptionRefusal.holder == actor.holder)
        .order_by(RedemptionRefusal.id.desc())
        .limit(limit)
    )
    return list(session.scalars(statement))


_Seen = tuple[ledger.AccountKey, ledger.StatementLine]


def _lines(session: Session, holder: str, limit: int, before: int | None) -> tuple[list[_Seen], int | None]:
    """Transfers over all of a person's lots as one list; moves within the purse are left out.

    A point that becomes active leaves one pocket for the other: nobody's total changes, no line.
    """
    keys = [
        row.key for row in ledger.balances(session, holder, asset=ledger.Asset.POINT) if row.key.role in _OWN
    ]
    found: list[_Seen] = []
    while True:
        merged: list[_Seen] = []
        more = False
        for key in keys:
            page = ledger.statement(session, key, limit=limit, before=before)
            merged += [(key, line) for line in page.lines]
            more = more or page.next_before is not None
        merged.sort(key=lambda seen: seen[1].transfer_id, reverse=True)
        more = more or len(merged) > limit
        found += [seen for seen in merged[:limit] if not _within(seen)]
        if len(found) >= limit:
            return found[:limit], found[limit - 1][1].transfer_id if more or len(found) > limit else None
        if not more:
            return found, None
        before = merged[limit - 1][1].transfer_id


def _within(seen: _Seen) -> bool:
    key, line = seen
    return line.counterparty.holder == key.holder and line.counterparty.role in _OWN


def _explained(session: Session, holder: str, seen: list[_Seen]) -> tuple[PointsLine, ...]:
    entries = {line.entry_id for _, line in seen}
    acts = _by_entry(_acts_behind(session, {line.reference for _, line in seen}), "withdrawal_entry_id")
    redemptions = _by_entry(
        session.scalars(
            sa.select(Redemption).where(
                Redemption.holder == holder,
                sa.or_(Redemption.entry_id.in_(entries), Redemption.refund_entry_id.in_(entries)),
            )
        ),
        "refund_entry_id",
    )
    return tuple(
        PointsLine(
            transfer_id=line.transfer_id,
            entry_id=line.entry_id,
            lot=key.lot,
            amount=line.amount,
            pending=key.role == ledger.POINTS_PENDING,
            at=line.recorded_at,
            reason=line.reason,
            act=acts.get(line.entry_id),
            redemption=redemptions.get(line.entry_id),
        )
        for key, line in seen
    )


def _acts_behind(session: Session, references: Iterable[str]) -> Iterable[Act]:
    """The acts that entries name: by record where one was booked, by number where one was taken back.

    Both are keys of the table: the city's acts are never walked through, nor those of a long book.
    """
    records: dict[str, list[str]] = {}
    numbers: list[int] = []
    for reference in references:
        kind, _, rest = reference.partition(":")
        if kind == "act":
            source, _, record_key = rest.partition(":")
            records.setdefault(source, []).append(record_key)
        elif kind in ("withdrawal", "replaced"):
            numbers.append(int(rest))
    wanted = [sa.and_(Act.source == source, Act.record_key.in_(keys)) for source, keys in records.items()]
    if numbers:
        wanted.append(Act.id.in_(numbers))
    return session.scalars(sa.select(Act).where(sa.or_(*wanted))) if wanted else ()


def _by_entry(rows: Iterable[Any], undone: str) -> dict[int, Any]:
    """Rows by the entry that made them and by the entry that undid them."""
    found: dict[int, Any] = {}
    for row in rows:
        found[row.entry_id] = row
        if getattr(row, undone) is not None:
            found[getattr(row, undone)] = row
    return found
