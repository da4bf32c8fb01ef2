"""Reporting an act oneself: one claim through the pipeline, at once. Callers open the transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import cast

from sqlalchemy.orm import Session

from carbon_platform.citizens import claims
from carbon_platform.citizens.claims import Claim
from carbon_platform.citizens.intake import take_in
from carbon_platform.citizens.points_rules import load_rules
from carbon_platform.citizens.rewards import load_rewards
from carbon_platform.citizens.scenes import load_scenes
from carbon_platform.citizens.tables import Act
from carbon_platform.identity.rules import Actor
from carbon_platform.identity.service import audit

SELF = claims.SELF


@dataclass(frozen=True)
class ActReport:
    """What is said about one act. ``starts_at`` aware; quantities and circumstances as in :class:`Claim`."""

    behaviour: str
    source: str
    external_id: str
    starts_at: datetime
    quantity: int | None = None
    distance_m: int | None = None
    duration_s: int | None = None
    quantity_milli: int | None = None
    circumstances: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Reported:
    """The act as it stands in the book; ``already_counted`` if this record had been sent before."""

    act: Act
    already_counted: bool


def report_act(session: Session, actor: Actor, report: ActReport, *, now: datetime) -> Reported:
    """Take in one act of the actor. The same record again returns the first result.

    Raises what :func:`take_in` refuses a claim for; then nothing is left behind.
    """
    claim = claim_for(actor, report)
    (taken,) = take_in(session, [claim], now=now)
    if taken.error is not None:
        raise taken.error
    if taken.repeated:
        first = session.get_one(Act, taken.act_id)
        audit(session, actor, "act.repeat", object_kind="act", object_id=first.id, now=now)
        return Reported(first, already_counted=True)
    # Not loaded from its row again: what was written is at hand, column by column.
    act = cast(Act, taken.act)
    audit(
        session, actor, "act.report", object_kind="act", object_id=act.id, now=now,
        detail={"source": act.source, "status": act.status, "reason": act.reason_code},
    )  # fmt: skip
    return Reported(act, already_counted=False)


def claim_for(actor: Actor, report: ActReport) -> Claim:
    """What the actor says, as a claim."""
    return Claim(
        holder=actor.holder,
        source=report.source,
        external_id=report.external_id,
        behaviour=report.behaviour,
        starts_at=report.starts_at,
        quantity=report.quantity,
        quantity_milli=report.quantity_milli,
        distance_m=report.distance_m,
        duration_s=report.duration_s,
        circumstances=report.circumstances,
        region_code=actor.region_code,
    )


def load_reference(session: Session) -> int:
    """Load scenes, rules of points and rewards; repeatable, touches no stock and no term that was changed.

    Returns how many rewards there are.
    """
    load_scenes(session)
    load_rules(session)
    return load_rewards(session)
