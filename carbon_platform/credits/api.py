"""Methodologies, parameter sign-offs, the project file, assessment runs, reviews, and explain over HTTP.

Batches, holdings and retirements are served by ``tickets_api``.
"""

from __future__ import annotations

from typing import Any

from flask_smorest import Blueprint

from carbon_platform.credits import adoption, approval, assessment, lifecycle, schemas
from carbon_platform.credits.explain import explain
from carbon_platform.credits.tables import AssessmentRun, RunRow
from carbon_platform.projects.tables import Project
from carbon_platform.web import Call, in_transaction, outside_transaction, paged, present_page, reading
from methodologies import registry

blp = Blueprint(
    "credits", __name__, url_prefix="/api/v1", description="核算、签发与解释 Assessment, issuance and explain"
)


@blp.get("/methodologies")
@reading(None)
@blp.response(200, schemas.MethodologyBrief(many=True))
def list_methodologies(call: Call) -> Any:
    """方法与来源 Every methodology with its columns and parameters; each number with source and status."""
    return [approval.describe_methodology(call.session, key, now=call.now) for key in registry()]


@blp.get("/methodologies/<key>")
@reading(None)
@blp.response(200, schemas.MethodologyOut)
def get_methodology(call: Call, key: str) -> Any:
    """一个方法学 One methodology with its equations."""
    return approval.describe_methodology(call.session, key, now=call.now)


@blp.get("/parameter-signoffs")
@reading("methodology.read")
@blp.arguments(schemas.SignOffQuery, location="query")
@blp.response(200, schemas.SignOffOut(many=True))
def list_signoffs(call: Call, args: dict[str, Any]) -> Any:
    """参数采纳 Parameter sets the authority adopted, newest first."""
    return approval.signoffs_of(call.session, args["methodology_key"])


@blp.post("/parameter-signoffs")
@in_transaction("methodology.sign")
@blp.arguments(schemas.SignOffIn)
@blp.response(201, schemas.ProposalOut)
def sign_off(call: Call, payload: dict[str, Any]) -> Any:
    """送签 File the signed document for exactly the parameters in force now; a second person approves it."""
    is_demo = payload.pop("is_demo") or call.settings.is_demo
    return adoption.propose(call.session, call.actor, is_demo=is_demo, now=call.now, **payload)


@blp.get("/parameter-proposals")
@reading("methodology.read")
@blp.arguments(schemas.ProposalQuery, location="query")
@blp.response(200, schemas.ProposalOut(many=True))
def list_proposals(call: Call, args: dict[str, Any]) -> Any:
    """送签记录 Parameter sets filed for adoption, newest first: pending, adopted, declined."""
    return adoption.proposals(call.session, **args)


@blp.post("/parameter-proposals/<int:number>/decision")
@in_transaction("methodology.approve")
@blp.arguments(schemas.ProposalDecisionIn)
@blp.response(201, schemas.ProposalOut)
def decide_proposal(call: Call, payload: dict[str, Any], number: int) -> Any:
    """第二人批准 Approve or decline a filed set; never by who filed or signed it."""
    return adoption.decide(call.session, call.actor, number, now=call.now, **payload)


@blp.get("/projects/<code>")
@reading("project.read")
@blp.response(200, schemas.ProjectFileOut)
def get_project(call: Call, code: str) -> Any:
    """项目 One project: size, monitored periods, runs, timeline, next step and who can take it."""
    return lifecycle.project_file(call.session, call.actor, code)


@blp.post("/projects/<code>/runs")
@outside_transaction("run.write")
@blp.arguments(schemas.RunIn)
@blp.response(201, schemas.RunOut)
def create_run(call: Call, payload: dict[str, Any], code: str) -> Any:
    """核算 Assess a period. The result is an estimate (试算) until it is verified."""
    period = (payload["period_start"], payload["period_end"])
    run = assessment.assess(call.read, call.transact, call.actor, code, period, now=call.now)
    return call.read(lambda session: present_run(session, run))


@blp.get("/runs/<code>")
@reading("run.read")
@blp.response(200, schemas.RunOut)
def get_run(call: Call, code: str) -> Any:
    """一次核算 One run with totals, parameters, reviews and what blocks issuing."""
    return present_run(call.session, assessment.get_run(call.session, call.actor, code))


@blp.get("/runs/<code>/rows")
@reading("run.read")
@blp.arguments(schemas.RunRowQuery, location="query")
@blp.response(200, schemas.RunRowPage)
def list_rows(call: Call, args: dict[str, Any], code: str) -> Any:
    """各地块结果 Each parcel's inputs and every intermediate figure."""
    statement = assessment.run_rows(assessment.get_run(call.session, call.actor, code))
    if args["negative"]:
        statement = statement.where(RunRow.net_t < 0)
    page = paged(call.session, statement, page=args["page"], size=args["size"])
    items = [
        {
            "parcel_code": parcel_code,
            "county_code": county_code,
            "area_m2": area_m2,
            "net_t": row.net_t,
            "inputs": row.inputs,
            "outputs": row.outputs,
        }
        for row, parcel_code, county_code, area_m2 in page.items
    ]
    return present_page(page, items)


@blp.post("/runs/<code>/reviews")
@in_transaction("run.review")
@blp.arguments(schemas.ReviewIn)
@blp.response(201, schemas.RunOut)
def review_run(call: Call, payload: dict[str, Any], code: str) -> Any:
    """审核 Confirm or return a run: the verifier first, then the bureaus."""
    run = approval.review_run(call.session, call.actor, code, now=call.now, **payload)
    return present_run(call.session, run)


@blp.get("/explain/<kind>/<ref>")
@reading(None)
@blp.response(200)
def explain_figure(call: Call, kind: str, ref: str) -> Any:
    """解释 Open a figure: sentence, equation, numbers, sources, digests, approvals, blockers.

    Kinds: run, run-row ({run}:{parcel}), batch, retirement, act. Retirements are public.
    """
    return explain(call.session, call.actor, kind, ref, is_demo=call.settings.is_demo).as_dict()


def present_run(session: Any, run: AssessmentRun) -> dict[str, Any]:
    """A run with what is computed live: reviews, blockers, other runs on the same input."""
    plain = {column.name: getattr(run, column.name) for column in AssessmentRun.__table__.columns}
    project = session.get_one(Project, run.project_id)
    return plain | {
        "project_code": project.code,
        "reviews": approval.reviews_of(session, run),
        "blockers": approval.blockers_of(session, run),
        "same_input_as": assessment.same_input_runs(session, run),
    }
