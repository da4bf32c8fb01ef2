"""Pooled batches: tickets that come from many people's acts and not from land.

Whoever sums the acts up (a room above this one) hands over the sum with its digests; from there on the
road is the usual one: an estimate, the verifier, the ecology bureau, the same blockers, one rounding, one
ledger entry. A pooled run has no parcels: what it was computed from is kept by who summed it up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.credits import rules
from carbon_platform.credits.approval import blockers_of, signoffs_of
from carbon_platform.credits.assessment import get_run
from carbon_platform.credits.issuance import SCHEMES, IssueBlocked, batches_of_run
from carbon_platform.credits.tables import AssessmentRun, CreditBatch
from carbon_platform.db import serialise
from carbon_platform.identity.rules import SYSTEM, Actor
from carbon_platform.identity.service import audit
from carbon_platform.identity.tables import Organisation
from carbon_platform.ledger import HOLDING, ISSUANCE, PLATFORM, AccountKey, Asset, Entry, Move, post
from carbon_platform.projects.rules import INCLUSION, NoOrganisation, NotTheOwner
from carbon_platform.projects.tables import Project
from methodologies import registry

CREDITING_YEARS = 10  # local-decision: the plan names no crediting period for pooled acts


@dataclass(frozen=True)
class Pool:
    """A sum of creditable grams over a period ``[start, end)`` within one calendar year, and its digests."""

    start: date
    end: date
    methodology_key: str
    parameter_digest: str
    input_digest: str
    code_digest: str
    gwp_set: str
    as_of: date
    parameters: Sequence[Mapping[str, Any]]
    totals: Mapping[str, Any]
    creditable_g: int


def apply(session: Session, actor: Actor, pool: Pool, *, now: datetime) -> AssessmentRun:
    """Put a pool before the verifier and the bureau as an estimate (试算) of the actor's organisation.

    Errors: ``NoOrganisation``.
    """
    project = _project(session, actor, pool, now)
    serialise(session, "run-code")
    count = session.scalar(sa.select(sa.func.count()).select_from(AssessmentRun)) or 0
    net_t = pool.creditable_g / 1_000_000
    run = AssessmentRun(
        code=f"XY-R{count + 1:06d}",
        project_id=project.id,
        period_start=pool.start,
        period_end=pool.end,
        methodology_key=pool.methodology_key,
        parameter_digest=pool.parameter_digest,
        input_digest=pool.input_digest,
        code_digest=pool.code_digest,
        gwp_set=pool.gwp_set,
        as_of=pool.as_of,
        parameters=[dict(used) for used in pool.parameters],
        totals=dict(pool.totals),
        net_t=net_t,
        issuable_t=rules.whole_tonnes(net_t).issuable_t,
        deficit_t=0.0,
        parcel_count=0,
        area_m2=0.0,
        warnings=[],
        status="estimate",
        created_by=actor.name,
        created_at=now,
    )
    session.add(run)
    session.flush()
    detail = {"project": project.code, "net_t": net_t, "input_digest": pool.input_digest}
    audit(session, actor, "run.create", object_kind="run", object_id=run.code, now=now, detail=detail)
    return run


def _project(session: Session, actor: Actor, pool: Pool, now: datetime) -> Project:
    """The organisation's project for pools of this methodology; made with the first of them."""
    if actor.organisation_id is None:
        raise NoOrganisation
    serialise(session, "project-code")
    wanted = sa.select(Project).where(
        Project.owner_organisation_id == actor.organisation_id,
        Project.methodology_key == pool.methodology_key,
        Project.crediting_from <= pool.start,
        Project.crediting_to >= pool.end,
    )
    project = session.scalar(wanted.order_by(Project.id).limit(1))
    if project is not None:
        return project
    count = session.scalar(sa.select(sa.func.count()).select_from(Project)) or 0
    project = Project(
        code=f"XY-P{count + 1:04d}",
        name_zh=f"市民低碳行为汇总（{registry()[pool.methodology_key].title_zh}）",
        scheme=INCLUSION,
        methodology_key=pool.methodology_key,
        region_code=SYSTEM.region_code,
        owner_organisation_id=actor.organisation_id,
        crediting_from=date(pool.start.year, 1, 1),
        crediting_to=date(pool.start.year + CREDITING_YEARS, 1, 1),
        status="registered",
        created_by=actor.name,
        created_at=now,
    )
    session.add(project)
    session.flush()
    audit(session, actor, "project.create", object_kind="project", object_id=project.code, now=now)
    return project


