"""Uncertainty analysis of a stored run: computed outside the write, from the run's own inputs, and kept.

    found = analyse_run(db.read, db.transact, actor, "XY-R000001", trials=10_000, now=now)

The seed follows from the run's input digest: nobody chooses it, and whoever repeats the analysis gets the
same figures. Asking again for what is on file returns it. Large runs are left to the schedule
(:func:`analyse_due`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.credits import rules
from carbon_platform.credits.assessment import Transaction, get_run, recompute
from carbon_platform.credits.tables import AssessmentRun
from carbon_platform.credits.uncertainty_tables import RunUncertainty
from carbon_platform.db import serialise
from carbon_platform.errors import PlatformError
from carbon_platform.identity.rules import SYSTEM, Actor
from carbon_platform.identity.service import audit
from carbon_platform.projects.rules import MethodologyRefused
from methodologies import registry
from methodologies.contract import Quantification
from methodologies.errors import MethodologyError
from methodologies.uncertainty import FLAT_DEDUCTION, TRIALS_MIN, Uncertainty, analyse, seed_of

# Up to so many parcels an analysis is made while the person waits; it takes seconds.
PARCELS_AT_ONCE = 5_000
# How many runs one turn of the schedule analyses.
RUNS_PER_TURN = 3


class NotReproducible(PlatformError):
    """An analysis of figures that cannot be computed again would describe something else."""

    code, status = "credits.not_reproducible", 409
    zh = "核算 {run} 用现在的方法学重算，得不到原来的数字，不能做不确定性分析。请重新核算后再做。"
    en = (
        "Run {run} computed with the methodology of today gives other figures, so its uncertainty cannot be "
        "analysed. Assess again, then analyse the new run."
    )


class LeftToTheSchedule(PlatformError):
    code, status = "credits.left_to_the_schedule", 409
    zh = "核算 {run} 有 {count} 块地，超过 {limit} 块，分析由后台定时完成，请稍后再来看。"
    en = "Run {run} has {count} parcels, more than {limit}; the schedule will analyse it. Come back later."


@dataclass(frozen=True)
class Read:
    """A run's id and its figures, computed again."""

    run_id: int
    code: str
    figures: Quantification


def analyse_run(
    read: Transaction,
    transact: Transaction,
    actor: Actor,
    code: str,
    *,
    trials: int,
    now: datetime,
    at_once: int | None = PARCELS_AT_ONCE,
) -> RunUncertainty:
    """Analyse one run and keep the result; what is on file already is returned as it is.

    ``at_once``: refuse runs of more parcels than that (None: take any). Errors: ``NotFound``,
    ``LeftToTheSchedule``, ``NotReproducible``, ``MethodologyRefused`` in the methodology's words.
    """
    given = read(lambda session: _read(session, actor, code, at_once))
    kept = read(lambda session: _kept(session, given, trials))
    if kept is not None:
        return kept
    methodology = registry()[given.figures.key]
    try:
        found = analyse(methodology, given.figures, trials=trials)
    except MethodologyError as refused:
        raise MethodologyRefused(zh=refused.message("zh"), en=refused.message("en")) from refused
    return transact(_storing(actor, given, found, now))


def _read(session: Session, actor: Actor, code: str, at_once: int | None) -> Read:
    run = get_run(session, actor, code)
    if at_once is not None and run.parcel_count > at_once:
        raise LeftToTheSchedule(run=code, count=run.parcel_count, limit=at_once)
    methodology = registry().get(run.methodology_key)
    if methodology is None or methodology.code_digest != run.code_digest:
        raise NotReproducible(run=code)
    try:
        figures = recompute(session, run)
    except MethodologyError as refused:
        raise MethodologyRefused(zh=refused.message("zh"), en=refused.message("en")) from refused
    same = (
        figures.input_digest == run.input_digest
        and figures.parameter_digest == run.parameter_digest
        and figures.net_t == run.net_t
    )
    if not same:
        raise NotReproducible(run=code)
    return Read(run.id, code, figures)


def _kept(session: Session, given: Read, trials: int) -> RunUncertainty | None:
    return session.scalar(
        sa.select(RunUncertainty).filter_by(run_id=given.run_id, trials=trials, seed=seed_of(given.figures))
    )


