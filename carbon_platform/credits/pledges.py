"""Pledge (质押) of carbon tickets to a bank: set aside, released in whole or part, or enforced.

Local tickets have no statutory pledge register (domain note, §6), so where the pledge was made public has
to be said. The kilograms lie on an account of the pledge's own and keep their numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform import ledger
from carbon_platform.credits.issuance import get_batch
from carbon_platform.credits.numbering import next_number
from carbon_platform.credits.registry_tables import Pledge, PledgeStep
from carbon_platform.credits.retirement import NoHolder
from carbon_platform.credits.tables import CreditBatch
from carbon_platform.db import serialise
from carbon_platform.errors import NotFound, PlatformError
from carbon_platform.identity.rules import Actor
from carbon_platform.identity.service import audit, get_organisation
from carbon_platform.identity.tables import Organisation
from carbon_platform.ledger import HOLDING, PLEDGED, AccountKey, Asset, Entry, Move, Range
from carbon_platform.units import tonnes_text

BANK_KIND = "bank"


class NotABank(PlatformError):
    code, status = "credits.not_a_bank", 422
    zh = "{name} 不是银行，不能作为质权人。请选择登记为银行的机构。"
    en = "{name} is not a bank and cannot be the pledgee. Choose an organisation registered as a bank."


class PledgeClosed(PlatformError):
    code, status = "credits.pledge_closed", 409
    zh = "质押 {number} 已结束（{state}），不能再办理。"
    en = "Pledge {number} is closed ({status}); nothing more can be done with it."

    STATES: ClassVar[dict[str, str]] = {"released": "已解押", "enforced": "已处置", "voided": "已作废"}

    def __init__(self, number: str, status: str) -> None:
        super().__init__(number=number, state=self.STATES.get(status, status), status=status)


class MoreThanPledged(PlatformError):
    code, status = "credits.more_than_pledged", 409
    zh = "质押 {number} 还剩 {left_t} 吨，不能解押 {wanted_t} 吨。"
    en = "Pledge {number} has {left_t} t left; {wanted_t} t cannot be released."


@dataclass(frozen=True)
class PledgeView:
    """A pledge with what is left of it and which numbers these are."""

    pledge: Pledge
    batch: CreditBatch
    pledger: Organisation
    pledgee: Organisation
    left_kg: int
    ranges: tuple[Range, ...]
    steps: tuple[PledgeStep, ...]


def holder_of(number: str) -> str:
    """The holder of a pledge's account."""
    return f"pledge:{number}"


def account_of(pledge: Pledge, batch_code: str) -> AccountKey:
    return AccountKey(PLEDGED, holder_of(pledge.number), Asset.CREDIT, batch_code)


def pledge(
    session: Session,
    actor: Actor,
    *,
    batch: str,
    quantity_kg: int,
    pledgee_id: int,
    contract_reference: str,
    register_name: str,
    register_reference: str,
    now: datetime,
) -> Pledge:
    """Set kilograms of one's own aside for a bank.

    Errors: ``NoHolder``, ``NotFound`` (batch, organisation), ``NotABank``, ``InsufficientBalance``.
    """
    if not actor.holder or actor.organisation_id is None:
        raise NoHolder
    found = get_batch(session, batch)
    bank = get_organisation(session, pledgee_id)
    if bank.kind != BANK_KIND or bank.id == actor.organisation_id:
        raise NotABank(name=bank.name_zh)
    serialise(session, "pledge-number")
    made = Pledge(
        number=next_number(session, Pledge.number, "Z", now),
        pledger_id=actor.organisation_id,
        pledgee_id=bank.id,
        batch_id=found.id,
        quantity_kg=quantity_kg,
        contract_reference=contract_reference,
        register_name=register_name,
        register_reference=register_reference,
        status="pledged",
        pledged_by=actor.name,
        pledged_at=now,
        closed_at=None,
    )
    own = AccountKey(HOLDING, actor.holder, Asset.CREDIT, found.code)
    detail = {"pledgee": bank.holder, "contract": contract_reference, "register": register_reference}
    _post(
        session, actor, made, "pledge", Move(own, account_of(made, found.code), quantity_kg), 0, now, detail
    )
    session.add(made)
    session.flush()
    detail = {"batch": found.code, "quantity_kg": quantity_kg, "pledgee": bank.id}
    audit(session, actor, "pledge.place", object_kind="pledge", object_id=made.number, now=now, detail=detail)
    return made


def release(
    session: Session, actor: Actor, number: str, *, quantity_kg: int, document: str, now: datetime
) -> Pledge:
    """The bank lets go of all or part (解押): it returns to who pledged it.

    Errors: ``NotFound`` (also for who is not the bank), ``PledgeClosed``, ``MoreThanPledged``.
    """
    found, batch, left_kg = _of_the_bank(session, actor, number)
    if quantity_kg > left_kg:
        raise MoreThanPledged(number=number, left_t=tonnes_text(left_kg), wanted_t=tonnes_text(quantity_kg))
    pledger = get_organisation(session, found.pledger_id)
    _step(session, actor, found, batch, "release", pledger, quantity_kg, document, now)
    if quantity_kg == left_kg:
        found.status, found.closed_at = "released", now
    session.flush()
    return found


