"""Open any carbon figure of credits down to its sources: a run, one parcel of it, a batch, a retirement."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.citizens.explain import explain_act
from carbon_platform.credits import approval, rules
from carbon_platform.credits.assessment import recompute, run_rows, visible_runs
from carbon_platform.credits.explain_pooled import explain_pooled
from carbon_platform.credits.explain_units import explain_batch, explain_retirement, is_public_batch
from carbon_platform.credits.pooled import is_pooled
from carbon_platform.credits.tables import AssessmentRun, CreditBatch, RunRow
from carbon_platform.errors import NotFound, NotSignedIn, PlatformError
from carbon_platform.explanation import Approval, Equation, Explanation, Figure, Link, Term
from carbon_platform.identity.rules import ROLES_ZH, Actor
from carbon_platform.parcels.tables import Parcel
from carbon_platform.projects.frames import AREA
from carbon_platform.projects.tables import MonitoringRecord, Project
from carbon_platform.units import M2_PER_HA, ha_to_mu
from methodologies import contract, registry
from methodologies.contract import ExplainedStep, Methodology
from methodologies.formula import evaluate, number_text, render, term_text

KINDS = ("run", "run-row", "batch", "retirement", "act")
# Of the parcels of a run, the largest and every negative one up to this many are linked; the rest are in
# ``GET /runs/{code}/rows``.
PARCELS_LINKED = 20
TCO2E = "tCO2e"
# What a methodology calls its terms, in the words of explanations.
_STATUS = {"input": "measured", "step": "computed", "period": "measured"}
REGISTER = "地块登记 land register"
REPLAY_ZH = "输入、参数和程序的摘要都已保存；随时可以重算，并逐位比对。"
REPLAY_EN = (
    "Input, parameters and code are on record by digest; the run can be repeated and compared digit by digit."
)


class ReplayDiffers(PlatformError):
    """A wrong explanation is never shown."""

    code, status = "credits.replay_differs", 409
    zh = "地块 {parcel} 重算的结果与 {run} 的记录不同，暂不解释。请联系平台，核对方法学版本。"
    en = (
        "Computing parcel {parcel} again gives another figure than {run} holds; it is not explained. Tell us."
    )


def explain(session: Session, actor: Actor | None, kind: str, ref: str, *, is_demo: bool) -> Explanation:
    """The explanation of one figure; ``is_demo`` says whether the whole platform runs for show.

    Retirements, and batches of which something was retired, are public; everything else needs
    ``explain.read``, and a run must be in the actor's region or have issued. Errors: ``NotSignedIn``,
    ``NotAllowed``, ``NotFound``, ``ReplayDiffers``.
    """
    if kind == "retirement":
        return explain_retirement(session, ref)
    if kind == "batch" and is_public_batch(session, ref) and (actor is None or not actor.may("explain.read")):
        return _without_people(explain_batch(session, ref))
    if actor is None:
        raise NotSignedIn
    actor.demand("explain.read")
    match kind:
        case "run":
            return explain_run(session, open_run(session, actor, ref))
        case "run-row":
            run_code, _, parcel_code = ref.partition(":")
            return explain_row(session, open_run(session, actor, run_code), parcel_code)
        case "batch":
            return explain_batch(session, ref)
        case "act":
            return explain_act(session, actor, ref, is_demo=is_demo)
    raise NotFound(what="可解释的数字", key=f"{kind}/{ref}")


def _without_people(explanation: Explanation) -> Explanation:
    """For the public: which role decided and when, not the person's name or remarks."""
    roles = tuple(
        replace(made, who=ROLES_ZH.get(made.role, made.role), note="") for made in explanation.approvals
    )
    return replace(explanation, approvals=roles)


def open_run(session: Session, actor: Actor, code: str) -> AssessmentRun:
    """A run the actor may read, or one whose tickets are out: buyers may look behind what they hold."""
    run: AssessmentRun | None = None
    if actor.may("run.read"):
        run = session.scalar(visible_runs(actor).where(AssessmentRun.code == code))
    if run is None:
        issued = sa.exists().where(CreditBatch.run_id == AssessmentRun.id)
        run = session.scalar(sa.select(AssessmentRun).where(AssessmentRun.code == code, issued))
    if run is None:
        raise NotFound(what="核算", key=code)
    return run


