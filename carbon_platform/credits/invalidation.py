"""Invalidation (作废) of kilograms that should never have been issued, and its make-good (补足).

Proposed by one log-in and confirmed by another. Unused kilograms of the numbers named go out of circulation
from wherever they are; used ones stay where they are, and the project's owner owes as many others.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform import ledger
from carbon_platform.credits import cancellation, pledges, standstill
from carbon_platform.credits.decisions import check_region, check_second, decide, in_region
from carbon_platform.credits.issuance import get_batch
from carbon_platform.credits.numbering import next_number
from carbon_platform.credits.registry_tables import Cancellation, Invalidation, InvalidationRange, MakeGood
from carbon_platform.credits.tables import BatchShare, CreditBatch
from carbon_platform.db import serialise
from carbon_platform.errors import NotFound, PlatformError
from carbon_platform.identity.rules import Actor
from carbon_platform.identity.service import audit, organisation_names
from carbon_platform.ledger import (
    CANCELLED,
    HOLDING,
    INVALIDATED,
    PLEDGED,
    RETIRED,
    AccountKey,
    Asset,
    Entry,
    Move,
    Range,
)
from carbon_platform.parcels.tables import Parcel
from carbon_platform.projects.tables import Project
from carbon_platform.units import tonnes_text

RANGES_MAX = 1_000
UNUSED = (HOLDING, PLEDGED)


class NumbersWrong(PlatformError):
    """Nothing named, or numbers the batch does not have; ``errors`` names the rows."""

    code, status = "credits.numbers_wrong", 422
    zh = "作废的编号有误：{reason}"
    en = "The numbers to invalidate are wrong: {reason_en}"


class AlreadyVoid(PlatformError):
    code, status = "credits.already_void", 409
    zh = "编号 {first}–{last} 已由 {number} 作废。请从清单里去掉。"
    en = "Numbers {first}–{last} were made void by {number}. Take them off the list."


class StillOnHold(PlatformError):
    """``errors`` names each account with the holds that are in the way."""

    code, status = "credits.still_on_hold", 409
    zh = "有 {count} 个账户的碳票还在挂牌或冻结，作废没有执行。请先撤下：{holds}。"
    en = "Tickets of {count} accounts are listed or held; nothing was invalidated. Withdraw first: {holds}."


@dataclass(frozen=True)
class Debt:
    """An obligation of make-good as it stands (kg)."""

    number: str
    owed_kg: int
    done_kg: int

    @property
    def left_kg(self) -> int:
        return self.owed_kg - self.done_kg


def propose(
    session: Session,
    actor: Actor,
    *,
    batch: str,
    numbers: Sequence[tuple[int, int]] = (),
    parcels: Sequence[str] = (),
    reason: str,
    document: str,
    now: datetime,
) -> Invalidation:
    """Name kilograms of a batch as void: by number ranges, by the parcels they come from, or both.

    Nothing moves before another log-in decides: the accounts that have the numbers stand still till then.
    Errors: ``NotFound`` (batch of one's region, parcel in it), ``NumbersWrong``, ``AlreadyVoid``.
    """
    found = get_batch(session, batch)
    check_region(actor, found, "碳票批次", batch)
    _check_numbers(found, numbers)
    named = [Range(first, last) for first, last in numbers] + _of_parcels(session, found, parcels)
    spans = joined(named)
    if not spans:
        raise NumbersWrong(reason="没有写编号，也没有写地块。", reason_en="no number and no parcel is named.")
    _check_not_void(session, found, spans)
    serialise(session, "invalidation-number")
    made = Invalidation(
        number=next_number(session, Invalidation.number, "V", now),
        batch_id=found.id,
        quantity_kg=sum(span.length for span in spans),
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
    session.add(made)
    session.flush()
    session.add_all(
        InvalidationRange(invalidation_id=made.id, first=span.first, last=span.last) for span in spans
    )
    session.flush()
    standstill.stop(session, made.number, lambda: _unused(session, found, spans), now)
    _audit(session, actor, "batch.invalidate_propose", made, found, now, {"parcels": list(parcels)})
    return made


def _check_numbers(batch: CreditBatch, numbers: Sequence[tuple[int, int]]) -> None:
    errors: list[dict[str, Any]] = []
    if len(numbers) > RANGES_MAX:
        raise NumbersWrong(
            reason=f"最多 {RANGES_MAX} 段，现为 {len(numbers)} 段。",
            reason_en=f"at most {RANGES_MAX} ranges, {len(numbers)} given.",
        )
    for row, (first, last) in enumerate(numbers, start=1):
        if not 1 <= first <= last <= batch.quantity_kg:
            zh = f"第 {row} 段 {first}–{last}：须在 1 至 {batch.quantity_kg} 之内，从小到大。"
            en = f"range {row}, {first}–{last}: must lie in 1 to {batch.quantity_kg}, first before last."
            errors.append({"row": row, "field": "numbers", "value": f"{first}–{last}", "zh": zh, "en": en})
    if errors:
        raise NumbersWrong(reason=errors[0]["zh"], reason_en=errors[0]["en"], errors=errors)


def _of_parcels(session: Session, batch: CreditBatch, codes: Sequence[str]) -> list[Range]:
    """Numbers of the batch that come from these parcels."""
    rows = session.execute(
        sa.select(Parcel.code, BatchShare.first, BatchShare.last)
        .join(Parcel, Parcel.id == BatchShare.parcel_id)
        .where(BatchShare.batch_id == batch.id, Parcel.code.in_(codes))
    ).all()
    missing = sorted(set(codes) - {row.code for row in rows})
    if missing:
        raise NotFound(what=f"批次 {batch.code} 里的地块", key="、".join(missing[:5]))
    return [Range(row.first, row.last) for row in rows]


def joined(spans: Iterable[Range]) -> list[Range]:
    """The same numbers as ascending ranges that neither meet nor touch."""
    whole: list[Range] = []
    for span in sorted(spans):
        if whole and span.first <= whole[-1].last + 1:
            whole[-1] = Range(whole[-1].first, max(whole[-1].last, span.last))
        else:
            whole.append(span)
    return whole


def _check_not_void(session: Session, batch: CreditBatch, spans: Sequence[Range]) -> None:
    confirmed = session.execute(
        sa.select(Invalidation.number, InvalidationRange.first, InvalidationRange.last)
        .join(InvalidationRange, InvalidationRange.invalidation_id == Invalidation.id)
        .where(Invalidation.batch_id == batch.id, Invalidation.status == "confirmed")
        .order_by(InvalidationRange.first)
    ).all()
    for span in spans:
        for row in confirmed:
            first, last = max(span.first, row.first), min(span.last, row.last)
            if first <= last:
                raise AlreadyVoid(first=first, last=last, number=row.number)


def decide_proposal(
    session: Session, actor: Actor, number: str, *, confirm: bool, note: str, now: datetime
) -> Invalidation:
    """The second log-in confirms, and the numbers become void in one entry, or turns it down.

    Errors: ``NotFound``, ``AlreadyDecided``, ``SamePerson``, ``AlreadyVoid``, ``StillOnHold``;
    ``NumbersNotHeld`` if kilograms changed hands at this very moment: try again.
    """
    serialise(session, "invalidation")
    found = session.scalar(sa.select(Invalidation).where(Invalidation.number == number).with_for_update())
    if found is None:
        raise NotFound(what="作废", key=number)
    batch = session.get_one(CreditBatch, found.batch_id)
    check_region(actor, batch, "作废", number)
    check_second(found, actor)
    moved_kg = owed_kg = 0
    with standstill.lifted(session, actor, found.number, now):
        if confirm:
            spans = ranges_of(session, found)
            _check_not_void(session, batch, spans)
            moved_kg, owed_kg = _make_void(session, actor, found, batch, spans, now)
    decide(found, actor, "confirmed" if confirm else "rejected", note, now)
    session.flush()
    detail = {"moved_kg": moved_kg, "owed_kg": owed_kg, "note": note}
    _audit(session, actor, "batch.invalidate_decide", found, batch, now, detail)
    return found


def ranges_of(session: Session, made: Invalidation) -> list[Range]:
    """The numbers an invalidation names."""
    rows = session.scalars(
        sa.select(InvalidationRange)
        .where(InvalidationRange.invalidation_id == made.id)
        .order_by(InvalidationRange.first)
    )
    return [Range(row.first, row.last) for row in rows]


def _make_void(
    session: Session,
    actor: Actor,
    made: Invalidation,
    batch: CreditBatch,
    spans: Sequence[Range],
    now: datetime,
) -> tuple[int, int]:
    """Move what is unused, note what is owed for the rest; returns both in kg."""
    where = _places(session, batch, spans)
    unused = {key: numbers for key, numbers in where.items() if key.role in UNUSED}
    _check_free(session, unused)
    if unused:
        _post(session, actor, made, unused, now)
    for key, numbers in unused.items():
        if key.role == PLEDGED:
            pledges.note_invalidated(session, actor, key.holder, _kg(numbers), made.number, now)
    owed_kg = sum(_kg(numbers) for key, numbers in where.items() if key.role == RETIRED)
    gone = [span for key, numbers in where.items() if key.role == CANCELLED for span in numbers]
    owed_kg += _used_to_make_good(session, batch, gone)
    if owed_kg:
        owner = session.get_one(Project, batch.project_id).owner_organisation_id
        session.add(MakeGood(invalidation_id=made.id, organisation_id=owner, owed_kg=owed_kg, arose_at=now))
    return sum(_kg(numbers) for numbers in unused.values()), owed_kg


def _places(session: Session, batch: CreditBatch, spans: Sequence[Range]) -> dict[AccountKey, list[Range]]:
    where: dict[AccountKey, list[Range]] = {}
    for place in ledger.located(session, batch.code, spans):
        where.setdefault(place.account, []).append(place.numbers)
    return where


def _unused(session: Session, batch: CreditBatch, spans: Sequence[Range]) -> list[AccountKey]:
    return [key for key in _places(session, batch, spans) if key.role in UNUSED]


def _kg(numbers: Iterable[Range]) -> int:
    return sum(span.length for span in numbers)


def _check_free(session: Session, unused: dict[AccountKey, list[Range]]) -> None:
    """What is on hold counts by amount: if the rest does not suffice, the holds have to go first."""
    errors: list[dict[str, Any]] = []
    references: list[str] = []
    names = organisation_names(session, {key.holder for key in unused})
    for key, numbers in sorted(unused.items()):
        needed, available = _kg(numbers), ledger.balance(session, key).available
        if needed <= available:
            continue
        holds = ledger.open_holds(session, key)
        listed = "、".join(f"{held.reference}（{tonnes_text(held.remaining)} 吨）" for held in holds)
        references += [held.reference for held in holds]
        who = names.get(key.holder, key.holder)
        zh = (
            f"{who}：须作废 {tonnes_text(needed)} 吨，未冻结的只有 {tonnes_text(available)} 吨；"
            f"冻结有 {listed}。"
        )
        en = (
            f"{who}: {tonnes_text(needed)} t to invalidate, {tonnes_text(available)} t not on hold; "
            f"holds: {', '.join(held.reference for held in holds)}."
        )
        errors.append({"row": who, "field": "holds", "value": listed, "unit": "t", "zh": zh, "en": en})
    if errors:
        raise StillOnHold(count=len(errors), holds=", ".join(references), errors=errors)


def _post(
    session: Session,
    actor: Actor,
    made: Invalidation,
    unused: dict[AccountKey, list[Range]],
    now: datetime,
) -> None:
    moves = [
        Move(
            key,
            AccountKey(INVALIDATED, key.holder, Asset.CREDIT, key.lot),
            _kg(numbers),
            numbers=tuple(joined(numbers)),
        )
        for key, numbers in sorted(unused.items())
    ]
    entry = Entry(
        reason="invalidate",
        reference=reference_of(made.number),
        moves=moves,
        effective_at=None,
        actor_name=actor.name,
        note=made.reason,
        detail={"document": made.document, "proposed_by": made.proposed_by},
    )
    ledger.post(session, entry, now)


def reference_of(number: str) -> str:
    """The reference of the ledger's entry."""
    return f"invalidation:{number}"


def _used_to_make_good(session: Session, batch: CreditBatch, gone: Sequence[Range]) -> int:
    """Of cancelled kilograms, those that made an earlier obligation good: void, they did not."""
    if not gone:
        return 0
    numbers = session.scalars(
        sa.select(Cancellation.number).where(
            Cancellation.batch_id == batch.id,
            Cancellation.kind == "make_good",
            Cancellation.status == "done",
        )
    )
    total = 0
    for number in numbers:
        entry = ledger.find_entry(session, cancellation.reference_of(number))
        moved = ledger.movement_ranges(session, entry.entry_id) if entry else []
        total += sum(
            max(0, min(span.last, one.numbers.last) - max(span.first, one.numbers.first) + 1)
            for one in moved
            for span in gone
        )
    return total


def _audit(
    session: Session,
    actor: Actor,
    action: str,
    made: Invalidation,
    batch: CreditBatch,
    now: datetime,
    more: dict[str, Any],
) -> None:
    detail = {"batch": batch.code, "quantity_kg": made.quantity_kg, "status": made.status} | more
    audit(session, actor, action, object_kind="invalidation", object_id=made.number, now=now, detail=detail)


def get_invalidation(session: Session, actor: Actor, number: str) -> Invalidation:
    """One invalidation of the actor's region, or ``NotFound``."""
    found = session.scalar(in_sight(actor).where(Invalidation.number == number))
    if found is None:
        raise NotFound(what="作废", key=number)
    return found


def invalidations() -> sa.Select[Any]:
    """Select of all invalidations, newest first."""
    return sa.select(Invalidation).order_by(Invalidation.id.desc())


def in_sight(actor: Actor) -> sa.Select[Any]:
    """Those of the actor's region, newest first."""
    return invalidations().join(CreditBatch, CreditBatch.id == Invalidation.batch_id).where(in_region(actor))


def debt_of(session: Session, made: Invalidation) -> Debt | None:
    """What its owner owes for an invalidation; None if nothing of it had been used."""
    owed = session.scalar(sa.select(MakeGood).where(MakeGood.invalidation_id == made.id))
    if owed is None:
        return None
    return Debt(made.number, owed.owed_kg, cancellation.made_good_kg(session, owed))


def debts_of(session: Session, organisation_id: int) -> list[Debt]:
    """Open obligations of an organisation, oldest first."""
    rows = session.execute(
        sa.select(MakeGood, Invalidation.number)
        .join(Invalidation, Invalidation.id == MakeGood.invalidation_id)
        .where(MakeGood.organisation_id == organisation_id)
        .order_by(MakeGood.id)
    )
    debts = [Debt(number, owed.owed_kg, cancellation.made_good_kg(session, owed)) for owed, number in rows]
    return [debt for debt in debts if debt.left_kg]
