"""Replay (重算): every stored run computed again from its stored inputs, with today's code.

    codes = replay_codes(session)
    outcome = replay_one(session, codes[0])

Everything a run stored is compared exactly: figures row by row and column by column, totals, rounding,
digests, parameters. The first difference is named; figures come before digests, because code that changed
without moving a figure is another matter than a figure that moved.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.credits import rules
from carbon_platform.credits.assessment import recompute, run_rows
from carbon_platform.credits.tables import AssessmentRun
from carbon_platform.errors import NotFound
from carbon_platform.projects.frames import plain_rows
from methodologies import registry
from methodologies.contract import NET, Quantification
from methodologies.errors import MethodologyError


@dataclass(frozen=True)
class Difference:
    """What differs: ``where`` names it (``parcel 411522-1, net_t`` or ``code_digest``)."""

    where: str
    stored: Any
    recomputed: Any


@dataclass(frozen=True)
class Replay:
    """The outcome of one run; ``zh`` and ``en`` say it in a sentence, ``first`` is None when all is equal."""

    code: str
    methodology_key: str
    rows: int
    first: Difference | None
    zh: str
    en: str

    @property
    def same(self) -> bool:
        return self.first is None


def replay_codes(session: Session) -> list[str]:
    """Codes of all stored runs of land, oldest first. Pooled acts are added up again by ``inclusion``."""
    of_land = sa.select(AssessmentRun.code).where(AssessmentRun.parcel_count > 0)
    return list(session.scalars(of_land.order_by(AssessmentRun.id)))


def replay_one(session: Session, code: str) -> Replay:
    """Compute one run again. ``NotFound`` when there is no such run; any refusal counts as a difference."""
    run = session.scalar(sa.select(AssessmentRun).where(AssessmentRun.code == code))
    if run is None:
        raise NotFound(what="核算", key=code)
    first = first_difference(session, run)
    key = run.methodology_key
    if first is None:
        return Replay(
            code,
            key,
            run.parcel_count,
            None,
            f"{code}（{key}，{run.parcel_count} 行）重算一致，净量 {run.net_t!r} 吨。",
            f"{code} ({key}, {run.parcel_count} rows) comes out the same, net {run.net_t!r} t.",
        )
    was, now = first.stored, first.recomputed
    zh = f"{code}（{key}）重算不一致。第一处：{first.where}，记录为 {was!r}，重算得 {now!r}。"
    en = f"{code} ({key}) differs. First: {first.where}, stored {was!r}, now {now!r}."
    return Replay(code, key, run.parcel_count, first, zh, en)


def first_difference(session: Session, run: AssessmentRun) -> Difference | None:
    """The first thing that differs when the run is computed again, None when every digit is the same."""
    if run.methodology_key not in registry():
        return Difference("methodology", run.methodology_key, None)
    try:
        again = recompute(session, run)
    except MethodologyError as refused:
        return Difference("run", "computed", f"{refused.code}: {refused.message('en')}")
    return next(_differences(session, run, again), None)


def _differences(session: Session, run: AssessmentRun, again: Quantification) -> Iterator[Difference]:
    yield from _row_differences(session, run, again)
    for name in {**run.totals, **again.totals}:
        yield from _pair(f"totals.{name}", run.totals.get(name), again.totals.get(name))
    rounded = rules.whole_tonnes(again.net_t)
    yield from _pair(NET, run.net_t, again.net_t)
    yield from _pair("issuable_t", run.issuable_t, rounded.issuable_t)
    yield from _pair("deficit_t", run.deficit_t, rounded.deficit_t)
    used = {parameter.name: parameter.as_dict() for parameter in again.parameters_used}
    stored = {parameter["name"]: parameter for parameter in run.parameters}
    for name in {**stored, **used}:
        yield from _pair(f"parameter {name}", stored.get(name), used.get(name))
    yield from _pair("gwp_set", run.gwp_set, again.gwp_set)
    yield from _pair("input_digest", run.input_digest, again.input_digest)
    yield from _pair("parameter_digest", run.parameter_digest, again.parameter_digest)
    yield from _pair("code_digest", run.code_digest, again.code_digest)


def _row_differences(session: Session, run: AssessmentRun, again: Quantification) -> Iterator[Difference]:
    steps = [step.name for step in registry()[run.methodology_key].steps]
    figures = plain_rows(again.frame, steps)
    stored = session.execute(run_rows(run)).all()
    for (row, parcel, _, _), figure in zip(stored, figures, strict=True):
        if row.outputs == figure and row.net_t == figure[NET]:
            continue
        for name in {**figure, **row.outputs}:
            yield from _pair(f"parcel {parcel}, {name}", row.outputs.get(name), figure.get(name))
        yield from _pair(f"parcel {parcel}, row {NET}", row.net_t, figure[NET])


def _pair(where: str, stored: Any, recomputed: Any) -> Iterator[Difference]:
    if stored != recomputed:
        yield Difference(where, stored, recomputed)
