"""Who confirmed a run, which parameter sets the authority adopted, and what still blocks issuing."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.credits import rules
from carbon_platform.credits.adoption_tables import ParameterProposal
from carbon_platform.credits.assessment import get_run
from carbon_platform.credits.rules import Blocker
from carbon_platform.credits.tables import AssessmentRun, ParameterSignOff, RunReview
from carbon_platform.credits.uncertainty import issuable_t
from carbon_platform.errors import NotFound
from carbon_platform.identity.rules import Actor
from carbon_platform.identity.service import audit
from carbon_platform.projects import service as projects
from carbon_platform.projects.rules import UnknownMethodology, local_date
from carbon_platform.projects.tables import Project
from methodologies import registry


def reviews_of(session: Session, run: AssessmentRun) -> list[RunReview]:
    statement = sa.select(RunReview).where(RunReview.run_id == run.id).order_by(RunReview.id)
    return list(session.scalars(statement))


def signoffs_of(session: Session, methodology_key: str = "") -> list[ParameterSignOff]:
    """Sign-offs on file, newest first; of one methodology or of all."""
    statement = sa.select(ParameterSignOff).order_by(ParameterSignOff.id.desc())
    if methodology_key:
        statement = statement.where(ParameterSignOff.methodology_key == methodology_key)
    return list(session.scalars(statement))


def blockers_of(session: Session, run: AssessmentRun) -> list[Blocker]:
    """Why the run cannot be issued now, from what is on file at this moment; empty means it can."""
    replaced = projects.monitored_since(
        session, run.project_id, run.period_start, run.period_end, run.created_at
    )
    return rules.issue_blockers(
        run,
        signoffs_of(session, run.methodology_key),
        reviews_of(session, run),
        readings_replaced=replaced,
        issuable_t=issuable_t(session, run),
    )


def review_run(
    session: Session, actor: Actor, code: str, *, decision: str, note: str, now: datetime
) -> AssessmentRun:
    """Record the decision (confirm or return) of the actor's role on a run, and the run's new status.

    Errors: ``NotFound``, and those of :func:`rules.check_review`.
    """
    run = get_run(session, actor, code, lock=True)
    project = session.get_one(Project, run.project_id)
    reviews = reviews_of(session, run)
    rules.check_review(
        run,
        reviews,
        role=actor.role,
        user_id=actor.user_id,
        name=actor.name,
        organisation_id=actor.organisation_id,
        created_by=run.created_by,
        owner_organisation_id=project.owner_organisation_id,
        decision=decision,
        note=note,
    )
    review = RunReview(
        run_id=run.id,
        role=actor.role,
        decision=decision,
        note=note.strip(),
        reviewer=actor.name,
        user_id=actor.user_id or 0,
        at=now,
    )
    session.add(review)
    run.status = rules.status_after(run.methodology_key, [*reviews, review])
    session.flush()
    detail = {"decision": decision, "note": note, "status": run.status}
    audit(session, actor, "run.review", object_kind="run", object_id=run.code, now=now, detail=detail)
    return run


def present_digest(methodology_key: str, *, now: datetime) -> str:
    """Digest of the methodology's parameters in force today."""
    if methodology_key not in registry():
        raise UnknownMethodology(key=methodology_key, known="、".join(sorted(registry())))
    return registry()[methodology_key].parameters.digest(local_date(now))


def signoff_of(session: Session, methodology_key: str, parameter_digest: str) -> ParameterSignOff | None:
    """The adoption of exactly this set, if there is one."""
    statement = sa.select(ParameterSignOff).where(
        ParameterSignOff.methodology_key == methodology_key,
        ParameterSignOff.parameter_digest == parameter_digest,
    )
    found: ParameterSignOff | None = session.scalar(statement)
    return found


def pending_proposal(
    session: Session, methodology_key: str, parameter_digest: str
) -> ParameterProposal | None:
    """The proposal of exactly this set that waits for the second approver."""
    statement = sa.select(ParameterProposal).where(
        ParameterProposal.methodology_key == methodology_key,
        ParameterProposal.parameter_digest == parameter_digest,
        ParameterProposal.status == "pending",
    )
    found: ParameterProposal | None = session.scalar(statement)
    return found


def describe_methodology(session: Session, key: str, *, now: datetime) -> dict[str, Any]:
    """One methodology with columns, equations and parameters in force today, and its sign-off if any."""
    if key not in registry():
        raise NotFound(what="方法学", key=key)
    methodology = registry()[key]
    today = local_date(now)
    in_force = methodology.parameters.at(today).table
    digest = methodology.parameters.digest(today)
    statuses: dict[str, int] = {}
    for parameter in in_force.values():
        statuses[parameter.status] = statuses.get(parameter.status, 0) + 1
    signed = signoff_of(session, key, digest)
    return {
        "key": key,
        "id": methodology.id,
        "version": methodology.version,
        "title_zh": methodology.title_zh,
        "title_en": methodology.title_en,
        "subject": methodology.subject,
        "source": methodology.source,
        "gwp_set": methodology.gwp_set,
        "narrative": methodology.narrative,
        "parameter_digest": digest,
        "code_digest": methodology.code_digest,
        "as_of": today,
        "statuses": statuses,
        "sign_off": signed,
        "proposal": None if signed else pending_proposal(session, key, digest),
        "columns": [_column(column) for column in methodology.columns],
        "steps": [_step(step) for step in methodology.steps],
        "parameters": [in_force[name].as_dict() for name in sorted(in_force)],
    }


def _column(column: Any) -> dict[str, Any]:
    names = ("name", "kind", "unit", "meaning_zh", "meaning_en", "low", "high", "default", "required")
    plain = {name: getattr(column, name) for name in names}
    choices = [
        {"value": choice, "zh": column.labels.get(choice, (choice, choice))[0],
         "en": column.labels.get(choice, (choice, choice))[1]}
        for choice in column.choices
    ]  # fmt: skip
    return plain | {"allowed": column.allowed, "choices": choices}


def _step(step: Any) -> dict[str, Any]:
    names = ("name", "symbol", "unit", "meaning_zh", "meaning_en", "equation_no", "source")
    plain = {name: getattr(step, name) for name in names}
    cases = [{"when": case.when, "formula": case.formula} for case in step.cases]
    return plain | {"cases": cases}
