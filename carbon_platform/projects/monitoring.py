"""Readings: checked at once by the methodology that will use them, stored only when all of them hold."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.db import serialise
from carbon_platform.errors import InvalidInput
from carbon_platform.identity.rules import Actor
from carbon_platform.identity.service import audit
from carbon_platform.parcels.tables import Parcel
from carbon_platform.projects import rules, service
from carbon_platform.projects.frames import AREA, ParcelInput, input_frame
from carbon_platform.projects.tables import MonitoringRecord, Project, ProjectParcel
from methodologies import contract
from methodologies.errors import InvalidRows, MethodologyError

PARCEL_CODE = "parcel_code"


@dataclass(frozen=True)
class MonitoringReceipt:
    """What an upload did. ``warnings`` are findings a reviewer will be asked about; ``missing`` counts the
    project's parcels that still have no readings of this period."""

    recorded: int
    superseded: int
    missing: int
    warnings: list[dict[str, Any]]


def rows_of_csv(methodology: contract.Methodology, text: str) -> list[dict[str, Any]]:
    """CSV with a head line of ``parcel_code`` and column names, as rows of typed values."""
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))
    if PARCEL_CODE not in (reader.fieldnames or []):
        raise InvalidInput(
            reason=f"CSV 第一行必须是列名，其中要有 {PARCEL_CODE}",
            reason_en=f"the first line of the CSV must name the columns, {PARCEL_CODE} among them",
        )
    rows = []
    for line, cells in enumerate(_cells_of(reader), start=2):
        if None in cells or None in cells.values():
            raise InvalidInput(
                reason=f"CSV 第 {line} 行的列数与第一行不同",
                reason_en=f"line {line} of the CSV has another number of cells than its head",
            )
        values = rules.readings_of(methodology.columns, cells)
        rows.append(values | {PARCEL_CODE: cells[PARCEL_CODE].strip()})
    return rows


def _cells_of(reader: csv.DictReader[str]) -> Iterator[dict[str, str]]:
    try:
        yield from reader
    except csv.Error as error:
        raise InvalidInput(
            reason=f"CSV 第 {reader.line_num} 行读不出来，可能有过长的单元格",
            reason_en=f"line {reader.line_num} of the CSV cannot be read ({error})",
        ) from error


def record_monitoring(
    session: Session,
    actor: Actor,
    code: str,
    *,
    period_start: date,
    period_end: date,
    rows: Sequence[dict[str, Any]],
    now: datetime,
) -> MonitoringReceipt:
    """Store one period's readings of some of the project's parcels; all rows or none.

    A row is ``parcel_code`` and the methodology's columns without ``area_ha``, which the register gives.
    A later record of the same parcel and period supersedes the earlier one, which is kept. Errors:
    ``PeriodReversed``, ``PeriodOutsideCrediting``, ``MonitoringRefused`` (findings per row and field).
    """
    project = service.get_own_project(session, actor, code)
    rules.check_inside_crediting(period_start, period_end, project.crediting_from, project.crediting_to)
    # Two uploads at once would both find the same record in force.
    serialise(session, f"monitoring-{project.id}")
    inputs = _inputs(session, project, rows)
    warnings = check_readings(project, inputs, (period_start, period_end), now=now)
    superseded = _store(session, actor, project, (period_start, period_end), inputs, now=now)
    everything = service.read_inputs(session, project, period_start, period_end)
    receipt = MonitoringReceipt(
        recorded=len(inputs),
        superseded=superseded,
        missing=sum(parcel.values is None for parcel in everything),
        warnings=warnings,
    )
    audit(
        session,
        actor,
        "project.monitoring",
        object_kind="project",
        object_id=project.code,
        now=now,
        detail={
            "period_start": period_start.isoformat(),
            "period_end": period_end.isoformat(),
            "recorded": receipt.recorded,
            "superseded": superseded,
        },
    )
    return receipt


