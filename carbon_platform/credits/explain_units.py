"""Open issued and retired kilograms down to the parcels that made them, by their numbers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.credits import certificates, retirement, tracing
from carbon_platform.credits.allocation import Share, trace
from carbon_platform.credits.tables import AssessmentRun, BatchShare, CreditBatch, RetirementLine, RunReview
from carbon_platform.errors import NotFound
from carbon_platform.explanation import Approval, Equation, Explanation, Figure, Link, Term
from carbon_platform.parcels.tables import Parcel
from carbon_platform.projects.tables import Project
from carbon_platform.regions.service import county_name
from carbon_platform.units import tonnes_text

KG = "kgCO2e"
POOLED_ZH = "，是市民低碳行为的汇总，没有地块。每一千克都有号码；本人能查到自己的克数在这一批。"
POOLED_EN = ", a pool of citizens' acts without land. Every kilogram has a number; all find their own grams."


def is_public_batch(session: Session, code: str) -> bool:
    """Whether some of the batch was retired: its certificate is public, and so is what stands behind it."""
    retired = sa.exists().where(RetirementLine.batch_id == CreditBatch.id)
    return session.scalar(sa.select(CreditBatch.id).where(CreditBatch.code == code, retired)) is not None


def explain_batch(session: Session, code: str) -> Explanation:
    """A batch of carbon tickets: its kilograms, the run they come from, and each parcel's numbers."""
    batch = session.scalar(sa.select(CreditBatch).where(CreditBatch.code == code))
    if batch is None:
        raise NotFound(what="碳票批次", key=code)
    run = session.get_one(AssessmentRun, batch.run_id)
    project = session.get_one(Project, batch.project_id)
    shares = _shares(session, batch)
    quantity_t = _issued_t(session, run)
    county, tonnes = county_name(batch.county_code), tonnes_text(batch.quantity_kg)
    return Explanation(
        kind="batch",
        ref=code,
        title_zh=f"碳票 {code}",
        title_en=f"Carbon tickets {code}",
        figure=Figure(batch.quantity_kg, KG, "issued"),
        sentence_zh=f"{tonnes} 吨碳票，{batch.vintage} 年，{county}，来自「{project.name_zh}」"
        + (f"的 {len(shares)} 块地。每一千克都有号码，号码对应到地块。" if shares else POOLED_ZH),
        sentence_en=f"{tonnes} t of carbon tickets, vintage {batch.vintage}, {county}, from "
        + (
            f"{len(shares)} parcels of {project.code}. Every kilogram has a number, and the number leads "
            "to a parcel."
            if shares
            else f"{project.code}{POOLED_EN}"
        ),
        equations=(_sum_of_shares(batch, shares),) if shares else (_whole(batch),),
        inputs=(
            Term("v", "年份", "vintage", batch.vintage, "", status="measured"),
            Term("q", "本次核算签发", "issued from the run", quantity_t, "t", status="computed"),
        ),
        digests=(
            ("methodology", run.methodology_key),
            ("input", run.input_digest),
            ("parameters", run.parameter_digest),
            ("code", run.code_digest),
        ),
        approvals=(*_reviews(session, run), _issue(batch)),
        children=(
            Link("run", run.code, f"核算 {run.code}", f"run {run.code}", quantity_t, "t"),
            *_parcel_links(run, [(share, parcel, share.last - share.first + 1) for share, parcel in shares]),
        ),
        is_demo=batch.is_demo,
    )


def _issued_t(session: Session, run: AssessmentRun) -> int:
    """Whole tonnes issued from the run, over all its batches."""
    total_kg = session.scalar(
        sa.select(sa.func.sum(CreditBatch.quantity_kg)).where(CreditBatch.run_id == run.id)
    )
    return int(total_kg or 0) // 1000


def _whole(batch: CreditBatch) -> Equation:
    """Of a pooled batch: the run's whole tonnes, in kilograms."""
    return Equation(
        "Q", "核算可签发的整吨", "the run's whole tonnes", "Q = ⌊ΣC⌋ × 1,000",
        f"{batch.quantity_kg // 1000:,} × 1,000 = {batch.quantity_kg:,} {KG}", batch.quantity_kg, KG,
        source="本市规则 local rule",
    )  # fmt: skip


def _sum_of_shares(batch: CreditBatch, shares: list[tuple[BatchShare, str]]) -> Equation:
    terms = tuple(
        Term(
            f"q{number}",
            f"地块 {code}",
            f"parcel {code}",
            share.last - share.first + 1,
            KG,
            status="computed",
        )
        for number, (share, code) in enumerate(shares, start=1)
    )
    numbers = " + ".join(f"{share.last - share.first + 1:,}" for share, _ in shares[:6])
    more = f" + …（{len(shares)}）" if len(shares) > 6 else ""
    return Equation(
        "Q", "各地块份额之和（最大余数法，合计不差一千克）",
        "sum of the parcels' shares (largest remainder, exact to the kilogram)",
        "Q = Σᵢ qᵢ,  qᵢ = last − first + 1", f"{numbers}{more} = {batch.quantity_kg:,} {KG}",
        batch.quantity_kg, KG, terms, "本市规则 local rule",
    )  # fmt: skip


