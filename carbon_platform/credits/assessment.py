"""Assessment runs (核算): compute a project's period outside the write, store it inside a short one.

    run = assess(db.read, db.transact, actor, "XY-P0001", period, now=now)

Reading and computing take as long as they take; the write transaction only checks that the input is still
the one that was computed (same parcels, areas and monitoring records) and stores the figures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol, TypeVar

import pandas as pd
import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.credits import rules
from carbon_platform.credits.tables import AssessmentRun, RunRow
from carbon_platform.db import serialise
from carbon_platform.errors import NotFound
from carbon_platform.identity.rules import Actor
from carbon_platform.identity.service import audit
from carbon_platform.parcels.tables import Parcel
from carbon_platform.projects import monitoring, service
from carbon_platform.projects.frames import ParcelInput, input_frame, plain_rows
from carbon_platform.projects.rules import (
    MethodologyRefused,
    MonitoringRefused,
    check_inside_crediting,
    local_date,
)
from carbon_platform.projects.tables import Project
from methodologies import contract, registry
from methodologies.contract import Methodology, Quantification
from methodologies.errors import InvalidRows, MethodologyError

T = TypeVar("T")
# How often an assessment starts again because its input changed under it.
ATTEMPTS = 3


class Transaction(Protocol):
    """``Database.read``, ``Database.transact`` or an endpoint's equivalents."""

    def __call__(self, work: Callable[[Session], T], /) -> T: ...


@dataclass(frozen=True)
class Prepared:
    """What was read: the project and its parcels with readings of one period."""

    project: Project
    period: tuple[date, date]
    inputs: Sequence[ParcelInput]


def assess(
    read: Transaction,
    transact: Transaction,
    actor: Actor,
    code: str,
    period: tuple[date, date],
    *,
    now: datetime,
) -> AssessmentRun:
    """Assess one project over ``period`` = [start, end) and store the run as an estimate (试算).

    Starts again when the input changed between reading and writing; after three times
    ``InputChanged``. Errors: those of :func:`prepare` and :func:`compute`.
    """
    for _ in range(ATTEMPTS):
        prepared = read(lambda session: prepare(session, actor, code, period))
        result = compute(prepared, as_of=local_date(now))
        try:
            return transact(_storing(actor, prepared, result, now=now))
        except rules.InputChanged as change:
            changed = change
    raise changed


def _storing(
    actor: Actor, prepared: Prepared, result: Quantification, *, now: datetime
) -> Callable[[Session], AssessmentRun]:
    return lambda session: store(session, actor, prepared, result, now=now)


def prepare(session: Session, actor: Actor, code: str, period: tuple[date, date]) -> Prepared:
    """Read what a run needs. Errors: ``NotFound``, ``NotTheOwner``, ``PeriodOutsideCrediting``,
    ``NothingToAssess``, ``MonitoringMissing`` naming the parcels."""
    project = service.get_own_project(session, actor, code)
    check_inside_crediting(*period, project.crediting_from, project.crediting_to)
    inputs = service.read_inputs(session, project, *period)
    if not inputs:
        raise rules.NothingToAssess(project=code)
    monitoring.demand_complete(inputs, *period)
    return Prepared(project, period, inputs)


def compute(prepared: Prepared, *, as_of: date) -> Quantification:
    """Run the methodology; ``MonitoringRefused`` or ``MethodologyRefused`` in its own words."""
    methodology = service.methodology_of(prepared.project)
    frame = input_frame(methodology, prepared.inputs)
    try:
        return contract.run(methodology, frame, period=prepared.period, as_of=as_of)
    except InvalidRows as refused:
        raise MonitoringRefused(errors=refused.errors, count=refused.count) from refused
    except MethodologyError as refused:
        raise MethodologyRefused(zh=refused.message("zh"), en=refused.message("en")) from refused


def store(
    session: Session, actor: Actor, prepared: Prepared, result: Quantification, *, now: datetime
) -> AssessmentRun:
    """Store a run and its rows, if the input read before is still the input on record."""
    methodology = service.methodology_of(prepared.project)
    project = service.get_own_project(session, actor, prepared.project.code)
    # The same names as uploads and attachments wait for: nothing slips in between the check and the commit.
    serialise(session, "project-parcels")
    serialise(session, f"monitoring-{project.id}")
    inputs = prepared.inputs
    if service.read_marks(session, project, *prepared.period) != [one.mark for one in inputs]:
        raise rules.InputChanged(project=project.code)
    serialise(session, "run-code")
    count = session.scalar(sa.select(sa.func.count()).select_from(AssessmentRun)) or 0
    rounded = rules.whole_tonnes(result.net_t)
    run = AssessmentRun(
        code=f"XY-R{count + 1:06d}",
        project_id=project.id,
        period_start=prepared.period[0],
        period_end=prepared.period[1],
        methodology_key=methodology.key,
        parameter_digest=result.parameter_digest,
        input_digest=result.input_digest,
        code_digest=result.code_digest,
        gwp_set=result.gwp_set,
        as_of=result.as_of,
        parameters=[used.as_dict() for used in result.parameters_used],
        totals=dict(result.totals),
        net_t=result.net_t,
        issuable_t=rounded.issuable_t,
        deficit_t=rounded.deficit_t,
        parcel_count=len(inputs),
        area_m2=sum(parcel.area_m2 for parcel in inputs),
        warnings=[warning.as_dict() for warning in result.warnings],
        status="estimate",
        created_by=actor.name,
        created_at=now,
    )
    session.add(run)
    session.flush()
    # By table, not by entity: a hundred thousand rows need no unit of work.
    session.execute(sa.insert(RunRow.__table__), _rows(methodology, run, inputs, result.frame))
    detail = {"project": project.code, "net_t": run.net_t, "input_digest": run.input_digest}
    audit(session, actor, "run.create", object_kind="run", object_id=run.code, now=now, detail=detail)
    return run


