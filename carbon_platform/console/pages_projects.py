"""Projects and their assessment runs."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import sqlalchemy as sa
from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from carbon_platform.console import run_view
from carbon_platform.console.formats import day
from carbon_platform.console.opened import opened, parameter_row
from carbon_platform.console.pages_land import collection
from carbon_platform.console.pages_public import methodology_title
from carbon_platform.console.site import asked_page, counties_text, county, page, pager, role_label, said
from carbon_platform.credits import approval, assessment, lifecycle, rules
from carbon_platform.credits.explain import explain_run
from carbon_platform.credits.queries import batch_views
from carbon_platform.credits.tables import AssessmentRun, CreditBatch, RunRow
from carbon_platform.errors import PlatformError
from carbon_platform.explanation import Term
from carbon_platform.identity.rules import Actor
from carbon_platform.parcels.tables import Parcel
from carbon_platform.projects import service
from carbon_platform.projects.frames import AREA
from carbon_platform.projects.rules import CCER, land_use
from carbon_platform.projects.tables import MonitoringRecord, Project, ProjectParcel
from carbon_platform.regions.service import plan
from carbon_platform.web import Call, paged
from methodologies import registry

blp = Blueprint("project_pages", __name__)

PAGE_SIZE = 50


@blp.get("/projects")
@page("project.read")
def projects(call: Call) -> ResponseReturnValue:
    found = paged(call.session, service.list_projects(call.actor), page=asked_page(), size=PAGE_SIZE)
    return render_template(
        "projects.html",
        projects=[_brief(call, *row) for row in found.items],
        page=pager(found),
        methodologies=[
            {"key": key, "title": methodology_title(key)} for key in sorted(registry()) if land_use(key)
        ],
        can={"create": call.actor.may("project.write")},
    )


def _scheme_label(project: Project) -> str:
    return "CCER" if project.scheme == CCER else _("碳普惠")


def _brief(call: Call, project: Project, parcel_count: int, area_m2: float) -> dict[str, Any]:
    runs = lifecycle.project_runs(call.session, project)
    counties = service.county_counts(call.session, project)
    return {
        "code": project.code,
        "name": project.name_zh,
        "scheme_label": _scheme_label(project),
        "methodology_title": methodology_title(project.methodology_key),
        "county_names": counties_text(one["county_code"] for one in counties) or _("还没有地块"),
        "parcel_count": parcel_count,
        "area_m2": area_m2,
        "state": project.status,
        "last_run": {
            "code": runs[0].code,
            "url": f"/explain/run/{runs[0].code}",
            "net_t": runs[0].net_t,
            "state": runs[0].status,
        }
        if runs
        else None,
        "url": f"/projects/{project.code}",
    }


@blp.get("/projects/<code>/parcels.geojson")
@page("project.read")
def project_parcels(call: Call, code: str) -> ResponseReturnValue:
    project = service.get_project(call.session, call.actor, code)
    return collection(list(call.session.scalars(_members(project))))


def _members(project: Project) -> sa.Select[Any]:
    return (
        sa.select(Parcel)
        .join(ProjectParcel, ProjectParcel.parcel_id == Parcel.id)
        .where(ProjectParcel.project_id == project.id)
        .order_by(Parcel.code)
    )


@blp.get("/projects/<code>")
@page("project.read")
def project(call: Call, code: str) -> ResponseReturnValue:
    file = lifecycle.project_file(call.session, call.actor, code)
    found: Project = file["project"]
    own = call.actor.organisation_id == found.owner_organisation_id
    may_write = own and call.actor.may("project.write")
    members = paged(call.session, _members(found), page=asked_page(), size=PAGE_SIZE)
    use = land_use(found.methodology_key)
    methodology = registry()[found.methodology_key]
    return render_template(
        "project.html",
        project={
            "code": found.code,
            "name": found.name_zh,
            "scheme_label": _scheme_label(found),
            "methodology_key": found.methodology_key,
            "methodology_title": methodology_title(found.methodology_key),
            "owner": file["owner"],
            "crediting": rules.period_words(found.crediting_from, found.crediting_to),
            "state": file["runs"][0].status if file["runs"] else found.status,
            "parcel_count": file["parcel_count"],
            "area_m2": file["area_m2"],
            "county_names": counties_text(one["county_code"] for one in file["counties"]) or _("还没有地块"),
        },
        steps=[_milestone(stage) for stage in file["timeline"]],
        next_step=_next_step(file, call.actor, may_write),
        runs=[run_row(run) for run in file["runs"]],
        parcels=_parcel_rows(call, found, members.items, file["runs"]),
        parcel_page=pager(members),
        map_url=f"/projects/{code}/parcels.geojson",
        columns=[
            {
                "name": column.name,
                "label": said(column.meaning_zh, column.meaning_en),
                "unit": column.unit,
                "hint": column.allowed,
            }
            for column in methodology.columns
            if column.name != AREA
        ],
        land_kind=use.kind if use else "",
        counties=_choosable(call.actor, found),
        suggested=_last_period(file),
        can={"write": may_write, "run": own and call.actor.may("run.write")},
        trail=[{"label": _("项目库"), "url": "/projects"}, {"label": found.name_zh}],
    )


def _milestone(stage: lifecycle.Milestone) -> dict[str, Any]:
    note = said(stage.note_zh, stage.note_en)
    return {
        "label": said(stage.zh, stage.en),
        "at": day(stage.at) if stage.at else "",
        "note": "，".join(part for part in (stage.who, note) if part),
        "state": stage.state,
    }


def _next_step(file: dict[str, Any], actor: Actor, may_write: bool) -> dict[str, Any] | None:
    """What moves the project on; a button only for who can do it."""
    step: lifecycle.NextStep = file["next_step"]
    found = {"text": said(step.zh, step.en), "kind": "", "label": "", "url": "",
             "who": "" if step.who == actor.role else role_label(step.who)}  # fmt: skip
    run = file["runs"][0] if file["runs"] else None
    if land_use(file["project"].methodology_key) is None:
        return found | ({"kind": "link", "label": _("去普惠汇总"), "url": "/bundles"} if may_write else {})
    if may_write and not file["parcel_count"]:
        return found | {"kind": "parcels", "label": _("挂地块")}
    if may_write and not any(not period["missing"] for period in file["periods"]):
        return found | {"kind": "monitoring", "label": _("交监测数据")}
    if may_write and (run is None or run.status == "returned"):
        return found | {"kind": "run", "label": _("核算")}
    if run is not None and step.who == actor.role:
        if run.status == "issued":
            return found | {"kind": "link", "label": _("去挂牌"), "url": "/holdings"}
        return found | {"kind": "link", "label": _("打开核算"), "url": f"/runs/{run.code}"}
    return found


def run_row(run: AssessmentRun) -> dict[str, Any]:
    """One line of a list of runs."""
    return {
        "code": run.code,
        "url": f"/runs/{run.code}",
        "period": rules.period_words(run.period_start, run.period_end),
        "net_t": run.net_t,
        "issuable_t": run.issuable_t,
        "state": run.status,
        "created_by": run.created_by,
        "created_at": run.created_at,
        "explain_url": f"/explain/run/{run.code}",
    }


def _parcel_rows(
    call: Call, project: Project, found: list[Parcel], runs: list[AssessmentRun]
) -> list[dict[str, Any]]:
    ids = [parcel.id for parcel in found]
    record = MonitoringRecord
    monitored = {
        parcel_id: rules.period_words(start, end)
        for parcel_id, start, end in call.session.execute(
            sa.select(record.parcel_id, record.period_start, record.period_end)
            .where(record.project_id == project.id, record.parcel_id.in_(ids), record.superseded_by.is_(None))
            .order_by(record.period_start)
        )
    }
    nets: dict[int, float] = {}
    if runs:
        nets = dict(
            call.session.execute(
                sa.select(RunRow.parcel_id, RunRow.net_t).where(
                    RunRow.run_id == runs[0].id, RunRow.parcel_id.in_(ids)
                )
            ).all()
        )
    return [
        {
            "code": parcel.code,
            "url": f"/parcels/{parcel.code}",
            "county_name": county(parcel.county_code),
            "area_m2": parcel.area_m2,
            "monitored": monitored.get(parcel.id),
            "net_t": nets.get(parcel.id),
            "estimate": bool(runs) and runs[0].status != "issued",
            "explain_url": f"/explain/run-row/{runs[0].code}:{parcel.code}" if runs else None,
        }
        for parcel in found
    ]


def _choosable(actor: Actor, project: Project) -> list[dict[str, str]]:
    """Counties whose registered land the project may take."""
    codes = [code for row in plan()["batch"] for code in row["counties"]]
    return [
        {"code": code, "name": county(code)}
        for code in codes
        if code.startswith(project.region_code) and actor.sees_region(code)
    ]


def _last_period(file: dict[str, Any]) -> dict[str, str] | None:
    """The newest period every parcel has readings of."""
    complete = [period for period in file["periods"] if not period["missing"]]
    if not complete:
        return None
    return {name: complete[-1][name].isoformat() for name in ("period_start", "period_end")}


# --- runs -----------------------------------------------------------------------------------------


@blp.get("/runs/<code>")
@page("run.read")
def run(call: Call, code: str) -> ResponseReturnValue:
    found = assessment.get_run(call.session, call.actor, code)
    project = call.session.get_one(Project, found.project_id)
    explanation = opened(explain_run(call.session, found), call.actor)
    chart = run_view.waterfall(found)
    rows = paged(call.session, assessment.run_rows(found), page=asked_page(), size=PAGE_SIZE)
    file = lifecycle.project_file(call.session, call.actor, project.code)
    newest = file["runs"][0].id == found.id
    batches = batch_views(
        call.session,
        list(call.session.scalars(sa.select(CreditBatch.id).where(CreditBatch.run_id == found.id))),
    )
    adopted = any(
        signed.parameter_digest == found.parameter_digest
        for signed in approval.signoffs_of(call.session, found.methodology_key)
    )
    return render_template(
        "run.html",
        run=run_row(found)
        | {
            "project": {"code": project.code, "name": project.name_zh, "url": f"/projects/{project.code}"},
            "methodology_title": methodology_title(found.methodology_key),
            "parcel_count": found.parcel_count,
            "area_m2": found.area_m2,
        },
        headline=run_view.finding(found, chart),
        blockers=explanation["blockers"],
        warnings=[said(one.get("zh", ""), one.get("en", "")) for one in found.warnings],
        # The project's time line tells of its newest run only.
        steps=[_milestone(stage) for stage in file["timeline"]] if newest else [],
        waterfall=chart,
        twin=run_view.twin_of(chart),
        terms=[_used(parameter, adopted) for parameter in found.parameters],
        explanation=explanation,
        rows=[
            {
                "code": parcel_code,
                "url": f"/parcels/{parcel_code}",
                "county_name": county(county_code),
                "area_m2": area_m2,
                "net_t": row.net_t,
                "explain_url": f"/explain/run-row/{found.code}:{parcel_code}",
                "sheet_url": f"/runs/{found.code}/sheets/{quote(parcel_code)}",
            }
            for row, parcel_code, county_code, area_m2 in rows.items
        ],
        row_page=pager(rows),
        batches=[
            {
                "url": f"/explain/batch/{one['code']}",
                "county_name": county(one["county_code"]),
                "vintage": one["vintage"],
                "quantity_kg": one["quantity_kg"],
            }
            for one in batches
        ],
        can={
            "review": may_review(call, found, project),
            "issue": found.parcel_count > 0
            and call.actor.may("batch.issue")
            and found.status != "issued"
            and call.actor.organisation_id == project.owner_organisation_id,
        },
        role_label=role_label(call.actor.role),
        trail=[
            {"label": _("项目库"), "url": "/projects"},
            {"label": project.name_zh, "url": f"/projects/{project.code}"},
            {"label": _("核算 %(code)s", code=found.code)},
        ],
    )


def may_review(call: Call, run: AssessmentRun, project: Project) -> bool:
    """Whether this run waits for the reader's own decision: the rules the API will apply."""
    if not call.actor.may("run.review"):
        return False
    try:
        rules.check_review(
            run,
            approval.reviews_of(call.session, run),
            role=call.actor.role,
            user_id=call.actor.user_id,
            name=call.actor.name,
            organisation_id=call.actor.organisation_id,
            created_by=run.created_by,
            owner_organisation_id=project.owner_organisation_id,
            decision="confirm",
            note="",
        )
    except PlatformError:
        return False
    return True


def _used(used: dict[str, Any], adopted: bool) -> dict[str, Any]:
    term = Term(
        used["symbol"], used["meaning_zh"], used["meaning_en"], used["value"], used["unit"], used["source"],
        used["page"], used["status"], used["valid_from"],
    )  # fmt: skip
    return parameter_row(term, adopted)