def issue(session: Session, actor: Actor, run_code: str, *, is_demo: bool, now: datetime) -> CreditBatch:
    """Issue a pooled run as one batch of the whole city; a run issued before answers with its batch.

    Errors: ``NotFound``, ``NotTheOwner``, ``IssueBlocked`` (also while the parameters are not adopted).
    """
    serialise(session, "issuance")
    run = get_run(session, actor, run_code, lock=True)
    project = session.get_one(Project, run.project_id)
    if project.owner_organisation_id != actor.organisation_id:
        raise NotTheOwner(project=project.code)
    if run.status == "issued":
        audit(session, actor, "run.issue_again", object_kind="run", object_id=run.code, now=now)
        return batches_of_run(session, run)[0]
    blockers = blockers_of(session, run)
    if blockers:
        raise IssueBlocked(
            run=run.code,
            reasons_zh="".join(blocker.zh for blocker in blockers),
            reasons_en=" ".join(blocker.en for blocker in blockers),
            errors=[{"code": b.code, "zh": b.zh, "en": b.en, "who": b.who} for b in blockers],
        )
    signed = signoffs_of(session, run.methodology_key)
    demo = is_demo or any(s.is_demo for s in signed if s.parameter_digest == run.parameter_digest)
    batch = _batch(session, actor, run, project, demo, now)
    run.status = "issued"
    session.flush()
    detail = {"batches": [batch.code], "quantity_kg": batch.quantity_kg}
    audit(session, actor, "run.issue", object_kind="run", object_id=run.code, now=now, detail=detail)
    return batch


def _batch(
    session: Session, actor: Actor, run: AssessmentRun, project: Project, is_demo: bool, now: datetime
) -> CreditBatch:
    code = _new_code(session, run, project)
    batch = CreditBatch(
        code=code,
        run_id=run.id,
        project_id=project.id,
        county_code=SYSTEM.region_code,
        vintage=run.period_start.year,
        quantity_kg=run.issuable_t * 1000,
        is_demo=is_demo,
        issued_at=now,
        issued_by=actor.name,
        entry_reference=f"batch:{code}:issue",
    )
    session.add(batch)
    session.flush()
    holder = session.get_one(Organisation, project.owner_organisation_id).holder
    move = Move(
        AccountKey(ISSUANCE, PLATFORM, Asset.CREDIT, code),
        AccountKey(HOLDING, holder, Asset.CREDIT, code),
        batch.quantity_kg,
    )
    entry = Entry(
        reason="issue",
        reference=batch.entry_reference,
        moves=(move,),
        effective_at=None,
        actor_name=actor.name,
        detail={"run": run.code, "project": project.code, "vintage": batch.vintage},
    )
    post(session, entry, now=now)
    return batch


def _new_code(session: Session, run: AssessmentRun, project: Project) -> str:
    place = (SYSTEM.region_code, str(run.period_start.year))
    code = "-".join(
        ("XY", SCHEMES[project.scheme], run.methodology_key, project.code.removeprefix("XY-"), *place)
    )
    earlier = session.scalar(
        sa.select(sa.func.count())
        .select_from(CreditBatch)
        .where(CreditBatch.project_id == project.id, CreditBatch.vintage == run.period_start.year)
    )
    return f"{code}.{earlier + 1}" if earlier else code


def is_pooled(run: AssessmentRun) -> bool:
    """Whether a run comes from acts and not from land."""
    return registry()[run.methodology_key].subject == "act"
