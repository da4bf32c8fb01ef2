"""Issuing carbon tickets (碳票): a reviewed run becomes numbered kilograms, per vintage and county."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.credits import claims
from carbon_platform.credits.allocation import Lot, ParcelNet, allocate
from carbon_platform.credits.approval import blockers_of, signoffs_of
from carbon_platform.credits.assessment import get_run
from carbon_platform.credits.disturbance import check_undisturbed
from carbon_platform.credits.tables import AssessmentRun, BatchShare, CreditBatch, RunRow
from carbon_platform.credits.uncertainty import issuable_t
from carbon_platform.db import serialise
from carbon_platform.errors import NotFound, PlatformError
from carbon_platform.identity.rules import Actor
from carbon_platform.identity.service import audit
from carbon_platform.identity.tables import Organisation
from carbon_platform.ledger import HOLDING, ISSUANCE, PLATFORM, AccountKey, Asset, Entry, Move, post
from carbon_platform.parcels import land_claims
from carbon_platform.parcels.tables import Parcel
from carbon_platform.projects.rules import NotTheOwner, land_use
from carbon_platform.projects.tables import Project

SCHEMES = {"inclusion": "PH"}


class IssueBlocked(PlatformError):
    """``errors`` lists each blocker with who can remove it."""

    code, status = "credits.issue_blocked", 409
    zh = "核算 {run} 还不能签发：{reasons_zh}"
    en = "Run {run} cannot be issued yet: {reasons_en}"


class PooledRun(PlatformError):
    """Grams of citizens' acts: the room that summed them up issues them, after looking at them again."""

    code, status = "credits.pooled_run", 409
    zh = "核算 {run} 是市民低碳行为的汇总，请在“普惠汇总”里签发：签发前要再核对一遍记录和授权。"
    en = (
        "Run {run} pools citizens' acts. Issue it from the bundles: acts and consents are looked at again "
        "before."
    )


def issue(
    session: Session, actor: Actor, run_code: str, *, is_demo: bool, now: datetime
) -> list[CreditBatch]:
    """Issue every lot of a run in one transaction; a run issued before answers with its batches.

    One-claim lock, numbering, ledger entries (issuance → holding of the project's owner) and the run's
    status are written together, so a killed process leaves nothing behind and a rerun finishes it once.

    Errors: ``NotFound``, ``NotTheOwner``, ``IssueBlocked``, ``PooledRun``, ``LandNoLongerAsAssessed``,
    ``ParcelsOverlap``, ``LandAlreadyClaimed``, ``LandDisturbed``.
    """
    serialise(session, "issuance")
    run = get_run(session, actor, run_code, lock=True)
    project = session.get_one(Project, run.project_id)
    if project.owner_organisation_id != actor.organisation_id:
        raise NotTheOwner(project=project.code)
    if run.status == "issued":
        audit(session, actor, "run.issue_again", object_kind="run", object_id=run.code, now=now)
        return batches_of_run(session, run)
    blockers = blockers_of(session, run)
    if blockers:
        raise IssueBlocked(
            run=run.code,
            reasons_zh="".join(b.zh for b in blockers),
            reasons_en=" ".join(b.en for b in blockers),
            errors=[{"code": b.code, "zh": b.zh, "en": b.en, "who": b.who} for b in blockers],
        )
    use = land_use(run.methodology_key)
    if use is None:
        raise PooledRun(run=run.code)
    # Nobody else adds a claim on land between the look and the commit.
    land_claims.lock(session)
    claims.check_as_assessed(session, run)
    rows = session.execute(
        sa.select(Parcel, RunRow.net_t)
        .join(RunRow, RunRow.parcel_id == Parcel.id)
        .where(RunRow.run_id == run.id)
        .order_by(Parcel.id)
    ).all()
    parcels = [parcel for parcel, _ in rows]
    claims.check_apart(parcels)
    check_undisturbed(session, parcels, end=run.period_end)
    period = {"start": run.period_start, "end": run.period_end}
    claims.check_free(session, parcels, pool=use.pool, project=project.code, **period)
    claims.claim(session, run, parcels, pool=use.pool, now=now)
    lots = allocate(
        [ParcelNet(parcel.id, parcel.county_code, net_t) for parcel, net_t in rows],
        issuable_t=issuable_t(session, run) or 0,
        start=run.period_start,
        end=run.period_end,
    )
    owner = session.get_one(Organisation, project.owner_organisation_id)
    signed = signoffs_of(session, run.methodology_key)
    demo = is_demo or any(s.is_demo for s in signed if s.parameter_digest == run.parameter_digest)
    batches = [_issue_lot(session, actor, run, project, owner.holder, lot, demo, now) for lot in lots]
    run.status = "issued"
    session.flush()
    detail = {"batches": [b.code for b in batches], "quantity_kg": sum(b.quantity_kg for b in batches)}
    audit(session, actor, "run.issue", object_kind="run", object_id=run.code, now=now, detail=detail)
    return batches


def _issue_lot(
    session: Session,
    actor: Actor,
    run: AssessmentRun,
    project: Project,
    holder: str,
    lot: Lot,
    is_demo: bool,
    now: datetime,
) -> CreditBatch:
    code = _new_code(session, run, project, lot)
    batch = CreditBatch(
        code=code,
        run_id=run.id,
        project_id=project.id,
        county_code=lot.county_code,
        vintage=lot.vintage,
        quantity_kg=lot.quantity_kg,
        is_demo=is_demo,
        issued_at=now,
        issued_by=actor.name,
        entry_reference=f"batch:{code}:issue",
    )
    session.add(batch)
    session.flush()
    session.execute(
        sa.insert(BatchShare),
        [
            {"batch_id": batch.id, "parcel_id": s.parcel_id, "first": s.first, "last": s.last}
            for s in lot.shares
        ],
    )
    move = Move(
        AccountKey(ISSUANCE, PLATFORM, Asset.CREDIT, code),
        AccountKey(HOLDING, holder, Asset.CREDIT, code),
        lot.quantity_kg,
    )
    entry = Entry(
        reason="issue",
        reference=batch.entry_reference,
        moves=(move,),
        effective_at=None,
        actor_name=actor.name,
        detail={"run": run.code, "project": project.code, "county": lot.county_code, "vintage": lot.vintage},
    )
    post(session, entry, now=now)
    return batch


def _new_code(session: Session, run: AssessmentRun, project: Project, lot: Lot) -> str:
    """``XY-<scheme>-<method>-<project>-<county>-<vintage>``, with ``.2`` … for further batches of it."""
    parts = ("XY", SCHEMES[project.scheme], run.methodology_key, project.code.removeprefix("XY-"))
    code = "-".join((*parts, lot.county_code, str(lot.vintage)))
    earlier = session.scalar(
        sa.select(sa.func.count())
        .select_from(CreditBatch)
        .where(
            CreditBatch.project_id == project.id,
            CreditBatch.county_code == lot.county_code,
            CreditBatch.vintage == lot.vintage,
        )
    )
    return f"{code}.{earlier + 1}" if earlier else code


def batches_of_run(session: Session, run: AssessmentRun) -> list[CreditBatch]:
    return list(
        session.scalars(sa.select(CreditBatch).where(CreditBatch.run_id == run.id).order_by(CreditBatch.id))
    )


def get_batch(session: Session, code: str) -> CreditBatch:
    """A batch by its code. Batches are public: what was issued, anyone may see."""
    batch = session.scalar(sa.select(CreditBatch).where(CreditBatch.code == code))
    if batch is None:
        raise NotFound(what="碳票批次", key=code)
    return batch