def enforce(session: Session, actor: Actor, number: str, *, document: str, now: datetime) -> Pledge:
    """The debt was not paid: what is left becomes the bank's (处置), on the strength of a document.

    ``document`` is the judgment, or the agreement made after the debt fell due: that the goods pass to the
    bank cannot be agreed beforehand (Civil Code art. 428). Errors: ``NotFound``, ``PledgeClosed``.
    """
    found, batch, left_kg = _of_the_bank(session, actor, number)
    bank = get_organisation(session, found.pledgee_id)
    _step(session, actor, found, batch, "enforce", bank, left_kg, document, now)
    found.status, found.closed_at = "enforced", now
    session.flush()
    return found


def note_invalidated(
    session: Session, actor: Actor, holder: str, quantity_kg: int, document: str, now: datetime
) -> None:
    """An invalidation took kilograms out of the pledge with this holder: its page tells so."""
    found = session.scalar(
        sa.select(Pledge).where(Pledge.number == holder.removeprefix(holder_of(""))).with_for_update()
    )
    if found is None:
        raise NotFound(what="质押", key=holder)
    batch = session.get_one(CreditBatch, found.batch_id)
    _record(session, actor, found, "invalidate", quantity_kg, document, now)
    if ledger.balance(session, account_of(found, batch.code)).posted == 0:
        found.status, found.closed_at = "voided", now
    session.flush()


def _of_the_bank(session: Session, actor: Actor, number: str) -> tuple[Pledge, CreditBatch, int]:
    """The open pledge with its batch and what is left, for the bank it was made to; its row is locked."""
    found = session.scalar(sa.select(Pledge).where(Pledge.number == number).with_for_update())
    if found is None or actor.organisation_id is None or found.pledgee_id != actor.organisation_id:
        raise NotFound(what="质押", key=number)
    if found.status != "pledged":
        raise PledgeClosed(number, found.status)
    batch = session.get_one(CreditBatch, found.batch_id)
    return found, batch, ledger.balance(session, account_of(found, batch.code)).posted


def _step(
    session: Session,
    actor: Actor,
    found: Pledge,
    batch: CreditBatch,
    kind: str,
    receiver: Organisation,
    quantity_kg: int,
    document: str,
    now: datetime,
) -> None:
    place = _steps_so_far(session, found) + 1
    to = AccountKey(HOLDING, receiver.holder, Asset.CREDIT, batch.code)
    move = Move(account_of(found, batch.code), to, quantity_kg)
    _post(session, actor, found, kind, move, place, now, {"document": document})
    _record(session, actor, found, kind, quantity_kg, document, now)
    detail = {"quantity_kg": quantity_kg, "document": document}
    audit(
        session, actor, f"pledge.{kind}", object_kind="pledge", object_id=found.number, now=now, detail=detail
    )


def _steps_so_far(session: Session, found: Pledge) -> int:
    counted = sa.select(sa.func.count()).where(PledgeStep.pledge_id == found.id)
    return int(session.scalar(counted) or 0)


def _record(
    session: Session, actor: Actor, found: Pledge, kind: str, quantity_kg: int, document: str, now: datetime
) -> None:
    step = PledgeStep(
        pledge_id=found.id,
        position=_steps_so_far(session, found) + 1,
        kind=kind,
        quantity_kg=quantity_kg,
        document=document,
        taken_by=actor.name,
        at=now,
    )
    session.add(step)
    session.flush()


def _post(
    session: Session,
    actor: Actor,
    found: Pledge,
    kind: str,
    move: Move,
    place: int,
    now: datetime,
    detail: dict[str, Any],
) -> None:
    reference = f"pledge:{found.number}" + (f":{place}" if place else "")
    reason = "pledge" if kind == "pledge" else f"pledge_{kind}"
    entry = Entry(reason, reference, (move,), effective_at=None, actor_name=actor.name, detail=detail)
    ledger.post(session, entry, now)


def pledges_of(actor: Actor) -> sa.Select[Any]:
    """Select of the pledges the caller's organisation gave or took, newest first; an auditor sees all."""
    statement = sa.select(Pledge).order_by(Pledge.id.desc())
    if actor.may("audit.read"):
        return statement
    mine = actor.organisation_id
    return statement.where(sa.or_(Pledge.pledger_id == mine, Pledge.pledgee_id == mine))


def get_pledge(session: Session, actor: Actor, number: str) -> Pledge:
    """A pledge the caller may see. Errors: ``NotFound``."""
    found: Pledge | None = session.scalar(pledges_of(actor).where(Pledge.number == number))
    if found is None:
        raise NotFound(what="质押", key=number)
    return found


def view(session: Session, found: Pledge) -> PledgeView:
    """A pledge as pages and the API show it."""
    batch = session.get_one(CreditBatch, found.batch_id)
    key = account_of(found, batch.code)
    steps = session.scalars(
        sa.select(PledgeStep).where(PledgeStep.pledge_id == found.id).order_by(PledgeStep.position)
    )
    return PledgeView(
        pledge=found,
        batch=batch,
        pledger=session.get_one(Organisation, found.pledger_id),
        pledgee=session.get_one(Organisation, found.pledgee_id),
        left_kg=ledger.balance(session, key).posted,
        ranges=tuple(ledger.ranges(session, key)),
        steps=tuple(steps),
    )


def banks(session: Session) -> list[Organisation]:
    """Who a pledge can be made to, by name."""
    found = sa.select(Organisation).where(Organisation.kind == BANK_KIND).order_by(Organisation.name_zh)
    return list(session.scalars(found))
