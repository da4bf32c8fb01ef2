"""An :class:`Explanation` as the pages print it: words, figures and addresses in the reader's language."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask_babel import gettext as _

from carbon_platform.console.formats import carbon, exact, figure
from carbon_platform.console.site import role_label, said
from carbon_platform.explanation import Equation, Explanation, Link, Number, Term
from carbon_platform.identity.rules import Actor
from carbon_platform.units import tonnes_text
from carbon_platform.web.language import language

NOT_FINAL = frozenset({"estimate", "verified", "approved", "returned"})
_UNITS = {
    "tCO2e": ("吨 CO₂e", "t CO₂e"),
    "kgCO2e": ("千克 CO₂e", "kg CO₂e"),
    "gCO2e": ("克 CO₂e", "g CO₂e"),
    "g CO2e": ("克 CO₂e", "g CO₂e"),
    "g CO2e/point": ("克 CO₂e/分", "g CO₂e per point"),
    "points": ("分", "points"),
    "t": ("吨", "t"),
    "ha": ("公顷", "ha"),
    "1": ("", ""),
}
DIGESTS = {
    "methodology": ("方法", "methodology"),
    "input": ("输入摘要", "input"),
    "parameters": ("参数摘要", "parameters"),
    "code": ("代码摘要", "code"),
    "gwp_set": ("增温潜势", "GWP set"),
    "as_of": ("参数取自", "parameters of"),
    "certificate": ("证书摘要", "certificate"),
}


def kind_label(kind: str) -> str:
    return {
        "run": _("核算"),
        "run-row": _("一块地"),
        "batch": _("碳票"),
        "retirement": _("注销证书"),
        "act": _("一次低碳行为"),
    }.get(kind, kind)


def decision_label(decision: str) -> str:
    return {
        "assess": _("核算"),
        "adopt": _("签署采纳"),
        "countersign": _("第二人批准"),
        "confirm": _("同意"),
        "return": _("退回"),
        "issue": _("签发"),
        "retire": _("注销"),
    }.get(decision, decision)


def address(link: Link, actor: Actor | None) -> str | None:
    """Where a link leads, or None where this reader may not go."""
    if link.kind == "parcel":
        return f"/parcels/{link.ref}" if actor and actor.may("parcel.read") else None
    if link.kind == "methodology":
        return f"/sources#{link.ref}"
    if link.kind in ("retirement", "batch") or (actor and actor.may("explain.read")):
        return f"/explain/{link.kind}/{link.ref}"
    return None


def opened(explanation: Explanation, actor: Actor | None) -> dict[str, Any]:
    """The context of ``parts.explain_head`` and ``parts.explain_panel``."""
    e, status = explanation, explanation.figure.status
    adopted = any(approval.decision == "adopt" for approval in e.approvals)
    value, unit = shown(e.figure.value, e.figure.unit)
    return {
        "kind": e.kind,
        "kind_label": kind_label(e.kind),
        "ref": e.ref,
        "heading": said(e.title_zh, e.title_en),
        "value": value,
        "unit": unit,
        "estimate": status in NOT_FINAL,
        "state": status,
        "interval": "",
        "sentence": said(e.sentence_zh, e.sentence_en),
        "equations": [_equation(equation) for equation in e.equations],
        "terms": [parameter_row(term, adopted) for term in e.terms if _is_parameter(term)],
        "inputs": [
            {"name": said(term.name_zh, term.name_en), "value": term.value, "unit": unit_words(term.unit),
             "url": address(term.link, actor) if term.link else None, "source": term.source}
            for term in e.inputs
            if term.value is not None
        ],
        "digests": [{"name": said(*DIGESTS.get(name, (name, name))), "value": text}
                    for name, text in e.digests],
        "approvals": [
            {"role": role_label(a.role), "who": a.who, "decision": decision_label(a.decision),
             "at": datetime.fromisoformat(a.at) if a.at else None, "note": a.note}
            for a in e.approvals
        ],
        "uncertainty": "",
        "replay": said(e.replay_zh, e.replay_en),
        "blockers": [] if status == "issued" else [
            {"text": said(b.zh, b.en), "who": role_label(b.who) if b.who else ""} for b in e.blockers
        ],
        "children": [_child(link, actor) for link in e.children],
        "children_title": _("每一块地") if e.kind == "run" else _("再往下"),
        "url": f"/explain/{e.kind}/{e.ref}",
        "is_demo": e.is_demo,
    }  # fmt: skip


def shown(value: Number | str | bool | None, unit: str) -> tuple[str, str]:
    """A figure and its unit as people read them: kilograms of tickets as tonnes, a citizen's as grams."""
    if unit == "kgCO2e" and isinstance(value, int):
        return tonnes_text(value), said(*_UNITS["tCO2e"])
    if unit in ("g", "gCO2e", "g CO2e") and isinstance(value, int):
        number, _space, word = carbon(value, language()).partition(" ")
        return number, f"{word} CO₂e"
    if isinstance(value, float):
        return figure(value, 3 if unit == "tCO2e" else 2), unit_words(unit)
    return exact(value), unit_words(unit)


def unit_words(unit: str) -> str:
    return said(*_UNITS.get(unit, (unit, unit)))


def _equation(equation: Equation) -> dict[str, Any]:
    # The numeric line ends in its result and unit already, unless the equation is only a name.
    complete = "=" in equation.numeric
    return {
        "name": said(equation.name_zh, equation.name_en),
        "symbolic": equation.symbolic,
        "filled": equation.numeric if equation.numeric != equation.symbolic else "",
        "result": None if complete else exact(equation.value),
        "unit": unit_words(equation.unit),
        "note": equation.source,
    }


def _is_parameter(term: Term) -> bool:
    """Readings stand under the inputs, results in the equations."""
    return bool(term.status) and term.status not in ("measured", "computed")


def parameter_row(term: Term, adopted: bool) -> dict[str, Any]:
    """One row of ``parts.terms_table``."""
    return {
        "symbol": term.symbol,
        "name": said(term.name_zh, term.name_en),
        "value": term.value,
        "unit": unit_words(term.unit),
        "source": term.source,
        "page": term.page,
        "since": term.valid_from,
        "evidence": term.status,
        "adopted": adopted and term.status not in ("verified", "secondary"),
        "url": address(term.link, None) if term.link else None,
    }


def _child(link: Link, actor: Actor | None) -> dict[str, Any]:
    # Parts of a batch are kilograms, as their numbers are: no tonnes with three decimals in a column.
    if link.unit == "kgCO2e" and isinstance(link.value, int):
        value, unit = exact(link.value), unit_words(link.unit)
    else:
        value, unit = shown(link.value, link.unit)
    return {
        "label": said(link.label_zh, link.label_en),
        "value": value,
        "unit": unit,
        "url": address(link, actor),
    }
