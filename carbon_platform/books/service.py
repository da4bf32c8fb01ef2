"""What people may see and do of the ledger itself: their statements, reconciliation, freezes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from carbon_platform import ledger
from carbon_platform.errors import InvalidInput, PlatformError
from carbon_platform.identity.rules import Actor
from carbon_platform.identity.service import audit, get_organisation, organisation_names
from carbon_platform.ledger import AccountKey, Asset, By, Freeze, Reconciliation, Statement

# Accounts that an organisation can have in its own name.
OWN_ROLES = (
    ledger.CASH,
    ledger.PROCEEDS,
    ledger.PAYABLE,
    ledger.HOLDING,
    ledger.RETIRED,
    ledger.CANCELLED,
    ledger.INVALIDATED,
)
UNITS = {Asset.CREDIT: "kg", Asset.CNY: "fen", Asset.POINT: "point", Asset.REDUCTION: "g"}


class NoOwnAccounts(PlatformError):
    code, status = "books.no_organisation", 409
    zh = "您的账户没有归属机构，没有自己的账簿。请管理员把账户归入机构。"
    en = "Your log-in belongs to no organisation and has no books of its own. Ask the administrator."


@dataclass(frozen=True)
class OwnStatement:
    """``names`` of the organisations on the other side; people are not named."""

    organisation: str
    key: AccountKey
    unit: str
    statement: Statement
    names: dict[str, str]


@dataclass(frozen=True)
class Position:
    """The last reconciliation, what stands still now, and what was let go on lately."""

    last: Reconciliation | None
    frozen: list[Freeze]
    lifted: list[Freeze]


def own_statement(
    session: Session,
    actor: Actor,
    *,
    role: str,
    lot: str = "",
    limit: int = 50,
    before: int | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    by: str = By.EFFECTIVE,
) -> OwnStatement:
    """A page of one account of the actor's own organisation.

    Errors: ``NoOwnAccounts``; ``InvalidInput`` for a lot where there is none, or none where there must be
    one, and for a period that ends before it begins.
    """
    if actor.organisation_id is None:
        raise NoOwnAccounts
    asset = ledger.ROLES[role].asset
    if (asset == Asset.CREDIT) != bool(lot):
        raise InvalidInput(
            reason="碳票账户须写明批次（lot），资金账户不写",
            reason_en="name the lot of credits, and none of money",
        )
    if since is not None and until is not None and since >= until:
        raise InvalidInput(
            reason=f"期间须先起后止：since {since.isoformat()} 不早于 until {until.isoformat()}",
            reason_en=f"since {since.isoformat()} must be before until {until.isoformat()}",
        )
    organisation = get_organisation(session, actor.organisation_id)
    key = AccountKey(role, organisation.holder, asset, lot)
    found = ledger.statement(session, key, limit, before, since=since, until=until, by=By(by))
    names = organisation_names(session, {line.counterparty.holder for line in found.lines})
    return OwnStatement(organisation.name_zh, key, UNITS[asset], found, names)


def position(session: Session) -> Position:
    """Where the books stand."""
    return Position(
        ledger.last_reconciliation(session), ledger.open_freezes(session), ledger.lifted_freezes(session)
    )


def freeze(
    session: Session,
    actor: Actor,
    *,
    reason: str,
    now: datetime,
    lots: Iterable[str] = (),
    keys: Iterable[AccountKey] = (),
) -> list[Freeze]:
    """Let lots or accounts stand still by hand; what this person froze already stays as it is.

    Errors: ``AccountNotFound``, ``LotNotFound``.
    """
    numbers = ledger.freeze_by_hand(session, keys=keys, lots=lots, reason=reason, by=_person(actor), now=now)
    for number in numbers:
        audit(session, actor, "ledger.freeze", object_kind="freeze", object_id=number, now=now)
    if not numbers:
        audit(session, actor, "ledger.freeze", object_kind="freeze", object_id="unchanged", now=now)
    return [ledger.get_freeze(session, number) for number in numbers]


def lift(session: Session, actor: Actor, freeze_id: int, *, note: str, now: datetime) -> Freeze:
    """End a freeze, as a person other than the one who froze. Errors: see ``ledger.lift``."""
    lifted = ledger.lift(session, freeze_id, by=_person(actor), note=note, now=now)
    detail = {"note": note}
    audit(session, actor, "ledger.lift", object_kind="freeze", object_id=freeze_id, now=now, detail=detail)
    return lifted


def _person(actor: Actor) -> str:
    """Two people of one name are two people."""
    return f"{actor.name}（{actor.user_id}）"
