"""Calculation sheets (计算书): everything a verifier needs to compute one row of a run again by hand.

A row is what the methodology calls a subject: a parcel, a parcel-year, a stratum. The sheet holds its
readings, every parameter an equation names (also those of branches not taken, for a changed reading may
take them) with source, page and evidence status, and the equations in order, by season or stratum where the
methodology names them so. Page, workbook and paper are three ways to print one :class:`Sheet`.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from itertools import groupby
from typing import Any

import pandas as pd
from sqlalchemy.orm import Session

from carbon_platform.credits import explain, rules
from carbon_platform.credits.assessment import recompute, run_rows
from carbon_platform.credits.tables import AssessmentRun
from carbon_platform.errors import NotFound
from carbon_platform.parcels.tables import Parcel
from carbon_platform.projects.tables import Project
from carbon_platform.regions.service import county_name
from methodologies import registry
from methodologies.contract import Column, ExplainedStep, Methodology, Quantification, explain_row
from methodologies.parameters import ParameterInForce

REST_ZH, REST_EN = "合计与净额", "Totals and net figure"
ALL_ZH, ALL_EN = "全部算式", "All equations"
COMMON_ZH, COMMON_EN = "共同项", "Common terms"
# So many steps called alike make a season or a stratum.
SECTION_MIN = 3
_PERIOD = {
    "period_start_year": ("t1", "监测期开始（十进制年）", "start of the monitoring period, decimal year"),
    "period_end_year": ("t2", "监测期结束（十进制年）", "end of the monitoring period, decimal year"),
    "period_years": ("Δt", "监测期长度", "length of the monitoring period"),
}


@dataclass(frozen=True)
class Entry:
    """A reading, or a term of the monitoring period. ``value``: number, word, truth or day; "" for none.

    ``labels``: a choice in Chinese and English.
    """

    name: str
    symbol: str
    value: float | str | bool | date
    unit: str
    meaning_zh: str
    meaning_en: str
    allowed: str = ""
    choices: tuple[str, ...] = ()
    labels: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    low: float | None = None
    high: float | None = None

    @property
    def label(self) -> tuple[str, str]:
        """The chosen word in Chinese and English, ("", "") where there is none."""
        return self.labels.get(str(self.value), ("", ""))

    @property
    def choices_text(self) -> str:
        """Every choice with what it means, one a line."""
        return "\n".join(" ".join((choice, *self.labels.get(choice, ()))) for choice in self.choices)


@dataclass(frozen=True)
class Prepared:
    """What a measured table (附表) gave for this row: plots of a stratum, a season's water log."""

    name: str
    title_zh: str
    title_en: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Section:
    """Equations that belong together: a season, a stratum, or the rest."""

    title_zh: str
    title_en: str
    steps: tuple[ExplainedStep, ...]


@dataclass(frozen=True)
class Sheet:
    """One row of a run, complete. ``facts``: what stands in the head, (Chinese, English, value)."""

    label: str
    title_zh: str
    title_en: str
    facts: tuple[tuple[str, str, str], ...]
    digests: tuple[tuple[str, str], ...]
    methodology: Methodology
    period: tuple[Entry, ...]
    inputs: tuple[Entry, ...]
    prepared: tuple[Prepared, ...]
    parameters: tuple[ParameterInForce, ...]
    sections: tuple[Section, ...]
    state: str
    is_demo: bool

    @property
    def steps(self) -> tuple[ExplainedStep, ...]:
        """Every equation in the order of computation."""
        return tuple(step for section in self.sections for step in section.steps)

    @property
    def net(self) -> ExplainedStep:
        return self.steps[-1]


def sheet_of(
    methodology: Methodology,
    quantification: Quantification,
    label: Hashable,
    *,
    title: tuple[str, str],
    facts: tuple[tuple[str, str, str], ...] = (),
    digests: tuple[tuple[str, str], ...] = (),
    state: str = "",
    is_demo: bool = False,
) -> Sheet:
    """The sheet of one row of a result, wherever the result came from.

    Errors: KeyError for a label that is not there; ``ExplanationMismatch`` when an equation does not give the
    figure it stands beside.
    """
    steps = explain_row(methodology, quantification, label)
    row = quantification.frame.loc[label]
    table = methodology.parameters.at(quantification.as_of).table
    wanted = dict.fromkeys(name for step in methodology.steps for name in step.uses)
    period = quantification.period.terms()
    return Sheet(
        label=str(label),
        title_zh=title[0],
        title_en=title[1],
        facts=facts,
        digests=digests or _digests(quantification),
        methodology=methodology,
        period=tuple(
            Entry(name, _PERIOD[name][0], value, "yr", *_PERIOD[name][1:])
            for name, value in period.items()
            if name in wanted
        ),
        inputs=tuple(_entry(column, row[column.name]) for column in methodology.columns),
        prepared=tuple(_prepared(methodology, quantification, label)),
        parameters=tuple(table[name] for name in wanted if name in table),
        sections=_sections(steps),
        state=state,
        is_demo=is_demo,
    )


