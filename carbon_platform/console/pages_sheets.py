"""Calculation sheets, and previews of what a change of parameters would do."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from carbon_platform.console.formats import count, figure
from carbon_platform.console.opened import DIGESTS, NOT_FINAL, parameter_row, unit_words
from carbon_platform.console.pages_public import methodology_title
from carbon_platform.console.site import county, page, said
from carbon_platform.credits import approval, impact, rules, sheets
from carbon_platform.credits.adoption_tables import ImpactPreview
from carbon_platform.credits.explain import open_run
from carbon_platform.credits.tables import AssessmentRun
from carbon_platform.explanation import Term
from carbon_platform.web import Call
from methodologies import registry
from methodologies.contract import ExplainedStep
from methodologies.parameters import ParameterInForce

blp = Blueprint("sheet_pages", __name__)

FRAGMENT = '[{name}]\nvalue = {value!r}\nfrom = {day}\nsource = ""\npage = ""\nstatus = "secondary"\n'


@blp.get("/runs/<code>/sheets/<parcel>")
@page("explain.read")
def sheet(call: Call, code: str, parcel: str) -> ResponseReturnValue:
    """The calculation of one parcel, as a verifier reads it."""
    run = open_run(call.session, call.actor, code)
    made = sheets.run_sheet(call.session, run, parcel)
    file = f"/api/v1/sheets/{code}:{quote(parcel)}"
    return render_template(
        "sheet.html",
        sheet={
            "title": said(made.title_zh, made.title_en),
            "facts": [
                {"name": said(zh, en), "value": _fact(run, en, value)} for zh, en, value in made.facts
            ],
            "net": {
                "symbol": made.net.symbol,
                "value": figure(made.net.value, 3),
                "exact": repr(made.net.value).replace("-", "−"),
                "unit": unit_words(made.net.unit),
            },
            "state": made.state,
            "estimate": made.state in NOT_FINAL,
            "is_demo": made.is_demo,
            "inputs": [_entry(entry) for entry in (*made.inputs, *made.period)],
            "prepared": [
                {
                    "name": part.name,
                    "title": said(part.title_zh, part.title_en),
                    "entries": [_entry(entry) for entry in part.entries],
                }
                for part in made.prepared
            ],
            "terms": _terms(call, run, made.parameters),
            "sections": [
                {
                    "title": said(part.title_zh, part.title_en),
                    "steps": [_step(step) for step in part.steps],
                }
                for part in made.sections
            ],
            "digests": [
                {"name": said(*DIGESTS.get(name, (name, name))), "value": value}
                for name, value in made.digests
            ],
            "xlsx_url": f"{file}.xlsx",
            "pdf_url": f"{file}.pdf",
            "explain_url": f"/explain/run-row/{code}:{quote(parcel)}",
        },
        trail=[
            {"label": _("核算 %(code)s", code=code),
             "url": f"/runs/{code}" if call.actor.may("run.read") else f"/explain/run/{code}"},
            {"label": _("计算书 %(parcel)s", parcel=parcel)},
        ],
    )  # fmt: skip


def _fact(run: AssessmentRun, name: str, value: str) -> str:
    """A value of the head in the reader's language; the papers themselves are bilingual."""
    if name == "Methodology":
        return f"{methodology_title(run.methodology_key)} ({run.methodology_key})"
    if name == "County":
        code = value.split()[-1]
        return f"{county(code)} {code}"
    if name == "State":
        return said(rules.STATUS_ZH.get(run.status, run.status), run.status)
    return value


def _entry(entry: sheets.Entry) -> dict[str, Any]:
    return {
        "symbol": entry.symbol,
        "name": said(entry.meaning_zh, entry.meaning_en),
        "value": entry.value,
        "label": said(*entry.label),
        "unit": unit_words(entry.unit),
        "allowed": entry.allowed,
    }


def _terms(call: Call, run: AssessmentRun, parameters: tuple[ParameterInForce, ...]) -> list[dict[str, Any]]:
    adopted = approval.signoff_of(call.session, run.methodology_key, run.parameter_digest) is not None
    return [
        parameter_row(
            Term(p.symbol, p.meaning_zh, p.meaning_en, p.value, p.unit, p.source, p.page, p.status,
                 p.valid_from.isoformat()),
            adopted,
        )
        for p in parameters
    ]  # fmt: skip