def _rows(
    methodology: Methodology, run: AssessmentRun, inputs: Sequence[ParcelInput], frame: pd.DataFrame
) -> list[dict[str, Any]]:
    readings = plain_rows(frame, [column.name for column in methodology.columns])
    figures = plain_rows(frame, [step.name for step in methodology.steps])
    return [
        {
            "run_id": run.id,
            "parcel_id": parcel.parcel_id,
            "inputs": reading,
            "outputs": figure,
            "net_t": figure[contract.NET],
        }
        for parcel, reading, figure in zip(inputs, readings, figures, strict=True)
    ]


def visible_runs(actor: Actor) -> sa.Select[Any]:
    """Runs of projects inside the actor's region, newest first."""
    projects = service.visible_projects(actor).order_by(None).with_only_columns(Project.id)
    return (
        sa.select(AssessmentRun)
        .where(AssessmentRun.project_id.in_(projects))
        .order_by(AssessmentRun.id.desc())
    )


def get_run(session: Session, actor: Actor, code: str, *, lock: bool = False) -> AssessmentRun:
    """``NotFound`` also outside the actor's region. ``lock`` holds the row until the transaction ends."""
    statement = visible_runs(actor).where(AssessmentRun.code == code)
    run: AssessmentRun | None = session.scalar(statement.with_for_update() if lock else statement)
    if run is None:
        raise NotFound(what="核算", key=code)
    return run


def same_input_runs(session: Session, run: AssessmentRun) -> list[str]:
    """Codes of other runs with the same input, parameters and code: they hold the same figures."""
    return list(
        session.scalars(
            sa.select(AssessmentRun.code)
            .where(
                AssessmentRun.project_id == run.project_id,
                AssessmentRun.input_digest == run.input_digest,
                AssessmentRun.parameter_digest == run.parameter_digest,
                AssessmentRun.code_digest == run.code_digest,
                AssessmentRun.id != run.id,
            )
            .order_by(AssessmentRun.id)
        )
    )


def run_rows(run: AssessmentRun) -> sa.Select[RunRow, str, str, float]:
    """(RunRow, parcel code, county code, area in m²) of a run, in the order of the parcels' registration."""
    return (
        sa.select(RunRow, Parcel.code, Parcel.county_code, Parcel.area_m2)
        .join(Parcel, Parcel.id == RunRow.parcel_id)
        .where(RunRow.run_id == run.id)
        .order_by(RunRow.parcel_id)
    )


def recompute(
    session: Session, run: AssessmentRun, *, parcel: str = "", methodology: Methodology | None = None
) -> Quantification:
    """Compute a run again from its stored inputs and the parameters of its day; ``parcel`` for one row only.

    ``methodology``: the run's own unless another one is asked about, such as one with a proposed parameter.

    ``KeyError`` when the methodology version or the parcel is not there any more.
    """
    methodology = methodology or registry()[run.methodology_key]
    statement = run_rows(run)
    if parcel:
        statement = statement.where(Parcel.code == parcel)
    stored = session.execute(statement).all()
    if parcel and not stored:
        raise KeyError(parcel)
    index = pd.Index([code for _, code, _, _ in stored], dtype=object)
    frame = pd.DataFrame([row.inputs for row, _, _, _ in stored], index=index)
    return contract.run(methodology, frame, period=(run.period_start, run.period_end), as_of=run.as_of)


def replay_run(session: Session, run: AssessmentRun) -> list[str]:
    """What differs when the run is computed again; empty when every digit is the same.

    Compares digests, GWP set, totals, net, rounding and every output of every parcel, exactly.
    """
    if run.methodology_key not in registry():
        return [f"methodology {run.methodology_key} is not installed"]
    methodology = registry()[run.methodology_key]
    again = recompute(session, run)
    rounded = rules.whole_tonnes(again.net_t)
    pairs = {
        "input_digest": (run.input_digest, again.input_digest),
        "parameter_digest": (run.parameter_digest, again.parameter_digest),
        "code_digest": (run.code_digest, again.code_digest),
        "gwp_set": (run.gwp_set, again.gwp_set),
        "totals": (run.totals, dict(again.totals)),
        "net_t": (run.net_t, again.net_t),
        "issuable_t": (run.issuable_t, rounded.issuable_t),
        "deficit_t": (run.deficit_t, rounded.deficit_t),
        "parameters": (run.parameters, [used.as_dict() for used in again.parameters_used]),
    }
    differences = [f"{name}: {was!r} → {now!r}" for name, (was, now) in pairs.items() if was != now]
    figures = plain_rows(again.frame, [step.name for step in methodology.steps])
    stored = session.execute(run_rows(run)).all()
    for (row, code, _, _), figure in zip(stored, figures, strict=True):
        if row.outputs != figure or row.net_t != figure[contract.NET]:
            changed = [name for name, value in figure.items() if row.outputs.get(name) != value]
            differences.append(f"{code}: {', '.join(changed) or contract.NET}")
    return differences