def _inputs(session: Session, project: Project, rows: Sequence[dict[str, Any]]) -> list[ParcelInput]:
    """Rows joined with the register; refused when a row has no parcel of this project, or repeats one."""
    if not rows:
        raise InvalidInput(reason="没有任何数据行", reason_en="there are no rows")
    members = {
        parcel.code: parcel
        for parcel in session.execute(
            sa.select(Parcel.id, Parcel.code, Parcel.county_code, Parcel.area_m2)
            .join(ProjectParcel, ProjectParcel.parcel_id == Parcel.id)
            .where(ProjectParcel.project_id == project.id)
        )
    }
    problems: list[dict[str, Any]] = []
    inputs: list[ParcelInput] = []
    seen: set[str] = set()
    for number, row in enumerate(rows, start=1):
        code = str(row.get(PARCEL_CODE, ""))
        member = members.get(code)
        if member is None:
            problems.append(
                rules.refusal(
                    "projects.parcel_not_in_project",
                    code or f"#{number}",
                    f"第 {number} 行的地块 {code or '（空）'} 不在 {project.code} 中。请先加入，或核对编号。",
                    f"Row {number}: parcel {code or '(empty)'} is not in {project.code}. Attach it first.",
                )
            )
        elif code in seen:
            problems.append(
                rules.refusal(
                    "projects.parcel_twice",
                    code,
                    f"第 {number} 行重复了地块 {code}。每块地在一个监测期只能有一行。",
                    f"Row {number} repeats parcel {code}; a parcel has one row per period.",
                )
            )
        elif AREA in row:
            problems.append(
                rules.refusal(
                    "projects.area_from_register",
                    code,
                    f"第 {number} 行给了 {AREA}。面积以地块登记为准，请删去这一列。",
                    f"Row {number} gives {AREA}. The area comes from the register; leave the column out.",
                )
            )
        else:
            values = rules.clean({name: value for name, value in row.items() if name != PARCEL_CODE})
            inputs.append(ParcelInput(member.id, code, member.county_code, member.area_m2, values))
        seen.add(code)
    if problems:
        raise rules.MonitoringRefused(errors=problems[:100], count=len(problems))
    return inputs


def check_readings(
    project: Project, inputs: Sequence[ParcelInput], period: tuple[date, date], *, now: datetime
) -> list[dict[str, Any]]:
    """Let the methodology itself judge the readings; returns what a reviewer must look at.

    Errors: ``MonitoringRefused`` with row, field, value, unit and range; ``MethodologyRefused``.
    """
    methodology = service.methodology_of(project)
    try:
        result = contract.run(
            methodology, input_frame(methodology, inputs), period=period, as_of=rules.local_date(now)
        )
    except InvalidRows as refused:
        raise rules.MonitoringRefused(errors=refused.errors, count=refused.count) from refused
    except MethodologyError as refused:
        raise rules.MethodologyRefused(zh=refused.message("zh"), en=refused.message("en")) from refused
    return [warning.as_dict() for warning in result.warnings]


def _store(
    session: Session,
    actor: Actor,
    project: Project,
    period: tuple[date, date],
    inputs: Sequence[ParcelInput],
    *,
    now: datetime,
) -> int:
    start, end = period
    in_force = {
        record.parcel_id: record
        for record in session.scalars(
            sa.select(MonitoringRecord).where(
                MonitoringRecord.project_id == project.id,
                MonitoringRecord.period_start == start,
                MonitoringRecord.period_end == end,
                MonitoringRecord.superseded_by.is_(None),
            )
        )
    }
    records = [
        MonitoringRecord(
            project_id=project.id,
            parcel_id=parcel.parcel_id,
            period_start=start,
            period_end=end,
            values=parcel.values or {},
            recorded_by=actor.name,
            recorded_at=now,
        )
        for parcel in inputs
    ]
    session.add_all(records)
    session.flush()
    earlier = [(in_force[new.parcel_id], new) for new in records if new.parcel_id in in_force]
    for old, new in earlier:
        old.superseded_by = new.id
    session.flush()
    return len(earlier)


def demand_complete(inputs: Sequence[ParcelInput], start: date, end: date) -> None:
    """``MonitoringMissing`` names the parcels without readings of the period."""
    missing = [parcel.code for parcel in inputs if parcel.values is None]
    if missing:
        raise rules.MonitoringMissing(
            start=start.isoformat(),
            end=end.isoformat(),
            count=len(missing),
            parcels=rules.name_some(missing),
        )
