"""Reporting an act: from what was said to grams and points in the book. Callers open the transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform import ledger
from carbon_platform.citizens import catalogue, consents, points, rules
from carbon_platform.citizens.assessment import grams, quantity_max_milli
from carbon_platform.citizens.book import book_account
from carbon_platform.citizens.errors import ActConflict, QuantityInvalid
from carbon_platform.citizens.purse import issued_account, pending_account
from carbon_platform.citizens.rewards import load_rewards
from carbon_platform.citizens.rules import Journey, Reason, Used, Verdict
from carbon_platform.citizens.tables import Act
from carbon_platform.identity.rules import Actor
from carbon_platform.identity.service import audit
from methodologies.contract import Behaviour

SELF = "self"


@dataclass(frozen=True)
class ActReport:
    """What is said about one act. ``starts_at`` aware; ``quantity`` in the behaviour's unit, or metres."""

    behaviour: str
    source: str
    external_id: str
    starts_at: datetime
    quantity: int | None = None
    distance_m: int | None = None
    duration_s: int | None = None


@dataclass(frozen=True)
class Reported:
    """The act as it stands in the book; ``already_counted`` if this record had been sent before."""

    act: Act
    already_counted: bool


@dataclass(frozen=True)
class _Claim:
    """An act report brought to one form."""

    report: ActReport
    source: catalogue.Source
    behaviour: Behaviour
    milli: int
    ends_at: datetime
    day: str
    record_key: str
    digest: str

    @property
    def travels(self) -> bool:
        return self.behaviour.category_zh == catalogue.TRAVEL


# Built once: putting a statement together costs as much as asking it.
_SAME_RECORD = sa.select(Act).where(
    Act.source == sa.bindparam("source"), Act.record_key == sa.bindparam("record_key")
)


def report_act(session: Session, actor: Actor, report: ActReport, *, now: datetime) -> Reported:
    """Take in one act: consent, uniqueness, time, plausibility, caps; then grams and points in one entry.

    Unknown, too old or unconsented acts are refused and leave nothing. An act some rule does not let
    count is stored with the reason. The same record again returns the first result. Errors:
    ``SourceUnknown``, ``ConsentMissing``, ``BehaviourNotOffered``, ``QuantityInvalid``,
    ``ActConflict``, ``ActInFuture``, ``ActTooOld``.
    """
    source = catalogue.get_source(report.source)
    consents.demand(session, actor, source.code, catalogue.ACTS_PURPOSE)
    claim = _claim(actor, source, report)
    # Caps, overlaps and lots look at all a person has: one act of theirs at a time.
    points.lock(session, actor.holder)
    first = session.scalar(_SAME_RECORD, {"source": source.code, "record_key": claim.record_key})
    if first is not None:
        if first.content_digest != claim.digest:
            raise ActConflict(source=source.code, external_id=report.external_id)
        audit(session, actor, "act.repeat", object_kind="act", object_id=first.id, now=now)
        return Reported(first, already_counted=True)
    end = report.starts_at + timedelta(seconds=report.duration_s or 0)
    rules.check_time(report.starts_at, end, now)
    act = _decide(session, actor, claim, now=now)
    points.date_points(act, now=now)
    _post(session, actor, act, now=now)
    session.add(act)
    session.flush()
    audit(
        session, actor, "act.report", object_kind="act", object_id=act.id, now=now,
        detail={"source": act.source, "status": act.status, "reason": act.reason_code},
    )  # fmt: skip
    return Reported(act, already_counted=False)


def _claim(actor: Actor, source: catalogue.Source, report: ActReport) -> _Claim:
    behaviour = catalogue.get_behaviour(source, report.behaviour)
    milli = _claimed_milli(behaviour, report)
    assumed_s = rules.ASSUMED_JOURNEY_S if behaviour.category_zh == catalogue.TRAVEL else 0
    ends_at = report.starts_at + timedelta(seconds=report.duration_s or assumed_s)
    own = source.code == SELF
    return _Claim(
        report=report,
        source=source,
        behaviour=behaviour,
        milli=milli,
        ends_at=ends_at,
        day=rules.local_day(report.starts_at),
        record_key=f"{actor.holder}:{report.external_id}" if own else report.external_id,
        digest=rules.content_digest(
            holder=actor.holder,
            behaviour=behaviour.code,
            milli=milli,
            starts_at=report.starts_at,
            ends_at=ends_at,
            distance_m=report.distance_m,
        ),
    )


