"""When a run may become carbon tickets (碳票), who must say so, and the one rounding.

Values in, values out; rows of tables are accepted wherever they have the attributes named by a protocol.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Protocol

from carbon_platform.errors import PlatformError
from carbon_platform.explanation import Blocker
from carbon_platform.identity.rules import ROLES_ZH
from carbon_platform.projects.rules import CCER, land_use
from methodologies.parameters import ISSUABLE_STATUSES

__all__ = ["Blocker", "adopted", "blocking_parameters", "check_review", "issue_blockers", "whole_tonnes"]

ROLES_EN = {
    "operator": "the operator",
    "verifier": "the verifier",
    "ecology_bureau": "the ecology bureau",
    "forestry_bureau": "the forestry bureau",
    "authority": "the authority",
}
# Who decides, in order: the verifier first, then the bureaus in any order. Forestry needs both bureaus;
# the city's plan names no agricultural co-signer, so everything else needs the ecology bureau alone.
FORESTRY_KINDS = frozenset({"camellia", "forest"})
STATUS_ZH = {
    "estimate": "试算",
    "verified": "已核",
    "approved": "已批",
    "issued": "已签发",
    "returned": "退回",
}
DECISIONS = ("confirm", "return")


class RunLike(Protocol):
    """What the rules read of an assessment run."""

    code: str
    methodology_key: str
    parameter_digest: str
    parameters: list[Any]
    issuable_t: int
    net_t: float
    status: str


class SignOffLike(Protocol):
    methodology_key: str
    parameter_digest: str


class ReviewLike(Protocol):
    role: str
    decision: str
    user_id: int


class InputChanged(PlatformError):
    """Somebody changed the readings while they were being computed; nothing was stored."""

    code, status = "credits.input_changed", 409
    zh = "核算期间项目 {project} 的输入数据被改动，结果没有保存。请重新核算。"
    en = "The input of project {project} changed during the assessment; nothing was stored. Run it again."


class NothingToAssess(PlatformError):
    code, status = "credits.nothing_to_assess", 409
    zh = "项目 {project} 还没有地块，无从核算。请先加入地块并上传监测数据。"
    en = "Project {project} has no parcels yet. Attach parcels and upload their readings first."


class RunClosed(PlatformError):
    code, status = "credits.run_closed", 409
    zh = "核算 {run} 已是「{status_zh}」，不能再审。请对新的核算作决定。"
    en = "Run {run} is {run_status}; it takes no more reviews. Decide on a new run."


class ReviewNotNeeded(PlatformError):
    code, status = "credits.review_not_needed", 409
    zh = "核算 {run} 用的是 {methodology}，不需要{role_zh}审核。需要的是：{needed_zh}。"
    en = "Run {run} under {methodology} needs no review by {role_en}. It needs: {needed_en}."


class VerifierFirst(PlatformError):
    code, status = "credits.verifier_first", 409
    zh = "核算 {run} 还没有经第三方核证员确认，主管部门要等核证之后再批。"
    en = "Run {run} is not confirmed by the verifier yet; the bureaus decide after that."


class AlreadyReviewed(PlatformError):
    code, status = "credits.already_reviewed", 409
    zh = "核算 {run} 的{role_zh}意见已经在册，不能改。有异议请退回后重新核算。"
    en = "The decision of {role_en} on run {run} is on record and does not change."


class SamePerson(PlatformError):
    code, status = "credits.same_person", 403
    zh = "核算 {run} 的另一步是您本人做的。核算、核证、审批必须由不同的人完成，请换一位同事。"
    en = "You took another step of run {run}. Assessing, verifying and approving need different people."


class OwnProject(PlatformError):
    code, status = "credits.own_project", 403
    zh = "核算 {run} 属于您所在的机构，业主不能审自己的项目。请由第三方或主管部门审核。"
    en = "Run {run} belongs to your organisation; an owner does not review its own project."


class ReasonNeeded(PlatformError):
    code, status = "credits.reason_needed", 422
    zh = "退回要写明原因，业主才知道改什么。"
    en = "A return needs a reason, so that the owner knows what to correct."


class DigestNotPresent(PlatformError):
    code, status = "credits.digest_not_present", 409
    zh = (
        "方法学 {methodology} 现行参数的摘要是 {present}，与送签的 {given} 不同。请按现行参数重新核对后签署。"
    )
    en = (
        "The parameters of {methodology} in force have the digest {present}, not {given}. "
        "Check the present set and sign that."
    )


@dataclass(frozen=True)
class Rounded:
    """Whole tonnes that may be issued, and what is missing to zero when the net is negative (both ≥ 0)."""

    issuable_t: int
    deficit_t: float


def whole_tonnes(net_t: float) -> Rounded:
    """The one rounding: ``⌊net_t⌋`` at project level, never per parcel; a negative net issues nothing.

    ``net_t``: t CO2e of the whole project, unrounded. Source: domain rule "floor once, at project level".
    """
    if net_t < 0:
        return Rounded(issuable_t=0, deficit_t=-net_t)
    return Rounded(issuable_t=math.floor(net_t), deficit_t=0.0)


# A flat deduction for default factors is meant for projects up to this size (VM0051 v1.1, QA3).
FLAT_DEDUCTION_MAX_T_PER_YEAR = 60_000.0


@dataclass(frozen=True)
class PercentileRule:
    """What uncertainty takes from a run. ``way``: ``declared`` (the methodology deducts itself, or nothing),
    ``flat`` (its flat deduction stands), ``percentile`` (too large for the flat one); ``quantity``: what
    could issue that way; ``by_percentile``: what could issue by the 33.3rd percentile."""

    way: str
    quantity: Rounded
    by_percentile: Rounded


def percentile_rule(
    net_t: float, percentile_t: float, *, flat_deduction: float, undeducted_t: float, years: float
) -> PercentileRule:
    """Issue the 33.3rd percentile of the simulated net figure, or keep the flat deduction; never both.

    ``net_t``: the run's net figure, flat deduction taken; ``percentile_t``: the 33.3rd percentile without it
    (the analogue of UNC = t_0.667 · SE / mean, VM0051 Eq. 38), ``undeducted_t``: the run's own figure without
    it, t CO2e, unrounded. Where conservative values were chosen the percentile may lie above the run's own
    figure: an analysis never raises what a run claims. Source: rice-methodologies §8.2, a design choice; the
    flat deduction replaces the analysis up to 60,000 t a year. Rounded once, here.
    """
    by_percentile = whole_tonnes(min(percentile_t, undeducted_t))
    if needs_percentile(net_t, flat_deduction=flat_deduction, years=years):
        return PercentileRule("percentile", by_percentile, by_percentile)
    return PercentileRule("flat" if flat_deduction else "declared", whole_tonnes(net_t), by_percentile)


def needs_percentile(net_t: float, *, flat_deduction: float, years: float) -> bool:
    """Whether a run is too large for the flat deduction it took: more than 60,000 t CO2e a year."""
    return bool(flat_deduction) and net_t > FLAT_DEDUCTION_MAX_T_PER_YEAR * years


def review_steps(methodology_key: str) -> tuple[str, ...]:
    """Roles that must confirm a run, the verifier first."""
    use = land_use(methodology_key)
    if use is not None and use.kind in FORESTRY_KINDS:
        return ("verifier", "ecology_bureau", "forestry_bureau")
    return ("verifier", "ecology_bureau")


def status_after(methodology_key: str, reviews: Iterable[ReviewLike]) -> str:
    """Status of a run that is not issued: estimate → verified → approved, or returned."""
    decisions = {review.role: review.decision for review in reviews}
    if "return" in decisions.values():
        return "returned"
    steps = review_steps(methodology_key)
    if all(decisions.get(role) == "confirm" for role in steps):
        return "approved"
    return "verified" if decisions.get("verifier") == "confirm" else "estimate"


def check_review(
    run: RunLike,
    reviews: Sequence[ReviewLike],
    *,
    role: str,
    user_id: int | None,
    name: str,
    organisation_id: int | None,
    created_by: str,
    owner_organisation_id: int,
    decision: str,
    note: str,
) -> None:
    """Refuse a decision that is out of turn, repeated, or taken by someone with a hand in the run."""
    steps = review_steps(run.methodology_key)
    words: dict[str, Any] = {
        "run": run.code,
        "role_zh": ROLES_ZH.get(role, role),
        "role_en": ROLES_EN.get(role, role),
    }
    if role not in steps:
        needed_zh = "、".join(ROLES_ZH[step] for step in steps)
        needed_en = ", ".join(ROLES_EN[step] for step in steps)
        raise ReviewNotNeeded(
            methodology=run.methodology_key, needed_zh=needed_zh, needed_en=needed_en, **words
        )
    if organisation_id is not None and organisation_id == owner_organisation_id:
        raise OwnProject(run=run.code)
    if name == created_by or (user_id is not None and user_id in {review.user_id for review in reviews}):
        own = any(review.role == role and review.user_id == user_id for review in reviews)
        if not own:
            raise SamePerson(run=run.code)
    if any(review.role == role for review in reviews):
        raise AlreadyReviewed(**words)
    if run.status in {"issued", "returned"}:
        raise RunClosed(run=run.code, status_zh=STATUS_ZH[run.status], run_status=run.status)
    if role != "verifier" and not any(
        review.role == "verifier" and review.decision == "confirm" for review in reviews
    ):
        raise VerifierFirst(run=run.code)
    if decision == "return" and not note.strip():
        raise ReasonNeeded


def blocking_parameters(run: RunLike) -> list[str]:
    """Names of parameters used whose evidence does not allow issuing by itself."""
    return [used["name"] for used in run.parameters if used["status"] not in ISSUABLE_STATUSES]


def adopted(run: RunLike, signoffs: Iterable[SignOffLike]) -> bool:
    """Whether the authority signed exactly the parameter set this run used."""
    return any(
        signed.methodology_key == run.methodology_key and signed.parameter_digest == run.parameter_digest
        for signed in signoffs
    )


def issue_blockers(
    run: RunLike,
    signoffs: Iterable[SignOffLike],
    reviews: Sequence[ReviewLike],
    *,
    readings_replaced: bool = False,
    issuable_t: int | None,
) -> list[Blocker]:
    """Every reason why this run cannot be issued now; empty means it can.

    ``readings_replaced``: readings of its period were recorded after it was computed. ``issuable_t``: whole
    tonnes the uncertainty rule lets it issue, None while the analysis that says so is missing.
    """
    if run.status == "issued":
        return [
            Blocker(
                "credits.issued", "这次核算已经签发，不能再签发。", "This run has been issued.", "operator"
            )
        ]
    blockers = [*_nature_blockers(run), *_result_blockers(run, readings_replaced, issuable_t)]
    weak = blocking_parameters(run)
    if weak and not adopted(run, signoffs):
        used = {parameter["name"]: parameter for parameter in run.parameters}
        names_zh = "、".join(used[name].get("meaning_zh", name) for name in weak)
        names_en = ", ".join(used[name].get("meaning_en", name) for name in weak)
        blockers.append(
            Blocker(
                "credits.parameters_not_adopted",
                f"这是试算。还有 {len(weak)} 个参数没有签署采纳，不能签发：{names_zh}。",
                f"An estimate. {len(weak)} parameters are not adopted yet, so it cannot issue: {names_en}.",
                "authority",
            )
        )
    decided = {review.role: review.decision for review in reviews}
    for role in review_steps(run.methodology_key):
        if role not in decided and run.status != "returned":
            blockers.append(
                Blocker(
                    f"credits.waits_for_{role}",
                    f"还没有{ROLES_ZH[role]}的确认。",
                    f"{ROLES_EN[role].capitalize()} has not confirmed it yet.",
                    role,
                )
            )
    return blockers


def _nature_blockers(run: RunLike) -> Iterable[Blocker]:
    """What no signature removes: units that are not the city's to issue, numbers made up for trying out."""
    use = land_use(run.methodology_key)
    if use is not None and use.scheme == CCER:
        yield Blocker(
            "credits.issued_nationally",
            "这是 CCER 项目：减排量由全国注册登记机构登记，本平台只核算、不签发。请用核算书到全国系统申请。",
            "A CCER project: the national registry registers its reductions. This platform computes, and "
            "never issues them; apply there with the calculation sheet.",
            "operator",
        )
    invented = [used["name"] for used in run.parameters if used["status"] == "illustrative"]
    if invented:
        names = "、".join(invented)
        yield Blocker(
            "credits.illustrative_parameters",
            f"这是试算，用了示意参数，任何签署都不能使其签发：{names}。请换成有出处的数值后重新核算。",
            f"An estimate: {names} are illustrative, and no signature can make it issue. Take values with a "
            "source instead and run again.",
            "operator",
        )


