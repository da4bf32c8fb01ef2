"""How uncertain the figure of a run is, and what that comes from."""

from __future__ import annotations

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from carbon_platform.console import uncertainty_view
from carbon_platform.console.pages_public import methodology_title
from carbon_platform.console.site import page
from carbon_platform.credits import assessment, rules, uncertainty
from carbon_platform.projects.tables import Project
from carbon_platform.web import Call

blp = Blueprint("uncertainty_pages", __name__)

# Numbers of trials offered on the page.
TRIALS = (10_000, 30_000, 100_000)


@blp.get("/runs/<code>/uncertainty")
@page("run.read")
def analysis(call: Call, code: str) -> ResponseReturnValue:
    run = assessment.get_run(call.session, call.actor, code)
    project = call.session.get_one(Project, run.project_id)
    found = uncertainty.newest(call.session, run)
    shown = None
    if found is not None:
        rule = uncertainty.rule_of(run, found)
        shown = uncertainty_view.view(found.result, net_t=run.net_t) | {
            "net": found.result["net"],
            "issue_t": found.issue_t,
            "way": rule.way,
            "quantity_t": rule.quantity.issuable_t,
            "percentile_quantity_t": rule.by_percentile.issuable_t,
            "flat_deduction": found.result["flat_deduction"],
            "trials": found.trials,
            "seed": found.seed,
            "generator": found.result["generator"],
            "parcels": found.result["parcels"],
            "rows": found.result["rows"],
            "created_by": found.created_by,
            "created_at": found.created_at,
        }
    return render_template(
        "uncertainty.html",
        run={
            "code": run.code,
            "state": run.status,
            "net_t": run.net_t,
            "period": rules.period_words(run.period_start, run.period_end),
            "methodology_title": methodology_title(run.methodology_key),
            "parcel_count": run.parcel_count,
        },
        analysis=shown,
        trials=TRIALS,
        large=run.parcel_count > uncertainty.PARCELS_AT_ONCE,
        trail=[
            {"label": _("项目库"), "url": "/projects"},
            {"label": project.name_zh, "url": f"/projects/{project.code}"},
            {"label": _("核算 %(code)s", code=run.code), "url": f"/runs/{run.code}"},
            {"label": _("不确定性")},
        ],
    )