def _claimed_milli(behaviour: Behaviour, report: ActReport) -> int:
    def wrong(reason: str, reason_en: str) -> QuantityInvalid:
        return QuantityInvalid(
            name=behaviour.name_zh, name_en=behaviour.name_en, reason=reason, reason_en=reason_en
        )

    if catalogue.is_distance(behaviour):
        if report.quantity is not None or report.distance_m is None:
            raise wrong(
                "请用 distance_m 给出米数，不要给 quantity", "give distance_m in metres, not quantity"
            )
        milli = report.distance_m
    else:
        milli = (1 if report.quantity is None else report.quantity) * rules.MILLI
        if behaviour.category_zh == catalogue.TRAVEL and behaviour.whole and milli != rules.MILLI:
            raise wrong("一条记录只报一趟，quantity 应为 1", "one record is one ride: quantity must be 1")
    most = quantity_max_milli(catalogue.methodology())
    if milli > most:
        size = rules.milli_text(most)
        raise wrong(
            f"一条记录最多 {size} {behaviour.unit_zh}", f"one record holds at most {size} {behaviour.unit_en}"
        )
    return milli


def _decide(session: Session, actor: Actor, claim: _Claim, *, now: datetime) -> Act:
    """Assess the claim against the book and build the row, not yet added to the session."""
    methodology = catalogue.methodology()
    caps = catalogue.caps_of(claim.behaviour)
    rule = rules.rule_in_force(catalogue.points_rules(), claim.day)
    percent = claim.source.evidence_percent
    full = grams(methodology, claim.behaviour.code, claim.milli, claim.day)
    claimed_g = rules.graded_g(full.points_g, percent)
    stopped = _stopped(session, actor, claim)
    assessed_milli, assessed = claim.milli, full
    if stopped:
        verdict = rules.refused(stopped)
    else:
        used = _used(session, actor.holder, claim.behaviour, claim.day)
        counted, reason = rules.countable_milli(claim.milli, caps, used)
        if 0 < counted < claim.milli:
            assessed_milli = counted
            assessed = grams(methodology, claim.behaviour.code, counted, claim.day)
        verdict = rules.settle(
            claimed_milli=claim.milli,
            counted_milli=counted,
            quantity_reason=reason,
            points_g=min(claimed_g, rules.graded_g(assessed.points_g, percent)),
            creditable_g=rules.graded_g(assessed.creditable_g, percent) if claim.source.creditable else 0,
            caps=caps,
            used=used,
            rule=rule,
        )
    formula_zh, formula_en = rules.formula_words(
        quantity_milli=assessed_milli,
        caps=caps,
        raw_g=assessed.points_g,
        percent=percent,
        verdict=verdict,
        grams_per_point=rule.grams_per_point,
    )
    return Act(
        **_said(actor, claim),
        **_ruled(verdict),
        claimed_g=claimed_g,
        formula_zh=formula_zh,
        formula_en=formula_en,
        methodology=methodology.key,
        assessed_milli=assessed_milli,
        evidence_percent=percent,
        parameter_digest=assessed.parameter_digest,
        input_digest=assessed.input_digest,
        code_digest=assessed.code_digest,
        points_rule=rule.version,
        reported_at=now,
    )


def _said(actor: Actor, claim: _Claim) -> dict[str, Any]:
    return {
        "holder": actor.holder,
        "region_code": actor.region_code,
        "source": claim.source.code,
        "external_id": claim.report.external_id,
        "record_key": claim.record_key,
        "content_digest": claim.digest,
        "behaviour": claim.behaviour.code,
        "travel": claim.travels,
        "occurred_at": claim.report.starts_at,
        "ended_at": claim.ends_at,
        "day": claim.day,
        "distance_m": claim.report.distance_m,
        "claimed_milli": claim.milli,
    }


def _ruled(verdict: Verdict) -> dict[str, Any]:
    return {
        "counted_milli": verdict.counted_milli,
        "status": verdict.status,
        "reason_code": verdict.reasons[0].code if verdict.reasons else "",
        "reason_zh": "".join(reason.zh for reason in verdict.reasons),
        "reason_en": " ".join(reason.en for reason in verdict.reasons),
        "reduction_g": verdict.reduction_g,
        "creditable_g": verdict.creditable_g,
        "points": verdict.points,
    }


