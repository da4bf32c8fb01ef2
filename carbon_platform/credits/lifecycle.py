"""A project as one story: what is done, what is being done, what is to come, and who can move it on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.credits import approval, rules
from carbon_platform.credits.rules import Blocker
from carbon_platform.credits.tables import AssessmentRun, CreditBatch, RunReview
from carbon_platform.credits.uncertainty import issuable_t
from carbon_platform.identity.rules import ROLES_ZH, Actor
from carbon_platform.identity.tables import Organisation
from carbon_platform.projects import service
from carbon_platform.projects.rules import land_use
from carbon_platform.projects.tables import Project, ProjectParcel


@dataclass(frozen=True)
class Milestone:
    """One stage of the timeline. ``state``: done, now, todo."""

    key: str
    zh: str
    en: str
    state: str
    who: str = ""
    at: datetime | None = None
    note_zh: str = ""
    note_en: str = ""


@dataclass(frozen=True)
class NextStep:
    """What moves the project on, who can do it, and what stands in the way."""

    zh: str
    en: str
    who: str
    blockers: tuple[Blocker, ...] = ()


def project_runs(session: Session, project: Project) -> list[AssessmentRun]:
    """Runs of a project, newest first."""
    statement = sa.select(AssessmentRun).where(AssessmentRun.project_id == project.id)
    return list(session.scalars(statement.order_by(AssessmentRun.id.desc())))


def project_file(session: Session, actor: Actor, code: str) -> dict[str, Any]:
    """Everything about one project: size, periods monitored, runs, timeline and next step."""
    project = service.get_project(session, actor, code)
    counties = service.county_counts(session, project)
    periods = service.monitored_periods(session, project)
    runs = project_runs(session, project)
    parcels = sum(county["parcels"] for county in counties)
    milestones = _milestones(session, project, parcels, periods, runs)
    return {
        "project": project,
        "owner": session.get_one(Organisation, project.owner_organisation_id).name_zh,
        "parcel_count": parcels,
        "area_m2": sum(county["area_m2"] for county in counties),
        "counties": counties,
        "periods": [period | {"missing": parcels - period["parcels"]} for period in periods],
        "runs": runs,
        "timeline": milestones,
        "next_step": _next_step(session, project, parcels, periods, runs)
        if land_use(project.methodology_key)
        else _pooled_step(session, runs),
    }


def _milestones(
    session: Session,
    project: Project,
    parcels: int,
    periods: list[dict[str, Any]],
    runs: list[AssessmentRun],
) -> list[Milestone]:
    run = runs[0] if runs else None
    attached_at = session.scalar(
        sa.select(sa.func.max(ProjectParcel.attached_at)).where(ProjectParcel.project_id == project.id)
    )
    reviews = {review.role: review for review in approval.reviews_of(session, run)} if run else {}
    batches = _batches(session, run) if run else []
    land = [
        Milestone("parcels", "地块", "parcels", "done" if parcels else "todo", "", attached_at,
                  f"{parcels} 块", f"{parcels} parcels"),
        _monitoring_stage(parcels, periods),
    ]  # fmt: skip
    stages = [
        Milestone("registered", "建档", "registered", "done", project.created_by, project.created_at),
        *(land if land_use(project.methodology_key) else []),
        Milestone("assessment", "核算", "assessment", "done" if run else "todo",
                  run.created_by if run else "", run.created_at if run else None,
                  f"{run.code}，{rules.STATUS_ZH[run.status]}" if run else "",
                  f"{run.code}, {run.status}" if run else ""),
        *[_review_stage(role, reviews.get(role)) for role in rules.review_steps(project.methodology_key)],
        Milestone("issued", "签发", "issued", "done" if batches else "todo",
                  batches[0].issued_by if batches else "", batches[0].issued_at if batches else None,
                  f"{len(batches)} 批" if batches else "", f"{len(batches)} batches" if batches else ""),
    ]  # fmt: skip
    return _mark_present(stages)


def _mark_present(stages: list[Milestone]) -> list[Milestone]:
    """The first stage that is not done is where the project stands."""
    marked = []
    found = False
    for stage in stages:
        if stage.state != "done" and not found:
            found = True
            stage = Milestone(**{**stage.__dict__, "state": "now"})
        marked.append(stage)
    return marked


def _monitoring_stage(parcels: int, periods: list[dict[str, Any]]) -> Milestone:
    complete = [period for period in periods if parcels and period["parcels"] >= parcels]
    shown = (complete or periods)[-1:]
    if not shown:
        return Milestone("monitoring", "监测", "monitoring", "todo")
    period = shown[0]
    words = rules.period_words(period["period_start"], period["period_end"])
    return Milestone(
        "monitoring", "监测", "monitoring", "done" if complete else "todo", "", period["recorded_at"],
        f"{words}，{period['parcels']}/{parcels} 块", f"{words}, {period['parcels']} of {parcels} parcels",
    )  # fmt: skip


def _review_stage(role: str, review: RunReview | None) -> Milestone:
    zh, en = ROLES_ZH[role], rules.ROLES_EN[role].removeprefix("the ")
    if review is None:
        return Milestone(role, zh, en, "todo")
    state = "done" if review.decision == "confirm" else "todo"
    note = review.note if review.decision == "confirm" else f"退回：{review.note}"
    note_en = review.note if review.decision == "confirm" else f"returned: {review.note}"
    return Milestone(role, zh, en, state, review.reviewer, review.at, note, note_en)


def _batches(session: Session, run: AssessmentRun) -> list[CreditBatch]:
    statement = sa.select(CreditBatch).where(CreditBatch.run_id == run.id).order_by(CreditBatch.id)
    return list(session.scalars(statement))


def _pooled_step(session: Session, runs: list[AssessmentRun]) -> NextStep:
    """Of a project of pooled acts: its bundles move it on."""
    waiting = [run for run in runs if run.status not in ("issued", "returned")]
    if not waiting:
        return NextStep(
            "下一个汇总期关窗后再申请。", "Apply again when the next window is closed.", "operator"
        )
    blockers = tuple(approval.blockers_of(session, waiting[0]))
    if blockers:
        return NextStep(blockers[0].zh, blockers[0].en, blockers[0].who, blockers)
    return NextStep(
        f"{waiting[0].code} 手续齐了，请在“普惠汇总”里签发。",
        f"{waiting[0].code} is complete: issue it from the bundles.",
        "operator",
    )


def _next_step(
    session: Session,
    project: Project,
    parcels: int,
    periods: list[dict[str, Any]],
    runs: list[AssessmentRun],
) -> NextStep:
    if not parcels:
        return NextStep(
            "还没有地块。先加入已登记的地块。", "No parcels yet. Attach registered ones.", "operator"
        )
    if not any(period["parcels"] >= parcels for period in periods):
        recorded = max((period["parcels"] for period in periods), default=0)
        return NextStep(
            f"还有 {parcels - recorded} 块地没有监测数据。先上传。",
            f"{parcels - recorded} parcels have no readings yet. Upload them.",
            "operator",
        )
    if not runs:
        return NextStep("监测数据齐了，可以核算。", "The readings are complete; assess them.", "operator")
    run = runs[0]
    if run.status == "issued":
        return NextStep(
            "已签发，可以挂牌。下一个监测期到期后再监测。",
            "Issued and ready to list. Monitor again when the next period ends.",
            "operator",
        )
    blockers = tuple(approval.blockers_of(session, run))
    if not blockers:
        quantity_t = issuable_t(session, run)
        return NextStep(
            f"{run.code} 手续齐了，可以签发 {quantity_t:,} 吨。",
            f"{run.code} is complete: {quantity_t:,} t can be issued.",
            "operator",
        )
    first = blockers[0]
    return NextStep(first.zh, first.en, first.who, blockers)