def approvals_of(session: Session, run: AssessmentRun) -> tuple[Approval, ...]:
    """Who computed, who adopted the parameters, who confirmed."""
    made = [Approval("operator", run.created_by, run.created_at.isoformat(), "assess")]
    signed = approval.signoff_of(session, run.methodology_key, run.parameter_digest)
    if signed:
        at, document = signed.recorded_at.isoformat(), f"{signed.document_number} {signed.document_title}"
        said = f"{document}（{signed.signed_on.isoformat()}）"
        made.append(Approval("authority", signed.signer, at, "adopt", said))
        if signed.second_approver:
            made.append(Approval(signed.second_role, signed.second_approver, at, "countersign", document))
    made += [
        Approval(review.role, review.reviewer, review.at.isoformat(), review.decision, review.note)
        for review in approval.reviews_of(session, run)
    ]
    return tuple(made)


def digests_of(run: AssessmentRun) -> tuple[tuple[str, str], ...]:
    return (
        ("methodology", run.methodology_key),
        ("input", run.input_digest),
        ("parameters", run.parameter_digest),
        ("code", run.code_digest),
        ("gwp_set", run.gwp_set),
        ("as_of", run.as_of.isoformat()),
    )


def adopted_for_show(session: Session, run: AssessmentRun) -> bool:
    """Whether the parameters were adopted for demonstration only."""
    signed = approval.signoff_of(session, run.methodology_key, run.parameter_digest)
    return signed is not None and signed.is_demo


def explain_run(session: Session, run: AssessmentRun) -> Explanation:
    """The project's figure: the sums over all parcels and the one rounding."""
    methodology = registry()[run.methodology_key]
    project = session.get_one(Project, run.project_id)
    if is_pooled(run):
        return explain_pooled(
            run,
            project.name_zh,
            approvals=approvals_of(session, run),
            blockers=tuple(approval.blockers_of(session, run)),
            digests=digests_of(run),
            is_demo=adopted_for_show(session, run),
        )
    negative, negative_t = session.execute(
        sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(RunRow.net_t), 0.0)).where(
            RunRow.run_id == run.id, RunRow.net_t < 0
        )
    ).one()
    return Explanation(
        kind="run",
        ref=run.code,
        title_zh=f"{project.name_zh} · 核算 {run.code}",
        title_en=f"{project.name_zh} · run {run.code}",
        figure=Figure(run.issuable_t, TCO2E, run.status),
        sentence_zh=_run_sentence_zh(run, methodology, negative),
        sentence_en=_run_sentence_en(run, methodology, negative),
        equations=_run_equations(run, methodology, negative, negative_t),
        inputs=(
            Term("N", "地块", "parcels", run.parcel_count, "1", status="measured"),
            Term("A", "面积", "area", run.area_m2 / M2_PER_HA, "ha", REGISTER, status="measured"),
            Term("t", "监测期", "period", rules.period_words(run.period_start, run.period_end), "",
                 status="measured"),
        ),
        digests=digests_of(run),
        replay_zh=REPLAY_ZH,
        replay_en=REPLAY_EN,
        approvals=approvals_of(session, run),
        blockers=tuple(approval.blockers_of(session, run)),
        children=_parcel_links(session, run),
        is_demo=adopted_for_show(session, run),
    )  # fmt: skip


def _run_sentence_zh(run: AssessmentRun, methodology: Methodology, negative: int) -> str:
    ha = run.area_m2 / M2_PER_HA
    words = [
        f"{rules.period_words(run.period_start, run.period_end)}，{run.parcel_count:,} 块地"
        f" {ha_to_mu(ha):,.1f} 亩（{ha:,.2f} 公顷）按「{methodology.title_zh}」第 {methodology.version} 版，"
        f"净减排 {rules.tonnes_words(run.net_t)} 吨。"
    ]
    if negative:
        words.append(f"其中 {negative} 块是负的，照样计入。")
    if run.deficit_t:
        words.append("总数是负的，不能签发，缺口记在这次核算里。")
    else:
        words.append(f"只在最后取整一次，可签发的上限是 {run.issuable_t:,} 吨。")
    if run.status == "estimate":
        words.append("这是试算。")
    return "".join(words)


def _run_sentence_en(run: AssessmentRun, methodology: Methodology, negative: int) -> str:
    ha = run.area_m2 / M2_PER_HA
    words = [
        f"{rules.period_words(run.period_start, run.period_end)}: {run.parcel_count:,} parcels, "
        f"{ha:,.2f} ha, assessed with “{methodology.title_en}” version {methodology.version}, "
        f"net {rules.tonnes_words(run.net_t)} t."
    ]
    if negative:
        words.append(f" Below zero, and counted in full: {negative}.")
    if run.deficit_t:
        words.append(" The total is negative: nothing can issue; the gap is on record with this run.")
    else:
        words.append(f" Rounded down once, at the end: at most {run.issuable_t:,} t.")
    if run.status == "estimate":
        words.append(" An estimate.")
    return "".join(words)