def _step(step: ExplainedStep) -> dict[str, Any]:
    return {
        "number": step.equation_no,
        "symbol": step.symbol,
        "name": said(step.meaning_zh, step.meaning_en),
        "source": step.source,
        "equation": step.equation,
        "numbers": step.numbers,
        "condition": step.condition,
        "condition_numbers": step.condition_numbers,
        "value": step.text.replace("-", "−"),
        "unit": unit_words(step.unit),
    }


@blp.get("/impact")
@page("methodology.approve")
def previews(call: Call) -> ResponseReturnValue:
    """Ask what a new value would do, and the previews on file."""
    asked = request.args.get("methodology", "")
    chosen = asked if asked in registry() else next(iter(sorted(registry())))
    first = next(iter(registry()[chosen].parameters))
    return render_template(
        "impact.html",
        methodologies=[{"key": key, "title": methodology_title(key)} for key in sorted(registry())],
        chosen=chosen,
        example=FRAGMENT.format(
            name=first.name, value=first.values[-1].value, day=f"{call.now.year + 1}-01-01"
        ),
        previews=[_line(made) for made in impact.previews(call.session, call.actor)],
        can={"preview": call.actor.may("methodology.sign")},
        trail=[{"label": _("方法与来源"), "url": "/sources"}, {"label": _("影响预览")}],
    )


def _line(made: ImpactPreview) -> dict[str, Any]:
    key = made.methodology_key
    return {
        "url": f"/impact/{made.id}",
        "title": methodology_title(key) if key in registry() else key,
        "changes": "、".join(_change(one) for one in made.result["changes"]),
        "since": made.in_force_from,
        "runs": count(len(made.result["runs"])),
        "moved": count(made.result["runs_changed"]),
        "by": made.created_by,
        "at": made.created_at,
    }  # fmt: skip


def _change(one: dict[str, Any]) -> str:
    return f"{one['symbol']} {one['old']:g} → {one['value']:g} {unit_words(one['unit'])}".strip()


@blp.get("/impact/<int:number>")
@page("methodology.approve")
def preview(call: Call, number: int) -> ResponseReturnValue:
    made = impact.get_preview(call.session, call.actor, number)
    result = made.result
    adopted = approval.signoff_of(call.session, made.methodology_key, made.proposed_digest)
    return render_template(
        "impact_preview.html",
        preview=_line(made)
        | {
            "number": made.id,
            "fragment": made.fragment,
            "proposed_digest": made.proposed_digest,
            "results_digest": made.results_digest,
            "adopted": adopted is not None,
            "headline": _headline(result),
        },
        changes=[
            one | {"name": said(one["meaning_zh"], one["meaning_en"]), "unit": unit_words(one["unit"])}
            for one in result["changes"]
        ],
        counties=[one | {"name": county(one["county_code"])} for one in result["counties"]],
        runs=[_run(one) for one in result["runs"]],
        trail=[
            {"label": _("方法与来源"), "url": "/sources"},
            {"label": _("影响预览"), "url": "/impact"},
            {"label": _("第 %(n)s 份", n=made.id)},
        ],
    )


def _headline(result: dict[str, Any]) -> str:
    old = sum(one["old_t"] for one in result["counties"])
    new = sum(one["new_t"] for one in result["counties"])
    if not result["runs"]:
        return _("还没有用这个方法学的核算，没有可比的数")
    if not result["runs_changed"]:
        return _("%(n)s 次核算都不动", n=len(result["runs"]))
    return _(
        "最新的各期核算从 %(old)s 吨变为 %(new)s 吨，差 %(delta)s 吨",
        old=figure(old), new=figure(new), delta=figure(new - old),
    )  # fmt: skip


def _run(one: dict[str, Any]) -> dict[str, Any]:
    return one | {
        "url": f"/explain/run/{one['run']}",
        "state_label": said(rules.STATUS_ZH.get(one["status"], one["status"]), one["status"]),
        "counties": [part | {"name": county(part["county_code"])} for part in one["counties"]],
    }