def _stopped(session: Session, actor: Actor, claim: _Claim) -> Reason | None:
    """Why nothing of this act can count, if so."""
    if claim.behaviour.excludes:
        other = session.scalar(
            sa.select(Act.behaviour).where(
                Act.holder == actor.holder,
                Act.behaviour.in_(claim.behaviour.excludes),
                Act.day == claim.day,
                Act.counted_milli > 0,
                Act.withdrawn_at.is_(None),
            )
        )
        if other is not None:
            return rules.exclusion_reason(*_names(other))
    if not claim.travels:
        return None
    report = claim.report
    odd = rules.implausible(
        report.distance_m, report.duration_s, catalogue.speed_max_kmh(claim.behaviour.code)
    )
    if odd:
        return odd
    near = session.scalars(
        sa.select(Act).where(
            Act.holder == actor.holder,
            Act.travel.is_(True),
            Act.counted_milli > 0,
            Act.withdrawn_at.is_(None),
            Act.occurred_at < claim.ends_at,
            Act.ended_at > report.starts_at,
        )
    )
    journeys = []
    for act in near:
        journeys.append(Journey(act.id, *_names(act.behaviour), act.occurred_at, act.ended_at))
    same = rules.overlapping(report.starts_at, claim.ends_at, journeys)
    return rules.overlap_reason(same) if same else None


def _names(behaviour: str) -> tuple[str, str]:
    known = catalogue.behaviours().get(behaviour)
    return (known.name_zh, known.name_en) if known else (behaviour, behaviour)


def _used_statement() -> sa.Select[Any]:
    today = sa.case((Act.day == sa.bindparam("day"), 1), else_=0)
    mine = sa.case((Act.behaviour.in_(sa.bindparam("behaviours", expanding=True)), 1), else_=0)
    counted = sa.case((Act.counted_milli > 0, 1), else_=0)
    return sa.select(
        sa.func.coalesce(sa.func.sum(counted * mine * today), 0),
        sa.func.coalesce(sa.func.sum(Act.counted_milli * mine * today), 0),
        sa.func.coalesce(sa.func.sum(Act.counted_milli * mine), 0),
        sa.func.coalesce(sa.func.sum(Act.reduction_g * mine * today), 0),
        sa.func.coalesce(sa.func.sum(Act.points * today), 0),
    ).where(
        Act.holder == sa.bindparam("holder"),
        Act.withdrawn_at.is_(None),
        Act.day >= sa.bindparam("month"),
        Act.day < sa.bindparam("next_month"),
    )


_USED = _used_statement()


def _used(session: Session, holder: str, behaviour: Behaviour, day: str) -> Used:
    """What counts against the caps already."""
    asked = {
        "holder": holder,
        "behaviours": catalogue.sharing_cap(behaviour),
        "day": day,
        "month": day[:8] + "01",
        "next_month": rules.next_month(day),
    }
    row = [int(value) for value in session.execute(_USED, asked).one()]
    if behaviour.cap_quantity_per_year is None:
        return Used(*row)
    # Few behaviours have a cap by the year: only they pay for reading one.
    year = {"month": f"{day[:4]}-01-01", "next_month": f"{int(day[:4]) + 1:04d}-01-01"}
    whole = session.execute(_USED, asked | year).one()
    return Used(*row, year_milli=int(whole[2]))


def _post(session: Session, actor: Actor, act: Act, *, now: datetime) -> None:
    """Grams into the book and points into their lot, active at once where nothing is left to wait for."""
    booking = _booking(actor, act)
    if booking is None:
        return
    activation = points.activation_at_once(act, now=now)
    entries = [booking] if activation is None else [booking, activation]
    try:
        posted = [outcome.demand() for outcome in ledger.post_batch(session, entries, now)]
    except ledger.ReferenceConflict as conflict:
        # The reference is the record's: somebody else claimed it a moment ago.
        raise ActConflict(source=act.source, external_id=act.external_id) from conflict
    act.entry_id = posted[0].entry_id
    if activation is not None:
        points.note_active(session, act, posted[1].entry_id, now=now)


def _booking(actor: Actor, act: Act) -> ledger.Entry | None:
    """Grams into the book, and points, still pending, into their lot; None when there are neither."""
    moves = []
    if act.reduction_g:
        moves.append(
            ledger.Move(
                ledger.AccountKey(ledger.REDUCTION_SOURCE, ledger.PLATFORM, ledger.Asset.REDUCTION),
                book_account(actor.holder),
                act.reduction_g,
            )
        )
    if act.points:
        moves.append(
            ledger.Move(
                issued_account(act.points_lot), pending_account(actor.holder, act.points_lot), act.points
            )
        )
    if not moves:
        return None
    return ledger.Entry(
        reason="act",
        reference=f"act:{act.source}:{act.record_key}",
        moves=moves,
        effective_at=act.occurred_at,
        # The journal outlives the person: it names the opaque holder, never the nickname.
        actor_name=actor.holder,
        detail={"methodology": act.methodology, "parameters": act.parameter_digest, "rule": act.points_rule},
    )


def load_reference(session: Session) -> int:
    """Load the catalogue of rewards; repeatable, never touches stock. Returns how many there are."""
    return load_rewards(session)