def _run_equations(
    run: AssessmentRun, methodology: Methodology, negative: int, negative_t: float
) -> tuple[Equation, ...]:
    net = methodology.step(contract.NET)
    total = Term(f"Σ{net.symbol}", "项目净减排量", "net of the project", run.net_t, TCO2E, status="computed")
    net_text, exact = rules.tonnes_words(run.net_t, 3), f"{run.net_t!r}"
    rounding = Equation(
        "Q", "可签发量（只在项目一级取整一次）", "issuable quantity (rounded once, for the project)",
        f"Q = max(0, ⌊Σ{net.symbol}⌋)", f"max(0, ⌊{exact}⌋) = {run.issuable_t}",
        run.issuable_t, "t", (total,),
        "本市规则 local rule",
    )  # fmt: skip
    split = f"{rules.tonnes_words(run.net_t - negative_t, 3)} + ({rules.tonnes_words(negative_t, 3)})"
    parameters = tuple(_parameter_term(used) for used in run.parameters)
    summing = Equation(
        f"Σ{net.symbol}", "各地块之和，负的照样计入", "sum over the parcels, negative ones included",
        f"Σ{net.symbol} = Σᵢ {net.symbol}ᵢ (i = 1…N)",
        f"{split} = {net_text} {TCO2E}" if negative else f"Σ(N = {run.parcel_count}) = {net_text} {TCO2E}",
        run.net_t, TCO2E, parameters, net.source,
    )  # fmt: skip
    return rounding, summing, *_sums(run, methodology)


def _sums(run: AssessmentRun, methodology: Methodology) -> list[Equation]:
    """The totals of the steps. Where a step's own equation holds for the sums too, it is shown with them."""
    return [
        _sum_of(run, methodology, step)
        for step in methodology.steps
        if step.name in run.totals and step.name != contract.NET
    ]


def _sum_of(run: AssessmentRun, methodology: Methodology, step: contract.Step) -> Equation:
    total = run.totals[step.name]
    symbols = {name: f"Σ{_symbol(methodology, name)}" for name in run.totals}
    symbols |= {used["name"]: used["symbol"] for used in run.parameters}
    values = run.totals | {used["name"]: used["value"] for used in run.parameters}
    symbolic = f"Σ{step.symbol} = Σᵢ {step.symbol}ᵢ"
    numeric = f"Σ(N = {run.parcel_count}) = {rules.tonnes_words(total, 3)} {step.unit}"
    template = step.cases[-1].formula
    of_sums = len(step.cases) == 1 and set(step.uses) <= set(values)
    # Proven, not assumed: only a linear equation gives the total when fed with totals.
    if of_sums and math.isclose(evaluate(template, values), total, rel_tol=1e-9, abs_tol=1e-9):
        texts = {name: term_text(value) for name, value in values.items()}
        symbolic = f"Σ{step.symbol} = {render(template, symbols)}"
        numeric = f"{render(template, texts)} = {number_text(total).replace('-', '−')} {step.unit}"
    return Equation(
        f"Σ{step.symbol}",
        step.meaning_zh,
        step.meaning_en,
        symbolic,
        numeric,
        total,
        step.unit,
        (),
        step.source,
    )


def _symbol(methodology: Methodology, name: str) -> str:
    for column in methodology.columns:
        if column.name == name:
            return column.symbol or column.name
    return methodology.step(name).symbol


def _parameter_term(used: dict[str, Any]) -> Term:
    return Term(
        used["symbol"], used["meaning_zh"], used["meaning_en"], used["value"], used["unit"], used["source"],
        used["page"], used["status"], used["valid_from"],
    )  # fmt: skip


def _parcel_links(session: Session, run: AssessmentRun) -> tuple[Link, ...]:
    rows = run_rows(run).order_by(None)
    largest = session.execute(rows.order_by(RunRow.net_t.desc(), Parcel.code).limit(PARCELS_LINKED)).all()
    below = session.execute(
        rows.where(RunRow.net_t < 0).order_by(RunRow.net_t, Parcel.code).limit(PARCELS_LINKED)
    ).all()
    chosen = {code: row.net_t for row, code, _, _ in [*largest, *below]}
    return tuple(
        Link("run-row", f"{run.code}:{code}", f"地块 {code}", f"parcel {code}", net_t, TCO2E)
        for code, net_t in chosen.items()
    )


