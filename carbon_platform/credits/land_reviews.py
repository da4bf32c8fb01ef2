"""Reviews of flagged land: cleared, confirmed with an invalidation, settled."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.credits import invalidation, standstill
from carbon_platform.credits.decisions import AlreadyDecided, SamePerson
from carbon_platform.credits.land_change_queries import flags_statement, get_layer, ranges_of
from carbon_platform.credits.land_change_rules import (
    OUTCOMES,
    decisions_of,
    lowest,
    without,
)
from carbon_platform.credits.land_change_tables import LandChangeLayer, LandFlag
from carbon_platform.credits.registry_tables import Invalidation, InvalidationRange
from carbon_platform.credits.tables import CreditBatch
from carbon_platform.db import serialise
from carbon_platform.errors import NotFound
from carbon_platform.identity.rules import Actor
from carbon_platform.identity.service import audit


def review(
    session: Session,
    actor: Actor,
    number: str,
    *,
    decision: str,
    flags: Sequence[str] = (),
    note: str,
    document: str = "",
    share: float = 1.0,
    now: datetime,
) -> list[LandFlag]:
    """Decide about flags of a layer; none named means every one that waits for this decision.

    ``clear``: nothing was lost, the accounts go on. ``confirm``: it was; an invalidation is proposed for each
    batch (of the low ``share`` of each parcel's numbers), which another log-in has to confirm and which keeps
    the accounts still meanwhile. ``settle``: a confirmed parcel was surveyed anew and may be issued on again.

    Errors: ``NotFound``; ``SamePerson`` for who imported the layer; ``AlreadyDecided``.
    """
    serialise(session, "issuance")
    serialise(session, "land-review")
    layer = get_layer(session, actor, number)
    if actor.user_id is None or actor.user_id == layer.uploaded_by_user:
        raise SamePerson(number=layer.number)
    chosen = _chosen(session, actor, layer, flags, decision)
    if decision == "confirm":
        _propose(session, actor, layer, chosen, share, note, document, now)
    for flag in chosen:
        flag.status, flag.note = OUTCOMES[decision], note
        flag.reviewed_by, flag.reviewed_by_user, flag.reviewed_at = actor.name, actor.user_id, now
    session.flush()
    standstill.release(session, actor, [flag.number for flag in chosen], now)
    detail = {"decision": decision, "flags": [flag.number for flag in chosen], "note": note,
              "document": document, "share": share}  # fmt: skip
    audit(session, actor, "land_change.review", object_kind="land_change", object_id=layer.number, now=now,
          detail=detail)  # fmt: skip
    return chosen


def _chosen(
    session: Session, actor: Actor, layer: LandChangeLayer, numbers: Sequence[str], decision: str
) -> list[LandFlag]:
    rows = session.execute(
        flags_statement(actor, layer=layer).with_for_update(of=LandFlag).execution_options(
            populate_existing=True
        )
    )  # fmt: skip
    found = {flag.number: flag for flag, _parcel in rows}
    if not numbers:
        waiting = [flag for flag in found.values() if decision in decisions_of(flag.status)]
        if not waiting:
            raise NotFound(what=f"{layer.number} 里等这一决定的地块", key=decision)
        return waiting
    missing = [number for number in numbers if number not in found]
    if missing:
        raise NotFound(what="地块变化", key="、".join(missing[:5]))
    for number in numbers:
        flag = found[number]
        if decision not in decisions_of(flag.status):
            raise AlreadyDecided(number=number, by=flag.reviewed_by or "—")
    return [found[number] for number in dict.fromkeys(numbers)]


def _propose(
    session: Session,
    actor: Actor,
    layer: LandChangeLayer,
    chosen: Sequence[LandFlag],
    share: float,
    note: str,
    document: str,
    now: datetime,
) -> None:
    """One invalidation a batch. What is void already is not named again."""
    by_batch: dict[int, tuple[CreditBatch, list[tuple[int, int]], list[LandFlag]]] = {}
    void: dict[int, list[tuple[int, int]]] = {}
    for flag in chosen:
        for batch, first, last in ranges_of(session, [flag])[flag.id]:
            if batch.id not in void:
                void[batch.id] = _void(session, batch)
            left = without(*lowest(first, last, share), void[batch.id])
            if left:
                _batch, spans, flags = by_batch.setdefault(batch.id, (batch, [], []))
                spans += left
                flags.append(flag)
    for batch, spans, flags in by_batch.values():
        made = invalidation.propose(
            session,
            actor,
            batch=batch.code,
            numbers=sorted(spans),
            reason=f"{layer.number} 复核：{note}",
            document=document,
            now=now,
        )
        for flag in flags:
            flag.invalidations = [*flag.invalidations, made.number]


def _void(session: Session, batch: CreditBatch) -> list[tuple[int, int]]:
    rows = session.execute(
        sa.select(InvalidationRange.first, InvalidationRange.last)
        .join(Invalidation, Invalidation.id == InvalidationRange.invalidation_id)
        .where(Invalidation.batch_id == batch.id, Invalidation.status == "confirmed")
    )
    return [(first, last) for first, last in rows]
