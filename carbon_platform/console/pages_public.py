"""Pages anyone may open: front page, sign-in, certificates, methods and sources, explanations."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa
from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from carbon_platform.console.formats import daytime, mu
from carbon_platform.console.menu import home_of
from carbon_platform.console.opened import opened, unit_words
from carbon_platform.console.outline import county_shapes
from carbon_platform.console.site import county, local_path, page, role_label, said
from carbon_platform.credits import adoption, approval
from carbon_platform.credits.adoption_tables import ParameterProposal
from carbon_platform.credits.explain import explain
from carbon_platform.credits.tables import Retirement
from carbon_platform.errors import PlatformError
from carbon_platform.identity.rules import Actor
from carbon_platform.identity.tables import Person, User
from carbon_platform.projects.rules import local_date
from carbon_platform.revenue import dashboard as board
from carbon_platform.revenue import rules as revenue_rules
from carbon_platform.revenue.tables import Distribution
from carbon_platform.web import Call
from methodologies import registry
from methodologies.contract import Methodology, Step
from methodologies.formula import render

blp = Blueprint("public", __name__)

# What `python -m demo` gives every log-in; printed on the sign-in page of a demo only.
DEMO_PASSWORD = "xinyang-demo-2026"  # noqa: S105
PERIOD_SYMBOLS = {"period_start_year": "t1", "period_end_year": "t2", "period_years": "Δt"}


def county_outlines(
    figures: dict[str, str], lit: set[str] = frozenset(), url: str = "/parcels?county={code}"
) -> list[dict[str, Any]]:
    """The counties of ``parts.county_outline`` with a figure under each name."""
    shapes, _height = county_shapes()
    return [
        {
            **vars(shape),
            "name": county(shape.code),
            "figure": figures.get(shape.code, _("尚未登记")),
            "url": url.format(code=shape.code),
            "lit": shape.code in lit,
        }
        for shape in shapes
    ]


@blp.get("/")
@page(None)
def landing(call: Call) -> ResponseReturnValue:
    found, plan = board.summary(call.session), board.dashboard(call.session, now=call.now)
    area_of = {
        row.code: row.figures.surveyed_area_m2
        for batch in plan.batches
        for row in batch.counties
        if row.figures.surveyed_parcels
    }
    base_fen, below_fen = call.session.execute(
        sa.select(
            sa.func.coalesce(sa.func.sum(Distribution.base_fen), 0),
            sa.func.coalesce(sa.func.sum(Distribution.below_fen), 0),
        )
    ).one()
    newest = call.session.scalar(
        sa.select(Retirement.certificate_number).order_by(Retirement.id.desc()).limit(1)
    )
    share_bp = revenue_rules.share_bp(int(below_fen), int(base_fen))
    return render_template(
        "landing.html",
        totals={
            "land_m2": plan.total.surveyed_area_m2,
            "parcel_count": plan.total.surveyed_parcels,
            "issued_kg": found.issued_kg,
            "issued_url": "/market",
            "retired_kg": found.retired_kg,
            "retired_url": f"/explain/retirement/{newest}" if newest else "/verify",
            "local_fen": int(below_fen),
            "local_share": None if share_bp is None else share_bp / revenue_rules.WHOLE_BP,
            "local_url": "/revenue",
            "citizens": call.session.scalar(sa.select(sa.func.count()).select_from(Person)) or 0,
        },
        counties=county_outlines({code: _("%(mu)s 亩", mu=mu(area)) for code, area in area_of.items()}),
        outline_height=county_shapes()[1],
        targets=[_target(batch, call.now) for batch in plan.batches],
        opened=_one_opened(call, newest),
        as_of=call.now,
    )


def months_gone(start: date, now: datetime, months: int) -> int:
    """Whole months of a target window that have passed."""
    today = local_date(now)
    gone = (today.year - start.year) * 12 + today.month - start.month - (today.day < start.day)
    return min(max(gone, 0), months)


def window_months(batch: board.BatchFigures) -> int:
    return (batch.ends_on.year - batch.starts_on.year) * 12 + batch.ends_on.month - batch.starts_on.month + 1


def stuck_at(figures: board.Figures) -> str:
    """The first step of the chain that has nothing behind it, in words."""
    steps = (
        (figures.surveyed_parcels, _("地块还没建档")),
        (figures.project_parcels, _("地块还没进项目")),
        (figures.assessed_kg, _("还没有监测和核算")),
        (figures.verified_kg, _("等第三方核证")),
        (figures.issued_kg, _("等批准和签发")),
        (figures.sold_kg, _("签发了，还没卖出")),
        (figures.distributed_gross_fen, _("款到了，还没分")),
    )
    for done, words in steps:
        if not done:
            return words
    return _("每一步都走到了")


def _target(batch: board.BatchFigures, now: datetime) -> dict[str, Any]:
    months = window_months(batch)
    return {
        "label": _(
            "%(name)s，%(years)s 年林业碳汇交易收入",
            name=said(batch.name_zh, f"Batch {batch.number}"),
            years=months // 12,
        ),
        "target_fen": batch.target_fen,
        "received_fen": batch.figures.received_forestry_fen,
        "url": "/revenue",
        "months_gone": months_gone(batch.starts_on, now, months),
        "months": months,
        "note": stuck_at(batch.figures),
    }


def _one_opened(call: Call, certificate_number: str | None) -> dict[str, Any] | None:
    """The newest retirement, opened: public by its nature."""
    if certificate_number is None:
        return None
    found = opened(
        explain(call.session, call.actor, "retirement", certificate_number, is_demo=False), call.actor
    )
    equation = found["equations"][0]
    return {
        "sentence": found["sentence"],
        "equation": f"{equation['symbolic']} = {equation['filled']}",
        "terms": [(found["kind_label"], found["ref"])]
        + [(a["role"], f"{a['who']}，{daytime(a['at'])}") for a in found["approvals"]],
        "url": found["url"],
    }


@blp.get("/login")
@page(None)
def login(call: Call) -> ResponseReturnValue:
    if call.actor is not None:
        return redirect(local_path(request.args.get("next"), home_of(call.actor)))
    users = []
    if call.settings.is_demo:
        users = list(call.session.scalars(sa.select(User).where(User.active).order_by(User.id)))
    return render_template(
        "login.html",
        next_url=local_path(request.args.get("next"), "/login"),
        demo_logins=[
            {
                "username": user.username,
                "password": DEMO_PASSWORD,
                "role_label": role_label(user.role),
                "name": user.display_name,
                "place": county(user.region_code) if len(user.region_code) == 6 else _("全市"),
            }
            for user in users
        ],
    )


# --- methods and explanations ---------------------------------------------------------------------


def methodology_title(key: str) -> str:
    methodology = registry()[key]
    return f"{said(methodology.title_zh, methodology.title_en)} v{methodology.version}"


@blp.get("/sources")
@page(None)
def sources(call: Call) -> ResponseReturnValue:
    may = call.actor.may if call.actor is not None else lambda permission: False
    return render_template(
        "sources.html",
        methodologies=[_method(call, key) for key in sorted(registry())],
        can={"sign": may("methodology.sign"), "preview": may("methodology.approve")},
        today=local_date(call.now),
    )


def _method(call: Call, key: str) -> dict[str, Any]:
    found = approval.describe_methodology(call.session, key, now=call.now)
    signed = found["sign_off"]
    adopted = signed is not None
    methodology = registry()[key]
    symbols = _symbols(methodology)
    return {
        "key": key,
        "title": methodology_title(key),
        "source": found["source"],
        "subject_label": {"parcel": _("算一块地"), "act": _("算一次行为"), "facility": _("算一台设施")}[
            found["subject"]
        ],
        "digest": found["parameter_digest"],
        "equations": [_printed(methodology, step, symbols) for step in methodology.steps],
        "terms": [
            {
                "symbol": used["symbol"],
                "name": said(used["meaning_zh"], used["meaning_en"]),
                "value": used["value"],
                "unit": unit_words(used["unit"]),
                "source": used["source"],
                "page": used["page"],
                "since": used["valid_from"],
                "evidence": used["status"],
                "adopted": adopted and used["status"] not in ("verified", "secondary"),
                "url": None,
            }
            for used in found["parameters"]
        ],
        "signoff": {
            "document": signed.document_number,
            "title": signed.document_title,
            "signer": signed.signer,
            "second": signed.second_approver,
            "on": signed.signed_on,
            "is_demo": signed.is_demo,
        }
        if signed
        else None,
        "proposal": _proposal(call, found["proposal"]) if found["proposal"] else None,
    }


def _proposal(call: Call, filed: ParameterProposal) -> dict[str, Any]:
    """A set that waits for its second approver, and whether the reader may be that."""
    may = call.actor is not None and call.actor.may("methodology.approve")
    if may:
        try:
            adoption.check_second(filed, call.actor)
        except PlatformError:
            may = False
    return {
        "number": filed.id,
        "document": filed.document_number,
        "title": filed.document_title,
        "signer": filed.signer,
        "on": filed.signed_on,
        "is_demo": filed.is_demo,
        "by": filed.proposed_by,
        "at": filed.proposed_at,
        "may_decide": may,
    }


def _printed(methodology: Methodology, step: Step, symbols: dict[str, str]) -> dict[str, Any]:
    """A step as it is published: symbols instead of column names, one line per case."""
    lines = []
    for case in step.cases:
        where = f"（{render(case.when, symbols)}）" if case.when else ""
        lines.append(f"{step.symbol} = {render(case.formula, symbols)}{where}")
    note = " ".join(part for part in (step.source, step.equation_no) if part)
    return {
        "name": said(step.meaning_zh, step.meaning_en),
        "symbolic": "；".join(lines),
        "filled": "",
        "result": None,
        "unit": "",
        "note": note if note != methodology.source else "",
    }


def _symbols(methodology: Methodology) -> dict[str, str]:
    symbols = {column.name: column.symbol or column.name for column in methodology.columns}
    symbols |= {step.name: step.symbol for step in methodology.steps}
    symbols |= {name: one.symbol for name, one in methodology.parameters.parameters.items()}
    return symbols | PERIOD_SYMBOLS


@blp.get("/explain/<kind>/<ref>")
@page(None)
def explain_figure(call: Call, kind: str, ref: str) -> ResponseReturnValue:
    """The page of the same figure that ``/api/v1/explain`` answers."""
    found = explain(call.session, call.actor, kind, ref, is_demo=call.settings.is_demo)
    view = opened(found, call.actor)
    run, _colon, parcel = ref.partition(":")
    sheet_url = f"/runs/{run}/sheets/{quote(parcel)}" if kind == "run-row" else ""
    trail = _way_to(view, call.actor)
    return render_template("explain.html", explanation=view, sheet_url=sheet_url, trail=trail)


def _way_to(view: dict[str, Any], actor: Actor | None) -> list[dict[str, Any]]:
    steps = [{"label": _("首页"), "url": "/"}]
    if view["kind"] == "run-row":
        run = view["ref"].partition(":")[0]
        steps.append({"label": run, "url": f"/explain/run/{run}"})
    if view["kind"] == "run" and actor and actor.may("run.read"):
        steps.append({"label": _("核算 %(code)s", code=view["ref"]), "url": f"/runs/{view['ref']}"})
    return [*steps, {"label": view["kind_label"], "url": None}]
