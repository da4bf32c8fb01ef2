"""The life of an account: opened at a time, closed for ever."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from carbon_platform.errors import PlatformError
from carbon_platform.ledger import accounts, tables
from carbon_platform.ledger.balances import current
from carbon_platform.ledger.errors import AccountInvalid, EffectiveInFuture, EntryInvalid, account_words
from carbon_platform.ledger.freezes import CLOSED, FROZEN, AccountNotFound, touch
from carbon_platform.ledger.history import EFFECTIVE
from carbon_platform.ledger.roles import ROLES, Asset, amount_words
from carbon_platform.ledger.values import AccountKey

_a, _t = tables.account.c, tables.transfer.c


class AccountNotClosable(PlatformError):
    """It still has something, or stands still."""

    code, status = "ledger.account_not_closable", 409
    zh = "{account}不能销户：{reason}。"
    en = "{account_en} cannot be closed: {reason_en}."


class AccountOpenedOtherwise(PlatformError):
    code, status = "ledger.account_opened_otherwise", 409
    zh = "{account}不能自 {opened_at} 起开户：{reason}。"
    en = "{account_en} cannot be opened as of {opened_at}: {reason_en}."


def open_account(session: Session, key: AccountKey, opened_at: datetime, now: datetime) -> None:
    """Make an account in which nothing can take effect before ``opened_at``. Repeatable.

    Errors: ``AccountInvalid``, ``EntryInvalid`` for a time without zone, ``EffectiveInFuture``;
    ``AccountOpenedOtherwise`` when it has another opening time, or an entry from before.
    """
    _check(key)
    if opened_at.tzinfo is None:
        raise EntryInvalid(field="opened_at", reason="须带时区", reason_en="must carry a time zone")
    if opened_at > now:
        raise EffectiveInFuture(effective_at=opened_at.isoformat(), now=now.isoformat())
    connection = session.connection()
    account_id = accounts.find_or_make(connection, [key])[key]
    # What is on its way into the account ends first, and is looked at.
    touch(connection, [account_id])
    row = connection.execute(
        sa.select(_a.opened_at, _a.state).where(_a.id == account_id).with_for_update()
    ).one()
    words = {**_words(key), "opened_at": opened_at.isoformat()}
    if row.opened_at is not None and row.opened_at != opened_at:
        known = row.opened_at.isoformat()
        raise AccountOpenedOtherwise(
            **words, reason=f"已自 {known} 起开户", reason_en=f"it was opened as of {known}"
        )
    if row.opened_at is None and _used_before(connection, account_id, opened_at):
        raise AccountOpenedOtherwise(
            **words, reason="已有更早生效的分录", reason_en="an entry took effect in it before"
        )
    connection.execute(sa.update(tables.account).where(_a.id == account_id).values(opened_at=opened_at))


def close_account(session: Session, key: AccountKey, now: datetime, by: str) -> None:
    """Close an account for ever: nothing moves in or out of it again. Repeatable; the first time counts.

    Errors: ``AccountNotFound``; ``AccountNotClosable`` while it has a balance or a hold, or is frozen.
    """
    connection = session.connection()
    account_id = accounts.find(connection, [key]).get(key)
    if account_id is None:
        raise AccountNotFound(**_words(key))
    if not ROLES[key.role].guarded:
        raise AccountNotClosable(
            **_words(key),
            reason="平台的对应账户不能销户",
            reason_en="a counter-account of the platform is never closed",
        )
    # Whoever is about to pay in waits here and finds the account closed.
    touch(connection, [account_id])
    state = connection.execute(sa.select(_a.state).where(_a.id == account_id).with_for_update()).scalar_one()
    if state == CLOSED:
        return
    if state == FROZEN:
        raise AccountNotClosable(
            **_words(key), reason="核对未了，正在暂停", reason_en="it is frozen until a finding is settled"
        )
    left = current(connection, account_id, guarded=ROLES[key.role].guarded)
    if left.posted or left.held:
        posted, held = (amount_words(key.asset, amount) for amount in (left.posted, left.held))
        posted_en, held_en = (amount_words(key.asset, amount, "en") for amount in (left.posted, left.held))
        raise AccountNotClosable(
            **_words(key),
            reason=f"余额 {posted}，其中冻结 {held}，请先转出",
            reason_en=f"{posted_en} are in it, {held_en} of them held; move them out first",
        )
    connection.execute(sa.update(tables.account).where(_a.id == account_id).values(state=CLOSED))
    connection.execute(tables.closure.insert(), {"account_id": account_id, "closed_at": now, "closed_by": by})


def _used_before(connection: Connection, account_id: int, moment: datetime) -> bool:
    def side(mine: sa.ColumnElement[int]) -> bool:
        query = sa.select(_t.id).where(mine == account_id, moment > EFFECTIVE).limit(1)
        return connection.execute(query).one_or_none() is not None

    return side(_t.source_id) or side(_t.destination_id)


def _check(key: AccountKey) -> None:
    role = ROLES.get(key.role)
    if role is None:
        reason, reason_en = "未知的账户角色", "unknown account role"
    elif role.asset != key.asset:
        reason, reason_en = f"该角色只记 {role.asset}", f"this role counts {role.asset} only"
    elif not key.holder:
        reason, reason_en = "持有人为空", "the holder is empty"
    elif role.asset == Asset.CREDIT and not key.lot:
        reason, reason_en = "碳票须有批次", "credits need a lot"
    else:
        return
    raise AccountInvalid(
        move=1,
        role=key.role,
        holder=key.holder,
        asset=key.asset,
        lot=key.lot,
        reason=reason,
        reason_en=reason_en,
    )


def _words(key: AccountKey) -> dict[str, Any]:
    return {"account": account_words(key, "zh"), "account_en": account_words(key, "en")}
