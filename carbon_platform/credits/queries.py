"""What pages and the API show of batches and certificates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from carbon_platform.credits.allocation import serial
from carbon_platform.credits.tables import (
    AssessmentRun,
    BatchShare,
    CreditBatch,
    Retirement,
    RetirementLine,
)
from carbon_platform.identity.rules import Actor
from carbon_platform.projects.tables import Project
from carbon_platform.regions.service import county_name
from methodologies import registry


def batch_views(session: Session, ids: Sequence[int]) -> list[dict[str, Any]]:
    """Batches with project, methodology, retired kilograms and parcel count, in the order given."""
    retired = dict(
        session.execute(
            sa.select(RetirementLine.batch_id, sa.func.sum(RetirementLine.quantity_kg))
            .where(RetirementLine.batch_id.in_(ids))
            .group_by(RetirementLine.batch_id)
        ).all()
    )
    parcels = dict(
        session.execute(
            sa.select(BatchShare.batch_id, sa.func.count())
            .where(BatchShare.batch_id.in_(ids))
            .group_by(BatchShare.batch_id)
        ).all()
    )
    rows = session.execute(
        sa.select(CreditBatch, Project, AssessmentRun.code)
        .join(Project, Project.id == CreditBatch.project_id)
        .join(AssessmentRun, AssessmentRun.id == CreditBatch.run_id)
        .where(CreditBatch.id.in_(ids))
    ).all()
    views = {
        batch.id: {
            "code": batch.code,
            "project_code": project.code,
            "project_name": project.name_zh,
            "methodology_key": project.methodology_key,
            "methodology_name": registry()[project.methodology_key].title_zh,
            "run_code": run_code,
            "county_code": batch.county_code,
            "county_name": county_name(batch.county_code),
            "vintage": batch.vintage,
            "quantity_kg": batch.quantity_kg,
            "retired_kg": int(retired.get(batch.id, 0)),
            "serial": serial(batch.code, 1, batch.quantity_kg),
            "parcel_count": parcels.get(batch.id, 0),
            "is_demo": batch.is_demo,
            "issued_at": batch.issued_at,
            "issued_by": batch.issued_by,
        }
        for batch, project, run_code in rows
    }
    return [views[batch_id] for batch_id in ids]


def batch_ids(*, county_code: str = "", project_code: str = "") -> sa.Select[Any]:
    """Select of batch ids, newest first."""
    statement = sa.select(CreditBatch.id).order_by(CreditBatch.id.desc())
    if county_code:
        statement = statement.where(CreditBatch.county_code == county_code)
    if project_code:
        statement = statement.join(Project, Project.id == CreditBatch.project_id).where(
            Project.code == project_code
        )
    return statement


def retirements_of(batch: CreditBatch) -> sa.Select[Any]:
    """Select of the certificates that took kilograms of a batch, newest first."""
    return (
        sa.select(Retirement)
        .join(RetirementLine, RetirementLine.retirement_id == Retirement.id)
        .where(RetirementLine.batch_id == batch.id)
        .order_by(Retirement.id.desc())
    )


def retirement_list(actor: Actor) -> sa.Select[Any]:
    """Select of the caller's organisation's retirements, newest first; an auditor sees all."""
    statement = sa.select(Retirement).order_by(Retirement.id.desc())
    if actor.may("audit.read"):
        return statement
    return statement.where(Retirement.organisation_id == actor.organisation_id)
