"""Cancellation (取消): kilograms leave circulation without anybody having used them.

By the holder at once; against an obligation of make-good; or ordered by one official and confirmed by
another. It is no retirement: no certificate is made and nobody may claim the tonnes.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform import ledger
from carbon_platform.credits import standstill
from carbon_platform.credits.decisions import check_region, check_second, decide, in_region
from carbon_platform.credits.issuance import get_batch
from carbon_platform.credits.numbering import next_number
from carbon_platform.credits.registry_tables import Cancellation, Invalidation, MakeGood
from carbon_platform.credits.retirement import NoHolder
from carbon_platform.credits.tables import CreditBatch
from carbon_platform.db import serialise
from carbon_platform.errors import NotFound, PlatformError
from carbon_platform.identity.rules import Actor
from carbon_platform.identity.service import audit, get_organisation
from carbon_platform.ledger import CANCELLED, HOLDING, AccountKey, Asset, Entry, Move
from carbon_platform.units import tonnes_text


class MoreThanOwed(PlatformError):
    code, status = "credits.more_than_owed", 409
    zh = "作废 {number} 还需补足 {left_t} 吨，不能用 {wanted_t} 吨来补。请改数量。"
    en = "Invalidation {number} has {left_t} t left to make good, less than {wanted_t} t. Change the amount."


class HolderShort(PlatformError):
    """Of an order: the organisation is named, never the ledger's name for it. Kilograms."""

    code, status = "credits.holder_short", 409
    zh = (
        "{holder}在批次 {batch} 里能取消的只有 {available_t} 吨（挂牌和冻结的不算），不够 {needed_t} 吨。"
        "请先让其撤下，或改数量。"
    )
    en = (
        "{holder} has {available_t} t of batch {batch} that can be cancelled (listed and held ones apart), "
        "less than {needed_t} t. Have the listings withdrawn, or change the amount."
    )

    def __init__(self, holder: str, batch: str, needed_kg: int, available_kg: int) -> None:
        super().__init__(
            holder=holder, batch=batch, needed_t=tonnes_text(needed_kg), available_t=tonnes_text(available_kg)
        )


def cancel(
    session: Session,
    actor: Actor,
    *,
    batch: str,
    quantity_kg: int,
    reason: str,
    document: str = "",
    make_good: str = "",
    now: datetime,
) -> Cancellation:
    """Take kilograms of one's own out of circulation; ``make_good`` is the invalidation it answers for.

    Errors: ``NoHolder``, ``NotFound`` (batch, obligation of one's own), ``MoreThanOwed``,
    ``InsufficientBalance``.
    """
    if not actor.holder or actor.organisation_id is None:
        raise NoHolder
    found = get_batch(session, batch)
    owed = _owed(session, actor, make_good, quantity_kg) if make_good else None
    made = _new(
        session,
        actor,
        "voluntary" if owed is None else "make_good",
        found,
        actor.organisation_id,
        quantity_kg,
        reason,
        document,
        now,
    )
    made.make_good_id = owed.id if owed else None
    made.status, made.decided_by, made.decided_by_user, made.decided_at = (
        "done", actor.name, actor.user_id, now,
    )  # fmt: skip
    _take_out(session, actor, made, found, now)
    session.add(made)
    session.flush()
    _audit(session, actor, "credit.cancel", made, found, now)
    return made


def order(
    session: Session,
    actor: Actor,
    *,
    batch: str,
    organisation_id: int,
    quantity_kg: int,
    reason: str,
    document: str,
    now: datetime,
) -> Cancellation:
    """Propose that a holder's kilograms be cancelled; another log-in has to confirm.

    The holder's account of the batch stands still till then. Errors: ``NotFound`` (batch of one's region,
    organisation), ``HolderShort`` as things stand now.
    """
    found = get_batch(session, batch)
    check_region(actor, found, "碳票批次", batch)
    of = get_organisation(session, organisation_id)
    key = AccountKey(HOLDING, of.holder, Asset.CREDIT, found.code)
    available = ledger.balance(session, key).available
    if quantity_kg > available:
        raise HolderShort(of.name_zh, found.code, quantity_kg, available)
    made = _new(session, actor, "administrative", found, organisation_id, quantity_kg, reason, document, now)
    session.add(made)
    session.flush()
    standstill.stop(session, made.number, lambda: [key], now)
    _audit(session, actor, "credit.cancel_propose", made, found, now)
    return made


