"""Between a proposal and its decision the accounts concerned stand still, so that nothing slips away.

So they do while land that burned or was cut waits for its review. Each proposal, and each such flag, has
freezes of its own, under a name no person has. A freeze that the nightly reconciliation
or a person put on the same account is never touched here, and goes on holding it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy.orm import Session

from carbon_platform import ledger
from carbon_platform.identity.rules import Actor
from carbon_platform.ledger import AccountKey, Freeze

PREFIX = "registry:"
ALL = 1_000_000  # rows; freezes that are open at one time


def stop(
    session: Session,
    number: str,
    where: Callable[[], Iterable[AccountKey]],
    now: datetime,
    reason: str = "",
) -> None:
    """Freeze the accounts that ``where`` names, and ask again: kilograms may have moved meanwhile."""
    stopped: set[AccountKey] = set()
    while new := set(where()) - stopped:
        _freeze(session, number, new, now, reason or f"{number} 已提出，等第二人决定。")
        stopped |= new


def release(session: Session, actor: Actor, numbers: Iterable[str], now: datetime) -> None:
    """End the freezes of these numbers for good; what others hold goes on standing still."""
    wanted = {PREFIX + number: number for number in numbers}
    for one in ledger.open_freezes(session, limit=ALL):
        if one.frozen_by in wanted:
            note = f"{wanted[one.frozen_by]} 办结"
            ledger.lift(session, one.freeze_id, by=actor.name, note=note, now=now)


@contextmanager
def lifted(session: Session, actor: Actor, number: str, now: datetime) -> Iterator[None]:
    """Lift the freezes of a proposal for its decision, in the same transaction.

    Where other proposals hold the same account, theirs are lifted as well and put back afterwards: two
    proposals must not block each other for ever.
    """
    waiting = [
        one
        for one in ledger.open_freezes(session, limit=ALL)
        if one.frozen_by.startswith(PREFIX) and one.account is not None
    ]
    accounts = {one.account for one in waiting if one.frozen_by == PREFIX + number}
    concerned = [one for one in waiting if one.account in accounts]
    for one in concerned:
        ledger.lift(session, one.freeze_id, by=actor.name, note=f"{number} 办结", now=now)
    yield
    for (other, reason), keys in _others(concerned, number).items():
        _freeze(session, other, keys, now, reason)


def _others(concerned: Iterable[Freeze], number: str) -> dict[tuple[str, str], set[AccountKey]]:
    """(Number, reason) of the other proposals → their accounts."""
    found: dict[tuple[str, str], set[AccountKey]] = {}
    for one in concerned:
        other = one.frozen_by.removeprefix(PREFIX)
        if other != number and one.account is not None:
            found.setdefault((other, one.reason), set()).add(one.account)
    return found


def _freeze(session: Session, number: str, keys: Iterable[AccountKey], now: datetime, reason: str) -> None:
    ledger.freeze_by_hand(session, keys=sorted(keys), reason=reason, by=PREFIX + number, now=now)
