"""Methodologies, for anyone: what a result stands on, in words, as mathematics and as numbers."""

from __future__ import annotations

from datetime import date
from functools import cache
from typing import Any

from flask import Blueprint, Response, redirect, render_template
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from markupsafe import Markup

from carbon_platform.console.opened import unit_words
from carbon_platform.console.prose import inline, prose
from carbon_platform.console.site import page, said
from carbon_platform.credits import approval
from carbon_platform.errors import NotFound
from carbon_platform.projects.rules import local_date
from carbon_platform.web import Call
from carbon_platform.web.language import language
from methodologies import registry
from methodologies.contract import Methodology, Parameter
from methodologies.documents.documentation import (
    CaseText,
    Document,
    EquationText,
    InputText,
    TableText,
    document,
)
from methodologies.documents.mathml import PERIOD_SYMBOLS, Language, symbol_mathml
from methodologies.files.template import template
from methodologies.parameters import ISSUABLE_STATUSES

blp = Blueprint("methodologies", __name__)


@cache
def _document(key: str, reader: Language) -> Document:
    """Declarations do not change while the platform runs."""
    return document(registry()[key], reader)


def _reader() -> Language:
    return "en" if language() == "en" else "zh"


def _found(key: str) -> Methodology:
    if key not in registry():
        raise NotFound(what="方法学", key=key)
    return registry()[key]


@blp.get("/methodologies")
@page(None)
def methodologies(call: Call) -> ResponseReturnValue:
    return render_template(
        "methodologies.html",
        methodologies=[
            _card(call, registry()[key])
            for key in sorted(registry(), key=lambda key: (registry()[key].subject == "act", key))
        ],
    )


def _card(call: Call, methodology: Methodology) -> dict[str, Any]:
    return {
        "key": methodology.key,
        "url": f"/methodologies/{methodology.key}",
        "title": said(methodology.title_zh, methodology.title_en),
        "version": methodology.version,
        "source": methodology.source,
        "subject": _subject(methodology),
        "result": said(methodology.unit_note_zh, methodology.unit_note_en),
        "equations": len(methodology.steps),
        "parameters": len(list(methodology.parameters)),
        "waiting": sum(p.status not in ISSUABLE_STATUSES for p in methodology.parameters),
        "signoff": _sign_off(call, methodology),
    }


def _subject(methodology: Methodology) -> str:
    return {"parcel": _("算一块地"), "act": _("算一次行为"), "facility": _("算一台设施")}[methodology.subject]


def _sign_off(call: Call, methodology: Methodology) -> dict[str, Any] | None:
    signed = approval.describe_methodology(call.session, methodology.key, now=call.now)["sign_off"]
    if signed is None:
        return None
    return {"document": signed.document_number, "signer": signed.signer, "on": signed.signed_on,
            "is_demo": signed.is_demo}  # fmt: skip


@blp.get("/methodologies/<key>")
@page(None)
def methodology(call: Call, key: str) -> ResponseReturnValue:
    versions = [one for one in registry().values() if one.id == key]
    if versions:  # without a version: the newest
        return redirect(f"/methodologies/{max(versions, key=lambda one: one.version).key}")
    found = _found(key)
    doc = _document(key, _reader())
    today = local_date(call.now)
    return render_template(
        "methodology.html",
        m=_card(call, found) | {"gwp": found.gwp_set, "code_digest": found.code_digest,
                                "parameter_digest": found.parameters.digest(today)},
        trail=[{"label": _("方法学"), "url": "/methodologies"}, {"label": doc.title, "url": None}],
        versions=[one.key for one in registry().values() if one.id == found.id and one.key != key],
        open_parameters=[_parameter(doc, one, today) for one in doc.open_parameters],
        sections=[
            {"title": section.title, "id": f"s{place}", "text": prose(section.text),
             "lang": "" if section.language == doc.language else section.language}
            for place, section in enumerate(doc.sections)
        ],
        inputs=[_input(one) for one in doc.inputs],
        tables=[_table(one) for one in doc.tables],
        symbols=_symbols(),
        equations=[_equation(one, key) for one in doc.equations],
        parameters=[_parameter(doc, one, today) for one in doc.parameters],
        cases=doc.cases,
        worked=_worked(doc.shown) if doc.shown else None,
    )  # fmt: skip