def decide_order(
    session: Session, actor: Actor, number: str, *, confirm: bool, note: str, now: datetime
) -> Cancellation:
    """The second log-in confirms or turns down. Errors: ``NotFound``, ``AlreadyDecided``,
    ``SamePerson``, ``HolderShort``."""
    found = session.scalar(
        sa.select(Cancellation)
        .where(Cancellation.number == number, Cancellation.kind == "administrative")
        .with_for_update()
    )
    if found is None:
        raise NotFound(what="取消令", key=number)
    batch = session.get_one(CreditBatch, found.batch_id)
    check_region(actor, batch, "取消令", number)
    check_second(found, actor)
    decide(found, actor, "done" if confirm else "rejected", note, now)
    with standstill.lifted(session, actor, found.number, now):
        if confirm:
            _check_enough(session, found, batch)
            _take_out(session, actor, found, batch, now)
    session.flush()
    _audit(session, actor, "credit.cancel_decide", found, batch, now)
    return found


def _check_enough(session: Session, made: Cancellation, batch: CreditBatch) -> None:
    of = get_organisation(session, made.organisation_id)
    key = AccountKey(HOLDING, of.holder, Asset.CREDIT, batch.code)
    available = ledger.balance(session, key).available
    if made.quantity_kg > available:
        raise HolderShort(of.name_zh, batch.code, made.quantity_kg, available)


def _owed(session: Session, actor: Actor, number: str, quantity_kg: int) -> MakeGood:
    """The obligation, locked: two who make it good at once do not pay twice."""
    owed = session.scalar(
        sa.select(MakeGood)
        .join(Invalidation, Invalidation.id == MakeGood.invalidation_id)
        .where(Invalidation.number == number, MakeGood.organisation_id == actor.organisation_id)
        .with_for_update(of=MakeGood)
    )
    if owed is None:
        raise NotFound(what="补足义务", key=number)
    left_kg = owed.owed_kg - made_good_kg(session, owed)
    if quantity_kg > left_kg:
        raise MoreThanOwed(number=number, left_t=tonnes_text(left_kg), wanted_t=tonnes_text(quantity_kg))
    return owed


def made_good_kg(session: Session, owed: MakeGood) -> int:
    """What was cancelled against an obligation so far."""
    total = sa.select(sa.func.coalesce(sa.func.sum(Cancellation.quantity_kg), 0))
    return int(session.scalar(total.where(Cancellation.make_good_id == owed.id)) or 0)


def _new(
    session: Session,
    actor: Actor,
    kind: str,
    batch: CreditBatch,
    organisation_id: int,
    quantity_kg: int,
    reason: str,
    document: str,
    now: datetime,
) -> Cancellation:
    serialise(session, "cancellation-number")
    return Cancellation(
        number=next_number(session, Cancellation.number, "Q", now),
        kind=kind,
        batch_id=batch.id,
        organisation_id=organisation_id,
        make_good_id=None,
        quantity_kg=quantity_kg,
        reason=reason,
        document=document,
        status="proposed",
        proposed_by=actor.name,
        proposed_by_user=actor.user_id,
        proposed_at=now,
        decided_by="",
        decided_by_user=None,
        decided_at=None,
        decision_note="",
    )


def reference_of(number: str) -> str:
    """The reference of the ledger's entry."""
    return f"cancellation:{number}"


def _take_out(session: Session, actor: Actor, made: Cancellation, batch: CreditBatch, now: datetime) -> None:
    holder = get_organisation(session, made.organisation_id).holder
    source = AccountKey(HOLDING, holder, Asset.CREDIT, batch.code)
    move = Move(source, AccountKey(CANCELLED, holder, Asset.CREDIT, batch.code), made.quantity_kg)
    detail: dict[str, Any] = {"kind": made.kind, "document": made.document}
    if made.kind == "administrative":
        detail["proposed_by"] = made.proposed_by
    entry = Entry("cancel", reference_of(made.number), (move,), None, actor.name, detail=detail)
    ledger.post(session, entry, now)


def _audit(
    session: Session, actor: Actor, action: str, made: Cancellation, batch: CreditBatch, now: datetime
) -> None:
    detail = {
        "batch": batch.code, "quantity_kg": made.quantity_kg, "kind": made.kind, "status": made.status
    }  # fmt: skip
    audit(session, actor, action, object_kind="cancellation", object_id=made.number, now=now, detail=detail)


def cancellations() -> sa.Select[Any]:
    """Select of all cancellations, newest first."""
    return sa.select(Cancellation).order_by(Cancellation.id.desc())


def in_sight(actor: Actor) -> sa.Select[Any]:
    """Those of the actor's region, newest first."""
    return cancellations().join(CreditBatch, CreditBatch.id == Cancellation.batch_id).where(in_region(actor))