def _digests(quantification: Quantification) -> tuple[tuple[str, str], ...]:
    return (
        ("methodology", quantification.key),
        ("input", quantification.input_digest),
        ("parameters", quantification.parameter_digest),
        ("code", quantification.code_digest),
        ("gwp_set", quantification.gwp_set),
        ("as_of", quantification.as_of.isoformat()),
    )


def _entry(column: Column, cell: Any) -> Entry:
    return Entry(
        name=column.name,
        symbol=column.symbol or column.name,
        value=_plain(cell),
        unit=column.unit,
        meaning_zh=column.meaning_zh,
        meaning_en=column.meaning_en,
        allowed=column.allowed,
        choices=column.choices,
        labels=column.labels,
        low=column.low,
        high=column.high,
    )


def _prepared(
    methodology: Methodology, quantification: Quantification, label: Hashable
) -> Iterator[Prepared]:
    """The line of each measured table that belongs to the row, where one was given."""
    for preparation in methodology.preparations:
        table = quantification.prepared.get(preparation.name)
        key = quantification.frame.loc[label, preparation.key] if preparation.key else label
        if table is not None and str(key) in table.index:
            line = table.loc[str(key)]
            entries = tuple(_entry(column, line[column.name]) for column in preparation.outputs)
            yield Prepared(preparation.name, preparation.title_zh, preparation.title_en, entries)


def _plain(cell: Any) -> Any:
    if cell is None or cell is pd.NaT or (isinstance(cell, float) and math.isnan(cell)):
        return ""
    if hasattr(cell, "date"):
        return cell.date()
    return cell.item() if hasattr(cell, "item") else cell


def _sections(steps: list[ExplainedStep]) -> tuple[Section, ...]:
    """Steps of one season or stratum together: named alike, ``main_sf_w``, ``main_sf_p`` …, and called alike,
    「头季：水分系数」. What stands alone belongs to the rest."""
    called: dict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
    for step in steps:
        zh, colon, _ = step.meaning_zh.partition("：")
        if colon:
            called[_first_word(step)][zh, step.meaning_en.partition(":")[0]] += 1
    titles = {
        word: names.most_common(1)[0][0] for word, names in called.items() if names.total() >= SECTION_MIN
    }
    grouped = [
        (title, tuple(part)) for title, part in groupby(steps, lambda step: titles.get(_first_word(step)))
    ]
    # What belongs to no season leads to the net figure at the end, and is common to all before.
    if len(grouped) == 1:
        return (Section(ALL_ZH, ALL_EN, tuple(steps)),)
    rest = [(COMMON_ZH, COMMON_EN)] * (len(grouped) - 1) + [(REST_ZH, REST_EN)]
    named = [(title or other, part) for (title, part), other in zip(grouped, rest, strict=True)]
    return tuple(Section(zh, en[:1].upper() + en[1:], part) for (zh, en), part in named)


def _first_word(step: ExplainedStep) -> str:
    return step.name.partition("_")[0]


def run_sheet(session: Session, run: AssessmentRun, parcel_code: str) -> Sheet:
    """The sheet of one parcel of a stored run, computed again from the stored input before it is printed.

    Errors: ``NotFound``; ``ReplayDiffers`` when the figure on record does not come out again.
    """
    found = session.execute(run_rows(run).where(Parcel.code == parcel_code)).one_or_none()
    if found is None:
        raise NotFound(what=f"核算 {run.code} 的地块", key=parcel_code)
    row, _, county_code, _ = found
    again = recompute(session, run, parcel=parcel_code)
    if again.net_t != row.net_t:
        raise explain.ReplayDiffers(parcel=parcel_code, run=run.code)
    methodology = registry()[run.methodology_key]
    project = session.get_one(Project, run.project_id)
    period = rules.period_words(run.period_start, run.period_end)
    state_zh = rules.STATUS_ZH.get(run.status, run.status)
    return sheet_of(
        methodology,
        again,
        parcel_code,
        title=(f"计算书 {run.code} · 地块 {parcel_code}", f"Calculation sheet {run.code} · {parcel_code}"),
        facts=(
            ("项目", "Project", f"{project.code} {project.name_zh}"),
            ("方法学", "Methodology", f"{methodology.title_zh} v{methodology.version} ({methodology.key})"),
            ("监测期", "Period", period),
            ("县区", "County", f"{county_name(county_code)} {county_code}"),
            ("核算人", "Computed by", f"{run.created_by}, {run.created_at.date().isoformat()}"),
            ("状态", "State", f"{state_zh} {run.status}"),
        ),
        digests=explain.digests_of(run),
        state=run.status,
        is_demo=explain.adopted_for_show(session, run),
    )