@cache
def _template(key: str) -> bytes:
    return template(registry()[key])


@blp.get("/methodologies/<key>/template.xlsx")
def template_file(key: str) -> ResponseReturnValue:
    """The upload template, the same that ``methodology template`` writes."""
    return Response(
        _template(_found(key).key),
        mimetype="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        headers={"Content-Disposition": f"attachment; filename={key}.xlsx"},
    )


def _equation(one: EquationText, key: str) -> dict[str, Any]:
    # What mathml draws is escaped there.
    options = [(o.code, o.label, Markup(o.mathml), o.parameter) for o in one.options]  # noqa: S704
    return {
        "name": one.name,
        "meaning": one.meaning,
        "math": Markup(one.mathml),  # noqa: S704
        "number": one.number,
        "unit": unit_words(one.unit) if one.unit != "1" else "",
        "source": one.source.replace(key, _("本方法学")),
        "options": options,
    }


def _math(symbol: str) -> Markup:
    return Markup(symbol_mathml(symbol)) if symbol else Markup("")  # noqa: S704 - escaped where it is drawn


def _symbols() -> list[tuple[Markup, str]]:
    """The terms every equation may use."""
    words = (_("监测期开始（十进制年）"), _("监测期结束（十进制年）"), _("监测期长度（年）"))
    return [(_math(symbol), word) for symbol, word in zip(PERIOD_SYMBOLS.values(), words, strict=True)]


def _input(one: InputText) -> dict[str, Any]:
    return {
        "name": one.name,
        "symbol": _math(one.symbol),
        "meaning": one.meaning,
        "unit": unit_words(one.unit) if one.unit != "1" else "",
        "allowed": inline(one.allowed),
        "need": one.need,
        "error": one.error,
    }


def _table(one: TableText) -> dict[str, Any]:
    return {
        "name": one.name,
        "title": one.title,
        "meaning": one.meaning,
        "source": one.source,
        "key": one.key,
        "unique": one.unique,
        "columns": [_input(column) for column in one.columns],
        "outputs": [_input(column) for column in one.outputs],
    }


def _parameter(doc: Document, one: Parameter, today: date) -> dict[str, Any]:
    values = [(dated.value, dated.valid_from) for dated in one.values]
    in_force = [pair for pair in values if pair[1] <= today] or values[:1]
    return {
        "name": one.name,
        "symbol": _math(doc.symbols[one.name]),
        "meaning": said(one.meaning_zh, one.meaning_en),
        "note": one.note,
        "value": in_force[-1][0],
        "since": in_force[-1][1],
        "others": [pair for pair in values if pair != in_force[-1]],
        "unit": unit_words(one.unit) if one.unit != "1" else "",
        "low": one.low,
        "high": one.high,
        "distribution": one.distribution,
        "source": one.source,
        "page": one.page,
        "evidence": one.status,
        "may_issue": one.status in ISSUABLE_STATUSES,
    }


def _worked(case: CaseText) -> dict[str, Any]:
    return {
        "name": case.name,
        "period": case.period,
        "inputs": [
            (said(column.meaning_zh, column.meaning_en), column.name, text, unit_words(column.unit))
            for column, text in case.inputs
        ],
        "steps": [
            {
                "number": step.equation_no,
                "symbol": _math(step.symbol),
                "meaning": said(step.meaning_zh, step.meaning_en),
                "numbers": step.numbers,
                "condition": step.condition_numbers,
            }
            for step in case.steps
        ],
    }
