"""What a run's figure is made of, as a picture: gross, deductions, net."""

from __future__ import annotations

import math
from typing import Any

from flask_babel import gettext as _

from carbon_platform.console.formats import figure
from carbon_platform.console.site import said
from carbon_platform.credits.tables import AssessmentRun
from methodologies import registry
from methodologies.contract import NET, Methodology, Step
from methodologies.formula import evaluate

# Below this a part is not drawn: it would be a line without a bar.
_SMALLEST_T = 0.005


def waterfall(run: AssessmentRun) -> dict[str, Any]:
    """Data of ``parts.chart("waterfall")``: parts of the last sum the totals obey, then what the net loses.

    Which sum that is comes from the methodology's own equations: the last step that gives its total when
    fed with totals. The part of a term is what the sum loses without it, exact for a sum of terms.
    """
    methodology = registry()[run.methodology_key]
    values = run.totals | {used["name"]: used["value"] for used in run.parameters}
    step = _last_sum(methodology, values, run.totals)
    parts: list[tuple[str, str, float]] = []
    if step is not None:
        formula = step.cases[-1].formula
        whole = evaluate(formula, values)
        for name in step.uses:
            part = whole - evaluate(formula, values | {name: 0.0})
            if name in run.totals and abs(part) > _SMALLEST_T:
                symbol, words = _named(methodology, name)
                parts.append((words, symbol, part))
        if abs(run.net_t - whole) > _SMALLEST_T:
            parts.append((_("风险与不确定"), "1 − K", run.net_t - whole))
    # The largest gain first: what is taken away then has something to be taken from.
    parts.sort(key=lambda part: part[2] < 0)
    net = methodology.step(NET)
    steps = [
        {"label": words, "symbol": symbol, "value": part, "kind": "total" if not index else "change"}
        for index, (words, symbol, part) in enumerate(parts)
    ]
    steps.append({"label": _("净减排量"), "symbol": net.symbol, "value": run.net_t, "kind": "total"})
    return {"unit": said("吨", "t"), "estimate": run.status != "issued", "steps": steps}


def twin_of(chart: dict[str, Any]) -> dict[str, Any]:
    """The same in a table."""
    return {
        "columns": [{"label": _("项")}, {"label": _("符号")}, {"label": chart["unit"], "n": True}],
        "rows": [[step["label"], step["symbol"], figure(step["value"], 3)] for step in chart["steps"]],
    }


def finding(run: AssessmentRun, chart: dict[str, Any]) -> str:
    """The title of the picture says what it shows."""
    gains = sum(step["value"] for step in chart["steps"][:-1] if step["value"] > 0)
    losses = sum(1 for step in chart["steps"][:-1] if step["value"] < 0)
    if run.net_t < 0:
        return _("扣减比增加多，净额是负的：%(net)s 吨", net=figure(run.net_t))
    if not losses:
        return _("净得 %(net)s 吨", net=figure(run.net_t))
    return _("增加 %(gains)s 吨，扣掉 %(n)s 项，净得 %(net)s 吨", gains=figure(gains), n=losses,
             net=figure(run.net_t))  # fmt: skip


def _last_sum(methodology: Methodology, values: dict[str, Any], totals: dict[str, Any]) -> Step | None:
    for step in reversed(methodology.steps):
        if step.name not in totals or len(step.cases) > 1 or len(step.uses) < 2:
            continue
        if set(step.uses) <= set(values):
            fed = evaluate(step.cases[-1].formula, values)
            if math.isclose(fed, totals[step.name], rel_tol=1e-9, abs_tol=1e-9):
                return step
    return None


def _named(methodology: Methodology, name: str) -> tuple[str, str]:
    """(symbol, short name) of a step or a column."""
    for column in methodology.columns:
        if column.name == name:
            return column.symbol or column.name, _short(said(column.meaning_zh, column.meaning_en))
    step = methodology.step(name)
    return step.symbol, _short(said(step.meaning_zh, step.meaning_en))


def _short(meaning: str) -> str:
    """Without what stands behind a bracket, a colon, or (in Chinese) a formula after a blank."""
    for mark in ("（", "(", "：", ":", "；", "，", ","):
        meaning = meaning.partition(mark)[0]
    head = meaning.partition(" ")[0]
    return head if not head.isascii() else meaning[:28]