def _storing(
    actor: Actor, given: Read, found: Uncertainty, now: datetime
) -> Callable[[Session], RunUncertainty]:
    return lambda session: _store(session, actor, given, found, now)


def _store(session: Session, actor: Actor, given: Read, found: Uncertainty, now: datetime) -> RunUncertainty:
    # Two requests may have computed the same at the same time; the first one's row serves both.
    serialise(session, f"uncertainty-{given.run_id}")
    row = _kept(session, given, found.trials) or _new_row(session, actor, given, found, now)
    detail = {"trials": found.trials, "seed": found.seed, "issue_t": found.issue_t}
    audit(session, actor, "run.uncertainty", object_kind="run", object_id=given.code, now=now, detail=detail)
    return row


def _new_row(
    session: Session, actor: Actor, given: Read, found: Uncertainty, now: datetime
) -> RunUncertainty:
    row = RunUncertainty(
        run_id=given.run_id,
        trials=found.trials,
        seed=found.seed,
        mean_t=found.net.mean,
        low_t=found.net.quantiles[2.5],
        high_t=found.net.quantiles[97.5],
        issue_t=found.issue_t,
        negative=found.net.negative,
        result=found.record(),
        created_by=actor.name,
        created_at=now,
    )
    session.add(row)
    session.flush()
    return row


def newest(session: Session, run: AssessmentRun) -> RunUncertainty | None:
    """The analysis with most trials, None when there is none."""
    return session.scalar(
        sa.select(RunUncertainty)
        .where(RunUncertainty.run_id == run.id)
        .order_by(RunUncertainty.trials.desc(), RunUncertainty.id.desc())
        .limit(1)
    )


def issuable_t(session: Session, run: AssessmentRun) -> int | None:
    """Whole tonnes the run may issue: its own figure, or the percentile where it is too large for the flat
    deduction it took (:func:`rules.needs_percentile`); None while the analysis that says so is missing."""
    flat = next((float(used["value"]) for used in run.parameters if used["name"] == FLAT_DEDUCTION), 0.0)
    if not rules.needs_percentile(run.net_t, flat_deduction=flat, years=_years(run)):
        return run.issuable_t
    analysis = newest(session, run)
    return None if analysis is None else rule_of(run, analysis).quantity.issuable_t


def _years(run: AssessmentRun) -> float:
    return (run.period_end - run.period_start).days / 365.25


def rule_of(run: AssessmentRun, analysis: RunUncertainty) -> rules.PercentileRule:
    """Which deduction the rules want for this run, and how much could issue by the percentile."""
    return rules.percentile_rule(
        run.net_t,
        analysis.issue_t,
        flat_deduction=analysis.result["flat_deduction"],
        undeducted_t=analysis.result["undeducted_t"],
        years=_years(run),
    )


def due(session: Session) -> list[str]:
    """Codes of runs that are not analysed yet and whose methodology is the one of today, newest first."""
    analysed = sa.exists().where(RunUncertainty.run_id == AssessmentRun.id)
    present = [
        sa.and_(AssessmentRun.methodology_key == key, AssessmentRun.code_digest == found.code_digest)
        for key, found in registry().items()
    ]
    return list(
        session.scalars(
            sa.select(AssessmentRun.code)
            .where(
                ~analysed,
                sa.or_(*present),
                AssessmentRun.status != "returned",
                # pooled acts have no rows to draw
                AssessmentRun.parcel_count > 0,
            )
            .order_by(AssessmentRun.id.desc())
        )
    )


def analyse_due(read: Transaction, transact: Transaction, *, now: datetime) -> tuple[list[str], list[str]]:
    """One turn of the schedule: (codes analysed, codes refused with the reason).

    A run that is refused stays due and takes nobody's place: the next one gets its turn.
    """
    done: list[str] = []
    refused: list[str] = []
    for code in read(due):
        if len(done) == RUNS_PER_TURN:
            break
        try:
            analyse_run(read, transact, SYSTEM, code, trials=TRIALS_MIN, now=now, at_once=None)
            done.append(code)
        except PlatformError as error:
            refused.append(f"{code}: {error}")
    return done, refused