def explain_row(session: Session, run: AssessmentRun, parcel_code: str) -> Explanation:
    """One parcel of a run: every equation with its numbers, computed again before it is shown."""
    found = session.execute(run_rows(run).where(Parcel.code == parcel_code)).one_or_none()
    if found is None:
        raise NotFound(what=f"核算 {run.code} 的地块", key=parcel_code)
    row, _, _, area_m2 = found
    methodology = registry()[run.methodology_key]
    again = recompute(session, run, parcel=parcel_code)
    if again.net_t != row.net_t:
        raise ReplayDiffers(parcel=parcel_code, run=run.code)
    steps = contract.explain_row(methodology, again, parcel_code)
    # The page reads from the result down to its parts.
    equations = tuple(_equation(step) for step in reversed(steps))
    net_text, period = rules.tonnes_words(row.net_t, 3), rules.period_words(run.period_start, run.period_end)
    ha = row.inputs.get(AREA, area_m2 / M2_PER_HA)
    sign_zh = "是负的：照样计入项目总数，不归零。" if row.net_t < 0 else ""
    sign_en = " It is negative and counts in full; it is not set to zero." if row.net_t < 0 else ""
    return Explanation(
        kind="run-row",
        ref=f"{run.code}:{parcel_code}",
        title_zh=f"地块 {parcel_code} · 核算 {run.code}",
        title_en=f"Parcel {parcel_code} · run {run.code}",
        figure=Figure(row.net_t, TCO2E, run.status),
        sentence_zh=f"{period}，地块 {parcel_code}（{ha_to_mu(ha):,.1f} 亩，{ha:,.2f} 公顷）"
        f"净减排 {net_text} 吨。{sign_zh}地块不单独取整。",
        sentence_en=f"{period}: parcel {parcel_code} ({ha:,.2f} ha) nets {net_text} t.{sign_en} "
        "Parcels are not rounded on their own.",
        equations=equations,
        inputs=_row_inputs(session, run, row, methodology),
        digests=digests_of(run),
        replay_zh="刚才用保存的输入重算了一遍，每一位都相同。",
        replay_en="Computed again just now from the stored input; every digit is the same.",
        approvals=approvals_of(session, run),
        blockers=tuple(approval.blockers_of(session, run)),
        children=(Link("parcel", parcel_code, f"地块 {parcel_code}", f"parcel {parcel_code}", ha, "ha"),),
        is_demo=adopted_for_show(session, run),
    )


def _equation(step: ExplainedStep) -> Equation:
    # Which branch holds is part of the equation: "(where U ≤ 10: 8 ≤ 10)".
    where, with_numbers = f" ({step.condition})", f" ({step.condition_numbers})"
    return Equation(
        symbol=step.symbol,
        name_zh=step.meaning_zh,
        name_en=step.meaning_en,
        symbolic=step.equation + (where if step.condition else ""),
        numeric=step.numbers + (with_numbers if step.condition else ""),
        value=step.value,
        unit=step.unit,
        terms=tuple(_term(term) for term in step.terms),
        source=step.source + (f" ({step.equation_no})" if step.equation_no else ""),
    )


def _term(term: contract.Term) -> Term:
    value = term.value.isoformat() if isinstance(term.value, date) else term.value
    return Term(
        symbol=term.symbol,
        name_zh=term.meaning_zh,
        name_en=term.meaning_en,
        value=value,
        unit=term.unit,
        source=term.source,
        page=term.page,
        status=_STATUS.get(term.status, term.status),
        valid_from=term.valid_from.isoformat() if term.valid_from else "",
    )


def _row_inputs(
    session: Session, run: AssessmentRun, row: RunRow, methodology: Methodology
) -> tuple[Term, ...]:
    """Readings as used, each with who recorded it; the area with the register as its source."""
    record = session.scalar(
        sa.select(MonitoringRecord)
        .where(
            MonitoringRecord.project_id == run.project_id,
            MonitoringRecord.parcel_id == row.parcel_id,
            MonitoringRecord.period_start == run.period_start,
            MonitoringRecord.period_end == run.period_end,
            MonitoringRecord.recorded_at <= run.created_at,
        )
        .order_by(MonitoringRecord.id.desc())
        .limit(1)
    )
    told = record.values if record else {}
    by = f"监测 monitoring: {record.recorded_by}, {record.recorded_at.date().isoformat()}" if record else ""
    terms = []
    for column in methodology.columns:
        source = REGISTER if column.name == AREA else by
        if column.name != AREA and column.name not in told:
            source = "未填，用缺省值 not given, default used"
        terms.append(
            Term(_symbol(methodology, column.name), column.meaning_zh, column.meaning_en,
                 row.inputs.get(column.name), column.unit,
                 source, status="measured")
        )  # fmt: skip
    return tuple(terms)
