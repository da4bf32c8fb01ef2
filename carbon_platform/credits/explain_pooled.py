"""Explain a pooled run: the creditable grams of many people's acts, summed and rounded once."""

from __future__ import annotations

from typing import Any

from carbon_platform.credits import rules
from carbon_platform.credits.rules import Blocker
from carbon_platform.credits.tables import AssessmentRun
from carbon_platform.explanation import Approval, Equation, Explanation, Figure, Term
from methodologies import registry

TCO2E, GRAMS = "tCO2e", "gCO2e"
REPLAY_ZH = "每笔的克数和编号按顺序存成摘要，随时可以逐笔重加并比对；个人能看到自己的克数在哪个批次。"
REPLAY_EN = (
    "The grams and number of every act are on record by digest and can be added up again, act by act; each "
    "person sees which batch holds theirs."
)


def explain_pooled(
    run: AssessmentRun,
    project_name: str,
    *,
    approvals: tuple[Approval, ...],
    blockers: tuple[Blocker, ...],
    digests: tuple[tuple[str, str], ...],
    is_demo: bool,
) -> Explanation:
    """From acts to whole tonnes; no act and no person is named."""
    acts, people = int(run.totals.get("acts", 0)), int(run.totals.get("holders", 0))
    grams, beside = int(run.totals["c_grade_g"]), int(run.totals["p_grade_g"])
    methodology = registry()[run.methodology_key]
    period = rules.period_words(run.period_start, run.period_end)
    total = Term("ΣC", "可计入级合计", "sum of creditable grams", grams, GRAMS, status="computed")
    rounding = Equation(
        "Q", "可签发量（整批只取整一次）", "issuable quantity (rounded once for the pool)",
        "Q = ⌊ΣC ÷ 1,000,000⌋", f"⌊{grams:,} ÷ 1,000,000⌋ = {run.issuable_t}", run.issuable_t, "t", (total,),
        "本市规则 local rule",
    )  # fmt: skip
    summing = Equation(
        "ΣC", "每笔的可计入级克数之和，每笔已向下取整", "sum over the acts, each already rounded down",
        "ΣC = Σᵢ Cᵢ (i = 1…N)", f"Σ(N = {acts:,}) = {grams:,} {GRAMS}", grams, GRAMS,
        tuple(_parameter(used) for used in run.parameters), methodology.source,
    )  # fmt: skip
    return Explanation(
        kind="run",
        ref=run.code,
        title_zh=f"{project_name} · 核算 {run.code}",
        title_en=f"{project_name} · run {run.code}",
        figure=Figure(run.issuable_t, TCO2E, run.status),
        sentence_zh=f"{period}，{people:,} 位同意汇总的市民、{acts:,} 笔记录，按「{methodology.title_zh}」第 "
        f"{methodology.version} 版，可计入级共 {grams:,} 克。整批只取整一次：{run.issuable_t:,} 吨。"
        f"同一批记录的积分级是 {beside:,} 克，并列，不相加，也不签发。",
        sentence_en=f"{period}: {acts:,} acts of {people:,} people who agreed, under "
        f"“{methodology.title_en}” version {methodology.version}: {grams:,} creditable grams, rounded down "
        f"once to {run.issuable_t:,} t. The points grade of the same acts is {beside:,} g; it stands beside "
        "and is never issued.",
        equations=(rounding, summing),
        inputs=(
            Term("N", "记录", "acts", acts, "1", status="measured"),
            Term("P", "人数", "people", people, "1", status="measured"),
            Term("t", "汇总期", "period", period, "", status="measured"),
        ),
        digests=digests,
        replay_zh=REPLAY_ZH,
        replay_en=REPLAY_EN,
        approvals=approvals,
        blockers=blockers,
        is_demo=is_demo,
    )


def _parameter(used: dict[str, Any]) -> Term:
    return Term(
        used["symbol"], used["meaning_zh"], used["meaning_en"], used["value"], used["unit"], used["source"],
        used["page"], used["status"], used["valid_from"],
    )  # fmt: skip