def _result_blockers(run: RunLike, readings_replaced: bool, issuable_t: int | None) -> Iterable[Blocker]:
    if run.status == "returned":
        yield Blocker(
            "credits.returned",
            "这次核算被退回。请按意见改正数据后重新核算。",
            "This run was returned. Correct the data as noted and run it again.",
            "operator",
        )
    if readings_replaced:
        yield Blocker(
            "credits.readings_replaced",
            "核算之后监测数据又有更新。请重新核算。",
            "Readings were recorded after this run. Run it again.",
            "operator",
        )
    if issuable_t is None:
        yield Blocker(
            "credits.analysis_missing",
            "每年超过 60,000 吨，不能用统一扣减，要按不确定性分析的第 33.3 百分位签发。请先做不确定性分析。",
            "More than 60,000 t a year: the flat deduction does not hold, the 33.3rd percentile of an "
            "uncertainty analysis is issued. Make the analysis first.",
            "operator",
        )
    elif issuable_t < 1 <= run.issuable_t:
        yield Blocker(
            "credits.percentile_below_zero",
            "不确定性太大：第 33.3 百分位不足一整吨，没有可签发的量。请补充实测数据后重新核算。",
            "Too uncertain: the 33.3rd percentile is below one whole tonne, nothing to issue. Measure more "
            "and run it again.",
            "operator",
        )
    if run.issuable_t < 1:
        yield Blocker(
            "credits.nothing_to_issue",
            f"净减排量 {tonnes_words(run.net_t)} 吨，不足一整吨，没有可签发的量。",
            f"The net figure is {tonnes_words(run.net_t)} t: less than one whole tonne, nothing to issue.",
            "operator",
        )


def tonnes_words(net_t: float, decimals: int = 1) -> str:
    """An unrounded figure as people read it, with a true minus: ``−12.3``."""
    text = f"{abs(net_t):,.{decimals}f}"
    return f"−{text}" if net_t < 0 and float(text.replace(",", "")) else text


def check_digest(methodology_key: str, given: str, present: str) -> None:
    """A sign-off adopts the parameters now in force, nothing else."""
    if given != present:
        raise DigestNotPresent(methodology=methodology_key, given=given[:12], present=present[:12])


def period_words(start: date, end: date) -> str:
    """A half-open period in ISO form with its last day, as people name it: ``2021-12-01 至 2026-11-30``."""
    return f"{start.isoformat()} – {date.fromordinal(end.toordinal() - 1).isoformat()}"
