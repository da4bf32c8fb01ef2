"""One's own act, written down now and ruled on by the worker a moment later: for the hours in which
everybody reports at once. The other way is :func:`service.report_act`, which answers with the result.

The row goes through the same inbox as a partner's and through the same :func:`intake.take_in`; what the
worker refuses, the person reads under her refusals. Callers open the transaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from carbon_platform.citizens import catalogue, claims, consents, inbox_sql, rules, scenes
from carbon_platform.citizens.errors import ActConflict
from carbon_platform.citizens.inbox_rows import record_of
from carbon_platform.citizens.inbox_sql import WAITING
from carbon_platform.citizens.inbox_tables import ActRecord
from carbon_platform.citizens.reasons import Reason
from carbon_platform.citizens.service import ActReport, claim_for
from carbon_platform.citizens.terms import read_terms
from carbon_platform.errors import NotFound, PlatformError
from carbon_platform.identity.rules import Actor
from carbon_platform.identity.service import audit


@dataclass(frozen=True)
class OwnReceipt:
    """That a report was written down. ``state``: ``waiting`` until the worker comes by, then ``done``
    (``act_id`` is the line of the book) or ``refused`` (``reason`` says why)."""

    id: int
    state: str
    act_id: int | None = None
    reason: Reason | None = None


def receive_own(session: Session, actor: Actor, report: ActReport, *, now: datetime) -> OwnReceipt:
    """Write one act of the actor down. The same record again is the first receipt, as it stands now.

    What can be said at once is: ``SourceUnknown``, ``SceneNotOpen``, ``AccountNotOpen``, ``ConsentMissing``,
    ``ConsentOutdated``, ``BehaviourNotOffered``, ``QuantityInvalid``, ``ActInFuture``, ``ActTooOld``,
    ``ActConflict`` (the number stands for something else); then nothing is written.
    """
    claim = claim_for(actor, report)
    terms = read_terms(session, [claim.source], [claim.holder])
    scene = scenes.get_source(session, claim.source)
    refusal = consents.refusal(terms.people.get(claim.holder), scene.code, catalogue.ACTS_PURPOSE)
    if refusal is not None:
        raise refusal
    prepared = claims.prepare(claim, scene)
    record = record_of(prepared)
    connection, late = session.connection(), None
    try:
        rules.check_time(claim.starts_at, claims.said_end(claim), now)
    except PlatformError as why:
        late = why  # but a record that is sent again after a month is still the first
    added = {} if late else inbox_sql.add(connection, scene.code, [record], None, now)
    if added:
        receipt = OwnReceipt(added[record.record_key], WAITING)
        audit(session, actor, "act.receive", object_kind="receipt", object_id=receipt.id, now=now)
        return receipt
    there = inbox_sql.find(connection, scene.code, [record.record_key]).get(record.record_key)
    if there is None:
        assert late is not None
        raise late
    if there.digest != record.digest:
        raise ActConflict(source=scene.code, external_id=claim.external_id)
    audit(session, actor, "act.repeat", object_kind="receipt", object_id=there.inbox_id, now=now)
    return get_receipt(session, actor, there.inbox_id)


def get_receipt(session: Session, actor: Actor, receipt_id: int) -> OwnReceipt:
    """What became of a report of the actor's own. Errors: ``NotFound``, also for somebody else's."""
    row = session.get(ActRecord, receipt_id)
    if row is None or not row.holder or row.holder != actor.holder:
        raise NotFound(what="回执", key=receipt_id)
    reason = Reason(row.reason_code, row.reason_zh, row.reason_en) if row.reason_code else None
    return OwnReceipt(row.id, row.state, row.act_id, reason)