def explain_retirement(session: Session, certificate_number: str) -> Explanation:
    """A certificate: which numbers were retired, for whom, and the very parcels they come from. Public.

    Every name is the one of the day it was made.
    """
    retired = retirement.get_retirement(session, certificate_number)
    said, spans = certificates.content(retired), tracing.spans_of(session, retired)
    holder, tonnes = said["retired_by_organisation"], tonnes_text(retired.quantity_kg)
    parcels = len(tracing.parcels_of(session, retired))
    batches = retirement.lines_of(session, retired)
    numbers = " + ".join(
        f"({last} − {first} + 1)" for line in batches for first, last in spans.get(line.batch.id, ())
    )
    return Explanation(
        kind="retirement",
        ref=certificate_number,
        title_zh=f"注销证书 {certificate_number}",
        title_en=f"Retirement certificate {certificate_number}",
        figure=Figure(retired.quantity_kg, KG, "retired"),
        sentence_zh=f"{holder}为{retired.beneficiary_name}注销了 {tonnes} 吨碳票，"
        f"{f'出自 {len(batches)} 个批次，' if len(batches) > 1 else ''}"
        f"{f'来自 {parcels} 块地' if parcels else '来自市民低碳行为的汇总'}。"
        "注销后不能撤回，也不能再卖。",
        sentence_en=f"{holder} retired {tonnes} t for {retired.beneficiary_name}, "
        f"{f'out of {len(batches)} batches, ' if len(batches) > 1 else ''}"
        f"from {f'{parcels} parcels' if parcels else 'citizens’ pooled acts'}. "
        "This cannot be undone or sold again.",
        equations=(
            Equation("Q", "号码区间之和", "sum of the number ranges", "Q = Σ (last − first + 1)",
                     f"{numbers} = {retired.quantity_kg:,} {KG}", retired.quantity_kg, KG),
            *_sum_of_lines(said, retired.quantity_kg),
        ),
        inputs=(
            Term("p", "用途", "purpose", retired.purpose, "", status="measured"),
            Term("t", "使用期间", "period of use",
                 f"{retired.consumption_from.isoformat()} – {retired.consumption_to.isoformat()}", "",
                 status="measured"),
        ),
        digests=(("certificate", retired.digest),),
        approvals=(Approval("enterprise", holder, retired.retired_at.isoformat(), "retire"),),
        children=tuple(
            link
            for line, told in zip(batches, said["lines"], strict=False)
            for link in _line_links(session, line, told, spans.get(line.batch.id, []))
        ),
        is_demo=retired.is_demo,
    )  # fmt: skip


def _sum_of_lines(said: dict[str, Any], quantity_kg: int) -> tuple[Equation, ...]:
    """Of a certificate over several batches, what each of them gave."""
    lines = said["lines"]
    if len(lines) == 1:
        return ()
    terms = tuple(
        Term(f"q{number}", f"批次 {line['batch']}", f"batch {line['batch']}", line["quantity_kg"], KG,
             status="computed")
        for number, line in enumerate(lines, start=1)
    )  # fmt: skip
    numbers = " + ".join(f"{line['quantity_kg']:,}" for line in lines)
    return (
        Equation("Q", "各批次之和", "sum over the batches", "Q = Σᵢ qᵢ",
                 f"{numbers} = {quantity_kg:,} {KG}", quantity_kg, KG, terms),
    )  # fmt: skip


def _line_links(
    session: Session, line: certificates.Line, told: dict[str, Any], spans: list[tuple[int, int]]
) -> Iterable[Link]:
    """The batch of a line, then its parcels with the kilograms that went."""
    batch = line.batch
    run = session.get_one(AssessmentRun, batch.run_id)
    shares = _shares(session, batch)
    found = trace(spans, [Share(share.parcel_id, share.first, share.last) for share, _ in shares])
    touched = [(share, code, found[share.parcel_id]) for share, code in shares if share.parcel_id in found]
    yield Link(
        "batch", batch.code, f"碳票 {batch.code}（{told['project_name']}）",
        f"carbon tickets {batch.code} ({told['project_code']})", batch.quantity_kg, KG,
    )  # fmt: skip
    yield from _parcel_links(run, touched)


def _shares(session: Session, batch: CreditBatch) -> list[tuple[BatchShare, str]]:
    """The batch's shares with parcel codes, in the order of their numbers."""
    rows = session.execute(
        sa.select(BatchShare, Parcel.code)
        .join(Parcel, Parcel.id == BatchShare.parcel_id)
        .where(BatchShare.batch_id == batch.id)
        .order_by(BatchShare.first)
    )
    return [(share, code) for share, code in rows]


def _parcel_links(run: AssessmentRun, shares: Iterable[tuple[BatchShare, str, int]]) -> Iterable[Link]:
    for share, code, quantity_kg in shares:
        span = f"{share.first}–{share.last}"
        yield Link(
            "run-row", f"{run.code}:{code}", f"地块 {code}（{span} 号）", f"parcel {code} (no. {span})",
            quantity_kg, KG,
        )  # fmt: skip


def _reviews(session: Session, run: AssessmentRun) -> list[Approval]:
    rows = session.scalars(sa.select(RunReview).where(RunReview.run_id == run.id).order_by(RunReview.id))
    return [Approval(row.role, row.reviewer, row.at.isoformat(), row.decision, row.note) for row in rows]


def _issue(batch: CreditBatch) -> Approval:
    return Approval("operator", batch.issued_by, batch.issued_at.isoformat(), "issue", batch.entry_reference)
