"""Accounts, or all accounts of a lot of credits, that stand still until a person lets them go on.

Posting refuses a frozen account with ``AccountFrozen``; everything else goes on. A freeze is a row that
is never deleted: who froze, why, who lifted it and on what grounds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from carbon_platform.db import serialise
from carbon_platform.errors import PlatformError
from carbon_platform.ledger import accounts, tables
from carbon_platform.ledger.errors import account_words
from carbon_platform.ledger.roles import Asset
from carbon_platform.ledger.values import AccountKey

OPEN, FROZEN, CLOSED = "open", "frozen", "closed"
IDS_PER_STATEMENT = 500

_a, _b, _f = tables.account.c, tables.balance.c, tables.freeze.c


class AccountNotFound(PlatformError):
    code, status = "ledger.account_not_found", 404
    zh = "没有这个账户：{account}。请核对账户。"
    en = "There is no account {account_en}. Check the account."


class LotNotFound(PlatformError):
    code, status = "ledger.lot_not_found", 404
    zh = "没有批次为 {lot} 的碳票账户。请核对批次。"
    en = "No account of credits has the lot {lot}. Check the lot."


class FreezeNotFound(PlatformError):
    code, status = "ledger.freeze_not_found", 404
    zh = "没有第 {number} 号暂停记录。请核对编号。"
    en = "There is no freeze number {number}. Check the number."


class FreezeLifted(PlatformError):
    code, status = "ledger.freeze_lifted", 409
    zh = "第 {number} 号暂停已由 {by} 于 {at} 解除。"
    en = "Freeze {number} was lifted by {by} at {at} already."


class LiftRefused(PlatformError):
    code, status = "ledger.lift_refused", 422
    zh = "解除第 {number} 号暂停须写明原因，并由 {frozen_by} 以外的人办理。"
    en = "Freeze {number} is lifted by a person other than {frozen_by}, and with a reason."


@dataclass(frozen=True)
class Freeze:
    """``account`` or ``lot`` is set: one account, or every account of the lot of credits."""

    freeze_id: int
    account: AccountKey | None
    lot: str | None
    reason: str
    frozen_at: datetime
    frozen_by: str
    lifted_at: datetime | None
    lifted_by: str
    note: str


def freeze(
    session: Session,
    *,
    account_ids: Iterable[int] = (),
    lots: Iterable[str] = (),
    reason: str,
    by: str,
    now: datetime,
) -> list[int]:
    """Let accounts and lots stand still; returns the numbers of the new freezes.

    What ``by`` has frozen already stays under the freeze it has; ids without an account are passed over,
    because what failed may name one. Entries that wait for a balance meanwhile find it frozen, too: the
    balance rows are locked and written first, in the order in which posting locks them.
    """
    serialise(session, "ledger.freeze")
    connection = session.connection()
    have_accounts, have_lots = _open_of(connection, by)
    single = [number for number in _existing(connection, account_ids) if number not in have_accounts]
    whole = sorted(set(lots) - have_lots)
    _stop(connection, single)
    # Lots under a freeze already are gone through again: it costs little, and repairs.
    _stop_lots(connection, sorted(set(lots)))
    rows: list[dict[str, Any]] = [{"account_id": number, "lot": None} for number in single]
    rows += [{"account_id": None, "lot": lot} for lot in whole]
    more = {"reason": reason, "frozen_at": now, "frozen_by": by}
    insert = tables.freeze.insert().returning(_f.id)
    return [int(connection.execute(insert, {**row, **more}).scalar_one()) for row in rows]


def freeze_by_hand(
    session: Session,
    *,
    keys: Iterable[AccountKey] = (),
    lots: Iterable[str] = (),
    reason: str,
    by: str,
    now: datetime,
) -> list[int]:
    """As :func:`freeze`, for accounts by key. Errors: ``AccountNotFound``, ``LotNotFound``."""
    connection = session.connection()
    wanted, lots = list(keys), list(lots)
    ids = accounts.find(connection, wanted)
    for key in wanted:
        if key not in ids:
            raise AccountNotFound(account=account_words(key, "zh"), account_en=account_words(key, "en"))
    for lot in lots:
        if not _in_lots(connection, [lot]):
            raise LotNotFound(lot=lot)
    return freeze(session, account_ids=ids.values(), lots=lots, reason=reason, by=by, now=now)


def lift(session: Session, freeze_id: int, *, by: str, note: str, now: datetime) -> Freeze:
    """End a freeze. What no other freeze holds goes on at once.

    Errors, in this order: ``FreezeNotFound``, ``FreezeLifted``, ``LiftRefused`` for the one who froze or
    without a reason.
    """
    serialise(session, "ledger.freeze")
    connection = session.connection()
    row = connection.execute(sa.select(tables.freeze).where(_f.id == freeze_id)).one_or_none()
    if row is None:
        raise FreezeNotFound(number=freeze_id)
    if row.lifted_at is not None:
        raise FreezeLifted(number=freeze_id, by=row.lifted_by, at=row.lifted_at.isoformat())
    if by == row.frozen_by or not by.strip() or not note.strip():
        raise LiftRefused(number=freeze_id, frozen_by=row.frozen_by)
    connection.execute(
        sa.update(tables.freeze).where(_f.id == freeze_id).values(lifted_at=now, lifted_by=by, note=note)
    )
    concerned = (
        _a.id == row.account_id
        if row.lot is None
        else sa.and_(_a.asset == str(Asset.CREDIT), _a.lot == row.lot)
    )
    still = sa.exists().where(
        _f.lifted_at.is_(None),
        sa.or_(_f.account_id == _a.id, sa.and_(_a.asset == str(Asset.CREDIT), _f.lot == _a.lot)),
    )
    connection.execute(
        sa.update(tables.account).where(concerned, _a.state == FROZEN, ~still).values(state=OPEN)
    )
    return get_freeze(session, freeze_id)


def get_freeze(session: Session, freeze_id: int) -> Freeze:
    """The freeze with this number, or ``FreezeNotFound``."""
    found = _read(session.connection(), sa.select(tables.freeze).where(_f.id == freeze_id))
    if not found:
        raise FreezeNotFound(number=freeze_id)
    return found[0]


def open_freezes(session: Session, limit: int = 200) -> list[Freeze]:
    """What stands still now, the newest first."""
    query = sa.select(tables.freeze).where(_f.lifted_at.is_(None)).order_by(_f.id.desc()).limit(limit)
    return _read(session.connection(), query)


def lifted_freezes(session: Session, limit: int = 20) -> list[Freeze]:
    """What was let go on, the latest first."""
    query = (
        sa.select(tables.freeze)
        .where(_f.lifted_at.is_not(None))
        .order_by(_f.lifted_at.desc(), _f.id.desc())
        .limit(limit)
    )
    return _read(session.connection(), query)


def touch(connection: Connection, account_ids: Sequence[int]) -> None:
    """Lock balance rows by ascending account id, as posting does, and write them as they are.

    Whoever waits for one of them sees a row that changed, and looks at the account again.
    """
    rows = sa.select(_b.account_id).where(_b.account_id.in_(account_ids)).order_by(_b.account_id)
    connection.execute(rows.with_for_update()).all()
    connection.execute(
        sa.update(tables.balance).where(_b.account_id.in_(account_ids)).values(posted=_b.posted)
    )


def _stop_lots(connection: Connection, lots: Sequence[str]) -> None:
    """Stop every account of the lots, those too that open transactions are making meanwhile.

    Issuance has no balance to wait for, but takes the lot's row, and looks at the accounts again with
    it; other moves come from an account that is here, so each round waits for those on their way.
    """
    rows = sa.select(tables.lot.c.lot).where(tables.lot.c.lot.in_(lots)).order_by(tables.lot.c.lot)
    connection.execute(rows.with_for_update()).all()
    stopped: set[int] = set()
    while missing := _in_lots(connection, lots) - stopped:
        _stop(connection, sorted(missing))
        stopped |= missing


def _stop(connection: Connection, account_ids: Sequence[int]) -> None:
    for part in _parts(account_ids):
        touch(connection, part)
    for part in _parts(account_ids):
        connection.execute(
            sa.update(tables.account).where(_a.id.in_(part), _a.state == OPEN).values(state=FROZEN)
        )


def _parts(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(ids), IDS_PER_STATEMENT):
        yield ids[start : start + IDS_PER_STATEMENT]


def _existing(connection: Connection, account_ids: Iterable[int]) -> list[int]:
    found: list[int] = []
    for part in _parts(sorted(set(account_ids))):
        found += connection.execute(sa.select(_a.id).where(_a.id.in_(part)).order_by(_a.id)).scalars()
    return found


def _in_lots(connection: Connection, lots: Iterable[str]) -> set[int]:
    found: set[int] = set()
    for lot in lots:
        of_lot = sa.select(_a.id).where(_a.asset == str(Asset.CREDIT), _a.lot == lot)
        found.update(connection.execute(of_lot).scalars())
    return found


def _open_of(connection: Connection, by: str) -> tuple[set[int], set[str]]:
    """Accounts and lots that stand still because of ``by``."""
    rows = connection.execute(
        sa.select(_f.account_id, _f.lot).where(_f.lifted_at.is_(None), _f.frozen_by == by)
    ).all()
    return (
        {row.account_id for row in rows if row.account_id is not None},
        {row.lot for row in rows if row.lot is not None},
    )


def _read(connection: Connection, query: sa.Select[Any]) -> list[Freeze]:
    rows = connection.execute(query).all()
    keys = accounts.keys_of(connection, [row.account_id for row in rows if row.account_id is not None])
    return [
        Freeze(
            freeze_id=row.id,
            account=None if row.account_id is None else keys[row.account_id],
            lot=row.lot,
            reason=row.reason,
            frozen_at=row.frozen_at,
            frozen_by=row.frozen_by,
            lifted_at=row.lifted_at,
            lifted_by=row.lifted_by,
            note=row.note,
        )
        for row in rows
    ]
